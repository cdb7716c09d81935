/* SPDX-License-Identifier: MIT */
/*
 * Free RAM at boot, as a sorted list of disjoint ranges. Single-threaded, no locks.
 *
 * Rule: a page is in the list only if the firmware calls it RAM and nobody calls it anything else.
 */
#include "boot/earlymem.h"

#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_FREE (2 * BOOT_MAX_RANGES)
#define LOW_END 0x100000ull       /* first MiB: firmware data, AP trampoline */
#define BOOT_MAP_END (1ull << 32) /* what is reachable before the final page tables */

static struct ram_range free_ranges[MAX_FREE];
static unsigned nr_free;
static bool taken;

static void drop_entry(unsigned i)
{
	memmove(&free_ranges[i], &free_ranges[i + 1], (nr_free - i - 1) * sizeof(free_ranges[0]));
	nr_free--;
}

static void insert_entry(unsigned i, u64 base, u64 len)
{
	if (nr_free == MAX_FREE) {
		pr_warn("boot", "memory map too fragmented: %#llx left out", (unsigned long long)base);
		return;
	}
	memmove(&free_ranges[i + 1], &free_ranges[i], (nr_free - i) * sizeof(free_ranges[0]));
	free_ranges[i] = (struct ram_range){PADDR(base), len};
	nr_free++;
}

/* Adds [start, end), less what is there already. */
static void add(u64 start, u64 end)
{
	unsigned i = 0;

	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	while (i < nr_free && free_ranges[i].base.v + free_ranges[i].len <= start)
		i++;
	for (; start < end; i++) {
		u64 next = i < nr_free ? free_ranges[i].base.v : ~0ull;

		if (start < next) {
			insert_entry(i, start, MIN(end, next) - start);
			if (end <= next)
				return;
			i++;
		}
		start = free_ranges[i].base.v + free_ranges[i].len;
	}
}

/* Removes [start, end), widened to whole pages. */
static void remove(u64 start, u64 end)
{
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (unsigned i = 0; i < nr_free;) {
		struct ram_range *r = &free_ranges[i];
		u64 r_start = r->base.v, r_end = r_start + r->len;

		if (r_end <= start || r_start >= end) {
			i++;
		} else if (r_start < start) {
			r->len = start - r_start;
			if (r_end > end)
				insert_entry(i + 1, end, r_end - end);
			i++;
		} else if (r_end > end) {
			*r = (struct ram_range){PADDR(end), r_end - end};
			i++;
		} else {
			drop_entry(i);
		}
	}
}

static void keep_lowest(u64 limit)
{
	u64 sum = 0;

	limit = ALIGN_DOWN(limit, PAGE_SIZE);
	for (unsigned i = 0; i < nr_free; i++) {
		u64 room = limit - sum;

		if (free_ranges[i].len >= room) {
			free_ranges[i].len = room;
			nr_free = i + (room != 0);
			return;
		}
		sum += free_ranges[i].len;
	}
}

int earlymem_init(const struct boot_info *b, paddr_t image, u64 image_len, u64 limit)
{
	for (unsigned i = 0; i < b->nr_ranges; i++)
		if (b->ranges[i].type == BOOT_RAM)
			add(b->ranges[i].base, b->ranges[i].base + b->ranges[i].len);
	for (unsigned i = 0; i < b->nr_ranges; i++)
		if (b->ranges[i].type != BOOT_RAM)
			remove(b->ranges[i].base, b->ranges[i].base + b->ranges[i].len);
	remove(0, LOW_END);
	remove(image.v, image.v + image_len);
	for (unsigned i = 0; i < b->nr_modules; i++)
		remove(b->modules[i].base, b->modules[i].base + b->modules[i].len);
	if (limit)
		keep_lowest(limit);
	return nr_free ? 0 : -ENOMEM;
}

/* From the end of the highest range below 4 GiB, so that the low ranges stay whole. */
paddr_t earlymem_alloc_page(void)
{
	DEBUG_ASSERT(!taken);
	for (unsigned i = nr_free; i-- > 0;) {
		struct ram_range *r = &free_ranges[i];
		paddr_t a = PADDR(r->base.v + r->len - PAGE_SIZE);

		if (a.v >= BOOT_MAP_END)
			continue;
		r->len -= PAGE_SIZE;
		if (!r->len)
			drop_entry(i);
		memset(phys_to_virt(a), 0, PAGE_SIZE);
		return a;
	}
	return PADDR_NONE;
}

const struct ram_range *earlymem_take_all(unsigned *n)
{
	taken = true;
	*n = nr_free;
	return free_ranges;
}
