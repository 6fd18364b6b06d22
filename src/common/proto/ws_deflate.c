/* permessage-deflate. */
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/base/mem.h"
#include "common/proto/ws_deflate.h"

#define EXTENSIONS SPAN("sec-websocket-extensions")
#define NAME SPAN("permessage-deflate")
#define STEP 16384 /* bytes that zlib may write at a time */
#define SHORT 64   /* bytes */

/* --- Field values --- */

/* Index of the first separator outside a quoted string; s.len when there is none, -1 when a quote is not closed. */
static ptrdiff_t find_unquoted(struct span s, char sep)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] == sep)
			return (ptrdiff_t)i;
	}
	return quoted ? -1 : (ptrdiff_t)s.len;
}

/* Cut *rest at the separator: *part is what stood before it, trimmed. False when a quote is not closed. */
static bool cut_unquoted(struct span *rest, char sep, struct span *part)
{
	ptrdiff_t at = find_unquoted(*rest, sep);

	if (at < 0)
		return false;
	*part = span_trim(span_of(rest->p, (size_t)at));
	*rest = (size_t)at == rest->len ? span_of(NULL, 0) : span_skip(*rest, (size_t)at + 1);
	return true;
}

bool ws_extension_next(struct span *list, struct ws_extension *ext, bool *bad)
{
	struct span item;

	do {
		if (list->p == NULL)
			return false;
		if (!cut_unquoted(list, ',', &item)) {
			*bad = true;
			return false;
		}
	} while (item.len == 0);
	ext->params = item;
	if (!cut_unquoted(&ext->params, ';', &ext->name) || !header_is_token(ext->name))
		*bad = true;
	return !*bad;
}

/* The window size: 8 to 15 without a leading zero, as token or quoted (RFC 7692, 7.1.2.1). */
static bool read_bits(struct span value, int *bits)
{
	uint64_t n;

	if (value.len >= 2 && value.p[0] == '"' && value.p[value.len - 1] == '"')
		value = span_of(value.p + 1, value.len - 2);
	if (!span_to_u64(value, WS_WINDOW_MAX, &n) || n < WS_WINDOW_MIN || value.p[0] == '0')
		return false;
	*bits = (int)n;
	return true;
}

static bool read_param(struct span item, bool is_offer, struct ws_deflate_params *out)
{
	struct span value, name = span_trim(span_cut(item, '=', &value));
	bool has_value = value.p != NULL;

	value = span_trim(value);
	if (span_eq(name, SPAN("server_no_context_takeover")) && !has_value && !out->server_no_context)
		return out->server_no_context = true;
	if (span_eq(name, SPAN("client_no_context_takeover")) && !has_value && !out->client_no_context)
		return out->client_no_context = true;
	if (span_eq(name, SPAN("server_max_window_bits")) && has_value && out->server_bits == 0)
		return read_bits(value, &out->server_bits);
	if (span_eq(name, SPAN("client_max_window_bits")) && out->client_bits == 0) {
		out->client_bits = WS_DEFLATE_ANY;
		return has_value ? read_bits(value, &out->client_bits) : is_offer;
	}
	return false;
}

bool ws_deflate_parse(struct span params, bool is_offer, struct ws_deflate_params *out)
{
	struct span item;

	*out = (struct ws_deflate_params){.on = true};
	while (params.p != NULL)
		if (!cut_unquoted(&params, ';', &item) || !read_param(item, is_offer, out))
			return false;
	return true;
}

void ws_deflate_write(const struct ws_deflate_params *p, struct buf *out)
{
	buf_add_str(out, "permessage-deflate");
	if (p->server_no_context)
		buf_add_str(out, "; server_no_context_takeover");
	if (p->client_no_context)
		buf_add_str(out, "; client_no_context_takeover");
	if (p->server_bits > 0)
		buf_addf(out, "; server_max_window_bits=%d", p->server_bits);
	if (p->client_bits > 0)
		buf_addf(out, "; client_max_window_bits=%d", p->client_bits);
	else if (p->client_bits == WS_DEFLATE_ANY)
		buf_add_str(out, "; client_max_window_bits");
}

/* --- Negotiation --- */

/* The server may not widen what the client bounded, nor bound what the client did not offer to bound
 * (RFC 7692, 7.1.1.1 and 7.1.2). */
static const char *judge_params(
	const struct ws_deflate_params *offered, const struct ws_deflate_params *agreed)
{
	if (offered->server_no_context && !agreed->server_no_context)
		return "server_no_context_takeover was asked for and not granted";
	if (offered->server_bits > 0 &&
		(agreed->server_bits == 0 || agreed->server_bits > offered->server_bits))
		return "server_max_window_bits is wider than asked for";
	if (agreed->client_bits > 0 && offered->client_bits == 0)
		return "client_max_window_bits was not offered";
	if (agreed->client_bits > 0 && offered->client_bits > 0 && agreed->client_bits > offered->client_bits)
		return "client_max_window_bits is wider than offered";
	return NULL;
}

const char *ws_deflate_judge(const struct fields *response, const struct ws_deflate_params *offered,
	struct ws_deflate_params *agreed)
{
	struct ws_extension ext;
	bool bad = false;

	*agreed = (struct ws_deflate_params){0};
	for (size_t i = 0; i < response->count; i++) {
		struct span list = response->at[i].value;

		if (!span_eq_nocase(response->at[i].name, EXTENSIONS))
			continue;
		while (ws_extension_next(&list, &ext, &bad)) {
			if (offered == NULL || !offered->on || !span_eq_nocase(ext.name, NAME))
				return "the server chose an extension that was not offered";
			if (agreed->on)
				return "the server chose permessage-deflate twice";
			if (!ws_deflate_parse(ext.params, false, agreed))
				return "the server's permessage-deflate parameters are invalid";
			const char *why = judge_params(offered, agreed);
			if (why != NULL)
				return why;
		}
	}
	return bad ? "Sec-WebSocket-Extensions is malformed" : NULL;
}

static int smaller_bits(int offered, int policy)
{
	if (offered <= 0)
		return policy;
	return policy > 0 && policy < offered ? policy : offered;
}

/* One offer against the policy. */
static void choose_from(const struct ws_deflate_params *offer, const struct ws_deflate_params *policy,
	struct ws_deflate_params *agreed)
{
	*agreed = (struct ws_deflate_params){.on = true,
		.server_no_context = offer->server_no_context || policy->server_no_context,
		.client_no_context = offer->client_no_context || policy->client_no_context,
		.server_bits = smaller_bits(offer->server_bits, policy->server_bits)};
	if (offer->client_bits != 0)
		agreed->client_bits = smaller_bits(offer->client_bits, policy->client_bits);
}

void ws_deflate_choose(const struct fields *request, const struct ws_deflate_params *policy,
	struct ws_deflate_params *agreed)
{
	struct ws_extension ext;
	struct ws_deflate_params offer;
	bool bad = false;

	*agreed = (struct ws_deflate_params){0};
	for (size_t i = 0; policy->on && i < request->count; i++) {
		struct span list = request->at[i].value;

		if (!span_eq_nocase(request->at[i].name, EXTENSIONS))
			continue;
		while (ws_extension_next(&list, &ext, &bad)) {
			if (!span_eq_nocase(ext.name, NAME) || !ws_deflate_parse(ext.params, true, &offer))
				continue;
			choose_from(&offer, policy, agreed);
			return;
		}
	}
}

/* --- zlib's streams --- */

/* One of each for each window size, made when first wanted. */
struct ws_deflate_pool {
	z_stream *in[WS_WINDOW_MAX + 1], *out[WS_WINDOW_MAX + 1];
};

/* zlib's streams point back to themselves, so they are never moved. */
static z_stream *new_in(int bits)
{
	z_stream *z = mem_alloc(sizeof(*z));

	if (inflateInit2(z, -bits) != Z_OK)
		abort(); /* no memory */
	return z;
}

static z_stream *new_out(int bits)
{
	z_stream *z = mem_alloc(sizeof(*z));

	if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* no memory */
	return z;
}

static void free_in(z_stream *z)
{
	if (z != NULL)
		inflateEnd(z);
	free(z);
}

static void free_out(z_stream *z)
{
	if (z != NULL)
		deflateEnd(z);
	free(z);
}

struct ws_deflate_pool *ws_deflate_pool_new(void)
{
	return mem_alloc(sizeof(struct ws_deflate_pool));
}

void ws_deflate_pool_free(struct ws_deflate_pool *pool)
{
	if (pool == NULL)
		return;
	for (int bits = 0; bits <= WS_WINDOW_MAX; bits++) {
		free_in(pool->in[bits]);
		free_out(pool->out[bits]);
	}
	free(pool);
}

/* --- Codec --- */

struct ws_deflate {
	struct ws_deflate_pool *pool;       /* borrowed; may be NULL */
	z_stream *in, *out;                 /* our own; NULL until wanted, and where the pool's are used */
	int in_bits, out_bits;              /* window sizes */
	bool in_no_context, out_no_context; /* reset after each message */
};

struct ws_deflate *ws_deflate_new(
	const struct ws_deflate_params *a, bool is_client, struct ws_deflate_pool *pool)
{
	struct ws_deflate *d = mem_alloc(sizeof(*d));
	int server = a->server_bits > 0 ? a->server_bits : WS_WINDOW_MAX;
	int client = a->client_bits > 0 ? a->client_bits : WS_WINDOW_MAX;

	d->pool = pool;
	d->in_bits = is_client ? server : client;
	d->out_bits = is_client ? client : server;
	d->in_no_context = is_client ? a->server_no_context : a->client_no_context;
	d->out_no_context = is_client ? a->client_no_context : a->server_no_context;
	return d;
}

void ws_deflate_free(struct ws_deflate *d)
{
	if (d == NULL)
		return;
	free_in(d->in);
	free_out(d->out);
	free(d);
}

static z_stream *stream_out(struct ws_deflate *d)
{
	z_stream **z = d->pool != NULL && d->out_no_context ? &d->pool->out[d->out_bits] : &d->out;

	if (*z == NULL)
		*z = new_out(d->out_bits);
	return *z;
}

static z_stream *stream_in(struct ws_deflate *d)
{
	z_stream **z = d->pool != NULL && d->in_no_context ? &d->pool->in[d->in_bits] : &d->in;

	if (*z == NULL)
		*z = new_in(d->in_bits);
	return *z;
}

/* Compress all of next_in up to a byte boundary. False when out is full. */
static bool deflate_all(z_stream *z, struct buf *out)
{
	do {
		char *to = buf_reserve(out, STEP);
		if (to == NULL)
			return false;
		z->next_out = (Bytef *)to;
		z->avail_out = STEP;
		int rc = deflate(z, Z_SYNC_FLUSH);
		assert(rc == Z_OK || rc == Z_BUF_ERROR);
		(void)rc;
		buf_commit(out, STEP - z->avail_out);
	} while (z->avail_out == 0);
	return true;
}

bool ws_deflate_pack(struct ws_deflate *d, struct span message, struct buf *out)
{
	/* zlib makes raw streams with windows of 9 to 15 bits only. Short messages gain nothing without a context. */
	if (d->out_bits < 9 || (d->out_no_context && message.len < SHORT))
		return false;
	z_stream *z = stream_out(d);
	z->next_in = (Bytef *)(uintptr_t)message.p;
	z->avail_in = (uInt)message.len;
	bool ok = deflate_all(z, out);
	if (d->out_no_context || !ok)
		deflateReset(z);
	if (!ok)
		return false;
	/* The flush ends with 00 00 FF FF, which is left out (RFC 7692, 7.2.1). A message without content is one byte. */
	if (message.len == 0) {
		buf_clear(out);
		buf_add_char(out, 0);
	} else {
		assert(buf_len(out) >= 4);
		out->tail -= 4;
	}
	return true;
}

/* Inflate what next_in holds. */
static enum ws_unpack inflate_some(z_stream *z, struct buf *out)
{
	do {
		size_t room = buf_room(out) < STEP ? buf_room(out) : STEP;
		char last = 0; /* one byte more than allowed shows that there is more */
		char *to = room > 0 ? buf_reserve(out, room) : &last;

		z->next_out = (Bytef *)to;
		z->avail_out = room > 0 ? (uInt)room : 1;
		int rc = inflate(z, Z_SYNC_FLUSH);
		if (rc == Z_STREAM_END)
			inflateReset(
				z); /* a final block: a new stream begins behind it (RFC 7692, 7.2.3.4) */
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return WS_UNPACK_BAD;
		if (room == 0)
			return z->avail_out == 0 ? WS_UNPACK_LONG : WS_UNPACK_OK;
		buf_commit(out, room - z->avail_out);
		if (rc == Z_BUF_ERROR)
			break;
	} while (z->avail_in > 0 || z->avail_out == 0);
	return WS_UNPACK_OK;
}

enum ws_unpack ws_deflate_unpack(struct ws_deflate *d, struct span message, struct buf *out)
{
	static const unsigned char tail[] = {0x00, 0x00, 0xff, 0xff}; /* RFC 7692, 7.2.2 */
	z_stream *z = stream_in(d);

	z->next_in = (Bytef *)(uintptr_t)message.p;
	z->avail_in = (uInt)message.len;
	enum ws_unpack result = message.len > 0 ? inflate_some(z, out) : WS_UNPACK_OK;
	if (result == WS_UNPACK_OK) {
		z->next_in = (Bytef *)(uintptr_t)tail;
		z->avail_in = sizeof(tail);
		result = inflate_some(z, out);
	}
	if (d->in_no_context || result != WS_UNPACK_OK)
		inflateReset(z);
	return result;
}
