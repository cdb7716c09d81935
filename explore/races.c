/* SPDX-License-Identifier: MIT */
/* The named races as scenarios. Which scheme survives which is for the explorer to find. */
#include "explore/scenario.h"
#include "lib/string.h"

static const struct race races[] = {
	{"truncate-stale",
		"a fault's PTE survives a truncate that comes between its size check and the PTE (Kirill "
		"Shutemov)",
		"file f 1; A: load f 0 | B: truncate f 0"},
	{"truncate-reuse",
		"the same, and the freed block goes to another file: stores land in a stranger's file (Boaz "
		"Harrosh)",
		"file f 1; file g 0; full; A: store f 0 7 | B: truncate f 0; write g 0 9"},
	{"punch-stale",
		"a hole is punched between lookup and PTE: inside the file, where no size check can help",
		"file f 2; file g 0; full; A: store f 0 7 | B: punch f 0; write g 0 9"},
	{"hole-read-vs-write-fault",
		"a read fault sees a hole and maps the zero page; meanwhile a write fault allocates",
		"file f 1 hole; A: load f 0; load f 0 | B: store f 0 7"},
	{"stale-tlb-free",
		"a store through a TLB entry whose PTE is gone and whose block is freed and reused",
		"file f 1; file g 0; full; prepare A store f 0 7; A: store f 0 8 | B: truncate f 0; write g "
		"0 9"},
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
