/* wscat bench: connections to a server that echoes; how many messages come back, and how soon. With --rate a round trip is
 * counted from the moment the message was due, not from when it could be sent: a server that stalls is charged for all
 * that had to wait (no coordinated omission). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/cmd.h"
#include "wscat/hist.h"
#include "wscat/peer.h"

#define FLIGHT_MAX 4096 /* messages of one connection under way */
#define TICK_MS 1       /* how often due messages are looked for */
#define BAR_WIDTH 40

struct bench_conf {
	struct client_conf client; /* first: its option rows are shared */
	int64_t connections, size, rate, time_ns, warmup_ns, flight;
	bool json, binary;
};

static const struct opt options[] = {
	CLIENT_OPTIONS,
	{'c', "connections", "N", "connections (default 10)",
		OPT_NUMBER(struct bench_conf, connections, 1, 100000), NULL},
	{'S', "size", "BYTES", "size of a message (default 64)",
		OPT_NUMBER(struct bench_conf, size, 0, INT64_C(1) << 26), NULL},
	{'R', "rate", "N",
		"messages a second, over all connections; without it as many as the server answers",
		OPT_NUMBER(struct bench_conf, rate, 1, 10000000), NULL},
	{'f', "in-flight", "N", "without --rate: messages of a connection under way at once (default 1)",
		OPT_NUMBER(struct bench_conf, flight, 1, FLIGHT_MAX), NULL},
	{'t', "time", "TIME", "measure for so long (default 10s)",
		OPT_TIME(struct bench_conf, time_ns, 100 * DURATION_MS, INT64_C(24) * 3600 * DURATION_S),
		NULL},
	{0, "warm-up", "TIME", "and count nothing for so long before (default 1s)",
		OPT_TIME(struct bench_conf, warmup_ns, 0, 3600 * DURATION_S), NULL},
	{'b', "binary", NULL, "binary messages", OPT_BOOL(struct bench_conf, binary), NULL},
	{0, "json", NULL, "one record", OPT_BOOL(struct bench_conf, json), NULL},
	{0},
};

static const struct opt_program program = {
	.name = "wscat bench",
	.env_prefix = "OUTBORE_WSCAT_",
	.usage = "[OPTIONS] URL",
	.summary = "Message rate and round trips of a WebSocket server that echoes.",
	.options = options,
};

struct bench;

struct runner {
	struct bench *bench;
	struct peer *peer;
	bool open;
	uint64_t next_due_us;         /* with a rate */
	uint64_t sent_us[FLIGHT_MAX]; /* when those under way were sent, or due; a ring */
	uint32_t head, flight;
};

struct bench {
	const struct bench_conf *conf;
	struct env env;
	struct target target;
	struct runner **runners;
	size_t opened, failed, over;
	bool counting, stopping;
	uint64_t interval_us; /* between two messages of one connection; 0: without a rate */
	uint64_t from_us;     /* the first messages went, or counting began */
	uint64_t took_us;     /* for so long was counted */
	char *payload;
	struct hist hist;
	uint64_t messages, wrong;
	struct loop_timer tick, end, quit;
	char first_failure[ERR_MAX];
	bool interrupted;
};

static void send_one(struct runner *r, uint64_t when_us)
{
	struct bench *b = r->bench;

	if (peer_send(r->peer, b->conf->binary ? WS_BINARY : WS_TEXT,
		    span_of(b->payload, (size_t)b->conf->size)) < 0)
		return;
	r->sent_us[(r->head + r->flight) % FLIGHT_MAX] = when_us;
	r->flight++;
}

/* Fill up to what may be under way; or send what is due. */
static void runner_go(struct runner *r)
{
	struct bench *b = r->bench;
	uint64_t now = loop_clock_us();

	if (!r->open || b->stopping || b->opened + b->failed < (size_t)b->conf->connections)
		return;
	if (b->interval_us == 0) {
		while (r->flight < b->conf->flight && peer_backlog(r->peer) < WS_CONN_OUT_HIGH)
			send_one(r, loop_clock_us());
		return;
	}
	while (r->next_due_us <= now && r->flight < FLIGHT_MAX) {
		send_one(r, r->next_due_us);
		r->next_due_us += b->interval_us;
	}
}

static void bench_begin(struct bench *b);

static void runner_on_open(void *arg)
{
	struct runner *r = arg;

	r->open = true;
	r->bench->opened++;
	bench_begin(r->bench);
}

static void runner_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct runner *r = arg;
	struct bench *b = r->bench;

	(void)opcode;
	if (r->flight == 0 || message.len != (size_t)b->conf->size) {
		b->wrong++;
		return;
	}
	uint64_t took = loop_clock_us() - r->sent_us[r->head];
	r->head = (r->head + 1) % FLIGHT_MAX;
	r->flight--;
	if (b->counting) {
		b->messages++;
		hist_add(&b->hist, took);
	}
	runner_go(r);
}

static void runner_on_over(void *arg)
{
	struct runner *r = arg;
	struct bench *b = r->bench;
	const struct peer_report *p = peer_report(r->peer);

	if (!b->stopping) {
		b->failed++;
		if (b->first_failure[0] == '\0')
			snprintf(b->first_failure, sizeof(b->first_failure), "%s",
				p->opened ? (p->end != NULL ? p->end : "lost") : p->why);
		if (r->open)
			b->opened--;
	}
	r->open = false;
	b->over++;
	if (b->over == (size_t)b->conf->connections) {
		if (b->counting)
			b->took_us = loop_clock_us() - b->from_us;
		loop_stop(b->env.loop);
	} else {
		bench_begin(b);
	}
}

/* Once all connections have opened or failed: the first messages, and the clock. */
static void bench_begin(struct bench *b)
{
	size_t all = (size_t)b->conf->connections;

	if (b->opened + b->failed < all || b->from_us != 0 || b->opened == 0)
		return;
	b->from_us = loop_clock_us();
	for (size_t i = 0; i < all; i++) {
		/* Spread over the interval, so that not all are due at once. */
		b->runners[i]->next_due_us = b->from_us + b->interval_us * i / all;
		runner_go(b->runners[i]);
	}
	if (b->interval_us > 0)
		loop_timer_start(&b->tick, TICK_MS);
	loop_timer_start(&b->end, (uint64_t)(b->conf->warmup_ns / DURATION_MS));
}

static void bench_on_tick(void *arg)
{
	struct bench *b = arg;

	loop_timer_start(&b->tick, TICK_MS);
	for (size_t i = 0; i < (size_t)b->conf->connections; i++)
		runner_go(b->runners[i]);
}

static void bench_stop(struct bench *b)
{
	b->stopping = true;
	b->counting = false;
	loop_timer_stop(&b->tick);
	loop_timer_start(&b->quit, 3000);
	for (size_t i = 0; i < (size_t)b->conf->connections; i++)
		if (b->runners[i]->open)
			peer_close(b->runners[i]->peer, WS_CODE_NORMAL, SPAN(""));
}

/* The end of the warm-up, then of the measurement. What is still under way then is charged with its age. */
static void bench_on_end(void *arg)
{
	struct bench *b = arg;
	uint64_t now = loop_clock_us();

	if (!b->counting && !b->stopping) {
		b->counting = true;
		b->from_us = now;
		loop_timer_start(&b->end, (uint64_t)(b->conf->time_ns / DURATION_MS));
		return;
	}
	b->took_us = now - b->from_us;
	for (size_t i = 0; b->interval_us > 0 && i < (size_t)b->conf->connections; i++) {
		const struct runner *r = b->runners[i];
		for (uint32_t k = 0; k < r->flight; k++)
			hist_add(&b->hist, now - r->sent_us[(r->head + k) % FLIGHT_MAX]);
	}
	bench_stop(b);
}

static void bench_on_quit(void *arg)
{
	struct bench *b = arg;

	loop_stop(b->env.loop);
}

static void bench_on_int(void *arg)
{
	struct bench *b = arg;

	if (b->counting) {
		loop_timer_stop(&b->end);
		bench_on_end(b);
	} else {
		b->interrupted = true;
		loop_stop(b->env.loop);
	}
}

/* --- Results --- */

static const struct {
	const char *name;
	double share;
} shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

static void print_json(const struct bench *b)
{
	json_t *r = out_record("bench", "wscat"), *ms = json_object();
	double seconds = (double)b->took_us / 1e6;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		json_object_set_new(
			ms, shares[i].name, json_real((double)hist_at(&b->hist, shares[i].share) / 1000));
	json_object_set_new(ms, "min", json_real((double)b->hist.min_us / 1000));
	json_object_set_new(ms, "max", json_real((double)b->hist.max_us / 1000));
	json_object_set_new(
		ms, "mean", json_real(b->hist.count > 0 ? b->hist.sum_us / 1000 / (double)b->hist.count : 0));
	json_object_set_new(r, "target", json_pack("{s:s}", "url", b->target.url));
	json_object_set_new(r, "status", json_string(b->failed > 0 || b->wrong > 0 ? "fail" : "ok"));
	json_object_set_new(r, "took_ms", json_integer((json_int_t)(b->took_us / 1000)));
	json_t *bench = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:o}", "connections",
		(json_int_t)b->conf->connections, "failed", (json_int_t)b->failed, "size",
		(json_int_t)b->conf->size, "messages", (json_int_t)b->messages, "wrong", (json_int_t)b->wrong,
		"messages_per_s", seconds > 0 ? (double)b->messages / seconds : 0.0, "round_trip_ms", ms);
	if (b->conf->rate > 0)
		json_object_set_new(bench, "rate_asked", json_integer(b->conf->rate));
	json_object_set_new(r, "ws", json_pack("{s:o}", "bench", bench));
	out_line(stdout, r);
}

static void print_bars(const struct hist *h)
{
	uint64_t most = 1;

	for (uint64_t from = 1; from <= h->max_us; from *= 2) {
		uint64_t n = hist_between(h, from == 1 ? 0 : from, from * 2);
		most = n > most ? n : most;
	}
	for (uint64_t from = 1; from <= h->max_us; from *= 2) {
		uint64_t n = hist_between(h, from == 1 ? 0 : from, from * 2);
		if (from * 2 <= h->min_us)
			continue;
		int width = (int)(n * BAR_WIDTH / most);
		printf("  %10.3f ms |%-*.*s| %llu\n", (double)(from * 2) / 1000, BAR_WIDTH, width,
			"########################################", (unsigned long long)n);
	}
}

static void print_text(const struct bench *b)
{
	double seconds = (double)b->took_us / 1e6;

	printf("%s: %lld connections, %llu messages of %lld bytes in %.1f s: %.0f a second\n", b->target.url,
		(long long)b->conf->connections, (unsigned long long)b->messages, (long long)b->conf->size,
		seconds, seconds > 0 ? (double)b->messages / seconds : 0);
	printf("round trip in ms:");
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		printf("  %s %.3f", shares[i].name, (double)hist_at(&b->hist, shares[i].share) / 1000);
	printf("  max %.3f\n", (double)b->hist.max_us / 1000);
	if (isatty(STDOUT_FILENO))
		print_bars(&b->hist);
	if (b->failed > 0)
		printf("%zu connections failed: %s\n", b->failed, b->first_failure);
	if (b->wrong > 0)
		printf("%llu messages came back that were not sent\n", (unsigned long long)b->wrong);
}

/* --- Set-up --- */

static void bench_connect(struct bench *b)
{
	static const struct peer_fns fns = {runner_on_open, runner_on_message, NULL, NULL, runner_on_over};
	const char *host = b->conf->client.host;

	b->runners = mem_array((size_t)b->conf->connections, sizeof(struct runner *));
	for (size_t i = 0; i < (size_t)b->conf->connections; i++) {
		struct request request;
		struct peer_conf conf = {
			.env = &b->env,
			.target = &b->target,
			.request = &request,
			.server_name = host,
			.use_h2 = b->conf->client.http2,
			.timeout_ms = (uint64_t)(b->conf->client.timeout_ns / DURATION_MS),
		};
		request_default(&request, host != NULL ? host : b->target.authority, b->target.path,
			b->conf->client.origin);
		b->runners[i] = mem_alloc(sizeof(struct runner));
		b->runners[i]->bench = b;
		b->runners[i]->peer = peer_start(&conf, &fns, b->runners[i]);
	}
}

static int bench_run(struct bench *b)
{
	struct loop *loop = b->env.loop;
	int status = EXIT_OK;

	loop_timer_init(&b->tick, loop, bench_on_tick, b);
	loop_timer_init(&b->end, loop, bench_on_end, b);
	loop_timer_init(&b->quit, loop, bench_on_quit, b);
	if (b->conf->rate > 0)
		b->interval_us = (uint64_t)b->conf->connections * 1000000 / (uint64_t)b->conf->rate;
	if (b->conf->rate > 0 && b->interval_us == 0)
		b->interval_us = 1;
	b->payload = mem_alloc((size_t)b->conf->size + 1);
	memset(b->payload, 'w', (size_t)b->conf->size);
	struct loop_signal *intr = loop_on_signal(loop, SIGINT, bench_on_int, b);
	bench_connect(b);
	loop_run(loop);
	loop_signal_free(intr);
	if (b->interrupted) {
		status = EXIT_SIGNAL + SIGINT;
	} else if (b->from_us == 0) {
		struct err err;
		err_set(&err, "%s: %s", b->target.url, b->first_failure);
		status = out_die("wscat bench", &err, EXIT_CANNOT);
	} else {
		if (b->conf->json)
			print_json(b);
		else
			print_text(b);
		status = b->failed > 0 || b->wrong > 0 ? EXIT_WRONG : EXIT_OK;
	}
	for (size_t i = 0; i < (size_t)b->conf->connections; i++) {
		peer_free(b->runners[i]->peer);
		free(b->runners[i]);
	}
	free(b->runners);
	free(b->payload);
	loop_timer_fini(&b->tick);
	loop_timer_fini(&b->end);
	loop_timer_fini(&b->quit);
	return status;
}

static int check(struct bench *b, int argc, char **argv, struct err *err)
{
	if (argc != 1)
		return err_set(err, "one URL is needed; see wscat bench --help");
	if (request_check_headers(&b->conf->client, err) < 0 || target_parse(argv[0], &b->target, err) < 0)
		return -1;
	if (b->conf->client.http2 && !b->target.is_tls)
		return err_set(err, "--http2 needs wss://");
	return 0;
}

int cmd_bench(int argc, char **argv)
{
	struct bench_conf conf = {.client = CLIENT_CONF_DEFAULT,
		.connections = 10,
		.size = 64,
		.flight = 1,
		.time_ns = 10 * DURATION_S,
		.warmup_ns = DURATION_S};
	struct bench *b = mem_alloc(sizeof(*b));
	struct opt_seen seen = {0};
	struct err err = {0};
	int status = EXIT_USAGE;

	b->conf = &conf;
	enum opt_result parsed = opt_parse(&program, &conf, &seen, &argc, &argv, &err);
	if (parsed == OPT_RUN)
		parsed = opt_environment(&program, &conf, &seen, &err);
	switch (parsed) {
	case OPT_DONE: status = EXIT_OK; break;
	case OPT_BAD: out_die("wscat bench", &err, status); break;
	case OPT_RUN:
		if (check(b, argc, argv, &err) == 0 && env_init(&b->env, &conf.client, &status, &err) == 0) {
			status = bench_run(b);
			break;
		}
		out_die("wscat bench", &err, status);
		break;
	}
	target_free(&b->target);
	env_fini(&b->env);
	free(b);
	opt_free(options, &conf);
	return status;
}
