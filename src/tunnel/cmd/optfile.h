/* Options from a YAML file: the same names as on the command line, a list where an option may be repeated. */
#ifndef CMD_OPTFILE_H
#define CMD_OPTFILE_H

#include "common/base/opt.h"
#include "common/conf/yaml.h"

/* Apply the file to the rows not seen yet: the command line wins. An unknown key, a key twice or a value that does not fit
 * is an error naming file and line. The values are borrowed from *text, which the caller frees when conf is gone. */
int optfile_apply(const char *path, const struct opt *options, const struct opt_seen *seen, void *conf,
	struct yaml_tree **text, struct err *err);

#endif
