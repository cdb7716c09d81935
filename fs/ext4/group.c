/* SPDX-License-Identifier: MIT */
/*
 * Group descriptors, and the zones of the file system's own blocks; clients: balloc.c, ialloc.c, super.c.
 *
 * Rule: after ext4_groups_load() every block number in a descriptor is known to lie in the file system, and no two structures
 * overlap. Users take a copy (ext4_desc_get), whose high halves are zero where descriptors are 32 bytes, and write it back whole, with its
 * checksum.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/kmem.h"

static u64 desc_block(const struct ext4_fs *fs, u32 group)
{
	return 1 + (u64)group * fs->desc_size / EXT4_BLOCK_SIZE;
}

static u32 desc_offset(const struct ext4_fs *fs, u32 group)
{
	return group * fs->desc_size % EXT4_BLOCK_SIZE;
}

void ext4_desc_get(const struct ext4_fs *fs, u32 group, struct ext4_group_desc *d)
{
	const char *block = journal_read(fs->journal, desc_block(fs, group));
	const struct ext4_group_desc *on_disk = (const void *)(block + desc_offset(fs, group));

	if (likely(fs->desc_size == sizeof(*d))) {
		*d = *on_disk;
	} else {
		memset(d, 0, sizeof(*d));
		memcpy(d, on_disk, EXT4_DESC_SIZE_MIN);
	}
}

u16 ext4_committed_flags(const struct ext4_fs *fs, u32 group)
{
	const char *block = journal_read_committed(fs->journal, desc_block(fs, group));

	return ((const struct ext4_group_desc *)(block + desc_offset(fs, group)))->bg_flags;
}

void ext4_desc_write(struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d)
{
	ext4_desc_csum_set(fs, group, d);
	journal_update(h, desc_block(fs, group), desc_offset(fs, group), d, fs->desc_size);
}

u32 ext4_group_blocks(const struct ext4_fs *fs, u32 group)
{
	u64 left = fs->blocks_count - (u64)group * fs->blocks_per_group;

	return left < fs->blocks_per_group ? (u32)left : fs->blocks_per_group;
}

static bool power_of(u32 n, u32 base)
{
	u64 p = base;

	while (p < n)
		p *= base;
	return p == n;
}

static bool has_super_copy(const struct ext4_fs *fs, u32 group)
{
	if (group == 0)
		return true;
	if (ext4_has_compat(fs, EXT4_COMPAT_SPARSE_SUPER2))
		return group == fs->sb.s_backup_bgs[0] || group == fs->sb.s_backup_bgs[1];
	if (group == 1 || !ext4_has_ro(fs, EXT4_RO_SPARSE_SUPER))
		return true;
	return power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

/* Blocks of superblock copy, descriptors and room for more of them at the start of a group. */
static u64 group_overhead(const struct ext4_fs *fs, u32 group)
{
	u64 per_block = EXT4_BLOCK_SIZE / fs->desc_size;

	if (!has_super_copy(fs, group))
		return 0;
	return 1 + DIV_ROUND_UP(fs->nr_groups, per_block) + fs->sb.s_reserved_gdt_blocks;
}

static void zone_add(struct ext4_fs *fs, u64 first, u64 n)
{
	if (n)
		fs->zones[fs->nr_zones++] = (struct ext4_zone){first, first + n - 1};
}

/* Shell sort by first block: no memory, and fast enough for the thousands there may be. */
static void zones_sort(struct ext4_zone *z, u32 n)
{
	for (u32 gap = n / 2; gap; gap /= 2) {
		for (u32 i = gap; i < n; i++) {
			struct ext4_zone v = z[i];
			u32 k = i;

			for (; k >= gap && z[k - gap].first > v.first; k -= gap)
				z[k] = z[k - gap];
			z[k] = v;
		}
	}
}

/* Joins neighbours. false: two overlap. */
static bool zones_merge(struct ext4_fs *fs)
{
	u32 n = 0;

	zones_sort(fs->zones, fs->nr_zones);
	for (u32 i = 0; i < fs->nr_zones; i++) {
		struct ext4_zone z = fs->zones[i];

		if (n && z.first <= fs->zones[n - 1].last)
			return false;
		if (n && z.first == fs->zones[n - 1].last + 1)
			fs->zones[n - 1].last = z.last;
		else
			fs->zones[n++] = z;
	}
	fs->nr_zones = n;
	return true;
}

static const char *desc_load(struct ext4_fs *fs, u32 group)
{
	u64 itable_blocks = DIV_ROUND_UP((u64)fs->inodes_per_group * fs->inode_size, (u64)EXT4_BLOCK_SIZE);
	u64 overhead = group_overhead(fs, group), itable;
	struct ext4_group_desc d;
	u16 csum;

	ext4_desc_get(fs, group, &d);
	csum = d.bg_checksum;
	ext4_desc_csum_set(fs, group, &d);
	if (d.bg_checksum != csum)
		return "a group descriptor's checksum is wrong";
	itable = ext4_desc_inode_table(&d);
	if (ext4_desc_block_bitmap(&d) >= fs->blocks_count ||
		ext4_desc_inode_bitmap(&d) >= fs->blocks_count || itable >= fs->blocks_count ||
		itable_blocks > fs->blocks_count - itable)
		return "a group descriptor points outside the file system";
	if (ext4_desc_free_blocks(&d) > ext4_group_blocks(fs, group) ||
		ext4_desc_free_inodes(&d) > fs->inodes_per_group ||
		ext4_desc_itable_unused(&d) > fs->inodes_per_group)
		return "a group descriptor's counts are too large";
	if ((d.bg_flags & (EXT4_BG_BLOCK_UNINIT | EXT4_BG_INODE_UNINIT)) && !fs->metadata_csum &&
		!fs->gdt_csum)
		return "a group descriptor has flags that need checksums";
	if (overhead > ext4_group_blocks(fs, group))
		return "a group has no room for its descriptors";
	fs->free_blocks += ext4_desc_free_blocks(&d);
	fs->free_inodes += ext4_desc_free_inodes(&d);
	zone_add(fs, (u64)group * fs->blocks_per_group, overhead);
	zone_add(fs, ext4_desc_block_bitmap(&d), 1);
	zone_add(fs, ext4_desc_inode_bitmap(&d), 1);
	zone_add(fs, itable, itable_blocks);
	return NULL;
}

int ext4_groups_load(struct ext4_fs *fs, const char **what)
{
	fs->groups = kcalloc(fs->nr_groups, sizeof(*fs->groups));
	fs->zones = kcalloc((size_t)fs->nr_groups * 4, sizeof(*fs->zones));
	if (!fs->groups || !fs->zones) {
		*what = "not enough memory";
		return -ENOMEM;
	}
	for (u32 g = 0; g < fs->nr_groups; g++) {
		*what = desc_load(fs, g);
		if (*what)
			return -EUCLEAN;
	}
	if (!zones_merge(fs)) {
		*what = "group descriptors overlap";
		return -EUCLEAN;
	}
	return 0;
}

u32 ext4_zone_from(const struct ext4_fs *fs, u64 block)
{
	u32 lo = 0, hi = fs->nr_zones;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (fs->zones[mid].last < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool ext4_data_blocks_ok(const struct ext4_fs *fs, u64 start, u64 n)
{
	u32 z;

	if (!n || start >= fs->blocks_count || n > fs->blocks_count - start)
		return false;
	z = ext4_zone_from(fs, start);
	return z == fs->nr_zones || fs->zones[z].first > start + n - 1;
}
