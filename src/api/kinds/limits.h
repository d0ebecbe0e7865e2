/* SPDX-License-Identifier: Apache-2.0 */
/* What values of built-in kinds must not pass: upstream's numbers, which clients rely on. Field
 * errors beyond. */
#ifndef CUBE_API_KINDS_LIMITS_H
#define CUBE_API_KINDS_LIMITS_H

/* HorizontalPodAutoscaler */
#define SCALING_WINDOW_SECONDS_MAX 3600
#define SCALING_PERIOD_SECONDS_MAX 1800

/* security contexts */
#define PROFILE_PATH_BYTES_MAX 4095
#define WINDOWS_CREDENTIAL_BYTES_MAX (64u << 10)
#define WINDOWS_DOMAIN_BYTES_MAX 255
#define WINDOWS_USER_BYTES_MAX 104

/* EndpointSlice */
#define SLICE_ENDPOINTS_MAX 1000
#define SLICE_PORTS_MAX 20000
#define SLICE_ADDRESSES_MAX 100 /* of one endpoint */
#define SLICE_TOPOLOGY_MAX 16	/* keys of an endpoint's deprecatedTopology */
#define SLICE_HINTS_MAX 8	/* zones, or nodes, of one endpoint */

/* ConfigMap and Secret */
#define CONFIG_BYTES_MAX (1u << 20) /* all values together */

/* devices, asked for and given */
#define DEVICE_EXPRESSION_BYTES_MAX (10u << 10) /* CEL */
#define DEVICE_PARAMETERS_BYTES_MAX (10u << 10) /* of an opaque configuration */
#define DEVICE_IDENTIFIER_BYTES_MAX 32
#define DEVICE_SELECTORS_MAX 32
#define DEVICE_CONFIGS_MAX 32
#define DEVICE_CONDITIONS_MAX 4 /* that bind, or fail to */

/* ResourceClaim */
#define CLAIM_REQUESTS_MAX 32
#define CLAIM_SUBREQUESTS_MAX 8 /* one of which is enough */
#define CLAIM_CONSTRAINTS_MAX 32
#define CLAIM_RESULTS_MAX 32		    /* devices that it is given */
#define CLAIM_RESERVED_MAX 256		    /* pods that share it */
#define DEVICE_STATUS_BYTES_MAX (10u << 10) /* what its driver says */
#define DEVICE_STATUS_CONDITIONS_MAX 8
#define DEVICE_ADDRESSES_MAX 16

/* ResourceSlice */
#define SLICE_DEVICES_MAX 128
#define SLICE_DEVICES_ADVANCED_MAX 64 /* with taints or counters */
#define DEVICE_ATTRIBUTES_MAX 32      /* and capacities, together */
#define DEVICE_ATTRIBUTE_BYTES_MAX 64 /* of a text */
#define DEVICE_TAINTS_MAX 16
#define SLICE_COUNTER_SETS_MAX 8
#define DEVICE_CONSUMED_SETS_MAX 2
#define SLICE_COUNTERS_MAX 32
#define DEVICE_CAPACITY_CHOICES_MAX 10

/* containers */
#define RESTART_RULES_MAX 20  /* of one container */
#define RESTART_CODES_MAX 255 /* of one rule */

/* pods */
#define DNS_NAMESERVERS_MAX 3 /* as resolvers take */
#define DNS_SEARCHES_MAX 32
#define DNS_SEARCH_BYTES_MAX 2048 /* of all search paths */

/* FlowSchema and PriorityLevelConfiguration */
#define FLOW_PRECEDENCE_MAX 10000
#define FLOW_QUEUES_MAX 10000000
#define FLOW_ENTROPY_BITS_MAX 60 /* of the hash that deals hands */

/* admission policies */
#define POLICY_ANNOTATIONS_MAX 20
#define POLICY_ANNOTATION_EXPRESSION_BYTES_MAX 5120

/* Job and CronJob */
#define JOB_INDEXED_PARALLELISM_MAX 100000
#define JOB_POLICY_RULES_MAX 20
#define JOB_EXIT_CODES_MAX 255			    /* of one rule */
#define JOB_PATTERNS_MAX 20			    /* of conditions, of one rule */
#define JOB_SUCCEEDED_INDEXES_BYTES_MAX (64u << 10) /* of a success policy */
#define JOB_FAILED_INDEXES_MAX 100000
#define JOB_PARALLELISM_OF_HIGH_MAX 10000 /* of jobs with more completions than fit otherwise */
#define CRON_NAME_BYTES_MAX 52		  /* its jobs add eleven */

/* storage */
#define CLASS_PARAMETERS_MAX 512
#define CLASS_PARAMETERS_BYTES_MAX (256u << 10) /* keys and values together */
#define ATTACHMENT_BYTES_MAX (256u << 10)	/* its metadata */
#define ATTACHMENT_ERROR_BYTES_MAX 1024
#define CSI_NODE_ID_BYTES_MAX 256

/* volumes */
#define ISCSI_NAME_BYTES_MAX 64
#define QUOBYTE_TENANT_BYTES_MAX 64

/* IngressClass */
#define INGRESS_CONTROLLER_BYTES_MAX 250

#endif
