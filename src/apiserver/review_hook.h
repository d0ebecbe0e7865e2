/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server outside that is asked by reviews (TokenReview, SubjectAccessReview) who somebody is or
 * what he may do. Answers are remembered for a while; who needs one that is not there waits without
 * holding up anybody else, and one call is made for all that wait for the same answer.
 */
#ifndef CUBE_APISERVER_REVIEW_HOOK_H
#define CUBE_APISERVER_REVIEW_HOOK_H

#include "apiserver/review_wait.h"
#include "apiserver/webhook_client.h"

struct registry;
struct review_hook;

struct review_hook_options {
	struct webhook_target target; /* all strings are copied */
	struct str bearer_token;
	int64_t timeout_ms;	       /* 0: REVIEW_HOOK_TIMEOUT_MS */
	int64_t retry_ms;	       /* 0: REVIEW_HOOK_RETRY_MS */
	int64_t ttl_yes_ms, ttl_no_ms; /* how long answers are good; a moment when 0 */
	const char *yes;	       /* path of the status' bool that makes it a yes */
};

struct review_hook *review_hook_new(struct registry *registry,
				    const struct review_hook_options *options) MUST_CHECK;
void review_hook_free(struct review_hook *hook); /* NULL is fine; nobody is told any more */
/* It is about to go, and another one takes its place: who waits moves to the list, to be told then. */
void review_hook_take_waits(struct review_hook *hook, struct list *to);

enum review_answer { REVIEW_FAILED = -1, REVIEW_LATER, REVIEW_ANSWERED };

/* body is the review; its text is what answers are remembered by, so members come in the same
 * order. LATER: wait is told, or, without one, nothing happens. *ret_status is borrowed until the
 * next turn. */
enum review_answer review_hook_ask(struct review_hook *hook, yyjson_mut_doc *body,
				   struct review_wait *wait, yyjson_val **ret_status,
				   struct err *err);

/* What a kubeconfig's current context names: certificates, keys and tokens in it or in files beside
 * it. Blocks: for the start. */
int kubeconfig_target_read(struct str path, struct arena *arena, struct review_hook_options *ret,
			   struct err *err) MUST_CHECK;
/* Of the text of one that lies in dir. */
int kubeconfig_target_parse(struct str text, struct str dir, struct arena *arena,
			    struct review_hook_options *ret, struct err *err) MUST_CHECK;

#endif
