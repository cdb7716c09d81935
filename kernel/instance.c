/* SPDX-License-Identifier: MIT */
/* The instance that mm and fs run in; see instance.h. */
#include "kernel/instance.h"

struct instance the_instance;
