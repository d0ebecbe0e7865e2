/* SPDX-License-Identifier: Apache-2.0 */
/* Members first, strictly; then what each must be. */
#include "apiserver/auth_config.h"

#include "api/field.h"
#include "apiserver/limits.h"
#include "base/time.h"
#include "codec/name.h"
#include "codec/shape.h"

#define GROUP "apiserver.config.k8s.io/"
#define MAPPING "{claim:s prefix:s expression:s}"
#define AUTHENTICATION                                                                             \
	"kind:s apiVersion:s jwt[issuer{url:s discoveryURL:s certificateAuthority:s audiences:l "  \
	"audienceMatchPolicy:s egressSelectorType:s} claimValidationRules[claim:s "                \
	"requiredValue:s expression:s message:s] claimMappings{username" MAPPING " groups" MAPPING \
	" uid{claim:s expression:s} extra[key:s valueExpression:s]} "                              \
	"userValidationRules[expression:s message:s]] anonymous{enabled:b conditions[path:s]}"
#define AUTHORIZATION                                                                        \
	"kind:s apiVersion:s authorizers[type:s name:s webhook{authorizedTTL:s "             \
	"cacheAuthorizedRequests:b unauthorizedTTL:s cacheUnauthorizedRequests:b timeout:s " \
	"subjectAccessReviewVersion:s matchConditionSubjectAccessReviewVersion:s "           \
	"failurePolicy:s connectionInfo{type:s kubeConfigFile:s} matchConditions[expression:s]}]"

struct checking {
	struct arena arena;
	struct field_errors errors;
	const struct str_list *own_issuers;
};

static int check_head(yyjson_val *root, const char *shape, const char *kind, struct err *err)
{
	static const char *const versions[] = { "v1", "v1beta1", "v1alpha1" };
	struct str version = json_get_str(root, "apiVersion");

	if (shape_check(root, shape, err) < 0)
		return -1;
	if (str_strip_prefix(&version, STR(GROUP)) && str_eq_c(json_get_str(root, "kind"), kind))
		for (size_t i = 0; i < ARRAY_COUNT(versions); i++)
			if (str_eq_c(version, versions[i]))
				return 0;
	return err_set(err, ERR_INVALID, "kind and apiVersion are not %s of " GROUP "v1", kind);
}

static int conclude(struct checking *c, struct err *err)
{
	AUTO_BUF text = { 0 };

	if (!c->errors.count)
		return 0;
	buf_init(&text, sizeof(err->msg));
	field_errors_write(&c->errors, &text);
	return err_set(err, ERR_INVALID, STR_FMT, STR_ARG(buf_str(&text)));
}

/* Whether an item before the one at index has the same text there. */
static bool is_repeated(yyjson_val *list, size_t index, const char *path)
{
	struct str own = json_get_str(yyjson_arr_get(list, index), path);

	for (size_t i = 0; own.len && i < index; i++)
		if (str_eq(json_get_str(yyjson_arr_get(list, i), path), own))
			return true;
	return false;
}

static void complain_both(struct checking *c, const struct field_path *path)
{
	field_invalid_str(&c->errors, path, STR(""), "claim and expression can't both be set");
}

/* --- issuers --- */

/* Behind the host, which may be an address in brackets. */
static struct str port_of(struct str authority)
{
	size_t colon = str_rfind_char(authority, ':'), bracket = str_rfind_char(authority, ']');

	if (colon == SIZE_MAX || (bracket != SIZE_MAX && bracket > colon))
		return STR_NONE;
	return str_slice(authority, colon + 1, authority.len);
}

static bool is_number(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return true;
}

static void check_url(struct checking *c, const struct field_path *path, struct str url)
{
	size_t slashes = str_find(url, STR("://"), 0), end, at;
	struct str authority, port;

	authority = slashes == SIZE_MAX ? url : str_slice(url, slashes + 3, url.len);
	for (end = 0; end < authority.len && !strchr("/?#", authority.ptr[end]); end++)
		continue;
	at = str_find_char(authority, '@', 0);
	port = port_of(str_slice(authority, at < end ? at + 1 : 0, end));
	if (port.len && !is_number(port)) {
		field_invalid_str(&c->errors, path, url,
				  str_printf_in(&c->arena,
						"parse \"" STR_FMT "\": invalid port \":" STR_FMT
						"\" after host",
						STR_ARG(url), STR_ARG(port))
					  .ptr);
		return;
	}
	if (!str_has_prefix(url, STR("https://")))
		field_invalid_str(&c->errors, path, url, "URL scheme must be https");
	if (at != SIZE_MAX && at < end)
		field_invalid_str(&c->errors, path, url,
				  "URL must not contain a username or password");
	if (str_find_char(url, '?', 0) != SIZE_MAX)
		field_invalid_str(&c->errors, path, url, "URL must not contain a query");
	if (str_find_char(url, '#', 0) != SIZE_MAX)
		field_invalid_str(&c->errors, path, url, "URL must not contain a fragment");
}

static bool is_own(const struct checking *c, struct str url)
{
	for (size_t i = 0; i < c->own_issuers->count; i++)
		if (str_eq(c->own_issuers->items[i], url))
			return true;
	return false;
}

static struct str own_issuers(struct checking *c)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 64u << 10);
	for (size_t i = 0; i < c->own_issuers->count; i++)
		buf_printf(&text, "%s" STR_FMT, i ? " " : "", STR_ARG(c->own_issuers->items[i]));
	return str_in(&c->arena, buf_str(&text));
}

static void check_issuer_url(struct checking *c, const struct field_path *path, struct str url)
{
	if (!url.len) {
		field_required(&c->errors, path, "");
		return;
	}
	if (is_own(c, url))
		field_invalid_str(&c->errors, path, url,
				  str_printf_in(&c->arena,
						"URL must not overlap with disallowed issuers: "
						"[" STR_FMT "]",
						STR_ARG(own_issuers(c)))
					  .ptr);
	check_url(c, path, url);
}

static struct str without_slash(struct str url)
{
	while (str_strip_suffix(&url, STR("/")))
		continue;
	return url;
}

static void check_audiences(struct checking *c, const struct field_path *path, yyjson_val *issuer)
{
	const struct field_path *here = FIELD_NAME(path, "audiences");
	yyjson_val *list = json_get(issuer, "audiences");
	struct str policy = json_get_str(issuer, "audienceMatchPolicy");
	size_t count = yyjson_arr_size(list);

	if (!count) {
		field_error_add(&c->errors, FIELD_REQUIRED, here,
				"at least one " STR_FMT " is required",
				STR_ARG(field_path_in(&c->arena, here)));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct str one = json_str(yyjson_arr_get(list, i));

		if (!one.len)
			field_required(&c->errors, FIELD_INDEX(here, i), "");
		for (size_t j = 0; j < i; j++)
			if (str_eq(json_str(yyjson_arr_get(list, j)), one)) {
				field_duplicate_str(&c->errors, FIELD_INDEX(here, i), one);
				break;
			}
	}
	if (str_eq_c(policy, "MatchAny") || (count == 1 && !policy.len))
		return;
	field_invalid_str(&c->errors, FIELD_NAME(path, "audienceMatchPolicy"), policy,
			  count > 1 ? "audienceMatchPolicy must be MatchAny for multiple audiences"
				    : "audienceMatchPolicy must be empty or MatchAny for single "
				      "audience");
}

/* There are no egress selectors here, as with upstream's server that was given no configuration of them. */
static void check_egress(struct checking *c, const struct field_path *path, struct str type)
{
	if (!str_eq_c(type, "controlplane") && !str_eq_c(type, "cluster"))
		field_invalid_str(&c->errors, path, type,
				  "egress selector must be either controlplane or cluster");
	else
		field_invalid_str(&c->errors, path, type,
				  str_printf_in(&c->arena,
						"egress lookup required with egress selector type "
						"\"" STR_FMT "\"",
						STR_ARG(type))
					  .ptr);
}

static void check_issuer(struct checking *c, const struct field_path *path, yyjson_val *issuer)
{
	struct str url = json_get_str(issuer, "url"),
		   discovery = json_get_str(issuer, "discoveryURL"),
		   ca = json_get_str(issuer, "certificateAuthority"),
		   egress = json_get_str(issuer, "egressSelectorType");

	check_issuer_url(c, FIELD_NAME(path, "url"), url);
	if (discovery.len && url.len && str_eq(without_slash(url), without_slash(discovery)))
		field_invalid_str(&c->errors, FIELD_NAME(path, "discoveryURL"), discovery,
				  "discoveryURL must be different from URL");
	if (discovery.len)
		check_url(c, FIELD_NAME(path, "discoveryURL"), discovery);
	check_audiences(c, path, issuer);
	if (ca.len && !str_contains(ca, STR("-----BEGIN CERTIFICATE-----")))
		field_invalid_str(&c->errors, FIELD_NAME(path, "certificateAuthority"),
				  STR("<omitted>"),
				  "data does not contain any valid RSA or ECDSA certificates");
	if (egress.len)
		check_egress(c, FIELD_NAME(path, "egressSelectorType"), egress);
}

/* --- rules and mappings --- */

static void check_claim_rule(struct checking *c, const struct field_path *path, yyjson_val *list,
			     size_t index)
{
	yyjson_val *rule = yyjson_arr_get(list, index);
	struct str claim = json_get_str(rule, "claim"),
		   expression = json_get_str(rule, "expression"),
		   message = json_get_str(rule, "message"),
		   value = json_get_str(rule, "requiredValue");

	if (claim.len && expression.len)
		field_invalid_str(&c->errors, path, claim,
				  "claim and expression can't both be set");
	else if (!claim.len && !expression.len)
		field_required(&c->errors, path, "claim or expression is required");
	else if (claim.len && message.len)
		field_invalid_str(&c->errors, FIELD_NAME(path, "message"), message,
				  "may not be specified when claim is set");
	else if (expression.len && value.len)
		field_invalid_str(&c->errors, FIELD_NAME(path, "requiredValue"), value,
				  "may not be specified when expression is set");
	if (is_repeated(list, index, "claim"))
		field_duplicate_str(&c->errors, FIELD_NAME(path, "claim"), claim);
	if (is_repeated(list, index, "expression"))
		field_duplicate_str(&c->errors, FIELD_NAME(path, "expression"), expression);
}

static void check_mapping(struct checking *c, const struct field_path *path, yyjson_val *mapping,
			  bool is_needed)
{
	struct str claim = json_get_str(mapping, "claim"),
		   expression = json_get_str(mapping, "expression");
	yyjson_val *prefix = json_get(mapping, "prefix");

	if (claim.len && expression.len)
		complain_both(c, path);
	else if (!claim.len && !expression.len && is_needed)
		field_required(&c->errors, path, "claim or expression is required");
	else if (expression.len && prefix)
		field_invalid_str(&c->errors, FIELD_NAME(path, "prefix"), json_str(prefix),
				  "may not be specified when expression is set");
	else if (claim.len && !prefix)
		field_required(&c->errors, FIELD_NAME(path, "prefix"),
			       "prefix is required when claim is set. It can be set to an empty "
			       "string to disable prefixing");
}

static bool is_reserved(struct str domain)
{
	return str_eq_c(domain, "k8s.io") || str_eq_c(domain, "kubernetes.io") ||
	       str_has_suffix(domain, STR(".k8s.io")) ||
	       str_has_suffix(domain, STR(".kubernetes.io"));
}

/* "example.com/name" */
static void check_extra_key(struct checking *c, const struct field_path *path, struct str key)
{
	struct str domain, rest;

	if (!key.len) {
		field_required(&c->errors, path, "");
		return;
	}
	if (!str_cut(key, '/', &domain, &rest) || !domain.len || !rest.len) {
		field_invalid_str(&c->errors, path, key,
				  "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return;
	}
	if (name_subdomain_problem(domain))
		field_invalid_str(&c->errors, path, domain, name_subdomain_problem(domain));
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] >= 'A' && key.ptr[i] <= 'Z') {
			field_invalid_str(&c->errors, path, key, "must be lowercase");
			break;
		}
	if (is_reserved(domain))
		field_invalid_str(&c->errors, path, key,
				  "k8s.io, kubernetes.io and their subdomains are reserved for "
				  "Kubernetes use");
}

static void check_mappings(struct checking *c, const struct field_path *path, yyjson_val *m)
{
	yyjson_val *uid = json_get(m, "uid"), *extra = json_get(m, "extra");
	const struct field_path *list = FIELD_NAME(path, "extra");

	check_mapping(c, FIELD_NAME(path, "username"), json_get(m, "username"), true);
	check_mapping(c, FIELD_NAME(path, "groups"), json_get(m, "groups"), false);
	if (json_get_str(uid, "claim").len && json_get_str(uid, "expression").len)
		complain_both(c, FIELD_NAME(path, "uid"));
	for (size_t i = 0; i < yyjson_arr_size(extra); i++) {
		const struct field_path *here = FIELD_INDEX(list, i);
		yyjson_val *one = yyjson_arr_get(extra, i);
		struct str key = json_get_str(one, "key");

		check_extra_key(c, FIELD_NAME(here, "key"), key);
		if (is_repeated(extra, i, "key"))
			field_duplicate_str(&c->errors, FIELD_NAME(here, "key"), key);
		if (!json_get_str(one, "valueExpression").len)
			field_required(&c->errors, FIELD_NAME(here, "valueExpression"), "");
	}
}

static void check_user_rules(struct checking *c, const struct field_path *path, yyjson_val *list)
{
	for (size_t i = 0; i < yyjson_arr_size(list); i++) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i), "expression");
		struct str text = json_get_str(yyjson_arr_get(list, i), "expression");

		if (!text.len)
			field_required(&c->errors, here, "");
		else if (is_repeated(list, i, "expression"))
			field_duplicate_str(&c->errors, here, text);
	}
}

static void check_authenticator(struct checking *c, yyjson_val *jwt, size_t index)
{
	const struct field_path *path = FIELD_INDEX(FIELD_NAME(NULL, "jwt"), index);
	const struct field_path *issuer = FIELD_NAME(path, "issuer");
	yyjson_val *one = yyjson_arr_get(jwt, index),
		   *rules = json_get(one, "claimValidationRules");

	check_issuer(c, issuer, json_get(one, "issuer"));
	for (size_t i = 0; i < yyjson_arr_size(rules); i++)
		check_claim_rule(c, FIELD_INDEX(FIELD_NAME(path, "claimValidationRules"), i), rules,
				 i);
	check_mappings(c, FIELD_NAME(path, "claimMappings"), json_get(one, "claimMappings"));
	check_user_rules(c, FIELD_NAME(path, "userValidationRules"),
			 json_get(one, "userValidationRules"));
	if (is_repeated(jwt, index, "issuer.url"))
		field_duplicate_str(&c->errors, FIELD_NAME(issuer, "url"),
				    json_get_str(one, "issuer.url"));
	if (is_repeated(jwt, index, "issuer.discoveryURL"))
		field_duplicate_str(&c->errors, FIELD_NAME(issuer, "discoveryURL"),
				    json_get_str(one, "issuer.discoveryURL"));
}

int authentication_config_check(yyjson_val *root, const struct str_list *own_issuers,
				struct err *err)
{
	struct checking c = { .own_issuers = own_issuers };
	yyjson_val *jwt = json_get(root, "jwt"), *anonymous = json_get(root, "anonymous");
	int result;

	if (check_head(root, AUTHENTICATION, "AuthenticationConfiguration", err) < 0)
		return -1;
	arena_init(&c.arena, ARENA_DEFAULT_MAX);
	field_errors_init(&c.errors, &c.arena);
	if (yyjson_arr_size(jwt) > OIDC_ISSUERS_MAX)
		field_too_many(&c.errors, FIELD_NAME(NULL, "jwt"), yyjson_arr_size(jwt),
			       OIDC_ISSUERS_MAX);
	for (size_t i = 0; !c.errors.count && i < yyjson_arr_size(jwt); i++)
		check_authenticator(&c, jwt, i);
	if (!json_get_bool(anonymous, "enabled", false) && json_get_count(anonymous, "conditions"))
		field_error_add(&c.errors, FIELD_INVALID,
				FIELD_NAME(FIELD_NAME(NULL, "anonymous"), "conditions"),
				"enabled should be set to true when conditions are defined");
	result = conclude(&c, err);
	arena_deinit(&c.arena);
	return result;
}

/* --- authorizers --- */

static void check_time(struct checking *c, const struct field_path *path, struct str text,
		       int64_t bound_s)
{
	int64_t ns = 0;
	struct err err;

	if (!text.len) {
		if (bound_s) /* what has a bound has no default */
			field_required(&c->errors, path, "");
	} else if (time_parse_duration(text, &ns, &err) < 0) {
		field_invalid_str(&c->errors, path, text, "time: invalid duration");
	} else if (bound_s && (ns <= 0 || ns > bound_s * TIME_NS_PER_SECOND)) {
		field_invalid_str(&c->errors, path, text, "must be > 0s and <= 30s");
	} else if (ns < 0) {
		field_invalid_str(&c->errors, path, text, "must be > 0s");
	}
}

static void check_choice(struct checking *c, const struct field_path *path, struct str value,
			 const char *values)
{
	struct str list = str_from(values), one;

	if (!value.len) {
		field_required(&c->errors, path, "");
		return;
	}
	while (list.len && str_next_part(&list, '|', &one))
		if (str_eq(one, value))
			return;
	field_unsupported(&c->errors, path, value, values);
}

static void check_connection(struct checking *c, const struct field_path *path, yyjson_val *from)
{
	const struct field_path *file = FIELD_NAME(path, "kubeConfigFile");
	struct str type = json_get_str(from, "type"), given = json_get_str(from, "kubeConfigFile");

	check_choice(c, FIELD_NAME(path, "type"), type, "InClusterConfig|KubeConfigFile");
	if (str_eq_c(type, "InClusterConfig") && given.len)
		field_invalid_str(&c->errors, file, given,
				  "can only be set when type=KubeConfigFile");
	if (!str_eq_c(type, "KubeConfigFile"))
		return;
	if (!given.len)
		field_required(&c->errors, file, "");
	else if (!str_has_prefix(given, STR("/")))
		field_invalid_str(&c->errors, file, given, "must be an absolute path");
}

static void check_conditions(struct checking *c, const struct field_path *path, yyjson_val *list)
{
	if (yyjson_arr_size(list) > AUTHZ_CONDITIONS_MAX) {
		field_too_many(&c->errors, path, yyjson_arr_size(list), AUTHZ_CONDITIONS_MAX);
		return;
	}
	check_user_rules(c, path, list);
}

static void check_webhook(struct checking *c, const struct field_path *path, yyjson_val *hook)
{
	yyjson_val *conditions = json_get(hook, "matchConditions");
	struct str version = json_get_str(hook, "matchConditionSubjectAccessReviewVersion");
	const struct field_path *own = FIELD_NAME(path, "matchConditionSubjectAccessReviewVersion");

	check_time(c, FIELD_NAME(path, "timeout"), json_get_str(hook, "timeout"), 30);
	check_time(c, FIELD_NAME(path, "authorizedTTL"), json_get_str(hook, "authorizedTTL"), 0);
	check_time(c, FIELD_NAME(path, "unauthorizedTTL"), json_get_str(hook, "unauthorizedTTL"),
		   0);
	check_choice(c, FIELD_NAME(path, "subjectAccessReviewVersion"),
		     json_get_str(hook, "subjectAccessReviewVersion"), "v1|v1beta1");
	if (!version.len && yyjson_arr_size(conditions))
		field_required(&c->errors, own, "required if match conditions are specified");
	else if (version.len)
		check_choice(c, own, version, "v1");
	check_choice(c, FIELD_NAME(path, "failurePolicy"), json_get_str(hook, "failurePolicy"),
		     "NoOpinion|Deny");
	check_connection(c, FIELD_NAME(path, "connectionInfo"), json_get(hook, "connectionInfo"));
	check_conditions(c, FIELD_NAME(path, "matchConditions"), conditions);
}

static void check_authorizer(struct checking *c, yyjson_val *list, size_t index)
{
	const struct field_path *path = FIELD_INDEX(FIELD_NAME(NULL, "authorizers"), index);
	yyjson_val *one = yyjson_arr_get(list, index), *hook = json_get(one, "webhook");
	struct str type = json_get_str(one, "type"), name = json_get_str(one, "name");
	size_t before = c->errors.seen;

	check_choice(c, FIELD_NAME(path, "type"), type, "AlwaysAllow|AlwaysDeny|Node|RBAC|Webhook");
	if (c->errors.seen > before)
		return;
	if (!str_eq_c(type, "Webhook") && is_repeated(list, index, "type")) {
		field_duplicate_str(&c->errors, FIELD_NAME(path, "type"), type);
		return;
	}
	if (!name.len)
		field_required(&c->errors, FIELD_NAME(path, "name"), "");
	else if (is_repeated(list, index, "name"))
		field_duplicate_str(&c->errors, FIELD_NAME(path, "name"), name);
	else if (name_subdomain_problem(name))
		field_error_add(
			&c->errors, FIELD_INVALID, FIELD_NAME(path, "name"),
			"\"" STR_FMT "\": authorizer name is invalid: %s", STR_ARG(name),
			name_problems_in(c->errors.arena, name_subdomain_problem(name), ", "));
	if (str_eq_c(type, "Webhook")) {
		if (hook)
			check_webhook(c, path, hook);
		else
			field_required(&c->errors, FIELD_NAME(path, "webhook"),
				       "required when type=Webhook");
	} else if (hook) {
		field_invalid_str(&c->errors, FIELD_NAME(path, "webhook"), STR("non-null"),
				  "may only be specified when type=Webhook");
	}
}

int authorization_config_check(yyjson_val *root, struct err *err)
{
	struct checking c = { 0 };
	yyjson_val *list = json_get(root, "authorizers");
	int result;

	if (check_head(root, AUTHORIZATION, "AuthorizationConfiguration", err) < 0)
		return -1;
	arena_init(&c.arena, ARENA_DEFAULT_MAX);
	field_errors_init(&c.errors, &c.arena);
	if (!yyjson_arr_size(list))
		field_required(&c.errors, FIELD_NAME(NULL, "authorizers"),
			       "at least one authorization mode must be defined");
	for (size_t i = 0; i < yyjson_arr_size(list); i++)
		check_authorizer(&c, list, i);
	result = conclude(&c, err);
	arena_deinit(&c.arena);
	return result;
}
