/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user does, step by step: each step is one request, repeated until it is acknowledged,
 * and a state that the cluster must reach. All requests may be repeated without harm.
 */
#include "api/kind.h"
#include "codec/json.h"
#include "sim/cluster.h"

struct script_step {
	const char *name;
	enum api_verb verb;
	const struct kind *kind;
	const char *object; /* name */
	const char *body;   /* JSON; NULL: none */
	int64_t replicas;   /* that must be ready then; -1: all must be gone */
	const char *image;  /* of all pods then */
	struct bounds bounds;
	int64_t limit_ms;
	bool kills_node; /* instead of a request; only when the options say so */
};

#define TEMPLATE(image)                                                        \
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{" \
	"\"terminationGracePeriodSeconds\":5,"                                 \
	"\"tolerations\":[{\"key\":\"node.kubernetes.io/"                      \
	"unreachable\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","      \
	"\"tolerationSeconds\":5},{\"key\":\"node.kubernetes.io/"              \
	"not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","        \
	"\"tolerationSeconds\":5}],\"containers\":[{\"name\":\"c\",\"image\":\"" image "\"}]}}"
#define SCALE(n) "{\"spec\":{\"replicas\":" #n "}}"

static const struct script_step steps[] = {
	{ "service", API_CREATE, &kind_service, "web",
	  "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},\"spec\":{"
	  "\"selector\":{\"app\":\"web\"},"
	  "\"ports\":[{\"port\":80}]}}",
	  .replicas = 0, .bounds = { 0, 0 }, .limit_ms = 120000 },
	{ "create", API_CREATE, &kind_deployment, "web",
	  "{\"apiVersion\":\"apps/"
	  "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":3,"
	  "\"selector\":{\"matchLabels\":{\"app\":\"web\"}}," TEMPLATE("v1") "}}",
	  .replicas = 3, .image = "v1", .bounds = { 3, 0 }, .limit_ms = 120000 },
	{ "grow", API_PATCH, &kind_deployment, "web", SCALE(5), .replicas = 5, .image = "v1",
	  .bounds = { 5, 3 }, .limit_ms = 120000 },
	{ "shrink", API_PATCH, &kind_deployment, "web", SCALE(4), .replicas = 4, .image = "v1",
	  .bounds = { 5, 4 }, .limit_ms = 120000 },
	/* A quarter of four: one more, one less. */
	{ "update", API_PATCH, &kind_deployment, "web",
	  "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"v2\"}]}}}"
	  "}",
	  .replicas = 4, .image = "v2", .bounds = { 5, 3 }, .limit_ms = 300000 },
	/* Pods of the silent node count as active until they are evicted. */
	{ "lose a node", .kind = NULL, .replicas = 4, .image = "v2", .bounds = { 5, 0 },
	  .limit_ms = 600000, .kills_node = true },
	{ "delete the node", API_DELETE, &kind_node, "node-2", NULL, .replicas = 4, .image = "v2",
	  .bounds = { 5, 0 }, .limit_ms = 600000, .kills_node = true },
	{ "delete", API_DELETE, &kind_deployment, "web", NULL, .replicas = -1, .bounds = { 5, 0 },
	  .limit_ms = 300000 },
	{ "delete the service", API_DELETE, &kind_service, "web", NULL, .replicas = -1,
	  .bounds = { 0, 0 }, .limit_ms = 120000 },
};

const size_t script_step_count = ARRAY_COUNT(steps);

const char *script_step_name(size_t step)
{
	return steps[step].name;
}

int64_t script_limit_ms(struct cluster *c)
{
	return steps[c->step].limit_ms;
}

void script_enter(struct cluster *c)
{
	c->bounds = steps[c->step].bounds;
}

static void answered(void *owner, const struct obj *result, const struct err *err)
{
	struct cluster *c = owner;

	if (err) {
		sim_trace(c->sim, "refused %s: %s", steps[c->step].name, err->msg);
		c->step_submitted = false; /* once more */
		return;
	}
	c->step_acked = true;
	if (result && result->resource_version > c->acked_revision)
		c->acked_revision = result->resource_version;
}

void script_submit(struct cluster *c)
{
	const struct script_step *s = &steps[c->step];
	AUTO_JSON body = s->body ? json_parse(str_from(s->body), 4096, NULL) : NULL;
	struct request r = {
		.verb = s->verb,
		.kind = s->kind,
		.name = s->verb == API_CREATE ? STR_NONE : str_from(s->object),
		.body = body ? json_thaw(yyjson_doc_get_root(body)) : NULL,
		.patch = API_PATCH_STRATEGIC,
		.exists_is_fine = true,
		.missing_is_fine = s->verb == API_DELETE,
		.done = answered,
		.owner = c,
	};

	if (s->kills_node && (!c->options.kill_node || !s->kind)) {
		c->step_acked = true;
		if (c->options.kill_node) {
			hollow_kill(c->sim, c->hollows[2]);
			c->nodes[2].client = NULL;
		}
		return;
	}
	if (kind_is_namespaced(s->kind))
		r.namespace_ = STR("default");
	client_submit(c->user, &r);
}

/* --- the state a step wants --- */

static bool pods_are(struct cluster *c, const struct script_step *s)
{
	struct informer_set pods = informer_all(c->pods);
	int64_t ready = 0;

	INFORMER_SET_FOR_EACH (pod, pods) {
		struct str image = json_get_str(pod->root, "spec.containers.0.image");
		bool is_lost = c->options.kill_node && s->kind == NULL && obj_is_deleting(pod);

		if (is_lost)
			continue; /* its node cannot say that it is gone */
		if (obj_is_deleting(pod) || !str_eq_c(image, s->image))
			return false;
		JSON_EACH (condition, json_get(pod->root, "status.conditions"))
			ready += str_eq(json_get_str(condition, "type"), STR("Ready")) &&
				 str_eq(json_get_str(condition, "status"), STR("True"));
	}
	return ready == s->replicas;
}

static bool deployment_is(struct cluster *c, const struct script_step *s)
{
	const struct obj *d = informer_get(c->deployments, STR("default/web"));
	yyjson_val *status = d ? json_get(d->root, "status") : NULL;

	return d && json_get_int(status, "observedGeneration", 0) == d->generation &&
	       json_get_int(status, "replicas", 0) == s->replicas &&
	       json_get_int(status, "updatedReplicas", 0) == s->replicas &&
	       json_get_int(status, "availableReplicas", 0) == s->replicas;
}

static bool endpoints_are(struct cluster *c, int64_t count)
{
	const struct obj *endpoints = informer_get(c->endpoints, STR("default/web"));
	struct informer_set slices = informer_all(c->slices);
	int64_t ready = 0;

	INFORMER_SET_FOR_EACH (slice, slices) {
		if (!str_eq(obj_label(slice, "kubernetes.io/service-name"), STR("web")))
			continue;
		JSON_EACH (endpoint, json_get(slice->root, "endpoints"))
			ready += json_get_bool(endpoint, "conditions.ready", false);
	}
	return endpoints && ready == count &&
	       (int64_t)json_get_count(endpoints->root, "subsets.0.addresses") == count;
}

static bool nodes_are_empty(struct cluster *c)
{
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		if (hollow_pod_count(c->hollows[i]))
			return false;
	return true;
}

static bool all_gone(struct cluster *c, const struct script_step *s)
{
	struct informer_set slices = informer_all(c->slices);

	if (informer_count(c->deployments) || informer_count(c->sets) || informer_count(c->pods) ||
	    !nodes_are_empty(c))
		return false;
	if (s->kind != &kind_service)
		return endpoints_are(c, 0);
	INFORMER_SET_FOR_EACH (slice, slices)
		if (str_eq(obj_label(slice, "kubernetes.io/service-name"), STR("web")))
			return false;
	return !informer_get(c->endpoints, STR("default/web")) &&
	       !informer_get(c->services, STR("default/web"));
}

bool script_is_done(struct cluster *c)
{
	const struct script_step *s = &steps[c->step];

	if (!informer_is_synced(c->pods) || !informer_is_synced(c->sets) ||
	    !informer_is_synced(c->deployments) || !informer_is_synced(c->endpoints) ||
	    !informer_is_synced(c->slices) || !informer_is_synced(c->services))
		return false;
	if (s->replicas < 0)
		return all_gone(c, s);
	if (s->replicas == 0)
		return endpoints_are(c, 0);
	return pods_are(c, s) && deployment_is(c, s) && endpoints_are(c, s->replicas);
}
