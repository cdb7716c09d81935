/* SPDX-License-Identifier: MIT */
/* What newlib's stdio lacks: locks on streams for programs, lines of any length by their usual names. */
#include <stdio.h>
#include <sys/lock.h>

void flockfile(FILE *stream)
{
	__lock_acquire_recursive(stream->_lock);
}

int ftrylockfile(FILE *stream)
{
	return __lock_try_acquire_recursive(stream->_lock) ? 0 : -1;
}

void funlockfile(FILE *stream)
{
	__lock_release_recursive(stream->_lock);
}

ssize_t getdelim(char **line, size_t *size, int delimiter, FILE *stream)
{
	return __getdelim(line, size, delimiter, stream);
}

ssize_t getline(char **line, size_t *size, FILE *stream)
{
	return __getdelim(line, size, '\n', stream);
}
