/* A conversation: the connection, messages to standard output, the end. Back-pressure goes both ways. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/chat_private.h"

#define OUT_HIGH ((size_t)256 * 1024) /* bytes waiting for stdout at which no more messages are taken */
#define RETRY_FIRST_MS 1000           /* pause before the first reconnect; doubles */
#define RETRY_MOST_MS 30000

static void chat_connect(struct chat *c);

/* --- Ending --- */

void chat_stop(struct chat *c, int status)
{
	c->stopped = true;
	c->status = status;
	loop_stop(c->env.loop);
}

void chat_close(struct chat *c)
{
	if (c->closing || !c->open)
		return;
	c->closing = true;
	loop_timer_stop(&c->wait);
	peer_close(c->peer, (int)c->conf->close_code, span_str(c->conf->close_reason));
}

/* Nobody waits for what may still come. */
static void chat_close_soon(struct chat *c)
{
	chat_close(c);
	if (c->open)
		peer_hurry(c->peer);
}

static void chat_on_signal(struct chat *c, int signum)
{
	bool again = c->signal != 0;

	c->signal = signum;
	if (c->open && !again)
		chat_close_soon(c);
	else
		chat_stop(c, EXIT_SIGNAL + signum);
}

static void chat_on_int(void *arg)
{
	chat_on_signal(arg, SIGINT);
}

static void chat_on_term(void *arg)
{
	chat_on_signal(arg, SIGTERM);
}

/* --- Output --- */

static void chat_on_output(void *arg, const char *why)
{
	struct chat *c = arg;

	if (why != NULL) { /* nobody reads any more: end quietly; but messages that are lost are said */
		if (why[0] != '\0') {
			chat_say(c, "output: %s", why);
			c->status = EXIT_CANNOT;
		}
		chat_close_soon(c);
		if (!c->open)
			chat_stop(c, c->status);
	} else if (c->open) {
		peer_pause(c->peer, false);
	}
}

static void chat_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct chat *c = arg;
	struct buf *out = sink_buf(c->output);
	bool for_terminal = isatty(STDOUT_FILENO);

	if (c->conf->count > 0 && c->received >= c->conf->count)
		return;
	term_hide(c->term);
	form_write(c->form, opcode, message, for_terminal, out);
	buf_add_span(out, buf_span(&c->delimiter));
	sink_flush(c->output);
	term_show(c->term);
	c->received++;
	if (c->conf->count > 0 && c->received == c->conf->count)
		chat_close_soon(c);
	else if (buf_len(out) >= OUT_HIGH)
		peer_pause(c->peer, true);
}

static void chat_on_control(void *arg, enum ws_opcode opcode, struct span payload)
{
	struct chat *c = arg;
	double ms = (double)(loop_clock_us() - c->ping_sent_us) / 1000;

	if (opcode == WS_PONG)
		loop_timer_stop(&c->pong);
	if (!c->show.control && (c->term == NULL || c->ping_sent_us == 0))
		return;
	if (opcode == WS_PONG && c->ping_sent_us > 0)
		chat_say(c, "pong \"%.*s\" after %.1f ms", (int)payload.len, payload.p, ms);
	else if (c->show.control)
		chat_say(c, "%s \"%.*s\"", opcode == WS_PING ? "ping" : "pong", (int)payload.len, payload.p);
	c->ping_sent_us = 0;
}

/* --- The connection --- */

static void chat_on_ping(void *arg)
{
	struct chat *c = arg;

	c->ping_sent_us = loop_clock_us();
	peer_send(c->peer, WS_PING, SPAN(""));
	if (c->conf->pong_ns > 0 && c->pong.due_ms == 0)
		loop_timer_start(&c->pong, (uint64_t)(c->conf->pong_ns / DURATION_MS));
	loop_timer_start(&c->ping, (uint64_t)(c->conf->ping_ns / DURATION_MS));
}

static void chat_lost(struct chat *c, int status);

static void chat_on_no_pong(void *arg)
{
	struct chat *c = arg;

	chat_say(c, "no pong for %g s: the peer is gone", (double)c->conf->pong_ns / 1e9);
	peer_free(c->peer);
	c->peer = NULL;
	chat_lost(c, EXIT_WRONG);
}

static void chat_on_wait(void *arg)
{
	chat_close_soon(arg);
}

static void chat_on_retry(void *arg)
{
	chat_connect(arg);
}

static void chat_on_open(void *arg)
{
	struct chat *c = arg;
	const struct peer_report *r = peer_report(c->peer);

	c->open = true;
	c->retry_ms = RETRY_FIRST_MS;
	if (c->show.handshake)
		chat_show_head(c, '<', buf_span(&r->head));
	if (c->show.timing)
		chat_show_timing(c, r);
	if (c->term != NULL && !c->conf->quiet)
		chat_say(c, "connected to %s", c->target.url);
	if (c->conf->ping_ns > 0)
		loop_timer_start(&c->ping, (uint64_t)(c->conf->ping_ns / DURATION_MS));
	for (size_t i = 0; i < c->conf->send.count && c->records < c->conf->send.count; i++)
		chat_send_record(c, span_str(c->conf->send.items[i]));
	if (c->signal != 0)
		chat_close_soon(c);
	else if (c->input_over && !c->closing)
		chat_end_input(c);
	chat_arm_input(c);
}

static void chat_on_sent(void *arg)
{
	chat_arm_input(arg);
}

/* The connection is gone, or never came: again, or the end. */
static void chat_lost(struct chat *c, int status)
{
	c->open = false;
	loop_timer_stop(&c->ping);
	loop_timer_stop(&c->pong);
	chat_arm_input(c);
	if (c->conf->reconnect && status != EXIT_OK && c->signal == 0 && !c->closing) {
		uint64_t pause = c->retry_ms / 2 + (uint64_t)random() % (c->retry_ms / 2 + 1);
		if (!c->conf->quiet)
			chat_say(c, "again in %.1f s", (double)pause / 1000);
		c->retry_ms = c->retry_ms * 2 < RETRY_MOST_MS ? c->retry_ms * 2 : RETRY_MOST_MS;
		loop_timer_start(&c->retry, pause);
		return;
	}
	if (c->signal != 0)
		status = EXIT_SIGNAL + c->signal;
	chat_stop(c, c->status != EXIT_OK ? c->status : status);
}

static int chat_report_end(struct chat *c, const struct peer_report *r)
{
	if (r->fault != NULL) {
		chat_say(c, "closed by us: %d (%s): %s", r->closed_with, ws_code_name(r->closed_with),
			r->fault);
		return EXIT_WRONG;
	}
	if (r->close_code == WS_CODE_ABNORMAL) {
		chat_say(c, "closed without a close frame: %d (%s)%s", WS_CODE_ABNORMAL, r->end,
			r->at.close_sent > 0 ? ", after ours" : "");
		return EXIT_WRONG;
	}
	bool by_us = r->at.close_sent > 0 && r->close_code == r->closed_with;
	if (!c->conf->quiet || r->close_code > WS_CODE_AWAY)
		chat_say(c, "closed by %s: %d (%s)%s%s", by_us ? "us" : "server", r->close_code,
			ws_code_name(r->close_code), r->close_reason[0] != '\0' ? ": " : "", r->close_reason);
	return by_us || r->close_code <= WS_CODE_AWAY || r->close_code == WS_CODE_NONE ? EXIT_OK : EXIT_WRONG;
}

static void chat_report_failure(struct chat *c, const struct peer_report *r)
{
	struct span body = buf_span(&r->body);

	if (c->show.handshake && buf_len(&r->head) > 0)
		chat_show_head(c, '<', buf_span(&r->head));
	chat_say(c, "%s: %s", c->target.url, r->why);
	for (int lines = 0; lines < 5 && body.len > 0; lines++) {
		struct span rest, line = span_cut(body, '\n', &rest);
		struct buf text = {0};
		out_escape(span_of(line.p, line.len < 200 ? line.len : 200), &text);
		fprintf(stderr, "  | %.*s\n", (int)buf_len(&text), buf_span(&text).p);
		buf_free(&text);
		body = rest;
	}
}

static void chat_on_over(void *arg)
{
	struct chat *c = arg;
	const struct peer_report *r = peer_report(c->peer);
	int status = EXIT_CANNOT;

	if (r->opened)
		status = chat_report_end(c, r);
	else
		chat_report_failure(c, r);
	peer_free(c->peer);
	c->peer = NULL;
	chat_lost(c, status);
}

static void chat_connect(struct chat *c)
{
	static const struct peer_fns fns = {
		chat_on_open, chat_on_message, chat_on_control, chat_on_sent, chat_on_over};
	const char *host = c->conf->client.host;
	struct peer_conf conf = {
		.env = &c->env,
		.target = &c->target,
		.request = &c->request,
		.server_name = host,
		.use_h2 = c->conf->client.http2,
		.timeout_ms = (uint64_t)(c->conf->client.timeout_ns / DURATION_MS),
	};
	char *name = NULL;

	request_default(&c->request, host != NULL ? host : c->target.authority, c->target.path,
		c->conf->client.origin);
	if (host != NULL && strchr(host, ':') != NULL) { /* a port has no place in a certificate */
		name = mem_spandup(span_of(host, span_rfind(span_str(host), ':')));
		conf.server_name = name;
	}
	if (c->show.handshake)
		chat_show_request(c);
	c->peer = peer_start(&conf, &fns, c);
	free(name);
}

/* --- Set-up --- */

static int read_show(const char *text, struct show *out, struct err *err)
{
	struct span list = span_str(text), item;

	while (span_next_item(&list, &item)) {
		if (span_eq(item, SPAN("handshake")))
			out->handshake = true;
		else if (span_eq(item, SPAN("control")))
			out->control = true;
		else if (span_eq(item, SPAN("timing")))
			out->timing = true;
		else
			return err_set(err, "--show takes handshake, control, timing");
	}
	return 0;
}

static int chat_check(struct chat *c, const char *url, struct err *err)
{
	const struct chat_conf *conf = c->conf;

	if (conf->hex + conf->base64 + conf->binary > 1)
		return err_set(err, "--binary, --hex and --base64 exclude each other");
	c->form = conf->hex ? FORM_HEX : conf->base64 ? FORM_BASE64 : conf->binary ? FORM_BINARY : FORM_TEXT;
	if (conf->null)
		buf_add_char(&c->delimiter, '\0');
	else if (!form_unescape(conf->delimiter, &c->delimiter))
		return err_set(err, "--delimiter \"%s\": \\n, \\r, \\t, \\0, \\\\, \\xNN or other characters",
			conf->delimiter);
	if (!ws_code_may_be_sent((int)conf->close_code) ||
		!ws_reason_may_be_sent(span_str(conf->close_reason)))
		return err_set(err, "--close-code is 1000 to 1014 or 3000 to 4999 (but 1004 to 1006), "
				    "--close-reason UTF-8 of at most 123 bytes");
	if (conf->pong_ns > 0 && conf->ping_ns == 0)
		return err_set(err, "--pong-timeout needs --ping-interval");
	if (read_show(conf->show, &c->show, err) < 0 || request_check_headers(&conf->client, err) < 0 ||
		target_parse(url, &c->target, err) < 0)
		return -1;
	if (conf->client.http2 && !c->target.is_tls)
		return err_set(err, "--http2 needs wss://");
	return 0;
}

static void chat_start(struct chat *c)
{
	struct loop *loop = c->env.loop;

	loop_timer_init(&c->ping, loop, chat_on_ping, c);
	loop_timer_init(&c->pong, loop, chat_on_no_pong, c);
	loop_timer_init(&c->wait, loop, chat_on_wait, c);
	loop_timer_init(&c->retry, loop, chat_on_retry, c);
	c->record.max = (size_t)c->conf->client.message_max + SOURCE_CHUNK;
	c->retry_ms = RETRY_FIRST_MS;
	srandom((unsigned)loop_clock_us() ^ (unsigned)getpid()); /* clients that lost one server spread out */
	c->output = sink_new(loop, STDOUT_FILENO, chat_on_output, c);
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !c->conf->no_edit)
		c->term = term_new(loop, chat_on_line, c);
	else
		c->input = source_new(loop, STDIN_FILENO, chat_on_input, c);
	c->intr = loop_on_signal(loop, SIGINT, chat_on_int, c);
	c->termsig = loop_on_signal(loop, SIGTERM, chat_on_term, c);
	chat_connect(c);
}

static void chat_fini(struct chat *c)
{
	peer_free(c->peer);
	source_free(c->input);
	term_free(c->term);
	sink_free(c->output);
	loop_signal_free(c->intr);
	loop_signal_free(c->termsig);
	loop_timer_fini(&c->ping);
	loop_timer_fini(&c->pong);
	loop_timer_fini(&c->wait);
	loop_timer_fini(&c->retry);
	buf_free(&c->record);
	buf_free(&c->delimiter);
	target_free(&c->target);
	env_fini(&c->env);
}

int chat_run(const struct chat_conf *conf, const char *url)
{
	struct chat c = {.conf = conf};
	struct err err;
	int status = EXIT_USAGE;

	if (chat_check(&c, url, &err) == 0 && env_init(&c.env, &conf->client, &status, &err) == 0) {
		chat_start(&c);
		loop_run(c.env.loop);
		sink_finish(c.output);
		status = c.status;
	} else {
		out_die("wscat", &err, status);
	}
	chat_fini(&c);
	return status;
}
