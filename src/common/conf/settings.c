/* The flags that may stand in the file, of cloudflared 2025.5.0, and their types. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/settings.h"

struct flag {
	const char *name;
	enum settings_type type;
	bool run_only; /* known to `tunnel run` alone */
};

static const struct flag flags[] = {
	{"metrics", SETTINGS_TEXT, false},
	{"credentials-file", SETTINGS_TEXT, false},
	{"origincert", SETTINGS_TEXT, false},
	{"pidfile", SETTINGS_TEXT, false},
	{"url", SETTINGS_TEXT, false},
	{"unix-socket", SETTINGS_TEXT, false},
	{"hostname", SETTINGS_TEXT, false},
	{"id", SETTINGS_TEXT, false},
	{"name", SETTINGS_TEXT, false},
	{"lb-pool", SETTINGS_TEXT, false},
	{"region", SETTINGS_TEXT, false},
	{"edge-ip-version", SETTINGS_TEXT, false},
	{"edge-bind-address", SETTINGS_TEXT, false},
	{"cacert", SETTINGS_TEXT, false},
	{"protocol", SETTINGS_TEXT, false},
	{"label", SETTINGS_TEXT, false},
	{"loglevel", SETTINGS_TEXT, false},
	{"transport-loglevel", SETTINGS_TEXT, false},
	{"logfile", SETTINGS_TEXT, false},
	{"log-directory", SETTINGS_TEXT, false},
	{"trace-output", SETTINGS_TEXT, false},
	{"http-host-header", SETTINGS_TEXT, false},
	{"origin-server-name", SETTINGS_TEXT, false},
	{"origin-ca-pool", SETTINGS_TEXT, false},
	{"proxy-address", SETTINGS_TEXT, false},
	{"management-hostname", SETTINGS_TEXT, false},
	{"service-op-ip", SETTINGS_TEXT, false},
	{"api-url", SETTINGS_TEXT, false},
	{"api-key", SETTINGS_TEXT, false},
	{"api-email", SETTINGS_TEXT, false},
	{"api-ca-key", SETTINGS_TEXT, false},
	{"quick-service", SETTINGS_TEXT, false},
	{"proxy-dns-address", SETTINGS_TEXT, false},
	{"local-ssh-port", SETTINGS_TEXT, false},
	{"bucket-name", SETTINGS_TEXT, false},
	{"region-name", SETTINGS_TEXT, false},
	{"secret-id", SETTINGS_TEXT, false},
	{"access-key-id", SETTINGS_TEXT, false},
	{"session-token", SETTINGS_TEXT, false},
	{"s3-url-host", SETTINGS_TEXT, false},
	{"host-key-path", SETTINGS_TEXT, false},
	{"no-autoupdate", SETTINGS_BOOL, false},
	{"hello-world", SETTINGS_BOOL, false},
	{"socks5", SETTINGS_BOOL, false},
	{"bastion", SETTINGS_BOOL, false},
	{"ssh-server", SETTINGS_BOOL, false},
	{"no-tls-verify", SETTINGS_BOOL, false},
	{"no-chunked-encoding", SETTINGS_BOOL, false},
	{"http2-origin", SETTINGS_BOOL, false},
	{"proxy-no-happy-eyeballs", SETTINGS_BOOL, false},
	{"proxy-dns", SETTINGS_BOOL, false},
	{"post-quantum", SETTINGS_BOOL, false},
	{"management-diagnostics", SETTINGS_BOOL, false},
	{"stdin-control", SETTINGS_BOOL, false},
	{"use-reconnect-token", SETTINGS_BOOL, false},
	{"is-autoupdated", SETTINGS_BOOL, false},
	{"ui", SETTINGS_BOOL, false},
	{"quic-disable-pmtu-discovery", SETTINGS_BOOL, false},
	{"retries", SETTINGS_INT, false},
	{"ha-connections", SETTINGS_INT, false},
	{"max-edge-addr-retries", SETTINGS_INT, false},
	{"max-fetch-size", SETTINGS_INT, false},
	{"heartbeat-count", SETTINGS_INT, false},
	{"compression-quality", SETTINGS_INT, false},
	{"proxy-port", SETTINGS_INT, false},
	{"proxy-keepalive-connections", SETTINGS_INT, false},
	{"proxy-dns-port", SETTINGS_INT, false},
	{"proxy-dns-max-upstream-conns", SETTINGS_INT, false},
	{"quic-connection-level-flow-control-limit", SETTINGS_INT, false},
	{"quic-stream-level-flow-control-limit", SETTINGS_INT, false},
	{"grace-period", SETTINGS_DURATION, false},
	{"autoupdate-freq", SETTINGS_DURATION, false},
	{"metrics-update-freq", SETTINGS_DURATION, false},
	{"heartbeat-interval", SETTINGS_DURATION, false},
	{"dial-edge-timeout", SETTINGS_DURATION, false},
	{"proxy-connect-timeout", SETTINGS_DURATION, false},
	{"proxy-tls-timeout", SETTINGS_DURATION, false},
	{"proxy-tcp-keepalive", SETTINGS_DURATION, false},
	{"proxy-keepalive-timeout", SETTINGS_DURATION, false},
	{"proxy-connection-timeout", SETTINGS_DURATION, false},
	{"proxy-expect-continue-timeout", SETTINGS_DURATION, false},
	{"ssh-idle-timeout", SETTINGS_DURATION, false},
	{"ssh-max-timeout", SETTINGS_DURATION, false},
	{"rpc-timeout", SETTINGS_DURATION, false},
	{"write-stream-timeout", SETTINGS_DURATION, false},
	{"tag", SETTINGS_LIST, false},
	{"edge", SETTINGS_LIST, false},
	{"proxy-dns-upstream", SETTINGS_LIST, false},
	{"proxy-dns-bootstrap", SETTINGS_LIST, false},
	{"token", SETTINGS_TEXT, true},
	{"token-file", SETTINGS_TEXT, true},
	{"credentials-contents", SETTINGS_TEXT, true},
	{"features", SETTINGS_LIST, true},
	{"icmpv4-src", SETTINGS_TEXT, true},
	{"icmpv6-src", SETTINGS_TEXT, true},
	{"max-active-flows", SETTINGS_INT, true},
};

static const struct flag *find_flag(struct span name)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (span_eq(name, span_str(flags[i].name)))
			return &flags[i];
	return NULL;
}

const char *settings_name(size_t i)
{
	return i < sizeof(flags) / sizeof(flags[0]) ? flags[i].name : NULL;
}

const char *settings_needed(enum settings_type type)
{
	switch (type) {
	case SETTINGS_TEXT: return "a text (a number needs quotes)";
	case SETTINGS_BOOL: return "true or false";
	case SETTINGS_INT: return "a whole number without quotes";
	case SETTINGS_DURATION: return "a duration with its unit, such as 30s or 1h30m";
	case SETTINGS_LIST: return "a list of texts";
	}
	abort();
}

static bool fits(enum settings_type type, const struct yaml_node *n, const struct yaml_value *v)
{
	int64_t ns;

	switch (type) {
	case SETTINGS_TEXT:
	case SETTINGS_LIST: return yaml_is_text(v);
	case SETTINGS_BOOL: return v->tag == YAML_TAG_BOOL;
	case SETTINGS_INT: return v->tag == YAML_TAG_INT && v->is_signed;
	case SETTINGS_DURATION: return yaml_as_duration(n, v, &ns);
	}
	abort();
}

/* Append the value of a scalar: as written, but for numbers and booleans, of which YAML has more spellings than a command
 * line. */
static bool add_value(struct setting *s, const struct yaml_node *node)
{
	const struct yaml_node *n = yaml_resolve(node);
	struct yaml_value v;
	struct err err;
	size_t len;

	if (n->kind != YAML_SCALAR || yaml_scalar_value(n, &v, &err) < 0 || !fits(s->type, n, &v))
		return false;
	s->values = mem_grow(s->values, s->count + 1, sizeof(*s->values));
	if (s->type == SETTINGS_BOOL)
		s->values[s->count] = mem_strdup(v.boolean ? "true" : "false");
	else if (s->type == SETTINGS_INT)
		s->values[s->count] = mem_printf("%lld", (long long)v.integer);
	else
		s->values[s->count] = yaml_as_text(n, &v, &len);
	return s->values[s->count++] != NULL;
}

static bool add_values(struct setting *s, const struct yaml_node *value)
{
	const struct yaml_node *n = yaml_resolve(value);

	if (s->type != SETTINGS_LIST)
		return add_value(s, value);
	if (n->kind != YAML_SEQUENCE)
		return false;
	for (const struct yaml_node *item = n->first; item != NULL; item = item->next) {
		if (!add_value(s, item)) {
			s->at = item->start;
			return false;
		}
	}
	return true;
}

bool settings_add(struct settings *s, struct span name, const struct yaml_node *value, struct yaml_mark *at,
	struct err *err)
{
	const struct flag *flag = find_flag(name);

	if (flag == NULL)
		return true;
	s->items = mem_grow(s->items, s->count + 1, sizeof(*s->items));
	struct setting *item = &s->items[s->count++];
	*item = (struct setting){.name = flag->name, .type = flag->type, .at = value->start};
	item->misfit = !add_values(item, value);
	if (!item->misfit || flag->run_only)
		return true;
	*at = item->at;
	err_set(err, "%s: needs %s", flag->name, settings_needed(flag->type));
	return false;
}

const struct setting *settings_find(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].name, name) == 0)
			return &s->items[i];
	return NULL;
}

void settings_free(struct settings *s)
{
	for (size_t i = 0; i < s->count; i++) {
		for (size_t j = 0; j < s->items[i].count; j++)
			free(s->items[i].values[j]);
		free(s->items[i].values);
	}
	free(s->items);
	*s = (struct settings){0};
}
