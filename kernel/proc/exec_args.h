/* SPDX-License-Identifier: MIT */
/*
 * The words of a program on their way from the old address space to the new one, and the stack that is made of them.
 *
 * The strings lie one after another, NUL-ended, in pages that are allocated as they fill: argv first, then envp. A script's
 * interpreter takes the place of argv[0] by `prefix`.
 */
#ifndef KERNEL_PROC_EXEC_ARGS_H
#define KERNEL_PROC_EXEC_ARGS_H

#include "lib/types.h"

#define EXEC_ARGS_MAX_PAGES \
	512 /* 2 MiB, with 8 bytes for the pointer to each string; or a quarter of RLIMIT_STACK. E2BIG beyond */
#define EXEC_STRING_MAX 131072 /* bytes of one, with its NUL */
#define EXEC_PREFIX_MAX 4864   /* "#!" line and path of a script, nested */

struct elf_plan;

struct exec_args {
	unsigned argc, envc;
	size_t used; /* bytes in pages */
	size_t skip; /* bytes of argv[0] that a script replaced */
	char *pages[EXEC_ARGS_MAX_PAGES];
	unsigned prefix_count; /* strings in prefix: they come before argv */
	size_t prefix_len;
	char *prefix; /* NULL: none */
};

/* Empty. NULL: no memory. */
struct exec_args *exec_args_create(void);
void exec_args_destroy(struct exec_args *a);
/* Adds a string of argv, or of envp once argv is complete. -E2BIG, -ENOMEM. */
int exec_args_add(struct exec_args *a, const char *s, bool env);
/* Copies the pointer arrays and their strings from the user; a null array is an empty one. -E2BIG, -EFAULT, -ENOMEM. */
int exec_args_from_user(struct exec_args *a, uaddr_t argv, uaddr_t envp);
/* A script: argv[0] makes way for `interpreter`, `arg` (NULL: none) and `script`. -E2BIG, -ENOMEM. */
int exec_args_script(struct exec_args *a, const char *interpreter, const char *arg, const char *script);

/* Writes the initial stack of the System V ABI (x86-64, 3.4.1) below `top` of the current address space: argc, argv, envp, auxv,
 * strings. *sp: where rsp starts. What exec_args_add accepts fits, unless RLIMIT_STACK is smaller than
 * what programs may always be given. -EFAULT. */
int exec_args_push(
	const struct exec_args *a, const struct elf_plan *plan, const char *path, uaddr_t top, uaddr_t *sp);

#endif
