/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of the API server, in one place. What lies beyond ends in 413, 414, 429 or a closed
 * watch. */
#ifndef CUBE_APISERVER_LIMITS_H
#define CUBE_APISERVER_LIMITS_H

#define REQUEST_BODY_BYTES_MAX (3u << 20) /* as upstream */
#define REQUEST_PATH_PARTS_MAX 64
#define REQUEST_PARAMS_MAX 128
#define REQUEST_URI_BYTES_MAX 16384
#define REQUESTS_READING_MAX 4000 /* in flight, watches not counted; beyond it 429 */
#define REQUESTS_WRITING_MAX 2000
#define REQUEST_RETRY_AFTER_SECONDS 1
#define LIST_BYTES_MAX ((size_t)1 << 30)
#define LIST_ITEMS_MAX 1000000
#define FORM_SWEEP_WRITTEN_MAX 4096 /* objects written last that keep their trees; a power of two */
#define FORM_SWEEP_WRITTEN_BYTES_MAX ((size_t)4 << 20) /* the same, of their bytes */
#define FORM_SWEEP_NOTED_BYTES ((size_t)1 << 20) /* written and looked at that a round is due for */
#define FORM_SWEEP_PART_MAX 2000 /* objects in one turn of the loop */
#define FORM_SWEEP_LEFT_MAX 256 /* objects in use that no further round is for */
#define FORM_SWEEP_DELAY_MS 3000
#define LOCAL_READABLE_MS 1000 /* between looks whether what cannot be read can be by now */
#define LOCAL_PART_BYTES ((size_t)256 << 10) /* of objects parsed for a role that begins to watch, in one turn */
#define WATCH_QUEUE_BYTES_MAX (16u << 20) /* unsent bytes of one watcher before it is cut off */
#define WATCH_TIMEOUT_SECONDS_MIN \
	1800 /* when the client asks for none: random in [MIN, 2 MIN), as upstream */
#define WATCH_BOOKMARK_SECONDS 60
#define WATCH_WITHDRAWN_MS 1000 /* that a watch goes on when its kind is withdrawn */
#define PATCH_RETRIES_MAX 5 /* as upstream, for patches without a resourceVersion */
#define CHARGE_RETRIES_MAX 100 /* others write to the same quota, or pick the same address or port */
#define PATCH_SHOWN_BYTES_MAX (8u << 10) /* of a patched object in the message that refuses it */
#define OPTION_SHOWN_BYTES_MAX (4u << 10) /* of an option in the message that refuses it */
#define PATCH_MESSAGE_BYTES_MAX (56u << 10)
#define GENERATE_NAME_TRIES_MAX 8
#define WARNINGS_MAX 64
#define WARNING_BYTES_MAX 4096
#define STATUS_CAUSES_MAX 256
#define USER_EXTRAS_MAX 32
#define USER_GROUPS_MAX 64
#define BEARER_BYTES_MAX 16384 /* of a bearer token */
#define TOKENS_KNOWN_MAX 4096  /* verified tokens that are remembered */
#define LIMITED_SCOPES_MAX 64 /* that one object is in */
#define EVENT_TTL_SECONDS 3600
#define EVENT_LIMITS_MAX 64
#define EVENT_LIMIT_KEYS 4096 /* told apart by one limit, unless it says so */
#define EVENT_LIMIT_KEYS_MAX 1000000
#define EVENT_KEY_BYTES_MAX 4096
#define AUDIT_QUEUE_BYTES_MAX ((size_t)64 << 20) /* events that wait for disk or webhook */
#define AUDIT_BODY_BYTES_MAX ((size_t)4 << 20)   /* of a request or answer in an event */
#define AUDIT_LINE_BYTES_MAX ((size_t)1 << 20)
#define AUDIT_BACKUPS_MAX 10000
#define AUDIT_ADDRESSES_MAX 32
#define ANNOTATIONS_MAX 256 /* of one event */
#define ANNOTATION_BYTES_MAX ((size_t)256 << 10)
#define AUDIT_ID_BYTES_MAX 64
#define AUDIT_TRIES_MAX 5 /* to send a batch */
#define AUDIT_LOST_REPORT 10000 /* lost events between two complaints */
#define FAIR_QUEUE_MAX 16384 /* requests that wait in one priority level; 429 beyond */
#define FAIR_FLOWS_MAX 4096
#define FAIR_SERIES_MAX 1024
#define FAIR_SEATS 1200 /* requests that are executed at a time, exempt ones apart */
_Static_assert(FAIR_SEATS < REQUESTS_WRITING_MAX, "nobody's writes may keep all others out");
#define FAIR_PERCENT_MAX 1000000
#define FAIR_WAIT_MS_MAX 15000 /* in a queue; 429 then */
#define FAIR_CHARGE_BYTES (32u << 10) /* of an answer that cost as much as a request; likewise */
#define FAIR_CHARGE_ITEMS 128	      /* objects that were looked at, */
#define FAIR_CHARGE_WATCHED 16	      /* or sent at the start of a watch */
#define FAIR_DEBT_MAX 4096
#define FAIR_KEEP_MS 60000 /* between two looks at the objects that must be there, as upstream */
#define FAIR_KEY_BYTES_MAX 4096
#define FAIR_QUANTUM_MIN 8 /* requests of one flow in one turn of the loop, by shares */
#define FAIR_QUANTUM_MAX 64
#define STATIC_TOKENS_BYTES_MAX ((size_t)4 << 20)
#define AUTHORIZERS_MAX 64
#define ABAC_POLICIES_MAX 100000
#define ABAC_ARENA_BYTES_MAX ((size_t)64 << 20)
#define AUTHZ_CONDITIONS_MAX 64 /* of one webhook */
#define OIDC_ISSUERS_MAX 64
#define OIDC_KEYS_MAX 256 /* of one issuer */
#define OIDC_KEYS_BYTES_MAX ((size_t)1 << 20)
#define OIDC_TIMEOUT_MS 30000
#define OIDC_REFETCH_MS 5000 /* between two looks for a key that is not known */
#define KUBECONFIG_BYTES_MAX ((size_t)1 << 20)
#define REVIEW_HOOK_ANSWERS_MAX 4096 /* remembered or being fetched, of one server outside */
#define REVIEW_HOOK_TIMEOUT_MS 30000 /* of one try, as upstream */
#define REVIEW_HOOK_TRIES_MAX 5
#define REVIEW_HOOK_RETRY_MS 500 /* before the second try; half as much again before each more */
#define DELETIONS_RUNNING_MAX 256 /* of one request for a collection, at once */
#define POD_GRACE_SECONDS_MAX (INT64_C(100) * 366 * 24 * 3600) /* by which a deletion is later */
#define EVICTION_RETRY_AFTER_SECONDS 10 /* while a budget is being looked at; as upstream */
#define DISRUPTED_PODS_MAX 2000 /* that a budget waits for; as upstream */
#define OPERATION_QUESTIONS_MAX 32 /* to outside authorizers that one write waits for */
#define OWNER_VIEWS_MAX 256 /* conversions of one write for owners of other versions */
#define REVIEW_HOOK_MOMENT_MS 1000 /* that an answer is good at least, so that who waited has it */
#define TOKEN_USES_MAX 64	       /* notes about used tokens being written; others wait for another use */
#define TOKEN_LEGACY_ISSUER "kubernetes/serviceaccount"
#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_MAX (INT64_C(1) << 32)
#define TOKEN_POD_SECONDS 3607 /* what pods ask for: odd, so that it is told from a user's choice \
				*/
#define TOKEN_EXTENDED_SECONDS (365 * 24 * 3600)
#define RBAC_PARTS_MAX 100000  /* permissions that a new role may come apart into */
#define RBAC_MISSING_MAX 256   /* lines of what somebody may not grant */
#define AUTHZ_REASON_BYTES_MAX 2048 /* of one authorizer */
#define RBAC_VERBS_MAX 64      /* in such a line */
#define EMPTYING_BATCH_MAX 500 /* objects of a definition that goes, deleted at a time */
#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST 32767
#define ENCRYPTION_CONFIG_BYTES_MAX (1u << 20)
#define KMS_ID_BYTES_MAX 1024 /* these three as upstream */
#define KMS_SOURCE_BYTES_MAX 1024
#define KMS_ANNOTATION_BYTES_MAX 32768
#define KMS_SEED_BYTES 32
#define KMS_ANSWER_BYTES_MAX (1u << 20)
#define KMS_KEYS_MAX 4096 /* data keys known of one plug-in; the one unused for longest goes */
#define KMS_ASKED_MAX 32  /* of them asked for at once; others wait */
#define KMS_NAMES_MAX 100 /* key ids that metrics tell of, as upstream */

#define SECURITY_SURVEY_PODS_MAX 3000 /* looked at when a namespace's standard rises, as upstream \
				       */
#define SECURITY_SURVEY_REASONS_MAX 64
#define WEBHOOK_TIMEOUT_MS 30000 /* of a call that names none; upstream's longest */
#define REQUEST_WRITE_MS 34000 /* all that admission may take of a write, as upstream */
#define WEBHOOK_QUESTION_BYTES_MAX (16u << 20)
#define CONVERSION_BYTES_MAX (64u << 20) /* a question to a conversion webhook, and its answer */
#define WEBHOOK_ANSWER_BYTES_MAX (3u << 20)
#define WEBHOOK_CA_BYTES_MAX (1u << 20)
#define WEBHOOK_TRUSTS_MAX 64 /* sets of authorities whose connections are kept */
#define WEBHOOK_URL_SHOWN_MAX 256 /* in an error */
#define WEBHOOK_ARENA_BYTES_MAX (1u << 20)
#define QUOTA_CHARGES_MAX 32 /* quotas that one write may change; 403 beyond */

#define DISCOVERY_BYTES_MAX ((size_t)4 << 20) /* what one group version of another server may say it has */
#define REMOTE_OPENAPI_BYTES_MAX ((size_t)16 << 20) /* one document of another server */
#define PROXY_QUEUE_BYTES_MAX (256u << 10) /* unsent bytes at which the proxy reads no more */
#define PROXY_LINGER_MS 5000		   /* for what is unsent when one side goes */

#define TOLERATIONS_COMPARED_MAX 4000 /* by PodTolerationRestriction, each with each */

#define CONTINUE_TOKEN_BYTES_MAX 4096 /* of ?continue=; then 400 */
#define RBAC_SUBJECT_BYTES_MAX ((size_t)64 << 10) /* kind, namespace and name; then it holds no role */
#define METRICS_CODES_MAX 16 /* status codes of one series; others are not counted */
#define METRICS_LABELS_BYTES_MAX 640 /* of one series; what has more is not counted */
#define METRICS_OUTCOMES_MAX 16 /* of one webhook; others are not counted */
#define INDEX_PATHS_MAX 1024 /* listed at /; more are left out */
#define POLICY_PARAMS_MAX 1000 /* that one binding may select; the write is refused then */
#define POLICY_ANNOTATION_BYTES_MAX (10u << 10) /* of one value for the audit event; then it is cut */
#define WEBHOOK_NOTE_KEY_BYTES_MAX 128 /* of one annotation of the audit event */

#endif
