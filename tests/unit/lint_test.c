/* The linter: each rule's pair of examples, and what it proves held against trying. */
#include <jansson.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "ingress-lint/proof.h"
#include "ingress-lint/run.h"
#include "test.h"

#define ROWS 105
#define OWN_ROWS 11 /* of the catalogue, without a case in the corpus */
#define ROUNDS 150

/* Call fn for each line of a corpus file; the number of lines. */
static size_t each_case(const char *path, void (*fn)(const json_t *c, void *arg), void *arg)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0, count = 0;

	CHECK_FOR(f != NULL, "%s", path);
	while (f != NULL && getline(&line, &cap, f) > 0) {
		json_t *c = json_loads(line, JSON_ALLOW_NUL, NULL);
		CHECK(c != NULL);
		fn(c, arg);
		json_decref(c);
		count++;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return count;
}

static const char *text_of(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key));
}

/* --- The catalogue's examples --- */

static void lint_text(struct input *in, struct span text)
{
	static const struct opt_list none;
	const struct run_options how = {.enable = &none, .disable = &none};

	*in = (struct input){.name = "config.yml"};
	buf_add_span(&in->text, text);
	run_lint(in, 1, &how);
}

static bool raises(const char *text, const char *id)
{
	struct input in;
	bool raised = false;

	lint_text(&in, span_str(text));
	for (size_t i = 0; i < in.lint.count; i++)
		raised = raised || strcmp(in.lint.findings[i].rule->id, id) == 0;
	input_fini(&in);
	return raised;
}

static void check_row(const json_t *c, void *arg)
{
	const char *id = text_of(c, "id");
	const struct rulebook_rule *rule = rulebook_find(span_str(id));

	(void)arg;
	CHECK_FOR(rule != NULL, "%s", id);
	if (rule == NULL)
		return;
	CHECK_FOR(strcmp(rule->name, text_of(c, "name")) == 0, "%s", id);
	CHECK_FOR(strcmp(rulebook_severity_name(rule->severity), text_of(c, "severity")) == 0, "%s", id);
	CHECK_FOR(raises(text_of(c, "bad"), id), "%s bad", id);
	CHECK_FOR(!raises(text_of(c, "good"), id), "%s good", id);
	CHECK_FOR(raises(rule->bad, id) && !raises(rule->good, id), "%s in the catalogue", id);
}

static void test_examples(void)
{
	size_t rules = 0;

	CHECK(each_case("tests/corpus/ingress/lint.jsonl", check_row, NULL) == ROWS);
	for (const struct rulebook_rule *r = rulebook_next(NULL); r != NULL; r = rulebook_next(r))
		rules++;
	CHECK(rules == ROWS + OWN_ROWS);
}

static void test_own_examples(void)
{
	static const char *const ids[] = {"IL119", "IL120", "IL719", "IL720", "IL721", "IL722", "IL723"};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct rulebook_rule *r = rulebook_find(span_str(ids[i]));
		CHECK_FOR(r != NULL && raises(r->bad, r->id), "%s bad", ids[i]);
		CHECK_FOR(r != NULL && !raises(r->good, r->id), "%s good", ids[i]);
	}
}

/* A connector with labels, a Service whose targetPort has a name, and a policy: what of it keeps them apart? */
static void test_network_policies(void)
{
	static const char manifest[] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cloudflared, namespace: "
		"tunnel}\nspec:\n  replicas: 2\n"
		"  template:\n    metadata: {labels: {app: cloudflared, tier: edge}}\n    spec:\n      "
		"containers:\n"
		"        - {name: cloudflared, image: 'cloudflare/cloudflared:2025.5.0', args: [tunnel, run, "
		"home]}\n---\n"
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: web}\nspec:\n  "
		"template:\n"
		"    metadata: {labels: {app: app}}\n    spec:\n      containers:\n"
		"        - {name: app, image: 'app:1', ports: [{name: main, containerPort: 8080}]}\n---\n"
		"apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: web}\nspec:\n  selector: "
		"{app: app}\n"
		"  ports: [{port: 80, targetPort: main}]\n---\n"
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cloudflared, namespace: tunnel}\ndata:\n  "
		"config.yaml: |\n"
		"    ingress:\n      - hostname: app.example.com\n        service: "
		"http://app.web.svc.cluster.local:80\n"
		"      - hostname: nas.example.com\n        service: http://192.168.1.9:5000\n"
		"      - service: http_status:404\n---\n"
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: "
		"%s}\nspec: %s\n";
	static const struct {
		const char *ns, *spec;
		bool origin, edge;
	} rows[] = {
		{"web", "{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}", false, false},
		{"web", "{podSelector: {}, ingress: [{ports: [{port: main}]}]}", false, false},
		{"web", "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}", true, false},
		{"web", "{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8100}]}]}", false, false},
		{"web", "{podSelector: {}, ingress: [{ports: [{port: 8080, protocol: UDP}]}]}", true, false},
		{"web", "{podSelector: {}}", true, false},
		{"web", "{podSelector: {}, policyTypes: [Egress]}", false, false},
		{"web", "{podSelector: {matchLabels: {app: other}}}", false, false},
		{"web", "{podSelector: {matchExpressions: [{key: app, operator: In, values: [app]}]}}", true,
			false},
		{"web",
			"{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: "
			"{matchLabels: {tier: edge}}}]}]}",
			false, false},
		{"web",
			"{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: "
			"{matchLabels: {tier: x}}}]}]}",
			true, false},
		{"web", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", true, false},
		{"web",
			"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: "
			"a}}}]}]}",
			false, false},
		{"tunnel", "{podSelector: {}, egress: [{}]}", false, false},
		{"tunnel",
			"{podSelector: {}, egress: [{to: [{namespaceSelector: {}}]}, {ports: [{port: 7844, "
			"protocol: UDP}]}]}",
			true, false},
		{"tunnel",
			"{podSelector: {}, egress: [{to: [{namespaceSelector: {}}]}, {to: [{ipBlock: {cidr: "
			"192.168.0.0/16}}]}]}",
			false, true},
		{"tunnel",
			"{podSelector: {}, egress: [{to: [{namespaceSelector: {}}]}, {to: [{ipBlock: {cidr: "
			"0.0.0.0/0, except: "
			"[192.168.0.0/16]}}]}]}",
			true, false},
		{"tunnel", "{podSelector: {}, egress: [{ports: [{port: 8080}, {port: 5000}, {port: 7844}]}]}",
			false, true},
		{"tunnel",
			"{podSelector: {}, egress: [{ports: [{port: 8080}, {port: 5000}, {port: 53, "
			"protocol: UDP}]}]}",
			false, true},
		{"tunnel",
			"{podSelector: {}, egress: [{ports: [{port: 8080}, {port: 5000}, {port: 53, "
			"protocol: UDP}, {port: 7844}]}]}",
			false, false},
		{"tunnel", "{podSelector: {matchLabels: {app: other}}, policyTypes: [Egress]}", false, false},
		{"other", "{podSelector: {}, policyTypes: [Egress, Ingress]}", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = mem_printf(manifest, rows[i].ns, rows[i].spec);
		CHECK_FOR(raises(text, "IL720") == rows[i].origin, "%s", rows[i].spec);
		CHECK_FOR(raises(text, "IL723") == rows[i].edge, "%s", rows[i].spec);
		free(text);
	}
}

static bool proxy_raises(const char *text, const char *id)
{
	static const struct opt_list none;
	const struct run_options how = {.proxies = 1, .enable = &none, .disable = &none};
	struct input in = {.name = "site.conf"};
	bool raised = false;

	buf_add_str(&in.text, text);
	run_lint(&in, 1, &how);
	for (size_t i = 0; i < in.lint.count; i++)
		raised = raised || strcmp(in.lint.findings[i].rule->id, id) == 0;
	input_fini(&in);
	return raised;
}

static void test_proxy_examples(void)
{
	for (const struct rulebook_rule *r = rulebook_find(SPAN("IL801")); r != NULL; r = rulebook_next(r)) {
		CHECK_FOR(proxy_raises(r->bad, r->id), "%s bad", r->id);
		CHECK_FOR(!proxy_raises(r->good, r->id), "%s good", r->id);
	}
	/* Each site file, and whether something is lost. */
	CHECK(!proxy_raises("ProxyPass /a/ws ws://h/ws\nProxyPass /a/ http://h/\n", "IL801"));
	CHECK(!proxy_raises("ProxyPass /a/ws ws://h/ws\nProxyPass /a/ http://h/\n", "IL802"));
	CHECK(proxy_raises("ProxyPass /a/ http://h/\nProxyPass /a/ws ws://h/ws\n", "IL802"));
	CHECK(proxy_raises("ProxyPass / http://h/ upgrade=NONE\n", "IL801"));
	CHECK(proxy_raises("ProxyPass / http://h/ upgrade=ANY\nRequestHeader unset Upgrade\n", "IL801"));
	CHECK(proxy_raises("location / { proxy_pass http://h; }", "IL801"));
	CHECK(!proxy_raises("server { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
			    "proxy_set_header Connection upgrade; location / { proxy_pass http://h; } }",
		"IL803"));
	CHECK(proxy_raises(
		"server { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
		"location / { proxy_pass http://h; proxy_set_header Host a; } }",
		"IL801"));
	CHECK(proxy_raises("{{{{;;}}} proxy_pass \"", "IL804"));
	/* Apache: sections by expression, servers apart, balancers. */
	CHECK(!proxy_raises("<LocationMatch ^/a/(ws|live)>\nProxyPass ws://h/\n</LocationMatch>\n", "IL801"));
	CHECK(proxy_raises("<Location /a/ws>\nProxyPass ws://h/\n</Location>\n<LocationMatch "
			   "^/a/>\nProxyPass http://h/\n"
			   "</LocationMatch>\n",
		"IL802"));
	CHECK(!proxy_raises("<LocationMatch ^/a/>\nProxyPass http://h/\n</LocationMatch>\n<Location /a/ws>\n"
			    "ProxyPass ws://h/\n</Location>\n",
		"IL802"));
	CHECK(proxy_raises("<Location ~ (>\nProxyPass ws://h/\n</Location>\n<Location /b>\nProxyPass "
			   "http://h/\n</Location>\n",
		"IL801"));
	CHECK(!proxy_raises(
		"<VirtualHost *:80>\nProxyPass / http://h/ upgrade=ANY\n</VirtualHost>\n<VirtualHost *:81>\n"
		"ProxyPass / http://h/ upgrade=ANY\n</VirtualHost>\n",
		"IL802"));
	CHECK(proxy_raises("ProxyPassMatch ^/x http://h/\nProxyPass /x/ws ws://h/ws\n", "IL802"));
	CHECK(proxy_raises(
		"<Proxy balancer://b>\nBalancerMember http://h:1\n</Proxy>\nProxyPass / balancer://b/\n",
		"IL801"));
	CHECK(!proxy_raises(
		"<Proxy balancer://b>\nBalancerMember ws://h:1\n</Proxy>\nProxyPass / balancer://b/\n",
		"IL801"));
	CHECK(!proxy_raises("<Proxy \"balancer://b\">\nBalancerMember http://h:1\n</Proxy>\n"
			    "ProxyPass / balancer://b/ upgrade=websocket\n",
		"IL801"));
	/* nginx: which location serves. */
#define UP                                                                                             \
	"proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection " \
	"upgrade;"
	CHECK(proxy_raises("server { location /live/ { proxy_pass http://h; " UP
			   " } location ~ /live { proxy_pass http://h; } }",
		"IL802"));
	CHECK(!proxy_raises("server { location ^~ /live/ { proxy_pass http://h; " UP
			    " } location ~ /live { proxy_pass http://h; } }",
		"IL802"));
	CHECK(!proxy_raises("server { location /live/ { proxy_pass http://h; " UP
			    " } location / { proxy_pass http://h; } }",
		"IL802"));
	CHECK(proxy_raises("server { location ~ ^/a$ { proxy_pass http://h; " UP
			   " } location = /a { proxy_pass http://h; } }",
		"IL802"));
	CHECK(!proxy_raises("server { location /live/ { proxy_pass http://h; " UP " } }"
			    "server { location ~* /LIVE { proxy_pass http://h; } }",
		"IL802"));
#undef UP
}

/* --- What is refused is an error, what is accepted is not --- */

static bool is_refusal(const struct lint_finding *f)
{
	return f->severity == RULEBOOK_ERROR && strncmp(f->rule->id, "IL0", 3) == 0;
}

static void check_verdict(const json_t *c, void *arg)
{
	const json_t *text = json_object_get(c, "config");
	struct span coded = span_str(text_of(c, "config_base64"));
	char *bytes = mem_alloc(coded.len + 1);
	size_t len = 0;
	bool refused = false;
	struct input in = {0};

	(void)arg;
	if (json_is_string(text))
		lint_text(&in, span_of(json_string_value(text), json_string_length(text)));
	else if (base64_decode(coded, BASE64_PADDED, bytes, coded.len, &len))
		lint_text(&in, span_of(bytes, len));
	for (size_t i = 0; i < in.lint.count; i++)
		refused = refused || is_refusal(&in.lint.findings[i]);
	CHECK_FOR(refused != json_is_true(json_object_get(c, "valid")), "%s", text_of(c, "id"));
	input_fini(&in);
	free(bytes);
}

static void test_refusals(void)
{
	CHECK(each_case("tests/corpus/ingress/validate.jsonl", check_verdict, NULL) == 1104);
}

/* --- Proofs --- */

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33);
}

static const char *const hosts[] = {
	"a.test", "b.test", "*.test", "*.a.test", "c.a.test", "", "B\xc3\xbc.test"};
static const char *const paths[] = {"", "^/a", "^/a/", "/a", "/b$", "^/(a|b)", "^/[ab]+$", "\\.\\.", "^/b?",
	"a|b", "(?i)^/A", "b^", "^/a\n", "^/x", "/", "^/$"};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void add_rules(struct buf *yaml, uint64_t *seed)
{
	buf_add_str(yaml, "ingress:\n");
	for (unsigned n = 1 + next_random(seed) % 6; n > 0; n--) {
		const char *host = hosts[next_random(seed) % COUNT(hosts)],
			   *path = paths[next_random(seed) % COUNT(paths)];
		if (host[0] == '\0' && path[0] == '\0')
			path = "^/q";
		buf_addf(yaml, "  - {hostname: \"%s\", path: ", host);
		json_t *quoted = json_string(path);
		char *text = json_dumps(quoted, JSON_ENCODE_ANY);
		buf_addf(yaml, "%s, service: \"http://h:%u\"}\n", text, 1 + next_random(seed) % 3);
		free(text);
		json_decref(quoted);
	}
	buf_add_str(yaml, "  - service: http_status:404\n");
}

/* Each rule tried by itself, in order. */
static size_t naive_match(const struct view *v, const char *host, struct span path)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *r = &v->rules[i];
		struct span name = span_str(host);
		bool host_fits = view_is_any(r->host) || span_eq(name, span_str(r->host)) ||
				 (r->punycode != NULL && span_eq(name, span_str(r->punycode))) ||
				 (view_is_wildcard(r->host) && span_ends(name, span_str(r->host + 1)));
		if (!host_fits)
			continue;
		if (r->set == NULL)
			return i;
		struct rx_scan *scan = rx_scan_new(r->set);
		bool path_fits = rx_scan_first(scan, path) == 0;
		rx_scan_free(scan);
		if (path_fits)
			return i;
	}
	return v->count;
}

/* Does any of some short paths on some hosts reach the rule? */
static bool is_reached_by_trial(const struct view *v, size_t rule)
{
	static const char *const tried[] = {
		"a.test", "b.test", "c.test", "c.a.test", "d.a.test", "z.example", "xn--b-xga.test"};
	static const char letters[] = {'a', 'b', '/', '.', 'x', 'A', '\n', 'q'};
	char path[4] = {'/'};

	for (size_t h = 0; h < COUNT(tried); h++)
		for (size_t number = 0; number < COUNT(letters) * COUNT(letters) * COUNT(letters); number++) {
			size_t rest = number;
			for (size_t i = 1; i < sizeof(path); i++, rest /= COUNT(letters))
				path[i] = letters[rest % COUNT(letters)];
			for (size_t len = 1; len <= sizeof(path); len++)
				if (naive_match(v, tried[h], span_of(path, len)) == rule)
					return true;
		}
	return false;
}

static void check_proofs(const struct view *v, const char *yaml, size_t *never)
{
	struct proof *p = proof_new(v);

	for (size_t i = 0; i < v->count; i++) {
		const struct proof_rule *known = proof_of(p, &v->rules[i]);
		CHECK_FOR(known->reach != PROOF_UNDECIDED, "%s", yaml);
		if (known->reach == PROOF_SERVES) {
			struct span path = span_of(known->path, known->path_len);
			CHECK_FOR(naive_match(v, known->host, path) == i, "rule %zu of %s", i, yaml);
			CHECK(proof_match(p, known->host, path) == i);
		} else {
			CHECK_FOR(!is_reached_by_trial(v, i), "rule %zu of %s", i, yaml);
			++*never;
		}
	}
	proof_free(p);
}

static void test_proofs(void)
{
	uint64_t seed = 7;
	size_t never = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct buf yaml = {0};
		struct view v;
		struct view_origin origin = {.file = "config.yml", .line = 1, .column = 1, .exact = true};
		add_rules(&yaml, &seed);
		view_init(&v, origin, buf_span(&yaml), RELEASE_2025);
		buf_add_char(&yaml, '\0');
		CHECK_FOR(v.fault == INGRESS_OK, "%s", buf_span(&yaml).p);
		if (v.fault == INGRESS_OK)
			check_proofs(&v, buf_span(&yaml).p, &never);
		view_fini(&v);
		buf_free(&yaml);
	}
	printf("# %zu rules never serve\n", never);
	CHECK(never > ROUNDS / 4);
}

TEST_MAIN(TEST(test_examples), TEST(test_own_examples), TEST(test_network_policies),
	TEST(test_proxy_examples), TEST(test_refusals), TEST(test_proofs))
