/* SPDX-License-Identifier: Apache-2.0 */
/* One reader for each plug-in that can be told something. */
#include "apiserver/admission_settings.h"

#include "api/field.h"
#include "api/kinds/pod_spec.h"
#include "api/rules.h"
#include "apiserver/limits.h"
#include "base/time.h"
#include "codec/name.h"
#include "codec/shape.h"

#define DURATION_UNSET 0
#define DURATION_OFF (-1)

const struct admission_settings admission_settings_none = { .not_ready_seconds = 300,
							    .unreachable_seconds = 300 };

struct reading {
	yyjson_val *root;
	struct arena *arena;
	struct admission_settings *to;
	struct field_errors errors;
	struct err *err;
};

static int check_kind(struct reading *r, const char *kind, const char *group, const char *versions)
{
	struct str version = json_get_str(r->root, "apiVersion"), list = str_from(versions), one,
		   given;

	if (str_cut(version, '/', &given, &version) && str_eq_c(given, group) &&
	    str_eq_c(json_get_str(r->root, "kind"), kind))
		while (list.len && str_next_part(&list, ' ', &one))
			if (str_eq(one, version))
				return 0;
	version = json_get_str(r->root, "apiVersion");
	return err_set(r->err, ERR_INVALID,
		       "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
		       "\": want %s of %s",
		       STR_ARG(json_get_str(r->root, "kind")), STR_ARG(version), kind, group);
}

/* --- PodSecurity --- */

#define SECURITY_SHAPE                                                                      \
	"kind:s apiVersion:s defaults{enforce:s enforce-version:s audit:s audit-version:s " \
	"warn:s warn-version:s} exemptions{usernames:l namespaces:l runtimeClasses:l}"

static void read_standard(struct reading *r, const char *mode, struct pod_security_standard *ret)
{
	const struct field_path *path = FIELD_NAME(NULL, "defaults");
	yyjson_val *defaults = json_get(r->root, "defaults");
	const char *version_key = str_c_in(r->arena, str_printf_in(r->arena, "%s-version", mode));
	struct str level = json_get_str(defaults, mode),
		   version = json_get_str(defaults, version_key);

	if (level.len && !pod_security_level_read(level, &ret->level))
		field_invalid_str(&r->errors, FIELD_NAME(path, mode), level,
				  "must be one of privileged, baseline, restricted");
	if (version.len && !pod_security_version_read(version, &ret->minor))
		field_invalid_str(&r->errors, FIELD_NAME(path, version_key), version,
				  "must be \"latest\" or \"v1.x\"");
}

static void check_exemption(struct reading *r, const struct field_path *path, struct str value,
			    const char *(*problem)(struct str))
{
	if (problem && problem(value))
		field_invalid_str(&r->errors, path, value, problem(value));
	else if (!value.len)
		field_required(&r->errors, path, "");
}

static void read_exemptions(struct reading *r, const char *key, const char *(*problem)(struct str),
			    struct str_list *ret)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "exemptions"), key);
	yyjson_val *list = json_get(json_get(r->root, "exemptions"), key);
	struct str *items = arena_array(r->arena, yyjson_arr_size(list) + 1, sizeof(items[0]));
	size_t count = 0;

	JSON_EACH (item, list) {
		struct str value = json_str(item);

		check_exemption(r, FIELD_INDEX(path, count), value, problem);
		for (size_t i = 0; i < count; i++)
			if (str_eq(items[i], value)) {
				field_duplicate_str(&r->errors, FIELD_INDEX(path, count), value);
				break;
			}
		items[count++] = value;
	}
	*ret = (struct str_list){ items, count };
}

static int read_security(struct reading *r)
{
	struct pod_security_policy *defaults = &r->to->security_defaults;

	if (shape_check(r->root, SECURITY_SHAPE, r->err) < 0 ||
	    check_kind(r, "PodSecurityConfiguration", "pod-security.admission.config.k8s.io",
		       "v1 v1beta1 v1alpha1") < 0)
		return -1;
	read_standard(r, "enforce", &defaults->modes[POD_SECURITY_ENFORCE]);
	read_standard(r, "warn", &defaults->modes[POD_SECURITY_WARN]);
	read_standard(r, "audit", &defaults->modes[POD_SECURITY_AUDIT]);
	read_exemptions(r, "namespaces", name_label_problem, &r->to->exempt_namespaces);
	read_exemptions(r, "runtimeClasses", name_subdomain_problem,
			&r->to->exempt_runtime_classes);
	read_exemptions(r, "usernames", NULL, &r->to->exempt_users);
	return 0;
}

/* --- EventRateLimit --- */

static const char *const limit_names[] = {
	[EVENT_LIMIT_SERVER] = "Server",
	[EVENT_LIMIT_NAMESPACE] = "Namespace",
	[EVENT_LIMIT_USER] = "User",
	[EVENT_LIMIT_SOURCE_AND_OBJECT] = "SourceAndObject",
};

const char *event_limit_name(enum event_limit_type type)
{
	return limit_names[type];
}

static void read_limit(struct reading *r, const struct field_path *path, yyjson_val *from,
		       struct event_limit *to)
{
	struct str type = json_get_str(from, "type");
	int64_t keys = json_get_int(from, "cacheSize", 0);
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_COUNT(limit_names); i++)
		if (str_eq_c(type, limit_names[i])) {
			to->type = (enum event_limit_type)i;
			is_known = true;
		}
	if (!is_known)
		field_unsupported(&r->errors, FIELD_NAME(path, "type"), type,
				  "Namespace|Server|SourceAndObject|User");
	to->burst = json_get_int(from, "burst", 0);
	to->per_second = json_get_int(from, "qps", 0);
	if (to->burst <= 0 || to->burst > INT32_MAX)
		field_invalid_int(&r->errors, FIELD_NAME(path, "burst"), to->burst,
				  "must be positive");
	if (to->per_second <= 0 || to->per_second > INT32_MAX)
		field_invalid_int(&r->errors, FIELD_NAME(path, "qps"), to->per_second,
				  "must be positive");
	if (to->type != EVENT_LIMIT_SERVER && (keys < 0 || keys > EVENT_LIMIT_KEYS_MAX))
		field_invalid_int(&r->errors, FIELD_NAME(path, "cacheSize"), keys,
				  keys < 0 ? "must not be negative" : "is too large");
	to->keys_max = keys > 0 ? (size_t)keys : EVENT_LIMIT_KEYS;
}

static int read_event_limits(struct reading *r)
{
	yyjson_val *list = json_get(r->root, "limits");
	const struct field_path *path = FIELD_NAME(NULL, "limits");
	struct event_limit *limits = arena_array(r->arena, EVENT_LIMITS_MAX, sizeof(limits[0]));
	size_t count = 0;

	if (shape_check(r->root, "kind:s apiVersion:s limits[type:s qps:i burst:i cacheSize:i]",
			r->err) < 0 ||
	    check_kind(r, "Configuration", "eventratelimit.admission.k8s.io", "v1alpha1") < 0)
		return -1;
	if (!yyjson_arr_size(list))
		field_error_add(&r->errors, FIELD_INVALID, path, "null: must not be empty");
	if (yyjson_arr_size(list) > EVENT_LIMITS_MAX) {
		field_too_many(&r->errors, path, yyjson_arr_size(list), EVENT_LIMITS_MAX);
		return 0;
	}
	memset(limits, 0, EVENT_LIMITS_MAX * sizeof(limits[0]));
	JSON_EACH (item, list) {
		read_limit(r, FIELD_INDEX(path, count), item, &limits[count]);
		count++;
	}
	r->to->event_limits = limits;
	r->to->event_limit_count = count;
	return 0;
}

/* --- PodTolerationRestriction --- */

#define TOLERATIONS "[key:s operator:s value:s effect:s tolerationSeconds:i]"

static void check_tolerations(struct reading *r, const char *key)
{
	const struct field_path *path = FIELD_NAME(NULL, "podtolerationrestriction");
	struct scope scope = { .errors = &r->errors };
	AUTO_JSON_MUT doc = json_new();
	yyjson_val *list = json_get(r->root, key);

	if (list)
		rule_tolerations(&scope, FIELD_NAME(path, key), json_copy(doc, list));
}

static int read_tolerations(struct reading *r)
{
	if (shape_check(r->root, "kind:s apiVersion:s default" TOLERATIONS " whitelist" TOLERATIONS,
			r->err) < 0 ||
	    check_kind(r, "Configuration", "podtolerationrestriction.admission.k8s.io",
		       "v1alpha1") < 0)
		return -1;
	check_tolerations(r, "default");
	check_tolerations(r, "whitelist");
	r->to->default_tolerations = json_get(r->root, "default");
	r->to->tolerations_allowed = json_get(r->root, "whitelist");
	return 0;
}

/* --- PodNodeSelector --- */

static int read_node_selectors(struct reading *r)
{
	if (shape_check(r->root, "podNodeSelectorPluginConfig:m", r->err) < 0)
		return -1;
	r->to->node_selectors = json_get(r->root, "podNodeSelectorPluginConfig");
	return 0;
}

/* --- ImagePolicyWebhook --- */

/* Numbers of a unit; 0: the default, -1: none of it. */
static int read_time(struct reading *r, const char *key, int64_t unit_ms, int64_t default_ms,
		     int64_t bound_ms, int64_t *ret_ms)
{
	int64_t value = json_get_int(json_get(r->root, "imagePolicy"), key, DURATION_UNSET);

	if (value == DURATION_UNSET || value == DURATION_OFF) {
		*ret_ms = value == DURATION_UNSET ? default_ms : 0;
		return 0;
	}
	if (value < 0 || value > bound_ms / unit_ms)
		return err_set(r->err, ERR_INVALID,
			       "imagePolicy.%s: Invalid value: %lld: valid value is between 1 and "
			       "%lld",
			       key, (long long)value, (long long)(bound_ms / unit_ms));
	*ret_ms = value * unit_ms;
	return 0;
}

#define MINUTE_MS (INT64_C(60) * 1000)

static int read_image_policy(struct reading *r)
{
	struct review_hook_options *options = ARENA_NEW(r->arena, struct review_hook_options);
	yyjson_val *from = json_get(r->root, "imagePolicy");

	if (shape_check(r->root,
			"imagePolicy{kubeConfigFile:s allowTTL:i denyTTL:i retryBackoff:i "
			"defaultAllow:b}",
			r->err) < 0 ||
	    read_time(r, "allowTTL", 1000, 5 * MINUTE_MS, 30 * MINUTE_MS, &options->ttl_yes_ms) <
		    0 ||
	    read_time(r, "denyTTL", 1000, MINUTE_MS / 2, 30 * MINUTE_MS, &options->ttl_no_ms) < 0 ||
	    read_time(r, "retryBackoff", 1, REVIEW_HOOK_RETRY_MS, 5 * MINUTE_MS,
		      &options->retry_ms) < 0)
		return -1;
	options->yes = "allowed";
	r->to->image_policy_file = json_get_str(from, "kubeConfigFile");
	r->to->allows_images_unasked = json_get_bool(from, "defaultAllow", false);
	r->to->image_policy = options;
	if (!r->to->image_policy_file.len)
		field_required(&r->errors,
			       FIELD_NAME(FIELD_NAME(NULL, "imagePolicy"), "kubeConfigFile"), "");
	return 0;
}

/* --- ResourceQuota --- */

static int read_limited(struct reading *r)
{
	const struct field_path *path = FIELD_NAME(NULL, "limitedResources");
	bool is_old = str_eq_c(json_get_str(r->root, "kind"), "Configuration");
	yyjson_val *list = json_get(r->root, "limitedResources");
	size_t index = 0;

	if (shape_check(r->root,
			"kind:s apiVersion:s limitedResources[apiGroup:s resource:s "
			"matchContains:l matchScopes[scopeName:s operator:s values:l]]",
			r->err) < 0 ||
	    check_kind(r, is_old ? "Configuration" : "ResourceQuotaConfiguration",
		       is_old ? "resourcequota.admission.k8s.io" : "apiserver.config.k8s.io",
		       is_old ? "v1 v1beta1 v1alpha1" : "v1") < 0)
		return -1;
	JSON_EACH (limited, list) {
		if (!json_get_str(limited, "resource").len)
			field_required(&r->errors, FIELD_NAME(FIELD_INDEX(path, index), "resource"),
				       "");
		index++;
	}
	r->to->limited_resources = yyjson_arr_size(list) ? list : NULL;
	return 0;
}

/* --- webhooks --- */

static int read_webhooks(struct reading *r, struct str *ret_file)
{
	bool is_old = str_eq_c(json_get_str(r->root, "kind"), "WebhookAdmission");

	if (shape_check(r->root, "kind:s apiVersion:s kubeConfigFile:s", r->err) < 0 ||
	    check_kind(r, is_old ? "WebhookAdmission" : "WebhookAdmissionConfiguration",
		       "apiserver.config.k8s.io", is_old ? "v1alpha1" : "v1") < 0)
		return -1;
	*ret_file = json_get_str(r->root, "kubeConfigFile");
	return 0;
}

static int read_mutating(struct reading *r)
{
	return read_webhooks(r, &r->to->mutating_webhooks_file);
}

static int read_validating(struct reading *r)
{
	return read_webhooks(r, &r->to->validating_webhooks_file);
}

/* --- all --- */

static const struct {
	const char *plugin;
	int (*read)(struct reading *r);
} readers[] = {
	{ "PodSecurity", read_security },
	{ "EventRateLimit", read_event_limits },
	{ "PodTolerationRestriction", read_tolerations },
	{ "PodNodeSelector", read_node_selectors },
	{ "ImagePolicyWebhook", read_image_policy },
	{ "ResourceQuota", read_limited },
	{ "MutatingAdmissionWebhook", read_mutating },
	{ "ValidatingAdmissionWebhook", read_validating },
};

int admission_settings_read(struct str plugin, yyjson_val *root, struct arena *arena,
			    struct admission_settings *to, struct err *err)
{
	struct reading r = { .root = root, .arena = arena, .to = to, .err = err };
	AUTO_BUF text = { 0 };

	field_errors_init(&r.errors, arena);
	for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
		if (!str_eq_c(plugin, readers[i].plugin))
			continue;
		if (readers[i].read(&r) < 0)
			return -1;
		if (!r.errors.count)
			return 0;
		buf_init(&text, sizeof(err->msg));
		field_errors_write(&r.errors, &text);
		return err_set(err, ERR_INVALID, STR_FMT, STR_ARG(buf_str(&text)));
	}
	return err_set(err, ERR_INVALID, "this plug-in has no configuration");
}

int admission_configuration_check(yyjson_val *root, struct err *err)
{
	struct reading r = { .root = root, .err = err };
	/* the older version is of another group */
	bool is_old = str_has_prefix(json_get_str(root, "apiVersion"), STR("apiserver.k8s.io/"));

	if (shape_check(root, "kind:s apiVersion:s plugins[name:s path:s configuration:*]", err) <
	    0)
		return -1;
	return check_kind(&r, "AdmissionConfiguration",
			  is_old ? "apiserver.k8s.io" : "apiserver.config.k8s.io",
			  is_old ? "v1alpha1" : "v1");
}
