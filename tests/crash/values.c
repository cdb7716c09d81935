/* SPDX-License-Identifier: MIT */
/* What stands behind the numbers of names, links, devices and attributes. See oracle.h. */
#include "fs/vfs.h"
#include "lib/crc.h"
#include "tests/crash/oracle.h"

#include <stdio.h>

static const char *const paths[NR_NAMES] = {"/d", "/e", "/big", "/pool", "/f0", "/f1", "/f2", "/f3", "/f4",
	"/f5", "/d/f0", "/d/f1", "/d/f2", "/d/f3", "/e/f0", "/e/f1", "/e/f2", "/e/f3", "/big/", "/big/",
	"/big/", "/big/"};

u32 oracle_parent(u32 name)
{
	return name < 10 ? 0 : name < 14 ? 1 : name < 18 ? 2 : 3;
}

/* In /big names are long, so that its directory splits blocks. */
void oracle_path(u32 name, char path[300])
{
	if (oracle_parent(name) == 3)
		snprintf(path, 300, "/big/%u%0220u", name, name);
	else
		snprintf(path, 300, "%s", paths[name]);
}

void oracle_target(u32 id, char target[200])
{
	const char *how = id % 2 ? "to-%u" : id % 4 ? "to-%0150u" : "\xc0\x3b\x39\x98%0150u";

	snprintf(target, 200, how, id); /* in the inode, or in a block */
}

u32 oracle_device(u32 id, u32 *rdev)
{
	static const u32 types[] = {S_IFIFO_, S_IFCHR_, S_IFBLK_};
	u32 type = types[id % 3];

	*rdev = type == S_IFIFO_ ? 0 : id % 2 ? id : 0x12340000 | id; /* of both encodings on disk */
	return type;
}

const char *const oracle_attributes[NR_ATTRIBUTES] = {"user.a", "user.of-some-length", "trusted.b"};

/* In the inode, or in a block, whatever else there is. */
u32 oracle_value(u32 file, u32 nr, char value[VALUE_MAX])
{
	static const u32 lengths[] = {12, 60, 504, VALUE_MAX};
	u32 len = lengths[nr % ARRAY_SIZE(lengths)];
	char text[24];

	snprintf(text, sizeof(text), "%05u:%05u ", file, nr);
	for (u32 k = 0; k < len; k++)
		value[k] = text[k % 12];
	return len;
}

u32 oracle_sum(const char *value, u32 len)
{
	return crc32c(~0u, value, len);
}
