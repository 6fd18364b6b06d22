/* Choosing the rule of a request. */
#include "common/conf/ingress_private.h"

void ingress_index_free(struct ingress_index *index)
{
	(void)index;
}

size_t ingress_match(const struct ingress *in, struct span host, struct span path)
{
	(void)host;
	(void)path;
	return in->count - 1;
}
