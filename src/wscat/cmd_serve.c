/* wscat serve. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/fsx.h"
#include "common/base/out.h"
#include "common/net/listen.h"
#include "common/proto/url.h"
#include "common/proto/ws_conn.h"
#include "wscat/cmd.h"
#include "wscat/env.h"
#include "wscat/h2serve.h"
#include "wscat/serve.h"

static const struct opt options[] = {
	{'l', "listen", "ADDRESS:PORT", "where to listen (default 127.0.0.1:8080; port 0: a free one)",
		OPT_TEXT(struct serve_conf, listen), NULL},
	{0, "cert", "FILE", "serve wss:// with this certificate chain (PEM)",
		OPT_TEXT(struct serve_conf, cert), NULL},
	{0, "key", "FILE", "its key (PEM)", OPT_TEXT(struct serve_conf, key), NULL},
	{'s', "subprotocol", "NAME", "accept this subprotocol (repeatable)",
		OPT_LIST(struct serve_conf, subprotocols), NULL},
	{0, "compression", "off|on|PARAMS",
		"permessage-deflate; on keeps no context between messages, PARAMS as in the field",
		OPT_TEXT(struct serve_conf, compression), NULL},
	{0, "script", "FILE", "play this to each client in place of the echo (see the man page)",
		OPT_TEXT(struct serve_conf, script_file), NULL},
	{0, "max-size", "BYTES", "largest message taken (default 1 MiB); a longer one ends with 1009",
		OPT_NUMBER(struct serve_conf, message_max, 1, INT64_C(1) << 30), NULL},
	{0, "fragment", "BYTES", "send messages in frames of so many bytes",
		OPT_NUMBER(struct serve_conf, fragment, 1, INT64_C(1) << 30), NULL},
	{0, "reject", "STATUS", "refuse every upgrade with this status",
		OPT_NUMBER(struct serve_conf, reject, 200, 599), NULL},
	{0, "wrong-accept", NULL, "answer with a wrong Sec-WebSocket-Accept",
		OPT_BOOL(struct serve_conf, wrong_accept), NULL},
	{0, "delay", "TIME", "hold the answer to the handshake back",
		OPT_TIME(struct serve_conf, delay_ns, 0, 3600 * DURATION_S), NULL},
	{0, "no-pong", NULL, "leave pings unanswered", OPT_BOOL(struct serve_conf, no_pong), NULL},
	{0, "close-after", "N", "close after N messages",
		OPT_NUMBER(struct serve_conf, close_after, 0, INT64_MAX), NULL},
	{0, "close-code", "CODE", "with this code (default 1000)",
		OPT_NUMBER(struct serve_conf, close_code, 1000, 4999), NULL},
	{0, "drop-after", "N", "cut the connection after N messages, without a close frame",
		OPT_NUMBER(struct serve_conf, drop_after, 0, INT64_MAX), NULL},
	{0, "json", NULL, "a record on stdout when it listens, and one for each connection",
		OPT_BOOL(struct serve_conf, json), NULL},
	{'q', "quiet", NULL, "say nothing of connections", OPT_BOOL(struct serve_conf, quiet), NULL},
	{0},
};

static const struct opt_program program = {
	.name = "wscat serve",
	.env_prefix = "OUTBORE_WSCAT_",
	.usage = "[OPTIONS]",
	.summary = "A WebSocket server for tests: sends every message back, and misbehaves on request.",
	.options = options,
};

static void on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	if (fd >= 0)
		session_start(arg, fd, from);
}

static void on_stop(void *arg)
{
	struct serve *s = arg;

	if (s->stopping || s->session_count == 0) {
		loop_stop(s->loop);
		return;
	}
	s->stopping = true;
	session_stop_all(s);
}

static void announce(const struct serve *s, const char *address)
{
	const char *scheme = s->tls != NULL ? "wss" : "ws";

	if (s->conf->json) {
		json_t *r = out_record("event", "wscat");
		char url[128];
		snprintf(url, sizeof(url), "%s://%s/", scheme, address);
		json_object_set_new(r, "event", json_string("listening"));
		json_object_set_new(r, "target", json_pack("{s:s}", "url", url));
		out_line(stdout, r);
	} else {
		fprintf(stderr, "wscat serve: listening on %s://%s/\n", scheme, address);
	}
}

static int read_policy(struct serve *s, struct err *err)
{
	const char *text = s->conf->compression;

	/* Without context takeover an idle connection holds no windows. */
	s->policy =
		(struct ws_deflate_params){.on = true, .server_no_context = true, .client_no_context = true};
	if (text == NULL || strcmp(text, "on") == 0)
		return 0;
	if (strcmp(text, "off") == 0)
		s->policy.on = false;
	else if (!ws_deflate_parse(span_str(text), true, &s->policy))
		return err_set(err, "--compression \"%s\": neither on, off nor parameters (RFC 7692)", text);
	return 0;
}

static int read_script(struct serve *s, struct err *err)
{
	struct buf text = {.max = SCRIPT_FILE_MAX};

	if (fsx_read(s->conf->script_file, &text, err) == 0) {
		s->script = script_parse(buf_span(&text), err);
		if (s->script == NULL)
			err_wrap(err, "%s", s->conf->script_file);
	}
	buf_free(&text);
	return s->script != NULL ? 0 : -1;
}

static int make_tls(struct serve *s, struct err *err)
{
	s->tls = tls_server_context(NULL, err);
	if (s->tls == NULL || tls_server_add(s->tls, s->conf->cert, s->conf->key, err) < 0)
		return -1;
	tls_server_alpn(s->tls, SPAN("\x02h2\x08http/1.1"));
	return 0;
}

static int run(struct serve *s, struct err *err)
{
	list_init(&s->sessions);
	list_init(&s->h2);
	s->pool = ws_deflate_pool_new();
	if ((s->conf->script_file != NULL && read_script(s, err) < 0) ||
		(s->conf->cert != NULL && make_tls(s, err) < 0))
		return -1;
	s->loop = loop_new(err);
	if (s->loop == NULL)
		return -1;
	struct listen *listen = listen_new(s->loop, s->conf->listen, on_connection, s, err);
	if (listen == NULL)
		return -1;
	struct loop_signal *intr = loop_on_signal(s->loop, SIGINT, on_stop, s);
	struct loop_signal *term = loop_on_signal(s->loop, SIGTERM, on_stop, s);
	announce(s, listen_address(listen));
	loop_run(s->loop);
	h2serve_cut_all(s);
	listen_free(listen);
	loop_signal_free(intr);
	loop_signal_free(term);
	return 0;
}

static int check(const struct serve_conf *conf, int argc, struct err *err)
{
	struct url_authority address;

	if (argc > 0)
		return err_set(err, "serve takes no argument");
	if ((conf->cert == NULL) != (conf->key == NULL))
		return err_set(err, "--cert and --key belong together");
	if (url_parse_address(span_str(conf->listen), &address, err) < 0)
		return err_wrap(err, "--listen");
	if (!ws_code_may_be_sent((int)conf->close_code))
		return err_set(err, "--close-code is 1000 to 1014 or 3000 to 4999 (but 1004 to 1006)");
	return 0;
}

int cmd_serve(int argc, char **argv)
{
	struct serve_conf conf = {.listen = "127.0.0.1:8080",
		.close_after = -1,
		.drop_after = -1,
		.close_code = 1000,
		.message_max = SERVE_MESSAGE_MAX};
	struct serve serve = {.conf = &conf};
	struct opt_seen seen = {0};
	struct err err = {0};
	int status = EXIT_OK;

	enum opt_result parsed = opt_parse(&program, &conf, &seen, &argc, &argv, &err);
	if (parsed == OPT_RUN)
		parsed = opt_environment(&program, &conf, &seen, &err);
	switch (parsed) {
	case OPT_DONE: break;
	case OPT_BAD: status = EXIT_USAGE; break;
	case OPT_RUN:
		if (check(&conf, argc, &err) < 0 || read_policy(&serve, &err) < 0)
			status = EXIT_USAGE;
		else if (run(&serve, &err) < 0)
			status = EXIT_CANNOT;
		break;
	}
	if (status != EXIT_OK)
		out_die("wscat serve", &err, status);
	script_free(serve.script);
	ws_deflate_pool_free(serve.pool);
	tls_context_free(serve.tls);
	loop_free(serve.loop);
	opt_free(options, &conf);
	return status;
}
