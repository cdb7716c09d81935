/* SPDX-License-Identifier: MIT */
/* See oracle.h. Names are kept as versions, each a whole array; a file's content as it is now and as it was acknowledged. */
#include "tests/crash/oracle.h"
#include "fs/ext4/disk.h"
#include "fs/vfs.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

#define VERSIONS 700u
#define SIZES 24u
#define LINE 64u
#define LINE_WORDS (LINE / 8)
#define FILE_LINES (FILE_PAGES * 4096 / LINE)
#define FILE_WORDS (FILE_PAGES * WORDS_PER_PAGE)

/* Of a line since it was acknowledged. */
struct line {
	u32 since; /* number of the operation after which stores may be found */
	bool touched, zero, moved;
};

struct file_model {
	u64 ino, size;
	u32 changed; /* version of the names after the last change of its metadata */
	bool pool;   /* anybody's words may be in it */
	u64 now[FILE_WORDS], kept[FILE_WORDS];
	struct line lines[FILE_LINES];
	struct {
		u64 lo, hi;
	} sizes[SIZES]; /* since the acknowledged one, which is the first */
	u32 nr_sizes;
};

static struct {
	struct node names[VERSIONS][NR_NAMES];
	u32 version, acknowledged;
	u64 acknowledgments;
	bool at_once, pool_busy, damaged;
	u32 step;                               /* number of the last operation begun */
	struct file_model *files[NR_FILES + 1]; /* /big is the last */
	char why[400];
} oracle;

/* --- names --- */

struct node oracle_node(u32 name)
{
	return oracle.names[oracle.version][name];
}

static struct node *names_now(void)
{
	return oracle.names[oracle.version];
}

/* --- files --- */

static struct file_model *file_of(u32 id)
{
	if (!oracle.files[id]) {
		oracle.files[id] = calloc(1, sizeof(struct file_model));
		if (!oracle.files[id])
			abort();
		oracle.files[id]->nr_sizes = 1;
	}
	return oracle.files[id];
}

u64 oracle_size(u32 file)
{
	return file_of(file)->size;
}

/* The size becomes `to`; any between that and the old one may be found if `between`. */
static void resize(struct file_model *f, u64 to, bool between)
{
	u64 lo = between ? MIN(f->size, to) : to, hi = between ? MAX(f->size, to) : to;
	u32 k = MIN(f->nr_sizes, SIZES - 1);

	if (f->nr_sizes == SIZES) { /* full: the last one takes it in */
		lo = MIN(lo, f->sizes[k].lo);
		hi = MAX(hi, f->sizes[k].hi);
	} else {
		f->nr_sizes++;
	}
	f->sizes[k].lo = lo;
	f->sizes[k].hi = hi;
	f->size = to;
}

static void touch(struct file_model *f, u64 from, u64 to, bool zero, bool moved)
{
	for (u64 l = from / LINE; l < FILE_LINES && l * LINE < to; l++) {
		f->lines[l].touched = true;
		f->lines[l].zero |= zero;
		f->lines[l].moved |= moved;
	}
}

static void zero_words(struct file_model *f, u64 from, u64 to)
{
	to = MIN(to, (u64)FILE_WORDS * 8);
	touch(f, from, to, true, false);
	for (u64 w = from / 8; w < to / 8; w++)
		f->now[w] = 0;
}

static void store_words(struct file_model *f, const struct op *op)
{
	touch(f, op->pos, op->pos + op->len, false, false);
	for (u64 w = op->pos / 8; w < (op->pos + op->len) / 8; w++)
		f->now[w] = oracle_word(op->file, op->nr, w);
}

/* Everything from byte `pos` on moves by `len` bytes, down or up. */
static void shift(struct file_model *f, u64 pos, u64 len, bool up)
{
	u64 at = pos / 8, n = len / 8;

	if (up) {
		memmove(f->now + at + n, f->now + at, (FILE_WORDS - at - n) * 8);
		memset(f->now + at, 0, len);
	} else {
		memmove(f->now + at, f->now + at + n, (FILE_WORDS - at - n) * 8);
		memset(f->now + FILE_WORDS - n, 0, len);
	}
	touch(f, pos, (u64)FILE_WORDS * 8, true, true);
	resize(f, up ? f->size + len : f->size - len, false);
}

static void keep_lines(struct file_model *f, u64 from, u64 to)
{
	for (u64 l = from / LINE; l < FILE_LINES && l * LINE < to; l++) {
		f->lines[l] = (struct line){.since = oracle.step};
		memcpy(&f->kept[l * LINE_WORDS], &f->now[l * LINE_WORDS], LINE);
	}
}

static void keep_size(struct file_model *f)
{
	f->nr_sizes = 1;
	f->sizes[0].lo = f->sizes[0].hi = f->size;
}

/* --- operations --- */

static void extend(struct file_model *f, u64 end)
{
	if (end <= f->size)
		return;
	touch(f, f->size, end, true, false);
	resize(f, end, true);
}

static void change_data(struct file_model *f, const struct op *op)
{
	u64 end = op->pos + op->len;

	switch (op->kind) {
	case OP_WRITE:
	case OP_APPEND:
	case OP_SYNC_WRITE:
	case OP_DIRECT_WRITE:
		extend(f, end);
		store_words(f, op);
		return;
	case OP_STORE:
	case OP_SYNC_STORE:
		store_words(f, op);
		return;
	case OP_TRUNCATE:
		zero_words(f, MIN(op->len, f->size), (u64)FILE_WORDS * 8);
		resize(f, op->len, false);
		return;
	case OP_PUNCH:
		zero_words(f, op->pos, MIN(end, f->size));
		return;
	case OP_ZERO:
		zero_words(f, op->pos, end);
		if (end > f->size)
			resize(f, end, false);
		return;
	case OP_ALLOCATE:
		if (end > f->size) {
			touch(f, f->size, end, true, false);
			resize(f, end, false);
		}
		return;
	case OP_COLLAPSE:
	case OP_INSERT:
		shift(f, op->pos, op->len, op->kind == OP_INSERT);
		return;
	default:
		return;
	}
}

/* Two names change places, and what is in them if they are /d and /e: either has as many names, in the same order. */
static void exchange(struct node *n, u32 a, u32 b)
{
	struct node was = n[a];

	n[a] = n[b];
	n[b] = was;
	for (u32 c = NR_DIRS, d = NR_DIRS; a < NR_DIRS; c++, d++) {
		while (c < NR_NAMES && oracle_parent(c) != a + 1)
			c++;
		while (d < NR_NAMES && oracle_parent(d) != b + 1)
			d++;
		if (c == NR_NAMES)
			return;
		exchange(n, c, d);
	}
}

/* All names of a file have its attributes. */
static void set_attribute(struct node *n, const struct op *op)
{
	struct node of = n[op->a];

	for (u32 k = 0; k < NR_NAMES; k++)
		if (n[k].kind == of.kind && n[k].id == of.id)
			n[k].attributes[op->pos] = op->kind == OP_SET_ATTRIBUTE ? (u16)op->nr : 0;
}

static void change_names(struct node *n, const struct op *op)
{
	switch (op->kind) {
	case OP_CREATE:
		n[op->a] = (struct node){NODE_FILE, (u16)op->file, {0}};
		break;
	case OP_SYMLINK:
		n[op->a] = (struct node){NODE_LINK, (u16)op->file, {0}};
		break;
	case OP_MKNOD:
		n[op->a] = (struct node){NODE_DEVICE, (u16)op->file, {0}};
		break;
	case OP_MKDIR:
		n[op->a] = (struct node){NODE_DIR, (u16)op->file, {0}};
		break;
	case OP_EXCHANGE:
		exchange(n, op->a, op->b);
		break;
	case OP_SET_ATTRIBUTE:
	case OP_REMOVE_ATTRIBUTE:
		set_attribute(n, op);
		break;
	case OP_RMDIR:
	case OP_UNLINK:
		n[op->a] = (struct node){0};
		break;
	case OP_LINK:
		n[op->b] = n[op->a];
		break;
	case OP_RENAME:
		if (n[op->a].kind == n[op->b].kind && n[op->a].id == n[op->b].id)
			break;             /* two names of one file: nothing happens */
		exchange(n, op->a, op->b); /* what /d or /e goes to is empty */
		n[op->a] = (struct node){0};
		break;
	default:
		break;
	}
}

static bool on_names(enum op_kind kind)
{
	return kind == OP_CREATE || (kind >= OP_RENAME && kind <= OP_RMDIR);
}

void oracle_begin(const struct step *s)
{
	oracle.pool_busy = s->ops[0].kind == OP_DIRECT_READ;
	oracle.damaged = s->ops[0].kind == OP_DAMAGE;
	for (u32 k = 0; k < s->nr_ops; k++) {
		const struct op *op = &s->ops[k];

		oracle.step = op->nr;
		if (on_names(op->kind)) {
			if (oracle.version + 1 == VERSIONS)
				abort();
			memcpy(oracle.names[oracle.version + 1], names_now(), sizeof(oracle.names[0]));
			oracle.version++;
			change_names(names_now(), op);
		} else if (op->kind == OP_DIRECT_READ) {
			struct file_model *pool = file_of(0), *f = file_of(op->file);

			/* The words of the file go to the same place of the pool. */
			touch(pool, op->pos, op->pos + op->len, true, false);
			memcpy(pool->now + op->pos / 8, f->now + op->pos / 8, op->len);
		} else {
			if (op->kind == OP_DIRECT_WRITE) { /* the words are stored into the pool first */
				struct op pool = *op;

				pool.kind = OP_STORE;
				change_data(file_of(0), &pool);
			}
			change_data(file_of(op->file), op);
		}
		if (op_makes(op->kind))
			file_of(op->file)->ino = op->ino;
		if (on_names(op->kind) || op->kind == OP_TRUNCATE)
			file_of(op->file)->changed = oracle.version;
		if (op->kind == OP_EXCHANGE)
			file_of(names_now()[op->a].id)->changed = oracle.version;
	}
}

static void acknowledge_names(u32 version)
{
	oracle.acknowledged = MAX(oracle.acknowledged, version);
}

static void acknowledge_all(void)
{
	acknowledge_names(oracle.version);
	for (u32 k = 0; k < ARRAY_SIZE(oracle.files); k++) {
		if (!oracle.files[k])
			continue;
		keep_lines(oracle.files[k], 0, (u64)FILE_WORDS * 8);
		keep_size(oracle.files[k]);
	}
}

void oracle_end(const struct op *op)
{
	struct file_model *f = file_of(op->file);
	u64 from = 0, to = (u64)FILE_WORDS * 8;

	if (oracle.at_once)
		acknowledge_names(oracle.version);
	switch (op->kind) {
	case OP_SYNC:
	case OP_REMOUNT:
		acknowledge_all();
		break;
	case OP_MSYNC:
	case OP_SYNC_WRITE:
		from = ALIGN_DOWN(op->pos, 4096);
		to = ALIGN_UP(op->pos + op->len, 4096);
		break;
	case OP_SYNC_STORE:
		from = op->pos;
		to = op->pos + op->len;
		break;
	case OP_FSYNC:
	case OP_FDATASYNC:
		if (!op->file &&
			oracle.pool_busy) /* beside a device that writes to it: acknowledges nothing */
			return;
		break;
	default:
		return;
	}
	oracle.acknowledgments++;
	acknowledge_names(f->changed);
	keep_lines(f, from, to);
	keep_size(f);
}

void oracle_names_at_once(void)
{
	oracle.at_once = true;
}

bool oracle_damaged(void)
{
	return oracle.damaged;
}

u64 oracle_acknowledgments(void)
{
	return oracle.acknowledgments;
}

void oracle_reset(u64 pool_ino, u32 pool_pages)
{
	struct file_model *pool;

	for (u32 k = 0; k < ARRAY_SIZE(oracle.files); k++)
		free(oracle.files[k]);
	memset(&oracle, 0, sizeof(oracle));
	oracle.names[0][2] = (struct node){NODE_DIR, NR_FILES, {0}};
	oracle.names[0][POOL_NAME] = (struct node){NODE_FILE, 0, {0}};
	pool = file_of(0);
	pool->ino = pool_ino;
	pool->pool = true;
	pool->size = pool_pages * 4096ull;
	keep_size(pool);
}

/* --- judging --- */

static bool word_ok(const struct file_model *f, u32 id, u64 w, u64 v)
{
	const struct line *l = &f->lines[w / LINE_WORDS];
	u32 nr = (u32)(v >> 32) - 1, file = (u32)v >> 16;

	if (v == f->kept[w])
		return true;
	if (!l->touched)
		return false;
	if (!v)
		return l->zero;
	if (nr > oracle.step)
		return false;
	if (f->pool) /* what was read into it keeps its place in the page */
		return (v & 0xffff) % WORDS_PER_PAGE == w % WORDS_PER_PAGE && file < NR_FILES;
	if (file != id)
		return false;
	if (l->moved)
		return (v & 0xffff) % WORDS_PER_PAGE == w % WORDS_PER_PAGE;
	return nr > l->since && (v & 0xffff) == w;
}

static const char *judge_content(u32 name, u32 id, u64 size, oracle_read_fn read)
{
	const struct file_model *f = file_of(id);
	static u64 words[WORDS_PER_PAGE];
	char path[300];

	oracle_path(name, path);
	for (u64 at = 0; at < size; at += 4096) {
		if (!read(name, (u32)(at / 4096), words)) {
			snprintf(oracle.why, sizeof(oracle.why), "%.40s, page %llu cannot be read", path,
				(unsigned long long)(at / 4096));
			return oracle.why;
		}
		for (u64 w = at / 8; w < (at + 4096) / 8 && w < size / 8; w++) {
			u64 v = words[w % WORDS_PER_PAGE];
			const struct line *l = &f->lines[w / LINE_WORDS];

			if (w < FILE_WORDS && word_ok(f, id, w, v))
				continue;
			snprintf(oracle.why, sizeof(oracle.why),
				"%.40s (file %u), word %llu: %llx; kept %llx, since operation %u%s%s%s", path,
				id, (unsigned long long)w, (unsigned long long)v,
				(unsigned long long)(w < FILE_WORDS ? f->kept[w] : 0), l->since,
				l->touched ? ", touched" : "", l->zero ? ", zero" : "",
				l->moved ? ", moved" : "");
			return oracle.why;
		}
	}
	return NULL;
}

static const char *judge_file(
	const struct node *names, u32 name, const struct found *found, oracle_read_fn read)
{
	u32 id = names[name].id, links = 0, k;
	const struct file_model *f = file_of(id);
	char path[300];

	oracle_path(name, path);
	for (k = 0; k < NR_NAMES; k++)
		links += names[k].kind == NODE_FILE && names[k].id == id;
	if (found->nlink != links) {
		snprintf(oracle.why, sizeof(oracle.why), "%.40s has %u links instead of %u", path,
			found->nlink, links);
		return oracle.why;
	}
	for (k = 0; k < f->nr_sizes; k++)
		if (found->size >= f->sizes[k].lo && found->size <= f->sizes[k].hi)
			return judge_content(name, id, found->size, read);
	snprintf(oracle.why, sizeof(oracle.why), "%.40s (file %u) has size %llu instead of %llu", path, id,
		(unsigned long long)found->size, (unsigned long long)f->size);
	return oracle.why;
}

/* The links and the ".." of a directory. */
static const char *judge_dir(const struct node *names, u32 name, const struct found found[NR_NAMES])
{
	u32 links = 2, parent = oracle_parent(name);
	u64 up = parent ? found[parent - 1].ino : EXT4_ROOT_INO;

	for (u32 k = 0; k < NR_NAMES; k++)
		links += names[k].kind == NODE_DIR && oracle_parent(k) == name + 1;
	if (found[name].nlink == links && found[name].parent == up)
		return NULL;
	snprintf(oracle.why, sizeof(oracle.why),
		"directory %u: %u links instead of %u, \"..\" is %llu instead of %llu", name,
		found[name].nlink, links, (unsigned long long)found[name].parent, (unsigned long long)up);
	return oracle.why;
}

/* What all kinds have. */
static const char *judge_inode(const struct node *n, u32 name, const struct found *found)
{
	u64 ino = file_of(n->id)->ino;
	char path[300], value[VALUE_MAX];

	oracle_path(name, path);
	if (ino && found->ino != ino) {
		snprintf(oracle.why, sizeof(oracle.why), "%.40s: inode %llu instead of %llu", path,
			(unsigned long long)found->ino, (unsigned long long)ino);
		return oracle.why;
	}
	for (u32 k = 0; k < NR_ATTRIBUTES; k++) {
		u32 nr = n->attributes[k], len = nr ? oracle_value(n->id, nr, value) : 0;

		if (found->attributes[k] == (nr ? oracle_sum(value, len) : 0))
			continue;
		snprintf(oracle.why, sizeof(oracle.why), "%.40s: %s is not as operation %u has set it", path,
			oracle_attributes[k], nr);
		return oracle.why;
	}
	return NULL;
}

static const char *judge_device(const struct node *n, const struct found *found)
{
	u32 rdev, type = oracle_device(n->id, &rdev);

	if ((found->mode & S_IFMT_) == type && found->rdev == rdev && found->nlink == 1)
		return NULL;
	snprintf(oracle.why, sizeof(oracle.why), "device %u is mode %o, %llx, %u links", n->id, found->mode,
		(unsigned long long)found->rdev, found->nlink);
	return oracle.why;
}

static const char *judge_names(const struct node *names, const struct found found[NR_NAMES])
{
	char target[200], path[300];
	const char *bad;

	for (u32 k = 0; k < NR_NAMES; k++) {
		oracle_path(k, path);
		if (found[k].kind != names[k].kind) {
			snprintf(oracle.why, sizeof(oracle.why), "%.40s is %u instead of %u", path,
				found[k].kind, names[k].kind);
			return oracle.why;
		}
		if (!found[k].kind)
			continue;
		bad = judge_inode(&names[k], k, &found[k]);
		if (!bad && found[k].kind == NODE_DIR)
			bad = judge_dir(names, k, found);
		if (!bad && found[k].kind == NODE_DEVICE)
			bad = judge_device(&names[k], &found[k]);
		if (bad)
			return bad;
		if (found[k].kind != NODE_LINK)
			continue;
		oracle_target(names[k].id, target);
		if (strcmp(target, found[k].target)) {
			snprintf(oracle.why, sizeof(oracle.why), "%.40s is another link", path);
			return oracle.why;
		}
	}
	return NULL;
}

const char *oracle_judge(const struct found found[NR_NAMES], oracle_read_fn read)
{
	static char newest[sizeof(oracle.why)]; /* what is wrong with the newest names tells most */

	newest[0] = '\0';
	for (u32 v = oracle.version + 1; v-- > oracle.acknowledged;) {
		const struct node *names = oracle.names[v];
		const char *bad = judge_names(names, found);

		for (u32 k = 0; k < NR_NAMES && !bad; k++)
			if (names[k].kind == NODE_FILE)
				bad = judge_file(names, k, &found[k], read);
		if (!bad)
			return NULL;
		if (!newest[0])
			memcpy(newest, bad, sizeof(newest));
	}
	return newest;
}
