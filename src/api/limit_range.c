/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRange as admission applies it. */
#include "api/limit_range.h"

#include <stdlib.h>
#include "api/limits.h"
#include "api/resource_list.h"
#include "codec/json_index.h"

#define ANNOTATION "kubernetes.io/limit-ranger"

/* --- defaults --- */

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct filling {
	yyjson_mut_doc *doc;
	struct resource_list requests, limits;
	struct arena *arena;
	struct buf told;   /* "cpu request for container a; memory limit for container a" */
	size_t bytes;	   /* set so far */
	struct str *names; /* room for those of one list */
};

/* Sets what the container's list lacks. Returns "cpu, memory", the names that were set. */
static struct str fill_list(struct filling *f, yyjson_mut_val *container, const char *which,
			    const struct resource_list *defaults)
{
	yyjson_mut_val *has = yyjson_mut_obj_get(yyjson_mut_obj_get(container, "resources"), which);
	char text[QUANTITY_TEXT_BYTES];
	AUTO_JSON_INDEX given = { .slots = NULL };
	size_t count = 0;

	json_index_init_members_mut(&given, has);
	/* What is larger than any object may be is refused when it is written. */
	for (size_t i = 0; i < defaults->count && f->bytes <= OBJECT_BYTES_MAX; i++) {
		const struct resource_amount *item = &defaults->items[i];

		if (json_index_get(&given, item->name))
			continue;
		if (!has)
			has = json_ensure_object(
				f->doc, json_ensure_object(f->doc, container, "resources"), which);
		quantity_format(&item->quantity, text);
		json_put_new(f->doc, has, item->name, json_new_str(f->doc, str_from(text)));
		f->bytes += item->name.len + strlen(text);
		f->names[count++] = item->name;
	}
	qsort(f->names, count, sizeof(f->names[0]), compare);
	return str_join_in(f->arena, f->names, count, STR(", "));
}

static void tell(struct filling *f, struct str names, const char *what, const char *prefix,
		 struct str container)
{
	if (names.len)
		buf_printf(&f->told, "%s" STR_FMT " %s for %s " STR_FMT, f->told.len ? "; " : "",
			   STR_ARG(names), what, prefix, STR_ARG(container));
}

static void fill_containers(struct filling *f, yyjson_mut_val *containers, const char *prefix)
{
	JSON_MUT_EACH (container, containers) {
		struct str name = json_mut_get_str(container, "name");

		tell(f, fill_list(f, container, "requests", &f->requests), "request", prefix, name);
		tell(f, fill_list(f, container, "limits", &f->limits), "limit", prefix, name);
	}
}

void limit_range_default(yyjson_val *limit_range, yyjson_mut_doc *doc, yyjson_mut_val *pod,
			 struct arena *arena)
{
	struct filling f = { .doc = doc, .arena = arena };

	resource_list_init(&f.requests, arena);
	resource_list_init(&f.limits, arena);
	buf_init(&f.told, OBJECT_BYTES_MAX);
	JSON_EACH (item, json_get(limit_range, "spec.limits")) {
		if (!str_eq_c(json_get_str(item, "type"), "Container"))
			continue;
		resource_list_read(&f.requests, json_get(item, "defaultRequest"));
		resource_list_read(&f.limits, json_get(item, "default"));
	}
	f.names = arena_array(arena, f.requests.count + f.limits.count + 1, sizeof(f.names[0]));
	fill_containers(&f, json_mut_get(pod, "spec.containers"), "container");
	fill_containers(&f, json_mut_get(pod, "spec.initContainers"), "init container");
	if (f.told.len)
		json_set_str(doc,
			     json_ensure_object(doc, json_mut_get(pod, "metadata"), "annotations"),
			     ANNOTATION,
			     str_printf_in(arena, "LimitRanger plugin set: " STR_FMT,
					   STR_ARG(buf_str(&f.told))));
	buf_deinit(&f.told);
}

/* --- bounds --- */

struct bounded {
	struct arena *arena;
	struct str texts[LIMIT_VIOLATIONS_MAX];
	size_t count;
	/* of what is looked at now */
	const char *type;
	struct resource_list requests, limits;
};

static PRINTF_LIKE(2, 3) void add(struct bounded *b, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list ap;

	if (b->count == LIMIT_VIOLATIONS_MAX)
		return;
	buf_init(&text, 4096);
	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	b->texts[b->count++] = str_in(b->arena, buf_str(&text));
}

struct bound {
	struct str resource;
	struct quantity value;
	char text[QUANTITY_TEXT_BYTES];
};

static bool next_bound(struct bound *ret, yyjson_val *key, yyjson_val *value)
{
	ret->resource = json_str(key);
	if (quantity_parse(json_str(value), &ret->value, NULL) < 0)
		return false;
	quantity_format(&ret->value, ret->text);
	return true;
}

static const char *text_of(const struct quantity *q, char to[QUANTITY_TEXT_BYTES])
{
	quantity_format(q, to);
	return to;
}

/* Whether the amount (NULL: none is given) was told to lie beyond the bound, or to be missing. */
static bool is_told(struct bounded *b, const struct bound *bound, bool is_minimum, const char *what,
		    const struct quantity *amount)
{
	const char *extreme = is_minimum ? "minimum" : "maximum";
	char text[QUANTITY_TEXT_BYTES];
	int order = amount ? quantity_cmp(amount, &bound->value) : 0;

	if (!amount) {
		add(b, "%s " STR_FMT " usage per %s is %s.  No %s is specified", extreme,
		    STR_ARG(bound->resource), b->type, bound->text, what);
		return true;
	}
	if (is_minimum ? order >= 0 : order <= 0)
		return false;
	add(b, "%s " STR_FMT " usage per %s is %s, but %s is %s", extreme, STR_ARG(bound->resource),
	    b->type, bound->text, what, text_of(amount, text));
	return true;
}

static void check_min(struct bounded *b, const struct bound *bound)
{
	const struct quantity *limit = resource_list_get(&b->limits, bound->resource);

	if (!is_told(b, bound, true, "request", resource_list_get(&b->requests, bound->resource)) &&
	    limit)
		(void)is_told(b, bound, true, "limit", limit); /* nothing comes behind */
}

static void check_max(struct bounded *b, const struct bound *bound)
{
	const struct quantity *request = resource_list_get(&b->requests, bound->resource);

	if (!is_told(b, bound, false, "limit", resource_list_get(&b->limits, bound->resource)) &&
	    request)
		(void)is_told(b, bound, false, "request", request); /* likewise */
}

/* Of claims, which have requests only. */
static void check_max_request(struct bounded *b, const struct bound *bound)
{
	(void)is_told(b, bound, false, "request",
		      resource_list_get(&b->requests, bound->resource)); /* likewise */
}

static void check_ratio(struct bounded *b, const struct bound *bound)
{
	const struct quantity *request = resource_list_get(&b->requests, bound->resource),
			      *limit = resource_list_get(&b->limits, bound->resource);
	double ratio;

	if (!request || request->nano == 0) {
		add(b,
		    STR_FMT " max limit to request ratio per %s is %s, but no request is specified "
			    "or request is 0",
		    STR_ARG(bound->resource), b->type, bound->text);
		return;
	}
	if (!limit || limit->nano == 0) {
		add(b,
		    STR_FMT
		    " max limit to request ratio per %s is %s, but no limit is specified or "
		    "limit is 0",
		    STR_ARG(bound->resource), b->type, bound->text);
		return;
	}
	ratio = (double)limit->nano / (double)request->nano;
	if (ratio > (double)bound->value.nano / 1e9)
		add(b, STR_FMT " max limit to request ratio per %s is %s, but provided ratio is %f",
		    STR_ARG(bound->resource), b->type, bound->text, ratio);
}

static void check_each(struct bounded *b, yyjson_val *bounds,
		       void (*check)(struct bounded *b, const struct bound *bound))
{
	struct bound bound;

	JSON_MEMBERS (key, value, bounds) {
		if (next_bound(&bound, key, value))
			check(b, &bound);
	}
}

static void check_item(struct bounded *b, yyjson_val *item)
{
	check_each(b, json_get(item, "min"), check_min);
	check_each(b, json_get(item, "max"), check_max);
	check_each(b, json_get(item, "maxLimitRequestRatio"), check_ratio);
}

static void check_containers(struct bounded *b, yyjson_val *item, yyjson_val *containers)
{
	JSON_EACH (container, containers) {
		resource_list_init(&b->requests, b->arena);
		resource_list_init(&b->limits, b->arena);
		resource_list_read(&b->requests, json_get(container, "resources.requests"));
		resource_list_read(&b->limits, json_get(container, "resources.limits"));
		check_item(b, item);
	}
}

static void check_pod(struct bounded *b, yyjson_val *item, yyjson_val *spec)
{
	struct str type = json_get_str(item, "type");

	if (str_eq_c(type, "Container")) {
		b->type = "Container";
		check_containers(b, item, json_get(spec, "containers"));
		check_containers(b, item, json_get(spec, "initContainers"));
	} else if (str_eq_c(type, "Pod")) {
		b->type = "Pod";
		resource_list_init(&b->requests, b->arena);
		resource_list_init(&b->limits, b->arena);
		pod_resources(spec, POD_REQUESTS, &b->requests);
		pod_resources(spec, POD_LIMITS, &b->limits);
		check_item(b, item);
	}
}

static void check_claim(struct bounded *b, yyjson_val *item, yyjson_val *spec)
{
	if (!str_eq_c(json_get_str(item, "type"), "PersistentVolumeClaim"))
		return;
	b->type = "PersistentVolumeClaim";
	resource_list_init(&b->requests, b->arena);
	resource_list_init(&b->limits, b->arena);
	resource_list_read(&b->requests, json_get(spec, "resources.requests"));
	check_each(b, json_get(item, "min"), check_min);
	check_each(b, json_get(item, "max"), check_max_request);
}

struct str limit_range_violations(yyjson_val *limit_range, const struct kind *kind,
				  yyjson_val *object, struct arena *arena)
{
	struct bounded *b = ARENA_NEW(arena, struct bounded);
	yyjson_val *spec = json_get(object, "spec");
	struct str all;

	*b = (struct bounded){ .arena = arena };
	JSON_EACH (item, json_get(limit_range, "spec.limits")) {
		if (kind == &kind_pod)
			check_pod(b, item, spec);
		else if (kind == &kind_persistentvolumeclaim)
			check_claim(b, item, spec);
	}
	if (b->count < 2)
		return b->count ? b->texts[0] : STR_NONE;
	all = str_join_in(arena, b->texts, b->count, STR(", "));
	return str_printf_in(arena, "[" STR_FMT "]", STR_ARG(all));
}
