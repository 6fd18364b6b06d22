/* What bounds a session: sizes of heads, windows, numbers of streams, and faults of the peer. */
#include "h2frames.h"
#include "h2pair.h"
#include "vector.h"

/* --- Heads --- */

/* The path says how many bytes the answer's one long field has. */
static void answer_with_long_field(struct seen *at, const struct exchange_head *head, bool end)
{
	size_t n = strtoul(at->path + 1, NULL, 10);
	char *value = malloc(n + 1);
	struct field field[] = {{SPAN("x-before"), SPAN("1")},
		{SPAN("cf-cloudflared-response-headers"), span_of(value, n)}, {SPAN("x-after"), SPAN("2")}};
	struct fields fields = {.at = field, .count = 3, .cap = 3};

	(void)head;
	(void)end;
	memset(value, 'v', n);
	exchange_respond(at->x, 200, &fields, false);
	exchange_write(at->x, SPAN("hello"));
	exchange_finish(at->x, NULL);
	free(value);
}

static void a_long_response_head_costs_its_own_stream(void)
{
	static const struct {
		const char *path;
		bool passes;
	} rows[] = {{"/60000", true}, {"/66000", true}, /* 57,750 Huffman-coded */
		{"/100000", false}, {"/200000", false}, {"/1048576", false}, {"/2000000", false}};
	static const size_t chunks[] = {0, CHUNK_RANDOM};

	for (size_t c = 0; c < 2; c++) {
		struct pair *p = pair_new(chunks[c]);
		p->on_request = answer_with_long_field;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct seen *at = pair_get(p, rows[i].path), *beside = pair_get(p, "/10");
			pair_run(p);
			CHECK_FOR(at->closes == 1, "%s", rows[i].path);
			CHECK_FOR(at->fate == (rows[i].passes ? EXCHANGE_DONE : EXCHANGE_TOO_LARGE), "%s",
				rows[i].path);
			CHECK_FOR(at->heads == rows[i].passes, "%s", rows[i].path);
			CHECK(beside->fate == EXCHANGE_DONE && beside->ended && !p->edge_broken);
			CHECK(span_eq(buf_span(&beside->fields),
				SPAN("x-before=1|cf-cloudflared-response-headers=vvvvvvvvvv|x-after=2|")));
			seen_free(at);
			seen_free(beside);
		}
		CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
		pair_free(p);
	}
}

static void answer_with_many_fields(struct seen *at, const struct exchange_head *head, bool end)
{
	static char value[30000];
	struct fields fields = {0};
	size_t n = strtoul(at->path + 1, NULL, 10), len = n > 100 ? 1 : sizeof(value);

	(void)head;
	(void)end;
	memset(value, 'v', sizeof(value));
	for (size_t i = 0; i < n; i++)
		header_add(&fields, SPAN("x-many"), span_of(value, len));
	exchange_respond(at->x, 200, &fields, true);
	header_free(&fields);
}

static void a_head_of_many_fields_costs_its_own_stream(void)
{
	static const struct {
		const char *path;
		enum exchange_fate fate;
	} rows[] = {{"/8", EXCHANGE_DONE}, {"/9", EXCHANGE_TOO_LARGE}, /* 256 KiB */
		{"/60", EXCHANGE_TOO_LARGE}, {"/511", EXCHANGE_DONE}, {"/512", EXCHANGE_TOO_LARGE}};
	struct pair *p = pair_new(0);

	p->on_request = answer_with_many_fields;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen *at = pair_get(p, rows[i].path);
		pair_run(p);
		CHECK_FOR(at->closes == 1 && at->fate == rows[i].fate, "%s: %d", rows[i].path, (int)at->fate);
		seen_free(at);
	}
	CHECK(!p->edge_broken && h2_can_open(p->edge));
	pair_free(p);
}

static void answer_with_long_trailer(struct seen *at, const struct exchange_head *head, bool end)
{
	static char value[120000];
	struct field field = {SPAN("x-sum"), SPAN("")};
	struct fields fields = {.at = &field, .count = 1, .cap = 1};

	(void)head;
	(void)end;
	memset(value, 'v', sizeof(value));
	field.value = span_of(value, sizeof(value));
	exchange_respond(at->x, 200, NULL, false);
	exchange_write(at->x, SPAN("hello"));
	exchange_finish(at->x, &fields);
}

static void long_trailers_cost_their_own_stream(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_with_long_trailer;
	struct seen *at = pair_get(p, "/");
	pair_run(p);
	CHECK(at->heads == 1 && at->received == 5 && !at->ended);
	CHECK(at->closes == 1 && at->fate == EXCHANGE_TOO_LARGE && !p->edge_broken);
	seen_free(at);
	pair_free(p);
}

static struct seen *request_with_field(struct pair *p, size_t n)
{
	char *value = malloc(n);
	struct field field = {SPAN("x-long"), span_of(value, n)};
	struct fields fields = {.at = &field, .count = 1, .cap = 1};

	memset(value, 'v', n);
	struct seen *at = pair_request(p, "GET", "/", &fields, true);
	free(value);
	return at;
}

/* The connector resets such a request; the next one is served. */
static void a_long_request_head_costs_its_own_stream(void)
{
	struct pair *p = pair_new(0);

	p->on_request = pair_answer;
	struct seen *a = request_with_field(p, 100000), *b = request_with_field(p, 1000000);
	struct seen *c = request_with_field(p, 1000);
	pair_run(p);
	CHECK(p->request_count == 1 && !p->connector_broken);
	CHECK(a->closes == 1 && a->fate == EXCHANGE_RESET && b->closes == 1 && b->fate == EXCHANGE_RESET);
	CHECK(c->closes == 1 && c->fate == EXCHANGE_DONE && c->status == 200);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	seen_free(a);
	seen_free(b);
	seen_free(c);
	pair_free(p);
}

/* Past what we send at all: the sender finds out by itself, and the peer hears of it by a reset or not at all. */
static void a_head_too_long_to_send_costs_its_own_stream(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_with_long_field;
	struct seen *a = request_with_field(p, H2_SEND_HEAD_MAX / 2 * 3), *b = pair_get(p, "/9000000");
	struct seen *c = pair_get(p, "/10");
	pair_run(p);
	CHECK(a->closes == 1 && a->fate == EXCHANGE_FAILED);
	CHECK(b->closes == 1 && b->fate == EXCHANGE_RESET);
	CHECK(c->closes == 1 && c->fate == EXCHANGE_DONE);
	CHECK(p->request_count == 2 && p->requests[0]->closes == 1 &&
		p->requests[0]->fate == EXCHANGE_FAILED);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	CHECK(!h2_is_over(p->edge) && !h2_is_over(p->connector));
	seen_free(a);
	seen_free(b);
	seen_free(c);
	pair_free(p);
}

/* --- Windows --- */

static void answer_without_end(struct seen *at, const struct exchange_head *head, bool end)
{
	(void)head;
	(void)end;
	exchange_respond(at->x, 200, NULL, false);
	at->left = (size_t)1 << 30;
	seen_push(at);
}

static size_t received(const struct seen *at)
{
	return at->received;
}

/* All that the connector may send before it hears from the edge again: a round trip's worth. */
static size_t round_trip(struct pair *p, struct seen *at)
{
	size_t before = received(at);

	while (pair_carry(p, true, (size_t)64 << 20) > 0)
		;
	pair_carry(p, false, (size_t)64 << 20);
	return received(at) - before;
}

/* The window follows what arrives in a round trip, up to its ceiling. */
static void windows_grow_with_bandwidth_times_delay(void)
{
	struct pair *p = pair_new(0);
	size_t first, most = 0;

	p->on_request = answer_without_end;
	struct seen *at = pair_get(p, "/");
	at->no_body = true;
	round_trip(p, at);
	first = round_trip(p, at);
	CHECK_FOR(first <= (size_t)H2_WINDOW_FIRST, "%zu", first);
	for (int i = 0; i < 30; i++) {
		size_t n = round_trip(p, at);
		most = n > most ? n : most;
	}
	CHECK_FOR(most > (size_t)H2_WINDOW_MAX / 2 && most <= (size_t)H2_WINDOW_MAX, "%zu", most);
	exchange_reset(at->x, EXCHANGE_CANCEL);
	pair_run(p);
	seen_free(at);
	pair_free(p);
}

/* Where little arrives in a round trip the window stays small however long the download is. */
static void windows_stay_where_the_wire_is_short(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_without_end;
	struct seen *at = pair_get(p, "/");
	at->no_body = true;
	for (int i = 0; i < 1000; i++) {
		pair_carry(p, true, 65536);
		pair_carry(p, false, 65536);
	}
	CHECK(at->received > (size_t)32 << 20);
	/* Stop reading: what still comes is the window. */
	at->hold = true;
	size_t before = received(at);
	pair_run(p);
	size_t late = received(at) - before;
	CHECK_FOR(late <= (size_t)H2_WINDOW_FIRST, "%zu", late);
	exchange_reset(at->x, EXCHANGE_CANCEL);
	pair_run(p);
	seen_free(at);
	pair_free(p);
}

/* An answer to a probe that was not sent proves nothing. */
static void an_answer_to_no_probe_is_ignored(void)
{
	struct pair *p = pair_new(0);
	struct buf in = {0}, out = {0};

	p->on_request = answer_without_end;
	struct seen *at = pair_get(p, "/");
	at->no_body = true;
	for (int i = 0; i < 3; i++)
		round_trip(p, at);
	at->hold = true;
	pair_run(p);
	for (int i = 0; i < 10; i++)
		add_frame(&in, 6, 1, 0, SPAN("probe\0\0\0"));
	CHECK(pair_feed(p, p->edge, buf_span(&in)) == 0);
	CHECK(h2_pull(p->edge, &out, 65536, &p->err) == 0);
	CHECK_FOR(buf_len(&out) == 0, "%zu bytes", buf_len(&out));
	exchange_reset(at->x, EXCHANGE_CANCEL);
	pair_run(p);
	seen_free(at);
	buf_free(&in);
	buf_free(&out);
	pair_free(p);
}

#define SLOW 60

static size_t held_by(struct seen *const *at, size_t count)
{
	size_t held = 0;

	for (size_t i = 0; i < count; i++)
		held += at[i]->held;
	return held;
}

/* Many readers that take nothing: windows get tight, and what is held stays bounded; then all go on. */
static void what_is_held_is_bounded(void)
{
	struct pair *p = pair_new(0);
	struct seen *at[SLOW], *fast;

	p->on_request = answer_without_end;
	fast = pair_get(p, "/");
	fast->no_body = true;
	for (int i = 0; i < 30; i++)
		round_trip(p, fast);
	exchange_reset(fast->x, EXCHANGE_CANCEL);
	pair_run(p);
	/* Windows are at their ceiling now. */
	for (size_t i = 0; i < SLOW; i++) {
		at[i] = pair_get(p, "/");
		at[i]->hold = at[i]->no_body = true;
		if (i % 10 == 0)
			pair_run(p);
	}
	pair_run(p);
	size_t held = held_by(at, SLOW);
	CHECK_FOR(held >= H2_HELD_MAX / 2 && held <= H2_HELD_MAX + (size_t)H2_WINDOW_MAX, "%zu", held);
	CHECK_FOR(at[SLOW - 1]->held <= (size_t)H2_WINDOW_TIGHT, "%zu", at[SLOW - 1]->held);
	/* The longest holders leave: the others get going again. */
	for (size_t i = 0; i < SLOW; i++)
		if (at[i]->held > (size_t)H2_WINDOW_TIGHT) {
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
			at[i]->x = NULL;
			at[i]->held = 0;
		}
	for (size_t i = 0; i < SLOW; i++)
		if (at[i]->x != NULL) {
			size_t before = at[i]->received, n = at[i]->held;
			at[i]->hold = false;
			at[i]->held = 0;
			exchange_consumed(at[i]->x, n);
			round_trip(p, at[i]);
			round_trip(p, at[i]);
			CHECK_FOR(at[i]->received > before, "stream %zu stands still", i);
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
			at[i]->x = NULL;
		}
	pair_run(p);
	for (size_t i = 0; i < SLOW; i++)
		seen_free(at[i]);
	seen_free(fast);
	pair_free(p);
}

/* Requests that hold all of the connection's window leave without a word: it is given back for the next one. */
static void window_of_those_who_leave_is_given_back(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_without_end;
	for (int round = 0; round < 30; round++) {
		struct seen *at = pair_get(p, "/");
		at->hold = at->no_body = true;
		round_trip(p, at);
		round_trip(p, at);
		CHECK_FOR(at->received > 0, "round %d", round);
		exchange_release(at->x);
		seen_free(at);
	}
	pair_run(p);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	pair_free(p);
}

/* --- Numbers --- */

static void five_thousand_cancelled_requests_do_not_cut_the_link(void)
{
	for (int burst = 0; burst < 2; burst++) {
		struct pair *p = pair_new(0);
		struct seen **at = mem_array(5000, sizeof(struct seen *));
		p->on_request = NULL;
		for (size_t i = 0; i < 5000; i++) {
			at[i] = pair_get(p, "/");
			CHECK_FOR(at[i]->x != NULL, "request %zu", i);
			if (burst)
				continue;
			pair_carry(p, true, 65536);
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
		}
		pair_run(p);
		for (size_t i = 0; burst && i < 5000; i++)
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
		pair_run(p);
		CHECK(p->request_count == 5000 && !p->connector_broken && !p->edge_broken);
		for (size_t i = 0; i < 5000; i++) {
			CHECK(p->requests[i]->closes == 1 && p->requests[i]->fate == EXCHANGE_RESET);
			seen_free(at[i]);
		}
		p->on_request = pair_answer;
		struct seen *last = pair_get(p, "/");
		pair_run(p);
		CHECK(last->status == 200 && last->fate == EXCHANGE_DONE);
		seen_free(last);
		free(at);
		pair_free(p);
	}
}

static void the_peers_limit_of_streams_is_kept(void)
{
	struct pair *p = pair_new(0);
	struct seen **at = mem_array(H2_STREAMS_MAX + 1, sizeof(struct seen *));

	pair_run(p);
	for (size_t i = 0; i < H2_STREAMS_MAX; i++) {
		CHECK(h2_can_open(p->edge));
		at[i] = pair_get(p, "/");
	}
	CHECK(!h2_can_open(p->edge));
	struct seen *none = pair_get(p, "/");
	CHECK(none->x == NULL);
	pair_run(p);
	CHECK(p->request_count == H2_STREAMS_MAX);
	exchange_respond(p->requests[7]->x, 200, NULL, true);
	pair_run(p);
	CHECK(at[7]->fate == EXCHANGE_DONE && at[7]->closes == 1 && h2_can_open(p->edge));
	for (size_t i = 0; i < H2_STREAMS_MAX; i++) {
		if (at[i]->closes == 0)
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
		seen_free(at[i]);
	}
	seen_free(none);
	free(at);
	pair_free(p);
}

/* A peer that takes nothing: heads are not collected for it for ever, those of cancelled requests included. */
static void heads_that_are_not_taken_are_bounded(void)
{
	struct pair *p = pair_new(0);
	struct seen *at[2000];
	size_t opened = 0;

	pair_run(p);
	while (opened < 2000 && h2_can_open(p->edge)) {
		at[opened] = request_with_field(p, 16000);
		if (opened % 2 == 1) {
			exchange_reset(at[opened]->x, EXCHANGE_CANCEL);
			at[opened]->x = NULL;
		}
		opened++;
	}
	CHECK_FOR(opened > 400 && opened < 600, "%zu", opened);
	/* Once it takes them, others follow. */
	pair_run(p);
	CHECK(h2_can_open(p->edge) && p->request_count == (opened + 1) / 2);
	for (size_t i = 0; i < opened; i++) {
		exchange_reset(at[i]->x, EXCHANGE_CANCEL);
		seen_free(at[i]);
	}
	pair_run(p);
	CHECK(h2_active(p->edge) == 0);
	pair_free(p);
}

/* A limit of 2^32-1 streams, as cloudflared states it. */
static void cloudflareds_settings_are_understood(void)
{
	struct pair *p = pair_new(0);
	struct buf in = {0};

	vector_read("h2-connector-settings", &in);
	vector_read("h2-connector-window-update", &in);
	/* The vector was taken on stream 3. */
	struct seen *first = pair_get(p, "/"), *control = pair_request(p, "GET", "/", NULL, false);
	pair_carry(p, true, 65536);
	CHECK(pair_feed(p, p->edge, buf_span(&in)) == 0 && h2_can_open(p->edge));
	buf_clear(&in);
	vector_read("h2-connector-control-headers", &in);
	CHECK(pair_feed(p, p->edge, buf_span(&in)) == 0);
	CHECK(control->status == 200 && !control->end_with_head);
	exchange_reset(control->x, EXCHANGE_CANCEL);
	exchange_reset(first->x, EXCHANGE_CANCEL);
	seen_free(control);
	seen_free(first);
	buf_free(&in);
	pair_free(p);
}

/* --- Faults of the peer --- */

/* What the library or the filter takes for a fault ends the session so that its owner can see it. */
static void a_fault_of_the_peer_ends_the_session(void)
{
	static const struct {
		const char *what;
		int type, flags;
		uint32_t stream;
		struct span payload;
	} rows[] = {
		{"an index outside the tables", HEADERS, END_HEADERS, 1, {"\xff\x80\x01", 3}},
		{"a truncated block", HEADERS, END_HEADERS, 1, {"\x40\5", 2}},
		{"CONTINUATION from nowhere", CONTINUATION, END_HEADERS, 1, {"\x88", 1}},
		{"DATA for an idle stream", 0, 0, 7, {"x", 1}},
		{"HEADERS for an idle stream", HEADERS, END_HEADERS, 2, {"\x88", 1}},
		{"PUSH_PROMISE", 5, END_HEADERS, 1, {"\0\0\0\2\x88", 5}},
		{"SETTINGS of no whole length", 4, 0, 0, {"12345", 5}},
		{"a WINDOW_UPDATE of nothing", 8, 0, 0, {"\0\0\0\0", 4}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p = pair_new(0);
		struct buf in = {0}, out = {0};
		struct seen *at = pair_get(p, "/");
		pair_run(p);
		add_frame(&in, rows[i].type, rows[i].flags, rows[i].stream, rows[i].payload);
		bool broken = pair_feed(p, p->edge, buf_span(&in)) < 0;
		CHECK_FOR(h2_pull(p->edge, &out, 65536, &p->err) == 0, "%s", rows[i].what);
		/* GOAWAY is the last frame. */
		CHECK_FOR(buf_len(&out) >= 9 + 8, "%s", rows[i].what);
		CHECK_FOR(broken || h2_is_over(p->edge), "%s", rows[i].what);
		CHECK(at->closes == 0);
		h2_free(p->edge);
		p->edge = NULL;
		CHECK_FOR(at->closes == 1 && at->fate == EXCHANGE_LOST, "%s", rows[i].what);
		seen_free(at);
		buf_free(&in);
		buf_free(&out);
		pair_free(p);
	}
}

/* Answers that break HTTP cost their own stream. */
static void a_malformed_answer_costs_its_own_stream(void)
{
	static const struct {
		const char *what;
		struct span block;
		const char *data;
	} rows[] = {
		{"no status", {"\x40\3x-a\1b", 7}, NULL},
		{"a name in upper case", {"\x88\x40\3X-A\1b", 8}, NULL},
		{"connection", {"\x88\x40\12connection\5close", 19}, NULL},
		{"transfer-encoding", {"\x88\x40\21transfer-encoding\7chunked", 28}, NULL},
		{"two statuses", {"\x88\x88", 2}, NULL},
		{"a pseudo field behind another", {"\x40\3x-a\1b\x88", 8}, NULL},
		{"content-length of no number", {"\x88\x0f\x0d\2+5", 6}, NULL},
		{"more than content-length",
			{"\x88\x0f\x0d\1"
			 "3",
				5},
			"four"},
		{"less than content-length",
			{"\x88\x0f\x0d\1"
			 "9",
				5},
			"four"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p = pair_new(0);
		struct buf in = {0};
		struct seen *at = pair_get(p, "/"), *beside = pair_get(p, "/");
		pair_run(p);
		const char *data = rows[i].data != NULL ? rows[i].data : "";
		add_frame(&in, HEADERS, END_HEADERS, 1, rows[i].block);
		add_frame(&in, 0, END_STREAM, 1, span_str(data));
		CHECK_FOR(pair_feed(p, p->edge, buf_span(&in)) == 0, "%s", rows[i].what);
		p->drop_to_edge = false;
		pair_run(p);
		CHECK_FOR(at->closes == 1 && at->fate == EXCHANGE_RESET && !at->ended, "%s: %d", rows[i].what,
			(int)at->fate);
		CHECK_FOR(beside->closes == 0 && !h2_is_over(p->edge), "%s", rows[i].what);
		exchange_reset(beside->x, EXCHANGE_CANCEL);
		seen_free(at);
		seen_free(beside);
		buf_free(&in);
		pair_free(p);
	}
}

/* More PINGs at once than anyone waits for: the guilty session ends, without its answers piling up. */
static void a_flood_of_pings_is_bounded(void)
{
	struct pair *p = pair_new(0);
	struct buf in = {0}, out = {0};

	pair_run(p);
	for (int i = 0; i < 20000; i++)
		add_frame(&in, 6, 0, 0, SPAN("12345678"));
	int rc = pair_feed(p, p->edge, buf_span(&in));
	h2_pull(p->edge, &out, (size_t)64 << 20, &p->err);
	CHECK_FOR(rc < 0 && buf_len(&out) < 2000 * 17, "%zu", buf_len(&out));
	buf_free(&in);
	buf_free(&out);
	pair_free(p);
}

TEST_MAIN(TEST(a_long_response_head_costs_its_own_stream), TEST(a_head_of_many_fields_costs_its_own_stream),
	TEST(long_trailers_cost_their_own_stream), TEST(a_long_request_head_costs_its_own_stream),
	TEST(a_head_too_long_to_send_costs_its_own_stream), TEST(windows_grow_with_bandwidth_times_delay),
	TEST(windows_stay_where_the_wire_is_short), TEST(an_answer_to_no_probe_is_ignored),
	TEST(what_is_held_is_bounded), TEST(window_of_those_who_leave_is_given_back),
	TEST(five_thousand_cancelled_requests_do_not_cut_the_link), TEST(the_peers_limit_of_streams_is_kept),
	TEST(heads_that_are_not_taken_are_bounded), TEST(cloudflareds_settings_are_understood),
	TEST(a_fault_of_the_peer_ends_the_session), TEST(a_malformed_answer_costs_its_own_stream),
	TEST(a_flood_of_pings_is_bounded))
