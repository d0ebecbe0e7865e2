/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's own objects: registers the Node, keeps its status true (at once when it changes, else
 * every five minutes) and renews its Lease. Writes of the status are merge patches of what is the
 * kubelet's.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/kubelet_internal.h"
#include "kubelet/node_status.h"

struct node_reporter {
	struct kubelet *kubelet;
	const struct obj *node; /* counted; NULL = not seen */
	struct node_conditions conditions;
	struct timer report, lease;
	struct buf sent; /* the status as it was sent, without heartbeats */
	bool registering, registered, reporting, leasing, lease_exists, stopped, changed;
	bool said_ready;
	int64_t reported_ns; /* monotonic */
	int64_t retry_ms;
};

static void node_register(struct node_reporter *n);
static void node_report(struct node_reporter *n);

static struct env *env_of(struct node_reporter *n)
{
	return n->kubelet->env;
}

static void node_event(struct node_reporter *n, const char *reason, const char *text)
{
	struct event_note note = {
		.api_version = STR("v1"),
		.kind = STR("Node"),
		.name = n->kubelet->options.node_name,
		.uid = n->kubelet->options.node_name, /* as upstream: describe selects by it */
		.type = EVENT_NORMAL,
		.reason = reason,
		.message = str_from(text),
	};
	AUTO_FREE char *full = mem_printf("Node " STR_FMT " status is now: %s",
					  STR_ARG(n->kubelet->options.node_name), reason);

	if (!text)
		note.message = str_from(full);
	recorder_note(n->kubelet->recorder, &note);
}

/* --- registration --- */

static void registered(void *owner, const struct obj *result, const struct err *err)
{
	struct node_reporter *n = owner;

	n->registering = false;
	if (n->stopped)
		return;
	if (err && err->code != ERR_EXISTS) {
		log_warn("kubelet", "register node " STR_FMT ": %s",
			 STR_ARG(n->kubelet->options.node_name), err->msg);
		timer_start(&n->report, retry_next(&n->retry_ms));
		return;
	}
	n->registered = true;
	n->retry_ms = 0;
	if (result)
		node_saw(n, result);
	node_report(n);
}

static void node_register(struct node_reporter *n)
{
	struct request r = {
		.verb = API_CREATE,
		.kind = n->kubelet->kind_node,
		.body = node_object(n->kubelet, &n->conditions),
		.done = registered,
		.owner = n,
	};

	if (n->registering)
		return;
	n->registering = true;
	client_submit(n->kubelet->client, &r);
}

/* --- status --- */

static void reported(void *owner, const struct obj *result, const struct err *err)
{
	struct node_reporter *n = owner;

	n->reporting = false;
	if (n->stopped)
		return;
	if (err && err->code == ERR_NOT_FOUND && n->kubelet->options.register_node) {
		n->registered = false; /* somebody deleted it: a node that runs comes back */
		buf_reset(&n->sent);
		timer_start(&n->report, KUBELET_RETRY_BASE_MS);
		return;
	}
	if (err) {
		log_debug("kubelet", "node status: %s", err->msg);
		buf_reset(&n->sent);
		timer_start(&n->report, retry_next(&n->retry_ms));
		return;
	}
	n->retry_ms = 0;
	if (result)
		node_saw(n, result);
	if (!n->said_ready && n->kubelet->network_ready) {
		n->said_ready = true;
		node_event(n, "NodeReady", NULL);
	}
	if (n->changed)
		node_report(n);
}

static void node_submit(struct node_reporter *n)
{
	struct kubelet *k = n->kubelet;
	struct request r = {
		.verb = API_PATCH,
		.kind = k->kind_node,
		.name = k->options.node_name,
		.subresource = STR("status"),
		.patch = API_PATCH_MERGE,
		.body = node_status_patch(k, &n->conditions, n->node),
		.done = reported,
		.owner = n,
	};

	n->reporting = true;
	n->reported_ns = env_mono_ns(env_of(n));
	client_submit(k->client, &r);
}

static void node_report(struct node_reporter *n)
{
	struct kubelet *k = n->kubelet;
	int64_t now = env_mono_ns(env_of(n));
	AUTO_BUF text = { 0 };

	n->changed = n->reporting;
	if (n->reporting || n->stopped)
		return;
	if (!n->registered && k->options.register_node) {
		node_register(n);
		return;
	}
	buf_init(&text, KUBELET_OBJECT_BYTES_MAX);
	node_conditions_update(k, &n->conditions, env_wall_ns(env_of(n)));
	node_status_fingerprint(k, &n->conditions, n->node, &text);
	timer_start_slack(&n->report, KUBELET_NODE_CHECK_MS, KUBELET_LEASE_SLACK_MS);
	if (str_eq(buf_str(&text), buf_str(&n->sent)) &&
	    now - n->reported_ns < KUBELET_NODE_REPORT_MS * TIME_NS_PER_MS)
		return;
	buf_reset(&n->sent);
	buf_put_str(&n->sent, buf_str(&text));
	node_submit(n);
}

static void report_fire(struct timer *timer)
{
	node_report(CONTAINER_OF(timer, struct node_reporter, report));
}

/* --- lease --- */

static void lease_write(struct node_reporter *n);

static void leased(void *owner, const struct obj *result, const struct err *err)
{
	struct node_reporter *n = CONTAINER_OF(owner, struct node_reporter, lease);

	(void)result;
	n->leasing = false;
	if (n->stopped)
		return;
	if (err && err->code == ERR_NOT_FOUND && n->lease_exists) {
		n->lease_exists = false;
		lease_write(n);
		return;
	}
	if (!err || err->code == ERR_EXISTS)
		n->lease_exists = true;
	else
		log_debug("kubelet", "lease: %s", err->msg);
	timer_start_slack(&n->lease, err ? KUBELET_RETRY_BASE_MS * 2 : KUBELET_LEASE_RENEW_MS,
			  KUBELET_LEASE_SLACK_MS);
}

static void lease_write(struct node_reporter *n)
{
	struct kubelet *k = n->kubelet;
	struct request r = {
		.verb = n->lease_exists ? API_PATCH : API_CREATE,
		.kind = k->kind_lease,
		.namespace_ = STR("kube-node-lease"),
		.name = n->lease_exists ? k->options.node_name : STR_NONE,
		.patch = API_PATCH_MERGE,
		.body = node_lease(k, n->lease_exists ? NULL : n->node, !n->lease_exists),
		.done = leased,
		.owner = &n->lease, /* told apart from the reporter's other requests */
	};

	if (n->leasing) {
		json_mut_free(r.body);
		return;
	}
	n->leasing = true;
	client_submit(k->client, &r);
}

static void lease_fire(struct timer *timer)
{
	lease_write(CONTAINER_OF(timer, struct node_reporter, lease));
}

/* --- life --- */

struct node_reporter *node_new(struct kubelet *k)
{
	struct node_reporter *n = NEW(struct node_reporter);

	n->kubelet = k;
	timer_init(&n->report, k->env, report_fire);
	timer_init(&n->lease, k->env, lease_fire);
	buf_init(&n->sent, KUBELET_OBJECT_BYTES_MAX);
	return n;
}

void node_start(struct node_reporter *n)
{
	node_event(n, "Starting", "Starting kubelet.");
	node_conditions_update(n->kubelet, &n->conditions, env_wall_ns(env_of(n)));
	node_report(n);
	lease_write(n);
}

void node_changed(struct node_reporter *n)
{
	if (n->kubelet->started && !n->stopped)
		node_report(n);
}

void node_saw(struct node_reporter *n, const struct obj *node)
{
	bool gone = !node && n->node;

	if (node && n->node && node->resource_version < n->node->resource_version)
		return;
	if (node && !n->node)
		node_conditions_load(&n->conditions, node);
	obj_unref(n->node);
	n->node = obj_ref(node);
	if (gone && n->kubelet->options.register_node && !n->stopped) {
		n->registered = false;
		timer_start(&n->report, KUBELET_RETRY_BASE_MS);
	}
}

void node_stop(struct node_reporter *n)
{
	n->stopped = true;
	timer_stop(&n->report);
	timer_stop(&n->lease);
}

void node_free(struct node_reporter *n)
{
	node_stop(n);
	client_forget_owner(n->kubelet->client, n);
	client_forget_owner(n->kubelet->client, &n->lease);
	obj_unref(n->node);
	buf_deinit(&n->sent);
	mem_free(n);
}
