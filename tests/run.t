#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# What "make run" does for a user, on an image of its own: exits 0, shows the whole path, again and again,
# also after the machine was killed.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $image = work('run.img');
my @make = ('make', "IMAGE=$image");
unlink $image;

my ($status, $out) = run_command(@make, 'run');
is($status, 0, 'make run exits 0') or diag tail($out, 40);
like($out, qr/^qemu-system-x86_64 .*nvdimm/m, 'it prints the QEMU command');
like($out, qr/nfit.*0x[0-9a-f]+/i, "the NVDIMM's range");
like($out, qr/ext4.*mount/i, 'the mount');
like($out, qr/Hello from the host/, "the host's file");
like($out, qr/SIGBUS/, 'the fault past the end');
like($out, qr/truncate-reuse/, 'the races');
like($out, qr/\binterleavings?\b/, 'how many interleavings there were');
fsck_clean($image, 'the image is clean afterwards');
like(debugfs_cat($image, '/data/hello.txt'), qr/^stored through the mapping/m, 'with what the program stored');

# The user's files survive the next run, and a run after a crash.
run_command('debugfs', '-w', '-R', 'write LICENSE /root/mine', $image);
run_command('debugfs', '-w', '-R', 'ssv state 0', $image);
($status, $out) = run_command(@make, 'run', 'APPEND=-- cat /root/mine');
is($status, 0, 'make run exits 0 on an image that was left unclean') or diag tail($out, 40);
like($out, qr/was not unmounted/, 'having said that it repaired it');
like($out, qr/MIT License/, "the user's file is still there");
fsck_clean($image, 'the image is clean again');

# New programs replace the old ones, on an image of an older tree too; what the user has stays.
sub refreshed
{
	utime 0, 0, "$image.programs";
	($status, $out) = run_command(@make, 'run', 'APPEND=-- cat /root/mine');
	is($status, 0, "make run exits 0 $_[0]") or diag tail($out, 40);
	like($out, qr/new programs.*MIT License/s, '… having refreshed the image, not the files of the user');
	fsck_clean($image, '… and e2fsck is content');
}

refreshed('with new programs');
run_command('debugfs', '-w', '-R', "rm $_", $image) for 'bin/busybox', 'usr/bin/vi', 'bin/sh';
run_command('debugfs', '-w', '-R', 'write LICENSE bin/sh', $image);
refreshed('on an image that lacks some');
is(debugfs_cat($image, '/bin/busybox'), slurp('build/rootfs/bin/busybox'), 'the program that was missing is there');
for my $link ('usr/bin/vi', 'bin/sh') {
	(undef, $out) = run_command('debugfs', '-R', "stat /$link", $image);
	like($out, qr{link dest: "(?:/bin/)?busybox"}, "and its link $link");
}
(undef, $out) = run_command('debugfs', '-R', 'ls /lost+found', $image);
unlike($out, qr/#\d/, 'nothing was left without a name');
done_testing();
