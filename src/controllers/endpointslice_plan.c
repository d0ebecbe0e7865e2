/* SPDX-License-Identifier: Apache-2.0 */
/* Dividing endpoints among slices with as few changed slices as possible. */
#include "controllers/endpointslice.h"

#include "codec/json.h"

static bool is_listed(const struct endpoints_view *view, const struct endpoint *e)
{
	return e->port_count > 0 || json_get_count(view->service->root, "spec.ports") == 0;
}

static bool has_ports_of(const struct obj *slice, const struct endpoint *e)
{
	size_t i = 0;

	JSON_EACH (port, yyjson_obj_get(slice->root, "ports")) {
		if (i == e->port_count || json_get_int(port, "port", 0) != e->ports[i].port ||
		    !str_eq(json_get_str(port, "name"), e->ports[i].name) ||
		    !str_eq(json_get_str(port, "protocol"), e->ports[i].protocol) ||
		    !str_eq(json_get_str(port, "appProtocol"), e->ports[i].app_protocol))
			return false;
		i++;
	}
	return i == e->port_count;
}

static bool holds(const struct obj *slice, const struct endpoint *e)
{
	JSON_EACH (entry, yyjson_obj_get(slice->root, "endpoints"))
		if (str_eq(json_get_str(entry, "addresses.0"), e->ip) &&
		    str_eq(json_get_str(entry, "targetRef.uid"), e->pod->uid))
			return true;
	return false;
}

static void put(struct slice_view *slice, const struct endpoint *e)
{
	slice->members[slice->member_count++] = e;
	slice->ports_of = e;
}

static bool fits(const struct slice_view *slice, const struct endpoint *e, size_t endpoints_max)
{
	if (slice->member_count >= endpoints_max)
		return false;
	if (slice->ports_of)
		return endpoint_ports_equal(slice->ports_of, e);
	return slice->obj && has_ports_of(slice->obj, e);
}

void slices_plan(const struct endpoints_view *view, const struct obj *const *existing,
		 size_t existing_count, size_t endpoints_max, struct arena *arena,
		 struct slices_plan *ret_plan)
{
	struct slices_plan plan = { .count = existing_count };
	bool *placed = arena_array(arena, view->count + 1, sizeof(*placed));

	plan.slices = arena_array(arena, existing_count + view->count + 1, sizeof(*plan.slices));
	for (size_t s = 0; s < existing_count; s++) {
		plan.slices[s].obj = existing[s];
		plan.slices[s].members = arena_array(arena, endpoints_max,
						     sizeof(struct endpoint *));
		for (size_t i = 0; i < view->count; i++)
			if (!placed[i] && is_listed(view, &view->endpoints[i]) &&
			    fits(&plan.slices[s], &view->endpoints[i], endpoints_max) &&
			    has_ports_of(existing[s], &view->endpoints[i]) &&
			    holds(existing[s], &view->endpoints[i])) {
				placed[i] = true;
				put(&plan.slices[s], &view->endpoints[i]);
			}
	}
	for (size_t i = 0; i < view->count; i++) {
		size_t s = 0;

		if (placed[i] || !is_listed(view, &view->endpoints[i]))
			continue;
		while (s < plan.count && !fits(&plan.slices[s], &view->endpoints[i], endpoints_max))
			s++;
		if (s == plan.count) {
			plan.slices[s].members = arena_array(arena, endpoints_max,
							     sizeof(struct endpoint *));
			plan.count++;
		}
		put(&plan.slices[s], &view->endpoints[i]);
	}
	*ret_plan = plan;
}
