/* SPDX-License-Identifier: MIT */
/*
 * /sbin/init, the first process. Its words come from the kernel's command line, after "--":
 *
 *   (none)            run the script /etc/rc
 *   interactive       run /etc/rc, then a shell on the console: busybox's ash
 *   PROGRAM [WORD…]   run the program alone
 *
 * Each of these leads a session of its own, whose terminal is the console: ^C reaches it and its children, not init.
 *
 * It exits with the status of that work, 128 + signal if it was killed; the kernel then syncs,
 * unmounts and powers off. Orphans end up here and are reaped.
 *
 * busybox's poweroff, halt and reboot send it SIGUSR2, SIGUSR1 and SIGTERM.
 */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIOCSCTTY 0x540e
#define REBOOT_MAGIC1 0xfee1deadL
#define REBOOT_MAGIC2 0x28121969L
#define REBOOT_RESTART 0x01234567L
#define REBOOT_POWER_OFF 0x4321fedcL

static void exec_in_session(const char *path, char **argv)
{
	syscall(SYS_setsid);
	syscall(SYS_ioctl, 0L, (long)TIOCSCTTY, 1L);
	execv(path, argv);
	warn("%s", path);
	_exit(126);
}

/* Whoever is left is told, and has a second; then the kernel ends everybody. */
static void end_machine(int signo)
{
	kill(-1, SIGTERM);
	sleep(1);
	syscall(SYS_reboot, REBOOT_MAGIC1, REBOOT_MAGIC2,
		signo == SIGTERM ? REBOOT_RESTART : REBOOT_POWER_OFF);
}

static int run_path(const char *path, char **argv)
{
	pid_t pid, ended;
	int status;

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		exec_in_session(path, argv);
	do
		ended = wait(&status);
	while (ended != pid && (ended >= 0 || errno == EINTR));
	if (ended < 0)
		err(1, "wait");
	if (WIFSIGNALED(status))
		warnx("%s was %s", argv[0], status_text(status));
	return shell_status(status);
}

static int run(char **argv)
{
	const char *path = find_program(argv[0]);

	if (!path) {
		warnx("%s: no such program", argv[0]);
		return 127;
	}
	return run_path(path, argv);
}

static int run_shell(void)
{
	char *ash[] = {"ash", NULL};

	setenv("PATH", "/usr/bin:/bin:/sbin", 1);
	setenv("PS1", "\\w # ", 1);
	setenv("ENV", "/etc/ashrc", 1);
	return run_path("/bin/busybox", ash);
}

int main(int argc, char **argv)
{
	char *rc[] = {"/bin/sh", "/etc/rc", NULL};
	int interactive = argc == 2 && !strcmp(argv[1], "interactive");
	int status, shell_exit;

	signal(SIGUSR1, end_machine);
	signal(SIGUSR2, end_machine);
	signal(SIGTERM, end_machine);
	if (argc > 1 && !interactive)
		return run(argv + 1);
	status = run(rc);
	if (!interactive)
		return status;
	shell_exit = run_shell();
	return status ? status : shell_exit;
}
