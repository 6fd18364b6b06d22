/* Options that take one of a few names. */
#include "ingress-lint/choice.h"
#include "common/base/buf.h"

int choice_value(
	const struct choice *choices, const char *option, const char *name, int none, struct err *err)
{
	struct buf list = {0};

	if (name == NULL)
		return none;
	for (const struct choice *c = choices; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0) {
			buf_free(&list);
			return c->value;
		}
		buf_addf(&list, "%s%s", buf_len(&list) > 0 ? ", " : "", c->name);
	}
	buf_add_char(&list, '\0');
	err_set(err, "--%s: \"%s\" is none of %s", option, name, buf_span(&list).p);
	buf_free(&list);
	return -1;
}

int choice_release(const char *name, struct err *err)
{
	static const struct choice releases[] = {
		{"2023.7", RELEASE_2023_7}, {"2025", RELEASE_2025}, {"2026", RELEASE_2026}, {0}};

	return choice_value(releases, "compat", name, RELEASE_2025, err);
}
