/* SPDX-License-Identifier: MIT */
/*
 * A worker: one to three threads that make calls until each has made its share, or until a call ends them. What a call forks or clones makes a
 * few calls too, and ends. After each call: the registers have to be as the caller left them, and what was written has to be free of the kernel's.
 */
#include "fuzz.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SHARE 1000 /* calls of a thread */
#define THREAD_FLAGS 0x50f00

struct shared *shared;
int verbose;

static struct fuzzer fuzzers[LANES + EXTRA];
static _Atomic unsigned extras;
static uint8_t stacks[LANES + EXTRA][STACK_SIZE] __attribute__((aligned(4096)));
static unsigned weights; /* of the whole grammar */

void signals_thread(struct fuzzer *f);

struct fuzzer *worker_extra(struct fuzzer *parent)
{
	unsigned i = atomic_load(&extras) < EXTRA ? atomic_fetch_add(&extras, 1) : EXTRA;

	if (i >= EXTRA)
		return NULL;
	fuzzers[LANES + i] = (struct fuzzer){
		.rng = rnd(parent) | 1,
		.slot = parent->slot,
		.lane = &parent->slot->lane[LANES],
		.place = LANES + i,
		.child = 1,
	};
	return &fuzzers[LANES + i];
}

void *worker_stack(const struct fuzzer *f)
{
	return stacks[f->place] + STACK_SIZE;
}

void worker_adopt(struct fuzzer *f, long pid)
{
	atomic_store(&f->slot->pids[atomic_fetch_add(&f->slot->nr_pids, 1) % MAX_PIDS], (int)pid);
}

/* ---- text */

static char *put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_number(char *to, uint64_t v)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % 16];
	while (v /= 16);
	to = put(to, "0x");
	while (n)
		*to++ = digits[--n];
	return to;
}

size_t format_call(char text[static CALL_TEXT], const struct call *c)
{
	char *to = put(text, c->index < grammar_size ? grammar[c->index].name : "handler");

	for (unsigned i = 0; i < 6; i++)
		to = put_number(put(to, i ? ", " : "("), c->args[i]);
	to = put(to, ") = ");
	to = c->ret < 0 && c->ret > -4096 ? put_number(put(to, "-"), (uint64_t)-c->ret)
					  : put_number(to, (uint64_t)c->ret);
	*to = '\0';
	return (size_t)(to - text);
}

static void print(const char *when, const struct call *c)
{
	char text[CALL_TEXT + 32], *to = put_number(put(put(text, when), " "), (uint64_t)call(SYS_gettid));

	*to++ = ' ';
	to += format_call(to, c);
	*to++ = '\n';
	call(SYS_write, 2, text, to - text);
}

/* ---- one call */

struct call *worker_record(struct fuzzer *f, unsigned index, const uint64_t *args)
{
	struct call *c = &f->lane->ring[atomic_load(&f->lane->calls) % RING];

	c->index = index;
	for (unsigned i = 0; i < 6; i++)
		c->args[i] = args[i];
	c->ret = -4096;
	atomic_fetch_add(&f->lane->calls, 1);
	if (verbose)
		print("begin", c);
	return c;
}

static void check_registers(struct fuzzer *f, const struct regs *r, const struct call *c)
{
	const struct {
		const char *name;
		uint64_t is, was;
	} all[] = {
		{"register rdi", r->rdi, c->args[0]},
		{"register rsi", r->rsi, c->args[1]},
		{"register rdx", r->rdx, c->args[2]},
		{"register r10", r->r10, c->args[3]},
		{"register r8", r->r8, c->args[4]},
		{"register r9", r->r9, c->args[5]},
		{"register rbx", r->rbx, KEPT_RBX},
		{"register rbp", r->rbp, KEPT_RBP},
		{"register r12", r->r12, KEPT_R12},
		{"register r13", r->r13, KEPT_R13},
		{"register r14", r->r14, KEPT_R14},
		{"register r15", r->r15, (uint64_t)r},
		{"register rcx", r->rcx, r->rip},
		{"register r11", r->r11 & ~0xfffffful, 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].is != all[i].was)
			report(f->slot, all[i].name, c, 0, all[i].is);
}

static void check_areas(struct fuzzer *f, const struct call *c)
{
	for (unsigned i = 0; i < f->areas; i++) {
		struct area *a = &f->area[i];

		if (a->kind == AREA_RETURNED && c->ret < (long)a->len)
			a->len = c->ret > 0 ? (size_t)c->ret : 0;
		leak_check(f, c, a->at, a->len, a->kind, "result");
	}
}

/* Calls that return a size without a look at the buffer. */
static int only_asks(const struct call *c)
{
	switch (grammar[c->index].nr) {
	case SYS_syslog:
		return 1;
	case SYS_listxattr:
	case SYS_llistxattr:
	case SYS_flistxattr:
		return !c->args[2];
	case SYS_getxattr:
	case SYS_lgetxattr:
	case SYS_fgetxattr:
		return !c->args[3];
	case SYS_rt_sigpending:
		return !c->args[1];
	default:
		return 0;
	}
}

/* Bytes that went by an address of the kernel's half. */
static void check_refused(struct fuzzer *f, const struct call *c)
{
	int failed = c->ret < 0 && c->ret > -4096;

	if (failed || only_asks(c))
		return;
	if ((f->refuse & REFUSE_SUCCESS) || (c->ret > 0 && (f->refuse & REFUSE_BYTES)))
		report(f->slot, "a pointer that is no user's is accepted", c, 0, 0);
}

long worker_call(struct fuzzer *f, unsigned index, const uint64_t *args)
{
	struct call *record = worker_record(f, index, args);
	struct call c = {.index = index}; /* the record may be another child's by the time of the return */
	struct regs r = {
		.rax = (uint64_t)grammar[index].nr,
		.rdi = args[0],
		.rsi = args[1],
		.rdx = args[2],
		.r10 = args[3],
		.r8 = args[4],
		.r9 = args[5],
	};

	for (unsigned i = 0; i < 6; i++)
		c.args[i] = args[i];
	call_registers(&r);
	record->ret = c.ret = (long)r.rax;
	if (verbose)
		print("end  ", &c);
	atomic_fetch_add(c.ret < 0 && c.ret > -4096 ? &shared->failed[index] : &shared->good[index], 1);
	f->lent_stack |= grammar[index].nr == SYS_sigaltstack && !c.ret && args[0];
	if (!f->lent_stack)
		check_registers(f, &r, &c);
	check_refused(f, &c);
	if (grammar[index].nr != SYS_getrandom)
		check_areas(f, &c);
	return c.ret;
}

static unsigned pick(struct fuzzer *f)
{
	unsigned at = (unsigned)rnd_below(f, weights), i = 0;

	while (at >= grammar[i].weight)
		at -= grammar[i++].weight;
	return i;
}

/* Memory that calls have mapped has to be as clean as what they return. */
static void look_at_memory(struct fuzzer *f)
{
	const uint64_t *page = (const uint64_t *)(ARENA + rnd_below(f, ARENA_PAGES) * PAGE);
	struct call c = {.index = grammar_size, .args = {(uint64_t)page}};
	uint64_t words[8];
	int ok = 1;

	for (unsigned i = 0; i < ARRAY_SIZE(words) && ok; i++)
		words[i] = probe(page + i * 64, &ok);
	if (ok)
		leak_check(f, &c, words, sizeof(words), AREA_DATA, "mapped memory");
}

static void step(struct fuzzer *f)
{
	unsigned index = pick(f);

	if (grammar[index].words[0] == '!') {
		special_call(f, index);
		return;
	}
	args_make(f, index);
	args_learn(f, index, worker_call(f, index, f->args));
	if (one_in(f, 16))
		look_at_memory(f);
}

/* ---- threads */

void worker_begin(struct fuzzer *f)
{
	unsigned calls = SHARE;

	f->child |= f->started; /* a fork's child has its parent's record */
	f->started = 1;
	if (f->child) {
		f->lane = &f->slot->lane[LANES];
		f->rng = rnd(f) | 1;
		calls = (unsigned)rnd_below(f, 20);
	} else {
		atomic_store(&f->lane->tid, (int)call(SYS_gettid));
	}
	f->lent_stack = 0;
	signals_thread(f);
	while (calls--)
		step(f);
	for (;;)
		call(f->child ? SYS_exit : SYS_exit_group, 0);
}

static void set_name(const struct slot *slot)
{
	char name[16] = "fuzz ";

	*put_number(put_number(name + 5, (uint64_t)(slot - shared->slot)), slot->episode & 0xfff) = '\0';
	call(SYS_prctl, PR_SET_NAME, name);
}

void worker_run(struct slot *slot)
{
	uint64_t rng = slot->seed * 0x9e3779b97f4a7c15 +
		(uint64_t)(slot - shared->slot) * 0xd1342543de82ef95 + slot->episode * 0x2545f4914f6cdd1d;
	unsigned lanes;

	rng ^= rng >> 29;
	for (unsigned i = 0; i < grammar_size; i++)
		weights += grammar[i].weight;
	for (unsigned i = 0; i < LANES; i++) {
		rng = rng * 0xbf58476d1ce4e5b9 + 1;
		fuzzers[i] =
			(struct fuzzer){.rng = rng | 1, .slot = slot, .lane = &slot->lane[i], .place = i};
	}
	set_name(slot);
	args_start(&fuzzers[0]);
	signals_start(&fuzzers[0]);
	lanes = 1 + (unsigned)rnd_below(&fuzzers[0], LANES);
	for (unsigned i = 1; i < lanes; i++)
		call_fork(SYS_clone, (uint64_t[6]){THREAD_FLAGS, (uint64_t)worker_stack(&fuzzers[i])},
			&fuzzers[i]);
	worker_begin(&fuzzers[0]);
}
