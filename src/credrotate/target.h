/* Where a tunnel's secret is installed, and how who uses it is told. KIND:PLACE[,option=value]...
 *
 *   file:PATH                 a credentials file or a token
 *   k8s:NAMESPACE/NAME#KEY    a Kubernetes Secret, through the API server
 *   manifest:NAMESPACE/NAME#KEY   a Secret as a manifest on standard output */
#ifndef CREDROTATE_TARGET_H
#define CREDROTATE_TARGET_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/conf/cred.h"
#include "credrotate/kube.h"
#include "credrotate/verify.h"

#define TARGETS_MAX 64
#define TARGET_REPLICAS_MAX 1000
#define TARGET_STAMP_MAX 40 /* a time of Kubernetes, as text */

enum target_signal {
	TARGET_NONE,    /* nothing is sent: the connector watches the file, or a pipeline does the rest */
	TARGET_RELOAD,  /* SIGHUP, or systemctl reload: connectors of ours alone */
	TARGET_RESTART, /* systemctl restart */
	TARGET_SURGE,   /* start the idle one of two units, then stop the other */
	TARGET_ROLLOUT, /* a Deployment */
	TARGET_EXEC,    /* a command */
};

enum target_format { TARGET_AUTO, TARGET_CREDENTIALS, TARGET_TOKEN };

/* What all targets of a run share; borrowed. */
struct target_env {
	const char *run;         /* the run's id: names temporary files */
	const char *fingerprint; /* of the secret that is installed, for annotations; "" before it is known */
	const struct uuid *tunnel;
	struct kube *kube; /* NULL unless a target needs it */
	int64_t version;   /* of the new secret; 0 when not known */
	int manifest_fd;   /* where manifests go; -1 once that is closed */
	bool force;        /* write a Secret that something else manages */
	bool immutable;    /* where a Secret is immutable, make another and have the pods use that */
	bool is_back;      /* going back: the fingerprint is that of the old secret */
};

struct target {
	const struct target_ops *ops;
	const char *text;  /* as it was given */
	const char *place; /* behind the kind */
	enum target_format format;
	enum target_signal signal;
	const char *unit, *standby, *pidfile, *command, *metrics, *rollout; /* NULL when not given */
	int64_t replicas;
	bool has_replicas, has_signal; /* they were given */
	int64_t progress_s;            /* a Deployment's progressDeadlineSeconds; 0 when not known */
	const struct target_env *env;
	void *own;        /* of its kind */
	const char *base; /* of a Secret: its name as given. Borrowed from own */
	char *reference;  /* the Secret that pods are to use, where that is not base; owned, NULL for none */
	/* What a Deployment's template said of the secret before it was rolled out, "" for nothing: there going back leads. Owned,
	 * NULL when not known. */
	char *rolled_from;
	/* When a Deployment got stuck that was so when we began; empty: it was not. */
	char stuck_before[TARGET_STAMP_MAX];
	bool denied; /* the last failure was a matter of rights */

	/* How far it has come. */
	bool installed, signal_begun, signalled, rejoined;
	bool has_before;
	struct census before; /* taken before it was touched; owned */
};

/* What each kind does. All return 0, or -1 with a message that names the target. */
struct target_ops {
	const char *kind;
	int (*open)(struct target *t, struct err *err);
	/* The secret that it holds. */
	int (*read)(struct target *t, struct secret *out, struct err *err);
	/* Could it be written? Changes nothing that lasts. */
	int (*check)(struct target *t, struct err *err);
	/* Make it hold the secret; nothing to do when it does. keep: the one before is kept. note: a word for the report, or
	 * empty. */
	int (*install)(struct target *t, const struct cred *c, bool keep, struct buf *note, struct err *err);
	/* The secret that was kept; false when there is none. */
	bool (*kept)(struct target *t, struct secret *out);
	/* Remove what was kept; again after a failure. */
	int (*forget)(struct target *t, struct err *err);
	/* Remove what a crash of this run left. */
	void (*tidy)(struct target *t);
	void (*close)(struct target *t);
};

extern const struct target_ops target_file, target_kube, target_manifest;

/* Parse; texts live in the arena. Checks that the options go together. */
int target_read(struct target *t, const char *text, struct arena *a, struct err *err);
void target_drop(struct target *t); /* NULL is fine */
const char *target_signal_name(enum target_signal s);
/* Is there no moment at which the connector behind it is away? */
bool target_is_gapless(const struct target *t);

/* The bytes of a target of that format: old is what stands there, of which all but the secret is kept. out is to be wiped. */
int target_compose(
	enum target_format format, struct span old, const struct cred *c, struct buf *out, struct err *err);
/* The secret in a target's bytes, and the format they are in. -1 when they are of another tunnel. */
int target_extract(struct span text, enum target_format wanted, const struct uuid *tunnel,
	enum target_format *format, struct secret *out, struct err *err);

#endif
