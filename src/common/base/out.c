/* NDJSON records, escaping, and the one place that prints an error. */
#include <errno.h>
#include <poll.h>

#include "common/base/out.h"
#include "common/base/utf8.h"

json_t *out_record(const char *kind, const char *tool)
{
	return json_pack("{s:s, s:s, s:s}", "schema", OUT_SCHEMA, "kind", kind, "tool", tool);
}

int out_line(FILE *to, json_t *record)
{
	int rc = json_dumpf(record, to, JSON_COMPACT | JSON_REAL_PRECISION(15));

	json_decref(record);
	if (rc < 0 || putc('\n', to) == EOF || fflush(to) == EOF)
		return -1;
	return 0;
}

void out_escape(struct span bytes, struct buf *to)
{
	while (bytes.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(bytes, &c);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			buf_addf(to, "\\x%02x", (unsigned)(unsigned char)bytes.p[0]);
			bytes = span_skip(bytes, 1);
			if (n > 1) {
				buf_addf(to, "\\x%02x", (unsigned)(unsigned char)bytes.p[0]);
				bytes = span_skip(bytes, 1);
			}
			continue;
		}
		buf_add(to, bytes.p, n);
		bytes = span_skip(bytes, n);
	}
}

static bool reader_is_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

int out_end(FILE *to, const char *name, struct err *err)
{
	bool failed = ferror(to) != 0; /* earlier, of which nothing is left that a flush could try again */

	errno = 0;
	if ((fflush(to) == 0 && !failed) || reader_is_gone(fileno(to)))
		return 0;
	return errno != 0 ? err_sys(err, "%s", name) : err_set(err, "%s: not all could be written", name);
}

int out_die(const char *program, const struct err *err, int code)
{
	struct buf line = {.max = 4 * ERR_MAX + 1};

	out_escape(span_str(err->text), &line);
	fprintf(stderr, "%s: %.*s\n", program, (int)buf_len(&line), buf_span(&line).p);
	buf_free(&line);
	return code;
}

int out_finish(const char *program, int code)
{
	struct err err;

	if (out_end(stdout, "standard output", &err) == 0)
		return code;
	out_die(program, &err, OUT_CANNOT);
	return code <= 1 ? OUT_CANNOT : code;
}
