/* SPDX-License-Identifier: MIT */
/* sync: makes everything durable that was written so far. */
#include <unistd.h>

int main(void)
{
	sync();
	return 0;
}
