/* A target that is a file. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/replace.h"
#include "credrotate/target.h"

static struct span text_of(const struct replace *r)
{
	return span_of((const char *)r->text.data, r->text.len);
}

static int file_open(struct target *t, struct err *err)
{
	struct replace *r = mem_alloc(sizeof(*r));

	t->own = r;
	return replace_open(r, t->place, err);
}

/* Read, and learn the format from it. */
static int file_load(struct target *t, struct secret *out, struct err *err)
{
	struct replace *r = t->own;
	enum target_format format;

	if (replace_read(r, err) < 0)
		return -1;
	if (target_extract(text_of(r), t->format, t->env->tunnel, &format, out, err) < 0)
		return err_wrap(err, "%s", t->place);
	t->format = format;
	return 0;
}

/* Could another secret be written into what it holds? */
static int check_compose(struct target *t, struct err *err)
{
	struct buf text = {.max = CRED_FILE_MAX};
	struct cred any;

	cred_generate(&any, "");
	any.tunnel_id = *t->env->tunnel;
	int rc = target_compose(t->format, text_of(t->own), &any, &text, err);
	cred_free(&any);
	buf_wipe(&text);
	return rc < 0 ? err_wrap(err, "%s", t->place) : 0;
}

static int file_check(struct target *t, struct err *err)
{
	struct replace *r = t->own;

	return check_compose(t, err) < 0 ? -1
					 : replace_try(r, t->env->run, r->text.len + CRED_SECRET_MAX, err);
}

static bool holds(const struct secret *a, const struct secret *b)
{
	unsigned char x[SECRET_HASH_LEN], y[SECRET_HASH_LEN];

	secret_hash(span_of((const char *)a->data, a->len), x);
	secret_hash(span_of((const char *)b->data, b->len), y);
	return secret_equal(x, y);
}

static int file_install(struct target *t, const struct cred *c, bool keep, struct buf *note, struct err *err)
{
	struct replace *r = t->own;
	struct buf text = {.max = CRED_FILE_MAX};
	struct secret now = {0};
	bool tightened = false;
	int rc = file_load(t, &now, err);

	if (rc == 0 && holds(&now, &c->secret)) {
		buf_add_str(note, "holds it already");
	} else if (rc == 0) {
		mode_t mode = r->st.st_mode & 07777; /* reading back replaces text and st */
		rc = target_compose(t->format, text_of(r), c, &text, err);
		if (rc < 0)
			err_wrap(err, "%s", t->place);
		else
			rc = replace_write(r, t->env->run, buf_span(&text), keep, &tightened, err);
		if (rc == 0 && tightened)
			buf_addf(note, "mode %04o became %04o", (unsigned)mode,
				(unsigned)(r->st.st_mode & 07777));
	}
	secret_free(&now);
	buf_wipe(&text);
	return rc;
}

static bool file_kept(struct target *t, struct secret *out)
{
	struct secret text = {0};
	enum target_format format;
	struct err unused;
	bool ok = replace_kept(t->own, &text) &&
		  target_extract(span_of((const char *)text.data, text.len), TARGET_AUTO, t->env->tunnel,
			  &format, out, &unused) == 0;

	secret_free(&text);
	return ok;
}

static int file_forget(struct target *t, struct err *err)
{
	(void)err;
	replace_forget(t->own);
	return 0;
}

static void file_tidy(struct target *t)
{
	replace_tidy(t->own, t->env->run);
}

static void file_close(struct target *t)
{
	replace_close(t->own);
	free(t->own);
	t->own = NULL;
}

const struct target_ops target_file = {"file", file_open, file_load, file_check, file_install, file_kept,
	file_forget, file_tidy, file_close};
