#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# System calls, judged by Linux: each program of tests/linux, the same static binary, runs on the build host and on
# Faultline, and the tables that they write must be equal line by line. e2fsck judges the image, and the
# databases' own tools those that were left on it.
#
# prove tests/linux.t :: PATTERN… runs the programs whose names match.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use Test::More;

my @programs = map { m{([^/]+)$} } grep { -x && !/\.\w+$/ } glob 'build/linux/*-glibc build/linux/*-musl';
@programs = grep { my $p = $_; grep { $p =~ /$_/ } @ARGV } @programs if @ARGV;
die "make linux-programs comes first\n" unless @programs;

sub leave_out
{
	my ($which, $why) = @_;

	SKIP: { skip $why, scalar grep { /$which/ } @programs }
	@programs = grep { !/$which/ } @programs;
}

# On a file in the directory of the tests: not every file system, nor every container, can do it.
sub host_can
{
	my (@command) = @_;
	my $file = work('probe');

	spew($file, 'x' x 8192);
	my ($cannot) = run_command(@command, $file);
	run_command('chattr', '-i', '-a', $file);
	return !$cannot;
}

# In the guest everybody is root. These ask for what Linux gives to root alone.
leave_out(qr/^(?:attr|calls_files|calls_kept|calls_limits|calls_names|calls_ranges|calls_system|calls_waits|names)-/,
	'on Linux only root gets what they ask for') if $>;
leave_out(qr/^calls_kept-/, 'chattr cannot make a file immutable here') if !host_can('chattr', '+i');
leave_out(qr/^calls_ranges-/, 'the host\'s file system has no such ranges and marks')
	if !host_can('fallocate', '-c', '-l', '4096') || !host_can('chattr', '+a');

# The host: every program in a directory of its own.
my $host = work('host');
remove_tree($host);
make_path($host);
for (@programs) {
	my ($status, $out) = run_command('timeout', '60', "build/linux/$_", "$host/$_", "$host/$_.txt");
	is($status, 0, "$_: runs on Linux") or diag tail($out);
}

# The guest: a script runs all of them.
my $root = work('rootfs');
remove_tree($root);
run_command('cp', '-a', 'build/rootfs', $root);
make_path("$root/linux/out");
run_command('cp', "build/linux/$_", "$root/linux/") for @programs;
spew("$root/linux/all", join '', map { "/linux/$_ /linux/out/$_ /linux/out/$_.txt\n" } @programs);
my $image = new_image('linux.img', root => $root, size => '256M');
my $guest = guest(image => $image, append => '-- sh /linux/all', timeout => 40 + 5 * @programs);
is($guest->{status}, 0, 'the guest ends well') or diag tail($guest->{out}, 40);
unlike($guest->{out}, $Faultline::alarming, 'nothing alarming on the console') or diag tail($guest->{out}, 40);
unlike($guest->{out}, qr/calls number 334/, 'what C libraries only try is not in the log');
fsck_clean($image);

# Differences as a person would read them.
for (@programs) {
	my $want = slurp("$host/$_.txt");
	my $got = debugfs_cat($image, "/linux/out/$_.txt");

	spew(work("$_.guest"), $got);
	next if ok($got eq $want && $want ne '', "$_: the same on Linux and on Faultline");
	my (undef, $diff) = run_command('diff', '-U1', "$host/$_.txt", work("$_.guest"));
	diag tail($diff, 60);
}

# The databases that the guest left, read by the distribution's tools on the host.
sub fetch
{
	my ($name, @files) = @_;
	my $dir = work("fetched-$name");

	remove_tree($dir);
	make_path($dir);
	run_command('debugfs', '-R', "dump /linux/out/$name/$_ $dir/" . s{.*/}{}r, $image) for @files;
	return $dir;
}

SKIP: {
	skip 'not run', 1 unless grep { $_ eq 'sqlite-glibc' } @programs;
	my $dir = fetch('sqlite-glibc', 'rollback.db', 'wal.db');

	for my $db ('rollback.db', 'wal.db') {
		my (undef, $out) = run_command('sqlite3', '-readonly', "$dir/$db",
			'PRAGMA integrity_check; SELECT count(*) FROM t WHERE p < 100; SELECT n >= 160 FROM sum');
		is($out, "ok\n80\n1\n", "$db: sqlite3 on the host finds it whole");
	}
}
SKIP: {
	skip 'not run', 1 unless grep { $_ eq 'lmdb-glibc' } @programs;
	my $dir = fetch('lmdb-glibc', 'db/data.mdb');
	my ($status, $out) = run_command('mdb_dump', '-p', $dir);
	my ($keys, $wrong) = (0, 0);

	is($status, 0, 'mdb_dump on the host reads the database') or diag tail($out);
	while ($out =~ /^ (\d{3})-\d{6}\n (.*)\n/mg) {
		my $letter = chr(ord('a') + $1 % 20);

		$keys++ if $1 < 100;
		$wrong++ if $2 ne $letter x 600;
	}
	is("$keys keys, $wrong wrong", '250 keys, 0 wrong', 'with every key that was put, and its value');
	($status, $out) = run_command('mdb_stat', $dir);
	like($out, qr/Entries: \d+/, 'mdb_stat agrees') or diag tail($out);
	cmp_ok(($out =~ /Entries: (\d+)/)[0] // 0, '>=', 250, 'on how many there are');
}
done_testing();
