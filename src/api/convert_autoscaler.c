/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HorizontalPodAutoscaler: autoscaling/v1 knows the use of CPU only. What v2 has besides stands in
 * annotations of v1 objects, in upstream's form, so that nothing is lost when a client of v1 writes
 * what it has read.
 */
#include "api/convert_internal.h"

#include "api/limits.h"
#include "api/object.h"

#define ANNOTATION(name) "autoscaling.alpha.kubernetes.io/" name

static const struct str metrics_annotation = STR_INIT(ANNOTATION("metrics")),
			current_annotation = STR_INIT(ANNOTATION("current-metrics")),
			conditions_annotation = STR_INIT(ANNOTATION("conditions")),
			behavior_annotation = STR_INIT(ANNOTATION("behavior"));

/* Where a member of a metric stands in the two versions. */
struct place {
	const char *source, *v1, *v2;
	bool is_never_absent; /* in v1: zero instead */
};

static const struct place wanted_places[] = {
	{ "object", "target", "describedObject" },
	{ "object", "metricName", "metric.name" },
	{ "object", "selector", "metric.selector" },
	{ "object", "targetValue", "target.value", true },
	{ "object", "averageValue", "target.averageValue" },
	{ "pods", "metricName", "metric.name" },
	{ "pods", "selector", "metric.selector" },
	{ "pods", "targetAverageValue", "target.averageValue", true },
	{ "resource", "name", "name" },
	{ "resource", "targetAverageUtilization", "target.averageUtilization" },
	{ "resource", "targetAverageValue", "target.averageValue" },
	{ "containerResource", "name", "name" },
	{ "containerResource", "container", "container" },
	{ "containerResource", "targetAverageUtilization", "target.averageUtilization" },
	{ "containerResource", "targetAverageValue", "target.averageValue" },
	{ "external", "metricName", "metric.name" },
	{ "external", "metricSelector", "metric.selector" },
	{ "external", "targetValue", "target.value" },
	{ "external", "targetAverageValue", "target.averageValue" },
};

static const struct place current_places[] = {
	{ "object", "target", "describedObject" },
	{ "object", "metricName", "metric.name" },
	{ "object", "selector", "metric.selector" },
	{ "object", "currentValue", "current.value", true },
	{ "object", "averageValue", "current.averageValue" },
	{ "pods", "metricName", "metric.name" },
	{ "pods", "selector", "metric.selector" },
	{ "pods", "currentAverageValue", "current.averageValue", true },
	{ "resource", "name", "name" },
	{ "resource", "currentAverageUtilization", "current.averageUtilization" },
	{ "resource", "currentAverageValue", "current.averageValue", true },
	{ "containerResource", "name", "name" },
	{ "containerResource", "container", "container" },
	{ "containerResource", "currentAverageUtilization", "current.averageUtilization" },
	{ "containerResource", "currentAverageValue", "current.averageValue", true },
	{ "external", "metricName", "metric.name" },
	{ "external", "metricSelector", "metric.selector" },
	{ "external", "currentValue", "current.value", true },
	{ "external", "currentAverageValue", "current.averageValue" },
};

struct places {
	const struct place *list;
	size_t count;
	bool are_wanted; /* else: measured */
};

static const struct places wanted = { wanted_places, ARRAY_COUNT(wanted_places), true },
			   current = { current_places, ARRAY_COUNT(current_places), false };

static void set_path(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str path,
		     yyjson_mut_val *value)
{
	struct str head, rest;
	yyjson_mut_val *inner;

	if (!str_cut(path, '.', &head, &rest)) {
		json_put(doc, object, path, value);
		return;
	}
	inner = json_mut_key(object, head);
	if (!inner) {
		inner = yyjson_mut_obj(doc);
		json_put(doc, object, head, inner);
	}
	set_path(doc, inner, rest, value);
}

/* As what the target of a metric of v2 is compared: what v1 does not say. */
static const char *target_type(struct str source, yyjson_mut_val *target)
{
	if (yyjson_mut_obj_get(target, "averageUtilization"))
		return "Utilization";
	if (str_eq_c(source, "object"))
		return yyjson_mut_obj_get(target, "averageValue") ? "AverageValue" : "Value";
	return yyjson_mut_obj_get(target, "value") ? "Value" : "AverageValue";
}

/* The zero that v1 has to have beside an average is not a second target. */
static void drop_zero(yyjson_mut_val *target)
{
	if (yyjson_mut_obj_get(target, "averageValue") &&
	    str_eq_c(json_mut_get_str(target, "value"), "0"))
		(void)json_remove(target, STR("value"));
}

static void convert_source(yyjson_mut_doc *doc, const struct places *places, bool to_v2,
			   struct str source, yyjson_mut_val **member)
{
	yyjson_mut_val *made = yyjson_mut_obj(doc), *target;

	for (size_t i = 0; i < places->count; i++) {
		const struct place *p = &places->list[i];
		yyjson_mut_val *value;

		if (!str_eq_c(source, p->source))
			continue;
		value = json_mut_get(*member, to_v2 ? p->v1 : p->v2);
		if (value)
			set_path(doc, made, str_from(to_v2 ? p->v2 : p->v1),
				 json_mut_copy(doc, value));
		else if (!to_v2 && p->is_never_absent)
			json_set_str(doc, made, p->v1, STR("0"));
	}
	target = yyjson_mut_obj_get(made, places->are_wanted ? "target" : "current");
	if (to_v2) {
		drop_zero(target);
		if (places->are_wanted)
			json_set_str(doc, json_ensure_object(doc, made, "target"), "type",
				     str_from(target_type(source, target)));
	}
	*member = made;
}

/* A metric in the other version: its type, and what is there of its sources. */
static yyjson_mut_val *convert_metric(yyjson_mut_doc *doc, const struct places *places, bool to_v2,
				      yyjson_mut_val *metric)
{
	static const char *const sources[] = { "object", "pods", "resource", "containerResource",
					       "external" };
	yyjson_mut_val *made = yyjson_mut_obj(doc);

	json_set_str(doc, made, "type", json_mut_get_str(metric, "type"));
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
		yyjson_mut_val *member = yyjson_mut_obj_get(metric, sources[i]);

		if (!yyjson_mut_is_obj(member))
			continue;
		convert_source(doc, places, to_v2, str_from(sources[i]), &member);
		json_set(doc, made, sources[i], member);
	}
	return made;
}

static bool is_cpu(yyjson_mut_val *metric, const char *utilization)
{
	return str_eq_c(json_mut_get_str(metric, "type"), "Resource") &&
	       str_eq_c(json_mut_get_str(metric, "resource.name"), "cpu") &&
	       json_mut_get(metric, utilization);
}

/* Upstream writes the type that its servers compute with, which has no names for JSON but those in
 * Go: ours with a capital. */
static yyjson_mut_val *rename_members(yyjson_mut_doc *doc, yyjson_mut_val *v, bool to_capital)
{
	yyjson_mut_val *made;

	if (yyjson_mut_is_arr(v)) {
		made = yyjson_mut_arr(doc);
		JSON_MUT_EACH (item, v)
			yyjson_mut_arr_append(made, rename_members(doc, item, to_capital));
		return made;
	}
	if (!yyjson_mut_is_obj(v))
		return json_mut_copy(doc, v);
	made = yyjson_mut_obj(doc);
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key);
		char text[64];

		if (str_copy_to(name, text, sizeof(text)) < 0 || !name.len ||
		    yyjson_mut_is_null(value))
			continue;
		if (to_capital && text[0] >= 'a' && text[0] <= 'z')
			text[0] = (char)(text[0] - 'a' + 'A');
		else if (!to_capital && text[0] >= 'A' && text[0] <= 'Z')
			text[0] = (char)(text[0] - 'A' + 'a');
		json_put(doc, made, str_from(text), rename_members(doc, value, to_capital));
	}
	return made;
}

/* --- annotations --- */

static void put_annotation(yyjson_mut_doc *doc, struct str name, yyjson_mut_val *value)
{
	yyjson_mut_val *metadata = json_ensure_object(doc, yyjson_mut_doc_get_root(doc),
						      "metadata");
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	json_mut_write(value, &text);
	if (!buf_failed(&text))
		json_put_str(doc, json_ensure_object(doc, metadata, "annotations"), name,
			     buf_str(&text));
}

static void drop_annotations(yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *annotations = json_mut_get(root, "metadata.annotations");

	(void)json_remove(annotations, metrics_annotation);
	(void)json_remove(annotations, current_annotation);
	(void)json_remove(annotations, conditions_annotation);
	(void)json_remove(annotations, behavior_annotation);
	if (yyjson_mut_is_obj(annotations) && !yyjson_mut_obj_size(annotations))
		(void)json_remove(yyjson_mut_obj_get(root, "metadata"), STR("annotations"));
}

/* What an annotation holds; NULL: it is not there, or nothing that can be read. */
static yyjson_mut_val *read_annotation(yyjson_mut_doc *doc, struct str name)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct str text = json_mut_str(
		json_mut_key(json_mut_get(root, "metadata.annotations"), name));
	AUTO_JSON value = text.len ? json_parse(text, OBJECT_BYTES_MAX, NULL) : NULL;

	return value ? json_copy(doc, yyjson_doc_get_root(value)) : NULL;
}

/* --- v2 to v1 --- */

static void put_metrics(yyjson_mut_doc *doc, const struct places *places, yyjson_mut_val *metrics,
			struct str annotation)
{
	yyjson_mut_val *others = yyjson_mut_arr(doc);

	JSON_MUT_EACH (metric, metrics)
		if (!places->are_wanted || !is_cpu(metric, "resource.target.averageUtilization"))
			yyjson_mut_arr_append(others, convert_metric(doc, places, false, metric));
	if (yyjson_mut_arr_size(others))
		put_annotation(doc, annotation, others);
}

static void put_percent(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *name,
			yyjson_mut_val *metrics, const char *utilization)
{
	JSON_MUT_EACH (metric, metrics)
		if (is_cpu(metric, utilization)) {
			json_set(doc, to, name,
				 json_mut_copy(doc, json_mut_get(metric, utilization)));
			return;
		}
}

void convert_autoscaler_to_v1(yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *spec = yyjson_mut_obj_get(root, "spec"),
		       *status = yyjson_mut_obj_get(root, "status"),
		       *metrics = json_remove(spec, STR("metrics")),
		       *behavior = json_remove(spec, STR("behavior")),
		       *measured = json_remove(status, STR("currentMetrics")),
		       *conditions = json_remove(status, STR("conditions"));

	drop_annotations(doc);
	put_percent(doc, spec, "targetCPUUtilizationPercentage", metrics,
		    "resource.target.averageUtilization");
	put_percent(doc, status, "currentCPUUtilizationPercentage", measured,
		    "resource.current.averageUtilization");
	put_metrics(doc, &wanted, metrics, metrics_annotation);
	put_metrics(doc, &current, measured, current_annotation);
	if (yyjson_mut_is_obj(behavior))
		put_annotation(doc, behavior_annotation, rename_members(doc, behavior, true));
	if (yyjson_mut_arr_size(conditions))
		put_annotation(doc, conditions_annotation, conditions);
}

/* --- v1 to v2 --- */

static yyjson_mut_val *cpu_metric(yyjson_mut_doc *doc, const char *where, yyjson_mut_val *percent)
{
	yyjson_mut_val *metric = yyjson_mut_obj(doc), *resource, *target;

	json_set_str(doc, metric, "type", STR("Resource"));
	resource = json_set_object(doc, metric, "resource");
	json_set_str(doc, resource, "name", STR("cpu"));
	target = json_set_object(doc, resource, where);
	if (strcmp(where, "target") == 0)
		json_set_str(doc, target, "type", STR("Utilization"));
	json_set(doc, target, "averageUtilization", percent);
	return metric;
}

static void take_metrics(yyjson_mut_doc *doc, const struct places *places, struct str annotation,
			 yyjson_mut_val *to)
{
	JSON_MUT_EACH (metric, read_annotation(doc, annotation))
		if (yyjson_mut_is_obj(metric))
			yyjson_mut_arr_append(to, convert_metric(doc, places, true, metric));
}

static void set_list(yyjson_mut_doc *doc, const char *part, const char *name, yyjson_mut_val *list)
{
	if (yyjson_mut_arr_size(list))
		json_set(doc, json_ensure_object(doc, yyjson_mut_doc_get_root(doc), part), name,
			 list);
}

static void take_fields(yyjson_mut_doc *doc, bool with_annotations)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *spec = yyjson_mut_obj_get(root, "spec"),
		       *status = yyjson_mut_obj_get(root, "status"),
		       *percent = json_remove(spec, STR("targetCPUUtilizationPercentage")),
		       *used = json_remove(status, STR("currentCPUUtilizationPercentage")),
		       *metrics = yyjson_mut_arr(doc), *measured = yyjson_mut_arr(doc), *behavior;

	if (with_annotations) {
		take_metrics(doc, &wanted, metrics_annotation, metrics);
		take_metrics(doc, &current, current_annotation, measured);
		behavior = read_annotation(doc, behavior_annotation);
		if (yyjson_mut_obj_size(behavior))
			json_set(doc, spec, "behavior", rename_members(doc, behavior, false));
		set_list(doc, "status", "conditions", read_annotation(doc, conditions_annotation));
	}
	if (percent)
		yyjson_mut_arr_append(metrics, cpu_metric(doc, "target", percent));
	if (used && !yyjson_mut_arr_size(measured)) /* those of the annotation say more */
		yyjson_mut_arr_append(measured, cpu_metric(doc, "current", used));
	set_list(doc, "spec", "metrics", metrics);
	set_list(doc, "status", "currentMetrics", measured);
	drop_annotations(doc);
	json_set_str(doc, root, "apiVersion", kind_horizontalpodautoscaler.api_version);
}

static bool has_annotations(yyjson_mut_doc *doc)
{
	yyjson_mut_val *annotations = json_mut_get(yyjson_mut_doc_get_root(doc),
						   "metadata.annotations");

	return json_mut_key(annotations, metrics_annotation) ||
	       json_mut_key(annotations, current_annotation) ||
	       json_mut_key(annotations, conditions_annotation) ||
	       json_mut_key(annotations, behavior_annotation);
}

/* Anybody may write annotations: whether they give what the type has. */
static bool are_readable(yyjson_mut_doc *doc)
{
	struct decode_options options = { .kind = &kind_horizontalpodautoscaler,
					  .check = FIELDS_IGNORE };
	AUTO_JSON_MUT trial = json_new();
	AUTO_JSON_MUT read = NULL;

	yyjson_mut_doc_set_root(trial, json_mut_copy(trial, yyjson_mut_doc_get_root(doc)));
	take_fields(trial, true);
	read = object_decode_mut(yyjson_mut_doc_get_root(trial), &options, NULL);
	return read != NULL;
}

void convert_autoscaler_to_v2(yyjson_mut_doc *doc)
{
	take_fields(doc, has_annotations(doc) && are_readable(doc));
}
