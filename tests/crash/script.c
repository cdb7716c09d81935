/* SPDX-License-Identifier: MIT */
/*
 * Makes operations, which choose.c has chosen, on a mounted file system. See world.h.
 *
 * The programs that make them share an address space. A file that one has worked on stays open and mapped until OP_CLOSE, so that what was stored
 * through the mapping is not written back by the way; an unlinked one may stay open as well. Each operation runs on some CPU; in a step of
 * several each has a thread of its own, and the simulation's scheduler mixes them.
 */
#include "tests/crash/script.h"

#include "fs/dax.h"
#include "fs/ext4/ext4_priv.h"
#include "fs/state.h"
#include "kernel/instance.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

#define DMA_PAUSES 300u
#define GARBAGE 0xdeadbeefdeadbeefull
#define SHARED_RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_SHARED)

static struct {
	struct script *s;
	struct pmem_region *region;
	struct mm *mm;
	bool device_waits; /* with a page pinned */
	struct {
		u32 file;
		struct file *f;
		uaddr_t map; /* all its pages, shared */
	} open[SCRIPT_OPEN_MAX];
	u32 nr_open;
	uaddr_t buffer[STEP_OPS]; /* anonymous memory */
	char failed[200];
} world;

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

void script_close(u32 k)
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

u32 script_nr_open(void)
{
	return world.nr_open;
}

void script_open(u32 name, u32 file)
{
	char path[300];
	u32 k;

	if (find_open(file) >= 0)
		return;
	k = world.nr_open++;
	oracle_path(name, path);
	world.open[k].file = file;
	if (vfs_open(NULL, path, O_RDWR_, 0, &world.open[k].f))
		abort();
	world.open[k].map = map(world.open[k].f, FILE_PAGES, SHARED_RW);
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

static long create(const char *path)
{
	struct file *f;
	long err = vfs_open(NULL, path, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f);

	if (!err)
		file_put(f);
	return err;
}

/* The inode of what was made. */
static long note_inode(struct op *op)
{
	struct inode *i;
	char path[300];
	long err;

	oracle_path(op->a, path);
	err = vfs_lookup(NULL, path, false, &i);
	if (err)
		return err;
	op->ino = i->ino;
	iput(i);
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

static long make_device(const struct op *op, const char *path)
{
	u32 rdev, type = oracle_device(op->file, &rdev);

	return vfs_mknod(NULL, path, type | 0644, rdev);
}

static long change_attribute(const struct op *op, const char *path)
{
	const char *name = oracle_attributes[op->pos];
	char value[VALUE_MAX];
	struct inode *i;
	long err = vfs_lookup(NULL, path, false, &i);

	if (err)
		return err;
	err = op->kind == OP_REMOVE_ATTRIBUTE
		? vfs_removexattr(i, name)
		: vfs_setxattr(i, name, value, oracle_value(op->file, op->nr, value), 0);
	iput(i);
	return err;
}

static long remount(bool again)
{
	char why[160] = "";
	long err;

	while (world.nr_open)
		script_close(0);
	err = vfs_unmount_all();
	return err || !again ? err : world_mount(world.region, why);
}

/* The record of it is written, by itself; what had not committed never will. */
static long damage(void)
{
	struct inode *root;
	struct ext4_fs *fs;
	long err = vfs_lookup(NULL, "/", false, &root);

	if (err)
		return err;
	fs = ext4_fs_of(ext4_inode(root));
	iput(root);
	fs->on_error = EXT4_ON_ERROR_RO;
	ext4_damage_at(fs, 0, 0, __func__, __LINE__, "the script says so");
	vfs_commit_all();
	remount(false);
	return 0;
}

static long perform(const struct op *op, u32 k)
{
	char a[300], b[300], target[200];

	oracle_path(op->a, a);
	oracle_path(op->b, b);
	switch (op->kind) {
	case OP_CREATE:
		return create(a);
	case OP_RENAME:
		return vfs_rename(NULL, a, NULL, b, 0);
	case OP_EXCHANGE:
		return vfs_rename(NULL, a, NULL, b, RENAME_EXCHANGE_);
	case OP_LINK:
		return link_to(a, b);
	case OP_UNLINK:
		return vfs_unlink(NULL, a);
	case OP_SYMLINK:
		oracle_target(op->file, target);
		return vfs_symlink(NULL, a, target);
	case OP_MKNOD:
		return make_device(op, a);
	case OP_SET_ATTRIBUTE:
	case OP_REMOVE_ATTRIBUTE:
		return change_attribute(op, a);
	case OP_MKDIR:
		return vfs_mkdir(NULL, a, 0755);
	case OP_RMDIR:
		return vfs_rmdir(NULL, a);
	case OP_CLOSE:
		script_close((u32)op->pos);
		return 0;
	case OP_COMMIT:
		vfs_commit_all();
		return 0;
	case OP_SYNC:
		return vfs_sync_all();
	case OP_REMOUNT:
		return remount(op->pos);
	case OP_DAMAGE:
		return damage();
	default:
		return on_file(op, k);
	}
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

	if (!err && op_makes(op->kind))
		err = note_inode(op);
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
	choose_reset(seed);
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
			choose_end(step, !start->no_journal && seed % 3 == 1);
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
		"zero", "collapse", "insert", "allocate", "rename", "exchange", "link", "unlink", "symlink",
		"mknod", "set-attribute", "remove-attribute", "mkdir", "rmdir", "close", "commit", "sync",
		"remount", "damage"};
	char a[300], b[300];
	u32 at = 0;

	text[0] = '\0';
	for (u32 k = 0; k < s->nr_ops && at < size; k++) {
		const struct op *op = &s->ops[k];

		oracle_path(op->a, a);
		oracle_path(op->b, b);
		at += (u32)snprintf(text + at, size - at, "%s%s %.14s%s%.14s (file %u) %llu+%llu on CPU %u",
			k ? " | " : "", names[op->kind], a, op_has_two_names(op->kind) ? " " : "",
			op_has_two_names(op->kind) ? b : "", op->file, (unsigned long long)op->pos,
			(unsigned long long)op->len, op->cpu);
	}
}
