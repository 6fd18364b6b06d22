/* --hops: a YAML list of hops, outermost first. */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "wscat/probe.h"

#define HOPSFILE_MAX ((size_t)256 * 1024)

struct reading {
	struct probe *probe;
	struct opt_list *configs;
	char *key, *name, *url, *config; /* of the mapping at hand; owned */
	int depth;
};

static void clear(struct reading *r)
{
	free(r->key);
	free(r->name);
	free(r->url);
	free(r->config);
	r->key = r->name = r->url = r->config = NULL;
}

static int end_mapping(struct reading *r, struct err *err)
{
	if (r->name == NULL || r->url == NULL)
		return err_set(err, "a hop needs name and url");
	if (r->config != NULL) {
		/* Kept for the life of the process, as what options hold is. */
		r->configs->items = mem_grow(r->configs->items, r->configs->count + 1, sizeof(char *));
		r->configs->items[r->configs->count++] = mem_printf("%s=%s", r->name, r->config);
	}
	int rc = probe_add(r->probe, hop_new(r->name, r->url), true, err);
	clear(r);
	return rc;
}

static int take_scalar(struct reading *r, const char *text, struct err *err)
{
	char **to = NULL;

	if (r->depth != 2)
		return err_set(err, "a list of mappings is expected");
	if (r->key == NULL) {
		r->key = mem_strdup(text);
		return 0;
	}
	if (strcmp(r->key, "name") == 0)
		to = &r->name;
	else if (strcmp(r->key, "url") == 0)
		to = &r->url;
	else if (strcmp(r->key, "config") == 0)
		to = &r->config;
	else
		return err_set(err, "\"%.40s\": name, url and config are known", r->key);
	free(*to);
	*to = mem_strdup(text);
	free(r->key);
	r->key = NULL;
	return 0;
}

static int take_event(struct reading *r, const yaml_event_t *e, struct err *err)
{
	switch (e->type) {
	case YAML_SEQUENCE_START_EVENT: return ++r->depth == 1 ? 0 : err_set(err, "a list inside a hop");
	case YAML_MAPPING_START_EVENT:
		return ++r->depth == 2 ? 0 : err_set(err, "a list of mappings is expected");
	case YAML_SEQUENCE_END_EVENT: r->depth--; return 0;
	case YAML_MAPPING_END_EVENT: r->depth--; return end_mapping(r, err);
	case YAML_SCALAR_EVENT: return take_scalar(r, (const char *)e->data.scalar.value, err);
	case YAML_ALIAS_EVENT: return err_set(err, "aliases are not taken");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT: return 0;
	}
	return 0;
}

static int read_events(yaml_parser_t *parser, struct reading *r, struct err *err)
{
	yaml_event_t event;
	bool over = false;

	while (!over) {
		if (!yaml_parser_parse(parser, &event))
			return err_set(err, "line %zu: %s", parser->problem_mark.line + 1,
				parser->problem != NULL ? parser->problem : "not YAML");
		size_t line = event.start_mark.line + 1;
		over = event.type == YAML_STREAM_END_EVENT;
		int rc = take_event(r, &event, err);
		yaml_event_delete(&event);
		if (rc < 0)
			return err_wrap(err, "line %zu", line);
	}
	return 0;
}

int hopsfile_read(const char *path, struct probe *p, struct opt_list *configs, struct err *err)
{
	struct buf text = {.max = HOPSFILE_MAX};
	struct reading r = {.probe = p, .configs = configs};
	yaml_parser_t parser;
	int rc = -1;

	if (fsx_read(path, &text, err) == 0) {
		if (!yaml_parser_initialize(&parser))
			abort(); /* no memory */
		yaml_parser_set_input_string(
			&parser, (const unsigned char *)buf_span(&text).p, buf_len(&text));
		rc = read_events(&parser, &r, err);
		yaml_parser_delete(&parser);
		if (rc < 0)
			err_wrap(err, "%s", path);
	}
	clear(&r);
	buf_free(&text);
	return rc;
}
