/* SPDX-License-Identifier: MIT */
/* stat FILE…: what the file system knows of a file. */
#include <err.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "regular file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "pipe";
	default:
		return "other";
	}
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (lstat(argv[i], &st) < 0) {
			warn("%s", argv[i]);
			failed = 1;
			continue;
		}
		printf("%s: %s\n", argv[i], type_name(st.st_mode));
		printf("  size %lld  blocks %lld of 512  inode %lu  links %lu\n", (long long)st.st_size,
			(long long)st.st_blocks, st.st_ino, st.st_nlink);
		printf("  mode %04o  uid %u  gid %u  block size %ld  modified %lld.%09ld\n",
			st.st_mode & 07777, st.st_uid, st.st_gid, (long)st.st_blksize,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
	return failed;
}
