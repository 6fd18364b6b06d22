/* tunnel run: the connector. Flags are cloudflared's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/proto/url.h"
#include "tunnel/client.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/run_conf.h"

struct run_process {
	struct worker *worker;
	struct client *client;
	char *refused; /* why the edge refused for good; owned */
};

static void run_on_over(void *arg, const char *why)
{
	struct run_process *p = arg;

	if (why != NULL)
		p->refused = mem_strdup(why);
	loop_stop(p->worker->loop);
}

static void run_on_stop(void *arg)
{
	struct run_process *p = arg;

	client_stop(p->client);
}

static int run_client(const struct client_conf *conf, const struct log *log, struct err *err)
{
	struct run_process p = {.worker = worker_new(log, err)};
	int rc = -1;

	if (p.worker == NULL)
		return -1;
	p.client = client_start(p.worker, conf, run_on_over, &p, err);
	if (p.client != NULL) {
		struct loop_signal *term = loop_on_signal(p.worker->loop, SIGTERM, run_on_stop, &p);
		struct loop_signal *intr = loop_on_signal(p.worker->loop, SIGINT, run_on_stop, &p);
		loop_run(p.worker->loop);
		loop_signal_free(term);
		loop_signal_free(intr);
		rc = p.refused != NULL ? err_set(err, "%s", p.refused) : 0;
	}
	client_free(p.client);
	worker_free(p.worker);
	free(p.refused);
	return rc;
}

int cmd_run(int argc, char **argv)
{
	struct run_conf conf;
	struct log log = {.fd = 2, .level = LOG_INFO};
	struct err err = {0};
	int status = run_conf_read(&conf, argc, argv, &err);

	if (status == RUN_CONF_DONE)
		status = EXIT_OK;
	else if (status != EXIT_OK)
		status = out_die("tunnel run", &err, status);
	else {
		log.level = conf.level;
		if (run_client(&conf.client, &log, &err) < 0)
			status = out_die("tunnel run", &err, EXIT_CANNOT);
	}
	run_conf_free(&conf);
	return status;
}
