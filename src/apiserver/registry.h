/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds over the store: which key an object has, what is there now, and what is shared by all
 * writes (service addresses, node ports). Knows nothing of HTTP: a simulation uses it through the
 * local transport alone. Bytes in the store are the objects in their stored version, ready to be
 * sent.
 */
#ifndef CUBE_APISERVER_REGISTRY_H
#define CUBE_APISERVER_REGISTRY_H

#include "api/kind.h"
#include "api/kind_set.h"
#include "api/obj.h"
#include "apiserver/service_networks.h"
#include "base/arena.h"
#include "base/list.h"
#include "store/store.h"

struct admission_state;
struct aggregation;
struct authorizers;
struct env;
struct metrics;
struct node_pods;
struct rbac;
struct policies;
struct tokens;
struct hooks;
struct webhook_client;

struct registry {
	struct env *env;
	struct store *store;
	struct kind_set kinds; /* built-in and custom ones */
	struct service_networks networks;
	struct number_range node_ports;
	int64_t event_ttl_seconds; /* 0: for ever */
	struct list operations; /* struct operation, in flight */
	struct rbac *rbac; /* made by the API server, which frees it; likewise */
	struct node_pods *node_pods;
	struct policies *policies; /* admission's; likewise */
	struct authorizers *authorizers;
	struct tokens *tokens;	 /* issuer of service account tokens; NULL: none are issued */
	struct admission_state *admission;
	struct hooks *hooks;	 /* the webhooks of admission; likewise */
	struct metrics *metrics; /* likewise */
	struct aggregation *aggregation; /* likewise */
	struct webhook_client
		*webhooks; /* made by the API server, which frees it; NULL: none are called */
};

int registry_init(struct registry *registry, struct env *env, struct store *store,
		  struct str service_cidr, struct err *err) MUST_CHECK;
void registry_deinit(struct registry *registry);
struct env *registry_env(const struct registry *registry);

/* "/registry/pods/", "/registry/services/endpoints/", "/registry/apps.example.com/things/": as
 * upstream lays out etcd. */
struct str registry_prefix(struct arena *arena, const struct kind *kind);
/* What an object under the key is, as it is stored: "deployments" of "apps". False: no resource. Borrowed. */
bool registry_resource_of(struct str key, struct str *ret_resource, struct str *ret_group);
/* Prefix of one namespace's objects; all of them when namespace_ is empty or the kind has none. */
struct str registry_list_prefix(struct arena *arena, const struct kind *kind,
				struct str namespace_);
struct str registry_key(struct registry *registry, struct arena *arena, const struct kind *kind,
			struct str namespace_, struct str name);

/* As the next write will meet it: what was submitted counts, also when it is not durable yet.
 * Borrowed until the loop's next turn. */
const struct store_entry *registry_pending(struct registry *registry, struct str key);
bool registry_exists(struct registry *registry, struct str key);
/* The committed object, NULL when there is none. Borrowed likewise; in the stored version. */
const struct obj *registry_get(struct registry *registry, const struct kind *kind,
			       struct str namespace_, struct str name);
const struct obj *registry_get_pending(struct registry *registry, const struct kind *kind,
				       struct str namespace_, struct str name);
/* Whether the namespace has a committed object of the kind. */
bool registry_has(struct registry *registry, const struct kind *kind, struct str namespace_);
/* Committed objects of a kind in key order until fn returns false. */
void registry_each(struct registry *registry, const struct kind *kind, struct str namespace_,
		   bool (*fn)(void *arg, const struct obj *obj), void *arg);

/* Whether the bytes in the store are not what this version of the kind serves. */
bool registry_needs_conversion(const struct kind *kind) PURE;
bool registry_is_served_as_stored(const struct kind *kind, struct blob *stored);
/* The object as kind serves it: a reference to the same bytes, or converted ones. What only a
 * webhook can convert stays as it is (conversion_is_needed, conversion.h). NULL and err only for
 * bytes that did not come from the registry. */
struct blob *registry_present(const struct kind *kind, struct blob *stored,
			      struct err *err) MUST_CHECK;
/* The state with another revision: what a DELETED event carries. */
struct blob *registry_restamp(const struct obj *obj, int64_t revision) MUST_CHECK;
/* For struct store_options: the last state of an object whose time is over. */
struct blob *registry_expired(void *arg, struct str key, struct blob *value,
			      int64_t revision) MUST_CHECK;

#endif
