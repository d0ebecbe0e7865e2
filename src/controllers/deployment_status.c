/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Deployment's status: sums over its replica sets and three conditions, in upstream's words,
 * because `kubectl rollout status` and others match on reasons and messages.
 */
#include "base/num.h"
#include "base/time.h"
#include "controllers/deployment.h"

static bool has_deadline(const struct deployment_view *view)
{
	return view->progress_deadline_seconds != INT64_MAX;
}

/* Sets a condition as upstream does: not at all when status and reason stay, and its transition
 * time only when the status changes. */
static void deployment_condition_set(struct deployment_condition *c, struct deployment_condition to)
{
	if (c->status.len && str_eq(c->status, to.status) && str_eq(c->reason, to.reason))
		return;
	if (c->status.len && str_eq(c->status, to.status))
		to.changed_ns = c->changed_ns;
	*c = to;
}

static struct deployment_condition condition(const struct deployment_view *view, struct str status,
					     struct str reason, struct str message)
{
	/* Stored with whole seconds, so that it equals itself when read again. */
	int64_t now_ns = view->now_ns / TIME_NS_PER_SECOND * TIME_NS_PER_SECOND;

	return (struct deployment_condition){ status, reason, message, now_ns, now_ns };
}

bool deployment_is_complete(const struct deployment_view *view,
			    const struct deployment_status *status)
{
	return status->updated == view->replicas && status->replicas == view->replicas &&
	       status->available == view->replicas &&
	       status->observed_generation >= view->generation;
}

static bool is_progressing(const struct deployment_status *old, const struct deployment_status *now)
{
	return now->updated > old->updated ||
	       now->replicas - now->updated < old->replicas - old->updated ||
	       now->ready > old->ready || now->available > old->available;
}

static bool has_timed_out(const struct deployment_view *view,
			  const struct deployment_condition *progressing)
{
	if (!progressing->status.len || str_eq(progressing->reason, STR("NewReplicaSetAvailable")))
		return false;
	if (str_eq(progressing->reason, STR("ProgressDeadlineExceeded")))
		return true;
	return progressing->updated_ns + view->progress_deadline_seconds * TIME_NS_PER_SECOND <
	       view->now_ns;
}

static const struct deployment_set *new_set_of(const struct deployment_view *view)
{
	for (size_t i = 0; i < view->set_count; i++)
		if (view->sets[i].is_new)
			return &view->sets[i];
	return NULL;
}

static void count_sets(const struct deployment_view *view, struct deployment_status *status)
{
	int64_t wanted = 0, minimum = view->replicas;

	status->replicas = status->updated = status->ready = status->available = 0;
	for (size_t i = 0; i < view->set_count; i++) {
		const struct deployment_set *set = &view->sets[i];

		wanted += set->replicas;
		status->replicas += set->status_replicas;
		status->ready += set->ready;
		status->available += set->available;
		if (set->is_new)
			status->updated += set->status_replicas;
	}
	status->unavailable = NUM_MAX(wanted - status->available, INT64_C(0));
	status->observed_generation = view->generation;
	if (!view->recreate && view->replicas)
		minimum -= view->max_unavailable;
	if (status->available >= minimum)
		deployment_condition_set(&status->available_condition,
					 condition(view, STR("True"),
						   STR("MinimumReplicasAvailable"),
						   STR("Deployment has minimum availability.")));
	else
		deployment_condition_set(
			&status->available_condition,
			condition(view, STR("False"), STR("MinimumReplicasUnavailable"),
				  STR("Deployment does not have minimum availability.")));
}

/* What making or finding the new set means for the Progressing condition. */
static void tell_new_set(const struct deployment_view *view, struct arena *arena,
			 const struct deployment_plan *plan, struct deployment_status *status)
{
	const struct deployment_set *set = new_set_of(view);

	if (plan->create && view->create_error.len)
		deployment_condition_set(
			&status->progressing,
			condition(view, STR("False"), STR("ReplicaSetCreateError"),
				  str_printf_in(arena,
						"Failed to create new replica set \"" STR_FMT
						"\": " STR_FMT,
						STR_ARG(view->new_name),
						STR_ARG(view->create_error))));
	else if (plan->create)
		deployment_condition_set(
			&status->progressing,
			condition(view, STR("True"), STR("NewReplicaSetCreated"),
				  str_printf_in(arena, "Created new replica set \"" STR_FMT "\"",
						STR_ARG(view->new_name))));
	else if (set && !status->progressing.status.len)
		deployment_condition_set(
			&status->progressing,
			condition(view, STR("True"), STR("FoundNewReplicaSet"),
				  str_printf_in(arena, "Found new replica set \"" STR_FMT "\"",
						STR_ARG(set->name))));
}

static struct str progress_text(const struct deployment_view *view, struct arena *arena,
				const char *what)
{
	const struct deployment_set *set = new_set_of(view);

	return str_printf_in(arena, "%s \"" STR_FMT "\" has %s", set ? "ReplicaSet" : "Deployment",
			     STR_ARG(set ? set->name : view->name), what);
}

static void plan_progress(const struct deployment_view *view, struct arena *arena,
			  struct deployment_status *status)
{
	const struct deployment_set *set = new_set_of(view);
	struct deployment_condition *progressing = &status->progressing, to;

	if (status->replicas == status->updated &&
	    str_eq(progressing->reason, STR("NewReplicaSetAvailable")))
		return; /* complete before: losing pods later is no lack of progress */
	if (deployment_is_complete(view, status)) {
		deployment_condition_set(
			progressing,
			condition(view, STR("True"), STR("NewReplicaSetAvailable"),
				  progress_text(view, arena, "successfully progressed.")));
	} else if (is_progressing(&view->status, status)) {
		to = condition(view, STR("True"), STR("ReplicaSetUpdated"),
			       str_printf_in(arena, "%s \"" STR_FMT "\" is progressing.",
					     set ? "ReplicaSet" : "Deployment",
					     STR_ARG(set ? set->name : view->name)));
		if (str_eq(progressing->status, STR("True")))
			to.changed_ns = progressing->changed_ns;
		*progressing = to; /* also when the reason stays: the deadline counts from here */
	} else if (has_timed_out(view, progressing)) {
		deployment_condition_set(
			progressing,
			condition(view, STR("False"), STR("ProgressDeadlineExceeded"),
				  progress_text(view, arena, "timed out progressing.")));
	}
}

static void plan_failure(const struct deployment_view *view, struct deployment_status *status)
{
	const struct deployment_set *failed = NULL;

	for (size_t i = 0; i < view->set_count; i++)
		if (view->sets[i].failure_reason.len && (!failed || view->sets[i].is_new))
			failed = &view->sets[i];
	if (failed)
		deployment_condition_set(&status->replica_failure,
					 condition(view, STR("True"), failed->failure_reason,
						   failed->failure_message));
	else
		status->replica_failure = (struct deployment_condition){ .status = STR_NONE };
}

static void plan_pause(const struct deployment_view *view, struct deployment_status *status)
{
	struct deployment_condition *progressing = &status->progressing;
	bool told = str_eq(progressing->reason, STR("DeploymentPaused"));

	if (!has_deadline(view) || str_eq(progressing->reason, STR("ProgressDeadlineExceeded")))
		return;
	if (view->paused && !told)
		deployment_condition_set(progressing,
					 condition(view, STR("Unknown"), STR("DeploymentPaused"),
						   STR("Deployment is paused")));
	else if (!view->paused && told)
		deployment_condition_set(progressing,
					 condition(view, STR("Unknown"), STR("DeploymentResumed"),
						   STR("Deployment is resumed")));
}

/* When lack of progress becomes a timeout. */
static int64_t deadline_ms(const struct deployment_view *view,
			   const struct deployment_status *status)
{
	int64_t left_ns;

	if (!has_deadline(view) || !status->progressing.status.len ||
	    deployment_is_complete(view, status) ||
	    str_eq(status->progressing.reason, STR("ProgressDeadlineExceeded")) ||
	    str_eq(status->progressing.reason, STR("NewReplicaSetAvailable")))
		return 0;
	left_ns = status->progressing.updated_ns +
		  view->progress_deadline_seconds * TIME_NS_PER_SECOND - view->now_ns;
	return NUM_MAX(left_ns / TIME_NS_PER_MS, INT64_C(0)) + 1000;
}

void deployment_plan_status(const struct deployment_view *view, enum deployment_mode mode,
			    struct arena *arena, struct deployment_plan *plan)
{
	struct deployment_status *status = &plan->status;

	count_sets(view, status);
	if (!view->deleting)
		plan_pause(view, status);
	if (mode == DEPLOYMENT_SYNC)
		return;
	if (has_deadline(view)) {
		tell_new_set(view, arena, plan, status);
		plan_progress(view, arena, status);
	} else {
		status->progressing = (struct deployment_condition){ .status = STR_NONE };
	}
	plan_failure(view, status);
	plan->requeue_after_ms = deadline_ms(view, status);
}

static bool condition_equal(const struct deployment_condition *a,
			    const struct deployment_condition *b)
{
	return str_eq(a->status, b->status) && str_eq(a->reason, b->reason) &&
	       str_eq(a->message, b->message) && a->updated_ns == b->updated_ns &&
	       a->changed_ns == b->changed_ns;
}

bool deployment_status_equal(const struct deployment_status *a, const struct deployment_status *b)
{
	return a->observed_generation == b->observed_generation && a->replicas == b->replicas &&
	       a->updated == b->updated && a->ready == b->ready && a->available == b->available &&
	       a->unavailable == b->unavailable && a->collision_count == b->collision_count &&
	       condition_equal(&a->available_condition, &b->available_condition) &&
	       condition_equal(&a->progressing, &b->progressing) &&
	       condition_equal(&a->replica_failure, &b->replica_failure);
}
