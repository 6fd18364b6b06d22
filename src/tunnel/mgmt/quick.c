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
	char address[DIAL_NAME_MAX]; /* its network's, where that is one client's */
	uint64_t until_ms;           /* 0: free */
};

struct quick {
	struct mgmt *m;
	struct loop_timer timer;
	int64_t started_us; /* what was made before a restart has its first time again */
	bool is_ending;
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

/* Has the address had its share, or is there no room to remember it? */
static bool quick_may(const struct quick *q, const char *address, uint64_t now_ms)
{
	bool has_room = false;
	int64_t has = 0;

	for (size_t i = 0; i < QUICK_ADDRESSES; i++) {
		const struct grant *g = &q->grants[i];
		if (g->until_ms <= now_ms)
			has_room = true;
		else
			has += strcmp(g->address, address) == 0;
	}
	return has_room && has < q->m->conf->quick_per_address;
}

/* In place of the one that ends first. */
static void quick_count_grant(struct quick *q, const struct grant *g)
{
	struct grant *first = &q->grants[0];

	for (size_t i = 1; q != NULL && i < QUICK_ADDRESSES; i++)
		if (q->grants[i].until_ms < first->until_ms)
			first = &q->grants[i];
	if (q != NULL)
		*first = *g;
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

/* One on its way. */
struct making {
	struct tunnel_record t;
	char label[LABEL_MAX];
	char *host; /* owned */
	unsigned char secret[SECRET_LEN];
	int tries;
	struct grant grant; /* counts once it is made */
};

static void quick_try(struct call *c, struct making *x);

static void making_free(struct making *x)
{
	secret_wipe(x->secret, sizeof(x->secret));
	free(x->host);
	free(x);
}

/* A conflict: the name is taken. */
static void quick_made(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct making *x = with;

	if (result == STORE_CONFLICT && x->tries < TRIES) {
		quick_try(c, x);
		return;
	}
	if (result == STORE_OK) {
		answer_made(c, &x->t, x->host, span_of((const char *)x->secret, sizeof(x->secret)));
		quick_count_grant(c->m->quick, &x->grant);
	} else {
		answer_failed(c, err);
		answer_text(c->answer, 500, "the edge cannot make a tunnel now; try again later");
	}
	making_free(x);
}

static void quick_try(struct call *c, struct making *x)
{
	struct change *change = change_new();
	struct route_record route = {.count = 1};
	char none[] = "";
	struct buf json = {0};

	free(x->host);
	do {
		label_random(x->label);
		x->host = mem_printf("%s.%s", x->label, c->m->conf->quick_domain);
	} while (++x->tries < TRIES && registry_is_fixed(c->m->edge->registry, span_str(x->host)));
	uuid_random(&x->t.id);
	x->t.name = x->label;
	route.pool = none;
	route.tunnels[0] = x->t.id;
	record_random_id(route.tag);
	change_put_tunnel(change, &x->t, STORE_ABSENT);
	route_record_print(&route, &json);
	change_put(change, RECORD_ROUTE, span_str(x->host), buf_span(&json), STORE_ABSENT);
	change_audit(change, c, "quick", &x->t.id, "", 0, 1);
	change_commit(change, c, quick_made, x);
	buf_free(&json);
}

static void quick_make(struct call *c, const struct grant *g)
{
	struct making *x = mem_alloc(sizeof(*x));

	x->grant = *g;
	x->t = (struct tunnel_record){.account = c->m->self.account,
		.is_quick = true,
		.created_at = c->now,
		.current = {.version = 1}};
	if (RAND_bytes(x->secret, sizeof(x->secret)) != 1)
		abort();
	record_proof(span_str(x->t.account), span_of((const char *)x->secret, sizeof(x->secret)),
		x->t.current.proof);
	quick_try(c, x);
}

void quick_request(struct call *c)
{
	struct quick *q = c->m->quick;
	struct grant grant = {.until_ms = loop_now_ms(c->m->edge->worker->loop) + QUICK_HOUR_MS};

	if (!span_eq(c->request->method, SPAN("POST"))) {
		answer_text(c->answer, 405, "only POST here");
		c->answer->allow = "POST";
		return;
	}
	dial_network_name(c->request->address, grant.address);
	bool may = q != NULL && quick_may(q, grant.address, grant.until_ms - QUICK_HOUR_MS);
	if (!may || (int64_t)quick_count(q) >= c->m->conf->quick_max) {
		answer_text(c->answer, 429,
			!may ? "too many quick tunnels from this address; try again in an hour"
			     : "this edge has no room for another quick tunnel; try again later");
		c->answer->retry_after_s = !may ? QUICK_HOUR_MS / 1000 : 60;
		return;
	}
	quick_make(c, &grant);
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

/* The next one that is over; NULL when there is none. */
static const struct directory_tunnel *quick_over(const struct quick *q)
{
	int64_t now = rfc3339_now();

	list_for_each (n, directory_all(q->m->edge->directory)) {
		const struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (is_over(q, t, now))
			return t;
	}
	return NULL;
}

static void quick_end(struct call *c);

static void quick_ended(struct call *c, void *with, enum store_result result, const struct err *err)
{
	char *id = with;

	if (result == STORE_OK)
		log_line(c->m->edge->worker->log, LOG_INFO, "quick tunnel ended", "tunnel=%s", id);
	else
		log_line(c->m->edge->worker->log, LOG_ERROR, "a quick tunnel cannot be ended",
			"tunnel=%s error=\"%s\"", id, err->text);
	free(id);
	/* One after the other; after a failure not before the next look. */
	if (result == STORE_OK)
		quick_end(c);
	if (!c->is_pending && c->m->quick != NULL)
		c->m->quick->is_ending = false;
}

static void quick_end(struct call *c)
{
	const struct directory_tunnel *t = c->m->quick != NULL ? quick_over(c->m->quick) : NULL;
	struct change *change;
	struct err err = {0};
	char id[UUID_TEXT_LEN + 1];

	if (t == NULL)
		return;
	change = change_new();
	uuid_print(&t->record.id, id);
	int rc = routes_end(c->m->store, change, &t->record.id, &err);
	change_delete(change, RECORD_TUNNEL, span_str(id));
	if (rc == 0) {
		change_commit(change, c, quick_ended, mem_strdup(id));
		return;
	}
	change_free(change);
	log_line(c->m->edge->worker->log, LOG_ERROR, "a quick tunnel cannot be ended",
		"tunnel=%s error=\"%s\"", id, err.text);
}

/* The turn of whoever ends them. */
static void quick_turn(struct call *c)
{
	quick_end(c);
	if (!c->is_pending && c->m->quick != NULL)
		c->m->quick->is_ending = false;
}

static void quick_on_timer(void *arg)
{
	struct quick *q = arg;

	if (!q->is_ending && quick_over(q) != NULL) {
		q->is_ending = true;
		call_take_turn(call_new(q->m, NULL, quick_turn));
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
