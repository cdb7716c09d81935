/* SPDX-License-Identifier: MIT */
/*
 * Pins: a device is told the physical address of a user page, and from then on reads or writes there by itself.
 *
 * Rule: from mm_pin() to mm_unpin() the file keeps the block that stands behind the page: truncate and its kin wait. The pin
 * holds the block, not the page-table entry: the page may be unmapped, write-protected or mapped again meanwhile. Who holds a pin
 * must not wait for an inode lock: whoever waits for pins has one.
 */
#ifndef MM_PIN_H
#define MM_PIN_H

#include "lib/types.h"

struct mm;
struct rmap;
struct file;
struct vm_ops;

struct mm_pin {
	paddr_t pa; /* of the page */
	u64 pgoff;  /* in the file */
	struct rmap *rmap;
	struct file *file; /* counted */
	const struct vm_ops *ops;
};

/*
 * Pins the page of persistent memory at `a` (aligned down), faulting it in as an access would; `write`: the device will store there.
 * 0; -EOPNOTSUPP: what is mapped there is no file's block (anonymous memory, a private copy, the zero page); -EFAULT, -ENOMEM, -EHWPOISON.
 * Context: may sleep, no lock of rank MM or above.
 */
int mm_pin(struct mm *mm, uaddr_t a, bool write, struct mm_pin *out);
/* Context: may sleep; no lock above RANK_INODE. */
void mm_unpin(const struct mm_pin *p);

#endif
