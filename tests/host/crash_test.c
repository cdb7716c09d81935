/* SPDX-License-Identifier: MIT */
/*
 * Power failures: operations on a file system with a journal, in front of every fence (and now and then elsewhere) some of the states that the
 * persistent memory may be left in (host/crash_model.h), each given to a process of its own that boots from it. There
 * - the mount must succeed, by recovery alone;
 * - names are those after some operation between the last acknowledged fsync or sync and now: every operation is whole or not there;
 * - a file that was acknowledged has its data; any other has its data or zeros, never what its blocks held before;
 * - e2fsck -fn, asked about a part of them, finds nothing.
 *
 *	crash_test [STATES [SEED]]
 */
#include "host/unit.h"

#include <sys/wait.h>

#include "fs/ext4/ext4_priv.h"
#include "host/crash_model.h"
#include "tests/host/ext4_image.h"

#define BLOCKS 2048u
#define NAMES 24u    /* in "/" and "/d", alternately */
#define HISTORY 512u /* operations */
#define FSCK_EVERY 40u
#define NR_SAMPLES 6u /* of the states at one point */
#define GARBAGE 0xdeadbeefdeadbeefull

struct name {
	u32 file; /* its number; 0: there is none */
	u32 pages;
	bool kept; /* acknowledged, and not written since */
};

/* After each operation: what is there. */
static struct name history[HISTORY][NAMES];
static u32 now, acknowledged; /* operations; the newest that must survive */
static u32 files;             /* numbers given so far */

static struct {
	struct crash_model *model;
	u64 seed, events, states, duplicates, failures, fscks, states_max;
	u64 hashes[1 << 16];
	bool off;
} crash;

static void path_of(u32 name, char path[24])
{
	snprintf(path, 24, name % 2 ? "/d/n%u" : "/n%u", name);
}

/* --- after the failure, in a process of its own --- */

static bool content_ok(u32 name, const struct name *n)
{
	char path[24];
	struct file *f;
	u64 word;

	path_of(name, path);
	f = fs_open(path, O_RDONLY_);
	if (!f)
		return false;
	if (n->kept && inode_size(f->inode) != n->pages * PAGE_SIZE)
		return false;
	for (u64 pos = 0; pos < inode_size(f->inode); pos += 512) {
		if (vfs_kread(f->inode, &word, sizeof(word), pos) != sizeof(word))
			return false;
		if (word != n->file * 1000003ull + pos / PAGE_SIZE && (n->kept || word))
			return false;
	}
	file_put(f);
	return true;
}

/* Is the tree that was found the one after operation `op`? */
static bool is_state(u32 op)
{
	char path[24];

	for (u32 k = 0; k < NAMES; k++) {
		path_of(k, path);
		if (fs_exists(path) != (history[op][k].file != 0))
			return false;
	}
	for (u32 k = 0; k < NAMES; k++)
		if (history[op][k].file && !content_ok(k, &history[op][k]))
			return false;
	return true;
}

/* Exit status of the child: 0, or what is wrong. */
enum { BAD_MOUNT = 1, BAD_STATE, BAD_UNMOUNT, BAD_FSCK };

static int survive(const struct crash_state *s, bool fsck)
{
	bool found = false;

	sim_init(&(struct sim_config){.ram = 8 << 20, .pmem = (BLOCKS + 16) * EXT4_BLOCK_SIZE});
	sim_boot_mm();
	sim_boot_fs();
	image.region = sim_add_pmem(BLOCKS * EXT4_BLOCK_SIZE, "", 1);
	memcpy(image.region->virt, crash_model_durable(crash.model), BLOCKS * EXT4_BLOCK_SIZE);
	for (u32 k = 0; k < s->nr_words; k++)
		((u64 *)image.region->virt)[s->words[k].at] = s->words[k].value;
	if (image_mount(false)) {
		diag("%s", image.why);
		return BAD_MOUNT;
	}
	for (u32 op = acknowledged; op <= now && !found; op++)
		found = is_state(op);
	if (!found)
		return BAD_STATE;
	if (image_unmount())
		return BAD_UNMOUNT;
	if (!fsck)
		return 0;
	snprintf(image.path, sizeof(image.path), "%s/after", image.dir);
	image_save();
	return image_fsck() ? 0 : BAD_FSCK;
}

static bool fail_in(void *arg UNUSED, const struct crash_state *s)
{
	static const char *const what[] = {"?", "the mount is refused", "no allowed state",
		"the unmount fails", "e2fsck finds something"};
	u64 *slot = &crash.hashes[s->hash % ARRAY_SIZE(crash.hashes)];
	const bool fsck = crash.states % FSCK_EVERY == 0;
	int status;
	pid_t pid;

	if (crash.states >= crash.states_max || crash.failures >= 5)
		return false;
	if (*slot == s->hash) {
		crash.duplicates++;
		return true;
	}
	*slot = s->hash;
	crash.states++;
	crash.fscks += fsck;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		pmem_sim_observe(NULL);
		_exit(survive(s, fsck));
	}
	if (waitpid(pid, &status, 0) != pid || status) {
		u32 why = WIFEXITED(status) ? (u32)WEXITSTATUS(status) : 0;

		crash.failures++;
		diag("event %llu, after operation %u (acknowledged %u): %s", (unsigned long long)crash.events,
			now, acknowledged, what[why < ARRAY_SIZE(what) ? why : 0]);
	}
	return true;
}

static void on_event(enum pmem_sim_event event, const void *p, size_t n)
{
	crash.events++;
	if (event != PMEM_SIM_FENCE)
		crash_model_event(crash.model, cpu_id(), event, p, n);
	if (!crash.off && (event == PMEM_SIM_FENCE || !test_random(&crash.seed, 40)))
		crash_model_states(crash.model, NR_SAMPLES, &crash.seed, fail_in, NULL);
	if (event == PMEM_SIM_FENCE)
		crash_model_event(crash.model, cpu_id(), event, p, n);
}

/* --- before it --- */

static void fill(struct file *f, u32 file, u32 pages)
{
	static u64 buf[PAGE_SIZE / 8];

	for (u32 p = 0; p < pages; p++) {
		for (u32 k = 0; k < ARRAY_SIZE(buf); k++)
			buf[k] = file * 1000003ull + p;
		vfs_kwrite(f->inode, buf, PAGE_SIZE, (u64)p * PAGE_SIZE);
	}
}

static void acknowledge(void)
{
	for (u32 k = 0; k < NAMES; k++)
		history[now][k].kept = history[now][k].file != 0;
	acknowledged = now;
}

/* The next operation has been made: until its effect is complete both states are allowed. */
static struct name *begin_step(void)
{
	memcpy(history[now + 1], history[now], sizeof(history[0]));
	now++;
	return history[now];
}

static void write_anew(struct name *names, u32 k, u32 pages)
{
	char path[24];
	struct file *f;

	path_of(k, path);
	if (names[k].file)
		return;
	names[k] = (struct name){.file = ++files, .pages = pages};
	if (vfs_open(NULL, path, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f))
		return;
	fill(f, names[k].file, pages);
	if (files % 3 == 0) { /* data through write(2) is durable; names and all that came before by fsync */
		vfs_fsync(f->inode, 0, RANGE_LAST, false);
		acknowledge();
	}
	file_put(f);
}

static void step(u64 *seed)
{
	u32 a = test_random(seed, NAMES), b = test_random(seed, NAMES);
	char from[24], to[24];
	struct name *names = begin_step();

	path_of(a, from);
	path_of(b, to);
	switch (test_random(seed, 8)) {
	case 0:
		if (names[a].file) {
			names[a].file = 0;
			vfs_unlink(NULL, from);
		}
		break;
	case 1:
	case 2:
		if (names[a].file && a != b) {
			names[b] = names[a];
			names[a].file = 0;
			vfs_rename(NULL, from, NULL, to, 0);
		}
		break;
	case 3:
		vfs_sync_all();
		acknowledge();
		break;
	default:
		write_anew(names, a, 1 + test_random(seed, 6));
	}
}

/* Free blocks hold what must never be seen. */
static void soil(void)
{
	static u64 buf[PAGE_SIZE / 8];
	struct file *f;

	for (u32 k = 0; k < ARRAY_SIZE(buf); k++)
		buf[k] = GARBAGE;
	if (vfs_open(NULL, "/soil", O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f))
		return;
	for (u64 p = 0; vfs_kwrite(f->inode, buf, PAGE_SIZE, p * PAGE_SIZE) == (ssize_t)PAGE_SIZE; p++)
		;
	file_put(f);
	vfs_unlink(NULL, "/soil");
	vfs_sync_all();
}

int main(int argc, char **argv)
{
	u64 seed = argc > 2 ? (u64)atoi(argv[2]) : 1;

	crash.states_max = argc > 1 ? (u64)atoi(argv[1]) : 400;
	crash.seed = seed;
	image_begin();
	image_make(BLOCKS, "");
	image_start("crash");
	soil();
	vfs_mkdir(NULL, "/d", 0755);
	vfs_sync_all();
	crash.model = crash_model_create(image.region->virt, image.region->len);
	pmem_sim_observe(on_event);
	while (now + 1 < HISTORY && crash.states < crash.states_max && crash.failures < 5)
		step(&seed);
	crash.off = true;
	pmem_sim_observe(NULL);
	is(crash.failures, 0,
		"%llu states of a power failure after %u operations (%llu more were duplicates, %llu judged "
		"by "
		"e2fsck): each recovers",
		(unsigned long long)crash.states, now, (unsigned long long)crash.duplicates,
		(unsigned long long)crash.fscks);
	ok(crash.states >= crash.states_max, "as many as were asked for");
	crash_model_destroy(crash.model);
	image_stop();
	image_end();
	return done_testing();
}
