/* SPDX-License-Identifier: MIT */
/* Children, process groups, sessions: wait4, waitid, stopping and continuing. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t start(void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		table_child_end();
	}
	return pid;
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

static void nothing(void) {}

static void test_wait(void)
{
	int status = 0;
	pid_t a, b;

	row("wait without children", wait(&status));
	row("waitpid of a stranger", waitpid(1, &status, 0));
	row("wait4 bad options", syscall(SYS_wait4, -1, &status, 0x100, NULL));
	row("waitid no options", waitid(P_ALL, 0, NULL, 0));
	row("waitid bad type", syscall(SYS_waitid, 9, 0, NULL, WEXITED, NULL));
	a = start(sleep_on);
	row("not yet", waitpid(a, &status, WNOHANG));
	b = start(nothing);
	row("another one", waitpid(b, &status, 0) == b && WIFEXITED(status));
	kill(a, SIGTERM);
	row("any", wait(&status) == a && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	row("no more", waitpid(-1, &status, WNOHANG));
}

static void say_info(const char *what, const siginfo_t *info, pid_t pid)
{
	say("%s: signo %d code %d status %d, the child %d", what, info->si_signo, info->si_code,
		info->si_status, info->si_pid == pid);
}

static void test_waitid(void)
{
	siginfo_t info;
	pid_t pid = start(sleep_on);

	memset(&info, 0, sizeof(info));
	row("nothing yet", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
	say_info("nothing", &info, 0);
	kill(pid, SIGSTOP);
	row("stopped", waitid(P_PID, (id_t)pid, &info, WSTOPPED));
	say_info("stopped", &info, pid);
	row("told once", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG));
	kill(pid, SIGCONT);
	row("continued", waitid(P_PID, (id_t)pid, &info, WCONTINUED));
	say_info("continued", &info, pid);
	kill(pid, SIGSTOP);
	waitid(P_PID, (id_t)pid, &info, WSTOPPED);
	kill(pid, SIGTERM);
	usleep(20000);
	row("stopped, not ended by SIGTERM", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
	say("pid %d", info.si_pid);
	kill(pid, SIGCONT);
	row("looked at", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	say_info("killed", &info, pid);
	row("taken", waitid(P_ALL, 0, &info, WEXITED));
	say_info("killed", &info, pid);
	row("gone", waitid(P_PID, (id_t)pid, &info, WEXITED));
	pid = start(sleep_on);
	kill(pid, SIGSTOP);
	waitid(P_PID, (id_t)pid, &info, WSTOPPED);
	kill(pid, SIGKILL);
	table_wait("SIGKILL ends a stopped one", pid);
}

static volatile int chld_code, chld_status, chld_count;
static volatile pid_t chld_pid;

static void on_chld(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	chld_count++;
	chld_code = info->si_code;
	chld_status = info->si_status;
	chld_pid = info->si_pid;
}

static void wait_count(int n)
{
	for (int i = 0; i < 500 && chld_count < n; i++)
		usleep(2000);
}

static void test_sigchld(void)
{
	struct sigaction act = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t pid;
	int status;

	sigaction(SIGCHLD, &act, NULL);
	pid = start(sleep_on);
	kill(pid, SIGSTOP);
	wait_count(1);
	say("SIGCHLD: code %d status %d own %d", chld_code, chld_status, chld_pid == pid);
	kill(pid, SIGCONT);
	wait_count(2);
	say("SIGCHLD: code %d status %d own %d", chld_code, chld_status, chld_pid == pid);
	kill(pid, SIGKILL);
	wait_count(3);
	say("SIGCHLD: code %d status %d own %d", chld_code, chld_status, chld_pid == pid);
	waitpid(pid, &status, 0);
	act.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &act, NULL);
	pid = start(sleep_on);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	usleep(20000);
	say("NOCLDSTOP: count %d", chld_count);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	say("and the end: count %d", chld_count);
	act.sa_flags |= SA_NOCLDWAIT;
	sigaction(SIGCHLD, &act, NULL);
	pid = start(nothing);
	row("NOCLDWAIT", waitpid(pid, &status, 0));
	signal(SIGCHLD, SIG_IGN);
	pid = start(nothing);
	row("SIGCHLD ignored", wait(&status));
	signal(SIGCHLD, SIG_DFL);
}

/* ---- groups ---- */

static int go[2];

static void wait_go(void)
{
	char c;

	if (read(go[0], &c, 1) < 0)
		_exit(1);
}

static volatile int hup;

static void on_hup(int signo)
{
	(void)signo;
	hup = 1;
}

static void stops_and_reports(void)
{
	signal(SIGHUP, on_hup);
	raise(SIGSTOP);
	say("continued with SIGHUP %d", hup);
	if (write(go[1], "y", 1) != 1)
		_exit(1);
}

static void leave_stopped_child(void)
{
	int status;
	pid_t pid;

	setsid();
	pid = start(stops_and_reports);
	setpgid(pid, pid);
	waitpid(pid, &status, WUNTRACED);
	say("child stopped %d", WIFSTOPPED(status));
}

static void groups_in_session(void)
{
	pid_t a, b, me = getpid();
	int status;

	row("setsid", setsid() == me);
	say("sid %d pgid %d", getsid(0) == me, getpgid(0) == me);
	row("setsid again", setsid());
	row("the leader stays", setpgid(0, 0));
	row("no terminal", ioctl(0, TIOCSCTTY + 0x1000, 0) < 0);
	a = start(sleep_on);
	b = start(sleep_on);
	row("setpgid", setpgid(a, a));
	row("join", setpgid(b, a));
	row("no such group", setpgid(b, 999999));
	row("a stranger", setpgid(1, 1));
	row("negative", setpgid(a, -1));
	say("groups %d %d", getpgid(a) == a, getpgid(b) == a);
	row("nobody's", getpgid(999999));
	row("killpg 0", kill(-a, 0));
	kill(-a, SIGSTOP);
	row("both stop", waitpid(-a, &status, WUNTRACED) > 0);
	row("both stop", waitpid(-a, &status, WUNTRACED) > 0);
	kill(-a, SIGTSTP);
	kill(-a, SIGKILL);
	row("both end", waitpid(-a, &status, 0) > 0);
	row("both end", waitpid(-a, &status, 0) > 0);
	row("the group is gone", kill(-a, 0));
	row("no child in it", waitpid(-a, &status, 0));
	a = start(sleep_on);
	signal(SIGUSR1, SIG_IGN);
	row("own group", kill(0, SIGUSR1));
	row("child got it", waitpid(a, &status, 0) == a && WTERMSIG(status) == SIGUSR1);
}

/* One that has ended is still a child until it is waited for. */
static void group_of_zombie(void)
{
	siginfo_t info;
	int status;
	pid_t pid = start(nothing);

	row("ended", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	row("setpgid", setpgid(pid, pid));
	row("it has that group", getpgid(pid) == pid);
	row("waited for by it", waitpid(-pid, &status, 0) == pid);
}

static void stop_in_orphaned_group(void)
{
	setsid();
	raise(SIGTSTP); /* nobody could continue us */
	raise(SIGTTIN);
	_exit(5);
}

static void test_groups(void)
{
	pid_t pid;
	char c;

	table_wait("session", start(groups_in_session));
	group_of_zombie();
	table_wait("no stop in an orphaned group", start(stop_in_orphaned_group));
	if (pipe(go))
		return;
	pid = start(leave_stopped_child);
	row("it goes on", read(go[0], &c, 1));
	table_wait("parent of a stopped child", pid);
	pid = start(wait_go);
	row("session of a child", getsid(pid) == getsid(0));
	if (write(go[1], "x", 1) != 1)
		say("write");
	table_wait("child", pid);
}

/* ---- a storm ---- */

static void test_storm(void)
{
	int lost = 0, status;

	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i & 0x7f);
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (i & 0x7f))
			lost++;
	}
	say("200 children, %d lost", lost);
	for (int i = 0; i < 30; i++)
		if (fork() == 0)
			_exit(i);
	int sum = 0;
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	say("30 at once, sum %d", sum);
}

static long ms_of(const struct rusage *r)
{
	return (r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000 +
		(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1000;
}

static long used(int who)
{
	struct rusage r;

	return getrusage(who, &r) ? -1 : ms_of(&r);
}

#define BUSY_MS 60

static void *work(void *arg)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < BUSY_MS * 1000000L);
	return arg;
}

/* A child that works itself, in a thread that ends, and in a child of its own that it waits for. */
static void work_three_times(void)
{
	pthread_t t;
	pid_t pid = fork();

	work(NULL);
	if (pid == 0)
		_exit(0);
	if (pthread_create(&t, NULL, work, NULL) == 0)
		pthread_join(t, NULL);
	waitpid(pid, NULL, 0);
	long alone = used(RUSAGE_THREAD), all = used(RUSAGE_SELF);

	say("itself %d, and its thread %d, its child %d", alone >= BUSY_MS - 10, all - alone >= BUSY_MS - 10,
		used(RUSAGE_CHILDREN) >= BUSY_MS - 10);
}

static void test_usage(void)
{
	struct rusage r;
	struct tms before, after;
	int status;
	long ticks = 0, was = used(RUSAGE_CHILDREN);
	pid_t pid;

	times(&before);
	pid = start(work_three_times);
	row("not waited for: not counted", used(RUSAGE_CHILDREN) == was);
	row("wait4", wait4(pid, &status, 0, &r) == pid);
	row("its time, its child's and its threads'", ms_of(&r) >= 3 * BUSY_MS - 30);
	row("among the children's", used(RUSAGE_CHILDREN) >= was + 3 * BUSY_MS - 30);
	row("times", times(&after) != -1);
	ticks = after.tms_cutime + after.tms_cstime - before.tms_cutime - before.tms_cstime;
	row("in ticks", ticks >= (3 * BUSY_MS - 30) / 10);
	row("getrusage of nobody", getrusage(7, &r));
	row("getrusage, bad address", syscall(SYS_getrusage, RUSAGE_SELF, 8));
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_wait();
	test_waitid();
	test_sigchld();
	test_groups();
	test_storm();
	test_usage();
	return 0;
}
