/* The way to a server: name, TCP, proxy, TLS, and the request. */
#include <stdio.h>

#include "wscat/peer_private.h"

static void peer_send_request(struct peer *p)
{
	if (p->conf.use_h2) {
		p->h2 = h2pipe_new(&p->stream, p->h2_request);
		p->report.at.sent = peer_now(p);
	}
	p->state = PEER_HEAD;
	peer_pump(p);
}

static void peer_on_tls(struct peer *p)
{
	struct peer_report *r = &p->report;
	struct err err;

	enum tls_step step = tls_handshake(&p->stream, &err);
	if (step == TLS_WAIT) {
		loop_arm(p->io, p->stream.want_read);
		return;
	}
	r->has_cert = tls_peer_cert(&p->stream, &r->cert);
	r->tls_version = tls_version(&p->stream);
	if (step == TLS_FAIL) {
		peer_fail(p, PEER_NO_TLS, "%s", err.text);
		return;
	}
	struct span alpn = tls_alpn(&p->stream);
	snprintf(r->alpn, sizeof(r->alpn), "%.*s", (int)alpn.len, alpn.len > 0 ? alpn.p : "");
	r->at.tls = peer_now(p);
	peer_send_request(p);
}

static void peer_connected(struct peer *p)
{
	struct err err;
	struct tls_context *tls = p->is_tls ? env_tls(p->env, p->conf.use_h2, &err) : NULL;
	const char *sni = where_is_address(p->server_name) ? NULL : p->server_name;

	if (!p->is_tls) {
		peer_send_request(p);
	} else if (tls == NULL || tls_connect(&p->stream, tls, sni, p->server_name, &err) < 0) {
		peer_fail(p, PEER_NO_TLS, "%s", err.text);
	} else {
		p->state = PEER_TLS;
		peer_on_tls(p);
	}
}

/* Send what is to be said to the proxy. False when that failed. */
static bool peer_tell_proxy(struct peer *p)
{
	while (buf_len(&p->proxy_out) > 0) {
		ssize_t n = stream_write(&p->stream, buf_span(&p->proxy_out).p, buf_len(&p->proxy_out));
		if (n == STREAM_FAIL) {
			peer_fail(p, PEER_NO_PROXY, "proxy: %s", p->stream.why);
			return false;
		}
		if (n == STREAM_AGAIN)
			break;
		buf_consume(&p->proxy_out, (size_t)n);
	}
	return true;
}

/* Before TLS, so always the plain stream; one byte too many would be TLS's, so the answer is read byte by byte. */
static void peer_on_proxy(struct peer *p)
{
	struct err err;
	char byte;

	if (!peer_tell_proxy(p))
		return;
	for (;;) {
		ssize_t n = stream_read(&p->stream, &byte, 1);
		if (n == STREAM_AGAIN)
			break;
		if (n <= 0) {
			peer_fail(p, PEER_NO_PROXY, "the proxy ended the connection");
			return;
		}
		buf_add(&p->in, &byte, 1);
		switch (proxy_take(&p->proxy, &p->in, &p->proxy_out, &err)) {
		case PARSE_OK:
			p->report.at.proxy = peer_now(p);
			peer_connected(p);
			return;
		case PARSE_BAD: peer_fail(p, PEER_NO_PROXY, "%s", err.text); return;
		case PARSE_MORE: break;
		}
		if (!peer_tell_proxy(p))
			return;
	}
	loop_arm(p->io, LOOP_READ | (buf_len(&p->proxy_out) > 0 ? LOOP_WRITE : 0));
}

static void peer_on_io(void *arg, unsigned events)
{
	struct peer *p = arg;

	(void)events;
	switch (p->state) {
	case PEER_PROXY: peer_on_proxy(p); break;
	case PEER_TLS: peer_on_tls(p); break;
	case PEER_HEAD:
	case PEER_BODY:
	case PEER_OPEN:
	case PEER_LINGER: peer_pump(p); break;
	case PEER_DIAL:
	case PEER_OVER: break;
	}
}

static void peer_on_found(void *arg)
{
	struct peer *p = arg;

	p->report.at.dns = peer_now(p);
}

static void peer_on_dialed(void *arg, int fd, const char *why)
{
	struct peer *p = arg;
	struct err err;

	p->dial = NULL;
	if (fd < 0) {
		peer_fail(p, p->report.at.dns == 0 ? PEER_NO_NAME : PEER_NO_TCP, "%s%s%s: %s",
			p->where.unix_path != NULL ? p->where.unix_path : p->where.host,
			p->where.unix_path != NULL ? "" : ":",
			p->where.unix_path != NULL ? "" : p->where.port, why);
		return;
	}
	p->report.at.tcp = peer_now(p);
	dial_peer_name(fd, p->report.address);
	stream_open(&p->stream, fd);
	p->io = loop_watch(p->env->loop, fd, peer_on_io, p);
	if (p->where.proxy == WHERE_DIRECT) {
		peer_connected(p);
	} else if (proxy_begin(&p->proxy, &p->where, &p->proxy_out, &err) < 0) {
		peer_fail(p, PEER_NO_PROXY, "%s", err.text);
	} else {
		p->state = PEER_PROXY;
		peer_on_proxy(p);
	}
}

void peer_dial(struct peer *p)
{
	struct dial_target to = {
		.host = p->where.host,
		.port = p->where.port,
		.unix_path = p->where.unix_path,
		.on_found = peer_on_found,
	};

	p->dial = dial_start(p->env->loop, &to, peer_on_dialed, p);
}
