/* SPDX-License-Identifier: MIT */
/*
 * synccopy sendfile|copy_file_range: copies a file by that call into one that is open with O_DSYNC, and says so: from then on the copy, /copied, is
 * durable. The same binary runs on Linux.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define SIZE 5000

int main(int argc, char **argv)
{
	int from = open("/source", O_RDWR | O_CREAT, 0644),
	    to = open("/copied", O_WRONLY | O_CREAT | O_DSYNC, 0644);
	char text[SIZE];
	ssize_t n;

	memset(text, 's', sizeof(text));
	if (argc != 2 || from < 0 || to < 0 || pwrite(from, text, SIZE, 0) != SIZE || fsync(from))
		err(1, "synccopy");
	n = strcmp(argv[1], "sendfile") ? copy_file_range(from, NULL, to, NULL, SIZE, 0)
					: sendfile(to, from, NULL, SIZE);
	if (n != SIZE)
		err(1, "%s", argv[1]);
	printf("copied by %s\n", argv[1]);
	fflush(stdout);
	pause();
	return 0;
}
