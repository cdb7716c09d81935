/* SPDX-License-Identifier: MIT */
/* Test results in KTAP: a line for each test, the plan at the end. */
#ifndef FAULTLINE_USER_KTAP_H
#define FAULTLINE_USER_KTAP_H

/* Prints the version line; call it first. */
void ktap_start(void);

/* One test's result; returns ok. */
int ktap_result(int ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A test that cannot be made here. */
void ktap_skip(const char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line of explanation, not a result. */
void ktap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan; returns the program's exit status. */
int ktap_finish(void);

/* Tests a condition under a name; on failure says where. */
#define CHECK(name, cond)                                                  \
	do {                                                               \
		if (!ktap_result(!!(cond), "%s", name))                    \
			ktap_note("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

/* Tests that a call returns -1 with this errno. */
#define CHECK_ERRNO(name, call, want)                                                                   \
	do {                                                                                            \
		long got_;                                                                              \
		errno = 0;                                                                              \
		got_ = (long)(call);                                                                    \
		if (!ktap_result(got_ == -1 && errno == (want), "%s", name))                            \
			ktap_note("%s:%d: returned %ld, errno %d, wanted %d", __FILE__, __LINE__, got_, \
				errno, (want));                                                         \
	} while (0)

#endif
