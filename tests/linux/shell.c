/* SPDX-License-Identifier: MIT */
/* /bin/sh as programs use it: scripts by #!, system(), popen(). */
#define _GNU_SOURCE
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char script[] = "#!/bin/sh\n"
			     "set -u\n"
			     "twice() { echo $(($1 * 2)); }\n"
			     "n=0\n"
			     "for word in \"$@\"; do\n"
			     "	n=$((n + 1))\n"
			     "	case $word in t*) echo \"$n: $word\" ;; esac\n"
			     "done | sort -r | while read -r line; do echo \"<$line>\"; done\n"
			     "if [ \"$(twice 21)\" = 42 ]; then echo \"${0##*/}: twice\"; else exit 1; fi\n"
			     "cat <<END | tr a-z A-Z\n"
			     "here $#\n"
			     "END\n"
			     "(exit 3) || exit $?\n";

static void write_script(void)
{
	FILE *f = fopen("script", "w");

	fputs(script, f);
	fclose(f);
	chmod("script", 0755);
}

static void say_stream(FILE *f)
{
	char line[64];

	while (f && fgets(line, sizeof(line), f))
		say("  %.*s", (int)strcspn(line, "\n"), line);
}

static void say_file(const char *name)
{
	FILE *f = fopen(name, "r");

	say_stream(f);
	fclose(f);
}

static void scripts(void)
{
	pid_t pid;

	write_script();
	pid = fork();
	if (pid == 0) {
		if (!freopen("out", "w", stdout))
			_exit(1);
		execl("./script", "script", "one", "two words", "three", NULL);
		_exit(127);
	}
	table_wait("#!/bin/sh", pid);
	say_file("out");
}

static void commands(void)
{
	int status;
	FILE *f;

	row("is there a shell", system(NULL) != 0);
	status = system("for i in 1 2 3; do echo $i; done | wc -l | tr -d ' ' >out; exit 5");
	say("system: exit %d", WEXITSTATUS(status));
	say_file("out");
	status = system("kill -TERM $$");
	say("system: signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	say("no such command: exit %d", WEXITSTATUS(system("no-such-command 2>/dev/null")));
	setenv("FOR_THE_SHELL", "a  variable", 1);
	f = popen("echo \"$FOR_THE_SHELL\"; exit 6", "r");
	say_stream(f);
	say("popen, read: exit %d", WEXITSTATUS(pclose(f)));
	f = popen("sort >out", "w");
	fputs("pear\napple\n", f);
	say("popen, write: exit %d", WEXITSTATUS(pclose(f)));
	say_file("out");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	scripts();
	commands();
	return 0;
}
