/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds: one row each, compiled from the files of api/schema. What differs between kinds is a
 * column here or a function of its strategy; custom kinds make the same struct at run time. Lookups
 * are over the built-in table.
 */
#ifndef CUBE_API_KIND_H
#define CUBE_API_KIND_H

#include "api/schema.h"
#include "base/err.h"
#include "base/str.h"

enum kind_verb {
	VERB_CREATE = 1 << 0,
	VERB_DELETE = 1 << 1,
	VERB_DELETECOLLECTION = 1 << 2,
	VERB_GET = 1 << 3,
	VERB_LIST = 1 << 4,
	VERB_PATCH = 1 << 5,
	VERB_UPDATE = 1 << 6,
	VERB_WATCH = 1 << 7,
	VERBS_ALL = (1 << 8) - 1,
};
#define KIND_VERB_COUNT 8
extern const char *const
	kind_verb_names[KIND_VERB_COUNT]; /* bit i ⇒ name, in the order discovery prints them */

enum kind_flag {
	KIND_NAMESPACED = 1 << 0,
	KIND_OFF_BY_DEFAULT = 1 << 1, /* a version served only when asked for */
	KIND_UNSERVED =
		1 << 2, /* no resource of its own: Status, Scale, DeleteOptions, Eviction, ... */
	KIND_HAS_STATUS = 1 << 3,	    /* status subresource */
	KIND_HAS_GENERATION = 1 << 4,	    /* metadata.generation counts changes of spec */
	KIND_CREATE_ON_UPDATE = 1 << 5,	    /* PUT of a missing object creates it */
	KIND_UNCONDITIONAL_UPDATE = 1 << 6, /* PUT without resourceVersion is fine */
	KIND_CUSTOM = 1 << 7,		    /* from a CustomResourceDefinition */
	KIND_ORPHANS = 1 << 8,		    /* DELETE leaves dependents alone unless told otherwise */
};

struct kind_subresource {
	const char *name;		    /* "status", "scale", "binding", "exec" */
	const char *group, *version, *kind; /* of what it reads and writes */
	uint16_t verbs;			    /* enum kind_verb */
};

/* A column of the Table form. */
struct kind_column {
	const char *name, *type, *format, *description;
	const char
		*json_path; /* dotted, '#' behind it counts; NULL = the strategy writes the cell */
	int priority;	    /* 0 = always, 1 = wide */
};

struct strategy; /* api/strategy.h */

struct kind {
	struct str group; /* "" for core */
	struct str version;
	struct str name;		/* "Deployment" */
	struct str plural, singular;	/* "deployments", "deployment"; empty when KIND_UNSERVED */
	struct str list_name;		/* "DeploymentList" */
	struct str api_version;		/* "apps/v1", "v1" */
	const char *const *short_names; /* NULL-terminated; NULL = none; likewise */
	const char *const *categories;
	const struct kind_subresource *subresources; /* ends with a NULL name */
	const struct kind_column *columns;	     /* ends with a NULL name */
	const char *const *selectable_fields; /* besides metadata.name and metadata.namespace;
						 "spec.nodeName" */
	const struct strategy *strategy;      /* never NULL */
	const struct kind *storage;	      /* the version that is stored; NULL = this one */
	struct str storage_hash;	      /* storageVersionHash of discovery */
	struct schema_at schema;
	uint16_t verbs; /* enum kind_verb */
	uint16_t flags; /* enum kind_flag */
};

/* Versions of groups in the order discovery prefers them. */
struct kind_group {
	struct str group, version;
	int group_priority, version_priority;
	bool preferred; /* the group's preferred version */
	bool enabled;	/* served by default */
};

extern const struct kind
	*const kind_table[]; /* served kinds first, by group priority, then by name */
extern const size_t kind_count;
extern const struct kind_group kind_groups[]; /* highest priority first */
extern const size_t kind_group_count;

/* NULL when unknown. */
const struct kind *kind_find(struct str group, struct str version, struct str name);
const struct kind *kind_find_api_version(struct str api_version,
					 struct str name); /* "apps/v1", "Deployment" */
/* "pods", "pod", "po", "Pod", "pods.v1", "deployments.apps", "deployment.v1.apps": as a user types
 * it. */
const struct kind *kind_find_argument(struct str text);
const struct kind_subresource *kind_subresource(const struct kind *kind, struct str name);
static inline bool kind_is_namespaced(const struct kind *kind)
{
	return kind->flags & KIND_NAMESPACED;
}
static inline const struct kind *kind_stored(const struct kind *kind)
{
	return kind->storage ? kind->storage : kind;
}
/* "deployments.apps" / "pods": in messages; "Deployment.apps" / "Pod" likewise. Into to, returned.
 */
#define KIND_TEXT_BYTES 320
const char *kind_resource_text(const struct kind *kind, char to[KIND_TEXT_BYTES]);
const char *kind_text(const struct kind *kind, char to[KIND_TEXT_BYTES]);

/* core */
extern const struct kind kind_binding, kind_componentstatus, kind_configmap, kind_endpoints,
	kind_event, kind_limitrange, kind_namespace, kind_node, kind_persistentvolumeclaim,
	kind_persistentvolume, kind_pod, kind_podtemplate, kind_replicationcontroller,
	kind_resourcequota, kind_secret, kind_serviceaccount, kind_service;
/* admissionregistration.k8s.io */
extern const struct kind kind_mutatingadmissionpolicy, kind_mutatingadmissionpolicy_v1beta1,
	kind_mutatingadmissionpolicybinding, kind_mutatingadmissionpolicybinding_v1beta1,
	kind_mutatingwebhookconfiguration, kind_validatingadmissionpolicy,
	kind_validatingadmissionpolicybinding, kind_validatingwebhookconfiguration;
/* apiextensions.k8s.io */
extern const struct kind kind_customresourcedefinition;
/* apiregistration.k8s.io */
extern const struct kind kind_apiservice;
/* apps */
extern const struct kind kind_controllerrevision, kind_daemonset, kind_deployment, kind_replicaset,
	kind_statefulset;
/* authentication.k8s.io */
extern const struct kind kind_selfsubjectreview, kind_tokenreview;
/* authorization.k8s.io */
extern const struct kind kind_localsubjectaccessreview, kind_selfsubjectaccessreview,
	kind_selfsubjectrulesreview, kind_subjectaccessreview;
/* autoscaling */
extern const struct kind kind_horizontalpodautoscaler_v1, kind_horizontalpodautoscaler;
/* batch */
extern const struct kind kind_cronjob, kind_job;
/* certificates.k8s.io */
extern const struct kind kind_certificatesigningrequest, kind_clustertrustbundle_v1beta1,
	kind_podcertificaterequest_v1beta1;
/* coordination.k8s.io */
extern const struct kind kind_leasecandidate_v1beta1, kind_lease;
/* discovery.k8s.io */
extern const struct kind kind_endpointslice;
/* events.k8s.io */
extern const struct kind kind_events_event;
/* flowcontrol.apiserver.k8s.io */
extern const struct kind kind_flowschema, kind_prioritylevelconfiguration;
/* networking.k8s.io */
extern const struct kind kind_ingressclass, kind_ingress, kind_ipaddress, kind_ipaddress_v1beta1,
	kind_networkpolicy, kind_servicecidr, kind_servicecidr_v1beta1;
/* node.k8s.io */
extern const struct kind kind_runtimeclass;
/* policy */
extern const struct kind kind_poddisruptionbudget;
/* rbac.authorization.k8s.io */
extern const struct kind kind_clusterrolebinding, kind_clusterrole, kind_rolebinding, kind_role;
/* resource.k8s.io */
extern const struct kind kind_deviceclass, kind_deviceclass_v1beta1, kind_deviceclass_v1beta2,
	kind_devicetaintrule_v1beta2, kind_resourceclaim, kind_resourceclaim_v1beta1,
	kind_resourceclaim_v1beta2, kind_resourceclaimtemplate, kind_resourceclaimtemplate_v1beta1,
	kind_resourceclaimtemplate_v1beta2, kind_resourceslice, kind_resourceslice_v1beta1,
	kind_resourceslice_v1beta2;
/* scheduling.k8s.io */
extern const struct kind kind_priorityclass;
/* storage.k8s.io */
extern const struct kind kind_csidriver, kind_csinode, kind_csistoragecapacity, kind_storageclass,
	kind_volumeattachment, kind_volumeattributesclass, kind_volumeattributesclass_v1beta1;
/* storagemigration.k8s.io */
extern const struct kind kind_storageversionmigration_v1beta1;
/* not resources of their own */
extern const struct kind kind_status, kind_scale, kind_eviction, kind_deleteoptions,
	kind_tokenrequest, kind_meta_table, kind_partialobjectmetadata;

#endif
