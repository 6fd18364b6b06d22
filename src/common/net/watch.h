/* Watching a file for new contents. All directories on the way to it are watched, those behind symbolic links too, so that
 * it does not matter how it is changed: written in place, renamed over by an editor, by a link on the way that is
 * swapped (`..data` of a Kubernetes volume), by another directory in the place of this one; or made only later. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include <stddef.h>

#include "common/net/loop.h"

#define WATCH_SETTLE_MS 1000   /* without an event before the file is looked at */
#define WATCH_SETTLE_FACTOR 10 /* so many times that: looked at though events go on */
#define WATCH_LOOK_MS 30000 /* looked at without any: mounts, network file systems, queues that overflowed */
#define WATCH_LOOK_BLIND_MS 1000 /* the same where a directory that can be reached cannot be watched */
#define WATCH_DIRS_MAX 64        /* on the way; beyond these it is blind */
#define WATCH_LINKS_MAX 40       /* symbolic links on the way, as Linux has it */

struct watch_conf {
	const char *path;   /* absolute, or relative to the directory that is current at watch_open */
	size_t max;         /* bytes; a file that is larger counts as one that cannot be read */
	uint64_t settle_ms; /* 0 stands for WATCH_SETTLE_MS */
};

struct watch; /* opaque */

/* The contents are not those of the last call (of watch_open, the first time); or the file is there and cannot be read,
 * which is told once. A file that is missing is waited for in silence. Not called for a file that has been touched, or
 * replaced by its like. The watch may be freed in it. */
typedef void watch_fn(void *arg);

/* Take note of the contents and watch. What reads the file afterwards sees these, or is called later. What is no regular
 * file counts as missing: a pipe cannot be read twice. */
struct watch *watch_open(struct loop *loop, const struct watch_conf *conf, watch_fn *fn, void *arg);
/* What the file holds now needs no telling: it is about to be read anyway. */
void watch_note(struct watch *w);
void watch_free(struct watch *w); /* NULL is fine */

#endif
