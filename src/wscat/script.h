/* What `wscat serve --script` plays to each client: one step a line.
 *   send TEXT, hex DIGITS (a binary message), ping TEXT, pong TEXT, raw DIGITS (bytes as they are),
 *   wait TIME, expect [TEXT] (a message, this one if given), close [CODE [REASON]], drop
 * Blank lines and those that begin with "#" are skipped. After the last step the connection stays open. */
#ifndef WSCAT_SCRIPT_H
#define WSCAT_SCRIPT_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define SCRIPT_STEPS_MAX 10000
#define SCRIPT_FILE_MAX ((size_t)1 << 20)

enum script_verb {
	SCRIPT_SEND,
	SCRIPT_HEX,
	SCRIPT_PING,
	SCRIPT_PONG,
	SCRIPT_RAW,
	SCRIPT_WAIT,
	SCRIPT_EXPECT,
	SCRIPT_CLOSE,
	SCRIPT_DROP,
};

struct script_step {
	enum script_verb verb;
	struct span text; /* TEXT, or the bytes of DIGITS; NULL pointer: none was given */
	int64_t wait_ms;
	int code; /* of SCRIPT_CLOSE; 0 when not given */
};

struct script {
	struct script_step *steps; /* owned, as is what text points to */
	size_t count;
	struct buf bytes;
};

/* NULL with err, which names the line. */
struct script *script_parse(struct span text, struct err *err);
void script_free(struct script *s); /* NULL is fine */

#endif
