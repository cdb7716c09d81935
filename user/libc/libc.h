/* SPDX-License-Identifier: MIT */
/* What the parts of the port share: the auxiliary vector and the set-up of thread-local storage. */
#ifndef FAULTLINE_LIBC_H
#define FAULTLINE_LIBC_H

#include <elf.h>

/* The auxiliary vector's value of a type, or 0. */
unsigned long __auxv_value(const Elf64_auxv_t *auxv, unsigned long type);

/* Builds the first thread's TLS block from PT_TLS and points FS at it. Ends the program when there
 * is no memory for it. Before it returns nothing may touch errno, stdio or malloc. */
void __tls_setup(const Elf64_auxv_t *auxv);

extern const char *__progname;

#endif
