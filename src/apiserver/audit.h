/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: who asked what and how it was answered, as audit.k8s.io/v1 Events, at the level
 * that a policy says, to a file or a webhook. Without a policy it costs a compare.
 */
#ifndef CUBE_APISERVER_AUDIT_H
#define CUBE_APISERVER_AUDIT_H

#include "apiserver/annotations.h"
#include "apiserver/review_hook.h"
#include "apiserver/target.h"
#include "apiserver/user.h"

struct audit;
struct audit_record;
struct env;
struct exchange;
struct http_piece;

enum audit_level {
	AUDIT_NONE,
	AUDIT_METADATA,
	AUDIT_REQUEST,
	AUDIT_REQUEST_RESPONSE,
};

enum audit_stage {
	AUDIT_REQUEST_RECEIVED,
	AUDIT_RESPONSE_STARTED,
	AUDIT_RESPONSE_COMPLETE,
	AUDIT_PANIC,
	AUDIT_STAGE_COUNT
};

/* Whether a request and its answer wait for their events; strict: a request whose event cannot be
 * kept is not served. */
enum audit_mode { AUDIT_BATCH, AUDIT_BLOCKING, AUDIT_BLOCKING_STRICT };

/* How events gather before they are written. */
struct audit_batches {
	size_t queue_max;   /* events that wait; more are lost. 0: bytes alone count */
	size_t event_max;   /* of one batch; 0: all that came meanwhile */
	int64_t wait_ms;    /* for a batch to become full */
	int64_t per_second; /* batches; 0: any number */
	size_t burst;
};

struct audit_log_options {
	const char *path; /* "-": standard output */
	enum audit_mode mode;
	bool is_legacy;		       /* lines of text, not JSON */
	bool compresses;	       /* rotated files */
	int64_t size_max;	       /* of one file; 0: it is not rotated by size */
	int64_t age_max_s, backup_max; /* of rotated files; 0: all are kept */
	struct audit_batches batches;  /* where no answer waits for its events */
};

/* What is too long loses bodies of requests and answers, and is dropped when it still is. */
struct audit_truncation {
	bool is_on;
	size_t event_bytes_max, batch_bytes_max;
};

struct audit_options {
	yyjson_val *policy; /* audit.k8s.io/v1 Policy; borrowed for as long as the audit lives */
	const struct audit_log_options *log;	   /* NULL: none; copied */
	const struct review_hook_options *webhook; /* NULL: none; copied */
	struct audit_truncation log_truncation, webhook_truncation;
	/* of the webhook */
	enum audit_mode webhook_mode;
	int64_t batch_wait_ms, retry_ms;
	size_t batch_max, queue_max; /* events */
	int64_t batches_per_second;  /* 0: as many as there are */
	size_t batch_burst;
};

int audit_new(struct registry *registry, const struct audit_options *options, struct audit **ret,
	      struct err *err) MUST_CHECK;
void audit_free(struct audit *audit); /* writes what waits; NULL is fine */

/* Who asks is known (or is not): from here on the exchange has a record, if the policy wants one.
 */
void audit_begin(struct exchange *e);
/* Whether its event is kept, where it has to be before anything is done: 1: e->wait is told; -1: it
 * cannot be. */
int audit_received(struct exchange *e) MUST_CHECK;
/* What the authorizers said. */
void audit_decided(struct exchange *e, bool is_allowed, struct str reason);
/* For steps that do not know of exchanges: a list for as long as the arena, if anybody keeps it. */
void audit_want_annotations(const struct exchange *e, struct annotations *ret, struct arena *arena);
void audit_note(struct exchange *e, struct str key, struct str value);
/* Copies them into the record, if there is one. */
void audit_annotate(struct exchange *e, const struct annotations *from);
/* Whether the body of the answer, e->answer_bytes of it, is a part of the event. */
bool audit_keeps_answer(const struct exchange *e) PURE;
/* The answer goes out; streams have only begun. */
void audit_answered(struct exchange *e, int status, const struct http_piece *pieces, size_t count);
/* The exchange is let go of. */
void audit_end(struct exchange *e);

/* --- policy; pure --- */

struct audit_wish {
	enum audit_level level;
	bool omits[AUDIT_STAGE_COUNT];
	bool omits_managed_fields;
};
int audit_policy_check(yyjson_val *policy, struct err *err) MUST_CHECK;
/* user NULL: nobody known. */
void audit_policy_decide(yyjson_val *policy, const struct user *user, const struct target *target,
			 struct audit_wish *ret);
const char *audit_level_name(enum audit_level level);
const char *audit_stage_name(enum audit_stage stage);

/* --- where events go; each takes a line, and tells the part once it is there, or lost --- */

void audit_write_line(yyjson_mut_val *event, struct buf *to); /* "legacy"; audit_line.c */

struct audit_part;
struct audit_log;
int audit_log_new(struct registry *registry, const struct audit_log_options *options,
		  struct audit_log **ret, struct err *err) MUST_CHECK;
void audit_log_free(struct audit_log *log); /* NULL is fine */
void audit_log_put(struct audit_log *log, struct str event, struct audit_part *part);

struct audit_webhook;
struct audit_webhook *audit_webhook_new(struct registry *registry,
					const struct audit_options *options) MUST_CHECK;
void audit_webhook_free(struct audit_webhook *webhook); /* NULL is fine */
void audit_webhook_put(struct audit_webhook *webhook, struct str event, struct audit_part *part);

#endif
