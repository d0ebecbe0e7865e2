/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods and nodes as the scheduler sees them: what filters and scores read, decoded once per version
 * of the object. Strings and selectors point into the object, which a view keeps a reference on.
 */
#ifndef CUBE_SCHEDULER_VIEW_H
#define CUBE_SCHEDULER_VIEW_H

#include "api/obj.h"
#include "api/selector.h"
#include "api/toleration.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "scheduler/amounts.h"

enum taint_effect { TAINT_NO_SCHEDULE, TAINT_PREFER_NO_SCHEDULE, TAINT_NO_EXECUTE, TAINT_ANY };

struct taint {
	struct str key, value;
	enum taint_effect effect;
};

struct port_use {
	struct str host_ip; /* "0.0.0.0" when unset */
	struct str protocol;
	int64_t port;
};

/* A term of pod affinity or anti-affinity. */
struct pod_term {
	struct selector selector;
	const struct str *namespaces;
	size_t namespace_count;
	struct selector namespace_selector; /* nothing = only the list */
	struct str topology_key;
	int64_t weight; /* of preferred terms; negative for anti-affinity */
};

struct spread {
	struct selector selector;
	struct str topology_key;
	int64_t max_skew, min_domains;
	bool must;	      /* DoNotSchedule */
	bool ignore_affinity; /* nodeAffinityPolicy Ignore */
	bool honor_taints;    /* nodeTaintsPolicy Honor */
};

struct node_state;

struct pod_state {
	const struct obj *obj; /* counted */
	struct str namespace_, name, uid;
	yyjson_val *labels;
	struct str node_name; /* bound or assumed */
	struct str controller_uid;
	int64_t priority;
	bool deleting;
	bool never_preempts;
	struct amounts request;
	int64_t assumed_cpu_milli, assumed_memory;
	struct toleration_set tolerations;
	const struct port_use *ports;
	size_t port_count;
	yyjson_val *node_selector; /* map or NULL */
	yyjson_val *node_terms;	   /* required node affinity: nodeSelectorTerms or NULL */
	yyjson_val *node_preferences;
	const struct pod_term *affinity, *anti_affinity, *preferred;
	size_t affinity_count, anti_affinity_count, preferred_count;
	const struct spread *spreads;
	size_t spread_count;
	yyjson_val *containers;
	struct arena arena; /* empty for plain pods */
	/* In the cache. */
	struct node_state *node;
	size_t position;      /* in node->pods */
	size_t term_position; /* +1 in cache->with_terms */
	bool assumed;	      /* bound by us, not yet seen */
	bool counted;	      /* with its owner */
};

struct node_state {
	struct str name;       /* owned */
	size_t slot;	       /* its place in per-node arrays; used again when it is freed */
	const struct obj *obj; /* counted; NULL: pods are known to be on it, the node is not */
	yyjson_val *labels;
	bool unschedulable;
	const struct taint *taints;
	size_t taint_count, prefer_taint_count;
	struct amounts allocatable, requested;
	int64_t assumed_cpu_milli, assumed_memory;
	struct pod_state **pods;
	size_t pod_count, pod_cap;
	size_t port_count; /* host ports in use */
	struct arena arena;
	struct arena names; /* of resources in requested */
	size_t index;	    /* in cache->nodes, when obj is set */
};

/* Reads; the view counts on obj. */
struct pod_state *pod_state_new(const struct obj *pod) MUST_CHECK;
void pod_state_free(struct pod_state *pod);
struct node_state *node_state_new(struct str name) MUST_CHECK;
void node_state_set(struct node_state *node, const struct obj *obj); /* obj NULL: gone */
void node_state_free(struct node_state *node);			     /* its pods are not freed */
void node_add_pod(struct node_state *node, struct pod_state *pod);
void node_remove_pod(struct node_state *node, struct pod_state *pod);

bool pod_tolerates(const struct pod_state *pod, const struct taint *taint);
/* One of nodeSelectorTerms; matchFields know metadata.name. */
bool node_term_matches(yyjson_val *term, const struct node_state *node);
/* The pod's nodeSelector and required node affinity. */
bool node_is_selected(const struct pod_state *pod, const struct node_state *node);
struct str node_label(const struct node_state *node, struct str key);
bool node_has_label(const struct node_state *node, struct str key);

#endif
