/* SPDX-License-Identifier: MIT */
/* LMDB with several processes: writers one after the other by its lock in shared memory, readers beside them, a process killed in the middle. */
#define _GNU_SOURCE
#include "table.h"

#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define KEYS 50

static void check(int rc, const char *what)
{
	if (rc) {
		say("%s: %s", what, mdb_strerror(rc));
		_exit(1);
	}
}

static MDB_env *open_environment(unsigned flags)
{
	MDB_env *env;

	check(mdb_env_create(&env), "create");
	check(mdb_env_set_mapsize(env, 16 << 20), "map size");
	check(mdb_env_open(env, "db", flags, 0644), "open");
	return env;
}

static void put(MDB_env *env, int process, int k)
{
	char key[32], value[600];
	MDB_val mk, mv;
	MDB_txn *txn;
	MDB_dbi dbi;

	check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	check(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
	mk.mv_size = (size_t)snprintf(key, sizeof(key), "%03d-%06d", process, k);
	mk.mv_data = key;
	memset(value, 'a' + process % 20, sizeof(value));
	mv.mv_size = sizeof(value);
	mv.mv_data = value;
	check(mdb_put(txn, dbi, &mk, &mv, 0), "put");
	check(mdb_txn_commit(txn), "commit");
}

static void writer(unsigned flags, int me, int keys)
{
	MDB_env *env = open_environment(flags);

	for (int k = 0; k < keys; k++)
		put(env, me, k);
	mdb_env_close(env);
}

/* Counts the keys of processes below 100, and values that are not what was put. */
static void count(unsigned flags)
{
	MDB_env *env = open_environment(flags);
	int keys = 0, wrong = 0;
	MDB_val mk, mv;
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_dbi dbi;

	check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
	check(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
	check(mdb_cursor_open(txn, dbi, &cursor), "cursor");
	while (!mdb_cursor_get(cursor, &mk, &mv, MDB_NEXT)) {
		int process = 0;

		sscanf((char *)mk.mv_data, "%3d", &process);
		keys += process < 100;
		for (size_t i = 0; i < mv.mv_size; i++)
			wrong += ((char *)mv.mv_data)[i] != 'a' + process % 20;
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	say("keys %d, wrong bytes %d", keys, wrong);
}

static void workload(const char *what, unsigned flags)
{
	int pids[PROCESSES];

	say("%s", what);
	mkdir("db", 0755);
	unlink("db/data.mdb");
	unlink("db/lock.mdb");
	for (int p = 0; p < PROCESSES; p++) {
		pids[p] = fork();
		if (!pids[p]) {
			writer(flags, p, KEYS);
			table_child_end();
		}
	}
	for (int p = 0; p < PROCESSES; p++)
		table_wait("writer", pids[p]);
	count(flags);
	pids[0] = fork();
	if (!pids[0]) {
		writer(flags, 100, 1000000);
		table_child_end();
	}
	pause_ms(50);
	kill(pids[0], SIGKILL);
	table_wait("killed", pids[0]);
	writer(flags, 5, KEYS);
	count(flags);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	workload("file writes", 0);
	workload("writable map", MDB_WRITEMAP);
	return 0;
}
