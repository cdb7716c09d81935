/* SPDX-License-Identifier: MIT */
/* One input run, and what must hold. See world.h. */
#include "tests/hostile/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext4/ext4.h"
#include "fs/journal.h"
#include "fs/vfs.h"
#include "host/machine.h"
#include "host/pmem_sim.h"
#include "kernel/instance.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "mm/mm.h"

#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define MAX_BASES 8
#define STORED_MAX (64ull << 20) /* bytes by one call */
#define RECORD_MAX \
	(3 * EXT4_BLOCK_SIZE) /* a transaction of one block: the record of damage that has stopped the file system */

struct base *bases[MAX_BASES];
unsigned nr_bases;

static struct {
	struct base *base;
	struct super *super; /* NULL: not mounted */
	const char *what;    /* the call that runs */
	bool was_readonly, wants_continue;
	u64 stored, record_max; /* record_max: what may be stored while read-only */
} run;

void finding(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "FINDING: %s: ", run.what ? run.what : "-");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* Of every store to persistent memory. */
static void on_store(enum pmem_sim_event event, const void *p, size_t n)
{
	struct base *b = run.base;
	u64 at;

	if (!b || (event != PMEM_SIM_STORE && event != PMEM_SIM_NT_STORE))
		return;
	at = (u64)((const u8 *)p - b->now);
	if (at >= b->size || n > b->size - at)
		finding("%zu bytes stored at %lld, the image has %u", n, (long long)at, b->size);
	run.stored += n;
	if (run.stored > STORED_MAX)
		finding("it stores without end");
	base_stored(b, at, n);
}

/* Every look of the file system at a block in place (linked with --wrap). */
static const void *mirror_of(const void *p, u64 block)
{
	struct base *b = run.base;

	if (!b || p != b->now + block * EXT4_BLOCK_SIZE)
		return p; /* a shadow */
	if (block >= b->size / EXT4_BLOCK_SIZE)
		finding("block %llu is read, the image has %u", (unsigned long long)block,
			b->size / EXT4_BLOCK_SIZE);
	return base_mirror(b, block);
}

const void *__real_journal_read(struct journal *j, u64 block);
const void *__wrap_journal_read(struct journal *j, u64 block);
const void *__wrap_journal_read(struct journal *j, u64 block)
{
	return mirror_of(__real_journal_read(j, block), block);
}

const void *__real_journal_read_committed(struct journal *j, u64 block);
const void *__wrap_journal_read_committed(struct journal *j, u64 block);
const void *__wrap_journal_read_committed(struct journal *j, u64 block)
{
	return mirror_of(__real_journal_read_committed(j, block), block);
}

void call_begin(const char *what)
{
	run.what = what;
	run.stored = 0;
	run.was_readonly = run.super && atomic_load(&run.super->readonly);
}

long call_end(long result)
{
	if (run.super && result == -EUCLEAN && !run.wants_continue && !atomic_load(&run.super->readonly))
		finding("it returned -EUCLEAN, but the file system is still writable");
	if (run.was_readonly && run.stored > run.record_max)
		finding("it stored %llu bytes into a file system that is read-only",
			(unsigned long long)run.stored);
	run.what = NULL;
	return result;
}

void world_sample(unsigned nr, u8 *data, size_t n)
{
	const struct base *b = run.base;
	u32 at = ALIGN_DOWN(b->items[nr * 5 % b->nr_items].at, EXT4_BLOCK_SIZE);

	memcpy(data, b->pristine + at, MIN(n, b->size - at));
}

void world_init(void)
{
	setenv("SIM_VERBOSE", "-1", 0); /* damage is what we make here */
	sim_init(&(struct sim_config){.ram = 24 << 20, .pmem = 64 << 20});
	sim_boot_mm();
	sim_boot_fs();
	sim_stop_clock();
	pmem_sim_observe(on_store);
}

void world_bases(const char *const names[])
{
	for (; *names; names++)
		bases[nr_bases++] = base_load(*names);
#if SIM_ASAN
	/* Nobody may look beside the image that is mounted: between two of them nothing is addressable. */
	for (unsigned k = 0; k < nr_bases; k++) {
		u64 end = bases[k]->region->base.v + bases[k]->size;

		__asan_poison_memory_region(arena_ptr(end), ALIGN_UP(end + PAGE_SIZE, HUGE_SIZE) - end);
	}
#endif
}

/* Mounts the image. False: it was refused. */
static bool mount(const struct input *in)
{
	bool readonly = in->flags & INPUT_READONLY;
	struct ext4_options o = {.readonly = readonly,
		.on_error = in->flags & INPUT_CONTINUE ? EXT4_ON_ERROR_CONTINUE : EXT4_ON_ERROR_RO};
	char why[160] = "";
	struct super *s = NULL;
	int err;

	call_begin("mount");
	run.wants_continue = in->flags & INPUT_CONTINUE;
	run.record_max = readonly ? 0 : RECORD_MAX;
	err = ext4_mount(run.base->region, o, &s, why);
	if (err && !why[0])
		finding("it was refused with %d, but without a reason", err);
	call_end(0);
	if (err)
		return false;
	call_begin("mount on /");
	run.super = s;
	if (call_end(vfs_mount(s, "/")))
		finding("the mount point was taken");
	return true;
}

static void unmount(void)
{
	bool readonly = atomic_load(&run.super->readonly);
	int err;

	call_begin("unmount");
	run.was_readonly = false;
	run.super = NULL;
	err = vfs_unmount_all();
	if (err == -EBUSY)
		finding("an inode is still in use");
	if (readonly && run.stored > run.record_max)
		finding("it stored %llu bytes into a file system that is read-only",
			(unsigned long long)run.stored);
	call_end(0);
}

void world_run(const struct input *in)
{
	u64 memory = kmem_bytes_in_use();

	run.base = bases[in->base % nr_bases];
	run.super = NULL;
	sim_machine->now = 0;
	base_patch(run.base, in);
	if (mount(in)) {
		struct mm *mm = mm_create();

		sim_set_boot_mm(mm);
		walk_tree();
		for (unsigned k = 0; k < in->nr_ops; k++)
			run_op(&in->ops[k]);
		if (in->nr_ops)
			walk_tree();
		sim_set_boot_mm(NULL);
		mm_put(mm);
		unmount();
	}
	if (kmem_bytes_in_use() != memory)
		finding("%lld bytes of memory are lost", (long long)(kmem_bytes_in_use() - memory));
	base_restore(run.base);
}
