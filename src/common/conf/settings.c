/* The flags that may stand in the file, and their types. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/settings.h"

struct flag {
	const char *name;
	enum settings_type type;
	bool run_only;     /* known to `tunnel run` alone */
	unsigned releases; /* that know it; 0: every one */
};

static const struct flag flags[] = {
	{"metrics", SETTINGS_TEXT, false, 0},
	{"credentials-file", SETTINGS_TEXT, false, 0},
	{"origincert", SETTINGS_TEXT, false, 0},
	{"pidfile", SETTINGS_TEXT, false, 0},
	{"url", SETTINGS_TEXT, false, 0},
	{"unix-socket", SETTINGS_TEXT, false, 0},
	{"hostname", SETTINGS_TEXT, false, 0},
	{"id", SETTINGS_TEXT, false, 0},
	{"name", SETTINGS_TEXT, false, 0},
	{"lb-pool", SETTINGS_TEXT, false, 0},
	{"region", SETTINGS_TEXT, false, 0},
	{"edge-ip-version", SETTINGS_TEXT, false, 0},
	{"edge-bind-address", SETTINGS_TEXT, false, 0},
	{"cacert", SETTINGS_TEXT, false, 0},
	{"protocol", SETTINGS_TEXT, false, 0},
	{"label", SETTINGS_TEXT, false, 0},
	{"loglevel", SETTINGS_TEXT, false, 0},
	{"transport-loglevel", SETTINGS_TEXT, false, 0},
	{"logfile", SETTINGS_TEXT, false, 0},
	{"log-directory", SETTINGS_TEXT, false, 0},
	{"trace-output", SETTINGS_TEXT, false, 0},
	{"http-host-header", SETTINGS_TEXT, false, 0},
	{"origin-server-name", SETTINGS_TEXT, false, 0},
	{"origin-ca-pool", SETTINGS_TEXT, false, 0},
	{"proxy-address", SETTINGS_TEXT, false, 0},
	{"management-hostname", SETTINGS_TEXT, false, 0},
	{"service-op-ip", SETTINGS_TEXT, false, 0},
	{"api-url", SETTINGS_TEXT, false, 0},
	{"api-key", SETTINGS_TEXT, false, 0},
	{"api-email", SETTINGS_TEXT, false, 0},
	{"api-ca-key", SETTINGS_TEXT, false, 0},
	{"quick-service", SETTINGS_TEXT, false, 0},
	{"proxy-dns-address", SETTINGS_TEXT, false, 0},
	{"local-ssh-port", SETTINGS_TEXT, false, 0},
	{"bucket-name", SETTINGS_TEXT, false, 0},
	{"region-name", SETTINGS_TEXT, false, 0},
	{"secret-id", SETTINGS_TEXT, false, 0},
	{"access-key-id", SETTINGS_TEXT, false, 0},
	{"session-token", SETTINGS_TEXT, false, 0},
	{"s3-url-host", SETTINGS_TEXT, false, 0},
	{"host-key-path", SETTINGS_TEXT, false, 0},
	{"no-autoupdate", SETTINGS_BOOL, false, 0},
	{"hello-world", SETTINGS_BOOL, false, 0},
	{"socks5", SETTINGS_BOOL, false, 0},
	{"bastion", SETTINGS_BOOL, false, 0},
	{"ssh-server", SETTINGS_BOOL, false, 0},
	{"no-tls-verify", SETTINGS_BOOL, false, 0},
	{"no-chunked-encoding", SETTINGS_BOOL, false, 0},
	{"http2-origin", SETTINGS_BOOL, false, 0},
	{"proxy-no-happy-eyeballs", SETTINGS_BOOL, false, 0},
	{"proxy-dns", SETTINGS_BOOL, false, 0},
	{"post-quantum", SETTINGS_BOOL, false, 0},
	{"management-diagnostics", SETTINGS_BOOL, false, 0},
	{"stdin-control", SETTINGS_BOOL, false, 0},
	{"use-reconnect-token", SETTINGS_BOOL, false, 0},
	{"is-autoupdated", SETTINGS_BOOL, false, 0},
	{"ui", SETTINGS_BOOL, false, 0},
	{"quic-disable-pmtu-discovery", SETTINGS_BOOL, false, RELEASE_SINCE_2025},
	{"no-prechecks", SETTINGS_BOOL, false, RELEASE_BIT(RELEASE_2026)},
	{"retries", SETTINGS_INT, false, 0},
	{"ha-connections", SETTINGS_INT, false, 0},
	{"max-edge-addr-retries", SETTINGS_INT, false, 0},
	{"max-fetch-size", SETTINGS_INT, false, 0},
	{"heartbeat-count", SETTINGS_INT, false, 0},
	{"compression-quality", SETTINGS_INT, false, 0},
	{"proxy-port", SETTINGS_INT, false, 0},
	{"proxy-keepalive-connections", SETTINGS_INT, false, 0},
	{"proxy-dns-port", SETTINGS_INT, false, 0},
	{"proxy-dns-max-upstream-conns", SETTINGS_INT, false, 0},
	{"quic-connection-level-flow-control-limit", SETTINGS_INT, false, RELEASE_SINCE_2025},
	{"quic-stream-level-flow-control-limit", SETTINGS_INT, false, RELEASE_SINCE_2025},
	{"grace-period", SETTINGS_DURATION, false, 0},
	{"autoupdate-freq", SETTINGS_DURATION, false, 0},
	{"metrics-update-freq", SETTINGS_DURATION, false, 0},
	{"heartbeat-interval", SETTINGS_DURATION, false, 0},
	{"dial-edge-timeout", SETTINGS_DURATION, false, 0},
	{"proxy-connect-timeout", SETTINGS_DURATION, false, 0},
	{"proxy-tls-timeout", SETTINGS_DURATION, false, 0},
	{"proxy-tcp-keepalive", SETTINGS_DURATION, false, 0},
	{"proxy-keepalive-timeout", SETTINGS_DURATION, false, 0},
	{"proxy-connection-timeout", SETTINGS_DURATION, false, 0},
	{"proxy-expect-continue-timeout", SETTINGS_DURATION, false, 0},
	{"ssh-idle-timeout", SETTINGS_DURATION, false, 0},
	{"ssh-max-timeout", SETTINGS_DURATION, false, 0},
	{"rpc-timeout", SETTINGS_DURATION, false, RELEASE_SINCE_2025},
	{"write-stream-timeout", SETTINGS_DURATION, false, RELEASE_SINCE_2025},
	{"udp-unregister-session-timeout", SETTINGS_DURATION, false, RELEASE_BIT(RELEASE_2023_7)},
	{"tag", SETTINGS_LIST, false, 0},
	{"edge", SETTINGS_LIST, false, 0},
	{"proxy-dns-upstream", SETTINGS_LIST, false, 0},
	{"proxy-dns-bootstrap", SETTINGS_LIST, false, 0},
	{"token", SETTINGS_TEXT, true, 0},
	{"token-file", SETTINGS_TEXT, true, RELEASE_SINCE_2025},
	{"credentials-contents", SETTINGS_TEXT, true, 0},
	{"features", SETTINGS_LIST, true, 0},
	{"icmpv4-src", SETTINGS_TEXT, true, 0},
	{"icmpv6-src", SETTINGS_TEXT, true, 0},
	{"max-active-flows", SETTINGS_INT, true, RELEASE_SINCE_2025},
};

static bool is_of(const struct flag *f, enum release release)
{
	return f->releases == 0 || (f->releases & RELEASE_BIT(release)) != 0;
}

static const struct flag *find_flag(struct span name, enum release release)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (span_eq(name, span_str(flags[i].name)))
			return is_of(&flags[i], release) ? &flags[i] : NULL;
	return NULL;
}

const char *settings_name(size_t i)
{
	return i < sizeof(flags) / sizeof(flags[0]) ? flags[i].name : NULL;
}

bool settings_knows(enum release release, struct span name)
{
	return find_flag(name, release) != NULL;
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

bool settings_add(struct settings *s, enum release release, struct span name, const struct yaml_node *value,
	struct yaml_mark *at, struct err *err)
{
	const struct flag *flag = find_flag(name, release);

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
