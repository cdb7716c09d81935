#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The tests tested: each tests/mutants/*.patch breaks the kernel in one way, and the test that it names must
# notice. The head of a patch says so:
#
#	Breaks: what is wrong then
#	Race: the races of the explorer whose scenarios notice it, if it is one that has a name; they stand in Test
#	Build: what make builds of it, below build/
#	Test: the command that judges, run at the top of the tree
#	Noticed-by: a regular expression that the output must match, and does not match without the patch
#	Needs: a file without which the test skips, and so does the mutant
#
# A mutant is built in a copy of the tree that has the objects of the last build and what tests in the guest take from build/, so that only
# what the patch changes is compiled again. That the patches apply is tested on the way. Commands without the patch run once, however
# many mutants they judge. Two processes share the work (MUTANT_JOBS); docs/MUTANTS.md says which mutant stands for what.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd;
use Faultline;
use Storable qw(store retrieve);
use Test::More;

my @patches = @ARGV ? @ARGV : sort glob 'tests/mutants/*.patch';
my $jobs = $ENV{MUTANT_JOBS} || 2;

cmp_ok(scalar @patches, '>=', @ARGV ? 1 : 6, 'there are mutants');

# For mutants that only the real machine shows; with the program of random calls.
my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/linux/fuzzcalls', "$root/bin/");
my @image = map { Cwd::abs_path(new_image("guest-$_.img", root => $root)) } 0 .. $jobs - 1;

# Runs $work on each of @items, $jobs processes at a time; what it returned, by item. A process that dies leaves its answers out.
sub shared
{
	my ($label, $work, @items) = @_;
	my (@pids, %all);

	for my $k (0 .. $jobs - 1) {
		my $pid = fork // die "fork: $!";
		if (!$pid) {
			my %done;

			$ENV{GUEST_IMAGE} = $image[$k]; # two machines cannot share one
			# Every item belongs to whoever makes its directory first.
			for my $n (0 .. $#items) {
				mkdir work("$label.$n") or next;
				$done{$items[$n]} = $work->($items[$n], $k);
			}
			store(\%done, work("$label.done.$k"));
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	waitpid $_, 0 for @pids;
	for my $k (0 .. $jobs - 1) {
		my $file = work("$label.done.$k");
		%all = (%all, %{ retrieve($file) }) if -e $file;
		unlink $file;
	}
	rmdir work("$label.$_") for 0 .. $#items;
	return %all;
}

sub head_of
{
	my ($patch) = @_;

	return map { /^([\w-]+): (.*)$/ ? ($1 => $2) : () } split /\n/, (split /^--- /m, slurp($patch))[0];
}

# The tree without what was built, but for the objects of one variant: sources as links, which patch replaces and does not
# write through, objects as copies.
sub copy_tree
{
	my ($tree, $variant) = @_;
	my @objects = grep { -d || !-x || /\.elf$|-glibc$/ } glob "build/$variant/*";

	run_command('rm', '-rf', $tree);
	run_command('mkdir', '-p', "$tree/build/$variant");
	run_command('cp', '-al', (grep { $_ ne 'build' } glob '*'), $tree);
	run_command('cp', '-a', @objects, "$tree/build/$variant/");
	run_command('cp', '-al', (grep { -e } map { "build/$_" } 'rootfs', 'static', 'linux-kernel', 'newlib'), "$tree/build/");
}

# Builds and judges one mutant: [[ok, what, diagnosis]...]
sub judge
{
	my ($patch) = @_;
	my ($name) = $patch =~ m{([^/]+)\.patch$};
	my %head = head_of($patch);
	my ($variant) = $head{Build} =~ m{^build/([\w-]+)/};
	my $tree = work($name);
	my @checks;
	my $check = sub { push @checks, [@_]; return $_[0] };

	copy_tree($tree, $variant);
	my ($status, $out) = run_command('patch', '-s', '-F0', '-p1', '-d', $tree, '-i', Cwd::abs_path($patch));
	$check->($status == 0, 'the patch applies', $out) or return \@checks;
	($status, $out) = run_command('make', '-s', '-C', $tree, $head{Build});
	$check->($status == 0, 'the mutant is built', tail($out)) or return \@checks;
	($status, $out) = run_command('sh', '-c', "cd $tree && timeout 120 $head{Test}");
	$check->($status != 0, 'with the patch the test fails', tail($out));
	$check->(scalar $out =~ /$head{'Noticed-by'}/m, "it notices: $head{'Noticed-by'}", tail($out));
	run_command('rm', '-rf', $tree);
	return \@checks;
}

my %head = map { $_ => { head_of($_) } } @patches;
my @lacking = grep { defined $head{$_}{Needs} && !-e $head{$_}{Needs} } @patches;
delete @head{@lacking};
@patches = grep { $head{$_} } @patches;
note "left out for want of what they need: @lacking" if @lacking;
my %command = map { $_->{Test} => 1 } values %head;
run_command('sh', '-c', 'rm -rf ' . work('plain.*') . ' ' . work('mutant.*'));
# In this tree, where the same test may be at work: its files are not ours.
my %plain = shared('plain', sub { [run_command('sh', '-c', "TEST_DIR=build/test/mutants.$_[1] timeout 120 $_[0]")] }, sort keys %command);
my %result = shared('mutant', \&judge, @patches);

for my $patch (@patches) {
	my ($name) = $patch =~ m{([^/]+)\.patch$};
	my %h = %{ $head{$patch} };

	subtest "$name: $h{Breaks}" => sub {
		my ($status, $out) = @{ $plain{ $h{Test} } // [-1, 'it was not run'] };
		my %runs = map { $_ => 1 } split ' ', $h{Test};

		is_deeply([grep { !$runs{$_} } split ' ', $h{Race} // ''], [], 'its test runs the races that it names');
		is($status, 0, "without the patch the test passes: $h{Test}") or diag tail($out);
		unlike($out, qr/$h{'Noticed-by'}/m, 'with nothing to notice');
		for (@{ $result{$patch} // [[0, 'it was judged', 'its process has died']] }) {
			my ($good, $what, $why) = @$_;
			ok($good, $what) or diag $why;
		}
	};
}
done_testing();
