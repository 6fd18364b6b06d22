/* Connections of the probe, and the requests that open them. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/visit.h"

#define LENGTH_MS 1500 /* for an answer to an upgrade with a length, at least */

static void visit_on_open(void *arg)
{
	struct visit *v = arg;

	v->opened = true;
	loop_stop(v->loop);
}

static void visit_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct visit *v = arg;

	(void)opcode;
	v->got_len = message.len;
	if (v->wanted.p == NULL || span_eq(v->wanted, message)) {
		v->got_message = true;
		loop_stop(v->loop);
	}
}

static void visit_on_control(void *arg, enum ws_opcode opcode, struct span payload)
{
	struct visit *v = arg;

	if (opcode == WS_PONG && span_eq(payload, SPAN(VISIT_PING))) {
		v->got_pong = true;
		loop_stop(v->loop);
	}
}

static void visit_on_over(void *arg)
{
	struct visit *v = arg;

	v->over = true;
	loop_stop(v->loop);
}

static void visit_on_timer(void *arg)
{
	struct visit *v = arg;

	v->timed_out = true;
	loop_stop(v->loop);
}

static const struct peer_fns visit_fns = {
	visit_on_open, visit_on_message, visit_on_control, NULL, visit_on_over};

bool visit_wait(struct visit *v, const bool *flag, uint64_t ms)
{
	v->timed_out = false;
	loop_timer_start(&v->timer, ms);
	while (!*flag && !v->over && !v->timed_out)
		loop_run(v->loop);
	loop_timer_stop(&v->timer);
	return *flag;
}

void visit_init(struct visit *v, struct loop *loop)
{
	*v = (struct visit){.loop = loop};
	loop_timer_init(&v->timer, loop, visit_on_timer, v);
}

void visit_fini(struct visit *v)
{
	peer_free(v->peer);
	v->peer = NULL;
	loop_timer_fini(&v->timer);
}

int visit_asker_init(struct visit_asker *a, const struct measure_conf *conf, const char *url, struct err *err)
{
	*a = (struct visit_asker){.conf = conf};
	if (target_parse(url, &a->target, err) < 0)
		return -1;
	a->host = mem_strdup(conf->host != NULL ? conf->host : a->target.authority);
	if (conf->origin != NULL)
		a->origin = mem_strdup(conf->origin);
	else if (conf->host != NULL)
		a->origin = mem_printf("%s://%s", conf->is_front_tls ? "https" : "http", conf->host);
	else
		a->origin = target_origin(&a->target);
	a->server_name = mem_strdup(a->target.host);
	return 0;
}

void visit_asker_fini(struct visit_asker *a)
{
	target_free(&a->target);
	free(a->host);
	free(a->origin);
	free(a->server_name);
}

/* The origin without its port. */
static char *origin_no_port(const char *origin)
{
	const char *host = strstr(origin, "://");
	const char *colon = host != NULL ? strchr(host + 3, ':') : NULL;

	return colon != NULL ? mem_spandup(span_of(origin, (size_t)(colon - origin))) : mem_strdup(origin);
}

static char *path_variant(const char *path, enum ask ask)
{
	size_t len = strcspn(path, "?");

	if (ask == ASK_SLASH && len > 1 && path[len - 1] == '/')
		return mem_printf("%.*s%s", (int)len - 1, path, path + len);
	if (ask == ASK_SLASH)
		return mem_printf("%.*s/%s", (int)len, path, path + len);
	if (ask == ASK_SIBLING) {
		size_t cut = len;
		while (cut > 0 && path[cut - 1] != '/')
			cut--;
		return mem_printf("%.*swscat-probe-nobody-knows", (int)cut, path);
	}
	return mem_strdup(path);
}

/* Who waits for a body says nothing at all: three times what the upgrade took is enough. */
static uint64_t time_for(const struct visit_asker *a, enum ask ask)
{
	uint64_t short_ms = LENGTH_MS + (uint64_t)(3 * a->usual_ms);

	return ask == ASK_LENGTH && short_ms < a->conf->timeout_ms ? short_ms : a->conf->timeout_ms;
}

void visit_start(struct visit *v, const struct visit_asker *a, enum ask ask)
{
	char *path = path_variant(a->target.path, ask), *origin = origin_no_port(a->origin);
	struct request request;
	struct peer_conf conf = {
		.env = a->conf->env,
		.target = &a->target,
		.request = &request,
		.server_name = a->server_name,
		.use_h2 = (ask == ASK_HTTP2 || a->conf->env->conf->http2) && a->target.is_tls,
		.plain = ask == ASK_PLAIN,
		.timeout_ms = time_for(a, ask),
	};

	request_default(&request, ask == ASK_OWN_HOST ? a->target.authority : a->host, path, a->origin);
	if (ask == ASK_NO_ORIGIN)
		request.origin = NULL;
	else if (ask == ASK_NO_PORT)
		request.origin = origin;
	else if (ask == ASK_SPELLING)
		request.connection = "keep-alive, Upgrade";
	else if (ask == ASK_PLAIN)
		request.connection = NULL;
	else if (ask == ASK_BAD_KEY)
		snprintf(request.key, sizeof(request.key), "short");
	else if (ask == ASK_VERSION)
		request.version = "12";
	request.with_length = ask == ASK_LENGTH;
	v->peer = peer_start(&conf, &visit_fns, v);
	free(path);
	free(origin);
}

void visit_settle(struct visit *v)
{
	while (!v->opened && !v->over)
		loop_run(v->loop);
}

void visit_close(struct visit *v, struct hop *h)
{
	const struct peer_report *p = peer_report(v->peer);

	if (!v->over) {
		peer_close(v->peer, WS_CODE_NORMAL, SPAN(""));
		visit_wait(v, &v->over, PEER_CLOSE_MS + PEER_LINGER_MS);
	}
	h->close_code = p->close_code;
	if (p->at.close_got > p->at.close_sent && p->at.close_sent > 0)
		h->close_ms = (double)(p->at.close_got - p->at.close_sent) / 1000;
}
