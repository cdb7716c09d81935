/* SPDX-License-Identifier: MIT */
/*
 * The journal as the file system sees it: every change of metadata happens inside a handle.
 *
 *   h = journal_start(j, credits)          room for `credits` metadata blocks
 *   p = journal_get_write(h, block)        the block's bytes, to be changed in place of the caller's choosing
 *   ... change through p ...
 *   journal_dirty(h, block, p)             the change is complete (checksums included)
 *   journal_stop(h)
 *
 * Rule: no metadata block changes outside get_write/dirty of an open handle. Backend now: write-through (p is a DRAM shadow of the block; dirty
 * copies it to pmem and flushes; stop fences). The transaction engine replaces the backend, not the callers.
 * A thread has one handle at a time; nested starts join it. Context: may sleep; RANK_JOURNAL; no range lock is taken inside a handle.
 */
#ifndef FS_JOURNAL_H
#define FS_JOURNAL_H

#include "drivers/pmem.h"
#include "kernel/sync/mutex.h"

struct journal;
struct journal_handle;

int journal_create(struct pmem_region *r, u32 block_size, struct journal **out);
void journal_destroy(struct journal *j);
/* -ENOMEM, -EROFS (aborted). */
int journal_start(struct journal *j, unsigned credits, struct journal_handle **out);
int journal_get_write(struct journal_handle *h, u64 block, void **out);
/* As get_write for a block without old contents: zeroed. */
int journal_get_create(struct journal_handle *h, u64 block, void **out);
void journal_dirty(struct journal_handle *h, u64 block);
/* The block was freed: it must not be written back any more. */
void journal_forget(struct journal_handle *h, u64 block);
int journal_stop(struct journal_handle *h);
/* Everything up to now durable. */
int journal_commit(struct journal *j);
/* Current bytes of a metadata block, for reading: pmem, or the newest shadow. */
const void *journal_read(struct journal *j, u64 block);

#endif
