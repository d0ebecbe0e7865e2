/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Pike machine: all ways through the program advance together, one code point at a time, in order
 * of preference. A way is an instruction and where it began; of two ways at one instruction only
 * the preferred one is kept, so that a step takes at most as many ways as there are instructions.
 */
#include "base/assert.h"
#include "codec/regex_internal.h"

struct way {
	uint32_t at; /* instruction */
	size_t start;
};

struct ways {
	struct way *items;
	uint32_t count;
};

struct machine {
	const struct regex *regex;
	struct str text;
	struct regex_search *search;
	struct ways now, then;
	uint32_t *seen; /* per instruction: the step it was added in, plus one */
	uint32_t *stack;
	uint32_t step;
	uint64_t steps;
};

static bool is_word(const struct machine *m, size_t i)
{
	unsigned char c = i < m->text.len ? (unsigned char)m->text.ptr[i] : 0;

	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 128) ||
	       c == '_';
}

static bool holds(const struct machine *m, enum regex_test test, size_t i)
{
	bool boundary;

	switch (test) {
	case REGEX_TEXT_START:
		return i == 0;
	case REGEX_TEXT_END:
		return i == m->text.len;
	case REGEX_LINE_START:
		return i == 0 || m->text.ptr[i - 1] == '\n';
	case REGEX_LINE_END:
		return i == m->text.len || m->text.ptr[i] == '\n';
	default:
		boundary = (i > 0 && is_word(m, i - 1)) != is_word(m, i);
		return boundary == (test == REGEX_WORD);
	}
}

/* Adds what can be reached from instruction at without reading, preferred first. */
static void add_way(struct machine *m, struct ways *to, uint32_t at, size_t start, size_t i)
{
	uint32_t depth = 0;

	m->stack[depth++] = at;
	while (depth > 0) {
		const struct regex_instruction *instruction;

		at = m->stack[--depth];
		m->steps++;
		if (m->seen[at] == m->step + 1)
			continue;
		m->seen[at] = m->step + 1;
		instruction = &m->regex->program[at];
		switch ((enum regex_op)instruction->op) {
		case REGEX_OP_JUMP:
			m->stack[depth++] = instruction->next;
			break;
		case REGEX_OP_SPLIT:
			m->stack[depth++] = instruction->other;
			m->stack[depth++] = instruction->next;
			break;
		case REGEX_OP_EMPTY:
			if (holds(m, instruction->test, i))
				m->stack[depth++] = instruction->next;
			break;
		case REGEX_OP_CLASS:
		case REGEX_OP_MATCH:
			to->items[to->count++] = (struct way){ at, start };
			break;
		}
	}
}

static uint32_t read_point(struct str text, size_t i, size_t *ret_width)
{
	unsigned char c = (unsigned char)text.ptr[i];
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t point = c;

	if (n > text.len - i)
		n = 1;
	if (n > 1) {
		point = n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;
		for (size_t k = 1; k < n; k++)
			point = point << 6 | ((unsigned char)text.ptr[i + k] & 0x3f);
	}
	*ret_width = n;
	return point;
}

static bool may_begin(const struct regex *regex, unsigned char c)
{
	return !regex->has_first || (regex->first[c >> 6] >> (c & 63) & 1);
}

/* Moves all ways over the code point at i. True: a match ended here, *ret_start is where it began.
 */
static bool advance(struct machine *m, size_t i, uint32_t point, bool at_end, size_t width,
		    size_t *ret_start)
{
	m->then.count = 0;
	m->step++;
	for (uint32_t k = 0; k < m->now.count; k++) {
		const struct regex_instruction *instruction =
			&m->regex->program[m->now.items[k].at];

		if (instruction->op == REGEX_OP_MATCH) {
			*ret_start = m->now.items[k].start;
			return true; /* what is less preferred is dropped */
		}
		if (!at_end && regex_class_has(instruction->class, point))
			add_way(m, &m->then, instruction->next, m->now.items[k].start, i + width);
	}
	m->steps += m->now.count;
	return false;
}

static enum regex_result run(struct machine *m, size_t from, bool any, size_t *ret_start,
			     size_t *ret_end)
{
	enum regex_result result = REGEX_NONE;

	for (size_t i = from;;) {
		bool at_end = i >= m->text.len;
		size_t width = 1;
		uint32_t point = at_end ? 0 : read_point(m->text, i, &width);
		struct ways swap;

		if (result == REGEX_NONE && (!m->regex->anchored || i == 0) &&
		    (at_end || may_begin(m->regex, (unsigned char)m->text.ptr[i])))
			add_way(m, &m->now, 0, i, i);
		if (m->now.count == 0 && (result == REGEX_FOUND || m->regex->anchored))
			return result;
		if (m->search->steps + m->steps > m->search->steps_max)
			return REGEX_TOO_LONG;
		if (m->now.count > 0 && advance(m, i, point, at_end, width, ret_start)) {
			*ret_end = i;
			result = REGEX_FOUND;
			if (any)
				return result;
		} else if (m->now.count == 0) {
			m->step++;
			m->then.count = 0;
		}
		if (at_end)
			return result;
		swap = m->now;
		m->now = m->then;
		m->then = swap;
		i += width;
	}
}

static enum regex_result search_from(const struct regex *regex, struct str text, size_t from,
				     bool any, struct regex_search *search, size_t *ret_start,
				     size_t *ret_end)
{
	uint32_t count = regex->count;
	struct machine m = { .regex = regex, .text = text, .search = search };
	enum regex_result result;

	m.now.items = arena_array(search->scratch, 2 * (size_t)count, sizeof(struct way));
	m.then.items = m.now.items + count;
	m.seen = arena_array(search->scratch, 3 * (size_t)count + 2, sizeof(uint32_t));
	m.stack = m.seen + count;
	result = run(&m, from, any, ret_start, ret_end);
	search->steps += m.steps;
	return result;
}

enum regex_result regex_matches(const struct regex *regex, struct str text,
				struct regex_search *search)
{
	size_t start;
	size_t end;

	return search_from(regex, text, 0, true, search, &start, &end);
}

enum regex_result regex_find(const struct regex *regex, struct str text, size_t from,
			     struct regex_search *search, size_t *ret_start, size_t *ret_end)
{
	return search_from(regex, text, from, false, search, ret_start, ret_end);
}

size_t regex_size(const struct regex *regex)
{
	return regex->count;
}

/* Bytes that the first instructions that read can begin with; none when one can match without
 * reading. */
void regex_find_first(struct regex *regex, struct arena *arena)
{
	bool *seen = arena_array(arena, regex->count, sizeof(bool));
	uint32_t *stack = arena_array(arena, 2 * (size_t)regex->count + 2, sizeof(uint32_t));
	uint32_t depth = 0;

	stack[depth++] = 0;
	while (depth > 0) {
		uint32_t at = stack[--depth];
		const struct regex_instruction *instruction = &regex->program[at];

		if (seen[at])
			continue;
		seen[at] = true;
		if (instruction->op == REGEX_OP_MATCH)
			return;
		if (instruction->op == REGEX_OP_SPLIT)
			stack[depth++] = instruction->other;
		if (instruction->op != REGEX_OP_CLASS) {
			stack[depth++] = instruction->next;
			continue;
		}
		regex->first[0] |= instruction->class->ascii[0];
		regex->first[1] |= instruction->class->ascii[1];
		if (instruction->class->count > 0 &&
		    instruction->class->ranges[instruction->class->count - 1].high >= 128)
			regex->first[2] = regex->first[3] = UINT64_MAX;
	}
	regex->has_first = true;
}
