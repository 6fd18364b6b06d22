/* The configuration file as `tunnel run` takes it. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/run_file.h"
#include "tunnel/origin/able.h"

#define WARNINGS_MAX 20 /* lines in the log for one file */

/* --- Reading --- */

/* Put "FILE:LINE:COLUMN: " in front of the message. */
static int place(const struct run_file *f, struct yaml_mark at, struct err *err)
{
	return at.line > 0 ? err_wrap(err, "%s:%u:%u", f->path, at.line, at.column)
			   : err_wrap(err, "%s", f->path);
}

static int parse(struct run_file *f, struct span text, struct err *err)
{
	struct ingress_error error;

	switch (ingress_parse(text, &f->conf, &error)) {
	case INGRESS_OK:
	case INGRESS_NO_RULES:
	case INGRESS_NO_CONFIG_FILE: return EXIT_OK;
	case INGRESS_YAML_SYNTAX:
	case INGRESS_YAML_TYPE:
	case INGRESS_YAML_DUPLICATE_KEY:
	case INGRESS_SETTING_TYPE:
	case INGRESS_SERVICE_ADDRESS:
	case INGRESS_SERVICE_PATH:
	case INGRESS_SERVICE_URL:
	case INGRESS_STATUS_CODE:
	case INGRESS_HOSTNAME_PORT:
	case INGRESS_HOSTNAME_WILDCARD:
	case INGRESS_LAST_RULE_NOT_CATCH_ALL:
	case INGRESS_EARLY_CATCH_ALL:
	case INGRESS_REGEX:
	case INGRESS_IP_RULE:
	case INGRESS_ACCESS_TEAM:
	case INGRESS_URL_SETTING: break;
	}
	*err = error.err;
	place(f, error.at, err);
	return EXIT_USAGE;
}

int run_file_read(struct run_file *f, const char *path, struct err *err)
{
	struct buf text = {.max = YAML_BYTES_MAX};
	int status = EXIT_CANNOT;

	*f = (struct run_file){.path = path != NULL ? confdir_expand(path) : confdir_find_config()};
	if (f->path == NULL)
		return EXIT_OK;
	if (fsx_read(f->path, &text, err) == 0)
		status = parse(f, buf_span(&text), err);
	/* It may hold a token. */
	buf_wipe(&text);
	return status;
}

void run_file_free(struct run_file *f)
{
	free(f->path);
	ingress_file_free(&f->conf);
}

/* --- Settings --- */

static int apply_setting(const struct run_file *f, const struct setting *s, const struct opt *options,
	void *flags, struct opt_seen *seen, struct err *err)
{
	const struct opt *row = opt_find(options, s->name);

	if (row == NULL || row->kind == OPT_KIND_REFUSE) {
		err_set(err, "%s: not supported by this program yet; take it out", s->name);
		return place(f, s->at, err);
	}
	if (s->misfit) {
		err_set(err, "%s: needs %s", s->name, settings_needed(s->type));
		return place(f, s->at, err);
	}
	if (opt_row_was_set(options, seen, row))
		return 0;
	for (size_t i = 0; i < s->count; i++)
		if (opt_set(row, flags, s->values[i], s->name, err) != OPT_RUN)
			return place(f, s->at, err);
	/* Like an empty variable, an empty text or list says nothing. */
	seen->row[row - options] = s->count > 0;
	return 0;
}

int run_file_apply(const struct run_file *f, const struct opt *options, void *flags, struct opt_seen *seen,
	struct err *err)
{
	for (size_t i = 0; i < f->conf.settings.count; i++)
		if (apply_setting(f, &f->conf.settings.items[i], options, flags, seen, err) < 0)
			return -1;
	return 0;
}

/* --- Rules --- */

static int check_ca_pool(const struct run_file *f, const struct ingress_options *o, struct err *err)
{
	struct buf text = {0};
	int rc = o->ca_pool[0] != '\0' ? fsx_read(o->ca_pool, &text, err) : 0;

	buf_free(&text);
	if (rc == 0)
		return EXIT_OK;
	err_wrap(err, "originRequest caPool");
	place(f, o->where[INGRESS_CA_POOL], err);
	return EXIT_CANNOT;
}

int run_file_check(const struct run_file *f, struct err *err)
{
	const struct ingress *in = f->conf.ingress;
	int status = EXIT_OK;
	struct yaml_mark at;

	if (in != NULL && able_check(in, &at, err) < 0) {
		place(f, at, err);
		return EXIT_USAGE;
	}
	for (size_t i = 0; in != NULL && i < ingress_count(in) && status == EXIT_OK; i++)
		status = check_ca_pool(f, &ingress_rule(in, i)->options, err);
	return status;
}

/* --- Log --- */

static void log_updates(const struct run_file *f, const struct log *log)
{
	const struct setting *never = settings_find(&f->conf.settings, "no-autoupdate");
	const struct setting *often = settings_find(&f->conf.settings, "autoupdate-freq");

	if (never != NULL || often != NULL)
		log_line(log, LOG_INFO, "settings without meaning here: this program does not update itself",
			"file=\"%s\" line=%u keys=%s", f->path,
			never != NULL ? never->at.line : often->at.line,
			never == NULL   ? "autoupdate-freq"
			: often == NULL ? "no-autoupdate"
					: "no-autoupdate,autoupdate-freq");
}

void run_file_log(const struct run_file *f, const struct log *log)
{
	if (f->path == NULL)
		return;
	log_line(log, LOG_INFO, "configuration read", "file=\"%s\" rules=%zu", f->path,
		f->conf.ingress != NULL ? ingress_count(f->conf.ingress) : 0);
	log_updates(f, log);
	if (f->conf.warp.at.line > 0)
		log_line(log, LOG_WARN, "warp-routing has no effect here", "file=\"%s\" line=%u", f->path,
			f->conf.warp.at.line);
	for (size_t i = 0; i < f->conf.warning_count && i < WARNINGS_MAX; i++) {
		const struct ingress_warning *w = &f->conf.warnings[i];
		log_line(log, LOG_WARN, "unknown key in the configuration",
			"file=\"%s\" line=%u key=\"%s\" in=%s", f->path, w->at.line, w->key, w->type);
	}
	if (f->conf.warning_count > WARNINGS_MAX)
		log_line(log, LOG_WARN, "more unknown keys", "count=%zu",
			f->conf.warning_count - WARNINGS_MAX);
}
