/* One framed Cap'n Proto message: whatever it says, what is read lies within it, and reading it over and over ends. */
#include "fuzz.h"
#include "tunnel/control/rpc.h"

static bool lies_within(struct span part, struct span whole)
{
	return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void check_registration(const struct capnp_struct *params, struct span whole)
{
	struct rpc_registration r;
	struct span json;

	if (rpc_decode_registration(params, &r)) {
		const struct span parts[] = {
			r.account_tag, r.secret, r.tunnel_id, r.client_id, r.version, r.arch, r.local_ip};
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			MUST(lies_within(parts[i], whole));
		MUST(r.feature_count <= RPC_FEATURES_MAX);
		for (size_t i = 0; i < r.feature_count; i++)
			MUST(lies_within(r.features[i], whole));
	}
	if (rpc_decode_configuration(params, &json))
		MUST(lies_within(json, whole));
}

static void check_registered(const struct capnp_struct *results, struct span whole)
{
	struct rpc_registered r;

	if (rpc_decode_registered(results, &r))
		MUST(lies_within(r.uuid, whole) && lies_within(r.location, whole) &&
			lies_within(r.cause, whole) && (!r.ok || r.uuid.len == RPC_UUID_LEN));
}

/* Walk all there is to be seen from the root, as often as the message allows. */
static void check_budget(const struct capnp_struct *root, size_t words)
{
	struct capnp_struct s = *root, next;
	struct capnp_list l;
	struct span bytes;
	size_t read = 0, steps = 0;

	for (size_t i = 0; steps < 2000; i++, steps++) {
		size_t index = s.pointer_count > 0 ? i % s.pointer_count : 0;
		if (capnp_get_data(&s, index, &bytes))
			read += bytes.len / 8;
		if (capnp_get_list(&s, index, &l) && l.composite)
			read += l.count * (l.at.data_words + l.at.pointer_count);
		s = capnp_get_struct(&s, index, &next) && next.pointer_count > 0 ? next : *root;
	}
	MUST(read <= (words + 1) * CAPNP_READ_FACTOR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct capnp_message message;
	struct capnp_struct root;
	struct rpc_message m;
	const char *why = NULL;
	size_t len;
	enum parse parsed = capnp_frame(in, 65536, &len, &why);

	MUST((parsed == PARSE_BAD) == (why != NULL));
	if (parsed != PARSE_OK)
		return 0;
	MUST(len <= size && len % 8 == 0);
	in.len = len;
	if (rpc_decode(&message, in, &m)) {
		/* A call that was canceled comes without a reason, and gets one. */
		MUST(lies_within(m.reason, in) || span_eq(m.reason, SPAN("call canceled")));
		if (m.kind == RPC_CALL)
			check_registration(&m.params, in);
		if (m.kind == RPC_RETURN && !m.is_exception && !m.has_capability)
			check_registered(&m.results, in);
	}
	if (capnp_open(&message, in, &root))
		check_budget(&root, len / 8 - 1);
	return 0;
}
