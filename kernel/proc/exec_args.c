/* SPDX-License-Identifier: MIT */
/* Arguments of a program, and its first stack. */
#include "kernel/proc/exec_args.h"

#include "kernel/cpu/features.h"
#include "kernel/limits.h"
#include "kernel/proc/elf.h"
#include "kernel/proc/random.h"
#include "kernel/proc/signal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define BYTES_MAX (EXEC_ARGS_MAX_PAGES * PAGE_SIZE)
#define BYTES_MIN (128u << 10) /* may always be there, as on Linux */

struct exec_args *exec_args_create(void)
{
	return kzalloc(sizeof(struct exec_args));
}

void exec_args_destroy(struct exec_args *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < EXEC_ARGS_MAX_PAGES; i++)
		kfree(a->pages[i]);
	kfree(a->prefix);
	kfree(a);
}

/* Where the next byte goes; *room: bytes to the end of that page. NULL: *err. */
static char *next_bytes(struct exec_args *a, size_t *room, int *err)
{
	char **page = &a->pages[a->used / PAGE_SIZE];

	*err = -E2BIG;
	if (a->used == BYTES_MAX)
		return NULL;
	*err = -ENOMEM;
	if (!*page)
		*page = kmalloc(PAGE_SIZE);
	*room = PAGE_SIZE - a->used % PAGE_SIZE;
	return *page ? *page + a->used % PAGE_SIZE : NULL;
}

/* A string has been added. With their pointers all of them shall leave three quarters of the stack to the program. */
static int count_string(struct exec_args *a, bool env)
{
	u64 max = MIN(MAX(limit_of(LIMIT_STACK) / 4, BYTES_MIN), BYTES_MAX);

	if (env)
		a->envc++;
	else
		a->argc++;
	return a->used + (a->argc + a->envc) * sizeof(u64) > max ? -E2BIG : 0;
}

int exec_args_add(struct exec_args *a, const char *s, bool env)
{
	size_t len = strlen(s) + 1;

	while (len) {
		size_t n;
		int err;
		char *to = next_bytes(a, &n, &err);

		if (!to)
			return err;
		n = MIN(n, len);
		memcpy(to, s, n);
		a->used += n;
		s += n;
		len -= n;
	}
	return count_string(a, env);
}

/* Copies piece by piece, never past the page in which the string ends. */
static int add_user_string(struct exec_args *a, uaddr_t s, bool env)
{
	size_t start = a->used;

	for (;;) {
		size_t n;
		int err;
		char *to = next_bytes(a, &n, &err), *nul;

		if (!to)
			return err;
		n = MIN(n, PAGE_SIZE - (s.v & PAGE_MASK));
		err = copy_from_user(to, s, n);
		if (err)
			return err;
		nul = memchr(to, 0, n);
		a->used += nul ? (size_t)(nul - to) + 1 : n;
		if (a->used - start > EXEC_STRING_MAX)
			return -E2BIG;
		if (nul)
			return count_string(a, env);
		s = uaddr_add(s, n);
	}
}

static int add_user_array(struct exec_args *a, uaddr_t array, bool env)
{
	for (; array.v; array = uaddr_add(array, 8)) {
		u64 s;
		int err = copy_from_user(&s, array, sizeof(s));

		if (err || !s)
			return err;
		err = add_user_string(a, UADDR(s), env);
		if (err)
			return err;
	}
	return 0;
}

int exec_args_from_user(struct exec_args *a, uaddr_t argv, uaddr_t envp)
{
	int err = add_user_array(a, argv, false);

	if (!err && !a->argc)
		err = exec_args_add(a, "", false); /* programs trust argv[0] to exist */
	return err ? err : add_user_array(a, envp, true);
}

/* Length with its NUL of the string at `at` in the pages. */
static size_t stored_length(const struct exec_args *a, size_t at)
{
	size_t start = at;

	while (a->pages[at / PAGE_SIZE][at % PAGE_SIZE])
		at++;
	return at - start + 1;
}

/* Appends a string, or bytes that hold several, to a prefix under construction. False: no room. */
static bool prefix_append(char *prefix, size_t *len, const char *bytes, size_t n)
{
	if (n > EXEC_PREFIX_MAX - *len)
		return false;
	memcpy(prefix + *len, bytes, n);
	*len += n;
	return true;
}

int exec_args_script(struct exec_args *a, const char *interpreter, const char *arg, const char *script)
{
	char *prefix = kmalloc(EXEC_PREFIX_MAX);
	size_t len = 0;
	bool fits;

	if (!prefix)
		return -ENOMEM;
	fits = prefix_append(prefix, &len, interpreter, strlen(interpreter) + 1) &&
		(!arg || prefix_append(prefix, &len, arg, strlen(arg) + 1)) &&
		prefix_append(prefix, &len, script, strlen(script) + 1);
	if (a->prefix) { /* its interpreter is a script too: that one's path stands in the new prefix */
		size_t first = strlen(a->prefix) + 1;

		fits = fits && prefix_append(prefix, &len, a->prefix + first, a->prefix_len - first);
		a->prefix_count--;
	} else {
		a->skip = stored_length(a, 0);
		a->argc--;
	}
	if (!fits) {
		kfree(prefix);
		return -E2BIG;
	}
	a->prefix_count += arg ? 3 : 2;
	kfree(a->prefix);
	a->prefix = prefix;
	a->prefix_len = len;
	return 0;
}

enum { /* auxiliary vector, System V ABI x86-64, 3.4.3, and Linux */
	AT_NULL_ = 0,
	AT_PHDR_ = 3,
	AT_PHENT_ = 4,
	AT_PHNUM_ = 5,
	AT_PAGESZ_ = 6,
	AT_BASE_ = 7,
	AT_FLAGS_ = 8,
	AT_ENTRY_ = 9,
	AT_UID_ = 11,
	AT_EUID_ = 12,
	AT_GID_ = 13,
	AT_EGID_ = 14,
	AT_PLATFORM_ = 15,
	AT_HWCAP_ = 16,
	AT_CLKTCK_ = 17,
	AT_SECURE_ = 23,
	AT_RANDOM_ = 25,
	AT_EXECFN_ = 31,
	AT_MINSIGSTKSZ_ = 51,
};

#define CLOCK_TICKS 100 /* of times(2) and the like, per second */

static const char platform[] = "x86_64";

/* What lies above the pointers, from the top down. */
struct stack_layout {
	u64 execfn, platform, random, strings;
	u64 sp;
};

static int put(uaddr_t *at, const void *p, size_t n)
{
	int err = copy_to_user(*at, p, n);

	*at = uaddr_add(*at, n);
	return err;
}

static int put_word(uaddr_t *at, u64 v)
{
	return put(at, &v, sizeof(v));
}

/* Copies the strings: the prefix, then the pages without what the prefix replaced. */
static int push_strings(const struct exec_args *a, u64 to)
{
	uaddr_t at = UADDR(to);
	int err = a->prefix ? put(&at, a->prefix, a->prefix_len) : 0;

	for (size_t pos = a->skip; !err && pos < a->used;) {
		size_t n = MIN(PAGE_SIZE - pos % PAGE_SIZE, a->used - pos);

		err = put(&at, a->pages[pos / PAGE_SIZE] + pos % PAGE_SIZE, n);
		pos += n;
	}
	return err;
}

/* Writes `count` pointers to consecutive strings and a null; *string moves on. What the strings are is read from the prefix at *prefix_pos,
 * and behind its end from the pages at *pos. */
static int push_pointers(
	const struct exec_args *a, uaddr_t *at, unsigned count, u64 *string, size_t *pos, size_t *prefix_pos)
{
	int err = 0;

	for (unsigned i = 0; i < count && !err; i++) {
		size_t len;

		if (*prefix_pos < a->prefix_len) {
			len = strlen(a->prefix + *prefix_pos) + 1;
			*prefix_pos += len;
		} else {
			len = stored_length(a, *pos);
			*pos += len;
		}
		err = put_word(at, *string);
		*string += len;
	}
	return err ? err : put_word(at, 0);
}

static int push_auxv(uaddr_t *at, const struct elf_plan *plan, const struct stack_layout *l)
{
	const u64 auxv[][2] = {
		{AT_HWCAP_, cpuid(1, 0).edx},
		{AT_PAGESZ_, PAGE_SIZE},
		{AT_CLKTCK_, CLOCK_TICKS},
		{AT_PHDR_, plan->phdr},
		{AT_PHENT_, ELF_PHENTSIZE},
		{AT_PHNUM_, plan->phnum},
		{AT_BASE_, 0},
		{AT_FLAGS_, 0},
		{AT_ENTRY_, plan->entry},
		{AT_UID_, 0},
		{AT_EUID_, 0},
		{AT_GID_, 0},
		{AT_EGID_, 0},
		{AT_SECURE_, 0},
		{AT_RANDOM_, l->random},
		{AT_EXECFN_, l->execfn},
		{AT_PLATFORM_, l->platform},
		{AT_MINSIGSTKSZ_, signal_frame_max()},
		{AT_NULL_, 0},
	};

	return put(at, auxv, sizeof(auxv));
}

#define AUXV_WORDS (2 * 19)

/* Everything has its place before anything is written. */
static void lay_out(const struct exec_args *a, const char *path, u64 top, struct stack_layout *l)
{
	size_t strings = a->prefix_len + a->used - a->skip;
	size_t words = 1 + a->prefix_count + a->argc + 1 + a->envc + 1 + AUXV_WORDS;

	l->execfn = top - (strlen(path) + 1);
	l->platform = l->execfn - sizeof(platform);
	l->random = ALIGN_DOWN(l->platform - 16, 16);
	l->strings = l->random - strings;
	l->sp = ALIGN_DOWN(l->strings - words * 8, 16);
}

int exec_args_push(
	const struct exec_args *a, const struct elf_plan *plan, const char *path, uaddr_t top, uaddr_t *sp)
{
	size_t pos = a->skip, prefix_pos = 0;
	struct stack_layout l;
	u8 random[16];
	uaddr_t at;
	u64 string;
	int err;

	lay_out(a, path, top.v, &l);
	random_bytes(random, sizeof(random));
	err = copy_to_user(UADDR(l.execfn), path, strlen(path) + 1);
	if (!err)
		err = copy_to_user(UADDR(l.platform), platform, sizeof(platform));
	if (!err)
		err = copy_to_user(UADDR(l.random), random, sizeof(random));
	if (!err)
		err = push_strings(a, l.strings);
	at = *sp = UADDR(l.sp);
	string = l.strings;
	if (!err)
		err = put_word(&at, a->prefix_count + a->argc);
	if (!err)
		err = push_pointers(a, &at, a->prefix_count + a->argc, &string, &pos, &prefix_pos);
	if (!err)
		err = push_pointers(a, &at, a->envc, &string, &pos, &prefix_pos);
	return err ? err : push_auxv(&at, plan, &l);
}
