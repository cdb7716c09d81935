/* SPDX-License-Identifier: MIT */
/* Prints schedules. See print.h. */
#include "explore/print.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define LINE_WIDTH 100

void print(struct printer *p, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	p->out(p->arg, buf, MIN((size_t)n, sizeof(buf) - 1));
}

/* Threads A..D, interrupts a..d, stores that reach memory w..z. */
static char choice_letter(choice_t c)
{
	return (char)(c < CHOICE_INTERRUPT ? 'A' + c
			: c < CHOICE_DRAIN ? 'a' + c - CHOICE_INTERRUPT
					   : 'w' + c - CHOICE_DRAIN);
}

void scheme_text(const struct dax_config *c, char text[SCHEME_TEXT])
{
	fmt_snprintf(text, SCHEME_TEXT, "%s%s%s", c->lock_ops->name,
		c->zeroing == DAX_ZERO_IN_FAULT ? "+fault" : "", c->zero_page_global ? "+global" : "");
}

void print_replay_string(struct printer *p, const char *race, const struct cell *c, const struct schedule *s)
{
	char scheme[SCHEME_TEXT];

	scheme_text(&c->w.config, scheme);
	print(p, "%s/%s/%s:", race, scheme, c->w.granularity == EXPLORE_STEPS ? "step" : "access");
	for (unsigned i = 0, n; i < s->len; i += n) {
		for (n = 1; i + n < s->len && s->choices[i + n] == s->choices[i]; n++)
			;
		print(p, "%c%u", choice_letter(s->choices[i]), n);
	}
}

int parse_schedule(const char *text, struct schedule *out)
{
	out->len = 0;
	while (*text) {
		unsigned n = 0;
		choice_t c;

		if (*text >= 'A' && *text < 'A' + EXPLORE_MAX_THREADS)
			c = (choice_t)(*text - 'A');
		else if (*text >= 'a' && *text < 'a' + EXPLORE_MAX_THREADS)
			c = (choice_t)(CHOICE_INTERRUPT + *text - 'a');
		else if (*text >= 'w' && *text < 'w' + EXPLORE_MAX_THREADS)
			c = (choice_t)(CHOICE_DRAIN + *text - 'w');
		else
			return -EINVAL;
		for (text++; *text >= '0' && *text <= '9' && n <= ENGINE_MAX_DEPTH; text++)
			n = n * 10 + (unsigned)(*text - '0');
		if (!n || out->len + n > ENGINE_MAX_DEPTH)
			return -EINVAL;
		while (n--)
			out->choices[out->len++] = c;
	}
	return 0;
}

/* The columns */

struct columns {
	struct printer *p;
	unsigned width;
	unsigned returned[EXPLORE_MAX_THREADS]; /* operations whose result was shown */
	bool violated;
};

static void row(struct columns *col, unsigned thread, const char *text)
{
	print(col->p, "  %*s%s\n", (int)(thread * col->width), "", text);
}

static void point_text(const struct explore_thread *t, char *buf, size_t size)
{
	switch (t->point) {
	case POINT_STEP:
		if (t->step == STEP_OP)
			scenario_op_text(t->w->sc, &t->w->sc->threads[t->index].ops[t->arg], buf, size);
		else
			fmt_snprintf(buf, size, "  %s", protocol_step_text(t->step));
		break;
	case POINT_ACCESS:
		fmt_snprintf(buf, size, "    . %s shared state", t->write ? "change" : "read");
		break;
	case POINT_LOCK:
		fmt_snprintf(buf, size, "    . take a spinlock");
		break;
	case POINT_USER:
		fmt_snprintf(buf, size, "    . the access itself");
		break;
	}
}

static void show_before(void *arg, struct cell *c, choice_t choice)
{
	struct columns *col = arg;
	char buf[96];

	if (choice >= CHOICE_DRAIN) {
		row(col, choice - CHOICE_DRAIN, "    . (its oldest store reaches memory)");
		return;
	}
	if (choice >= CHOICE_INTERRUPT) {
		row(col, choice - CHOICE_INTERRUPT, "  (its CPU takes the interrupt)");
		return;
	}
	/* Who has waited goes on where it was: that is shown by what comes next. */
	if (c->w.threads[choice].status == EXPLORE_WAITING)
		fmt_snprintf(buf, sizeof(buf), "  ... goes on");
	else
		point_text(&c->w.threads[choice], buf, sizeof(buf));
	row(col, choice, buf);
}

static void result_text(const struct script_op *op, const struct op_result *r, char *buf, size_t size)
{
	if (op_is_access(op) && r->ret)
		fmt_snprintf(buf, size, "  -> SIGBUS or SIGSEGV");
	else if (op->kind == OP_LOAD || op->kind == OP_PRIVATE_LOAD)
		fmt_snprintf(buf, size, "  -> %lu", (unsigned long)r->value);
	else if (op->kind == OP_READ && r->ret > 0)
		fmt_snprintf(buf, size, "  -> %lu", (unsigned long)r->part[PART_HEAD]);
	else if (r->ret < 0)
		fmt_snprintf(buf, size, "  -> error %ld", (long)-r->ret);
	else if (op->kind == OP_STORE || op->kind == OP_PRIVATE_STORE)
		fmt_snprintf(buf, size, "  -> stored");
	else
		fmt_snprintf(buf, size, "  -> returns");
}

static void show_after(void *arg, struct cell *c, choice_t choice)
{
	struct columns *col = arg;

	for (unsigned t = 0; t < c->w.sc->nr_threads; t++) {
		const struct explore_thread *et = &c->w.threads[t];
		char buf[96];

		for (unsigned i = col->returned[t]; i < c->w.sc->threads[t].nr && et->results[i].returned;
			i++) {
			result_text(&c->w.sc->threads[t].ops[i], &et->results[i], buf, sizeof(buf));
			row(col, t, buf);
			col->returned[t] = i + 1;
		}
		if (t == choice && et->status == EXPLORE_WAITING)
			row(col, t, "  (waits)");
	}
}

static void show_violation(void *arg, struct cell *c UNUSED, const struct violation *v)
{
	struct columns *col = arg;

	print(col->p, "  => %s\n", v->text);
	col->violated = true;
}

static void show_end(void *arg, struct cell *c)
{
	struct columns *col = arg;
	char buf[160];

	if (c->w.crashed) {
		if (!col->violated)
			print(col->p, "  => nothing is violated: what was promised is there afterwards\n");
		return;
	}
	history_final_text(&c->w, buf, sizeof(buf));
	print(col->p, "  => %s%s\n", col->violated ? "in the end " : "nothing is violated; in the end ", buf);
}

int print_schedule(
	struct printer *p, const char *race, struct cell *c, const struct schedule *s, struct violation *v)
{
	unsigned nr = c->w.sc->nr_threads;
	struct columns col = {.p = p, .width = (LINE_WIDTH - 2) / MAX(nr, 2u)};
	struct observer o = {show_before, show_after, show_violation, show_end, &col};
	int err;

	if (col.width > 44)
		col.width = 44;
	print(p, "  ");
	for (unsigned t = 0; t < nr; t++)
		print(p, "%c%*s", 'A' + t, t + 1 < nr ? (int)col.width - 1 : 0, "");
	print(p, "\n");
	err = cell_replay(c, s, &o, v);
	if (err) {
		print(p, "  the schedule cannot be replayed\n");
		return err;
	}
	print(p, "  replay=");
	print_replay_string(p, race, c, s);
	print(p, "\n\n");
	return 0;
}
