/* The control conversation: a small RPC client for the connector, a small RPC server for the edge. Message buffers that
 * held a secret are wiped. */
#include <stdio.h>

#include "common/base/secret.h"
#include "tunnel/control/register.h"

/* Room for what follows a message of full size in one read. */
#define CONTROL_SLACK ((size_t)64 * 1024)

/* Take the message that was reported before off the buffer, wiping it. */
static void drop_consumed(struct buf *in, size_t *consumed)
{
	if (*consumed == 0)
		return;
	secret_wipe(in->data + in->head, *consumed);
	buf_consume(in, *consumed);
	*consumed = 0;
	if (buf_len(in) == 0)
		buf_wipe(in);
}

/* --- The connector's half --- */

static enum control_client_event client_broken(struct control_client *c, const char *why)
{
	snprintf(c->why, sizeof(c->why), "%s", why);
	return CONTROL_CLIENT_BROKEN;
}

void control_client_start(
	struct control_client *c, struct buf *out, const struct rpc_registration *registration)
{
	*c = (struct control_client){.out = out, .registration = registration};
	c->in.max = CONTROL_BEFORE_MAX + CONTROL_SLACK;
	c->config.max = CONTROL_AFTER_MAX;
	rpc_bootstrap(out, c->question);
}

void control_client_feed(struct control_client *c, struct span bytes)
{
	drop_consumed(&c->in, &c->consumed);
	/* Past the ceiling no message can be whole: control_client_next reports it. */
	if (buf_add_span(&c->in, bytes) < 0)
		c->in.max = 0;
}

/* Send the next call if none is in flight. */
static void client_call(struct control_client *c)
{
	if (c->calling || !c->bootstrapped)
		return;
	if (!c->is_registered && c->registration != NULL) {
		c->method = RPC_REGISTER;
		rpc_call_register(c->out, c->question + 1, c->capability, c->registration);
		c->registration = NULL;
	} else if (c->wants_unregister) {
		c->wants_unregister = false;
		c->method = RPC_UNREGISTER;
		rpc_call_unregister(c->out, c->question + 1, c->capability);
	} else if (buf_len(&c->config) > 0) {
		c->method = RPC_UPDATE_CONFIGURATION;
		rpc_call_update_configuration(c->out, c->question + 1, c->capability, buf_span(&c->config));
		buf_free(&c->config);
	} else {
		return;
	}
	c->question++;
	c->calling = true;
}

static enum control_client_event client_registered(struct control_client *c, const struct rpc_message *m)
{
	if (m->is_exception)
		c->registered = (struct rpc_registered){.cause = m->reason};
	else if (!rpc_decode_registered(&m->results, &c->registered))
		return client_broken(c, "malformed answer to registerConnection");
	if (!c->registered.ok)
		return CONTROL_CLIENT_REFUSED;
	c->is_registered = true;
	c->in.max = CONTROL_AFTER_MAX + CONTROL_SLACK;
	return CONTROL_CLIENT_REGISTERED;
}

static enum control_client_event client_configured(struct control_client *c, const struct rpc_message *m)
{
	if (!m->is_exception)
		return CONTROL_CLIENT_CONFIGURED;
	snprintf(c->why, sizeof(c->why), "%.*s", (int)(m->reason.len < 100 ? m->reason.len : 100),
		m->reason.p);
	return CONTROL_CLIENT_NOT_CONFIGURED;
}

/* An answer to our question, which is the newest one: one call is in flight at a time. */
static enum control_client_event client_on_return(struct control_client *c, const struct rpc_message *m)
{
	enum control_client_event event = CONTROL_CLIENT_NONE;

	if (m->id != c->question || (c->bootstrapped && !c->calling))
		return client_broken(c, "answer to no question");
	rpc_finish(c->out, m->id);
	if (!c->bootstrapped) {
		if (!m->has_capability)
			return client_broken(c, "bootstrap answered without a capability");
		c->bootstrapped = true;
		c->capability = m->capability;
	} else {
		c->calling = false;
		switch (c->method) {
		case RPC_REGISTER: event = client_registered(c, m); break;
		case RPC_UNREGISTER: event = CONTROL_CLIENT_UNREGISTERED; break;
		case RPC_UPDATE_CONFIGURATION: event = client_configured(c, m); break;
		}
	}
	client_call(c);
	return event;
}

static enum control_client_event client_on_message(struct control_client *c, const struct rpc_message *m)
{
	switch (m->kind) {
	case RPC_RETURN: return client_on_return(c, m);
	case RPC_ABORT:
		snprintf(c->why, sizeof(c->why), "aborted by the edge: %.*s",
			(int)(m->reason.len < 80 ? m->reason.len : 80), m->reason.p);
		return CONTROL_CLIENT_BROKEN;
	case RPC_CALL:
	case RPC_BOOTSTRAP:
		/* We export nothing. */
		rpc_return_exception(c->out, m->id, RPC_UNIMPLEMENTED_METHOD, SPAN("nothing to call here"));
		return CONTROL_CLIENT_NONE;
	case RPC_UNKNOWN:
	case RPC_DISEMBARGO: rpc_unimplemented(c->out); return CONTROL_CLIENT_NONE;
	case RPC_UNIMPLEMENTED:
	case RPC_FINISH:
	case RPC_RESOLVE:
	case RPC_RELEASE: return CONTROL_CLIENT_NONE;
	}
	return CONTROL_CLIENT_NONE;
}

enum control_client_event control_client_next(struct control_client *c)
{
	enum control_client_event event = CONTROL_CLIENT_NONE;

	while (event == CONTROL_CLIENT_NONE) {
		struct capnp_message message;
		struct rpc_message m;
		const char *why = "message too large";
		size_t len, max = c->is_registered ? CONTROL_AFTER_MAX : CONTROL_BEFORE_MAX;

		drop_consumed(&c->in, &c->consumed);
		if (c->in.max == 0)
			return client_broken(c, why);
		enum parse parsed = capnp_frame(buf_span(&c->in), max, &len, &why);
		if (parsed == PARSE_MORE)
			return CONTROL_CLIENT_NONE;
		if (parsed == PARSE_BAD)
			return client_broken(c, why);
		c->consumed = len;
		if (!rpc_decode(&message, span_of(buf_span(&c->in).p, len), &m))
			return client_broken(c, "malformed message");
		event = client_on_message(c, &m);
	}
	return event;
}

void control_client_configure(struct control_client *c, struct span json)
{
	buf_clear(&c->config);
	buf_add_span(&c->config, json);
	client_call(c);
}

void control_client_unregister(struct control_client *c)
{
	c->wants_unregister = true;
	client_call(c);
}

void control_client_goodbye(struct control_client *c)
{
	if (c->bootstrapped)
		rpc_release(c->out, c->capability, 1);
	rpc_abort(c->out, SPAN("rpc: shutdown"));
}

void control_client_fini(struct control_client *c)
{
	buf_wipe(&c->in);
	buf_free(&c->config);
}

enum control_refusal control_refusal_of(const struct rpc_registered *r)
{
	if (span_eq(r->cause, SPAN("EDUPCONN")))
		return CONTROL_DUPLICATE;
	for (size_t i = 0; i < r->cause.len; i++)
		if (span_starts(span_skip(r->cause, i), SPAN("Unauthorized")))
			return CONTROL_UNAUTHORIZED;
	return r->should_retry ? CONTROL_RETRYABLE : CONTROL_PERMANENT;
}

/* --- The edge's half --- */

static enum control_server_event server_broken(struct control_server *s, const char *why)
{
	s->why = why;
	rpc_abort(s->out, span_str(why));
	return CONTROL_SERVER_BROKEN;
}

void control_server_start(struct control_server *s, struct buf *out)
{
	*s = (struct control_server){.out = out};
	s->in.max = CONTROL_BEFORE_MAX + CONTROL_SLACK;
}

void control_server_feed(struct control_server *s, struct span bytes)
{
	drop_consumed(&s->in, &s->consumed);
	if (buf_add_span(&s->in, bytes) < 0)
		s->in.max = 0;
}

static bool server_is_open(const struct control_server *s, uint32_t question)
{
	for (size_t i = 0; i < s->open_count; i++)
		if (s->open[i] == question)
			return true;
	return false;
}

static void server_close_question(struct control_server *s, uint32_t question)
{
	for (size_t i = 0; i < s->open_count; i++)
		if (s->open[i] == question)
			s->open[i--] = s->open[--s->open_count];
	if (s->has_bootstrap && s->bootstrap == question)
		s->has_bootstrap = false;
}

static bool server_open_question(struct control_server *s, uint32_t question)
{
	if (s->open_count == CONTROL_QUESTIONS_MAX || server_is_open(s, question))
		return false;
	s->open[s->open_count++] = question;
	return true;
}

/* Is the call's target our one capability: export 0, or the answer to the bootstrap question? */
static bool server_is_target(const struct control_server *s, const struct rpc_message *m)
{
	return m->on_answer ? s->has_bootstrap && s->bootstrap == m->target : m->target == 0;
}

static enum control_server_event server_on_method(struct control_server *s, const struct rpc_message *m)
{
	s->question = m->id;
	switch ((enum rpc_method)m->method) {
	case RPC_REGISTER:
		if (!rpc_decode_registration(&m->params, &s->registration))
			return server_broken(s, "malformed registerConnection");
		return CONTROL_SERVER_REGISTER;
	case RPC_UNREGISTER: return CONTROL_SERVER_UNREGISTER;
	case RPC_UPDATE_CONFIGURATION:
		if (!rpc_decode_configuration(&m->params, &s->config))
			return server_broken(s, "malformed updateLocalConfiguration");
		rpc_return_empty(s->out, m->id);
		return CONTROL_SERVER_CONFIGURE;
	}
	rpc_return_exception(s->out, m->id, RPC_UNIMPLEMENTED_METHOD, SPAN("no such method"));
	return CONTROL_SERVER_NONE;
}

static enum control_server_event server_on_call(struct control_server *s, const struct rpc_message *m)
{
	if (!server_open_question(s, m->id))
		return server_broken(s, "question id in use, or too many questions");
	if (!server_is_target(s, m)) {
		rpc_return_exception(s->out, m->id, RPC_FAILED, SPAN("no such capability"));
		return CONTROL_SERVER_NONE;
	}
	if (m->interface != RPC_REGISTRATION) {
		rpc_return_exception(s->out, m->id, RPC_UNIMPLEMENTED_METHOD, SPAN("no such interface"));
		return CONTROL_SERVER_NONE;
	}
	return server_on_method(s, m);
}

static enum control_server_event server_on_message(struct control_server *s, const struct rpc_message *m)
{
	switch (m->kind) {
	case RPC_BOOTSTRAP:
		if (!server_open_question(s, m->id))
			return server_broken(s, "question id in use, or too many questions");
		s->bootstrap = m->id;
		s->has_bootstrap = true;
		rpc_return_bootstrap(s->out, m->id, 0);
		return CONTROL_SERVER_NONE;
	case RPC_CALL: return server_on_call(s, m);
	case RPC_FINISH: server_close_question(s, m->id); return CONTROL_SERVER_NONE;
	case RPC_ABORT: return CONTROL_SERVER_GONE;
	case RPC_UNKNOWN:
	case RPC_DISEMBARGO: rpc_unimplemented(s->out); return CONTROL_SERVER_NONE;
	case RPC_UNIMPLEMENTED:
	case RPC_RETURN:
	case RPC_RESOLVE:
	case RPC_RELEASE: return CONTROL_SERVER_NONE;
	}
	return CONTROL_SERVER_NONE;
}

enum control_server_event control_server_next(struct control_server *s)
{
	enum control_server_event event = CONTROL_SERVER_NONE;

	while (event == CONTROL_SERVER_NONE) {
		struct capnp_message message;
		struct rpc_message m;
		const char *why = "message too large";
		size_t len, max = s->is_registered ? CONTROL_AFTER_MAX : CONTROL_BEFORE_MAX;

		drop_consumed(&s->in, &s->consumed);
		if (s->in.max == 0)
			return server_broken(s, why);
		if (buf_len(s->out) > CONTROL_UNSENT_MAX)
			return server_broken(s, "answers are not taken");
		enum parse parsed = capnp_frame(buf_span(&s->in), max, &len, &why);
		if (parsed == PARSE_MORE)
			return CONTROL_SERVER_NONE;
		if (parsed == PARSE_BAD)
			return server_broken(s, why);
		s->consumed = len;
		if (!rpc_decode(&message, span_of(buf_span(&s->in).p, len), &m))
			return server_broken(s, "malformed message");
		event = server_on_message(s, &m);
	}
	return event;
}

void control_server_answer(struct control_server *s, const struct rpc_registered *r)
{
	rpc_return_registered(s->out, s->question, r);
	if (!r->ok)
		return;
	s->is_registered = true;
	s->in.max = CONTROL_AFTER_MAX + CONTROL_SLACK;
}

void control_server_unregistered(struct control_server *s)
{
	rpc_return_empty(s->out, s->question);
}

void control_server_fini(struct control_server *s)
{
	buf_wipe(&s->in);
}
