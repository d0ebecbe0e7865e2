/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cube reset`: takes away what `cube server` made on this machine: containers with their mounts,
 * cgroups and links, the bridge, packet-filter rules, files. Goes on after a step that failed, so
 * that as much as possible is gone, and says what is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "container/container.h"
#include "container/network.h"
#include "image/image.h"
#include "linux/cgroup.h"
#include "linux/netlink.h"
#include "loop/loop.h"
#include "main/reset.h"
#include "main/server.h"
#include "proxy/proxy.h"

#define SANDBOX_STOP_MS 2000

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
		note(r, err);
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

static void remove_containers(struct reset *r)
{
	struct str leases = path_join(r->arena, r->plan.run_dir, STR("leases"));
	struct network_options network_options = { .bridge = r->plan.bridge.ptr,
						   .subnet = r->plan.pods,
						   .prefix_len = r->plan.pods_prefix_len,
						   .lease_dir = leases.ptr };
	struct image_store_options image_options = { .data_dir = r->plan.data_dir.ptr };
	struct container_service_options options = { .data_dir = r->plan.data_dir.ptr,
						     .run_dir = r->plan.run_dir.ptr,
						     .oci_path = r->plan.oci_path.ptr,
						     .cgroup_root = r->plan.cgroup_root.ptr };
	struct start_task start = { .reset = r };
	struct network *network = NULL;
	struct image_store *images = NULL;
	struct err err = { 0 };

	r->loop = loop_new();
	network_options.env = image_options.env = options.env = loop_env(r->loop);
	if (network_open(&network_options, &network, &err) < 0 ||
	    image_store_open(&image_options, &images, &err) < 0) {
		note(r, &err);
	} else {
		options.network = network;
		options.images = images;
		if (container_service_open(&options, &r->containers, &err) < 0) {
			note(r, &err);
		} else {
			task_init(&start.task, remove_first);
			env_defer(options.env, &start.task);
			loop_run(r->loop);
			container_service_close(r->containers);
		}
	}
	if (images)
		image_store_close(images);
	network_close(network);
	loop_free(r->loop);
}

/* --- the rest --- */

static void remove_links(struct reset *r)
{
	struct err err = { 0 };
	struct netlink nl;
	int n = netlink_open(&nl, -1);

	if (n == 0) {
		n = netlink_link_delete(&nl, r->plan.bridge.ptr);
		netlink_close(&nl);
	}
	if (n < 0 && n != -ENODEV) {
		(void)err_neg(&err, n, "delete bridge %s", r->plan.bridge.ptr);
		note(r, &err);
	}
	if (proxy_remove_rules(r->plan.table.ptr, &err) < 0)
		note(r, &err);
}

static void remove_tree(struct reset *r, struct str path)
{
	struct err err = { 0 };

	if (fd_remove_tree(AT_FDCWD, path.ptr, &err) < 0)
		note(r, &err);
}

static void remove_files(struct reset *r)
{
	remove_tree(r, r->plan.run_dir);
	remove_tree(r, path_join(r->arena, r->plan.data_dir, STR("kubelet")));
	remove_tree(r, path_join(r->arena, r->plan.data_dir, STR("containers")));
	remove_tree(r, r->plan.pod_log_dir);
	if (r->opts->keep_data)
		return;
	remove_tree(r, r->plan.data_dir);
	remove_tree(r, r->plan.kubeconfig);
	remove_tree(r, r->plan.pki_dir);
	/* Only when empty: static pods in it are the user's. */
	if (rmdir(r->plan.manifest_dir.ptr) == 0)
		(void)rmdir(str_in(r->arena, path_dir(r->plan.kubeconfig)).ptr); /* likewise */
}

static int refuse_running(struct reset *r, struct err *err)
{
	struct str path = path_join(r->arena, r->plan.run_dir, STR("server.lock"));
	AUTO_FD fd = open(path.ptr, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_CONFLICT, "the server is running: stop it first (SIGTERM)");
	return 0;
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
	if (refuse_running(&r, err) < 0)
		return 1;
	if (access(r.plan.data_dir.ptr, F_OK) == 0)
		remove_containers(&r);
	remove_links(&r);
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
