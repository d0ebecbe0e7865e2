/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when criu is asked for something else than the flags and config.json say, or its answers
 * are misread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sched.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/mem.h"
#include "runtime/checkpoint.h"

struct fixture {
	struct arena arena;
	yyjson_doc *doc;
	struct oci_spec spec;
	struct cgroup cgroup;
	struct checkpoint_options options;
	struct checkpoint_subject subject;
	struct criu_options criu;
};

static void begin(struct fixture *f, const char *linux_part, const char *mounts)
{
	struct err err = { 0 };
	struct str text;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, ARENA_DEFAULT_MAX);
	text = str_printf_in(&f->arena,
			     "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"linux\":{%s},"
			     "\"mounts\":[%s]}",
			     linux_part, mounts);
	assert_int_equal(oci_json_parse(text, "test", &f->doc, &err), 0);
	assert_int_equal(oci_spec_decode(yyjson_doc_get_root(f->doc), &f->arena, &f->spec, &err),
			 0);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		f->cgroup.dir_fds[i] = -1;
	memcpy(f->cgroup.path, "/a/b", 5);
	f->options.status_fd = -1;
	f->options.cgroup_mode = CRIU_CGROUP_DEFAULT;
	f->subject = (struct checkpoint_subject){ &f->options, &f->spec, &f->cgroup, "/bundle" };
}

static void end(struct fixture *f)
{
	yyjson_doc_free(f->doc);
	arena_deinit(&f->arena);
}

static bool has_mount(const struct fixture *f, const char *key, const char *value)
{
	for (size_t i = 0; i < f->criu.mounts_count; i++) {
		if (str_eq_c(f->criu.mounts[i].key, key) &&
		    str_eq_c(f->criu.mounts[i].value, value))
			return true;
	}
	return false;
}

static void flags_become_options(void **state)
{
	struct fixture f;

	begin(&f, "", "");
	f.options.leave_running = f.options.tcp_established = true;
	f.options.parent_path = "../before";
	f.options.cgroup_mode = CRIU_CGROUP_STRICT;
	checkpoint_plan_dump(&f.subject, &f.criu);
	assert_true(f.criu.leave_running && f.criu.tcp_established && f.criu.track_mem &&
		    f.criu.manage_cgroups);
	assert_false(f.criu.shell_job || f.criu.lazy_pages || f.criu.rst_sibling);
	assert_int_equal(f.criu.manage_cgroups_mode, CRIU_CGROUP_STRICT);
	assert_int_equal(f.criu.empty_ns, CLONE_NEWNET);
	assert_int_equal(f.criu.status_fd, 0);
	assert_true(str_eq_c(f.criu.config_file, "/etc/criu/runc.conf"));
	f.options.cgroup_mode = CRIU_CGROUP_IGNORE;
	checkpoint_plan_dump(&f.subject, &f.criu);
	assert_int_equal(f.criu.manage_cgroups_mode, CRIU_CGROUP_IGNORE);
	end(&f);
}

#define MOUNTS                                                                  \
	"{\"destination\":\"/data/\",\"type\":\"bind\",\"source\":\"/"          \
	"srv\",\"options\":[\"rbind\"]},"                                       \
	"{\"destination\":\"/rel\",\"source\":\"sub\",\"options\":[\"bind\"]}," \
	"{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"   \
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\"}"

static void mounts_from_outside_are_named(void **state)
{
	struct fixture f;

	begin(&f, "\"maskedPaths\":[\"/proc/kcore\"]", MOUNTS);
	f.cgroup.dir_fds[CGROUP_MEMORY] = 7;
	checkpoint_plan_mounts(&f.subject, false, &f.arena, &f.criu);
	assert_true(has_mount(&f, "/data", "/data"));
	assert_true(has_mount(&f, "/rel", "/rel"));
	assert_true(has_mount(&f, "/proc/kcore", "/dev/null"));
	assert_true(has_mount(&f, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory"));
	assert_false(has_mount(&f, "/tmp", "/tmp"));
	f.criu = (struct criu_options){ 0 };
	checkpoint_plan_mounts(&f.subject, true, &f.arena, &f.criu);
	assert_true(has_mount(&f, "/data", "/srv"));
	assert_true(has_mount(&f, "/rel", "/bundle/sub"));
	assert_true(has_mount(&f, "/dev/null", "/dev/null"));
	assert_true(has_mount(&f, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/a/b"));
	end(&f);
	/* v2, and with a cgroup namespace the mount is the container's own */
	begin(&f, "", MOUNTS);
	f.cgroup.is_v2 = true;
	checkpoint_plan_mounts(&f.subject, true, &f.arena, &f.criu);
	assert_true(has_mount(&f, "/sys/fs/cgroup", "/sys/fs/cgroup/a/b"));
	end(&f);
	begin(&f, "\"namespaces\":[{\"type\":\"cgroup\"}]", MOUNTS);
	checkpoint_plan_mounts(&f.subject, true, &f.arena, &f.criu);
	assert_false(has_mount(&f, "/sys/fs/cgroup", "/sys/fs/cgroup/a/b"));
	end(&f);
}

static void namespaces_are_joined_or_inherited(void **state)
{
	struct err err = { 0 };
	struct fixture f;

	begin(&f,
	      "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/"
	      "n\"},{\"type\":\"ipc\",\"path\":\"/i\"}]",
	      "");
	f.cgroup.dir_fds[CGROUP_SYSTEMD] = f.cgroup.dir_fds[CGROUP_CPU] = 7;
	assert_int_equal(checkpoint_plan_restore(&f.subject, &f.arena, &f.criu, &err), 0);
	assert_int_equal(f.criu.joins_count, 1);
	assert_true(str_eq_c(f.criu.joins[0].type, "ipc") && str_eq_c(f.criu.joins[0].path, "/i"));
	assert_int_equal(f.criu.inherits_count, 1);
	assert_true(str_eq_c(f.criu.inherits[0].key, "extRootNetNS"));
	assert_int_equal(f.criu.inherits[0].fd, CHECKPOINT_NAMESPACE_FD);
	assert_int_equal(f.criu.cgroup_roots_count, 2);
	assert_true(str_eq_c(f.criu.cgroup_roots[1].controller, "name=systemd"));
	assert_int_equal(checkpoint_plan_descriptors(STR("[\"/dev/null\",\"pipe:[5]\"]"), &f.arena,
						     &f.criu, &err),
			 0);
	assert_int_equal(f.criu.inherits_count, 2);
	assert_true(str_eq_c(f.criu.inherits[1].key, "pipe:[5]"));
	assert_int_equal(f.criu.inherits[1].fd, CHECKPOINT_STDIO_FD + 1);
	assert_int_equal(checkpoint_plan_descriptors(STR("[1,2,3,4]"), &f.arena, &f.criu, &err),
			 -1);
	assert_non_null(strstr(err.msg, "descriptors.json"));
	end(&f);
	begin(&f, "\"namespaces\":[{\"type\":\"cgroup\",\"path\":\"/c\"}]", "");
	assert_int_equal(checkpoint_plan_restore(&f.subject, &f.arena, &f.criu, &err), -1);
	assert_non_null(strstr(err.msg, "linux.namespaces[0].path"));
	end(&f);
}

static void messages_are_written_and_read(void **state)
{
	static const struct criu_options options = { .images_dir_fd = 5,
						     .shell_job = true,
						     .log_file = STR_INIT("l") };
	static const char want[] = "\x08\x01\x12\x0a\x08\x05\x38\x01\x52\x01l"
				   "\x90\x02"; /* and the mode for cgroups, 0: ignore */
	static const char notify[] = "\x08\x06\x10\x01\x2a\x06\x0a\x02ns\x10\x07";
	struct criu_notification notification;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF bytes = { 0 };
	enum criu_type type;
	struct err err = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&bytes, CRIU_MESSAGE_MAX);
	assert_int_equal(criu_encode(CRIU_DUMP, &options, &bytes, &err), 0);
	assert_int_equal(bytes.len, sizeof(want)); /* with the 0 that ends it */
	assert_memory_equal(bytes.ptr, want, bytes.len);
	buf_reset(&bytes);
	assert_int_equal(criu_encode(CRIU_NOTIFY, NULL, &bytes, &err), 0);
	assert_memory_equal(bytes.ptr, "\x08\x06\x18\x01", 4);
	assert_int_equal(criu_decode(str_sub(notify, sizeof(notify) - 1), &arena, &type,
				     &notification, &err),
			 0);
	assert_int_equal(type, CRIU_NOTIFY);
	assert_true(str_eq_c(notification.script, "ns") && notification.pid == 7);
	assert_int_equal(criu_decode(str_sub("\x08\x01\x10\x00\x38\x16", 6), &arena, &type,
				     &notification, &err),
			 -1);
	assert_string_equal(err.msg, "errno 22");
	/* a notification without its name, and half a message */
	assert_int_equal(
		criu_decode(str_sub("\x08\x06\x10\x01", 4), &arena, &type, &notification, &err),
		-1);
	assert_int_equal(
		criu_decode(str_sub("\x08\x06\x10", 3), &arena, &type, &notification, &err), -1);
	buf_deinit(&bytes);
	buf_init(&bytes, 8);
	assert_int_equal(criu_encode(CRIU_DUMP, &options, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_become_options),
		cmocka_unit_test(mounts_from_outside_are_named),
		cmocka_unit_test(namespaces_are_joined_or_inherited),
		cmocka_unit_test(messages_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
