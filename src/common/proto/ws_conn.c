/* One end of an open WebSocket. wslay reads and writes frames; messages, controls and the rules are here. */
#include <openssl/rand.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/proto/ws_conn.h"

#define OUT_MAX_EXTRA ((size_t)1 << 20) /* bytes of output besides one whole message */

/* Where a text stands in its UTF-8: fed in pieces that may split a character. */
struct utf8_state {
	char held[4]; /* the begun character */
	size_t len;
};

struct ws_conn {
	wslay_frame_context_ptr frames;
	struct ws_conn_conf conf;
	const struct ws_conn_fns *fns;
	void *arg;
	struct span in; /* what wslay has not taken yet; borrowed during ws_conn_feed */
	struct buf out;
	bool paused, stalled;

	bool in_frame; /* payload of the frame is still to come */
	uint64_t left; /* of it, bytes */
	enum ws_opcode frame_opcode;
	bool frame_fin;

	enum ws_opcode opcode;        /* of the message; WS_CONT between messages */
	bool packed;                  /* the message is compressed */
	struct buf message;           /* so far */
	struct utf8_state utf8;       /* of a text that is not compressed */
	char control[WS_CONTROL_MAX]; /* payload of the control frame so far */
	size_t control_len;

	struct ws_deflate *deflate; /* NULL: no compression */
	int close_code;             /* received; WS_CODE_ABNORMAL before */
	struct span reason;         /* into control: nothing comes after a close */
	int closed_with;            /* sent; 0 before */
	const char *fault;
};

/* --- UTF-8 in pieces --- */

/* Could more bytes make these a character? (RFC 3629, 4) */
static bool may_become_character(const char *p, size_t len)
{
	static const char *const ends[] = {
		"\x80", "\x80\x80", "\x80\x80\x80", "\xbf", "\xbf\xbf", "\xbf\xbf\xbf"};
	uint32_t rune;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char whole[8];
		size_t more = strlen(ends[i]);
		if (len + more > 4)
			continue;
		memcpy(whole, p, len);
		memcpy(whole + len, ends[i], more);
		if (utf8_decode(span_of(whole, len + more), &rune) == len + more)
			return true;
	}
	return false;
}

/* Take the next piece; false as soon as it cannot be UTF-8. */
static bool utf8_take(struct utf8_state *u, struct span s)
{
	uint32_t rune;

	while (s.len > 0) {
		if (u->len == 0) {
			size_t n = utf8_decode(s, &rune);
			if (n > 0) {
				s = span_skip(s, n);
				continue;
			}
		}
		u->held[u->len++] = s.p[0];
		s = span_skip(s, 1);
		if (utf8_decode(span_of(u->held, u->len), &rune) == u->len)
			u->len = 0;
		else if (u->len == sizeof(u->held) || !may_become_character(u->held, u->len))
			return false;
	}
	return true;
}

/* --- wslay's callbacks --- */

static ssize_t conn_on_recv(uint8_t *to, size_t len, int flags, void *arg)
{
	struct ws_conn *c = arg;

	(void)flags;
	if (c->in.len == 0)
		return -1;
	if (len > c->in.len)
		len = c->in.len;
	memcpy(to, c->in.p, len);
	c->in = span_skip(c->in, len);
	return (ssize_t)len;
}

static ssize_t conn_on_send(const uint8_t *data, size_t len, int flags, void *arg)
{
	struct ws_conn *c = arg;

	(void)flags;
	return buf_add(&c->out, data, len) < 0 ? -1 : (ssize_t)len;
}

static int conn_on_mask(uint8_t *to, size_t len, void *arg)
{
	(void)arg;
	return RAND_bytes(to, (int)len) == 1 ? 0 : -1;
}

struct ws_conn *ws_conn_new(const struct ws_conn_conf *conf, const struct ws_conn_fns *fns, void *arg)
{
	static const struct wslay_frame_callbacks callbacks = {conn_on_send, conn_on_recv, conn_on_mask};
	struct ws_conn *c = mem_alloc(sizeof(*c));

	c->conf = *conf;
	c->fns = fns;
	c->arg = arg;
	c->close_code = WS_CODE_ABNORMAL;
	c->out.max = conf->message_max + OUT_MAX_EXTRA;
	c->message.max = conf->message_max;
	if (wslay_frame_context_init(&c->frames, &callbacks, c) != 0)
		abort(); /* no memory */
	if (conf->deflate.on)
		c->deflate = ws_deflate_new(&conf->deflate, conf->is_client, conf->pool);
	return c;
}

void ws_conn_free(struct ws_conn *c)
{
	if (c == NULL)
		return;
	wslay_frame_context_free(c->frames);
	ws_deflate_free(c->deflate);
	buf_free(&c->out);
	buf_free(&c->message);
	free(c);
}

/* --- Sending --- */

static int conn_put_frame(struct ws_conn *c, bool fin, bool rsv1, enum ws_opcode opcode, struct span payload)
{
	struct wslay_frame_iocb frame = {
		.fin = fin,
		.rsv = rsv1 ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE,
		.opcode = opcode,
		.payload_length = payload.len,
		.mask = c->conf.is_client,
		.data = (const uint8_t *)payload.p,
		.data_length = payload.len,
	};

	if (payload.len + 14 > buf_room(&c->out)) /* 14: the longest header (RFC 6455, 5.2) */
		return -1;
	return wslay_frame_send(c->frames, &frame) == (ssize_t)payload.len ? 0 : -1;
}

/* A message, in frames of conf.fragment bytes if that is set. */
static int conn_put_message(struct ws_conn *c, enum ws_opcode opcode, bool packed, struct span rest)
{
	size_t step = c->conf.fragment > 0 ? c->conf.fragment : rest.len;
	bool first = true;

	do {
		size_t len = rest.len < step ? rest.len : step;
		if (conn_put_frame(c, len == rest.len, packed && first, first ? opcode : WS_CONT,
			    span_of(rest.p, len)) < 0)
			return -1;
		rest = span_skip(rest, len);
		first = false;
	} while (rest.len > 0);
	return 0;
}

int ws_conn_send(struct ws_conn *c, enum ws_opcode opcode, struct span payload)
{
	bool is_control = opcode == WS_PING || opcode == WS_PONG;
	struct buf packed = {.max = payload.len + OUT_MAX_EXTRA};
	int rc;

	if (c->closed_with != 0 || (is_control && payload.len > WS_CONTROL_MAX))
		return -1;
	if (is_control)
		return conn_put_frame(c, true, false, opcode, payload);
	if (c->deflate != NULL && ws_deflate_pack(c->deflate, payload, &packed))
		rc = conn_put_message(c, opcode, true, buf_span(&packed));
	else
		rc = conn_put_message(c, opcode, false, payload);
	buf_free(&packed);
	return rc;
}

bool ws_code_may_be_sent(int code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != WS_CODE_NONE &&
		       code != WS_CODE_ABNORMAL) ||
	       (code >= 3000 && code <= 4999);
}

bool ws_reason_may_be_sent(struct span reason)
{
	return reason.len <= WS_CONTROL_MAX - 2 && utf8_is_whole(reason);
}

int ws_conn_close(struct ws_conn *c, int code, struct span reason)
{
	char payload[WS_CONTROL_MAX];

	if (c->closed_with != 0)
		return -1;
	if (code == WS_CODE_NONE) {
		c->closed_with = code;
		return conn_put_frame(c, true, false, WS_CLOSE, SPAN(""));
	}
	if (!ws_code_may_be_sent(code) || !ws_reason_may_be_sent(reason))
		return -1;
	payload[0] = (char)(code >> 8);
	payload[1] = (char)(code & 0xff);
	if (reason.len > 0)
		memcpy(payload + 2, reason.p, reason.len);
	c->closed_with = code;
	return conn_put_frame(c, true, false, WS_CLOSE, span_of(payload, reason.len + 2));
}

/* --- Receiving --- */

static void conn_fail(struct ws_conn *c, int code, const char *why)
{
	if (c->fault != NULL)
		return;
	c->fault = why;
	ws_conn_close(c, code, span_str(why));
}

/* What is wrong with this frame's header, given what came before; NULL when nothing. */
static const char *judge_header(const struct ws_conn *c, const struct wslay_frame_iocb *f)
{
	if (f->mask != !c->conf.is_client)
		return c->conf.is_client ? "a frame from the server is masked"
					 : "a frame from the client is not masked";
	if (f->rsv & (WSLAY_RSV2_BIT | WSLAY_RSV3_BIT))
		return "a reserved bit is set";
	if (f->rsv && c->deflate == NULL)
		return "RSV1 is set, but no extension was agreed on";
	if (f->rsv && f->opcode != WS_TEXT && f->opcode != WS_BINARY)
		return "RSV1 is set on a frame that is not the first of a message";
	switch (f->opcode) {
	case WS_CONT: return c->opcode == WS_CONT ? "a continuation frame without a message" : NULL;
	case WS_TEXT:
	case WS_BINARY: return c->opcode != WS_CONT ? "a new message inside a message" : NULL;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG: return NULL;
	default: return "a reserved opcode";
	}
}

static void conn_begin_frame(struct ws_conn *c, const struct wslay_frame_iocb *f)
{
	const char *why = judge_header(c, f);

	if (why != NULL) {
		conn_fail(c, WS_CODE_PROTOCOL, why);
		return;
	}
	c->in_frame = true;
	c->left = f->payload_length;
	c->frame_opcode = f->opcode;
	c->frame_fin = f->fin;
	if (f->opcode >= WS_CLOSE) {
		c->control_len = 0;
		return;
	}
	if (f->opcode != WS_CONT) {
		c->opcode = f->opcode;
		c->packed = f->rsv & WSLAY_RSV1_BIT;
		c->utf8.len = 0;
	}
	if (f->payload_length > buf_room(&c->message))
		conn_fail(c, WS_CODE_TOO_BIG, "message too big");
}

static void conn_take_payload(struct ws_conn *c, struct span data)
{
	c->left -= data.len;
	if (c->frame_opcode >= WS_CLOSE) {
		memcpy(c->control + c->control_len, data.p, data.len);
		c->control_len += data.len;
		return;
	}
	if (c->opcode == WS_TEXT && !c->packed && !utf8_take(&c->utf8, data))
		conn_fail(c, WS_CODE_NOT_UTF8, "text that is not UTF-8");
	buf_add_span(&c->message, data); /* fits: conn_begin_frame has seen to it */
}

static void conn_take_close(struct ws_conn *c)
{
	struct span payload = span_of(c->control, c->control_len);

	if (payload.len == 0) {
		c->close_code = WS_CODE_NONE;
		ws_conn_close(c, WS_CODE_NONE, SPAN(""));
		return;
	}
	int code = payload.len >= 2 ? (unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1] : 0;
	if (!ws_code_may_be_sent(code)) {
		conn_fail(c, WS_CODE_PROTOCOL,
			payload.len < 2 ? "a close frame of one byte" : "a close code that may not be sent");
		return;
	}
	if (!utf8_is_whole(span_skip(payload, 2))) {
		conn_fail(c, WS_CODE_NOT_UTF8, "a close reason that is not UTF-8");
		return;
	}
	c->close_code = code;
	c->reason = span_skip(payload, 2);
	ws_conn_close(c, code, SPAN(""));
}

static void conn_take_control(struct ws_conn *c)
{
	struct span payload = span_of(c->control, c->control_len);

	if (c->frame_opcode == WS_CLOSE) {
		conn_take_close(c);
		return;
	}
	if (c->frame_opcode == WS_PING && !c->conf.no_pong)
		ws_conn_send(c, WS_PONG, payload);
	if (c->fns->on_control != NULL)
		c->fns->on_control(c->arg, c->frame_opcode, payload);
}

/* Inflate the message in place. False when that failed. */
static bool conn_unpack(struct ws_conn *c)
{
	struct buf plain = {.max = c->conf.message_max};
	const char *why = NULL;
	int code = WS_CODE_NOT_UTF8;

	switch (ws_deflate_unpack(c->deflate, buf_span(&c->message), &plain)) {
	case WS_UNPACK_BAD: why = "a message that cannot be inflated"; break;
	case WS_UNPACK_LONG:
		why = "message too big";
		code = WS_CODE_TOO_BIG;
		break;
	case WS_UNPACK_OK:
		if (c->opcode == WS_TEXT && !utf8_is_whole(buf_span(&plain)))
			why = "text that is not UTF-8";
		break;
	}
	buf_free(&c->message);
	c->message = plain;
	if (why != NULL)
		conn_fail(c, code, why);
	return why == NULL;
}

static void conn_take_message(struct ws_conn *c)
{
	enum ws_opcode opcode = c->opcode;

	if (c->packed ? !conn_unpack(c) : c->utf8.len > 0) {
		conn_fail(c, WS_CODE_NOT_UTF8, "text that is not UTF-8");
		return;
	}
	c->opcode = WS_CONT;
	if (c->fns->on_message != NULL)
		c->fns->on_message(c->arg, opcode, buf_span(&c->message));
	buf_clear(&c->message);
	if (c->message.cap > WS_CONN_OUT_HIGH || c->conf.deflate.on)
		buf_free(&c->message);
}

static void conn_take(struct ws_conn *c, const struct wslay_frame_iocb *f)
{
	if (!c->in_frame)
		conn_begin_frame(c, f);
	if (c->fault == NULL)
		conn_take_payload(c, span_of((const char *)f->data, f->data_length));
	if (c->fault != NULL || c->left > 0)
		return;
	c->in_frame = false;
	if (c->frame_opcode >= WS_CLOSE)
		conn_take_control(c);
	else if (c->frame_fin)
		conn_take_message(c);
}

/* A server's output is answers: while it is long, nothing more is asked. A client goes on reading, or two ends that both
 * have much to say would wait for each other for ever. */
static bool conn_is_full(const struct ws_conn *c)
{
	return !c->conf.is_client && buf_len(&c->out) >= WS_CONN_OUT_HIGH;
}

size_t ws_conn_feed(struct ws_conn *c, struct span in)
{
	c->in = in;
	c->stalled = true;
	while (!ws_conn_is_done(c) && !c->paused && !conn_is_full(c)) {
		struct wslay_frame_iocb frame = {0};
		ssize_t rc = wslay_frame_recv(c->frames, &frame);

		if (rc >= 0)
			conn_take(c, &frame);
		else if (rc == WSLAY_ERR_PROTO)
			conn_fail(c, WS_CODE_PROTOCOL,
				"a frame header that breaks the rules: a control frame that is long or in "
				"pieces, or a length not in its shortest form");
		else { /* wants more */
			c->stalled = false;
			break;
		}
	}
	size_t taken = in.len - c->in.len;
	c->in = SPAN("");
	return taken;
}

void ws_conn_pause(struct ws_conn *c, bool paused)
{
	c->paused = paused;
}

struct buf *ws_conn_out(struct ws_conn *c)
{
	return &c->out;
}

bool ws_conn_is_stalled(const struct ws_conn *c)
{
	return c->stalled && !ws_conn_is_done(c);
}

bool ws_conn_is_inside(const struct ws_conn *c)
{
	return c->in_frame || c->opcode != WS_CONT;
}

bool ws_conn_is_done(const struct ws_conn *c)
{
	return c->fault != NULL || c->close_code != WS_CODE_ABNORMAL;
}

int ws_conn_close_code(const struct ws_conn *c)
{
	return c->close_code;
}

struct span ws_conn_close_reason(const struct ws_conn *c)
{
	return c->reason;
}

int ws_conn_closed_with(const struct ws_conn *c)
{
	return c->closed_with;
}

const char *ws_conn_fault(const struct ws_conn *c)
{
	return c->fault;
}

const char *ws_code_name(int code)
{
	switch (code) {
	case 1000: return "normal";
	case 1001: return "going away";
	case 1002: return "protocol error";
	case 1003: return "unsupported data";
	case 1005: return "no code";
	case 1006: return "abnormal, no close frame";
	case 1007: return "invalid data";
	case 1008: return "policy violation";
	case 1009: return "message too big";
	case 1010: return "extension missing";
	case 1011: return "internal error";
	case 1012: return "service restart";
	case 1013: return "try again later";
	case 1014: return "bad gateway";
	case 1015: return "TLS failure";
	default: return "";
	}
}
