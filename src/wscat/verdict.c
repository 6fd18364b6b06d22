/* The reasoning of the probe. A hop is guilty when it fails and the next one inside does not; its answer then says which
 * causes come into question, and its configuration, if there is one, which of them it is. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wscat/verdict.h"
#include "wscat/writer.h"

#define FAST_MS 300 /* an answer that waited for nothing */

/* What is being looked into. */
struct inquiry {
	size_t count;
	size_t at; /* the hop in question */
	const struct hop *hop;
	const struct reply *r; /* its answer to the upgrade */
	const struct hop
		*inner; /* the next one inside, which works; NULL when the innermost is in question */
	const struct hop *outer; /* NULL for the first */
	enum product product;    /* of the hop */
	enum product writer;     /* of the answer */
	struct verdict *v;
};

const char *sure_name(enum sure s)
{
	switch (s) {
	case SURE_NOT: return "none";
	case SURE_POSSIBLE: return "possible";
	case SURE_LIKELY: return "likely";
	case SURE_CERTAIN: return "certain";
	}
	return "";
}

/* --- Building the verdict --- */

static void suggest(struct inquiry *q, const char *id, enum sure sure)
{
	struct verdict *v = q->v;
	const struct cause *cause = catalogue_find(id);

	for (size_t i = 0; i < v->candidate_count; i++)
		if (v->candidates[i] == cause)
			return;
	if (cause == NULL || v->candidate_count == VERDICT_CAUSES_MAX)
		return;
	if (v->candidate_count == 0) {
		v->cause = cause;
		v->cause_sure = sure;
	}
	v->candidates[v->candidate_count++] = cause;
}

static void suggest_all(struct inquiry *q, const char *const *ids, enum sure sure)
{
	for (; *ids != NULL; ids++, sure = SURE_POSSIBLE)
		suggest(q, *ids, sure);
}

static void say(struct inquiry *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct inquiry *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->v->what, sizeof(q->v->what), fmt, ap);
	va_end(ap);
}

static bool is_slow_inside(const struct inquiry *q)
{
	return q->inner != NULL && q->inner->wait_ms > q->r->first_ms;
}

static const struct reply *asked(const struct inquiry *q, enum ask ask)
{
	return &q->hop->replies[ask];
}

static bool body_has(const struct reply *r, const char *what)
{
	return r->body != NULL && strcasestr(r->body, what) != NULL;
}

/* --- Whose hop is it? --- */

static enum product find_product(const struct inquiry *q)
{
	const struct hop *h = q->hop;
	enum product p = h->product;

	if (p == PRODUCT_UNKNOWN)
		p = writer_front(q->r);
	if (p == PRODUCT_UNKNOWN && h->replies[ASK_PLAIN].asked)
		p = writer_front(&h->replies[ASK_PLAIN]);
	if (p == PRODUCT_UNKNOWN && q->inner == NULL && q->count > 1)
		p = PRODUCT_APP;
	return p;
}

/* --- The upgrade was dropped --- */

static void judge_dropped(struct inquiry *q)
{
	static const char *const apache[] = {"WS-APACHE-01", "WS-APACHE-02", "WS-APACHE-03", "WS-APACHE-04",
		"WS-APACHE-05", "WS-APACHE-07", "WS-APACHE-08", NULL};
	static const char *const nginx[] = {
		"WS-NGINX-01", "WS-NGINX-02", "WS-NGINX-03", "WS-NGINX-05", "WS-NGINX-06", NULL};
	static const char *const haproxy[] = {"WS-HAPROXY-02", NULL};
	static const char *const caddy[] = {"WS-CADDY-03", "WS-CADDY-04", NULL};
	static const char *const tunnel[] = {"WS-TUNNEL-14", "WS-TUNNEL-13", NULL};
	static const char *const *const lists[] = {
		[PRODUCT_APACHE] = apache,
		[PRODUCT_NGINX] = nginx,
		[PRODUCT_HAPROXY] = haproxy,
		[PRODUCT_CADDY] = caddy,
		[PRODUCT_CLOUDFLARED] = tunnel,
		[PRODUCT_APP] = NULL,
	};

	say(q, "the upgrade is answered as a plain GET: %d", q->r->status);
	if (asked(q, ASK_SPELLING)->opened && q->product == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-06", SURE_CERTAIN);
	if (q->product == PRODUCT_APP || (q->product == PRODUCT_UNKNOWN && q->inner == NULL))
		suggest(q, "WS-APP-07", SURE_POSSIBLE);
	else if (lists[q->product] != NULL)
		suggest_all(q, lists[q->product],
			q->product == PRODUCT_HAPROXY && q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE);
}

/* --- By status --- */

static void judge_redirect(struct inquiry *q)
{
	char location[128];

	reply_field(q->r, "location", location, sizeof(location), NULL);
	say(q, "redirected to %s, which WebSocket clients do not follow", location);
	if (strncmp(location, "https://", 8) != 0 && strncmp(location, "wss://", 6) != 0)
		return;
	if (q->writer == PRODUCT_NGINX && q->r->status == 308)
		suggest(q, "WS-K8S-02", SURE_LIKELY);
	if (q->writer == PRODUCT_NGINX || q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-15", SURE_CERTAIN);
	else if (q->writer == PRODUCT_APACHE || q->product == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-22", SURE_CERTAIN);
}

static void judge_401(struct inquiry *q)
{
	say(q, "a login is wanted");
	if (q->writer == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-23", SURE_CERTAIN);
	else if (q->writer == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-18", SURE_CERTAIN);
	else if (q->writer == PRODUCT_CADDY)
		suggest(q, "WS-CADDY-10", SURE_CERTAIN);
	else if (q->inner != NULL && q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-19", SURE_LIKELY);
	else
		suggest(q, "WS-APP-02", SURE_LIKELY);
}

/* The app compares Origin with a Host that a hop has changed; or it does not like the Origin at all. */
static void judge_origin(struct inquiry *q)
{
	enum sure sure = q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE;

	say(q, "403, but without Origin it opens");
	if (q->product == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-20", sure);
	if (q->product == PRODUCT_NGINX) {
		if (asked(q, ASK_NO_PORT)->opened)
			suggest(q, "WS-NGINX-09", sure);
		suggest(q, "WS-NGINX-08", sure);
		suggest(q, "WS-NGINX-09", sure);
	}
	if (q->product == PRODUCT_CADDY)
		suggest(q, "WS-CADDY-02", sure);
	if (q->product == PRODUCT_CLOUDFLARED)
		suggest(q, "WS-TUNNEL-07", sure);
	if (q->inner == NULL)
		suggest(q, "WS-APP-01",
			q->product == PRODUCT_APP || q->product == PRODUCT_UNKNOWN ? SURE_LIKELY
										   : SURE_POSSIBLE);
}

static void judge_403(struct inquiry *q)
{
	if (asked(q, ASK_NO_ORIGIN)->opened) {
		judge_origin(q);
		return;
	}
	say(q, "forbidden");
	if (q->writer == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-13", SURE_LIKELY);
	else if (q->writer == PRODUCT_HAPROXY)
		suggest(q, "WS-HAPROXY-03", SURE_CERTAIN);
	else if (body_has(q->r, "ALPN"))
		suggest(q, "WS-TUNNEL-06", SURE_LIKELY);
}

/* An answer of the app for a path that a hop has changed. */
static void judge_path(struct inquiry *q)
{
	bool doubled = body_has(q->r, " //");

	say(q, "404 from the app: the path is not the one it knows");
	switch (q->product) {
	case PRODUCT_APACHE:
		suggest(q, doubled ? "WS-APACHE-10" : "WS-APACHE-11", SURE_LIKELY);
		suggest(q, doubled ? "WS-APACHE-11" : "WS-APACHE-10", SURE_POSSIBLE);
		break;
	case PRODUCT_NGINX:
		suggest(q, doubled ? "WS-NGINX-11" : "WS-NGINX-10", SURE_LIKELY);
		suggest(q, doubled ? "WS-NGINX-10" : "WS-NGINX-11", SURE_POSSIBLE);
		suggest(q, "WS-K8S-04", SURE_POSSIBLE);
		break;
	case PRODUCT_CADDY: suggest(q, "WS-CADDY-01", SURE_LIKELY); break;
	case PRODUCT_UNKNOWN:
	case PRODUCT_HAPROXY:
	case PRODUCT_CLOUDFLARED:
	case PRODUCT_APP: break;
	}
}

/* Another spelling of Connection works: a rule compares it too closely. */
static bool judge_spelling(struct inquiry *q)
{
	if (!asked(q, ASK_SPELLING)->opened)
		return false;
	say(q, "%d, but with \"Connection: keep-alive, Upgrade\" it opens", q->r->status);
	if (q->product == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-06", SURE_CERTAIN);
	if (q->product == PRODUCT_HAPROXY)
		suggest(q, "WS-HAPROXY-04", SURE_CERTAIN);
	if (q->product == PRODUCT_CADDY)
		suggest(q, "WS-CADDY-06", SURE_CERTAIN);
	return true;
}

static void judge_404(struct inquiry *q)
{
	if (judge_spelling(q))
		return;
	say(q, "404, %s's own page", product_name(q->writer));
	if (q->writer == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-12", SURE_LIKELY);
	else if (q->writer == PRODUCT_NGINX)
		suggest(q, "WS-K8S-03", SURE_POSSIBLE);
	else if (q->writer == PRODUCT_CLOUDFLARED)
		suggest(q, "WS-TUNNEL-05", SURE_LIKELY);
	else if (q->inner != NULL)
		judge_path(q);
	else {
		judge_path(q);
		suggest(q, "WS-APP-03", SURE_LIKELY);
	}
}

static void judge_200(struct inquiry *q)
{
	const struct reply *sibling = asked(q, ASK_SIBLING);
	bool everywhere = sibling->asked && writer_same(q->r, sibling);

	if (judge_spelling(q))
		return;
	say(q, "200%s in place of 101%s", writer_is_html(q->r) ? " and HTML" : "",
		everywhere ? ", and the same for a random path" : "");
	if (q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-16", everywhere ? SURE_CERTAIN : SURE_LIKELY);
	if (q->product == PRODUCT_CADDY) {
		bool is_empty = q->writer == PRODUCT_CADDY;
		suggest(q, is_empty ? "WS-CADDY-07" : "WS-CADDY-13", SURE_LIKELY);
		suggest(q, is_empty ? "WS-CADDY-12" : "WS-CADDY-06", SURE_POSSIBLE);
	}
	if (q->product == PRODUCT_HAPROXY)
		suggest(q, "WS-HAPROXY-04", SURE_POSSIBLE);
	if (q->inner == NULL)
		suggest(q, "WS-APP-09", SURE_LIKELY);
	if (q->inner != NULL && !everywhere)
		judge_dropped(q);
}

static void judge_400(struct inquiry *q)
{
	const struct reply *plain = asked(q, ASK_PLAIN);

	if (body_has(q->r, "plain HTTP request was sent to HTTPS port")) {
		say(q, "plain HTTP is spoken to a TLS port");
		suggest(q, "WS-NGINX-14", SURE_CERTAIN);
		suggest(q, "WS-K8S-05", SURE_POSSIBLE);
		/* Whoever spoke to it is to blame. */
		q->v->hop = q->at > 0 ? (int)q->at - 1 : VERDICT_CLIENT;
		return;
	}
	if (body_has(q->r, "Session ID unknown")) {
		say(q, "the session lives on another replica");
		suggest(q, "WS-K8S-07", SURE_POSSIBLE);
		return;
	}
	if (q->writer == PRODUCT_HAPROXY) {
		say(q, "HAProxy finds the request itself invalid");
		suggest(q, "WS-HAPROXY-12", SURE_LIKELY);
		return;
	}
	if (body_has(q->r, "HTTP/1.") && !(plain->asked && writer_same(q->r, plain))) {
		say(q, "the app minds the version of HTTP");
		suggest(q, "WS-NGINX-04", q->product == PRODUCT_NGINX ? SURE_CERTAIN : SURE_POSSIBLE);
		return;
	}
	if (asked(q, ASK_SPELLING)->opened && judge_spelling(q))
		return;
	judge_dropped(q);
}

static void judge_500(struct inquiry *q)
{
	say(q, "500 from %s", product_name(q->writer));
	if (q->writer != PRODUCT_APACHE)
		return;
	if (body_has(q->r, "DNS lookup failure"))
		suggest(q, "WS-APACHE-09", SURE_CERTAIN);
	else if (body_has(q->r, "SSL"))
		suggest(q, "WS-APACHE-16", SURE_LIKELY);
	else
		suggest(q, "WS-APACHE-15", SURE_LIKELY);
}

/* The hop gave up waiting: certain when the hop inside takes longer than that. */
static void judge_late(struct inquiry *q, const char *id)
{
	say(q, "%d after %.1f s%s", q->r->status, q->r->first_ms / 1000,
		is_slow_inside(q) ? ", and the next hop needs longer than that" : "");
	suggest(q, id, is_slow_inside(q) ? SURE_CERTAIN : SURE_LIKELY);
}

static void judge_502(struct inquiry *q)
{
	static const char *const caddy[] = {"WS-CADDY-08", "WS-CADDY-05", NULL};
	static const char *const tunnel[] = {
		"WS-TUNNEL-01", "WS-TUNNEL-02", "WS-TUNNEL-03", "WS-TUNNEL-12", NULL};

	say(q, "502 from %s: it does not get an answer from the next hop", product_name(q->writer));
	switch (q->writer) {
	case PRODUCT_APACHE: judge_late(q, "WS-APACHE-17"); break;
	case PRODUCT_NGINX:
		suggest(q, "WS-NGINX-12", SURE_LIKELY);
		suggest(q, "WS-K8S-05", SURE_POSSIBLE);
		break;
	case PRODUCT_HAPROXY: suggest(q, "WS-HAPROXY-09", SURE_LIKELY); break;
	case PRODUCT_CADDY: suggest_all(q, caddy, SURE_POSSIBLE); break;
	case PRODUCT_CLOUDFLARED: suggest_all(q, tunnel, SURE_POSSIBLE); break;
	case PRODUCT_UNKNOWN:
	case PRODUCT_APP: break;
	}
}

static void judge_503(struct inquiry *q)
{
	static const char *const slow[] = {"WS-HAPROXY-06", "WS-HAPROXY-10", "WS-HAPROXY-08", NULL};

	say(q, "503 from %s after %.0f ms", product_name(q->writer), q->r->first_ms);
	if (q->writer == PRODUCT_APACHE) {
		suggest(q, "WS-APACHE-14", SURE_LIKELY);
	} else if (q->writer == PRODUCT_NGINX) {
		suggest(q, "WS-NGINX-17", SURE_LIKELY);
		suggest(q, "WS-K8S-06", SURE_POSSIBLE);
	} else if (q->writer == PRODUCT_HAPROXY && q->r->first_ms < FAST_MS) {
		suggest(q, "WS-HAPROXY-05", SURE_LIKELY);
		suggest(q, "WS-HAPROXY-06", SURE_POSSIBLE);
	} else if (q->writer == PRODUCT_HAPROXY) {
		suggest_all(q, slow, SURE_POSSIBLE);
	}
}

static void judge_504(struct inquiry *q)
{
	say(q, "504 from %s", product_name(q->writer));
	if (q->writer == PRODUCT_NGINX)
		judge_late(q, "WS-NGINX-13");
	else if (q->writer == PRODUCT_HAPROXY)
		judge_late(q, "WS-HAPROXY-07");
	else if (q->writer == PRODUCT_CADDY)
		judge_late(q, "WS-CADDY-09");
}

static void judge_status(struct inquiry *q)
{
	const struct reply *plain = asked(q, ASK_PLAIN);

	switch (q->r->status) {
	case 200: judge_200(q); return;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308: judge_redirect(q); return;
	case 400: judge_400(q); return;
	case 401: judge_401(q); return;
	case 403: judge_403(q); return;
	case 404: judge_404(q); return;
	case 500: judge_500(q); return;
	case 502: judge_502(q); return;
	case 503: judge_503(q); return;
	case 504: judge_504(q); return;
	case 530:
		say(q, "530: the edge has no connector");
		suggest(q, "WS-TUNNEL-04", SURE_CERTAIN);
		return;
	default: break;
	}
	if (q->r->status == 426 || (plain->asked && writer_same(q->r, plain)))
		judge_dropped(q);
	else
		say(q, "an answer of %d in place of 101", q->r->status);
}

/* --- Without an answer --- */

static bool failed_with(const struct reply *r, const char *name)
{
	return r->failure != NULL && strcmp(r->failure, name) == 0;
}

/* The hop cannot be connected to: known best as what the hop before makes of it. */
static void judge_unreachable(struct inquiry *q)
{
	static const char *const ids[] = {
		[PRODUCT_APACHE] = "WS-APACHE-14",
		[PRODUCT_NGINX] = "WS-NGINX-12",
		[PRODUCT_HAPROXY] = "WS-HAPROXY-06",
		[PRODUCT_CADDY] = "WS-CADDY-08",
		[PRODUCT_CLOUDFLARED] = "WS-TUNNEL-01",
		[PRODUCT_APP] = NULL,
	};
	enum product outer = PRODUCT_UNKNOWN;

	if (q->outer != NULL)
		outer = q->outer->product != PRODUCT_UNKNOWN ? q->outer->product
							     : writer_of(&q->outer->replies[ASK_UPGRADE]);
	say(q, "cannot be connected to: %s", q->r->why != NULL ? q->r->why : "");
	if (ids[outer] != NULL)
		suggest(q, ids[outer], SURE_LIKELY);
}

static void judge_silence(struct inquiry *q)
{
	say(q, "connected, but no byte came in time%s",
		failed_with(asked(q, ASK_PLAIN), "timeout") ? ", nor to a plain GET" : "");
	if (q->inner == NULL && (q->product == PRODUCT_APP || q->product == PRODUCT_UNKNOWN))
		suggest(q, "WS-APP-05", SURE_LIKELY);
	else if (q->product == PRODUCT_APACHE || q->product == PRODUCT_UNKNOWN)
		suggest(q, "WS-APACHE-19", SURE_POSSIBLE);
}

static void judge_bad_101(struct inquiry *q)
{
	char value[64];
	int accepts, lengths;

	reply_field(q->r, "sec-websocket-accept", value, sizeof(value), &accepts);
	reply_field(q->r, "content-length", value, sizeof(value), &lengths);
	say(q, "%s", q->r->why != NULL ? q->r->why : "a 101 that is not in order");
	if (accepts == 0 && lengths > 0)
		suggest(q, "WS-TUNNEL-08", SURE_LIKELY);
	if (accepts == 0 && q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-20", q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE);
	if (accepts == 1 && q->r->why != NULL && strstr(q->r->why, "does not answer") != NULL)
		suggest(q, "WS-APP-04", q->inner == NULL ? SURE_LIKELY : SURE_POSSIBLE);
}

static void judge_no_answer(struct inquiry *q)
{
	const struct reply *r = q->r;

	if (failed_with(r, "handshake")) {
		judge_bad_101(q);
	} else if (failed_with(r, "dns") || failed_with(r, "tcp")) {
		judge_unreachable(q);
	} else if (failed_with(r, "timeout")) {
		if (q->hop->tcp_ms > 0)
			judge_silence(q);
		else
			say(q, "%s", r->why);
	} else if (failed_with(r, "no-connect")) {
		say(q, "HTTP/2 without extended CONNECT");
		if (q->product == PRODUCT_NGINX)
			suggest(q, "WS-NGINX-22", SURE_LIKELY);
		suggest(q, "WS-APACHE-21", SURE_POSSIBLE);
		suggest(q, "WS-NGINX-22", SURE_POSSIBLE);
	} else if (failed_with(r, "no-answer") && q->inner != NULL) {
		say(q, "%s", r->why);
		suggest(q, "WS-HAPROXY-13", SURE_POSSIBLE);
	} else {
		say(q, "%s", r->why != NULL ? r->why : "it failed");
	}
}

/* --- With the WebSocket open --- */

static void judge_idle(struct inquiry *q)
{
	double ms = q->hop->idle_died_ms;

	say(q, "the idle connection ended after %.1f s%s", ms / 1000,
		q->hop->idle_pinged_lived ? "; with pings it lived" : "");
	if (q->hop->idle_how != NULL && strstr(q->hop->idle_how, "reset") != NULL && q->inner == NULL)
		suggest(q, "WS-APP-11", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX) {
		suggest(q, "WS-NGINX-07", SURE_LIKELY);
		if (ms > 59000 && ms < 61000)
			suggest(q, "WS-K8S-01", SURE_POSSIBLE);
	} else if (q->product == PRODUCT_HAPROXY) {
		suggest(q, "WS-HAPROXY-01", SURE_LIKELY);
		suggest(q, "WS-HAPROXY-11", SURE_POSSIBLE);
	} else if (q->product == PRODUCT_APACHE) {
		suggest(q, "WS-APACHE-18", SURE_LIKELY);
	} else if (ms > 99000 && ms < 101000) {
		suggest(q, "WS-TUNNEL-11", SURE_LIKELY);
	} else if (q->product == PRODUCT_UNKNOWN && q->inner != NULL) {
		suggest(q, "WS-HAPROXY-11", SURE_POSSIBLE);
	}
}

static void judge_size(struct inquiry *q)
{
	say(q, "messages of more than %lld bytes do not come back (close code %d)",
		(long long)q->hop->frame_passed, q->hop->frame_close);
	if (q->hop->frame_close == 1009)
		suggest(q, "WS-APP-06", q->inner == NULL ? SURE_CERTAIN : SURE_POSSIBLE);
}

static void judge_soak(struct inquiry *q)
{
	say(q, "the connection was lost %d times in %.0f s", q->hop->soak_drops, q->hop->soak_ms / 1000);
	if (q->product == PRODUCT_CADDY && q->hop->close_code == 1001)
		suggest(q, "WS-CADDY-11", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX)
		suggest(q, "WS-K8S-08", SURE_POSSIBLE);
	suggest(q, "WS-TUNNEL-10", SURE_POSSIBLE);
}

static void judge_protocol(struct inquiry *q)
{
	say(q, "the app closed with %d: it speaks a protocol of its own", q->hop->close_code);
	suggest(q, "WS-APP-10", SURE_LIKELY);
}

static void judge_deflate(struct inquiry *q)
{
	say(q, "permessage-deflate is offered and not taken: messages are not compressed");
	if (q->inner == NULL)
		suggest(q, "WS-APP-08",
			q->count > 1 || q->product == PRODUCT_UNKNOWN ? SURE_CERTAIN : SURE_LIKELY);
	else if (q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-21", SURE_LIKELY);
}

/* --- Remarks on hops that work, of --deep --- */

static void judge_waiting(struct inquiry *q)
{
	enum sure sure = q->product == PRODUCT_UNKNOWN ? SURE_POSSIBLE : SURE_LIKELY;

	say(q, "an upgrade with Content-Length is not answered: a body is waited for");
	if (q->product == PRODUCT_APACHE || q->product == PRODUCT_UNKNOWN)
		suggest(q, "WS-APACHE-25", sure);
	if (q->product == PRODUCT_NGINX || q->product == PRODUCT_UNKNOWN)
		suggest(q, "WS-NGINX-23", sure);
}

/* A connector in the path sends 13 whatever comes; an app that accepts 12 itself looks the same from outside. */
static void judge_version(struct inquiry *q)
{
	bool is_changed = q->inner != NULL && q->inner->replies[ASK_VERSION].asked;

	say(q, "version 12 is accepted%s", is_changed ? ", and not by the next hop" : "");
	if (q->product == PRODUCT_CLOUDFLARED || q->product == PRODUCT_UNKNOWN)
		suggest(q, "WS-TUNNEL-09", is_changed ? SURE_LIKELY : SURE_POSSIBLE);
}

static void judge_only_ws(struct inquiry *q)
{
	say(q, "a plain GET of the path is 404, Apache's own page");
	suggest(q, "WS-APACHE-26", SURE_LIKELY);
}

static void judge_no_connect(struct inquiry *q)
{
	say(q, "HTTP/2 is spoken, without WebSockets: clients fall back to HTTP/1.1");
	if (q->product == PRODUCT_APACHE)
		suggest(q, "WS-APACHE-21", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX)
		suggest(q, "WS-NGINX-22", SURE_LIKELY);
}

/* --- What the configuration says --- */

/* How well a suspect of the configuration fits what was measured. */
static enum sure suspect_fits(const struct inquiry *q, const json_t *suspect)
{
	double ms = json_number_value(json_object_get(suspect, "ms"));
	double seen = q->hop->idle_died_ms > 0 ? q->hop->idle_died_ms : q->r->first_ms;

	if (json_is_true(json_object_get(suspect, "weak")))
		return SURE_LIKELY;
	if (ms > 0 && seen > 0)
		return seen > ms * 0.9 - 100 && seen < ms * 1.15 + 300 ? SURE_CERTAIN : SURE_POSSIBLE;
	return SURE_CERTAIN;
}

static const json_t *find_suspect(const struct inquiry *q, const char *id)
{
	size_t i;
	json_t *suspect;

	json_array_foreach(q->hop->suspects, i, suspect)
	{
		const char *its = json_string_value(json_object_get(suspect, "id"));
		if (its != NULL && strcmp(its, id) == 0)
			return suspect;
	}
	return NULL;
}

static void copy_text(char *to, size_t size, const json_t *suspect, const char *name)
{
	const char *text = json_string_value(json_object_get(suspect, name));

	if (text != NULL)
		snprintf(to, size, "%s", text);
}

/* Choose among the candidates by the configuration: the one that fits best. */
static void settle(struct inquiry *q)
{
	struct verdict *v = q->v;
	const json_t *best = NULL;
	enum sure best_sure = SURE_NOT;

	if (q->hop->suspects == NULL)
		return;
	for (size_t i = 0; i < v->candidate_count; i++) {
		const json_t *suspect = find_suspect(q, v->candidates[i]->id);
		enum sure sure = suspect != NULL ? suspect_fits(q, suspect) : SURE_NOT;
		if (sure > best_sure) {
			best = suspect;
			best_sure = sure;
			v->cause = v->candidates[i];
		}
	}
	if (best == NULL) {
		if (v->cause_sure > SURE_POSSIBLE && v->cause_sure < SURE_CERTAIN)
			v->cause_sure = SURE_POSSIBLE;
		return;
	}
	v->cause_sure = best_sure;
	copy_text(v->where, sizeof(v->where), best, "where");
	copy_text(v->fix, sizeof(v->fix), best, "fix");
}

/* --- Evidence --- */

static void add_evidence(struct inquiry *q)
{
	struct buf text = {.max = sizeof(q->v->evidence) - 1};
	const struct reply *r = q->r;
	char value[64];

	if (r->status != 0) {
		size_t line = strcspn(r->head, "\n");
		buf_addf(&text, "%.*s", (int)(line < 80 ? line : 80), r->head);
		if (reply_field(r, "server", value, sizeof(value), NULL)[0] != '\0')
			buf_addf(&text, "; Server: %s", value);
		size_t body = r->body != NULL ? strcspn(r->body, "\n") : 0;
		if (body > 0)
			buf_addf(&text, "; body: %.*s", (int)(body < 80 ? body : 80), r->body);
	} else if (r->why != NULL) {
		buf_addf(&text, "%.200s", r->why);
	}
	if (asked(q, ASK_HTTP2)->opened && !r->opened)
		buf_addf(&text, "; over HTTP/2 it opens");
	if (q->inner != NULL)
		buf_addf(&text, "; the next hop, %.40s, works", q->inner->name);
	snprintf(q->v->evidence, sizeof(q->v->evidence), "%.*s", (int)buf_len(&text), buf_span(&text).p);
	buf_free(&text);
}

static void judge_hop_sure(struct inquiry *q)
{
	bool own_page = q->writer != PRODUCT_APP && q->writer != PRODUCT_UNKNOWN &&
			(q->hop->product == PRODUCT_UNKNOWN || q->hop->product == q->writer);

	if (q->inner != NULL || failed_with(q->r, "tcp") || failed_with(q->r, "dns"))
		q->v->hop_sure = SURE_CERTAIN;
	else if (q->count > 1 || own_page)
		q->v->hop_sure = SURE_LIKELY;
	else
		q->v->hop_sure = q->product != PRODUCT_UNKNOWN ? SURE_LIKELY : SURE_POSSIBLE;
}

/* --- Which hop --- */

/* How many hops in a row, from outside, have the property. */
static size_t count_leading(struct hop *const *hops, size_t count, bool (*has)(const struct hop *))
{
	size_t n = 0;

	while (n < count && has(hops[n]))
		n++;
	return n;
}

static bool is_closed(const struct hop *h)
{
	return !h->replies[ASK_UPGRADE].opened;
}

static bool dies_idle(const struct hop *h)
{
	return h->idle_bound_ms > 0 && h->idle_died_ms > 0;
}

static bool is_narrow(const struct hop *h)
{
	return h->frame_bound > 0 && h->frame_passed < h->frame_bound;
}

static bool is_dropped(const struct hop *h)
{
	return h->soak_drops > 0;
}

static bool wants_protocol(const struct hop *h)
{
	return h->close_code >= 3500 && h->close_code < 3600;
}

static bool is_uncompressed(const struct hop *h)
{
	return h->offered && !h->granted;
}

static bool is_waiting(const struct hop *h)
{
	return failed_with(&h->replies[ASK_LENGTH], "timeout");
}

static bool takes_version(const struct hop *h)
{
	return h->replies[ASK_VERSION].opened;
}

static bool is_only_ws(const struct hop *h)
{
	const struct reply *plain = &h->replies[ASK_PLAIN];

	return h->replies[ASK_UPGRADE].opened && plain->status == 404 && writer_of(plain) == PRODUCT_APACHE;
}

static bool has_no_connect(const struct hop *h)
{
	return h->replies[ASK_UPGRADE].opened && failed_with(&h->replies[ASK_HTTP2], "no-connect");
}

static void judge_closed(struct inquiry *q)
{
	if (q->r->status == 0 || failed_with(q->r, "handshake"))
		judge_no_answer(q);
	else
		judge_status(q);
}

static const struct {
	bool (*has)(const struct hop *);
	void (*judge)(struct inquiry *);
	bool is_fault;
} questions[] = {
	{is_closed, judge_closed, true},
	{dies_idle, judge_idle, true},
	{is_narrow, judge_size, true},
	{is_dropped, judge_soak, true},
	{wants_protocol, judge_protocol, false},
	{is_uncompressed, judge_deflate, false},
	{takes_version, judge_version, false},
	{is_only_ws, judge_only_ws, false},
	{is_waiting, judge_waiting, false},
	{has_no_connect, judge_no_connect, false},
};

void verdict_reach(struct hop *const *hops, size_t count, struct verdict *v)
{
	*v = (struct verdict){.hop = VERDICT_NOBODY};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		size_t n = count_leading(hops, count, questions[i].has);
		if (n == 0)
			continue;
		struct inquiry q = {
			.count = count,
			.at = n - 1,
			.hop = hops[n - 1],
			.r = &hops[n - 1]->replies[ASK_UPGRADE],
			.inner = n < count ? hops[n] : NULL,
			.outer = n > 1 ? hops[n - 2] : NULL,
			.v = v,
		};
		q.product = find_product(&q);
		q.writer = writer_of(q.r);
		v->is_fault = questions[i].is_fault;
		v->hop = (int)n - 1;
		judge_hop_sure(&q);
		questions[i].judge(&q);
		settle(&q);
		add_evidence(&q);
		if (v->fix[0] == '\0' && v->cause != NULL)
			snprintf(v->fix, sizeof(v->fix), "%s", v->cause->fix);
		return;
	}
}
