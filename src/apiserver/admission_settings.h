/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --admission-control-config-file says to plug-ins: an AdmissionConfiguration names a
 * configuration for each, which is read strictly here. Pure; files that it names are the caller's.
 */
#ifndef CUBE_APISERVER_ADMISSION_SETTINGS_H
#define CUBE_APISERVER_ADMISSION_SETTINGS_H

#include "api/pod_security.h"
#include "apiserver/review_hook.h"

enum event_limit_type {
	EVENT_LIMIT_SERVER,
	EVENT_LIMIT_NAMESPACE,
	EVENT_LIMIT_USER,
	EVENT_LIMIT_SOURCE_AND_OBJECT,
};
const char *event_limit_name(enum event_limit_type type);

/* So many events a second for each of what the type tells apart. */
struct event_limit {
	enum event_limit_type type;
	int64_t per_second, burst;
	size_t keys_max; /* that are told apart at a time */
};

struct admission_settings {
	/* PodSecurity */
	struct pod_security_policy security_defaults;
	struct str_list exempt_users, exempt_namespaces, exempt_runtime_classes;
	/* EventRateLimit */
	const struct event_limit *event_limits;
	size_t event_limit_count;
	/* PodTolerationRestriction: of namespaces that say nothing; NULL: none */
	yyjson_val *default_tolerations, *tolerations_allowed;
	/* PodNodeSelector: clusterDefaultNodeSelector, and what pods of a namespace may ask for */
	yyjson_val *node_selectors;
	/* ResourceQuota: what nothing may use without a quota; NULL: nothing is so */
	yyjson_val *limited_resources;
	/* ImagePolicyWebhook */
	struct str image_policy_file;
	const struct review_hook_options *image_policy; /* NULL: it has no configuration */
	bool allows_images_unasked;			/* when the webhook does not answer */
	/* Mutating- and ValidatingAdmissionWebhook */
	struct str mutating_webhooks_file, validating_webhooks_file;
	const struct webhook_credentials *mutating_webhooks, *validating_webhooks; /* NULL: none */
	/* DefaultTolerationSeconds */
	int64_t not_ready_seconds, unreachable_seconds;
};
extern const struct admission_settings admission_settings_none;

/* Adds what one plug-in is told; root is borrowed for as long as the settings live. */
int admission_settings_read(struct str plugin, yyjson_val *root, struct arena *arena,
			    struct admission_settings *to, struct err *err) MUST_CHECK;
/* {kind, apiVersion, plugins: [{name, path, configuration}]} */
int admission_configuration_check(yyjson_val *root, struct err *err) MUST_CHECK;

/* --- the users of a kubeconfig by the server they are for; kubeconfig_target.c --- */

struct webhook_credential {
	struct str server; /* "host:port", "host", "*.suffix" or "*" */
	struct str bearer_token, certificate_pem, key_pem;
};
struct webhook_credentials {
	struct webhook_credential *items;
	size_t count;
	struct str otherwise; /* the one that the current context names */
};
int webhook_credentials_read(struct str path, struct arena *arena, struct webhook_credentials *ret,
			     struct err *err) MUST_CHECK; /* blocks: for the start */
int webhook_credentials_parse(struct str text, struct str dir, struct arena *arena,
			      struct webhook_credentials *ret, struct err *err) MUST_CHECK;
/* For an https URL; NULL: none. credentials may be NULL. */
const struct webhook_credential *webhook_credentials_find(const struct webhook_credentials *c,
							  struct str url);

#endif
