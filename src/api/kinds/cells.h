/* SPDX-License-Identifier: Apache-2.0 */
/* Cells that several kinds share, and the cell functions of all kinds that have their own. */
#ifndef CUBE_API_KINDS_CELLS_H
#define CUBE_API_KINDS_CELLS_H

#include "api/table.h"
#include "codec/json.h"

#define CELL_TEXT_MAX (64u << 10)

void cell_name(struct cells *c);
void cell_created_age(struct cells *c);
void cell_or(struct cells *c, struct str text,
	     const char *fallback);		    /* fallback when text is empty */
void cell_labels(struct cells *c, yyjson_val *map); /* "a=b,c=d" sorted, "<none>" */
void cell_selector(struct cells *c, yyjson_val *label_selector);
void cell_container_names(struct cells *c, yyjson_val *pod_spec);
void cell_container_images(struct cells *c, yyjson_val *pod_spec);
void cell_int_or_string(struct cells *c, yyjson_val *v, const char *fallback);

void pod_cells(struct cells *c);
void node_cells(struct cells *c);
void service_cells(struct cells *c);
void endpoints_cells(struct cells *c);
void endpoint_slice_cells(struct cells *c);
void event_cells(struct cells *c);
void secret_cells(struct cells *c);
void configmap_cells(struct cells *c);
void deployment_cells(struct cells *c);
void replicaset_cells(struct cells *c);
void replicationcontroller_cells(struct cells *c);
void daemonset_cells(struct cells *c);
void statefulset_cells(struct cells *c);
void job_cells(struct cells *c);
void cronjob_cells(struct cells *c);
void autoscaler_cells(struct cells *c);
void disruption_budget_cells(struct cells *c);
void ingress_cells(struct cells *c);
void ingressclass_cells(struct cells *c);
void networkpolicy_cells(struct cells *c);
void ipaddress_cells(struct cells *c);
void volume_cells(struct cells *c);
void claim_cells(struct cells *c);
void storageclass_cells(struct cells *c);
void binding_cells(struct cells *c);
void quota_cells(struct cells *c);
void signing_request_cells(struct cells *c);
void apiservice_cells(struct cells *c);
void podtemplate_cells(struct cells *c);
void revision_cells(struct cells *c);
void validating_policy_cells(struct cells *c);
void mutating_policy_cells(struct cells *c);
void policy_binding_cells(struct cells *c);
void flowschema_cells(struct cells *c);
void prioritylevel_cells(struct cells *c);

#endif
