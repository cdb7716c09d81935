#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Immutable and append-only: what tests/static/kept.c may do with such files and directories here is what it may do on Linux, on images that are alike.
# debugfs sees the flags, which the next mount obeys.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Linux;
use Test::More;

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/static/kept', "$root/bin/kept");
mkdir "$root/here";
my ($image, $other) = map { new_image($_, size => '64M', root => $root) } 'ours.img', 'linux.img';

sub table
{
	return join '', $_[0] =~ /^(kept: .*\n)/mg;
}

my $g = guest(image => $image, append => '-- /bin/kept /here', timeout => 60);
is($g->{status}, 0, 'it runs') or diag tail($g->{out});
unlike($g->{out}, $Faultline::alarming, 'calmly');
fsck_clean($image);
like((run_command('debugfs', '-R', 'stat /here/immutable/file', $image))[1], qr/Flags: 0x80010$/m, 'debugfs: immutable');
like((run_command('debugfs', '-R', 'stat /here/append-only/dir', $image))[1], qr/Flags: 0x80020$/m, 'debugfs: append-only');
my $next = guest(image => $image, timeout => 60,
	append => q{-- /bin/busybox ash -c "rm -f /here/immutable/file || echo x >/here/append-only/file || echo x >>/here/append-only/file && echo kept"});
like($next->{out}, qr/^kept$/m, 'the next mount obeys them') or diag tail($next->{out});
fsck_clean($image);
SKIP: {
	skip 'no Linux to boot: ' . linux_missing(), 2 if linux_missing();
	my $linux = linux("mounted 0 && inside 0 /bin/kept /here && umount /mnt/0\n", [$other]);
	my ($want, $got) = map { table($_->{out}) } $linux, $g;
	spew(work('want'), $want);
	spew(work('got'), $got);
	cmp_ok(() = $want =~ /\n/g, '>', 100, 'Linux has run it') or diag tail($linux->{out});
	ok($got eq $want, 'the same on Linux and on Faultline') or diag tail((run_command('diff', '-U1', work('want'), work('got')))[1], 60);
}
done_testing();
