/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in pod specs that few have: volumes of storage systems, Windows, profiles of the
 * past; what is made of labels and annotations when a Pod is born. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static const char pod[] = "metadata: {name: p, labels: {app: a}}\n"
			  "spec: {containers: [{name: c, image: i}]}\n";

#define VOLUME(source_) "spec: {volumes: [{name: v, " source_ "}]}"
#define AT "spec.volumes[0]."

static void test_volumes(void **state)
{
	static const struct kind_case cases[] = {
		{ "a mount of a wrong volume",
		  "spec: {volumes: [{name: v, secret: {}}], containers: [{name: c, volumeMounts: "
		  "[{name: v, mountPath: /v}]}]}",
		  AT "secret.secretName: Required value\n"
		     "spec.containers[0].volumeMounts[0].name: Not found: \"v\"" },
		{ "a claim that will be made for another volume",
		  "spec: {volumes: [{name: a, ephemeral: {volumeClaimTemplate: {spec: "
		  "{accessModes: [ReadWriteOnce], "
		  "resources: {requests: {storage: 1Gi}}}}}}, {name: b, persistentVolumeClaim: "
		  "{claimName: p-a}}]}",
		  "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"p-a\": must "
		  "not reference a PVC "
		  "that gets created for an ephemeral volume" },
		{ "a disk with a partition too high",
		  VOLUME("gcePersistentDisk: {pdName: d, partition: 256}"),
		  AT "persistentDisk.partition: Invalid value: 256: must be between 1 and 255, "
		     "inclusive" },
		{ "no path of the node", VOLUME("hostPath: {path: ''}"),
		  AT "hostPath.path: Required value" },
		{ "a good name of an initiator",
		  VOLUME("iscsi: {targetPortal: t, iqn: 'iqn.2015-02.example.com:test', lun: 1}"),
		  "" },
		{ "iSCSI names",
		  VOLUME("iscsi: {targetPortal: t, iqn: 'iqn.2015-02.example.com', lun: 256, "
			 "initiatorName: abc}"),
		  AT
		  "iscsi.iqn: Invalid value: \"iqn.2015-02.example.com\": must be valid format\n" AT
		  "iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive\n" AT
		  "iscsi.initiatorname: Invalid value: \"abc\": must be valid format starting with "
		  "iqn, eui, or naa" },
		{ "naa",
		  VOLUME("iscsi: {targetPortal: t, iqn: naa.00000000000000000000000000000001}"),
		  "" },
		{ "eui", VOLUME("iscsi: {targetPortal: t, iqn: eui.012}"),
		  AT "iscsi.iqn: Invalid value: \"eui.012\": must be valid format" },
		{ "options of others",
		  VOLUME("flexVolume: {driver: d, options: {'A.Kubernetes.IO/x': '1'}}"),
		  AT "flexVolume.options[A.Kubernetes.IO/x]: Invalid value: \"A.Kubernetes.IO/x\": "
		     "kubernetes.io and k8s.io "
		     "namespaces are reserved" },
		{ "registries", VOLUME("quobyte: {registry: 'a:1,b', volume: v}"),
		  AT "quobyte.registry: Invalid value: \"a:1,b\": must be a host:port pair or "
		     "multiple pairs separated by commas" },
		{ "one file twice",
		  VOLUME("projected: {sources: [{secret: {name: s, items: [{key: a, path: f}]}}, "
			 "{configMap: {name: m, items: [{key: b, path: f}]}}]}"),
		  AT "projected: Invalid value: \"m\": conflicting duplicate paths" },
		{ "two sources, spelt as nowhere else",
		  VOLUME("configMap: {name: m}, cephfs: {monitors: [a]}, downwardAPI: {}"),
		  AT "downwarAPI: Forbidden: may not specify more than 1 volume type\n" AT
		     "configMap: Forbidden: may not specify more than 1 volume type" },
		{ "a secret of a driver",
		  VOLUME("csi: {driver: d, nodePublishSecretRef: {name: 'a_b'}}"),
		  AT "csi.name: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must "
		     "consist of..." },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_windows(void **state)
{
	static const struct kind_case cases[] = {
		{ "a user with a domain",
		  "spec: {securityContext: {windowsOptions: {runAsUserName: 'ex.com\\me'}}}", "" },
		{ "two backslashes",
		  "spec: {securityContext: {windowsOptions: {runAsUserName: 'a\\b\\c'}}}",
		  "spec.securityContext.windowsOptions.runAsUserName: Invalid value: "
		  "\"a\\\\b\\\\c\": runAsUserName cannot contain "
		  "more than one backslash" },
		{ "nobody",
		  "spec: {securityContext: {windowsOptions: {runAsUserName: 'a\\', "
		  "gmsaCredentialSpec: ''}}}",
		  "spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: \"\": "
		  "gmsaCredentialSpec cannot be an "
		  "empty string\n"
		  "spec.securityContext.windowsOptions.runAsUserName: Invalid value: \"a\\\\\": "
		  "runAsUserName's User cannot be "
		  "empty" },
		{ "dots", "spec: {securityContext: {windowsOptions: {runAsUserName: '..'}}}",
		  "spec.securityContext.windowsOptions.runAsUserName: Invalid value: \"..\": "
		  "runAsUserName's User cannot contain "
		  "only periods or spaces" },
		{ "processes of the node need its network",
		  "spec: {securityContext: {windowsOptions: {hostProcess: true}}}",
		  "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod "
		  "contains any hostProcess containers" },
		{ "some are such and some not",
		  "spec: {hostNetwork: true, containers: [{name: c, securityContext: "
		  "{windowsOptions: {hostProcess: true}}}, "
		  "{name: d, image: i}]}",
		  "spec: Invalid value: \"\": If pod contains any hostProcess containers then all "
		  "containers must be HostProcess "
		  "containers" },
		{ "user 0 on Windows, and what says nothing",
		  "spec: {os: {name: windows}, hostPID: false, securityContext: {runAsUser: 0, "
		  "sysctls: []}}",
		  "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

#define APPARMOR "container.apparmor.security.beta.kubernetes.io"
#define SECCOMP "container.seccomp.security.alpha.kubernetes.io"

static void test_annotations(void **state)
{
	static const struct kind_case cases[] = {
		{ "profiles",
		  "metadata: {annotations: {" SECCOMP
		  "/c: foo, seccomp.security.alpha.kubernetes.io/pod: localhost/../x}}",
		  "metadata.annotations." SECCOMP
		  "/c: Invalid value: \"foo\": must be a valid seccomp profile\n"
		  "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "
		  "\"../x\": must not contain '..'" },
		{ "AppArmor of nobody",
		  "metadata: {annotations: {" APPARMOR "/d: runtime/default}}",
		  "metadata.annotations[" APPARMOR
		  "/d]: Invalid value: \"d\": container not found" },
		{ "no AppArmor profile", "metadata: {annotations: {" APPARMOR "/c: bad}}",
		  "metadata.annotations[" APPARMOR
		  "/c]: Invalid value: \"bad\": invalid AppArmor profile name: \"bad\"" },
		{ "contradicting",
		  "metadata: {annotations: {" APPARMOR "/c: unconfined, " SECCOMP
		  "/c: localhost/a}}\n"
		  "spec: {containers: [{name: c, securityContext: {appArmorProfile: {type: "
		  "RuntimeDefault}, "
		  "seccompProfile: {type: Localhost, localhostProfile: b}}}]}",
		  "spec.containers[0].securityContext.seccompProfile.localhostProfile: Forbidden: "
		  "seccomp profile in annotation "
		  "and field must match\n"
		  "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor "
		  "type in annotation and field must "
		  "match" },
		{ "a profile that is not local",
		  "spec: {securityContext: {seccompProfile: {type: Unconfined, localhostProfile: "
		  "x}}}",
		  "spec.securityContext.seccompProfile.localhostProfile: Invalid value: "
		  "{\"type\":\"Unconfined\",\"localhostProfile\":\"x\"}: can only be set when "
		  "seccomp type is Localhost" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_rest(void **state)
{
	static const struct kind_case cases[] = {
		{ "overhead of what there is not", "spec: {overhead: {pods: '1'}}",
		  "spec.overhead.limits[pods]: Invalid value: \"pods\": must be a standard "
		  "resource for containers" },
		{ "ports of a container that runs before",
		  "spec: {initContainers: [{name: a, image: i, ports: [{containerPort: 1, "
		  "hostPort: 1}, {name: b, containerPort: 2, "
		  "hostPort: 1}]}]}",
		  "spec.initContainers[0].ports[1].hostPort: Duplicate value: \"TCP//1\"" },
		{ "an unknown size",
		  "spec: {containers: [{name: c, resizePolicy: [{resourceName: disk, "
		  "restartPolicy: x}]}]}",
		  "spec.containers[0].resizePolicy: Unsupported value: \"disk\": supported values: "
		  "\"cpu\", \"memory\"\n"
		  "spec.containers[0].resizePolicy: Unsupported value: \"x\": supported values: "
		  "\"NotRequired\", "
		  "\"RestartContainer\"" },
		{ "more than the pod asks for",
		  "spec: {resources: {requests: {cpu: '1'}}, containers: [{name: c, resources: "
		  "{requests: {memory: 1Gi}}}]}",
		  "spec.resources.requests[memory]: Invalid value: \"0\": must be greater than or "
		  "equal to aggregate container "
		  "requests of 1Gi" },
		{ "spread twice the same way",
		  "!spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, "
		  "whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, "
		  "topologyKey: k, whenUnsatisfiable: DoNotSchedule}]}",
		  "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate "
		  "value: \"{k, DoNotSchedule}\"" },
		{ "a field with a key that takes none",
		  "spec: {containers: [{name: c, env: [{name: A, valueFrom: {fieldRef: {fieldPath: "
		  "\"metadata.name['x']\"}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "
		  "\"metadata.name['x']\": error converting "
		  "fieldPath: field label does not support subscript: metadata.name['x']" },
		{ "tolerating what is less",
		  "spec: {tolerations: [{key: k, operator: Lt, value: '1'}]}",
		  "spec.tolerations[0].operator: Unsupported value: \"Lt\": supported values: "
		  "\"Equal\", \"Exists\"" },
		{ "a key twice",
		  "spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, "
		  "whenUnsatisfiable: DoNotSchedule, "
		  "matchLabelKeys: [app], labelSelector: {matchLabels: {app: a}}}]}",
		  "spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: \"app\": "
		  "exists in both matchLabelKeys and "
		  "labelSelector" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_birth(void **state)
{
	static const struct kind_default cases[] = {
		{ "a label that pods near must share",
		  "spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		  "[{topologyKey: k, matchLabelKeys: "
		  "[app, none], labelSelector: {}}]}}}",
		  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.0."
		  "labelSelector",
		  "{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"a\"]}]"
		  "}" },
		{ "held back", "spec: {schedulingGates: [{name: g}]}", "status.conditions.0.reason",
		  "\"SchedulingGated\"" },
		{ "a profile from an annotation",
		  "metadata: {annotations: {" APPARMOR "/c: localhost/x}}",
		  "spec.containers.0.securityContext",
		  "{\"appArmorProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"x\"}}" },
	};

	check_defaults(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volumes),	    cmocka_unit_test(test_windows),
		cmocka_unit_test(test_annotations), cmocka_unit_test(test_rest),
		cmocka_unit_test(test_birth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
