/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The downward API: values of a pod's own fields and of its containers' resources, for variables
 * and for files. Pure.
 */
#include <inttypes.h>

#include "api/quantity.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "kubelet/limits.h"
#include "kubelet/volume_plan.h"

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const struct runtime_pair *)a)->name,
		       ((const struct runtime_pair *)b)->name);
}

/* Lines `key="value"`, sorted by key, values quoted as Go's %q does. */
static struct str format_map(yyjson_val *map, struct arena *arena)
{
	struct runtime_pair *pairs = arena_array(arena, yyjson_obj_size(map) + 1, sizeof(*pairs));
	size_t count = 0;
	AUTO_BUF out = { 0 };

	buf_init(&out, KUBELET_OBJECT_BYTES_MAX);
	JSON_MEMBERS (key, value, map)
		pairs[count++] = (struct runtime_pair){ json_str(key), json_str(value) };
	qsort(pairs, count, sizeof(*pairs), by_key);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_put_char(&out, '\n');
		buf_put_str(&out, pairs[i].name);
		buf_put_char(&out, '=');
		json_write_quoted(pairs[i].value, &out);
	}
	return str_in(arena, buf_str(&out));
}

/* metadata.labels['x'] → x; false when path is not of this map. */
static bool subscript(struct str path, struct str prefix, struct str *ret_key)
{
	if (!str_strip_prefix(&path, prefix) || !str_strip_prefix(&path, STR("['")) ||
	    !str_strip_suffix(&path, STR("']")))
		return false;
	*ret_key = path;
	return true;
}

int downward_field(const struct pod_spec *spec, const struct volume_sources *sources,
		   struct str path, struct arena *arena, struct str *ret, struct err *err)
{
	const struct {
		struct str path, value;
	} plain[] = {
		{ STR("metadata.name"), spec->name },
		{ STR("metadata.namespace"), spec->namespace_ },
		{ STR("metadata.uid"), spec->uid },
		{ STR("spec.nodeName"), sources->node_name },
		{ STR("spec.serviceAccountName"), spec->service_account },
		{ STR("status.hostIP"), sources->host_address },
		{ STR("status.hostIPs"), sources->host_address },
		{ STR("status.podIP"), sources->pod_address },
		{ STR("status.podIPs"), sources->pod_address },
	};
	struct str key;

	for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
		if (str_eq(path, plain[i].path)) {
			*ret = str_in(arena, plain[i].value);
			return 0;
		}
	}
	if (str_eq(path, STR("metadata.labels")))
		*ret = format_map(spec->obj->labels, arena);
	else if (str_eq(path, STR("metadata.annotations")))
		*ret = format_map(spec->obj->annotations, arena);
	else if (subscript(path, STR("metadata.labels"), &key))
		*ret = str_in(arena, json_str(json_key(spec->obj->labels, key)));
	else if (subscript(path, STR("metadata.annotations"), &key))
		*ret = str_in(arena, json_str(json_key(spec->obj->annotations, key)));
	else
		return err_set(err, ERR_BAD_REQUEST, "unsupported fieldPath: " STR_FMT,
			       STR_ARG(path));
	return 0;
}

/* The value in the divisor's unit, rounded up; cpu in thousandths. */
static int64_t divide(int64_t value, int64_t divisor)
{
	divisor = NUM_MAX(divisor, INT64_C(1));
	return value / divisor + (value % divisor != 0);
}

int downward_resource(const struct pod_spec *spec, const struct pod_container *container,
		      const struct volume_sources *sources, yyjson_val *ref, struct arena *arena,
		      struct str *ret, struct err *err)
{
	struct str resource = json_get_str(ref, "resource"), divisor = json_get_str(ref, "divisor");
	struct str name = json_get_str(ref, "containerName");
	const struct pod_resources *r = &container->resources;
	int64_t value, unit;

	if (!str_is_empty(name)) {
		int index = pod_spec_find(spec, name);

		if (index < 0)
			return err_set(err, ERR_INVALID, "container " STR_FMT " not found",
				       STR_ARG(name));
		r = &spec->containers[index].resources;
	}
	if (str_eq(resource,
		   STR("limits.cpu"))) /* without a limit all of the node's is the limit */
		value = r->cpu_limit_milli > 0 ? r->cpu_limit_milli : sources->node_cpu_milli;
	else if (str_eq(resource, STR("requests.cpu")))
		value = NUM_MAX(r->cpu_request_milli, INT64_C(0));
	else if (str_eq(resource, STR("limits.memory")))
		value = r->memory_limit_bytes > 0 ? r->memory_limit_bytes
						  : sources->node_memory_bytes;
	else if (str_eq(resource, STR("requests.memory")))
		value = NUM_MAX(r->memory_request_bytes, INT64_C(0));
	else if (str_eq(resource, STR("limits.ephemeral-storage")))
		value = NUM_MAX(r->storage_limit_bytes, INT64_C(0));
	else if (str_eq(resource, STR("requests.ephemeral-storage")))
		value = NUM_MAX(r->storage_request_bytes, INT64_C(0));
	else
		return err_set(err, ERR_BAD_REQUEST, "unsupported container resource : " STR_FMT,
			       STR_ARG(resource));
	if (str_has_suffix(resource, STR("cpu"))) {
		unit = quantity_text_milli(divisor, 0);
		unit = unit > 0 ? unit : 1000;
	} else {
		unit = quantity_text_value(divisor, 0);
		unit = unit > 0 ? unit : 1;
	}
	*ret = str_printf_in(arena, "%" PRId64, divide(value, unit));
	return 0;
}
