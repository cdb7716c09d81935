#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Directories ten thousand deep, each with a name of 255 bytes, and many files in one directory, listed while it changes
# (tests/static/deep.c): the program runs on the host's Linux, with less of everything, and in the guest; e2fsck and debugfs look at what is on the
# image in between. DEEP_LARGE=1 ("make test-long"): fifty thousand files.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd;
use Faultline;
use Test::More;

my ($depth, $files) = (10_000, $ENV{DEEP_LARGE} ? 50_000 : 12_500);

my $host = work('host');
run_command('rm', '-rf', $host);
mkdir $host;
my $program = Cwd::abs_path('build/static/deep');
for my $step ('make 3000', 'remove 3000', 'fill 500', 'empty 500') {
	my ($status, $out) = run_command('sh', '-c', "cd $host && exec $program $step");
	is($status, 0, "on the host: $step") or diag $out;
}

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', $program, "$root/bin/");
my $image = new_image('deep.img', root => $root, size => '256M', options => ['-N', 15_000 + 2 * $files]);

sub in_guest
{
	my ($label, $script) = @_;

	spew(work('script'), "cd /data || exit 1\n$script\n");
	run_command('debugfs', '-w', '-R', 'rm /script', $image);
	run_command('debugfs', '-w', '-R', 'write ' . work('script') . ' /script', $image);
	my $g = guest(image => $image, append => '-- sh /script', timeout => 200, kernel => 'build/release/faultline.elf');
	is($g->{status}, 0, "$label: ends well") or diag tail($g->{out}, 40);
	unlike($g->{out}, $Faultline::alarming, "$label: nothing alarming on the console");
	fsck_clean($image, "$label: e2fsck -fn is clean");
	return $g->{out};
}

my $out = in_guest('made', "deep make $depth && deep fill $files");
like($out, qr/^$depth deep$/m, "$depth directories in one another");
my ($name, $top) = ('d' x 255, (run_command('debugfs', '-R', 'ls -p /data/x/t', $image))[1]);
like($top, qr{^/\d+/040755/0/0/$name/}m, 'with names of 255 bytes');
like($out, qr/^$files files$/m, "$files files in one directory, each listed once while others come and go");
my $listed = () = (run_command('debugfs', '-R', 'ls -p /data/many', $image))[1] =~ m{/name-\d+/}g;
is($listed, $files, 'debugfs lists as many');
for my $k (0, $files / 2, $files - 1) {
	like((run_command('debugfs', '-R', "stat /data/many/name-$k", $image))[1], qr/Type: regular/, "and finds name-$k");
}
$out = in_guest('removed', "deep remove $depth && deep empty $files && deep fill 500 && deep empty 500");
like($out, qr/^$depth removed$/m, 'all directories are removed');
like($out, qr/^$files files and \d+ others removed$/m, 'and all files');
like($out, qr/^500 files$/m, 'a small directory is listed name by name while it changes');
done_testing();
