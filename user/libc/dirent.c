/* SPDX-License-Identifier: MIT */
/* Directory streams over getdents64: the kernel's records are handed out in place. */
#include "syscall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct __dirstream {
	int fd;
	size_t pos; /* the next record in buf */
	size_t len; /* bytes of buf that the kernel filled */
	off_t tell; /* the kernel's offset of the record at pos */
	_Alignas(8) char buf[4096];
};

ssize_t getdents64(int fd, void *buf, size_t len)
{
	return SYSCALL3(getdents64, fd, buf, len);
}

DIR *fdopendir(int fd)
{
	struct stat st;
	DIR *dir;

	if (fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	dir = malloc(sizeof(*dir));
	if (!dir)
		return NULL;
	dir->fd = fd;
	dir->pos = dir->len = 0;
	dir->tell = 0;
	return dir;
}

static DIR *open_at(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int err = errno;

	if (!dir && fd >= 0) {
		close(fd);
		errno = err;
	}
	return dir;
}

DIR *opendir(const char *path)
{
	return open_at(AT_FDCWD, path);
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *d;

	if (dir->pos >= dir->len) {
		ssize_t n = getdents64(dir->fd, dir->buf, sizeof(dir->buf));

		if (n <= 0)
			return NULL;
		dir->pos = 0;
		dir->len = (size_t)n;
	}
	d = (struct dirent *)(dir->buf + dir->pos);
	dir->pos += d->d_reclen;
	dir->tell = d->d_off;
	return d;
}

int readdir_r(DIR *dir, struct dirent *entry, struct dirent **result)
{
	int was = errno, err;
	struct dirent *d;

	errno = 0;
	d = readdir(dir);
	err = errno;
	errno = was;
	*result = d ? memcpy(entry, d, d->d_reclen) : NULL;
	return err;
}

void seekdir(DIR *dir, long where)
{
	dir->pos = dir->len = 0;
	dir->tell = lseek(dir->fd, where, SEEK_SET);
}

void rewinddir(DIR *dir)
{
	seekdir(dir, 0);
}

long telldir(DIR *dir)
{
	return dir->tell;
}

int closedir(DIR *dir)
{
	int fd = dir->fd;

	free(dir);
	return close(fd);
}

int dirfd(DIR *dir)
{
	return dir->fd;
}

/* ---- whole directories ---- */

static int free_list(struct dirent **list, size_t count)
{
	int err = errno;

	while (count)
		free(list[--count]);
	free(list);
	errno = err;
	return -1;
}

static int append(struct dirent ***list, size_t *count, size_t *room, const struct dirent *d)
{
	if (*count == *room) {
		size_t more = *room ? 2 * *room : 32;
		struct dirent **bigger = realloc(*list, more * sizeof(**list));

		if (!bigger)
			return -1;
		*list = bigger;
		*room = more;
	}
	(*list)[*count] = malloc(d->d_reclen);
	if (!(*list)[*count])
		return -1;
	memcpy((*list)[(*count)++], d, d->d_reclen);
	return 0;
}

int scandirat(int at, const char *path, struct dirent ***out, int (*select)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	struct dirent **list = NULL, *d;
	size_t count = 0, room = 0;
	DIR *dir = open_at(at, path);
	int was = errno, failed = 0;

	if (!dir)
		return -1;
	while (!failed && (errno = 0, d = readdir(dir)))
		if (!select || select(d))
			failed = append(&list, &count, &room, d) < 0;
	failed = failed || errno;
	closedir(dir);
	if (failed)
		return free_list(list, count);
	errno = was;
	if (count && compare)
		qsort(list, count, sizeof(*list), (int (*)(const void *, const void *))compare);
	*out = list;
	return (int)count;
}

int scandir(const char *path, struct dirent ***out, int (*select)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	return scandirat(AT_FDCWD, path, out, select, compare);
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
	return strcoll((*a)->d_name, (*b)->d_name);
}

int versionsort(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}
