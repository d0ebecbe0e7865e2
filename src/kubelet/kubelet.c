/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings the parts together: restores what runs, follows the API's pods and hands what happens to
 * the pod concerned. Order of start: the runtime's list, then the pods from the API, then orphans
 * are cleared away; nothing is decided before.
 */
#include "kubelet/kubelet.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "kubelet/kubelet_internal.h"

#define KUBELET_ARENA_BYTES_MAX ((size_t)64 << 20)

void kubelet_operation_begin(struct kubelet *k)
{
	k->operation_count++;
}

void kubelet_operation_end(struct kubelet *k)
{
	ASSERT(k->operation_count > 0);
	if (--k->operation_count == 0 && k->stopping && k->on_stopped) {
		void (*on_stopped)(void *arg) = k->on_stopped;

		k->on_stopped = NULL;
		on_stopped(k->on_stopped_arg);
	}
}

static struct pod *kubelet_pod_by_uid(struct kubelet *k, struct str uid)
{
	return map_get(&k->pods, uid);
}

struct pod *kubelet_find_pod(struct kubelet *k, struct str namespace_, struct str name)
{
	struct pod *found = NULL;
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value)) {
		struct pod *pod = value;

		if (str_eq(pod->spec.name, name) && str_eq(pod->spec.namespace_, namespace_) &&
		    (!found || !pod->gone))
			found = pod;
	}
	return found;
}

/* --- what happens --- */

static void on_pod(struct informer_handler *handler, const struct obj *old, const struct obj *new_)
{
	struct kubelet *k = CONTAINER_OF(handler, struct kubelet, pod_handler);
	struct pod *pod = kubelet_pod_by_uid(k, new_ ? new_->uid : old->uid);

	if (k->stopping || static_pods_saw(k, old, new_))
		return;
	/* A pod deleted and made again between two events has another uid. */
	if (old && new_ && !str_eq(old->uid, new_->uid)) {
		struct pod *before = kubelet_pod_by_uid(k, old->uid);

		if (before)
			pod_remove(before);
	}
	if (!new_) {
		if (pod)
			pod_remove(pod);
	} else if (pod) {
		pod_update(pod, new_);
	} else if (!str_is_empty(new_->uid)) {
		(void)pod_new(k, new_); /* the map holds it */
	}
}

static void on_pods_synced(struct informer_handler *handler)
{
	struct kubelet *k = CONTAINER_OF(handler, struct kubelet, pod_handler);

	if (k->pods_known || k->stopping)
		return;
	k->pods_known = true;
	if (k->static_known)
		kubelet_clear_orphans(k);
	static_pods_poke(k);
}

void kubelet_static_known(struct kubelet *k)
{
	k->static_known = true;
	if (k->pods_known)
		kubelet_clear_orphans(k);
}

static void poke_all(struct kubelet *k)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value))
		pod_poke(value);
}

static void on_service(struct informer_handler *handler, const struct obj *old,
		       const struct obj *new_)
{
	/* Variables are made when a container starts. */
	(void)handler;
	(void)old;
	(void)new_;
}

static void on_services_synced(struct informer_handler *handler)
{
	poke_all(CONTAINER_OF(handler, struct kubelet, service_handler));
}

static void on_node(struct informer_handler *handler, const struct obj *old, const struct obj *new_)
{
	struct kubelet *k = CONTAINER_OF(handler, struct kubelet, node_handler);

	(void)old;
	if (!k->stopping)
		node_saw(k->node, new_);
}

static void on_runtime_exit(void *arg, const struct runtime_record *record)
{
	struct kubelet *k = arg;
	struct pod *pod = kubelet_pod_by_uid(k, record->owner.pod_uid);
	int index;

	if (!pod)
		return;
	if (str_is_empty(record->owner.container)) {
		if (str_eq_c(record->id, pod->state.sandbox.id) &&
		    pod->state.sandbox.phase == SANDBOX_READY)
			pod->state.sandbox.phase = SANDBOX_DEAD;
		pod_poke(pod);
		return;
	}
	index = pod_spec_find(&pod->spec, record->owner.container);
	if (index >= 0 && str_eq_c(record->id, pod->state.containers[index].id))
		container_exited(pod, (size_t)index, &record->exit);
}

/* --- start --- */

static struct informer *inform(struct kubelet *k, const struct kind *kind, const char *field,
			       struct informer_handler *handler)
{
	struct informer_selector selector = { .namespace_ = STR_NONE };
	struct informer *informer;

	if (field)
		selector.field_selector = str_printf_in(&k->arena, "%s=" STR_FMT, field,
							STR_ARG(k->options.node_name));
	informer = client_informer(k->client, kind, field ? &selector : NULL);
	informer_add_handler(informer, handler);
	return informer;
}

static void listed(struct runtime_op *op, const struct err *err)
{
	struct kubelet *k = op->owner;

	if (err)
		log_error("kubelet", "what runs on this machine: %s", err->msg);
	else
		kubelet_restore(k);
	if (!k->stopping) {
		k->service_informer = inform(k, k->kind_service, NULL, &k->service_handler);
		k->pod_informer = inform(k, k->kind_pod, "spec.nodeName", &k->pod_handler);
		k->node_informer = inform(k, k->kind_node, "metadata.name", &k->node_handler);
		node_start(k->node);
		static_pods_start(k);
	}
	kubelet_operation_end(k);
}

int kubelet_start(struct kubelet *k, struct err *err)
{
	const struct kind *const kinds[] = {
		k->kind_pod,	k->kind_node,	 k->kind_lease,		 k->kind_config_map,
		k->kind_secret, k->kind_service, k->kind_service_account
	};

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
		if (!kinds[i])
			return err_set(err, ERR_INTERNAL,
				       "kubelet: a kind it needs is not compiled in");
	if (str_is_empty(k->options.node_name))
		return err_set(err, ERR_BAD_REQUEST, "kubelet: the node has no name");
	k->started = true;
	k->events = (struct pod_runtime_events){ .on_exit = on_runtime_exit, .arg = k };
	k->runtime->ops->listen(k->runtime, &k->events);
	k->list = (struct runtime_list){ .op = { .done = listed, .owner = k },
					 .arena = &k->list_arena };
	kubelet_operation_begin(k);
	k->runtime->ops->list(k->runtime, &k->list);
	return 0;
}

struct kubelet *kubelet_new(const struct kubelet_options *options)
{
	struct kubelet *k = NEW(struct kubelet);

	k->options = *options;
	k->env = options->env;
	k->client = options->client;
	k->runtime = options->runtime;
	if (str_is_empty(k->options.cluster_domain))
		k->options.cluster_domain = STR("cluster.local");
	if (str_is_empty(k->options.resolv_conf))
		k->options.resolv_conf = STR("/etc/resolv.conf");
	if (str_is_empty(k->options.cgroup_root))
		k->options.cgroup_root = STR("/");
	if (k->options.pods_max <= 0)
		k->options.pods_max = KUBELET_PODS_MAX;
	arena_init(&k->arena, KUBELET_ARENA_BYTES_MAX);
	arena_init(&k->list_arena, KUBELET_ARENA_BYTES_MAX);
	list_init(&k->log_followers);
	list_init(&k->client_streams);
	map_init(&k->pods);
	map_init(&k->restored);
	map_init(&k->object_watches);
	k->kind_pod = kind_find(STR(""), STR("v1"), STR("Pod"));
	k->kind_node = kind_find(STR(""), STR("v1"), STR("Node"));
	k->kind_lease = kind_find(STR("coordination.k8s.io"), STR("v1"), STR("Lease"));
	k->kind_config_map = kind_find(STR(""), STR("v1"), STR("ConfigMap"));
	k->kind_secret = kind_find(STR(""), STR("v1"), STR("Secret"));
	k->kind_service = kind_find(STR(""), STR("v1"), STR("Service"));
	k->kind_service_account = kind_find(STR(""), STR("v1"), STR("ServiceAccount"));
	k->recorder = recorder_new(k->client, STR("kubelet"), k->options.node_name);
	k->pod_handler = (struct informer_handler){ .on_change = on_pod,
						    .on_synced = on_pods_synced };
	k->service_handler = (struct informer_handler){ .on_change = on_service,
							.on_synced = on_services_synced };
	k->node_handler = (struct informer_handler){ .on_change = on_node };
	k->network_ready = true;
	k->node = node_new(k);
	static_pods_new(k);
	return k;
}

void kubelet_set_network_ready(struct kubelet *k, bool ready, struct str why)
{
	k->network_ready = ready;
	if (str_copy_to(str_slice(why, 0, sizeof(k->network_why) - 1), k->network_why,
			sizeof(k->network_why)) < 0)
		k->network_why[0] = 0;
	node_changed(k->node);
}

/* Clients that would otherwise keep it from ever stopping. */
static void end_clients(struct kubelet *k)
{
	LIST_FOR_EACH(node, &k->log_followers) {
		struct log_follower *f = LIST_ENTRY(node, struct log_follower, link);

		f->ended(f);
	}
	LIST_FOR_EACH(stream_node, &k->client_streams) {
		struct client_stream *stream = LIST_ENTRY(stream_node, struct client_stream, link);

		stream->end(stream);
	}
}

void kubelet_stop(struct kubelet *k, void (*on_stopped)(void *arg), void *arg)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	k->stopping = true;
	node_stop(k->node);
	static_pods_stop(k);
	while (map_next(&k->pods, &cursor, &uid, &value)) {
		struct pod *pod = value;

		timer_stop(&pod->wake);
		for (size_t i = 0; i < pod->state.container_count; i++) {
			probers_stop(pod, i);
			timer_stop(&pod->work[i]->grace);
			timer_stop(&pod->work[i]->pull_turn);
		}
	}
	end_clients(k);
	k->on_stopped = on_stopped;
	k->on_stopped_arg = arg;
	kubelet_operation_begin(
		k); /* so that the last one is told of, also when nothing is going on */
	kubelet_operation_end(k);
}

void kubelet_free(struct kubelet *k)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	if (!k)
		return;
	ASSERT(k->operation_count == 0);
	if (k->pod_informer) {
		informer_remove_handler(k->pod_informer, &k->pod_handler);
		informer_remove_handler(k->service_informer, &k->service_handler);
		informer_remove_handler(k->node_informer, &k->node_handler);
	}
	while (map_next(&k->pods, &cursor, &uid, &value))
		pod_free(value);
	static_pods_free(k);
	node_free(k->node);
	kubelet_restored_free(k);
	map_deinit(&k->restored);
	map_deinit(&k->object_watches);
	map_deinit(&k->pods);
	recorder_free(k->recorder);
	arena_deinit(&k->list_arena);
	arena_deinit(&k->arena);
	mem_free(k);
}
