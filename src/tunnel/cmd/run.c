/* tunnel run: the connector. Flags are cloudflared's. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/client.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/notify.h"
#include "tunnel/cmd/process.h"
#include "tunnel/cmd/run_conf.h"

struct run_process {
	struct worker *worker;
	struct run_conf *conf;
	struct client *client;
	bool records; /* to be written still */
	bool wrote_pid;
	bool was_ready; /* a connection has registered */
	bool stopping;
	unsigned reloading; /* of the credentials, under way */
	char *refused;      /* why the edge refused for good; owned */
};

static void run_on_stop(void *arg)
{
	struct run_process *p = arg;

	p->stopping = true;
	notify_stopping(p->worker->log);
	client_stop(p->client);
}

static void run_on_hangup(void *arg)
{
	struct run_process *p = arg;

	client_reload(p->client);
}

/* --- Records --- */

static json_t *run_record_make(
	const struct run_process *p, const char *event, const char *status, const struct client_place *at)
{
	char tunnel[UUID_TEXT_LEN + 1];
	json_t *record = out_record("connection", "tunnel");

	uuid_print(&p->conf->cred.tunnel_id, tunnel);
	json_object_set_new(record, "target", json_pack("{s:s}", "tunnel", tunnel));
	json_object_set_new(record, "status", json_string(status));
	json_object_set_new(record, "event", json_string(event));
	json_object_set_new(record, "index", json_integer(at->index));
	json_object_set_new(record, "connector", json_string(at->connector));
	json_object_set_new(record, "edge", json_string(at->edge));
	/* What the edge sent may be no UTF-8. */
	json_t *place = json_string(at->location);
	json_object_set_new(record, "location", place != NULL ? place : json_string("\xef\xbf\xbd"));
	return record;
}

/* When the reader has gone, so has the reason to run: end quietly. A full disk is none. */
static void run_record_write(struct run_process *p, json_t *record)
{
	if (out_line(stdout, record) == 0)
		return;
	p->records = false;
	if (errno != EPIPE)
		log_line(p->worker->log, LOG_ERROR, "no more records: stdout failed", "errno=%d", errno);
	else if (!p->stopping)
		run_on_stop(p);
}

/* --- The connector's events --- */

static void run_write_pid(struct run_process *p)
{
	const char *path = p->conf->flags.pid_file;
	char text[24];
	struct err err;

	if (path == NULL || p->wrote_pid)
		return;
	p->wrote_pid = true;
	int len = snprintf(text, sizeof(text), "%d", (int)getpid());
	if (fsx_write(path, span_of(text, (size_t)len), 0644, &err) < 0)
		log_line(p->worker->log, LOG_ERROR, "pid file not written", "error=\"%s\"", err.text);
}

static void run_on_registered(void *arg, const struct client_place *at)
{
	struct run_process *p = arg;

	run_write_pid(p);
	if (!p->was_ready)
		notify_ready(p->worker->log);
	p->was_ready = true;
	if (p->records)
		run_record_write(p, run_record_make(p, "registered", "ok", at));
}

static void run_on_lost(void *arg, const struct client_place *at, const char *why, bool left)
{
	struct run_process *p = arg;

	if (!p->records)
		return;
	json_t *record =
		left ? run_record_make(p, "unregistered", "ok", at) : run_record_make(p, "lost", "warn", at);
	json_object_set_new(record, "reason", json_string(why));
	run_record_write(p, record);
}

static void run_on_reloading(void *arg)
{
	struct run_process *p = arg;

	if (p->reloading++ == 0 && p->was_ready)
		notify_reloading(p->worker->log);
}

static void run_on_reloaded(void *arg, enum client_reload result)
{
	struct run_process *p = arg;

	(void)result;
	if (--p->reloading == 0 && p->was_ready && !p->stopping)
		notify_ready(p->worker->log);
}

static void run_on_over(void *arg, const char *why)
{
	struct run_process *p = arg;

	if (why != NULL)
		p->refused = mem_strdup(why);
	loop_stop(p->worker->loop);
}

static const struct client_events run_events = {.registered = run_on_registered,
	.lost = run_on_lost,
	.reloading = run_on_reloading,
	.reloaded = run_on_reloaded,
	.over = run_on_over};

/* --- Life --- */

static int run_client(struct run_conf *conf, const struct log *log, struct err *err)
{
	struct run_process p = {.worker = worker_new(log, err), .conf = conf, .records = conf->flags.json};
	int rc = -1;

	if (p.worker == NULL)
		return -1;
	if (conf->flags.credentials_file != NULL && fsx_is_exposed(conf->flags.credentials_file))
		log_line(log, LOG_WARN, "everybody can read this secret; chmod o-r", "file=\"%s\"",
			conf->flags.credentials_file);
	p.client = client_start(p.worker, &conf->client, &run_events, &p, err);
	if (p.client != NULL) {
		/* The client has its own, and lets go of it when it is replaced. */
		secret_free(&conf->cred.secret);
		struct loop_signal *hangup = loop_on_signal(p.worker->loop, SIGHUP, run_on_hangup, &p);
		process_run(p.worker, run_on_stop, &p);
		loop_signal_free(hangup);
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
	struct err err = {0};
	int status = run_conf_read(&conf, argc, argv, &err);

	if (status == RUN_CONF_DONE) {
		status = EXIT_OK;
	} else if (status != EXIT_OK) {
		status = out_die("tunnel run", &err, status);
	} else {
		struct log log = {.fd = 2, .level = conf.level};
		run_conf_log(&conf, &log);
		if (run_client(&conf, &log, &err) < 0)
			status = out_die("tunnel run", &err, EXIT_CANNOT);
	}
	run_conf_free(&conf);
	return status;
}
