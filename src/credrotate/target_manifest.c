/* A target that is a Secret's manifest on standard output: a pipeline brings it to the cluster. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/secretref.h"

struct manifest {
	struct secretref ref;
	json_t *old; /* the Secret as it stands, when the API server lets us read it; owned */
};

static int manifest_open(struct target *t, struct err *err)
{
	struct manifest *m = mem_alloc(sizeof(*m));

	t->own = m;
	return secretref_parse(&m->ref, t, err);
}

/* Only with an API server to ask; without, nothing is known of what the cluster holds. */
static int manifest_read(struct target *t, struct secret *out, struct err *err)
{
	struct manifest *m = t->own;
	struct secret text = {0};
	enum target_format format;
	int rc = 0;

	if (t->env->kube == NULL)
		return 0;
	json_decref(m->old);
	m->old = NULL;
	if (secretref_get(&m->ref, t->env->kube, &m->old, err) != KUBE_OK)
		return 0; /* reading it is a convenience */
	if (secretref_value(&m->ref, m->old, &text, err) == 0) {
		rc = target_extract(span_of((const char *)text.data, text.len), t->format, t->env->tunnel,
			&format, out, err);
		t->format = rc == 0 ? format : t->format;
	}
	secret_free(&text);
	return rc;
}

static int manifest_check(struct target *t, struct err *err)
{
	if (isatty(t->env->manifest_fd))
		return err_set(err,
			"%s: standard output is a terminal, and the manifest holds a secret; pipe it on",
			t->text);
	return 0;
}

static void add_member(struct buf *out, const char *name, json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text != NULL)
		buf_addf(out, ",\"%s\":%s", name, text);
	free(text);
}

/* JSON is YAML too. */
static int compose(struct target *t, const struct cred *c, struct buf *out, struct err *err)
{
	struct manifest *m = t->own;
	struct buf value = {.max = CRED_FILE_MAX};
	json_t *meta = json_object_get(m->old, "metadata"), *notes = json_object();
	json_t *had = json_object_get(meta, "annotations");
	enum target_format format = t->format != TARGET_AUTO ? t->format : TARGET_CREDENTIALS;
	int rc = target_compose(format, (struct span){0}, c, &value, err);

	if (json_is_object(had))
		json_object_update(notes, had);
	json_object_del(
		notes, "kubectl.kubernetes.io/last-applied-configuration"); /* it holds the old secret */
	json_object_set_new(notes, "outbore.dev/secret-fingerprint", json_string(t->env->fingerprint));
	buf_reserve(out, out->max);
	buf_addf(out,
		"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%"
		"s\"",
		m->ref.name, m->ref.ns);
	add_member(out, "labels", json_object_get(meta, "labels"));
	add_member(out, "annotations", notes);
	buf_add_char(out, '}');
	add_member(out, "type", json_object_get(m->old, "type"));
	buf_addf(out, ",\"data\":{\"%s\":\"", m->ref.key);
	base64_encode(buf_span(&value), BASE64_PADDED, out);
	if (rc == 0 && buf_add_str(out, "\"}}\n") < 0)
		rc = err_set(err, "%s: too large", t->text);
	json_decref(notes);
	buf_wipe(&value);
	return rc;
}

static int manifest_install(
	struct target *t, const struct cred *c, bool keep, struct buf *note, struct err *err)
{
	struct buf text = {.max = (size_t)512 * 1024};
	int rc = compose(t, c, &text, err);

	(void)keep;
	if (rc == 0 && fsx_write_all(t->env->manifest_fd, buf_span(&text)) < 0)
		rc = err_sys(err, "%s: standard output", t->text);
	if (rc == 0)
		buf_add_str(note, "written to standard output");
	buf_wipe(&text);
	return rc;
}

static bool manifest_kept(struct target *t, struct secret *out)
{
	(void)t;
	(void)out;
	return false;
}

static void nothing(struct target *t)
{
	(void)t;
}

static void manifest_close(struct target *t)
{
	struct manifest *m = t->own;

	secretref_free(&m->ref);
	json_decref(m->old);
	free(m);
	t->own = NULL;
}

const struct target_ops target_manifest = {"manifest", manifest_open, manifest_read, manifest_check,
	manifest_install, manifest_kept, nothing, nothing, manifest_close};
