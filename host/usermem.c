/* SPDX-License-Identifier: MIT */
/*
 * User memory and TLBs of the simulated CPUs.
 *
 * Rule: an access uses the TLB entry of its CPU if there is one, however stale. Otherwise the page tables in simulated RAM are
 * walked (accessed and dirty bits are not set) and the entry is cached. Where the rights do not suffice the entry is dropped and the walk
 * repeated, then it is a fault, as on hardware (SDM vol. 3, 4.10.4.1). mm_fault() repairs, unless page faults are disabled.
 */
#include "host/machine.h"
#include "host/pmem_sim.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FAULT_RETRIES 100000

static u64 page_of(uaddr_t a, unsigned order)
{
	return a.v & ~((PAGE_SIZE << order) - 1);
}

const struct sim_tlb_entry *sim_tlb(unsigned cpu, unsigned i)
{
	return &sim_machine->cpus[cpu].tlb[i];
}

void tlb_sim_invalidate(struct sim_cpu *c, uaddr_t a)
{
	for (unsigned i = 0; i < SIM_TLB_ENTRIES; i++)
		if (c->tlb[i].valid && c->tlb[i].page.v == page_of(a, c->tlb[i].order))
			c->tlb[i].valid = false;
}

void tlb_sim_flush(struct sim_cpu *c)
{
	for (unsigned i = 0; i < SIM_TLB_ENTRIES; i++)
		c->tlb[i].valid = false;
}

void tlb_flush_page_local(uaddr_t a)
{
	sim_serialise();
	tlb_sim_invalidate(sim_this_cpu(), a);
}

void tlb_flush_all_local(void)
{
	sim_serialise();
	tlb_sim_flush(sim_this_cpu());
}

void cpu_load_root(paddr_t root)
{
	struct sim_cpu *c = sim_this_cpu();

	sim_serialise();
	c->root = root;
	tlb_sim_flush(c);
}

paddr_t cpu_kernel_root(void)
{
	struct machine *m = sim_machine;

	/* The kernel half is empty here: simulated kernel code runs on host addresses. Page 0 of RAM's tables is never walked. */
	if (!m->kernel_root.v)
		m->kernel_root = PADDR(m->pmem_end - PAGE_SIZE);
	return m->kernel_root;
}

/* Raw: no scheduling points, hardware does this within one access. */
static u64 raw_entry(u64 table, unsigned index)
{
	_Atomic(u64) *slots = arena_ptr(table & PTE_ADDR_MASK);

	return atomic_load_explicit(&slots[index], memory_order_relaxed);
}

static bool walk(struct sim_cpu *c, uaddr_t a, struct sim_tlb_entry *out)
{
	u64 e = c->root.v, rights = PTE_WRITE | PTE_USER, nx = 0;
	int shift = 39;

	if (c->root.v == PADDR_NONE.v || c->root.v == sim_machine->kernel_root.v)
		return false;
	for (;; shift -= 9) {
		e = raw_entry(e, a.v >> shift & 511);
		if (!(e & PTE_PRESENT))
			return false;
		rights &= e;
		nx |= e & PTE_NX;
		if (shift == PAGE_SHIFT || (shift <= 30 && (e & PTE_HUGE)))
			break;
	}
	out->order = (unsigned)shift - PAGE_SHIFT;
	out->valid = true;
	out->root = c->root;
	out->page.v = page_of(a, out->order);
	out->pte.v = (e & ~(PTE_WRITE | PTE_USER)) | rights | nx;
	return true;
}

static struct sim_tlb_entry *lookup(struct sim_cpu *c, uaddr_t a)
{
	for (unsigned i = 0; i < SIM_TLB_ENTRIES; i++)
		if (c->tlb[i].valid && c->tlb[i].page.v == page_of(a, c->tlb[i].order))
			return &c->tlb[i];
	return NULL;
}

static bool permits(const struct sim_tlb_entry *e, bool write)
{
	return (e->pte.v & PTE_USER) && (!write || (e->pte.v & PTE_WRITE));
}

/* One access of up to a page: the host address, or NULL: it faults. */
static void *translate(uaddr_t a, bool write)
{
	struct sim_cpu *c = sim_this_cpu();
	struct sim_tlb_entry *e = lookup(c, a), fresh;

	if (!e || !permits(e, write)) {
		tlb_sim_invalidate(c, a);
		if (!walk(c, a, &fresh) || !permits(&fresh, write))
			return NULL;
		e = &c->tlb[c->tlb_next++ % SIM_TLB_ENTRIES];
		*e = fresh;
	}
	return (u8 *)phys_to_virt(pte_paddr(e->pte)) + (a.v - e->page.v);
}

void sim_break_page(paddr_t a)
{
	sim_machine->bad_page = PADDR(ALIGN_DOWN(a.v, PAGE_SIZE));
}

static bool is_bad(const void *p)
{
	return sim_machine->bad_page.v && virt_to_phys(p).v - sim_machine->bad_page.v < PAGE_SIZE;
}

/* Translates, taking faults as the trap handler would. NULL: not repaired. */
static void *access_user(uaddr_t a, bool write)
{
	struct thread *t = thread_current();

	if (a.v >= USER_TOP)
		return NULL;
	for (unsigned i = 0; i < FAULT_RETRIES; i++) {
		void *p;

		sim_point(SIM_POINT_USER, (void *)a.v, write);
		p = translate(a, write);
		if (p && (write || !is_bad(p)))
			return p;
		if (p) {
			sim_machine->machine_check(sim_machine->bad_page, !t->pagefault_disabled);
			if (t->pagefault_disabled)
				return NULL;
			continue;
		}
		if (t->pagefault_disabled || !t->mm || !sim_machine->fault)
			return NULL;
		if (sim_machine->fault(t->mm, a, write))
			return NULL;
		sim_serialise(); /* IRET */
	}
	panic("sim: a page fault at 0x%llx is repaired again and again", (unsigned long long)a.v);
}

void *sim_user_pointer(uaddr_t a)
{
	return access_user(a, false);
}

enum copy_what { COPY_FROM, COPY_TO, COPY_ZERO };

static size_t copy(uaddr_t a, void *buf, size_t n, enum copy_what what)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = MIN(n - done, PAGE_SIZE - ((a.v + done) & PAGE_MASK));
		void *p = access_user(uaddr_add(a, done), what != COPY_FROM);

		if (!p)
			break;
		if (what == COPY_FROM)
			memcpy((u8 *)buf + done, p, piece);
		else if (what == COPY_TO)
			memcpy(p, (u8 *)buf + done, piece);
		else
			memset(p, 0, piece);
		if (what != COPY_FROM)
			pmem_sim_stored(p, piece);
		done += piece;
	}
	return n - done;
}

size_t cpu_copy_from_user(void *dst, uaddr_t src, size_t n)
{
	return copy(src, dst, n, COPY_FROM);
}

size_t cpu_copy_to_user(uaddr_t dst, const void *src, size_t n)
{
	return copy(dst, (void *)src, n, COPY_TO);
}

size_t cpu_zero_user(uaddr_t dst, size_t n)
{
	return copy(dst, NULL, n, COPY_ZERO);
}

size_t cpu_copy_from_pmem(void *dst, const void *src, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = MIN(n - done, PAGE_SIZE - ((u64)src + done) % PAGE_SIZE);

		if (is_bad((const u8 *)src + done)) {
			sim_machine->machine_check(sim_machine->bad_page, false);
			break;
		}
		memcpy((u8 *)dst + done, (const u8 *)src + done, piece);
		done += piece;
	}
	pmem_sim_stored(dst, done);
	return n - done;
}

int cpu_load_user64(uaddr_t a, u64 *out)
{
	u64 *p = access_user(a, false);

	if (!p)
		return -EFAULT;
	*out = *p;
	return 0;
}

int cpu_store_user64(uaddr_t a, u64 v)
{
	u64 *p = access_user(a, true);

	if (!p)
		return -EFAULT;
	*p = v;
	pmem_sim_stored(p, sizeof(*p));
	return 0;
}

int cpu_persist_user64(uaddr_t a)
{
	int err = pmem_sim_user_flush(a, PMEM_SIM_FLUSH);

	if (!err)
		pmem_sim_user_fence();
	return err;
}

int cpu_cmpxchg_user32(uaddr_t a, u32 *old, u32 new_value)
{
	u32 expected = *old, *p = access_user(a, true);

	if (!p)
		return -EFAULT;
	sim_serialise();
	*old = *p;
	if (*old == expected) {
		*p = new_value;
		pmem_sim_stored(p, sizeof(*p));
	}
	return 0;
}
