/* SPDX-License-Identifier: MIT */
/* What a crash may lose. See durable.h. */
#include "host/durable.h"

/* Where a block is kept; >= DURABLE_BLOCKS: nowhere. */
static u64 durable_slot(u64 block)
{
	return block % PAGES_PER_HUGE < 64 ? block / PAGES_PER_HUGE * 64 + block % PAGES_PER_HUGE
					   : DURABLE_BLOCKS;
}

static const u64 lines[DURABLE_LINES] = {0, 64, PAGE_SIZE - 64}; /* offsets in a block */

static void fence_block(struct durable *d, unsigned cpu, unsigned b)
{
	for (unsigned k = 0; k < DURABLE_LINES; k++)
		for (u32 who = d->on_its_way[cpu][b][k], c = 0; who && c < DURABLE_CPUS; c++)
			d->on_its_way[c][b][k] &= ~who;
}

static void fence(struct durable *d, unsigned cpu)
{
	for (unsigned i = 0; i < DURABLE_BLOCKS / 64; i++)
		for (u64 *left = &d->flushed[cpu][i]; *left; *left &= *left - 1)
			fence_block(d, cpu, i * 64 + (unsigned)__builtin_ctzll(*left));
}

static void touch_line(
	struct durable *d, unsigned cpu, u32 who, enum pmem_sim_event what, u64 block, unsigned k)
{
	u32 *cached = &d->cached[block][k], *way = &d->on_its_way[cpu][block][k];

	if (what == PMEM_SIM_STORE) {
		*cached |= who;
	} else if (what == PMEM_SIM_NT_STORE) {
		*way |= *cached | who; /* the line goes with it */
		*cached = 0;
	} else {
		*way |= *cached;
		*cached = 0;
		for (unsigned c = 0; c < DURABLE_CPUS; c++)
			*way |= d->on_its_way[c][block][k];
	}
	if (*way)
		d->flushed[cpu][block / 64] |= 1ull << block % 64;
}

void durable_event(struct durable *d, unsigned cpu, u32 who, enum pmem_sim_event what, u64 off, u64 n)
{
	if (cpu >= DURABLE_CPUS)
		return;
	if (what == PMEM_SIM_FENCE) {
		fence(d, cpu);
		return;
	}
	for (u64 block = off >> PAGE_SHIFT; n && block <= (off + n - 1) >> PAGE_SHIFT; block++)
		for (unsigned k = 0; durable_slot(block) < DURABLE_BLOCKS && k < DURABLE_LINES; k++) {
			u64 line = (block << PAGE_SHIFT) + lines[k];

			if (line < off + n && off < line + 64)
				touch_line(d, cpu, who, what, durable_slot(block), k);
		}
}

u32 durable_lost(const struct durable *d, u64 block)
{
	u32 who = 0;

	block = durable_slot(block);
	for (unsigned k = 0; block < DURABLE_BLOCKS && k < DURABLE_LINES; k++) {
		who |= d->cached[block][k];
		for (unsigned cpu = 0; cpu < DURABLE_CPUS; cpu++)
			who |= d->on_its_way[cpu][block][k];
	}
	return who;
}
