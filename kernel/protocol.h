/* SPDX-License-Identifier: MIT */
/*
 * Protocol steps: the named points of the fault/truncate protocol.
 *
 * PROTOCOL_STEP(CHECK_SIZE) is the trace point, the explorer's scheduling point,
 * the delay point of stress runs and the probe of latency histograms. It stands *before* the
 * action that it names. Rule: never under a spinlock and never with interrupts or preemption off, because the
 * explorer may run another thread there. Off it costs one predicted branch.
 *
 * SHARED_READ/SHARED_WRITE(p) mark accesses to shared protocol state (page-table entries, i_size, block
 * map, range-lock words). They are scheduling points in the hosted explorer and nothing on hardware.
 */
#ifndef KERNEL_PROTOCOL_H
#define KERNEL_PROTOCOL_H

#include "lib/types.h"

#define PROTOCOL_STEPS(X)                                 \
	X(LOCK, "take the DAX lock")                      \
	X(UNLOCK, "drop the DAX lock")                    \
	X(CHECK_SIZE, "check i_size")                     \
	X(LOOKUP, "look the block up")                    \
	X(ALLOC, "allocate a block")                      \
	X(ZERO_BLOCK, "zero the new block")               \
	X(UNMAP_ZERO, "unmap the zero page everywhere")   \
	X(TAG_DIRTY, "tag the page dirty")                \
	X(SET_PTE, "set the PTE")                         \
	X(COPY_COW, "copy the block for a private write") \
	X(UNMAP, "unmap the range everywhere")            \
	X(SHOOTDOWN, "shoot down TLBs, await every CPU")  \
	X(SET_SIZE, "set i_size")                         \
	X(ZERO_TAIL, "zero the tail of the last page")    \
	X(FREE, "free the blocks")                        \
	X(SHIFT, "shift the blocks behind")               \
	X(UNWRITE, "make the blocks unwritten")           \
	X(COPY_DATA, "copy between user and block")       \
	X(WRPROTECT, "write-protect everywhere")          \
	X(FLUSH, "flush the lines")                       \
	X(FENCE, "fence")                                 \
	X(CLEAR_TAG, "clear the dirty tag")               \
	X(COPY_PTE, "copy a PTE to the child")            \
	X(MOVE_PTE, "move the PTEs")                      \
	X(PIN_LOOKUP, "look the PTE up for a pin")        \
	X(PIN, "take the pin")                            \
	X(FIND_PINS, "look for pins")                     \
	X(DMA, "the device copies")                       \
	X(UNPIN, "drop the pin")                          \
	X(COMMIT_MAP, "commit the block map")             \
	X(POISON, "list the page as bad")                 \
	X(USER_LOAD, "load through the mapping")          \
	X(USER_STORE, "store through the mapping")        \
	X(OP, "begin the operation")

enum protocol_step {
#define X(name, text) STEP_##name,
	PROTOCOL_STEPS(X)
#undef X
		NR_STEPS
};

/* "CHECK_SIZE" and "check i_size". */
const char *protocol_step_name(enum protocol_step s);
const char *protocol_step_text(enum protocol_step s);

/* Non-zero while anybody (explorer, trace, delay injection) wants to see steps. */
extern _Atomic(u32) protocol_watchers;
void protocol_step(enum protocol_step s, u64 arg);
/* The same, and the steps that the thread takes from here on are about that file: an inode's number. */
void protocol_step_of(u64 file, enum protocol_step s, u64 arg);

struct explore_thread;
struct thread;
/* Who is told of steps of threads that the explorer drives (thread->explore != NULL). NULL: nobody. The caller
 * counts itself in protocol_watchers. */
typedef void (*protocol_hook_fn)(struct explore_thread *t, enum protocol_step s, u64 arg);
void protocol_set_hook(protocol_hook_fn fn);

/* Who is told of the steps of all other threads. NULL: nobody. It may not sleep. */
typedef void (*protocol_trace_fn)(struct thread *t, enum protocol_step s, u64 arg);
void protocol_set_tracer(protocol_trace_fn fn);

#define PROTOCOL_STEP_ARG(name, arg)                                                          \
	do {                                                                                  \
		if (unlikely(atomic_load_explicit(&protocol_watchers, memory_order_relaxed))) \
			protocol_step(STEP_##name, (arg));                                    \
	} while (0)
#define PROTOCOL_STEP(name) PROTOCOL_STEP_ARG(name, 0)
#define PROTOCOL_STEP_OF(file, name, arg)                                                     \
	do {                                                                                  \
		if (unlikely(atomic_load_explicit(&protocol_watchers, memory_order_relaxed))) \
			protocol_step_of((file), STEP_##name, (arg));                         \
	} while (0)

#ifdef FAULTLINE_HOSTED
void shared_access(const volatile void *p, bool write);
#define SHARED_READ(p) shared_access((p), false)
#define SHARED_WRITE(p) shared_access((p), true)
#else
#define SHARED_READ(p) ((void)0)
#define SHARED_WRITE(p) ((void)0)
#endif

#endif
