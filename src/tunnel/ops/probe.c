/* A client for one request: connect, ask, read to the end. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/dial.h"
#include "common/net/stream.h"
#include "common/proto/http1.h"
#include "common/proto/url.h"
#include "tunnel/ops/probe.h"

struct probe {
	struct worker *worker;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer deadline;
	struct dial *dial;
	struct buf out, in;
	const char *why; /* constant; what went wrong */
	char reason[128];
};

static void probe_stop(struct probe *p, const char *why)
{
	p->why = why;
	loop_stop(p->worker->loop);
}

static void probe_on_deadline(void *arg)
{
	probe_stop(arg, "no answer in time");
}

/* --- Bytes --- */

static void probe_read(struct probe *p)
{
	char bytes[4096];
	ssize_t n = stream_read(&p->stream, bytes, sizeof(bytes));

	if (n == STREAM_AGAIN)
		return;
	if (n == STREAM_FAIL)
		probe_stop(p, "connection broken");
	else if (n == STREAM_EOF)
		probe_stop(p, NULL);
	else if (buf_add(&p->in, bytes, (size_t)n) < 0)
		probe_stop(p, "answer too long");
}

static void probe_on_io(void *arg, unsigned events)
{
	struct probe *p = arg;

	(void)events;
	if (buf_len(&p->out) == 0) {
		probe_read(p);
		return;
	}
	ssize_t n = stream_write(&p->stream, buf_span(&p->out).p, buf_len(&p->out));
	if (n > 0)
		buf_consume(&p->out, (size_t)n);
	else if (n != STREAM_AGAIN)
		probe_stop(p, "connection broken");
	loop_arm(p->io, buf_len(&p->out) > 0 ? LOOP_WRITE : LOOP_READ);
}

static void probe_on_dialed(void *arg, int fd, const char *why)
{
	struct probe *p = arg;

	p->dial = NULL;
	if (fd < 0) {
		snprintf(p->reason, sizeof(p->reason), "%s", why);
		probe_stop(p, p->reason);
		return;
	}
	stream_open(&p->stream, fd);
	p->io = loop_watch(p->worker->loop, fd, probe_on_io, p);
	loop_arm(p->io, LOOP_WRITE);
}

/* --- The answer --- */

static bool probe_read_body(struct span rest, const struct http1_response *r, struct buf *to)
{
	struct http1_body body = {0};
	struct span data;
	const char *why;
	enum parse step = PARSE_OK;

	http1_body_start(&body, r->framing, r->length);
	while (!body.done && step == PARSE_OK) {
		step = http1_body_next(&body, &rest, &data, &why);
		if (step == PARSE_OK)
			buf_add_span(to, data);
	}
	bool whole = step != PARSE_BAD && (body.done || http1_body_at_close(&body));
	http1_body_fini(&body);
	return whole;
}

static bool probe_parse(struct probe *p, struct probe_answer *out)
{
	struct http1_response r = {0};
	struct http1_fault fault;
	struct span in = buf_span(&p->in);
	size_t scanned = 0, len;

	if (http1_find_head(in, &scanned, &len, &fault) != PARSE_OK)
		return false;
	bool ok = http1_parse_response(span_of(in.p, len), SPAN("GET"), &r, &fault) &&
		  probe_read_body(span_skip(in, len), &r, &out->body);
	out->status = r.status;
	http1_response_fini(&r);
	return ok;
}

/* --- One after the other --- */

static void probe_ask(struct probe *p, struct span host, int port, const char *authority, const char *path,
	int64_t timeout_ms)
{
	char *name = host.len > 0 ? mem_spandup(host) : mem_strdup("127.0.0.1"),
	     *service = mem_printf("%d", port);
	struct dial_target target = {.host = name, .port = service, .timeout_ms = timeout_ms};

	http1_write_request_line(&p->out, SPAN("GET"), span_str(path));
	http1_write_field(&p->out, SPAN("Host"), span_str(authority));
	http1_write_field(&p->out, SPAN("Connection"), SPAN("close"));
	http1_write_end(&p->out);
	loop_timer_init(&p->deadline, p->worker->loop, probe_on_deadline, p);
	loop_timer_start(&p->deadline, (uint64_t)timeout_ms);
	p->dial = dial_start(p->worker->loop, &target, probe_on_dialed, p);
	loop_run(p->worker->loop);
	dial_cancel(p->dial);
	loop_timer_fini(&p->deadline);
	free(name);
	free(service);
}

int probe_get(struct worker *w, const char *address, const char *path, int64_t timeout_ms,
	struct probe_answer *out, struct err *err)
{
	struct probe p = {.worker = w, .in = {.max = PROBE_ANSWER_MAX}};
	struct url_authority to;
	int rc = 0;

	*out = (struct probe_answer){0};
	if (url_parse_address(span_str(address), &to, err) < 0)
		return -1;
	probe_ask(&p, to.host, to.port, address, path, timeout_ms);
	if (p.why != NULL)
		rc = err_set(err, "%s: %s", address, p.why);
	else if (!probe_parse(&p, out))
		rc = err_set(err, "%s: the answer is not HTTP", address);
	loop_unwatch(p.io);
	stream_close(&p.stream);
	buf_free(&p.out);
	buf_free(&p.in);
	return rc;
}
