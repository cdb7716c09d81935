/* SPDX-License-Identifier: MIT */
/*
 * Bad pages: pages of persistent memory that a machine check has named (race poison). They are mapped nowhere and never will be
 * again until the next boot.
 *
 * Rule: a page is first put on the list and then every entry of it is taken away; whoever installs an entry of a file's page looks at the
 * list under the ptl of that entry (mm/fault.c). So either the walk sees the entry or the fault sees the list, whatever DAX lock there is.
 *
 * Locks: the list needs none: it is written in machine checks. The mutex guards the list of reverse maps, and the walk.
 */
#ifndef MM_POISON_H
#define MM_POISON_H

#include "kernel/instance.h"
#include "kernel/sync/mutex.h"
#include "mm/state.h"

struct rmap;

/* Is any page bad? One load, for paths that must stay fast. */
static inline bool poison_any(void)
{
	return unlikely(atomic_load_explicit(&the_instance.mm->poison.nr, memory_order_relaxed));
}
/* Number of pages of [a, a + nr pages) before the first bad one; nr: none is bad. Any context. */
u64 poison_good_pages(paddr_t a, u64 nr);
static inline bool poison_hits(paddr_t a, u64 nr)
{
	return poison_any() && poison_good_pages(a, nr) < nr;
}

/* Puts the page of a on the list. 0, also if it is there already; -ENOSPC. Any context, machine checks included. */
int poison_add(paddr_t a);
/* Takes the entries of every page that was put on the list away, in every address space; all shootdowns are acknowledged on
 * return, for all pages that were on the list at the call. Number of entries. Context: may sleep, no lock of rank RMAP or above. */
u64 poison_unmap(void);
/* Both. Steps POISON and UNMAP. */
int poison_page(paddr_t a);
/* Pages of [a, a + len) are as good as new: they were not of the medium (the explorer's scratch memory). */
void poison_forget(paddr_t a, u64 len);
unsigned poison_count(void);

void poison_state_init(struct poison *p);
/* By rmap_init() and rmap_destroy(). May sleep. */
void poison_register(struct rmap *r);
void poison_unregister(struct rmap *r);

#endif
