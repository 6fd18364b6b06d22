/* The options of `tunnel edge`, and what they must say together. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/proto/url.h"
#include "tunnel/cmd/edge_conf.h"
#include "tunnel/cmd/optfile.h"

#define GRACE_MAX (600 * DURATION_S)
#define RESPONSE_MAX (86400 * DURATION_S)
#define QUICK_TIME_MAX (86400 * DURATION_S)
#define LOCATION_MAX 24 /* letters and digits */

static const struct opt edge_options[] = {
	{0, "config", "FILE", "YAML: these options without dashes as keys, lists where they may be repeated",
		OPT_TEXT(struct edge_flags, config), NULL},
	{0, "listen", "ADDR:PORT", "public TLS (repeatable; port 0 takes a free one)",
		OPT_LIST(struct edge_flags, edge.listen_tls), NULL},
	{0, "listen-http", "ADDR:PORT", "public plain HTTP (repeatable)",
		OPT_LIST(struct edge_flags, edge.listen_http), NULL},
	{0, "tunnel-listen", "ADDR:PORT", "where connectors dial in (repeatable)",
		OPT_LIST(struct edge_flags, edge.listen_tunnel), NULL},
	{0, "cert", "FILE", "public certificate chain, PEM (repeatable, chosen by SNI)",
		OPT_LIST(struct edge_flags, edge.certs), NULL},
	{0, "key", "FILE", "its key, in the same order", OPT_LIST(struct edge_flags, edge.keys), NULL},
	{0, "tunnel-cert", "FILE", "certificate for h2.cftunnel.com, PEM",
		OPT_TEXT(struct edge_flags, edge.tunnel_cert), NULL},
	{0, "tunnel-key", "FILE", "its key", OPT_TEXT(struct edge_flags, edge.tunnel_key), NULL},
	{0, "dev", "DIR", "development CA and certificates, made there on first use",
		OPT_TEXT(struct edge_flags, edge.dev_dir), NULL},
	{0, "credentials", "FILE", "a tunnel that may register (repeatable)",
		OPT_LIST(struct edge_flags, edge.credentials), NULL},
	{0, "route", "HOST=TUNNEL", "send HOST (NAME, *.NAME or *) to a tunnel, by id or name (repeatable)",
		OPT_LIST(struct edge_flags, edge.routes), NULL},
	STORE_FLAG_ROWS(struct edge_flags, store),
	{0, "hashes-only", NULL, "keep hashes of secrets only: they cannot be asked for",
		OPT_BOOL(struct edge_flags, api.hashes_only), NULL},
	{0, "api", "ADDR:PORT", "serve the management API (tunnel-api(7))",
		OPT_TEXT(struct edge_flags, api.listen), NULL},
	{0, "api-cert", "FILE", "its certificate chain, PEM", OPT_TEXT(struct edge_flags, api.cert), NULL},
	{0, "api-key", "FILE", "and its key", OPT_TEXT(struct edge_flags, api.key), NULL},
	{0, "domain", "NAME", "what completes a host name without a dot in the API",
		OPT_TEXT(struct edge_flags, api.domain), NULL},
	{0, "quick-domain", "NAME", "make quick tunnels for anybody, below NAME, at POST /tunnel of the API",
		OPT_TEXT(struct edge_flags, api.quick_domain), NULL},
	{0, "quick-max", "N", "quick tunnels at a time (default 100)",
		OPT_NUMBER(struct edge_flags, api.quick_max, 1, 10000), NULL},
	{0, "quick-per-address", "N", "quick tunnels an hour from one address (default 5)",
		OPT_NUMBER(struct edge_flags, api.quick_per_address, 1, 1000), NULL},
	{0, "quick-first", "DURATION", "how long one waits for its first connection (default 5m)",
		OPT_TIME(struct edge_flags, api.quick_first_ns, DURATION_S, QUICK_TIME_MAX), NULL},
	{0, "quick-idle", "DURATION", "and how long it lasts after its last one (default 10m)",
		OPT_TIME(struct edge_flags, api.quick_idle_ns, DURATION_S, QUICK_TIME_MAX), NULL},
	{0, "public-port", "PORT", "of the addresses told to users of quick tunnels (default 443)",
		OPT_NUMBER(struct edge_flags, api.public_port, 1, 65535), NULL},
	{0, "official-only", NULL, "no overlap of secrets: a change ends the old one at once",
		OPT_BOOL(struct edge_flags, edge.official_only), NULL},
	{0, "metrics", "ADDR:PORT", "serve /metrics, /ready and /healthcheck",
		OPT_TEXT(struct edge_flags, edge.metrics), NULL},
	{0, "access-log", "FILE", "JSON lines, one a request; - for stdout",
		OPT_TEXT(struct edge_flags, edge.access_log), NULL},
	{0, "headers", "FILE", "what responses get and lose on their way out (header-policy(5))",
		OPT_TEXT(struct edge_flags, edge.headers), NULL},
	{0, "response-timeout", "DURATION",
		"how long an answer may take to begin (default 100s; 0: for ever)",
		OPT_TIME(struct edge_flags, edge.response_ns, 0, RESPONSE_MAX), NULL},
	{0, "grace-period", "DURATION", "how long draining may take (default 30s)",
		OPT_TIME(struct edge_flags, edge.grace_ns, 0, GRACE_MAX), NULL},
	{0, "location", "NAME", "place code of request ids and registrations (default LOC)",
		OPT_TEXT(struct edge_flags, edge.location), NULL},
	{0, "loglevel", "LEVEL", "debug, info, warn or error (default info)",
		OPT_TEXT(struct edge_flags, log_level), NULL},
	{'j', "json", NULL, "one record on stdout when ready", OPT_BOOL(struct edge_flags, json), NULL},
	{0},
};

static const struct opt_program edge_program = {.name = "tunnel edge",
	.usage = "[OPTIONS]",
	.summary = "The public side: takes visitors in and sends their requests through tunnels.",
	.more = "exit status: 0 stopped by a signal, 2 usage, 3 cannot listen or load\n",
	.options = edge_options};

/* --- Checks --- */

static int check_addresses(const char *option, const struct opt_list *addresses, struct err *err)
{
	struct url_authority parsed;

	for (size_t i = 0; i < addresses->count; i++)
		if (url_parse_address(span_str(addresses->items[i]), &parsed, err) < 0)
			return err_wrap(err, "%s %s", option, addresses->items[i]);
	return 0;
}

static int check_listeners(const struct edge_conf *c, struct err *err)
{
	const struct opt_list metrics = {(const char **)&c->metrics, c->metrics != NULL, NULL};

	if (c->listen_tunnel.count == 0)
		return err_set(err, "--tunnel-listen ADDR:PORT is needed: where connectors dial in");
	if (c->listen_tls.count + c->listen_http.count == 0)
		return err_set(err, "--listen or --listen-http ADDR:PORT is needed: where visitors come in");
	if (check_addresses("--listen", &c->listen_tls, err) < 0 ||
		check_addresses("--listen-http", &c->listen_http, err) < 0 ||
		check_addresses("--tunnel-listen", &c->listen_tunnel, err) < 0)
		return -1;
	return check_addresses("--metrics", &metrics, err);
}

static int check_certificates(const struct edge_conf *c, struct err *err)
{
	if (c->certs.count != c->keys.count)
		return err_set(err, "--cert and --key come in pairs: %zu and %zu given", c->certs.count,
			c->keys.count);
	if ((c->tunnel_cert == NULL) != (c->tunnel_key == NULL))
		return err_set(err, "--tunnel-cert and --tunnel-key come as a pair: one is missing");
	if (c->tunnel_cert == NULL && c->dev_dir == NULL)
		return err_set(
			err, "--tunnel-cert and --tunnel-key are needed, or --dev DIR for development");
	if (c->listen_tls.count > 0 && c->certs.count == 0 && c->dev_dir == NULL)
		return err_set(err, "--listen needs --cert and --key, or --dev DIR for development");
	return 0;
}

/* Whether their tunnels exist is known when the credentials are. */
static int check_routes(const struct edge_conf *c, struct err *err)
{
	struct registry *scratch = registry_new();
	int rc = 0;

	for (size_t i = 0; i < c->routes.count && rc == 0; i++) {
		struct span tunnel, host = span_cut(span_str(c->routes.items[i]), '=', &tunnel);
		if (tunnel.len == 0)
			rc = err_set(err, "not HOST=TUNNEL");
		else
			rc = registry_route(scratch, host, NULL, err);
		if (rc < 0)
			err_wrap(err, "--route %s", c->routes.items[i]);
	}
	registry_free(scratch);
	return rc;
}

static int check_location(const char *location, struct err *err)
{
	size_t len = strlen(location);

	if (len < 1 || len > LOCATION_MAX)
		return err_set(err, "--location: 1 to %d letters and digits", LOCATION_MAX);
	for (const char *c = location; *c != '\0'; c++)
		if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
			return err_set(err, "--location %s: only letters and digits", location);
	return 0;
}

static int check_domain(const char *option, const char *domain, struct err *err)
{
	struct url_authority host;

	if (domain == NULL)
		return 0;
	bool is_lower = registry_is_pattern(span_str(domain)) && domain[0] != '*';
	if (!is_lower || !url_split_authority(span_str(domain), &host) || host.port >= 0)
		return err_set(err, "%s %s: not a host name in lower case", option, domain);
	return 0;
}

/* Without TLS secrets would cross the network as they are. */
static int check_api(const struct edge_flags *f, struct err *err)
{
	const struct mgmt_conf *api = &f->api;
	const struct opt_list listen = {(const char **)&api->listen, api->listen != NULL, NULL};
	struct url_authority parsed;

	if ((api->cert == NULL) != (api->key == NULL))
		return err_set(err, "--api-cert and --api-key come as a pair: one is missing");
	if (api->listen == NULL)
		return api->cert == NULL && api->quick_domain == NULL
			       ? 0
			       : err_set(err, "--api-cert and --quick-domain are of use with --api ADDR:PORT "
					      "only");
	if (check_domain("--domain", api->domain, err) < 0 ||
		check_domain("--quick-domain", api->quick_domain, err) < 0)
		return -1;
	if (f->store.path == NULL && f->edge.dev_dir == NULL)
		return err_set(err, "--api needs --store FILE, where tunnels are kept");
	if (check_addresses("--api", &listen, err) < 0)
		return -1;
	url_parse_address(span_str(api->listen), &parsed, err);
	bool is_local = span_starts(parsed.host, SPAN("127.")) || span_eq(parsed.host, SPAN("::1"));
	if (api->cert == NULL && !is_local)
		return err_set(err, "--api %s: beyond this machine the API needs --api-cert and --api-key",
			api->listen);
	return 0;
}

static int edge_check(struct edge_flags *f, struct err *err)
{
	const struct edge_conf *c = &f->edge;

	if (!log_level_parse(span_str(f->log_level), &f->level))
		return err_set(err, "--loglevel %s: not one of debug, info, warn, error", f->log_level);
	if (c->access_log != NULL && strcmp(c->access_log, "-") == 0 && f->json)
		return err_set(err, "--access-log - and --json would both write to stdout");
	if (check_api(f, err) < 0 || check_listeners(c, err) < 0 || check_certificates(c, err) < 0 ||
		check_routes(c, err) < 0)
		return -1;
	return check_location(c->location, err);
}

/* --- All together --- */

enum opt_result edge_flags_read(struct edge_flags *f, int argc, char **argv, struct err *err)
{
	struct opt_seen seen = {0};

	*f = (struct edge_flags){
		.edge = {.location = "LOC", .grace_ns = 30 * DURATION_S, .response_ns = 100 * DURATION_S},
		.api = {.quick_max = 100,
			.quick_per_address = 5,
			.quick_first_ns = 300 * DURATION_S,
			.quick_idle_ns = 600 * DURATION_S,
			.public_port = 443},
		.log_level = "info"};
	enum opt_result result = opt_parse(&edge_program, f, &seen, &argc, &argv, err);
	if (result != OPT_RUN)
		return result;
	if (argc > 0) {
		err_set(err, "unexpected argument \"%s\"; see tunnel edge --help", argv[0]);
		return OPT_BAD;
	}
	if (f->config != NULL && optfile_apply(f->config, edge_options, &seen, f, &f->text, err) < 0)
		return OPT_BAD;
	return edge_check(f, err) < 0 ? OPT_BAD : OPT_RUN;
}

void edge_flags_free(struct edge_flags *f)
{
	opt_free(edge_options, f);
	yaml_tree_free(f->text);
}
