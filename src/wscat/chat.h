/* A conversation: what --help of wscat(1) without a subcommand describes. */
#ifndef WSCAT_CHAT_H
#define WSCAT_CHAT_H

#include "wscat/env.h"
#include "wscat/form.h"

struct chat_conf {
	struct client_conf client; /* first: its option rows are shared */
	bool binary, hex, base64, null, once, reconnect, quiet, verbose, no_edit;
	const char *delimiter;
	int64_t count;   /* end after so many messages; 0: never */
	int64_t wait_ns; /* after the end of the input; negative: for ever */
	int64_t ping_ns, pong_ns;
	int64_t close_code;
	const char *close_reason;
	const char *show;
	struct opt_list send; /* messages before the input */
};

/* Run it. The exit status. */
int chat_run(const struct chat_conf *conf, const char *url);

#endif
