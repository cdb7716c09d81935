/* SPDX-License-Identifier: MIT */
/* Protocol steps: their names, and who watches them. A watcher is set before it counts itself in protocol_watchers, so a
 * step that sees a count also sees the watcher. */
#include "kernel/protocol.h"
#include "kernel/thread.h"

_Atomic(u32) protocol_watchers;
static _Atomic(protocol_hook_fn) hook;
static _Atomic(protocol_trace_fn) tracer;

static const struct {
	const char *name, *text;
} steps[] = {
#define X(name, text) {#name, text},
	PROTOCOL_STEPS(X)
#undef X
};

const char *protocol_step_name(enum protocol_step s)
{
	return s < NR_STEPS ? steps[s].name : "?";
}

const char *protocol_step_text(enum protocol_step s)
{
	return s < NR_STEPS ? steps[s].text : "?";
}

void protocol_set_hook(protocol_hook_fn fn)
{
	atomic_store(&hook, fn);
}

void protocol_set_tracer(protocol_trace_fn fn)
{
	atomic_store(&tracer, fn);
}

void protocol_step(enum protocol_step s, u64 arg)
{
	struct thread *t = thread_current();
	protocol_hook_fn fn = atomic_load(&hook);
	protocol_trace_fn trace = atomic_load(&tracer);

	if (!t->explore && trace)
		trace(t, s, arg);
	if (t->explore && fn)
		fn(t->explore, s, arg);
}

void protocol_step_of(u64 file, enum protocol_step s, u64 arg)
{
	thread_current()->trace.file = file;
	protocol_step(s, arg);
}
