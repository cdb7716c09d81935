/* SPDX-License-Identifier: MIT */
/*
 * From the first C instruction to the end of init: the list of initialisations, in the order that they
 * need.
 *
 * Rule: what can fail on account of the machine or of the user ends the boot with a sentence on the console
 * and power_off(1), never with a panic.
 */
#include "boot/bootinfo.h"
#include "boot/earlymem.h"
#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "drivers/rtc.h"
#include "drivers/serial.h"
#include "explore/explore.h"
#include "fs/state.h"
#include "fs/vfs.h"
#include "kernel/cpu/desc.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/paging.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/power.h"
#include "kernel/proc/init.h"
#include "kernel/sched.h"
#include "kernel/storage.h"
#include "kernel/time.h"
#include "mm/kmem.h"
#include "mm/kva.h"
#include "mm/state.h"
#include "tests/kernel/selftest.h"

#define VERSION "0.1"
#ifdef FAULTLINE_DEBUG
#define FLAVOUR "debug"
#else
#define FLAVOUR "release"
#endif

static struct mm_state kernel_mm_state;
static struct fs_state kernel_fs_state;

static void NORETURN give_up(const char *what, int err)
{
	pr_err("boot", "%s (error %d): the machine cannot go on", what, -err);
	power_off(1);
}

/* The image, the page tables, and every byte of RAM. */
static void init_memory(void)
{
	const struct ram_range *ranges;
	unsigned nr_ranges;
	int err;

	err = earlymem_init(
		&boot_info, image_to_phys(image_start), (u64)(image_end - image_start), options.mem);
	if (!err)
		err = paging_init(&boot_info);
	if (err)
		give_up("no memory for page tables", err);

	the_instance.mm = &kernel_mm_state;
	mm_state_init(&kernel_mm_state);
	ranges = earlymem_take_all(&nr_ranges);
	err = pmm_init(ranges, nr_ranges);
	if (err)
		give_up("no usable RAM", err);
	paging_use_pmm();
	err = kmem_init();
	if (!err)
		err = kva_init();
	if (err)
		give_up("no memory for the kernel", err);
}

/* What the options say about locking and zero pages. A name that is unknown is reported, and the default
 * stays. */
static void init_fs(void)
{
	const struct dax_lock_ops *ops = dax_lock_find(options.dax_lock);

	the_instance.fs = &kernel_fs_state;
	fs_state_init(&kernel_fs_state);
	if (ops)
		dax_config()->lock_ops = ops;
	else
		pr_warn("options", "dax_lock=%s: no such scheme: %s is used", options.dax_lock,
			dax_config()->lock_ops->name);
	if (!strcmp(options.dax_zero, "global"))
		dax_config()->zero_page_global = true;
	else if (strcmp(options.dax_zero, "mapping"))
		pr_warn("options", "dax_zero=%s: neither mapping nor global: ignored", options.dax_zero);
	if (!strcmp(options.dax_zeroing, "fault"))
		dax_config()->zeroing = DAX_ZERO_IN_FAULT;
	else if (strcmp(options.dax_zeroing, "alloc"))
		pr_warn("options", "dax_zeroing=%s: neither alloc nor fault: ignored", options.dax_zeroing);
	ops = dax_config()->lock_ops;
	pr_info("dax",
		"scheme %s (%s): %u bytes a file, %u a 2 MiB segment; zero page per %s, zeroing in the %s",
		ops->name, ops->describe, ops->bytes, ops->segment_bytes,
		dax_config()->zero_page_global ? "machine" : "file",
		dax_config()->zeroing == DAX_ZERO_IN_FAULT ? "fault" : "allocation");
}

static void set_wall_clock(void)
{
	i64 now = rtc_read();

	if (now > 0)
		vfs_set_wall_clock(now * (i64)NS_PER_SECOND);
	else
		pr_warn("rtc", "no real-time clock: time begins in 1970");
}

/* selftest and explore=: exit status, 0 if all is as it should be. */
static int run_built_in(void)
{
	int status = 0;

#ifdef FAULTLINE_DEBUG
	if (options.selftest && selftest_run())
		status = 1;
#else
	if (options.selftest)
		pr_warn("options", "selftest: only in debug builds: ignored");
#endif
	if (options.explore[0] && explore_kernel_main(options.explore))
		status = 1;
	return status;
}

/* The boot thread, with everything running; returns the machine's exit status. */
static int run(void)
{
	int status, init_status, err;

	/* Persistent memory, and the file system on it. */
	storage_find_pmem();
	set_wall_clock();
	err = storage_mount_root();
	if (err)
		pr_err("boot", "no root file system: no program can run");

	status = run_built_in();
	if (err)
		return 1;

	/* The programs, until the first one ends. */
	init_status = proc_run_init();
	err = vfs_unmount_all();
	if (err)
		pr_err("boot", "unmount: error %d", -err);
	pr_info("boot", "init exited with status %d", init_status);
	if (init_status)
		return init_status;
	return err ? 1 : status;
}

/* From boot.asm: what the boot loader left in eax and ebx, and load address minus link address. */
void NORETURN kernel_main(u32 magic, u32 info, u32 delta);
void NORETURN kernel_main(u32 magic, u32 info, u32 delta)
{
	/* A CPU that can take traps, and a place to say so. */
	paging_set_image_delta(delta);
	cpu_features_init();
	desc_init_boot();
	serial_init();

	pr_info("boot", "Faultline " VERSION " (" FLAVOUR ")");

	/* What we were told. */
	if (bootinfo_parse(magic, info))
		give_up("the boot loader gave no multiboot information with a memory map", -EINVAL);
	options_parse(boot_info.cmdline);
	pr_info("boot", "loaded at %#llx by %s", (unsigned long long)image_to_phys(image_start).v,
		boot_info.loader[0] ? boot_info.loader : "a loader without a name");
	pr_info("boot", "CPU: %s, %s", cpu_features.vendor,
		cpu_features.brand[0] ? cpu_features.brand : "no brand");

	init_memory();
	init_fs();

	/* Interrupts and time. */
	if (acpi_init(boot_info.has_rsdp ? image_to_phys(boot_info.rsdp) : PADDR_NONE))
		pr_warn("boot", "no ACPI tables");
	if (apic_init())
		give_up("no local APIC", -ENODEV);
	time_init();

	/* Threads, on this CPU and then on the others. */
	sched_init_cpu(percpu_of(0));
	irq_enable();
	mce_init();
	smp_init();
	pr_info("boot", "%u CPU%s, %llu MiB of RAM free", cpu_count(), cpu_count() == 1 ? "" : "s",
		(unsigned long long)(pmm_free_pages() >> (20 - PAGE_SHIFT)));

	power_off(run());
}
