/* SPDX-License-Identifier: MIT */
/* For tests of invariants that panic: runs fn in a child process and tells whether it panicked (aborted). */
#ifndef TESTS_HOST_MM_DEATH_H
#define TESTS_HOST_MM_DEATH_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool panics(void (*fn)(void))
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		fn();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
