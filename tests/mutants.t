#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The tests tested: each tests/mutants/*.patch breaks the kernel in one way, and the test that it names must
# notice. The head of a patch says so:
#
#	Breaks: what is wrong then
#	Build: what make builds of it, below build/
#	Test: the command that judges, run at the top of the tree
#	Noticed-by: a regular expression that the output must match, and does not match without the patch
#
# A mutant is built in a copy of the tree that has the objects of the last build, so that only what the
# patch changes is compiled again. That the patches apply is tested on the way.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd;
use Faultline;
use Test::More;

my @patches = @ARGV ? @ARGV : sort glob 'tests/mutants/*.patch';

cmp_ok(scalar @patches, '>=', @ARGV ? 1 : 6, 'there are mutants');

# For mutants that only the real machine shows.
my $image = new_image('guest.img');
$ENV{GUEST_IMAGE} = Cwd::abs_path($image);

sub mutant
{
	my ($patch, $name, %head) = @_;
	my ($variant) = $head{Build} =~ m{^build/([\w-]+)/};
	my ($status, $out) = run_command('sh', '-c', "timeout 120 $head{Test}");

	is($status, 0, "without the patch the test passes: $head{Test}") or diag tail($out);
	unlike($out, qr/$head{'Noticed-by'}/m, 'with nothing to notice');

	my $tree = work($name);
	run_command('rm', '-rf', $tree);
	run_command('mkdir', '-p', "$tree/build");
	run_command('cp', '-a', (grep { $_ ne 'build' } glob '*'), $tree);
	run_command('cp', '-a', "build/$variant", "$tree/build/");

	($status, $out) = run_command('patch', '-s', '-p1', '-d', $tree, '-i', "../../../../$patch");
	is($status, 0, 'the patch applies') or return diag $out;
	($status, $out) = run_command('make', '-s', '-C', $tree, $head{Build});
	is($status, 0, 'the mutant is built') or return diag tail($out);
	($status, $out) = run_command('sh', '-c', "cd $tree && timeout 120 $head{Test}");
	isnt($status, 0, 'with the patch the test fails') or diag tail($out);
	like($out, qr/$head{'Noticed-by'}/m, "it notices: $head{'Noticed-by'}") or diag tail($out);
	run_command('rm', '-rf', $tree);
}

for my $patch (@patches) {
	my ($name) = $patch =~ m{([^/]+)\.patch$};
	my %head = map { /^([\w-]+): (.*)$/ ? ($1 => $2) : () } split /\n/, (split /^--- /m, slurp($patch))[0];

	subtest "$name: $head{Breaks}", \&mutant, $patch, $name, %head;
}
done_testing();
