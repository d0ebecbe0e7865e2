/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct pod_runtime over the container service: sandboxes, containers, volumes. Each operation is
 * one struct call: its worker part (if any) first, then the service's.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/image.h"
#include "kubelet/limits.h"
#include "kubelet/runtime_internal.h"
#include "kubelet/volume.h"
#include "linux/signals.h"

struct call {
	struct work work;
	struct container_op op;
	struct runtime *runtime;
	struct runtime_op *result;
	struct arena arena;
	struct container_spec spec;
	struct pod_paths paths;
	struct err err;
	bool failed;
};

static struct call *call_new(struct runtime *r, struct runtime_op *result)
{
	struct call *c = NEW(struct call);

	c->runtime = r;
	c->result = result;
	c->op.owner = c;
	arena_init(&c->arena, (size_t)16 << 20);
	return c;
}

static void call_end(struct call *c, const struct err *err)
{
	struct runtime_op *result = c->result;
	struct err kept;

	if (err)
		kept = *err;
	arena_deinit(&c->arena);
	mem_free(c);
	result->done(result, err ? &kept : NULL);
}

static void call_done(struct container_op *op, struct container *container, const struct err *err)
{
	(void)container;
	call_end(op->owner, err);
}

static struct str str_of_number(struct arena *arena, uint64_t number)
{
	return str_printf_in(arena, "%" PRIu64, number);
}

static struct oci_pair *owner_labels(const struct runtime_owner *o, struct arena *arena,
				     size_t *ret_count)
{
	struct oci_pair *labels = arena_array(arena, 8, sizeof(*labels));

	labels[0] = (struct oci_pair){ STR(LABEL_POD_UID), o->pod_uid };
	labels[1] = (struct oci_pair){ STR(LABEL_POD_NAME), o->pod_name };
	labels[2] = (struct oci_pair){ STR(LABEL_POD_NAMESPACE), o->namespace_ };
	labels[3] = (struct oci_pair){ STR(LABEL_ATTEMPT), str_of_number(arena, o->attempt) };
	*ret_count = 4;
	if (!str_is_empty(o->container))
		labels[(*ret_count)++] = (struct oci_pair){ STR(LABEL_CONTAINER), o->container };
	return labels;
}

static struct str owner_name(const struct runtime_owner *o, struct arena *arena)
{
	struct str container = str_is_empty(o->container) ? STR("POD") : o->container;

	return str_printf_in(arena, "k8s_" STR_FMT "_" STR_FMT "_" STR_FMT "_" STR_FMT "_%u",
			     STR_ARG(container), STR_ARG(o->pod_name), STR_ARG(o->namespace_),
			     STR_ARG(o->pod_uid), o->attempt);
}

/* --- sandbox --- */

static void sandbox_done(struct container_op *op, struct container *container,
			 const struct err *err)
{
	struct call *c = op->owner;
	struct runtime_sandbox_create *s = CONTAINER_OF(c->result, struct runtime_sandbox_create,
							op);

	if (!err && container) {
		memcpy(s->ret_id, container->id, sizeof(s->ret_id));
		s->ret_address[0] = 0;
		if (!s->host_network)
			(void)inet_ntop(AF_INET, &container->address, s->ret_address,
					sizeof(s->ret_address)); /* fits */
	}
	call_end(c, err);
}

/* A sandbox that could not be started leaves nothing behind. */
static void sandbox_cleared(struct container_op *op, struct container *container,
			    const struct err *err)
{
	struct call *c = op->owner;

	(void)container;
	(void)err; /* what is told is why it did not start */
	call_end(c, &c->err);
}

static void sandbox_ran(struct container_op *op, struct container *container, const struct err *err)
{
	struct call *c = op->owner;
	char id[CONTAINER_ID_BYTES];

	if (!err || !container) {
		sandbox_done(op, container, err);
		return;
	}
	c->err = *err;
	memcpy(id, container->id, sizeof(id));
	c->op.done = sandbox_cleared;
	container_remove(c->runtime->containers, &c->op, str_from(id), true);
}

static void sandbox_create(struct pod_runtime *rt, struct runtime_sandbox_create *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);
	struct oci_pair *sysctls = arena_array(&c->arena, op->sysctl_count + 1, sizeof(*sysctls));

	for (size_t i = 0; i < op->sysctl_count; i++)
		sysctls[i] = (struct oci_pair){ op->sysctls[i].name, op->sysctls[i].value };
	c->spec = (struct container_spec){
		.name = owner_name(&op->owner, &c->arena),
		.is_sandbox = true,
		.network = op->host_network ? CONTAINER_NAMESPACE_HOST : CONTAINER_NAMESPACE_OWN,
		.pid = op->host_pid ? CONTAINER_NAMESPACE_HOST : CONTAINER_NAMESPACE_OWN,
		.ipc = op->host_ipc ? CONTAINER_NAMESPACE_HOST : CONTAINER_NAMESPACE_OWN,
		.uts = op->host_network ? CONTAINER_NAMESPACE_HOST : CONTAINER_NAMESPACE_OWN,
		.hostname = op->hostname,
		.domainname = op->domain,
		.cgroup_parent = op->cgroup_parent,
		.sysctls = sysctls,
		.sysctl_count = op->sysctl_count,
		.has_oom_score_adj = true,
		.oom_score_adj = -998,
		/* Of the cgroup_parent: the service makes it with these limits. */
		.resources = {
			.cpu_shares = op->pod.cpu_shares, .cpu_quota_us = op->pod.cpu_quota_us,
			.cpu_period_us = op->pod.cpu_period_us, .memory_bytes = op->pod.memory_bytes,
		},
		.log_format = CONTAINER_LOG_NONE,
	};
	if (op->host_network)
		c->spec.hostname = STR_NONE;
	c->spec.labels = owner_labels(&op->owner, &c->arena, &c->spec.label_count);
	c->op.done = sandbox_ran;
	container_run(c->runtime->containers, &c->op, &c->spec);
}

static void remove_done(struct container_op *op, struct container *container, const struct err *err)
{
	(void)container;
	call_end(op->owner,
		 err && err->code == ERR_NOT_FOUND ? NULL : err); /* gone is what was asked for */
}

static void any_remove(struct pod_runtime *rt, struct runtime_container_op *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);

	c->op.done = remove_done;
	container_remove(c->runtime->containers, &c->op, op->id, true);
}

/* --- containers --- */

static void created(struct container_op *op, struct container *container, const struct err *err)
{
	struct call *c = op->owner;
	struct runtime_container_create *create = CONTAINER_OF(c->result,
							       struct runtime_container_create, op);

	if (!err && container)
		memcpy(create->ret_id, container->id, sizeof(create->ret_id));
	call_end(c, err);
}

static void prepare_run(struct work *work)
{
	struct call *c = CONTAINER_OF(work, struct call, work);
	struct runtime_container_create *create = CONTAINER_OF(c->result,
							       struct runtime_container_create, op);
	AUTO_BUF profile = { 0 };

	buf_init(&profile, 1 << 20);
	c->failed = prepare_container(&c->paths, &create->owner, create->hosts, &c->err) < 0;
	if (c->failed || create->security.seccomp != SECCOMP_FILE)
		return;
	c->failed = fd_read_file(AT_FDCWD, str_c_in(&c->arena, create->security.seccomp_file),
				 1 << 20, &profile, &c->err) < 0;
	if (!c->failed)
		c->spec.seccomp_profile = str_in(&c->arena, buf_str(&profile));
}

static void prepared(struct work *work)
{
	struct call *c = CONTAINER_OF(work, struct call, work);

	if (c->failed) {
		call_end(c, &c->err);
		return;
	}
	c->op.done = created;
	container_create(c->runtime->containers, &c->op, &c->spec);
}

static enum container_propagation propagation_of(enum runtime_propagation p)
{
	if (p == PROPAGATION_FROM_HOST)
		return CONTAINER_HOST_TO_CONTAINER;
	return p == PROPAGATION_BOTH ? CONTAINER_BIDIRECTIONAL : CONTAINER_PRIVATE;
}

static void fill_mounts(struct call *c, const struct runtime_container_create *create)
{
	struct container_mount *mounts = arena_array(&c->arena, create->mount_count + 2,
						     sizeof(*mounts));
	bool has_hosts = false;
	size_t n = 0;

	for (size_t i = 0; i < create->mount_count; i++) {
		const struct runtime_mount *m = &create->mounts[i];

		has_hosts = has_hosts || str_eq(m->container_path, STR("/etc/hosts"));
		mounts[n++] = (struct container_mount){
			.type = CONTAINER_MOUNT_BIND,
			.source = m->host_path,
			.sub_path = m->sub_path,
			.target = m->container_path,
			.read_only = m->read_only,
			.recursive_read_only = m->read_only && m->recursive_read_only,
			.propagation = propagation_of(m->propagation),
		};
	}
	if (!has_hosts && !str_is_empty(create->hosts))
		mounts[n++] = (struct container_mount){
			.source = str_printf_in(&c->arena, STR_FMT "/etc-hosts",
						STR_ARG(c->paths.pod_dir)),
			.target = STR("/etc/hosts"),
		};
	mounts[n++] = (struct container_mount){
		.source = container_message_file(&c->paths, &create->owner, &c->arena),
		.target = create->message_path,
	};
	c->spec.mounts = mounts;
	c->spec.mount_count = n;
	c->spec.keep_hosts_file = has_hosts || !str_is_empty(create->hosts);
}

static void fill_security(struct call *c, const struct runtime_security *s)
{
	uint32_t *groups = arena_array(&c->arena, s->group_count + 1, sizeof(*groups));

	for (size_t i = 0; i < s->group_count; i++)
		groups[i] = (uint32_t)s->groups[i];
	c->spec.supplemental_groups = groups;
	c->spec.supplemental_group_count = s->group_count;
	c->spec.privileged = s->privileged;
	c->spec.read_only_root = s->read_only_root;
	c->spec.no_new_privileges = s->no_new_privileges;
	c->spec.unmask_proc = s->proc_unmasked;
	c->spec.has_uid = s->has_user;
	c->spec.uid = (uint32_t)s->user;
	c->spec.has_gid = s->has_group;
	c->spec.gid = (uint32_t)s->group;
	c->spec.cap_add = (struct str_list){ s->add_capabilities, s->add_count };
	c->spec.cap_drop = (struct str_list){ s->drop_capabilities, s->drop_count };
	c->spec.seccomp_unconfined = s->seccomp == SECCOMP_UNCONFINED;
}

static void fill_labels(struct call *c, const struct runtime_container_create *create)
{
	struct oci_pair *more = arena_array(&c->arena, 4, sizeof(*more));

	c->spec.labels = owner_labels(&create->owner, &c->arena, &c->spec.label_count);
	more[0] = (struct oci_pair){ STR(LABEL_HASH), create->hash };
	more[1] = (struct oci_pair){ STR(LABEL_IMAGE_NAME), create->image_name };
	more[2] = (struct oci_pair){ STR(LABEL_MESSAGE_POLICY),
				     create->message_from_log ? STR("FallbackToLogsOnError")
							      : STR("File") };
	c->spec.annotations = more;
	c->spec.annotation_count = 3;
}

static void fill_pid(struct call *c, const struct runtime_container_create *create)
{
	static const enum container_namespace modes[] = {
		[PID_OWN] = CONTAINER_NAMESPACE_OWN,
		[PID_POD] = CONTAINER_NAMESPACE_SANDBOX,
		[PID_HOST] = CONTAINER_NAMESPACE_HOST,
		[PID_TARGET] = CONTAINER_NAMESPACE_CONTAINER,
	};

	c->spec.pid = modes[create->pid_mode];
	c->spec.pid_target_id = create->pid_target;
}

static void container_create_op(struct pod_runtime *rt, struct runtime_container_create *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);

	c->paths = pod_paths_of(c->runtime, &op->owner, &c->arena);
	c->spec = (struct container_spec){
		.name = owner_name(&op->owner, &c->arena),
		.sandbox_id = op->sandbox_id,
		.image = op->image,
		.entrypoint = { op->command, op->command_count },
		.args = { op->args, op->arg_count },
		.env = { op->env, op->env_count },
		.working_dir = op->working_dir,
		.refuse_root = op->run_as_non_root,
		.stop_signal = op->stop_signal,
		.terminal = op->tty,
		.want_stdin = op->stdin_open,
		.stdin_once = op->stdin_once,
		.resources = {
			.memory_bytes = op->resources.memory_bytes,
			.cpu_shares = op->resources.cpu_shares,
			.cpu_quota_us = op->resources.cpu_quota_us,
			.cpu_period_us = op->resources.cpu_period_us,
			.pids_max = op->resources.pids_max,
		},
		.has_oom_score_adj = op->resources.has_oom_score_adj,
		.oom_score_adj = op->resources.oom_score_adj,
		.resolv_conf = op->resolv_conf,
		.cgroup_parent = op->cgroup_parent,
		.log_format = CONTAINER_LOG_CRI,
		.log_path = container_log_file(&c->paths, &op->owner, &c->arena),
		.log_bytes_max = KUBELET_LOG_BYTES_MAX,
		.log_files_max = KUBELET_LOG_FILES_MAX,
	};
	fill_pid(c, op);
	fill_labels(c, op);
	fill_mounts(c, op);
	fill_security(c, &op->security);
	c->work.run = prepare_run;
	c->work.done = prepared;
	env_work(c->runtime->env, &c->work);
}

static void container_start_op(struct pod_runtime *rt, struct runtime_container_op *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);

	c->op.done = call_done;
	container_start(c->runtime->containers, &c->op, op->id);
}

static void stop_done(struct container_op *op, struct container *container, const struct err *err)
{
	(void)container;
	call_end(op->owner, err);
}

static int stop_signal_of(const struct container *c)
{
	struct str name = c ? c->spec->stop_signal : STR_NONE;
	char text[32];
	int signo;

	if (c && str_is_empty(name) && c->image)
		name = c->image->config.stop_signal;
	if (str_is_empty(name) || str_copy_to(name, text, sizeof(text)) < 0)
		return SIGTERM;
	signo = signal_number(text);
	return signo > 0 ? signo : SIGTERM;
}

static void container_kill_op(struct pod_runtime *rt, struct runtime_kill *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);
	struct container *container = container_get(c->runtime->containers, op->id);
	int signo = op->signal;

	c->op.done = stop_done;
	/* Not container_stop: the kubelet does the waiting itself. */
	if (signo == 0)
		signo = stop_signal_of(container);
	container_kill(c->runtime->containers, &c->op, op->id, signo);
}

/* --- volumes --- */

static void volumes_run(struct work *work)
{
	struct call *c = CONTAINER_OF(work, struct call, work);
	struct runtime_volumes *v = CONTAINER_OF(c->result, struct runtime_volumes, op);

	c->failed = volumes_make(v->set, &c->err) < 0;
}

static void volumes_done(struct work *work)
{
	struct call *c = CONTAINER_OF(work, struct call, work);

	call_end(c, c->failed ? &c->err : NULL);
}

static void volumes_setup(struct pod_runtime *rt, struct runtime_volumes *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);

	c->work.run = volumes_run;
	c->work.done = volumes_done;
	env_work(c->runtime->env, &c->work);
}

static void volumes_remove_run(struct work *work)
{
	struct call *c = CONTAINER_OF(work, struct call, work);
	struct runtime_volumes *v = CONTAINER_OF(c->result, struct runtime_volumes, op);

	c->failed = volumes_clear(str_c_in(&c->arena, c->paths.pod_dir), &c->err) < 0;
	if (!c->failed && !v->keep_logs)
		c->failed = pod_logs_remove(c->runtime->log_dir, v->pod_uid, &c->err) < 0;
}

static void volumes_remove(struct pod_runtime *rt, struct runtime_volumes *op)
{
	struct call *c = call_new(runtime_of(rt), &op->op);
	struct runtime_owner owner = { .pod_uid = op->pod_uid,
				       .namespace_ = op->namespace_,
				       .pod_name = op->pod_name };

	c->paths = pod_paths_of(c->runtime, &owner, &c->arena);
	c->work.run = volumes_remove_run;
	c->work.done = volumes_done;
	env_work(c->runtime->env, &c->work);
}

static const struct pod_runtime_ops runtime_ops = {
	.listen = runtime_listen,
	.list = runtime_list,
	.sandbox_create = sandbox_create,
	.sandbox_remove = any_remove,
	.container_create = container_create_op,
	.container_start = container_start_op,
	.container_kill = container_kill_op,
	.container_remove = any_remove,
	.image = runtime_image,
	.volumes_setup = volumes_setup,
	.volumes_remove = volumes_remove,
	.probe = runtime_probe,
	.stats = runtime_stats,
};

struct pod_runtime *runtime_container_new(const struct runtime_container_options *options)
{
	struct runtime *r = NEW(struct runtime);

	r->base.ops = &runtime_ops;
	r->env = options->env;
	r->containers = options->containers;
	r->images = options->images;
	r->root_dir = str_dup_c(options->root_dir);
	r->log_dir = str_dup_c(options->log_dir);
	map_init(&r->stats);
	return &r->base;
}

void runtime_container_free(struct pod_runtime *runtime)
{
	struct runtime *r = runtime_of(runtime);

	if (r->events)
		container_unlisten(&r->listener);
	runtime_probe_close(r);
	runtime_stats_close(r);
	mem_free(r->root_dir);
	mem_free(r->log_dir);
	mem_free(r);
}
