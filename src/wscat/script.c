/* The little language of --script. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/proto/ws_conn.h"
#include "wscat/form.h"
#include "wscat/script.h"

static const struct {
	struct span word;
	enum script_verb verb;
} verbs[] = {
	{{"send", 4}, SCRIPT_SEND},
	{{"hex", 3}, SCRIPT_HEX},
	{{"ping", 4}, SCRIPT_PING},
	{{"pong", 4}, SCRIPT_PONG},
	{{"raw", 3}, SCRIPT_RAW},
	{{"wait", 4}, SCRIPT_WAIT},
	{{"expect", 6}, SCRIPT_EXPECT},
	{{"close", 5}, SCRIPT_CLOSE},
	{{"drop", 4}, SCRIPT_DROP},
};

/* Keep text in s->bytes; the offset goes where the pointer will be. */
static void keep(struct script *s, struct script_step *step, struct span text)
{
	step->text = span_of((const char *)buf_len(&s->bytes) + 1, text.len);
	buf_add_span(&s->bytes, text);
}

static int read_close(struct script *s, struct script_step *step, struct span rest, struct err *err)
{
	struct span reason, code = span_cut(rest, ' ', &reason);
	uint64_t n = 0;

	if (code.len > 0 && (!span_to_u64(code, 4999, &n) || !ws_code_may_be_sent((int)n)))
		return err_set(err, "a close code is 1000 to 1014 or 3000 to 4999");
	if (!ws_reason_may_be_sent(reason))
		return err_set(err, "a close reason is UTF-8 of at most 123 bytes");
	step->code = (int)n;
	if (reason.p != NULL)
		keep(s, step, reason);
	return 0;
}

static int read_step(struct script *s, struct script_step *step, struct span rest, struct err *err)
{
	struct buf bytes = {0};
	int64_t ns;
	int rc = 0;

	switch (step->verb) {
	case SCRIPT_SEND:
	case SCRIPT_EXPECT:
	case SCRIPT_PING:
	case SCRIPT_PONG:
		if (rest.p != NULL)
			keep(s, step, rest);
		break;
	case SCRIPT_HEX:
	case SCRIPT_RAW:
		rc = form_read(FORM_HEX, rest, &bytes, err);
		keep(s, step, buf_span(&bytes));
		break;
	case SCRIPT_WAIT:
		if (duration_parse(rest, &ns) != DURATION_OK || ns < 0)
			rc = err_set(err, "wait takes a duration such as 500ms");
		else
			step->wait_ms = ns / DURATION_MS;
		break;
	case SCRIPT_CLOSE: rc = read_close(s, step, rest, err); break;
	case SCRIPT_DROP: break;
	}
	buf_free(&bytes);
	return rc;
}

static int read_line(struct script *s, struct span line, struct err *err)
{
	struct span rest, word = span_cut(line, ' ', &rest);
	struct script_step step = {0};

	if (word.len == 0 || word.p[0] == '#')
		return 0;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!span_eq(word, verbs[i].word))
			continue;
		if (s->count == SCRIPT_STEPS_MAX)
			return err_set(err, "more than %d steps", SCRIPT_STEPS_MAX);
		step.verb = verbs[i].verb;
		if (read_step(s, &step, rest, err) < 0)
			return -1;
		s->steps = mem_grow(s->steps, s->count + 1, sizeof(*s->steps));
		s->steps[s->count++] = step;
		return 0;
	}
	return err_set(err, "unknown step \"%.*s\"", (int)(word.len < 20 ? word.len : 20), word.p);
}

struct script *script_parse(struct span text, struct err *err)
{
	struct script *s = mem_alloc(sizeof(*s));
	size_t number = 0;

	while (text.p != NULL) {
		struct span line = span_trim(span_cut(text, '\n', &text));
		number++;
		if (read_line(s, line, err) < 0) {
			err_wrap(err, "line %zu", number);
			script_free(s);
			return NULL;
		}
	}
	for (size_t i = 0; i < s->count; i++)
		if (s->steps[i].text.p != NULL)
			s->steps[i].text.p = buf_span(&s->bytes).p + ((size_t)s->steps[i].text.p - 1);
	return s;
}

void script_free(struct script *s)
{
	if (s == NULL)
		return;
	free(s->steps);
	buf_free(&s->bytes);
	free(s);
}
