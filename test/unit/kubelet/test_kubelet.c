/* SPDX-License-Identifier: Apache-2.0 */
/* A kubelet on a simulated env with a fake machine and a fake API: whole lives of pods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "fake_api.h"
#include "fake_runtime.h"
#include "kubelet/kubelet.h"
#include "kubelet/manifest.h"
#include "kubelet/server.h"

struct world {
	const char *manifest_dir;
	struct sim *sim;
	struct env *env;
	struct fake_api api;
	struct fake_runtime runtime;
	struct client *client;
	struct kubelet *kubelet;
	bool stopped;
};

static struct str host_address = STR_INIT("192.0.2.1");

static void kubelet_up(struct world *w)
{
	struct kubelet_options options = {
		.env = w->env,
		.runtime = &w->runtime.base,
		.node_name = STR("n1"),
		.addresses = &host_address,
		.address_count = 1,
		.root_dir = STR("/k"),
		.log_dir = STR("/l"),
		.manifest_dir = str_from(w->manifest_dir),
		.cpu_milli = 2000,
		.memory_bytes = (int64_t)1 << 30,
		.register_node = true,
		.os_image = STR("Test"),
	};

	w->client = client_new(w->env, &w->api.transport, STR("kubelet"));
	options.client = w->client;
	w->kubelet = kubelet_new(&options);
	assert_int_equal(kubelet_start(w->kubelet, NULL), 0);
	sim_run_for(w->sim, 100);
}

static void on_stopped(void *arg)
{
	((struct world *)arg)->stopped = true;
}

static void kubelet_down(struct world *w)
{
	w->stopped = false;
	kubelet_stop(w->kubelet, on_stopped, w);
	sim_run_for(w->sim, 1000);
	assert_true(w->stopped);
	kubelet_free(w->kubelet);
	client_free(w->client);
	w->kubelet = NULL;
}

static int setup(void **state)
{
	struct world *w = NEW(struct world);

	w->sim = sim_new(1);
	w->env = sim_env(w->sim, "node");
	fake_api_init(&w->api, w->env);
	fake_runtime_init(&w->runtime, w->env);
	kubelet_up(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	kubelet_down(w);
	sim_run_for(w->sim, 1000);
	fake_api_deinit(&w->api);
	sim_free(w->sim);
	mem_free(w);
	return 0;
}

/* A pod of node n1 with this spec (without the braces). */
static void put_pod(struct world *w, const char *name, const char *spec)
{
	AUTO_FREE char *json = mem_printf(
		"{\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\","
		"\"labels\":{\"app\":\"x\"}},\"spec\":{\"nodeName\":\"n1\",%s}}",
		name, spec);

	fake_api_put(&w->api, "Pod", json);
}

#define ONE "\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]"

static const struct obj *pod_of(struct world *w, const char *name)
{
	return fake_api_get(&w->api, "Pod", "d", name);
}

static struct str at(struct world *w, const char *name, const char *path)
{
	const struct obj *pod = pod_of(w, name);

	return pod ? json_get_str(pod->root, path) : STR("(gone)");
}

static void expect(struct world *w, const char *name, const char *path, const char *value)
{
	struct str got = at(w, name, path);

	if (!str_eq_c(got, value))
		fail_msg("%s of %s is \"" STR_FMT "\", not \"%s\"", path, name, STR_ARG(got),
			 value);
}

#define STATE0 "status.containerStatuses.0."

static void test_pod_runs(void **state)
{
	/* Would break: a pod that is bound never runs, or runs without saying so. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 200);
	expect(w, "p", "status.phase", "Running");
	expect(w, "p", "status.podIP", "10.1.0.9");
	expect(w, "p", "status.hostIP", "192.0.2.1");
	expect(w, "p", "status.qosClass", "BestEffort");
	expect(w, "p", "status.conditions.2.type", "Ready");
	expect(w, "p", "status.conditions.2.status", "True");
	assert_true(json_get_bool(pod_of(w, "p")->root, STATE0 "ready", false));
	assert_int_equal(w->runtime.starts, 1);
	assert_int_equal(fake_api_events(&w->api, "Started"), 1);
	assert_true(w->api.status_writes <= 3);
}

static void test_nothing_is_written_when_nothing_happens(void **state)
{
	/* Would break: a status that is written again and again. */
	struct world *w = *state;
	size_t writes;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	writes = w->api.status_writes;
	sim_run_for(w->sim, 3600000);
	assert_int_equal(w->api.status_writes, writes);
}

static void test_node_is_ready(void **state)
{
	/* Would break: a node that does not register, or whose lease runs out. */
	struct world *w = *state;
	const struct obj *node = fake_api_get(&w->api, "Node", "", "n1");
	struct str before;
	AUTO_FREE char *kept = NULL;

	assert_non_null(node);
	assert_true(
		str_eq_c(json_get_str(node->root, "status.conditions.3.reason"), "KubeletReady"));
	assert_true(str_eq_c(json_get_str(node->root, "status.capacity.cpu"), "2"));
	assert_true(str_eq_c(json_get_str(node->root, "status.capacity.pods"), "110"));
	before = json_get_str(fake_api_get(&w->api, "Lease", "kube-node-lease", "n1")->root,
			      "spec.renewTime");
	kept = str_dup_c(before);
	sim_run_for(w->sim, 15000);
	assert_false(
		str_eq_c(json_get_str(fake_api_get(&w->api, "Lease", "kube-node-lease", "n1")->root,
				      "spec.renewTime"),
			 kept));
	fake_api_delete(&w->api, "Node", "", "n1", 0);
	sim_run_for(w->sim, 15000);
	assert_non_null(fake_api_get(&w->api, "Node", "", "n1"));
}

/* What is scraped: containers that run, under the names and labels that dashboards read. */
/* Says that the node has this much of a resource of somebody's own; NULL: none any more. */
static void put_extended(struct world *w, const char *amount)
{
	AUTO_JSON_MUT doc = json_thaw(fake_api_get(&w->api, "Node", "", "n1")->root);
	yyjson_mut_val *capacity = json_mut_get(yyjson_mut_doc_get_root(doc), "status.capacity");
	AUTO_BUF text = { 0 };

	yyjson_mut_obj_remove_key(capacity, "example.com/foo");
	if (amount)
		json_put_str(doc, capacity, STR("example.com/foo"), str_from(amount));
	buf_init(&text, 1 << 16);
	json_mut_write(yyjson_mut_doc_get_root(doc), &text);
	fake_api_put(&w->api, "Node", text.ptr);
	sim_run_for(w->sim, 12000);
}

static struct str allocatable(struct world *w, const char *name)
{
	const struct obj *node = fake_api_get(&w->api, "Node", "", "n1");

	return json_str(json_key(json_get(node->root, "status.allocatable"), str_from(name)));
}

/* Would break: the steps by which administrators advertise resources, as the documentation has them. */
static void test_extended_resources(void **state)
{
	struct world *w = *state;

	put_extended(w, "5");
	assert_true(str_eq_c(allocatable(w, "example.com/foo"), "5"));
	assert_true(str_eq_c(allocatable(w, "cpu"), "2"));
	put_extended(w, "7");
	assert_true(str_eq_c(allocatable(w, "example.com/foo"), "7"));
	put_extended(w, NULL);
	assert_int_equal(allocatable(w, "example.com/foo").len, 0);
}

static void test_metrics(void **state)
{
	static const char *const lines[] = {
		("container_memory_working_set_bytes{container=\"c\",namespace=\"d\","
		 "pod=\"web\"} 4096 1000\n"),
		"pod_cpu_usage_seconds_total{namespace=\"d\",pod=\"web\"} 2.5 1000\n",
		"# TYPE node_memory_working_set_bytes gauge\n",
		"\nresource_scrape_error 0\n",
		"container_cpu_usage_seconds_total{container=\"c\",cpu=\"total\",id=\"/kubepods/",
		"container_memory_rss{container=\"\",id=\"/kubepods/",
		"image=\"\",name=\"\",namespace=\"d\",pod=\"web\"} 1024 1000\n",
		"failure_type=\"pgmajfault\",scope=\"container\"",
		"machine_memory_bytes 1073741824\n",
		"kubelet_running_pods 1\n",
		"kubelet_running_containers{container_state=\"running\"} 1\n",
	};
	struct world *w = *state;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 1u << 20);
	put_pod(w, "web", ONE);
	sim_run_for(w->sim, 2000);
	w->runtime.stats = (struct runtime_stats){ .wall_ns = 1000000000,
						   .cpu_ns = 2500000000,
						   .memory_bytes = 8192,
						   .memory_working_set_bytes = 4096,
						   .memory_rss_bytes = 1024 };
	metrics_write_resource(w->kubelet, &arena, &text);
	metrics_write_containers(w->kubelet, &arena, &text);
	metrics_write_kubelet(w->kubelet, &text);
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
		if (!str_contains(buf_str(&text), str_from(lines[i])))
			fail_msg("%s is missing from\n" STR_FMT, lines[i], STR_ARG(buf_str(&text)));
}

/* /configz says what is in force, for tools that ask a node. */
static void test_configuration(void **state)
{
	struct world *w = *state;
	AUTO_JSON_MUT doc = configuration_object(w->kubelet);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	assert_true(str_eq_c(json_mut_get_str(root, "kubeletconfig.clusterDomain"),
			     "cluster.local"));
	assert_true(str_eq_c(json_mut_get_str(root, "kubeletconfig.nodeStatusReportFrequency"),
			     "5m0s"));
	assert_true(str_eq_c(json_mut_get_str(root, "kubeletconfig.fileCheckFrequency"), "20s"));
	assert_int_equal(json_mut_get_int(root, "kubeletconfig.maxPods", 0), 110);
	assert_false(
		json_mut_get_bool(root, "kubeletconfig.authentication.anonymous.enabled", true));
}

static void test_crash_loop(void **state)
{
	/* Would break: a crashing container that is restarted without delay, or never. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 1);
	sim_run_for(w->sim, 500);
	assert_int_equal(w->runtime.starts, 2); /* the first crash is followed by a start at once */
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 1);
	sim_run_for(w->sim, 500);
	assert_int_equal(w->runtime.starts, 2);
	expect(w, "p", STATE0 "state.waiting.reason", "CrashLoopBackOff");
	expect(w, "p", STATE0 "lastState.terminated.reason", "Error");
	expect(w, "p", "status.phase", "Running");
	assert_int_equal(fake_api_events(&w->api, "BackOff"), 1);
	sim_run_for(w->sim, 9000);
	assert_int_equal(w->runtime.starts, 2);
	sim_run_for(w->sim, 1500);
	assert_int_equal(w->runtime.starts, 3);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 1);
	sim_run_for(w->sim, 19000);
	assert_int_equal(w->runtime.starts, 3);
	sim_run_for(w->sim, 2000);
	assert_int_equal(w->runtime.starts, 4);
	assert_int_equal(json_get_int(pod_of(w, "p")->root, STATE0 "restartCount", 0), 3);
}

static void test_finished_pod(void **state)
{
	/* Would break: a Job's pod that is restarted, or whose sandbox stays. */
	struct world *w = *state;

	put_pod(w, "p", "\"restartPolicy\":\"Never\"," ONE);
	sim_run_for(w->sim, 1000);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 0);
	sim_run_for(w->sim, 1000);
	expect(w, "p", "status.phase", "Succeeded");
	expect(w, "p", STATE0 "state.terminated.reason", "Completed");
	expect(w, "p", "status.conditions.2.reason", "PodCompleted");
	assert_null(fake_find(&w->runtime, "p", ""));
	assert_int_equal(w->runtime.starts, 1);
	fake_api_delete(&w->api, "Pod", "d", "p", 30);
	sim_run_for(w->sim, 1000);
	assert_null(pod_of(w, "p"));
}

static void test_failed_pod(void **state)
{
	/* Would break: a failed run that counts as success. */
	struct world *w = *state;

	put_pod(w, "p", "\"restartPolicy\":\"Never\"," ONE);
	sim_run_for(w->sim, 1000);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 3);
	sim_run_for(w->sim, 1000);
	expect(w, "p", "status.phase", "Failed");
	assert_int_equal(json_get_int(pod_of(w, "p")->root, STATE0 "state.terminated.exitCode", 0),
			 3);
}

static void test_delete(void **state)
{
	/* Would break: a deleted pod that stays in the API, or whose containers are killed without
	 * grace. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	w->runtime.ignores_term = true;
	fake_api_delete(&w->api, "Pod", "d", "p", 5);
	sim_run_for(w->sim, 4000);
	assert_int_equal(w->runtime.kills, 1);
	assert_int_equal(w->runtime.last_signal, 0);
	assert_non_null(pod_of(w, "p"));
	sim_run_for(w->sim, 2000);
	assert_int_equal(w->runtime.last_signal, 9);
	assert_null(pod_of(w, "p"));
	assert_null(fake_find(&w->runtime, "p", ""));
	assert_int_equal(w->runtime.volume_removals, 1);
	assert_int_equal(fake_api_events(&w->api, "Killing"), 1);
}

static void test_force_delete(void **state)
{
	/* Would break: a pod deleted from the API at once whose processes go on. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	fake_api_delete(&w->api, "Pod", "d", "p", 0);
	sim_run_for(w->sim, 1000);
	assert_null(fake_find(&w->runtime, "p", "c"));
	assert_null(fake_find(&w->runtime, "p", ""));
}

static void test_kubelet_restart(void **state)
{
	/* Would break: pods restarted because the server was; restart counts lost; orphans left. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	put_pod(w, "q", ONE);
	sim_run_for(w->sim, 1000);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 1);
	sim_run_for(w->sim, 1000);
	assert_int_equal(w->runtime.starts, 3);
	kubelet_down(w);
	fake_api_delete(&w->api, "Pod", "d", "q", 0);
	kubelet_up(w);
	sim_run_for(w->sim, 5000);
	assert_int_equal(w->runtime.starts, 3);
	assert_int_equal(w->runtime.sandboxes, 2);
	assert_non_null(fake_find(&w->runtime, "p", "c"));
	assert_null(fake_find(&w->runtime, "q", "c"));
	expect(w, "p", "status.phase", "Running");
	assert_true(json_get_bool(pod_of(w, "p")->root, STATE0 "ready", false));
	assert_int_equal(json_get_int(pod_of(w, "p")->root, STATE0 "restartCount", 0), 1);
	/* What ended while nobody looked is noticed. */
	kubelet_down(w);
	w->runtime.events.on_exit = NULL;
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 1);
	kubelet_up(w);
	sim_run_for(w->sim, 30000);
	assert_int_equal(json_get_int(pod_of(w, "p")->root, STATE0 "restartCount", 0), 2);
	assert_int_equal(w->runtime.sandboxes, 2);
}

static void test_image_pull_back_off(void **state)
{
	/* Would break: a missing image that is asked for all the time, or reasons that clients do
	 * not know. */
	struct world *w = *state;

	w->runtime.present = false;
	w->runtime.pull_fails = true;
	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	expect(w, "p", STATE0 "state.waiting.reason", "ErrImagePull");
	sim_run_for(w->sim, 3000);
	expect(w, "p", STATE0 "state.waiting.reason", "ImagePullBackOff");
	expect(w, "p", "status.phase", "Pending");
	assert_int_equal(w->runtime.pulls, 1);
	sim_run_for(w->sim, 8000);
	assert_int_equal(w->runtime.pulls, 2);
	w->runtime.pull_fails = false;
	sim_run_for(w->sim, 21000);
	expect(w, "p", "status.phase", "Running");
	assert_true(fake_api_events(&w->api, "Pulled") == 1);
}

static void test_image_never(void **state)
{
	/* Would break: imagePullPolicy Never that pulls. */
	struct world *w = *state;

	w->runtime.present = false;
	put_pod(w, "p",
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"imagePullPolicy\":\"Never\"}"
		"]");
	sim_run_for(w->sim, 1000);
	expect(w, "p", STATE0 "state.waiting.reason", "ErrImageNeverPull");
	assert_int_equal(w->runtime.pulls, 0);
}

static void test_init_containers(void **state)
{
	/* Would break: init containers that run together, or main ones that do not wait for them.
	 */
	struct world *w = *state;

	put_pod(w, "p",
		"\"initContainers\":[{\"name\":\"i1\",\"image\":\"i:1\"},{\"name\":\"i2\","
		"\"image\":\"i:1\"}]," ONE);
	sim_run_for(w->sim, 1000);
	assert_non_null(fake_find(&w->runtime, "p", "i1"));
	assert_null(fake_find(&w->runtime, "p", "i2"));
	expect(w, "p", STATE0 "state.waiting.reason", "PodInitializing");
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "i1"), 0);
	sim_run_for(w->sim, 1000);
	assert_non_null(fake_find(&w->runtime, "p", "i2"));
	assert_null(fake_find(&w->runtime, "p", "c"));
	expect(w, "p", "status.phase", "Pending");
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "i2"), 0);
	sim_run_for(w->sim, 1000);
	expect(w, "p", "status.phase", "Running");
	expect(w, "p", "status.conditions.1.status", "True");
}

static void test_sidecar(void **state)
{
	/* Would break: a sidecar that holds up its pod's end, or is not restarted. */
	struct world *w = *state;

	put_pod(w, "p",
		"\"restartPolicy\":\"Never\",\"initContainers\":[{\"name\":\"s\",\"image\":\"i:1\","
		"\"restartPolicy\":\"Always\"}]," ONE);
	sim_run_for(w->sim, 1000);
	assert_non_null(fake_find(&w->runtime, "p", "c"));
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "s"), 1);
	sim_run_for(w->sim, 1000);
	assert_int_equal(fake_find(&w->runtime, "p", "s")->attempt, 1);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", "c"), 0);
	sim_run_for(w->sim, 1000);
	expect(w, "p", "status.phase", "Succeeded");
	assert_null(fake_find(&w->runtime, "p", ""));
}

static void test_probes(void **state)
{
	/* Would break: readiness that does not follow its probe; a liveness probe that kills
	 * nothing. */
	struct world *w = *state;

	w->runtime.probe_result = PROBE_FAILURE;
	put_pod(w, "p",
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"readinessProbe\":{"
		"\"tcpSocket\":{\"port\":80},"
		"\"periodSeconds\":2,\"failureThreshold\":1}}]");
	sim_run_for(w->sim, 3000);
	expect(w, "p", "status.conditions.2.status", "False");
	expect(w, "p", "status.conditions.2.reason", "ContainersNotReady");
	expect(w, "p", "status.conditions.2.message", "containers with unready status: [c]");
	assert_true(fake_api_events(&w->api, "Unhealthy") > 0);
	w->runtime.probe_result = PROBE_SUCCESS;
	sim_run_for(w->sim, 3000);
	expect(w, "p", "status.conditions.2.status", "True");
	w->runtime.probe_result = PROBE_FAILURE;
	sim_run_for(w->sim, 4000);
	expect(w, "p", "status.conditions.2.status", "False");
	put_pod(w, "q",
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"livenessProbe\":{\"exec\":{"
		"\"command\":[\"x\"]},"
		"\"periodSeconds\":1,\"failureThreshold\":3}}]");
	sim_run_for(w->sim, 1500);
	assert_int_equal(json_get_int(pod_of(w, "q")->root, STATE0 "restartCount", -1), 0);
	sim_run_for(w->sim, 3000);
	assert_true(json_get_int(pod_of(w, "q")->root, STATE0 "restartCount", -1) >= 1);
}

static void test_startup_probe(void **state)
{
	/* Would break: liveness probes that kill a program which is still starting. */
	struct world *w = *state;

	w->runtime.probe_result = PROBE_FAILURE;
	put_pod(w, "p",
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"livenessProbe\":{"
		"\"tcpSocket\":{\"port\":80},"
		"\"periodSeconds\":1,\"failureThreshold\":1},\"startupProbe\":{\"tcpSocket\":{"
		"\"port\":80},"
		"\"periodSeconds\":1,\"failureThreshold\":30}}]");
	sim_run_for(w->sim, 10000);
	assert_int_equal(w->runtime.starts, 1);
	assert_false(json_get_bool(pod_of(w, "p")->root, STATE0 "started", true));
	w->runtime.probe_result = PROBE_SUCCESS;
	sim_run_for(w->sim, 3000);
	assert_true(json_get_bool(pod_of(w, "p")->root, STATE0 "started", false));
	assert_true(json_get_bool(pod_of(w, "p")->root, STATE0 "ready", false));
}

static void test_config_map(void **state)
{
	/* Would break: a pod that starts without its ConfigMap, or does not see it change. */
	struct world *w = *state;

	put_pod(w, "p",
		"\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"m\"}}],\"containers\":[{"
		"\"name\":\"c\","
		"\"image\":\"i:1\",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{"
		"\"name\":\"m\",\"key\":\"k\"}}},"
		"{\"name\":\"B\",\"value\":\"<$(A)>\"}],\"volumeMounts\":[{\"name\":\"v\","
		"\"mountPath\":\"/v\"}]}]");
	sim_run_for(w->sim, 2000);
	expect(w, "p", "status.phase", "Pending");
	expect(w, "p", STATE0 "state.waiting.reason", "ContainerCreating");
	assert_true(fake_api_events(&w->api, "FailedMount") >= 1);
	fake_api_put(
		&w->api, "ConfigMap",
		"{\"metadata\":{\"name\":\"m\",\"namespace\":\"d\"},\"data\":{\"k\":\"one\"}}");
	sim_run_for(w->sim, 200);
	expect(w, "p", "status.phase", "Running");
	assert_string_equal(w->runtime.last_volume, "one");
	assert_non_null(strstr(fake_find(&w->runtime, "p", "c")->env, "A=one;"));
	assert_non_null(strstr(fake_find(&w->runtime, "p", "c")->env, "B=<one>;"));
	fake_api_put(
		&w->api, "ConfigMap",
		"{\"metadata\":{\"name\":\"m\",\"namespace\":\"d\"},\"data\":{\"k\":\"two\"}}");
	sim_run_for(w->sim, 200);
	assert_string_equal(w->runtime.last_volume, "two");
	assert_int_equal(w->runtime.starts, 1);
}

static void test_deadline(void **state)
{
	/* Would break: activeDeadlineSeconds without effect. */
	struct world *w = *state;

	put_pod(w, "p", "\"activeDeadlineSeconds\":5," ONE);
	sim_run_for(w->sim, 4000);
	expect(w, "p", "status.phase", "Running");
	sim_run_for(w->sim, 3000);
	expect(w, "p", "status.phase", "Failed");
	expect(w, "p", "status.reason", "DeadlineExceeded");
	assert_null(fake_find(&w->runtime, "p", ""));
}

static void test_sandbox_dies(void **state)
{
	/* Would break: a pod whose pause process was killed stays without a network. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	sim_run_for(w->sim, 1000);
	fake_exit(&w->runtime, fake_find(&w->runtime, "p", ""), 137);
	sim_run_for(w->sim, 2000);
	assert_int_equal(w->runtime.sandboxes, 2);
	assert_int_equal(fake_api_events(&w->api, "SandboxChanged"), 1);
	sim_run_for(w->sim, 15000);
	expect(w, "p", "status.phase", "Running");
}

static void test_api_fails(void **state)
{
	/* Would break: a status that is lost because one write failed. */
	struct world *w = *state;

	put_pod(w, "p", ONE);
	w->api.fail_next = 5;
	sim_run_for(w->sim, 30000);
	expect(w, "p", "status.phase", "Running");
}

static void test_pre_stop(void **state)
{
	/* Would break: containers stopped before their preStop hook has run. */
	struct world *w = *state;

	put_pod(w, "p",
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"lifecycle\":{\"preStop\":{"
		"\"sleep\":{\"seconds\":3}}}}]");
	sim_run_for(w->sim, 1000);
	fake_api_delete(&w->api, "Pod", "d", "p", 30);
	sim_run_for(w->sim, 2500);
	assert_int_equal(w->runtime.kills, 0);
	sim_run_for(w->sim, 1500);
	assert_int_equal(w->runtime.kills, 1);
	assert_null(pod_of(w, "p"));
}

/* --- static pods: the simulation has no inotify, so the folder is looked at every 20 s --- */

#define MANIFEST(image) \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: s, namespace: d}\n" \
	"spec: {containers: [{name: c, image: '" image "'}]}\n"

static void write_manifest(struct world *w, const char *name, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/%s", w->manifest_dir, name);

	assert_int_equal(fd_replace_file(AT_FDCWD, path, str_from(text), 0644, false, NULL), 0);
}

static int setup_static(void **state)
{
	char dir[] = "/tmp/cube-manifests.XXXXXX";
	struct world *w;

	assert_non_null(mkdtemp(dir));
	setup(state);
	w = *state;
	kubelet_down(w);
	w->manifest_dir = mem_strdup(dir);
	write_manifest(w, "s.yaml", MANIFEST("i:1"));
	write_manifest(w, ".hidden.yaml",
		       "apiVersion: v1\nkind: Pod\nmetadata: {name: h}\n"
		       "spec: {containers: [{name: c, image: x}]}\n");
	return 0;
}

static int teardown_static(void **state)
{
	struct world *w = *state;
	const char *dir = w->manifest_dir;

	assert_int_equal(fd_remove_tree(AT_FDCWD, dir, NULL), 0);
	teardown(state);
	mem_free((void *)dir);
	return 0;
}

static void test_static_pod(void **state)
{
	/* Would break: a file that is no pod, or one the API does not show, or shows as another. */
	struct world *w = *state;
	const struct obj *mirror;

	kubelet_up(w);
	sim_run_for(w->sim, 2000);
	assert_int_equal(w->runtime.starts, 1);
	expect(w, "s-n1", "status.phase", "Running");
	expect(w, "s-n1", "spec.nodeName", "n1");
	mirror = pod_of(w, "s-n1");
	assert_true(str_eq_c(obj_annotation(mirror, ANNOTATION_CONFIG_SOURCE), "file"));
	assert_int_equal(obj_annotation(mirror, ANNOTATION_CONFIG_HASH).len, 32);
	assert_true(str_eq(obj_annotation(mirror, ANNOTATION_CONFIG_HASH),
			   obj_annotation(mirror, ANNOTATION_CONFIG_MIRROR)));
	sim_run_for(w->sim, 60000);
	assert_int_equal(w->runtime.starts, 1);
}

static void test_static_pod_survives_its_mirror(void **state)
{
	/* Would break: kubectl delete ends a pod that only its file may end. */
	struct world *w = *state;
	AUTO_FREE char *uid = NULL;

	kubelet_up(w);
	sim_run_for(w->sim, 2000);
	uid = str_dup_c(at(w, "s-n1", "metadata.uid"));
	fake_api_delete(&w->api, "Pod", "d", "s-n1", 30);
	sim_run_for(w->sim, 2000);
	assert_non_null(pod_of(w, "s-n1"));
	assert_false(str_eq_c(at(w, "s-n1", "metadata.uid"), uid));
	expect(w, "s-n1", "status.phase", "Running");
	assert_int_equal(w->runtime.starts, 1);
	assert_int_equal(w->runtime.kills, 0);
}

static void test_static_pod_follows_its_file(void **state)
{
	/* Would break: a change of the file without effect; a pod that outlives its file. */
	struct world *w = *state;
	AUTO_FREE char *path = mem_printf("%s/s.yaml", w->manifest_dir);

	kubelet_up(w);
	sim_run_for(w->sim, 2000);
	write_manifest(w, "s.yaml", "kind: Pod\nspec: [");
	sim_run_for(w->sim, 60000);
	assert_int_equal(w->runtime.kills, 0); /* nonsense changes nothing */
	write_manifest(w, "s.yaml", MANIFEST("i:2"));
	sim_run_for(w->sim, 60000);
	assert_int_equal(w->runtime.starts, 2);
	expect(w, "s-n1", "spec.containers.0.image", "i:2");
	expect(w, "s-n1", "status.phase", "Running");
	assert_int_equal(unlink(path), 0);
	sim_run_for(w->sim, 60000);
	assert_null(pod_of(w, "s-n1"));
	assert_null(fake_find(&w->runtime, "s-n1", ""));
}

static void test_static_pod_outlives_kubelet(void **state)
{
	/* Would break: a kubelet started again ends a static pod, as an orphan or to start anew. */
	struct world *w = *state;

	kubelet_up(w);
	sim_run_for(w->sim, 2000);
	kubelet_down(w);
	kubelet_up(w);
	sim_run_for(w->sim, 5000);
	assert_int_equal(w->runtime.starts, 1);
	assert_int_equal(w->runtime.kills, 0);
	expect(w, "s-n1", "status.phase", "Running");
}

static void test_static_pod_without_api(void **state)
{
	/* Would break: a static pod that waits for an API that answers no write. */
	struct world *w = *state;

	w->api.fail_next = 1000000;
	kubelet_up(w);
	sim_run_for(w->sim, 2000);
	assert_int_equal(w->runtime.starts, 1);
	assert_null(pod_of(w, "s-n1"));
	w->api.fail_next = 0;
	sim_run_for(w->sim, 30000);
	expect(w, "s-n1", "status.phase", "Running");
}

static void test_manifest_refusals(void **state)
{
	/* Would break: a pod that needs the API is started without it; an error without a field. */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{}}", "metadata.name" },
		{ "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {}\n", "spec.containers" },
		{ "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {serviceAccountName: x, "
		  "containers: [{name: c, image: i}]}\n",
		  "service accounts" },
		{ "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: c, "
		  "image: i, envFrom: [{secretRef: {name: top}}]}]}\n",
		  "secrets: top" },
		{ "kind: Service\napiVersion: v1\nmetadata: {name: a}\n", "Service" },
	};
	struct manifest_place place = { .file = STR("f"), .node_name = STR("n1") };

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct obj *pod;
		struct err err = { 0 };

		if (manifest_decode(str_from(cases[i].text), &place, &pod, &err) == 0)
			fail_msg("case %zu is taken", i);
		if (!strstr(err.msg, cases[i].want))
			fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].want, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pod_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_written_when_nothing_happens, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_node_is_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_resources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crash_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finished_pod, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_pod, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_force_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kubelet_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_image_pull_back_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_image_never, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_containers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sidecar, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_startup_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_config_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sandbox_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_api_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pre_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_static_pod, setup_static,
						teardown_static),
		cmocka_unit_test_setup_teardown(test_static_pod_survives_its_mirror, setup_static,
						teardown_static),
		cmocka_unit_test_setup_teardown(test_static_pod_follows_its_file, setup_static,
						teardown_static),
		cmocka_unit_test_setup_teardown(test_static_pod_outlives_kubelet, setup_static,
						teardown_static),
		cmocka_unit_test_setup_teardown(test_static_pod_without_api, setup_static,
						teardown_static),
		cmocka_unit_test(test_manifest_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
