/* SPDX-License-Identifier: MIT */
/* popen() and pclose(). newlib's has vfork()'s child change a variable of its parent's. */
#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct stream {
	struct stream *next;
	FILE *file;
	pid_t pid;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static struct stream *streams;

/* The child: `end` of the pipe becomes its standard input or output. Other commands' pipes are not for it. */
static _Noreturn void run(const char *command, int end, int standard)
{
	for (struct stream *s = streams; s; s = s->next)
		close(fileno(s->file));
	if (end == standard)
		fcntl(end, F_SETFD, 0);
	else
		dup2(end, standard);
	execl(_PATH_BSHELL, "sh", "-c", command, NULL);
	_exit(127);
}

static int start(struct stream *s, const char *command, int reads, int cloexec)
{
	int fds[2], ours, theirs, err;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	ours = reads ? fds[0] : fds[1];
	theirs = reads ? fds[1] : fds[0];
	s->file = fdopen(ours, reads ? "r" : "w");
	s->pid = s->file ? fork() : -1;
	if (s->pid == 0)
		run(command, theirs, reads ? STDOUT_FILENO : STDIN_FILENO);
	err = errno;
	close(theirs);
	if (s->pid < 0) {
		if (s->file)
			fclose(s->file);
		else
			close(ours);
		errno = err;
		return -1;
	}
	return cloexec ? 0 : fcntl(ours, F_SETFD, 0);
}

FILE *popen(const char *command, const char *mode)
{
	int cloexec = *mode && mode[1] == 'e';
	struct stream *s;

	if ((*mode != 'r' && *mode != 'w') || mode[1 + cloexec]) {
		errno = EINVAL;
		return NULL;
	}
	s = malloc(sizeof(*s));
	if (!s)
		return NULL;
	pthread_mutex_lock(&lock);
	if (start(s, command, *mode == 'r', cloexec) < 0) {
		pthread_mutex_unlock(&lock);
		free(s);
		return NULL;
	}
	s->next = streams;
	streams = s;
	pthread_mutex_unlock(&lock);
	return s->file;
}

int pclose(FILE *file)
{
	struct stream **at, *s;
	int status = -1;
	pid_t pid;

	pthread_mutex_lock(&lock);
	for (at = &streams; *at && (*at)->file != file; at = &(*at)->next)
		;
	s = *at;
	if (s)
		*at = s->next;
	pthread_mutex_unlock(&lock);
	if (!s) {
		errno = ECHILD;
		return -1;
	}
	pid = s->pid;
	free(s);
	fclose(file);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}
