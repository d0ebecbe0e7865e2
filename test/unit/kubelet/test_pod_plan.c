/* SPDX-License-Identifier: Apache-2.0 */
/* What pod_plan asks for in each situation, and the phase that the same situation is reported as.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec/json.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_status.h"

#define SECOND INT64_C(1000000000)
#define NOW (1000 * SECOND)

/* One letter per container: w waiting, s starting, r running, R running and started, 0 exited well,
 * 1 exited badly, b exited badly and backing off. */
struct situation {
	const char *what; /* would break without it */
	const char *spec;
	const char *containers;
	enum sandbox_phase sandbox;
	enum volumes_phase volumes;
	bool initialized, deleting, operations;
	const char *plan; /* "start:1 kill:0 ..." */
	enum pod_phase phase;
};

#define TWO "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\"}]"
#define INIT                                                                                      \
	"{\"initContainers\":[{\"name\":\"i\",\"image\":\"i\"}],\"containers\":[{\"name\":\"a\"," \
	"\"image\":\"i\"}]"
#define SIDE                                                                                   \
	"{\"initContainers\":[{\"name\":\"s\",\"image\":\"i\",\"restartPolicy\":\"Always\"}]," \
	"\"containers\":"                                                                      \
	"[{\"name\":\"a\",\"image\":\"i\"}]"
#define ALWAYS "}"
#define NEVER ",\"restartPolicy\":\"Never\"}"
#define ON_FAILURE ",\"restartPolicy\":\"OnFailure\"}"

static const struct situation situations[] = {
	{ "a new pod gets volumes and sandbox at once", TWO ALWAYS, "ww", SANDBOX_NONE,
	  VOLUMES_NONE, .plan = "volumes sandbox", .phase = POD_PENDING },
	{ "nothing starts before both are there", TWO ALWAYS, "ww", SANDBOX_READY, VOLUMES_BUSY,
	  .plan = "", .phase = POD_PENDING },
	{ "containers start one after the other", TWO ALWAYS, "ww", SANDBOX_READY, VOLUMES_READY,
	  .plan = "start:0", .phase = POD_PENDING },
	{ "a hook that runs holds back the next", TWO ALWAYS, "sw", SANDBOX_READY, VOLUMES_READY,
	  .plan = "", .phase = POD_PENDING },
	{ "the second follows the first", TWO ALWAYS, "Rw", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "start:1", .phase = POD_PENDING },
	{ "all running: nothing to do", TWO ALWAYS, "RR", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "", .phase = POD_RUNNING },
	{ "Always restarts what ended well", TWO ALWAYS, "R0", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "start:1", .phase = POD_RUNNING },
	{ "back-off is kept", TWO ALWAYS, "Rb", SANDBOX_READY, VOLUMES_READY, .initialized = true,
	  .plan = "wake", .phase = POD_RUNNING },
	{ "back-off of one does not hold up another", TWO ALWAYS, "b1", SANDBOX_READY,
	  VOLUMES_READY, .initialized = true, .plan = "start:1 wake", .phase = POD_RUNNING },
	{ "Never leaves what ended", TWO NEVER, "R1", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "", .phase = POD_RUNNING },
	{ "Never: all ended, one badly", TWO NEVER, "01", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "remove-sandbox", .phase = POD_FAILED },
	{ "Never: all ended well", TWO NEVER, "00", SANDBOX_NONE, VOLUMES_READY,
	  .initialized = true, .plan = "remove-volumes", .phase = POD_SUCCEEDED },
	{ "a finished pod stays for its logs", TWO NEVER, "00", SANDBOX_NONE, VOLUMES_REMOVED,
	  .initialized = true, .plan = "", .phase = POD_SUCCEEDED },
	{ "OnFailure restarts what failed only", TWO ON_FAILURE, "01", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "start:1", .phase = POD_RUNNING },
	{ "init first", INIT ALWAYS, "ww", SANDBOX_READY, VOLUMES_READY, .plan = "start:0",
	  .phase = POD_PENDING },
	{ "main waits for init", INIT ALWAYS, "Rw", SANDBOX_READY, VOLUMES_READY, .plan = "",
	  .phase = POD_PENDING },
	{ "main follows init", INIT ALWAYS, "0w", SANDBOX_READY, VOLUMES_READY, .plan = "start:1",
	  .phase = POD_PENDING },
	{ "a failed init container is tried again", INIT ALWAYS, "1w", SANDBOX_READY, VOLUMES_READY,
	  .plan = "start:0", .phase = POD_PENDING },
	{ "with Never a failed init container fails the pod", INIT NEVER, "1w", SANDBOX_READY,
	  VOLUMES_READY, .plan = "remove-sandbox", .phase = POD_FAILED },
	{ "a sidecar that is not started yet holds back main", SIDE ALWAYS, "rw", SANDBOX_READY,
	  VOLUMES_READY, .plan = "", .phase = POD_PENDING },
	{ "a started sidecar does not", SIDE ALWAYS, "Rw", SANDBOX_READY, VOLUMES_READY,
	  .plan = "start:1", .phase = POD_PENDING },
	{ "a sidecar is restarted even with Never", SIDE NEVER, "1R", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "start:0", .phase = POD_RUNNING },
	{ "a sidecar does not keep its pod alive", SIDE NEVER, "R0", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .plan = "kill:0", .phase = POD_SUCCEEDED },
	{ "deleted: main containers first", SIDE ALWAYS, "RR", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .deleting = true, .plan = "kill:1", .phase = POD_RUNNING },
	{ "deleted: then the sidecars", SIDE ALWAYS, "R1", SANDBOX_READY, VOLUMES_READY,
	  .initialized = true, .deleting = true, .plan = "kill:0", .phase = POD_FAILED },
	{ "deleted: the sandbox waits for what is going on", TWO ALWAYS, "11", SANDBOX_READY,
	  VOLUMES_READY, .initialized = true, .deleting = true, .operations = true, .plan = "",
	  .phase = POD_RUNNING },
	{ "deleted: in the end the API is told", TWO ALWAYS, "11", SANDBOX_NONE, VOLUMES_REMOVED,
	  .initialized = true, .deleting = true, .plan = "forget", .phase = POD_FAILED },
	{ "deleted before anything began", TWO ALWAYS, "ww", SANDBOX_NONE, VOLUMES_NONE,
	  .deleting = true, .plan = "remove-volumes", .phase = POD_FAILED },
	{ "a dead sandbox takes its containers along", TWO ALWAYS, "R1", SANDBOX_DEAD,
	  VOLUMES_READY, .initialized = true, .plan = "kill:0", .phase = POD_RUNNING },
	{ "and is then made again", TWO ALWAYS, "11", SANDBOX_DEAD, VOLUMES_READY,
	  .initialized = true, .plan = "remove-sandbox", .phase = POD_RUNNING },
};

static struct run_state state_of_letter(char letter, const struct pod_container *c)
{
	struct run_state s = { .hash = c->hash };
	bool ended = letter == '0' || letter == '1' || letter == 'b';

	s.phase = letter == 'w'	  ? RUN_WAITING
		  : letter == 's' ? RUN_STARTING
		  : ended	  ? RUN_EXITED
				  : RUN_RUNNING;
	s.started = letter == 'R';
	if (letter != 'w' && letter != 's')
		s.id[0] = 'x';
	s.end.present = ended;
	s.end.exit_code = letter != '0';
	s.not_before_ns = letter == 'b' ? NOW + SECOND : 0;
	return s;
}

static void put_step(struct buf *to, const struct pod_step *step)
{
	static const char *const names[] = {
		[STEP_SETUP_VOLUMES] = "volumes",
		[STEP_CREATE_SANDBOX] = "sandbox",
		[STEP_START] = "start",
		[STEP_KILL] = "kill",
		[STEP_REMOVE_SANDBOX] = "remove-sandbox",
		[STEP_REMOVE_VOLUMES] = "remove-volumes",
		[STEP_FORGET] = "forget",
	};

	if (to->len > 0)
		buf_put_char(to, ' ');
	buf_put_c(to, names[step->kind]);
	if (step->kind == STEP_START || step->kind == STEP_KILL)
		buf_printf(to, ":%zu", step->container);
}

static void check(const struct situation *t)
{
	AUTO_BUF json = { 0 }, got = { 0 };
	AUTO_ARENA arena = { 0 };
	AUTO_BLOB blob = NULL;
	struct run_state states[4];
	struct pod_spec spec;
	struct pod_plan plan;
	struct pod_state state = { .containers = states,
				   .initialized = t->initialized,
				   .running_operations = t->operations,
				   .volumes = t->volumes };

	arena_init(&arena, 1 << 20);
	buf_init(&json, 1 << 16);
	buf_init(&got, 1 << 16);
	buf_printf(&json,
		   "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"uid\":\"u\"},\"spec\":%s}",
		   t->spec);
	blob = blob_new(buf_str(&json));
	pod_spec_decode(obj_get(blob), &arena, &spec);
	spec.deleting = t->deleting;
	state.sandbox.phase = t->sandbox;
	state.container_count = spec.container_count;
	assert_int_equal(strlen(t->containers), spec.container_count);
	for (size_t i = 0; i < spec.container_count; i++)
		states[i] = state_of_letter(t->containers[i], &spec.containers[i]);
	pod_plan(&spec, &state, NOW, NOW, &plan);
	for (size_t i = 0; i < plan.count; i++)
		put_step(&got, &plan.steps[i]);
	if (plan.wake_ns != INT64_MAX)
		buf_put_c(&got, got.len > 0 ? " wake" : "wake");
	if (!str_eq_c(buf_str(&got), t->plan))
		fail_msg("%s: planned \"" STR_FMT "\", not \"%s\"", t->what, STR_ARG(buf_str(&got)),
			 t->plan);
	state.finished = plan.finished;
	if (pod_phase_of(&spec, &state) != t->phase)
		fail_msg("%s: phase is %s", t->what, pod_phase_text(pod_phase_of(&spec, &state)));
}

static void test_situations(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(situations); i++)
		check(&situations[i]);
}

static void test_pull_policy(void **unused)
{
	/* Would break: images of a moving tag that are never looked at again, or fixed ones pulled
	 * each time. */
	static const struct {
		const char *policy, *image;
		enum pull_policy want;
	} cases[] = {
		{ "", "nginx", PULL_ALWAYS },
		{ "", "nginx:latest", PULL_ALWAYS },
		{ "", "nginx:1", PULL_IF_NOT_PRESENT },
		{ "", "host:5000/nginx", PULL_ALWAYS },
		{ "", "nginx@sha256:00", PULL_IF_NOT_PRESENT },
		{ "Never", "nginx", PULL_NEVER },
		{ "IfNotPresent", "nginx", PULL_IF_NOT_PRESENT },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_int_equal(
			pull_policy_of(str_from(cases[i].policy), str_from(cases[i].image)),
			cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_situations),
					    cmocka_unit_test(test_pull_policy) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
