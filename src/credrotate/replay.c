/* Line by line. What is not known of a line is passed over, what is known has to be of its kind. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "credrotate/replay.h"

static const char *text_of(json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static int64_t number_of(json_t *line, const char *name)
{
	return json_integer_value(json_object_get(line, name));
}

static int64_t time_of(json_t *line, const char *name)
{
	int64_t us;

	return rfc3339_parse(span_str(text_of(line, name)), &us) ? us : API_TIME_NONE;
}

static bool find_state(const char *name, enum run_state *out)
{
	for (enum run_state s = RUN_NEW; name != NULL && s <= RUN_ABORTED; s++)
		if (strcmp(name, run_state_name(s)) == 0) {
			*out = s;
			return true;
		}
	return false;
}

static bool take_targets(struct replay *r, json_t *list)
{
	json_t *text;
	size_t i;

	if (json_array_size(list) > TARGETS_MAX)
		return false;
	r->target_count = json_array_size(list);
	json_array_foreach(list, i, text)
	{
		r->targets[i].text = json_string_value(text);
		if (r->targets[i].text == NULL)
			return false;
	}
	return true;
}

static bool take_intent(struct replay *r, json_t *line)
{
	const char *window = text_of(line, "window");

	if (json_object_get(line, "ok") != NULL)
		return true;
	if (r->drawn_count == RUN_DRAWN_MAX)
		return false;
	r->fp_old = fingerprint_parse(text_of(line, "fp_old"));
	r->drawn[r->drawn_count++] = fingerprint_parse(text_of(line, "fp_new"));
	r->version_old = number_of(line, "version_old");
	r->live_before = number_of(line, "live");
	r->overlaps = json_is_true(json_object_get(line, "overlaps"));
	r->keep_pending = json_is_true(json_object_get(line, "keep_pending"));
	return window == NULL || duration_parse(span_str(window), &r->window_ns) == DURATION_OK;
}

static bool take_issued(struct replay *r, json_t *line)
{
	r->version_new = number_of(line, "version");
	r->issued_at = time_of(line, "server_time");
	r->expires = time_of(line, "expires");
	if (r->drawn_count == 0) { /* nothing was drawn where the current secret is adopted */
		r->drawn[r->drawn_count++] = fingerprint_parse(text_of(line, "fp_new"));
		r->overlaps = r->version_new > 0;
	}
	return r->issued_at != API_TIME_NONE;
}

static bool take_before(struct replay_target *t, json_t *list)
{
	json_t *entry;
	size_t i;

	if (!json_is_array(list))
		return true;
	census_free(&t->before);
	t->before.at = mem_array(json_array_size(list) + 1, sizeof(*t->before.at));
	json_array_foreach(list, i, entry)
	{
		struct census_entry *e = &t->before.at[t->before.count++];
		e->conns = (size_t)number_of(entry, "conns");
		e->proven = json_is_true(json_object_get(entry, "proven"));
		if (!uuid_parse(span_str(text_of(entry, "id")), &e->id))
			return false;
	}
	t->has_before = true;
	return true;
}

static bool take_step(struct replay *r, json_t *line)
{
	const char *step = text_of(line, "step");
	json_t *number = json_object_get(line, "target");
	bool ok = json_is_true(json_object_get(line, "ok"));

	if (number == NULL || step == NULL)
		return true;
	int64_t index = json_integer_value(number);
	if (!json_is_integer(number) || index < 0 || (size_t)index >= r->target_count)
		return false;
	struct replay_target *t = &r->targets[index];
	bool back = r->state == RUN_ROLLBACK;
	if (strcmp(step, "INSTALL") == 0)
		t->installed = t->installed || (ok && !back);
	else if (strcmp(step, "SIGNAL") == 0) {
		t->signal_begun = true;
		t->rolled_from =
			text_of(line, "rolled_from") != NULL ? text_of(line, "rolled_from") : t->rolled_from;
		t->signalled = t->signalled || (ok && !back);
	} else if (strcmp(step, "REJOIN") == 0 && ok) {
		t->rejoined = !back;
		t->has_before = back ? false : t->has_before; /* it is back, and need not be again */
	}
	return back || take_before(t, json_object_get(line, "before"));
}

static bool take_line(struct replay *r, json_t *line)
{
	if (!find_state(text_of(line, "state"), &r->state))
		return false;
	r->since = text_of(line, "t");
	switch (r->state) {
	case RUN_NEW:
		r->command = text_of(line, "command");
		r->is_there = true;
		r->immutable = json_is_true(json_object_get(line, "immutable"));
		r->version_begun = number_of(line, "version");
		r->same_from = number_of(line, "same_from");
		return r->command != NULL && take_targets(r, json_object_get(line, "targets"));
	case RUN_INTENT: return take_intent(r, line);
	case RUN_ISSUED: return take_issued(r, line);
	case RUN_ROLLING:
	case RUN_ROLLBACK: return take_step(r, line);
	case RUN_DONE: r->is_finished = json_is_true(json_object_get(line, "ok")); return true;
	case RUN_ROLLED_BACK:
	case RUN_ABORTED: r->is_finished = true; return true;
	case RUN_PREFLIGHT:
	case RUN_JOINED:
	case RUN_RETIRED: return true;
	}
	abort();
}

bool replay_read(struct replay *out, json_t *lines)
{
	json_t *line;
	size_t i;

	*out = (struct replay){.issued_at = API_TIME_NONE, .expires = API_TIME_NONE};
	json_array_foreach(lines, i, line) if (!take_line(out, line)) return false;
	return true;
}

void replay_free(struct replay *r)
{
	for (size_t i = 0; i < TARGETS_MAX; i++)
		census_free(&r->targets[i].before);
}

int64_t replay_same_from(const struct replay *r, int64_t version)
{
	bool is_back = r->state == RUN_ROLLED_BACK && version == r->version_begun + 2;

	if (r->version_begun == 0 || (!is_back && version != r->version_begun))
		return 0;
	return r->same_from > 0 ? r->same_from : is_back ? r->version_begun : 0;
}

bool replay_is_unfinished(const struct replay *r)
{
	return r->is_there && !r->is_finished && r->state >= RUN_INTENT;
}
