/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating and starting. Files are prepared on a worker, the monitor is spawned from the loop, its
 * answer comes over a pipe:
 *
 *   create: worker (folders, user, record) -> done
 *   start:  worker (files, job) -> spawn -> answer -> [sub paths checked -> MONITOR_START] ->
 * [sandbox: network, hosts]
 *           -> connect -> RUNNING -> done
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/job.h"
#include "container/limits.h"
#include "container/pod_cgroup.h"
#include "container/service_internal.h"
#include "container/user.h"
#include "oci/monitor.h"

#define SHM_OPTIONS "mode=1777,size=65536k"

/* --- create --- */

struct creating {
	struct work work;
	struct unit *unit;
	struct container_op *op;
	bool then_start;
	struct buf record;
	struct err err;
	bool failed;
};

static int open_layers(const struct unit *u, int *fds, size_t max, size_t *ret_count,
		       struct err *err)
{
	const struct str_list *layers = &u->c.image->layers;

	for (size_t i = 0; i < layers->count && *ret_count < max; i++) {
		int fd = open(layers->items[i].ptr, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return err_os(err, "open layer %s", layers->items[i].ptr);
		fds[(*ret_count)++] = fd;
	}
	return 0;
}

static int find_user(struct unit *u, struct err *err)
{
	int fds[CONTAINER_LAYERS_MAX];
	size_t count = 0;
	struct user_lookup lookup = { .root_fds = fds, .spec = &u->spec };
	int r;

	lookup.user = u->spec.user.len ? u->spec.user : u->c.image->config.user;
	r = open_layers(u, fds, ARRAY_COUNT(fds), &count, err);
	lookup.root_count = count;
	if (r == 0)
		r = user_find(&lookup, &u->arena, &u->user, err);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (r == 0 && u->spec.refuse_root && u->user.uid == 0)
		return err_set(err, ERR_FORBIDDEN,
			       "container has runAsNonRoot and image will run as root");
	return r;
}

static int create_files(struct creating *c, struct err *err)
{
	struct unit *u = c->unit;
	AUTO_FD dir = -1;

	if (!u->spec.is_sandbox && find_user(u, err) < 0)
		return -1;
	if (mkdirat(u->service->containers_fd, u->c.id, 0700) < 0)
		return err_os(err, "make %s", u->dir_path);
	dir = openat(u->service->containers_fd, u->c.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_os(err, "open %s", u->dir_path);
	if (!u->spec.is_sandbox) {
		if (mkdirat(dir, "upper", 0755) < 0 || mkdirat(dir, "work", 0700) < 0)
			return err_os(err, "make overlay folders");
		/* the root folder of the container is upper's: the image's own owner and mode */
		struct stat st;

		if (u->c.image->layers.count && stat(u->c.image->layers.items[0].ptr, &st) == 0 &&
		    (fchownat(dir, "upper", st.st_uid, st.st_gid, 0) < 0 ||
		     fchmodat(dir, "upper", st.st_mode & 07777, 0) < 0))
			return err_os(err, "overlay folder");
	}
	if (unit_encode_record(u, &c->record, err) < 0)
		return -1;
	/* What a pod needs is in the API; what a user made with `create` is only here. */
	return fd_replace_file(dir, RECORD_NAME, buf_str(&c->record), 0600,
			       !u->c.sandbox && !u->spec.is_sandbox, err);
}

static void create_run(struct work *work)
{
	struct creating *c = CONTAINER_OF(work, struct creating, work);

	struct err ignored;

	c->failed = create_files(c, &c->err) < 0;
	if (c->failed &&
	    fd_remove_tree(c->unit->service->containers_fd, c->unit->c.id, &ignored) < 0)
		log_debug("container", "%s", ignored.msg); /* removed at the next start-up */
}

static void create_done(struct work *work)
{
	struct creating *c = CONTAINER_OF(work, struct creating, work);
	struct unit *u = c->unit;
	struct container_service *s = u->service;
	struct container_op *request = c->op;
	bool then_start = c->then_start, failed = c->failed;
	struct err err = c->err;

	buf_deinit(&c->record);
	mem_free(c);
	s->busy--;
	u->is_preparing = false;
	if (failed) {
		unit_forget(u);
		op_finish(s, request, NULL, &err);
		return;
	}
	u->c.uid = u->user.uid;
	u->c.gid = u->user.gid;
	service_emit(u, CONTAINER_EVENT_CREATED);
	if (then_start)
		container_start(s, request, str_from(u->c.id));
	else
		op_finish(s, request, u, NULL);
}

static void new_id(struct env *env, char to[CONTAINER_ID_BYTES])
{
	unsigned char random[32];

	env_random(env, random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(to + 2 * i, 3, "%02x", random[i]);
}

static int check_spec(struct container_service *s, const struct container_spec *spec,
		      struct image **ret_image, struct unit **ret_sandbox, struct err *err)
{
	uint64_t capabilities;

	*ret_image = NULL;
	*ret_sandbox = NULL;
	if (spec->name.len && map_get(&s->by_name, spec->name)) {
		const struct unit *other = map_get(&s->by_name, spec->name);

		return err_set(err, ERR_EXISTS,
			       "Conflict. The container name \"/" STR_FMT
			       "\" is already in use by container "
			       "\"%s\". You have to remove (or rename) that container to be able "
			       "to reuse that name.",
			       STR_ARG(spec->name), other->c.id);
	}
	if (spec->is_sandbox) {
		if (spec->network != CONTAINER_NAMESPACE_HOST && !s->network)
			return err_set(err, ERR_UNSUPPORTED, "no pod network is configured");
		return 0;
	}
	*ret_image = image_find(s->images, spec->image, err);
	if (!*ret_image)
		return -1;
	if ((*ret_image)->layers.count > CONTAINER_LAYERS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image has more than %u layers",
			       CONTAINER_LAYERS_MAX);
	if (spec->sandbox_id.len) {
		*ret_sandbox = map_get(&s->by_id, spec->sandbox_id);
		if (!*ret_sandbox || !(*ret_sandbox)->spec.is_sandbox)
			return err_set(err, ERR_NOT_FOUND, "No such sandbox: " STR_FMT,
				       STR_ARG(spec->sandbox_id));
	}
	return config_capabilities(spec, &capabilities, err);
}

static void create_begin(struct container_service *s, struct container_op *op,
			 const struct container_spec *spec, bool then_start)
{
	struct err err = { 0 };
	char id[CONTAINER_ID_BYTES];
	struct creating *c;
	struct image *image;
	struct unit *u, *sandbox;

	if (check_spec(s, spec, &image, &sandbox, &err) < 0) {
		op_finish(s, op, NULL, &err);
		return;
	}
	new_id(s->env, id);
	u = unit_new(s, id);
	spec_copy(spec, &u->arena, &u->spec);
	if (u->spec.cgroup_parent
		    .len) /* kept as it is on this machine, so that a record needs no context */
		u->spec.cgroup_parent = str_printf_in(&u->arena, "%s" STR_FMT, s->cgroup_root,
						      STR_ARG(u->spec.cgroup_parent));
	u->c.image = image ? image_ref(image) : NULL;
	u->c.sandbox = sandbox ? &sandbox->c : NULL;
	u->c.created_ns = env_wall_ns(s->env);
	u->is_preparing = true;
	unit_insert(u);
	c = NEW(struct creating);
	c->unit = u;
	c->op = op;
	c->then_start = then_start;
	buf_init(&c->record, RECORD_BYTES_MAX);
	c->work.run = create_run;
	c->work.done = create_done;
	s->busy++;
	env_work(s->env, &c->work);
}

void container_create(struct container_service *service, struct container_op *op,
		      const struct container_spec *spec)
{
	create_begin(service, op, spec, false);
}

void container_run(struct container_service *service, struct container_op *op,
		   const struct container_spec *spec)
{
	create_begin(service, op, spec, true);
}

/* --- start --- */

struct starting {
	struct work work;
	struct unit *unit;
	struct container_op *op;
	struct arena arena;
	struct job_input input;
	int job_fd;
	bool two_phase;
	struct child child;
	bool child_running;
	struct io_watch ready;
	int ready_fd;
	struct buf answer, record;
	struct network_attach attach;
	bool attached;
	char address[INET_ADDRSTRLEN];
	struct reply reply;
	struct err err;
	bool failed;
};

static void starting_free(struct starting *st)
{
	struct container_service *s = st->unit->service;

	io_stop(&st->ready);
	fd_close(&st->ready_fd);
	fd_close(&st->job_fd);
	buf_deinit(&st->answer);
	buf_deinit(&st->record);
	arena_deinit(&st->arena);
	mem_free(st);
	s->busy--;
}

/* Nothing runs (any more). */
static void start_failed(struct starting *st, const struct err *why)
{
	struct unit *u = st->unit;
	struct err err = *why;
	struct container_op *op = st->op;
	struct container_end end = { .exit_code = 128, .error = err.msg };

	if (strstr(err.msg, "executable file not found") ||
	    strstr(err.msg, "no such file or directory"))
		end.exit_code = 127;
	else if (strstr(err.msg, "permission denied"))
		end.exit_code = 126;
	if (st->child_running)
		env_child_forget(&st->child);
	starting_free(st);
	if (monitor_link_is_open(&u->monitor))
		monitor_link_close(&u->monitor);
	(void)container_advance(u, CAUSE_START_FAILED, &end); /* it may have ended by itself */
	op_finish(u->service, op, u, &err);
}

/* It runs, but cannot stay: kill it, then fail. */
struct undo {
	struct child child;
	struct starting *starting;
	struct err err;
};

static void undo_done(struct child *child, int wait_status)
{
	struct undo *undo = CONTAINER_OF(child, struct undo, child);
	struct starting *st = undo->starting;
	struct err err = undo->err;

	(void)wait_status; /* what is left is cleared away with the container */
	mem_free(undo);
	start_failed(st, &err);
}

static void start_undo(struct starting *st, const struct err *why)
{
	struct container_service *s = st->unit->service;
	struct undo *undo = NEW(struct undo);
	const char *argv[] = { "cube-oci",     "--root", s->states_path, "delete", "--force",
			       st->unit->c.id, NULL };
	struct child_spec spec = { .path = s->oci_path, .argv = argv };
	struct err ignored;

	monitor_link_close(&st->unit->monitor);
	undo->starting = st;
	undo->err = *why;
	undo->child.on_exit = undo_done;
	if (env_spawn(s->env, &spec, &undo->child, &ignored) < 0) {
		mem_free(undo);
		start_failed(st, why);
	}
}

static void start_succeeded(struct starting *st)
{
	struct unit *u = st->unit;
	struct container_op *op = st->op;
	struct err err = { 0 };

	if (st->child_running)
		env_child_forget(&st->child);
	st->child_running = false;
	if (!monitor_link_is_open(&u->monitor) && monitor_follow(u, &err) < 0) {
		struct container_end end = { 0 };

		if (exit_record_read(u->state_path, &end, NULL) < 0) {
			start_undo(st, &err);
			return;
		}
		/* a short life: started, and over already */
		starting_free(st);
		(void)container_advance(u, CAUSE_STARTED, NULL);
		(void)container_advance(u, CAUSE_ENDED, &end);
		op_finish(u->service, op, u, NULL);
		return;
	}
	starting_free(st);
	(void)container_advance(u, CAUSE_STARTED, NULL); /* it is STARTING */
	op_finish(u->service, op, u, NULL);
}

/* --- a sandbox's network and files --- */

static void hosts_run(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);
	struct job_files files = { .spec = &st->unit->spec,
				   .hostname = st->input.hostname,
				   .address = str_from(st->address) };

	st->failed = job_write_files(st->unit->dir_path, &files, &st->err) < 0;
}

static void hosts_done(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);

	if (st->failed)
		start_undo(st, &st->err);
	else
		start_succeeded(st);
}

static void write_hosts(struct starting *st)
{
	st->work.run = hosts_run;
	st->work.done = hosts_done;
	env_work(st->unit->service->env, &st->work);
}

static void network_done(struct network_attach *attach, const struct err *err)
{
	struct starting *st = CONTAINER_OF(attach, struct starting, attach);
	struct unit *u = st->unit;

	if (err) {
		struct err why = *err;

		err_wrap(&why, "set up the sandbox's network");
		start_undo(st, &why);
		return;
	}
	u->c.address = attach->address;
	inet_ntop(AF_INET, &attach->address, st->address, sizeof(st->address));
	write_hosts(st);
}

static void sandbox_started(struct starting *st)
{
	struct unit *u = st->unit;

	if (unit_open_namespaces(u, &st->err) < 0) {
		start_undo(st, &st->err);
		return;
	}
	if (u->spec.network == CONTAINER_NAMESPACE_HOST || !u->service->network) {
		write_hosts(st);
		return;
	}
	st->attach = (struct network_attach){ .id = u->c.id,
					      .netns_fd = u->ns_fds[NS_NETWORK],
					      .done = network_done };
	network_attach(u->service->network, &st->attach);
}

/* --- the monitor's answer --- */

static void second_phase_done(struct reply *reply, struct str payload, const struct err *err)
{
	struct starting *st = CONTAINER_OF(reply, struct starting, reply);

	(void)payload;
	st->unit->c.started_ns = env_wall_ns(st->unit->service->env);
	if (err)
		start_undo(st, err);
	else
		start_succeeded(st);
}

static void check_run(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);

	st->failed = job_check_sub_paths(&st->unit->spec, st->unit->c.pid, &st->err) < 0;
}

static void check_done(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);
	struct unit *u = st->unit;

	if (st->failed || monitor_follow(u, &st->err) < 0) {
		start_undo(st, &st->err);
		return;
	}
	st->reply.fn = second_phase_done;
	monitor_ask(u, MONITOR_START, STR_NONE, &st->reply);
}

static void answered(struct starting *st)
{
	AUTO_JSON doc = json_parse(str_trim(buf_str(&st->answer)), CONTAINER_ANSWER_BYTES_MAX,
				   &st->err);
	struct unit *u = st->unit;
	struct container_service *s = u->service;
	struct str error;

	if (!doc) {
		if (st->answer.len == 0)
			err_set(&st->err, ERR_INTERNAL,
				"the container's monitor ended without an answer");
		start_undo(st, &st->err);
		return;
	}
	error = json_get_str(yyjson_doc_get_root(doc), "error");
	if (error.len) {
		err_set(&st->err, ERR_BAD_REQUEST,
			"failed to create containerd task: failed to create shim task: OCI runtime "
			"create failed: " STR_FMT,
			STR_ARG(error));
		start_failed(st, &st->err);
		return;
	}
	u->c.pid = (pid_t)json_get_int(yyjson_doc_get_root(doc), "pid", 0);
	u->c.started_ns = json_get_int(yyjson_doc_get_root(doc), "startedNs", 0);
	if (u->c.started_ns == 0)
		u->c.started_ns = env_wall_ns(s->env);
	if (st->two_phase) {
		st->work.run = check_run;
		st->work.done = check_done;
		env_work(s->env, &st->work);
	} else if (u->spec.is_sandbox) {
		sandbox_started(st);
	} else {
		start_succeeded(st);
	}
}

static void ready_readable(struct io_watch *watch, int events)
{
	struct starting *st = CONTAINER_OF(watch, struct starting, ready);
	void *room = buf_room(&st->answer, 4096);
	ssize_t n = room ? read(st->ready_fd, room, 4096) : 0;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		buf_added(&st->answer, (size_t)n);
		if (str_find_char(buf_str(&st->answer), '\n', 0) == SIZE_MAX)
			return;
	}
	io_stop(&st->ready);
	answered(st);
}

static void monitor_exited(struct child *child, int wait_status)
{
	struct starting *st = CONTAINER_OF(child, struct starting, child);

	(void)wait_status; /* its answer, or the end of the pipe, says it */
	st->child_running = false;
}

static int spawn_monitor(struct starting *st, struct err *err)
{
	struct container_service *s = st->unit->service;
	const char *argv[] = { "cube-oci", "monitor", NULL };
	int pipe_fds[2];
	AUTO_FD write_end = -1;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_os(err, "pipe");
	st->ready_fd = pipe_fds[0];
	write_end = pipe_fds[1];
	struct child_fd fds[] = { { st->job_fd, MONITOR_JOB_FD }, { write_end, MONITOR_READY_FD } };
	struct child_spec spec = {
		.path = s->oci_path, .argv = argv, .fds = fds, .fd_count = 2, .new_session = true
	};

	if (fd_set_nonblock(st->ready_fd, true, err) < 0)
		return -1;
	st->ready.fn = ready_readable;
	if (io_start(s->env, &st->ready, st->ready_fd, IO_READ, err) < 0)
		return -1;
	st->child.on_exit = monitor_exited;
	if (env_spawn(s->env, &spec, &st->child, err) < 0)
		return -1;
	st->child_running = true;
	return 0;
}

/* --- before it --- */

static int mount_shm(struct starting *st, struct err *err)
{
	const char *path = st->input.shm_path.ptr;

	if (!st->unit->spec.is_sandbox || st->unit->spec.ipc == CONTAINER_NAMESPACE_HOST)
		return 0;
	(void)umount2(path, MNT_DETACH); /* of an earlier start */
	if (fd_make_dirs(AT_FDCWD, path, 0755, err) < 0)
		return -1;
	if (mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHM_OPTIONS) < 0)
		return err_os(err, "mount %s", path);
	return 0;
}

static int prepare_start(struct starting *st, struct err *err)
{
	struct unit *u = st->unit;
	struct job_files files = { .spec = &u->spec, .hostname = st->input.hostname };

	char record[CONTAINER_ID_BYTES + sizeof("/" RECORD_NAME)];

	snprintf(record, sizeof(record), "%s/" RECORD_NAME, u->c.id);
	if (fd_remove_tree(u->service->states_fd, u->c.id, err) < 0)
		return -1;
	/* Before anything runs, so that a service killed right now knows that something may. */
	if (fd_replace_file(u->service->containers_fd, record,
					      buf_str(&st->record), 0600, false, err) < 0)
		return -1;
	if (u->spec.is_sandbox && u->spec.cgroup_parent.len &&
	    pod_cgroup_make(u->spec.cgroup_parent, &u->spec.resources, err) < 0)
		return -1;
	if (mount_shm(st, err) < 0)
		return -1;
	if (!u->c.sandbox && !u->spec.is_sandbox && job_write_files(u->dir_path, &files, err) < 0)
		return -1;
	st->job_fd = job_build(&st->input, &st->two_phase, err);
	return st->job_fd < 0 ? -1 : 0;
}

static void start_run(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);

	st->failed = prepare_start(st, &st->err) < 0;
}

static void start_prepared(struct work *work)
{
	struct starting *st = CONTAINER_OF(work, struct starting, work);

	if (st->failed || spawn_monitor(st, &st->err) < 0) {
		start_failed(st, &st->err);
		return;
	}
	fd_close(&st->job_fd);
}

/* Which namespace: spec says own, host, the sandbox's or another container's. */
static int choose_namespace(struct starting *st, enum namespace_fd which,
			    enum container_namespace wanted, struct config_namespace *ret,
			    struct err *err)
{
	struct unit *u = st->unit, *owner = u->c.sandbox ? unit_of(u->c.sandbox) : NULL;
	const enum container_namespace of_sandbox[] = {
		[NS_NETWORK] = owner ? owner->spec.network : 0,
		[NS_IPC] = owner ? owner->spec.ipc : 0,
		[NS_UTS] = owner ? owner->spec.uts : 0,
		[NS_PID] = owner ? owner->spec.pid : 0,
	};

	*ret = (struct config_namespace){ CONFIG_NS_OWN, STR("") };
	if (wanted == CONTAINER_NAMESPACE_HOST) {
		ret->mode = CONFIG_NS_HOST;
		return 0;
	}
	if (wanted == CONTAINER_NAMESPACE_CONTAINER) {
		owner = map_get(&u->service->by_id, u->spec.pid_target_id);
		if (!owner || owner->c.status != CONTAINER_RUNNING)
			return err_set(err, ERR_CONFLICT,
				       "cannot join the process namespace of a container that is "
				       "not running");
		if (owner->ns_fds[which] < 0 && unit_open_namespaces(owner, err) < 0)
			return -1;
	} else if (!owner || wanted == CONTAINER_NAMESPACE_OWN ||
		   (wanted == CONTAINER_NAMESPACE_DEFAULT && which == NS_PID)) {
		return 0;
	} else if (of_sandbox[which] == CONTAINER_NAMESPACE_HOST) {
		ret->mode = CONFIG_NS_HOST;
		return 0;
	}
	ret->mode = CONFIG_NS_JOIN;
	/* Through our own descriptor: no pid can be reused between here and the runtime's setns. */
	ret->path = str_printf_in(&st->arena, "/proc/%d/fd/%d", (int)getpid(),
				  owner->ns_fds[which]);
	return 0;
}

static struct str host_name(const struct unit *u, struct arena *arena)
{
	char name[65] = "";

	if (u->c.sandbox)
		return host_name(unit_of(u->c.sandbox), arena);
	if (u->spec.uts == CONTAINER_NAMESPACE_HOST ||
	    (u->spec.is_sandbox && u->spec.network == CONTAINER_NAMESPACE_HOST)) {
		if (u->spec.hostname.len == 0 && gethostname(name, sizeof(name) - 1) == 0)
			return str_in(arena, str_from(name));
	}
	return u->spec.hostname.len ? u->spec.hostname : str_slice(str_from(u->c.id), 0, 12);
}

static int fill_input(struct starting *st, struct err *err)
{
	struct unit *u = st->unit;
	struct unit *sandbox = u->c.sandbox ? unit_of(u->c.sandbox) : NULL;
	struct job_input *in = &st->input;
	enum container_namespace uts = u->spec.uts;

	if (u->spec.is_sandbox && u->spec.network == CONTAINER_NAMESPACE_HOST &&
	    uts == CONTAINER_NAMESPACE_DEFAULT)
		uts = CONTAINER_NAMESPACE_HOST; /* a pod on the host's network has the host's name
						 */
	if (sandbox && unit_of(u->c.sandbox)->spec.network == CONTAINER_NAMESPACE_HOST &&
	    uts == CONTAINER_NAMESPACE_DEFAULT && sandbox->spec.uts == CONTAINER_NAMESPACE_DEFAULT)
		uts = CONTAINER_NAMESPACE_HOST;
	*in = (struct job_input){
		.id = u->c.id,
		.dir_path = u->dir_path,
		.state_path = u->state_path,
		.log_path = u->log_path,
		.empty_path = u->service->empty_path,
		.spec = &u->spec,
		.user = &u->user,
		.files_path = str_from(sandbox ? sandbox->dir_path : u->dir_path),
	};
	if (u->c.image) {
		in->image = &u->c.image->config;
		in->layers = &u->c.image->layers;
	}
	in->has_cgroup_v1 = u->service->has_cgroup_v1;
	in->hostname = host_name(u, &st->arena);
	in->cgroup_path = unit_cgroup_path(u, &st->arena);
	if (u->spec.is_sandbox || (sandbox && sandbox->spec.ipc != CONTAINER_NAMESPACE_HOST &&
				   u->spec.ipc != CONTAINER_NAMESPACE_HOST))
		in->shm_path = str_printf_in(&st->arena, "%s/shm",
					     u->spec.is_sandbox ? u->dir_path : sandbox->dir_path);
	else if (sandbox)
		in->shm_path = STR("/dev/shm");
	if (choose_namespace(st, NS_NETWORK, u->spec.network, &in->network, err) < 0 ||
	    choose_namespace(st, NS_IPC, u->spec.ipc, &in->ipc, err) < 0 ||
	    choose_namespace(st, NS_UTS, uts, &in->uts, err) < 0)
		return -1;
	return choose_namespace(st, NS_PID, u->spec.pid, &in->pid, err);
}

static int check_start(const struct unit *u, struct err *err)
{
	enum container_status next;

	if (!container_may(u->c.status, CAUSE_START, &next))
		return err_set(err, ERR_CONFLICT, "container %s is %s", u->c.id,
			       container_status_name(u->c.status));
	if (u->c.sandbox && u->c.sandbox->status != CONTAINER_RUNNING)
		return err_set(err, ERR_CONFLICT, "sandbox %s is not running", u->c.sandbox->id);
	if (!u->spec.is_sandbox && !u->c.image)
		return err_set(err, ERR_NOT_FOUND, "No such image: " STR_FMT,
			       STR_ARG(u->spec.image));
	return 0;
}

static void start_files(struct starting *st)
{
	struct err err = { 0 };

	if (unit_encode_record(st->unit, &st->record, &err) < 0) {
		start_failed(st, &err);
		return;
	}
	st->work.run = start_run;
	st->work.done = start_prepared;
	env_work(st->unit->service->env, &st->work);
}

static void start_saved(struct unit *u)
{
	u->save_again = false; /* what is written now is newer */
	start_files(u->starting);
}

void container_start(struct container_service *service, struct container_op *op, struct str id)
{
	struct container *container = container_get(service, id);
	struct err err = { 0 };
	struct starting *st;
	struct unit *u;

	if (!container) {
		err_set(&err, ERR_NOT_FOUND, "No such container: " STR_FMT, STR_ARG(id));
		op_finish(service, op, NULL, &err);
		return;
	}
	u = unit_of(container);
	if (check_start(u, &err) < 0) {
		op_finish(service, op, u, &err);
		return;
	}
	st = NEW(struct starting);
	st->unit = u;
	st->op = op;
	st->job_fd = st->ready_fd = -1;
	arena_init(&st->arena, 1u << 20);
	buf_init(&st->answer, CONTAINER_ANSWER_BYTES_MAX);
	service->busy++;
	(void)container_advance(u, CAUSE_START, NULL); /* checked above */
	buf_init(&st->record, RECORD_BYTES_MAX);
	if (fill_input(st, &err) < 0) {
		start_failed(st, &err);
		return;
	}
	if (u->saving) { /* of its last end: that write must not come after ours */
		u->starting = st;
		u->after_save = start_saved;
		return;
	}
	start_files(st);
}
