/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings by subject, and rules against what is asked. */
#include "apiserver/limits.h"
#include "apiserver/rbac.h"

#include "apiserver/rbac_rule.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

struct binding {
	struct str key;	      /* in the store; that of rbac->bindings */
	struct str role_key;  /* in the store */
	struct str *subjects; /* keys under which it is in rbac->subjects */
	size_t subject_count;
};

/* The bindings that name one subject in one namespace (or cluster-wide). */
struct grants {
	struct binding **items;
	size_t count, room;
};

struct rbac {
	struct registry *registry;
	struct omap subjects; /* namespace, kind and name → struct grants */
	struct omap bindings; /* key in the store → struct binding */
	struct buf key;	      /* being looked for */
	struct store_watcher cluster_watcher, namespace_watcher;
};

/* --- the index --- */

/* Names cannot hold NUL, so parts cannot run into each other. */
static struct str subject_key(struct rbac *rbac, struct str namespace_, char kind, struct str first,
			      struct str second)
{
	buf_reset(&rbac->key);
	buf_put_char(&rbac->key, kind);
	buf_put_str(&rbac->key, first);
	buf_put_char(&rbac->key, '\0');
	buf_put_str(&rbac->key, second);
	buf_put_char(&rbac->key, '\0');
	buf_put_str(&rbac->key, namespace_);
	return buf_failed(&rbac->key) ? STR_NONE : buf_str(&rbac->key);
}

static struct str key_of_subject(struct rbac *rbac, yyjson_val *subject, struct str namespace_)
{
	struct str kind = json_get_str(subject, "kind"), name = json_get_str(subject, "name"),
		   where = json_get_str(subject, "namespace");

	if (str_eq_c(kind, "User"))
		return subject_key(rbac, namespace_, 'u', name, STR_NONE);
	if (str_eq_c(kind, "Group"))
		return subject_key(rbac, namespace_, 'g', name, STR_NONE);
	if (str_eq_c(kind, "ServiceAccount"))
		return subject_key(rbac, namespace_, 's', where.len ? where : namespace_, name);
	return STR_NONE;
}

static void grants_add(struct rbac *rbac, struct str key, struct binding *binding)
{
	struct grants *grants = omap_get(&rbac->subjects, key);

	if (!grants) {
		grants = NEW(struct grants);
		(void)omap_put(&rbac->subjects, key, grants); /* it was not there */
	}
	if (grants->count == grants->room) {
		grants->room = grants->room ? 2 * grants->room : 2;
		grants->items = mem_realloc_array(grants->items, grants->room,
						  sizeof(grants->items[0]));
	}
	grants->items[grants->count++] = binding;
}

static void grants_free(struct grants *grants)
{
	mem_free(grants->items);
	mem_free(grants);
}

static void grants_remove(struct rbac *rbac, struct str key, const struct binding *binding)
{
	struct grants *grants = omap_get(&rbac->subjects, key);
	size_t kept = 0;

	if (!grants)
		return; /* the same subject twice in one binding */
	for (size_t i = 0; i < grants->count; i++)
		if (grants->items[i] != binding)
			grants->items[kept++] = grants->items[i];
	grants->count = kept;
	if (kept)
		return;
	(void)omap_remove(&rbac->subjects, key); /* it is freed here */
	grants_free(grants);
}

static void binding_free(struct binding *binding)
{
	for (size_t i = 0; i < binding->subject_count; i++)
		mem_free((void *)binding->subjects[i].ptr);
	mem_free(binding->subjects);
	mem_free((void *)binding->role_key.ptr);
	mem_free(binding);
}

static void forget(struct rbac *rbac, struct str key)
{
	struct binding *binding = omap_remove(&rbac->bindings, key);

	if (!binding)
		return;
	for (size_t i = 0; i < binding->subject_count; i++)
		grants_remove(rbac, binding->subjects[i], binding);
	binding_free(binding);
}

static struct str role_key_of(struct rbac *rbac, const struct obj *obj, struct arena *arena)
{
	struct str kind = json_get_str(obj->root, "roleRef.kind"),
		   name = json_get_str(obj->root, "roleRef.name");

	if (str_eq_c(kind, "ClusterRole"))
		return registry_key(rbac->registry, arena, &kind_clusterrole, STR_NONE, name);
	if (str_eq_c(kind, "Role") && obj->namespace_.len)
		return registry_key(rbac->registry, arena, &kind_role, obj->namespace_, name);
	return STR_NONE;
}

static void learn(struct rbac *rbac, struct str key, const struct obj *obj)
{
	struct binding *binding;
	AUTO_ARENA arena = { 0 };
	struct str role_key;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	role_key = role_key_of(rbac, obj, &arena);
	if (!role_key.len)
		return;
	binding = NEW(struct binding);
	binding->role_key = str_dup(role_key);
	binding->subjects = mem_calloc(json_get_count(obj->root, "subjects") + 1,
				       sizeof(binding->subjects[0]));
	JSON_EACH (subject, json_get(obj->root, "subjects")) {
		struct str subject_text = key_of_subject(rbac, subject, obj->namespace_);

		if (!subject_text.len)
			continue;
		binding->subjects[binding->subject_count++] = str_dup(subject_text);
		grants_add(rbac, subject_text, binding);
	}
	(void)omap_put(&rbac->bindings, key, binding); /* it was forgotten before */
	(void)omap_at_least(&rbac->bindings, key, &binding->key, &(void *){ NULL }); /* there */
}

static void on_event(struct rbac *rbac, const struct store_event *event)
{
	const struct obj *obj = event->type == STORE_DELETED ? NULL : obj_of(event->value, NULL);

	forget(rbac, event->key);
	if (obj)
		learn(rbac, event->key, obj);
}

static void on_cluster_event(struct store_watcher *watcher, const struct store_event *event)
{
	on_event(CONTAINER_OF(watcher, struct rbac, cluster_watcher), event);
}

static void on_namespace_event(struct store_watcher *watcher, const struct store_event *event)
{
	on_event(CONTAINER_OF(watcher, struct rbac, namespace_watcher), event);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of role bindings ended: %s", err->msg);
}

static bool take_binding(void *arg, struct str key, const struct store_entry *entry)
{
	const struct obj *obj = obj_of(entry->value, NULL);

	if (obj)
		learn(arg, key, obj);
	return true;
}

static void follow(struct rbac *rbac, const struct kind *kind, struct store_watcher *watcher)
{
	struct store *store = rbac->registry->store;
	AUTO_ARENA arena = { 0 };
	struct str prefix;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	prefix = registry_prefix(&arena, kind);
	store_walk(store, prefix, STR_NONE, take_binding, rbac);
	store_watch(store, watcher, prefix, false, store_revision(store));
}

struct rbac *rbac_new(struct registry *registry)
{
	struct rbac *rbac = NEW(struct rbac);

	rbac->registry = registry;
	omap_init(&rbac->subjects);
	omap_init(&rbac->bindings);
	buf_init(&rbac->key, RBAC_SUBJECT_BYTES_MAX);
	rbac->cluster_watcher = (struct store_watcher){ .event = on_cluster_event, .end = on_end };
	rbac->namespace_watcher = (struct store_watcher){ .event = on_namespace_event,
							  .end = on_end };
	follow(rbac, &kind_clusterrolebinding, &rbac->cluster_watcher);
	follow(rbac, &kind_rolebinding, &rbac->namespace_watcher);
	return rbac;
}

void rbac_free(struct rbac *rbac)
{
	struct str key;
	void *value;

	if (!rbac)
		return;
	while (omap_at_least(&rbac->bindings, STR_NONE, &key, &value)) {
		struct binding *binding = value;

		(void)omap_remove(&rbac->bindings, key);
		binding_free(binding);
	}
	while (omap_at_least(&rbac->subjects, STR_NONE, &key, &value)) {
		(void)omap_remove(&rbac->subjects, key);
		grants_free(value);
	}
	omap_deinit(&rbac->bindings);
	omap_deinit(&rbac->subjects);
	buf_deinit(&rbac->key);
	mem_free(rbac);
}

/* --- questions --- */

struct question {
	struct rbac *rbac;
	bool (*fn)(void *arg, yyjson_val *rule);
	void *arg;
	bool is_over;
	/* whose rule is being looked at, for who wants to say so */
	const struct binding *binding;
	char subject_kind;
	struct str subject, subject_namespace;
	/* a role that a binding leads to is not there; may be NULL */
	void (*missing)(void *arg, struct str role_key);
};

static void ask_grant(struct question *q, const struct binding *binding)
{
	const struct store_entry *entry = store_get(q->rbac->registry->store, binding->role_key);
	const struct obj *role = entry ? obj_of(entry->value, NULL) : NULL;

	q->binding = binding;
	if (!role && q->missing)
		q->missing(q->arg, binding->role_key);
	JSON_EACH (rule, role ? json_get(role->root, "rules") : NULL)
		if (!q->is_over && !q->fn(q->arg, rule))
			q->is_over = true;
}

static void ask_subject(struct question *q, struct str namespace_, char kind, struct str first,
			struct str second)
{
	struct str key = subject_key(q->rbac, namespace_, kind, first, second);
	const struct grants *grants = key.len ? omap_get(&q->rbac->subjects, key) : NULL;

	q->subject_kind = kind;
	q->subject = kind == 's' ? second : first;
	q->subject_namespace = kind == 's' ? first : STR_NONE;
	for (size_t i = 0; grants && i < grants->count && !q->is_over; i++)
		ask_grant(q, grants->items[i]);
}

static void ask_scope(struct question *q, const struct user *user, struct str namespace_)
{
	struct str where, name;

	ask_subject(q, namespace_, 'u', user->name, STR_NONE);
	if (!q->is_over && user_is_account(user->name, &where, &name))
		ask_subject(q, namespace_, 's', where, name);
	for (size_t i = 0; i < user->group_count && !q->is_over; i++)
		ask_subject(q, namespace_, 'g', user->groups[i], STR_NONE);
}

static void ask(struct question *q, const struct user *user, struct str namespace_)
{
	ask_scope(q, user, STR_NONE);
	if (namespace_.len && !q->is_over)
		ask_scope(q, user, namespace_);
}

void rbac_each_rule(struct rbac *rbac, const struct user *user, struct str namespace_,
		    bool (*fn)(void *arg, yyjson_val *rule), void *arg)
{
	struct question q = { .rbac = rbac, .fn = fn, .arg = arg };

	ask(&q, user, namespace_);
}

struct decision {
	const struct target *target;
	bool is_allowed;
	struct arena *arena; /* NULL: no words are wanted */
	struct str missing;
};

static bool try_rule(void *arg, yyjson_val *rule)
{
	struct decision *d = arg;

	d->is_allowed = rbac_rule_allows(rule, d->target);
	return !d->is_allowed;
}

/* The last part of a key, and the one before it when the key has a namespace. */
static struct str name_of_key(struct str key)
{
	return str_slice(key, str_rfind_char(key, '/') + 1, key.len);
}

static bool is_cluster_key(struct str key)
{
	return str_has_prefix(key, STR("/registry/cluster"));
}

static void note_missing(void *arg, struct str role_key)
{
	struct decision *d = arg;
	struct str text;

	if (!d->arena)
		return;
	text = str_printf_in(d->arena, "%s.rbac.authorization.k8s.io \"" STR_FMT "\" not found",
			     is_cluster_key(role_key) ? "clusterrole" : "role",
			     STR_ARG(name_of_key(role_key)));
	d->missing = d->missing.len ? str_printf_in(d->arena, STR_FMT ", " STR_FMT,
						    STR_ARG(d->missing), STR_ARG(text))
				    : text;
}

/* "RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to Group "c"". */
static void say_allowed(const struct authz_attributes *a, const struct question *q)
{
	struct str key = q->binding->key, role = q->binding->role_key, name = name_of_key(key),
		   namespace_ = a->target->namespace_;
	bool is_cluster = is_cluster_key(key);
	const char *kind = q->subject_kind == 'u'   ? "User"
			   : q->subject_kind == 'g' ? "Group"
						    : "ServiceAccount";

	(void)authz_say(a,
			"RBAC: allowed by %s \"" STR_FMT "%s" STR_FMT "\" of %s \"" STR_FMT
			"\" to %s \"" STR_FMT "%s" STR_FMT "\"",
			is_cluster ? "ClusterRoleBinding" : "RoleBinding",
			STR_ARG(is_cluster ? STR("") : namespace_), is_cluster ? "" : "/",
			STR_ARG(name), is_cluster_key(role) ? "ClusterRole" : "Role",
			STR_ARG(name_of_key(role)), kind, STR_ARG(q->subject_namespace),
			q->subject_namespace.len ? "/" : "", STR_ARG(q->subject));
}

enum authz_decision rbac_decide(struct registry *registry, const struct authz_attributes *a)
{
	struct decision d = { .target = a->target, .arena = a->reason ? a->reason->arena : NULL };
	struct question q = {
		.rbac = registry->rbac, .fn = try_rule, .arg = &d, .missing = note_missing
	};

	ask(&q, a->user, a->target->is_resource ? a->target->namespace_ : STR_NONE);
	if (d.is_allowed && a->reason)
		say_allowed(a, &q);
	if (d.is_allowed)
		return AUTHZ_ALLOW;
	if (str_contains(d.missing, STR(", ")))
		return authz_say(a, "RBAC: [" STR_FMT "]", STR_ARG(d.missing));
	return d.missing.len ? authz_say(a, "RBAC: " STR_FMT, STR_ARG(d.missing))
			     : AUTHZ_NO_OPINION;
}
