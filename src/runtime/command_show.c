/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that only look: state, list, ps, features, spec. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/map.h"
#include "base/time.h"
#include "linux/capability.h"
#include "linux/mounts.h"
#include "linux/process.h"
#include "oci/default_spec.h"
#include "oci/spec.h"
#include "runtime/commands.h"
#include "runtime/container.h"

/* Text to stdout. */
static int command_print(const char *text, struct err *err)
{
	if (!text)
		return err_set(err, ERR_INTERNAL, "out of memory");
	return fd_write_all(1, text, strlen(text), err);
}

int command_print_doc(yyjson_mut_doc *doc, bool pretty, struct err *err)
{
	char *text = yyjson_mut_write(
		doc, (pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : 0) | YYJSON_WRITE_NEWLINE_AT_END,
		NULL);
	int failed = command_print(text, err);

	yyjson_mut_doc_free(doc);
	free(text);
	return failed;
}

yyjson_mut_val *command_child(yyjson_mut_doc *doc, yyjson_mut_val *in, const char *name)
{
	yyjson_mut_val *child = yyjson_mut_obj_get(in, name);

	return child ? child : yyjson_mut_obj_add_obj(doc, in, name);
}

int command_state(const struct command_line *line, int *ret_status, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	char *text;
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	text = container_state_json(&c, c.status, true);
	failed = command_print(text, err);
	free(text);
	return failed < 0 ? -1 : command_print("\n", err);
}

static int list_row(const struct command_line *line, const char *id, yyjson_mut_doc *doc, struct err *err)
{
	char created[TIME_TEXT_BYTES], row[512];
	const char *format = command_value(line, "format");
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	yyjson_doc *parsed;
	char *text;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, id, &arena, &c, NULL) < 0)
		return 0; /* not a container, or gone while we look */
	if (command_has(line, "quiet")) {
		snprintf(row, sizeof(row), "%s\n", c.id);
		return command_print(row, err);
	}
	if (format && strcmp(format, "json") == 0) {
		text = container_state_json(&c, c.status, false);
		parsed = yyjson_read(text, strlen(text), 0);
		yyjson_mut_arr_append(yyjson_mut_doc_get_root(doc),
				      yyjson_val_mut_copy(doc, yyjson_doc_get_root(parsed)));
		yyjson_doc_free(parsed);
		free(text);
		return 0;
	}
	snprintf(row, sizeof(row), "%-11s %-11d %-11s %-19s %s %s\n", c.id, c.status == CONTAINER_STOPPED ? 0 : c.pid,
		 container_status_name(c.status), c.bundle ? c.bundle : "-", time_format_nano(c.created_ns, created),
		 c.owner ? c.owner : "root");
	return command_print(row, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int command_list(const struct command_line *line, int *ret_status, struct err *err)
{
	const char *format = command_value(line, "format");
	bool json = format && strcmp(format, "json") == 0;
	yyjson_mut_doc *doc;
	struct dirent **entries = NULL;
	int failed = 0, count;

	if (format && !json && strcmp(format, "table") != 0)
		return err_set(err, ERR_INVALID, "invalid format option");
	count = scandir(line->globals->root, &entries, is_visible, by_name);
	/* the folder of everybody is made by the first container, one that was asked for should be
	 * there */
	if (count < 0 && (errno != ENOENT || line->globals->root_is_given))
		return err_os(err, "open %s", line->globals->root);
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, yyjson_mut_arr(doc));
	if (!json && !command_has(line, "quiet"))
		failed = command_print("ID          PID         STATUS      BUNDLE              "
				       "CREATED                        OWNER\n",
				       err);
	for (int i = 0; i < count; i++) {
		if (failed == 0)
			failed = list_row(line, entries[i]->d_name, doc, err);
		free(entries[i]);
	}
	free(entries);
	if (failed == 0 && json && !command_has(line, "quiet"))
		return command_print_doc(doc, false, err);
	yyjson_mut_doc_free(doc);
	return failed;
}

static int add_pid(void *arg, pid_t pid)
{
	yyjson_mut_doc *doc = arg;

	return yyjson_mut_arr_add_int(doc, yyjson_mut_doc_get_root(doc), pid) ? 0 : -ENOMEM;
}

#define PS_TABLE_MAX (64u << 20) /* of the whole host: rows can be as long as the arguments of a process */

static int run_ps(const struct command_line *line, struct buf *ret, struct err *err)
{
	const char *argv[COMMAND_VALUES_MAX] = { "ps", "-ef" };
	char some[16384];
	int pair[2], status;
	ssize_t got;
	AUTO_FD pidfd = -1;
	pid_t pid;

	for (int i = 1; i < line->arg_count && i < COMMAND_VALUES_MAX - 1; i++)
		argv[i] = line->args[i];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_os(err, "pipe");
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0) {
		if (dup2(pair[1], 1) == 1)
			execvp("ps", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	while (pid > 0 && (got = read(pair[0], some, sizeof(some))) > 0)
		buf_put(ret, some, (size_t)got);
	close(pair[0]);
	if (pid < 0 || process_wait(pidfd, &status) < 0 || status != 0)
		return err_set(err, ERR_UNSUPPORTED, "cannot run ps");
	return buf_check(ret, "the table of ps", err);
}

/* `ps -ef`'s table cut down to the container's processes, as runc prints it. */
static int print_ps_table(const struct command_line *line, yyjson_mut_doc *pids, struct err *err)
{
	size_t pid_column = 0, n = 0;
	struct str rest, row, cell;
	AUTO_BUF text = { 0 };

	buf_init(&text, PS_TABLE_MAX);
	if (run_ps(line, &text, err) < 0)
		return -1;
	rest = buf_str(&text);
	for (bool first = true; str_next_part(&rest, '\n', &row); first = false) {
		struct str cells = row, wanted = { 0 };
		bool print = first;

		for (n = 0; str_next_part(&cells, ' ', &cell);) {
			if (cell.len == 0)
				continue;
			if (first && str_eq_c(cell, "PID"))
				pid_column = n;
			if (n++ == pid_column)
				wanted = cell;
		}
		for (size_t i = 0; i < yyjson_mut_arr_size(yyjson_mut_doc_get_root(pids)) && !print; i++) {
			char number[16];

			snprintf(number, sizeof(number), "%d",
				 (int)yyjson_mut_get_int(yyjson_mut_arr_get(yyjson_mut_doc_get_root(pids), i)));
			print = str_eq_c(wanted, number);
		}
		if (print && row.len > 0 &&
		    (fd_write_all(1, row.ptr, row.len, err) < 0 || command_print("\n", err) < 0))
			return -1;
	}
	return 0;
}

int command_ps(const struct command_line *line, int *ret_status, struct err *err)
{
	const char *format = command_value(line, "format");
	yyjson_mut_doc *doc;
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	if (!c.has_cgroup && c.status != CONTAINER_STOPPED)
		return err_set(err, ERR_UNSUPPORTED, "container \"%s\" has no cgroup to list",
			       c.id);
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, yyjson_mut_arr(doc));
	failed = c.has_cgroup ? cgroup_each_pid(&c.cgroup, add_pid, doc) : 0;
	if (failed < 0) {
		yyjson_mut_doc_free(doc);
		return err_neg(err, failed, "list the processes of container \"%s\"", c.id);
	}
	if (format && strcmp(format, "json") == 0)
		return command_print_doc(doc, false, err);
	failed = print_ps_table(line, doc, err);
	yyjson_mut_doc_free(doc);
	return failed;
}

static void add_names(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *name,
		      const char *const *names)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, to, name);

	for (; *names; names++)
		yyjson_mut_arr_add_str(doc, list, *names);
}

int command_features(const struct command_line *line, int *ret_status, struct err *err)
{
	static const char *const hooks[] = { "prestart",
					     "createRuntime",
					     "createContainer",
					     "startContainer",
					     "poststart",
					     "poststop",
					     NULL };
	/* who builds a config.json from others' annotations must know that these have an effect */
	static const char *const annotations[] = { "org.systemd.property.", "org.criu.config",
						   "run.oci.keep_original_groups",
						   "run.oci.mount_context_type", NULL };
	static const char *const actions[] = { "SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO",
					       "SCMP_ACT_KILL",	       "SCMP_ACT_KILL_PROCESS",
					       "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
					       "SCMP_ACT_NOTIFY",      "SCMP_ACT_TRACE",
					       "SCMP_ACT_TRAP",	       NULL };
	static const char *const operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",	     "SCMP_CMP_LE",
						 "SCMP_CMP_LT", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ", NULL };
	static const char *const archs[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",     "SCMP_ARCH_MIPS",
					     "SCMP_ARCH_MIPS64",  "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",
					     "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
					     "SCMP_ARCH_PPC64",	  "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64",
					     "SCMP_ARCH_S390",	  "SCMP_ARCH_S390X",   "SCMP_ARCH_X32",
					     "SCMP_ARCH_X86",	  "SCMP_ARCH_X86_64",  NULL };
	/* the last is for profiles with a listener only: known, but not what any profile may have */
	static const char *const seccomp_flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
						     "SECCOMP_FILTER_FLAG_TSYNC",
						     "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };
	static const char *const any_flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
						 "SECCOMP_FILTER_FLAG_TSYNC", NULL };
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *part, *list, *sub;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "ociVersionMin", "1.0.0");
	yyjson_mut_obj_add_str(doc, root, "ociVersionMax", OCI_SPEC_VERSION);
	add_names(doc, root, "hooks", hooks);
	add_names(doc, root, "potentiallyUnsafeConfigAnnotations", annotations);
	list = yyjson_mut_obj_add_arr(doc, root, "mountOptions");
	for (size_t i = 0; mount_option_name(i); i++)
		yyjson_mut_arr_add_str(doc, list, mount_option_name(i));
	part = yyjson_mut_obj_add_obj(doc, root, "linux");
	list = yyjson_mut_obj_add_arr(doc, part, "namespaces");
	for (const struct field_name *n = oci_namespace_names; n->name; n++)
		yyjson_mut_arr_add_str(doc, list, n->name);
	list = yyjson_mut_obj_add_arr(doc, part, "capabilities");
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		yyjson_mut_arr_add_str(doc, list, capability_name(i));
	sub = yyjson_mut_obj_add_obj(doc, part, "cgroup");
	yyjson_mut_obj_add_bool(doc, sub, "v1", true);
	yyjson_mut_obj_add_bool(doc, sub, "v2", true);
	yyjson_mut_obj_add_bool(doc, sub, "systemd", true);
	yyjson_mut_obj_add_bool(doc, sub, "systemdUser", true);
	yyjson_mut_obj_add_bool(doc, sub, "rdma", true);
	sub = yyjson_mut_obj_add_obj(doc, part, "seccomp");
	yyjson_mut_obj_add_bool(doc, sub, "enabled", true);
	add_names(doc, sub, "actions", actions);
	add_names(doc, sub, "operators", operators);
	add_names(doc, sub, "archs", archs);
	add_names(doc, sub, "knownFlags", seccomp_flags);
	add_names(doc, sub, "supportedFlags", any_flags);
	yyjson_mut_obj_add_bool(doc, command_child(doc, part, "apparmor"), "enabled", true);
	yyjson_mut_obj_add_bool(doc, command_child(doc, part, "selinux"), "enabled", true);
	yyjson_mut_obj_add_bool(doc, command_child(doc, part, "intelRdt"), "enabled", false);
	yyjson_mut_obj_add_bool(doc, command_child(doc, part, "netDevices"), "enabled", true);
	sub = command_child(doc, part, "mountExtensions");
	yyjson_mut_obj_add_bool(doc, command_child(doc, sub, "idmap"), "enabled", true);
	return command_print_doc(doc, true, err);
}

int command_spec(const struct command_line *line, int *ret_status, struct err *err)
{
	const char *bundle = command_value(line, "bundle");
	bool is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	char *text = oci_default_spec(command_has(line, "rootless"), is_v2, geteuid(), getegid());
	int failed = 0;

	if (bundle && chdir(bundle) < 0)
		failed = err_os(err, "--bundle %s", bundle);
	AUTO_FD fd = failed < 0 ? -1 : open("config.json", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (failed == 0 && fd < 0)
		failed = errno == EEXIST ? err_set(err, ERR_EXISTS, "File config.json exists. Remove it first") :
					   err_os(err, "make config.json");
	if (failed == 0)
		failed = fd_write_all(fd, text, strlen(text), err);
	free(text);
	return failed;
}
