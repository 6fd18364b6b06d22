/* Between the files of a conversation: chat_input.c reads what is to be sent, chat_show.c writes what people see on standard error,
 * chat.c has the connection, standard output and the end. */
#ifndef WSCAT_CHAT_PRIVATE_H
#define WSCAT_CHAT_PRIVATE_H

#include "wscat/chat.h"
#include "wscat/peer.h"
#include "wscat/pipes.h"
#include "wscat/term.h"

/* --show */
struct show {
	bool handshake, control, timing;
};

struct chat {
	const struct chat_conf *conf;
	struct env env;
	struct target target;
	struct request request;
	enum form form;
	struct show show;
	struct buf delimiter;
	struct peer *peer;
	bool open, closing, input_over, stopped;
	struct source *input; /* NULL on a terminal with editing */
	struct term *term;    /* the other case */
	struct sink *output;
	struct buf record; /* the begun record of the input */
	uint64_t records;  /* read so far, for messages about them */
	int64_t received;
	struct loop_timer ping, pong, wait, retry;
	uint64_t ping_sent_us;
	uint64_t retry_ms;
	struct loop_signal *intr, *termsig;
	int status;
	int signal; /* that ends it; 0 for none */
};

/* A line on standard error, past the editor's; terminal controls in it are escaped. */
void chat_say(struct chat *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A head line by line behind the mark, secrets left out. */
void chat_show_head(struct chat *c, char mark, struct span head);
void chat_show_request(struct chat *c);
void chat_show_timing(struct chat *c, const struct peer_report *r);

/* End at once with a status; or in order, by a close frame, if there is a connection. */
void chat_stop(struct chat *c, int status);
void chat_close(struct chat *c);

/* Read input only while what was read can go somewhere. */
void chat_arm_input(struct chat *c);
/* Send one message, as it stands in the input. */
void chat_send_record(struct chat *c, struct span record);
/* There is no more: close, after --wait. */
void chat_end_input(struct chat *c);
/* For source_new and term_new; arg is the chat. */
void chat_on_input(void *arg, struct span bytes, const char *why);
void chat_on_line(void *arg, const char *line);

#endif
