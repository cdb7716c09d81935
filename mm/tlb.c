/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown with acknowledgment. Clients: everything in mm/ that takes something away from a page
 * table.
 *
 * Why a CPU that mm->loaded does not name needs no flush: tlb_switch_mm() sets the CPU's bit with a
 * locked instruction and only then loads the root, whose load empties the TLB; the flusher changes the
 * entry with a locked instruction and only then reads the mask. Locked instructions have one order on
 * all CPUs (SDM vol. 3, 8.2.3.9). If the flusher misses the bit, its change came before the bit, so the
 * CPU's page walks, which come after, see the changed entry. The bit is cleared after another root was
 * loaded, when no entry of this address space is left.
 *
 * No locks. Preemption stays off from the local flush to the last acknowledgment, so that "this CPU"
 * means the same one throughout.
 */
#include "mm/tlb.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "mm/mm.h"
#include "mm/state.h"

static void start_over(struct tlb_gather *g)
{
	g->start = UADDR(USER_TOP);
	g->end = UADDR(0);
	g->nr = 0;
	g->nr_shared = 0;
}

void tlb_gather_init(struct tlb_gather *g, struct mm *mm)
{
	g->mm = mm;
	list_init(&g->free);
	start_over(g);
	g->pending = true;
	SHARED_WRITE(&mm->tlb_pending);
	atomic_fetch_add(&mm->tlb_pending, 1);
}

/* A page that nobody else refers to can get no new user: its list links are ours. */
void tlb_gather_free(struct tlb_gather *g, struct page *p)
{
	SHARED_READ(&p->refs);
	if (atomic_load_explicit(&p->refs, memory_order_acquire) == 1) {
		list_push_back(&g->free, &p->node);
	} else {
		DEBUG_ASSERT(!tlb_gather_full(g));
		g->shared[g->nr_shared++] = p;
	}
}

static void flush_local(void *arg)
{
	const struct tlb_gather *g = arg;

	if (g->end.v - g->start.v > TLB_GATHER_PAGES * PAGE_SIZE) {
		tlb_flush_all_local();
		return;
	}
	for (u64 a = g->start.v; a < g->end.v; a += PAGE_SIZE)
		tlb_flush_page_local(UADDR(a));
}

static void count_interrupted(unsigned cpus)
{
	struct mm_state *st = mm_state();

	atomic_fetch_add_explicit(&st->tlb.shootdowns, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&st->tlb.ipis, cpus, memory_order_relaxed);
}

static void shoot_down(struct tlb_gather *g)
{
	PROTOCOL_STEP_ARG(SHOOTDOWN, g->start.v);
	atomic_fetch_add_explicit(&g->mm->tlb_gen, 1, memory_order_relaxed);
	SHARED_READ(&g->mm->loaded);
	preempt_disable();
	u64 self = 1ull << cpu_id(), loaded = atomic_load(&g->mm->loaded);
	if (loaded & self)
		flush_local(g);
	if (loaded & ~self) {
		count_interrupted((unsigned)__builtin_popcountll(loaded & ~self));
		cpu_call_many(loaded & ~self, flush_local, g);
	}
	preempt_enable();
}

void tlb_gather_join(struct tlb_gather *g, uaddr_t start, uaddr_t end)
{
	SHARED_READ(&g->mm->tlb_pending);
	if (atomic_load(&g->mm->tlb_pending) > g->pending)
		tlb_gather_range(g, start, end, 1);
}

bool tlb_is_pending(const struct mm *mm)
{
	SHARED_READ(&mm->tlb_pending);
	return atomic_load(&mm->tlb_pending);
}

void tlb_gather_flush(struct tlb_gather *g)
{
	struct list_node *n;

	if (g->nr)
		shoot_down(g);
	while ((n = list_pop_front(&g->free)))
		page_put(LIST_ENTRY(n, struct page, node));
	for (unsigned i = 0; i < g->nr_shared; i++)
		page_put(g->shared[i]);
	start_over(g);
}

void tlb_gather_finish(struct tlb_gather *g)
{
	tlb_gather_flush(g);
	if (!g->pending)
		return;
	SHARED_WRITE(&g->mm->tlb_pending);
	atomic_fetch_sub(&g->mm->tlb_pending, 1);
	g->pending = false;
}

void tlb_switch_mm(struct mm *prev, struct mm *next)
{
	u64 self = 1ull << cpu_id();

	if (prev == next)
		return;
	if (next)
		atomic_fetch_or(&next->loaded, self);
	cpu_load_root(next ? next->root : cpu_kernel_root());
	if (prev)
		atomic_fetch_and(&prev->loaded, ~self);
}

struct tlb_stats tlb_stats(void)
{
	struct mm_state *st = mm_state();

	return (struct tlb_stats){atomic_load(&st->tlb.shootdowns), atomic_load(&st->tlb.ipis)};
}
