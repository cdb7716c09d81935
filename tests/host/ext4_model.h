/* SPDX-License-Identifier: MIT */
/*
 * A file system as it should be, in memory: a tree of names with contents. model_step() does one random operation to it and to the mounted
 * file system and compares the results; model_check() compares everything, model_check_host() what debugfs extracted. Include once
 * in a test program, after ext4_image.h.
 *
 * Rule: an operation that fails changes nothing but, for a write, the bytes that its result counts.
 */
#ifndef TESTS_HOST_EXT4_MODEL_H
#define TESTS_HOST_EXT4_MODEL_H

#define NODE_NAME 256
#define MODEL_OPEN 8 /* files without a name that are open */

struct node {
	char name[NODE_NAME];
	bool dir;
	struct node *up, **kids;
	unsigned nr, room;
	u8 *data;
	u64 size;
};

struct model {
	struct node *root;
	u64 seed;
	unsigned nr_nodes, max_nodes;
	u64 max_size;
	struct {
		struct node *n;
		struct file *f;
	} open[MODEL_OPEN];
	const char *bad; /* the operation whose result was wrong */
	int got, want;
};

static inline struct node *node_new(struct model *m, struct node *up, const char *name, bool dir)
{
	struct node *n = calloc(1, sizeof(*n));

	snprintf(n->name, sizeof(n->name), "%s", name);
	n->dir = dir;
	n->up = up;
	m->nr_nodes++;
	if (!up)
		return n;
	if (up->nr == up->room) {
		up->room = up->room ? up->room * 2 : 8;
		up->kids = realloc(up->kids, up->room * sizeof(n));
	}
	up->kids[up->nr++] = n;
	return n;
}

static inline void node_cut(struct node *n)
{
	struct node *up = n->up;

	for (unsigned k = 0; k < up->nr; k++)
		if (up->kids[k] == n)
			up->kids[k] = up->kids[--up->nr];
}

static inline void node_free(struct model *m, struct node *n)
{
	for (unsigned k = 0; k < n->nr; k++)
		node_free(m, n->kids[k]);
	m->nr_nodes--;
	free(n->kids);
	free(n->data);
	free(n);
}

static inline struct node *node_find(struct node *dir, const char *name)
{
	for (unsigned k = 0; k < dir->nr; k++)
		if (!strcmp(dir->kids[k]->name, name))
			return dir->kids[k];
	return NULL;
}

static inline void node_path(const struct node *n, char *buf)
{
	if (n->up) {
		node_path(n->up, buf);
		strcat(buf, "/");
		strcat(buf, n->name);
	} else {
		buf[0] = '\0';
	}
}

static inline void node_resize(struct node *n, u64 size)
{
	n->data = realloc(n->data, size + 1);
	if (size > n->size)
		memset(n->data + n->size, 0, size - n->size);
	n->size = size;
}

static inline bool node_inside(const struct node *n, const struct node *top)
{
	for (; n; n = n->up)
		if (n == top)
			return true;
	return false;
}

static inline unsigned node_depth(const struct node *n)
{
	return n->up ? 1 + node_depth(n->up) : 0;
}

static inline struct node *pick(struct model *m, struct node *from, bool dir)
{
	for (struct node *n = from;;) {
		unsigned k;

		if (!n->nr || (dir && test_random(&m->seed, 3) == 0))
			return n->dir == dir ? n : NULL;
		k = test_random(&m->seed, n->nr);
		if (!n->kids[k]->dir) {
			if (!dir)
				return n->kids[k];
			for (k = 0; k < n->nr && !n->kids[k]->dir; k++)
				;
			if (k == n->nr)
				return n;
		}
		n = n->kids[k];
	}
}

static inline void random_name(struct model *m, char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-+.\xc3\xa4\xff\x80";
	unsigned len = 1 + test_random(&m->seed, 8);

	if (test_random(&m->seed, 12) == 0)
		len = 200 + test_random(&m->seed, 56);
	for (unsigned k = 0; k < len; k++)
		name[k] = letters[test_random(&m->seed, k ? sizeof(letters) - 1 : 26)];
	name[len] = '\0';
}

static inline void fill_random(struct model *m, u8 *p, u64 n)
{
	u64 x = m->seed;

	for (u64 k = 0; k < n; k++) {
		x = x * 6364136223846793005ull + 1;
		p[k] = (u8)(x >> 40);
	}
	m->seed = x;
}

/* Result of one operation: `want` 0 and more, or the only error allowed; ENOSPC is allowed always. */
static inline bool result(struct model *m, const char *what, i64 got, int want)
{
	if (got == -ENOSPC || (want < 0 ? got == want : got >= 0))
		return got >= 0;
	if (!m->bad) {
		m->bad = what;
		m->got = (int)got;
		m->want = want;
	}
	return false;
}

static inline void op_create(struct model *m, bool dir)
{
	char path[PATH_MAX_LEN], name[NODE_NAME];
	struct node *d = pick(m, m->root, true), *old;
	int want = 0, got;

	random_name(m, name);
	old = node_find(d, name);
	if (m->nr_nodes >= m->max_nodes || (dir && node_depth(d) > 3))
		return;
	node_path(d, path);
	strcat(path, "/");
	strcat(path, name);
	if (old)
		want = -EEXIST;
	got = dir ? vfs_mkdir(NULL, path, 0755) : fs_create(path);
	if (result(m, dir ? "mkdir" : "create", got, want))
		node_new(m, d, name, dir);
}

static inline struct file *open_node(struct model *m, struct node *n)
{
	char path[PATH_MAX_LEN];
	struct file *f = NULL;

	node_path(n, path);
	result(m, "open", vfs_open(NULL, path, O_RDWR_, 0, &f), 0);
	return f;
}

static inline u64 random_pos(struct model *m, struct node *n)
{
	u64 pos = test_random(&m->seed, 4) ? test_random(&m->seed, (unsigned)n->size + 1)
					   : test_random(&m->seed, (unsigned)m->max_size);

	return test_random(&m->seed, 2) ? pos & ~4095ull : pos;
}

static inline void change_file(struct model *m, struct node *n, struct inode *i)
{
	static u8 buf[40000];
	u64 pos = random_pos(m, n),
	    len = 1 + test_random(&m->seed, test_random(&m->seed, 3) ? 5000 : sizeof(buf)), end = pos + len;
	i64 got;

	switch (test_random(&m->seed, 8)) {
	case 0:
		if (result(m, "truncate", vfs_truncate(i, pos), 0))
			node_resize(n, pos);
		break;
	case 1:
		if (result(m, "punch", vfs_fallocate(i, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, pos, len),
			    0) &&
			pos < n->size)
			memset(n->data + pos, 0, MIN(end, n->size) - pos);
		break;
	case 2:
		result(m, "reserve", vfs_fallocate(i, FALLOC_KEEP_SIZE_, pos, len), 0);
		break;
	case 3:
		if (result(m, "allocate", vfs_fallocate(i, 0, pos, len), 0) && end > n->size)
			node_resize(n, end);
		break;
	default:
		fill_random(m, buf, len);
		got = vfs_kwrite(i, buf, len, pos);
		if (!result(m, "write", got, 1))
			break;
		if (pos + got > n->size)
			node_resize(n, pos + got);
		memcpy(n->data + pos, buf, got);
		break;
	}
}

static inline void op_file(struct model *m)
{
	struct node *n = pick(m, m->root, false);
	struct file *f = n ? open_node(m, n) : NULL;

	if (!f)
		return;
	change_file(m, n, f->inode);
	file_put(f);
}

static inline bool same_content(struct node *n, struct inode *i)
{
	static u8 buf[65536];

	if (inode_size(i) != n->size)
		return false;
	for (u64 at = 0; at < n->size; at += sizeof(buf)) {
		u64 len = MIN(n->size - at, sizeof(buf));

		if (vfs_kread(i, buf, len, at) != (i64)len || memcmp(buf, n->data + at, len))
			return false;
	}
	return true;
}

static inline void op_unlink(struct model *m)
{
	struct node *n = pick(m, m->root, false);
	unsigned slot = test_random(&m->seed, MODEL_OPEN * 2);
	char path[PATH_MAX_LEN];
	struct file *f = NULL;

	if (!n)
		return;
	if (slot < MODEL_OPEN && !m->open[slot].n)
		f = open_node(m, n);
	node_path(n, path);
	if (!result(m, "unlink", vfs_unlink(NULL, path), 0)) {
		if (f)
			file_put(f);
		return;
	}
	node_cut(n);
	if (f) {
		m->open[slot].n = n;
		m->open[slot].f = f;
	} else {
		node_free(m, n);
	}
}

/* A file without a name: changed, or closed after a look at what is in it. */
static inline void op_nameless(struct model *m)
{
	unsigned k = test_random(&m->seed, MODEL_OPEN);

	if (!m->open[k].n)
		return;
	if (test_random(&m->seed, 4)) {
		change_file(m, m->open[k].n, m->open[k].f->inode);
		return;
	}
	result(m, "content of a nameless file", same_content(m->open[k].n, m->open[k].f->inode) ? 0 : -EIO,
		0);
	file_put(m->open[k].f);
	node_free(m, m->open[k].n);
	m->open[k].n = NULL;
}

static inline void model_close(struct model *m)
{
	for (unsigned k = 0; k < MODEL_OPEN; k++) {
		if (!m->open[k].n)
			continue;
		file_put(m->open[k].f);
		node_free(m, m->open[k].n);
		m->open[k].n = NULL;
	}
}

static inline void op_rmdir(struct model *m)
{
	struct node *n = pick(m, m->root, true);
	char path[PATH_MAX_LEN];

	if (n == m->root)
		return;
	node_path(n, path);
	if (!result(m, "rmdir", vfs_rmdir(NULL, path), n->nr ? -ENOTEMPTY : 0))
		return;
	node_cut(n);
	node_free(m, n);
}

static inline int rename_want(struct node *n, struct node *dir, struct node *old)
{
	if (n == old)
		return 0;
	if (n->dir && node_inside(dir, n))
		return -EINVAL;
	if (!old)
		return 0;
	if (old->dir && node_inside(n, old))
		return -ENOTEMPTY;
	if (n->dir != old->dir)
		return n->dir ? -ENOTDIR : -EISDIR;
	return old->dir && old->nr ? -ENOTEMPTY : 0;
}

static inline void op_rename(struct model *m)
{
	struct node *n = pick(m, m->root, test_random(&m->seed, 2)), *dir = pick(m, m->root, true),
		    *old = NULL;
	char from[PATH_MAX_LEN], to[PATH_MAX_LEN], name[NODE_NAME];

	if (!n || !n->up || node_depth(dir) > 4)
		return;
	random_name(m, name);
	if (dir->nr && test_random(&m->seed, 2))
		strcpy(name, dir->kids[test_random(&m->seed, dir->nr)]->name);
	old = node_find(dir, name);
	node_path(n, from);
	node_path(dir, to);
	strcat(to, "/");
	strcat(to, name);
	if (!result(m, "rename", vfs_rename(NULL, from, NULL, to, 0), rename_want(n, dir, old)) || n == old)
		return;
	if (old) {
		node_cut(old);
		node_free(m, old);
	}
	node_cut(n);
	m->nr_nodes--;
	old = node_new(m, dir, name, n->dir);
	old->up->kids[old->up->nr - 1] = n;
	free(old);
	strcpy(n->name, name);
	n->up = dir;
}

static inline void model_step(struct model *m)
{
	unsigned what = test_random(&m->seed, 32);

	if (what < 6)
		op_create(m, false);
	else if (what < 8)
		op_create(m, true);
	else if (what < 22)
		op_file(m);
	else if (what < 25)
		op_unlink(m);
	else if (what < 27)
		op_nameless(m);
	else if (what < 28)
		op_rmdir(m);
	else
		op_rename(m);
}

static inline int match_step(
	void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type, u64 next UNUSED)
{
	struct node *dir = *(struct node **)arg, *n;
	char text[NODE_NAME];

	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return 0;
	memcpy(text, name, len);
	text[len] = '\0';
	n = node_find(dir, text);
	if (!n || type != (n->dir ? DT_DIR_ : DT_REG_)) {
		diag("readdir: '%s' should not be there", text);
		*(struct node **)arg = NULL;
		return 1;
	}
	return 0;
}

/* Is the subtree on the mounted file system as in the model? */
static inline bool model_check(struct model *m, struct node *n)
{
	char path[PATH_MAX_LEN];
	struct node *walk = n;
	struct file *f = NULL;
	bool good;

	node_path(n, path);
	if (!n->up)
		strcpy(path, "/");
	if (vfs_open(NULL, path, O_RDONLY_, 0, &f)) {
		diag("cannot open '%s'", path);
		return false;
	}
	if (n->dir)
		good = !vfs_readdir(f, match_step, &walk) && walk && fs_entries(path) == n->nr;
	else
		good = same_content(n, f->inode);
	file_put(f);
	if (!good)
		diag("'%s' is not as it should be", path);
	for (unsigned k = 0; good && k < n->nr; k++)
		good = model_check(m, n->kids[k]);
	return good;
}

/* The same against a directory tree of the host (from debugfs rdump). */
static inline bool model_check_host(struct model *m, struct node *n, const char *top)
{
	char path[PATH_MAX_LEN], full[PATH_MAX_LEN + 100];
	struct stat st;
	bool good;

	node_path(n, path);
	snprintf(full, sizeof(full), "%s%s", top, path);
	good = !stat(full, &st) && S_ISDIR(st.st_mode) == n->dir && (n->dir || (u64)st.st_size == n->size);
	if (good && !n->dir && n->size) {
		u8 *buf = malloc(n->size);
		FILE *f = fopen(full, "rb");

		good = f && fread(buf, 1, n->size, f) == n->size && !memcmp(buf, n->data, n->size);
		if (f)
			fclose(f);
		free(buf);
	}
	if (!good)
		diag("debugfs: '%s' is not as it should be", path);
	for (unsigned k = 0; good && k < n->nr; k++)
		good = model_check_host(m, n->kids[k], top);
	return good;
}

/* Writes the model's tree to a directory of the host, for mke2fs -d. */
static inline void model_write_host(struct model *m, struct node *n, const char *top)
{
	char path[PATH_MAX_LEN], full[PATH_MAX_LEN + 100];
	FILE *f;

	node_path(n, path);
	snprintf(full, sizeof(full), "%s%s", top, path);
	if (n->dir) {
		if (mkdir(full, 0755))
			diag("cannot make %s", full);
	} else {
		f = fopen(full, "wb");
		if (!f || fwrite(n->data, 1, n->size, f) != n->size || fclose(f))
			diag("cannot write %s", full);
	}
	for (unsigned k = 0; k < n->nr; k++)
		model_write_host(m, n->kids[k], top);
}

static inline void model_begin(struct model *m, u64 seed, unsigned max_nodes, u64 max_size)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	m->max_nodes = max_nodes;
	m->max_size = max_size;
	m->root = node_new(m, NULL, "", true);
}

/* A tree that the host writes: so many files and a directory for every eight. */
static inline void model_grow(struct model *m, unsigned files)
{
	for (unsigned k = 0; k < files; k++) {
		struct node *d = pick(m, m->root, true), *n;
		char name[NODE_NAME];

		random_name(m, name);
		if (node_find(d, name))
			continue;
		n = node_new(m, d, name, k % 8 == 7 && node_depth(d) < 3);
		if (n->dir)
			continue;
		node_resize(n, test_random(&m->seed, test_random(&m->seed, 3) ? 6000 : 60000));
		fill_random(m, n->data, n->size);
	}
}

/* mke2fs has made it as well. */
static inline void model_lost_found(struct model *m)
{
	node_new(m, m->root, "lost+found", true);
}

static inline void model_end(struct model *m)
{
	node_free(m, m->root);
}

#endif
