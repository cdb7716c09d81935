#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The machine is killed under load. The next mount must refuse the image as not clean; e2fsck repairs it;
# then it mounts.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

# As large as the image of "make run": two block groups, so that e2fsck has a second superblock.
my $image = new_image('kill.img', size => '256M');
my @loads = ('busy', 'stress -n 4 -t 60', 'busy');

for my $round (1 .. @loads) {
	my $log = work("kill-$round.log");
	my ($program) = $loads[$round - 1] =~ /^(\w+)/;
	my $g = guest_start($log, image => $image, append => "-- $loads[$round - 1]");

	# Under load means: the program has said something. Then it works for a while, longer each round.
	for (1 .. 600) {
		last if slurp($log) =~ /^$program: /m;
		select undef, undef, undef, 0.05;
	}
	like(slurp($log), qr/^$program: /m, "round $round: the load runs: $loads[$round - 1]");
	select undef, undef, undef, 0.7 * $round;
	is(kill('KILL', $g->{pid}), 1, "round $round: killed");
	waitpid $g->{runner}, 0;

	my $next = guest(image => $image, append => '-- true');
	isnt($next->{status}, 0, "round $round: the next boot fails");
	like($next->{out}, qr/not clean/, "round $round: because the image is not clean");
	unlike($next->{out}, $Faultline::alarming, "round $round: and says so calmly");

	fsck_repair($image, "round $round: e2fsck -fy repairs it");
	fsck_clean($image, "round $round: e2fsck -fn is content then");
	$next = guest(image => $image, append => '-- echo mounted again');
	is($next->{status}, 0, "round $round: it mounts again") or diag tail($next->{out});
	fsck_clean($image, "round $round: and is clean after that");
}
done_testing();
