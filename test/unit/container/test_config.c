/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: a container runs another command, with other rights, or with other mounts than image
 * and request say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include "container/config.h"
#include "linux/capability.h"
#include "container/service_internal.h"

#define LIST(...)                                                                        \
	{                                                                                \
		(const struct str[]){ __VA_ARGS__ },                                     \
			sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str) \
	}
#define S(text) STR_INIT(text)

static const struct {
	const char *name;
	struct oci_image_config image;
	struct container_spec spec;
	const char *want;
} args[] = {
	{ "cmd alone", { .cmd = LIST(S("a"), S("b")) }, {}, "a b" },
	{ "entrypoint and cmd", { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) }, {}, "e c" },
	{ "args replace cmd",
	  { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) },
	  { .args = LIST(S("x")) },
	  "e x" },
	{ "entrypoint drops cmd",
	  { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) },
	  { .entrypoint = LIST(S("n")) },
	  "n" },
	{ "both",
	  { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) },
	  { .entrypoint = LIST(S("n")), .args = LIST(S("x")) },
	  "n x" },
	{ "cleared entrypoint",
	  { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) },
	  { .clear_entrypoint = true, .args = LIST(S("x")) },
	  "x" },
	{ "cleared, and nothing to run",
	  { .entrypoint = LIST(S("e")), .cmd = LIST(S("c")) },
	  { .clear_entrypoint = true },
	  NULL },
	{ "nothing", {}, {}, NULL },
};

static void test_args(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(args); i++) {
		AUTO_ARENA arena = { 0 };
		struct str_list list;
		struct err err = { 0 };
		int r;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		r = config_args(&args[i].spec, &args[i].image, &arena, &list, &err);
		if (!args[i].want) {
			assert_int_equal(r, -1);
			assert_string_equal(err.msg, "no command specified");
			continue;
		}
		assert_int_equal(r, 0);
		if (!str_eq_c(str_join_in(&arena, list.items, list.count, STR(" ")), args[i].want))
			fail_msg("%s", args[i].name);
	}
}

#define CAP(n) (UINT64_C(1) << (n))
static const struct {
	const char *name;
	struct container_spec spec;
	uint64_t has, has_not;
	bool fails;
} caps[] = {
	{ "default", {}, CAP(0) | CAP(13) | CAP(29), CAP(21) | CAP(12) },
	{ "added", { .cap_add = LIST(S("NET_ADMIN")) }, CAP(12) | CAP(0), CAP(21) },
	{ "with prefix, in small letters", { .cap_add = LIST(S("cap_sys_admin")) }, CAP(21), 0 },
	{ "dropped", { .cap_drop = LIST(S("CHOWN")) }, CAP(13), CAP(0) },
	{ "drop all, add one",
	  { .cap_drop = LIST(S("ALL")), .cap_add = LIST(S("CHOWN")) },
	  CAP(0),
	  ~CAP(0) },
	{ "add all, drop one",
	  { .cap_add = LIST(S("ALL")), .cap_drop = LIST(S("SYS_ADMIN")) },
	  CAP(40),
	  CAP(21) },
	{ "privileged",
	  { .privileged = true, .cap_drop = LIST(S("ALL")) },
	  CAP(21) | CAP(40),
	  CAP(41) },
	{ "unknown", { .cap_add = LIST(S("FLY")) }, 0, 0, true },
};

static void test_capabilities(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(caps); i++) {
		uint64_t set = 0;
		int r = config_capabilities(&caps[i].spec, &set, NULL);

		if ((r < 0) != caps[i].fails || (set & caps[i].has) != caps[i].has ||
		    (set & caps[i].has_not))
			fail_msg("%s: %llx", caps[i].name, (unsigned long long)set);
	}
}

/* Breaks if a privileged container does not start where root itself lacks a capability. */
static void test_all_capabilities(void **state)
{
	const struct container_spec all[] = {
		{ .privileged = true },
		{ .cap_add = LIST(S("ALL")) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		uint64_t set = 0;

		assert_int_equal(config_capabilities(&all[i], &set, NULL), 0);
		assert_true(set != 0);
		assert_true((set & ~capability_effective()) == 0);
	}
}

static const struct {
	const char *name;
	int want;
} signals[] = {
	{ "SIGTERM", SIGTERM }, { "term", SIGTERM }, { "9", SIGKILL }, { "SIGRTMIN+3", 37 },
	{ "SIGQUIT", SIGQUIT }, { "", -1 },	     { "0", -1 },      { "65", -1 },
	{ "SIGFOO", -1 },	{ "-1", -1 },
};

static void test_signals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
		int signo = -1;

		if (config_signal(str_from(signals[i].name), &signo, NULL) == 0
			    ? signo != signals[i].want
			    : signals[i].want != -1)
			fail_msg("%s: %d", signals[i].name, signo);
	}
}

struct built {
	struct arena arena;
	yyjson_mut_doc *doc;
	yyjson_doc *read;
	yyjson_val *root;
};

static const struct oci_image_config image = {
	.cmd = LIST(S("run")),
	.env = LIST(S("A=image"), S("PATH=/image"), S("B=image")),
	.working_dir = S("work"),
};

static void build(struct built *b, struct config_input *in)
{
	static const struct container_user user = { .uid = 5, .gid = 6, .home = S("/home/u") };
	struct err err = { 0 };

	arena_init(&b->arena, ARENA_DEFAULT_MAX);
	b->doc = json_new_object();
	in->id = "id";
	in->hostname = STR("host");
	in->cgroup_path = STR("/p/id");
	if (!in->image && !in->spec->is_sandbox)
		in->image = &image;
	in->user = &user;
	if (config_build(in, &b->arena, b->doc, yyjson_mut_doc_get_root(b->doc), &err) < 0)
		fail_msg("%s", err.msg);
	b->read = json_freeze(yyjson_mut_doc_get_root(b->doc));
	b->root = yyjson_doc_get_root(b->read);
}

static void done(struct built *b)
{
	json_free(b->read);
	json_mut_free(b->doc);
	arena_deinit(&b->arena);
}

static bool list_has(yyjson_val *list, const char *text)
{
	JSON_EACH (item, list) {
		if (str_eq_c(json_str(item), text))
			return true;
	}
	return false;
}

static void test_environment(void **state)
{
	struct container_spec spec = { .env = LIST(S("A=spec"), S("C=spec"), S("not a pair"),
						   S("C=last")) };
	struct config_input in = { .spec = &spec };
	struct built b;
	yyjson_val *env;

	(void)state;
	build(&b, &in);
	env = json_get(b.root, "process.env");
	assert_true(list_has(env, "A=spec"));
	assert_true(list_has(env, "B=image"));
	assert_true(list_has(env, "C=last"));
	assert_true(list_has(env, "PATH=/image"));
	assert_true(list_has(env, "HOSTNAME=host"));
	assert_true(list_has(env, "HOME=/home/u"));
	assert_int_equal(yyjson_arr_size(env), 6);
	assert_true(str_eq_c(json_get_str(b.root, "process.cwd"), "/work"));
	assert_int_equal(json_get_int(b.root, "process.user.uid", -1), 5);
	done(&b);
}

static yyjson_val *mount_at(yyjson_val *root, const char *target, size_t *ret_count)
{
	yyjson_val *found = NULL;

	*ret_count = 0;
	JSON_EACH (item, json_get(root, "mounts")) {
		if (str_eq_c(json_get_str(item, "destination"), target)) {
			found = item;
			++*ret_count;
		}
	}
	return found;
}

static void test_mounts(void **state)
{
	/* The request's mount replaces a default one, and what lies deeper comes later. */
	const struct config_mount mounts[] = {
		{ STR("bind"), STR("/h/deep"), STR("/data/deep"), {} },
		{ STR("bind"), STR("/h/data"), STR("/data"), {} },
		{ STR("bind"), STR("/h/hosts"), STR("/etc/hosts"), {} },
		{ STR("tmpfs"), STR("tmpfs"), STR("/dev/shm"), {} },
	};
	struct container_spec spec = { 0 };
	struct config_input in = { .spec = &spec,
				   .mounts = mounts,
				   .mount_count = 4,
				   .hosts_path = STR("/own/hosts"),
				   .resolv_path = STR("/own/resolv"),
				   .shm_path = STR("/own/shm") };
	struct built b;
	size_t count, at = 0, data_at = 0, deep_at = 0;

	(void)state;
	build(&b, &in);
	assert_true(str_eq_c(json_get_str(mount_at(b.root, "/etc/hosts", &count), "source"),
			     "/h/hosts"));
	assert_int_equal(count, 1);
	assert_true(str_eq_c(json_get_str(mount_at(b.root, "/dev/shm", &count), "type"), "tmpfs"));
	assert_int_equal(count, 1);
	assert_true(str_eq_c(json_get_str(mount_at(b.root, "/etc/resolv.conf", &count), "source"),
			     "/own/resolv"));
	assert_true(list_has(json_get(mount_at(b.root, "/sys", &count), "options"), "ro"));
	JSON_EACH (item, json_get(b.root, "mounts")) {
		at++;
		if (str_eq_c(json_get_str(item, "destination"), "/data"))
			data_at = at;
		if (str_eq_c(json_get_str(item, "destination"), "/data/deep"))
			deep_at = at;
	}
	assert_true(data_at && data_at < deep_at);
	done(&b);
}

static void test_privileged(void **state)
{
	struct container_spec spec = { .privileged = true };
	struct config_input in = { .spec = &spec };
	struct built b;
	size_t count;

	(void)state;
	build(&b, &in);
	assert_null(json_get(b.root, "linux.maskedPaths"));
	assert_false(list_has(json_get(mount_at(b.root, "/sys", &count), "options"), "ro"));
	assert_true(json_get_bool(json_get(b.root, "linux.resources.devices.0"), "allow", false));
	done(&b);
	spec.privileged = false;
	build(&b, &in);
	assert_true(list_has(json_get(b.root, "linux.maskedPaths"), "/proc/kcore"));
	assert_true(list_has(json_get(b.root, "linux.readonlyPaths"), "/proc/sys"));
	assert_false(json_get_bool(json_get(b.root, "linux.resources.devices.0"), "allow", true));
	done(&b);
}

static void test_namespaces(void **state)
{
	struct container_spec spec = { .hostname = STR("h") };
	struct config_input in = { .spec = &spec,
				   .network = { CONFIG_NS_JOIN, STR("/proc/1/fd/9") },
				   .ipc = { CONFIG_NS_HOST, STR("") },
				   .uts = { CONFIG_NS_JOIN, STR("/proc/1/fd/8") } };
	struct built b;
	bool ipc = false, network = false, pid = false;

	(void)state;
	build(&b, &in);
	JSON_EACH (item, json_get(b.root, "linux.namespaces")) {
		struct str type = json_get_str(item, "type");

		ipc |= str_eq_c(type, "ipc");
		pid |= str_eq_c(type, "pid") && !json_get(item, "path");
		network |= str_eq_c(type, "network") &&
			   str_eq_c(json_get_str(item, "path"), "/proc/1/fd/9");
	}
	assert_false(ipc);
	assert_true(network);
	assert_true(pid);
	assert_null(json_get(b.root, "hostname")); /* not ours to set */
	done(&b);
}

/* A spec survives its record whole. */
static void test_record(void **state)
{
	static const uint32_t groups[] = { 7, 8 };
	static const struct oci_pair labels[] = { { S("k"), S("v") } };
	const struct container_mount mounts[] = {
		{ .type = CONTAINER_MOUNT_TMPFS,
		  .target = S("/t"),
		  .tmpfs_bytes = 5,
		  .options = LIST(S("noexec")) },
		{ .source = S("/s"),
		  .target = S("/d"),
		  .read_only = true,
		  .propagation = CONTAINER_BIDIRECTIONAL },
	};
	struct record r = {
		.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.status = CONTAINER_RUNNING,
		.image_id = S("sha256:x"),
		.started_ns = 1700000000123456789,
		.restart_count = 3
	};
	struct record got;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };

	(void)state;
	r.spec = (struct container_spec){ .name = S("n"),
					  .env = LIST(S("A=\xc3\xa4")),
					  .labels = labels,
					  .label_count = 1,
					  .supplemental_groups = groups,
					  .supplemental_group_count = 2,
					  .mounts = mounts,
					  .mount_count = 2,
					  .has_uid = true,
					  .uid = 4294967294u,
					  .oom_score_adj = -997,
					  .has_oom_score_adj = true,
					  .rows = 24,
					  .network = CONTAINER_NAMESPACE_HOST,
					  .resources = { .cpu_shares = UINT64_C(1) << 62,
							 .cpuset_cpus = S("0-1") } };
	r.user = (struct container_user){
		.uid = 1, .gid = 2, .groups = groups, .group_count = 2, .home = S("/h")
	};
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, RECORD_BYTES_MAX);
	assert_int_equal(record_encode(&r, &text, NULL), 0);
	assert_int_equal(record_decode(buf_str(&text), &arena, &got, NULL), 0);
	assert_string_equal(got.id, r.id);
	assert_int_equal(got.status, CONTAINER_RUNNING);
	assert_int_equal(got.started_ns, r.started_ns);
	assert_true(str_eq_c(spec_label(&got.spec, STR("k")), "v"));
	assert_int_equal(got.spec.mount_count, 2);
	assert_true(str_eq_c(got.spec.mounts[0].options.items[0], "noexec"));
	assert_int_equal(got.spec.mounts[1].propagation, CONTAINER_BIDIRECTIONAL);
	assert_int_equal(got.spec.uid, 4294967294u);
	assert_int_equal(got.spec.oom_score_adj, -997);
	assert_int_equal(got.spec.supplemental_groups[1], 8);
	assert_int_equal(got.spec.network, CONTAINER_NAMESPACE_HOST);
	assert_true(got.spec.resources.cpu_shares == UINT64_C(1) << 62);
	assert_true(str_eq_c(got.spec.resources.cpuset_cpus, "0-1"));
	assert_int_equal(got.user.groups[0], 7);
	assert_int_equal(record_decode(STR("{}"), &arena, &got, NULL), -1);
	assert_int_equal(
		record_decode(STR("{\"version\":1,\"id\":\"../x\",\"status\":\"running\"}"), &arena,
			      &got, NULL),
		-1);
}

static const struct {
	enum container_status from;
	enum container_cause cause;
	int to;
} moves[] = {
	{ CONTAINER_CREATED, CAUSE_START, CONTAINER_STARTING },
	{ CONTAINER_EXITED, CAUSE_START, CONTAINER_STARTING },
	{ CONTAINER_RUNNING, CAUSE_START, -1 },
	{ CONTAINER_STARTING, CAUSE_STARTED, CONTAINER_RUNNING },
	{ CONTAINER_EXITED, CAUSE_STARTED, -1 },
	{ CONTAINER_RUNNING, CAUSE_ENDED, CONTAINER_EXITED },
	{ CONTAINER_EXITED, CAUSE_ENDED, -1 },
	{ CONTAINER_REMOVING, CAUSE_ENDED, -1 },
	{ CONTAINER_RUNNING, CAUSE_REMOVE, -1 },
	{ CONTAINER_STARTING, CAUSE_REMOVE, -1 },
	{ CONTAINER_CREATED, CAUSE_REMOVE, CONTAINER_REMOVING },
	{ CONTAINER_REMOVING, CAUSE_START, -1 },
};

static void test_transitions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(moves); i++) {
		enum container_status next;
		bool may = container_may(moves[i].from, moves[i].cause, &next);

		if (may != (moves[i].to >= 0) || (may && (int)next != moves[i].to))
			fail_msg("%s by %d", container_status_name(moves[i].from), moves[i].cause);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args),	    cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_all_capabilities),
		cmocka_unit_test(test_signals),	    cmocka_unit_test(test_environment),
		cmocka_unit_test(test_mounts),	    cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_namespaces),  cmocka_unit_test(test_record),
		cmocka_unit_test(test_transitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
