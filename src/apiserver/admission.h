/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission: a table of plug-ins asked in order for each write, first those that change the object,
 * then those that only refuse it. Each is a function of the edit and of what the registry holds;
 * kinds it does not care about cost a compare.
 */
#ifndef CUBE_APISERVER_ADMISSION_H
#define CUBE_APISERVER_ADMISSION_H

#include "apiserver/admission_match.h"
#include "apiserver/operation.h"

/* Plug-ins with files of their own. */
int limit_ranger_mutate(struct operation *op) MUST_CHECK; /* admission_quota.c */
int limit_ranger_validate(struct operation *op) MUST_CHECK;
int quota_settle(struct operation *op) MUST_CHECK;
int pod_security_validate(struct operation *op) MUST_CHECK; /* admission_security.c */

/* admission_optional.c */
int always_deny(struct operation *op) MUST_CHECK;
int pull_always(struct operation *op) MUST_CHECK;
int pull_always_validate(struct operation *op) MUST_CHECK;
int extended_resource_admit(struct operation *op) MUST_CHECK;
int anti_affinity_validate(struct operation *op) MUST_CHECK;
int node_selector_admit(struct operation *op) MUST_CHECK;
int node_selector_validate(struct operation *op) MUST_CHECK;
int external_ips_validate(struct operation *op) MUST_CHECK;
enum outcome owners_validate(struct operation *op) MUST_CHECK;

/* admission_limited.c; of ResourceQuota */
int limited_resources_check(struct operation *op, yyjson_val *object) MUST_CHECK;
/* admission_tolerations.c */
int default_tolerations_admit(struct operation *op) MUST_CHECK;
int toleration_restriction_admit(struct operation *op) MUST_CHECK;
int toleration_restriction_validate(struct operation *op) MUST_CHECK;
int event_rate_validate(struct operation *op) MUST_CHECK; /* admission_events.c */
/* Goes on with next, before it returns or later; admission_images.c. */
enum outcome image_policy_validate(struct operation *op, operation_step *next) MUST_CHECK;
void image_policy_cancel(struct image_review *review);

/* admission_priority.c */
int priority_admit(struct operation *op) MUST_CHECK;
int priority_class_validate(struct operation *op) MUST_CHECK;
int runtime_class_admit(struct operation *op) MUST_CHECK;
int runtime_class_validate(struct operation *op) MUST_CHECK;
/* admission_class.c */
int storage_class_admit(struct operation *op) MUST_CHECK;
int ingress_class_admit(struct operation *op) MUST_CHECK;
int storage_protection_admit(struct operation *op) MUST_CHECK;
int claim_resize_validate(struct operation *op) MUST_CHECK;
int resize_validate(struct operation *op) MUST_CHECK;
int node_taint_admit(struct operation *op) MUST_CHECK;
int topology_labels_admit(struct operation *op) MUST_CHECK;
/* The labels of a pod's node that the pod gets. */
void topology_labels_add(struct operation *op, struct str node);
int device_admin_validate(struct operation *op) MUST_CHECK;

/* NodeRestriction, admission_node.c; the last two are called by the subresources themselves. */
int node_restriction_admit(struct operation *op) MUST_CHECK;
int node_restriction_remove(struct operation *op) MUST_CHECK;
int node_restriction_evict(struct operation *op) MUST_CHECK; /* op->edit.old is the pod */
/* op->edit.root is the request; WAITING is the caller's to wait for. */
enum outcome node_restriction_token(struct operation *op) MUST_CHECK;

/* Plug-ins that callers ask for by number; the others are found in the table. */
enum admission_plugin {
	PLUGIN_MUTATING_POLICY,
	PLUGIN_MUTATING_WEBHOOK,
	PLUGIN_VALIDATING_POLICY,
	PLUGIN_VALIDATING_WEBHOOK,
	PLUGIN_TOPOLOGY_LABELS,
	PLUGIN_AUTO_PROVISION,
	PLUGIN_EVENT_RATE,
	PLUGIN_IMAGE_POLICY,
	PLUGIN_FIRST_OTHER
};

/* All that --enable-admission-plugins and its opposite do not name are as upstream has them, but
 * for NodeRestriction, which is on. */
bool admission_is_on(const struct registry *registry, enum admission_plugin plugin) PURE;

/* Each goes on with next once all have agreed, before it returns or later. */
enum outcome admission_mutate(struct operation *op, operation_step *next) MUST_CHECK;
enum outcome admission_validate(struct operation *op, operation_step *next) MUST_CHECK;
/* op->edit.old is what shall go. */
enum outcome admission_delete(struct operation *op, operation_step *next) MUST_CHECK;

/* The request as rules, expressions and webhooks see it; borrows from the operation. */
void admission_request_of(struct operation *op, struct admission_request *ret);
/* CreateOptions, UpdateOptions or DeleteOptions, as the request was made with. */
yyjson_mut_doc *admission_options_of(const struct operation *op) MUST_CHECK;
/* The plug-ins' own mutations once more, after others changed the object. WAITING: question is
 * told, and then all of this is to be done again. */
enum outcome admission_mutate_again(struct operation *op, struct review_wait *question) MUST_CHECK;
/* admission_webhooks.c; next comes at once when no webhook is concerned. */
enum outcome admission_webhooks_mutate(struct operation *op, operation_step *next) MUST_CHECK;
enum outcome admission_webhooks_validate(struct operation *op, operation_step *next) MUST_CHECK;
/* admission_policies.c; is_second: others have changed the object since. WAITING: question is told,
 * and nothing was changed. */
enum outcome admission_policies_mutate(struct operation *op, bool is_second,
				       struct review_wait *question) MUST_CHECK;
enum outcome admission_policies_validate(struct operation *op,
					 struct review_wait *question) MUST_CHECK;
/* Whether who names parameters of a policy may read them. */
enum outcome admission_param_access_validate(struct operation *op) MUST_CHECK;

/* --- parts of plug-ins in files of their own --- */

/* admission_account.c: gives a pod's containers the token of its account, unless they do not want
 * it. */
void admission_mount_token(struct operation *op, const struct obj *account);
/* A static pod's mirror has no account, and names no secrets. */
int admission_check_mirror(struct operation *op) MUST_CHECK;
/* admission_certificate.c */
int certificate_fill(struct operation *op) MUST_CHECK;
/* What is inside of the texts of a certificate request; part of the validation of objects. */
void certificate_check(struct operation *op, struct field_errors *errors);
enum outcome certificate_approval_validate(struct operation *op) MUST_CHECK;
enum outcome certificate_signing_validate(struct operation *op) MUST_CHECK;
int certificate_subject_validate(struct operation *op) MUST_CHECK;
struct x509_request;
/* What a CertificateSigningRequest asks for. < 0: *ret_problem says what is wrong with it. */
int certificate_read(struct operation *op, struct x509_request *ret,
		     const char **ret_problem) MUST_CHECK;
/* A pod names only secrets that its account lists, when the account asks for that. */
int admission_check_references(struct operation *op, const struct obj *account) MUST_CHECK;

#endif
