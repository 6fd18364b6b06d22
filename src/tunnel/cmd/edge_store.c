/* Opening the store; tokens and certificates of it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/cmd/edge_store.h"

#define CREDENTIAL "store-key"
#define CHECK_TEXT "outbore store" /* sealed in the edge's record: shows a wrong key */
#define PEM_LINE 64

/* --- The key --- */

/* The file of the systemd credential; NULL when there is none. */
static char *credential_path(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path = dir != NULL ? mem_printf("%s/%s", dir, CREDENTIAL) : NULL;

	if (path != NULL && access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static int load_key(const struct store_flags *flags, struct edge_store *out, struct err *err)
{
	if (flags->path == NULL) {
		seal_random(&out->seal);
		return 0;
	}
	char *path = flags->key != NULL ? mem_strdup(flags->key) : credential_path();
	bool is_default = path == NULL;
	if (is_default)
		path = mem_printf("%s.key", flags->path);
	/* a store that has seen a key is not opened by another */
	bool may_make = is_default && out->self.check == NULL;
	int rc = fsx_is_exposed(path) ? err_set(err, "%s: everybody can read this key; chmod o-r", path)
				      : seal_load(&out->seal, path, may_make, err);
	if (rc < 0)
		err_wrap(err, "--store-key");
	free(path);
	return rc;
}

/* The same text each time, under the id of nobody. */
static int check_key(struct edge_store *s, struct err *err)
{
	static const struct uuid nobody;
	struct secret text = {0};
	bool ok = seal_open(&s->seal, &nobody, span_str(s->self.check), &text) == 0 &&
		  span_eq(span_of((const char *)text.data, text.len), SPAN(CHECK_TEXT));

	secret_free(&text);
	return ok ? 0 : err_set(err, "--store-key: not the key that this store was made with");
}

static int make_check(struct edge_store *s, struct err *err)
{
	static const struct uuid nobody;
	struct buf sealed = {0};
	int rc = seal_close(&s->seal, &nobody, SPAN(CHECK_TEXT), &sealed);

	if (rc == 0)
		s->self.check = mem_spandup(buf_span(&sealed));
	buf_free(&sealed);
	return rc == 0 ? 0 : err_set(err, "the store's key does not work");
}

/* --- Who the edge is --- */

struct reading {
	struct edge_store *s;
	struct err *err;
	int64_t revision;
	bool failed;
};

static void on_self(void *arg, const struct store_record *r)
{
	struct reading *reading = arg;

	reading->revision = r->revision;
	reading->failed = edge_record_parse(r->value, &reading->s->self, reading->err) < 0;
}

static int take_id(const char *option, const char *given, char id[RECORD_ID_LEN + 1], struct err *err)
{
	if (given != NULL && !record_is_id(span_str(given)))
		return err_set(err, "%s %s: 32 hexadecimal digits in lower case are expected", option, given);
	if (id[0] == '\0' && given != NULL)
		snprintf(id, RECORD_ID_LEN + 1, "%s", given);
	if (id[0] == '\0')
		record_random_id(id);
	if (given != NULL && strcmp(id, given) != 0)
		return err_set(
			err, "%s %s: the store belongs to %s; leave the option out", option, given, id);
	return 0;
}

static int identify(const struct store_flags *flags, struct edge_store *s, bool with_key, struct err *err)
{
	struct reading reading = {.s = s, .err = err};
	struct buf json = {0};
	bool is_new = false;

	switch (store_get(s->store, RECORD_EDGE, on_self, &reading, err)) {
	case STORE_OK: break;
	case STORE_MISSING: is_new = true; break;
	case STORE_CONFLICT:
	case STORE_FAILED: return -1;
	}
	if (reading.failed || (with_key && load_key(flags, s, err) < 0) ||
		take_id("--account", flags->account, s->self.account, err) < 0 ||
		take_id("--zone", flags->zone, s->self.zone, err) < 0)
		return -1;
	if (with_key && s->self.check != NULL)
		return check_key(s, err);
	if (!is_new && !with_key)
		return 0;
	if (with_key && make_check(s, err) < 0)
		return -1;
	edge_record_print(&s->self, &json);
	enum store_result result = store_put(
		s->store, RECORD_EDGE, buf_span(&json), is_new ? STORE_ABSENT : reading.revision, NULL, err);
	buf_free(&json);
	if (result == STORE_CONFLICT)
		return err_set(err, "store: another process is setting it up; try again");
	return result == STORE_OK ? 0 : -1;
}

int edge_store_open(const struct store_flags *flags, enum store_use use, bool with_key,
	struct edge_store *out, struct err *err)
{
	*out = (struct edge_store){0};
	if (flags->path == NULL)
		out->store = store_open_memory();
	else
		out->store = store_open_sqlite(flags->path, use, true, err);
	if (out->store == NULL)
		return -1;
	return identify(flags, out, with_key, err);
}

void edge_store_close(struct edge_store *s)
{
	store_close(s->store);
	seal_free(&s->seal);
	free(s->self.check);
	*s = (struct edge_store){0};
}

/* --- Tokens --- */

int edge_store_token(struct edge_store *s, const char *label, bool may_write, char out[AUTH_TEXT_MAX],
	struct token_record *record, struct err *err)
{
	struct buf json = {0};
	struct record_key key;

	*record = (struct token_record){.may_write = may_write, .created_at = rfc3339_now()};
	memcpy(record->account, s->self.account, sizeof(record->account));
	memcpy(record->zone, s->self.zone, sizeof(record->zone));
	record->label = mem_strdup(label);
	auth_make(record, out);
	token_record_print(record, &json);
	enum store_result result = store_put(s->store, record_key(&key, RECORD_TOKEN, span_str(record->id)),
		buf_span(&json), STORE_ABSENT, NULL, err);
	buf_free(&json);
	if (result == STORE_CONFLICT)
		return err_set(err, "an API token of that id is there already; try again");
	return result == STORE_OK ? 0 : -1;
}

void edge_store_cert(const struct edge_store *s, const char *token, struct buf *out)
{
	struct buf text = {.max = 4096};
	json_t *object = json_pack(
		"{s:s, s:s, s:s}", "zoneID", s->self.zone, "accountID", s->self.account, "apiToken", token);
	char *json = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	buf_reserve(&text, 4096);
	base64_encode(span_str(json), BASE64_PADDED, &text);
	secret_wipe(json, strlen(json));
	free(json);
	buf_add_str(out, "-----BEGIN ARGO TUNNEL TOKEN-----\n");
	for (struct span left = buf_span(&text); left.len > 0;) {
		size_t n = left.len < PEM_LINE ? left.len : PEM_LINE;
		buf_add(out, left.p, n);
		buf_add_char(out, '\n');
		left = span_skip(left, n);
	}
	buf_add_str(out, "-----END ARGO TUNNEL TOKEN-----\n");
	buf_wipe(&text);
}
