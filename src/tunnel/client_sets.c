/* Sets of connections: one serves, at most one rises, some leave. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/client_sets.h"

struct set {
	struct node node; /* in client_sets->leaving, while it is */
	struct client_sets *sets;
	struct cred cred;
	struct pool_conf conf;
	struct pool *pool;
	bool is_leaving;
	char connector[UUID_TEXT_LEN + 1];
};

struct client_sets {
	struct worker *worker;
	const struct client_sets_conf *conf;
	const struct client_sets_events *events;
	void *arg;
	struct set *serving; /* NULL only once it is over */
	struct set *rising;  /* NULL while nothing changes */
	struct list leaving; /* the oldest first */
	size_t leaving_count;
	struct loop_timer all; /* until which a rising set may wait for all of its connections */
	bool waited;           /* it has */
	bool stopping;
	struct pool_counts gone; /* of sets that have ended */
	struct pool_state none;  /* what is seen once all have */
};

/* --- Sets --- */

static void cred_copy(struct cred *to, const struct cred *from)
{
	*to = (struct cred){.account_tag = mem_strdup(from->account_tag), .tunnel_id = from->tunnel_id};
	secret_set(&to->secret, from->secret.data, from->secret.len);
}

/* The same secret of the same account? Not in constant time: whoever can write the file knows both. */
static bool cred_same(const struct cred *a, const struct cred *b)
{
	return uuid_eq(&a->tunnel_id, &b->tunnel_id) && strcmp(a->account_tag, b->account_tag) == 0 &&
	       a->secret.len == b->secret.len && memcmp(a->secret.data, b->secret.data, a->secret.len) == 0;
}

static void counts_add(struct pool_counts *to, const struct pool_counts *from)
{
	to->registrations += from->registrations;
	to->registration_failures += from->registration_failures;
	to->duplicates += from->duplicates;
	to->config_pushes += from->config_pushes;
	to->config_push_failures += from->config_push_failures;
}

static void set_free(struct set *set)
{
	if (set == NULL)
		return;
	pool_free(set->pool);
	cred_free(&set->cred);
	free(set);
}

/* A set that has ended: what it counted stays. */
static void set_bury(struct set *set)
{
	struct client_sets *s = set->sets;

	counts_add(&s->gone, &pool_state(set->pool)->counts);
	if (node_linked(&set->node)) {
		list_remove(&set->node);
		s->leaving_count--;
	}
	set_free(set);
}

/* Take it out of the rotation; its requests may end within the grace period. */
static void set_leave(struct set *set)
{
	struct client_sets *s = set->sets;

	set->is_leaving = true;
	if (s->leaving_count == CLIENT_SETS_LEAVING)
		pool_stop(list_entry(list_first(&s->leaving), struct set, node)->pool);
	list_push(&s->leaving, &set->node);
	s->leaving_count++;
	pool_stop(set->pool);
}

/* --- From one to the next --- */

static void sets_take_over(struct client_sets *s)
{
	struct set *old = s->serving;

	loop_timer_stop(&s->all);
	s->serving = s->rising;
	s->rising = NULL;
	pool_be_patient(s->serving->pool);
	log_line(s->worker->log, LOG_INFO, "new credentials in use",
		"connector=%s replaces=%s connections=%zu", s->serving->connector,
		old != NULL ? old->connector : "", pool_state(s->serving->pool)->ready);
	if (old != NULL)
		set_leave(old);
	s->events->renewed(s->arg, CLIENT_RELOAD_OK, NULL);
}

/* Is the rising set fit to take over? One connection is enough once it has waited for all. */
static void sets_look(struct client_sets *s)
{
	if (s->rising == NULL || s->stopping)
		return;
	const struct pool_state *state = pool_state(s->rising->pool);
	if (state->ready == state->slots || (state->ready > 0 && s->waited))
		sets_take_over(s);
}

static void sets_on_waited(void *arg)
{
	struct client_sets *s = arg;

	s->waited = true;
	sets_look(s);
}

/* The newest set has failed, or something newer takes its place. */
static void sets_drop_rising(struct client_sets *s, enum client_reload result, const char *why)
{
	loop_timer_stop(&s->all);
	s->rising = NULL;
	s->events->renewed(s->arg, result, why);
}

/* --- Events of the pools --- */

static struct client_place place_of(const struct set *set, unsigned index)
{
	const struct pool_slot_state *slot = &pool_state(set->pool)->slot[index];

	return (struct client_place){set->connector, index, slot->edge, slot->location};
}

static void set_on_request(
	void *arg, struct exchange *x, const struct exchange_head *head, bool end, unsigned index)
{
	struct set *set = arg;
	struct client_place at = place_of(set, index);

	set->sets->events->request(set->sets->arg, x, head, end, &at);
}

static void set_on_registered(void *arg, unsigned index, const char *edge, struct span location)
{
	struct set *set = arg;
	struct client_place at = place_of(set, index);

	(void)edge;
	(void)location;
	set->sets->events->registered(set->sets->arg, &at);
	if (set == set->sets->rising)
		sets_look(set->sets);
}

static void set_on_lost(void *arg, unsigned index, const char *edge, const char *why)
{
	struct set *set = arg;
	struct client_place at = place_of(set, index);

	(void)edge;
	set->sets->events->lost(set->sets->arg, &at, why, set->is_leaving);
}

static void set_on_called(void *arg, enum rpc_method method, uint64_t took_us, bool answered)
{
	struct set *set = arg;

	set->sets->events->called(set->sets->arg, method, took_us, answered);
}

static void set_on_unauthorized(void *arg)
{
	struct set *set = arg;
	struct client_sets *s = set->sets;

	if (set == s->serving && s->rising == NULL && !s->stopping)
		s->events->unauthorized(s->arg);
}

static bool sets_are_over(const struct client_sets *s)
{
	return s->serving == NULL && s->rising == NULL && list_empty(&s->leaving);
}

static void set_on_stopped(void *arg)
{
	struct set *set = arg;
	struct client_sets *s = set->sets;

	set_bury(set);
	if (s->stopping && sets_are_over(s))
		s->events->over(s->arg, NULL);
}

static void set_on_refused(void *arg, const char *why)
{
	struct set *set = arg;
	struct client_sets *s = set->sets;

	if (set == s->rising) {
		sets_drop_rising(s, CLIENT_RELOAD_REFUSED, why);
		set_bury(set);
	} else if (set == s->serving && s->rising != NULL) {
		/* The first set of all, and its file has changed since: the other may do better. */
		s->serving = NULL;
		set_bury(set);
		sets_take_over(s);
	} else if (set == s->serving) {
		/* Nothing is left. The reason is in the pool. */
		s->serving = NULL;
		s->events->over(s->arg, why);
		set_bury(set);
	} else {
		set_on_stopped(set);
	}
}

static const struct pool_events set_events = {.request = set_on_request,
	.registered = set_on_registered,
	.lost = set_on_lost,
	.called = set_on_called,
	.unauthorized = set_on_unauthorized,
	.refused = set_on_refused,
	.stopped = set_on_stopped};

/* --- Life --- */

static struct set *set_start(struct client_sets *s, const struct cred *cred, unsigned refusals_max)
{
	struct set *set = mem_alloc(sizeof(*set));

	set->sets = s;
	cred_copy(&set->cred, cred);
	set->conf = (struct pool_conf){.cred = &set->cred,
		.edges = s->conf->edges,
		.connections = s->conf->connections,
		.tls = s->conf->tls,
		.server_name = s->conf->server_name,
		.config = s->conf->config,
		.grace_ms = s->conf->grace_ms,
		.refusals_max = refusals_max};
	uuid_random(&set->conf.connector_id);
	uuid_print(&set->conf.connector_id, set->connector);
	set->pool = pool_start(s->worker, &set->conf, &set_events, set);
	return set;
}

struct client_sets *client_sets_start(struct worker *w, const struct client_sets_conf *conf,
	const struct client_sets_events *events, void *arg)
{
	struct client_sets *s = mem_alloc(sizeof(*s));

	s->worker = w;
	s->conf = conf;
	s->events = events;
	s->arg = arg;
	list_init(&s->leaving);
	loop_timer_init(&s->all, w->loop, sets_on_waited, s);
	s->serving = set_start(s, conf->cred, 0);
	return s;
}

bool client_sets_renew(struct client_sets *s, const struct cred *cred, enum client_reload *result)
{
	struct set *rising = s->rising;

	*result = CLIENT_RELOAD_UNCHANGED;
	if (s->stopping || s->serving == NULL || (rising != NULL && cred_same(&rising->cred, cred)))
		return false;
	if (!uuid_eq(&s->serving->cred.tunnel_id, &cred->tunnel_id)) {
		*result = CLIENT_RELOAD_OTHER_TUNNEL;
		return false;
	}
	if (rising != NULL) {
		sets_drop_rising(s, CLIENT_RELOAD_SUPERSEDED, NULL);
		set_leave(rising);
	}
	if (cred_same(&s->serving->cred, cred))
		return false;
	s->waited = false;
	s->rising = set_start(s, cred, CLIENT_SETS_REFUSALS);
	loop_timer_start(&s->all, CLIENT_SETS_ALL_MS);
	log_line(s->worker->log, LOG_INFO, "new credentials tried", "connector=%s beside=%s",
		s->rising->connector, s->serving->connector);
	return true;
}

void client_sets_read(const struct client_sets *s, struct client_sets_state *out)
{
	const struct set *live[] = {s->serving, s->rising};

	*out = (struct client_sets_state){.newest = &s->none, .connector = "", .counts = s->gone};
	list_for_each (n, &s->leaving) {
		const struct set *set = list_entry(n, struct set, node);
		counts_add(&out->counts, &pool_state(set->pool)->counts);
		if (s->stopping) {
			out->newest = pool_state(set->pool);
			out->connector = set->connector;
		}
	}
	for (size_t i = 0; i < 2; i++) {
		const struct pool_state *state = live[i] != NULL ? pool_state(live[i]->pool) : NULL;
		if (state == NULL)
			continue;
		out->ready += state->ready;
		counts_add(&out->counts, &state->counts);
		if (i == 0 || state->ready > 0) {
			out->newest = state;
			out->connector = live[i]->connector;
		}
	}
}

void client_sets_stop(struct client_sets *s)
{
	if (s->stopping) {
		list_for_each (n, &s->leaving)
			pool_stop(list_entry(n, struct set, node)->pool);
		return;
	}
	s->stopping = true;
	loop_timer_stop(&s->all);
	struct set *live[] = {s->serving, s->rising};
	s->serving = s->rising = NULL;
	for (size_t i = 0; i < 2; i++)
		if (live[i] != NULL)
			set_leave(live[i]);
}

void client_sets_free(struct client_sets *s)
{
	if (s == NULL)
		return;
	loop_timer_fini(&s->all);
	set_free(s->serving);
	set_free(s->rising);
	list_for_each_safe (n, &s->leaving)
		set_free(list_entry(n, struct set, node));
	free(s);
}
