# SPDX-License-Identifier: MIT
#
# What tests/static/ackload.c has acknowledged, and whether an image holds it.
#
# A worker does one operation after the other, so its files hold the state after operation k, the last one acknowledged; or that after k + 1,
# which was done but not yet acknowledged; or, where an operation is more than one step, something between the two. Bytes of a file whose
# operation was under way are that operation's, or zero, or as before: never another worker's.
package Acked;

use strict;
use warnings;
use Exporter 'import';
use Faultline;
use File::Path qw(make_path remove_tree);

our @EXPORT = qw(acknowledged acked_workers acked_words acked_check);

my ($RECORDS, $SLOTS, $SLOT_SIZE, $LIVE, $MAX_TEXT) = (512, 128, 512, 100, 24000); # as in ackload.c
my %letter = (
	append => 'a', replace => 'r', msync => 'm', mapsync => 's', osync => 'o', names => 'n', cut => 'c', orphans => 'u',
);

# The last acknowledged operations in a console's output, on top of those in %$before. A line that was cut off counts for nothing.
sub acknowledged
{
	my ($console, $before) = @_;
	my %last = %{ $before // {} };

	while ($console =~ /^ack (\w+) (\d+)\r?\n/mg) {
		$last{$1} = $2 if exists $letter{$1} && $2 > ($last{$1} // 0);
	}
	return \%last;
}

# The names of ackload's workers, and what it is told for some of them to go on from there.
sub acked_workers
{
	return sort keys %letter;
}

sub acked_words
{
	my ($last, @workers) = @_;

	return join ' ', map { "$_=" . ($last->{$_} // 0) } @workers;
}

sub length_of
{
	my ($k, $max) = @_;

	return 1 + (($k * 2654435761 & 0xffffffff) >> 7) % $max;
}

sub text
{
	my ($worker, $k, $size) = @_;

	return substr sprintf('%s%07d ', $letter{$worker}, $k) x (1 + int($size / 9)), 0, $size;
}

# What is wrong with $got, which should be $want; '' if nothing is.
sub differs
{
	my ($what, $got, $want) = @_;

	return '' if $got eq $want;
	my $mask = substr($got, 0, length $want) ^ substr($want, 0, length $got);
	my $at = $mask =~ /[^\0]/ ? $-[0] : length $mask;
	return sprintf '%s: %d bytes instead of %d, from byte %d on "%s" instead of "%s"', $what, length $got, length $want, $at,
		(substr($got, $at, 20) =~ s/\0/./gr), substr($want, $at, 20) =~ s/\0/./gr;
}

# What is wrong with $got where each byte should be that of $text, or zero.
sub mixed
{
	my ($what, $got, $text) = @_;
	my $good = $got ^ substr($text . "\0" x length $got, 0, length $got);

	(my $zero = $got) =~ tr/\0\1-\xff/\1\0/;
	$good =~ tr/\0\1-\xff/\1\0/;
	$good |= $zero;
	return "$what: longer than it ever was" if length $got > length $text;
	return '' unless $good =~ /\0/;
	return sprintf '%s: at byte %d there is "%s", which is neither zero nor "%s"', $what, $-[0],
		substr($got, $-[0], 20), substr $text, $-[0], 20;
}

# Good if one of the reasons against it is empty; otherwise the first reason.
sub any
{
	my @reasons = @_;

	return (grep { $_ eq '' } @reasons) ? () : $reasons[0];
}

# --- what each worker's file holds after operation k ---

sub appended
{
	my ($k) = @_;
	my $first = $k - $k % $RECORDS || 1;

	return join '', map { text('append', $_, length_of($_, 3000)) } $first .. $k;
}

sub slots
{
	my ($worker, $k) = @_;
	my $content = "\0" x ($SLOTS * 4096);

	for my $j ($k - $k % $SLOTS || 1 .. $k) {
		substr($content, $j * 37 % $SLOTS * 4096 + $j % 8 * $SLOT_SIZE, $SLOT_SIZE) = text($worker, $j, $SLOT_SIZE);
	}
	return $content;
}

sub after_cut
{
	my ($k) = @_;
	my $size = length_of($k + 1000, $MAX_TEXT);

	return substr text('cut', $k, length_of($k, $MAX_TEXT)) . "\0" x $size, 0, $size;
}

# --- each worker's files, k operations acknowledged: what is wrong ---

sub check_append
{
	my ($dir, $k) = @_;
	my ($got, $before, $next) = (slurp("$dir/append"), appended($k), text('append', $k + 1, length_of($k + 1, 3000)));
	my $kept = substr $got, 0, length $before;
	my $wrong = differs('append', $kept, $before);

	return any($wrong, mixed('append', $got, $next)) if ($k + 1) % $RECORDS == 0 && $got ne $before;
	return $wrong || any(mixed('append, behind what was acknowledged', substr($got, length $before), $next));
}

sub check_replace
{
	my ($dir, $k) = @_;
	my $got = slurp("$dir/replace/current");

	return any(map { differs('replace', $got, text('replace', $_, length_of($_, 20000))) } $k, $k + 1);
}

sub check_slots
{
	my ($dir, $k, $worker) = @_;
	my ($got, $before, $next) = (slurp("$dir/$worker"), slots($worker, $k), slots($worker, $k + 1));
	my $at = ($k + 1) * 37 % $SLOTS * 4096;

	return any(differs($worker, $got, $before), mixed($worker, $got, $next)) if ($k + 1) % $SLOTS == 0;
	# Only the page of the next operation may be on its way.
	return differs($worker, $got, $before) if length $got != length $before;
	my $wrong = mixed("$worker, next page", substr($got, $at, 4096), substr $next, $at, 4096);
	substr($_, $at, 4096) = '' for $got, $before;
	return $wrong || differs($worker, $got, $before) || ();
}

sub names_of
{
	my ($j) = @_;
	my $tail = sprintf '%07d-%s', $j, 'x' x ($j % 64);

	return $j < 1 ? () : ("f$tail", $j % 8 == 2 ? "p$tail" : (), $j % 4 ? () : "l$tail", $j % 8 ? () : "d$tail");
}

# The extended attribute of operation $j's file; '' if it has none.
sub attribute
{
	my ($j) = @_;

	return $j < 1 || $j % 4 != 1 ? '' : text('names', $j, $j % 8 == 1 ? 30 : 900);
}

# What rdump leaves out, FIFOs and attributes: debugfs's answers to a list of questions.
sub ask_names
{
	my ($image, $tree, $k) = @_;
	my @files = map { (names_of($_))[0] } grep { attribute($_) } $k + 1 - $LIVE .. $k + 1;

	spew(work('asked'), join "\n", "ls -p $tree/names", map({ "ea_get $tree/names/$_ user.text" } @files), '');
	return (run_command('debugfs', '-f', work('asked'), $image))[1];
}

sub check_names
{
	my ($dir, $k, $worker, $image, $tree) = @_;
	my $said = ask_names($image, $tree, $k);
	# Inode 0: the room of a name that is gone.
	my %there = map { $_ => 1 } grep { !/^\.\.?$/ } $said =~ m{^/[1-9]\d*/\d+/\d+/\d+/([^/]+)/}mg;
	my %attribute = $said =~ m{^debugfs: *ea_get \S+/(\S+) user\.text\nuser\.text \(\d+\) = "(.*)"$}mg;
	my %moving = map { $_ => 1 } map { names_of($_) } $k + 1, $k + 1 - $LIVE;
	my @wrong;

	for my $j ($k + 1 - $LIVE .. $k + 1) {
		my $text = text('names', $j, length_of($j, 5000));

		for my $name (names_of($j)) {
			my $is_there = delete $there{$name};
			my $got = slurp("$dir/names/$name");

			push @wrong, "names: $name is lost" if !$is_there && !$moving{$name};
			next if !$is_there || $name =~ /^[dp]/;
			push @wrong, $moving{$name} ? mixed($name, $got, $text) : differs($name, $got, $text);
			push @wrong, differs("$name, attribute", $attribute{$name} // '', attribute($j)) if $name =~ /^f/ && !$moving{$name};
		}
	}
	push @wrong, map { "names: $_ should be gone" } keys %there;
	return grep { $_ } @wrong;
}

sub check_cut
{
	my ($dir, $k) = @_;
	my $got = slurp("$dir/cut");

	return any(differs('cut', $got, after_cut($k)),
		mixed('cut', $got, text('cut', $k + 1, length_of($k + 1, $MAX_TEXT)) . "\0" x $MAX_TEXT));
}

sub check_orphans
{
	my ($dir, $k) = @_;

	return any(mixed('orphans', slurp("$dir/orphans/orphan"), text('orphans', $k + 1, $MAX_TEXT)));
}

my %check = (
	append => \&check_append, replace => \&check_replace, msync => \&check_slots, mapsync => \&check_slots, osync => \&check_slots,
	names => \&check_names, cut => \&check_cut, orphans => \&check_orphans,
);

# What an image lacks of what was acknowledged, or has besides: a list of sentences, empty if all is well. $tree is ackload's directory on it.
sub acked_check
{
	my ($image, $tree, $last) = @_;
	my $out = work('acked');

	remove_tree($out);
	make_path($out);
	my ($status, $said) = run_command('debugfs', '-R', "rdump $tree $out", $image);
	my $dir = "$out/" . ($tree =~ s{.*/}{}r);
	return map { $check{$_}->($dir, $last->{$_}, $_, $image, $tree) } sort keys %$last;
}

1;
