#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# CPUs truly in parallel, processes that fault, truncate, punch and write one file: a small one, where they are always in each other's
# way, and one of 6 MiB, where entries of 2 MiB and of 4 KiB meet. The program checks each word that it reads against
# the word's history (user/prog/stress.c). STRESS_SECONDS: of each run of the release kernel ("make test-long": five minutes).
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $seconds = $ENV{STRESS_SECONDS} // 30;
my $image = new_image('stress.img');

for my $run (['release', 2, $seconds], ['release', 8, $seconds], ['debug', 2, 10], ['debug', 8, 10]) {
	my ($build, $cpus, $both) = @$run;
	my $time = int($both / 2) || 1;

	for my $pages (64, 1536) {
		my $g = guest(image => $image, smp => $cpus, accel => 'tcg,thread=multi', timeout => $time + 120,
			kernel => "build/$build/faultline.elf", append => "-- stress -n 4 -t $time -p $pages");
		my $what = "$build, $cpus CPUs, $pages pages, $time seconds";
		my ($result, $huge) = $g->{out} =~ /^(stress: OK .* huge=(\d+))/m;

		is($g->{status}, 0, "$what: it ends well") or diag tail($g->{out}, 40);
		note $result // 'no result';
		cmp_ok($huge // 0, '>', 0, "$what: 2 MiB were mapped at once") if $pages > 512;
		unlike($g->{out}, $Faultline::alarming, "$what: nothing alarming on the console");
		fsck_clean($image);
	}
}
done_testing();
