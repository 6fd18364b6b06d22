/* The upgrade does not open: what its answer, or the lack of one, says of the cause. */
#include <stdio.h>
#include <string.h>

#include "wscat/verdict_private.h"
#include "wscat/writer.h"

#define FAST_MS 300 /* an answer that waited for nothing */

static bool is_slow_inside(const struct inquiry *q)
{
	return q->inner != NULL && q->inner->wait_ms > q->r->first_ms;
}

static bool body_has(const struct reply *r, const char *what)
{
	return r->body != NULL && strcasestr(r->body, what) != NULL;
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

	verdict_say(q, "the upgrade is answered as a plain GET: %d", q->r->status);
	if (verdict_asked(q, ASK_SPELLING)->opened && q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-06", SURE_CERTAIN);
	if (q->product == PRODUCT_APP || (q->product == PRODUCT_UNKNOWN && q->inner == NULL))
		verdict_suggest(q, "WS-APP-07", SURE_POSSIBLE);
	else if (lists[q->product] != NULL)
		verdict_suggest_all(q, lists[q->product],
			q->product == PRODUCT_HAPROXY && q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE);
}

/* --- By status --- */

static void judge_redirect(struct inquiry *q)
{
	char location[128];

	reply_field(q->r, "location", location, sizeof(location), NULL);
	verdict_say(q, "redirected to %s, which WebSocket clients do not follow", location);
	if (strncmp(location, "https://", 8) != 0 && strncmp(location, "wss://", 6) != 0)
		return;
	if (q->writer == PRODUCT_NGINX && q->r->status == 308)
		verdict_suggest(q, "WS-K8S-02", SURE_LIKELY);
	if (q->writer == PRODUCT_NGINX || q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-15", SURE_CERTAIN);
	else if (q->writer == PRODUCT_APACHE || q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-22", SURE_CERTAIN);
}

static void judge_401(struct inquiry *q)
{
	verdict_say(q, "a login is wanted");
	if (q->writer == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-23", SURE_CERTAIN);
	else if (q->writer == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-18", SURE_CERTAIN);
	else if (q->writer == PRODUCT_CADDY)
		verdict_suggest(q, "WS-CADDY-10", SURE_CERTAIN);
	else if (q->inner != NULL && q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-19", SURE_LIKELY);
	else
		verdict_suggest(q, "WS-APP-02", SURE_LIKELY);
}

/* The app compares Origin with a Host that a hop has changed; or it does not like the Origin at all. */
static void judge_origin(struct inquiry *q)
{
	enum sure sure = q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE;

	verdict_say(q, "403, but without Origin it opens");
	if (q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-20", sure);
	if (q->product == PRODUCT_NGINX) {
		if (verdict_asked(q, ASK_NO_PORT)->opened)
			verdict_suggest(q, "WS-NGINX-09", sure);
		verdict_suggest(q, "WS-NGINX-08", sure);
		verdict_suggest(q, "WS-NGINX-09", sure);
	}
	if (q->product == PRODUCT_CADDY)
		verdict_suggest(q, "WS-CADDY-02", sure);
	if (q->product == PRODUCT_CLOUDFLARED)
		verdict_suggest(q, "WS-TUNNEL-07", sure);
	if (q->inner == NULL)
		verdict_suggest(q, "WS-APP-01",
			q->product == PRODUCT_APP || q->product == PRODUCT_UNKNOWN ? SURE_LIKELY
										   : SURE_POSSIBLE);
}

static void judge_403(struct inquiry *q)
{
	if (verdict_asked(q, ASK_NO_ORIGIN)->opened) {
		judge_origin(q);
		return;
	}
	verdict_say(q, "forbidden");
	if (q->writer == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-13", SURE_LIKELY);
	else if (q->writer == PRODUCT_HAPROXY)
		verdict_suggest(q, "WS-HAPROXY-03", SURE_CERTAIN);
	else if (body_has(q->r, "ALPN"))
		verdict_suggest(q, "WS-TUNNEL-06", SURE_LIKELY);
}

/* An answer of the app for a path that a hop has changed. */
static void judge_path(struct inquiry *q)
{
	bool doubled = body_has(q->r, " //");

	verdict_say(q, "404 from the app: the path is not the one it knows");
	switch (q->product) {
	case PRODUCT_APACHE:
		verdict_suggest(q, doubled ? "WS-APACHE-10" : "WS-APACHE-11", SURE_LIKELY);
		verdict_suggest(q, doubled ? "WS-APACHE-11" : "WS-APACHE-10", SURE_POSSIBLE);
		break;
	case PRODUCT_NGINX:
		verdict_suggest(q, doubled ? "WS-NGINX-11" : "WS-NGINX-10", SURE_LIKELY);
		verdict_suggest(q, doubled ? "WS-NGINX-10" : "WS-NGINX-11", SURE_POSSIBLE);
		verdict_suggest(q, "WS-K8S-04", SURE_POSSIBLE);
		break;
	case PRODUCT_CADDY: verdict_suggest(q, "WS-CADDY-01", SURE_LIKELY); break;
	case PRODUCT_UNKNOWN:
	case PRODUCT_HAPROXY:
	case PRODUCT_CLOUDFLARED:
	case PRODUCT_APP: break;
	}
}

/* Another spelling of Connection works: a rule compares it too closely. */
static bool judge_spelling(struct inquiry *q)
{
	if (!verdict_asked(q, ASK_SPELLING)->opened)
		return false;
	verdict_say(q, "%d, but with \"Connection: keep-alive, Upgrade\" it opens", q->r->status);
	if (q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-06", SURE_CERTAIN);
	if (q->product == PRODUCT_HAPROXY)
		verdict_suggest(q, "WS-HAPROXY-04", SURE_CERTAIN);
	if (q->product == PRODUCT_CADDY)
		verdict_suggest(q, "WS-CADDY-06", SURE_CERTAIN);
	return true;
}

static void judge_404(struct inquiry *q)
{
	if (judge_spelling(q))
		return;
	verdict_say(q, "404, %s's own page", product_name(q->writer));
	if (q->writer == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-12", SURE_LIKELY);
	else if (q->writer == PRODUCT_NGINX)
		verdict_suggest(q, "WS-K8S-03", SURE_POSSIBLE);
	else if (q->writer == PRODUCT_CLOUDFLARED)
		verdict_suggest(q, "WS-TUNNEL-05", SURE_LIKELY);
	else if (q->inner != NULL)
		judge_path(q);
	else {
		judge_path(q);
		verdict_suggest(q, "WS-APP-03", SURE_LIKELY);
	}
}

static void judge_200(struct inquiry *q)
{
	const struct reply *sibling = verdict_asked(q, ASK_SIBLING);
	bool everywhere = sibling->asked && writer_same(q->r, sibling);

	if (judge_spelling(q))
		return;
	verdict_say(q, "200%s in place of 101%s", writer_is_html(q->r) ? " and HTML" : "",
		everywhere ? ", and the same for a random path" : "");
	if (q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-16", everywhere ? SURE_CERTAIN : SURE_LIKELY);
	if (q->product == PRODUCT_CADDY) {
		bool is_empty = q->writer == PRODUCT_CADDY;
		verdict_suggest(q, is_empty ? "WS-CADDY-07" : "WS-CADDY-13", SURE_LIKELY);
		verdict_suggest(q, is_empty ? "WS-CADDY-12" : "WS-CADDY-06", SURE_POSSIBLE);
	}
	if (q->product == PRODUCT_HAPROXY)
		verdict_suggest(q, "WS-HAPROXY-04", SURE_POSSIBLE);
	if (q->inner == NULL)
		verdict_suggest(q, "WS-APP-09", SURE_LIKELY);
	if (q->inner != NULL && !everywhere)
		judge_dropped(q);
}

static void judge_400(struct inquiry *q)
{
	const struct reply *plain = verdict_asked(q, ASK_PLAIN);

	if (body_has(q->r, "plain HTTP request was sent to HTTPS port")) {
		verdict_say(q, "plain HTTP is spoken to a TLS port");
		verdict_suggest(q, "WS-NGINX-14", SURE_CERTAIN);
		verdict_suggest(q, "WS-K8S-05", SURE_POSSIBLE);
		/* Whoever spoke to it is to blame. */
		q->v->hop = q->at > 0 ? (int)q->at - 1 : VERDICT_CLIENT;
		return;
	}
	if (body_has(q->r, "Session ID unknown")) {
		verdict_say(q, "the session lives on another replica");
		verdict_suggest(q, "WS-K8S-07", SURE_POSSIBLE);
		return;
	}
	if (q->writer == PRODUCT_HAPROXY) {
		verdict_say(q, "HAProxy finds the request itself invalid");
		verdict_suggest(q, "WS-HAPROXY-12", SURE_LIKELY);
		return;
	}
	if (body_has(q->r, "HTTP/1.") && !(plain->asked && writer_same(q->r, plain))) {
		verdict_say(q, "the app minds the version of HTTP");
		verdict_suggest(q, "WS-NGINX-04", q->product == PRODUCT_NGINX ? SURE_CERTAIN : SURE_POSSIBLE);
		return;
	}
	if (verdict_asked(q, ASK_SPELLING)->opened && judge_spelling(q))
		return;
	judge_dropped(q);
}

static void judge_500(struct inquiry *q)
{
	verdict_say(q, "500 from %s", product_name(q->writer));
	if (q->writer != PRODUCT_APACHE)
		return;
	if (body_has(q->r, "DNS lookup failure"))
		verdict_suggest(q, "WS-APACHE-09", SURE_CERTAIN);
	else if (body_has(q->r, "SSL"))
		verdict_suggest(q, "WS-APACHE-16", SURE_LIKELY);
	else
		verdict_suggest(q, "WS-APACHE-15", SURE_LIKELY);
}

/* The hop gave up waiting: certain when the hop inside takes longer than that. */
static void judge_late(struct inquiry *q, const char *id)
{
	verdict_say(q, "%d after %.1f s%s", q->r->status, q->r->first_ms / 1000,
		is_slow_inside(q) ? ", and the next hop needs longer than that" : "");
	verdict_suggest(q, id, is_slow_inside(q) ? SURE_CERTAIN : SURE_LIKELY);
}

static void judge_502(struct inquiry *q)
{
	static const char *const caddy[] = {"WS-CADDY-08", "WS-CADDY-05", NULL};
	static const char *const tunnel[] = {
		"WS-TUNNEL-01", "WS-TUNNEL-02", "WS-TUNNEL-03", "WS-TUNNEL-12", NULL};

	verdict_say(q, "502 from %s: it does not get an answer from the next hop", product_name(q->writer));
	switch (q->writer) {
	case PRODUCT_APACHE: judge_late(q, "WS-APACHE-17"); break;
	case PRODUCT_NGINX:
		verdict_suggest(q, "WS-NGINX-12", SURE_LIKELY);
		verdict_suggest(q, "WS-K8S-05", SURE_POSSIBLE);
		break;
	case PRODUCT_HAPROXY: verdict_suggest(q, "WS-HAPROXY-09", SURE_LIKELY); break;
	case PRODUCT_CADDY: verdict_suggest_all(q, caddy, SURE_POSSIBLE); break;
	case PRODUCT_CLOUDFLARED: verdict_suggest_all(q, tunnel, SURE_POSSIBLE); break;
	case PRODUCT_UNKNOWN:
	case PRODUCT_APP: break;
	}
}

static void judge_503(struct inquiry *q)
{
	static const char *const slow[] = {"WS-HAPROXY-06", "WS-HAPROXY-10", "WS-HAPROXY-08", NULL};

	verdict_say(q, "503 from %s after %.0f ms", product_name(q->writer), q->r->first_ms);
	if (q->writer == PRODUCT_APACHE) {
		verdict_suggest(q, "WS-APACHE-14", SURE_LIKELY);
	} else if (q->writer == PRODUCT_NGINX) {
		verdict_suggest(q, "WS-NGINX-17", SURE_LIKELY);
		verdict_suggest(q, "WS-K8S-06", SURE_POSSIBLE);
	} else if (q->writer == PRODUCT_HAPROXY && q->r->first_ms < FAST_MS) {
		verdict_suggest(q, "WS-HAPROXY-05", SURE_LIKELY);
		verdict_suggest(q, "WS-HAPROXY-06", SURE_POSSIBLE);
	} else if (q->writer == PRODUCT_HAPROXY) {
		verdict_suggest_all(q, slow, SURE_POSSIBLE);
	}
}

static void judge_504(struct inquiry *q)
{
	verdict_say(q, "504 from %s", product_name(q->writer));
	if (q->writer == PRODUCT_NGINX)
		judge_late(q, "WS-NGINX-13");
	else if (q->writer == PRODUCT_HAPROXY)
		judge_late(q, "WS-HAPROXY-07");
	else if (q->writer == PRODUCT_CADDY)
		judge_late(q, "WS-CADDY-09");
}

static void judge_status(struct inquiry *q)
{
	const struct reply *plain = verdict_asked(q, ASK_PLAIN);

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
		verdict_say(q, "530: the edge has no connector");
		verdict_suggest(q, "WS-TUNNEL-04", SURE_CERTAIN);
		return;
	default: break;
	}
	if (q->r->status == 426 || (plain->asked && writer_same(q->r, plain)))
		judge_dropped(q);
	else
		verdict_say(q, "an answer of %d in place of 101", q->r->status);
}

/* --- Without an answer --- */

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
	verdict_say(q, "cannot be connected to: %s", q->r->why != NULL ? q->r->why : "");
	if (ids[outer] != NULL)
		verdict_suggest(q, ids[outer], SURE_LIKELY);
}

static void judge_silence(struct inquiry *q)
{
	verdict_say(q, "connected, but no byte came in time%s",
		verdict_failed(verdict_asked(q, ASK_PLAIN), "timeout") ? ", nor to a plain GET" : "");
	if (q->inner == NULL && (q->product == PRODUCT_APP || q->product == PRODUCT_UNKNOWN))
		verdict_suggest(q, "WS-APP-05", SURE_LIKELY);
	else if (q->product == PRODUCT_APACHE || q->product == PRODUCT_UNKNOWN)
		verdict_suggest(q, "WS-APACHE-19", SURE_POSSIBLE);
}

static void judge_bad_101(struct inquiry *q)
{
	char value[64];
	int accepts, lengths;

	reply_field(q->r, "sec-websocket-accept", value, sizeof(value), &accepts);
	reply_field(q->r, "content-length", value, sizeof(value), &lengths);
	verdict_say(q, "%s", q->r->why != NULL ? q->r->why : "a 101 that is not in order");
	if (accepts == 0 && lengths > 0)
		verdict_suggest(q, "WS-TUNNEL-08", SURE_LIKELY);
	if (accepts == 0 && q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-20", q->inner != NULL ? SURE_LIKELY : SURE_POSSIBLE);
	if (accepts == 1 && q->r->why != NULL && strstr(q->r->why, "does not answer") != NULL)
		verdict_suggest(q, "WS-APP-04", q->inner == NULL ? SURE_LIKELY : SURE_POSSIBLE);
}

static void judge_no_answer(struct inquiry *q)
{
	const struct reply *r = q->r;

	if (verdict_failed(r, "handshake")) {
		judge_bad_101(q);
	} else if (verdict_failed(r, "dns") || verdict_failed(r, "tcp")) {
		judge_unreachable(q);
	} else if (verdict_failed(r, "timeout")) {
		if (q->hop->tcp_ms > 0)
			judge_silence(q);
		else
			verdict_say(q, "%s", r->why);
	} else if (verdict_failed(r, "no-connect")) {
		verdict_say(q, "HTTP/2 without extended CONNECT");
		if (q->product == PRODUCT_NGINX)
			verdict_suggest(q, "WS-NGINX-22", SURE_LIKELY);
		verdict_suggest(q, "WS-APACHE-21", SURE_POSSIBLE);
		verdict_suggest(q, "WS-NGINX-22", SURE_POSSIBLE);
	} else if (verdict_failed(r, "no-answer") && q->inner != NULL) {
		verdict_say(q, "%s", r->why);
		verdict_suggest(q, "WS-HAPROXY-13", SURE_POSSIBLE);
	} else {
		verdict_say(q, "%s", r->why != NULL ? r->why : "it failed");
	}
}

void verdict_judge_closed(struct inquiry *q)
{
	if (q->r->status == 0 || verdict_failed(q->r, "handshake"))
		judge_no_answer(q);
	else
		judge_status(q);
}
