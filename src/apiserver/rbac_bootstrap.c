/* SPDX-License-Identifier: Apache-2.0 */
/* The default roles and bindings as objects, and what of them is missing in the store. */
#include "apiserver/rbac_bootstrap.h"

#include "apiserver/rbac_defaults.h"
#include "apiserver/registry.h"
#include "apiserver/user.h"
#include "base/mem.h"

#define API_GROUP "rbac.authorization.k8s.io"
#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

struct default_write {
	struct list link;
	struct rbac_bootstrap *bootstrap;
	struct operation op;
	struct arena arena;
};

static void set_words(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		      const char *words)
{
	struct str rest = str_from(words), word;
	yyjson_mut_val *list;

	if (!words)
		return;
	list = json_set_array(doc, object, key);
	while (str_next_part(&rest, ' ', &word))
		json_append_str(doc, list, str_eq_c(word, "core") ? STR("") : word);
}

static yyjson_mut_doc *object_new(const char *namespace_, const char *name)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");

	json_set_str(doc, metadata, "name", str_from(name));
	if (namespace_)
		json_set_str(doc, metadata, "namespace", str_from(namespace_));
	json_put_str(doc, json_set_object(doc, metadata, "annotations"), STR(AUTOUPDATE),
		     STR("true"));
	json_put_str(doc, json_set_object(doc, metadata, "labels"),
		     STR("kubernetes.io/bootstrapping"), STR("rbac-defaults"));
	return doc;
}

static struct str aggregation_label(const char *role, char to[64])
{
	snprintf(to, 64, API_GROUP "/aggregate-to-%s", role);
	return str_from(to);
}

static yyjson_mut_doc *role_new(const struct default_role *role)
{
	yyjson_mut_doc *doc = object_new(role->namespace_, role->name);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list, *item;
	char label[64];

	if (role->aggregates_to)
		json_put_str(doc, json_mut_get(root, "metadata.labels"),
			     aggregation_label(role->aggregates_to, label), STR("true"));
	if (role->gathers) {
		list = json_set_array(doc, json_set_object(doc, root, "aggregationRule"),
				      "clusterRoleSelectors");
		item = json_set_object(doc, json_append_object(doc, list), "matchLabels");
		json_put_str(doc, item, aggregation_label(role->gathers, label), STR("true"));
		return doc;
	}
	list = json_set_array(doc, root, "rules");
	for (const struct default_rule *rule = role->rules; rule->verbs; rule++) {
		item = json_append_object(doc, list);
		set_words(doc, item, "verbs", rule->verbs);
		set_words(doc, item, "apiGroups", rule->groups);
		set_words(doc, item, "resources", rule->resources);
		set_words(doc, item, "resourceNames", rule->names);
		set_words(doc, item, "nonResourceURLs", rule->paths);
	}
	return doc;
}

static void add_subjects(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *kind,
			 const char *names)
{
	struct str rest = str_from(names), name;

	while (names && str_next_part(&rest, ' ', &name)) {
		yyjson_mut_val *subject = json_append_object(doc, list);

		json_set_str(doc, subject, "kind", str_from(kind));
		if (str_eq_c(str_from(kind), "ServiceAccount"))
			json_set_str(doc, subject, "namespace", STR("kube-system"));
		else
			json_set_str(doc, subject, "apiGroup", STR(API_GROUP));
		json_set_str(doc, subject, "name", name);
	}
}

static yyjson_mut_doc *binding_new(const struct default_binding *binding)
{
	yyjson_mut_doc *doc = object_new(binding->namespace_, binding->name);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list = NULL, *role;

	if (binding->users || binding->groups || binding->accounts)
		list = json_set_array(doc, root, "subjects");
	role = json_set_object(doc, root, "roleRef");
	add_subjects(doc, list, "User", binding->users);
	add_subjects(doc, list, "Group", binding->groups);
	add_subjects(doc, list, "ServiceAccount", binding->accounts);
	json_set_str(doc, role, "apiGroup", STR(API_GROUP));
	json_set_str(doc, role, "kind", binding->namespace_ ? STR("Role") : STR("ClusterRole"));
	json_set_str(doc, role, "name", str_from(binding->role));
	return doc;
}

/* What is there with what is missing appended; NULL: nothing is missing. */
static yyjson_mut_doc *completed(const struct obj *old, yyjson_mut_val *wanted, const char *field)
{
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *list;
	size_t added = 0;

	if (str_eq_c(obj_annotation(old, AUTOUPDATE), "false"))
		return NULL;
	doc = json_thaw(old->root);
	list = json_ensure_array(doc, yyjson_mut_doc_get_root(doc), field);
	JSON_MUT_EACH (item, json_mut_get(wanted, field)) {
		bool is_there = false;

		JSON_EACH (have, json_get(old->root, field))
			is_there |= json_mixed_equal(item, have);
		if (is_there)
			continue;
		yyjson_mut_arr_append(list, json_mut_copy(doc, item));
		added++;
	}
	return added ? TAKE(doc) : NULL;
}

/* --- writing --- */

static void write_free(struct default_write *w)
{
	list_remove(&w->link);
	operation_deinit(&w->op);
	arena_deinit(&w->arena);
	mem_free(w);
}

static void release(struct rbac_bootstrap *b)
{
	if (!--b->left)
		b->done(b, b->err.code ? &b->err : NULL);
}

static void write_done(struct operation *op)
{
	struct default_write *w = CONTAINER_OF(op, struct default_write, op);
	struct rbac_bootstrap *b = w->bootstrap;

	/* another server of this store may have been first */
	if (op->refusal.code && op->refusal.code != 409 && !b->err.code)
		refusal_to_err(&op->refusal, &b->err);
	write_free(w);
	release(b);
}

static void write_default(struct rbac_bootstrap *b, const struct kind *kind, yyjson_mut_doc *wanted,
			  const char *field)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(wanted);
	struct str namespace_ = json_mut_get_str(root, "metadata.namespace"),
		   name = json_mut_get_str(root, "metadata.name");
	const struct obj *old = registry_get(b->registry, kind, namespace_, name);
	yyjson_mut_doc *body = old ? completed(old, root, field) : wanted;
	struct default_write *w;

	if (body) {
		w = NEW(struct default_write);
		arena_init(&w->arena, ARENA_DEFAULT_MAX);
		w->bootstrap = b;
		list_push_back(&b->writes, &w->link);
		w->op = (struct operation){
			.registry = b->registry,
			.arena = &w->arena,
			.verb = old ? OPERATION_UPDATE : OPERATION_CREATE,
			.kind = kind,
			.namespace_ = str_in(&w->arena, namespace_),
			.name = old ? str_in(&w->arena, name) : STR_NONE,
			.user = user_loopback.name,
			.field_manager = STR("kube-apiserver"),
			.check = FIELDS_STRICT,
			.is_unasked = true,
			.body = body,
			.done = write_done,
		};
		b->left++;
		operation_start(&w->op);
	}
	if (body != wanted)
		json_mut_free(wanted);
}

static void write_role(struct rbac_bootstrap *b, const struct default_role *role)
{
	write_default(b, role->namespace_ ? &kind_role : &kind_clusterrole, role_new(role),
		      "rules");
}

/* Bindings that were a part of another one in earlier versions: where those were changed, what came
 * out of them is as they are. */
static const struct {
	const char *name, *from;
} split_bindings[] = {
	{ "system:public-info-viewer", "system:discovery" },
};

static const struct obj *split_from(struct rbac_bootstrap *b, const char *name)
{
	const struct kind *kind = &kind_clusterrolebinding;

	for (size_t i = 0; i < ARRAY_COUNT(split_bindings); i++)
		if (!strcmp(split_bindings[i].name, name) &&
		    !registry_get(b->registry, kind, STR_NONE, str_from(name)))
			return registry_get(b->registry, kind, STR_NONE,
					    str_from(split_bindings[i].from));
	return NULL;
}

static void take_over(yyjson_mut_doc *doc, const char *parent, const char *key, const struct obj *from)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *to = parent ? json_mut_get(root, parent) : root;
	yyjson_val *value = json_get(parent ? json_get(from->root, parent) : from->root, key);

	(void)json_remove(to, str_from(key)); /* the doc owns it */
	if (value)
		json_set(doc, to, key, json_copy(doc, value));
}

static void write_split(struct rbac_bootstrap *b, const struct default_binding *binding,
			const struct obj *from)
{
	yyjson_mut_doc *doc = binding_new(binding);

	take_over(doc, "metadata", "labels", from);
	take_over(doc, "metadata", "annotations", from);
	take_over(doc, NULL, "subjects", from);
	write_default(b, &kind_clusterrolebinding, doc, "subjects");
}

static void write_binding(struct rbac_bootstrap *b, const struct default_binding *binding)
{
	const struct obj *from = binding->namespace_ ? NULL : split_from(b, binding->name);

	if (from) {
		write_split(b, binding, from);
		return;
	}
	write_default(b, binding->namespace_ ? &kind_rolebinding : &kind_clusterrolebinding,
		      binding_new(binding), "subjects");
}

void rbac_bootstrap_start(struct rbac_bootstrap *b)
{
	list_init(&b->writes);
	b->left = 1;
	for (const struct default_role *role = rbac_default_roles; role->name; role++)
		write_role(b, role);
	for (const struct default_binding *binding = rbac_default_bindings; binding->name;
	     binding++)
		write_binding(b, binding);
	for (const struct default_role *role = rbac_controller_roles; role->name; role++) {
		struct default_binding binding = {
			.name = role->name,
			.role = role->name,
			.accounts = role->name + sizeof(RBAC_CONTROLLER_PREFIX) - 1,
		};

		write_role(b, role);
		write_binding(b, &binding);
	}
	release(b);
}

void rbac_bootstrap_deinit(struct rbac_bootstrap *b)
{
	while (!list_is_empty(&b->writes))
		write_free(LIST_ENTRY(list_first(&b->writes), struct default_write, link));
}
