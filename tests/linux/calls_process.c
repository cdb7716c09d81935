/* SPDX-License-Identifier: MIT */
/* Calls on processes, threads and signals, each with its errors: calls.h. Calls that do not return are made by children. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct clone_args { /* linux/sched.h, which not every C library can include */
	unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

#define FUTEX_WAIT_ 0
#define FUTEX_WAKE_ 1
#define FUTEX_REQUEUE_ 3
#define FUTEX_CMP_REQUEUE_ 4
#define FUTEX_WAIT_BITSET_ 9

static char buf[512];
static const struct timespec brief = {0, 1000}, bad_time = {0, 1000000000};

static void nothing(int sig)
{
	(void)sig;
}

/* ---- making and ending */

static void making(void)
{
	static const struct clone_args both = {.flags = CLONE_THREAD, .exit_signal = SIGCHLD},
				       plain = {.exit_signal = SIGCHLD},
				       signal_too_large = {.exit_signal = 200},
				       far_thread_pointer = {
					       .flags = CLONE_SETTLS, .exit_signal = SIGCHLD, .tls = -4096ul};
	pid_t pid;

	pid = (pid_t)T(fork, OK, "a child"); /* which writes the same row */
	if (!pid)
		syscall(SYS_exit_group, 3);
	table_wait("fork's child", pid);
	pid = (pid_t)T(clone, OK, "a child", SIGCHLD);
	if (!pid)
		syscall(SYS_exit, 4);
	table_wait("clone's child", pid);
	T(clone, EINVAL, "handlers without memory", CLONE_SIGHAND | SIGCHLD);
	T(clone, EINVAL, "a thread without handlers", CLONE_THREAD | SIGCHLD);
	T(clone, EINVAL, "other names beside the same directory", 0x00020000 | CLONE_FS | SIGCHLD);
	T(clone, EINVAL, "other users beside the same directory", 0x10000000 | CLONE_FS | SIGCHLD);
	T(clone, EINVAL, "other numbers, and a thread", 0x20000000 | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
	T(clone, EINVAL, "handlers, and none", 0x100000000l | CLONE_SIGHAND | SIGCHLD);
	if (!T(clone, EPERM, "thread pointer in the kernel's half", CLONE_SETTLS | SIGCHLD, 0, 0, 0, -4096l))
		syscall(SYS_exit, 4);
	if (!T(clone3, EPERM, "thread pointer in the kernel's half", &far_thread_pointer, sizeof(plain)))
		syscall(SYS_exit, 4);
	T(clone3, EINVAL, "size", &plain, 8);
	T(clone3, EFAULT, "bad arguments", BAD, sizeof(plain));
	T(clone3, EINVAL, "a thread without handlers", &both, sizeof(both));
	T(clone3, EINVAL, "signal", &signal_too_large, sizeof(plain));
	T(clone3, E2BIG, "size of more than a page", &plain, 8192);
	pid = (pid_t)T(clone3, OK, "a child", &plain, sizeof(plain));
	if (!pid)
		syscall(SYS_exit_group, 5);
	table_wait("clone3's child", pid);
}

/* A program that names what runs it. */
static const char *script(const char *name, const char *interpreter)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0755);

	dprintf(fd, "#!%s\n", interpreter);
	close(fd);
	return name;
}

static void executing(void)
{
	static const char *const argv[] = {"true", NULL};
	static const char *const many[2] = {(const char *)8, NULL};
	static char word[200000];
	static const char *const large[] = {word, NULL};
	int fd = open("script", O_WRONLY | O_CREAT, 0755);

	write(fd, "not a program", 13);
	close(fd);
	close(open("plain", O_WRONLY | O_CREAT, 0644));
	mkfifo("fifo", 0755);
	mkdir("dir", 0755);
	symlink("loop", "loop");
	T(execve, ENOENT, "missing", "none", argv, 0);
	T(execve, ENOENT, "empty path", "", argv, 0);
	T(execve, EFAULT, "bad path", BAD, argv, 0);
	T(execve, EFAULT, "bad words", "script", BAD, 0);
	T(execve, EFAULT, "bad word", "script", many, 0);
	memset(word, 'w', sizeof(word) - 1);
	T(execve, E2BIG, "a word of more than 128 KiB", "script", large, 0);
	T(execve, EACCES, "no permission", "plain", argv, 0);
	T(execve, EACCES, "directory", "dir", argv, 0);
	alarm(10);
	T(execve, EACCES, "fifo", "fifo", argv, 0);
	alarm(0);
	T(execve, ENOEXEC, "not a program", "script", argv, 0);
	T(execve, ENOTDIR, "through a file", "script/x", argv, 0);
	T(execve, ELOOP, "loop", "loop", argv, 0);
	T(execve, ENAMETOOLONG, "long name", long_name(), argv, 0);
	T(execve, ENOENT, "no interpreter", script("by-none", "./none"), argv, 0);
	T(execve, EACCES, "interpreter is a directory", script("by-dir", "./dir"), argv, 0);
	T(execve, EACCES, "interpreter without permission", script("by-plain", "./plain"), argv, 0);
	T(execve, ENOTDIR, "interpreter through a file", script("by-file", "./script/x"), argv, 0);
	T(execve, ENOEXEC, "interpreter is not a program", script("by-script", "./script"), argv, 0);
	T(execve, ENOEXEC, "interpreter without a name", script("by-blank", " "), argv, 0);
	T(execve, ELOOP, "interpreted by itself", script("by-itself", "./by-itself"), argv, 0);
	T(execve, ELOOP, "interpreter is a loop", script("by-loop", "./loop"), argv, 0);
}

/* ---- waiting */

static void waiting(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	T(waitid, OK, "what is left in place", P_PID, pid, buf, WEXITED | WNOWAIT, 0);
	T(wait4, EFAULT, "bad status", pid, BAD, WNOHANG, 0);
	pid = fork();
	if (!pid)
		_exit(7);
	T(wait4, OK, "a child", pid, &status, 0, 0);
	T(wait4, ECHILD, "no child", -1, &status, 0, 0);
	T(wait4, ECHILD, "not a child", getppid(), &status, 0, 0);
	T(wait4, EINVAL, "options", -1, &status, 0x1000, 0);
	T(wait4, ESRCH, "a group that cannot be", -0x80000000l, &status, 0, 0);
	T(waitid, ECHILD, "no child", P_ALL, 0, buf, WEXITED, 0);
	T(waitid, EINVAL, "neither kind", P_ALL, 0, buf, 0, 0);
	T(waitid, EINVAL, "whose", 99, 0, buf, WEXITED, 0);
	T(waitid, EINVAL, "options", P_ALL, 0, buf, WEXITED | 0x1000, 0);
	T(waitid, EINVAL, "no process", P_PID, 0, buf, WEXITED, 0);
	T(waitid, EINVAL, "negative process", P_PID, -1, buf, WEXITED, 0);
	T(waitid, EINVAL, "negative group", P_PGID, -1, buf, WEXITED, 0);
	T(waitid, ECHILD, "not a child", P_PID, getppid(), buf, WEXITED, 0);
	pid = fork();
	if (!pid)
		_exit(7);
	T(waitid, EFAULT, "bad result", P_PID, pid, BAD, WEXITED, 0);
}

/* ---- signals */

static void sending(void)
{
	siginfo_t info;
	pid_t pid = getpid();

	memset(&info, 0, sizeof(info));
	info.si_code = SI_QUEUE;
	T(kill, OK, "own, nothing", pid, 0);
	T(kill, EINVAL, "signal", pid, 99);
	T(kill, ESRCH, "no process", NO_PID, 0);
	T(kill, ESRCH, "no group", -NO_PID, 0);
	T(kill, ESRCH, "a group that cannot be", -0x80000000l, 0);
	T(kill, EINVAL, "negative signal", pid, -1);
	T(tkill, OK, "own, nothing", pid, 0);
	T(tkill, EINVAL, "signal", pid, 99);
	T(tkill, EINVAL, "no thread", 0, 0);
	T(tkill, ESRCH, "no thread", NO_PID, 0);
	T(tgkill, OK, "own, nothing", pid, pid, 0);
	T(tgkill, EINVAL, "signal", pid, pid, 99);
	T(tgkill, EINVAL, "no process", 0, pid, 0);
	T(tgkill, ESRCH, "another's thread", NO_PID, pid, 0);
	T(tgkill, ESRCH, "no thread", pid, NO_PID, 0);
	T(tgkill, EINVAL, "negative thread", pid, -1, 0);
	T(rt_sigqueueinfo, OK, "own, ignored", pid, SIGCHLD, &info);
	T(rt_sigqueueinfo, EFAULT, "bad info", pid, SIGCHLD, BAD);
	T(rt_sigqueueinfo, EINVAL, "signal", pid, 99, &info);
	T(rt_sigqueueinfo, ESRCH, "no process", NO_PID, SIGCHLD, &info);
	T(rt_tgsigqueueinfo, OK, "own, ignored", pid, pid, SIGCHLD, &info);
	T(rt_tgsigqueueinfo, EINVAL, "no thread", pid, 0, SIGCHLD, &info);
	T(rt_tgsigqueueinfo, EINVAL, "signal", pid, pid, 99, &info);
	T(rt_tgsigqueueinfo, ESRCH, "another's thread", pid, NO_PID, SIGCHLD, &info);
	T(rt_tgsigqueueinfo, EFAULT, "bad info", pid, pid, SIGCHLD, BAD);
	info.si_code = SI_USER;
	T(rt_sigqueueinfo, EPERM, "in the kernel's name", getppid(), 0, &info);
	T(rt_tgsigqueueinfo, EPERM, "in the kernel's name", getppid(), getppid(), 0, &info);
}

static stack_t stack = {.ss_size = 65536};

static void on_stack(int sig)
{
	(void)sig;
	T(sigaltstack, EPERM, "from a handler on it", &stack, 0);
}

static void actions(void)
{
	const struct sigaction on_it = {.sa_handler = on_stack, .sa_flags = SA_ONSTACK};

	static const unsigned long none, usr1 = 1ul << (SIGUSR1 - 1);
	static const stack_t small = {.ss_sp = buf, .ss_size = 100},
			     wrong = {.ss_sp = buf, .ss_flags = 77, .ss_size = 8192};

	T(rt_sigaction, OK, "read", SIGUSR1, 0, buf, 8);
	T(rt_sigaction, EINVAL, "signal", 99, 0, buf, 8);
	T(rt_sigaction, EINVAL, "of SIGKILL", SIGKILL, buf, 0, 8);
	T(rt_sigaction, EINVAL, "of SIGSTOP", SIGSTOP, buf, 0, 8);
	T(rt_sigaction, OK, "of SIGKILL, read", SIGKILL, 0, buf, 8);
	T(rt_sigaction, EINVAL, "signal 0", 0, 0, buf, 8);
	T(rt_sigaction, EINVAL, "signal 65", 65, 0, buf, 8);
	T(rt_sigaction, OK, "signal 64", 64, 0, buf, 8);
	T(rt_sigaction, EINVAL, "size", SIGUSR1, 0, buf, 4);
	T(rt_sigaction, EFAULT, "bad action", SIGUSR1, BAD, 0, 8);
	T(rt_sigaction, EFAULT, "bad result", SIGUSR1, 0, BAD, 8);
	T(rt_sigprocmask, OK, "read", 99, 0, buf, 8);
	T(rt_sigprocmask, EINVAL, "how", 99, &none, 0, 8);
	T(rt_sigprocmask, EINVAL, "size", SIG_BLOCK, &none, 0, 4);
	T(rt_sigprocmask, EFAULT, "bad set", SIG_BLOCK, BAD, 0, 8);
	T(rt_sigprocmask, EFAULT, "bad result", SIG_BLOCK, 0, BAD, 8);
	T(rt_sigpending, OK, "none", buf, 8);
	T(rt_sigpending, EINVAL, "size", buf, 16);
	T(rt_sigpending, EFAULT, "bad result", BAD, 8);
	T(rt_sigprocmask, OK, "block", SIG_BLOCK, &usr1, 0, 8);
	raise(SIGUSR1);
	T(rt_sigtimedwait, OK, "one that is due", &usr1, buf, &brief, 8);
	T(rt_sigtimedwait, EAGAIN, "none comes", &usr1, buf, &brief, 8);
	T(rt_sigtimedwait, EINVAL, "time", &usr1, buf, &bad_time, 8);
	T(rt_sigtimedwait, EINVAL, "size", &usr1, buf, &brief, 4);
	T(rt_sigtimedwait, EFAULT, "bad set", BAD, buf, &brief, 8);
	T(rt_sigtimedwait, EFAULT, "bad time", &usr1, buf, BAD, 8);
	signal(SIGUSR1, nothing);
	raise(SIGUSR1);
	T(rt_sigsuspend, EINTR, "a handler", &none, 8);
	T(rt_sigsuspend, EINVAL, "size", &none, 4);
	T(rt_sigsuspend, EFAULT, "bad set", BAD, 8);
	T(rt_sigprocmask, OK, "unblock", SIG_UNBLOCK, &usr1, 0, 8);
	T(sigaltstack, OK, "read", 0, buf);
	T(sigaltstack, ENOMEM, "small", &small, 0);
	T(sigaltstack, EINVAL, "flags", &wrong, 0);
	T(sigaltstack, EFAULT, "bad stack", BAD, 0);
	T(sigaltstack, EFAULT, "bad result", 0, BAD);
	stack.ss_sp = malloc(stack.ss_size);
	T(sigaltstack, OK, "a stack", &stack, 0);
	sigaction(SIGUSR2, &on_it, NULL);
	raise(SIGUSR2);
	T(sigaltstack, OK, "when it is not in use", &stack, 0);
	signal(SIGALRM, nothing);
	ualarm(20000, 0);
	T(pause, EINTR, "a handler");
	T(restart_syscall, EINTR, "nothing to start again");
}

/* ---- groups, sessions, threads */

static void groups(void)
{
	T(getpid, OK, "own");
	T(getppid, OK, "own");
	T(gettid, OK, "own");
	T(getpgrp, OK, "own");
	T(getpgid, OK, "own", 0);
	T(getpgid, ESRCH, "no process", NO_PID);
	T(getsid, OK, "own", 0);
	T(getsid, ESRCH, "no process", NO_PID);
	T(setpgid, OK, "a group of its own", 0, 0);
	T(setpgid, EINVAL, "negative group", 0, -1);
	T(setpgid, ESRCH, "no process", NO_PID, 0);
	T(setpgid, EPERM, "no such group", 0, NO_PID);
	T(setpgid, ESRCH, "the parent", getppid(), 0);
	T(getpgid, ESRCH, "negative process", -1);
	T(getsid, ESRCH, "negative process", -1);
	T(setsid, EPERM, "a group's leader");

	pid_t pid = fork();
	if (!pid) {
		T(setsid, OK, "a session of its own");
		T(setpgid, EPERM, "a session's leader", 0, 0);
		table_child_end();
	}
	table_wait("session", pid);
	pid = fork();
	if (!pid) { /* told what it must not be told, it says so and ends */
		close(2);
		execl("/proc/self/exe", "again", NULL);
		_exit(1);
	}
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	T(setpgid, EACCES, "a child that has run a program", pid, 0);
	table_wait("program", pid);
}

static void threads(void)
{
	static unsigned word = 1, other;
	static long head[3], result[2];

	head[0] = (long)head;
	T(set_tid_address, OK, "none", 0);
	T(set_robust_list, OK, "empty", head, 24);
	T(set_robust_list, EINVAL, "size", head, 8);
	T(set_robust_list, EINVAL, "larger size", head, 32);
	T(get_robust_list, OK, "own", 0, &result[0], &result[1]);
	T(get_robust_list, ESRCH, "no thread", NO_PID, &result[0], &result[1]);
	T(get_robust_list, EFAULT, "bad result", 0, BAD, &result[1]);
	T(get_robust_list, EFAULT, "bad size", 0, &result[0], BAD);
	T(get_robust_list, ESRCH, "negative thread", -1, &result[0], &result[1]);
	T(futex, EAGAIN, "another value", &word, FUTEX_WAIT_, 0, 0);
	T(futex, ETIMEDOUT, "nobody wakes", &word, FUTEX_WAIT_, 1, &brief);
	T(futex, EINVAL, "time", &word, FUTEX_WAIT_, 1, &bad_time);
	T(futex, EFAULT, "bad word", BAD, FUTEX_WAIT_, 1, &brief);
	T(futex, EFAULT, "bad time", &word, FUTEX_WAIT_, 1, BAD);
	T(futex, EINVAL, "odd address", (char *)&word + 1, FUTEX_WAKE_, 1);
	T(futex, ENOSYS, "operation", &word, 99, 1);
	T(futex, EINVAL, "no bits", &word, FUTEX_WAIT_BITSET_, 1, &brief, 0, 0);
	T(futex, EINVAL, "no bits to wake", &word, 10, 1, 0, 0, 0);
	T(futex, ENOSYS, "wake by the wall clock", &word, FUTEX_WAKE_ | 256, 1);
	T(futex, ENOSYS, "how to compare", &word, 5, 1, 1, &other, 0x07000000);
	T(futex, EFAULT, "bad second word", &word, FUTEX_CMP_REQUEUE_, 1, 1, BAD, 1);
	T(futex, EINVAL, "odd second address", &word, FUTEX_CMP_REQUEUE_, 1, 1, (char *)&other + 1, 1);
	T(futex, EAGAIN, "requeue, another value", &word, FUTEX_CMP_REQUEUE_, 1, 1, &other, 77);
	T(futex, EINVAL, "requeue, negative", &word, FUTEX_REQUEUE_, -1, 1, &other);
	T(futex, OK, "wake nobody", &word, FUTEX_WAKE_, 1);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	making();
	executing();
	waiting();
	sending();
	actions();
	groups();
	threads();
	return 0;
}
