/* SPDX-License-Identifier: MIT */
/* Private to host/: the machine's state inside the arena, and what its files need of one another. */
#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H

#include "host/sim.h"
#include "kernel/sync/lockdep.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifndef SIM_ASAN
#define SIM_ASAN 0
#endif

/* The build whose atomic accesses all pass through host/tso/. */
#ifdef FAULTLINE_TSO
#define SIM_TSO 1
#else
#define SIM_TSO 0
#endif

#define SIM_MAX_CPUS 16
#define SIM_MAX_STORES 6 /* in one store buffer */
#define SIM_ORDERED 8    /* threads that the check of unmarked accesses tells apart */
#define SIM_MAX_IPIS 64

/* Physical addresses are offsets into the arena; RAM starts at 1 MiB, so that physical 0 is never valid. */
#define ARENA_BASE 0x200000000000ull
#define RAM_BASE 0x100000ull

struct sim_ipi {
	void (*fn)(void *);
	void *arg;
	struct sim_thread *from;
};

/* What a thread knows of the others' past: a vector clock. */
struct sim_clock {
	u32 at[SIM_ORDERED];
};

struct sim_store {
	u64 addr, value;
	unsigned size;
#if SIM_TSO
	bool release;
	struct sim_clock clock; /* of the storing thread */
#endif
};

struct sim_cpu {
	struct sim_store stores[SIM_MAX_STORES]; /* oldest first */
	unsigned nr_stores;
	struct sim_thread *current; /* started, and not blocked or dead; NULL: idle */
	struct mm *loaded_mm;
	paddr_t root;
	struct sim_tlb_entry tlb[SIM_TLB_ENTRIES];
	unsigned tlb_next; /* replaced next */
	struct sim_ipi ipis[SIM_MAX_IPIS];
	unsigned nr_ipis;
};

struct machine {
	struct sim_cpu cpus[SIM_MAX_CPUS];
	unsigned nr_cpus;
	struct sim_thread threads[SIM_MAX_THREADS];
#ifdef FAULTLINE_DEBUG
	struct lockdep_held held[SIM_MAX_THREADS];
#endif
	unsigned nr_threads;
	unsigned next_cpu; /* for thread_create() */
	struct sim_thread *running;
	bool switching;         /* between two threads, on the controller's stack: no points */
	int irq_cpu;            /* >= 0: an IPI handler runs on that CPU */
	unsigned irq_depth_off; /* interrupts off, nesting, inside a handler */
	u64 now;                /* ns */
	bool clock_stopped;
	u64 random; /* state of the default scheduler */
	paddr_t kernel_root;
	u64 pmem_start, pmem_next, pmem_end; /* arena offsets */
	/* set by sim_boot_mm(): programs without mm link without it */
	void (*switch_mm)(struct mm *prev, struct mm *next);
	int (*fault)(struct mm *mm, uaddr_t a, unsigned flags); /* 0: repaired */
	/* A load has met a bad page; may_sleep: it comes from a user program, or could fault. */
	void (*machine_check)(paddr_t a, bool may_sleep);
	paddr_t bad_page; /* sim_break_page(); 0: none */
};
extern struct machine *sim_machine;

/* Store buffers (store_buffer.c), all of the CPU that code now runs on. An atomic store of 1, 2, 4 or 8 bytes. */
void sim_store(volatile void *p, u64 value, unsigned size, bool release);
/* The value that a load there gets from the buffer; false: it reads memory. */
bool sim_store_forward(const volatile void *p, unsigned size, u64 *value);
bool sim_store_overlaps(u64 from, u64 to);
/* An instruction that waits until the buffer is empty. */
void sim_serialise(void);

/* What happens before what, for the check of unmarked accesses (tso/unmarked.c). */
#if SIM_TSO
void order_store(struct sim_store *e, bool release); /* fills in what the store carries */
void order_store_visible(const struct sim_store *e);
void order_acquire(const volatile void *p);
/* All that `from` did so far comes before all that `to` does from now on. */
void order_threads(const struct sim_thread *from, const struct sim_thread *to);
#else
static inline void order_store(struct sim_store *e UNUSED, bool release UNUSED) {}
static inline void order_store_visible(const struct sim_store *e UNUSED) {}
static inline void order_acquire(const volatile void *p UNUSED) {}
static inline void order_threads(const struct sim_thread *from UNUSED, const struct sim_thread *to UNUSED) {}
#endif

/* Arena */
extern u64 arena_size;
void arena_init(u64 size);
static inline void *arena_ptr(u64 off)
{
	return (void *)(ARENA_BASE + off);
}
bool arena_contains(const void *p);

/* ASan: the whole stack becomes addressable again (a coroutine that was abandoned leaves poison behind). */
void arena_unpoison(void *p, size_t n);

/* The CPU that code now runs on, and its record. */
struct sim_cpu *sim_this_cpu(void);

/* Where the running thread reads at a, faults taken; NULL: it may not. */
void *sim_user_pointer(uaddr_t a);
void tlb_sim_invalidate(struct sim_cpu *c, uaddr_t a);
void tlb_sim_flush(struct sim_cpu *c);

/* Runs one other runnable thread until its next pause; false: none can run. */
bool sim_run_one(void);
void sim_switch_to_controller(void);
/* The running thread waits until the lock may be free; until every IPI that it sent was taken. */
void sim_wait_spin(struct spinlock *l);
void sim_wait_ipi(void);

u64 sim_ram_base(void);
u64 sim_ram_size(void);
/* What the lock-order checker knows of t, on stderr; sim_held(): its record, NULL in builds without. */
void lockdep_report_held(const struct sim_thread *t);
struct lockdep_held *sim_held(unsigned thread);
void sim_check_no_spinlock(void);

#endif
