/* Credentials files and tokens. Buffers with secrets are reserved in full first, so that none is left behind by growth. */
#include <jansson.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/conf/cred.h"

/* Names of the four fields in a file and in a token. */
struct cred_names {
	const char *account, *secret, *id, *endpoint;
};
static const struct cred_names file_names = {"AccountTag", "TunnelSecret", "TunnelID", "Endpoint"};
static const struct cred_names token_names = {"a", "s", "t", "e"};

/* The member of that name, whatever its case; NULL when it is not there. */
static json_t *cred_member(json_t *object, const char *name)
{
	const char *key;
	json_t *value, *found = json_object_get(object, name);

	if (found != NULL)
		return found;
	json_object_foreach(object, key, value) if (span_eq_nocase(span_str(key), span_str(name))) found =
		value;
	return found;
}

/* A text member as a span; false, with a message, when it is missing or no text. */
static bool cred_text(json_t *object, const char *name, struct span *out, struct err *err)
{
	json_t *value = cred_member(object, name);

	if (!json_is_string(value)) {
		err_set(err, "\"%s\" is missing or no text; is this a tunnel's credentials?", name);
		return false;
	}
	*out = span_of(json_string_value(value), json_string_length(value));
	return true;
}

static int cred_take_secret(struct span text, const char *name, struct cred *out, struct err *err)
{
	unsigned char bytes[CRED_SECRET_MAX];
	size_t len;

	if (!base64_decode(text, BASE64_PADDED, bytes, sizeof(bytes), &len))
		return err_set(
			err, "\"%s\" is not padded base64 of at most %zu bytes", name, CRED_SECRET_MAX);
	secret_set(&out->secret, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
	return 0;
}

static int cred_from_object(json_t *object, const struct cred_names *names, struct cred *out, struct err *err)
{
	struct span account, secret, id;
	json_t *endpoint = cred_member(object, names->endpoint);

	if (!cred_text(object, names->account, &account, err) ||
		!cred_text(object, names->secret, &secret, err) || !cred_text(object, names->id, &id, err))
		return -1;
	if (!uuid_parse(id, &out->tunnel_id))
		return err_set(err, "\"%s\" is not a UUID", names->id);
	if (cred_take_secret(secret, names->secret, out, err) < 0)
		return -1;
	out->account_tag = mem_spandup(account);
	if (json_is_string(endpoint) && json_string_length(endpoint) > 0)
		out->endpoint = mem_strdup(json_string_value(endpoint));
	return 0;
}

static int cred_parse_json(
	struct span json, const struct cred_names *names, struct cred *out, struct err *err)
{
	json_error_t why;
	json_t *object = json_loadb(json.p, json.len, 0, &why);
	int rc;

	*out = (struct cred){0};
	if (object == NULL)
		/* The parser's own message would quote the text, and with it the secret. */
		return err_set(err, "line %d: not valid JSON", why.line);
	if (json_is_object(object))
		rc = cred_from_object(object, names, out, err);
	else
		rc = err_set(err, "not a JSON object");
	json_decref(object);
	if (rc < 0)
		cred_free(out);
	return rc;
}

int cred_parse(struct span json, struct cred *out, struct err *err)
{
	return cred_parse_json(json, &file_names, out, err);
}

static struct span trim_space(struct span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = span_skip(s, 1);
	while (s.len > 0 && strchr(" \t\r\n", s.p[s.len - 1]) != NULL)
		s.len--;
	return s;
}

int cred_parse_token(struct span token, struct cred *out, struct err *err)
{
	struct buf json = {.max = CRED_FILE_MAX};
	size_t len;
	int rc;

	*out = (struct cred){0};
	token = trim_space(token);
	char *at = token.len > 0 ? buf_reserve(&json, token.len) : NULL;
	if (at == NULL || !base64_decode(token, BASE64_PADDED, at, token.len, &len)) {
		rc = err_set(err, "not a tunnel token: it must be padded base64, copied whole");
	} else {
		buf_commit(&json, len);
		rc = cred_parse_json(buf_span(&json), &token_names, out, err);
		if (rc < 0)
			err_wrap(err, "not a tunnel token");
	}
	buf_wipe(&json);
	return rc;
}

static int cred_read_as(const char *path, int (*parse)(struct span, struct cred *, struct err *),
	struct cred *out, struct err *err)
{
	struct buf text = {.max = CRED_FILE_MAX};
	int rc = -1;

	*out = (struct cred){0};
	buf_reserve(&text, CRED_FILE_MAX);
	if (fsx_read(path, &text, err) == 0) {
		rc = parse(buf_span(&text), out, err);
		if (rc < 0)
			err_wrap(err, "%s", path);
	}
	buf_wipe(&text);
	return rc;
}

int cred_read(const char *path, struct cred *out, struct err *err)
{
	return cred_read_as(path, cred_parse, out, err);
}

int cred_read_token(const char *path, struct cred *out, struct err *err)
{
	return cred_read_as(path, cred_parse_token, out, err);
}

void cred_generate(struct cred *out, const char *account_tag)
{
	unsigned char bytes[32];

	*out = (struct cred){.account_tag = mem_strdup(account_tag)};
	uuid_random(&out->tunnel_id);
	/* Without randomness nothing here is safe. */
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	secret_set(&out->secret, bytes, sizeof(bytes));
	secret_wipe(bytes, sizeof(bytes));
}

static int cred_print_as(const struct cred *c, const struct cred_names *names, struct buf *out)
{
	struct buf secret = {.max = 2 * CRED_SECRET_MAX};
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&c->tunnel_id, id);
	buf_reserve(&secret, 2 * CRED_SECRET_MAX);
	base64_encode(span_of((const char *)c->secret.data, c->secret.len), BASE64_PADDED, &secret);
	json_t *object = json_pack("{s:s, s:s%, s:s, s:s*}", names->account, c->account_tag, names->secret,
		buf_span(&secret).p, buf_len(&secret), names->id, id, names->endpoint, c->endpoint);
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	int rc = text != NULL ? buf_add_str(out, text) : -1;
	if (text != NULL)
		secret_wipe(text, strlen(text));
	free(text);
	json_decref(object);
	buf_wipe(&secret);
	return rc;
}

int cred_print(const struct cred *c, struct buf *out)
{
	return cred_print_as(c, &file_names, out);
}

int cred_print_token(const struct cred *c, struct buf *out)
{
	struct buf json = {.max = CRED_FILE_MAX};

	buf_reserve(&json, CRED_FILE_MAX);
	int rc = cred_print_as(c, &token_names, &json);
	if (rc == 0)
		rc = base64_encode(buf_span(&json), BASE64_PADDED, out);
	buf_wipe(&json);
	return rc;
}

void cred_free(struct cred *c)
{
	free(c->account_tag);
	free(c->endpoint);
	secret_free(&c->secret);
	*c = (struct cred){0};
}
