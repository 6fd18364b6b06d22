/* A connection near the end of its stream ids, 2^31-1. Compiled together with the session, whose library session is told
 * to skip ahead: nobody sends a thousand million requests first. */
#include "tunnel/h2/session.c" /* NOLINT(bugprone-suspicious-include): for what it keeps to itself */

#include "h2pair.h"

static struct pair *pair_at(int32_t next_id)
{
	struct pair *p = pair_new(0);

	pair_run(p);
	CHECK(nghttp2_session_set_next_stream_id(p->edge->ng, next_id) == 0);
	return p;
}

static void a_connection_is_worn_before_its_ids_are_used_up(void)
{
	struct pair *p = pair_at(H2_LAST_ID - 3);
	unsigned opened = 0;

	p->on_request = pair_answer;
	while (!h2_is_worn(p->edge)) {
		CHECK(h2_can_open(p->edge));
		struct seen *at = pair_get(p, "/");
		pair_run(p);
		CHECK(at->status == 200 && at->fate == EXCHANGE_DONE);
		seen_free(at);
		opened++;
	}
	CHECK_FOR(opened >= 1 && opened <= 3, "%u", opened);
	/* Worn is a warning: there is time to find a replacement. */
	CHECK(h2_can_open(p->edge));
	CHECK((uint32_t)INT32_MAX - (uint32_t)H2_LAST_ID > 2 * H2_STREAMS_MAX);
	pair_free(p);
}

static void without_ids_nothing_is_opened_and_all_else_goes_on(void)
{
	struct pair *p = pair_at(INT32_MAX - 2);

	struct seen *a = pair_request(p, "POST", "/", NULL, false), *b = pair_get(p, "/");
	CHECK(a->x != NULL && b->x != NULL && a->x->id == INT32_MAX - 2 && b->x->id == INT32_MAX);
	CHECK(h2_is_worn(p->edge) && !h2_can_open(p->edge));
	struct seen *none = pair_get(p, "/");
	CHECK(none->x == NULL);
	pair_run(p);
	CHECK(p->request_count == 2 && h2_active(p->edge) == 2);
	exchange_write(a->x, SPAN("body"));
	exchange_finish(a->x, NULL);
	for (size_t i = 0; i < p->request_count; i++)
		pair_answer(p->requests[i], NULL, true);
	pair_run(p);
	CHECK(a->fate == EXCHANGE_DONE && a->closes == 1 &&
		span_eq(buf_span(&p->requests[0]->body), SPAN("body")));
	CHECK(b->fate == EXCHANGE_DONE && b->closes == 1 && h2_active(p->edge) == 0);
	h2_ping(p->edge);
	pair_run(p);
	CHECK(p->pongs == 1 && !h2_is_over(p->edge));
	seen_free(a);
	seen_free(b);
	seen_free(none);
	pair_free(p);
}

TEST_MAIN(TEST(a_connection_is_worn_before_its_ids_are_used_up),
	TEST(without_ids_nothing_is_opened_and_all_else_goes_on))
