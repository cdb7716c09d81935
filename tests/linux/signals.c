/* SPDX-License-Identifier: MIT */
/* Signals: handlers, masks, queues, frames, restarts, alternate stacks, timers. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile int last_signo, last_code, last_value, last_pid_ok;
static void *volatile last_addr;
static sigjmp_buf out;

static void on_info(int signo, siginfo_t *info, void *context)
{
	(void)context;
	count++;
	last_signo = signo;
	last_code = info->si_code;
	last_value = info->si_value.sival_int;
	last_addr = info->si_addr;
	last_pid_ok = info->si_pid == getpid();
}

static void handle(int signo, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	sigemptyset(&act.sa_mask);
	sigaction(signo, &act, NULL);
}

static void mask(int how, int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(how, &set, NULL);
}

static void test_basic(void)
{
	handle(SIGUSR1, on_info, 0);
	raise(SIGUSR1);
	say("raise: count %d signo %d code %d own pid %d", (int)count, last_signo, last_code, last_pid_ok);
	kill(getpid(), SIGUSR1);
	say("kill: count %d code %d own pid %d", (int)count, last_code, last_pid_ok);
	mask(SIG_BLOCK, SIGUSR1);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	say("blocked: count %d", (int)count);
	sigset_t pending;
	sigpending(&pending);
	say("pending: USR1 %d USR2 %d", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2));
	mask(SIG_UNBLOCK, SIGUSR1);
	say("unblocked: count %d", (int)count);
	handle(SIGUSR1, on_info, SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction act;
	sigaction(SIGUSR1, NULL, &act);
	say("resethand: count %d default %d", (int)count, act.sa_handler == SIG_DFL);
	signal(SIGUSR1, SIG_IGN);
	row("raise ignored", raise(SIGUSR1));
	row("kill 0 self", kill(getpid(), 0));
	row("kill bad signal", kill(getpid(), 65));
	row("kill nobody", kill(999999, 0));
	row("sigaction SIGKILL", sigaction(SIGKILL, &act, NULL));
	row("sigaction SIGSTOP", sigaction(SIGSTOP, &act, NULL));
	row("tgkill wrong group", syscall(SYS_tgkill, 1, getpid(), 0));
	row("tgkill bad", syscall(SYS_tgkill, 0, getpid(), 0));
	row("tkill bad", syscall(SYS_tkill, -1, 0));
}

/* ---- order and queues ---- */

static int order[16], order_len;

static void on_order(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (order_len < 16)
		order[order_len++] = signo * 100 + info->si_value.sival_int;
}

static void test_queue(void)
{
	sigset_t all, old;
	union sigval v;

	handle(SIGRTMIN + 1, on_order, 0);
	handle(SIGRTMIN + 2, on_order, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	for (int i = 1; i <= 3; i++) {
		v.sival_int = i;
		row("sigqueue", sigqueue(getpid(), SIGRTMIN + 2, v));
		row("sigqueue", sigqueue(getpid(), SIGRTMIN + 1, v));
	}
	/* Handlers are entered in order of number, one frame on the other: the last one entered runs first. */
	sigprocmask(SIG_SETMASK, &old, NULL);
	say("queued: %d taken", order_len);
	int sum = 0;
	for (int i = 0; i < order_len; i++)
		sum += order[i] - SIGRTMIN * 100;
	say("sum %d", sum);

	siginfo_t info;
	struct timespec t = {.tv_nsec = 20000000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	row("sigtimedwait, nothing", sigtimedwait(&set, &info, &t));
	v.sival_int = 77;
	sigqueue(getpid(), SIGUSR2, v);
	row("sigtimedwait", sigtimedwait(&set, &info, &t));
	say("code %d value %d", info.si_code, info.si_value.sival_int);
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		usleep(30000);
		kill(parent, SIGUSR2);
		_exit(0);
	}
	row("sigwaitinfo", sigwaitinfo(&set, &info));
	say("from child %d", info.si_pid == child);
	table_wait("child", child);
}

/* ---- faults ---- */

static void on_fault(int signo, siginfo_t *info, void *context)
{
	on_info(signo, info, context);
	siglongjmp(out, 1);
}

static void test_faults(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = make_file("short", 100);
	char *file = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);

	handle(SIGSEGV, on_fault, 0);
	handle(SIGBUS, on_fault, 0);
	handle(SIGILL, on_fault, 0);
	handle(SIGFPE, on_fault, 0);
	handle(SIGTRAP, on_info, 0);
	if (!sigsetjmp(out, 1))
		*(volatile char *)page = 1;
	say("read-only: signo %d code %d addr %d", last_signo, last_code, last_addr == page);
	munmap(page, 4096);
	if (!sigsetjmp(out, 1))
		(void)*(volatile char *)(page + 5);
	say("unmapped: signo %d code %d addr %d", last_signo, last_code, last_addr == page + 5);
	if (!sigsetjmp(out, 1))
		(void)*(volatile char *)(file + 4097);
	say("past the end: signo %d code %d addr %d", last_signo, last_code, last_addr == file + 4097);
	if (!sigsetjmp(out, 1))
		__asm__ volatile("ud2");
	say("ud2: signo %d code %d", last_signo, last_code);
	if (!sigsetjmp(out, 1))
		__asm__ volatile("xorl %%edx, %%edx; movl $1, %%eax; xorl %%ecx, %%ecx; divl %%ecx" ::
					 : "eax", "ecx", "edx");
	say("division: signo %d code %d", last_signo, last_code);
	if (!sigsetjmp(out, 1))
		__asm__ volatile("hlt");
	say("hlt: signo %d code %d", last_signo, last_code);
	if (!sigsetjmp(out, 1))
		(void)*(volatile char *)0x8000000000000123ul;
	say("not canonical: signo %d code %d addr %lx", last_signo, last_code, (unsigned long)last_addr);
	count = 0;
	__asm__ volatile("int3");
	say("int3: signo %d code %d count %d", last_signo, last_code, (int)count);
	close(fd);
}

static void fault_blocked(void)
{
	mask(SIG_BLOCK, SIGSEGV);
	*(volatile char *)0 = 1;
}

static void fault_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile char *)0 = 1;
}

static void in_child(const char *what, void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int signo = 1; signo < 32; signo++)
			signal(signo, SIG_DFL);
		fn();
		table_child_end();
	}
	table_wait(what, pid);
}

/* ---- registers ---- */

static void on_change(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo;
	(void)info;
	uc->uc_mcontext.gregs[REG_RBX] = 0x1234;
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* over ud2 */
	__asm__ volatile("pxor %%xmm7, %%xmm7; pxor %%xmm0, %%xmm0; fninit" ::: "xmm7", "xmm0");
}

static void test_registers(void)
{
	unsigned long rbx = 1, flags;
	double in[2] = {1.5, 2.5}, x7[2];

	handle(SIGILL, on_change, 0);
	__asm__ volatile("movupd %2, %%xmm7\n\t"
			 "stc\n\t"
			 "ud2\n\t"
			 "pushfq\n\tpopq %1\n\t"
			 "movupd %%xmm7, %3"
			 : "+b"(rbx), "=r"(flags)
			 : "m"(in), "m"(x7)
			 : "xmm7", "memory");
	say("rbx %lx, carry %lu, xmm7 %d %d", rbx, flags & 1, (int)(x7[0] * 10), (int)(x7[1] * 10));
	if (__builtin_cpu_supports("avx")) {
		unsigned char a[32], b[32] = {0};

		for (int i = 0; i < 32; i++)
			a[i] = (unsigned char)(i * 7);
		__asm__ volatile("vmovdqu %2, %%ymm9\n\tud2\n\tvmovdqu %%ymm9, %1"
				 : "+b"(rbx), "=m"(b)
				 : "m"(a)
				 : "xmm9");
		say("ymm9 %d", memcmp(a, b, 32));
	} else {
		say("ymm9 0");
	}
}

/* A frame whose selectors, flags and extended state nobody should believe. */
static void on_bad_frame(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned char *fp = (unsigned char *)uc->uc_mcontext.fpregs;

	(void)signo;
	(void)info;
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000; /* IOPL */
	memset(fp + 24, 0xff, 4);                 /* MXCSR */
	memset(fp + 520, 0xff, 56);               /* XCOMP_BV and reserved */
}

static void bad_frame(void)
{
	unsigned long flags;

	handle(SIGUSR1, on_bad_frame, 0);
	raise(SIGUSR1);
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	_exit((flags & 0x3000) ? 1 : 0);
}

static void on_bad_rip(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] = (long long)0xffff800000000000ull;
}

static void bad_rip(void)
{
	handle(SIGUSR1, on_bad_rip, 0);
	raise(SIGUSR1);
}

static void bad_sigreturn(void)
{
	__asm__ volatile("movq $0x1000, %%rsp; movl $15, %%eax; syscall" ::: "memory");
}

/* ---- interrupted calls ---- */

static void alarm_in(long ms)
{
	struct itimerval t = {.it_value = {.tv_usec = ms * 1000}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* For calls that an alarm ends: on a busy machine the first may come before the call. */
static void alarms_begin(void)
{
	struct itimerval t = {.it_value = {.tv_usec = 30000}, .it_interval = {.tv_usec = 30000}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* However many there were, they count as one. */
static void alarms_end(int counted)
{
	alarm_in(0);
	count = counted;
}

static void test_restart(void)
{
	int fds[2];
	char c;
	sigset_t none;
	struct timespec t = {.tv_sec = 5}, rest = {0};

	if (pipe(fds))
		return;
	count = 0;
	handle(SIGALRM, on_info, 0);
	alarms_begin();
	row("read, interrupted", read(fds[0], &c, 1));
	alarms_end(1);
	handle(SIGALRM, on_info, SA_RESTART);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(120000);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	alarm_in(30);
	row("read, restarted", read(fds[0], &c, 1));
	table_wait("writer", pid);
	say("alarms %d", (int)count);
	alarms_begin();
	row("nanosleep", nanosleep(&t, &rest));
	alarms_end(3);
	say("left %d", rest.tv_sec == 4 && rest.tv_nsec > 0);
	alarms_begin();
	row("pause", pause());
	alarms_end(4);
	sigemptyset(&none);
	mask(SIG_BLOCK, SIGALRM);
	alarm_in(10);
	usleep(40000);
	say("blocked: alarms %d", (int)count);
	row("sigsuspend", sigsuspend(&none));
	say("alarms %d", (int)count);
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	say("blocked again %d", sigismember(&now, SIGALRM));
	mask(SIG_UNBLOCK, SIGALRM);
	row("alarm", alarm(100));
	row("alarm left", alarm(0));
	struct itimerval each = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}}, old;
	int before = count;
	setitimer(ITIMER_REAL, &each, NULL);
	while (count < before + 4)
		pause();
	memset(&each, 0, sizeof(each));
	setitimer(ITIMER_REAL, &each, &old);
	say("interval %ld", (long)old.it_interval.tv_usec);
	row("write to nobody", (close(fds[0]), signal(SIGPIPE, SIG_IGN), write(fds[1], "y", 1)));
	close(fds[1]);
}

static void test_stop_restart(void)
{
	int fds[2], status;
	char c;

	if (pipe(fds))
		return;
	pid_t pid = fork();
	if (pid == 0)
		_exit(read(fds[0], &c, 1) == 1 ? 7 : 8);
	usleep(30000);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	say("stopped %d by %d", WIFSTOPPED(status), WSTOPSIG(status));
	kill(pid, SIGCONT);
	row("continued", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	usleep(10000);
	if (write(fds[1], "z", 1) != 1)
		say("write failed");
	table_wait("stopped in read, read on", pid);
	close(fds[0]);
	close(fds[1]);
}

/* ---- alternate stacks, nesting ---- */

static char stack[65536] __attribute__((aligned(64)));

static void on_stack(int signo, siginfo_t *info, void *context)
{
	char here;
	stack_t now;

	(void)info;
	(void)context;
	sigaltstack(NULL, &now);
	say("handler %d: on the stack %d, flags %d", signo, &here > stack && &here < stack + sizeof(stack),
		now.ss_flags);
	if (signo == SIGSEGV)
		siglongjmp(out, 1);
}

static int overflow(volatile int depth)
{
	volatile char big[4096];

	big[0] = (char)depth;
	return depth > 1 << 20 ? 0 : overflow(depth + 1) + big[0];
}

static void test_altstack(void)
{
	stack_t s = {.ss_sp = stack, .ss_size = sizeof(stack)}, small = {.ss_sp = stack, .ss_size = 100},
		odd = {.ss_sp = stack, .ss_size = sizeof(stack), .ss_flags = 64};

	row("sigaltstack small", sigaltstack(&small, NULL));
	row("sigaltstack odd", sigaltstack(&odd, NULL));
	row("sigaltstack", sigaltstack(&s, NULL));
	handle(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	handle(SIGUSR1, on_stack, 0);
	raise(SIGUSR1);
	handle(SIGSEGV, on_stack, SA_ONSTACK);
	if (!sigsetjmp(out, 1))
		say("%d", overflow(0));
	say("stack overflow handled");
	s.ss_flags = SS_DISABLE;
	row("sigaltstack off", sigaltstack(&s, NULL));
}

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define HANDLER_ROOM 2048

/* From the auxiliary vector, which lies behind the environment. */
static unsigned long auxiliary(unsigned long type)
{
	char **p = environ;

	while (*p++)
		;
	for (unsigned long *entry = (unsigned long *)p; entry[0]; entry += 2)
		if (entry[0] == type)
			return entry[1];
	return 0;
}

static char *volatile frame;

static void on_frame(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	frame = (char *)context - sizeof(long);
}

/* What the kernel says that a frame may take is enough, wherever the stack ends. */
static void test_frame_size(void)
{
	unsigned long least = auxiliary(AT_MINSIGSTKSZ);
	int fit = 0;

	if (least < 512 || least + HANDLER_ROOM + 64 > sizeof(stack)) {
		say("AT_MINSIGSTKSZ %lu", least);
		return;
	}
	handle(SIGUSR1, on_frame, SA_ONSTACK);
	for (unsigned odd = 0; odd < 64; odd++) {
		stack_t s = {.ss_sp = stack, .ss_size = HANDLER_ROOM + least + odd};

		sigaltstack(&s, NULL);
		raise(SIGUSR1);
		fit += frame >= stack + HANDLER_ROOM + odd - 8 && frame < stack + s.ss_size;
	}
	say("frames of AT_MINSIGSTKSZ: %d", fit);
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
}

static volatile int depth, deepest, raised;

static void on_nest(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (++depth > deepest)
		deepest = depth;
	if (raised++ < 2)
		raise(signo);
	depth--;
}

static void test_nesting(void)
{
	handle(SIGUSR2, on_nest, SA_NODEFER);
	mask(SIG_UNBLOCK, SIGUSR2);
	raise(SIGUSR2);
	say("nodefer: deepest %d", deepest);
	deepest = raised = 0;
	handle(SIGUSR2, on_nest, 0);
	raise(SIGUSR2);
	say("deferred: deepest %d", deepest);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_basic();
	test_queue();
	test_faults();
	in_child("fault while blocked", fault_blocked);
	in_child("fault while ignored", fault_ignored);
	test_registers();
	in_child("bad frame", bad_frame);
	in_child("bad rip", bad_rip);
	in_child("bad sigreturn", bad_sigreturn);
	test_restart();
	test_stop_restart();
	test_altstack();
	test_frame_size();
	test_nesting();
	return 0;
}
