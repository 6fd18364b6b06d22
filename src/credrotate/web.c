/* libcurl, one request at a time. */
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/mem.h"
#include "credrotate/web.h"

#define BODY_MAX ((size_t)1 << 20)

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct buf *body = arg;

	if (body != NULL && buf_add(body, data, size * n) < 0)
		return 0;
	return size * n;
}

int web_get(const char *url, const char *ca, struct buf *body, struct err *err)
{
	CURL *c = curl_easy_init();
	char why[CURL_ERROR_SIZE] = "";
	long status = -1;

	if (c == NULL)
		return err_set(err, "%s: libcurl cannot be set up", url);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)WEB_TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	if (ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, ca);
	CURLcode rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	else
		err_set(err, "%s: %s", url, why[0] != '\0' ? why : curl_easy_strerror(rc));
	curl_easy_cleanup(c);
	return (int)status;
}

int web_connector(const char *address, struct uuid *id, bool *ready, struct err *err)
{
	struct buf body = {.max = BODY_MAX};
	char *url = mem_printf("http://%s/ready", address);
	int status = web_get(url, NULL, &body, err), rc = -1;
	json_t *told = status > 0 ? json_loadb(buf_span(&body).p, buf_len(&body), 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(told, "connectorId"));

	if (status > 0 && text != NULL && uuid_parse(span_str(text), id)) {
		*ready = status == 200;
		rc = 0;
	} else if (status > 0) {
		err_set(err, "%s: answers without a connectorId; is a connector listening there?", url);
	}
	json_decref(told);
	buf_free(&body);
	free(url);
	return rc;
}

long web_streams(const char *address)
{
	struct buf body = {.max = BODY_MAX};
	char *url = mem_printf("http://%s/metrics", address);
	struct err unused;
	long count = -1;

	if (web_get(url, NULL, &body, &unused) == 200) {
		struct span rest = buf_span(&body), value;
		count = 0;
		while (rest.len > 0) {
			struct span name = span_cut(span_cut(rest, '\n', &rest), ' ', &value);
			uint64_t n = 0;
			if (span_eq(name, SPAN("cloudflared_tunnel_concurrent_requests_per_tunnel")) &&
				span_to_u64(span_trim(value), INT32_MAX, &n))
				count += (long)n;
		}
	}
	buf_free(&body);
	free(url);
	return count;
}

/* --- The probe --- */

struct prober {
	pthread_t thread;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t wake;
	bool stop;
	char *url;
	const char *ca;
	struct prober_count count;
};

static void ask(struct prober *p)
{
	struct err err = {""};
	int status = web_get(p->url, p->ca, NULL, &err);
	bool failed = status < 0 || status >= 500;

	if (failed && status >= 0)
		err_set(&err, "%s: status %d", p->url, status);
	pthread_mutex_lock(&p->mutex);
	p->count.asked++;
	if (failed && p->count.failed++ == 0)
		snprintf(p->count.first, sizeof(p->count.first), "%.255s", err.text);
	pthread_mutex_unlock(&p->mutex);
}

static void *probe(void *arg)
{
	struct prober *p = arg;
	struct timespec until;
	bool stop = false;

	clock_gettime(CLOCK_MONOTONIC, &until);
	while (!stop) {
		ask(p);
		until.tv_sec++;
		pthread_mutex_lock(&p->mutex);
		while (!p->stop && pthread_cond_timedwait(&p->wake, &p->mutex, &until) == 0)
			;
		stop = p->stop;
		pthread_mutex_unlock(&p->mutex);
	}
	return NULL;
}

struct prober *prober_start(const char *url, const char *ca)
{
	struct prober *p = mem_alloc(sizeof(*p));
	pthread_condattr_t how;

	p->url = mem_strdup(url);
	p->ca = ca;
	pthread_condattr_init(&how);
	pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &how);
	pthread_condattr_destroy(&how);
	pthread_mutex_init(&p->mutex, NULL);
	if (pthread_create(&p->thread, NULL, probe, p) != 0)
		abort();
	return p;
}

struct prober_count prober_look(struct prober *p)
{
	struct prober_count count = {0};

	if (p == NULL)
		return count;
	pthread_mutex_lock(&p->mutex);
	count = p->count;
	pthread_mutex_unlock(&p->mutex);
	return count;
}

void prober_stop(struct prober *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->wake);
	free(p->url);
	free(p);
}
