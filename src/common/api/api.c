/* Sending a call and judging the answer. TLS is always verified, redirects are not followed, proxies not used. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "common/api/api_private.h"
#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/version.h"

#define SECOND_US INT64_C(1000000)
#define ANSWER_FIRST ((size_t)16 << 10) /* bytes reserved for an answer at first */
#define QUOTED 8                        /* characters of a secret that give it away in a message */

/* --- Settings --- */

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	size_t len = strlen(host);
	char bare[64];

	if (strcmp(host, "localhost") == 0)
		return true;
	if (len > 2 && len < sizeof(bare) && host[0] == '[') {
		struct in6_addr v6;
		snprintf(bare, sizeof(bare), "%.*s", (int)len - 2, host + 1);
		return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	}
	return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* A part of the URL; NULL when it has none. To be freed by curl_free. */
static char *part(CURLU *u, CURLUPart which)
{
	char *text = NULL;

	return curl_url_get(u, which, &text, 0) == CURLUE_OK ? text : NULL;
}

static int check_parts(CURLU *u, const struct api_conf *conf, struct err *err)
{
	char *scheme = part(u, CURLUPART_SCHEME), *host = part(u, CURLUPART_HOST);
	char *user = part(u, CURLUPART_USER), *query = part(u, CURLUPART_QUERY),
	     *fragment = part(u, CURLUPART_FRAGMENT);
	int rc = 0;

	if (scheme == NULL || host == NULL || user != NULL || query != NULL || fragment != NULL)
		rc = err_set(err, "API URL %s: a plain https://HOST/client/v4 is expected", conf->url);
	else if (strcmp(scheme, "http") == 0 && !conf->allow_plain && !is_loopback(host))
		rc = err_set(err, "API URL %s: http:// would show the API token to the network; use https://",
			conf->url);
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		rc = err_set(err, "API URL %s: only https:// is possible", conf->url);
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(query);
	curl_free(fragment);
	return rc;
}

static int check_url(const struct api_conf *conf, struct err *err)
{
	CURLU *u = curl_url();
	int rc = -1;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, conf->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		rc = check_parts(u, conf, err);
	else
		err_set(err, "API URL %s: not a URL", conf->url);
	curl_url_cleanup(u);
	return rc;
}

/* Account and zone go into paths as they are. */
static int check_tag(const char *what, const char *tag, struct err *err)
{
	for (const char *c = tag; *c != '\0'; c++)
		if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    *c == '-' || *c == '_'))
			return err_set(err, "%s id: letters and digits are expected", what);
	return *tag != '\0' ? 0 : err_set(err, "%s id: it is empty", what);
}

static int check_token(const struct secret *token, struct err *err)
{
	for (size_t i = 0; i < token->len; i++)
		if (token->data[i] <= 0x20 || token->data[i] > 0x7e)
			return err_set(err, "API token: it holds a character that no token has");
	return token->len > 0 && token->len <= API_TEXT_MAX
		       ? 0
		       : err_set(err, "API token: it is empty or too long");
}

static int check_conf(const struct api_conf *conf, struct err *err)
{
	return check_url(conf, err) < 0 || check_tag("account", conf->account, err) < 0 ||
			       (conf->zone != NULL && check_tag("zone", conf->zone, err) < 0) ||
			       check_token(conf->token, err) < 0
		       ? -1
		       : 0;
}

static struct curl_slist *headers_of(const struct api_conf *conf)
{
	struct buf line = {.max = API_TEXT_MAX + 64};
	struct curl_slist *list;

	buf_reserve(&line, line.max);
	buf_add_str(&line, "Authorization: Bearer ");
	buf_add(&line, conf->token->data, conf->token->len);
	buf_add_char(&line, '\0');
	list = curl_slist_append(NULL, buf_span(&line).p);
	buf_wipe(&line);
	list = curl_slist_append(list, "Accept: application/json");
	list = curl_slist_append(list, "Expect:"); /* a large body is not announced */
	return curl_slist_append(list, "Content-Type: application/json");
}

struct api *api_new(const struct api_conf *conf, struct err *err)
{
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, secret_block_free, secret_block_grow, strdup,
		    calloc) != CURLE_OK) {
		err_set(err, "libcurl cannot be set up");
		return NULL;
	}
	if (check_conf(conf, err) < 0) {
		curl_global_cleanup();
		return NULL;
	}
	struct api *a = mem_alloc(sizeof(*a));
	size_t len = strlen(conf->url);
	a->conf = *conf;
	a->base = mem_spandup(span_of(conf->url, conf->url[len - 1] == '/' ? len - 1 : len));
	a->curl = curl_easy_init();
	a->headers = headers_of(conf);
	a->server_time = API_TIME_NONE;
	if (a->curl == NULL) {
		err_set(err, "libcurl cannot be set up");
		api_free(a);
		return NULL;
	}
	return a;
}

void api_free(struct api *a)
{
	if (a == NULL)
		return;
	curl_easy_cleanup(a->curl);
	curl_slist_free_all(a->headers);
	curl_global_cleanup();
	free(a->base);
	free(a);
}

const struct api_failure *api_failure(const struct api *a)
{
	return &a->failure;
}

int64_t api_server_time(const struct api *a)
{
	return a->server_time;
}

/* --- One exchange --- */

/* Growing leaves nothing behind: answers may hold tokens. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *answer = arg;
	size_t len = size * count, held = buf_len(answer);

	if (len > API_ANSWER_MAX - held)
		return 0;
	if (held + len > answer->cap) {
		struct buf more = {.max = API_ANSWER_MAX};
		size_t want = 2 * (held + len);
		buf_reserve(&more, want < API_ANSWER_MAX ? want : API_ANSWER_MAX);
		buf_add_span(&more, buf_span(answer));
		buf_wipe(answer);
		*answer = more;
	}
	return buf_add(answer, bytes, len) == 0 ? len : 0;
}

static void set_options(struct api *a, const struct api_request *r, const char *url, struct buf *answer)
{
	CURL *c = a->curl;
	bool reads = strcmp(r->method, "GET") == 0;

	curl_easy_reset(c); /* keeps its connections */
	a->error[0] = '\0';
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, a->error);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, a->headers);
	curl_easy_setopt(
		c, CURLOPT_USERAGENT, a->conf.user_agent != NULL ? a->conf.user_agent : "outbore/" VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https"); /* api_new has looked at the URL */
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)API_CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)API_TOTAL_MS);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (a->conf.ca_file != NULL) { /* in place of the roots, not beside them */
		curl_easy_setopt(c, CURLOPT_CAINFO, a->conf.ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->has_body) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)buf_len(&r->body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, buf_span(&r->body).p);
	}
	/* On a connection that turns out to be dead libcurl sends a request again, which only a read may be. */
	if (!reads)
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
}

static const char *header_of(struct api *a, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(a->curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

static void take_headers(struct api *a)
{
	const char *date = header_of(a, "Date"), *again = header_of(a, "Retry-After");
	uint64_t seconds;

	if (date != NULL) {
		time_t t = curl_getdate(date, NULL);
		a->server_time = t >= 0 ? (int64_t)t * SECOND_US : API_TIME_NONE;
	}
	if (again != NULL && span_to_u64(span_str(again), INT32_MAX, &seconds))
		a->failure.retry_after_s = (int)seconds;
}

/* --- What came of it --- */

/* How an attempt ended. */
struct outcome {
	enum api_result result;
	bool again; /* another try may end better */
};

static struct outcome not_answered(struct api *a, const struct api_request *r, CURLcode code, struct err *err)
{
	bool hopeless = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
			code == CURLE_WRITE_ERROR || code == CURLE_OUT_OF_MEMORY;
	long sent = 0;

	curl_easy_getinfo(a->curl, CURLINFO_REQUEST_SIZE, &sent);
	a->failure.status = 0;
	if (code == CURLE_WRITE_ERROR)
		err_set(err, "cannot %s: the answer is larger than %zu bytes", r->what, API_ANSWER_MAX);
	else
		err_set(err, "cannot %s: %s: %s", r->what, a->conf.url,
			a->error[0] != '\0' ? a->error : curl_easy_strerror(code));
	return (struct outcome){sent > 0 ? API_UNKNOWN : API_UNSENT, !hopeless};
}

/* Does the message show the secret that was sent? */
static bool quotes_secret(const struct api_request *r, const char *message)
{
	struct buf text = {.max = 2 * API_BODY_MAX};
	bool found = false;

	if (r->sent == NULL || r->sent->len == 0)
		return false;
	buf_reserve(&text, text.max);
	if (base64_encode(span_of((const char *)r->sent->data, r->sent->len), BASE64_PADDED, &text) == 0) {
		size_t len = buf_len(&text) < QUOTED ? buf_len(&text) : QUOTED;
		found = memmem(message, strlen(message), buf_span(&text).p, len) != NULL;
	}
	buf_wipe(&text);
	return found;
}

static void take_message(struct api *a, const struct api_request *r, const struct api_envelope *e)
{
	struct buf text = {.max = 4 * API_ANSWER_MAX + 1};

	a->failure.code = e->code;
	if (r->is_mute || quotes_secret(r, e->message))
		return;
	out_escape(span_str(e->message), &text);
	buf_add_char(&text, '\0');
	snprintf(a->failure.message, sizeof(a->failure.message), "%s", buf_span(&text).p);
	buf_free(&text);
}

static const char *status_text(int status)
{
	switch (status) {
	case 400: return "incorrect request parameters";
	case 401: return "the API token is not accepted";
	case 403: return "the API token does not permit it";
	case 404: return "not found";
	case 429: return "too many requests";
	default: return status >= 500 ? "the API failed" : "an answer that the API does not give";
	}
}

/* The words are those of cloudflared, so that what looks for them finds them. */
static void say_failure(const struct api *a, const struct api_request *r, struct err *err)
{
	const struct api_failure *f = &a->failure;

	if (f->code != 0 && f->message[0] != '\0')
		err_set(err, "cannot %s: code: %d, reason: %s", r->what, f->code, f->message);
	else
		err_set(err, "cannot %s: %s (HTTP status %d, code %d)", r->what, status_text(f->status),
			f->status, f->code);
}

static struct outcome refused(
	struct api *a, const struct api_request *r, const struct api_envelope *e, struct err *err)
{
	int status = a->failure.status;
	bool certain = status == 200 || (status >= 400 && status < 500 && status != 408);

	take_message(a, r, e);
	say_failure(a, r, err);
	return (struct outcome){
		certain ? API_REFUSED : API_UNKNOWN, status >= 500 || status == 429 || status == 408};
}

enum api_result api_bad_answer(struct api *a, const struct api_request *r, struct err *err)
{
	a->failure.message[0] = '\0';
	err_wrap(err, "cannot %s: %s answered what the API does not have", r->what, a->conf.url);
	return API_UNKNOWN;
}

static struct outcome answered(struct api *a, const struct api_request *r, struct buf *answer,
	struct api_envelope *out, struct err *err)
{
	bool good = api_json_parse(buf_span(answer), out, err) == 0;

	if (a->failure.status == 200 && !good && r->may_be_empty && buf_len(answer) == 0)
		return (struct outcome){API_OK, false};
	if (a->failure.status == 200 && !good)
		return (struct outcome){api_bad_answer(a, r, err), true};
	if (a->failure.status == 200 && out->is_success)
		return (struct outcome){API_OK, false};
	struct outcome outcome = refused(a, r, out, err);
	api_envelope_free(out);
	return outcome;
}

static struct outcome attempt(
	struct api *a, const struct api_request *r, struct api_envelope *out, struct err *err)
{
	char *url = mem_printf("%s%s", a->base, buf_span(&r->path).p);
	struct buf answer = {.max = API_ANSWER_MAX};
	struct outcome outcome;
	long status = 0;

	*out = (struct api_envelope){.message = ""};
	a->failure = (struct api_failure){0};
	buf_reserve(&answer, ANSWER_FIRST);
	set_options(a, r, url, &answer);
	CURLcode code = curl_easy_perform(a->curl);
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	a->failure.status = (int)status;
	take_headers(a);
	if (code != CURLE_OK)
		outcome = not_answered(a, r, code, err);
	else
		outcome = answered(a, r, &answer, out, err);
	buf_wipe(&answer);
	free(url);
	return outcome;
}

/* --- Tries --- */

static bool wait_ms(const struct api *a, int64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	return a->conf.pause != NULL ? a->conf.pause(a->conf.pause_arg, ms) : nanosleep(&t, NULL) == 0;
}

enum api_result api_call(struct api *a, struct api_request *r, struct api_envelope *out, struct err *err)
{
	int tries = a->conf.tries > 0 ? a->conf.tries : API_TRIES;
	struct outcome outcome;

	buf_add_char(&r->path, '\0');
	for (int i = 0;; i++) {
		outcome = attempt(a, r, out, err);
		int after = a->failure.retry_after_s;
		if (!outcome.again || strcmp(r->method, "GET") != 0 || i + 1 >= tries ||
			after > API_RETRY_MAX_S)
			return outcome.result;
		if (!wait_ms(a, after > 0 ? (int64_t)after * 1000 : INT64_C(1000) << i))
			return outcome.result;
	}
}
