/* A response meets a policy when applying it changes nothing; what it changes is what is reported. */
#include "hdrcheck/policy.h"
#include "common/base/fsx.h"

/* The files of share/policies as they are, between two labels. */
#define EMBED(name)                                           \
	__asm__(".section .rodata\n"                          \
		".global policy_" #name "_begin\n"            \
		"policy_" #name "_begin:\n"                   \
		".incbin \"share/policies/" #name ".yaml\"\n" \
		".global policy_" #name "_end\n"              \
		"policy_" #name "_end:\n"                     \
		".previous\n");                               \
	extern const char policy_##name##_begin[], policy_##name##_end[]

EMBED(api);
EMBED(baseline);
EMBED(grafana);
EMBED(owasp);
EMBED(strict);
EMBED(worker);

struct span policy_profile(const char *name)
{
	static const struct {
		const char *name, *begin, *end;
	} profiles[] = {
		{"api", policy_api_begin, policy_api_end},
		{"baseline", policy_baseline_begin, policy_baseline_end},
		{"grafana", policy_grafana_begin, policy_grafana_end},
		{"owasp", policy_owasp_begin, policy_owasp_end},
		{"strict", policy_strict_begin, policy_strict_end},
		{"worker", policy_worker_begin, policy_worker_end},
	};

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return span_of(profiles[i].begin, (size_t)(profiles[i].end - profiles[i].begin));
	return (struct span){0};
}

struct headerpolicy *policy_read(const char *path, struct err *err)
{
	struct buf text = {.max = HEADERPOLICY_BYTES_MAX};
	struct headerpolicy *p = NULL;

	if (fsx_read(path, &text, err) == 0 && (p = headerpolicy_parse(buf_span(&text), err)) == NULL)
		err_wrap(err, "%s", path);
	buf_free(&text);
	return p;
}

/* --- Differences --- */

static bool has_line(const struct fields *headers, const struct field *f)
{
	for (size_t i = 0; i < headers->count; i++)
		if (span_eq_nocase(headers->at[i].name, f->name) && span_eq(headers->at[i].value, f->value))
			return true;
	return false;
}

static void report_wanted(struct audit *au, const struct fields *now, const struct field *f)
{
	const char *name = arena_copy(&au->arena, f->name).p;
	struct span value = arena_copy(&au->arena, f->value), was = header_value(now, f->name);
	bool merged = span_eq_nocase(f->name, SPAN("strict-transport-security")) ||
		      span_eq_nocase(f->name, SPAN("content-security-policy"));

	if (was.p == NULL)
		audit_report(au, "policy-missing", name, value, "the policy asks for %s: %.*s", name,
			(int)value.len, value.p);
	else
		audit_report(au, merged ? "policy-weaker" : "policy-different", name, was,
			"the policy asks for %s: %.*s", name, (int)value.len, value.p);
}

static void report_unwanted(struct audit *au, const struct fields *then, const struct field *f)
{
	const char *name = arena_copy(&au->arena, f->name).p;
	size_t wanted = header_count(then, f->name);

	if (wanted == 0)
		audit_report(au, "policy-forbidden", name, f->value, NULL);
}

bool policy_check(struct audit *au, const struct headerpolicy *p)
{
	const struct fields *now = &au->r->headers;
	struct headerpolicy_subject subject = {au->r->url.host, au->r->url.path, au->r->status, {0}};
	struct headerpolicy_scratch scratch = {0};
	struct fields then = {0};
	size_t before = au->count;

	for (size_t i = 0; i < now->count; i++)
		header_add(&then, now->at[i].name, now->at[i].value);
	headerpolicy_apply(p, &subject, &then, &scratch);
	for (size_t i = 0; i < then.count; i++)
		if (!has_line(now, &then.at[i]))
			report_wanted(au, now, &then.at[i]);
	for (size_t i = 0; i < now->count; i++)
		if (!has_line(&then, &now->at[i]))
			report_unwanted(au, &then, &now->at[i]);
	/* Lines that are there twice and should be once. */
	if (au->count == before && then.count != now->count)
		audit_report(au, "policy-different", "", (struct span){0},
			"the policy asks for fewer lines of a header");
	headerpolicy_scratch_free(&scratch);
	header_free(&then);
	return au->count == before;
}

bool policy_check_observatory(struct audit *au)
{
	size_t before = au->count;

	for (enum obs_test t = 0; t < OBS_TESTS; t++) {
		const struct obs_result *r = au->observatory.tests[t];
		if (r != NULL && !r->pass)
			audit_report(au, "policy-different", observatory_test_name(t), (struct span){0},
				"the Observatory's test %s does not pass: %s", observatory_test_name(t),
				r->name);
	}
	return au->count == before;
}
