/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags and files that say who is believed to be whom, and who is asked what he may do: read at the
 * start, each refused with its flag's name when it cannot work.
 */
#include <fcntl.h>

#include "apiserver/apiserver.h"
#include "apiserver/auth_config.h"
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/limits.h"
#include "base/fd.h"
#include "base/time.h"
#include "codec/yaml.h"
#include "main/server.h"

static int read_file(struct server *s, struct str path, const char *flag, struct str *ret,
		     struct err *err)
{
	AUTO_BUF text = { 0 };

	if (!path.len)
		return 0;
	buf_init(&text, STATIC_TOKENS_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), STATIC_TOKENS_BYTES_MAX, &text, err) <
	    0)
		return err_wrap(err, "--%s", flag);
	*ret = str_in(s->arena, buf_str(&text));
	return 0;
}

/* NULL with err filled when it is no YAML. The server lives as long as the tree. */
static yyjson_val *read_config(struct server *s, struct str path, const char *flag, struct err *err)
{
	struct str text = STR_NONE;
	AUTO_JSON_MUT doc = NULL;
	yyjson_val *root;

	if (read_file(s, path, flag, &text, err) < 0)
		return NULL;
	doc = yaml_parse(text, STATIC_TOKENS_BYTES_MAX, err);
	if (!doc)
		return err_wrap(err, "--%s " STR_FMT, flag, STR_ARG(path)), NULL;
	server_keep(s, json_freeze(yyjson_mut_doc_get_root(doc)), &root);
	return root;
}

/* --- OpenID Connect by flags: one issuer in the configuration's terms --- */

static void put(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *path, struct str value)
{
	if (value.len)
		json_set_path_str(doc, root, path, value);
}

static struct str user_prefix(struct server *s)
{
	const struct server_auth_opts *o = &s->opts->auth;

	if (str_eq_c(o->oidc_username_prefix, "-"))
		return STR_NONE;
	if (o->oidc_username_prefix.len || str_eq_c(o->oidc_username_claim, "email"))
		return o->oidc_username_prefix;
	return str_printf_in(s->arena, STR_FMT "#", STR_ARG(o->oidc_issuer));
}

static int add_required(yyjson_mut_doc *doc, yyjson_mut_val *issuer, const struct flag_list *claims,
			struct err *err)
{
	yyjson_mut_val *list = json_set_array(doc, issuer, "claimValidationRules"), *item;
	struct str key, value;

	for (size_t i = 0; i < claims->count; i++) {
		if (!str_cut(claims->items[i], '=', &key, &value))
			return err_set(err, ERR_INVALID,
				       "--oidc-required-claim: '" STR_FMT "' is not key=value",
				       STR_ARG(claims->items[i]));
		item = json_append_object(doc, list);
		json_set_str(doc, item, "claim", key);
		json_set_str(doc, item, "requiredValue", value);
	}
	return 0;
}

static int issuer_of_flags(struct server *s, yyjson_val **ret, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *list = yyjson_mut_arr(doc), *root = json_append_object(doc, list), *sub;
	struct str ca = STR_NONE;

	if (!o->oidc_client_id.len)
		return err_set(err, ERR_INVALID,
			       "oidc-issuer-url and oidc-client-id must be specified together if "
			       "any OIDC flags are set");
	if (read_file(s, o->oidc_ca_file, "oidc-ca-file", &ca, err) < 0 ||
	    add_required(doc, root, &o->oidc_required_claims, err) < 0)
		return -1;
	put(doc, root, "issuer.url", o->oidc_issuer);
	put(doc, root, "issuer.certificateAuthority", ca);
	sub = json_ensure_object(doc, root, "issuer");
	json_append_str(doc, json_set_array(doc, sub, "audiences"), o->oidc_client_id);
	for (size_t i = 0; i < o->oidc_signing_algs.count; i++)
		json_append_str(doc, json_ensure_array(doc, sub, "signingAlgs"),
				o->oidc_signing_algs.items[i]);
	if (!o->oidc_signing_algs.count)
		json_append_str(doc, json_ensure_array(doc, sub, "signingAlgs"), STR("RS256"));
	put(doc, root, "claimMappings.username.claim", o->oidc_username_claim);
	put(doc, root, "claimMappings.username.prefix", user_prefix(s));
	put(doc, root, "claimMappings.groups.claim", o->oidc_groups_claim);
	put(doc, root, "claimMappings.groups.prefix", o->oidc_groups_prefix);
	server_keep(s, json_freeze(list), ret);
	return 0;
}

static void read_anonymous(yyjson_val *from, struct arena *arena, struct authn_options *to)
{
	yyjson_val *conditions = json_get(from, "conditions");
	struct str *paths = arena_array(arena, yyjson_arr_size(conditions) + 1, sizeof(paths[0]));
	size_t count = 0;

	if (!from)
		return;
	to->refuses_anonymous = !json_get_bool(from, "enabled", false);
	JSON_EACH (item, conditions)
		paths[count++] = json_get_str(item, "path");
	to->anonymous_paths = (struct str_list){ paths, count };
}

/* Issuers of this server's own tokens: nobody else may claim to be one. */
static struct str_list own_issuers(struct server *s, struct arena *arena)
{
	const struct flag_list *given = &s->opts->account_issuers;
	struct str *issuer;

	if (given->count)
		return (struct str_list){ given->items, given->count };
	issuer = arena_array(arena, 1, sizeof(*issuer));
	*issuer = str_printf_in(arena, "https://kubernetes.default.svc." STR_FMT,
				STR_ARG(s->opts->cluster_domain));
	return (struct str_list){ issuer, 1 };
}

static int read_authentication(struct server *s, yyjson_val *config, struct arena *arena,
			       struct authn_options *to, struct err *err)
{
	struct str_list own = own_issuers(s, arena);

	if (authentication_config_check(config, &own, err) < 0)
		return -1;
	to->issuers = json_get(config, "jwt");
	read_anonymous(json_get(config, "anonymous"), arena, to);
	return 0;
}

static int read_issuers(struct server *s, struct authn_options *to, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	yyjson_val *config;

	if (o->authentication_config.len && o->oidc_issuer.len)
		return err_set(err, ERR_INVALID,
			       "authentication-config file and oidc-* flags are mutually "
			       "exclusive");
	if (o->oidc_issuer.len)
		return issuer_of_flags(s, &to->issuers, err);
	if (!o->authentication_config.len)
		return 0;
	config = read_config(s, o->authentication_config, "authentication-config", err);
	if (!config)
		return -1;
	return read_authentication(s, config, s->arena, to, err) < 0
		       ? err_wrap(err, "--authentication-config " STR_FMT,
				  STR_ARG(o->authentication_config))
		       : 0;
}

/* --- a proxy in front --- */

static struct str_list list_of(const struct flag_list *list)
{
	return (struct str_list){ list->items, list->count };
}

static int read_proxy(struct server *s, struct authn_options *to, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	struct authn_proxy *proxy;

	if (!o->proxy_ca_file.len)
		return 0;
	proxy = ARENA_NEW(s->arena, struct authn_proxy);
	proxy->names = list_of(&o->proxy_names);
	proxy->user_headers = list_of(&o->proxy_user_headers);
	proxy->uid_headers = list_of(&o->proxy_uid_headers);
	proxy->group_headers = list_of(&o->proxy_group_headers);
	proxy->extra_prefixes = list_of(&o->proxy_extra_prefixes);
	to->proxy = proxy;
	if (!proxy->user_headers.count)
		return err_set(err, ERR_INVALID,
			       "--requestheader-username-headers is needed with "
			       "--requestheader-client-ca-file");
	return server_proxy_authority(s, &proxy->ca_pem, err);
}

/* --- webhooks --- */

static int check_version(struct str version, const char *flag, const char **ret, struct err *err)
{
	static const char *const known[] = { "v1", "v1beta1" };

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (str_eq_c(version, known[i])) {
			*ret = known[i];
			return 0;
		}
	return err_set(err, ERR_INVALID, "--%s: '" STR_FMT "' is not v1 or v1beta1", flag,
		       STR_ARG(version));
}

static int read_token_webhook(struct server *s, struct authn_options *to, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	struct review_hook_options *hook;

	if (!o->token_webhook_file.len)
		return 0;
	hook = ARENA_NEW(s->arena, struct review_hook_options);
	hook->yes = "authenticated";
	hook->ttl_yes_ms = hook->ttl_no_ms = o->token_webhook_ttl_ns / TIME_NS_PER_MS;
	to->webhook = hook;
	if (check_version(o->token_webhook_version, "authentication-token-webhook-version",
			  &to->webhook_version, err) < 0)
		return -1;
	return kubeconfig_target_read(o->token_webhook_file, s->arena, hook, err) < 0
		       ? err_wrap(err, "--authentication-token-webhook-config-file")
		       : 0;
}

int server_authn_options(struct server *s, struct authn_options *ret, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;

	*ret = (struct authn_options){ .refuses_anonymous = !o->anonymous };
	if (read_file(s, o->token_file, "token-auth-file", &ret->static_tokens, err) < 0 ||
	    read_issuers(s, ret, err) < 0 || read_proxy(s, ret, err) < 0 ||
	    read_token_webhook(s, ret, err) < 0)
		return -1;
	return 0;
}

/* --- authorization --- */

static const struct {
	const char *name;
	enum authz_mode mode;
} modes[] = {
	{ "Node", AUTHZ_MODE_NODE },
	{ "RBAC", AUTHZ_MODE_RBAC },
	{ "Webhook", AUTHZ_MODE_WEBHOOK },
	{ "ABAC", AUTHZ_MODE_ABAC },
	{ "AlwaysAllow", AUTHZ_MODE_ALWAYS_ALLOW },
	{ "AlwaysDeny", AUTHZ_MODE_ALWAYS_DENY },
};

static int find_mode(struct str name, const char *flag, enum authz_mode *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
		if (str_eq_c(name, modes[i].name)) {
			*ret = modes[i].mode;
			return 0;
		}
	return err_set(err, ERR_INVALID,
		       "--%s: unknown authorization mode \"" STR_FMT
		       "\" (Node, RBAC, Webhook, ABAC, AlwaysAllow, AlwaysDeny)",
		       flag, STR_ARG(name));
}

static int part_of_flags(struct server *s, struct authz_part *part, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	struct review_hook_options *hook = ARENA_NEW(s->arena, struct review_hook_options);

	hook->yes = "allowed";
	hook->ttl_yes_ms = o->webhook_yes_ttl_ns / TIME_NS_PER_MS;
	hook->ttl_no_ms = o->webhook_no_ttl_ns / TIME_NS_PER_MS;
	part->webhook = hook;
	part->name = STR("default");
	if (!o->webhook_file.len)
		return err_set(err, ERR_INVALID,
			       "authorization-mode Webhook's authorization config file not "
			       "passed");
	if (check_version(o->webhook_version, "authorization-webhook-version", &part->version,
			  err) < 0)
		return -1;
	return kubeconfig_target_read(o->webhook_file, s->arena, hook, err) < 0
		       ? err_wrap(err, "--authorization-webhook-config-file")
		       : 0;
}

static int read_abac(struct server *s, struct authz_part *part, struct err *err)
{
	part->name = STR("abac");
	if (!s->opts->auth.abac_file.len)
		return err_set(err, ERR_INVALID,
			       "authorization-mode ABAC's authorization policy file not passed");
	return read_file(s, s->opts->auth.abac_file, "authorization-policy-file", &part->policies,
			 err);
}

static int read_duration(yyjson_val *from, const char *key, int64_t fallback_ns, int64_t *ret_ms,
			 struct err *err)
{
	struct str text = json_get_str(from, key);
	int64_t ns = fallback_ns;

	if (text.len && time_parse_duration(text, &ns, err) < 0)
		return err_wrap(err, "%s", key);
	*ret_ms = ns / TIME_NS_PER_MS;
	return 0;
}

static int part_of_config(struct arena *arena, yyjson_val *from, struct authz_part *part,
			  struct err *err)
{
	struct review_hook_options *hook = ARENA_NEW(arena, struct review_hook_options);
	yyjson_val *webhook = json_get(from, "webhook");
	struct str file = json_get_str(webhook, "connectionInfo.kubeConfigFile"),
		   policy = json_get_str(webhook, "failurePolicy");

	hook->yes = "allowed";
	part->webhook = hook;
	part->name = json_get_str(from, "name");
	part->conditions = json_get(webhook, "matchConditions");
	part->denies_when_failed = str_eq_c(policy, "Deny");
	if (!file.len) /* this is no pod */
		return err_set(err, ERR_UNSUPPORTED,
			       "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST "
			       "and KUBERNETES_SERVICE_PORT must be defined");
	if (check_version(json_get_str(webhook, "subjectAccessReviewVersion"),
			  "authorization-config", &part->version, err) < 0 ||
	    read_duration(webhook, "authorizedTTL", 5 * 60 * TIME_NS_PER_SECOND, &hook->ttl_yes_ms,
			  err) < 0 ||
	    read_duration(webhook, "unauthorizedTTL", 30 * TIME_NS_PER_SECOND, &hook->ttl_no_ms,
			  err) < 0 ||
	    read_duration(webhook, "timeout", 30 * TIME_NS_PER_SECOND, &hook->timeout_ms, err) < 0)
		return -1;
	if (!json_get_bool(webhook, "cacheAuthorizedRequests", true))
		hook->ttl_yes_ms = 0;
	if (!json_get_bool(webhook, "cacheUnauthorizedRequests", true))
		hook->ttl_no_ms = 0;
	return kubeconfig_target_read(file, arena, hook, err);
}

static int parts_of_config(struct arena *arena, yyjson_val *config, struct authz_part **ret,
			   size_t *ret_count, struct err *err)
{
	yyjson_val *list = json_get(config, "authorizers");
	struct authz_part *parts = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(parts[0]));
	size_t count = 0;

	if (authorization_config_check(config, err) < 0)
		return -1;
	JSON_EACH (item, list) {
		struct authz_part *part = &parts[count++];

		if (find_mode(json_get_str(item, "type"), "authorization-config", &part->mode,
			      err) < 0)
			return -1;
		if (part->mode == AUTHZ_MODE_WEBHOOK && part_of_config(arena, item, part, err) < 0)
			return err_wrap(err, "authorizers[%zu].webhook", count - 1);
	}
	*ret = parts;
	*ret_count = count;
	return 0;
}

static int read_authorization(struct server *s, struct authz_part **ret, size_t *ret_count,
			      struct err *err)
{
	struct str path = s->opts->auth.authorization_config;
	yyjson_val *config = read_config(s, path, "authorization-config", err);

	if (!config)
		return -1;
	return parts_of_config(s->arena, config, ret, ret_count, err) < 0
		       ? err_wrap(err, "--authorization-config " STR_FMT, STR_ARG(path))
		       : 0;
}

int server_authorizers(struct server *s, struct authz_part **ret, size_t *ret_count,
		       struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	struct authz_part *parts = arena_array(s->arena, o->modes.count + 1, sizeof(parts[0]));
	bool has_abac = false;

	if (o->authorization_config.len && o->modes.count)
		return err_set(err, ERR_INVALID,
			       "--authorization-config can not be specified when "
			       "--authorization-mode is");
	if (o->authorization_config.len)
		return read_authorization(s, ret, ret_count, err);
	for (size_t i = 0; i < o->modes.count; i++) {
		if (find_mode(o->modes.items[i], "authorization-mode", &parts[i].mode, err) < 0)
			return -1;
		if (parts[i].mode == AUTHZ_MODE_WEBHOOK && part_of_flags(s, &parts[i], err) < 0)
			return -1;
		if (parts[i].mode == AUTHZ_MODE_ABAC && read_abac(s, &parts[i], err) < 0)
			return -1;
		has_abac |= parts[i].mode == AUTHZ_MODE_ABAC;
	}
	if (o->abac_file.len && !has_abac)
		return err_set(err, ERR_INVALID,
			       "cannot specify --authorization-policy-file without mode ABAC");
	*ret = parts;
	*ret_count = o->modes.count;
	return 0;
}

/* --- files that changed --- */

static yyjson_doc *parse(struct str text, struct err *err)
{
	AUTO_JSON_MUT doc = yaml_parse(text, STATIC_TOKENS_BYTES_MAX, err);

	return doc ? json_freeze(yyjson_mut_doc_get_root(doc)) : NULL;
}

static int authentication_changed(struct server *s, void *arg, struct str text,
				  struct arena *arena, struct err *err)
{
	struct authn_options options = { .refuses_anonymous = !s->opts->auth.anonymous };
	AUTO_JSON doc = parse(text, err);

	if (!doc || read_authentication(s, yyjson_doc_get_root(doc), arena, &options, err) < 0)
		return -1;
	return apiserver_replace_authn(s->apiserver, &options, err);
}

static int authorization_changed(struct server *s, void *arg, struct str text,
				  struct arena *arena, struct err *err)
{
	AUTO_JSON doc = parse(text, err);
	struct authz_part *parts;
	size_t count;

	if (!doc || parts_of_config(arena, yyjson_doc_get_root(doc), &parts, &count, err) < 0)
		return -1;
	return apiserver_replace_authorizers(s->apiserver, parts, count, err);
}

int server_auth_watch(struct server *s, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	const struct server_reload_file files[] = {
		{ "authentication-config", o->authentication_config, authentication_changed, NULL },
		{ "authorization-config", o->authorization_config, authorization_changed, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(files); i++)
		if (files[i].path.len && server_reload_watch(s, &files[i], err) < 0)
			return -1;
	return 0;
}

void server_keep(struct server *s, yyjson_doc *doc, yyjson_val **ret)
{
	struct server_kept *kept = ARENA_NEW(s->arena, struct server_kept);

	kept->doc = doc;
	kept->next = s->kept;
	s->kept = kept;
	*ret = yyjson_doc_get_root(doc);
}

void server_forget(struct server *s)
{
	for (; s->kept; s->kept = s->kept->next)
		json_free(s->kept->doc);
}
