/* SPDX-License-Identifier: MIT */
/*
 * Basic types shared by every layer.
 *
 * Rule: an address says in its type whose address it is. A physical address is
 * a paddr_t, a user-virtual address a uaddr_t, a page frame number a pfn_t;
 * a kernel-virtual address is an ordinary pointer. They cannot be mixed up
 * without a named conversion.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
#if __STDC_HOSTED__
#include <sys/types.h>
#else
typedef i64 ssize_t;
#endif

typedef struct {
	u64 v;
} paddr_t; /* physical, bytes */
typedef struct {
	u64 v;
} uaddr_t; /* user-virtual, bytes */
typedef struct {
	u64 v;
} pfn_t; /* physical page frame number */

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_MASK (PAGE_SIZE - 1)
#define HUGE_SHIFT 21
#define HUGE_ORDER (HUGE_SHIFT - PAGE_SHIFT)
#define HUGE_SIZE (1ul << HUGE_SHIFT)
#define PAGES_PER_HUGE (HUGE_SIZE / PAGE_SIZE)
#define CACHE_LINE 64

#define PADDR(x) ((paddr_t){(x)})
#define UADDR(x) ((uaddr_t){(x)})
#define PADDR_NONE PADDR(~0ull)

static inline pfn_t paddr_to_pfn(paddr_t a)
{
	return (pfn_t){a.v >> PAGE_SHIFT};
}
static inline paddr_t pfn_to_paddr(pfn_t f)
{
	return PADDR(f.v << PAGE_SHIFT);
}
static inline paddr_t paddr_add(paddr_t a, u64 n)
{
	return PADDR(a.v + n);
}
static inline uaddr_t uaddr_add(uaddr_t a, u64 n)
{
	return UADDR(a.v + n);
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ < b_ ? a_ : b_;    \
	})
#define MAX(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ > b_ ? a_ : b_;    \
	})
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a) ALIGN_DOWN((x) + ((__typeof__(x))(a)-1), (a))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define CONTAINER_OF(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))
#define PACKED __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))

#endif
