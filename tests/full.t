#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Full file systems and files in very many pieces, on the machine (tests/static/full.c); the hosted half is tests/host/full_test.c.
#
#   errors     no block is left: each call fails as it should, a store into a hole is SIGBUS, and when something has gone all works again
#   pieces     a file of many extents is removed and cut; the power fails in the middle, and the next boot finishes it
#   small log  four CPUs at work on a small image that is full again and again, with the smallest log there is
#
# FULL_PIECES says how many extents (20000; "make test-long": 524288, which is a file of 4 GiB and a tree of three levels below the root); then
# Linux recovers one of the images too, and runs the errors.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Linux;
use Test::More;
use Time::HiRes qw(sleep time);

my $pieces = $ENV{FULL_PIECES} || 20_000;
my $long = $pieces > 100_000;
my $release = 'build/release/faultline.elf';

my %script = (
	errors => "full free\nmkdir tree\ncd tree\nfull errors\ncd /\nrm -r tree\nsync\nfull free\n",
	make => "full free\nfull pieces F $pieces\nfull pieces G $pieces\n",
	unlink => "full unlink F\nsync\nfull free\n",
	cut => "full cut G 4096\n",
	delete => "rm -f F G name other\nsync\nfull free\n",
	count => "full free\n",
	log => "full free\nmkdir tree\ncd tree\nfor n in 1 2 3; do churn C\$n \$n 300 2>/dev/null & done\nfull pieces F 1000\nfull unlink F\n"
		. "wait\ncd /\nrm -r tree\nsync\nfull free\n",
);

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/static/full', 'build/static/churn', "$root/bin");
mkdir "$root/steps";
spew("$root/steps/$_", "PATH=/bin\ncd /\n$script{$_}") for keys %script;

sub boot
{
	my ($image, $step, %o) = @_;
	my $g = guest(image => $image, append => "-- /bin/busybox ash -e /steps/$step", timeout => 600, kernel => $release, %o);

	is($g->{status}, 0, "$step: ends well") or diag tail($g->{out}, 40);
	unlike($g->{out}, $Faultline::alarming, "$step: nothing alarming on the console");
	note $_ for $g->{out} =~ /^(took.*)$/mg;
	return $g;
}

# What `full free` has said.
sub free_of
{
	my ($g) = @_;

	return $g->{out} =~ /^free: (.*)$/mg;
}

# --- errors ---

for my $kernel ('debug', 'release') {
	my $spare = new_image("errors-$kernel.img", root => $root, size => '64M', options => $kernel eq 'debug' ? [] : ['-O', '^has_journal']);
	my $g = boot($spare, 'errors', kernel => "build/$kernel/faultline.elf");

	cmp_ok(guest_ktap("errors, $kernel", $g), '>', 20, 'full errors');
	my ($before, $after) = free_of($g);
	is($after, $before, 'all is free again');
	fsck_clean($spare);
}
if ($long && !linux_missing()) {
	my $l = linux("mounted 0 && inside 0 /bin/busybox ash -e /steps/errors && umount /mnt/0\n", [work('errors-debug.img')]);
	is($l->{status}, 0, 'on Linux too') or diag tail($l->{out}, 60);
	guest_ktap('errors, Linux', $l);
}

# --- pieces ---

my $image = new_image('pieces.img', root => $root, size => $long ? '12G' : '1G');
my ($before) = free_of(boot($image, 'count'));
boot($image, 'make');
my (undef, $nodes) = run_command('debugfs', '-R', 'dump_extents -n /F', $image);
cmp_ok(() = $nodes =~ /^ *\d/mg, '>', $pieces / 340, 'it has so many extents');
my ($deep) = $nodes =~ m{^ *0/ *(\d+)}m;
cmp_ok($deep // 0, '>=', $long ? 3 : 2, 'in a deep tree');
fsck_clean($image);

sub copied
{
	my ($name) = @_;
	my $copy = work($name);

	run_command('cp', '--sparse=always', $image, $copy);
	return $copy;
}

# The power fails some time after it has begun. By ours, and perhaps by others first, the orphan is finished.
sub cut_power
{
	my ($step, $instant) = @_;
	my $copy = copied('cut.img');
	my $g = guest_start(work('console'), image => $copy, kernel => $release, append => "-- /bin/busybox ash -e /steps/$step");
	my $what = sprintf 'power cut %.2f s into %s', $instant, $step;

	for (1 .. 1200) {
		last if slurp($g->{log}) =~ /^begins/m;
		sleep 0.02;
	}
	sleep $instant;
	my $said = eval { power_cut($g) };
	if (!defined $said) {
		waitpid $g->{runner}, 0;
		note "$what: too late, it was over";
		return 0;
	}
	unlike($said, $Faultline::alarming, "$what: nothing alarming before");
	if ($long) {
		my $other = work('other.img');
		run_command('cp', '--sparse=always', $copy, $other);
		fsck_repair($other, "$what: e2fsck recovers it");
		fsck_clean($other);
		if (!linux_missing()) {
			run_command('cp', '--sparse=always', $copy, $other);
			my $l = linux("mounted 0 && umount /mnt/0\n", [$other], timeout => 600);
			is($l->{status}, 0, "$what: Linux recovers it") or diag tail($l->{out}, 60);
			fsck_clean($other);
		}
	}
	$g = boot($copy, 'count');
	my $finished = $g->{out} =~ /orphan (?:deleted|truncated)/;
	fsck_clean($copy, "$what: recovered by us, e2fsck -fn is clean");
	$g = boot($copy, 'delete');
	is((free_of($g))[-1], $before, "$what: every block and inode is free again");
	fsck_clean($copy);
	return $finished;
}

for my $step ('unlink', 'cut') {
	my $finished = 0;

	for (my $instant = 0.6; !$finished && $instant > 0.01; $instant /= 2) {
		$finished = cut_power($step, $instant);
	}
	ok($finished, "$step: the power has failed in the middle");
}
boot($image, 'unlink');
boot($image, 'cut') if $long;
my $g = boot($image, 'delete');
is((free_of($g))[-1], $before, 'every block and inode is free again');
fsck_clean($image);

# --- small log ---

my $small = new_image('small.img', root => $root, size => '72M', options => ['-J', 'size=4']);
for my $kernel ('debug', $long ? 'release' : ()) {
	$g = boot($small, 'log', kernel => "build/$kernel/faultline.elf", smp => 4);
	my ($first, $last) = free_of($g);
	is($last, $first, 'small log: all is free again');
	fsck_clean($small);
}
done_testing();
