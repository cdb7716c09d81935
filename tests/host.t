#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The hosted unit tests: every build/host/*_test, under the address and undefined-behaviour sanitizers.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my @programs = map { s{^tests/host/(.*)\.c$}{build/host/$1}r } sort glob 'tests/host/*_test.c';

cmp_ok(scalar @programs, '>', 0, 'there are hosted tests');
for my $program (@programs) {
	my ($name) = $program =~ m{([^/]+)$};
	my ($status, $out) = run_command('timeout', '120', $program);

	# A program that speaks TAP is judged line by line; any other by its status.
	for (split /\n/, $out) {
		ok(!$1, "$name: $2") if /^(not )?ok \d+(?: -)? ?(.*)$/;
	}
	is($status, 0, "$name ends well") or diag tail($out, 40);
}
done_testing();
