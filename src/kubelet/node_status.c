/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds Node and Lease. Reasons and messages of the conditions are upstream's: clients print them.
 * Capacity and addresses come from the options, which kubelet_probe_host has filled in.
 */
#include "kubelet/node_status.h"

#include <inttypes.h>

#include "api/kinds/resource_name.h"
#include "api/quantity.h"
#include "base/time.h"
#include "kubelet/version.h"

struct condition_text {
	const char *type;
	const char *reason_false, *message_false;
	const char *reason_true, *message_true;
};

static const struct condition_text condition_texts[NODE_CONDITION_COUNT] = {
	[NODE_MEMORY_PRESSURE] = { "MemoryPressure", "KubeletHasSufficientMemory",
				   "kubelet has sufficient memory available",
				   "KubeletHasInsufficientMemory",
				   "kubelet has insufficient memory available" },
	[NODE_DISK_PRESSURE] = { "DiskPressure", "KubeletHasNoDiskPressure",
				 "kubelet has no disk pressure", "KubeletHasDiskPressure",
				 "kubelet has disk pressure" },
	[NODE_PID_PRESSURE] = { "PIDPressure", "KubeletHasSufficientPID",
				"kubelet has sufficient PID available", "KubeletHasInsufficientPID",
				"kubelet has insufficient PID available" },
	[NODE_READY] = { "Ready", "KubeletNotReady", "container runtime network not ready",
			 "KubeletReady", "kubelet is posting ready status" },
};

static void set_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t wall_ns)
{
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, object, key, str_from(time_format(wall_ns, text)));
}

static void set_number(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value,
		       bool milli)
{
	struct quantity q = milli ? quantity_of_milli(value, QUANTITY_DECIMAL_SI)
				  : quantity_of(value, QUANTITY_BINARY_SI);
	char text[QUANTITY_TEXT_BYTES];

	if (!milli && value % 1024)
		q = quantity_of(value, QUANTITY_DECIMAL_SI);
	json_set_str(doc, object, key, str_sub(text, quantity_format(&q, text)));
}

void node_conditions_load(struct node_conditions *c, const struct obj *node)
{
	JSON_EACH (item, json_get(node->root, "status.conditions")) {
		for (size_t i = 0; i < NODE_CONDITION_COUNT; i++) {
			int64_t since;

			if (!str_eq_c(json_get_str(item, "type"), condition_texts[i].type) ||
			    time_parse(json_get_str(item, "lastTransitionTime"), &since, NULL) < 0)
				continue;
			if (c->since_ns[i] &&
			    c->is_true[i] == str_eq(json_get_str(item, "status"), STR("True")))
				c->since_ns[i] = since;
		}
	}
}

void node_conditions_update(struct kubelet *k, struct node_conditions *c, int64_t wall_ns)
{
	bool now[NODE_CONDITION_COUNT] = { [NODE_READY] = k->network_ready };

	for (size_t i = 0; i < NODE_CONDITION_COUNT; i++) {
		if (c->since_ns[i] == 0 || c->is_true[i] != now[i])
			c->since_ns[i] = wall_ns;
		c->is_true[i] = now[i];
	}
	c->heartbeat_ns = wall_ns;
}

static void add_condition(yyjson_mut_doc *doc, yyjson_mut_val *list, struct kubelet *k,
			  const struct node_conditions *c, size_t i)
{
	const struct condition_text *t = &condition_texts[i];
	yyjson_mut_val *o = json_append_object(doc, list);

	json_set_str(doc, o, "type", str_from(t->type));
	json_set_str(doc, o, "status", c->is_true[i] ? STR("True") : STR("False"));
	if (c->heartbeat_ns) {
		set_time(doc, o, "lastHeartbeatTime", c->heartbeat_ns);
		set_time(doc, o, "lastTransitionTime", c->since_ns[i]);
	}
	json_set_str(doc, o, "reason", str_from(c->is_true[i] ? t->reason_true : t->reason_false));
	if (i == NODE_READY && !c->is_true[i] && k->network_why[0])
		json_set_str(doc, o, "message", str_from(k->network_why));
	else
		json_set_str(doc, o, "message",
			     str_from(c->is_true[i] ? t->message_true : t->message_false));
}

static bool is_ours(struct str type)
{
	for (size_t i = 0; i < NODE_CONDITION_COUNT; i++)
		if (str_eq_c(type, condition_texts[i].type))
			return true;
	return false;
}

static void add_conditions(yyjson_mut_doc *doc, yyjson_mut_val *status, struct kubelet *k,
			   const struct node_conditions *c, const struct obj *node)
{
	yyjson_mut_val *list = json_set_array(doc, status, "conditions");

	if (node)
		JSON_EACH (old, json_get(node->root, "status.conditions"))
			if (!is_ours(json_get_str(old, "type")))
				yyjson_mut_arr_append(list, json_copy(doc, old));
	for (size_t i = 0; i < NODE_CONDITION_COUNT; i++)
		add_condition(doc, list, k, c, i);
}

static void add_capacity(yyjson_mut_doc *doc, yyjson_mut_val *status, const char *key,
			 const struct kubelet_options *o)
{
	yyjson_mut_val *list = json_set_object(doc, status, key);
	/* As upstream's default eviction thresholds take them away: a tenth of the disk. */
	int64_t storage = key[0] == 'a' ? o->storage_bytes / 10 * 9 : o->storage_bytes;

	set_number(doc, list, "cpu", o->cpu_milli, true);
	if (o->storage_bytes > 0)
		set_number(doc, list, "ephemeral-storage", storage, false);
	json_set_str(doc, list, "hugepages-1Gi", STR("0"));
	json_set_str(doc, list, "hugepages-2Mi", STR("0"));
	set_number(doc, list, "memory", o->memory_bytes, false);
	set_number(doc, list, "pods", o->pods_max * 1000, true);
}

/* What others say that the node has, all of it can be given out; what they no longer say is taken back. As upstream. */
static void add_extended(yyjson_mut_doc *doc, yyjson_mut_val *status, const struct obj *node)
{
	yyjson_mut_val *list = json_mut_get(status, "allocatable");
	yyjson_val *capacity = json_get(node->root, "status.capacity");

	JSON_MEMBERS (key, value, capacity)
		if (resource_is_extended(json_str(key)))
			json_put_str(doc, list, json_str(key), json_str(value));
	JSON_MEMBERS (key, value, json_get(node->root, "status.allocatable"))
		if (resource_is_extended(json_str(key)) && !json_key(capacity, json_str(key)))
			json_put(doc, list, json_str(key), yyjson_mut_null(doc));
}

static void add_node_info(yyjson_mut_doc *doc, yyjson_mut_val *status,
			  const struct kubelet_options *o)
{
	yyjson_mut_val *info = json_set_object(doc, status, "nodeInfo");

	json_set_str(doc, info, "architecture", STR(GO_ARCHITECTURE));
	json_set_str(doc, info, "bootID", o->boot_id);
	json_set_str(doc, info, "containerRuntimeVersion", STR(KUBELET_RUNTIME_VERSION));
	json_set_str(doc, info, "kernelVersion", o->kernel_version);
	json_set_str(doc, info, "kubeProxyVersion", STR(""));
	json_set_str(doc, info, "kubeletVersion", STR(KUBELET_KUBERNETES_VERSION));
	json_set_str(doc, info, "machineID", o->machine_id);
	json_set_str(doc, info, "operatingSystem", STR("linux"));
	json_set_str(doc, info, "osImage", o->os_image);
	json_set_str(doc, info, "systemUUID", o->system_uuid);
}

static void add_status(yyjson_mut_doc *doc, yyjson_mut_val *root, struct kubelet *k,
		       const struct node_conditions *c, const struct obj *node)
{
	const struct kubelet_options *o = &k->options;
	yyjson_mut_val *status = json_set_object(doc, root, "status"), *list, *item;

	list = json_set_array(doc, status, "addresses");
	for (size_t i = 0; i < o->address_count; i++) {
		item = json_append_object(doc, list);
		json_set_str(doc, item, "address", o->addresses[i]);
		json_set_str(doc, item, "type", STR("InternalIP"));
	}
	item = json_append_object(doc, list);
	json_set_str(doc, item, "address", o->node_name);
	json_set_str(doc, item, "type", STR("Hostname"));
	add_capacity(doc, status, "allocatable", o);
	add_capacity(doc, status, "capacity", o);
	if (node)
		add_extended(doc, status, node);
	add_conditions(doc, status, k, c, node);
	json_set_int(doc,
		     json_set_object(doc, json_set_object(doc, status, "daemonEndpoints"),
				     "kubeletEndpoint"),
		     "Port", o->port);
	add_node_info(doc, status, o);
}

static void add_metadata(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct kubelet_options *o)
{
	yyjson_mut_val *metadata = json_set_object(doc, root, "metadata");
	yyjson_mut_val *labels = json_set_object(doc, metadata, "labels");

	json_set_str(doc, labels, "beta.kubernetes.io/arch", STR(GO_ARCHITECTURE));
	json_set_str(doc, labels, "beta.kubernetes.io/os", STR("linux"));
	json_set_str(doc, labels, "kubernetes.io/arch", STR(GO_ARCHITECTURE));
	json_set_str(doc, labels, "kubernetes.io/hostname", o->node_name);
	json_set_str(doc, labels, "kubernetes.io/os", STR("linux"));
	for (size_t i = 0; i < o->label_count; i++)
		json_put_str(doc, labels, o->labels[i].name, o->labels[i].value);
}

yyjson_mut_doc *node_object(struct kubelet *k, struct node_conditions *c)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec;

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Node"));
	add_metadata(doc, root, &k->options);
	json_set_str(doc, json_mut_get(root, "metadata"), "name", k->options.node_name);
	spec = json_set_object(doc, root, "spec");
	if (!str_is_empty(k->options.pod_cidr)) {
		json_set_str(doc, spec, "podCIDR", k->options.pod_cidr);
		json_append_str(doc, json_set_array(doc, spec, "podCIDRs"), k->options.pod_cidr);
	}
	add_status(doc, root, k, c, NULL);
	return doc;
}

yyjson_mut_doc *node_status_patch(struct kubelet *k, const struct node_conditions *c,
				  const struct obj *node)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	add_status(doc, root, k, c, node);
	return doc;
}

void node_status_fingerprint(struct kubelet *k, const struct node_conditions *c,
			     const struct obj *node, struct buf *to)
{
	struct node_conditions still = *c;
	AUTO_JSON_MUT doc = json_new_object();

	still.heartbeat_ns = 0;
	add_status(doc, yyjson_mut_doc_get_root(doc), k, &still, node);
	json_mut_write(yyjson_mut_doc_get_root(doc), to);
}

yyjson_mut_doc *node_lease(struct kubelet *k, const struct obj *node, bool whole)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata, *spec, *owner;
	char text[TIME_TEXT_BYTES];

	if (whole) {
		json_set_str(doc, root, "apiVersion", STR("coordination.k8s.io/v1"));
		json_set_str(doc, root, "kind", STR("Lease"));
		metadata = json_set_object(doc, root, "metadata");
		json_set_str(doc, metadata, "name", k->options.node_name);
		json_set_str(doc, metadata, "namespace", STR("kube-node-lease"));
		if (node) {
			owner = json_append_object(
				doc, json_set_array(doc, metadata, "ownerReferences"));
			json_set_str(doc, owner, "apiVersion", STR("v1"));
			json_set_str(doc, owner, "kind", STR("Node"));
			json_set_str(doc, owner, "name", node->name);
			json_set_str(doc, owner, "uid", node->uid);
		}
	}
	spec = json_set_object(doc, root, "spec");
	json_set_str(doc, spec, "holderIdentity", k->options.node_name);
	json_set_int(doc, spec, "leaseDurationSeconds", KUBELET_LEASE_SECONDS);
	json_set_str(doc, spec, "renewTime",
		     str_from(time_format_micro(env_wall_ns(k->env), text)));
	return doc;
}
