/* What a YAML scalar means, by go-yaml's rules (resolve.go, decode.go): YAML 1.2 with leftovers of 1.1. */
#ifndef CONF_YAML_SCALAR_H
#define CONF_YAML_SCALAR_H

#include "common/conf/yaml.h"

struct yaml_value {
	enum yaml_tag tag;
	bool boolean;
	bool is_signed; /* INT: in `integer`, else in `natural`, which is then above INT64_MAX */
	int64_t integer;
	uint64_t natural;
	double real; /* FLOAT */
};

/* The type of a plain scalar without a tag. */
enum yaml_tag yaml_scalar_tag(struct span text);

/* Type and value of a SCALAR node. -1 with err when an explicit tag does not fit its value ("!!int x"), which
 * go-yaml treats as an error of the whole document. Texts are YAML_TAG_STR, also those with unknown tags. */
int yaml_scalar_value(const struct yaml_node *n, struct yaml_value *out, struct err *err);

/* Is it a text for Go: no null, boolean, number or date? */
bool yaml_is_text(const struct yaml_value *v);

/* As a typed field of a Go struct takes a SCALAR node that yaml_scalar_value accepted and that is not null. False when
 * it does not fit. Ints and uints cut floats; bools know yes, no, on, off, quoted too; durations are texts with units. */
bool yaml_as_bool(const struct yaml_node *n, const struct yaml_value *v, bool *out);
bool yaml_as_int(const struct yaml_value *v, int64_t *out);
bool yaml_as_uint(const struct yaml_value *v, uint64_t *out);
bool yaml_as_duration(const struct yaml_node *n, const struct yaml_value *v, int64_t *ns);
/* Any scalar, as written; !!binary decoded, NULL when that is no base64, which ends the whole decoding. To be freed. NULs
 * inside are kept, *len counts them. */
char *yaml_as_text(const struct yaml_node *n, const struct yaml_value *v, size_t *len);

#endif
