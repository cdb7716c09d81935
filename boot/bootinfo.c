/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 (version 0.6.96) and multiboot 2 (2.0) boot information into struct boot_info.
 *
 * The loader's structures lie below 4 GiB, which the boot map covers: reader() refuses what would reach
 * past that.
 */
#include "boot/bootinfo.h"

#include "kernel/cpu/cpu.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MB1_LOADER_MAGIC 0x2badb002
#define MB2_LOADER_MAGIC 0x36d76289
#define BOOT_MAP_END (1ull << 32)

struct boot_info boot_info;

/* multiboot 1: 3.3 Boot information format */
struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB; flag 0 */
	u32 boot_device;
	u32 cmdline;               /* flag 2 */
	u32 mods_count, mods_addr; /* flag 3 */
	u32 syms[4];
	u32 mmap_length, mmap_addr; /* flag 6 */
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name; /* flag 9 */
} PACKED;
_Static_assert(offsetof(struct mb1_info, boot_loader_name) == 64, "multiboot 0.6.96, 3.3");

struct mb1_mmap {
	u32 size; /* of what follows */
	u64 base, len;
	u32 type;
} PACKED;
struct mb1_module {
	u32 start, end, string, reserved;
};

/* multiboot 2: 3.6 Boot information format */
struct mb2_tag {
	u32 type, size;
};
enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER = 2,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_RSDP1 = 14,
	MB2_RSDP2 = 15
};
struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};
struct mb2_mmap_entry {
	u64 base, len;
	u32 type, reserved;
};
struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
};

/* `len` bytes of the loader's at physical `a`; NULL if they are not below 4 GiB. */
static const void *reader(u64 a, u64 len)
{
	return a && a < BOOT_MAP_END && len <= BOOT_MAP_END - a ? phys_to_virt(PADDR(a)) : NULL;
}

/* A string of at most `max` bytes at p; dst is always ended. */
static void copy_text(char *dst, size_t size, const char *p, size_t max)
{
	size_t n = strnlen(p, MIN(max, size - 1));

	memcpy(dst, p, n);
	dst[n] = '\0';
}

static void copy_string_at(char *dst, size_t size, u32 address)
{
	const char *p = reader(address, 1);

	if (p)
		copy_text(dst, size, p, MIN(size, BOOT_MAP_END - address));
}

static void add_range(u64 base, u64 len, u32 type)
{
	struct boot_info *b = &boot_info;

	if (!len)
		return;
	if (base + len < base) {
		pr_warn("boot", "memory map: %#llx + %#llx wraps: left out", (unsigned long long)base,
			(unsigned long long)len);
		return;
	}
	if (b->nr_ranges == BOOT_MAX_RANGES) {
		pr_warn("boot", "memory map: more than %u ranges: %#llx left out", BOOT_MAX_RANGES,
			(unsigned long long)base);
		return;
	}
	b->ranges[b->nr_ranges++] = (struct boot_range){base, len, type};
}

static void add_module(u32 start, u32 end)
{
	struct boot_info *b = &boot_info;

	if (end <= start)
		return;
	if (b->nr_modules == BOOT_MAX_MODULES) {
		pr_warn("boot", "more than %u modules: the rest is ignored", BOOT_MAX_MODULES);
		return;
	}
	b->modules[b->nr_modules++] = (struct boot_range){start, end - start, BOOT_RESERVED};
}

static void mb1_memory_map(const struct mb1_info *mi)
{
	const u8 *p = reader(mi->mmap_addr, mi->mmap_length);
	u32 left = mi->mmap_length;

	if (!p) {
		pr_warn("boot", "multiboot 1: memory map at %#x, %#x bytes: unreadable", mi->mmap_addr,
			mi->mmap_length);
		return;
	}
	while (left >= sizeof(struct mb1_mmap)) {
		struct mb1_mmap e;

		memcpy(&e, p, sizeof(e));
		if (e.size < sizeof(e) - 4 || e.size > left - 4) {
			pr_warn("boot", "multiboot 1: memory map entry of %u bytes: the rest is ignored",
				e.size);
			return;
		}
		add_range(e.base, e.len, e.type);
		p += e.size + 4;
		left -= e.size + 4;
	}
}

static void mb1_modules(const struct mb1_info *mi)
{
	const u8 *p = reader(mi->mods_addr, (u64)mi->mods_count * sizeof(struct mb1_module));

	for (u32 i = 0; p && i < MIN(mi->mods_count, BOOT_MAX_MODULES + 1u); i++) {
		struct mb1_module m;

		memcpy(&m, p + i * sizeof(m), sizeof(m));
		add_module(m.start, m.end);
	}
}

/* QEMU puts the kernel's path before the options; GRUB does not. */
static void drop_first_word(char *s)
{
	char *rest = strchr(s, ' ');

	if (rest)
		memmove(s, rest + 1, strlen(rest + 1) + 1);
	else
		s[0] = '\0';
}

static int parse_mb1(u32 address)
{
	const struct mb1_info *mi = reader(address, sizeof(*mi));

	if (!mi)
		return -EINVAL;
	if (mi->flags & (1u << 9))
		copy_string_at(boot_info.loader, sizeof(boot_info.loader), mi->boot_loader_name);
	if (mi->flags & (1u << 2))
		copy_string_at(boot_info.cmdline, sizeof(boot_info.cmdline), mi->cmdline);
	if (!strcmp(boot_info.loader, "qemu"))
		drop_first_word(boot_info.cmdline);
	if (mi->flags & (1u << 3))
		mb1_modules(mi);
	if (mi->flags & (1u << 6)) {
		mb1_memory_map(mi);
	} else if (mi->flags & 1) {
		add_range(0, mi->mem_lower * 1024ull, BOOT_RAM);
		add_range(0x100000, mi->mem_upper * 1024ull, BOOT_RAM);
	}
	return 0;
}

static void mb2_memory_map(const struct mb2_tag *t)
{
	const struct mb2_mmap *m = (const void *)t;
	const u8 *p = (const void *)(m + 1);
	u32 left;

	if (t->size < sizeof(*m) || m->entry_size < sizeof(struct mb2_mmap_entry)) {
		pr_warn("boot", "multiboot 2: memory map tag of %u bytes: ignored", t->size);
		return;
	}
	for (left = t->size - sizeof(*m); left >= m->entry_size; left -= m->entry_size, p += m->entry_size) {
		struct mb2_mmap_entry e;

		memcpy(&e, p, sizeof(e));
		add_range(e.base, e.len, e.type);
	}
}

/* RSDP of revision 2 (tag 15) wins over revision 0 (tag 14), in whatever order they come. */
static void mb2_rsdp(const struct mb2_tag *t)
{
	size_t want = t->type == MB2_RSDP2 ? 36 : 20;

	if (t->size < sizeof(*t) + want) {
		pr_warn("boot", "multiboot 2: RSDP tag of %u bytes: ignored", t->size);
		return;
	}
	if (t->type == MB2_RSDP1 && boot_info.has_rsdp)
		return;
	memset(boot_info.rsdp, 0, sizeof(boot_info.rsdp));
	memcpy(boot_info.rsdp, t + 1, want);
	boot_info.has_rsdp = true;
}

static void mb2_tag(const struct mb2_tag *t)
{
	const char *text = (const char *)(t + 1);
	size_t max = t->size - sizeof(*t);
	const struct mb2_module *m = (const void *)t;

	switch (t->type) {
	case MB2_CMDLINE:
		copy_text(boot_info.cmdline, sizeof(boot_info.cmdline), text, max);
		break;
	case MB2_LOADER:
		copy_text(boot_info.loader, sizeof(boot_info.loader), text, max);
		break;
	case MB2_MODULE:
		if (t->size >= sizeof(*m))
			add_module(m->start, m->end);
		break;
	case MB2_MMAP:
		mb2_memory_map(t);
		break;
	case MB2_RSDP1:
	case MB2_RSDP2:
		mb2_rsdp(t);
		break;
	}
}

static int parse_mb2(u32 address)
{
	const u32 *head = reader(address, 8);
	u32 total, at = 8;
	const u8 *base;

	if (!head || !IS_ALIGNED(address, 8))
		return -EINVAL;
	total = head[0];
	base = reader(address, total);
	if (!base)
		return -EINVAL;
	while (at <= total && total - at >= sizeof(struct mb2_tag)) {
		const struct mb2_tag *t = (const void *)(base + at);

		if (t->type == MB2_END)
			return 0;
		if (t->size < sizeof(*t) || t->size > total - at) {
			pr_warn("boot", "multiboot 2: tag %u of %u bytes: the rest is ignored", t->type,
				t->size);
			return 0;
		}
		mb2_tag(t);
		at += ALIGN_UP(t->size, 8u);
	}
	return 0;
}

int bootinfo_parse(u32 magic, u32 address)
{
	int err;

	if (magic == MB1_LOADER_MAGIC)
		err = parse_mb1(address);
	else if (magic == MB2_LOADER_MAGIC)
		err = parse_mb2(address);
	else
		err = -EINVAL;
	if (!err && !boot_info.nr_ranges)
		err = -EINVAL;
	return err;
}
