/* SPDX-License-Identifier: MIT */
/*
 * What fsync and its kin promise, one case each: after the operations the power fails, and of what was not certain nothing survives
 * (host/crash_model.h). Cases that tests/crash, which looks for such things at random, has found.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "host/crash_model.h"
#include "tests/host/ext4_image.h"

#define BLOCKS 2048u

static struct crash_model *model;

static void on_event(enum pmem_sim_event what, const void *p, size_t n)
{
	crash_model_event(model, cpu_id(), what, p, n);
}

static void begin(const char *label)
{
	image_make(BLOCKS, "");
	image_start(label);
	model = crash_model_create(image.region->virt, image.region->len);
	pmem_sim_observe(on_event);
}

/* The power fails; the machine comes up again with what was certain. */
static void fail_and_mount(void)
{
	FILE *f = fopen(image.path, "wb");
	char label[sizeof(image.label)];

	pmem_sim_observe(NULL);
	if (!f ||
		fwrite(crash_model_durable(model), 1, BLOCKS * EXT4_BLOCK_SIZE, f) !=
			BLOCKS * EXT4_BLOCK_SIZE ||
		fclose(f)) {
		printf("Bail out! cannot save the image\n");
		exit(1);
	}
	crash_model_destroy(model);
	snprintf(label, sizeof(label), "%s", image.label);
	image_start(label);
}

static void sync_file(const char *path, bool datasync)
{
	struct file *f = fs_open(path, O_RDWR_);

	is(f ? vfs_fsync(f->inode, 0, RANGE_LAST, datasync) : -ENOENT, 0, "%s: %s", image.label,
		datasync ? "fdatasync" : "fsync");
	if (f)
		file_put(f);
}

/* Nobody has the file open between its making and the fsync, so its inode leaves memory and comes back. */
static void test_opened_again(void)
{
	begin("a file that was opened again");
	fs_create("/made");
	sync_file("/made", false);
	fail_and_mount();
	ok(fs_exists("/made"), "%s: it is there", image.label);
	image_stop();
}

/* The second write(2) finds its block: nothing of the block map changes. */
static void test_size(const char *label, bool datasync)
{
	static const char text[100];
	struct file *f;

	begin(label);
	fs_create("/grown");
	f = fs_open("/grown", O_RDWR_);
	vfs_kwrite(f->inode, text, sizeof(text), 0);
	vfs_fsync(f->inode, 0, RANGE_LAST, false);
	vfs_kwrite(f->inode, text, sizeof(text), sizeof(text));
	is(vfs_fsync(f->inode, 0, RANGE_LAST, datasync), 0, "%s: synced", label);
	fail_and_mount();
	f = fs_open("/grown", O_RDONLY_);
	is(f ? inode_size(f->inode) : 0, 2 * sizeof(text), "%s: the size is there", label);
	file_put(f);
	image_stop();
}

/* Damage is noted where the next mount, and e2fsck, look for it. */
static void test_damage(void)
{
	begin("damage");
	ext4_damage(ext4_fs(image.super), 0, "as a test");
	is(image_unmount(), -EUCLEAN, "damage: the unmount says so");
	pmem_sim_observe(NULL);
	image_save();
	crash_model_destroy(model);
	image_up(0);
	is(image_mount(false), -EUCLEAN, "damage: the next mount is refused");
	ok(strstr(image.why, "errors were found") != NULL, "damage: because of it");
	ok(run("e2fsck -fy %s", image.path) < 4, "damage: e2fsck repairs");
	image_start("damage repaired");
	image_stop();
}

int main(void)
{
	image_begin();
	test_opened_again();
	test_size("fsync of a size", false);
	test_size("fdatasync of a size", true);
	test_damage();
	image_end();
	return done_testing();
}
