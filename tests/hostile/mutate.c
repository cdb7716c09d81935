/* SPDX-License-Identifier: MIT */
/*
 * The mutator of inputs that patch images: it knows what is metadata, so a change hits something that the file system reads. What it writes
 * is most often close to what stands there, or a number that means something elsewhere. Linked with libFuzzer only.
 */
#include <string.h>

#include "tests/hostile/world.h"

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(
	const u8 *a, size_t a_size, const u8 *b, size_t b_size, u8 *out, size_t max, unsigned seed);

static u64 state;

static u32 below(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return n ? (u32)(state >> 33) % n : 0;
}

static const struct base *base_of(const struct input *in)
{
	return bases[in->base % nr_bases];
}

/* Every kind has the same chance, however many of it there are; superblocks and links, which have little to give, a smaller one. */
static const struct item *random_item(const struct base *b)
{
	u32 kind, tries = 0;

	do {
		kind = below(NR_ITEM_KINDS);
		if ((kind == ITEM_SUPER || kind == ITEM_LINK) && below(4))
			kind = ITEM_INODE;
	} while (b->first[kind] == b->first[kind + 1] && ++tries < 100);
	return &b->items[tries == 100 ? 0 : b->first[kind] + below(b->first[kind + 1] - b->first[kind])];
}

/* A number that stands for something: a block or an inode of another item, an edge. */
static u64 telling_number(const struct base *b, u32 width)
{
	static const u64 edges[] = {0, 1, 2, 3, 4, 5, 7, 8, 11, 12, 0x7f, 0x80, 0xff, 0x100, 340, 341, 507,
		508, 510, 511, 0xffc, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xf30a, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xffffffffffffffff, 0x8000000000000000};
	const struct item *it = &b->items[below(b->nr_items)];
	u64 v;

	switch (below(4)) {
	case 0:
		v = it->at / EXT4_BLOCK_SIZE;
		break;
	case 1:
		v = it->owner;
		break;
	default:
		v = edges[below(ARRAY_SIZE(edges))];
	}
	return it->kind >= ITEM_LOG_SUPER && width == 4 && below(2) ? __builtin_bswap32((u32)v) : v;
}

/* What stands there, changed a little. */
static u64 near(u64 v, u32 width, bool big_endian)
{
	u32 shift = big_endian ? 8 * (width - 1) : 0;

	switch (below(4)) {
	case 0:
		return v + ((u64)1 << shift);
	case 1:
		return v - ((u64)1 << shift);
	case 2:
		return v ^ (u64)1 << below(8 * width);
	default:
		return v + ((u64)(below(33) - 16) << shift);
	}
}

/* In a directory most bytes are names: entries' fields are picked instead. */
static u32 entry_offset(const u8 *block)
{
	u32 off = 0;

	for (u32 n = below(40); n; n--) {
		u32 len = ((const struct ext4_dirent *)(block + off))->rec_len;

		if (!len || off + len > EXT4_BLOCK_SIZE - 24)
			break;
		off += len;
	}
	return off + (u32[]){0, 4, 6, 7, 8}[below(5)];
}

/* The item that a patch hits; any, if none. */
static const struct item *item_of(const struct base *b, const struct patch *p)
{
	for (u32 k = 0; k < b->nr_items; k++)
		if (p->at - b->items[k].at < b->items[k].size)
			return &b->items[k];
	return random_item(b);
}

static void random_patch(const struct base *b, const struct item *it, struct patch *p)
{
	const struct item *like =
		&b->items[b->first[it->kind] + below(b->first[it->kind + 1] - b->first[it->kind])];
	u32 width = 1u << below(4), off;
	u64 v = 0;

	off = it->kind == ITEM_LEAF && below(4) ? entry_offset(b->pristine + it->at)
						: below(below(8) ? it->used : it->size);
	off = MIN(off & ~(MIN(width, 4u) - 1), it->size - width);
	memcpy(&v, b->pristine + it->at + off, width);
	switch (below(5)) {
	case 0:
	case 1:
		v = near(v, width, it->kind >= ITEM_LOG_SUPER);
		break;
	case 2:
		v = (u64)below(~0u) << 32 | below(~0u);
		break;
	case 3:
		memcpy(&v, b->pristine + like->at + MIN(off, like->size - width), width);
		break;
	default:
		v = telling_number(b, width);
	}
	p->at = it->at + off;
	p->n = (u8)width;
	memcpy(p->bytes, &v, width);
}

/* To the same place of another item of the kind. */
static void move_patch(const struct base *b, struct patch *p)
{
	const struct item *from = item_of(b, p), *to;

	to = &b->items[b->first[from->kind] + below(b->first[from->kind + 1] - b->first[from->kind])];
	p->at = to->at + (p->at - from->at) % to->size;
}

static void random_op(struct op *o)
{
	*o = (struct op){.what = (u8)below(256),
		.a = (u8)below(256),
		.b = (u8)below(256),
		.x = (u8)below(256),
		.y = (u16)below(below(2) ? 65536 : 8)};
}

static void mutate_patches(struct input *in)
{
	const struct base *b = base_of(in);
	struct patch *p = &in->patches[below(in->nr_patches)];

	switch (below(8)) {
	case 0: /* one less */
		if (in->nr_patches)
			*p = in->patches[--in->nr_patches];
		break;
	case 1: /* other bytes in the same place */
		if (in->nr_patches && p->n)
			p->bytes[below(p->n)] = (u8)below(256);
		break;
	case 2: /* the same elsewhere */
		if (in->nr_patches)
			move_patch(b, p);
		break;
	case 3: /* more in the same item */
		if (in->nr_patches && in->nr_patches < MAX_PATCHES)
			random_patch(b, item_of(b, p), &in->patches[in->nr_patches++]);
		break;
	default:
		if (in->nr_patches == MAX_PATCHES)
			in->nr_patches = below(MAX_PATCHES);
		random_patch(b, random_item(b), &in->patches[in->nr_patches++]);
	}
}

static void mutate_ops(struct input *in)
{
	struct op *o = &in->ops[below(in->nr_ops)];

	switch (below(5)) {
	case 0:
		if (in->nr_ops)
			*o = in->ops[--in->nr_ops];
		break;
	case 1:
		if (in->nr_ops)
			((u8 *)o)[below(sizeof(*o))] = (u8)below(256);
		break;
	default:
		if (in->nr_ops < MAX_OPS)
			random_op(&in->ops[in->nr_ops++]);
	}
}

static void mutate_head(struct input *in)
{
	switch (below(5)) {
	case 0:
		in->base = (u8)below(nr_bases);
		break;
	case 1:
		in->flags ^= INPUT_READONLY;
		break;
	case 2:
		in->flags ^= INPUT_SEAL;
		break;
	case 3:
		in->flags ^= INPUT_CONTINUE;
		break;
	default:
		in->flags |= INPUT_SEAL;
	}
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size, unsigned seed)
{
	struct input in;
	size_t n;

	state = seed;
	if (!below(20))
		return LLVMFuzzerMutate(data, size, max_size);
	input_decode(&in, data, size);
	if (size < 4)
		in.flags = INPUT_SEAL;
	for (u32 k = 1 + below(4); k; k--) {
		u32 what = below(20);

		if (what == 0)
			mutate_head(&in);
		else if (what < 7)
			mutate_ops(&in);
		else
			mutate_patches(&in);
	}
	n = input_encode(&in, data, max_size);
	return n ? n : size;
}

/* The patches of one, some of the other's too, the operations of either. They must be of one base. */
size_t LLVMFuzzerCustomCrossOver(
	const u8 *a, size_t a_size, const u8 *b, size_t b_size, u8 *out, size_t max, unsigned seed)
{
	struct input x, y;

	state = seed;
	input_decode(&x, a, a_size);
	input_decode(&y, b, b_size);
	if (base_of(&x) != base_of(&y))
		y.nr_patches = 0;
	for (unsigned k = 0; k < y.nr_patches && x.nr_patches < MAX_PATCHES; k++)
		if (below(2))
			x.patches[x.nr_patches++] = y.patches[k];
	if (below(2)) {
		memcpy(x.ops, y.ops, sizeof(x.ops));
		x.nr_ops = y.nr_ops;
	}
	return input_encode(&x, out, max);
}
