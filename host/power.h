/* SPDX-License-Identifier: MIT */
/*
 * What a power failure may leave of a region, for the explorer, with several CPUs; fed by the observer of host/pmem_sim.h.
 *
 * Rule: a flush takes the content that its line has then, a store past the cache takes what it stored; the next fence of the same CPU makes what
 * was taken certain (Raad, Wickerson, Neiger and Vafeiadis, POPL 2020). What is certain never gets older. Everything else that the region
 * holds is in doubt: a cache may have written it back, or not. host/durable.h asks whose stores are in doubt, of chosen words, after every
 * step; host/crash_model.h has every state of one CPU, for the tests of recovery.
 *
 * Of the states that are possible these are made: nothing in doubt survives; all of it does; of one block it does; of all but one. A state
 * has each block in doubt as the region has it now, or as it is certain: older contents in between are left out.
 *
 * The model lies in the arena: it goes back with the world. No locks.
 */
#ifndef HOST_POWER_H
#define HOST_POWER_H

#include "host/pmem_sim.h"

struct power;

size_t power_size(u64 region_len);
/* What the region holds now is certain. */
void power_begin(struct power *p, const void *region, u64 region_len);
/* n bytes at offset `off` of the region, on `cpu`. Past the region: nothing. */
void power_event(struct power *p, unsigned cpu, enum pmem_sim_event what, u64 off, u64 n);

/* The states are numbered from 0, which is that nothing in doubt survives; 1: everything does. */
unsigned power_states(const struct power *p);
/* The same content, the same number. */
u64 power_hash(const struct power *p, unsigned state);
/* Writes the content into `image`, as long as the region. */
void power_image(const struct power *p, unsigned state, void *image);
/* "of what was not flushed and fenced nothing survives" */
void power_text(const struct power *p, unsigned state, char *buf, size_t size);

#endif
