/* A configuration as the checks see it: its tree and its rules one by one, also where cloudflared refuses the file, and
 * beside them what cloudflared would make of it. */
#ifndef LINT_VIEW_H
#define LINT_VIEW_H

#include "common/conf/ingress.h"
#include "common/conf/rx.h"
#include "ingress-lint/names.h"
#include "ingress-lint/tree.h"

/* Where the text of a configuration stands in its file: all of it, or a part of a manifest. */
struct view_origin {
	const char *file; /* its name; borrowed */
	struct span text; /* of the whole file; borrowed */
	bool in_manifest;
	unsigned line, column; /* of the text's first character, from 1 */
	bool exact; /* the text is the file's, but for its indentation; else all findings are at line and column */
	size_t offset;          /* of the text's first byte in the file; in a manifest, of its document's */
	struct span document;   /* in a manifest: the text around it, as it stands in the file; borrowed */
	unsigned document_line; /* its first line in the file */
};

struct view_rule {
	size_t number;                /* from 1; empty elements do not count */
	const struct yaml_node *node; /* a mapping */
	/* Values of the keys; NULL when absent or null. */
	const struct yaml_node *hostname, *path, *service, *options;
	char *host, *punycode, *expr; /* "" when absent; punycode NULL when there is none */
	char *text;                   /* of the service */
	bool bastion;                 /* bastionMode is in effect */
	enum ingress_fault fault;     /* of the service */
	struct err fault_err;
	struct ingress_service target; /* when fault is INGRESS_OK */
	struct rx *rx;                 /* NULL: there is no path, or rx_err says what is wrong with it */
	struct rx_set *set;            /* rx alone */
	struct err rx_err;
};

struct view {
	struct view_origin origin;
	enum release release;
	struct span yaml;       /* borrowed */
	struct yaml_tree *tree; /* NULL when the text does not parse */
	const struct yaml_node *root, *global,
		*list; /* global: originRequest, list: ingress; NULL when absent */
	struct view_rule *rules;
	size_t count;
	struct names names;
	enum ingress_fault fault; /* INGRESS_OK: cloudflared accepts it */
	struct ingress_error error;
	struct ingress_errors errors;    /* all that the decoder found */
	bool is_excessive;               /* refused for its size, depth or aliases: more than anybody means */
	struct ingress_file file;        /* as far as ingress_parse fills it in */
	struct ingress_matcher *matcher; /* when it is accepted */
};

/* Read a configuration. What origin borrows, and yaml, must last as long as the view. */
void view_init(struct view *v, struct view_origin origin, struct span yaml, enum release release);
void view_fini(struct view *v);

/* A key of originRequest as it is in effect for a rule: its own, else the global one. NULL when it is a default. */
const struct yaml_node *view_option(const struct view *v, const struct view_rule *r, const char *key);
/* Line and column of a mark in the file, from 1. */
void view_place(const struct view *v, struct yaml_mark at, unsigned *line, unsigned *column);

/* Does every host that b matches match a too? Both are hostnames of rules. */
bool view_host_covers(const char *a, const char *b);
static inline bool view_is_any(const char *host)
{
	return host[0] == '\0' || (host[0] == '*' && host[1] == '\0');
}
static inline bool view_is_wildcard(const char *host)
{
	return host[0] == '*' && host[1] == '.';
}
/* Is the rule's service one that speaks HTTP to an origin, one that carries a stream, one behind TLS? */
bool view_is_http(const struct view_rule *r);
bool view_is_stream(const struct view_rule *r);
bool view_is_tls(const struct view_rule *r);
/* Does it refuse everybody, or let in only those with a token of Access? */
bool view_is_protected(const struct view_rule *r);
/* A name for messages: "rule 2 (app.example.com, path ^/a)". To be freed. */
char *view_rule_name(const struct view_rule *r);

#endif
