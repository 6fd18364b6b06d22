/* What is to be sent: records from standard input, or lines and commands from the editor. */
#include "common/base/duration.h"
#include "common/base/out.h"
#include "wscat/chat_private.h"

#define SEND_HIGH ((size_t)64 * 1024) /* bytes waiting for the socket at which no more input is read */

void chat_arm_input(struct chat *c)
{
	bool room = c->open && !c->closing && peer_backlog(c->peer) < SEND_HIGH;

	if (c->input != NULL)
		source_set(c->input, room);
}

void chat_send_record(struct chat *c, struct span record)
{
	struct buf payload = {.max = (size_t)c->conf->client.message_max};
	struct err err;

	c->records++;
	if (form_read(c->form, record, &payload, &err) < 0) {
		chat_say(c, "input: message %llu is %s", (unsigned long long)c->records, err.text);
		c->status = EXIT_CANNOT;
		c->input_over = true;
		chat_close(c);
	} else if (peer_send(c->peer, c->form == FORM_TEXT ? WS_TEXT : WS_BINARY, buf_span(&payload)) < 0 &&
		   !c->closing) {
		chat_say(c, "message %llu was not sent", (unsigned long long)c->records);
	}
	buf_free(&payload);
}

/* Cut records at the delimiter; the last one may go without. */
static void chat_take_input(struct chat *c, struct span bytes)
{
	struct span cut = buf_span(&c->delimiter);

	if (buf_add_span(&c->record, bytes) < 0) {
		chat_say(c, "input: message %llu is longer than --max-size",
			(unsigned long long)c->records + 1);
		c->status = EXIT_CANNOT;
		c->input_over = true;
		chat_close(c);
		return;
	}
	while (!c->input_over) {
		struct span held = buf_span(&c->record);
		const char *end = memmem(held.p, held.len, cut.p, cut.len);
		if (end == NULL)
			break;
		chat_send_record(c, span_of(held.p, (size_t)(end - held.p)));
		buf_consume(&c->record, (size_t)(end - held.p) + cut.len);
	}
}

void chat_end_input(struct chat *c)
{
	c->input_over = true;
	if (c->conf->wait_ns == 0)
		chat_close(c);
	else if (c->conf->wait_ns > 0)
		loop_timer_start(&c->wait, (uint64_t)(c->conf->wait_ns / DURATION_MS));
}

void chat_on_input(void *arg, struct span bytes, const char *why)
{
	struct chat *c = arg;

	if (why != NULL) {
		chat_say(c, "input: %s", why);
		c->status = EXIT_CANNOT;
	}
	if (bytes.len > 0) {
		chat_take_input(c, bytes);
	} else {
		if (buf_len(&c->record) > 0)
			chat_send_record(c, buf_span(&c->record));
		buf_clear(&c->record);
		chat_end_input(c);
	}
	chat_arm_input(c);
}

/* "/ping text", "/close 4000 why": what --help calls commands. */
static void chat_command(struct chat *c, const char *line)
{
	struct span rest, word = span_cut(span_str(line), ' ', &rest);

	if (span_eq(word, SPAN("/ping"))) {
		c->ping_sent_us = loop_clock_us();
		if (peer_send(c->peer, WS_PING, rest) < 0)
			chat_say(c, "a ping holds at most %d bytes", WS_CONTROL_MAX);
	} else if (span_eq(word, SPAN("/pong"))) {
		peer_send(c->peer, WS_PONG, rest);
	} else if (span_eq(word, SPAN("/close"))) {
		struct span reason, code = span_cut(rest, ' ', &reason);
		uint64_t n = WS_CODE_NORMAL;
		if ((code.len > 0 && !span_to_u64(code, 4999, &n)) || !ws_code_may_be_sent((int)n) ||
			!ws_reason_may_be_sent(reason)) {
			chat_say(c, "/close [CODE [REASON]]: the code is 1000 to 1014 or 3000 to 4999, the "
				    "reason UTF-8 of at most 123 bytes");
			return;
		}
		c->closing = true;
		peer_close(c->peer, (int)n, reason);
	} else {
		chat_say(c,
			"/ping [TEXT], /pong [TEXT], /close [CODE [REASON]]; a line that begins with // is "
			"sent with one slash");
	}
}

void chat_on_line(void *arg, const char *line)
{
	struct chat *c = arg;

	if (line == NULL) {
		chat_end_input(c);
		if (!c->open)
			chat_stop(c, c->status);
		return;
	}
	if (!c->open || c->closing)
		chat_say(c, "not connected");
	else if (line[0] == '/' && line[1] != '/')
		chat_command(c, line);
	else
		chat_send_record(c, span_str(line[0] == '/' ? line + 1 : line));
}
