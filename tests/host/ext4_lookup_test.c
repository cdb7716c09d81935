/* SPDX-License-Identifier: MIT */
/*
 * Look-ups of blocks beside changes of the same extent tree: simulated threads look up pages that nobody changes, while another one
 * punches and fills the pages between, so that nodes are split, emptied, freed and used again. A look-up must give the block that
 * it gave before, or for a page that was a hole the hole, whatever the tree looks like in between (map_seq, fs/ext4/map.c).
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

#define PAGES 3000u
#define STABLE 10u /* every STABLE-th page keeps its block, the one after it stays a hole */
#define LOOKERS 3u

static struct inode *file;
static u64 block_of[PAGES];
static unsigned wrong;
static bool stop;

static bool look_up(u64 page, struct extent *e)
{
	return !file->ops->map_extent(file, page, 1, MAP_LOOK, e) && e->len == 1 && e->pgoff == page;
}

static void looker(void *arg)
{
	u64 seed = (uintptr_t)arg + 1;

	while (!stop) {
		struct extent e;
		u64 page;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		page = (seed >> 33) % (PAGES / STABLE) * STABLE;
		if (!look_up(page, &e) || e.state != EXTENT_MAPPED || e.pa.v != block_of[page])
			wrong++;
		if (!look_up(page + 1, &e) || e.state != EXTENT_HOLE)
			wrong++;
		thread_yield();
	}
}

/* A look-up that has come to a node of the tree often stands there for long, so that the node changes meanwhile. */
static bool stall(struct sim_thread *t, enum sim_point what, const volatile void *obj, bool write)
{
	const struct ext4_extent_header *node = (const void *)(uintptr_t)obj;

	(void)t;
	/* In persistent memory, or the journal's shadow of it. */
	if (what == SIM_POINT_ACCESS && !write && file && node != ext4_root(ext4_inode(file)) &&
		node->eh_magic == EXT4_EXT_MAGIC)
		for (unsigned n = (unsigned)rand() % 300; n; n--)
			sim_pause();
	return rand() % 8 == 0;
}

static bool write_page(u64 page)
{
	u64 w = page;

	return vfs_kwrite(file, &w, sizeof(w), page * PAGE_SIZE) == sizeof(w);
}

/* The pages between the stable ones: filled one apart, so that each is an extent of its own, and punched in large pieces. */
static void changer(void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 2; round++) {
		for (u64 p = 0; p < PAGES; p++)
			if (p % STABLE > 1 && p % 2 && !write_page(p))
				wrong++;
		for (u64 p = 0; p < PAGES; p += STABLE)
			if (vfs_fallocate(file, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, (p + 2) * PAGE_SIZE,
				    (STABLE - 2) * PAGE_SIZE))
				wrong++;
	}
	stop = true;
}

static void test_beside_changes(const char *options, unsigned seed)
{
	struct file *f;
	struct extent e;

	image_make(8192, options);
	file = NULL;
	image_start("look-ups beside changes");
	srand(seed);
	sim_set_point_hook(stall);
	fs_create("/f");
	f = fs_open("/f", O_RDWR_);
	file = f->inode;
	vfs_truncate(file, PAGES * PAGE_SIZE);
	for (u64 p = 0; p < PAGES; p += STABLE) {
		if (!write_page(p) || !look_up(p, &e))
			wrong++;
		block_of[p] = e.pa.v;
	}
	stop = false;
	wrong = 0;
	for (unsigned i = 0; i < LOOKERS; i++)
		sim_spawn("looker", looker, (void *)(uintptr_t)(seed * LOOKERS + i), NULL, i);
	sim_spawn("changer", changer, NULL, NULL, 3);
	is(sim_run(), SIM_ALL_DONE, "%s, seed %u: everybody ends", options, seed);
	is(wrong, 0, "and every look-up was right");
	is(atomic_load(&ext4_inode(file)->map_seq) & 1, 0, "no change is left open");
	sim_set_point_hook(NULL);
	file_put(f);
	image_stop();
}

int main(void)
{
	image_begin();
	for (unsigned seed = 1; seed <= 4; seed++)
		test_beside_changes(seed % 2 ? "-O ^has_journal" : "-O has_journal", seed);
	image_end();
	return done_testing();
}
