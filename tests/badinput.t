#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Bad input to a booting machine: each must be a clear error and an orderly end, never a panic or a hang.
# (200 damaged images, and ACPI tables of every wrong shape, are also fed to the hosted build, which is
# faster: tests/host.)
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $good = new_image('good.img', size => '96M');

# Boots; expects a message, and an end by the kernel's own decision.
sub refused
{
	my ($what, $message, %o) = @_;
	my $g = guest(append => '-- echo the program ran', timeout => 60, %o);

	subtest $what => sub {
		cmp_ok($g->{status}, '>', 0, 'the status says that something is wrong');
		cmp_ok($g->{status}, '<', 112, 'the kernel itself ended the machine');
		like($g->{out}, $message, 'the message says what');
		unlike($g->{out}, $Faultline::alarming, 'no panic');
	} or diag tail($g->{out}, 30);
}

# Boots; whatever happens must be orderly.
sub survives
{
	my ($what, %o) = @_;
	my $g = guest(append => '-- ls /bin', timeout => 60, %o);

	subtest $what => sub {
		cmp_ok($g->{status}, '<', 112, 'the kernel itself ended the machine');
		unlike($g->{out}, $Faultline::alarming, 'no panic');
	} or diag tail($g->{out}, 30);
}

# The journal's first block.
sub journal_start
{
	my ($status, $out) = run_command('debugfs', '-R', 'bmap <8> 0', shift);

	return $out =~ /^(\d+)$/m ? $1 : die "no journal: $out";
}

sub copy
{
	my ($name) = @_;
	my $to = work($name);

	run_command('cp', '--sparse=always', $good, $to);
	return $to;
}

refused('no NVDIMM', qr/no (NVDIMM|persistent memory|pmem)/i);
refused('RAM-backed region with nothing on it', qr/pmem|ext4/i, append => 'ram_pmem=32M -- true');
refused('NVDIMM smaller than the file system', qr/ext4.*(small|larg|size|beyond|blocks)/i, image => $good, nvdimm_size => 64 << 20);

my $image = work('bad.img');
run_command('truncate', '-s', 0, $image);
run_command('truncate', '-s', '64M', $image);
refused('zeroed image', qr/ext4|no file system|not recognised/i, image => $image);

srand 20150427;
spew($image, join '', map { chr int rand 256 } 1 .. 1 << 20);
run_command('truncate', '-s', '64M', $image);
refused('image of random bytes', qr/ext4|no file system|not recognised/i, image => $image);

$image = copy('cut.img');
run_command('truncate', '-s', '40M', $image);
refused('image cut short', qr/ext4/i, image => $image);

$image = copy('recover.img');
run_command('debugfs', '-w', '-R', 'feature needs_recovery', $image);
my $recovered = guest(image => $image, append => '-- true');
is($recovered->{status}, 0, 'journal that needs recovery: mounted') or diag tail($recovered->{out}, 20);
like($recovered->{out}, qr/ext4: mounted \S+ read-write/, 'to be written to: its log is empty');
fsck_clean($image, 'and e2fsck -fn is content');
patch_bytes($image, journal_start($image) * 4096, 'garbage');
run_command('debugfs', '-w', '-R', 'feature needs_recovery', $image);
refused('journal that is garbage', qr/journal's superblock is damaged/i, image => $image);

$image = copy('feature.img');
run_command('debugfs', '-w', '-R', 'feature encrypt', $image);
refused('feature that we do not know', qr/encrypt/i, image => $image);

# Only other people's data: never written to.
$image = work('mbr.img');
spew($image, "\0" x 446 . "\x80\0\0\0\x83\0\0\0" . pack('VV', 2048, 100000) . "\0" x 48 . "\x55\xaa");
run_command('truncate', '-s', '64M', $image);
my $before = slurp($image);
refused('partition table', qr/partition/i, image => $image);
ok($before eq slurp($image), 'the partitioned device is left alone');

# Random damage to the metadata: descriptor tables, bitmaps, inodes, directories.
my @damaged;
for my $n (1 .. 12) {
	my $path = copy("damaged-$n.img");
	my $where = 4096 + int rand(300 * 4096);
	patch_bytes($path, $where + int rand 4096, join '', map { chr int rand 256 } 1 .. 1 + int rand 64) for 1 .. 40;
	survives("image with damaged metadata, $n", image => $path);
	unlink $path;
}

# ACPI tables with wrong lengths inside. QEMU itself sets the table's length and checksum.
sub table
{
	my ($signature, $body) = @_;
	my $path = work("\L$signature.bin");

	spew($path, $signature . pack('VCC', 36 + length $body, 1, 0) . 'FAULTLTESTTABL' . pack('VVV', 1, 0, 1) . $body);
	return $path;
}
my %nfit = (
	'empty' => '',
	'body without a structure' => pack('V', 0),
	'structure of length 0' => pack('Vvv', 0, 0, 0),
	'structure of length 3' => pack('Vvv', 0, 0, 3),
	'structure longer than the table' => pack('Vvv', 0, 0, 56) . "\0" x 8,
	'range that wraps round' => pack('Vvvvv', 0, 0, 56, 1, 0) . pack('VV', 0, 0)
		. "\x79\xd3\xf0\x66\xf3\xb4\x74\x40\xac\x43\x0d\x33\x18\xb7\x8c\xdb" . pack('QQQ', ~0 - 4095, 1 << 40, 8),
	'type that nobody knows' => pack('Vvv', 0, 999, 16) . "\xff" x 12,
);
for my $case (sort keys %nfit) {
	my $file = table('NFIT', $nfit{$case});
	# A structure of an unknown type is legal, and so is none at all; the others must be reported.
	my $message = $case =~ /length|longer|wraps/ ? qr/nfit: warning/ : qr/no persistent memory/;
	refused("NFIT: $case", $message, qemu_extra => "-acpitable file=$file");
}
my %madt = (
	'entry of length 0' => pack('VV', 0xfee00000, 1) . pack('CC', 0, 0),
	'entry longer than the table' => pack('VV', 0xfee00000, 1) . pack('CC', 0, 200),
	'no entries' => pack('VV', 0xfee00000, 1),
	'body too short' => pack('v', 1),
);
for my $case (sort keys %madt) {
	my $file = table('APIC', $madt{$case});
	survives("second MADT: $case", image => $good, qemu_extra => "-acpitable file=$file");
}

# Words on the command line.
my $g = guest(image => $good, append => 'nonsense=1 mem=12Q -- true');
like($g->{out}, qr/nonsense/, 'an unknown option is reported');
# An option's value may have blanks, in quotes of either kind.
for my $quoted (q('explore=truncate-stale range max=7 quiet'), q(explore='truncate-stale range max=7 quiet'),
	q(explore="truncate-stale range max=7 quiet"))
{
	$g = guest(image => $good, append => "$quoted -- true", timeout => 60);
	like($g->{out}, qr/truncate-stale +range +7 /, "$quoted: all words arrive") or diag tail($g->{out});
}
refused('init that is not there', qr/nowhere/, image => $good, append => 'init=/nowhere');
refused('init that is no program', qr/hello/, image => $good, append => 'init=/data/hello.txt');
fsck_clean($good, 'the good image is still clean');
done_testing();
