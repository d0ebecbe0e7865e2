/* SPDX-License-Identifier: Apache-2.0 */
/* The commands checkpoint and restore. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "linux/capability.h"
#include "linux/process.h"
#include "runtime/checkpoint.h"
#include "runtime/commands.h"
#include "runtime/console.h"

/* Relative to where we were called; NULL stays NULL. */
static int absolute(const char *path, struct arena *arena, const char **ret, struct err *err)
{
	char here[PATH_MAX];

	*ret = path;
	if (!path || path[0] == '/')
		return 0;
	if (!getcwd(here, sizeof(here)))
		return err_os(err, "getcwd");
	*ret = path_clean(arena, str_printf_in(arena, "%s/%s", here, path)).ptr;
	return 0;
}

static int parse_page_server(const char *text, struct arena *arena, struct criu_page_server **ret,
			     struct err *err)
{
	size_t colon = text ? str_rfind_char(str_from(text), ':') : 0;
	struct criu_page_server *server;
	uint64_t port;

	if (!text)
		return 0;
	if (colon == 0 || colon >= strlen(text) || !text[colon + 1])
		return err_set(err, ERR_INVALID,
			       "Use --page-server ADDRESS:PORT to specify page server");
	if (num_parse_u64(str_from(text + colon + 1), 65535, "--page-server", &port, NULL) < 0)
		return err_set(err, ERR_INVALID, "--page-server %s: Invalid port number", text);
	server = ARENA_NEW(arena, struct criu_page_server);
	*server = (struct criu_page_server){ str_sub(text, colon), (int32_t)port };
	*ret = server;
	return 0;
}

static int parse_cgroup_mode(const char *text, struct checkpoint_options *o, struct err *err)
{
	static const struct {
		char name[8];
		enum criu_cgroup_mode mode;
	} modes[] = { { "soft", CRIU_CGROUP_SOFT },
		      { "full", CRIU_CGROUP_FULL },
		      { "strict", CRIU_CGROUP_STRICT },
		      { "ignore", CRIU_CGROUP_IGNORE } };

	for (size_t i = 0; text && i < ARRAY_COUNT(modes); i++) {
		if (strcmp(text, modes[i].name) == 0) {
			o->cgroup_mode = modes[i].mode;
			return 0;
		}
	}
	return text && text[0]
		       ? err_set(err, ERR_INVALID,
				 "--manage-cgroups-mode %s: Invalid manage cgroups mode", text)
		       : 0;
}

static int parse_empty_namespaces(const struct command_line *line, uint64_t *ret, struct err *err)
{
	const char *value;

	for (size_t i = 0; (value = command_value_at(line, "empty-ns", i)) != NULL; i++) {
		if (strcmp(value, "network") != 0)
			return err_set(err, ERR_INVALID,
				       "--empty-ns: namespace \"%.40s\" is not supported", value);
		*ret |= CLONE_NEWNET;
	}
	return 0;
}

/* What both commands have. */
static int parse_options(const struct command_line *line, struct arena *arena,
			 struct checkpoint_options *o, struct err *err)
{
	const char *image = command_value(line, "image-path");

	*o = (struct checkpoint_options){
		.program = line->globals->criu,
		.leave_running = command_has(line, "leave-running"),
		.tcp_established = command_has(line, "tcp-established"),
		.ext_unix_sk = command_has(line, "ext-unix-sk"),
		.shell_job = command_has(line, "shell-job"),
		.file_locks = command_has(line, "file-locks"),
		.auto_dedup = command_has(line, "auto-dedup"),
		.lazy_pages = command_has(line, "lazy-pages"),
		.pre_dump = command_has(line, "pre-dump"),
		.lsm_profile = command_value(line, "lsm-profile"),
		.lsm_mount_context = command_value(line, "lsm-mount-context"),
		.cgroup_mode = CRIU_CGROUP_DEFAULT,
		.status_fd = -1,
	};
	if (geteuid() != 0) {
		if (!capability_is_effective(capability_number("CAP_CHECKPOINT_RESTORE")))
			return err_set(err, ERR_FORBIDDEN,
				       "checkpoint and restore need root's privileges: without CAP_CHECKPOINT_RESTORE "
				       "criu may not look into processes");
		log_warn("runtime", "checkpoint and restore are untested with rootless containers");
	}
	if (absolute(image && image[0] ? image : "checkpoint", arena, &o->image_path, err) < 0 ||
	    absolute(command_value(line, "work-path"), arena, &o->work_path, err) < 0)
		return -1;
	if (o->work_path && !o->work_path[0])
		o->work_path = NULL;
	if (parse_cgroup_mode(command_value(line, "manage-cgroups-mode"), o, err) < 0)
		return -1;
	return parse_empty_namespaces(line, &o->empty_ns, err);
}

static int parse_parent(const struct command_line *line, struct arena *arena,
			struct checkpoint_options *o, struct err *err)
{
	const char *path = command_value(line, "parent-path");
	struct stat st;

	if (!path || !path[0])
		return 0;
	if (path[0] == '/')
		return err_set(err, ERR_INVALID, "--parent-path must be relative");
	if (fd_make_dirs(AT_FDCWD, o->image_path, 0700, err) < 0)
		return -1;
	if (stat(str_printf_in(arena, "%s/%s", o->image_path, path).ptr, &st) < 0)
		return err_os(err, "invalid --parent-path: %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "invalid --parent-path: %s: not a directory",
			       path);
	o->parent_path = path;
	return 0;
}

static int parse_status_fd(const char *text, struct checkpoint_options *o, struct err *err)
{
	uint64_t number;
	int flags;

	if (!text || strcmp(text, "-1") == 0)
		return 0;
	if (num_parse_u64(str_from(text), INT_MAX, "--status-fd", &number, err) < 0)
		return -1;
	flags = number > 2 ? fcntl((int)number, F_GETFL) : -1;
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, ERR_INVALID,
			       "invalid --status-fd argument %s: not open for writing", text);
	o->status_fd = (int)number;
	return 0;
}

int command_checkpoint(const struct command_line *line, int *ret_status, struct err *err)
{
	struct checkpoint_options options;
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	const char *notify_at;
	struct oci_spec spec;
	yyjson_doc *doc;
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	if (c.status != CONTAINER_RUNNING && c.status != CONTAINER_PAUSED)
		return err_set(err, ERR_CONFLICT, "Container cannot be checkpointed in %s state",
			       container_status_name(c.status));
	if (parse_options(line, &arena, &options, err) < 0 ||
	    parse_page_server(command_value(line, "page-server"), &arena, &options.page_server,
			      err) < 0 ||
	    parse_parent(line, &arena, &options, err) < 0 ||
	    parse_status_fd(command_value(line, "status-fd"), &options, err) < 0 ||
	    container_spec(&c, &arena, &spec, &doc, err) < 0)
		return -1;
	if ((notify_at = notify_destination(&c, &arena)) != NULL)
		notify_mount(line->globals->root, c.id, notify_at, &spec, &arena);
	failed = container_checkpoint(&c, &spec, &options, &arena, err);
	if (failed == 0 && !options.leave_running && !options.pre_dump)
		failed = container_delete(&c, &spec, false, err);
	yyjson_doc_free(doc);
	return failed;
}

/* What was saved was at work, so whoever waits for it to be ready need not wait for it to say so once more. */
static void tell_ready(const struct command_line *line, const struct container *c)
{
	struct err err;

	if (notify_ready(command_has(line, "detach") ? c->pid : getpid(), &err) < 0)
		log_warn("runtime", "%s", err.msg);
}

static int restore_running(const struct command_line *line, struct command_bundle *bundle, struct create *create,
			   struct container *c, struct created *created, struct err *err)
{
	struct checkpoint_options options;

	if (parse_options(line, bundle->arena, &options, err) < 0 ||
	    checkpoint_read_notify(&options, bundle->arena, &create->notify_at, err) < 0)
		return -1;
	if (create->notify_at)
		notify_mount(create->root, create->id, create->notify_at, &bundle->spec, bundle->arena);
	if (command_has(line, "detach") && create->spec->process &&
	    create->spec->process->terminal && create->console_socket < 0)
		return err_set(
			err, ERR_INVALID,
			"cannot allocate tty if runc will detach without setting console socket");
	/* what it leaves behind is ours to reap */
	if (!command_has(line, "detach") && !command_has(line, "no-subreaper") &&
	    process_set_subreaper() < 0)
		return err_os(err, "become the reaper of orphans");
	if (container_restore(create, &options, bundle->arena, c, created, err) < 0)
		return -1;
	if (command_write_pid(command_value(line, "pid-file"), c->pid, err) < 0) {
		container_undo(c);
		return -1;
	}
	tell_ready(line, c);
	return 0;
}

int command_restore(const struct command_line *line, int *ret_status, struct err *err)
{
	struct created created = { .master = -1, .notify = { .sock = -1 } };
	AUTO_ARENA arena = { 0 };
	struct command_bundle bundle = { .arena = &arena };
	struct create create;
	AUTO_CONTAINER c = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	failed = command_prepare(line, &bundle, &create, err);
	if (failed == 0)
		failed = restore_running(line, &bundle, &create, &c, &created, err);
	if (failed == 0 && !command_has(line, "detach"))
		failed = command_foreground(line, &create, &c, &created, ret_status, err);
	command_bundle_close(&bundle);
	return failed;
}
