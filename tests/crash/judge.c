/* SPDX-License-Identifier: MIT */
/*
 * A machine that boots from what a power failure has left. See world.h.
 *
 * Rule: the machine is booted once, up to the mount, with the content that is certain then, and a snapshot is taken. Each state begins with the
 * snapshot; then the pages that have changed since, and the words of the state, are put over it. When many pages have changed
 * the snapshot is taken anew.
 */
#include "tests/crash/world.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/ext4/ext4_priv.h"
#include "fs/state.h"
#include "kernel/instance.h"
#include "lib/errno.h"
#include "mm/kmem.h"

#define REBASE_PAGES 48u
#define BACKUP_BLOCK "1024" /* as crash.c makes its images */

extern char **environ;

static struct {
	struct pmem_region *region;
	u64 len;
	char why[500];
} judge;

static const char *because(const char *what, const char *detail)
{
	snprintf(judge.why, sizeof(judge.why), "%s%s%.400s", what, *detail ? ": " : "", detail);
	return judge.why;
}

void judge_open(const void *image, u64 len)
{
	judge.region = world_boot(image, len);
	judge.len = len;
	sim_snapshot_take();
}

void judge_close(void)
{
	sim_snapshot_drop();
}

static void put_words(const struct crash_state *s)
{
	for (u32 k = 0; k < s->nr_words; k++)
		((u64 *)judge.region->virt)[s->words[k].at] = s->words[k].value;
}

static void put_pages(const struct crash_model *m)
{
	const u32 *pages;
	u32 nr = crash_model_changed(m, &pages);

	for (u32 k = 0; k < nr; k++)
		memcpy((char *)judge.region->virt + pages[k] * PAGE_SIZE,
			(const char *)crash_model_durable(m) + pages[k] * PAGE_SIZE, PAGE_SIZE);
}

void judge_load(struct crash_model *m, const struct crash_state *s, const struct crash_model *over,
	const struct crash_state *t)
{
	const u32 *pages;

	sim_snapshot_restore();
	if (crash_model_changed(m, &pages) > REBASE_PAGES && !over) {
		judge_close();
		judge_open(crash_model_durable(m), judge.len);
		crash_model_rebase(m);
	}
	put_pages(m);
	put_words(s);
	if (!over)
		return;
	put_pages(over);
	put_words(t);
}

/* --- what is there --- */

/* Each entry of a directory must be a name that the oracle knows, or a filler. */
struct listing {
	u32 dir; /* 1 + its name; 0: the root */
	const char *unknown;
};

static int check_entry(
	void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	struct listing *l = arg;
	static char text[300];
	char path[300];

	snprintf(text, sizeof(text), "%.*s", (int)len, name);
	if (!strcmp(text, ".") || !strcmp(text, "..") || (!l->dir && !strcmp(text, "lost+found")) ||
		(l->dir == NR_DIRS && !strncmp(text, "fill", 4)))
		return 0;
	for (u32 k = 0; k < NR_NAMES; k++) {
		oracle_path(k, path);
		if (oracle_parent(k) == l->dir && !strcmp(strrchr(path, '/') + 1, text))
			return 0;
	}
	l->unknown = text;
	return 1;
}

static const char *check_listing(u32 dir, const char *path)
{
	struct listing l = {.dir = dir};
	struct file *f;
	int err = vfs_open(NULL, path, O_RDONLY_ | O_DIRECTORY_, 0, &f);

	if (!err) {
		err = vfs_readdir(f, check_entry, &l);
		file_put(f);
	}
	if (err)
		return because("a directory cannot be read", path);
	return l.unknown ? because("nobody made", l.unknown) : NULL;
}

static struct inode *named(u32 name)
{
	struct inode *i;
	char path[300];

	oracle_path(name, path);
	return vfs_lookup(NULL, path, false, &i) ? NULL : i;
}

/* Those that can be read are those that are listed. */
static bool find_attributes(struct inode *i, struct found *found)
{
	char value[VALUE_MAX + 1];
	ssize_t n, listed = 0;

	for (u32 k = 0; k < NR_ATTRIBUTES; k++) {
		n = vfs_getxattr(i, oracle_attributes[k], value, sizeof(value));
		if (n == -ENODATA)
			continue;
		if (n < 0)
			return false;
		found->attributes[k] = oracle_sum(value, (u32)n);
		listed += (ssize_t)strlen(oracle_attributes[k]) + 1;
	}
	return vfs_listxattr(i, NULL, 0) == listed;
}

static enum node_kind kind_of(u32 mode)
{
	return mode_is_reg(mode)    ? NODE_FILE
		: mode_is_dir(mode) ? NODE_DIR
		: mode_is_lnk(mode) ? NODE_LINK
				    : NODE_DEVICE;
}

static u64 parent_of(const char *path)
{
	char up[310];
	struct inode *i;
	u64 ino;

	snprintf(up, sizeof(up), "%s/..", path);
	if (vfs_lookup(NULL, up, false, &i))
		return 0;
	ino = i->ino;
	iput(i);
	return ino;
}

static const char *find(u32 name, struct found *found)
{
	char path[300];
	struct inode *i;
	ssize_t n = 0;
	bool good;
	int err;

	oracle_path(name, path);
	memset(found, 0, sizeof(*found));
	err = vfs_lookup(NULL, path, false, &i);
	if (err)
		return err == -ENOENT ? NULL : because("a look-up fails", path);
	found->kind = (u8)kind_of(i->mode);
	found->ino = i->ino;
	found->size = inode_size(i);
	found->mode = i->mode;
	found->nlink = i->nlink;
	found->rdev = i->rdev;
	good = found->kind == NODE_LINK || found->kind == NODE_DEVICE || find_attributes(i, found);
	iput(i);
	if (!good)
		return because("attributes cannot be read", path);
	found->parent = found->kind == NODE_DIR ? parent_of(path) : 0;
	if (found->kind == NODE_LINK)
		n = vfs_readlink(NULL, path, found->target, sizeof(found->target) - 1);
	if (n < 0)
		return because("a link cannot be read", path);
	return found->kind == NODE_DIR ? check_listing(name + 1, path) : NULL;
}

static bool read_page(u32 name, u32 page, u64 *words)
{
	struct inode *i = named(name);
	ssize_t n;

	if (!i)
		return false;
	memset(words, 0, PAGE_SIZE);
	n = vfs_kread(i, words, PAGE_SIZE, page * PAGE_SIZE);
	iput(i);
	return n > 0;
}

/* Mounted. */
static const char *look(void)
{
	struct found found[NR_NAMES];
	const char *bad = check_listing(0, "/");

	for (u32 k = 0; k < NR_NAMES && !bad; k++)
		bad = find(k, &found[k]);
	return bad ? bad : oracle_judge(found, read_page);
}

const char *judge_recovery(struct trace *record)
{
	u64 memory = kmem_bytes_in_use();
	char why[160] = "";
	const char *bad;

	if (record) {
		record->region = judge.region->virt;
		record->region_len = judge.len;
		trace_record(record);
	}
	if (world_mount(judge.region, why)) {
		trace_record(NULL);
		return because("the mount is refused", why);
	}
	trace_record(NULL);
	bad = look();
	if (vfs_unmount_all() && !bad)
		bad = because("the unmount fails", "");
	if (!bad && kmem_bytes_in_use() != memory)
		bad = because("memory is lost", "");
	return bad;
}

/* --- e2fsck --- */

static bool save(const char *path)
{
	FILE *f = fopen(path, "wb");

	return f && fwrite(judge.region->virt, 1, judge.len, f) == judge.len && !fclose(f);
}

static bool load(const char *path)
{
	char page[PAGE_SIZE], *at = judge.region->virt;
	FILE *f = fopen(path, "rb");
	u64 n = 0;

	/* Through a buffer: the host's kernel cannot write to a page that the snapshot protects. */
	for (; f && n < judge.len && fread(page, 1, PAGE_SIZE, f) == PAGE_SIZE; n += PAGE_SIZE)
		if (memcmp(at + n, page, PAGE_SIZE))
			memcpy(at + n, page, PAGE_SIZE);
	if (f)
		fclose(f);
	return n == judge.len;
}

/* Exit status; what it says goes to text. backup: goes by the second superblock. */
static int fsck(const char *dir, const char *how, bool backup, char *text, size_t size)
{
	char image[120], log[120];
	char *argv[] = {"e2fsck", (char *)how, image, backup ? "-b" BACKUP_BLOCK : NULL, "-B4096", NULL};
	posix_spawn_file_actions_t io;
	int status = -1;
	size_t n = 0;
	pid_t pid;
	FILE *f;

	snprintf(image, sizeof(image), "%s/%d.img", dir, getpid());
	snprintf(log, sizeof(log), "%s/%d.log", dir, getpid());
	posix_spawn_file_actions_init(&io);
	posix_spawn_file_actions_addopen(&io, 0, "/dev/null", 0, 0);
	posix_spawn_file_actions_addopen(&io, 1, log, 01 | 0100 | 01000, 0600); /* write, create, truncate */
	posix_spawn_file_actions_adddup2(&io, 1, 2);
	if (!posix_spawnp(&pid, argv[0], &io, NULL, argv, environ))
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&io);
	f = fopen(log, "r");
	if (f) {
		n = fread(text, 1, size - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	unlink(log);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What it asks about after any power failure, also Linux's: the superblock's free counts are as old as the mount (those of the groups count), and
 * the orphan file was in use. */
static bool usual(const char *line)
{
	static const char *const asked[] = {"Free blocks count wrong (", "Free inodes count wrong (",
		"Feature orphan_present is set but orphan file is clean", "Orphan file (inode "};

	for (u32 k = 0; k < ARRAY_SIZE(asked); k++)
		if (!strncmp(line, asked[k], strlen(asked[k])))
			return true;
	return false;
}

/* What e2fsck had to repair; NULL: it has replayed the log and finished orphans, no more. */
static const char *repair_in(char *text)
{
	const char *before = "";

	for (char *line = strtok(text, "\n"); line; before = line, line = strtok(NULL, "\n")) {
		if (strstr(line, "FIXED") || strstr(line, "WARNING"))
			return line;
		if ((strstr(line, "? yes") || strstr(line, "? no")) && !strstr(line, "Optimize?") &&
			!usual(before))
			return *before ? before : line;
	}
	return NULL;
}

bool judge_is_torn(void)
{
	const struct ext4_super *sb = (const void *)((const char *)judge.region->virt + EXT4_SUPER_OFFSET);

	return (sb->s_feature_ro_compat & EXT4_RO_METADATA_CSUM) && sb->s_checksum != ext4_super_csum(sb);
}

const char *judge_left(const char *dir)
{
	char image[120], text[4000];
	const char *bad = NULL, *line;

	snprintf(image, sizeof(image), "%s/%d.img", dir, getpid());
	if (!save(image))
		return because("an image cannot be written", image);
	if (fsck(dir, "-fn", false, text, sizeof(text))) {
		line = repair_in(text);
		bad = because("e2fsck -fn finds after it", line ? line : text);
	}
	unlink(image);
	return bad;
}

/* A fault of e2fsck (1.47), on any image: of a file whose truncate it completes it frees the block of extended attributes too, and finds
 * the number of blocks wrong then. That the recovery of ours keeps them is judged elsewhere. */
static bool gave_attributes_away(int status, const char *text)
{
	return status == 1 && strstr(text, "Truncating orphaned inode") && strstr(text, ", i_blocks is ");
}

const char *judge_by_fsck(const char *dir)
{
	char image[120], text[4000], why[160] = "";
	const char *bad = NULL, *line;
	int status;

	snprintf(image, sizeof(image), "%s/%d.img", dir, getpid());
	if (!save(image))
		return because("an image cannot be written", image);
	status = fsck(dir, "-fy", judge_is_torn(), text, sizeof(text));
	if (gave_attributes_away(status, text)) {
		unlink(image);
		return NULL;
	}
	/* From a backup it goes on as it sees fit. Where damage is recorded it trusts no list of orphans, and finds them by itself. */
	line = judge_is_torn() || (oracle_damaged() && strstr(text, "has zero dtime")) ? NULL
										       : repair_in(text);
	if (status >= 4 || status < 0 || line)
		bad = because("e2fsck -fy", line ? line : text);
	else if (fsck(dir, "-fn", false, text, sizeof(text)))
		bad = because("e2fsck -fn finds after e2fsck -fy", text);
	else if (!load(image) || world_mount(judge.region, why))
		bad = because("what e2fsck has recovered cannot be mounted", why);
	unlink(image);
	if (bad)
		return bad;
	bad = look();
	vfs_unmount_all();
	return bad ? because("after e2fsck -fy", strcpy(text, bad)) : NULL;
}
