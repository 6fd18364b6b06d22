/* A policy in memory: shared by its reader and what applies it. */
#ifndef CONF_HEADERPOLICY_PRIVATE_H
#define CONF_HEADERPOLICY_PRIVATE_H

#include "common/base/arena.h"
#include "common/conf/headerpolicy.h"
#include "common/proto/hsts.h"

enum op_kind { /* in the order in which a rule applies them */
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

struct headerpolicy {
	struct arena arena;
	struct rule *rules;
	size_t count;
};

/* Do the lines of that header, which is a Content-Security-Policy, ask for all that `wanted` asks for? */
bool headerpolicy_csp_covered(const struct fields *headers, struct span header, struct span wanted);

#endif
