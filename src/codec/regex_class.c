/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of code points. */
#include "codec/regex_internal.h"

#define POINT_MAX 0x10ffff

void regex_class_add(struct arena *arena, struct regex_class *class, uint32_t low, uint32_t high)
{
	if (class->count == class->room) {
		size_t room = class->room ? 2 * class->room : 4;
		struct regex_range *ranges = arena_array(arena, room, sizeof(*ranges));

		if (class->count > 0)
			memcpy(ranges, class->ranges, class->count * sizeof(*ranges));
		class->ranges = ranges;
		class->room = room;
	}
	class->ranges[class->count++] = (struct regex_range){ low, high };
}

void regex_class_add_all(struct arena *arena, struct regex_class *class,
			 const struct regex_class *other)
{
	for (size_t i = 0; i < other->count; i++)
		regex_class_add(arena, class, other->ranges[i].low, other->ranges[i].high);
}

static void add_folded(struct arena *arena, struct regex_class *class, struct regex_range range,
		       uint32_t first, int shift)
{
	uint32_t low = range.low > first ? range.low : first;
	uint32_t high = range.high < first + 25 ? range.high : first + 25;

	if (low <= high)
		regex_class_add(arena, class, (uint32_t)((int)low + shift),
				(uint32_t)((int)high + shift));
}

void regex_class_fold(struct arena *arena, struct regex_class *class)
{
	for (size_t i = 0, count = class->count; i < count; i++) {
		add_folded(arena, class, class->ranges[i], 'a', 'A' - 'a');
		add_folded(arena, class, class->ranges[i], 'A', 'a' - 'A');
	}
}

static void sort(struct regex_range *ranges, size_t count)
{
	/* heap sort: patterns are hostile */
	for (size_t end = count, start = count / 2; end > 1;) {
		struct regex_range moved;
		size_t hole;

		if (start > 0) {
			moved = ranges[--start];
		} else {
			moved = ranges[--end];
			ranges[end] = ranges[0];
		}
		hole = start;
		for (size_t child = 2 * hole + 1; child < end; child = 2 * hole + 1) {
			if (child + 1 < end && ranges[child + 1].low > ranges[child].low)
				child++;
			if (ranges[child].low <= moved.low)
				break;
			ranges[hole] = ranges[child];
			hole = child;
		}
		ranges[hole] = moved;
	}
}

static void merge(struct regex_class *class)
{
	size_t kept = 0;

	sort(class->ranges, class->count);
	for (size_t i = 0; i < class->count; i++) {
		struct regex_range range = class->ranges[i];

		if (kept > 0 && range.low <= class->ranges[kept - 1].high + 1) {
			if (range.high > class->ranges[kept - 1].high)
				class->ranges[kept - 1].high = range.high;
		} else {
			class->ranges[kept++] = range;
		}
	}
	class->count = kept;
}

void regex_class_finish(struct arena *arena, struct regex_class *class, bool negate)
{
	merge(class);
	if (negate) {
		struct regex_class rest = { 0 };
		uint32_t low = 0;

		for (size_t i = 0; i < class->count; i++) {
			if (class->ranges[i].low > low)
				regex_class_add(arena, &rest, low, class->ranges[i].low - 1);
			low = class->ranges[i].high + 1;
		}
		if (low <= POINT_MAX)
			regex_class_add(arena, &rest, low, POINT_MAX);
		*class = rest;
	}
	class->ascii[0] = class->ascii[1] = 0;
	for (size_t i = 0; i < class->count; i++)
		for (uint32_t c = class->ranges[i].low; c <= class->ranges[i].high && c < 128; c++)
			class->ascii[c >> 6] |= UINT64_C(1) << (c & 63);
}

static void add_pairs(struct arena *arena, struct regex_class *class, const char *pairs)
{
	for (; *pairs; pairs += 2)
		regex_class_add(arena, class, (unsigned char)pairs[0], (unsigned char)pairs[1]);
}

void regex_class_perl(struct arena *arena, struct regex_class *class, char name)
{
	add_pairs(arena, class, name == 'd' ? "09" : name == 's' ? "\t\n\f\r  " : "09AZ__az");
}

bool regex_class_posix(struct arena *arena, struct regex_class *class, struct str name)
{
	static const struct {
		const char *name, *pairs;
	} classes[] = {
		{ "alnum", "09AZaz" },
		{ "alpha", "AZaz" },
		{ "ascii", "\x01\x7f" },
		{ "blank", "\t\t  " },
		{ "cntrl", "\x01\x1f\x7f\x7f" },
		{ "digit", "09" },
		{ "graph", "!~" },
		{ "lower", "az" },
		{ "print", " ~" },
		{ "punct", "!/:@[`{~" },
		{ "space", "\t\r  " },
		{ "upper", "AZ" },
		{ "word", "09AZaz__" },
		{ "xdigit", "09AFaf" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(classes); i++) {
		if (!str_eq_c(name, classes[i].name))
			continue;
		add_pairs(arena, class, classes[i].pairs);
		if (str_eq_c(name, "ascii") || str_eq_c(name, "cntrl"))
			regex_class_add(arena, class, 0, 0);
		return true;
	}
	return false;
}
