/* YAML text to a small tree: the first document, by libyaml's events, accepting and refusing what go-yaml v3.0.1 does.
 * Read-only once parsed. Scalars are typed by yaml_scalar.h, mappings are read through yaml_decode.h.
 *
 * Where libyaml 0.2.5 still has its own way, and no configuration is likely to meet it: \' in double quotes (go-yaml reads
 * a quote, libyaml refuses), a byte order mark at the beginning of a later line (part of the text for go-yaml, skipped by
 * libyaml), and "?" or ":" without a space before a bracket inside a flow collection ({a: n? b}, {b:}). */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "common/base/err.h"
#include "common/base/span.h"

#define YAML_BYTES_MAX ((size_t)16 << 20) /* of the text */
#define YAML_NODES_MAX ((size_t)2000000)
#define YAML_DEPTH_MAX 1000 /* collections inside one another */

struct yaml_mark {
	unsigned line, column; /* from 1, in characters; line 0: nowhere */
	size_t offset;         /* bytes from the beginning of yaml_tree_text */
};

enum yaml_kind {
	YAML_SCALAR,
	YAML_SEQUENCE,
	YAML_MAPPING,
	YAML_ALIAS,
};

/* Core types, as "!!int" and the like name them. */
enum yaml_tag {
	YAML_TAG_NULL,
	YAML_TAG_BOOL,
	YAML_TAG_INT,
	YAML_TAG_FLOAT,
	YAML_TAG_STR,
	YAML_TAG_TIMESTAMP,
	YAML_TAG_BINARY,
	YAML_TAG_MERGE, /* plain "<<" */
	YAML_TAG_SEQ,
	YAML_TAG_MAP,
	YAML_TAG_OTHER, /* an explicit one that is none of these */
};

struct yaml_node {
	enum yaml_kind kind;
	enum yaml_tag tag; /* explicit, or what a plain scalar looks like */
	bool tag_explicit; /* it was written */
	bool plain;        /* a scalar without quotes that is no block */
	struct span text; /* SCALAR: the value; ALIAS: the anchor's name; NUL-terminated, but may hold NULs */
	struct yaml_mark start, end;    /* end is one past the last character */
	const struct yaml_node *first;  /* first child; key, value, key, value... of a MAPPING */
	const struct yaml_node *next;   /* in the parent */
	const struct yaml_node *target; /* ALIAS: the anchored node, which is never an alias itself */
	size_t count;                   /* children */
	size_t index;                   /* of this node in the tree, from 0 */
};

enum yaml_fault {
	YAML_OK,
	YAML_EMPTY,  /* no document at all */
	YAML_SYNTAX, /* go-yaml refuses it too */
	YAML_LIMIT,  /* larger or deeper than the limits above */
};

struct yaml_error {
	enum yaml_fault fault;
	struct yaml_mark at;
	struct err err; /* without the place */
};

struct yaml_tree; /* opaque: the tree with its text */

/* Parse. NULL with error filled in. The text is copied. */
struct yaml_tree *yaml_tree_parse(struct span text, struct yaml_error *error);
void yaml_tree_free(struct yaml_tree *y); /* NULL is fine */

const struct yaml_node *yaml_tree_root(const struct yaml_tree *y);
/* The text as UTF-8, without byte order mark: what offsets count in. */
struct span yaml_tree_text(const struct yaml_tree *y);
size_t yaml_tree_count(const struct yaml_tree *y);

/* The node itself, or what it is an alias of. */
static inline const struct yaml_node *yaml_resolve(const struct yaml_node *n)
{
	return n->kind == YAML_ALIAS ? n->target : n;
}

/* "!!int" and the like. */
const char *yaml_tag_name(enum yaml_tag tag);

#endif
