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

# Which of the older schemes the explorer found to be violated. It is asserted so that a change of the protocol,
# or of the explorer, that hides a race is noticed. What no scheme violates, a mutant does (tests/mutants).
my %violated = (
	'truncate-stale' => [qw(none)],
	'truncate-reuse' => [qw(none)],
	'punch-stale' => [qw(none imap)],
	'cow-leak' => [qw(none)],
	'cow-leak-punch' => [qw(none imap)],
	'eof-race' => [qw(none rwsem)],
	'tail-zero' => [],
	'tail-zero-write' => [],
	'fork-copy' => [],
	'pgtable-free' => [],
	'pgtable-free-fault' => [],
	'pgtable-free-map' => [],
	'pgtable-free-exit' => [],
	'double-zero' => [qw(none rwsem)],
	'write-zeroed' => [qw(none imap rwsem)],
	'hole-read-vs-write-fault' => [qw(none imap rwsem)],
	'hole-read-vs-write' => [qw(none rwsem)],
	'stale-zero-other-mm' => [],
	'huge-zero-stale' => [qw(none imap rwsem)],
	'pte-vs-pmd' => [],
	'huge-copy-stale' => [],
	'self-copy' => [qw(none rwsem)],
	'self-copy-read' => [qw(none imap)],
	'self-copy-cross' => [qw(none rwsem)],
	'fsync-early-clean' => [],
	'mprotect-clean-writable' => [qw(none rwsem)],
	'fsync-lost-dirty' => [qw(none imap rwsem)],
	'mkwrite-lost-tag' => [qw(none imap rwsem)],
	'write-evicts-dirty' => [],
	'stale-tlb-free' => [],
	'stale-tlb-clean' => [],
	'mremap-move' => [],
	'pin-truncate' => [],
	'pin-lookup' => [],
	'pin-shift' => [],
	'pin-zero-range' => [],
	'poison' => [],
	'collapse-shift' => [qw(none imap)],
	'collapse-lost-tag' => [qw(none imap rwsem)],
	'collapse-fsync' => [],
	'insert-shift' => [qw(none imap)],
	'insert-hole' => [qw(none imap rwsem)],
	'zero-range-stale' => [qw(none imap)],
	'zero-range-write' => [qw(none imap)],
	'sync-range-early-clean' => [],
	'mapsync-unreachable' => [],
	'crash-early-clean' => [],
	'crash-fsync' => [qw(none rwsem)],
	'crash-reuse' => [],
);
my ($status, $out) = explored('list');
is($status, 0, 'the races are listed');
is_deeply([sort($out =~ /^([a-z][\w-]+)$/mg)], [sort keys %violated], 'all of them');
my @races = sort keys %violated;

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

# The schemes that have to survive: every interleaving of steps, and of accesses with up to two preemptions.
for my $race (@races) {
	($status, $out) = explored($race, 'range', 'quiet');
	is($status, 0, "$race, by steps: range has no violation") or diag tail($out, 40);
	unlike($out, qr/not exhaustive/, "$race, by steps: every interleaving was run");
	($status, $out) = explored($race, 'entry', 'quiet', 'strict');
	is($status, 0, "$race, by steps: entry has no violation") or diag tail($out, 40);
	($status, $out) = explored($race, 'range', 'granularity=access', 'preemptions=2', 'quiet');
	is($status, 0, "$race, by accesses, up to two preemptions: range has no violation") or diag tail($out, 40);
	like($out, qr/not exhaustive: preemptions; all with up to 2/, "$race, by accesses: all of those were run");
	for my $scheme (@{ $violated{$race} }) {
		($status, $out) = explored($race, $scheme, 'first', 'seconds=20', 'strict', 'quiet');
		is($status, 1, "$race, by steps: $scheme is violated") or diag tail($out);
	}
}

# What history withdrew: the fault that waits for itself. And a policy, which the replay string carries.
($status, $out) = explored('hole-read-vs-write-fault', 'imap', 'first', 'strict');
like($out, qr/=> deadlock/, 'imap deadlocks in hole-read-vs-write-fault');
($status, $out) = explored('file f 1 hole; A: store f 0 7; load f 0 | B: store f 0 9', 'rwsem', 'dax_zeroing=fault',
	'first', 'strict');
is($status, 1, 'dax_zeroing=fault: the second zeroing loses a store under rwsem') or diag tail($out);
my ($replay) = $out =~ m{replay=(.*/rwsem\+fault/step:\w+)};
($status, $out) = explored("replay=$replay");
is($status, 1, "replay=$replay finds it again") or diag tail($out);

# What a look-up sees of a block map, a commit must know of: also where two faults on one page meet (it was noted too late once).
($status, $out) = explored('mapsync-unreachable', 'none', 'granularity=access', 'max=3000', 'quiet', 'strict');
is($status, 0, 'mapsync-unreachable, by accesses: none has no violation') or diag tail($out);

# A private copy takes the place of a page that goes bad: the walk for the bad page finds no entry, and has to shoot down for the copier (it did
# not once).
($status, $out) = explored('together; file f 1; file g 1; prepare A pload f 0; prepare B pload f 0; A: pstore f 0 7 | B: load g 0 | C: poison f 0',
	'none', 'granularity=access', 'preemptions=1', 'quiet', 'strict');
is($status, 0, 'a copy beside a machine check, by accesses: no TLB keeps the page') or diag tail($out);

# The same where the entry that goes is one of 2 MiB: exchanged for a page table by a fault on another of its pages, or taken away by a punch of one. A
# third thread has it in its TLB.
for my $op ('pstore f 0 7', 'punch f 1') {
	($status, $out) = explored("together; file f 512 huge; prepare C pload f 3; A: $op | B: pstore f 3 9 | C: pload f 3", 'range', 'max=1000',
		'quiet', 'strict');
	is($status, 0, "a copy beside '$op': no TLB keeps the page") or diag tail($out);
}

# A counterexample that takes no look into a TLB is preferred: the kernel can replay it.
($status, $out) = explored('fsync-lost-dirty', 'none', 'strict');
like($out, qr/=> clean-writable: A's page table/, 'fsync-lost-dirty: the counterexample is one of page tables') or diag tail($out);

# What the explorer does not understand.
for my $words ('nonsense', 'truncate-reuse nonsense', 'replay=nonsense', 'replay=truncate-reuse/none/step:Z9', 'max=x') {
	($status, $out) = explored(split / /, $words);
	is($status, 2, "not understood: $words") or diag tail($out);
	isnt($out, '', 'and says so');
}
done_testing();
