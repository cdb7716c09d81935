/* SPDX-License-Identifier: MIT */
/* Users and groups by /etc/passwd and /etc/group, where these are there. Results stand in static memory until the next call, as POSIX has it. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS 7
#define MEMBERS 64

/* Cuts a line at its colons; the number of fields. */
static int split(char *line, char *field[FIELDS])
{
	int n = 0;

	line[strcspn(line, "\n")] = 0;
	while (n < FIELDS && line)
		field[n++] = strsep(&line, ":");
	return n;
}

/* The next entry of a file that has enough fields, in field[]; 0 at the end. */
static int next_entry(FILE *file, char *line, size_t size, char *field[FIELDS], int wanted)
{
	while (fgets(line, (int)size, file))
		if (split(line, field) >= wanted)
			return 1;
	return 0;
}

static struct passwd *find_user(const char *name, uid_t uid)
{
	static char line[512];
	static struct passwd user;
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *found = NULL;
	char *f[FIELDS];

	while (file && !found && next_entry(file, line, sizeof(line), f, 7)) {
		user = (struct passwd){
			.pw_name = f[0],
			.pw_passwd = f[1],
			.pw_uid = (uid_t)strtoul(f[2], NULL, 10),
			.pw_gid = (gid_t)strtoul(f[3], NULL, 10),
			.pw_comment = f[4],
			.pw_gecos = f[4],
			.pw_dir = f[5],
			.pw_shell = f[6],
		};
		if (name ? !strcmp(name, user.pw_name) : uid == user.pw_uid)
			found = &user;
	}
	if (file)
		fclose(file);
	return found;
}

static struct group *find_group(const char *name, gid_t gid)
{
	static char line[512];
	static char *members[MEMBERS];
	static struct group group;
	FILE *file = fopen("/etc/group", "re");
	struct group *found = NULL;
	char *f[FIELDS];

	while (file && !found && next_entry(file, line, sizeof(line), f, 4)) {
		int n = 0;

		group = (struct group){
			.gr_name = f[0],
			.gr_passwd = f[1],
			.gr_gid = (gid_t)strtoul(f[2], NULL, 10),
			.gr_mem = members,
		};
		while (n < MEMBERS - 1 && f[3] && *f[3])
			members[n++] = strsep(&f[3], ",");
		members[n] = NULL;
		if (name ? !strcmp(name, group.gr_name) : gid == group.gr_gid)
			found = &group;
	}
	if (file)
		fclose(file);
	return found;
}

struct passwd *getpwnam(const char *name)
{
	return find_user(name, 0);
}

struct passwd *getpwuid(uid_t uid)
{
	return find_user(NULL, uid);
}

struct group *getgrnam(const char *name)
{
	return find_group(name, 0);
}

struct group *getgrgid(gid_t gid)
{
	return find_group(NULL, gid);
}

char *getlogin(void)
{
	struct passwd *user = getpwuid(getuid());

	return user ? user->pw_name : NULL;
}

/* Programs cannot gain rights here: whoever starts one is root already. */
int issetugid(void)
{
	return 0;
}
