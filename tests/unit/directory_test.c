/* Who may register: current and previous secret, and how long it takes to tell. Forgetting keys of a map. */
#include <time.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "test.h"
#include "tunnel/edge/directory.h"

#define ACCOUNT "0123456789abcdef0123456789abcdef"

static void prove(struct record_secret *s, const char *secret, int64_t version)
{
	record_proof(SPAN(ACCOUNT), span_str(secret), s->proof);
	s->version = version;
}

static struct tunnel_record record_of(const struct uuid *id)
{
	static char name[] = "a", account[] = ACCOUNT;

	return (struct tunnel_record){.id = *id, .name = name, .account = account};
}

static void secrets_register_by_the_rules_of_the_window(void)
{
	static const struct {
		const char *secret;
		int64_t now;
		enum directory_verdict verdict;
		int64_t version;
	} rows[] = {
		{"current", 0, DIRECTORY_OK, 5},
		{"current", 5000, DIRECTORY_OK, 5},
		{"previous", 999, DIRECTORY_OK, 4},
		{"previous", 1000, DIRECTORY_WRONG, 0},
		{"oldest", 0, DIRECTORY_WRONG, 0},
		{"", 0, DIRECTORY_WRONG, 0},
	};
	struct directory *d = directory_new();
	struct directory_tunnel *t;
	struct uuid id, other;
	int64_t version;

	uuid_random(&id);
	uuid_random(&other);
	struct tunnel_record r = record_of(&id);
	prove(&r.current, "current", 5);
	prove(&r.previous, "previous", 4);
	r.previous_expires_at = 1000;
	directory_put(d, &r, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		version = 0;
		CHECK_FOR(directory_check(d, &id, SPAN(ACCOUNT), span_str(rows[i].secret), rows[i].now, &t,
				  &version) == rows[i].verdict &&
				  version == rows[i].version,
			"row %zu", i);
	}
	CHECK(directory_check(d, &id, SPAN("another"), SPAN("current"), 0, &t, &version) == DIRECTORY_WRONG);
	CHECK(directory_check(d, &other, SPAN(ACCOUNT), SPAN("current"), 0, &t, &version) ==
		DIRECTORY_UNKNOWN);
	r.deleted_at = 7;
	directory_put(d, &r, 2);
	CHECK(directory_check(d, &id, SPAN(ACCOUNT), SPAN("current"), 0, &t, &version) == DIRECTORY_UNKNOWN);
	directory_free(d);
}

/* A tunnel without a previous secret has an empty proof in its place: nothing may match that. */
static void nothing_registers_with_a_secret_that_is_not_there(void)
{
	struct directory *d = directory_new();
	struct directory_tunnel *t;
	struct uuid id;
	int64_t version;

	uuid_random(&id);
	struct tunnel_record r = record_of(&id);
	prove(&r.current, "current", 1);
	r.previous_expires_at = INT64_MAX;
	directory_put(d, &r, 1);
	CHECK(!directory_overlaps(&r, 0));
	CHECK(directory_check(d, &id, SPAN(ACCOUNT), SPAN(""), 0, &t, &version) == DIRECTORY_WRONG);
	directory_free(d);
}

static void a_tunnel_of_a_file_is_not_changed_by_the_store(void)
{
	struct directory *d = directory_new();
	struct directory_tunnel *t;
	struct cred cred;
	int64_t version;

	cred_generate(&cred, ACCOUNT);
	directory_add(d, "file", &cred);
	struct tunnel_record r = record_of(&cred.tunnel_id);
	prove(&r.current, "current", 1);
	CHECK(directory_put(d, &r, 1) == NULL);
	CHECK(directory_check(d, &cred.tunnel_id, SPAN(ACCOUNT),
		      span_of((const char *)cred.secret.data, cred.secret.len), 0, &t,
		      &version) == DIRECTORY_OK);
	CHECK(directory_find(d, SPAN("file")) == t && directory_find(d, SPAN("a")) == NULL);
	cred_free(&cred);
	directory_free(d);
}

#ifdef __SANITIZE_ADDRESS__
#define CHECK_MAX_US 200.0
#else
#define CHECK_MAX_US 10.0
#endif

static void telling_takes_less_than_ten_microseconds_of_ten_thousand_tunnels(void)
{
	enum { TUNNELS = 10000, CHECKS = 20000 };
	struct directory *d = directory_new();
	struct uuid *ids = mem_array(TUNNELS, sizeof(*ids));
	struct directory_tunnel *t;
	struct timespec from, to;
	int64_t version;
	size_t ok = 0;
	double best = 1e9;

	for (size_t i = 0; i < TUNNELS; i++) {
		uuid_random(&ids[i]);
		struct tunnel_record r = record_of(&ids[i]);
		prove(&r.current, "0123456789abcdef0123456789abcdef", 1);
		directory_put(d, &r, 1);
	}
	/* The best of several rounds: the machine has others to serve. */
	for (int round = 0; round < 5; round++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (size_t i = 0; i < CHECKS / 5; i++)
			ok += directory_check(d, &ids[i * 7919 % TUNNELS], SPAN(ACCOUNT),
				      SPAN("0123456789abcdef0123456789abcdef"), 0, &t,
				      &version) == DIRECTORY_OK;
		clock_gettime(CLOCK_MONOTONIC, &to);
		double us = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
			    1e3 / (CHECKS / 5);
		best = us < best ? us : best;
	}
	printf("# %.2f us a check\n", best);
	CHECK(ok == CHECKS);
	CHECK_FOR(best < CHECK_MAX_US, "%.2f us", best);
	free(ids);
	directory_free(d);
}

static void a_map_forgets_and_still_finds_the_rest(void)
{
	enum { KEYS = 500 };
	static char keys[KEYS][8];
	struct map m = {0};

	for (int i = 0; i < KEYS; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
		map_put(&m, span_str(keys[i]), keys[i]);
	}
	for (int i = 0; i < KEYS; i += 3)
		map_remove(&m, span_str(keys[i]));
	map_remove(&m, SPAN("never there"));
	for (int i = 0; i < KEYS; i++)
		CHECK_FOR(map_get(&m, span_str(keys[i])) == (i % 3 == 0 ? NULL : keys[i]), "%s", keys[i]);
	CHECK(m.count == KEYS - (KEYS + 2) / 3);
	for (int i = 0; i < KEYS; i++)
		map_remove(&m, span_str(keys[i]));
	CHECK(m.count == 0 && map_get(&m, SPAN("k1")) == NULL);
	map_free(&m);
}

TEST_MAIN(TEST(secrets_register_by_the_rules_of_the_window),
	TEST(nothing_registers_with_a_secret_that_is_not_there),
	TEST(a_tunnel_of_a_file_is_not_changed_by_the_store),
	TEST(telling_takes_less_than_ten_microseconds_of_ten_thousand_tunnels),
	TEST(a_map_forgets_and_still_finds_the_rest))
