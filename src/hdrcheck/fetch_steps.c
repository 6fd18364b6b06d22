/* The requests that one target takes, one after the other. */
#include <stdlib.h>
#include <time.h>

#include "hdrcheck/fetch_private.h"
#include "hdrcheck/html.h"

int64_t fetch_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

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

/* A reference, seen from a response; a NULL pointer when it is nothing that can be fetched. */
static struct span resolve(struct fetch_target *t, const struct response *r, struct span reference)
{
	CURLU *u = curl_url();
	struct span out = {0};
	char *text = NULL;
	struct url url;
	struct err err;

	if (reference.len > 0 && u != NULL &&
		curl_url_set(u, CURLUPART_URL, r->request_url.p, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, arena_copy(&t->arena, reference).p, CURLU_URLENCODE) ==
			CURLUE_OK &&
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		out = arena_copy(&t->arena, span_str(text));
	curl_free(text);
	curl_url_cleanup(u);
	return out.p != NULL && url_parse(out, &url, &err) == 0 ? out : (struct span){0};
}

/* Where a response leads; a NULL pointer when nowhere. */
static struct span location_of(struct fetch_target *t, const struct response *r)
{
	return is_redirect(r->status) ? resolve(t, r, header_value(&r->headers, SPAN("location")))
				      : (struct span){0};
}

static void finish(struct fetch_target *t)
{
	struct response *last = &t->steps[t->count - 1];

	t->done = true;
	t->took_ms = fetch_clock_ms() - t->started_ms;
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

/* --- What stands beside the page --- */

#define MISSING_PATH "/hdrcheck.no.such.page" /* that no site has */

static bool is_usual_https(const struct url *url)
{
	return url->scheme == URL_HTTPS && url->port == 443;
}

/* The site's root, without "/". */
static const char *root_of(struct fetch_target *t, const struct response *r)
{
	return arena_printf(&t->arena, "%.*s",
		(int)(r->url.authority.p + r->url.authority.len - r->request_url.p), r->request_url.p);
}

/* The first script or style of the page that is of its own site. */
static struct span asset_of(struct fetch_target *t, const struct response *page)
{
	struct html html;
	struct err err;
	struct url url;

	if (page->body.len == 0 || html_read(&t->arena, page->body, &html, &err) < 0)
		return (struct span){0};
	for (size_t i = 0; i < html.count; i++) {
		const struct html_element *e = &html.at[i];
		bool style = e->kind == HTML_LINK && span_eq_nocase(e->rel, SPAN("stylesheet"));
		if (e->kind != HTML_SCRIPT && !style)
			continue;
		struct span out = resolve(t, page, style ? e->href : e->src);
		if (out.p != NULL && url_parse(out, &url, &err) == 0 && url.scheme == page->url.scheme &&
			url.port == page->url.port && span_eq_nocase(url.host, page->url.host))
			return out;
	}
	return (struct span){0};
}

/* A condition that the page as it is does not meet. NULL when it names none. */
static const char *condition_of(struct fetch_target *t, const struct response *page)
{
	struct span tag = header_value(&page->headers, SPAN("etag")),
		    date = header_value(&page->headers, SPAN("last-modified"));

	if (tag.len > 0)
		return arena_printf(&t->arena, "If-None-Match: %.*s", (int)tag.len, tag.p);
	return date.len > 0 ? arena_printf(&t->arena, "If-Modified-Since: %.*s", (int)date.len, date.p)
			    : NULL;
}

/* The URL to ask for; a NULL pointer: this site has no such thing. */
static struct span side_url(const struct fetch *f, struct fetch_target *t)
{
	const struct response *page = &t->steps[t->count - 1];
	struct span nothing = {0};

	t->condition = NULL;
	switch (t->side) {
	case FETCH_SIDE_MISSING:
		return span_str(arena_printf(&t->arena, "%s" MISSING_PATH, root_of(t, page)));
	case FETCH_SIDE_HEAD: return page->request_url;
	case FETCH_SIDE_HTTP: /* without TLS there is no way to ask for the other */
		return f->options->http1 || f->options->http2 || !url_is_tls(page->url.scheme)
			       ? nothing
			       : page->request_url;
	case FETCH_SIDE_ASSET: return asset_of(t, page);
	case FETCH_SIDE_UNCHANGED:
		t->condition = condition_of(t, page);
		return t->condition != NULL ? page->request_url : nothing;
	case FETCH_SIDE_ENTRY: /* is the twin's first answer */
	case FETCH_SIDES: break;
	}
	return nothing;
}

static void next_side(struct fetch *f, struct fetch_target *t)
{
	t->origin = NULL;
	t->phase = FETCH_SIDE;
	for (; f->options->deep && t->side < FETCH_SIDES; t->side++) {
		struct span url = side_url(f, t);
		if (url.p == NULL)
			continue;
		fetch_request(f, t, &t->sides[t->side], url, !t->tls_invalid);
		return;
	}
	finish(t);
}

static void side_arrived(struct fetch *f, struct fetch_target *t)
{
	const struct response *page = &t->steps[t->count - 1], *r = &t->sides[t->side];

	/* The server does not speak the other version; it does not know the condition. */
	if ((t->side == FETCH_SIDE_HTTP && r->http_version == page->http_version) ||
		(t->side == FETCH_SIDE_UNCHANGED && r->status != 304))
		t->sides[t->side].status = 0;
	t->side++;
	next_side(f, t);
}

static void side_missed(struct fetch *f, struct fetch_target *t)
{
	t->sides[t->side++].status = 0;
	next_side(f, t);
}

/* --- Plain HTTP --- */

static void start_twin(struct fetch *f, struct fetch_target *t)
{
	const struct url *url = &t->steps[0].url;

	t->origin = NULL;
	if (url->scheme == URL_HTTP) /* it was the page itself */
		for (size_t i = 0; i < t->count; i++)
			add_to_chain(t, &t->steps[i]);
	if (!is_usual_https(url)) {
		next_side(f, t);
		return;
	}
	const char *text = arena_printf(&t->arena, "http://%.*s%.*s%s%.*s", (int)url->host.len, url->host.p,
		(int)url->path.len, url->path.p, url->query.p != NULL ? "?" : "", (int)url->query.len,
		url->query.p != NULL ? url->query.p : "");
	t->phase = FETCH_TWIN;
	t->twin_at = f->options->deep ? &t->sides[FETCH_SIDE_ENTRY] : &t->twin;
	fetch_request(f, t, t->twin_at, span_str(text), true);
}

static void twin_arrived(struct fetch *f, struct fetch_target *t)
{
	add_to_chain(t, t->twin_at);
	struct span next = location_of(t, t->twin_at);
	t->twin_at = &t->twin;
	if (next.p != NULL && (int64_t)t->chain_count <= f->options->max_redirs)
		fetch_request(f, t, t->twin_at, next, !t->tls_invalid);
	else
		next_side(f, t);
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
	t->phase = FETCH_PROBE;
	t->origin = probe_origin(t, t->probes_sent++);
	fetch_request(f, t, &t->probe, t->steps[t->count - 1].request_url, !t->tls_invalid);
}

static void start_preflight(struct fetch *f, struct fetch_target *t)
{
	t->phase = FETCH_PREFLIGHT;
	t->origin = RESPONSE_PROBE_ORIGIN;
	fetch_request(f, t, &t->preflight, t->steps[t->count - 1].request_url, !t->tls_invalid);
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
		t->phase = FETCH_AGAIN;
		fetch_request(f, t, &t->again, r->request_url, !t->tls_invalid);
	} else if (next.p == NULL) {
		start_preflight(f, t);
	} else if ((int64_t)t->count > f->options->max_redirs) {
		fail(t, "too many redirects");
	} else {
		fetch_request(f, t, new_step(t), next, true);
	}
}

void fetch_arrived(struct fetch *f, struct fetch_target *t)
{
	switch ((enum fetch_phase)t->phase) {
	case FETCH_PAGE: page_arrived(f, t); break;
	case FETCH_AGAIN: start_preflight(f, t); break;
	case FETCH_PREFLIGHT: next_probe(f, t); break;
	case FETCH_PROBE:
		note_probe(t);
		next_probe(f, t);
		break;
	case FETCH_TWIN: twin_arrived(f, t); break;
	case FETCH_SIDE: side_arrived(f, t); break;
	}
}

/* A request did not work out: the page must, the others need not. */
void fetch_missed(struct fetch *f, struct fetch_target *t, const char *why)
{
	switch ((enum fetch_phase)t->phase) {
	case FETCH_PAGE: fail(t, why); break;
	case FETCH_AGAIN: start_preflight(f, t); break;
	case FETCH_PREFLIGHT:
	case FETCH_PROBE: start_twin(f, t); break;
	case FETCH_TWIN:
		if (t->twin_at != &t->twin) /* not even the first answer */
			t->twin_at->status = 0;
		next_side(f, t);
		break;
	case FETCH_SIDE: side_missed(f, t); break;
	}
}

void fetch_begin(struct fetch *f, struct fetch_target *t)
{
	struct response *first = new_step(t);
	struct err err;
	struct url url;

	if (url_parse(span_str(t->url), &url, &err) < 0) {
		fail(t, err.text);
		return;
	}
	t->websocket = url.scheme == URL_WS || url.scheme == URL_WSS;
	t->origin = t->websocket ? RESPONSE_PROBE_ORIGIN : NULL;
	const char *rest = strchr(t->url, ':');
	fetch_request(f, t, first,
		t->websocket ? span_str(arena_printf(
				       &t->arena, "%s%s", url_is_tls(url.scheme) ? "https" : "http", rest))
			     : span_str(t->url),
		true);
}
