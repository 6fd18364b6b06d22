/* A proxy's configuration, read for what it does to WebSockets on one path. Tolerant: what is not understood is passed
 * over. Included files are put in by confload.c. No I/O. */
#ifndef WSCAT_CONFFILE_H
#define WSCAT_CONFFILE_H

#include "common/base/buf.h"
#include "wscat/hop.h"

#define CONFFILE_MAX ((size_t)4 << 20) /* bytes of a file */
#define CONFFILE_NODES_MAX 100000      /* directives in a file */
#define CONFFILE_WORDS_MAX 24          /* words of a directive; further ones are dropped */

/* Where each line of a text came from. */
struct conf_origin {
	const char *file; /* borrowed */
	size_t line;
};
struct conf_lines {
	struct conf_origin *at;
	size_t count;
};

/* The request in question. */
struct conf_question {
	const char *file;               /* for messages */
	const struct conf_lines *lines; /* where the text is from; NULL: all of it from the file */
	const char *host;               /* Host, maybe with a port */
	const char *path;               /* without the query */
	const char *port;               /* of the hop, as connected to */
	bool is_tls;                    /* spoken to the hop */
	const char *next;               /* HOST:PORT of the next hop inside; NULL: not known */
	bool next_is_tls;
};

/* One line of a configuration, and where it stands. Blocks have children. */
struct conf_node {
	struct span words[CONFFILE_WORDS_MAX]; /* quotes removed where they were around a whole word */
	size_t count;
	size_t line;
	struct conf_node *parent, *first, *last, *next; /* a tree; owned by the conf_tree */
};
struct conf_tree {
	struct conf_node *root;   /* its words are empty */
	struct conf_node **nodes; /* all of them, to be freed */
	size_t count;
};
/* How lines and blocks end. */
enum conf_syntax {
	CONF_SEMICOLONS, /* nginx: "a b;", "a { }" */
	CONF_LINES,      /* Caddy: newline, "a { }" */
	CONF_TAGS,       /* Apache: newline, "<A b>" to "</A>" */
	CONF_FLAT,       /* HAProxy: newline; sections by their first word */
};
void conf_parse(struct conf_tree *tree, struct span text, enum conf_syntax syntax);
void conf_free(struct conf_tree *tree);

/* Word i of a node, or the empty span. */
struct span conf_word(const struct conf_node *n, size_t i);
bool conf_is(const struct conf_node *n, const char *name);
/* The first or last child of that name; NULL. */
const struct conf_node *conf_child(const struct conf_node *block, const char *name);
const struct conf_node *conf_last_child(const struct conf_node *block, const char *name);

/* Add a suspect. ms: the time it sets, 0 for none; weak: possible rather than plain to see; fix: NULL for the catalogue's. */
void conf_suspect(json_t *list, const struct conf_question *q, const struct conf_node *at, const char *id,
	double ms, bool weak, const char *fix, ...) __attribute__((format(printf, 7, 8)));
/* The same, the fix being the line itself between `before` and `after`; the catalogue's where its words do not make the line
 * again, as with quotes. */
void conf_suspect_line(json_t *list, const struct conf_question *q, const struct conf_node *at,
	const char *id, const char *before, const char *after);
/* Is authority (HOST:PORT or a bare port) the next hop? True when that is not known. */
bool conf_is_next(const struct conf_question *q, struct span authority);
/* "60", "60s", "500ms", "1h30m" in ms; unit_ms is that of a bare number. Negative when it is none. */
double conf_time(struct span text, double unit_ms);
/* Does the path begin with the prefix, at a border of segments? */
bool conf_path_under(const char *path, struct span prefix);

/* The readers; each appends to list. */
void conf_nginx(struct span text, const struct conf_question *q, json_t *list);
void conf_apache(struct span text, const struct conf_question *q, json_t *list);
void conf_haproxy(struct span text, const struct conf_question *q, json_t *list);
void conf_caddy(struct span text, const struct conf_question *q, json_t *list);

/* Which kind of file is it, by its words? PRODUCT_UNKNOWN when none fits. */
enum product conf_guess(struct span text);
/* Guess, read. NULL when it is none of the four. The caller owns the list. */
json_t *conf_read(struct span text, const struct conf_question *q, enum product *product);

#endif
