/* Targets in order of their coming, fetched side by side, judged one after the other. */
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "hdrcheck/drift.h"
#include "hdrcheck/policy.h"
#include "hdrcheck/progress.h"
#include "hdrcheck/run.h"
#include "hdrcheck/source.h"
#include "hdrcheck/suggest.h"

enum { EXIT_GOOD, EXIT_FOUND, EXIT_WRONG_USAGE, EXIT_FAILED };

struct run {
	const struct flags *conf;
	struct names *names;
	struct fetch *fetch;
	struct headerpolicy *policy;
	struct drift *drift;
	struct show report;
	struct progress progress;
	bool broken_output;
	int code; /* the worst so far */
};

static void raise_code(struct run *run, int code)
{
	run->code = code > run->code ? code : run->code;
}

/* --- One target --- */

static bool fails(const struct run *run, const struct audit *au)
{
	for (size_t i = 0; i < au->count; i++) {
		const struct rule *rule = au->findings[i].rule;
		bool asked_for = strncmp(rule->id, "policy-", 7) == 0 || strcmp(rule->id, "grade-low") == 0 ||
				 strcmp(rule->id, "drift") == 0;
		if (asked_for || rule->severity >= run->conf->fail_on)
			return true;
	}
	return false;
}

static void check_grade(const struct run *run, struct audit *au)
{
	const struct observatory *o = &au->observatory;
	const char *wanted = run->conf->grade;

	if (wanted != NULL && (!o->scored || observatory_grade_at_least(o->grade, wanted) == 0))
		audit_report(au, "grade-low", "", (struct span){0}, "grade %s, asked for is %s",
			o->scored ? o->grade : "none", wanted);
}

static void print_suggestions(struct run *run, const struct response *r)
{
	struct buf lines = {0};

	progress_clear(&run->progress);
	suggest_lines(run->conf->suggest, run->policy, r, &lines);
	fwrite(buf_span(&lines).p, 1, buf_len(&lines), stdout);
	buf_free(&lines);
}

/* What is asked for beside the built-in rules. */
static void check_wishes(struct run *run, struct audit *au, struct show_target *t)
{
	const struct flags *c = run->conf;

	if (run->policy != NULL) {
		bool hops = t->hops != NULL;
		const struct hop *app = hops ? &t->hops->at[t->hops->count - 1] : NULL;
		t->policy_met = policy_check(au, run->policy);
		overwrites_find(
			au, run->policy, hops ? app->r : au->r, hops ? app->name : NULL, &t->overwrites);
	} else if (c->profile != NULL)
		t->policy_met = policy_check_observatory(au);
	t->policy = c->profile != NULL ? c->profile : c->policy;
	check_grade(run, au);
	if (run->drift != NULL)
		drift_check(au, run->drift, t->url);
}

static void print(struct run *run, const struct show_target *t)
{
	progress_clear(&run->progress);
	if (show_target(&run->report, t) < 0)
		run->broken_output = true;
}

static void report_error(struct run *run, struct show_target *t, const char *why)
{
	struct err err;

	t->error = why;
	err_set(&err, "%s: %s", t->url, why);
	progress_clear(&run->progress);
	if (run->report.format != SHOW_TEXT)
		out_die("hdrcheck", &err, 0);
	print(run, t);
	raise_code(run, EXIT_FAILED);
}

static void judge(struct run *run, struct source_item *item)
{
	struct show_target t = {.url = item->url, .record = item->record, .took_ms = item->target.took_ms};
	struct audit au;

	if (item->error.text[0] != '\0') {
		report_error(run, &t, item->error.text);
		return;
	}
	audit_run(&au, item->response, run->names, (int)run->conf->algorithm);
	for (size_t i = 0; i + 1 < item->target.count; i++)
		audit_step(&au, &item->target.steps[i]);
	sides_judge(&au, item->target.sides, &t.sides);
	t.audit = &au;
	check_wishes(run, &au, &t);
	if (run->conf->suggest != NULL)
		print_suggestions(run, item->response);
	else
		print(run, &t);
	if (fails(run, &au))
		raise_code(run, EXIT_FOUND);
	audit_fini(&au);
}

/* --- Hops --- */

static void judge_hops(struct run *run, struct hops *h, json_t *record, int64_t took_ms)
{
	struct audit au;
	struct show_target t = {
		.url = h->at[0].url, .record = record, .took_ms = took_ms, .hops = h, .audit = &au};

	audit_run(&au, h->at[0].r, run->names, (int)run->conf->algorithm);
	hops_compare(&au.arena, h);
	check_hops(&au, h);
	check_wishes(run, &au, &t);
	print(run, &t);
	raise_code(run, fails(run, &au) ? EXIT_FOUND : EXIT_GOOD);
	audit_fini(&au);
}

/* Fetch each hop that has no answer yet, and judge what the outermost answers; with one that cannot be fetched there is nothing
 * to compare. */
static void run_hops(struct run *run, struct hops *h, json_t *record)
{
	struct fetch_target targets[HOPS_MAX] = {0};
	struct show_target failed = {.url = h->at[0].url, .record = record};
	struct err err = {0};

	for (size_t i = 0; i < h->count; i++) {
		fetch_target_init(&targets[i], h->at[i].url);
		targets[i].once = true;
		if (h->at[i].r == NULL)
			fetch_start(run->fetch, &targets[i]);
	}
	for (size_t i = 0; i < h->count; i++) {
		if (h->at[i].r != NULL)
			continue;
		fetch_wait(run->fetch, &targets[i]);
		h->at[i].r = &targets[i].steps[0];
		if (targets[i].failed && err.text[0] == '\0')
			err_set(&err, "hop %s: %s: %s", h->at[i].name, h->at[i].url, targets[i].err.text);
	}
	if (err.text[0] == '\0')
		judge_hops(run, h, record, targets[0].took_ms);
	else
		report_error(run, &failed, err.text);
	for (size_t i = 0; i < h->count; i++)
		fetch_target_fini(&targets[i]);
}

/* The hops of the command line; their names live in the arena. */
static void given_hops(const struct run *run, struct arena *a, struct hops *out)
{
	const struct opt_list *list = &run->conf->hops;

	*out = (struct hops){.count = list->count};
	for (size_t i = 0; i < list->count; i++) {
		struct span url, name = span_cut(span_str(list->items[i]), '=', &url);
		out->at[i] = (struct hop){.name = arena_copy(a, name).p, .url = url.p};
	}
}

/* The record speaks of the outermost hop now: what it said of that it stood for is among the hops. */
static json_t *outward(const json_t *record)
{
	json_t *out = record != NULL ? json_deep_copy(record) : json_object();

	json_object_del(out, "response");
	json_object_del(json_object_get(out, "target"), "url");
	return out;
}

/* A record made further inside: the hops of the command line stand before its own, or before what it is about. */
static void run_outward(struct run *run, const struct source_item *item)
{
	struct arena *a = (struct arena *)(uintptr_t)&item->target.arena;
	struct hops h;
	struct url url;
	struct err err;

	given_hops(run, a, &h);
	for (size_t i = 0; i < item->hops.count && h.count < HOPS_MAX; i++)
		h.at[h.count++] = item->hops.at[i];
	if (item->hops.count == 0 && h.count < HOPS_MAX) {
		bool named = url_parse(span_str(item->url), &url, &err) == 0;
		h.at[h.count++] = (struct hop){.name = named ? arena_copy(a, url.authority).p : "inside",
			.url = item->url,
			.r = item->response};
	}
	json_t *record = outward(item->record);
	run_hops(run, &h, record);
	json_decref(record);
}

static void run_given_hops(struct run *run)
{
	struct hops h;
	struct arena a = {0};

	given_hops(run, &a, &h);
	run_hops(run, &h, NULL);
	arena_free(&a);
}

/* --- All of them: a queue in order, some of it in flight --- */

static void run_targets(struct run *run, struct source *source)
{
	struct source_item *queue[FETCH_PARALLEL];
	size_t first = 0, count = 0;
	bool more = true;

	while (!run->broken_output) {
		bool waits = false; /* what is here already is not held up by what may come */
		while (more && !waits && count < FETCH_PARALLEL) {
			struct source_item *item = source_next(source);
			more = item != NULL;
			if (item == NULL)
				break;
			queue[(first + count++) % FETCH_PARALLEL] = item;
			if (item->needs_fetch)
				fetch_start(run->fetch, &item->target);
			waits = !item->needs_fetch;
		}
		if (count == 0)
			break;
		struct source_item *item = queue[first];
		first = (first + 1) % FETCH_PARALLEL;
		count--;
		if (item->passes) {
			progress_clear(&run->progress);
			run->broken_output = source_pass(item, &run->report) < 0;
		} else {
			if (item->needs_fetch) {
				fetch_wait(run->fetch, &item->target);
				source_item_fetched(item);
			}
			if (run->conf->hops.count > 0 && item->error.text[0] == '\0')
				run_outward(run, item);
			else if (item->hops.count > 0 && item->error.text[0] == '\0')
				run_hops(run, &item->hops, item->record);
			else
				judge(run, item);
		}
		source_item_free(item);
		run->progress.done++;
	}
	for (; count > 0; count--, first = (first + 1) % FETCH_PARALLEL) {
		fetch_abandon(run->fetch, &queue[first]->target);
		source_item_free(queue[first]);
	}
	raise_code(run, source->broken_lines > 0 ? EXIT_FAILED : EXIT_GOOD);
}

/* --- Setting up --- */

static int open_policy(struct run *run, struct err *err)
{
	const struct flags *c = run->conf;
	const char *profile = c->profile;

	if (profile == NULL && c->policy == NULL && c->suggest != NULL)
		profile = "baseline";
	if (c->policy != NULL)
		run->policy = policy_read(c->policy, err);
	else if (profile != NULL && strcmp(profile, POLICY_OBSERVATORY) != 0)
		run->policy = headerpolicy_parse(policy_profile(profile), err);
	else
		return 0;
	return run->policy != NULL ? 0 : -1;
}

static int open_all(struct run *run, struct err *err)
{
	const struct flags *c = run->conf;

	if ((run->names = names_new(c->preload, c->bypass_list, err)) == NULL || open_policy(run, err) < 0)
		return -1;
	if (c->expect != NULL && (run->drift = drift_read(c->expect, err)) == NULL)
		return -1;
	run->fetch = fetch_new(&c->fetch, err);
	return run->fetch != NULL ? 0 : -1;
}

static void close_all(struct run *run)
{
	fetch_free(run->fetch);
	drift_free(run->drift);
	headerpolicy_free(run->policy);
	names_free(run->names);
}

int run(const struct flags *c, char **urls, size_t count)
{
	struct run run = {.conf = c};
	struct source source;
	struct err err;

	if (open_all(&run, &err) < 0) {
		close_all(&run);
		return out_die("hdrcheck", &err, EXIT_FAILED);
	}
	show_begin(&run.report, stdout, c->format);
	run.report.colour = c->colour;
	run.report.quiet = c->quiet;
	if (c->hops.count > 0 && count == 0) {
		run_given_hops(&run);
	} else {
		source_init(&source, c, urls, count);
		progress_begin(&run.progress, source_count(&source));
		fetch_on_tick(run.fetch, progress_tick, &run.progress);
		run_targets(&run, &source);
		source_fini(&source);
	}
	progress_clear(&run.progress);
	if (!run.broken_output && show_end(&run.report) < 0)
		run.broken_output = true;
	close_all(&run);
	return run.code;
}
