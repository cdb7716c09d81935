#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The machine is killed under load. The next mount recovers by the journal, and so does e2fsck on a copy; both find nothing
# to repair then. (An image without a journal is refused as not clean, until e2fsck has repaired it.)
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

	my $copy = work('copy.img');
	run_command('cp', '--sparse=always', $image, $copy);
	fsck_repair($copy, "round $round: e2fsck -fy recovers a copy");
	fsck_clean($copy, "round $round: e2fsck -fn is content then");

	my $next = guest(image => $image, append => '-- echo mounted again');
	is($next->{status}, 0, "round $round: the next boot goes well") or diag tail($next->{out});
	like($next->{out}, qr/journal recovered/, "round $round: it recovers the journal");
	unlike($next->{out}, $Faultline::alarming, "round $round: calmly");
	fsck_clean($image, "round $round: e2fsck -fn is content after that");
}

# Without a journal.
my $plain = new_image('plain.img', size => '256M', options => ['-O', '^has_journal']);
my $log = work('plain.log');
my $g = guest_start($log, image => $plain, append => '-- busy');
for (1 .. 600) {
	last if slurp($log) =~ /^busy: /m;
	select undef, undef, undef, 0.05;
}
is(kill('KILL', $g->{pid}), 1, 'no journal: killed');
waitpid $g->{runner}, 0;
my $next = guest(image => $plain, append => '-- true');
isnt($next->{status}, 0, 'no journal: the next boot fails');
like($next->{out}, qr/not clean/, 'no journal: because the image is not clean');
fsck_repair($plain, 'no journal: e2fsck -fy repairs it');
is(guest(image => $plain, append => '-- true')->{status}, 0, 'no journal: it mounts again');
fsck_clean($plain, 'no journal: and is clean after that');
done_testing();
