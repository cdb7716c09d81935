/* SPDX-License-Identifier: MIT */
/*
 * What -fsanitize=thread calls before each plain access and in place of each atomic one. The kernel's sources are compiled with it in
 * this build and linked without its runtime: these are its functions, for store buffers and for the check of unmarked accesses.
 *
 * Rule: an atomic access to the arena is a scheduling point, unless SHARED_READ or SHARED_WRITE just before it has been one.
 * Then it takes effect: a store weaker than seq_cst into the store buffer, a load from it or from memory, anything else in memory
 * after the buffer was emptied. The boot thread, which is the controller, neither pauses nor waits.
 */
#include "host/machine.h"
#include "host/tso/tso.h"
#include "kernel/protocol.h"

typedef unsigned __int128 u128;

enum order { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };

/* SHARED_READ or SHARED_WRITE without its access yet; one CPU runs at a time. */
static const volatile void *marked;

static bool observed(const volatile void *p)
{
	return sim_machine && arena_contains((const void *)p) &&
		sim_machine->running != &sim_machine->threads[0];
}

void shared_access(const volatile void *p, bool write)
{
	sim_point(SIM_POINT_ACCESS, p, write);
	marked = p;
}

static void before_atomic(const volatile void *p, unsigned size, bool write, void *pc)
{
	bool mark = marked == p;

	marked = NULL;
	if (!observed(p))
		return;
	unmarked_atomic(p, size, write, mark, pc);
	if (!mark)
		sim_point(SIM_POINT_ACCESS, p, write);
}

static bool acquires(int order)
{
	return order != RELAXED && order != RELEASE;
}

static bool releases(int order)
{
	return order == RELEASE || order == ACQ_REL || order == SEQ_CST;
}

/* Around a locked instruction. */
static void before_rmw(const volatile void *p, unsigned size, int order, void *pc)
{
	before_atomic(p, size, true, pc);
	if (!sim_machine)
		return;
	sim_serialise();
	order_rmw(p, acquires(order), releases(order));
}

#define ATOMIC(bits, type)                                                                                \
	type __tsan_atomic##bits##_load(const volatile type *p, int order);                               \
	type __tsan_atomic##bits##_load(const volatile type *p, int order)                                \
	{                                                                                                 \
		u64 value;                                                                                \
                                                                                                          \
		before_atomic(p, sizeof(type), false, __builtin_return_address(0));                       \
		if (!observed(p))                                                                         \
			return *p;                                                                        \
		if (!sim_store_forward(p, sizeof(type), &value))                                          \
			value = (u64)*p;                                                                  \
		order_load(p, acquires(order));                                                           \
		return (type)value;                                                                       \
	}                                                                                                 \
	void __tsan_atomic##bits##_store(volatile type *p, type value, int order);                        \
	void __tsan_atomic##bits##_store(volatile type *p, type value, int order)                         \
	{                                                                                                 \
		before_atomic(p, sizeof(type), true, __builtin_return_address(0));                        \
		if (!observed(p)) {                                                                       \
			*p = value;                                                                       \
			return;                                                                           \
		}                                                                                         \
		sim_store(p, (u64)value, sizeof(type), releases(order));                                  \
		if (order == SEQ_CST)                                                                     \
			sim_serialise();                                                                  \
	}                                                                                                 \
	int __tsan_atomic##bits##_compare_exchange_strong(                                                \
		volatile type *p, type *expected, type value, int order, int failure);                    \
	int __tsan_atomic##bits##_compare_exchange_strong(                                                \
		volatile type *p, type *expected, type value, int order, int failure UNUSED)              \
	{                                                                                                 \
		type old;                                                                                 \
                                                                                                          \
		before_rmw(p, sizeof(type), order, __builtin_return_address(0));                          \
		old = *p;                                                                                 \
		if (old == *expected) {                                                                   \
			*p = value;                                                                       \
			return 1;                                                                         \
		}                                                                                         \
		*expected = old;                                                                          \
		return 0;                                                                                 \
	}                                                                                                 \
	int __tsan_atomic##bits##_compare_exchange_weak(                                                  \
		volatile type *p, type *expected, type value, int order, int failure);                    \
	int __tsan_atomic##bits##_compare_exchange_weak(                                                  \
		volatile type *p, type *expected, type value, int order, int failure)                     \
	{                                                                                                 \
		return __tsan_atomic##bits##_compare_exchange_strong(p, expected, value, order, failure); \
	}                                                                                                 \
	RMW(bits, type, exchange, value)                                                                  \
	RMW(bits, type, fetch_add, (type)(old + value))                                                   \
	RMW(bits, type, fetch_sub, (type)(old - value))                                                   \
	RMW(bits, type, fetch_and, old &value)                                                            \
	RMW(bits, type, fetch_or, old | value)                                                            \
	RMW(bits, type, fetch_xor, old ^ value)

#define RMW(bits, type, name, result)                                               \
	type __tsan_atomic##bits##_##name(volatile type *p, type value, int order); \
	type __tsan_atomic##bits##_##name(volatile type *p, type value, int order)  \
	{                                                                           \
		type old UNUSED;                                                    \
                                                                                    \
		before_rmw(p, sizeof(type), order, __builtin_return_address(0));    \
		old = *p;                                                           \
		*p = result;                                                        \
		return old;                                                         \
	}

ATOMIC(8, u8)
ATOMIC(16, u16)
ATOMIC(32, u32)
ATOMIC(64, u64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
	if (!sim_machine)
		return;
	if (order == SEQ_CST)
		sim_serialise();
	order_fence(acquires(order), releases(order));
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order UNUSED) {}

/* Plain accesses. One that meets a store in our own buffer comes after it. */
static void plain(const volatile void *p, u64 size, bool write, void *pc)
{
	marked = marked == p ? NULL : marked;
	if (!observed(p))
		return;
	if (sim_store_overlaps((u64)p, (u64)p + size))
		sim_serialise();
	unmarked_plain(p, size, write, pc);
}

#define PLAIN(suffix, size)                                         \
	void __tsan_read##suffix(void *p);                          \
	void __tsan_read##suffix(void *p)                           \
	{                                                           \
		plain(p, size, false, __builtin_return_address(0)); \
	}                                                           \
	void __tsan_write##suffix(void *p);                         \
	void __tsan_write##suffix(void *p)                          \
	{                                                           \
		plain(p, size, true, __builtin_return_address(0));  \
	}                                                           \
	void __tsan_unaligned_read##suffix(void *p);                \
	void __tsan_unaligned_read##suffix(void *p)                 \
	{                                                           \
		plain(p, size, false, __builtin_return_address(0)); \
	}                                                           \
	void __tsan_unaligned_write##suffix(void *p);               \
	void __tsan_unaligned_write##suffix(void *p)                \
	{                                                           \
		plain(p, size, true, __builtin_return_address(0));  \
	}

PLAIN(1, 1)
PLAIN(2, 2)
PLAIN(4, 4)
PLAIN(8, 8)
PLAIN(16, 16)

void __tsan_read_range(void *p, u64 size);
void __tsan_read_range(void *p, u64 size)
{
	plain(p, size, false, __builtin_return_address(0));
}

void __tsan_write_range(void *p, u64 size);
void __tsan_write_range(void *p, u64 size)
{
	plain(p, size, true, __builtin_return_address(0));
}

void __tsan_init(void);
void __tsan_init(void) {}

void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc UNUSED) {}

/* The frame of the function that called us ends: what it stored to its variables may not reach their memory later. */
void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
	const struct sim_thread *t = sim_machine ? sim_machine->running : NULL;
	u64 frame = *(u64 *)__builtin_frame_address(0);

	if (t && t != &sim_machine->threads[0] && frame > (u64)t->stack &&
		frame < (u64)t->stack + t->stack_size && sim_store_overlaps((u64)t->stack, frame))
		sim_serialise();
}
