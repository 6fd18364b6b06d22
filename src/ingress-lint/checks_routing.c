/* Which rule serves what: rules that hide one another, and hostnames. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "ingress-lint/lint.h"
#include "ingress-lint/proof.h"

#define PAIRS_MAX 2000 /* of rules that are compared with one another, in a file */

#define ACME "/.well-known/acme-challenge/"

/* --- Rules that hide one another --- */

static void add_takers(struct buf *out, const struct view *v, const struct proof_rule *known)
{
	for (size_t i = 0; i < known->taker_count; i++) {
		char *name = view_rule_name(&v->rules[known->takers[i]]);
		buf_addf(out, "%s%s", i > 0 ? ", " : "", name);
		free(name);
	}
	buf_add_char(out, '\0');
}

/* The last rule has to be there, whether it serves or not. */
static void shadowed(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct buf takers = {0};

	if (l->proof == NULL || r->number == v->count)
		return;
	const struct proof_rule *known = proof_of(l->proof, r);
	if (known->reach == PROOF_UNDECIDED)
		lint_find_as(l, RULEBOOK_INFO, r->node->start,
			"rule %zu: not decided whether earlier rules leave it a request", r->number);
	if (known->reach != PROOF_NEVER || known->taker_count == 0)
		return;
	char *name = view_rule_name(r);
	add_takers(&takers, v, known);
	lint_find(l, r->node->start, "%s never runs: %s take%s all its requests (proven)", name,
		buf_span(&takers).p, known->taker_count == 1 ? "s" : "");
	const struct view_rule *first = &v->rules[known->takers[0]];
	struct buf path = {0};
	if (proof_both(l->proof, r->set, first->set, &path) == RX_SOME)
		lint_witness(l, proof_url(known->host, buf_span(&path)));
	buf_free(&path);
	buf_free(&takers);
	free(name);
}

static bool is_open(const struct view_rule *r)
{
	return r->fault == INGRESS_OK && r->target.kind != INGRESS_STATUS && !view_is_protected(r);
}

/* A path through the open rule that a careless origin takes for one of the guarded rule; NULL when there is none. */
static char *detour(struct lint *l, const struct view_rule *open, const struct view_rule *guarded,
	const struct rx_set *dots)
{
	const struct proof_rule *aim = proof_of(l->proof, guarded);
	struct buf path = {0};
	char *url = NULL;

	if (proof_reaches(l->proof, open, dots, &path) == RX_SOME && aim->path != NULL) {
		size_t len = buf_len(&path);
		buf_add(&path, aim->path + 1, aim->path_len - 1);
		if (proof_match(l->proof, aim->host, buf_span(&path)) != open->number - 1)
			path.tail = path.head + (guarded->expr[0] == '\0' ? len : 0);
		if (buf_len(&path) > 0)
			url = proof_url(aim->host, buf_span(&path));
	}
	buf_free(&path);
	return url;
}

static void protection(struct lint *l, const struct view *v)
{
	struct proof_set dots;
	size_t pairs = 0;

	if (l->proof == NULL || !proof_set_init(&dots, "^/[a-zA-Z0-9._~/-]*/\\.\\./$"))
		return;
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *guarded = &v->rules[i];
		if (!view_is_protected(guarded) || view_is_any(guarded->host))
			continue;
		for (size_t k = 0; k < v->count && pairs < PAIRS_MAX; k++) {
			const struct view_rule *open = &v->rules[k];
			if (!is_open(open) || strcmp(open->host, guarded->host) != 0)
				continue;
			pairs++;
			char *url = detour(l, open, guarded, dots.set);
			if (url == NULL)
				continue;
			lint_find(l, open->node->start,
				"rule %zu is open and rule %zu guarded, told apart by the path alone, in "
				"which dot segments stay",
				open->number, guarded->number);
			lint_witness(l, url);
		}
	}
	proof_set_fini(&dots);
}

static void acme(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct proof_set challenge;
	struct buf path = {0};

	if (l->proof == NULL || r->set == NULL || strstr(r->expr, "acme-challenge") == NULL ||
		!proof_set_init(&challenge, "^/\\.well-known/acme-challenge/[a-z]"))
		return;
	const char *host = proof_of(l->proof, r)->host;
	if (proof_both(l->proof, r->set, challenge.set, &path) == RX_SOME) {
		size_t serves = proof_match(l->proof, host, buf_span(&path));
		if (serves + 1 < r->number) {
			lint_find(l, r->path->start,
				"rule %zu is for ACME challenges, and rule %zu takes them", r->number,
				serves + 1);
			lint_witness(l, proof_url(host, buf_span(&path)));
		}
	}
	(void)v;
	buf_free(&path);
	proof_set_fini(&challenge);
}

/* Has the rule's own sample no place in set? That settles most questions before they are asked. */
static bool leaves_sample(const struct proof_rule *known, const struct rx_set *set)
{
	if (set == NULL || known->is_strange)
		return false;
	struct rx_scan *scan = rx_scan_new(set);
	bool matches = rx_scan_first(scan, span_of(known->path, known->path_len)) == 0;
	rx_scan_free(scan);
	return !matches;
}

/* What this rule takes the next one would take just so. */
static void redundant(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct buf path = {0};

	if (l->proof == NULL || r->number == v->count || proof_of(l->proof, r)->reach != PROOF_SERVES)
		return;
	const struct view_rule *next = r + 1;
	if (view_host_covers(next->host, r->host) && !leaves_sample(proof_of(l->proof, r), next->set) &&
		lint_is_alike(v, r, next) && proof_only(l->proof, r->set, next->set, &path) == RX_NONE)
		lint_find(l, r->node->start,
			"rule %zu changes nothing: rule %zu would serve its requests in the same way",
			r->number, next->number);
	buf_free(&path);
}

static void stream_and_http(struct lint *l, const struct view *v)
{
	size_t pairs = 0;

	for (size_t i = 0; i < v->count && l->proof != NULL; i++) {
		const struct view_rule *stream = &v->rules[i];
		if (!view_is_stream(stream))
			continue;
		for (size_t k = 0; k < v->count && pairs < PAIRS_MAX; k++) {
			const struct view_rule *http = &v->rules[k];
			struct buf path = {0};
			if (!view_is_http(http) || view_is_any(http->host) ||
				strcmp(http->host, stream->host) != 0)
				continue;
			pairs++;
			if (proof_both(l->proof, stream->set, http->set, &path) == RX_SOME) {
				const struct view_rule *later = stream->number > http->number ? stream : http;
				const struct view_rule *earlier = later == stream ? http : stream;
				lint_find(l, later->node->start,
					"rule %zu (%s) and rule %zu (%s) share a host; the first serves, "
					"whatever the client speaks",
					earlier->number, earlier->target.text, later->number,
					later->target.text);
				lint_witness(l, proof_url(proof_of(l->proof, later)->host, buf_span(&path)));
			}
			buf_free(&path);
		}
	}
}

static void catch_all_proxies(struct lint *l, const struct view *v)
{
	if (v->count < 2)
		return;
	const struct view_rule *last = &v->rules[v->count - 1];
	if (last->fault == INGRESS_OK && last->target.kind != INGRESS_STATUS && view_is_any(last->host))
		lint_find(l, last->service->start, "whatever no rule names goes to %s", last->target.text);
}

/* --- Hostnames --- */

static void misses_apex(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct view_rule *last = &v->rules[v->count - 1];

	if (!view_is_wildcard(r->host) || r->host[2] == '\0' || last->fault != INGRESS_OK ||
		last->target.kind != INGRESS_STATUS)
		return;
	struct span apex = span_str(r->host + 2);
	if (names_count(&v->names, apex) == 0 && span_find(apex, '.') < apex.len)
		lint_find(l, r->hostname->start, "%s does not match %s, which gets the last rule", r->host,
			r->host + 2);
}

static void without_dot(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->host[0] != '*' || view_is_any(r->host) || view_is_wildcard(r->host))
		return;
	char *better = mem_printf("*.%s", r->host + 1);
	lint_find(l, r->hostname->start, "hostname %s matches no host; write *.%s", r->host, r->host + 1);
	lint_fix(l, r->hostname, better, LINT_QUOTES_SOME);
	free(better);
}

/* Why no DNS name looks like that; NULL when one may. */
static const char *not_a_name(struct span name)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	struct span rest = name;

	if (span_starts(name, SPAN("*.")))
		rest = span_skip(name, 2);
	if (name.len < sizeof(text)) {
		memcpy(text, name.p, name.len);
		text[name.len] = '\0';
		if (inet_pton(AF_INET, text, bytes) == 1)
			return "is an address; requests come by name";
	}
	for (size_t i = 0; i < rest.len; i++)
		if (strchr("/ :,%'\"\\^$()[]{}|?+<>@#;=&*", rest.p[i]) != NULL ||
			(unsigned char)rest.p[i] < 0x20)
			return "holds a character that no name has";
	if (rest.len > 0 && rest.p[rest.len - 1] == '.')
		return "ends with a dot, which browsers do not send";
	while (rest.p != NULL) {
		struct span label = span_cut(rest, '.', &rest);
		if (label.len == 0)
			return "has an empty label";
		if (label.len > 63)
			return "has a label of more than 63 bytes";
	}
	return NULL;
}

static void not_a_hostname(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host;

	(void)v;
	if (view_is_any(r->host) || hostname_split_port(span_str(r->host), &host) ||
		hostname_has_bad_wildcard(span_str(r->host)) ||
		(r->host[0] == '*' && !view_is_wildcard(r->host)))
		return;
	const char *why = not_a_name(span_str(r->punycode != NULL ? r->punycode : r->host));
	if (why != NULL)
		lint_find(l, r->hostname->start, "hostname \"%s\" %s", r->host, why);
}

static char *lower(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *c = copy; *c != '\0'; c++)
		*c = span_lower(*c);
	return copy;
}

static void hostname_case(struct lint *l, const struct view *v, const struct view_rule *r)
{
	char *better = lower(r->host);

	if (strcmp(better, r->host) == 0) {
		free(better);
		return;
	}
	if (r->punycode != NULL)
		lint_find_as(
			l, RULEBOOK_INFO, r->hostname->start, "hostname %s: write it in lower case", r->host);
	else if (names_count(&v->names, span_str(better)) > 0)
		lint_find(l, r->hostname->start,
			"hostname %s differs only in case from another rule's, and never matches %s", r->host,
			better);
	else
		lint_find(l, r->hostname->start,
			"hostname %s never matches a host in lower case, which browsers send", r->host);
	lint_fix(l, r->hostname, better, LINT_QUOTES_SAME);
	if (l->proof != NULL && r->punycode == NULL) {
		char *host = mem_printf("%s%s", view_is_wildcard(better) ? "any" : "",
			better + (view_is_wildcard(better) ? 1 : 0));
		lint_witness(l, proof_url(host, SPAN("/")));
		free(host);
	}
	free(better);
}

static void wildcard_idn(struct lint *l, const struct view *v, const struct view_rule *r)
{
	bool ascii = true;

	(void)v;
	for (const char *c = r->host; *c != '\0'; c++)
		ascii = ascii && (unsigned char)*c < 0x80;
	if (ascii || !view_is_wildcard(r->host))
		return;
	char *form = hostname_punycode(span_str(r->host + 2));
	lint_find(l, r->hostname->start, "hostname %s never matches; write *.%s", r->host,
		form != NULL ? form : "and its xn-- form");
	free(form);
}

const struct lint_check checks_routing[] = {
	{"IL104", shadowed, NULL},
	{"IL106", misses_apex, NULL},
	{"IL107", without_dot, NULL},
	{"IL108", not_a_hostname, NULL},
	{"IL109", hostname_case, NULL},
	{"IL110", wildcard_idn, NULL},
	{"IL114", NULL, protection},
	{"IL115", acme, NULL},
	{"IL116", NULL, catch_all_proxies},
	{"IL117", redundant, NULL},
	{"IL118", NULL, stream_and_http},
	{0},
};
