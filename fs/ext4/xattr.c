/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: small named values of an inode, in the part of the inode that no field uses, and in one block beside it. Clients: the VFS
 * through inode_ops, inode.c at an inode's end.
 *
 * Rule: an attribute stands in one of the two places. The entries of a place are followed by a word of zeros, their values lie at its end;
 * those of a block are in order, since Linux stops looking at the first that is greater. Several inodes may name one block: h_refcount says how many,
 * and who changes it then makes a block of its own. A place is checked whole whenever it is read (place_ok), on a copy, and made anew whenever
 * it changes (rebuild).
 * Kernel documentation, "ext4: Extended Attributes".
 *
 * Locks: the inode lock; changes inside a handle, those of the raw inode under map_lock.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/kmem.h"

#define INODE_MAX 1024u /* of inode_size */
#define CREDITS \
	(EXT4_ALLOC_CREDITS + 5) /* a new block; the old one, its bitmap and descriptor; the inode's block */

/* An attribute, its name without prefix. */
struct attr {
	u8 index; /* what stands for the prefix */
	u8 name_len;
	const char *name;
	const void *value; /* NULL: none is wanted */
	u32 size;
};

/* Where attributes are: entries from `first`, everything before `end`; value offsets count from `base`. */
struct place {
	char *base, *first, *end;
	bool sorted; /* a block */
};

static const struct prefix {
	const char *text;
	u8 index;
} prefixes[] = {{"user.", 1}, {"trusted.", 4}, {"security.", 6}};

/* Index and name of a full name. -EOPNOTSUPP: no such prefix. */
static int parse_name(const char *full, struct attr *a)
{
	for (unsigned k = 0; k < ARRAY_SIZE(prefixes); k++) {
		size_t n = strlen(prefixes[k].text), len = strlen(full);

		if (len < n || memcmp(full, prefixes[k].text, n))
			continue;
		*a = (struct attr){.index = prefixes[k].index, .name_len = (u8)(len - n), .name = full + n};
		return len == n ? -EINVAL : 0;
	}
	return -EOPNOTSUPP;
}

static u32 entry_size(u32 name_len)
{
	return ALIGN_UP((u32)sizeof(struct ext4_xattr_entry) + name_len, 4u);
}

/* The entry at p; NULL: the end of the entries. Of a place that was checked. */
static struct ext4_xattr_entry *entry_at(const struct place *pl, const char *p)
{
	u32 word = 0;

	if (pl->end - p >= (long)sizeof(word))
		memcpy(&word, p, sizeof(word));
	return word ? (struct ext4_xattr_entry *)p : NULL;
}

static char *behind(const struct ext4_xattr_entry *e)
{
	return (char *)e + entry_size(e->e_name_len);
}

#define FOR_EACH_ENTRY(e, pl) for (e = entry_at(pl, (pl)->first); e; e = entry_at(pl, behind(e)))

/* Do entries, names and values lie inside, the values behind the entries, and no more of them than have room there? Then rebuild() has it too. */
static bool place_ok(const struct place *pl)
{
	const char *p = pl->first, *end_of_entries;
	const struct ext4_xattr_entry *e;
	u64 values = 0;

	for (;; p = behind(e)) {
		if (pl->end - p < (long)sizeof(u32))
			return false;
		e = entry_at(pl, p);
		if (!e)
			break;
		if (pl->end - p < (long)(sizeof(*e)) || pl->end - p < (long)entry_size(e->e_name_len) ||
			!e->e_name_len || memchr(e->e_name, '\0', e->e_name_len) || e->e_value_inum)
			return false;
	}
	end_of_entries = p + sizeof(u32);
	FOR_EACH_ENTRY(e, pl)
	{
		u64 room = (u64)(pl->end - pl->base);

		if (!e->e_value_size)
			continue;
		if (e->e_value_offs > room || e->e_value_size > room - e->e_value_offs ||
			pl->base + e->e_value_offs < end_of_entries)
			return false;
		values += ALIGN_UP((u64)e->e_value_size, 4u);
	}
	return values <= (u64)(pl->end - end_of_entries);
}

static struct attr attr_of(const struct place *pl, const struct ext4_xattr_entry *e)
{
	return (struct attr){
		e->e_name_index, e->e_name_len, e->e_name, pl->base + e->e_value_offs, e->e_value_size};
}

/* By prefix, length, name: the order of a block. */
static int compare(const struct attr *a, const struct attr *b)
{
	if (a->index != b->index)
		return a->index - b->index;
	if (a->name_len != b->name_len)
		return a->name_len - b->name_len;
	return memcmp(a->name, b->name, a->name_len);
}

static const struct ext4_xattr_entry *find(const struct place *pl, const struct attr *wanted)
{
	const struct ext4_xattr_entry *e;

	FOR_EACH_ENTRY(e, pl)
	{
		struct attr a = attr_of(pl, e);

		if (!compare(&a, wanted))
			return e;
	}
	return NULL;
}

/* --- the two places --- */

/* The inode's own place, in `raw`, which holds inode_size bytes. False: it has none. */
static bool inode_place(const struct ext4_fs *fs, void *raw, struct place *pl)
{
	u32 extra = ((struct ext4_disk_inode *)raw)->i_extra_isize, start = EXT4_GOOD_OLD_INODE_SIZE + extra;

	if (fs->inode_size == EXT4_GOOD_OLD_INODE_SIZE || !extra || start + 2 * sizeof(u32) > fs->inode_size)
		return false;
	pl->base = pl->first = (char *)raw + start + sizeof(u32);
	pl->end = (char *)raw + fs->inode_size;
	pl->sorted = false;
	return true;
}

static u32 *inode_magic(const struct place *pl)
{
	return (u32 *)pl->first - 1;
}

static struct place block_place(void *data)
{
	return (struct place){
		data, (char *)data + sizeof(struct ext4_xattr_header), (char *)data + EXT4_BLOCK_SIZE, true};
}

/* Both places of an inode, copied and checked. */
struct attrs {
	u64 raw[INODE_MAX / sizeof(u64)];
	char data[EXT4_BLOCK_SIZE]; /* of in_block; aligned */
	struct place in_inode, in_block;
	bool inode_room; /* in_inode is there */
	u64 block;       /* 0: in_block is empty */
};

static int block_damage(struct ext4_inode *ei, u64 block)
{
	return ext4_damage_block(ext4_fs_of(ei), ei->vfs.ino, block, "attribute block %llu is damaged",
		(unsigned long long)block);
}

static bool header_ok(const struct ext4_fs *fs, u64 block, const struct ext4_xattr_header *x)
{
	return x->h_magic == EXT4_XATTR_MAGIC && x->h_refcount && x->h_blocks == 1 &&
		(!fs->metadata_csum || x->h_checksum == ext4_xattr_csum(fs, block, x));
}

/* A copy of the attribute block, or an empty one where there is none. */
static int load_block(struct ext4_inode *ei, struct attrs *all)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct journal_reader r;

	all->block = ext4_file_acl(ei);
	all->in_block = block_place(all->data);
	if (!all->block)
		return 0;
	journal_read_begin(fs->journal, &r);
	memcpy(all->data, ext4_read(fs, all->block), EXT4_BLOCK_SIZE);
	journal_read_end(&r);
	return header_ok(fs, all->block, (void *)all->data) && place_ok(&all->in_block)
		? 0
		: block_damage(ei, all->block);
}

static int load(struct ext4_inode *ei, struct attrs **out)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct attrs *all = kzalloc(sizeof(*all));
	int err = 0;

	if (!all)
		return -ENOMEM;
	rwsem_read_lock(&ei->map_lock);
	memcpy(all->raw, ei->raw, fs->inode_size);
	rwsem_read_unlock(&ei->map_lock);
	all->inode_room = inode_place(fs, all->raw, &all->in_inode);
	if (all->inode_room && *inode_magic(&all->in_inode) != EXT4_XATTR_MAGIC)
		memset(all->in_inode.first, 0, (size_t)(all->in_inode.end - all->in_inode.first));
	else if (all->inode_room && !place_ok(&all->in_inode))
		err = ext4_damage(fs, ei->vfs.ino, "its attributes are damaged");
	if (!err)
		err = load_block(ei, all);
	if (err)
		kfree(all);
	else
		*out = all;
	return err;
}

/* --- reading --- */

static ssize_t copy_value(const struct place *pl, const struct ext4_xattr_entry *e, void *buf, size_t size)
{
	struct attr a = attr_of(pl, e);

	if (!size)
		return a.size;
	if (a.size > size)
		return -ERANGE;
	memcpy(buf, a.value, a.size);
	return a.size;
}

ssize_t ext4_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
	const struct ext4_xattr_entry *e;
	struct attrs *all;
	struct attr a;
	ssize_t n = parse_name(name, &a);

	if (!n)
		n = load(ext4_inode(i), &all);
	if (n)
		return n;
	n = -ENODATA;
	if (all->inode_room && (e = find(&all->in_inode, &a)))
		n = copy_value(&all->in_inode, e, buf, size);
	else if ((e = find(&all->in_block, &a)))
		n = copy_value(&all->in_block, e, buf, size);
	kfree(all);
	return n;
}

/* Appends the full names of a place to buf, each with its NUL, at *n; size 0: counts alone. */
static int list_place(const struct place *pl, char *buf, size_t size, size_t *n)
{
	const struct ext4_xattr_entry *e;

	FOR_EACH_ENTRY(e, pl)
	{
		const struct prefix *p = prefixes;
		size_t len;

		while (p < prefixes + ARRAY_SIZE(prefixes) && p->index != e->e_name_index)
			p++;
		if (p == prefixes + ARRAY_SIZE(prefixes))
			continue; /* one of those that we do not show */
		len = strlen(p->text) + e->e_name_len + 1;
		if (size) {
			if (len > size - *n)
				return -ERANGE;
			memcpy(buf + *n, p->text, strlen(p->text));
			memcpy(buf + *n + strlen(p->text), e->e_name, e->e_name_len);
			buf[*n + len - 1] = '\0';
		}
		*n += len;
	}
	return 0;
}

ssize_t ext4_listxattr(struct inode *i, char *buf, size_t size)
{
	struct attrs *all;
	size_t n = 0;
	int err = load(ext4_inode(i), &all);

	if (err)
		return err;
	if (all->inode_room)
		err = list_place(&all->in_inode, buf, size, &n);
	if (!err)
		err = list_place(&all->in_block, buf, size, &n);
	kfree(all);
	return err ? err : (ssize_t)n;
}

/* --- changing --- */

/* What Linux and e2fsck expect: the name, then the value by words, with zeros behind it. */
static u32 entry_hash(const struct attr *a)
{
	const u8 *value = a->value;
	u32 hash = 0;

	for (u32 k = 0; k < a->name_len; k++)
		hash = (hash << 5 | hash >> 27) ^ (u8)a->name[k];
	for (u32 k = 0; k < a->size; k += 4) {
		u32 word = 0;

		memcpy(&word, value + k, MIN(a->size - k, 4u));
		hash = (hash << 16 | hash >> 16) ^ word;
	}
	return hash;
}

/* Appends an attribute: its entry at *at, its value below *values. False: no room, with the word of zeros behind. */
static bool append(const struct place *to, char **at, char **values, const struct attr *a)
{
	struct ext4_xattr_entry *e = (struct ext4_xattr_entry *)*at;
	u32 padded = ALIGN_UP(a->size, 4u);

	if (*values - *at < (long)(entry_size(a->name_len) + padded + sizeof(u32)))
		return false;
	if (a->size) {
		*values -= padded;
		memcpy(*values, a->value, a->size);
	}
	e->e_name_len = a->name_len;
	e->e_name_index = a->index;
	e->e_value_offs = a->size ? (u16)(*values - to->base) : 0;
	e->e_value_size = a->size;
	e->e_hash = entry_hash(a);
	memcpy(e->e_name, a->name, a->name_len);
	*at = behind(e);
	return true;
}

/* Makes `to`, all zeros, out of `from`: without the attribute of that name, and with `add`, if it has a value. False: no room. */
static bool rebuild(const struct place *to, const struct place *from, const struct attr *add)
{
	char *at = to->first, *values = to->end;
	const struct ext4_xattr_entry *e;
	bool pending = add->value;

	FOR_EACH_ENTRY(e, from)
	{
		struct attr a = attr_of(from, e);
		int order = compare(&a, add);

		if (!order)
			continue;
		if (pending && from->sorted && order > 0) {
			if (!append(to, &at, &values, add))
				return false;
			pending = false;
		}
		if (!append(to, &at, &values, &a))
			return false;
	}
	return !pending || append(to, &at, &values, add);
}

/* Takes the reference to the attribute block off the inode's; the caller gives it another, or none. */
static int drop_block(struct journal_handle *h, struct ext4_inode *ei, u64 block)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_xattr_header *x;
	void *p;
	int err = journal_get_write(h, block, &p);

	if (err)
		return err;
	x = p;
	if (!header_ok(fs, block, x))
		return block_damage(ei, block);
	if (x->h_refcount == 1)
		return ext4_free_blocks(h, fs, block, 1);
	x->h_refcount--;
	if (fs->metadata_csum)
		x->h_checksum = ext4_xattr_csum(fs, block, x);
	journal_dirty(h, block);
	return 0;
}

/* The inode names another attribute block; 0: none. The caller writes raw. */
static void set_block(struct ext4_inode *ei, u64 block)
{
	int before = ext4_file_acl(ei) != 0, after = block != 0;

	rwsem_write_lock(&ei->map_lock);
	ei->raw->i_file_acl_lo = (u32)block;
	ei->raw->i_file_acl_high = (u16)(block >> 32);
	if (before != after)
		ext4_add_blocks(ei, after - before);
	rwsem_write_unlock(&ei->map_lock);
}

int ext4_xattr_release(struct journal_handle *h, struct ext4_inode *ei)
{
	u64 block = ext4_file_acl(ei);
	int err = block ? drop_block(h, ei, block) : 0;

	if (!err && block)
		set_block(ei, 0);
	return err;
}

/* A new attribute block. */
static int new_block(struct journal_handle *h, struct ext4_inode *ei, u64 *block, void **p)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_alloc a = {.goal = ext4_group_goal(ei), .want = 1};
	int err = ext4_alloc_blocks(h, fs, &a);

	if (err)
		return err;
	*block = a.start;
	return journal_get_create(h, *block, p);
}

/* Header and checksum of a block whose entries are complete. */
static void seal(struct ext4_fs *fs, u64 block, void *data)
{
	struct ext4_xattr_header *x = data;
	struct place pl = block_place(data);
	const struct ext4_xattr_entry *e;
	u32 hash = 0;

	FOR_EACH_ENTRY(e, &pl)
	hash = e->e_hash ? (hash << 16 | hash >> 16) ^ e->e_hash : 0;
	*x = (struct ext4_xattr_header){
		.h_magic = EXT4_XATTR_MAGIC, .h_refcount = 1, .h_blocks = 1, .h_hash = hash};
	if (fs->metadata_csum)
		x->h_checksum = ext4_xattr_csum(fs, block, x);
}

/* The inode's attribute block becomes what `data` holds; one without entries goes. */
static int store_block(struct journal_handle *h, struct ext4_inode *ei, const struct attrs *all, char *data)
{
	struct place pl = block_place(data);
	u64 block = all->block;
	void *p;
	int err;

	if (!entry_at(&pl, pl.first))
		return ext4_xattr_release(h, ei);
	if (block && ((struct ext4_xattr_header *)all->data)->h_refcount == 1) {
		err = journal_get_write(h, block, &p);
	} else {
		err = new_block(h, ei, &block, &p);
		if (!err && all->block)
			err = drop_block(h, ei, all->block);
	}
	if (err)
		return err;
	memcpy(p, data, EXT4_BLOCK_SIZE);
	seal(ext4_fs_of(ei), block, p);
	journal_dirty(h, block);
	set_block(ei, block);
	return 0;
}

/* Does the place hold the name? */
static bool holds(bool there, const struct place *pl, const struct attr *a)
{
	return there && find(pl, a);
}

/* What is to be written. */
struct plan {
	u64 raw[INODE_MAX / sizeof(u64)]; /* of the inode */
	char data[EXT4_BLOCK_SIZE];       /* of the block; aligned */
	struct place in;                  /* in raw */
	bool inode, block;                /* which place changes */
};

/* Into the inode if it fits, else into the block; away from the other place. -ENOSPC: into neither. */
static int make_plan(struct ext4_fs *fs, const struct attrs *all, const struct attr *add, struct plan *plan)
{
	struct attr none = *add;
	struct place pl = block_place(plan->data);
	bool placed = !add->value;

	none.value = NULL;
	if (all->inode_room) {
		memcpy(plan->raw, all->raw, fs->inode_size);
		inode_place(fs, plan->raw, &plan->in);
		memset(plan->in.first, 0, (size_t)(plan->in.end - plan->in.first));
		placed = rebuild(&plan->in, &all->in_inode, add);
		plan->inode = placed || holds(true, &all->in_inode, add);
		if (!placed) {
			memset(plan->in.first, 0, (size_t)(plan->in.end - plan->in.first));
			rebuild(&plan->in, &all->in_inode, &none);
		}
		*inode_magic(&plan->in) = EXT4_XATTR_MAGIC;
	}
	plan->block = !placed || holds(all->block, &all->in_block, add);
	if (!plan->block)
		return 0;
	return rebuild(&pl, &all->in_block, placed ? &none : add) ? 0 : -ENOSPC;
}

static int carry_out(struct ext4_inode *ei, const struct attrs *all, struct plan *plan)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct journal_handle *h;
	int err = ext4_begin(fs, CREDITS, &h), stop;

	if (err)
		return err;
	if (plan->block)
		err = store_block(h, ei, all, plan->data);
	if (!err && plan->inode) {
		char *from = (char *)inode_magic(&plan->in);

		rwsem_write_lock(&ei->map_lock);
		memcpy((char *)ei->raw + (from - (char *)plan->raw), from, (size_t)(plan->in.end - from));
		rwsem_write_unlock(&ei->map_lock);
	}
	if (!err) {
		inode_touch(&ei->vfs, INODE_CTIME);
		ext4_store_inode(h, ei);
	}
	stop = journal_stop(h);
	return err ? err : stop;
}

/* 0, or why `flags` forbid it. */
static int may_set(const struct attrs *all, const struct attr *a, u32 flags)
{
	bool there = holds(all->inode_room, &all->in_inode, a) || holds(all->block, &all->in_block, a);

	if (there && (flags & XATTR_CREATE_))
		return -EEXIST;
	return !there && ((flags & XATTR_REPLACE_) || !a->value) ? -ENODATA : 0;
}

static int set_loaded(struct ext4_inode *ei, const struct attrs *all, const struct attr *a, u32 flags)
{
	struct plan *plan;
	int err = may_set(all, a, flags);

	if (err)
		return err;
	plan = kzalloc(sizeof(*plan));
	if (!plan)
		return -ENOMEM;
	err = make_plan(ext4_fs_of(ei), all, a, plan);
	if (!err)
		err = carry_out(ei, all, plan);
	kfree(plan);
	return err;
}

int ext4_setxattr(struct inode *i, const char *name, const void *value, size_t size, u32 flags)
{
	struct ext4_inode *ei = ext4_inode(i);
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct attrs *all;
	bool tried = false;
	struct attr a;
	int err = parse_name(name, &a);

	if (!err && !ext4_has_compat(fs, EXT4_COMPAT_EXT_ATTR))
		err = -EOPNOTSUPP; /* the superblock would have to say that there are any */
	if (!err && size > EXT4_BLOCK_SIZE)
		err = -ENOSPC;
	if (err)
		return err;
	a.value = value;
	a.size = (u32)size;
	do {
		err = load(ei, &all);
		if (err)
			return err;
		err = set_loaded(ei, all, &a, flags);
		kfree(all);
	} while (err && ext4_retry(fs, err, &tried));
	return err;
}
