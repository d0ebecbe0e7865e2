/* SPDX-License-Identifier: Apache-2.0 */
/* System namespaces, the two classes of priority that are always there, the range of the services'
 * addresses, and the kubernetes service with the endpoints of this server. */
#include "apiserver/bootstrap.h"

#include "api/condition.h"
#include "apiserver/limits.h"
#include "apiserver/service_ranges.h"
#include "apiserver/user.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/env.h"

struct step {
	const char *group, *version, *kind, *namespace_, *name;
	const char *subresource; /* of an object that is there; NULL: the object itself */
	bool (*is_needed)(struct bootstrap *b); /* NULL: always */
	void (*fill)(struct bootstrap *b, yyjson_mut_doc *doc,
		     yyjson_mut_val *root); /* NULL: metadata alone */
	bool updates;			    /* an object that is there is brought up to date */
	bool changes;			    /* the object is there */
	bool may_fail;			    /* the server is of use without it */
	bool advertises;		    /* only with an address to advertise */
	bool for_front;			    /* only where those behind are told something */
};

static void fill_port(yyjson_mut_doc *doc, yyjson_mut_val *port, int64_t number)
{
	json_set_str(doc, port, "name", STR("https"));
	json_set_int(doc, port, "port", number);
	json_set_str(doc, port, "protocol", STR("TCP"));
}

/* The ranges as the flag has them, but for bits beyond the prefix. */
static void fill_range(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	const struct service_networks *ours = &b->registry->networks;
	yyjson_mut_val *list = json_set_array(doc, json_set_object(doc, root, "spec"), "cidrs");

	for (size_t i = 0; i < ours->count; i++)
		json_append_str(doc, list, address_range_cidr(&ours->items[i], &b->arena));
}

/* How many of the default ServiceCIDR's ranges are ours, from the first on, when all of them are;
 * 0: it has others, or there is none. */
static size_t count_known_ranges(struct bootstrap *b, const struct obj *cidr)
{
	const struct service_networks *ours = &b->registry->networks;
	yyjson_val *ranges = cidr ? json_get(cidr->root, "spec.cidrs") : NULL;
	size_t i = 0;

	if (yyjson_arr_size(ranges) > ours->count)
		return 0;
	JSON_EACH (range, ranges) {
		if (!str_eq(json_str(range), address_range_cidr(&ours->items[i], &b->arena)))
			return 0;
		i++;
	}
	return i;
}

static const struct obj *default_range(struct bootstrap *b)
{
	return registry_get(b->registry, &kind_servicecidr, STR_NONE, STR(SERVICE_CIDR_DEFAULT));
}

/* The server got a second family since. */
static bool range_is_to_be_dual(struct bootstrap *b)
{
	return b->registry->networks.count == 2 && count_known_ranges(b, default_range(b)) == 1;
}

static void fill_dual_range(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	yyjson_val *old = json_get(default_range(b)->root, "metadata");

	for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
		if (yyjson_obj_get(old, kept[i]))
			json_set(doc, json_mut_get(root, "metadata"), kept[i],
				 json_copy(doc, yyjson_obj_get(old, kept[i])));
	fill_range(b, doc, root);
}

/* Of the flag's ranges the server itself says that they are ready; of others in the object, and of
 * further ServiceCIDRs, a controller does. */
static bool range_is_to_be_ready(struct bootstrap *b)
{
	const struct obj *range = default_range(b);

	if (!range || json_get(range->root, "metadata.deletionTimestamp"))
		return false;
	if (count_known_ranges(b, range) != b->registry->networks.count) {
		log_warn("apiserver", "the default ServiceCIDR does not match the networks of "
				      "services that this server was started with; addresses "
				      "come from the former");
		return false;
	}
	return !condition_find(json_get(range->root, "status.conditions"), STR("Ready"));
}

static void fill_range_status(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	char now[TIME_TEXT_BYTES];
	yyjson_mut_val *condition = json_append_object(
		doc, json_set_array(doc, json_set_object(doc, root, "status"), "conditions"));

	json_set_str(doc, condition, "type", STR("Ready"));
	json_set_str(doc, condition, "status", STR("True"));
	json_set_str(doc, condition, "reason", STR_NONE);
	json_set_str(doc, condition, "message", STR("Kubernetes default Service CIDR is ready"));
	json_set_str(doc, condition, "lastTransitionTime",
		     str_from(time_format(env_wall_ns(registry_env(b->registry)), now)));
}

/* A second one would ask for the address of the first. */
static bool service_is_missing(struct bootstrap *b)
{
	return !registry_get(b->registry, &kind_service, STR("default"), STR("kubernetes"));
}

static void fill_service(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *labels = json_set_object(doc, json_mut_get(root, "metadata"), "labels");
	yyjson_mut_val *spec = json_set_object(doc, root, "spec"), *port;
	char address[SERVICE_ADDRESS_BYTES];

	json_set_str(doc, labels, "component", STR("apiserver"));
	json_set_str(doc, labels, "provider", STR("kubernetes"));
	json_set_str(doc, spec, "type", STR("ClusterIP"));
	json_set_str(doc, spec, "clusterIP",
		     str_from(address_range_text(&b->registry->networks.items[0], 1, address)));
	port = json_append_object(doc, json_set_array(doc, spec, "ports"));
	fill_port(doc, port, 443);
	json_set_int(doc, port, "targetPort", b->secure_port);
}

static void fill_endpoints(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *labels = json_set_object(doc, json_mut_get(root, "metadata"), "labels");
	yyjson_mut_val *subset = json_append_object(doc, json_set_array(doc, root, "subsets"));

	json_set_str(doc, labels, "endpointslice.kubernetes.io/skip-mirror", STR("true"));
	json_set_str(doc, json_append_object(doc, json_set_array(doc, subset, "addresses")), "ip",
		     b->advertise_address);
	fill_port(doc, json_append_object(doc, json_set_array(doc, subset, "ports")),
		  b->secure_port);
}

static void fill_slice(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	bool is_v6 = str_find_char(b->advertise_address, ':', 0) != SIZE_MAX;
	yyjson_mut_val *labels = json_set_object(doc, json_mut_get(root, "metadata"), "labels"),
		       *endpoint;

	json_set_str(doc, labels, "kubernetes.io/service-name", STR("kubernetes"));
	json_set_str(doc, root, "addressType", is_v6 ? STR("IPv6") : STR("IPv4"));
	endpoint = json_append_object(doc, json_set_array(doc, root, "endpoints"));
	json_append_str(doc, json_set_array(doc, endpoint, "addresses"), b->advertise_address);
	json_set_bool(doc, json_set_object(doc, endpoint, "conditions"), "ready", true);
	fill_port(doc, json_append_object(doc, json_set_array(doc, root, "ports")), b->secure_port);
}

static void fill_priority(yyjson_mut_doc *doc, yyjson_mut_val *root, int64_t value, struct str told)
{
	json_set_int(doc, root, "value", value);
	json_set_str(doc, root, "description", told);
}

static void fill_node_critical(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	(void)b;
	fill_priority(doc, root, 2000001000,
		      STR("Used for system critical pods that must not be moved from their "
			  "current node."));
}

static void fill_cluster_critical(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	(void)b;
	fill_priority(doc, root, 2000000000,
		      STR("Used for system critical pods that must run in the cluster, but can "
			  "be moved to another node if necessary."));
}

static void put_list(yyjson_mut_doc *doc, yyjson_mut_val *data, const char *key,
		     const struct str_list *items)
{
	AUTO_JSON_MUT list = json_new();
	yyjson_mut_val *array = yyjson_mut_arr(list);
	AUTO_BUF text = { 0 };

	for (size_t i = 0; i < items->count; i++)
		json_append_str(list, array, items->items[i]);
	buf_init(&text, REQUEST_BODY_BYTES_MAX);
	json_mut_write(array, &text);
	json_set_str(doc, data, key, buf_str(&text));
}

/* Whom API servers behind this one may believe. */
static void fill_front(struct bootstrap *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	const struct front_proxy *front = b->front;
	yyjson_mut_val *data = json_set_object(doc, root, "data");

	if (front->client_ca_pem.len)
		json_set_str(doc, data, "client-ca-file", front->client_ca_pem);
	if (!front->ca_pem.len)
		return;
	json_set_str(doc, data, "requestheader-client-ca-file", front->ca_pem);
	put_list(doc, data, "requestheader-allowed-names", &front->names);
	put_list(doc, data, "requestheader-extra-headers-prefix", &front->extra_prefixes);
	put_list(doc, data, "requestheader-group-headers", &front->group_headers);
	put_list(doc, data, "requestheader-uid-headers", &front->uid_headers);
	put_list(doc, data, "requestheader-username-headers", &front->user_headers);
}

static const struct step steps[] = {
	{ "", "v1", "Namespace", "", "default" },
	{ "", "v1", "Namespace", "", "kube-system" },
	{ "", "v1", "Namespace", "", "kube-public" },
	{ "", "v1", "Namespace", "", "kube-node-lease" },
	{ "scheduling.k8s.io", "v1", "PriorityClass", "", "system-node-critical",
	  .fill = fill_node_critical },
	{ "scheduling.k8s.io", "v1", "PriorityClass", "", "system-cluster-critical",
	  .fill = fill_cluster_critical },
	{ "", "v1", "ConfigMap", "kube-system", "extension-apiserver-authentication",
	  .fill = fill_front, .updates = true, .for_front = true },
	{ "networking.k8s.io", "v1", "ServiceCIDR", "", SERVICE_CIDR_DEFAULT, .fill = fill_range },
	{ "networking.k8s.io", "v1", "ServiceCIDR", "", SERVICE_CIDR_DEFAULT,
	  .is_needed = range_is_to_be_dual, .fill = fill_dual_range, .changes = true },
	{ "networking.k8s.io", "v1", "ServiceCIDR", "", SERVICE_CIDR_DEFAULT,
	  .subresource = "status", .is_needed = range_is_to_be_ready, .fill = fill_range_status },
	{ "", "v1", "Service", "default", "kubernetes", .is_needed = service_is_missing, .fill = fill_service,
	  .may_fail = true },
	{ "", "v1", "Endpoints", "default", "kubernetes", .fill = fill_endpoints, .updates = true,
	  .advertises = true },
	{ "discovery.k8s.io", "v1", "EndpointSlice", "default", "kubernetes", .fill = fill_slice,
	  .updates = true, .advertises = true },
};

static void run_step(struct bootstrap *b);

static bool is_left_out(struct bootstrap *b, const struct step *step)
{
	return (step->is_needed && !step->is_needed(b)) ||
	       (step->advertises && (b->advertises_not || !b->advertise_address.len)) ||
	       (step->for_front && !b->front);
}

static void step_done(struct operation *op)
{
	struct bootstrap *b = op->owner;
	const struct step *step = &steps[b->step];
	struct err err = { 0 };
	bool exists = op->refusal.code == 409;

	refusal_to_err(&op->refusal, &err);
	if (op->refusal.code && !exists && !step->may_fail) {
		operation_deinit(op);
		b->done(b, &err);
		return;
	}
	if (op->refusal.code && !exists)
		log_warn("apiserver", "%s %s/%s: %s", step->kind, step->namespace_, step->name,
			 err.msg);
	operation_deinit(op);
	if (exists && step->updates && !b->is_updating) {
		b->is_updating = true;
	} else {
		b->is_updating = false;
		b->step++;
	}
	run_step(b);
}

static void run_step(struct bootstrap *b)
{
	const struct step *step;
	bool is_there;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *metadata;

	while (b->step < ARRAY_COUNT(steps) && is_left_out(b, &steps[b->step]))
		b->step++;
	if (b->step == ARRAY_COUNT(steps)) {
		b->done(b, NULL);
		return;
	}
	step = &steps[b->step];
	is_there = b->is_updating || step->changes || step->subresource;
	doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "name", str_from(step->name));
	if (step->namespace_[0])
		json_set_str(doc, metadata, "namespace", str_from(step->namespace_));
	arena_reset(&b->arena);
	if (step->fill)
		step->fill(b, doc, root);
	b->op = (struct operation){
		.registry = b->registry,
		.arena = &b->arena,
		.verb = is_there ? OPERATION_UPDATE : OPERATION_CREATE,
		.kind = kind_find(str_from(step->group), str_from(step->version),
				  str_from(step->kind)),
		.namespace_ = str_from(step->namespace_),
		.name = is_there ? str_from(step->name) : STR_NONE,
		.subresource = str_from(step->subresource),
		.user = user_loopback.name,
		.field_manager = STR("kube-apiserver"),
		.check = FIELDS_STRICT,
		.is_unasked = true,
		.body = doc,
		.done = step_done,
		.owner = b,
	};
	operation_start(&b->op);
}

void bootstrap_start(struct bootstrap *b)
{
	/* pods could not reach it, and endpoints refuse it */
	if (str_has_prefix(b->advertise_address, STR("127.")) ||
	    str_eq_c(b->advertise_address, "::1")) {
		log_warn("apiserver",
			 "the kubernetes service gets no endpoints: " STR_FMT
			 " is a loopback address",
			 STR_ARG(b->advertise_address));
		b->advertises_not = true;
	}
	arena_init(&b->arena, ARENA_DEFAULT_MAX);
	b->step = 0;
	b->is_updating = false;
	run_step(b);
}

void bootstrap_deinit(struct bootstrap *b)
{
	operation_deinit(&b->op);
	arena_deinit(&b->arena);
}
