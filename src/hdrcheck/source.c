/* Reading of targets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "hdrcheck/source.h"
#include "hdrcheck/text.h"

#define CAPTURE_MAX ((size_t)16 << 20) /* bytes of a capture of curl */

void source_init(struct source *s, const struct flags *c, char **urls, size_t count)
{
	*s = (struct source){.conf = c, .urls = urls, .count = count};
}

void source_fini(struct source *s)
{
	buf_free(&s->line);
}

static struct source_item *item_new(const char *url)
{
	struct source_item *item = mem_alloc(sizeof(*item));

	fetch_target_init(&item->target, url);
	item->url = item->target.url;
	return item;
}

void source_item_free(struct source_item *item)
{
	response_fini(&item->own);
	for (size_t i = 0; i < HOPS_MAX; i++)
		response_fini(&item->measured[i]);
	fetch_target_fini(&item->target);
	json_decref(item->record);
	free(item);
}

void source_item_fetched(struct source_item *item)
{
	if (item->target.failed)
		item->error = item->target.err;
	else
		item->response = &item->target.steps[item->target.count - 1];
}

int source_pass(struct source_item *item, struct show *out)
{
	return out->format == SHOW_JSON ? out_line(out->to, json_incref(item->record)) : 0;
}

/* --- Captures --- */

static struct source_item *from_curl(const struct flags *c, const char *url)
{
	struct source_item *item = item_new(url);
	struct arena *a = &item->target.arena;
	struct buf text = {.max = CAPTURE_MAX};

	if (fsx_read(c->from_curl, &text, &item->error) == 0 &&
		response_from_curl(
			a, span_str(item->url), arena_copy(a, buf_span(&text)), &item->own, &item->error) < 0)
		err_wrap(&item->error, "%s", c->from_curl);
	buf_free(&text);
	item->response = &item->own;
	return item;
}

/* --- Records --- */

static bool is_our_schema(const json_t *schema)
{
	const char *text = json_string_value(schema);

	return text != NULL && strcmp(text, OUT_SCHEMA) == 0;
}

static void read_response(struct source_item *item, const json_t *in)
{
	const char *url = json_string_value(json_object_get(in, "request_url"));

	if (item->url[0] == '\0' && url != NULL)
		item->url = arena_copy(&item->target.arena, span_str(url)).p;
	if (response_from_json(&item->target.arena, in, &item->own, &item->error) == 0)
		item->response = &item->own;
}

static bool is_url(const char *text)
{
	struct url url;
	struct err err;

	return url_parse(span_str(text), &url, &err) == 0;
}

/* The hops of a list that have a name and a URL, from the outside in, with the answers that were written down. */
static int read_hops(struct source_item *item, const json_t *list)
{
	struct hops *h = &item->hops;
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *url = json_string_value(json_object_get(one, "url"));
		const char *name = json_string_value(json_object_get(one, "name"));
		const json_t *answer = json_object_get(one, "response");
		struct response *r = &item->measured[h->count % HOPS_MAX];
		if (url == NULL || name == NULL || h->count == HOPS_MAX)
			continue;
		h->at[h->count] = (struct hop){.name = name, .url = url};
		if (answer != NULL) {
			h->at[h->count].r = r;
			if (response_from_json(&item->target.arena, answer, r, &item->error) < 0)
				return err_wrap(&item->error, "hop %s", name);
		}
		h->count++;
	}
	if (h->count < 2)
		h->count = 0;
	return 0;
}

static void read_record(struct source_item *item, const char *url)
{
	const json_t *response = json_object_get(item->record, "response");
	const json_t *seen = json_object_get(json_object_get(item->record, "headers"), "hops");
	const json_t *named = json_object_get(json_object_get(item->record, "target"), "hops");

	if (!is_our_schema(json_object_get(item->record, "schema"))) {
		err_set(&item->error, "the record's schema is not %s", OUT_SCHEMA);
		return;
	}
	if (read_hops(item, seen) < 0)
		return;
	if (item->hops.count == 0 && response != NULL) {
		read_response(item, response);
		return;
	}
	if (item->hops.count == 0 && read_hops(item, named) < 0)
		return;
	if (item->hops.count > 0)
		item->url = item->hops.at[0].url;
	else if (url != NULL && is_url(url))
		item->needs_fetch = true;
	else
		item->passes = true;
}

/* An object without a schema is taken for a response. */
static struct source_item *from_record(json_t *record)
{
	const char *url = json_string_value(json_object_get(json_object_get(record, "target"), "url"));
	struct source_item *item = item_new(url != NULL ? url : "");

	if (json_object_get(record, "schema") == NULL) {
		read_response(item, record);
		json_decref(record);
		return item;
	}
	item->record = record;
	read_record(item, url);
	return item;
}

static const char *line_name(const struct source *s, struct source_item *item)
{
	return arena_printf(&item->target.arena, "standard input, line %zu", s->lines);
}

static struct source_item *broken_line(struct source *s, const char *why)
{
	struct source_item *item = item_new("");

	item->url = line_name(s, item);
	err_set(&item->error, "not a record: %s", why);
	s->broken_lines++;
	return item;
}

/* Once for all arguments that stand for standard input. */
static struct source_item *broken_input(struct source *s)
{
	if (s->unreadable)
		return NULL;
	struct source_item *item = item_new("standard input");
	err_set(&item->error, "%s", strerrordesc_np(errno));
	s->unreadable = true;
	return item;
}

enum line_end {
	LINE_OK,
	LINE_LONG, /* what it said is dropped */
	LINE_NONE, /* the input has ended */
};

/* A line without its end, in s->line. */
static enum line_end read_line(struct source *s)
{
	enum line_end end = LINE_NONE;
	int c;

	buf_clear(&s->line);
	s->line.max = RESPONSE_LINE_MAX;
	while ((c = getc_unlocked(stdin)) != EOF) {
		end = end == LINE_NONE ? LINE_OK : end;
		if (c == '\n')
			break;
		if (end == LINE_OK && buf_add_char(&s->line, (char)c) < 0)
			end = LINE_LONG;
	}
	s->lines += end != LINE_NONE;
	return end;
}

static struct source_item *next_line(struct source *s)
{
	enum line_end end;
	json_error_t why;

	do {
		end = read_line(s);
	} while (end == LINE_OK && text_trim(buf_span(&s->line)).len == 0);
	if (end == LINE_NONE)
		return ferror(stdin) != 0 ? broken_input(s) : NULL;
	if (end == LINE_LONG)
		return broken_line(s, "longer than is allowed");
	json_t *record = json_loadb(buf_span(&s->line).p, buf_len(&s->line), JSON_ALLOW_NUL, &why);
	if (json_is_object(record)) {
		struct source_item *item = from_record(record);
		if (item->error.text[0] != '\0' && item->url[0] == '\0')
			item->url = line_name(s, item);
		return item;
	}
	bool parsed = record != NULL;
	json_decref(record);
	return broken_line(s, parsed ? "no object" : why.text);
}

/* --- The command line --- */

/* URL with another path; "ws:/path" is that of a WebSocket. */
static const char *with_path(struct arena *a, const char *url, const char *path)
{
	struct url u;
	struct err err;

	if (url_parse(span_str(url), &u, &err) < 0)
		return url;
	size_t end = (size_t)(u.authority.p + u.authority.len - url), begin = 0;
	const char *scheme = "";
	if (span_starts(span_str(path), SPAN("ws:"))) {
		path += 3;
		begin = span_find(span_str(url), ':');
		scheme = url_is_tls(u.scheme) ? "wss" : "ws";
	}
	return arena_printf(
		a, "%s%.*s%s%s", scheme, (int)(end - begin), url + begin, path[0] == '/' ? "" : "/", path);
}

static struct span split_path(const struct flags *c, size_t index)
{
	for (size_t i = 0; i < c->paths.count; i++) {
		struct span rest = span_str(c->paths.items[i]), item;
		while (span_next_item(&rest, &item))
			if (index-- == 0)
				return item;
	}
	return (struct span){0};
}

size_t source_count(const struct source *s)
{
	size_t paths = 0;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->urls[i], "-") == 0)
			return 0;
	while (split_path(s->conf, paths).p != NULL)
		paths++;
	return s->count * (paths > 0 ? paths : 1);
}

static struct source_item *from_argument(struct source *s)
{
	const char *url = s->urls[s->next];
	struct arena a = {0};

	if (s->conf->paths.count == 0) {
		s->next++;
		struct source_item *item = item_new(url);
		item->needs_fetch = true;
		return item;
	}
	struct span path = split_path(s->conf, s->next_path++);
	struct source_item *item = item_new(with_path(&a, url, arena_copy(&a, path).p));
	item->needs_fetch = true;
	if (split_path(s->conf, s->next_path).p == NULL) {
		s->next++;
		s->next_path = 0;
	}
	arena_free(&a);
	return item;
}

struct source_item *source_next(struct source *s)
{
	while (s->next < s->count) {
		if (s->conf->from_curl != NULL)
			return from_curl(s->conf, s->urls[s->next++]);
		if (strcmp(s->urls[s->next], "-") != 0)
			return from_argument(s);
		struct source_item *item = next_line(s);
		if (item != NULL)
			return item;
		s->next++;
	}
	return NULL;
}
