/* SPDX-License-Identifier: MIT */
/*
 * /proc/faultline/trace: the protocol steps (kernel/protocol.h) that threads take, as they happen, and /proc/faultline/latency:
 * histograms of what they take. Client: user/prog/trace.c, and people with cat.
 *
 * Opening trace switches tracing on, closing it off; one reader at a time (-EBUSY). A line a step, in the order of time:
 *	SECONDS CPU PID TID STEP INODE ARGUMENT PROGRAM
 * INODE is 0 outside of a DAX lock; the argument is the page, for SHOOTDOWN an address, for SET_SIZE the size. Lines that begin with
 * # are about the trace itself. A read waits for a line, unless O_NONBLOCK; what was read is gone. The reader's own steps are left out.
 *
 * Each CPU has a ring. One that is full loses the newest steps, counts them, and the reader is told. Latencies are counted with the
 * step and never lost: the time from a step to the next one of the same thread (so that of UNLOCK holds what the program does
 * between two operations), since trace was opened last, in powers of two. They can be read until it is opened again.
 *
 * Rule (order): a step takes its time inside its CPU's lock. The reader notes the time first and then takes only records from before it: for
 * each ring whose lock it has had, all of those are there. So what it merges is complete and in order, whichever CPU was slow.
 *
 * Locks: open_lock (RANK_SPIN_FIRST) guards who reads. ring.lock (one rank behind): the ring and its latencies; steps happen under
 * no spinlock and in no interrupt.
 */
#include "kernel/proc/trace.h"

#include "fs/vfs.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/proc/text.h"
#include "kernel/protocol.h"
#include "kernel/time.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define RING_RECORDS 8192u
#define BUCKETS 40u /* the last one: from 2^39 ns, nine minutes, on */
#define POLL_NS 5000000ull
#define BAR_WIDTH 40

struct record {
	u64 ns, file, arg;
	i32 pid, tid;
	u16 step;
	char name[PROCESS_NAME_LEN];
};

struct latencies {
	u64 steps[NR_STEPS];
	u64 bucket[NR_STEPS][BUCKETS]; /* by log2 of the nanoseconds to the thread's next step */
};

struct ring {
	struct spinlock lock;
	/* lock */
	struct record *records; /* NULL: nobody reads */
	u32 head, tail;         /* written so far, read so far; modulo 2^32 */
	u64 lost;               /* since the reader was told */
	struct latencies *latencies;
};

static const struct lock_class open_class = {"trace reader", RANK_SPIN_FIRST, false};
static const struct lock_class ring_class = {"trace ring", RANK_SPIN_FIRST + 1, false};

static struct ring rings[MAX_CPUS];
static struct spinlock open_lock;
static bool is_open;            /* open_lock */
static _Atomic(u32) session;    /* how often it was opened */
static _Atomic(i32) reader_pid; /* whose steps are left out */

/* --- steps --- */

static unsigned bucket_of(u64 ns)
{
	unsigned b = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;

	return MIN(b, BUCKETS - 1);
}

static void note_latency_locked(struct latencies *l, struct thread *t, enum protocol_step s, u64 now)
{
	u32 this_session = atomic_load(&session);

	l->steps[s]++;
	if (t->trace.session == this_session)
		l->bucket[t->trace.step][bucket_of(now - t->trace.ns)]++;
	t->trace.session = this_session;
	t->trace.step = s;
	t->trace.ns = now;
}

static void note_record_locked(struct ring *r, const struct thread *t, enum protocol_step s, u64 now, u64 arg)
{
	struct record *rec = &r->records[r->head % RING_RECORDS];

	if (r->head - r->tail == RING_RECORDS) {
		r->lost++;
		return;
	}
	*rec = (struct record){.ns = now, .file = t->trace.file, .arg = arg, .step = (u16)s};
	rec->pid = t->process ? t->process->pid : 0;
	rec->tid = t->task ? t->task->tid : 0;
	str_copy(rec->name, t->process ? t->process->name : t->name, sizeof(rec->name));
	r->head++;
}

/* protocol_trace_fn. */
static void trace_step(struct thread *t, enum protocol_step s, u64 arg)
{
	struct ring *r;
	u64 now;

	if (t->process && t->process->pid == atomic_load(&reader_pid))
		return;
	preempt_disable();
	r = &rings[cpu_id()];
	spin_lock(&r->lock);
	if (r->records) {
		now = time_ns();
		note_latency_locked(r->latencies, t, s, now);
		note_record_locked(r, t, s, now, arg);
	}
	spin_unlock(&r->lock);
	preempt_enable();
	if (s == STEP_UNLOCK)
		t->trace.file = 0;
}

/* --- on and off --- */

/* The latencies stay for who wants to look at them afterwards. */
static void ring_stop(struct ring *r)
{
	struct record *records;

	spin_lock(&r->lock);
	records = r->records;
	r->records = NULL;
	spin_unlock(&r->lock);
	kfree(records);
}

static int ring_start(struct ring *r)
{
	struct record *records = kmalloc(RING_RECORDS * sizeof(*records));
	struct latencies *fresh = kzalloc(sizeof(*fresh)), *old;

	if (!records || !fresh) {
		kfree(records);
		kfree(fresh);
		return -ENOMEM;
	}
	spin_lock(&r->lock);
	old = r->latencies;
	r->latencies = fresh;
	r->records = records;
	r->head = r->tail = 0;
	r->lost = 0;
	spin_unlock(&r->lock);
	kfree(old);
	return 0;
}

static void stop(void)
{
	for (unsigned c = 0; c < cpu_count(); c++)
		ring_stop(&rings[c]);
	spin_lock(&open_lock);
	is_open = false;
	spin_unlock(&open_lock);
}

static int trace_open(struct file *f UNUSED)
{
	bool busy;
	int err = 0;

	spin_lock(&open_lock);
	busy = is_open;
	is_open = true;
	spin_unlock(&open_lock);
	if (busy)
		return -EBUSY;
	atomic_store(&reader_pid, process_current()->pid);
	atomic_fetch_add(&session, 1);
	for (unsigned c = 0; c < cpu_count() && !err; c++)
		err = ring_start(&rings[c]);
	if (err)
		stop();
	else
		atomic_fetch_add(&protocol_watchers, 1);
	return err;
}

static void trace_release(struct file *f UNUSED)
{
	atomic_fetch_sub(&protocol_watchers, 1);
	stop();
}

/* --- reading --- */

/* Copies the oldest record from before `horizon` that waits in any ring; its CPU, or -1: there is none. */
static int oldest(u64 horizon, struct record *out)
{
	int found = -1;

	for (unsigned c = 0; c < cpu_count(); c++) {
		struct ring *r = &rings[c];
		const struct record *first;

		spin_lock(&r->lock);
		first = &r->records[r->tail % RING_RECORDS];
		if (r->tail != r->head && first->ns < horizon && (found < 0 || first->ns < out->ns)) {
			*out = *first;
			found = (int)c;
		}
		spin_unlock(&r->lock);
	}
	return found;
}

static void pop(struct ring *r)
{
	spin_lock(&r->lock);
	r->tail++;
	spin_unlock(&r->lock);
}

static u64 take_lost(struct ring *r)
{
	u64 lost;

	spin_lock(&r->lock);
	lost = r->lost;
	r->lost = 0;
	spin_unlock(&r->lock);
	return lost;
}

static void add_record(struct text *t, unsigned cpu, const struct record *r)
{
	text_add(t, "%llu.%09llu %u %d %d %s %llu %llu %s\n", (unsigned long long)(r->ns / NS_PER_SECOND),
		(unsigned long long)(r->ns % NS_PER_SECOND), cpu, r->pid, r->tid, protocol_step_name(r->step),
		(unsigned long long)r->file, (unsigned long long)r->arg, r->name);
}

#define LINE_MAX 160u /* no line is longer */

/* Whole lines that fit in `room`. */
static void collect(struct text *t, size_t room)
{
	u64 horizon = time_ns();
	struct record r;
	int cpu = 0;

	while (t->len + LINE_MAX <= room && !t->full && (cpu = oldest(horizon, &r)) >= 0) {
		pop(&rings[cpu]);
		add_record(t, (unsigned)cpu, &r);
	}
	for (unsigned c = 0; c < cpu_count() && cpu < 0 && t->len + LINE_MAX <= room; c++) {
		u64 lost = take_lost(&rings[c]);

		if (lost)
			text_add(t, "# lost %llu steps of CPU %u\n", (unsigned long long)lost, c);
	}
}

#define READ_MAX 16384u

static ssize_t trace_read(struct file *f, struct user_iter *to, u64 *pos)
{
	size_t n = MIN(to->left, READ_MAX);
	struct text t = {0};
	ssize_t ret = 0;

	if (n < LINE_MAX)
		return -EINVAL;
	if (!*pos)
		text_add(&t, "# seconds cpu pid tid step inode argument program\n");
	for (collect(&t, n); !t.len && !t.full && !ret; collect(&t, n)) {
		if (f->flags & O_NONBLOCK_)
			ret = -EAGAIN;
		else if (thread_interrupted())
			ret = -ERESTARTSYS;
		else
			thread_sleep_ns(POLL_NS);
	}
	if (t.len)
		ret = copy_to_iter(to, t.buf, t.len);
	else if (t.full)
		ret = -ENOMEM;
	*pos += t.len;
	text_free(&t);
	return ret;
}

const struct file_ops trace_fops = {
	.open = trace_open,
	.release = trace_release,
	.read = trace_read,
};

/* --- latencies --- */

/* Adds up one step over all CPUs. */
static u64 sum_step(enum protocol_step s, u64 bucket[BUCKETS])
{
	u64 steps = 0;

	for (unsigned b = 0; b < BUCKETS; b++)
		bucket[b] = 0;
	for (unsigned c = 0; c < cpu_count(); c++) {
		struct ring *r = &rings[c];

		spin_lock(&r->lock);
		if (r->latencies) {
			steps += r->latencies->steps[s];
			for (unsigned b = 0; b < BUCKETS; b++)
				bucket[b] += r->latencies->bucket[s][b];
		}
		spin_unlock(&r->lock);
	}
	return steps;
}

static void add_histogram(struct text *t, const u64 bucket[BUCKETS])
{
	static const char bar[BAR_WIDTH + 1] = "########################################";
	unsigned first = BUCKETS, last = 0;
	u64 most = 1;

	for (unsigned b = 0; b < BUCKETS; b++) {
		if (!bucket[b])
			continue;
		first = MIN(first, b);
		last = b;
		most = MAX(most, bucket[b]);
	}
	for (unsigned b = first; b <= last; b++)
		text_add(t, "%14llu ns %10llu %.*s\n", b ? 1ull << b : 0ull, (unsigned long long)bucket[b],
			(int)((bucket[b] * BAR_WIDTH + most - 1) / most), bar);
}

int proc_faultline_latency(struct text *t, u64 instance UNUSED)
{
	u64 bucket[BUCKETS];

	text_add(
		t, "# time from each step to the next one of the same thread: at least so long, how often\n");
	for (unsigned s = 0; s < NR_STEPS; s++) {
		u64 steps = sum_step(s, bucket);

		if (!steps)
			continue;
		text_add(t, "%s %llu steps: %s\n", protocol_step_name(s), (unsigned long long)steps,
			protocol_step_text(s));
		add_histogram(t, bucket);
	}
	return 0;
}

int proc_faultline_steps(struct text *t, u64 instance UNUSED)
{
	for (unsigned s = 0; s < NR_STEPS; s++)
		text_add(t, "%s %s\n", protocol_step_name(s), protocol_step_text(s));
	return 0;
}

void trace_init(void)
{
	spin_init(&open_lock, &open_class);
	for (unsigned c = 0; c < MAX_CPUS; c++)
		spin_init(&rings[c].lock, &ring_class);
	protocol_set_tracer(trace_step);
}
