/* SPDX-License-Identifier: MIT */
/*
 * glob() over newlib's, which is compiled by another name (build-newlib): that one takes no match for success, and heeds
 * backslashes only when it is asked to.
 */
#include <glob.h>

int __newlib_glob(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *found);

int glob(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *found)
{
	int before = flags & GLOB_APPEND ? found->gl_pathc : 0;
	int how = flags & GLOB_NOESCAPE ? flags & ~GLOB_NOESCAPE : flags | GLOB_QUOTE;
	int ret = __newlib_glob(pattern, how, on_error, found);

	return ret == 0 && found->gl_pathc == before ? GLOB_NOMATCH : ret;
}
