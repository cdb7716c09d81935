/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables (SDM vol. 3, 4.5). See paging.h for the layout and the rule.
 *
 * Everything here runs at boot on one CPU, except kernel_map(), which kva's lock serialises.
 */
#include "kernel/cpu/paging.h"

#include "boot/earlymem.h"
#include "kernel/cpu/desc.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/pagetable.h"

#define NR_SLOTS 512
#define KERNEL_FIRST_SLOT 256
#define LOW_RAM_END 0xa0000ull /* below: RAM, EBDA, AP trampoline */
#define BIOS_START 0xe0000ull  /* RSDP may be here */
#define BIOS_END 0x100000ull
#define TRAMPOLINE_MAX 0x100000ull

/* Shift of the addresses that one entry of a level's table covers: level 4 is the root. */
#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1))

static u64 image_delta;
static paddr_t kernel_root;
static bool have_pmm;
static paddr_t ap_tables[4]; /* root, then one table a level down to the trampoline's page */

void paging_set_image_delta(u64 delta)
{
	image_delta = delta;
}

paddr_t image_to_phys(const void *p)
{
	DEBUG_ASSERT((char *)p >= image_start && (char *)p < image_end);
	return PADDR((u64)p - KERNEL_BASE + image_delta);
}

paddr_t cpu_kernel_root(void)
{
	return kernel_root;
}

static u64 nx(void)
{
	return cpu_features.nx ? PTE_NX : 0;
}

static u64 global(void)
{
	return cpu_features.pge ? PTE_GLOBAL : 0;
}

static paddr_t alloc_table(void)
{
	struct page *p;

	if (!have_pmm)
		return earlymem_alloc_page();
	p = pmm_alloc_zeroed(0);
	return p ? page_to_paddr(p) : PADDR_NONE;
}

static pte_slot_t *slot_of(paddr_t table, u64 va, unsigned level)
{
	pte_slot_t *slots = phys_to_virt(table);

	return &slots[(va >> LEVEL_SHIFT(level)) % NR_SLOTS];
}

/* The table below *s, made if there is none. PADDR_NONE: no memory. */
static paddr_t table_below(pte_slot_t *s)
{
	pte_t e = pte_load(s);
	paddr_t t;

	if (pte_present(e))
		return pte_paddr(e);
	t = alloc_table();
	if (t.v != PADDR_NONE.v)
		pte_store(s, pte_make(t, PTE_PRESENT | PTE_WRITE));
	return t;
}

/* Bytes from the start of va's entry at `level` to va. */
static u64 level_offset(u64 va, unsigned level)
{
	return va & ((1ull << LEVEL_SHIFT(level)) - 1);
}

static bool leaf_fits(u64 va, u64 pa, u64 len, unsigned level, unsigned max_level)
{
	return level <= max_level && !level_offset(va, level) && !level_offset(pa, level) &&
		len >= 1ull << LEVEL_SHIFT(level);
}

/*
 * Maps [va, va + len) to pa with the largest pages up to max_level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB) that
 * alignment allows. What is mapped already stays as it is. All three page-aligned.
 */
static int map_range(u64 va, u64 pa, u64 len, u64 flags, unsigned max_level)
{
	while (len) {
		paddr_t table = kernel_root;
		u64 step;

		for (unsigned level = 4;; level--) {
			pte_slot_t *s = slot_of(table, va, level);
			pte_t e = pte_load(s);
			bool leaf_there = pte_present(e) && (level == 1 || pte_huge(e));

			if (leaf_there || (!pte_present(e) && leaf_fits(va, pa, len, level, max_level))) {
				step = (1ull << LEVEL_SHIFT(level)) - level_offset(va, level);
				if (!leaf_there)
					pte_store(s, pte_make(PADDR(pa), flags | (level > 1 ? PTE_HUGE : 0)));
				break;
			}
			table = table_below(s);
			if (table.v == PADDR_NONE.v)
				return -ENOMEM;
		}
		step = MIN(step, len);
		va += step;
		pa += step;
		len -= step;
	}
	return 0;
}

static int map_image_part(const char *start, const char *end, u64 flags)
{
	return map_range(
		(u64)start, image_to_phys(start).v, (u64)(end - start), PTE_PRESENT | global() | flags, 1);
}

static int map_image(void)
{
	int err = map_image_part(image_start, text_end, 0);

	if (!err)
		err = map_image_part(text_end, rodata_end, nx());
	if (!err)
		err = map_image_part(rodata_end, stacks_start, PTE_WRITE | nx());
	for (char *unit = stacks_start; !err && unit < stacks_end; unit += STACK_UNIT)
		err = map_image_part(unit + PAGE_SIZE, unit + STACK_UNIT, PTE_WRITE | nx());
	return err;
}

static int map_direct(u64 start, u64 end, u64 flags)
{
	if (start >= end)
		return 0;
	return map_range(DIRECT_MAP_BASE + start, start, end - start, PTE_PRESENT | global() | nx() | flags,
		cpu_features.huge_1g ? 3 : 2);
}

/* RAM, but for the image's text and constants read-only: they have no writable alias. Mapped first, they
 * stay so. */
static int map_direct_ram(u64 start, u64 end)
{
	u64 ro_start = image_to_phys(image_start).v, ro_end = image_to_phys(rodata_end).v;
	int err = map_direct(MAX(start, ro_start), MIN(end, ro_end), 0);

	if (!err)
		err = map_direct(start, MIN(end, ro_start), PTE_WRITE);
	if (!err)
		err = map_direct(MAX(start, ro_end), end, PTE_WRITE);
	return err;
}

static int map_direct_all(const struct boot_info *b)
{
	int err = map_direct_ram(0, LOW_RAM_END);

	if (!err)
		err = map_direct(BIOS_START, BIOS_END, PTE_WRITE);
	for (unsigned i = 0; !err && i < b->nr_ranges; i++) {
		const struct boot_range *r = &b->ranges[i];
		u64 start = ALIGN_DOWN(r->base, PAGE_SIZE), end = ALIGN_UP(r->base + r->len, PAGE_SIZE);

		if (end > DIRECT_MAP_SIZE || end < start)
			continue;
		if (r->type == BOOT_RAM)
			err = map_direct_ram(start, end);
		else if (r->type == BOOT_ACPI || r->type == BOOT_ACPI_NVS)
			err = map_direct(start, end, PTE_WRITE);
	}
	return err;
}

int directmap_add(paddr_t base, u64 len)
{
	u64 start = ALIGN_DOWN(base.v, PAGE_SIZE), end = ALIGN_UP(base.v + len, PAGE_SIZE);

	if (base.v + len < base.v || end > DIRECT_MAP_SIZE)
		return -ERANGE;
	return map_direct_ram(start, end);
}

int kernel_map(u64 va, paddr_t pa, u64 len, unsigned flags)
{
	u64 bits = PTE_PRESENT | global() | nx();

	DEBUG_ASSERT(va >= KVA_BASE && va + len <= KVA_END);
	if (flags & KMAP_WRITE)
		bits |= PTE_WRITE;
	if (flags & KMAP_UNCACHED)
		bits |= PTE_PCD | PTE_PWT;
	return map_range(va, pa.v, len, bits, 1);
}

/* Tables for ap_root(), taken while pages below 4 GiB are certain. */
static int alloc_ap_tables(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ap_tables); i++) {
		ap_tables[i] = earlymem_alloc_page();
		if (ap_tables[i].v == PADDR_NONE.v)
			return -ENOMEM;
	}
	return 0;
}

int paging_init(const struct boot_info *b)
{
	int err;

	kernel_root = earlymem_alloc_page();
	if (kernel_root.v == PADDR_NONE.v || alloc_ap_tables())
		return -ENOMEM;
	if (table_below(slot_of(kernel_root, KVA_BASE, 4)).v == PADDR_NONE.v)
		return -ENOMEM;
	err = map_image();
	if (!err)
		err = map_direct_all(b);
	if (err)
		return err;
	cpu_load_root(kernel_root);
#ifdef FAULTLINE_DEBUG
	paging_check();
#endif
	return 0;
}

void paging_use_pmm(void)
{
	have_pmm = true;
}

paddr_t ap_root(paddr_t trampoline)
{
	u64 va = trampoline.v;
	pte_slot_t *root = phys_to_virt(ap_tables[0]);
	const pte_slot_t *kernel = phys_to_virt(kernel_root);

	if (va >= TRAMPOLINE_MAX || va & PAGE_MASK)
		return PADDR_NONE;
	for (unsigned i = KERNEL_FIRST_SLOT; i < NR_SLOTS; i++)
		pte_store(&root[i], pte_load(&kernel[i]));
	for (unsigned level = 4; level > 1; level--)
		pte_store(slot_of(ap_tables[4 - level], va, level),
			pte_make(ap_tables[5 - level], PTE_PRESENT | PTE_WRITE));
	pte_store(slot_of(ap_tables[3], va, 1), pte_make(trampoline, PTE_PRESENT));
	return ap_tables[0];
}

u64 ap_efer(void)
{
	return EFER_LME | (cpu_features.nx ? EFER_NXE : 0);
}

#ifdef FAULTLINE_DEBUG
static void check_leaf(u64 va, pte_t e)
{
	bool executable = !(e.v & PTE_NX) && cpu_features.nx;
	bool text = va >= (u64)image_start && va < (u64)text_end;

	if (e.v & PTE_USER)
		panic("kernel page %#llx is open to user mode", (unsigned long long)va);
	if (executable && pte_writable(e))
		panic("kernel page %#llx is writable and executable", (unsigned long long)va);
	if (executable != (text && cpu_features.nx))
		panic("kernel page %#llx: executable is %d", (unsigned long long)va, executable);
	if (va >= (u64)image_start && va < (u64)rodata_end && pte_writable(e))
		panic("text or constant page %#llx is writable", (unsigned long long)va);
	if (va >= (u64)stacks_start && va < (u64)stacks_end &&
		(va - (u64)stacks_start) % STACK_UNIT < PAGE_SIZE)
		panic("guard page %#llx is mapped", (unsigned long long)va);
}

static void check_table(paddr_t table, u64 va, unsigned level)
{
	pte_slot_t *slots = phys_to_virt(table);

	for (unsigned i = 0; i < NR_SLOTS; i++) {
		u64 at = va | (u64)i << LEVEL_SHIFT(level);
		pte_t e = pte_load(&slots[i]);

		if (!pte_present(e))
			continue;
		if (level == 4 && i < KERNEL_FIRST_SLOT)
			panic("the kernel's root maps user addresses (slot %u)", i);
		if (level == 4)
			at |= 0xffff000000000000ull;
		if (level == 1 || pte_huge(e))
			check_leaf(at, e);
		else
			check_table(pte_paddr(e), at, level - 1);
	}
}

void paging_check(void)
{
	check_table(kernel_root, 0, 4);
}
#endif
