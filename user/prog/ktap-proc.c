/* SPDX-License-Identifier: MIT */
/*
 * ktap-proc [DIRECTORY]: what processes promise each other, as KTAP: descriptors, pipes, signals, children and
 * orphans, scripts, devices, and what happens when memory ends. Passes on Linux too, but for the few
 * tests that say so.
 */
#include "ktap.h"
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Calls without a stub in the C library. */
#define NR_rt_sigprocmask 14
#define NR_clone 56
#define NR_vfork 58
#define NR_fcntl 72
#define NR_fchdir 81
#define NR_umask 95
#define NR_mkdirat 258
#define NR_unlinkat 263
#define NR_renameat 264
#define NR_dup3 292

#define PIPE_SIZE 65536

static char buf[4 * PIPE_SIZE];
static const char *self;

static void pause_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static int dies_by(int (*fn)(void *), void *arg, int sig)
{
	int status = run_child(fn, arg);

	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

/* ---- descriptors ---- */

static int is_open(int fd)
{
	return syscall(NR_fcntl, (long)fd, (long)F_GETFD) >= 0;
}

static int fill_table(void *arg)
{
	int fd, last = -1;
	struct stat st;

	(void)arg;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
		if (fd <= last)
			return 1;
		last = fd;
	}
	if (errno != EMFILE || last != 1023)
		return 2;
	close(500);
	close(400);
	if (open("/dev/null", O_RDONLY) != 400 || open("/dev/null", O_RDONLY) != 500)
		return 3;
	if (open("proc-none", O_RDWR | O_CREAT, 0666) >= 0 || errno != EMFILE)
		return 4;
	return stat("proc-none", &st) == 0 ? 5 : 0; /* a file made for nothing */
}

static void test_descriptors(void)
{
	int a = open("/dev/zero", O_RDONLY), b = dup(a);
	int high = dup2(a, 700);

	CHECK("dup gives the lowest free number", b == a + 1);
	CHECK("dup2 gives the number asked for", high == 700 && read(700, buf, 1) == 1);
	CHECK("dup2 onto itself", dup2(b, b) == b);
	CHECK("F_DUPFD starts where it is told", syscall(NR_fcntl, (long)a, (long)F_DUPFD, 800L) == 800);
	CHECK("dup3 marks close-on-exec",
		syscall(NR_dup3, (long)a, 900L, (long)O_CLOEXEC) == 900 &&
			syscall(NR_fcntl, 900L, (long)F_GETFD) == FD_CLOEXEC);
	CHECK_ERRNO("dup3 onto itself", syscall(NR_dup3, (long)a, (long)a, 0L), EINVAL);
	CHECK("close", close(b) == 0 && !is_open(b));
	CHECK("a full table is EMFILE, before anything is created", run_child(fill_table, NULL) == 0);
	close(a);
	close(700);
	close(800);
	close(900);
}

static int exec_to_count(void *arg)
{
	char *argv[] = {"ktap-proc", "--count", NULL};

	(void)arg;
	dup2(0, 50);
	open("/dev/null", O_RDONLY | O_CLOEXEC);
	execv(self, argv);
	return 100;
}

/* What exec_to_count() starts: 0 to 2 and 50 are open, nothing else. */
static int count_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++)
		if (is_open(fd) != (fd < 3 || fd == 50))
			return fd + 1;
	return 0;
}

/* ---- vectors ---- */

static void test_vectors(void)
{
	char a[3], b[5];
	struct iovec out[] = {{"one", 3}, {NULL, 0}, {"two33", 5}}, in[] = {{a, 3}, {b, 5}};
	int fd = open("proc-file", O_RDWR | O_CREAT | O_TRUNC, 0666);

	CHECK("writev writes all pieces", writev(fd, out, 3) == 8);
	CHECK("readv fills all pieces",
		lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 8 && !memcmp(a, "one", 3) &&
			!memcmp(b, "two33", 5));
	CHECK("readv at the end", readv(fd, in, 2) == 0);
	CHECK("pread leaves the position", pread(fd, a, 3, 1) == 3 && lseek(fd, 0, SEEK_CUR) == 8);
	close(fd);
	unlink("proc-file");
}

/* ---- pipes ---- */

static int write_much(void *arg)
{
	int *fds = arg;

	close(fds[0]);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7 + i / 251);
	write_all(fds[1], buf, sizeof(buf));
	return 0;
}

static int read_much(int fd)
{
	size_t done = 0;
	ssize_t n;

	while ((n = read(fd, buf, 1000)) > 0) {
		for (ssize_t k = 0; k < n; k++, done++)
			if (buf[k] != (char)(done * 7 + done / 251))
				return 0;
		if (done % 5000 == 0)
			sched_yield();
	}
	return n == 0 && done == sizeof(buf);
}

static int write_to_nobody(void *arg)
{
	int *fds = arg;

	close(fds[0]);
	return write(fds[1], "x", 1) == 1;
}

static int write_to_nobody_ignoring(void *arg)
{
	int *fds = arg;

	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	return write(fds[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1;
}

static int block_in_read(void *arg)
{
	int *fds = arg;

	return read(fds[0], buf, 1) != 1;
}

static void test_pipes(void)
{
	struct stat st;
	int fds[2], status;
	pid_t pid;

	pipe(fds);
	CHECK("a pipe is a pipe", fstat(fds[0], &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK("what goes in comes out", write(fds[1], "hello", 5) == 5 && read(fds[0], buf, 100) == 5);
	CHECK_ERRNO("the read end takes no write", write(fds[0], "x", 1), EBADF);
	CHECK_ERRNO("the write end gives no read", read(fds[1], buf, 1), EBADF);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(write_much(fds));
	close(fds[1]);
	CHECK("four ringfuls arrive whole, then the end", read_much(fds[0]));
	CHECK("the writer is done", wait_for(pid) == 0);
	close(fds[0]);

	pipe(fds);
	CHECK("a write to nobody ends by SIGPIPE", (close(fds[0]), dies_by(write_to_nobody, fds, SIGPIPE)));
	CHECK("or is EPIPE for who ignores that", run_child(write_to_nobody_ignoring, fds) == 0);
	close(fds[1]);

	pipe2(fds, O_NONBLOCK);
	CHECK_ERRNO("an empty pipe, not blocking", read(fds[0], buf, 1), EAGAIN);
	CHECK("a write takes what fits", write(fds[1], buf, sizeof(buf)) == PIPE_SIZE);
	CHECK_ERRNO("a full pipe, not blocking", write(fds[1], buf, 1), EAGAIN);
	CHECK("a page taken out", read(fds[0], buf, 4000) == 4000);
	CHECK_ERRNO("a small write is not torn", write(fds[1], buf, 4001), EAGAIN);
	CHECK("but goes in where it fits", write(fds[1], buf, 4000) == 4000);
	close(fds[0]);
	close(fds[1]);

	pipe(fds);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(block_in_read(fds));
	pause_ms(20);
	kill(pid, SIGTERM);
	status = wait_for(pid);
	CHECK("a reader that sleeps can be killed", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(fds[0]);
	close(fds[1]);
}

/* ---- signals ---- */

static long set_mask(int how, unsigned long mask)
{
	return syscall(NR_rt_sigprocmask, (long)how, (long)&mask, 0L, 8L);
}

static int block_then_unblock(void *arg)
{
	unsigned long bit = 1UL << (SIGTERM - 1);

	(void)arg;
	set_mask(SIG_BLOCK, bit);
	kill(getpid(), SIGTERM);
	if (getppid() <= 0)
		return 1; /* still here after a return to user mode */
	set_mask(SIG_UNBLOCK, bit);
	return 2;
}

static int ignore_term(void *arg)
{
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	kill(getpid(), SIGTERM);
	signal(SIGKILL, SIG_IGN);
	return signal(SIGTERM, SIG_DFL) == SIG_IGN ? 0 : 1;
}

static int ignore_through_exec(void *arg)
{
	char *argv[] = {"ktap-proc", "--disposition", NULL};

	(void)arg;
	signal(SIGTERM, SIG_IGN);
	execv(self, argv);
	return 100;
}

static int default_ignored(void *arg)
{
	(void)arg;
	kill(getpid(), SIGCHLD);
	kill(getpid(), SIGURG);
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGCONT);
	return 0;
}

static int ignore_children(void *arg)
{
	pid_t pid;

	(void)arg;
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		_exit(0);
	return waitpid(pid, NULL, 0) == -1 && errno == ECHILD ? 0 : 1;
}

/* On a CPU of its own no interrupt comes by itself. */
static int compute_for_ever(void *arg)
{
	volatile int go = arg == NULL;

	while (go)
		;
	return 0;
}

static int kill_self(void *arg)
{
	kill(getpid(), (int)(long)arg);
	return 0;
}

static void test_signals(void)
{
	static const int fatal[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGUSR1, SIGALRM, SIGTERM, SIGRTMAX};
	int status, all = 1;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		all &= dies_by(kill_self, (void *)(long)fatal[i], fatal[i]);
	CHECK("a signal ends its target", all);
	CHECK("a blocked signal waits until it is let through", dies_by(block_then_unblock, NULL, SIGTERM));
	CHECK("an ignored signal vanishes", run_child(ignore_term, NULL) == 0);
	CHECK("and is still ignored after exec", run_child(ignore_through_exec, NULL) == 0);
	CHECK("some do nothing by default", run_child(default_ignored, NULL) == 0);
	CHECK("who ignores SIGCHLD has no zombies", run_child(ignore_children, NULL) == 0);
	CHECK_ERRNO("SIGKILL cannot be ignored", (long)signal(SIGKILL, SIG_IGN), EINVAL);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(compute_for_ever(NULL));
	pause_ms(20);
	CHECK("who computes without end can be killed",
		kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
	CHECK("init does not die by a signal", kill(1, SIGKILL) == 0 && kill(1, 0) == 0);
}

/* ---- children ---- */

/* Leaves a grandchild behind, which tells through the pipe who its parent is in the end. */
static int leave_orphan(void *arg)
{
	int *fds = arg;
	pid_t first = getpid();

	if (fork() == 0) {
		char ok;

		while (getppid() == first)
			sched_yield();
		ok = getppid() == 1;
		_exit(write(fds[1], &ok, 1) != 1);
	}
	return 0;
}

static int sleep_long(void *arg)
{
	(void)arg;
	pause_ms(100000);
	return 1;
}

static void test_children(void)
{
	pid_t pids[200];
	int fds[2], status, good = 1;
	char ok = 0;
	long pid;

	pipe(fds);
	CHECK("a child may leave its children", run_child(leave_orphan, fds) == 0);
	CHECK("which become init's", read(fds[0], &ok, 1) == 1 && ok);
	close(fds[0]);
	close(fds[1]);

	fflush(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(i % 2 ? (int)i : sleep_long(NULL));
		good &= pids[i] > 0;
	}
	for (size_t i = 1; i < ARRAY_SIZE(pids); i += 2)
		good &= waitpid(pids[i], &status, 0) == pids[i] && WEXITSTATUS(status) == (int)i;
	CHECK("200 children; every second one ends by itself, waited for by name", good);
	CHECK("none of the others has", waitpid(-1, &status, WNOHANG) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i += 2)
		good &= kill(pids[i], SIGTERM) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i += 2)
		good &= waitpid(-1, &status, 0) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	CHECK("they end by a signal, waited for as they come", good);
	CHECK_ERRNO("then there are none", waitpid(-1, &status, 0), ECHILD);

	pid = syscall(NR_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
	if (pid == 0)
		_exit(5);
	CHECK("clone with nothing but SIGCHLD is fork", pid > 0 && shell_status(wait_for((pid_t)pid)) == 5);
	CHECK("an exit status has eight bits", shell_status(run_child(kill_self, (void *)0L)) == 0);
}

/* ---- scripts ---- */

static void write_script(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0777);

	write_all(fd, text, strlen(text));
	close(fd);
}

static int exec_script(void *arg)
{
	char *argv[] = {"script", "a word", NULL};

	execv(arg, argv);
	return 100;
}

/* What the scripts start: "--script" and perhaps more, the script's path, its word. */
static int script_child(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[2], "./proc-script") && !strcmp(argv[3], "a word"))
		return 0;
	return argc == 5 && !strcmp(argv[2], "./proc-script") && !strcmp(argv[3], "./proc-script2") ? 7 : 1;
}

static void test_scripts(void)
{
	char text[200];

	snprintf(text, sizeof(text), "#! %s --script \nrubbish\n", self);
	write_script("proc-script", text);
	CHECK("a script runs its interpreter", run_child(exec_script, "./proc-script") == 0);
	write_script("proc-script2", "#!./proc-script\n");
	CHECK("which may be a script", shell_status(run_child(exec_script, "./proc-script2")) == 7);
	write_script("proc-script", "#!./proc-script\n");
	CHECK_ERRNO("but not itself", execv("./proc-script", (char *[]){"x", NULL}), ELOOP);
	write_script("proc-script", "#! \n");
	CHECK_ERRNO("nor nothing", execv("./proc-script", (char *[]){"x", NULL}), ENOEXEC);
	unlink("proc-script");
	unlink("proc-script2");
}

/* ---- directories ---- */

static void test_directories(void)
{
	char before[200], inside[200];
	int fd = open(".", O_RDONLY | O_DIRECTORY);
	struct stat st;

	getcwd(before, sizeof(before));
	CHECK("mkdirat, its mode cut by umask",
		syscall(NR_umask, 027L) >= 0 && syscall(NR_mkdirat, (long)fd, (long)"proc-dir", 0777L) == 0 &&
			stat("proc-dir", &st) == 0 && (st.st_mode & 0777) == 0750);
	syscall(NR_umask, 022L);
	CHECK("chdir and getcwd",
		chdir("proc-dir") == 0 && getcwd(inside, sizeof(inside)) &&
			!strcmp(base_name(inside), "proc-dir"));
	CHECK("fchdir goes back",
		syscall(NR_fchdir, (long)fd) == 0 && getcwd(inside, sizeof(inside)) &&
			!strcmp(before, inside));
	CHECK("renameat", syscall(NR_renameat, (long)fd, (long)"proc-dir", (long)fd, (long)"proc-dir2") == 0);
	CHECK("unlinkat", syscall(NR_unlinkat, (long)fd, (long)"proc-dir2", (long)AT_REMOVEDIR) == 0);
	close(fd);
}

/* ---- devices ---- */

static void test_devices(void)
{
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR),
	    random = open("/dev/urandom", O_RDONLY);

	CHECK("/dev/null", read(null, buf, 10) == 0 && write(null, buf, sizeof(buf)) == sizeof(buf));
	memset(buf, 'x', 100);
	CHECK("/dev/zero", read(zero, buf, 100) == 100 && buf[0] == 0 && buf[99] == 0);
	CHECK("/dev/urandom", read(random, buf, 64) == 64 && memcmp(buf, buf + 32, 32));
	CHECK("the position of a device of memory is always 0", lseek(null, 100, SEEK_SET) == 0);
	CHECK_ERRNO("it has no pages", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0), ENODEV);
	close(null);
	close(zero);
	close(random);
}

/* ---- the end of memory ---- */

static int eat_memory(void *arg)
{
	size_t size = 1UL << 36;
	char *p =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	if (p == MAP_FAILED)
		return 0; /* refused at once is as good */
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = 1;
	return 1;
}

/* Free pages as the kernel counts them; -1: this is no Faultline. */
static long free_pages(void)
{
	char text[512], *at;
	int fd = open("/proc/faultline/memory", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	at = strstr(text, "free_pages ");
	return at ? atol(at + 11) : -1;
}

static int just_exit(void *arg)
{
	return *(int *)arg & 0x3f;
}

/* Caches of the allocators keep some pages; what each fork lost would be many. */
#define STORM 2000
#define KEPT_PAGES 300

static void test_storm(void)
{
	int lost = 0;
	long before, after;

	for (int i = 0; i < 100; i++)
		lost += run_child(just_exit, &i) != (i & 0x3f) << 8;
	before = free_pages();
	for (int i = 0; i < STORM; i++)
		lost += run_child(just_exit, &i) != (i & 0x3f) << 8;
	after = free_pages();
	printf("# %ld pages free before %d forks, %ld after\n", before, STORM, after);
	CHECK("children by the thousand", lost == 0);
	CHECK("and they leave no memory behind", after >= before - KEPT_PAGES);
}

static int take_a_little(void *arg)
{
	char *p = malloc(1 << 20);

	(void)arg;
	if (p)
		memset(p, 1, 1 << 20);
	return p == NULL;
}

static void test_memory(void)
{
	int status = run_child(eat_memory, NULL);

	CHECK("who takes all memory ends, or is refused",
		(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || status == 0);
	CHECK("the others go on, and have memory again", run_child(take_a_little, NULL) == 0);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/t";

	if (argc > 1 && !strcmp(argv[1], "--count"))
		return count_descriptors();
	if (argc > 1 && !strcmp(argv[1], "--disposition"))
		return signal(SIGTERM, SIG_DFL) == SIG_IGN ? 0 : 1;
	if (argc > 1 && !strcmp(argv[1], "--script"))
		return script_child(argc, argv);
	self = argv[0][0] == '/' ? argv[0] : "/bin/ktap-proc";
	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	ktap_start();
	test_descriptors();
	CHECK("exec keeps what is not marked, and closes what is", run_child(exec_to_count, NULL) == 0);
	test_vectors();
	test_pipes();
	test_signals();
	test_children();
	test_scripts();
	test_directories();
	test_devices();
	test_memory();
	test_storm();
	return ktap_finish();
}
