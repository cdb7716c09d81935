/* SPDX-License-Identifier: MIT */
/*
 * A file system with extents that has a file without: one of its days as ext3, or of chattr -e. We cannot read it, and must leave it as it is.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

#define WHY                                                                                              \
	"a file mapped by blocks, not extents, waits to be deleted or truncated: run e2fsck -fy on the " \
	"image"

/* A new image with the file /old; then what debugfs is told. */
static void make(const char *options, const char *commands)
{
	snprintf(image.label, sizeof(image.label), "%s", options);
	image_make(4096, options);
	run("cd %s && head -c 100000 /dev/zero | tr '\\0' x >old && debugfs -w -R 'feature -extents' image "
	    "&& "
	    "printf 'write old old\\n%sfeature extents\\n' | debugfs -w -f - image",
		image.dir, commands);
}

static void test_changes(const char *options)
{
	struct inode *i;
	struct file *f;

	make(options, "");
	image_start(options);
	is(vfs_lookup(NULL, "/old", true, &i), 0, "%s: the file is there", options);
	ok(!ext4_uses_extents(ext4_inode(i)), "%s: it has no extents", options);
	is(vfs_kread(i, &(u64){0}, 8, 0), -EOPNOTSUPP, "%s: it is not read", options);
	is(vfs_kwrite(i, "text", 4, 200000), -EOPNOTSUPP, "%s: nor written", options);
	is(vfs_truncate(i, 5000), -EOPNOTSUPP, "%s: nor made shorter", options);
	is(vfs_open(NULL, "/old", O_RDWR_ | O_TRUNC_, 0, &f), -EOPNOTSUPP, "%s: nor emptied", options);
	is(vfs_unlink(NULL, "/old"), -EOPNOTSUPP, "%s: nor deleted", options);
	is(inode_size(i), 100000, "%s: its size is what it was", options);
	iput(i);
	image_stop();
	is(run("debugfs -R 'cat /old' %s | cmp - %s/old", image.path, image.dir), 0, "%s: and its text",
		options);
	image_start(options);
	image_stop();
}

/* Linux has stopped while it deleted the file (its number is 12), or while it made it shorter. */
static void test_orphan(const char *options, const char *commands)
{
	make(options, commands);
	image_up(0);
	is(image_mount(false), -EOPNOTSUPP, "%s: an orphan without extents is refused", options);
	ok(!strcmp(image.why, WHY), "%s: by name", options);
	is(kmem_bytes_in_use(), image.memory, "%s: no memory is lost", options);
	image_save();
	ok(run("e2fsck -fy %s", image.path) <= 1 && image_fsck(), "%s: e2fsck ends what Linux had begun",
		options);
	image_start(options);
	image_stop();
}

int main(void)
{
	image_begin();
	test_changes("-O ^64bit,^orphan_file");
	test_changes("-O ^64bit,orphan_file");
	test_changes("-O ^64bit,^has_journal");
	test_orphan("-O ^64bit,^orphan_file",
		"unlink old\\nsif <12> links_count 0\\nsif <12> dtime 0\\nssv last_orphan 12\\n");
	test_orphan(
		"-O ^64bit,^orphan_file", "sif <12> size 5000\\nsif <12> dtime 0\\nssv last_orphan 12\\n");
	image_end();
	return done_testing();
}
