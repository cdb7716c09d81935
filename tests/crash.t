#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Durability by model: states in which a power failure may leave the persistent memory, each recovered and judged (tests/crash/world.h);
# the same with each flush and fence of the file system left out. "make crash" is the long form.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my ($status, $out) = run_command('timeout', '900', 'build/host-crash/crash', 'states=10000', 'mutants=20000');
my ($states, $again, $fsck, $caught, $mutants, $violations) = $out =~
	/^crash: (\d+) states \((\d+) of them .*, (\d+) judged by e2fsck .*; (\d+) of (\d+) mutants caught.*; (\d+) violations$/m;

is($status, 0, 'the test of durability ends well') or diag tail($out, 20);
cmp_ok($states // 0, '>=', 10000, 'ten thousand different states were judged');
cmp_ok($again // 0, '>', 500, 'of them some in the middle of a recovery');
cmp_ok($fsck // 0, '>', 50, 'e2fsck has judged some as well');
is($violations, 0, 'none is a violation');
cmp_ok($mutants // 0, '>=', 20, 'flushes and fences were left out one at a time');
is($caught, $mutants, 'and each of them was missed') or diag join "\n", $out =~ /^MISSED.*$/mg;

# What is not understood is refused.
($status, $out) = run_command('build/host-crash/crash', 'stats=1');
is($status, 2, 'an unknown word is refused');
like($out, qr/what is "stats=1"\?/, 'by name');
done_testing();
