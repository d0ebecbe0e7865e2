/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts of query strings and fields: selectors, field selectors, quantities, names. */
#include <stdlib.h>
#include <string.h>
#include "api/kind.h"
#include "api/meta.h"
#include "api/quantity.h"
#include "api/selector.h"
#include "codec/cron.h"
#include "codec/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void try_selector(struct str text, struct arena *arena)
{
	struct selector s, again;
	AUTO_BUF back = { 0 };

	if (selector_parse(text, arena, &s, NULL) < 0)
		return;
	(void)selector_matches(&s, NULL);
	buf_init(&back, 1 << 20);
	selector_write(&s, &back);
	if (selector_parse(buf_str(&back), arena, &again, NULL) < 0 || again.count != s.count)
		abort();
}

static void try_quantity(struct str text)
{
	struct quantity q, again;
	char canonical[QUANTITY_TEXT_BYTES];
	size_t len;

	if (quantity_parse(text, &q, NULL) < 0)
		return;
	len = quantity_format(&q, canonical);
	if (quantity_parse(str_sub(canonical, len), &again, NULL) < 0 ||
	    quantity_cmp(&q, &again) != 0)
		abort();
}

/* Whatever is taken for a schedule comes round: it has a time to run at, or a step. */
static void try_schedule(struct str text)
{
	struct cron_schedule schedule;
	struct str zone;

	if (cron_parse(text, &schedule, &zone, NULL) == 0 && schedule.every_seconds <= 0 &&
	    !schedule.minutes && str_find_char(text, ',', 0) == SIZE_MAX)
		abort();
}

/* What is written of an address is taken, and is written the same again; nothing is said of it. */
static void try_addresses(struct str text, struct arena *arena)
{
	char one[IP_TEXT_BYTES], again[IP_TEXT_BYTES], range[IP_RANGE_TEXT_BYTES],
		same[IP_RANGE_TEXT_BYTES];
	struct str said[IP_WARNINGS_MAX];

	(void)ip_warnings(text, arena, said); /* only that it comes back, likewise below */
	(void)cidr_warnings(text, arena, said);
	if (!ip_problem(text) != ip_is_valid(text) && !str_has_prefix(text, STR("::")) &&
	    !ip_is_v6(text))
		abort();
	if (ip_canonical(text, one) &&
	    (ip_problem(str_from(one)) || !ip_canonical(str_from(one), again) ||
	     strcmp(one, again) != 0 || ip_warnings(str_from(one), arena, said)))
		abort();
	if (!cidr_problem(text) &&
	    (!cidr_canonical(text, range) || cidr_problem(str_from(range)) ||
	     !cidr_canonical(str_from(range), same) || strcmp(range, same) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes);
	struct field_selector fields;
	AUTO_ARENA arena = { 0 };

	if (size_bytes > 4096)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	try_selector(text, &arena);
	try_quantity(text);
	try_schedule(text);
	(void)!field_selector_parse(&kind_pod, text, &arena, &fields,
				    NULL); /* only that it comes back */
	(void)name_qualified_problem(text);
	(void)name_subdomain_problem(text);
	(void)name_config_key_problem(text);
	(void)name_port_problem(text);
	(void)cidr_is_valid(text);
	try_addresses(text, &arena);
	(void)kind_find_argument(text);
	return 0;
}
