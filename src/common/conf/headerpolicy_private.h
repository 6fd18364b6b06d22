/* A policy in memory: shared by its reader and what applies it. */
#ifndef CONF_HEADERPOLICY_PRIVATE_H
#define CONF_HEADERPOLICY_PRIVATE_H

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/conf/headerpolicy.h"
#include "common/proto/hsts.h"

enum op_kind {    /* in the order in which a rule applies them */
	OP_LEAVE, /* nothing, which keeps the rules for every host from it */
	OP_REMOVE,
	OP_SET, /* one line of this value, whatever was there */
	OP_SET_IF_ABSENT,
	OP_STRENGTHEN, /* at least this: never loosened */
	OP_APPEND,     /* one more line, unless it is there */
};

struct op {
	enum op_kind kind;
	struct span name, value;
	struct hsts hsts; /* STRENGTHEN of that header */
	unsigned line;
	uint64_t mark; /* of the name: headerpolicy_mark */
	size_t number; /* of the name: headerpolicy.names */
	size_t nonces; /* times that {nonce} stands in the value */
};

struct texts {
	struct span *at;
	size_t count;
};

struct rule {
	/* Empty lists ask for nothing. */
	struct texts types,
		except_types;       /* media types, "text/" for all of a kind, "none" for no Content-Type */
	struct texts type_contains; /* Content-Type holds one of these as it is written, or is not there */
	struct texts paths, except_paths, hosts, except_hosts; /* "*" stands for anything */
	struct texts unless, if_present;                       /* names of headers */
	struct op *ops;
	size_t op_count;
};

struct rules {
	struct rule *at;
	size_t count;
};

/* What is said for one host or pattern alone. */
struct section {
	struct span host;
	struct rules rules;
	bool *owns; /* by number of a name: the rules for every host have no say about it here */
};

struct headerpolicy {
	struct arena arena;
	struct rules rules; /* for every host */
	struct section *sections;
	size_t section_count;
	struct map by_name;        /* sections of one name, by that in lower case; others are patterns */
	struct section **patterns; /* in the order of the file */
	size_t pattern_count;
	struct map names; /* that operations are about, in lower case: a number from 1 */
	struct span nonce_header;
	size_t nonces;      /* of all values */
	size_t nonce_bytes; /* that all values with a nonce take */
};

/* One bit of 64 for a name, whatever its case: what a response has is known by the bits of all its names, and most of what it
 * has not by a bit that is not there. */
static inline uint64_t headerpolicy_mark(struct span name)
{
	if (name.len == 0)
		return 1;
	size_t first = (unsigned char)span_lower(name.p[0]);
	size_t last = (unsigned char)span_lower(name.p[name.len - 1]);
	return UINT64_C(1) << ((name.len * 5 + first * 3 + last) & 63);
}

#define HEADERPOLICY_NONCE SPAN("{nonce}")

/* How often {nonce} stands in a value. */
size_t headerpolicy_nonces(struct span value);
/* The value with the nonce put in; lives in *out, which has room. */
struct span headerpolicy_put_nonce(struct span value, struct span nonce, struct buf *out);
/* Is text the value, with one valid nonce wherever that has {nonce}? */
bool headerpolicy_has_nonce(struct span value, struct span text);

/* Do the lines of that header, which is a Content-Security-Policy, ask for all that `wanted` asks for? */
bool headerpolicy_csp_covered(const struct fields *headers, struct span header, struct span wanted);

#endif
