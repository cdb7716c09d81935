/* SPDX-License-Identifier: MIT */
/*
 * Scripted threads: runs the operations of one thread of a scenario through the interfaces that system calls and user
 * programs use. Every operation begins with a pause; the first one's is the state that a run starts from.
 */
#include "explore/world.h"
#include "lib/errno.h"

void script_step(struct explore_thread *t, enum protocol_step s, u64 arg)
{
	if (!t->controlled)
		return;
	t->point = POINT_STEP;
	t->step = s;
	t->arg = arg;
	t->w->backend->pause(t);
}

static int map_file(struct explore_thread *t, unsigned file)
{
	struct mmap_request rq = {.len = EXPLORE_MAX_PAGES * PAGE_SIZE,
		.flags = VMA_READ | VMA_WRITE | VMA_SHARED | VMA_MAYWRITE};
	int err = vfs_mmap(t->w->files[file], &rq);
	long at;

	if (err)
		return err;
	at = mm_map(t->mm, &rq);
	if (at < 0)
		return (int)at;
	t->map[file] = UADDR((u64)at);
	return 0;
}

void script_op(struct explore_thread *t, const struct script_op *op, struct op_result *r)
{
	struct inode *i = t->w->inodes[op->file];
	u64 pos = op->page << PAGE_SHIFT;

	switch (op->kind) {
	case OP_LOAD:
		r->ret = cpu_load_user64(uaddr_add(t->map[op->file], pos), &r->value);
		break;
	case OP_STORE:
		r->ret = cpu_store_user64(uaddr_add(t->map[op->file], pos), op->value);
		break;
	case OP_READ:
		r->ret = vfs_kread(i, t->page, PAGE_SIZE, pos);
		r->value = t->page[0];
		r->rest = t->page[1];
		break;
	case OP_WRITE:
		for (unsigned k = 0; k < PAGE_SIZE / sizeof(u64); k++)
			t->page[k] = op->value;
		r->ret = vfs_kwrite(i, t->page, PAGE_SIZE, pos);
		break;
	case OP_TRUNCATE:
		r->ret = vfs_truncate(i, pos);
		break;
	case OP_PUNCH:
		r->ret = vfs_fallocate(i, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, pos, op->nr << PAGE_SHIFT);
		break;
	case OP_FSYNC:
		r->ret = vfs_fsync(i, 0, RANGE_LAST, true);
		break;
	case OP_MMAP:
		r->ret = map_file(t, op->file);
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
