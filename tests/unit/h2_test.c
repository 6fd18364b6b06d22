/* Edge against connector: requests, bodies, trailers, interim answers, and every way to end. */
#include "h2pair.h"

static const size_t chunks[] = {0, 1, 7, CHUNK_RANDOM};
#define EACH_CHUNK(c) for (size_t c##_i = 0, c; c##_i < 4 && (c = chunks[c##_i], true); c##_i++)

static void a_request_gets_its_answer(void)
{
	struct field sent[] = {{SPAN("accept"), SPAN("*/*")}, {SPAN("cookie"), SPAN("a=1")},
		{SPAN("cookie"), SPAN("b=2")}, {SPAN("x-empty"), SPAN("")}};
	struct fields fields = {.at = sent, .count = 4, .cap = 4};

	EACH_CHUNK(chunk)
	{
		struct pair *p = pair_new(chunk);
		p->on_request = pair_answer;
		struct seen *at = pair_request(p, "GET", "/a%2Fb//c/../d?x=%zz&y=1", &fields, true);
		pair_run(p);
		struct seen *there = p->requests[0];
		CHECK(p->request_count == 1 && there->end_with_head && !there->ended);
		CHECK(strcmp(there->method, "GET") == 0 && strcmp(there->authority, "app.example.com") == 0);
		CHECK(strcmp(there->path, "/a%2Fb//c/../d?x=%zz&y=1") == 0);
		CHECK(span_eq(buf_span(&there->fields), SPAN("accept=*/*|cookie=a=1|cookie=b=2|x-empty=|")));
		CHECK(there->closes == 1 && there->fate == EXCHANGE_DONE);
		CHECK(at->heads == 1 && at->status == 200 && span_eq(buf_span(&at->fields), SPAN("x-a=b|")));
		CHECK(span_eq(buf_span(&at->body), SPAN("hello")) && at->ended && !at->has_trailers);
		CHECK(at->closes == 1 && at->fate == EXCHANGE_DONE);
		CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
		seen_free(at);
		pair_free(p);
	}
}

static void answer_without_body(struct seen *at, const struct exchange_head *head, bool end)
{
	(void)end;
	exchange_respond(at->x, span_eq(head->path, SPAN("/204")) ? 204 : 502, NULL, true);
}

static void an_answer_can_end_with_its_head(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_without_body;
	struct seen *a = pair_get(p, "/204"), *b = pair_get(p, "/");
	pair_run(p);
	CHECK(a->status == 204 && a->end_with_head && !a->ended && a->closes == 1 &&
		a->fate == EXCHANGE_DONE);
	CHECK(b->status == 502 && b->end_with_head && b->closes == 1 && b->fate == EXCHANGE_DONE);
	seen_free(a);
	seen_free(b);
	pair_free(p);
}

static void answer_with_trailers(struct seen *at, const struct exchange_head *head, bool end)
{
	struct field trailer[] = {{SPAN("x-sum"), SPAN("42")}, {SPAN("x-more"), SPAN("")}};
	struct fields trailers = {.at = trailer, .count = 2, .cap = 2};

	(void)end;
	exchange_respond(at->x, 200, NULL, false);
	if (span_eq(head->path, SPAN("/body")))
		exchange_write(at->x, SPAN("body"));
	exchange_finish(at->x, &trailers);
	trailer[0].value = SPAN("changed"); /* they were copied */
}

static void trailers_pass_both_ways(void)
{
	struct field trailer = {SPAN("x-up"), SPAN("1")};
	struct fields trailers = {.at = &trailer, .count = 1, .cap = 1};
	static const char *const paths[] = {"/body", "/none"};

	EACH_CHUNK(chunk)
	for (size_t i = 0; i < 2; i++) {
		struct pair *p = pair_new(chunk);
		p->on_request = answer_with_trailers;
		struct seen *at = pair_request(p, "POST", paths[i], NULL, false);
		pair_run(p);
		CHECK(at->ended && at->has_trailers && at->closes == 0);
		CHECK(span_eq(buf_span(&at->trailers), SPAN("x-sum=42|x-more=|")));
		CHECK(span_eq(buf_span(&at->body), i == 0 ? SPAN("body") : SPAN("")));
		exchange_write(at->x, SPAN("up"));
		exchange_finish(at->x, &trailers);
		pair_run(p);
		CHECK(at->closes == 1 && at->fate == EXCHANGE_DONE);
		CHECK(span_eq(buf_span(&p->requests[0]->trailers), SPAN("x-up=1|")));
		CHECK(span_eq(buf_span(&p->requests[0]->body), SPAN("up")));
		seen_free(at);
		pair_free(p);
	}
}

static void answer_after_interim(struct seen *at, const struct exchange_head *head, bool end)
{
	exchange_inform(at->x, 100);
	exchange_inform(at->x, 103);
	exchange_inform(at->x, 103);
	pair_answer(at, head, end);
}

static void interim_heads_come_before_the_final_one(void)
{
	EACH_CHUNK(chunk)
	{
		struct pair *p = pair_new(chunk);
		p->on_request = answer_after_interim;
		struct seen *at = pair_get(p, "/");
		pair_run(p);
		CHECK(at->informs == 3 && at->heads == 1 && at->status == 200);
		CHECK(!at->has_trailers && at->ended && span_eq(buf_span(&at->body), SPAN("hello")));
		seen_free(at);
		pair_free(p);
	}
}

/* --- Bodies --- */

static void answer_with_megabytes(struct seen *at, const struct exchange_head *head, bool end)
{
	(void)head;
	(void)end;
	exchange_respond(at->x, 200, NULL, false);
	at->left = (size_t)5 << 20;
	at->finish = true;
	seen_push(at);
}

static void bodies_longer_than_every_window_pass(void)
{
	static const size_t some[] = {0, CHUNK_RANDOM};

	for (size_t i = 0; i < 2; i++) {
		struct pair *p = pair_new(some[i]);
		p->on_request = answer_with_megabytes;
		struct seen *at = pair_request(p, "POST", "/", NULL, false);
		at->left = (size_t)3 << 20;
		at->finish = at->no_body = true;
		pair_carry(p, true, 65536);
		p->requests[0]->no_body = true;
		seen_push(at);
		pair_run(p);
		CHECK(at->received == (size_t)5 << 20 && at->ended && at->fate == EXCHANGE_DONE);
		CHECK(p->requests[0]->received == (size_t)3 << 20 && p->requests[0]->ended);
		CHECK(at->rooms > 10 && p->requests[0]->rooms > 10);
		seen_free(at);
		pair_free(p);
	}
}

static void a_writer_gets_no_more_room_than_is_stated(void)
{
	struct pair *p = pair_new(0);
	char block[1000] = {0};
	size_t taken = 0, n;

	struct seen *at = pair_request(p, "POST", "/", NULL, false);
	CHECK(exchange_room(at->x) == EXCHANGE_OUT_MAX);
	while ((n = exchange_write(at->x, span_of(block, sizeof(block)))) > 0)
		taken += n;
	CHECK(taken == EXCHANGE_OUT_MAX && exchange_room(at->x) == 0);
	exchange_finish(at->x, NULL);
	CHECK(exchange_write(at->x, SPAN("late")) == 0);
	pair_run(p);
	CHECK(p->requests[0]->received == EXCHANGE_OUT_MAX && p->requests[0]->ended);
	exchange_reset(at->x, EXCHANGE_CANCEL);
	seen_free(at);
	pair_free(p);
}

/* A reader that takes nothing stops its own stream at one window, and no other. */
static void a_slow_reader_stops_its_own_stream_only(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_with_megabytes;
	struct seen *slow = pair_get(p, "/slow"), *fast = pair_get(p, "/fast");
	slow->hold = slow->no_body = fast->no_body = true;
	pair_run(p);
	CHECK(fast->received == (size_t)5 << 20 && fast->fate == EXCHANGE_DONE && fast->closes == 1);
	/* Windows have grown for the fast one; what the slow one holds is one window at most. */
	CHECK_FOR(slow->received >= (size_t)H2_WINDOW_FIRST && slow->received <= (size_t)H2_WINDOW_MAX &&
			  slow->closes == 0,
		"%zu", slow->received);
	while (slow->closes == 0 && slow->held > 0) {
		size_t n = slow->held;
		slow->held = 0;
		exchange_consumed(slow->x, n);
		pair_run(p);
	}
	CHECK(slow->received == (size_t)5 << 20 && slow->ended && slow->fate == EXCHANGE_DONE);
	seen_free(slow);
	seen_free(fast);
	pair_free(p);
}

static void a_pull_stops_at_its_mark(void)
{
	struct pair *p = pair_new(0);
	struct seen *at[40];

	pair_run(p);
	for (size_t i = 0; i < 40; i++) {
		at[i] = pair_request(p, "POST", "/", NULL, false);
		at[i]->left = EXCHANGE_OUT_MAX;
		seen_push(at[i]);
	}
	p->longest = 0;
	while (pair_carry(p, true, 10000) > 0)
		;
	/* The mark may be passed by one frame. */
	CHECK_FOR(p->longest <= 10000 + 16384 + 9, "%zu", p->longest);
	pair_run(p);
	for (size_t i = 0; i < 40; i++) {
		CHECK(p->requests[i]->received > 0);
		exchange_reset(at[i]->x, EXCHANGE_CANCEL);
		seen_free(at[i]);
	}
	pair_free(p);
}

/* A stream that closes while its frame waits for the next pull. */
static void a_frame_that_waits_may_lose_its_stream(void)
{
	for (size_t high = 1000; high < 40000; high += 3000) {
		struct pair *p = pair_new(0);
		struct seen *at[8];
		for (size_t i = 0; i < 8; i++) {
			at[i] = pair_request(p, "POST", "/", NULL, false);
			at[i]->left = EXCHANGE_OUT_MAX;
			seen_push(at[i]);
		}
		pair_carry(p, true, high);
		for (size_t i = 0; i < p->request_count; i++) {
			exchange_reset(p->requests[i]->x, EXCHANGE_CANCEL);
			p->requests[i]->x = NULL;
		}
		pair_carry(p, false, 65536);
		pair_run(p);
		size_t reset = 0;
		for (size_t i = 0; i < 8; i++) {
			reset += at[i]->closes == 1 && at[i]->fate == EXCHANGE_RESET;
			exchange_reset(at[i]->x, EXCHANGE_CANCEL);
			seen_free(at[i]);
		}
		CHECK(reset > 0 && !p->edge_broken && !p->connector_broken);
		pair_free(p);
	}
}

/* --- Ends --- */

static void refuse(struct seen *at, const struct exchange_head *head, bool end)
{
	enum exchange_code code = EXCHANGE_INTERNAL_ERROR;

	(void)end;
	if (span_eq(head->path, SPAN("/refused")))
		code = EXCHANGE_REFUSED_STREAM;
	exchange_reset(at->x, code);
	at->x = NULL;
}

static void resets_say_whether_to_try_again(void)
{
	struct pair *p = pair_new(0);

	p->on_request = refuse;
	struct seen *refused = pair_get(p, "/refused"), *reset = pair_get(p, "/");
	pair_run(p);
	CHECK(refused->closes == 1 && refused->fate == EXCHANGE_REFUSED && refused->heads == 0);
	CHECK(reset->closes == 1 && reset->fate == EXCHANGE_RESET);
	/* Who resets hears nothing more. */
	CHECK(p->requests[0]->closes == 0 && p->requests[1]->closes == 0);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	seen_free(refused);
	seen_free(reset);
	pair_free(p);
}

static void hold_request(struct seen *at, const struct exchange_head *head, bool end)
{
	(void)head;
	(void)end;
	exchange_respond(at->x, 200, NULL, false);
	exchange_write(at->x, SPAN("part"));
}

static void a_cancelled_request_is_reset_at_the_connector(void)
{
	struct pair *p = pair_new(0);

	p->on_request = hold_request;
	struct seen *at = pair_get(p, "/"), *unsent = pair_get(p, "/unsent");
	/* Cancelled before it was sent: the connector never hears of it. */
	exchange_reset(unsent->x, EXCHANGE_CANCEL);
	pair_run(p);
	CHECK_FOR(p->request_count == 1, "%zu", p->request_count);
	CHECK_FOR(at->heads == 1 && at->received == 4, "%u %zu", at->heads, at->received);
	exchange_release(at->x); /* not whole, so it is a reset */
	pair_run(p);
	CHECK(p->requests[0]->closes == 1 && p->requests[0]->fate == EXCHANGE_RESET);
	CHECK(at->closes == 0 && unsent->closes == 0);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	seen_free(at);
	seen_free(unsent);
	pair_free(p);
}

static void answer_and_leave(struct seen *at, const struct exchange_head *head, bool end)
{
	pair_answer(at, head, end);
	exchange_release(at->x);
	at->x = NULL;
}

/* The answer is whole, the request is not: RST_STREAM(NO_ERROR) ends it, and the edge takes that for a good end. */
static void an_early_answer_stops_the_upload(void)
{
	struct pair *p = pair_new(0);

	p->on_request = answer_and_leave;
	struct seen *at = pair_request(p, "POST", "/", NULL, false);
	at->left = (size_t)100 << 20;
	seen_push(at);
	pair_run(p);
	CHECK(at->status == 200 && span_eq(buf_span(&at->body), SPAN("hello")) && at->ended);
	CHECK(at->closes == 1 && at->fate == EXCHANGE_DONE);
	CHECK(at->left > (size_t)98 << 20);
	CHECK(h2_active(p->edge) == 0 && h2_active(p->connector) == 0);
	seen_free(at);
	pair_free(p);
}

static void a_lost_session_fails_every_exchange_once(void)
{
	struct pair *p = pair_new(0);
	struct seen *at[50];

	p->on_request = hold_request;
	for (size_t i = 0; i < 50; i++)
		at[i] = pair_get(p, "/");
	pair_run(p);
	h2_free(p->edge);
	p->edge = NULL;
	for (size_t i = 0; i < 50; i++) {
		CHECK(at[i]->closes == 1 && at[i]->fate == EXCHANGE_LOST && at[i]->heads == 1);
		seen_free(at[i]);
	}
	h2_free(p->connector);
	p->connector = NULL;
	for (size_t i = 0; i < 50; i++)
		CHECK(p->requests[i]->closes == 1 && p->requests[i]->fate == EXCHANGE_LOST);
	pair_free(p);
}

static void goaway_lets_open_streams_finish(void)
{
	struct pair *p = pair_new(0);

	p->on_request = hold_request;
	struct seen *at = pair_get(p, "/");
	pair_run(p);
	h2_goaway(p->connector);
	pair_run(p);
	CHECK(!h2_can_open(p->edge) && !h2_is_over(p->edge) && !h2_is_over(p->connector));
	struct seen *late = pair_get(p, "/late");
	CHECK(late->x == NULL);
	exchange_finish(p->requests[0]->x, NULL);
	pair_run(p);
	CHECK(at->ended && at->closes == 1 && at->fate == EXCHANGE_DONE);
	CHECK(h2_is_over(p->edge) && h2_is_over(p->connector));
	seen_free(at);
	seen_free(late);
	pair_free(p);
}

/* Requests that were on their way when the connector said GOAWAY can be tried elsewhere, and those not sent yet. */
static void goaway_refuses_what_was_under_way(void)
{
	struct pair *p = pair_new(0);
	struct buf wire = {0};

	p->on_request = hold_request;
	struct seen *first = pair_get(p, "/");
	pair_run(p);
	struct seen *sent = pair_get(p, "/sent");
	CHECK(h2_pull(p->edge, &wire, 65536, &p->err) == 0 && buf_len(&wire) > 0);
	struct seen *queued = pair_get(p, "/queued");
	h2_goaway(p->connector);
	pair_carry(p, false, 65536);
	CHECK(first->closes == 0 && sent->closes == 1 && sent->fate == EXCHANGE_REFUSED);
	CHECK(pair_feed(p, p->connector, buf_span(&wire)) == 0);
	pair_run(p);
	CHECK(queued->closes == 1 && queued->fate == EXCHANGE_REFUSED);
	CHECK(p->request_count == 1 && h2_active(p->edge) == 1);
	exchange_reset(first->x, EXCHANGE_CANCEL);
	seen_free(first);
	seen_free(sent);
	seen_free(queued);
	buf_free(&wire);
	pair_free(p);
}

static void pings_are_answered(void)
{
	struct pair *p = pair_new(0);

	h2_ping(p->edge);
	pair_run(p);
	CHECK(p->pongs == 1);
	h2_ping(p->connector);
	pair_run(p);
	CHECK(p->pongs == 2);
	pair_free(p);
}

TEST_MAIN(TEST(a_request_gets_its_answer), TEST(an_answer_can_end_with_its_head),
	TEST(trailers_pass_both_ways), TEST(interim_heads_come_before_the_final_one),
	TEST(bodies_longer_than_every_window_pass), TEST(a_writer_gets_no_more_room_than_is_stated),
	TEST(a_slow_reader_stops_its_own_stream_only), TEST(a_pull_stops_at_its_mark),
	TEST(a_frame_that_waits_may_lose_its_stream), TEST(resets_say_whether_to_try_again),
	TEST(a_cancelled_request_is_reset_at_the_connector), TEST(an_early_answer_stops_the_upload),
	TEST(a_lost_session_fails_every_exchange_once), TEST(goaway_lets_open_streams_finish),
	TEST(goaway_refuses_what_was_under_way), TEST(pings_are_answered))
