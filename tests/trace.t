#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Looking inside: /proc/faultline's trace, histograms and counters, and the program that shows them.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $image = new_image('trace.img');

# What the files promise, on one CPU and on several.
for my $cpus (1, 4) {
	my $g = guest(image => $image, smp => $cpus, append => '-- ktap-trace');

	cmp_ok(guest_ktap("$cpus CPUs", $g), '>', 0, "ktap-trace, $cpus CPUs");
	is($g->{status}, 0, "ktap-trace, $cpus CPUs: ends well") or diag tail($g->{out}, 40);
	fsck_clean($image);
}

# The program, over the two processes of mapfile: one faults, the other truncates.
spew(work('trace.sh'), <<'END');
trace mapfile
echo status $?
trace -H mapfile
trace -c mapfile
trace -c
trace -p 1,abc
trace -c -H
trace --help
trace false
echo false gave $?
END
run_command('debugfs', '-w', '-R', 'write ' . work('trace.sh') . ' /data/trace.sh', $image);
my $g = guest(image => $image, append => '-- sh /data/trace.sh');
my $out = $g->{out};
is($g->{status}, 0, 'the script ends well') or diag tail($out, 40);
unlike($out, $Faultline::alarming, 'nothing alarming');

my ($timeline, $rest) = split /^status 0$/m, $out;
ok(defined $rest, 'trace mapfile: the status is that of the command') or diag tail($out, 60);
my (@times, %column);
for (split /\n/, $timeline) {
	if (/^( +)== mapfile\[(\d+)\]$/) {
		$column{$2} = length $1;
	} elsif (/^ +(\d+\.\d{6}) +\d+( +)\S/) {
		push @times, $1;
	}
}
is(scalar keys %column, 2, 'two processes, each in a column') or diag $timeline;
is(join(' ', @times), join(' ', sort { $a <=> $b } @times), 'time runs down');
cmp_ok(scalar @times, '>', 30, 'there are steps');
my ($truncater, $faulter) = sort { $a <=> $b } keys %column;
my @shift = map { $column{$_} } $truncater, $faulter;
cmp_ok(abs($shift[0] - $shift[1]), '==', 46, 'the columns stand side by side');
my ($of_free, $inode) = $timeline =~ /^ +\d+\.\d+ +\d+( +)free the blocks \((\d+):1\) *$/m;
my ($of_pte) = $timeline =~ /^ +\d+\.\d+ +\d+( +)set the PTE \($inode:1\) *$/m;
ok(defined $of_free && defined $of_pte, 'the truncate and the fault on page 1 are there') or diag $timeline;
cmp_ok(abs(length($of_free // '') - length($of_pte // '')), '==', 46, 'in different columns');
like($timeline, qr/shoot down TLBs, await every CPU at 0x[0-9a-f]+/, 'a shootdown has its address');

like($rest, qr/^LOCK \d+ steps: take the DAX lock\n( +\d+ ns +\d+ #*\n)+/m, 'trace -H: a histogram');
like($rest, qr{^faults/sigbus +\+1$}m, 'trace -c mapfile: its SIGBUS');
like($rest, qr{^faults/read +\+\d+$}m, '… and its read faults');
like($rest, qr{^memory/shootdowns +\d+$}m, 'trace -c: all counters');
like($rest, qr{^lock/fault-waits +\d+$}m, '… those of the lock too');
like($rest, qr/^trace: abc: not a number$/m, 'a pid that is none');
is(scalar(() = $rest =~ /^usage: trace COMMAND/mg), 2, 'usage, for two options that exclude each other and for --help');
like($rest, qr/^false gave 1$/m, 'the status of the command');
fsck_clean($image);
done_testing();
