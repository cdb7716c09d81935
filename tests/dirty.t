#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# Journals that were left in mid-work, both ways: Faultline's power is cut under a load and Linux recovers, Linux's power is cut and
# Faultline recovers. Nothing that was acknowledged may be lost, and e2fsck is content with what the recovery leaves.
#
# Linux keeps many transactions in its log. Two of its images have one that has gone round, with revoke records: of directories that were
# removed, whose blocks one file took afterwards.
use strict;
use warnings;
use lib 'tests/lib';
use Acked;
use Faultline;
use Linux;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'no Linux to boot: ' . linux_missing() if linux_missing();

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', 'build/static/ackload', "$root/bin");
spew("$root/revokes", <<'END');
# Directories come and go until the log has gone round; then one file takes every block that they had. The log has older copies of these.
PATH=/usr/bin
cd /data
commit() { echo $n >mark; sync mark; } # sync of all would also empty the log
n=0
while [ $n -lt $1 ]; do
	mkdir -p d$((n % 3))/e
	for k in 0 1 2 3 4 5 6 7 8 9; do
		for l in 0 1 2 3 4 5; do : >d$((n % 3))/e/a-name-that-is-long-enough-to-fill-a-few-directory-blocks-soon-$k$l; done
	done
	commit
	rm -rf d$(((n + 1) % 3))
	n=$((n + 1))
done
rm -rf d0 d1 d2
commit
yes 'the data of a file' 2>yes.log | dd of=fill bs=65536 2>dd.log
sync fill
echo "fill $(sha256sum <fill)"
END

my @features = (
	['as usual' => []],
	['without checksums' => ['-O', '^metadata_csum']],
	['with an orphan file' => ['-O', 'orphan_file,metadata_csum_seed']],
);
my @ours = map { new_image("ours-$_.img", root => $root, size => '64M', options => $features[$_][1]) } 0 .. 2;
my @revoked = map { image_for_revokes($_) } 0, 1;
my $loaded = new_image('loaded.img', root => $root, size => '64M', options => $features[2][1]);

sub image_for_revokes
{
	my ($k) = @_;

	return new_image("revoked-$k.img", root => $root, size => '64M', options => ['-J', 'size=4', @{ $features[$k][1] }]);
}

sub log_of
{
	return (run_command('debugfs', '-R', 'logdump -a', $_[0]))[1];
}

# Does what is left of the log go on at its beginning?
sub gone_round
{
	my ($log) = @_;
	my @at = $log =~ /^Found expected sequence \d+, type \d.*at block (\d+)/mg;

	return scalar grep { $at[$_] < $at[$_ - 1] } 1 .. $#at;
}

# Waits for an acknowledgment or the end, works on for a while, cuts the power.
sub cut_under_load
{
	my ($machine) = @_;

	for (1 .. 3000) {
		last if slurp($machine->{log}) =~ /^ack\b|^linux-boot: status|init exited/m;
		sleep 0.1;
	}
	sleep 1 + rand 2;
	return power_cut($machine);
}

sub revokes
{
	my ($n, $count) = @_;

	return "mounted $n commit=600 && inside $n /bin/busybox ash /revokes $count\n";
}

my @acked;
for my $k (0 .. 2) {
	push @acked, acknowledged(cut_under_load(guest_start(work('console'), image => $ours[$k], append => '-- ackload /acked')));
	cmp_ok(scalar keys %{ $acked[$k] }, '>', 4, "Faultline's power is cut under a load, $features[$k][0]");
}

# Linux: images 0 to 2 are ours, 3 and 4 get revoke records, 5 the load. Nothing but the log running full may put in place what is in it, so
# that it always stands at the same point when the power is cut.
my $quiet = "echo 0 >/proc/sys/vm/dirty_writeback_centisecs\n";
my @script = (
	(map { "mounted $_ && umount /mnt/$_ && echo recovered $_\n" } 0 .. 2),
	$quiet,
	(map { revokes($_, 60) } 3, 4),
	"mounted 5 && inside 5 /bin/ackload /acked\n",
);
my $said = cut_under_load(linux_start(work('console'), join('', @script), [@ours, @revoked, $loaded], timeout => 300));
unlike($said, qr/EXT4-fs.*error|warning|corrupt/i, 'Linux has nothing to complain about') or diag tail($said, 40);

for my $k (0 .. 2) {
	subtest "Linux recovers what Faultline left, $features[$k][0]" => sub {
		like($said, qr/^recovered $k$/m, 'it mounts') or diag tail($said);
		fsck_clean($ours[$k]);
		is(join("\n", acked_check($ours[$k], '/acked', $acked[$k])), '', 'all that was acknowledged is there');
	};
}

subtest 'Faultline recovers what Linux left' => sub {
	my $acked = acknowledged($said);

	cmp_ok(scalar keys %$acked, '>', 4, 'Linux was cut off under a load') or diag tail($said);
	my $g = guest(image => $loaded, append => '-- true');
	is($g->{status}, 0, 'it boots') or diag tail($g->{out});
	like($g->{out}, qr/journal recovered: [1-9]/, 'and recovers the journal');
	unlike($g->{out}, $Faultline::alarming, 'calmly');
	fsck_clean($loaded);
	is(join("\n", acked_check($loaded, '/acked', $acked)), '', 'all that was acknowledged is there');
};

# Where the log stands depends on when Linux emptied it a little: on a busy host that may be nowhere near its end. Then that image is made
# anew with more commits: a round is 57 of them, 13 in a row are good, and so one of these is.
my @sums = $said =~ /^fill (\w+)/mg;
for my $count (72, 84, 96, 108, 118) {
	my @wrong = grep { !gone_round(log_of($revoked[$_])) } 0, 1;

	last if !@wrong;
	note "a log has not gone round: again with $count";
	$revoked[$_] = image_for_revokes($_) for @wrong;
	my $again = linux_start(work('console'), join('', $quiet, (map { revokes($_, $count) } 0 .. $#wrong), "echo ack; sleep 100\n"),
		[@revoked[@wrong]], timeout => 300);
	@sums[@wrong] = cut_under_load($again) =~ /^fill (\w+)/mg;
}
for my $k (0, 1) {
	subtest "Faultline recovers a log that has gone round, with revoked blocks, $features[$k][0]" => sub {
		my $log = log_of($revoked[$k]);

		like($log, qr/type 5 \(revoke table\)/, 'there are revoke records') or diag tail($log);
		ok(gone_round($log), 'the log has gone round');
		run_command('cp', '--sparse=always', $revoked[$k], work('copy.img'));
		fsck_repair(work('copy.img'), 'e2fsck -fy recovers a copy');

		my $g = guest(image => $revoked[$k], append => '-- /bin/busybox sha256sum /data/fill');
		is($g->{status}, 0, 'it boots') or diag tail($g->{out});
		like($g->{out}, qr/journal recovered: .*, [1-9]\d* revoked/, 'the journal is recovered, without what was revoked');
		is(($g->{out} =~ m{^(\w+)  /data/fill$}m)[0], $sums[$k] // 'none', 'the file that took the blocks is whole');
		fsck_clean($revoked[$k]);
		ok(debugfs_cat($revoked[$k], '/data/fill') eq debugfs_cat(work('copy.img'), '/data/fill'), 'and the same as by e2fsck');
	};
}
done_testing();
