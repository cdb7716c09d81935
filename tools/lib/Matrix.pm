# SPDX-License-Identifier: MIT
#
# What tools/matrix knows about the explorer's reports, the mutants and the tables; without side effects, so
# that tests/matrix.t can try it.
#
# A cell is a hash: race, scheme, scenario, interleavings, violations, cut (the bound that ended it early; '': none),
# oracle (''; none was violated), text (the violation in words), replay (its schedule's string), and after
# the guest's turn guest, guest_detail.
package Matrix;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(
	@SCHEMES parse_report parse_guest cell_line parse_cells hosted_only request judge_guest parse_mutant
	mutants_of thousands table replays requirements replace_section
);

our @SCHEMES = qw(none imap rwsem range entry);
# What has to survive every race, and what has to be found: the rest is reported as it is.
my @safe = qw(range entry);
my ($known_race, $known_scheme) = qw(truncate-reuse none);

# One report of `explore RACE SCHEME`, not quiet: the cell, or nothing if it holds none.
sub parse_report
{
	my ($text) = @_;
	my %c = (oracle => '', text => '', replay => '', cut => '');

	$text =~ m{^race +scheme +interleavings +violations +verdict *\n(.+?)\s*$}ms or return;
	$1 =~ m{^(.+?) {2,}(\S+) +(\d+) +(\d+)  (.*)$} or return;
	@c{qw(race scheme interleavings violations)} = ($1, $2, $3, $4);
	my $verdict = $5;
	$c{oracle} = $1 if $verdict =~ /^VIOLATED: ([\w-]+)/;
	$c{cut} = $1 if $verdict =~ /\(not exhaustive: ([^;)]+)/;
	$c{text} = $1 if $text =~ /^  => (\Q$c{oracle}\E: .*)$/m && $c{oracle};
	$c{replay} = $1 if $text =~ /^  replay=(\S.*)$/m;
	$c{text} ||= $1 if $c{oracle} && $text =~ /^  => (\Q$c{oracle}\E\b.*)$/m;
	return \%c;
}

# What the guest said to each request of a file of requests: request => { status, report }. One that
# was cut off is not there.
sub parse_guest
{
	my ($text) = @_;
	my %answer;

	$answer{$1} = {status => $3, report => $2}
		while $text =~ /^explore: run (.*)\n((?:(?!explore: run )(?!explore: exit ).*\n)*)explore: exit (\d+)$/mg;
	return %answer;
}

my @columns = qw(race scheme interleavings violations exhaustive cut oracle guest guest_detail replay text);

# A cell as a line of matrix-full.tsv; without a cell, the header.
sub cell_line
{
	my ($c) = @_;

	return join("\t", @columns) . "\n" unless $c;
	return join("\t", map { $_ eq 'exhaustive' ? ($c->{cut} ? 'no' : 'yes') : $c->{$_} // '' } @columns) . "\n";
}

# The lines of matrix-full.tsv as cells.
sub parse_cells
{
	my ($header, @lines) = split /\n/, $_[0];
	my @names = split /\t/, $header;

	return map { my %c; @c{@names} = split /\t/, $_, -1; \%c } @lines;
}

# Why the kernel cannot show this cell, whatever it is asked; '': it can, or may. The simulated machine alone has a power that fails, caches that
# lose stores, and scheduling points between single accesses.
sub hosted_only
{
	my ($c) = @_;

	return 'power failure' if ($c->{scenario} // '') =~ /[;:|] *crash *(?:\||$)/;
	return '' unless $c->{oracle};
	return 'accesses' if $c->{replay} =~ m{/access:\w*$};
	return 'durability' if $c->{oracle} eq 'durability';
	return '';
}

# Does it take a look into a TLB to see the violation? That the kernel cannot, so its own explorer has to look for another way to show it.
sub in_tlb
{
	my ($c) = @_;

	return $c->{text} =~ /'s TLB maps/;
}

# What the guest is asked about a cell; '': nothing, it could not tell. $max: interleavings of a clean cell.
sub request
{
	my ($c, $max) = @_;

	return '' if hosted_only($c);
	return "$c->{race} $c->{scheme} max=$max strict quiet" unless $c->{oracle};
	return in_tlb($c) ? "$c->{race} $c->{scheme} first max=600 strict quiet" : "replay=$c->{replay}";
}

# What the guest's answer says about a cell: sets guest to yes (same verdict), NO, or hosted-only.
sub judge_guest
{
	my ($c, $answer) = @_;
	my $report = $answer ? $answer->{report} : '';
	my $there = parse_report($report);

	if (my $why = hosted_only($c)) {
		@$c{qw(guest guest_detail)} = ('hosted-only', $why);
	} elsif (!$answer) {
		@$c{qw(guest guest_detail)} = ('NO', 'no answer');
	} elsif ($c->{oracle} && in_tlb($c)) {
		my $found = $there ? $there->{oracle} : 'no table';
		@$c{qw(guest guest_detail)} = $found ? ($found eq $c->{oracle} ? 'yes' : 'NO', $found) : ('hosted-only', 'TLB');
	} elsif ($c->{oracle}) {
		my ($oracle) = $report =~ /^  => ([\w-]+)(?::| by )/m;
		my $found = $oracle // ($answer->{status} > 1 ? 'not replayed' : 'nothing');
		@$c{qw(guest guest_detail)} = ($found eq $c->{oracle} ? 'yes' : 'NO', $found);
	} else {
		my $clean = $answer->{status} == 0 && $there && !$there->{violations};
		@$c{qw(guest guest_detail)} = ($clean ? 'yes' : 'NO',
			!$there ? 'no table' : ($clean ? '' : "$there->{oracle} in ") . "$there->{interleavings} schedules");
	}
	return $c->{guest};
}

# The head of a mutant's patch.
sub parse_mutant
{
	my ($text) = @_;
	my ($head) = split /^--- /m, $text;

	return map { /^([\w-]+): (.*)$/ ? ($1 => $2) : () } split /\n/, $head;
}

# race => the names of the mutants that it notices, by the Race: lines of their patches.
sub mutants_of
{
	my (%head_by_name) = @_;
	my %of;

	for my $name (sort keys %head_by_name) {
		push @{ $of{$_} }, $name for split /[ ,]+/, $head_by_name{$name}{Race} // '';
	}
	return %of;
}

sub thousands
{
	my ($n) = @_;

	1 while $n =~ s/^(\d+)(\d{3})/$1 $2/;
	return $n;
}

sub cell_text
{
	my ($c) = @_;

	return '-' unless $c;
	my $n = thousands($c->{interleavings}) . ($c->{cut} ? ' ~' : '');
	my $mark = ($c->{guest} // '') eq 'hosted-only' ? ' †' : '';
	return $c->{oracle} ? "**$c->{oracle}**$mark " . thousands($c->{violations}) . " of $n" : "$n$mark";
}

# The table of races and schemes, and below it what its signs mean, as the README shows it.
sub table
{
	my ($cells, %mutants) = @_;
	my (%by, @races);
	my ($total, $violated, $confirmed, $cut, $hosted) = (0, 0, 0, 0, 0);

	for my $c (@$cells) {
		push @races, $c->{race} unless $by{$c->{race}};
		$by{$c->{race}}{$c->{scheme}} = $c;
		$total += $c->{interleavings};
		$violated++ if $c->{oracle};
		$confirmed++ if $c->{guest} eq 'yes';
		$cut++ if $c->{cut};
		$hosted++ if $c->{guest} eq 'hosted-only';
	}
	my $out = '| race |' . join('', map { " `$_` |" } @SCHEMES) . " shown to bite by |\n" . '|---' x (@SCHEMES + 2) . "|\n";
	for my $race (@races) {
		my $clean = !grep { $_->{oracle} } values %{ $by{$race} };
		$out .= "| `$race` |" . join('', map { ' ' . cell_text($by{$race}{$_}) . ' |' } @SCHEMES) . ' ' .
			($clean ? join(', ', map { "`$_`" } @{ $mutants{$race} // ['-'] }) : '') . " |\n";
	}
	$out .= sprintf "\n%d cells, %s interleavings; %d cells violated. The guest's verdict is the same in %d cells%s.%s\n",
		scalar @$cells, thousands($total), $violated, $confirmed,
		$hosted ? "; $hosted (†) need the simulated machine" : '',
		$cut ? " $cut cells (~) were cut short." : '';
	return $out;
}

# The counterexamples, as commands.
sub replays
{
	my ($cells) = @_;

	return join '', map { "    explore replay=$_->{replay}\n" } grep { $_->{oracle} } @$cells;
}

# What must hold, whatever else was found: the sentences that do not.
sub requirements
{
	my ($cells, %mutants) = @_;
	my (@bad, %clean);

	for my $c (@$cells) {
		my $cell = "$c->{race} under $c->{scheme}";

		push @bad, "$cell: violated ($c->{oracle})" if $c->{oracle} && grep { $_ eq $c->{scheme} } @safe;
		push @bad, "$cell: no violation found" if !$c->{oracle} && $c->{race} eq $known_race && $c->{scheme} eq $known_scheme;
		# A counterexample decides a cell; that there is none takes every interleaving.
		push @bad, "$cell: not every interleaving was run ($c->{cut})" if $c->{cut} && !$c->{oracle};
		push @bad, "$cell: the guest does not agree ($c->{guest_detail})" if ($c->{guest} // '') eq 'NO';
		$clean{$c->{race}} //= 1;
		$clean{$c->{race}} = 0 if $c->{oracle};
	}
	push @bad, map { "$_: no scheme violates it, and no mutant shows that it bites" }
		grep { $clean{$_} && !$mutants{$_} } sort keys %clean;
	return @bad;
}

# Text with what stands between the lines "<!-- NAME: …-->" and "<!-- end of NAME -->" replaced; nothing if they are not there once.
sub replace_section
{
	my ($text, $name, $new) = @_;
	my $n = $text =~ s/^(<!-- \Q$name\E:[^\n]*-->\n).*?^(<!-- end of \Q$name\E -->)$/$1$new$2/msg;

	return $n == 1 ? $text : undef;
}

1;
