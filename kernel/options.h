/* SPDX-License-Identifier: MIT */
/*
 * Kernel command line: parsed once into named options. Unknown words are reported. Words after "--" go to init, as on Linux; so do
 * "init=PATH". Syntax: name=value separated by blanks; "quoted values".
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

#include "lib/types.h"

#define OPTIONS_MAX_INIT_ARGS 32

struct options {
	const char *init;                                 /* init=PATH, default /sbin/init */
	const char *init_args[OPTIONS_MAX_INIT_ARGS + 1]; /* words after "--", NULL-ended */
	const char *dax_lock;    /* dax_lock=none|imap|rwsem|range|entry, default range */
	const char *dax_zero;    /* dax_zero=mapping|global, default mapping */
	const char *dax_zeroing; /* dax_zeroing=alloc|fault, default alloc */
	const char *explore;     /* explore=SPEC: run the explorer before init; "" none */
	u64 ram_pmem;     /* ram_pmem=SIZE: RAM-backed region of that size when there is no NVDIMM; 0: none */
	u64 mem;          /* mem=SIZE: use at most that much RAM; 0: all */
	unsigned maxcpus; /* maxcpus=N, default MAX_CPUS */
	bool noexit;      /* noexit: do not use isa-debug-exit */
	/* How the root file system is mounted. */
	bool ro;             /* ro: read-only */
	bool nojournal;      /* nojournal: its journal, which must be empty, is not used */
	unsigned errors;     /* errors=continue|remount-ro|panic: 1, 2, 3; 0: as its superblock says */
	unsigned panic_halt; /* panic=halt: stay halted after a panic instead of ending QEMU */
	bool quiet;          /* quiet: warnings and errors only on the console */
	bool nox2apic;       /* nox2apic: xAPIC also where the CPU has x2APIC */
	bool norandmaps;     /* norandmaps: programs, stacks and mappings lie where they always lie */
	bool selftest;       /* selftest: run tests/kernel before init (debug builds) */
};
extern struct options options;

/* Parses `line` (modified); names every unknown or malformed word in the log. */
void options_parse(char *line);

#endif
