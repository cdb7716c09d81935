/* SPDX-License-Identifier: MIT */
/* Messages on standard error, headed by the program's name; err() and warn() add errno's text. */
#ifndef _ERR_H
#define _ERR_H

#ifdef __cplusplus
extern "C" {
#endif

void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void err(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
void errx(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
