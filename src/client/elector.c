/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time: get the lease, then create or update it with its resourceVersion as the
 * guard. Other holders' clocks are never compared with ours: a lease counts as abandoned when its
 * text has not changed for its duration by our own monotonic clock.
 *
 *   waiting --lease free or abandoned, write answered--> leading --renewal fails past the
 * deadline--> waiting
 */
#include "client/elector.h"

#include "api/kind.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "client/limits.h"
#include "codec/json.h"

struct elector {
	struct client *client;
	const struct kind *kind;
	struct str namespace_, name, identity; /* owned */
	void (*on_change)(void *owner, bool leading);
	void *owner;
	struct timer timer;
	const struct obj *seen; /* the lease as last read */
	int64_t seen_ns;	/* when it was first seen like this */
	int64_t renewed_ns;	/* when our last successful write was submitted */
	int64_t submitted_ns;
	bool leading;
	bool releasing;
	bool busy;
};

static void set_leading(struct elector *elector, bool leading)
{
	if (elector->leading == leading)
		return;
	elector->leading = leading;
	log_info("elector", STR_FMT ": %s as " STR_FMT, STR_ARG(elector->name),
		 leading ? "leading" : "stopped leading", STR_ARG(elector->identity));
	elector->on_change(elector->owner, leading);
}

static void see(struct elector *elector, const struct obj *lease)
{
	if (!elector->seen || !lease || elector->seen->resource_version != lease->resource_version)
		elector->seen_ns = env_mono_ns(elector->client->env);
	obj_unref(elector->seen);
	elector->seen = obj_ref(lease);
}

static void try_again(struct elector *elector)
{
	int64_t now_ns = env_mono_ns(elector->client->env);

	elector->busy = false;
	if (elector->leading &&
	    now_ns - elector->renewed_ns > ELECTOR_RENEW_DEADLINE_SECONDS * TIME_NS_PER_SECOND)
		set_leading(elector, false);
	timer_start_slack(&elector->timer, ELECTOR_RETRY_SECONDS * 1000, 100);
}

static void written(void *owner, const struct obj *result, const struct err *err)
{
	struct elector *elector = owner;

	if (err) {
		log_debug("elector", STR_FMT ": %s", STR_ARG(elector->name), err->msg);
	} else {
		see(elector, result);
		elector->renewed_ns = elector->submitted_ns;
		set_leading(elector, !elector->releasing);
	}
	if (!elector->releasing)
		try_again(elector);
}

static void write_lease(struct elector *elector, const struct obj *old)
{
	yyjson_mut_doc *body = old ? json_thaw(old->root) : json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(body), *spec;
	char now[TIME_TEXT_BYTES];
	bool ours = old &&
		    str_eq(json_get_str(old->root, "spec.holderIdentity"), elector->identity);
	int64_t transitions = old ? json_get_int(old->root, "spec.leaseTransitions", 0) : 0;
	struct request r;

	(void)time_format_micro(env_wall_ns(elector->client->env), now); /* returns now */
	json_set_str(body, root, "apiVersion", STR("coordination.k8s.io/v1"));
	json_set_str(body, root, "kind", STR("Lease"));
	json_set_path_str(body, root, "metadata.name", elector->name);
	json_set_path_str(body, root, "metadata.namespace", elector->namespace_);
	spec = json_ensure_object(body, root, "spec");
	json_set_str(body, spec, "holderIdentity",
		     elector->releasing ? STR("") : elector->identity);
	json_set_int(body, spec, "leaseDurationSeconds",
		     elector->releasing ? 1 : ELECTOR_LEASE_SECONDS);
	json_set_str(body, spec, "renewTime", str_from(now));
	if (!ours) {
		json_set_str(body, spec, "acquireTime", str_from(now));
		json_set_int(body, spec, "leaseTransitions", old ? transitions + 1 : 0);
	}
	elector->submitted_ns = env_mono_ns(elector->client->env);
	r = old ? request_update(elector->kind, old, body)
		: request_create(elector->kind, elector->namespace_, body);
	r.done = written;
	r.owner = elector;
	client_submit(elector->client, &r);
}

static bool may_take(const struct elector *elector)
{
	struct str holder = json_get_str(elector->seen->root, "spec.holderIdentity");
	int64_t seconds = json_get_int(elector->seen->root, "spec.leaseDurationSeconds",
				       ELECTOR_LEASE_SECONDS);

	return holder.len == 0 || str_eq(holder, elector->identity) ||
	       env_mono_ns(elector->client->env) - elector->seen_ns > seconds * TIME_NS_PER_SECOND;
}

static void got(void *owner, const struct obj *result, const struct err *err)
{
	struct elector *elector = owner;

	if (elector->releasing)
		return;
	if (err && err->code == ERR_NOT_FOUND) {
		write_lease(elector, NULL);
		return;
	}
	if (err) {
		try_again(elector);
		return;
	}
	see(elector, result);
	if (may_take(elector)) {
		write_lease(elector, result);
		return;
	}
	set_leading(elector, false);
	try_again(elector);
}

static void look(struct timer *timer)
{
	struct elector *elector = CONTAINER_OF(timer, struct elector, timer);
	struct request r = {
		.verb = API_GET,
		.kind = elector->kind,
		.namespace_ = elector->namespace_,
		.name = elector->name,
		.done = got,
		.owner = elector,
	};

	elector->busy = true;
	client_submit(elector->client, &r);
}

struct elector *elector_new(struct client *client, const struct elector_spec *spec)
{
	struct elector *elector = NEW(struct elector);

	elector->client = client;
	elector->kind = &kind_lease;
	elector->namespace_ = str_dup(spec->namespace_);
	elector->name = str_dup(spec->name);
	elector->identity = str_dup(spec->identity);
	elector->on_change = spec->on_change;
	elector->owner = spec->owner;
	timer_init(&elector->timer, client->env, look);
	timer_start(&elector->timer, 0);
	return elector;
}

void elector_release(struct elector *elector)
{
	timer_stop(&elector->timer);
	if (elector->leading && elector->seen && !elector->releasing) {
		elector->releasing = true;
		write_lease(elector, elector->seen);
		set_leading(elector, false);
	}
	elector->releasing = true;
}

void elector_free(struct elector *elector)
{
	if (!elector)
		return;
	timer_stop(&elector->timer);
	client_forget_owner(elector->client, elector);
	obj_unref(elector->seen);
	mem_free((void *)elector->namespace_.ptr);
	mem_free((void *)elector->name.ptr);
	mem_free((void *)elector->identity.ptr);
	mem_free(elector);
}

bool elector_is_leading(const struct elector *elector)
{
	return elector->leading;
}
