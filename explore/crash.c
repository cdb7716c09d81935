/* SPDX-License-Identifier: MIT */
/*
 * What must be found after a power failure: the end of a run whose scenario has the operation "crash".
 *
 * Promises. An fsync that has returned promises every operation on its file that had returned before it was called; msync those on its
 * page; "persist" the stores through a synchronous mapping (MAP_SYNC) to the line that it writes back. sync_file_range promises nothing: it
 * says nothing about where the block is.
 *
 * Rule: each word that is found, and each size, is one that an operation has given it, or that it had before the start; and not one that was
 * surely replaced by what was promised: by a promised operation that began after the other one had returned. What was not promised may be there
 * or not, each word on its own. So data of another file, or of nobody, is never allowed, and what was promised can only have been
 * replaced by what came later.
 *
 * For each state that the backend's model of caches allows, a machine of its own mounts the file system, which recovers its journal, and
 * looks at the files; then it gives all blocks that count as free to a file of garbage, and looks again: a block that
 * two own, or that counts as free though a file has it, shows. States that were found good before are not tried again: a
 * verdict depends on the state and on what is allowed, nothing else.
 */
#include "explore/world.h"
#include "fs/ext4/ext4.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define MAX_EFFECTS (EXPLORE_MAX_THREADS * EXPLORE_MAX_OPS + EXPLORE_MAX_PREPARE)
#define MAX_VALUES (MAX_EFFECTS + 2)
#define GOOD_STATES 65536u /* a power of two */
#define GARBAGE 0xdeadbeefdeadbeefull

/* What one word, or the size of a file, may be. */
struct allowed {
	u64 value[MAX_VALUES];
	unsigned nr;
	bool any, absent; /* absent: it may be past the end */
};

/* An operation that may have changed a file. */
struct effect {
	const struct script_op *op;
	bool returned, good; /* good: it did what it should */
	unsigned begin, end;
	bool prepared;
};

struct crash {
	struct effect effects[MAX_EFFECTS];
	unsigned nr_effects;
	struct allowed word[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES][NR_PARTS];
	struct allowed size[EXPLORE_MAX_FILES];
	u64 digest; /* of the states at the end of the last run */
	u64 good[GOOD_STATES];
	u64 buf[PAGE_SIZE / sizeof(u64)];
};

size_t crash_size(void)
{
	return sizeof(struct crash);
}

/* --- what is allowed --- */

static bool is_good(const struct script_op *op, i64 ret)
{
	return op->kind == OP_WRITE || op->kind == OP_WRITE_FROM ? ret == (i64)op_bytes(op) : ret >= 0;
}

static void collect_effects(struct explore_world *w, struct crash *c)
{
	const struct scenario *sc = w->sc;

	c->nr_effects = 0;
	/* In the order in which they were made. */
	for (unsigned t = 0; t < sc->nr_threads; t++)
		for (unsigned i = 0; i < sc->nr_prepare; i++)
			if (sc->prepare[i].thread == t)
				c->effects[c->nr_effects++] =
					(struct effect){&sc->prepare[i].op, true, true, 0, 0, true};
	for (unsigned t = 0; t < sc->nr_threads; t++)
		for (unsigned i = 0; i < sc->threads[t].nr; i++) {
			const struct op_result *r = &w->threads[t].results[i];
			const struct script_op *op = &sc->threads[t].ops[i];

			if (r->begun)
				c->effects[c->nr_effects++] = (struct effect){op, r->returned,
					r->returned && is_good(op, r->ret), r->begin, r->end, false};
		}
}

/* Had a returned before b began? */
static bool is_before(const struct effect *a, const struct effect *b)
{
	if (a->prepared && b->prepared)
		return a < b;
	return a->prepared || (a->returned && !b->prepared && a->end < b->begin);
}

enum touch { TOUCHES_NOT, TOUCHES, TOUCHES_SOMEHOW };

/* Does op give that word a value? Which? */
static enum touch touches(
	const struct script_op *op, unsigned f, u64 page, enum page_part part, u64 *value, bool *absent)
{
	u64 end;

	*value = 0;
	*absent = false;
	if (op->kind == OP_READ_INTO)
		return op->other_file == f && op->other_page == page ? TOUCHES_SOMEHOW : TOUCHES_NOT;
	if (op->file != f)
		return TOUCHES_NOT;
	switch (op->kind) {
	case OP_STORE:
		*value = op->value;
		return op->page == page && op_part(op) == part ? TOUCHES : TOUCHES_NOT;
	case OP_DMA:
		*value = op->value;
		return op->page == page && part == PART_HEAD ? TOUCHES : TOUCHES_NOT;
	case OP_WRITE:
		*value = op->value;
		return op->page == page && (!op->head || part == PART_HEAD) ? TOUCHES : TOUCHES_NOT;
	case OP_WRITE_FROM:
		return op->page == page ? TOUCHES_SOMEHOW : TOUCHES_NOT;
	case OP_PUNCH:
	case OP_ZERO:
		return page >= op->page && page < op->page + op->nr ? TOUCHES : TOUCHES_NOT;
	case OP_TRUNCATE:
		end = op_new_size(op);
		*absent = (page << PAGE_SHIFT) >= end;
		return (page << PAGE_SHIFT) + PART_WORD(part) * sizeof(u64) >= end ? TOUCHES : TOUCHES_NOT;
	default:
		return TOUCHES_NOT;
	}
}

/* Has somebody promised that what e did to that page survives? */
static bool promised(struct explore_world *w, const struct crash *c, const struct effect *e, u64 page)
{
	const struct script_op *op = e->op;

	for (unsigned i = 0; i < c->nr_effects && e->good; i++) {
		const struct effect *s = &c->effects[i];
		bool covers = s->op->kind == OP_FSYNC || (s->op->kind == OP_MSYNC && s->op->page == page) ||
			(s->op->kind == OP_PERSIST && w->sc->sync && op->kind == OP_STORE &&
				s->op->page == page && op_part(s->op) == op_part(op));

		if (covers && s->op->file == op->file && s->good && is_before(e, s))
			return true;
	}
	return false;
}

static void allow(struct allowed *a, u64 value)
{
	for (unsigned i = 0; i < a->nr; i++)
		if (a->value[i] == value)
			return;
	a->value[a->nr++] = value;
}

/* Was what stood there at the beginning (e: what e gave it) surely replaced? */
static bool is_replaced(struct explore_world *w, const struct crash *c, const struct effect *e, unsigned f,
	u64 page, enum page_part part)
{
	u64 value;
	bool absent;

	for (unsigned i = 0; i < c->nr_effects; i++) {
		const struct effect *by = &c->effects[i];

		if (by != e && touches(by->op, f, page, part, &value, &absent) && promised(w, c, by, page) &&
			(!e || is_before(e, by)))
			return true;
	}
	return false;
}

static void allow_words(struct explore_world *w, struct crash *c, unsigned f, u64 page, enum page_part part)
{
	struct allowed *a = &c->word[f][page][part];
	const struct scenario *sc = w->sc;
	bool past = page >= sc->files[f].pages;

	*a = (struct allowed){0};
	if (!is_replaced(w, c, NULL, f, page, part)) {
		allow(a, past || sc->files[f].hole ? 0 : scenario_initial_value(f, page));
		a->absent = past;
	}
	for (unsigned i = 0; i < c->nr_effects; i++) {
		const struct effect *e = &c->effects[i];
		bool absent;
		u64 value;
		enum touch how = touches(e->op, f, page, part, &value, &absent);

		/* Where a file has ended in a page, what lies behind is zeroed whenever it grows. */
		if (e->op->kind == OP_TRUNCATE && e->op->head && e->op->file == f && e->op->page == page &&
			part != PART_HEAD)
			allow(a, 0);
		if (!how || is_replaced(w, c, e, f, page, part))
			continue;
		a->any |= how == TOUCHES_SOMEHOW;
		a->absent |= absent;
		allow(a, value);
	}
}

/* The end that op can give file f; 0: none. */
static u64 end_by(const struct script_op *op, unsigned f)
{
	if (!op_may_resize(op, f) || op->kind == OP_TRUNCATE)
		return 0;
	return (op->page << PAGE_SHIFT) + (op->kind == OP_ZERO ? op->nr << PAGE_SHIFT : op_bytes(op));
}

/* Sizes: those that truncates set, unless a promised truncate came later; those to which writes extend a smaller one. Whether a page that
 * was promised is inside is the affair of its words. */
static void allow_sizes(struct explore_world *w, struct crash *c, unsigned f)
{
	struct allowed *a = &c->size[f];
	u64 least;

	*a = (struct allowed){0};
	for (int i = -1; i < (int)c->nr_effects; i++) {
		const struct effect *e = i < 0 ? NULL : &c->effects[i];
		bool replaced = false;

		if (e && (e->op->kind != OP_TRUNCATE || e->op->file != f))
			continue;
		for (unsigned k = 0; k < c->nr_effects; k++) {
			const struct effect *by = &c->effects[k];

			replaced |= by != e && by->op->kind == OP_TRUNCATE && by->op->file == f &&
				(!e || is_before(e, by)) && promised(w, c, by, EXPLORE_MAX_PAGES);
		}
		if (!replaced)
			allow(a, e ? op_new_size(e->op) : (u64)w->sc->files[f].pages << PAGE_SHIFT);
	}
	least = ~0ull;
	for (unsigned i = 0; i < a->nr; i++)
		least = MIN(least, a->value[i]);
	for (unsigned i = 0; i < c->nr_effects; i++)
		if (end_by(c->effects[i].op, f) > least)
			allow(a, end_by(c->effects[i].op, f));
}

static void find_allowed(struct explore_world *w, struct crash *c)
{
	collect_effects(w, c);
	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		allow_sizes(w, c, f);
		for (u64 p = 0; p < EXPLORE_MAX_PAGES; p++)
			for (unsigned k = 0; k < NR_PARTS; k++)
				allow_words(w, c, f, p, k);
	}
}

/* --- what is found; on a machine of its own --- */

static bool is_allowed(const struct allowed *a, u64 value)
{
	for (unsigned i = 0; i < a->nr && !a->any; i++)
		if (a->value[i] == value)
			return true;
	return a->any;
}

static void say(struct violation *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct violation *v, const char *fmt, ...)
{
	va_list ap;

	v->oracle = "crash";
	va_start(ap, fmt);
	fmt_vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

static void say_word(
	struct violation *v, const char *file, u64 page, unsigned word, const struct allowed *a, u64 found)
{
	char values[80] = "";
	size_t n = 0;

	for (unsigned i = 0; i < a->nr && n < sizeof(values); i++)
		n += (size_t)fmt_snprintf(
			values + n, sizeof(values) - n, "%s%lu", i ? " or " : "", (unsigned long)a->value[i]);
	say(v, "page %lu of %s holds %s%lu%s where only %s may be", (unsigned long)page, file,
		found == GARBAGE ? "what was written to a free block: " : "", (unsigned long)found,
		word ? " after its first word" : "", values);
}

static void look_at_page(struct explore_world *w, struct inode *i, unsigned f, u64 page, struct violation *v)
{
	struct crash *c = w->crash;
	const char *name = w->sc->files[f].name;
	ssize_t n = vfs_kread(i, c->buf, PAGE_SIZE, page << PAGE_SHIFT);

	if (n < 0) {
		say(v, "page %lu of %s cannot be read (%ld)", (unsigned long)page, name, (long)-n);
		return;
	}
	if (!n && !c->word[f][page][PART_HEAD].absent)
		say(v, "%s ends before page %lu, which was to stay", name, (unsigned long)page);
	for (unsigned k = 0; k < (u64)n / sizeof(u64) && !v->oracle; k++) {
		const struct allowed *a = &c->word[f][page][k == 0 ? PART_HEAD
				: k == PART_WORD(PART_TAIL)        ? PART_TAIL
								   : PART_BODY];

		if (!is_allowed(a, c->buf[k]))
			say_word(v, name, page, k, a, c->buf[k]);
	}
}

static void look_at_file(struct explore_world *w, struct super *s, unsigned f, struct violation *v)
{
	const char *name = w->sc->files[f].name;
	struct crash *c = w->crash;
	struct file *file;
	u64 size;
	int err = vfs_open(s->root, name, O_RDWR_, 0, &file);

	if (err) {
		say(v, "%s cannot be opened (%d)", name, -err);
		return;
	}
	size = inode_size(file->inode);
	if (!is_allowed(&c->size[f], size))
		say(v, "%s has %lu bytes, which nobody gave it", name, (unsigned long)size);
	for (u64 p = 0; p < EXPLORE_MAX_PAGES && !v->oracle; p++)
		look_at_page(w, file->inode, f, p, v);
	file_put(file);
}

/* Every block that counts as free gets garbage. */
static int soil(struct super *s, u64 *page)
{
	struct file *f;
	u64 pos = 0;
	int err = vfs_open(s->root, "what is free", O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f);

	if (err)
		return err;
	for (unsigned k = 0; k < PAGE_SIZE / sizeof(u64); k++)
		page[k] = GARBAGE;
	while (vfs_kwrite(f->inode, page, PAGE_SIZE, pos) == (ssize_t)PAGE_SIZE)
		pos += PAGE_SIZE;
	file_put(f);
	return 0;
}

void crash_look(struct explore_world *w, struct pmem_region *r, struct violation *v)
{
	struct super *s;
	char why[160] = "";
	int err = ext4_mount(r, (struct ext4_options){0}, &s, why);

	*v = (struct violation){0};
	if (err) {
		say(v, "it cannot be mounted: %s", why);
		return;
	}
	for (unsigned f = 0; f < w->sc->nr_files && !v->oracle; f++)
		look_at_file(w, s, f, v);
	if (!v->oracle && (err = soil(s, ((struct crash *)w->crash)->buf)))
		say(v, "no file can be made (%d)", -err);
	for (unsigned f = 0; f < w->sc->nr_files && !v->oracle; f++)
		look_at_file(w, s, f, v);
}

/* --- the oracle --- */

static u64 mix(u64 hash, u64 v)
{
	hash = (hash ^ (v + 1) * 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

static u64 hash_of(const struct allowed *a)
{
	u64 hash = a->nr;

	for (unsigned i = 0; i < a->nr; i++)
		hash = mix(hash, a->value[i]);
	return mix(hash, a->any * 2u + a->absent);
}

static u64 hash_of_allowed(const struct explore_world *w, const struct crash *c)
{
	u64 hash = 1;

	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		hash = mix(hash, hash_of(&c->size[f]));
		for (u64 p = 0; p < EXPLORE_MAX_PAGES; p++)
			for (unsigned k = 0; k < NR_PARTS; k++)
				hash = mix(hash, hash_of(&c->word[f][p][k]));
	}
	return hash;
}

u64 crash_digest(const struct explore_world *w)
{
	return ((const struct crash *)w->crash)->digest;
}

void crash_check(struct explore_world *w, struct violation *v)
{
	const struct power_failure *failure = w->backend->power_failure;
	struct crash *c = w->crash;
	u64 allowed;

	find_allowed(w, c);
	allowed = c->digest = hash_of_allowed(w, c);
	for (unsigned n = 0; n < failure->states(w); n++) {
		u64 hash = mix(allowed, failure->hash(w, n)) | 1, *good = &c->good[hash % GOOD_STATES];
		struct violation found = {0};
		char text[64];

		c->digest = mix(c->digest, hash);
		if (*good == hash)
			continue;
		failure->survive(w, n, &found);
		if (!found.oracle) {
			*good = hash;
			continue;
		}
		failure->text(w, n, text, sizeof(text));
		v->oracle = found.oracle;
		fmt_snprintf(v->text, sizeof(v->text), "crash: %s, and afterwards %s", text, found.text);
		return;
	}
}
