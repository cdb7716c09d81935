/* SPDX-License-Identifier: MIT */
/*
 * The kernel's command line.
 *
 * Rule: one table says which options exist. What is not in it, or has a value that does not parse, is named
 * in the log and changes nothing: a typing error never stops the boot and never goes unseen.
 */
#include "kernel/options.h"

#include "kernel/cpu/cpu.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"

struct options options = {
	.init = "/sbin/init",
	.dax_lock = "range",
	.dax_zero = "mapping",
	.dax_zeroing = "alloc",
	.explore = "",
	.maxcpus = MAX_CPUS,
};

enum option_kind {
	FLAG,  /* name */
	TEXT,  /* name=anything but nothing */
	SIZE,  /* name=BYTES, with K, M, G */
	COUNT, /* name=N, 1 to MAX_CPUS */
	WORD,  /* name=word, one of a few: its number, from 1 on */
};

struct option {
	const char *name;
	enum option_kind kind;
	void *target;
	const char *words; /* WORD: with | between them */
};

static const struct option known[] = {
	{"init", TEXT, &options.init, NULL},
	{"dax_lock", TEXT, &options.dax_lock, NULL},
	{"dax_zero", TEXT, &options.dax_zero, NULL},
	{"dax_zeroing", TEXT, &options.dax_zeroing, NULL},
	{"explore", TEXT, &options.explore, NULL},
	{"ram_pmem", SIZE, &options.ram_pmem, NULL},
	{"mem", SIZE, &options.mem, NULL},
	{"maxcpus", COUNT, &options.maxcpus, NULL},
	{"noexit", FLAG, &options.noexit, NULL},
	{"ro", FLAG, &options.ro, NULL},
	{"nojournal", FLAG, &options.nojournal, NULL},
	{"errors", WORD, &options.errors, "continue|remount-ro|panic"},
	{"panic", WORD, &options.panic_halt, "halt"},
	{"quiet", FLAG, &options.quiet, NULL},
	{"nox2apic", FLAG, &options.nox2apic, NULL},
	{"norandmaps", FLAG, &options.norandmaps, NULL},
	{"selftest", FLAG, &options.selftest, NULL},
};

static int set_count(unsigned *target, const char *value)
{
	u64 n;
	int err = str_to_u64(value, &n);

	if (err)
		return err;
	if (!n || n > MAX_CPUS)
		return -ERANGE;
	*target = (unsigned)n;
	return 0;
}

static int set_word(unsigned *target, const char *words, const char *value)
{
	size_t len = strlen(value);

	for (unsigned n = 1;; n++) {
		const char *end = strchr(words, '|');

		if (end ? (size_t)(end - words) == len && !memcmp(words, value, len)
			: !strcmp(words, value)) {
			*target = n;
			return 0;
		}
		if (!end)
			return -EINVAL;
		words = end + 1;
	}
}

/* value: NULL if the word has no '='. */
static int set_option(const struct option *o, const char *value)
{
	if (o->kind == FLAG ? value != NULL : !value || !*value)
		return -EINVAL;
	switch (o->kind) {
	case FLAG:
		*(bool *)o->target = true;
		return 0;
	case TEXT:
		*(const char **)o->target = value;
		return 0;
	case SIZE:
		return str_to_u64(value, o->target);
	case COUNT:
		return set_count(o->target, value);
	case WORD:
		return set_word(o->target, o->words, value);
	}
	return -EINVAL;
}

static void take_word(char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, word))
			continue;
		if (set_option(&known[i], value))
			pr_warn("options", "%s: bad value '%s'%s%s: ignored", word, value ? value : "",
				known[i].words ? ", it takes " : "", known[i].words ? known[i].words : "");
		return;
	}
	pr_warn("options", "unknown option '%s%s%s': ignored", word, value ? "=" : "", value ? value : "");
}

static void take_init_arg(char *word)
{
	static unsigned n;

	if (n < OPTIONS_MAX_INIT_ARGS)
		options.init_args[n++] = word;
	else
		pr_warn("options", "more than %u words for init: '%s' is dropped", OPTIONS_MAX_INIT_ARGS,
			word);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word, ended and without its quotes, single or double; *line moves past it. NULL: none. Quotes may stand anywhere in a
 * word. */
static char *next_word(char **line)
{
	char *p = *line, *word, *out;
	char quote = '\0'; /* that is open */

	while (is_blank(*p))
		p++;
	if (!*p)
		return NULL;
	word = out = p;
	for (; *p && (quote || !is_blank(*p)); p++) {
		if (*p == quote)
			quote = '\0';
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else
			*out++ = *p;
	}
	*line = *p ? p + 1 : p;
	*out = '\0';
	if (quote)
		pr_warn("options", "quote without an end: '%s'", word);
	return word;
}

void options_parse(char *line)
{
	bool for_init = false;
	char *word;

	while ((word = next_word(&line))) {
		if (for_init)
			take_init_arg(word);
		else if (!strcmp(word, "--"))
			for_init = true;
		else
			take_word(word);
	}
}
