/* tunnel route dns, tunnel route lb. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/manage.h"

const struct opt cmd_route_options[] = {
	{'f', "overwrite-dns", NULL, "dns: take the name from the tunnel that has it", MANAGE_BOOL(force),
		"TUNNEL_FORCE_PROVISIONING_DNS"},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program route_program = {.name = "tunnel route",
	.usage = "[OPTIONS] dns TUNNEL HOSTNAME\n       tunnel route [OPTIONS] lb TUNNEL HOSTNAME POOL",
	.summary = "Send the requests for a public host name through a tunnel.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it\n",
	.options = cmd_route_options};

static json_t *route_record(const struct uuid *id, const char *hostname, const char *changed)
{
	json_t *record = manage_record(id, NULL), *route = json_object();

	json_object_set_new(json_object_get(record, "target"), "hostname", json_string(hostname));
	json_object_set_new(route, "hostname", json_string(hostname));
	json_object_set_new(route, "changed", json_string(changed));
	json_object_set_new(json_object_get(record, "tunnel"), "route", route);
	return record;
}

static void tell(struct manage *m, const struct uuid *id, const char *message)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	log_line(&m->log, LOG_INFO, message, "tunnelID=%s", text);
}

/* --- dns --- */

/* The sentence, to be freed; NULL for a change that is none. */
static char *dns_message(const char *changed, const char *name)
{
	if (strcmp(changed, "new") == 0)
		return mem_printf("Added CNAME %s which will route to this tunnel", name);
	if (strcmp(changed, "updated") == 0)
		return mem_printf("%s updated to route to your tunnel", name);
	if (strcmp(changed, "unchanged") == 0)
		return mem_printf("%s is already configured to route to your tunnel", name);
	return NULL;
}

static int route_dns(struct manage *m, const struct uuid *id)
{
	char *changed, *name;
	int status = EXIT_OK;

	if (api_route_dns(m->api, id, m->argv[2], m->flags.force, &changed, &name, &m->err) != API_OK)
		return manage_fail_call(m);
	char *message = dns_message(changed, name);
	if (message == NULL) {
		err_set(&m->err, "%s: the API says \"%s\", which is no change that is known", name, changed);
		status = manage_fail(m);
	} else {
		tell(m, id, message);
		if (m->flags.json)
			manage_tell(m, route_record(id, name, changed));
	}
	free(message);
	free(changed);
	free(name);
	return status;
}

/* --- lb --- */

/* Texts by what became of the load balancer and of the pool: %1$s is the one, %2$s the other. */
struct lb_text {
	const char *balancer, *pool, *before, *between, *after;
	bool pool_first;
};
static const struct lb_text lb_texts[] = {
	{"new", "new", "Created load balancer ", " and added a new pool ", " with this tunnel as an origin",
		false},
	{"new", "updated", "Created load balancer ", " with an existing pool ",
		" which was updated to use this tunnel as an origin", false},
	{"new", "unchanged", "Created load balancer ", " with an existing pool ",
		" which already has this tunnel as an origin", false},
	{"updated", "new", "Added new pool ", " with this tunnel as an origin to load balancer ", "", true},
	{"updated", "updated", "Updated pool ",
		" to use this tunnel as an origin and added it to load balancer ", "", true},
	{"updated", "unchanged", "Added pool ",
		", which already has this tunnel as an origin, to load balancer ", "", true},
	{"unchanged", "updated", "Added this tunnel as an origin in pool ",
		" which is already used by load balancer ", "", true},
	{"unchanged", "unchanged", "Load balancer ", " already uses pool ",
		" which has this tunnel as an origin", false},
};

static char *lb_message(const char *balancer, const char *pool, char **argv)
{
	for (size_t i = 0; i < sizeof(lb_texts) / sizeof(lb_texts[0]); i++) {
		const struct lb_text *t = &lb_texts[i];
		if (strcmp(t->balancer, balancer) == 0 && strcmp(t->pool, pool) == 0)
			return mem_printf("%s%s%s%s%s", t->before, argv[t->pool_first ? 3 : 2], t->between,
				argv[t->pool_first ? 2 : 3], t->after);
	}
	return NULL;
}

static int route_lb(struct manage *m, const struct uuid *id)
{
	char *balancer, *pool;
	int status = EXIT_OK;

	if (api_route_lb(m->api, id, m->argv[2], m->argv[3], &balancer, &pool, &m->err) != API_OK)
		return manage_fail_call(m);
	char *message = lb_message(balancer, pool, m->argv);
	if (message == NULL) {
		err_set(&m->err,
			"load balancer %s: the API says \"%s\", pool %s: \"%s\", which are no changes that "
			"are "
			"known",
			m->argv[2], balancer, m->argv[3], pool);
		status = manage_fail(m);
	} else {
		tell(m, id, message);
		if (m->flags.json)
			manage_tell(m, route_record(id, m->argv[2], balancer));
	}
	free(message);
	free(balancer);
	free(pool);
	return status;
}

/* --- Both --- */

static int usage(struct manage *m)
{
	if (strcmp(m->argv[0], "dns") != 0 && strcmp(m->argv[0], "lb") != 0)
		err_set(&m->err, "route %s: dns and lb are offered", m->argv[0]);
	else
		err_set(&m->err, "route %s: %s expected; see tunnel route --help", m->argv[0],
			strcmp(m->argv[0], "dns") == 0 ? "a tunnel and a host name are"
						       : "a tunnel, a host name and a pool are");
	return out_die(m->program->name, &m->err, EXIT_USAGE);
}

int cmd_route(int argc, char **argv)
{
	struct manage m;
	struct uuid id;
	int status = manage_begin(&m, &route_program, argc, argv, 1, 4, "dns or lb is");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	bool dns = strcmp(m.argv[0], "dns") == 0 && m.argc == 3;
	bool lb = strcmp(m.argv[0], "lb") == 0 && m.argc == 4;
	if (!dns && !lb)
		status = usage(&m);
	else if (manage_find(&m, m.argv[1], &id) != API_OK)
		status = manage_fail_call(&m);
	else
		status = dns ? route_dns(&m, &id) : route_lb(&m, &id);
	return manage_end(&m, status);
}
