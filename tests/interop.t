#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Both ways with Linux: what Faultline wrote the distribution's Linux reads, by checksum, and changes; and the other way round. Both mount by DAX and
# run the same scripts with the same static busybox; e2fsck looks at the images in between.
#
#   1  Faultline makes trees, extended attributes, large files, a large directory
#   2  Linux checks and changes them, and makes its own
#   3  Faultline checks what Linux changed and made, and changes it
#   4  Linux checks that
#
# Trees with three sets of features; the large things on an image of 1 GiB. What Linux makes large is smaller than what we do, because
# that takes it a minute in an emulator; INTEROP_LARGE=1 ("make test-long") makes it the same, on 2 GiB.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Linux;
use Test::More;

plan skip_all => 'no Linux to boot: ' . linux_missing() if linux_missing();

my ($names, $extents) = (50_000, 100_000);
my ($linux_names, $linux_extents) = $ENV{INTEROP_LARGE} ? ($names, $extents) : (5_000, 5_000);

my %steps = (
	'tree-1' => "tree make A 1\nmark 1",
	'tree-2' => "tree check A\ntree change A 2\ntree make B 3\nmarked\nmark 2",
	'tree-3' => "tree check A\ntree check B\ntree change B 4\nmarked\nmark 3",
	'tree-4' => "tree check B\nmarked",

	'large-1' => "large names N $names\nlarge extents E $extents\nlarge sparse S\ndigest E S",
	'large-2' => "same E S\nlarge count N $names\nlarge rename N $names\nlarge change E\nlarge change S\ndigest E S\n"
		. "large names N2 $linux_names\nlarge extents E2 $linux_extents\nlarge sparse S2\ndigest E2 S2",
	'large-3' => "same E S E2 S2\nlarge count N -$names\nlarge count N2 $linux_names\nlarge rename N2 $linux_names\n"
		. "large change E2\nlarge change S2\ndigest E2 S2",
	'large-4' => "same E2 S2\nlarge count N2 -$linux_names",

	# The same random changes on two images, one kernel and the other by turns: after as many of them the trees are equal.
	'first-1' => 'changes 1', 'first-2' => "kept 1\nchanges 2", 'first-3' => "kept 2\nchanges 3", 'first-4' => 'kept 3',
	'second-1' => ':', 'second-2' => 'changes 1', 'second-3' => "kept 1\nchanges 2", 'second-4' => "kept 2\nchanges 3",
);
my $head = <<'END';
PATH=/steps:/usr/bin:/bin
cd /
tree() { busybox ash /steps/tree "$@"; }
digest() { for f; do large digest $f >$f.digest; done; }
plain() { tree plain C; attributes list X; }
changes() { churn C $1 1000; attributes change X $1; plain >plain.$1; }
kept() { plain | diff plain.$1 -; }
mark() { attributes change X $1; attributes list X >X.list; }
marked() { attributes list X | diff X.list -; }
same() { for f; do large digest $f | diff $f.digest - || exit; done; }
set -ex
END

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
mkdir "$root/steps";
run_command('cp', 'build/static/large', 'build/static/churn', 'build/static/attributes', 'tests/interop/tree', "$root/steps");
spew("$root/steps/$_", $head . $steps{$_} . "\n") for keys %steps;

my @features = (
	['as usual' => []],
	['without a journal' => ['-O', '^has_journal']],
	['without checksums' => ['-O', '^metadata_csum']],
);
my @image = map { new_image("tree-$_.img", root => $root, size => '64M', options => $features[$_][1]) } 0 .. $#features;
push @image, (map { new_image("$_.img", root => $root) } 'first', 'second'), new_image('large.img', root => $root, size => $ENV{INTEROP_LARGE} ? '2G' : '1G');
my @kind = ('tree', 'tree', 'tree', 'first', 'second', 'large');
my @name = ((map { "trees, $_->[0]" } @features), 'random changes', 'the same, the other first', 'large files and directories');

sub by_faultline
{
	my ($step) = @_;

	for my $k (0 .. $#image) {
		my $g = guest(image => $image[$k], append => "-- /bin/busybox ash /steps/$kind[$k]-$step", timeout => 300,
			kernel => 'build/release/faultline.elf');
		is($g->{status}, 0, "step $step, Faultline: $name[$k]") or diag tail($g->{out}, 40);
		unlike($g->{out}, $Faultline::alarming, 'nothing alarming on the console');
		fsck_clean($image[$k]);
	}
}

sub by_linux
{
	my ($step) = @_;
	my $l = linux(join('', map {
		"mounted $_ && inside $_ /bin/busybox ash /steps/$kind[$_]-$step && umount /mnt/$_ && echo image $_: well\n"
	} 0 .. $#image), \@image, timeout => 600);

	is($l->{status}, 0, "step $step, Linux ends well") or diag tail($l->{out}, 60);
	unlike($l->{out}, qr/EXT4-fs.*error|warning|corrupt/i, 'and has nothing to complain about');
	for my $k (0 .. $#image) {
		like($l->{out}, qr/^image $k: well$/m, "step $step, Linux: $name[$k]");
		fsck_clean($image[$k]);
	}
}

by_faultline(1);
by_linux(2);
by_faultline(3);
by_linux(4);
for my $n (1 .. 3) {
	my ($one, $two) = map { debugfs_cat($image[$_], "/plain.$n") } 3, 4;

	spew(work("plain.$n"), $two);
	ok($one eq $two && $one ne '', "the same changes have made the same trees, $n") or do {
		spew(work("plain-first.$n"), $one);
		diag tail((run_command('diff', work("plain-first.$n"), work("plain.$n")))[1]);
	};
}
done_testing();
