/* SPDX-License-Identifier: MIT */
/*
 * The named races as scenarios. Which scheme survives which is for the explorer to find. Where none is violated a mutant
 * (tests/mutants) shows that the scenario bites.
 *
 * The race fork-copy shows in private copies only: fork copies no entries of shared mappings.
 */
#include "explore/scenario.h"
#include "lib/string.h"

static const struct race races[] = {
	{"truncate-stale",
		"a fault's PTE survives a truncate that comes between its size check and the PTE (Kirill "
		"Shutemov)",
		"file f 1; A: load f 0 | B: truncate f 0"},
	{"truncate-reuse",
		"the same, and the freed block goes to another file: stores land in a stranger's file "
		"(Boaz Harrosh)",
		"file f 1; file g 0; full; A: store f 0 7 | B: truncate f 0; write g 0 9"},
	{"punch-stale",
		"a hole is punched between lookup and PTE: inside the file, where no size check can help",
		"file f 2; file g 0; full; A: store f 0 7 | B: punch f 0; write g 0 9"},
	{"cow-leak", "a private write copies from a block that a truncate frees and another file fills",
		"file f 1; file g 0; full; A: pstore f 0 7; pload f 0 tail | B: truncate f 0; write g 0 9"},
	{"cow-leak-punch", "the same, and a punch frees the block: no size says that the copy is of nothing",
		"file f 2; file g 0; full; A: pstore f 0 7; pload f 0 tail | B: punch f 0; write g 0 9"},
	{"eof-race",
		"a fault past the end beside an operation that extends the file: a signal or data, never "
		"a zero page that stays",
		"file f 0; A: load f 0; load f 0 | B: truncate f 1; write f 0 9"},
	{"tail-zero", "a store past the end inside the last page becomes visible when the file grows",
		"file f 1; A: store f 0 7 tail; load f 0 tail | B: truncate f 0 head; truncate f 1"},
	{"tail-zero-write", "the same when write(2) past the end extends the file",
		"file f 1; A: store f 0 7 tail | B: truncate f 0 head; write f 1 9"},
	{"fork-copy", "fork copies an entry into the child after truncate's walk has passed the child",
		"file f 1; prepare A pstore f 0 7; A: fork | B: truncate f 0"},
	{"pgtable-free", "munmap or exit frees a page-table page under a walk of the reverse map",
		"file f 1; prepare A store f 0 7; A: munmap f | B: truncate f 0"},
	{"pgtable-free-fault", "munmap frees a page-table page under a fault in the same address space",
		"together; file f 1; A: store f 0 7 | B: munmap f"},
	{"pgtable-free-map", "munmap frees a page-table page that a new mapping beside it has begun to use",
		"together; file f 1; file g 1; prepare A store f 0 7; A: munmap f | B: mmap g; store g 0 8; "
		"load g 0"},
	{"pgtable-free-exit", "the exit of a child frees its page tables under a walk of the reverse map",
		"file f 1; prepare A pstore f 0 7; A: fork; exit | B: truncate f 0"},
	{"double-zero",
		"two faults on one hole, zeroed by the fault: the second zeroing wipes out the first "
		"one's store",
		"zeroing fault; file f 1 hole; A: store f 0 7 | B: store f 0 9 tail"},
	{"write-zeroed", "write(2) fills an unwritten block that a fault converts and zeroes",
		"file f 1 hole; A: store f 0 7 | B: write f 0 9"},
	{"hole-read-vs-write-fault",
		"a read fault sees a hole and maps the zero page; meanwhile a write fault allocates",
		"file f 1 hole; A: load f 0; load f 0 | B: store f 0 7"},
	{"hole-read-vs-write", "the same, and write(2) allocates",
		"file f 1 hole; A: load f 0; load f 0 | B: write f 0 7"},
	{"stale-zero-other-mm", "one address space has the zero page, a write fault in another allocates",
		"file f 1 hole; prepare A load f 0; A: load f 0 | B: store f 0 7; load f 0"},
	{"huge-zero-stale",
		"a read fault maps 2 MiB of zeros; meanwhile a write fault allocates one of its pages",
		"file f 512 huge hole; A: load f 1; load f 3 | B: store f 3 7"},
	{"pte-vs-pmd",
		"a fault of 2 MiB where a fault of 4 KiB has just put a page table: a private copy is lost",
		"together; file f 512 huge; A: pstore f 0 7 | B: pload f 1; pload f 0"},
	{"huge-copy-stale",
		"a punch of one page takes 2 MiB away, and another of their pages gets a private copy before "
		"the shootdown",
		"together; file f 512 huge; prepare A pload f 3; A: punch f 1 | B: pstore f 3 9"},
	{"self-copy",
		"write(2) from a mapping of the same hole: the zero page goes under the lock, and the "
		"copy faults",
		"file f 1 hole; A: write f 0 from f 0 | B: load f 0"},
	{"self-copy-read",
		"read(2) into a mapping of the same page, which a punch takes out of the page table",
		"file f 1; A: read f 0 into f 0 | B: punch f 0"},
	{"self-copy-cross", "two threads, each writes the page that the other one reads",
		"file f 1 hole; file g 1; A: write f 0 from g 0 | B: write g 0 from f 0"},
	{"fsync-early-clean",
		"a second fsync finds nothing dirty while the first one's flushes are still in flight",
		"file f 1; prepare A store f 0 7; A: fsync f | B: fsync f"},
	{"mprotect-clean-writable", "mprotect makes a clean page writable without mkwrite",
		"file f 1; prepare A load f 0; A: mprotect f ro; mprotect f rw; store f 0 7; fsync f | "
		"B: fsync f"},
	{"fsync-lost-dirty",
		"a store through an entry that is still writable after fsync has flushed the page",
		"file f 1; prepare A store f 0 7; A: store f 0 8; fsync f | B: fsync f"},
	{"mkwrite-lost-tag", "mkwrite tags the page, fsync clears the tag, mkwrite makes the entry writable",
		"file f 1; prepare A load f 0; prepare B store f 0 7; A: store f 0 8 | B: fsync f"},
	{"write-evicts-dirty", "write(2) to a page that a mapping has made dirty: fsync must still find it",
		"file f 1; prepare A store f 0 7 tail; A: fsync f | B: write f 0 9 head; fsync f"},
	{"stale-tlb-free",
		"a store through a TLB entry whose PTE is gone and whose block is freed and reused",
		"file f 1; file g 0; full; prepare A store f 0 7; A: store f 0 8 | B: truncate f 0; "
		"write g 0 9"},
	{"collapse-shift",
		"a fault looks a block up, a collapse moves it to another offset, the fault maps it",
		"file f 3; A: load f 1; load f 1 | B: collapse f 0"},
	{"collapse-lost-tag", "a store through a mapping, then a collapse moves its page: fsync must find it",
		"file f 4; prepare A store f 2 7; A: store f 2 8 | B: collapse f 0; fsync f"},
	{"collapse-fsync", "a page moves down behind an fsync that has already looked there",
		"file f 3; prepare A store f 2 7; A: fsync f | B: collapse f 0"},
	{"insert-shift", "the same as collapse-shift with an insert: the block moves up",
		"file f 2; A: store f 1 7; load f 1 | B: insert f 0"},
	{"insert-hole", "a fault on the page that becomes a hole, which another thread then fills",
		"file f 2; A: load f 0; load f 0 | B: insert f 0; store f 0 7"},
	{"zero-range-stale", "a fault looks a block up, a zero range makes it unwritten, the fault maps it",
		"file f 1; A: store f 0 7; load f 0 | B: zero f 0"},
	{"zero-range-write",
		"zero range beside a write(2) that converts the same blocks and a mapping of them",
		"file f 1; prepare A load f 0; A: write f 0 9; load f 0 | B: zero f 0"},
	{"sync-range-early-clean", "fsync-early-clean with msync of one page and sync_file_range",
		"file f 2; prepare A store f 0 7; prepare A store f 1 8; A: msync f 0 | B: syncrange f 0"},
	{"stale-tlb-clean", "fsync calls a page clean whose entry munmap has cleared but not yet shot down",
		"file f 1; prepare A store f 0 7; A: munmap f | B: fsync f"},
	{"mremap-move", "mremap moves a private copy to where truncate's walk has passed already",
		"file f 1; prepare A pstore f 0 7; A: mremap f; pload f 0 | B: truncate f 0"},
	{"pin-truncate", "a device holds a pin on a block that truncate frees and another file fills",
		"file f 1; file g 0; full; prepare A pin f 0; A: dma f 0 7; unpin f 0 | B: truncate f 0; "
		"write g 0 9"},
	{"pin-lookup",
		"a pin is taken on what an entry said that truncate has cleared meanwhile; or no end of it",
		"file f 1; prepare A store f 0 7; A: pin f 0; unpin f 0 | B: truncate f 0"},
	{"pin-shift", "a device holds a pin on a page that a collapse moves to another offset",
		"file f 3; prepare A pin f 1; A: dma f 1 7; unpin f 1 | B: collapse f 0"},
	{"pin-zero-range", "a device holds a pin on a block that a zero range makes unwritten",
		"file f 1; prepare A pin f 0; A: dma f 0 7; unpin f 0 | B: zero f 0; load f 0"},
	{"poison", "a machine check names a page that others have mapped, or are about to map",
		"file f 1; prepare A load f 0; prepare B load f 0; A: store f 0 7; load f 0 | B: poison f 0; "
		"load f 0"},
	{"mapsync-unreachable",
		"what went through a synchronous mapping was written back and fenced, and the power fails "
		"before the "
		"block map has committed",
		"together; sync; file f 1 hole; A: store f 0 7; persist f 0 | B: store f 0 9 tail; "
		"persist f 0 tail; crash"},
	{"crash-early-clean", "fsync-early-clean, judged by what is there after a power failure",
		"file f 1; prepare A store f 0 7; A: fsync f | B: fsync f; crash"},
	{"crash-fsync",
		"an fsync has committed beside a fault that allocates in the same file, and the power fails",
		"file f 2 hole; prepare B store f 1 9; A: store f 0 7 | B: fsync f; crash"},
	{"crash-reuse", "a block that truncate has freed is another file's before that has committed",
		"file f 1; file g 0; full; A: truncate f 0 | B: write g 0 9; crash"},
};

const struct race *race_at(unsigned i)
{
	return i < ARRAY_SIZE(races) ? &races[i] : NULL;
}

const struct race *race_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(races); i++)
		if (!strcmp(races[i].name, name))
			return &races[i];
	return NULL;
}
