/* SPDX-License-Identifier: MIT */
/* Target "elf": the headers of programs, in a file on tmpfs. A plan that is made of them must be as elf.h promises. */
#include "kernel/proc/elf.h"

#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "kernel/proc/layout.h"
#include "tests/hostile/target.h"
#include "tests/hostile/world.h"

#define PIE_BASE 0x555555554000ull

static struct super *super;

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
	world_init();
	if (tmpfs_create(64, &super))
		finding("no tmpfs");
	return 0;
}

static void check_plan(const struct elf_plan *p, u64 size)
{
	u64 end = LAYOUT_IMAGE_MIN;
	bool entry = false;

	if (p->nr_segments > ELF_MAX_SEGMENTS)
		finding("%u segments", p->nr_segments);
	for (unsigned k = 0; k < p->nr_segments; k++) {
		const struct elf_segment *s = &p->segments[k];

		if (s->vaddr < end || s->memsz > LAYOUT_IMAGE_TOP || s->vaddr > LAYOUT_IMAGE_TOP - s->memsz)
			finding("segment %u overlaps, or lies outside", k);
		if (s->filesz > s->memsz || s->offset > size || s->filesz > size - s->offset)
			finding("segment %u is larger than what it comes from", k);
		if ((s->vaddr ^ s->offset) & PAGE_MASK)
			finding("segment %u cannot be mapped", k);
		entry |= s->exec && p->entry >= s->vaddr && p->entry - s->vaddr < s->filesz;
		end = ALIGN_UP(s->vaddr + s->memsz, PAGE_SIZE);
	}
	if (!entry)
		finding("it starts outside its segments");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const char *why = NULL;
	struct elf_plan plan;
	struct inode *i;

	if (tmpfs_new_file(super, 0, &i))
		finding("no file");
	if (size && vfs_kwrite(i, data, size, 0) != (ssize_t)size)
		finding("the file cannot be written");
	if (!elf_read(i, PIE_BASE, &plan, &why))
		check_plan(&plan, size);
	else if (!why && size >= 4 && !memcmp(data, "\177ELF", 4))
		finding("no reason is given");
	iput(i);
	return 0;
}
