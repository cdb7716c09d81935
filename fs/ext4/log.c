/* SPDX-License-Identifier: MIT */
/*
 * Where the journal lies, and its recovery at mount.
 *
 * Rule: recovery comes before anything else of the file system is trusted, group descriptors and the superblock's own checksum included: the
 * newest copy of each may still be in the log. So the journal is found by the copy of its inode's block map that the superblock keeps
 * (s_jnl_blocks), which never changes after mke2fs, and every number in it is checked.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/kmem.h"

/* Adds the runs below one node of the extent tree. -EUCLEAN. */
static int add_runs(struct jbd2_log *log, const struct ext4_extent_header *eh, unsigned max, int depth)
{
	if (eh->eh_magic != EXT4_EXT_MAGIC || eh->eh_entries > max || eh->eh_depth != depth)
		return -EUCLEAN;
	for (int k = 0; k < eh->eh_entries; k++) {
		const struct ext4_extent_idx *x = (const struct ext4_extent_idx *)(eh + 1) + k;
		u64 block = x->ei_leaf_lo | (u64)x->ei_leaf_hi << 32;
		struct ext4_ext e = ext4_ext_decode(ext4_entry(eh, k));
		int err;

		if (depth) {
			if (block >= log->fs_blocks)
				return -EUCLEAN;
			err = add_runs(log,
				(const void *)((const char *)log->region->virt + (block << EXT4_BLOCK_BITS)),
				EXT4_EXT_BLOCK_MAX, depth - 1);
			if (err)
				return err;
			continue;
		}
		if (log->nr_runs == JBD2_MAX_RUNS || e.lblk != log->nr_blocks || !e.len || e.unwritten ||
			e.pblk >= log->fs_blocks || e.len > log->fs_blocks - e.pblk)
			return -EUCLEAN;
		log->runs[log->nr_runs++] = (struct jbd2_run){e.pblk, e.lblk, e.len};
		log->nr_blocks += e.len;
	}
	return 0;
}

int ext4_log_open(const struct ext4_super *sb, struct pmem_region *r, u64 fs_blocks, struct jbd2_log **out)
{
	const struct ext4_extent_header *root = (const void *)sb->s_jnl_blocks;
	struct jbd2_log *log;
	int err;

	if (sb->s_jnl_backup_type != EXT4_JNL_BACKUP_BLOCKS)
		return -EUCLEAN;
	log = kzalloc(sizeof(*log) + JBD2_MAX_RUNS * sizeof(log->runs[0]));
	if (!log)
		return -ENOMEM;
	log->region = r;
	log->fs_blocks = fs_blocks;
	err = root->eh_depth > EXT4_EXT_DEPTH_MAX ? -EUCLEAN
						  : add_runs(log, root, EXT4_EXT_ROOT_MAX, root->eh_depth);
	if (!err && log->nr_blocks < 2)
		err = -EUCLEAN;
	if (err) {
		kfree(log);
		return err;
	}
	*out = log;
	return 0;
}
