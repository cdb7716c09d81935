/* SPDX-License-Identifier: MIT */
/* The explorer's model of a power failure (host/power.h): what is certain, what is in doubt, on two CPUs. */
#include "host/power.h"
#include "host/unit.h"

#include <stdlib.h>

#define WORDS (3 * PAGE_SIZE / 8)

static u64 region[WORDS], image[WORDS];
static struct power *power;

static void start(void)
{
	memset(region, 0, sizeof(region));
	power = power ? power : malloc(power_size(sizeof(region)));
	if (!power)
		abort();
	power_begin(power, region, sizeof(region));
}

static void store(unsigned cpu, u64 word, u64 value)
{
	region[word] = value;
	power_event(power, cpu, PMEM_SIM_STORE, word * 8, 8);
}

static void store_past(unsigned cpu, u64 word, u64 value)
{
	region[word] = value;
	power_event(power, cpu, PMEM_SIM_NT_STORE, word * 8, 8);
}

static void flush(unsigned cpu, u64 word)
{
	power_event(power, cpu, PMEM_SIM_FLUSH, word * 8, 8);
}

static void fence(unsigned cpu)
{
	power_event(power, cpu, PMEM_SIM_FENCE, 0, 0);
}

/* The word, in that state. */
static u64 found(unsigned state, u64 word)
{
	power_image(power, state, image);
	return image[word];
}

static void test_certain(void)
{
	start();
	is(power_states(power), 1, "at first nothing is in doubt");
	store(0, 3, 7);
	is(power_states(power), 2, "a store is");
	is(found(0, 3), 0, "it may be lost");
	is(found(1, 3), 7, "or survive");
	flush(0, 3);
	is(found(0, 3), 0, "flushed it may still be lost");
	fence(1);
	is(found(0, 3), 0, "another CPU's fence does not help");
	store(1, 3, 8);
	fence(0);
	is(found(0, 3), 7, "its own does, for what the line held when it was flushed");
	is(found(1, 3), 8, "a later store may survive");
	store(1, 4, 9);
	fence(1);
	is(found(0, 4), 0, "a fence without a flush is for nothing");
	flush(0, 8);
	fence(0);
	is(found(0, 4), 0, "so is a flush of another line");
}

static void test_past_cache(void)
{
	start();
	store(0, 0, 5);
	store_past(0, 1, 6);
	fence(1);
	is(found(0, 1), 0, "a store past the cache waits for its own CPU's fence");
	fence(0);
	is(found(0, 1), 6, "which makes it certain");
	is(found(0, 0), 0, "and nothing else of its line");
}

/* What is certain does not get older, whoever fences when. */
static void test_order(void)
{
	start();
	store(0, 0, 1);
	flush(0, 0);
	store(1, 0, 2);
	flush(1, 0);
	fence(1);
	is(found(0, 0), 2, "the later flush is certain");
	fence(0);
	is(found(0, 0), 2, "and stays so when the earlier one gets its fence");
	store(0, 0, 3);
	flush(0, 0);
	store(1, 0, 2);
	flush(1, 0);
	fence(1);
	fence(0);
	is(found(0, 0), 2, "also where a value comes back");
	is(power_states(power), 1, "then nothing is in doubt");
}

static void test_states(void)
{
	u64 hashes[8];

	start();
	store(0, 0, 1);
	store(0, 512, 2);
	store(0, 1024, 3);
	is(power_states(power), 8, "three blocks in doubt: none, all, each alone, all but each");
	for (unsigned k = 0; k < 3; k++) {
		ok(found(2 + 2 * k, 512 * k) == k + 1 && found(2 + 2 * k, 512 * ((k + 1) % 3)) == 0,
			"block %u alone", k);
		ok(found(3 + 2 * k, 512 * k) == 0 && found(3 + 2 * k, 512 * ((k + 1) % 3)) != 0,
			"all but block %u", k);
	}
	for (unsigned k = 0; k < 8; k++) {
		hashes[k] = power_hash(power, k);
		for (unsigned i = 0; i < k; i++)
			ok(hashes[i] != hashes[k], "states %u and %u have two numbers", i, k);
	}
	flush(0, 0);
	flush(0, 512);
	flush(0, 1024);
	fence(0);
	is(power_hash(power, 0), hashes[1], "what everything was is certain now, and has the same number");
}

int main(void)
{
	test_certain();
	test_past_cache();
	test_order();
	test_states();
	return done_testing();
}
