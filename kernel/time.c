/* SPDX-License-Identifier: MIT */
/*
 * Time since boot, from the TSC. Clients: everything (time_ns), the scheduler's timer.
 *
 * Rule: the TSC's frequency is taken from CPUID leaf 15h where that is complete and sane, and otherwise measured once against
 * the best reference counter; then time_ns() is one RDTSC and one multiplication. The APIC timer is measured in the same window.
 *
 * Across CPUs: every x86-64 CPU of the last fifteen years resets its TSC together with the others of the machine and counts at one rate
 * (invariant TSC), and so do virtual machines. kernel/cpu/smp.c checks it when a CPU starts, and says so in the log if it is not true; the
 * clock then jumps by that much where a thread migrates. Nothing in the kernel is unsafe under such a jump.
 *
 * Locks: none. Written at boot, before other CPUs run.
 */
#include "kernel/time.h"

#include "drivers/apic.h"
#include "drivers/timer.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/features.h"
#include "kernel/log.h"

#define TSC_HZ_MIN 10000000ull
#define TSC_HZ_MAX 20000000000ull
#define TSC_HZ_ASSUMED 1000000000ull
#define TSC_LEAF 0x15
/* No reference that runs needs longer than this for its window. */
#define CALIBRATION_TICKS_MAX (1ull << 32)

static u64 tsc_base, tsc_hz;
static u64 ns_per_tick; /* 32.32 fixed point; 0: not calibrated */

u64 time_ns(void)
{
	return (u64)((unsigned __int128)(rdtsc() - tsc_base) * ns_per_tick >> 32);
}

u64 time_tsc_hz(void)
{
	return tsc_hz;
}

void time_delay_us(u64 us)
{
	u64 start = time_ns();

	while (time_ns() - start < us * 1000)
		cpu_relax();
}

/* The frequency that the CPU states (SDM vol. 2, CPUID leaf 15h); 0: it does not, or nonsense. */
static u64 stated_tsc_hz(void)
{
	struct cpuid_result r;
	u64 hz;

	if (cpuid(0, 0).eax < TSC_LEAF)
		return 0;
	r = cpuid(TSC_LEAF, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	hz = (u64)r.ecx * r.ebx / r.eax;
	return hz >= TSC_HZ_MIN && hz <= TSC_HZ_MAX ? hz : 0;
}

struct sample {
	u64 tsc, reference;
	u32 apic;
};

/* The three counters at one time: of a few tries the one that took the shortest, so that an interruption (a hypervisor's, firmware's)
 * between the reads does no harm. */
static struct sample take_sample(const struct reference_clock *c)
{
	struct sample best = {0};
	u64 shortest = ~0ull;

	for (unsigned i = 0; i < 4; i++) {
		u64 before = rdtsc(), reference = c->read(), after;
		u32 apic = apic_timer_counted();

		after = rdtsc();
		if (after - before < shortest) {
			shortest = after - before;
			best = (struct sample){before, reference, apic};
		}
	}
	return best;
}

/* ticks in `part` of `hz` ticks of the reference, per second. */
static u64 rate(u64 ticks, u64 part, u64 hz)
{
	return ticks * (hz / part) + ticks * (hz % part) / part;
}

/* Measures both counters; false: the reference stopped. */
static bool measure(const struct reference_clock *c, u64 *tsc, u64 *apic)
{
	u64 window = c->hz * c->window_us / 1000000, passed;
	struct sample start, end;

	apic_timer_start_count();
	start = take_sample(c);
	do {
		if (rdtsc() - start.tsc > CALIBRATION_TICKS_MAX)
			return false;
	} while (((c->read() - start.reference) & c->mask) < window);
	end = take_sample(c);
	passed = (end.reference - start.reference) & c->mask;
	*tsc = rate(end.tsc - start.tsc, passed, c->hz);
	*apic = rate(end.apic - start.apic, passed, c->hz);
	return *tsc >= TSC_HZ_MIN && *tsc <= TSC_HZ_MAX;
}

static u64 read_tsc(void)
{
	return rdtsc();
}

static void set_rates(const char *source, u64 tsc, u64 apic)
{
	tsc_hz = tsc;
	ns_per_tick = (NS_PER_SECOND << 32) / tsc;
	apic_timer_set_rate(apic_timer_has_deadline() ? tsc : apic);
	pr_info("time", "TSC %llu kHz by %s, timer %s", (unsigned long long)tsc / 1000, source,
		apic_timer_has_deadline() ? "TSC deadline" : "APIC");
}

void time_init(void)
{
	u64 stated = stated_tsc_hz(), tsc, apic;
	const struct reference_clock *c;

	tsc_base = rdtsc();
	if (stated) {
		struct reference_clock self = {"CPUID", stated, ~0ull, 200, read_tsc};

		if (measure(&self, &tsc, &apic)) {
			set_rates(self.name, stated, apic);
			return;
		}
	}
	for (unsigned n = 0; (c = timer_reference(n)); n++) {
		if (measure(c, &tsc, &apic)) {
			set_rates(c->name, tsc, apic);
			return;
		}
		pr_warn("time", "%s: no good measurement", c->name);
	}
	pr_warn("time", "no reference clock: the TSC's frequency is a guess");
	set_rates("guess", TSC_HZ_ASSUMED, TSC_HZ_ASSUMED);
}
