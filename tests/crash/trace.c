/* SPDX-License-Identifier: MIT */
/* Traces of what the persistent memory sees. See world.h. */
#include "lib/string.h"
#include "tests/crash/world.h"

#include <stdlib.h>

static struct trace *recording;

static void *grown(void *p, u64 *room, u64 need, u64 size)
{
	if (need <= *room)
		return p;
	*room = MAX(need, 2 * *room);
	p = realloc(p, *room * size);
	if (!p)
		abort();
	return p;
}

static void append(u32 what, u32 cpu, u64 at, u64 n)
{
	struct trace *t = recording;

	t->events = grown(t->events, &t->room, t->nr + 1, sizeof(*t->events));
	t->events[t->nr++] = (struct trace_event){what, cpu, at, n, t->size};
}

static void on_event(enum pmem_sim_event what, const void *p, size_t n)
{
	struct trace *t = recording;
	u64 at = p ? (u64)((const u8 *)p - (const u8 *)t->region) : 0;

	if (at >= t->region_len)
		return;
	append(what, cpu_id(), at, n);
	if (what != PMEM_SIM_STORE && what != PMEM_SIM_NT_STORE)
		return;
	t->data = grown(t->data, &t->data_room, t->size + n, 1);
	memcpy(t->data + t->size, p, n);
	t->size += n;
}

void trace_record(struct trace *t)
{
	recording = t;
	pmem_sim_observe(t ? on_event : NULL);
}

void trace_mark(enum trace_what what, u64 at, u64 n)
{
	if (recording)
		append(what, 0, at, n);
}

void trace_free(struct trace *t)
{
	free(t->events);
	free(t->data);
	*t = (struct trace){0};
}
