/* SPDX-License-Identifier: MIT */
/* Inputs from bytes and back. See input.h. */
#include "tests/hostile/input.h"

#include <string.h>

struct cursor {
	const u8 *at, *end;
};

static bool take(struct cursor *c, void *to, size_t n)
{
	if ((size_t)(c->end - c->at) < n)
		return false;
	memcpy(to, c->at, n);
	c->at += n;
	return true;
}

static bool take_patch(struct cursor *c, struct patch *p)
{
	if (!take(c, &p->at, 4) || !take(c, &p->n, 1))
		return false;
	p->n = p->n % (PATCH_BYTES + 1);
	return take(c, p->bytes, p->n);
}

static bool take_op(struct cursor *c, struct op *o)
{
	return take(c, &o->what, 1) && take(c, &o->a, 1) && take(c, &o->b, 1) && take(c, &o->x, 1) &&
		take(c, &o->y, 2);
}

void input_decode(struct input *in, const u8 *data, size_t size)
{
	struct cursor c = {data, data + size};
	u8 head[4] = {0};

	memset(in, 0, sizeof(*in));
	take(&c, head, sizeof(head));
	in->base = head[0];
	in->flags = head[1];
	while (in->nr_patches < head[2] % (MAX_PATCHES + 1) && take_patch(&c, &in->patches[in->nr_patches]))
		in->nr_patches++;
	while (in->nr_ops < head[3] % (MAX_OPS + 1) && take_op(&c, &in->ops[in->nr_ops]))
		in->nr_ops++;
}

static size_t put(u8 *data, size_t at, const void *from, size_t n)
{
	memcpy(data + at, from, n);
	return at + n;
}

size_t input_encode(const struct input *in, u8 *data, size_t max)
{
	u8 head[4] = {in->base, in->flags, (u8)in->nr_patches, (u8)in->nr_ops};
	size_t need = sizeof(head) + in->nr_patches * (5 + PATCH_BYTES) + in->nr_ops * 6, at;

	if (need > max)
		return 0;
	at = put(data, 0, head, sizeof(head));
	for (unsigned k = 0; k < in->nr_patches; k++) {
		const struct patch *p = &in->patches[k];

		at = put(data, at, &p->at, 4);
		at = put(data, at, &p->n, 1);
		at = put(data, at, p->bytes, p->n);
	}
	for (unsigned k = 0; k < in->nr_ops; k++) {
		const struct op *o = &in->ops[k];

		at = put(data, at, &o->what, 1);
		at = put(data, at, &o->a, 1);
		at = put(data, at, &o->b, 1);
		at = put(data, at, &o->x, 1);
		at = put(data, at, &o->y, 2);
	}
	return at;
}
