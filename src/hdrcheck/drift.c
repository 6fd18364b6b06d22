/* Headers and grades then and now. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "hdrcheck/drift.h"
#include "hdrcheck/hops.h"

struct drift {
	json_t *by_url; /* URL -> record */
};

static int add_line(struct drift *d, struct span line, size_t number, struct err *err)
{
	json_error_t why;
	json_t *record = json_loadb(line.p, line.len, JSON_ALLOW_NUL, &why);
	const char *url = json_string_value(json_object_get(json_object_get(record, "target"), "url"));

	if (record == NULL)
		return err_set(err, "line %zu: %s", number, why.text);
	if (url != NULL && json_object_get(record, "response") != NULL)
		json_object_set(d->by_url, url, record);
	json_decref(record);
	return 0;
}

struct drift *drift_read(const char *path, struct err *err)
{
	struct buf text = {.max = DRIFT_BYTES_MAX};
	struct drift *d = mem_alloc(sizeof(*d));
	size_t number = 0;

	d->by_url = json_object();
	int rc = fsx_read(path, &text, err);
	struct span rest = buf_span(&text);
	while (rc == 0 && rest.len > 0) {
		struct span line = span_cut(rest, '\n', &rest);
		number++;
		if (line.len > 0 && add_line(d, line, number, err) < 0)
			rc = err_wrap(err, "%s", path);
	}
	buf_free(&text);
	if (rc == 0)
		return d;
	drift_free(d);
	return NULL;
}

void drift_free(struct drift *d)
{
	if (d == NULL)
		return;
	json_decref(d->by_url);
	free(d);
}

/* Report the headers of `some` that are otherwise in `other`; each pair of the two once. */
static void compare(struct audit *au, const struct fields *then, const struct fields *now,
	const struct fields *names, bool only_new)
{
	for (size_t i = 0; i < names->count; i++) {
		struct span name = names->at[i].name;
		if (hops_is_volatile(name) || header_find(names, name) != &names->at[i])
			continue;
		if (only_new && header_find(then, name) != NULL)
			continue;
		struct span before = response_stable(&au->arena, then, name),
			    after = response_stable(&au->arena, now, name);
		if (span_eq(before, after))
			continue;
		audit_report(au, "drift", arena_copy(&au->arena, name).p, after, "it was \"%.*s\"",
			(int)before.len, before.p != NULL ? before.p : "");
	}
}

static void compare_grade(struct audit *au, const json_t *record)
{
	const json_t *o = json_object_get(json_object_get(record, "headers"), "observatory");
	const char *before = json_string_value(json_object_get(o, "grade"));
	bool same = json_integer_value(json_object_get(o, "algorithm")) == au->observatory.algorithm;

	if (same && before != NULL && au->observatory.scored && strcmp(before, au->observatory.grade) != 0)
		audit_report(au, "drift", "", span_str(au->observatory.grade), "the grade was %s, it is %s",
			before, au->observatory.grade);
}

void drift_check(struct audit *au, const struct drift *d, const char *url)
{
	const json_t *record = json_object_get(d->by_url, url);
	struct response then;
	struct err err;

	if (record == NULL) {
		audit_report(au, "drift", "", (struct span){0}, "the saved run does not know %s", url);
		return;
	}
	if (response_from_json(&au->arena, json_object_get(record, "response"), &then, &err) < 0) {
		audit_report(
			au, "drift", "", (struct span){0}, "the saved response cannot be read: %s", err.text);
		response_fini(&then);
		return;
	}
	if (then.status != au->r->status)
		audit_report(au, "drift", "", (struct span){0}, "the status was %d, it is %d", then.status,
			au->r->status);
	compare_grade(au, record);
	compare(au, &then.headers, &au->r->headers, &then.headers, false);
	compare(au, &then.headers, &au->r->headers, &au->r->headers, true);
	/* What was reported points into the arena, not into `then`. */
	response_fini(&then);
}
