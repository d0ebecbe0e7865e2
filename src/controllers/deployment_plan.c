/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes of replica sets. A rolling update never lets the sets' sizes add up to more than replicas +
 * maxSurge and never takes a pod away when that could leave fewer than replicas - maxUnavailable
 * available ones. What a set shows as available is never believed beyond its size, because its
 * status trails behind.
 */
#include "controllers/deployment.h"

#include <math.h>
#include <stdlib.h>
#include "base/num.h"

struct sizes {
	struct deployment_view *view;
	struct deployment_set *new_set; /* NULL while there is none */
	struct deployment_set **old;	/* all others, oldest first */
	size_t old_count;
};

void deployment_fenceposts(int64_t replicas, int64_t *max_surge, int64_t *max_unavailable)
{
	if (*max_surge == 0 && *max_unavailable == 0)
		*max_unavailable = 1;
	*max_unavailable = NUM_MIN(*max_unavailable, replicas);
}

static int64_t surge(const struct deployment_view *view)
{
	return view->recreate ? 0 : view->max_surge;
}

static int64_t unavailable(const struct deployment_view *view)
{
	return view->recreate || view->replicas == 0 ? 0 : view->max_unavailable;
}

static int64_t sum_replicas(const struct deployment_view *view)
{
	int64_t sum = 0;

	for (size_t i = 0; i < view->set_count; i++)
		sum += view->sets[i].replicas;
	return sum;
}

static int64_t available_of(const struct deployment_set *set)
{
	return NUM_MIN(set->available, set->replicas);
}

static int compare_age(const struct deployment_set *a, const struct deployment_set *b)
{
	if (a->created_ns != b->created_ns)
		return a->created_ns < b->created_ns ? -1 : 1;
	return str_cmp(a->name, b->name);
}

static int oldest_first(const void *a, const void *b)
{
	return compare_age(*(struct deployment_set *const *)a, *(struct deployment_set *const *)b);
}

static int biggest_then_newest(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;

	return x->replicas != y->replicas ? (x->replicas > y->replicas ? -1 : 1)
					  : compare_age(y, x);
}

static int biggest_then_oldest(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;

	return x->replicas != y->replicas ? (x->replicas > y->replicas ? -1 : 1)
					  : compare_age(x, y);
}

static int by_revision(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;

	return x->revision != y->revision ? (x->revision < y->revision ? -1 : 1)
					  : compare_age(x, y);
}

/* The size changes, and the annotations follow that proportional scaling reads. */
static bool resize(struct sizes *s, struct deployment_set *set, int64_t replicas)
{
	if (set->replicas == replicas)
		return false;
	set->replicas = replicas;
	set->desired = s->view->replicas;
	set->max_replicas = s->view->replicas + surge(s->view);
	set->annotate = true;
	return true;
}

/* --- revisions and the new set --- */

static int64_t next_revision(const struct sizes *s)
{
	int64_t max = 0;

	for (size_t i = 0; i < s->old_count; i++)
		max = NUM_MAX(max, s->old[i]->revision);
	return max + 1;
}

static int64_t new_set_size(const struct sizes *s)
{
	const struct deployment_view *view = s->view;
	int64_t have = s->new_set ? s->new_set->replicas : 0, room;

	if (view->recreate)
		return view->replicas;
	room = view->replicas + surge(view) - sum_replicas(view);
	if (room <= 0)
		return have;
	return have + NUM_MIN(room, view->replicas - have);
}

/* Brings the revision of the new set up to date, or asks for a new set. */
static void plan_new_set(struct sizes *s, bool create, struct deployment_plan *plan)
{
	int64_t revision = next_revision(s);

	if (s->new_set) {
		if (s->new_set->revision < revision) {
			s->new_set->revision = revision;
			s->new_set->annotate = true;
		}
		plan->revision = s->new_set->revision;
		return;
	}
	if (!create)
		return;
	if (s->view->new_name_taken) {
		plan->status.collision_count = s->view->status.collision_count + 1;
		return;
	}
	plan->create = true;
	plan->create_replicas = new_set_size(s);
	plan->revision = revision;
}

/* --- rolling update --- */

static bool grow_new(struct sizes *s)
{
	if (s->new_set->replicas > s->view->replicas)
		return resize(s, s->new_set, s->view->replicas);
	return resize(s, s->new_set, new_set_size(s));
}

/* First what is not available anyhow, then what may go without falling below the minimum. */
static bool shrink_old(struct sizes *s)
{
	const struct deployment_view *view = s->view;
	int64_t minimum = view->replicas - unavailable(view), available = 0, gone = 0;
	int64_t new_unavailable = s->new_set ? s->new_set->replicas - available_of(s->new_set) : 0;
	int64_t room = sum_replicas(view) - minimum - new_unavailable;
	bool changed = false;

	if (room <= 0)
		return false;
	for (size_t i = 0; i < s->old_count && gone < room; i++) {
		struct deployment_set *set = s->old[i];
		int64_t less = NUM_MIN(room - gone, set->replicas - available_of(set));

		if (less > 0)
			changed |= resize(s, set, set->replicas - less);
		gone += NUM_MAX(less, INT64_C(0));
	}
	for (size_t i = 0; i < view->set_count; i++)
		available += available_of(&view->sets[i]);
	for (size_t i = 0; i < s->old_count && available > minimum; i++) {
		struct deployment_set *set = s->old[i];
		int64_t less = NUM_MIN(set->replicas, available - minimum);

		changed |= resize(s, set, set->replicas - less);
		available -= less;
	}
	return changed;
}

/* --- scaling while no rollout moves things --- */

static int64_t proportion(const struct sizes *s, const struct deployment_set *set, int64_t to_add,
			  int64_t added)
{
	const struct deployment_view *view = s->view;
	int64_t before = set->max_replicas > 0 ? set->max_replicas : view->status.replicas, share;

	if (set->replicas == 0 || to_add == added)
		return 0;
	if (view->replicas == 0)
		share = -set->replicas;
	else if (before == 0)
		share = 0;
	else
		share = (int64_t)round((double)(set->replicas * (view->replicas + surge(view))) /
				       (double)before) -
			set->replicas;
	return to_add > 0 ? NUM_MIN(share, to_add - added) : NUM_MAX(share, to_add - added);
}

static void scale_in_proportion(struct sizes *s, struct deployment_set **active, size_t count,
				struct arena *arena)
{
	struct deployment_view *view = s->view;
	int64_t allowed = view->replicas > 0 ? view->replicas + surge(view) : 0;
	int64_t to_add = allowed - sum_replicas(view), added = 0;
	int64_t *sizes = arena_array(arena, count + 1, sizeof(*sizes));

	qsort(active, count, sizeof(*active),
	      to_add > 0 ? biggest_then_newest : biggest_then_oldest);
	for (size_t i = 0; i < count; i++) {
		int64_t more = to_add ? proportion(s, active[i], to_add, added) : 0;

		sizes[i] = active[i]->replicas + more;
		added += more;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t size = sizes[i];

		if (i == 0 && to_add)
			size = NUM_MAX(size + to_add - added, INT64_C(0));
		(void)resize(s, active[i], size); /* whether it changed does not matter here */
		active[i]->annotate |= active[i]->desired != view->replicas ||
				       active[i]->max_replicas != view->replicas + surge(view);
		active[i]->desired = view->replicas;
		active[i]->max_replicas = view->replicas + surge(view);
	}
}

static bool is_saturated(const struct sizes *s)
{
	const struct deployment_set *set = s->new_set;

	return set && set->replicas == s->view->replicas && set->desired == s->view->replicas &&
	       set->available == s->view->replicas;
}

static void scale(struct sizes *s, struct arena *arena)
{
	struct deployment_set **active = arena_array(arena, s->view->set_count + 1,
						     sizeof(*active));
	size_t count = 0;

	for (size_t i = 0; i < s->view->set_count; i++)
		if (s->view->sets[i].replicas > 0)
			active[count++] = &s->view->sets[i];
	if (count == 0) {
		struct deployment_set *latest = s->new_set     ? s->new_set
						: s->old_count ? s->old[s->old_count - 1]
							       : NULL;

		if (latest)
			(void)resize(s, latest, s->view->replicas); /* may be that size already */
	} else if (count == 1) {
		(void)resize(s, active[0], s->view->replicas); /* likewise */
	} else if (is_saturated(s)) {
		for (size_t i = 0; i < s->old_count; i++)
			(void)resize(s, s->old[i], 0); /* likewise */
	} else if (!s->view->recreate) {
		scale_in_proportion(s, active, count, arena);
	}
}

static bool is_scaled(const struct deployment_view *view)
{
	for (size_t i = 0; i < view->set_count; i++)
		if (view->sets[i].replicas > 0 && view->sets[i].desired >= 0 &&
		    view->sets[i].desired != view->replicas)
			return true;
	return false;
}

/* --- old revisions --- */

static void drop_old(struct sizes *s, struct arena *arena)
{
	struct deployment_set **sorted = arena_array(arena, s->old_count + 1, sizeof(*sorted));
	size_t count = 0;
	int64_t excess;

	if (s->view->revision_history_limit == INT64_MAX)
		return;
	for (size_t i = 0; i < s->old_count; i++)
		if (!s->old[i]->deleting)
			sorted[count++] = s->old[i];
	qsort(sorted, count, sizeof(*sorted), by_revision);
	excess = (int64_t)count - s->view->revision_history_limit;
	for (int64_t i = 0; i < excess; i++)
		sorted[i]->drop = sorted[i]->status_replicas == 0 && sorted[i]->replicas == 0 &&
				  sorted[i]->generation <= sorted[i]->observed_generation;
}

/* --- strategies --- */

static void roll(struct sizes *s, struct arena *arena, struct deployment_plan *plan)
{
	plan_new_set(s, true, plan);
	if (!s->new_set)
		return; /* it comes first */
	if (!grow_new(s) && !shrink_old(s) && deployment_is_complete(s->view, &s->view->status))
		drop_old(s, arena);
}

static void recreate(struct sizes *s, struct arena *arena, struct deployment_plan *plan)
{
	bool shrunk = false, running = false;

	plan_new_set(s, false, plan);
	for (size_t i = 0; i < s->old_count; i++) {
		running |= s->old[i]->status_replicas > 0 || s->old[i]->has_running_pods;
		shrunk |= resize(s, s->old[i], 0);
	}
	if (shrunk || running)
		return;
	plan_new_set(s, true, plan);
	if (s->new_set)
		(void)resize(s, s->new_set, s->view->replicas); /* may be that size already */
	if (deployment_is_complete(s->view, &s->view->status))
		drop_old(s, arena);
}

static void sort_sets(struct sizes *s, struct arena *arena)
{
	struct deployment_view *view = s->view;

	s->old = arena_array(arena, view->set_count + 1, sizeof(*s->old));
	for (size_t i = 0; i < view->set_count; i++) {
		view->sets[i].replicas_before = view->sets[i].replicas;
		s->old[s->old_count++] = &view->sets[i];
	}
	qsort(s->old, s->old_count, sizeof(*s->old), oldest_first);
	/* The oldest set with the template is the new one; others with the same template count as
	 * old. */
	for (size_t i = 0; i < s->old_count && !s->new_set; i++) {
		if (!s->old[i]->is_new)
			continue;
		s->new_set = s->old[i];
		memmove(&s->old[i], &s->old[i + 1], (s->old_count - i - 1) * sizeof(*s->old));
		s->old_count--;
	}
	for (size_t i = 0; i < view->set_count; i++)
		view->sets[i].is_new = &view->sets[i] == s->new_set;
}

void deployment_plan(struct deployment_view *view, struct arena *arena,
		     struct deployment_plan *ret_plan)
{
	struct sizes s = { .view = view };
	struct deployment_plan plan = { .status = view->status };
	enum deployment_mode mode = DEPLOYMENT_SYNC;

	sort_sets(&s, arena);
	if (view->deleting) {
		/* The status only. */
	} else if (view->paused || is_scaled(view)) {
		plan_new_set(&s, false, &plan);
		scale(&s, arena);
		if (view->paused)
			drop_old(&s, arena);
	} else {
		mode = DEPLOYMENT_ROLLOUT;
		if (view->recreate)
			recreate(&s, arena, &plan);
		else
			roll(&s, arena, &plan);
	}
	deployment_plan_status(view, mode, arena, &plan);
	*ret_plan = plan;
}
