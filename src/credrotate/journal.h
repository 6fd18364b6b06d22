/* The journal of a rotation: what is about to be done, and what was done, one JSON object a line, each on disk before what
 * it names begins. Nobody else rotates this tunnel on this machine while it is open. It holds no secret.
 *
 *   DIR/TUNNEL-ID/   0700
 *     lock           held by flock; the holder's process id
 *     journal        0600; its first line has the key of the fingerprints
 *     journal.old    the one before
 *     changed        when a run last changed the secret
 *     old, pending   secrets that have to outlive a crash where nothing else keeps them; 0600 */
#ifndef CREDROTATE_JOURNAL_H
#define CREDROTATE_JOURNAL_H

#include <jansson.h>

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/conf/uuid.h"
#include "credrotate/fingerprint.h"

#define JOURNAL_MAX ((size_t)4 << 20) /* bytes; what is larger is not ours */
#define JOURNAL_RUN_TEXT 27           /* a run's id, 26 characters: time and chance, as a ULID */

struct journal {
	int dir, lock, fd; /* -1 when not open */
	char *path;        /* of the directory; owned */
	char run[JOURNAL_RUN_TEXT];
	unsigned char key[FINGERPRINT_KEY_LEN];
	struct uuid tunnel;
};

enum journal_open {
	JOURNAL_OPEN,
	JOURNAL_BUSY, /* another run holds it; err names its process */
	JOURNAL_FAILED,
};

/* Take the lock and read what is there. lines: a JSON array of the lines after the first one, empty when there is no
 * journal; the caller's. A last line that was torn is cut off. With read_only nothing is made, locked or cut. */
enum journal_open journal_open(struct journal *j, const char *dir, const struct uuid *tunnel, bool read_only,
	json_t **lines, struct err *err);
void journal_close(struct journal *j);

/* A new journal with a new run and a new key in the place of the one that is there, which becomes journal.old. */
int journal_begin(struct journal *j, struct err *err);
/* Append a line, with the time and the run in front, and wait until it is on disk. line is released. */
int journal_write(struct journal *j, json_t *line, struct err *err);

/* Note that the secret was changed now, and when that was noted last for the tunnel of that id: microseconds, as in rfc3339.h;
 * false when it never was. */
int journal_mark_changed(struct journal *j, struct err *err);
bool journal_last_changed(const char *dir, const char *tunnel_id, int64_t *us);

/* A secret in a file of its own beside the journal. */
int journal_keep(struct journal *j, const char *name, const struct secret *secret, struct err *err);
/* False when there is none. */
bool journal_kept(struct journal *j, const char *name, struct secret *out);
/* Harmless when there is none. */
void journal_drop(struct journal *j, const char *name);

#endif
