/* SPDX-License-Identifier: MIT */
/* Private to host/tso/: what the compiler's hooks tell the check of unmarked accesses. */
#ifndef HOST_TSO_TSO_H
#define HOST_TSO_TSO_H

#include "lib/types.h"

/* An access to the arena by a thread that is not the controller; pc: where. mark: SHARED_READ or SHARED_WRITE stood before it. */
void unmarked_plain(const volatile void *p, u64 size, bool write, void *pc);
void unmarked_atomic(const volatile void *p, u64 size, bool write, bool mark, void *pc);

/* The order that atomic accesses make. */
void order_load(const volatile void *p, bool acquire);
void order_rmw(const volatile void *p, bool acquire, bool release);
void order_fence(bool acquire, bool release);

#endif
