/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory and the root file system. Client: kernel/main.c.
 *
 * Rules: a range is used only if it overlaps no RAM and nothing that is in use already; a region is written
 * to only by a file system that was recognised on it. A file system that is refused ends the search:
 * booting from another one in its place would hide that.
 */
#include "kernel/storage.h"

#include "boot/bootinfo.h"
#include "drivers/acpi.h"
#include "drivers/nfit.h"
#include "drivers/pmem.h"
#include "fs/ext4/ext4.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "mm/kva.h"
#include "mm/pmm.h"

static bool overlaps_ram(paddr_t base, u64 len)
{
	for (unsigned i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];

		if (r->type == BOOT_RAM && r->base < base.v + len && base.v < r->base + r->len)
			return true;
	}
	return false;
}

static void add_nfit_range(const struct nfit_info *info, const struct nfit_range *r, const char *flush_by)
{
	u64 base = ALIGN_UP(r->base.v, PAGE_SIZE), end = ALIGN_DOWN(r->base.v + r->len, PAGE_SIZE);
	bool no_flush = info->has_capabilities && info->cpu_cache_flush_on_power_loss;
	struct pmem_region region = {
		.base = PADDR(base),
		.len = end - base,
		.virt = phys_to_virt(PADDR(base)),
		.flush = no_flush ? PMEM_FLUSH_NONE : PMEM_FLUSH_CACHE,
		.durable = !r->unarmed,
		.source = "NFIT",
	};
	int err;

	if (end <= base || overlaps_ram(region.base, region.len)) {
		pr_warn("nfit", "range %#llx + %#llx is empty or overlaps RAM: not used",
			(unsigned long long)r->base.v, (unsigned long long)r->len);
		return;
	}
	err = directmap_add(region.base, region.len);
	if (!err && r->flush_hint)
		region.hint_addr = (u64)kva_map_device(PADDR(r->flush_hint), sizeof(u64));
	if (!err)
		err = pmem_add_region(&region);
	if (err) {
		pr_warn("nfit", "range %#llx + %#llx cannot be used: error %d", (unsigned long long)r->base.v,
			(unsigned long long)r->len, -err);
		return;
	}
	pr_info("nfit", "persistent memory %#llx-%#llx, %llu MiB, %s%s", (unsigned long long)base,
		(unsigned long long)end - 1, (unsigned long long)region.len >> 20,
		no_flush ? "caches flushed by the platform" : flush_by,
		region.hint_addr ? ", flush hint" : "");
	if (r->unarmed)
		pr_warn("nfit",
			"a DIMM of that range is not armed: its contents will not survive a power loss");
}

static void add_nfit(const struct acpi_header *table, const char *flush_by)
{
	static struct nfit_info info;
	int err = nfit_parse(table, table->length, &info);

	if (err) {
		pr_warn("nfit", "not usable: error %d", -err);
		return;
	}
	for (unsigned i = 0; i < info.nr_ranges; i++)
		add_nfit_range(&info, &info.ranges[i], flush_by);
}

/* ram_pmem=SIZE: as persistent as RAM is. Zeroed, so that nothing of the last boot is taken for a file
 * system. */
static void add_ram_region(void)
{
	struct pmem_region region = {
		.len = ALIGN_UP(options.ram_pmem, HUGE_SIZE), .flush = PMEM_FLUSH_NONE, .source = "RAM"};

	region.base = pmm_carve(region.len, HUGE_SIZE);
	if (region.base.v == PADDR_NONE.v) {
		pr_err("pmem", "ram_pmem=%llu: no contiguous RAM of that size",
			(unsigned long long)options.ram_pmem);
		return;
	}
	region.virt = phys_to_virt(region.base);
	memset(region.virt, 0, region.len);
	if (pmem_add_region(&region) == 0)
		pr_info("pmem", "RAM-backed region %#llx-%#llx, %llu MiB: gone at power-off",
			(unsigned long long)region.base.v,
			(unsigned long long)(region.base.v + region.len - 1),
			(unsigned long long)region.len >> 20);
}

void storage_find_pmem(void)
{
	const char *flush_by = pmem_init_cpu();
	const struct acpi_header *table;

	for (unsigned n = 0; (table = acpi_find("NFIT", n)); n++)
		add_nfit(table, flush_by);
	if (pmem_region_count()) {
		pr_info("nfit",
			"label areas need AML and are not read: a range is taken whole, from its first byte");
		return;
	}
	if (options.ram_pmem)
		add_ram_region();
	else
		pr_warn("pmem",
			"no persistent memory: add an NVDIMM (QEMU: -machine nvdimm=on -m …,slots=2,maxmem=… "
			"-object "
			"memory-backend-file,id=mem1,share=on,mem-path=IMAGE,size=SIZE -device "
			"nvdimm,memdev=mem1), or give "
			"the option ram_pmem=SIZE for a volatile region in RAM");
}

/* Whose a region is by a block that no ext4 has there: a superblock that is seen as well would be left over
 * from before, and must not be mounted. Offsets and signatures by UEFI 2.10, 5.3 (GPT) and its NVDIMM label
 * protocol (BTT), and Linux's pfn and dax info blocks. NULL: no such block. */
static const char *foreign_owner(const struct pmem_region *r)
{
	static const struct {
		u32 offset;
		const char *signature, *what;
	} known[] = {
		{512, "EFI PART", "a GPT partition table"},
		{4096, "EFI PART", "a GPT partition table"},
		{0, "BTT_ARENA_INFO", "a BTT (block translation table)"},
		{4096, "BTT_ARENA_INFO", "a BTT (block translation table)"},
		{4096, "NVDIMM_PFN_INFO", "a pfn info block (Linux fsdax namespace)"},
		{4096, "NVDIMM_DAX_INFO", "a dax info block (Linux devdax namespace)"},
	};
	const u8 *p = r->virt;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t len = strlen(known[i].signature);

		if (known[i].offset + len <= r->len && !memcmp(p + known[i].offset, known[i].signature, len))
			return known[i].what;
	}
	return NULL;
}

/* Only where there is no file system: an ext4 may have a boot sector before it. */
static bool has_mbr(const struct pmem_region *r)
{
	const u8 *p = r->virt;

	return p[510] == 0x55 && p[511] == 0xaa;
}

_Static_assert(EXT4_ON_ERROR_CONTINUE == 1 && EXT4_ON_ERROR_RO == 2 && EXT4_ON_ERROR_PANIC == 3,
	"the order of the words of errors=");

int storage_mount_root(void)
{
	const struct ext4_options how = {.readonly = options.ro,
		.nojournal = options.nojournal,
		.on_error = (enum ext4_on_error)options.errors};
	struct super *s;
	char why[160] = "";
	int err = -ENODEV;

	for (unsigned i = 0; i < pmem_region_count(); i++) {
		struct pmem_region *r = pmem_region(i);
		unsigned long long base = r->base.v;
		const char *foreign = foreign_owner(r);

		err = foreign ? -EINVAL : ext4_mount(r, how, &s, why);
		if (!err) {
			pr_info("ext4", "mounted %#llx %s", base,
				atomic_load(&s->readonly) ? "read-only" : "read-write");
			return vfs_mount(s, "/");
		}
		if (!foreign)
			pr_err("ext4", "region at %#llx: %s", base, why);
		if (err != -EINVAL)
			return err;
		if (!foreign && has_mbr(r))
			foreign = "a boot sector or an MBR partition table";
		if (foreign)
			pr_err("pmem", "region at %#llx holds %s: left alone", base, foreign);
	}
	return err;
}
