/* SPDX-License-Identifier: MIT */
/*
 * Every system call there is: X(number, name). Numbers and meaning are Linux x86-64's; the handler of `name` is
 * sys_name(). A new call is one line here and one function.
 */
#ifndef KERNEL_PROC_SYSCALL_TABLE_H
#define KERNEL_PROC_SYSCALL_TABLE_H

/* clang-format off */
#define SYSCALLS(X)             \
	X(0, read)              \
	X(1, write)             \
	X(2, open)              \
	X(3, close)             \
	X(4, stat)              \
	X(5, fstat)             \
	X(6, lstat)             \
	X(8, lseek)             \
	X(9, mmap)              \
	X(10, mprotect)         \
	X(11, munmap)           \
	X(12, brk)              \
	X(13, rt_sigaction)     \
	X(14, rt_sigprocmask)   \
	X(16, ioctl)            \
	X(17, pread64)          \
	X(18, pwrite64)         \
	X(19, readv)            \
	X(20, writev)           \
	X(21, access)           \
	X(22, pipe)             \
	X(24, sched_yield)      \
	X(25, mremap)   \
	X(26, msync)            \
	X(27, mincore)   \
	X(28, madvise)          \
	X(32, dup)              \
	X(33, dup2)             \
	X(35, nanosleep)        \
	X(39, getpid)           \
	X(56, clone)            \
	X(57, fork)             \
	X(58, vfork)            \
	X(59, execve)           \
	X(60, exit)             \
	X(61, wait4)            \
	X(62, kill)             \
	X(63, uname)            \
	X(72, fcntl)            \
	X(74, fsync)            \
	X(75, fdatasync)        \
	X(76, truncate)         \
	X(77, ftruncate)        \
	X(78, getdents)         \
	X(79, getcwd)           \
	X(80, chdir)            \
	X(81, fchdir)           \
	X(82, rename)           \
	X(83, mkdir)            \
	X(84, rmdir)            \
	X(85, creat)            \
	X(86, link)             \
	X(87, unlink)           \
	X(88, symlink)          \
	X(89, readlink)         \
	X(90, chmod)            \
	X(91, fchmod)           \
	X(92, chown)            \
	X(93, fchown)           \
	X(94, lchown)           \
	X(95, umask)            \
	X(96, gettimeofday)     \
	X(102, getuid)          \
	X(104, getgid)          \
	X(107, geteuid)         \
	X(108, getegid)         \
	X(110, getppid)         \
	X(132, utime)           \
	X(133, mknod)           \
	X(137, statfs)          \
	X(138, fstatfs)         \
	X(149, mlock)   \
	X(150, munlock)   \
	X(151, mlockall)   \
	X(152, munlockall)   \
	X(158, arch_prctl)      \
	X(162, sync)            \
	X(169, reboot)          \
	X(186, gettid)          \
	X(217, getdents64)      \
	X(218, set_tid_address) \
	X(228, clock_gettime)   \
	X(231, exit_group)      \
	X(235, utimes)          \
	X(257, openat)          \
	X(258, mkdirat)         \
	X(259, mknodat)         \
	X(260, fchownat)        \
	X(261, futimesat)       \
	X(262, newfstatat)      \
	X(263, unlinkat)        \
	X(264, renameat)        \
	X(265, linkat)          \
	X(266, symlinkat)       \
	X(267, readlinkat)      \
	X(268, fchmodat)        \
	X(269, faccessat)       \
	X(277, sync_file_range) \
	X(280, utimensat)       \
	X(285, fallocate)       \
	X(292, dup3)            \
	X(293, pipe2)           \
	X(316, renameat2)       \
	X(318, getrandom)       \
	X(325, mlock2)          \
	X(332, statx)           \
	X(436, close_range)     \
	X(439, faccessat2)      \
	X(452, fchmodat2)
/* clang-format on */

#endif
