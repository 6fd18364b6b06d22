/* Settings of `tunnel edge`: command line, configuration file, defaults, in this order. */
#ifndef CMD_EDGE_CONF_H
#define CMD_EDGE_CONF_H

#include "common/base/log.h"
#include "common/conf/yaml.h"
#include "tunnel/cmd/edge_store.h"
#include "tunnel/edge/edge.h"
#include "tunnel/mgmt/mgmt.h"

/* What the options write to. */
struct edge_flags {
	struct edge_conf edge;
	struct store_flags store;
	struct mgmt_conf api;
	const char *config, *log_level;
	bool json;
	enum log_level level;
	struct yaml_tree *text; /* of the file: owns what its values point to */
};

/* OPT_RUN, OPT_DONE, or OPT_BAD with err: what the options must say together is checked as well. edge_flags_free in every
 * case. argv is what follows "edge". */
enum opt_result edge_flags_read(struct edge_flags *f, int argc, char **argv, struct err *err);
void edge_flags_free(struct edge_flags *f);

#endif
