/* SPDX-License-Identifier: MIT */
/*
 * wordcount: counts the words of a mapped file with several threads, and prints the most frequent.
 *
 *   wordcount [-t THREADS] [-n WORDS] FILE
 *
 * The file is mapped, not read. On a file system with DAX (Faultline's; ext4 and XFS on persistent memory under Linux) the
 * threads then load from the medium itself: there is no copy of the file anywhere, and nothing to tune.
 *
 * Each thread counts into a table of its own, so that counting needs no lock; a mutex guards the one table into which
 * they are merged. Build it for Linux with "gcc -pthread wordcount.c", for Faultline with "faultline-cc -pthread wordcount.c".
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct word {
	const char *text; /* in the mapping; NULL: an empty place */
	size_t len;
	long count;
};

/* Open addressing: a word stands at its hash, or at the next place that was free. The size is a power of two. */
struct table {
	struct word *words;
	size_t size;
	size_t used;
};

struct part {
	pthread_t thread;
	const char *start, *end;
};

static pthread_mutex_t total_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table total; /* under total_lock while the threads run */

static void table_make(struct table *t, size_t size)
{
	t->words = calloc(size, sizeof(*t->words));
	if (!t->words)
		err(1, "a table for %zu words", size);
	t->size = size;
	t->used = 0;
}

/* FNV-1a, without regard to case, as the comparison. */
static size_t hash(const char *text, size_t len)
{
	size_t h = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (size_t)tolower((unsigned char)text[i])) * 1099511628211u;
	return h ^ h >> 32;
}

static void table_add(struct table *t, const char *text, size_t len, long count);

static void table_grow(struct table *t)
{
	struct table bigger;

	table_make(&bigger, 2 * t->size);
	for (size_t i = 0; i < t->size; i++)
		if (t->words[i].text)
			table_add(&bigger, t->words[i].text, t->words[i].len, t->words[i].count);
	free(t->words);
	*t = bigger;
}

static void table_add(struct table *t, const char *text, size_t len, long count)
{
	size_t at = hash(text, len) & (t->size - 1);

	while (t->words[at].text) {
		struct word *w = &t->words[at];

		if (w->len == len && strncasecmp(w->text, text, len) == 0) {
			w->count += count;
			return;
		}
		at = (at + 1) & (t->size - 1);
	}
	t->words[at] = (struct word){text, len, count};
	if (++t->used > t->size / 2)
		table_grow(t);
}

static void *count_part(void *arg)
{
	const struct part *part = arg;
	const char *p = part->start;
	struct table mine;

	table_make(&mine, 1024);
	while (p < part->end) {
		const char *start = p;

		while (p < part->end && isalpha((unsigned char)*p))
			p++;
		if (p > start)
			table_add(&mine, start, (size_t)(p - start), 1);
		else
			p++;
	}
	pthread_mutex_lock(&total_lock);
	for (size_t i = 0; i < mine.size; i++)
		if (mine.words[i].text)
			table_add(&total, mine.words[i].text, mine.words[i].len, mine.words[i].count);
	pthread_mutex_unlock(&total_lock);
	free(mine.words);
	return NULL;
}

/* Cuts the file into parts of about the same size, and no word in two. */
static void split(struct part *parts, long count, const char *text, size_t len)
{
	const char *from = text, *end = text + len;

	for (long i = 0; i < count; i++) {
		const char *to = text + len * (size_t)(i + 1) / (size_t)count;

		while (to < end && isalpha((unsigned char)*to))
			to++;
		parts[i].start = from;
		parts[i].end = to < from ? from : to;
		from = parts[i].end;
	}
}

/* The most frequent first; of the same count, by the alphabet. */
static int by_count(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = x->text && y->text ? strncasecmp(x->text, y->text, len) : 0;
	return order ? order : (int)x->len - (int)y->len;
}

static void print_word(const struct word *w)
{
	printf("%7ld ", w->count);
	for (size_t i = 0; i < w->len; i++)
		putchar(tolower((unsigned char)w->text[i]));
	putchar('\n');
}

static long number(const char *text, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 1 || n > max)
		errx(2, "%s: not a number from 1 to %ld", text, max);
	return n;
}

int main(int argc, char **argv)
{
	long threads = sysconf(_SC_NPROCESSORS_ONLN), top = 10, all = 0;
	struct part *parts;
	const char *text;
	struct stat st;
	int fd, c;

	while ((c = getopt(argc, argv, "t:n:")) != -1) {
		if (c == 't')
			threads = number(optarg, 1024);
		else if (c == 'n')
			top = number(optarg, 1000000);
		else
			errx(2, "usage: wordcount [-t THREADS] [-n WORDS] FILE");
	}
	if (optind != argc - 1)
		errx(2, "usage: wordcount [-t THREADS] [-n WORDS] FILE");
	fd = open(argv[optind], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", argv[optind]);
	if (st.st_size == 0)
		errx(1, "%s is empty", argv[optind]);
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (text == MAP_FAILED)
		err(1, "mmap %s", argv[optind]);

	parts = calloc((size_t)threads, sizeof(*parts));
	if (!parts)
		err(1, "%ld threads", threads);
	table_make(&total, 1024);
	split(parts, threads, text, (size_t)st.st_size);
	for (long i = 0; i < threads; i++) {
		int error = pthread_create(&parts[i].thread, NULL, count_part, &parts[i]);

		if (error)
			errx(1, "thread %ld: %s", i, strerror(error));
	}
	for (long i = 0; i < threads; i++)
		pthread_join(parts[i].thread, NULL);

	for (size_t i = 0; i < total.size; i++)
		all += total.words[i].count;
	printf("%ld words, %zu different\n", all, total.used);
	qsort(total.words, total.size, sizeof(*total.words), by_count);
	for (long i = 0; i < top && (size_t)i < total.used; i++)
		print_word(&total.words[i]);
	return 0;
}
