/* SPDX-License-Identifier: MIT */
/*
 * What follows when ext4 finds damage: errors= of the superblock and of the mount; the record in the superblock, which has to be there whenever
 * the machine stops, and which e2fsck clears. And the other options of a mount, with what statfs and /proc/mounts say of it.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"
#include "tests/host/mm_death.h"

static struct ext4_super *super_on_disk(void)
{
	return (struct ext4_super *)((char *)image.region->virt + EXT4_SUPER_OFFSET);
}

static int mount_with(struct ext4_options o)
{
	int err;

	image.memory = kmem_bytes_in_use();
	image.why[0] = '\0';
	err = ext4_mount(image.region, o, &image.super, image.why);
	return err ? err : vfs_mount(image.super, "/");
}

/* A directory /bad whose block is garbage, a file /good. */
static void make_damaged(const char *options)
{
	run("rm -rf %s/src; mkdir -p %s/src/bad; cd %s/src; echo text >good; touch bad/a bad/b", image.dir,
		image.dir, image.dir);
	ok(!run("rm -f %s; mke2fs -q -F -t ext4 -b 4096 %s -d %s/src %s 4096 && debugfs -w -R 'zap_block -f "
		"/bad -p 0x55 0' %s",
		   image.path, options, image.dir, image.path, image.path),
		"%s: an image with a damaged directory", options);
	image_up(0);
	vfs_set_wall_clock(1700000000ll * 1000000000);
}

/* dumpe2fs of the file's image says this. */
static bool told(const char *line)
{
	run("dumpe2fs -h %s", image.path);
	return log_has(line);
}

static int look_into_bad(void)
{
	struct inode *i;
	int err = vfs_lookup(NULL, "/bad/a", true, &i);

	if (!err)
		iput(i);
	return err;
}

static void test_repair(const char *label)
{
	ok(run("e2fsck -fy %s", image.path) <= 1, "%s: e2fsck repairs it", label);
	run("dumpe2fs -h %s", image.path);
	ok(!log_has("FS Error count") && log_has("Filesystem state:         clean\n"),
		"%s: and clears the record", label);
	ok(image_fsck(), "%s: nothing is left", label);
}

static void test_continue(const char *options)
{
	make_damaged(options);
	is(image_mount(false), 0, "%s: mounted", options);
	is(look_into_bad(), -EUCLEAN, "%s: damage is noticed", options);
	ok(!atomic_load(&image.super->readonly), "%s: it goes on", options);
	is(fs_create("/after"), 0, "%s: a file can be made", options);
	is(look_into_bad(), -EUCLEAN, "%s: damage is noticed again", options);
	is(vfs_unlink(NULL, "/good"), 0, "%s: one deleted", options);
	vfs_commit_all(); /* what is done every five seconds */
	image_save();
	ok(told("FS Error count:           2\n"), "%s: the next commit has the count", options);
	ok(told(strstr(options, "^metadata_csum") ? "First error function:     ext4_entry_damage\n"
						  : "First error function:     ext4_dir_block\n"),
		"%s: and the place", options);
	ok(told("First error inode #:      12\n"), "%s: the inode", options);
	ok(strstr(options, "^metadata_csum") || told("First error block #:      "), "%s: the block", options);
	ok(told("First error err:          EFSCORRUPTED\n"), "%s: what it is", options);
	is(look_into_bad(), -EUCLEAN, "%s: and again", options);
	is(image_unmount(), -EUCLEAN, "%s: the unmount tells", options);
	image_save();
	ok(told("FS Error count:           3\n"), "%s: the third is counted at the unmount", options);
	ok(told("Filesystem state:         clean with errors\n"), "%s: so is the state", options);

	image_up(0);
	is(image_mount(false), 0, "%s: it mounts again", options);
	ok(!atomic_load(&image.super->readonly), "%s: for writing", options);
	ok(fs_exists("/after") && !fs_exists("/good"), "%s: what was done after the damage is there",
		options);
	is(image_unmount(), 0, "%s: without new damage the unmount is good", options);
	image_save();
	ok(told("FS Error count:           3\n"), "%s: the count stays", options);
	test_repair(options);
}

static void test_stop(const char *options)
{
	make_damaged(options);
	is(image_mount(false), 0, "%s: mounted", options);
	is(fs_create("/before"), 0, "%s: a file, not committed", options);
	is(look_into_bad(), -EUCLEAN, "%s: damage is noticed", options);
	ok(atomic_load(&image.super->readonly), "%s: it stops", options);
	is(fs_create("/after"), -EROFS, "%s: no file can be made", options);
	vfs_commit_all();
	image_save();
	ok(told("FS Error count:           1\n"), "%s: the record is there at once", options);
	ok(told("with errors\n"), "%s: so is the state", options);
	is(look_into_bad(), -EUCLEAN, "%s: read it can be", options);
	is(image_unmount(), -EUCLEAN, "%s: the unmount tells", options);
	image_save();
	ok(told("FS Error count:           2\n"), "%s: it goes on counting", options);
	image_up(0);
	if (strstr(options, "^has_journal")) {
		is(image_mount(false), -EUCLEAN, "%s: not clean, so refused", options);
	} else {
		is(image_mount(false), 0, "%s: it mounts again", options);
		ok(atomic_load(&image.super->readonly), "%s: for reading", options);
		ok(!fs_exists("/before"), "%s: what was not committed never was", options);
		is(image_unmount(), 0, "%s: and unmounts", options);
		is(mount_with((struct ext4_options){.on_error = EXT4_ON_ERROR_CONTINUE}), 0,
			"%s: with errors=continue", options);
		ok(!atomic_load(&image.super->readonly), "%s: for writing", options);
		is(image_unmount(), 0, "%s: and unmounts", options);
		image_save();
	}
	test_repair(options);
}

/* The image as the panic leaves it. */
static void on_abort(int sig UNUSED)
{
	image_save();
}

static void find_damage(void)
{
	signal(SIGABRT, on_abort);
	look_into_bad();
}

static void test_panic(const char *options, enum ext4_on_error on_error, bool want)
{
	make_damaged(options);
	is(mount_with((struct ext4_options){.on_error = on_error}), 0, "%s: mounted", options);
	is(panics(find_damage), want, "%s: errors=%d: a panic, or not", options, on_error);
	if (want)
		ok(told("FS Error count:           1\n"), "%s: which has left the record", options);
	is(image_unmount(), 0, "%s: unmounted", options);
}

static void test_override(void)
{
	make_damaged("-e panic");
	mount_with((struct ext4_options){.on_error = EXT4_ON_ERROR_CONTINUE});
	is(look_into_bad(), -EUCLEAN, "the option before the superblock: damage");
	is(fs_create("/x"), 0, "it goes on");
	image_unmount();
	make_damaged("-e continue");
	mount_with((struct ext4_options){.on_error = EXT4_ON_ERROR_RO});
	is(look_into_bad(), -EUCLEAN, "the other way round: damage");
	is(fs_create("/x"), -EROFS, "it stops");
	image_unmount();
	make_damaged("-e continue");
	is(image_mount(true), 0, "a mount that is read-only");
	is(look_into_bad(), -EUCLEAN, "finds damage");
	image_unmount();
	is(super_on_disk()->s_error_count, 0, "and writes nothing");
}

/* A damaged bitmap: what goes on uses the other groups. */
static void test_bad_group(void)
{
	struct ext4_group_desc d;
	int err = 0;
	char path[20];

	image_make(4096, "-e continue -g 1024");
	image_start("four groups");
	ext4_desc_get(ext4_fs(image.super), 0, &d);
	is(image_unmount(), 0, "unmounted");
	memset((char *)image.region->virt + ext4_desc_block_bitmap(&d) * EXT4_BLOCK_SIZE, 0, 100);
	is(image_mount(false), 0, "the first has a damaged bitmap: mounted");
	for (unsigned k = 0; k < 20; k++) {
		sprintf(path, "/d%u", k);
		err = vfs_mkdir(NULL, path, 0755);
		if (!k)
			is(err, -EUCLEAN, "the first who needs a block is told");
	}
	is(err, 0, "those after get their blocks elsewhere");
	is(image_unmount(), -EUCLEAN, "the unmount tells");
	image_save();
	ok(told("FS Error count:           1\n"), "one error");
	test_repair("bad group");
}

/* --- options --- */

static void is_options(const char *want)
{
	char text[64];

	image.super->ops->show_options(image.super, text, sizeof(text));
	is_str(text, want, "/proc/mounts says %s", want);
}

static void test_nojournal(void)
{
	struct ext4_options plain = {.nojournal = true};
	struct jbd2_log *log;
	void *journal;
	u64 at, n;

	image_make(8192, "-e remount-ro");
	image_up(0);
	is(ext4_log_open(super_on_disk(), image.region, 8192, &log), 0, "an image with a journal");
	at = log->runs[0].block * EXT4_BLOCK_SIZE;
	n = (u64)log->runs[0].len * EXT4_BLOCK_SIZE;
	kfree(log);
	journal = malloc(n);
	memcpy(journal, (char *)image.region->virt + at, n);
	is(mount_with(plain), 0, "mounted without it");
	is_options(",dax=always,errors=remount-ro,nojournal");
	ok(!journal_has_log(ext4_fs(image.super)->journal), "there is no log");
	for (unsigned k = 0; k < 50; k++) {
		char path[20];

		sprintf(path, "/d%u", k);
		vfs_mkdir(NULL, path, 0755);
	}
	is(vfs_sync_all(), 0, "sync");
	image_save();
	ok(run("e2fsck -fy %s", image.path) <= 1 && fs_entries("/") == 51,
		"a machine that stops leaves it to e2fsck");
	ok(image_fsck(), "which repairs it");
	is(image_unmount(), 0, "unmounted");
	ok(!memcmp(journal, (char *)image.region->virt + at, n), "no byte of the journal has changed");
	free(journal);
	image_save();
	ok(image_fsck(), "e2fsck is content");
	image_start("with the journal again");
	is_options(",dax=always,errors=remount-ro");
	is(fs_entries("/"), 51, "all is there");
	fs_create("/x");
	vfs_sync_all();
	image_save();
	image_up(0);
	is(mount_with(plain), -EBUSY, "a journal that is in use cannot be left out");
	is_str(image.why, "its journal needs recovery: mount it once without nojournal", "the reason");
	is(image_mount(false), 0, "so mounted with it");
	ok(fs_exists("/x"), "and recovered");
	is(image_unmount(), 0, "unmounted");
	is(mount_with(plain), 0, "then it can");
	is(image_unmount(), 0, "unmounted");
}

static void test_external(void)
{
	image_make(4096, "");
	image_up(0);
	super_on_disk()->s_journal_inum = 0;
	super_on_disk()->s_journal_dev = 0x801;
	memset(super_on_disk()->s_jnl_blocks, 0, sizeof(super_on_disk()->s_jnl_blocks));
	super_on_disk()->s_jnl_backup_type = 0;
	super_on_disk()->s_checksum = ext4_super_csum(super_on_disk());
	is(image_mount(false), -EOPNOTSUPP, "a journal on another device is refused");
	is_str(image.why,
		"its journal is on another device (feature has_journal), which is not supported: remove it "
		"with "
		"tune2fs -O ^has_journal",
		"by its name");
	is(mount_with((struct ext4_options){.nojournal = true}), 0,
		"without it the file system can be mounted");
	is(image_unmount(), 0, "unmounted");
	run("rm -f %s; mke2fs -q -F -O journal_dev -b 4096 %s 4096", image.path, image.path);
	image_up(0);
	is(image_mount(false), -EOPNOTSUPP, "such a device is refused");
	is_str(image.why, "feature journal_dev is not supported", "by its name");
}

/* A number that dumpe2fs prints. */
static u64 dumped(const char *what)
{
	char cmd[300], line[200] = "0";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "dumpe2fs -h %s 2>/dev/null | sed -n 's/^%s: *//p'", image.path, what);
	f = popen(cmd, "r");
	if (!f || !fgets(line, sizeof(line), f))
		diag("no %s", what);
	if (f)
		pclose(f);
	return strtoull(line, NULL, 10);
}

static void test_statfs(unsigned blocks, const char *options)
{
	struct fs_stat st;

	if (!image_make(blocks, options)) {
		ok(true, "%s # SKIP this mke2fs cannot", options);
		return;
	}
	image_up(0);
	super_on_disk()->s_overhead_blocks = 4; /* Linux does not believe it either */
	super_on_disk()->s_checksum = ext4_super_csum(super_on_disk());
	is(image_mount(false), 0, "%s: mounted", options);
	vfs_statfs(image.super, &st);
	is(st.blocks, dumped("Block count") - dumped("Overhead clusters"), "%s: blocks", options);
	is(st.free_blocks, dumped("Free blocks"), "%s: free blocks", options);
	is(st.available_blocks,
		dumped("Free blocks") - dumped("Reserved block count") -
			MIN(dumped("Block count") / 50, 4096ull),
		"%s: available blocks", options);
	is(st.inodes, dumped("Inode count"), "%s: inodes", options);
	is(st.free_inodes, dumped("Free inodes"), "%s: free inodes", options);
	is(image_unmount(), 0, "%s: unmounted", options);
}

int main(void)
{
	image_begin();
	test_continue("-e continue");
	test_continue("-e continue -O ^has_journal");
	test_continue("-e continue -O ^metadata_csum,^orphan_file");
	test_stop("-e remount-ro");
	test_stop("-e remount-ro -O ^has_journal");
	test_stop("-e remount-ro -O ^metadata_csum");
	test_panic("-e panic", EXT4_ON_ERROR_DEFAULT, true);
	test_panic("-e panic -O ^has_journal", EXT4_ON_ERROR_DEFAULT, true);
	test_panic("-e continue", EXT4_ON_ERROR_PANIC, true);
	test_panic("-e panic", EXT4_ON_ERROR_RO, false);
	test_override();
	test_bad_group();
	test_nojournal();
	test_external();
	test_statfs(8192, "-m 5");
	test_statfs(8192, "-m 0 -g 1024");
	test_statfs(32768, "-O ^64bit,^metadata_csum");
	test_statfs(8192, "-O ^has_journal");
	test_statfs(32768, "-O sparse_super2 -g 2048");
	image_end();
	return done_testing();
}
