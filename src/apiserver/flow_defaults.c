/* SPDX-License-Identifier: Apache-2.0 */
/* The flow schemas and priority levels every cluster has, as upstream's: made at the first start.
 */
#include "apiserver/flow_defaults.h"

#include "apiserver/registry.h"
#include "apiserver/user.h"
#include "base/mem.h"

#define AUTOUPDATE "apf.kubernetes.io/autoupdate-spec"

static const struct level {
	const char *name;
	int shares, lendable, queues, hand, length; /* shares < 0: exempt; queues 0: refuses */
} levels[] = {
	{ "exempt", -1 },
	{ "catch-all", 5 },
	{ "system", 30, 33, 64, 6, 50 },
	{ "node-high", 40, 25, 64, 6, 50 },
	{ "leader-election", 10, 0, 16, 4, 50 },
	{ "workload-high", 40, 50, 128, 6, 50 },
	{ "workload-low", 100, 90, 128, 6, 50 },
	{ "global-default", 20, 50, 128, 6, 50 },
};

#define EVERYBODY "system:unauthenticated system:authenticated"
#define MANAGER "system:kube-controller-manager"
#define LEASES "get create update", "coordination.k8s.io", "leases"

static const struct schema {
	const char *name, *level;
	int precedence;
	const char *by;						 /* NULL: one flow */
	const char *users, *groups, *accounts;			 /* of kube-system */
	const char *verbs, *api_groups, *resources, *namespaces; /* NULL verbs: everything */
	const char *paths; /* with verb get; instead of all the above */
} schemas[] = {
	{ "exempt", "exempt", 1, NULL, .groups = "system:masters" },
	{ "probes", "exempt", 2, NULL, .groups = EVERYBODY, .paths = "/healthz /readyz /livez" },
	{ "system-leader-election", "leader-election", 100, "ByUser",
	  MANAGER " system:kube-scheduler", NULL, "*", LEASES, "kube-system" },
	{ "endpoint-controller", "workload-high", 150, "ByUser", MANAGER, NULL,
	  "endpoint-controller endpointslicemirroring-controller", "get create update", "core",
	  "endpoints", "*" },
	{ "workload-leader-election", "leader-election", 200, "ByUser", NULL, NULL, "*", LEASES,
	  "*" },
	{ "system-node-high", "node-high", 400, "ByUser", NULL, "system:nodes", NULL, "*",
	  "core coordination.k8s.io", "nodes nodes/status leases", "*" },
	{ "system-nodes", "system", 500, "ByUser", .groups = "system:nodes" },
	{ "kube-controller-manager", "workload-high", 800, "ByNamespace", .users = MANAGER },
	{ "kube-scheduler", "workload-high", 800, "ByNamespace", .users = "system:kube-scheduler" },
	{ "kube-system-service-accounts", "workload-high", 900, "ByNamespace", .accounts = "*" },
	{ "service-accounts", "workload-low", 9000, "ByUser", .groups = "system:serviceaccounts" },
	{ "global-default", "global-default", 9900, "ByUser", .groups = EVERYBODY },
	{ "catch-all", "catch-all", 10000, "ByUser", .groups = EVERYBODY },
};

static yyjson_mut_doc *object_new(const char *name)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");

	json_set_str(doc, metadata, "name", str_from(name));
	json_put_str(doc, json_set_object(doc, metadata, "annotations"), STR(AUTOUPDATE),
		     STR("true"));
	return doc;
}

static yyjson_mut_doc *level_new(const struct level *l)
{
	yyjson_mut_doc *doc = object_new(l->name);
	yyjson_mut_val *spec = json_set_object(doc, yyjson_mut_doc_get_root(doc), "spec"), *to;
	bool is_exempt = l->shares < 0;

	json_set_str(doc, spec, "type", is_exempt ? STR("Exempt") : STR("Limited"));
	to = json_set_object(doc, spec, is_exempt ? "exempt" : "limited");
	json_set_int(doc, to, "nominalConcurrencyShares", is_exempt ? 0 : l->shares);
	json_set_int(doc, to, "lendablePercent", l->lendable);
	if (is_exempt)
		return doc;
	to = json_set_object(doc, to, "limitResponse");
	json_set_str(doc, to, "type", l->queues ? STR("Queue") : STR("Reject"));
	if (!l->queues)
		return doc;
	to = json_set_object(doc, to, "queuing");
	json_set_int(doc, to, "queues", l->queues);
	json_set_int(doc, to, "handSize", l->hand);
	json_set_int(doc, to, "queueLengthLimit", l->length);
	return doc;
}

static void add_words(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, const char *words)
{
	struct str rest = str_from(words), word;
	yyjson_mut_val *list = json_set_array(doc, to, key);

	while (str_next_part(&rest, ' ', &word))
		json_append_str(doc, list, str_eq_c(word, "core") ? STR("") : word);
}

static void add_subjects(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *kind,
			 const char *names)
{
	struct str rest = str_from(names), name;
	bool is_account = str_eq_c(str_from(kind), "ServiceAccount");

	while (names && str_next_part(&rest, ' ', &name)) {
		yyjson_mut_val *subject = json_append_object(doc, list), *of;

		json_set_str(doc, subject, "kind", str_from(kind));
		of = json_set_object(doc, subject,
				     is_account				? "serviceAccount"
				     : str_eq_c(str_from(kind), "User") ? "user"
									: "group");
		json_set_str(doc, of, "name", name);
		if (is_account)
			json_set_str(doc, of, "namespace", STR("kube-system"));
	}
}

static yyjson_mut_doc *schema_new(const struct schema *s)
{
	yyjson_mut_doc *doc = object_new(s->name);
	yyjson_mut_val *spec = json_set_object(doc, yyjson_mut_doc_get_root(doc), "spec"), *rule,
		       *to;

	json_set_int(doc, spec, "matchingPrecedence", s->precedence);
	json_set_str(doc, json_set_object(doc, spec, "priorityLevelConfiguration"), "name",
		     str_from(s->level));
	if (s->by)
		json_set_str(doc, json_set_object(doc, spec, "distinguisherMethod"), "type",
			     str_from(s->by));
	rule = json_append_object(doc, json_set_array(doc, spec, "rules"));
	to = json_set_array(doc, rule, "subjects");
	add_subjects(doc, to, "User", s->users);
	add_subjects(doc, to, "Group", s->groups);
	add_subjects(doc, to, "ServiceAccount", s->accounts);
	if (!s->paths) {
		to = json_append_object(doc, json_set_array(doc, rule, "resourceRules"));
		add_words(doc, to, "verbs", s->verbs ? s->verbs : "*");
		add_words(doc, to, "apiGroups", s->verbs ? s->api_groups : "*");
		add_words(doc, to, "resources", s->verbs ? s->resources : "*");
		add_words(doc, to, "namespaces", s->verbs ? s->namespaces : "*");
		if (!s->verbs || str_has_prefix(str_from(s->resources), STR("nodes")))
			json_set_bool(doc, to, "clusterScope", true);
	}
	if (!s->verbs) {
		to = json_append_object(doc, json_set_array(doc, rule, "nonResourceRules"));
		add_words(doc, to, "verbs", s->paths ? "get" : "*");
		add_words(doc, to, "nonResourceURLs", s->paths ? s->paths : "*");
	}
	return doc;
}

/* --- writing --- */

struct flow_write {
	struct list link;
	struct flow_defaults *defaults;
	struct operation op;
	struct arena arena;
};

static void write_free(struct flow_write *w)
{
	list_remove(&w->link);
	operation_deinit(&w->op);
	arena_deinit(&w->arena);
	mem_free(w);
}

static void release(struct flow_defaults *d)
{
	if (!--d->left)
		d->done(d, d->err.code ? &d->err : NULL);
}

static void write_done(struct operation *op)
{
	struct flow_write *w = CONTAINER_OF(op, struct flow_write, op);
	struct flow_defaults *d = w->defaults;

	/* it is there: from an earlier start, or another server of this store was first */
	if (op->refusal.code && op->refusal.code != 409 && !d->err.code)
		refusal_to_err(&op->refusal, &d->err);
	write_free(w);
	release(d);
}

static void write_default(struct flow_defaults *d, const struct kind *kind, yyjson_mut_doc *body)
{
	struct str name = json_mut_get_str(yyjson_mut_doc_get_root(body), "metadata.name");
	struct flow_write *w;

	if (registry_get(d->registry, kind, STR_NONE, name)) {
		json_mut_free(body);
		return;
	}
	w = NEW(struct flow_write);
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	w->defaults = d;
	list_push_back(&d->writes, &w->link);
	w->op = (struct operation){ .registry = d->registry,
				    .arena = &w->arena,
				    .verb = OPERATION_CREATE,
				    .kind = kind,
				    .user = user_loopback.name,
				    .field_manager = STR(
					    "api-priority-and-fairness-config-producer-v1"),
				    .check = FIELDS_STRICT,
				    .body = body,
				    .done = write_done };
	d->left++;
	operation_start(&w->op);
}

void flow_defaults_start(struct flow_defaults *d)
{
	d->left = 1;
	for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
		write_default(d, &kind_prioritylevelconfiguration, level_new(&levels[i]));
	for (size_t i = 0; i < ARRAY_COUNT(schemas); i++)
		write_default(d, &kind_flowschema, schema_new(&schemas[i]));
	release(d);
}

void flow_defaults_deinit(struct flow_defaults *d)
{
	while (!list_is_empty(&d->writes))
		write_free(LIST_ENTRY(list_first(&d->writes), struct flow_write, link));
}
