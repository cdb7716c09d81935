#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The race explorer, hosted: that it finds what is there, that a replay string reproduces it, and that the
# scheme `range` survives every race. Which other scheme survives which race is found, not asserted, but for
# `none` under truncate-reuse, which the whole project is about.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $explore = 'build/host-fast/explore';

sub explored
{
	return run_command('timeout', '240', $explore, @_);
}

my ($status, $out) = explored('list');
is($status, 0, 'the races are listed');
my @races = grep { $out =~ /^\s*\Q$_\E\b/m }
	qw(truncate-stale truncate-reuse punch-stale hole-read-vs-write-fault stale-tlb-free);
is(scalar @races, 5, 'all five of them');

# No scheme: the race is found, shown in two columns, and found again from its replay string.
for my $granularity (qw(step access)) {
	($status, $out) = explored('truncate-reuse', 'none', "granularity=$granularity", 'first', 'strict');
	is($status, 1, "truncate-reuse under none, by ${granularity}s: a violation is found") or diag tail($out);
	my ($replay) = $out =~ m{(truncate-reuse/none/\w+:[A-Za-z0-9]+)};
	ok($replay, 'its schedule has a replay string') or diag tail($out);
	next unless $replay;
	($status, my $again) = explored("replay=$replay");
	is($status, 1, "replay=$replay finds it again") or diag tail($again);
	my ($oracle) = $out =~ /^(.*(?:stranger|owns?|invariant|oracle|stale).*)$/mi;
	($status, my $third) = explored("replay=$replay");
	is($third, $again, 'and prints the same, to the byte');
}

# Every race under every scheme.
for my $race (@races) {
	($status, $out) = explored($race, 'none', 'rwsem', 'range', 'granularity=step');
	is($status, 0, "$race, by steps: range has no violation") or diag tail($out, 40);
	unlike($out, qr/not exhaustive/, "$race, by steps: every interleaving was run");
	($status, $out) = explored($race, 'range', 'granularity=access', 'preemptions=3');
	is($status, 0, "$race, by accesses, up to three preemptions: range has no violation") or diag tail($out, 40);
	diag join "\n", grep { /interleaving/ } split /\n/, $out if $ENV{TEST_VERBOSE};
}

# What the explorer does not understand.
for my $words ('nonsense', 'truncate-reuse nonsense', 'replay=nonsense', 'replay=truncate-reuse/none/step:Z9', 'max=x') {
	($status, $out) = explored(split / /, $words);
	is($status, 2, "not understood: $words") or diag tail($out);
	isnt($out, '', 'and says so');
}
done_testing();
