/* Reading a tree as go-yaml decodes one into Go structs: aliases, merge keys, duplicate keys, nulls, and its limit on what
 * aliases may blow up to. Problems are collected, all of a file at once. Nothing recurses on the input: structs nest as
 * deep as their types do, and values of any shape are walked with a stack. */
#ifndef CONF_YAML_DECODE_H
#define CONF_YAML_DECODE_H

#include "common/conf/yaml_scalar.h"

#define YAML_PROBLEMS_MAX 100 /* kept; what comes after them is only counted */

enum yaml_problem_kind {
	YAML_PROBLEM_TYPE,
	YAML_PROBLEM_DUPLICATE,
	YAML_PROBLEM_ALIAS, /* one within itself, or too many */
};

struct yaml_problem {
	enum yaml_problem_kind kind;
	struct yaml_mark at;
	struct err err;
};

/* A key that its struct does not know: no problem, but worth a warning. */
struct yaml_unknown {
	struct yaml_mark at;
	const char *name; /* borrowed from the tree */
	const char *type; /* Go's name of the struct */
};

/* One decoding. Zero-initialised but for the tree. */
struct yaml_decode {
	const struct yaml_tree *tree; /* borrowed */
	unsigned edition;             /* a bit that members are chosen by; 0: all of them */
	bool stopped;                 /* by a problem that go-yaml does not go on after */
	struct yaml_problem *problems;
	size_t problem_count; /* found; the first YAML_PROBLEMS_MAX are there */
	struct yaml_unknown *unknowns;
	size_t unknown_count;
	/* go-yaml's counts of values decoded, and of those decoded inside aliases. */
	size_t decoded, aliased, alias_depth;
	unsigned char *active; /* by index: aliases that are being decoded */
};

/* Decode a value into out. False when it is null, which leaves out as it is, or does not fit, which is a problem. */
typedef bool yaml_decode_fn(struct yaml_decode *d, const struct yaml_node *n, void *out);

struct yaml_member {
	const char *name;
	yaml_decode_fn *fn;
	size_t offset;     /* of what fn fills, in the struct */
	size_t where;      /* of a struct yaml_mark for the value's place; YAML_NOWHERE for none */
	unsigned editions; /* that have it; 0: every one */
};
#define YAML_NOWHERE ((size_t)-1)

struct yaml_struct {
	const char *type; /* Go's name, "config.OriginRequestConfig" */
	const struct yaml_member *members;
	size_t count;
	/* What happens to other keys: NULL for a warning. */
	void (*other)(struct yaml_decode *d, struct span name, const struct yaml_node *value, void *out);
};

/* A mapping into the struct at out. True also when members of it have problems. */
bool yaml_decode_struct(
	struct yaml_decode *d, const struct yaml_node *n, const struct yaml_struct *type, void *out);

/* The kinds of members. Texts are owned by the struct; what a text replaces is freed. Texts that hold a NUL are refused here,
 * not by go-yaml. */
bool yaml_decode_bool(struct yaml_decode *d, const struct yaml_node *n, void *out);     /* bool */
bool yaml_decode_int(struct yaml_decode *d, const struct yaml_node *n, void *out);      /* int64_t */
bool yaml_decode_uint(struct yaml_decode *d, const struct yaml_node *n, void *out);     /* uint64_t */
bool yaml_decode_duration(struct yaml_decode *d, const struct yaml_node *n, void *out); /* int64_t, ns */
bool yaml_decode_text(struct yaml_decode *d, const struct yaml_node *n, void *out);     /* char * */

/* A sequence: fn is called for each element with a fresh element of `size` zeroed bytes, which is dropped again when fn
 * says false. *items is a new array, owned by the caller. */
bool yaml_decode_list(struct yaml_decode *d, const struct yaml_node *n, yaml_decode_fn *fn, size_t size,
	void **items, size_t *count);

/* Walk a value of any shape, for its problems alone. False when it is null or not well formed. */
bool yaml_decode_any(struct yaml_decode *d, const struct yaml_node *n);

void yaml_decode_problem(struct yaml_decode *d, enum yaml_problem_kind kind, struct yaml_mark at,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void yaml_decode_fini(struct yaml_decode *d);

#endif
