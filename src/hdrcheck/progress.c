/* The line on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hdrcheck/fetch.h"
#include "hdrcheck/progress.h"

void progress_begin(struct progress *p, size_t total)
{
	const char *term = getenv("TERM");

	*p = (struct progress){.total = total, .started_ms = fetch_clock_ms()};
	p->on = isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

void progress_tick(void *arg)
{
	struct progress *p = arg;
	int64_t now = p->on ? fetch_clock_ms() : 0;

	if (!p->on || now - p->started_ms < PROGRESS_AFTER_MS || now - p->drawn_ms < PROGRESS_EVERY_MS)
		return;
	p->drawn = true;
	p->drawn_ms = now;
	if (p->total > 0)
		fprintf(stderr, "\r%zu of %zu, %llds\033[K", p->done, p->total,
			(long long)(now - p->started_ms) / 1000);
	else
		fprintf(stderr, "\r%zu, %llds\033[K", p->done, (long long)(now - p->started_ms) / 1000);
	fflush(stderr);
}

void progress_clear(struct progress *p)
{
	if (!p->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->drawn = false;
}
