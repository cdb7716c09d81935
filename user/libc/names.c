/* SPDX-License-Identifier: MIT */
/* System calls on names: files, links, directories, where a process stands. */
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <reent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int access(const char *path, int mode)
{
	return (int)SYSCALL2(access, path, mode);
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	return (int)(flags ? SYSCALL4(faccessat2, dir, path, mode, flags)
			   : SYSCALL3(faccessat, dir, path, mode));
}

int unlink(const char *path)
{
	return (int)SYSCALL1(unlink, path);
}

int unlinkat(int dir, const char *path, int flags)
{
	return (int)SYSCALL3(unlinkat, dir, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return (int)SYSCALL2(mkdir, path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return (int)SYSCALL3(mkdirat, dir, path, mode);
}

int rmdir(const char *path)
{
	return (int)SYSCALL1(rmdir, path);
}

/* newlib's remove() knows files only. */
int remove(const char *path)
{
	int err = errno;

	if (unlink(path) == 0)
		return 0;
	if (errno != EISDIR)
		return -1;
	errno = err;
	return rmdir(path);
}

/* What newlib's tmpfile() calls. */
int _remove_r(struct _reent *reent, const char *path)
{
	(void)reent;
	return remove(path);
}

int link(const char *from, const char *to)
{
	return (int)SYSCALL2(link, from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return (int)SYSCALL5(linkat, from_dir, from, to_dir, to, flags);
}

int symlink(const char *target, const char *path)
{
	return (int)SYSCALL2(symlink, target, path);
}

int symlinkat(const char *target, int dir, const char *path)
{
	return (int)SYSCALL3(symlinkat, target, dir, path);
}

ssize_t readlink(const char *path, char *buf, size_t size)
{
	return SYSCALL3(readlink, path, buf, size);
}

ssize_t readlinkat(int dir, const char *path, char *buf, size_t size)
{
	return SYSCALL4(readlinkat, dir, path, buf, size);
}

/* newlib's own rename() ends here (HAVE_RENAME). */
int _rename(const char *from, const char *to);

int _rename(const char *from, const char *to)
{
	return (int)SYSCALL2(rename, from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return (int)SYSCALL4(renameat, from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	return (int)SYSCALL5(renameat2, from_dir, from, to_dir, to, flags);
}

int truncate(const char *path, off_t len)
{
	return (int)SYSCALL2(truncate, path, len);
}

int mknod(const char *path, mode_t mode, dev_t dev)
{
	return (int)SYSCALL3(mknod, path, mode, dev);
}

int mknodat(int dir, const char *path, mode_t mode, dev_t dev)
{
	return (int)SYSCALL4(mknodat, dir, path, mode, dev);
}

int mkfifo(const char *path, mode_t mode)
{
	return mknod(path, mode | S_IFIFO, 0);
}

int mkfifoat(int dir, const char *path, mode_t mode)
{
	return mknodat(dir, path, mode | S_IFIFO, 0);
}

int chdir(const char *path)
{
	return (int)SYSCALL1(chdir, path);
}

int fchdir(int fd)
{
	return (int)SYSCALL1(fchdir, fd);
}

int chroot(const char *path)
{
	return (int)SYSCALL1(chroot, path);
}

/* Without a buffer it allocates one, as on Linux. */
char *getcwd(char *buf, size_t size)
{
	char here[PATH_MAX];

	if (buf && size == 0) {
		errno = EINVAL;
		return NULL;
	}
	if (buf)
		return SYSCALL2(getcwd, buf, size) < 0 ? NULL : buf;
	if (SYSCALL2(getcwd, here, sizeof(here)) < 0)
		return NULL;
	if (size && strlen(here) >= size) {
		errno = ERANGE;
		return NULL;
	}
	buf = malloc(size ? size : strlen(here) + 1);
	return buf ? strcpy(buf, here) : NULL;
}

char *get_current_dir_name(void)
{
	return getcwd(NULL, 0);
}

/* ---- parts of a path ---- */

static void cut_slashes(char *path)
{
	for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = 0;
}

/* POSIX's, not string.h's: may change the path. */
char *basename(char *path)
{
	char *slash;

	if (!path || !*path)
		return ".";
	cut_slashes(path);
	slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

char *dirname(char *path)
{
	char *slash;

	if (!path || !*path)
		return ".";
	cut_slashes(path);
	slash = strrchr(path, '/');
	if (!slash)
		return ".";
	slash[slash == path] = 0;
	cut_slashes(path);
	return path;
}

/* ---- realpath ---- */

/* Takes the last name off a path that begins with '/'. */
static size_t parent(const char *path, size_t len)
{
	while (len > 1 && path[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : len;
}

/* out holds the resolved part, rest what is to come. What a link says goes in front of the rest: joined in the lower half of more, and kept
 * in the upper one, from which the next one reads. */
static int resolve(char *out, char *rest)
{
	char link[PATH_MAX], more[2 * PATH_MAX];
	size_t len = strlen(out);
	int links = 0;

	while (*rest) {
		size_t name = strcspn(rest, "/");
		size_t before = len;
		ssize_t n;

		if (name == 2 && !strncmp(rest, "..", 2)) {
			len = parent(out, len);
		} else if (name && !(name == 1 && *rest == '.')) {
			if (len + 1 + name >= PATH_MAX)
				return ENAMETOOLONG;
			if (len > 1)
				out[len++] = '/';
			memcpy(out + len, rest, name);
			len += name;
		}
		out[len] = 0;
		rest += name;
		rest += strspn(rest, "/");
		if (len <= before)
			continue;
		n = readlink(out, link, sizeof(link) - 1);
		if (n < 0 && errno != EINVAL)
			return errno;
		if (n < 0) {
			struct stat st;

			if (*rest && stat(out, &st) == 0 && !S_ISDIR(st.st_mode))
				return ENOTDIR;
			continue;
		}
		if (++links > SYMLOOP_MAX)
			return ELOOP;
		link[n] = 0;
		if ((size_t)snprintf(more, PATH_MAX, "%s%s%s", link, *rest ? "/" : "", rest) >= PATH_MAX)
			return ENAMETOOLONG;
		rest = strcpy(more + PATH_MAX, more);
		len = *rest == '/' ? 1 : before;
		out[len] = 0;
		rest += strspn(rest, "/");
	}
	return 0;
}

char *realpath(const char *path, char *resolved)
{
	char out[PATH_MAX + 1] = "/", rest[PATH_MAX];
	int err;

	if (!path || !*path) {
		errno = path ? ENOENT : EINVAL;
		return NULL;
	}
	if (strlen(path) >= sizeof(rest)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (*path != '/' && !getcwd(out, PATH_MAX))
		return NULL;
	err = resolve(out, strcpy(rest, path + strspn(path, "/")));
	if (err) {
		errno = err;
		return NULL;
	}
	return resolved ? strcpy(resolved, out) : strdup(out);
}
