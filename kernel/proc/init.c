/* SPDX-License-Identifier: MIT */
/* The first process and the end of all. */
#include "kernel/proc/init.h"

#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/power.h"
#include "kernel/proc/eventfd.h"
#include "kernel/proc/exec.h"
#include "kernel/proc/exec_args.h"
#include "kernel/proc/files.h"
#include "kernel/proc/flusher.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/pipe.h"
#include "kernel/proc/poll.h"
#include "kernel/proc/process.h"
#include "kernel/proc/pseudo.h"
#include "kernel/proc/random.h"
#include "kernel/proc/shm.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/proc/tty.h"
#include "kernel/sched.h"
#include "mm/pmm.h"

#define STATUS_NO_INIT 1
#define KILL_INTERVAL_NS 10000000ull
#define KILL_ROUNDS 1000 /* 10 s */

static const char *const environment[] = {"HOME=/root", "PATH=/bin:/sbin", "TERM=linux"};

static int init_args(struct exec_args *args)
{
	int err = exec_args_add(args, options.init, false);

	for (const char *const *w = options.init_args; *w && !err; w++)
		err = exec_args_add(args, *w, false);
	for (unsigned i = 0; i < ARRAY_SIZE(environment) && !err; i++)
		err = exec_args_add(args, environment[i], true);
	return err;
}

static const char *reason(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is no such file";
	case -EACCES:
		return "it is not an executable file";
	case -ENOEXEC:
		return "it is not a program for this machine";
	case -ENOMEM:
		return "no memory";
	default:
		return "it could not be loaded";
	}
}

/* First code of init's thread. */
static void init_start(void *arg)
{
	struct task *t = arg;
	struct exec_args *args = exec_args_create();
	int err = args ? init_args(args) : -ENOMEM;

	if (!err)
		err = process_exec(options.init, args, &t->start);
	exec_args_destroy(args);
	if (err) {
		pr_err("init", "%s: %s (error %d)", options.init, reason(err), -err);
		process_exit(WAIT_EXITED(STATUS_NO_INIT));
	}
	task_start_user(t);
}

static int open_console(struct files *fs)
{
	struct file *console;
	int err = vfs_open(NULL, "/dev/console", O_RDWR_, 0, &console);

	if (err)
		return err;
	for (int fd = 0; fd < 3; fd++) {
		err = fd_reserve(fs, 0, false);
		if (err < 0)
			break;
		file_get(console);
		fd_install(fs, err, console);
	}
	file_put(console);
	return err < 0 ? err : 0;
}

/* The process with its files and directory; its address space comes from its own exec. */
static int create_init(struct thread **out)
{
	struct process *p = process_create("init");
	struct thread *thread;
	struct task *t;
	int err = -ENOMEM;

	if (!p)
		return -ENOMEM;
	t = task_create(p, NULL);
	if (!t)
		goto out_discard;
	p->files = files_create();
	if (!p->files)
		goto out_task;
	err = open_console(p->files);
	if (err)
		goto out_task;
	p->cwd = vfs_root();
	err = -ENOENT;
	if (!p->cwd)
		goto out_task;
	err = process_publish(p, t, NULL);
	if (err < 0)
		goto out_task;
	thread = thread_create_stopped(p->name, init_start, t, NULL, true);
	err = -ENOMEM;
	if (!thread)
		goto out_withdraw;
	task_attach(t, thread);
	*out = thread;
	return 0;

out_withdraw:
	process_withdraw(p, t);
out_task:
	task_destroy(t);
out_discard:
	process_discard(p);
	return err;
}

static void kill_it(struct process *p, void *arg UNUSED)
{
	signal_kill_locked(p, SIGKILL_);
}

/* Forks that were under way may add processes behind us, so this goes on until none is left. */
static void kill_everybody(void)
{
	for (unsigned round = 0; process_count(); round++) {
		if (round == KILL_ROUNDS) {
			pr_err("init", "%u processes do not end", process_count());
			sched_dump();
			return;
		}
		process_table_lock();
		process_for_each_locked(kill_it, NULL);
		process_table_unlock();
		if (process_count())
			thread_sleep_ns(KILL_INTERVAL_NS);
	}
}

static int exit_status(int wait_status)
{
	int signo = wait_status & 0x7f;

	if (sys_reboot_request() != REBOOT_NONE)
		return 0;
	return signo ? 128 + signo : wait_status >> 8;
}

/* /tmp in memory: half of it at most. */
static int tmp_mount(void)
{
	struct super *s;
	int err = tmpfs_create(pmm_total_pages() / 2, &s);

	return err ? err : vfs_mount(s, "/tmp");
}

static int start_everything(struct thread **init)
{
	int err;

	process_table_init();
	random_init();
	poll_init();
	futex_init();
	err = timers_init();
	if (!err)
		err = pipe_init();
	if (!err)
		err = anon_init();
	if (!err)
		err = shm_init();
	if (!err)
		err = tty_init();
	if (!err)
		err = dev_mount();
	if (!err)
		err = procfs_mount();
	if (!err)
		err = tmp_mount();
	if (!err)
		err = flusher_start();
	return err ? err : create_init(init);
}

int proc_run_init(void)
{
	struct thread *init;
	int status, err = start_everything(&init);

	if (err) {
		flusher_stop();
		pr_err("init", "no first process: error %d", -err);
		return STATUS_NO_INIT;
	}
	thread_wake(init);
	status = exit_status(process_wait_kernel(PID_INIT));
	kill_everybody();
	flusher_stop();
	if (sys_reboot_request() == REBOOT_RESTART) {
		vfs_unmount_all();
		power_reset();
	}
	return status;
}
