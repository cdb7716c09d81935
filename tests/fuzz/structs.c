/* SPDX-License-Identifier: MIT */
/*
 * Words for what lies in memory: paths, buffers, structs. An object lies in scratch memory, mostly right below a page that is not
 * mapped; its contents make sense, mostly. Now and then the pointer is a bad one (bad_pointer).
 */
#include "fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define FILL 0x33

static uint8_t scratch[LANES + EXTRA][SCRATCH][2 * PAGE] __attribute__((aligned(4096)));
static uint8_t big[LANES + EXTRA][BIG_SIZE] __attribute__((aligned(4096)));
static uint8_t read_only[PAGE] __attribute__((aligned(4096)));

static uint8_t *guard(struct fuzzer *f, unsigned object)
{
	return scratch[f->place][object] + PAGE;
}

/* The library's may be vectors of the fill; ours are short. */
static void fill(void *p, int byte, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(byte) : "memory");
}

void *object(struct fuzzer *f, size_t n)
{
	unsigned i = f->objects < SCRATCH - 1 ? f->objects++ : SCRATCH - 1;
	uint8_t *end = guard(f, i);
	uint8_t *p = one_in(f, 4) ? end - PAGE + rnd_below(f, PAGE - n + 1) : end - n;

	fill(p, 0, n);
	return p;
}

uint64_t bad_pointer(struct fuzzer *f, size_t n)
{
	static const uint64_t bad[] = {0, 1, 8, 4095, 1ul << 47, (1ul << 47) - 4096, (1ul << 47) - 8,
		1ul << 62, 1ul << 63, ~0ul, ~0ul - 7};
	/* In a page that may be gone, read-only, or past the end of a file that others truncate; in two such pages. */
	uint64_t arena =
		ARENA + rnd_below(f, ARENA_PAGES) * PAGE + (one_in(f, 2) ? 0 : PAGE - rnd_below(f, n + 1));

	switch (rnd_below(f, 8)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)guard(f, 0);
	case 2:
		return (uint64_t)guard(f, 0) - rnd_below(f, n + 1);
	case 3:
		return (uint64_t)read_only + rnd_below(f, 2048);
	case 4:
		return PICK(f, bad);
	case 5:
		return bad_addresses[rnd_below(f, nr_bad_addresses)];
	}
	return arena;
}

uint64_t maybe_bad(struct fuzzer *f, void *p, size_t n)
{
	return one_in(f, 14) ? bad_pointer(f, n) : (uint64_t)p;
}

void add_area(struct fuzzer *f, const void *at, size_t len, enum area_kind kind)
{
	if (f->areas < SCRATCH)
		f->area[f->areas++] = (struct area){at, len, kind};
}

uint64_t out_object(struct fuzzer *f, size_t n, enum area_kind kind)
{
	uint8_t *p = object(f, n);

	fill(p, FILL, n);
	add_area(f, p, n, kind);
	return maybe_bad(f, p, n);
}

/* out16: what a successful call writes; maybe16: what it may write. */
static uint64_t word_maybe(struct fuzzer *f, unsigned n)
{
	return out_object(f, n, AREA_STRUCT);
}

static uint64_t word_out(struct fuzzer *f, unsigned n)
{
	uint64_t p = word_maybe(f, n);

	if (p >> 47)
		f->refuse |= REFUSE_SUCCESS;
	return p;
}

static uint64_t word_in(struct fuzzer *f, unsigned n)
{
	uint64_t *p = object(f, n);

	for (unsigned i = 0; i < n / 8; i++)
		p[i] = one_in(f, 2) ? rnd_below(f, 4) : odd_number(f);
	return maybe_bad(f, p, n);
}

/* ---- paths */

/* Below the worker's directory and the common one; what must stay as it is can only be read or is refused. */
static const char *const paths[] = {"a", "b", "c", "d", "d/e", "d/f", "e", "link", "link2", "fifo", "d/../a",
	".", "..", "d/.", "../common/a", "../common/b", "../common/map", "../common/d", "../common/d/x",
	"none/x", "a/x", "/", "", "a/", "d/", "/dev/null", "/dev/zero", "/proc/self/maps",
	"/proc/self/status", "/proc/self/fd", "/proc/self/fd/3", "/proc/self/cwd/a", "/proc/self/stat",
	"/proc/self/cmdline", "/proc/self/comm", "/proc/meminfo", "/proc/mounts", "/proc/stat", "/proc",
	"/proc/2147483647/stat", "/proc/self/smaps", "/proc/self/limits", "/proc/faultline",
	"/proc/faultline/memory", "/proc/faultline/trace", "/proc/faultline/latency", "/proc/faultline/steps",
	"/proc/faultline/faults", "/proc/faultline/lock", "/dev", "/proc/self/fd/5"};

static uint64_t long_path(struct fuzzer *f)
{
	static const unsigned short lengths[] = {200, 254, 255, 256, 300, 1000, 4094, 4095, 4096};
	size_t n = PICK(f, lengths);
	uint8_t *p = object(f, n < PAGE ? n + 1 : PAGE);

	fill(p, 'x', n);
	if (one_in(f, 2))
		for (size_t i = 100; i + 1 < n; i += 100)
			p[i] = '/';
	return (uint64_t)p;
}

static uint64_t string(struct fuzzer *f, const char *text)
{
	size_t n = 0;
	char *p;

	while (text[n++])
		;
	p = object(f, n);
	for (size_t i = 0; i < n; i++)
		p[i] = text[i];
	if (one_in(f, 64))
		p[n - 1] = (char)(1 + rnd_below(f, 31)); /* it goes on where nothing is */
	return maybe_bad(f, p, n);
}

static uint64_t word_path(struct fuzzer *f, unsigned unused)
{
	(void)unused;
	if (one_in(f, 32))
		return long_path(f);
	return string(f, paths[rnd_below(f, one_in(f, 3) ? ARRAY_SIZE(paths) : 20)]);
}

static uint64_t word_xattr(struct fuzzer *f, unsigned unused)
{
	static const char *const names[] = {"user.a", "user.b", "user.", "user", "trusted.a", "security.a",
		"system.posix_acl_access", "nobody.a", ""};

	(void)unused;
	return one_in(f, 32) ? long_path(f) : string(f, PICK(f, names));
}

/* ---- buffers */

static uint64_t pick_length(struct fuzzer *f)
{
	return one_in(f, 6) ? rnd_below(f, PAGE + 1) : rnd_below(f, 300);
}

static uint64_t some_buffer(struct fuzzer *f, int out)
{
	uint8_t *p;

	f->len = pick_length(f);
	if (one_in(f, 40)) {
		f->len = rnd_below(f, BIG_SIZE);
		if (out)
			add_area(f, big[f->place], f->len, AREA_RETURNED);
		return (uint64_t)big[f->place];
	}
	if (out)
		return out_object(f, f->len, AREA_DATA);
	p = object(f, f->len);
	fill(p, (int)rnd_below(f, 32), f->len);
	return maybe_bad(f, p, f->len);
}

static uint64_t checked_buffer(struct fuzzer *f, int out)
{
	uint64_t p = some_buffer(f, out);

	if (p >> 47)
		f->refuse |= REFUSE_BYTES;
	return p;
}

static uint64_t word_obuf(struct fuzzer *f, unsigned n)
{
	(void)n;
	return checked_buffer(f, 1);
}

static uint64_t word_ibuf(struct fuzzer *f, unsigned n)
{
	(void)n;
	return checked_buffer(f, 0);
}

static uint64_t some_vector(struct fuzzer *f, int out)
{
	const unsigned count = 4;
	struct iovec *v = object(f, count * sizeof(*v));

	for (unsigned i = 0; i < count; i++) {
		uint64_t p = some_buffer(f, out);

		v[i].iov_base = (void *)p;
		v[i].iov_len = one_in(f, 24) ? odd_number(f) : f->len;
	}
	return maybe_bad(f, v, count * sizeof(*v));
}

static uint64_t word_oiov(struct fuzzer *f, unsigned n)
{
	(void)n;
	return some_vector(f, 1);
}

static uint64_t word_iiov(struct fuzzer *f, unsigned n)
{
	(void)n;
	return some_vector(f, 0);
}

/* ---- time */

static void make_time(struct fuzzer *f, int64_t *sec, int64_t *part, int64_t per_second)
{
	*sec = 0;
	*part = (int64_t)rnd_below(f, (uint64_t)per_second / 1000);
	if (one_in(f, 3))
		*part = 0;
	if (one_in(f, 10))
		*(one_in(f, 2) ? sec : part) = (int64_t)odd_number(f);
}

static uint64_t word_timespec(struct fuzzer *f, unsigned n)
{
	int64_t *t = object(f, 16);

	(void)n;
	make_time(f, &t[0], &t[1], 1000000000);
	return maybe_bad(f, t, 16);
}

static uint64_t word_timeval(struct fuzzer *f, unsigned n)
{
	int64_t *t = object(f, 16);

	(void)n;
	make_time(f, &t[0], &t[1], 1000000);
	return maybe_bad(f, t, 16);
}

static uint64_t word_itimer(struct fuzzer *f, unsigned n)
{
	int64_t *t = object(f, 32);

	(void)n;
	if (one_in(f, 4)) /* repeated */
		make_time(f, &t[0], &t[1], 1000000);
	make_time(f, &t[2], &t[3], 1000000);
	return maybe_bad(f, t, 32);
}

/* None: SIGALRM. The third and fourth word: signal and how to tell. */
static uint64_t word_sigevent(struct fuzzer *f, unsigned n)
{
	int32_t *e;

	(void)n;
	if (one_in(f, 3))
		return 0;
	e = object(f, 64);
	e[2] = one_in(f, 8) ? (int32_t)odd_number(f) : 32 + (int32_t)rnd_below(f, 32);
	e[3] = one_in(f, 8) ? (int32_t)odd_number(f) : (int32_t)rnd_below(f, 6);
	e[4] = (int32_t)atomic_load(&f->slot->lane[rnd_below(f, LANES)].tid);
	return maybe_bad(f, e, 64);
}

/* UTIME_NOW, UTIME_OMIT among them. */
static uint64_t word_times(struct fuzzer *f, unsigned n)
{
	static const int64_t special[] = {(1 << 30) - 1, (1 << 30) - 2, 0, 999999999};
	int64_t *t = object(f, 32);

	(void)n;
	for (unsigned i = 0; i < 4; i++)
		t[i] = (int64_t)(one_in(f, 6) ? odd_number(f)
				: i % 2       ? (uint64_t)PICK(f, special)
					      : rnd_below(f, 1 << 20));
	return maybe_bad(f, t, 32);
}

/* ---- signals */

/* All but SIGALRM, which wakes a worker that waits. */
static uint64_t some_set(struct fuzzer *f)
{
	uint64_t set = one_in(f, 8) ? ~0ul
		: one_in(f, 2)      ? 0
				    : 1ul << rnd_below(f, 64) | 1ul << rnd_below(f, 64);

	return set & ~(1ul << (SIGALRM - 1));
}

static uint64_t word_sigset(struct fuzzer *f, unsigned n)
{
	uint64_t *set = object(f, 8);

	(void)n;
	*set = some_set(f);
	return maybe_bad(f, set, 8);
}

/* The pair that pselect6 takes: set and size. */
static uint64_t word_setpair(struct fuzzer *f, unsigned n)
{
	uint64_t *pair = object(f, 16);

	pair[0] = one_in(f, 3) ? 0 : word_sigset(f, n);
	pair[1] = one_in(f, 10) ? odd_number(f) : 8;
	return maybe_bad(f, pair, 16);
}

void signal_handler(int sig, siginfo_t *info, void *context);

/* The kernel's struct: handler, flags, restorer, mask. */
static uint64_t word_action(struct fuzzer *f, unsigned n)
{
	static const uint64_t flags[] = {
		SA_SIGINFO, SA_ONSTACK, SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_NOCLDSTOP, SA_NOCLDWAIT};
	uint64_t *a = object(f, 32);

	(void)n;
	a[0] = one_in(f, 24) ? odd_number(f) : one_in(f, 3) ? rnd_below(f, 2) : (uint64_t)signal_handler;
	a[1] = 0x04000000 | SA_SIGINFO | PICK(f, flags) | PICK(f, flags);
	a[2] = (uint64_t)signal_restorer;
	a[3] = some_set(f);
	if (one_in(f, 24))
		a[rnd_below(f, 3)] = odd_number(f);
	return maybe_bad(f, a, 32);
}

static uint64_t word_siginfo(struct fuzzer *f, unsigned n)
{
	int *info = object(f, 128);

	(void)n;
	info[0] = (int)rnd_below(f, 66);
	info[2] = one_in(f, 8) ? (int)odd_number(f) : -1 - (int)rnd_below(f, 6);
	for (unsigned i = 3; i < 32; i++)
		info[i] = (int)rnd_below(f, 256);
	return maybe_bad(f, info, 128);
}

static uint64_t word_altstack(struct fuzzer *f, unsigned n)
{
	uint64_t *s = object(f, 24);

	(void)n;
	s[0] = some_address(f);
	s[1] = one_in(f, 8) ? odd_number(f) : 2;
	s[2] = one_in(f, 8) ? odd_number(f) : 4 * PAGE;
	if (!one_in(f, 8))
		s[1] = 0;
	return maybe_bad(f, s, 24);
}

/* ---- the rest */

static uint64_t word_pollfds(struct fuzzer *f, unsigned n)
{
	struct pollfd *p = object(f, 8 * sizeof(*p));

	(void)n;
	for (unsigned i = 0; i < 8; i++)
		p[i] = (struct pollfd){.fd = (int)some_fd(f),
			.events = (short)(one_in(f, 8) ? odd_number(f) : 1 + rnd_below(f, 32))};
	add_area(f, p, 8 * sizeof(*p), AREA_STRUCT);
	return maybe_bad(f, p, 8 * sizeof(*p));
}

static uint64_t word_fdset(struct fuzzer *f, unsigned n)
{
	uint64_t *set;

	(void)n;
	if (one_in(f, 3))
		return 0;
	set = object(f, 128);
	set[0] = 1ul << rnd_below(f, 32) | 1ul << rnd_below(f, 32);
	return maybe_bad(f, set, 128);
}

/* Words that all workers share, and that others only wait for. */
static uint64_t word_futexword(struct fuzzer *f, unsigned n)
{
	uint32_t *own;

	(void)n;
	if (one_in(f, 2))
		return ARENA + rnd_below(f, 24) * PAGE + rnd_below(f, 4) * 4;
	own = object(f, 64);
	return one_in(f, 12) ? bad_pointer(f, 4) : (uint64_t)own & ~3ul;
}

/* Head, offset, pending: a list of nothing, or of what may not be there. */
static uint64_t word_robustlist(struct fuzzer *f, unsigned n)
{
	uint64_t *head = object(f, 24);

	(void)n;
	head[0] = one_in(f, 2) ? (uint64_t)head : one_in(f, 2) ? bad_pointer(f, 8) : some_address(f);
	head[1] = one_in(f, 3) ? odd_number(f) : 8;
	head[2] = one_in(f, 2) ? 0 : some_address(f);
	return maybe_bad(f, head, 24);
}

static uint64_t word_position(struct fuzzer *f, unsigned n)
{
	uint64_t *p;

	(void)n;
	if (one_in(f, 2))
		return 0;
	p = object(f, 8);
	*p = some_offset(f);
	return maybe_bad(f, p, 8);
}

/* Limits that leave a worker alive, mostly. */
static uint64_t word_rlimit(struct fuzzer *f, unsigned n)
{
	struct rlimit *r;

	(void)n;
	if (one_in(f, 3))
		return 0;
	r = object(f, sizeof(*r));
	r->rlim_max = one_in(f, 4) ? odd_number(f) : RLIM_INFINITY;
	r->rlim_cur = one_in(f, 3) ? odd_number(f) : RLIM_INFINITY;
	return maybe_bad(f, r, sizeof(*r));
}

static uint64_t word_fcntlarg(struct fuzzer *f, unsigned n)
{
	struct flock *l;

	switch (f->args[1]) {
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		l = object(f, sizeof(*l));
		*l = (struct flock){.l_type = (short)rnd_below(f, 4), .l_whence = (short)rnd_below(f, 3)};
		l->l_start = (off_t)(one_in(f, 8) ? odd_number(f) : rnd_below(f, 100));
		l->l_len = (off_t)(one_in(f, 8) ? odd_number(f) : rnd_below(f, 100));
		add_area(f, l, sizeof(*l), AREA_STRUCT);
		return maybe_bad(f, l, sizeof(*l));
	case F_SETFL:
		return O_NONBLOCK;
	}
	return one_in(f, 2) ? word_maybe(f, 16) : odd_number(f) + (n & 0);
}

/* A struct of zeros, numbers, or a pointer; one size serves them all. */
static uint64_t word_ioctlarg(struct fuzzer *f, unsigned n)
{
	(void)n;
	if (one_in(f, 6))
		return odd_number(f);
	if (one_in(f, 2))
		return word_in(f, 128);
	return out_object(f, 256, AREA_STRUCT);
}

static uint64_t word_prctlarg(struct fuzzer *f, unsigned n)
{
	if (f->args[0] == PR_SET_NAME)
		return word_path(f, n);
	if (f->args[0] == PR_GET_NAME)
		return word_out(f, 16);
	return one_in(f, 2) ? odd_number(f) : word_maybe(f, 16);
}

const struct word struct_words[] = {
	{"out", word_out},
	{"maybe", word_maybe},
	{"in", word_in},
	{"path", word_path},
	{"xattr", word_xattr},
	{"obuf", word_obuf},
	{"ibuf", word_ibuf},
	{"oiov", word_oiov},
	{"iiov", word_iiov},
	{"timespec", word_timespec},
	{"timeval", word_timeval},
	{"itimer", word_itimer},
	{"sigevent", word_sigevent},
	{"times", word_times},
	{"sigset", word_sigset},
	{"setpair", word_setpair},
	{"action", word_action},
	{"siginfo", word_siginfo},
	{"altstack", word_altstack},
	{"pollfds", word_pollfds},
	{"fdset", word_fdset},
	{"futexword", word_futexword},
	{"robustlist", word_robustlist},
	{"position", word_position},
	{"rlimit", word_rlimit},
	{"fcntlarg", word_fcntlarg},
	{"ioctlarg", word_ioctlarg},
	{"prctlarg", word_prctlarg},
};
const unsigned nr_struct_words = ARRAY_SIZE(struct_words);

long structs_init(void)
{
	long err = call(SYS_mprotect, read_only, PAGE, 1);

	for (unsigned i = 0; i < LANES + EXTRA && !err; i++)
		for (unsigned k = 0; k < SCRATCH && !err; k++)
			err = call(SYS_mprotect, scratch[i][k] + PAGE, PAGE, 0);
	return err;
}
