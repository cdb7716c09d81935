/* SPDX-License-Identifier: MIT */
/*
 * Commits what the journals of the mounted file systems hold, every few seconds: whoever does not call fsync loses no more than that
 * when the machine stops. Data stored through mappings is left alone: write-protecting it would cost every program its faults.
 *
 * No wake-up is lost: the thread is prepared to block before it looks at `stop`.
 */
#include "kernel/proc/flusher.h"

#include "fs/vfs.h"
#include "kernel/cpu/cpu.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/errno.h"

#define INTERVAL_NS (5 * NS_PER_SECOND)
#define STOP_POLL_NS 1000000ull

static struct {
	struct thread *thread;
	_Atomic(bool) stop, stopped;
} flusher;

static void flusher_main(void *arg UNUSED)
{
	for (;;) {
		thread_prepare_block();
		if (atomic_load(&flusher.stop)) {
			thread_cancel_block();
			break;
		}
		thread_block_until(time_ns() + INTERVAL_NS);
		vfs_commit_all();
	}
	atomic_store(&flusher.stopped, true);
}

int flusher_start(void)
{
	flusher.thread = thread_create("flusher", flusher_main, NULL, NULL);
	if (!flusher.thread)
		return -ENOMEM;
	thread_wake(flusher.thread);
	return 0;
}

void flusher_stop(void)
{
	if (!flusher.thread)
		return;
	atomic_store(&flusher.stop, true);
	thread_wake(flusher.thread);
	while (!atomic_load(&flusher.stopped))
		thread_sleep_ns(STOP_POLL_NS);
	flusher.thread = NULL;
}
