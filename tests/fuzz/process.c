/* SPDX-License-Identifier: MIT */
/* Calls that make, replace or leave threads, and what signals write: the frames of handlers, and rt_sigreturn with frames that are not whole. */
#include "fuzz.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define SA_RESTORER 0x04000000
#define UCONTEXT_SIZE 304 /* what the kernel writes of it */
#define CONTEXT_MASK (UCONTEXT_SIZE / 8 - 1)
#define FPSTATE_SW 464 /* struct _fpx_sw_bytes: magic, extended size … */
#define FPSTATE_MAX PAGE

/* A handler's frame as the kernel made it. */
static struct {
	uint64_t context[UCONTEXT_SIZE / 8];
	uint64_t fpstate[FPSTATE_MAX / 8];
	uint32_t fpstate_size;
} frame;
static struct fuzzer in_handler;
static uint8_t altstack[LANES + EXTRA][STACK_SIZE] __attribute__((aligned(4096)));

void signal_handler(int sig, siginfo_t *info, void *context);

/* ---- what the kernel writes for a handler */

static uint32_t fpstate_size(const uint8_t *fpstate)
{
	uint32_t size = *(const uint32_t *)(fpstate + FPSTATE_SW + 4);

	return size >= 512 && size <= FPSTATE_MAX ? size : 512;
}

static void copy(void *to, const void *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void keep_frame(const ucontext_t *u)
{
	const uint8_t *fpstate = (const void *)u->uc_mcontext.fpregs;

	copy(frame.context, u, UCONTEXT_SIZE);
	frame.fpstate_size = fpstate_size(fpstate);
	copy(frame.fpstate, fpstate, frame.fpstate_size);
}

void signal_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	uint8_t *fpstate = (void *)u->uc_mcontext.fpregs;
	struct call c = {.index = grammar_size, .args = {(uint64_t)sig, (uint64_t)(uint32_t)info->si_code}};

	leak_check(&in_handler, &c, info, sizeof(*info), AREA_STRUCT, "siginfo");
	leak_check(&in_handler, &c, u, UCONTEXT_SIZE, AREA_STRUCT, "context");
	leak_check(&in_handler, &c, fpstate, fpstate_size(fpstate), AREA_DATA, "extended registers");
	if (!frame.fpstate_size)
		keep_frame(u);
	if (info->si_code <= 0 || (sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGFPE))
		return;
	if (u->uc_mcontext.gregs[REG_RIP] != (long)probe_load)
		for (;;)
			call(SYS_exit_group, 1);
	u->uc_mcontext.gregs[REG_RIP] = (long)probe_fault;
}

void signals_thread(struct fuzzer *f)
{
	stack_t s = {.ss_sp = altstack[f->place], .ss_size = STACK_SIZE};

	call(SYS_sigaltstack, &s, 0);
}

void signals_start(struct fuzzer *f)
{
	const uint64_t action[4] = {(uint64_t)signal_handler, SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
		(uint64_t)signal_restorer, 0};

	in_handler.slot = f->slot;
	for (int sig = 1; sig <= 64; sig++)
		call(SYS_rt_sigaction, sig, action, 0, 8);
	frame.fpstate_size = 0;
	call(SYS_kill, call(SYS_getpid), SIGUSR1);
}

/* ---- rt_sigreturn */

/* Words of the extended registers that the kernel has to judge: MXCSR, software's bytes, the header. */
static unsigned fpstate_word(struct fuzzer *f)
{
	switch (rnd_below(f, 4)) {
	case 0:
		return 24 / 8;
	case 1:
		return FPSTATE_SW / 8 + (unsigned)rnd_below(f, 6);
	case 2:
		return 512 / 8 + (unsigned)rnd_below(f, 3);
	}
	return (unsigned)rnd_below(f, frame.fpstate_size / 8);
}

static void damage(struct fuzzer *f, uint64_t *context, uint64_t *fpstate)
{
	uint64_t *word = one_in(f, 2) ? &fpstate[fpstate_word(f)] : &context[rnd_below(f, UCONTEXT_SIZE / 8)];

	/* A bad address of an earlier round, with another bit, would be told as a leak. */
	if (one_in(f, 2) && !is_bad_address(*word))
		*word ^= 1ul << rnd_below(f, 64);
	else if (word ==
		&context[CONTEXT_MASK]) /* other signals join it: an address would be told as another one */
		*word = rnd(f) & 0x1f1f1f1f1f1f1f1f;
	else
		*word = one_in(f, 4) ? bad_pointer(f, 8) : odd_number(f);
}

static void try_sigreturn(struct fuzzer *f, unsigned index)
{
	uint8_t *bottom = object(f, 8 + UCONTEXT_SIZE + sizeof(siginfo_t));
	uint64_t *context = (uint64_t *)(bottom + 8), *fpstate = object(f, PAGE), saved;
	ucontext_t *u = (ucontext_t *)context;

	copy(context, frame.context, UCONTEXT_SIZE);
	copy(fpstate, frame.fpstate, frame.fpstate_size);
	u->uc_mcontext.fpregs = (void *)(one_in(f, 16) ? bad_pointer(f, 512) : (uint64_t)fpstate);
	u->uc_mcontext.gregs[REG_RIP] = (long)context_landing;
	u->uc_mcontext.gregs[REG_R15] = (long)&saved;
	u->uc_mcontext.gregs[REG_RSP] = (long)&saved;
	for (unsigned n = (unsigned)rnd_below(f, 4); n; n--)
		damage(f, context, fpstate);
	worker_record(f, index, (uint64_t[6]){(uint64_t)context, (uint64_t)fpstate});
	call_sigreturn(&saved, bottom);
}

/* ---- children */

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static uint64_t clone_flags(struct fuzzer *f)
{
	uint64_t flags = one_in(f, 2) ? THREAD_FLAGS : one_in(f, 3) ? CLONE_VM | CLONE_VFORK : 0;

	if (one_in(f, 3))
		flags |= (CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS) &
			rnd(f);
	if (one_in(f, 12))
		flags |= 1ul << rnd_below(f, 33);
	return flags & ~0xfful;
}

/* Who goes on as the child. With the address space shared it needs a stack of its own; without one left nothing is shared. */
static struct fuzzer *clone_child(struct fuzzer *f, uint64_t *flags)
{
	struct fuzzer *child = *flags & CLONE_VM ? worker_extra(f) : f;

	if (child)
		return child;
	*flags = 0;
	return f;
}

static void finish(struct fuzzer *f, struct call *c, uint64_t flags)
{
	if (c->ret > 0 && !(flags & CLONE_THREAD))
		worker_adopt(f, c->ret);
}

static void try_clone(struct fuzzer *f, unsigned index)
{
	uint64_t flags = clone_flags(f), *word = object(f, 8);
	struct fuzzer *child = clone_child(f, &flags);
	const uint64_t args[6] = {flags |
			(one_in(f, 12)                         ? rnd_below(f, 70)
					: flags & CLONE_THREAD ? 0
							       : SIGCHLD),
		(uint64_t)(flags & CLONE_VM ? worker_stack(child) : NULL), maybe_bad(f, word, 4),
		maybe_bad(f, word, 4), one_in(f, 8) ? odd_number(f) : 0};
	struct call *c = worker_record(f, index, args);

	c->ret = call_fork(SYS_clone, args, child);
	finish(f, c, flags);
}

static void try_clone3(struct fuzzer *f, unsigned index)
{
	static const uint64_t sizes[] = {64, 80, 88, 88, 88, 96, 63, 4097};
	uint64_t flags = clone_flags(f), *a = object(f, sizeof(struct clone_args)), *word = object(f, 8);
	struct fuzzer *child = clone_child(f, &flags);
	struct clone_args *ca = (struct clone_args *)a;
	struct call *c;

	ca->flags = flags;
	ca->child_tid = ca->parent_tid = maybe_bad(f, word, 4);
	ca->exit_signal = one_in(f, 12) ? odd_number(f) : flags & CLONE_THREAD ? 0 : SIGCHLD;
	if (flags & CLONE_VM) {
		ca->stack = (uint64_t)worker_stack(child) - STACK_SIZE;
		ca->stack_size = STACK_SIZE;
	} else if (one_in(f, 6)) {
		a[rnd_below(f, sizeof(*ca) / 8)] = odd_number(f) & ~(uint64_t)CLONE_VM;
	}
	const uint64_t args[6] = {maybe_bad(f, a, sizeof(*ca)), PICK(f, sizes)};

	c = worker_record(f, index, args);
	c->ret = call_fork(SYS_clone3, args, child);
	finish(f, c, flags);
}

static void try_fork(struct fuzzer *f, unsigned index)
{
	struct call *c = worker_record(f, index, (uint64_t[6]){0});

	c->ret = grammar[index].nr == SYS_vfork ? call_vfork() : call_fork(SYS_fork, c->args, f);
	finish(f, c, 0);
}

/* An array of strings, ended by NULL or not at all. */
static uint64_t strings(struct fuzzer *f)
{
	uint64_t *v = object(f, 4 * 8);

	for (unsigned i = 0; i < 3; i++) {
		char *text = object(f, 8);

		text[0] = 'x';
		v[i] = one_in(f, 3) ? 0 : maybe_bad(f, text, 8);
	}
	if (one_in(f, 12))
		v[3] = v[0];
	return one_in(f, 8) ? 0 : maybe_bad(f, v, 4 * 8);
}

/* What it names when it works is a program that does nothing. */
static void try_execve(struct fuzzer *f, unsigned index)
{
	static const char *const paths[] = {
		"/bin/true", "a", "../common/map", "d", "none", "/proc/self/fd/3", "/dev/null", ""};
	uint64_t args[6] = {(uint64_t)PICK(f, paths), strings(f), strings(f)};
	struct call *c;

	if (one_in(f, 8))
		args[0] = bad_pointer(f, 8);
	c = worker_record(f, index, args);
	c->ret = call(SYS_execve, args[0], args[1], args[2]);
}

void special_call(struct fuzzer *f, unsigned index)
{
	f->objects = f->areas = 0;
	switch (grammar[index].nr) {
	case SYS_rt_sigreturn:
		try_sigreturn(f, index);
		break;
	case SYS_execve:
		try_execve(f, index);
		break;
	case SYS_clone:
		if (!f->child)
			try_clone(f, index);
		break;
	case SYS_clone3:
		if (!f->child)
			try_clone3(f, index);
		break;
	default:
		if (!f->child)
			try_fork(f, index);
	}
}
