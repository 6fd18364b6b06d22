/* Waiting for the proof. */
#include "credrotate/group.h"
#include "credrotate/clock.h"
#include "credrotate/roll.h"
#include "credrotate/signal.h"

#define NS_PER_MS 1000000

size_t group_count_replicas(const struct run *r, const struct group *g)
{
	size_t count = 0;

	for (size_t i = g->from; i < g->to; i++)
		count += (size_t)r->targets[i].replicas;
	return count;
}

/* The one that takes longest. */
static int64_t group_timeout_ms(const struct run *r, const struct group *g)
{
	int64_t most = 0;

	for (size_t i = g->from; i < g->to; i++) {
		int64_t ms = roll_timeout_ms(r, &r->targets[i]);
		most = ms > most ? ms : most;
	}
	return most;
}

/* Is the connector that answers at the target's metrics address ready, and one that is proven? Of two units it is either. */
static bool is_ready(const struct run *r, const struct target *t)
{
	struct uuid id;
	struct err unused;
	bool ready;

	if (t->metrics == NULL || web_connector(t->metrics, &id, &ready, &unused) < 0)
		return true; /* not to be reached, which the API's word stands in for */
	if (!ready || t->signal == TARGET_SURGE)
		return ready;
	for (size_t i = 0; i < r->fleet.count; i++)
		if (uuid_eq(&r->fleet.conns[i].id, &id))
			return verify_is_proven(&r->fleet.conns[i], &r->proof);
	return false;
}

static bool group_arrived(struct run *r, struct group *g, struct err *err)
{
	for (size_t i = g->from; i < g->to; i++) {
		if (!signal_arrived(&r->targets[i], r->flags->systemctl, err)) {
			g->failed = i;
			return false;
		}
		if (!is_ready(r, &r->targets[i]))
			return false;
	}
	return true;
}

/* What is missing, for people. */
static void say_missing(struct err *err, const struct rejoin *seen, const struct group *g)
{
	if (err->text[0] == '\0')
		err_set(err,
			"did not rejoin in time: %zu of %zu new connector(s) proven with %zu connection(s), "
			"%zu old gone "
			"with %zu",
			seen->fresh, g->replicas, seen->fresh_conns, seen->gone, seen->gone_conns);
}

/* Where the current secret is adopted some use it already, which have no reason to register again, and others are locked out,
 * who leave nobody behind: as many as the targets so far have to use it. A unit that was restarted has to be a new one. */
static bool is_adopted(const struct run *r, const struct group *g, const struct rejoin *seen)
{
	size_t live = verify_count_live(r->fleet.conns, r->fleet.count), needed = g->replicas;
	bool starts_anew = false;

	for (size_t i = 0; i < r->target_count; i++)
		if (i < g->from || i >= g->to)
			needed += r->targets[i].rejoined ? (size_t)r->targets[i].replicas : 0;
		else
			starts_anew |= r->targets[i].signal == TARGET_RESTART ||
				       r->targets[i].signal == TARGET_SURGE;
	if (starts_anew)
		return seen->fresh >= g->replicas;
	return live - verify_count_unproven(r->fleet.conns, r->fleet.count, &r->proof) >= needed;
}

bool group_wait(struct run *r, struct group *g, struct err *err)
{
	const struct target *first = &r->targets[g->from];
	int64_t began = clock_ms(), since = 0;
	struct rejoin seen = {0};

	while (roll_poll_fleet(r) && roll_window_lasts(r)) {
		bool good = group_arrived(r, g, err);
		g->replicas =
			group_count_replicas(r, g); /* a Deployment tells, and may be scaled meanwhile */
		seen = verify_rejoin(&first->before, r->fleet.conns, r->fleet.count, &r->proof, g->replicas);
		good = good && (r->is_adopting ? is_adopted(r, g, &seen) : seen.done);
		if (!good && err->text[0] != '\0')
			return false;
		since = !good ? 0 : since == 0 ? clock_ms() : since;
		if (good && clock_ms() - since >= r->flags->stable / NS_PER_MS)
			return true;
		if (clock_ms() > began + group_timeout_ms(r, g))
			break;
		if (!run_pause(r, roll_poll_ms(r)))
			return false;
	}
	if (!r->stopped)
		say_missing(err, &seen, g);
	return false;
}

/* Ids of the live and proven, for the record. */
static json_t *proven_ids(const struct run *r)
{
	json_t *list = json_array();
	char id[UUID_TEXT_LEN + 1];

	for (size_t i = 0; i < r->fleet.count; i++)
		if (verify_is_proven(&r->fleet.conns[i], &r->proof)) {
			uuid_print(&r->fleet.conns[i].id, id);
			json_array_append_new(list, json_string(id));
		}
	return list;
}

static json_t *before_ids(const struct target *t)
{
	json_t *list = json_array();
	char id[UUID_TEXT_LEN + 1];

	for (size_t i = 0; i < t->before.count; i++) {
		uuid_print(&t->before.at[i].id, id);
		json_array_append_new(list, json_string(id));
	}
	return list;
}

bool group_finish(struct run *r, const struct group *g, int64_t since, struct err *err)
{
	for (size_t i = g->from; i < g->to; i++) {
		struct target *t = &r->targets[i];
		if (signal_finish(t, r->flags->systemctl, err) < 0)
			return false;
		json_t *ids = proven_ids(r);
		if (!roll_note_ok(r, "REJOIN", i, json_pack("{s:O}", "connectors", ids))) {
			json_decref(ids);
			return false;
		}
		t->rejoined = true;
		report_step(r->report,
			&(struct report_step){.step = "rejoin",
				.target = t->text,
				.since_ms = since,
				.version = r->version_new,
				.fingerprint = issue_fp_new(r),
				.more = json_pack("{s:{s:o, s:o}}", "connectors", "before", before_ids(t),
					"after", ids)},
			"%zu of %zu live connector(s) use the new secret", json_array_size(ids),
			verify_count_live(r->fleet.conns, r->fleet.count));
	}
	return true;
}

bool group_wait_surged(struct run *r, const struct group *g, struct err *err)
{
	const struct target *t = &r->targets[g->from];
	int64_t until = clock_ms() + roll_timeout_ms(r, t);

	while (roll_poll_fleet(r) && roll_window_lasts(r)) {
		struct rejoin seen = verify_rejoin(&t->before, r->fleet.conns, r->fleet.count, &r->proof, 0);
		if (seen.fresh >= g->replicas)
			return true;
		if (clock_ms() > until) {
			err_set(err, "the one that was started did not register in time");
			return false;
		}
		if (!run_pause(r, roll_poll_ms(r)))
			return false;
	}
	return false;
}
