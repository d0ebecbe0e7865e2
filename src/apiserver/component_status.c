/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstream asks the health endpoints of three processes on its own machine. Here scheduler and
 * controllers are parts of this one and well as long as it answers; what was left to another
 * process (--no-scheduler) is not known.
 */
#include "apiserver/component_status.h"

#include "api/kind.h"
#include "apiserver/apiserver_internal.h"
#include "codec/json.h"

static const char *ask_controllers(const struct apiserver *s, struct err *err)
{
	(void)s, (void)err; /* without them there is no server */
	return "True";
}

static const char *ask_store(const struct apiserver *s, struct err *err)
{
	return store_health(s->store, err) == 0 ? "True" : "False";
}

static const char *ask_scheduler(const struct apiserver *s, struct err *err)
{
	if (!s->leaves_scheduling)
		return "True";
	(void)err_set(err, ERR_UNSUPPORTED,
		      "it is not a part of this process"); /* told in the answer */
	return "Unknown";
}

static const struct component {
	const char *name;
	const char *(*ask)(const struct apiserver *s, struct err *err);
} components[] = {
	{ "controller-manager", ask_controllers },
	{ "etcd-0", ask_store },
	{ "scheduler", ask_scheduler },
};

bool component_status_is(const struct kind *kind)
{
	return kind == &kind_componentstatus;
}

struct blob *component_status_at(const struct apiserver *s, size_t index)
{
	const struct component *component;
	struct err err = { 0 };
	const char *status;
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *condition;

	if (index >= ARRAY_COUNT(components))
		return NULL;
	component = &components[index];
	status = component->ask(s, &err);
	json_set_str(doc, root, "kind", kind_componentstatus.name);
	json_set_str(doc, root, "apiVersion", kind_componentstatus.api_version);
	json_set_str(doc, json_set_object(doc, root, "metadata"), "name",
		     str_from(component->name));
	condition = json_append_object(doc, json_set_array(doc, root, "conditions"));
	json_set_str(doc, condition, "type", STR("Healthy"));
	json_set_str(doc, condition, "status", str_from(status));
	if (err.code)
		json_set_str(doc, condition, "error", str_from(err.msg));
	else
		json_set_str(doc, condition, "message", STR("ok"));
	return json_mut_to_blob(root);
}
