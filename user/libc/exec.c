/* SPDX-License-Identifier: MIT */
/* Programs by their path or by PATH; newlib's execl(), execv() and their kin end here. */
#include "syscall.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin:/sbin"

int _execve(const char *path, char *const argv[], char *const envp[]);

int execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)SYSCALL3(execve, path, argv, envp);
}

int _execve(const char *path, char *const argv[], char *const envp[])
{
	return execve(path, argv, envp);
}

/* Tries each folder of PATH. A program that is there but may not be run is said to be that, unless another folder has one. */
int execvpe(const char *name, char *const argv[], char *const envp[])
{
	const char *path = getenv("PATH");
	char full[PATH_MAX];
	int denied = 0;

	if (strchr(name, '/') || !*name)
		return execve(name, argv, envp);
	if (!path)
		path = DEFAULT_PATH;
	for (const char *end; path; path = *end ? end + 1 : NULL) {
		size_t len;

		end = strchrnul(path, ':');
		len = (size_t)(end - path);
		if (len + 1 + strlen(name) >= sizeof(full))
			continue;
		memcpy(full, path, len);
		if (len)
			full[len++] = '/';
		strcpy(full + len, name);
		execve(full, argv, envp);
		if (errno == EACCES)
			denied = 1;
		else if (errno != ENOENT && errno != ENOTDIR)
			return -1;
	}
	errno = denied ? EACCES : ENOENT;
	return -1;
}

int execvp(const char *name, char *const argv[])
{
	return execvpe(name, argv, environ);
}
