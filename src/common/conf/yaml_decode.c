/* go-yaml's decode.go, as far as structs, lists, scalars and `interface{}` go. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/conf/yaml_decode.h"

/* --- Problems --- */

void yaml_decode_problem(
	struct yaml_decode *d, enum yaml_problem_kind kind, struct yaml_mark at, const char *fmt, ...)
{
	va_list ap;

	if (d->problem_count++ >= YAML_PROBLEMS_MAX)
		return;
	d->problems = mem_grow(d->problems, d->problem_count, sizeof(*d->problems));
	struct yaml_problem *p = &d->problems[d->problem_count - 1];
	*p = (struct yaml_problem){.kind = kind, .at = at};
	va_start(ap, fmt);
	vsnprintf(p->err.text, sizeof(p->err.text), fmt, ap);
	va_end(ap);
}

/* A problem that go-yaml stops at. */
static bool stop_for(
	struct yaml_decode *d, enum yaml_problem_kind kind, const struct yaml_node *n, const char *why)
{
	if (!d->stopped)
		yaml_decode_problem(d, kind, n->start, "%s", why);
	d->stopped = true;
	return false;
}

static bool stop(struct yaml_decode *d, const struct yaml_node *n, const char *why)
{
	return stop_for(d, YAML_PROBLEM_TYPE, n, why);
}

static bool misfit(struct yaml_decode *d, const struct yaml_node *n, const char *needed)
{
	int shown = n->text.len < 60 ? (int)n->text.len : 60;

	if (n->kind == YAML_SCALAR)
		yaml_decode_problem(d, YAML_PROBLEM_TYPE, n->start, "\"%.*s\" (%s) stands where %s is needed",
			shown, n->text.p, yaml_tag_name(n->tag), needed);
	else
		yaml_decode_problem(d, YAML_PROBLEM_TYPE, n->start, "a %s stands where %s is needed",
			n->kind == YAML_MAPPING ? "mapping" : "list", needed);
	return false;
}

void yaml_decode_fini(struct yaml_decode *d)
{
	free(d->problems);
	free(d->unknowns);
	free(d->active);
	*d = (struct yaml_decode){0};
}

/* --- Aliases --- */

/* Of all values decoded, this part may come out of aliases: nearly all in a small document, a tenth in a large one. */
static double allowed_alias_ratio(size_t decoded)
{
	const size_t low = 400000, high = 4000000;

	if (decoded <= low)
		return 0.99;
	if (decoded >= high)
		return 0.10;
	return 0.99 - 0.89 * ((double)(decoded - low) / (double)(high - low));
}

static bool count_value(struct yaml_decode *d, const struct yaml_node *n)
{
	d->decoded++;
	if (d->alias_depth > 0)
		d->aliased++;
	if (d->aliased > 100 && d->decoded > 1000 &&
		(double)d->aliased / (double)d->decoded > allowed_alias_ratio(d->decoded))
		return stop_for(d, YAML_PROBLEM_ALIAS, n, "aliases expand to too much");
	return !d->stopped;
}

static bool enter_alias(struct yaml_decode *d, const struct yaml_node *n)
{
	if (d->active == NULL)
		d->active = mem_alloc(yaml_tree_count(d->tree));
	if (d->active[n->index])
		return stop_for(d, YAML_PROBLEM_ALIAS, n, "the value of an anchor contains itself");
	d->active[n->index] = 1;
	d->alias_depth++;
	return true;
}

static void leave_alias(struct yaml_decode *d, const struct yaml_node *n)
{
	d->active[n->index] = 0;
	d->alias_depth--;
}

/* Begin with a value: *n becomes what it is an alias of. Each success is followed by leave with the node as it was. */
static bool enter(struct yaml_decode *d, const struct yaml_node **n)
{
	if (!count_value(d, *n))
		return false;
	if ((*n)->kind != YAML_ALIAS)
		return true;
	if (!enter_alias(d, *n))
		return false;
	const struct yaml_node *alias = *n;
	*n = alias->target;
	if (count_value(d, *n))
		return true;
	leave_alias(d, alias);
	return false;
}

static void leave(struct yaml_decode *d, const struct yaml_node *n)
{
	if (n->kind == YAML_ALIAS)
		leave_alias(d, n);
}

/* --- Keys of a mapping --- */

/* A key with its value, and how many aliases deep they were found. */
struct field {
	const struct yaml_node *key, *value;
	size_t alias_depth;
};

struct fields {
	struct field *at;
	size_t count;
};

/* What is still to be merged; the end of an alias's content when `closes`. */
struct pending {
	const struct yaml_node *node;
	bool closes;
};

/* Flattening one mapping with all that it merges. */
struct flatten {
	struct yaml_decode *d;
	struct fields *out;
	struct map names; /* taken so far; filled once there is something to merge */
	struct pending *stack;
	size_t depth;
};

static bool is_merge(const struct yaml_node *key)
{
	return key->kind == YAML_SCALAR && key->tag == YAML_TAG_MERGE && span_eq(key->text, SPAN("<<"));
}

/* Keys are the same when their kinds and raw texts are; those that are no scalars have none. */
static bool check_duplicates(struct yaml_decode *d, const struct yaml_node *map)
{
	struct map seen[YAML_ALIAS + 1] = {{0}};
	size_t before = d->problem_count;

	for (const struct yaml_node *key = map->first; key != NULL; key = key->next->next) {
		const struct yaml_node *old = map_get(&seen[key->kind], key->text);
		if (old == NULL)
			map_put(&seen[key->kind], key->text, (void *)(uintptr_t)key);
		else
			yaml_decode_problem(d, YAML_PROBLEM_DUPLICATE, key->start,
				"key \"%.*s\" already stands in line %u",
				key->text.len < 60 ? (int)key->text.len : 60, key->text.p, old->start.line);
	}
	for (size_t i = 0; i <= YAML_ALIAS; i++)
		map_free(&seen[i]);
	return d->problem_count == before;
}

static void add_field(struct fields *f, const struct yaml_node *key, size_t alias_depth)
{
	/* Doubled whenever the count is a power of two. */
	if ((f->count & (f->count - 1)) == 0)
		f->at = mem_grow(f->at, f->count > 0 ? 2 * f->count : 1, sizeof(*f->at));
	f->at[f->count++] = (struct field){key, key->next, alias_depth};
}

/* Remember a name; false when it was there. */
static bool take_name(struct flatten *f, const struct yaml_node *key)
{
	struct span name = yaml_resolve(key)->text;

	if (map_get(&f->names, name) != NULL)
		return false;
	map_put(&f->names, name, (void *)(uintptr_t)key);
	return true;
}

static void push(struct flatten *f, const struct yaml_node *n, bool closes)
{
	if ((f->depth & (f->depth - 1)) == 0)
		f->stack = mem_grow(f->stack, f->depth > 0 ? 2 * f->depth : 1, sizeof(*f->stack));
	f->stack[f->depth++] = (struct pending){n, closes};
}

/* Put the value of "<<" on the stack; of a list the first on top, since it wins. */
static bool push_merge(struct flatten *f, const struct yaml_node *value)
{
	size_t below = f->depth;

	if (value->kind != YAML_SEQUENCE) {
		if (yaml_resolve(value)->kind != YAML_MAPPING)
			return stop(f->d, value, "<< merges a mapping or a list of mappings only");
		push(f, value, false);
		return true;
	}
	for (const struct yaml_node *n = value->first; n != NULL; n = n->next) {
		if (yaml_resolve(n)->kind != YAML_MAPPING)
			return stop(f->d, n, "<< merges a mapping or a list of mappings only");
		push(f, n, false);
	}
	for (size_t i = below, j = f->depth; i + 1 < j; i++) {
		struct pending swap = f->stack[i];
		f->stack[i] = f->stack[--j];
		f->stack[j] = swap;
	}
	return true;
}

/* Take the keys of one mapping, own or merged. */
static bool take_mapping(struct flatten *f, const struct yaml_node *map, bool merged)
{
	const struct yaml_node *merge = NULL;

	if (!check_duplicates(f->d, map))
		return merged; /* what is merged is left out, what has it goes on */
	for (const struct yaml_node *key = map->first; key != NULL; key = key->next->next) {
		if (is_merge(key))
			merge = key->next;
		else if (!merged || take_name(f, key))
			add_field(f->out, key, f->d->alias_depth);
	}
	if (merge == NULL)
		return true;
	for (size_t i = 0; !merged && i < f->out->count; i++)
		take_name(f, f->out->at[i].key);
	return push_merge(f, merge);
}

/* Take what is on top of the stack. */
static bool take_pending(struct flatten *f)
{
	struct pending p = f->stack[--f->depth];
	const struct yaml_node *n = p.node;

	if (p.closes) {
		leave_alias(f->d, n);
		return true;
	}
	if (!enter(f->d, &n))
		return false;
	if (p.node->kind == YAML_ALIAS)
		push(f, p.node, true);
	return take_mapping(f, n, true);
}

/* The keys of a mapping that count: its own, then merged ones that none before overrides. False on a problem. The caller
 * frees out->at in either case. */
static bool flatten(struct yaml_decode *d, const struct yaml_node *map, struct fields *out)
{
	struct flatten f = {.d = d, .out = out};
	size_t base = d->alias_depth;

	*out = (struct fields){0};
	bool good = take_mapping(&f, map, false);
	while (good && f.depth > 0)
		good = take_pending(&f);
	for (; f.depth > 0; f.depth--)
		if (f.stack[f.depth - 1].closes)
			leave_alias(d, f.stack[f.depth - 1].node);
	for (size_t i = 0; i < out->count; i++)
		out->at[i].alias_depth -= base;
	free(f.stack);
	map_free(&f.names);
	return good;
}

/* --- Structs --- */

static const struct yaml_member *find_member(
	const struct yaml_decode *d, const struct yaml_struct *type, struct span name)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct yaml_member *m = &type->members[i];
		if (span_eq(name, span_str(m->name)))
			return m->editions == 0 || d->edition == 0 || (m->editions & d->edition) != 0 ? m
												      : NULL;
	}
	return NULL;
}

static void add_unknown(struct yaml_decode *d, const struct yaml_node *key, const char *type)
{
	if ((d->unknown_count & (d->unknown_count - 1)) == 0)
		d->unknowns = mem_grow(
			d->unknowns, d->unknown_count > 0 ? 2 * d->unknown_count : 1, sizeof(*d->unknowns));
	d->unknowns[d->unknown_count++] = (struct yaml_unknown){key->start, yaml_resolve(key)->text.p, type};
}

/* The key as a field's name: any scalar but null. */
static bool take_key(struct yaml_decode *d, const struct yaml_node *key, struct span *name)
{
	const struct yaml_node *n = key;
	struct yaml_value v;
	struct err err;

	if (!enter(d, &n))
		return false;
	bool good = false;
	if (n->kind != YAML_SCALAR)
		misfit(d, n, "a key");
	else if (yaml_scalar_value(n, &v, &err) < 0)
		stop(d, n, err.text);
	else
		good = v.tag != YAML_TAG_NULL;
	leave(d, key);
	*name = n->text;
	return good;
}

static void decode_field(
	struct yaml_decode *d, const struct field *f, const struct yaml_struct *type, void *out)
{
	struct span name;

	if (!take_key(d, f->key, &name))
		return;
	const struct yaml_member *m = find_member(d, type, name);
	if (m == NULL && type->other == NULL)
		add_unknown(d, f->key, type->type);
	else if (m == NULL)
		type->other(d, name, f->value, out);
	else if (m->fn(d, f->value, (char *)out + m->offset) && m->where != YAML_NOWHERE)
		*(struct yaml_mark *)(void *)((char *)out + m->where) = f->value->start;
}

static bool decode_mapping(
	struct yaml_decode *d, const struct yaml_node *map, const struct yaml_struct *type, void *out)
{
	struct fields fields;
	bool good = flatten(d, map, &fields);

	for (size_t i = 0; good && i < fields.count && !d->stopped; i++) {
		d->alias_depth += fields.at[i].alias_depth;
		decode_field(d, &fields.at[i], type, out);
		d->alias_depth -= fields.at[i].alias_depth;
	}
	free(fields.at);
	return good;
}

/* What a value that is no mapping gives where a struct or list is needed: nothing for null, else a problem. */
static bool decode_other(struct yaml_decode *d, const struct yaml_node *n, const char *needed)
{
	struct yaml_value v;
	struct err err;

	if (n->kind == YAML_SCALAR && yaml_scalar_value(n, &v, &err) < 0)
		return stop(d, n, err.text);
	if (n->kind == YAML_SCALAR && v.tag == YAML_TAG_NULL)
		return false;
	if (n->kind == YAML_MAPPING && !check_duplicates(d, n))
		return false;
	return misfit(d, n, needed);
}

bool yaml_decode_struct(
	struct yaml_decode *d, const struct yaml_node *n, const struct yaml_struct *type, void *out)
{
	const struct yaml_node *value = n;

	if (!enter(d, &value))
		return false;
	bool good = value->kind == YAML_MAPPING ? decode_mapping(d, value, type, out)
						: decode_other(d, value, "a mapping");
	leave(d, n);
	return good;
}

/* --- Lists --- */

static size_t decode_elements(
	struct yaml_decode *d, const struct yaml_node *list, yaml_decode_fn *fn, size_t size, char *to)
{
	size_t count = 0;

	for (const struct yaml_node *n = list->first; n != NULL && !d->stopped; n = n->next)
		if (fn(d, n, to + count * size))
			count++;
	return count;
}

bool yaml_decode_list(struct yaml_decode *d, const struct yaml_node *n, yaml_decode_fn *fn, size_t size,
	void **items, size_t *count)
{
	const struct yaml_node *value = n;

	*items = NULL;
	*count = 0;
	if (!enter(d, &value))
		return false;
	bool good = value->kind == YAML_SEQUENCE;
	if (good) {
		*items = mem_array(value->count, size);
		*count = decode_elements(d, value, fn, size, *items);
	} else {
		decode_other(d, value, "a list");
	}
	leave(d, n);
	return good;
}

/* --- Scalars --- */

/* Begin with a scalar: *n and v are its node and value. Each success is followed by leave. */
static bool enter_scalar(
	struct yaml_decode *d, const struct yaml_node **n, struct yaml_value *v, const char *needed)
{
	const struct yaml_node *alias = *n;
	struct err err;

	if (!enter(d, n))
		return false;
	if ((*n)->kind != YAML_SCALAR)
		decode_other(d, *n, needed);
	else if (yaml_scalar_value(*n, v, &err) < 0)
		stop(d, *n, err.text);
	else if (v->tag != YAML_TAG_NULL)
		return true;
	leave(d, alias);
	return false;
}

bool yaml_decode_bool(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const char needed[] = "true or false";
	const struct yaml_node *value = n;
	struct yaml_value v;

	if (!enter_scalar(d, &value, &v, needed))
		return false;
	bool good = yaml_as_bool(value, &v, out) || misfit(d, value, needed);
	leave(d, n);
	return good;
}

bool yaml_decode_int(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const char needed[] = "a whole number without quotes";
	const struct yaml_node *value = n;
	struct yaml_value v;

	if (!enter_scalar(d, &value, &v, needed))
		return false;
	bool good = yaml_as_int(&v, out) || misfit(d, value, needed);
	leave(d, n);
	return good;
}

bool yaml_decode_uint(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const char needed[] = "a whole number of at least 0, without quotes";
	const struct yaml_node *value = n;
	struct yaml_value v;

	if (!enter_scalar(d, &value, &v, needed))
		return false;
	bool good = yaml_as_uint(&v, out) || misfit(d, value, needed);
	leave(d, n);
	return good;
}

bool yaml_decode_duration(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const char needed[] = "a duration with its unit, such as 30s or 1h30m,";
	const struct yaml_node *value = n;
	struct yaml_value v;

	if (!enter_scalar(d, &value, &v, needed))
		return false;
	bool good = yaml_as_duration(value, &v, out) || misfit(d, value, needed);
	leave(d, n);
	return good;
}

bool yaml_decode_text(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	const struct yaml_node *value = n;
	struct yaml_value v;
	size_t len;

	if (!enter_scalar(d, &value, &v, "a text"))
		return false;
	char *text = yaml_as_text(value, &v, &len);
	bool good = text != NULL && strlen(text) == len;
	if (text == NULL) {
		stop(d, value, "!!binary holds no base64");
	} else if (!good) {
		yaml_decode_problem(d, YAML_PROBLEM_TYPE, value->start, "the text holds a NUL character");
		free(text);
	} else {
		free(*(char **)out);
		*(char **)out = text;
	}
	leave(d, n);
	return good;
}

/* --- Values of any shape --- */

/* A collection that is being walked. */
struct visit {
	const struct yaml_node *alias; /* that led here, or the collection itself */
	struct fields fields;          /* of a mapping */
	size_t next;                   /* of them: 2 * i is a key, 2 * i + 1 its value */
	size_t alias_depth;            /* what merging adds to it while this is walked */
	const struct yaml_node *item;  /* of a sequence: the next one */
};

struct walk {
	struct yaml_decode *d;
	struct visit *stack;
	size_t depth;
};

static void walk_leave(struct walk *w, struct visit *v)
{
	free(v->fields.at);
	leave(w->d, v->alias);
	w->d->alias_depth -= v->alias_depth;
}

/* Begin with a value: scalars are checked at once, collections go on the stack. */
static bool walk_enter(struct walk *w, const struct yaml_node *n, size_t alias_depth)
{
	struct visit visit = {.alias = n, .alias_depth = alias_depth};
	const struct yaml_node *value = n;
	struct yaml_value v = {.tag = YAML_TAG_MAP};
	struct err err;
	bool good = true;

	w->d->alias_depth += alias_depth;
	if (!enter(w->d, &value)) {
		w->d->alias_depth -= alias_depth;
		return false;
	}
	if (value->kind == YAML_SCALAR && yaml_scalar_value(value, &v, &err) < 0)
		good = stop(w->d, value, err.text);
	else if (value->kind == YAML_MAPPING)
		good = flatten(w->d, value, &visit.fields);
	else
		visit.item = value->first;
	if (!good || value->kind == YAML_SCALAR) {
		walk_leave(w, &visit);
		return good && v.tag != YAML_TAG_NULL;
	}
	if ((w->depth & (w->depth - 1)) == 0)
		w->stack = mem_grow(w->stack, w->depth > 0 ? 2 * w->depth : 1, sizeof(*w->stack));
	w->stack[w->depth++] = visit;
	return true;
}

static bool is_collection(const struct yaml_node *n)
{
	return yaml_resolve(n)->kind != YAML_SCALAR;
}

/* Take the next value of the collection on top, or take the collection off. */
static void walk_step(struct walk *w)
{
	struct visit *v = &w->stack[w->depth - 1];

	if (v->item != NULL) {
		const struct yaml_node *n = v->item;
		v->item = n->next;
		walk_enter(w, n, 0);
	} else if (v->next < 2 * v->fields.count) {
		const struct field *f = &v->fields.at[v->next / 2];
		bool is_key = v->next++ % 2 == 0;
		if (is_key && is_collection(f->key))
			stop(w->d, f->key, "a list or mapping cannot be a key");
		else
			walk_enter(w, is_key ? f->key : f->value, f->alias_depth);
	} else {
		w->depth--;
		walk_leave(w, v);
	}
}

bool yaml_decode_any(struct yaml_decode *d, const struct yaml_node *n)
{
	struct walk w = {.d = d};
	size_t before = d->problem_count;
	bool good = walk_enter(&w, n, 0);

	while (w.depth > 0 && !d->stopped)
		walk_step(&w);
	for (; w.depth > 0; w.depth--)
		walk_leave(&w, &w.stack[w.depth - 1]);
	free(w.stack);
	return good && d->problem_count == before;
}
