#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The explorer's reduction (explore/reduce.c) against the full enumeration: the same verdict, the same violated oracles, the same set
# of final states (what files hold and what operations returned), from fewer interleavings. Small scenarios, clean
# and violated, two and three threads, steps and accesses, each scheme.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $explore = 'build/host-fast/explore';

my @cells = (
	['truncate-stale', 'none'],
	['truncate-stale', 'imap'],
	['truncate-stale', 'entry'],
	['hole-read-vs-write-fault', 'imap'],
	['hole-read-vs-write', 'range'],
	['write-zeroed', 'rwsem'],
	['mkwrite-lost-tag', 'imap'],
	['fsync-lost-dirty', 'imap'],
	['fsync-early-clean', 'range'],
	['mprotect-clean-writable', 'entry'],
	['self-copy-read', 'entry'],
	['fork-copy', 'none'],
	['pgtable-free', 'none'],
	['pgtable-free-fault', 'range'],
	['pgtable-free-map', 'range'],
	['pgtable-free-exit', 'rwsem'],
	['stale-tlb-clean', 'imap'],
	['stale-tlb-free', 'rwsem'],
	['stale-zero-other-mm', 'none'],
	['mapsync-unreachable', 'entry'],
	['crash-early-clean', 'entry'],
	['crash-reuse', 'none'],
	['sync; file f 1 hole; A: store f 0 7; persist f 0 | B: load f 0 | C: crash', 'entry'],
	['file f 1; prepare A store f 0 7; A: fsync f | B: load f 0; punch f 0 | C: crash', 'entry'],
	['file f 1; A: store f 0 7 | B: truncate f 0 head', 'none'],
	['file f 1; prepare A store f 0 7; prepare B load f 0; A: store f 0 8; load f 0 | B: load f 0; store f 0 9', 'none'],
	['file f 1; prepare A store f 0 7; A: load f 0 | B: load f 0 | C: truncate f 0', 'rwsem'],
	['file f 1; prepare A store f 0 7; A: store f 0 8 | B: load f 0 | C: fsync f', 'range'],
	['file f 1; prepare A load f 0; prepare B load f 0; A: load f 0 | B: load f 0 | C: read f 0', 'none'],
	['file f 1; prepare A store f 0 7; A: load f 0 | B: fsync f', 'none', 'granularity=access'],
	['file f 1; A: load f 0 | B: exit', 'none', 'granularity=access'],
	['together; file f 1; prepare A store f 0 7; A: load f 0 | B: munmap f', 'none', 'granularity=access'],
);

sub explored
{
	my ($status, $out) = run_command('timeout', '120', $explore, @_, 'states');
	my ($count) = $out =~ /(\d+) interleavings, /;
	my ($states, $violated) = $out =~ /states: (.*); violated: (.*)/;

	return ($count // 0, defined $states ? "$states; violated: " . join(' ', sort split ' ', $violated) : tail($out));
}

for my $cell (@cells) {
	my $name = join ' ', @$cell;
	my ($all, $expected) = explored(@$cell, 'reduce=off');

	like($expected, qr/final states/, "$name: the full enumeration ends");
	for my $reduce ('sleep', 'source') {
		my ($some, $found) = explored(@$cell, "reduce=$reduce");

		is($found, $expected, "$name: reduce=$reduce agrees");
		cmp_ok($some, '<=', $all, "$name: from no more interleavings ($some of $all)");
	}
}

# It is worth it where it counts.
my ($all) = explored('truncate-reuse', 'range', 'reduce=off');
my ($some) = explored('truncate-reuse', 'range');
cmp_ok($some * 5, '<', $all, "truncate-reuse: $some classes of $all interleavings");

# Bounds are for the full enumeration; a limit on number or time may be had reduced, and says so.
my ($status, $out) = run_command($explore, 'truncate-stale', 'range', 'preemptions=1', 'reduce=source');
is($status, 2, 'few preemptions cannot be had reduced') or diag $out;
($status, $out) = run_command($explore, 'tail-zero', 'range', 'max=5');
like($out, qr/not exhaustive: max; all with up to/, 'a bound turns the reduction off') or diag $out;
($status, $out) = run_command($explore, 'tail-zero', 'range', 'max=5', 'reduce=source');
like($out, qr/not exhaustive: max, depth first/, 'unless it is asked for, and then it is depth first') or diag $out;

# Coverage: what was reached, and what was not.
($status, $out) = run_command($explore, 'truncate-stale', 'range', 'coverage');
like($out, qr/^coverage: \d+ of \d+ steps, \d+ of \d+ ordered pairs between threads\nnever reached:.* WRPROTECT/m,
	'coverage names the steps that were never reached')
	or diag $out;
unlike($out, qr/never reached:.* SET_SIZE/, 'and none that was');

done_testing();
