/* SPDX-License-Identifier: MIT */
/*
 * Words for values, and the state that they draw on: descriptors, children. Most values make sense; some are at a limit or out of
 * bounds. No random number has bytes of 0x20 or more, so that none looks like a fill pattern (leak.c).
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FDS 40
#define MAX_WORDS 7

static struct {
	_Atomic int fd[FDS]; /* the first ones stay, the others are what calls returned */
	_Atomic unsigned next_fd;
} state;
enum { FIXED_FDS = 20 };

static word_fn functions[MAX_CALLS][MAX_WORDS];
static unsigned numbers[MAX_CALLS][MAX_WORDS];
enum { LEARN_NOTHING, LEARN_FD, LEARN_PAIR };
static unsigned char learn[MAX_CALLS];

/* ---- randomness: xorshift64* */

uint64_t rnd(struct fuzzer *f)
{
	f->rng ^= f->rng >> 12;
	f->rng ^= f->rng << 25;
	f->rng ^= f->rng >> 27;
	return f->rng * 0x2545f4914f6cdd1dULL;
}

uint64_t rnd_below(struct fuzzer *f, uint64_t n)
{
	return (rnd(f) >> 16) % n;
}

int one_in(struct fuzzer *f, unsigned n)
{
	return rnd_below(f, n) == 0;
}

uint64_t odd_number(struct fuzzer *f)
{
	static const uint64_t numbers[] = {0, 1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 63, 64, 65, 100, 128, 255, 256,
		512, 1000, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 65535, 65536, 1 << 20, 1 << 21,
		0x7fffffff, 0x80000000, 0xffffffff, 1ul << 32, 1ul << 40, 1ul << 46, (1ul << 47) - 4096,
		1ul << 47, 1ul << 62, ~0ul >> 1, 1ul << 63, -1ul, -2ul, -100ul, -4095ul, -4096ul, -8192ul,
		-(1ul << 31)};

	return one_in(f, 3) ? rnd(f) & 0x1f1f1f1f1f1f1f1f : PICK(f, numbers);
}

static uint64_t word_number(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 2) ? rnd_below(f, 8) : odd_number(f);
}

/* count8: mostly below 8. */
static uint64_t word_count(struct fuzzer *f, unsigned n)
{
	return one_in(f, 16) ? odd_number(f) : rnd_below(f, n);
}

static uint64_t word_zero(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 16) ? odd_number(f) : 0;
}

/* A few flags out of a set, now and then one that is not in it. */
static uint64_t some_flags(struct fuzzer *f, uint64_t set)
{
	uint64_t v = 0;

	for (unsigned i = (unsigned)rnd_below(f, 4); i; i--)
		v |= 1ul << rnd_below(f, 64);
	v &= set;
	if (one_in(f, 3))
		v |= rnd(f) & rnd(f) & set;
	return one_in(f, 24) ? v | 1ul << rnd_below(f, 33) : v;
}

#define FLAG_WORD(name, always, set)                              \
	static uint64_t word_##name(struct fuzzer *f, unsigned n) \
	{                                                         \
		(void)n;                                          \
		return (always) | some_flags(f, set);             \
	}
#define LIST_WORD(name, ...)                                          \
	static uint64_t word_##name(struct fuzzer *f, unsigned n)     \
	{                                                             \
		static const uint64_t list[] = {__VA_ARGS__};         \
                                                                      \
		(void)n;                                              \
		return one_in(f, 16) ? odd_number(f) : PICK(f, list); \
	}

FLAG_WORD(oflags, rnd_below(f, 16) < 3 ? 0 : rnd_below(f, 3),
	O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_DIRECTORY | O_NOFOLLOW |
		O_CLOEXEC | O_PATH | O_CREAT)
FLAG_WORD(mode, 0600, 07777)
FLAG_WORD(atflags, 0, AT_SYMLINK_NOFOLLOW | AT_REMOVEDIR | AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)
FLAG_WORD(prot, 0, 7)
FLAG_WORD(fallocmode, one_in(f, 2) ? FALLOC_FL_KEEP_SIZE : 0, 0x7f)
FLAG_WORD(rwflags, 0, 0x1f)
FLAG_WORD(statxmask, 0xfff, 0x1fff)
FLAG_WORD(woptions, rnd_below(f, 32) ? WNOHANG : 0,
	WNOHANG | WUNTRACED | WCONTINUED | WEXITED | WSTOPPED | WNOWAIT)
FLAG_WORD(amode, 0, 7)
FLAG_WORD(flock, rnd_below(f, 16) ? LOCK_NB : 0, LOCK_SH | LOCK_EX | LOCK_UN)
LIST_WORD(whence, 0, 1, 2, 3, 4)
LIST_WORD(setsize, 8, 8, 8, 8, 8, 8, 16, 0)
LIST_WORD(robustsize, 24, 24, 24, 8)
LIST_WORD(affinitysize, 8, 16, 64, 128, 4, 1024)
LIST_WORD(id, 0, 0, 0, 1000, -1ul, 0xffffffff)
LIST_WORD(who, 0, -1ul, 1)
LIST_WORD(clock, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11)
/* The one advice left out is MADV_HWPOISON (100): it would take blocks of the file system out of use for good. */
LIST_WORD(advice, 0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
LIST_WORD(nodemode, S_IFREG | 0644, S_IFIFO | 0644, 0600, S_IFCHR | 0644, S_IFBLK | 0644, S_IFSOCK | 0644,
	S_IFDIR)
LIST_WORD(ioctl, 0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5408, 0x5409, 0x540b, 0x540e, 0x540f, 0x5410,
	0x5411, 0x5413, 0x5414, 0x541b, 0x5421, 0x5422, 0x5429, 0x5450, 0x5451, 2, 0x801c581f, 0xc020660b,
	0x80086601, 0x40086602, 0x5452, 0x1272, 0x80081272, 0x40049409)
LIST_WORD(fcntl, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 36, 37, 38, 1024, 1025, 1026, 1030, 1031, 1032,
	1033, 1034, 1035, 1036)
LIST_WORD(
	futexop, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 128, 129, 131, 132, 133, 134, 135, 137, 138, 256 | 9)
LIST_WORD(prctl, 1, 2, 3, 4, 8, 15, 15, 15, 15, 16, 16, 16, 16, 16, 21, 22, 23, 24, 25, 26, 35, 36, 37, 38,
	39, 40, 41, 42, 47, 53, 0x53564d41)
LIST_WORD(archprctl, 0x1001, 0x1002, 0x1003, 0x1004, 0x1011, 0x1012, 0x2001)

/* SIGKILL and SIGSTOP are rare; SIGALRM wakes workers that wait. */
static uint64_t word_signal(struct fuzzer *f, unsigned n)
{
	uint64_t s = one_in(f, 12) ? odd_number(f) : rnd_below(f, 66);

	(void)n;
	return s == SIGALRM ||
			((s == SIGKILL || s == SIGSTOP || s == SIGTSTP || s == SIGTTIN || s == SIGTTOU) &&
				!one_in(f, 12))
		? 0
		: s;
}

/* Whose action is set: mostly not those by which a worker survives what it looks at (process.c). */
static uint64_t word_action(struct fuzzer *f, unsigned n)
{
	uint64_t s = word_signal(f, n);

	return (s == SIGSEGV || s == SIGBUS) && !one_in(f, 12) ? SIGUSR2 : s;
}

/* Ours and our children's. Never 1, never everybody. */
static uint64_t word_pid(struct fuzzer *f, unsigned n)
{
	unsigned known = atomic_load(&f->slot->nr_pids);

	(void)n;
	switch (rnd_below(f, 8)) {
	case 0:
		return 0;
	case 1:
	case 2:
		return (uint64_t)atomic_load(&f->slot->lane[rnd_below(f, LANES)].tid);
	case 3:
	case 4:
		if (known)
			return (uint64_t)atomic_load(
				&f->slot->pids[rnd_below(f, known < MAX_PIDS ? known : MAX_PIDS)]);
		break;
	case 5:
		return -(uint64_t)atomic_load(&f->slot->lane[0].tid);
	case 6:
		return 0x7fff0000 + rnd_below(f, 100);
	}
	return (uint64_t)atomic_load(&f->slot->lane[0].tid);
}

/* ---- descriptors */

uint64_t some_fd(struct fuzzer *f)
{
	if (one_in(f, 24))
		return odd_number(f);
	return (uint64_t)(long)atomic_load(&state.fd[rnd_below(f, FDS)]);
}

static uint64_t word_fd(struct fuzzer *f, unsigned n)
{
	(void)n;
	return some_fd(f);
}

/* Not one that was opened at the start, mostly. */
static uint64_t word_newfd(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 24) ? some_fd(f) : 64 + rnd_below(f, 64);
}

static uint64_t word_dirfd(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 4) ? some_fd(f) : (uint64_t)AT_FDCWD;
}

static void add_fd(int fd)
{
	unsigned i = atomic_fetch_add(&state.next_fd, 1);

	if (fd >= 0)
		atomic_store(&state.fd[FIXED_FDS + i % (FDS - FIXED_FDS)], fd);
}

/* ---- sizes and places */

/* The length of the buffer before it, or not quite. */
static uint64_t word_len(struct fuzzer *f, unsigned n)
{
	(void)n;
	if (one_in(f, 12))
		return odd_number(f);
	return one_in(f, 6) ? rnd_below(f, f->len + 1) : f->len;
}

/* Files stay small, or else the image is full soon. */
static uint64_t word_size(struct fuzzer *f, unsigned n)
{
	(void)n;
	if (one_in(f, 16))
		return odd_number(f);
	return one_in(f, 2) ? rnd_below(f, 64) * PAGE : rnd_below(f, 300000);
}

uint64_t some_offset(struct fuzzer *f)
{
	return one_in(f, 12) ? odd_number(f) : one_in(f, 2) ? rnd_below(f, 32) * PAGE : rnd_below(f, 70000);
}

static uint64_t word_offset(struct fuzzer *f, unsigned n)
{
	(void)n;
	return some_offset(f);
}

static uint64_t word_moffset(struct fuzzer *f, unsigned n)
{
	return word_count(f, 2) ? odd_number(f) : rnd_below(f, 16) * PAGE + (n & 0);
}

uint64_t some_address(struct fuzzer *f)
{
	return one_in(f, 16) ? odd_number(f) : ARENA + rnd_below(f, ARENA_PAGES) * PAGE;
}

static uint64_t word_address(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 24) ? bad_pointer(f, 8) : some_address(f);
}

static uint64_t word_mlen(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 32)   ? odd_number(f)
		: one_in(f, 4) ? rnd_below(f, 5 * PAGE)
			       : (1 + rnd_below(f, 12)) * PAGE;
}

/* Fixed in the arena mostly. Whether memory that is not there can be asked for at once is another test's matter. */
static uint64_t word_mapflags(struct fuzzer *f, unsigned n)
{
	uint64_t flags = 1 + rnd_below(f, 3);

	(void)n;
	if (one_in(f, 16))
		flags = rnd_below(f, 16);
	if (one_in(f, 2))
		flags |= MAP_ANONYMOUS;
	if (!one_in(f, 8))
		flags |= MAP_FIXED;
	flags |= some_flags(f,
		MAP_GROWSDOWN | MAP_DENYWRITE | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |
			MAP_SYNC | MAP_LOCKED | MAP_FIXED_NOREPLACE);
	return f->args[1] > 4096 * PAGE ? flags & ~(uint64_t)(MAP_POPULATE | MAP_LOCKED) : flags;
}

/* What grows far could be had, and after mlockall(MCL_FUTURE) at once. */
static uint64_t word_brk(struct fuzzer *f, unsigned n)
{
	uint64_t now = (uint64_t)call(SYS_brk, 0), odd = odd_number(f);

	(void)n;
	if (odd - now > 4096 * PAGE && odd > now && odd < 1ull << 47)
		odd |= 1ull << 47;
	return one_in(f, 8) ? odd : now + rnd_below(f, 8) * PAGE;
}

/* Milliseconds; forever is rare. */
static uint64_t word_ms(struct fuzzer *f, unsigned n)
{
	(void)n;
	return one_in(f, 64) ? odd_number(f) : rnd_below(f, 2);
}

/* ---- the words together */

static const struct word words[] = {
	{"number", word_number},
	{"count", word_count},
	{"zero", word_zero},
	{"oflags", word_oflags},
	{"mode", word_mode},
	{"atflags", word_atflags},
	{"prot", word_prot},
	{"fallocmode", word_fallocmode},
	{"rwflags", word_rwflags},
	{"statxmask", word_statxmask},
	{"woptions", word_woptions},
	{"amode", word_amode},
	{"flock", word_flock},
	{"whence", word_whence},
	{"setsize", word_setsize},
	{"robustsize", word_robustsize},
	{"affinitysize", word_affinitysize},
	{"id", word_id},
	{"who", word_who},
	{"clock", word_clock},
	{"advice", word_advice},
	{"nodemode", word_nodemode},
	{"ioctl", word_ioctl},
	{"fcntl", word_fcntl},
	{"futexop", word_futexop},
	{"prctl", word_prctl},
	{"archprctl", word_archprctl},
	{"signal", word_signal},
	{"ofsignal", word_action},
	{"pid", word_pid},
	{"fd", word_fd},
	{"newfd", word_newfd},
	{"dirfd", word_dirfd},
	{"len", word_len},
	{"size", word_size},
	{"offset", word_offset},
	{"moffset", word_moffset},
	{"address", word_address},
	{"mlen", word_mlen},
	{"mapflags", word_mapflags},
	{"brk", word_brk},
	{"ms", word_ms},
};

static int same(const char *a, const char *b, size_t n)
{
	return strlen(b) == n && !memcmp(a, b, n);
}

static word_fn find(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (same(name, words[i].name, n))
			return words[i].fn;
	for (unsigned i = 0; i < nr_struct_words; i++)
		if (same(name, struct_words[i].name, n))
			return struct_words[i].fn;
	return NULL;
}

/* One call's words. A number at a word's end is its parameter. */
static int parse(unsigned index)
{
	const char *at = grammar[index].words;

	for (unsigned k = 0; *at && *at != '!'; k++) {
		size_t n = strcspn(at, " "), name = strcspn(at, " 0123456789");

		if (*at == '=')
			learn[index] = same(at, "=fd", n) ? LEARN_FD : LEARN_PAIR;
		else if (k >= MAX_WORDS - 1 || !(functions[index][k] = find(at, name)))
			return 0;
		for (size_t i = name; i < n && *at != '='; i++)
			numbers[index][k] = numbers[index][k] * 10 + (unsigned)(at[i] - '0');
		at += n + strspn(at + n, " ");
	}
	return 1;
}

const char *args_init(void)
{
	for (unsigned i = 0; i < grammar_size; i++)
		if (!parse(i))
			return grammar[i].name;
	return NULL;
}

void args_make(struct fuzzer *f, unsigned index)
{
	f->objects = f->areas = 0;
	f->refuse = 0;
	f->len = rnd_below(f, 64);
	for (unsigned k = 0; k < 6; k++)
		f->args[k] = functions[index][k] ? functions[index][k](f, numbers[index][k])
			: one_in(f, 2)           ? 0
						 : odd_number(f);
}

void args_learn(struct fuzzer *f, unsigned index, long ret)
{
	if (learn[index] == LEARN_FD)
		add_fd((int)ret);
	if (learn[index] == LEARN_PAIR && ret == 0 && f->areas) {
		const int *pair = (const int *)f->area[0].at;

		add_fd(pair[0]);
		add_fd(pair[1]);
	}
}

/* ---- the beginning */

static int open_at_start(const char *path, long flags)
{
	return (int)call(SYS_open, path, flags, 0644);
}

static void start_fds(void)
{
	int pair[2], pair2[2], i = 0, null = open_at_start("/dev/null", O_RDWR);
	int file = open_at_start("a", O_RDWR | O_CREAT);
	const int fds[FIXED_FDS] = {
		file,
		open_at_start("a", O_RDONLY),
		open_at_start("b", O_RDWR | O_CREAT),
		open_at_start("b", O_WRONLY | O_APPEND),
		open_at_start("../common/a", O_RDWR | O_CREAT),
		open_at_start("../common/map", O_RDWR | O_CREAT),
		open_at_start("../common/map", O_RDONLY),
		open_at_start(".", O_RDONLY | O_DIRECTORY),
		open_at_start("../common", O_RDONLY | O_DIRECTORY),
		call(SYS_pipe2, pair, O_NONBLOCK) < 0 ? -1 : pair[0],
		pair[1],
		call(SYS_pipe2, pair2, 0) < 0 ? -1 : pair2[0],
		pair2[1],
		open_at_start("/dev/zero", O_RDWR),
		open_at_start("/dev/full", O_RDWR),
		open_at_start("/dev/console", O_RDONLY | O_NOCTTY),
		open_at_start("a", O_PATH),
		open_at_start("/proc/self/maps", O_RDONLY),
		(int)call(SYS_memfd_create, "fuzz", 0),
		(int)call(SYS_eventfd2, 1, O_NONBLOCK),
	};

	for (; i < FIXED_FDS; i++)
		atomic_store(&state.fd[i], fds[i]);
	for (; i < FDS; i++)
		atomic_store(&state.fd[i], file);
	for (int fd = 0; fd < 3 && !verbose; fd++)
		call(SYS_dup2, null, fd);
}

/* Anonymous, a file that others truncate, read-only, nothing, a file without a name. */
static void start_arena(void)
{
	const int rw = PROT_READ | PROT_WRITE;

	call(SYS_mmap, ARENA, 16 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	call(SYS_mmap, ARENA + 16 * PAGE, 16 * PAGE, rw, MAP_SHARED | MAP_FIXED, state.fd[5], 0);
	call(SYS_mmap, ARENA + 32 * PAGE, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		0);
	call(SYS_mmap, ARENA + 48 * PAGE, 16 * PAGE, rw, MAP_SHARED | MAP_FIXED, state.fd[18], 0);
}

void args_start(struct fuzzer *f)
{
	(void)f;
	start_fds();
	start_arena();
}
