/* SPDX-License-Identifier: Apache-2.0 */
/* Security contexts of pods and containers. */
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"

#define SYSCTLS_OF_NET "net."
#define ID_PROBLEM "must be between 0 and 2147483647, inclusive"

#define RULE_ID(field_) RULE_BETWEEN(field_, 0, INT32_MAX)

/* shown: what is named when there is a profile that must not be there. */
static void check_local_profile(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v, yyjson_mut_val *shown, const char *what)
{
	bool is_local = str_eq_c(json_mut_get_str(v, "type"), "Localhost");
	yyjson_mut_val *profile = yyjson_mut_obj_get(v, "localhostProfile");
	const struct field_path *here = FIELD_NAME(path, "localhostProfile");

	if (is_local && !profile)
		field_error_add(s->errors, FIELD_REQUIRED, here,
				"must be set when %s type is Localhost", what);
	else if (!is_local && profile)
		field_invalid_val(s->errors, here, shown,
				  str_printf_in(s->errors->arena,
						"can only be set when %s type is Localhost", what)
					  .ptr);
}

static void check_profile_type(const struct scope *s, const struct field_path *path,
			       struct str type, const char *field)
{
	const struct field_path *here = FIELD_NAME(path, "type");

	if (!type.len)
		field_error_add(s->errors, FIELD_REQUIRED, here, "type is required when %s is set",
				field);
	else if (!schema_values_have(STR("Localhost|RuntimeDefault|Unconfined"), type))
		field_unsupported(s->errors, here, type, "Localhost|RuntimeDefault|Unconfined");
}

static void check_seccomp(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");
	bool is_local = str_eq_c(type, "Localhost");

	if (!v)
		return;
	check_profile_type(s, path, type, "seccompProfile");
	check_local_profile(s, path, v, v, "seccomp");
	if (is_local)
		rule_local_path(s, FIELD_NAME(path, "localhostProfile"),
				yyjson_mut_obj_get(v, "localhostProfile"));
}

static void check_apparmor(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type"),
		   profile = json_mut_get_str(v, "localhostProfile");
	const struct field_path *here = FIELD_NAME(path, "localhostProfile");
	bool is_local = str_eq_c(type, "Localhost");

	if (!v)
		return;
	check_profile_type(s, path, type, "appArmorProfile");
	if (schema_values_have(STR("Localhost|RuntimeDefault|Unconfined"), type))
		check_local_profile(s, path, v, yyjson_mut_obj_get(v, "localhostProfile"),
				    "AppArmor");
	if (!is_local || !yyjson_mut_obj_get(v, "localhostProfile"))
		return;
	if (str_trim(profile).len != profile.len)
		field_invalid_str(s->errors, here, profile, "must not be padded with whitespace");
	else if (!profile.len)
		field_required(s->errors, here, "must be set when AppArmor type is Localhost");
	if (profile.len > PROFILE_PATH_BYTES_MAX)
		field_too_long(s->errors, here, PROFILE_PATH_BYTES_MAX);
}

static void check_escalation(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (json_mut_get_bool(v, "allowPrivilegeEscalation", true))
		return;
	if (json_mut_get_bool(v, "privileged", false))
		field_invalid_val(
			s->errors, path, v,
			"cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	JSON_MUT_EACH (capability, json_mut_get(v, "capabilities.add"))
		if (str_eq_c(json_mut_str(capability), "CAP_SYS_ADMIN"))
			field_invalid_val(s->errors, path, v,
					  "cannot set `allowPrivilegeEscalation` to false and "
					  "`capabilities.Add` CAP_SYS_ADMIN");
}

/* Without an own user namespace /proc must stay masked. */
static void check_proc_mount(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;

	if (str_eq_c(json_mut_str(v), "Unmasked") &&
	    json_mut_get_bool(pod->spec, "hostUsers", true))
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "`hostUsers` must be false to use `Unmasked`");
}

/* ---- Windows ---- */

#define NETBIOS_OR_DNS                                         \
	"^[^\\\\/:\\*\\?\"<>|\\.][^\\\\/:\\*\\?\"<>|]{0,14}$|" \
	"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$"

static void check_credential_name(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	if (v && name_subdomain_problem(json_mut_str(v)))
		field_invalid_str(s->errors, path, json_mut_str(v),
				  name_subdomain_problem(json_mut_str(v)));
}

static void check_credential(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (v && !json_mut_str(v).len)
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "gmsaCredentialSpec cannot be an empty string");
	else if (json_mut_str(v).len > WINDOWS_CREDENTIAL_BYTES_MAX)
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "gmsaCredentialSpec size must be under 64 KiB");
}

static void check_user_parts(const struct scope *s, const struct field_path *path, struct str name)
{
	struct str domain, user;
	bool has_domain = str_cut(name, '\\', &domain, &user);
	struct arena *arena = s->errors->arena;

	if (!has_domain)
		user = name;
	if (domain.len > WINDOWS_DOMAIN_BYTES_MAX && has_domain)
		field_invalid_str(s->errors, path, name,
				  "runAsUserName's Domain length must be under 256 characters");
	if (has_domain && !text_matches(arena, NETBIOS_OR_DNS, domain))
		field_invalid_str(
			s->errors, path, name,
			"runAsUserName's Domain doesn't match the NetBios nor the DNS format");
	if (!user.len)
		field_invalid_str(s->errors, path, name, "runAsUserName's User cannot be empty");
	else if (user.len > WINDOWS_USER_BYTES_MAX)
		field_invalid_str(
			s->errors, path, name,
			"runAsUserName's User length must not be longer than 104 characters");
	if (text_matches(arena, "^[\\. ]+$", user))
		field_invalid_str(s->errors, path, name,
				  "runAsUserName's User cannot contain only periods or spaces");
	if (text_matches(arena, "[\"/\\\\:;|=,\\+\\*\\?<>@\\[\\]]", user))
		field_invalid_str(s->errors, path, name,
				  "runAsUserName's User cannot contain the following characters: "
				  "\"/\\:;|=,+*?<>@[]");
}

static void check_windows_user(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	struct str name = json_mut_str(v);
	size_t at = str_find_char(name, '\\', 0);

	if (!v)
		return;
	if (!name.len)
		field_invalid_str(s->errors, path, name, "runAsUserName cannot be an empty string");
	else if (text_matches(s->errors->arena, "[[:cntrl:]]+", name))
		field_invalid_str(s->errors, path, name,
				  "runAsUserName cannot contain control characters");
	else if (at != SIZE_MAX && str_find_char(name, '\\', at + 1) != SIZE_MAX)
		field_invalid_str(s->errors, path, name,
				  "runAsUserName cannot contain more than one backslash");
	else
		check_user_parts(s, path, name);
}

static const struct rule windows_rules[] = {
	RULE_CALL("gmsaCredentialSpecName", check_credential_name),
	RULE_CALL("gmsaCredentialSpec", check_credential),
	RULE_CALL("runAsUserName", check_windows_user),
	{ 0 },
};

static const struct rule container_rules[] = {
	RULE_ID("runAsUser"),
	RULE_ID("runAsGroup"),
	RULE_ONE_OF("procMount", "Default|Unmasked"),
	RULE_CALL("procMount", check_proc_mount),
	RULE_CALL("seccompProfile", check_seccomp),
	RULE_CALL(NULL, check_escalation),
	RULE_INSIDE("windowsOptions", windows_rules),
	RULE_CALL("appArmorProfile", check_apparmor),
	{ 0 },
};

void rule_container_security(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (yyjson_mut_obj_size(v))
		rules_check(s, container_rules, path, v);
}

/* ---- of the pod ---- */

static void check_groups(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (group, v) {
		int64_t id = json_mut_int(group, 0);

		if (id < 0 || id > INT32_MAX)
			field_invalid_int(s->errors, FIELD_INDEX(path, i), id, ID_PROBLEM);
		i++;
	}
}

static bool is_of_ipc(struct str name)
{
	return str_has_prefix(name, STR("kernel.shm")) || str_has_prefix(name, STR("kernel.msg")) ||
	       str_eq_c(name, "kernel.sem") || str_has_prefix(name, STR("fs.mqueue."));
}

static void check_sysctls(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (sysctl, v) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "name");
		struct str name = json_mut_get_str(sysctl, "name");

		if (!name.len)
			field_required(s->errors, here, "");
		else if (name_sysctl_problem(name))
			field_invalid_str(s->errors, here, name, name_sysctl_problem(name));
		else if (json_index_add(&seen, name, sysctl))
			field_duplicate_str(s->errors, here, name);
		if (json_mut_get_bool(pod->spec, "hostNetwork", false) &&
		    str_has_prefix(name, STR(SYSCTLS_OF_NET)))
			field_invalid_str(s->errors, here, name,
					  "may not be specified when 'hostNetwork' is true");
		else if (json_mut_get_bool(pod->spec, "hostIPC", false) && is_of_ipc(name))
			field_invalid_str(s->errors, here, name,
					  "may not be specified when 'hostIPC' is true");
	}
}

static const struct rule pod_rules[] = {
	RULE_ID("fsGroup"),
	RULE_ID("runAsUser"),
	RULE_ID("runAsGroup"),
	RULE_CALL("supplementalGroups", check_groups),
	RULE_CALL("sysctls", check_sysctls),
	RULE_ONE_OF("fsGroupChangePolicy", "Always|OnRootMismatch"),
	RULE_CALL("seccompProfile", check_seccomp),
	RULE_INSIDE("windowsOptions", windows_rules),
	RULE_CALL("appArmorProfile", check_apparmor),
	RULE_ONE_OF("supplementalGroupsPolicy", "Merge|Strict"),
	RULE_ONE_OF("seLinuxChangePolicy", "MountOption|Recursive"),
	{ 0 },
};

void rule_pod_security(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;

	if (json_mut_get_bool(pod->spec, "shareProcessNamespace", false) &&
	    json_mut_get_bool(pod->spec, "hostPID", false))
		field_error_add(s->errors, FIELD_INVALID, FIELD_NAME(path, "shareProcessNamespace"),
				"true: ShareProcessNamespace and HostPID cannot both be enabled");
	if (yyjson_mut_obj_size(v))
		rules_check(s, pod_rules, path, v);
}
