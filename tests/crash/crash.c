/* SPDX-License-Identifier: MIT */
/*
 * The test of durability (world.h): scripts by seed, each in a process of its own, until enough different states of a power failure were
 * judged; then the same with one flush or fence of the file system left out at a time, which must be noticed.
 *
 *	crash [states=N] [mutants=N] [seed=N] [jobs=N] [steps=N] [site=FILE:LINE]
 *
 * states: how many at least (0: none). mutants: states that each mutant gets before it counts as missed (0: no mutants). seed: the first script;
 * with states=1 it alone is run to its end. site: leaves that place out. Exit status 0: no violation, every mutant caught.
 */
#include "tests/crash/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 2048u
#define MUTANT_SEED 5u /* the one without a journal comes first, since it has few states */
#define SEEDS_MAX 100000u

/* What the file system may look like. */
static struct start starts[] = {
	{.options = "-O orphan_file,metadata_csum_seed"},
	{.options = "-O ^orphan_file"},
	{.options = "-O ^metadata_csum,^64bit,uninit_bg"},
	{.options = "", .log = "jo -c -v 3"}, /* as Linux has it: the journal has checksums */
	{.options = "-O ^has_journal,^orphan_file", .no_journal = true},
};
#define NR_WITH_JOURNAL (ARRAY_SIZE(starts) - 1)

/* One script of ten has no journal, and takes longer: each state goes through e2fsck. */
static const struct start *start_of(u64 seed)
{
	return seed % 10 == 5 ? &starts[NR_WITH_JOURNAL] : &starts[seed % NR_WITH_JOURNAL];
}

/* Places that may be left out without any effect that could be promised, and why. */
static const struct {
	const char *file, *function, *why;
} exempt[] = {
	{"fs/dax.c", "map_for_write",
		"policy \"zero in the fault\" of the explorer: the block is reachable before it is zeroed"},
	{"fs/dax_huge.c", "map_for_write", "the same"},
};

static struct {
	u64 states, mutants, seed, jobs, steps;
	char site[80];
	char dir[64];
} opt = {.states = 10000, .mutants = 4000, .seed = 1, .jobs = 1, .steps = 80};

static struct judge_rules rules = {.limit = 24, .fsck_every = 100, .again_every = 150, .violations_max = 5};

static void *shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("crash");
		exit(2);
	}
	return p;
}

/* --- scripts --- */

static void run_script(u64 seed, struct tally *t)
{
	static struct script s;
	const struct start *start = start_of(seed);

	script_run(&s, start, seed, (u32)opt.steps);
	if (s.failed) {
		atomic_fetch_add(&t->violations, 1);
		if (!rules.quiet)
			printf("# violation: seed %llu: an operation fails: %s\n", (unsigned long long)seed,
				s.failed);
		return;
	}
	enumerate(&s, start, seed, &rules, t);
}

static pid_t start_script(u64 seed, struct tally *t)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	if (rules.quiet && !freopen("/dev/null", "w", stderr))
		_exit(1);
	run_script(seed, t);
	fflush(NULL);
	_exit(0);
}

static void reap(struct tally *t)
{
	int status;
	pid_t pid = wait(&status);

	if (pid > 0 && status == 0)
		return;
	atomic_fetch_add(&t->violations, 1);
	if (!rules.quiet)
		printf("# violation: the process ended with %s %d\n",
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void progress(const struct tally *t)
{
	if (!isatty(2))
		return;
	fprintf(stderr, "\r%llu states, %llu judged by e2fsck, %llu violations",
		(unsigned long long)t->states, (unsigned long long)t->fscks,
		(unsigned long long)t->violations);
}

static void run_scripts(struct tally *t)
{
	u64 running = 0, seed;

	for (seed = opt.seed; seed < opt.seed + SEEDS_MAX; seed++) {
		if (seed > opt.seed && atomic_load(&t->states) >= t->enough)
			break;
		if (running == opt.jobs) {
			reap(t);
			running--;
			progress(t);
		}
		start_script(seed, t);
		running++;
	}
	for (; running; running--)
		reap(t);
	if (isatty(2))
		fputc('\n', stderr);
}

/* --- mutants --- */

static const char *why_exempt(const struct pmem_site *s)
{
	for (u32 k = 0; k < ARRAY_SIZE(exempt); k++)
		if (!strcmp(s->file, exempt[k].file) && !strcmp(s->function, exempt[k].function))
			return exempt[k].why;
	return NULL;
}

/* Scripts one after the other until one of them shows something wrong. */
static bool mutant_caught(struct pmem_site *site)
{
	struct tally *t = shared(sizeof(*t));
	bool caught;

	pmem_sim_leave_out(site);
	t->enough = opt.mutants;
	for (u64 seed = MUTANT_SEED; atomic_load(&t->states) < t->enough && !atomic_load(&t->violations);
		seed++) {
		start_script(seed, t);
		reap(t);
	}
	caught = atomic_load(&t->violations);
	printf("%s: without the %s at %s:%u (%s): %llu states\n", caught ? "caught" : "MISSED",
		site->fence ? "fence" : "flush", site->file, site->line, site->function,
		(unsigned long long)t->states);
	fflush(stdout);
	munmap(t, sizeof(*t));
	return caught;
}

struct mutants {
	u32 caught, missed, exempt;
};

static struct mutants run_mutants(void)
{
	struct mutants m = {0};
	struct pmem_site *site;
	u64 running = 0;
	int status;

	rules.quiet = true;
	rules.violations_max = 1;
	for (u32 k = 0; (site = pmem_sim_site(k)); k++) {
		if (why_exempt(site)) {
			printf("exempt: the %s at %s:%u (%s): %s\n", site->fence ? "fence" : "flush",
				site->file, site->line, site->function, why_exempt(site));
			m.exempt++;
			continue;
		}
		if (running == opt.jobs) {
			m.missed += wait(&status) > 0 && status;
			running--;
		}
		fflush(NULL);
		if (!fork())
			_exit(!mutant_caught(site));
		running++;
		m.caught++;
	}
	for (; running; running--)
		m.missed += wait(&status) > 0 && status;
	m.caught -= m.missed;
	return m;
}

/* --- start --- */

/* A transaction that zeroes one block that is free. */
static bool write_log(const char *open_log, const char *image)
{
	char command[700];

	snprintf(command, sizeof(command),
		"head -c 4096 /dev/zero >%s/zero; printf '%s\\njw -b 1000 %s/zero\\njc\\n' | debugfs -w -f - "
		"%s >%s/log "
		"2>&1; rm %s/zero",
		opt.dir, open_log, opt.dir, image, opt.dir, opt.dir);
	return !system(command);
}

static bool make_image(struct start *s)
{
	char command[600], path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/start", opt.dir);
	snprintf(command, sizeof(command),
		"rm -f %s; E2FSPROGS_FAKE_TIME=1000000000 mke2fs -q -F -t ext4 -b 4096 -g 1024 %s -U "
		"01234567-89ab-cdef-0123-456789abcdef -E hash_seed=01234567-89ab-cdef-0123-456789abcdef %s "
		"%u >%s/log 2>&1",
		path, s->options, path, BLOCKS, opt.dir);
	s->len = (u64)BLOCKS * PAGE_SIZE;
	s->image = aligned_alloc(PAGE_SIZE, s->len);
	if (system(command) || (s->log && !write_log(s->log, path)) || !s->image || !(f = fopen(path, "rb")))
		return false;
	if (fread(s->image, 1, s->len, f) != s->len)
		return false;
	fclose(f);
	unlink(path);
	snprintf(path, sizeof(path), "%s/log", opt.dir);
	unlink(path);
	return script_prepare(s);
}

static bool parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		u64 *value;
	} numbers[] = {{"states", &opt.states}, {"mutants", &opt.mutants}, {"seed", &opt.seed},
		{"jobs", &opt.jobs}, {"steps", &opt.steps}};

	for (int k = 1; k < argc; k++) {
		bool known = sscanf(argv[k], "site=%79s", opt.site) == 1;

		for (u32 n = 0; n < ARRAY_SIZE(numbers); n++) {
			size_t len = strlen(numbers[n].name);
			char *end = NULL;

			if (strncmp(argv[k], numbers[n].name, len) || argv[k][len] != '=')
				continue;
			*numbers[n].value = strtoull(argv[k] + len + 1, &end, 10);
			known = end > argv[k] + len + 1 && !*end;
		}
		if (!known) {
			fprintf(stderr, "crash: what is \"%s\"?\n", argv[k]);
			return false;
		}
	}
	if (opt.steps < 2 || opt.steps > MAX_STEPS || !opt.jobs) {
		fprintf(stderr, "crash: steps=2 to %u, jobs=1 and more\n", MAX_STEPS);
		return false;
	}
	return true;
}

static bool leave_out(const char *where)
{
	struct pmem_site *site;
	char text[100];

	for (u32 k = 0; (site = pmem_sim_site(k)); k++) {
		snprintf(text, sizeof(text), "%s:%u", site->file, site->line);
		if (strcmp(text, where))
			continue;
		pmem_sim_leave_out(site);
		return true;
	}
	fprintf(stderr, "crash: %s neither flushes nor fences\n", where);
	return false;
}

int main(int argc, char **argv)
{
	struct tally *t = shared(sizeof(*t));
	struct mutants m = {0};
	bool good = true;

	if (!parse(argc, argv))
		return 2;
	strcpy(opt.dir, "/tmp/crash.XXXXXX");
	if (!mkdtemp(opt.dir))
		return 2;
	rules.dir = opt.dir;
	for (u32 k = 0; k < ARRAY_SIZE(starts) && good; k++)
		good = make_image(&starts[k]);
	if (good && opt.site[0])
		good = leave_out(opt.site);
	t->enough = opt.states > 1 ? opt.states : opt.states ? ~0ull : 0;
	if (good && opt.states == 1)
		reap((start_script(opt.seed, t), t));
	else if (good && opt.states)
		run_scripts(t);
	if (good && opt.mutants)
		m = run_mutants();
	rmdir(opt.dir);
	if (!good)
		return 2;
	printf("crash: %llu states (%llu of them in the middle of a recovery) of %llu steps and %llu fences, "
	       "%llu judged by e2fsck (%llu by a backup superblock); %u of %u mutants caught, %u exempt; "
	       "%llu violations\n",
		(unsigned long long)t->states, (unsigned long long)t->again, (unsigned long long)t->steps,
		(unsigned long long)t->fences, (unsigned long long)t->fscks, (unsigned long long)t->torn,
		m.caught, m.caught + m.missed, m.exempt, (unsigned long long)t->violations);
	return t->violations || m.missed ? 1 : 0;
}
