/* SPDX-License-Identifier: MIT */
/*
 * The machine as the portable layers (sync, mm, fs, explore) see it.
 *
 * Two implementations stand behind this header: kernel/cpu/ (x86-64 hardware)
 * and host/ (the simulated machine, FAULTLINE_HOSTED). Portable code includes
 * only this header and never asks which one it runs on.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include "lib/types.h"

#define MAX_CPUS 64

struct thread;
struct mm;

/* Index of the running CPU, 0-based and dense (not the APIC id). Stable only
 * with preemption or interrupts off. */
unsigned cpu_id(void);
/* CPUs that are online. */
unsigned cpu_count(void);

/* Local interrupts: save-and-disable, restore. Nests. */
typedef unsigned long irq_state_t;
irq_state_t irq_save(void);
void irq_restore(irq_state_t s);
bool irq_enabled(void);

/* Preemption of the running thread. Nests. A pending reschedule runs in the outermost enable. */
void preempt_disable(void);
void preempt_enable(void);

/* Spin-wait hint. */
void cpu_relax(void);
/* Look once more, before we sleep, for what another CPU ends within some hundred instructions? *spun begins at 0. Says no where there is no
 * other CPU, and on simulated ones: there the other one does not move meanwhile. */
bool cpu_spin(unsigned *spun);

/* Time since boot, nanoseconds, monotonic. */
u64 time_ns(void);

/* The direct map: every byte of RAM and of pmem has one kernel address.
 * `a` must lie in RAM or in a region given to directmap_add(). */
void *phys_to_virt(paddr_t a);
/* Inverse, for direct-map pointers only. */
paddr_t virt_to_phys(const void *p);
/* Covers [base, base+len) (pmem above RAM) by the direct map. Boot only. -ENOMEM. */
int directmap_add(paddr_t base, u64 len);

/* Translation caches. The address space that CPU `cpu` has loaded is tracked by mm/tlb.c. */
void tlb_flush_page_local(uaddr_t a);
void tlb_flush_all_local(void); /* user translations of the loaded address space */

/*
 * Runs fn(arg) on every CPU of `cpumask` other than this one, in interrupt context, and
 * returns after all of them have finished. Context: interrupts on, no spinlock
 * held (checked in debug builds): a CPU that waits here must itself be able to answer.
 */
void cpu_call_many(u64 cpumask, void (*fn)(void *), void *arg);

/* Loads page-table root `root` (the kernel half is shared by all roots). Preemption off. */
void cpu_load_root(paddr_t root);
/* Root of the kernel's own address space, for threads without an mm. */
paddr_t cpu_kernel_root(void);

/*
 * User memory, raw: the innermost step under mm/uaccess.c. Copies up to n bytes, stops at
 * the first byte that faults and that the fault handler does not repair, returns the bytes
 * NOT copied. Faults are repaired (and may sleep) unless the thread has page faults
 * disabled (pagefault_disable). The range was checked to lie in the user half.
 */
size_t cpu_copy_from_user(void *dst, uaddr_t src, size_t n);
size_t cpu_copy_to_user(uaddr_t dst, const void *src, size_t n);
size_t cpu_zero_user(uaddr_t dst, size_t n);
/* From persistent memory to kernel memory (or another place in persistent memory, to be flushed); stops at a line that the machine cannot
 * read (a machine check, which lists the page: mm/poison.h); bytes NOT copied. Any context. */
size_t cpu_copy_from_pmem(void *dst, const void *src, size_t n);
/* Single 8-byte accesses, aligned; 0 or -EFAULT. On hardware one mov; in the simulation one TLB access. */
int cpu_load_user64(uaddr_t a, u64 *out);
int cpu_store_user64(uaddr_t a, u64 v);
/* Writes the line of `a` back and fences, as a program does. */
int cpu_persist_user64(uaddr_t a);
/* Atomic compare-exchange on user memory (futex). 0 or -EFAULT; *old = value found. */
int cpu_cmpxchg_user32(uaddr_t a, u32 *old, u32 new_value);

#ifndef FAULTLINE_HOSTED
#include "kernel/cpu/inline.h"
#endif

#endif
