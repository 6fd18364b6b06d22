/* libcurl against the API server. TLS is always verified. */
#include <curl/curl.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/secret.h"
#include "credrotate/kube.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define KUBE_CONNECT_MS 5000L
#define KUBE_TOTAL_MS 30000L
#define KUBE_TRIES 6 /* after 1, 2, 4, 8, 16 seconds again */
#define KUBE_WAIT_MAX_S 30
#define TOKEN_MAX ((size_t)16384)

struct kube {
	struct kube_conf conf;
	char *server, *ca, *token_file; /* owned; ca and token_file may be NULL */
};

struct kube *kube_new(const struct kube_conf *conf, struct err *err)
{
	const char *dir = conf->account_dir != NULL ? conf->account_dir : ACCOUNT_DIR;
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	bool in_pod = conf->server == NULL;

	if (in_pod && (host == NULL || port == NULL)) {
		err_set(err, "not in a pod, so the API server has to be named: --kube-server");
		return NULL;
	}
	if (!in_pod && strncmp(conf->server, "https://", 8) != 0) {
		err_set(err, "--kube-server %s: has to begin with https://, since secrets pass over it",
			conf->server);
		return NULL;
	}
	struct kube *k = mem_alloc(sizeof(*k));
	k->conf = *conf;
	k->server = !in_pod                     ? mem_strdup(conf->server)
		    : strchr(host, ':') != NULL ? mem_printf("https://[%s]:%s", host, port)
						: mem_printf("https://%s:%s", host, port);
	size_t len = strlen(k->server);
	if (len > 0 && k->server[len - 1] == '/')
		k->server[len - 1] = '\0';
	k->ca = conf->ca != NULL ? mem_strdup(conf->ca) : in_pod ? mem_printf("%s/ca.crt", dir) : NULL;
	k->token_file = conf->token_file != NULL ? mem_strdup(conf->token_file)
			: in_pod                 ? mem_printf("%s/token", dir)
						 : NULL;
	return k;
}

void kube_free(struct kube *k)
{
	if (k == NULL)
		return;
	free(k->server);
	free(k->ca);
	free(k->token_file);
	free(k);
}

/* --- One request --- */

struct answer {
	int status; /* 0: none came */
	int retry_after_s;
	bool is_final; /* asking again helps nothing */
	struct buf body;
	char why[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;

	return buf_add(&a->body, data, size * n) < 0 ? 0 : size * n;
}

/* Bound tokens change hourly: read again each time. */
static int add_token(const struct kube *k, struct curl_slist **headers, struct err *err)
{
	struct buf token = {.max = TOKEN_MAX}, line = {.max = TOKEN_MAX + 64};
	int rc = 0;

	if (k->token_file == NULL)
		return 0;
	buf_reserve(&token, TOKEN_MAX);
	buf_reserve(&line, TOKEN_MAX + 64);
	if (fsx_read(k->token_file, &token, err) < 0) {
		rc = -1;
	} else {
		struct span rest, text = span_trim(span_cut(buf_span(&token), '\n', &rest));
		buf_addf(&line, "Authorization: Bearer %.*s", (int)text.len, text.p);
		buf_add_char(&line, '\0');
		*headers = curl_slist_append(*headers, buf_span(&line).p);
	}
	buf_wipe(&token);
	buf_wipe(&line);
	return rc;
}

static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static void set_options(const struct kube *k, CURL *c, const char *url, struct answer *a)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, KUBE_CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, KUBE_TOTAL_MS);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, a->why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	if (k->ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, k->ca);
	if (k->conf.cert != NULL)
		curl_easy_setopt(c, CURLOPT_SSLCERT, k->conf.cert);
	if (k->conf.key != NULL)
		curl_easy_setopt(c, CURLOPT_SSLKEY, k->conf.key);
}

/* What is wrong with certificates stays wrong. */
static bool is_final(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	       code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT;
}

static int request(const struct kube *k, const char *method, const char *path, const char *type,
	const char *body, struct answer *a, struct err *err)
{
	CURL *c = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	char *url = mem_printf("%s%s", k->server, path);
	int rc = c == NULL ? err_set(err, "libcurl cannot be set up") : add_token(k, &headers, err);

	if (rc == 0) {
		set_options(k, c, url, a);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
		if (body != NULL) {
			char *line = mem_printf("Content-Type: %s", type);
			headers = curl_slist_append(headers, line);
			free(line);
			curl_easy_setopt(c, CURLOPT_POSTFIELDS, body); /* not copied */
		}
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
		CURLcode code = curl_easy_perform(c);
		long status = 0;
		curl_off_t after = 0;
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &after);
		a->status = code == CURLE_OK ? (int)status : 0;
		a->is_final = is_final(code);
		a->retry_after_s = after <= 0 ? 0 : after < KUBE_WAIT_MAX_S ? (int)after : KUBE_WAIT_MAX_S;
		if (code != CURLE_OK && a->why[0] == '\0')
			snprintf(a->why, sizeof(a->why), "%s", curl_easy_strerror(code));
	}
	curl_easy_cleanup(c);
	free_headers(headers);
	free(url);
	return rc;
}

/* --- Asking until there is an answer --- */

/* What a role calls that which a method does to one object. */
static const char *verb_of(const char *method)
{
	static const char *const verbs[][2] = {
		{"GET", "get"}, {"POST", "create"}, {"PATCH", "patch"}, {"DELETE", "delete"}};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(method, verbs[i][0]) == 0)
			return verbs[i][1];
	abort();
}

/* Is it for lack of a right that it is forbidden? An answer that says nothing is taken for that. */
static bool is_role(json_t *status, const char *verb)
{
	const char *message = json_string_value(json_object_get(status, "message"));
	char *words = mem_printf(" cannot %s resource ", verb);
	bool is = message == NULL || strstr(message, words) != NULL;

	free(words);
	return is;
}

/* Admission policies, webhooks and quotas forbid what a role allows. What they say after "denied" is of who wrote them, and may
 * quote what was sent. */
static void explain_admission(
	json_t *status, const char *method, const char *path, bool quiet, struct err *err)
{
	const char *message = json_string_value(json_object_get(status, "message"));
	const char *end = quiet ? strstr(message, " denied") : message + strlen(message);
	int len = end != NULL ? (int)(end - message) : 0;

	err_set(err,
		"Kubernetes: %s %s: forbidden, and not by a role, but by a policy, a webhook or a "
		"quota%s%.*s",
		method, path, len > 0 ? ": " : "", len < 200 ? len : 200, message);
}

/* What a Status object tells: its message, cut. It may quote what was sent, so not for bodies with secrets. */
static void explain(const struct answer *a, const char *method, const char *path, bool quiet, struct err *err)
{
	json_t *status = json_loadb(buf_span(&a->body).p, buf_len(&a->body), 0, NULL);
	const char *message = json_string_value(json_object_get(status, quiet ? "reason" : "message"));

	if (a->status == 401)
		err_set(err,
			"Kubernetes: %s %s: status 401: does not take the token or certificate; see "
			"--kube-token-file",
			method, path);
	else if (a->status == 403 && is_role(status, verb_of(method)))
		err_set(err, "Kubernetes: may not %s %s; the role has to allow the verb %s", verb_of(method),
			path, verb_of(method));
	else if (a->status == 403)
		explain_admission(status, method, path, quiet, err);
	else if (a->status == 0)
		err_set(err, "Kubernetes: %s %s: %s", method, path, a->why);
	else if (message != NULL)
		err_set(err, "Kubernetes: %s %s: status %d: %.200s", method, path, a->status, message);
	else
		err_set(err, "Kubernetes: %s %s: status %d", method, path, a->status);
	json_decref(status);
}

static enum kube_result result_of(int status)
{
	if (status >= 200 && status < 300)
		return KUBE_OK;
	switch (status) {
	case 401:
	case 403: return KUBE_DENIED;
	case 404: return KUBE_MISSING;
	case 409: return KUBE_CONFLICT;
	default: return KUBE_FAILED;
	}
}

enum kube_result kube_ask(struct kube *k, const char *method, const char *path, const char *type,
	const char *body, json_t **out, struct err *err)
{
	struct answer a = {.body = {.max = KUBE_ANSWER_MAX}};
	enum kube_result result = KUBE_FAILED;
	bool refreshed = false;

	*out = NULL;
	for (int tries = 0; tries < KUBE_TRIES; tries++) {
		buf_wipe(&a.body);
		a.body.max = KUBE_ANSWER_MAX;
		buf_reserve(&a.body, 65536);
		if (request(k, method, path, type, body, &a, err) < 0)
			break;
		result = result_of(a.status);
		bool later = (a.status == 0 && !a.is_final) || a.status == 429 || a.status >= 500;
		if (a.status == 401 && !refreshed) { /* the token may have been changed just then */
			refreshed = true;
			continue;
		}
		if (result == KUBE_OK)
			break;
		explain(&a, method, path, body != NULL, err);
		if (!later || tries + 1 == KUBE_TRIES || interrupt_came(k->conf.interrupt))
			break;
		interrupt_sleep(
			k->conf.interrupt, 1000L * (a.retry_after_s > 0 ? a.retry_after_s : 1 << tries));
	}
	if (result == KUBE_OK) {
		*out = json_loadb(buf_span(&a.body).p, buf_len(&a.body), 0, NULL);
		if (!json_is_object(*out)) {
			json_decref(*out);
			*out = NULL;
			result = KUBE_FAILED;
			err_set(err, "Kubernetes: %s %s: the answer is no object", method, path);
		}
	}
	buf_wipe(&a.body);
	return result;
}

bool kube_may(struct kube *k, const char *verb, const char *group, const char *resource, const char *ns,
	const char *name, struct err *err)
{
	json_t *body = json_pack("{s:s, s:s, s:{s:{s:s, s:s, s:s, s:s, s:s}}}", "apiVersion",
		"authorization.k8s.io/v1", "kind", "SelfSubjectAccessReview", "spec", "resourceAttributes",
		"namespace", ns, "verb", verb, "group", group, "resource", resource, "name", name);
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *answer = NULL;
	enum kube_result result =
		kube_ask(k, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			"application/json", text, &answer, err);
	bool may = json_is_true(json_object_get(json_object_get(answer, "status"), "allowed"));

	if (result == KUBE_OK && !may)
		err_set(err, "Kubernetes: may not %s %s %s/%s; the role has to allow it", verb, resource, ns,
			name);
	json_decref(answer);
	json_decref(body);
	free(text);
	return may;
}
