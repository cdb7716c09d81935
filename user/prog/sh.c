/* SPDX-License-Identifier: MIT */
/*
 * A small shell: sh, sh FILE, sh -c COMMANDS.
 *
 * Words with '…', "…" and \, $? for the last status, redirections < > >>, the operators ; && ||,
 * # comments; cd, exit and help are built in, other commands come from /bin and /sbin. A line is
 * parsed and run command by command, so that $? means the command just before.
 */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_LINE 1024
#define MAX_WORDS 64

enum connector { OP_END, OP_SEQ, OP_AND, OP_OR, OP_BAD };

/* One simple command. The words' text lives in text[]. */
struct command {
	char *words[MAX_WORDS + 1];
	int count;
	const char *in, *out;
	int append;
	char text[2 * MAX_LINE];
	size_t used;
};

static int last_status;
static int exiting;
static int interactive; /* at a terminal: ^C ends commands, not the shell */

static int add_char(struct command *cmd, char c)
{
	if (cmd->used + 1 >= sizeof(cmd->text))
		return -1;
	cmd->text[cmd->used++] = c;
	return 0;
}

static int add_status(struct command *cmd)
{
	char digits[12];

	snprintf(digits, sizeof(digits), "%d", last_status);
	for (const char *d = digits; *d; d++)
		if (add_char(cmd, *d) < 0)
			return -1;
	return 0;
}

/* Reads one word at *p into cmd->text; returns NULL if a quote is open or it does not fit. */
static char *parse_word(struct command *cmd, const char **p)
{
	char *word = cmd->text + cmd->used;
	char quote = 0;

	for (; **p && (quote || !strchr(" \t\n;&|<>", **p)); (*p)++) {
		char c = **p;
		int bad;

		if (c == quote) {
			quote = 0;
			continue;
		}
		if (!quote && (c == '\'' || c == '"')) {
			quote = c;
			continue;
		}
		if (c == '$' && (*p)[1] == '?' && quote != '\'') {
			(*p)++;
			bad = add_status(cmd);
		} else {
			if (c == '\\' && (*p)[1] && quote != '\'')
				c = *++*p;
			bad = add_char(cmd, c);
		}
		if (bad)
			return NULL;
	}
	if (quote)
		return NULL;
	cmd->text[cmd->used++] = '\0';
	return word;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static int parse_redirection(struct command *cmd, const char **p)
{
	char kind = *(*p)++;
	char *name;

	if (kind == '>' && **p == '>') {
		cmd->append = 1;
		(*p)++;
	} else if (kind == '>') {
		cmd->append = 0;
	}
	*p = skip_blanks(*p);
	name = parse_word(cmd, p);
	if (!name || !*name)
		return -1;
	if (kind == '<')
		cmd->in = name;
	else
		cmd->out = name;
	return 0;
}

static enum connector parse_operator(const char **p)
{
	const char *s = *p;

	if (*s == '#')
		s += strcspn(s, "\n");
	if (!*s) {
		*p = s;
		return OP_END;
	}
	if (*s == ';' || *s == '\n') {
		*p = s + 1;
		return OP_SEQ;
	}
	if (s[0] == s[1] && (*s == '&' || *s == '|')) {
		*p = s + 2;
		return *s == '&' ? OP_AND : OP_OR;
	}
	return OP_BAD;
}

/* Reads one command and the operator behind it. */
static enum connector parse_command(struct command *cmd, const char **p)
{
	memset(cmd, 0, offsetof(struct command, text));
	cmd->used = 0;
	for (;;) {
		*p = skip_blanks(*p);
		if (!**p || strchr("#;&|\n", **p))
			return parse_operator(p);
		if (**p == '<' || **p == '>') {
			if (parse_redirection(cmd, p) < 0)
				return OP_BAD;
			continue;
		}
		if (cmd->count == MAX_WORDS)
			return OP_BAD;
		cmd->words[cmd->count] = parse_word(cmd, p);
		if (!cmd->words[cmd->count++])
			return OP_BAD;
	}
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path, flags, 0666);

	if (fd < 0 || dup2(fd, to) < 0) {
		warn("%s", path);
		_exit(1);
	}
	if (fd != to)
		close(fd);
}

static void exec_command(struct command *cmd)
{
	int how = O_WRONLY | O_CREAT | (cmd->append ? O_APPEND : O_TRUNC);
	const char *path;

	if (cmd->in)
		redirect(cmd->in, O_RDONLY, STDIN_FILENO);
	if (cmd->out)
		redirect(cmd->out, how, STDOUT_FILENO);
	if (!cmd->count)
		_exit(0);
	path = find_program(cmd->words[0]);
	if (!path) {
		warnx("%s: not found", cmd->words[0]);
		_exit(127);
	}
	execv(path, cmd->words);
	warn("%s", path);
	_exit(126);
}

static int run_program(struct command *cmd)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		warn("fork");
		return 1;
	}
	if (pid == 0) {
		if (interactive)
			signal(SIGINT, SIG_DFL);
		exec_command(cmd);
	}
	status = wait_for(pid);
	if (WIFSIGNALED(status))
		warnx("%s: %s", cmd->count ? cmd->words[0] : "", status_text(status));
	return shell_status(status);
}

static int change_directory(struct command *cmd)
{
	const char *to = cmd->count > 1 ? cmd->words[1] : "/";

	if (chdir(to) == 0)
		return 0;
	warn("cd: %s", to);
	return 1;
}

static int help(void)
{
	char *list[] = {"ls", "/bin", "/sbin", NULL};
	struct command cmd = {.count = 3};

	memcpy(cmd.words, list, sizeof(list));
	printf("Built in: cd [DIR], exit [STATUS], help. Quotes, < > >>, ; && ||, $? work.\n"
	       "The programs:\n");
	return run_program(&cmd);
}

static int run_command(struct command *cmd)
{
	const char *name = cmd->count ? cmd->words[0] : "";

	if (!strcmp(name, "cd"))
		return change_directory(cmd);
	if (!strcmp(name, "help"))
		return help();
	if (!strcmp(name, "exit")) {
		exiting = 1;
		return cmd->count > 1 ? atoi(cmd->words[1]) & 0xff : last_status;
	}
	return run_program(cmd);
}

static void run_line(const char *line)
{
	struct command cmd;
	enum connector op = OP_SEQ;

	while (op != OP_END && !exiting) {
		int wanted = op == OP_SEQ || (op == OP_AND) == (last_status == 0);

		op = parse_command(&cmd, &line);
		if (op == OP_BAD) {
			warnx("syntax error near \"%.20s\"", line);
			last_status = 2;
			return;
		}
		if (wanted && (cmd.count || cmd.in || cmd.out))
			last_status = run_command(&cmd);
	}
}

static void run_stream(FILE *in)
{
	char line[MAX_LINE];

	while (!exiting) {
		if (interactive) {
			printf("faultline# ");
			fflush(stdout);
		}
		if (!fgets(line, sizeof(line), in))
			break;
		if (!strchr(line, '\n') && !feof(in)) {
			warnx("a line is longer than %d bytes", MAX_LINE - 2);
			last_status = 2;
			break;
		}
		run_line(line);
	}
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "-c")) {
		run_line(argv[2]);
	} else if (argc > 1) {
		FILE *in = fopen(argv[1], "r");

		if (!in)
			err(127, "%s", argv[1]);
		run_stream(in);
	} else {
		/* Unbuffered: what the shell has not read belongs to the commands it runs. */
		setvbuf(stdin, NULL, _IONBF, 0);
		interactive = isatty(STDIN_FILENO);
		if (interactive)
			signal(SIGINT, SIG_IGN);
		run_stream(stdin);
	}
	return last_status;
}
