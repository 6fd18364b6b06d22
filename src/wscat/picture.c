/* The probe's result on a terminal: a row and a waterfall per hop, then the verdict. */
#include <stdio.h>

#include "wscat/probe.h"

#define WIDTH 36 /* columns of the waterfall */

struct phase_row {
	char mark;
	double ms;
};

#define PHASES 7
static void phases_of(const struct hop *h, struct phase_row out[PHASES])
{
	const struct phase_row rows[PHASES] = {{'n', h->dns_ms}, {'c', h->tcp_ms}, {'p', h->proxy_ms},
		{'t', h->tls_ms}, {'r', h->send_ms}, {'=', h->wait_ms}, {'h', h->head_ms}};

	for (size_t i = 0; i < PHASES; i++)
		out[i] = rows[i];
}

static double total_of(const struct hop *h)
{
	struct phase_row rows[PHASES];
	double sum = 0;

	phases_of(h, rows);
	for (size_t i = 0; i < PHASES; i++)
		sum += rows[i].ms;
	return sum;
}

/* To scale: a phase too short for its column leaves none. */
static void draw(const struct hop *h, double scale, char out[WIDTH + 1])
{
	struct phase_row rows[PHASES];
	double at = 0;
	size_t column = 0;

	phases_of(h, rows);
	for (size_t i = 0; i < PHASES; i++) {
		at += rows[i].ms;
		size_t end = scale > 0 ? (size_t)(at / scale * WIDTH + 0.5) : 0;
		while (column < end && column < WIDTH)
			out[column++] = rows[i].mark;
	}
	out[column] = '\0';
}

static void describe(const struct hop *h, char out[48])
{
	const struct reply *r = &h->replies[ASK_UPGRADE];

	if (!r->asked)
		snprintf(out, 48, "not asked");
	else if (r->status != 0 && r->opened && !hop_is_ok(h))
		snprintf(out, 48, "%d, but", r->status);
	else if (r->status != 0)
		snprintf(out, 48, "%d%s", r->status, r->opened ? " open" : "");
	else
		snprintf(out, 48, "%s", r->failure != NULL ? r->failure : "?");
}

static void print_hop(const struct probe *p, size_t i, double scale, bool color)
{
	const struct hop *h = p->hops[i];
	bool guilty = p->verdict.hop == (int)i;
	char bar[WIDTH + 1], what[48], ping[32] = "";

	draw(h, scale, bar);
	describe(h, what);
	if (h->pings > 0)
		snprintf(ping, sizeof(ping), "ping %.1f ms", h->ping_median_ms);
	printf("%s%s %-12.24s %-14s %8.1f ms |%-*s| %s%s%s\n", guilty && color ? "\033[31m" : "",
		guilty ? ">" : " ", h->name, what, total_of(h), WIDTH, bar, ping, guilty ? "  <- here" : "",
		guilty && color ? "\033[0m" : "");
}

static void print_line(const char *label, const char *text)
{
	if (text[0] != '\0')
		printf("  %-9s %s\n", label, text);
}

static void print_others(const struct verdict *v)
{
	const char *sep = "";

	if (v->candidate_count < 2 || v->cause_sure == SURE_CERTAIN)
		return;
	printf("  %-9s ", "or");
	for (size_t i = 0; i < v->candidate_count; i++) {
		if (v->candidates[i] == v->cause)
			continue;
		printf("%s%s", sep, v->candidates[i]->id);
		sep = ", ";
	}
	printf("    (the hop's configuration decides: --config)\n");
}

/* What the first hop serves opens. One further inside may not be there for us, or want what the others send it. */
static void print_pass(const struct probe *p)
{
	size_t open = 0;

	while (open < p->count && p->hops[open]->replies[ASK_UPGRADE].opened)
		open++;
	if (open == p->count) {
		printf("all hops pass\n");
		return;
	}
	printf("%s passes\n", p->hops[0]->name);
	for (size_t i = open; i < p->count; i++) {
		const struct reply *r = &p->hops[i]->replies[ASK_UPGRADE];
		if (!r->opened)
			printf("%s does not when asked by itself: %s\n", p->hops[i]->name,
				r->why != NULL ? r->why : "it does not open");
	}
}

static void print_verdict(const struct probe *p)
{
	const struct verdict *v = &p->verdict;

	if (v->hop == VERDICT_NOBODY) {
		print_pass(p);
		return;
	}
	printf("%s: %s (%s)\n", v->is_fault ? "broken" : "works, but",
		v->hop >= 0 ? p->hops[v->hop]->name : "the client", sure_name(v->hop_sure));
	print_line("seen", v->what);
	print_line("evidence", v->evidence);
	if (v->cause != NULL)
		printf("  %-9s %s (%s): %s\n", "cause", v->cause->id, sure_name(v->cause_sure),
			v->cause->title);
	else
		print_line("cause", "unknown");
	print_others(v);
	print_line("where", v->where);
	print_line("fix", v->fix);
}

void picture_print_replies(const struct probe *p)
{
	for (size_t i = 0; i < p->count; i++) {
		for (enum ask a = ASK_UPGRADE; a < ASK_KINDS; a++) {
			const struct reply *r = &p->hops[i]->replies[a];
			if (!r->asked)
				continue;
			size_t line = r->head != NULL ? strcspn(r->head, "\n") : 0;
			printf("  %-12.24s %-14s %8.1f ms  %.*s%s%s\n", p->hops[i]->name, ask_name(a),
				r->first_ms, (int)(line < 80 ? line : 80), line > 0 ? r->head : "",
				line > 0 && r->why != NULL ? "; " : "", r->why != NULL ? r->why : "");
		}
	}
}

void picture_print(const struct probe *p, bool color)
{
	double scale = 0;

	for (size_t i = 0; i < p->count; i++)
		scale = total_of(p->hops[i]) > scale ? total_of(p->hops[i]) : scale;
	if (p->count > 0 && p->hops[0]->url != NULL)
		printf("%s    (n name, c connect, p proxy, t TLS, r request, = wait, h head)\n",
			p->hops[0]->url);
	for (size_t i = 0; i < p->count; i++)
		print_hop(p, i, scale, color);
	print_verdict(p);
	if (p->regressions != NULL)
		printf("worse than expected: %s\n", p->regressions);
}
