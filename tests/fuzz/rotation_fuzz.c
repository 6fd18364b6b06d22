/* What credrotate reads: a journal's lines, and a target's bytes. A file whose secret was replaced holds the new one, and
 * apart from that what it held. */
#include <jansson.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/replay.h"

static void try_replay(struct span text)
{
	json_t *lines = json_loadb(text.p, text.len, 0, NULL);
	struct replay r;

	if (json_is_array(lines)) {
		replay_read(&r, lines);
		replay_free(&r);
	}
	json_decref(lines);
}

static void try_target(struct span text)
{
	struct cred old = {0}, new;
	struct buf out = {.max = 2 * CRED_FILE_MAX};
	struct secret s = {0};
	enum target_format format;
	struct err err;

	if (text.len > CRED_FILE_MAX || cred_parse(text, &old, &err) < 0)
		return;
	cred_generate(&new, "a");
	if (target_compose(TARGET_CREDENTIALS, text, &new, &out, &err) == 0) {
		if (target_extract(buf_span(&out), TARGET_AUTO, &old.tunnel_id, &format, &s, &err) < 0 ||
			s.len != new.secret.len || memcmp(s.data, new.secret.data, s.len) != 0)
			abort();
	}
	secret_free(&s);
	buf_wipe(&out);
	cred_free(&old);
	cred_free(&new);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);

	try_replay(text);
	try_target(text);
	return 0;
}
