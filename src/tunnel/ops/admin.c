/* A small HTTP server for scrapes and probes. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/listen.h"
#include "common/net/stream.h"
#include "common/proto/http1.h"
#include "tunnel/ops/admin.h"

struct admin {
	struct worker *worker;
	admin_fn *fn;
	void *arg;
	struct listen *listen;
	struct list clients;
	size_t count;
};

struct client {
	struct node node;
	struct admin *admin;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer deadline;
	struct buf in, out;
	size_t scanned;
	bool answered;
};

static void client_free(struct client *c)
{
	list_remove(&c->node);
	c->admin->count--;
	loop_unwatch(c->io);
	stream_close(&c->stream);
	loop_timer_fini(&c->deadline);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void client_on_deadline(void *arg)
{
	client_free(arg);
}

static void client_write_head(struct client *c, const struct admin_answer *answer, bool head_only)
{
	struct buf *out = &c->out;

	http1_write_status_line(out, answer->status, http1_reason(answer->status));
	if (answer->content_type != NULL)
		http1_write_field(out, SPAN("Content-Type"), span_str(answer->content_type));
	buf_addf(out, "Content-Length: %zu\r\n", buf_len(&answer->body));
	http1_write_field(out, SPAN("Connection"), SPAN("close"));
	http1_write_end(out);
	if (!head_only)
		buf_add_span(out, buf_span(&answer->body));
}

static void client_answer(struct client *c, struct span head)
{
	struct admin_answer answer = {.status = 404, .content_type = "text/plain; charset=utf-8"};
	struct http1_request request = {0};
	struct http1_fault fault;
	struct span query;
	bool head_only = false;

	c->answered = true;
	if (!http1_parse_request(head, &request, &fault)) {
		answer.status = fault.status;
		buf_addf(&answer.body, "%s\n", fault.why);
	} else if (!span_eq(request.method, SPAN("GET")) && !span_eq(request.method, SPAN("HEAD"))) {
		answer.status = 405;
		buf_add_str(&answer.body, "only GET here\n");
	} else {
		head_only = span_eq(request.method, SPAN("HEAD"));
		c->admin->fn(c->admin->arg, span_cut(request.path, '?', &query), &answer);
		if (answer.status == 404)
			buf_add_str(&answer.body, "404 page not found\n");
	}
	client_write_head(c, &answer, head_only);
	http1_request_fini(&request);
	buf_free(&answer.body);
}

/* Read until the head is whole. False when the client is gone. */
static bool client_read(struct client *c)
{
	struct http1_fault fault;
	char bytes[4096];
	size_t len;
	ssize_t n = stream_read(&c->stream, bytes, sizeof(bytes));

	if (n == STREAM_AGAIN)
		return true;
	if (n <= 0)
		return false;
	if (buf_add(&c->in, bytes, (size_t)n) < 0)
		return false;
	switch (http1_find_head(buf_span(&c->in), &c->scanned, &len, &fault)) {
	case PARSE_MORE: return true;
	case PARSE_BAD: return false;
	case PARSE_OK: client_answer(c, span_of(buf_span(&c->in).p, len)); return true;
	}
	return false;
}

/* False when all is written, or cannot be. */
static bool client_write(struct client *c)
{
	ssize_t n = stream_write(&c->stream, buf_span(&c->out).p, buf_len(&c->out));

	if (n > 0)
		buf_consume(&c->out, (size_t)n);
	return n == STREAM_AGAIN || (n > 0 && buf_len(&c->out) > 0);
}

static void client_on_io(void *arg, unsigned events)
{
	struct client *c = arg;

	(void)events;
	if (!c->answered && !client_read(c)) {
		client_free(c);
		return;
	}
	if (c->answered && !client_write(c)) {
		stream_shutdown(&c->stream);
		client_free(c);
		return;
	}
	loop_arm(c->io, c->answered ? LOOP_WRITE : LOOP_READ);
}

static void admin_on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	struct admin *a = arg;

	(void)from;
	if (fd < 0)
		return;
	if (a->count >= ADMIN_CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	struct client *c = mem_alloc(sizeof(*c));
	c->admin = a;
	c->in.max = HTTP1_HEAD_MAX;
	stream_open(&c->stream, fd);
	c->io = loop_watch(a->worker->loop, fd, client_on_io, c);
	loop_timer_init(&c->deadline, a->worker->loop, client_on_deadline, c);
	loop_timer_start(&c->deadline, ADMIN_DEADLINE_MS);
	loop_arm(c->io, LOOP_READ);
	list_push(&a->clients, &c->node);
	a->count++;
}

struct admin *admin_new(struct worker *w, const char *address, admin_fn *fn, void *arg, struct err *err)
{
	struct admin *a = mem_alloc(sizeof(*a));

	a->worker = w;
	a->fn = fn;
	a->arg = arg;
	list_init(&a->clients);
	a->listen = listen_new(w->loop, address, admin_on_connection, a, err);
	if (a->listen == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

const char *admin_address(const struct admin *a)
{
	return listen_address(a->listen);
}

void admin_free(struct admin *a)
{
	struct node *n;

	if (a == NULL)
		return;
	while ((n = list_first(&a->clients)) != NULL)
		client_free(list_entry(n, struct client, node));
	listen_free(a->listen);
	free(a);
}
