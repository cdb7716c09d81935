#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Two CPUs truly in parallel, four processes that fault, truncate, punch and write one file for a minute.
# The program checks each word that it reads against the word's history (user/prog/stress.c).
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $seconds = $ENV{STRESS_SECONDS} // 60;
my $image = new_image('stress.img');
my $g = guest(image => $image, smp => 2, accel => 'tcg,thread=multi', timeout => $seconds + 120,
	kernel => 'build/release/faultline.elf', append => "-- stress -n 4 -t $seconds");

is($g->{status}, 0, "$seconds seconds of stress end well") or diag tail($g->{out}, 40);
unlike($g->{out}, $Faultline::alarming, 'nothing alarming on the console');
fsck_clean($image);

# The debug kernel, with its checks, for a shorter time.
$g = guest(image => $image, smp => 2, accel => 'tcg,thread=multi', append => '-- stress -n 4 -t 10');
is($g->{status}, 0, 'ten seconds under the debug kernel end well') or diag tail($g->{out}, 40);
unlike($g->{out}, $Faultline::alarming, 'nothing alarming on the console');
fsck_clean($image);
done_testing();
