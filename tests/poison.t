#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# A bad page of persistent memory: every process that maps it gets SIGBUS, read(2) gets EIO, the block stays out of use, and the kernel goes
# on. By madvise(MADV_HWPOISON), and by machine checks that QEMU's monitor injects.
use strict;
use warnings;
no warnings 'portable'; # addresses have 64 bits
use lib 'tests/lib';
use Faultline;
use IO::Socket::UNIX;
use Test::More;

# MCi_STATUS: VAL UC EN MISCV ADDRV, and S where software can recover; AR: an instruction needs the data. A data load. The
# address is physical, good to a page.
my $optional = '0xbd00000000000134';
my $required = '0xbd80000000000134';
my $corrupt = '0xbf80000000000134';
my $misc = '0x8c';
my ($going_on, $at_instruction) = (5, 7); # MCG_STATUS: MCIP RIPV, EIPV

sub until_said
{
	my ($log, $what) = @_;

	for (1 .. 600) {
		return 1 if slurp($log) =~ $what;
		select undef, undef, undef, 0.05;
	}
	return 0;
}

# Boots a machine on the image, waits for the words, says `mce` to its monitor, and waits for its end.
sub machine_check
{
	my ($image, $program, $ready, %o) = @_;
	my ($log, $socket) = (work('guest.log'), work('monitor'));

	unlink $socket;
	# Intel's processors tell all CPUs of an error, and QEMU does it for no others.
	my $g = guest_start($log, image => $image, append => "-- $program", smp => 2, cpu => 'max,vendor=GenuineIntel,family=6,model=85',
		qemu_extra => "-monitor unix:$socket,server,nowait");
	ok(until_said($log, $ready), "$program: runs") or diag tail(slurp($log));
	my ($base) = slurp($log) =~ /ext4: mounted 0x([0-9a-f]+)/;
	my $monitor = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket);
	ok($base && $monitor, 'the machine has a monitor') or return { status => -1, out => '' };
	my $address = sprintf '0x%x', $o{address} // hex($base) + $o{block} * 4096;
	print $monitor "mce $o{error} $address $misc\n";
	$monitor->flush;
	waitpid $g->{runner}, 0;
	(my $out = slurp($log)) =~ s/\r//g;
	return { status => $? >> 8, out => $out };
}

my $image = new_image('poison.img', size => '64M');
my $g = guest(image => $image, append => '-- ktap-poison');
cmp_ok(guest_ktap('madvise', $g), '>', 0, 'madvise: there are tests');
is($g->{status}, 0, 'madvise: ends well') or diag tail($g->{out}, 40);
fsck_clean($image, 'madvise: e2fsck -fn is content');

# The block of page 1 of a file that the host has made.
spew(work('victim'), 'v' x (4 * 4096));
run_command('debugfs', '-w', '-R', 'write ' . work('victim') . ' /data/victim', $image);
my ($status, $out) = run_command('debugfs', '-R', 'bmap /data/victim 1', $image);
my ($block) = $out =~ /^(\d+)$/m;
ok($block, 'debugfs knows the block') or diag $out;

$g = machine_check($image, 'ktap-poison /data/victim', qr/^ktap-poison: ready/m, block => $block,
	error => "-b 0 1 $optional $going_on");
cmp_ok(guest_ktap('machine check', $g), '>', 0, 'machine check: there are tests');
is($g->{status}, 0, 'machine check: ends well') or diag tail($g->{out}, 40);
like($g->{out}, qr/mce: .*bad page/, 'machine check: the log tells');
fsck_clean($image, 'machine check: e2fsck -fn is content');

# The same by an error that the interrupted instruction has met, which user mode survives. It comes when it comes: if that is in the
# kernel, which has no way out there, once more.
for (1 .. 5) {
	run_command('debugfs', '-w', '-R', 'rm /data/victim', $image);
	run_command('debugfs', '-w', '-R', 'write ' . work('victim') . ' /data/victim', $image);
	($block) = (run_command('debugfs', '-R', 'bmap /data/victim 1', $image))[1] =~ /^(\d+)$/m;
	$g = machine_check($image, 'ktap-poison /data/victim', qr/^ktap-poison: ready/m, block => $block,
		error => "0 1 $required $at_instruction");
	last unless $g->{out} =~ /the kernel itself needs the page/;
	run_command('e2fsck', '-fy', $image);
}
guest_ktap('in use', $g);
is($g->{status}, 0, 'in use: ends well') or diag tail($g->{out}, 40);
fsck_clean($image, 'in use: e2fsck -fn is content');

# What cannot be survived names the bank.
for (['a damaged processor', $corrupt, qr/processor is damaged/, undef],
	['in RAM', $required, qr/not in a page of persistent memory/, 0x1000000])
{
	my ($name, $mci, $why, $address) = @$_;

	$g = machine_check($image, 'ktap-poison /data/victim', qr/^ktap-poison: ready/m, block => $block,
		address => $address, error => "0 1 $mci $at_instruction");
	like($g->{out}, qr/panic.*machine check: .*$why.*bank 1: status 0x/, "$name: a panic that says so");
	run_command('e2fsck', '-fy', $image);
}
done_testing();
