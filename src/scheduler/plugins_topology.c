/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spreading over topologies and (anti-)affinity between pods. Both count pods per value of a
 * topology label once per cycle, in a table per rule, so that filtering a node is a lookup.
 */
#include <math.h>
#include "base/num.h"
#include "scheduler/cycle.h"

/* How many pods match a rule in each domain of one topology key. */
struct topology_counts {
	struct domain {
		struct str value;
		int64_t count;
	} * domains;
	size_t domain_count, room;
	int64_t total;
};

static struct domain *domain_of(const struct topology_counts *counts, struct str value)
{
	for (size_t i = 0; i < counts->room; i++) {
		struct domain *d = &counts->domains[(str_hash(value) + i) & (counts->room - 1)];

		if (!d->value.ptr || str_eq(d->value, value))
			return d;
	}
	return NULL;
}

static void counts_init(struct topology_counts *counts, const struct cycle *cycle)
{
	counts->room = 16;
	while (counts->room < cycle->cluster->node_count * 2)
		counts->room *= 2;
	counts->domains = arena_array(cycle->arena, counts->room, sizeof(struct domain));
}

static void counts_add(struct topology_counts *counts, struct str value, int64_t count)
{
	struct domain *d = domain_of(counts, value);

	if (!d)
		return; /* cannot be: there is room for every node */
	if (!d->value.ptr) {
		d->value = value;
		counts->domain_count++;
	}
	d->count += count;
	counts->total += count;
}

static int64_t counts_get(const struct topology_counts *counts, struct str value)
{
	const struct domain *d = domain_of(counts, value);

	return d && d->value.ptr ? d->count : 0;
}

/* --- PodTopologySpread --- */

struct spread_state {
	struct topology_counts *counts; /* per constraint */
	int64_t *least;			/* per constraint: pods in the emptiest domain */
	bool by_owner; /* no constraints of its own: spread what one controller owns */
};

static bool has_all_keys(const struct pod_state *pod, const struct node_state *node, bool must)
{
	for (size_t i = 0; i < pod->spread_count; i++)
		if (pod->spreads[i].must == must &&
		    !node_has_label(node, pod->spreads[i].topology_key))
			return false;
	return true;
}

static bool tolerates_node(const struct pod_state *pod, const struct node_state *node)
{
	for (size_t i = 0; i < node->taint_count; i++)
		if (node->taints[i].effect != TAINT_PREFER_NO_SCHEDULE &&
		    !pod_tolerates(pod, &node->taints[i]))
			return false;
	return true;
}

static bool node_counts(const struct pod_state *pod, const struct spread *s,
			const struct node_state *node)
{
	return (s->ignore_affinity || node_is_selected(pod, node)) &&
	       (!s->honor_taints || tolerates_node(pod, node));
}

static int64_t count_matching(const struct pod_state *pod, const struct selector *selector,
			      const struct node_state *node)
{
	int64_t count = 0;

	for (size_t i = 0; i < node->pod_count; i++)
		count += !node->pods[i]->deleting &&
			 str_eq(node->pods[i]->namespace_, pod->namespace_) &&
			 selector_matches(selector, node->pods[i]->labels);
	return count;
}

static void count_constraint(struct cycle *cycle, struct spread_state *state, size_t index)
{
	const struct spread *s = &cycle->pod->spreads[index];
	struct topology_counts *counts = &state->counts[index];

	counts_init(counts, cycle);
	for (size_t n = 0; n < cycle->cluster->node_count; n++) {
		const struct node_state *node = cycle->cluster->nodes[n];

		if (has_all_keys(cycle->pod, node, s->must) && node_counts(cycle->pod, s, node))
			counts_add(counts, node_label(node, s->topology_key),
				   count_matching(cycle->pod, &s->selector, node));
	}
	state->least[index] = INT64_MAX;
	for (size_t i = 0; i < counts->room; i++)
		if (counts->domains[i].value.ptr)
			state->least[index] = NUM_MIN(state->least[index],
						      counts->domains[i].count);
	if ((int64_t)counts->domain_count < s->min_domains || state->least[index] == INT64_MAX)
		state->least[index] = 0;
}

bool spread_prepare(struct cycle *cycle, size_t index)
{
	const struct pod_state *pod = cycle->pod;
	struct spread_state *state = ARENA_NEW(cycle->arena, struct spread_state);
	bool must = false;

	cycle->state[index] = state;
	state->by_owner = pod->spread_count == 0 && pod->controller_uid.len > 0 &&
			  cycle->cluster->owners;
	if (pod->spread_count == 0)
		return false;
	state->counts = arena_array(cycle->arena, pod->spread_count, sizeof(*state->counts));
	state->least = arena_array(cycle->arena, pod->spread_count, sizeof(*state->least));
	for (size_t i = 0; i < pod->spread_count; i++) {
		count_constraint(cycle, state, i);
		must |= pod->spreads[i].must;
	}
	return must;
}

enum refusal spread_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	const struct spread_state *state = cycle->state[index];
	const struct pod_state *pod = cycle->pod;

	for (size_t i = 0; i < pod->spread_count; i++) {
		const struct spread *s = &pod->spreads[i];
		int64_t self = selector_matches(&s->selector, pod->labels);

		if (!s->must)
			continue;
		if (!node_has_label(node, s->topology_key))
			return cycle_refuse(cycle, REFUSED_FOR_GOOD,
					    STR("node(s) didn't match pod topology spread "
						"constraints (missing required label)"));
		if (counts_get(&state->counts[i], node_label(node, s->topology_key)) + self -
			    state->least[i] >
		    s->max_skew)
			return cycle_refuse(
				cycle, REFUSED,
				STR("node(s) didn't match pod topology spread constraints"));
	}
	return REFUSED_NOT;
}

/* Fewer matching pods are better; scaled between the best and the worst as upstream does. */
static void scores_spread(double *raw, size_t count, int64_t *scores)
{
	int64_t min = INT64_MAX, max = 0;

	for (size_t n = 0; n < count; n++) {
		scores[n] = raw[n] < 0 ? -1 : (int64_t)round(raw[n]);
		if (scores[n] < 0)
			continue;
		min = NUM_MIN(min, scores[n]);
		max = NUM_MAX(max, scores[n]);
	}
	for (size_t n = 0; n < count; n++)
		scores[n] = scores[n] < 0 ? 0
			    : max == 0	  ? SCORE_MAX
					  : SCORE_MAX * (max + min - scores[n]) / max;
}

static void score_by_owner(const struct cycle *cycle, struct node_state *const *nodes, size_t count,
			   double *raw)
{
	const struct pod_owner *owner = map_get(cycle->cluster->owners, cycle->pod->controller_uid);

	for (size_t n = 0; owner && n < count; n++)
		raw[n] = nodes[n]->slot < owner->room ? owner->counts[nodes[n]->slot] : 0;
}

bool spread_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		  int64_t *scores, size_t index)
{
	const struct spread_state *state = cycle->state[index];
	const struct pod_state *pod = cycle->pod;
	double *raw = arena_array(cycle->arena, count, sizeof(*raw));
	bool any = state->by_owner;

	if (state->by_owner)
		score_by_owner(cycle, nodes, count, raw);
	for (size_t i = 0; i < pod->spread_count; i++) {
		const struct spread *s = &pod->spreads[i];
		double weight = log((double)state->counts[i].domain_count + 2);

		if (s->must)
			continue;
		any = true;
		for (size_t n = 0; n < count; n++) {
			if (!has_all_keys(pod, nodes[n], false))
				raw[n] = -1;
			if (raw[n] >= 0)
				raw[n] += (double)counts_get(
						  &state->counts[i],
						  node_label(nodes[n], s->topology_key)) *
						  weight +
					  (double)(s->max_skew - 1);
		}
	}
	if (any)
		scores_spread(raw, count, scores);
	return any;
}

/* --- InterPodAffinity --- */

struct pod_affinity_state {
	struct topology_counts *with, *apart; /* per term of the pod */
	const struct pod_term *
		*others;	  /* anti-affinity terms of placed pods that refuse this pod ... */
	struct str *other_values; /* ... and the value of their topology */
	size_t other_count;
	bool first_of_its_kind; /* nothing matches its affinity, but it would match itself */
};

static bool term_matches(const struct cycle *cycle, const struct pod_term *term,
			 const struct pod_state *pod)
{
	bool in_namespace = false;

	for (size_t i = 0; i < term->namespace_count && !in_namespace; i++)
		in_namespace = str_eq(term->namespaces[i], pod->namespace_);
	if (!in_namespace && !term->namespace_selector.nothing)
		in_namespace = selector_is_everything(&term->namespace_selector) ||
			       (cycle->cluster->namespace_labels &&
				selector_matches(&term->namespace_selector,
						 cycle->cluster->namespace_labels(
							 cycle->cluster->arg, pod->namespace_)));
	return in_namespace && selector_matches(&term->selector, pod->labels);
}

/* Affinity wants pods that match all terms; anti-affinity minds any one. */
static bool matches_all(const struct cycle *cycle, const struct pod_term *terms, size_t count,
			const struct pod_state *pod)
{
	for (size_t i = 0; i < count; i++)
		if (!term_matches(cycle, &terms[i], pod))
			return false;
	return count > 0;
}

static void count_terms(struct cycle *cycle, struct pod_affinity_state *state)
{
	const struct pod_state *pod = cycle->pod;

	for (size_t n = 0; n < cycle->cluster->node_count; n++) {
		const struct node_state *node = cycle->cluster->nodes[n];

		for (size_t p = 0; p < node->pod_count; p++) {
			const struct pod_state *other = node->pods[p];
			bool all = matches_all(cycle, pod->affinity, pod->affinity_count, other);

			for (size_t i = 0; all && i < pod->affinity_count; i++)
				if (node_has_label(node, pod->affinity[i].topology_key))
					counts_add(&state->with[i],
						   node_label(node, pod->affinity[i].topology_key),
						   1);
			for (size_t i = 0; i < pod->anti_affinity_count; i++)
				if (node_has_label(node, pod->anti_affinity[i].topology_key) &&
				    term_matches(cycle, &pod->anti_affinity[i], other))
					counts_add(&state->apart[i],
						   node_label(node,
							      pod->anti_affinity[i].topology_key),
						   1);
		}
	}
}

static void find_others(struct cycle *cycle, struct pod_affinity_state *state)
{
	size_t room = 0;

	for (size_t p = 0; p < cycle->cluster->with_terms_count; p++)
		room += cycle->cluster->with_terms[p]->anti_affinity_count;
	if (!room)
		return;
	state->others = arena_array(cycle->arena, room, sizeof(*state->others));
	state->other_values = arena_array(cycle->arena, room, sizeof(*state->other_values));
	for (size_t p = 0; p < cycle->cluster->with_terms_count; p++) {
		const struct pod_state *other = cycle->cluster->with_terms[p];

		for (size_t i = 0; i < other->anti_affinity_count; i++) {
			const struct pod_term *term = &other->anti_affinity[i];

			if (!node_has_label(other->node, term->topology_key) ||
			    !term_matches(cycle, term, cycle->pod))
				continue;
			state->other_values[state->other_count] = node_label(other->node,
									     term->topology_key);
			state->others[state->other_count++] = term;
		}
	}
}

bool pod_affinity_prepare(struct cycle *cycle, size_t index)
{
	const struct pod_state *pod = cycle->pod;
	struct pod_affinity_state *state;
	int64_t total = 0;

	if (!pod->affinity_count && !pod->anti_affinity_count && !cycle->cluster->with_terms_count)
		return false;
	state = ARENA_NEW(cycle->arena, struct pod_affinity_state);
	cycle->state[index] = state;
	state->with = arena_array(cycle->arena, pod->affinity_count + 1, sizeof(*state->with));
	state->apart = arena_array(cycle->arena, pod->anti_affinity_count + 1,
				   sizeof(*state->apart));
	for (size_t i = 0; i < pod->affinity_count; i++)
		counts_init(&state->with[i], cycle);
	for (size_t i = 0; i < pod->anti_affinity_count; i++)
		counts_init(&state->apart[i], cycle);
	if (pod->affinity_count || pod->anti_affinity_count)
		count_terms(cycle, state);
	for (size_t i = 0; i < pod->affinity_count; i++)
		total += state->with[i].total;
	state->first_of_its_kind = total == 0 &&
				   matches_all(cycle, pod->affinity, pod->affinity_count, pod);
	find_others(cycle, state);
	return pod->affinity_count || pod->anti_affinity_count || state->other_count;
}

static bool has_company(const struct cycle *cycle, const struct pod_affinity_state *state,
			const struct node_state *node)
{
	const struct pod_state *pod = cycle->pod;
	bool all = true;

	for (size_t i = 0; i < pod->affinity_count; i++) {
		if (!node_has_label(node, pod->affinity[i].topology_key))
			return false;
		all &= counts_get(&state->with[i],
				  node_label(node, pod->affinity[i].topology_key)) > 0;
	}
	return all || state->first_of_its_kind;
}

enum refusal pod_affinity_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	const struct pod_affinity_state *state = cycle->state[index];
	const struct pod_state *pod = cycle->pod;

	if (!has_company(cycle, state, node))
		return cycle_refuse(cycle, REFUSED_FOR_GOOD,
				    STR("node(s) didn't match pod affinity rules"));
	for (size_t i = 0; i < pod->anti_affinity_count; i++)
		if (node_has_label(node, pod->anti_affinity[i].topology_key) &&
		    counts_get(&state->apart[i],
			       node_label(node, pod->anti_affinity[i].topology_key)) > 0)
			return cycle_refuse(cycle, REFUSED,
					    STR("node(s) didn't match pod anti-affinity rules"));
	for (size_t i = 0; i < state->other_count; i++)
		if (node_has_label(node, state->others[i]->topology_key) &&
		    str_eq(node_label(node, state->others[i]->topology_key),
			   state->other_values[i]))
			return cycle_refuse(
				cycle, REFUSED,
				STR("node(s) didn't satisfy existing pods anti-affinity rules"));
	return REFUSED_NOT;
}

/* One placed pod pulls or pushes every node in the same domain of the term's topology. */
static void pull(const struct pod_term *term, const struct node_state *from, int64_t weight,
		 struct node_state *const *nodes, size_t count, int64_t *scores)
{
	struct str value = node_label(from, term->topology_key);

	if (!node_has_label(from, term->topology_key))
		return;
	for (size_t n = 0; n < count; n++)
		if (str_eq(node_label(nodes[n], term->topology_key), value) &&
		    node_has_label(nodes[n], term->topology_key))
			scores[n] += weight;
}

static void pull_by_own(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			int64_t *scores)
{
	const struct pod_state *pod = cycle->pod;

	for (size_t i = 0; i < pod->preferred_count; i++)
		for (size_t n = 0; n < cycle->cluster->node_count; n++) {
			const struct node_state *node = cycle->cluster->nodes[n];
			int64_t matching = 0;

			for (size_t p = 0; p < node->pod_count; p++)
				matching += term_matches(cycle, &pod->preferred[i], node->pods[p]);
			if (matching)
				pull(&pod->preferred[i], node, pod->preferred[i].weight * matching,
				     nodes, count, scores);
		}
}

static void pull_by_others(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			   int64_t *scores)
{
	for (size_t p = 0; p < cycle->cluster->with_terms_count; p++) {
		const struct pod_state *other = cycle->cluster->with_terms[p];

		for (size_t i = 0; i < other->preferred_count; i++)
			if (term_matches(cycle, &other->preferred[i], cycle->pod))
				pull(&other->preferred[i], other->node, other->preferred[i].weight,
				     nodes, count, scores);
		for (size_t i = 0; i < other->affinity_count; i++)
			if (term_matches(cycle, &other->affinity[i], cycle->pod))
				pull(&other->affinity[i], other->node, 1, nodes, count, scores);
	}
}

bool pod_affinity_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			int64_t *scores, size_t index)
{
	int64_t min = INT64_MAX, max = INT64_MIN;

	(void)index;
	if (!cycle->pod->preferred_count && !cycle->cluster->with_terms_count)
		return false;
	memset(scores, 0, count * sizeof(*scores));
	pull_by_own(cycle, nodes, count, scores);
	pull_by_others(cycle, nodes, count, scores);
	for (size_t n = 0; n < count; n++) {
		min = NUM_MIN(min, scores[n]);
		max = NUM_MAX(max, scores[n]);
	}
	if (min == max)
		return false;
	for (size_t n = 0; n < count; n++)
		scores[n] = (scores[n] - min) * SCORE_MAX / (max - min);
	return true;
}
