/* credrotate: the journal, what is read from it, the rules of proof, the bytes of targets. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/audit.h"
#include "credrotate/plan.h"
#include "credrotate/replace.h"
#include "credrotate/replay.h"
#include "test.h"

#define ID "11111111-2222-3333-4444-555555555555"

static struct uuid uuid_of(const char *text)
{
	struct uuid id;

	if (!uuid_parse(span_str(text), &id))
		abort();
	return id;
}

static char *temp_dir(void)
{
	char *dir = mem_strdup("/tmp/credrotate-test-XXXXXX");

	if (mkdtemp(dir) == NULL)
		abort();
	return dir;
}

static void remove_dir(char *dir)
{
	char *command = mem_printf("rm -rf '%s'", dir);

	CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a directory that we made */
	free(command);
	free(dir);
}

/* --- Journal --- */

static void a_journal_keeps_its_lines_and_its_key(void)
{
	char *dir = temp_dir();
	struct uuid id = uuid_of(ID);
	struct fingerprint before, after;
	struct journal j;
	struct err err;
	json_t *lines;

	CHECK(journal_open(&j, dir, &id, false, &lines, &err) == JOURNAL_OPEN);
	CHECK(json_array_size(lines) == 0);
	json_decref(lines);
	CHECK(journal_begin(&j, &err) == 0);
	CHECK(journal_write(&j, json_pack("{s:s}", "state", "NEW"), &err) == 0);
	CHECK(journal_write(&j, json_pack("{s:s}", "state", "PREFLIGHT"), &err) == 0);
	before = fingerprint_of(j.key, SPAN("secret"));
	char *run = mem_strdup(j.run);
	journal_close(&j);
	CHECK(journal_open(&j, dir, &id, true, &lines, &err) == JOURNAL_OPEN);
	CHECK(json_array_size(lines) == 2);
	CHECK(strcmp(run, j.run) == 0);
	after = fingerprint_of(j.key, SPAN("secret"));
	CHECK(fingerprint_eq(&before, &after));
	after = fingerprint_of(j.key, SPAN("another"));
	CHECK(!fingerprint_eq(&before, &after));
	json_decref(lines);
	journal_close(&j);
	free(run);
	remove_dir(dir);
}

/* Cut the file at each offset: what is left is the lines that were whole, and writing goes on at the start of a line. */
static void a_journal_torn_anywhere_is_read(void)
{
	char *dir = temp_dir();
	struct uuid id = uuid_of(ID);
	struct buf text = {0};
	struct journal j;
	struct err err;
	json_t *lines;

	CHECK(journal_open(&j, dir, &id, false, &lines, &err) == JOURNAL_OPEN);
	json_decref(lines);
	journal_begin(&j, &err);
	journal_write(&j, json_pack("{s:s}", "state", "NEW"), &err);
	journal_write(&j, json_pack("{s:s}", "state", "PREFLIGHT"), &err);
	journal_close(&j);
	char *path = mem_printf("%s/" ID "/journal", dir);
	CHECK(fsx_read(path, &text, &err) == 0);
	size_t first = span_find(buf_span(&text), '\n') + 1;
	for (size_t cut = first; cut <= buf_len(&text); cut++) {
		struct span part = span_of(buf_span(&text).p, cut);
		size_t whole = 0;
		for (size_t i = 0; i < cut; i++)
			whole += part.p[i] == '\n';
		CHECK(fsx_write(path, part, 0600, &err) == 0);
		CHECK_FOR(journal_open(&j, dir, &id, false, &lines, &err) == JOURNAL_OPEN, "%zu", cut);
		CHECK_FOR(json_array_size(lines) == whole - 1, "%zu", cut);
		json_decref(lines);
		CHECK(journal_write(&j, json_pack("{s:s}", "state", "ABORTED"), &err) == 0);
		journal_close(&j);
		CHECK(journal_open(&j, dir, &id, true, &lines, &err) == JOURNAL_OPEN);
		CHECK_FOR(json_array_size(lines) == whole, "%zu", cut);
		json_decref(lines);
		journal_close(&j);
	}
	CHECK(fsx_write(path, SPAN("no journal\n"), 0600, &err) == 0);
	CHECK(journal_open(&j, dir, &id, true, &lines, &err) == JOURNAL_FAILED);
	CHECK(strstr(err.text, "adopt") != NULL);
	json_decref(lines);
	journal_close(&j);
	buf_free(&text);
	free(path);
	remove_dir(dir);
}

static void a_journal_is_locked(void)
{
	char *dir = temp_dir();
	struct uuid id = uuid_of(ID);
	struct journal j, other;
	struct err err;
	json_t *lines, *none;

	CHECK(journal_open(&j, dir, &id, false, &lines, &err) == JOURNAL_OPEN);
	CHECK(journal_open(&other, dir, &id, false, &none, &err) == JOURNAL_BUSY);
	char *pid = mem_printf("process %ld ", (long)getpid());
	CHECK(strstr(err.text, pid) != NULL);
	free(pid);
	json_decref(none);
	journal_close(&other);
	CHECK(journal_open(&other, dir, &id, true, &none, &err) == JOURNAL_OPEN);
	json_decref(none);
	journal_close(&other);
	json_decref(lines);
	journal_close(&j);
	remove_dir(dir);
}

/* --- Replay --- */

static bool replay_of(struct replay *r, json_t **lines, const char *text)
{
	*lines = json_loads(text, 0, NULL);
	if (*lines == NULL)
		abort();
	return replay_read(r, *lines);
}

#define INTENT                                                                                             \
	"{\"state\":\"NEW\",\"command\":\"rotate\",\"targets\":[\"file:a\",\"file:b\"]},{\"state\":"       \
	"\"PREFLIGHT\"},"                                                                                  \
	"{\"state\":\"INTENT\",\"fp_old\":\"0123456789abcdef\",\"fp_new\":\"fedcba9876543210\",\"version_" \
	"old\":4,"                                                                                         \
	"\"window\":\"15m0s\",\"overlaps\":true,\"live\":3}"
#define ISSUED                                                                                          \
	INTENT                                                                                          \
	",{\"state\":\"INTENT\",\"ok\":true},{\"state\":\"ISSUED\",\"server_time\":\"2026-01-02T03:10:" \
	"00Z\",\"version\":5,"                                                                          \
	"\"expires\":\"2026-01-02T03:25:00Z\"}"
#define BEFORE "\"before\":[{\"id\":\"" ID "\",\"conns\":4,\"proven\":false}]"

static void replay_finds_where_a_run_ended(void)
{
	static const struct {
		const char *lines;
		bool good, unfinished;
		enum run_state state;
	} rows[] = {
		{"[]", true, false, RUN_NEW},
		{"[{\"state\":\"NEW\",\"command\":\"rotate\",\"targets\":[]}]", true, false, RUN_NEW},
		{"[" INTENT "]", true, true, RUN_INTENT},
		{"[" ISSUED "]", true, true, RUN_ISSUED},
		{"[" ISSUED ",{\"state\":\"JOINED\"}]", true, true, RUN_JOINED},
		{"[" ISSUED ",{\"state\":\"DONE\"}]", true, true, RUN_DONE},
		{"[" ISSUED ",{\"state\":\"DONE\",\"ok\":true}]", true, false, RUN_DONE},
		{"[" ISSUED ",{\"state\":\"ROLLBACK\"}]", true, true, RUN_ROLLBACK},
		{"[" ISSUED ",{\"state\":\"ROLLED_BACK\",\"ok\":true}]", true, false, RUN_ROLLED_BACK},
		{"[" INTENT ",{\"state\":\"ABORTED\"}]", true, false, RUN_ABORTED},
		{"[{\"state\":\"PONDERING\"}]", false, false, RUN_NEW},
		{"[{\"state\":\"NEW\",\"targets\":[1],\"command\":\"rotate\"}]", false, false, RUN_NEW},
		{"[" ISSUED ",{\"state\":\"ROLLING\",\"target\":2,\"step\":\"INSTALL\"}]", false, false,
			RUN_NEW},
		{"[" ISSUED ",{\"state\":\"ROLLING\",\"target\":-1,\"step\":\"INSTALL\"}]", false, false,
			RUN_NEW},
		{"[" INTENT ",{\"state\":\"ISSUED\",\"version\":5}]", false, false, RUN_NEW},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct replay r;
		json_t *lines;
		CHECK_FOR(replay_of(&r, &lines, rows[i].lines) == rows[i].good, "%s", rows[i].lines);
		if (rows[i].good) {
			CHECK_FOR(replay_is_unfinished(&r) == rows[i].unfinished, "%s", rows[i].lines);
			CHECK_FOR(r.state == rows[i].state, "%s", rows[i].lines);
		}
		replay_free(&r);
		json_decref(lines);
	}
}

static void replay_finds_how_far_targets_came(void)
{
	struct replay r;
	json_t *lines;

	CHECK(replay_of(&r, &lines,
		"[" ISSUED
		",{\"state\":\"ROLLING\"},{\"state\":\"ROLLING\",\"target\":0,\"step\":\"INSTALL\"," BEFORE
		"},"
		"{\"state\":\"ROLLING\",\"target\":0,\"step\":\"INSTALL\",\"ok\":true},"
		"{\"state\":\"ROLLING\",\"target\":0,\"step\":\"SIGNAL\",\"rolled_from\":\"ab\"},"
		"{\"state\":\"ROLLBACK\",\"target\":0,\"step\":\"SIGNAL\",\"ok\":true}]"));
	CHECK(r.version_old == 4 && r.version_new == 5 && r.live_before == 3 && r.overlaps);
	CHECK(r.window_ns == INT64_C(900000000000));
	CHECK(r.target_count == 2 && strcmp(r.targets[1].text, "file:b") == 0);
	CHECK(r.targets[0].installed && r.targets[0].signal_begun && !r.targets[0].signalled);
	CHECK(strcmp(r.targets[0].rolled_from, "ab") == 0 && r.targets[1].rolled_from == NULL);
	CHECK(r.targets[0].has_before && r.targets[0].before.count == 1 &&
		r.targets[0].before.at[0].conns == 4);
	CHECK(!r.targets[1].installed && !r.targets[1].has_before);
	CHECK(r.expires - r.issued_at == INT64_C(900000000));
	replay_free(&r);
	json_decref(lines);
}

static void replay_knows_earlier_numbers_of_a_secret(void)
{
	static const struct {
		struct replay was;
		int64_t version, from;
	} rows[] = {
		{{.state = RUN_ROLLED_BACK, .version_begun = 3}, 5, 3},
		{{.state = RUN_ROLLED_BACK, .version_begun = 3, .same_from = 1}, 5, 1},
		{{.state = RUN_ROLLED_BACK, .version_begun = 3}, 6, 0}, /* somebody else came after */
		{{.state = RUN_ABORTED, .version_begun = 3, .same_from = 1}, 3, 1},
		{{.state = RUN_ABORTED, .version_begun = 3}, 3, 0},
		{{.state = RUN_DONE, .version_begun = 3, .same_from = 1}, 4, 0}, /* another secret */
		{{.state = RUN_DONE, .version_begun = 3, .same_from = 1}, 5, 0},
		{{.state = RUN_DONE, .version_begun = 3, .same_from = 1}, 3, 1}, /* adopted */
		{{.state = RUN_NEW}, 3, 0}, /* a journal from before it was noted */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_FOR(replay_same_from(&rows[i].was, rows[i].version) == rows[i].from, "row %zu", i);
}

/* --- Proof --- */

static struct api_connection conn(int64_t version, int64_t opened, bool pending)
{
	return (struct api_connection){.secret_version = version, .opened_at = opened, .is_pending = pending};
}

static void connections_prove_by_version_or_by_time(void)
{
	static const struct {
		struct proof proof;
		int64_t version, opened;
		bool pending, proven;
	} rows[] = {
		{{.version = 5, .opened_after = 100}, 5, 1, false, true}, /* clocks do not matter */
		{{.version = 5, .opened_after = 100}, 4, 1000, false, false},
		{{.version = 5, .opened_after = 100}, 5, 1000, true, false},
		{{.version = 5, .opened_after = 100}, 0, 1000, false, false},         /* not told */
		{{.version = 6, .up_to = 4, .opened_after = 100}, 4, 1, false, true}, /* going back */
		{{.version = 6, .up_to = 4, .opened_after = 100}, 2, 1, false, true},
		{{.version = 6, .up_to = 4, .opened_after = 100}, 5, 1, false, false},
		{{.version = 6, .up_to = 4, .opened_after = 100}, 4, 1, true, false},
		{{.version = 7, .same_from = 3}, 3, 1, false, true}, /* after two ways back */
		{{.version = 7, .same_from = 3}, 5, 1, false, true},
		{{.version = 7, .same_from = 3}, 4, 1, false, false},
		{{.version = 7, .same_from = 3}, 1, 1, false, false},
		{{.version = 7, .same_from = 3}, 9, 1, false, false},
		{{.opened_after = 100}, 0, 101, false, true},
		{{.opened_after = 100}, 0, 100, false, false}, /* inside of the margin: undecided */
		{{.opened_after = 100}, 0, API_TIME_NONE, false, false},
		{{.opened_after = API_TIME_NONE}, 0, 101, false, false},
		{{.opened_after = 100}, 0, 101, true, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct api_connection c = conn(rows[i].version, rows[i].opened, rows[i].pending);
		CHECK_FOR(verify_conn_is_proven(&c, &rows[i].proof) == rows[i].proven, "row %zu", i);
	}
}

static void one_connection_proves_its_connector(void)
{
	struct api_connection conns[] = {conn(4, 1, false), conn(5, 2, false), conn(4, 3, true)};
	struct api_connector c = {.conns = conns, .conn_count = 3};
	struct proof p = {.version = 5};

	CHECK(verify_is_proven(&c, &p) && verify_live_conns(&c) == 2);
	CHECK(verify_count_unproven(&c, 1, &p) == 0);
	p.version = 6;
	CHECK(verify_count_unproven(&c, 1, &p) == 1);
	conns[0].is_pending = conns[1].is_pending = true;
	CHECK(!verify_is_live(&c) && verify_count_unproven(&c, 1, &p) == 0);
}

/* Connectors by letter: capital ones have version 5, small ones 4; "2" behind one: two connections. */
static size_t build(const char *text, struct api_connector out[8], struct api_connection conns[16])
{
	size_t count = 0, used = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '2') {
			conns[used] = conns[used - 1];
			out[count - 1].conn_count++;
			used++;
			continue;
		}
		bool new = *c >= 'A' && *c <= 'Z';
		conns[used] = conn(new ? 5 : 4, 0, false);
		out[count] = (struct api_connector){.conns = &conns[used++], .conn_count = 1};
		out[count++].id.bytes[0] = (unsigned char)*c;
	}
	return count;
}

static void a_target_rejoins_when_the_new_is_there_and_the_old_is_gone(void)
{
	static const struct {
		const char *before, *now;
		size_t replicas;
		bool done;
	} rows[] = {
		{"ab", "bC", 1, true},                          /* a made way for C */
		{"ab", "ab", 1, false},                         /* nothing happened */
		{"ab", "abC", 1, false},                        /* a is there still */
		{"ab", "b", 1, false},                          /* a is gone, nobody came */
		{"ab", "bc", 1, false},                         /* who came has the old secret */
		{"a2b", "bC", 1, false},                        /* with one connection less */
		{"a2b", "bC2", 1, true}, {"aB", "BC", 1, true}, /* B was new before, and counts for nobody */
		{"aB", "aB", 1, false}, {"aB", "B", 1, false}, {"ab", "CD", 2, true}, {"ab", "bC", 2, false},
		{"abc", "aDE", 2, true}, {"", "A", 1, false}, /* nothing was there that could have gone */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct api_connector c[8];
		struct api_connection conns[16];
		struct census before = {0};
		struct proof p = {.version = 5};
		census_take(&before, c, build(rows[i].before, c, conns), &p);
		size_t count = build(rows[i].now, c, conns);
		CHECK_FOR(verify_rejoin(&before, c, count, &p, rows[i].replicas).done == rows[i].done,
			"%s -> %s", rows[i].before, rows[i].now);
		census_free(&before);
	}
}

/* --- Targets --- */

static void credentials_keep_all_but_the_secret(void)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{"{\"AccountTag\":\"a\",\"TunnelSecret\":\"b2xk\",\"TunnelID\":\"" ID "\"}",
			"{\"AccountTag\":\"a\",\"TunnelSecret\":\"bmV3\",\"TunnelID\":\"" ID "\"}"},
		{"{ \"x\" : {\"TunnelSecret\":\"no\"},\n \"TunnelSecret\" : \"b2xk\" , "
		 "\"y\":[\"TunnelSecret\",\"b\"]}\n",
			"{ \"x\" : {\"TunnelSecret\":\"no\"},\n \"TunnelSecret\" : \"bmV3\" , "
			"\"y\":[\"TunnelSecret\",\"b\"]}\n"},
		{"{\"tunnelsecret\":\"b2xk\",\"a\":\"\\\"TunnelSecret\\\":\\\"q\"}",
			"{\"tunnelsecret\":\"bmV3\",\"a\":\"\\\"TunnelSecret\\\":\\\"q\"}"},
		{"{\"a\":\"TunnelSecret\",\"b\":\"c\"}", NULL},
		{"{\"Tunnel\\u0053ecret\":\"b2xk\"}", NULL}, /* nobody writes it so */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cred c = {.account_tag = mem_strdup("a"), .tunnel_id = uuid_of(ID)};
		struct buf out = {.max = CRED_FILE_MAX};
		struct err err;
		secret_set(&c.secret, "new", 3);
		int rc = target_compose(TARGET_CREDENTIALS, span_str(rows[i].before), &c, &out, &err);
		CHECK_FOR((rc == 0) == (rows[i].after != NULL), "%s", rows[i].before);
		if (rc == 0 && rows[i].after != NULL)
			CHECK_FOR(span_eq(buf_span(&out), span_str(rows[i].after)), "%s", rows[i].before);
		buf_wipe(&out);
		cred_free(&c);
	}
}

static void a_token_is_composed_and_read_back(void)
{
	struct cred c = {.account_tag = mem_strdup("a"), .tunnel_id = uuid_of(ID)};
	struct uuid other = uuid_of("99999999-2222-3333-4444-555555555555");
	struct buf out = {.max = CRED_FILE_MAX};
	struct secret s = {0};
	enum target_format format;
	struct err err;

	secret_set(&c.secret, "12345678901234567890123456789012", 32);
	CHECK(target_compose(TARGET_TOKEN, SPAN(""), &c, &out, &err) == 0);
	CHECK(target_extract(buf_span(&out), TARGET_AUTO, &c.tunnel_id, &format, &s, &err) == 0);
	CHECK(format == TARGET_TOKEN && s.len == 32 && memcmp(s.data, c.secret.data, 32) == 0);
	secret_free(&s);
	CHECK(target_extract(buf_span(&out), TARGET_AUTO, &other, &format, &s, &err) < 0);
	CHECK(strstr(err.text, "another tunnel") != NULL && s.data == NULL);
	buf_wipe(&out);
	cred_free(&c);
}

/* --- Files --- */

static void a_file_that_was_changed_meanwhile_is_left_alone(void)
{
	char *dir = temp_dir(), *path = mem_printf("%s/f", dir);
	struct buf text = {0};
	struct replace r;
	struct err err;

	CHECK(fsx_write(path, SPAN("one"), 0600, &err) == 0);
	CHECK(replace_open(&r, path, &err) == 0 && replace_read(&r, &err) == 0);
	CHECK(fsx_write(path, SPAN("two"), 0600, &err) == 0);
	CHECK(replace_write(&r, "RUN", SPAN("three"), false, NULL, &err) < 0);
	CHECK(strstr(err.text, "someone else") != NULL);
	CHECK(fsx_read(path, &text, &err) == 0 && span_eq(buf_span(&text), SPAN("two")));
	CHECK(replace_read(&r, &err) == 0 && replace_write(&r, "RUN", SPAN("three"), true, NULL, &err) == 0);
	struct secret kept = {0};
	CHECK(replace_kept(&r, &kept) && kept.len == 3 && memcmp(kept.data, "two", 3) == 0);
	secret_free(&kept);
	replace_forget(&r);
	CHECK(!replace_kept(&r, &kept));
	replace_close(&r);
	buf_free(&text);
	free(path);
	remove_dir(dir);
}

static void targets_of_records_take_no_name_that_leads_elsewhere(void)
{
	static const struct {
		const char *text, *name, *want;
	} cases[] = {
		{"file:/etc/%n.json,unit=t@%n", "home", "file:/etc/home.json,unit=t@home"},
		{"file:/etc/%i.json", "../home", "file:/etc/" ID ".json"},
		{"%n", "a.b-c_D9", "a.b-c_D9"},
		{"100%%%i%", "", "100%" ID "%"},
		{"%x", "home", "%x"},
		{"", "home", ""},
		{"file:%n", "../home", NULL},
		{"file:%n", "..", NULL},
		{"file:%n", ".hidden", NULL},
		{"file:%n", "a/b", NULL},
		{"file:%n", "a,signal=exec", NULL},
		{"file:%n", "a b", NULL},
		{"file:%n", "", NULL},
		{"file:%n", NULL, NULL},
	};
	struct arena a = {0};
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = plan_expand(cases[i].text, ID, cases[i].name, &a, &err);
		CHECK((got == NULL) == (cases[i].want == NULL));
		CHECK(got == NULL || strcmp(got, cases[i].want) == 0);
	}
	arena_free(&a);
}

static void the_audit_chain_shows_a_changed_line(void)
{
	char *dir = temp_dir(), *path = mem_printf("%s/log/audit", dir);
	struct err err;
	size_t lines;

	for (int i = 0; i < 5; i++)
		CHECK(audit_append(path, false, json_pack("{s:i}", "n", i), &err) == 0);
	CHECK(audit_verify(path, &lines, &err) == AUDIT_HOLDS && lines == 5);
	int fd = open(path, O_WRONLY | O_APPEND);
	CHECK(write(fd, "{\"torn", 6) == 6);
	close(fd);
	CHECK(audit_append(path, false, json_pack("{s:i}", "n", 6), &err) == 0);
	CHECK(audit_verify(path, &lines, &err) == AUDIT_BROKEN); /* the torn line shows */
	CHECK(strstr(err.text, "line 6") != NULL);
	free(path);
	remove_dir(dir);
}

TEST_MAIN(TEST(a_journal_keeps_its_lines_and_its_key), TEST(a_journal_torn_anywhere_is_read),
	TEST(a_journal_is_locked), TEST(replay_finds_where_a_run_ended),
	TEST(replay_finds_how_far_targets_came), TEST(replay_knows_earlier_numbers_of_a_secret),
	TEST(connections_prove_by_version_or_by_time), TEST(one_connection_proves_its_connector),
	TEST(a_target_rejoins_when_the_new_is_there_and_the_old_is_gone),
	TEST(credentials_keep_all_but_the_secret), TEST(a_token_is_composed_and_read_back),
	TEST(a_file_that_was_changed_meanwhile_is_left_alone), TEST(the_audit_chain_shows_a_changed_line),
	TEST(targets_of_records_take_no_name_that_leads_elsewhere))
