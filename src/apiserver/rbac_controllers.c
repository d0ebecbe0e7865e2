/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of controllers: each has a role and is bound to it as a service account of kube-system. */
#include "apiserver/rbac_defaults.h"

#include <stddef.h>

/* clang-format off: rows of data */
#define READ "get list watch"
#define CERTIFICATES "certificates.k8s.io"
#define RBAC "rbac.authorization.k8s.io"
#define STORAGE "storage.k8s.io"
#define DEVICES "resource.k8s.io"
#define EVENTS { "create patch update", "core events.k8s.io", "events" }

static const struct default_rule attachdetach_controller[] = {
	{ "list watch", "core", "persistentvolumeclaims persistentvolumes" },
	{ READ, "core", "nodes" },
	{ "patch update", "core", "nodes/status" },
	{ "list watch", "core", "pods" },
	EVENTS,
	{ "create delete get list watch", STORAGE, "volumeattachments" },
	{ READ, STORAGE, "csidrivers" },
	{ READ, STORAGE, "csinodes" },
	{ 0 },
};

static const struct default_rule certificate_controller[] = {
	{ "delete get list watch", CERTIFICATES, "certificatesigningrequests" },
	{ "update", CERTIFICATES, "certificatesigningrequests/approval certificatesigningrequests/status" },
	{ "approve", CERTIFICATES, "signers", .names = "kubernetes.io/kube-apiserver-client-kubelet" },
	{ "sign", CERTIFICATES, "signers",
	  .names = "kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client "
		   "kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving" },
	{ "create", "authorization.k8s.io", "subjectaccessreviews" },
	EVENTS,
	{ 0 },
};

static const struct default_rule clusterrole_aggregation_controller[] = {
	{ "escalate get list patch update watch", RBAC, "clusterroles" },
	{ 0 },
};

static const struct default_rule cronjob_controller[] = {
	{ "get list update watch", "batch", "cronjobs" },
	{ "create delete get list patch update watch", "batch", "jobs" },
	{ "update", "batch", "cronjobs/status" },
	{ "update", "batch", "cronjobs/finalizers" },
	{ "delete list watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule daemon_set_controller[] = {
	{ READ, "apps extensions", "daemonsets" },
	{ "update", "apps extensions", "daemonsets/status" },
	{ "update", "apps extensions", "daemonsets/finalizers" },
	{ "list watch", "core", "nodes" },
	{ "create delete list patch watch", "core", "pods" },
	{ "create", "core", "pods/binding" },
	{ "create delete get list patch update watch", "apps", "controllerrevisions" },
	EVENTS,
	{ 0 },
};

static const struct default_rule deployment_controller[] = {
	{ "get list update watch", "apps extensions", "deployments" },
	{ "update", "apps extensions", "deployments/status" },
	{ "update", "apps extensions", "deployments/finalizers" },
	{ "create delete get list patch update watch", "apps extensions", "replicasets" },
	{ "get list update watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule device_taint_eviction_controller[] = {
	{ "delete get list watch", "core", "pods" },
	{ "patch update", "core", "pods/status" },
	{ READ, DEVICES, "resourceclaims" },
	{ READ, DEVICES, "resourceslices" },
	{ READ, DEVICES, "deviceclasses" },
	{ READ, DEVICES, "devicetaintrules" },
	EVENTS,
	{ 0 },
};

static const struct default_rule disruption_controller[] = {
	{ READ, "apps extensions", "deployments" },
	{ READ, "apps extensions", "replicasets" },
	{ READ, "core", "replicationcontrollers" },
	{ READ, "policy", "poddisruptionbudgets" },
	{ READ, "apps", "statefulsets" },
	{ "update", "policy", "poddisruptionbudgets/status" },
	{ "patch update", "core", "pods/status" },
	{ "get", "*", "*/scale" },
	EVENTS,
	{ 0 },
};

static const struct default_rule endpoint_controller[] = {
	{ READ, "core", "pods services" },
	{ "create delete get list update watch", "core", "endpoints" },
	{ "create", "core", "endpoints/restricted" },
	EVENTS,
	{ 0 },
};

static const struct default_rule endpointslice_controller[] = {
	{ READ, "core", "nodes pods services" },
	{ "update", "core", "services/finalizers" },
	{ "create delete get list update watch", "discovery.k8s.io", "endpointslices" },
	EVENTS,
	{ 0 },
};

static const struct default_rule endpointslicemirroring_controller[] = {
	{ READ, "core", "endpoints services" },
	{ "update", "core", "services/finalizers" },
	{ "update", "core", "endpoints/finalizers" },
	{ "create delete get list update watch", "discovery.k8s.io", "endpointslices" },
	EVENTS,
	{ 0 },
};

static const struct default_rule ephemeral_volume_controller[] = {
	{ READ, "core", "pods" },
	{ "update", "core", "pods/finalizers" },
	{ "create get list watch", "core", "persistentvolumeclaims" },
	EVENTS,
	{ 0 },
};

static const struct default_rule expand_controller[] = {
	{ "get list patch update watch", "core", "persistentvolumes" },
	{ "patch update", "core", "persistentvolumeclaims/status" },
	{ READ, "core", "persistentvolumeclaims" },
	EVENTS,
	{ "get", "core", "services" },
	{ 0 },
};

static const struct default_rule generic_garbage_collector[] = {
	{ "delete get list patch update watch", "*", "*" },
	EVENTS,
	{ 0 },
};

static const struct default_rule horizontal_pod_autoscaler[] = {
	{ READ, "autoscaling", "horizontalpodautoscalers" },
	{ "update", "autoscaling", "horizontalpodautoscalers/status" },
	{ "get update", "*", "*/scale" },
	{ "list watch", "core", "pods" },
	{ "list watch", "metrics.k8s.io", "pods" },
	{ READ, "custom.metrics.k8s.io", "*" },
	{ READ, "external.metrics.k8s.io", "*" },
	EVENTS,
	{ 0 },
};

static const struct default_rule job_controller[] = {
	{ "get list patch update watch", "batch", "jobs" },
	{ "update", "batch", "jobs/status" },
	{ "update", "batch", "jobs/finalizers" },
	{ "create delete list patch watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule legacy_service_account_token_cleaner[] = {
	{ "get", "core", "configmaps", .names = "kube-apiserver-legacy-service-account-token-tracking" },
	{ "delete patch", "core", "secrets" },
	{ 0 },
};

static const struct default_rule namespace_controller[] = {
	{ "delete get list watch", "core", "namespaces" },
	{ "update", "core", "namespaces/finalize namespaces/status" },
	{ "delete deletecollection get list watch", "*", "*" },
	{ 0 },
};

static const struct default_rule node_controller[] = {
	{ "delete get list patch update watch", "core", "nodes" },
	{ "patch update", "core", "nodes/status" },
	{ "patch update", "core", "pods/status" },
	{ "delete get list watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule persistent_volume_binder[] = {
	{ "create delete get list update watch", "core", "persistentvolumes" },
	{ "update", "core", "persistentvolumes/status" },
	{ "get list update watch", "core", "persistentvolumeclaims" },
	{ "update", "core", "persistentvolumeclaims/status" },
	{ "create delete get list watch", "core", "pods" },
	{ READ, STORAGE, "storageclasses" },
	{ "list watch", "core", "nodes" },
	EVENTS,
	{ "watch", "core", "events" },
	{ "get", "core", "services" },
	{ 0 },
};

static const struct default_rule pod_garbage_collector[] = {
	{ "delete list watch", "core", "pods" },
	{ READ, "core", "nodes" },
	{ "patch", "core", "pods/status" },
	{ 0 },
};

static const struct default_rule pv_protection_controller[] = {
	{ "get list update watch", "core", "persistentvolumes" },
	EVENTS,
	{ 0 },
};

static const struct default_rule pvc_protection_controller[] = {
	{ "get list update watch", "core", "persistentvolumeclaims" },
	{ READ, "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule replicaset_controller[] = {
	{ "get list update watch", "apps extensions", "replicasets" },
	{ "update", "apps extensions", "replicasets/status" },
	{ "update", "apps extensions", "replicasets/finalizers" },
	{ "create delete list patch watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule replication_controller[] = {
	{ "get list update watch", "core", "replicationcontrollers" },
	{ "update", "core", "replicationcontrollers/status" },
	{ "update", "core", "replicationcontrollers/finalizers" },
	{ "create delete list patch watch", "core", "pods" },
	EVENTS,
	{ 0 },
};

static const struct default_rule resource_claim_controller[] = {
	{ READ, "core", "pods" },
	{ "update", "core", "pods/finalizers" },
	{ "create delete get list watch", DEVICES, "resourceclaims" },
	{ "patch update", DEVICES, "resourceclaims resourceclaims/status" },
	{ "patch update", "core", "pods/status" },
	EVENTS,
	{ 0 },
};

static const struct default_rule resourcequota_controller[] = {
	{ "list watch", "*", "*" },
	{ "update", "core", "resourcequotas/status" },
	EVENTS,
	{ 0 },
};

static const struct default_rule root_ca_cert_publisher[] = {
	{ "create update", "core", "configmaps" },
	EVENTS,
	{ 0 },
};

static const struct default_rule route_controller[] = {
	{ "list watch", "core", "nodes" },
	{ "patch", "core", "nodes/status" },
	EVENTS,
	{ 0 },
};

static const struct default_rule selinux_warning_controller[] = {
	EVENTS,
	{ READ, "core", "persistentvolumes" },
	{ READ, "core", "persistentvolumeclaims" },
	{ READ, "core", "pods" },
	{ READ, STORAGE, "csidrivers" },
	{ 0 },
};

static const struct default_rule service_account_controller[] = {
	{ "create", "core", "serviceaccounts" },
	EVENTS,
	{ 0 },
};

static const struct default_rule service_cidrs_controller[] = {
	{ "get list patch update watch", "networking.k8s.io", "servicecidrs" },
	{ "patch update", "networking.k8s.io", "servicecidrs/finalizers" },
	{ "patch update", "networking.k8s.io", "servicecidrs/status" },
	{ READ, "networking.k8s.io", "ipaddresses" },
	EVENTS,
	{ 0 },
};

static const struct default_rule service_controller[] = {
	{ READ, "core", "services" },
	{ "patch update", "core", "services/status" },
	{ "list watch", "core", "nodes" },
	EVENTS,
	{ 0 },
};

static const struct default_rule statefulset_controller[] = {
	{ "list watch", "core", "pods" },
	{ READ, "apps", "statefulsets" },
	{ "update", "apps", "statefulsets/status" },
	{ "update", "apps", "statefulsets/finalizers" },
	{ "create delete get patch update", "core", "pods" },
	{ "create delete get list patch update watch", "apps", "controllerrevisions" },
	{ "create get list watch", "core", "persistentvolumeclaims" },
	{ "delete update", "core", "persistentvolumeclaims" },
	{ "update", "core", "pods/finalizers" },
	EVENTS,
	{ 0 },
};

static const struct default_rule ttl_after_finished_controller[] = {
	{ "delete get list watch", "batch", "jobs" },
	EVENTS,
	{ 0 },
};

static const struct default_rule ttl_controller[] = {
	{ "list patch update watch", "core", "nodes" },
	EVENTS,
	{ 0 },
};

static const struct default_rule validatingadmissionpolicy_status_controller[] = {
	{ READ, "admissionregistration.k8s.io", "validatingadmissionpolicies" },
	{ "get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status" },
	EVENTS,
	{ 0 },
};

static const struct default_rule volumeattributesclass_protection_controller[] = {
	{ READ, "core", "persistentvolumeclaims" },
	{ READ, "core", "persistentvolumes" },
	{ "get list update watch", STORAGE, "volumeattributesclasses" },
	EVENTS,
	{ 0 },
};

#define ROW(name, rules) { NULL, RBAC_CONTROLLER_PREFIX name, NULL, NULL, rules }

const struct default_role rbac_controller_roles[] = {
	ROW("attachdetach-controller", attachdetach_controller),
	ROW("certificate-controller", certificate_controller),
	ROW("clusterrole-aggregation-controller", clusterrole_aggregation_controller),
	ROW("cronjob-controller", cronjob_controller),
	ROW("daemon-set-controller", daemon_set_controller),
	ROW("deployment-controller", deployment_controller),
	ROW("device-taint-eviction-controller", device_taint_eviction_controller),
	ROW("disruption-controller", disruption_controller),
	ROW("endpoint-controller", endpoint_controller),
	ROW("endpointslice-controller", endpointslice_controller),
	ROW("endpointslicemirroring-controller", endpointslicemirroring_controller),
	ROW("ephemeral-volume-controller", ephemeral_volume_controller),
	ROW("expand-controller", expand_controller),
	ROW("generic-garbage-collector", generic_garbage_collector),
	ROW("horizontal-pod-autoscaler", horizontal_pod_autoscaler),
	ROW("job-controller", job_controller),
	ROW("legacy-service-account-token-cleaner", legacy_service_account_token_cleaner),
	ROW("namespace-controller", namespace_controller),
	ROW("node-controller", node_controller),
	ROW("persistent-volume-binder", persistent_volume_binder),
	ROW("pod-garbage-collector", pod_garbage_collector),
	ROW("pv-protection-controller", pv_protection_controller),
	ROW("pvc-protection-controller", pvc_protection_controller),
	ROW("replicaset-controller", replicaset_controller),
	ROW("replication-controller", replication_controller),
	ROW("resource-claim-controller", resource_claim_controller),
	ROW("resourcequota-controller", resourcequota_controller),
	ROW("root-ca-cert-publisher", root_ca_cert_publisher),
	ROW("route-controller", route_controller),
	ROW("selinux-warning-controller", selinux_warning_controller),
	ROW("service-account-controller", service_account_controller),
	ROW("service-cidrs-controller", service_cidrs_controller),
	ROW("service-controller", service_controller),
	ROW("statefulset-controller", statefulset_controller),
	ROW("ttl-after-finished-controller", ttl_after_finished_controller),
	ROW("ttl-controller", ttl_controller),
	ROW("validatingadmissionpolicy-status-controller", validatingadmissionpolicy_status_controller),
	ROW("volumeattributesclass-protection-controller", volumeattributesclass_protection_controller),
	{ 0 },
};
