#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Hostile images, tables and texts (tests/hostile): the corpus and what fuzzing has found run once under the ordinary compiler's sanitizers; then,
# where there is clang, each target is fuzzed for a few seconds from there, with a seed that the output names (FUZZ_SEED repeats it).
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

# Thirty seconds in total, or HOSTILE_SECONDS ("make test-long"), most of them where there is most to find.
my %share = (acpi => 2, elf => 2, image => 14, journal => 10, text => 2);
my $seconds = $ENV{HOSTILE_SECONDS} || 30;
my $seed = $ENV{FUZZ_SEED} || int(rand(1 << 31)) + 1;
my @targets = map { m{([^/]+)_fuzz\.c$} } sort glob 'tests/hostile/*_fuzz.c';

for my $target (@targets) {
	my @known = grep { -d } map { "tests/hostile/$_/$target" } qw(corpus regress);
	my ($status, $out) = run_command('timeout', '300', "build/host/${target}_replay", @known);

	is($status, 0, "$target: nothing known is a finding any more") or diag tail($out, 40);
	my ($inputs) = $out =~ /^(\d+) inputs$/m;
	cmp_ok($inputs // 0, '>', 1, "$target: there are inputs");
}

SKIP: {
	skip 'no fuzzing: clang with libFuzzer is not installed', scalar @targets if !-x 'build/host-fuzz/image_fuzz';
	diag "fuzzing with seed $seed";
	for my $target (@targets) {
		my $corpus = work($target);

		run_command('rm', '-rf', $corpus);
		mkdir $corpus;
		# The limit of one input only ends what does not end.
		my ($status, $out) = run_command("build/host-fuzz/${target}_fuzz", "-seed=$seed", '-timeout=120', '-max_len=700',
			"-max_total_time=" . int(($seconds * $share{$target} + 29) / 30), '-rss_limit_mb=2048', '-artifact_prefix=' . work("$target-"),
			$corpus, grep { -d } map { "tests/hostile/$_/$target" } qw(corpus regress));
		is($status, 0, "$target: fuzzed, nothing found") or diag tail($out, 60);
	}
}
done_testing();
