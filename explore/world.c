/* SPDX-License-Identifier: MIT */
/*
 * The world of a scenario: a scratch ext4 file system in a RAM region, its files, and an address space for each thread with the files that
 * it loads from or stores to mapped.
 */
#include "explore/world.h"
#include "fs/ext4/ext4.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/kmem.h"

static int make_file(struct explore_world *w, unsigned f)
{
	const struct scenario *sc = w->sc;
	u64 *page = w->threads[0].page;
	struct mapping *m;
	int err =
		vfs_open(w->super->root, sc->files[f].name, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &w->files[f]);

	if (err)
		return err;
	w->inodes[f] = w->files[f]->inode;
	m = dax_mapping(w->inodes[f]);
	if (!m)
		return -ENOMEM;
	/* Nobody has used it: this file's scheme and policies are the cell's, whatever the kernel runs with. */
	dax_mapping_configure(m, &w->config);
	if (sc->zero_in_fault)
		m->zeroing = DAX_ZERO_IN_FAULT;
	if (sc->files[f].huge && !sc->files[f].hole) { /* one aligned extent, written */
		struct extent e;

		err = vfs_fallocate(w->inodes[f], 0, 0, HUGE_SIZE);
		if (!err)
			err = w->inodes[f]->ops->map_extent(w->inodes[f], 0, PAGES_PER_HUGE, MAP_WRITE, &e);
		if (err)
			return err;
	}
	if (sc->files[f].hole)
		return vfs_truncate(w->inodes[f], (u64)sc->files[f].pages << PAGE_SHIFT);
	for (u64 p = 0; p < MIN(sc->files[f].pages, (u64)EXPLORE_MAX_PAGES); p++) {
		ssize_t n;

		for (unsigned k = 0; k < PAGE_SIZE / sizeof(u64); k++)
			page[k] = scenario_initial_value(f, p);
		n = vfs_kwrite(w->inodes[f], page, PAGE_SIZE, p << PAGE_SHIFT);
		if (n != (ssize_t)PAGE_SIZE)
			return n < 0 ? (int)n : -EIO;
	}
	return 0;
}

/* Takes every free block. */
static int fill_up(struct explore_world *w)
{
	struct file *f;
	u64 pos = 0;
	int err = vfs_open(w->super->root, "filler", O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f);

	if (err)
		return err;
	while (!err) {
		err = vfs_fallocate(f->inode, 0, pos, PAGE_SIZE);
		pos += PAGE_SIZE;
	}
	file_put(f);
	return err == -ENOSPC ? 0 : err;
}

/* The mappings that thread t's operations need, in et's address space. */
static int make_mappings(struct explore_world *w, struct explore_thread *et, unsigned t)
{
	const struct scenario *sc = w->sc;
	int err = 0;

	for (unsigned i = 0; i < sc->nr_prepare && !err; i++)
		if (sc->prepare[i].thread == t &&
			!scenario_maps_itself(sc, t, op_mapped_file(&sc->prepare[i].op)))
			err = script_map(et, &sc->prepare[i].op);
	for (unsigned i = 0; i < sc->threads[t].nr && !err; i++)
		if (!scenario_maps_itself(sc, t, op_mapped_file(&sc->threads[t].ops[i])))
			err = script_map(et, &sc->threads[t].ops[i]);
	return err;
}

/* Thread t knows the mappings of `from`, but for those that it makes itself. */
static void know_mappings(struct explore_world *w, unsigned t, struct explore_maps from)
{
	for (unsigned f = 0; f < w->sc->nr_files; f++)
		if (scenario_maps_itself(w->sc, t, f))
			from.shared[f] = from.private[f] = UADDR(0);
	w->threads[t].maps = from;
}

static int make_threads(struct explore_world *w)
{
	struct explore_thread *first = &w->threads[0];
	struct explore_maps common;
	int err = 0;

	for (unsigned t = 0; t < w->sc->nr_threads && !err; t++) {
		struct explore_thread *et = &w->threads[t];

		if (t && w->sc->together)
			mm_get(et->mm = first->mm);
		else if (!(et->mm = mm_create()))
			return -ENOMEM;
		err = make_mappings(w, w->sc->together ? first : et, t);
	}
	common = first->maps;
	for (unsigned t = 0; t < w->sc->nr_threads && w->sc->together; t++)
		know_mappings(w, t, common);
	return err;
}

int world_build(struct explore_world *w, char *err_text, size_t err_size)
{
	char why[160] = "";
	int err;

	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		w->threads[t] = (struct explore_thread){.w = w, .index = t};
		w->threads[t].page = kmalloc(PAGE_SIZE);
		if (!w->threads[t].page) {
			err = -ENOMEM;
			goto fail;
		}
	}
	err = ext4_mount(w->region, (struct ext4_options){0}, &w->super, why);
	for (unsigned f = 0; !err && f < w->sc->nr_files; f++)
		err = make_file(w, f);
	if (!err && w->sc->full)
		err = fill_up(w);
	if (!err && w->sc->crash)
		err = w->super->ops->sync(w->super);
	if (!err)
		err = make_threads(w);
	if (!err)
		return 0;
fail:
	fmt_snprintf(err_text, err_size, "the scenario's files cannot be made (%d) %s", err, why);
	world_destroy(w);
	return err;
}

void world_destroy(struct explore_world *w)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		for (unsigned k = 0; k < EXPLORE_MAX_PINS; k++)
			if (w->threads[t].pins[k].held)
				mm_unpin(&w->threads[t].pins[k].pin);
		if (w->threads[t].child)
			mm_put(w->threads[t].child);
		if (w->threads[t].mm)
			mm_put(w->threads[t].mm);
		kfree(w->threads[t].page);
		w->threads[t].child = NULL;
		w->threads[t].mm = NULL;
		w->threads[t].page = NULL;
		memset(w->threads[t].pins, 0, sizeof(w->threads[t].pins));
	}
	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		if (w->files[f])
			file_put(w->files[f]);
		w->files[f] = NULL;
		w->inodes[f] = NULL;
	}
	if (w->super) { /* never mounted in the name space, so there is nothing else to undo; what is on it is forgotten */
		iput(w->super->root);
		w->super->root = NULL;
		w->super->ops->unmount(w->super);
	}
	w->super = NULL;
}

void world_prepare(struct explore_world *w, unsigned t)
{
	for (unsigned i = 0; i < w->sc->nr_prepare; i++) {
		struct op_result r = {0};

		if (w->sc->prepare[i].thread == t)
			script_op(&w->threads[t], &w->sc->prepare[i].op, &r);
	}
	w->threads[t].start_maps = w->threads[t].maps;
	memcpy(w->threads[t].start_pins, w->threads[t].pins, sizeof(w->threads[t].pins));
}

void world_reset_threads(struct explore_world *w)
{
	w->now = 0;
	w->crashed = false;
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		struct explore_thread *et = &w->threads[t];

		et->status = EXPLORE_AT_POINT;
		et->point = POINT_STEP;
		et->step = STEP_OP;
		et->arg = 0;
		et->op = 0;
		et->controlled = true;
		et->child = NULL;
		et->maps = et->start_maps;
		et->moved = (struct explore_maps){0};
		memcpy(et->pins, et->start_pins, sizeof(et->pins));
		memset(et->results, 0, sizeof(et->results));
	}
}
