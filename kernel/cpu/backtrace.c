/* SPDX-License-Identifier: MIT */
/*
 * Walking the chain of frame pointers: [rbp] is the caller's rbp, [rbp + 8] the return address. A return
 * address of entry.asm's says that a struct trap_frame lies above: the walk goes on with what was
 * interrupted.
 */
#include "kernel/cpu/backtrace.h"

#include "kernel/cpu/trap.h"
#include "kernel/log.h"

#define MAX_FRAMES 200
#define SYMBOL_MAX 96

extern char trap_return[], paranoid_return[], syscall_return[];
/* usercopy.asm */
bool kernel_peek64(const void *p, u64 *out);

struct walk {
	u64 rip, rbp;
	const struct trap_frame *trap; /* set when this step crossed a trap */
};

static bool is_trap_return(u64 rip)
{
	return rip == (u64)trap_return || rip == (u64)paranoid_return || rip == (u64)syscall_return;
}

/* Goes on from an interrupted place, copied word by word because the stack may be broken. */
static bool step_trap(struct walk *w, const struct trap_frame *f)
{
	u64 cs;

	w->trap = f;
	return kernel_peek64(&f->cs, &cs) && !(cs & 3) && kernel_peek64(&f->rip, &w->rip) &&
		kernel_peek64(&f->rbp, &w->rbp);
}

static bool step(struct walk *w)
{
	u64 rbp, rip;

	w->trap = NULL;
	if (!w->rbp || w->rbp % 8 || (i64)w->rbp > 0)
		return false;
	if (!kernel_peek64((void *)w->rbp, &rbp) || !kernel_peek64((void *)(w->rbp + 8), &rip) || !rip)
		return false;
	if (is_trap_return(rip))
		return step_trap(w, (const void *)(w->rbp + 16));
	/* Callers' frames lie higher, except across a change of stacks, which a trap frame marks. */
	if (rbp && rbp <= w->rbp)
		rbp = 0;
	w->rip = rip;
	w->rbp = rbp;
	return true;
}

void backtrace_print_address(u64 rip)
{
	char name[SYMBOL_MAX];

	log_raw("  %016llx %s\n", (unsigned long long)rip, symbol_format(rip, name, sizeof(name)));
}

static void print_walk(struct walk w)
{
	unsigned repeats = 0;

	for (unsigned i = 0; i < MAX_FRAMES; i++) {
		u64 last = w.rip, vector;
		bool more = step(&w);

		if (more && !w.trap && w.rip == last) {
			repeats++;
			continue;
		}
		if (repeats)
			log_raw("  … %u times more\n", repeats);
		repeats = 0;
		if (w.trap && kernel_peek64(&w.trap->vector, &vector))
			log_raw("  -- %s\n", vector == VEC_SYSCALL ? "system call" : "trap");
		if (!more)
			return;
		backtrace_print_address(w.rip);
	}
}

void backtrace_print(u64 rbp)
{
	print_walk((struct walk){.rbp = rbp});
}

void backtrace_print_frame(const struct trap_frame *f)
{
	if (frame_from_user(f)) {
		log_raw("  in user mode at %#llx\n", (unsigned long long)f->rip);
		return;
	}
	backtrace_print_address(f->rip);
	print_walk((struct walk){.rip = f->rip, .rbp = f->rbp});
}
