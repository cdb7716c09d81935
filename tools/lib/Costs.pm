# SPDX-License-Identifier: MIT
#
# The tables of tools/costs, made of what user/prog/schemecost.c has measured; without side effects.
#
# A measurement is a hash of its lines: those of one CPU, counted in instructions, as they are, those of two CPUs with "smp-" before them.
package Costs;

use strict;
use warnings;
use Exporter 'import';
use Matrix;

our @EXPORT = qw(cost_table zero_table far_faults_disturbed slow_faults);

sub percent
{
	my ($part, $all) = @_;

	return $all ? sprintf '%.1f %%', 100 * $part / $all : '-';
}

sub per_hundred
{
	my ($part, $all) = @_;

	return $all ? sprintf '%.1f', 100 * $part / $all : '-';
}

# Each row: its words, and its cell from a measurement.
my @rows = (
	['bytes a file; for each 2 MiB of it', sub { "$_[0]{'file-bytes'}; $_[0]{'segment-bytes'}" }],
	['read fault, instructions', sub { thousands($_[0]{'read-fault'}) }],
	['write fault that allocates', sub { thousands($_[0]{'alloc-fault'}) }],
	['read fault beside a far 4 KiB punch and allocation ¹', sub { thousands($_[0]{'punch-fault'}) }],
	['… all but 1 in 1 000 stay below', sub { thousands($_[0]{'punch-high'}) }],
	["… waits of either process's faults, per 100 ⁴", sub { per_hundred($_[0]{'punch-waits'}, $_[0]{'punch-faults'}) }],
	['… slow paths per 100', sub { per_hundred(slow_faults($_[0], 'punch'), $_[0]{'punch-faults'}) }],
	['read fault beside a far 4 MiB punch ¹', sub { thousands($_[0]{'punch-wide-fault'}) }],
	["… waits of either process's faults, per 100 ⁴", sub { per_hundred($_[0]{'punch-wide-waits'}, $_[0]{'punch-wide-faults'}) }],
	['… slow paths per 100', sub { per_hundred(slow_faults($_[0], 'punch-wide'), $_[0]{'punch-wide-faults'}) }],
	['two CPUs: fault rate beside far 4 KiB punches ²', sub { percent($_[0]{'smp-punch-rate'}, 1000) }],
	['… beside far 4 MiB punches ²', sub { percent($_[0]{'smp-punch-wide-rate'}, 1000) }],
	['… beside 4 KiB punches in another file ²', sub { percent($_[0]{'smp-elsewhere-rate'}, 1000) }],
	['two CPUs: waits per 100 faults, 4 KiB punches ⁴', sub { per_hundred($_[0]{'smp-punch-waits'}, $_[0]{'smp-punch-faults'}) }],
	['two CPUs: truncate by a page, alone ³', sub { sprintf '%.1f µs', $_[0]{'smp-truncate-alone'} / 1000 }],
	['… under a storm of faults ³', sub { sprintf '%.1f µs', $_[0]{'smp-truncate-storm'} / 1000 }],
);

# Who waited left the fast path too; the kernel counts slow paths that did not have to wait, and waits.
sub slow_faults
{
	my ($m, $mode) = @_;

	return $m->{"$mode-waits"} > $m->{"$mode-slow"} ? $m->{"$mode-waits"} : $m->{"$mode-slow"};
}

# scheme => measurement.
sub cost_table
{
	my (%measured) = @_;
	my @schemes = grep { $measured{$_} } @SCHEMES;
	my $out = '| |' . join('', map { " `$_` |" } @schemes) . "\n" . '|---' x (@schemes + 1) . "|\n";

	for my $row (@rows) {
		my ($words, $cell) = @$row;
		$out .= "| $words |" . join('', map { ' ' . $cell->($measured{$_}) . ' |' } @schemes) . "\n";
	}
	return $out . "\n¹ One CPU, instructions (median), two processes that the timer switches between. " .
		"² Median of 15 pairs of the rate beside an idle process and beside a punching one; wall clock of an emulator, so it moves by some percent from run to run. " .
		"³ Median; wall clock. ⁴ For the lock; the puncher faults too, so there can be more than 100.\n";
}

# The two zero-page policies: measurements under one scheme, and the explorer's verdicts of stale-zero-other-mm.
sub zero_table
{
	my ($mapping, $global, $verdict_mapping, $verdict_global) = @_;
	my @lines = (
		['pages for the zeros of 64 files', map { thousands($_->{'zero-pages'}) } $mapping, $global],
		['… after they were unmapped', map { thousands($_->{'zero-pages-left'}) } $mapping, $global],
		['walks over the reverse map a write fault, page read before',
			map { sprintf '%.2f', $_->{'zero-walks'} / $_->{'zero-stores'} } $mapping, $global],
		['… page not read before', map { sprintf '%.2f', $_->{'unread-walks'} / $_->{'unread-stores'} } $mapping, $global],
		['write fault over a mapped zero page, instructions', map { thousands($_->{'zero-page-fault'}) } $mapping, $global],
		['race `stale-zero-other-mm`', $verdict_mapping, $verdict_global],
	);

	return "| | `dax_zero=mapping` | `dax_zero=global` |\n|---|---|---|\n" .
		join '', map { '| ' . join(' | ', @$_) . " |\n" } @lines;
}

# What the range lock promises and a measurement does not show, as sentences: no far fault leaves the fast path or waits, and
# none costs more than 5 % over an undisturbed one.
sub far_faults_disturbed
{
	my ($m) = @_;
	my @bad;

	for my $mode (qw(punch punch-wide)) {
		push @bad, "$mode: " . slow_faults($m, $mode) . " of $m->{\"$mode-faults\"} far faults left the fast path" if slow_faults($m, $mode);
		push @bad, "$mode: a far fault costs $m->{\"$mode-fault\"} instructions in place of $m->{'idle-fault'}"
			if $m->{"$mode-fault"} > 1.05 * $m->{'idle-fault'};
	}
	return @bad;
}

1;
