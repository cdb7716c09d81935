/* SPDX-License-Identifier: MIT */
/*
 * Records footprints. See footprint.h; what they are for is argued in explore/reduce.c.
 *
 * Rule: while recording is on, every access of traced code is either attributed to a word, or known to be private (the running
 * thread's own stack, the controller's stack), or a read of memory that no transition writes (constants, the program's data), or makes the
 * transition go with nothing (`everything`). This file and those of HOST_UNTRACED are not instrumented.
 *
 * A word's first store in a transition saves what it held; at the end words that hold the same again were not changed. Own stacks are
 * not recorded: each transition of a thread changes its stack as a whole, and who reads or writes another thread's stack (a request that waits
 * in a queue lies there) touches that whole.
 */
#include "host/footprint.h"
#include "host/machine.h"
#include "lib/errno.h"

#include <stdlib.h>
#include <string.h>

#ifdef FAULTLINE_FOOTPRINTS

enum mode { OFF, TRANSITION, ORACLE };

#define CONTROLLER_STACK (16ull << 20) /* more than it ever is, on both sides of where begin() stood */

/* What a word held, in the order of stores. */
struct saved {
	u64 *at;
	u64 value;
	u32 word; /* NO_WORD: of a stack, or kept */
};
#define NO_WORD (~0u)

static struct {
	enum mode mode, paused;
	bool oracles;            /* they run */
	u64 checks;              /* that read now, in mode ORACLE */
	u64 joined;              /* that the transition takes part in */
	u64 arena_words, stacks; /* bytes before the stacks are arena_words * 8 */
	u64 stack_size;
	u8 *base; /* the record of the world */
	size_t base_size;
	u64 nr_words;
	u64 controller; /* an address on its stack */
	u32 epoch;      /* of the transition */
	u32 *stamp;     /* per word: epoch << 1 | was stored to */
	u64 *watched;   /* per word: checks that have read it */
	u64 *unseen;    /* per word: checks that a transition that changed it was not visible to */
	u32 *list;      /* words of this transition */
	u32 nr_list, room_list;
	struct saved *saved;                   /* the log: of all transitions since forget() */
	u32 nr_saved, room_saved, first_saved; /* of this transition */
	u32 broken; /* 1 + the log's length before the last transition that stored something that is not in it; 0: none */
	u8 took;
	bool everything, misjudged, no_memory;
} rec;

/* The program's own data: [__data_start, _end) by the linker. */
extern char __data_start[], _end[];

static void *grow(void *p, u32 *room, size_t size)
{
	void *more;

	*room = *room ? *room * 2 : 4096;
	more = realloc(p, *room * size);
	if (!more)
		abort();
	return more;
}

static void save(u64 *at, u32 word)
{
	if (rec.nr_saved == rec.room_saved)
		rec.saved = grow(rec.saved, &rec.room_saved, sizeof(*rec.saved));
	rec.saved[rec.nr_saved++] = (struct saved){at, *at, word};
}

static void touch(u32 word, bool write, u64 *p, bool force)
{
	if (rec.mode == ORACLE) {
		rec.misjudged |= (rec.unseen[word] & rec.checks & ~rec.watched[word]) != 0;
		rec.watched[word] |= rec.checks;
		return;
	}
	if (rec.stamp[word] >> 1 != rec.epoch) {
		rec.stamp[word] = rec.epoch << 1;
		if (rec.nr_list == rec.room_list)
			rec.list = grow(rec.list, &rec.room_list, sizeof(*rec.list));
		rec.list[rec.nr_list++] = word;
	}
	if (!write || (rec.stamp[word] & 1))
		return;
	rec.stamp[word] |= 1;
	if (force)
		return;
	save(p, word);
}

/* Outside the arena's words: a stack, the record of the world, or nothing that a word stands for. */
static void touch_elsewhere(u64 a, bool write)
{
	u64 off = a - ARENA_BASE;

	if (off >= rec.stacks && off < arena_size) {
		u32 thread = (u32)((off - rec.stacks) / rec.stack_size);

		if (rec.mode == TRANSITION && thread == sim_machine->running->index)
			return;
		if (write && rec.mode == TRANSITION)
			save((u64 *)a, NO_WORD);
		touch((u32)rec.arena_words + thread, write, NULL, true);
	} else if (a - (u64)rec.base < rec.base_size) {
		u64 word = (a - (u64)rec.base) / 8;

		touch((u32)(rec.arena_words + SIM_MAX_THREADS + word), write, (u64 *)(rec.base + word * 8),
			false);
	} else if (write && rec.mode == TRANSITION &&
		a - (rec.controller - CONTROLLER_STACK) >= 2 * CONTROLLER_STACK) {
		rec.everything = true;
		rec.broken = rec.first_saved + 1;
	}
}

/* Copies of pages: whole words of the arena, in a transition. */
static void touch_many(u64 word, u64 past, bool write)
{
	u32 fresh = rec.epoch << 1 | write;

	while (rec.room_list - rec.nr_list < past - word)
		rec.list = grow(rec.list, &rec.room_list, sizeof(*rec.list));
	while (rec.room_saved - rec.nr_saved < past - word)
		rec.saved = grow(rec.saved, &rec.room_saved, sizeof(*rec.saved));
	for (; word < past; word++) {
		u64 *at = (u64 *)ARENA_BASE + word;

		if (rec.stamp[word] >> 1 != rec.epoch)
			rec.list[rec.nr_list++] = (u32)word;
		else if (!write || (rec.stamp[word] & 1))
			continue;
		rec.stamp[word] = fresh;
		if (write)
			rec.saved[rec.nr_saved++] = (struct saved){at, *at, (u32)word};
	}
}

static void range(u64 a, u64 n, bool write)
{
	u64 first = (a - ARENA_BASE) / 8, last = (a + n - 1 - ARENA_BASE) / 8;

	if (rec.mode == OFF || !n)
		return;
	if (rec.mode == TRANSITION && n > 64 && first < rec.arena_words && last < rec.arena_words) {
		touch_many(first, last + 1, write);
		return;
	}
	for (u64 at = a & ~7ull; at < a + n; at += 8) {
		u64 word = (at - ARENA_BASE) / 8;

		if (word < rec.arena_words)
			touch((u32)word, write, (u64 *)at, false);
		else
			touch_elsewhere(at, write);
	}
}

/* Most accesses are to one word that was touched before. */
static inline void on_access(const volatile void *p, u64 n, bool write)
{
	u64 word = ((u64)p - ARENA_BASE) / 8;

	if (rec.mode == OFF)
		return;
	if (word < rec.arena_words && ((u64)p & 7) + n <= 8 &&
		(rec.mode == ORACLE ? !(rec.checks & ~rec.watched[word])
				    : rec.stamp[word] >> 1 == rec.epoch && (!write || (rec.stamp[word] & 1))))
		return;
	range((u64)p, n, write);
}

/* The recorder */

bool footprint_open(void *base, size_t n)
{
	footprint_close();
	rec.stacks = (u64)sim_machine->threads[0].stack - ARENA_BASE;
	rec.stack_size = sim_machine->threads[0].stack_size;
	rec.arena_words = rec.stacks / 8;
	rec.base = base;
	rec.base_size = n;
	rec.nr_words = rec.arena_words + SIM_MAX_THREADS + DIV_ROUND_UP(n, 8);
	rec.controller = (u64)__builtin_frame_address(0);
	rec.stamp = calloc(rec.nr_words, sizeof(*rec.stamp));
	rec.watched = calloc(rec.nr_words, sizeof(*rec.watched));
	rec.unseen = calloc(rec.nr_words, sizeof(*rec.unseen));
	if (rec.stamp && rec.watched && rec.unseen)
		return true;
	footprint_close();
	return false;
}

void footprint_close(void)
{
	free(rec.stamp);
	free(rec.watched);
	free(rec.unseen);
	free(rec.list);
	free(rec.saved);
	memset(&rec, 0, sizeof(rec));
}

void footprint_on(void)
{
	rec.mode = rec.paused;
}

void footprint_off(void)
{
	rec.mode = OFF;
}

void footprint_keep(void *p, size_t n)
{
	if (rec.paused == TRANSITION)
		for (size_t i = 0; i < n; i += 8)
			save((u64 *)((u8 *)p + i), NO_WORD);
}

void footprint_moved(unsigned thread)
{
	if (rec.paused == TRANSITION)
		touch((u32)rec.arena_words + thread, true, NULL, true);
}

void footprint_took(unsigned thread)
{
	rec.took |= (u8)(1u << thread);
}

static u32 nr_words(void)
{
	return (u32)rec.nr_words;
}

static void start(void)
{
	if (++rec.epoch >> 31) {
		memset(rec.stamp, 0, rec.nr_words * sizeof(*rec.stamp));
		rec.epoch = 1;
	}
	rec.nr_list = 0;
	rec.first_saved = rec.nr_saved;
	rec.everything = false;
	rec.took = 0;
	rec.joined = 0;
	rec.paused = TRANSITION;
}

/* Words that hold what they held before were not changed, and need not be undone. */
static void drop_unchanged(void)
{
	u32 n = rec.first_saved;

	for (u32 i = n; i < rec.nr_saved; i++) {
		const struct saved *s = &rec.saved[i];

		if (s->word != NO_WORD && *s->at == s->value)
			rec.stamp[s->word] &= ~1u;
		else
			rec.saved[n++] = *s;
	}
	rec.nr_saved = n;
}

static int stop(struct footprint *out)
{
	rec.mode = rec.paused = OFF;
	drop_unchanged();
	if (out->room < rec.nr_list) {
		u32 *more = realloc(out->words, rec.nr_list * sizeof(*more));

		if (!more)
			return -ENOMEM;
		out->words = more;
		out->room = rec.nr_list;
	}
	for (u32 i = 0; i < rec.nr_list; i++)
		out->words[i] = rec.list[i] << 1 | (rec.stamp[rec.list[i]] & 1);
	out->nr = rec.nr_list;
	out->everything = rec.everything;
	out->took = rec.took;
	return 0;
}

static void oracle_starts(void)
{
	rec.oracles = true;
}

static void oracle_ends(void)
{
	rec.oracles = false;
	rec.mode = OFF;
}

static void look(u64 checks)
{
	if (!rec.oracles)
		return;
	rec.checks = checks;
	rec.mode = checks ? ORACLE : OFF;
}

static void look_as_transition(u64 checks)
{
	if (!rec.oracles)
		return;
	rec.joined |= checks;
	rec.mode = rec.paused;
}

static u64 visible(const struct footprint *f)
{
	u64 mask = rec.joined;

	for (u32 i = 0; i < f->nr; i++)
		if (f->words[i] & 1)
			mask |= rec.watched[f->words[i] >> 1];
	for (u32 i = 0; i < f->nr; i++)
		if (f->words[i] & 1)
			rec.unseen[f->words[i] >> 1] |= ~mask;
	return mask;
}

static bool misjudged(void)
{
	bool was = rec.misjudged;

	rec.misjudged = false;
	return was;
}

static void release(struct footprint *f)
{
	free(f->words);
	*f = (struct footprint){0};
}

static u32 mark(void)
{
	return rec.nr_saved;
}

static bool undo(u32 to)
{
	if (rec.broken > to)
		return false;
	while (rec.nr_saved > to) {
		const struct saved *s = &rec.saved[--rec.nr_saved];

		*s->at = s->value;
	}
	return true;
}

static void forget(void)
{
	rec.nr_saved = 0;
	rec.broken = 0;
}

const struct recorder *footprint_recorder(void)
{
	static const struct recorder recorder = {nr_words, start, stop, oracle_starts, oracle_ends, look,
		look_as_transition, visible, misjudged, release, mark, undo, forget};

	return rec.stamp ? &recorder : NULL;
}

/* What the instrumentation calls */

void __tsan_init(void);
void __tsan_init(void) {}

void __tsan_read_range(void *p, unsigned long n);
void __tsan_read_range(void *p, unsigned long n)
{
	on_access(p, n, false);
}

void __tsan_write_range(void *p, unsigned long n);
void __tsan_write_range(void *p, unsigned long n)
{
	on_access(p, n, true);
}

#define PLAIN(n)                                 \
	void __tsan_read##n(void *p);            \
	void __tsan_write##n(void *p);           \
	void __tsan_unaligned_read##n(void *p);  \
	void __tsan_unaligned_write##n(void *p); \
	void __tsan_read##n(void *p)             \
	{                                        \
		on_access(p, n, false);          \
	}                                        \
	void __tsan_write##n(void *p)            \
	{                                        \
		on_access(p, n, true);           \
	}                                        \
	void __tsan_unaligned_read##n(void *p)   \
	{                                        \
		on_access(p, n, false);          \
	}                                        \
	void __tsan_unaligned_write##n(void *p)  \
	{                                        \
		on_access(p, n, true);           \
	}
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

/* One simulated thread runs at a time: any order is as strong as the strongest. */
#define RMW(bits, name)                                                                        \
	u##bits __tsan_atomic##bits##_##name(volatile u##bits *p, u##bits v, int order);       \
	u##bits __tsan_atomic##bits##_##name(volatile u##bits *p, u##bits v, int order UNUSED) \
	{                                                                                      \
		on_access(p, bits / 8, true);                                                  \
		return __atomic_##name(p, v, __ATOMIC_SEQ_CST);                                \
	}
#define CAS(bits, name)                                                                                   \
	int __tsan_atomic##bits##_compare_exchange_##name(                                                \
		volatile u##bits *p, u##bits *old, u##bits v, int good, int bad);                         \
	int __tsan_atomic##bits##_compare_exchange_##name(                                                \
		volatile u##bits *p, u##bits *old, u##bits v, int good UNUSED, int bad UNUSED)            \
	{                                                                                                 \
		on_access(p, bits / 8, true);                                                             \
		return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}
#define ATOMIC(bits)                                                                             \
	u##bits __tsan_atomic##bits##_load(const volatile u##bits *p, int order);                \
	void __tsan_atomic##bits##_store(volatile u##bits *p, u##bits v, int order);             \
	u##bits __tsan_atomic##bits##_exchange(volatile u##bits *p, u##bits v, int order);       \
	u##bits __tsan_atomic##bits##_load(const volatile u##bits *p, int order UNUSED)          \
	{                                                                                        \
		on_access(p, bits / 8, false);                                                   \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                     \
	}                                                                                        \
	void __tsan_atomic##bits##_store(volatile u##bits *p, u##bits v, int order UNUSED)       \
	{                                                                                        \
		on_access(p, bits / 8, true);                                                    \
		__atomic_store_n(p, v, __ATOMIC_RELEASE);                                        \
	}                                                                                        \
	u##bits __tsan_atomic##bits##_exchange(volatile u##bits *p, u##bits v, int order UNUSED) \
	{                                                                                        \
		on_access(p, bits / 8, true);                                                    \
		return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                              \
	}                                                                                        \
	RMW(bits, fetch_add)                                                                     \
	RMW(bits, fetch_sub)                                                                     \
	RMW(bits, fetch_and)                                                                     \
	RMW(bits, fetch_or)                                                                      \
	RMW(bits, fetch_xor)                                                                     \
	CAS(bits, strong)                                                                        \
	CAS(bits, weak)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order UNUSED) {}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order UNUSED) {}

/* libc is not instrumented: the linker sends what the traced code calls of it here (--wrap). */
#define WRAPPED(type, name, args, call) \
	type __real_##name args;        \
	type __wrap_##name args;        \
	type __wrap_##name args         \
	{                               \
		call;                   \
	}

WRAPPED(void *, memcpy, (void *to, const void *from, size_t n), on_access(from, n, false);
	on_access(to, n, true); return __real_memcpy(to, from, n))
WRAPPED(void *, memmove, (void *to, const void *from, size_t n), on_access(from, n, false);
	on_access(to, n, true); return __real_memmove(to, from, n))
WRAPPED(void *, memset, (void *to, int c, size_t n), on_access(to, n, true); return __real_memset(to, c, n))
WRAPPED(int, memcmp, (const void *a, const void *b, size_t n), on_access(a, n, false); on_access(b, n, false);
	return __real_memcmp(a, b, n))
WRAPPED(void *, memchr, (const void *s, int c, size_t n), on_access(s, n, false);
	return __real_memchr(s, c, n))
WRAPPED(size_t, strlen, (const char *s), size_t n = __real_strlen(s); on_access(s, n + 1, false); return n)
WRAPPED(size_t, strnlen, (const char *s, size_t max), size_t n = __real_strnlen(s, max);
	on_access(s, n + (n < max), false); return n)
WRAPPED(int, strcmp, (const char *a, const char *b), on_access(a, __real_strlen(a) + 1, false);
	on_access(b, __real_strlen(b) + 1, false); return __real_strcmp(a, b))
WRAPPED(int, strncmp, (const char *a, const char *b, size_t n), on_access(a, __real_strnlen(a, n), false);
	on_access(b, __real_strnlen(b, n), false); return __real_strncmp(a, b, n))
WRAPPED(char *, strchr, (const char *s, int c), on_access(s, __real_strlen(s) + 1, false);
	return __real_strchr(s, c))
WRAPPED(char *, strrchr, (const char *s, int c), on_access(s, __real_strlen(s) + 1, false);
	return __real_strrchr(s, c))

/* Reads by inline assembly. */
WRAPPED(u32, crc32c_hw, (u32 crc, const void *data, size_t n), on_access(data, n, false);
	return __real_crc32c_hw(crc, data, n))

#else

bool footprint_open(void *base UNUSED, size_t n UNUSED)
{
	return false;
}

void footprint_close(void) {}

void footprint_on(void) {}

void footprint_off(void) {}

void footprint_keep(void *p UNUSED, size_t n UNUSED) {}

void footprint_moved(unsigned thread UNUSED) {}

void footprint_took(unsigned thread UNUSED) {}

const struct recorder *footprint_recorder(void)
{
	return NULL;
}

#endif
