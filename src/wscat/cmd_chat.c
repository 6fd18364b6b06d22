/* Options of the conversation. */
#include "common/base/duration.h"
#include "common/base/out.h"
#include "wscat/chat.h"
#include "wscat/cmd.h"

static const struct opt options[] = {
	CLIENT_OPTIONS,
	{'b', "binary", NULL, "send binary messages", OPT_BOOL(struct chat_conf, binary), NULL},
	{0, "hex", NULL, "binary messages, in hexadecimal here", OPT_BOOL(struct chat_conf, hex), NULL},
	{0, "base64", NULL, "binary messages, in base64 here", OPT_BOOL(struct chat_conf, base64), NULL},
	{'d', "delimiter", "TEXT", "what stands between messages here (default \\n)",
		OPT_TEXT(struct chat_conf, delimiter), NULL},
	{'0', "null", NULL, "NUL stands between messages here", OPT_BOOL(struct chat_conf, null), NULL},
	{'x', "send", "TEXT", "a message to send before the input (repeatable)",
		OPT_LIST(struct chat_conf, send), NULL},
	{'1', "one", NULL, "end after one message received", OPT_BOOL(struct chat_conf, once), NULL},
	{'n', "count", "N", "end after N messages received",
		OPT_NUMBER(struct chat_conf, count, 1, INT64_MAX), NULL},
	{'w', "wait", "TIME", "stay for so long after the end of the input (default 0s); -1s: for ever",
		OPT_TIME(struct chat_conf, wait_ns, -DURATION_S, INT64_C(24) * 3600 * DURATION_S), NULL},
	{0, "ping-interval", "TIME", "send a ping this often",
		OPT_TIME(struct chat_conf, ping_ns, DURATION_MS, INT64_C(24) * 3600 * DURATION_S), NULL},
	{0, "pong-timeout", "TIME", "give the peer up when no pong comes for so long",
		OPT_TIME(struct chat_conf, pong_ns, DURATION_MS, INT64_C(24) * 3600 * DURATION_S), NULL},
	{0, "close-code", "CODE", "close with this code (default 1000)",
		OPT_NUMBER(struct chat_conf, close_code, 1000, 4999), NULL},
	{0, "close-reason", "TEXT", "and this reason", OPT_TEXT(struct chat_conf, close_reason), NULL},
	{'r', "reconnect", NULL, "connect again, with growing pauses", OPT_BOOL(struct chat_conf, reconnect),
		NULL},
	{0, "show", "LIST", "on stderr: handshake, control, timing", OPT_TEXT(struct chat_conf, show), NULL},
	{0, "no-edit", NULL, "no line editing on a terminal", OPT_BOOL(struct chat_conf, no_edit), NULL},
	{'v', "verbose", NULL, "the same as --show handshake,control,timing",
		OPT_BOOL(struct chat_conf, verbose), NULL},
	{'q', "quiet", NULL, "say nothing when all is well", OPT_BOOL(struct chat_conf, quiet), NULL},
	{0},
};

static const struct opt_program program = {
	.name = "wscat",
	.env_prefix = "OUTBORE_WSCAT_",
	.usage = "[OPTIONS] URL\n       wscat serve | probe | bench | explain ... (each has its --help)",
	.summary =
		"A WebSocket conversation: each line of the input is sent, each message received is printed.",
	.more = "URL: ws://, wss://, or ws+unix:SOCKET:/PATH.\n"
		"exit status: 0 closed in order, 1 the peer failed, 2 usage, 3 could not connect.\n",
	.options = options,
};

int cmd_chat(int argc, char **argv)
{
	struct chat_conf conf = {.client = CLIENT_CONF_DEFAULT, .delimiter = "\\n", .close_code = 1000};
	struct opt_seen seen = {0};
	struct err err = {0};
	int status = EXIT_OK;

	enum opt_result parsed = opt_parse(&program, &conf, &seen, &argc, &argv, &err);
	if (parsed == OPT_RUN)
		parsed = opt_environment(&program, &conf, &seen, &err);
	switch (parsed) {
	case OPT_DONE: break;
	case OPT_BAD: status = out_die("wscat", &err, EXIT_USAGE); break;
	case OPT_RUN:
		if (argc != 1) {
			err_set(&err, argc == 0 ? "no URL; see wscat --help" : "more than one URL");
			status = out_die("wscat", &err, EXIT_USAGE);
			break;
		}
		if (conf.once)
			conf.count = 1;
		if (conf.verbose)
			conf.show = "handshake,control,timing";
		status = chat_run(&conf, argv[0]);
		break;
	}
	opt_free(options, &conf);
	return status;
}
