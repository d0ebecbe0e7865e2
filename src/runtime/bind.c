/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of bind mounts. In a user namespace the container's root may neither reach every path of the host nor map
 * ids: then the host's root opens them, before the clone; and those that only the container's mounts bring about when
 * their turn has come, in a process that has joined its mount namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "linux/process.h"
#include "runtime/bind_plan.h"
#include "runtime/rootfs.h"

static int source_path(const struct init *init, const struct oci_mount *m, char path[PATH_MAX], struct err *err)
{
	bool is_absolute;

	if (!m->source)
		return err_set(err, ERR_INVALID, "a bind mount needs a source");
	is_absolute = m->source[0] == '/';
	if (snprintf(path, PATH_MAX, "%s%s%s", is_absolute ? "" : init->bundle, is_absolute ? "" : "/", m->source) >=
	    PATH_MAX)
		return err_set(err, ERR_INVALID, "source is too long");
	return 0;
}

/* Detached copy of the source, with its ids mapped. Returns the descriptor. */
static int open_bind(struct init *init, const struct oci_mount *m, const struct mount_options *options,
		     struct err *err)
{
	char path[PATH_MAX];
	AUTO_FD tree = -1;

	if (source_path(init, m, path, err) < 0)
		return -1;
	tree = mount_clone(AT_FDCWD, path, options->is_recursive);
	if (tree < 0)
		return err_neg(err, tree, "source %s", path);
	if ((options->idmap || m->uid_mappings.count) && rootfs_idmap(init, m, tree, options->idmap_recursive, err) < 0)
		return -1;
	return fd_take(&tree);
}

static bool is_bind(const struct oci_mount *m, const struct mount_options *options)
{
	return options->is_bind || (m->type && strcmp(m->type, "bind") == 0);
}

/* What is mounted there is there only in the container, and not yet. */
static bool is_in_root(const struct init *init, const struct oci_mount *m)
{
	size_t len = strlen(init->rootfs);

	return m->source && strncmp(m->source, init->rootfs, len) == 0 && m->source[len] == '/';
}

int bind_open_all(struct init *init, struct err *err)
{
	const struct oci_list *mounts = &init->spec->mounts;
	char text[ROOTFS_OPTIONS_MAX];
	struct err inner;

	init->bind_fds = arena_array(init->arena, mounts->count + 1, sizeof(*init->bind_fds));
	for (size_t i = 0; i < mounts->count; i++)
		init->bind_fds[i] = -1;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct oci_mount *m = OCI_ITEM(*mounts, struct oci_mount, i);
		struct mount_options options = { 0 };

		if (rootfs_options(m, &options, text, err) < 0)
			return -1;
		if (!is_bind(m, &options) || is_in_root(init, m))
			continue;
		init->bind_fds[i] = open_bind(init, m, &options, &inner);
		/* an earlier mount may bring it: then it is asked for */
		if (init->bind_fds[i] < 0 && inner.os_errno != ENOENT) {
			*err = inner;
			return err_wrap(err, "mounts[%zu] (%.100s)", i, m->destination);
		}
	}
	return 0;
}

/* In the process that joins: the source as its message, or the error. */
static NORETURN void serve(struct init *init, const struct oci_mount *m, int pidfd, int sock)
{
	struct mount_options options = { 0 };
	char text[ROOTFS_OPTIONS_MAX];
	struct err err;
	AUTO_FD tree = -1;

	if (rootfs_options(m, &options, text, &err) == 0) {
		if (setns(pidfd, CLONE_NEWNS) < 0)
			err_os(&err, "join the container's mount namespace");
		else
			tree = open_bind(init, m, &options, &err);
	}
	if (tree < 0)
		init_fail(sock, &err);
	_exit(init_send(sock, INIT_GO, tree, &err) < 0);
}

/* The descriptor in a message of one byte, or the error in it. */
static int take_tree(int sock, int *ret_tree, struct err *err)
{
	char message[1 + sizeof(struct err)];
	size_t count = 0;
	AUTO_FD fd = -1;
	ssize_t got = fd_recv_fds(sock, message, sizeof(message), &fd, 1, &count, err);

	if (got < 0)
		return -1;
	if (got == sizeof(message) && message[0] == INIT_ERROR) {
		memcpy(err, message + 1, sizeof(*err));
		err->msg[sizeof(err->msg) - 1] = '\0';
		return -1;
	}
	if (count != 1)
		return err_set(err, ERR_INTERNAL, "nobody opened the source");
	*ret_tree = fd_take(&fd);
	return 0;
}

int bind_open_within(struct init *init, size_t index, int pidfd, int *ret_tree, struct err *err)
{
	const struct oci_list *mounts = &init->spec->mounts;
	int pair[2], status, failed, helper_fd = -1;
	pid_t pid;

	if (index >= mounts->count)
		return err_set(err, ERR_INTERNAL, "the container's first process asks for mounts[%zu]", index);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_os(err, "socketpair");
	pid = process_clone(0, -1, &helper_fd);
	if (pid == 0)
		serve(init, OCI_ITEM(*mounts, struct oci_mount, index), pidfd, pair[1]);
	close(pair[1]);
	failed = pid < 0 ? err_neg(err, pid, "make a process") : take_tree(pair[0], ret_tree, err);
	if (pid > 0 && process_wait(helper_fd, &status) < 0 && failed == 0)
		failed = err_os(err, "wait for the process that opened the source");
	fd_close(&helper_fd);
	close(pair[0]);
	return failed;
}

static int ask(const struct init *init, size_t index, struct err *err)
{
	char message[1 + sizeof(index)] = { INIT_BIND };
	int tree = -1;

	memcpy(message + 1, &index, sizeof(index));
	if (send(init->sock, message, sizeof(message), MSG_NOSIGNAL) < 0)
		return err_os(err, "ask for the source");
	if (take_tree(init->sock, &tree, err) < 0)
		_exit(125); /* the parent gave up and knows why */
	return tree;
}

int bind_source(struct init *init, const struct oci_mount *m, const struct mount_options *options, struct err *err)
{
	size_t index = (size_t)(m - OCI_ITEM(init->spec->mounts, struct oci_mount, 0));

	if (!init->bind_fds)
		return open_bind(init, m, options, err);
	return init->bind_fds[index] >= 0 ? fd_take(&init->bind_fds[index]) : ask(init, index, err);
}

int bind_set_flags(const struct init *init, const struct mount_options *options, int tree_fd, struct err *err)
{
	/* what the host's root opened for a user namespace is not locked yet, but would be if that had mounted it */
	bool is_locked = init->bind_fds != NULL;
	struct bind_plan plan;
	unsigned long present;
	int failed = mount_flags(tree_fd, &present);

	if (failed < 0)
		return err_neg(err, failed, "look at the flags of the source");
	if (!is_locked) {
		if (bind_plan(options, present, false, &plan, err) < 0)
			return -1;
		failed = mount_set(tree_fd, false, plan.set, plan.clear);
		if (failed != -EPERM)
			return failed < 0 ? err_neg(err, failed, "set the flags of the bind mount") : 0;
	}
	if (bind_plan(options, present, true, &plan, err) < 0)
		return err_wrap(err, "failed to set user-requested vfs flags on bind-mount");
	failed = mount_set(tree_fd, false, plan.set, plan.clear);
	return failed < 0 ? err_neg(err, failed, "set the flags of the bind mount") : 0;
}
