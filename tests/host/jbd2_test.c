/* SPDX-License-Identifier: MIT */
/*
 * Recovery of journals. debugfs writes logs in each of the formats that jbd2 has had; e2fsck recovers a copy of the image, and ours must give
 * the same bytes. What debugfs does not write (a log that wraps round, tags that name the wrong blocks) this program writes itself.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "host/pmem_sim.h"
#include "tests/host/ext4_image.h"

#define BLOCKS 4096u
#define TARGET 2000u /* a free block, and those behind it */
#define NR_TARGETS 8u

static void *block(u64 n)
{
	return (char *)image.region->virt + n * EXT4_BLOCK_SIZE;
}

static struct jbd2_log *the_log;

static void log_close(void)
{
	kfree(the_log);
	the_log = NULL;
}

/* --- logs by debugfs, judged by e2fsck --- */

static void make_content(void)
{
	char path[100];
	FILE *f;

	/* four blocks; the third one looks like a journal block and must be escaped */
	for (unsigned k = 0; k < 3; k++) {
		snprintf(path, sizeof(path), "%s/content%u", image.dir, k);
		f = fopen(path, "wb");
		for (unsigned b = 0; b < 4; b++)
			for (u32 w = 0; w < EXT4_BLOCK_SIZE / 4; w++) {
				u32 v = b == 2 && !w ? to_be32(JBD2_MAGIC).raw : k << 24 | b << 16 | w;

				fwrite(&v, sizeof(v), 1, f);
			}
		fclose(f);
	}
}

/* Four transactions; the third one revokes two blocks of the first, the fourth one writes one of them anew. */
static void debugfs_log(const char *open)
{
	run("cd %s; printf '%s\\njw -b %u,%u,%u,%u content0\\njw -b %u,%u,%u,%u content1\\njw -r %u,%u\\njw "
	    "-b "
	    "%u,%u,%u,%u content2\\njc\\n' | "
	    "debugfs -w -f - image",
		image.dir, open, TARGET, TARGET + 1, TARGET + 2, TARGET + 3, TARGET + 4, TARGET + 5,
		TARGET + 6, TARGET + 7, TARGET, TARGET + 3, TARGET + 3, TARGET + 4, TARGET + 6, TARGET + 5);
}

static void copy_targets(void *to)
{
	memcpy(to, block(TARGET), NR_TARGETS * EXT4_BLOCK_SIZE);
}

static void test_format(const char *options, const char *open)
{
	static char want[NR_TARGETS * EXT4_BLOCK_SIZE], before[sizeof(want)];
	char own[120];

	snprintf(image.label, sizeof(image.label), "%s, %s", options, open);
	image_make(BLOCKS, options);
	debugfs_log(open);
	ok(run("dumpe2fs -h %s | grep needs_recovery", image.path) == 0, "%s: there is a log", image.label);
	snprintf(own, sizeof(own), "%s/own", image.dir);
	run("cp %s %s", image.path, own);
	run("e2fsck -fy %s", image.path);
	image_up(0);
	copy_targets(want);
	run("mv %s %s", own, image.path);
	image_up(0);
	copy_targets(before);
	ok(memcmp(before, want, sizeof(want)), "%s: e2fsck has something to replay", image.label);
	is(image_mount(false), 0, "%s: mounted", image.label);
	ok(!memcmp(block(TARGET), want, sizeof(want)), "%s: the same blocks as e2fsck's", image.label);
	image_stop();
	ok(run("dumpe2fs -h %s | grep needs_recovery", image.path) != 0, "%s: the mark is gone", image.label);
	/* Others can go on with the journal that we have emptied. */
	debugfs_log(open);
	run("e2fsck -fy %s", image.path);
	ok(image_fsck(), "%s: the journal can be used again", image.label);
}

/* --- a cut at any point --- */

static struct {
	u64 events, cut_at; /* events of the persistent memory */
	void *snapshot;
} cut;

static void on_event(enum pmem_sim_event what UNUSED, const void *p UNUSED, size_t n UNUSED)
{
	if (++cut.events == cut.cut_at)
		memcpy(cut.snapshot, image.region->virt, image.region->len);
}

/* The log is empty, and what stands in it does not carry a number that a transaction to come will have: else it could be taken for one. */
static bool log_is_over(void)
{
	u32 next;
	bool over = true;

	ext4_log_open(block(0) + EXT4_SUPER_OFFSET, image.region, BLOCKS, &the_log);
	next = from_be32(((struct jbd2_super *)jbd2_block(the_log, 0))->s_sequence);
	for (u32 at = 1; at < the_log->nr_blocks; at++) {
		const struct jbd2_header *h = jbd2_block(the_log, at);

		over &= from_be32(h->h_magic) != JBD2_MAGIC || (i32)(from_be32(h->h_sequence) - next) < 0;
	}
	over &= jbd2_is_empty(the_log);
	log_close();
	return over;
}

static void test_cut(void)
{
	static char want[NR_TARGETS * EXT4_BLOCK_SIZE];
	u64 total = 1, bad = 0;

	image_make(BLOCKS, "");
	debugfs_log("jo -c -v 3");
	for (u64 at = 0; at <= total; at++) {
		image_up(0);
		cut.events = 0;
		cut.cut_at = at;
		cut.snapshot = malloc(image.region->len);
		pmem_sim_observe(on_event);
		if (image_mount(true))
			bad++;
		pmem_sim_observe(NULL);
		if (!at) {
			total = cut.events;
			copy_targets(want);
		} else { /* what the machine finds after the cut */
			vfs_unmount_all();
			memcpy(image.region->virt, cut.snapshot, image.region->len);
			if (image_mount(true)) {
				diag("after event %llu: %s", (unsigned long long)at, image.why);
				bad++;
			} else if (memcmp(block(TARGET), want, sizeof(want))) {
				diag("after event %llu: other bytes", (unsigned long long)at);
				bad++;
			} else if (!log_is_over()) {
				diag("after event %llu: old transactions may be replayed later",
					(unsigned long long)at);
				bad++;
			}
		}
		free(cut.snapshot);
	}
	ok(total > 20, "a recovery is %llu events of the persistent memory", (unsigned long long)total);
	is(bad, 0, "cut after any of them it can be made again");
}

/* --- logs of our own making --- */

static u32 log_at, log_sequence;

static void *log_next(enum jbd2_block_type type)
{
	struct jbd2_super *s = jbd2_block(the_log, 0);
	struct jbd2_header *h = jbd2_block(the_log, log_at);

	log_at = log_at + 1 == from_be32(s->s_maxlen) ? from_be32(s->s_first) : log_at + 1;
	if (type) {
		memset(h, 0, JBD2_BLOCK_SIZE);
		*h = (struct jbd2_header){to_be32(JBD2_MAGIC), to_be32(type), to_be32(log_sequence)};
	}
	return h;
}

/* A transaction that fills nr blocks from `first` with the value. */
static void log_transaction(u64 first, unsigned nr, u64 value, bool commit)
{
	be32_t *tag = (be32_t *)((struct jbd2_header *)log_next(JBD2_DESCRIPTOR) + 1);

	for (unsigned k = 0; k < nr; k++) {
		u64 *copy = log_next(0);

		*tag++ = to_be32((u32)(first + k));
		*tag++ = to_be32((k ? JBD2_TAG_SAME_UUID : 0) | (k + 1 == nr ? JBD2_TAG_LAST : 0));
		if (!k)
			tag += 4;
		for (unsigned w = 0; w < JBD2_BLOCK_SIZE / 8; w++)
			copy[w] = value;
	}
	if (commit)
		log_next(JBD2_COMMIT);
	log_sequence++;
}

/* A new image whose log, in the simplest format, begins at `start`. */
static void log_begin(u32 start)
{
	struct ext4_super *sb;
	struct jbd2_super *s;

	image_make(BLOCKS, "-O ^metadata_csum");
	image_up(0);
	sb = block(0) + EXT4_SUPER_OFFSET;
	sb->s_feature_incompat |= EXT4_INCOMPAT_RECOVER;
	free(the_log);
	the_log = NULL;
	if (ext4_log_open(sb, image.region, BLOCKS, &the_log)) {
		printf("Bail out! no log\n");
		exit(1);
	}
	s = jbd2_block(the_log, 0);
	s->s_feature_incompat = to_be32(JBD2_INCOMPAT_REVOKE);
	s->s_start = to_be32(start);
	s->s_sequence = to_be32(log_sequence = 0xfffffffe); /* sequence numbers wrap round too */
	log_at = start;
}

static void test_wrap(void)
{
	log_begin(1000);
	for (unsigned k = 0; k < 8; k++)
		log_transaction(TARGET + k % 2, 5, 100 + k, true);
	log_transaction(TARGET, 5, 999, false);
	log_close();
	snprintf(image.label, sizeof(image.label), "a log that wraps round");
	is(image_mount(false), 0, "%s: mounted", image.label);
	is(*(u64 *)block(TARGET), 106, "%s: first block", image.label);
	is(*(u64 *)block(TARGET + 4), 107, "%s: a block of two transactions", image.label);
	is(*(u64 *)block(TARGET + 5), 107, "%s: last block; what was not committed is not replayed",
		image.label);
	image_stop();
}

/* The mount must be refused with this reason, and change nothing. */
static void refused(const char *why)
{
	void *copy = malloc(image.region->len);

	log_close();
	memcpy(copy, image.region->virt, image.region->len);
	is(image_mount(false), -EUCLEAN, "%s: refused", why);
	ok(strstr(image.why, why) != NULL, "%s: and says so", why);
	ok(!memcmp(copy, image.region->virt, image.region->len), "%s: nothing is changed", why);
	is(kmem_bytes_in_use(), image.memory, "%s: no memory is lost", why);
	free(copy);
}

static void test_refusals(void)
{
	struct jbd2_super *s;
	struct jbd2_revoke *revoke;

	log_begin(1);
	log_transaction(TARGET, 3, 1, true);
	log_transaction(BLOCKS - 1, 2, 1, true);
	refused("it names a block outside the file system");

	log_begin(1);
	log_transaction(the_log->runs[0].block, 1, 1, true);
	refused("it names a block outside the file system");

	log_begin(1);
	revoke = log_next(JBD2_REVOKE);
	revoke->r_count = to_be32(JBD2_BLOCK_SIZE + 4);
	log_next(JBD2_COMMIT);
	refused("a revoke block has a wrong length");

	log_begin(1);
	s = jbd2_block(the_log, 0);
	s->s_start = s->s_maxlen;
	refused("its journal's superblock is damaged");

	log_begin(1);
	s = jbd2_block(the_log, 0);
	s->s_maxlen = to_be32(the_log->nr_blocks + 1);
	refused("its journal's superblock is damaged");

	image_make(BLOCKS, "");
	debugfs_log("jo -c -v 3");
	image_up(0);
	ext4_log_open(block(0) + EXT4_SUPER_OFFSET, image.region, BLOCKS, &the_log);
	((u8 *)jbd2_block(the_log, 3))[77] ^= 1; /* a copy in the first transaction */
	refused("a block in it has a wrong checksum");
}

/* The block of this type in transaction `sequence`. */
static void *log_find(enum jbd2_block_type type, u32 sequence)
{
	for (u32 at = 1; at < the_log->nr_blocks; at++) {
		struct jbd2_header *h = jbd2_block(the_log, at);

		if (from_be32(h->h_magic) == JBD2_MAGIC && from_be32(h->h_blocktype) == type &&
			from_be32(h->h_sequence) == sequence)
			return h;
	}
	printf("Bail out! no block of type %u in transaction %u\n", type, sequence);
	exit(1);
}

/* A log of four committed transactions in which one bit of such a block is another one. */
static void flip(enum jbd2_block_type type, u32 sequence, const char *open)
{
	snprintf(image.label, sizeof(image.label), "%s, block of type %u in transaction %u", open, type,
		sequence);
	image_make(BLOCKS, "");
	debugfs_log(open);
	image_up(0);
	ext4_log_open(block(0) + EXT4_SUPER_OFFSET, image.region, BLOCKS, &the_log);
	((u8 *)log_find(type, sequence))[100] ^= 1; /* behind the times, which e2fsck looks at as well */
	image_save();
}

/* What was committed is not left out in silence, neither here nor by e2fsck. */
static void test_flipped(enum jbd2_block_type type, u32 sequence, const char *open)
{
	flip(type, sequence, open);
	refused("a transaction that was committed has a wrong checksum");
	run("e2fsck -fy %s", image.path);
	ok(log_has("Journal checksum error found") || log_has("was corrupt, replay was aborted"),
		"%s: e2fsck complains too", image.label);
}

/* The commit block of the newest one: it is as if it had been under way. */
static void test_not_committed(const char *open)
{
	flip(JBD2_COMMIT, 4, open);
	log_close();
	is(image_mount(false), 0, "%s: mounted", image.label);
	ok(*(u32 *)block(TARGET + 7) == (1u << 24 | 3u << 16), "%s: the transactions before it are there",
		image.label);
	ok(*(u32 *)block(TARGET + 5) == (1u << 24 | 1u << 16), "%s: but not this one", image.label);
	image_stop();
}

/* A log whose only transaction is all tags, round and round. */
static void test_endless(void)
{
	log_begin(1);
	for (unsigned k = 1; k < from_be32(((struct jbd2_super *)jbd2_block(the_log, 0))->s_maxlen); k++)
		log_next(k % 2 ? JBD2_DESCRIPTOR : JBD2_REVOKE);
	log_close();
	is(image_mount(true), 0, "a log without a commit block is empty");
	is(image_unmount(), 0, "and unmounts");
}

/* Damage at random: any answer, but no crash and no stray access. */
static void test_damage(const char *open, unsigned rounds)
{
	unsigned mounted = 0;
	u64 seed = 7;
	void *pristine;

	image_make(BLOCKS, "");
	debugfs_log(open);
	image_up(0);
	pristine = malloc(image.region->len);
	memcpy(pristine, image.region->virt, image.region->len);
	for (unsigned k = 0; k < rounds; k++) {
		image_up(0);
		memcpy(image.region->virt, pristine, image.region->len);
		ext4_log_open(block(0) + EXT4_SUPER_OFFSET, image.region, BLOCKS, &the_log);
		for (unsigned n = 1 + test_random(&seed, 4); n; n--)
			((u8 *)jbd2_block(the_log,
				test_random(&seed,
					20)))[test_random(&seed, test_random(&seed, 2) ? 100 : 4096)] ^=
				(u8)(1 + test_random(&seed, 255));
		log_close();
		if (!image_mount(true)) {
			mounted++;
			is(image_unmount(), 0, "%s, damage %u: unmounted", open, k);
		}
	}
	free(pristine);
	ok(mounted < rounds, "%s: %u of %u damaged logs were refused", open, rounds - mounted, rounds);
}

int main(void)
{
	image_begin();
	make_content();
	test_format("-O metadata_csum", "jo -c -v 3");
	test_format("-O metadata_csum", "jo -c -v 2");
	test_format("-O ^metadata_csum", "jo");
	test_format("-O ^metadata_csum,^64bit", "jo");
	test_format("-O metadata_csum,^64bit", "jo -c -v 3");
	test_cut();
	test_wrap();
	test_refusals();
	for (unsigned v = 0; v < 2; v++) {
		const char *open = v ? "jo -c -v 2" : "jo -c -v 3";

		test_flipped(JBD2_DESCRIPTOR, 1, open);
		test_flipped(JBD2_COMMIT, 2, open);
		test_flipped(JBD2_REVOKE, 3, open);
		test_flipped(JBD2_COMMIT, 3, open);
		test_flipped(JBD2_DESCRIPTOR, 4, open);
		test_not_committed(open);
	}
	test_endless();
	test_damage("jo -c -v 3", 60);
	test_damage("jo", 60);
	image_end();
	return done_testing();
}
