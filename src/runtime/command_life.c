/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that change a container's state: create, start, run, kill, delete, pause, resume. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "linux/process.h"
#include "linux/signals.h"
#include "runtime/commands.h"
#include "runtime/console.h"
#include "runtime/create.h"
#include "runtime/systemd.h"

#define BEGIN_WAIT_MS 1000 /* from its folder on, until whoever makes a container holds the folder's lock */
#define BEGIN_LOOK_MS 5
#define START_WAIT_MS 10000 /* for whoever is creating the container, whose hooks may take their time */

void command_bundle_close(struct command_bundle *b)
{
	yyjson_doc_free(b->doc);
	buf_deinit(&b->text);
}

/* config: NULL or a path that is relative to the bundle. */
static int bundle_open(struct command_bundle *b, const char *path, const char *config, struct err *err)
{
	char here[PATH_MAX], file[PATH_MAX];

	buf_init(&b->text, OCI_SPEC_BYTES_MAX);
	if (!path || path[0] != '/') {
		if (!getcwd(here, sizeof(here)))
			return err_os(err, "getcwd");
		b->path = path ? path_clean(b->arena, str_printf_in(b->arena, "%s/%s", here, path)).ptr :
				 str_c_in(b->arena, str_from(here));
	} else {
		b->path = path;
	}
	if (!config)
		config = "config.json";
	if (snprintf(file, sizeof(file), "%s%s%s", config[0] == '/' ? "" : b->path,
		     config[0] == '/' ? "" : "/", config) >= (int)sizeof(file))
		return err_set(err, ERR_INVALID, "bundle: path is too long");
	if (fd_read_file(AT_FDCWD, file, OCI_SPEC_BYTES_MAX, &b->text, err) < 0)
		return -1;
	if (oci_json_parse(buf_str(&b->text), "config.json", &b->doc, err) < 0)
		return -1;
	return oci_spec_decode(yyjson_doc_get_root(b->doc), b->arena, &b->spec, err);
}

int command_write_pid(const char *path, int pid, struct err *err)
{
	char text[16];

	if (!path)
		return 0;
	snprintf(text, sizeof(text), "%d", pid);
	return fd_replace_file(AT_FDCWD, path, str_from(text), 0644, false, err);
}

int command_pidfd_socket(const struct command_line *line, int *ret_sock, struct err *err)
{
	const char *path = command_value(line, "pidfd-socket");

	*ret_sock = path ? console_connect(path, "--pidfd-socket", err) : -1;
	return path && *ret_sock < 0 ? -1 : 0;
}

int command_send_pidfd(int sock, int pidfd, struct err *err)
{
	return sock < 0 ? 0 : fd_send_fds(sock, STR("pidfd"), &pidfd, 1, err);
}

int command_preserved_fds(const char *text, uint64_t *ret_count, struct err *err)
{
	uint64_t count = 0, used = 0;

	if (num_parse_u64(str_from(text), 1024, "--preserve-fds", &count, err) < 0)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		int flags = fcntl((int)i + 3, F_GETFD);

		/* what closes on exec is not inherited but ours */
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			used = i + 1;
	}
	/* a number that is only an upper bound does no harm, none at all is a mistake */
	if (count > 0 && used == 0)
		return err_set(err, ERR_INVALID, "--preserve-fds: preserved-fd 0 (descriptor 3) is not open");
	*ret_count = used;
	return 0;
}

/* Sockets that systemd listens on for us (sd_listen_fds(3)) are the program's, which is process 1. */
static int pass_sockets(struct command_bundle *bundle, uint64_t *count, struct err *err)
{
	const char *number = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	struct oci_process *p = bundle->spec.process;
	const char **items;
	uint64_t sockets = 0;

	if (!number || !p || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	if (num_parse_u64(str_from(number), 1024, "LISTEN_FDS", &sockets, err) < 0)
		return -1;
	items = arena_array(bundle->arena, p->env.count + 3, sizeof(*items));
	if (p->env.count)
		memcpy(items, p->env.items, p->env.count * sizeof(*items));
	items[p->env.count++] = str_printf_in(bundle->arena, "LISTEN_FDS=%s", number).ptr;
	items[p->env.count++] = "LISTEN_PID=1";
	p->env.items = items;
	*count += sockets;
	return 0;
}

/* Standard descriptors that are closed would be taken by the first files we open. */
static int open_missing_stdio(struct err *err)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return err_os(err, "open /dev/null");
	}
	return 0;
}

int command_prepare(const struct command_line *line, struct command_bundle *bundle, struct create *create,
		    struct err *err)
{
	const char *preserve = command_value(line, "preserve-fds");
	const char *socket = command_value(line, "console-socket");
	uint64_t count = 0;

	if (line->globals->systemd_cgroup && systemd_check(line->globals->is_rootless, err) < 0)
		return -1;
	if (open_missing_stdio(err) < 0 ||
	    bundle_open(bundle, command_value(line, "bundle"), command_value(line, "config"), err) < 0)
		return -1;
	if ((preserve && command_preserved_fds(preserve, &count, err) < 0) || pass_sockets(bundle, &count, err) < 0)
		return -1;
	*create = (struct create){
		.id = line->args[0], .root = line->globals->root, .bundle = bundle->path, .spec = &bundle->spec,
		.config = buf_str(&bundle->text), .config_name = CONTAINER_CONFIG,
		.no_pivot = command_has(line, "no-pivot"),
		.keeps_keyring = command_has(line, "no-new-keyring"),
		.ignore_cgroup_errors = line->globals->is_rootless,
		.systemd_cgroup = line->globals->systemd_cgroup,
		.stdio = { -1, -1, -1 }, .preserve_fds = (int)count, .console_socket = -1,
	};
	if (bundle->spec.process && bundle->spec.process->terminal) {
		if (socket)
			create->console_socket = console_connect(socket, "--console-socket", err);
		if (socket && create->console_socket < 0)
			return -1;
	} else if (socket) {
		return err_set(err, ERR_INVALID, "cannot use console socket if process.terminal is not set");
	}
	return 0;
}

/* What the engine asked to be told once the container is there: without that it cannot hold it. */
static int tell(const struct command_line *line, const struct container *c, int pidfd_socket,
		struct err *err)
{
	if (command_send_pidfd(pidfd_socket, c->pidfd, err) < 0)
		return -1;
	return command_write_pid(command_value(line, "pid-file"), c->pid, err);
}

static void destroy(struct container *c)
{
	struct err inner;

	if (container_destroy(c, &inner) < 0)
		log_warn("runtime", "clean up: %s", inner.msg);
}

int command_create(const struct command_line *line, int *ret_status, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct command_bundle bundle = { .arena = &arena };
	struct created created;
	struct create create;
	AUTO_FD pidfd_socket = -1;
	AUTO_CONTAINER c = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	failed = command_prepare(line, &bundle, &create, err);
	if (failed == 0 && bundle.spec.process && bundle.spec.process->terminal && create.console_socket < 0)
		failed = err_set(
			err, ERR_INVALID,
			"cannot allocate tty if runc will detach without setting console socket");
	if (failed == 0)
		failed = command_pidfd_socket(line, &pidfd_socket, err);
	if (failed == 0) {
		create.wait_for_start = true;
		create.notify_at = notify_prepare(create.root, create.id, &bundle.spec, &arena);
		failed = container_create(&create, &arena, &c, &created, err);
		if (failed == 0 && (failed = tell(line, &c, pidfd_socket, err)) < 0)
			destroy(&c);
	}
	command_bundle_close(&bundle);
	return failed;
}

/* A folder is there before its lock is held: its maker may still be about to take that. */
static bool is_new(const struct container *c)
{
	struct timespec now;
	struct stat st;
	int64_t age_ms;

	if (fstat(c->dir_fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	age_ms = (now.tv_sec - st.st_mtim.tv_sec) * 1000 + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
	return age_ms >= 0 && age_ms < BEGIN_WAIT_MS;
}

/* As it is once nobody is creating it any more. */
static int open_created(const struct command_line *line, struct arena *arena, struct container *c,
			struct err *err)
{
	if (container_open(line->globals->root, line->args[0], arena, c, err) < 0)
		return -1;
	for (int waited_ms = 0; c->status == CONTAINER_CREATING; waited_ms += BEGIN_LOOK_MS) {
		bool may_begin = is_new(c) && waited_ms < BEGIN_WAIT_MS;

		if (container_lock_within(c, START_WAIT_MS, err) < 0)
			return -1;
		container_close(c);
		if (container_open(line->globals->root, line->args[0], arena, c, err) < 0)
			return -1;
		if (c->status != CONTAINER_CREATING || !may_begin)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = BEGIN_LOOK_MS * 1000000L }, NULL);
	}
	return 0;
}

int command_start(const struct command_line *line, int *ret_status, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct notify notify = { .sock = -1 };
	struct oci_spec spec;
	AUTO_CONTAINER c = { 0 };
	yyjson_doc *doc;
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (open_created(line, &arena, &c, err) < 0)
		return -1;
	if (c.status == CONTAINER_STOPPED)
		return err_set(err, ERR_CONFLICT, "cannot start a container that has stopped");
	if (c.status == CONTAINER_CREATING) /* whoever made it ended before it was done */
		return err_set(err, ERR_CONFLICT, "cannot start a container in the creating state");
	if (c.status != CONTAINER_CREATED)
		return err_set(err, ERR_CONFLICT, "cannot start an already running container");
	if (container_spec(&c, &arena, &spec, &doc, err) < 0)
		return -1;
	failed = notify_open(&c, &notify, err);
	if (failed == 0)
		failed = container_start(&c, &spec, err);
	notify.main_pid = c.pid;
	if (failed == 0)
		failed = notify_wait(&notify, c.pidfd, err);
	fd_close(&notify.sock);
	yyjson_doc_free(doc);
	return failed;
}

static int exit_status(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/* Adopted orphans of a container without a pid namespace end with it. */
int command_foreground(const struct command_line *line, const struct create *create, struct container *c,
		       struct created *created, int *ret_status, struct err *err)
{
	int status = 0;

	if (console_relay(created->master, c->pidfd, &created->notify, &status, err) < 0)
		return -1;
	*ret_status = exit_status(status);
	fd_close(&c->pidfd);
	if (command_has(line, "keep"))
		return 0;
	return container_delete(c, create->spec, false, err);
}

static int start_running(const struct command_line *line, const struct create *create,
			 struct arena *arena, struct container *c, struct created *created,
			 struct err *err)
{
	AUTO_FD pidfd_socket = -1;

	if (command_pidfd_socket(line, &pidfd_socket, err) < 0)
		return -1;
	/* without a pid namespace, what its first process leaves behind is ours to reap */
	if (!command_has(line, "detach") && !command_has(line, "no-subreaper") &&
	    process_set_subreaper() < 0)
		return err_os(err, "become the reaper of orphans");
	if (container_create(create, arena, c, created, err) < 0)
		return -1;
	if (tell(line, c, pidfd_socket, err) < 0 || container_started(c, create->spec, err) < 0) {
		destroy(c);
		return -1;
	}
	return 0;
}

int command_run_container(const struct command_line *line, int *ret_status, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct command_bundle bundle = { .arena = &arena };
	struct created created = { .master = -1, .notify = { .sock = -1 } };
	bool detach = command_has(line, "detach");
	struct create create;
	AUTO_CONTAINER c = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	failed = command_prepare(line, &bundle, &create, err);
	if (failed == 0 && detach && bundle.spec.process && bundle.spec.process->terminal && create.console_socket < 0)
		failed = err_set(
			err, ERR_INVALID,
			"cannot allocate tty if runc will detach without setting console socket");
	create.relays_terminal = create.console_socket < 0;
	if (failed == 0)
		create.notify_at = notify_prepare(create.root, create.id, &bundle.spec, &arena);
	if (failed == 0)
		failed = start_running(line, &create, &arena, &c, &created, err);
	/* the service is we who wait for it, or what is left when we are gone */
	created.notify.main_pid = detach ? c.pid : getpid();
	if (failed == 0 && detach)
		failed = notify_wait(&created.notify, c.pidfd, err);
	if (failed == 0 && !detach)
		failed = command_foreground(line, &create, &c, &created, ret_status, err);
	fd_close(&created.notify.sock);
	command_bundle_close(&bundle);
	return failed;
}

/* SIGKILL ends a container: where its first process does not take the others along, each gets it.
 */
static int send_signal(struct container *c, int signal, bool all, struct err *err)
{
	bool each = c->has_cgroup && (all || (signal == SIGKILL && container_outlives_init(c)));
	int failed;

	if (each && (all || c->pidfd >= 0 || cgroup_has_processes(&c->cgroup))) {
		failed = container_signal_all(c, signal);
		return failed < 0 ? err_neg(err, failed, "kill container \"%s\"", c->id) : 0;
	}
	if (c->pidfd < 0 && all)
		return 0;
	if (c->pidfd < 0)
		return err_set(err, ERR_CONFLICT, "container not running");
	failed = process_signal(c->pidfd, signal);
	/* a frozen process cannot die */
	if (failed == 0 && signal == SIGKILL && c->status == CONTAINER_PAUSED)
		failed = cgroup_freeze(&c->cgroup, false);
	return failed < 0 ? err_neg(err, failed, "kill container \"%s\"", c->id) : 0;
}

/* Calls one for the container named, or with --regex for each whose id matches; the first failure ends it. */
static int each_named(const struct command_line *line,
		      int (*one)(const struct command_line *line, const char *id, struct err *err), struct err *err)
{
	const struct dirent *entry;
	int failed = 0;
	regex_t regex;
	DIR *dir;

	if (!command_has(line, "regex"))
		return one(line, line->args[0], err);
	if (regcomp(&regex, line->args[0], REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(err, ERR_INVALID, "invalid regular expression \"%.100s\"", line->args[0]);
	dir = opendir(line->globals->root);
	if (!dir && errno != ENOENT)
		failed = err_os(err, "open %s", line->globals->root);
	while (dir && failed == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && regexec(&regex, entry->d_name, 0, NULL, 0) == 0)
			failed = one(line, entry->d_name, err);
	}
	if (dir)
		closedir(dir);
	regfree(&regex);
	return failed;
}

static int kill_one(const struct command_line *line, const char *id, struct err *err)
{
	const char *name = line->arg_count > 1 ? line->args[1] : "TERM";
	int signal = strcmp(name, "0") == 0
			     ? 0
			     : signal_number(name); /* 0: only asks whether it runs */
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (signal < 0)
		return err_set(err, ERR_INVALID, "unknown signal \"%.40s\"", name);
	if (container_open(line->globals->root, id, &arena, &c, err) < 0)
		return -1;
	return send_signal(&c, signal, command_has(line, "all"), err);
}

int command_kill(const struct command_line *line, int *ret_status, struct err *err)
{
	return each_named(line, kill_one, err);
}

static int delete_one(const struct command_line *line, const char *id, struct err *err)
{
	bool force = command_has(line, "force");
	struct oci_spec spec;
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	yyjson_doc *doc = NULL;
	struct err inner;
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, id, &arena, &c, &inner) < 0 ||
	    (force && container_settle(&c, &arena, &inner) < 0)) {
		if (force && inner.code == ERR_NOT_FOUND)
			return 0;
		return err_set(err, inner.code, "%s", inner.msg);
	}
	if (!force && c.status != CONTAINER_STOPPED && c.status != CONTAINER_CREATED)
		return err_set(err, ERR_CONFLICT, "cannot delete container \"%s\" that is not stopped: it is %s", c.id,
			       container_status_name(c.status));
	if (c.has_poststop && container_spec(&c, &arena, &spec, &doc, &inner) < 0)
		doc = NULL; /* what cannot be read any more cannot be run, and must not keep the rest alive */
	failed = container_delete(&c, doc ? &spec : NULL, false, err);
	yyjson_doc_free(doc);
	return failed;
}

int command_delete(const struct command_line *line, int *ret_status, struct err *err)
{
	return each_named(line, delete_one, err);
}

static int freeze(const struct command_line *line, bool frozen, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_CONTAINER c = { 0 };
	int failed;

	container_blank(&c);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (container_open(line->globals->root, line->args[0], &arena, &c, err) < 0)
		return -1;
	if (frozen ? (c.status != CONTAINER_RUNNING && c.status != CONTAINER_CREATED) : c.status != CONTAINER_PAUSED)
		return err_set(err, ERR_CONFLICT, frozen ? "container not running" : "container not paused");
	if (!c.has_cgroup)
		return err_set(err, ERR_UNSUPPORTED, "container \"%s\" has no cgroup to freeze", c.id);
	failed = cgroup_freeze(&c.cgroup, frozen);
	return failed < 0 ? err_neg(err, failed, "%s container \"%s\"", frozen ? "pause" : "resume", c.id) : 0;
}

int command_pause(const struct command_line *line, int *ret_status, struct err *err)
{
	return freeze(line, true, err);
}

int command_resume(const struct command_line *line, int *ret_status, struct err *err)
{
	return freeze(line, false, err);
}
