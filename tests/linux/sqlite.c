/* SPDX-License-Identifier: MIT */
/* SQLite with several processes: rollback journal and write-ahead log, a process killed in the middle, and its own integrity check. */
#define _GNU_SOURCE
#include "table.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define ROWS 40

static void run(sqlite3 *db, const char *sql, const char *what);

/* How much is mapped, and when the log goes into the database, is each connection's own affair. What is still in the log is not read
 * through the mapping, so that is often. */
static sqlite3 *open_database(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK) {
		say("open %s: %s", path, sqlite3_errmsg(db));
		_exit(1);
	}
	sqlite3_busy_timeout(db, 30000);
	run(db, "PRAGMA mmap_size=1048576; PRAGMA wal_autocheckpoint=20", NULL);
	return db;
}

static int print(void *what, int n, char **values, char **names)
{
	(void)names;
	say("%s: %s", (char *)what, n && values[0] ? values[0] : "nothing");
	return 0;
}

static int ignore(void *what, int n, char **values, char **names)
{
	(void)what, (void)n, (void)values, (void)names;
	return 0;
}

static void run(sqlite3 *db, const char *sql, const char *what)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, what ? print : ignore, (void *)what, &error) != SQLITE_OK)
		say("%s: %s", sql, error);
	sqlite3_free(error);
}

/* Is the file of that name mapped, now that it has been read? Not its -shm, whose name is longer. */
static int is_mapped(const char *name)
{
	char line[1024], end[64];
	FILE *f = fopen("/proc/self/maps", "r");
	int found = 0;

	snprintf(end, sizeof(end), "/%s\n", name);
	while (f && fgets(line, sizeof(line), f))
		found |= strlen(line) > strlen(end) && !strcmp(line + strlen(line) - strlen(end), end);
	if (f)
		fclose(f);
	return found;
}

/* Whoever is about to write reads without the mapping: so each turn also only reads. Into `begun`, if there is one, goes whether the database is mapped, when the first row is committed. */
static void writer(const char *path, int me, int rows, int begun)
{
	sqlite3 *db = open_database(path);
	char sql[200];

	for (int k = 0; k < rows; k++) {
		run(db, "SELECT count(*), total(k) FROM t", NULL);
		snprintf(sql, sizeof(sql),
			"BEGIN IMMEDIATE; INSERT INTO t VALUES(%d, %d, randomblob(700)); UPDATE sum SET n = "
			"n + 1; COMMIT;",
			me, k);
		run(db, sql, NULL);
		if (!k && begun >= 0 && write(begun, is_mapped(path) ? "1" : "0", 1) != 1)
			say("nobody listens");
	}
	sqlite3_close(db);
}

static void workload(const char *path, const char *mode)
{
	sqlite3 *db = open_database(path);
	char sql[100];
	int pids[PROCESSES], begun[2];

	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", mode);
	run(db, sql, "journal mode");
	run(db,
		"CREATE TABLE t(p INTEGER, k INTEGER, b BLOB, PRIMARY KEY(p, k)); CREATE TABLE sum(n "
		"INTEGER)",
		NULL);
	run(db, "INSERT INTO sum VALUES(0)", NULL);
	sqlite3_close(db);
	for (int p = 0; p < PROCESSES; p++) {
		pids[p] = fork();
		if (!pids[p]) {
			writer(path, p, ROWS, -1);
			table_child_end();
		}
	}
	for (int p = 0; p < PROCESSES; p++)
		table_wait("writer", pids[p]);
	/* One more, killed while it writes; what it had committed is not told. */
	db = open_database(path);
	run(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
	sqlite3_close(db);
	if (pipe(begun))
		return;
	pids[0] = fork();
	if (!pids[0]) {
		writer(path, 100, 1000000, begun[1]);
		table_child_end();
	}
	close(begun[1]);
	if (read(begun[0], sql, 1) == 1)
		say("it writes, mapped %c", sql[0]);
	close(begun[0]);
	pause_ms(100);
	kill(pids[0], SIGKILL);
	table_wait("killed", pids[0]);
	db = open_database(path);
	run(db, "SELECT count(*) FROM t WHERE p < 100", "rows");
	run(db, "SELECT count(*) > 0 FROM t WHERE p = 100", "some of the one that was killed");
	run(db, "PRAGMA wal_checkpoint(RESTART); SELECT count(*) FROM t", NULL);
	say("mapped %d", is_mapped(path));
	run(db, "SELECT (SELECT count(*) FROM t) = n FROM sum", "every row is counted");
	run(db, "PRAGMA integrity_check", "integrity");
	run(db, "DELETE FROM t WHERE k % 2; VACUUM", NULL);
	run(db, "SELECT count(*) FROM t WHERE p < 100", "rows after VACUUM");
	run(db, "PRAGMA integrity_check", "integrity");
	sqlite3_close(db);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	workload("rollback.db", "DELETE");
	workload("wal.db", "WAL");
	return 0;
}
