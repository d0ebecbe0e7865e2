/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of containers, and the fields of a pod that they and files can show. */
#include "api/kinds/pod_spec.h"

#include "api/quantity.h"

#define ENV_FIELDS                                                                             \
	"metadata.name|metadata.namespace|metadata.uid|spec.nodeName|spec.serviceAccountName|" \
	"status.hostIP|status.hostIPs|status.podIP|status.podIPs"
#define FILE_FIELDS \
	"metadata.annotations|metadata.labels|metadata.name|metadata.namespace|metadata.uid"
#define RESOURCE_FIELDS                                                                      \
	"limits.cpu|limits.ephemeral-storage|limits.memory|requests.cpu|requests.ephemeral-" \
	"storage|requests.memory"
/* Fields that have a name in the API although a variable or file cannot show them. */
#define OTHER_FIELDS \
	"metadata.annotations|metadata.labels|spec.restartPolicy|spec.schedulerName|status.phase"

/* "metadata.labels['x']" has a subscript: base and key. */
static bool split_subscript(struct str path, struct str *ret_base, struct str *ret_key)
{
	size_t at = str_find_char(path, '[', 0);

	if (at == SIZE_MAX || path.len < at + 4 || path.ptr[at + 1] != '\'' ||
	    path.ptr[path.len - 1] != ']' || path.ptr[path.len - 2] != '\'')
		return false;
	*ret_base = str_slice(path, 0, at);
	*ret_key = str_slice(path, at + 2, path.len - 2);
	return true;
}

static void check_subscript(const struct scope *s, const struct field_path *path, struct str base,
			    struct str key)
{
	const char *problem;

	if (str_eq_c(base, "metadata.annotations")) { /* a label may have capitals */
		char lower[DNS_SUBDOMAIN_BYTES_MAX + DNS_LABEL_BYTES_MAX + 2];

		for (size_t i = 0; i < key.len && key.len <= sizeof(lower); i++)
			lower[i] = key.ptr[i] >= 'A' && key.ptr[i] <= 'Z'
					   ? (char)(key.ptr[i] + 'a' - 'A')
					   : key.ptr[i];
		if (key.len <= sizeof(lower))
			key = str_in(s->errors->arena, str_sub(lower, key.len));
	}
	problem = name_qualified_problem(key);
	if (problem)
		field_invalid_str(s->errors, path, key, problem);
}

static void check_field_ref(const struct scope *s, const struct field_path *path,
			    yyjson_mut_val *ref, const char *fields)
{
	struct str version = json_mut_get_str(ref, "apiVersion"),
		   field = json_mut_get_str(ref, "fieldPath"), base, key;
	const struct field_path *here = FIELD_NAME(path, "fieldPath");
	bool has_key = split_subscript(field, &base, &key);

	if (!version.len)
		field_required(s->errors, FIELD_NAME(path, "apiVersion"), "");
	else if (!field.len)
		field_required(s->errors, here, "");
	else if (!str_eq_c(version, "v1"))
		field_invalid_str(s->errors, here, field,
				  str_printf_in(s->errors->arena,
						"error converting fieldPath: unsupported pod "
						"version: " STR_FMT,
						STR_ARG(version))
					  .ptr);
	else if (has_key && schema_values_have(STR("metadata.annotations|metadata.labels"), base))
		check_subscript(s, path, base, key);
	else if (has_key || !schema_values_have(STR(ENV_FIELDS "|" OTHER_FIELDS), field))
		field_invalid_str(
			s->errors, here, field,
			str_printf_in(s->errors->arena,
				      "error converting fieldPath: field label %s: " STR_FMT,
				      has_key ? "does not support subscript" : "not supported",
				      STR_ARG(field))
				.ptr);
	else if (!schema_values_have(str_from(fields), field))
		field_unsupported(s->errors, here, field, fields);
}

static void check_env_field_ref(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	if (v)
		check_field_ref(s, path, v, ENV_FIELDS);
}

void rule_field_ref(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (v)
		check_field_ref(s, path, v, FILE_FIELDS);
}

/* ---- resources ---- */

static const struct {
	const char *suffix, *what;
	bool is_prefix;
} divided[] = {
	{ "cpu", "cpu resource", false },
	{ "memory", "memory resource", false },
	{ "ephemeral-storage", "local ephemeral storage resource", false },
	{ "hugepages-", "hugepages resource", true },
};

static bool has_divisor(struct str divisor, bool of_cpu)
{
	struct quantity q;
	char text[QUANTITY_TEXT_BYTES];

	if (quantity_parse(divisor, &q, NULL) < 0 || !q.nano)
		return true; /* none */
	(void)quantity_format(&q, text);
	return schema_values_have(of_cpu ? STR("1m|1")
					 : STR("1|1k|1M|1G|1T|1P|1E|1Ki|1Mi|1Gi|1Ti|1Pi|1Ei"),
				  str_from(text));
}

static void check_divisor(const struct scope *s, const struct field_path *path, struct str resource,
			  struct str divisor)
{
	struct str rest = resource;

	if (!str_strip_prefix(&rest, STR("limits.")) && !str_strip_prefix(&rest, STR("requests.")))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(divided); i++) {
		if (divided[i].is_prefix ? !str_has_prefix(rest, str_from(divided[i].suffix))
					 : !str_eq_c(rest, divided[i].suffix))
			continue;
		if (!has_divisor(divisor, i == 0))
			field_invalid_str(
				s->errors, FIELD_NAME(path, "divisor"), resource,
				str_printf_in(s->errors->arena,
					      "only divisor's values %s are supported with the %s",
					      i == 0 ? "1m and 1"
						     : "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, "
						       "1Ti, 1Pi, 1Ei",
					      divided[i].what)
					.ptr);
	}
}

static void check_resource_ref(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *ref, bool of_volume)
{
	struct str resource = json_mut_get_str(ref, "resource");

	if (!ref)
		return;
	if (of_volume && !json_mut_get_str(ref, "containerName").len)
		field_required(s->errors, FIELD_NAME(path, "containerName"), "");
	else if (!resource.len)
		field_required(s->errors, FIELD_NAME(path, "resource"), "");
	else if (!schema_values_have(STR(RESOURCE_FIELDS), resource) &&
		 !str_has_prefix(resource, STR("limits.hugepages-")) &&
		 !str_has_prefix(resource, STR("requests.hugepages-")))
		field_unsupported(s->errors, FIELD_NAME(path, "resource"), resource,
				  RESOURCE_FIELDS);
	check_divisor(s, path, resource, json_mut_get_str(ref, "divisor"));
}

static void check_env_resource_ref(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	check_resource_ref(s, path, v, false);
}

void rule_resource_ref_of_volume(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	check_resource_ref(s, path, v, true);
}

/* ---- variables ---- */

/* The name may be missing only in old objects. */
static void check_key_name(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const char *problem = name_subdomain_problem(json_mut_str(v));

	if (problem)
		field_invalid_str(s->errors, path, json_mut_str(v), problem);
}

static const struct rule key_rules[] = {
	RULE_CALL("name", check_key_name),
	RULE_NEED_NAME("key", name_config_key_problem),
	{ 0 },
};

static const struct rule file_key_rules[] = {
	RULE_NEED_NAME("key", name_env_problem),
	RULE_NEED_NAME("volumeName", name_label_problem),
	RULE_NEED("path", ""),
	RULE_CALL("path", rule_local_path),
	{ 0 },
};

static const struct rule value_from_rules[] = {
	RULE_CALL("fieldRef", check_env_field_ref),
	RULE_CALL("resourceFieldRef", check_env_resource_ref),
	RULE_INSIDE("configMapKeyRef", key_rules),
	RULE_INSIDE("secretKeyRef", key_rules),
	RULE_INSIDE("fileKeyRef", file_key_rules),
	{ 0 },
};

static void check_variable(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct field_path *here = FIELD_NAME(path, "valueFrom");
	struct str name = json_mut_get_str(v, "name");
	yyjson_mut_val *from = yyjson_mut_obj_get(v, "valueFrom");

	if (!name.len)
		field_required(s->errors, FIELD_NAME(path, "name"), "");
	else if (name_env_problem(name))
		field_invalid_str(s->errors, FIELD_NAME(path, "name"), name,
				  name_env_problem(name));
	if (!yyjson_mut_is_obj(from))
		return;
	rules_check(s, value_from_rules, here, from);
	if (!yyjson_mut_obj_size(from))
		field_invalid_str(s->errors, here, STR(""),
				  "must specify one of: `fieldRef`, `resourceFieldRef`, "
				  "`configMapKeyRef` or `secretKeyRef`");
	else if (json_mut_get_str(v, "value").len)
		field_invalid_str(s->errors, here, STR(""),
				  "may not be specified when `value` is not empty");
	else if (yyjson_mut_obj_size(from) > 1)
		field_invalid_str(s->errors, here, STR(""),
				  "may not have more than one field specified at a time");
}

void rule_env(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (variable, v)
		check_variable(s, FIELD_INDEX(path, i++), variable);
}

static const struct rule source_rules[] = {
	RULE_NEED_NAME("name", name_subdomain_problem),
	{ 0 },
};

static const struct rule env_from_rules[] = {
	RULE_NAME("prefix", name_env_problem),
	RULE_INSIDE("configMapRef", source_rules),
	RULE_INSIDE("secretRef", source_rules),
	{ 0 },
};

/* Upstream names the list when an item has no source or several. */
void rule_env_from(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (source, v) {
		bool map = yyjson_mut_obj_get(source, "configMapRef") != NULL,
		     secret = yyjson_mut_obj_get(source, "secretRef") != NULL;

		rules_check(s, env_from_rules, FIELD_INDEX(path, i++), source);
		if (!map && !secret)
			field_invalid_str(s->errors, path, STR(""),
					  "must specify one of: `configMapRef` or `secretRef`");
		else if (map && secret)
			field_invalid_str(s->errors, path, STR(""),
					  "may not have more than one field specified at a time");
	}
}
