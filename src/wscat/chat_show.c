/* What people see of a conversation: lines on standard error. */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/out.h"
#include "wscat/chat_private.h"

void chat_say(struct chat *c, const char *fmt, ...)
{
	char text[2 * ERR_MAX];
	struct buf line = {.max = (size_t)8 * ERR_MAX};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_escape(span_str(text), &line);
	term_hide(c->term);
	fprintf(stderr, "wscat: %.*s\n", (int)buf_len(&line), buf_span(&line).p);
	term_show(c->term);
	buf_free(&line);
}

void chat_show_head(struct chat *c, char mark, struct span head)
{
	static const struct span hidden[] = {{"authorization:", 14}, {"cookie:", 7}, {"set-cookie:", 11}};

	term_hide(c->term);
	while (head.len > 0) {
		struct span rest, line = span_cut(head, '\n', &rest);
		struct buf text = {0};
		bool is_secret = false;

		head = rest;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
			is_secret = is_secret || span_starts_nocase(line, hidden[i]);
		out_escape(is_secret ? span_of(line.p, span_find(line, ':')) : line, &text);
		fprintf(stderr, "%c %.*s%s\n", mark, (int)buf_len(&text), buf_span(&text).p,
			is_secret ? ": (hidden)" : "");
		buf_free(&text);
	}
	term_show(c->term);
}

/* The request as HTTP/2 has it (RFC 8441, 4). */
static void write_h2_request(const struct chat *c, struct buf *head)
{
	struct request_fields fields;

	buf_addf(head, ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: %s\n:path: %s\n",
		c->request.host, c->request.path);
	request_list(&c->request, &c->env, &fields);
	for (size_t i = 0; i < fields.list.count; i++) {
		struct field f = fields.list.at[i];
		for (size_t k = 0; k < f.name.len; k++)
			buf_add_char(head, span_lower(f.name.p[k]));
		buf_addf(head, ": %.*s\n", (int)f.value.len, f.value.p);
	}
	request_list_fini(&fields);
}

void chat_show_request(struct chat *c)
{
	struct buf head = {0};

	if (c->conf->client.http2)
		write_h2_request(c, &head);
	else
		request_write(&c->request, &c->env, &head);
	chat_show_head(c, '>', buf_span(&head));
	buf_wipe(&head);
}

void chat_show_timing(struct chat *c, const struct peer_report *r)
{
	struct buf text = {0};
	uint64_t last = 0;
	const struct {
		const char *name;
		uint64_t at;
	} phases[] = {{"name", r->at.dns}, {"tcp", r->at.tcp}, {"proxy", r->at.proxy}, {"tls", r->at.tls},
		{"request", r->at.sent}, {"answer", r->at.first_byte}, {"head", r->at.head}};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (phases[i].at == 0)
			continue;
		buf_addf(&text, "%s%s %.1f ms", last > 0 ? ", " : "", phases[i].name,
			(double)(phases[i].at - last) / 1000);
		last = phases[i].at;
	}
	chat_say(c, "%.*s", (int)buf_len(&text), buf_span(&text).p);
	buf_free(&text);
}
