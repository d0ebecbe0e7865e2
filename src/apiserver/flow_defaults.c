/* SPDX-License-Identifier: Apache-2.0 */
/* The flow schemas and priority levels every cluster has, as upstream's. */
#include "apiserver/flow_defaults.h"

#include "codec/json.h"

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

/* Without these nobody's request would have a place: they are as they are for everybody. */
static bool is_mandatory(const char *name)
{
	return str_eq_c(STR("exempt"), name) || str_eq_c(STR("catch-all"), name);
}

static yyjson_mut_doc *object_new(const char *name)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");

	json_set_str(doc, metadata, "name", str_from(name));
	json_put_str(doc, json_set_object(doc, metadata, "annotations"), STR(FLOW_AUTOUPDATE),
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

void flow_defaults_each(flow_defaults_fn *fn, void *arg)
{
	for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
		fn(arg, &kind_prioritylevelconfiguration, level_new(&levels[i]),
		   is_mandatory(levels[i].name));
	for (size_t i = 0; i < ARRAY_COUNT(schemas); i++)
		fn(arg, &kind_flowschema, schema_new(&schemas[i]), is_mandatory(schemas[i].name));
}

bool flow_defaults_have(const struct kind *kind, struct str name)
{
	if (kind == &kind_flowschema) {
		for (size_t i = 0; i < ARRAY_COUNT(schemas); i++)
			if (str_eq_c(name, schemas[i].name))
				return true;
		return false;
	}
	for (size_t i = 0; i < ARRAY_COUNT(levels); i++)
		if (str_eq_c(name, levels[i].name))
			return true;
	return false;
}
