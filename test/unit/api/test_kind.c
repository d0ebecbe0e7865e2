/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind that is served, as clients find it by discovery and print it: a kind, a name, a verb,
 * a sub-resource or a column more or less is noticed here. And the lists that patches and apply
 * merge by keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "api/kind.h"
#include "api/schema.h"
#include "base/attr.h"
#include "base/buf.h"

struct served {
	const char *api_version, *name;
	const char *names; /* plural, then short names */
	const char *categories;
	bool namespaced, enabled;
	const char *verbs; /* "all" = the eight of ordinary kinds */
	const char *subresources;
	const char *columns; /* wide ones with '+' */
};

static const struct served served[] = {
	{ "v1", "Binding", "bindings", "", true, true, "create", "", "" },
	{ "v1", "ComponentStatus", "componentstatuses cs", "", false, true, "get list", "",
	  "Name, Status, Message, Error" },
	{ "v1", "ConfigMap", "configmaps cm", "", true, true, "all", "", "Name, Data, Age" },
	{ "v1", "Endpoints", "endpoints ep", "", true, true, "all", "", "Name, Endpoints, Age" },
	{ "v1", "Event", "events ev", "", true, true, "all", "",
	  "Last Seen, Type, Reason, Object, Subobject+, Source+, Message, First Seen+, Count+, "
	  "Name+" },
	{ "v1", "LimitRange", "limitranges limits", "", true, true, "all", "", "Name, Created At" },
	{ "v1", "Namespace", "namespaces ns", "", false, true,
	  "create delete get list patch update watch", "finalize status", "Name, Status, Age" },
	{ "v1", "Node", "nodes no", "", false, true, "all", "proxy status",
	  "Name, Status, Roles, Age, Version, Internal-IP+, External-IP+, OS-Image+, "
	  "Kernel-Version+, Container-Runtime+" },
	{ "v1", "PersistentVolumeClaim", "persistentvolumeclaims pvc", "", true, true, "all",
	  "status",
	  "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, "
	  "VolumeMode+" },
	{ "v1", "PersistentVolume", "persistentvolumes pv", "", false, true, "all", "status",
	  "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, "
	  "VolumeAttributesClass, Reason, Age, VolumeMode+" },
	{ "v1", "Pod", "pods po", "all", true, true, "all",
	  "attach binding ephemeralcontainers eviction exec log portforward proxy resize status",
	  "Name, Ready, Status, Restarts, Age, IP+, Node+, Nominated Node+, Readiness Gates+" },
	{ "v1", "PodTemplate", "podtemplates", "", true, true, "all", "",
	  "Name, Containers, Images, Pod Labels" },
	{ "v1", "ReplicationController", "replicationcontrollers rc", "all", true, true, "all",
	  "scale status", "Name, Desired, Current, Ready, Age, Containers+, Images+, Selector+" },
	{ "v1", "ResourceQuota", "resourcequotas quota", "", true, true, "all", "status",
	  "Name, Request, Limit, Age" },
	{ "v1", "Secret", "secrets", "", true, true, "all", "", "Name, Type, Data, Age" },
	{ "v1", "ServiceAccount", "serviceaccounts sa", "", true, true, "all", "token",
	  "Name, Age" },
	{ "v1", "Service", "services svc", "all", true, true, "all", "proxy status",
	  "Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector+" },
	{ "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies",
	  "api-extensions", false, true, "all", "", "Name, Mutations, ParamKind, Age" },
	{ "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy",
	  "mutatingadmissionpolicies", "api-extensions", false, false, "all", "",
	  "Name, Mutations, ParamKind, Age" },
	{ "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding",
	  "mutatingadmissionpolicybindings", "api-extensions", false, true, "all", "",
	  "Name, PolicyName, ParamRef, Age" },
	{ "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicyBinding",
	  "mutatingadmissionpolicybindings", "api-extensions", false, false, "all", "",
	  "Name, PolicyName, ParamRef, Age" },
	{ "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
	  "mutatingwebhookconfigurations", "api-extensions", false, true, "all", "",
	  "Name, Webhooks, Age" },
	{ "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy",
	  "validatingadmissionpolicies", "api-extensions", false, true, "all", "status",
	  "Name, Validations, ParamKind, Age" },
	{ "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding",
	  "validatingadmissionpolicybindings", "api-extensions", false, true, "all", "",
	  "Name, PolicyName, ParamRef, Age" },
	{ "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration",
	  "validatingwebhookconfigurations", "api-extensions", false, true, "all", "",
	  "Name, Webhooks, Age" },
	{ "apiextensions.k8s.io/v1", "CustomResourceDefinition",
	  "customresourcedefinitions crd crds", "api-extensions", false, true, "all", "status",
	  "Name, Created At" },
	{ "apiregistration.k8s.io/v1", "APIService", "apiservices", "api-extensions", false, true,
	  "all", "status", "Name, Service, Available, Age" },
	{ "apps/v1", "ControllerRevision", "controllerrevisions", "", true, true, "all", "",
	  "Name, Controller, Revision, Age" },
	{ "apps/v1", "DaemonSet", "daemonsets ds", "all", true, true, "all", "status",
	  "Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age, Containers+, "
	  "Images+, Selector+" },
	{ "apps/v1", "Deployment", "deployments deploy", "all", true, true, "all", "scale status",
	  "Name, Ready, Up-to-date, Available, Age, Containers+, Images+, Selector+" },
	{ "apps/v1", "ReplicaSet", "replicasets rs", "all", true, true, "all", "scale status",
	  "Name, Desired, Current, Ready, Age, Containers+, Images+, Selector+" },
	{ "apps/v1", "StatefulSet", "statefulsets sts", "all", true, true, "all", "scale status",
	  "Name, Ready, Age, Containers+, Images+" },
	{ "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", "", false, true,
	  "create", "", "" },
	{ "authentication.k8s.io/v1", "TokenReview", "tokenreviews", "", false, true, "create", "",
	  "" },
	{ "authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", "",
	  true, true, "create", "", "" },
	{ "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "",
	  false, true, "create", "", "" },
	{ "authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", "", false,
	  true, "create", "", "" },
	{ "authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", "", false, true,
	  "create", "", "" },
	{ "autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers hpa", "all", true,
	  true, "all", "status", "Name, Reference, Targets, MinPods, MaxPods, Replicas, Age" },
	{ "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers hpa", "all", true,
	  true, "all", "status", "Name, Reference, Targets, MinPods, MaxPods, Replicas, Age" },
	{ "batch/v1", "CronJob", "cronjobs cj", "all", true, true, "all", "status",
	  "Name, Schedule, Timezone, Suspend, Active, Last Schedule, Age, Containers+, Images+, "
	  "Selector+" },
	{ "batch/v1", "Job", "jobs", "all", true, true, "all", "status",
	  "Name, Status, Completions, Duration, Age, Containers+, Images+, Selector+" },
	{ "certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests csr",
	  "", false, true, "all", "approval status",
	  "Name, Age, SignerName, Requestor, RequestedDuration, Condition" },
	{ "certificates.k8s.io/v1beta1", "ClusterTrustBundle", "clustertrustbundles", "", false,
	  false, "all", "", "Name, SignerName" },
	{ "certificates.k8s.io/v1beta1", "PodCertificateRequest", "podcertificaterequests", "",
	  true, false, "all", "status",
	  "Name, PodName, ServiceAccountName, NodeName, SignerName, State, "
	  "UnverifiedUserAnnotations" },
	{ "coordination.k8s.io/v1beta1", "LeaseCandidate", "leasecandidates", "", true, false,
	  "all", "", "Name, LeaseName, BinaryVersion, EmulationVersion, Age" },
	{ "coordination.k8s.io/v1", "Lease", "leases", "", true, true, "all", "",
	  "Name, Holder, Age" },
	{ "discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "", true, true, "all", "",
	  "Name, AddressType, Ports, Endpoints, Age" },
	{ "events.k8s.io/v1", "Event", "events ev", "", true, true, "all", "",
	  "Last Seen, Type, Reason, Object, Subobject+, Source+, Message, First Seen+, Count+, "
	  "Name+" },
	{ "flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", "", false, true, "all",
	  "status",
	  "Name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL" },
	{ "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
	  "prioritylevelconfigurations", "", false, true, "all", "status",
	  "Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age" },
	{ "networking.k8s.io/v1", "IngressClass", "ingressclasses", "", false, true, "all", "",
	  "Name, Controller, Parameters, Age" },
	{ "networking.k8s.io/v1", "Ingress", "ingresses ing", "", true, true, "all", "status",
	  "Name, Class, Hosts, Address, Ports, Age" },
	{ "networking.k8s.io/v1", "IPAddress", "ipaddresses ip", "", false, true, "all", "",
	  "Name, ParentRef" },
	{ "networking.k8s.io/v1beta1", "IPAddress", "ipaddresses ip", "", false, false, "all", "",
	  "Name, ParentRef" },
	{ "networking.k8s.io/v1", "NetworkPolicy", "networkpolicies netpol", "", true, true, "all",
	  "", "Name, Pod-Selector, Age" },
	{ "networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", "", false, true, "all", "status",
	  "Name, CIDRs, Age" },
	{ "networking.k8s.io/v1beta1", "ServiceCIDR", "servicecidrs", "", false, false, "all",
	  "status", "Name, CIDRs, Age" },
	{ "node.k8s.io/v1", "RuntimeClass", "runtimeclasses", "", false, true, "all", "",
	  "Name, Handler, Age" },
	{ "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets pdb", "", true, true, "all",
	  "status", "Name, Min Available, Max Unavailable, Allowed Disruptions, Age" },
	{ "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "", false,
	  true, "all", "", "Name, Role, Age, Users+, Groups+, ServiceAccounts+" },
	{ "rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "", false, true, "all", "",
	  "Name, Created At" },
	{ "rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", "", true, true, "all", "",
	  "Name, Role, Age, Users+, Groups+, ServiceAccounts+" },
	{ "rbac.authorization.k8s.io/v1", "Role", "roles", "", true, true, "all", "",
	  "Name, Created At" },
	{ "resource.k8s.io/v1", "DeviceClass", "deviceclasses", "", false, true, "all", "",
	  "Name, Age" },
	{ "resource.k8s.io/v1beta1", "DeviceClass", "deviceclasses", "", false, false, "all", "",
	  "Name, Age" },
	{ "resource.k8s.io/v1beta2", "DeviceClass", "deviceclasses", "", false, false, "all", "",
	  "Name, Age" },
	{ "resource.k8s.io/v1beta2", "DeviceTaintRule", "devicetaintrules", "", false, false, "all",
	  "status", "Name, Key, Value, Effect, TimeAdded, Age" },
	{ "resource.k8s.io/v1", "ResourceClaim", "resourceclaims", "", true, true, "all", "status",
	  "Name, State, Age" },
	{ "resource.k8s.io/v1beta1", "ResourceClaim", "resourceclaims", "", true, false, "all",
	  "status", "Name, State, Age" },
	{ "resource.k8s.io/v1beta2", "ResourceClaim", "resourceclaims", "", true, false, "all",
	  "status", "Name, State, Age" },
	{ "resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates", "", true, true,
	  "all", "", "Name, Age" },
	{ "resource.k8s.io/v1beta1", "ResourceClaimTemplate", "resourceclaimtemplates", "", true,
	  false, "all", "", "Name, Age" },
	{ "resource.k8s.io/v1beta2", "ResourceClaimTemplate", "resourceclaimtemplates", "", true,
	  false, "all", "", "Name, Age" },
	{ "resource.k8s.io/v1", "ResourceSlice", "resourceslices", "", false, true, "all", "",
	  "Name, Node, Driver, Pool, Age" },
	{ "resource.k8s.io/v1beta1", "ResourceSlice", "resourceslices", "", false, false, "all", "",
	  "Name, Node, Driver, Pool, Age" },
	{ "resource.k8s.io/v1beta2", "ResourceSlice", "resourceslices", "", false, false, "all", "",
	  "Name, Node, Driver, Pool, Age" },
	{ "scheduling.k8s.io/v1", "PriorityClass", "priorityclasses pc", "", false, true, "all", "",
	  "Name, Value, Global-Default, Age, PreemptionPolicy" },
	{ "storage.k8s.io/v1", "CSIDriver", "csidrivers", "", false, true, "all", "",
	  "Name, AttachRequired, PodInfoOnMount, StorageCapacity, TokenRequests, "
	  "RequiresRepublish, Modes, Age" },
	{ "storage.k8s.io/v1", "CSINode", "csinodes", "", false, true, "all", "",
	  "Name, Drivers, Age" },
	{ "storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities", "", true, true, "all",
	  "", "Name, StorageClassName, Capacity" },
	{ "storage.k8s.io/v1", "StorageClass", "storageclasses sc", "", false, true, "all", "",
	  "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age" },
	{ "storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", "", false, true, "all",
	  "status", "Name, Attacher, PV, Node, Attached, Age" },
	{ "storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses vac", "", false,
	  true, "all", "", "Name, DriverName, Age" },
	{ "storage.k8s.io/v1beta1", "VolumeAttributesClass", "volumeattributesclasses vac", "",
	  false, false, "all", "", "Name, DriverName, Age" },
	{ "storagemigration.k8s.io/v1beta1", "StorageVersionMigration", "storageversionmigrations",
	  "", false, false, "all", "status", "Name, Resource" },
};

/* type, field, keys of the list as a map ("" = a set) and of a strategic merge patch. */
static const struct {
	const char *type, *field, *keys, *merge_key;
} lists[] = {
	{ "admissionregistration/v1.MutatingAdmissionPolicySpec", "matchConditions", "name",
	  "name" },
	{ "admissionregistration/v1.MutatingWebhook", "matchConditions", "name", "name" },
	{ "admissionregistration/v1.MutatingWebhookConfiguration", "webhooks", "name", "name" },
	{ "admissionregistration/v1.ValidatingAdmissionPolicyBindingSpec", "validationActions", "",
	  "" },
	{ "admissionregistration/v1.ValidatingAdmissionPolicySpec", "matchConditions", "name",
	  "name" },
	{ "admissionregistration/v1.ValidatingAdmissionPolicySpec", "variables", "name", "name" },
	{ "admissionregistration/v1.ValidatingAdmissionPolicyStatus", "conditions", "type", "" },
	{ "admissionregistration/v1.ValidatingWebhook", "matchConditions", "name", "name" },
	{ "admissionregistration/v1.ValidatingWebhookConfiguration", "webhooks", "name", "name" },
	{ "apiextensions/v1.CustomResourceDefinitionStatus", "conditions", "type", "" },
	{ "apiextensions/v1.JSONSchemaProps", "x-kubernetes-validations", "rule", "rule" },
	{ "apiregistration/v1.APIServiceStatus", "conditions", "type", "type" },
	{ "apps/v1.DaemonSetStatus", "conditions", "type", "type" },
	{ "apps/v1.DeploymentStatus", "conditions", "type", "type" },
	{ "apps/v1.ReplicaSetStatus", "conditions", "type", "type" },
	{ "apps/v1.StatefulSetStatus", "conditions", "type", "type" },
	{ "autoscaling/v2.HorizontalPodAutoscalerStatus", "conditions", "type", "type" },
	{ "batch/v1.JobStatus", "conditions", "-", "type" },
	{ "batch/v1.PodFailurePolicyOnExitCodesRequirement", "values", "", "" },
	{ "batch/v1.UncountedTerminatedPods", "failed", "", "" },
	{ "batch/v1.UncountedTerminatedPods", "succeeded", "", "" },
	{ "certificates/v1.CertificateSigningRequestStatus", "conditions", "type", "" },
	{ "core/v1.ComponentStatus", "conditions", "type", "type" },
	{ "core/v1.Container", "env", "name", "name" },
	{ "core/v1.Container", "ports", "containerPort,protocol", "containerPort" },
	{ "core/v1.Container", "volumeDevices", "devicePath", "devicePath" },
	{ "core/v1.Container", "volumeMounts", "mountPath", "mountPath" },
	{ "core/v1.ContainerRestartRuleOnExitCodes", "values", "", "" },
	{ "core/v1.ContainerStatus", "allocatedResourcesStatus", "name", "name" },
	{ "core/v1.ContainerStatus", "volumeMounts", "mountPath", "mountPath" },
	{ "core/v1.EphemeralContainer", "env", "name", "name" },
	{ "core/v1.EphemeralContainer", "ports", "containerPort,protocol", "containerPort" },
	{ "core/v1.EphemeralContainer", "volumeDevices", "devicePath", "devicePath" },
	{ "core/v1.EphemeralContainer", "volumeMounts", "mountPath", "mountPath" },
	{ "core/v1.NamespaceStatus", "conditions", "type", "type" },
	{ "core/v1.NodeAllocatableResourceClaimStatus", "containers", "", "" },
	{ "core/v1.NodeSpec", "podCIDRs", "", "" },
	{ "core/v1.NodeStatus", "addresses", "type", "type" },
	{ "core/v1.NodeStatus", "conditions", "type", "type" },
	{ "core/v1.PersistentVolumeClaimStatus", "conditions", "type", "type" },
	{ "core/v1.PodSpec", "containers", "name", "name" },
	{ "core/v1.PodSpec", "ephemeralContainers", "name", "name" },
	{ "core/v1.PodSpec", "hostAliases", "ip", "ip" },
	{ "core/v1.PodSpec", "imagePullSecrets", "name", "name" },
	{ "core/v1.PodSpec", "initContainers", "name", "name" },
	{ "core/v1.PodSpec", "resourceClaims", "name", "name" },
	{ "core/v1.PodSpec", "schedulingGates", "name", "name" },
	{ "core/v1.PodSpec", "topologySpreadConstraints", "topologyKey,whenUnsatisfiable",
	  "topologyKey" },
	{ "core/v1.PodSpec", "volumes", "name", "name" },
	{ "core/v1.PodStatus", "conditions", "type", "type" },
	{ "core/v1.PodStatus", "hostIPs", "-", "ip" },
	{ "core/v1.PodStatus", "podIPs", "ip", "ip" },
	{ "core/v1.PodStatus", "resourceClaimStatuses", "name", "name" },
	{ "core/v1.ReplicationControllerStatus", "conditions", "type", "type" },
	{ "core/v1.ResourceRequirements", "claims", "name", "" },
	{ "core/v1.ResourceStatus", "resources", "resourceID", "" },
	{ "core/v1.ServiceAccount", "secrets", "name", "name" },
	{ "core/v1.ServiceSpec", "ports", "port,protocol", "port" },
	{ "core/v1.ServiceStatus", "conditions", "type", "type" },
	{ "discovery/v1.Endpoint", "addresses", "", "" },
	{ "flowcontrol/v1.FlowSchemaStatus", "conditions", "type", "type" },
	{ "flowcontrol/v1.NonResourcePolicyRule", "nonResourceURLs", "", "" },
	{ "flowcontrol/v1.NonResourcePolicyRule", "verbs", "", "" },
	{ "flowcontrol/v1.PriorityLevelConfigurationStatus", "conditions", "type", "type" },
	{ "flowcontrol/v1.ResourcePolicyRule", "apiGroups", "", "" },
	{ "flowcontrol/v1.ResourcePolicyRule", "namespaces", "", "" },
	{ "flowcontrol/v1.ResourcePolicyRule", "resources", "", "" },
	{ "flowcontrol/v1.ResourcePolicyRule", "verbs", "", "" },
	{ "meta/v1.ObjectMeta", "finalizers", "", "" },
	{ "meta/v1.ObjectMeta", "ownerReferences", "uid", "uid" },
	{ "networking/v1.ServiceCIDRStatus", "conditions", "type", "type" },
	{ "policy/v1.PodDisruptionBudgetStatus", "conditions", "type", "type" },
	{ "resource/v1.AllocatedDeviceStatus", "conditions", "type", "" },
	{ "resource/v1.ResourceClaimStatus", "devices", "driver,device,pool,shareID", "" },
	{ "resource/v1.ResourceClaimStatus", "reservedFor", "uid", "uid" },
	{ "storage/v1.CSIDriverSpec", "volumeLifecycleModes", "", "" },
	{ "storage/v1.CSINodeSpec", "drivers", "name", "name" },
	{ "apidiscovery/v2.APIGroupDiscovery", "versions", "version", "" },
	{ "apidiscovery/v2.APIResourceDiscovery", "verbs", "", "" },
	{ "apidiscovery/v2.APIResourceDiscovery", "shortNames", "", "" },
	{ "apidiscovery/v2.APIResourceDiscovery", "categories", "", "" },
	{ "apidiscovery/v2.APIResourceDiscovery", "subresources", "subresource", "" },
	{ "apidiscovery/v2.APISubresourceDiscovery", "acceptedTypes", "group,version,kind", "" },
	{ "apidiscovery/v2.APISubresourceDiscovery", "verbs", "", "" },
	{ "apidiscovery/v2.APIVersionDiscovery", "resources", "resource", "" },
};

static void put_names(struct buf *to, const char *const *names, const char *between)
{
	for (; names && *names; names++) {
		if (to->len)
			buf_put_c(to, between);
		buf_put_c(to, *names);
	}
}

static void put_verbs(struct buf *to, uint16_t verbs)
{
	static const char *const names[] = { "create", "delete", "deletecollection", "get",
					     "list",   "patch",	 "update",	     "watch" };

	if (verbs == 0xff) {
		buf_put_c(to, "all");
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (verbs >> i & 1)
			buf_printf(to, "%s%s", to->len ? " " : "", names[i]);
}

static void expect(const struct served *want, const char *what, struct buf *is, const char *text)
{
	if (!str_eq_c(buf_str(is), text))
		fail_msg("%s %s: %s: " STR_FMT ", want %s", want->api_version, want->name, what,
			 STR_ARG(buf_str(is)), text);
	buf_truncate(is, 0);
}

static bool is_enabled(const struct kind *kind)
{
	for (size_t i = 0; i < kind_group_count; i++)
		if (str_eq(kind_groups[i].group, kind->group) &&
		    str_eq(kind_groups[i].version, kind->version))
			return kind_groups[i].enabled;
	return false;
}

static void check_kind(const struct served *want, const struct kind *kind)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 4096);
	buf_printf(&text, STR_FMT, STR_ARG(kind->plural));
	put_names(&text, kind->short_names, " ");
	expect(want, "names", &text, want->names);
	put_names(&text, kind->categories, " ");
	expect(want, "categories", &text, want->categories);
	put_verbs(&text, kind->verbs);
	expect(want, "verbs", &text, want->verbs);
	for (const struct kind_subresource *s = kind->subresources; s && s->name; s++)
		buf_printf(&text, "%s%s", text.len ? " " : "", s->name);
	expect(want, "sub-resources", &text, want->subresources);
	for (const struct kind_column *c = kind->columns; c && c->name; c++)
		buf_printf(&text, "%s%s%s", text.len ? ", " : "", c->name, c->priority ? "+" : "");
	expect(want, "columns", &text, want->columns);
	assert_int_equal(kind_is_namespaced(kind), want->namespaced);
	assert_int_equal(is_enabled(kind), want->enabled);
}

static void test_served(void **state)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(served); i++) {
		const struct kind *kind = kind_find_api_version(str_from(served[i].api_version),
								str_from(served[i].name));

		if (!kind)
			fail_msg("no %s in %s", served[i].name, served[i].api_version);
		check_kind(&served[i], kind);
	}
	for (size_t i = 0; i < kind_count; i++)
		count += !(kind_table[i]->flags & KIND_UNSERVED);
	assert_int_equal(count, ARRAY_COUNT(served));
}

static void test_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		struct schema_at at = schema_find(str_from(lists[i].type));
		const struct schema_field *field = at.type ? schema_field(at,
									  str_from(lists[i].field))
							   : NULL;
		const struct schema_extra *extra;
		struct str keys;

		if (!field)
			fail_msg("no %s.%s", lists[i].type, lists[i].field);
		extra = schema_extra(at, field);
		keys = field->list == SCHEMA_LIST_MAP	? schema_str(at.set, extra->list_keys)
		       : field->list == SCHEMA_LIST_SET ? STR("")
							: STR("-");
		if (!str_eq_c(keys, lists[i].keys) ||
		    !str_eq_c(schema_str(at.set, extra->merge_key), lists[i].merge_key))
			fail_msg("%s.%s: keys " STR_FMT ", merge key " STR_FMT, lists[i].type,
				 lists[i].field, STR_ARG(keys),
				 STR_ARG(schema_str(at.set, extra->merge_key)));
	}
}

/* Breaks when a column is added without a word on what it shows. */
static void test_columns(void **state)
{
	const struct kind_column *drivers = kind_csinode.columns;

	for (size_t i = 0; i < kind_count; i++)
		for (const struct kind_column *c = kind_table[i]->columns; c && c->name; c++)
			if (!c->description[0] || strchr(c->type, ' '))
				fail_msg("column %s of " STR_FMT ": type '%s', description '%s'",
					 c->name, STR_ARG(kind_table[i]->name), c->type,
					 c->description);
	while (drivers->name && strcmp(drivers->name, "Drivers") != 0)
		drivers++;
	assert_string_equal(drivers->json_path, "spec.drivers#");
	assert_string_equal(drivers->description, "Number of storage drivers on the node.");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
