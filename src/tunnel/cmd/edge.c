/* tunnel edge: ready message, signals. */
#include <errno.h>
#include <stdio.h>

#include "common/base/out.h"
#include "tunnel/cmd/announce.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/edge_conf.h"
#include "tunnel/cmd/process.h"

/* --- Ready message --- */

static void print_address(void *arg, const char *role, const char *address)
{
	(void)arg;
	fprintf(stderr, "%s %s\n", role, address);
}

static int edge_announce(const struct edge *e, bool json)
{
	if (!json) {
		edge_each_address(e, print_address, NULL);
		return 0;
	}
	return out_line(stdout, announce_record(e));
}

/* --- Life --- */

struct edge_process {
	struct worker *worker;
	struct edge *edge;
};

static void edge_on_drained(void *arg)
{
	struct edge_process *p = arg;

	loop_stop(p->worker->loop);
}

static void edge_on_stop(void *arg)
{
	struct edge_process *p = arg;

	edge_drain(p->edge, edge_on_drained, p);
}

static int edge_run(const struct edge_flags *flags, struct err *err)
{
	const struct log log = {.fd = 2, .level = flags->level};
	struct edge_process p = {.worker = worker_new(&log, err)};
	int rc = -1;

	if (p.worker == NULL)
		return -1;
	p.edge = edge_start(p.worker, &flags->edge, err);
	if (p.edge != NULL) {
		rc = edge_announce(p.edge, flags->json);
		if (rc == 0)
			process_run(p.worker, edge_on_stop, &p);
		else if (errno == EPIPE)
			rc = 0; /* nobody is left to be told */
		else
			err_sys(err, "stdout");
	}
	edge_free(p.edge);
	worker_free(p.worker);
	return rc;
}

int cmd_edge(int argc, char **argv)
{
	struct edge_flags flags;
	struct err err = {0};
	int status = EXIT_OK;

	switch (edge_flags_read(&flags, argc, argv, &err)) {
	case OPT_DONE: break;
	case OPT_BAD: status = out_die("tunnel edge", &err, EXIT_USAGE); break;
	case OPT_RUN:
		if (edge_run(&flags, &err) < 0)
			status = out_die("tunnel edge", &err, EXIT_CANNOT);
		break;
	}
	edge_flags_free(&flags);
	return status;
}
