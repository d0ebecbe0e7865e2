/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in Pods, what may change in them, and what users are warned of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static const char pod[] = "metadata: {name: p}\n"
			  "spec: {containers: [{name: c, image: i}]}\n";

#define LABEL_PROBLEM "a lowercase RFC 1123 label must consist of..."
#define SPEC_CHANGED "spec: Forbidden: pod updates may not change fields other than..."

static void test_containers(void **state)
{
	static const struct kind_case cases[] = {
		{ "no container", "!spec: {containers: []}", "spec.containers: Required value" },
		{ "no image", "spec: {containers: [{name: c, image: ''}]}",
		  "spec.containers[0].image: Required value" },
		{ "a name in capitals",
		  "spec: {containers: [{name: C, image: i}, {name: c, $patch: delete}]}",
		  "spec.containers[0].name: Invalid value: \"C\": " LABEL_PROBLEM },
		{ "space around the image", "spec: {containers: [{name: c, image: ' i'}]}",
		  "spec.containers[0].image: Invalid value: \" i\": must not have leading or "
		  "trailing whitespace" },
		{ "the same name among init containers",
		  "spec: {initContainers: [{name: c, image: i}]}",
		  "spec.initContainers[0].name: Duplicate value: \"c\"" },
		{ "an unknown pull policy",
		  "spec: {containers: [{name: c, imagePullPolicy: Never2}]}",
		  "spec.containers[0].imagePullPolicy: Unsupported value: \"Never2\": supported "
		  "values: \"Always\", \"IfNotPresent\", \"Never\"" },
		{ "an unknown message policy",
		  "spec: {containers: [{name: c, terminationMessagePolicy: x}]}",
		  "spec.containers[0].terminationMessagePolicy: Unsupported value: \"x\": "
		  "supported "
		  "values: \"File\", \"FallbackToLogsOnError\"" },
		{ "probes before the start",
		  "spec: {initContainers: [{name: a, image: i, livenessProbe: {exec: {command: "
		  "[x]}}, "
		  "lifecycle: {preStop: {exec: {command: [x]}}}}]}",
		  "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers "
		  "without restartPolicy=Always\n"
		  "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init "
		  "containers without restartPolicy=Always" },
		{ "a sidecar with a probe",
		  "spec: {initContainers: [{name: a, image: i, restartPolicy: Always, "
		  "readinessProbe: {exec: {command: [x]}}}]}",
		  "" },
		{ "ephemeral at birth", "spec: {ephemeralContainers: [{name: e, image: i}]}",
		  "spec.ephemeralContainers: Forbidden: cannot be set on create" },
		{ "ephemeral with ports and a foreign target",
		  "spec: {ephemeralContainers: [{name: e, image: i, ports: [{containerPort: 80}], "
		  "targetContainerName: z}]}",
		  "spec.ephemeralContainers[0].targetContainerName: Not found: \"z\"\n"
		  "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral "
		  "Container\n"
		  "spec.ephemeralContainers: Forbidden: cannot be set on create" },
		{ "restart rules without a policy",
		  "spec: {containers: [{name: c, restartPolicyRules: [{action: Restart}]}]}",
		  "spec.containers[0].restartPolicy: Required value: must specify restartPolicy "
		  "when "
		  "restart rules are used\n"
		  "spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be "
		  "specified" },
		{ "resizing with restart where nothing restarts",
		  "spec: {restartPolicy: Never, containers: [{name: c, resizePolicy: "
		  "[{resourceName: "
		  "cpu, restartPolicy: RestartContainer}]}]}",
		  "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be "
		  "'NotRequired' when `restartPolicy` is 'Never'" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_ports(void **state)
{
	static const struct kind_case cases[] = {
		{ "a port too high",
		  "spec: {containers: [{name: c, ports: [{containerPort: 65536}]}]}",
		  "spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be "
		  "between 1 "
		  "and 65535, inclusive" },
		{ "none", "spec: {containers: [{name: c, ports: [{containerPort: 0}]}]}",
		  "spec.containers[0].ports[0].containerPort: Required value" },
		{ "a name too long",
		  "spec: {containers: [{name: c, ports: [{containerPort: 1, name: "
		  "abcdefghijklmnop}]}]}",
		  "spec.containers[0].ports[0].name: Invalid value: \"abcdefghijklmnop\": must be "
		  "no "
		  "more than 15 characters" },
		{ "one name twice",
		  "spec: {containers: [{name: c, ports: [{containerPort: 1, name: a}, "
		  "{containerPort: "
		  "2, name: a}]}]}",
		  "spec.containers[0].ports[1].name: Duplicate value: \"a\"" },
		{ "an unknown protocol",
		  "spec: {containers: [{name: c, ports: [{containerPort: 1, protocol: ICMP}]}]}",
		  "spec.containers[0].ports[0].protocol: Unsupported value: \"ICMP\": supported "
		  "values: \"SCTP\", \"TCP\", \"UDP\"" },
		{ "one port of the node twice",
		  "spec: {containers: [{name: c, ports: [{containerPort: 1, hostPort: 80}]}, "
		  "{name: d, "
		  "image: i, ports: [{containerPort: 2, hostPort: 80}]}]}",
		  "spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//80\"" },
		{ "another port of the node on its network",
		  "spec: {hostNetwork: true, containers: [{name: c, ports: [{containerPort: 1, "
		  "hostPort: "
		  "2}]}]}",
		  "spec.containers[0].ports[0].hostPort: Invalid value: 2: must match "
		  "`containerPort` "
		  "when `hostNetwork` is true" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_variables(void **state)
{
	static const struct kind_case cases[] = {
		{ "no name", "spec: {containers: [{name: c, env: [{name: ''}]}]}",
		  "spec.containers[0].env[0].name: Required value" },
		{ "an equals sign", "spec: {containers: [{name: c, env: [{name: a=b}]}]}",
		  "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment "
		  "variable "
		  "name must consist only of printable ASCII characters other than '='" },
		{ "a field that is none",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {fieldRef: {fieldPath: "
		  "metadata.foo}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "
		  "\"metadata.foo\": error converting fieldPath: field label not supported: "
		  "metadata.foo" },
		{ "a field that variables do not show",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {fieldRef: {fieldPath: "
		  "metadata.labels}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "
		  "\"metadata.labels\": supported values: \"metadata.name\", "
		  "\"metadata.namespace\", "
		  "\"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", "
		  "\"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"" },
		{ "one label",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {fieldRef: {fieldPath: "
		  "\"metadata.labels['app']\"}}}]}]}",
		  "" },
		{ "a resource that is none",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {resourceFieldRef: "
		  "{resource: limits.gpu}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported "
		  "value: "
		  "\"limits.gpu\": supported values: \"limits.cpu\", \"limits.ephemeral-storage\", "
		  "\"limits.memory\", \"requests.cpu\", \"requests.ephemeral-storage\", "
		  "\"requests.memory\"" },
		{ "a divisor of the wrong kind",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {resourceFieldRef: "
		  "{resource: limits.cpu, divisor: 1Mi}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "
		  "\"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu "
		  "resource" },
		{ "a value and a source",
		  "spec: {containers: [{name: c, env: [{name: a, value: x, valueFrom: "
		  "{secretKeyRef: "
		  "{name: s, key: k}}}]}]}",
		  "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified "
		  "when "
		  "`value` is not empty" },
		{ "no key",
		  "spec: {containers: [{name: c, env: [{name: a, valueFrom: {configMapKeyRef: "
		  "{name: s, "
		  "key: ''}}}]}]}",
		  "spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Required value" },
		{ "from nothing", "spec: {containers: [{name: c, envFrom: [{prefix: a}]}]}",
		  "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: "
		  "`configMapRef` or `secretRef`" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_probes(void **state)
{
	static const struct kind_case cases[] = {
		{ "no handler",
		  "spec: {containers: [{name: c, livenessProbe: {periodSeconds: 5}}]}",
		  "spec.containers[0].livenessProbe: Required value: must specify a handler type" },
		{ "two handlers",
		  "spec: {containers: [{name: c, readinessProbe: {exec: {command: [x]}, tcpSocket: "
		  "{port: 1}}}]}",
		  "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more "
		  "than 1 "
		  "handler type" },
		{ "no command",
		  "spec: {containers: [{name: c, livenessProbe: {exec: {command: []}}}]}",
		  "spec.containers[0].livenessProbe.exec.command: Required value" },
		{ "a bad port and header",
		  "spec: {containers: [{name: c, livenessProbe: {httpGet: {port: 0, httpHeaders: "
		  "[{name: 'a b', value: x}]}}}]}",
		  "spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be "
		  "between 1 "
		  "and 65535, inclusive\n"
		  "spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a "
		  "valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
		  "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')" },
		{ "two successes to live",
		  "spec: {containers: [{name: c, livenessProbe: {exec: {command: [x]}, "
		  "successThreshold: 2}}]}",
		  "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be "
		  "1" },
		{ "no grace",
		  "spec: {containers: [{name: c, startupProbe: {exec: {command: [x]}, "
		  "terminationGracePeriodSeconds: 0}}]}",
		  "spec.containers[0].startupProbe.terminationGracePeriodSeconds: Invalid value: "
		  "0: "
		  "must be greater than 0" },
		{ "grace of readiness",
		  "spec: {containers: [{name: c, readinessProbe: {exec: {command: [x]}, "
		  "terminationGracePeriodSeconds: 3}}]}",
		  "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: "
		  "3: "
		  "must not be set for readinessProbes" },
		{ "sleeping longer than the grace",
		  "spec: {containers: [{name: c, lifecycle: {preStop: {sleep: {seconds: 31}}}}]}",
		  "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be "
		  "non-negative "
		  "and less than terminationGracePeriodSeconds (30)" },
		{ "a negative number",
		  "spec: {containers: [{name: c, livenessProbe: {exec: {command: [x]}, "
		  "initialDelaySeconds: -1}}]}",
		  "spec.containers[0].livenessProbe.initialDelaySeconds: Invalid value: -1: must "
		  "be "
		  "greater than or equal to 0" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_resources(void **state)
{
	static const struct kind_case cases[] = {
		{ "more asked than allowed",
		  "spec: {containers: [{name: c, resources: {requests: {cpu: '2'}, limits: {cpu: "
		  "'1'}}}]}",
		  "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than "
		  "or "
		  "equal to cpu limit of 1" },
		{ "an unknown resource",
		  "spec: {containers: [{name: c, resources: {requests: {gpu: '2'}}}]}",
		  "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a "
		  "standard resource type or fully qualified\n"
		  "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a "
		  "standard resource for containers" },
		{ "extended ones are whole and equal",
		  "spec: {containers: [{name: c, resources: {requests: {x.org/gpu: 500m}, limits: "
		  "{x.org/gpu: '1'}}}]}",
		  "spec.containers[0].resources.requests[x.org/gpu]: Invalid value: \"500m\": must "
		  "be "
		  "an integer\n"
		  "spec.containers[0].resources.requests: Invalid value: \"500m\": must be equal "
		  "to "
		  "x.org/gpu limit of 1" },
		{ "less than nothing",
		  "spec: {containers: [{name: c, resources: {limits: {cpu: '-1'}}}]}",
		  "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be "
		  "greater "
		  "than or equal to 0\n"
		  "spec.containers[0].resources.requests[cpu]: Invalid value: \"-1\": must be "
		  "greater "
		  "than or equal to 0" },
		{ "pages without anything else",
		  "spec: {containers: [{name: c, resources: {limits: {hugepages-2Mi: 4Mi}}}]}",
		  "spec.containers[0].resources: Forbidden: HugePages require cpu or memory" },
		{ "an unknown claim",
		  "spec: {containers: [{name: c, resources: {claims: [{name: x}]}}]}",
		  "spec.containers[0].resources.claims[0].name: Not found: \"x\"" },
		{ "a claim without a source", "spec: {resourceClaims: [{name: x}]}",
		  "spec.resourceClaims[0]: Invalid value: "
		  "{\"Name\":\"x\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: "
		  "must specify one of: "
		  "`resourceClaimName`, `resourceClaimTemplateName`" },
		{ "less for the pod than for its containers",
		  "spec: {resources: {requests: {cpu: '1'}, limits: {cpu: '1'}}, containers: "
		  "[{name: c, "
		  "resources: {requests: {cpu: '2'}}}]}",
		  "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or "
		  "equal to "
		  "aggregate container requests of 2" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_volumes(void **state)
{
	static const struct kind_case cases[] = {
		{ "two sources", "spec: {volumes: [{name: v, emptyDir: {}, hostPath: {path: /a}}]}",
		  "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type" },
		{ "one name twice",
		  "!spec: {volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]}",
		  "spec.volumes[1].name: Duplicate value: \"v\"" },
		{ "the way up", "spec: {volumes: [{name: v, hostPath: {path: /a/../b}}]}",
		  "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain "
		  "'..'" },
		{ "an unknown type of path",
		  "spec: {volumes: [{name: v, hostPath: {path: /a, type: Pipe}}]}",
		  "spec.volumes[0].hostPath.type: Unsupported value: \"Pipe\": supported values: "
		  "\"\", "
		  "\"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", "
		  "\"File\", "
		  "\"FileOrCreate\", \"Socket\"" },
		{ "a secret without a name and a mode too large",
		  "spec: {volumes: [{name: v, secret: {defaultMode: 512}}]}",
		  "spec.volumes[0].secret.secretName: Required value\n"
		  "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number "
		  "between 0 "
		  "and 0777 (octal), both inclusive" },
		{ "files that leave the volume",
		  "spec: {volumes: [{name: v, configMap: {name: m, items: [{key: k, path: /etc/x}, "
		  "{key: "
		  "k, path: ..x}]}}]}",
		  "spec.volumes[0].configMap.items[0].path: Invalid value: \"/etc/x\": must be a "
		  "relative "
		  "path\n"
		  "spec.volumes[0].configMap.items[1].path: Invalid value: \"..x\": must not start "
		  "with "
		  "'..'" },
		{ "a token for too short",
		  "spec: {serviceAccountName: a, volumes: [{name: v, projected: {sources: "
		  "[{serviceAccountToken: {path: t, expirationSeconds: 599}}]}}]}",
		  "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: "
		  "Invalid "
		  "value: 599: may not specify a duration less than 10 minutes" },
		{ "a token of nobody",
		  "spec: {volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: "
		  "t}}]}}]}",
		  "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not "
		  "be "
		  "specified when serviceAccountName is not set" },
		{ "one file twice",
		  "spec: {volumes: [{name: v, projected: {sources: [{secret: {name: s, items: "
		  "[{key: a, "
		  "path: f}]}}, {configMap: {name: m, items: [{key: a, path: f}]}}]}}]}",
		  "spec.volumes[0].projected: Invalid value: \"m\": conflicting duplicate paths" },
		{ "a relative export", "spec: {volumes: [{name: v, nfs: {server: s, path: a}}]}",
		  "spec.volumes[0].nfs.path: Invalid value: \"a\": must be an absolute path" },
		{ "a claim made for the pod",
		  "spec: {volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: "
		  "{accessModes: "
		  "[ReadWriteOnce]}}}}]}",
		  "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required "
		  "value" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_mounts(void **state)
{
	static const struct kind_case cases[] = {
		{ "an unknown mount",
		  "spec: {containers: [{name: c, volumeMounts: [{name: v, mountPath: /a}]}]}",
		  "spec.containers[0].volumeMounts[0].name: Not found: \"v\"" },
		{ "a path inside that is absolute",
		  "spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: c, volumeMounts: "
		  "[{name: v, mountPath: /a, subPath: /b}]}]}",
		  "spec.containers[0].volumeMounts.subPath: Invalid value: \"/b\": must be a "
		  "relative "
		  "path" },
		{ "propagation out of an unprivileged container",
		  "spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: c, volumeMounts: "
		  "[{name: v, mountPath: /a, mountPropagation: Bidirectional}]}]}",
		  "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional "
		  "mount "
		  "propagation is available only to privileged containers" },
		{ "a directory as a device",
		  "spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: c, "
		  "volumeDevices: "
		  "[{name: v, devicePath: /dev/a}]}]}",
		  "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use "
		  "volume "
		  "source type of PersistentVolumeClaim or Ephemeral for block mode" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_security(void **state)
{
	static const struct kind_case cases[] = {
		{ "no such user", "spec: {securityContext: {runAsUser: -1, fsGroup: 2147483648}}",
		  "spec.securityContext.fsGroup: Invalid value: 2147483648: must be between 0 and "
		  "2147483647, inclusive\n"
		  "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and "
		  "2147483647, "
		  "inclusive" },
		{ "privileged without escalation",
		  "spec: {containers: [{name: c, securityContext: {privileged: true, "
		  "allowPrivilegeEscalation: false}}]}",
		  "spec.containers[0].securityContext: Invalid value: "
		  "{\"Capabilities\":null,\"Privileged\":true,\"SELinuxOptions\":null,"
		  "\"RunAsUser\":null,\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,"
		  "\"AllowPrivilegeEscalation\":false,\"RunAsGroup\":null,\"ProcMount\":null,"
		  "\"WindowsOptions\":null,\"SeccompProfile\":null,\"AppArmorProfile\":null}: "
		  "cannot set `allowPrivilegeEscalation` to false and "
		  "`privileged` to true" },
		{ "a local profile without a name",
		  "spec: {securityContext: {seccompProfile: {type: Localhost}}}",
		  "spec.securityContext.seccompProfile.localhostProfile: Required value: must be "
		  "set "
		  "when seccomp type is Localhost" },
		{ "an unknown profile",
		  "spec: {containers: [{name: c, securityContext: {appArmorProfile: {type: "
		  "Foo}}}]}",
		  "spec.containers[0].securityContext.appArmorProfile.type: Unsupported value: "
		  "\"Foo\": "
		  "supported values: \"Localhost\", \"RuntimeDefault\", \"Unconfined\"" },
		{ "a sysctl that is none and one of the node's",
		  "spec: {hostNetwork: true, securityContext: {sysctls: [{name: 'a b', value: "
		  "'1'}, "
		  "{name: net.core.somaxconn, value: '1'}]}}",
		  "spec.securityContext.sysctls[0].name: Invalid value: \"a b\": must have at most "
		  "253 "
		  "characters and match regex...\n"
		  "spec.securityContext.sysctls[1].name: Invalid value: \"net.core.somaxconn\": "
		  "may not "
		  "be specified when 'hostNetwork' is true" },
		{ "one process tree for all and the node's",
		  "spec: {hostPID: true, shareProcessNamespace: true}",
		  "spec.securityContext.shareProcessNamespace: Invalid value: true: "
		  "ShareProcessNamespace and HostPID cannot both be enabled" },
		{ "own users on the node's network", "spec: {hostUsers: false, hostNetwork: true}",
		  "spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false" },
		{ "an unmasked /proc",
		  "spec: {containers: [{name: c, securityContext: {procMount: Unmasked}}]}",
		  "spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": "
		  "`hostUsers` "
		  "must be false to use `Unmasked`" },
		{ "windows options on linux",
		  "spec: {os: {name: linux}, securityContext: {windowsOptions: {runAsUserName: "
		  "a}}}",
		  "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set "
		  "for a "
		  "linux pod" },
		{ "linux options on windows",
		  "spec: {os: {name: windows}, containers: [{name: c, securityContext: "
		  "{privileged: "
		  "true}}]}",
		  "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a "
		  "windows "
		  "pod" },
		{ "another system", "spec: {os: {name: plan9}}",
		  "spec.os: Unsupported value: \"plan9\": supported values: \"linux\", "
		  "\"windows\"" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_placement(void **state)
{
	static const struct kind_case cases[] = {
		{ "no terms",
		  "spec: {affinity: {nodeAffinity: "
		  "{requiredDuringSchedulingIgnoredDuringExecution: "
		  "{nodeSelectorTerms: []}}}}",
		  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		  "nodeSelectorTerms: Required value: must have at least one node selector term" },
		{ "an operator with too much and one with too little",
		  "spec: {affinity: {nodeAffinity: "
		  "{requiredDuringSchedulingIgnoredDuringExecution: "
		  "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists, values: "
		  "[b]}, "
		  "{key: a, operator: In}]}]}}}}",
		  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		  "nodeSelectorTerms[0].matchExpressions[0].values: Forbidden: may not be "
		  "specified when "
		  "`operator` is 'Exists' or 'DoesNotExist'\n"
		  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		  "nodeSelectorTerms[0].matchExpressions[1].values: Required value: must be "
		  "specified "
		  "when `operator` is 'In' or 'NotIn'" },
		{ "a weight too large and no topology",
		  "spec: {affinity: {podAntiAffinity: "
		  "{preferredDuringSchedulingIgnoredDuringExecution: "
		  "[{weight: 101, podAffinityTerm: {topologyKey: ''}}]}}}",
		  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
		  "."
		  "weight: Invalid value: 101: must be in the range 1-100\n"
		  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
		  "."
		  "podAffinityTerm.topologyKey: Required value: can not be empty\n"
		  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
		  "."
		  "podAffinityTerm.topologyKey: Invalid value: \"\": name part must be non-empty\n"
		  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
		  "."
		  "podAffinityTerm.topologyKey: Invalid value: \"\": name part must consist "
		  "of..." },
		{ "keys without a selector",
		  "spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		  "[{topologyKey: z, matchLabelKeys: [a]}]}}}",
		  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
		  "matchLabelKeys: Forbidden: must not be specified when labelSelector is not "
		  "set" },
		{ "spread by nothing",
		  "spec: {topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, "
		  "whenUnsatisfiable: "
		  "Maybe, minDomains: 2}]}",
		  "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater "
		  "than "
		  "zero\n"
		  "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "
		  "\"Maybe\": "
		  "supported values: \"DoNotSchedule\", \"ScheduleAnyway\"\n"
		  "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use "
		  "minDomains if whenUnsatisfiable=DoNotSchedule, not Maybe" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_scheduling(void **state)
{
	static const struct kind_case cases[] = {
		{ "tolerating everything but only equal",
		  "spec: {tolerations: [{operator: Equal, value: x}]}",
		  "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists "
		  "when "
		  "`key` is empty, which means \"match all values and all keys\"" },
		{ "for a while what does not evict",
		  "spec: {tolerations: [{key: a, operator: Exists, effect: NoSchedule, "
		  "tolerationSeconds: 5}]}",
		  "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be "
		  "'NoExecute' "
		  "when `tolerationSeconds` is set" },
		{ "one gate twice", "!spec: {schedulingGates: [{name: a}, {name: a}]}",
		  "spec.schedulingGates[1]: Duplicate value: \"a\"" },
		{ "gated but placed", "spec: {nodeName: node, schedulingGates: [{name: a}]}",
		  "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been "
		  "cleared" },
		{ "a preemption policy of its own", "spec: {preemptionPolicy: Maybe}",
		  "spec.preemptionPolicy: Unsupported value: \"Maybe\": supported values: "
		  "\"PreemptLowerPriority\", \"Never\"" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_names(void **state)
{
	static const struct kind_case cases[] = {
		{ "no servers for one's own resolver", "spec: {dnsPolicy: None}",
		  "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is "
		  "None" },
		{ "too many servers and one that is none",
		  "spec: {dnsConfig: {nameservers: [1.1.1.1, 2.2.2.2, 3.3.3.3, x]}}",
		  "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"2.2.2.2\",\"3.3.3.3\","
		  "\"x\"]: must not have more than 3 nameservers\n"
		  "spec.dnsConfig.nameservers[3]: Invalid value: \"x\": must be a valid IP "
		  "address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)" },
		{ "searching where underscores are",
		  "spec: {dnsConfig: {searches: [_tcp.a.b., ., A]}}",
		  "spec.dnsConfig.searches[2]: Invalid value: \"A\": a lowercase RFC 1123 "
		  "subdomain must "
		  "consist of lower case alphanumeric characters, '_', '-' or '.'..." },
		{ "an alias for no address", "spec: {hostAliases: [{ip: x, hostnames: [A]}]}",
		  "spec.hostAliases[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)\n"
		  "spec.hostAliases[0].hostnames[0]: Invalid value: \"A\": a lowercase RFC "
		  "1123..." },
		{ "names", "spec: {hostname: A, subdomain: B, activeDeadlineSeconds: 0}",
		  "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, "
		  "inclusive\n"
		  "spec.hostname: Invalid value: \"A\": " LABEL_PROBLEM "\n"
		  "spec.subdomain: Invalid value: \"B\": " LABEL_PROBLEM },
		{ "policies", "spec: {restartPolicy: Maybe, dnsPolicy: Foo}",
		  "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
		  "\"OnFailure\", \"Never\"\n"
		  "spec.dnsPolicy: Unsupported value: \"Foo\": supported values: "
		  "\"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"" },
		{ "a gate that is no name", "spec: {readinessGates: [{conditionType: 'a b'}]}",
		  "spec.readinessGates[0].conditionType: Invalid value: \"a b\": name part must "
		  "consist "
		  "of..." },
		{ "a deletion cost",
		  "metadata: {annotations: {controller.kubernetes.io/pod-deletion-cost: '01'}}",
		  "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid "
		  "value: "
		  "\"01\": must be a 32bit integer" },
	};

	check_creates(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_update(void **state)
{
	static const struct kind_update update = { pod,
						   "spec: {activeDeadlineSeconds: 10, "
						   "tolerations: [{key: a, operator: Exists}]}",
						   "" };
	static const struct kind_case cases[] = {
		{ "another image", "spec: {containers: [{name: c, image: j}]}", "" },
		{ "no image", "spec: {containers: [{name: c, image: ''}]}",
		  "spec.containers[0].image: Required value" },
		{ "one more", "spec: {containers: [{name: d, image: j}]}",
		  "spec.containers: Forbidden: pod updates may not add or remove containers" },
		{ "less time", "spec: {activeDeadlineSeconds: 9}", "" },
		{ "more time", "spec: {activeDeadlineSeconds: 11}",
		  "spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to "
		  "previous value" },
		{ "no limit", "spec: {activeDeadlineSeconds: null}",
		  "spec.activeDeadlineSeconds: Invalid value: \"null\": must not update from a "
		  "positive "
		  "integer to nil value" },
		{ "tolerates more",
		  "spec: {tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]}",
		  "" },
		{ "tolerates less", "spec: {tolerations: [{key: b, operator: Exists}]}",
		  "spec.tolerations: Forbidden: existing toleration can not be modified except its "
		  "tolerationSeconds" },
		{ "a gate", "spec: {schedulingGates: [{name: g}]}",
		  "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found "
		  "new "
		  "scheduling gate 'g'" },
		{ "the node", "spec: {nodeName: node}", SPEC_CHANGED },
		{ "the grace", "spec: {terminationGracePeriodSeconds: 1}", SPEC_CHANGED },
		{ "resources", "spec: {containers: [{name: c, resources: {limits: {cpu: 1}}}]}",
		  SPEC_CHANGED },
		{ "labels", "metadata: {labels: {a: b}}", "" },
		{ "a mirror", "metadata: {annotations: {kubernetes.io/config.mirror: x}}",
		  "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"x\": must "
		  "set "
		  "spec.nodeName if mirror pod annotation is set\n"
		  "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add "
		  "mirror pod "
		  "annotation" },
	};

	check_updates(&kind_pod, &update, cases, ARRAY_COUNT(cases));
}

#define TERMS                                                                        \
	"spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution." \
	"nodeSelectorTerms"

static void test_gated_update(void **state)
{
	static const struct kind_update update = {
		pod,
		"spec: {schedulingGates: [{name: g}, {name: h}], nodeSelector: {a: b}, affinity: "
		"{nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		"{nodeSelectorTerms: "
		"[{matchExpressions: [{key: a, operator: Exists}]}]}}}}",
		""
	};
	static const struct kind_case cases[] = {
		{ "one gate less", "spec: {schedulingGates: [{name: g, $patch: delete}]}", "" },
		{ "one label more", "spec: {nodeSelector: {a: b, c: d}}", "" },
		{ "another label", "spec: {nodeSelector: {a: c}}",
		  "spec.nodeSelector: Invalid value: {\"a\":\"c\"}: only additions to "
		  "spec.nodeSelector are allowed (no mutations or deletions)" },
		{ "a narrower term",
		  "spec: {affinity: {nodeAffinity: "
		  "{requiredDuringSchedulingIgnoredDuringExecution: "
		  "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}, {key: b, "
		  "operator: Exists}]}]}}}}",
		  "" },
		{ "another term",
		  "spec: {affinity: {nodeAffinity: "
		  "{requiredDuringSchedulingIgnoredDuringExecution: "
		  "{nodeSelectorTerms: [{matchExpressions: [{key: b, operator: Exists}]}]}}}}",
		  TERMS
		  "[0]: Invalid value: "
		  "{\"MatchExpressions\":[{\"Key\":\"b\",\"Operator\":\"Exists\",\"Values\":null}],"
		  "\"MatchFields\":null}: only additions are allowed (no mutations or deletions)" },
		{ "other pods", "spec: {affinity: {podAffinity: {}}}", SPEC_CHANGED },
	};

	check_updates(&kind_pod, &update, cases, ARRAY_COUNT(cases));
}

static void test_ephemeral_update(void **state)
{
	static const struct kind_update update = {
		pod,
		"spec: {ephemeralContainers: [{name: e, image: i, imagePullPolicy: Always, "
		"terminationMessagePolicy: File, terminationMessagePath: /dev/termination-log, "
		"resources: {}}]}",
		"ephemeralcontainers"
	};
	static const struct kind_case cases[] = {
		{ "one more", "spec: {ephemeralContainers: [{name: f, image: i}]}", "" },
		{ "the same name", "spec: {ephemeralContainers: [{name: c, image: i}]}",
		  "spec.ephemeralContainers[0].name: Duplicate value: \"c\"" },
		{ "another image", "spec: {ephemeralContainers: [{name: e, image: j}]}",
		  "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may "
		  "not be "
		  "changed...\n" },
	};

	check_updates(&kind_pod, &update, cases, ARRAY_COUNT(cases));
}

static void test_resize(void **state)
{
	static const struct kind_update update = {
		pod,
		"spec: {containers: [{name: c, resources: {limits: {cpu: 1, memory: 1Gi}, "
		"requests: "
		"{cpu: 500m, memory: 1Gi}}}]}\nstatus: {qosClass: Burstable}",
		"resize"
	};
	static const struct kind_case cases[] = {
		{ "more", "spec: {containers: [{name: c, resources: {limits: {cpu: 2}}}]}", "" },
		{ "less memory while running",
		  "spec: {containers: [{name: c, resources: {limits: {memory: 512Mi}, requests: "
		  "{memory: "
		  "512Mi}}}]}",
		  "" },
		{ "no limit any more",
		  "spec: {containers: [{name: c, resources: {limits: {cpu: null}}}]}",
		  "spec.containers[0].resources.limits: Forbidden: resource limits cannot be "
		  "removed" },
		{ "another class",
		  "spec: {containers: [{name: c, resources: {requests: {cpu: '1'}}}]}",
		  "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of "
		  "resizing" },
		{ "something else",
		  "spec: {containers: [{name: c, resources: {requests: {ephemeral-storage: "
		  "1Gi}}}]}",
		  "spec: Forbidden: only cpu and memory resources are mutable" },
		{ "the image is not looked at", "spec: {containers: [{name: c, image: j}]}", "" },
	};

	check_updates(&kind_pod, &update, cases, ARRAY_COUNT(cases));
}

static void test_status(void **state)
{
	static const struct kind_update update = {
		pod,
		"spec: {restartPolicy: Never}\nstatus: {hostIP: 10.0.0.1, containerStatuses: "
		"[{name: c, "
		"image: i, imageID: i, ready: false, restartCount: 0, state: {terminated: "
		"{exitCode: "
		"1}}}]}",
		"status"
	};
	static const struct kind_case cases[] = {
		{ "runs again",
		  "status: {containerStatuses: [{name: c, image: i, imageID: i, ready: true, "
		  "restartCount: 1, state: {running: {}}}]}",
		  "status.containerStatuses[0].state: Forbidden: may not be transitioned to "
		  "non-terminated state" },
		{ "another class", "status: {qosClass: Guaranteed}",
		  "status.qosClass: Invalid value: \"Guaranteed\": field is immutable" },
		{ "three addresses and one bad",
		  "status: {podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.2}, {ip: x}]}",
		  "status.podIPs[2]: Invalid value: \"x\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or "
		  "2001:db8::ffff)\n"
		  "status.podIPs: Invalid value: "
		  "[{\"IP\":\"10.0.0.1\"},{\"IP\":\"10.0.0.2\"},{\"IP\":\"x\"}]: may specify no "
		  "more than one IP for each IP family" },
		{ "another host", "status: {hostIPs: [{ip: 10.0.0.2}]}",
		  "status.hostIPs[0].ip: Invalid value: \"10.0.0.2\": must be equal to `hostIP`" },
		{ "the spec is not looked at", "spec: {nodeName: node}", "" },
	};

	check_updates(&kind_pod, &update, cases, ARRAY_COUNT(cases));
}

static void test_warnings(void **state)
{
	static const struct kind_case cases[] = {
		{ "nothing to say", "{}", "" },
		{ "an old label", "spec: {nodeSelector: {beta.kubernetes.io/os: linux}}",
		  "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "
		  "\"kubernetes.io/os\" instead" },
		{ "a volume of the past", "spec: {volumes: [{name: v, gitRepo: {repository: r}}]}",
		  "spec.volumes[0].gitRepo: deprecated in v1.11" },
		{ "a variable twice",
		  "!spec: {containers: [{name: c, image: i, env: [{name: a, value: x}, {name: a, "
		  "value: "
		  "z}]}]}",
		  "spec.containers[0].env[1]: hides previous definition of \"a\", which may be "
		  "dropped "
		  "when using apply" },
		{ "half a byte",
		  "spec: {containers: [{name: c, resources: {requests: {memory: 100m}}}]}",
		  "spec.containers[0].resources.requests[memory]: fractional byte value \"100m\" "
		  "is "
		  "invalid, must be an integer" },
		{ "a name with dots", "metadata: {name: a.b}",
		  "metadata.name: this is used in the Pod's hostname, which can result in "
		  "surprising "
		  "behavior; a DNS label is recommended: [must not contain dots]" },
	};

	check_warnings(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

static void test_defaults(void **state)
{
	static const struct kind_default cases[] = {
		{ "a tag", "spec: {containers: [{name: c, image: 'a/b:1'}]}",
		  "spec.containers.0.imagePullPolicy", "\"IfNotPresent\"" },
		{ "no tag", "{}", "spec.containers.0.imagePullPolicy", "\"Always\"" },
		{ "requests of limits",
		  "spec: {containers: [{name: c, resources: {limits: {cpu: '1'}}}]}",
		  "spec.containers.0.resources",
		  "{\"limits\":{\"cpu\":\"1\"},\"requests\":{\"cpu\":"
		  "\"1\"}}" },
		{ "requests of the pod",
		  "spec: {resources: {limits: {cpu: '4', memory: 1Gi}}, containers: [{name: c, "
		  "resources: {requests: {cpu: 500m}}}, {name: d, image: i, resources: {requests: "
		  "{cpu: "
		  "700m}}}]}",
		  "spec.resources.requests", "{\"cpu\":\"1200m\",\"memory\":\"1Gi\"}" },
		{ "ports of the node",
		  "spec: {hostNetwork: true, containers: [{name: c, ports: "
		  "[{containerPort: 80}]}]}",
		  "spec.containers.0.ports.0.hostPort", "80" },
		{ "the account's old name", "spec: {serviceAccountName: a}", "spec.serviceAccount",
		  "\"a\"" },
		{ "status", "status: {phase: Running}", "status",
		  "{\"phase\":\"Pending\",\"qosClass\":\"BestEffort\"}" },
	};

	check_defaults(&kind_pod, pod, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers),   cmocka_unit_test(test_ports),
		cmocka_unit_test(test_variables),    cmocka_unit_test(test_probes),
		cmocka_unit_test(test_resources),    cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_mounts),	     cmocka_unit_test(test_scheduling),
		cmocka_unit_test(test_security),     cmocka_unit_test(test_placement),
		cmocka_unit_test(test_names),	     cmocka_unit_test(test_update),
		cmocka_unit_test(test_gated_update), cmocka_unit_test(test_ephemeral_update),
		cmocka_unit_test(test_resize),	     cmocka_unit_test(test_status),
		cmocka_unit_test(test_warnings),     cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
