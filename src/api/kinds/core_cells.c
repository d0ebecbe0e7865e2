/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of core kinds other than Pod, worded as upstream's printers. */
#include "api/kinds/cells.h"

#include <stdlib.h>
#include "api/condition.h"
#include "base/mem.h"
#include "base/num.h"

#define SHOWN_MAX 3

/* ---- Node ---- */

static void node_status(struct cells *c)
{
	yyjson_val *condition = condition_find(json_get(c->obj->root, "status.conditions"),
					       STR("Ready"));
	const char *ready = !condition						  ? "Unknown"
			    : str_eq_c(json_get_str(condition, "status"), "True") ? "Ready"
										  : "NotReady";
	cell_printf(c, "%s%s", ready,
		    json_get_bool(c->obj->root, "spec.unschedulable", false) ? ",SchedulingDisabled"
									     : "");
}

static int str_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void node_roles(struct cells *c)
{
	size_t count = 0, room = yyjson_obj_size(c->obj->labels) + 1;
	AUTO_FREE struct str *roles = mem_calloc(room, sizeof(roles[0]));
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	JSON_MEMBERS (key, value, c->obj->labels) {
		struct str role = json_str(key);

		if (str_strip_prefix(&role, STR("node-role.kubernetes.io/")) && role.len)
			roles[count++] = role;
		else if (str_eq_c(role, "kubernetes.io/role") && json_str(value).len)
			roles[count++] = json_str(value);
	}
	qsort(roles, count, sizeof(roles[0]), str_order);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_char(&text, ',');
		buf_put_str(&text, roles[i]);
	}
	cell_or(c, buf_str(&text), "<none>");
}

static struct str node_address(const struct obj *obj, const char *type)
{
	JSON_EACH (address, json_get(obj->root, "status.addresses")) {
		if (str_eq_c(json_get_str(address, "type"), type))
			return json_get_str(address, "address");
	}
	return STR("<none>");
}

void node_cells(struct cells *c)
{
	yyjson_val *system = json_get(c->obj->root, "status.nodeInfo");

	cell_name(c);
	node_status(c);
	node_roles(c);
	cell_created_age(c);
	cell_str(c, json_get_str(system, "kubeletVersion"));
	cell_str(c, node_address(c->obj, "InternalIP"));
	cell_str(c, node_address(c->obj, "ExternalIP"));
	cell_or(c, json_get_str(system, "osImage"), "<unknown>");
	cell_or(c, json_get_str(system, "kernelVersion"), "<unknown>");
	cell_or(c, json_get_str(system, "containerRuntimeVersion"), "<unknown>");
}

/* ---- Service ---- */

static void put_joined(struct buf *to, struct str text)
{
	if (to->len)
		buf_put_char(to, ',');
	buf_put_str(to, text);
}

static void service_external(struct cells *c, yyjson_val *spec)
{
	struct str type = json_get_str(spec, "type");
	bool balanced = str_eq_c(type, "LoadBalancer");
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	if (str_eq_c(type, "ExternalName")) {
		cell_str(c, json_get_str(spec, "externalName"));
		return;
	}
	if (balanced) {
		JSON_EACH (ingress, json_get(c->obj->root, "status.loadBalancer.ingress")) {
			struct str ip = json_get_str(ingress, "ip");

			put_joined(&text, ip.len ? ip : json_get_str(ingress, "hostname"));
		}
	}
	JSON_EACH (ip, yyjson_obj_get(spec, "externalIPs"))
		put_joined(&text, json_str(ip));
	cell_or(c, buf_str(&text), balanced ? "<pending>" : "<none>");
}

static void service_ports(struct cells *c, yyjson_val *spec)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	JSON_EACH (port, yyjson_obj_get(spec, "ports")) {
		int64_t node_port = json_get_int(port, "nodePort", 0);

		buf_printf(&text, "%s%lld", text.len ? "," : "",
			   (long long)json_get_int(port, "port", 0));
		if (node_port)
			buf_printf(&text, ":%lld", (long long)node_port);
		buf_printf(&text, "/" STR_FMT, STR_ARG(json_get_str(port, "protocol")));
	}
	cell_or(c, buf_str(&text), "<none>");
}

void service_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec");
	struct str ip = json_get_str(spec, "clusterIPs.0");

	cell_name(c);
	cell_str(c, json_get_str(spec, "type"));
	cell_or(c, ip.len ? ip : json_get_str(spec, "clusterIP"), "<none>");
	service_external(c, spec);
	service_ports(c, spec);
	cell_created_age(c);
	cell_labels(c, yyjson_obj_get(spec, "selector"));
}

/* ---- Endpoints and EndpointSlice ---- */

struct shown {
	struct buf text;
	size_t count;
};

static struct buf *show_next(struct shown *s)
{
	if (s->count++ >= SHOWN_MAX)
		return NULL;
	if (s->text.len)
		buf_put_char(&s->text, ',');
	return &s->text;
}

static void shown_cell(struct cells *c, struct shown *s, const char *empty)
{
	if (s->count > SHOWN_MAX)
		buf_printf(&s->text, " + %zu more...", s->count - SHOWN_MAX);
	cell_or(c, buf_str(&s->text), empty);
	buf_deinit(&s->text);
}

static void show_address(struct shown *s, struct str ip, yyjson_val *port)
{
	struct buf *to = show_next(s);
	bool is_v6 = str_find_char(ip, ':', 0) != SIZE_MAX;

	if (!to)
		return;
	if (!port) {
		buf_put_str(to, ip);
		return;
	}
	buf_printf(to, "%s" STR_FMT "%s:%lld", is_v6 ? "[" : "", STR_ARG(ip), is_v6 ? "]" : "",
		   (long long)json_get_int(port, "port", 0));
}

void endpoints_cells(struct cells *c)
{
	struct shown s = { .count = 0 };
	size_t total = 0;

	buf_init(&s.text, CELL_TEXT_MAX);
	JSON_EACH (subset, yyjson_obj_get(c->obj->root, "subsets")) {
		yyjson_val *addresses = yyjson_obj_get(subset, "addresses");
		yyjson_arr_iter ports = json_arr_iter(yyjson_obj_get(subset, "ports"));
		yyjson_val *port = yyjson_arr_iter_next(&ports);

		total += yyjson_arr_size(addresses) * NUM_MAX(ports.max, (size_t)1);
		do
			JSON_EACH (address, addresses) {
				if (s.count == SHOWN_MAX)
					break;
				show_address(&s, json_get_str(address, "ip"), port);
			}
		while (s.count < SHOWN_MAX && (port = yyjson_arr_iter_next(&ports)));
	}
	s.count = total; /* the product of both lists, of which few are shown */
	cell_name(c);
	shown_cell(c, &s, "<none>");
	cell_created_age(c);
}

void endpoint_slice_cells(struct cells *c)
{
	struct shown ports = { .count = 0 }, endpoints = { .count = 0 };
	struct buf *to;

	buf_init(&ports.text, CELL_TEXT_MAX);
	buf_init(&endpoints.text, CELL_TEXT_MAX);
	JSON_EACH (port, yyjson_obj_get(c->obj->root, "ports")) {
		to = show_next(&ports);
		if (to && yyjson_is_num(yyjson_obj_get(port, "port")))
			buf_printf(to, "%lld", (long long)json_get_int(port, "port", 0));
		else if (to)
			buf_put_char(to, '*');
	}
	JSON_EACH (endpoint, yyjson_obj_get(c->obj->root, "endpoints")) {
		JSON_EACH (address, yyjson_obj_get(endpoint, "addresses")) {
			to = show_next(&endpoints);
			if (to)
				buf_put_str(to, json_str(address));
		}
	}
	cell_name(c);
	cell_str(c, json_get_str(c->obj->root, "addressType"));
	shown_cell(c, &ports, "<unset>");
	shown_cell(c, &endpoints, "<unset>");
	cell_created_age(c);
}

/* ---- Event (both groups) ---- */

static struct str either(yyjson_val *root, const char *core, const char *events)
{
	struct str text = json_get_str(root, core);

	return text.len ? text : json_get_str(root, events);
}

static void event_object(struct cells *c, yyjson_val *about)
{
	struct str kind = json_get_str(about, "kind"), name = json_get_str(about, "name");
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	for (size_t i = 0; i < kind.len; i++)
		buf_put_char(&text, kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z'
					    ? (char)(kind.ptr[i] + 'a' - 'A')
					    : kind.ptr[i]);
	if (name.len)
		buf_printf(&text, "/" STR_FMT, STR_ARG(name));
	cell_str(c, buf_str(&text));
}

static void event_source(struct cells *c, yyjson_val *root)
{
	struct str component = either(root, "source.component", "deprecatedSource.component");
	struct str host = either(root, "source.host", "deprecatedSource.host");

	if (!component.len)
		component = either(root, "reportingComponent", "reportingController");
	if (!host.len)
		host = json_get_str(root, "reportingInstance");
	cell_printf(c, STR_FMT "%s" STR_FMT, STR_ARG(component),
		    component.len && host.len ? ", " : "", STR_ARG(host));
}

void event_cells(struct cells *c)
{
	yyjson_val *root = c->obj->root, *about = yyjson_obj_get(root, "involvedObject"),
		   *series = yyjson_obj_get(root, "series");
	struct str first = either(root, "firstTimestamp", "deprecatedFirstTimestamp");
	struct str last = either(root, "lastTimestamp", "deprecatedLastTimestamp");
	int64_t count = json_get_int(root, "count", json_get_int(root, "deprecatedCount", 0));

	if (!yyjson_is_obj(about))
		about = yyjson_obj_get(root, "regarding");
	if (!first.len)
		first = json_get_str(root, "eventTime");
	if (!last.len)
		last = first;
	if (yyjson_is_obj(series)) {
		last = json_get_str(series, "lastObservedTime");
		count = json_get_int(series, "count", 0);
	} else if (!count) {
		count = 1;
	}
	cell_age(c, last);
	cell_str(c, json_get_str(root, "type"));
	cell_str(c, json_get_str(root, "reason"));
	event_object(c, about);
	cell_str(c, json_get_str(about, "fieldPath"));
	event_source(c, root);
	cell_str(c, str_trim(either(root, "message", "note")));
	cell_age(c, first);
	cell_printf(c, "%lld", (long long)count);
	cell_name(c);
}

/* ---- data ---- */

void secret_cells(struct cells *c)
{
	cell_name(c);
	cell_str(c, json_get_str(c->obj->root, "type"));
	cell_int(c, (int64_t)json_get_count(c->obj->root, "data"));
	cell_created_age(c);
}

void configmap_cells(struct cells *c)
{
	cell_name(c);
	cell_int(c, (int64_t)(json_get_count(c->obj->root, "data") +
			      json_get_count(c->obj->root, "binaryData")));
	cell_created_age(c);
}

/* ---- storage ---- */

static void access_modes_cell(struct cells *c, yyjson_val *modes)
{
	static const struct {
		const char *name, *letters;
	} names[] = {
		{ "ReadWriteOnce", "RWO" },
		{ "ReadOnlyMany", "ROX" },
		{ "ReadWriteMany", "RWX" },
		{ "ReadWriteOncePod", "RWOP" },
	};
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		JSON_EACH (mode, modes) {
			if (str_eq_c(json_str(mode), names[i].name)) {
				put_joined(&text, str_from(names[i].letters));
				break;
			}
		}
	}
	cell_str(c, buf_str(&text));
}

static struct str storage_class(const struct obj *obj)
{
	struct str beta = obj_annotation(obj, "volume.beta.kubernetes.io/storage-class");

	return beta.len ? beta : json_get_str(obj->root, "spec.storageClassName");
}

static void phase_cell(struct cells *c)
{
	cell_str(c, obj_is_deleting(c->obj) ? STR("Terminating")
					    : json_get_str(c->obj->root, "status.phase"));
}

void volume_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *claim = yyjson_obj_get(spec, "claimRef");

	cell_name(c);
	cell_str(c, json_get_str(spec, "capacity.storage"));
	access_modes_cell(c, yyjson_obj_get(spec, "accessModes"));
	cell_str(c, json_get_str(spec, "persistentVolumeReclaimPolicy"));
	phase_cell(c);
	if (yyjson_is_obj(claim))
		cell_printf(c, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(claim, "namespace")),
			    STR_ARG(json_get_str(claim, "name")));
	else
		cell_c(c, "");
	cell_str(c, storage_class(c->obj));
	cell_or(c, json_get_str(spec, "volumeAttributesClassName"), "<unset>");
	cell_str(c, json_get_str(c->obj->root, "status.reason"));
	cell_created_age(c);
	cell_or(c, json_get_str(spec, "volumeMode"), "<unset>");
}

void claim_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *status = yyjson_obj_get(c->obj->root, "status");
	struct str volume = json_get_str(spec, "volumeName");

	cell_name(c);
	phase_cell(c);
	cell_str(c, volume);
	cell_str(c, volume.len ? json_get_str(status, "capacity.storage") : STR(""));
	access_modes_cell(c, volume.len ? yyjson_obj_get(status, "accessModes") : NULL);
	cell_str(c, storage_class(c->obj));
	cell_or(c, json_get_str(spec, "volumeAttributesClassName"), "<unset>");
	cell_created_age(c);
	cell_or(c, json_get_str(spec, "volumeMode"), "<unset>");
}

/* ---- ResourceQuota ---- */

static void quota_side(struct cells *c, bool limits)
{
	yyjson_val *hard = json_get(c->obj->root, "status.hard"),
		   *used = json_get(c->obj->root, "status.used");
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	JSON_MEMBERS (key, value, hard) {
		if (str_has_prefix(json_str(key), STR("limits")) != limits)
			continue;
		buf_printf(&text, "%s" STR_FMT ": " STR_FMT "/" STR_FMT, text.len ? ", " : "",
			   STR_ARG(json_str(key)), STR_ARG(json_str(json_key(used, json_str(key)))),
			   STR_ARG(json_str(value)));
	}
	cell_str(c, buf_str(&text));
}

void quota_cells(struct cells *c)
{
	cell_name(c);
	quota_side(c, false);
	quota_side(c, true);
	cell_created_age(c);
}

void podtemplate_cells(struct cells *c)
{
	yyjson_val *template = yyjson_obj_get(c->obj->root, "template");

	cell_name(c);
	cell_container_names(c, yyjson_obj_get(template, "spec"));
	cell_container_images(c, yyjson_obj_get(template, "spec"));
	cell_labels(c, json_get(template, "metadata.labels"));
}
