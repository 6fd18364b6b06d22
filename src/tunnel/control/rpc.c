/* RPC messages to and from Cap'n Proto. Offsets are those of rpc.capnp and tunnelrpc.capnp; objects are laid out in the
 * order in which their pointers stand, a struct before what its neighbours point to. */
#include "tunnel/control/rpc.h"

#define RETURN_RESULTS 0
#define RETURN_EXCEPTION 1
#define TARGET_IMPORTED_CAP 0
#define TARGET_PROMISED_ANSWER 1
#define CAP_SENDER_HOSTED 1

/* --- Decoding --- */

static bool decode_target(const struct capnp_struct *call, struct rpc_message *out)
{
	struct capnp_struct target, promised;
	struct capnp_list transform;

	if (!capnp_get_struct(call, 0, &target))
		return false;
	out->on_answer = capnp_u16(&target, 4) == TARGET_PROMISED_ANSWER;
	out->target = capnp_u32(&target, 0);
	if (!out->on_answer)
		return true;
	if (!capnp_get_struct(&target, 0, &promised) || !capnp_get_list(&promised, 0, &transform))
		return false;
	out->target = capnp_u32(&promised, 0);
	/* A transform that is not a no-op would look inside the answer, and ours is the capability itself. */
	for (size_t i = 0; i < transform.count; i++) {
		struct capnp_struct op;
		if (!capnp_list_struct(&transform, i, &op) || capnp_u16(&op, 0) != 0)
			return false;
	}
	return true;
}

static bool decode_call(const struct capnp_struct *body, struct rpc_message *out)
{
	struct capnp_struct payload;

	out->id = capnp_u32(body, 0);
	out->method = capnp_u16(body, 4);
	out->interface = capnp_u64(body, 8);
	return decode_target(body, out) && capnp_get_struct(body, 1, &payload) &&
	       capnp_get_struct(&payload, 0, &out->params);
}

/* The capability that the content of a payload names in its cap table. */
static bool decode_capability(const struct capnp_struct *payload, struct rpc_message *out)
{
	struct capnp_list table;
	struct capnp_struct descriptor;
	uint32_t index;

	if (!capnp_get_capability(payload, 0, &index))
		return capnp_get_struct(payload, 0, &out->results);
	if (!capnp_get_list(payload, 1, &table) || !capnp_list_struct(&table, index, &descriptor))
		return false;
	out->has_capability = capnp_u16(&descriptor, 0) == CAP_SENDER_HOSTED;
	out->capability = capnp_u32(&descriptor, 4);
	return out->has_capability;
}

static bool decode_return(const struct capnp_struct *body, struct rpc_message *out)
{
	struct capnp_struct inner;

	out->id = capnp_u32(body, 0);
	if (!capnp_get_struct(body, 0, &inner))
		return false;
	switch (capnp_u16(body, 6)) {
	case RETURN_RESULTS: return decode_capability(&inner, out);
	case RETURN_EXCEPTION: out->is_exception = true; return capnp_get_text(&inner, 0, &out->reason);
	default:
		out->is_exception = true;
		out->reason = SPAN("call canceled");
		return true;
	}
}

bool rpc_decode(struct capnp_message *m, struct span framed, struct rpc_message *out)
{
	struct capnp_struct root, body;

	*out = (struct rpc_message){.kind = RPC_UNKNOWN};
	if (!capnp_open(m, framed, &root))
		return false;
	uint16_t kind = capnp_u16(&root, 0);
	if (kind > RPC_DISEMBARGO || kind == 7 || (kind > RPC_BOOTSTRAP && kind < RPC_DISEMBARGO))
		return true;
	out->kind = (enum rpc_kind)kind;
	if (!capnp_get_struct(&root, 0, &body))
		return false;
	switch (out->kind) {
	case RPC_CALL: return decode_call(&body, out);
	case RPC_RETURN: return decode_return(&body, out);
	case RPC_ABORT: return capnp_get_text(&body, 0, &out->reason);
	case RPC_FINISH:
	case RPC_RELEASE:
	case RPC_BOOTSTRAP: out->id = capnp_u32(&body, 0); return true;
	case RPC_UNIMPLEMENTED:
	case RPC_RESOLVE:
	case RPC_DISEMBARGO:
	case RPC_UNKNOWN: return true;
	}
	return false;
}

static bool decode_client(const struct capnp_struct *options, struct rpc_registration *out)
{
	struct capnp_struct client;
	struct capnp_list features;

	if (!capnp_get_struct(options, 0, &client) || !capnp_get_data(options, 1, &out->local_ip) ||
		!capnp_get_data(&client, 0, &out->client_id) || !capnp_get_list(&client, 1, &features) ||
		!capnp_get_text(&client, 2, &out->version) || !capnp_get_text(&client, 3, &out->arch))
		return false;
	out->feature_count = features.count < RPC_FEATURES_MAX ? features.count : RPC_FEATURES_MAX;
	for (size_t i = 0; i < out->feature_count; i++)
		if (!capnp_list_text(&features, i, &out->features[i]))
			return false;
	return true;
}

bool rpc_decode_registration(const struct capnp_struct *params, struct rpc_registration *out)
{
	struct capnp_struct auth, options;

	*out = (struct rpc_registration){.conn_index = capnp_u8(params, 0)};
	if (!capnp_get_struct(params, 0, &auth) || !capnp_get_text(&auth, 0, &out->account_tag) ||
		!capnp_get_data(&auth, 1, &out->secret) || !capnp_get_data(params, 1, &out->tunnel_id) ||
		!capnp_get_struct(params, 2, &options))
		return false;
	out->replace_existing = capnp_bit(&options, 0);
	out->attempts = capnp_u8(&options, 2);
	return decode_client(&options, out);
}

bool rpc_decode_registered(const struct capnp_struct *results, struct rpc_registered *out)
{
	struct capnp_struct response, chosen;

	*out = (struct rpc_registered){0};
	if (!capnp_get_struct(results, 0, &response) || !capnp_get_struct(&response, 0, &chosen))
		return false;
	out->ok = capnp_u16(&response, 0) == 1;
	if (!out->ok) {
		out->retry_after_ns = (int64_t)capnp_u64(&chosen, 0);
		out->should_retry = capnp_bit(&chosen, 64);
		return capnp_get_text(&chosen, 0, &out->cause);
	}
	out->remotely_managed = capnp_bit(&chosen, 0);
	return capnp_get_data(&chosen, 0, &out->uuid) && capnp_get_text(&chosen, 1, &out->location) &&
	       out->uuid.len == RPC_UUID_LEN;
}

bool rpc_decode_configuration(const struct capnp_struct *params, struct span *json)
{
	return capnp_get_data(params, 0, json);
}

/* --- Encoding --- */

/* Begin a message of this kind; returns the word of the pointer to its body. */
static size_t message_begin(struct capnp_builder *b, struct buf *out, enum rpc_kind kind)
{
	capnp_begin(b, out);
	size_t root = capnp_add_struct(b, 0, 1, 1);
	capnp_set_u16(b, root, 0, (uint16_t)kind);
	return root + 1;
}

int rpc_bootstrap(struct buf *out, uint32_t question)
{
	struct capnp_builder b;
	size_t from = message_begin(&b, out, RPC_BOOTSTRAP);
	size_t body = capnp_add_struct(&b, from, 1, 1);

	capnp_set_u32(&b, body, 0, question);
	return capnp_finish(&b);
}

int rpc_finish(struct buf *out, uint32_t question)
{
	/* releaseResultCaps is stored inverted: 1 keeps the capability of the bootstrap answer. */
	struct capnp_builder b;
	size_t from = message_begin(&b, out, RPC_FINISH);
	size_t body = capnp_add_struct(&b, from, 1, 0);

	capnp_set_u32(&b, body, 0, question);
	capnp_set_u8(&b, body, 4, 1);
	return capnp_finish(&b);
}

int rpc_release(struct buf *out, uint32_t import, uint32_t count)
{
	struct capnp_builder b;
	size_t from = message_begin(&b, out, RPC_RELEASE);
	size_t body = capnp_add_struct(&b, from, 1, 0);

	capnp_set_u32(&b, body, 0, import);
	capnp_set_u32(&b, body, 4, count);
	return capnp_finish(&b);
}

int rpc_abort(struct buf *out, struct span reason)
{
	struct capnp_builder b;
	size_t from = message_begin(&b, out, RPC_ABORT);
	size_t body = capnp_add_struct(&b, from, 1, 1);

	capnp_add_text(&b, body + 1, reason);
	return capnp_finish(&b);
}

int rpc_unimplemented(struct buf *out)
{
	struct capnp_builder b;
	size_t from = message_begin(&b, out, RPC_UNIMPLEMENTED);

	/* The message it answers, of which only the fact that it came is told. */
	capnp_add_struct(&b, from, 1, 1);
	return capnp_finish(&b);
}

/* A call up to its payload; returns the word of the payload's content pointer. */
static size_t call_begin(struct capnp_builder *b, struct buf *out, uint32_t question, uint32_t capability,
	enum rpc_method method)
{
	size_t call = capnp_add_struct(b, message_begin(b, out, RPC_CALL), 3, 3);

	capnp_set_u32(b, call, 0, question);
	capnp_set_u16(b, call, 4, (uint16_t)method);
	capnp_set_u64(b, call, 8, RPC_REGISTRATION);
	size_t target = capnp_add_struct(b, call + 3, 1, 1);
	capnp_set_u32(b, target, 0, capability);
	return capnp_add_struct(b, call + 4, 0, 2);
}

static void build_client(struct capnp_builder *b, size_t options, const struct rpc_registration *r)
{
	size_t client = capnp_add_struct(b, options + 1, 0, 4);

	capnp_add_data(b, options + 2, r->local_ip);
	capnp_add_data(b, client, r->client_id);
	size_t features = capnp_add_pointers(b, client + 1, r->feature_count);
	for (size_t i = 0; i < r->feature_count; i++)
		capnp_add_text(b, features + i, r->features[i]);
	capnp_add_text(b, client + 2, r->version);
	capnp_add_text(b, client + 3, r->arch);
}

int rpc_call_register(
	struct buf *out, uint32_t question, uint32_t capability, const struct rpc_registration *r)
{
	struct capnp_builder b;
	size_t params = capnp_add_struct(&b, call_begin(&b, out, question, capability, RPC_REGISTER), 1, 3);

	capnp_set_u8(&b, params, 0, r->conn_index);
	size_t auth = capnp_add_struct(&b, params + 1, 0, 2);
	capnp_add_text(&b, auth, r->account_tag);
	capnp_add_data(&b, auth + 1, r->secret);
	capnp_add_data(&b, params + 2, r->tunnel_id);
	size_t options = capnp_add_struct(&b, params + 3, 1, 2);
	capnp_set_u8(&b, options, 0, r->replace_existing);
	capnp_set_u8(&b, options, 2, r->attempts);
	build_client(&b, options, r);
	return capnp_finish(&b);
}

int rpc_call_unregister(struct buf *out, uint32_t question, uint32_t capability)
{
	struct capnp_builder b;

	capnp_add_empty(&b, call_begin(&b, out, question, capability, RPC_UNREGISTER));
	return capnp_finish(&b);
}

int rpc_call_update_configuration(struct buf *out, uint32_t question, uint32_t capability, struct span json)
{
	struct capnp_builder b;
	size_t content = call_begin(&b, out, question, capability, RPC_UPDATE_CONFIGURATION);
	size_t params = capnp_add_struct(&b, content, 0, 1);

	capnp_add_data(&b, params, json);
	return capnp_finish(&b);
}

/* A return of kind results up to its payload; returns the word of the payload's content pointer. There is always a
 * payload: cloudflared dies of a null one. */
static size_t return_begin(struct capnp_builder *b, struct buf *out, uint32_t answer)
{
	size_t body = capnp_add_struct(b, message_begin(b, out, RPC_RETURN), 2, 1);

	capnp_set_u32(b, body, 0, answer);
	return capnp_add_struct(b, body + 2, 0, 2);
}

int rpc_return_bootstrap(struct buf *out, uint32_t answer, uint32_t capability)
{
	struct capnp_builder b;
	size_t payload = return_begin(&b, out, answer);

	capnp_set_capability(&b, payload, 0);
	size_t descriptor = capnp_add_structs(&b, payload + 1, 1, 1, 1);
	capnp_set_u16(&b, descriptor, 0, CAP_SENDER_HOSTED);
	capnp_set_u32(&b, descriptor, 4, capability);
	return capnp_finish(&b);
}

static void build_details(struct capnp_builder *b, size_t response, const struct rpc_registered *r)
{
	size_t details = capnp_add_struct(b, response + 1, 1, 2);

	capnp_set_u16(b, response, 0, 1);
	capnp_set_u8(b, details, 0, r->remotely_managed);
	capnp_add_data(b, details + 1, r->uuid);
	capnp_add_text(b, details + 2, r->location);
}

static void build_error(struct capnp_builder *b, size_t response, const struct rpc_registered *r)
{
	size_t error = capnp_add_struct(b, response + 1, 2, 1);

	capnp_set_u64(b, error, 0, (uint64_t)r->retry_after_ns);
	capnp_set_u8(b, error, 8, r->should_retry);
	capnp_add_text(b, error + 2, r->cause);
}

int rpc_return_registered(struct buf *out, uint32_t answer, const struct rpc_registered *r)
{
	struct capnp_builder b;
	size_t content = capnp_add_struct(&b, return_begin(&b, out, answer), 0, 1);
	size_t response = capnp_add_struct(&b, content, 1, 1);

	if (r->ok)
		build_details(&b, response, r);
	else
		build_error(&b, response, r);
	return capnp_finish(&b);
}

int rpc_return_empty(struct buf *out, uint32_t answer)
{
	struct capnp_builder b;

	capnp_add_empty(&b, return_begin(&b, out, answer));
	return capnp_finish(&b);
}

int rpc_return_exception(struct buf *out, uint32_t answer, enum rpc_exception_type type, struct span reason)
{
	struct capnp_builder b;
	size_t body = capnp_add_struct(&b, message_begin(&b, out, RPC_RETURN), 2, 1);

	capnp_set_u32(&b, body, 0, answer);
	capnp_set_u16(&b, body, 6, RETURN_EXCEPTION);
	size_t exception = capnp_add_struct(&b, body + 2, 1, 1);
	capnp_set_u16(&b, exception, 4, (uint16_t)type);
	capnp_add_text(&b, exception + 1, reason);
	return capnp_finish(&b);
}
