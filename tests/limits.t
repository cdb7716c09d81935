#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Who asks for too much, on a machine with little memory: the machine goes on. The limits that Linux has too are in
# tests/linux/limits.c.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $image = new_image('limits.img');

for my $cpus (1, 2) {
	my $g = guest(image => $image, mem => '64M', smp => $cpus, timeout => 60, kernel => 'build/release/faultline.elf',
		append => '-- ktap-limits');

	cmp_ok(guest_ktap("$cpus CPUs", $g), '>', 0, "ktap-limits, $cpus CPUs");
	is($g->{status}, 0, "ktap-limits, $cpus CPUs: ends well") or diag tail($g->{out}, 40);
	like($g->{out}, qr/ktap-limits\[\d+\]: warning: SIGKILL: write at 0x[0-9a-f]+ \(no memory left\)/,
		'the log says who was ended for lack of memory');
	fsck_clean($image);
}
done_testing();
