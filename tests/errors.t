#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# What a whole machine does when its root file system is found damaged: errors= of the superblock and of the command line, and the record that
# dumpe2fs shows and e2fsck clears. The other options of the mount. And statfs beside the same on Linux.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Linux;
use Test::More;

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
mkdir "$root/bad";
spew("$root/bad/file", "text\n");
spew("$root/probe", "cat /bad/file >/dev/null && echo readable; echo x >/after && echo writable; cat /proc/mounts; true\n");
my $probe = '-- /bin/busybox ash /probe';

sub damaged
{
	my ($name, @options) = @_;
	my $image = new_image($name, size => '64M', root => $root, options => \@options);

	run_command('debugfs', '-w', '-R', 'zap_block -f /bad -p 0x55 0', $image);
	return $image;
}

sub header
{
	return (run_command('dumpe2fs', '-h', shift))[1];
}

# Damage is found; %o says what comes of it.
sub finds
{
	my ($what, $image, %o) = @_;
	my $g = guest(image => $image, append => ($o{append} // '') . " $probe", timeout => 60);

	subtest $what => sub {
		like($g->{out}, qr/ext4: error: damaged: inode \d+: block 0 of the directory has a wrong checksum/, 'the damage is named');
		unlike($g->{out}, qr/^readable/m, 'the caller gets an error');
		($o{writable} ? \&like : \&unlike)->($g->{out}, qr/^writable/m, $o{writable} ? 'it goes on' : 'it goes on no more');
		like($g->{out}, qr/ext4 $o{mounts} 0 0$/m, '/proc/mounts tells') if $o{mounts};
		like($g->{out}, $o{says}, 'the log too') if $o{says};
		unlike($g->{out}, $Faultline::alarming, 'nothing alarming') unless $o{panics};
		like(header($image), qr/^FS Error count: +\d+\nFirst error time: .*\nFirst error function: +ext4_dir_block$/m, 'the record is there');
		like(header($image), qr/^Filesystem state: .*with errors$/m, 'and the state');
	} or diag tail($g->{out}, 40);
}

my $image = damaged('continue.img', '-e', 'continue');
finds('continue', $image, writable => 1, mounts => 'rw,noatime,dax=always,errors=continue');
finds('continue, once more', $image, writable => 1,
	says => qr/ext4: warning: errors before this mount: \d+, first at time \d+ in ext4_dir_block:\d+ \(inode \d+, block \d+\)/);
fsck_repair($image);
unlike(header($image), qr/FS Error count|with errors/, 'e2fsck clears the record');
my $g = guest(image => $image, append => $probe, timeout => 60);
is($g->{status}, 0, 'and the machine runs well') or diag tail($g->{out});
unlike($g->{out}, qr/errors before this mount/, 'without a word about it');
fsck_clean($image);

$image = damaged('ro.img', '-e', 'remount-ro');
finds('remount-ro', $image, mounts => 'ro,noatime,dax=always,errors=remount-ro', says => qr/read-only from here on/);
$g = guest(image => $image, append => $probe, timeout => 60);
like($g->{out}, qr/errors were found in it, and errors=continue is not set: mounted read-only/, 'the next mount is read-only');
finds('errors=continue on the command line', $image, append => 'errors=continue', writable => 1);

finds('panic', damaged('panic.img', '-e', 'panic'), panics => 1, says => qr/^panic: .*errors=panic asks for this/m);
finds('errors=remount-ro on the command line', damaged('no-panic.img', '-e', 'panic'), append => 'errors=remount-ro');

$image = new_image('good.img', size => '64M', root => $root);
$g = guest(image => $image, append => "nojournal errors=perhaps $probe", timeout => 60);
is($g->{status}, 0, 'nojournal: the machine runs well') or diag tail($g->{out});
like($g->{out}, qr/options: warning: errors: bad value 'perhaps', it takes continue\|remount-ro\|panic: ignored/, 'a bad value is named');
like($g->{out}, qr/ext4 rw,noatime,dax=always,errors=continue,nojournal 0 0$/m, 'nojournal: /proc/mounts tells');
like($g->{out}, qr/^readable\nwritable$/m, 'nojournal: it can be used');
fsck_clean($image, 'nojournal: e2fsck is content');

# What is mounted for reading: everything can be read, each change is EROFS, and not a byte of the image is another afterwards.
my @changes = (
	'echo x >/after', 'echo x >>/probe', 'mkdir /d', 'rmdir /data', 'rm -f /probe', 'mv -f /probe /q', 'ln /probe /q', 'ln -s q /l',
	'mkfifo /p', 'chmod 600 /probe', 'touch /probe', 'truncate -s 1 /probe',
);
spew("$root/changes", join '', map { (s/^(?!echo)/busybox /r) . "\n" } @changes, 'sync', 'cat /bad/file', 'cat /proc/mounts', 'true');

sub mounted_for_reading
{
	my ($what, $image, %o) = @_;
	my $before = work('before.img');

	run_command('cp', '--sparse=always', $image, $before);
	my $g = guest(image => $image, append => ($o{append} // '') . ' -- /bin/busybox ash /changes', timeout => 60);
	subtest $what => sub {
		is($g->{status}, 0, 'the machine runs well');
		like($g->{out}, $o{says}, 'the log tells');
		like($g->{out}, qr/ext4 ro,/, '/proc/mounts too');
		like($g->{out}, qr/^text$/m, 'it can be read');
		my $refused = () = $g->{out} =~ /Read-only file system/g;
		is($refused, scalar @changes, 'each change is refused');
		unlike($g->{out}, $Faultline::alarming, 'nothing alarming');
		is((run_command('cmp', $image, $before))[1], '', 'not a byte of the image has changed');
	} or diag tail($g->{out}, 40);
}

mounted_for_reading('ro', new_image('for-reading.img', size => '64M', root => $root), append => 'ro', says => qr/ext4: mounted \S+ read-only/);
mounted_for_reading('quotas', new_image('quota.img', size => '64M', root => $root, options => ['-O', 'quota']),
	says => qr/ext4: .*quota.*read-only/);

# Free space, as dumpe2fs counts and as Linux does.
sub statfs_of
{
	return $_[0] =~ /(^ +File: .*?Inodes: [^\n]*)/ms ? $1 : '';
}
my $ours = guest(image => $image, append => '-- /bin/busybox stat -f /', timeout => 60);
my %dumped = header($image) =~ /^([A-Z][a-z ]+[a-z]): +(\d+)$/mg;
my ($total, $free, $available, $inodes, $free_inodes) =
	statfs_of($ours->{out}) =~ /Total: (\d+) +Free: (\d+) +Available: (\d+)\s+Inodes: Total: (\d+) +Free: (\d+)/;
is($total, $dumped{'Block count'} - $dumped{'Overhead clusters'}, 'statfs: blocks') or diag tail($ours->{out});
is($free, $dumped{'Free blocks'}, 'statfs: free blocks');
is("$inodes $free_inodes", "$dumped{'Inode count'} $dumped{'Free inodes'}", 'statfs: inodes');
cmp_ok($available, '<', $free - $dumped{'Reserved block count'}, 'statfs: available blocks');
SKIP: {
	skip 'no Linux to boot: ' . linux_missing(), 2 if linux_missing();
	my $linux = linux("mounted 0 && inside 0 /bin/busybox stat -f / && umount /mnt/0\n", [$image]);
	is($linux->{status}, 0, 'Linux mounts the image') or diag tail($linux->{out});
	is(statfs_of($ours->{out}), statfs_of($linux->{out}), 'statfs: all is as on Linux');
}
done_testing();
