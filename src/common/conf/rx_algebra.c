/* The search: states of the product, one after the other, each with the state and the character that led to it. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/conf/rx_algebra.h"
#include "common/conf/rx_private.h"

/* One character stands for all that no term tells apart. */
struct letter {
	uint32_t c;      /* the plainest of them */
	uint32_t *class; /* in each term's partition */
};

struct alphabet {
	struct letter *at;
	size_t count;
	struct map known; /* letters by their classes */
};

/* A visited state: its key is, for each term, the number of instructions, what is before, what was found, and the
 * instructions in ascending order. */
struct place {
	uint32_t *key;
	size_t words;
	size_t from;     /* index of the place before */
	uint32_t letter; /* that led here */
};

struct search {
	const struct rx_term *terms;
	size_t count;
	struct alphabet alphabet;
	struct rx_walk *walk;       /* of each term */
	struct rx_state *from, *to; /* of each term: room for any state */
	struct place *places;
	size_t place_count, place_cap, bytes;
	size_t states_max;
	struct map known; /* places by key; the value is the index + 1 */
	uint32_t *key;    /* being built */
};

/* --- The alphabet --- */

/* What people type first, so that witnesses look like paths. */
static const char plainest[] = "abcdefghijklmnopqrstuvwxyz/0123456789-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "!$&'()*+,;=:@ \"<>[\\]^`{|}%?#";

static bool is_scalar(uint32_t c)
{
	return c < 0xd800 || (c > 0xdfff && c <= RX_CODE_MAX);
}

/* class has room for one of each term. */
static void add_letter(struct search *s, uint32_t c, uint32_t *class)
{
	struct alphabet *a = &s->alphabet;
	size_t size = s->count * sizeof(class[0]);

	for (size_t i = 0; i < s->count; i++)
		class[i] = rx_partition_class(&s->terms[i].set->part, c);
	if (map_get(&a->known, span_of((const char *)class, size)) != NULL)
		return;
	uint32_t *copy = mem_array(s->count, sizeof(copy[0]));
	memcpy(copy, class, size);
	map_put(&a->known, span_of((const char *)copy, size), copy);
	if ((a->count & (a->count - 1)) == 0)
		a->at = mem_grow(a->at, a->count > 0 ? 2 * a->count : 1, sizeof(a->at[0]));
	a->at[a->count++] = (struct letter){c, copy};
}

/* Every boundary of any partition begins an interval that no term splits; surrogates are in no text. */
static void make_alphabet(struct search *s)
{
	uint32_t *class = mem_array(s->count, sizeof(class[0]));

	for (const char *c = plainest; *c != '\0'; c++)
		add_letter(s, (unsigned char)*c, class);
	for (size_t i = 0; i < s->count; i++) {
		const struct rx_partition *p = &s->terms[i].set->part;
		for (size_t k = 0; k < p->count; k++) {
			uint32_t lo = p->lo[k];
			if (is_scalar(lo))
				add_letter(s, lo, class);
			else if (k + 1 == p->count || p->lo[k + 1] > 0xe000)
				add_letter(s, 0xe000, class);
		}
	}
	free(class);
}

/* --- States --- */

static size_t program_size(const struct rx_set *set)
{
	return set->count + 1;
}

static struct rx_state *make_states(const struct search *s)
{
	struct rx_state *states = mem_array(s->count, sizeof(states[0]));

	for (size_t i = 0; i < s->count; i++)
		states[i].at = mem_array(program_size(s->terms[i].set), sizeof(uint32_t));
	return states;
}

static void free_states(const struct search *s, struct rx_state *states)
{
	for (size_t i = 0; i < s->count; i++)
		free(states[i].at);
	free(states);
}

/* Nothing that follows changes what was found: all such states are one. */
static void settle(const struct rx_set *set, struct rx_state *state)
{
	if (!rx_is_final(set, state))
		return;
	state->count = 0;
	state->before = RX_OTHER;
}

/* Is no text to be had from here on, whatever follows? */
static bool is_lost(const struct rx_term *t, const struct rx_state *state)
{
	return rx_is_final(t->set, state) && (state->best == 0) == t->without;
}

static size_t write_key(struct search *s, const struct rx_state *states)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct rx_state *state = &states[i];
		s->key[n++] = (uint32_t)state->count;
		s->key[n++] = (uint32_t)state->before << 1 | (state->best == 0);
		memcpy(s->key + n, state->at, state->count * sizeof(uint32_t));
		rx_sort(s->key + n, state->count);
		n += state->count;
	}
	return n;
}

static void read_key(const struct search *s, const struct place *place, struct rx_state *states)
{
	const uint32_t *key = place->key;

	for (size_t i = 0; i < s->count; i++) {
		struct rx_state *state = &states[i];
		state->count = *key++;
		state->before = (enum rx_kind)(*key >> 1);
		state->best = (*key++ & 1) != 0 ? 0 : 1;
		memcpy(state->at, key, state->count * sizeof(uint32_t));
		key += state->count;
	}
}

/* Remember the states in s->to unless they were seen before. False when there is no room. */
static bool add_place(struct search *s, size_t from, uint32_t letter)
{
	size_t words = write_key(s, s->to);
	struct span key = span_of((const char *)s->key, words * sizeof(uint32_t));

	if (map_get(&s->known, key) != NULL)
		return true;
	if (s->place_count == s->states_max || s->bytes + key.len > RX_ALGEBRA_BYTES)
		return false;
	if (s->place_count == s->place_cap) {
		s->place_cap = s->place_cap > 0 ? 2 * s->place_cap : 64;
		s->places = mem_grow(s->places, s->place_cap, sizeof(s->places[0]));
	}
	uint32_t *copy = mem_array(words + 1, sizeof(copy[0]));
	memcpy(copy, s->key, key.len);
	s->places[s->place_count++] = (struct place){copy, words, from, letter};
	s->bytes += key.len;
	map_put(&s->known, span_of((const char *)copy, key.len), copy);
	return true;
}

/* --- The search --- */

/* Does the text end well where s->from stands? */
static bool accepts(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct rx_set *set = s->terms[i].set;
		rx_step(&s->walk[i], &s->from[i], set->part.classes, &s->to[i]);
		if ((s->to[i].best == 0) == s->terms[i].without)
			return false;
	}
	return true;
}

/* From s->from over a letter into s->to. False when no text is to be had that way. */
static bool step(struct search *s, const struct letter *letter)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct rx_term *t = &s->terms[i];
		rx_step(&s->walk[i], &s->from[i], letter->class[i], &s -> to[i]);
		if (is_lost(t, &s->to[i]))
			return false;
		settle(t->set, &s->to[i]);
	}
	return true;
}

static void spell(const struct search *s, size_t place, struct buf *out)
{
	struct buf reversed = {0};

	for (size_t i = place; i > 0; i = s->places[i].from) {
		uint32_t letter = s->places[i].letter;
		buf_add(&reversed, &letter, sizeof(letter));
	}
	const char *at = buf_span(&reversed).p + buf_len(&reversed);
	for (size_t n = buf_len(&reversed) / sizeof(uint32_t); n > 0; n--) {
		uint32_t letter;
		char utf8[4];
		at -= sizeof(letter);
		memcpy(&letter, at, sizeof(letter));
		buf_add(out, utf8, utf8_encode(s->alphabet.at[letter].c, utf8));
	}
	buf_free(&reversed);
}

static enum rx_answer look(struct search *s, struct buf *witness)
{
	for (size_t i = 0; i < s->count; i++)
		rx_start(s->terms[i].set, &s->to[i]);
	add_place(s, 0, 0);
	for (size_t at = 0; at < s->place_count; at++) {
		read_key(s, &s->places[at], s->from);
		if (accepts(s)) {
			if (witness != NULL)
				spell(s, at, witness);
			return RX_SOME;
		}
		for (size_t k = 0; k < s->alphabet.count; k++)
			if (step(s, &s->alphabet.at[k]) && !add_place(s, at, (uint32_t)k))
				return RX_UNDECIDED;
	}
	return RX_NONE;
}

static void search_fini(struct search *s)
{
	for (size_t i = 0; i < s->alphabet.count; i++)
		free(s->alphabet.at[i].class);
	free(s->alphabet.at);
	map_free(&s->alphabet.known);
	for (size_t i = 0; i < s->count; i++)
		rx_walk_fini(&s->walk[i]);
	free(s->walk);
	free_states(s, s->from);
	free_states(s, s->to);
	for (size_t i = 0; i < s->place_count; i++)
		free(s->places[i].key);
	free(s->places);
	map_free(&s->known);
	free(s->key);
}

enum rx_answer rx_witness(const struct rx_term *terms, size_t count, size_t states, struct buf *witness)
{
	struct search s = {.terms = terms, .count = count, .states_max = states};
	size_t words = 1;

	make_alphabet(&s);
	s.walk = mem_array(count, sizeof(s.walk[0]));
	for (size_t i = 0; i < count; i++) {
		rx_walk_init(&s.walk[i], terms[i].set);
		words += 2 + program_size(terms[i].set);
	}
	s.from = make_states(&s);
	s.to = make_states(&s);
	s.key = mem_array(words, sizeof(s.key[0]));
	enum rx_answer answer = look(&s, witness);
	search_fini(&s);
	return answer;
}
