/* SPDX-License-Identifier: MIT */
/*
 * Real-time clock. Client: kernel/main.c.
 *
 * Rule: the registers change once a second, so they are read until two readings agree with no update in
 * progress; never without end.
 */
#include "drivers/rtc.h"

#include "kernel/cpu/x86.h"
#include "lib/errno.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
enum {
	REG_SECOND = 0,
	REG_MINUTE = 2,
	REG_HOUR = 4,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11
};
enum { A_UPDATING = 0x80, B_BINARY = 4, B_24_HOURS = 2, HOUR_PM = 0x80 };
#define TRIES 100000

struct reading {
	u8 second, minute, hour, day, month, year;
};

static u8 get(u8 reg)
{
	outb(RTC_INDEX, reg);
	return inb(RTC_DATA);
}

static struct reading read_once(void)
{
	return (struct reading){
		get(REG_SECOND), get(REG_MINUTE), get(REG_HOUR), get(REG_DAY), get(REG_MONTH), get(REG_YEAR)};
}

static bool same(const struct reading *a, const struct reading *b)
{
	return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
		a->month == b->month && a->year == b->year;
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to the first of a month; the year counted from March, so that the leap day comes
 * last. */
static i64 days_before_month(unsigned year, unsigned month)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned m = (month + 9) % 12;

	return 365ll * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 - 719468;
}

i64 rtc_read(void)
{
	struct reading r = {0}, again;
	unsigned tries = 0, hour, year, pm;
	u8 format;

	do {
		if (++tries > TRIES)
			return -ENODEV;
		if (get(REG_A) & A_UPDATING)
			continue;
		r = read_once();
		again = read_once();
	} while (get(REG_A) & A_UPDATING || !same(&r, &again));
	format = get(REG_B);
	pm = r.hour & HOUR_PM;
	hour = r.hour & ~HOUR_PM;
	year = r.year;
	if (!(format & B_BINARY)) {
		r.second = (u8)from_bcd(r.second);
		r.minute = (u8)from_bcd(r.minute);
		r.day = (u8)from_bcd(r.day);
		r.month = (u8)from_bcd(r.month);
		hour = from_bcd(hour);
		year = from_bcd(year);
	}
	if (!(format & B_24_HOURS))
		hour = hour % 12 + (pm ? 12 : 0);
	if (r.second > 60 || r.minute > 59 || hour > 23 || !r.day || r.day > 31 || !r.month || r.month > 12 ||
		year > 99)
		return -ENODEV;
	return ((days_before_month(2000 + year, r.month) + r.day - 1) * 24 + hour) * 3600 + r.minute * 60 +
		r.second;
}
