/* SPDX-License-Identifier: MIT */
/*
 * fuzzcalls: random system calls from a grammar. main.c says what a run is; this header is what its parts share.
 *
 *   main.c      the supervisor: starts workers, interrupts and kills them, counts, prints
 *   worker.c    a worker: makes calls, one after another, and judges each
 *   grammar.c   the calls, each with the words for its arguments
 *   args.c      what the words mean: values, good and bad
 *   structs.c   ... those that lie in memory
 *   process.c   calls that make, replace or end threads; signal frames
 *   leak.c      what the kernel must not have written
 *   call.asm    a system call with every register known before and looked at after it
 *
 * Rule: after its first call a worker may have lost its thread pointer, its heap, or anything else that the C library
 * relies on. So everything but main.c uses system calls by call.asm alone, and no function of the library.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_WORKERS 8
#define LANES 3 /* threads that a worker starts with */
#define EXTRA 6 /* threads that its calls may start besides */
#define MAX_CALLS 600
#define RING 8
#define MAX_PIDS 256
#define SCRATCH 16 /* objects for one call */
#define STACK_SIZE (4 * PAGE)
#define BIG_SIZE (16 * PAGE)

/* What memory calls work on: they may change, move and remove it. */
#define ARENA 0x2000000000UL
#define ARENA_PAGES 64UL

enum { EXIT_LEAK = 99 }; /* a worker's exit status: a report stands in its slot */

struct call {
	unsigned index; /* in the grammar */
	uint64_t args[6];
	long ret;
};

/* A thread's trace, seen by the supervisor. */
struct lane {
	_Atomic uint64_t calls;
	_Atomic int tid;
	struct call ring[RING]; /* call number n is in [n % RING]; the newest may be on its way */
};

struct report {
	_Atomic int made;
	const char *what;
	struct call call;
	uint64_t offset, value;
};

/* One worker, as long as it lives; then the next one in its place. */
struct slot {
	uint64_t seed;
	unsigned episode;
	_Atomic unsigned nr_pids;
	_Atomic int pids[MAX_PIDS];  /* of everything that it forked */
	struct lane lane[LANES + 1]; /* the last one: of all others */
	struct report report;
};

struct shared {
	_Atomic uint64_t good[MAX_CALLS], failed[MAX_CALLS]; /* by place in the grammar */
	struct slot slot[MAX_WORKERS];
};

/* Memory that the kernel was asked to write: a struct; bytes of files, where 4 can look like a pattern by chance; such bytes in a buffer that was
 * not filled before, as many as the call returned. */
struct area {
	const uint8_t *at;
	size_t len;
	enum area_kind { AREA_STRUCT, AREA_DATA, AREA_RETURNED } kind;
};

enum { REFUSE_SUCCESS = 1, REFUSE_BYTES = 2 };

/* A thread that makes calls. */
struct fuzzer {
	uint64_t rng;
	struct slot *slot;
	struct lane *lane;
	unsigned place; /* of its scratch memory */
	int lent_stack; /* handlers run on memory that other calls write to: registers come back from there as they like */
	int started, child; /* child: made by a call; makes a few calls, then ends */
	unsigned objects;   /* that the call under construction has */
	unsigned areas;     /* that the kernel was given to write */
	struct area area[SCRATCH];
	int refuse; /* bits: an argument is no user's address, and the call must not succeed; must not return bytes */
	uint64_t len; /* of the buffer before */
	uint64_t args[6];
};

extern struct shared *shared;
extern int verbose; /* print each call */

/* ---- grammar.c */

struct grammar {
	long nr;
	const char *name, *words;
	unsigned weight;
};
extern const struct grammar grammar[];
extern const unsigned grammar_size;

/* ---- worker.c */

/* A worker's life. */
void worker_run(struct slot *slot) __attribute__((noreturn));
/* Where every thread begins that clone or fork makes. */
void worker_begin(struct fuzzer *f) __attribute__((noreturn));
/* Notes a child, which is killed at the latest when its worker has ended. */
void worker_adopt(struct fuzzer *f, long pid);
/* The record of a call that begins now; its number and arguments. */
struct call *worker_record(struct fuzzer *f, unsigned index, const uint64_t *args);
/* A thread's record that nobody uses yet; NULL: none is left. */
struct fuzzer *worker_extra(struct fuzzer *parent);
void *worker_stack(const struct fuzzer *f);
/* Makes a call and judges it. */
long worker_call(struct fuzzer *f, unsigned index, const uint64_t *args);
#define CALL_TEXT 256
/* "read(0x3, 0x7f…) = -9", NUL-ended. */
size_t format_call(char to[static CALL_TEXT], const struct call *c);

/* ---- args.c, structs.c */

/* Finds the functions of all words; the name of one that there is none for, or NULL. */
const char *args_init(void);
/* Arguments for a call; the areas that it may write. */
void args_make(struct fuzzer *f, unsigned index);
/* Learns from the result: descriptors, children. */
void args_learn(struct fuzzer *f, unsigned index, long ret);
/* The state that a worker starts with: descriptors, arena. */
void args_start(struct fuzzer *f);

typedef uint64_t (*word_fn)(struct fuzzer *f, unsigned n);
struct word {
	const char *name;
	word_fn fn;
};
extern const struct word struct_words[];
extern const unsigned nr_struct_words;

uint64_t rnd(struct fuzzer *f);
uint64_t rnd_below(struct fuzzer *f, uint64_t n);
int one_in(struct fuzzer *f, unsigned n);
#define PICK(f, list) ((list)[rnd_below(f, ARRAY_SIZE(list))])
/* Numbers near limits, small ones, few that mean nothing. */
uint64_t odd_number(struct fuzzer *f);
/* A pointer that is wrong in one of many ways, for an object of n bytes. */
uint64_t bad_pointer(struct fuzzer *f, size_t n);
/* `p`, or rarely a bad one. */
uint64_t maybe_bad(struct fuzzer *f, void *p, size_t n);
/* Zeroed memory for one object of this call, mostly right below a page that is not mapped. NULL: no more. */
void *object(struct fuzzer *f, size_t n);
/* Memory that the call shall write: an area to look at afterwards. */
uint64_t out_object(struct fuzzer *f, size_t n, enum area_kind kind);
void add_area(struct fuzzer *f, const void *at, size_t len, enum area_kind kind);
/* Scratch memory is made ready, before the first worker. 0 or negative errno. */
long structs_init(void);
uint64_t some_fd(struct fuzzer *f);
uint64_t some_offset(struct fuzzer *f);
uint64_t some_address(struct fuzzer *f);

/* ---- process.c */

/* The calls whose words start with "!". */
void special_call(struct fuzzer *f, unsigned index);
/* Handlers for all signals, an alternate stack. */
void signals_start(struct fuzzer *f);

/* ---- leak.c */

/* Is this address one that we use as a bad pointer? */
int is_bad_address(uint64_t v);
extern const uint64_t bad_addresses[];
extern const unsigned nr_bad_addresses;
/* Looks for the kernel's fill patterns and for its addresses; reports. */
void leak_check(struct fuzzer *f, const struct call *c, const void *at, size_t len, enum area_kind kind,
	const char *what);
void report(struct slot *slot, const char *what, const struct call *c, uint64_t offset, uint64_t value)
	__attribute__((noreturn));

/* ---- call.asm */

/* The call's registers: number, rdi rsi rdx r10 r8 r9. Result in rax; the others as they came back. */
struct regs {
	uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
	uint64_t rbx, rbp, r12, r13, r14, r15, rcx, r11, rsp, rip; /* out; rip: where it should be back */
};
#define KEPT_RBX 0x1111222233334444UL
#define KEPT_RBP 0x1212232334344545UL
#define KEPT_R12 0x1213242535364748UL
#define KEPT_R13 0x1314252636374849UL
#define KEPT_R14 0x141526273738494aUL
void call_registers(struct regs *r);
long call6(long nr, long a, long b, long c, long d, long e, long f);
#define CALL6(nr, a, b, c, d, e, f, ...) \
	call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* A call with up to six arguments; the others are 0. */
#define call(...) CALL6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
/* A call that returns twice: the child goes to worker_begin(f). */
long call_fork(long nr, const uint64_t *args, struct fuzzer *f);
/* vfork: the child ends at once. */
long call_vfork(void);
/* Leaves by rt_sigreturn with this frame; comes back if the frame says so (context_landing). */
void call_sigreturn(uint64_t *saved, void *frame);
extern const char context_landing[];
/* *a, or 0 if it cannot be read; `probe_fault` is where the handler goes on. */
uint64_t probe(const uint64_t *a, int *ok);
extern const char probe_load[], probe_fault[], signal_restorer[];

#endif
