/* SPDX-License-Identifier: Apache-2.0 */
/* A machine without processes: containers run until the test ends them, or by a rule for their
 * image. Outlives kubelets, as a real machine does. */
#ifndef CUBE_TEST_KUBELET_FAKE_RUNTIME_H
#define CUBE_TEST_KUBELET_FAKE_RUNTIME_H

#include "kubelet/pod_runtime.h"
#include "kubelet/volume_plan.h"
#include "loop/env.h"

#define FAKE_CONTAINERS_MAX 64

struct fake_container {
	char id[RUNTIME_ID_BYTES], sandbox_id[RUNTIME_ID_BYTES];
	char uid[64], pod[64], ns[64], name[64], image[64], hash[32], env[1024];
	uint32_t attempt;
	enum runtime_state state;
	int exit_code;
	int64_t started_ns, finished_ns;
	bool removed;
};

struct fake_runtime {
	struct pod_runtime base;
	struct env *env;
	struct pod_runtime_events events;
	struct fake_container containers[FAKE_CONTAINERS_MAX];
	size_t count;
	size_t starts, sandboxes, kills, pulls, probes, volume_setups, volume_removals;
	bool present; /* images are there */
	bool pull_fails, sandbox_fails, ignores_term;
	enum runtime_probe_result probe_result;
	int last_signal;
	struct runtime_stats stats; /* of every container */
	char last_volume[256]; /* first file of the last set-up's first volume */
};

void fake_runtime_init(struct fake_runtime *rt, struct env *env);
/* The newest run of this container, or sandbox with name ""; NULL when none. */
struct fake_container *fake_find(struct fake_runtime *rt, const char *pod, const char *name);
/* It ends with this code, and the kubelet is told. */
void fake_exit(struct fake_runtime *rt, struct fake_container *c, int exit_code);

#endif
