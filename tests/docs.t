#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# What the documents claim: each replay string in them shows the violation that stands beside it; every race has its row in the README's matrix and
# its paragraph in docs/RACES.md; no mutant is named that is gone. A claim is a line that holds a replay string and an oracle's name in
# bold, or a string alone, which must show some violation.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $explore = 'build/host-fast/explore';

# An explorer of other sources would contradict the documents, or agree with them, for no reason that could be seen.
my ($status, $files) = run_command('find', 'build/host-fast/obj', '-name', '*.d');
my %sources = map { $_ => 1 } map { slurp($_) =~ /([\w\/.]+\.[ch])\b/g } split /\n/, $files;
my @newer = grep { -e && -M _ < -M $explore } sort keys %sources;
die "$explore is older than @newer: make host comes first\n" if @newer;

my %claimed; # replay string => oracle, or '': any

for my $file ('README.md', glob 'docs/*.md') {
	for my $line (split /\n/, slurp($file)) {
		while ($line =~ m{([a-z][a-z-]+/(?:none|imap|rwsem|range|entry)(?:\+\w+)?/(?:step|access):\w+)}g) {
			my $string = $1;
			my ($oracle) = $line =~ /\*\*(ownership|clean-writable|past-eof|zero-page|coherence|poison|durability|deadlock|livelock|panic|values|crash)\*\*/;
			$claimed{$string} ||= $oracle // '';
		}
	}
}
cmp_ok(scalar keys %claimed, '>=', 5, 'the documents name replay strings');
for my $string (sort keys %claimed) {
	my ($status, $out) = run_command('timeout', '60', $explore, "replay=$string");

	is($status, 1, "replay=$string is a violation") or diag tail($out);
	like($out, qr{^\s*=> $claimed{$string}: }m, "of $claimed{$string}") if $claimed{$string};
}

my $list;
($status, $list) = run_command($explore, 'list');
my @races = sort($list =~ /^([a-z][\w-]+)$/mg);
my ($matrix) = slurp('README.md') =~ /^<!-- matrix:(.*)^<!-- end of matrix -->/ms;
my $told = slurp('docs/RACES.md');
is_deeply([sort($matrix =~ /^\| `([\w-]+)` \|/mg)], \@races, "README.md: the matrix has a row for each race (make matrix README=1)");
is_deeply([grep { $told !~ /^(?:\*\*|- )`\Q$_\E`/m } @races], [], 'docs/RACES.md tells of each race');

my %there = map { m{([^/]+)\.patch$} ? ($1 => 1) : () } glob 'tests/mutants/*.patch';
my %named = map { $_ => 1 } slurp('docs/MUTANTS.md') =~ /`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`/g,
	map { /`([^`]+)`/g } $told =~ /\bmutants?:? (`.*`)/g;
is_deeply([grep { !$there{$_} } sort keys %named], [], 'docs/MUTANTS.md and docs/RACES.md name no mutant that is not there');
done_testing();
