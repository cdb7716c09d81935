/* SPDX-License-Identifier: MIT */
/*
 * The registry of persistent-memory regions. The primitives are drivers/pmem_x86.c on hardware and host/pmem_sim.c in the simulation.
 *
 * Rule: regions are added at boot, before anybody looks; afterwards the table only is read.
 */
#include "drivers/pmem.h"
#include "lib/errno.h"

static struct pmem_region regions[PMEM_MAX_REGIONS];
static unsigned nr_regions;
bool pmem_flush_needed;

int pmem_add_region(const struct pmem_region *r)
{
	if (!r->len || r->base.v + r->len < r->base.v || !IS_ALIGNED(r->base.v | r->len, PAGE_SIZE))
		return -EINVAL;
	for (unsigned i = 0; i < nr_regions; i++)
		if (r->base.v < regions[i].base.v + regions[i].len && regions[i].base.v < r->base.v + r->len)
			return -EINVAL;
	if (nr_regions == PMEM_MAX_REGIONS)
		return -ENOSPC;
	regions[nr_regions++] = *r;
	if (r->flush == PMEM_FLUSH_CACHE)
		pmem_flush_needed = true;
	return 0;
}

#ifdef FAULTLINE_HOSTED
void pmem_forget_regions(void)
{
	nr_regions = 0;
}
#endif

unsigned pmem_region_count(void)
{
	return nr_regions;
}

struct pmem_region *pmem_region(unsigned i)
{
	return i < nr_regions ? &regions[i] : NULL;
}

struct pmem_region *pmem_find(paddr_t a)
{
	for (unsigned i = 0; i < nr_regions; i++)
		if (a.v - regions[i].base.v < regions[i].len)
			return &regions[i];
	return NULL;
}
