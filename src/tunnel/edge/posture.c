/* A policy file that is looked at once a second: a file that cannot be used leaves the policy as it was. */
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/conf/headerpolicy.h"
#include "tunnel/edge/posture.h"

struct posture {
	struct worker *worker;
	const char *path;
	struct headerpolicy *policy;
	struct headerpolicy_scratch scratch;
	struct stat seen; /* of the file that was read last, usable or not */
	struct loop_timer look;
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

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void posture_on_look(void *arg)
{
	struct posture *p = arg;
	struct stat now;
	struct err err;

	loop_timer_start(&p->look, POSTURE_LOOK_MS);
	if (stat(p->path, &now) < 0 || is_same(&now, &p->seen))
		return;
	p->seen = now;
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

	p->worker = w;
	p->path = path;
	loop_timer_init(&p->look, w->loop, posture_on_look, p);
	if (stat(path, &p->seen) < 0) /* before it is read: a change in between is seen later */
		err_sys(err, "%s", path);
	else
		p->policy = read_policy(path, err);
	if (p->policy == NULL) {
		posture_free(p);
		return NULL;
	}
	loop_timer_start(&p->look, POSTURE_LOOK_MS);
	return p;
}

void posture_free(struct posture *p)
{
	if (p == NULL)
		return;
	loop_timer_fini(&p->look);
	headerpolicy_free(p->policy);
	free(p);
}

void posture_apply(struct posture *p, struct span host, struct span path, int status, struct fields *fields)
{
	struct headerpolicy_subject subject = {host, path, status};

	if (p != NULL && headerpolicy_apply(p->policy, &subject, fields, &p->scratch) < 0)
		log_line(p->worker->log, LOG_WARN, "too many headers for the policy", "path=\"%.*s\"",
			(int)(path.len < 64 ? path.len : 64), path.p);
}
