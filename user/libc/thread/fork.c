/* SPDX-License-Identifier: MIT */
/* fork(): handlers of pthread_atfork(), newlib's locks, and the child's only thread. */
#include "lock.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct handlers {
	void (*prepare)(void);
	void (*parent)(void);
	void (*child)(void);
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static struct handlers *all;
static size_t count;

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	struct handlers *more;

	pthread_mutex_lock(&lock);
	more = realloc(all, (count + 1) * sizeof(*all));
	if (more) {
		all = more;
		all[count++] = (struct handlers){.prepare = prepare, .parent = parent, .child = child};
	}
	pthread_mutex_unlock(&lock);
	return more ? 0 : ENOMEM;
}

pid_t fork(void)
{
	long pid;

	/* Held throughout: normal mutexes may be unlocked in the child. */
	pthread_mutex_lock(&lock);
	for (size_t i = count; i-- > 0;)
		if (all[i].prepare)
			all[i].prepare();
	__locks_before_fork();
	pid = raw_syscall(SYS_fork, 0, 0, 0, 0, 0, 0);
	if (pid == 0)
		__thread_forked();
	__locks_after_fork();
	for (size_t i = 0; i < count; i++) {
		void (*handler)(void) = pid == 0 ? all[i].child : all[i].parent;

		if (handler)
			handler();
	}
	pthread_mutex_unlock(&lock);
	return (pid_t)__syscall_result(pid);
}
