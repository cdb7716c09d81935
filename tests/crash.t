#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Durability by model: states in which a power failure may leave the persistent memory, each recovered and judged (tests/crash/world.h);
# the same with each flush and fence of the file system left out. CRASH_STATES says how many states (10000; "make test-long": 100000, as
# "make crash").
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

# Places of the file system that flush or fence, as its sources have them; and of those the ones that crash.c names as exempt, one a line.
my $sites = 0;
for my $source (glob 'fs/*.c fs/*/*.c') {
	my $code = slurp($source) =~ s{/\*.*?\*/}{}gsr;

	$sites += () = $code =~ /\bpmem_(?:flush|fence|drain)\(/g;
}
my $excused = () = slurp('tests/crash/crash.c') =~ /^\t\{"fs\//mg;

my $wanted = $ENV{CRASH_STATES} || 10_000;
my ($status, $out) = run_command('timeout', '3600', 'build/host-crash/crash', "states=$wanted", 'mutants=40000');
my ($states, $again, $fsck, $caught, $mutants, $exempt, $violations) = $out =~
	/^crash: (\d+) states \((\d+) of them .*, (\d+) judged by e2fsck .*; (\d+) of (\d+) mutants caught, (\d+) exempt; (\d+) violations$/m;

is($status, 0, 'the test of durability ends well') or diag tail($out, 20);
note $out =~ /^(crash: .*)$/m;
cmp_ok($states // 0, '>=', $wanted, "$wanted different states were judged");
cmp_ok($again // 0, '>', 500, 'of them some in the middle of a recovery');
cmp_ok($fsck // 0, '>', 50, 'e2fsck has judged some as well');
is($violations, 0, 'none is a violation');
cmp_ok($sites, '>', $excused, 'the sources flush and fence');
is(($mutants // 0) + ($exempt // 0), $sites, 'each flush and fence was left out, one at a time');
is($exempt, $excused, 'but for those that are exempt, each one place') or diag join "\n", $out =~ /^exempt.*$/mg;
is($caught, $mutants, 'and each of them was missed') or diag join "\n", $out =~ /^MISSED.*$/mg;

# What is not understood is refused.
($status, $out) = run_command('build/host-crash/crash', 'stats=1');
is($status, 2, 'an unknown word is refused');
like($out, qr/what is "stats=1"\?/, 'by name');
done_testing();
