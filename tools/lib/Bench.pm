# SPDX-License-Identifier: MIT
#
# What tools/bench makes of its measurements: the table beside Linux's figures, the far puncher's lines, the search for the smallest
# RAM; without side effects, so that tests/matrix.t can try it.
package Bench;

use strict;
use warnings;
use Exporter 'import';
use Costs;
use Matrix;

our @EXPORT = qw(bench_table far_puncher_lines punch_ratio smallest);

my $line = "%-50s %12s %14s %14s %11s";

# bench_table(name => figure of ours …, by reference; lines of bench/linux.tsv): the table, and what is wrong with it as sentences.
sub bench_table
{
	my ($ours, @linux) = @_;
	my $table = sprintf "$line %9s\n", 'operation', 'Faultline', 'Linux ext4-DAX', 'Linux XFS-DAX', 'goal', 'ext4/ours';
	my (%named, @bad);

	for (grep { !/^#/ } @linux) {
		chomp;
		my ($key, $what, $ext4, $xfs, $goal) = split /\t/;
		my $n = $ours->{$key};

		$named{$key} = 1;
		push @bad, "$what: not measured" if !defined $n;
		push @bad, "$what: worse than Linux" if defined $n && $n > $ext4;
		$table .= sprintf $line, $what, map { thousands($_) } $n // '-', $ext4, $xfs, $goal;
		$table .= sprintf ' %8.1fx%s', $ext4 / ($n || 1), $n > $ext4 ? '  worse than Linux' : $goal ne '-' && $n <= $goal ? '  goal met' : ''
			if defined $n;
		$table .= "\n";
	}
	$table .= sprintf "%-50s %12s\n", $_, thousands($ours->{$_}) for grep { !$named{$_} } sort keys %$ours;
	return ($table, @bad);
}

# What a punch costs with 16 384 pages in use, as a multiple of what it costs with one; undef: not measured.
sub punch_ratio
{
	my ($ours) = @_;
	my ($many, $one) = @$ours{qw(punch-4k-16384-pages punch-4k-1-page)};

	return $many && $one ? $many / $one : undef;
}

# Lines about faults beside a process that allocates and punches far away: $counted holds schemecost's "beside" with instructions
# counted, $clocked its "rate" on two CPUs.
sub far_puncher_lines
{
	my ($counted, $clocked) = @_;
	my $out = '';

	for (['punch', '4 KiB'], ['punch-wide', '4 MiB']) {
		my ($mode, $size) = @$_;
		my ($alone, $beside) = @$counted{'idle-fault', "$mode-fault"};

		$out .= sprintf "far punches of %s: fault rate %.3f of the undisturbed one by instructions (%s in place of %s), " .
			"%s of %s faults on the slow path; %.3f by the wall clock\n", $size, $alone / $beside, thousands($beside),
			thousands($alone), thousands(slow_faults($counted, $mode)), thousands($counted->{"$mode-faults"}),
			$clocked->{"$mode-rate"} / 1000;
	}
	return $out . sprintf "the same punches of 4 KiB in a file of their own: %.3f by the wall clock, which the machine and the file system take; " .
		"an idle process: %.3f\n", $clocked->{'elsewhere-rate'} / 1000, $clocked->{'idle-rate'} / 1000;
}

# The smallest n in ($fails, $runs] with $try->(n), where all above it run; $runs itself is not tried.
sub smallest
{
	my ($fails, $runs, $try) = @_;

	while ($runs - $fails > 1) {
		my $n = ($fails + $runs) >> 1;
		if ($try->($n)) {
			$runs = $n;
		} else {
			$fails = $n;
		}
	}
	return $runs;
}

1;
