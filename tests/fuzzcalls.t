#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Random system calls from a grammar (tests/fuzz): the machine stays up, no call hangs, nothing of the kernel is written to user memory,
# memory comes back, and the file system is whole. A million calls of the release kernel; fewer of the debug kernel, which fills what it frees
# and its stacks with patterns that the program looks for, and checks the order of locks.
#
# FUZZ_CALLS: so many of the release kernel, a tenth of it of the debug kernel. FUZZ_SECONDS: by time instead ("make test-long"). FUZZ_SEED.
# FUZZ_BUILDS: which kernels. A failure says how to run its worker alone.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $calls = $ENV{FUZZ_CALLS} // 1_000_000;
my $seconds = $ENV{FUZZ_SECONDS};
my $seed = $ENV{FUZZ_SEED} // 1;

# The grammar has every call that there is.
my ($status, $out) = run_command('build/linux/fuzzcalls', '-l');
is($status, 0, 'the grammar can be read') or diag $out;
my %grammar = map { reverse split } split /\n/, $out;
my %table = reverse slurp('kernel/proc/syscall_table.h') =~ /X\((\d+), (\w+)\)/g;
is_deeply([grep { !exists $grammar{$_} } sort keys %table], [], 'and has every system call of the table');
is_deeply([grep { $grammar{$_} != ($table{$_} // $grammar{$_}) } sort keys %grammar], [], 'by its number');

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/linux/fuzzcalls', "$root/bin/");

for my $build (split ' ', $ENV{FUZZ_BUILDS} // 'release debug') {
	my $count = $build eq 'debug' ? $calls / 10 : $calls;
	my $image = new_image("$build.img", root => $root);
	my $g = guest(image => $image, kernel => "build/$build/faultline.elf", timeout => ($seconds // $count / 1000) + 300,
		append => "-- fuzzcalls -s $seed " . ($seconds ? "-t $seconds" : "-n $count"));
	my ($summary) = $g->{out} =~ /^(fuzzcalls: \d+ calls.*)/m;

	spew(work("$build.log"), $g->{out});
	is($g->{status}, 0, "$build: the machine ends in order") or diag tail($g->{out}, 60);
	like($g->{out}, qr/^fuzzcalls: OK$/m, "$build: no leak, no hang, memory is free again");
	unlike($g->{out}, $Faultline::alarming, "$build: nothing alarming on the console");
	note $summary // 'no summary';
	fsck_clean($image, "$build: e2fsck -fn is content");

	# A grammar whose calls all fail would find nothing: but for those that are always refused, or do not return, each worked.
	my %never = map { $_ => 1 } $g->{out} =~ /^fuzzcalls: never without an error: (\w+)/mg;
	delete @never{qw(chroot clock_settime exit exit_group mount pause reboot rt_sigsuspend setdomainname sethostname umount2)};
	my ($made) = ($summary // '') =~ /(\d+) calls/;
	is_deeply([sort keys %never], [], "$build: every other call worked at least once") if ($made // 0) >= 80_000;
}
done_testing();
