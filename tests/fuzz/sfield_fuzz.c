/* Structured fields: what is taken out of a value lies within it, a member that was accepted has an inside that reads to its
 * end, and a dictionary that is good is good as the beginning of a longer one. */
#include "common/base/buf.h"
#include "common/proto/sfield.h"
#include "fuzz.h"

static void check_within(struct span part, struct span all)
{
	MUST(part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len));
}

static void check_inside(const struct sfield *v)
{
	struct span rest = v->text, key;
	struct sfield item;

	while (v->kind == SFIELD_INNER_LIST && sfield_inner_next(&rest, &item))
		check_within(item.text, v->text);
	MUST(v->kind != SFIELD_INNER_LIST || rest.len == 0);
	rest = v->params;
	while (sfield_param_next(&rest, &key, &item))
		check_within(key, v->params);
	MUST(rest.len == 0);
}

static bool read_dictionary(struct span in, size_t *members)
{
	struct span rest = in, key;
	struct sfield v;
	enum sfield_step step;

	*members = 0;
	while ((step = sfield_dictionary_next(&rest, &key, &v)) == SFIELD_NEXT) {
		check_within(key, in);
		check_within(v.text, in);
		check_inside(&v);
		(*members)++;
	}
	MUST(step != SFIELD_END || rest.len == 0);
	return step == SFIELD_END;
}

static void check_longer(struct span in, size_t members)
{
	struct buf longer = {0};
	size_t count;

	buf_add_span(&longer, in);
	buf_add_str(&longer, members > 0 ? ", zz=(a;b=1 \"c\")" : "zz=(a;b=1 \"c\")");
	MUST(read_dictionary(buf_span(&longer), &count) && count == members + 1);
	buf_free(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size), rest = in;
	struct sfield v;
	size_t members;

	if (read_dictionary(in, &members))
		check_longer(in, members);
	while (sfield_list_next(&rest, &v) == SFIELD_NEXT)
		check_inside(&v);
	if (sfield_item(in, &v)) {
		check_within(v.text, in);
		/* An item is a list of one member too. */
		rest = in;
		MUST(sfield_list_next(&rest, &v) == SFIELD_NEXT && sfield_list_next(&rest, &v) == SFIELD_END);
	}
	return 0;
}
