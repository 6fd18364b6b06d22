/* PEM blocks (RFC 7468, laxly: text between them, lines of any length), and the JSON in one of them. */
#include <jansson.h>
#include <stdlib.h>

#include "common/api/cert.h"
#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"

#define BEGIN SPAN("-----BEGIN ")
#define END SPAN("-----END ")
#define DASHES SPAN("-----")
#define TOKEN SPAN("ARGO TUNNEL TOKEN")

/* Take a line off, without its end and the blanks before that. */
static struct span next_line(struct span *text)
{
	struct span line = span_cut(*text, '\n', text);

	while (line.len > 0 && strchr(" \t\r", line.p[line.len - 1]) != NULL)
		line.len--;
	return line;
}

/* The label of a boundary line: "-----BEGIN LABEL-----". */
static bool boundary(struct span line, struct span prefix, struct span *label)
{
	if (!span_starts(line, prefix) || !span_ends(line, DASHES) || line.len < prefix.len + DASHES.len)
		return false;
	*label = span_of(line.p + prefix.len, line.len - prefix.len - DASHES.len);
	return true;
}

/* Collect the lines of a block up to its end. */
static int take_block(struct span *text, struct span label, struct buf *body, struct err *err)
{
	struct span end;

	while (text->len > 0) {
		struct span line = next_line(text);
		if (boundary(line, END, &end) && span_eq(end, label))
			return 0;
		buf_add_span(body, line);
	}
	return err_set(err, "the block that begins has no end; was the file copied whole?");
}

static char *text_of(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_string(value) && json_string_length(value) > 0 ? mem_strdup(json_string_value(value))
								      : NULL;
}

static int take_object(json_t *object, struct cert *out, struct err *err)
{
	json_t *token = json_object_get(object, "apiToken");

	if (!json_is_object(object))
		return err_set(err, "the token is not a JSON object");
	out->zone = text_of(object, "zoneID");
	out->account = text_of(object, "accountID");
	out->endpoint = text_of(object, "endpoint");
	if (json_string_length(token) > 0)
		secret_set(&out->token, json_string_value(token), json_string_length(token));
	if (out->zone == NULL || out->token.len == 0)
		return err_set(err, "missing token in the certificate: zoneID and apiToken are expected");
	if (out->account == NULL)
		return err_set(err, "the certificate needs to be refreshed: it has no accountID");
	return 0;
}

static int take_token(struct span base64, struct cert *out, struct err *err)
{
	struct buf json = {.max = CERT_FILE_MAX};
	json_error_t why;
	json_t *object = NULL;
	size_t len;

	char *at = buf_reserve(&json, CERT_FILE_MAX);
	if (base64_decode(base64, BASE64_PADDED, at, CERT_FILE_MAX, &len)) {
		buf_commit(&json, len);
		object = json_loadb(buf_span(&json).p, buf_len(&json), JSON_REJECT_DUPLICATES, &why);
	}
	int rc = object != NULL ? take_object(object, out, err)
				: err_set(err, "the token is not base64 of JSON; was the file copied whole?");
	json_decref(object);
	buf_wipe(&json);
	return rc;
}

static int take_blocks(struct span text, struct buf *body, struct cert *out, struct err *err)
{
	struct span label;
	bool found = false;

	while (text.len > 0) {
		if (!boundary(next_line(&text), BEGIN, &label))
			continue;
		buf_clear(body);
		if (take_block(&text, label, body, err) < 0)
			return -1;
		if (span_eq(label, SPAN("PRIVATE KEY")) || span_eq(label, SPAN("CERTIFICATE")))
			continue;
		if (!span_eq(label, TOKEN))
			return err_set(err, "a block of a kind that does not belong here");
		if (found)
			return err_set(err, "found multiple tokens in the certificate");
		found = true;
		if (take_token(buf_span(body), out, err) < 0)
			return -1;
	}
	return found ? 0 : err_set(err, "missing token in the certificate: no block ARGO TUNNEL TOKEN");
}

int cert_parse(struct span text, struct cert *out, struct err *err)
{
	struct buf body = {.max = CERT_FILE_MAX};
	int rc = -1;

	*out = (struct cert){0};
	buf_reserve(&body, CERT_FILE_MAX);
	if (text.len > CERT_FILE_MAX)
		err_set(err, "larger than %zu bytes", CERT_FILE_MAX);
	else
		rc = take_blocks(text, &body, out, err);
	buf_wipe(&body);
	if (rc < 0)
		cert_free(out);
	return rc;
}

int cert_read(const char *path, struct cert *out, struct err *err)
{
	struct buf text = {.max = CERT_FILE_MAX};
	int rc = -1;

	*out = (struct cert){0};
	buf_reserve(&text, CERT_FILE_MAX);
	if (fsx_read(path, &text, err) == 0) {
		rc = cert_parse(buf_span(&text), out, err);
		if (rc < 0)
			err_wrap(err, "%s", path);
	}
	buf_wipe(&text);
	return rc;
}

void cert_free(struct cert *c)
{
	free(c->zone);
	free(c->account);
	free(c->endpoint);
	secret_free(&c->token);
	*c = (struct cert){0};
}
