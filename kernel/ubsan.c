/* SPDX-License-Identifier: MIT */
/*
 * What gcc's -fsanitize=undefined calls in debug builds: each finding is a broken invariant, so each panics
 * with its source line. The layouts of the records are the compiler's (gcc, libsanitizer's ubsan interface,
 * version 1).
 */
#include "kernel/log.h"

#ifdef FAULTLINE_DEBUG

struct source_location {
	const char *file;
	u32 line, column;
};

/* Every record begins with its location, except where noted. */
struct record {
	struct source_location at;
};
struct type_mismatch_record {
	struct source_location at;
	const void *type;
	u8 log_alignment, kind;
};

static void NORETURN report(const struct source_location *at, const char *what)
{
	panic("undefined behaviour: %s at %s:%u:%u", what, at->file, at->line, at->column);
}

#define HANDLER(name, what)                                 \
	void __ubsan_handle_##name(const struct record *r); \
	void __ubsan_handle_##name(const struct record *r)  \
	{                                                   \
		report(&r->at, what);                       \
	}

HANDLER(add_overflow, "signed addition overflows")
HANDLER(sub_overflow, "signed subtraction overflows")
HANDLER(mul_overflow, "signed multiplication overflows")
HANDLER(negate_overflow, "negation overflows")
HANDLER(divrem_overflow, "division by zero or overflow")
HANDLER(shift_out_of_bounds, "shift out of bounds")
HANDLER(out_of_bounds, "array index out of bounds")
HANDLER(load_invalid_value, "invalid value of bool or enum")
HANDLER(builtin_unreachable, "unreachable code reached")
HANDLER(missing_return, "function ends without a value")
HANDLER(vla_bound_not_positive, "variable-length array of no size")
HANDLER(pointer_overflow, "pointer arithmetic overflows")
HANDLER(invalid_builtin, "builtin with an invalid argument")
HANDLER(nonnull_arg, "null argument")

void __ubsan_handle_type_mismatch_v1(const struct type_mismatch_record *r, u64 p);
void __ubsan_handle_type_mismatch_v1(const struct type_mismatch_record *r, u64 p)
{
	if (!p)
		report(&r->at, "null pointer used");
	if (p & ((1ull << r->log_alignment) - 1))
		report(&r->at, "misaligned pointer used");
	report(&r->at, "object does not fit where the pointer points");
}

/* The return statement's location is the second argument. */
void __ubsan_handle_nonnull_return_v1(const struct record *r, const struct source_location *at);
void __ubsan_handle_nonnull_return_v1(const struct record *r UNUSED, const struct source_location *at)
{
	report(at, "null returned");
}

#endif
