#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# "make sysroot": the C library and faultline-cc. Programs that write tables, of tests/posix and of tests/linux, are compiled from the same
# source for Linux with glibc, where they run on the host, and with faultline-cc, where they run in the guest: the tables must be
# equal line by line. So must be what the examples print. The sysroot itself is moved elsewhere and used there.
#
# prove tests/sysroot.t :: PATTERN… runs the programs whose names match.
use strict;
use warnings;
use lib 'tests/lib';
use Faultline;
use Cwd qw(abs_path);
use File::Glob qw(bsd_glob);
use File::Path qw(make_path remove_tree);
use Test::More;

my @programs = map { m{([^/]+)-newlib$} } glob 'build/posix/*-newlib';
@programs = grep { my $p = $_; grep { $p =~ /$_/ } @ARGV } @programs if @ARGV;
die "make posix-programs comes first\n" unless @programs;

# ---- the sysroot, in another place ----

my $moved = work('moved sysroot');
my $cc = abs_path('.') . "/$moved/bin/faultline-cc";
my $dir = work('compile');

remove_tree($moved, $dir);
make_path($dir);
run_command('cp', '-a', 'build/sysroot', $moved);

sub compile
{
	my ($what, @args) = @_;
	my ($status, $out) = run_command($cc, @args);
	return is("$status $out", '0 ', $what);
}

spew("$dir/main.c", <<'END');
#include <math.h>
#include <pthread.h>
#include <stdio.h>
int twice(int);
static void *thread(void *arg) { printf("%d %.3f\n", twice(21), sqrt(*(double *)arg)); return NULL; }
int main(void) { pthread_t t; volatile double two = 2; pthread_create(&t, NULL, thread, (void *)&two); return pthread_join(t, NULL); }
END
spew("$dir/twice.c", "int twice(int n) { return 2 * n; }\n");
compile('-c', '-std=c11', '-D_POSIX_C_SOURCE=200809L', '-Wall', '-Wextra', '-g', '-O1', '-c', '-o', "$dir/twice.o", "$dir/twice.c");
compile('sources, objects, -pthread, -l',
	'-O2', '-Wall', '-pthread', "$dir/main.c", "$dir/twice.o", '-o', "$dir/program", '-lm', '-lpthread', '-lrt');
is((run_command("$dir/program"))[1], "42 1.414\n", 'the program runs (its system calls are Linux\'s)');
my ($status, $out) = run_command('readelf', '-lW', "$dir/program");
unlike($out, qr/INTERP|DYNAMIC/, 'and is static');
symlink $cc, "$dir/link";
is((run_command("$dir/link", '-c', '-o', "$dir/x.o", "$dir/twice.c"))[0], 0, 'faultline-cc through a link');

# Every header alone, and all of them together in each language that programs are written in.
my @headers = grep { !m{^(bits|machine|ssp|rpc|newlib|sys/_)} } map { s{^\Q$moved\E/include/}{}r } bsd_glob("$moved/include/{,sys/}*.h");
push @headers, qw(assert.h ctype.h dirent.h fnmatch.h glob.h inttypes.h libgen.h limits.h locale.h math.h search.h spawn.h
	stdlib.h string.h strings.h sys/param.h sys/times.h termios.h wchar.h wctype.h wordexp.h);
my @alone = grep { spew("$dir/h.c", "#include <$_>\n"); (run_command($cc, '-Wall', '-Werror', '-fsyntax-only', "$dir/h.c"))[0] } @headers;
is("@alone", '', 'every header stands alone');
spew("$dir/h.c", join '', map { "#include <$_>\n" } @headers);
for my $mode ('-std=c11', '-std=c11 -D_POSIX_C_SOURCE=200809L', '-std=c99 -D_XOPEN_SOURCE=700', '-std=gnu11 -D_GNU_SOURCE') {
	compile("all headers, $mode", split(/ /, $mode), '-Wall', '-Wextra', '-Werror', '-fsyntax-only', "$dir/h.c");
}

# What it cannot do it says.
for (['-shared', qr/no shared libraries/], ['-pie', qr/fixed address/], ['x.cpp', qr/no C\+\+/], ['', qr/^usage/]) {
	my ($option, $message) = @$_;
	($status, $out) = run_command('sh', $cc, $option ? ($option, "$dir/twice.c") : ());
	ok($status != 0 && $out =~ $message, 'refused with a reason: ' . ($option || 'nothing to do')) or diag "$status $out";
}
{
	local $ENV{FAULTLINE_GCC} = 'no-such-gcc';
	($status, $out) = run_command($cc, '-c', "$dir/twice.c");
	ok($status != 0 && $out =~ /no-such-gcc is not there/, 'a compiler that is missing') or diag $out;
}
unlink "$moved/lib/faultline.specs";
($status, $out) = run_command($cc, '-c', "$dir/twice.c");
ok($status != 0 && $out =~ /is not a sysroot/, 'a sysroot that is not whole') or diag $out;

# ---- the programs, on the host ----

my $host = work('host');
remove_tree($host);
make_path($host);
for (@programs) {
	my $binary = -e "build/posix/$_-glibc" ? "build/posix/$_-glibc" : "build/linux/$_-glibc";
	my @command = ($binary, "$host/$_", "$host/$_.txt");

	# A terminal whose input stays open, and empty.
	@command = ('sh', '-c', "mkfifo $host/typed && script -qec '@command' /dev/null <>$host/typed") if $_ eq 'terminal';
	($status, $out) = run_command('timeout', '60', @command);
	is($status, 0, "$_: runs on Linux") or diag tail($out);
}

# What the examples are asked: NAME WORDS, with %d for a directory.
my @examples = (
	[wordcount => '-t 4 -n 20 %d/text'],
	[kvlog => '%d/log put day thursday'], [kvlog => '%d/log put night friday'], [kvlog => '%d/log put day friday'],
	[kvlog => '%d/log list'], [kvlog => '%d/log get day'], [kvlog => '%d/log torture 8'], [kvlog => '%d/log get 7.17'],
	[shrink => '-l 3000 %d/shrinking'],
);
my $text = join '', map { slurp($_) } glob 'docs/*.md README.md';

sub example_lines
{
	my ($dir, $command) = @_;
	my $n = 0;

	return map { sprintf "%s %s > %s\n", $command->($_->[0]), $_->[1] =~ s/%d/$dir/r, "$dir/out-" . $n++ } @examples;
}

spew("$host/text", $text);
spew("$host/examples", join '', example_lines($host, sub { "build/posix/$_[0]-glibc" }));
($status, $out) = run_command('timeout', '60', 'sh', "$host/examples");
is($status, 0, 'the examples run on Linux') or diag tail($out);

# ---- and in the guest ----

my $root = work('rootfs');
remove_tree($root);
run_command('cp', '-a', 'build/rootfs', $root);
make_path("$root/posix/out");
run_command('cp', "build/posix/$_-newlib", "$root/posix/$_") for @programs;
spew("$root/posix/text", $text);
spew("$root/posix/all", join '', (map { "/posix/$_ /posix/out/$_ /posix/out/$_.txt\n" } @programs),
	example_lines('/posix', sub { "/bin/$_[0]" }));
my $image = new_image('sysroot.img', root => $root, size => '256M');
my $guest = guest(image => $image, append => '-- sh /posix/all', timeout => 40 + 5 * @programs);
is($guest->{status}, 0, 'the guest ends well') or diag tail($guest->{out}, 40);
unlike($guest->{out}, $Faultline::alarming, 'nothing alarming on the console') or diag tail($guest->{out}, 40);
fsck_clean($image);

sub same
{
	my ($what, $want_file, $got) = @_;
	my $want = slurp($want_file);
	my $file = work($what =~ s/\W.*//r . '.guest');

	return if ok($got eq $want && $want ne '', "$what: the same with glibc on Linux and in the guest");
	spew($file, $got);
	diag tail((run_command('diff', '-U1', $want_file, $file))[1], 60);
}

same($_, "$host/$_.txt", debugfs_cat($image, "/posix/out/$_.txt")) for @programs;
for my $n (0 .. $#examples) {
	my ($name, $words) = @{ $examples[$n] };

	if ($words =~ / put /) {
		is(debugfs_cat($image, "/posix/out-$n"), '', "$name $words: silent");
	} else {
		same("$name $words", "$host/out-$n", debugfs_cat($image, "/posix/out-$n"));
	}
}
done_testing();
