# SPDX-License-Identifier: MIT
#
# What the tests have in common: images, guests, verdicts of e2fsck and debugfs. Tests run at the top of
# the tree, after "make kernel programs host"; their files live in build/test/NAME of their own.
package Faultline;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IPC::Open3;
use POSIX ();
use Test::More;

our @EXPORT = qw(
	work run_command machine_start guest guest_start power_cut guest_ktap
	new_image fsck_clean fsck_repair debugfs_cat slurp spew patch_bytes tail
);

# Messages that no test wants to see in the guest's output, whatever else it checks.
our $alarming = qr{^panic|panic inside the panic|lockdep:|undefined behaviour|\bBUG: }m;

# What "make test" exports is not for the makes and machines that a test starts.
delete @ENV{qw(MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS FAULTLINE_INNER BUILD SMP MEM MACHINE ACCEL IMAGE APPEND)};

my ($test) = $0 =~ m{([^/]+)\.t$};

# A path in this test's own folder. TEST_DIR is for who runs a test beside itself: its files are elsewhere then.
sub work
{
	my ($name) = @_;
	my $dir = ($ENV{TEST_DIR} // 'build/test') . '/' . ($test // 'manual');

	make_path($dir);
	return defined $name ? "$dir/$name" : $dir;
}

sub slurp
{
	my ($path) = @_;

	open my $f, '<:raw', $path or return '';
	local $/;
	return scalar(<$f>) // '';
}

sub spew
{
	my ($path, $content) = @_;

	open my $f, '>:raw', $path or die "$path: $!";
	print $f $content;
	close $f or die "$path: $!";
}

# Overwrites bytes of a file: patch_bytes(PATH, OFFSET, BYTES).
sub patch_bytes
{
	my ($path, $offset, $bytes) = @_;

	open my $f, '+<:raw', $path or die "$path: $!";
	seek $f, $offset, 0;
	print $f $bytes;
	close $f or die "$path: $!";
}

# The last lines of a text, for diagnostics.
sub tail
{
	my ($text, $lines) = @_;
	my @all = split /\n/, $text;

	$lines //= 25;
	splice @all, 0, @all - $lines if @all > $lines;
	return join "\n", @all;
}

# Runs a command; returns its status (128 + signal if killed) and its output, stdout and stderr together.
sub run_command
{
	my (@command) = @_;
	my $pid = open3(my $in, my $out, undef, @command);

	close $in;
	my $text = do { local $/; <$out> } // '';
	waitpid $pid, 0;
	return (($? & 127) ? 128 + ($? & 127) : $? >> 8, $text);
}

sub guest_environment
{
	my (%o) = @_;
	my %env = (
		MACHINE => 'q35', MEM => '512M', SMP => 2, ACCEL => 'tcg', IMAGE => '', APPEND => '',
		KERNEL => 'build/debug/faultline.elf', ISO => '', FIRMWARE => 'bios', CPU => 'max',
		TIMEOUT => 120, QEMU_EXTRA => '', NVDIMM_SIZE => '',
	);

	for my $key (keys %o) {
		my $name = uc $key;
		die "guest: no such option: $key" unless exists $env{$name};
		$env{$name} = $o{$key};
	}
	return %env;
}

# Boots a guest to its end: guest(image => FILE, append => WORDS, smp => 2 …), see tools/run-qemu.sh.
# Returns { status, out }.
sub guest
{
	my %env = guest_environment(@_);
	local @ENV{keys %env} = values %env;
	my ($status, $out) = run_command('sh', 'tools/run-qemu.sh');

	$out =~ s/\r//g;
	return { status => $status, out => $out };
}

# Starts a machine that the test will kill: a command that runs QEMU with the words in QEMU_EXTRA, in an environment of %$env. Returns
# { pid, runner, log }; the pid is QEMU's own.
sub machine_start
{
	my ($log, $env, @command) = @_;
	my $pidfile = "$log.pid";

	unlink $pidfile, $log;
	my $runner = fork // die "fork: $!";
	if ($runner == 0) {
		@ENV{keys %$env} = values %$env;
		$ENV{QEMU_EXTRA} = "-pidfile $pidfile " . ($env->{QEMU_EXTRA} // '');
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec @command or POSIX::_exit(127);
	}
	for (1 .. 200) {
		my ($pid) = slurp($pidfile) =~ /^(\d+)\s*$/;
		return { pid => $pid, runner => $runner, log => $log } if $pid;
		select undef, undef, undef, 0.05;
	}
	die "QEMU did not start: " . slurp($log);
}

# A guest that the test will kill.
sub guest_start
{
	my ($log, %o) = @_;

	return machine_start($log, { guest_environment(%o) }, 'sh', 'tools/run-qemu.sh');
}

# Cuts a machine's power; returns what it has said.
sub power_cut
{
	my ($machine) = @_;

	kill 'KILL', $machine->{pid} or die "the machine had ended: " . slurp($machine->{log});
	waitpid $machine->{runner}, 0;
	return slurp($machine->{log}) =~ s/\r//gr;
}

# Each KTAP line of the guest becomes a test of ours. Returns how many there were.
sub guest_ktap
{
	my ($name, $guest) = @_;
	my ($planned, $seen, $nested) = (0, 0, 0);

	for (split /\n/, $guest->{out}) {
		if (/^\s*1\.\.(\d+)\s*$/) {
			$planned += $1;
		} elsif (/^(\s*)(not )?ok (\d+)(?: -)? ?(.*)$/) {
			$seen++;
			my ($failed, $what) = ($2, $4);
			if ($what =~ s/\s*# SKIP ?(.*)$//i) {
				SKIP: { skip "$name: $what: $1", 1 }
			} else {
				ok(!$failed, "$name: $what");
			}
		}
	}
	is($seen, $planned, "$name: every planned test reported") or diag tail($guest->{out});
	unlike($guest->{out}, $alarming, "$name: nothing alarming on the console");
	return $seen;
}

# A new ext4 image with the programs: new_image(NAME, size => '128M', options => [ mke2fs's … ], root => DIRECTORY).
sub new_image
{
	my ($name, %o) = @_;
	my $path = work($name);
	my $size = $o{size} // '128M';

	unlink $path;
	my ($status, $out) = run_command('truncate', '-s', $size, $path);
	die $out if $status;
	($status, $out) = run_command('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', @{$o{options} // []},
		'-E', 'root_owner=0:0', '-d', $o{root} // 'build/rootfs', $path);
	die "mke2fs: $out" if $status;
	($status, $out) = run_command('sh', 'tools/root-owns.sh', $path, $o{root} // 'build/rootfs');
	die "root-owns.sh: $out" if $status;
	return $path;
}

sub fsck_clean
{
	my ($image, $what) = @_;
	my ($status, $out) = run_command('e2fsck', '-fn', $image);

	return ok($status == 0, $what // "e2fsck -fn is content") || !diag tail($out);
}

# e2fsck -fy: true if the file system could be repaired.
sub fsck_repair
{
	my ($image, $what) = @_;
	my ($status, $out) = run_command('e2fsck', '-fy', $image);

	return ok($status < 4, $what // 'e2fsck -fy repairs it') || !diag tail($out);
}

sub debugfs_cat
{
	my ($image, $file) = @_;
	my ($status, $out) = run_command('debugfs', '-R', "cat $file", $image);

	$out =~ s/^debugfs [^\n]*\n//;
	return $out;
}

1;
