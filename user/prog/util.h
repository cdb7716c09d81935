/* SPDX-License-Identifier: MIT */
/* What several programs need: numbers with suffixes, children and what became of them, randomness.
 */
#ifndef FAULTLINE_USER_UTIL_H
#define FAULTLINE_USER_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096UL

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A number, decimal or 0x…, with an optional suffix K, M or G; ends the program when it is none. */
long long parse_number(const char *text);

/* Writes everything or ends the program. */
void write_all(int fd, const void *buf, size_t len);

/* dir/name, or a copy of dir when name is NULL; into a static buffer of its own for each of the
 * last four calls. Ends the program when it is too long. */
const char *join_path(const char *dir, const char *name);

/* The last component of a path. */
const char *base_name(const char *path);

/* Whether the path names a directory. */
int is_directory(const char *path);

/* Creates or empties a file, gives it this length and maps it shared; ends the program on failure.
 * What processes share besides the file under test lives in such files. */
void *map_new_file(const char *path, size_t len);

/* Finds a command as the shell does: a name with a slash as it stands, others in /bin and /sbin.
 * Returns NULL when there is none. */
const char *find_program(const char *name);

/* Runs fn(arg) in a child, which exits with its result; returns the child's wait status. Streams
 * are flushed before, so that nothing is printed twice. */
int run_child(int (*fn)(void *), void *arg);

/* waitpid for one child, or ends the program. */
int wait_for(pid_t pid);

/* The wait status as a shell reports it: the exit status, or 128 + signal. */
int shell_status(int status);

/* The wait status in words ("exited with 1", "killed by signal 7 (Bus error)"); static buffer. */
const char *status_text(int status);

/* Milliseconds on the monotonic clock. */
long now_ms(void);

/* xorshift64*: the state must not be 0. */
static inline uint64_t rng_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

#endif
