#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The boot matrix: ways to boot × machines × numbers of CPUs, then amounts of RAM. Each boot runs one
# program from the image and powers off.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $image = new_image('boot.img');
my $words = '-- echo the program ran';

sub booted
{
	my ($what, $cpus, %o) = @_;
	my $g = guest(image => $image, smp => $cpus, @_[2 .. $#_]);

	subtest $what => sub {
		is($g->{status}, 0, 'the machine powers off with status 0');
		like($g->{out}, qr/^the program ran$/m, 'a program runs');
		my $online = $cpus == 1 ? qr/\b1 CPU/ : qr/\b$cpus CPUs/;
		like($g->{out}, $online, 'every CPU is online');
		unlike($g->{out}, $Faultline::alarming, 'nothing alarming on the console');
	} or diag tail($g->{out}, 30);
	return $g;
}

# The CD with the same words on the kernel's command line.
my $iso = work('boot.iso');
spew(work('grub.cfg'), slurp('boot/grub.cfg') =~ s{^(\s*multiboot2?\s+\S+).*$}{$1 $words}mr =~ s/^set timeout=.*$/set timeout=0/mr);
my ($status, $out) = run_command('sh', 'tools/make-iso.sh', 'build/debug/faultline.elf', work('grub.cfg'), $iso);
is($status, 0, 'the ISO is made') or diag $out;

for my $machine (qw(pc q35)) {
	for my $cpus (1, 2, 8) {
		booted("-kernel, $machine, $cpus CPUs", $cpus, machine => $machine, append => $words);
		booted("ISO + SeaBIOS, $machine, $cpus CPUs", $cpus, machine => $machine, kernel => '', iso => $iso);
		booted("ISO + OVMF, $machine, $cpus CPUs", $cpus, machine => $machine, kernel => '', iso => $iso,
			firmware => 'ovmf');
	}
}
booted("RAM $_", 2, mem => $_, append => $words) for qw(64M 512M 5G);
booted('a CPU without the newer instructions', 2, append => $words,
	cpu => 'qemu64,-clflushopt,-clwb,-smep,-smap,-umip,-pdpe1gb');
booted('the release kernel', 2, kernel => 'build/release/faultline.elf', append => $words);
fsck_clean($image, 'e2fsck -fn is content after all of them');
done_testing();
