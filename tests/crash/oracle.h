/* SPDX-License-Identifier: MIT */
/*
 * What may be found after a power failure: a model of a small tree, fed with the operations that are made.
 *
 * Rules
 * - Names. One journal, so names change in the order of the operations. Found are the names as some operation between the last acknowledged one
 *   and the one under way has left them: an operation on names, rename over an old file included, is whole or not there. So it is with extended
 *   attributes, which belong to what is named. Directories have the links and the ".." that their names ask for. fsync of
 *   a file, fdatasync and a store through a MAP_SYNC mapping acknowledge the last change of that file's names and all that came before; sync
 *   and unmount acknowledge everything.
 * - Sizes, by file: any that it had since its last acknowledged one; in an extending write(2) any in between.
 * - Data, by file and 64-byte line. What was acknowledged (fsync, fdatasync, msync of the page, O_SYNC or O_DSYNC, sync, unmount; in a MAP_SYNC
 *   mapping: stored, written back by the program, and fenced) and not touched since is there. Of a line that was touched since each 8 bytes
 *   are as acknowledged or as stored since; zeros if zeros were asked for (punch, truncate, zero range, a shift). Where a
 *   collapse or insert moved the line, data of another page of the same file may stand there.
 * - Never: another file's data, or what a free block held. Each stored word names file, operation and place, so both show.
 */
#ifndef TESTS_CRASH_ORACLE_H
#define TESTS_CRASH_ORACLE_H

#include "lib/types.h"

enum op_kind {
	OP_CREATE,
	OP_WRITE,
	OP_APPEND,
	OP_SYNC_WRITE,   /* O_SYNC, O_DSYNC by turns */
	OP_DIRECT_WRITE, /* O_DIRECT from a mapping of the pool file */
	OP_DIRECT_READ,  /* into such a mapping */
	OP_STORE,        /* through a shared mapping */
	OP_SYNC_STORE,   /* MAP_SYNC: store, clwb or clflush, sfence */
	OP_MSYNC,
	OP_FSYNC,
	OP_FDATASYNC,
	OP_TRUNCATE,
	OP_PUNCH,
	OP_ZERO,
	OP_COLLAPSE,
	OP_INSERT,
	OP_ALLOCATE,
	OP_RENAME,
	OP_EXCHANGE,
	OP_LINK,
	OP_UNLINK,
	OP_SYMLINK,
	OP_MKNOD,
	OP_SET_ATTRIBUTE, /* number pos of those that there may be */
	OP_REMOVE_ATTRIBUTE,
	OP_MKDIR,
	OP_RMDIR,
	OP_CLOSE,  /* the program's descriptor and mapping of a file */
	OP_COMMIT, /* as every five seconds; acknowledges nothing */
	OP_SYNC,
	OP_REMOUNT,
	OP_DAMAGE, /* some is found, which stops the file system: acknowledges nothing, and nothing comes after it */
	NR_OPS,
};

struct op {
	enum op_kind kind;
	unsigned cpu;
	u32 nr;       /* of the step; goes into what is stored */
	u32 a, b;     /* names */
	u32 file;     /* a's file, or the number of what is made there */
	u64 pos, len; /* bytes, multiples of 8 */
	u64 ino;      /* of what was made: filled in when it has returned */
};
static inline bool op_makes(enum op_kind kind)
{
	return kind == OP_CREATE || kind == OP_SYMLINK || kind == OP_MKNOD || kind == OP_MKDIR;
}
static inline bool op_has_two_names(enum op_kind kind)
{
	return kind == OP_RENAME || kind == OP_EXCHANGE || kind == OP_LINK;
}

#define STEP_OPS 3
struct step {
	u32 nr_ops; /* more than one: at once, each on a CPU and a file of its own, one of them at most on names */
	struct op ops[STEP_OPS];
};

/* Names that there may be, by number: where, and in which directory (0: the root). */
#define NR_NAMES 22u
#define NR_DIRS 3u   /* the first ones can only be directories; others may be one that stays empty */
#define POOL_NAME 3u /* the pool file: programs' buffers for O_DIRECT */
void oracle_path(u32 name, char path[300]);
u32 oracle_parent(u32 name); /* 0: the root; else 1 + the directory's name */

#define NR_ATTRIBUTES 3u /* extended ones, of files and directories */
extern const char *const oracle_attributes[NR_ATTRIBUTES];

enum node_kind { NODE_NONE, NODE_FILE, NODE_DIR, NODE_LINK, NODE_DEVICE };
struct node {
	u8 kind;
	u16 id;                        /* the file's number; the others have one too */
	u16 attributes[NR_ATTRIBUTES]; /* numbers of the operations that have set them; 0: not there */
};

#define FILE_PAGES 12u /* a file has at most so many */
#define NR_FILES 400u
#define WORDS_PER_PAGE (4096 / 8)

/* What the word at `word` of a file is after operation nr has stored it. */
static inline u64 oracle_word(u32 file, u32 nr, u64 word)
{
	return (u64)(nr + 1) << 32 | file << 16 | word;
}

/* An empty tree, but for the directory /big and the pool file of `pool_pages`, whose content is acknowledged zeros. */
void oracle_reset(u64 pool_ino, u32 pool_pages);
/* There is no journal: every operation on names is acknowledged when it returns. */
void oracle_names_at_once(void);
/* The step's effects may be there from now on; op k of it has returned. */
void oracle_begin(const struct step *s);
void oracle_end(const struct op *op);

/* As things are when all has succeeded, for choosing what to do next. */
struct node oracle_node(u32 name);
u64 oracle_size(u32 file);

/* A name as it was found. */
struct found {
	u8 kind;
	u64 ino, size, rdev;
	u32 mode, nlink;
	u64 parent;                    /* a directory's ".." */
	u32 attributes[NR_ATTRIBUTES]; /* oracle_sum() of the values; 0: not there */
	char target[200];              /* a link's */
};
/* Text that a link with this number holds; of some the block begins like one of the journal's. */
void oracle_target(u32 id, char target[200]);
/* Type and number of the device or FIFO with this number. */
u32 oracle_device(u32 id, u32 *rdev);
/* The value that operation nr gives to an attribute of a file: its length. */
#define VALUE_MAX 1200u
u32 oracle_value(u32 file, u32 nr, char value[VALUE_MAX]);
u32 oracle_sum(const char *value, u32 len);
/* Reads page `page` of the file at a name: WORDS_PER_PAGE words, zeros past its end. */
typedef bool (*oracle_read_fn)(u32 name, u32 page, u64 *words);
/* Is this allowed now? NULL: it is; else what is wrong. */
const char *oracle_judge(const struct found found[NR_NAMES], oracle_read_fn read);
/* May damage be on record? */
bool oracle_damaged(void);
/* Changes whenever something is acknowledged: a state that was judged before need not be judged again. */
u64 oracle_acknowledgments(void);

#endif
