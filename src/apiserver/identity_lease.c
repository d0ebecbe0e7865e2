/* SPDX-License-Identifier: Apache-2.0 */
/* Times are upstream's: others read of them whether this server lives. */
#include "apiserver/identity_lease.h"

#include <stdio.h>
#include "apiserver/registry.h"
#include "base/time.h"

#define NAMESPACE STR("kube-system")
#define LABEL "apiserver.kubernetes.io/identity"
#define COMPONENT STR("kube-apiserver")
#define LIFE_SECONDS 3600
#define RENEW_MS 10000
#define RENEW_SLACK_MS 400
#define COLLECT_MS (3600 * 1000)
#define COLLECTED_MAX 1000 /* the rest is found the next time */

static void fill(struct identity_lease *l, yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *metadata = json_ensure_object(doc, root, "metadata");
	yyjson_mut_val *labels = json_ensure_object(doc, metadata, "labels");
	yyjson_mut_val *spec = json_ensure_object(doc, root, "spec");
	char now[TIME_TEXT_BYTES];

	json_set_str(doc, metadata, "name", str_from(l->name));
	json_put_str(doc, labels, STR(LABEL), COMPONENT);
	json_put_str(doc, labels, STR("kubernetes.io/hostname"), l->hostname);
	json_set_str(doc, spec, "holderIdentity", str_from(l->holder));
	json_set_int(doc, spec, "leaseDurationSeconds", LIFE_SECONDS);
	json_set_str(doc, spec, "renewTime",
		     str_from(time_format_micro(env_wall_ns(l->registry->env), now)));
}

/* One that somebody else wrote meanwhile is renewed the next time: it is good for an hour. */
static void renew(struct identity_lease *l)
{
	const struct obj *have = registry_get(l->registry, &kind_lease, NAMESPACE,
					      str_from(l->name));
	struct operation op = { .kind = &kind_lease,
				.verb = have ? OPERATION_UPDATE : OPERATION_CREATE,
				.namespace_ = NAMESPACE };

	if (!list_is_empty(&l->writes.list))
		return; /* the last one is still on its way */
	if (have)
		op.name = str_from(l->name);
	op.body = have ? json_thaw(have->root) : json_new_object();
	fill(l, op.body);
	own_writes_submit(&l->writes, &op);
}

static void on_renew(struct timer *timer)
{
	struct identity_lease *l = CONTAINER_OF(timer, struct identity_lease, renew);

	timer_start_slack(&l->renew, RENEW_MS, RENEW_SLACK_MS);
	renew(l);
}

bool identity_lease_is_expired(yyjson_val *root, int64_t wall_ns)
{
	int64_t renewed_ns;
	yyjson_val *life = json_get(root, "spec.leaseDurationSeconds");

	return !yyjson_is_int(life) ||
	       time_parse(json_get_str(root, "spec.renewTime"), &renewed_ns, NULL) < 0 ||
	       renewed_ns / TIME_NS_PER_SECOND + yyjson_get_sint(life) <
		       wall_ns / TIME_NS_PER_SECOND;
}

struct expired {
	struct registry *registry;
	struct arena arena;
	struct str *names;
	size_t count;
};

static bool look(void *arg, const struct obj *obj)
{
	struct expired *e = arg;

	if (str_eq(obj_label(obj, LABEL), COMPONENT) &&
	    identity_lease_is_expired(obj->root, env_wall_ns(e->registry->env)))
		e->names[e->count++] = str_in(&e->arena, obj->name);
	return e->count < COLLECTED_MAX;
}

static void collect(struct identity_lease *l)
{
	struct expired e = { .registry = l->registry };
	struct operation op = { .kind = &kind_lease,
				.verb = OPERATION_DELETE,
				.namespace_ = NAMESPACE };

	arena_init(&e.arena, ARENA_DEFAULT_MAX);
	e.names = arena_array(&e.arena, COLLECTED_MAX, sizeof(e.names[0]));
	registry_each(l->registry, &kind_lease, NAMESPACE, look, &e);
	for (size_t i = 0; i < e.count; i++) {
		op.name = e.names[i];
		own_writes_submit(&l->writes, &op);
	}
	arena_deinit(&e.arena);
}

static void on_collect(struct timer *timer)
{
	struct identity_lease *l = CONTAINER_OF(timer, struct identity_lease, collect);

	timer_start_slack(&l->collect, COLLECT_MS, RENEW_MS);
	collect(l);
}

void identity_lease_start(struct identity_lease *l)
{
	char uuid[ENV_UUID_BYTES];

	if (!l->hostname.len)
		return;
	env_uuid(l->registry->env, uuid);
	identity_of(l->hostname, l->name);
	snprintf(l->holder, sizeof(l->holder), "%s_%s", l->name, uuid);
	own_writes_init(&l->writes, l->registry);
	timer_init(&l->renew, l->registry->env, on_renew);
	timer_init(&l->collect, l->registry->env, on_collect);
	l->is_started = true;
	on_renew(&l->renew);
	on_collect(&l->collect);
}

void identity_lease_deinit(struct identity_lease *l)
{
	if (!l->is_started)
		return;
	timer_stop(&l->renew);
	timer_stop(&l->collect);
	own_writes_deinit(&l->writes);
	l->is_started = false;
}
