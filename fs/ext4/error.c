/* SPDX-License-Identifier: MIT */
/*
 * Damage that is found while mounted: what is done then, and the record of it in the superblock.
 *
 * Rules
 * - Whoever finds damage gets -EUCLEAN. Then the file system does what its mount says, by the option errors= or else by the superblock's
 *   s_errors: it goes on (continue); or becomes read-only, and what had not committed never will (remount-ro); or that, and a panic.
 * - The superblock counts what was found, and keeps time, inode, block, function and line of the first and the last. Damage is found under
 *   any lock, so it is only noted there; commit (every five seconds), sync and unmount write it. Where the file system goes on the record is
 *   part of the next transaction, where it has stopped it is a transaction of its own. A panic comes after that, if nobody has to be waited for.
 * - When the file system stops the log's superblock says so at once (s_errno). Nothing is written by a mount that is read-only from the start.
 *
 * Locks: errors.lock; a record is written with the journal's lock held.
 */
#include "fs/ext4/ext4_priv.h"
#include "lib/fmt.h"
#include "mm/kmem.h"

static const struct lock_class errors_class = {"ext4 errors", RANK_SPIN_FIRST, false};

/* An image with much damage would fill the console: the first reports tell enough, e2fsck tells the rest. */
#define REPORTS_MAX 16

void ext4_errors_init(struct ext4_fs *fs)
{
	spin_init(&fs->errors.lock, &errors_class);
	fs->on_error = EXT4_ON_ERROR_RO;
}

static void note(struct ext4_errors *e, const struct ext4_error *found)
{
	spin_lock(&e->lock);
	if (!e->count++)
		e->first = *found;
	e->last = *found;
	spin_unlock(&e->lock);
}

static void put_func(u8 to[32], const char *func)
{
	memset(to, 0, 32);
	memcpy(to, func, MIN(strlen(func), (size_t)32));
}

#define TIME_HI_FIRST 4 /* places in s_time_hi */
#define TIME_HI_LAST 5
#define CODE_FIRST 6
#define CODE_LAST 7
#define CODE_DAMAGED 5 /* EFSCORRUPTED in ext4's own numbers */

void ext4_errors_fold(struct ext4_fs *fs, struct ext4_super *sb)
{
	struct ext4_errors e;

	spin_lock(&fs->errors.lock);
	e = fs->errors;
	fs->errors.count = 0;
	spin_unlock(&fs->errors.lock);
	if (!e.count)
		return;
	sb->s_state |= EXT4_STATE_ERROR;
	sb->s_error_count += e.count;
	if (!sb->s_first_error_time && !sb->s_time_hi[TIME_HI_FIRST]) {
		sb->s_first_error_time = (u32)e.first.time;
		sb->s_time_hi[TIME_HI_FIRST] = (u8)(e.first.time >> 32);
		sb->s_first_error_ino = (u32)e.first.ino;
		sb->s_first_error_block = e.first.block;
		sb->s_first_error_line = e.first.line;
		sb->s_time_hi[CODE_FIRST] = CODE_DAMAGED;
		put_func(sb->s_first_error_func, e.first.func);
	}
	sb->s_last_error_time = (u32)e.last.time;
	sb->s_time_hi[TIME_HI_LAST] = (u8)(e.last.time >> 32);
	sb->s_last_error_ino = (u32)e.last.ino;
	sb->s_last_error_block = e.last.block;
	sb->s_last_error_line = e.last.line;
	sb->s_time_hi[CODE_LAST] = CODE_DAMAGED;
	put_func(sb->s_last_error_func, e.last.func);
}

static bool anything_new(struct ext4_fs *fs)
{
	bool any;

	spin_lock(&fs->errors.lock);
	any = fs->errors.count;
	spin_unlock(&fs->errors.lock);
	return any;
}

/* The fields of the error record and the state, from one copy of the superblock into another. */
static void copy_record(struct ext4_super *to, const struct ext4_super *from)
{
	const size_t first = offsetof(struct ext4_super, s_error_count),
		     end = offsetof(struct ext4_super, s_mount_opts);

	memcpy((char *)to + first, (const char *)from + first, end - first);
	memcpy(to->s_time_hi + TIME_HI_FIRST, from->s_time_hi + TIME_HI_FIRST, 4);
	to->s_state = from->s_state;
}

/* Into the superblock as the last commit has left it: nothing else of the transaction that was stopped may go with it. */
static int record_alone(struct ext4_fs *fs, bool wait)
{
	char *block = kmalloc(EXT4_BLOCK_SIZE);
	struct journal_handle *h;
	struct ext4_super *sb;

	if (!block)
		return -ENOMEM;
	h = journal_enter(fs->journal, wait);
	if (!h) {
		kfree(block);
		return -EBUSY;
	}
	memcpy(block, journal_read_committed(fs->journal, 0), EXT4_BLOCK_SIZE);
	sb = (struct ext4_super *)(block + EXT4_SUPER_OFFSET);
	ext4_errors_fold(fs, &fs->sb);
	copy_record(sb, &fs->sb);
	if (fs->metadata_csum)
		sb->s_checksum = ext4_super_csum(sb);
	journal_write_alone(h, 0, block);
	kfree(block);
	return journal_stop(h);
}

int ext4_errors_record(struct ext4_fs *fs)
{
	if (!anything_new(fs) || !ext4_marked_mounted(fs))
		return 0;
	return atomic_load(&fs->super.readonly) ? record_alone(fs, true) : ext4_write_super(fs);
}

/* From here on nothing is written but the record. */
static void stop(struct ext4_fs *fs)
{
	bool wrote = ext4_marked_mounted(fs);

	if (!atomic_load(&fs->super.readonly)) {
		journal_abort(fs->journal,
			wrote); /* first: who sees that it is read-only knows that nothing commits */
		if (!atomic_exchange(&fs->super.readonly, true))
			pr_err("ext4", "read-only from here on; run e2fsck -fy on the image");
	}
	if (fs->on_error != EXT4_ON_ERROR_PANIC)
		return;
	if (wrote)
		record_alone(fs, false);
	panic("ext4: damage was found, and errors=panic asks for this");
}

int ext4_damage_at(struct ext4_fs *fs, u64 ino, u64 block, const char *func, u32 line, const char *fmt, ...)
{
	u32 nr = atomic_fetch_add(&fs->reports, 1);
	char text[120];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (nr < REPORTS_MAX && ino)
		pr_err("ext4", "damaged: inode %llu: %s", (unsigned long long)ino, text);
	else if (nr < REPORTS_MAX)
		pr_err("ext4", "damaged: %s", text);
	else if (nr == REPORTS_MAX)
		pr_err("ext4", "more damage is not reported");
	note(&fs->errors, &(struct ext4_error){vfs_now().sec, ino, block, func, line});
	atomic_store(&fs->damaged, true);
	if (fs->on_error != EXT4_ON_ERROR_CONTINUE)
		stop(fs);
	return -EUCLEAN;
}

/* A function's name from an image, as far as it is one. */
static void get_func(char to[33], const u8 from[32])
{
	unsigned n = 0;

	for (; n < 32 && from[n]; n++)
		to[n] = from[n] > ' ' && from[n] < 0x7f ? (char)from[n] : '?';
	to[n] = '\0';
}

void ext4_errors_tell(const struct ext4_super *sb)
{
	char first[33], last[33];

	if (!sb->s_error_count) {
		if (sb->s_state & EXT4_STATE_ERROR)
			pr_warn("ext4",
				"errors before this mount, none of them described: run e2fsck -fy on the "
				"image");
		return;
	}
	get_func(first, sb->s_first_error_func);
	get_func(last, sb->s_last_error_func);
	pr_warn("ext4",
		"errors before this mount: %u, first at time %u in %s:%u (inode %u, block %llu), last at "
		"time %u "
		"in %s:%u: run e2fsck -fy on the image",
		sb->s_error_count, sb->s_first_error_time, first, sb->s_first_error_line,
		sb->s_first_error_ino, (unsigned long long)sb->s_first_error_block, sb->s_last_error_time,
		last, sb->s_last_error_line);
}
