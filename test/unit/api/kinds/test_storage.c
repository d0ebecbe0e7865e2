/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in volumes, claims and the kinds of storage.k8s.io, and what may change in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static void test_volume(void **state)
{
	static const char base[] = "metadata: {name: v}\nspec: {capacity: {storage: 1Gi}, "
				   "accessModes: [ReadWriteOnce], hostPath: {path: /a}}";
	static const struct kind_case cases[] = {
		{ "no source", "!spec: {hostPath: null}",
		  "spec: Required value: must specify a volume type" },
		{ "two sources", "spec: {nfs: {server: s, path: /x}}",
		  "spec.nfs: Forbidden: may not specify more than 1 volume type" },
		{ "no size", "!spec: {capacity: null}",
		  "spec.capacity: Required value\nspec.capacity: Unsupported value: null: "
		  "supported values: \"storage\"" },
		{ "nothing", "spec: {capacity: {storage: \"0\"}}",
		  "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero" },
		{ "an unknown mode", "!spec: {accessModes: [ReadOnce]}",
		  "spec.accessModes: Unsupported value: \"ReadOnce\": supported values: "
		  "\"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"" },
		{ "one pod and many", "!spec: {accessModes: [ReadWriteOncePod, ReadWriteMany]}",
		  "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access "
		  "modes" },
		{ "an unknown end", "spec: {persistentVolumeReclaimPolicy: Keep}",
		  "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported "
		  "values: \"Delete\", \"Recycle\", \"Retain\"" },
		{ "all of the node recycled",
		  "spec: {hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle}",
		  "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a "
		  "hostPath mount of '/'" },
		{ "local to nowhere", "!spec: {hostPath: null, local: {path: /a}}",
		  "spec.nodeAffinity: Required value: Local volume requires node affinity" },
		{ "a driver without a handle", "!spec: {hostPath: null, csi: {driver: d}}",
		  "spec.csi.volumeHandle: Required value" },
	};

	check_creates(&kind_persistentvolume, base, cases, ARRAY_COUNT(cases));
}

static void test_volume_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: v}\nspec: {capacity: {storage: 1Gi}, accessModes: "
		"[ReadWriteOnce], hostPath: {path: /a}}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "another path", "spec: {hostPath: {path: /b}}",
		  "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is "
		  "immutable after creation..." },
		{ "another size", "spec: {capacity: {storage: 2Gi}}", "" },
		{ "another mode", "spec: {volumeMode: Block}",
		  "volumeMode: Invalid value: \"Block\": field is immutable" },
	};

	check_updates(&kind_persistentvolume, &update, cases, ARRAY_COUNT(cases));
}

static void test_claim(void **state)
{
	static const char base[] = "metadata: {name: c}\nspec: {accessModes: [ReadWriteOnce], "
				   "resources: {requests: {storage: 1Gi}}}";
	static const struct kind_case cases[] = {
		{ "no mode", "!spec: {accessModes: []}",
		  "spec.accessModes: Required value: at least 1 access mode is required" },
		{ "no size", "!spec: {resources: null}",
		  "spec.resources[storage]: Required value" },
		{ "a source of another kind", "spec: {dataSource: {kind: Pod, name: a}}",
		  "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when "
		  "referencing the default apiGroup\nspec.dataSourceRef: Invalid value: \"Pod\": "
		  "must be 'PersistentVolumeClaim' when referencing the default apiGroup" },
	};

	check_creates(&kind_persistentvolumeclaim, base, cases, ARRAY_COUNT(cases));
}

static void test_claim_status(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: c}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: "
		"{storage: 1Gi}}}",
		"", "status"
	};
	static const struct kind_case cases[] = {
		{ "less than nothing",
		  "status: {capacity: {storage: -1}, allocatedResources: {storage: -2}}",
		  "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity\n"
		  "status.allocatedResources[storage]: Invalid value: -2: must be a valid resource "
		  "quantity" },
		{ "growing in another way",
		  "status: {allocatedResourceStatuses: {storage: Growing}}",
		  "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported "
		  "values: "
		  "\"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", "
		  "\"NodeResizeInProgress\", \"NodeResizeInfeasible\", \"NodeResizePending\"" },
	};

	check_updates(&kind_persistentvolumeclaim, &update, cases, ARRAY_COUNT(cases));
}

static void test_claim_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: c}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: "
		"{storage: 1Gi}}}",
		"status: {phase: Bound, capacity: {storage: 1Gi}}", ""
	};
	static const struct kind_case cases[] = {
		{ "more", "spec: {resources: {requests: {storage: 2Gi}}}", "" },
		{ "less than it has", "spec: {resources: {requests: {storage: 512Mi}}}",
		  "spec.resources.requests.storage: Forbidden: field can not be less than "
		  "status.capacity" },
		{ "a volume", "spec: {volumeName: v}", "" },
		{ "other modes", "!spec: {accessModes: [ReadOnlyMany]}",
		  "spec: Forbidden: spec is immutable after creation except resources.requests and "
		  "volumeAttributesClassName for bound claims..." },
	};

	check_updates(&kind_persistentvolumeclaim, &update, cases, ARRAY_COUNT(cases));
}

static void test_storageclass(void **state)
{
	static const char base[] = "metadata: {name: s}\nprovisioner: a.b/c";
	static const struct kind_case cases[] = {
		{ "no provisioner", "provisioner: \"\"", "provisioner: Required value" },
		{ "an unknown end", "reclaimPolicy: Recycle",
		  "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", "
		  "\"Retain\"" },
		{ "an unknown time", "volumeBindingMode: Later",
		  "volumeBindingMode: Unsupported value: \"Later\": supported values: "
		  "\"Immediate\", \"WaitForFirstConsumer\"" },
		{ "no values",
		  "allowedTopologies: [{matchLabelExpressions: [{key: a, values: []}]}]",
		  "allowedTopologies[0].matchLabelExpressions[0].values: Required value" },
		{ "terms alike, in another order",
		  "allowedTopologies: [{matchLabelExpressions: [{key: a, values: [u, v]}, {key: b, values: "
		  "[z]}]}, {matchLabelExpressions: [{key: b, values: [z]}, {key: a, values: [v, u]}]}]",
		  "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"" },
		{ "a term that asks for nothing", "allowedTopologies: [{matchLabelExpressions: []}]",
		  "allowedTopologies[0].matchLabelExpressions: Duplicate value: \"\"" },
		{ "terms that differ in a value, or in whose it is",
		  "allowedTopologies: [{matchLabelExpressions: [{key: a, values: [u]}]}, "
		  "{matchLabelExpressions: [{key: a, values: [u, v]}]}, {matchLabelExpressions: [{key: b, "
		  "values: [u]}]}]",
		  NULL },
	};

	check_creates(&kind_storageclass, base, cases, ARRAY_COUNT(cases));
}

static void test_storageclass_update(void **state)
{
	static const struct kind_update update = { "metadata: {name: s}\nprovisioner: a.b/c", "",
						   "" };
	static const struct kind_case cases[] = {
		{ "another provisioner", "provisioner: a.b/d",
		  "provisioner: Forbidden: updates to provisioner are forbidden." },
		{ "another end", "reclaimPolicy: Retain",
		  "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden." },
		{ "growing", "allowVolumeExpansion: true", "" },
	};

	check_updates(&kind_storageclass, &update, cases, ARRAY_COUNT(cases));
}

static void test_csidriver(void **state)
{
	static const struct kind_update update = { "metadata: {name: d}\nspec: {}", "", "" };
	static const struct kind_case cases[] = {
		{ "attached", "spec: {attachRequired: false}",
		  "spec.attachedRequired: Invalid value: false: field is immutable" },
		{ "an unknown policy", "spec: {fsGroupPolicy: Foo}",
		  "spec.fsGroupPolicy: Unsupported value: \"Foo\": supported values: \"File\", "
		  "\"None\", \"ReadWriteOnceWithFSType\"" },
	};

	check_updates(&kind_csidriver, &update, cases, ARRAY_COUNT(cases));
}

static void test_csinode_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: node}\nspec: {drivers: [{name: d, nodeID: node}]}", "", ""
	};
	static const struct kind_case cases[] = {
		{ "another id", "spec: {drivers: [{name: d, nodeID: a}]}",
		  "spec.drivers: Invalid value: "
		  "{\"Name\":\"d\",\"NodeID\":\"a\",\"TopologyKeys\":null,\"Allocatable\":null}: "
		  "field is immutable" },
		{ "more of it", "spec: {drivers: [{name: d, allocatable: {count: 2}}]}", "" },
	};

	check_updates(&kind_csinode, &update, cases, ARRAY_COUNT(cases));
}

static void test_csinode(void **state)
{
	static const char base[] =
		"metadata: {name: node}\nspec: {drivers: [{name: d, nodeID: node}]}";
	static const struct kind_case cases[] = {
		{ "no id", "spec: {drivers: [{name: d, nodeID: \"\"}]}",
		  "spec.drivers[0].nodeID: Required value" },
		{ "one driver twice",
		  "!spec: {drivers: [{name: d, nodeID: node}, {name: d, nodeID: node}]}",
		  "spec.drivers[1].name: Duplicate value: \"d\"" },
	};

	check_creates(&kind_csinode, base, cases, ARRAY_COUNT(cases));
}

#define NOT_INLINE "may not be specified in the context of inline volumes"

static void test_attachment(void **state)
{
	static const char base[] = "metadata: {name: a}\nspec: {attacher: d, nodeName: node, "
				   "source: {persistentVolumeName: v}}";
	static const struct kind_case cases[] = {
		{ "nothing attached", "!spec: {source: null}",
		  "spec.source: Required value: must specify exactly one of inlineVolumeSpec and "
		  "persistentVolumeName" },
		{ "nobody", "spec: {attacher: \"\"}",
		  "spec.attacher: Required value\nspec.attacher: Invalid value: \"\": a "
		  "lowercase..." },
		{ "a volume of its own",
		  "spec: {source: {persistentVolumeName: null, inlineVolumeSpec: {accessModes: "
		  "[ReadWriteOnce], csi: {driver: "
		  "d, volumeHandle: h}}}}",
		  "" },
		{ "a volume like any",
		  "spec: {source: {persistentVolumeName: null, inlineVolumeSpec: {capacity: "
		  "{storage: 1}, volumeMode: Block, "
		  "storageClassName: c, persistentVolumeReclaimPolicy: Delete, hostPath: {path: "
		  "/a}}}}",
		  "spec.source.inlineVolumeSpec.capacity: Forbidden: " NOT_INLINE
		  "\nspec.source.inlineVolumeSpec.csi: Required value: has to be specified in the "
		  "context of inline volumes\nspec.source.inlineVolumeSpec.accessModes: Required "
		  "value\nspec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: "
		  "may "
		  "only be Retain in the context of inline "
		  "volumes\nspec.source.inlineVolumeSpec.storageClassName: Forbidden: " NOT_INLINE
		  "\nspec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify "
		  "volumeMode "
		  "other than Filesystem in the context of inline volumes" },
	};

	check_creates(&kind_volumeattachment, base, cases, ARRAY_COUNT(cases));
}

static void test_attributesclass(void **state)
{
	static const char base[] = "metadata: {name: a}\ndriverName: d\nparameters: {a: b}";
	static const struct kind_case cases[] = {
		{ "no parameters", "!parameters: null",
		  "parameters: Required value: must contain at least one key/value pair" },
	};

	check_creates(&kind_volumeattributesclass, base, cases, ARRAY_COUNT(cases));
}

static void test_attachment_status(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: a}\nspec: {attacher: d, nodeName: node, source: "
		"{persistentVolumeName: v}}",
		"", "status"
	};
	static const struct kind_case cases[] = {
		{ "a negative code", "status: {attached: false, attachError: {errorCode: -1}}",
		  "status.attachError.errorCode: Invalid value: -1: must be between 0 and "
		  "2147483647, inclusive" },
		{ "a code", "status: {attached: false, detachError: {errorCode: 1}}", "" },
	};

	check_updates(&kind_volumeattachment, &update, cases, ARRAY_COUNT(cases));
}

static void test_attributesclass_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: a}\ndriverName: d\nparameters: {a: b}", "", ""
	};
	static const struct kind_case cases[] = {
		{ "all else", "driverName: e\nparameters: {a: c}",
		  "driverName: Forbidden: updates to driverName are forbidden.\nparameters: "
		  "Forbidden: updates to parameters are forbidden." },
	};

	check_updates(&kind_volumeattributesclass, &update, cases, ARRAY_COUNT(cases));
}

static void test_capacity(void **state)
{
	static const struct kind_update update = { "metadata: {name: a}\nstorageClassName: s", "",
						   "" };
	static const struct kind_case cases[] = {
		{ "another class", "storageClassName: b",
		  "storageClassName: Invalid value: \"b\": field is immutable" },
		{ "no class", "storageClassName: \"\"",
		  "storageClassName: Invalid value: \"\": a lowercase RFC 1123 subdomain must...\n"
		  "storageClassName: Invalid value: \"\": field is immutable" },
		{ "a largest size that is none", "maximumVolumeSize: \"-1\"", "" },
		{ "less than nothing", "capacity: \"-1\"",
		  "capacity: Invalid value: \"-1\": must be greater than or equal to 0" },
	};

	check_updates(&kind_csistoragecapacity, &update, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_volume_update),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_claim_update),
		cmocka_unit_test(test_claim_status),
		cmocka_unit_test(test_storageclass),
		cmocka_unit_test(test_storageclass_update),
		cmocka_unit_test(test_csidriver),
		cmocka_unit_test(test_csinode),
		cmocka_unit_test(test_csinode_update),
		cmocka_unit_test(test_attachment),
		cmocka_unit_test(test_attachment_status),
		cmocka_unit_test(test_attributesclass),
		cmocka_unit_test(test_attributesclass_update),
		cmocka_unit_test(test_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
