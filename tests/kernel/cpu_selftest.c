/* SPDX-License-Identifier: MIT */
/* CPUs: protection bits, calls between CPUs, time, and user copies that fault. */
#include "kernel/thread.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "tests/kernel/selftest.h"

#define CR0_WP (1ul << 16)
#define CR4_UMIP (1ul << 11)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define MSR_EFER 0xc0000080
#define EFER_NXE (1u << 11)

static void cpuid(u32 leaf, u32 *b, u32 *c)
{
	u32 a = leaf, d;

	*c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(*b), "+c"(*c), "=d"(d));
}

static const char *protection_bits(void)
{
	u64 cr0, cr4;
	u32 b, c, efer, efer_high;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("rdmsr" : "=a"(efer), "=d"(efer_high) : "c"(MSR_EFER));
	cpuid(7, &b, &c);
	SELFTEST_CHECK(cr0 & CR0_WP);
	SELFTEST_CHECK(efer & EFER_NXE);
	SELFTEST_CHECK(!(b & (1u << 7)) || (cr4 & CR4_SMEP));
	SELFTEST_CHECK(!(b & (1u << 20)) || (cr4 & CR4_SMAP));
	SELFTEST_CHECK(!(c & (1u << 2)) || (cr4 & CR4_UMIP));
	return NULL;
}

static void count_call(void *arg)
{
	atomic_fetch_add((_Atomic(unsigned) *)arg, 1);
}

static u64 all_cpus(void)
{
	return cpu_count() == 64 ? ~0ull : (1ull << cpu_count()) - 1;
}

/* Takes its time, so that a caller who does not wait is ahead of it. */
static void count_call_slowly(void *arg)
{
	for (u64 until = time_ns() + 50000; time_ns() < until;)
		cpu_relax();
	count_call(arg);
}

static const char *calls_reach_every_cpu(void)
{
	_Atomic(unsigned) calls = 0;

	for (unsigned i = 1; i <= 100; i++) {
		cpu_call_many(all_cpus(), count_call_slowly, &calls);
		SELFTEST_CHECK(atomic_load(&calls) == i * (cpu_count() - 1));
	}
	return NULL;
}

static void call_all_repeatedly(void *arg)
{
	for (unsigned i = 0; i < 50; i++)
		cpu_call_many(all_cpus(), count_call, arg);
}

static const char *calls_cross(void)
{
	_Atomic(unsigned) calls = 0;

	SELFTEST_CHECK(selftest_threads(4, call_all_repeatedly, &calls));
	SELFTEST_CHECK(atomic_load(&calls) == 4 * 50 * (cpu_count() - 1));
	return NULL;
}

static const char *sleep_lasts(void)
{
	u64 before = time_ns(), slept;

	SELFTEST_CHECK(thread_sleep_ns(20000000) == 0);
	slept = time_ns() - before;
	SELFTEST_CHECK(slept >= 20000000);
	return NULL;
}

struct clock_check {
	_Atomic(u64) latest;
	_Atomic(bool) went_back;
};

/* Reads are ordered by the shared variable, so a clock that is behind on one CPU shows. */
static void read_clock(void *arg)
{
	struct clock_check *c = arg;

	for (unsigned i = 0; i < 20000; i++) {
		u64 seen = atomic_load(&c->latest);
		u64 now = time_ns();

		/* A microsecond of difference between CPUs is what a rendezvous at boot can leave. */
		if (now + 1000 < seen)
			atomic_store(&c->went_back, true);
		while (seen < now && !atomic_compare_exchange_weak(&c->latest, &seen, now))
			;
	}
}

static const char *clocks_agree(void)
{
	struct clock_check c = {0};

	SELFTEST_CHECK(selftest_threads(cpu_count() + 1, read_clock, &c));
	SELFTEST_CHECK(!atomic_load(&c.went_back));
	return NULL;
}

static const char *interrupts_nest(void)
{
	irq_state_t outer, inner;

	SELFTEST_CHECK(irq_enabled());
	outer = irq_save();
	inner = irq_save();
	irq_restore(inner);
	if (irq_enabled())
		return "the inner restore switched interrupts on";
	irq_restore(outer);
	SELFTEST_CHECK(irq_enabled());
	return NULL;
}

static const char *bad_user_pointers(void)
{
	static const u64 bad[] = {0, 8, PAGE_SIZE - 4, 0x7ffffffff000, 0x7fffffffeffd, 0x800000000000,
		0xffff800000000000, 0xffffffff80100000, ~0ull - 3};
	u8 buf[16] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		SELFTEST_CHECK(copy_from_user(buf, UADDR(bad[i]), sizeof(buf)) == -EFAULT);
		SELFTEST_CHECK(copy_to_user(UADDR(bad[i]), buf, sizeof(buf)) == -EFAULT);
		SELFTEST_CHECK(zero_user(UADDR(bad[i]), sizeof(buf)) == -EFAULT);
		SELFTEST_CHECK(copy_from_user_nofault(buf, UADDR(bad[i]), sizeof(buf)) == sizeof(buf));
	}
	return NULL;
}

const struct selftest cpu_selftests[] = {
	{"WP, NX and, where the CPU has them, SMEP, SMAP and UMIP are on", protection_bits},
	{"a call reaches every other CPU and has finished on return", calls_reach_every_cpu},
	{"calls from several CPUs at once cross without deadlock", calls_cross},
	{"a sleep lasts at least as long as asked", sleep_lasts},
	{"the CPUs' clocks agree", clocks_agree},
	{"disabling interrupts nests", interrupts_nest},
	{"user copies from and to bad addresses fail with EFAULT", bad_user_pointers},
	{NULL, NULL},
};
