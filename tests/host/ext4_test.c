/* SPDX-License-Identifier: MIT */
/*
 * ext4 against mke2fs, e2fsck and debugfs: images of many kinds with files that the host put in are mounted, read, changed by
 * random operations and given back. A model in memory says what must be there, e2fsck -fn that the structure is whole, debugfs that others read the
 * same.
 */
#include "host/unit.h"

#include "tests/host/ext4_image.h"
#include "tests/host/ext4_model.h"

struct kind {
	const char *options;
	unsigned blocks, steps, files;
	bool optional; /* older tools may not know it */
};

static const struct kind kinds[] = {
	{"", 4096, 3000, 60, false},
	{"-O metadata_csum_seed,orphan_file", 4096, 800, 60, true},
	{"-O ^has_journal", 4096, 800, 60, false},
	{"-O ^metadata_csum", 4096, 800, 60, false},
	{"-O ^metadata_csum,uninit_bg", 4096, 800, 60, false},
	{"-O ^64bit", 4096, 800, 60, false},
	{"-O ^64bit,^metadata_csum,uninit_bg", 4096, 600, 60, false},
	{"-I 128", 4096, 800, 60, false},
	{"-I 512", 4096, 400, 60, false},
	{"-O ^flex_bg", 4096, 800, 60, false},
	{"-O ^dir_index", 4096, 800, 60, false},
	{"-O sparse_super2,^resize_inode", 4096, 400, 60, false},
	{"-O ^huge_file,^dir_nlink,^extra_isize,^large_file", 4096, 400, 60, false},
	{"-O ^has_journal -N 16", 64, 600, 4, false},
	{"-g 1024", 16384, 800, 60, false},
	{"-g 256 -O ^has_journal,^resize_inode", 8192, 800, 60, false},
	{"-g 1024 -O ^flex_bg,^metadata_csum,uninit_bg", 16384, 600, 60, false},
	{"-E lazy_itable_init=1", 4096, 400, 60, false},
};

static bool steps(struct model *m, unsigned n)
{
	for (unsigned k = 0; k < n && !m->bad; k++)
		model_step(m);
	if (m->bad)
		diag("%s: got %d, want %d", m->bad, m->got, m->want);
	return !m->bad;
}

static void test_kind(const struct kind *k, u64 seed)
{
	const char *label = *k->options ? k->options : "default";
	char options[400];
	struct model m;

	model_begin(&m, seed, k->files * 3, 3 * k->blocks > 1000 ? 300000 : 30000);
	model_grow(&m, k->files);
	run("rm -rf %s/src %s/out", image.dir, image.dir);
	snprintf(options, sizeof(options), "%s/src", image.dir);
	model_write_host(&m, m.root, options);
	snprintf(options, sizeof(options), "%s -d %s/src", k->options, image.dir);
	if (!image_make(k->blocks, options)) {
		ok(k->optional, "%s: mke2fs makes it%s", label, k->optional ? " # SKIP not by this one" : "");
		show_log();
		model_end(&m);
		return;
	}
	model_lost_found(&m);
	image_start(label);
	ok(model_check(&m, m.root), "%s: what the host wrote is there", label);
	ok(steps(&m, k->steps), "%s: %u random operations", label, k->steps);
	model_close(&m);
	ok(model_check(&m, m.root), "%s: everything is as it should be", label);
	image_stop();
	run("mkdir %s/out; debugfs -R 'rdump / %s/out' %s", image.dir, image.dir, image.path);
	snprintf(options, sizeof(options), "%s/out", image.dir);
	ok(model_check_host(&m, m.root, options), "%s: debugfs reads the same", label);
	image_start(label);
	ok(model_check(&m, m.root), "%s: it is still there after a remount", label);
	ok(steps(&m, k->steps / 4), "%s: more operations", label);
	model_close(&m);
	image_stop();
	model_end(&m);
}

/* Links, attributes and special files that only the host can make. */
static void test_foreign(const char *options)
{
	char buf[500];
	struct inode *i;
	ssize_t n;

	run("rm -rf %s/src; mkdir %s/src; cd %s/src && echo text >file && ln file second && ln -s file short "
	    "&& "
	    "ln -s $(printf '%%0200d' 0 | sed 's/0/.\\//g')file long && mkfifo pipe && echo attr >ea && "
	    "truncate -s 1M hole && "
	    "echo end >>hole && head -c 3000 /dev/zero | tr '\\0' x >%s/value",
		image.dir, image.dir, image.dir, image.dir);
	snprintf(buf, sizeof(buf), "%s -d %s/src", options, image.dir);
	ok(image_make(2048, buf) &&
			!run("debugfs -w -R 'ea_set -f %s/value /ea user.big' %s", image.dir, image.path),
		"%s: an image with links and attributes", options);
	ok(image_fsck(), "%s: e2fsck likes it", options);
	image_start(options);
	n = vfs_readlink(NULL, "/short", buf, sizeof(buf));
	ok(n == 4 && !memcmp(buf, "file", 4), "%s: a short link", options);
	is(vfs_readlink(NULL, "/long", buf, sizeof(buf)), 404, "%s: a long link", options);
	is(vfs_lookup(NULL, "/long", true, &i), 0, "%s: can be followed", options);
	ok(vfs_kread(i, buf, 10, 0) == 5 && !memcmp(buf, "text\n", 5), "%s: to the file", options);
	is(i->nlink, 2, "%s: which has two names", options);
	iput(i);
	is(vfs_unlink(NULL, "/file"), 0, "%s: one goes", options);
	is(vfs_lookup(NULL, "/second", true, &i), 0, "%s: the other stays", options);
	is(i->nlink, 1, "%s: with one link", options);
	iput(i);
	is(vfs_lookup(NULL, "/hole", true, &i), 0, "%s: a sparse file", options);
	ok(vfs_kread(i, buf, 10, 1 << 20) == 4 && !memcmp(buf, "end\n", 4), "%s: its end", options);
	ok(vfs_kread(i, buf, 10, 1000) == 10 && buf[3] == 0, "%s: its hole", options);
	iput(i);
	is(vfs_unlink(NULL, "/second"), 0, "%s: the last name goes", options);
	is(vfs_unlink(NULL, "/short"), 0, "%s: a short link goes", options);
	is(vfs_unlink(NULL, "/long"), 0, "%s: a long link goes", options);
	is(vfs_rename(NULL, "/pipe", NULL, "/fifo", 0), 0, "%s: a fifo moves", options);
	is(vfs_unlink(NULL, "/ea"), 0, "%s: a file with an attribute block goes", options);
	image_stop();
	image_start(options);
	is(vfs_unlink(NULL, "/fifo"), 0, "%s: the fifo goes", options);
	is(vfs_unlink(NULL, "/hole"), 0, "%s: the sparse file goes", options);
	image_stop();
}

static bool link_reads(const char *path, const char *want, size_t len)
{
	char buf[EXT4_BLOCK_SIZE];

	return vfs_readlink(NULL, path, buf, sizeof(buf)) == (ssize_t)len && !memcmp(buf, want, len);
}

/* Symbolic links at the lengths where their form changes, hard links, FIFOs, exchanges, attributes: made, kept, read back. */
static void test_names(const char *options)
{
	static const size_t lengths[] = {1, 59, 60, 61, 4094, 4095};
	struct time_spec then = {.sec = 5000000000, .nsec = 123456789};
	static char target[EXT4_BLOCK_SIZE + 1];
	struct inode *i;
	char name[32];

	memset(target, 't', EXT4_BLOCK_SIZE);
	if (!image_make(2048, options)) {
		ok(false, "%s: an image", options);
		return;
	}
	image_start(options);
	is(vfs_symlink(NULL, "/over", target), -ENAMETOOLONG, "%s: a link as long as a block", options);
	for (unsigned k = 0; k < ARRAY_SIZE(lengths); k++) {
		snprintf(name, sizeof(name), "/link%zu", lengths[k]);
		target[lengths[k]] = '\0';
		is(vfs_symlink(NULL, name, target), 0, "%s: a link of %zu bytes", options, lengths[k]);
		target[lengths[k]] = 't';
	}
	is(vfs_symlink(NULL, "/link1", "x"), -EEXIST, "%s: its name is taken", options);
	is(vfs_mkdir(NULL, "/a", 0755), 0, "%s: a", options);
	is(vfs_mkdir(NULL, "/b", 0755), 0, "%s: b", options);
	is(vfs_mkdir(NULL, "/a/dir", 0755), 0, "%s: a/dir", options);
	is(vfs_mknod(NULL, "/a/dir/inner", 0644, 0), 0, "%s: a/dir/inner", options);
	is(vfs_mknod(NULL, "/b/fifo", S_IFIFO_ | 0600, 0), 0, "%s: b/fifo", options);
	is(vfs_rename(NULL, "/a/dir", NULL, "/b/fifo", RENAME_NOREPLACE_), -EEXIST, "%s: NOREPLACE", options);
	is(vfs_rename(NULL, "/a/dir", NULL, "/b/fifo", RENAME_EXCHANGE_), 0, "%s: they change places",
		options);
	is(vfs_rename(NULL, "/b", NULL, "/b/fifo/inner", RENAME_EXCHANGE_), -EINVAL,
		"%s: not with one's own child", options);
	is(vfs_lookup(NULL, "/b/fifo/inner", true, &i), 0, "%s: the directory is in b", options);
	is(vfs_link(i, NULL, "/a/second"), 0, "%s: a second name", options);
	is(vfs_chmod(i, 04751), 0, "%s: chmod", options);
	is(vfs_set_times(i, &then, NULL), 0, "%s: times past 2106", options);
	is(vfs_chown(i, 70000, 80000), 0, "%s: chown", options);
	iput(i);
	image_stop();
	image_start(options);
	for (unsigned k = 0; k < ARRAY_SIZE(lengths); k++) {
		snprintf(name, sizeof(name), "/link%zu", lengths[k]);
		ok(link_reads(name, target, lengths[k]), "%s: %s reads back", options, name);
		is(vfs_unlink(NULL, name), 0, "%s: and goes", options);
	}
	is(vfs_lookup(NULL, "/a/second", true, &i), 0, "%s: the second name stays", options);
	is(i->nlink, 2, "%s: two names", options);
	is(i->mode, S_IFREG_ | 0751, "%s: the mode, without set-id after chown", options);
	ok(i->uid == 70000 && i->gid == 80000, "%s: the owner", options);
	ok(i->atime.sec == then.sec && i->atime.nsec == then.nsec, "%s: the time", options);
	iput(i);
	is(vfs_lookup(NULL, "/a/dir", true, &i), 0, "%s: the FIFO is in a", options);
	is(i->mode, S_IFIFO_ | 0600, "%s: and is one", options);
	iput(i);
	image_stop();
}

/* Nodes of devices: both forms of their numbers, as debugfs reads them. */
static void test_devices(void)
{
	static const struct {
		const char *path, *says;
		u32 mode, rdev;
	} nodes[] = {
		{"/null", "Device major/minor number: 01:03", S_IFCHR_ | 0666, 0x103},
		{"/old", "Device major/minor number: 255:255", S_IFBLK_ | 0600, 0xffff},
		{"/new", "(New-style) Device major/minor number: 256:00", S_IFBLK_ | 0600, 0x10000},
		{"/minor", "(New-style) Device major/minor number: 01:256", S_IFCHR_ | 0600, 0x100100},
		{"/most", "(New-style) Device major/minor number: 4095:1048575", S_IFCHR_ | 0600, ~0u},
		{"/none", "Type: character special", S_IFCHR_ | 0600, 0},
	};
	struct inode *i;
	struct file *f;

	image_make(2048, "");
	image_start("devices");
	for (unsigned k = 0; k < ARRAY_SIZE(nodes); k++)
		is(vfs_mknod(NULL, nodes[k].path, nodes[k].mode, nodes[k].rdev), 0, "%s", nodes[k].path);
	image_stop();
	for (unsigned k = 0; k < ARRAY_SIZE(nodes); k++) {
		run("debugfs -R 'stat %s' %s", nodes[k].path, image.path);
		ok(log_has(nodes[k].says), "debugfs: %s is %s", nodes[k].path, nodes[k].says);
	}
	run("debugfs -w -R 'mknod host c 7 70' %s", image.path);
	image_start("devices");
	for (unsigned k = 0; k < ARRAY_SIZE(nodes); k++) {
		is(vfs_lookup(NULL, nodes[k].path, false, &i), 0, "%s: is there", nodes[k].path);
		ok(i->mode == nodes[k].mode && i->rdev == nodes[k].rdev, "%s: with its number",
			nodes[k].path);
		iput(i);
	}
	is(vfs_open(NULL, "/null", O_RDWR_, 0, &f), -ENXIO, "there are no devices here");
	is(vfs_lookup(NULL, "/host", false, &i), 0, "the one that debugfs made");
	is(i->rdev, 0x746, "has its number");
	iput(i);
	for (unsigned k = 0; k < ARRAY_SIZE(nodes); k++)
		is(vfs_unlink(NULL, nodes[k].path), 0, "%s goes", nodes[k].path);
	image_stop();
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? (u64)atoi(argv[1]) : 1;

	image_begin();
	test_devices();
	test_names("");
	test_names("-O ^dir_index,^metadata_csum");
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		test_kind(&kinds[k], seed * 1000 + k);
	test_foreign("-I 256");
	test_foreign("-I 128 -O ^metadata_csum");
	image_end();
	return done_testing();
}
