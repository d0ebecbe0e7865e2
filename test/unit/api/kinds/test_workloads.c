/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in kinds that make pods of a template, and what may change in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

/* A claim made for each pod is a volume of it. */
static void test_statefulset_claims(void **state)
{
	static const char base[] =
		"metadata: {name: s}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i, volumeMounts: [{name: "
		"www, "
		"mountPath: /w}]}]}}, volumeClaimTemplates: [{metadata: {name: www}, spec: "
		"{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}";
	static const struct kind_case cases[] = {
		{ "a mounted claim", "", "" },
		{ "a claim instead of a volume",
		  "spec: {template: {spec: {volumes: [{name: www, emptyDir: {}}]}}}", "" },
		{ "no such claim", "spec: {volumeClaimTemplates: null}",
		  "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"www\"" },
	};

	check_creates(&kind_statefulset, base, cases, ARRAY_COUNT(cases));
}

static void test_deployment(void **state)
{
	static const char base[] =
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "no selector", "spec: {selector: null}", "spec.selector: Required value" },
		{ "an empty one", "spec: {selector: {matchLabels: null}}",
		  "spec.selector: Invalid value: {}: empty selector is invalid for deployment" },
		{ "another label", "spec: {selector: {matchLabels: {a: c}}}",
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does "
		  "not match template `labels`" },
		{ "fewer than none", "spec: {replicas: -1, revisionHistoryLimit: -1}",
		  "spec.replicas: Invalid value: -1: must be greater than or equal to "
		  "0\nspec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal "
		  "to 0" },
		{ "pods that end",
		  "spec: {template: {spec: {restartPolicy: Never, activeDeadlineSeconds: 5}}}",
		  "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported "
		  "values: \"Always\"\nspec.template.spec.activeDeadlineSeconds: Forbidden: "
		  "activeDeadlineSeconds in ReplicaSet is not Supported" },
		{ "no way to roll",
		  "spec: {strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}",
		  "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when "
		  "`maxSurge` is 0" },
		{ "more than all", "spec: {strategy: {rollingUpdate: {maxUnavailable: 101%}}}",
		  "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not "
		  "be greater than 100%" },
		{ "no percentage", "spec: {strategy: {rollingUpdate: {maxSurge: ten}}}",
		  "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"ten\": a valid percent "
		  "string must be a numeric string..." },
		{ "rolling while recreating",
		  "spec: {strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}",
		  "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy "
		  "`type` is 'Recreate'" },
		{ "an unknown strategy", "spec: {strategy: {type: Foo}}",
		  "spec.strategy.type: Unsupported value: \"Foo\": supported values: \"Recreate\", "
		  "\"RollingUpdate\"" },
		{ "late before ready", "spec: {minReadySeconds: 10, progressDeadlineSeconds: 10}",
		  "spec.progressDeadlineSeconds: Invalid value: 10: must be greater than "
		  "minReadySeconds" },
		{ "no image", "spec: {template: {spec: {containers: [{name: c, image: \"\"}]}}}",
		  "spec.template.spec.containers[0].image: Required value" },
		{ "space around the image is fine in templates",
		  "spec: {template: {spec: {containers: [{name: c, image: \" i\"}]}}}", "" },
	};

	check_creates(&kind_deployment, base, cases, ARRAY_COUNT(cases));
}

static void test_deployment_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "another selector",
		  "spec: {selector: {matchLabels: {c: d}}, template: {metadata: {labels: {c: d}}}}",
		  "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"c\":\"d\"}}: "
		  "field is immutable" },
		{ "another image", "spec: {template: {spec: {containers: [{name: c, image: j}]}}}",
		  "" },
	};

	check_updates(&kind_deployment, &update, cases, ARRAY_COUNT(cases));
}

static void test_deployment_status(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
		"status: {collisionCount: 3}", "status"
	};
	static const struct kind_case cases[] = {
		{ "more ready than there", "status: {replicas: 1, readyReplicas: 2}",
		  "status.readyReplicas: Invalid value: 2: cannot be greater than "
		  "status.replicas" },
		{ "fewer collisions", "status: {collisionCount: 2}",
		  "status.collisionCount: Invalid value: 2: cannot be decremented" },
	};

	check_updates(&kind_deployment, &update, cases, ARRAY_COUNT(cases));
}

static void test_daemonset(void **state)
{
	static const char base[] =
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "both ways",
		  "spec: {updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}}",
		  "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set "
		  "when maxUnavailable is non-zero" },
		{ "no way", "spec: {updateStrategy: {rollingUpdate: {maxUnavailable: 0}}}",
		  "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 "
		  "when maxSurge is 0" },
		{ "an empty selector", "spec: {selector: {matchLabels: null}}",
		  "spec.selector: Invalid value: {}: empty selector is invalid for daemonset" },
	};

	check_creates(&kind_daemonset, base, cases, ARRAY_COUNT(cases));
}

static void test_statefulset(void **state)
{
	static const char base[] =
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "an unknown order", "spec: {podManagementPolicy: Foo}",
		  "spec.podManagementPolicy: Invalid value: \"Foo\": must be 'OrderedReady' or "
		  "'Parallel'" },
		{ "a partition of none",
		  "spec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}}",
		  "spec.updateStrategy.rollingUpdate: Invalid value: "
		  "{\"Partition\":1,\"MaxUnavailable\":null}: only "
		  "allowed for updateStrategy 'RollingUpdate'" },
		{ "a negative start", "spec: {ordinals: {start: -1}}",
		  "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0" },
		{ "unknown ends of claims",
		  "spec: {persistentVolumeClaimRetentionPolicy: {whenDeleted: Foo}}",
		  "spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "
		  "\"Foo\": supported values: \"Retain\", \"Delete\"" },
	};

	check_creates(&kind_statefulset, base, cases, ARRAY_COUNT(cases));
}

static void test_statefulset_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "more", "spec: {replicas: 3, minReadySeconds: 5}", "" },
		{ "another service", "spec: {serviceName: other}",
		  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
		  "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
		  "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden" },
	};

	check_updates(&kind_statefulset, &update, cases, ARRAY_COUNT(cases));
}

static void test_replicationcontroller(void **state)
{
	static const char base[] = "metadata: {name: r}\nspec: {template: {metadata: {labels: {a: "
				   "b}}, spec: {containers: [{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "another label", "spec: {selector: {a: c}}",
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does "
		  "not match template `labels`" },
		{ "nothing to select by", "!spec: {template: {metadata: null}}",
		  "spec.selector: Required value" },
	};

	check_creates(&kind_replicationcontroller, base, cases, ARRAY_COUNT(cases));
}

static void test_job(void **state)
{
	static const char base[] = "metadata: {name: j}\nspec: {template: {spec: {restartPolicy: "
				   "Never, containers: [{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "pods that stay", "spec: {template: {spec: {restartPolicy: Always}}}",
		  "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
		  "\"Never\"" },
		{ "indexed without a number", "!spec: {completionMode: Indexed, parallelism: 2}",
		  "spec.completions: Required value: when completion mode is Indexed" },
		{ "limits per index of none", "spec: {backoffLimitPerIndex: 1}",
		  "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode" },
		{ "failing indexes without a limit",
		  "spec: {completionMode: Indexed, completions: 3, maxFailedIndexes: 4}",
		  "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is "
		  "specified\nspec.maxFailedIndexes: Invalid value: 4: must be less than or equal "
		  "to completions" },
		{ "somebody without a domain", "spec: {managedBy: me}",
		  "spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path (such as "
		  "\"acme.io/foo\")" },
		{ "a selector of its own", "spec: {selector: {matchLabels: {a: b}}}",
		  "spec.selector: Invalid value: "
		  "{\"matchLabels\":{\"a\":\"b\",\"batch.kubernetes.io/controller-uid\":\"u-1\"}}: "
		  "`selector` not auto-generated\nspec.template.metadata.labels: Invalid value: "
		  "{\"batch.kubernetes.io/"
		  "controller-uid\":\"u-1\",\"controller-uid\":\"u-1\",\"batch.kubernetes.io/"
		  "job-name\":\"j\",\"job-name\":\"j\"}: `selector` does not match template "
		  "`labels`" },
		{ "codes out of order, and zero",
		  "spec: {podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, "
		  "values: [0, 3, 2]}}]}}",
		  "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must "
		  "not be 0 for the In "
		  "operator\nspec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: "
		  "[0,3,2]: must be ordered" },
		{ "a rule about nothing", "spec: {podFailurePolicy: {rules: [{action: FailJob}]}}",
		  "spec.podFailurePolicy.rules[0]: Invalid value: "
		  "specifying one of OnExitCodes and OnPodConditions is required" },
		{ "success of what has no index",
		  "spec: {successPolicy: {rules: [{succeededCount: 1}]}}",
		  "spec.successPolicy: Invalid value: "
		  "{\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: "
		  "requires indexed completion mode" },
	};

	check_creates(&kind_job, base, cases, ARRAY_COUNT(cases));
}

static void test_job_update(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: "
		"[{name: c, image: i}]}}}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "another image", "spec: {template: {spec: {containers: [{name: c, image: j}]}}}",
		  "spec.template: Invalid value: ..." },
		{ "another number", "spec: {completions: 5}",
		  "spec.completions: Invalid value: 5: field is immutable" },
		{ "more at once", "spec: {parallelism: 5}", "" },
	};

	check_updates(&kind_job, &update, cases, ARRAY_COUNT(cases));
}

static void test_job_policies(void **state)
{
	static const char job[] =
		"metadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: "
		"[{name: c, image: i}]}}}";
	static const struct kind_case cases[] = {
		{ "a rule without words",
		  "spec: {podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: "
		  "'', values: []}}, "
		  "{action: Count, onPodConditions: [{type: a b, status: ''}]}]}}",
		  "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires "
		  "the "
		  "backoffLimitPerIndex to be set\n"
		  "spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid "
		  "values: [\"In\" "
		  "\"NotIn\"]\n"
		  "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least "
		  "one value is "
		  "required\n"
		  "spec.podFailurePolicy.rules[1].onPodConditions[0].type: Invalid value: \"a b\": "
		  "name part must "
		  "consist of..." },
		{ "indexes that succeed",
		  "spec: {completionMode: Indexed, completions: 5, successPolicy: {rules: "
		  "[{succeededIndexes: '1-3', "
		  "succeededCount: 4}, {succeededIndexes: '3,2'}, {succeededIndexes: '1-2-3'}, "
		  "{succeededIndexes: "
		  "'x'}, {succeededIndexes: '5'}]}}",
		  "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than "
		  "or equal to 3 "
		  "(the number of indexes in the specified succeededIndexes field)\n"
		  "spec.successPolicy.rules[1].succeededIndexes: Invalid value: \"3,2\": error "
		  "parsing "
		  "succeededIndexes: non-increasing order, previous: 3, current: 2\n"
		  "spec.successPolicy.rules[2].succeededIndexes: Invalid value: \"1-2-3\": error "
		  "parsing "
		  "succeededIndexes: the fragment \"1-2-3\" violates the requirement that an index "
		  "interval can "
		  "have at most two parts separated by '-'\n"
		  "spec.successPolicy.rules[3].succeededIndexes: Invalid value: \"x\": error "
		  "parsing "
		  "succeededIndexes: cannot convert string to integer for index: \"x\"\n"
		  "spec.successPolicy.rules[4].succeededIndexes: Invalid value: \"5\": error "
		  "parsing "
		  "succeededIndexes: too large index: \"5\"" },
		{ "many indexes",
		  "spec: {completionMode: Indexed, completions: 100001, parallelism: 10001, "
		  "backoffLimitPerIndex: 1}",
		  "spec.maxFailedIndexes: Required value: must be specified when completions is "
		  "above 100000\n"
		  "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 "
		  "when completions are "
		  "above 100000 and used with backoff limit per index" },
		{ "managed by nobody", "spec: {managedBy: 'a_b/c d'}",
		  "spec.managedBy: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must "
		  "consist of...\n"
		  "spec.managedBy: Invalid value: \"c d\": Invalid path..." },
		{ "labels of another Job", "spec: {template: {metadata: {labels: {job-name: x}}}}",
		  "spec.template.metadata.labels[job-name]: Invalid value: {..." },
	};

	check_creates(&kind_job, job, cases, ARRAY_COUNT(cases));
}

static void test_suspended_job(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: "
		"[{name: c, image: i}]}}}",
		"spec: {suspend: true}", ""
	};
	static const struct kind_case cases[] = {
		{ "another place", "spec: {template: {spec: {nodeSelector: {a: b}}}}", "" },
		{ "another image", "spec: {template: {spec: {containers: [{name: c, image: j}]}}}",
		  "spec.template: Invalid value: ..." },
	};

	check_updates(&kind_job, &update, cases, ARRAY_COUNT(cases));
}

static void test_job_status(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: "
		"[{name: c, image: i}]}}}",
		"status: {startTime: \"2024-01-01T00:00:00Z\", conditions: [{type: Complete, "
		"status: \"True\"}], completionTime: \"2024-01-01T00:00:00Z\"}",
		"status"
	};
	static const struct kind_case cases[] = {
		{ "not done any more", "!status: {conditions: [], completionTime: null}",
		  "status.conditions: Invalid value: cannot disable the terminal "
		  "Complete=True "
		  "condition" },
		{ "never begun", "!status: {startTime: null}",
		  "status.startTime: Required value: startTime is required for finished job\n"
		  "status.startTime: Required value: startTime cannot be removed for unsuspended "
		  "job" },
		{ "done and busy", "status: {active: 1}",
		  "status.active: Invalid value: 1: active>0 is invalid for finished job" },
		{ "another end", "status: {completionTime: \"2024-01-02T00:00:00Z\"}",
		  "status.completionTime: Invalid value: \"2024-01-02T00:00:00Z\": completionTime "
		  "cannot "
		  "be mutated" },
		{ "what does not concern the end", "status: {succeeded: 1}", "" },
		{ "indexes of none", "status: {completedIndexes: \"0\"}",
		  "status.completedIndexes: Invalid value: \"0\": cannot set non-empty "
		  "completedIndexes "
		  "when non-indexed completion mode" },
		{ "a pod twice", "status: {uncountedTerminatedPods: {succeeded: [a], failed: [a]}}",
		  "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"\n"
		  "status.uncountedTerminatedPods: Invalid value: "
		  "{\"Succeeded\":[\"a\"],\"Failed\":[\"a\"]}: "
		  "uncountedTerminatedPods needs to be empty for finished job" },
	};

	check_updates(&kind_job, &update, cases, ARRAY_COUNT(cases));
}

static void test_cronjob(void **state)
{
	static const char base[] =
		"metadata: {name: c}\nspec: {schedule: \"0 * * * *\", jobTemplate: {spec: "
		"{template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}";
	static const struct kind_case cases[] = {
		{ "no schedule", "spec: {schedule: \"\"}", "spec.schedule: Required value" },
		{ "four fields", "spec: {schedule: \"* * * *\"}",
		  "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4: "
		  "[* * * *]" },
		{ "an hour too late", "spec: {schedule: \"0 24 * * *\"}",
		  "spec.schedule: Invalid value: \"0 24 * * *\": end of range (24) above maximum "
		  "(23): 24" },
		{ "no number", "spec: {schedule: \"x * * * *\"}",
		  "spec.schedule: Invalid value: \"x * * * *\": failed to parse int from x: "
		  "strconv.Atoi: parsing \"x\": invalid syntax" },
		{ "names, steps and lists", "spec: {schedule: \"*/5,30 9-17/2 ? JAN-mar mon,5\"}",
		  "" },
		{ "words", "spec: {schedule: \"@hourly\"}", "" },
		{ "unknown words", "spec: {schedule: \"@often\"}",
		  "spec.schedule: Invalid value: \"@often\": unrecognized descriptor: @often" },
		{ "a zone inside", "spec: {schedule: \"TZ=UTC 0 * * * *\"}",
		  "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in "
		  "schedule, use timeZone field instead" },
		{ "zones", "spec: {timeZone: Europe/Berlin}", "" },
		{ "no zone", "spec: {timeZone: Foo/Bar}",
		  "spec.timeZone: Invalid value: \"Foo/Bar\": unknown time zone Foo/Bar" },
		{ "an unknown policy", "spec: {concurrencyPolicy: Foo}",
		  "spec.concurrencyPolicy: Unsupported value: \"Foo\": supported values: "
		  "\"Allow\", \"Forbid\", \"Replace\"" },
		{ "a selector",
		  "spec: {jobTemplate: {spec: {selector: {matchLabels: {a: b}}, manualSelector: "
		  "true}}}",
		  "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: "
		  "`selector` will be auto-generated\nspec.jobTemplate.spec.manualSelector: "
		  "Unsupported value: true: supported values: \"nil\", \"false\"" },
	};

	check_creates(&kind_cronjob, base, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statefulset_claims),
		cmocka_unit_test(test_deployment),
		cmocka_unit_test(test_deployment_update),
		cmocka_unit_test(test_deployment_status),
		cmocka_unit_test(test_daemonset),
		cmocka_unit_test(test_statefulset),
		cmocka_unit_test(test_statefulset_update),
		cmocka_unit_test(test_replicationcontroller),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_update),
		cmocka_unit_test(test_job_policies),
		cmocka_unit_test(test_suspended_job),
		cmocka_unit_test(test_job_status),
		cmocka_unit_test(test_cronjob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
