/* SPDX-License-Identifier: MIT */
/*
 * getopt() and getopt_long(), as Linux has them: words that are no options move behind those that are, unless the option string starts with
 * '+' or POSIXLY_CORRECT is set. newlib's forgets which option was unknown.
 *
 * Where a word is taken from behind words that are no options, it first changes places with them; so what is done lies before optind
 * always, and `passed` counts the words between optind and where the next option's argument stands.
 */
#include "libc.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt = '?', optreset;

static char *cluster; /* what is left of a word like -abc */
static int passed;

/* Puts argv[from] in front of argv[to]. */
static void move_word(char **argv, int from, int to)
{
	char *word = argv[from];

	memmove(&argv[to + 1], &argv[to], (size_t)(from - to) * sizeof(*argv));
	argv[to] = word;
}

static int is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* The next word is the option's argument; NULL if there is none. */
static char *take_argument(int argc, char **argv)
{
	int at = optind + passed;

	if (at >= argc)
		return NULL;
	move_word(argv, at, optind);
	return argv[optind++];
}

/* '?', or ':' if the program tells its users itself. */
static int refuse(const char *options, int missing, const char *format, const char *name, int length)
{
	int quiet = *options == ':';

	if (opterr && !quiet) {
		fprintf(stderr, "%s: ", __progname);
		fprintf(stderr, format, length, name);
	}
	return missing && quiet ? ':' : '?';
}

static int short_option(int argc, char **argv, const char *options)
{
	char c = *cluster++;
	const char *found = c == ':' || c == ';' ? NULL : strchr(options, c);

	optopt = c;
	if (found && found[1] == ':') {
		optarg = *cluster ? cluster : found[2] == ':' ? NULL : take_argument(argc, argv);
		cluster = NULL;
		if (!optarg && found[2] != ':')
			return refuse(options, 1, "option requires an argument -- '%.*s'\n", &c, 1);
	} else if (!found) {
		if (!*cluster)
			cluster = NULL;
		return refuse(options, 0, "invalid option -- '%.*s'\n", &c, 1);
	}
	if (cluster && !*cluster)
		cluster = NULL;
	return c;
}

/* The long option of that name, or the only one that begins with it; NULL, with *several set if there are more. */
static const struct option *find_long(const struct option *all, const char *name, size_t len, int *several)
{
	const struct option *found = NULL;

	*several = 0;
	for (; all->name; all++) {
		if (strncmp(all->name, name, len))
			continue;
		if (strlen(all->name) == len) {
			*several = 0;
			return all;
		}
		if (found)
			*several = 1;
		found = all;
	}
	return *several ? NULL : found;
}

static int long_option(
	int argc, char **argv, const char *options, const struct option *all, const char *name, int *index)
{
	size_t len = strcspn(name, "=");
	int several;
	const struct option *o = find_long(all, name, len, &several);

	optopt = 0;
	if (!o)
		return refuse(options, 0,
			several ? "option '--%.*s' is ambiguous\n" : "unrecognized option '--%.*s'\n", name,
			(int)len);
	optopt = o->flag ? 0 : o->val;
	if (name[len] && o->has_arg == no_argument)
		return refuse(options, 0, "option '--%.*s' doesn't allow an argument\n", o->name,
			(int)strlen(o->name));
	optarg = name[len] ? (char *)name + len + 1 : NULL;
	if (!optarg && o->has_arg == required_argument) {
		optarg = take_argument(argc, argv);
		if (!optarg)
			return refuse(options, 1, "option '--%.*s' requires an argument\n", o->name,
				(int)strlen(o->name));
	}
	if (index)
		*index = (int)(o - all);
	if (!o->flag)
		return o->val;
	*o->flag = o->val;
	return 0;
}

/* only: -name is a long option too, if there is one of that name. */
static int parse(int argc, char **argv, const char *options, const struct option *all, int *index, int only)
{
	char mode = *options == '+' || *options == '-' ? *options++ : 0;
	char *word;
	int several;

	optarg = NULL;
	if (optind == 0 || optreset) {
		optind = 1;
		optreset = 0;
		cluster = NULL;
	}
	if (cluster)
		return short_option(argc, argv, options);
	for (passed = 0; optind + passed < argc && !is_option(argv[optind + passed]); passed++) {
		if (mode == '-') {
			optarg = argv[optind++];
			return 1;
		}
		if (mode == '+' || getenv("POSIXLY_CORRECT"))
			return -1;
	}
	if (optind + passed >= argc)
		return -1;
	move_word(argv, optind + passed, optind);
	word = argv[optind++];
	if (!strcmp(word, "--"))
		return -1;
	if (all && word[1] == '-')
		return long_option(argc, argv, options, all, word + 2, index);
	if (only && (find_long(all, word + 1, strcspn(word + 1, "="), &several) || !strchr(options, word[1])))
		return long_option(argc, argv, options, all, word + 1, index);
	cluster = word + 1;
	return short_option(argc, argv, options);
}

int getopt(int argc, char *const argv[], const char *options)
{
	return parse(argc, (char **)argv, options, NULL, NULL, 0);
}

int getopt_long(int argc, char *const argv[], const char *options, const struct option *all, int *index)
{
	return parse(argc, (char **)argv, options, all, index, 0);
}

int getopt_long_only(int argc, char *const argv[], const char *options, const struct option *all, int *index)
{
	return parse(argc, (char **)argv, options, all, index, 1);
}
