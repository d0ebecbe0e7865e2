/* SPDX-License-Identifier: Apache-2.0 */
/* The program of a pattern, and how it is made. */
#ifndef CUBE_CODEC_REGEX_INTERNAL_H
#define CUBE_CODEC_REGEX_INTERNAL_H

#include "codec/regex.h"

enum regex_op {
	REGEX_OP_CLASS, /* a code point of ranges */
	REGEX_OP_SPLIT, /* next, or else other */
	REGEX_OP_EMPTY, /* when the place is what test says */
	REGEX_OP_JUMP,
	REGEX_OP_MATCH,
};

enum regex_test {
	REGEX_TEXT_START,
	REGEX_TEXT_END,
	REGEX_LINE_START,
	REGEX_LINE_END,
	REGEX_WORD,
	REGEX_NOT_WORD,
};

struct regex_range {
	uint32_t low, high;
};

/* Sorted ranges that do not touch; ascii has a bit for each code point below 128. */
struct regex_class {
	uint64_t ascii[2];
	struct regex_range *ranges;
	size_t count, room;
};

struct regex_instruction {
	uint8_t op;
	uint8_t test;
	uint32_t next, other;
	const struct regex_class *class;
};

struct regex {
	struct regex_instruction *program;
	uint32_t count;
	bool anchored; /* every match begins at the start of the text */
	bool has_first;
	uint64_t first[4]; /* bytes that a match can begin with */
};

void regex_find_first(struct regex *regex, struct arena *arena);

void regex_class_add(struct arena *arena, struct regex_class *class, uint32_t low, uint32_t high);
void regex_class_add_all(struct arena *arena, struct regex_class *class,
			 const struct regex_class *other);
void regex_class_fold(struct arena *arena,
		      struct regex_class *class); /* both cases of ASCII letters */
void regex_class_finish(struct arena *arena, struct regex_class *class,
			bool negate); /* sorts, merges */
/* 'd', 's', 'w'. */
void regex_class_perl(struct arena *arena, struct regex_class *class, char name);
/* "alpha" of [[:alpha:]]; false when there is none of this name. */
bool regex_class_posix(struct arena *arena, struct regex_class *class, struct str name);
static inline bool regex_class_has(const struct regex_class *class, uint32_t point)
{
	size_t low = 0;
	size_t high = class->count;

	if (point < 128)
		return class->ascii[point >> 6] >> (point & 63) & 1;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (point > class->ranges[middle].high)
			low = middle + 1;
		else
			high = middle;
	}
	return low < class->count && point >= class->ranges[low].low;
}

#endif
