/* SPDX-License-Identifier: MIT */
/*
 * The superblock on the medium: when it is written, how it cannot be lost to a write that is cut off, and recovery, which comes before it is
 * believed.
 *
 * Rules, for a file system with a journal
 * - It says needs_recovery before the log is anything but empty, and until the log is empty for good. So nobody takes a log with
 *   something in it for an old one.
 * - While mounted only the head of the orphan chain and the record of errors change, by the journal. At mount and unmount the log is empty and the superblock is
 *   written in place. Its checksum lies in another cache line than what it vouches for, and no order of 8-byte stores is right throughout:
 *   so a block of the log that an empty log does not use first takes a spare, the superblock as it was and as it will be. A superblock whose
 *   checksum is wrong, but of which every word is one of these two's, is completed by the next mount. e2fsck, which knows nothing of
 *   spares, goes to a backup superblock.
 * - A log with something in it is replayed without trust in the superblock's checksum: the copy that is meant may lie in the log. What it is
 *   found by does not change.
 * - That the file system has stopped for damage is noted in the log's superblock, by one store of 8 bytes, where Linux and e2fsck look for it
 *   too; the record of it is written as error.c says.
 * Without a journal the superblock is written in place, and a machine that stops there leaves it to e2fsck.
 *
 * Locks: mount and unmount are alone; the superblock's copy changes inside handles.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/kmem.h"

#define SUPER_SIZE sizeof(struct ext4_super)
_Static_assert(SUPER_SIZE == 1024, "superblock");

static void fill_super(struct ext4_fs *fs)
{
	struct ext4_super *sb = &fs->sb;

	sb->s_free_blocks_count_lo = (u32)fs->free_blocks;
	if (ext4_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		sb->s_free_blocks_count_hi = (u32)(fs->free_blocks >> 32);
	sb->s_free_inodes_count = fs->free_inodes;
	sb->s_wtime = (u32)vfs_now().sec;
	ext4_errors_fold(fs, sb);
	if (fs->metadata_csum)
		sb->s_checksum = ext4_super_csum(sb);
}

static char *super_on_disk(struct pmem_region *r)
{
	return (char *)r->virt + EXT4_SUPER_OFFSET;
}

/* The copy goes to the medium, durably. With a journal: whose log is empty. */
static void put_super(struct ext4_fs *fs)
{
	char *at = super_on_disk(fs->region), *spare = fs->log ? jbd2_spare(fs->log) : NULL;

	fill_super(fs);
	if (spare) {
		pmem_copy(spare, at, SUPER_SIZE);
		pmem_copy(spare + SUPER_SIZE, &fs->sb, SUPER_SIZE);
		pmem_fence();
	}
	pmem_copy(at, &fs->sb, SUPER_SIZE);
	pmem_fence();
}

bool ext4_super_csum_ok(const struct ext4_super *sb)
{
	return !(sb->s_feature_ro_compat & EXT4_RO_METADATA_CSUM) || sb->s_checksum == ext4_super_csum(sb);
}

/* Completes a superblock that put_super() was writing. */
static void repair_super(struct pmem_region *r, struct jbd2_log *log)
{
	char *at = super_on_disk(r);
	const char *old = jbd2_spare(log), *new;
	struct ext4_super sb;

	memcpy(&sb, at, SUPER_SIZE);
	if (ext4_super_csum_ok(&sb) || !old)
		return;
	new = old + SUPER_SIZE;
	for (u32 off = 0; off < SUPER_SIZE; off += 8)
		if (memcmp(at + off, old + off, 8) && memcmp(at + off, new + off, 8))
			return;
	memcpy(&sb, new, SUPER_SIZE);
	if (!ext4_super_csum_ok(&sb))
		return;
	pmem_copy(at, &sb, SUPER_SIZE);
	pmem_fence();
	pr_info("ext4", "a superblock that was half written has been completed");
}

void ext4_set_last_orphan(struct journal_handle *h, struct ext4_fs *fs, u32 ino)
{
	const u32 at = offsetof(struct ext4_super, s_last_orphan),
		  csum_at = offsetof(struct ext4_super, s_checksum);
	struct ext4_super *sb = &fs->sb;

	if (!fs->metadata_csum) {
		sb->s_last_orphan = ino;
		journal_update(h, 0, EXT4_SUPER_OFFSET + at, &ino, sizeof(ino));
		return;
	}
	sb->s_checksum =
		ext4_crc_replace(fs, sb->s_checksum, csum_at, at, &sb->s_last_orphan, &ino, sizeof(ino));
	sb->s_last_orphan = ino;
	journal_update_summed(
		h, 0, EXT4_SUPER_OFFSET + at, &ino, sizeof(ino), EXT4_SUPER_OFFSET + csum_at, sb->s_checksum);
}

int ext4_write_super(struct ext4_fs *fs)
{
	struct journal_handle *h;
	int err = ext4_begin(fs, 1, &h);

	if (err)
		return err;
	fill_super(fs);
	journal_update(h, 0, EXT4_SUPER_OFFSET, &fs->sb, SUPER_SIZE);
	return journal_stop(h);
}

int ext4_mark_mounted(struct ext4_fs *fs)
{
	bool log = journal_has_log(fs->journal);

	if (log)
		fs->sb.s_feature_incompat |= EXT4_INCOMPAT_RECOVER;
	else
		fs->sb.s_state &= (u16)~EXT4_STATE_VALID;
	fs->sb.s_mnt_count++;
	fs->sb.s_mtime = (u32)vfs_now().sec;
	memset(fs->sb.s_last_mounted, 0, sizeof(fs->sb.s_last_mounted));
	fs->sb.s_last_mounted[0] = '/';
	if (fs->orphan_file)
		fs->sb.s_feature_ro_compat |= EXT4_RO_ORPHAN_PRESENT;
	if (!log)
		return ext4_write_super(fs);
	put_super(fs);
	journal_begin(fs->journal);
	return 0;
}

bool ext4_marked_mounted(const struct ext4_fs *fs)
{
	return !(fs->sb.s_state & EXT4_STATE_VALID) || ext4_has_incompat(fs, EXT4_INCOMPAT_RECOVER);
}

int ext4_mark_clean(struct ext4_fs *fs)
{
	int err = journal_commit(fs->journal);

	if (err)
		return err;
	fs->sb.s_state |= EXT4_STATE_VALID;
	fs->sb.s_feature_incompat &= ~EXT4_INCOMPAT_RECOVER;
	if (!journal_has_log(fs->journal))
		return ext4_write_super(fs);
	journal_close(fs->journal);
	put_super(fs);
	return 0;
}

/* --- recovery --- */

/* A superblock by which the log may be looked for? What is wrong with another one the mount's checks say. */
static bool may_recover(const struct ext4_super *sb, const struct pmem_region *r)
{
	return sb->s_magic == EXT4_SUPER_MAGIC && sb->s_log_block_size == 2 &&
		((sb->s_feature_incompat & EXT4_INCOMPAT_RECOVER) ||
			(sb->s_feature_compat & EXT4_COMPAT_HAS_JOURNAL)) &&
		!(sb->s_feature_incompat & ~(EXT4_INCOMPAT_KNOWN | EXT4_INCOMPAT_RECOVER)) &&
		ext4_super_blocks(sb) <= r->len / EXT4_BLOCK_SIZE;
}

/*
 * Brings what the log holds into place, also for a mount that is read-only, as Linux does. A log that is not empty counts, whether or not the
 * superblock says needs_recovery: others set that mark after they have begun to use the log. The mark stays: a mount that writes wants it,
 * and to the others it does no harm.
 */
int ext4_recover(struct ext4_super *sb, struct pmem_region *r, const char **what)
{
	const u32 needs = sb->s_feature_incompat & EXT4_INCOMPAT_RECOVER;
	struct jbd2_recovered done;
	struct jbd2_log *log;
	int err;

	if (!may_recover(sb, r))
		return 0;
	*what = "its journal cannot be found";
	err = ext4_log_open(sb, r, ext4_super_blocks(sb), &log);
	if (!err) {
		err = jbd2_recover(log, &done, what);
		if (!err)
			repair_super(r, log);
		kfree(log);
	}
	if (err == -ENOMEM)
		return err;
	if (err)
		return needs ? err : 0; /* if the mount needs the journal it will complain about it */
	if (done.was_open)
		pr_info("ext4", "journal recovered: %u transactions, %u blocks written, %u revoked",
			done.transactions, done.blocks, done.revoked);
	memcpy(sb, super_on_disk(r), SUPER_SIZE);
	if (done.had_error && ext4_super_csum_ok(sb)) {
		sb->s_state |= EXT4_STATE_ERROR;
		sb->s_checksum = ext4_super_csum(sb);
	}
	return 0;
}

bool ext4_log_is_empty(const struct ext4_super *sb, struct pmem_region *r)
{
	struct jbd2_log *log;
	bool empty;

	if (sb->s_feature_incompat & EXT4_INCOMPAT_RECOVER)
		return false;
	if (!may_recover(sb, r) || ext4_log_open(sb, r, ext4_super_blocks(sb), &log))
		return true; /* there is none that could be used */
	empty = jbd2_is_empty(log);
	kfree(log);
	return empty;
}
