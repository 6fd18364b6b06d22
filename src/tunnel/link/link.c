/* A tunnel connection: takes all that a wake-up brings, runs the session, then writes once. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/net/dial.h"
#include "tunnel/link/link.h"

#define LINK_READ_ROUNDS 64 /* reads of one wake-up before others get their turn */

enum link_state {
	LINK_TLS,  /* handshake */
	LINK_UP,   /* carrying exchanges */
	LINK_DEAD, /* waiting for the wake-up to end; then freed */
};

struct link {
	enum link_state state;
	enum h2_role role;
	struct worker *worker;
	const struct link_events *events;
	void *arg;
	struct stream stream;
	struct loop_io *io;
	struct h2_session *session;
	struct buf out; /* what the socket did not take */
	struct loop_task flush, bury;
	struct loop_timer timer; /* handshake deadline, then heartbeat */
	bool heard;              /* bytes came since the last beat */
	bool pinged;             /* a PING waits for its answer */
	uint64_t written;        /* bytes */
	int64_t taken;           /* how many of them the peer had acknowledged at the last beat, about */
	bool more;               /* reading stopped before the socket was empty */
	const char *why;         /* reason of death */
	char peer[DIAL_NAME_MAX], local[DIAL_NAME_MAX];
};

static void link_die(struct link *l, const char *why)
{
	if (l->state == LINK_DEAD)
		return;
	l->state = LINK_DEAD;
	l->why = why;
	loop_defer(l->worker->loop, &l->bury);
}

void link_close(struct link *l, const char *why)
{
	link_die(l, why);
}

struct h2_session *link_session(struct link *l)
{
	return l->state == LINK_UP ? l->session : NULL;
}

const char *link_peer(const struct link *l)
{
	return l->peer;
}

const char *link_local(const struct link *l)
{
	return l->local;
}

static void link_arm(struct link *l)
{
	unsigned want = l->stream.want_read;

	if (l->state == LINK_DEAD)
		return;
	if (buf_len(&l->out) > 0)
		want |= l->stream.want_write;
	if (l->more)
		want |= LOOP_WRITE;
	loop_arm(l->io, want);
}

/* --- Writing --- */

/* Write the bytes as far as the socket takes them; the number taken, or -1. */
static ssize_t link_write(struct link *l, struct span bytes)
{
	size_t taken = 0;

	while (taken < bytes.len) {
		ssize_t n = stream_write(&l->stream, bytes.p + taken, bytes.len - taken);
		if (n == STREAM_AGAIN)
			break;
		if (n < 0)
			return -1;
		taken += (size_t)n;
		l->written += (uint64_t)n;
	}
	return (ssize_t)taken;
}

/* First what the socket refused earlier. True when nothing of it is left. */
static bool link_write_rest(struct link *l)
{
	ssize_t n = link_write(l, buf_span(&l->out));

	if (n < 0) {
		link_die(l, l->stream.why);
		return false;
	}
	buf_consume(&l->out, (size_t)n);
	buf_release(&l->out);
	return buf_len(&l->out) == 0;
}

/* All that the session has, in writes as large as TLS can use. */
static void link_flush(void *arg)
{
	struct link *l = arg;
	struct buf *out = &l->worker->out;
	struct err err;

	while (l->session != NULL && link_write_rest(l)) {
		buf_clear(out);
		int rc = h2_pull(l->session, out, WORKER_OUT_HIGH, &err);
		ssize_t n = link_write(l, buf_span(out));
		if (n < 0 || rc < 0) {
			link_die(l, n < 0 ? l->stream.why : "HTTP/2 error");
			break;
		}
		size_t left = buf_len(out) - (size_t)n;
		if (left > 0)
			buf_add(&l->out, buf_span(out).p + n, left);
		if (l->role == H2_PUBLIC)
			secret_wipe(out->data + out->head, buf_len(out)); /* answers have tokens */
		if (left > 0)
			continue;
		if (n == 0)
			break;
	}
	if (l->session != NULL && h2_is_over(l->session))
		link_die(l, "closed after a fault of the peer");
	link_arm(l);
}

static void link_on_wake(void *arg)
{
	struct link *l = arg;

	if (l->state == LINK_UP)
		loop_defer(l->worker->loop, &l->flush);
}

/* --- Reading --- */

static bool link_feed(struct link *l, struct span bytes)
{
	struct err err;

	l->heard = true;
	if (h2_feed(l->session, bytes, &err) < 0) {
		if (l->role == H2_PUBLIC)
			log_line(l->worker->log, LOG_DEBUG, "HTTP/2 connection broken by its peer",
				"peer=%s error=\"%s\"", l->peer, err.text);
		else
			log_line(l->worker->log, LOG_WARN, "tunnel connection broken by its peer",
				"peer=%s error=\"%s\"", l->peer, err.text);
		link_die(l, "HTTP/2 error");
	} else if (h2_is_over(l->session)) {
		link_die(l, "closed by the peer");
	}
	return l->state == LINK_UP;
}

void link_take(struct link *l, struct span bytes)
{
	link_feed(l, bytes);
}

static void link_read(struct link *l)
{
	struct worker *w = l->worker;

	l->more = false;
	for (int i = 0; i < LINK_READ_ROUNDS; i++) {
		ssize_t n = stream_read(&l->stream, w->in, sizeof(w->in));
		if (n == STREAM_AGAIN)
			return;
		if (n == STREAM_EOF || n == STREAM_FAIL) {
			link_die(l, n == STREAM_EOF ? "closed by the peer" : l->stream.why);
			return;
		}
		if (!link_feed(l, span_of(w->in, (size_t)n)) || !l->stream.more)
			return;
	}
	l->more = true;
}

/* --- Heartbeat --- */

static void link_on_pong(void *arg)
{
	struct link *l = arg;

	l->pinged = false;
}

/* Is a slow line busy with what we have written before? Then the PING stands behind it, and its answer may take long. */
static bool link_is_taking(struct link *l)
{
	size_t unsent = stream_unsent(&l->stream);
	int64_t before = l->taken;

	l->taken = (int64_t)l->written - (int64_t)unsent;
	return unsent > 0 && l->taken > before;
}

/* Nothing was heard since the last beat, with a PING under way. */
static bool link_is_silent(struct link *l, bool is_taking)
{
	/* It may be us who were away: what has come meanwhile is in the socket. */
	link_read(l);
	link_arm(l);
	return l->state == LINK_UP && !l->heard && !is_taking;
}

static void link_on_timer(void *arg)
{
	struct link *l = arg;

	if (l->state == LINK_TLS) {
		link_die(l, "TLS handshake timed out");
		return;
	}
	if (l->state == LINK_DEAD)
		return;
	bool is_taking = link_is_taking(l);
	if (l->pinged && !l->heard && link_is_silent(l, is_taking)) {
		link_die(l, "no answer to PING");
		return;
	}
	if (l->state == LINK_DEAD)
		return;
	if (!l->heard && !l->pinged)
		h2_ping(l->session);
	l->pinged = !l->heard;
	l->heard = false;
	loop_timer_start(&l->timer, LINK_BEAT_MS);
}

/* --- Life --- */

static void link_on_request(void *arg, struct exchange *x, const struct exchange_head *head, bool end)
{
	struct link *l = arg;

	if (l->events->request != NULL && l->state == LINK_UP)
		l->events->request(l->arg, x, head, end);
	else
		exchange_reset(x, EXCHANGE_REFUSED_STREAM);
}

static void link_on_idle(void *arg)
{
	struct link *l = arg;

	if (l->events->idle != NULL && l->state == LINK_UP)
		l->events->idle(l->arg);
}

static const struct h2_owner link_h2_owner = {link_on_request, link_on_pong, link_on_wake, link_on_idle};

static void link_handshake(struct link *l)
{
	struct err err;

	switch (tls_handshake(&l->stream, &err)) {
	case TLS_WAIT: return;
	case TLS_FAIL:
		log_line(l->worker->log, l->role == H2_EDGE ? LOG_DEBUG : LOG_WARN,
			"no TLS with the other end", "peer=%s error=\"%s\"", l->peer, err.text);
		link_die(l, "TLS handshake failed");
		return;
	case TLS_DONE: break;
	}
	l->state = LINK_UP;
	l->session = h2_new(l->role, &link_h2_owner, l);
	loop_timer_start(&l->timer, LINK_BEAT_MS);
	loop_defer(l->worker->loop, &l->flush);
	l->events->up(l->arg);
	link_read(l);
}

static void link_on_io(void *arg, unsigned events)
{
	struct link *l = arg;

	switch (l->state) {
	case LINK_TLS: link_handshake(l); break;
	case LINK_UP:
		link_read(l);
		if ((events & LOOP_WRITE) && buf_len(&l->out) > 0)
			loop_defer(l->worker->loop, &l->flush);
		break;
	case LINK_DEAD: return;
	}
	link_arm(l);
}

/* Runs when the wake-up is over, so never inside a callback of the session. */
static void link_bury(void *arg)
{
	struct link *l = arg;
	struct err err;

	loop_task_cancel(&l->flush);
	if (l->session != NULL && l->stream.why == NULL && buf_len(&l->out) == 0) {
		buf_clear(&l->worker->out);
		if (h2_pull(l->session, &l->worker->out, WORKER_OUT_HIGH, &err) == 0)
			link_write(l, buf_span(&l->worker->out));
	}
	h2_free(l->session);
	l->session = NULL;
	loop_task_cancel(&l->flush);
	loop_unwatch(l->io);
	if (l->stream.why == NULL)
		stream_shutdown(&l->stream);
	stream_close(&l->stream);
	loop_timer_fini(&l->timer);
	buf_free(&l->out);
	l->events->down(l->arg, l->why);
	free(l);
}

static struct link *link_alloc(
	struct worker *w, enum h2_role role, const struct link_events *events, void *arg)
{
	struct link *l = mem_alloc(sizeof(*l));

	l->worker = w;
	l->role = role;
	l->events = events;
	l->arg = arg;
	l->flush = (struct loop_task){.fn = link_flush, .arg = l};
	l->bury = (struct loop_task){.fn = link_bury, .arg = l};
	loop_timer_init(&l->timer, w->loop, link_on_timer, l);
	return l;
}

static void link_watch(struct link *l)
{
	dial_peer_name(l->stream.fd, l->peer);
	dial_local_name(l->stream.fd, l->local);
	l->io = loop_watch(l->worker->loop, l->stream.fd, link_on_io, l);
}

struct link *link_new(struct worker *w, enum h2_role role, int fd, struct tls_context *tls, const char *name,
	const struct link_events *events, void *arg, struct err *err)
{
	struct link *l = link_alloc(w, role, events, arg);

	stream_open(&l->stream, fd);
	int rc = role == H2_EDGE ? tls_accept(&l->stream, tls, err)
				 : tls_connect(&l->stream, tls, name, name, err);
	if (rc < 0) {
		stream_close(&l->stream);
		free(l);
		return NULL;
	}
	link_watch(l);
	loop_timer_start(&l->timer, LINK_HANDSHAKE_MS);
	/* The client speaks first; the server waits for it. */
	loop_arm(l->io, role == H2_EDGE ? LOOP_READ : LOOP_READ | LOOP_WRITE);
	return l;
}

struct link *link_adopt(struct worker *w, enum h2_role role, const struct stream *ready,
	const struct link_events *events, void *arg)
{
	struct link *l = link_alloc(w, role, events, arg);

	l->stream = *ready;
	l->state = LINK_UP;
	l->session = h2_new(role, &link_h2_owner, l);
	link_watch(l);
	loop_timer_start(&l->timer, LINK_BEAT_MS);
	/* Bytes may wait inside TLS already: being writable wakes us to look. */
	l->more = true;
	link_arm(l);
	loop_defer(w->loop, &l->flush);
	return l;
}
