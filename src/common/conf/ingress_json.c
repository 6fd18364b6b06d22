/* cloudflared's JSON of a configuration, by jansson. */
#include <jansson.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/conf/ingress_json.h"
#include "common/conf/ingress_private.h"

/* Building one object of originRequest. */
struct writer {
	json_t *object;
	const struct ingress_options *defaults; /* what equals these is left out; NULL writes all */
};

static json_t *seconds(int64_t ns)
{
	if (ns % DURATION_S == 0)
		return json_integer(ns / DURATION_S);
	return json_real((double)ns / (double)DURATION_S);
}

static void set(struct writer *w, enum ingress_key key, json_t *value)
{
	json_object_set_new(w->object, ingress_key_name(key), value);
}

static void set_duration(struct writer *w, enum ingress_key key, int64_t ns, int64_t usual)
{
	if (w->defaults == NULL || ns != usual)
		set(w, key, seconds(ns));
}

static void set_bool(struct writer *w, enum ingress_key key, bool value)
{
	if (w->defaults == NULL || value)
		set(w, key, json_boolean(value));
}

static void set_text(struct writer *w, enum ingress_key key, const char *text, const char *usual)
{
	if (w->defaults == NULL || strcmp(text, usual) != 0)
		set(w, key, json_string(text));
}

static json_t *texts(char *const *items, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(items[i]));
	return list;
}

static void set_ip_rules(struct writer *w, const struct ingress_options *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->ip_rule_count; i++) {
		const struct ingress_ip_rule *rule = &o->ip_rules[i];
		json_t *ports = json_array();
		for (size_t j = 0; j < rule->port_count; j++)
			json_array_append_new(ports, json_integer(rule->ports[j]));
		json_array_append_new(list, json_pack("{s:s?, s:o, s:b}", "prefix", rule->prefix, "ports",
						    ports, "allow", rule->allow));
	}
	if (w->defaults == NULL || o->ip_rule_count > 0)
		set(w, INGRESS_IP_RULES, list);
	else
		json_decref(list);
}

static void set_access(struct writer *w, const struct ingress_access *a)
{
	json_t *access = json_object();

	if (w->defaults != NULL && !a->required) {
		json_decref(access);
		return;
	}
	if (a->required)
		json_object_set_new(access, "required", json_true());
	json_object_set_new(access, "teamName", json_string(a->team_name != NULL ? a->team_name : ""));
	json_object_set_new(access, "audTag", texts(a->aud_tags, a->aud_count));
	set(w, INGRESS_ACCESS, access);
}

static json_t *options_json(const struct ingress_options *o, const struct ingress_options *defaults)
{
	static const struct ingress_options none;
	const struct ingress_options *d = defaults != NULL ? defaults : &none;
	struct writer w = {json_object(), defaults};

	set_duration(&w, INGRESS_CONNECT_TIMEOUT, o->connect_timeout_ns, d->connect_timeout_ns);
	set_duration(&w, INGRESS_TLS_TIMEOUT, o->tls_timeout_ns, d->tls_timeout_ns);
	set_duration(&w, INGRESS_TCP_KEEP_ALIVE, o->tcp_keep_alive_ns, d->tcp_keep_alive_ns);
	set_bool(&w, INGRESS_NO_HAPPY_EYEBALLS, o->no_happy_eyeballs);
	if (defaults == NULL || o->keep_alive_connections != d->keep_alive_connections)
		set(&w, INGRESS_KEEP_ALIVE_CONNECTIONS, json_integer(o->keep_alive_connections));
	set_duration(&w, INGRESS_KEEP_ALIVE_TIMEOUT, o->keep_alive_timeout_ns, d->keep_alive_timeout_ns);
	set_text(&w, INGRESS_HTTP_HOST_HEADER, o->http_host_header, d->http_host_header);
	set_text(&w, INGRESS_ORIGIN_SERVER_NAME, o->origin_server_name, d->origin_server_name);
	set_bool(&w, INGRESS_MATCH_SNI_TO_HOST, o->match_sni_to_host);
	set_text(&w, INGRESS_CA_POOL, o->ca_pool, d->ca_pool);
	set_bool(&w, INGRESS_NO_TLS_VERIFY, o->no_tls_verify);
	set_bool(&w, INGRESS_DISABLE_CHUNKED_ENCODING, o->disable_chunked_encoding);
	set_bool(&w, INGRESS_BASTION_MODE, o->bastion_mode);
	set_text(&w, INGRESS_PROXY_ADDRESS, o->proxy_address, d->proxy_address);
	if (defaults == NULL || o->proxy_port != 0)
		set(&w, INGRESS_PROXY_PORT, json_integer((json_int_t)o->proxy_port));
	set_text(&w, INGRESS_PROXY_TYPE, o->proxy_type, d->proxy_type);
	set_ip_rules(&w, o);
	set_bool(&w, INGRESS_HTTP2_ORIGIN, o->http2_origin);
	set_access(&w, &o->access);
	return w.object;
}

/* One rule; whole: with empty texts, and every key of originRequest. */
static json_t *rule_json(const struct ingress_rule *r, const struct ingress_options *defaults)
{
	bool whole = defaults == NULL;
	json_t *rule = json_object();

	if (whole || r->hostname[0] != '\0')
		json_object_set_new(rule, "hostname", json_string(r->hostname));
	if (r->path[0] != '\0')
		json_object_set_new(rule, "path", json_string(r->path));
	else if (whole)
		json_object_set_new(rule, "path", json_null());
	json_object_set_new(rule, "service", json_string(r->service.text));
	if (whole)
		json_object_set_new(rule, "Handlers", json_null());
	json_object_set_new(rule, "originRequest", options_json(&r->options, defaults));
	return rule;
}

static json_t *rules_json(const struct ingress *in, const struct ingress_options *defaults)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ingress_count(in); i++)
		json_array_append_new(list, rule_json(ingress_rule(in, i), defaults));
	return list;
}

static json_t *warp_json(const struct ingress_warp *warp)
{
	json_t *object = json_object();

	if (warp == NULL)
		return object;
	if (warp->connect_timeout_ns != INGRESS_WARP_CONNECT_NS)
		json_object_set_new(object, "connectTimeout", seconds(warp->connect_timeout_ns));
	if (warp->max_active_flows != 0)
		json_object_set_new(
			object, "maxActiveFlows", json_integer((json_int_t)warp->max_active_flows));
	if (warp->tcp_keep_alive_ns != INGRESS_WARP_KEEP_ALIVE_NS)
		json_object_set_new(object, "tcpKeepAlive", seconds(warp->tcp_keep_alive_ns));
	return object;
}

static int print(json_t *object, struct buf *out)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	int rc = text != NULL ? buf_add_str(out, text) : -1;

	free(text);
	json_decref(object);
	return rc;
}

int ingress_json_local(const struct ingress *in, const struct ingress_warp *warp,
	const struct ingress_flag *flags, size_t flag_count, struct buf *out)
{
	struct ingress_options defaults;
	json_t *object = json_object(), *given = json_object();

	ingress_options_default(&defaults);
	for (size_t i = 0; i < flag_count; i++)
		json_object_set_new(given, flags[i].name, json_string(flags[i].value));
	if (flag_count > 0)
		json_object_set(object, "__configuration_flags", given);
	json_decref(given);
	json_object_set_new(object, "ingress", rules_json(in, &defaults));
	json_object_set_new(object, "warp-routing", warp_json(warp));
	ingress_options_free(&defaults);
	return print(object, out);
}

int ingress_json_view(
	const struct ingress *in, const struct ingress_warp *warp, int32_t version, struct buf *out)
{
	return print(json_pack("{s:i, s:{s:o, s:o, s:o}}", "version", (int)version, "config", "ingress",
			     rules_json(in, NULL), "warp-routing", warp_json(warp), "originRequest",
			     options_json(ingress_global(in), NULL)),
		out);
}
