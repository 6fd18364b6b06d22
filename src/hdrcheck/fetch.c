/* libcurl's multi interface, and the requests that one target takes. */
#include <curl/curl.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/duration.h"
#include "common/base/mem.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/fetch.h"

#define POLL_MS 1000

enum phase {
	PHASE_PAGE,      /* the URL and what it redirects to */
	PHASE_AGAIN,     /* the last one again: is the nonce of its policy a fresh one? */
	PHASE_PREFLIGHT, /* OPTIONS to the last URL */
	PHASE_PROBE, /* the same in the name of origins that a careless comparison takes for the host's own */
	PHASE_TWIN,  /* the same on plain HTTP */
};

struct fetch {
	const struct fetch_options *options;
	CURLM *multi;
	struct curl_slist *connect_to, *resolve;
};

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

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

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
	if (t->phase == PHASE_PREFLIGHT || t->phase == PHASE_PROBE)
		list = curl_slist_append(list, "Access-Control-Request-Method: GET");
	for (size_t i = 0; t->websocket && i < sizeof(upgrade) / sizeof(upgrade[0]); i++)
		list = curl_slist_append(list, upgrade[i]);
	return list;
}

static void request(struct fetch *f, struct fetch_target *t, struct response *r, struct span url, bool verify)
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
	if (t->phase == PHASE_PREFLIGHT || t->phase == PHASE_PROBE)
		curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
	curl_multi_add_handle(f->multi, x->easy);
}

/* --- The way from one request to the next --- */

static struct response *new_step(struct fetch_target *t)
{
	t->steps = arena_more(&t->arena, t->steps, t->count, sizeof(*t->steps));
	t->steps[t->count] = (struct response){0};
	return &t->steps[t->count++];
}

static void add_to_chain(struct fetch_target *t, const struct response *r)
{
	t->chain = arena_more(&t->arena, t->chain, t->chain_count, sizeof(*t->chain));
	t->chain[t->chain_count++] = (struct response_step){r->request_url, r->status};
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where a response leads; a NULL pointer when nowhere that can be fetched. */
static struct span location_of(struct fetch_target *t, const struct response *r)
{
	struct span location = header_value(&r->headers, SPAN("location")), out = {0};
	CURLU *u = curl_url();
	char *text = NULL;
	struct url url;
	struct err err;

	if (is_redirect(r->status) && location.len > 0 && u != NULL &&
		curl_url_set(u, CURLUPART_URL, r->request_url.p, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, arena_copy(&t->arena, location).p, CURLU_URLENCODE) ==
			CURLUE_OK &&
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		out = arena_copy(&t->arena, span_str(text));
	curl_free(text);
	curl_url_cleanup(u);
	return out.p != NULL && url_parse(out, &url, &err) == 0 ? out : (struct span){0};
}

static void finish(struct fetch_target *t)
{
	struct response *last = &t->steps[t->count - 1];

	t->done = true;
	t->took_ms = now_ms() - t->started_ms;
	if (t->failed)
		return;
	last->host = t->steps[0].url.host;
	last->http_chain = t->chain;
	last->http_chain_count = t->chain_count;
	last->has_http_chain = t->chain_count > 0;
	last->again = t->again.headers;
	t->again.headers = (struct fields){0};
	if (t->preflight.status > 0) {
		last->has_cors = true;
		last->cors = t->preflight.headers;
		last->cors_status = t->preflight.status;
		last->cors_origin = SPAN(RESPONSE_PROBE_ORIGIN);
		t->preflight.headers = (struct fields){0};
	}
}

static void start_twin(struct fetch *f, struct fetch_target *t)
{
	const struct url *url = &t->steps[0].url;
	bool usual = url->scheme == URL_HTTPS && url->port == 443;

	t->origin = NULL;
	if (url->scheme == URL_HTTP) /* it was the page itself */
		for (size_t i = 0; i < t->count; i++)
			add_to_chain(t, &t->steps[i]);
	if (!usual) {
		finish(t);
		return;
	}
	const char *text = arena_printf(&t->arena, "http://%.*s%.*s%s%.*s", (int)url->host.len, url->host.p,
		(int)url->path.len, url->path.p, url->query.p != NULL ? "?" : "", (int)url->query.len,
		url->query.p != NULL ? url->query.p : "");
	t->phase = PHASE_TWIN;
	request(f, t, &t->twin, span_str(text), true);
}

/* --- Preflights --- */

#define PROBES 3

/* An origin that is not the host's, and that a comparison of the end or the beginning alone lets pass. */
static const char *probe_origin(struct fetch_target *t, size_t index)
{
	const struct url *url = &t->steps[t->count - 1].url;
	int len = (int)url->host.len;

	switch (index) {
	case 0: return "null";
	case 1: return arena_printf(&t->arena, "https://%.*s.evil.example", len, url->host.p);
	default: return arena_printf(&t->arena, "https://evil%.*s", len, url->host.p);
	}
}

/* Was the probe's origin allowed? Then it is remembered. */
static void note_probe(struct fetch_target *t)
{
	struct response *last = &t->steps[t->count - 1];
	struct span allowed = header_value(&t->probe.headers, SPAN("access-control-allow-origin"));

	if (t->probe.status >= 200 && t->probe.status < 300 && span_eq(allowed, span_str(t->origin))) {
		last->origins =
			arena_more(&t->arena, last->origins, last->origin_count, sizeof(*last->origins));
		last->origins[last->origin_count++] = t->origin;
	}
}

/* The next probe. None is sent to who answers preflights without allowing any origin. */
static void next_probe(struct fetch *f, struct fetch_target *t)
{
	struct span allowed = header_value(&t->preflight.headers, SPAN("access-control-allow-origin"));
	bool any = span_eq(allowed, SPAN("*")) || span_eq(allowed, SPAN(RESPONSE_PROBE_ORIGIN));
	/* One that refuses a stranger may well take what looks like its own; that it compares shows in Vary. */
	bool speaks_cors =
		allowed.p != NULL || header_has_token(&t->preflight.headers, SPAN("vary"), SPAN("origin"));

	if (!speaks_cors || any || t->probes_sent == PROBES) {
		start_twin(f, t);
		return;
	}
	t->phase = PHASE_PROBE;
	t->origin = probe_origin(t, t->probes_sent++);
	request(f, t, &t->probe, t->steps[t->count - 1].request_url, !t->tls_invalid);
}

static void start_preflight(struct fetch *f, struct fetch_target *t)
{
	t->phase = PHASE_PREFLIGHT;
	t->origin = RESPONSE_PROBE_ORIGIN;
	request(f, t, &t->preflight, t->steps[t->count - 1].request_url, !t->tls_invalid);
}

/* --- Nonces --- */

static bool has_nonce(const struct fields *headers)
{
	for (size_t i = 0; i < headers->count; i++)
		if (span_eq_nocase(headers->at[i].name, SPAN("content-security-policy")) &&
			memmem(headers->at[i].value.p, headers->at[i].value.len, "'nonce-", 7) != NULL)
			return true;
	return false;
}

/* --- Steps --- */

static void fail(struct fetch_target *t, const char *why)
{
	t->failed = true;
	err_set(&t->err, "%s", why);
	finish(t);
}

static void page_arrived(struct fetch *f, struct fetch_target *t)
{
	struct response *r = &t->steps[t->count - 1];
	struct span next = location_of(t, r);

	if (t->once || t->websocket) {
		finish(t);
	} else if (next.p == NULL && has_nonce(&r->headers)) {
		t->phase = PHASE_AGAIN;
		request(f, t, &t->again, r->request_url, !t->tls_invalid);
	} else if (next.p == NULL) {
		start_preflight(f, t);
	} else if ((int64_t)t->count > f->options->max_redirs) {
		fail(t, "too many redirects");
	} else {
		request(f, t, new_step(t), next, true);
	}
}

static void twin_arrived(struct fetch *f, struct fetch_target *t)
{
	add_to_chain(t, &t->twin);
	struct span next = location_of(t, &t->twin);
	if (next.p != NULL && (int64_t)t->chain_count <= f->options->max_redirs)
		request(f, t, &t->twin, next, !t->tls_invalid);
	else
		finish(t);
}

static void arrived(struct fetch *f, struct fetch_target *t)
{
	switch ((enum phase)t->phase) {
	case PHASE_PAGE: page_arrived(f, t); break;
	case PHASE_AGAIN: start_preflight(f, t); break;
	case PHASE_PREFLIGHT: next_probe(f, t); break;
	case PHASE_PROBE:
		note_probe(t);
		next_probe(f, t);
		break;
	case PHASE_TWIN: twin_arrived(f, t); break;
	}
}

/* A request did not work out: the page must, the others need not. */
static void missed(struct fetch *f, struct fetch_target *t, const char *why)
{
	switch ((enum phase)t->phase) {
	case PHASE_PAGE: fail(t, why); break;
	case PHASE_AGAIN: start_preflight(f, t); break;
	case PHASE_PREFLIGHT:
	case PHASE_PROBE: start_twin(f, t); break;
	case PHASE_TWIN: finish(t); break;
	}
}

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

static void transfer_done(struct fetch *f, struct fetch_transfer *x, CURLcode code)
{
	struct fetch_target *t = x->target;
	struct response *r = x->r;
	bool bad_certificate = code == CURLE_PEER_FAILED_VERIFICATION && r->https == HTTPS_VALID;
	/* An answer that never ends is judged by what came of it. */
	bool good = x->fault == NULL &&
		    (code == CURLE_OK || (x->head_done && (x->stopped || code == CURLE_OPERATION_TIMEDOUT)));
	const char *why = x->fault != NULL
				  ? x->fault
				  : arena_printf(&t->arena, "%s%s", phase_of(code),
					    x->error[0] != '\0' ? x->error : curl_easy_strerror(code));

	curl_multi_remove_handle(f->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	if (good && buf_len(&x->body) > 0)
		r->body = arena_copy(&t->arena, buf_span(&x->body));
	buf_free(&x->body);
	free(x);
	t->transfer = NULL;
	if (good)
		arrived(f, t);
	else if (bad_certificate && f->options->insecure) {
		t->tls_invalid = true;
		request(f, t, r, r->request_url, false);
	} else
		missed(f, t, why);
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
	response_fini(&t->twin);
	response_fini(&t->preflight);
	response_fini(&t->probe);
	response_fini(&t->again);
	arena_free(&t->arena);
}

void fetch_start(struct fetch *f, struct fetch_target *t)
{
	struct response *first = new_step(t);
	struct err err;
	struct url url;

	t->started_ms = now_ms();
	if (url_parse(span_str(t->url), &url, &err) < 0) {
		fail(t, err.text);
		return;
	}
	t->websocket = url.scheme == URL_WS || url.scheme == URL_WSS;
	t->origin = t->websocket ? RESPONSE_PROBE_ORIGIN : NULL;
	const char *rest = strchr(t->url, ':');
	request(f, t, first,
		t->websocket ? span_str(arena_printf(
				       &t->arena, "%s%s", url_is_tls(url.scheme) ? "https" : "http", rest))
			     : span_str(t->url),
		true);
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
