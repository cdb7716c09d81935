/* SPDX-License-Identifier: MIT */
/* execve(). Rule: exec.h. */
#include "kernel/proc/exec.h"

#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/proc/elf.h"
#include "kernel/proc/exec_args.h"
#include "kernel/proc/files.h"
#include "kernel/proc/layout.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define SCRIPT_LINE_MAX 256
#define SCRIPT_DEPTH_MAX 4
#define RFLAGS_START 0x202 /* IF, and bit 1, which is always set */

/* A program on its way in. */
struct exec {
	char path[PATH_MAX_LEN]; /* what is loaded: the program, or the interpreter of a script */
	struct file *file;
	struct elf_plan plan;
	struct layout layout;
	struct mm *mm;
};

/* The file, to which nobody may write until close_program. *out is set on success only. Looked at before it is opened: opening a FIFO waits. */
static int open_program(const char *path, struct file **out)
{
	struct file_place where;
	struct file *f;
	struct inode *i;
	struct inode *cwd = process_cwd(process_current());
	int err = vfs_find(cwd, path, true, &i, &where);

	iput(cwd);
	if (err)
		return err;
	if (!mode_is_reg(i->mode) || i->fops || !(i->mode & 0111))
		err = -EACCES;
	else
		err = file_open_inode(i, O_RDONLY_, &f);
	iput(i);
	if (err) {
		file_place_put(&where);
		return err;
	}
	f->place = where;
	err = inode_deny_write(f->inode);
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}

static void close_program(struct file *f)
{
	inode_allow_write(f->inode);
	file_put(f);
}

static char *skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/*
 * "#!interpreter [arg]": 1 and args rewritten if the file is a script, with e->path the interpreter; 0: it is none. The rest
 * of the line after the interpreter is one argument, as on Linux.
 */
static int load_script(struct exec *e, struct exec_args *args)
{
	char line[SCRIPT_LINE_MAX], *name, *arg, *end;
	ssize_t n = vfs_kread(e->file->inode, line, sizeof(line) - 1, 0);
	int err;

	if (n < 2 || line[0] != '#' || line[1] != '!')
		return n < 0 ? (int)n : 0;
	line[n] = '\0';
	end = strchr(line, '\n');
	if (!end && n == sizeof(line) - 1)
		return -ENOEXEC;
	end = end ? end : line + n;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n'))
		end--;
	*end = '\0';
	name = skip_blanks(line + 2);
	for (arg = name; *arg && *arg != ' ' && *arg != '\t'; arg++)
		;
	if (arg == name)
		return -ENOEXEC;
	if (*arg) {
		*arg++ = '\0';
		arg = skip_blanks(arg);
	}
	err = exec_args_script(args, name, *arg ? arg : NULL, e->path);
	if (err)
		return err;
	str_copy(e->path, name, sizeof(e->path));
	return 1;
}

/* Opens what e->path names, and then the interpreters of scripts, until it is something else. */
static int find_program(struct exec *e, struct exec_args *args)
{
	for (unsigned depth = 0; depth <= SCRIPT_DEPTH_MAX; depth++) {
		int err = open_program(e->path, &e->file);

		if (err)
			return err;
		err = load_script(e, args);
		if (!err)
			return 0;
		close_program(e->file);
		e->file = NULL;
		if (err < 0)
			return err;
	}
	return -ELOOP;
}

static int map_exact(struct mm *mm, struct mmap_request *rq)
{
	long ret = mm_map(mm, rq);

	return ret < 0 ? (int)ret : 0;
}

/* The part of a segment that is in the file is a private mapping of it, so text runs in place; whole pages of zeros follow. */
static int map_segment(struct exec *e, const struct elf_segment *s)
{
	u64 start = ALIGN_DOWN(s->vaddr, PAGE_SIZE);
	u64 file_end = ALIGN_UP(s->vaddr + s->filesz, PAGE_SIZE),
	    mem_end = ALIGN_UP(s->vaddr + s->memsz, PAGE_SIZE);
	u32 flags = VMA_MAYWRITE | VMA_READ | (s->write ? VMA_WRITE : 0) | (s->exec ? VMA_EXEC : 0);
	struct mmap_request file = {
		.addr = UADDR(start),
		.len = file_end - start,
		.flags = flags,
		.fixed = true,
		.pgoff = s->offset >> PAGE_SHIFT,
	};
	struct mmap_request zeros = {
		.addr = UADDR(file_end), .len = mem_end - file_end, .flags = flags, .fixed = true};
	int err = 0;

	if (!s->filesz)
		zeros = (struct mmap_request){
			.addr = UADDR(start), .len = mem_end - start, .flags = flags, .fixed = true};
	else
		err = vfs_mmap(e->file, &file);
	if (!err && s->filesz)
		err = map_exact(e->mm, &file);
	if (!err && zeros.len)
		err = map_exact(e->mm, &zeros);
	return err;
}

static int build_mm(struct exec *e)
{
	u64 size = MIN(LAYOUT_STACK_START, MAX(ALIGN_DOWN(limit_of(LIMIT_STACK), PAGE_SIZE), PAGE_SIZE));
	struct mmap_request stack = {
		.addr = UADDR(e->layout.stack_top - size),
		.len = size,
		.flags = VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_STACK,
		.fixed = true,
	};
	int err;

	e->mm = mm_create();
	if (!e->mm)
		return -ENOMEM;
	e->mm->mmap_top = UADDR(e->layout.mmap_top);
	e->mm->brk_start = e->mm->brk = UADDR(e->plan.end + e->layout.brk_gap);
	err = map_exact(e->mm, &stack);
	for (unsigned i = 0; i < e->plan.nr_segments && !err; i++)
		err = map_segment(e, &e->plan.segments[i]);
	return err;
}

/* Past the point of no return. The file's bytes behind the end of the data, on its last page, become zeros. */
static int fill_mm(struct exec *e, const char *path, struct exec_args *args, uaddr_t *sp)
{
	for (unsigned i = 0; i < e->plan.nr_segments; i++) {
		const struct elf_segment *s = &e->plan.segments[i];
		u64 end = s->vaddr + s->filesz;
		int err;

		if (s->memsz == s->filesz || !s->filesz)
			continue;
		err = zero_user(UADDR(end), ALIGN_UP(end, PAGE_SIZE) - end);
		if (err)
			return err;
	}
	return exec_args_push(args, &e->plan, path, UADDR(e->layout.stack_top - e->layout.stack_pad), sp);
}

static void start_frame(struct trap_frame *f, u64 entry, u64 sp)
{
	*f = (struct trap_frame){
		.vector = f->vector,
		.error = f->error,
		.rip = entry,
		.cs = SEL_UCODE,
		.rflags = RFLAGS_START,
		.rsp = sp,
		.ss = SEL_UDATA,
	};
}

/* The point of no return and what follows it. */
static void commit(struct exec *e, const char *path, struct exec_args *args, struct trap_frame *frame)
{
	struct process *p = process_current();
	struct task *t = task_current();
	struct mm *old = thread_current()->mm;
	uaddr_t sp = UADDR(0);

	task_leave_memory(t);
	thread_set_mm(e->mm);
	if (old)
		mm_put(old);
	vfork_release(p);
	p->execed = true;
	signal_reset_handlers(p, false);
	process_table_lock();
	posix_timers_delete_locked(p);
	process_table_unlock();
	t->altstack = (struct user_stack){.flags = 2}; /* SS_DISABLE */
	t->restart.fn = NULL;
	process_set_exe(p, e->file);
	files_close_on_exec(p->files);
	thread_reset_user_state();
	process_set_name(p, path);
	if (fill_mm(e, path, args, &sp) && !atomic_load(&thread_current()->killed)) {
		pr_warn("exec", "%s[%d]: no memory for the program's data or stack", p->name, p->pid);
		signal_kill_self(SIGKILL_);
	}
	start_frame(frame, e->plan.entry, sp.v);
}

/* e->path is `path` at first. */
static int exec_in(struct exec *e, const char *path, struct exec_args *args, struct trap_frame *frame)
{
	const char *why = NULL;
	int err = find_program(e, args);

	e->layout = layout_choose();
	if (!err)
		err = elf_read(e->file->inode, e->layout.pie_base, &e->plan, &why);
	if (err == -ENOEXEC && why)
		pr_info("exec", "%s cannot be run: %s", e->path, why);
	if (!err)
		err = build_mm(e);
	if (!err)
		err = task_be_alone();
	if (!err) {
		commit(e, path, args, frame);
		return 0;
	}
	if (e->mm)
		mm_put(e->mm);
	if (e->file)
		close_program(e->file);
	return err;
}

int process_exec(const char *path, struct exec_args *args, struct trap_frame *frame)
{
	struct exec *e = kzalloc(sizeof(*e));
	int err = -ENOMEM;

	if (e) {
		str_copy(e->path, path, sizeof(e->path));
		err = exec_in(e, path, args, frame);
	}
	kfree(e);
	return err;
}
