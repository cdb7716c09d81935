/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors, and descriptors that are there to be waited for. */
#include "syscall.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return (int)CANCEL3(poll, fds, count, timeout_ms);
}

/* The kernel writes back what is left of the time; POSIX leaves the caller's alone. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec left;

	if (timeout)
		left = *timeout;
	return (int)CANCEL5(ppoll, fds, count, timeout ? &left : NULL, mask, sizeof(*mask));
}

int select(int count, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	return (int)CANCEL5(select, count, in, out, except, timeout);
}

int pselect(int count, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
	const sigset_t *mask)
{
	struct timespec left;
	struct {
		const sigset_t *mask;
		size_t size;
	} with = {mask, sizeof(*mask)};

	if (timeout)
		left = *timeout;
	return (int)CANCEL6(pselect6, count, in, out, except, timeout ? &left : NULL, &with);
}

int eventfd(unsigned int value, int flags)
{
	return (int)SYSCALL2(eventfd2, value, flags);
}

int eventfd_read(int fd, eventfd_t *value)
{
	return read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}
