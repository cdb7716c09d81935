/* SPDX-License-Identifier: MIT */
/*
 * nftw() and ftw(). A directory's names are read before the first of them is visited, so one descriptor is open at a time whatever the depth.
 * Where links are followed, a directory that is among its own ancestors is not entered again. FTW_CHDIR is not there.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	int (*visit)(const char *, const struct stat *, int, struct FTW *);
	int (*visit_old)(const char *, const struct stat *, int); /* ftw()'s, in place of the other */
	int flags;
	dev_t device;
	char path[PATH_MAX];
};

struct ancestor {
	const struct ancestor *up;
	dev_t device;
	ino_t inode;
};

static int visit(struct walk *w, const struct stat *st, int type, struct FTW *at)
{
	return w->visit_old ? w->visit_old(w->path, st, type) : w->visit(w->path, st, type, at);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int status(struct walk *w, struct stat *st)
{
	if (w->flags & FTW_PHYS ? lstat(w->path, st) == 0 : stat(w->path, st) == 0)
		return S_ISDIR(st->st_mode) ? FTW_D : S_ISLNK(st->st_mode) ? FTW_SL : FTW_F;
	return lstat(w->path, st) == 0 && S_ISLNK(st->st_mode) ? FTW_SLN : FTW_NS;
}

static int is_among(const struct ancestor *a, const struct stat *st)
{
	for (; a; a = a->up)
		if (a->device == st->st_dev && a->inode == st->st_ino)
			return 1;
	return 0;
}

static int step(struct walk *w, size_t len, int base, int level, const struct ancestor *up);

static int descend(
	struct walk *w, size_t len, int level, const struct ancestor *here, struct dirent **names, int count)
{
	int ret = 0;

	if (w->path[len - 1] != '/')
		w->path[len++] = '/';
	for (int i = 0; i < count; i++) {
		size_t more = strlen(names[i]->d_name);

		if (ret == 0 && len + more >= sizeof(w->path)) {
			errno = ENAMETOOLONG;
			ret = -1;
		}
		if (ret == 0) {
			memcpy(w->path + len, names[i]->d_name, more + 1);
			ret = step(w, len + more, (int)len, level + 1, here);
		}
		free(names[i]);
	}
	free(names);
	return ret;
}

/* Visits w->path and what is below. 0, or what ended the walk. */
static int step(struct walk *w, size_t len, int base, int level, const struct ancestor *up)
{
	struct FTW at = {.base = base, .level = level};
	struct dirent **names;
	struct stat st;
	int type = status(w, &st), count, ret = 0;

	if (type == FTW_NS && level == 0)
		return -1;
	if (level == 0)
		w->device = st.st_dev;
	if ((w->flags & FTW_MOUNT) && type != FTW_NS && st.st_dev != w->device)
		return 0;
	if (type != FTW_D)
		return visit(w, &st, type == FTW_SLN && w->visit_old ? FTW_NS : type, &at);
	if (is_among(up, &st))
		return 0;
	count = scandir(w->path, &names, no_dots, NULL);
	if (count < 0)
		return errno == EACCES ? visit(w, &st, FTW_DNR, &at) : -1;
	if (!(w->flags & FTW_DEPTH))
		ret = visit(w, &st, FTW_D, &at);
	if (ret) {
		while (count)
			free(names[--count]);
		free(names);
		return ret;
	}
	ret = descend(w, len, level, &(struct ancestor){up, st.st_dev, st.st_ino}, names, count);
	w->path[len] = 0;
	return ret == 0 && (w->flags & FTW_DEPTH) ? visit(w, &st, FTW_DP, &at) : ret;
}

static int walk(struct walk *w, const char *path)
{
	size_t len = strlen(path);
	const char *slash;

	if (len == 0 || len >= sizeof(w->path)) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	memcpy(w->path, path, len + 1);
	while (len > 1 && w->path[len - 1] == '/')
		w->path[--len] = 0;
	slash = strrchr(w->path, '/');
	return step(w, len, slash && slash[1] ? (int)(slash + 1 - w->path) : 0, 0, NULL);
}

int nftw(const char *path, int (*visit)(const char *, const struct stat *, int, struct FTW *),
	int descriptors, int flags)
{
	struct walk w = {.visit = visit, .flags = flags};

	(void)descriptors;
	if (flags & ~(FTW_PHYS | FTW_MOUNT | FTW_DEPTH)) {
		errno = EINVAL;
		return -1;
	}
	return walk(&w, path);
}

int ftw(const char *path, int (*visit)(const char *, const struct stat *, int), int descriptors)
{
	struct walk w = {.visit_old = visit};

	(void)descriptors;
	return walk(&w, path);
}
