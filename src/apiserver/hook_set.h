/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhooks of all Mutating- or ValidatingWebhookConfigurations, compiled: in the order in which
 * they are asked (configurations by name, then as listed). Made anew at the first question after
 * one of them changed; whoever goes on asking holds the set it began with.
 */
#ifndef CUBE_APISERVER_HOOK_SET_H
#define CUBE_APISERVER_HOOK_SET_H

#include "apiserver/admission_activation.h"
#include "apiserver/webhook_client.h"

struct registry;
struct hooks;

enum hook_type { HOOKS_MUTATING, HOOKS_VALIDATING, HOOK_TYPE_COUNT };

/* One webhook. */
struct hook {
	struct str name, configuration;
	struct webhook_target target;
	struct str bearer_token;
	struct str problem; /* why it cannot be called; empty: it can */
	const struct admission_filter *filter;
	struct admission_set *expressions;
	const struct admission_conditions *conditions;
	bool fails_open;  /* failurePolicy: Ignore */
	bool reinvocable; /* reinvocationPolicy: IfNeeded */
	bool dry_runs;	  /* sideEffects: None, NoneOnDryRun */
	bool is_beta;	  /* asked in admission.k8s.io/v1beta1 */
	int64_t timeout_ms;
};

struct hook_set {
	struct hook *hooks;
	size_t count;
	size_t refs;
	struct arena arena;
	struct list objects; /* the configurations, which strings and trees are borrowed from */
};

struct hooks *hooks_new(struct registry *registry) MUST_CHECK;
void hooks_free(struct hooks *hooks);
/* Borrowed; NULL: there are none. */
struct hook_set *hooks_get(struct hooks *hooks, enum hook_type type);
struct hook_set *hook_set_ref(struct hook_set *set);
void hook_set_unref(struct hook_set *set); /* NULL is fine */

#endif
