/* SPDX-License-Identifier: MIT */
/* The user half of the machine: from the mounted root to the end of init. */
#ifndef KERNEL_PROC_INIT_H
#define KERNEL_PROC_INIT_H

/*
 * Mounts /dev and /proc, runs the program options.init with options.init_args as pid 1 on the console, and waits for its
 * end; then ends every other process. Returns init's exit status, 128 + signal if a signal ended it, 1 if it could not be run. The
 * root file system is mounted, scheduling runs; called once, by a kernel thread. When a program asked for a restart
 * (reboot(2)) it unmounts and does not return.
 */
int proc_run_init(void);

#endif
