/* An edge session and a connector session joined in memory, and what their exchanges reported. */
#ifndef H2PAIR_H
#define H2PAIR_H

#include "common/base/mem.h"
#include "test.h"
#include "tunnel/h2/session.h"

#define SEEN_MAX 20000

struct pair;

/* One exchange as one side saw it. */
struct seen {
	struct pair *pair;
	struct exchange *x; /* NULL once closed, released or reset */
	int status;
	unsigned informs, heads, rooms, closes;
	bool end_with_head, ended, has_trailers;
	char method[16], path[64], authority[64];
	struct buf fields, trailers; /* "name=value|" */
	struct buf body;
	size_t received;
	bool hold;    /* body bytes are not given back */
	bool no_body; /* they are counted only */
	size_t held;
	const char *to_send; /* written again whenever there is room */
	size_t left;         /* of it, the same byte over and over when to_send is NULL */
	bool finish;         /* once it is written */
	enum exchange_fate fate;
};

struct pair {
	struct h2_session *edge, *connector;
	bool edge_broken, connector_broken;
	struct err err;
	size_t chunk; /* bytes fed at a time; 0: all that there is; 1 << 20: random */
	unsigned random;
	size_t to_edge, to_connector; /* bytes carried */
	size_t longest;               /* pull */
	unsigned pongs;
	/* What the connector does with a request; NULL: pair_answer. */
	void (*on_request)(struct seen *at, const struct exchange_head *head, bool end);
	struct seen *requests[SEEN_MAX];
	size_t request_count;
	/* Cut the wire between the two, for tests that speak for one side. */
	bool drop_to_edge;
};

static inline void show_fields(struct buf *out, const struct fields *f)
{
	for (size_t i = 0; f != NULL && i < f->count; i++) {
		buf_add_span(out, f->at[i].name);
		buf_add_char(out, '=');
		buf_add_span(out, f->at[i].value);
		buf_add_char(out, '|');
	}
}

/* Write what is left to be sent, as far as there is room. */
static inline void seen_push(struct seen *at)
{
	static const char filler[8192];

	while (at->x != NULL && at->left > 0) {
		size_t n = at->left < sizeof(filler) || at->to_send != NULL ? at->left : sizeof(filler);
		size_t taken = exchange_write(at->x, span_of(at->to_send != NULL ? at->to_send : filler, n));
		at->left -= taken;
		if (at->to_send != NULL)
			at->to_send += taken;
		if (taken < n)
			return;
	}
	if (at->x != NULL && at->finish && at->left == 0) {
		at->finish = false;
		exchange_finish(at->x, NULL);
	}
}

static inline void seen_on_head(void *arg, const struct exchange_head *head, bool end)
{
	struct seen *at = arg;

	CHECK(at->closes == 0);
	if (head->status < 200) {
		at->informs++;
		return;
	}
	at->heads++;
	at->status = head->status;
	at->end_with_head = end;
	show_fields(&at->fields, head->fields);
}

static inline void seen_on_body(void *arg, struct span data)
{
	struct seen *at = arg;

	CHECK(at->closes == 0);
	at->received += data.len;
	if (!at->no_body)
		buf_add_span(&at->body, data);
	if (at->hold)
		at->held += data.len;
	else
		exchange_consumed(at->x, data.len);
}

static inline void seen_on_end(void *arg, const struct fields *trailers)
{
	struct seen *at = arg;

	CHECK(!at->ended && !at->end_with_head && at->closes == 0);
	at->ended = true;
	at->has_trailers = trailers != NULL;
	show_fields(&at->trailers, trailers);
}

static inline void seen_on_room(void *arg)
{
	struct seen *at = arg;

	at->rooms++;
	seen_push(at);
}

static inline void seen_on_closed(void *arg, enum exchange_fate fate)
{
	struct seen *at = arg;

	at->closes++;
	at->fate = fate;
	at->x = NULL;
}

static const struct exchange_events seen_events = {
	seen_on_head, seen_on_body, seen_on_end, seen_on_room, seen_on_closed};

static inline struct seen *seen_new(struct pair *p)
{
	struct seen *at = mem_alloc(sizeof(*at));

	at->pair = p;
	return at;
}

static inline void seen_free(struct seen *at)
{
	buf_free(&at->fields);
	buf_free(&at->trailers);
	buf_free(&at->body);
	free(at);
}

static inline void keep_text(char *to, size_t size, struct span s)
{
	snprintf(to, size, "%.*s", (int)s.len, s.p);
}

static inline void pair_on_request(void *arg, struct exchange *x, const struct exchange_head *head, bool end)
{
	struct pair *p = arg;
	struct seen *at = seen_new(p);

	if (p->request_count == SEEN_MAX)
		abort();
	p->requests[p->request_count++] = at;
	at->x = x;
	keep_text(at->method, sizeof(at->method), head->method);
	keep_text(at->path, sizeof(at->path), head->path);
	keep_text(at->authority, sizeof(at->authority), head->authority);
	show_fields(&at->fields, head->fields);
	at->end_with_head = end;
	exchange_listen(x, &seen_events, at);
	if (p->on_request != NULL)
		p->on_request(at, head, end);
}

static inline void pair_on_pong(void *arg)
{
	struct pair *p = arg;

	p->pongs++;
}

static inline void pair_on_wake(void *arg)
{
	(void)arg;
}

static const struct h2_owner pair_owner = {pair_on_request, pair_on_pong, pair_on_wake, NULL};

static inline struct pair *pair_new(size_t chunk)
{
	struct pair *p = mem_alloc(sizeof(*p));

	p->chunk = chunk;
	p->random = 12345;
	p->edge = h2_new(H2_EDGE, &pair_owner, p);
	p->connector = h2_new(H2_CONNECTOR, &pair_owner, p);
	return p;
}

static inline void pair_free(struct pair *p)
{
	h2_free(p->edge);
	h2_free(p->connector);
	for (size_t i = 0; i < p->request_count; i++)
		seen_free(p->requests[i]);
	free(p);
}

#define CHUNK_RANDOM ((size_t)1 << 20)

static inline size_t pair_chunk(struct pair *p, size_t len)
{
	size_t n = p->chunk;

	if (n == CHUNK_RANDOM) {
		p->random = p->random * 1103515245u + 12345u;
		n = 1 + (p->random >> 16) % 3000;
	}
	return n == 0 || n > len ? len : n;
}

/* Feed bytes in chunks, each a block of its own. -1 when the session breaks. */
static inline int pair_feed(struct pair *p, struct h2_session *to, struct span bytes)
{
	while (bytes.len > 0) {
		size_t n = pair_chunk(p, bytes.len);
		char *copy = malloc(n);
		memcpy(copy, bytes.p, n);
		int rc = h2_feed(to, span_of(copy, n), &p->err);
		free(copy);
		if (rc < 0)
			return -1;
		bytes = span_skip(bytes, n);
	}
	return 0;
}

/* One pull of `high` bytes from one side to the other. How many came. */
static inline size_t pair_carry(struct pair *p, bool to_connector, size_t high)
{
	struct buf out = {0};
	struct h2_session *from = to_connector ? p->edge : p->connector;
	struct h2_session *to = to_connector ? p->connector : p->edge;
	bool *broken = to_connector ? &p->connector_broken : &p->edge_broken;

	CHECK(h2_pull(from, &out, high, &p->err) == 0);
	size_t n = buf_len(&out);
	*(to_connector ? &p->to_connector : &p->to_edge) += n;
	if (n > p->longest)
		p->longest = n;
	if (!*broken && !(!to_connector && p->drop_to_edge) && pair_feed(p, to, buf_span(&out)) < 0)
		*broken = true;
	buf_free(&out);
	return n;
}

/* Until both sides have nothing more to say. */
static inline void pair_run(struct pair *p)
{
	size_t n;

	do {
		n = pair_carry(p, true, 65536);
		n += pair_carry(p, false, 65536);
	} while (n > 0);
}

/* Send a request of that method and path with these fields. */
static inline struct seen *pair_request(
	struct pair *p, const char *method, const char *path, const struct fields *fields, bool end)
{
	struct seen *at = seen_new(p);
	struct exchange_head head = {.method = span_str(method),
		.scheme = SPAN("http"),
		.authority = SPAN("app.example.com"),
		.path = span_str(path),
		.fields = fields};

	at->x = h2_open(p->edge, &head, end, &seen_events, at);
	return at;
}

static inline struct seen *pair_get(struct pair *p, const char *path)
{
	return pair_request(p, "GET", path, NULL, true);
}

/* Answer every request with 200, one field and a short body. */
static inline void pair_answer(struct seen *at, const struct exchange_head *head, bool end)
{
	struct field field = {SPAN("x-a"), SPAN("b")};
	struct fields fields = {.at = &field, .count = 1, .cap = 1};

	(void)head;
	(void)end;
	exchange_respond(at->x, 200, &fields, false);
	exchange_write(at->x, SPAN("hello"));
	exchange_finish(at->x, NULL);
}

#endif
