/* SPDX-License-Identifier: MIT */
/* Files of /proc/PID, in the form that Linux's tools read. What is told of other processes: proc_files.h. */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/proc/text.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/pagetable.h"

#define PID_MASK ((1u << PROC_FD_SHIFT) - 1)

static i32 pid_of(u64 instance)
{
	return (i32)(instance & PID_MASK);
}

static bool is_self(u64 instance)
{
	return pid_of(instance) == process_current()->pid;
}

/* What the table says of a process, copied out of it. */
struct view {
	i32 pid, ppid, pgid, sid;
	u32 threads;
	char name[PROCESS_NAME_LEN];
	char state;
	u64 run_ns, children_ns;
};

static char state_of_locked(const struct process *p)
{
	if (p->state == PROCESS_ZOMBIE)
		return 'Z';
	return atomic_load(&p->stopped) ? 'T' : process_runs_locked(p) ? 'R' : 'S';
}

static int look(u64 instance, struct view *v)
{
	struct process *p;

	process_table_lock();
	p = process_find_locked(pid_of(instance));
	if (p) {
		*v = (struct view){
			.pid = p->pid,
			.ppid = atomic_load(&p->ppid),
			.pgid = p->pgid,
			.sid = p->sid,
			.threads = atomic_load(&p->nr_tasks),
			.state = state_of_locked(p),
			.run_ns = process_run_ns_locked(p),
			.children_ns = p->children_ns,
		};
		memcpy(v->name, p->name, sizeof(v->name));
	}
	process_table_unlock();
	return p ? 0 : -ESRCH;
}

struct next_pid {
	i32 from, best;
};

static void consider(struct process *p, void *arg)
{
	struct next_pid *n = arg;

	if (p->pid >= n->from && (n->best < 0 || p->pid < n->best))
		n->best = p->pid;
}

i64 proc_next_pid(u64 instance UNUSED, u64 from)
{
	struct next_pid n = {.from = (i32)MIN(from, (u64)PID_MAX), .best = -1};

	process_table_lock();
	process_for_each_locked(consider, &n);
	process_table_unlock();
	return n.best;
}

ssize_t proc_self(u64 instance UNUSED, char *buf, size_t size)
{
	char text[16];
	size_t n = (size_t)fmt_snprintf(text, sizeof(text), "%d", process_current()->pid);

	n = MIN(n, size);
	memcpy(buf, text, n);
	return (ssize_t)n;
}

/* --- figures --- */

struct sizes {
	u64 total, resident, file; /* pages; resident ones that belong to files */
};

static pte_t count_entry(void *arg, uaddr_t a UNUSED, unsigned order, pte_t e)
{
	struct sizes *s = arg;
	u64 pages = 1ull << order;

	if (pte_present(e)) {
		s->resident += pages;
		if (pte_kind(e) != PTE_ANON)
			s->file += pages;
	}
	return e;
}

static int count_vma(void *arg, struct vma *v)
{
	struct sizes *s = arg;

	s->total += (v->end.v - v->start.v) >> PAGE_SHIFT;
	pt_visit(v->mm->root, v->start, v->end, count_entry, s);
	return 0;
}

static struct sizes sizes_of(u64 instance)
{
	struct sizes s = {0};

	if (is_self(instance) && thread_current()->mm)
		mm_for_each_vma(thread_current()->mm, UADDR(0), count_vma, &s);
	return s;
}

#define TICK_NS 10000000ull

int proc_pid_stat(struct text *t, u64 instance)
{
	struct sizes s = sizes_of(instance);
	struct view v;
	int err = look(instance, &v);

	if (err)
		return err;
	/* pid comm state ppid pgrp session tty tpgid flags; faults; times; priority nice threads; start; sizes; the rest is not kept */
	text_add(t, "%d (%s) %c %d %d %d 0 -1 0 0 0 0 0 ", v.pid, v.name, v.state, v.ppid, v.pgid, v.sid);
	text_add(t, "%llu 0 %llu 0 20 0 %u 0 0 ", (unsigned long long)(v.run_ns / TICK_NS),
		(unsigned long long)(v.children_ns / TICK_NS), v.threads);
	text_add(t, "%llu %llu 18446744073709551615", (unsigned long long)(s.total * PAGE_SIZE),
		(unsigned long long)s.resident);
	for (unsigned field = 26; field <= 52; field++)
		text_add(t, " 0");
	text_add(t, "\n");
	return 0;
}

int proc_pid_statm(struct text *t, u64 instance)
{
	struct sizes s = sizes_of(instance);
	struct view v;
	int err = look(instance, &v);

	if (!err)
		text_add(t, "%llu %llu %llu 0 0 %llu 0\n", (unsigned long long)s.total,
			(unsigned long long)s.resident, (unsigned long long)s.file,
			(unsigned long long)s.total);
	return err;
}

int proc_pid_status(struct text *t, u64 instance)
{
	struct sizes s = sizes_of(instance);
	struct view v;
	int err = look(instance, &v);

	if (err)
		return err;
	text_add(t, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\n", v.name, (unsigned)process_current()->umask,
		v.state,
		v.state == 'Z'           ? "zombie"
			: v.state == 'R' ? "running"
					 : "sleeping");
	text_add(t, "Tgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", v.pid, v.pid, v.ppid);
	text_add(t, "Threads:\t%u\n", v.threads);
	text_add(t, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t%u\nGroups:\t\n", FD_MAX);
	text_add(t, "VmSize:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\nRssFile:\t%8llu kB\n",
		(unsigned long long)s.total * 4, (unsigned long long)s.resident * 4,
		(unsigned long long)(s.resident - s.file) * 4, (unsigned long long)s.file * 4);
	return 0;
}

int proc_pid_comm(struct text *t, u64 instance)
{
	struct view v;
	int err = look(instance, &v);

	if (!err)
		text_add(t, "%s\n", v.name);
	return err;
}

/* The name stands for all the words: they are the process's own memory. */
int proc_pid_cmdline(struct text *t, u64 instance)
{
	struct view v;
	int err = look(instance, &v);

	if (!err && v.state != 'Z')
		text_add_bytes(t, v.name, strlen(v.name) + 1);
	return err;
}

/* --- mappings --- */

/* Pages of one VMA by kind. */
struct resident {
	u64 file_clean, file_dirty, huge, zero, anon;
};

/* What is shown of a VMA. Paths are found without mm->lock, which comes after the locks of directories. */
struct shown {
	uaddr_t start, end;
	u64 pgoff;
	u32 flags;
	bool heap, count_pages;
	struct file *file; /* counted */
	struct resident pages;
};

static pte_t classify(void *arg, uaddr_t a UNUSED, unsigned order, pte_t e)
{
	struct resident *r = arg;
	u64 pages = 1ull << order;

	if (!pte_present(e))
		return e;
	switch (pte_kind(e)) {
	case PTE_ANON:
		r->anon += pages;
		break;
	case PTE_ZERO:
		r->zero += pages;
		break;
	default:
		*(pte_writable(e) ? &r->file_dirty : &r->file_clean) += pages;
		break;
	}
	if (order)
		r->huge += pages;
	return e;
}

static int take(void *arg, struct vma *v)
{
	struct shown *s = arg;

	s->start = v->start;
	s->end = v->end;
	s->pgoff = v->pgoff;
	s->flags = v->flags;
	s->heap = v->start.v < v->mm->brk.v && v->end.v > v->mm->brk_start.v;
	s->file = v->file;
	if (s->file)
		file_get(s->file);
	if (s->count_pages)
		pt_visit(v->mm->root, v->start, v->end, classify, &s->pages);
	return 1;
}

static void show_range(struct text *t, const struct shown *s, char *path)
{
	const struct inode *i = s->file ? s->file->inode : NULL;
	u64 dev = !i ? 0 : i->super->region ? 0x10300 : i->super->dev;

	text_add(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu", (unsigned long long)s->start.v,
		(unsigned long long)s->end.v, s->flags & VMA_READ ? 'r' : '-',
		s->flags & VMA_WRITE ? 'w' : '-', s->flags & VMA_EXEC ? 'x' : '-',
		s->flags & VMA_SHARED ? 's' : 'p', i ? (unsigned long long)s->pgoff << PAGE_SHIFT : 0ull,
		(unsigned)(dev >> 8), (unsigned)(dev & 0xff), i ? (unsigned long long)i->ino : 0ull);
	if (s->file && !vfs_path_of_file(s->file, path, PATH_MAX_LEN))
		text_add(t, "   %s\n", path);
	else
		text_add(t, "%s\n", s->flags & VMA_STACK ? "   [stack]" : s->heap ? "   [heap]" : "");
}

static void show_pages(struct text *t, const struct shown *s)
{
	const struct resident *r = &s->pages;
	bool shared = s->flags & VMA_SHARED;
	unsigned long long rss = (r->file_clean + r->file_dirty + r->zero + r->anon) * 4;

	text_add(t, "Size:           %8llu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
		(unsigned long long)(s->end.v - s->start.v) / 1024);
	text_add(t, "Rss:            %8llu kB\nPss:            %8llu kB\n", rss, rss);
	text_add(t, "Shared_Clean:   %8llu kB\nShared_Dirty:   %8llu kB\n",
		shared ? (unsigned long long)(r->file_clean + r->zero) * 4 : 0ull,
		shared ? (unsigned long long)r->file_dirty * 4 : 0ull);
	text_add(t, "Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\n",
		shared ? 0ull : (unsigned long long)(r->file_clean + r->zero) * 4,
		(unsigned long long)r->anon * 4);
	text_add(t, "Referenced:     %8llu kB\nAnonymous:      %8llu kB\n", rss,
		(unsigned long long)r->anon * 4);
	text_add(t, "AnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\nFilePmdMapped:  %8llu kB\n",
		(unsigned long long)r->huge * 4);
	text_add(t, "Swap:                  0 kB\nVmFlags:%s%s%s%s\n", s->flags & VMA_READ ? " rd" : "",
		s->flags & VMA_WRITE ? " wr" : "", s->flags & VMA_EXEC ? " ex" : "", shared ? " sh" : "");
}

static int show_vmas(struct text *t, u64 instance, bool with_pages)
{
	struct shown s = {.end = UADDR(0)};
	char *path;
	struct view v;
	int err = look(instance, &v);

	if (err || !is_self(instance))
		return err;
	path = kmalloc(PATH_MAX_LEN);
	if (!path)
		return -ENOMEM;
	for (;;) {
		s = (struct shown){.end = s.end, .count_pages = with_pages};
		if (!mm_for_each_vma(thread_current()->mm, s.end, take, &s))
			break;
		show_range(t, &s, path);
		if (with_pages)
			show_pages(t, &s);
		if (s.file)
			file_put(s.file);
	}
	kfree(path);
	return 0;
}

int proc_pid_maps(struct text *t, u64 instance)
{
	return show_vmas(t, instance, false);
}

int proc_pid_smaps(struct text *t, u64 instance)
{
	return show_vmas(t, instance, true);
}

/* --- links --- */

static ssize_t put_text(char *buf, size_t size, const char *text)
{
	size_t n = MIN(strlen(text), size);

	memcpy(buf, text, n);
	return (ssize_t)n;
}

/* The path of a file, or of a directory. */
static ssize_t put_path(char *buf, size_t size, struct file *f, struct inode *dir)
{
	char *path = kmalloc(PATH_MAX_LEN);
	ssize_t ret;

	if (!path)
		return -ENOMEM;
	ret = f ? vfs_path_of_file(f, path, PATH_MAX_LEN) : vfs_path_of(dir, path, PATH_MAX_LEN);
	if (!ret)
		ret = put_text(buf, size, path);
	kfree(path);
	return ret;
}

static struct file *fd_file(u64 instance)
{
	return is_self(instance) ? fd_get(process_current()->files, (int)(instance >> PROC_FD_SHIFT)) : NULL;
}

i64 proc_next_fd(u64 instance, u64 from)
{
	return is_self(instance) && from < FD_MAX ? fd_next(process_current()->files, (int)from) : -1;
}

ssize_t proc_fd_readlink(u64 instance, char *buf, size_t size)
{
	struct file *f = fd_file(instance);
	char text[32];
	ssize_t ret;

	if (!f)
		return -ENOENT;
	if ((f->inode->mode & S_IFMT_) == S_IFIFO_ && !f->place.name[0]) {
		fmt_snprintf(text, sizeof(text), "pipe:[%llu]", (unsigned long long)f->inode->ino);
		ret = put_text(buf, size, text);
	} else if (!f->place.name[0] && !mode_is_dir(f->inode->mode)) {
		ret = put_text(buf, size, "anon_inode:[eventfd]");
	} else {
		ret = put_path(buf, size, f, NULL);
	}
	file_put(f);
	return ret;
}

static void follow_file(struct file *f, struct inode **out, struct file_place *where)
{
	iref(f->inode);
	*out = f->inode;
	if (where)
		file_place_copy(where, &f->place);
}

int proc_fd_follow(u64 instance, struct inode **out, struct file_place *where)
{
	struct file *f = fd_file(instance);

	if (!f)
		return -ENOENT;
	follow_file(f, out, where);
	file_put(f);
	return 0;
}

ssize_t proc_exe_readlink(u64 instance, char *buf, size_t size)
{
	struct file *exe = is_self(instance) ? process_current()->exe : NULL;

	return exe ? put_path(buf, size, exe, NULL) : -ENOENT;
}

int proc_exe_follow(u64 instance, struct inode **out, struct file_place *where)
{
	struct file *exe = is_self(instance) ? process_current()->exe : NULL;

	if (!exe)
		return -ENOENT;
	follow_file(exe, out, where);
	return 0;
}

ssize_t proc_cwd_readlink(u64 instance, char *buf, size_t size)
{
	struct inode *cwd;
	ssize_t ret;

	if (!is_self(instance))
		return -ENOENT;
	cwd = process_cwd(process_current());
	ret = put_path(buf, size, NULL, cwd);
	iput(cwd);
	return ret;
}

int proc_cwd_follow(u64 instance, struct inode **out, struct file_place *where UNUSED)
{
	if (!is_self(instance))
		return -ENOENT;
	*out = process_cwd(process_current());
	return 0;
}

ssize_t proc_root_readlink(u64 instance UNUSED, char *buf, size_t size)
{
	return put_text(buf, size, "/");
}

int proc_root_follow(u64 instance UNUSED, struct inode **out, struct file_place *where UNUSED)
{
	*out = vfs_root();
	return *out ? 0 : -ENOENT;
}
