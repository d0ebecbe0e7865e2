/* SPDX-License-Identifier: Apache-2.0 */
/* The rows. */
#include "apiserver/rbac_defaults.h"

#include <stddef.h>

/* clang-format off: rows of data */
#define READ "get list watch"
#define WRITE "create delete deletecollection patch update"
#define ALL "create delete deletecollection get list patch update watch"
#define CERTIFICATES "certificates.k8s.io"
#define RBAC "rbac.authorization.k8s.io"

static const struct default_rule cluster_admin[] = {
	{ "*", "*", "*" },
	{ "*", .paths = "*" },
	{ 0 },
};

static const struct default_rule to_admin[] = {
	{ "create", "authorization.k8s.io", "localsubjectaccessreviews" },
	{ ALL, RBAC, "rolebindings roles" },
	{ 0 },
};

static const struct default_rule to_edit[] = {
	{ READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy" },
	{ "impersonate", "core", "serviceaccounts" },
	{ WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy" },
	{ "create", "core", "pods/eviction" },
	{ WRITE, "core", "configmaps events persistentvolumeclaims replicationcontrollers "
		"replicationcontrollers/scale secrets serviceaccounts services services/proxy" },
	{ "create", "core", "serviceaccounts/token" },
	{ WRITE, "apps", "daemonsets deployments deployments/rollback deployments/scale replicasets "
		"replicasets/scale statefulsets statefulsets/scale" },
	{ WRITE, "autoscaling", "horizontalpodautoscalers" },
	{ WRITE, "batch", "cronjobs jobs" },
	{ WRITE, "extensions", "daemonsets deployments deployments/rollback deployments/scale ingresses "
		"networkpolicies replicasets replicasets/scale replicationcontrollers/scale" },
	{ WRITE, "policy", "poddisruptionbudgets" },
	{ WRITE, "networking.k8s.io", "ingresses networkpolicies" },
	{ ALL, "coordination.k8s.io", "leases" },
	{ WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates" },
	{ 0 },
};

static const struct default_rule to_view[] = {
	{ READ, "core", "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
		"replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status" },
	{ READ, "core", "bindings events limitranges namespaces/status pods/log pods/status "
		"replicationcontrollers/status resourcequotas resourcequotas/status" },
	{ READ, "core", "namespaces" },
	{ READ, "discovery.k8s.io", "endpointslices" },
	{ READ, "apps", "controllerrevisions daemonsets daemonsets/status deployments deployments/scale "
		"deployments/status replicasets replicasets/scale replicasets/status statefulsets "
		"statefulsets/scale statefulsets/status" },
	{ READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status" },
	{ READ, "batch", "cronjobs cronjobs/status jobs jobs/status" },
	{ READ, "extensions", "daemonsets daemonsets/status deployments deployments/scale deployments/status "
		"ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status "
		"replicationcontrollers/scale" },
	{ READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status" },
	{ READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies" },
	{ READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates" },
	{ 0 },
};

static const struct default_rule auth_delegator[] = {
	{ "create", "authentication.k8s.io", "tokenreviews" },
	{ "create", "authorization.k8s.io", "subjectaccessreviews" },
	{ 0 },
};

static const struct default_rule basic_user[] = {
	{ "create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews" },
	{ "create", "authentication.k8s.io", "selfsubjectreviews" },
	{ 0 },
};

static const struct default_rule node_client[] = {
	{ "create", CERTIFICATES, "certificatesigningrequests/nodeclient" }, { 0 },
};
static const struct default_rule self_node_client[] = {
	{ "create", CERTIFICATES, "certificatesigningrequests/selfnodeclient" }, { 0 },
};
static const struct default_rule approve_client[] = {
	{ "approve", CERTIFICATES, "signers", .names = "kubernetes.io/kube-apiserver-client" }, { 0 },
};
static const struct default_rule approve_kubelet[] = {
	{ "approve", CERTIFICATES, "signers", .names = "kubernetes.io/kube-apiserver-client-kubelet" }, { 0 },
};
static const struct default_rule approve_serving[] = {
	{ "approve", CERTIFICATES, "signers", .names = "kubernetes.io/kubelet-serving" }, { 0 },
};
static const struct default_rule approve_legacy[] = {
	{ "approve", CERTIFICATES, "signers", .names = "kubernetes.io/legacy-unknown" }, { 0 },
};

static const struct default_rule discovery[] = {
	{ "get", .paths = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version "
		"/version/" },
	{ 0 },
};

static const struct default_rule heapster[] = {
	{ READ, "core", "events namespaces nodes pods" },
	{ READ, "extensions", "deployments" },
	{ 0 },
};

static const struct default_rule aggregator[] = { { READ, "core", "endpoints services" }, { 0 } };

static const struct default_rule controller_manager[] = {
	{ "create patch update", "core events.k8s.io", "events" },
	{ "create", "coordination.k8s.io", "leases" },
	{ "get update", "coordination.k8s.io", "leases", .names = "kube-controller-manager" },
	{ "create", "core", "secrets serviceaccounts" },
	{ "delete", "core", "secrets" },
	{ "get", "core", "configmaps namespaces secrets serviceaccounts" },
	{ "update", "core", "secrets serviceaccounts" },
	{ "create", "authentication.k8s.io", "tokenreviews" },
	{ "create", "authorization.k8s.io", "subjectaccessreviews" },
	{ "list watch", "*", "*" },
	{ "create", "core", "serviceaccounts/token" },
	{ 0 },
};

static const struct default_rule kube_dns[] = { { "list watch", "core", "endpoints services" }, { 0 } };

static const struct default_rule scheduler[] = {
	{ "create patch update", "core events.k8s.io", "events" },
	{ "create", "coordination.k8s.io", "leases" },
	{ "get update", "coordination.k8s.io", "leases", .names = "kube-scheduler" },
	{ READ, "core", "nodes" },
	{ "delete get list watch", "core", "pods" },
	{ "create", "core", "bindings pods/binding" },
	{ "patch update", "core", "pods/status" },
	{ READ, "core", "replicationcontrollers services" },
	{ READ, "apps extensions", "replicasets" },
	{ READ, "apps", "statefulsets" },
	{ READ, "policy", "poddisruptionbudgets" },
	{ READ, "core", "persistentvolumeclaims persistentvolumes" },
	{ "create", "authentication.k8s.io", "tokenreviews" },
	{ "create", "authorization.k8s.io", "subjectaccessreviews" },
	{ READ, "storage.k8s.io", "csinodes" },
	{ READ, "core", "namespaces" },
	{ READ, "storage.k8s.io", "csidrivers" },
	{ READ, "storage.k8s.io", "csistoragecapacities" },
	{ READ, "resource.k8s.io", "deviceclasses resourceslices" },
	{ "get list patch update watch", "resource.k8s.io", "resourceclaims" },
	{ "patch update", "resource.k8s.io", "resourceclaims/status" },
	{ 0 },
};

static const struct default_rule kubelet_api[] = {
	{ READ, "core", "nodes" },
	{ "proxy", "core", "nodes" },
	{ "*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats" },
	{ 0 },
};

static const struct default_rule monitoring[] = {
	{ "get", .paths = "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*" }, { 0 },
};

const struct default_rule rbac_node_rules[] = {
	{ "create", "authentication.k8s.io", "tokenreviews" },
	{ "create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews" },
	{ READ, "core", "services" },
	{ "create get list watch", "core", "nodes" },
	{ "patch update", "core", "nodes/status" },
	{ "patch update", "core", "nodes" },
	{ "create patch update", "core", "events" },
	{ READ, "core", "pods" },
	{ "create delete", "core", "pods" },
	{ "patch update", "core", "pods/status" },
	{ "create", "core", "pods/eviction" },
	{ READ, "core", "configmaps secrets" },
	{ "get", "core", "persistentvolumeclaims persistentvolumes" },
	{ "get", "core", "endpoints" },
	{ "create get list watch", CERTIFICATES, "certificatesigningrequests" },
	{ "create delete get patch update", "coordination.k8s.io", "leases" },
	{ "get", "storage.k8s.io", "volumeattachments" },
	{ "create", "core", "serviceaccounts/token" },
	{ "get patch update", "core", "persistentvolumeclaims/status" },
	{ READ, "storage.k8s.io", "csidrivers" },
	{ "create delete get patch update", "storage.k8s.io", "csinodes" },
	{ READ, "node.k8s.io", "runtimeclasses" },
	{ "get", "resource.k8s.io", "resourceclaims" },
	{ "deletecollection", "resource.k8s.io", "resourceslices" },
	{ 0 },
};

static const struct default_rule node_bootstrapper[] = {
	{ "create get list watch", CERTIFICATES, "certificatesigningrequests" }, { 0 },
};

static const struct default_rule problem_detector[] = {
	{ "get", "core", "nodes" },
	{ "patch", "core", "nodes/status" },
	{ "create patch update", "core events.k8s.io", "events" },
	{ 0 },
};

static const struct default_rule proxier[] = {
	{ "list watch", "core", "endpoints services" },
	{ READ, "core", "nodes" },
	{ "create patch update", "core events.k8s.io", "events" },
	{ "list watch", "discovery.k8s.io", "endpointslices" },
	{ "list watch", "networking.k8s.io", "servicecidrs" },
	{ 0 },
};

static const struct default_rule provisioner[] = {
	{ "create delete get list watch", "core", "persistentvolumes" },
	{ "get list update watch", "core", "persistentvolumeclaims" },
	{ READ, "storage.k8s.io", "storageclasses" },
	{ "watch", "core", "events" },
	{ "create patch update", "core events.k8s.io", "events" },
	{ 0 },
};

static const struct default_rule public_viewer[] = {
	{ "get", .paths = "/healthz /livez /readyz /version /version/" }, { 0 },
};

static const struct default_rule issuer_discovery[] = {
	{ "get", .paths = "/.well-known/openid-configuration /.well-known/openid-configuration/ "
		"/openid/v1/jwks /openid/v1/jwks/" },
	{ 0 },
};

static const struct default_rule volume_scheduler[] = {
	{ "get list patch update watch", "core", "persistentvolumes" },
	{ READ, "storage.k8s.io", "storageclasses" },
	{ "get list patch update watch", "core", "persistentvolumeclaims" },
	{ 0 },
};

/* --- in namespaces --- */

static const struct default_rule authentication_reader[] = {
	{ READ, "core", "configmaps", .names = "extension-apiserver-authentication" }, { 0 },
};
static const struct default_rule bootstrap_signer_secrets[] = { { READ, "core", "secrets" }, { 0 } };
static const struct default_rule bootstrap_signer_public[] = {
	{ READ, "core", "configmaps" },
	{ "update", "core", "configmaps", .names = "cluster-info" },
	{ "create patch update", "core events.k8s.io", "events" },
	{ 0 },
};
static const struct default_rule token_cleaner[] = {
	{ "delete get list watch", "core", "secrets" },
	{ "create patch update", "core events.k8s.io", "events" },
	{ 0 },
};
static const struct default_rule cloud_provider[] = {
	{ "create get list patch update watch", "core", "configmaps" }, { 0 },
};
static const struct default_rule leader_controller_manager[] = {
	{ "watch", "core", "configmaps" },
	{ "get update", "core", "configmaps", .names = "kube-controller-manager" },
	{ 0 },
};
static const struct default_rule leader_scheduler[] = {
	{ "watch", "core", "configmaps" },
	{ "get update", "core", "configmaps", .names = "kube-scheduler" },
	{ 0 },
};

#define REQUESTS "system:certificates.k8s.io:certificatesigningrequests:"
#define SIGNERS "system:certificates.k8s.io:"

const struct default_role rbac_default_roles[] = {
	{ NULL, "cluster-admin", .rules = cluster_admin },
	{ NULL, "admin", .gathers = "admin" },
	{ NULL, "edit", .aggregates_to = "admin", .gathers = "edit" },
	{ NULL, "view", .aggregates_to = "edit", .gathers = "view" },
	{ NULL, "system:aggregate-to-admin", .aggregates_to = "admin", .rules = to_admin },
	{ NULL, "system:aggregate-to-edit", .aggregates_to = "edit", .rules = to_edit },
	{ NULL, "system:aggregate-to-view", .aggregates_to = "view", .rules = to_view },
	{ NULL, "system:auth-delegator", .rules = auth_delegator },
	{ NULL, "system:basic-user", .rules = basic_user },
	{ NULL, REQUESTS "nodeclient", .rules = node_client },
	{ NULL, REQUESTS "selfnodeclient", .rules = self_node_client },
	{ NULL, SIGNERS "kube-apiserver-client-approver", .rules = approve_client },
	{ NULL, SIGNERS "kube-apiserver-client-kubelet-approver", .rules = approve_kubelet },
	{ NULL, SIGNERS "kubelet-serving-approver", .rules = approve_serving },
	{ NULL, SIGNERS "legacy-unknown-approver", .rules = approve_legacy },
	{ NULL, "system:discovery", .rules = discovery },
	{ NULL, "system:heapster", .rules = heapster },
	{ NULL, "system:kube-aggregator", .rules = aggregator },
	{ NULL, "system:kube-controller-manager", .rules = controller_manager },
	{ NULL, "system:kube-dns", .rules = kube_dns },
	{ NULL, "system:kube-scheduler", .rules = scheduler },
	{ NULL, "system:kubelet-api-admin", .rules = kubelet_api },
	{ NULL, "system:monitoring", .rules = monitoring },
	{ NULL, "system:node", .rules = rbac_node_rules },
	{ NULL, "system:node-bootstrapper", .rules = node_bootstrapper },
	{ NULL, "system:node-problem-detector", .rules = problem_detector },
	{ NULL, "system:node-proxier", .rules = proxier },
	{ NULL, "system:persistent-volume-provisioner", .rules = provisioner },
	{ NULL, "system:public-info-viewer", .rules = public_viewer },
	{ NULL, "system:service-account-issuer-discovery", .rules = issuer_discovery },
	{ NULL, "system:volume-scheduler", .rules = volume_scheduler },
	{ "kube-system", "extension-apiserver-authentication-reader", .rules = authentication_reader },
	{ "kube-system", "system:controller:bootstrap-signer", .rules = bootstrap_signer_secrets },
	{ "kube-system", "system:controller:cloud-provider", .rules = cloud_provider },
	{ "kube-system", "system:controller:token-cleaner", .rules = token_cleaner },
	{ "kube-system", "system::leader-locking-kube-controller-manager", .rules = leader_controller_manager },
	{ "kube-system", "system::leader-locking-kube-scheduler", .rules = leader_scheduler },
	{ "kube-public", "system:controller:bootstrap-signer", .rules = bootstrap_signer_public },
	{ 0 },
};

#define BOTH "system:kube-controller-manager"
#define JOINING "system:bootstrappers:kubeadm:default-node-token"

const struct default_binding rbac_default_bindings[] = {
	{ NULL, "cluster-admin", "cluster-admin", .groups = "system:masters" },
	/* kubeadm's: the group of administrators in the kubeconfig that users have, and how nodes join */
	{ NULL, "kubeadm:cluster-admins", "cluster-admin", .groups = "kubeadm:cluster-admins" },
	{ NULL, "kubeadm:kubelet-bootstrap", "system:node-bootstrapper", .groups = JOINING },
	{ NULL, "kubeadm:node-autoapprove-bootstrap", REQUESTS "nodeclient", .groups = JOINING },
	{ NULL, "kubeadm:node-autoapprove-certificate-rotation", REQUESTS "selfnodeclient",
	  .groups = "system:nodes" },
	{ NULL, "system:basic-user", "system:basic-user", .groups = "system:authenticated" },
	{ NULL, "system:discovery", "system:discovery", .groups = "system:authenticated" },
	{ NULL, "system:kube-controller-manager", BOTH, .users = BOTH },
	{ NULL, "system:kube-dns", "system:kube-dns", .accounts = "kube-dns" },
	{ NULL, "system:kube-scheduler", "system:kube-scheduler", .users = "system:kube-scheduler" },
	{ NULL, "system:monitoring", "system:monitoring", .groups = "system:monitoring" },
	{ NULL, "system:node", "system:node" }, /* bound to nobody: nodes have an authorizer of their own */
	{ NULL, "system:node-proxier", "system:node-proxier", .users = "system:kube-proxy" },
	{ NULL, "system:public-info-viewer", "system:public-info-viewer",
	  .groups = "system:authenticated system:unauthenticated" },
	{ NULL, "system:service-account-issuer-discovery", "system:service-account-issuer-discovery",
	  .groups = "system:serviceaccounts" },
	{ NULL, "system:volume-scheduler", "system:volume-scheduler", .users = "system:kube-scheduler" },
	{ "kube-system", "system::extension-apiserver-authentication-reader",
	  "extension-apiserver-authentication-reader",
	  .users = "system:kube-controller-manager system:kube-scheduler" },
	{ "kube-system", "system::leader-locking-kube-controller-manager",
	  "system::leader-locking-kube-controller-manager", .users = BOTH, .accounts = "kube-controller-manager" },
	{ "kube-system", "system::leader-locking-kube-scheduler", "system::leader-locking-kube-scheduler",
	  .users = "system:kube-scheduler", .accounts = "kube-scheduler" },
	{ "kube-system", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
	  .accounts = "bootstrap-signer" },
	{ "kube-system", "system:controller:cloud-provider", "system:controller:cloud-provider",
	  .accounts = "cloud-provider" },
	{ "kube-system", "system:controller:token-cleaner", "system:controller:token-cleaner",
	  .accounts = "token-cleaner" },
	{ "kube-public", "system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
	  .accounts = "bootstrap-signer" },
	{ 0 },
};
