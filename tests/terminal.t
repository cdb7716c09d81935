#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The line discipline, judged by Linux's: tests/static/typed.c, the same binary, runs on a pseudo-terminal of the build host and on Faultline's console. The
# same keys are typed at the same questions, and what is on the screen, echo included, must be the same line by line.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Cwd qw(abs_path);
use IPC::Open3;
use Test::More;

my $patience = 60; # seconds for an answer
my $program = 'build/static/typed';
die "make static-programs comes first\n" unless -x $program;

# What to wait for, and the keys that follow; a number rests so long.
my @steps = (
	'plain>' => "abc\n",
	'erase>' => "abX\x7fc\n",
	'erase at the beginning>' => "ab\x7f\x7f\x7fc\n",
	'erase a control character>' => "a\cFb\x7f\x7fc\n",
	'erase two bytes>' => "a\xc3\xa4\x7fb\n",
	'erase a tab>' => "ab\tc\x7f\x7fd\n",
	'erase tabs>' => "\t\ta\x16\t\cF\t\x7f\x7f\x7f\x7f\x7f\x7fd\n",
	'kill>' => "abc\tde\cUfg\n",
	'word>' => "foo bar \cWx\n",
	'words>' => "foo_1/bar-baz.../\cW\cWx\n",
	'literal>' => "a\cV\cCb\cV\x7fc\cV\cV\n",
	'reprint>' => "ab\cRc\n",
	'end in the middle>' => "abc\cD",
	'end>' => "\cD",
	'piece by piece>' => "abcd\n",
	'as many as asked, and end>' => "abc\cD",
	'not the end again>' => "d\n",
	'another end of line>' => 'ab;',
	'silent>' => "abc\n",
	# Keys behind the echo of others: a signal drops what was not echoed yet. And behind the handler's whole line, or the echo cuts into it.
	'interrupted>' => 'ab', 'ab' => "\cC", '\{signal 2\}\s' => "cd\n",
	'quit>' => 'ab', 'ab' => "\x1c", '\{signal 3\}\s' => "cd\n",
	'nothing flushed>' => 'ab', 'ab' => "\cC", '\{signal 2\}\s' => "cd\n",
	'no signals>' => "ab\cC\n",
	'five in two parts>' => 'ab', 1 => 'cde',
	'five wanted, three asked for>' => 'abc',
	'two, and time>' => 'ab',
	'five within the time>' => 'ab', 0.5 => 'cde',
	'no minimum>' => 'a',
	'poll>' => 'ab', 'more>' => 'c',
	'poll with a time>' => 'abc',
	'too few, not to wait for>' => 'ab',
	'typed in raw mode>' => 'ab',
	'a line, and more>' => "ab\n", '\[3 a b 0a\]\s' => "cd\cV",
	'the next key>' => 'e',
	'and a line>' => "fg\n",
);

# Types everything at a command's terminal; what was on the screen between the program's first line and its last.
sub screen
{
	my ($command, %environment) = @_;

	local @ENV{keys %environment} = values %environment;
	# A shell that waits for the command would be ended by the keys, and the terminal with it.
	my $pid = open3(my $keys, my $terminal, undef, 'script', '-qfec', "exec $command", '/dev/null');
	binmode $_ for $keys, $terminal;
	$keys->autoflush(1);

	my ($all, $seen) = ('', 0);
	my $sees = sub {
		my ($pattern) = @_;
		my $end = time + $patience;

		for (;;) {
			pos($all) = $seen;
			return $seen = $+[0] if $all =~ /$pattern/g;
			my $ready = '';
			vec($ready, fileno $terminal, 1) = 1;
			next if !select($ready, undef, undef, 1) && time < $end;
			return 0 if time >= $end || !sysread $terminal, $all, 4096, length $all;
		}
	};
	my @left = ('typed begins', '', @steps, 'typed ends', '');
	while (my ($before, $typed) = splice @left, 0, 2) {
		if ($before =~ /^[\d.]+$/) {
			select undef, undef, undef, $before;
		} elsif (!$sees->($before)) {
			fail("$command: asks '$before'") or diag tail($all);
			kill 'TERM', $pid;
			last;
		}
		print $keys $typed;
	}
	close $keys;
	1 while sysread $terminal, $all, 4096, length $all;
	waitpid $pid, 0;
	is($? >> 8, 0, "$command: exits 0");
	$all =~ s/\r//g;
	return $all =~ s/\A.*^(?=typed begins$)//msr =~ s/^typed ends\n\K.*//msr;
}

my $linux = screen(abs_path($program));

my $root = work('rootfs');
run_command('rm', '-rf', $root);
run_command('cp', '-a', 'build/rootfs', $root);
run_command('cp', $program, "$root/bin/");
my $ours = screen('sh tools/run-qemu.sh', IMAGE => new_image('terminal.img', root => $root), KERNEL => 'build/debug/faultline.elf',
	APPEND => '-- typed');
unlike($ours, $Faultline::alarming, 'nothing alarming on the terminal');

# Question by question, as a person would read them.
my ($want, $got) = map { [split /(?<=[\])}])\n/, s/([^ -~\n])/sprintf '\\x%02x', ord $1/ger] } $linux, $ours;
for my $n (0 .. ($#$want > $#$got ? $#$want : $#$got)) {
	my ($name) = ($want->[$n] // '') =~ /^([^>\n]*)>/m;
	is($got->[$n] // '', $want->[$n] // '', $name // "part $n");
}
done_testing();
