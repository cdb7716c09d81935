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

# Exit status 4: something was unmarked, and the output says what.
my ($listed, $list) = run_command($explore, 'list');
my @races = $list =~ /^([a-z][\w-]+)$/mg;
cmp_ok(scalar @races, '>', 20, 'the races are listed');
for my $race (@races) {
	for my $scheme (qw(range entry)) {
		($status, $out) = run_command('timeout', '60', $explore, $race, $scheme, 'granularity=access', 'preemptions=1',
			'seconds=1', 'quiet');
		is($status, 0, "$race, by accesses and stores: $scheme has no violation, no access is unmarked")
			or diag tail($out, 40);
	}
	# What breaks under these is the scheme, and not for want of a mark.
	for my $scheme (qw(none imap rwsem)) {
		($status, $out) = run_command('timeout', '60', $explore, $race, $scheme, 'granularity=access', 'preemptions=1',
			'max=200', 'seconds=1', 'quiet');
		is($status, 0, "$race, by accesses and stores: no access is unmarked under $scheme") or diag tail($out, 40);
	}
}
done_testing();
