/* From nodes to options. */
#include <stdio.h>

#include "common/base/fsx.h"
#include "tunnel/cmd/optfile.h"

/* What is being read. */
struct optfile {
	const char *path;
	const struct opt *options;
	void *conf;
	bool done[OPT_MAX]; /* rows that the file has set */
};

static int fault(const struct optfile *f, const struct yaml_node *at, struct err *err, const char *why)
{
	return err_set(err, "%s:%u:%u: %s", f->path, at->start.line, at->start.column, why);
}

static int set_scalar(
	const struct optfile *f, const struct opt *row, const struct yaml_node *value, struct err *err)
{
	char origin[ERR_MAX / 2];

	value = yaml_resolve(value);
	if (value->kind != YAML_SCALAR || value->tag == YAML_TAG_NULL)
		return fault(f, value, err,
			row->kind == OPT_KIND_LIST ? "a value or a list of values is expected"
						   : "a single value is expected");
	if (strlen(value->text.p) != value->text.len)
		return fault(f, value, err, "the value holds a NUL");
	snprintf(origin, sizeof(origin), "%s:%u: %s", f->path, value->start.line, row->name);
	return opt_set(row, f->conf, value->text.p, origin, err) == OPT_RUN ? 0 : -1;
}

static int set_row(
	const struct optfile *f, const struct opt *row, const struct yaml_node *value, struct err *err)
{
	value = yaml_resolve(value);
	if (row->kind != OPT_KIND_LIST || value->kind != YAML_SEQUENCE)
		return set_scalar(f, row, value, err);
	for (const struct yaml_node *n = value->first; n != NULL; n = n->next)
		if (set_scalar(f, row, n, err) < 0)
			return -1;
	return 0;
}

static int apply_root(
	struct optfile *f, const struct yaml_node *root, const struct opt_seen *seen, struct err *err)
{
	if (root->kind != YAML_MAPPING)
		return fault(f, root, err, "keys and values are expected, as in \"listen: 127.0.0.1:8443\"");
	for (const struct yaml_node *key = root->first; key != NULL; key = key->next->next) {
		if (key->kind != YAML_SCALAR)
			return fault(f, key, err, "a key is expected");
		const struct opt *row = opt_find(f->options, key->text.p);
		if (row == NULL || strcmp(row->name, "config") == 0)
			return err_set(err,
				"%s:%u: unknown key \"%s\"; keys are the options without dashes in front",
				f->path, key->start.line, key->text.p);
		size_t i = (size_t)(row - f->options);
		if (f->done[i])
			return err_set(
				err, "%s:%u: \"%s\" is given twice", f->path, key->start.line, row->name);
		f->done[i] = true;
		if (!seen->row[i] && set_row(f, row, key->next, err) < 0)
			return -1;
	}
	return 0;
}

int optfile_apply(const char *path, const struct opt *options, const struct opt_seen *seen, void *conf,
	struct yaml_tree **text, struct err *err)
{
	struct optfile f = {.path = path, .options = options, .conf = conf};
	struct buf bytes = {.max = YAML_BYTES_MAX};
	struct yaml_error why = {0};
	int rc = fsx_read(path, &bytes, err);

	*text = rc == 0 ? yaml_tree_parse(buf_span(&bytes), &why) : NULL;
	buf_free(&bytes);
	if (rc < 0)
		return -1;
	if (*text == NULL && why.fault == YAML_EMPTY)
		return 0;
	if (*text == NULL)
		return err_set(err, "%s:%u:%u: %s", path, why.at.line, why.at.column, why.err.text);
	return apply_root(&f, yaml_resolve(yaml_tree_root(*text)), seen, err);
}
