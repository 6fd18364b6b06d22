/* Configuration files: what rules, options and settings become of them; faults with their places; the choice of a rule
 * against one that tries each in turn. */
#include "common/base/buf.h"
#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/conf/ingress_private.h"
#include "common/conf/rx.h"
#include "test.h"

static enum ingress_fault parse(const char *text, struct ingress_file *f, struct ingress_error *error)
{
	return ingress_parse(span_str(text), f, error);
}

static void test_rules(void)
{
	struct ingress_file f;
	struct ingress_error error;

	CHECK(parse("tunnel: 11111111-2222-3333-4444-555555555555\n"
		    "ingress:\n"
		    "  - hostname: B\xc3\xbc"
		    "cher.example\n"
		    "    path: ^/a\n"
		    "    service: https://web.local\n"
		    "  - ~\n"
		    "  - service: http_status:404\n",
		      &f, &error) == INGRESS_OK);
	const struct ingress_rule *r = ingress_rule(f.ingress, 0);
	CHECK(ingress_count(f.ingress) == 2);
	CHECK(strcmp(f.tunnel, "11111111-2222-3333-4444-555555555555") == 0 && f.tunnel_at.line == 1);
	CHECK(strcmp(r->punycode, "xn--bcher-kva.example") == 0 && strcmp(r->path, "^/a") == 0);
	CHECK(r->service.kind == INGRESS_HTTP && r->service.tls && strcmp(r->service.port, "443") == 0);
	CHECK(r->at.line == 3 && r->at.column == 5 && r->path_at.line == 4 && r->service_at.column == 14);
	r = ingress_rule(f.ingress, 1);
	CHECK(r->hostname[0] == '\0' && r->path[0] == '\0' && r->punycode == NULL);
	CHECK(r->service.kind == INGRESS_STATUS && r->service.status == 404);
	ingress_file_free(&f);
}

static void test_options(void)
{
	struct ingress_file f;
	struct ingress_error error;

	CHECK(parse("ingress:\n"
		    "  - hostname: a\n"
		    "    service: http://a\n"
		    "    originRequest:\n"
		    "      connectTimeout: 5s\n"
		    "      httpHostHeader: ''\n"
		    "      noTLSVerify: ~\n"
		    "      keepAliveConnections: 7\n"
		    "  - service: socks-proxy\n"
		    "    originRequest: {ipRules: [{prefix: 10.0.0.0/8, ports: [80, 443], allow: yes}]}\n"
		    "originRequest:\n"
		    "  connectTimeout: 1s\n"
		    "  httpHostHeader: h\n"
		    "  noTLSVerify: on\n"
		    "  ipRules: [{prefix: nonsense}]\n"
		    "  access: {required: true, audTag: [x], teamName: t}\n",
		      &f, &error) == INGRESS_OK);
	const struct ingress_options *o = &ingress_rule(f.ingress, 0)->options;
	CHECK(o->connect_timeout_ns == 5 * DURATION_S && o->where[INGRESS_CONNECT_TIMEOUT].line == 5);
	CHECK(o->http_host_header[0] == '\0' && o->where[INGRESS_HTTP_HOST_HEADER].line == 6);
	CHECK(o->no_tls_verify && o->where[INGRESS_NO_TLS_VERIFY].line == 14);
	CHECK(o->keep_alive_connections == 7);
	CHECK(o->tls_timeout_ns == 10 * DURATION_S && o->where[INGRESS_TLS_TIMEOUT].line == 0);
	CHECK(o->ip_rule_count == 0 && !o->access.required);
	o = &ingress_rule(f.ingress, 1)->options;
	CHECK(o->connect_timeout_ns == 1 * DURATION_S && strcmp(o->http_host_header, "h") == 0);
	CHECK(o->ip_rule_count == 1 && o->ip_rules[0].port_count == 2 && o->ip_rules[0].ports[1] == 443);
	CHECK(o->ip_rules[0].allow && strcmp(o->ip_rules[0].prefix, "10.0.0.0/8") == 0);
	CHECK(ingress_global(f.ingress)->access.required && ingress_global(f.ingress)->ip_rule_count == 1);
	ingress_file_free(&f);
}

static void test_settings(void)
{
	struct ingress_file f;
	struct ingress_error error;

	CHECK(parse("loglevel: debug\nedge: [a:1, 'b:2']\nretries: 0x3\nno-autoupdate: True\ntoken: 12\n"
		    "warp-routing: {connectTimeout: 1s, enabled: true}\nunheard-of: {of: 1}\n"
		    "originRequest: {noTlsVerify: true}\n",
		      &f, &error) == INGRESS_NO_RULES);
	CHECK(f.ingress == NULL && f.settings.count == 5);
	CHECK(strcmp(settings_find(&f.settings, "loglevel")->values[0], "debug") == 0);
	CHECK(settings_find(&f.settings, "edge")->count == 2 &&
		settings_find(&f.settings, "edge")->at.line == 2);
	CHECK(strcmp(settings_find(&f.settings, "edge")->values[1], "b:2") == 0);
	CHECK(strcmp(settings_find(&f.settings, "retries")->values[0], "3") == 0);
	CHECK(strcmp(settings_find(&f.settings, "no-autoupdate")->values[0], "true") == 0);
	CHECK(settings_find(&f.settings, "token")->misfit);
	CHECK(settings_find(&f.settings, "metrics") == NULL);
	CHECK(f.warp.connect_timeout_ns == 1 * DURATION_S && f.warp.tcp_keep_alive_ns == 30 * DURATION_S);
	CHECK(f.warning_count == 2 && strcmp(f.warnings[0].key, "enabled") == 0);
	CHECK(f.warnings[1].at.line == 8 && strcmp(f.warnings[1].type, "config.OriginRequestConfig") == 0);
	ingress_file_free(&f);
}

#define LAST "- service: http_status:404\n"

static void test_faults(void)
{
	static const struct {
		const char *text;
		enum ingress_fault fault;
		unsigned line, column;
	} rows[] = {
		{"", INGRESS_NO_CONFIG_FILE, 0, 0},
		{"ingress: []", INGRESS_NO_RULES, 0, 0},
		{"a: [", INGRESS_YAML_SYNTAX, 1, 5},
		{"a: &a [*a]", INGRESS_YAML_SYNTAX, 1, 8},
		{"ingress: x", INGRESS_YAML_TYPE, 1, 10},
		{"ingress:\n- service: a\n  service: b\n", INGRESS_YAML_DUPLICATE_KEY, 3, 3},
		{"metrics: 1\ningress:\n- service: nonsense\n", INGRESS_SETTING_TYPE, 1, 10},
		{"tag: [a, ~]\ningress:\n" LAST, INGRESS_SETTING_TYPE, 1, 10},
		{"ingress:\n- service: localhost\n", INGRESS_SERVICE_ADDRESS, 2, 12},
		{"ingress:\n- service: http://a/\n", INGRESS_SERVICE_PATH, 2, 12},
		{"ingress:\n- service: 127.0.0.1:80\n", INGRESS_SERVICE_URL, 2, 12},
		{"ingress:\n- service: http_status:99\n", INGRESS_STATUS_CODE, 2, 12},
		{"ingress:\n- {}\n", INGRESS_SERVICE_ADDRESS, 2, 3},
		{"ingress:\n- service: http://a\n  hostname: a:80\n" LAST, INGRESS_HOSTNAME_PORT, 3, 13},
		{"ingress:\n- service: http://a\n  hostname: a.*\n" LAST, INGRESS_HOSTNAME_WILDCARD, 3, 13},
		{"ingress:\n- service: http://a\n  path: a\n", INGRESS_LAST_RULE_NOT_CATCH_ALL, 3, 9},
		{"ingress:\n- service: http://a\n" LAST, INGRESS_EARLY_CATCH_ALL, 2, 3},
		{"ingress:\n- service: http://a\n  path: '('\n" LAST, INGRESS_REGEX, 3, 9},
		{"ingress:\n- service: socks-proxy\n  originRequest:\n    ipRules: [{prefix: 1.2.3.4}]\n",
			INGRESS_IP_RULE, 4, 14},
		{"ingress:\n- service: socks-proxy\n  originRequest:\n    ipRules: [{prefix: 1::/129}]\n",
			INGRESS_IP_RULE, 4, 14},
		{"ingress:\n- service: http://a\n  originRequest: {access: {required: true, audTag: [a]}}\n",
			INGRESS_ACCESS_TEAM, 3, 27},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ingress_file f;
		struct ingress_error error;
		enum ingress_fault fault = parse(rows[i].text, &f, &error);
		CHECK_FOR(fault == rows[i].fault && error.fault == fault, "%s: %s", rows[i].text,
			ingress_fault_class(fault));
		CHECK_FOR(error.at.line == rows[i].line && error.at.column == rows[i].column, "%s: %u:%u",
			rows[i].text, error.at.line, error.at.column);
		CHECK(error.err.text[0] != '\0' && f.ingress == NULL);
		ingress_file_free(&f);
	}
}

/* --- Choosing, against a reference that tries each rule by itself --- */

static bool name_matches(const char *name, struct span host)
{
	if (span_eq(span_str(name), host))
		return true;
	return strncmp(name, "*.", 2) == 0 && span_ends(host, span_str(name + 1));
}

static bool rule_matches(const struct ingress_rule *r, struct span host, struct span path)
{
	bool host_fits = r->hostname[0] == '\0' || strcmp(r->hostname, "*") == 0 ||
			 name_matches(r->hostname, host) ||
			 (r->punycode != NULL && name_matches(r->punycode, host));

	if (!host_fits || r->path[0] == '\0')
		return host_fits;
	struct rx *rx = rx_new(span_str(r->path), RELEASE_2025, NULL, NULL);
	const struct rx *const members[] = {rx};
	struct rx_set *set = rx_set_new(members, 1);
	struct rx_scan *scan = rx_scan_new(set);
	bool path_fits = rx_scan_first(scan, path) == 0;
	rx_scan_free(scan);
	rx_set_free(set);
	rx_free(rx);
	return path_fits;
}

static size_t reference(const struct ingress *in, struct span host, struct span path)
{
	struct span name;

	hostname_split_port(host, &name);
	for (size_t i = 0; i < ingress_count(in); i++)
		if (rule_matches(ingress_rule(in, i), name, path))
			return i;
	return ingress_count(in) - 1;
}

static const char *const names[] = {
	"", "*", "a.b", "*.a.b", "*.b", "A.b", "b", "*.", "*.*", "x.a.b", "a.b.", "\xc3\xbc.b", "a.B"};
static const char *const paths[] = {"^/a", "/b$", "a+", "[0-9]", "^$", ".*", "^/a/b"};
static const char *const hosts[] = {"a.b", "x.a.b", "y.x.a.b", "b", "A.b", "xn--tda.b", ".a.b", "a.b.", "",
	"a.b:80", "[::1]:80", "::1", "*.a.b", "...", "q"};
static const char *const requests[] = {"", "/", "/a", "/a/b", "/b", "/x1", "/aaa"};
#define PICK(list, n) list[(n) % (sizeof(list) / sizeof(list[0]))]

/* A small generator of our own, so that each run is the same. */
static unsigned next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33);
}

static void make_config(struct buf *out, uint64_t *state)
{
	unsigned count = next(state) % 12;

	buf_add_str(out, "ingress:\n");
	for (unsigned i = 0; i < count; i++) {
		const char *name = PICK(names, next(state)), *path = PICK(paths, next(state));
		bool every = name[0] == '\0' || strcmp(name, "*") == 0;
		/* "*.*" is refused: in its place stands a host of its own. */
		if (strcmp(name, "*.*") == 0)
			name = "q";
		buf_addf(out, "- hostname: '%s'\n  service: http://s\n", name);
		if (every || next(state) % 2 == 0)
			buf_addf(out, "  path: '%s'\n", path);
	}
	buf_add_str(out, LAST);
}

static void check_choices(const struct ingress *in)
{
	struct ingress_matcher *m = ingress_matcher_new(in);

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		for (size_t j = 0; j < sizeof(requests) / sizeof(requests[0]); j++) {
			struct span host = span_str(hosts[i]), path = span_str(requests[j]);
			size_t got = ingress_match(m, host, path), expected = reference(in, host, path);
			CHECK_FOR(
				got == expected, "%s %s: %zu, not %zu", hosts[i], requests[j], got, expected);
		}
	}
	ingress_matcher_free(m);
}

static void test_choices(void)
{
	uint64_t state = 1;

	for (int round = 0; round < 100; round++) {
		struct ingress_file f;
		struct ingress_error error;
		struct buf text = {0};
		make_config(&text, &state);
		enum ingress_fault fault = ingress_parse(buf_span(&text), &f, &error);
		CHECK_FOR(fault == INGRESS_OK, "%.*s%s", (int)buf_len(&text), buf_span(&text).p,
			error.err.text);
		if (fault == INGRESS_OK)
			check_choices(f.ingress);
		ingress_file_free(&f);
		buf_free(&text);
	}
}

static void test_many_hosts(void)
{
	struct ingress_file f;
	struct ingress_error error;
	struct buf text = {0};

	buf_add_str(&text, "ingress:\n");
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "- {hostname: h%d, path: ^/%d$, service: 'http://s'}\n", i, i);
	buf_add_str(&text, LAST);
	CHECK(ingress_parse(buf_span(&text), &f, &error) == INGRESS_OK);
	struct ingress_matcher *m = ingress_matcher_new(f.ingress);
	for (size_t i = 0; i < 300; i++) {
		char host[16], path[16];
		snprintf(host, sizeof(host), "h%zu", i * 7 % 100);
		snprintf(path, sizeof(path), "/%zu", i * 7 % 100);
		CHECK(ingress_match(m, span_str(host), span_str(path)) == i * 7 % 100);
		CHECK(ingress_match(m, span_str(host), SPAN("/")) == 100);
	}
	ingress_matcher_free(m);
	ingress_file_free(&f);
	buf_free(&text);
}

/* Expressions whose automata grow with every path, the faster the more characters they tell apart; more of them than there
 * is memory for: the oldest make room. */
static void test_memory(void)
{
	enum { HOSTS = 12, LEN = 4000, ROUNDS = 4 };
	struct ingress_file f;
	struct ingress_error error;
	struct buf text = {0};
	uint64_t state = 1;
	size_t most = 0;

	buf_add_str(&text, "ingress:\n");
	for (int i = 0; i < HOSTS; i++)
		buf_addf(&text,
			"- {hostname: h%d, path: "
			"'^/%d/([ab]*a[ab]{15}$|cdefghijklmnopqrstuvwxyz0123456789)', "
			"service: 'http://s'}\n",
			i, i);
	buf_add_str(&text, LAST);
	CHECK(ingress_parse(buf_span(&text), &f, &error) == INGRESS_OK);
	struct ingress_matcher *m = ingress_matcher_new(f.ingress);
	for (size_t i = 0; i < HOSTS * ROUNDS; i++) {
		char host[16], path[LEN];
		size_t number = i / ROUNDS, len = (size_t)snprintf(path, sizeof(path), "/%zu/", number);
		snprintf(host, sizeof(host), "h%zu", number);
		while (len < LEN)
			path[len++] = "ab"[next(&state) % 2];
		size_t due = path[LEN - 16] == 'a' ? number : HOSTS;
		CHECK(ingress_match(m, span_str(host), span_of(path, LEN)) == due);
		size_t bytes = ingress_matcher_bytes(m);
		CHECK_FOR(bytes <= 8 * RX_SCAN_MAX, "%zu bytes", bytes);
		most = bytes > most ? bytes : most;
	}
	CHECK_FOR(most > 7 * RX_SCAN_MAX, "%zu bytes", most);
	ingress_matcher_free(m);
	ingress_file_free(&f);
	buf_free(&text);
}

TEST_MAIN(TEST(test_rules), TEST(test_options), TEST(test_settings), TEST(test_faults), TEST(test_choices),
	TEST(test_many_hosts), TEST(test_memory))
