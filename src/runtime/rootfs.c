/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's root: its file system, everything mounted into it, what is hidden and read-only, then pivot_root. All
 * targets are resolved beneath the root's descriptor before anything is mounted on them, and everything is done before
 * the pivot, where /proc, /dev/null and bind sources are still the host's and can be trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"
#include "linux/mounts.h"
#include "linux/process.h"
#include "linux/rootpath.h"
#include "runtime/hooks.h"
#include "runtime/host_root.h"
#include "runtime/init.h"
#include "runtime/label.h"
#include "runtime/rootfs.h"

#define MOUNTINFO_MAX (4u << 20)

/* "lowerdir=a:b,upperdir=…"; the bytes that mean something there are escaped. */
static int put_escaped(struct buf *b, const char *path, struct err *err)
{
	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "overlay: expected an absolute path, got \"%.200s\"", path);
	for (; *path; path++) {
		if (strchr("\\:,", *path))
			buf_put_char(b, '\\');
		buf_put_char(b, *path);
	}
	return 0;
}

static int mount_overlay(const struct overlay *o, const char *target, struct err *err)
{
	AUTO_BUF options = { 0 };

	buf_init(&options, ROOTFS_OPTIONS_MAX - 1);
	buf_put_c(&options, "lowerdir=");
	for (size_t i = 0; i < o->lower.count; i++) {
		if (i > 0)
			buf_put_char(&options, ':');
		if (put_escaped(&options, o->lower.items[i], err) < 0)
			return -1;
	}
	if (o->upper) {
		buf_put_c(&options, ",upperdir=");
		if (put_escaped(&options, o->upper, err) < 0)
			return -1;
		buf_put_c(&options, ",workdir=");
		if (put_escaped(&options, o->work ? o->work : "", err) < 0)
			return -1;
	}
	if (buf_check(&options, "overlay: the list of layers", err) < 0)
		return -1;
	if (mount("overlay", target, "overlay", 0, options.ptr) < 0)
		return err_os(err, "overlay: mount on %s", target);
	return 0;
}

static bool has_namespace(const struct init *init, uint64_t flag)
{
	if ((init->new_namespaces | init->unshare_later) & flag)
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++) {
		if (namespace_all[i] == flag && init->join_fds[i] >= 0)
			return true;
	}
	return false;
}

static bool has_root_path(const struct init *init)
{
	return init->overlay || (init->spec->root && init->spec->root->path);
}

/* Gives init->rootfs its file system and opens it. */
static int open_root(struct init *init, struct err *err)
{
	bool is_on_host = !has_namespace(init, CLONE_NEWNS);
	int fd;

	if (init->overlay) {
		if (mount_overlay(init->overlay, init->rootfs, err) < 0)
			return -1;
	} else if (init->is_sandbox && !has_root_path(init)) {
		if (mount("none", init->rootfs, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") < 0)
			return err_os(err, "mount an empty root on %s", init->rootfs);
	} else if (!is_on_host && (mount(init->rootfs, init->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0 ||
				   mount(NULL, init->rootfs, NULL, MS_PRIVATE, NULL) < 0)) {
		return err_os(err, "root.path: %s", init->rootfs);
	}
	fd = open(init->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_os(err, "root.path: %s", init->rootfs) : fd;
}

/* The mount that path lies on, in our namespace: where it is shared, a mount on top would show up on the host (and
 * pivot_root refuse it). */
static int make_parent_private(const char *path, struct err *err)
{
	char at[PATH_MAX];
	struct statx st;

	if (str_copy_to(str_from(path), at, sizeof(at)) < 0)
		return err_set(err, ERR_INVALID, "root.path: too long");
	for (;;) {
		char *slash = strrchr(at, '/');

		if (statx(AT_FDCWD, at, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st) < 0)
			return err_os(err, "root.path: %s", at);
		if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) || strcmp(at, "/") == 0)
			break;
		slash[slash == at ? 1 : 0] = '\0';
	}
	return mount(NULL, at, NULL, MS_PRIVATE, NULL) < 0 ? err_os(err, "make %s private", at) : 0;
}

int rootfs_options(const struct oci_mount *m, struct mount_options *options, char text[ROOTFS_OPTIONS_MAX],
		   struct err *err)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < m->options.count; i++) {
		const char *one = m->options.items[i];

		if (mount_option_parse(one, options))
			continue;
		if (len + strlen(one) + 2 > ROOTFS_OPTIONS_MAX)
			return err_set(err, ERR_TOO_LARGE, "options are longer than %d bytes", ROOTFS_OPTIONS_MAX);
		len += (size_t)snprintf(text + len, ROOTFS_OPTIONS_MAX - len, "%s%s", len ? "," : "", one);
	}
	return 0;
}

/* SELinux: what is mounted for this container only gets its label; these types take it another way or not at all. */
static int add_label(const struct init *init, const struct oci_mount *m, char *text, struct err *err)
{
	static const char *const without[] = { "proc", "sysfs", "mqueue", "cgroup", "cgroup2" };

	for (size_t i = 0; i < ARRAY_COUNT(without); i++) {
		if (strcmp(m->type, without[i]) == 0)
			return 0;
	}
	return label_add_option(init->spec, text, ROOTFS_OPTIONS_MAX, err);
}

/* A tmpfs takes over the mode of the folder it covers, unless it was given one. */
static int add_mode(int root_fd, const struct oci_mount *m, char *text, struct err *err)
{
	size_t len = strlen(text);
	struct stat st;

	if (strcmp(m->type, "tmpfs") != 0 || strncmp(text, "mode=", 5) == 0 || strstr(text, ",mode="))
		return 0;
	AUTO_FD fd = rootpath_open(root_fd, m->destination, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0; /* to be made, with a tmpfs's own mode */
	if (len + sizeof(",mode=7777") > ROOTFS_OPTIONS_MAX)
		return err_set(err, ERR_TOO_LARGE, "options are longer than %d bytes", ROOTFS_OPTIONS_MAX);
	snprintf(text + len, ROOTFS_OPTIONS_MAX - len, "%smode=%o", len ? "," : "", st.st_mode & 07777u);
	return 0;
}

/* Options of a kind of mount that has no use for them would otherwise be lost without a word. */
static int check_options(const struct oci_mount *m, const struct mount_options *options, bool is_bind, struct err *err)
{
	bool is_tmpfs = m->type && strcmp(m->type, "tmpfs") == 0;

	if (!is_bind && (options->idmap || m->uid_mappings.count))
		return err_set(err, ERR_UNSUPPORTED, "ids can be mapped for bind mounts only");
	if (options->copy_up && (is_bind || !is_tmpfs))
		return err_set(err, ERR_UNSUPPORTED, "tmpcopyup is for tmpfs only");
	return 0;
}

/* With words for the file system itself the old call is needed: it changes both. */
static int remount(int root_fd, const struct oci_mount *m, const struct mount_options *options, const char *text,
		   struct err *err)
{
	char target[ROOTPATH_PROC_BYTES];
	int failed;

	AUTO_FD fd = rootpath_open(root_fd, m->destination, O_PATH, 0);
	if (fd < 0)
		return err_neg(err, fd, "remount");
	if (text[0] && mount(NULL, rootpath_proc(fd, target), NULL, options->flags, text) < 0)
		return err_os(err, "remount");
	failed = mount_set(fd, false, options->attr_set, options->attr_clear);
	return failed < 0 ? err_neg(err, failed, "remount") : 0;
}

/* Where a new file system goes. A proc or sysfs that lands elsewhere through a link would stay unmasked. */
static int open_target(int root_fd, const struct oci_mount *m, bool is_file, struct err *err)
{
	bool strict = m->type && (strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0) &&
		      defence(DEFENCE_PROC_TARGET);
	int fd = strict ? rootpath_open_plain(root_fd, m->destination) : -ENOENT;

	if (fd >= 0)
		return fd;
	if (fd != -ELOOP) {
		fd = is_file ? rootpath_make_file(root_fd, m->destination, 0755) :
			       rootpath_make_dir(root_fd, m->destination, 0755);
		if (fd < 0)
			return err_neg(err, fd, "make %s in the root", m->destination);
		if (!strict)
			return fd;
		close(fd);
		fd = rootpath_open_plain(root_fd, m->destination);
	}
	return fd < 0 ? err_set(err, ERR_INVALID, "filesystem \"%s\" must be mounted on ordinary directory",
				m->type) : fd;
}

/* mqueue has labels, and no option for them. */
static int label_queues(const struct init *init, int root_fd, const struct oci_mount *m, struct err *err)
{
	if (strcmp(m->type, "mqueue") != 0)
		return 0;
	AUTO_FD fd = rootpath_open(root_fd, m->destination, O_PATH, 0);
	return fd < 0 ? err_neg(err, fd, "reopen %s", m->destination) : label_set_file(init->spec, fd, err);
}

static int finish_mount(int root_fd, const struct oci_mount *m, const struct mount_options *options, struct err *err)
{
	int failed;

	if (!options->propagation && !options->rec_attr_set && !options->rec_attr_clear)
		return 0;
	AUTO_FD fd = rootpath_open(root_fd, m->destination, O_PATH, 0);
	if (fd < 0)
		return err_neg(err, fd, "reopen %s", m->destination);
	failed = mount_set(fd, true, options->rec_attr_set, options->rec_attr_clear);
	if (failed == 0 && options->propagation)
		failed = mount_set_propagation(fd, options->propagation);
	return failed < 0 ? err_neg(err, failed, "set options") : 0;
}

static int mount_bind(struct init *init, int root_fd, const struct oci_mount *m, const struct mount_options *options,
		      struct err *err)
{
	struct stat st;
	int failed;

	AUTO_FD tree = bind_source(init, m, options, err);
	if (tree < 0)
		return -1;
	if (fstat(tree, &st) < 0)
		return err_os(err, "source %s", m->source);
	AUTO_FD target = open_target(root_fd, m, !S_ISDIR(st.st_mode), err);
	if (target < 0)
		return -1;
	if (bind_set_flags(init, options, tree, err) < 0)
		return -1;
	failed = mount_set(tree, true, options->rec_attr_set, options->rec_attr_clear);
	/* without a word in the options a bind shares nothing with the host */
	if (failed == 0)
		failed = mount_set_propagation(tree, options->propagation ? options->propagation : MS_PRIVATE | MS_REC);
	if (failed == 0)
		failed = mount_attach(tree, target);
	return failed < 0 ? err_neg(err, failed, "bind %s", m->source) : 0;
}

/* A container without cgroups of its own, as users without privileges have them, sees those that it was started in. */
static int open_cgroup(const struct init *init, enum cgroup_controller controller)
{
	return init->cgroup ? cgroup_reopen(init->cgroup, controller) : cgroup_open_own(controller);
}

static int mount_controller(const struct init *init, enum cgroup_controller controller, int dir,
			    const struct mount_options *options)
{
	const char *name = controller == CGROUP_SYSTEMD ? "none,name=systemd" : cgroup_name(controller);
	int failed;

	if (init->unshare_later & CLONE_NEWCGROUP)
		return controller == CGROUP_UNIFIED ? mount_fs("cgroup2", "cgroup", dir, options->flags, NULL)
						    : mount_fs("cgroup", "cgroup", dir, options->flags, name);
	AUTO_FD here = open_cgroup(init, controller);
	AUTO_FD tree = here < 0 ? here : mount_clone(here, "", false);
	failed = tree < 0 ? tree : mount_set(tree, false, options->attr_set, 0);
	return failed < 0 ? failed : mount_attach(tree, dir);
}

static bool has_controller(const struct init *init, enum cgroup_controller controller)
{
	if (init->cgroup)
		return init->cgroup->dir_fds[controller] >= 0;
	AUTO_FD own = cgroup_open_own(controller);
	return own >= 0;
}

static int mount_cgroup_v1(struct init *init, int root_fd, const struct oci_mount *m,
			   const struct mount_options *options, struct err *err)
{
	char sub[PATH_MAX], text[ROOTFS_OPTIONS_MAX];
	int failed;

	snprintf(text, sizeof(text), "mode=755,size=64k");
	AUTO_FD target = open_target(root_fd, m, false, err);
	if (target < 0 || label_add_option(init->spec, text, sizeof(text), err) < 0)
		return -1;
	failed = mount_fs("tmpfs", "tmpfs", target, options->flags & ~(unsigned long)MS_RDONLY, text);
	if (failed < 0)
		return err_neg(err, failed, "mount a tmpfs");
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		const char *name = cgroup_name((enum cgroup_controller)i);

		if (!has_controller(init, (enum cgroup_controller)i))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", m->destination, name);
		AUTO_FD dir = rootpath_make_dir(root_fd, sub, 0755);
		if (dir < 0)
			return err_neg(err, dir, "make %s in the root", sub);
		failed = mount_controller(init, (enum cgroup_controller)i, dir, options);
		/* what is not the container's is shown as far as the host lets us */
		if (failed < 0 && init->cgroup)
			return err_neg(err, failed, "mount controller %s", name);
	}
	if (options->flags & MS_RDONLY) {
		AUTO_FD top = rootpath_open(root_fd, m->destination, O_PATH, 0);

		failed = mount_set(top, false, MOUNT_ATTR_RDONLY, 0);
		if (failed < 0)
			return err_neg(err, failed, "make it read-only");
	}
	return 0;
}

static int mount_cgroup(struct init *init, int root_fd, const struct oci_mount *m, const struct mount_options *options,
			struct err *err)
{
	bool is_v2 = init->cgroup ? init->cgroup->is_v2 : cgroup_host_is_v2();
	int failed;

	if (!is_v2)
		return mount_cgroup_v1(init, root_fd, m, options, err);
	AUTO_FD target = open_target(root_fd, m, false, err);
	if (target < 0)
		return -1;
	if (init->unshare_later & CLONE_NEWCGROUP) {
		failed = mount_fs("cgroup2", "cgroup", target, options->flags, NULL);
		if (failed == 0)
			return 0;
	}
	AUTO_FD here = open_cgroup(init, CGROUP_UNIFIED);
	AUTO_FD tree = here < 0 ? here : mount_clone(here, "", false);
	failed = tree < 0 ? tree : mount_set(tree, false, options->attr_set, options->attr_clear);
	if (failed == 0)
		failed = mount_attach(tree, target);
	if (failed < 0 && !init->cgroup)
		return mount_cgroup_v1(init, root_fd, m, options, err); /* an empty folder */
	return failed < 0 ? err_neg(err, failed, "mount cgroup2") : 0;
}

/* A sysfs of our own needs a network namespace of our own: without one, the host's is shown. */
static int mount_host_sys(int root_fd, const struct oci_mount *m, const struct mount_options *options, struct err *err)
{
	int failed;

	AUTO_FD target = open_target(root_fd, m, false, err);
	if (target < 0)
		return -1;
	AUTO_FD tree = mount_clone(AT_FDCWD, "/sys", true);
	/* cgroups lie beneath, and some may be the user's (CVE-2023-25809) */
	failed = tree < 0 ? tree : mount_set(tree, true, options->attr_set, options->attr_clear);
	if (failed == 0)
		failed = mount_set_propagation(tree, MS_PRIVATE | MS_REC);
	if (failed == 0)
		failed = mount_attach(tree, target);
	return failed < 0 ? err_neg(err, failed, "bind /sys") : 0;
}

static bool is_dev(const struct oci_mount *m)
{
	struct str path = str_from(m->destination);

	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	return str_eq_c(path, "/dev");
}

static int protect_dev(const struct init *init, int root_fd, struct err *err)
{
	int failed;

	if (!init->dev_is_readonly)
		return 0;
	AUTO_FD dev = rootpath_open(root_fd, "/dev", O_PATH, 0);
	failed = dev < 0 ? dev : mount_set(dev, false, MOUNT_ATTR_RDONLY, 0);
	return failed < 0 ? err_neg(err, failed, "make /dev read-only") : 0;
}

static int mount_one(struct init *init, int root_fd, const struct oci_mount *m, struct err *err)
{
	struct mount_options options = { 0 };
	char text[ROOTFS_OPTIONS_MAX];
	bool is_bind;
	int failed;

	if (rootfs_options(m, &options, text, err) < 0)
		return -1;
	is_bind = options.is_bind || (m->type && strcmp(m->type, "bind") == 0);
	if (check_options(m, &options, is_bind, err) < 0)
		return -1;
	/* once the nodes are in it and what is mounted beneath */
	if ((options.flags & MS_RDONLY) && is_dev(m)) {
		init->dev_is_readonly = true;
		options.flags &= ~(unsigned long)MS_RDONLY;
		options.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	if (is_bind)
		return mount_bind(init, root_fd, m, &options, err);
	if (options.flags & MS_REMOUNT)
		return remount(root_fd, m, &options, text, err);
	if (!m->type || !m->type[0])
		return err_set(err, ERR_INVALID, "type: required field is missing");
	if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0) {
		if (!defence(DEFENCE_CGROUP_READONLY)) {
			options.flags &= ~(unsigned long)MS_RDONLY;
			options.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		}
		if (mount_cgroup(init, root_fd, m, &options, err) < 0)
			return -1;
		return finish_mount(root_fd, m, &options, err);
	}
	if (add_label(init, m, text, err) < 0 || add_mode(root_fd, m, text, err) < 0)
		return -1;
	AUTO_FD target = open_target(root_fd, m, false, err);
	if (target < 0)
		return -1;
	if (options.copy_up)
		return rootfs_tmpfs_copy(root_fd, m, &options, text, err);
	failed = mount_fs(m->type, m->source ? m->source : m->type, target, options.flags, text[0] ? text : NULL);
	if (failed == -EPERM && strcmp(m->type, "sysfs") == 0)
		return mount_host_sys(root_fd, m, &options, err);
	if (failed < 0)
		return err_neg(err, failed, "mount %s", m->type);
	if (label_queues(init, root_fd, m, err) < 0)
		return -1;
	return finish_mount(root_fd, m, &options, err);
}

static int mask_path(struct init *init, int root_fd, const char *path, int *first_dir_fd, struct err *err)
{
	char null_path[ROOTPATH_PROC_BYTES], target[ROOTPATH_PROC_BYTES];
	struct stat st;
	int failed;

	AUTO_FD fd = rootpath_open(root_fd, path, O_PATH, 0);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)
		return 0;
	if (fd < 0)
		return err_neg(err, fd, "linux.maskedPaths: %s", path);
	if (fstat(fd, &st) < 0)
		return err_os(err, "linux.maskedPaths: %s", path);
	rootpath_proc(fd, target);
	if (!S_ISDIR(st.st_mode)) {
		AUTO_FD image_null = defence(DEFENCE_NULL_DEVICE) ? -1 : rootpath_open(root_fd, "/dev/null", O_PATH, 0);

		rootpath_proc(image_null >= 0 ? image_null : init->null_fd, null_path);
		failed = mount(null_path, target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
	} else if (*first_dir_fd >= 0) {
		/* one empty file system does for all of them */
		failed = mount(rootpath_proc(*first_dir_fd, null_path), target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
	} else {
		char text[ROOTFS_OPTIONS_MAX];

		snprintf(text, sizeof(text), "size=0k,nr_inodes=1");
		if (label_add_option(init->spec, text, sizeof(text), err) < 0)
			return -1;
		failed = mount_fs("tmpfs", "tmpfs", fd, MS_RDONLY, text);
		*first_dir_fd = rootpath_open(root_fd, path, O_PATH, 0);
	}
	return failed < 0 ? err_neg(err, failed, "linux.maskedPaths: %s", path) : 0;
}

static int readonly_path(int root_fd, const char *path, struct err *err)
{
	int failed;

	AUTO_FD fd = rootpath_open(root_fd, path, O_PATH, 0);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)
		return 0;
	if (fd < 0)
		return err_neg(err, fd, "linux.readonlyPaths: %s", path);
	AUTO_FD tree = mount_clone(fd, "", true);
	failed = tree < 0 ? tree : mount_set(tree, true, MOUNT_ATTR_RDONLY, 0);
	if (failed == 0)
		failed = mount_attach(tree, fd);
	return failed < 0 ? err_neg(err, failed, "linux.readonlyPaths: %s", path) : 0;
}

static int hide_paths(struct init *init, int root_fd, struct err *err)
{
	const struct oci_linux *l = init->spec->linux_part;
	AUTO_FD first_dir = -1;

	for (size_t i = 0; i < l->readonly_paths.count; i++) {
		if (readonly_path(root_fd, l->readonly_paths.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < l->masked_paths.count; i++) {
		if (mask_path(init, root_fd, l->masked_paths.items[i], &first_dir, err) < 0)
			return -1;
	}
	return 0;
}

/* "net.ipv4.conf.eth0/1.rp_filter" has the dot of the name as a slash. "//" would be the way up, and out of what the
 * key's first part stands for. */
static int sysctl_path(const char *key, char *path, size_t bytes, struct err *err)
{
	struct str rest, name;

	if (snprintf(path, bytes, "sys/%s", key) >= (int)bytes)
		return err_set(err, ERR_INVALID, "linux.sysctl: \"%.200s\" is too long", key);
	for (char *c = path + 4; *c; c++) {
		if (*c == '.')
			*c = '/';
		else if (*c == '/')
			*c = '.';
	}
	rest = str_from(path);
	while (str_next_part(&rest, '/', &name)) {
		if (str_eq_c(name, "..") && defence(DEFENCE_SYSCTL_NAME))
			return err_set(err, ERR_INVALID,
				       "linux.sysctl: \"%.200s\" is not in a separate kernel namespace", key);
	}
	return 0;
}

/* Through the host's /proc: what a key stands for is decided by the namespaces of who writes. */
static int set_sysctls(struct init *init, struct err *err)
{
	static const struct {
		char prefix[16];
		uint64_t namespace;
	} owners[] = {
		{ "net.", CLONE_NEWNET },
		{ "fs.mqueue.", CLONE_NEWIPC },
		{ "kernel.msg", CLONE_NEWIPC },
		{ "kernel.sem", CLONE_NEWIPC },
		{ "kernel.shm", CLONE_NEWIPC },
		{ "kernel.auto_msg", CLONE_NEWIPC },
		{ "kernel.domainna", CLONE_NEWUTS },
		{ "kernel.hostname", CLONE_NEWUTS },
	};
	char path[300];

	for (size_t i = 0; i < init->spec->linux_part->sysctl.count; i++) {
		const struct oci_pair *pair = &init->spec->linux_part->sysctl.items[i];
		uint64_t namespace = 0;
		struct err inner;

		for (size_t k = 0; k < ARRAY_COUNT(owners); k++) {
			if (strncmp(pair->key, owners[k].prefix, strnlen(owners[k].prefix, 15)) == 0)
				namespace = owners[k].namespace;
		}
		if (strcmp(pair->key, "kernel.hostname") == 0)
			return err_set(err, ERR_INVALID,
				       "linux.sysctl: \"kernel.hostname\" is not allowed as it conflicts with the OCI "
				       "\"hostname\" field");
		if (!namespace || !has_namespace(init, namespace))
			return err_set(
				err, ERR_INVALID,
				"linux.sysctl: \"%.200s\" is not in a separate kernel namespace",
				pair->key);
		if (sysctl_path(pair->key, path, sizeof(path), err) < 0)
			return -1;
		if (fd_write_file(init->program.host_proc_fd, path, str_from(pair->value), &inner) < 0)
			return err_set(err, ERR_INVALID, "linux.sysctl: \"%.200s\": %s", pair->key, inner.msg);
	}
	return 0;
}

static int run_hooks(struct init *init, struct err *err)
{
	const struct oci_hooks *hooks = init->spec->hooks;
	char answer;

	if (init->has_hooks_before_pivot) {
		if (init_send(init->sock, INIT_HOOKS, -1, err) < 0)
			return -1;
		if (recv(init->sock, &answer, 1, 0) != 1 || answer != INIT_GO)
			_exit(125); /* the parent gave up and knows why */
	}
	if (!hooks || hooks->create_container.count == 0)
		return 0;
	return hooks_run(&hooks->create_container,
			 &(struct hooks_occasion){ .name = "createContainer",
						   .cwd = init->rootfs, /* as runc has it */
						   .state = init_state(init, CONTAINER_CREATING) },
			 err);
}

/* The path in a row of mountinfo: bytes that would end it are written in octal (proc(5)). */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		bool octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3];

		*to = octal ? (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0')) : *from;
		from += octal ? 4 : 1;
	}
	*to = '\0';
}

/* Without pivot_root the host's mounts stay in the namespace, out of reach but not without effect: as long as one sees
 * all of a proc or sysfs, a user namespace inside may mount it once more, without what we masked. */
static int hide_host_mounts(struct init *init, struct err *err)
{
	size_t root_len = strlen(init->rootfs);
	struct str rest, line, before, after, type;
	AUTO_BUF text = { 0 };

	buf_init(&text, MOUNTINFO_MAX);
	if (fd_read_file(init->program.host_proc_fd, "self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	rest = buf_str(&text);
	while (str_next_part(&rest, '\n', &line)) {
		char path[PATH_MAX];
		struct str field = { 0 };
		const char *dash = memmem(line.ptr, line.len, " - ", 3);

		if (!dash)
			continue;
		before = str_sub(line.ptr, (size_t)(dash - line.ptr));
		after = str_sub(dash + 3, line.len - before.len - 3);
		for (int i = 0; i < 5; i++) {
			if (!str_next_part(&before, ' ', &field))
				break;
		}
		if (!str_next_part(&after, ' ', &type) || (!str_eq_c(type, "proc") && !str_eq_c(type, "sysfs")) ||
		    str_copy_to(field, path, sizeof(path)) < 0)
			continue;
		unescape(path);
		if (strncmp(path, init->rootfs, root_len) == 0 && (path[root_len] == '/' || !path[root_len]))
			continue;
		if (umount2(path, MNT_DETACH) < 0 && errno != ENOENT && errno != EINVAL &&
		    mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k,nr_inodes=1") < 0)
			return err_os(err, "hide %s of the host", path);
	}
	return 0;
}

static int make_root(struct init *init, int root_fd, struct err *err)
{
	const char *text = init->spec->linux_part->rootfs_propagation;
	int failed;

	if (!has_namespace(init, CLONE_NEWNS)) {
		if (host_root_enter(root_fd, err) < 0)
			return -1;
	} else if (init->no_pivot) {
		if (defence(DEFENCE_HOST_MOUNTS) && hide_host_mounts(init, err) < 0)
			return -1;
		if (fchdir(root_fd) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
		    chroot(".") < 0 || chdir("/") < 0)
			return err_os(err, "move the root");
	} else {
		failed = mount_pivot(root_fd);
		if (failed < 0)
			return err_neg(err, failed, "pivot_root");
	}
	if (text && mount(NULL, "/", NULL, mount_propagation(text), NULL) < 0)
		return err_os(err, "linux.rootfsPropagation: %s", text);
	if ((init->spec->root && init->spec->root->readonly) || (init->is_sandbox && !has_root_path(init))) {
		failed = 0;
		AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		failed = mount_set(root, false, MOUNT_ATTR_RDONLY, 0);
		if (failed < 0)
			return err_neg(err, failed, "root.readonly");
	}
	return 0;
}

/* Of all that the new namespace has from the host. */
static int set_propagation(const struct init *init, unsigned long propagation, struct err *err)
{
	/* what may not be bound could not become a root either: that comes when the root is made */
	if (mount(NULL, "/", NULL, MS_REC | (propagation & MS_UNBINDABLE ? MS_PRIVATE : propagation), NULL) < 0)
		return err_os(err, "change the propagation of /");
	/* Single mounts may be shared with the host, what we build for the container never. */
	if ((propagation & MS_SHARED) && make_parent_private(init->rootfs, err) < 0)
		return -1;
	return 0;
}

int rootfs_setup(struct init *init, struct err *err)
{
	const struct oci_spec *spec = init->spec;
	const char *text = spec->linux_part->rootfs_propagation;
	unsigned long propagation = text ? mount_propagation(text) : MS_SLAVE | MS_REC;

	if (!propagation)
		return err_set(err, ERR_INVALID, "linux.rootfsPropagation: unknown \"%.40s\"", text);
	if (has_namespace(init, CLONE_NEWNS) && set_propagation(init, propagation, err) < 0)
		return -1;
	/* descriptors from before the clone belong to the host's mounts, which cannot be bound from here */
	AUTO_FD null = open("/dev/null", O_PATH | O_CLOEXEC);
	struct stat st;

	if (null < 0 || fstat(null, &st) < 0)
		return err_os(err, "open /dev/null");
	/* in a mount namespace that others have had before us it may be anything */
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(err, ERR_FORBIDDEN, "/dev/null is not the null device");
	init->null_fd = null;
	AUTO_FD root = open_root(init, err);
	if (root < 0)
		return -1;
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const struct oci_mount *m = OCI_ITEM(spec->mounts, struct oci_mount, i);

		if (mount_one(init, root, m, err) < 0)
			return err_wrap(err, "mounts[%zu] (%.100s)", i, m->destination);
	}
	if (!init->is_sandbox || has_root_path(init)) {
		if (device_make_all(init, root, err) < 0 || console_setup(init, root, err) < 0 ||
		    protect_dev(init, root, err) < 0)
			return -1;
	}
	if (set_sysctls(init, err) < 0)
		return -1;
	if (!init->is_sandbox && spec->process) {
		AUTO_FD cwd = rootpath_make_dir(root, spec->process->cwd, 0755);

		if (cwd < 0 && defence(DEFENCE_WORKING_FOLDER))
			return err_neg(err, cwd, "process.cwd: make %s", spec->process->cwd);
	}
	if (hide_paths(init, root, err) < 0 || run_hooks(init, err) < 0)
		return -1;
	return make_root(init, root, err);
}
