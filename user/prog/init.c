/* SPDX-License-Identifier: MIT */
/*
 * /sbin/init, the first process. Its words come from the kernel's command line, after "--":
 *
 *   (none)            run the script /etc/rc
 *   interactive       run /etc/rc, then a shell on the console
 *   PROGRAM [WORD…]   run the program alone
 *
 * It exits with the status of that work, 128 + signal if it was killed; the kernel then syncs,
 * unmounts and powers off. Orphans end up here and are reaped.
 */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char **argv)
{
	const char *path = find_program(argv[0]);
	pid_t pid, ended;
	int status;

	if (!path) {
		warnx("%s: no such program", argv[0]);
		return 127;
	}
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		execv(path, argv);
		warn("%s", path);
		_exit(126);
	}
	do
		ended = wait(&status);
	while (ended != pid && (ended >= 0 || errno == EINTR));
	if (ended < 0)
		err(1, "wait");
	if (WIFSIGNALED(status))
		warnx("%s was %s", argv[0], status_text(status));
	return shell_status(status);
}

int main(int argc, char **argv)
{
	char *rc[] = {"/bin/sh", "/etc/rc", NULL};
	char *shell[] = {"/bin/sh", NULL};
	int interactive = argc == 2 && !strcmp(argv[1], "interactive");
	int status, shell_exit;

	if (argc > 1 && !interactive)
		return run(argv + 1);
	status = run(rc);
	if (!interactive)
		return status;
	shell_exit = run(shell);
	return status ? status : shell_exit;
}
