/* SPDX-License-Identifier: MIT */
/*
 * The extended state of many threads: the widest vector registers that the CPU has (SSE, AVX, AVX-512), MXCSR and the x87 control word, over system
 * calls, preemption, signals whose handlers use them, fork and vfork. More threads than CPUs, each with values of its own.
 */
#define _GNU_SOURCE
#include "table.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 12
#define REGISTERS 32
#define WIDTH 64 /* bytes of the widest */
#define ROUNDS 300

struct registers {
	unsigned char of[REGISTERS][WIDTH];
	uint64_t mask[8];
} __attribute__((aligned(64)));

static int avx, avx512;

#define SIXTEEN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define UPPER(X) \
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define SEVEN(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

#define LOAD_XMM(n) "movups " #n "*64(%1), %%xmm" #n "\n\t"
#define KEEP_XMM(n) "movups %%xmm" #n ", " #n "*64(%2)\n\t"
#define LOAD_YMM(n) "vmovups " #n "*64(%1), %%ymm" #n "\n\t"
#define KEEP_YMM(n) "vmovups %%ymm" #n ", " #n "*64(%2)\n\t"
#define LOAD_ZMM(n) "vmovups " #n "*64(%1), %%zmm" #n "\n\t"
#define KEEP_ZMM(n) "vmovups %%zmm" #n ", " #n "*64(%2)\n\t"
#define LOAD_K(n) "kmovq 2048+" #n "*8(%1), %%k" #n "\n\t"
#define KEEP_K(n) "kmovq %%k" #n ", 2048+" #n "*8(%2)\n\t"

/* With the registers in hand: one system call, or (negative) so many rounds of nothing. */
#define BETWEEN                  \
	"testq %%rax, %%rax\n\t" \
	"js 1f\n\t"              \
	"syscall\n\t"            \
	"jmp 2f\n"               \
	"1:\n\t"                 \
	"pause\n\t"              \
	"incq %%rax\n\t"         \
	"jnz 1b\n"               \
	"2:\n\t"

#define XMM(n) "xmm" #n,
#define CLOBBERED SIXTEEN(XMM) "rcx", "r11", "memory", "cc"

static long hold(const struct registers *in, struct registers *out, long call)
{
	long ret = call;

	if (avx512)
		__asm__ volatile(SIXTEEN(LOAD_ZMM) UPPER(LOAD_ZMM) SEVEN(LOAD_K) BETWEEN SIXTEEN(KEEP_ZMM)
					 UPPER(KEEP_ZMM) SEVEN(KEEP_K) "vzeroupper"
				 : "+a"(ret)
				 : "r"(in), "r"(out)
				 : CLOBBERED);
	else if (avx)
		__asm__ volatile(SIXTEEN(LOAD_YMM) BETWEEN SIXTEEN(KEEP_YMM) "vzeroupper"
				 : "+a"(ret)
				 : "r"(in), "r"(out)
				 : CLOBBERED);
	else
		__asm__ volatile(SIXTEEN(LOAD_XMM) BETWEEN SIXTEEN(KEEP_XMM)
				 : "+a"(ret)
				 : "r"(in), "r"(out)
				 : CLOBBERED);
	return ret;
}

static void fill(struct registers *r, unsigned seed)
{
	unsigned char *p = (unsigned char *)r;

	for (size_t i = 0; i < sizeof(*r); i++)
		p[i] = (unsigned char)(seed = seed * 1103515245 + 12345, seed >> 16);
}

static int same(const struct registers *in, const struct registers *out)
{
	size_t width = avx512 ? 64 : avx ? 32 : 16;

	for (int i = 0; i < (avx512 ? 32 : 16); i++)
		if (memcmp(in->of[i], out->of[i], width))
			return 0;
	return !avx512 || !memcmp(&in->mask[1], &out->mask[1], 7 * sizeof(uint64_t));
}

/* Every register gets another value here. */
static atomic_int handled;

static void on_signal(int signo)
{
	struct registers in, out;
	unsigned mxcsr = 0x1f80 | (unsigned)(signo & 1) << 13;

	fill(&in, (unsigned)signo * 77 + (unsigned)atomic_fetch_add(&handled, 1));
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	hold(&in, &out, -10);
	if (!same(&in, &out))
		atomic_fetch_add(&handled, 1000000);
}

static atomic_int running;
static int wrong[THREADS];

static void set_modes(unsigned k, unsigned *mxcsr, unsigned short *control)
{
	*mxcsr = 0x1f80 | (k & 3) << 13; /* how SSE rounds */
	*control = (unsigned short)(0x37f & ~0xc00) |
		(unsigned short)((k >> 1 & 3) << 10); /* how the x87 does */
	__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(*mxcsr), "m"(*control));
}

static int modes_are(unsigned mxcsr, unsigned short control)
{
	unsigned m;
	unsigned short c;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(m), "=m"(c));
	return (m & 0x6000) == (mxcsr & 0x6000) && (c & 0xc00) == (control & 0xc00);
}

static void *keep(void *arg)
{
	unsigned k = (unsigned)(intptr_t)arg, mxcsr;
	struct registers in, out;
	unsigned short control;

	set_modes(k, &mxcsr, &control);
	for (unsigned i = 0; i < ROUNDS; i++) {
		fill(&in, k * ROUNDS + i);
		memset(&out, 0, sizeof(out));
		hold(&in, &out, i % 3 == 0 ? SYS_sched_yield : i % 3 == 1 ? SYS_getppid : -2000);
		wrong[k] += !same(&in, &out);
		wrong[k] += !modes_are(mxcsr, control);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void test_threads(int signals)
{
	pthread_t t[THREADS];
	int sum = 0, sent = 0;

	memset(wrong, 0, sizeof(wrong));
	atomic_store(&running, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, keep, (void *)(intptr_t)i);
	while (signals && atomic_load(&running)) {
		pthread_kill(t[sent % THREADS], sent & 1 ? SIGUSR1 : SIGUSR2);
		sent++;
		pause_ms(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++)
		sum += wrong[i];
	say("%d threads%s: %d wrong", THREADS, signals ? ", signals" : "", sum);
	if (signals)
		say("handlers: %s",
			atomic_load(&handled) > 0 && atomic_load(&handled) < 1000000 ? "ok" : "wrong");
}

/* What a child of fork finds in its registers: what the parent had. */
static void test_fork(void)
{
	struct registers in,
		*out = mmap(
			NULL, 2 * sizeof(*out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long pid;

	fill(&in, 99);
	pid = hold(&in, &out[0], SYS_fork);
	if (!pid) {
		memcpy(&out[1], &out[0], sizeof(out[0]));
		_exit(same(&in, &out[1]) ? 0 : 1);
	}
	table_wait("fork: the child has its parent's registers", (int)pid);
	say("fork: the parent %s", same(&in, &out[0]) ? "too" : "has not");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	__builtin_cpu_init();
	avx = __builtin_cpu_supports("avx") != 0;
	avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	test_threads(0);
	test_threads(1);
	test_fork();
	return 0;
}
