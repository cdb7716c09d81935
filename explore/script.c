/* SPDX-License-Identifier: MIT */
/*
 * Scripted threads: runs the operations of one thread of a scenario through the interfaces that system calls and user
 * programs use. Every operation begins with a pause; the first one's is the state that a run starts from.
 */
#include "drivers/pmem.h"
#include "explore/world.h"
#include "lib/errno.h"
#include "mm/poison.h"

#define MOVE_DISTANCE (16 * HUGE_SIZE) /* of mremap, downwards: further than mappings are apart */

void script_step(struct explore_thread *t, enum protocol_step s, u64 arg)
{
	if (!t->controlled)
		return;
	t->point = POINT_STEP;
	t->step = s;
	t->arg = arg;
	t->w->backend->pause(t);
}

static u64 map_len(const struct explore_thread *t, unsigned file)
{
	return scenario_map_pages(t->w->sc, file) << PAGE_SHIFT;
}

/*
 * Where a thread makes its own mapping of a file: nothing else is ever mapped there, also not when another thread has just unmapped something. So
 * an address means the same mapping to all threads, to the oracles and in a TLB, for the whole run. It shares its page table with the mappings that are
 * there from the start, if they are not huge.
 */
static uaddr_t own_place(const struct explore_thread *t, unsigned file)
{
	unsigned nr = t->index * EXPLORE_MAX_FILES + file;

	if (t->w->sc->huge)
		return UADDR(MM_MMAP_TOP - (2 * EXPLORE_MAX_THREADS * EXPLORE_MAX_FILES + nr) * HUGE_SIZE);
	return UADDR(MM_MMAP_TOP - HUGE_SIZE + nr * EXPLORE_MAX_PAGES * PAGE_SIZE);
}

static int map_file(struct explore_thread *t, unsigned file, bool shared, uaddr_t place)
{
	struct mmap_request rq = {.addr = place,
		.len = map_len(t, file),
		.flags = VMA_READ | VMA_WRITE | VMA_MAYWRITE | (shared ? VMA_SHARED : 0) |
			(shared && t->w->sc->sync ? VMA_SYNC : 0)};
	int err = vfs_mmap(t->w->files[file], &rq);
	long at;

	if (err)
		return err;
	if (t->w->sc->files[file].huge)
		rq.align = HUGE_SIZE; /* also while the file is shorter */
	at = mm_map(t->mm, &rq);
	if (at < 0)
		return (int)at;
	(shared ? t->maps.shared : t->maps.private)[file] = UADDR((u64)at);
	return 0;
}

int script_map(struct explore_thread *t, const struct script_op *op)
{
	unsigned file = op_mapped_file(op);

	switch (op->kind) {
	case OP_PRIVATE_LOAD:
	case OP_PRIVATE_STORE:
		return t->maps.private[file].v ? 0 : map_file(t, file, false, UADDR(0));
	case OP_MUNMAP:
	case OP_MREMAP:
		if (t->maps.private[file].v)
			return 0;
		break;
	case OP_LOAD:
	case OP_STORE:
	case OP_MSYNC:
	case OP_PROTECT_RO:
	case OP_PROTECT_RW:
	case OP_PIN:
	case OP_READ_INTO:
	case OP_WRITE_FROM:
	case OP_PERSIST:
		break;
	default:
		return 0;
	}
	return t->maps.shared[file].v ? 0 : map_file(t, file, true, UADDR(0));
}

static int unmap_file(struct explore_thread *t, unsigned file)
{
	const u64 len = map_len(t, file);
	int err = t->maps.shared[file].v ? mm_unmap(t->mm, t->maps.shared[file], len) : 0;

	return err || !t->maps.private[file].v ? err : mm_unmap(t->mm, t->maps.private[file], len);
}

static int protect_file(struct explore_thread *t, unsigned file, bool writable)
{
	return mm_protect(
		t->mm, t->maps.shared[file], map_len(t, file), VMA_READ | (writable ? VMA_WRITE : 0));
}

static uaddr_t address_of(const struct explore_thread *t, const struct script_op *op)
{
	uaddr_t base = op_is_private(op) ? t->maps.private[op->file] : t->maps.shared[op->file];

	return uaddr_add(base, (op->page << PAGE_SHIFT) + sizeof(u64) * PART_WORD(op_part(op)));
}

static void do_read(struct explore_thread *t, const struct script_op *op, struct op_result *r)
{
	r->ret = vfs_kread(t->w->inodes[op->file], t->page, PAGE_SIZE, op->page << PAGE_SHIFT);
	for (unsigned k = 0; k < NR_PARTS; k++)
		r->part[k] = t->page[PART_WORD(k)];
}

static i64 do_write(struct explore_thread *t, const struct script_op *op)
{
	for (unsigned k = 0; k < PAGE_SIZE / sizeof(u64); k++)
		t->page[k] = op->value;
	return vfs_kwrite(t->w->inodes[op->file], t->page, op_bytes(op), op->page << PAGE_SHIFT);
}

/* read(2) and write(2) whose buffer is a page of a mapping. */
static i64 do_mapped(struct explore_thread *t, const struct script_op *op)
{
	uaddr_t buf = uaddr_add(t->maps.shared[op->other_file], op->other_page << PAGE_SHIFT);
	u64 pos = op->page << PAGE_SHIFT;

	if (op->kind == OP_READ_INTO)
		return vfs_read(t->w->files[op->file], buf, PAGE_SIZE, &pos);
	return vfs_write(t->w->files[op->file], buf, PAGE_SIZE, &pos);
}

static int move_map(struct explore_thread *t, u64 len, uaddr_t *map, uaddr_t *moved)
{
	uaddr_t from = *map;
	long at;

	if (!from.v)
		return 0;
	*moved = UADDR(from.v - MOVE_DISTANCE); /* the oracles look at both places from now on */
	at = mm_remap(
		t->mm, &(struct mremap_request){from, len, len, *moved, .may_move = true, .fixed = true});
	if (at < 0)
		return (int)at;
	*map = *moved;
	*moved = from;
	return 0;
}

static int do_mremap(struct explore_thread *t, unsigned file)
{
	const u64 len = map_len(t, file);
	int err = move_map(t, len, &t->maps.shared[file], &t->moved.shared[file]);

	return err ? err : move_map(t, len, &t->maps.private[file], &t -> moved.private[file]);
}

/* What the thread's device holds of that page; NULL: nothing. With `unused`: room for one more. */
static struct explore_pin *find_pin(struct explore_thread *t, const struct script_op *op, bool unused)
{
	for (unsigned k = 0; k < EXPLORE_MAX_PINS; k++) {
		struct explore_pin *p = &t->pins[k];

		if (unused ? !p->held : p->held && p->file == op->file && p->page == op->page)
			return p;
	}
	return NULL;
}

static int do_pin(struct explore_thread *t, const struct script_op *op)
{
	struct explore_pin *p = find_pin(t, op, true);
	int err = p ? mm_pin(t->mm, address_of(t, op), true, &p->pin) : -ENOMEM;

	if (err)
		return err;
	p->file = op->file;
	p->page = op->page;
	p->held = true;
	return 0;
}

/* A device's store, durable when it is done. */
static int do_dma(struct explore_thread *t, const struct script_op *op)
{
	const struct explore_pin *p = find_pin(t, op, false);

	if (!p)
		return -ENOENT;
	pmem_copy(phys_to_virt(p->pin.pa), &op->value, sizeof(op->value));
	pmem_fence();
	return 0;
}

static int do_unpin(struct explore_thread *t, const struct script_op *op)
{
	struct explore_pin *p = find_pin(t, op, false);

	if (!p)
		return -ENOENT;
	p->held = false; /* the oracles stop looking before it goes */
	mm_unpin(&p->pin);
	return 0;
}

static int do_poison(struct explore_thread *t, const struct script_op *op)
{
	struct inode *i = t->w->inodes[op->file];
	struct extent e;
	int err = i->ops->map_extent(i, op->page, 1, MAP_LOOK, &e);

	if (err)
		return err;
	return e.state == EXTENT_MAPPED ? poison_page(e.pa) : -ENOENT;
}

static i64 do_fork(struct explore_thread *t)
{
	t->child = mm_fork(t->mm);
	return t->child ? 0 : -ENOMEM;
}

static i64 do_exit(struct explore_thread *t)
{
	struct mm *child = t->child;

	t->child = NULL; /* the oracles stop looking before its tables go */
	if (child)
		mm_put(child);
	return 0;
}

static i64 do_fallocate(struct explore_thread *t, const struct script_op *op, u32 mode)
{
	return vfs_fallocate(t->w->inodes[op->file], mode, op->page << PAGE_SHIFT, op->nr << PAGE_SHIFT);
}

static int sync_piece(void *arg UNUSED, struct file *f, u64 first, u64 last)
{
	return vfs_fsync(f->inode, first, last, true);
}

static i64 do_msync(struct explore_thread *t, const struct script_op *op)
{
	return mm_for_each_file_range(t->mm, uaddr_add(t->maps.shared[op->file], op->page << PAGE_SHIFT),
		PAGE_SIZE, sync_piece, NULL);
}

void script_op(struct explore_thread *t, const struct script_op *op, struct op_result *r)
{
	struct inode *i = t->w->inodes[op->file];

	switch (op->kind) {
	case OP_LOAD:
	case OP_PRIVATE_LOAD:
		r->ret = cpu_load_user64(address_of(t, op), &r->value);
		break;
	case OP_STORE:
	case OP_PRIVATE_STORE:
		r->ret = cpu_store_user64(address_of(t, op), op->value);
		break;
	case OP_READ:
		do_read(t, op, r);
		break;
	case OP_WRITE:
		r->ret = do_write(t, op);
		break;
	case OP_READ_INTO:
	case OP_WRITE_FROM:
		r->ret = do_mapped(t, op);
		break;
	case OP_TRUNCATE:
		r->ret = vfs_truncate(i, op_new_size(op));
		break;
	case OP_PUNCH:
		r->ret = do_fallocate(t, op, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_);
		break;
	case OP_ZERO:
		r->ret = do_fallocate(t, op, FALLOC_ZERO_RANGE_);
		break;
	case OP_COLLAPSE:
		r->ret = do_fallocate(t, op, FALLOC_COLLAPSE_RANGE_);
		break;
	case OP_INSERT:
		r->ret = do_fallocate(t, op, FALLOC_INSERT_RANGE_);
		break;
	case OP_MSYNC:
		r->ret = do_msync(t, op);
		break;
	case OP_SYNC_RANGE:
		r->ret = vfs_sync_range(i, op->page << PAGE_SHIFT, PAGE_SIZE, SYNC_RANGE_WRITE_);
		break;
	case OP_FSYNC:
		r->ret = vfs_fsync(i, 0, RANGE_LAST, true);
		break;
	case OP_MMAP:
		r->ret = map_file(t, op->file, true, own_place(t, op->file));
		break;
	case OP_MUNMAP:
		r->ret = unmap_file(t, op->file);
		break;
	case OP_PROTECT_RO:
	case OP_PROTECT_RW:
		r->ret = protect_file(t, op->file, op->kind == OP_PROTECT_RW);
		break;
	case OP_MREMAP:
		r->ret = do_mremap(t, op->file);
		break;
	case OP_PIN:
		r->ret = do_pin(t, op);
		break;
	case OP_DMA:
		r->ret = do_dma(t, op);
		break;
	case OP_UNPIN:
		r->ret = do_unpin(t, op);
		break;
	case OP_POISON:
		r->ret = do_poison(t, op);
		break;
	case OP_FORK:
		r->ret = do_fork(t);
		break;
	case OP_EXIT:
		r->ret = do_exit(t);
		break;
	case OP_PERSIST:
		r->ret = cpu_persist_user64(address_of(t, op));
		break;
	case OP_CRASH:
		t->w->crashed = true;
		break;
	}
}

void script_main(void *arg)
{
	struct explore_thread *t = arg;
	const struct scenario *sc = t->w->sc;

	for (unsigned i = 0; i < sc->threads[t->index].nr; i++) {
		struct op_result *r = &t->results[i];

		t->op = i;
		if (i > 0)
			script_step(t, STEP_OP, i);
		r->begun = true;
		r->begin = t->w->now;
		script_op(t, &sc->threads[t->index].ops[i], r);
		r->returned = true;
		r->end = t->w->now;
	}
}
