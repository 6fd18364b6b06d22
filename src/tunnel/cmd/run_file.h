/* The configuration file of `tunnel run`: found, read, its settings put behind command line and environment, and what this
 * program does not carry out refused by name and line. */
#ifndef CMD_RUN_FILE_H
#define CMD_RUN_FILE_H

#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/conf/ingress.h"

/* Zero-initialised is no file. Settings that were applied point into it. */
struct run_file {
	char *path; /* NULL: there is none */
	struct ingress_file conf;
};

/* Read the file at path, or when that is NULL the first in the usual places, where there may be none. 0, or an exit
 * status with err naming file and line. */
int run_file_read(struct run_file *f, const char *path, struct err *err);
/* Set the rows of options that are not seen yet. -1 for a setting that has no such row, or a wrong value. */
int run_file_apply(const struct run_file *f, const struct opt *options, void *flags, struct opt_seen *seen,
	struct err *err);
/* Refuse rules with what is not carried out. 0, or an exit status. */
int run_file_check(const struct run_file *f, struct err *err);
/* What there is to say about a file that is accepted. */
void run_file_log(const struct run_file *f, const struct log *log);
void run_file_free(struct run_file *f);

#endif
