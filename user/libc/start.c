/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's initial stack to main() and exit(). Order matters: thread-local storage comes
 * first, because errno and stdio live behind it; then constructors, then main.
 */
#include "libc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern int main(int argc, char **argv, char **envp);

typedef void (*init_fn)(int, char **, char **);
typedef void (*fini_fn)(void);

/* The linker's names for the bounds of the constructor and destructor tables. */
extern const init_fn __preinit_array_start[], __preinit_array_end[];
extern const init_fn __init_array_start[], __init_array_end[];
extern const fini_fn __fini_array_start[], __fini_array_end[];

const char *__progname = "?";

unsigned long __auxv_value(const Elf64_auxv_t *auxv, unsigned long type)
{
	for (; auxv->a_type != AT_NULL; auxv++)
		if (auxv->a_type == type)
			return auxv->a_un.a_val;
	return 0;
}

static void run_destructors(void)
{
	const fini_fn *fn = __fini_array_end;

	while (fn > __fini_array_start)
		(*--fn)();
}

static void set_progname(char **argv)
{
	const char *slash;

	if (!argv[0])
		return;
	slash = strrchr(argv[0], '/');
	__progname = slash ? slash + 1 : argv[0];
}

_Noreturn void __libc_start(long *stack);

/* Called by crt0 alone. stack: what rsp was at the program's entry. */
_Noreturn void __libc_start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	char **envp = argv + argc + 1;
	char **p = envp;
	const init_fn *fn;

	while (*p)
		p++;
	__tls_setup((const Elf64_auxv_t *)(p + 1));
	environ = envp;
	set_progname(argv);

	for (fn = __preinit_array_start; fn < __preinit_array_end; fn++)
		(*fn)(argc, argv, envp);
	for (fn = __init_array_start; fn < __init_array_end; fn++)
		(*fn)(argc, argv, envp);
	atexit(run_destructors);
	exit(main(argc, argv, envp));
}
