/* tunnel edge: ready message, signals. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/cmd/announce.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/edge_audit.h"
#include "tunnel/cmd/edge_conf.h"
#include "tunnel/cmd/edge_token.h"
#include "tunnel/cmd/process.h"

/* --- Ready message --- */

static void print_address(void *arg, const char *role, const char *address)
{
	(void)arg;
	fprintf(stderr, "%s %s\n", role, address);
}

static int edge_announce(const struct edge *e, const struct mgmt *api, bool json)
{
	const char *address = api != NULL ? mgmt_address(api) : NULL;

	if (!json) {
		edge_each_address(e, print_address, NULL);
		if (address != NULL)
			print_address(NULL, "api", address);
		return 0;
	}
	json_t *record = announce_record(e);
	if (address != NULL)
		announce_add(record, "api", address);
	return out_line(stdout, record);
}

/* --- Life --- */

struct edge_process {
	struct worker *worker;
	struct edge *edge;
	struct mgmt *api; /* NULL: none */
};

static void edge_on_stopped(void *arg)
{
	struct edge_process *p = arg;

	loop_stop(p->worker->loop);
}

/* The API goes last: whoever looks can see how the drain goes on, and what was asked is answered. */
static void edge_on_drained(void *arg)
{
	struct edge_process *p = arg;

	if (p->api != NULL)
		mgmt_stop(p->api, edge_on_stopped, p);
	else
		edge_on_stopped(p);
}

static void edge_on_stop(void *arg)
{
	struct edge_process *p = arg;

	edge_drain(p->edge, edge_on_drained, p);
}

/* For development: a certificate of the store in memory beside those of the edge. */
static int edge_dev_cert(const struct edge_flags *flags, struct edge_store *s, struct err *err)
{
	struct token_record record;
	struct buf text = {.max = 8192};
	char token[AUTH_TEXT_MAX];
	char *path = mem_printf("%s/cert.pem", flags->edge.dev_dir);
	int rc = edge_store_token(s, "development", true, token, &record, err);

	buf_reserve(&text, 8192);
	if (rc == 0) {
		edge_store_cert(s, token, &text);
		rc = fsx_write(path, buf_span(&text), 0600, err);
	}
	secret_wipe(token, sizeof(token));
	buf_wipe(&text);
	token_record_free(&record);
	free(path);
	return rc;
}

static int edge_open_store(struct edge_flags *flags, struct edge_store *s, struct err *err)
{
	if (flags->store.path == NULL && flags->api.listen == NULL)
		return 0;
	if (edge_store_open(&flags->store, STORE_SERVE, !flags->api.hashes_only, s, err) < 0)
		return -1;
	flags->edge.store = s->store;
	flags->api.seal = &s->seal;
	return 0;
}

/* Start what works on top of the edge. */
static int edge_start_api(
	struct edge_process *p, const struct edge_flags *flags, struct edge_store *s, struct err *err)
{
	if (flags->edge.store == NULL)
		return 0;
	if (flags->store.path == NULL && edge_dev_cert(flags, s, err) < 0)
		return -1;
	p->api = mgmt_start(p->edge, &flags->api, err);
	return p->api != NULL ? 0 : -1;
}

static int edge_run(struct edge_flags *flags, struct edge_store *s, struct err *err)
{
	const struct log log = {.fd = 2, .level = flags->level};
	struct edge_process p = {.worker = worker_new(&log, err)};
	int rc = -1;

	if (p.worker == NULL)
		return -1;
	if (edge_open_store(flags, s, err) == 0)
		p.edge = edge_start(p.worker, &flags->edge, err);
	if (p.edge != NULL && edge_start_api(&p, flags, s, err) == 0) {
		rc = edge_announce(p.edge, p.api, flags->json);
		if (rc == 0)
			process_run(p.worker, edge_on_stop, &p);
		else if (errno == EPIPE)
			rc = 0; /* nobody is left to be told */
		else
			err_sys(err, "stdout");
	}
	mgmt_free(p.api);
	edge_free(p.edge);
	worker_free(p.worker);
	return rc;
}

int cmd_edge(int argc, char **argv)
{
	struct edge_flags flags;
	struct edge_store store = {0};
	struct err err = {0};
	int status = EXIT_OK;

	if (argc > 0 && strcmp(argv[0], "token") == 0)
		return edge_token(argc - 1, argv + 1);
	if (argc > 0 && strcmp(argv[0], "cert") == 0)
		return edge_cert(argc - 1, argv + 1);
	if (argc > 0 && strcmp(argv[0], "audit") == 0)
		return edge_audit(argc - 1, argv + 1);

	switch (edge_flags_read(&flags, argc, argv, &err)) {
	case OPT_DONE: break;
	case OPT_BAD: status = out_die("tunnel edge", &err, EXIT_USAGE); break;
	case OPT_RUN:
		if (edge_run(&flags, &store, &err) < 0)
			status = out_die("tunnel edge", &err, EXIT_CANNOT);
		break;
	}
	edge_store_close(&store);
	edge_flags_free(&flags);
	return status;
}
