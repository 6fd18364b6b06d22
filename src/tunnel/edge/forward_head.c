/* Header rules between visitor and connector. */
#include <time.h>

#include "common/base/out.h"
#include "common/base/utf8.h"
#include "tunnel/edge/forward_head.h"
#include "tunnel/h2/cfheader.h"

/* --- Request id --- */

/* SplitMix64: distinct ids from a random start; they need not be unguessable. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void forward_head_ray(struct edge *e, char ray[FORWARD_RAY_MAX])
{
	uint64_t id = next_random(&e->ray);
	size_t len = strnlen(e->location, FORWARD_RAY_MAX - sizeof("0123456789abcdef-"));

	for (int i = 15; i >= 0; i--, id >>= 4)
		ray[i] = "0123456789abcdef"[id & 15];
	ray[16] = '-';
	memcpy(ray + 17, e->location, len);
	ray[17 + len] = '\0';
}

/* --- Host --- */

static struct span without_port(struct span authority)
{
	size_t colon = span_rfind(authority, ':');

	if (colon == authority.len || span_find(span_skip(authority, colon), ']') < authority.len - colon)
		return authority;
	return span_of(authority.p, colon);
}

bool forward_head_host(struct span authority, char host[FORWARD_HOST_MAX])
{
	struct span s = without_port(authority);

	if (s.len >= FORWARD_HOST_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		host[i] = span_lower(s.p[i]);
	host[s.len] = '\0';
	return true;
}

/* --- Request --- */

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Does the name begin like one of ours to a server that hands names over as variables (RFC 3875, 4.1.18)? Those do not
 * tell "-" from "_", and some not from any other sign. */
static bool reads_as(struct span name, struct span ours)
{
	if (name.len < ours.len)
		return false;
	for (size_t i = 0; i < ours.len; i++) {
		char c = span_lower(name.p[i]);
		if (ours.p[i] == '-' ? is_alphanumeric(c) : c != ours.p[i])
			return false;
	}
	return true;
}

/* Fields of a visitor that must not reach the connector: internal ones, and those that are ours to set. */
static bool is_reserved(struct span name)
{
	static const struct span prefixes[] = {
		{"cf-cloudflared-", 15}, {"cf-int-", 7}, {"cf-proxy-", 9}, {"cf-warp-tag-", 12}};
	static const struct span names[] = {{"cf-access-jump-destination", 26}, {"cf-connecting-ip", 16},
		{"cf-ray", 6}, {"cf-visitor", 10}, {"x-forwarded-proto", 17}, {"x-forwarded-for", 15},
		{"host", 4}};

	/* Everything but x-forwarded-* and host begins alike: most names are done after one look. */
	char first = span_lower(name.p[0]);
	if (first != 'c' && first != 'x' && first != 'h')
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (reads_as(name, prefixes[i]))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.len == names[i].len && reads_as(name, names[i]))
			return true;
	return false;
}

/* Does the field stay behind on the visitor's connection? `te: trailers` may pass (RFC 9113, 8.2.2). */
static bool stays_behind(const struct forward_request *r, bool plain_connection, struct span name)
{
	if (is_reserved(name))
		return true;
	if (r->websocket_key.len > 0 && (span_eq_nocase(name, SPAN("sec-websocket-version")) ||
						span_eq_nocase(name, SPAN("content-length"))))
		return true;
	return plain_connection ? header_is_hop_by_hop(name) : header_is_connection_bound(r->fields, name);
}

/* As buf_keep, in lower case. */
static struct span keep_lower(struct buf *text, struct span s)
{
	char *at = buf_reserve(text, s.len);

	for (size_t i = 0; i < s.len; i++)
		at[i] = span_lower(s.p[i]);
	buf_commit(text, s.len);
	return span_of(at, s.len);
}

/* All addresses that the visitor sent, then his own. */
static struct span forwarded_for(const struct forward_request *r, struct buf *text)
{
	size_t start = buf_len(text);

	for (size_t i = 0; i < r->fields->count; i++) {
		if (!span_eq_nocase(r->fields->at[i].name, SPAN("x-forwarded-for")) ||
			r->fields->at[i].value.len == 0)
			continue;
		buf_keep(text, r->fields->at[i].value);
		buf_keep(text, SPAN(", "));
	}
	buf_keep(text, r->client);
	return span_skip(buf_span(text), start);
}

/* Is "Connection" absent or only about keeping this connection? Then it names no further field. */
static bool is_plain_connection(const struct fields *fields)
{
	size_t count = header_count(fields, SPAN("connection"));
	struct span value = header_value(fields, SPAN("connection"));

	return count == 0 || (count == 1 && (span_eq_nocase(value, SPAN("keep-alive")) ||
						    span_eq_nocase(value, SPAN("close")) ||
						    span_eq_nocase(value, SPAN("upgrade"))));
}

#define OWN_FIELDS 8 /* that forward_head_build and forward_head_set add at most */
/* and their bytes, addresses of the visitor apart */
#define OWN_BYTES ((size_t)512 + FORWARD_HEAD_SET_MAX)

void forward_head_build(const struct forward_request *r, const char *ray, struct forward_head *out)
{
	size_t room = OWN_BYTES + r->method.len + r->authority.len + r->path.len + r->client.len;
	bool plain = is_plain_connection(r->fields);

	_Static_assert(FORWARD_FIELDS_MAX + OWN_FIELDS + 4 <= HEADER_FIELDS_MAX, "fields of a head");
	/* Reserved once, so that the spans stay where they are. x-forwarded-for values are counted by their fields. */
	for (size_t i = 0; i < r->fields->count; i++)
		room += r->fields->at[i].name.len + r->fields->at[i].value.len + 2;
	buf_reserve(&out->text, room);
	for (size_t i = 0; i < r->fields->count; i++) {
		const struct field *f = &r->fields->at[i];
		if (!stays_behind(r, plain, f->name))
			header_add(&out->fields, keep_lower(&out->text, f->name),
				buf_keep(&out->text, f->value));
	}
	if (header_has_token(r->fields, SPAN("te"), SPAN("trailers")))
		header_add(&out->fields, SPAN("te"), SPAN("trailers"));
	if (r->websocket_key.len > 0)
		header_add(&out->fields, CFHEADER_UPGRADE, CFHEADER_WEBSOCKET);
	header_add(&out->fields, SPAN("cf-connecting-ip"), buf_keep(&out->text, r->client));
	header_add(&out->fields, SPAN("x-forwarded-for"), forwarded_for(r, &out->text));
	header_add(&out->fields, SPAN("x-forwarded-proto"), r->is_tls ? SPAN("https") : SPAN("http"));
	header_add(&out->fields, SPAN("cf-visitor"),
		r->is_tls ? SPAN("{\"scheme\":\"https\"}") : SPAN("{\"scheme\":\"http\"}"));
	header_add(&out->fields, SPAN("cf-ray"), buf_keep(&out->text, span_str(ray)));
	out->head = (struct exchange_head){.method = buf_keep(&out->text, r->method),
		.scheme = SPAN("http"),
		.authority = keep_lower(&out->text, r->authority),
		.path = buf_keep(&out->text, r->path),
		.fields = &out->fields};
	out->no_body = !r->has_body && r->websocket_key.len == 0;
}

void forward_head_set(struct forward_head *h, struct span name, struct span value)
{
	struct fields *f = &h->fields;
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++)
		if (f->at[i].name.len != name.len || !reads_as(f->at[i].name, name))
			f->at[kept++] = f->at[i];
	f->count = kept;
	header_add(f, keep_lower(&h->text, name), buf_keep(&h->text, value));
}

void forward_head_clean_trailers(struct fields *trailers)
{
	size_t kept = 0;

	for (size_t i = 0; i < trailers->count; i++)
		if (!is_reserved(trailers->at[i].name))
			trailers->at[kept++] = trailers->at[i];
	trailers->count = kept;
}

void forward_head_free(struct forward_head *h)
{
	header_free(&h->fields);
	buf_free(&h->text);
}

/* --- Response --- */

bool forward_head_length(const struct fields *fields, bool *known, uint64_t *length)
{
	*known = false;
	*length = 0;
	for (size_t i = 0; i < fields->count; i++) {
		uint64_t n;
		if (!span_eq_nocase(fields->at[i].name, SPAN("content-length")))
			continue;
		if (!span_to_u64(fields->at[i].value, INT64_MAX, &n) || (*known && n != *length))
			return false;
		*known = true;
		*length = n;
	}
	return true;
}

/* Take the names of fields that a Connection field lists: they are marked by emptying them. */
static void unname_connection_bound(struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct span name = fields->at[i].name;
		if (!header_is_hop_by_hop(name) && header_has_token(fields, SPAN("connection"), name))
			fields->at[i].name.len = 0;
	}
}

static bool is_for_visitors(struct span name)
{
	return name.len > 0 && !header_is_hop_by_hop(name) && !span_starts_nocase(name, SPAN("cf-int-")) &&
	       !span_starts_nocase(name, SPAN("cf-cloudflared-")) &&
	       !span_starts_nocase(name, SPAN("cf-proxy-")) && !span_eq_nocase(name, SPAN("cf-ray")) &&
	       !span_eq_nocase(name, SPAN("content-length"));
}

void forward_head_clean_response(struct fields *fields)
{
	size_t kept = 0;

	if (!is_plain_connection(fields))
		unname_connection_bound(fields);
	for (size_t i = 0; i < fields->count; i++)
		if (is_for_visitors(fields->at[i].name))
			fields->at[kept++] = fields->at[i];
	fields->count = kept;
}

/* --- Access log --- */

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
static void add_json_text(struct buf *out, struct span s)
{
	buf_add_char(out, '"');
	while (s.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			buf_add_str(out, "\\ufffd");
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", (int)c);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			buf_addf(out, "\\u%04x", (unsigned)c);
		else
			buf_add(out, s.p, n);
		s = span_skip(s, n > 0 ? n : 1);
	}
	buf_add_char(out, '"');
}

void forward_head_log(const struct forward_request *r, const char *ray, struct buf *out)
{
	struct timespec now;
	struct tm utc;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	buf_addf(out,
		"{\"time\":\"%s.%03ldZ\",\"ray\":\"%s\",\"client\":\"%.*s\",\"protocol\":\"%s\",\"tls\":%s,"
		"\"method\":",
		stamp, now.tv_nsec / 1000000, ray, (int)r->client.len, r->client.p, r->protocol,
		r->is_tls ? "true" : "false");
	add_json_text(out, r->method);
	buf_add_str(out, ",\"host\":");
	add_json_text(out, r->authority);
	buf_add_str(out, ",\"path\":");
	add_json_text(out, r->path);
	buf_add_char(out, ',');
}
