#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# tools/matrix: that it reads the explorer's and the guest's reports rightly, that a verdict which differs, a cell
# cut short and a row without a mutant are failures, that the README's section is replaced; two races with all
# schemes, explored and replayed in the guest; and that under `range` far-away punches leave faults alone. The whole matrix is "make matrix".
use strict;
use warnings;
use lib 'tests/lib', 'tools/lib';
use Bench;
use Costs;
use Faultline;
use Guest;
use Matrix;
use Test::More;

my $violated = <<'END';
punch-stale under imap: 25280 interleavings, VIOLATED: ownership (not exhaustive: seconds; all with up to 11 switches)
  A                                           B
                                              punch f[0..0]
  => ownership: A's page table maps page 0 of f, writable, to block 8, which is free; f has nothing there
  => in the end f holds 0 101, g holds 9
  replay=punch-stale/imap/step:B3A7B1


race                         scheme             interleavings  violations  verdict
punch-stale                  imap                       25280         224  VIOLATED: ownership (not exhaustive: seconds; all with up to 11 switches)
END
my $clean = <<'END';
truncate-stale under range: 50 interleavings, no violation

race                         scheme             interleavings  violations  verdict
truncate-stale               range                         50           0  no violation
END

# Reports.
my $c = parse_report($violated);
is_deeply([@$c{qw(race scheme interleavings violations cut oracle replay)}],
	['punch-stale', 'imap', 25280, 224, 'seconds', 'ownership', 'punch-stale/imap/step:B3A7B1'], 'a violated cell');
like($c->{text}, qr/^ownership: A's page table/, 'what it violates');
my $d = parse_report($clean);
is_deeply([@$d{qw(race scheme interleavings violations cut oracle replay)}], ['truncate-stale', 'range', 50, 0, '', '', ''],
	'a clean cell');
is(parse_report("explore: not a race\n"), undef, 'no cell');

# The guest.
my %a = parse_guest(join '', map { "explore: run $_->[0]\n$_->[1]explore: exit $_->[2]\n" }
	["replay=$c->{replay}", $violated, 1], ['truncate-stale range max=40', $clean, 0]);
is(scalar keys %a, 2, 'two answers');
is(judge_guest({%$c}, $a{"replay=$c->{replay}"}), 'yes', 'the same oracle');
is(judge_guest({%$c, oracle => 'values'}, $a{"replay=$c->{replay}"}), 'NO', 'another oracle');
is(judge_guest({%$c}, {status => 0, report => "  => nothing is violated; in the end f holds 0\n"}), 'NO', 'none');
is(judge_guest({%$c}, undef), 'NO', 'no answer');
is(judge_guest({%$d}, $a{'truncate-stale range max=40'}), 'yes', 'clean in both');
is(judge_guest({%$d}, {status => 1, report => $violated}), 'NO', 'clean here, violated there');
is(judge_guest({%$d}, {status => 3, report => ''}), 'NO', 'clean here, broken there');
is(keys %{{parse_guest("explore: run a\nx\nexplore: run b\ny\nexplore: exit 0\n")}}, 1, 'an answer that was cut off is none');

# What only the simulated machine shows.
is(hosted_only($c), '', 'an entry in a page table: both');
is(hosted_only({%$c, oracle => 'durability'}), 'durability', 'a store that is not durable');
is(hosted_only({%$c, replay => 'x/range/step:A1b1'}), '', 'an interrupt that waits: the kernel replays what it has no choice in');
is(hosted_only({%$c, replay => 'x/range/access:A1'}), 'accesses', 'single accesses');
is(hosted_only($d), '', 'a clean cell');
is(hosted_only({%$d, scenario => 'file f 1; A: fsync f | B: crash'}), 'power failure', 'a power failure, also where nothing is lost');

# What the guest is asked: a counterexample that only a TLB shows does not replay there; the guest looks for one that does.
my $t = {%$c, text => "ownership: A's TLB maps page 0"};
is(request($c, 40), "replay=$c->{replay}", 'a counterexample is replayed');
is(request($d, 40), 'truncate-stale range max=40 strict quiet', 'a clean cell is explored');
is(request($t, 40), 'punch-stale imap first max=600 strict quiet', 'so is one whose counterexample a TLB shows');
is(request({%$c, oracle => 'durability'}, 40), '', 'what it cannot show is not asked for');
is(judge_guest({%$t}, {status => 1, report => $violated}), 'yes', 'it has found one');
is(judge_guest({%$t}, {status => 1, report => $violated =~ s/VIOLATED: ownership/VIOLATED: values/gr}), 'NO', 'of another kind');
is(judge_guest({%$t}, {status => 0, report => $clean}), 'hosted-only', 'none: it takes a look into the TLB');
is(judge_guest({%$t}, {status => 3, report => ''}), 'NO', 'broken');
is(judge_guest({%$t}, undef), 'NO', 'no answer');

# What has to hold.
my %bites = mutants_of(m1 => {parse_mutant("Breaks: x\nRace: truncate-stale other\n\n--- a/x\nRace: no\n")}, m2 => {});
is_deeply(\%bites, {'truncate-stale' => ['m1'], other => ['m1']}, 'the mutants of a race');
is_deeply([requirements([{%$d, guest => 'yes'}], %bites)], [], 'nothing is wrong with a clean cell that a mutant bites');
like((requirements([{%$d, guest => 'yes'}]))[0], qr/no mutant/, 'a clean row without a mutant');
like((requirements([{%$d, guest => 'NO', guest_detail => 'x'}], %bites))[0], qr/does not agree/, 'the guest differs');
like((requirements([{%$d, cut => 'max'}], %bites))[0], qr/not every interleaving/, 'cut short');
is_deeply([requirements([{%$c, cut => 'decided'}])], [], 'but for a violated cell');
like((requirements([{%$c, cut => '', scheme => 'range'}]))[0], qr/under range: violated/, 'range is violated');
like((requirements([{%$c, cut => '', scheme => 'entry'}]))[0], qr/under entry: violated/, 'entry is violated');
is_deeply([requirements([{%$c, cut => ''}])], [], 'imap may be');
like((requirements([{%$d, race => 'truncate-reuse', scheme => 'none'}], 'truncate-reuse' => ['m']))[0], qr/no violation found/,
	'truncate-reuse has to be found');

# Lines and tables.
is_deeply([map { $_->{text} } parse_cells(cell_line() . cell_line($c))], [$c->{text}], 'matrix-full.tsv reads back');
my $table = table([{%$c, guest => 'hosted-only'}, {%$d, guest => 'yes'}], %bites);
like($table, qr/^\| `punch-stale` \| - \| \*\*ownership\*\* † 224 of 25 280 ~ \|/m, 'the violated row');
like($table, qr/^\| `truncate-stale` \| - \| - \| - \| 50 \| - \| `m1` \|$/m, 'the clean row names its mutant');
is(replace_section("a\n<!-- t: by x -->\nold\n<!-- end of t -->\nb\n", 't', "new\n"),
	"a\n<!-- t: by x -->\nnew\n<!-- end of t -->\nb\n", 'a section is replaced');
is(replace_section("a\n<!-- u: x -->\n<!-- end of u -->\n", 't', ''), undef, 'one that is not there');
ok(defined replace_section(slurp('README.md'), $_, ''), "README.md has the section $_") for qw(matrix costs zero);

# What a far-away punch may cost a fault under `range`: nothing but 5 %, counted, on one CPU; no slow path, on two either.
my $image = new_image('costs.img', size => '256M');
for my $cpus (1, 2) {
	my $g = guest(image => $image, smp => $cpus, kernel => 'build/release/faultline.elf', cpu => 'max,la57=off', timeout => 200,
		append => 'init=/bin/schemecost quiet -- -q beside', qemu_extra => $cpus == 1 ? '-icount shift=0,sleep=off' : '');
	my %m = values_of($g->{out});

	is($g->{status}, 0, "schemecost, $cpus CPUs") or diag tail($g->{out});
	cmp_ok($m{'punch-works'} // 0, '>', 0, 'there were punches beside');
	cmp_ok($m{'punch-wide-works'} // 0, '>', 0, 'and wide ones');
	is_deeply([grep { $cpus == 1 || /fast path/ } far_faults_disturbed(\%m)], [], 'no far fault is disturbed');
}
my %quiet = map { $_ => 0 } qw(punch-waits punch-slow punch-wide-waits punch-wide-slow);
my %costs = (%quiet, 'idle-fault' => 100, 'punch-fault' => 105, 'punch-wide-fault' => 100, 'punch-faults' => 9, 'punch-wide-faults' => 9);
is_deeply([far_faults_disturbed(\%costs)], [], '5 % are allowed');
like((far_faults_disturbed({%costs, 'punch-fault' => 106}))[0], qr/costs 106/, 'more are not');
like((far_faults_disturbed({%costs, 'punch-wide-slow' => 1}))[0], qr/1 of 9/, 'nor one slow path');

# The benchmark's table and its verdicts.
my @linux = ("# a comment\n", "one\tthe first\t300\t-\t100\n", "two\tthe second\t300\t400\t100\n", "three\tthe third\t300\t-\t1000\n");
my ($bench, @wrong) = bench_table({one => 100, two => 301, extra => 1234}, @linux);
is_deeply(\@wrong, ['the second: worse than Linux', 'the third: not measured'], 'a row that is worse, and one that is missing');
like($bench, qr/^the first +100 +300 +- +100 +3\.0x  goal met$/m, 'a row that meets its goal');
like($bench, qr/^the second +301 +300 +400 +100 +1\.0x  worse than Linux$/m, 'one that does not');
like($bench, qr/^extra +1 234$/m, 'and what has no counterpart');
is(punch_ratio({'punch-4k-16384-pages' => 30, 'punch-4k-1-page' => 20}), 1.5, 'the ratio of the punches');
is(punch_ratio({'punch-4k-1-page' => 20}), undef, 'which wants both of them');
like(far_puncher_lines({%costs, 'punch-slow' => 3}, {'punch-rate' => 951, 'punch-wide-rate' => 900, 'elsewhere-rate' => 970, 'idle-rate' => 1001}),
	qr/4 KiB: fault rate 0\.952 .*\(105 in place of 100\), 3 of 9 .*; 0\.951 by the wall clock\n.*4 MiB: fault rate 1\.000/, 'the far puncher');
my @tried;
is(smallest(0, 166, sub { push @tried, $_[0]; $_[0] >= 16 }), 16, 'the smallest RAM is found');
is(scalar(grep { $_ == 15 } @tried), 1, 'and less was tried');
is(smallest(0, 166, sub { 0 }), 166, 'or it stays at what is known to suffice');

# Each race is either violated under some scheme or noticed by a mutant.
my ($status, $list) = run_command('build/host-fast/explore', 'list');
my @races = $list =~ /^([a-z][\w-]+)$/mg;
my %mutants = mutants_of(map { m{([^/]+)\.patch$}; $1 => {parse_mutant(slurp($_))} } glob 'tests/mutants/*.patch');
is_deeply([grep { my $race = $_; !grep { $_ eq $race } @races } sort keys %mutants], [], 'mutants name races that exist');
for my $race (grep { !$mutants{$_} } @races) {
	for my $scheme (qw(none rwsem imap)) {
		($status) = run_command('timeout', '60', 'build/host-fast/explore', $race, $scheme, qw(first seconds=20 strict quiet));
		last if $status;
	}
	is($status, 1, "$race: no mutant has its name, so some scheme violates it");
}

# Two races, through the real thing, in a tree of its own. The counterexamples of fsync-lost-dirty hold interrupts, and others of it are seen in a TLB only:
# they replay all the same.
my $tree = work('tree');
run_command('rm', '-rf', $tree);
run_command('mkdir', '-p', "$tree/build/release", "$tree/build/host-fast");
run_command('cp', '-R', 'tools', 'tests', $tree);
run_command('cp', 'build/release/faultline.elf', "$tree/build/release/");
run_command('cp', 'build/host-fast/explore', "$tree/build/host-fast/");
run_command('cp', '-R', 'build/rootfs', "$tree/build/rootfs");
($status, my $out) = run_command('sh', '-c', "cd $tree && timeout 200 perl tools/matrix build/release/faultline.elf build/rootfs truncate-stale fsync-lost-dirty");
is($status, 0, 'tools/matrix truncate-stale fsync-lost-dirty') or diag tail($out);
my @lines = split /\n/, slurp("$tree/build/matrix.tsv");
is($lines[0], "race\tscheme\tinterleavings\tviolations\texhaustive", 'matrix.tsv has its header');
is(scalar @lines, 11, 'and ten cells');
my @cells = parse_cells(slurp("$tree/build/matrix-full.tsv"));
is_deeply([map { $_->{guest} } @cells], [('yes') x 10], 'the guest agrees on all of them');
is_deeply([map { $_->{guest_detail} } grep { $_->{oracle} } @cells], [map { $_->{oracle} } grep { $_->{oracle} } @cells],
	'by the same oracle');
run_command('rm', '-rf', $tree);
done_testing();
