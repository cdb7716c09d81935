#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The power is cut under load, at random instants, again and again on the same image. Each time a copy is recovered by e2fsck, one by Linux,
# and the image itself by our next mount: nothing that was acknowledged may be lost, and e2fsck finds nothing to repair. Linux boots once for many
# copies.
#
# The load is tests/static/ackload.c, eight processes that say what is durable, beside busy, which moves and shifts. Some cuts come early, while
# the kernel starts or recovers, and often there is one process alone, so that nobody else's commit helps it. QEMU is killed for it, which loses no store, flushed or not, for the image is the host's page cache:
# so this is about orders between transactions and about recovery; missing flushes are the business of crash.t.
#
# POWER_CUTS says how many (30; "make test-long": 500), POWER_SEED repeats the choices of a run, though instants are the host's, and
# POWER_WORKER makes it that one of ackload's processes each time.
use strict;
use warnings;
use lib 'tests/lib';
use Acked;
use Faultline;
use Linux;
use Test::More;
use Time::HiRes qw(sleep);

my $cuts = $ENV{POWER_CUTS} || 30;
my $seed = $ENV{POWER_SEED} // int rand 1 << 30;
srand $seed;
note "POWER_SEED=$seed";

my $batch = 15; # copies that one Linux recovers; its machine has slots for 29
my $tree = '/acked';
my @kernels = grep { -e } 'build/debug/faultline.elf', 'build/release/faultline.elf';

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/static/ackload', 'build/static/synccopy', "$root/bin");
spew("$root/load", "busy >/tmp/busy &\nexec ackload $tree \$@\n");
my @workers = acked_workers();

# Waits until what the machine has said matches.
sub says
{
	my ($machine, $pattern) = @_;

	for (1 .. 600) {
		return 1 if slurp($machine->{log}) =~ $pattern;
		sleep 0.05;
	}
	return 0;
}

sub sound
{
	my ($image, $last, $who) = @_;

	my $clean = fsck_clean($image, "recovered by $who: e2fsck -fn finds nothing");
	my @lost = acked_check($image, $tree, $last);
	return is(join("\n", @lost), '', "recovered by $who: all that was acknowledged is there") && $clean;
}

sub copied
{
	my ($image, $name) = @_;
	my $copy = work($name);

	run_command('cp', '--sparse=always', $image, $copy);
	return $copy;
}

# What e2fsck asks about after a recovery. Counts in the superblock are no part of the journal, and trees may be higher than they need be.
sub repairs
{
	my ($said) = @_;

	return grep { /\?/ && !/^Fix\? yes|Optimize\? yes$/ } split /\n/, $said;
}

my $by_linux = 0;

# One boot of Linux recovers what several cuts have left: a list of { n, image, last }.
sub recovered_by_linux
{
	my @cuts = @_;
	my $script = join ' && ', map { "mounted $_ && umount /mnt/$_" } 0 .. $#cuts;
	my $l = linux("$script\n", [map { $_->{image} } @cuts]);

	return subtest "Linux recovers cuts $cuts[0]{n} to $cuts[-1]{n}" => sub {
		is($l->{status}, 0, 'it mounts each') or diag tail($l->{out});
		unlike($l->{out}, qr/error|warning/i, 'and has nothing to say') or diag tail($l->{out});
		for my $cut (@cuts) {
			sound($cut->{image}, $cut->{last}, "Linux, cut $cut->{n}") or next;
			unlink $cut->{image};
			$by_linux++;
		}
	};
}

my $image = new_image('power.img', size => '64M', root => $root);
my $last = {};
my ($recovered, $early, $acks) = (0, 0, 0);
my @for_linux;

for my $n (1 .. $cuts) {
	my $is_early = rand() < 1 / 6;
	my $instant = rand($is_early ? 0.5 : 1.5);
	my $kernel = $kernels[rand @kernels];
	my $alone = $ENV{POWER_WORKER} // (rand() < 0.5 ? $workers[rand @workers] : undef);
	my $when = sprintf '%.3f s after %s', $instant, $is_early ? 'power on' : 'the first acknowledgment';

	subtest "cut $n, $when, " . ($alone // 'all at work') => sub {
		my $g = guest_start(work('console'), image => $image, kernel => $kernel, append => defined $alone
			? "-- ackload $tree " . acked_words($last, $alone) : '-- /bin/busybox ash /load ' . acked_words($last, @workers));

		ok($is_early || says($g, qr/^ack \w+ \d+\r?\n/m), 'the load runs');
		sleep $instant;
		my $said = power_cut($g);
		$last = acknowledged($said, $last);
		unlike($said, $Faultline::alarming, 'nothing alarming before the cut') or diag tail($said);
		$early += $is_early;
		$acks += () = $said =~ /^ack /mg;

		my $cut = copied($image, 'cut.img'); # as it was found, for whoever wants to know
		my $copy = copied($cut, 'copy.img');
		my ($status, $out) = run_command('e2fsck', '-fy', $copy);
		ok($status < 4, 'e2fsck recovers a copy') or diag tail($out);
		is(join("\n", repairs($out)), '', 'and has nothing to repair') or diag tail($out);
		sound($copy, $last, 'e2fsck');

		push @for_linux, { n => $n, image => copied($cut, "linux-$n.img"), last => $last } if !linux_missing();

		my $next = guest(image => $image, kernel => $kernel, append => '-- true');
		is($next->{status}, 0, 'the next boot goes well') or diag tail($next->{out});
		unlike($next->{out}, $Faultline::alarming, 'calmly');
		$recovered++ if $next->{out} =~ /journal recovered/;
		sound($image, $last, 'us');
	} or last;
	next if !@for_linux || (@for_linux < $batch && $n < $cuts);
	recovered_by_linux(splice @for_linux) or last;
}
note "$cuts cuts, $early of them early; $recovered journals recovered; $acks operations acknowledged";
cmp_ok($recovered, '>=', $cuts - $early, 'there were journals to recover');
cmp_ok($acks, '>=', $cuts - $early, 'and much was acknowledged');
SKIP: {
	skip 'no Linux to boot: ' . linux_missing(), 1 if linux_missing();
	is($by_linux, $cuts, 'Linux has recovered what each cut has left');
}

# O_DSYNC holds for every call that writes to the file.
for my $call ('sendfile', 'copy_file_range') {
	my $copied = new_image('copied.img', size => '64M', root => $root);
	my $g = guest_start(work('console'), image => $copied, kernel => $kernels[0], append => "-- synccopy $call");

	ok(says($g, qr/^copied by $call/m), "$call into a file with O_DSYNC");
	power_cut($g);
	fsck_repair($copied, "$call: e2fsck recovers");
	is(debugfs_cat($copied, '/copied'), 's' x 5000, "$call: the copy is there");
}

# Without a journal.
my $plain = new_image('plain.img', options => ['-O', '^has_journal']);
my $g = guest_start(work('plain.log'), image => $plain, kernel => $kernels[0], append => '-- busy');
ok(says($g, qr/^busy: /m), 'no journal: the load runs');
power_cut($g);
my $next = guest(image => $plain, kernel => $kernels[0], append => '-- true');
isnt($next->{status}, 0, 'no journal: the next boot fails');
like($next->{out}, qr/not clean/, 'no journal: because the image is not clean');
fsck_repair($plain, 'no journal: e2fsck -fy repairs it');
is(guest(image => $plain, kernel => $kernels[0], append => '-- true')->{status}, 0, 'no journal: it mounts again');
fsck_clean($plain, 'no journal: and is clean after that');
done_testing();
