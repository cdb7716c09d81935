/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a mounted file system. See world.h.
 *
 * The programs that make them share an address space. A file that one has worked on stays open and mapped until OP_CLOSE, so that what was stored
 * through the mapping is not written back by the way; an unlinked one may stay open as well. Each operation runs on some CPU; in a step of
 * several each has a thread of its own, and the simulation's scheduler mixes them.
 */
#include "tests/crash/world.h"

#include "fs/dax.h"
#include "fs/ext4/ext4.h"
#include "fs/state.h"
#include "kernel/instance.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

#define DMA_PAUSES 300u
#define TRIES_MAX 1000u
#define OPEN_MAX 10u
#define NO_FILE (NR_FILES - 1) /* of operations that work on none */
#define GARBAGE 0xdeadbeefdeadbeefull
#define FILE_BYTES (FILE_PAGES * PAGE_SIZE)
#define SHARED_RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_SHARED)

static struct {
	struct script *s;
	struct pmem_region *region;
	struct mm *mm;
	u64 seed;
	u32 next_file, next_nr;
	u32 last; /* name that the last step worked on */
	struct {
		bool due;
		enum op_kind kind;
		u32 name;
	} next;            /* what the next step does */
	bool device_waits; /* with a page pinned */
	struct {
		u32 file;
		struct file *f;
		uaddr_t map; /* all its pages, shared */
	} open[OPEN_MAX];
	u32 nr_open;
	uaddr_t buffer[STEP_OPS]; /* anonymous memory */
	char failed[200];
} world;

static u32 chance(u32 below)
{
	world.seed = world.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(world.seed >> 33) % below;
}

static void fail(const struct op *op, long err)
{
	struct step s = {.nr_ops = 1, .ops[0] = *op};
	char text[150];

	if (world.s->failed)
		return;
	script_describe(&s, text, sizeof(text));
	snprintf(world.failed, sizeof(world.failed), "%s: %ld", text, err);
	world.s->failed = world.failed;
}

/* --- programs' files --- */

static uaddr_t map(struct file *f, u64 pages, u32 flags)
{
	struct mmap_request rq = {.len = pages * PAGE_SIZE, .flags = flags};
	long a = f ? vfs_mmap(f, &rq) : 0;

	a = a ? a : mm_map(world.mm, &rq);
	if (a < 0)
		abort();
	return UADDR((u64)a);
}

static void close_nth(u32 k)
{
	mm_unmap(world.mm, world.open[k].map, FILE_BYTES);
	file_put(world.open[k].f);
	world.open[k] = world.open[--world.nr_open];
}

static int find_open(u32 file)
{
	for (u32 k = 0; k < world.nr_open; k++)
		if (world.open[k].file == file)
			return (int)k;
	return -1;
}

/* The open file behind a name; opens it. */
static u32 open_named(u32 name, u32 file)
{
	int k = find_open(file);
	char path[300];

	if (k >= 0)
		return (u32)k;
	k = (int)world.nr_open++;
	oracle_path(name, path);
	world.open[k].file = file;
	if (vfs_open(NULL, path, O_RDWR_, 0, &world.open[k].f))
		abort();
	world.open[k].map = map(world.open[k].f, FILE_PAGES, SHARED_RW);
	return (u32)k;
}

/* The words that op stores, into user memory at `to`. */
static long put_words(const struct op *op, uaddr_t to)
{
	for (u64 w = op->pos / 8; w < (op->pos + op->len) / 8; w++)
		if (cpu_store_user64(uaddr_add(to, w * 8 - op->pos), oracle_word(op->file, op->nr, w)))
			return -EFAULT;
	return 0;
}

/* --- operations; k: of the step --- */

static long write_file(struct file *f, const struct op *op, u32 k, u32 flags)
{
	uaddr_t from = world.buffer[k];
	u64 pos = op->pos;
	long n = put_words(op, from);

	f->flags |= flags;
	n = n ? n : vfs_write(f, from, op->len, &pos);
	f->flags &= ~flags;
	return n == (long)op->len ? 0 : n < 0 ? n : -EIO;
}

static long direct(struct file *f, const struct op *op)
{
	uaddr_t pool = uaddr_add(world.open[find_open(0)].map, op->pos);
	bool write = op->kind == OP_DIRECT_WRITE;
	u64 pos = op->pos;
	long n = write ? put_words(op, pool) : 0;

	f->flags |= O_DIRECT_;
	n = n ? n : write ? vfs_write(f, pool, op->len, &pos) : vfs_read(f, pool, op->len, &pos);
	f->flags &= ~(u32)O_DIRECT_;
	return n == (long)op->len ? 0 : n < 0 ? n : -EIO;
}

static long sync_store(struct file *f, const struct op *op)
{
	uaddr_t a = map(f, FILE_PAGES, SHARED_RW | VMA_SYNC);
	long err = put_words(op, uaddr_add(a, op->pos));

	for (u64 at = ALIGN_DOWN(op->pos, 64); !err && at < op->pos + op->len; at += 64)
		err = pmem_sim_user_flush(uaddr_add(a, at), op->nr % 4 ? PMEM_SIM_FLUSH : PMEM_SIM_CLFLUSH);
	pmem_sim_user_fence();
	mm_unmap(world.mm, a, FILE_BYTES);
	return err;
}

static long on_file(const struct op *op, u32 k)
{
	struct file *f = world.open[find_open(op->file)].f;
	struct inode *i = f->inode;

	switch (op->kind) {
	case OP_WRITE:
	case OP_APPEND:
		return write_file(f, op, k, 0);
	case OP_SYNC_WRITE:
		return write_file(f, op, k, op->nr % 2 ? O_SYNC_ : O_DSYNC_);
	case OP_DIRECT_WRITE:
	case OP_DIRECT_READ:
		return direct(f, op);
	case OP_STORE:
		return put_words(op, uaddr_add(world.open[find_open(op->file)].map, op->pos));
	case OP_SYNC_STORE:
		return sync_store(f, op);
	case OP_MSYNC:
		return vfs_fsync(i, op->pos / PAGE_SIZE, (op->pos + op->len - 1) / PAGE_SIZE, true);
	case OP_FSYNC:
	case OP_FDATASYNC:
		return vfs_fsync(i, 0, ~0ull, op->kind == OP_FDATASYNC);
	case OP_TRUNCATE:
		return vfs_truncate(i, op->len);
	case OP_PUNCH:
		return vfs_fallocate(i, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, op->pos, op->len);
	case OP_ZERO:
		return vfs_fallocate(i, FALLOC_ZERO_RANGE_, op->pos, op->len);
	case OP_COLLAPSE:
		return vfs_fallocate(i, FALLOC_COLLAPSE_RANGE_, op->pos, op->len);
	case OP_INSERT:
		return vfs_fallocate(i, FALLOC_INSERT_RANGE_, op->pos, op->len);
	case OP_ALLOCATE:
		return vfs_fallocate(i, 0, op->pos, op->len);
	default:
		return -EINVAL;
	}
}

static long create(struct op *op, const char *path)
{
	struct file *f;
	long err = vfs_open(NULL, path, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f);

	if (err)
		return err;
	op->ino = f->inode->ino;
	file_put(f);
	return 0;
}

static long link_to(const char *from, const char *to)
{
	struct inode *i;
	long err = vfs_lookup(NULL, from, false, &i);

	if (err)
		return err;
	err = vfs_link(i, NULL, to);
	iput(i);
	return err;
}

static long remount(bool again)
{
	char why[160] = "";
	long err;

	while (world.nr_open)
		close_nth(0);
	err = vfs_unmount_all();
	return err || !again ? err : world_mount(world.region, why);
}

static long perform(struct op *op, u32 k)
{
	char a[300], b[300], target[200];

	oracle_path(op->a, a);
	oracle_path(op->b, b);
	switch (op->kind) {
	case OP_CREATE:
		return create(op, a);
	case OP_RENAME:
		return vfs_rename(NULL, a, NULL, b, 0);
	case OP_LINK:
		return link_to(a, b);
	case OP_UNLINK:
		return vfs_unlink(NULL, a);
	case OP_SYMLINK:
		oracle_target(op->file, target);
		return vfs_symlink(NULL, a, target);
	case OP_MKDIR:
		return vfs_mkdir(NULL, a, 0755);
	case OP_RMDIR:
		return vfs_rmdir(NULL, a);
	case OP_CLOSE:
		close_nth((u32)op->pos);
		return 0;
	case OP_COMMIT:
		vfs_commit_all();
		return 0;
	case OP_SYNC:
		return vfs_sync_all();
	case OP_REMOUNT:
		return remount(op->pos);
	default:
		return on_file(op, k);
	}
}

/* --- choosing --- */

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
	[OP_LINK] = 4,
	[OP_UNLINK] = 8,
	[OP_SYMLINK] = 4,
	[OP_MKDIR] = 4,
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
		(a.kind != b.kind || a.id != b.id);
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
		return !dir && !a.kind && has_parent(op->a);
	case OP_MKDIR:
		return dir && !a.kind;
	case OP_RMDIR:
		return dir && op->a != NR_DIRS - 1 && a.kind && !has_children(op->a);
	case OP_UNLINK:
		return !dir && op->a != POOL_NAME && a.kind;
	case OP_LINK:
		return a.kind == NODE_FILE && op->a != POOL_NAME && op->b >= NR_DIRS &&
			!oracle_node(op->b).kind && has_parent(op->b);
	case OP_RENAME:
		return can_rename(op);
	default:
		return false;
	}
}

/* May this be op k of the step? Fills it in. */
static bool choose(struct op *op, const struct step *s)
{
	bool makes = op->kind == OP_CREATE || op->kind == OP_SYMLINK || op->kind == OP_MKDIR;

	op->a = chance(3) == 0 ? world.last : chance(NR_NAMES);
	op->b = chance(NR_NAMES);
	if ((op->kind == OP_CREATE || op->kind >= OP_RENAME) && s->nr_ops)
		return false; /* what works on names, or on everything, comes first */
	op->file = NO_FILE;
	if (op->kind == OP_CLOSE)
		return world.nr_open && (op->pos = chance(world.nr_open), true);
	if (op->kind > OP_CLOSE) {
		op->pos = 1;
		return true;
	}
	if (op->kind != OP_CREATE && op->kind < OP_RENAME)
		return choose_file(op, s);
	if (!choose_name(op))
		return false;
	op->file = makes ? world.next_file : oracle_node(op->a).id;
	if (makes && ++world.next_file >= NO_FILE)
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
		*op = (struct op){.kind = choose_kind(), .cpu = chance(CPUS), .nr = world.next_nr};
	} while (!choose(op, s));
	world.last = op->a;
	if (op->kind != OP_CREATE && op->kind < OP_RENAME)
		open_named(op->a, op->file);
	if (op->kind == OP_DIRECT_WRITE || op->kind == OP_DIRECT_READ)
		open_named(POOL_NAME, 0);
	world.next_nr++;
	s->nr_ops++;
	return true;
}

static bool alone(enum op_kind kind)
{
	return kind == OP_CLOSE || kind == OP_REMOUNT || kind == OP_SYNC || kind == OP_RENAME ||
		kind == OP_UNLINK || kind == OP_DIRECT_WRITE || kind == OP_DIRECT_READ;
}

/* Adds what is to be done to the file of that name, if it can be. */
static bool add_op(struct step *s, enum op_kind kind, u32 name, unsigned cpu)
{
	struct op *op = &s->ops[s->nr_ops];

	*op = (struct op){
		.kind = kind, .cpu = cpu, .nr = world.next_nr, .a = name, .file = oracle_node(name).id};
	if (oracle_node(name).kind != NODE_FILE || !choose_place(op))
		return false;
	open_named(name, op->file);
	world.next_nr++;
	s->nr_ops++;
	return true;
}

static void do_next(enum op_kind kind, u32 name)
{
	world.next.due = true;
	world.next.kind = kind;
	world.next.name = name;
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
static void choose_step(struct step *s)
{
	u32 want = chance(5) ? 1 : 2 + chance(STEP_OPS - 1);

	s->nr_ops = 0;
	while (world.nr_open + STEP_OPS + 1 > OPEN_MAX)
		close_nth(chance(world.nr_open));
	if (world.next.due) {
		world.next.due = false;
		if (add_op(s, world.next.kind, world.next.name, chance(CPUS)))
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

/* --- running --- */

/* A device that has pinned a page waits before it copies, long enough for others to clean the page; who does that waits for the device first. */
static void on_step(struct thread *t UNUSED, enum protocol_step s, u64 arg UNUSED)
{
	if (s != STEP_DMA || sim_current() == sim_thread(0))
		return;
	world.device_waits = true;
	for (u32 k = 0; k < DMA_PAUSES; k++)
		sim_pause();
}

static void run_op(u32 step, u32 k)
{
	struct op *op = &world.s->steps[step].ops[k];
	long err = perform(op, k);

	if (err)
		fail(op, err);
	trace_mark(TRACE_END, step, k);
}

static void thread_main(void *arg)
{
	u64 which = (u64)arg;
	const struct step *s = &world.s->steps[which / STEP_OPS];

	if (which % STEP_OPS && s->ops[0].kind == OP_DIRECT_READ)
		for (u32 k = 0; k < 10 * DMA_PAUSES && !world.device_waits; k++)
			sim_pause();
	run_op((u32)(which / STEP_OPS), (u32)(which % STEP_OPS));
}

static void set_cpu(unsigned cpu, struct mm *mm)
{
	sim_set_boot_mm(NULL);
	sim_set_boot_cpu(cpu);
	sim_set_boot_mm(mm);
}

static void run_step(u32 n)
{
	struct step *s = &world.s->steps[n];

	trace_mark(TRACE_BEGIN, n, 0);
	oracle_begin(s);
	world.device_waits = false;
	if (s->nr_ops == 1) {
		set_cpu(s->ops[0].cpu, world.mm);
		run_op(n, 0);
	} else {
		set_cpu(0, NULL);
		for (u32 k = 0; k < s->nr_ops; k++)
			sim_spawn(
				"op", thread_main, (void *)((u64)n * STEP_OPS + k), world.mm, s->ops[k].cpu);
		if (sim_run() != SIM_ALL_DONE)
			fail(&s->ops[0], -EBUSY);
	}
	for (u32 k = 0; k < s->nr_ops; k++)
		oracle_end(&s->ops[k]);
}

static void begin_world(const struct start *start)
{
	world.region = world_boot(start->image, start->len);
	world.nr_open = 0;
	world.mm = mm_create();
	for (u32 k = 0; k < STEP_OPS; k++)
		world.buffer[k] = map(NULL, FILE_PAGES, VMA_READ | VMA_WRITE);
}

void script_run(struct script *s, const struct start *start, u64 seed, u32 nr_steps)
{
	char why[160] = "";

	memset(&world, 0, sizeof(world));
	world.s = s;
	world.seed = seed * 0x9e3779b97f4a7c15ull + 1;
	world.next_file = world.next_nr = 1;
	s->failed = NULL;
	begin_world(start);
	oracle_reset(start->pool_ino, POOL_PAGES);
	protocol_set_tracer(on_step);
	atomic_fetch_add(&protocol_watchers, 1);
	s->trace.region = world.region->virt;
	s->trace.region_len = start->len;
	trace_record(&s->trace);
	if (world_mount(world.region, why))
		s->failed = "mount";
	for (s->nr = 0; s->nr < nr_steps && !s->failed; s->nr++) {
		struct step *step = &s->steps[s->nr];

		if (s->nr + 1 < nr_steps)
			choose_step(step);
		else /* the end: unmounted */
			*step = (struct step){
				1, {{.kind = OP_REMOUNT, .file = NO_FILE, .nr = world.next_nr}}};
		run_step(s->nr);
	}
	trace_record(NULL);
	atomic_fetch_sub(&protocol_watchers, 1);
	protocol_set_tracer(NULL);
}

/* --- an image to begin with --- */

static void fill(const char *path, u64 pages, u64 value)
{
	u64 words[PAGE_SIZE / 8];
	struct file *f;

	for (u32 k = 0; k < ARRAY_SIZE(words); k++)
		words[k] = value;
	if (vfs_open(NULL, path, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f))
		return;
	for (u64 p = 0; p < pages && vfs_kwrite(f->inode, words, PAGE_SIZE, p * PAGE_SIZE) == PAGE_SIZE; p++)
		;
	file_put(f);
}

bool script_prepare(struct start *start)
{
	struct pmem_region *r = world_boot(start->image, start->len);
	char why[160] = "", path[300];
	struct inode *pool;

	if (world_mount(r, why)) {
		fprintf(stderr, "crash: cannot mount a fresh image: %s\n", why);
		return false;
	}
	fill("/soil", ~0ull, GARBAGE);
	vfs_unlink(NULL, "/soil");
	vfs_sync_all();
	vfs_mkdir(NULL, "/big", 0755);
	for (u32 k = 0; k < 14; k++) {
		snprintf(path, sizeof(path), "/big/fill%u%0220u", k, k);
		fill(path, 0, 0);
	}
	fill("/pool", POOL_PAGES, 0);
	if (vfs_lookup(NULL, "/pool", true, &pool))
		return false;
	start->pool_ino = pool->ino;
	iput(pool);
	if (vfs_unmount_all())
		return false;
	memcpy(start->image, r->virt, start->len);
	return true;
}

struct pmem_region *world_boot(const void *image, u64 len)
{
	sim_init(&(struct sim_config){.ram = 10 << 20, .pmem = len + HUGE_SIZE, .cpus = CPUS, .seed = 1});
	sim_boot_mm();
	sim_boot_fs();
	return sim_add_pmem(len, image, len);
}

int world_mount(struct pmem_region *r, char *why)
{
	struct super *super;
	int err = ext4_mount(r, (struct ext4_options){0}, &super, why);

	return err ? err : vfs_mount(super, "/");
}

void script_describe(const struct step *s, char *text, u32 size)
{
	static const char *const names[NR_OPS] = {"create", "write", "append", "sync-write", "direct-write",
		"direct-read", "store", "sync-store", "msync", "fsync", "fdatasync", "truncate", "punch",
		"zero", "collapse", "insert", "allocate", "rename", "link", "unlink", "symlink", "mkdir",
		"rmdir", "close", "commit", "sync", "remount"};
	char a[300], b[300];
	u32 at = 0;

	text[0] = '\0';
	for (u32 k = 0; k < s->nr_ops && at < size; k++) {
		const struct op *op = &s->ops[k];

		oracle_path(op->a, a);
		oracle_path(op->b, b);
		at += (u32)snprintf(text + at, size - at, "%s%s %.14s%s%.14s (file %u) %llu+%llu on CPU %u",
			k ? " | " : "", names[op->kind], a,
			op->kind == OP_RENAME || op->kind == OP_LINK ? " " : "",
			op->kind == OP_RENAME || op->kind == OP_LINK ? b : "", op->file,
			(unsigned long long)op->pos, (unsigned long long)op->len, op->cpu);
	}
}
