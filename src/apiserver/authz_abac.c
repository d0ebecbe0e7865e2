/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of abac.authorization.kubernetes.io/v1beta1, asked in the order of their lines. */
#include "apiserver/authz_abac.h"

#include "apiserver/limits.h"
#include "base/arena.h"
#include "base/mem.h"
#include "codec/json.h"

#define API_VERSION "abac.authorization.kubernetes.io/v1beta1"

struct policy {
	struct str user, group; /* empty: not said */
	struct str api_group, namespace_, resource;
	struct str path;
	bool is_read_only;
};

struct authz_abac {
	struct arena arena;
	struct policy *policies;
	size_t count;
};

static bool is_all(struct str text)
{
	return str_eq_c(text, "*");
}

static int check_fields(yyjson_val *spec, struct err *err)
{
	static const char *const fields[] = { "user",	  "group",     "readonly",	 "apiGroup",
					      "resource", "namespace", "nonResourcePath" };

	JSON_MEMBERS (key, value, spec) {
		bool is_known = false;

		for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
			is_known |= str_eq_c(json_str(key), fields[i]);
		if (!is_known)
			return err_set(err, ERR_INVALID, "unknown field \"spec." STR_FMT "\"",
				       STR_ARG(json_str(key)));
		if (!str_eq_c(json_str(key), "readonly") && !yyjson_is_str(value))
			return err_set(err, ERR_INVALID, "spec." STR_FMT " is not a string",
				       STR_ARG(json_str(key)));
		if (str_eq_c(json_str(key), "readonly") && !yyjson_is_bool(value))
			return err_set(err, ERR_INVALID, "spec.readonly is not true or false");
	}
	return 0;
}

static int read_policy(struct authz_abac *abac, struct str line, struct err *err)
{
	AUTO_JSON doc = json_parse(line, SIZE_MAX, err);
	yyjson_val *root = yyjson_doc_get_root(doc), *spec = json_get(root, "spec");
	struct policy *p = &abac->policies[abac->count];

	if (!doc)
		return -1;
	if (!str_eq_c(json_get_str(root, "apiVersion"), API_VERSION) ||
	    !str_eq_c(json_get_str(root, "kind"), "Policy"))
		return err_set(err, ERR_INVALID,
			       "kind and apiVersion are not Policy of " API_VERSION);
	if (check_fields(spec, err) < 0)
		return -1;
	*p = (struct policy){
		.user = str_in(&abac->arena, json_get_str(spec, "user")),
		.group = str_in(&abac->arena, json_get_str(spec, "group")),
		.api_group = str_in(&abac->arena, json_get_str(spec, "apiGroup")),
		.namespace_ = str_in(&abac->arena, json_get_str(spec, "namespace")),
		.resource = str_in(&abac->arena, json_get_str(spec, "resource")),
		.path = str_in(&abac->arena, json_get_str(spec, "nonResourcePath")),
		.is_read_only = json_get_bool(spec, "readonly", false),
	};
	/* "*" alone is for those who are known: others have to be named by their group */
	if (is_all(p->user) && !p->group.len) {
		p->user = STR_NONE;
		p->group = STR("system:authenticated");
	}
	abac->count++;
	return 0;
}

int authz_abac_new(struct str text, struct authz_abac **ret, struct err *err)
{
	struct authz_abac *abac = NEW(struct authz_abac);
	struct str rest = text, line;
	size_t lines = 0, at = 0;

	arena_init(&abac->arena, ABAC_ARENA_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	if (lines >= ABAC_POLICIES_MAX) {
		authz_abac_free(abac);
		return err_set(err, ERR_TOO_LARGE, "more than %u lines", ABAC_POLICIES_MAX);
	}
	abac->policies = arena_array(&abac->arena, lines + 1, sizeof(abac->policies[0]));
	while (rest.len && str_next_part(&rest, '\n', &line)) {
		at++;
		line = str_trim(line);
		if (!line.len || line.ptr[0] == '#')
			continue;
		if (read_policy(abac, line, err) < 0) {
			authz_abac_free(abac);
			return err_wrap(err, "line %zu", at);
		}
	}
	*ret = abac;
	return 0;
}

void authz_abac_free(struct authz_abac *abac)
{
	if (!abac)
		return;
	arena_deinit(&abac->arena);
	mem_free(abac);
}

/* --- deciding --- */

static bool is_in(const struct user *user, struct str group)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (str_eq(user->groups[i], group))
			return true;
	return false;
}

static bool is_about(const struct policy *p, const struct user *user)
{
	if (!p->user.len && !p->group.len)
		return false;
	if (p->user.len && !is_all(p->user) && !str_eq(p->user, user->name))
		return false;
	return !p->group.len || is_all(p->group) || is_in(user, p->group);
}

static bool is_reading(struct str verb)
{
	return str_eq_c(verb, "get") || str_eq_c(verb, "list") || str_eq_c(verb, "watch");
}

static bool fits(struct str said, struct str asked)
{
	return is_all(said) || str_eq(said, asked);
}

static bool fits_path(struct str said, struct str path)
{
	return said.len && target_path_matches(said, path);
}

static bool allows(const struct policy *p, const struct authz_attributes *a)
{
	const struct target *t = a->target;

	if (!is_about(p, a->user) || (p->is_read_only && !is_reading(t->verb)))
		return false;
	if (!t->is_resource)
		return fits_path(p->path, t->path);
	return fits(p->namespace_, t->namespace_) && fits(p->resource, t->resource) &&
	       fits(p->api_group, t->group);
}

enum authz_decision authz_abac_decide(const struct authz_abac *abac,
				      const struct authz_attributes *a)
{
	for (size_t i = 0; i < abac->count; i++)
		if (allows(&abac->policies[i], a))
			return AUTHZ_ALLOW;
	return authz_say(a, "No policy matched.");
}
