/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhooks' part of admission for one request: mutating ones one after the other, each seeing
 * what the one before made of the object, and eligible ones again when something changed
 * afterwards; validating ones all at once. Nothing is waited for when no webhook is concerned.
 */
#ifndef CUBE_APISERVER_WEBHOOK_RUN_H
#define CUBE_APISERVER_WEBHOOK_RUN_H

#include "api/field.h"
#include "apiserver/admission_match.h"
#include "apiserver/annotations.h"
#include "apiserver/hook_set.h"
#include "apiserver/outcome.h"
#include "apiserver/refusal.h"
#include "apiserver/review_wait.h"

struct webhook_call_slot;

struct webhook_run {
	/* set by whoever starts it */
	struct registry *registry;
	struct arena *arena;		  /* lives until done ran, or the run was cancelled */
	struct admission_request request; /* object and old_object follow from the two below */
	yyjson_mut_doc *object;		  /* borrowed; replaced by take; NULL: none */
	yyjson_val *old_object;		  /* borrowed */
	struct str managed_fields;	  /* what object leaves out of its own; text, or empty */
	struct refusal *refusal;
	struct notices *notices;
	struct annotations *annotations; /* for the audit event */
	int64_t deadline_ns;		 /* monotonic: of the whole request */
	/* Takes over what mutation made of the object (in the version of request.kind):
	 * *ret_changed whether it differs, run->object is the new one. < 0: refused. */
	int (*take)(struct webhook_run *run, yyjson_mut_doc *object, bool *ret_changed);
	/* Lets the server's own mutations see what webhooks changed. WAITING: question is told, and
	 * it is called again. */
	enum outcome (*again)(struct webhook_run *run, struct review_wait *question);
	/* CreateOptions or the like, made when a webhook is asked; NULL: there are none. */
	yyjson_mut_doc *(*make_options)(struct webhook_run *run);
	void (*done)(struct webhook_run *run); /* not called when it was over at once */
	void *owner;

	/* own */
	struct hook_set *set;
	yyjson_mut_doc *options;
	unsigned char *states; /* of hooks: enum hook_state */
	size_t at;	       /* of the hook that is asked */
	int round;
	bool changed;
	struct review_wait asked; /* an authorizer outside, by the match conditions of a hook */
	int questions;
	struct webhook_call_slot *slots;
	size_t slot_count, pending_count;
};

/* WAITING: done is called in a later turn; run->refusal says how it went. */
enum outcome webhook_run_mutate(struct webhook_run *run) MUST_CHECK;
enum outcome webhook_run_validate(struct webhook_run *run) MUST_CHECK;
void webhook_run_cancel(struct webhook_run *run); /* of one that waits: done is not called */

#endif
