/* SPDX-License-Identifier: Apache-2.0 */
/* Pod specs, in Pods and in the templates of everything that makes Pods. */
#ifndef CUBE_API_KINDS_POD_SPEC_H
#define CUBE_API_KINDS_POD_SPEC_H

#include "api/rules.h"
#include "codec/json_index.h"

/* Defaults that depend on other fields. is_pod: of a Pod, not of a template. */
void pod_spec_default(yyjson_mut_doc *doc, yyjson_mut_val *spec, bool is_pod);
/* The template at this path of the object ("spec.template"). */
void pod_template_default(struct edit *e, const char *path);
/* What containers have in all at this path of theirs ("resources.requests"): struct quantity by
 * name, in the arena. */
void pod_spec_add_up(yyjson_mut_val *spec, const char *path, struct arena *arena,
		     struct json_index *ret_sums);
/* "Guaranteed", "Burstable" or "BestEffort". */
const char *pod_spec_qos(yyjson_mut_val *spec);

/* What the checks of one pod spec know of it: struct scope's own. */
struct pod_scope {
	yyjson_mut_val *spec;
	bool is_pod;		      /* of a Pod, not of a template */
	struct str name;	      /* of the Pod, else empty */
	struct json_index volumes;    /* by name: the volume */
	struct json_index containers; /* names seen so far */
	struct json_index joined;     /* those that ephemeral containers may join, by name */
	yyjson_mut_val *container;    /* the one being checked */
};

/* The spec of the Pod being written. */
void pod_spec_validate(struct edit *e, struct field_errors *errors);
/* Labels, annotations and spec of a template. */
rule_check rule_pod_template;
/* The template and the LabelSelector beside it, in an object's spec; kind_name is for messages. The
 * selector is there, valid, not empty and matches the template's labels. */
void pod_template_validate_selected(const struct scope *scope, const char *kind_name,
				    const struct field_path *path, yyjson_mut_val *spec);
/* A label (template metadata) or field belongs to what the pods of a template must not differ in:
 * restart always, no deadline. */
void pod_template_validate_endless(const struct scope *scope, const char *kind_name,
				   const struct field_path *path, yyjson_mut_val *template);

/* ---- parts, one file each; own is a pod_scope where that is said ---- */

void container_list_validate(const struct scope *scope, const struct field_path *path); /* pod */
rule_check rule_env;			/* list of EnvVar; pod */
rule_check rule_env_from;		/* list of EnvFromSource */
rule_check rule_field_ref;		/* ObjectFieldSelector of a volume */
rule_check rule_resource_ref_of_volume; /* ResourceFieldSelector likewise */
rule_check rule_probe_liveness, rule_probe_readiness, rule_lifecycle; /* pod */
rule_check rule_container_security, rule_pod_security;		      /* pod */
rule_check rule_container_resources, rule_pod_resources;	      /* pod */
rule_check rule_overhead;
rule_check rule_volumes; /* pod */
/* Members of a volume that are sources: exactly one, and right in itself. */
enum volume_place { VOLUME_OF_POD, VOLUME_PERSISTENT };
void volume_source_validate(const struct scope *scope, enum volume_place place,
			    const struct field_path *path, yyjson_mut_val *volume);
bool volume_source_is(struct str field); /* of a PersistentVolume */
rule_check rule_claim_spec;		 /* a PersistentVolumeClaimSpec */
rule_check rule_node_selector;		 /* a NodeSelector */
rule_check rule_affinity, rule_spread, rule_tolerations;
/* What of a toleration may not change: all but its seconds, as one text. */
struct str toleration_text_in(struct arena *arena, yyjson_val *toleration);
struct str toleration_text_in_mut(struct arena *arena, yyjson_mut_val *toleration);
rule_check rule_local_path;	       /* relative and without ".." */
bool path_steps_back(struct str path); /* it has ".." in it */
rule_check rule_preemption_policy;

#endif
