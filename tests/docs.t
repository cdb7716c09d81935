#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# What the documents claim: each replay string in them shows the violation that stands beside it, and docs/MUTANTS.md
# names no mutant that is gone. A claim is a line that holds a replay string and an oracle's name in bold, or a string alone, which
# must show some violation.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my %claimed; # replay string => oracle, or '': any

for my $file ('README.md', glob 'docs/*.md') {
	for my $line (split /\n/, slurp($file)) {
		while ($line =~ m{([a-z][a-z-]+/(?:none|imap|rwsem|range|entry)(?:\+\w+)?/(?:step|access):\w+)}g) {
			my $string = $1;
			my ($oracle) = $line =~ /\*\*(ownership|clean-writable|past-eof|zero-page|durability|deadlock|livelock|panic|values|crash)\*\*/;
			$claimed{$string} ||= $oracle // '';
		}
	}
}
cmp_ok(scalar keys %claimed, '>=', 5, 'the documents name replay strings');
for my $string (sort keys %claimed) {
	my ($status, $out) = run_command('timeout', '60', 'build/host-fast/explore', "replay=$string");

	is($status, 1, "replay=$string is a violation") or diag tail($out);
	like($out, qr{^\s*=> $claimed{$string}: }m, "of $claimed{$string}") if $claimed{$string};
}

my %there = map { m{([^/]+)\.patch$} ? ($1 => 1) : () } glob 'tests/mutants/*.patch';
my %named = map { $_ => 1 } slurp('docs/MUTANTS.md') =~ /`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`/g;
is_deeply([grep { !$there{$_} } sort keys %named], [], 'docs/MUTANTS.md names no mutant that is not there');
done_testing();
