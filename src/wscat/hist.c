/* Durations counted in cells. Below HIST_SUB microseconds a cell is one microsecond wide. */
#include <stddef.h>

#include "wscat/hist.h"

static size_t cell_of(uint64_t us)
{
	unsigned power = 0;

	while (us >> power >= 2 * HIST_SUB)
		power++;
	size_t cell = us < HIST_SUB ? (size_t)us : HIST_SUB * (size_t)power + (size_t)(us >> power);
	return cell < HIST_CELLS ? cell : HIST_CELLS - 1;
}

/* The first duration that is past the cell. */
static uint64_t end_of(size_t cell)
{
	if (cell < 2 * HIST_SUB)
		return cell + 1;
	unsigned power = (unsigned)(cell / HIST_SUB) - 1;
	return ((uint64_t)(cell % HIST_SUB) + HIST_SUB + 1) << power;
}

void hist_add(struct hist *h, uint64_t us)
{
	if (h->count == 0 || us < h->min_us)
		h->min_us = us;
	if (us > h->max_us)
		h->max_us = us;
	h->sum_us += (double)us;
	h->count++;
	h->cells[cell_of(us)]++;
}

uint64_t hist_at(const struct hist *h, double share)
{
	double wanted = share * (double)h->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < HIST_CELLS; i++) {
		seen += h->cells[i];
		if (h->cells[i] > 0 && (double)seen >= wanted)
			return i < HIST_CELLS - 1 && end_of(i) - 1 < h->max_us ? end_of(i) - 1 : h->max_us;
	}
	return h->max_us;
}

uint64_t hist_between(const struct hist *h, uint64_t from_us, uint64_t to_us)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HIST_CELLS; i++)
		if (end_of(i) - 1 >= from_us && end_of(i) - 1 < to_us)
			sum += h->cells[i];
	return sum;
}
