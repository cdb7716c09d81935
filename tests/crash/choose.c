/* SPDX-License-Identifier: MIT */
/* Random operations for script.c: which, where, on which CPU, and which of them at the same time. */
#include "tests/crash/script.h"

#include <stdlib.h>

#define TRIES_MAX 1000u
#define NO_FILE (NR_FILES - 1) /* of operations that work on none */

static struct {
	u64 seed;
	u32 next_file, next_nr;
	u32 last; /* name that the last step worked on */
	struct {
		bool due;
		enum op_kind kind;
		u32 name;
	} next; /* what the next step does */
} choice;

static u32 chance(u32 below)
{
	choice.seed = choice.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(choice.seed >> 33) % below;
}

static const u8 weights[NR_OPS] = {
	[OP_CREATE] = 14,
	[OP_WRITE] = 10,
	[OP_APPEND] = 8,
	[OP_SYNC_WRITE] = 4,
	[OP_DIRECT_WRITE] = 4,
	[OP_DIRECT_READ] = 6,
	[OP_STORE] = 12,
	[OP_SYNC_STORE] = 6,
	[OP_MSYNC] = 4,
	[OP_FSYNC] = 8,
	[OP_FDATASYNC] = 6,
	[OP_TRUNCATE] = 8,
	[OP_PUNCH] = 5,
	[OP_ZERO] = 4,
	[OP_COLLAPSE] = 4,
	[OP_INSERT] = 4,
	[OP_ALLOCATE] = 4,
	[OP_RENAME] = 10,
	[OP_EXCHANGE] = 10,
	[OP_LINK] = 4,
	[OP_UNLINK] = 8,
	[OP_SYMLINK] = 4,
	[OP_MKNOD] = 3,
	[OP_SET_ATTRIBUTE] = 10,
	[OP_REMOVE_ATTRIBUTE] = 8,
	[OP_MKDIR] = 8,
	[OP_RMDIR] = 2,
	[OP_CLOSE] = 5,
	[OP_COMMIT] = 4,
	[OP_SYNC] = 2,
	[OP_REMOUNT] = 1,
};

static enum op_kind choose_kind(void)
{
	u32 total = 0, k, at;

	for (k = 0; k < NR_OPS; k++)
		total += weights[k];
	at = chance(total);
	for (k = 0; at >= weights[k]; k++)
		at -= weights[k];
	return (enum op_kind)k;
}

/* Is there a directory for this name? */
static bool has_parent(u32 name)
{
	u32 parent = oracle_parent(name);

	return !parent || oracle_node(parent - 1).kind == NODE_DIR;
}

static bool has_children(u32 dir)
{
	for (u32 c = NR_DIRS; c < NR_NAMES; c++)
		if (oracle_parent(c) == dir + 1 && oracle_node(c).kind)
			return true;
	return false;
}

static bool can_rename(struct op *op)
{
	struct node a = oracle_node(op->a), b = oracle_node(op->b);

	if (op->a < NR_DIRS - 1)
		return a.kind && op->b < NR_DIRS - 1 && op->a != op->b && !has_children(op->b);
	return op->a > POOL_NAME && op->b > POOL_NAME && op->a != op->b && a.kind && has_parent(op->b) &&
		(!b.kind || (a.kind == NODE_DIR) == (b.kind == NODE_DIR)) &&
		(a.kind != b.kind || a.id != b.id);
}

static bool can_exchange(const struct op *op)
{
	if (op->a == op->b || !oracle_node(op->a).kind || !oracle_node(op->b).kind)
		return false;
	return (op->a < NR_DIRS - 1 && op->b < NR_DIRS - 1) || (op->a > POOL_NAME && op->b > POOL_NAME);
}

/* Sets one; removes one that is there. */
static bool choose_attribute(struct op *op)
{
	struct node a = oracle_node(op->a);

	op->pos = chance(NR_ATTRIBUTES);
	return op->a != NR_DIRS - 1 && (a.kind == NODE_FILE || a.kind == NODE_DIR) &&
		(op->kind == OP_SET_ATTRIBUTE || a.attributes[op->pos]);
}

/* Fills in a random range, in bytes of multiples of `unit`, that ends before `end`. False: there is none. */
static bool choose_range(struct op *op, u64 end, u64 unit)
{
	u64 units = end / unit;

	if (!units)
		return false;
	op->pos = chance((u32)units) * unit;
	op->len = (1 + chance((u32)MIN(units - op->pos / unit, 3 * PAGE_SIZE / unit))) * unit;
	if (chance(3) == 0 && unit == 8) /* inside a page */
		op->len = MIN(op->len, 8ull + 8 * chance(40));
	return true;
}

/* A file operation's file, and where it works. */
static bool choose_place(struct op *op)
{
	u64 size = oracle_size(op->file), whole = size / PAGE_SIZE;

	switch (op->kind) {
	case OP_WRITE:
	case OP_SYNC_WRITE:
		return choose_range(op, MIN((u64)FILE_BYTES, size + 2 * PAGE_SIZE), 8);
	case OP_APPEND:
		op->pos = size;
		op->len = MIN((u64)FILE_BYTES - size, 8ull + 8 * chance(600));
		return op->len > 0;
	case OP_DIRECT_WRITE:
		return choose_range(op, MIN((u64)POOL_PAGES * PAGE_SIZE, size + PAGE_SIZE), 8);
	case OP_TRUNCATE:
		op->pos = 0;
		op->len = chance((u32)(MIN((u64)FILE_BYTES, size + PAGE_SIZE) / 8) + 1) * 8ull;
		return op->file != 0;
	case OP_ZERO:
	case OP_ALLOCATE:
		return choose_range(op, MIN((u64)FILE_BYTES, size + 2 * PAGE_SIZE), 8);
	case OP_COLLAPSE:
		return whole > 1 && choose_range(op, (whole - 1) * PAGE_SIZE, PAGE_SIZE);
	case OP_INSERT:
		return whole && choose_range(op, size, PAGE_SIZE) && size + op->len <= FILE_BYTES;
	case OP_FSYNC:
	case OP_FDATASYNC:
		op->pos = op->len = 0;
		return true;
	case OP_DIRECT_READ:
		return op->file && choose_range(op, MIN(size, (u64)POOL_PAGES * PAGE_SIZE), 8);
	case OP_STORE:
	case OP_SYNC_STORE:
		if (!choose_range(op, size, 8))
			return false;
		op->len = MIN(op->len, 8ull + 8 * chance(60));
		return true;
	default: /* inside the file */
		return choose_range(op, size, 8);
	}
}

static bool choose_file(struct op *op, const struct step *s)
{
	struct node n = oracle_node(op->a);

	if (n.kind != NODE_FILE || !choose_place((op->file = n.id, op)))
		return false;
	for (u32 k = 0; k < s->nr_ops; k++)
		if (s->ops[k].file == n.id)
			return false;
	if (n.id == 0) /* the pool is for stores, and for what acknowledges them */
		return op->kind == OP_STORE || op->kind == OP_FSYNC || op->kind == OP_MSYNC;
	return true;
}

static bool choose_name(struct op *op)
{
	struct node a = oracle_node(op->a);
	bool dir = op->a < NR_DIRS;

	switch (op->kind) {
	case OP_CREATE:
	case OP_SYMLINK:
	case OP_MKNOD:
		return !dir && !a.kind && has_parent(op->a);
	case OP_MKDIR:
		return !a.kind && has_parent(op->a);
	case OP_RMDIR:
		return op->a != NR_DIRS - 1 && a.kind == NODE_DIR && !has_children(op->a);
	case OP_UNLINK:
		return op->a != POOL_NAME && a.kind && a.kind != NODE_DIR;
	case OP_LINK:
		return a.kind == NODE_FILE && op->a != POOL_NAME && op->b >= NR_DIRS &&
			!oracle_node(op->b).kind && has_parent(op->b);
	case OP_RENAME:
		return can_rename(op);
	case OP_EXCHANGE:
		return can_exchange(op);
	case OP_SET_ATTRIBUTE:
	case OP_REMOVE_ATTRIBUTE:
		return choose_attribute(op);
	default:
		return false;
	}
}

/* Of the second names each has its turn: few will do. */
static bool choose_names(struct op *op)
{
	for (u32 k = 0; k < NR_NAMES; k++, op->b = (op->b + 1) % NR_NAMES)
		if (choose_name(op))
			return true;
		else if (!op_has_two_names(op->kind))
			return false;
	return false;
}

/* May this be op k of the step? Fills it in. */
static bool choose(struct op *op, const struct step *s)
{
	op->a = chance(3) == 0 ? choice.last : chance(NR_NAMES);
	op->b = chance(NR_NAMES);
	if ((op->kind == OP_CREATE || op->kind >= OP_RENAME) && s->nr_ops)
		return false; /* what works on names, or on everything, comes first */
	op->file = NO_FILE;
	if (op->kind == OP_CLOSE)
		return script_nr_open() && (op->pos = chance(script_nr_open()), true);
	if (op->kind > OP_CLOSE) {
		op->pos = 1;
		return true;
	}
	if (op->kind != OP_CREATE && op->kind < OP_RENAME)
		return choose_file(op, s);
	if (!choose_names(op))
		return false;
	op->file = op_makes(op->kind) ? choice.next_file : oracle_node(op->a).id;
	if (op_makes(op->kind) && ++choice.next_file >= NO_FILE)
		abort();
	return true;
}

/* False: nothing that could be done beside the others was found. */
static bool choose_op(struct step *s)
{
	struct op *op = &s->ops[s->nr_ops];
	u32 tries = 0;

	do {
		if (++tries > TRIES_MAX)
			return false;
		*op = (struct op){.kind = choose_kind(), .cpu = chance(CPUS), .nr = choice.next_nr};
	} while (!choose(op, s));
	choice.last = op->a;
	if (op->kind != OP_CREATE && op->kind < OP_RENAME)
		script_open(op->a, op->file);
	if (op->kind == OP_DIRECT_WRITE || op->kind == OP_DIRECT_READ)
		script_open(POOL_NAME, 0);
	choice.next_nr++;
	s->nr_ops++;
	return true;
}

static bool alone(enum op_kind kind)
{
	return kind == OP_CLOSE || kind == OP_REMOUNT || kind == OP_SYNC || kind == OP_RENAME ||
		kind == OP_EXCHANGE || kind == OP_UNLINK || kind == OP_DIRECT_WRITE || kind == OP_DIRECT_READ;
}

/* Adds what is to be done to the file of that name, if it can be. */
static bool add_op(struct step *s, enum op_kind kind, u32 name, unsigned cpu)
{
	struct op *op = &s->ops[s->nr_ops];

	*op = (struct op){
		.kind = kind, .cpu = cpu, .nr = choice.next_nr, .a = name, .file = oracle_node(name).id};
	if (oracle_node(name).kind != NODE_FILE || !choose_place(op))
		return false;
	script_open(name, op->file);
	choice.next_nr++;
	s->nr_ops++;
	return true;
}

static void do_next(enum op_kind kind, u32 name)
{
	choice.next.due = true;
	choice.next.kind = kind;
	choice.next.name = name;
}

/* Orders that chance alone seldom finds: stores that are still in a cache when their pages move, a device that writes to a page which an fsync
 * has just cleaned; and then an fsync, by any CPU. */
static void follow_up(struct step *s)
{
	const struct op *op = &s->ops[0];

	if (s->nr_ops != 1)
		return;
	if (op->kind == OP_DIRECT_READ && add_op(s, OP_FSYNC, POOL_NAME, (op->cpu + 1) % CPUS))
		do_next(OP_FSYNC, POOL_NAME);
	else if (op->kind == OP_STORE && op->file && chance(2))
		do_next(chance(2) ? OP_COLLAPSE : OP_INSERT, op->a);
	else if (op->kind == OP_COLLAPSE || op->kind == OP_INSERT)
		do_next(OP_FSYNC, op->a);
}

/* One step of five has several operations, each on another CPU. */
void choose_step(struct step *s)
{
	u32 want = chance(5) ? 1 : 2 + chance(STEP_OPS - 1);

	s->nr_ops = 0;
	while (script_nr_open() + STEP_OPS + 1 > SCRIPT_OPEN_MAX)
		script_close(chance(script_nr_open()));
	if (choice.next.due) {
		choice.next.due = false;
		if (add_op(s, choice.next.kind, choice.next.name, chance(CPUS)))
			want = 0;
	}
	while (s->nr_ops < want) {
		struct op *op = &s->ops[s->nr_ops];

		if (!choose_op(s))
			break;
		op->cpu = want > 1 ? (op->cpu + s->nr_ops) % CPUS : op->cpu;
		if (!alone(op->kind))
			continue;
		if (s->nr_ops > 1)
			s->nr_ops--;
		want = 1;
	}
	follow_up(s);
}

void choose_reset(u64 seed)
{
	choice = (typeof(choice)){.seed = seed * 0x9e3779b97f4a7c15ull + 1, .next_file = 1, .next_nr = 1};
}

void choose_end(struct step *s, bool damage)
{
	*s = (struct step){
		1, {{.kind = damage ? OP_DAMAGE : OP_REMOUNT, .file = NO_FILE, .nr = choice.next_nr}}};
}
