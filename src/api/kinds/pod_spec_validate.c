/* SPDX-License-Identifier: Apache-2.0 */
/* Pod specs as a whole, and templates. What has a file of its own is called from here. */
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"

#include "api/meta.h"
#include "api/selector.h"
#include "codec/ip.h"

/* ---- names and addresses ---- */

static void check_searches(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0, bytes = 0;

	if (yyjson_mut_arr_size(v) > DNS_SEARCHES_MAX)
		field_invalid_val(s->errors, path, v, "must not have more than 32 search paths");
	JSON_MUT_EACH (search, v)
		bytes += json_mut_str(search).len + 1;
	if (bytes > DNS_SEARCH_BYTES_MAX + 1)
		field_invalid_val(s->errors, path, v,
				  "must not have more than 2048 characters (including spaces) in "
				  "the search list");
	JSON_MUT_EACH (search, v) {
		struct str name = json_mut_str(search);
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (str_eq_c(name, "."))
			continue;
		if (str_has_suffix(name, STR(".")))
			name.len--;
		if (name_search_domain_problem(name))
			field_invalid_str(s->errors, here, name, name_search_domain_problem(name));
	}
}

static void check_dns_option(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (!json_mut_get_str(v, "name").len)
		field_required(s->errors, path, "must not be empty");
}

static void check_dns_config(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	static const struct rule server_rules[] = { RULE_NAMES("nameservers", ip_problem), { 0 } };
	static const struct rule rest_rules[] = {
		RULE_CALL("searches", check_searches),
		RULE_CALL_EACH("options", check_dns_option),
		{ 0 },
	};
	const struct pod_scope *pod = s->own;
	yyjson_mut_val *servers = yyjson_mut_obj_get(v, "nameservers");

	if (str_eq_c(json_mut_get_str(pod->spec, "dnsPolicy"), "None") &&
	    !yyjson_mut_arr_size(servers)) {
		field_required(
			s->errors, v ? FIELD_NAME(path, "nameservers") : path,
			v ? "must provide at least one DNS nameserver when `dnsPolicy` is None"
			  : "must provide `dnsConfig` when `dnsPolicy` is None");
		return;
	}
	if (!v)
		return;
	if (yyjson_mut_arr_size(servers) > DNS_NAMESERVERS_MAX)
		field_invalid_val(s->errors, FIELD_NAME(path, "nameservers"), servers,
				  "must not have more than 3 nameservers");
	rules_check(s, server_rules, path, v);
	rules_check(s, rest_rules, path, v);
}

static const struct rule alias_rules[] = {
	RULE_CALL("ip", rule_ip),
	RULE_NAMES("hostnames", name_subdomain_problem),
	{ 0 },
};

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

/* ---- sharing the node ---- */

static void check_host_network(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	size_t i = 0;

	if (!json_mut_get_bool(v, "hostNetwork", false))
		return;
	JSON_MUT_EACH (container, yyjson_mut_obj_get(v, "containers")) {
		const struct field_path *here = FIELD_NAME(
			FIELD_INDEX(FIELD_NAME(path, "containers"), i++), "ports");
		size_t j = 0;

		JSON_MUT_EACH (port, yyjson_mut_obj_get(container, "ports")) {
			int64_t host = json_mut_get_int(port, "hostPort", 0);

			if ((pod->is_pod || host) &&
			    host != json_mut_get_int(port, "containerPort", 0))
				field_invalid_int(
					s->errors, FIELD_NAME(FIELD_INDEX(here, j), "hostPort"),
					host,
					"must match `containerPort` when `hostNetwork` is true");
			j++;
		}
	}
}

static void check_host_users(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	static const struct {
		const char *key, *name;
	} shared[] = { { "hostNetwork", "hostNetwork" },
		       { "hostPID", "HostPID" },
		       { "hostIPC", "HostIPC" } };

	if (json_mut_get_bool(v, "hostUsers", true))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(shared); i++)
		if (json_mut_get_bool(v, shared[i].key, false))
			field_forbidden(s->errors, FIELD_NAME(path, shared[i].name),
					"when `pod.Spec.HostUsers` is false");
}

/* ---- operating systems ---- */

/* What Go would not have as a pointer counts only when it says something. */
#define PLAIN_FIELDS "sysctls|hostPID|hostIPC"

static void refuse(const struct scope *s, const struct field_path *path, yyjson_mut_val *object,
		   const char *const *fields, const char *detail)
{
	for (; *fields; fields++) {
		yyjson_mut_val *value = yyjson_mut_obj_get(object, *fields);

		if (schema_values_have(STR(PLAIN_FIELDS), str_from(*fields))
			    ? !is_zero_value(value)
			    : value && !yyjson_mut_is_null(value))
			field_forbidden(s->errors, FIELD_NAME(path, *fields), detail);
	}
}

static void refuse_in_containers(const struct scope *s, const struct field_path *path,
				 const char *const *fields, const char *detail)
{
	const struct pod_scope *pod = s->own;

	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		const char *list = container_lists[i];
		size_t j = 0;

		JSON_MUT_EACH (container, yyjson_mut_obj_get(pod->spec, list)) {
			const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, list), j++);

			refuse(s, FIELD_NAME(here, "securityContext"),
			       yyjson_mut_obj_get(container, "securityContext"), fields, detail);
		}
	}
}

/* ---- processes of a Windows node ---- */

#define HOST_PROCESS "securityContext.windowsOptions.hostProcess"

/* How many containers are such; total: of all. */
static size_t count_host_processes(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *spec, size_t *ret_total)
{
	yyjson_mut_val *of_pod = json_mut_get(spec, HOST_PROCESS);
	size_t count = 0;

	*ret_total = 0;
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		const struct field_path *list = FIELD_NAME(path, container_lists[i]);
		size_t j = 0;

		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i])) {
			const struct field_path *here = FIELD_INDEX(list, j++);
			yyjson_mut_val *own = json_mut_get(container, HOST_PROCESS);

			++*ret_total;
			count += yyjson_mut_get_bool(own ? own : of_pod);
			if (!own || !of_pod ||
			    yyjson_mut_get_bool(own) == yyjson_mut_get_bool(of_pod))
				continue;
			field_invalid_val(
				s->errors,
				FIELD_NAME(FIELD_NAME(FIELD_NAME(here, "securityContext"),
						      "windowsOptions"),
					   "hostProcess"),
				own,
				yyjson_mut_get_bool(of_pod)
					? "pod hostProcess value must be identical if both are "
					  "specified, was true"
					: "pod hostProcess value must be identical if both are "
					  "specified, was false");
		}
	}
	return count;
}

static void check_host_process(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	size_t total, count = count_host_processes(s, path, v, &total);

	if (count && count != total)
		field_invalid_str(
			s->errors, path, STR(""),
			"If pod contains any hostProcess containers then all containers must "
			"be HostProcess containers");
	if (count && !json_mut_get_bool(v, "hostNetwork", false))
		field_error_add(s->errors, FIELD_INVALID, FIELD_NAME(path, "hostNetwork"),
				"false: hostNetwork must be true if pod contains any hostProcess "
				"containers");
}

static void check_os(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char *const of_windows[] = { "windowsOptions", NULL };
	static const char *const of_linux[] = { "appArmorProfile",     "seLinuxOptions",
						"seccompProfile",      "fsGroup",
						"fsGroupChangePolicy", "sysctls",
						"runAsUser",	       "runAsGroup",
						"supplementalGroups",  "supplementalGroupsPolicy",
						"seLinuxChangePolicy", NULL };
	static const char *const of_linux_pod[] = { "hostUsers", "hostPID", "hostIPC",
						    "shareProcessNamespace", NULL };
	static const char *const of_linux_container[] = { "appArmorProfile",
							  "seLinuxOptions",
							  "seccompProfile",
							  "capabilities",
							  "readOnlyRootFilesystem",
							  "privileged",
							  "allowPrivilegeEscalation",
							  "procMount",
							  "runAsUser",
							  "runAsGroup",
							  NULL };
	static const char linux_detail[] = "windows options cannot be set for a linux pod",
			  windows_detail[] = "cannot be set for a windows pod";
	struct str name = json_mut_get_str(v, "os.name");
	const struct field_path *os = FIELD_NAME(path, "os"),
				*security = FIELD_NAME(path, "securityContext");
	yyjson_mut_val *context = yyjson_mut_obj_get(v, "securityContext");

	if (!yyjson_mut_obj_get(v, "os"))
		return;
	if (!name.len) {
		field_required(s->errors, FIELD_NAME(os, "name"), "cannot be empty");
	} else if (str_eq_c(name, "linux")) {
		refuse(s, security, context, of_windows, linux_detail);
		refuse_in_containers(s, path, of_windows, linux_detail);
	} else if (str_eq_c(name, "windows")) {
		refuse(s, security, context, of_linux, windows_detail);
		refuse(s, path, v, of_linux_pod, windows_detail);
		refuse_in_containers(s, path, of_linux_container, windows_detail);
	} else {
		field_unsupported(s->errors, os, name, "linux|windows");
	}
}

/* ---- gates and claims ---- */

static void check_readiness_gate(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "conditionType");

	if (name_qualified_problem(type))
		field_invalid_str(s->errors, FIELD_NAME(path, "conditionType"), type,
				  name_qualified_problem(type));
}

static void check_scheduling_gates(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (gate, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(gate, "name");

		if (name_qualified_problem(name))
			field_invalid_str(s->errors, here, name, name_qualified_problem(name));
		if (json_index_add(&seen, name, gate))
			field_duplicate_str(s->errors, here, name);
	}
}

static void check_claim_source(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	bool named = yyjson_mut_obj_get(v, "resourceClaimName") != NULL,
	     made = yyjson_mut_obj_get(v, "resourceClaimTemplateName") != NULL;

	if (named && made)
		field_invalid_val(s->errors, path, v,
				  "at most one of `resourceClaimName` or "
				  "`resourceClaimTemplateName` may be specified");
	if (!named && !made)
		field_invalid_val(s->errors, path, v,
				  "must specify one of: `resourceClaimName`, "
				  "`resourceClaimTemplateName`");
}

static const struct rule claim_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_CALL(NULL, check_claim_source),
	RULE_NAME("resourceClaimName", name_subdomain_problem),
	RULE_NAME("resourceClaimTemplateName", name_subdomain_problem),
	{ 0 },
};

void rule_preemption_policy(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str policy = json_mut_str(v);

	if (v && !policy.len)
		field_required(s->errors, path, "");
	else if (v && !schema_values_have(STR("PreemptLowerPriority|Never"), policy))
		field_unsupported(s->errors, path, policy, "PreemptLowerPriority|Never");
}

/* ---- the spec ---- */

static void check_grace(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!v)
		field_required(s->errors, path, "");
}

static void check_containers(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (v)
		container_list_validate(s, path);
}

static const struct rule spec_rules[] = {
	RULE_CALL("terminationGracePeriodSeconds", check_grace),
	RULE_CALL("volumes", rule_volumes),
	RULE_EACH_BY("resourceClaims", "name", claim_rules),
	RULE_CALL(NULL, check_containers),
	RULE_CALL("resources", rule_pod_resources),
	RULE_CALL(NULL, check_host_network),
	RULE_NEED_ONE_OF("restartPolicy", "Always|OnFailure|Never"),
	RULE_NEED_ONE_OF("dnsPolicy", "ClusterFirstWithHostNet|ClusterFirst|Default|None"),
	RULE_CALL("nodeSelector", rule_labels),
	RULE_CALL("securityContext", rule_pod_security),
	RULE_CALL("affinity", rule_affinity),
	RULE_CALL("dnsConfig", check_dns_config),
	RULE_CALL_EACH("readinessGates", check_readiness_gate),
	RULE_CALL("schedulingGates", check_scheduling_gates),
	RULE_CALL("topologySpreadConstraints", rule_spread),
	RULE_CALL(NULL, check_host_process),
	RULE_CALL(NULL, check_host_users),
	RULE_NAME("serviceAccountName", name_subdomain_problem),
	RULE_NAME("nodeName", name_subdomain_problem),
	RULE_BETWEEN("activeDeadlineSeconds", 1, INT32_MAX),
	RULE_NAME("hostname", name_label_problem),
	RULE_NAME("hostnameOverride", name_subdomain_problem),
	RULE_NAME("subdomain", name_label_problem),
	RULE_CALL("tolerations", rule_tolerations),
	RULE_EACH("hostAliases", alias_rules),
	RULE_NAME("priorityClassName", name_subdomain_problem),
	RULE_NAME("runtimeClassName", name_subdomain_problem),
	RULE_CALL("preemptionPolicy", rule_preemption_policy),
	RULE_CALL("overhead", rule_overhead),
	RULE_CALL(NULL, check_os),
	{ 0 },
};

static void check_spec(const struct scope *s, const struct field_path *path, yyjson_mut_val *spec,
		       bool is_pod, struct str name)
{
	struct pod_scope pod = { .spec = spec, .is_pod = is_pod, .name = name };
	struct scope inner = { .edit = s->edit, .errors = s->errors, .own = &pod };

	json_index_init(&pod.volumes, 0);
	rules_check(&inner, spec_rules, path, spec);
	json_index_deinit(&pod.volumes);
}

void pod_spec_validate(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	check_spec(&scope, FIELD_NAME(NULL, "spec"), yyjson_mut_obj_get(e->root, "spec"), true,
		   json_mut_get_str(e->root, "metadata.name"));
}

/* ---- templates ---- */

static const struct rule template_meta_rules[] = {
	RULE_CALL("labels", rule_labels),
	RULE_CALL("annotations", rule_annotations),
	{ 0 },
};

void rule_pod_template(const struct scope *s, const struct field_path *path,
		       yyjson_mut_val *template)
{
	const struct field_path *spec_path = FIELD_NAME(path, "spec");
	yyjson_mut_val *spec = yyjson_mut_obj_get(template, "spec");

	rules_check(s, template_meta_rules, FIELD_NAME(path, "metadata"),
		    yyjson_mut_obj_get(template, "metadata"));
	check_spec(s, spec_path, spec, false, STR_NONE);
	if (json_mut_get_count(spec, "ephemeralContainers"))
		field_forbidden(s->errors, FIELD_NAME(spec_path, "ephemeralContainers"),
				"ephemeral containers not allowed in pod template");
}

void pod_template_validate_endless(const struct scope *s, const char *kind_name,
				   const struct field_path *path, yyjson_mut_val *template)
{
	const struct field_path *spec_path = FIELD_NAME(path, "spec");
	struct str policy = json_mut_get_str(template, "spec.restartPolicy");

	if (!str_eq_c(policy, "Always"))
		field_unsupported(s->errors, FIELD_NAME(spec_path, "restartPolicy"), policy,
				  "Always");
	if (json_mut_get(template, "spec.activeDeadlineSeconds"))
		field_error_add(s->errors, FIELD_FORBIDDEN,
				FIELD_NAME(spec_path, "activeDeadlineSeconds"),
				"activeDeadlineSeconds in %s is not Supported", kind_name);
}

static bool selects(const struct scope *s, yyjson_mut_val *selector, yyjson_mut_val *labels)
{
	AUTO_JSON frozen = json_freeze(selector);
	AUTO_JSON frozen_labels = labels ? json_freeze(labels) : NULL;
	struct selector parsed;

	return selector_from_object(yyjson_doc_get_root(frozen), s->errors->arena, &parsed, NULL) <
		       0 ||
	       selector_matches(&parsed, yyjson_doc_get_root(frozen_labels));
}

void pod_template_validate_selected(const struct scope *s, const char *kind_name,
				    const struct field_path *path, yyjson_mut_val *spec)
{
	const struct field_path *template_path = FIELD_NAME(path, "template"),
				*selector_path = FIELD_NAME(path, "selector");
	yyjson_mut_val *selector = yyjson_mut_obj_get(spec, "selector"),
		       *template = yyjson_mut_obj_get(spec, "template"),
		       *labels = json_mut_get(template, "metadata.labels");
	size_t before = s->errors->seen;

	if (!yyjson_mut_is_obj(selector)) {
		field_required(s->errors, selector_path, "");
	} else {
		selector_validate(selector, selector_path, s->errors);
		if (!json_mut_get_count(selector, "matchLabels") &&
		    !json_mut_get_count(selector, "matchExpressions"))
			field_invalid_val(s->errors, selector_path, selector,
					  str_printf_in(s->errors->arena,
							"empty selector is invalid for %s",
							kind_name)
						  .ptr);
	}
	if (yyjson_mut_is_obj(selector) && s->errors->seen == before &&
	    !selects(s, selector, labels))
		field_invalid_val(s->errors,
				  FIELD_NAME(FIELD_NAME(template_path, "metadata"), "labels"),
				  labels, "`selector` does not match template `labels`");
	rule_pod_template(s, template_path, template);
}
