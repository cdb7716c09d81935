/* SPDX-License-Identifier: MIT */
/* newlib's sys/select.h with an FD_ISSET() that is an int. */
#ifndef _FAULTLINE_SYS_SELECT_H
#define _FAULTLINE_SYS_SELECT_H

#include_next <sys/select.h>

#undef FD_ISSET
#define FD_ISSET(n, p) ((int)((p)->fds_bits[(n) / NFDBITS] >> (n) % NFDBITS & 1))

#endif
