/* SPDX-License-Identifier: MIT */
/*
 * The simulated machine: what stands behind kernel/cpu/cpu.h, kernel/thread.h, kernel/sync/spinlock.h, kernel/log.h and
 * drivers/pmem.h in hosted builds. Clients: unit tests, fuzzers and the race explorer.
 *
 * Rule: everything that simulated code may change lies in one arena at a fixed address: RAM, pmem, struct mm_state and fs_state,
 * CPUs with their TLBs, threads and their stacks. So a snapshot of the arena is a snapshot of the world, and restoring it brings
 * every pointer back. The host process is single-threaded: simulated threads are coroutines, exactly one runs at a time, and it
 * gives way only at *points*: where it blocks, yields or waits, and at the accesses that sim_set_point_hook() chooses.
 *
 * A test program:
 *	sim_init(NULL);               machine with default sizes
 *	sim_boot_mm();                mm_state, pmm, kmem
 *	sim_boot_fs();                fs_state
 *	r = sim_add_pmem_file("x.img", 0);
 *	...                           kernel functions may be called straight from main(): it is the boot thread, on CPU 0
 *	sim_spawn("a", fn, arg, mm, 1);
 *	ok(sim_run() == SIM_ALL_DONE, "no deadlock");
 */
#ifndef HOST_SIM_H
#define HOST_SIM_H

#include "drivers/pmem.h"
#include "kernel/thread.h"
#include "mm/pagetable.h"

#define SIM_MAX_THREADS 64
#define SIM_TLB_ENTRIES 16

struct sim_config {
	u64 ram;       /* bytes of simulated RAM; default 16 MiB */
	u64 pmem;      /* bytes reserved for pmem regions; default 64 MiB */
	unsigned cpus; /* default 4 */
	size_t stack;  /* bytes per thread; default 64 KiB, 256 KiB under ASan */
	u64 seed;      /* of the default scheduler; default 1, or the environment's SIM_SEED */
};

/* Makes the machine; zero fields of cfg, or a NULL cfg, take the defaults. Called again it starts over with an empty machine. */
void sim_init(const struct sim_config *cfg);
/* mm_state, pmm with all simulated RAM, kmem. Linked only by programs that use mm. */
void sim_boot_mm(void);
void sim_boot_fs(void);

/* Zeroed memory inside the arena that is never freed (instance structs). */
void *sim_static_alloc(size_t n);

/* Registers a pmem region of len bytes (rounded up to pages) that starts with the given image. NULL: no room. */
struct pmem_region *sim_add_pmem(u64 len, const void *image, size_t image_len);
/* The same from a file; len 0: as long as the file. NULL: cannot be read. */
struct pmem_region *sim_add_pmem_file(const char *path, u64 len);

/* Threads. cpu < cpus; threads that share a CPU preempt one another only at points with preemption on. */
enum sim_state {
	SIM_NEW,      /* not started */
	SIM_READY,    /* at a point; may go on */
	SIM_BLOCKED,  /* in thread_block() until thread_wake() */
	SIM_SPINNING, /* waits for a spinlock; may go on when that is free */
	SIM_IPI_WAIT, /* waits for acknowledgments; may go on when all came */
	SIM_SLEEPING, /* thread_sleep_ns() */
	SIM_DEAD,
};
struct spinlock;
struct sim_thread {
	struct thread t; /* first */
	enum sim_state state;
	unsigned cpu;
	unsigned index;
	bool wake_pending, block_prepared;
	unsigned irq_off, preempt_off;
	struct spinlock *spin; /* SIM_SPINNING */
	unsigned ipi_left;     /* SIM_IPI_WAIT */
	u64 wake_time;         /* SIM_SLEEPING */
	void (*fn)(void *);
	void *arg;
	void *sp; /* saved stack pointer */
	u8 *stack;
	size_t stack_size;
};
/* NULL: SIM_MAX_THREADS exist. thread_create() is this with the CPUs in turn. */
struct sim_thread *sim_spawn(const char *name, void (*fn)(void *), void *arg, struct mm *mm, unsigned cpu);
/* A new thread's CPU counts as busy with it from now on, as if it ran user code: interrupts to it have to wait. */
void sim_occupy(struct sim_thread *t);
struct sim_thread *sim_thread(unsigned i); /* NULL past the last; 0 is the boot thread */
struct sim_thread *sim_current(void);
/* The boot thread works in this address space from now on (NULL: none), on CPU 0. */
void sim_set_boot_mm(struct mm *mm);
unsigned sim_set_boot_cpu(unsigned cpu);

/* From now on reading the clock does not advance it: a reading no longer tells how many there were before. */
void sim_stop_clock(void);

/* The default scheduler: picks among the runnable at random, by the seed, until nobody is left. */
enum sim_result { SIM_ALL_DONE, SIM_DEADLOCK, SIM_LIVELOCK };
enum sim_result sim_run(void);
/* Who waits for what and holds what, on stderr, for test diagnostics. */
void sim_print_threads(void);

/*
 * Points. The hook is asked at each one whether the running thread shall pause there; NULL: the default scheduler's
 * choice (one in eight). Never asked in the boot thread, nor inside an IPI.
 */
enum sim_point { SIM_POINT_ACCESS, SIM_POINT_LOCK, SIM_POINT_USER };
typedef bool (*sim_point_fn)(struct sim_thread *t, enum sim_point what, const volatile void *obj, bool write);
void sim_set_point_hook(sim_point_fn fn);
/* Asks the hook, pauses if it says so. */
void sim_point(enum sim_point what, const volatile void *obj, bool write);
/* Pauses the running thread as READY without asking. */
void sim_pause(void);

/* For controllers (the explorer): may t go on; let it run to its next pause; its state tells the rest. Boot thread only. */
bool sim_can_run(const struct sim_thread *t);
void sim_resume(struct sim_thread *t);
/* Interrupts that CPU `cpu` has not taken yet; take the oldest now. An idle CPU never has any. */
unsigned sim_ipi_pending(unsigned cpu);
bool sim_ipi_can_deliver(unsigned cpu);
void sim_ipi_deliver(unsigned cpu);
/* Store buffers, in the build that has them: stores of CPU `cpu` that are not in memory yet; the oldest, or all, reach it now. */
unsigned sim_stores_pending(unsigned cpu);
void sim_stores_drain_one(unsigned cpu);
void sim_stores_drain(unsigned cpu);
/* The same build: forgets what the last run touched; a fresh start state. Then, in the end: prints the accesses to shared
 * state that are neither marked nor ordered; their number. 0 in other builds. */
void sim_unmarked_restart(void);
unsigned sim_unmarked_report(void);
/* What panic() does instead of abort() in a simulated thread; NULL: abort. Must not return: switches away for good. */
void sim_set_panic_hook(void (*fn)(const char *text));
/* Ends the running coroutine for good from any depth (panic hook). */
void sim_abandon(void) NORETURN;

/* Loads from this page of persistent memory raise a machine check from now on, in the TLB's users and in cpu_copy_from_pmem(). One page at a
 * time; 0: none. */
void sim_break_page(paddr_t a);

/* TLBs, one per CPU. A stale entry is used as hardware would. */
struct sim_tlb_entry {
	bool valid;
	unsigned order;
	paddr_t root;
	uaddr_t page;
	pte_t pte;
};
const struct sim_tlb_entry *sim_tlb(unsigned cpu, unsigned i);

/*
 * Snapshots. One at a time: taking one write-protects the arena; the first store to a page afterwards saves it and
 * marks it; restore copies the marked pages back (they stay marked, so the set becomes stable and later runs take no
 * faults). Boot thread only. No thread may be between start and end, or its stack would be lost.
 */
void sim_snapshot_take(void);
void sim_snapshot_restore(void);
void sim_snapshot_drop(void);
unsigned sim_snapshot_dirty_pages(void);
/* Is everything as at the snapshot? */
bool sim_snapshot_matches(void);

#endif
