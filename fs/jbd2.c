/* SPDX-License-Identifier: MIT */
/*
 * Writing the journal. Client: fs/journal.c, which has one transaction at a time in the log.
 *
 * Rule: the log begins at its first block, always. A transaction is written there (descriptors and copies, fence, commit block, fence); then its
 * copies go to their places (the client's work); then jbd2_forget() raises the sequence number that the superblock expects, and with that
 * the log is empty again. So a recovery finds one whole transaction or none, the ring never wraps, and a block that was freed can never be
 * brought back by an older copy: no revoke records are needed. What others have written is recovered in full (jbd2_recover.c).
 *
 * No store of these can tear: sequence and start of the superblock are one aligned word. Its checksum covers more than that, so while the log is
 * ours the checksum features are off; jbd2_begin() takes them away and jbd2_seal() puts them back, in an order in which the log is empty
 * at every point.
 *
 * No locks: the journal's.
 */
#include "fs/jbd2.h"
#include "lib/crc.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BLOCKS_MAX 2048u /* copies of a transaction: 8 MiB of DRAM */
#define JBD2_ERROR 5u    /* s_errno: EIO; any but 0 would do */
#define BLOCKS_MIN 256u  /* below, a log is too small for our handles */
#define FIRST_TAG_OFFSET sizeof(struct jbd2_header)

static const struct jbd2_run *run_of(const struct jbd2_log *log, u32 n)
{
	u32 lo = 0, hi = log->nr_runs;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (log->runs[mid].first <= n)
			lo = mid;
		else
			hi = mid;
	}
	return &log->runs[lo];
}

void *jbd2_block(const struct jbd2_log *log, u32 n)
{
	const struct jbd2_run *run = run_of(log, n);

	return (char *)log->region->virt + (run->block + (n - run->first)) * JBD2_BLOCK_SIZE;
}

/* --- the superblock --- */

u32 jbd2_super_csum(const struct jbd2_super *s)
{
	const u32 zero = 0;
	u32 crc = crc32c(~0u, s, offsetof(struct jbd2_super, s_checksum));

	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, s->s_users, sizeof(s->s_users));
}

void jbd2_store_durably(void *to, const void *from)
{
	u64 word;

	memcpy(&word, from, sizeof(word));
	pmem_store64(to, word);
	pmem_flush(to, sizeof(word));
	pmem_fence();
}

/* The three words of the superblock that change. */
static void set_features(struct jbd2_super *s, u32 features)
{
	struct jbd2_super new = *s;

	new.s_feature_incompat = to_be32(features);
	jbd2_store_durably(&s->s_feature_incompat, &new.s_feature_incompat);
}

static void set_start(struct jbd2_super *s, u32 sequence, u32 start)
{
	struct jbd2_super new = *s;

	new.s_sequence = to_be32(sequence);
	new.s_start = to_be32(start);
	jbd2_store_durably(&s->s_sequence, &new.s_sequence);
}

/* An error, or none; and no checksums of the first version. */
static void set_errno(struct jbd2_super *s, u32 error)
{
	struct jbd2_super new = *s;

	new.s_errno = to_be32(error);
	new.s_feature_compat = to_be32(0);
	jbd2_store_durably(&s->s_errno, &new.s_errno);
}

void jbd2_seal(struct jbd2_super *s, u32 features, u32 sequence)
{
	struct jbd2_super new;

	set_features(s, features & ~JBD2_CSUM_FEATURES);
	set_start(s, sequence, 0);
	if (!(features & JBD2_CSUM_FEATURES))
		return;
	new = *s;
	new.s_feature_incompat = to_be32(features);
	pmem_store32(&s->s_checksum, to_be32(jbd2_super_csum(&new)).raw);
	pmem_flush(&s->s_checksum, 4);
	pmem_fence();
	set_features(s, features);
}

bool jbd2_is_empty(const struct jbd2_log *log)
{
	const struct jbd2_super *s = jbd2_block(log, 0);

	return !s->s_start.raw;
}

int jbd2_open(struct jbd2_writer *w, struct jbd2_log *log)
{
	const struct jbd2_super *s = jbd2_block(log, 0);
	u32 type = from_be32(s->s_header.h_blocktype), per_block;

	*w = (struct jbd2_writer){.log = log};
	w->first = from_be32(s->s_first);
	w->end = from_be32(s->s_maxlen);
	w->features = from_be32(s->s_feature_incompat);
	w->sequence = from_be32(s->s_sequence);
	if (from_be32(s->s_header.h_magic) != JBD2_MAGIC || type != JBD2_SUPER_V2)
		return -EUCLEAN;
	if (w->features & JBD2_INCOMPAT_FAST_COMMIT)
		return -EOPNOTSUPP;
	if (s->s_start.raw || from_be32(s->s_blocksize) != JBD2_BLOCK_SIZE || !w->first ||
		w->end > log->nr_blocks || w->first > w->end || w->end - w->first < BLOCKS_MIN ||
		(w->features & ~(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT | JBD2_CSUM_FEATURES)))
		return -EUCLEAN;
	if ((w->features & JBD2_CSUM_FEATURES) &&
		(s->s_checksum_type != JBD2_CRC32C || jbd2_super_csum(s) != from_be32(s->s_checksum)))
		return -EUCLEAN;
	if (log->fs_blocks >> 32 && !(w->features & JBD2_INCOMPAT_64BIT))
		return -EUCLEAN;
	per_block = (JBD2_BLOCK_SIZE - FIRST_TAG_OFFSET - 16) / sizeof(struct jbd2_tag);
	w->blocks_max = (w->end - w->first) - 2 - (w->end - w->first) / per_block;
	w->blocks_max = w->blocks_max < BLOCKS_MAX ? w->blocks_max : BLOCKS_MAX;
	return 0;
}

void jbd2_begin(struct jbd2_writer *w)
{
	static const u64 nothing;
	struct jbd2_super *s = jbd2_block(w->log, 0);

	jbd2_store_durably(jbd2_block(w->log, w->first), &nothing);
	set_features(s, w->features & ~JBD2_CSUM_FEATURES);
	set_errno(s, 0);
	set_start(s, w->sequence, w->first);
}

void jbd2_forget(struct jbd2_writer *w)
{
	set_start(jbd2_block(w->log, 0), ++w->sequence, w->first);
}

void jbd2_close(struct jbd2_writer *w)
{
	jbd2_seal(jbd2_block(w->log, 0), w->features, w->sequence);
}

void jbd2_note_error(const struct jbd2_log *log)
{
	set_errno(jbd2_block(log, 0), JBD2_ERROR);
}

char *jbd2_spare(const struct jbd2_log *log)
{
	const struct jbd2_super *s = jbd2_block(log, 0);
	u32 first = from_be32(s->s_first);

	return from_be32(s->s_header.h_magic) == JBD2_MAGIC && first && first + 1 > first &&
			first + 1 < log->nr_blocks
		? jbd2_block(log, first + 1)
		: NULL;
}

/* --- a transaction --- */

static struct jbd2_header header(const struct jbd2_writer *w, enum jbd2_block_type type)
{
	return (struct jbd2_header){to_be32(JBD2_MAGIC), to_be32(type), to_be32(w->sequence)};
}

/* Block `at` of the log as `data`; true: it had to be escaped. Nothing else ever stands there, for of stores past the cache the older one may be what
 * survives. */
static bool write_copy(struct jbd2_writer *w, u32 at, const void *data)
{
	char *to = jbd2_block(w->log, at);
	be32_t first[2];
	bool escape;

	memcpy(first, data, sizeof(first));
	escape = from_be32(first[0]) == JBD2_MAGIC;
	if (escape)
		first[0] = to_be32(0);
	pmem_copy(to, first, sizeof(first));
	pmem_copy(to + sizeof(first), (const char *)data + sizeof(first), JBD2_BLOCK_SIZE - sizeof(first));
	return escape;
}

/* A descriptor block at `at` for the first of n copies, and these; how many there was room for. */
static u32 write_descriptor(struct jbd2_writer *w, u32 at, const struct jbd2_copy *copies, u32 n)
{
	const struct jbd2_super *s = jbd2_block(w->log, 0);
	u32 size = sizeof(struct jbd2_tag) - (w->features & JBD2_INCOMPAT_64BIT ? 0 : 4);
	u32 room = (JBD2_BLOCK_SIZE - FIRST_TAG_OFFSET - 16) / size, off = FIRST_TAG_OFFSET;
	struct jbd2_header h = header(w, JBD2_DESCRIPTOR);
	char *block = jbd2_block(w->log, at);

	n = n < room ? n : room;
	pmem_write(block, &h, sizeof(h));
	for (u32 k = 0; k < n; k++) {
		struct jbd2_tag tag = {.t_blocknr = to_be32((u32)copies[k].block),
			.t_blocknr_high = to_be32((u32)(copies[k].block >> 32))};
		u32 flags = (k ? JBD2_TAG_SAME_UUID : 0) | (k + 1 == n ? JBD2_TAG_LAST : 0);

		if (write_copy(w, at + 1 + k, copies[k].data))
			flags |= JBD2_TAG_ESCAPED;
		tag.t_flags = to_be16((u16)flags);
		pmem_write(block + off, &tag, size);
		off += size;
		if (!k) {
			pmem_write(block + off, s->s_uuid, sizeof(s->s_uuid));
			off += sizeof(s->s_uuid);
		}
	}
	pmem_flush(block, off);
	return n;
}

void jbd2_log_copies(struct jbd2_writer *w, const struct jbd2_copy *copies, u32 n)
{
	struct jbd2_commit commit = {.h_header = header(w, JBD2_COMMIT)};
	u32 at = w->first;
	void *block;

	for (u32 k = 0; k < n;) {
		u32 done = write_descriptor(w, at, copies + k, n - k);

		at += 1 + done;
		k += done;
	}
	block = jbd2_block(w->log, at);
	pmem_fence(); /* before the commit block everything that it vouches for */
	pmem_write(block, &commit, sizeof(commit));
	pmem_flush(block, sizeof(commit));
}
