/* The table of rules, for people. */
#include <stdio.h>
#include <string.h>

#include "common/base/out.h"
#include "hdrcheck/explain.h"
#include "hdrcheck/rules.h"

static void print_rule(const struct rule *r)
{
	printf("%s (%s%s%s)\n    %s\n", r->id, severity_name(r->severity), r->header[0] != '\0' ? ", " : "",
		r->header, r->why);
	if (r->source[0] != '\0')
		printf("    see %s\n", r->source);
}

int explain(int argc, char **argv)
{
	const char *topic = argc == 1 ? argv[0] : NULL;
	size_t found = 0;
	struct err err;

	if (topic == NULL) {
		err_set(&err, "usage: hdrcheck explain ID|HEADER");
		return out_die("hdrcheck", &err, 2);
	}
	for (size_t i = 0; i < rules_count; i++) {
		bool header = span_eq_nocase(span_str(rules[i].header), span_str(topic));
		if (strcmp(rules[i].id, topic) != 0 && (!header || topic[0] == '\0'))
			continue;
		print_rule(&rules[i]);
		found++;
	}
	if (found > 0)
		return 0;
	err_set(&err, "no finding and no header that is looked at is called \"%s\"", topic);
	return out_die("hdrcheck", &err, 2);
}
