/* SPDX-License-Identifier: MIT */
/*
 * What fsync and its kin promise, one case each: after the operations the power fails, and of what was not certain nothing survives
 * (host/crash_model.h). Cases that tests/crash, which looks for such things at random, has found.
 */
#include "host/unit.h"

#include "fs/dax_priv.h"
#include "fs/ext4/ext4_priv.h"
#include "host/crash_model.h"
#include "lib/errno.h"
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
	is(image_mount(false), 0, "damage: the next mount, which is to continue");
	ok(ext4_fs(image.super)->sb.s_state & EXT4_STATE_ERROR, "damage: knows of it");
	ok(run("e2fsck -fy %s", image.path) < 4, "damage: e2fsck repairs");
	image_start("damage repaired");
	image_stop();
}

/* A free block was a file's, and what a program last stored there is still in a cache: it equals what the journal wants to put there, but the
 * medium has something older. */
static void test_cached_stores(void)
{
	static const char old[EXT4_BLOCK_SIZE] = {[0 ... EXT4_BLOCK_SIZE - 1] = 77}, zeros[EXT4_BLOCK_SIZE];
	const u64 nr = BLOCKS - 1;
	struct journal_handle *h;
	char *home;
	void *p;

	begin("a block that was a file's");
	home = (char *)image.region->virt + nr * EXT4_BLOCK_SIZE;
	pmem_copy(home, old, sizeof(old));
	pmem_fence();
	pmem_write(home, zeros, sizeof(zeros));
	ext4_begin(ext4_fs(image.super), 1, &h);
	journal_get_create(h, nr, &p);
	strcpy((char *)p + 100, "metadata");
	journal_dirty(h, nr);
	journal_stop(h);
	is(journal_commit(ext4_fs(image.super)->journal), 0, "%s: committed", image.label);
	fail_and_mount();
	home = (char *)image.region->virt + nr * EXT4_BLOCK_SIZE;
	ok(!strcmp(home + 100, "metadata"), "%s: what was put into it is there", image.label);
	ok(!memcmp(home, zeros, 100) && !memcmp(home + 200, zeros, sizeof(zeros) - 200),
		"%s: and nothing else", image.label);
	image_stop();
}

static unsigned looks_like_commit;

static void look_at_copy(enum pmem_sim_event what UNUSED, const void *p UNUSED, size_t n UNUSED)
{
	const struct jbd2_header *h = jbd2_block(ext4_fs(image.super)->log, 2);

	looks_like_commit += from_be32(h->h_magic) == JBD2_MAGIC;
}

/* A block that reads like a commit block stands in the log escaped, from its first store on: a recovery that goes by half a descriptor looks there. */
static void test_escape(void)
{
	struct journal_handle *h;
	void *p;

	begin("a block like one of the journal's");
	ext4_begin(ext4_fs(image.super), 1, &h);
	journal_get_create(h, BLOCKS - 1, &p);
	*(struct jbd2_header *)p =
		(struct jbd2_header){to_be32(JBD2_MAGIC), to_be32(JBD2_COMMIT), to_be32(journal_sequence(h))};
	journal_dirty(h, BLOCKS - 1);
	journal_stop(h);
	pmem_sim_observe(look_at_copy);
	is(journal_commit(ext4_fs(image.super)->journal), 0, "%s: committed", image.label);
	pmem_sim_observe(NULL);
	crash_model_destroy(model);
	is(looks_like_commit, 0, "%s: it never looks like one in the log", image.label);
	image_stop();
}

/* --- what stands half done when another CPU commits --- */

static struct {
	int err;
	u8 durable[BLOCKS * EXT4_BLOCK_SIZE]; /* after that commit */
} half;

static void make_directory(void *arg UNUSED)
{
	half.err = vfs_mkdir(NULL, "/one more", 0755);
}

static void commit_meanwhile(void *arg UNUSED)
{
	vfs_commit_all();
	memcpy(half.durable, crash_model_durable(model), sizeof(half.durable));
}

/* No block is left, not even for directories. */
static void fill_up(void)
{
	struct file *f;
	char name[20];

	image_start("a full file system");
	f = (fs_create("/fill"), fs_open("/fill", O_RDWR_));
	for (u64 len = BLOCKS * EXT4_BLOCK_SIZE; len >= EXT4_BLOCK_SIZE; len /= 2)
		while (!vfs_fallocate(f->inode, 0, inode_size(f->inode), len))
			;
	file_put(f);
	for (unsigned k = 0; snprintf(name, sizeof(name), "/%u", k), !vfs_mkdir(NULL, name, 0755); k++)
		;
	image_stop();
}

static void test_failed_create(void)
{
	unsigned bad = 0;

	image_make(BLOCKS, "");
	fill_up();
	for (u64 seed = 1; seed <= 20; seed++) {
		image_up_on(&(struct sim_config){.ram = 24 << 20, .pmem = 144 << 20, .seed = seed}, 0);
		image_mount(false);
		model = crash_model_create(image.region->virt, image.region->len);
		pmem_sim_observe(on_event);
		sim_spawn("mkdir", make_directory, NULL, NULL, 0);
		sim_spawn("commit", commit_meanwhile, NULL, NULL, 1);
		sim_run();
		pmem_sim_observe(NULL);
		crash_model_destroy(model);
		bad += half.err != -ENOSPC || image_unmount();
		memcpy(image.region->virt, half.durable, sizeof(half.durable));
		bad += image_mount(false) || image_unmount();
		image_save();
		bad += !image_fsck();
	}
	is(bad, 0, "a mkdir that finds no block is not there when the power fails in its middle");
}

/* --- sync, while a file leaves memory --- */

static void close_file(void *file)
{
	file_put(file);
}

static void sync_all(void *arg UNUSED)
{
	vfs_sync_all();
	memcpy(half.durable, crash_model_durable(model), sizeof(half.durable));
}

/* What a program has stored through a mapping that is gone is in a cache, and the page is tagged. Nobody but the thread that puts the inode has it
 * any more, and it may be at any place when sync begins. */
static void test_sync_beside_close(void)
{
	static const char old[EXT4_BLOCK_SIZE], stored[] = "stored";
	unsigned lost = 0;

	image_make(BLOCKS, "");
	for (u64 seed = 1; seed <= 40; seed++) {
		struct extent e;
		struct file *f;

		image_up_on(&(struct sim_config){.ram = 24 << 20, .pmem = 144 << 20, .seed = seed}, 0);
		image_mount(false);
		f = (fs_create("/f"), fs_open("/f", O_RDWR_));
		vfs_kwrite(f->inode, old, sizeof(old), 0);
		vfs_sync_all();
		model = crash_model_create(image.region->virt, image.region->len);
		pmem_sim_observe(on_event);
		f->inode->ops->map_extent(f->inode, 0, 1, MAP_LOOK, &e);
		pmem_write(phys_to_virt(e.pa), stored, sizeof(stored));
		tag_set(dax_segment_get(&dax_mapping(f->inode)->segments, 0)->dirty, 0);
		sim_spawn("close", close_file, f, NULL, 0);
		sim_spawn("sync", sync_all, NULL, NULL, 1);
		sim_run();
		pmem_sim_observe(NULL);
		crash_model_destroy(model);
		lost += memcmp(half.durable + (e.pa.v - image.region->base.v), stored, sizeof(stored)) != 0;
		lost += image_unmount() != 0;
	}
	is(lost, 0, "sync waits for a file that is on its way out of memory");
}

/* --- fdatasync, while the file grows --- */

static char grown[2 * EXT4_BLOCK_SIZE + 200];

static void grow_file(void *file)
{
	vfs_kwrite(((struct file *)file)->inode, grown + 200, sizeof(grown) - 200, 200);
}

static void datasync_file(void *file)
{
	vfs_fsync(((struct file *)file)->inode, 0, RANGE_LAST, true);
	memcpy(half.durable, crash_model_durable(model), sizeof(half.durable));
}

/* The size on the medium takes in no block that a write under way has not yet made content. */
static void test_sync_beside_write(void)
{
	static char found[sizeof(grown)];
	unsigned bad = 0;

	memset(grown, 'g', sizeof(grown));
	image_make(BLOCKS, "");
	for (u64 seed = 1; seed <= 60; seed++) {
		struct file *f;
		ssize_t n;

		image_up_on(&(struct sim_config){.ram = 24 << 20, .pmem = 144 << 20, .seed = seed}, 0);
		image_mount(false);
		f = (fs_create("/grown"), fs_open("/grown", O_RDWR_));
		vfs_kwrite(f->inode, grown, 100, 0);
		vfs_sync_all();
		vfs_kwrite(f->inode, grown, 100, 100); /* whose size is still to be stored */
		model = crash_model_create(image.region->virt, image.region->len);
		pmem_sim_observe(on_event);
		sim_spawn("write", grow_file, f, NULL, 0);
		sim_spawn("fdatasync", datasync_file, f, NULL, 1);
		sim_run();
		pmem_sim_observe(NULL);
		crash_model_destroy(model);
		file_put(f);
		bad += image_unmount() != 0;
		memcpy(image.region->virt, half.durable, sizeof(half.durable));
		bad += image_mount(false) != 0;
		f = fs_open("/grown", O_RDWR_);
		n = vfs_kread(f->inode, found, sizeof(found), 0);
		bad += n < 200 || memcmp(found, grown, (size_t)n);
		file_put(f);
		bad += image_unmount() != 0;
	}
	is(bad, 0, "fdatasync beside a write that appends: all that the size takes in is there");
}

/* Transactions are counted in 32 bits: committed, recovered and waited for across the last one. */
static void test_sequence_wraps(void)
{
	struct jbd2_super *js;
	unsigned missing = 0;
	char name[20];

	begin("the last sequence number");
	js = jbd2_block(ext4_fs(image.super)->log, 0);
	is(image_unmount(), 0, "%s: unmounted", image.label);
	js->s_sequence = to_be32(0xfffffffd);
	js->s_checksum = to_be32(jbd2_super_csum(js));
	pmem_sim_observe(NULL);
	crash_model_destroy(model);
	image_save();
	for (unsigned k = 0; k < 6; k++) {
		image_up(0);
		missing += image_mount(false) != 0;
		model = crash_model_create(image.region->virt, image.region->len);
		pmem_sim_observe(on_event);
		snprintf(name, sizeof(name), "/%u", k);
		fs_create(name);
		sync_file(name, false);
		fail_and_mount();
		missing += !fs_exists(name);
		missing += image_unmount() != 0;
		image_save();
	}
	is(missing, 0, "%s: what was acknowledged around it is there", image.label);
	ok(image_fsck(), "%s: e2fsck -fn is clean", image.label);
}

int main(void)
{
	image_begin();
	test_opened_again();
	test_size("fsync of a size", false);
	test_size("fdatasync of a size", true);
	test_damage();
	test_cached_stores();
	test_escape();
	test_failed_create();
	test_sync_beside_close();
	test_sync_beside_write();
	test_sequence_wraps();
	image_end();
	return done_testing();
}
