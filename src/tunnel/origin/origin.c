/* From a tunnel request to the service that its rule names. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/h2/cfheader.h"
#include "tunnel/origin/able.h"
#include "tunnel/origin/h1.h"
#include "tunnel/origin/h2up.h"
#include "tunnel/origin/hello.h"
#include "tunnel/origin/newrules.h"
#include "tunnel/origin/origin.h"
#include "tunnel/origin/proxy.h"
#include "tunnel/origin/ruleset.h"

static const double duration_bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
static const double connect_bounds[] = {1, 10, 25, 50, 100, 500, 1000, 5000};

struct origin {
	struct worker *worker;
	struct ruleset *rules;
	int32_t version; /* of those, if the edge sent them */
	struct list retired;
	size_t retired_count;
	struct origin_metrics metrics;
	/* Scratch for one head at a time. */
	struct fields fields;
	struct buf path, host;
};

struct origin *origin_new(
	struct worker *w, const struct ingress *ingress, const struct ingress_warp *warp, struct err *err)
{
	struct origin *o = mem_alloc(sizeof(*o));

	o->worker = w;
	o->version = INGRESS_REMOTE_NONE;
	list_init(&o->retired);
	o->metrics.duration = METRICS_HISTOGRAM(duration_bounds);
	o->metrics.connect_ms = METRICS_HISTOGRAM(connect_bounds);
	o->rules = ruleset_new(w, &o->metrics, ingress, warp, err);
	if (o->rules == NULL) {
		origin_free(o);
		return NULL;
	}
	return o;
}

void origin_free(struct origin *o)
{
	if (o == NULL)
		return;
	list_for_each_safe (n, &o->retired)
		ruleset_free(list_entry(n, struct ruleset, node));
	ruleset_free(o->rules);
	header_free(&o->fields);
	buf_free(&o->path);
	buf_free(&o->host);
	free(o);
}

/* --- Rules that the edge sends --- */

static int origin_replace(struct origin *o, struct ingress_remote *remote, struct err *err)
{
	struct yaml_mark at;

	if (o->retired_count >= ORIGIN_RETIRED_MAX)
		return err_set(err, "%zu earlier configurations are still in use", o->retired_count);
	if (able_check(remote->ingress, &at, err) < 0)
		return -1;
	struct ruleset *rules = ruleset_new(o->worker, &o->metrics, remote->ingress, &remote->warp, err);
	if (rules == NULL)
		return -1;
	rules->owned = remote->ingress;
	remote->ingress = NULL;
	ruleset_retire(o->rules, &o->retired, &o->retired_count);
	o->rules = rules;
	o->version = remote->version;
	return 0;
}

int origin_configure(struct origin *o, struct span json, struct buf *answer)
{
	struct ingress_remote remote;
	struct err err;
	const char *why = NULL;
	enum ingress_remote_result result = ingress_remote_parse(json, &remote, &err);

	if (result == INGRESS_REMOTE_NO_JSON) {
		log_line(o->worker->log, LOG_WARN, "configuration not understood", "error=\"%s\"", err.text);
		return -1;
	}
	/* An older one may come late, and the newest once for each connection. */
	if (remote.version > o->version) {
		if (result != INGRESS_REMOTE_OK || origin_replace(o, &remote, &err) < 0)
			why = err.text;
		if (why != NULL)
			log_line(o->worker->log, LOG_ERROR, "configuration refused, the rules are kept",
				"version=%d in_use=%d error=\"%s\"", (int)remote.version, (int)o->version,
				err.text);
		else
			log_line(o->worker->log, LOG_INFO, "configuration applied", "version=%d rules=%zu",
				(int)o->version, ingress_count(o->rules->ingress));
	}
	ingress_remote_free(&remote);
	return ingress_remote_answer(o->version, why, answer);
}

void origin_rules(const struct origin *o, struct origin_rules *out)
{
	*out = (struct origin_rules){o->version, o->rules->ingress, &o->rules->warp};
}

const struct origin_metrics *origin_metrics(const struct origin *o)
{
	return &o->metrics;
}

/* --- Choosing the rule --- */

/* The path percent-decoded, without query. An escape that is none stays as it is. */
static struct span origin_decode_path(struct origin *o, struct span target)
{
	struct span query, raw = span_cut(target, '?', &query);

	buf_clear(&o->path);
	char *to = buf_reserve(&o->path, raw.len);
	size_t n = 0;
	for (size_t i = 0; i < raw.len; i++) {
		int high = raw.p[i] == '%' && i + 2 < raw.len ? span_hex_digit(raw.p[i + 1]) : -1;
		int low = high >= 0 ? span_hex_digit(raw.p[i + 2]) : -1;
		if (low < 0) {
			to[n++] = raw.p[i];
			continue;
		}
		to[n++] = (char)(high << 4 | low);
		i += 2;
	}
	buf_commit(&o->path, n);
	return buf_span(&o->path);
}

static struct service *origin_service(struct origin *o, const struct exchange_head *head)
{
	struct ruleset *r = o->rules;

	if (r->count == 1)
		return &r->services[0];
	return &r->services[ingress_match(r->matcher, head->authority, origin_decode_path(o, head->path))];
}

/* --- The request for the service --- */

/* What the tunnel adds is dropped, what cloudflared adds for the service is added. */
static void origin_build_fields(struct origin *o, const struct exchange_head *head,
	const struct ingress_rule *rule, const char *connector)
{
	const char *host = rule->options.http_host_header;
	bool replaces_host = host[0] != '\0' && rule->service.kind != INGRESS_UNIX;

	header_clear(&o->fields);
	for (size_t i = 0; i < head->fields->count; i++) {
		struct span name = head->fields->at[i].name;
		/* te and trailer concern connections, and host is in the authority. */
		if (!span_eq(name, CFHEADER_UPGRADE) && !header_is_hop_by_hop(name) &&
			!span_eq(name, SPAN("host")) &&
			!(replaces_host && span_eq(name, SPAN("x-forwarded-host"))))
			header_add(&o->fields, name, head->fields->at[i].value);
	}
	header_add(&o->fields, SPAN("cf-warp-tag-id"), span_str(connector));
	if (replaces_host)
		header_add(&o->fields, SPAN("x-forwarded-host"), head->authority);
}

static void origin_build_request(struct origin *o, const struct exchange_head *head, bool end, bool websocket,
	const struct ingress_rule *rule, const struct origin_via *via, struct proxy_request *r)
{
	const char *host = rule->options.http_host_header;
	struct span length = header_value(head->fields, SPAN("content-length"));

	origin_build_fields(o, head, rule, via->connector);
	*r = (struct proxy_request){.method = websocket ? SPAN("GET") : head->method,
		.path = head->path,
		.authority = host[0] != '\0' && rule->service.kind != INGRESS_UNIX ? span_str(host)
										   : head->authority,
		.fields = &o->fields,
		.no_body = end && !websocket,
		.websocket = websocket,
		.via = *via};
	r->length_known = !websocket && length.p != NULL && span_to_u64(length, INT64_MAX, &r->length);
	if (websocket)
		r->no_body = true;
}

/* --- Answers without a service --- */

/* What is asked of us and not done here. */
static void origin_refuse(struct origin *o, struct exchange *x, const char *what)
{
	struct field meta = {CFHEADER_META, CFHEADER_FROM_CONNECTOR};
	struct fields fields = {.at = &meta, .count = 1, .cap = 1};

	log_line(o->worker->log, LOG_WARN, "request refused", "kind=\"%s\"", what);
	o->metrics.requests++;
	o->metrics.errors++;
	o->metrics.by_code[502]++;
	exchange_respond(x, 502, &fields, true);
	exchange_release(x);
}

static void origin_status(struct proxy *p, int status)
{
	struct fields none = {0};

	if (status < 200)
		proxy_fail(p, "http_status: a 1xx status is no answer");
	else if (proxy_head(p, status, &none, true))
		proxy_end(p, NULL);
}

void origin_request(struct origin *o, struct exchange *x, const struct exchange_head *head, bool end,
	const struct origin_via *via)
{
	struct span upgrade = header_value(head->fields, CFHEADER_UPGRADE);
	bool websocket = span_eq(upgrade, CFHEADER_WEBSOCKET);
	struct proxy_request r;

	if (span_eq(upgrade, CFHEADER_CONFIGURE)) {
		newrules_start(o, x, end);
		return;
	}
	if (!websocket && header_value(head->fields, CFHEADER_TCP_SOURCE).len > 0) {
		origin_refuse(o, x, "TCP stream");
		return;
	}
	struct service *s = origin_service(o, head);
	origin_build_request(o, head, end, websocket, s->rule, via, &r);
	struct proxy *p = proxy_new(o->worker, &o->metrics, &o->rules->hold, x, end);
	switch (s->rule->service.kind) {
	case INGRESS_HTTP:
	case INGRESS_UNIX:
		if (s->tls_h2 != NULL && !s->only_h1 && !websocket)
			h2up_start(s, p, &r);
		else
			h1_start(s, p, &r);
		break;
	case INGRESS_STATUS: origin_status(p, s->rule->service.status); break;
	case INGRESS_HELLO_WORLD: hello_start(o->worker, p, &r); break;
	case INGRESS_TCP:
	case INGRESS_SOCKS_PROXY:
	case INGRESS_BASTION: proxy_fail(p, "service kind not supported"); break;
	}
}
