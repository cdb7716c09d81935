/* SPDX-License-Identifier: MIT */
/* lib/: strings, formatted output, checksums, trees. Each is compared with the C library or with the
 * obvious slow way. */
#include "host/unit.h"
#include "lib/crc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/interval_tree.h"
#include "lib/string.h"
#include <limits.h>
#include <stdlib.h>

/* The freestanding mem* and str*, which hosted builds leave out, under other names. */
#define LIB_STRING_TEST
#define memcpy k_memcpy
#define memmove k_memmove
#define memset k_memset
#define memcmp k_memcmp
#define memchr k_memchr
#define strlen k_strlen
#define strnlen k_strnlen
#define strcmp k_strcmp
#define strncmp k_strncmp
#define strchr k_strchr
#define strrchr k_strrchr
#define str_copy k_str_copy
#define str_to_u64 k_str_to_u64
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "lib/string.c"
#pragma GCC diagnostic pop
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef str_copy
#undef str_to_u64

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void fill(u8 *p, size_t n)
{
	while (n--)
		*p++ = (u8)rand();
}

static void test_memory(void)
{
	u8 a[160], b[160], src[160];
	bool copy = true, move = true, set = true, compare = true, find = true;

	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand() % 64, d = (size_t)rand() % 64, s = (size_t)rand() % 64;

		fill(src, sizeof(src));
		memcpy(a, src, sizeof(a));
		memcpy(b, src, sizeof(b));
		k_memmove(a + d, a + s, n);
		memmove(b + d, b + s, n);
		move &= !memcmp(a, b, sizeof(a));
		k_memcpy(a + d, src + s, n);
		memcpy(b + d, src + s, n);
		copy &= !memcmp(a, b, sizeof(a));
		k_memset(a + s, (int)d, n);
		memset(b + s, (int)d, n);
		set &= !memcmp(a, b, sizeof(a));
		if (n)
			b[s + (size_t)rand() % n] ^= (u8)(rand() % 3);
		compare &= sign(k_memcmp(a + s, b + s, n)) == sign(memcmp(a + s, b + s, n));
		find &= k_memchr(a + s, a[d], n) == memchr(a + s, a[d], n);
	}
	ok(copy, "memcpy agrees with libc's");
	ok(move, "memmove agrees with libc's, also overlapping");
	ok(set, "memset agrees with libc's");
	ok(compare, "memcmp agrees with libc's");
	ok(find, "memchr agrees with libc's");
}

static void test_strings(void)
{
	static const char *const words[] = {
		"", "a", "ab", "abc", "abd", "b\xff", "b\x01", "a/b/c", "//", "0123456789abcdef0123"};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *s = words[i];

		good &= k_strlen(s) == strlen(s) && k_strnlen(s, 3) == strnlen(s, 3);
		good &= k_strchr(s, 'b') == strchr(s, 'b') && k_strchr(s, 0) == strchr(s, 0);
		good &= k_strrchr(s, '/') == strrchr(s, '/') && k_strrchr(s, 0) == strrchr(s, 0);
		for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
			good &= sign(k_strcmp(s, words[j])) == sign(strcmp(s, words[j]));
			for (size_t n = 0; n < 5; n++)
				good &= sign(k_strncmp(s, words[j], n)) == sign(strncmp(s, words[j], n));
		}
	}
	ok(good, "str* agree with libc's");

	char buf[4] = "xyz";
	is(str_copy(buf, "hello", sizeof(buf)), 5, "str_copy tells the whole length");
	is_str(buf, "hel", "str_copy ends what it cut");
	is(str_copy(buf, "", 0), 0, "str_copy with no room writes nothing");

	static const struct {
		const char *s;
		int ret;
		u64 v;
	} numbers[] = {
		{"0", 0, 0},
		{"42", 0, 42},
		{"0x1F", 0, 31},
		{"4K", 0, 4096},
		{"3m", 0, 3 << 20},
		{"0x2G", 0, 2ull << 30},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"0x10000000000000000", -ERANGE, 0},
		{"99999999999G", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"12q", -EINVAL, 0},
		{"4KB", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"K", -EINVAL, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 v = 0;
		int ret = str_to_u64(numbers[i].s, &v);
		ok(ret == numbers[i].ret && v == numbers[i].v, "str_to_u64(\"%s\")", numbers[i].s);
	}
}

static char failed_format[64];

/* One conversion by both, into a roomy and into a short buffer. */
#define SAME(format, ...)                                                                              \
	({                                                                                             \
		char want_[300], got_[300], cut_[8] = "#######";                                       \
		int w_ = snprintf(want_, sizeof(want_), format, __VA_ARGS__);                          \
		int g_ = fmt_snprintf(got_, sizeof(got_), format, __VA_ARGS__);                        \
		int c_ = fmt_snprintf(cut_, sizeof(cut_), format, __VA_ARGS__);                        \
		bool same_ = w_ == g_ && c_ == w_ && !strcmp(want_, got_) && !strncmp(cut_, want_, 7); \
		if (!same_)                                                                            \
			snprintf(failed_format, sizeof(failed_format), "%s: '%.20s'", format, got_);   \
		same_;                                                                                 \
	})

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"

static bool random_format(void)
{
	static const char *const flags[] = {"", "-", "0", "+", " ", "#", "-0", "0+", "- ", "#0", "-#"};
	static const char *const widths[] = {"", "1", "5", "12", "30"};
	static const char *const precisions[] = {"", ".", ".0", ".1", ".6", ".25"};
	static const char *const lengths[] = {"", "h", "hh", "l", "ll", "z", "j", "t"};
	static const char conversions[] = "diuoxX";
	static const u64 values[] = {0, 1, 7, 8, 255, 4096, INT_MAX, UINT_MAX, (u64)INT_MIN, INT64_MAX,
		(u64)INT64_MIN, UINT64_MAX};
	char f[40];
	u64 v = rand() % 3 ? values[(size_t)rand() % ARRAY_SIZE(values)] : (u64)rand() * (u64)rand();
	size_t l = (size_t)rand() % ARRAY_SIZE(lengths);
	char conv = conversions[(size_t)rand() % (sizeof(conversions) - 1)];

	snprintf(f, sizeof(f), "<%%%s%s%s%s%c>", flags[(size_t)rand() % ARRAY_SIZE(flags)],
		widths[(size_t)rand() % ARRAY_SIZE(widths)],
		precisions[(size_t)rand() % ARRAY_SIZE(precisions)], lengths[l], conv);
	return l < 3 ? SAME(f, (int)v) : SAME(f, v);
}

static void test_format(void)
{
	bool good = true;

	for (int i = 0; i < 50000 && good; i++)
		good = random_format();
	ok(good, "integer conversions agree with snprintf %s", failed_format);
	ok(SAME("%s|%10s|%-10s|%.2s|%.0s|%5.1s|", "abc", "abc", "abc", "abc", "abc", "abc"), "%%s %s",
		failed_format);
	ok(SAME("%c%5c%-5c%%", 'x', 'y', 'z'), "%%c and %%%% %s", failed_format);
	ok(SAME("%*d|%-*d|%.*d|%*.*s|%*d", 6, 42, 6, 42, 4, 42, 8, 2, "abc", -6, 42),
		"* for width and precision %s", failed_format);
	ok(SAME("%.*d|%p", -1, 7, (void *)0x1234), "negative precision, %%p %s", failed_format);
	char buf[32];
	is(fmt_snprintf(buf, sizeof(buf), "%s", (char *)NULL), 6, "a NULL string has a text");
	is(fmt_snprintf(NULL, 0, "%d", 12345), 5, "size 0 counts only");
	fmt_snprintf(buf, sizeof(buf), "%y%");
	is_str(buf, "%y%", "unknown and cut-off conversions stay as they are");
}

/* Bit by bit. */
static u32 slow_crc(u32 crc, u32 poly, const u8 *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? poly : 0);
	}
	return crc;
}

static void test_crc(void)
{
	u8 buf[300];
	bool good = true;

	is(crc32c(~0u, "123456789", 9) ^ ~0u, 0xe3069283, "CRC-32C check value");
	memset(buf, 0, 32);
	is(crc32c(~0u, buf, 32) ^ ~0u, 0x8a9136aa, "CRC-32C of 32 zeros (RFC 3720, B.4)");
	memset(buf, 0xff, 32);
	is(crc32c(~0u, buf, 32) ^ ~0u, 0x62a8ab43, "CRC-32C of 32 ones (RFC 3720, B.4)");
	is(crc16(0, "123456789", 9), 0xbb3d, "CRC-16 check value");
	for (int round = 0; round < 2000 && good; round++) {
		size_t off = (size_t)rand() % 16, n = (size_t)rand() % 256, cut = n ? (size_t)rand() % n : 0;
		u32 seed = (u32)rand();

		fill(buf, sizeof(buf));
		good = crc32c(seed, buf + off, n) == slow_crc(seed, 0x82f63b78, buf + off, n) &&
			crc32c(crc32c(seed, buf + off, cut), buf + off + cut, n - cut) ==
				crc32c(seed, buf + off, n) &&
			crc16((u16)seed, buf + off, n) == slow_crc((u16)seed, 0xa001, buf + off, n);
	}
	ok(good, "both agree with the bit-by-bit way, in pieces too");
}

/* --- trees --- */

#define NODES 200

struct item {
	struct interval_node in;
	bool used;
};

/* Checks order, balance, heights, parents and the augmented maximum; number of nodes, or -1. */
static int check_subtree(
	const struct tree_node *n, const struct tree_node *parent, u64 lo, u64 hi, u64 *last, i32 *height)
{
	const struct interval_node *i = CONTAINER_OF(n, struct interval_node, node);
	u64 ll = 0, rl = 0;
	i32 lh = 0, rh = 0;

	if (!n) {
		*last = 0;
		*height = 0;
		return 0;
	}
	if (n->parent != parent || i->first < lo || i->first > hi)
		return -1;
	int l = check_subtree(n->child[0], n, lo, i->first, &ll, &lh),
	    r = check_subtree(n->child[1], n, i->first, hi, &rl, &rh);
	*last = MAX(i->last, MAX(ll, rl));
	*height = 1 + MAX(lh, rh);
	if (l < 0 || r < 0 || i->subtree_last != *last || n->height != *height || lh - rh > 1 || rh - lh > 1)
		return -1;
	return l + r + 1;
}

static bool check_tree(const struct interval_tree *t, int want)
{
	u64 last;
	i32 height;

	return check_subtree(t->tree.root, NULL, 0, ~0ull, &last, &height) == want;
}

/* The walk by interval_first/next finds exactly the overlapping ones, in order. */
static bool check_search(const struct interval_tree *t, struct item *items, u64 first, u64 last)
{
	int want = 0, got = 0;
	u64 before = 0;

	for (int i = 0; i < NODES; i++)
		want += items[i].used && items[i].in.first <= last && items[i].in.last >= first;
	for (struct interval_node *n = interval_first(t, first, last); n; n = interval_next(n, first, last)) {
		if (n->first > last || n->last < first || n->first < before)
			return false;
		before = n->first;
		got++;
	}
	return got == want;
}

static bool check_walk(const struct interval_tree *t, int want)
{
	int up = 0, down = 0;

	for (struct tree_node *n = tree_first(&t->tree); n; n = tree_next(n))
		up++;
	for (struct tree_node *n = tree_last(&t->tree); n; n = tree_prev(n))
		down++;
	return up == want && down == want;
}

static void test_trees(void)
{
	static struct item items[NODES];
	struct interval_tree t = {{NULL}};
	bool shape = true, search = true, walk = true;
	int count = 0;

	for (int round = 0; round < 20000; round++) {
		struct item *i = &items[rand() % NODES];

		if (i->used) {
			interval_remove(&t, &i->in);
			count--;
		} else {
			i->in.first = (u64)rand() % 1000;
			i->in.last = rand() % 50 ? i->in.first + (u64)rand() % 100 : ~0ull;
			interval_insert(&t, &i->in);
			count++;
		}
		i->used = !i->used;
		if (round % 7 == 0) {
			u64 a = (u64)rand() % 1100;
			shape &= check_tree(&t, count);
			search &= check_search(&t, items, a, a + (u64)rand() % 60);
		}
		if (round % 97 == 0)
			walk &= check_walk(&t, count);
	}
	ok(shape, "trees stay ordered, balanced and augmented");
	ok(search, "interval searches find every overlap, in order");
	ok(walk, "walks in both directions see every node");

	/* Ascending keys, the worst case of an unbalanced tree. */
	for (int i = 0; i < NODES; i++)
		if (items[i].used)
			interval_remove(&t, &items[i].in);
	ok(t.tree.root == NULL, "an emptied tree has no root");
	for (u64 i = 0; i < NODES; i++) {
		items[i].in.first = items[i].in.last = i;
		interval_insert(&t, &items[i].in);
	}
	ok(t.tree.root->height <= 9, "200 ascending keys give a height of %d", t.tree.root->height);
}

int main(void)
{
	srand(1);
	test_memory();
	test_strings();
	test_format();
	test_crc();
	test_trees();
	return done_testing();
}
