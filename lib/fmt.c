/* SPDX-License-Identifier: MIT */
/* Formatted output: lib/fmt.h says what. No state, no allocation; any context, panic included. */
#include "lib/fmt.h"
#include "lib/string.h"

/* Where text goes: counts everything, keeps what fits. */
struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, plus, blank, alt, upper;
	int width;
	int precision; /* -1: none given */
};

static void put(struct sink *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_n(struct sink *o, const char *s, size_t n)
{
	while (n--)
		put(o, *s++);
}

static void pad(struct sink *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct sink *o, const struct spec *sp, const char *s, size_t n)
{
	int fill = n < (size_t)sp->width ? sp->width - (int)n : 0;

	if (!sp->left)
		pad(o, ' ', fill);
	put_n(o, s, n);
	if (sp->left)
		pad(o, ' ', fill);
}

/* `prefix` is the sign or 0x. */
static void put_number(struct sink *o, const struct spec *sp, u64 v, unsigned base, const char *prefix)
{
	const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	int n = 0, np = (int)strlen(prefix);

	for (; v; v /= base)
		tmp[n++] = digits[v % base];
	int zeros = (sp->precision < 0 ? 1 : sp->precision) - n;
	if (base == 8 && sp->alt && zeros < 1 && (n == 0 || tmp[n - 1] != '0'))
		zeros = 1;
	zeros = MAX(zeros, 0);
	int fill = sp->width - n - zeros - np;
	if (sp->zero && !sp->left && sp->precision < 0 && fill > 0) {
		zeros += fill;
		fill = 0;
	}
	if (!sp->left)
		pad(o, ' ', fill);
	put_n(o, prefix, (size_t)np);
	pad(o, '0', zeros);
	while (n)
		put(o, tmp[--n]);
	if (sp->left)
		pad(o, ' ', fill);
}

static const char *parse_int(const char *p, int *out)
{
	int v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			v = 0;
	*out = v;
	return p;
}

static const char *parse_flags(const char *p, struct spec *sp)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			sp->left = true;
			break;
		case '0':
			sp->zero = true;
			break;
		case '+':
			sp->plus = true;
			break;
		case ' ':
			sp->blank = true;
			break;
		case '#':
			sp->alt = true;
			break;
		default:
			return p;
		}
	}
}

/* Bytes of the argument, by length modifier. */
static const char *parse_length(const char *p, unsigned *size)
{
	switch (*p) {
	case 'h':
		*size = p[1] == 'h' ? 1 : 2;
		return p + (*size == 1 ? 2 : 1);
	case 'l':
		*size = 8;
		return p + (p[1] == 'l' ? 2 : 1);
	case 'z':
	case 'j':
	case 't':
		*size = 8;
		return p + 1;
	}
	*size = 4;
	return p;
}

static i64 sign_extend(u64 v, unsigned size)
{
	switch (size) {
	case 1:
		return (signed char)v;
	case 2:
		return (short)v;
	case 4:
		return (i32)v;
	}
	return (i64)v;
}

static void put_signed(struct sink *o, const struct spec *sp, i64 v)
{
	const char *prefix = v < 0 ? "-" : sp->plus ? "+" : sp->blank ? " " : "";

	put_number(o, sp, v < 0 ? 0 - (u64)v : (u64)v, 10, prefix);
}

static void put_unsigned(struct sink *o, struct spec *sp, u64 v, unsigned size, char conv)
{
	const char *prefix = "";

	if (size < 8)
		v &= (1ull << size * 8) - 1;
	sp->upper = conv == 'X';
	if (sp->alt && v && (conv == 'x' || conv == 'X'))
		prefix = conv == 'x' ? "0x" : "0X";
	put_number(o, sp, v, conv == 'u' ? 10 : conv == 'o' ? 8 : 16, prefix);
}

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink o = {buf, size ? size - 1 : 0, 0};
	va_list ap;

	va_copy(ap, args);
	for (const char *p = fmt; *p; p++) {
		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		const char *start = p;
		struct spec sp = {.precision = -1};
		unsigned len;

		p = parse_flags(p + 1, &sp);
		if (*p == '*') {
			sp.width = va_arg(ap, int);
			if (sp.width < 0) {
				sp.left = true;
				sp.width = sp.width == INT32_MIN ? 0 : -sp.width;
			}
			p++;
		} else {
			p = parse_int(p, &sp.width);
		}
		if (*p == '.') {
			if (*++p == '*') {
				sp.precision = va_arg(ap, int);
				p++;
			} else {
				p = parse_int(p, &sp.precision);
			}
		}
		p = parse_length(p, &len);
		switch (*p) {
		case 'd':
		case 'i':
			put_signed(
				&o, &sp, len == 8 ? va_arg(ap, i64) : sign_extend((u64)va_arg(ap, int), len));
			break;
		case 'u':
		case 'o':
		case 'x':
		case 'X':
			put_unsigned(&o, &sp, len == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned), len, *p);
			break;
		case 'p':
			put_number(&o, &sp, (u64)va_arg(ap, void *), 16, "0x");
			break;
		case 'c': {
			char c = (char)va_arg(ap, int);
			put_text(&o, &sp, &c, 1);
			break;
		}
		case 's': {
			const char *s = va_arg(ap, const char *);
			if (!s)
				s = "(null)";
			put_text(&o, &sp, s, sp.precision < 0 ? strlen(s) : strnlen(s, (size_t)sp.precision));
			break;
		}
		case '%':
			put(&o, '%');
			break;
		default: /* unknown, or the string ends inside a conversion */
			put_n(&o, start, (size_t)(p - start));
			if (*p)
				put(&o, *p);
			else
				p--;
		}
	}
	va_end(ap);
	if (size)
		buf[MIN(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = fmt_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
