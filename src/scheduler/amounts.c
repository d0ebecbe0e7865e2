/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts: the four that every pod has are plain numbers, all others a short list. CPU counts in
 * thousandths. */
#include "scheduler/amounts.h"

#include "api/quantity.h"
#include "base/num.h"

#define ASSUMED_CPU_MILLI 100
#define ASSUMED_MEMORY (INT64_C(200) << 20)

static struct amount_scalar *scalar_at(struct amounts *a, struct str name, struct arena *names_in)
{
	struct amount_scalar *s;

	for (size_t i = 0; i < a->scalar_count; i++)
		if (str_eq(a->scalars[i].name, name))
			return &a->scalars[i];
	if (a->scalar_count == SCHEDULER_SCALARS_MAX)
		return NULL;
	s = &a->scalars[a->scalar_count++];
	*s = (struct amount_scalar){ names_in ? str_in(names_in, name) : name, 0 };
	return s;
}

void amounts_read(yyjson_val *list, struct amounts *ret)
{
	struct amount_scalar *scalar;

	ret->cpu_milli = ret->memory = ret->ephemeral = ret->pods = 0;
	ret->scalar_count = 0;
	JSON_MEMBERS (key, value, list) {
		struct str name = json_str(key), text = json_str(value);

		if (!text.len && yyjson_is_num(value)) {
			if (str_eq(name, STR("cpu")))
				ret->cpu_milli = json_int(value, 0) * 1000;
			else if (str_eq(name, STR("memory")))
				ret->memory = json_int(value, 0);
		} else if (str_eq(name, STR("cpu"))) {
			ret->cpu_milli = quantity_text_milli(text, 0);
		} else if (str_eq(name, STR("memory"))) {
			ret->memory = quantity_text_value(text, 0);
		} else if (str_eq(name, STR("ephemeral-storage"))) {
			ret->ephemeral = quantity_text_value(text, 0);
		} else if (str_eq(name, STR("pods"))) {
			ret->pods = quantity_text_value(text, 0);
		} else if ((scalar = scalar_at(ret, name, NULL))) {
			scalar->value = quantity_text_value(text, 0);
		}
	}
}

void amounts_add(struct amounts *to, const struct amounts *a, int sign, struct arena *names_in)
{
	to->cpu_milli += sign * a->cpu_milli;
	to->memory += sign * a->memory;
	to->ephemeral += sign * a->ephemeral;
	to->pods += sign * a->pods;
	for (size_t i = 0; i < a->scalar_count; i++) {
		struct amount_scalar *s = scalar_at(to, a->scalars[i].name, names_in);

		if (s)
			s->value += sign * a->scalars[i].value;
	}
}

static void amounts_max(struct amounts *to, const struct amounts *a)
{
	to->cpu_milli = NUM_MAX(to->cpu_milli, a->cpu_milli);
	to->memory = NUM_MAX(to->memory, a->memory);
	to->ephemeral = NUM_MAX(to->ephemeral, a->ephemeral);
	for (size_t i = 0; i < a->scalar_count; i++) {
		struct amount_scalar *s = scalar_at(to, a->scalars[i].name, NULL);

		if (s)
			s->value = NUM_MAX(s->value, a->scalars[i].value);
	}
}

/* Init containers run one after the other, beside the sidecars started before them. */
void amounts_of_pod(yyjson_val *spec, struct amounts *ret)
{
	struct amounts sum = { .pods = 0 }, most = { .pods = 0 }, sidecars = { .pods = 0 }, one;

	JSON_EACH (container, yyjson_obj_get(spec, "containers")) {
		amounts_read(json_get(container, "resources.requests"), &one);
		amounts_add(&sum, &one, 1, NULL);
	}
	JSON_EACH (container, yyjson_obj_get(spec, "initContainers")) {
		amounts_read(json_get(container, "resources.requests"), &one);
		if (str_eq(json_get_str(container, "restartPolicy"), STR("Always"))) {
			amounts_add(&sum, &one, 1, NULL);
			amounts_add(&sidecars, &one, 1, NULL);
			one = sidecars;
		} else {
			amounts_add(&one, &sidecars, 1, NULL);
		}
		amounts_max(&most, &one);
	}
	amounts_max(&sum, &most);
	amounts_read(yyjson_obj_get(spec, "overhead"), &one);
	amounts_add(&sum, &one, 1, NULL);
	sum.pods = 1;
	*ret = sum;
}

void amounts_assumed(yyjson_val *spec, int64_t *ret_cpu_milli, int64_t *ret_memory)
{
	int64_t cpu = 0, memory = 0;

	JSON_EACH (container, yyjson_obj_get(spec, "containers")) {
		struct amounts one;
		yyjson_val *requests = json_get(container, "resources.requests");

		amounts_read(requests, &one);
		cpu += yyjson_obj_get(requests, "cpu") ? one.cpu_milli : ASSUMED_CPU_MILLI;
		memory += yyjson_obj_get(requests, "memory") ? one.memory : ASSUMED_MEMORY;
	}
	*ret_cpu_milli = cpu;
	*ret_memory = memory;
}

int64_t amounts_scalar(const struct amounts *a, struct str name)
{
	for (size_t i = 0; i < a->scalar_count; i++)
		if (str_eq(a->scalars[i].name, name))
			return a->scalars[i].value;
	return 0;
}
