/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/linux share: a table of "call, case -> result" in a file.
 *
 * Each program is linked statically and runs unchanged on the build host's Linux and on Faultline; tests/linux.t compares the
 * two files line by line. So a row holds nothing that may differ between two Linux machines: no inode numbers, times, addresses.
 */
#ifndef TESTS_LINUX_TABLE_H
#define TESTS_LINUX_TABLE_H

/* PROGRAM DIRECTORY RESULT: makes the directory, goes there, opens the file of results. */
void table_begin(int argc, char **argv);
/* "what -> 3", or the name of errno where the result is -1. Returns the result. */
long row(const char *what, long result);
/* As row, for calls whose result may differ (descriptors, sizes, pids): "what -> ok" if it is not negative. */
long row_ok(const char *what, long result);
/* A line of free text. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "EINVAL" */
const char *errno_name(int error);
/* Ends a part that ran in a child: _exit(0) with what was said written. */
void table_child_end(void) __attribute__((noreturn));
/* Of a child: how it ended, as a row. */
void table_wait(const char *what, int pid);
/* Such a part, and how it ended. */
void table_in_child(const char *what, void (*fn)(void));
/* Sleeps so many milliseconds, less than a second. */
void pause_ms(int ms);
/* A new file of `size` bytes that count up; its descriptor, open for reading and writing. */
int make_file(const char *name, long size);

#endif
