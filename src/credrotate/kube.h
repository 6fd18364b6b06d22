/* Kubernetes' API server: the few calls that installing a Secret and rolling out a Deployment take. */
#ifndef CREDROTATE_KUBE_H
#define CREDROTATE_KUBE_H

#include <jansson.h>

#include "common/base/err.h"
#include "credrotate/interrupt.h"

#define KUBE_ANSWER_MAX ((size_t)4 << 20)

struct kube; /* opaque */

/* NULL members stand for what a pod finds: the environment's address, the service account's files. */
struct kube_conf {
	const char *server, *ca, *token_file, *cert, *key, *account_dir;
	const struct interrupt *interrupt; /* ends waiting */
};

struct kube *kube_new(const struct kube_conf *conf, struct err *err);
void kube_free(struct kube *k);

enum kube_result {
	KUBE_OK,
	KUBE_MISSING,  /* 404 */
	KUBE_CONFLICT, /* 409: changed meanwhile, or there already */
	KUBE_DENIED,   /* 401, 403 */
	KUBE_FAILED,
};

/* Ask until there is an answer that is not "later": 429, 5xx and lost connections are repeated for a while, which is why
 * every request here may come twice; a 401 is asked again once, with the token as its file has it then. type is of the body,
 * which is NULL for none; both are borrowed. *out is the answer's object, to be released; NULL unless KUBE_OK. Answers may
 * hold secrets: the JSON library wipes them. err is left alone when KUBE_OK. */
enum kube_result kube_ask(struct kube *k, const char *method, const char *path, const char *type,
	const char *body, json_t **out, struct err *err);
/* May I do that? False when not, or when it cannot be found out, with the reason. */
bool kube_may(struct kube *k, const char *verb, const char *group, const char *resource, const char *ns,
	const char *name, struct err *err);

#endif
