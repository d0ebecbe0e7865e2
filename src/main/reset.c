/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cube reset`: takes away what `cube server` made on this machine: containers with their mounts,
 * cgroups and links, the bridge, packet-filter rules, files. First in order, by the records; then
 * what the kernel still shows (reset_leftover.c), so that lost or damaged records do not matter.
 * Goes on after a step that failed, and says what is left. Files that cube did not make stay.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "container/container.h"
#include "container/network.h"
#include "image/image.h"
#include "loop/loop.h"
#include "main/pki.h"
#include "main/reset.h"
#include "main/reset_leftover.h"
#include "main/server.h"
#include "proxy/proxy.h"

#define UID_BYTES 36 /* of a pod: 8-4-4-4-12 digits */

struct reset_opts {
	struct server_opts server; /* the flags that say where things are */
	bool keep_data, force;
};

struct reset {
	const struct reset_opts *opts;
	struct server_plan plan;
	struct arena *arena;
	struct loop *loop;
	struct container_service *containers;
	struct container_op op;
	struct err first; /* what to tell at the end */
	unsigned int left;
};

static void note(struct reset *r, const struct err *err)
{
	log_error("reset", "%s", err->msg);
	if (!r->left++)
		r->first = *err;
}

/* --- containers: one removal after the other, sandboxes take theirs along --- */

struct pick {
	struct container *container;
};

static bool pick_sandbox(void *arg, struct container *container)
{
	struct pick *pick = arg;

	if (!pick->container || container->spec->is_sandbox)
		pick->container = container;
	return !container->spec->is_sandbox;
}

static void remove_next(struct reset *r);

static void on_removed(struct container_op *op, struct container *container, const struct err *err)
{
	struct reset *r = op->owner;

	if (err) {
		log_warn("reset", "%s; going on without the records", err->msg);
		loop_stop(r->loop); /* the same one would be picked again */
		return;
	}
	remove_next(r);
}

static void remove_next(struct reset *r)
{
	struct pick pick = { 0 };

	container_walk(r->containers, pick_sandbox, &pick);
	if (!pick.container) {
		loop_stop(r->loop);
		return;
	}
	r->op = (struct container_op){ .done = on_removed, .owner = r };
	container_remove(r->containers, &r->op, str_from(pick.container->id), true);
}

static void remove_first(struct task *task);

struct start_task {
	struct task task;
	struct reset *reset;
};

static void remove_first(struct task *task)
{
	remove_next(CONTAINER_OF(task, struct start_task, task)->reset);
}

static struct network_options network_options(struct reset *r)
{
	struct str leases = path_join(r->arena, r->plan.run_dir, STR("leases"));

	return (struct network_options){ .bridge = r->plan.bridge.ptr,
					 .subnet = r->plan.pods,
					 .prefix_len = r->plan.pods_prefix_len,
					 .lease_dir = leases.ptr,
					 .forwarding_record = server_forwarding_record(r->arena,
										       &r->plan) };
}

static int open_containers(struct reset *r, struct network **ret_network,
			   struct image_store **ret_images, struct err *err)
{
	struct env *env = loop_env(r->loop);
	struct network_options network = network_options(r);
	struct image_store_options images = { .env = env, .data_dir = r->plan.data_dir.ptr };
	struct container_service_options options = { .env = env,
						     .data_dir = r->plan.data_dir.ptr,
						     .run_dir = r->plan.run_dir.ptr,
						     .oci_path = r->plan.oci_path.ptr,
						     .cgroup_root = r->plan.cgroup_root.ptr };

	network.env = env;
	if (network_open(&network, ret_network, err) < 0 ||
	    image_store_open(&images, ret_images, err) < 0)
		return -1;
	options.network = *ret_network;
	options.images = *ret_images;
	return container_service_open(&options, &r->containers, err);
}

/* What fails here is left for the steps that go without records. */
static void remove_containers(struct reset *r)
{
	struct start_task start = { .reset = r };
	struct network *network = NULL;
	struct image_store *images = NULL;
	struct err err = { 0 };

	r->loop = loop_new();
	if (open_containers(r, &network, &images, &err) < 0) {
		log_warn("reset", "%s; going on without the records", err.msg);
	} else {
		task_init(&start.task, remove_first);
		env_defer(loop_env(r->loop), &start.task);
		loop_run(r->loop);
		container_service_close(r->containers);
	}
	if (images)
		image_store_close(images);
	network_close(network);
	loop_free(r->loop);
}

/* --- the rest --- */

static void remove_leftovers(struct reset *r)
{
	static const char *const parents[] = { "containers", "kubelet" };
	static const char *const groups[] = { "cube", "kubepods" };
	struct str states = path_join(r->arena, r->plan.run_dir, STR("containers"));
	struct err err = { 0 };

	if (leftover_end_monitors(states, &err) < 0)
		note(r, &err);
	for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
		struct str path = path_join(r->arena, r->plan.cgroup_root, str_from(groups[i]));

		if (leftover_remove_cgroup(path.ptr, i == 0, r->plan.data_dir, &err) < 0)
			note(r, &err);
	}
	leftover_remove_empty_cgroup(r->plan.cgroup_root.ptr);
	for (size_t i = 0; i < ARRAY_COUNT(parents); i++)
		if (leftover_unmount(path_join(r->arena, r->plan.data_dir, str_from(parents[i])),
				     &err) < 0)
			note(r, &err);
	if (leftover_unmount(states, &err) < 0)
		note(r, &err);
}

static void remove_network(struct reset *r)
{
	struct network_options options = network_options(r);
	struct err err = { 0 };

	if (network_remove(&options, &err) < 0)
		note(r, &err);
	if (proxy_remove_rules(r->plan.table.ptr, &err) < 0)
		note(r, &err);
}

static void remove_tree(struct reset *r, struct str dir, const char *name)
{
	struct err err = { 0 };

	if (fd_remove_tree(AT_FDCWD, path_join(r->arena, dir, str_from(name)).ptr, &err) < 0)
		note(r, &err);
}

/* A folder of <namespace>_<pod>_<uid>. With the uid in it, it is only taken for another kubelet's
 * when that one has a folder for the same pod. */
static bool is_pod_log(const char *name)
{
	struct str text = str_from(name), uid;
	char other[sizeof("/var/lib/kubelet/pods/") + UID_BYTES];

	if (text.len < UID_BYTES + 4 || text.ptr[text.len - UID_BYTES - 1] != '_')
		return false;
	uid = str_slice(text, text.len - UID_BYTES, text.len);
	if (strspn(uid.ptr, "0123456789abcdef-") != UID_BYTES)
		return false;
	(void)snprintf(other, sizeof(other), "/var/lib/kubelet/pods/" STR_FMT, STR_ARG(uid));
	return access(other, F_OK) < 0;
}

static void remove_pod_logs(struct reset *r)
{
	DIR *dir = opendir(r->plan.pod_log_dir.ptr);
	struct dirent *entry;

	if (!dir)
		return; /* no pod ever ran */
	while ((entry = readdir(dir)))
		if (is_pod_log(entry->d_name))
			remove_tree(r, r->plan.pod_log_dir, entry->d_name);
	(void)closedir(dir); /* was only read */
}

static void remove_empty(struct str dir)
{
	(void)rmdir(dir.ptr); /* what others put there keeps it */
}

/* By name: a flag that points to a folder with other things in it must not cost them. */
static void remove_files(struct reset *r)
{
	static const char *const run[] = { "containers", "leases", "docker.sock", "ip_forward",
					   "server.lock" };
	static const char *const now[] = { "kubelet", "containers" };
	static const char *const kept[] = { "image", "store", "server.log", "server.lock" };

	remove_pod_logs(r);
	remove_empty(r->plan.pod_log_dir);
	for (size_t i = 0; i < ARRAY_COUNT(now); i++)
		remove_tree(r, r->plan.data_dir, now[i]);
	for (size_t i = 0; i < ARRAY_COUNT(kept) && !r->opts->keep_data; i++)
		remove_tree(r, r->plan.data_dir, kept[i]);
	remove_empty(r->plan.data_dir);
	for (const char *const *name = pki_file_names; *name && !r->opts->keep_data; name++)
		remove_tree(r, r->plan.pki_dir, *name);
	if (!r->opts->keep_data)
		remove_tree(r, path_dir(r->plan.kubeconfig), path_base(r->plan.kubeconfig).ptr);
	remove_empty(r->plan.pki_dir);
	remove_empty(r->plan.manifest_dir); /* static pods in it are the user's */
	remove_empty(str_in(r->arena, path_dir(r->plan.kubeconfig)));
	for (size_t i = 0; i < ARRAY_COUNT(run); i++)
		remove_tree(r, r->plan.run_dir, run[i]);
	remove_empty(r->plan.run_dir);
}

static int reset_run(struct cmd_run *run, struct err *err)
{
	struct reset r = { .opts = run->opts, .arena = run->arena };

	log_set(LOG_WARN, LOG_TEXT, STDERR_FILENO);
	if (server_plan(&r.opts->server, r.arena, &r.plan, err) < 0)
		return 1;
	if (geteuid() != 0) {
		(void)err_set(err, ERR_FORBIDDEN,
			      "must run as root. Try: sudo cube reset"); /* printed by the caller */
		return 1;
	}
	if (!r.opts->force) {
		(void)err_set(err, ERR_BAD_REQUEST,
			      "this removes all containers, images and the cluster's state in %s: "
			      "add --force",
			      r.plan.data_dir.ptr);
		return 1;
	}
	if (server_refuse_running(&r.plan, r.arena, err) < 0)
		return 1;
	if (access(path_join(r.arena, r.plan.data_dir, STR("containers")).ptr, F_OK) == 0)
		remove_containers(&r);
	remove_leftovers(&r);
	remove_network(&r);
	remove_files(&r);
	if (r.left) {
		*err = r.first;
		(void)err_wrap(err, "%u things could not be removed, the first", r.left);
		return 1;
	}
	return 0;
}

#define PLACE(name_, field_, fallback_, help_) \
	FLAG_STRING(0, name_, struct reset_opts, server.field_, fallback_, help_)

static const struct flag reset_flags[] = {
	FLAG_BOOL(0, "force", struct reset_opts, force, "really do it"),
	FLAG_BOOL(0, "keep-data", struct reset_opts, keep_data,
		  "keep the cluster's state, images and certificates"),
	PLACE("data-dir", data_dir, "/var/lib/cube",
	      "as given to cube server; so are the following"),
	PLACE("run-dir", run_dir, "/run/cube", "sockets and state of what runs now"),
	PLACE("kubeconfig", kubeconfig, "/etc/kubernetes/admin.conf", "administrator's kubeconfig"),
	PLACE("cert-dir", pki_dir, "", "keys and certificates"),
	PLACE("manifest-dir", manifest_dir, "", "static pods"),
	PLACE("pod-log-dir", pod_log_dir, "/var/log/pods", "logs of pods' containers"),
	PLACE("pod-cidr", pod_cidr, "10.244.0.0/24", "addresses of this node's pods"),
	PLACE("service-cidr", service_cidr, "10.96.0.0/12", "addresses of services"),
	PLACE("bridge", bridge, "cube0", "bridge of this node's pods"),
	PLACE("nft-table", table, "cube", "packet-filter table of the service rules"),
	PLACE("cgroup-root", cgroup_root, "/", "parent of all cgroups made"),
	PLACE("oci-path", oci_path, "", "container runtime"),
	PLACE("store", store, "lmdb", "where the cluster's state is kept"),
	{ 0 },
};

const struct cmd cmd_reset = {
	.path = "reset",
	.args = "",
	.summary = "Remove everything that cube server made on this machine",
	.run = reset_run,
	.opts_size = sizeof(struct reset_opts),
	.flags = reset_flags,
};
