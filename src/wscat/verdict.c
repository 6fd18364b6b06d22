/* The reasoning of the probe. A hop is guilty when it fails and the next one inside does not; its answer then says which
 * causes come into question, and its configuration, if there is one, which of them it is. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wscat/verdict_private.h"
#include "wscat/writer.h"

const char *sure_name(enum sure s)
{
	switch (s) {
	case SURE_NOT: return "none";
	case SURE_POSSIBLE: return "possible";
	case SURE_LIKELY: return "likely";
	case SURE_CERTAIN: return "certain";
	}
	return "";
}

/* --- Building the verdict --- */

void verdict_suggest(struct inquiry *q, const char *id, enum sure sure)
{
	struct verdict *v = q->v;
	const struct cause *cause = catalogue_find(id);

	for (size_t i = 0; i < v->candidate_count; i++)
		if (v->candidates[i] == cause)
			return;
	if (cause == NULL || v->candidate_count == VERDICT_CAUSES_MAX)
		return;
	if (v->candidate_count == 0) {
		v->cause = cause;
		v->cause_sure = sure;
	}
	v->candidates[v->candidate_count++] = cause;
}

void verdict_suggest_all(struct inquiry *q, const char *const *ids, enum sure sure)
{
	for (; *ids != NULL; ids++, sure = SURE_POSSIBLE)
		verdict_suggest(q, *ids, sure);
}

void verdict_say(struct inquiry *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->v->what, sizeof(q->v->what), fmt, ap);
	va_end(ap);
}

bool verdict_failed(const struct reply *r, const char *name)
{
	return r->failure != NULL && strcmp(r->failure, name) == 0;
}

/* --- Whose hop is it? --- */

static enum product find_product(const struct inquiry *q)
{
	const struct hop *h = q->hop;
	enum product p = h->product;

	if (p == PRODUCT_UNKNOWN)
		p = writer_front(q->r);
	if (p == PRODUCT_UNKNOWN && h->replies[ASK_PLAIN].asked)
		p = writer_front(&h->replies[ASK_PLAIN]);
	if (p == PRODUCT_UNKNOWN && q->inner == NULL && q->count > 1)
		p = PRODUCT_APP;
	return p;
}

/* --- What the configuration says --- */

/* How well a suspect of the configuration fits what was measured. */
static enum sure suspect_fits(const struct inquiry *q, const json_t *suspect)
{
	double ms = json_number_value(json_object_get(suspect, "ms"));
	double seen = q->hop->idle_died_ms > 0 ? q->hop->idle_died_ms : q->r->first_ms;

	if (json_is_true(json_object_get(suspect, "weak")))
		return SURE_LIKELY;
	if (ms > 0 && seen > 0)
		return seen > ms * 0.9 - 100 && seen < ms * 1.15 + 300 ? SURE_CERTAIN : SURE_POSSIBLE;
	return SURE_CERTAIN;
}

static const json_t *find_suspect(const struct inquiry *q, const char *id)
{
	size_t i;
	json_t *suspect;

	json_array_foreach(q->hop->suspects, i, suspect)
	{
		const char *its = json_string_value(json_object_get(suspect, "id"));
		if (its != NULL && strcmp(its, id) == 0)
			return suspect;
	}
	return NULL;
}

static void copy_text(char *to, size_t size, const json_t *suspect, const char *name)
{
	const char *text = json_string_value(json_object_get(suspect, name));

	if (text != NULL)
		snprintf(to, size, "%s", text);
}

/* Choose among the candidates by the configuration: the one that fits best. */
static void settle(struct inquiry *q)
{
	struct verdict *v = q->v;
	const json_t *best = NULL;
	enum sure best_sure = SURE_NOT;

	if (q->hop->suspects == NULL)
		return;
	for (size_t i = 0; i < v->candidate_count; i++) {
		const json_t *suspect = find_suspect(q, v->candidates[i]->id);
		enum sure sure = suspect != NULL ? suspect_fits(q, suspect) : SURE_NOT;
		if (sure > best_sure) {
			best = suspect;
			best_sure = sure;
			v->cause = v->candidates[i];
		}
	}
	if (best == NULL) {
		if (v->cause_sure > SURE_POSSIBLE && v->cause_sure < SURE_CERTAIN)
			v->cause_sure = SURE_POSSIBLE;
		return;
	}
	v->cause_sure = best_sure;
	copy_text(v->where, sizeof(v->where), best, "where");
	copy_text(v->fix, sizeof(v->fix), best, "fix");
}

/* --- Evidence --- */

static void add_evidence(struct inquiry *q)
{
	struct buf text = {.max = sizeof(q->v->evidence) - 1};
	const struct reply *r = q->r;
	char value[64];

	if (r->status != 0) {
		size_t line = strcspn(r->head, "\n");
		buf_addf(&text, "%.*s", (int)(line < 80 ? line : 80), r->head);
		if (reply_field(r, "server", value, sizeof(value), NULL)[0] != '\0')
			buf_addf(&text, "; Server: %s", value);
		size_t body = r->body != NULL ? strcspn(r->body, "\n") : 0;
		if (body > 0)
			buf_addf(&text, "; body: %.*s", (int)(body < 80 ? body : 80), r->body);
	} else if (r->why != NULL) {
		buf_addf(&text, "%.200s", r->why);
	}
	if (verdict_asked(q, ASK_HTTP2)->opened && !r->opened)
		buf_addf(&text, "; over HTTP/2 it opens");
	if (q->inner != NULL)
		buf_addf(&text, "; the next hop, %.40s, works", q->inner->name);
	snprintf(q->v->evidence, sizeof(q->v->evidence), "%.*s", (int)buf_len(&text), buf_span(&text).p);
	buf_free(&text);
}

static void judge_hop_sure(struct inquiry *q)
{
	bool own_page = q->writer != PRODUCT_APP && q->writer != PRODUCT_UNKNOWN &&
			(q->hop->product == PRODUCT_UNKNOWN || q->hop->product == q->writer);

	if (q->inner != NULL || verdict_failed(q->r, "tcp") || verdict_failed(q->r, "dns"))
		q->v->hop_sure = SURE_CERTAIN;
	else if (q->count > 1 || own_page)
		q->v->hop_sure = SURE_LIKELY;
	else
		q->v->hop_sure = q->product != PRODUCT_UNKNOWN ? SURE_LIKELY : SURE_POSSIBLE;
}

/* --- Which hop --- */

/* How many hops in a row, from outside, have the property. */
static size_t count_leading(struct hop *const *hops, size_t count, bool (*has)(const struct hop *))
{
	size_t n = 0;

	while (n < count && has(hops[n]))
		n++;
	return n;
}

static bool is_closed(const struct hop *h)
{
	return !h->replies[ASK_UPGRADE].opened;
}

static bool dies_idle(const struct hop *h)
{
	return h->idle_bound_ms > 0 && h->idle_died_ms > 0;
}

static bool is_narrow(const struct hop *h)
{
	return h->frame_bound > 0 && h->frame_passed < h->frame_bound;
}

static bool is_silent(const struct hop *h)
{
	return h->soak_silent > 0;
}

static bool is_dropped(const struct hop *h)
{
	return h->soak_drops > 0;
}

static bool wants_protocol(const struct hop *h)
{
	return h->close_code >= 3500 && h->close_code < 3600;
}

static bool is_uncompressed(const struct hop *h)
{
	return h->offered && !h->granted;
}

static bool is_waiting(const struct hop *h)
{
	return verdict_failed(&h->replies[ASK_LENGTH], "timeout");
}

static bool takes_version(const struct hop *h)
{
	return h->replies[ASK_VERSION].opened;
}

static bool is_only_ws(const struct hop *h)
{
	const struct reply *plain = &h->replies[ASK_PLAIN];

	return h->replies[ASK_UPGRADE].opened && plain->status == 404 && writer_of(plain) == PRODUCT_APACHE;
}

static bool has_no_connect(const struct hop *h)
{
	return h->replies[ASK_UPGRADE].opened && verdict_failed(&h->replies[ASK_HTTP2], "no-connect");
}

static const struct {
	bool (*has)(const struct hop *);
	void (*judge)(struct inquiry *);
	bool is_fault;
} questions[] = {
	{is_closed, verdict_judge_closed, true},
	{dies_idle, verdict_judge_idle, true},
	{is_narrow, verdict_judge_size, true},
	{is_silent, verdict_judge_silent, true},
	{is_dropped, verdict_judge_soak, true},
	{wants_protocol, verdict_judge_protocol, false},
	{is_uncompressed, verdict_judge_deflate, false},
	{takes_version, verdict_judge_version, false},
	{is_only_ws, verdict_judge_only_ws, false},
	{is_waiting, verdict_judge_waiting, false},
	{has_no_connect, verdict_judge_no_connect, false},
};

void verdict_reach(struct hop *const *hops, size_t count, struct verdict *v)
{
	*v = (struct verdict){.hop = VERDICT_NOBODY};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		size_t n = count_leading(hops, count, questions[i].has);
		if (n == 0)
			continue;
		struct inquiry q = {
			.count = count,
			.at = n - 1,
			.hop = hops[n - 1],
			.r = &hops[n - 1]->replies[ASK_UPGRADE],
			.inner = n < count ? hops[n] : NULL,
			.outer = n > 1 ? hops[n - 2] : NULL,
			.v = v,
		};
		q.product = find_product(&q);
		q.writer = writer_of(q.r);
		v->is_fault = questions[i].is_fault;
		v->hop = (int)n - 1;
		judge_hop_sure(&q);
		questions[i].judge(&q);
		settle(&q);
		add_evidence(&q);
		if (v->fix[0] == '\0' && v->cause != NULL)
			snprintf(v->fix, sizeof(v->fix), "%s", v->cause->fix);
		return;
	}
}
