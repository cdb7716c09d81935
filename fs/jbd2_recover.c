/* SPDX-License-Identifier: MIT */
/*
 * Recovery of a journal that another mount, or Linux, has left with transactions in it. Client: fs/ext4, at mount.
 *
 * Rule: three passes over the log from its oldest transaction. The first one changes nothing: it finds the last commit block and checks
 * everything that the other two will trust; so a log is either replayed whole or refused. The second collects revoke records: a copy of
 * a block that a later (or the same) transaction revokes is not written back, because the block was freed and may hold a file's data.
 * The third writes the copies to their places, oldest first, so the newest one stands in the end. Written twice they leave the
 * same bytes: a recovery that is cut off is simply made again.
 *
 * The end of the log is where a block does not carry the magic number and the expected sequence number, or where the checksum of a
 * descriptor, revoke or commit block is wrong: that transaction never was committed. Where it was, as its commit block or the next one's in the ring
 * says, a wrong checksum is damage, and that of a copy always is. Checksums of the first version (COMPAT_CHECKSUM) are not looked at.
 *
 * No locks: the file system is not mounted yet.
 */
#include "fs/jbd2.h"
#include "lib/crc.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define INCOMPAT_KNOWN \
	(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT | JBD2_CSUM_FEATURES | JBD2_INCOMPAT_FAST_COMMIT)

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

/* Blocks that were revoked, by number: open addressing in pages, since there may be many. */
struct revoked {
	u64 block; /* + 1; 0: free slot */
	u32 sequence;
};
#define REVOKED_PER_PAGE (PAGE_SIZE / sizeof(struct revoked))

struct recovery {
	struct jbd2_log *log;
	struct jbd2_super *super;
	u32 first, end; /* the ring */
	u32 features, seed;
	u32 start, sequence; /* the oldest transaction */
	u32 past;            /* sequence number behind the newest one */
	u64 nr_revokes;      /* at most so many records */
	u32 revoked_slots;   /* a power of two; 0: none */
	struct revoked **revoked;
	struct jbd2_recovered *done;
	const char *damage;
};

static bool sequence_at_least(u32 a, u32 b)
{
	return (i32)(a - b) >= 0;
}

static bool has_csum(const struct recovery *r)
{
	return r->features & JBD2_CSUM_FEATURES;
}

/* --- checksums --- */

/* CRC of a block in which the 4 bytes at `at` count as zeros. */
static u32 block_csum(const struct recovery *r, const void *block, u32 size, u32 at)
{
	const u32 zero = 0;
	u32 crc = crc32c(r->seed, block, at);

	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, (const char *)block + at + 4, size - at - 4);
}

static bool csum_ok(const struct recovery *r, const void *block, u32 at)
{
	const be32_t *stored = (const be32_t *)((const char *)block + at);

	return !has_csum(r) || block_csum(r, block, JBD2_BLOCK_SIZE, at) == from_be32(*stored);
}

/* Of a descriptor, revoke or commit block. */
static bool block_ok(const struct recovery *r, const struct jbd2_header *h)
{
	return csum_ok(r, h,
		from_be32(h->h_blocktype) == JBD2_COMMIT ? offsetof(struct jbd2_commit, h_chksum)
							 : JBD2_BLOCK_SIZE - 4);
}

/* Was the transaction committed? If its own commit block does not say so any more, the next one's may: they come in order. */
static bool was_committed(const struct recovery *r, u32 sequence)
{
	for (u32 at = r->first; at < r->end; at++) {
		const struct jbd2_header *h = jbd2_block(r->log, at);

		if (from_be32(h->h_magic) == JBD2_MAGIC && from_be32(h->h_blocktype) == JBD2_COMMIT &&
			from_be32(h->h_sequence) - sequence <= 1 && block_ok(r, h))
			return true;
	}
	return false;
}

static bool copy_csum_ok(const struct recovery *r, u32 sequence, u32 stored, const void *copy)
{
	const be32_t seq = to_be32(sequence);
	u32 crc = crc32c(crc32c(r->seed, &seq, sizeof(seq)), copy, JBD2_BLOCK_SIZE);

	if (!has_csum(r))
		return true;
	return r->features & JBD2_INCOMPAT_CSUM_V3 ? crc == stored : (u16)crc == (u16)stored;
}

/* --- revoke records --- */

static struct revoked *slot_of(const struct recovery *r, u64 block)
{
	u32 k = (u32)(block * 0x9e3779b97f4a7c15ull >> 32);

	for (;; k++) {
		struct revoked *s;

		k &= r->revoked_slots - 1;
		s = &r->revoked[k / REVOKED_PER_PAGE][k % REVOKED_PER_PAGE];
		if (!s->block || s->block == block + 1)
			return s;
	}
}

/* Room for nr_revokes records at half load. */
static int revoked_init(struct recovery *r)
{
	u64 slots = REVOKED_PER_PAGE;

	if (!r->nr_revokes)
		return 0;
	while (slots < 2 * r->nr_revokes)
		slots *= 2;
	r->revoked = kcalloc(slots / REVOKED_PER_PAGE, sizeof(*r->revoked));
	if (!r->revoked)
		return -ENOMEM;
	r->revoked_slots = (u32)slots;
	for (u64 k = 0; k < slots / REVOKED_PER_PAGE; k++) {
		r->revoked[k] = kcalloc(REVOKED_PER_PAGE, sizeof(struct revoked));
		if (!r->revoked[k])
			return -ENOMEM;
	}
	return 0;
}

static void revoked_free(struct recovery *r)
{
	for (u32 k = 0; r->revoked && k < r->revoked_slots / REVOKED_PER_PAGE; k++)
		kfree(r->revoked[k]);
	kfree(r->revoked);
}

static bool is_revoked(const struct recovery *r, u64 block, u32 sequence)
{
	const struct revoked *s;

	if (!r->revoked_slots)
		return false;
	s = slot_of(r, block);
	return s->block && sequence_at_least(s->sequence, sequence);
}

/* Bytes of records in a revoke block; -EUCLEAN. */
static int revoke_bytes(const struct recovery *r, const struct jbd2_revoke *b)
{
	u32 limit = JBD2_BLOCK_SIZE - (has_csum(r) ? 4 : 0), count = from_be32(b->r_count);

	return count < sizeof(*b) || count > limit ? -EUCLEAN : (int)(count - sizeof(*b));
}

static void revoke_block(struct recovery *r, enum pass pass, const struct jbd2_revoke *b, u32 sequence)
{
	u32 size = r->features & JBD2_INCOMPAT_64BIT ? 8 : 4;
	int bytes = revoke_bytes(r, b);

	if (bytes < 0) {
		r->damage = "a revoke block has a wrong length";
		return;
	}
	if (pass == PASS_SCAN)
		r->nr_revokes += (u32)bytes / size;
	for (u32 k = 0; pass == PASS_REVOKE && k < (u32)bytes / size; k++) {
		const char *p = (const char *)(b + 1) + k * size;
		u64 block = size == 8 ? from_be64(*(const be64_t *)p) : from_be32(*(const be32_t *)p);
		struct revoked *s = slot_of(r, block);

		if (!s->block || sequence_at_least(sequence, s->sequence))
			*s = (struct revoked){block + 1, sequence};
	}
}

/* --- copies --- */

struct tag {
	u64 block;
	u32 flags, csum;
};

static u32 tag_size(const struct recovery *r)
{
	u32 size = sizeof(struct jbd2_tag);

	if (r->features & JBD2_INCOMPAT_CSUM_V3)
		return sizeof(struct jbd2_tag3);
	if (r->features & JBD2_INCOMPAT_CSUM_V2)
		size += 2;
	return r->features & JBD2_INCOMPAT_64BIT ? size : size - 4;
}

static struct tag read_tag(const struct recovery *r, const char *p)
{
	const struct jbd2_tag3 *t3 = (const void *)p;
	be32_t words[3] = {{0}};
	struct tag t;

	if (r->features & JBD2_INCOMPAT_CSUM_V3) {
		t = (struct tag){from_be32(t3->t_blocknr), from_be32(t3->t_flags), from_be32(t3->t_checksum)};
		if (r->features & JBD2_INCOMPAT_64BIT)
			t.block |= (u64)from_be32(t3->t_blocknr_high) << 32;
		return t;
	}
	memcpy(words, p,
		tag_size(r) < sizeof(words) ? tag_size(r) : sizeof(words)); /* not aligned with CSUM_V2 */
	t = (struct tag){from_be32(words[0]), from_be32(words[1]) & 0xffff, from_be32(words[1]) >> 16};
	if (r->features & JBD2_INCOMPAT_64BIT)
		t.block |= (u64)from_be32(words[2]) << 32;
	return t;
}

/* May a tag name this block? Not outside the file system, and not the log itself. */
static bool target_ok(const struct recovery *r, u64 block)
{
	for (u32 k = 0; k < r->log->nr_runs; k++)
		if (block - r->log->runs[k].block < r->log->runs[k].len)
			return false;
	return block < r->log->fs_blocks;
}

static void replay(struct recovery *r, const struct tag *t, u32 sequence, const void *copy)
{
	char *to = (char *)r->log->region->virt + t->block * JBD2_BLOCK_SIZE;

	if (is_revoked(r, t->block, sequence)) {
		r->done->revoked++;
		return;
	}
	pmem_copy(to, copy, JBD2_BLOCK_SIZE);
	if (t->flags & JBD2_TAG_ESCAPED) {
		be32_t first[2];

		memcpy(first, copy, sizeof(first));
		first[0] = to_be32(JBD2_MAGIC);
		pmem_copy(to, first, sizeof(first));
	}
	r->done->blocks++;
}

static u32 next_block(const struct recovery *r, u32 at)
{
	return at + 1 == r->end ? r->first : at + 1;
}

/* The tags of a descriptor block and their copies, which begin at *at; *room counts down the blocks of the ring. */
static void descriptor(
	struct recovery *r, enum pass pass, const char *block, u32 sequence, u32 *at, u32 *room)
{
	u32 off = sizeof(struct jbd2_header), limit = JBD2_BLOCK_SIZE - (has_csum(r) ? 4 : 0);
	struct tag t = {0};

	while (off + tag_size(r) <= limit && !(t.flags & JBD2_TAG_LAST)) {
		t = read_tag(r, block + off);
		off += tag_size(r) + (t.flags & JBD2_TAG_SAME_UUID ? 0 : 16);
		if (!*room) {
			r->damage = "a transaction is longer than the log";
			return;
		}
		if (pass == PASS_SCAN && !target_ok(r, t.block))
			r->damage = "it names a block outside the file system";
		else if (pass == PASS_SCAN && !copy_csum_ok(r, sequence, t.csum, jbd2_block(r->log, *at)))
			r->damage = "a block in it has a wrong checksum";
		else if (pass == PASS_REPLAY)
			replay(r, &t, sequence, jbd2_block(r->log, *at));
		*at = next_block(r, *at);
		--*room;
	}
}

/* --- passes --- */

/* The scan goes on until the log ends; the other passes until where the scan found the last commit. What is damaged in a transaction
 * counts once its commit block is seen: before, it may be half written. */
static int walk(struct recovery *r, enum pass pass)
{
	u32 at = r->start, sequence = r->sequence, room = r->end - r->first;

	r->damage = NULL;
	while (room && (pass == PASS_SCAN || sequence != r->past)) {
		const struct jbd2_header *h = jbd2_block(r->log, at);

		if (from_be32(h->h_magic) != JBD2_MAGIC || from_be32(h->h_sequence) != sequence)
			break;
		if (!block_ok(r, h)) {
			if (!was_committed(r, sequence))
				break;
			r->damage = "a transaction that was committed has a wrong checksum";
			return -EUCLEAN;
		}
		at = next_block(r, at);
		room--;
		switch (from_be32(h->h_blocktype)) {
		case JBD2_DESCRIPTOR:
			descriptor(r, pass, (const char *)h, sequence, &at, &room);
			break;
		case JBD2_REVOKE:
			revoke_block(r, pass, (const struct jbd2_revoke *)h, sequence);
			break;
		case JBD2_COMMIT:
			if (r->damage)
				return -EUCLEAN;
			sequence++;
			break;
		default:
			goto ended;
		}
	}
ended:
	if (pass == PASS_SCAN)
		r->past = sequence;
	return 0;
}

/* Makes the log end where it begins, whatever the superblock says, and then empty. Between any two of these stores it is empty already. */
static void empty_log(struct recovery *r)
{
	static const u64 nothing;

	pmem_fence(); /* the copies stand in their places */
	jbd2_store_durably(jbd2_block(r->log, r->start), &nothing);
	/* Behind every number in the log, the one of a transaction that was not committed too. A recovery that was cut off here has left an
	 * empty log to this one, which so knows the oldest number only; but each transaction has taken a block at least. */
	jbd2_seal(r->super, r->features, r->past + (r->end - r->first));
}

/* --- the journal superblock --- */

static int check_features(struct recovery *r, const char **what)
{
	u32 bad;

	r->features = from_be32(r->super->s_header.h_blocktype) == JBD2_SUPER_V2
		? from_be32(r->super->s_feature_incompat)
		: 0;
	bad = r->features & ~INCOMPAT_KNOWN;
	if (bad & JBD2_INCOMPAT_ASYNC_COMMIT)
		*what = "its journal has feature async_commit, which is not supported";
	else if (bad)
		*what = "its journal has a feature that is not known";
	else if (r->features & JBD2_INCOMPAT_FAST_COMMIT)
		*what = "its journal may hold fast commits, which are not supported";
	else
		return 0;
	return -EOPNOTSUPP;
}

/* Reads the superblock. -ENODATA: the log is empty. */
static int open_super(struct recovery *r, const char **what)
{
	const struct jbd2_super *s = r->super;
	u32 type = from_be32(s->s_header.h_blocktype);
	int err;

	*what = "its journal's superblock is damaged";
	if (from_be32(s->s_header.h_magic) != JBD2_MAGIC ||
		(type != JBD2_SUPER_V1 && type != JBD2_SUPER_V2) ||
		from_be32(s->s_blocksize) != JBD2_BLOCK_SIZE)
		return -EUCLEAN;
	r->done->had_error = s->s_errno.raw;
	if (!s->s_start.raw)
		return -ENODATA;
	err = check_features(r, what);
	if (err)
		return err;
	r->seed = crc32c(~0u, s->s_uuid, sizeof(s->s_uuid));
	if (has_csum(r) &&
		(s->s_checksum_type != JBD2_CRC32C || jbd2_super_csum(s) != from_be32(s->s_checksum)))
		return -EUCLEAN;
	r->first = from_be32(s->s_first);
	r->end = from_be32(s->s_maxlen);
	r->start = from_be32(s->s_start);
	r->sequence = from_be32(s->s_sequence);
	return r->end > r->log->nr_blocks || !r->first || r->start < r->first || r->start >= r->end ? -EUCLEAN
												    : 0;
}

int jbd2_recover(struct jbd2_log *log, struct jbd2_recovered *done, const char **what)
{
	struct recovery r = {.log = log, .super = jbd2_block(log, 0), .done = done};
	int err;

	*done = (struct jbd2_recovered){0};
	err = open_super(&r, what);
	if (err)
		return err == -ENODATA ? 0 : err;
	done->was_open = true;
	err = walk(&r, PASS_SCAN);
	if (err)
		*what = r.damage;
	if (!err)
		err = revoked_init(&r);
	if (!err)
		err = walk(&r, PASS_REVOKE);
	if (!err)
		err = walk(&r, PASS_REPLAY);
	if (!err) {
		done->transactions = r.past - r.sequence;
		empty_log(&r);
	}
	revoked_free(&r);
	return err;
}
