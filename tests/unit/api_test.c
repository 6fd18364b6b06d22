/* The management API's answers, read from tests/vectors/api, and the calls against a scripted server in a thread. */
#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/api/api.h"
#include "common/api/api_json.h"
#include "common/api/cert.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "test.h"

#define VECTORS "tests/vectors/api"
#define ACCOUNT "0123456789abcdef0123456789abcdef"
#define ZONE "fedcba9876543210fedcba9876543210"
#define TUNNEL "11111111-2222-3333-4444-555555555555"
#define TUNNEL_PATH "/client/v4/accounts/" ACCOUNT "/cfd_tunnel/" TUNNEL

static struct uuid uuid_of(const char *text)
{
	struct uuid id = {{0}};

	CHECK(uuid_parse(span_str(text), &id));
	return id;
}

/* --- Vectors --- */

static json_t *vector(const char *name)
{
	char path[320];
	json_error_t why;

	snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
	json_t *root = json_load_file(path, 0, &why);
	CHECK_FOR(root != NULL, "%s", path);
	return root;
}

/* The answer of the first exchange of a vector, as text; to be freed. */
static char *answer_of(json_t *root)
{
	json_t *runs = json_object_get(root, "runs");
	json_t *from = runs != NULL ? json_object_get(runs, "2025.5.0") : root;
	json_t *first = json_array_get(json_object_get(from, "exchanges"), 0);
	json_t *body = json_object_get(json_object_get(first, "response"), "body");

	CHECK(body != NULL);
	return json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
}

static char *answer(const char *name)
{
	json_t *root = vector(name);
	char *text = answer_of(root);

	json_decref(root);
	return text;
}

/* Decode one exchange as its path says. */
static void decode(const char *vector_name, json_t *exchange)
{
	json_t *request = json_object_get(exchange, "request"),
	       *response = json_object_get(exchange, "response");
	const char *path = json_string_value(json_object_get(request, "path"));
	bool reads_list = strcmp(json_string_value(json_object_get(request, "method")), "GET") == 0;
	char *text = json_dumps(json_object_get(response, "body"), JSON_COMPACT | JSON_ENCODE_ANY);
	bool ok = json_integer_value(json_object_get(response, "status")) == 200;
	struct api_envelope e;
	struct err err = {{0}};

	if (api_json_parse(span_str(text), &e, &err) < 0) {
		CHECK_FOR(false, "%s: %s", vector_name, err.text);
		free(text);
		return;
	}
	CHECK_FOR(e.is_success == ok || strcmp(vector_name, "create-200-with-errors.json") == 0 ||
			  strcmp(vector_name, "create-201.json") == 0,
		"%s", vector_name);
	size_t len = strlen(path), count = 0;
	if (e.is_success && len > 12 && strcmp(path + len - 12, "/connections") == 0 && reads_list) {
		struct api_connector *list;
		CHECK_FOR(api_json_connectors(e.result, &list, &count, &err) == 0, "%s: %s", vector_name,
			err.text);
		CHECK_FOR(count == json_array_size(e.result), "%s", vector_name);
		api_connectors_free(list, count);
	} else if (e.is_success && json_is_array(e.result)) {
		struct api_tunnel *list = NULL;
		CHECK_FOR(api_json_tunnels(e.result, &list, &count, &err) == 0, "%s: %s", vector_name,
			err.text);
		CHECK_FOR(count == json_array_size(e.result), "%s", vector_name);
		api_tunnels_free(list, count);
	} else if (e.is_success && json_object_get(e.result, "tun_type") != NULL) {
		struct api_tunnel t;
		CHECK_FOR(api_json_tunnel(e.result, &t, &err) == 0, "%s: %s", vector_name, err.text);
		api_tunnel_free(&t);
	}
	api_envelope_free(&e);
	free(text);
}

static void decode_exchanges(const char *name, json_t *from)
{
	size_t i;
	json_t *exchange;

	json_array_foreach(json_object_get(from, "exchanges"), i, exchange)
	{
		if (json_object_get(json_object_get(exchange, "request"), "path") != NULL &&
			json_is_object(json_object_get(json_object_get(exchange, "response"), "body")))
			decode(name, exchange);
	}
}

static void every_vector_is_decoded(void)
{
	DIR *dir = opendir(VECTORS);
	size_t files = 0;

	CHECK(dir != NULL);
	for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
		const char *run;
		json_t *value;
		/* Quick tunnels have another client. */
		if (!span_ends(span_str(d->d_name), SPAN(".json")) || strncmp(d->d_name, "quick-", 6) == 0)
			continue;
		json_t *root = vector(d->d_name);
		decode_exchanges(d->d_name, root);
		json_object_foreach(json_object_get(root, "runs"), run, value)
			decode_exchanges(d->d_name, value);
		json_decref(root);
		files++;
	}
	if (dir != NULL)
		closedir(dir);
	CHECK(files > 70);
}

static void connectors_are_taken_apart(void)
{
	char *text = answer("connections-mid-rotation.json");
	struct api_envelope e;
	struct api_connector *c = NULL;
	struct err err = {{0}};
	size_t count = 0;

	CHECK(api_json_parse(span_str(text), &e, &err) == 0);
	CHECK(api_json_connectors(e.result, &c, &count, &err) == 0);
	CHECK(count == 2);
	if (count == 2) {
		struct uuid first = uuid_of("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
		CHECK(uuid_eq(&c[0].id, &first));
		CHECK(strcmp(c[0].arch, "linux_amd64") == 0 && strcmp(c[0].version, "2025.5.0") == 0);
		CHECK(c[0].feature_count == 1 && strcmp(c[0].features[0], "allow_remote_config") == 0);
		CHECK(c[0].config_version == -1 && c[0].run_at == INT64_C(1767323100000000));
		CHECK(c[0].conn_count == 2 && c[0].conns[0].secret_version == 1);
		CHECK(c[1].conn_count == 3 && c[1].conns[2].is_pending && c[1].conns[0].secret_version == 2);
		CHECK(strcmp(c[1].conns[0].location, "edge1") == 0);
		CHECK(strcmp(c[1].conns[0].origin_ip, "192.0.2.7") == 0);
		CHECK(c[1].conns[0].opened_at == INT64_C(1767323523500000));
	}
	api_connectors_free(c, count);
	api_envelope_free(&e);
	free(text);
}

/* --- What is refused --- */

static void broken_envelopes_are_refused(void)
{
	static const char *const rows[] = {"", "null", "[]", "\"x\"", "{}", "{\"success\":1,\"result\":null}",
		"{\"success\":true,\"errors\":{},\"result\":null}",
		"{\"success\":true,\"errors\":[1],\"result\":null}",
		"{\"success\":false,\"errors\":[{\"code\":\"many\",\"message\":\"m\"}]}",
		"{\"success\":false,\"errors\":[{\"code\":1,\"message\":2}]}",
		"{\"success\":true,\"result\":null,\"result_info\":{\"page\":\"1\"}}",
		"{\"success\":true,\"result\":null,\"result_info\":[]}",
		"{\"success\":true,\"success\":false,\"result\":null}", "{\"success\":true}x",
		"{\"success\":true,\"result\":\"\\u0000\"}"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct api_envelope e;
		struct err err = {{0}};
		CHECK_FOR(api_json_parse(span_str(rows[i]), &e, &err) < 0, "%s", rows[i]);
		CHECK_FOR(err.text[0] != '\0' && e.root == NULL, "%s", rows[i]);
	}
}

static void an_error_makes_a_failure_whatever_success_says(void)
{
	static const char text[] = "{\"success\":true,\"errors\":[{\"code\":\"1003\",\"message\":\"gone\"},"
				   "{\"code\":2}],\"messages\":[{\"code\":1}],\"result\":{}}";
	struct api_envelope e;
	struct err err;

	CHECK(api_json_parse(SPAN(text), &e, &err) == 0);
	CHECK(!e.is_success && e.code == 1003 && strcmp(e.message, "gone") == 0);
	api_envelope_free(&e);
}

static void fields_of_the_wrong_type_are_refused(void)
{
	static const char *const rows[] = {"[]", "{}", "{\"id\":1}", "{\"id\":\"x\"}",
		"{\"id\":\"" TUNNEL "\",\"name\":1}", "{\"id\":\"" TUNNEL "\",\"created_at\":\"\"}",
		"{\"id\":\"" TUNNEL "\",\"deleted_at\":0}", "{\"id\":\"" TUNNEL "\",\"connections\":{}}",
		"{\"id\":\"" TUNNEL "\",\"connections\":[1]}",
		"{\"id\":\"" TUNNEL "\",\"connections\":[{\"is_pending_reconnect\":0}]}",
		"{\"id\":\"" TUNNEL "\",\"connections\":[{\"colo_name\":\"a\"},{\"colo_name\":[]}]}",
		"{\"id\":\"" TUNNEL "\",\"tunnel_secret_version\":\"1\"}",
		"{\"id\":\"" TUNNEL "\",\"tunnel_secret_version\":1.5}",
		"{\"id\":\"" TUNNEL "\",\"token\":{}}"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = json_loads(rows[i], 0, NULL);
		struct api_tunnel t;
		struct err err = {{0}};
		CHECK(value != NULL);
		CHECK_FOR(api_json_tunnel(value, &t, &err) < 0, "%s", rows[i]);
		CHECK_FOR(err.text[0] != '\0' && t.name == NULL && t.conns == NULL, "%s", rows[i]);
		json_decref(value);
	}
}

/* --- Certificates --- */

static void a_certificate_is_read(void)
{
	struct cert c;
	struct err err = {{0}};

	CHECK(cert_read(VECTORS "/cert.pem", &c, &err) == 0);
	CHECK(strcmp(c.account, ACCOUNT) == 0 && strcmp(c.zone, ZONE) == 0 && c.endpoint == NULL);
	CHECK(span_eq(span_of((const char *)c.token.data, c.token.len), SPAN("api-token-EXAMPLE")));
	cert_free(&c);
}

#define BLOCK(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"
#define GOOD BLOCK("ARGO TUNNEL TOKEN", "eyJ6b25lSUQiOiJ6IiwiYWNjb3VudElEIjoiYSIsImFwaVRva2VuIjoidCJ9")
#define OLD BLOCK("ARGO TUNNEL TOKEN", "eyJ6b25lSUQiOiJ6IiwiYXBpVG9rZW4iOiJ0In0=")

static void other_blocks_are_passed_over_or_refused(void)
{
	static const struct {
		const char *text, *message; /* NULL: accepted */
	} rows[] = {
		{GOOD, NULL},
		{"some text\n" BLOCK("CERTIFICATE", "AAAA") BLOCK("PRIVATE KEY", "AAAA") GOOD "more", NULL},
		{"", "missing token"},
		{BLOCK("CERTIFICATE", "AAAA"), "missing token"},
		{GOOD GOOD, "multiple tokens"},
		{BLOCK("RSA PRIVATE KEY", "AAAA") GOOD, "does not belong"},
		{"-----BEGIN ARGO TUNNEL TOKEN-----\nAAAA\n", "no end"},
		{BLOCK("ARGO TUNNEL TOKEN", "!"), "not base64 of JSON"},
		{BLOCK("ARGO TUNNEL TOKEN", "W10="), "not a JSON object"},
		{BLOCK("ARGO TUNNEL TOKEN", "e30="), "zoneID and apiToken"},
		{OLD, "needs to be refreshed"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cert c;
		struct err err = {{0}};
		int rc = cert_parse(span_str(rows[i].text), &c, &err);
		CHECK_FOR((rc == 0) == (rows[i].message == NULL), "row %zu: %s", i, err.text);
		CHECK_FOR(rc == 0 || strstr(err.text, rows[i].message) != NULL, "row %zu: %s", i, err.text);
		CHECK_FOR(rc == 0 || (c.account == NULL && c.token.data == NULL), "row %zu", i);
		cert_free(&c);
	}
}

/* --- A server with a script --- */

#define REPLIES 8

/* Each connection is one request, kept, and the next reply as it is; an empty one closes without a word. */
struct server {
	int fd;
	pthread_t thread;
	char url[64];
	char *replies[REPLIES];
	char *requests[REPLIES];
	size_t count, served;
};

static bool request_is_whole(struct span s)
{
	const char *end = s.len > 0 ? memmem(s.p, s.len, "\r\n\r\n", 4) : NULL;
	const char *length = end != NULL ? memmem(s.p, (size_t)(end - s.p), "Content-Length: ", 16) : NULL;

	return end != NULL &&
	       (size_t)(end + 4 - s.p) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0) <= s.len;
}

static void serve_one(struct server *s, int fd)
{
	struct buf in = {0};
	char piece[4096];
	ssize_t n;

	while (!request_is_whole(buf_span(&in)) && (n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(&in, piece, (size_t)n);
	s->requests[s->served] = mem_spandup(buf_span(&in));
	const char *reply = s->replies[s->served++];
	for (size_t left = strlen(reply); left > 0 && (n = write(fd, reply, left)) > 0;) {
		reply += n;
		left -= (size_t)n;
	}
	buf_free(&in);
}

static void *serve(void *arg)
{
	struct server *s = arg;

	while (s->served < s->count) {
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			break;
		serve_one(s, fd);
		close(fd);
	}
	return NULL;
}

static char *reply_of(int status, const char *more, const char *body)
{
	return mem_printf("HTTP/1.1 %d X\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n%sContent-Length: %zu\r\n"
			  "Connection: close\r\n\r\n%s",
		status, more, strlen(body), body);
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(s->fd, (struct sockaddr *)&at, len) == 0 && listen(s->fd, 8) == 0);
	CHECK(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/client/v4/", ntohs(at.sin_port));
	CHECK(pthread_create(&s->thread, NULL, serve, s) == 0);
}

/* What was asked is checked to be all that was scripted. */
static void server_stop(struct server *s)
{
	CHECK(s->served == s->count);
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (size_t i = 0; i < s->count; i++) {
		free(s->replies[i]);
		free(s->requests[i]);
	}
}

struct pauses {
	int64_t ms[REPLIES];
	size_t count;
};

static bool count_pause(void *arg, int64_t ms)
{
	struct pauses *p = arg;

	if (p->count == REPLIES)
		return false;
	p->ms[p->count++] = ms;
	return true;
}

static struct secret api_token_text;

static struct api *client(const struct server *s, struct pauses *pauses)
{
	static const char token[] = "api-token-EXAMPLE";
	struct err err = {{0}};

	secret_set(&api_token_text, token, sizeof(token) - 1);
	struct api_conf conf = {.url = s->url,
		.account = ACCOUNT,
		.zone = ZONE,
		.token = &api_token_text,
		.pause = count_pause,
		.pause_arg = pauses};
	struct api *a = api_new(&conf, &err);
	CHECK_FOR(a != NULL, "%s", err.text);
	return a;
}

static void client_free(struct api *a)
{
	api_free(a);
	secret_free(&api_token_text);
}

/* --- Calls --- */

static void a_call_is_what_cloudflared_sends(void)
{
	char *body = answer("create-ok.json");
	struct server s = {.count = 1, .replies = {reply_of(200, "", body)}};
	struct pauses pauses = {0};
	struct secret secret = {0};
	struct api_tunnel t;
	struct err err = {{0}};
	unsigned char bytes[32];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	secret_set(&secret, bytes, sizeof(bytes));
	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK_FOR(api_create(a, "de\"mo", &secret, NULL, &t, &err) == API_OK, "%s", err.text);
	CHECK(t.name != NULL && strcmp(t.name, "demo") == 0 && t.token.len > 100);
	CHECK(api_server_time(a) == INT64_C(1767323045000000));
	const char *r = s.requests[0];
	CHECK(strncmp(r, "POST /client/v4/accounts/" ACCOUNT "/cfd_tunnel HTTP/1.1\r\n", 60) == 0);
	CHECK(strstr(r, "\r\nAuthorization: Bearer api-token-EXAMPLE\r\n") != NULL);
	CHECK(strstr(r, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(r, "\r\n\r\n{\"name\":\"de\\\"mo\",\"tunnel_secret\":"
			"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}") != NULL);
	api_tunnel_free(&t);
	client_free(a);
	server_stop(&s);
	secret_free(&secret);
	free(body);
}

static char *page_of(json_t *root, size_t i)
{
	json_t *run = json_object_get(json_object_get(root, "runs"), "2025.5.0");
	json_t *exchange = json_array_get(json_object_get(run, "exchanges"), i);
	char *text = json_dumps(json_object_get(json_object_get(exchange, "response"), "body"), JSON_COMPACT);
	char *reply = reply_of(200, "", text);

	free(text);
	return reply;
}

static void a_list_has_all_pages(void)
{
	json_t *root = vector("list-pages.json");
	struct server s = {.count = 3, .replies = {page_of(root, 0), page_of(root, 1), page_of(root, 2)}};
	struct pauses pauses = {0};
	struct api_tunnel *list;
	struct err err = {{0}};
	size_t count;

	server_start(&s);
	struct api *a = client(&s, &pauses);
	struct api_filter filter = {.name_prefix = "t & ü", .exclude_prefix = "x"};
	CHECK_FOR(api_list(a, &filter, &list, &count, &err) == API_OK, "%s", err.text);
	CHECK(count == 5);
	for (size_t i = 0; i < count; i++)
		CHECK(list[i].name[1] == (char)('0' + i));
	CHECK(strstr(s.requests[1],
		      "/cfd_tunnel?exclude_prefix=x&is_deleted=false&name_prefix=t+%26+%C3%BC&page=2"
		      "&per_page=1000 HTTP/1.1") != NULL);
	api_tunnels_free(list, count);
	client_free(a);
	server_stop(&s);
	json_decref(root);
}

static void a_tunnel_on_two_pages_is_listed_once(void)
{
	json_t *root = vector("list-pages.json");
	struct server s = {.count = 3, .replies = {page_of(root, 0), page_of(root, 0), page_of(root, 2)}};
	struct pauses pauses = {0};
	struct api_tunnel *list;
	struct err err = {{0}};
	size_t count;

	/* The second page repeats the first, as if two tunnels had been made. Its own number does not matter. */
	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK_FOR(api_list(a, NULL, &list, &count, &err) == API_OK, "%s", err.text);
	CHECK(count == 3);
	api_tunnels_free(list, count);
	client_free(a);
	server_stop(&s);
	json_decref(root);
}

static void reads_are_tried_again(void)
{
	char *body = answer("get-ok.json");
	struct server s = {.count = 5,
		.replies = {mem_strdup(""), reply_of(500, "", "oops"),
			reply_of(429, "Retry-After: 7\r\n", "{}"), reply_of(200, "", "<html>"),
			reply_of(200, "", body)}};
	struct pauses pauses = {0};
	struct uuid id = uuid_of(TUNNEL);
	struct api_tunnel t;
	struct err err = {{0}};

	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK_FOR(api_get(a, &id, &t, &err) == API_OK, "%s", err.text);
	CHECK(pauses.count == 4 && pauses.ms[0] == 1000 && pauses.ms[1] == 2000 && pauses.ms[2] == 7000 &&
		pauses.ms[3] == 8000);
	api_tunnel_free(&t);
	client_free(a);
	server_stop(&s);
	free(body);
}

static void writes_are_sent_once(void)
{
	static const struct {
		const char *reply;
		enum api_result result;
	} rows[] = {
		{"", API_UNKNOWN},
		{"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", API_UNKNOWN},
		{"HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n", API_REFUSED},
		{"HTTP/1.1 201 X\r\nContent-Length: 0\r\n\r\n", API_UNKNOWN},
		{"HTTP/1.1 307 X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", API_UNKNOWN},
		{"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}", API_UNKNOWN},
		{"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{", API_UNKNOWN},
		{"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\n{}", API_REFUSED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server s = {.count = 1, .replies = {mem_strdup(rows[i].reply)}};
		struct pauses pauses = {0};
		struct uuid id = uuid_of(TUNNEL);
		struct api_edit edit = {.name = "new", .previous_expires_at = API_TIME_NONE};
		struct api_tunnel t;
		struct err err = {{0}};

		server_start(&s);
		struct api *a = client(&s, &pauses);
		enum api_result result = api_edit(a, &id, &edit, &t, &err);
		CHECK_FOR(result == rows[i].result, "row %zu: %d %s", i, (int)result, err.text);
		CHECK_FOR(pauses.count == 0 && err.text[0] != '\0', "row %zu", i);
		client_free(a);
		server_stop(&s);
	}
}

static void nothing_is_sent_where_nobody_listens(void)
{
	struct server s = {.url = "http://127.0.0.1:1/client/v4"};
	struct pauses pauses = {0};
	struct uuid id = uuid_of(TUNNEL);
	struct err err = {{0}};
	struct api *a = client(&s, &pauses);
	struct secret token;

	CHECK(api_delete(a, &id, true, &err) == API_UNSENT);
	CHECK(pauses.count == 0 && api_failure(a)->status == 0);
	CHECK(api_token(a, &id, &token, &err) == API_UNSENT);
	CHECK(pauses.count == API_TRIES - 1);
	client_free(a);
}

static void an_errors_code_and_reason_are_told(void)
{
	char *body = answer("edit-name-conflict.json");
	struct server s = {.count = 2,
		.replies = {reply_of(409, "", body),
			reply_of(400, "",
				"{\"success\":false,\"errors\":[{\"code\":1002,\"message\":"
				"\"got AAECAwQFBgcI\"}],\"result\":null}")}};
	struct pauses pauses = {0};
	struct uuid id = uuid_of(TUNNEL);
	struct secret secret = {0};
	struct api_edit edit = {.name = "taken", .previous_expires_at = INT64_C(1767324000000000)};
	struct api_tunnel t;
	struct err err = {{0}};

	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK(api_edit(a, &id, &edit, &t, &err) == API_REFUSED);
	CHECK(api_failure(a)->status == 409 && api_failure(a)->code == 1013);
	CHECK_FOR(
		strstr(err.text, "cannot edit tunnel: code: 1013, reason: You already have a tunnel") != NULL,
		"%s", err.text);
	CHECK(strstr(s.requests[0], "{\"name\":\"taken\",\"previous_tunnel_secret_expires_at\":"
				    "\"2026-01-02T03:20:00Z\"}") != NULL);

	/* One that quotes the secret is not passed on. */
	secret_set(&secret, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
	edit.secret = &secret;
	CHECK(api_edit(a, &id, &edit, &t, &err) == API_REFUSED);
	CHECK_FOR(strstr(err.text, "AAEC") == NULL && strstr(err.text, "1002") != NULL, "%s", err.text);
	CHECK(api_failure(a)->message[0] == '\0');
	client_free(a);
	server_stop(&s);
	secret_free(&secret);
	free(body);
}

static void a_name_is_found(void)
{
	char *none = reply_of(200, "", "{\"success\":true,\"errors\":[],\"result\":[]}");
	char *one = reply_of(
		200, "", "{\"success\":true,\"result\":[{\"id\":\"" TUNNEL "\",\"name\":\"demo\"}]}");
	char *gone = reply_of(200, "",
		"{\"success\":true,\"result\":{\"id\":\"" TUNNEL
		"\",\"deleted_at\":\"2026-01-02T03:04:05Z\"}}");
	struct server s = {.count = 3, .replies = {none, one, gone}};
	struct pauses pauses = {0};
	struct api_tunnel t;
	struct err err = {{0}};

	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK(api_find(a, "demo", &t, &err) == API_REFUSED && api_failure(a)->status == 404);
	CHECK(strstr(s.requests[0], "?is_deleted=false&name=demo&page=1") != NULL);
	CHECK(api_find(a, "demo", &t, &err) == API_OK && strcmp(t.name, "demo") == 0);
	api_tunnel_free(&t);
	CHECK(api_find(a, TUNNEL, &t, &err) == API_REFUSED && api_failure(a)->status == 404);
	CHECK(strncmp(s.requests[2], "GET " TUNNEL_PATH " ", 20) == 0 && t.name == NULL);
	client_free(a);
	server_stop(&s);
}

static void routes_and_configurations(void)
{
	char *dns = answer("route-dns-new.json"), *lb = answer("route-lb-new-new.json"),
	     *put = answer("config-put.json"), *token = answer("token-ok.json");
	struct server s = {.count = 6,
		.replies = {reply_of(200, "", dns), reply_of(200, "", lb), reply_of(200, "", put),
			reply_of(200, "", token), reply_of(200, "", ""),
			reply_of(200, "", "{\"success\":true,\"result\":{}}")}};
	struct pauses pauses = {0};
	struct uuid id = uuid_of(TUNNEL);
	struct buf text = {0};
	struct secret secret;
	struct err err = {{0}};
	char *first, *second;

	server_start(&s);
	struct api *a = client(&s, &pauses);
	CHECK(api_route_dns(a, &id, "app.example.com", true, &first, &second, &err) == API_OK);
	CHECK(strcmp(first, "new") == 0 && strcmp(second, "app.example.com") == 0);
	free(first);
	free(second);
	CHECK(strstr(s.requests[0], "{\"type\":\"dns\",\"user_hostname\":\"app.example.com\","
				    "\"overwrite_existing\":true}") != NULL);
	CHECK(strncmp(s.requests[0], "PUT /client/v4/zones/" ZONE "/tunnels/" TUNNEL "/routes ", 60) == 0);
	CHECK(api_route_lb(a, &id, "lb.example.com", "pool1", &first, &second, &err) == API_OK);
	CHECK(strcmp(first, "new") == 0 && strcmp(second, "new") == 0);
	free(first);
	free(second);
	CHECK(api_config_put(a, &id, SPAN("{\"ingress\":[]}"), &text, &err) == API_OK);
	CHECK(strstr(s.requests[2], "\r\n\r\n{\"config\":{\"ingress\":[]}}") != NULL);
	buf_add_char(&text, '\0');
	CHECK(strstr(buf_span(&text).p, "\"version\":1") != NULL);
	CHECK(api_token(a, &id, &secret, &err) == API_OK && secret.len > 100);
	secret_free(&secret);
	CHECK_FOR(api_cleanup(a, &id, &id, &err) == API_OK, "%s", err.text);
	CHECK(strncmp(s.requests[4], "DELETE " TUNNEL_PATH "/connections?client_id=" TUNNEL " ", 40) == 0);
	CHECK(api_route_lb(a, &id, "lb", "p", &first, &second, &err) == API_UNKNOWN && first == NULL);
	client_free(a);
	server_stop(&s);
	buf_free(&text);
	free(dns);
	free(lb);
	free(put);
	free(token);
}

/* --- Settings --- */

static void unusable_settings_are_refused(void)
{
	static const struct {
		const char *url, *account, *token;
		bool plain, good;
	} rows[] = {
		{"https://edge.example/client/v4", ACCOUNT, "t", false, true},
		{"http://127.8.0.1:80/client/v4", ACCOUNT, "t", false, true},
		{"http://[::1]/client/v4", ACCOUNT, "t", false, true},
		{"http://localhost/client/v4", ACCOUNT, "t", false, true},
		{"http://edge.example/client/v4", ACCOUNT, "t", false, false},
		{"http://edge.example/client/v4", ACCOUNT, "t", true, true},
		{"http://127.0.0.1.example/", ACCOUNT, "t", false, false},
		{"http://[::2]/", ACCOUNT, "t", false, false},
		{"ftp://127.0.0.1/", ACCOUNT, "t", false, false},
		{"https://u:p@edge.example/", ACCOUNT, "t", false, false},
		{"https://edge.example/?q", ACCOUNT, "t", false, false},
		{"edge.example", ACCOUNT, "t", false, false},
		{"", ACCOUNT, "t", false, false},
		{"https://edge.example/", "a/../b", "t", false, false},
		{"https://edge.example/", "", "t", false, false},
		{"https://edge.example/", ACCOUNT, "", false, false},
		{"https://edge.example/", ACCOUNT, "a\r\nX: y", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secret token = {0};
		struct err err = {{0}};
		secret_set(&token, rows[i].token, strlen(rows[i].token));
		struct api_conf conf = {.url = rows[i].url,
			.account = rows[i].account,
			.token = &token,
			.allow_plain = rows[i].plain};
		struct api *a = api_new(&conf, &err);
		CHECK_FOR((a != NULL) == rows[i].good, "row %zu: %s", i, err.text);
		api_free(a);
		secret_free(&token);
	}
}

TEST_MAIN(TEST(every_vector_is_decoded), TEST(connectors_are_taken_apart), TEST(broken_envelopes_are_refused),
	TEST(an_error_makes_a_failure_whatever_success_says), TEST(fields_of_the_wrong_type_are_refused),
	TEST(a_certificate_is_read), TEST(other_blocks_are_passed_over_or_refused),
	TEST(a_call_is_what_cloudflared_sends), TEST(a_list_has_all_pages),
	TEST(a_tunnel_on_two_pages_is_listed_once), TEST(reads_are_tried_again), TEST(writes_are_sent_once),
	TEST(nothing_is_sent_where_nobody_listens), TEST(an_errors_code_and_reason_are_told),
	TEST(a_name_is_found), TEST(routes_and_configurations), TEST(unusable_settings_are_refused))
