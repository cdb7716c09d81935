#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The hosted build that sees every access (host/tso/): with x86's store buffers the range lock alone and the races survive, and no access
# to shared state is unmarked or unordered. That it would notice is the affair of tests/mutants/range-lock-*.patch.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $explore = 'build/host-tso/explore';
my ($status, $out) = run_command('timeout', '120', 'build/host-tso/range_interleave_test');

for (split /\n/, $out) {
	ok(!$1, "range lock: $2") if /^(not )?ok \d+(?: -)? ?(.*)$/;
}
is($status, 0, 'range lock: ends well') or diag tail($out, 40);

# Without a preemption the threads run one after the other: a store that stays in its buffer, or an interrupt that waits, counts as one.
($status, $out) = run_command('timeout', '60', $explore, 'self-copy', 'none', 'granularity=access', 'preemptions=0', 'quiet');
like($out, qr/^self-copy +none +2 +0 +no violation \(not exhaustive: preemptions; all with up to 0 preemptions\)$/m,
	'each store that is delayed counts')
	or diag tail($out);
($status, $out) = run_command('timeout', '60', $explore, 'stale-tlb-free', 'none', 'granularity=access', 'preemptions=0', 'quiet');
like($out, qr/^stale-tlb-free +none +2 /m, 'and each interrupt') or diag tail($out);

# Every schedule in which a thread is preempted once and comes back.
my @bounds = qw(granularity=access preemptions=1 quiet);
for my $race (qw(truncate-stale hole-read-vs-write-fault)) {
	($status, $out) = run_command('timeout', '60', $explore, $race, 'none', @bounds, 'strict');
	is($status, 1, "$race, by accesses and stores: none is violated") or diag tail($out);
}

# Exit status 4: something was unmarked, and the output says what.
my ($listed, $list) = run_command($explore, 'list');
my @races = $list =~ /^([a-z][\w-]+)$/mg;
cmp_ok(scalar @races, '>', 20, 'the races are listed');
for my $race (@races) {
	for my $scheme (qw(range entry)) {
		($status, $out) = run_command('timeout', '60', $explore, $race, $scheme, @bounds, 'strict');
		is($status, 0, "$race, by accesses and stores: $scheme has no violation, no access is unmarked")
			or diag tail($out, 40);
	}
	# What breaks under these is the scheme, and not for want of a mark.
	for my $scheme (qw(none imap rwsem)) {
		($status, $out) = run_command('timeout', '60', $explore, $race, $scheme, @bounds);
		is($status, 0, "$race, by accesses and stores: no access is unmarked under $scheme") or diag tail($out, 40);
	}
}
done_testing();
