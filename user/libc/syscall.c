/* SPDX-License-Identifier: MIT */
/* The one place where a system call's negative result becomes -1 and errno, and syscall() itself.
 */
#include "syscall.h"

#include <errno.h>
#include <stdarg.h>

long __syscall_result(long ret)
{
	if ((unsigned long)ret <= -4096UL)
		return ret;
	errno = (int)-ret;
	return -1;
}

long syscall(long nr, ...)
{
	va_list ap;
	long a[6];

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return __syscall_result(raw_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}
