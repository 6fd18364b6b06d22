/* A policy file that is read again when it changes: one that cannot be used leaves the policy as it was. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/conf/headerpolicy.h"
#include "common/net/watch.h"
#include "tunnel/edge/posture.h"

struct posture {
	struct worker *worker;
	const char *path;
	struct headerpolicy *policy;
	struct headerpolicy_scratch scratch;
	struct nonce_pool nonces;
	struct watch *watch;
};

static struct headerpolicy *read_policy(const char *path, struct err *err)
{
	struct buf text = {.max = HEADERPOLICY_BYTES_MAX};
	struct headerpolicy *policy = NULL;

	if (fsx_read(path, &text, err) == 0 && (policy = headerpolicy_parse(buf_span(&text), err)) == NULL)
		err_wrap(err, "%s", path);
	buf_free(&text);
	return policy;
}

static void posture_on_change(void *arg)
{
	struct posture *p = arg;
	struct err err;
	struct headerpolicy *policy = read_policy(p->path, &err);

	if (policy == NULL) {
		log_line(p->worker->log, LOG_ERROR, "header policy kept as it was", "error=\"%s\"", err.text);
		return;
	}
	headerpolicy_free(p->policy);
	p->policy = policy;
	log_line(p->worker->log, LOG_INFO, "header policy read again", "file=\"%s\"", p->path);
}

struct posture *posture_open(struct worker *w, const char *path, struct err *err)
{
	struct posture *p = mem_alloc(sizeof(*p));
	struct watch_conf conf = {.path = path, .max = HEADERPOLICY_BYTES_MAX};

	p->worker = w;
	p->path = path;
	/* Before it is read: a change in between is seen later. */
	p->watch = watch_open(w->loop, &conf, posture_on_change, p);
	p->policy = read_policy(path, err);
	if (p->policy == NULL) {
		posture_free(p);
		return NULL;
	}
	return p;
}

void posture_free(struct posture *p)
{
	if (p == NULL)
		return;
	watch_free(p->watch);
	headerpolicy_free(p->policy);
	headerpolicy_scratch_free(&p->scratch);
	free(p);
}

bool posture_nonce(struct posture *p, char nonce[NONCE_TEXT], struct span *header)
{
	*header = p != NULL ? headerpolicy_nonce_header(p->policy) : (struct span){0};
	nonce[0] = '\0';
	if (header->p == NULL)
		return false;
	nonce_make(&p->nonces, nonce);
	return true;
}

void posture_apply(struct posture *p, const struct posture_response *r, struct fields *fields)
{
	char fresh[NONCE_TEXT];

	if (p == NULL)
		return;
	struct headerpolicy_subject subject = {r->host, r->path, r->status, span_str(r->nonce)};
	/* A policy that was read in between asks for a nonce which nobody knows. */
	if (r->nonce[0] == '\0' && headerpolicy_nonce_header(p->policy).p != NULL) {
		nonce_make(&p->nonces, fresh);
		subject.nonce = span_str(fresh);
	}
	if (headerpolicy_apply(p->policy, &subject, fields, &p->scratch) < 0)
		log_line(p->worker->log, LOG_WARN, "too many headers for the policy", "path=\"%.*s\"",
			(int)(r->path.len < 64 ? r->path.len : 64), r->path.p);
}
