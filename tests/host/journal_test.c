/* SPDX-License-Identifier: MIT */
/*
 * A handle that changes more blocks than it has asked for. It may find room all the same; where there is none, nothing of it is committed, nor anything
 * after it, and no byte is written outside of the log.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

#define BLOCKS 4096u
#define RING 300u  /* blocks of the log, its superblock included */
#define SOME 60u   /* credits of one handle */
#define FIRST 2000 /* free blocks */

/* Changes n blocks in a handle that asks for `credits`; how many it could. */
static u32 change(struct journal *j, unsigned credits, u64 first, u32 n)
{
	struct journal_handle *h;
	void *p;
	u32 k = 0;

	if (journal_start(j, credits, &h))
		return 0;
	for (; k < n && !journal_get_write(h, first + k, &p); k++) {
		*(u64 *)p = ~0ull;
		journal_dirty(h, first + k);
	}
	journal_stop(h);
	return k;
}

static void is_over(struct journal *j, const char *label)
{
	struct journal_handle *h;

	is(journal_start(j, 1, &h), -EROFS, "%s: no handle begins any more", label);
}

/* A log in which there is less room than shadows for it are left in memory. */
static void test_log(void)
{
	struct jbd2_writer w;
	struct jbd2_log *log;
	struct jbd2_super *s;
	struct journal_handle *h;
	struct journal *j;
	u32 n = 0;
	void *copy;

	image_make(BLOCKS, "-O ^metadata_csum");
	image_up(0);
	is(ext4_log_open(
		   (void *)((char *)image.region->virt + EXT4_SUPER_OFFSET), image.region, BLOCKS, &log),
		0, "there is a log");
	s = jbd2_block(log, 0);
	s->s_maxlen = to_be32(RING);
	is(jbd2_open(&w, log), 0, "a small one");
	is(journal_create(image.region, log, &j), 0, "its journal");
	journal_begin(j);
	while (n < w.blocks_max)
		n += change(j, 1, FIRST + n, 1);
	journal_start(j, 1, &h);
	journal_forget(h, FIRST, SOME);
	journal_stop(h);
	change(j, SOME, 0, 0);
	is(journal_commit(j), 0, "a full transaction is committed");
	jbd2_note_error(log); /* that will be noted */
	copy = malloc(image.region->len);
	memcpy(copy, image.region->virt, image.region->len);
	is(change(j, 1, FIRST, 2 * RING), w.blocks_max,
		"beyond its credits a handle gets what there is room for");
	is_over(j, "with a log");
	is(journal_commit(j), -EROFS, "nor is anything committed");
	ok(!memcmp(copy, image.region->virt, image.region->len), "no byte has changed");
	journal_destroy(j);
	kfree(log);
	free(copy);
}

static void test_no_log(void)
{
	struct journal *j;

	image_up(0);
	is(journal_create(image.region, NULL, &j), 0, "a journal without a log");
	ok(change(j, 1, FIRST, RING) < RING, "beyond its credits a handle gets what there are shadows for");
	is_over(j, "without a log");
	journal_destroy(j);
}

int main(void)
{
	image_begin();
	test_log();
	test_no_log();
	image_end();
	return done_testing();
}
