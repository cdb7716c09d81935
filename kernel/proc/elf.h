/* SPDX-License-Identifier: MIT */
/*
 * ELF64 executables: the headers, checked. Follows the System V ABI, "Object Files" and "Program Loading", and its x86-64
 * supplement. Nothing here touches an address space.
 *
 * A plan that elf_read() returned is sound: its segments ascend, overlap on no page, lie in the file and in the user half,
 * and the entry point is in an executable one. Addresses of a position-independent program are already moved to its load address.
 */
#ifndef KERNEL_PROC_ELF_H
#define KERNEL_PROC_ELF_H

#include "lib/types.h"

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
	u64 vaddr, filesz, memsz; /* bytes */
	u64 offset;               /* in the file; same place within its page as vaddr */
	bool write, exec, read;
};

struct elf_plan {
	unsigned nr_segments; /* with memsz > 0 */
	struct elf_segment segments[ELF_MAX_SEGMENTS];
	u64 entry;
	u64 phdr; /* user address of the program headers; 0: not loaded */
	unsigned phnum;
	u64 end; /* page-aligned end of the last segment: the break starts here */
};

struct inode;

/*
 * Reads and checks the headers of the program in file `i`. 0; -ENOEXEC with *why = one sentence, or NULL: not an ELF file at all, which is nothing to
 * wonder at, for a shell tries a script so; -ENOMEM, -EIO.
 */
int elf_read(struct inode *i, u64 pie_base, struct elf_plan *plan, const char **why);

#define ELF_PHENTSIZE 56

#endif
