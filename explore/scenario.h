/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: a few files and two to four short threads, in a text form that a user can write.
 *
 *	scenario  = { setup ";" } thread { "|" thread }
 *	setup     = "file" NAME PAGES [ "huge" ] [ "hole" ]    a file; its pages hold data, or nothing (hole). huge: it has 512 pages, and
 *	                                            entries of 2 MiB can map it; the operations still name the first 8 pages.
 *	                                            Where there is none: file f 4
 *	          | "full"                          no free block is left: the next one to be had is one that gets freed
 *	          | "together"                      the threads share one address space; otherwise each has its own
 *	          | "sync"                          the shared mappings are synchronous (MAP_SYNC)
 *	          | "zeroing" "fault"               new blocks are zeroed by the fault, not inside the allocation
 *	          | "prepare" LETTER op             done by that thread before the race starts
 *	thread    = [ LETTER ":" ] op { ";" op }    LETTER: A for the first thread, and so on
 *	op        = "load" FILE PAGE [ "tail" ]     the first (tail: the last) 8 bytes of the page, through a shared mapping
 *	          | "store" FILE PAGE VALUE [ "tail" ]    the same, a store
 *	          | "fault-read" …                  another word for load
 *	          | "fault-write" FILE PAGE [ "tail" ]    a store of a value of its own: 1, the next one in the scenario 2, and so on
 *	          | "pload" …, "pstore" …           through a private mapping
 *	          | "read" FILE PAGE                read(2), one page
 *	          | "read" FILE PAGE "into" FILE PAGE     its buffer is a page of the thread's shared mapping
 *	          | "write" FILE PAGE VALUE [ "head" ]    write(2): one page (head: its first 8 bytes) of VALUE; extends the file
 *	          | "write" FILE PAGE "from" FILE PAGE    its buffer is a page of the thread's shared mapping
 *	          | "truncate" FILE PAGES [ "head" ]      to so many pages (head: and 8 bytes)
 *	          | "punch" FILE PAGE [ PAGES ]
 *	          | "zero" FILE PAGE [ PAGES ]      fallocate's zero range; extends the file
 *	          | "collapse" FILE PAGE [ PAGES ]  takes the pages out; those behind move down
 *	          | "insert" FILE PAGE [ PAGES ]    a hole; the pages from PAGE on move up
 *	          | "fsync" FILE
 *	          | "msync" FILE PAGE               one page of the shared mapping
 *	          | "syncrange" FILE PAGE           sync_file_range(2), one page
 *	          | "mmap" FILE                     without it a file is mapped before the start where a thread needs it
 *	          | "munmap" FILE                   the thread's mappings of it
 *	          | "mprotect" FILE ( "ro" | "rw" ) the shared one
 *	          | "mremap" FILE                   the thread's mappings of it move
 *	          | "pin" FILE PAGE                 a device gets the page of the shared mapping, to store there
 *	          | "dma" FILE PAGE VALUE           the device stores to the first 8 bytes of what it pinned
 *	          | "unpin" FILE PAGE               and lets go
 *	          | "poison" FILE PAGE              a machine check names the page's block: it is bad from now on
 *	          | "persist" FILE PAGE [ "tail" ]  what a program does in place of msync where a mapping is synchronous: writes the line of the
 *	                                            first (tail: the last) 8 bytes back, and fences
 *	          | "fork"                          a child address space, which stands idle; once a thread
 *	          | "exit"                          the child ends
 *	          | "crash"                         the power fails, which ends the run: for every state that caches may have left
 *	                                            persistent memory in, a machine of its own mounts it (crash.c). The last operation of
 *	                                            its thread. Hosted only. The file system then has a journal, and everything
 *	                                            before the preparations is committed
 *
 * FILE may be left out where there is only one. Each thread has a CPU of its own. A thread with an mmap has that mapping of the file and no other, also among threads "together"; who has none shares the
 * one that is there from the start. Threads "together" cannot mremap. Page p of the i-th file (from 0) holds the value 100 * (i + 1) + p at first. A thread maps at most
 * one file privately.
 * Examples: fault-write 0 | truncate 0
 *           file f 1; file g 0; full; A: store f 0 7 | B: truncate f 0; write g 0 9
 */
#ifndef EXPLORE_SCENARIO_H
#define EXPLORE_SCENARIO_H

#include "lib/types.h"

#define EXPLORE_MAX_THREADS 4
#define EXPLORE_MAX_OPS 6 /* a thread */
#define EXPLORE_MAX_FILES 4
#define EXPLORE_MAX_PAGES 8 /* a file */
#define EXPLORE_MAX_PREPARE 6
#define EXPLORE_MAX_PINS 4 /* of a thread at a time */
#define EXPLORE_MAX_TEXT 400

enum op_kind {
	OP_LOAD,
	OP_STORE,
	OP_PRIVATE_LOAD,
	OP_PRIVATE_STORE,
	OP_READ,
	OP_READ_INTO,
	OP_WRITE,
	OP_WRITE_FROM,
	OP_TRUNCATE,
	OP_PUNCH,
	OP_ZERO,
	OP_COLLAPSE,
	OP_INSERT,
	OP_FSYNC,
	OP_MSYNC,
	OP_SYNC_RANGE,
	OP_MMAP,
	OP_MUNMAP,
	OP_PROTECT_RO,
	OP_PROTECT_RW,
	OP_MREMAP,
	OP_PIN,
	OP_DMA,
	OP_UNPIN,
	OP_FORK,
	OP_EXIT,
	OP_POISON,
	OP_PERSIST,
	OP_CRASH,
};

/* What of a page the explorer tells apart: the first word, the last word, all between. */
enum page_part { PART_HEAD, PART_BODY, PART_TAIL, NR_PARTS };
#define PART_WORD(part) ((part) == PART_HEAD ? 0u : (part) == PART_BODY ? 1u : 511u)
#define HEAD_BYTES 8u

struct script_op {
	enum op_kind kind;
	unsigned file;
	u64 page;            /* truncate: the new size in pages */
	u64 nr;              /* punch, zero, collapse, insert: pages */
	u64 value;           /* store, write */
	bool head;           /* write, truncate */
	bool tail;           /* load, store */
	unsigned other_file; /* read into, write from: the page that is the buffer */
	u64 other_page;
};

struct scenario {
	char text[EXPLORE_MAX_TEXT];
	struct {
		char name[8];
		unsigned pages;
		bool hole, huge;
	} files[EXPLORE_MAX_FILES];
	unsigned nr_files;
	bool huge;  /* one of the files is */
	bool crash; /* one of the operations is */
	bool full, together, sync, zero_in_fault;
	struct {
		unsigned thread;
		struct script_op op;
	} prepare[EXPLORE_MAX_PREPARE];
	unsigned nr_prepare;
	struct {
		struct script_op ops[EXPLORE_MAX_OPS];
		unsigned nr;
	} threads[EXPLORE_MAX_THREADS];
	unsigned nr_threads;
};

/* 0, or -EINVAL with one sentence in err[]. */
int scenario_parse(const char *text, struct scenario *sc, char *err, size_t err_size);
/* The i-th statement of the setup, or operation, as the help names it; false past the last. */
bool scenario_setup_syntax(unsigned i, char *buf, size_t size);
bool scenario_op_syntax(unsigned i, char *buf, size_t size);
/* "store f[0] = 7", "truncate f to 0 pages". */
void scenario_op_text(const struct scenario *sc, const struct script_op *op, char *buf, size_t size);
static inline u64 scenario_initial_value(unsigned file, u64 page)
{
	return 100 * (file + 1) + page;
}
/* Pages of a file that threads map, and that it can have. */
static inline u64 scenario_map_pages(const struct scenario *sc, unsigned file)
{
	return sc->files[file].huge ? PAGES_PER_HUGE : EXPLORE_MAX_PAGES;
}
/* Has thread t a mapping of the file that it makes itself? */
bool scenario_maps_itself(const struct scenario *sc, unsigned t, unsigned file);
/* Is op a load or a store? */
static inline bool op_is_access(const struct script_op *op)
{
	return op->kind <= OP_PRIVATE_STORE;
}
static inline bool op_is_private(const struct script_op *op)
{
	return op->kind == OP_PRIVATE_LOAD || op->kind == OP_PRIVATE_STORE;
}
/* Has op a page of a shared mapping as its buffer? */
static inline bool op_has_mapped_buffer(const struct script_op *op)
{
	return op->kind == OP_READ_INTO || op->kind == OP_WRITE_FROM;
}
/* The file whose mapping op uses. */
static inline unsigned op_mapped_file(const struct script_op *op)
{
	return op_has_mapped_buffer(op) ? op->other_file : op->file;
}
static inline enum page_part op_part(const struct script_op *op)
{
	return op->tail ? PART_TAIL : PART_HEAD;
}
/* Bytes that a write asks for; the size that a truncate sets. */
static inline u64 op_bytes(const struct script_op *op)
{
	return op->kind == OP_WRITE && op->head ? HEAD_BYTES : 4096;
}
static inline u64 op_new_size(const struct script_op *op)
{
	return op->page * 4096 + (op->head ? HEAD_BYTES : 0);
}
/* May op give file f another size, or blocks? */
static inline bool op_may_resize(const struct script_op *op, unsigned f)
{
	return op->file == f &&
		(op->kind == OP_WRITE || op->kind == OP_WRITE_FROM || op->kind == OP_TRUNCATE ||
			op->kind == OP_ZERO || op->kind == OP_COLLAPSE || op->kind == OP_INSERT);
}
static inline bool op_may_allocate(const struct script_op *op, unsigned f)
{
	if (op->kind == OP_READ_INTO)
		return op->other_file == f;
	return op->file == f &&
		(op->kind == OP_WRITE || op->kind == OP_WRITE_FROM || op->kind == OP_STORE ||
			op->kind == OP_PIN);
}

static inline bool op_may_poison(const struct script_op *op, unsigned f)
{
	return op->kind == OP_POISON && op->file == f;
}

/* The named races, from the catalogue in docs/PROTOCOL.md. */
struct race {
	const char *name;
	const char *what; /* one line */
	const char *scenario;
};
const struct race *race_find(const char *name);
const struct race *race_at(unsigned i); /* NULL past the last */

#endif
