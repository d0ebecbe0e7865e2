/* SPDX-License-Identifier: Apache-2.0 */
/* Making values: what it costs, and when it is too much. */
#include <stdarg.h>
#include <stdio.h>

#include "cel/value_internal.h"

#define RESERVE_BYTES \
	((size_t)256 << 10) /* of the arena, for what is made until the evaluator notices */
#define ERROR_BYTES_MAX 1024

static bool fits(const struct cel_evaluation *e, size_t size_bytes)
{
	return e->bytes <= CEL_EVALUATION_BYTES_MAX &&
	       size_bytes <= CEL_EVALUATION_BYTES_MAX - e->bytes &&
	       e->arena->max_bytes >= RESERVE_BYTES &&
	       e->arena->used_bytes <= e->arena->max_bytes - RESERVE_BYTES &&
	       size_bytes <= e->arena->max_bytes - RESERVE_BYTES - e->arena->used_bytes;
}

void *cel_take(struct cel_frame *f, size_t size_bytes)
{
	struct cel_evaluation *e = f->evaluation;

	if (e->stopped || !fits(e, size_bytes)) {
		e->stopped = true;
		return NULL;
	}
	e->bytes += size_bytes;
	return arena_alloc(e->arena, size_bytes);
}

void *cel_take_small(struct cel_frame *f, size_t size_bytes)
{
	struct cel_evaluation *e = f->evaluation;

	if (fits(e, size_bytes))
		e->bytes += size_bytes;
	else
		e->stopped = true;
	return arena_alloc(e->arena, size_bytes);
}

void cel_charge(struct cel_frame *f, uint64_t cost)
{
	struct cel_evaluation *e = f->evaluation;

	if (__builtin_add_overflow(e->cost, cost, &e->cost))
		e->cost = UINT64_MAX;
	if (e->cost > e->cost_max)
		e->stopped = true;
}

bool cel_work(struct cel_frame *f, uint64_t amount)
{
	struct cel_evaluation *e = f->evaluation;

	e->work += amount;
	if (e->work > CEL_EVALUATION_WORK_MAX || !fits(e, 0))
		e->stopped = true;
	return !e->stopped;
}

static struct cel_value error_of(struct str text)
{
	return (struct cel_value){ .kind = CEL_ERROR, .ptr = text.ptr, .len = text.len };
}

struct cel_value cel_stopped(const struct cel_evaluation *evaluation)
{
	if (evaluation->cost > evaluation->cost_max)
		return error_of(STR("operation cancelled: actual cost limit exceeded"));
	if (evaluation->work > CEL_EVALUATION_WORK_MAX)
		return error_of(STR("operation cancelled: too many values were looked at"));
	return error_of(STR("operation cancelled: too much memory was used"));
}

struct cel_value cel_fail(struct cel_frame *f, const char *fmt, ...)
{
	char text[ERROR_BYTES_MAX];
	va_list ap;
	size_t len;
	char *copy;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	copy = cel_take_small(f, len + 1);
	memcpy(copy, text, len + 1);
	return error_of(str_sub(copy, len));
}

struct cel_value cel_no_overload(void)
{
	return error_of(STR("no such overload"));
}

struct cel_value cel_text(struct cel_frame *f, struct str s)
{
	char *copy = cel_take(f, s.len + 1);

	if (!copy)
		return cel_stopped(f->evaluation);
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return cel_string(str_sub(copy, s.len));
}

struct cel_value cel_make_optional(struct cel_frame *f, struct cel_value v)
{
	struct cel_value *copy;

	if (cel_is_error(v))
		return v;
	copy = cel_take_small(f, sizeof(*copy));
	*copy = v;
	return cel_optional(copy);
}

struct cel_value cel_make_opaque(const struct cel_type *type, const void *opaque)
{
	return (struct cel_value){ .kind = CEL_OPAQUE, .opaque = opaque, .type = type };
}

struct cel_value cel_make_uint(uint64_t natural)
{
	return (struct cel_value){ .kind = CEL_UINT, .natural = natural };
}

struct cel_value cel_make_double(double real)
{
	return (struct cel_value){ .kind = CEL_DOUBLE, .real = real };
}

struct cel_value cel_make_duration(int64_t ns)
{
	return (struct cel_value){ .kind = CEL_DURATION, .integer = ns };
}
