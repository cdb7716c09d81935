/* SPDX-License-Identifier: MIT */
/* The kernel's own page tables, read entry by entry as the CPU does. */
#include "kernel/cpu/cpu.h"
#include "kernel/sched.h"
#include "tests/kernel/selftest.h"

#define ENTRY_PRESENT 1ull
#define ENTRY_WRITE 2ull
#define ENTRY_USER 4ull
#define ENTRY_LARGE 0x80ull
#define ENTRY_NX (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

#define IMAGE_START 0xffffffff80000000ull

struct walk {
	const char *problem;
	u64 leaves;
};

/* What a leaf grants is the AND of W and of U, and the OR of NX, along its path. */
static void check_leaf(struct walk *w, u64 va, bool write, bool user, bool nx)
{
	w->leaves++;
	if (write && !nx)
		w->problem = "a page is writable and executable";
	if (user)
		w->problem = "a page of the kernel is open to user mode";
	if (!nx && va < IMAGE_START)
		w->problem = "a page outside the kernel's image is executable";
}

static void walk_table(struct walk *w, paddr_t table, unsigned level, u64 va, bool write, bool user, bool nx)
{
	const u64 *entries = phys_to_virt(table);

	for (u64 i = level == 4 ? 256 : 0; i < 512; i++) {
		u64 e = entries[i];
		u64 at = va | i << (12 + 9 * (level - 1));
		bool may_write = write && (e & ENTRY_WRITE);
		bool may_user = user && (e & ENTRY_USER);
		bool no_exec = nx || (e & ENTRY_NX);

		if (!(e & ENTRY_PRESENT))
			continue;
		if (level == 1 || (level < 4 && (e & ENTRY_LARGE)))
			check_leaf(w, at, may_write, may_user, no_exec);
		else
			walk_table(w, PADDR(e & ENTRY_ADDRESS), level - 1, at, may_write, may_user, no_exec);
	}
}

static const char *write_xor_execute(void)
{
	struct walk w = {0};

	walk_table(&w, cpu_kernel_root(), 4, 0xffff000000000000ull, true, true, false);
	SELFTEST_CHECK(w.leaves > 0);
	return w.problem;
}

/* Nothing of the boot code's identity mapping is left. */
static const char *user_half_is_empty(void)
{
	const u64 *root = phys_to_virt(cpu_kernel_root());

	for (unsigned i = 0; i < 256; i++)
		SELFTEST_CHECK(!(root[i] & ENTRY_PRESENT));
	return NULL;
}

static bool is_mapped(u64 va)
{
	paddr_t table = cpu_kernel_root();

	for (unsigned level = 4; level; level--) {
		const u64 *entries = phys_to_virt(table);
		u64 e = entries[va >> (12 + 9 * (level - 1)) & 511];

		if (!(e & ENTRY_PRESENT))
			return false;
		if (level < 4 && (e & ENTRY_LARGE))
			return true;
		table = PADDR(e & ENTRY_ADDRESS);
	}
	return true;
}

static const char *stack_has_guard(void)
{
	const struct sched_thread *t = CONTAINER_OF(thread_current(), struct sched_thread, t);
	u64 lowest = (u64)t->stack;

	SELFTEST_CHECK(is_mapped((u64)__builtin_frame_address(0)));
	SELFTEST_CHECK(is_mapped(lowest));
	SELFTEST_CHECK(!is_mapped(lowest - 1));
	return NULL;
}

const struct selftest paging_selftests[] = {
	{"no page is writable and executable, none is the user's", write_xor_execute},
	{"the kernel's root maps nothing in the user half", user_half_is_empty},
	{"the page below a thread's stack is not mapped", stack_has_guard},
	{NULL, NULL},
};
