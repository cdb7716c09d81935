/* SPDX-License-Identifier: MIT */
/* Protocol steps: their names, and who watches them. The watcher is set before it counts itself in protocol_watchers, so a
 * step that sees a count also sees the hook. */
#include "kernel/protocol.h"
#include "kernel/thread.h"

_Atomic(u32) protocol_watchers;
static _Atomic(protocol_hook_fn) hook;

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

void protocol_step(enum protocol_step s, u64 arg)
{
	struct thread *t = thread_current();
	protocol_hook_fn fn = atomic_load(&hook);

	if (t->explore && fn)
		fn(t->explore, s, arg);
}
