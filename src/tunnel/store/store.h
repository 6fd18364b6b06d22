/* What outlives the edge's process: records, each a text under a key, with revisions. One database for one edge; callers
 * cannot tell which kind stands behind it. Calls block for as long as its disk takes, so changes are few and small. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define STORE_KEY_MAX ((size_t)512)       /* bytes of a key; no NUL in it */
#define STORE_VALUE_MAX ((size_t)2 << 20) /* bytes of a value */
#define STORE_STEPS_MAX 256               /* in one commit */
#define STORE_ABSENT INT64_C(0)           /* a condition: there is no record of that key */
#define STORE_ANY INT64_C(-1)             /* no condition */

struct store; /* opaque; one owner */

enum store_result {
	STORE_OK,
	STORE_MISSING,  /* no such record */
	STORE_CONFLICT, /* a condition does not hold: nothing was changed */
	STORE_FAILED,   /* err says why: nothing was changed */
};

/* A record as it is read. Revisions rise with every change of the store, from 1. */
struct store_record {
	struct span key, value; /* value.p is NULL when the record was deleted */
	int64_t revision;
};

enum store_kind {
	STORE_SET,   /* put the record, or delete it */
	STORE_CHECK, /* change nothing: the condition alone */
	STORE_RANGE, /* delete all records from key up to and without value, a key too; no watcher is told, no condition */
};

/* One step of a commit. */
struct store_step {
	struct span key;
	struct span value;   /* p NULL: delete the record */
	int64_t if_revision; /* what the record must be at now: a revision, STORE_ABSENT or STORE_ANY */
	enum store_kind kind;
};

typedef void store_fn(void *arg, const struct store_record *r);

/* Do all steps or none; durable when it returns STORE_OK. *revision, unless NULL, is that of all records put. */
enum store_result store_commit(
	struct store *s, const struct store_step *steps, size_t count, int64_t *revision, struct err *err);
/* One step by itself. */
enum store_result store_put(struct store *s, struct span key, struct span value, int64_t if_revision,
	int64_t *revision, struct err *err);
enum store_result store_delete(struct store *s, struct span key, int64_t if_revision, struct err *err);
/* Calls fn with the record, borrowed for the call. */
enum store_result store_get(struct store *s, struct span key, store_fn *fn, void *arg, struct err *err);
/* Calls fn for each record whose key begins with prefix and is greater than after (empty: from the first), in order of
 * keys; at most limit (0: all). */
enum store_result store_list(struct store *s, struct span prefix, struct span after, size_t limit,
	store_fn *fn, void *arg, struct err *err);

/* Calls fn for each change: those made here before store_commit returns, those of other processes in store_poll. One
 * watcher; fn must not change the store. */
void store_watch(struct store *s, store_fn *fn, void *arg);
/* Look for changes by other processes; costs next to nothing when there are none. */
enum store_result store_poll(struct store *s, struct err *err);

/* A second handle to the records of s, for commits by another thread, since they wait for the disk; s goes on reading. NULL
 * with err set when it cannot be had, and with err empty when nothing waits for a disk: then s takes commits as well. */
struct store *store_writer(struct store *s, struct err *err);
/* A commit by the other handle has succeeded: tell the watcher of s, unless a poll came first. On the thread of s. */
void store_told(struct store *s, const struct store_step *steps, size_t count, int64_t revision);
/* Take what was overwritten or deleted off the disk too: the write-ahead log has it until then. */
enum store_result store_wipe(struct store *s, struct err *err);

void store_close(struct store *s); /* NULL is fine */

/* --- The kinds --- */

enum store_use {
	STORE_SERVE, /* as the edge: one at a time */
	STORE_TOUCH, /* as a command beside it */
};
/* A SQLite database in a file, 0600; made when it is not there, which create allows. NULL with err: not to be opened, locked
 * by another edge, made by a newer outbore, damaged, read-only. */
struct store *store_open_sqlite(const char *path, enum store_use use, bool create, struct err *err);
/* In memory; gone when closed. */
struct store *store_open_memory(void);

#endif
