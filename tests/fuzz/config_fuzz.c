/* A configuration is refused with a reason and a place in the text, or its rules choose one for any request, the last
 * catches all, and its JSON is JSON. */
#include <jansson.h>

#include "common/conf/ingress.h"
#include "common/conf/ingress_json.h"
#include "fuzz.h"

static void check_error(const struct ingress_error *error, struct span text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n' || text.p[i] == '\r' || (unsigned char)text.p[i] >= 0x80;
	MUST(error->err.text[0] != '\0');
	for (const char *c = error->err.text; *c != '\0'; c++)
		MUST((unsigned char)*c >= ' ' && *c != 0x7f);
	MUST(error->at.line <= lines + 1);
	MUST((error->at.line == 0) == (error->at.column == 0));
}

static void check_choices(const struct ingress *in)
{
	static const struct span hosts[] = {{"a.example.com", 13}, {"", 0}, {"[::1]:80", 8}, {".", 1}};
	static const struct span paths[] = {{"/", 1}, {"", 0}, {"/a/b.php", 8}, {"\xff\0", 2}};
	struct ingress_matcher *m = ingress_matcher_new(in);
	const struct ingress_rule *last = ingress_rule(in, ingress_count(in) - 1);

	MUST((last->hostname[0] == '\0' || strcmp(last->hostname, "*") == 0) && last->path[0] == '\0');
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 4; j++) {
			size_t rule = ingress_match(m, hosts[i], paths[j]);
			MUST(rule < ingress_count(in));
			MUST(ingress_match(m, hosts[i], paths[j]) == rule);
		}
	}
	ingress_matcher_free(m);
}

static void check_json(const struct ingress_file *f)
{
	struct buf text = {0};
	json_error_t why;

	MUST(ingress_json_local(f->ingress, &f->warp, NULL, 0, &text) == 0);
	json_t *object = json_loadb(buf_span(&text).p, buf_len(&text), 0, &why);
	MUST(json_array_size(json_object_get(object, "ingress")) == ingress_count(f->ingress));
	json_decref(object);
	buf_clear(&text);
	MUST(ingress_json_view(f->ingress, &f->warp, -1, &text) == 0);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);
	struct ingress_file f;
	struct ingress_error error;
	enum ingress_fault fault = ingress_parse(text, &f, &error);

	MUST(fault == error.fault && (fault == INGRESS_OK) == (f.ingress != NULL));
	if (fault == INGRESS_OK) {
		check_choices(f.ingress);
		check_json(&f);
	} else {
		check_error(&error, text);
	}
	ingress_file_free(&f);
	return 0;
}
