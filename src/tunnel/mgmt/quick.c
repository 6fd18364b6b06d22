/* Quick tunnels stand in the store like others, and are not listed. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/label.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

#define SECRET_LEN 32 /* bytes */
#define TRIES 4       /* names, until one is free */

/* One request that was granted. */
struct grant {
	char address[DIAL_NAME_MAX];
	uint64_t until_ms; /* 0: free */
};

struct quick {
	struct mgmt *m;
	struct loop_timer timer;
	int64_t started_us; /* what was made before a restart has its first time again */
	struct grant grants[QUICK_ADDRESSES];
};

/* --- Limits --- */

static size_t quick_count(const struct quick *q)
{
	size_t count = 0;

	list_for_each (n, directory_all(q->m->edge->directory))
		count += list_entry(n, struct directory_tunnel, node)->record.is_quick;
	return count;
}

/* A free entry for the address; NULL when it has had its share, or there is no room for more. */
static struct grant *quick_grant(struct quick *q, const char *address, uint64_t now_ms)
{
	struct grant *free_one = NULL;
	int64_t has = 0;

	for (size_t i = 0; i < QUICK_ADDRESSES; i++) {
		struct grant *g = &q->grants[i];
		if (g->until_ms <= now_ms)
			free_one = g;
		else
			has += strcmp(g->address, address) == 0;
	}
	return has < q->m->conf->quick_per_address ? free_one : NULL;
}

/* --- Making one --- */

static void answer_text(struct http_answer *a, int status, const char *line)
{
	a->status = status;
	a->content_type = "text/plain; charset=utf-8";
	buf_clear(&a->body);
	buf_addf(&a->body, "%s\n", line);
}

static void answer_made(struct call *c, const struct tunnel_record *t, const char *host, struct span secret)
{
	const struct mgmt_conf *conf = c->m->conf;
	struct buf base64 = {.max = 128};
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->id, id);
	buf_reserve(&base64, 128);
	base64_encode(secret, BASE64_PADDED, &base64);
	char *shown = conf->public_port == 443
			      ? mem_strdup(host)
			      : mem_printf("https://%s:%lld", host, (long long)conf->public_port);
	answer_ok(c->answer,
		json_pack("{s:s, s:s, s:s, s:s, s:s%}", "id", id, "name", t->name, "hostname", shown,
			"account_tag", t->account, "secret", buf_span(&base64).p, buf_len(&base64)));
	c->answer->is_secret = true;
	free(shown);
	buf_wipe(&base64);
}

/* STORE_CONFLICT: the name is taken. */
static enum store_result quick_make(struct call *c, struct err *err)
{
	struct change *change = mem_alloc(sizeof(*change));
	struct tunnel_record t = {.account = c->m->self.account,
		.is_quick = true,
		.created_at = c->now,
		.current = {.version = 1}};
	struct route_record route = {.count = 1};
	char label[LABEL_MAX], none[] = "";
	unsigned char secret[SECRET_LEN];
	struct buf json = {0};

	label_random(label);
	if (RAND_bytes(secret, sizeof(secret)) != 1)
		abort();
	uuid_random(&t.id);
	t.name = label;
	route.pool = none;
	route.tunnels[0] = t.id;
	record_random_id(route.tag);
	record_proof(span_str(t.account), span_of((const char *)secret, sizeof(secret)), t.current.proof);
	char *host = mem_printf("%s.%s", label, c->m->conf->quick_domain);
	change_put_tunnel(change, &t, STORE_ABSENT);
	route_record_print(&route, &json);
	change_put(change, RECORD_ROUTE, span_str(host), buf_span(&json), STORE_ABSENT);
	change_audit(change, c, "quick", &t.id, "", 0, 1);
	enum store_result result = registry_is_fixed(c->m->edge->registry, span_str(host))
					   ? STORE_CONFLICT
					   : change_commit(change, c->m->store, err);
	if (result == STORE_OK)
		answer_made(c, &t, host, span_of((const char *)secret, sizeof(secret)));
	secret_wipe(secret, sizeof(secret));
	free(host);
	buf_free(&json);
	change_free(change);
	return result;
}

void quick_request(struct call *c)
{
	struct quick *q = c->m->quick;
	uint64_t now_ms = loop_now_ms(c->m->edge->worker->loop);
	struct err err = {0};

	if (!span_eq(c->request->method, SPAN("POST"))) {
		answer_text(c->answer, 405, "only POST here");
		c->answer->allow = "POST";
		return;
	}
	struct grant *g = quick_grant(q, c->request->address, now_ms);
	if (g == NULL || (int64_t)quick_count(q) >= c->m->conf->quick_max) {
		answer_text(c->answer, 429,
			g == NULL ? "too many quick tunnels from this address; try again in an hour"
				  : "this edge has no room for another quick tunnel; try again later");
		c->answer->retry_after_s = g == NULL ? QUICK_HOUR_MS / 1000 : 60;
		return;
	}
	enum store_result result = STORE_CONFLICT;
	for (int i = 0; i < TRIES && result == STORE_CONFLICT; i++)
		result = quick_make(c, &err);
	if (result == STORE_OK) {
		snprintf(g->address, sizeof(g->address), "%s", c->request->address);
		g->until_ms = now_ms + QUICK_HOUR_MS;
		return;
	}
	answer_failed(c, &err);
	answer_text(c->answer, 500, "the edge cannot make a tunnel now; try again later");
}

/* --- Ending them --- */

static bool is_over(const struct quick *q, const struct directory_tunnel *t, int64_t now)
{
	const struct mgmt_conf *conf = q->m->conf;

	if (!t->record.is_quick || t->live > 0)
		return false;
	if (t->inactive_at != 0)
		return now - t->inactive_at > conf->quick_idle_ns / 1000;
	int64_t since = t->record.created_at > q->started_us ? t->record.created_at : q->started_us;
	return now - since > conf->quick_first_ns / 1000;
}

static void quick_end(struct quick *q, const struct uuid *id)
{
	struct change *change = mem_alloc(sizeof(*change));
	struct err err = {0};
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	if (routes_end(q->m->store, change, id, &err) == 0)
		change_delete(change, RECORD_TUNNEL, span_str(text));
	if (change->count == 0 || change_commit(change, q->m->store, &err) != STORE_OK)
		log_line(q->m->edge->worker->log, LOG_ERROR, "a quick tunnel cannot be ended",
			"tunnel=%s error=\"%s\"", text, err.text);
	else
		log_line(q->m->edge->worker->log, LOG_INFO, "quick tunnel ended", "tunnel=%s", text);
	change_free(change);
}

static void quick_on_timer(void *arg)
{
	struct quick *q = arg;
	int64_t now = rfc3339_now();

	list_for_each_safe (n, directory_all(q->m->edge->directory)) {
		const struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		struct uuid id = t->record.id;
		if (is_over(q, t, now))
			quick_end(q, &id);
	}
	loop_timer_start(&q->timer, QUICK_LOOK_MS);
}

struct quick *quick_new(struct mgmt *m)
{
	struct quick *q = mem_alloc(sizeof(*q));

	q->m = m;
	q->started_us = rfc3339_now();
	loop_timer_init(&q->timer, m->edge->worker->loop, quick_on_timer, q);
	loop_timer_start(&q->timer, QUICK_LOOK_MS);
	return q;
}

void quick_free(struct quick *q)
{
	if (q == NULL)
		return;
	loop_timer_fini(&q->timer);
	free(q);
}
