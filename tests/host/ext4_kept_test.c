/* SPDX-License-Identifier: MIT */
/*
 * Immutable and append-only inodes: flags that debugfs has set are obeyed, flags that we set are seen by debugfs and after the next mount. All that
 * they forbid stands in tests/static/kept.c, which runs on Linux too.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

static int open_with(const char *path, u32 flags)
{
	struct file *f;
	int err = vfs_open(NULL, path, flags, 0644, &f);

	if (!err)
		file_put(f);
	return err;
}

static int set_flags(const char *path, u32 set, u32 clear)
{
	struct inode *i;
	u32 flags;
	int err = vfs_lookup(NULL, path, false, &i);

	if (err)
		return err;
	err = vfs_get_flags(i, &flags);
	if (!err)
		err = vfs_set_flags(i, (flags & ~clear) | set);
	iput(i);
	return err;
}

/* Of the file's image. */
static bool debugfs_says(const char *path, const char *flags)
{
	run("debugfs -R 'stat %s' %s", path, image.path);
	return log_has(flags);
}

int main(void)
{
	image_begin();
	run("rm -rf %s/src; mkdir -p %s/src/dir; touch %s/src/fixed %s/src/log %s/src/dir/old", image.dir,
		image.dir, image.dir, image.dir, image.dir);
	ok(!run("mke2fs -q -F -t ext4 -b 4096 -d %s/src %s 4096 && debugfs -w -R 'sif /fixed flags 0x80010' "
		"%s && "
		"debugfs -w -R 'sif /log flags 0x80020' %s && debugfs -w -R 'sif /dir flags 0x80010' %s",
		   image.dir, image.path, image.path, image.path, image.path),
		"an image");
	image_start("flags of debugfs's");
	is(open_with("/fixed", O_RDONLY_), 0, "immutable: read");
	is(open_with("/fixed", O_RDWR_), -EPERM, "not written");
	is(vfs_unlink(NULL, "/fixed"), -EPERM, "not removed");
	is(vfs_rename(NULL, "/fixed", NULL, "/x", 0), -EPERM, "not renamed");
	is(open_with("/log", O_RDWR_), -EPERM, "append-only: not written");
	is(open_with("/log", O_WRONLY_ | O_APPEND_), 0, "appended to");
	is(open_with("/log", O_WRONLY_ | O_APPEND_ | O_TRUNC_), -EPERM, "not truncated");
	is(fs_create("/dir/new"), -EPERM, "directory: nothing is created");
	is(vfs_unlink(NULL, "/dir/old"), -EPERM, "nor removed");
	is(set_flags("/fixed", 0, EXT4_IMMUTABLE_FL), 0, "the flag can be cleared");
	is(open_with("/fixed", O_RDWR_), 0, "then it is written");
	is(set_flags("/dir", EXT4_APPEND_FL, EXT4_IMMUTABLE_FL), 0, "a directory becomes append-only");
	is(fs_create("/dir/new"), 0, "then something is created");
	is(vfs_unlink(NULL, "/dir/new"), -EPERM, "and stays");
	is(set_flags("/log", 0, EXT4_EXTENTS_FL), -EOPNOTSUPP, "other flags are not changed");
	image_stop();
	ok(debugfs_says("/fixed", "Flags: 0x80000"), "debugfs sees it cleared");
	ok(debugfs_says("/dir", "Flags: 0x80020"), "and set");
	image_start("mounted again");
	is(vfs_unlink(NULL, "/dir/new"), -EPERM, "what was set counts");
	is(vfs_unlink(NULL, "/fixed"), 0, "what was cleared too");
	image_stop();
	image_up(0);
	is(image_mount(true), 0, "mounted read-only");
	is(set_flags("/log", 0, EXT4_APPEND_FL), -EROFS, "nothing is set");
	is(image_unmount(), 0, "unmounted");
	image_end();
	return done_testing();
}
