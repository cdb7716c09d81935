#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# "make run" on a terminal, used as a person uses it: a pseudo-terminal (by script), keys one after the other, eyes on what comes back.
# e2fsck and debugfs judge the image that is left.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Digest::MD5 qw(md5_hex);
use IPC::Open3;
use Test::More;

my $patience = 30; # seconds for an answer
my $prompt = "/ # \e[6n"; # the shell asks where the cursor is
my $screen = ''; # what came and was not yet waited for
my $all = '';

# The usual image; only the tour that init gives before the prompt is short.
my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
spew("$root/etc/rc", "echo this is rc\n");
my $image = new_image('prompt.img', root => $root);

my $pid = open3(my $keys, my $terminal, undef, 'script', '-qfec', "make IMAGE=$image run", '/dev/null');
binmode $_ for $keys, $terminal;
$keys->autoflush(1);

# Reads until the screen matches; what matched is taken off. False, having said what there was, when nothing comes any more.
sub sees
{
	my ($pattern, $what) = @_;
	my $end = time + $patience;

	for (;;) {
		if ($screen =~ /$pattern/) {
			$all .= substr $screen, 0, $+[0], '';
			return pass($what);
		}
		my $ready = '';
		vec($ready, fileno $terminal, 1) = 1;
		next if !select($ready, undef, undef, 1) && time < $end;
		last if time >= $end || !sysread $terminal, $screen, 4096, length $screen;
	}
	fail($what);
	diag tail($all . $screen, 30);
	return 0;
}

sub types
{
	print $keys @_;
}

sub rests
{
	select undef, undef, undef, $_[0];
}

# At the prompt: answers as a terminal does, types a command, waits for what it prints and for the next prompt.
sub command
{
	my ($line, $answer, $what) = @_;

	types("\e[24;5R$line\r");
	return sees(qr/$answer.*?\Q$prompt\E/s, $what // $line);
}

sub converse
{
	sees(qr/this is rc.*built-in shell.*?\Q$prompt\E/s, 'a prompt') or return;
	command('ls -l /', qr/^drwxr-xr-x .* bin\r.*^drwxrwxrwt .* tmp\r/ms) or return;
	command('echo one two | tr a-z A-Z | wc -w', qr/^2\r/m, 'a pipe') or return;
	command('dd if=/dev/urandom of=/root/dd bs=4096 count=5 && md5sum /root/dd', qr/^[0-9a-f]{32} /m) or return;
	command('truncate -s 10000 /root/cut; echo end >>/root/cut; truncate -s 9998 /root/cut; stat -c =%s /root/cut',
		qr/^=9998\r/m, 'truncate') or return;
	command('cp /root/dd /root/punched; fallocate -p -o 4096 -l 8192 /root/punched; stat -c =%s,%b /root/punched',
		qr/^=20480,24\r/m, "a hole by fallocate -p") or return;

	command('dmesg | grep -c "ext4: mounted"', qr/^1\r/m, 'dmesg shows the log') or return;
	command('dmesg -c | wc -c; dmesg | wc -c', qr/^[1-9]\d+\r.*^0\r/ms, 'dmesg -c: once') or return;
	command('ls -l /etc/passwd', qr/^-rw\S+ +1 root +root .*passwd\r/m, 'root has a name') or return;

	command("echo 'echo \$((6 * 7))' >/root/plain; chmod +x /root/plain; /root/plain", qr/^42\r/m, 'a script without #!') or return;

	# A poller is woken by the keyboard, not by its deadline.
	types("\e[24;5Rread -t 20 word; echo \"<\$word>\"\r");
	sees(qr/read -t 20.*?\n/s, 'read -t') or return;
	rests(1);
	types("typed\r");
	sees(qr/^<typed>\r.*?\Q$prompt\E/ms, 'a poller is told what was typed') or return;

	types("\e[24;5Rvi /root/letter\r");
	sees(qr/letter 1\/1 100%/, 'vi opens') or return;
	rests(0.3);
	types('i', 'Dear kernel');
	my $drawn = join '.*?', split //, 'Dear kernel'; # with the cursor set in between, when the keys come slowly
	sees(qr/$drawn/s, 'vi inserts') or return;
	rests(0.3);
	types("\e");
	rests(0.5); # alone, or it would begin a function key
	types(":!echo from vi | tr a-z A-Z\r");
	sees(qr/FROM VI\r/, 'a command from vi') or return;
	types("\r");
	rests(0.3);
	types(":wq\r");
	sees(qr/\Q$prompt\E/, 'vi writes and ends') or return;
	command('cat /root/letter', qr/^Dear kernel\r/m, 'the letter is there') or return;

	types("\e[24;5Rsleep 100\r");
	rests(1);
	types("\cC");
	sees(qr/\^C.*?\Q$prompt\E/s, '^C ends what runs') or return;
	command('echo =$?', qr/^=130\r/m, 'by SIGINT') or return;
	types("\e[24;5Renv sleep 3\r"); # a process, where the shell has a sleep of its own
	rests(1);
	types("\cZ");
	sees(qr/\^Z.*Stopped +env sleep 3\r.*?\Q$prompt\E/s, '^Z stops what runs') or return;
	command('jobs', qr/^\[1\]\+ +Stopped +env sleep 3\r/m, 'jobs shows it') or return;
	command('fg; echo =$?', qr/^=0\r/m, 'fg takes it to its end') or return;
	command('sleep 2 & jobs', qr/^\[1\]\+ +Running +sleep 2\r/m, 'a job in the background') or return;
	command('wait; echo waited', qr/^waited\r/m, 'waited for') or return;
	types("\e[24;5Rexit\r");
	return sees(qr/init exited with status 0/, 'exit powers off');
}

my $content = converse();
kill 'TERM', $pid unless $content;
close $keys;
1 while sysread $terminal, $all, 4096, length $all;
waitpid $pid, 0;
is($? >> 8, 0, 'make run exits 0') if $content;
unlike($all, $Faultline::alarming, 'nothing alarming on the terminal');
unlike($all, qr/cannot be run/, 'nor a word of the kernel about a script');

fsck_clean($image);
my ($sum) = $all =~ /^([0-9a-f]{32}) /m;
my $dd = debugfs_cat($image, '/root/dd');
is(md5_hex($dd), $sum // 'none', 'what dd wrote is on the image');
is(debugfs_cat($image, '/root/cut'), "\0" x 9998, 'what truncate left');
is(md5_hex(debugfs_cat($image, '/root/punched')), md5_hex(substr($dd, 0, 4096) . "\0" x 8192 . substr($dd, 12288)), 'the hole');
is(debugfs_cat($image, '/root/letter'), "Dear kernel\n", "vi's letter");
done_testing();
