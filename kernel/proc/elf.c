/* SPDX-License-Identifier: MIT */
/* Checks of ELF headers. What is promised to callers: elf.h. */
#include "kernel/proc/elf.h"

#include "fs/vfs.h"
#include "kernel/proc/layout.h"
#include "mm/kmem.h"

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64 object file format, figure 2");

struct program_header {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct program_header) == ELF_PHENTSIZE, "ELF-64 object file format, figure 6");

enum {
	ET_EXEC_ = 2,
	ET_DYN_ = 3,
	EM_X86_64_ = 62,
	PT_LOAD_ = 1,
	PT_INTERP_ = 3,
	PF_X_ = 1,
	PF_W_ = 2,
	PF_R_ = 4
};

#define MAX_PHNUM (PAGE_SIZE / ELF_PHENTSIZE)

static bool is_elf(const struct elf_header *h, ssize_t len)
{
	return len >= 4 && !memcmp(h->ident, "\177ELF", 4);
}

static const char *check_header(const struct elf_header *h, ssize_t len)
{
	if (len < (ssize_t)sizeof(*h))
		return "the ELF header is cut short";
	if (h->ident[4] != 2 || h->ident[5] != 1 || h->ident[6] != 1 || h->version != 1)
		return "it is not a 64-bit little-endian ELF file of version 1";
	if (h->machine != EM_X86_64_)
		return "it is for another processor than x86-64";
	if (h->type != ET_EXEC_ && h->type != ET_DYN_)
		return "it is not an executable";
	if (h->ehsize < sizeof(*h) || h->phentsize != ELF_PHENTSIZE)
		return "its headers have an unknown size";
	if (!h->phnum || h->phnum > MAX_PHNUM)
		return "it has no program headers, or too many";
	return NULL;
}

/* Checks one loadable segment against the file, the user half and the one before it, and adds it to the plan. */
static const char *add_segment(
	struct elf_plan *plan, const struct program_header *ph, u64 bias, u64 file_size)
{
	struct elf_segment *s = &plan->segments[plan->nr_segments];
	u64 file_end, mem_end;

	if (ph->filesz > ph->memsz)
		return "a segment is larger in the file than in memory";
	if (__builtin_add_overflow(ph->offset, ph->filesz, &file_end) || file_end > file_size)
		return "a segment lies beyond the end of the file";
	if (ph->align > 1 && (ph->align & (ph->align - 1)))
		return "a segment's alignment is not a power of two";
	if ((ph->offset ^ ph->vaddr) & PAGE_MASK)
		return "a segment's address and file offset differ within the page";
	if (!ph->memsz)
		return NULL;
	if (ph->vaddr > LAYOUT_IMAGE_TOP - bias || ph->memsz > LAYOUT_IMAGE_TOP - bias - ph->vaddr ||
		ph->vaddr + bias < LAYOUT_IMAGE_MIN)
		return "a segment lies outside the addresses of programs";
	if (ph->memsz > ph->filesz && !(ph->flags & PF_W_))
		return "a read-only segment is larger in memory than in the file";
	if (plan->nr_segments == ELF_MAX_SEGMENTS)
		return "it has too many segments";
	if (ALIGN_DOWN(ph->vaddr + bias, PAGE_SIZE) < plan->end)
		return "its segments overlap or do not ascend";
	mem_end = ph->vaddr + bias + ph->memsz;
	*s = (struct elf_segment){
		.vaddr = ph->vaddr + bias,
		.filesz = ph->filesz,
		.memsz = ph->memsz,
		.offset = ph->offset,
		.read = ph->flags & PF_R_,
		.write = ph->flags & PF_W_,
		.exec = ph->flags & PF_X_,
	};
	plan->nr_segments++;
	plan->end = ALIGN_UP(mem_end, PAGE_SIZE);
	return NULL;
}

/* Where the program headers and the entry point end up. */
static const char *locate(struct elf_plan *plan, const struct elf_header *h, u64 bias)
{
	bool entry_ok = false;

	plan->entry = h->entry + bias;
	plan->phnum = h->phnum;
	for (unsigned i = 0; i < plan->nr_segments; i++) {
		const struct elf_segment *s = &plan->segments[i];

		if (s->exec && plan->entry >= s->vaddr && plan->entry - s->vaddr < s->filesz)
			entry_ok = true;
		if (h->phoff >= s->offset && h->phoff + h->phnum * ELF_PHENTSIZE <= s->offset + s->filesz)
			plan->phdr = s->vaddr + (h->phoff - s->offset);
	}
	return entry_ok ? NULL : "its entry point is in no executable segment";
}

static const char *make_plan(struct elf_plan *plan, const struct elf_header *h,
	const struct program_header *ph, u64 bias, u64 file_size)
{
	const char *why = NULL;

	for (unsigned i = 0; i < h->phnum && !why; i++) {
		if (ph[i].type == PT_INTERP_)
			return "it is linked dynamically";
		if (ph[i].type == PT_LOAD_)
			why = add_segment(plan, &ph[i], bias, file_size);
	}
	return why ? why : locate(plan, h, bias);
}

int elf_read(struct inode *i, u64 pie_base, struct elf_plan *plan, const char **why)
{
	struct program_header *ph;
	struct elf_header h;
	ssize_t len = vfs_kread(i, &h, sizeof(h), 0);
	u64 size = inode_size(i), ph_len;

	memset(plan, 0, sizeof(*plan));
	if (len < 0)
		return (int)len;
	*why = NULL;
	if (!is_elf(&h, len))
		return -ENOEXEC;
	*why = check_header(&h, len);
	if (*why)
		return -ENOEXEC;
	ph_len = h.phnum * sizeof(*ph);
	*why = "its program headers lie beyond the end of the file";
	if (h.phoff > size || ph_len > size - h.phoff)
		return -ENOEXEC;
	ph = kmalloc(ph_len);
	if (!ph)
		return -ENOMEM;
	len = vfs_kread(i, ph, ph_len, h.phoff);
	if (len == (ssize_t)ph_len)
		*why = make_plan(plan, &h, ph, h.type == ET_DYN_ ? pie_base : 0, size);
	kfree(ph);
	if (len < 0)
		return (int)len;
	return *why ? -ENOEXEC : 0;
}
