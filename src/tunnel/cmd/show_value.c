/* Values as JSON, and as YAML in go-yaml's layout: a level begins at the next multiple of four columns, the keys of a
 * sequence's element behind its "- ". */
#include <stdio.h>
#include <stdlib.h>

#include "common/conf/yaml_scalar.h"
#include "tunnel/cmd/show.h"

#define LEVEL 4
#define DEPTH_MAX \
	32 /* levels that have lines of their own; what is deeper is written as JSON, which is YAML too */

/* --- Scalars --- */

static bool is_plain_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._-/+=", c) != NULL);
}

/* YAML 1.1 took these for true and false. */
static bool is_old_boolean(const char *s)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq_nocase(span_str(s), span_str(words[i])))
			return true;
	return false;
}

/* Is it that text without quotes too? */
static bool is_plain(const char *s)
{
	for (const char *c = s; *c != '\0'; c++)
		if (!is_plain_character(*c))
			return false;
	return *s != '\0' && *s != '-' && *s != '=' && !is_old_boolean(s) &&
	       yaml_scalar_tag(span_str(s)) == YAML_TAG_STR;
}

/* Times have a type of their own in YAML. */
static bool is_time(const char *key)
{
	static const char *const names[] = {"createdat", "deletedat", "runat", "openedat"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

static void print_text(const char *text)
{
	json_t *value = json_string(text);

	if (is_plain(text))
		fputs(text, stdout);
	else /* a quoted text of JSON is one of YAML */
		json_dumpf(value, stdout, JSON_ENCODE_ANY);
	json_decref(value);
}

static void print_scalar(const char *key, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text != NULL && is_time(key))
		fputs(text, stdout);
	else if (text != NULL)
		print_text(text);
	else
		json_dumpf(value, stdout, JSON_ENCODE_ANY);
	putchar('\n');
}

/* --- Structures --- */

struct level {
	json_t *value;
	const char *key; /* next one of an object */
	size_t index;    /* next one of an array; how many were printed of either */
	int indent;
	bool begun; /* the line has the first element's indent already */
};

static json_t *next_child(struct level *l, const char **key)
{
	void *iter;
	json_t *child;

	*key = NULL;
	if (json_is_array(l->value))
		return json_array_get(l->value, l->index);
	iter = l->key == NULL ? json_object_iter(l->value)
			      : json_object_iter_next(l->value, json_object_iter_at(l->value, l->key));
	if (iter == NULL)
		return NULL;
	l->key = *key = json_object_iter_key(iter);
	child = json_object_iter_value(iter);
	return child;
}

static bool is_empty(const json_t *v)
{
	return (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

/* One element: its line, or the beginning of it. True when the child has lines of its own, for which *below is set up. */
static bool print_element(
	struct level *l, const char *key, json_t *child, bool may_go_below, struct level *below)
{
	bool in_array = json_is_array(l->value);
	bool has_lines = !is_empty(child) && (json_is_array(child) || json_is_object(child));

	printf("%*s", l->begun && l->index == 0 ? 0 : l->indent, "");
	if (in_array)
		fputs("- ", stdout);
	else {
		print_text(key);
		putchar(':');
	}
	l->index++;
	if (has_lines && may_go_below) {
		if (!in_array)
			putchar('\n');
		*below = (struct level){.value = child,
			.indent = in_array ? l->indent + 2 : LEVEL * ((l->indent + LEVEL) / LEVEL),
			.begun = in_array};
		return true;
	}
	if (!in_array)
		putchar(' ');
	print_scalar(in_array ? "" : key, child);
	return false;
}

static void print_yaml(json_t *value)
{
	struct level levels[DEPTH_MAX] = {{.value = value}};
	size_t depth = 1;
	const char *key;

	if (is_empty(value))
		print_scalar("", value);
	while (depth > 0) {
		struct level *l = &levels[depth - 1], below;
		json_t *child = next_child(l, &key);
		if (child == NULL) {
			depth--;
		} else if (print_element(l, key, child, depth < DEPTH_MAX, &below)) {
			levels[depth++] = below;
		}
	}
}

void show_value(json_t *value, enum show_form form)
{
	if (form == SHOW_YAML) {
		print_yaml(value);
	} else {
		json_dumpf(value, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(value);
}
