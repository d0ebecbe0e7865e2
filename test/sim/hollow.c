/* SPDX-License-Identifier: Apache-2.0 */
/* Level-triggered like a real kubelet: what is to be said about a pod follows from what runs and
 * what its object says. */
#include "sim/hollow.h"

#include <stdio.h>
#include "api/kind.h"
#include "base/mem.h"
#include "base/time.h"
#include "client/informer.h"
#include "codec/json.h"

#define LEASE_MS 10000
#define RETRY_MS 700

enum hollow_state { POD_STARTING, POD_RUNNING, POD_STOPPING, POD_STOPPED };

struct hollow_pod {
	struct hollow *hollow;
	enum hollow_state state;
	struct timer timer;
	struct str key, uid; /* owned */
	int address;
	bool busy; /* a request about it is in flight */
};

struct hollow {
	struct sim *sim;
	struct env *env;
	char name[32];
	struct client *client;
	struct informer *pods, *nodes;
	struct informer_handler pod_handler, node_handler;
	struct timer lease_timer;
	struct map states; /* uid → struct hollow_pod */
	int next_address;
	bool dead, registering;
};

static void say(struct hollow_pod *p);

static void retry(struct hollow_pod *p)
{
	if (!timer_is_running(&p->timer))
		timer_start(&p->timer, RETRY_MS);
}

static void pod_free(struct hollow_pod *p)
{
	(void)map_remove(&p->hollow->states, p->uid); /* it is this pod */
	timer_stop(&p->timer);
	mem_free((void *)p->key.ptr);
	mem_free((void *)p->uid.ptr);
	mem_free(p);
}

static void said(void *owner, const struct request *request, const struct obj *result,
		 const struct err *err)
{
	struct hollow *h = owner;
	struct hollow_pod *p = map_get(&h->states, request->about->uid);

	(void)result;
	if (!p)
		return;
	p->busy = false;
	if (err)
		retry(p);
}

static void submit(struct hollow_pod *p, const struct obj *pod, struct request r)
{
	p->busy = true;
	r.about = pod;
	r.answered = said;
	r.owner = p->hollow;
	client_submit(p->hollow->client, &r);
}

static void submit_running(struct hollow_pod *p, const struct obj *pod)
{
	yyjson_mut_doc *patch = json_new_object();
	yyjson_mut_val *status = json_set_object(patch, yyjson_mut_doc_get_root(patch), "status"),
		       *condition;
	char now[TIME_TEXT_BYTES], ip[32];
	struct request r;

	(void)snprintf(ip, sizeof(ip), "10.1.%c.%d", p->hollow->name[5], p->address); /* fits */
	json_set_str(patch, status, "phase", STR("Running"));
	json_set_str(patch, status, "podIP", str_from(ip));
	condition = json_append_object(patch, json_set_array(patch, status, "conditions"));
	json_set_str(patch, condition, "type", STR("Ready"));
	json_set_str(patch, condition, "status", STR("True"));
	json_set_str(patch, condition, "lastTransitionTime",
		     str_from(time_format(env_wall_ns(p->hollow->env), now)));
	r = request_patch(&kind_pod, pod, API_PATCH_STRATEGIC, patch);
	r.subresource = STR("status");
	r.missing_is_fine = true;
	submit(p, pod, r);
}

static bool is_ready(const struct obj *pod)
{
	JSON_EACH (c, json_get(pod->root, "status.conditions"))
		if (str_eq(json_get_str(c, "type"), STR("Ready")))
			return str_eq(json_get_str(c, "status"), STR("True"));
	return false;
}

/* Says what is true and not yet known. */
static void say(struct hollow_pod *p)
{
	const struct obj *pod = p->hollow->client ? informer_get(p->hollow->pods, p->key) : NULL;

	if (!pod || p->busy || !str_eq(pod->uid, p->uid))
		return;
	if (p->state == POD_STOPPED)
		submit(p, pod, request_delete(&kind_pod, pod, 0, NULL));
	else if (p->state == POD_RUNNING && !is_ready(pod))
		submit_running(p, pod);
}

static void step(struct timer *timer)
{
	struct hollow_pod *p = CONTAINER_OF(timer, struct hollow_pod, timer);

	if (p->state == POD_STARTING)
		p->state = POD_RUNNING;
	else if (p->state == POD_STOPPING)
		p->state = POD_STOPPED;
	say(p);
}

static struct hollow_pod *pod_of(struct hollow *h, const struct obj *pod)
{
	struct hollow_pod *p = map_get(&h->states, pod->uid);
	char key[CLIENT_KEY_BYTES_MAX];

	if (p)
		return p;
	p = NEW(struct hollow_pod);
	p->hollow = h;
	p->uid = str_dup(pod->uid);
	p->key = str_dup(str_sub(key, informer_key(pod, key, sizeof(key))));
	p->address = ++h->next_address % 250;
	timer_init(&p->timer, h->env, step);
	timer_start(&p->timer, 50 + (int64_t)sim_random_below(h->sim, 1500));
	(void)map_put(&h->states, p->uid, p); /* was not there */
	return p;
}

static void pod_changed(struct informer_handler *handler, const struct obj *old,
			const struct obj *new_)
{
	struct hollow *h = handler->owner;
	struct hollow_pod *p;

	if (!new_) {
		p = map_get(&h->states, old->uid);
		if (p)
			pod_free(p);
		return;
	}
	p = pod_of(h, new_);
	if (obj_is_deleting(new_) && p->state < POD_STOPPING) {
		p->state = POD_STOPPING;
		timer_start(&p->timer, 50 + (int64_t)sim_random_below(h->sim, 800));
	}
	say(p);
}

/* Pods that were deleted while it was not connected. */
static void pods_synced(struct informer_handler *handler)
{
	struct hollow *h = handler->owner;
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&h->states, &cursor, &uid, &value)) {
		struct hollow_pod *p = value;
		const struct obj *pod = informer_get(h->pods, p->key);

		if (!pod || !str_eq(pod->uid, p->uid))
			pod_free(p);
	}
}

/* --- the node itself --- */

static yyjson_mut_doc *node_body(struct hollow *h)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Node"));
	json_set_path_str(doc, root, "metadata.name", str_from(h->name));
	return doc;
}

static void put_capacity(yyjson_mut_doc *doc, yyjson_mut_val *status)
{
	yyjson_mut_val *part = json_set_object(doc, status, "capacity");

	json_set_str(doc, part, "cpu", STR("4"));
	json_set_str(doc, part, "memory", STR("8Gi"));
	json_set_str(doc, part, "pods", STR("110"));
	json_set(doc, status, "allocatable", json_mut_copy(doc, part));
}

static void node_answered(void *owner, const struct request *request, const struct obj *result,
			  const struct err *err)
{
	struct hollow *h = owner;

	(void)request;
	(void)result;
	(void)err; /* the lease timer comes again */
	h->registering = false;
}

static void submit_ready(struct hollow *h, const struct obj *node)
{
	yyjson_mut_doc *patch = json_new_object();
	yyjson_mut_val *status = json_set_object(patch, yyjson_mut_doc_get_root(patch), "status"),
		       *condition;
	char now[TIME_TEXT_BYTES];
	struct request r;

	put_capacity(patch, status);
	condition = json_append_object(patch, json_set_array(patch, status, "conditions"));
	json_set_str(patch, condition, "type", STR("Ready"));
	json_set_str(patch, condition, "status", STR("True"));
	json_set_str(patch, condition, "reason", STR("KubeletReady"));
	json_set_str(patch, condition, "lastTransitionTime",
		     str_from(time_format(env_wall_ns(h->env), now)));
	r = request_patch(&kind_node, node, API_PATCH_STRATEGIC, patch);
	r.subresource = STR("status");
	r.answered = node_answered;
	r.owner = h;
	h->registering = true;
	client_submit(h->client, &r);
}

static void look_at_node(struct hollow *h)
{
	const struct obj *node = informer_get(h->nodes, str_from(h->name));
	struct request r;

	if (h->registering || !informer_is_synced(h->nodes))
		return;
	if (node) {
		if (!is_ready(node))
			submit_ready(h, node);
		return;
	}
	r = request_create(&kind_node, STR_NONE, node_body(h));
	r.exists_is_fine = true;
	r.answered = node_answered;
	r.owner = h;
	h->registering = true;
	client_submit(h->client, &r);
}

static void node_changed(struct informer_handler *handler, const struct obj *old,
			 const struct obj *new_)
{
	(void)old;
	(void)new_; /* it is looked up */
	look_at_node(handler->owner);
}

static void node_synced(struct informer_handler *handler)
{
	look_at_node(handler->owner);
}

static void lease_answered(void *owner, const struct obj *result, const struct err *err);

/* A lease that is not there yet is made. */
static void submit_lease(struct hollow *h, bool create)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec;
	char now[TIME_TEXT_BYTES];
	struct request r = {
		.verb = create ? API_CREATE : API_PATCH,
		.kind = &kind_lease,
		.namespace_ = STR("kube-node-lease"),
		.name = create ? STR_NONE : str_from(h->name),
		.body = doc,
		.patch = API_PATCH_MERGE,
		.done = create ? NULL : lease_answered,
		.owner = h,
	};

	if (create)
		json_set_path_str(doc, root, "metadata.name", str_from(h->name));
	spec = json_set_object(doc, root, "spec");
	json_set_str(doc, spec, "holderIdentity", str_from(h->name));
	json_set_int(doc, spec, "leaseDurationSeconds", 40);
	json_set_str(doc, spec, "renewTime", str_from(time_format_micro(env_wall_ns(h->env), now)));
	client_submit(h->client, &r);
}

static void lease_answered(void *owner, const struct obj *result, const struct err *err)
{
	(void)result;
	if (err && err->code == ERR_NOT_FOUND)
		submit_lease(owner, true);
}

static void renew(struct timer *timer)
{
	struct hollow *h = CONTAINER_OF(timer, struct hollow, lease_timer);

	look_at_node(h);
	submit_lease(h, false);
	timer_start(&h->lease_timer, LEASE_MS);
}

/* --- life --- */

struct hollow *hollow_new(struct sim *sim, const char *name)
{
	struct hollow *h = NEW(struct hollow);

	h->sim = sim;
	(void)snprintf(h->name, sizeof(h->name), "%s", name); /* names of tests are short */
	h->env = sim_env(sim, h->name);
	map_init(&h->states);
	timer_init(&h->lease_timer, h->env, renew);
	h->pod_handler = (struct informer_handler){ .on_change = pod_changed,
						    .on_synced = pods_synced,
						    .owner = h };
	h->node_handler = (struct informer_handler){ .on_change = node_changed,
						     .on_synced = node_synced,
						     .owner = h };
	return h;
}

void hollow_connect(struct hollow *h, struct api_transport *transport)
{
	char mine[64], name[64];
	size_t cursor = 0;
	struct str uid;
	void *value;

	if (h->dead)
		return;
	(void)snprintf(mine, sizeof(mine), "spec.nodeName=%s", h->name); /* fits */
	(void)snprintf(name, sizeof(name), "metadata.name=%s", h->name); /* fits */
	h->client = client_new(h->env, transport, str_from(h->name));
	h->registering = false;
	while (map_next(&h->states, &cursor, &uid, &value))
		((struct hollow_pod *)value)->busy = false;
	h->pods = client_informer(h->client, &kind_pod,
				  &(struct informer_selector){ .field_selector = str_from(mine) });
	h->nodes = client_informer(h->client, &kind_node,
				   &(struct informer_selector){ .field_selector = str_from(name) });
	informer_add_handler(h->pods, &h->pod_handler);
	informer_add_handler(h->nodes, &h->node_handler);
	timer_start(&h->lease_timer, (int64_t)sim_random_below(h->sim, 500));
}

void hollow_disconnect(struct hollow *h)
{
	if (!h->client)
		return;
	timer_stop(&h->lease_timer);
	client_close(h->client);
}

void hollow_forget(struct hollow *h)
{
	if (h->client)
		client_abandon(h->client);
	h->client = NULL;
}

void hollow_kill(struct sim *sim, struct hollow *h)
{
	h->dead = true;
	if (h->client)
		client_free(h->client);
	h->client = NULL;
	sim_crash(sim, h->env);
}

bool hollow_is_dead(const struct hollow *h)
{
	return h->dead;
}

size_t hollow_pod_count(const struct hollow *h)
{
	return h->dead ? 0 : h->states.count;
}

void hollow_free(struct hollow *h)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&h->states, &cursor, &uid, &value))
		pod_free(value);
	map_deinit(&h->states);
	timer_stop(&h->lease_timer);
	mem_free(h);
}
