/* SPDX-License-Identifier: Apache-2.0 */
/* A parser per field: each list becomes bits. */
#include "codec/cron.h"

#include "base/num.h"

#define FIELD_COUNT 5

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
					   "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct field {
	int min, max;
	const char *const *names; /* of min and the following, NULL = none */
} fields[FIELD_COUNT] = {
	{ 0, 59, NULL },	{ 0, 23, NULL },     { 1, 31, NULL },
	{ 1, 12, month_names }, { 0, 6, day_names },
};

static const struct {
	const char *word, *means;
} words[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },	  { "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

static bool is_name(struct str text, const char *name)
{
	if (text.len != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if ((text.ptr[i] | 0x20) != name[i])
			return false;
	return true;
}

static int parse_number(struct str text, int *ret, struct err *err)
{
	int64_t number;
	bool good = text.len > 0;

	for (size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'); i < text.len; i++)
		good &= text.ptr[i] >= '0' && text.ptr[i] <= '9';
	if (!good)
		return err_set(err, ERR_PARSE,
			       "failed to parse int from " STR_FMT ": strconv.Atoi: parsing "
			       "\"" STR_FMT "\": invalid syntax",
			       STR_ARG(text), STR_ARG(text));
	if (text.ptr[0] == '+')
		text = str_slice(text, 1, text.len);
	if (num_parse_i64(text, INT32_MIN, INT32_MAX, "number", &number, NULL) < 0)
		return err_set(err, ERR_PARSE,
			       "failed to parse int from " STR_FMT ": strconv.Atoi: parsing "
			       "\"" STR_FMT "\": value out of range",
			       STR_ARG(text), STR_ARG(text));
	if (number < 0)
		return err_set(err, ERR_PARSE, "negative number (%lld) not allowed: " STR_FMT,
			       (long long)number, STR_ARG(text));
	*ret = (int)number;
	return 0;
}

static int parse_value(const struct field *field, struct str text, int *ret, struct err *err)
{
	for (int i = 0; field->names && field->names[i]; i++) {
		if (!is_name(text, field->names[i]))
			continue;
		*ret = field->min + i;
		return 0;
	}
	return parse_number(text, ret, err);
}

static bool is_any(struct str text)
{
	return str_eq_c(text, "*") || str_eq_c(text, "?");
}

/* "a", "a-b" or "*" in front of the step. */
static int parse_span(const struct field *field, struct str text, int ends[2], bool *ret_single,
		      struct err *err)
{
	struct str first = text, last;
	bool is_range = str_cut(text, '-', &first, &last);

	*ret_single = !is_range && !is_any(first);
	if (is_any(first)) {
		ends[0] = field->min;
		ends[1] = field->max;
		return 0;
	}
	if (is_range && str_find_char(last, '-', 0) != SIZE_MAX)
		return err_set(err, ERR_PARSE, "too many hyphens: " STR_FMT, STR_ARG(text));
	if (parse_value(field, is_range ? first : text, &ends[0], err) < 0)
		return -1;
	ends[1] = ends[0];
	return is_range ? parse_value(field, last, &ends[1], err) : 0;
}

static int parse_range(const struct field *field, struct str text, uint64_t *bits, bool *any,
		       struct err *err)
{
	struct str span = text, step_text;
	bool has_step = str_cut(text, '/', &span, &step_text), single;
	int ends[2], step = 1;

	if (!has_step)
		span = text;
	if (parse_span(field, span, ends, &single, err) < 0)
		return -1;
	if (has_step && str_find_char(step_text, '/', 0) != SIZE_MAX)
		return err_set(err, ERR_PARSE, "too many slashes: " STR_FMT, STR_ARG(text));
	if (has_step && parse_number(step_text, &step, err) < 0)
		return -1;
	if (has_step && single)
		ends[1] = field->max;
	if (ends[0] < field->min)
		return err_set(err, ERR_PARSE,
			       "beginning of range (%d) below minimum (%d): " STR_FMT, ends[0],
			       field->min, STR_ARG(text));
	if (ends[1] > field->max)
		return err_set(err, ERR_PARSE, "end of range (%d) above maximum (%d): " STR_FMT,
			       ends[1], field->max, STR_ARG(text));
	if (ends[0] > ends[1])
		return err_set(err, ERR_PARSE,
			       "beginning of range (%d) beyond end of range (%d): " STR_FMT,
			       ends[0], ends[1], STR_ARG(text));
	if (step == 0)
		return err_set(err, ERR_PARSE,
			       "step of range should be a positive number: " STR_FMT,
			       STR_ARG(text));
	*any |= is_any(span) && step == 1;
	for (int i = ends[0]; i <= ends[1]; i += step)
		*bits |= UINT64_C(1) << i;
	return 0;
}

static int parse_field(const struct field *field, struct str text, uint64_t *bits, bool *any,
		       struct err *err)
{
	struct str part;

	*bits = 0;
	*any = false;
	while (str_next_part(&text, ',', &part))
		if (part.len && parse_range(field, part, bits, any, err) < 0)
			return -1;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool next_word(struct str *rest, struct str *ret)
{
	size_t from = 0, to;

	while (from < rest->len && is_space(rest->ptr[from]))
		from++;
	for (to = from; to < rest->len && !is_space(rest->ptr[to]); to++)
		;
	*ret = str_slice(*rest, from, to);
	*rest = str_slice(*rest, to, rest->len);
	return ret->len > 0;
}

static int parse_fields(struct str text, struct cron_schedule *ret, struct err *err)
{
	uint64_t *const bits[] = { &ret->minutes, &ret->hours, &ret->days, &ret->months,
				   &ret->weekdays };
	struct str rest = text, word;
	size_t count = 0;

	while (next_word(&rest, &word))
		count++;
	if (count != FIELD_COUNT)
		return err_set(err, ERR_PARSE,
			       "expected exactly 5 fields, found %zu: [" STR_FMT "]", count,
			       STR_ARG(str_trim(text)));
	rest = text;
	for (size_t i = 0; i < FIELD_COUNT && next_word(&rest, &word); i++) {
		bool any;

		if (parse_field(&fields[i], word, bits[i], &any, err) < 0)
			return -1;
		ret->any_day |= any && i == 2;
		ret->any_weekday |= any && i == 4;
	}
	return 0;
}

/* "1h30m10s" */
static int parse_every(struct str text, struct cron_schedule *ret, struct err *err)
{
	struct str rest = text;
	int64_t sum = 0, number = 0;
	bool has_number = false;

	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.ptr[i];
		int64_t unit = c == 'h' ? 3600 : c == 'm' ? 60 : c == 's' ? 1 : 0;

		if (c >= '0' && c <= '9' && number < INT32_MAX) {
			number = number * 10 + (c - '0');
			has_number = true;
		} else if (unit && has_number) {
			sum += number * unit;
			number = 0;
			has_number = false;
		} else {
			sum = -1;
			break;
		}
	}
	if (!text.len || has_number || sum <= 0)
		return err_set(err, ERR_PARSE,
			       "failed to parse duration @every " STR_FMT
			       ": time: invalid duration "
			       "\"" STR_FMT "\"",
			       STR_ARG(text), STR_ARG(text));
	ret->every_seconds = sum;
	return 0;
}

static int parse_word(struct str text, struct cron_schedule *ret, struct err *err)
{
	struct str rest = text;

	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (str_eq_c(text, words[i].word))
			return parse_fields(str_from(words[i].means), ret, err);
	if (str_strip_prefix(&rest, STR("@every ")))
		return parse_every(rest, ret, err);
	return err_set(err, ERR_PARSE, "unrecognized descriptor: " STR_FMT, STR_ARG(text));
}

int cron_parse(struct str text, struct cron_schedule *ret, struct str *ret_zone, struct err *err)
{
	struct cron_schedule schedule = { .minutes = 0 };
	struct str zone = { .len = 0 }, rest = text;

	if (str_strip_prefix(&rest, STR("TZ=")) || str_strip_prefix(&rest, STR("CRON_TZ="))) {
		if (!str_cut(rest, ' ', &zone, &text))
			return err_set(err, ERR_PARSE, "provided bad location " STR_FMT,
				       STR_ARG(rest));
		text = str_trim(text);
	}
	if (!text.len)
		return err_set(err, ERR_PARSE, "empty spec string");
	if ((text.ptr[0] == '@' ? parse_word : parse_fields)(text, &schedule, err) < 0)
		return -1;
	if (ret)
		*ret = schedule;
	if (ret_zone)
		*ret_zone = zone;
	return 0;
}
