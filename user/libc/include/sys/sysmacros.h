/* SPDX-License-Identifier: MIT */
/* A device number's parts. */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#define major(dev) ((unsigned int)(((dev) >> 8 & 0xfff) | ((dev) >> 32 & ~0xffful)))
#define minor(dev) ((unsigned int)(((dev)&0xff) | ((dev) >> 12 & ~0xfful)))
#define makedev(maj, min) \
	(((maj)&0xffful) << 8 | ((maj) & ~0xffful) << 32 | ((min)&0xfful) | ((min) & ~0xfful) << 12)

#endif
