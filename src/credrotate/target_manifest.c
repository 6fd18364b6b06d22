/* A target that is a Secret's manifest on standard output: a pipeline brings it to the cluster. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/secretdoc.h"
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

static int check_pipe(const struct target *t, struct err *err)
{
	if (t->env->manifest_fd < 0)
		return err_set(err,
			"%s: standard output was closed, so that what is behind the pipe could begin; run "
			"the command "
			"again with the pipe",
			t->text);
	int mode = fcntl(t->env->manifest_fd, F_GETFL);
	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
		return err_set(err, "%s: standard output is closed: nobody would get the manifest", t->text);
	if (isatty(t->env->manifest_fd))
		return err_set(err,
			"%s: standard output is a terminal, and the manifest holds a secret; pipe it on",
			t->text);
	return 0;
}

static int manifest_check(struct target *t, struct err *err)
{
	return check_pipe(t, err);
}

static int compose(struct target *t, const struct cred *c, struct buf *out, struct err *err)
{
	struct manifest *m = t->own;
	struct buf value = {.max = CRED_FILE_MAX};
	struct secret was = {0};
	struct err unused; /* a key that is not there yet */
	enum target_format format = t->format != TARGET_AUTO ? t->format : TARGET_CREDENTIALS;

	if (m->old != NULL && secretref_value(&m->ref, m->old, &was, &unused) < 0)
		secret_free(&was);
	int rc = target_compose(format, span_of((const char *)was.data, was.len), c, &value, err);
	struct secretdoc d = {.ns = m->ref.ns,
		.name = m->ref.name,
		.key = m->ref.key,
		.fingerprint = t->env->fingerprint,
		.value = buf_span(&value),
		.old = m->old};
	if (rc == 0)
		rc = secretdoc_compose(&d, out, err);
	secret_free(&was);
	buf_wipe(&value);
	return rc;
}

/* As it stands now, after a crash too. */
static int manifest_refresh(struct target *t, struct err *err)
{
	struct secret unused = {0};
	int rc = manifest_read(t, &unused, err);

	secret_free(&unused);
	return rc;
}

static int manifest_install(
	struct target *t, const struct cred *c, bool keep, struct buf *note, struct err *err)
{
	struct buf text = {0};
	int rc = check_pipe(t, err);

	(void)keep;
	if (rc == 0)
		rc = manifest_refresh(t, err);
	if (rc == 0)
		rc = compose(t, c, &text, err);
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

static int manifest_forget(struct target *t, struct err *err)
{
	(void)t;
	(void)err;
	return 0;
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
	manifest_install, manifest_kept, manifest_forget, nothing, manifest_close};
