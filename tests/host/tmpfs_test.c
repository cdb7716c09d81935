/* SPDX-License-Identifier: MIT */
/*
 * tmpfs: names, data, holes, shared mappings, limits; and that nothing of it is left in memory at the end. The protocol behind
 * its mappings is the explorer's subject, so each is tried once here.
 */
#include "host/unit.h"

#include "fs/dax.h"
#include "fs/state.h"
#include "fs/tmpfs.h"
#include "host/sim.h"
#include "kernel/instance.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/pmm.h"

#define LIMIT 600
#define SHARED_RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_SHARED)
#define FAULTED 0xfa171fa171ull

static struct super *super;
static struct mm *mm;

static struct file *create(const char *path)
{
	struct file *f = NULL;

	return vfs_open(NULL, path, O_RDWR_ | O_CREAT_, 0644, &f) ? NULL : f;
}

static uaddr_t map(struct file *f, u64 pages)
{
	struct mmap_request rq = {.len = pages * PAGE_SIZE, .flags = SHARED_RW};
	int err = vfs_mmap(f, &rq);
	long a = err ? err : mm_map(mm, &rq);

	return UADDR(a < 0 ? 0 : (u64)a);
}

static u64 load(uaddr_t a)
{
	u64 v = ~0ull;

	return cpu_load_user64(a, &v) ? FAULTED : v;
}

static void test_data(void)
{
	struct file *f = create("/data");
	u64 text = 0x1122334455667788ull, got = 0;
	struct fs_stat st;

	is(vfs_kwrite(f->inode, &text, 8, 5 * PAGE_SIZE + 4), 8, "a write behind a hole");
	is(inode_size(f->inode), 5 * PAGE_SIZE + 12, "sets the size");
	is(atomic_load(&f->inode->blocks), 8, "one page is allocated");
	is(vfs_kread(f->inode, &got, 8, 5 * PAGE_SIZE + 4), 8, "it is read back");
	is(got, text, "with its value");
	is(vfs_kread(f->inode, &got, 8, PAGE_SIZE), 8, "the hole is read");
	is(got, 0, "as zeros");
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 5 * PAGE_SIZE, PAGE_SIZE), 0,
		"punch");
	is(atomic_load(&f->inode->blocks), 0, "gives the page back");
	is(vfs_kwrite(f->inode, &text, 8, (1ull << 32) + 8), 8, "a write past 4 GiB");
	is(vfs_truncate(f->inode, 100), 0, "truncate");
	is(atomic_load(&f->inode->blocks), 0, "gives that page back");
	is(vfs_truncate(f->inode, super->max_size + 1), -EFBIG, "larger than the largest");
	is(vfs_fallocate(f->inode, 0, 0, (LIMIT + 1) * PAGE_SIZE), -ENOSPC, "more than the limit");
	vfs_statfs(super, &st);
	is(st.free_blocks, 0, "statfs: full");
	is(vfs_truncate(f->inode, 0), 0, "emptied");
	vfs_statfs(super, &st);
	is(st.free_blocks, LIMIT, "statfs: empty");
	file_put(f);
}

static u64 free_blocks(void)
{
	struct fs_stat st;

	vfs_statfs(super, &st);
	return st.free_blocks;
}

/* A page in each table of its own: the tables count too, and go with what they were for. */
static void test_tables(void)
{
	struct file *f = create("/sparse");
	u64 word = 1, pages = 0;

	while (vfs_kwrite(f->inode, &word, 8, pages << 21) == 8 && pages < LIMIT)
		pages++;
	is(pages, (LIMIT - 2) / 2, "pages 2 MiB apart, each with a table, and two tables above");
	is(free_blocks(), 0, "statfs: full");
	is(vfs_truncate(f->inode, pages << 21), 0, "the last table as long as the others");
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 2 << 20, (pages - 1) << 21), 0,
		"all but the first one punched");
	is(free_blocks(), LIMIT - 4, "gives their tables back");
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 0, PAGE_SIZE), 0,
		"a part of a table");
	is(free_blocks(), LIMIT - 3, "gives back its page");
	is(vfs_kwrite(f->inode, &word, 8, 3ull << 30), 8, "a page under another table");
	is(free_blocks(), LIMIT - 6, "needs two tables");
	is(vfs_truncate(f->inode, 1ull << 30), 0, "truncated to the first one");
	is(free_blocks(), LIMIT - 3, "gives them back");
	is(vfs_truncate(f->inode, 0), 0, "truncated");
	is(free_blocks(), LIMIT, "gives all back");
	is(vfs_unlink(NULL, "/sparse"), 0, "unlink");
	file_put(f);
}

static void test_many_names(void)
{
	struct fs_stat st;
	struct file *f;
	char name[16] = "/n0000";
	u64 had, n = 0;

	vfs_statfs(super, &st);
	had = st.free_inodes;
	for (; n < LIMIT && (f = create(name)); n++) {
		file_put(f);
		fmt_snprintf(name, sizeof(name), "/n%04llu", (unsigned long long)n + 1);
	}
	is(n, had, "as many files as there may be inodes");
	is(vfs_open(NULL, name, O_RDWR_ | O_CREAT_, 0644, &f), -ENOSPC, "one more");
	is(vfs_symlink(NULL, name, "x"), -ENOSPC, "a link");
	is(vfs_open(NULL, "/n0000", O_RDWR_, 0, &f), 0, "one of them");
	is(vfs_link(f->inode, NULL, name), -ENOSPC, "a second name for it");
	is(vfs_unlink(NULL, "/n0001"), 0, "one less");
	is(vfs_link(f->inode, NULL, name), 0, "then there is room for that");
	is(vfs_unlink(NULL, name), 0, "and it goes");
	file_put(f);
	for (u64 k = 0; k < n; k++) {
		fmt_snprintf(name, sizeof(name), "/n%04llu", (unsigned long long)k);
		if (k != 1)
			vfs_unlink(NULL, name);
	}
	vfs_statfs(super, &st);
	is(st.free_inodes, had, "all of them are free again");
}

static void test_mappings(void)
{
	struct file *f = create("/mapped");
	uaddr_t a, b;
	u64 got = 1;

	is(vfs_truncate(f->inode, 3 * PAGE_SIZE), 0, "three pages of hole");
	a = map(f, 3);
	b = map(f, 3);
	is(load(a), 0, "a hole is mapped as zeros");
	is(load(b), 0, "twice");
	is(cpu_store_user64(a, 42), 0, "a store through one mapping");
	is(load(b), 42, "is seen through the other");
	is(vfs_kread(f->inode, &got, 8, 0), 8, "and by read");
	is(got, 42, "with its value");
	is(cpu_store_user64(uaddr_add(b, 2 * PAGE_SIZE), 43), 0, "a store to the last page");
	is(vfs_truncate(f->inode, PAGE_SIZE), 0, "which is truncated");
	is(load(uaddr_add(b, 2 * PAGE_SIZE)), FAULTED, "and is gone from the mapping");
	is(vfs_unlink(NULL, "/mapped"), 0, "unlinked while mapped");
	file_put(f);
	is(load(a), 42, "it lives on");
	mm_unmap(mm, a, 3 * PAGE_SIZE);
	mm_unmap(mm, b, 3 * PAGE_SIZE);
}

static void test_nameless(void)
{
	struct inode *i = NULL;
	struct file *f = NULL;
	uaddr_t a;

	is(tmpfs_new_file(super, 2 * PAGE_SIZE, &i), 0, "a file without a name");
	is(file_open_inode(i, O_RDWR_, &f), 0, "opened");
	iput(i);
	a = map(f, 2);
	file_put(f);
	is(cpu_store_user64(a, 7), 0, "stored to");
	is(load(a), 7, "read");
	mm_unmap(mm, a, 2 * PAGE_SIZE);
}

static int count(void *arg, const char *name UNUSED, size_t len UNUSED, u64 ino UNUSED, u8 type UNUSED,
	u64 next UNUSED)
{
	++*(int *)arg;
	return 0;
}

static void test_names(void)
{
	struct inode *i;
	struct file *f;
	char buf[64];
	int n = 0;

	is(vfs_mkdir(NULL, "/d", 0755), 0, "mkdir");
	is(vfs_mkdir(NULL, "/d/e", 0755), 0, "below it");
	is(super->root->nlink, 3, "links of the root");
	is(vfs_rmdir(NULL, "/d"), -ENOTEMPTY, "rmdir: not empty");
	is(vfs_symlink(NULL, "/link", "d/e"), 0, "symlink");
	is(vfs_readlink(NULL, "/link", buf, sizeof(buf)), 3, "readlink");
	f = create("/link/file");
	ok(f != NULL, "a file by way of the link");
	is(vfs_link(f->inode, NULL, "/second"), 0, "link");
	is(vfs_lookup(NULL, "/d/e/file", true, &i), 0, "look-up");
	ok(i == f->inode && i->nlink == 2, "one file with two names");
	iput(i);
	file_put(f);
	is(vfs_rename(NULL, "/d/e", NULL, "/moved", 0), 0, "rename");
	is(vfs_lookup(NULL, "/moved/../second", true, &i), 0, ".. follows");
	iput(i);
	is(vfs_rename(NULL, "/d", NULL, "/second", RENAME_EXCHANGE_), 0, "exchange");
	is(vfs_lookup(NULL, "/second/", true, &i), 0, "a directory by the other name");
	iput(i);
	is(vfs_open(NULL, "/", O_RDONLY_ | O_DIRECTORY_, 0, &f), 0, "the root");
	is(vfs_readdir(f, count, &n), 0, "readdir");
	is(n, 7, "finds . .. data link moved second d");
	file_put(f);
	is(vfs_unlink(NULL, "/d"), 0, "unlink");
	is(vfs_unlink(NULL, "/moved/file"), 0, "unlink of the last name");
	is(vfs_rmdir(NULL, "/moved"), 0, "rmdir");
}

int main(void)
{
	u64 pages, bytes;

	sim_init(&(struct sim_config){.ram = 64 << 20});
	sim_boot_mm();
	sim_boot_fs();
	dax_config()->lock_ops = dax_lock_find("range");
	kmem_trim();
	pages = pmm_free_pages();
	bytes = kmem_bytes_in_use();
	is(tmpfs_create(LIMIT, &super), 0, "created");
	is(vfs_mount(super, "/"), 0, "mounted");
	mm = mm_create();
	sim_set_boot_mm(mm);
	test_data();
	test_tables();
	test_mappings();
	test_nameless();
	test_names();
	test_many_names();
	sim_set_boot_mm(NULL);
	mm_put(mm);
	is(vfs_unmount_all(), 0, "unmounted with files in it");
	kmem_trim();
	is(kmem_bytes_in_use(), bytes, "no object is left");
	is(pmm_free_pages(), pages, "nor a page");
	return done_testing();
}
