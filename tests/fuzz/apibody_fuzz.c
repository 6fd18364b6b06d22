/* Bodies of the management API: what is accepted is within the limits, what is refused says why and leaves nothing. The
 * store's own records too, since a file can be altered. */
#include "common/base/utf8.h"
#include "fuzz.h"
#include "tunnel/mgmt/decode.h"
#include "tunnel/store/record.h"

static void check_tunnel(struct span in)
{
	struct decode_tunnel t;
	struct err err = {{0}};

	if (decode_tunnel(in, &t, &err) != DECODE_OK) {
		MUST(err.text[0] != '\0' && t.name == NULL && t.secret.data == NULL);
		return;
	}
	if (t.name != NULL)
		MUST(strlen(t.name) >= 1 && strlen(t.name) <= (size_t)4 * DECODE_NAME_MAX);
	MUST(t.secret.len == 0 || (t.secret.len >= DECODE_SECRET_MIN && t.secret.len <= DECODE_SECRET_MAX));
	decode_tunnel_free(&t);
}

static void check_route(struct span in)
{
	struct decode_route r;
	struct err err = {{0}};

	if (decode_route(in, &r, &err) != DECODE_OK) {
		MUST(err.text[0] != '\0' && r.host == NULL && r.pool == NULL);
		return;
	}
	MUST(r.host[0] != '\0' && r.is_lb == (r.pool[0] != '\0'));
	decode_route_free(&r);
}

/* Its text can be read again, and is the same then. */
static void check_config(struct span in)
{
	struct err err = {{0}};
	struct buf wrapped = {0};
	char *text, *again;

	if (decode_config(in, &text, &err) != DECODE_OK) {
		MUST(err.text[0] != '\0' && text == NULL);
		return;
	}
	buf_addf(&wrapped, "{\"config\":%s}", text);
	MUST(decode_config(buf_span(&wrapped), &again, &err) == DECODE_OK);
	MUST(strcmp(text, again) == 0);
	free(text);
	free(again);
	buf_free(&wrapped);
}

/* What is read can be written, and read again as the same. */
static void check_audit(struct span in)
{
	struct audit_record a, back;
	struct err err = {{0}};
	struct buf text = {0};

	if (audit_record_parse(in, &a, &err) < 0) {
		MUST(err.text[0] != '\0' && a.token == NULL && a.fields == NULL);
		return;
	}
	MUST(audit_record_print(&a, &text) == 0);
	MUST(audit_record_parse(buf_span(&text), &back, &err) == 0);
	MUST(a.at == back.at && strcmp(a.action, back.action) == 0 && strcmp(a.token, back.token) == 0 &&
		a.version_after == back.version_after);
	audit_record_free(&a);
	audit_record_free(&back);
	buf_free(&text);
}

static void check_seen(struct span in)
{
	struct seen_record s, back;
	struct err err = {{0}};
	struct buf text = {0};

	if (seen_record_parse(in, &s, &err) < 0)
		return;
	MUST(seen_record_print(&s, &text) == 0);
	MUST(seen_record_parse(buf_span(&text), &back, &err) == 0);
	MUST(s.active_at == back.active_at && s.inactive_at == back.inactive_at);
	buf_free(&text);
}

static void check_records(struct span in)
{
	struct tunnel_record tunnel;
	struct token_record token;
	struct route_record route;
	struct err err = {{0}};

	if (tunnel_record_parse(in, &tunnel, &err) == 0) {
		struct buf text = {0};
		struct tunnel_record back;
		MUST(tunnel_record_print(&tunnel, &text) == 0);
		MUST(tunnel_record_parse(buf_span(&text), &back, &err) == 0);
		MUST(strcmp(tunnel.name, back.name) == 0 && tunnel.current.version == back.current.version);
		tunnel_record_free(&back);
		buf_free(&text);
	}
	tunnel_record_free(&tunnel);
	if (token_record_parse(in, &token, &err) == 0)
		token_record_free(&token);
	if (route_record_parse(in, &route, &err) == 0) {
		MUST(route.count <= RECORD_LB_MAX);
		route_record_free(&route);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);

	check_tunnel(in);
	check_route(in);
	check_config(in);
	check_records(in);
	check_audit(in);
	check_seen(in);
	return 0;
}
