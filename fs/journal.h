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
 * so get_write does not fail within the credits, and an operation that has checked everything first can be carried through.
 * A thread has one handle at a time; nested starts join it.
 *
 * With a log (fs/jbd2.h) a changed block has a copy in DRAM, its shadow, until the transaction commits; what the handle did is durable, whole
 * or not at all, after journal_commit(). Without one every change goes through: in pmem at once, durable when the handle stops, and
 * torn if the machine stops in between.
 * Context: may sleep; RANK_JOURNAL; no range lock is taken inside a handle.
 */
#ifndef FS_JOURNAL_H
#define FS_JOURNAL_H

#include "drivers/pmem.h"
#include "kernel/sync/mutex.h"

struct jbd2_log;
struct journal;
struct journal_handle;

/* log: empty, the caller's until journal_destroy(); NULL: changes go through. Writes nothing. -ENOMEM; -EUCLEAN: the log cannot be used. */
int journal_create(struct pmem_region *r, struct jbd2_log *log, struct journal **out);
/* The log is in use from now on: before the first handle. */
void journal_begin(struct journal *j);
/* Changes that were not committed are lost. The log is left as it is; journal_close() before, after a commit, says that it is empty. */
void journal_destroy(struct journal *j);
void journal_close(struct journal *j);
bool journal_has_log(const struct journal *j);
/* Is there anything that a commit would log? */
bool journal_has_changes(struct journal *j);
/* -EROFS (aborted); never for lack of memory, so what frees can always be begun. A nested start needs no credits of its own: the
 * outermost asks for all. */
int journal_start(struct journal *j, unsigned credits, struct journal_handle **out);
/* -ENOMEM only beyond the credits, and then as after journal_abort(). The same block gives the same shadow until journal_stop. */
int journal_get_write(struct journal_handle *h, u64 block, void **out);
/* As get_write for a block without old contents: zeroed. */
int journal_get_create(struct journal_handle *h, u64 block, void **out);
void journal_dirty(struct journal_handle *h, u64 block);
/* Replaces n bytes at offset off of the block. Needs no credit beyond the block's own and does not fail. */
void journal_update(struct journal_handle *h, u64 block, u32 off, const void *p, u32 n);
/* The same, and the checksum over them at offset `at`. Without a log nothing is between the two stores, so that a machine that is killed
 * hardly ever stops there. */
void journal_update_summed(
	struct journal_handle *h, u64 block, u32 off, const void *p, u32 n, u32 at, u32 csum);
/* These blocks were freed: they must not be written back any more, for they may be a file's data before the next commit. */
void journal_forget(struct journal_handle *h, u64 first, u64 n);
int journal_stop(struct journal_handle *h);
/* No handle starts and nothing commits any more (-EROFS): the file system found damage. note: the log is in use, and says so at once. Takes no
 * lock. */
void journal_abort(struct journal *j, bool note);
/* After journal_abort(): a handle to write by journal_write_alone() only, or the one of this thread once more; ended by journal_stop(). NULL:
 * another thread has one, and !wait. */
struct journal_handle *journal_enter(struct journal *j, bool wait);
/* The block becomes data[], durably and with a log whole or not at all; what was not committed before stays so. */
void journal_write_alone(struct journal_handle *h, u64 block, void *data);
/* Everything up to now durable. -EROFS: aborted. No handle of this thread is open. */
int journal_commit(struct journal *j);
/* What was flushed and fenced is on the medium. 0. */
int journal_drain(struct journal *j);
/* The same up to transaction `sequence`; nothing to do if that one has committed. */
int journal_commit_until(struct journal *j, u32 sequence);
/* Was the block changed since the last commit? Then by transaction *sequence. Between journal_read_begin() and _end(). */
bool journal_is_uncommitted(struct journal *j, u64 block, u32 *sequence);
/* The transaction that the handle belongs to. */
u32 journal_sequence(struct journal_handle *h);
/* Current bytes of a metadata block, for reading: pmem, or the newest shadow. In a handle the pointer is good until the block is changed;
 * outside until journal_read_end(), and no handle may be started before that. Any number of readers; no lock. */
const void *journal_read(struct journal *j, u64 block);
/* The bytes as a crash would leave them: what the last commit had. In a handle. */
const void *journal_read_committed(struct journal *j, u64 block);
struct journal_reader {
	_Atomic(u32) *count;
};
void journal_read_begin(struct journal *j, struct journal_reader *r);
void journal_read_end(struct journal_reader *r);

#endif
