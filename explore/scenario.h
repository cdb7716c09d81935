/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: a few files and two to four short threads, in a text form that a user can write.
 *
 *	scenario  = { setup ";" } thread { "|" thread }
 *	setup     = "file" NAME PAGES [ "hole" ]    a file; its pages hold data, or nothing (hole)
 *	          | "full"                          no free block is left: the next one to be had is one that gets freed
 *	          | "prepare" LETTER op             done by that thread before the race starts
 *	thread    = [ LETTER ":" ] op { ";" op }    LETTER: A for the first thread, and so on
 *	op        = "load" FILE PAGE                8 bytes at the start of the page, through a shared mapping
 *	          | "store" FILE PAGE VALUE         the same, a store
 *	          | "read" FILE PAGE                read(2), one page
 *	          | "write" FILE PAGE VALUE         write(2): fills one page with VALUE; extends the file
 *	          | "truncate" FILE PAGES
 *	          | "punch" FILE PAGE [ PAGES ]
 *	          | "fsync" FILE
 *	          | "mmap" FILE                     without it a file is mapped before the start where a thread loads or stores
 *
 * Each thread has an address space and a CPU of its own. Page p of the i-th file (from 0) holds the value 100 * (i + 1) + p at first.
 * Example: file f 1; file g 0; full; A: store f 0 7 | B: truncate f 0; write g 0 9
 */
#ifndef EXPLORE_SCENARIO_H
#define EXPLORE_SCENARIO_H

#include "lib/types.h"

#define EXPLORE_MAX_THREADS 4
#define EXPLORE_MAX_OPS 6 /* a thread */
#define EXPLORE_MAX_FILES 4
#define EXPLORE_MAX_PAGES 8 /* a file */
#define EXPLORE_MAX_PREPARE 4
#define EXPLORE_MAX_TEXT 400

enum op_kind { OP_LOAD, OP_STORE, OP_READ, OP_WRITE, OP_TRUNCATE, OP_PUNCH, OP_FSYNC, OP_MMAP };

struct script_op {
	enum op_kind kind;
	unsigned file;
	u64 page;  /* truncate: the new size in pages */
	u64 nr;    /* punch: pages */
	u64 value; /* store, write */
};

struct scenario {
	char text[EXPLORE_MAX_TEXT];
	struct {
		char name[8];
		unsigned pages;
		bool hole;
	} files[EXPLORE_MAX_FILES];
	unsigned nr_files;
	bool full;
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
/* "store f[0] = 7", "truncate f to 0 pages". */
void scenario_op_text(const struct scenario *sc, const struct script_op *op, char *buf, size_t size);
static inline u64 scenario_initial_value(unsigned file, u64 page)
{
	return 100 * (file + 1) + page;
}
/* Does `op` go through a mapping? */
static inline bool op_uses_mapping(const struct script_op *op)
{
	return op->kind == OP_LOAD || op->kind == OP_STORE;
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
