/* SPDX-License-Identifier: MIT */
/*
 * The sizes of the system types, as Linux x86-64 has them. newlib's own defaults are 16 bits wide
 * for several of these. Each "defined" macro tells newlib's sys/_types.h to leave the type to us.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

typedef unsigned long __dev_t;
#define __machine_dev_t_defined
typedef unsigned long __ino_t;
#define __machine_ino_t_defined
typedef unsigned int __uid_t;
#define __machine_uid_t_defined
typedef unsigned int __gid_t;
#define __machine_gid_t_defined
typedef unsigned int __mode_t;
#define __machine_mode_t_defined
typedef unsigned long __fsblkcnt_t;
#define __machine_fsblkcnt_t_defined
typedef unsigned long __fsfilcnt_t;
#define __machine_fsfilcnt_t_defined
typedef int __key_t;
#define __machine_key_t_defined
#define _CLOCKID_T_ int
#define __machine_clockid_t_defined

#endif
