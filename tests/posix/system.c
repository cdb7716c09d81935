/* SPDX-License-Identifier: MIT */
/* What POSIX programs call besides: directories, patterns, paths, processes, signals, waiting, limits, mappings. */
#define _GNU_SOURCE
#include "../linux/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <getopt.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- directories ---- */

static int no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void test_directories(void)
{
	struct dirent **list, *d;
	int n, entries = 0, dots = 0, fd;
	char names[64] = "";
	long where;
	DIR *dir;

	mkdir("dir", 0755);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "dir/file-%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	dir = opendir("dir");
	while ((d = readdir(dir))) {
		entries++;
		dots += !no_dots(d);
	}
	say("entries %d, dots %d", entries, dots);
	rewinddir(dir);
	for (int i = 0; i < 100; i++)
		readdir(dir);
	where = telldir(dir);
	d = readdir(dir);
	strcpy(names, d->d_name);
	for (int i = 0; i < 50; i++)
		readdir(dir);
	seekdir(dir, where);
	d = readdir(dir);
	say("seekdir to where telldir was %d", !strcmp(d->d_name, names));
	say("dirfd %d", dirfd(dir) > 2);
	row("closedir", closedir(dir));
	n = scandir("dir", &list, no_dots, alphasort);
	say("scandir %d: %s, %s", n, list[0]->d_name, list[n - 1]->d_name);
	while (n--)
		free(list[n]);
	free(list);
	n = scandir("dir", &list, NULL, versionsort);
	say("versionsort %d: %s, %s", n, list[4]->d_name, list[n - 1]->d_name);
	row("scandir of nothing", scandir("nothing", &list, NULL, NULL));
	fd = open("dir", O_RDONLY | O_DIRECTORY);
	dir = fdopendir(fd);
	say("fdopendir %d", dir && readdir(dir) && closedir(dir) == 0);
	fd = open("dir/file-1", O_RDONLY);
	say("fdopendir of a file %d", fdopendir(fd) == NULL);
	say("%s", errno_name(errno));
	close(fd);
}

/* A walk's visits come in the directory's order: sums tell as much. */
static int visits[8], bases_right, deepest;

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	visits[type]++;
	bases_right += at->base == 0 || path[at->base - 1] == '/';
	if (at->level > deepest)
		deepest = at->level;
	return st->st_size == 7777 ? 42 : 0;
}

static int visit_old(const char *path, const struct stat *st, int type)
{
	(void)path;
	(void)st;
	visits[type]++;
	return 0;
}

static void show_walk(const char *what, long ret)
{
	row(what, ret);
	say("  files %d, directories %d, after %d, links %d, dangling %d, unknown %d; bases %d, deepest %d",
		visits[FTW_F], visits[FTW_D], visits[FTW_DP], visits[FTW_SL], visits[FTW_SLN], visits[FTW_NS],
		bases_right, deepest);
	memset(visits, 0, sizeof(visits));
	bases_right = deepest = 0;
}

static void test_walk(void)
{
	mkdir("tree", 0755);
	mkdir("tree/a", 0755);
	mkdir("tree/a/b", 0755);
	close(open("tree/a/b/file", O_CREAT | O_WRONLY, 0644));
	if (symlink("..", "tree/a/up") || symlink("nowhere", "tree/a/gone"))
		say("no links");
	show_walk("nftw", nftw("tree", visit, 8, FTW_PHYS));
	show_walk("nftw, depth first", nftw("tree/", visit, 8, FTW_PHYS | FTW_DEPTH | FTW_MOUNT));
	show_walk("nftw, following", nftw("tree", visit, 8, 0));
	show_walk("ftw", ftw("tree/a/b", visit_old, 8));
	show_walk("nftw of a file", nftw("tree/a/b/file", visit, 8, 0));
	show_walk("nftw of nothing", nftw("nothing", visit, 8, 0));
	if (truncate("tree/a/b/file", 7777))
		say("no truncate");
	row("nftw that is ended", nftw("tree", visit, 8, FTW_PHYS));
}

/* ---- patterns ---- */

static void show_glob(const char *pattern, int flags)
{
	glob_t g;
	int err = glob(pattern, flags, NULL, &g);

	say("glob %s: %s, %zu %s", pattern,
		err == GLOB_NOMATCH ? "no match"
			: err       ? "failed"
				    : "0",
		err ? 0 : (size_t)g.gl_pathc, err || !g.gl_pathc ? "" : g.gl_pathv[0]);
	if (!err)
		globfree(&g);
}

static void show_regex(const char *pattern, const char *text, int flags)
{
	regmatch_t m[3] = {{-1, -1}, {-1, -1}, {-1, -1}};
	regex_t r;
	int err = regcomp(&r, pattern, flags);

	if (err) {
		say("regcomp %s fails", pattern);
		return;
	}
	err = regexec(&r, text, 3, m, 0);
	say("regexec %s %s: %d (%d-%d) (%d-%d)", pattern, text, err, err ? -1 : (int)m[0].rm_so,
		err ? -1 : (int)m[0].rm_eo, err ? -1 : (int)m[1].rm_so, err ? -1 : (int)m[1].rm_eo);
	regfree(&r);
}

static void test_patterns(void)
{
	show_glob("dir/file-1*", 0);
	show_glob("dir/file-[5-7]", 0);
	show_glob("dir/x*", 0);
	show_glob("dir/x*", GLOB_NOCHECK);
	show_glob("d?r", GLOB_MARK);
	say("fnmatch %d %d %d %d %d", fnmatch("*.c", "x.c", 0), fnmatch("*.c", "x.h", 0) != 0,
		fnmatch("*", "a/b", FNM_PATHNAME) != 0, fnmatch("[!a]?", "bc", 0), fnmatch("\\*", "*", 0));
	show_regex("([a-z]+)-([0-9]+)", "see file-42 there", REG_EXTENDED);
	show_regex("^x*$", "xxy", 0);
	show_regex("\\(ab\\)*c", "ababc", 0);
	show_regex("HELLO", "say hello", REG_ICASE);
	show_regex("(", "x", REG_EXTENDED);
}

/* ---- paths ---- */

static void show_realpath(const char *path, size_t base)
{
	char *got = realpath(path, NULL);

	say("realpath %s: %s", path, got ? strlen(got) > base ? got + base : "shorter" : errno_name(errno));
	free(got);
}

static void test_paths(void)
{
	char a[] = "/usr/lib/x.so", b[] = "/usr/lib/x.so", *here = getcwd(NULL, 0), small[2];

	say("basename %s, dirname %s", basename(a), dirname(b));
	say("getcwd %d %d", here && here[0] == '/', getcwd(small, sizeof(small)) == NULL);
	say("%s", errno_name(errno));
	if (symlink("dir/../dir", "link") || symlink("loop", "loop") || symlink("../nothing", "dangling"))
		say("no links");
	show_realpath("dir/./../dir//file-7", strlen(here));
	show_realpath("link/file-8", strlen(here));
	show_realpath("loop", strlen(here));
	show_realpath("dangling", strlen(here));
	show_realpath("dir/nothing/x", strlen(here));
	show_realpath("dir/file-1/x", strlen(here));
	show_realpath("", 0);
	show_realpath("/..", 0);
	free(here);
	row("access", access("dir", X_OK));
	row("faccessat", faccessat(AT_FDCWD, "nothing", F_OK, AT_EACCESS));
	row("remove a directory", (mkdir("empty", 0755), remove("empty")));
	row("mkfifo", mkfifo("fifo", 0600));
	row("rename", rename("fifo", "pipe"));
}

/* ---- options ---- */

static void parse(const char *options, char **argv, int argc)
{
	static const struct option longs[] = {{"long", required_argument, NULL, 'l'},
		{"flag", no_argument, NULL, 'f'}, {"list", optional_argument, NULL, 'i'}, {NULL, 0, NULL, 0}};
	int c;

	optind = 0;
	say("getopt %s", options);
	while ((c = getopt_long(argc, argv, options, longs, NULL)) != -1)
		say("  %c %s, optopt %d", c, optarg ? optarg : "-", c == '?' || c == ':' ? optopt : 0);
	for (int i = optind; i < argc; i++)
		say("  rest %s", argv[i]);
}

static void test_getopt(void)
{
	char *a[] = {"prog", "-a", "first", "-cb", "value", "--long=5", "-x", "--flag", "second", "--fl",
		"--li", "--list=3", "--l", "--flag=1", "--no", "-ovalue", "-o", "--", "-a", NULL};
	char *b[] = {"prog", "-a", "first", "-a", NULL}, *c[] = {"prog", "x", "-ab", "--long", NULL};

	opterr = 0;
	parse("ab:co::", a, 19);
	parse("+ab:", b, 4);
	parse("-ab:", b, 4);
	parse(":ab:", c, 3);
	parse("ab:", c, 4);
}

/* ---- processes ---- */

static void test_processes(void)
{
	char *argv[] = {"sh", "-c", "echo spawned; exit 5", NULL}, text[32] = "", *envp[] = {"A=b", NULL};
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	siginfo_t info;
	int fds[2], status;
	struct tms tms;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	say("posix_spawn %d", posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, envp));
	table_wait("spawned", pid);
	say("it said %zd %.8s", read(fds[0], text, sizeof(text)), text);
	say("posix_spawn of nothing %d", posix_spawn(&pid, "/nothing", NULL, NULL, argv, envp) == ENOENT);
	posix_spawn_file_actions_destroy(&actions);
	pid = fork();
	if (pid == 0) {
		execlp("sh", "sh", "-c", "exit 6", NULL);
		_exit(1);
	}
	say("waitid %d", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	say("pid %d, code %d, status %d", info.si_pid == pid, info.si_code, info.si_status);
	say("wait4 %d", wait4(pid, &status, 0, &usage) == pid && WEXITSTATUS(status) == 6);
	pid = vfork();
	if (pid == 0) {
		execl("/nothing", "nothing", NULL);
		_exit(errno == ENOENT ? 8 : 9);
	}
	table_wait("vfork", pid);
	row("execv", execv("dir", argv));
	say("times %d, getrusage %d", times(&tms) != (clock_t)-1, getrusage(RUSAGE_SELF, &usage));
	say("getpriority %d, nice %d", getpriority(PRIO_PROCESS, 0), nice(0));
	say("group %d, session %d", getpgrp() == getpgid(0),
		getsid(0) >= 0); /* 0: a leader outside of this pid namespace */
	close(fds[0]);
	close(fds[1]);
}

/* ---- signals ---- */

static volatile sig_atomic_t caught, value_caught;
static sigjmp_buf jump;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	caught = signo;
	value_caught = info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
	if (signo == SIGUSR2)
		siglongjmp(jump, 1);
}

static void test_signals(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, old;
	struct timespec soon = {.tv_nsec = 20000000};
	struct itimerval timer = {.it_value = {.tv_usec = 10000}};
	sigset_t set, was;
	siginfo_t info;
	int signo;

	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGUSR2, &act, &old);
	sigaction(SIGALRM, &act, NULL);
	say("old handler is the default %d", old.sa_handler == SIG_DFL);
	row("sigaction, SIGKILL", sigaction(SIGKILL, &act, NULL));
	row("sigaction, 0", sigaction(0, &act, NULL));
	raise(SIGUSR1);
	say("raise %d", caught);
	sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77});
	say("sigqueue %d", value_caught);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	row("sigaddset", sigaddset(&set, 100));
	say("sigismember %d %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
	sigprocmask(SIG_BLOCK, &set, &was);
	caught = 0;
	kill(getpid(), SIGUSR1);
	sigpending(&was);
	say("blocked: caught %d, pending %d", caught, sigismember(&was, SIGUSR1));
	say("sigwait %d", sigwait(&set, &signo) == 0 && signo == SIGUSR1);
	row("sigtimedwait", sigtimedwait(&set, &info, &soon));
	sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
	say("sigwaitinfo %d", sigwaitinfo(&set, &info) == SIGUSR1 && info.si_value.sival_int == 5);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (!sigsetjmp(jump, 1))
		raise(SIGUSR2);
	sigprocmask(SIG_BLOCK, NULL, &was);
	say("siglongjmp: mask restored %d", !sigismember(&was, SIGUSR2));
	setitimer(ITIMER_REAL, &timer, NULL);
	row("pause", pause());
	say("by the timer %d, unused %u", caught == SIGALRM, alarm(0));
	signal(SIGUSR1, SIG_IGN);
	say("signal %d", signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	say("psignal's names %d", strsignal(SIGUSR1) != NULL);
}

static void test_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec each = {.it_value = {.tv_nsec = 5000000}}, left;
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	timer_t timer;

	sigaction(SIGUSR1, &act, NULL);
	caught = 0;
	row("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
	row("timer_settime", timer_settime(timer, 0, &each, NULL));
	while (!caught)
		pause_ms(1);
	row("timer_gettime", timer_gettime(timer, &left));
	say("done %d, overruns %d", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0,
		timer_getoverrun(timer));
	row("timer_delete", timer_delete(timer));
}

static void abort_here(int signo)
{
	(void)signo; /* and returns: abort() ends the process all the same */
}

static void test_abort(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGABRT, abort_here);
		abort();
	}
	table_wait("abort with a handler", pid);
}

/* ---- waiting ---- */

static void test_waiting(void)
{
	struct timespec ts = {.tv_nsec = 5000000}, now, at;
	struct timeval tv = {.tv_usec = 5000};
	struct pollfd p;
	fd_set set;
	int fds[2];

	if (pipe(fds))
		return;
	p = (struct pollfd){.fd = fds[0], .events = POLLIN};
	row("poll", poll(&p, 1, 5));
	row("ppoll", ppoll(&p, 1, &ts, NULL));
	say("time is left alone %ld", ts.tv_nsec);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	row("select", select(fds[0] + 1, &set, NULL, NULL, &tv));
	FD_SET(fds[0], &set);
	row("pselect", pselect(fds[0] + 1, &set, NULL, NULL, &ts, NULL));
	row("write", write(fds[1], "x", 1));
	row("poll", poll(&p, 1, -1));
	FD_SET(fds[0], &set);
	row("select", select(fds[0] + 1, &set, NULL, NULL, NULL));
	say("set %d", FD_ISSET(fds[0], &set));
	close(fds[0]);
	close(fds[1]);
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += 10000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	say("clock_nanosleep %d", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
	clock_gettime(CLOCK_MONOTONIC, &now);
	say("not early %d", now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
	say("clock_nanosleep, odd clock %s", errno_name(clock_nanosleep(99, 0, &ts, NULL)));
	say("clock_getres %d", clock_getres(CLOCK_REALTIME, &now) == 0 && now.tv_sec == 0);
	say("clock %d, %d", clock() != (clock_t)-1, CLOCKS_PER_SEC == 1000000);
	say("usleep %d, sleep %u", usleep(1000), sleep(0));
}

/* ---- the system ---- */

static void test_system(void)
{
	struct statvfs fs;
	struct utsname u;
	struct sysinfo info;
	struct rlimit limit;
	char bytes[300] = "", name[65];
	cpu_set_t cpus;

	say("page %ld, CPUs %d, clock ticks %ld", sysconf(_SC_PAGESIZE), sysconf(_SC_NPROCESSORS_ONLN) > 0,
		sysconf(_SC_CLK_TCK));
	say("threads %d, open files %d, host name %ld", sysconf(_SC_THREADS) > 0, sysconf(_SC_OPEN_MAX) >= 64,
		sysconf(_SC_HOST_NAME_MAX));
	errno = 0;
	say("sysconf, unknown %ld", sysconf(987));
	say("%s", errno_name(errno));
	row("statvfs", statvfs(".", &fs));
	say("%lu %lu", fs.f_bsize, fs.f_namemax);
	say("uname %d, gethostname %d", uname(&u), gethostname(name, sizeof(name)));
	say("same %d", !strcmp(u.nodename, name));
	say("sysinfo %d, RAM %d", sysinfo(&info), info.totalram > 0);
	say("getrlimit %d, %d", getrlimit(RLIMIT_NOFILE, &limit), limit.rlim_cur > 0);
	say("getrandom %zd, %d", getrandom(bytes, 32, 0), bytes[0] || bytes[1] || bytes[2] || bytes[3]);
	say("getentropy %d", getentropy(bytes, 32));
	row("getentropy, much", getentropy(bytes, 257));
	row("affinity", sched_getaffinity(0, sizeof(cpus), &cpus));
	say("CPUs %d, on one of them %d", CPU_COUNT(&cpus) > 0, CPU_ISSET(sched_getcpu(), &cpus) != 0);
	say("limits %d %d %d %d", PATH_MAX, NAME_MAX, PIPE_BUF, IOV_MAX);
}

/* ---- files and mappings ---- */

static void test_files(void)
{
	struct iovec iov[2] = {{"ab", 2}, {"cd", 2}};
	struct timespec times[2] = {{1000, 111}, {2000, 222}};
	int fd = open("data", O_RDWR | O_CREAT, 0644);
	struct stat st;
	char text[8] = "", *p;

	row("pwritev", pwritev(fd, iov, 2, 3));
	row("pread", pread(fd, text, 4, 3));
	say("%s", text);
	row("futimens", futimens(fd, times));
	fstat(fd, &st);
	say("times %ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec);
	row("posix_fallocate", posix_fallocate(fd, 0, 8192));
	say("posix_fallocate, none %s", errno_name(posix_fallocate(fd, 0, 0)));
	row("posix_fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	row("fdatasync", fdatasync(fd));
	row("flock", flock(fd, LOCK_EX | LOCK_NB));
	row("lockf", lockf(fd, F_TLOCK, 0));
	row("lockf, test", lockf(fd, F_TEST, 0));
	row("fcntl", fcntl(fd, F_GETFD));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(p + 4096, "mapped", 7);
	row("msync", msync(p, 8192, MS_SYNC));
	row("pread", pread(fd, text, 7, 4096));
	say("%s", text);
	row("posix_madvise", posix_madvise(p, 8192, POSIX_MADV_WILLNEED));
	row("mlock", mlock(p, 4096));
	row("munlock", munlock(p, 4096));
	p = mremap(p, 8192, 4096, 0);
	row("mprotect", mprotect(p, 4096, PROT_READ));
	row("munmap", munmap(p, 4096));
	row("munmap, odd", munmap((char *)1, 4096));
	row("truncate", truncate("data", 100));
	row("copy_file_range",
		copy_file_range(fd, &(off_t){0}, open("copy", O_WRONLY | O_CREAT, 0644), NULL, 50, 0));
	row("stat", stat("copy", &st));
	say("size %ld", (long)st.st_size);
	close(fd);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_directories();
	test_walk();
	test_patterns();
	test_paths();
	test_getopt();
	test_processes();
	test_signals();
	test_timer();
	test_abort();
	test_waiting();
	test_system();
	test_files();
	return 0;
}
