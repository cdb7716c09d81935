#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The tests that run in the guest: the kernel's own, and the programs that speak KTAP. After each, e2fsck
# judges the image.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $image = new_image('guest.img');

sub ktap_program
{
	my ($program, %o) = @_;
	my $g = guest(image => $image, append => "-- $program", %o);

	cmp_ok(guest_ktap($program, $g), '>', 0, "$program: there are tests");
	is($g->{status}, 0, "$program: ends well") or diag tail($g->{out}, 40);
	fsck_clean($image, "$program: e2fsck -fn is content");
	return $g;
}

# The kernel's own tests run before init does.
for my $cpus (1, 4) {
	my $g = guest(image => $image, smp => $cpus, append => 'selftest -- true');
	cmp_ok(guest_ktap("selftest, $cpus CPUs", $g), '>', 0, 'the kernel tests itself');
	is($g->{status}, 0, "selftest, $cpus CPUs: ends well") or diag tail($g->{out}, 40);
}

ktap_program('ktap-fs');
ktap_program('ktap-mm');
ktap_program('ktap-proc');
ktap_program('badcalls');
ktap_program('elfcases');

# The demonstration, and what it leaves on the image.
my $g = guest(image => $image, append => '-- mapfile');
is($g->{status}, 0, 'mapfile: ends well') or diag tail($g->{out}, 40);
like($g->{out}, qr/Hello from the host/, 'mapfile: shows the file that the host made');
like($g->{out}, qr/SIGBUS/, 'mapfile: the fault past the end is reported');
fsck_clean($image, 'mapfile: e2fsck -fn is content');
like(debugfs_cat($image, '/data/hello.txt'), qr/^stored through the mapping by mapfile$/m,
	'debugfs reads what the program stored');

# A program that stores where it may not dies; the machine does not.
$g = guest(image => $image, append => '-- wildstore');
like($g->{out}, qr/SIGSEGV/, 'wildstore: the report names the signal');
like($g->{out}, qr/rip/i, 'wildstore: and the instruction');
unlike($g->{out}, $Faultline::alarming, 'wildstore: the kernel is not harmed');
fsck_clean($image, 'wildstore: e2fsck -fn is content');

# init's status is the machine's.
is(guest(image => $image, append => '-- false')->{status}, 1, "init's exit status is the machine's");

# The explorer, with a scenario of the user's own.
$g = guest(image => $image, append => "-- explore 'fault-write 0 | truncate 0' none range first max=20 strict");
is($g->{status}, 1, 'explore: a scenario is violated') or diag tail($g->{out}, 40);
like($g->{out}, qr/^fault-write 0 \| truncate 0 +none .*VIOLATED: past-eof/m, 'explore: under none');
like($g->{out}, qr/^fault-write 0 \| truncate 0 +range .* no violation/m, 'explore: not under range');

# What the prompt's commands ask of init; everybody is told first.
for (['poweroff', 0], ['halt', 0], ['reboot', 125]) {
	my ($command, $status) = @$_;
	$g = guest(image => $image, append => qq{-- sh -c "trap 'echo told' TERM; $command; sleep 30 & wait; sleep 30; echo too late"});
	is($g->{status}, $status, "$command ends the machine") or diag tail($g->{out}, 40);
	like($g->{out}, qr/^told$/m, "$command: with SIGTERM");
	unlike($g->{out}, qr/^too late$/m, "$command: at once");
	fsck_clean($image, "$command: e2fsck -fn is content");
}

# fallocate's modes: the program asks (by its path, for the shell has one of its own), debugfs reads what has become of the file.
spew(work('pages'), join '', map { $_ x 4096 } 'a' .. 'd');
spew(work('pages.sh'), <<'END');
/bin/fallocate -c -o 4096 -l 4096 /data/pages
/bin/fallocate -i -o 8192 -l 8192 /data/pages
/bin/fallocate -z -o 100 -l 5000 /data/pages
/bin/fallocate -z -n -o 16384 -l 8192 /data/pages
/bin/fallocate -p -o 12288 -l 100 /data/pages
END
for my $file (qw(pages pages.sh)) {
	run_command('debugfs', '-w', '-R', 'write ' . work($file) . " /data/$file", $image);
}
$g = guest(image => $image, append => '-- sh /data/pages.sh');
is($g->{status}, 0, 'fallocate: ends well') or diag tail($g->{out}, 40);
ok(debugfs_cat($image, '/data/pages') eq 'a' x 100 . "\0" x 5000 . 'c' x 3092 . "\0" x 12288,
	'fallocate: collapse, insert, zero range, punch, as debugfs reads it');
fsck_clean($image, 'fallocate: e2fsck -fn is content');

# The demonstrated schemes.
for my $scheme (qw(none imap rwsem range entry)) {
	$g = guest(image => $image, append => "dax_lock=$scheme -- ktap-fs");
	is($g->{status}, 0, "ktap-fs under dax_lock=$scheme") or diag tail($g->{out}, 40);
	fsck_clean($image, "dax_lock=$scheme: e2fsck -fn is content");
}
done_testing();
