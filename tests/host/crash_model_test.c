/* SPDX-License-Identifier: MIT */
/* The model of what a power failure leaves (host/crash_model.h): small sequences of stores, flushes and fences, and exactly the states that each allows. */
#include "host/unit.h"

#include "host/crash_model.h"
#include "lib/string.h"

static u64 region[2 * PAGE_SIZE / 8] __attribute__((aligned(4096)));
static struct crash_model *model;

/* The words w[0..3] of a test: two in line 0, one in line 1, one on the other page. */
static const u64 place[4] = {0, 1, 8, 512 + 3};

static void begin(void)
{
	memset(region, 0, sizeof(region));
	if (model)
		crash_model_destroy(model);
	model = crash_model_create(region, sizeof(region));
}

static void store(unsigned cpu, unsigned w, u64 value)
{
	region[place[w]] = value;
	crash_model_event(model, cpu, PMEM_SIM_STORE, &region[place[w]], 8);
}

static void store_past(unsigned cpu, unsigned w, u64 value)
{
	region[place[w]] = value;
	crash_model_event(model, cpu, PMEM_SIM_NT_STORE, &region[place[w]], 8);
}

static void flush(unsigned cpu, unsigned w)
{
	crash_model_event(model, cpu, PMEM_SIM_FLUSH, &region[place[w]], 8);
}

static void fence(unsigned cpu)
{
	crash_model_event(model, cpu, PMEM_SIM_FENCE, NULL, 0);
}

static char found[2048];

/* Values are single digits: a state is four of them. */
static bool note(void *arg UNUSED, const struct crash_state *s)
{
	char state[6] = "0000 ";

	for (unsigned w = 0; w < 4; w++) {
		u64 v = crash_model_durable(model)[place[w]];

		for (u32 k = 0; k < s->nr_words; k++)
			if (s->words[k].at == place[w])
				v = s->words[k].value;
		state[w] = (char)('0' + v);
	}
	if (!strstr(found, state) && strlen(found) + sizeof(state) < sizeof(found))
		strcat(found, state);
	return true;
}

static const char *states(void)
{
	u64 seed = 1;

	found[0] = '\0';
	crash_model_states(model, 64, &seed, note, NULL);
	return found;
}

#define is_states(expected, ...)                                   \
	do {                                                       \
		if (!ok(!strcmp(states(), expected), __VA_ARGS__)) \
			diag("%s", found);                         \
	} while (0)

static void test_stores(void)
{
	begin();
	is_states("0000 ", "nothing was stored");
	store(0, 0, 1);
	is_states("0000 1000 ", "a store may be lost");
	store(0, 1, 2);
	is_states("0000 1000 1200 ", "of one line a prefix is there");
	store(1, 2, 3);
	is_states("0000 1000 1200 0030 1030 1230 ", "lines are independent");
	store(1, 0, 4);
	is_states("0000 1000 1200 4200 0030 1030 1230 4230 ", "the order of a line is that of all CPUs");
}

static void test_fences(void)
{
	begin();
	store(0, 0, 1);
	flush(0, 0);
	is_states("0000 1000 ", "a flush promises nothing");
	fence(1);
	is_states("0000 1000 ", "nor does another CPU's fence");
	fence(0);
	is_states("1000 ", "its own does");
	store(0, 0, 2);
	fence(0);
	is_states("1000 2000 ", "a fence without a flush does nothing");
	flush(1, 0);
	fence(1);
	is_states("2000 ", "any CPU may flush and fence what another has stored");
	store(0, 0, 3);
	flush(0, 0);
	store(0, 1, 4);
	fence(0);
	is_states("3000 3400 ", "certain is what was there at the flush");
	crash_model_event(model, 0, PMEM_SIM_CLFLUSH, &region[place[1]], 8);
	is_states("3400 ", "clflush needs no fence");
}

static void test_past_cache(void)
{
	begin();
	store_past(0, 0, 1);
	store_past(0, 1, 2);
	is_states("0000 1000 0200 1200 ", "past the cache any subset is there");
	flush(1, 0);
	fence(1);
	is_states("0000 1000 0200 1200 ", "until their own CPU fences");
	fence(0);
	is_states("1200 ", "which makes them certain");
	store(1, 0, 3);
	store_past(0, 1, 4);
	fence(0);
	is_states("3400 ", "what the line held in a cache goes with them");
	store(1, 0, 5);
	store_past(0, 0, 3);
	fence(0);
	is_states("3400 ", "also where memory holds the same already");
	store_past(0, 0, 6);
	store(1, 0, 7);
	flush(1, 0);
	fence(1);
	is_states("7400 ", "an older store never comes after a newer one");
	store_past(0, 3, 8);
	fence(0);
	is_states("7408 ", "another page");
}

static void test_changed(void)
{
	const u32 *pages;
	u64 empty;

	begin();
	empty = crash_model_hash(model);
	store(0, 3, 1);
	is(crash_model_changed(model, &pages), 0, "what is in doubt has changed nothing");
	flush(0, 3);
	fence(0);
	is(crash_model_changed(model, &pages), 1, "what is certain has changed a page");
	is(pages[0], 1, "the second one");
	ok(crash_model_hash(model) != empty, "and the hash");
	store_past(0, 3, 0);
	fence(0);
	ok(crash_model_hash(model) == empty, "which comes back with the content");
	crash_model_rebase(model);
	is(crash_model_changed(model, &pages), 0, "from here on nothing has changed");
}

/* More states than are asked for. */
static u32 told;

static bool count(void *arg UNUSED, const struct crash_state *s UNUSED)
{
	return ++told < 1000;
}

static void test_sample(void)
{
	u64 seed = 1;

	begin();
	for (u64 at = 0; at < ARRAY_SIZE(region); at++) {
		region[at] = at + 1;
		crash_model_event(model, 0, at % 2 ? PMEM_SIM_STORE : PMEM_SIM_NT_STORE, &region[at], 8);
	}
	crash_model_states(model, 100, &seed, count, NULL);
	is(told, 100, "of many states as many are told as were asked for");
	fence(0);
	for (u64 nr = 0; nr < ARRAY_SIZE(region); nr += 8)
		crash_model_event(model, 0, PMEM_SIM_FLUSH, &region[nr], 64);
	fence(0);
	ok(!memcmp(crash_model_durable(model), region, sizeof(region)), "in the end all is certain");
}

int main(void)
{
	test_stores();
	test_fences();
	test_past_cache();
	test_changed();
	test_sample();
	crash_model_destroy(model);
	return done_testing();
}
