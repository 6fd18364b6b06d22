/* originRequest. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/yaml_scalar.h"
#include "ingress-lint/lint.h"

/* --- What is set --- */

static const struct yaml_node *own(const struct view_rule *r, const char *key)
{
	return tree_value(r->options, key);
}

static bool is_on(const struct view *v, const struct view_rule *r, const char *key)
{
	return tree_bool(view_option(v, r, key), false);
}

static bool has_text(const struct view *v, const struct view_rule *r, const char *key)
{
	return tree_text(view_option(v, r, key)).len > 0;
}

static bool any_tls(const struct view *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (view_is_tls(&v->rules[i]))
			return true;
	return false;
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* --- TLS --- */

static const char *const tls_keys[] = {
	"noTLSVerify", "originServerName", "caPool", "matchSNItoHost", "tlsTimeout", NULL};

/* Is the option set to what would do something? */
static bool is_effective(const struct yaml_node *n)
{
	return n != NULL && tree_text(n).len > 0 && tree_bool(n, true);
}

static void tls_options(struct lint *l, const struct yaml_node *options, const char *why)
{
	for (size_t i = 0; tls_keys[i] != NULL; i++) {
		const struct yaml_node *n = tree_value(options, tls_keys[i]);
		if (is_effective(n))
			lint_find(l, n->start, "%s has no effect: %s", tls_keys[i], why);
	}
}

static void tls_without_tls(struct lint *l, const struct view *v)
{
	if (v->count > 0 && !any_tls(v))
		tls_options(l, v->global, "no service uses TLS");
	for (size_t i = 0; i < v->count; i++)
		if (v->rules[i].fault == INGRESS_OK && !view_is_tls(&v->rules[i]))
			tls_options(l, v->rules[i].options, "the service does not use TLS");
}

static void http2_without_tls(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *n = own(r, "http2Origin");

	(void)v;
	if (r->fault == INGRESS_OK && !view_is_tls(r) && tree_bool(n, false))
		lint_find(l, n->start,
			"http2Origin has no effect without TLS; HTTP/2 in plain text is not spoken");
}

static void http2_global(struct lint *l, const struct view *v)
{
	const struct yaml_node *n = tree_value(v->global, "http2Origin");

	if (v->count > 0 && tree_bool(n, false) && !any_tls(v))
		lint_find(l, n->start, "http2Origin has no effect: no service uses TLS");
}

static void no_verify(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (!view_is_tls(r) || !is_on(v, r, "noTLSVerify"))
		return;
	const struct yaml_node *n = view_option(v, r, "noTLSVerify");
	bool local = r->target.host == NULL || is_loopback(r->target.host);
	lint_find_as(l, local ? RULEBOOK_INFO : RULEBOOK_WARNING, n->start,
		"the certificate of %s is not verified", r->target.text);
}

static void match_sni(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (!is_on(v, r, "matchSNItoHost"))
		return;
	const struct yaml_node *n = view_option(v, r, "matchSNItoHost");
	if (has_text(v, r, "originServerName"))
		lint_find(l, n->start, "matchSNItoHost overrides originServerName");
	else if (is_on(v, r, "http2Origin"))
		lint_find(l, n->start, "matchSNItoHost switches http2Origin off");
}

static void server_name(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (!view_is_tls(r) || r->target.host == NULL || is_on(v, r, "noTLSVerify") ||
		is_on(v, r, "matchSNItoHost") || has_text(v, r, "originServerName"))
		return;
	struct span host = span_str(r->target.host);
	if (is_address(r->target.host) || is_loopback(r->target.host) || span_find(host, '.') == host.len ||
		span_ends(host, SPAN(".svc.cluster.local")) || span_ends(host, SPAN(".svc")))
		lint_find(l, r->service->start,
			"the certificate must be for \"%s\"; originServerName says another name",
			r->target.host);
}

static void check_pool(struct lint *l, const struct yaml_node *options, bool verifies)
{
	const struct yaml_node *pool = tree_value(options, "caPool");
	struct span path = tree_text(pool);

	if (path.len == 0)
		return;
	char *name = mem_spandup(path);
	if (!verifies)
		lint_find(l, pool->start, "caPool is not consulted beside noTLSVerify");
	else if (path.p[0] != '/')
		lint_find(l, pool->start,
			"caPool %s depends on the directory of the start; write it from the root", name);
	else if (l->looks_at_files && access(name, R_OK) < 0)
		lint_find(l, pool->start, "caPool %s cannot be read here", name);
	free(name);
}

static void ca_pool(struct lint *l, const struct view *v)
{
	check_pool(l, v->global, !tree_bool(tree_value(v->global, "noTLSVerify"), false));
	for (size_t i = 0; i < v->count; i++)
		check_pool(l, v->rules[i].options, !is_on(v, &v->rules[i], "noTLSVerify"));
}

/* --- Host --- */

static void host_same(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *n = own(r, "httpHostHeader");

	(void)v;
	if (n != NULL && r->host[0] != '\0' && r->host[0] != '*' && span_eq(tree_text(n), span_str(r->host)))
		lint_find(l, n->start, "%s is passed on as Host anyway", r->host);
}

static size_t count_names(const struct view *v)
{
	const char *first = NULL;

	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *r = &v->rules[i];
		if (view_is_any(r->host))
			continue;
		if (first != NULL && strcmp(first, r->host) != 0)
			return 2;
		first = r->host;
	}
	return first != NULL;
}

static void host_of_many(struct lint *l, const struct view *v)
{
	const struct yaml_node *global = tree_value(v->global, "httpHostHeader");

	if (tree_text(global).len > 0 && count_names(v) > 1)
		lint_find(l, global->start, "all hostnames reach their services as %.*s",
			(int)tree_text(global).len, tree_text(global).p);
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *r = &v->rules[i];
		const struct yaml_node *n = view_option(v, r, "httpHostHeader");
		bool many = view_is_any(r->host) || view_is_wildcard(r->host);
		if (many && view_is_http(r) && r->target.kind == INGRESS_HTTP && tree_text(n).len > 0)
			lint_find(l, n->start, "all hosts of rule %zu (%s) reach the service as %.*s",
				r->number, view_is_any(r->host) ? "any host" : r->host, (int)tree_text(n).len,
				tree_text(n).p);
	}
}

static void host_on_unix(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *n = own(r, "httpHostHeader");

	(void)v;
	if (r->fault == INGRESS_OK && r->target.kind == INGRESS_UNIX && tree_text(n).len > 0)
		lint_find(l, n->start, "httpHostHeader has no effect on a socket");
}

/* --- Options without effect --- */

enum use { HTTP = 1, UNIX = 2, STREAM = 4, BASTION = 8, SOCKS = 16, HELLO = 32 };

/* Which services use a key. TLS options have a rule of their own. */
static const struct {
	const char *key;
	unsigned uses;
} uses[] = {
	{"connectTimeout", HTTP | UNIX | STREAM | BASTION}, {"tcpKeepAlive", HTTP | STREAM | BASTION},
	{"keepAliveConnections", HTTP | UNIX | HELLO}, {"keepAliveTimeout", HTTP | UNIX | HELLO},
	{"noHappyEyeballs", HTTP}, {"httpHostHeader", HTTP | UNIX | HELLO}, /* UNIX: IL307 */
	{"disableChunkedEncoding", HTTP | UNIX | HELLO}, {"bastionMode", HTTP | STREAM | BASTION},
	{"proxyType", STREAM | BASTION}, {"proxyAddress", 0}, {"proxyPort", 0}, {"ipRules", SOCKS},
	{"http2Origin", HTTP | UNIX | STREAM | BASTION | SOCKS | HELLO}, /* IL302 */
};

static unsigned use_of(const struct view_rule *r)
{
	switch (r->target.kind) {
	case INGRESS_HTTP: return HTTP;
	case INGRESS_UNIX: return UNIX;
	case INGRESS_STATUS: return 0;
	case INGRESS_HELLO_WORLD: return HELLO;
	case INGRESS_TCP: return STREAM;
	case INGRESS_SOCKS_PROXY: return SOCKS;
	case INGRESS_BASTION: return BASTION;
	}
	abort();
}

static void without_effect(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault != INGRESS_OK)
		return;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		const struct yaml_node *n = own(r, uses[i].key);
		if (n != NULL && (uses[i].uses & use_of(r)) == 0 &&
			!(r->bastion && strcmp(uses[i].key, "bastionMode") == 0))
			lint_find(l, n->start, "%s has no effect on %s", uses[i].key, r->target.text);
	}
}

static void without_effect_global(struct lint *l, const struct view *v)
{
	static const char *const nowhere[] = {"proxyAddress", "proxyPort", "ipRules"};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		const struct yaml_node *n = tree_value(v->global, nowhere[i]);
		if (n != NULL)
			lint_find(l, n->start, "%s has no effect at this level", nowhere[i]);
	}
}

/* --- Numbers --- */

static const struct {
	const char *key;
	bool is_limit; /* zero is none, and long ones hang */
} times[] = {
	{"connectTimeout", true}, {"tlsTimeout", true}, {"tcpKeepAlive", false}, {"keepAliveTimeout", false}};

static bool duration_of(const struct yaml_node *n, int64_t *ns)
{
	struct yaml_value v;

	return n != NULL && n->kind == YAML_SCALAR && yaml_scalar_value(n, &v, NULL) == 0 &&
	       yaml_as_duration(n, &v, ns);
}

static void check_durations(struct lint *l, const struct yaml_node *options)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const struct yaml_node *n = tree_value(options, times[i].key);
		int64_t ns;
		if (!duration_of(n, &ns))
			continue;
		if (ns < 0)
			lint_find(l, n->start, "%s is negative%s", times[i].key,
				times[i].is_limit ? ": each request fails at once" : "");
		else if (ns == 0 && times[i].is_limit)
			lint_find(l, n->start, "%s is zero: there is no limit", times[i].key);
		else if (ns > 0 && ns < 10 * DURATION_MS)
			lint_find(l, n->start, "%s is under 10ms", times[i].key);
		else if (times[i].is_limit && ns > 300 * DURATION_S)
			lint_find(l, n->start, "%s is over 5 minutes", times[i].key);
	}
}

static void durations(struct lint *l, const struct view *v)
{
	check_durations(l, v->global);
	for (size_t i = 0; i < v->count; i++)
		check_durations(l, v->rules[i].options);
}

static void check_keepalive(struct lint *l, const struct yaml_node *options)
{
	const struct yaml_node *n = tree_value(options, "keepAliveConnections");
	int64_t count = tree_int(n, 1), ns;

	if (n != NULL && n->tag == YAML_TAG_FLOAT)
		lint_find(l, n->start, "keepAliveConnections is cut to %lld", (long long)count);
	else if (n != NULL && count <= 0)
		lint_find(l, n->start, "keepAliveConnections is %lld: %s", (long long)count,
			count == 0 ? "two for each host" : "no connection is used again");
	const struct yaml_node *port = tree_value(options, "proxyPort");
	if (port != NULL && port->tag == YAML_TAG_FLOAT)
		lint_find(l, port->start, "proxyPort is cut to a whole number");
	const struct yaml_node *time = tree_value(options, "keepAliveTimeout");
	if (duration_of(time, &ns) && ns == 0)
		lint_find(l, time->start, "keepAliveTimeout is zero: idle connections stay for ever");
}

static void keepalive(struct lint *l, const struct view *v)
{
	check_keepalive(l, v->global);
	for (size_t i = 0; i < v->count; i++)
		check_keepalive(l, v->rules[i].options);
}

const struct lint_check checks_origin[] = {
	{"IL301", NULL, tls_without_tls},
	{"IL302", http2_without_tls, http2_global},
	{"IL303", no_verify, NULL},
	{"IL304", host_same, NULL},
	{"IL305", NULL, host_of_many},
	{"IL307", host_on_unix, NULL},
	{"IL308", match_sni, NULL},
	{"IL309", server_name, NULL},
	{"IL310", without_effect, without_effect_global},
	{"IL311", NULL, durations},
	{"IL312", NULL, keepalive},
	{"IL313", NULL, ca_pool},
	{0},
};
