/* SPDX-License-Identifier: MIT */
/*
 * The journal on disk, in jbd2's format (kernel documentation, "ext4: Journal (jbd2)"), and its recovery. All fields are big-endian.
 *
 * The log is a ring of blocks [first, end) of the journal file; block 0 is its superblock. A transaction is descriptor blocks, each followed by
 * copies of the blocks that its tags name, and revoke blocks, then one commit block; all carry the transaction's sequence number.
 */
#ifndef FS_JBD2_H
#define FS_JBD2_H

#include "drivers/pmem.h"
#include "lib/endian.h"

#define JBD2_MAGIC 0xc03b3998u
#define JBD2_BLOCK_SIZE 4096u

enum jbd2_block_type {
	JBD2_DESCRIPTOR = 1,
	JBD2_COMMIT = 2,
	JBD2_SUPER_V1 = 3,
	JBD2_SUPER_V2 = 4,
	JBD2_REVOKE = 5,
};

#define JBD2_INCOMPAT_REVOKE 0x1u
#define JBD2_INCOMPAT_64BIT 0x2u
#define JBD2_INCOMPAT_ASYNC_COMMIT 0x4u
#define JBD2_INCOMPAT_CSUM_V2 0x8u
#define JBD2_INCOMPAT_CSUM_V3 0x10u
#define JBD2_INCOMPAT_FAST_COMMIT 0x20u
#define JBD2_CSUM_FEATURES (JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3)
#define JBD2_CRC32C 4 /* s_checksum_type */

struct jbd2_header {
	be32_t h_magic, h_blocktype, h_sequence;
};

struct jbd2_super {
	struct jbd2_header s_header;
	be32_t s_blocksize, s_maxlen, s_first;
	be32_t s_sequence,
		s_start; /* the first transaction to be recovered, and its block; 0: the log is empty */
	be32_t s_errno;
	be32_t s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	u8 s_uuid[16];
	be32_t s_nr_users, s_dynsuper, s_max_transaction, s_max_trans_data;
	u8 s_checksum_type, s_padding2[3];
	be32_t s_num_fc_blks, s_head;
	u32 s_padding[40];
	be32_t s_checksum;
	u8 s_users[16 * 48];
};
_Static_assert(sizeof(struct jbd2_super) == 1024, "journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_sequence) == 0x18, "journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_feature_incompat) == 0x28, "journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_checksum_type) == 0x50, "journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_checksum) == 0xfc, "journal superblock");
/* Both change by one store of 8 bytes, which cannot tear. */
_Static_assert(offsetof(struct jbd2_super, s_sequence) % 8 == 0, "journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_start) == offsetof(struct jbd2_super, s_sequence) + 4,
	"journal superblock");
_Static_assert(offsetof(struct jbd2_super, s_feature_incompat) % 8 == 0, "journal superblock");

#define JBD2_TAG_ESCAPED 1u   /* the copy begins with zeros in place of the magic number */
#define JBD2_TAG_SAME_UUID 2u /* no UUID follows the tag */
#define JBD2_TAG_LAST 8u
/* With CSUM_V3. */
struct jbd2_tag3 {
	be32_t t_blocknr, t_flags, t_blocknr_high, t_checksum;
};
/* Without it; t_blocknr_high only with 64BIT, and two unused bytes behind it with CSUM_V2. */
struct jbd2_tag {
	be32_t t_blocknr;
	be16_t t_checksum, t_flags;
	be32_t t_blocknr_high;
};
_Static_assert(sizeof(struct jbd2_tag3) == 16, "journal tag");
_Static_assert(sizeof(struct jbd2_tag) == 12, "journal tag");

struct jbd2_revoke {
	struct jbd2_header r_header;
	be32_t r_count; /* bytes in use, this header included; block numbers follow (8 bytes each with 64BIT, else 4) */
};

struct jbd2_commit {
	struct jbd2_header h_header;
	u8 h_chksum_type, h_chksum_size, h_padding[2];
	be32_t h_chksum[8];
	be64_t h_commit_sec;
	be32_t h_commit_nsec;
};
_Static_assert(sizeof(struct jbd2_revoke) == 16, "journal revoke block");
_Static_assert(offsetof(struct jbd2_commit, h_chksum) == 0x10, "journal commit block");
_Static_assert(offsetof(struct jbd2_commit, h_commit_sec) == 0x30, "journal commit block");

/* Where a journal lies. */
struct jbd2_run {
	u64 block; /* of the region */
	u32 first, len;
};
#define JBD2_MAX_RUNS 512
struct jbd2_log {
	struct pmem_region *region;
	u64 fs_blocks; /* blocks of the file system: what a tag may name */
	u32 nr_blocks;
	u32 nr_runs;
	struct jbd2_run runs[]; /* by `first`, without holes */
};
/* The n-th block, n < nr_blocks. */
void *jbd2_block(const struct jbd2_log *log, u32 n);

/* What a recovery did. */
struct jbd2_recovered {
	u32 transactions, blocks, revoked;
	bool was_open;  /* the log was in use: a transaction may have been under way */
	bool had_error; /* whoever wrote the log had noted an error of the file system */
};

/* Cursor of a log that is written. */
struct jbd2_writer {
	struct jbd2_log *log;
	u32 first, end; /* the ring */
	u32 features;   /* as the superblock has them while nobody writes */
	u32 sequence;   /* of the next transaction; none before it is needed any more */
	u32 blocks_max; /* copies that one transaction may have */
};
/* Block `block` of the file system as `data`. */
struct jbd2_copy {
	u64 block;
	const void *data;
};
/* Does its superblock say that there is nothing to recover? */
bool jbd2_is_empty(const struct jbd2_log *log);
/* An empty log to write to. -EUCLEAN: it is not empty, or not usable; -EOPNOTSUPP: it may hold fast commits. Writes nothing. */
int jbd2_open(struct jbd2_writer *w, struct jbd2_log *log);
/* The log begins with transaction w->sequence, until jbd2_close(). */
void jbd2_begin(struct jbd2_writer *w);
/* Logs one transaction of n copies, n <= w->blocks_max. After the caller's next fence a recovery would write them. */
void jbd2_log_copies(struct jbd2_writer *w, const struct jbd2_copy *copies, u32 n);
/* What was logged stands in its places, durably: forgets it. */
void jbd2_forget(struct jbd2_writer *w);
/* Leaves the log empty, for anybody. */
void jbd2_close(struct jbd2_writer *w);
/* Notes in the log's superblock that the file system is damaged: one store, beside whatever else is written. */
void jbd2_note_error(const struct jbd2_log *log);
/* A block that is not in use while the log is empty. NULL: the log's superblock is damaged. */
char *jbd2_spare(const struct jbd2_log *log);

/* For fs/jbd2*.c. The checksum of a superblock. */
u32 jbd2_super_csum(const struct jbd2_super *s);
/* The superblock of an empty log as others want it, the checksum included. `features`: to be set. */
void jbd2_seal(struct jbd2_super *s, u32 features, u32 sequence);
/* One 8-byte store, flushed and fenced; both aligned to 4, and `to` within one 8-byte word. */
void jbd2_store_durably(void *to, const void *from);

/*
 * Brings the transactions that were committed into place and empties the log. A log that cannot be trusted is refused before anything
 * is changed. Can be cut off at any point and run again.
 * 0, -EUCLEAN or -EOPNOTSUPP with *what, -ENOMEM. Mount; nobody else uses the region.
 */
int jbd2_recover(struct jbd2_log *log, struct jbd2_recovered *done, const char **what);

#endif
