/* SPDX-License-Identifier: MIT */
/*
 * Handles and transactions; client: fs/ext4.
 *
 * Rule: one handle is open at a time, that of the thread that holds j->lock. Without a log a shadow is private to the handle that changed it
 * and pmem has the newest state of every block. With a log
 * - pmem has the state of the last commit (journal_read_committed), and every block that was changed since has one shadow, in a table;
 * - a commit, by whoever needs one, is made with j->lock held: log the shadows, copy what changed to its place, empty the log
 *   (fs/jbd2.c). Between commits the log is empty and so is the table. In persistent memory that takes microseconds, which is why no handle
 *   runs beside a commit and no block needs a second copy (docs/ARCHITECTURE.md);
 * - data for blocks that a transaction makes reachable was fenced by whoever stored it, before its handle stopped: so it is durable before
 *   any commit. The handle itself stores nothing to pmem.
 *
 * Shadows outlive their commit as long as somebody may still read them: readers without a handle count themselves, per CPU, in one of two
 * epochs; a commit turns the epoch and waits until the old one is empty, twice, since a reader may have looked at the number of the epoch just before
 * it turned. A reader holds no lock that a handle needs and starts none, so the wait is short.
 *
 * Locks: j->lock (RANK_JOURNAL), held from the outermost start to its stop, guards everything here but the table's chains and the readers'
 * counts, which are atomic.
 */
#include "fs/journal.h"
#include "fs/jbd2.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "kernel/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define BLOCK_SIZE JBD2_BLOCK_SIZE
#define CREDITS_MAX 80 /* blocks that one handle may change: so many shadows are always there */
#define POOL_MAX 512   /* free shadows that are kept */
#define TABLE_BITS 10
#define LINE 64u

struct shadow {
	u64 block;
	void *data;
	bool whole;                    /* begun without old contents: nothing of it stands in its place yet */
	_Atomic(struct shadow *) next; /* in its chain of the table */
	struct shadow *other;          /* on the list that it is on */
};

struct journal_handle {
	struct journal *journal;
	unsigned depth;    /* of nested starts; 0: no handle is open */
	unsigned credits;  /* of the outermost */
	unsigned nr_taken; /* shadows that this handle took */
};

struct reader_count {
	_Atomic(u32) n;
	u8 pad[60]; /* a cache line each */
};

struct journal {
	struct pmem_region *region;
	bool has_log;
	_Atomic(bool) aborted;
	struct mutex lock;
	struct journal_handle handle;
	struct shadow *changed, *retired,
		*pool; /* of the transaction; forgotten, perhaps still read; free ones */
	u32 nr_changed, nr_pool;
	_Atomic(struct shadow *) table[1u << TABLE_BITS];
	_Atomic(u32) nr_table; /* 0: nothing in it; for readers */
	struct jbd2_writer writer;
	struct jbd2_copy *copies; /* writer.blocks_max, for a commit */
	_Atomic(u32) committed;   /* sequence of the next transaction: all before it have committed */
	_Atomic(u32) epoch;
	struct reader_count readers[2][MAX_CPUS];
};

static const struct lock_class journal_class = {"journal", RANK_JOURNAL, false};

/* --- shadows --- */

static struct shadow *shadow_alloc(void)
{
	struct shadow *s = kmalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->data = kmalloc(BLOCK_SIZE);
	if (s->data)
		return s;
	kfree(s);
	return NULL;
}

static void shadow_free(struct shadow *s)
{
	kfree(s->data);
	kfree(s);
}

static void pool_push(struct journal *j, struct shadow *s)
{
	s->other = j->pool;
	j->pool = s;
	j->nr_pool++;
}

static struct shadow *pool_pop(struct journal *j)
{
	struct shadow *s = j->pool;

	if (s) {
		j->pool = s->other;
		j->nr_pool--;
	}
	return s;
}

/* Are there n free shadows (now)? */
static bool pool_fill(struct journal *j, u32 n)
{
	while (j->nr_pool < n) {
		struct shadow *s = shadow_alloc();

		if (!s)
			return false;
		pool_push(j, s);
	}
	return true;
}

static _Atomic(struct shadow *) *chain_of(struct journal *j, u64 block)
{
	return &j->table[block * 0x9e3779b97f4a7c15ull >> (64 - TABLE_BITS)];
}

/* Any context: in a handle, or between journal_read_begin and _end. Inline: every look at metadata comes through here. */
static inline __attribute__((always_inline)) struct shadow *find_shadow(struct journal *j, u64 block)
{
	struct shadow *s;

	if (!atomic_load_explicit(&j->nr_table, memory_order_acquire))
		return NULL;
	s = atomic_load_explicit(chain_of(j, block), memory_order_acquire);
	while (s && s->block != block)
		s = atomic_load_explicit(&s->next, memory_order_acquire);
	return s;
}

static void table_insert(struct journal *j, struct shadow *s)
{
	_Atomic(struct shadow *) *chain = chain_of(j, s->block);

	atomic_init(&s->next, atomic_load_explicit(chain, memory_order_relaxed));
	atomic_store_explicit(chain, s, memory_order_release);
	SHARED_WRITE(&j->nr_table);
	atomic_fetch_add(&j->nr_table, 1);
}

/* A reader that stands on s still finds its way on: s->next stays. */
static void table_remove(struct journal *j, struct shadow *s)
{
	_Atomic(struct shadow *) *link = chain_of(j, s->block);

	while (atomic_load_explicit(link, memory_order_relaxed) != s)
		link = &atomic_load_explicit(link, memory_order_relaxed)->next;
	atomic_store_explicit(
		link, atomic_load_explicit(&s->next, memory_order_relaxed), memory_order_release);
	atomic_fetch_sub(&j->nr_table, 1);
}

static char *block_in_pmem(struct journal *j, u64 block)
{
	return (char *)j->region->virt + block * BLOCK_SIZE;
}

/* --- readers --- */

void journal_read_begin(struct journal *j, struct journal_reader *r)
{
	u32 epoch;

	if (!j->has_log) {
		r->count = NULL;
		return;
	}
	epoch = atomic_load(&j->epoch) & 1;
	r->count = &j->readers[epoch][cpu_id()].n;
	atomic_fetch_add(r->count, 1); /* a full fence: what is read comes after it */
}

void journal_read_end(struct journal_reader *r)
{
	if (r->count)
		atomic_fetch_sub_explicit(r->count, 1, memory_order_release);
}

static u32 readers_of(struct journal *j, u32 epoch)
{
	u32 n = 0;

	for (unsigned c = 0; c < MAX_CPUS; c++)
		n += atomic_load(&j->readers[epoch][c].n);
	return n;
}

/* Returns when everybody has left who was reading at the call. */
static void await_readers(struct journal *j)
{
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned turn = 0; turn < 2; turn++) {
		u32 old = atomic_fetch_add(&j->epoch, 1) & 1;

		while (readers_of(j, old))
			thread_yield();
	}
}

/* --- commit --- */

/* To its place what of a shadow differs, in lines. A new block goes whole: it may have been a file's, with stores of a program still in a cache. They
 * may equal what we want to see there, and the medium does not have them. */
static void put_in_place(struct journal *j, const struct shadow *s)
{
	char *home = block_in_pmem(j, s->block);
	const char *data = s->data;

	for (u32 off = 0; off < BLOCK_SIZE;) {
		u32 end = off;

		while (end < BLOCK_SIZE && (s->whole || memcmp(home + end, data + end, LINE)))
			end += LINE;
		if (end > off)
			pmem_copy(home + off, data + off, end - off);
		off = end + LINE;
	}
}

static void retire(struct journal *j, struct shadow *s)
{
	table_remove(j, s);
	s->other = j->retired;
	j->retired = s;
}

/* The shadows of the transaction to the pool; what is too much there is freed. */
static void drop_shadows(struct journal *j)
{
	struct shadow *s;

	while ((s = j->changed)) {
		j->changed = s->other;
		retire(j, s);
	}
	j->nr_changed = 0;
	await_readers(j);
	while ((s = j->retired)) {
		j->retired = s->other;
		if (j->nr_pool < POOL_MAX)
			pool_push(j, s);
		else
			shadow_free(s);
	}
}

static int commit_locked(struct journal *j)
{
	u32 n = 0;

	if (atomic_load(&j->aborted))
		return -EROFS;
	if (!j->nr_changed) {
		pmem_drain_queues(j->region);
		drop_shadows(j);
		return 0;
	}
	for (struct shadow *s = j->changed; s; s = s->other)
		j->copies[n++] = (struct jbd2_copy){s->block, s->data};
	jbd2_log_copies(&j->writer, j->copies, n);
	pmem_drain(j->region); /* acknowledged from here on */
	for (struct shadow *s = j->changed; s; s = s->other)
		put_in_place(j, s);
	pmem_fence();
	jbd2_forget(&j->writer);
	SHARED_WRITE(&j->committed);
	atomic_store(&j->committed, j->writer.sequence);
	drop_shadows(j);
	return 0;
}

/* Data was fenced by whoever stored it. */
int journal_drain(struct journal *j)
{
	pmem_drain_queues(j->region);
	return 0;
}

int journal_commit(struct journal *j)
{
	int err;

	if (!j->has_log)
		return journal_drain(
			j); /* every handle was durable when it stopped, as far as the caches go */
	mutex_lock(&j->lock);
	err = commit_locked(j);
	mutex_unlock(&j->lock);
	return err;
}

int journal_commit_until(struct journal *j, u32 sequence)
{
	SHARED_READ(&j->committed);
	if (j->has_log && (i32)(atomic_load(&j->committed) - sequence) <= 0)
		return journal_commit(j);
	return journal_drain(j);
}

/* A commit counts its transaction before it drops the shadows: read in this order the number is never too small. */
bool journal_is_uncommitted(struct journal *j, u64 block, u32 *sequence)
{
	if (!j->has_log || !find_shadow(j, block))
		return false;
	*sequence = atomic_load(&j->committed);
	return true;
}

u32 journal_sequence(struct journal_handle *h)
{
	return h->journal->writer.sequence;
}

/* --- life --- */

int journal_create(struct pmem_region *r, struct jbd2_log *log, struct journal **out)
{
	struct journal *j = kzalloc(sizeof(*j));
	int err = 0;

	if (!j)
		return -ENOMEM;
	j->region = r;
	j->handle.journal = j;
	mutex_init(&j->lock, &journal_class);
	if (!pool_fill(j, CREDITS_MAX))
		err = -ENOMEM;
	if (!err && log) {
		j->has_log = true;
		err = jbd2_open(&j->writer, log);
		atomic_store(&j->committed, j->writer.sequence);
	}
	if (!err && log) {
		j->copies = kcalloc(j->writer.blocks_max, sizeof(*j->copies));
		if (!j->copies)
			err = -ENOMEM;
	}
	if (err)
		journal_destroy(j);
	else
		*out = j;
	return err;
}

void journal_begin(struct journal *j)
{
	if (j->has_log)
		jbd2_begin(&j->writer);
}

void journal_close(struct journal *j)
{
	DEBUG_ASSERT(!j->nr_changed);
	if (j->has_log)
		jbd2_close(&j->writer);
}

void journal_destroy(struct journal *j)
{
	struct shadow *s;

	if (!j)
		return;
	while ((s = j->changed)) {
		j->changed = s->other;
		shadow_free(s);
	}
	while ((s = j->retired)) {
		j->retired = s->other;
		shadow_free(s);
	}
	while ((s = pool_pop(j)))
		shadow_free(s);
	kfree(j->copies);
	kfree(j);
}

bool journal_has_log(const struct journal *j)
{
	return j->has_log;
}

bool journal_has_changes(struct journal *j)
{
	SHARED_READ(&j->nr_table);
	return j->has_log && atomic_load(&j->nr_table);
}

/* --- handles --- */

/* Room for so many changed blocks in the transaction and in memory. A commit makes room for CREDITS_MAX in both. */
static int make_room(struct journal *j, unsigned credits)
{
	if (j->has_log && j->nr_changed + credits > j->writer.blocks_max) {
		int err = commit_locked(j);

		if (err)
			return err;
	}
	if (likely(pool_fill(j, credits)))
		return 0;
	return j->has_log ? commit_locked(j) : -ENOMEM;
}

int journal_start(struct journal *j, unsigned credits, struct journal_handle **out)
{
	struct journal_handle *h = &j->handle;
	int err;

	if (mutex_held(&j->lock)) {
		h->depth++;
		*out = h;
		return 0;
	}
	DEBUG_ASSERT(credits <= CREDITS_MAX);
	mutex_lock(&j->lock);
	err = atomic_load_explicit(&j->aborted, memory_order_relaxed) ? -EROFS : make_room(j, credits);
	if (err) {
		mutex_unlock(&j->lock);
		return err;
	}
	h->depth = 1;
	h->credits = credits;
	h->nr_taken = 0;
	*out = h;
	return 0;
}

/* A shadow for a block that has none. NULL: beyond the credits there is no room or no memory; what is half made then never commits. */
static __attribute__((noinline)) struct shadow *take_shadow(struct journal_handle *h, u64 block, bool fill)
{
	struct journal *j = h->journal;
	struct shadow *s = j->has_log && j->nr_changed == j->writer.blocks_max ? NULL : pool_pop(j);

	if (!s) {
		pr_err("journal",
			"a handle for %u blocks has changed %u and finds no room: nothing is written any "
			"more",
			h->credits, h->nr_taken);
		journal_abort(j, true);
		return NULL;
	}
	h->nr_taken++;
	s->block = block;
	s->whole = !fill;
	if (fill)
		memcpy(s->data, block_in_pmem(j, block), BLOCK_SIZE);
	else
		memset(s->data, 0, BLOCK_SIZE);
	s->other = j->changed;
	j->changed = s;
	j->nr_changed++;
	table_insert(j, s);
	return s;
}

static inline struct shadow *get_shadow(struct journal_handle *h, u64 block)
{
	struct shadow *s = find_shadow(h->journal, block);

	DEBUG_ASSERT(h->depth && mutex_held(&h->journal->lock));
	return likely(s) ? s : take_shadow(h, block, true);
}

int journal_get_write(struct journal_handle *h, u64 block, void **out)
{
	struct shadow *s = get_shadow(h, block);

	if (!s)
		return -ENOMEM;
	*out = s->data;
	return 0;
}

int journal_get_create(struct journal_handle *h, u64 block, void **out)
{
	struct shadow *s = find_shadow(h->journal, block);

	DEBUG_ASSERT(h->depth && mutex_held(&h->journal->lock));
	if (s)
		memset(s->data, 0, BLOCK_SIZE);
	else
		s = take_shadow(h, block, false);
	if (!s)
		return -ENOMEM;
	*out = s->data;
	return 0;
}

void journal_dirty(struct journal_handle *h, u64 block)
{
	struct journal *j = h->journal;
	struct shadow *s = find_shadow(j, block);

	DEBUG_ASSERT(s);
	if (!j->has_log)
		pmem_copy(block_in_pmem(j, block), s->data, BLOCK_SIZE);
}

/* Without a log: in pmem at once, and in the handle's shadow if it has one. */
static __attribute__((noinline)) void write_through(
	struct journal *j, u64 block, u32 off, const void *p, u32 n, u32 at, const u32 *csum)
{
	struct shadow *s = find_shadow(j, block);
	char *to = block_in_pmem(j, block);

	if (unlikely(s)) {
		memcpy((char *)s->data + off, p, n);
		if (csum)
			memcpy((char *)s->data + at, csum, sizeof(*csum));
	}
	pmem_write(to + off, p, n);
	if (csum)
		pmem_store32(to + at, *csum);
	pmem_flush(to + off, n);
	if (csum)
		pmem_flush(to + at, sizeof(*csum));
}

/* Within the credits there is always a shadow; without one the journal has ended. */
void journal_update(struct journal_handle *h, u64 block, u32 off, const void *p, u32 n)
{
	struct shadow *s;

	DEBUG_ASSERT(h->depth && off + n <= BLOCK_SIZE);
	if (unlikely(!h->journal->has_log)) {
		write_through(h->journal, block, off, p, n, 0, NULL);
		return;
	}
	s = get_shadow(h, block);
	if (likely(s))
		memcpy((char *)s->data + off, p, n);
}

void journal_update_summed(
	struct journal_handle *h, u64 block, u32 off, const void *p, u32 n, u32 at, u32 csum)
{
	struct shadow *s;

	DEBUG_ASSERT(h->depth && MAX(off + n, at + (u32)sizeof(csum)) <= BLOCK_SIZE);
	if (unlikely(!h->journal->has_log)) {
		write_through(h->journal, block, off, p, n, at, &csum);
		return;
	}
	s = get_shadow(h, block);
	if (likely(s)) {
		memcpy((char *)s->data + off, p, n);
		memcpy((char *)s->data + at, &csum, sizeof(csum));
	}
}

/* Has any of the blocks a shadow? Files' data has none, and is most of what is freed. */
static bool any_shadow(struct journal *j, u64 first, u64 n)
{
	if (n > j->nr_changed)
		return j->nr_changed;
	while (n--)
		if (find_shadow(j, first + n))
			return true;
	return false;
}

void journal_forget(struct journal_handle *h, u64 first, u64 n)
{
	struct journal *j = h->journal;
	struct shadow **link = &j->changed, *s;

	if (!any_shadow(j, first, n))
		return;
	while ((s = *link)) {
		if (s->block - first >= n) {
			link = &s->other;
			continue;
		}
		*link = s->other;
		j->nr_changed--;
		retire(j, s);
	}
}

/* Without a log shadows belong to their handle. */
static void end_write_through(struct journal *j)
{
	struct shadow *s;

	while ((s = j->changed)) {
		j->changed = s->other;
		retire(j, s);
	}
	j->nr_changed = 0;
	while ((s = j->retired)) {
		j->retired = s->other;
		pool_push(j, s);
	}
}

int journal_stop(struct journal_handle *h)
{
	struct journal *j = h->journal;

	DEBUG_ASSERT(h->depth && mutex_held(&j->lock));
	if (--h->depth)
		return 0;
	DEBUG_ASSERT(h->nr_taken <= h->credits || atomic_load(&j->aborted));
	if (!j->has_log) {
		pmem_fence();
		end_write_through(j);
	}
	mutex_unlock(&j->lock);
	return 0;
}

void journal_abort(struct journal *j, bool note)
{
	atomic_store(&j->aborted, true);
	if (note && j->has_log)
		jbd2_note_error(j->writer.log);
}

struct journal_handle *journal_enter(struct journal *j, bool wait)
{
	struct journal_handle *h = &j->handle;

	if (mutex_held(&j->lock)) {
		h->depth++;
		return h;
	}
	if (wait)
		mutex_lock(&j->lock);
	else if (!mutex_trylock(&j->lock))
		return NULL;
	h->depth = 1;
	h->credits = h->nr_taken = 0;
	return h;
}

void journal_write_alone(struct journal_handle *h, u64 block, void *data)
{
	struct journal *j = h->journal;
	struct shadow s = {.block = block, .data = data};

	DEBUG_ASSERT(h->depth && atomic_load(&j->aborted));
	if (j->has_log) {
		jbd2_log_copies(&j->writer, &(struct jbd2_copy){block, data}, 1);
		pmem_drain(j->region);
	}
	put_in_place(j, &s);
	pmem_fence();
	if (j->has_log)
		jbd2_forget(&j->writer);
}

const void *journal_read(struct journal *j, u64 block)
{
	struct shadow *s = j->has_log ? find_shadow(j, block) : NULL;

	return s ? s->data : block_in_pmem(j, block);
}

const void *journal_read_committed(struct journal *j, u64 block)
{
	return block_in_pmem(j, block);
}
