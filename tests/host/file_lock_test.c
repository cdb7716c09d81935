/* SPDX-License-Identifier: MIT */
/* Advisory locks: ranges that are cut and merged, against a model that knows every byte; owners, kinds, and what a release leaves. */
#include "host/unit.h"

#include "fs/dax.h"
#include "fs/file_lock.h"
#include "fs/state.h"
#include "fs/tmpfs.h"
#include "host/sim.h"
#include "kernel/instance.h"
#include "mm/kmem.h"

#define BYTES 24
#define OWNERS 3
#define STEPS 4000

static struct inode *file;
static const char owners[OWNERS];
static enum file_lock_type model[OWNERS][BYTES]; /* FILE_LOCK_NONE: free */

static unsigned next_random(unsigned below)
{
	static u64 seed = 7;

	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % below;
}

static struct file_lock lock(unsigned who, enum file_lock_type type, u64 first, u64 last)
{
	return (struct file_lock){FILE_LOCK_PROCESS, type, &owners[who], (i32)who, first, last};
}

static bool conflicts(unsigned who, enum file_lock_type type, u64 at)
{
	for (unsigned o = 0; o < OWNERS; o++)
		if (o != who && model[o][at] != FILE_LOCK_NONE &&
			(model[o][at] == FILE_LOCK_WRITE || type == FILE_LOCK_WRITE))
			return true;
	return false;
}

/* Each byte, asked for by each owner, both ways. */
static bool same_as_model(void)
{
	for (unsigned who = 0; who < OWNERS; who++) {
		for (u64 at = 0; at < BYTES; at++) {
			for (enum file_lock_type t = FILE_LOCK_READ; t <= FILE_LOCK_WRITE; t++) {
				struct file_lock l = lock(who, t, at, at);

				file_lock_test(file, &l);
				if ((l.type != FILE_LOCK_NONE) != conflicts(who, t, at))
					return false;
			}
		}
	}
	return true;
}

static bool step(void)
{
	unsigned who = next_random(OWNERS);
	enum file_lock_type type = (enum file_lock_type)next_random(3);
	u64 first = next_random(BYTES), last = first + next_random(BYTES - (unsigned)first);
	struct file_lock l = lock(who, type, first, last);
	int want = 0, got;

	for (u64 at = first; at <= last && type != FILE_LOCK_NONE; at++)
		if (conflicts(who, type, at))
			want = -EAGAIN;
	got = file_lock_set(file, &l, false);
	for (u64 at = first; at <= last && !want; at++)
		model[who][at] = type;
	return got == want && same_as_model();
}

static void test_ranges(void)
{
	unsigned k;

	for (unsigned o = 0; o < OWNERS; o++)
		for (unsigned at = 0; at < BYTES; at++)
			model[o][at] = FILE_LOCK_NONE;
	for (k = 0; k < STEPS && step(); k++)
		;
	is(k, STEPS, "random locks, every byte as the model has it");
	for (unsigned o = 0; o < OWNERS; o++) {
		file_locks_release(file, FILE_LOCK_PROCESS, &owners[o]);
		for (unsigned at = 0; at < BYTES; at++)
			model[o][at] = FILE_LOCK_NONE;
	}
	ok(same_as_model(), "released");
}

static void test_kinds(void)
{
	struct file_lock a = lock(0, FILE_LOCK_WRITE, 0, FILE_LOCK_END), b = a, c = a;

	b.kind = FILE_LOCK_OPEN_FILE;
	c.kind = FILE_LOCK_WHOLE;
	is(file_lock_set(file, &a, false), 0, "a process's lock");
	is(file_lock_set(file, &b, false), -EAGAIN, "an open file's lock conflicts, also of the same owner");
	is(file_lock_set(file, &c, false), 0, "a whole-file lock does not");
	b.first = 5;
	file_lock_test(file, &b);
	ok(b.kind == FILE_LOCK_PROCESS && b.first == 0 && b.last == FILE_LOCK_END, "who is in the way");
	file_locks_release(file, FILE_LOCK_PROCESS, &owners[0]);
	c.owner = &owners[1];
	is(file_lock_set(file, &c, false), -EAGAIN, "the whole-file lock stays");
	file_locks_release(file, FILE_LOCK_WHOLE, &owners[0]);
	is(file_lock_set(file, &c, false), 0, "until it is released");
	file_locks_release(file, FILE_LOCK_WHOLE, &owners[1]);
}

int main(void)
{
	struct super *super;
	u64 bytes;

	sim_init(NULL);
	sim_boot_mm();
	sim_boot_fs();
	dax_config()->lock_ops = dax_lock_find("range");
	kmem_trim();
	bytes = kmem_bytes_in_use();
	is(tmpfs_create(10, &super), 0, "a file system");
	is(vfs_mount(super, "/"), 0, "mounted");
	is(tmpfs_new_file(super, 0, &file), 0, "a file");
	test_ranges();
	test_kinds();
	iput(file);
	is(vfs_unmount_all(), 0, "unmounted");
	kmem_trim();
	is(kmem_bytes_in_use(), bytes, "nothing is left");
	return done_testing();
}
