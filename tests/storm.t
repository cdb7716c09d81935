#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Nothing is lost and nothing stays behind: ten thousand forks, and programs with 64 threads of glibc and musl over and over.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use File::Path qw(make_path);
use Test::More;

my @programs = map { m{([^/]+)$} } glob 'build/linux/threads-glibc build/linux/threads-musl';
my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
make_path("$root/linux");
for (grep { -x "build/linux/$_" } @programs) {
	run_command('cp', "build/linux/$_", "$root/linux/");
}
my @paths = map { "/linux/$_" } grep { -x "$root/linux/$_" } @programs;
cmp_ok(scalar @paths, '>', 0, 'there are programs with threads');
my $image = new_image('storm.img', root => $root);
my $g = guest(image => $image, kernel => 'build/release/faultline.elf', append => "-- ktap-storm @paths");

cmp_ok(guest_ktap('storm', $g), '>', 3, 'ktap-storm');
note $_ for $g->{out} =~ /^# (.*free before.*)$/mg;
is($g->{status}, 0, 'ends well') or diag tail($g->{out}, 40);
fsck_clean($image);
done_testing();
