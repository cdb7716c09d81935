/* SPDX-License-Identifier: MIT */
/* Reads the text form of scenarios. Grammar: scenario.h. Pure. */
#include "explore/scenario.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"

/* The file of a scenario that declares none. */
#define DEFAULT_FILE "f"
#define DEFAULT_PAGES 4

static const struct {
	const char *word;
	enum op_kind kind;
	bool no_file, page, pages, value, own_value, optional_nr, head, tail, rights;
	/* in place of the value */
	const char *other; /* FILE PAGE follow this word */
	enum op_kind other_kind;
} op_syntax[] = {
	{"load", OP_LOAD, .page = true, .tail = true},
	{"store", OP_STORE, .page = true, .value = true, .tail = true},
	{"fault-read", OP_LOAD, .page = true, .tail = true},
	{"fault-write", OP_STORE, .page = true, .own_value = true, .tail = true},
	{"pload", OP_PRIVATE_LOAD, .page = true, .tail = true},
	{"pstore", OP_PRIVATE_STORE, .page = true, .value = true, .tail = true},
	{"read", OP_READ, .page = true, .other = "into", .other_kind = OP_READ_INTO},
	{"write", OP_WRITE, .page = true, .value = true, .head = true, .other = "from",
		.other_kind = OP_WRITE_FROM},
	{"truncate", OP_TRUNCATE, .pages = true, .head = true},
	{"punch", OP_PUNCH, .page = true, .optional_nr = true},
	{"zero", OP_ZERO, .page = true, .optional_nr = true},
	{"collapse", OP_COLLAPSE, .page = true, .optional_nr = true},
	{"insert", OP_INSERT, .page = true, .optional_nr = true},
	{"fsync", OP_FSYNC, .page = false},
	{"msync", OP_MSYNC, .page = true},
	{"syncrange", OP_SYNC_RANGE, .page = true},
	{"mmap", OP_MMAP, .page = false},
	{"munmap", OP_MUNMAP, .page = false},
	{"mprotect", OP_PROTECT_RO, .rights = true},
	{"mremap", OP_MREMAP, .page = false},
	{"pin", OP_PIN, .page = true},
	{"dma", OP_DMA, .page = true, .value = true},
	{"unpin", OP_UNPIN, .page = true},
	{"poison", OP_POISON, .page = true},
	{"fork", OP_FORK, .no_file = true},
	{"exit", OP_EXIT, .no_file = true},
	{"persist", OP_PERSIST, .page = true, .tail = true},
	{"crash", OP_CRASH, .no_file = true},
};

struct parser {
	const char *p;
	char word[24];
	struct scenario *sc;
	u64 own_values; /* given so far */
	char *err;
	size_t err_size;
};

static int fail(struct parser *ps, const char *what)
{
	fmt_snprintf(ps->err, ps->err_size, "%s%s%s%s", what, *ps->word ? ": '" : "", ps->word,
		*ps->word ? "'" : "");
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_mark(char c)
{
	return c == ';' || c == '|' || c == ':';
}

/* The next word or mark into ps->word; "" at the end. */
static void next(struct parser *ps)
{
	size_t n = 0;

	while (is_blank(*ps->p))
		ps->p++;
	if (is_mark(*ps->p)) {
		ps->word[n++] = *ps->p++;
	} else {
		while (*ps->p && !is_blank(*ps->p) && !is_mark(*ps->p)) {
			if (n < sizeof(ps->word) - 1)
				ps->word[n++] = *ps->p;
			ps->p++;
		}
	}
	ps->word[n] = '\0';
}

static bool at(const struct parser *ps, const char *word)
{
	return !strcmp(ps->word, word);
}

static bool at_end_of_op(const struct parser *ps)
{
	return !*ps->word || at(ps, ";") || at(ps, "|");
}

static int number(struct parser *ps, u64 max, u64 *out)
{
	if (str_to_u64(ps->word, out) || *out > max)
		return fail(ps, "not a number, or too large");
	next(ps);
	return 0;
}

/* Where none is declared there is one; the only one need not be named. */
static int file_index(struct parser *ps, unsigned *out)
{
	struct scenario *sc = ps->sc;

	if (!sc->nr_files) {
		str_copy(sc->files[0].name, DEFAULT_FILE, sizeof(sc->files[0].name));
		sc->files[sc->nr_files++].pages = DEFAULT_PAGES;
	}
	*out = 0;
	for (unsigned i = 0; i < sc->nr_files; i++)
		if (at(ps, sc->files[i].name)) {
			*out = i;
			next(ps);
			return 0;
		}
	return sc->nr_files == 1 ? 0 : fail(ps, "there is no such file");
}

/* What follows the file and the page. */
static int parse_operands(struct parser *ps, unsigned syntax, struct script_op *op)
{
	int err = 0;

	if (op_syntax[syntax].other && at(ps, op_syntax[syntax].other)) {
		op->kind = op_syntax[syntax].other_kind;
		next(ps);
		err = file_index(ps, &op->other_file);
		return err ? err : number(ps, EXPLORE_MAX_PAGES - 1, &op->other_page);
	}
	if (op_syntax[syntax].value)
		err = number(ps, ~0ull, &op->value);
	if (op_syntax[syntax].own_value)
		op->value = ++ps->own_values;
	if (!err && op_syntax[syntax].optional_nr && !at_end_of_op(ps))
		err = number(ps, scenario_map_pages(ps->sc, op->file), &op->nr);
	if (!err && op_syntax[syntax].head && at(ps, "head"))
		op->head = true, next(ps);
	if (!err && op_syntax[syntax].tail && at(ps, "tail"))
		op->tail = true, next(ps);
	if (!err && op_syntax[syntax].rights) {
		if (!at(ps, "ro") && !at(ps, "rw"))
			return fail(ps, "ro or rw expected");
		op->kind = at(ps, "ro") ? OP_PROTECT_RO : OP_PROTECT_RW;
		next(ps);
	}
	return err;
}

static int parse_op(struct parser *ps, struct script_op *op)
{
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(op_syntax); i++) {
		if (!at(ps, op_syntax[i].word))
			continue;
		*op = (struct script_op){.kind = op_syntax[i].kind, .nr = 1};
		next(ps);
		if (!op_syntax[i].no_file)
			err = file_index(ps, &op->file);
		if (!err && op_syntax[i].page)
			err = number(ps, EXPLORE_MAX_PAGES - 1, &op->page);
		if (!err && op_syntax[i].pages)
			err = number(ps, scenario_map_pages(ps->sc, op->file), &op->page);
		if (!err)
			err = parse_operands(ps, i, op);
		if (!err && op_new_size(op) > scenario_map_pages(ps->sc, op->file) * 4096)
			err = fail(ps, "too large");
		if (!err && !at_end_of_op(ps))
			err = fail(ps, "one word too many");
		return err;
	}
	return fail(ps, "not an operation");
}

static int parse_file(struct parser *ps)
{
	struct scenario *sc = ps->sc;
	u64 pages;
	int err;

	if (sc->nr_files == EXPLORE_MAX_FILES)
		return fail(ps, "too many files");
	if (!*ps->word || is_mark(*ps->word) || strlen(ps->word) >= sizeof(sc->files[0].name) ||
		strchr(ps->word, '/'))
		return fail(ps, "not a file name");
	str_copy(sc->files[sc->nr_files].name, ps->word, sizeof(sc->files[0].name));
	next(ps);
	err = number(ps, PAGES_PER_HUGE, &pages);
	if (err)
		return err;
	sc->files[sc->nr_files].pages = (unsigned)pages;
	if (at(ps, "huge") != (pages > EXPLORE_MAX_PAGES) ||
		(at(ps, "huge") && (pages != PAGES_PER_HUGE || sc->huge)))
		return fail(ps, "a file has up to 8 pages; or 512 and is huge, which one of them may be");
	sc->files[sc->nr_files].huge = at(ps, "huge");
	if (at(ps, "huge")) {
		sc->huge = true;
		next(ps);
	}
	sc->files[sc->nr_files].hole = at(ps, "hole");
	if (at(ps, "hole"))
		next(ps);
	sc->nr_files++;
	return 0;
}

static int parse_prepare(struct parser *ps)
{
	struct scenario *sc = ps->sc;

	if (sc->nr_prepare == EXPLORE_MAX_PREPARE)
		return fail(ps, "too many preparations");
	if (ps->word[0] < 'A' || ps->word[0] >= 'A' + EXPLORE_MAX_THREADS || ps->word[1])
		return fail(ps, "not the letter of a thread");
	sc->prepare[sc->nr_prepare].thread = (unsigned)(ps->word[0] - 'A');
	next(ps);
	if (at(ps, "fork") || at(ps, "exit") || at(ps, "crash"))
		return fail(ps, "cannot be prepared");
	return parse_op(ps, &sc->prepare[sc->nr_prepare++].op);
}

static int parse_full(struct parser *ps)
{
	ps->sc->full = true;
	return 0;
}

static int parse_together(struct parser *ps)
{
	ps->sc->together = true;
	return 0;
}

static int parse_sync(struct parser *ps)
{
	ps->sc->sync = true;
	return 0;
}

static int parse_zeroing(struct parser *ps)
{
	if (!at(ps, "fault"))
		return fail(ps, "'fault' expected");
	next(ps);
	ps->sc->zero_in_fault = true;
	return 0;
}

static const struct {
	const char *word, *operands;
	int (*parse)(struct parser *ps); /* what follows the word */
} setup_syntax[] = {
	{"file", " NAME PAGES [huge] [hole]", parse_file},
	{"full", "", parse_full},
	{"together", "", parse_together},
	{"sync", "", parse_sync},
	{"zeroing", " fault", parse_zeroing},
	{"prepare", " THREAD OP", parse_prepare},
};

/* One statement of the setup: 1; none: 0. */
static int parse_setup(struct parser *ps)
{
	for (unsigned i = 0; i < ARRAY_SIZE(setup_syntax); i++) {
		int err;

		if (!at(ps, setup_syntax[i].word))
			continue;
		next(ps);
		err = setup_syntax[i].parse(ps);
		if (!err && !at(ps, ";"))
			err = fail(ps, "';' expected");
		if (err)
			return err;
		next(ps);
		return 1;
	}
	return 0;
}

bool scenario_setup_syntax(unsigned i, char *buf, size_t size)
{
	if (i >= ARRAY_SIZE(setup_syntax))
		return false;
	fmt_snprintf(buf, size, "%s%s", setup_syntax[i].word, setup_syntax[i].operands);
	return true;
}

bool scenario_op_syntax(unsigned i, char *buf, size_t size)
{
	size_t n;

	if (i >= ARRAY_SIZE(op_syntax))
		return false;
	n = (size_t)fmt_snprintf(buf, size, "%s%s%s%s%s%s%s%s%s", op_syntax[i].word,
		op_syntax[i].no_file ? "" : " F", op_syntax[i].page ? " P" : "",
		op_syntax[i].pages ? " PAGES" : "", op_syntax[i].value ? " V" : "",
		op_syntax[i].optional_nr ? " [PAGES]" : "", op_syntax[i].head ? " [head]" : "",
		op_syntax[i].tail ? " [tail]" : "", op_syntax[i].rights ? " ro|rw" : "");
	if (op_syntax[i].other)
		fmt_snprintf(buf + n, size - n, ", %s F P %s F P", op_syntax[i].word, op_syntax[i].other);
	return true;
}

static int parse_thread(struct parser *ps)
{
	struct scenario *sc = ps->sc;
	unsigned t = sc->nr_threads;
	int err;

	if (t == EXPLORE_MAX_THREADS)
		return fail(ps, "too many threads");
	if (ps->word[0] == (char)('A' + t) && !ps->word[1]) {
		next(ps);
		if (!at(ps, ":"))
			return fail(ps, "':' expected");
		next(ps);
	}
	for (;;) {
		if (sc->threads[t].nr == EXPLORE_MAX_OPS)
			return fail(ps, "too many operations in one thread");
		err = parse_op(ps, &sc->threads[t].ops[sc->threads[t].nr++]);
		if (err)
			return err;
		if (!at(ps, ";"))
			break;
		next(ps);
	}
	sc->nr_threads++;
	return 0;
}

/* Operations of thread t, the prepared ones first; NULL past the last. */
static const struct script_op *op_of(const struct scenario *sc, unsigned t, unsigned i)
{
	for (unsigned k = 0; k < sc->nr_prepare; k++)
		if (sc->prepare[k].thread == t && i-- == 0)
			return &sc->prepare[k].op;
	return i < sc->threads[t].nr ? &sc->threads[t].ops[i] : NULL;
}

bool scenario_maps_itself(const struct scenario *sc, unsigned t, unsigned file)
{
	const struct script_op *op;

	for (unsigned i = 0; (op = op_of(sc, t, i)); i++)
		if (op->kind == OP_MMAP && op->file == file)
			return true;
	return false;
}

static int check_thread(struct parser *ps, unsigned t)
{
	const struct script_op *op;
	int private_file = -1;
	unsigned forks = 0;

	ps->word[0] = '\0';
	for (unsigned i = 0; (op = op_of(ps->sc, t, i)); i++) {
		if (op_is_private(op) && private_file >= 0 && (int)op->file != private_file)
			return fail(ps, "a thread maps two files privately");
		if (op_is_private(op))
			private_file = (int)op->file;
		forks += op->kind == OP_FORK;
		if (op_is_private(op) && scenario_maps_itself(ps->sc, t, op->file))
			return fail(ps, "what a thread maps itself is shared");
		if (op->kind == OP_MREMAP && ps->sc->together)
			return fail(ps, "a mapping moves that others know only where it was");
	}
	return forks > 1 ? fail(ps, "a thread forks twice") : 0;
}

/* A crash is the end. What it may leave of pages that move, or of a file system without a journal, is not known. */
static int check_crash(struct parser *ps)
{
	const struct scenario *sc = ps->sc;
	unsigned shifts = 0, crashes = 0;
	const struct script_op *op;

	for (unsigned t = 0; t < sc->nr_threads; t++)
		for (unsigned i = 0; (op = op_of(sc, t, i)); i++) {
			shifts += op->kind == OP_COLLAPSE || op->kind == OP_INSERT;
			crashes += op->kind == OP_CRASH;
			if (op->kind == OP_CRASH && op_of(sc, t, i + 1))
				return fail(ps, "nothing comes after a crash");
		}
	ps->sc->crash = crashes;
	if (crashes > 1)
		return fail(ps, "two crashes");
	return crashes && (shifts || sc->huge)
		? fail(ps, "a crash goes with no collapse, no insert and no huge file")
		: 0;
}

/* No file may get more pages than a scenario tells apart, in whatever order its operations come. */
static int check_size(struct parser *ps, unsigned f)
{
	const struct scenario *sc = ps->sc;
	u64 most = sc->files[f].pages, inserted = 0;
	const struct script_op *op;
	bool shifts = false;

	for (unsigned t = 0; t < sc->nr_threads; t++)
		for (unsigned i = 0; (op = op_of(sc, t, i)); i++) {
			if (op->file != f)
				continue;
			shifts |= op->kind == OP_INSERT || op->kind == OP_COLLAPSE;
			if (op->kind == OP_INSERT)
				inserted += op->nr;
			else if (op->kind == OP_ZERO)
				most = MAX(most, op->page + op->nr);
			else if (op->kind == OP_TRUNCATE)
				most = MAX(most, DIV_ROUND_UP(op_new_size(op), 4096));
			else if (op_may_resize(op, f) && op->kind != OP_COLLAPSE)
				most = MAX(most, op->page + 1);
		}
	if (sc->files[f].huge)
		return shifts ? fail(ps, "what lies behind the first 8 pages of a huge file is not known")
			      : 0;
	return inserted + most > EXPLORE_MAX_PAGES ? fail(ps, "a file may get too large") : 0;
}

int scenario_parse(const char *text, struct scenario *sc, char *err_text, size_t err_size)
{
	struct parser ps = {.p = text, .sc = sc, .err = err_text, .err_size = err_size};
	int err;

	memset(sc, 0, sizeof(*sc));
	if (str_copy(sc->text, text, sizeof(sc->text)) >= sizeof(sc->text))
		return fail(&ps, "the scenario is too long");
	next(&ps);
	do
		err = parse_setup(&ps);
	while (err > 0);
	while (!err) {
		err = parse_thread(&ps);
		if (err || !at(&ps, "|"))
			break;
		next(&ps);
	}
	if (!err && *ps.word)
		err = fail(&ps, "'|' or ';' expected");
	for (unsigned i = 0; !err && i < sc->nr_prepare; i++)
		if (sc->prepare[i].thread >= sc->nr_threads)
			err = fail(&ps, "a preparation names a thread that does not exist");
	for (unsigned t = 0; !err && t < sc->nr_threads; t++)
		err = check_thread(&ps, t);
	if (!err)
		err = check_crash(&ps);
	for (unsigned f = 0; !err && f < sc->nr_files; f++)
		err = check_size(&ps, f);
	return err;
}

void scenario_op_text(const struct scenario *sc, const struct script_op *op, char *buf, size_t size)
{
	const char *f = sc->files[op->file].name, *other = sc->files[op->other_file].name;
	const char *tail = op->tail ? ".tail" : "", *head = op->head ? ", 8 bytes" : "";
	unsigned long page = op->page, value = op->value, other_page = op->other_page;

	switch (op->kind) {
	case OP_LOAD:
		fmt_snprintf(buf, size, "load %s[%lu]%s", f, page, tail);
		break;
	case OP_STORE:
		fmt_snprintf(buf, size, "store %s[%lu]%s = %lu", f, page, tail, value);
		break;
	case OP_PRIVATE_LOAD:
		fmt_snprintf(buf, size, "private load %s[%lu]%s", f, page, tail);
		break;
	case OP_PRIVATE_STORE:
		fmt_snprintf(buf, size, "private store %s[%lu]%s = %lu", f, page, tail, value);
		break;
	case OP_READ:
		fmt_snprintf(buf, size, "read(%s, page %lu)", f, page);
		break;
	case OP_READ_INTO:
		fmt_snprintf(buf, size, "read(%s, page %lu) into %s[%lu]", f, page, other, other_page);
		break;
	case OP_WRITE:
		fmt_snprintf(buf, size, "write(%s, page %lu%s) = %lu", f, page, head, value);
		break;
	case OP_WRITE_FROM:
		fmt_snprintf(buf, size, "write(%s, page %lu) from %s[%lu]", f, page, other, other_page);
		break;
	case OP_TRUNCATE:
		fmt_snprintf(
			buf, size, "truncate %s to %lu pages%s", f, page, op->head ? " and 8 bytes" : "");
		break;
	case OP_PUNCH:
		fmt_snprintf(buf, size, "punch %s[%lu..%lu]", f, page, (unsigned long)(page + op->nr - 1));
		break;
	case OP_ZERO:
		fmt_snprintf(buf, size, "zero %s[%lu..%lu]", f, page, (unsigned long)(page + op->nr - 1));
		break;
	case OP_COLLAPSE:
		fmt_snprintf(buf, size, "collapse %s[%lu..%lu]", f, page, (unsigned long)(page + op->nr - 1));
		break;
	case OP_INSERT:
		fmt_snprintf(buf, size, "insert %lu pages at %s[%lu]", (unsigned long)op->nr, f, page);
		break;
	case OP_MSYNC:
		fmt_snprintf(buf, size, "msync %s[%lu]", f, page);
		break;
	case OP_SYNC_RANGE:
		fmt_snprintf(buf, size, "sync_file_range %s[%lu]", f, page);
		break;
	case OP_FSYNC:
		fmt_snprintf(buf, size, "fsync %s", f);
		break;
	case OP_MMAP:
		fmt_snprintf(buf, size, "mmap %s", f);
		break;
	case OP_MUNMAP:
		fmt_snprintf(buf, size, "munmap %s", f);
		break;
	case OP_PROTECT_RO:
		fmt_snprintf(buf, size, "mprotect %s read-only", f);
		break;
	case OP_PROTECT_RW:
		fmt_snprintf(buf, size, "mprotect %s writable", f);
		break;
	case OP_MREMAP:
		fmt_snprintf(buf, size, "mremap %s", f);
		break;
	case OP_PIN:
		fmt_snprintf(buf, size, "pin %s[%lu]", f, page);
		break;
	case OP_DMA:
		fmt_snprintf(buf, size, "the device stores %s[%lu] = %lu", f, page, value);
		break;
	case OP_UNPIN:
		fmt_snprintf(buf, size, "unpin %s[%lu]", f, page);
		break;
	case OP_POISON:
		fmt_snprintf(buf, size, "machine check: %s[%lu] is bad", f, page);
		break;
	case OP_PERSIST:
		fmt_snprintf(buf, size, "write %s[%lu]%s back and fence", f, page, tail);
		break;
	case OP_CRASH:
		fmt_snprintf(buf, size, "the power fails");
		break;
	case OP_FORK:
		fmt_snprintf(buf, size, "fork");
		break;
	case OP_EXIT:
		fmt_snprintf(buf, size, "the child exits");
		break;
	}
}
