/* SPDX-License-Identifier: MIT */
/*
 * The journal as the file system sees it: every change of metadata happens inside a handle.
 *
 *   journal_start(j, credits, &h)          room for `credits` metadata blocks
 *   journal_get_write(h, block, &p)        the block's bytes, to be changed through p
 *   journal_dirty(h, block)                the change is complete (checksums included)
 *   journal_update(h, block, off, p, n)    the same three for a few bytes
 *   journal_stop(h)
 *
 * Rule: no metadata block changes outside get_write/dirty/update of an open handle. The buffers for `credits` blocks are taken at the start,
 * so get_write does not fail within the credits, and an operation that has checked everything first can be carried through. Backend now: write-through (p is a
 * DRAM shadow of the block; dirty copies it to pmem, update stores in place; stop fences). The transaction engine replaces the backend, not
 * the callers. A thread has one handle at a time; nested starts join it.
 * Context: may sleep; RANK_JOURNAL; no range lock is taken inside a handle.
 */
#ifndef FS_JOURNAL_H
#define FS_JOURNAL_H

#include "drivers/pmem.h"
#include "kernel/sync/mutex.h"

struct journal;
struct journal_handle;

int journal_create(struct pmem_region *r, u32 block_size, struct journal **out);
void journal_destroy(struct journal *j);
/* -EROFS (aborted); never for lack of memory, so what frees can always be begun. A nested start needs no credits of its own: the
 * outermost asks for all. */
int journal_start(struct journal *j, unsigned credits, struct journal_handle **out);
/* -ENOMEM only beyond the credits. The same block gives the same shadow until journal_stop. */
int journal_get_write(struct journal_handle *h, u64 block, void **out);
/* As get_write for a block without old contents: zeroed. */
int journal_get_create(struct journal_handle *h, u64 block, void **out);
void journal_dirty(struct journal_handle *h, u64 block);
/* Replaces n bytes at offset off of the block. Needs no credit beyond the block's own and does not fail. */
void journal_update(struct journal_handle *h, u64 block, u32 off, const void *p, u32 n);
/* Two words of one block of which neither is right without the other: a value and the checksum over it. The backend that writes through
 * leaves nothing between the two stores, so that a machine that is killed hardly ever stops there. */
void journal_update_pair(struct journal_handle *h, u64 block, u32 off_a, u32 a, u32 off_b, u32 b);
/* The block was freed: it must not be written back any more. */
void journal_forget(struct journal_handle *h, u64 block);
int journal_stop(struct journal_handle *h);
/* No handle starts any more (-EROFS): the file system found damage. */
void journal_abort(struct journal *j);
/* Everything up to now durable. */
int journal_commit(struct journal *j);
/* Current bytes of a metadata block, for reading: pmem, or the newest shadow. */
const void *journal_read(struct journal *j, u64 block);

#endif
