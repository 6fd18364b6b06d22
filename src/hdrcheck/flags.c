/* The table of options, and what they may be. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/version.h"
#include "common/proto/header.h"
#include "hdrcheck/flags.h"
#include "hdrcheck/policy.h"
#include "hdrcheck/suggest.h"

static const struct opt options[] = {
	{0, "hop", "NAME=URL", "the same page at a hop, from the outside in; repeat it",
		OPT_LIST(struct flags, hops), NULL},
	{0, "policy", "FILE", "what responses must be like (header-policy(5))",
		OPT_TEXT(struct flags, policy), "OUTBORE_HDRCHECK_POLICY"},
	{0, "profile", "NAME", "the same, built in: " POLICY_PROFILES, OPT_TEXT(struct flags, profile),
		"OUTBORE_HDRCHECK_PROFILE"},
	{0, "paths", "PATH,...", "look at these paths of each URL", OPT_LIST(struct flags, paths), NULL},
	{0, "deep", NULL,
		"look beside each page too: at a missing one, HEAD, both versions of HTTP, an asset,\n"
		"                                   a 304 and plain HTTP",
		OPT_BOOL(struct flags, fetch.deep), NULL},
	{0, "grade-at-least", "GRADE", "fail below this grade of the Observatory: A+, A, ... F",
		OPT_TEXT(struct flags, grade), NULL},
	{0, "fail-on", "SEVERITY",
		"the least finding that fails a target: error, warning, info (default error; with a\n"
		"                                   policy: only what it asks for)",
		OPT_TEXT(struct flags, fail_on_text), NULL},
	{0, "expect", "FILE", "fail where it is not as in this run, saved with --json",
		OPT_TEXT(struct flags, expect), NULL},
	{0, "suggest", "SERVER", "print the lines that reach the policy: " SUGGEST_SERVERS,
		OPT_TEXT(struct flags, suggest), NULL},
	{0, "algorithm", "N", "of the Observatory: 4 or 6 (default 6)",
		OPT_NUMBER(struct flags, algorithm, 4, 6), NULL},
	{0, "preload", "FILE", "the HSTS preload list, as JSON", OPT_TEXT(struct flags, preload),
		"OUTBORE_HDRCHECK_PRELOAD"},
	{0, "bypass-list", "PATH", "hosts that defeat policies, as csp_evaluator lists them",
		OPT_TEXT(struct flags, bypass_list), "OUTBORE_HDRCHECK_BYPASS_LIST"},
	{0, "from-curl", "FILE", "judge what `curl -i URL` wrote to FILE", OPT_TEXT(struct flags, from_curl),
		NULL},
	{0, "format", "FORMAT", "text, json, sarif, junit or github", OPT_TEXT(struct flags, format_text),
		"OUTBORE_HDRCHECK_FORMAT"},
	{0, "json", NULL, "one record a line: --format json", OPT_BOOL(struct flags, json), NULL},
	{0, "color", "WHEN", "auto, always or never", OPT_TEXT(struct flags, colour_text), NULL},
	{'q', "quiet", NULL, "no tests, no findings of the lowest severity", OPT_BOOL(struct flags, quiet),
		NULL},
	{0, "connect-to", "H1:P1:H2:P2", "connect to H2:P2 instead of H1:P1, as curl does",
		OPT_LIST(struct flags, fetch.connect_to), NULL},
	{0, "resolve", "HOST:PORT:ADDR", "the address of a host, as for curl",
		OPT_LIST(struct flags, fetch.resolve), NULL},
	{0, "cacert", "FILE", "trust these authorities", OPT_TEXT(struct flags, fetch.cacert), NULL},
	{'k', "insecure", NULL, "go on when the certificate does not hold, and report it",
		OPT_BOOL(struct flags, fetch.insecure), NULL},
	{'H', "header", "NAME:VALUE", "send this as well", OPT_LIST(struct flags, fetch.headers), NULL},
	{'A', "user-agent", "TEXT", "who asks", OPT_TEXT(struct flags, fetch.user_agent), NULL},
	{0, "timeout", "DURATION", "of one request (default 30s)",
		OPT_TIME(struct flags, fetch.timeout_ns, DURATION_MS, 3600 * DURATION_S), NULL},
	{0, "max-redirs", "N", "redirects that are followed (default 10)",
		OPT_NUMBER(struct flags, fetch.max_redirs, 0, 50), NULL},
	{0, "http1.1", NULL, "speak HTTP/1.1", OPT_BOOL(struct flags, fetch.http1), NULL},
	{0, "http2", NULL, "speak HTTP/2 over TLS where the server does", OPT_BOOL(struct flags, fetch.http2),
		NULL},
	{0},
};

static const struct opt_program program = {
	.name = "hdrcheck",
	.usage = "[OPTIONS] URL ... | -\n       hdrcheck explain ID|HEADER",
	.summary = "Audit the security headers of pages, or of responses that are read from standard input "
		   "(\"-\").",
	.more = "exit status: 0 good, 1 findings or a policy that is not met, 2 usage, 3 could not fetch or "
		"read\n",
	.options = options,
	.env_prefix = "OUTBORE_HDRCHECK_",
};

static int check_severity(struct flags *c, struct err *err)
{
	c->fail_on = c->policy != NULL || c->profile != NULL ? FLAGS_POLICY_ONLY : SEVERITY_ERROR;
	if (c->fail_on_text == NULL)
		return 0;
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_ERROR; s++)
		if (strcmp(c->fail_on_text, severity_name(s)) == 0) {
			c->fail_on = s;
			return 0;
		}
	return err_set(err, "--fail-on: \"%s\" is none of error, warning and info", c->fail_on_text);
}

static int check_output(struct flags *c, struct err *err)
{
	const char *colour = c->colour_text != NULL ? c->colour_text : "auto";

	c->format = c->json ? SHOW_JSON : SHOW_TEXT;
	if (c->format_text != NULL && !c->json && !show_format_of(c->format_text, &c->format))
		return err_set(err, "--format: \"%s\" is none of text, json, sarif, junit and github",
			c->format_text);
	if (strcmp(colour, "auto") == 0)
		c->colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	else if (strcmp(colour, "always") == 0 || strcmp(colour, "never") == 0)
		c->colour = colour[0] == 'a';
	else
		return err_set(err, "--color: \"%s\" is none of auto, always and never", colour);
	return 0;
}

static int check_policy(const struct flags *c, struct err *err)
{
	if (c->policy != NULL && c->profile != NULL)
		return err_set(err, "--policy and --profile exclude each other");
	if (c->profile != NULL && strcmp(c->profile, POLICY_OBSERVATORY) != 0 &&
		policy_profile(c->profile).p == NULL)
		return err_set(err, "--profile: \"%s\" is none of " POLICY_PROFILES, c->profile);
	if (c->suggest == NULL)
		return 0;
	if (!suggest_is_server(c->suggest))
		return err_set(err, "--suggest: \"%s\" is none of " SUGGEST_SERVERS, c->suggest);
	if (c->profile != NULL && strcmp(c->profile, POLICY_OBSERVATORY) == 0)
		return err_set(err, "--suggest: the profile observatory names no headers; use baseline");
	return 0;
}

/* A name is needed to speak of it, and must not be half of a URL with "=" in it. */
static int check_hop_list(const struct opt_list *hops, bool records, struct err *err)
{
	if (hops->count > HOPS_MAX - (records ? 1 : 0))
		return err_set(err, "--hop: at most %d", HOPS_MAX);
	if (hops->count == 1 && !records)
		return err_set(err, "--hop: there is nothing to compare one hop with");
	for (size_t i = 0; i < hops->count; i++) {
		struct span url, name = span_cut(span_str(hops->items[i]), '=', &url);
		if (name.len == 0 || url.len == 0 || span_find(name, '/') < name.len)
			return err_set(err, "--hop %s: not NAME=URL", hops->items[i]);
		for (size_t k = 0; k < i; k++)
			if (span_starts(span_str(hops->items[k]), span_of(name.p, name.len + 1)))
				return err_set(err, "--hop %s: the name is taken", hops->items[i]);
	}
	return 0;
}

/* The part of an address up to the next colon, an IPv6 address in brackets being one part. */
static struct span cut_part(struct span text, struct span *rest)
{
	size_t open = text.len > 0 && text.p[0] == '[' ? span_find(text, ']') : 0;
	struct span tail = span_cut(span_skip(text, open), ':', rest);

	return span_of(text.p, open + tail.len);
}

static bool is_port(struct span s)
{
	uint64_t n;

	return span_to_u64(s, 65535, &n);
}

/* H1:P1:H2:P2; what is empty stands for any, or the same. */
static bool is_connect_to(struct span text)
{
	struct span port, rest;

	cut_part(text, &rest);
	port = cut_part(rest, &rest);
	if (rest.p == NULL || (port.len > 0 && !is_port(port)))
		return false;
	cut_part(rest, &rest);
	return rest.p != NULL && (rest.len == 0 || is_port(rest));
}

static bool is_address(struct span s)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		s = span_of(s.p + 1, s.len - 2);
	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* [+]HOST:PORT:ADDR[,ADDR ...], or -HOST:PORT. */
static bool is_resolve(struct span text)
{
	struct span host, port, rest, item;
	bool drops = span_starts(text, SPAN("-"));

	host = cut_part(text, &rest);
	port = cut_part(rest, &rest);
	if (host.len == 0 || !is_port(port) || drops != (rest.p == NULL))
		return false;
	for (size_t n = 0; !drops; n++) {
		if (!span_next_item(&rest, &item))
			return n > 0;
		if (!is_address(item))
			return false;
	}
	return true;
}

/* libcurl leaves out what it does not understand, and does not say so. */
static int check_connection(const struct fetch_options *o, struct err *err)
{
	struct span value;

	for (size_t i = 0; i < o->headers.count; i++) {
		struct span name = span_cut(span_str(o->headers.items[i]), ':', &value);
		if (value.p == NULL || !header_is_token(name) || !header_is_value(span_trim(value)))
			return err_set(err, "--header: \"%s\" is not NAME:VALUE", o->headers.items[i]);
	}
	for (size_t i = 0; i < o->connect_to.count; i++)
		if (!is_connect_to(span_str(o->connect_to.items[i])))
			return err_set(
				err, "--connect-to: \"%s\" is not H1:P1:H2:P2", o->connect_to.items[i]);
	for (size_t i = 0; i < o->resolve.count; i++)
		if (!is_resolve(span_str(o->resolve.items[i])))
			return err_set(err, "--resolve: \"%s\" is not HOST:PORT:ADDR", o->resolve.items[i]);
	if (o->http1 && o->http2)
		return err_set(err, "--http1.1 and --http2 exclude each other");
	return 0;
}

static int check(struct flags *c, int argc, char **argv, struct err *err)
{
	if (c->algorithm != 4 && c->algorithm != 6)
		return err_set(err, "--algorithm: 4 or 6");
	if (c->grade != NULL && observatory_grade_at_least("F", c->grade) < 0)
		return err_set(err, "--grade-at-least: \"%s\" is no grade (A+, A, A-, ... F)", c->grade);
	bool records = argc == 1 && strcmp(argv[0], "-") == 0;
	if (check_hop_list(&c->hops, records, err) < 0)
		return -1;
	if (c->hops.count > 0 ? argc > 0 && !records : argc == 0)
		return err_set(err, c->hops.count > 0 ? "with --hop there are no other URLs, only \"-\""
						      : "which URL? see hdrcheck --help");
	if (c->from_curl != NULL && argc != 1)
		return err_set(err, "--from-curl takes one URL: the one that was asked for");
	if (check_connection(&c->fetch, err) < 0 || check_severity(c, err) < 0 || check_output(c, err) < 0)
		return -1;
	return check_policy(c, err);
}

enum opt_result flags_parse(struct flags *c, int *argc, char ***argv, struct err *err)
{
	struct opt_seen seen = {0};

	*c = (struct flags){
		.algorithm = 6,
		.fetch = {.timeout_ns = 30 * DURATION_S, .max_redirs = 10, .user_agent = "hdrcheck/" VERSION},
	};
	enum opt_result result = opt_parse(&program, c, &seen, argc, argv, err);
	if (result == OPT_RUN)
		result = opt_environment(&program, c, &seen, err);
	if (result == OPT_RUN && check(c, *argc, *argv, err) < 0)
		result = OPT_BAD;
	return result;
}

void flags_free(struct flags *c)
{
	opt_free(options, c);
}
