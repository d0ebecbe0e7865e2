/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, annotations and volumes of the past; what hides something else in a container. */
#include "api/kinds/warnings.h"

#include "api/kinds/address.h"
#include "api/quantity.h"
#include "api/schema.h"
#include "codec/json_index.h"
#include "codec/name.h"

static const struct {
	const char *key, *text;
} old_labels[] = {
	{ "beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
	{ "beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
	{ "failure-domain.beta.kubernetes.io/region",
	  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
	{ "failure-domain.beta.kubernetes.io/zone",
	  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
	{ "beta.kubernetes.io/instance-type",
	  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
};

static const char *old_label(struct str key)
{
	for (size_t i = 0; i < ARRAY_COUNT(old_labels); i++)
		if (str_eq_c(key, old_labels[i].key))
			return old_labels[i].text;
	return NULL;
}

/* Label keys that got other names. */
static void warn_labels(struct notices *n, const char *path, yyjson_mut_val *labels)
{
	JSON_MUT_MEMBERS (key, value, labels) {
		const char *text = old_label(json_mut_str(key));

		if (text && value)
			notices_add(n, "%s[" STR_FMT "]: %s", path, STR_ARG(json_mut_str(key)),
				    text);
	}
}

void warn_node_terms(struct notices *n, const char *path, yyjson_mut_val *terms)
{
	size_t i = 0;

	JSON_MUT_EACH (term, terms) {
		size_t j = 0;

		JSON_MUT_EACH (expression, yyjson_mut_obj_get(term, "matchExpressions")) {
			struct str key = json_mut_get_str(expression, "key");
			const char *text = old_label(key);

			if (text)
				notices_add(n,
					    "%s[%zu].matchExpressions[%zu].key: " STR_FMT " is %s",
					    path, i, j, STR_ARG(key), text);
			j++;
		}
		i++;
	}
}

/* ---- the pod's placement ---- */

static void warn_preferred(struct notices *n, const char *path, yyjson_mut_val *terms)
{
	size_t i = 0;

	JSON_MUT_EACH (term, terms) {
		size_t j = 0;

		JSON_MUT_EACH (expression, json_mut_get(term, "preference.matchExpressions")) {
			struct str key = json_mut_get_str(expression, "key");

			if (old_label(key))
				notices_add(n,
					    "%s[%zu].preference.matchExpressions[%zu].key: " STR_FMT
					    " is %s",
					    path, i, j, STR_ARG(key), old_label(key));
			j++;
		}
		i++;
	}
}

#define NODE_AFFINITY "affinity.nodeAffinity."
#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void warn_placement(struct notices *n, const char *path, yyjson_mut_val *spec)
{
	const char *here = str_printf_in(n->arena, "%s.nodeSelector", path).ptr;
	size_t i = 0;

	warn_labels(n, here, yyjson_mut_obj_get(spec, "nodeSelector"));
	here = str_printf_in(n->arena, "%s." NODE_AFFINITY REQUIRED ".nodeSelectorTerms", path).ptr;
	warn_node_terms(n, here, json_mut_get(spec, NODE_AFFINITY REQUIRED ".nodeSelectorTerms"));
	here = str_printf_in(n->arena, "%s." NODE_AFFINITY PREFERRED, path).ptr;
	warn_preferred(n, here, json_mut_get(spec, NODE_AFFINITY PREFERRED));
	JSON_MUT_EACH (constraint, yyjson_mut_obj_get(spec, "topologySpreadConstraints")) {
		struct str key = json_mut_get_str(constraint, "topologyKey");

		if (old_label(key))
			notices_add(n,
				    "%s.topologySpreadConstraints[%zu].topologyKey: " STR_FMT
				    " is %s",
				    path, i, STR_ARG(key), old_label(key));
		i++;
	}
}

/* ---- annotations and volumes of the past ---- */

static const struct {
	const char *key, *text;
} old_annotations[] = {
	{ "seccomp.security.alpha.kubernetes.io/pod",
	  "non-functional in v1.27+; use the \"seccompProfile\" field instead" },
	{ "container.seccomp.security.alpha.kubernetes.io/",
	  "non-functional in v1.27+; use the \"seccompProfile\" field instead" },
	{ "container.apparmor.security.beta.kubernetes.io/",
	  "deprecated since v1.30; use the \"appArmorProfile\" field instead" },
	{ "scheduler.alpha.kubernetes.io/critical-pod",
	  "non-functional in v1.16+; use the \"priorityClassName\" field instead" },
	{ "security.alpha.kubernetes.io/sysctls",
	  "non-functional in v1.11+; use the \"sysctls\" field instead" },
	{ "security.alpha.kubernetes.io/unsafe-sysctls",
	  "non-functional in v1.11+; use the \"sysctls\" field instead" },
};

static const struct {
	const char *source, *text;
} old_volumes[] = {
	{ "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+" },
	{ "gitRepo", "deprecated in v1.11" },
	{ "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
	{ "flocker", "deprecated in v1.22, non-functional in v1.25+" },
	{ "storageos", "deprecated in v1.22, non-functional in v1.25+" },
	{ "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
	{ "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
	{ "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
	{ "rbd", "deprecated in v1.28, non-functional in v1.31+" },
};

static void warn_annotations(struct notices *n, const char *path, yyjson_mut_val *annotations)
{
	JSON_MUT_MEMBERS (key, value, annotations) {
		struct str name = json_mut_str(key);

		for (size_t i = 0; value && i < ARRAY_COUNT(old_annotations); i++) {
			struct str old = str_from(old_annotations[i].key);

			if (str_has_suffix(old, STR("/")) ? str_has_prefix(name, old)
							  : str_eq(name, old))
				notices_add(n, "%smetadata.annotations[" STR_FMT "]: %s", path,
					    STR_ARG(name), old_annotations[i].text);
		}
	}
}

static void warn_volumes(struct notices *n, const char *path, yyjson_mut_val *volumes)
{
	size_t i = 0;

	JSON_MUT_EACH (volume, volumes) {
		for (size_t k = 0; k < ARRAY_COUNT(old_volumes); k++)
			if (yyjson_mut_obj_get(volume, old_volumes[k].source))
				notices_add(n, "%s.volumes[%zu].%s: %s", path, i,
					    old_volumes[k].source, old_volumes[k].text);
		i++;
	}
}

/* ---- containers ---- */

static void warn_env(struct notices *n, const char *path, size_t at, yyjson_mut_val *env)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (yyjson_mut_arr_size(env) < 2)
		return;
	json_index_init(&seen, yyjson_mut_arr_size(env));
	JSON_MUT_EACH (variable, env) {
		struct str name = json_mut_get_str(variable, "name");

		if (json_index_add(&seen, name, variable))
			notices_add(n,
				    "%s[%zu].env[%zu]: hides previous definition of \"" STR_FMT
				    "\", which may be dropped when using apply",
				    path, at, i, STR_ARG(name));
		i++;
	}
}

static void warn_amounts(struct notices *n, const char *path, size_t at, const char *list,
			 yyjson_mut_val *amounts)
{
	JSON_MUT_MEMBERS (key, value, amounts) {
		struct str name = json_mut_str(key);
		struct quantity q;

		if (!schema_values_have(STR("memory|ephemeral-storage"), name) ||
		    quantity_parse(json_mut_str(value), &q, NULL) < 0 ||
		    q.nano % INT64_C(1000000000) == 0)
			continue;
		notices_add(n,
			    "%s[%zu].resources.%s[" STR_FMT "]: fractional byte value \"" STR_FMT
			    "\" is invalid, must be an integer",
			    path, at, list, STR_ARG(name), STR_ARG(json_mut_str(value)));
	}
}

static void warn_ports(struct notices *n, const char *path, size_t at, yyjson_mut_val *ports)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (yyjson_mut_arr_size(ports) < 2)
		return;
	json_index_init(&seen, yyjson_mut_arr_size(ports));
	JSON_MUT_EACH (port, ports) {
		struct str key = str_printf_in(
			n->arena, "%lld/" STR_FMT,
			(long long)json_mut_get_int(port, "containerPort", 0),
			STR_ARG(json_mut_get_str(port, "protocol")));
		size_t *place = ARENA_NEW(n->arena, size_t), *first;

		*place = i;
		first = json_index_add(&seen, key, place);
		if (first)
			notices_add(n,
				    "%s[%zu].ports[%zu]: duplicate port definition with "
				    "%s[%zu].ports[%zu]",
				    path, at, i, path, at, *first);
		i++;
	}
}

static void warn_containers(struct notices *n, const char *spec_path, const char *list,
			    yyjson_mut_val *containers)
{
	const char *path = str_printf_in(n->arena, "%s.%s", spec_path, list).ptr;
	size_t i = 0;

	JSON_MUT_EACH (container, containers) {
		warn_amounts(n, path, i, "limits", json_mut_get(container, "resources.limits"));
		warn_amounts(n, path, i, "requests", json_mut_get(container, "resources.requests"));
		warn_env(n, path, i, yyjson_mut_obj_get(container, "env"));
		warn_ports(n, path, i, yyjson_mut_obj_get(container, "ports"));
		i++;
	}
}

/* ---- the rest ---- */

static void warn_addresses(struct notices *n, const char *path, yyjson_mut_val *spec)
{
	const struct field_path *top = FIELD_NAME(NULL, path),
				*aliases = FIELD_NAME(top, "hostAliases"),
				*servers = FIELD_NAME(FIELD_NAME(top, "dnsConfig"), "nameservers");
	size_t i = 0;

	JSON_MUT_EACH (alias, yyjson_mut_obj_get(spec, "hostAliases"))
		address_warn(n, FIELD_NAME(FIELD_INDEX(aliases, i++), "ip"),
			     json_mut_get_str(alias, "ip"));
	i = 0;
	JSON_MUT_EACH (server, json_mut_get(spec, "dnsConfig.nameservers"))
		address_warn(n, FIELD_INDEX(servers, i++), json_mut_str(server));
}

static void warn_names(struct notices *n, const char *path, yyjson_mut_val *spec)
{
	size_t i = 0;

	JSON_MUT_EACH (secret, yyjson_mut_obj_get(spec, "imagePullSecrets")) {
		struct str name = json_mut_get_str(secret, "name");

		if (!name.len)
			notices_add(n, "%s.imagePullSecrets[%zu].name: invalid empty name \"\"",
				    path, i);
		i++;
	}
	warn_addresses(n, path, spec);
	if (json_mut_get_int(spec, "terminationGracePeriodSeconds", 0) < 0)
		notices_add(n,
			    "%s.terminationGracePeriodSeconds: must be >= 0; negative values are "
			    "invalid and will be treated as 1",
			    path);
}

void warn_name_of_pods(struct edit *e, struct notices *n)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");

	if (!e->old && name.len && name_label_problem(name))
		notices_add(
			n,
			"metadata.name: this is used in Pod names and hostnames, which can result "
			"in surprising behavior; a DNS label is recommended: [%s]",
			name_problems_in(n->arena, name_label_problem(name), " "));
}

void warn_pod(struct notices *n, const char *path, yyjson_mut_val *pod)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };
	yyjson_mut_val *spec = yyjson_mut_obj_get(pod, "spec");
	const char *meta = str_printf_in(n->arena, "%s%s", path, *path ? "." : "").ptr,
		   *here = str_printf_in(n->arena, "%sspec", meta).ptr;
	struct str name = json_mut_get_str(pod, "metadata.name");

	if (!*path && name.len && name_label_problem(name))
		notices_add(n,
			    "metadata.name: this is used in the Pod's hostname, which can result "
			    "in surprising behavior; a DNS label is recommended: [%s]",
			    name_problems_in(n->arena, name_label_problem(name), " "));
	warn_placement(n, here, spec);
	warn_annotations(n, meta, json_mut_get(pod, "metadata.annotations"));
	warn_names(n, here, spec);
	warn_volumes(n, here, yyjson_mut_obj_get(spec, "volumes"));
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		warn_containers(n, here, lists[i], yyjson_mut_obj_get(spec, lists[i]));
}
