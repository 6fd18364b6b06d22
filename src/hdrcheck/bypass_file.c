/* Lists in the form in which csp_evaluator keeps its own: a folder with three files, or one file with what is in them. */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/proto/url.h"
#include "hdrcheck/bypass.h"

struct bypass_file {
	struct bypass_list list; /* first: bypass_free finds the rest by it */
	struct arena arena;
};

static json_t *load(const char *path, struct err *err)
{
	struct buf text = {.max = BYPASS_BYTES_MAX};
	json_error_t why;
	json_t *out = NULL;

	if (fsx_read(path, &text, err) == 0) {
		out = json_loadb(buf_span(&text).p, buf_len(&text), 0, &why);
		if (!json_is_object(out))
			err_set(err, "%s: line %d: %s", path, out == NULL ? why.line : 1,
				out == NULL ? why.text : "not an object");
		if (!json_is_object(out)) {
			json_decref(out);
			out = NULL;
		}
	}
	buf_free(&text);
	return out;
}

/* The three lists as one object, whichever way they are kept. */
static json_t *load_all(const char *path, struct err *err)
{
	static const char *const parts[] = {"angular", "jsonp", "flash"};
	struct stat st;

	if (stat(path, &st) < 0) {
		err_sys(err, "%s", path);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode))
		return load(path, err);
	json_t *out = json_object();
	for (size_t i = 0; out != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *name = mem_printf("%s/%s.json", path, parts[i]);
		json_t *part = load(name, err);
		free(name);
		if (part != NULL) {
			json_object_set_new(out, parts[i], part);
			continue;
		}
		json_decref(out);
		out = NULL;
	}
	return out;
}

/* "//host/path" or "https://host/path" */
static int read_url(struct arena *a, const char *text, struct bypass *out, struct err *err)
{
	struct url url;

	if (text == NULL)
		return err_set(err, "an entry is no text");
	struct span s = span_str(
		arena_printf(a, "%s%s", span_starts(span_str(text), SPAN("//")) ? "https:" : "", text));
	if (url_parse(s, &url, err) < 0)
		return err_wrap(err, "%s", text);
	out->host = arena_copy(a, url.host).p;
	out->path = url.path.len > 0 ? arena_copy(a, url.path).p : "/";
	return 0;
}

static int read_table(
	struct arena *a, const json_t *all, const char *name, const struct bypass **out, struct err *err)
{
	const json_t *urls = json_object_get(json_object_get(all, name), "urls"), *one;
	size_t i, count = json_array_size(urls);
	struct bypass *table = arena_alloc(a, (count + 1) * sizeof(*table)); /* a NULL host ends it */

	*out = table;
	if (!json_is_array(urls))
		return err_set(err, "\"%s\" has no list of \"urls\"", name);
	json_array_foreach(urls, i, one) if (read_url(a, json_string_value(one), &table[i], err) <
					     0) return err_wrap(err, "%s, entry %zu", name, i + 1);
	return 0;
}

static int read_hosts(struct arena *a, const json_t *hosts, const char *const **out, struct err *err)
{
	const char **table = arena_alloc(a, (json_array_size(hosts) + 1) * sizeof(*table));
	const json_t *one;
	size_t i;

	*out = table;
	json_array_foreach(hosts, i, one)
	{
		if (!json_is_string(one))
			return err_set(err, "jsonp: \"needsEval\" is not a list of texts");
		table[i] = arena_copy(a, span_str(json_string_value(one))).p;
	}
	return 0;
}

/* The day that the list is of: its own, or that of the file. */
static const char *origin_of(struct arena *a, const char *path, const json_t *all)
{
	const char *date = json_string_value(json_object_get(all, "date"));
	char day[16] = "";
	struct stat st;
	struct tm utc;

	if (date != NULL)
		return arena_printf(a, "%s of %.32s", path, date);
	if (stat(path, &st) == 0 && gmtime_r(&st.st_mtime, &utc) != NULL)
		strftime(day, sizeof(day), "%Y-%m-%d", &utc);
	return arena_printf(a, "%s of %s", path, day);
}

struct bypass_list *bypass_read(const char *path, struct err *err)
{
	json_t *all = load_all(path, err);

	if (all == NULL)
		return NULL;
	struct bypass_file *f = mem_alloc(sizeof(*f));
	struct arena *a = &f->arena;
	int rc = 0;
	if (read_table(a, all, "angular", &f->list.angular, err) < 0 ||
		read_table(a, all, "jsonp", &f->list.jsonp, err) < 0 ||
		read_table(a, all, "flash", &f->list.flash, err) < 0 ||
		read_hosts(a, json_object_get(json_object_get(all, "jsonp"), "needsEval"),
			&f->list.needs_eval, err) < 0)
		rc = err_wrap(err, "%s", path);
	f->list.origin = origin_of(a, path, all);
	json_decref(all);
	if (rc == 0)
		return &f->list;
	bypass_free(&f->list);
	return NULL;
}

void bypass_free(struct bypass_list *list)
{
	struct bypass_file *f = (struct bypass_file *)(void *)list;

	if (f == NULL)
		return;
	arena_free(&f->arena);
	free(f);
}
