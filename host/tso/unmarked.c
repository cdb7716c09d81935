/* SPDX-License-Identifier: MIT */
/*
 * The check of unmarked accesses. Two things are noted while scripted threads run, and reported in the end by source line:
 *   races        two threads touch the same bytes of the arena, one of them writes, not both by an atomic, and nothing orders the two.
 *                What orders: spinlocks, release and acquire by atomics and fences, wake-ups, interprocessor calls. Vector clocks.
 *   no points    an atomic access in protocol code, with no SHARED_READ or SHARED_WRITE before it, that meets one of another thread, one of
 *                the two writes, and nothing but the accesses themselves orders them: builds without these hooks cannot switch there.
 * What stands in `allowed`, with its reason, is not reported.
 *
 * Rule: this state lies outside the arena, so that a restore leaves it alone. A run's shadow is told from older ones by its number.
 */
#define _GNU_SOURCE
#include "host/machine.h"
#include "host/tso/tso.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS 6 /* latest accesses that are remembered of 8 bytes */
#define SHADOW_BITS 17
#define SYNC_BITS 14
#define PROBES 16
#define MAX_FOUND 512

struct cell {
	void *pc;
	u32 at; /* the thread's own clock */
	u8 thread, bytes;
	bool write, atomic, mark;
};

struct shadow {
	u64 granule;
	u32 run;
	u8 nr, next;
	struct cell cells[CELLS];
};

struct sync {
	u64 addr;
	u32 run;
	struct sim_clock clock;
};

/* pc[1] NULL: an atomic that is no point. */
struct found {
	void *pc[2];
	bool write[2], atomic[2];
};

static struct {
	u32 run;
	struct sim_clock clock[SIM_ORDERED];
	struct sim_clock released[SIM_ORDERED]; /* by the thread's last release fence */
	struct sim_clock loaded[SIM_ORDERED];   /* by relaxed loads: counts from the next acquire fence on */
	struct shadow shadow[1u << SHADOW_BITS];
	struct sync sync[1u << SYNC_BITS];
	struct found found[MAX_FOUND];
	unsigned nr_found;
} check;

/* Functions of which an access may stay as it is. */
static const struct {
	const char *function, *why;
} allowed[] = {
	{"queued_locked",
		"asks whether the word is QUEUED, which only holders of the segment's lock change, as here"},
	{"count", "statistics"},
	{"dax_count", "statistics"},
	{"count_interrupted", "statistics"},
	{"pmm_free_pages", "a sum over the CPUs' caches, which change while it is formed"},
	{"tlb_switch_mm",
		"a context switch, between the scripted threads' points; the shootdown's side has the mark"},
	{"shoot_down", "the generation is a count that nobody decides by"},
	{"splice",
		"an extent tree changes: a look-up without map_lock that has read it meanwhile is made "
		"again"},
	{"shift_entries", "the same change, to the numbers in a leaf"},
	{"poison_any",
		"the points round it reach both orders: the lock of the table before, the entry's store "
		"behind"},
	{"poison_good_pages",
		"asked where the count, which is marked, is not 0; 64 points would hide the others"},
};

void sim_unmarked_restart(void)
{
	check.run++;
	memset(check.clock, 0, sizeof(check.clock));
	memset(check.released, 0, sizeof(check.released));
	memset(check.loaded, 0, sizeof(check.loaded));
	for (unsigned t = 0; t < SIM_ORDERED; t++)
		check.clock[t].at[t] = 1;
}

/* Who the access counts for; 0: nobody. */
static unsigned who(void)
{
	unsigned t = ((struct sim_thread *)thread_current())->index;

	return t < SIM_ORDERED ? t : 0;
}

static void join(struct sim_clock *to, const struct sim_clock *from)
{
	for (unsigned i = 0; i < SIM_ORDERED; i++)
		if (to->at[i] < from->at[i])
			to->at[i] = from->at[i];
}

static u32 hash(u64 key, unsigned bits)
{
	return (u32)((key * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}

/* NULL: nothing was released there in this run, and it shall not be made. */
static struct sync *sync_at(u64 addr, bool make)
{
	u32 h = hash(addr, SYNC_BITS);
	struct sync *s = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		s = &check.sync[(h + i) & ((1u << SYNC_BITS) - 1)];
		if (s->run != check.run)
			break;
		if (s->addr == addr)
			return s;
	}
	if (!make)
		return NULL;
	*s = (struct sync){.addr = addr, .run = check.run};
	return s;
}

static struct shadow *shadow_at(u64 granule)
{
	u32 h = hash(granule, SHADOW_BITS);
	struct shadow *s = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		s = &check.shadow[(h + i) & ((1u << SHADOW_BITS) - 1)];
		if (s->run != check.run)
			break;
		if (s->granule == granule)
			return s;
	}
	s->granule = granule;
	s->run = check.run;
	s->nr = s->next = 0;
	return s;
}

/* Order */

void order_store(struct sim_store *e, bool release)
{
	unsigned t = who();

	e->release = release && t;
	e->clock = release ? check.clock[t] : check.released[t];
	if (t)
		check.clock[t].at[t]++;
}

void order_store_visible(const struct sim_store *e)
{
	sync_at(e->addr, true)->clock = e->clock;
}

void order_acquire(const volatile void *p)
{
	const struct sync *s = sync_at((u64)p, false);

	if (s)
		join(&check.clock[who()], &s->clock);
}

void order_load(const volatile void *p, bool acquire)
{
	const struct sync *s = sync_at((u64)p, false);

	if (s)
		join(acquire ? &check.clock[who()] : &check.loaded[who()], &s->clock);
}

void order_rmw(const volatile void *p, bool acquire, bool release)
{
	unsigned t = who();

	order_load(p, acquire);
	/* Whoever released before us still has: a release sequence goes on. */
	join(&sync_at((u64)p, true)->clock, release ? &check.clock[t] : &check.released[t]);
	check.clock[t].at[t]++;
}

void order_fence(bool acquire, bool release)
{
	unsigned t = who();

	if (acquire)
		join(&check.clock[t], &check.loaded[t]);
	if (release)
		check.released[t] = check.clock[t];
}

void order_threads(const struct sim_thread *from, const struct sim_thread *to)
{
	if (from->index >= SIM_ORDERED || to->index >= SIM_ORDERED)
		return;
	join(&check.clock[to->index], &check.clock[from->index]);
	check.clock[from->index].at[from->index]++;
}

/* Accesses */

static void note(const struct found *f)
{
	for (unsigned i = 0; i < check.nr_found; i++)
		if ((check.found[i].pc[0] == f->pc[0] && check.found[i].pc[1] == f->pc[1]) ||
			(check.found[i].pc[0] == f->pc[1] && check.found[i].pc[1] == f->pc[0]))
			return;
	if (check.nr_found < MAX_FOUND)
		check.found[check.nr_found++] = *f;
}

/* Is the older access one of another thread that conflicts, and nothing orders before us? */
static bool unordered(const struct cell *old, const struct cell *now)
{
	return old->thread != now->thread && (old->write || now->write) &&
		old->at > check.clock[now->thread].at[old->thread];
}

static void note_pair(const struct cell *old, const struct cell *now)
{
	if (!old->atomic || !now->atomic) {
		note(&(struct found){
			{old->pc, now->pc}, {old->write, now->write}, {old->atomic, now->atomic}});
		return;
	}
	if (!old->mark)
		note(&(struct found){{old->pc}, {old->write}, {true}});
	if (!now->mark)
		note(&(struct found){{now->pc}, {now->write}, {true}});
}

/* One access within 8 bytes. */
static void touch(u64 granule, const struct cell *now)
{
	struct shadow *s = shadow_at(granule);
	struct cell *mine = NULL;

	for (unsigned i = 0; i < s->nr; i++) {
		struct cell *old = &s->cells[i];

		if (!(old->bytes & now->bytes))
			continue;
		if (unordered(old, now))
			note_pair(old, now);
		if (old->thread == now->thread && old->bytes == now->bytes && old->write == now->write &&
			old->atomic == now->atomic)
			mine = old;
	}
	if (!mine && s->nr < CELLS)
		mine = &s->cells[s->nr++];
	if (!mine)
		mine = &s->cells[s->next++ % CELLS];
	*mine = *now;
}

static void accessed(const volatile void *p, u64 size, struct cell now)
{
	unsigned t = who();

	now.thread = (u8)t;
	now.at = check.clock[t].at[t];
	for (u64 a = (u64)p, end = (u64)p + size; t && a < end;) {
		u64 from = a & 7, to = MIN(end - (a - from), 8u);

		now.bytes = (u8)((0xff << from) & (0xff >> (8 - to)));
		touch(a >> 3, &now);
		a += to - from;
	}
}

void unmarked_plain(const volatile void *p, u64 size, bool write, void *pc)
{
	accessed(p, size, (struct cell){.pc = pc, .write = write});
}

void unmarked_atomic(const volatile void *p, u64 size, bool write, bool mark, void *pc)
{
	accessed(p, size, (struct cell){.pc = pc, .write = write, .atomic = true, .mark = mark});
}

/* The report */

struct place {
	char function[64], line[160];
};

static void chomp(char *s)
{
	s[strcspn(s, "\n")] = '\0';
}

static void find_place(void *pc, struct place *p)
{
	char command[128];
	FILE *f;

	*p = (struct place){"?", "?"};
	snprintf(command, sizeof(command), "addr2line -f -e /proc/%d/exe %p", (int)getpid(), (char *)pc - 1);
	f = popen(command, "r");
	if (!f)
		return;
	if (fgets(p->function, sizeof(p->function), f) && fgets(p->line, sizeof(p->line), f)) {
		chomp(p->function);
		chomp(p->line);
	}
	pclose(f);
}

static bool is_allowed(const struct place *p)
{
	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++)
		if (!strcmp(p->function, allowed[i].function))
			return true;
	return false;
}

/* Where an atomic access has to be a point: the protocol's own code. */
static bool in_protocol(const struct place *p)
{
	return strstr(p->line, "./mm/") || strstr(p->line, "./fs/") || strstr(p->line, "/range_lock.c");
}

static const char *kind(const struct found *f, unsigned i)
{
	return f->atomic[i] ? f->write[i] ? "atomic write" : "atomic read" : f->write[i] ? "write" : "read";
}

unsigned sim_unmarked_report(void)
{
	unsigned reported = 0;

	for (unsigned i = 0; i < check.nr_found; i++) {
		const struct found *f = &check.found[i];
		struct place a, b = {"", ""};

		find_place(f->pc[0], &a);
		if (f->pc[1])
			find_place(f->pc[1], &b);
		if (is_allowed(&a) || is_allowed(&b) || (!f->pc[1] && !in_protocol(&a)))
			continue;
		reported++;
		if (f->pc[1])
			printf("unmarked: %s at %s (%s) and %s at %s (%s) are not ordered\n", kind(f, 0),
				a.line, a.function, kind(f, 1), b.line, b.function);
		else
			printf("unmarked: %s at %s (%s) is no scheduling point\n", kind(f, 0), a.line,
				a.function);
	}
	return reported;
}
