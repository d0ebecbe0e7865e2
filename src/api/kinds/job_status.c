/* SPDX-License-Identifier: Apache-2.0 */
/* The transitions of a Job's status, as a table: what contradicts something is refused where one of
 * the two changed, so that a status that has been wrong for long does not stop everything else. */
#include "api/kinds/job_status.h"

#include "api/kinds/job_indexes.h"
#include "api/kinds/workload.h"
#include "codec/json_index.h"

/* A Job as it was or as it shall be. */
struct state {
	bool complete, failed, failure_target, success;
	int64_t active, succeeded, gone, ready, terminating; /* gone: failed pods */
	struct str start, end, completed_indexes, failed_indexes;
	bool has_failed_indexes, has_uncounted;
};

struct transition {
	struct edit *e;
	struct state was, is;
	int64_t completions; /* -1 without */
	bool suspended, indexed, per_index, may_shrink, has_policy;
};

static bool is_true(yyjson_val *conditions, const char *type)
{
	JSON_EACH (condition, conditions)
		if (str_eq_c(json_get_str(condition, "type"), type) &&
		    str_eq_c(json_get_str(condition, "status"), "True"))
			return true;
	return false;
}

static struct state read_state(yyjson_val *status)
{
	yyjson_val *conditions = yyjson_obj_get(status, "conditions"),
		   *indexes = yyjson_obj_get(status, "failedIndexes");

	return (struct state){
		.complete = is_true(conditions, "Complete"),
		.failed = is_true(conditions, "Failed"),
		.failure_target = is_true(conditions, "FailureTarget"),
		.success = is_true(conditions, "SuccessCriteriaMet"),
		.active = json_get_int(status, "active", 0),
		.succeeded = json_get_int(status, "succeeded", 0),
		.gone = json_get_int(status, "failed", 0),
		.ready = json_get_int(status, "ready", 0),
		.terminating = json_get_int(status, "terminating", 0),
		.start = json_get_str(status, "startTime"),
		.end = json_get_str(status, "completionTime"),
		.completed_indexes = json_get_str(status, "completedIndexes"),
		.failed_indexes = json_str(indexes),
		.has_failed_indexes = indexes != NULL,
		.has_uncounted = json_get_count(status, "uncountedTerminatedPods.succeeded") +
					 json_get_count(status, "uncountedTerminatedPods.failed") >
				 0,
	};
}

static bool is_finished(const struct state *s)
{
	return s->complete || s->failed;
}

/* ---- what changed ---- */

enum change {
	ALWAYS = 1 << 0,
	FINISHED = 1 << 1,
	COMPLETE = 1 << 2,
	FAILED = 1 << 3,
	TARGET = 1 << 4,
	SUCCESS = 1 << 5,
	ACTIVE = 1 << 6,
	READY = 1 << 7,
	TERMINATING = 1 << 8,
	START = 1 << 9,
	END = 1 << 10,
	COMPLETED_INDEXES = 1 << 11,
	FAILED_INDEXES = 1 << 12,
	UNCOUNTED = 1 << 13,
};

static unsigned changes_of(const struct transition *t)
{
	const struct state *a = &t->was, *b = &t->is;
	unsigned changes = ALWAYS;

	changes |= is_finished(a) != is_finished(b) ? FINISHED : 0;
	changes |= a->complete != b->complete ? COMPLETE : 0;
	changes |= a->failed != b->failed ? FAILED : 0;
	changes |= a->failure_target != b->failure_target ? TARGET : 0;
	changes |= a->success != b->success ? SUCCESS : 0;
	changes |= a->active != b->active ? ACTIVE : 0;
	changes |= a->ready != b->ready ? READY : 0;
	changes |= a->terminating != b->terminating ? TERMINATING : 0;
	changes |= !str_eq(a->start, b->start) ? START : 0;
	changes |= !str_eq(a->end, b->end) ? END : 0;
	changes |= !str_eq(a->completed_indexes, b->completed_indexes) ? COMPLETED_INDEXES : 0;
	changes |= a->has_failed_indexes != b->has_failed_indexes ||
				   !str_eq(a->failed_indexes, b->failed_indexes)
			   ? FAILED_INDEXES
			   : 0;
	changes |= a->has_uncounted != b->has_uncounted ? UNCOUNTED : 0;
	return changes;
}

/* ---- what is wrong ---- */

typedef bool is_wrong(const struct transition *t);

static bool complete_and_failed(const struct transition *t)
{
	return t->is.complete && t->is.failed;
}
static bool complete_and_target(const struct transition *t)
{
	return t->is.complete && t->is.failure_target;
}
static bool end_without_complete(const struct transition *t)
{
	return t->is.end.len && !t->is.complete;
}
static bool complete_without_end(const struct transition *t)
{
	return !t->is.end.len && t->is.complete;
}
static bool end_before_start(const struct transition *t)
{
	return t->is.start.len && t->is.end.len && str_cmp(t->is.end, t->is.start) < 0;
}
static bool failed_without_target(const struct transition *t)
{
	return t->is.failed && !t->is.failure_target;
}
static bool complete_without_success(const struct transition *t)
{
	return t->is.complete && !t->is.success;
}
static bool finished_and_active(const struct transition *t)
{
	return t->is.active > 0 && is_finished(&t->is);
}
static bool finished_without_start(const struct transition *t)
{
	return !t->is.start.len && is_finished(&t->is) && !(t->suspended && t->completions == 0);
}
static bool finished_and_uncounted(const struct transition *t)
{
	return is_finished(&t->is) && t->is.has_uncounted;
}
static bool indexes_without_index(const struct transition *t)
{
	return t->is.completed_indexes.len && !t->indexed;
}
static bool failed_indexes_without_limit(const struct transition *t)
{
	return t->is.has_failed_indexes && !t->per_index;
}
static bool finished_and_terminating(const struct transition *t)
{
	return t->is.terminating > 0 && is_finished(&t->is);
}
static bool more_ready_than_active(const struct transition *t)
{
	return t->is.ready > t->is.active;
}
static bool success_and_failed(const struct transition *t)
{
	return t->is.success && t->is.failed;
}
static bool success_and_target(const struct transition *t)
{
	return t->is.success && t->is.failure_target;
}
static bool complete_against_policy(const struct transition *t)
{
	return t->has_policy && t->is.complete && !t->is.success;
}
static bool failed_no_more(const struct transition *t)
{
	return t->was.failed && !t->is.failed;
}
static bool complete_no_more(const struct transition *t)
{
	return t->was.complete && !t->is.complete;
}
static bool target_no_more(const struct transition *t)
{
	return t->was.failure_target && !t->is.failure_target;
}
static bool fewer_failed(const struct transition *t)
{
	return t->is.gone < t->was.gone;
}
static bool fewer_succeeded(const struct transition *t)
{
	return t->is.succeeded < t->was.succeeded && !t->may_shrink;
}
static bool other_end(const struct transition *t)
{
	return t->is.end.len && t->was.end.len && !str_eq(t->is.end, t->was.end);
}
static bool other_start(const struct transition *t)
{
	return t->was.start.len && !str_eq(t->is.start, t->was.start) && !t->suspended;
}
static bool success_no_more(const struct transition *t)
{
	return t->was.success && !t->is.success;
}
static bool success_too_late(const struct transition *t)
{
	return t->was.complete && !t->was.success && t->is.success;
}

enum manner { PLAIN, VALUE, MISSING }; /* Invalid without or with the value, Required */

/* clang-format off */
static const struct {
	unsigned when; /* one of these changed */
	is_wrong *is_wrong;
	const char *field, *detail;
	enum manner manner;
} rows[] = {
	{ COMPLETE | FAILED, complete_and_failed, "conditions",
	  "cannot set Complete=True and Failed=true conditions" },
	{ COMPLETE | TARGET, complete_and_target, "conditions",
	  "cannot set Complete=True and FailureTarget=true conditions" },
	{ COMPLETE | END, end_without_complete, "completionTime",
	  "cannot set completionTime when there is no Complete=True condition", VALUE },
	{ COMPLETE | END, complete_without_end, "completionTime",
	  "completionTime is required for Complete jobs", MISSING },
	{ START | END, end_before_start, "completionTime", "completionTime cannot be set before startTime", VALUE },
	{ FAILED | FAILED_INDEXES, failed_without_target, "conditions",
	  "cannot set Failed=True condition without the FailureTarget=true condition" },
	{ COMPLETE | SUCCESS, complete_without_success, "conditions",
	  "cannot set Complete=True condition without the SuccessCriteriaMet=true condition" },
	{ FINISHED | ACTIVE, finished_and_active, "active", "active>0 is invalid for finished job", VALUE },
	{ FINISHED | START, finished_without_start, "startTime", "startTime is required for finished job", MISSING },
	{ FINISHED | UNCOUNTED, finished_and_uncounted, "uncountedTerminatedPods",
	  "uncountedTerminatedPods needs to be empty for finished job", VALUE },
	{ COMPLETED_INDEXES, indexes_without_index, "completedIndexes",
	  "cannot set non-empty completedIndexes when non-indexed completion mode", VALUE },
	{ FAILED_INDEXES, failed_indexes_without_limit, "failedIndexes",
	  "cannot set non-null failedIndexes when backoffLimitPerIndex is null", VALUE },
	{ FINISHED | TERMINATING, finished_and_terminating, "terminating",
	  "terminating>0 is invalid for finished job", VALUE },
	{ READY | ACTIVE, more_ready_than_active, "ready", "cannot set more ready pods than active", VALUE },
	{ ALWAYS, success_and_failed, "conditions", "cannot set SuccessCriteriaMet=True and Failed=true conditions" },
	{ ALWAYS, success_and_target, "conditions",
	  "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions" },
	{ ALWAYS, complete_against_policy, "conditions",
	  "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True" },
	{ ALWAYS, failed_no_more, "conditions", "cannot disable the terminal Failed=True condition" },
	{ ALWAYS, complete_no_more, "conditions", "cannot disable the terminal Complete=True condition" },
	{ ALWAYS, target_no_more, "conditions", "cannot disable the terminal FailureTarget=True condition" },
	{ ALWAYS, fewer_failed, "failed", "cannot decrease the failed counter", VALUE },
	{ ALWAYS, fewer_succeeded, "succeeded", "cannot decrease the succeeded counter", VALUE },
	{ ALWAYS, other_end, "completionTime", "completionTime cannot be mutated", VALUE },
	{ START, other_start, "startTime", "startTime cannot be removed for unsuspended job", MISSING },
	{ ALWAYS, success_no_more, "conditions", "cannot disable the SuccessCriteriaMet=True condition" },
	{ ALWAYS, success_too_late, "conditions",
	  "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions" },
};
/* clang-format on */

/* ---- indexes and pods that are still to be counted ---- */

static void check_indexes(struct field_errors *errors, const struct field_path *path,
			  const char *field, struct str text, int64_t completions)
{
	int64_t count;
	const char *problem = job_indexes_problem(errors->arena, text, completions, &count);

	if (problem)
		field_invalid_str(
			errors, FIELD_NAME(path, field), text,
			str_printf_in(errors->arena, "error parsing %s: %s", field, problem).ptr);
}

static void check_all_indexes(const struct transition *t, unsigned changes,
			      const struct field_path *path, struct field_errors *errors)
{
	int64_t shared;

	if (t->completions < 0)
		return;
	if (changes & COMPLETED_INDEXES)
		check_indexes(errors, path, "completedIndexes", t->is.completed_indexes,
			      t->completions);
	if (changes & FAILED_INDEXES && t->per_index)
		check_indexes(errors, path, "failedIndexes", t->is.failed_indexes, t->completions);
	if (!(changes & (COMPLETED_INDEXES | FAILED_INDEXES)))
		return;
	shared = job_indexes_shared(t->is.completed_indexes, t->is.failed_indexes, t->completions);
	if (shared >= 0)
		field_invalid_str(errors, FIELD_NAME(path, "failedIndexes"), t->is.failed_indexes,
				  str_printf_in(errors->arena,
						"failedIndexes and completedIndexes overlap at "
						"index: %lld",
						(long long)shared)
					  .ptr);
}

static void check_uncounted(const struct transition *t, const struct field_path *path,
			    struct field_errors *errors)
{
	static const char *const lists[] = { "succeeded", "failed" };
	const struct field_path *here = FIELD_NAME(path, "uncountedTerminatedPods");
	yyjson_mut_val *pods = json_mut_get(t->e->root, "status.uncountedTerminatedPods");
	AUTO_JSON_INDEX seen = { .slots = NULL };

	if (!pods)
		return;
	json_index_init(&seen,
			json_mut_get_count(pods, "succeeded") + json_mut_get_count(pods, "failed"));
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		size_t j = 0;

		JSON_MUT_EACH (uid, yyjson_mut_obj_get(pods, lists[i])) {
			const struct field_path *at = FIELD_INDEX(FIELD_NAME(here, lists[i]), j++);

			if (!json_mut_str(uid).len)
				field_invalid_str(errors, at, STR(""), "must not be empty");
			else if (json_index_add(&seen, json_mut_str(uid), uid))
				field_duplicate_str(errors, at, json_mut_str(uid));
		}
	}
}

/* ---- the status ---- */

static const struct count_limit counts[] = {
	{ "active" }, { "succeeded" }, { "failed" }, { "ready" }, { "terminating" }, { 0 },
};

static void read_transition(struct edit *e, struct transition *t)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *status = yyjson_mut_obj_get(e->root, "status"),
		       *completions = yyjson_mut_obj_get(spec, "completions");
	AUTO_JSON frozen = status ? json_freeze(status) : NULL;

	*t = (struct transition){
		.e = e,
		.was = read_state(yyjson_obj_get(e->old, "status")),
		.is = read_state(yyjson_doc_get_root(frozen)),
		.completions = completions ? json_mut_int(completions, 0) : -1,
		.suspended = json_mut_get_bool(spec, "suspend", false),
		.indexed = str_eq_c(json_mut_get_str(spec, "completionMode"), "Indexed"),
		.per_index = yyjson_mut_obj_get(spec, "backoffLimitPerIndex") != NULL,
		.has_policy = yyjson_mut_obj_get(spec, "successPolicy") != NULL,
	};
	t->may_shrink = t->indexed &&
			json_mut_equal(completions, yyjson_mut_obj_get(spec, "parallelism"));
	t->is.start = str_in(e->arena, t->is.start);
	t->is.end = str_in(e->arena, t->is.end);
	t->is.completed_indexes = str_in(e->arena, t->is.completed_indexes);
	t->is.failed_indexes = str_in(e->arena, t->is.failed_indexes);
}

void job_status_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "status");
	yyjson_mut_val *status = yyjson_mut_obj_get(e->root, "status");
	struct transition t;
	unsigned changes;

	read_transition(e, &t);
	changes = changes_of(&t);
	counts_check(e, counts, errors);
	check_uncounted(&t, path, errors);
	check_all_indexes(&t, changes, path, errors);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct field_path *here = FIELD_NAME(path, rows[i].field);

		if (!(changes & rows[i].when) || !rows[i].is_wrong(&t))
			continue;
		if (rows[i].manner == MISSING)
			field_required(errors, here, rows[i].detail);
		else if (rows[i].manner == VALUE)
			field_invalid_val(errors, here, yyjson_mut_obj_get(status, rows[i].field),
					  rows[i].detail);
		else
			field_error_add(errors, FIELD_INVALID, here, "%s", rows[i].detail);
	}
}
