/* SPDX-License-Identifier: MIT */
/*
 * The arena, and snapshots of it.
 *
 * Rule: after sim_snapshot_take() every page of the arena but the thread stacks is either write-protected (never changed
 * since) or marked (its content at the snapshot is saved). The first store to a protected page raises SIGSEGV; the handler saves
 * and marks the page. Stacks are left out: at a snapshot no coroutine is half-way, so theirs hold nothing.
 */
#define _GNU_SOURCE
#include "host/machine.h"
#include "lib/string.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#define SHADOW_OF(p) ((u8 *)(((u64)(p) >> 3) + 0x7fff8000ull))
#define SHADOW_PER_PAGE (PAGE_SIZE / 8)
#else
#define SHADOW_PER_PAGE 0
#endif

u64 arena_size;

static struct {
	bool taken;
	u64 end;    /* bytes of the arena that are covered */
	u8 **saved; /* per page: its content (and shadow), or NULL */
	u32 *dirty; /* marked pages, in the order of marking */
	unsigned nr_dirty;
	struct sigaction old_action;
} snapshot;

bool arena_contains(const void *p)
{
	return (u64)p >= ARENA_BASE && (u64)p < ARENA_BASE + arena_size;
}

void arena_init(u64 size)
{
	void *p;

	if (arena_size) {
		sim_snapshot_drop();
		munmap(arena_ptr(0), arena_size);
	}
	arena_size = ALIGN_UP(size, PAGE_SIZE);
	p = mmap(arena_ptr(0), arena_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != arena_ptr(0)) {
		perror("sim: the arena's address is taken");
		exit(1);
	}
	arena_unpoison(p, arena_size);
}

void arena_unpoison(void *p, size_t n)
{
#if SIM_ASAN
	__asan_unpoison_memory_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

/* Not instrumented: saved pages may hold poisoned red zones. */
__attribute__((no_sanitize("address"))) static void copy_words(u8 *dst, const u8 *src, size_t n)
{
#if SIM_ASAN
	for (size_t i = 0; i < n; i += 8)
		*(volatile u64 *)(dst + i) = *(const volatile u64 *)(src + i);
#else
	memcpy(dst, src, n);
#endif
}

static void mark(u64 page)
{
	u8 *p = arena_ptr(page * PAGE_SIZE);
	u8 *save = malloc(PAGE_SIZE + SHADOW_PER_PAGE);

	if (!save)
		abort();
	copy_words(save, p, PAGE_SIZE);
#if SIM_ASAN
	copy_words(save + PAGE_SIZE, SHADOW_OF(p), SHADOW_PER_PAGE);
#endif
	snapshot.saved[page] = save;
	snapshot.dirty[snapshot.nr_dirty++] = (u32)page;
	if (mprotect(p, PAGE_SIZE, PROT_READ | PROT_WRITE))
		abort();
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	u64 off = (u64)info->si_addr - ARENA_BASE;

	if (snapshot.taken && arena_contains(info->si_addr) && off < snapshot.end &&
		!snapshot.saved[off / PAGE_SIZE]) {
		mark(off / PAGE_SIZE);
		return;
	}
	/* Not ours: as if we had never been here. The access faults again. */
	(void)context;
	sigaction(sig, &snapshot.old_action, NULL);
}

static void install_handler(void)
{
	static bool installed;
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static u8 stack[256 * 1024];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};

	if (installed)
		return;
	installed = true;
	/* The fault may be on a coroutine's stack: the handler needs its own. */
	if (sigaltstack(&ss, NULL) || sigaction(SIGSEGV, &sa, &snapshot.old_action)) {
		perror("sim: snapshot handler");
		exit(1);
	}
}

void sim_snapshot_take(void)
{
	sim_snapshot_drop();
	install_handler();
	snapshot.end = (u64)sim_machine->threads[0].stack - ARENA_BASE;
	snapshot.saved = calloc(snapshot.end / PAGE_SIZE, sizeof(*snapshot.saved));
	snapshot.dirty = calloc(snapshot.end / PAGE_SIZE, sizeof(*snapshot.dirty));
	if (!snapshot.saved || !snapshot.dirty || mprotect(arena_ptr(0), snapshot.end, PROT_READ)) {
		perror("sim: snapshot");
		exit(1);
	}
	snapshot.taken = true;
}

void sim_snapshot_restore(void)
{
	for (unsigned i = 0; i < snapshot.nr_dirty; i++) {
		u8 *p = arena_ptr(snapshot.dirty[i] * PAGE_SIZE);
		u8 *save = snapshot.saved[snapshot.dirty[i]];

		copy_words(p, save, PAGE_SIZE);
#if SIM_ASAN
		copy_words(SHADOW_OF(p), save + PAGE_SIZE, SHADOW_PER_PAGE);
#endif
	}
}

bool sim_snapshot_matches(void)
{
	for (unsigned i = 0; i < snapshot.nr_dirty; i++)
		if (memcmp(arena_ptr(snapshot.dirty[i] * PAGE_SIZE), snapshot.saved[snapshot.dirty[i]],
			    PAGE_SIZE))
			return false;
	return true;
}

void sim_snapshot_drop(void)
{
	if (!snapshot.taken)
		return;
	snapshot.taken = false;
	for (unsigned i = 0; i < snapshot.nr_dirty; i++)
		free(snapshot.saved[snapshot.dirty[i]]);
	free(snapshot.saved);
	free(snapshot.dirty);
	snapshot.nr_dirty = 0;
	mprotect(arena_ptr(0), snapshot.end, PROT_READ | PROT_WRITE);
}

unsigned sim_snapshot_dirty_pages(void)
{
	return snapshot.nr_dirty;
}
