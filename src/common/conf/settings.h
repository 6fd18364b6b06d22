/* Top-level keys of the configuration file that name command-line flags ("metrics: 127.0.0.1:2000"). They are typed more
 * strictly than the rest of the file: no yes for true, no numbers for texts, no nulls. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "common/conf/release.h"
#include "common/conf/yaml_decode.h"

enum settings_type {
	SETTINGS_TEXT,
	SETTINGS_BOOL,
	SETTINGS_INT,
	SETTINGS_DURATION,
	SETTINGS_LIST, /* of texts */
};

struct setting {
	const char *name; /* of the flag; constant */
	enum settings_type type;
	struct yaml_mark at; /* of the value */
	char **values;       /* one unless it is a LIST; owned */
	size_t count;
	/* A flag of `tunnel run` alone, with a value that does not fit: no fault for those who do not run. */
	bool misfit;
};

struct settings {
	struct setting *items; /* in the file's order */
	size_t count;
};

/* Take a top-level key that yaml_decode_any found well formed. Keys that name no flag of the release are left out. False, with the
 * reason and its place, when the value has not the flag's type. */
bool settings_add(struct settings *s, enum release release, struct span name, const struct yaml_node *value,
	struct yaml_mark *at, struct err *err);
/* The name of each flag that some release knows, from 0 on; NULL past the last. */
const char *settings_name(size_t i);
/* Does the release know the flag? */
bool settings_knows(enum release release, struct span name);
/* NULL when it is not there. */
const struct setting *settings_find(const struct settings *s, const char *name);
/* What a setting of the type needs, for messages: "a text". */
const char *settings_needed(enum settings_type type);
void settings_free(struct settings *s);

#endif
