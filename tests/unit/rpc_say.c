/* Says messages of the control stream for tests/capnp.bats: `rpc_say NAME` writes one, `rpc_say` reads those on stdin
 * and prints a line for each. */
#include <stdio.h>
#include <stdlib.h>

#include "tunnel/control/rpc.h"

static const struct rpc_registration registration = {.conn_index = 3,
	.account_tag = {"account", 7},
	.secret = {"\0\1\2\xff", 4},
	.tunnel_id = {"tunnel id, 16 b.", 16},
	.client_id = {"client id, 16 b.", 16},
	.features = {{"one", 3}, {"two", 3}},
	.feature_count = 2,
	.version = {"1.2", 3},
	.arch = {"linux_amd64", 11},
	.local_ip = {"0123456789abcdef", 16},
	.attempts = 4};
static const struct rpc_registered details = {
	.ok = true, .uuid = {"0123456789abcdef", 16}, .location = {"LOC", 3}, .remotely_managed = true};
static const struct rpc_registered refusal = {
	.cause = {"no such tunnel", 14}, .should_retry = true, .retry_after_ns = -5};

static int write_message(struct span name, struct buf *out)
{
	if (span_eq(name, SPAN("bootstrap")))
		return rpc_bootstrap(out, 7);
	if (span_eq(name, SPAN("register")))
		return rpc_call_register(out, 7, 2, &registration);
	if (span_eq(name, SPAN("unregister")))
		return rpc_call_unregister(out, 7, 2);
	if (span_eq(name, SPAN("configure")))
		return rpc_call_update_configuration(out, 7, 2, SPAN("{\"a\":1}"));
	if (span_eq(name, SPAN("capability")))
		return rpc_return_bootstrap(out, 7, 2);
	if (span_eq(name, SPAN("details")))
		return rpc_return_registered(out, 7, &details);
	if (span_eq(name, SPAN("refusal")))
		return rpc_return_registered(out, 7, &refusal);
	if (span_eq(name, SPAN("empty")))
		return rpc_return_empty(out, 7);
	if (span_eq(name, SPAN("exception")))
		return rpc_return_exception(out, 7, RPC_UNIMPLEMENTED_METHOD, SPAN("what"));
	if (span_eq(name, SPAN("finish")))
		return rpc_finish(out, 7);
	if (span_eq(name, SPAN("release")))
		return rpc_release(out, 2, 1);
	if (span_eq(name, SPAN("abort")))
		return rpc_abort(out, SPAN("bye"));
	if (span_eq(name, SPAN("unimplemented")))
		return rpc_unimplemented(out);
	return -1;
}

static void print_text(const char *name, struct span s)
{
	printf(" %s=%.*s", name, (int)s.len, s.p);
}

static void print_call(const struct rpc_message *m)
{
	struct rpc_registration r;
	struct span json;

	printf(" method=%u on_answer=%d target=%u", m->method, m->on_answer, m->target);
	if (m->method == RPC_REGISTER && rpc_decode_registration(&m->params, &r)) {
		printf(" index=%u attempts=%u replace=%d", r.conn_index, r.attempts, r.replace_existing);
		print_text("account", r.account_tag);
		print_text("secret", r.secret);
		print_text("tunnel", r.tunnel_id);
		print_text("client", r.client_id);
		for (size_t i = 0; i < r.feature_count; i++)
			print_text("feature", r.features[i]);
		print_text("version", r.version);
		print_text("arch", r.arch);
		print_text("ip", r.local_ip);
	}
	if (m->method == RPC_UPDATE_CONFIGURATION && rpc_decode_configuration(&m->params, &json))
		print_text("config", json);
}

static void print_return(const struct rpc_message *m)
{
	struct rpc_registered r;

	if (m->has_capability)
		printf(" capability=%u", m->capability);
	else if (m->is_exception)
		print_text("exception", m->reason);
	else if (!rpc_decode_registered(&m->results, &r))
		printf(" results");
	else if (r.ok)
		printf(" uuid=%.*s location=%.*s remote=%d", (int)r.uuid.len, r.uuid.p, (int)r.location.len,
			r.location.p, r.remotely_managed);
	else
		printf(" cause=%.*s retry=%d after=%lld", (int)r.cause.len, r.cause.p, r.should_retry,
			(long long)r.retry_after_ns);
}

static bool print_message(struct span framed)
{
	struct capnp_message message;
	struct rpc_message m;

	if (!rpc_decode(&message, framed, &m))
		return false;
	printf("kind=%u id=%u", (unsigned)m.kind, m.id);
	if (m.kind == RPC_CALL)
		print_call(&m);
	else if (m.kind == RPC_RETURN)
		print_return(&m);
	else if (m.kind == RPC_ABORT)
		print_text("reason", m.reason);
	putchar('\n');
	return true;
}

static int read_messages(struct span in)
{
	const char *why = "it ends too early";
	size_t len;

	while (in.len > 0) {
		if (capnp_frame(in, 65536, &len, &why) != PARSE_OK) {
			printf("%s\n", why);
			return 1;
		}
		if (!print_message(span_of(in.p, len))) {
			printf("malformed\n");
			return 1;
		}
		in = span_skip(in, len);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct buf bytes = {0};
	int rc = 1;

	if (argc == 1) {
		char *at = buf_reserve(&bytes, 65536);
		buf_commit(&bytes, fread(at, 1, 65536, stdin));
		rc = read_messages(buf_span(&bytes));
	} else if (write_message(span_str(argv[1]), &bytes) == 0) {
		rc = fwrite(buf_span(&bytes).p, buf_len(&bytes), 1, stdout) != 1;
	}
	buf_free(&bytes);
	return rc;
}
