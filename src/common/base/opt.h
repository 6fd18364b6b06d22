/* Command-line options from one table: parsing, --help, --version, and environment defaults. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Values of a repeatable option, in the order given. The array is owned, the strings are borrowed from argv or from
 * `split`. */
struct opt_list {
	const char **items;
	size_t count;
	char *split; /* a variable of the environment, cut at its commas; owned */
};

enum opt_kind {
	OPT_KIND_BOOL,   /* bool: present, or =true, =false */
	OPT_KIND_TEXT,   /* const char * */
	OPT_KIND_LIST,   /* struct opt_list */
	OPT_KIND_NUMBER, /* int64_t, min..max */
	OPT_KIND_TIME,   /* int64_t nanoseconds, min..max; Go's duration syntax */
	OPT_KIND_REFUSE, /* known, not supported: refused by name */
};

struct opt {
	char brief;        /* one-letter form, 0 for none */
	const char *name;  /* without dashes; NULL ends the table */
	const char *value; /* placeholder of the argument in --help; NULL for none */
	const char *help;  /* one line; NULL hides the row from --help */
	enum opt_kind kind;
	size_t offset; /* of the member in the configuration struct */
	int64_t min, max;
	const char *
		env; /* variable that sets it when the command line does not; lists split at commas. NULL for none */
};

/* The last cells of a row: where the value goes. */
#define OPT_BOOL(type, member) OPT_KIND_BOOL, offsetof(type, member), 0, 0
#define OPT_TEXT(type, member) OPT_KIND_TEXT, offsetof(type, member), 0, 0
#define OPT_LIST(type, member) OPT_KIND_LIST, offsetof(type, member), 0, 0
#define OPT_NUMBER(type, member, min, max) OPT_KIND_NUMBER, offsetof(type, member), (min), (max)
#define OPT_TIME(type, member, min, max) OPT_KIND_TIME, offsetof(type, member), (min), (max)
#define OPT_REFUSE OPT_KIND_REFUSE, 0, 0, 0

#define OPT_MAX 160 /* rows in a table */

struct opt_program {
	const char *name;    /* as typed: "tunnel edge" */
	const char *usage;   /* what follows the name in the usage line */
	const char *summary; /* one line */
	const char *more;    /* text after the options, NULL for none */
	const struct opt *options;
	bool first_only; /* stop at the first operand, which names a subcommand; --help shows no options then */
	/* "OUTBORE_WSCAT_": rows without a variable have this and their name in capitals. NULL: they have none */
	const char *env_prefix;
};

/* Which rows were set, so that a configuration file comes behind them. Zeroed by the caller. */
struct opt_seen {
	bool row[OPT_MAX];
};

enum opt_result {
	OPT_RUN,  /* go on; operands are in argv[0..argc-1] */
	OPT_DONE, /* --help or --version was answered on stdout */
	OPT_BAD,  /* usage error in err: exit 2 */
};

/* Parse *argv (without the program's own name) into conf; operands are moved to the front and *argc, *argv adjusted to
 * them. Options and operands may be mixed unless first_only; "--" ends options. */
enum opt_result opt_parse(const struct opt_program *program, void *conf, struct opt_seen *seen, int *argc,
	char ***argv, struct err *err);
/* Apply the environment to the rows whose member is not set yet. An empty variable counts as unset. */
enum opt_result opt_environment(
	const struct opt_program *program, void *conf, struct opt_seen *seen, struct err *err);
/* Set one row from text, as a configuration file does; origin is named in the message ("a.yml:3: metrics"). */
enum opt_result opt_set(
	const struct opt *row, void *conf, const char *text, const char *origin, struct err *err);
/* Index of the first argument that is neither an option nor the value of one, by the first of these tables that has the option;
 * argc when there is none. An option that no table has takes no value. Nothing is parsed. */
int opt_operand(const struct opt *const *tables, size_t count, int argc, char **argv);
/* The row of that name, or NULL. */
const struct opt *opt_find(const struct opt *options, const char *name);
/* Was the row of that name set? */
bool opt_was_set(const struct opt *options, const struct opt_seen *seen, const char *name);
/* Was the row set, or another that fills the same member (--cred-file, --credentials-file)? */
bool opt_row_was_set(const struct opt *options, const struct opt_seen *seen, const struct opt *row);
/* Free the arrays of every list row. */
void opt_free(const struct opt *options, void *conf);

#endif
