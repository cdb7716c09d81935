/* SPDX-License-Identifier: MIT */
/*
 * The short functions of cpu.h on hardware, for inlining. Included by cpu.h; the out-of-line copies are in
 * cpu.c, which includes this with CPU_INLINE empty.
 *
 * The direct map is one constant offset (kernel/cpu/paging.h), so a conversion is one addition.
 */
#ifndef KERNEL_CPU_INLINE_H
#define KERNEL_CPU_INLINE_H

#ifndef CPU_INLINE
#define CPU_INLINE extern inline __attribute__((gnu_inline))
#endif

#define DIRECT_MAP_BASE 0xffff800000000000ull
#define DIRECT_MAP_SIZE (64ull << 40)

CPU_INLINE void *phys_to_virt(paddr_t a)
{
	return (void *)(a.v + DIRECT_MAP_BASE);
}
CPU_INLINE paddr_t virt_to_phys(const void *p)
{
	return PADDR((u64)p - DIRECT_MAP_BASE);
}

/* Offset of percpu.index, asserted in percpu.h. */
CPU_INLINE unsigned cpu_id(void)
{
	u32 i;

	__asm__ volatile("movl %%gs:32, %0" : "=r"(i));
	return i;
}

CPU_INLINE irq_state_t irq_save(void)
{
	irq_state_t s;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(s)::"memory");
	return s;
}
CPU_INLINE void irq_restore(irq_state_t s)
{
	if (s & (1ul << 9)) /* RFLAGS.IF */
		__asm__ volatile("sti" ::: "memory");
}
CPU_INLINE bool irq_enabled(void)
{
	irq_state_t s;

	__asm__ volatile("pushfq; popq %0" : "=r"(s));
	return s & (1ul << 9);
}

/* percpu.current, at offset 24. */
CPU_INLINE struct thread *thread_current(void)
{
	struct thread *t;

	__asm__ volatile("movq %%gs:24, %0" : "=r"(t));
	return t;
}

/* percpu.preempt_count and percpu.need_resched, at offsets 40 and 44. Each is one access through GS, so a
 * migration in between does no harm. */
void preempt_resched(void);
CPU_INLINE void preempt_disable(void)
{
	__asm__ volatile("incl %%gs:40" ::: "memory", "cc");
}
CPU_INLINE void preempt_enable(void)
{
	bool zero, wanted;

	__asm__ volatile("decl %%gs:40" : "=@ccz"(zero)::"memory");
	if (!zero)
		return;
	__asm__ volatile("cmpl $0, %%gs:44" : "=@ccnz"(wanted)::"memory");
	if (unlikely(wanted))
		preempt_resched();
}

CPU_INLINE void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

CPU_INLINE void tlb_flush_page_local(uaddr_t a)
{
	__asm__ volatile("invlpg (%0)" ::"r"(a.v) : "memory");
}
CPU_INLINE void tlb_flush_all_local(void)
{
	u64 root;

	__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root)::"memory");
}
CPU_INLINE void cpu_load_root(paddr_t root)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(root.v) : "memory");
}

#endif
