/* The WebSocket opens: what the checks say that were asked for, and remarks. */
#include <string.h>

#include "wscat/verdict_private.h"

/* --- With the WebSocket open --- */

void verdict_judge_idle(struct inquiry *q)
{
	double ms = q->hop->idle_died_ms;

	verdict_say(q, "the idle connection ended after %.1f s%s", ms / 1000,
		q->hop->idle_pinged_lived ? "; with pings it lived" : "");
	if (q->hop->idle_how != NULL && strstr(q->hop->idle_how, "reset") != NULL && q->inner == NULL)
		verdict_suggest(q, "WS-APP-11", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX) {
		verdict_suggest(q, "WS-NGINX-07", SURE_LIKELY);
		if (ms > 59000 && ms < 61000)
			verdict_suggest(q, "WS-K8S-01", SURE_POSSIBLE);
	} else if (q->product == PRODUCT_HAPROXY) {
		verdict_suggest(q, "WS-HAPROXY-01", SURE_LIKELY);
		verdict_suggest(q, "WS-HAPROXY-11", SURE_POSSIBLE);
	} else if (q->product == PRODUCT_APACHE) {
		verdict_suggest(q, "WS-APACHE-18", SURE_LIKELY);
	} else if (ms > 99000 && ms < 101000) {
		verdict_suggest(q, "WS-TUNNEL-11", SURE_LIKELY);
	} else if (q->product == PRODUCT_UNKNOWN && q->inner != NULL) {
		verdict_suggest(q, "WS-HAPROXY-11", SURE_POSSIBLE);
	}
}

void verdict_judge_size(struct inquiry *q)
{
	verdict_say(q, "messages of more than %lld bytes do not come back (close code %d)",
		(long long)q->hop->frame_passed, q->hop->frame_close);
	if (q->hop->frame_close == 1009)
		verdict_suggest(q, "WS-APP-06", q->inner == NULL ? SURE_CERTAIN : SURE_POSSIBLE);
}

void verdict_judge_soak(struct inquiry *q)
{
	verdict_say(
		q, "the connection was lost %d times in %.0f s", q->hop->soak_drops, q->hop->soak_ms / 1000);
	if (q->product == PRODUCT_CADDY && q->hop->close_code == 1001)
		verdict_suggest(q, "WS-CADDY-11", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-K8S-08", SURE_POSSIBLE);
	verdict_suggest(q, "WS-TUNNEL-10", SURE_POSSIBLE);
}

/* An open stream that leads nowhere: Apache keeps it when the app has died. Over HTTP/1.1 it would have ended. */
void verdict_judge_silent(struct inquiry *q)
{
	verdict_say(q,
		q->hop->soak_drops > 0 ? "the next hop is gone, and a connection without pings stays open%s"
				       : "pings are answered no more, and the connection stays open%s",
		q->hop->is_h2 ? " (HTTP/2)" : "");
	if (q->hop->is_h2 && q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-24", SURE_LIKELY);
	else if (q->hop->is_h2 && q->product != PRODUCT_HAPROXY)
		verdict_suggest(q, "WS-APACHE-24", SURE_POSSIBLE);
}

void verdict_judge_protocol(struct inquiry *q)
{
	verdict_say(q, "the app closed with %d: it speaks a protocol of its own", q->hop->close_code);
	verdict_suggest(q, "WS-APP-10", SURE_LIKELY);
}

void verdict_judge_deflate(struct inquiry *q)
{
	verdict_say(q, "permessage-deflate is offered and not taken: messages are not compressed");
	if (q->inner == NULL)
		verdict_suggest(q, "WS-APP-08",
			q->count > 1 || q->product == PRODUCT_UNKNOWN ? SURE_CERTAIN : SURE_LIKELY);
	else if (q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-21", SURE_LIKELY);
}

/* --- Remarks on hops that work, of --deep --- */

void verdict_judge_waiting(struct inquiry *q)
{
	enum sure sure = q->product == PRODUCT_UNKNOWN ? SURE_POSSIBLE : SURE_LIKELY;

	verdict_say(q, "an upgrade with Content-Length is not answered: a body is waited for");
	if (q->product == PRODUCT_APACHE || q->product == PRODUCT_UNKNOWN)
		verdict_suggest(q, "WS-APACHE-25", sure);
	if (q->product == PRODUCT_NGINX || q->product == PRODUCT_UNKNOWN)
		verdict_suggest(q, "WS-NGINX-23", sure);
}

/* A connector in the path sends 13 whatever comes; an app that accepts 12 itself looks the same from outside. */
void verdict_judge_version(struct inquiry *q)
{
	bool is_changed = q->inner != NULL && q->inner->replies[ASK_VERSION].asked;

	verdict_say(q, "version 12 is accepted%s", is_changed ? ", and not by the next hop" : "");
	if (q->product == PRODUCT_CLOUDFLARED || q->product == PRODUCT_UNKNOWN)
		verdict_suggest(q, "WS-TUNNEL-09", is_changed ? SURE_LIKELY : SURE_POSSIBLE);
}

void verdict_judge_only_ws(struct inquiry *q)
{
	verdict_say(q, "a plain GET of the path is 404, Apache's own page");
	verdict_suggest(q, "WS-APACHE-26", SURE_LIKELY);
}

void verdict_judge_no_connect(struct inquiry *q)
{
	verdict_say(q, "HTTP/2 is spoken, without WebSockets: clients fall back to HTTP/1.1");
	if (q->product == PRODUCT_APACHE)
		verdict_suggest(q, "WS-APACHE-21", SURE_LIKELY);
	if (q->product == PRODUCT_NGINX)
		verdict_suggest(q, "WS-NGINX-22", SURE_LIKELY);
}
