#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# The table of system calls against the tests: every call has a line in tests/linux/calls_*.c for its success and one for an error, or
# stands here with the reason why not. What the lines say is judged by tests/linux.t.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Test::More;

my $none = 'it has no errors';
my $gone = 'it does not return';
my $refused = 'it is refused, when nothing else is wrong';
my %without_error = (
	(map { $_ => $none } qw(alarm brk getegid geteuid getgid getpgrp getpid getppid gettid getuid munlockall personality
		sched_yield set_tid_address sync umask)),
);
my %without_success = (
	(map { $_ => $gone } qw(execve)),
	(map { $_ => 'it ends with EINTR always' } qw(pause restart_syscall rt_sigsuspend)),
	(map { $_ => $refused } qw(chroot clock_settime mount reboot setdomainname sethostname umount2)),
);
my %without_both = (
	exit => $gone, exit_group => $gone, rt_sigreturn => 'every signal handler returns by it, and tests/fuzz damages its frame',
	vfork => 'its child would return into its parent\'s frame; tests/linux/threads.c has one',
);

my @calls = slurp('kernel/proc/syscall_table.h') =~ /X\(\d+, (\w+)\)/g;
my (%good, %bad);
for my $file (glob 'tests/linux/calls_*.c') {
	for (slurp($file) =~ /\bT\((\w+, \w+),/g) {
		my ($call, $want) = split /, /;
		$want eq 'OK' ? $good{$call}++ : $bad{$call}{$want}++;
	}
}

cmp_ok(scalar @calls, '>', 150, 'there is a table');
is_deeply([grep { !$good{$_} && !$without_success{$_} && !$without_both{$_} } @calls], [], 'each call succeeds in a test');
is_deeply([grep { !$bad{$_} && !$without_error{$_} && !$without_both{$_} } @calls], [], 'and fails in another');
my %call = map { $_ => 1 } @calls;
is_deeply([grep { !$call{$_} } sort keys %good, sort keys %bad], [], 'no line is about a call that there is not');
is_deeply([grep { $bad{$_} } sort keys %without_error], [], 'no call is excused that has an error tested');
is_deeply([grep { $good{$_} } sort keys %without_success], [], 'or a success');
is_deeply([grep { $good{$_} || $bad{$_} } sort keys %without_both], [], 'or either');

# Each error of each manual page has its line, or a reason why not.
my $list = slurp('tests/linux/documented');
my %reason = map { $_ => 0 } $list =~ /^#   (\w+) /mg;
my (%listed, @missing, @excused, @unknown);
for ($list =~ /^(\w+:.*)$/mg) {
	my ($name, $errors) = split /:\s*/, $_, 2;
	$listed{$name} = 1;
	for (split ' ', $errors) {
		my ($error, $why) = /^-?(E\w+)(?::(\w+))?$/ or die "tests/linux/documented: $name: $_\n";
		my $there = $bad{$name}{$error};
		push @missing, "$name $error" if !defined $why && !$there;
		push @excused, "$name $error" if defined $why && $there;
		next if !defined $why;
		exists $reason{$why} ? $reason{$why}++ : push @unknown, "$name $_";
	}
}
is_deeply([grep { !$listed{$_} } @calls], [], 'each call has its documented errors listed');
is_deeply([grep { !$call{$_} } sort keys %listed], [], 'and no other has');
is_deeply(\@missing, [], 'each documented error is tested');
is_deeply(\@excused, [], 'none is excused that is');
is_deeply(\@unknown, [], 'each excuse has a reason');
is_deeply([grep { !$reason{$_} } sort keys %reason], [], 'each reason excuses something');
note sprintf '%d calls, %d lines of success, %d of errors', scalar @calls, eval { my $n = 0; $n += $_ for values %good; $n },
	eval { my $n = 0; $n += $_ for map { values %$_ } values %bad; $n };
done_testing();
