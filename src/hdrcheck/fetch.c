/* libcurl's multi interface, and the requests that one target takes. */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/duration.h"
#include "common/base/mem.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/fetch_private.h"

#define POLL_MS 100

/* One request in flight. */
struct fetch_transfer {
	CURL *easy;
	struct curl_slist *headers; /* of the request */
	struct fetch_target *target;
	struct response *r; /* being filled */
	size_t head_bytes;
	bool head_done;
	bool stopped; /* by us: enough is there */
	const char *fault;
	struct buf body;
	char error[CURL_ERROR_SIZE];
};

/* --- What arrives --- */

static const char *take_head_line(struct fetch_transfer *x, struct span line)
{
	struct arena *a = &x->target->arena;
	struct fields *headers = &x->r->headers;
	struct span rest, value;
	uint64_t status;

	if (span_starts(line,
		    SPAN("HTTP/"))) { /* the head of an interim response, or of a proxy, ends up nowhere */
		header_clear(headers);
		span_cut(line, ' ', &rest);
		if (!span_to_u64(span_cut(span_trim(rest), ' ', &value), 999, &status) || status < 100)
			return "the status line has no status";
		x->r->status = (int)status;
		x->r->http_version = response_version(line);
		x->head_done = false;
		return NULL;
	}
	if (line.len == 0) {
		x->head_done = true;
		return NULL;
	}
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return "a header is folded over two lines, which is not allowed (RFC 9112, 5.2)";
	struct span name = span_cut(line, ':', &value);
	if (value.p == NULL || !header_is_token(name))
		return "a line of the head is no header";
	if (header_add(headers, arena_copy(a, name), response_text(a, span_trim(value))) < 0)
		return "more headers than are allowed";
	return NULL;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct fetch_transfer *x = arg;
	size_t len = size * count;
	struct span line = span_of(bytes, len);

	if (x->head_done && !span_starts(line, SPAN("HTTP/")))
		return len; /* trailers */
	x->head_bytes += len;
	while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
		line.len--;
	if (len > FETCH_LINE_MAX || x->head_bytes > FETCH_HEAD_MAX)
		x->fault = "the head of the response is larger than is allowed";
	else
		x->fault = take_head_line(x, line);
	x->stopped = x->head_done && x->r->status == 101; /* what follows is not HTTP */
	return x->fault == NULL && !x->stopped ? len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct fetch_transfer *x = arg;
	size_t len = size * count, room = HTML_BYTES_MAX - buf_len(&x->body);

	if (!audit_is_document(x->r))
		room = room < 1 ? room : 1; /* that there is a body matters, not what it says */
	buf_add(&x->body, bytes, len < room ? len : room);
	x->stopped = len >= room;
	return x->stopped ? 0 : len;
}

/* --- Requests --- */

static struct curl_slist *list_of(const struct opt_list *list)
{
	struct curl_slist *out = NULL;

	for (size_t i = 0; i < list->count; i++)
		out = curl_slist_append(out, list->items[i]);
	return out;
}

static void set_options(const struct fetch *f, struct fetch_transfer *x, bool verify)
{
	const struct fetch_options *o = f->options;
	CURL *e = x->easy;

	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(o->timeout_ns / DURATION_MS));
	curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	curl_easy_setopt(e, CURLOPT_CONNECT_TO, f->connect_to);
	curl_easy_setopt(e, CURLOPT_RESOLVE, f->resolve);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (o->cacert != NULL)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->cacert);
	if (o->http1)
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	else if (o->http2)
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
}

/* A handshake (RFC 6455, 4.1), with a key that needs not be random here. */
static const char *const upgrade[] = {"Upgrade: websocket", "Connection: Upgrade",
	"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: aGRyY2hlY2sgaGFuZHNoYQ=="};

/* The user's own headers may hold secrets: they go to the origin that he named and nowhere else. */
static struct curl_slist *headers_for(
	const struct fetch *f, const struct fetch_target *t, const struct url *url)
{
	const struct url *first = &t->steps[0].url;
	bool own = first->scheme == url->scheme && first->port == url->port &&
		   span_eq_nocase(first->host, url->host);
	struct curl_slist *list = own ? list_of(&f->options->headers) : NULL;

	list = curl_slist_append(list, "Accept: text/html,application/xhtml+xml,*/*;q=0.8");
	if (t->origin != NULL) {
		char *line = mem_printf("Origin: %s", t->origin);
		list = curl_slist_append(list, line);
		free(line);
	}
	if (t->phase == FETCH_PREFLIGHT || t->phase == FETCH_PROBE)
		list = curl_slist_append(list, "Access-Control-Request-Method: GET");
	if (t->phase == FETCH_SIDE && t->condition != NULL)
		list = curl_slist_append(list, t->condition);
	for (size_t i = 0; t->websocket && i < sizeof(upgrade) / sizeof(upgrade[0]); i++)
		list = curl_slist_append(list, upgrade[i]);
	return list;
}

void fetch_request(struct fetch *f, struct fetch_target *t, struct response *r, struct span url, bool verify)
{
	struct fetch_transfer *x = mem_alloc(sizeof(*x));
	struct err err;

	header_clear(&r->headers);
	r->status = 0;
	r->request_url = arena_copy(&t->arena, url);
	url_parse(r->request_url, &r->url, &err); /* whoever asks has tried it */
	r->host = r->url.host;
	r->https = !url_is_tls(r->url.scheme) ? HTTPS_NONE : verify ? HTTPS_VALID : HTTPS_INVALID;
	r->foreign_origin = t->websocket;
	x->target = t;
	x->r = r;
	x->body.max = HTML_BYTES_MAX + 1;
	x->headers = headers_for(f, t, &r->url);
	x->easy = curl_easy_init();
	t->transfer = x;
	set_options(f, x, verify);
	curl_easy_setopt(x->easy, CURLOPT_URL, r->request_url.p);
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	if (t->websocket)
		curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (t->phase == FETCH_PREFLIGHT || t->phase == FETCH_PROBE)
		curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
	if (t->phase == FETCH_SIDE && t->side == FETCH_SIDE_HEAD)
		curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	if (t->phase == FETCH_SIDE && t->side == FETCH_SIDE_HTTP)
		curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION,
			t->steps[t->count - 1].http_version == 20 ? (long)CURL_HTTP_VERSION_1_1
								  : (long)CURL_HTTP_VERSION_2TLS);
	curl_multi_add_handle(f->multi, x->easy);
}

/* --- The end of a request --- */

static const char *phase_of(CURLcode code)
{
	switch ((int)code) { /* of a hundred codes, those that say where it was */
	case CURLE_COULDNT_RESOLVE_HOST: return "resolve: ";
	case CURLE_COULDNT_CONNECT: return "connect: ";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION: return "TLS: ";
	default: return "";
	}
}

/* libcurl has its own limit for a line of a head, and a strange word for it. */
static const char *reason(struct fetch_transfer *x, CURLcode code)
{
	if (x->fault != NULL)
		return x->fault;
	if (code == CURLE_OUT_OF_MEMORY && !x->head_done)
		return "the head of the response is larger than is allowed";
	return arena_printf(&x->target->arena, "%s%s", phase_of(code),
		x->error[0] != '\0' ? x->error : curl_easy_strerror(code));
}

static void transfer_done(struct fetch *f, struct fetch_transfer *x, CURLcode code)
{
	struct fetch_target *t = x->target;
	struct response *r = x->r;
	bool bad_certificate = code == CURLE_PEER_FAILED_VERIFICATION && r->https == HTTPS_VALID;
	/* An answer that never ends is judged by what came of it. */
	bool good = x->fault == NULL &&
		    (code == CURLE_OK || (x->head_done && (x->stopped || code == CURLE_OPERATION_TIMEDOUT)));
	const char *why = reason(x, code);

	curl_multi_remove_handle(f->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	if (good && buf_len(&x->body) > 0)
		r->body = arena_copy(&t->arena, buf_span(&x->body));
	buf_free(&x->body);
	free(x);
	t->transfer = NULL;
	if (good)
		fetch_arrived(f, t);
	else if (bad_certificate && f->options->insecure) {
		t->tls_invalid = true;
		fetch_request(f, t, r, r->request_url, false);
	} else
		fetch_missed(f, t, why);
}

/* --- Targets --- */

void fetch_target_init(struct fetch_target *t, const char *url)
{
	*t = (struct fetch_target){0};
	t->url = arena_copy(&t->arena, span_str(url)).p;
}

void fetch_target_fini(struct fetch_target *t)
{
	for (size_t i = 0; i < t->count; i++)
		response_fini(&t->steps[i]);
	for (size_t i = 0; i < FETCH_SIDES; i++)
		response_fini(&t->sides[i]);
	response_fini(&t->twin);
	response_fini(&t->preflight);
	response_fini(&t->probe);
	response_fini(&t->again);
	arena_free(&t->arena);
}

void fetch_start(struct fetch *f, struct fetch_target *t)
{
	t->started_ms = fetch_clock_ms();
	fetch_begin(f, t);
}

void fetch_abandon(struct fetch *f, struct fetch_target *t)
{
	struct fetch_transfer *x = t->transfer;

	if (x == NULL)
		return;
	curl_multi_remove_handle(f->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	buf_free(&x->body);
	free(x);
	t->transfer = NULL;
}

void fetch_wait(struct fetch *f, const struct fetch_target *t)
{
	while (!t->done) {
		int running, left;
		const CURLMsg *m;

		curl_multi_perform(f->multi, &running);
		while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
			char *private = NULL;
			if (m->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
			transfer_done(f, (struct fetch_transfer *)(void *)private, m->data.result);
		}
		if (f->tick != NULL)
			f->tick(f->tick_arg);
		if (!t->done)
			curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
	}
}

struct fetch *fetch_new(const struct fetch_options *options, struct err *err)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (f->multi = curl_multi_init()) == NULL) {
		err_set(err, "libcurl cannot be set up");
		free(f);
		return NULL;
	}
	f->options = options;
	f->connect_to = list_of(&options->connect_to);
	f->resolve = list_of(&options->resolve);
	return f;
}

void fetch_on_tick(struct fetch *f, void (*tick)(void *arg), void *arg)
{
	f->tick = tick;
	f->tick_arg = arg;
}

void fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	curl_slist_free_all(f->connect_to);
	curl_slist_free_all(f->resolve);
	curl_multi_cleanup(f->multi);
	curl_global_cleanup();
	free(f);
}
