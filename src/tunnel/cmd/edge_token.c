/* tunnel edge token, tunnel edge cert: who may use the management API. Work on the store, also while the edge runs. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/edge_store.h"
#include "tunnel/cmd/edge_token.h"

#define LABEL_TEXT_MAX 100

struct token_flags {
	struct store_flags store;
	const char *label, *output;
	bool read_only, json;
};

#define COMMON_ROWS                                                                                        \
	STORE_FLAG_ROWS(struct token_flags, store),                                                        \
		{0, "label", "TEXT", "what it is for, shown by list", OPT_TEXT(struct token_flags, label), \
			NULL},                                                                             \
		{0, "read-only", NULL, "it may look, and not change or see secrets",                       \
			OPT_BOOL(struct token_flags, read_only), NULL},                                    \
	{                                                                                                  \
		'o', "output", "FILE", "write to FILE, mode 0600, in place of stdout",                     \
			OPT_TEXT(struct token_flags, output), NULL                                         \
	}

static const struct opt token_options[] = {
	COMMON_ROWS,
	{'j', "json", NULL, "list: one record a line", OPT_BOOL(struct token_flags, json), NULL},
	{0},
};

static const struct opt_program token_program = {.name = "tunnel edge token",
	.usage = "make|list|revoke [OPTIONS] --store FILE [ID...]",
	.summary = "API tokens of an edge. A token is printed once, when it is made; only its hash is kept.",
	.more = "exit status: 0 done, 1 no such token, 2 usage, 3 the store cannot be used\n",
	.options = token_options};

static const struct opt cert_options[] = {
	COMMON_ROWS,
	{0},
};

static const struct opt_program cert_program = {.name = "tunnel edge cert",
	.usage = "[OPTIONS] --store FILE",
	.summary = "Makes an API token and prints it as a cert.pem, for cloudflared and for tunnel create.",
	.more = "exit status: 0 done, 2 usage, 3 the store cannot be used\n",
	.options = cert_options};

/* --- Writing --- */

static int put_text(const char *path, struct span text, struct err *err)
{
	if (path != NULL)
		return fsx_write(path, text, 0600, err);
	if (fwrite(text.p, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
		return err_sys(err, "stdout");
	return 0;
}

/* Make one; print it as it is, or as a certificate. */
static int make(const struct token_flags *f, bool as_cert, struct err *err)
{
	struct edge_store s;
	struct token_record record = {0};
	struct buf text = {.max = 8192};
	char token[AUTH_TEXT_MAX];
	int rc = edge_store_open(&f->store, STORE_TOUCH, false, &s, err);

	if (rc == 0)
		rc = edge_store_token(
			&s, f->label != NULL ? f->label : "", !f->read_only, token, &record, err);
	if (rc == 0) {
		buf_reserve(&text, 8192);
		if (as_cert)
			edge_store_cert(&s, token, &text);
		else
			buf_addf(&text, "%s\n", token);
		rc = put_text(f->output, buf_span(&text), err);
	}
	secret_wipe(token, sizeof(token));
	buf_wipe(&text);
	token_record_free(&record);
	edge_store_close(&s);
	return rc;
}

/* --- Listing --- */

static void list_json(const struct token_record *t, const char *made)
{
	json_t *record = out_record("token", "tunnel");

	json_object_set_new(record, "id", json_string(t->id));
	json_object_set_new(record, "label", json_string(t->label));
	json_object_set_new(record, "write", json_boolean(t->may_write));
	json_object_set_new(record, "created_at", json_string(made));
	out_line(stdout, record);
}

static void list_one(void *arg, const struct store_record *r)
{
	const struct token_flags *f = arg;
	struct token_record t;
	struct buf label = {0};
	char made[RFC3339_TEXT_MAX];
	struct err err;

	if (token_record_parse(r->value, &t, &err) < 0) {
		out_die(token_program.name, &err, 0);
		return;
	}
	rfc3339_print(t.created_at, f->json ? 3 : 0, made);
	if (f->json) {
		list_json(&t, made);
	} else {
		out_escape(span_str(t.label), &label);
		printf("%s  %s  %-5s  %.*s\n", t.id, made, t.may_write ? "write" : "read",
			(int)buf_len(&label), buf_span(&label).p);
	}
	buf_free(&label);
	token_record_free(&t);
}

static int list(struct token_flags *f, struct err *err)
{
	struct edge_store s;
	int rc = edge_store_open(&f->store, STORE_TOUCH, false, &s, err);

	if (rc == 0 && store_list(s.store, RECORD_TOKEN, SPAN(""), 0, list_one, f, err) != STORE_OK)
		rc = -1;
	if (rc == 0)
		rc = out_end(stdout, "stdout", err);
	edge_store_close(&s);
	return rc;
}

/* --- Revoking --- */

static void found(void *arg, const struct store_record *r)
{
	int64_t *revision = arg;

	*revision = r->revision;
}

static int revoke_one(struct edge_store *s, const char *id, bool *missing, struct err *err)
{
	struct record_key key;
	struct span at = record_key(&key, RECORD_TOKEN, span_str(id));
	int64_t revision = 0;

	switch (store_get(s->store, at, found, &revision, err)) {
	case STORE_OK: break;
	case STORE_MISSING:
		*missing = true;
		fprintf(stderr, "%s: no token \"%s\"; see tunnel edge token list\n", token_program.name, id);
		return 0;
	case STORE_CONFLICT:
	case STORE_FAILED: return -1;
	}
	return store_delete(s->store, at, STORE_ANY, err) == STORE_OK ? 0 : -1;
}

static int revoke(const struct token_flags *f, int argc, char **argv, bool *missing, struct err *err)
{
	struct edge_store s;
	int rc = edge_store_open(&f->store, STORE_TOUCH, false, &s, err);

	for (int i = 0; i < argc && rc == 0; i++)
		rc = revoke_one(&s, argv[i], missing, err);
	edge_store_close(&s);
	return rc;
}

/* --- Commands --- */

static int check(const struct token_flags *f, struct err *err)
{
	if (f->store.path == NULL)
		return err_set(err, "--store FILE is needed: the database of the edge");
	if (f->label != NULL && strlen(f->label) > LABEL_TEXT_MAX)
		return err_set(err, "--label: at most %d bytes", LABEL_TEXT_MAX);
	if (f->label != NULL && !utf8_is_whole(span_str(f->label)))
		return err_set(err, "--label: not UTF-8");
	return 0;
}

static int finish(const char *name, int rc, const struct err *err, int status)
{
	return rc < 0 ? out_die(name, err, EXIT_CANNOT) : status;
}

int edge_token(int argc, char **argv)
{
	struct token_flags f = {0};
	struct opt_seen seen = {0};
	struct err err = {0};
	bool missing = false;
	int rc;

	switch (opt_parse(&token_program, &f, &seen, &argc, &argv, &err)) {
	case OPT_DONE: return EXIT_OK;
	case OPT_BAD: return out_die(token_program.name, &err, EXIT_USAGE);
	case OPT_RUN: break;
	}
	const char *what = argc > 0 ? argv[0] : "";
	bool is_make = strcmp(what, "make") == 0, is_list = strcmp(what, "list") == 0,
	     is_revoke = strcmp(what, "revoke") == 0;
	if (!is_make && !is_list && !is_revoke)
		err_set(&err, "make, list or revoke is expected; see tunnel edge token --help");
	else if ((is_make || is_list) && argc > 1)
		err_set(&err, "unexpected argument \"%s\"", argv[1]);
	else if (is_revoke && argc < 2)
		err_set(&err, "revoke what? The id of a token is expected, as list shows it");
	if (err.text[0] != '\0' || check(&f, &err) < 0)
		return out_die(token_program.name, &err, EXIT_USAGE);
	if (is_make)
		rc = make(&f, false, &err);
	else
		rc = is_list ? list(&f, &err) : revoke(&f, argc - 1, argv + 1, &missing, &err);
	return finish(token_program.name, rc, &err, missing ? EXIT_WRONG : EXIT_OK);
}

int edge_cert(int argc, char **argv)
{
	struct token_flags f = {0};
	struct opt_seen seen = {0};
	struct err err = {0};

	switch (opt_parse(&cert_program, &f, &seen, &argc, &argv, &err)) {
	case OPT_DONE: return EXIT_OK;
	case OPT_BAD: return out_die(cert_program.name, &err, EXIT_USAGE);
	case OPT_RUN: break;
	}
	if (argc > 0)
		err_set(&err, "unexpected argument \"%s\"; see tunnel edge cert --help", argv[0]);
	if (err.text[0] != '\0' || check(&f, &err) < 0)
		return out_die(cert_program.name, &err, EXIT_USAGE);
	return finish(cert_program.name, make(&f, true, &err), &err, EXIT_OK);
}
