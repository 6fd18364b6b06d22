/* Running the probe over a target's hops. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/confload.h"
#include "wscat/measure.h"
#include "wscat/probe.h"
#include "wscat/target.h"

int probe_add(struct probe *p, struct hop *h, bool to_measure, struct err *err)
{
	const char *why = p->count == PROBE_HOPS_MAX ? "too many hops" : NULL;

	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->hops[i]->name, h->name) == 0)
			why = "the name is taken";
	if (why != NULL) {
		err_set(err, "hop %s: %s", h->name, why);
		hop_free(h);
		return -1;
	}
	p->measured[p->count] = to_measure;
	p->hops[p->count++] = h;
	return 0;
}

/* --- Configurations --- */

static struct hop *find_hop(const struct probe *p, struct span name, size_t *at)
{
	for (*at = 0; *at < p->count; (*at)++)
		if (span_eq(span_str(p->hops[*at]->name), name))
			return p->hops[*at];
	return NULL;
}

bool probe_has(const struct probe *p, struct span name)
{
	size_t at;

	return find_hop(p, name, &at) != NULL;
}

static int read_config(struct probe *p, size_t at, const char *file, const char *host, struct err *err)
{
	struct hop *h = p->hops[at], *inner = at + 1 < p->count ? p->hops[at + 1] : NULL;
	struct confload load = {0};
	struct target own, next = {0};
	char *path = NULL, *authority = NULL;
	int rc = -1;

	if (h->url == NULL || target_parse(h->url, &own, err) < 0)
		return err_set(err, "--config %s: the hop has no URL", h->name);
	path = mem_spandup(span_of(own.path, strcspn(own.path, "?")));
	if (inner != NULL && inner->url != NULL && target_parse(inner->url, &next, err) == 0)
		authority = mem_printf("%s:%s", next.host, next.port);
	struct conf_question q = {
		.file = file,
		.lines = &load.lines,
		.host = host != NULL ? host : own.authority,
		.path = path,
		.port = own.port,
		.is_tls = own.is_tls,
		.next = authority,
		.next_is_tls = next.is_tls,
	};
	if (confload_read(&load, file, err) == 0) {
		json_decref(h->suspects);
		h->suspects = conf_read(buf_span(&load.text), &q, &h->product);
		rc = h->suspects != NULL
			     ? 0
			     : err_set(err, "%s: no configuration of Apache, nginx, HAProxy or Caddy", file);
	}
	target_free(&own);
	target_free(&next);
	free(path);
	free(authority);
	confload_free(&load);
	return rc;
}

static int read_configs(struct probe *p, const struct opt_list *configs, const char *host, struct err *err)
{
	for (size_t i = 0; i < configs->count; i++) {
		struct span file, name = span_cut(span_str(configs->items[i]), '=', &file);
		size_t at;
		if (file.p == NULL)
			return err_set(err, "--config \"%s\" is not HOP=FILE", configs->items[i]);
		if (find_hop(p, name, &at) == NULL)
			return err_set(err, "--config \"%s\": there is no such hop", configs->items[i]);
		if (read_config(p, at, file.p, host, err) < 0)
			return -1;
	}
	return 0;
}

/* --- Running --- */

int probe_run(struct probe *p, const struct probe_conf *conf, struct env *env, struct err *err)
{
	struct target front = {0};
	uint64_t from = loop_clock_us();
	struct measure_conf m = {
		.env = env,
		.origin = conf->client.origin,
		.echo = conf->echo,
		.deep = conf->deep,
		.timeout_ms = (uint64_t)(conf->client.timeout_ns / DURATION_MS),
		.idle_ms = (uint64_t)(conf->idle_ns / DURATION_MS),
		.soak_ms = (uint64_t)(conf->soak_ns / DURATION_MS),
		.frame_bound = conf->frame_bound,
	};
	int rc = 0;

	/* All hops serve the first one's name, unless --host says another. */
	if (p->count > 0 && p->hops[0]->url != NULL && target_parse(p->hops[0]->url, &front, err) < 0)
		return -1;
	m.host = conf->client.host != NULL ? conf->client.host : front.authority;
	m.is_front_tls = front.is_tls;
	for (size_t i = 0; i < p->count && rc == 0; i++)
		if (p->measured[i])
			rc = measure_hop(&m, p->hops[i], err);
	if (rc == 0 && m.idle_ms > 0)
		measure_idle(&m, p->hops, p->count);
	if (rc == 0)
		rc = read_configs(p, &conf->configs, m.host, err);
	if (rc == 0)
		verdict_reach(p->hops, p->count, &p->verdict);
	target_free(&front);
	p->took_us = loop_clock_us() - from;
	return rc;
}

bool probe_is_fine(const struct probe *p)
{
	return !p->verdict.is_fault && p->regressions == NULL;
}

bool probe_is_unreachable(const struct probe *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->hops[i]->tcp_ms > 0 || p->hops[i]->address != NULL)
			return false;
	return true;
}

void probe_fini(struct probe *p)
{
	for (size_t i = 0; i < p->count; i++)
		hop_free(p->hops[i]);
	json_decref(p->record);
	free(p->regressions);
	*p = (struct probe){0};
}

/* --- Comparing with an earlier run --- */

static void add_regression(struct probe *p, const char *hop, const char *what)
{
	char *all = p->regressions != NULL ? mem_printf("%s; %s: %s", p->regressions, hop, what)
					   : mem_printf("%s: %s", hop, what);

	free(p->regressions);
	p->regressions = all;
}

/* Twice as slow and 20 ms more is a regression; less is weather. */
#define RTT_FACTOR 2
#define RTT_SLACK_MS 20

static void expect_hop(struct probe *p, const struct hop *before)
{
	size_t at;
	const struct hop *now = find_hop(p, span_str(before->name), &at);
	char text[128];

	if (now == NULL) {
		add_regression(p, before->name, "is gone");
		return;
	}
	if (hop_is_ok(before) && !hop_is_ok(now))
		add_regression(p, before->name, "worked, and does not");
	if (before->replies[ASK_UPGRADE].status != now->replies[ASK_UPGRADE].status) {
		snprintf(text, sizeof(text), "status was %d, is %d", before->replies[ASK_UPGRADE].status,
			now->replies[ASK_UPGRADE].status);
		add_regression(p, before->name, text);
	}
	if (before->granted && !now->granted)
		add_regression(p, before->name, "compressed, and does not");
	if (before->is_h2 != now->is_h2 || strcmp(before->tls_version != NULL ? before->tls_version : "",
						   now->tls_version != NULL ? now->tls_version : "") != 0)
		add_regression(p, before->name, "another protocol");
	if (before->pings > 0 && now->ping_median_ms > before->ping_median_ms * RTT_FACTOR + RTT_SLACK_MS) {
		snprintf(text, sizeof(text), "a ping took %.1f ms, takes %.1f ms", before->ping_median_ms,
			now->ping_median_ms);
		add_regression(p, before->name, text);
	}
}

void probe_expect(struct probe *p, const json_t *earlier)
{
	json_t *hops = json_object_get(json_object_get(earlier, "ws"), "hops"), *json;
	size_t i;

	json_array_foreach(hops, i, json)
	{
		struct hop *before = hop_from_json(json);
		if (before != NULL)
			expect_hop(p, before);
		hop_free(before);
	}
}

/* --- The record --- */

static json_t *text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static const char *blamed(const struct probe *p)
{
	if (p->verdict.hop == VERDICT_CLIENT)
		return "client";
	return p->verdict.hop >= 0 ? p->hops[p->verdict.hop]->name : NULL;
}

static json_t *verdict_json(const struct probe *p)
{
	const struct verdict *v = &p->verdict;
	json_t *candidates = json_array();

	for (size_t i = 0; i < v->candidate_count; i++)
		json_array_append_new(candidates, json_string(v->candidates[i]->id));
	json_t *out = json_pack("{s:o, s:o, s:o, s:{s:s, s:s}, s:o, s:o, s:o, s:o}", "hop",
		text_or_null(blamed(p)), "cause", text_or_null(v->cause != NULL ? v->cause->id : NULL),
		"candidates", candidates, "confidence", "hop", sure_name(v->hop_sure), "cause",
		sure_name(v->cause_sure), "what", text_or_null(v->what), "evidence",
		text_or_null(v->evidence), "where", text_or_null(v->where), "fix", text_or_null(v->fix));
	json_object_set_new(out, "fault", json_boolean(v->is_fault));
	if (p->regressions != NULL)
		json_object_set_new(out, "regressions", json_string(p->regressions));
	return out;
}

static const char *const ranks[] = {"ok", "info", "warn", "fail", "error"};

/* The worse of what the record says and what we say. */
static void raise_status(json_t *record, const char *ours)
{
	const char *theirs = json_string_value(json_object_get(record, "status"));
	size_t a = 0, b = 0;

	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		if (theirs != NULL && strcmp(theirs, ranks[i]) == 0)
			a = i;
		if (strcmp(ours, ranks[i]) == 0)
			b = i;
	}
	json_object_set_new(record, "status", json_string(ranks[a > b ? a : b]));
}

static void add_finding(struct probe *p)
{
	const struct verdict *v = &p->verdict;
	json_t *findings = json_object_get(p->record, "findings"), *old;
	size_t i;

	if (!json_is_array(findings)) {
		findings = json_array();
		json_object_set_new(p->record, "findings", findings);
	}
	/* Ours of an earlier run are replaced. */
	for (i = json_array_size(findings); i-- > 0;) {
		old = json_array_get(findings, i);
		const char *tool = json_string_value(json_object_get(old, "tool"));
		if (tool != NULL && strcmp(tool, "wscat") == 0)
			json_array_remove(findings, i);
	}
	if (v->hop == VERDICT_NOBODY)
		return;
	json_array_append_new(findings,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "id",
			v->cause != NULL ? v->cause->id : "WS-UNKNOWN", "severity",
			v->is_fault ? "error" : "info", "message",
			v->cause != NULL ? v->cause->title : v->what, "where", text_or_null(blamed(p)),
			"evidence", text_or_null(v->evidence), "fix", text_or_null(v->fix), "tool", "wscat"));
}

static void set_target(struct probe *p)
{
	json_t *target = json_object_get(p->record, "target"), *hops = json_array();

	if (!json_is_object(target)) {
		target = json_object();
		json_object_set_new(p->record, "target", target);
	}
	for (size_t i = 0; i < p->count; i++)
		json_array_append_new(hops, json_pack("{s:s, s:o}", "name", p->hops[i]->name, "url",
						    text_or_null(p->hops[i]->url)));
	if (p->count > 0 && p->hops[0]->url != NULL)
		json_object_set_new(target, "url", json_string(p->hops[0]->url));
	json_object_set_new(target, "hops", hops);
}

json_t *probe_record(struct probe *p)
{
	json_t *hops = json_array();
	const struct verdict *v = &p->verdict;
	const char *ours = v->is_fault || p->regressions != NULL ? "fail"
			   : v->hop == VERDICT_NOBODY            ? "ok"
								 : "info";

	if (p->record == NULL)
		p->record = out_record("probe", "wscat");
	json_object_set_new(p->record, "kind", json_string("probe"));
	json_object_set_new(p->record, "tool", json_string("wscat"));
	set_target(p);
	raise_status(p->record, probe_is_unreachable(p) ? "error" : ours);
	add_finding(p);
	json_object_set_new(p->record, "took_ms", json_integer((json_int_t)(p->took_us / 1000)));
	for (size_t i = 0; i < p->count; i++) {
		json_t *hop = hop_to_json(p->hops[i]), *found = json_array();
		if (v->hop == (int)i)
			json_array_append_new(
				found, json_string(v->cause != NULL ? v->cause->id : "WS-UNKNOWN"));
		json_object_set_new(hop, "findings", found);
		json_array_append_new(hops, hop);
	}
	json_object_set_new(
		p->record, "ws", json_pack("{s:o, s:o}", "verdict", verdict_json(p), "hops", hops));
	return p->record;
}
