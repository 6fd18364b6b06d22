/* Configurations: every reader comes to an end on any bytes, and what it finds is in the catalogue, at a line of the file. */
#include <string.h>

#include "fuzz.h"
#include "wscat/catalogue.h"
#include "wscat/conffile.h"

static void check(json_t *list, struct span text)
{
	size_t lines = 1, i;
	json_t *s;

	for (size_t k = 0; k < text.len; k++)
		lines += text.p[k] == '\n';
	json_array_foreach(list, i, s)
	{
		const char *where = json_string_value(json_object_get(s, "where"));
		MUST(catalogue_find(json_string_value(json_object_get(s, "id"))) != NULL);
		if (where != NULL)
			MUST(strtoul(strrchr(where, ':') + 1, NULL, 10) <= lines);
	}
	json_decref(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct span, const struct conf_question *, json_t *) = {
		conf_nginx, conf_apache, conf_haproxy, conf_caddy};
	const struct conf_question q = {.file = "f",
		.host = "h:80",
		.path = "/grafana/api/live/ws",
		.port = "80",
		.next = "127.0.0.1:81"};
	struct span text = span_of((const char *)data, size);

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		json_t *list = json_array();
		readers[i](text, &q, list);
		check(list, text);
	}
	return 0;
}
