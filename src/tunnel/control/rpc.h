/* The messages of the control stream: Cap'n Proto RPC (rpc.capnp) and the registration interface, as plain structs.
 * Facts from cloudflared's tunnelrpc/proto/tunnelrpc.capnp. No I/O; what is decoded borrows from the message. */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

#include "tunnel/control/capnp.h"

#define RPC_REGISTRATION UINT64_C(0xf71695ec7fe85497) /* interface RegistrationServer */
#define RPC_UUID_LEN 16
#define RPC_FEATURES_MAX 32

/* Message kinds that occur, and two of our own for what does not. */
enum rpc_kind {
	RPC_UNIMPLEMENTED = 0,
	RPC_ABORT = 1,
	RPC_CALL = 2,
	RPC_RETURN = 3,
	RPC_FINISH = 4,
	RPC_RESOLVE = 5,
	RPC_RELEASE = 6,
	RPC_BOOTSTRAP = 8,
	RPC_DISEMBARGO = 13,
	RPC_UNKNOWN = 0xffff,
};

enum rpc_method {
	RPC_REGISTER = 0,
	RPC_UNREGISTER = 1,
	RPC_UPDATE_CONFIGURATION = 2,
};

enum rpc_exception_type {
	RPC_FAILED = 0,
	RPC_UNIMPLEMENTED_METHOD = 3,
};

/* Parameters of registerConnection. */
struct rpc_registration {
	uint8_t conn_index;
	struct span account_tag, secret, tunnel_id; /* id: 16 bytes */
	struct span client_id;                      /* 16 bytes */
	struct span features[RPC_FEATURES_MAX];
	size_t feature_count;
	struct span version, arch, local_ip; /* ip: 16 bytes, IPv4 mapped */
	uint8_t attempts;                    /* failed ones before */
	bool replace_existing;
};

/* Results of registerConnection. */
struct rpc_registered {
	bool ok;
	/* ok */
	struct span uuid; /* 16 bytes */
	struct span location;
	bool remotely_managed;
	/* not ok */
	struct span cause;
	bool should_retry;
	int64_t retry_after_ns;
};

struct rpc_message {
	enum rpc_kind kind;
	uint32_t id; /* question, answer or import */
	/* call */
	uint64_t interface;
	uint16_t method;
	bool on_answer; /* the target is the answer to question `target`, else the exported capability `target` */
	uint32_t target;
	struct capnp_struct params; /* content of the payload */
	/* return */
	bool is_exception;
	struct capnp_struct results;
	bool has_capability; /* the content is a capability of the sender's: */
	uint32_t capability;
	struct span reason; /* of an exception or an abort */
};

/* Decode one framed message; m is filled and must outlive *out. False when it is malformed. Kinds that are not used here
 * come out as RPC_UNKNOWN. */
bool rpc_decode(struct capnp_message *m, struct span framed, struct rpc_message *out);
bool rpc_decode_registration(const struct capnp_struct *params, struct rpc_registration *out);
bool rpc_decode_registered(const struct capnp_struct *results, struct rpc_registered *out);
/* The JSON of updateLocalConfiguration. */
bool rpc_decode_configuration(const struct capnp_struct *params, struct span *json);

/* Encoders append one framed message. -1 when out's ceiling would be passed. */
int rpc_bootstrap(struct buf *out, uint32_t question);
int rpc_call_register(
	struct buf *out, uint32_t question, uint32_t capability, const struct rpc_registration *r);
int rpc_call_unregister(struct buf *out, uint32_t question, uint32_t capability);
int rpc_call_update_configuration(struct buf *out, uint32_t question, uint32_t capability, struct span json);
int rpc_return_bootstrap(struct buf *out, uint32_t answer, uint32_t capability);
int rpc_return_registered(struct buf *out, uint32_t answer, const struct rpc_registered *r);
int rpc_return_empty(struct buf *out, uint32_t answer);
int rpc_return_exception(struct buf *out, uint32_t answer, enum rpc_exception_type type, struct span reason);
int rpc_finish(struct buf *out, uint32_t question);
int rpc_release(struct buf *out, uint32_t import, uint32_t count);
int rpc_abort(struct buf *out, struct span reason);
/* Tell the peer that its message is of a kind unknown here. */
int rpc_unimplemented(struct buf *out);

#endif
