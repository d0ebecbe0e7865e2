/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and links in /dev, and the terminal. Where mknod is refused (user namespaces) the host's node is bound instead.
 * Declared in init.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"
#include "linux/mounts.h"
#include "linux/rootpath.h"
#include "linux/terminal.h"
#include "runtime/init.h"

static const struct {
	char name[8];
	unsigned char major, minor;
} default_devices[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "tty", 5, 0 }, { "random", 1, 8 }, { "urandom", 1, 9 },
};
static const struct {
	char name[8], target[16];
} links[] = {
	{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" },
};

const char *device_default_path(size_t index)
{
	static const char paths[ARRAY_COUNT(default_devices)][13] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom",
	};

	return index < ARRAY_COUNT(default_devices) ? paths[index] : NULL;
}

static int bind_node(int root_fd, const char *path, const char *host_path, struct err *err)
{
	int failed;

	AUTO_FD target = rootpath_make_file(root_fd, path, 0666);
	if (target < 0)
		return err_neg(err, target, "make %s", path);
	AUTO_FD tree = mount_clone(AT_FDCWD, host_path, false);
	failed = tree < 0 ? tree : mount_attach(tree, target);
	return failed < 0 ? err_neg(err, failed, "bind %s", host_path) : 0;
}

static mode_t node_type(const struct oci_device *d)
{
	return d->type[0] == 'b' ? S_IFBLK : d->type[0] == 'p' ? S_IFIFO : S_IFCHR;
}

static dev_t node_number(const struct oci_device *d)
{
	return d->type[0] == 'p' ? 0 : makedev((unsigned)d->major.value, (unsigned)d->minor.value);
}

static mode_t node_mode(const struct oci_device *d)
{
	return node_type(d) | (mode_t)(d->file_mode.is_set ? d->file_mode.value & 07777 : 0666);
}

/* What the ids of the container are outside of it. */
static int host_id(const struct oci_list *maps, const struct oci_u64 *id, unsigned *ret, const char *field,
		   struct err *err)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *map = OCI_ITEM(*maps, struct oci_id_map, i);

		if (id->value >= map->container_id.value && id->value - map->container_id.value < map->size.value) {
			*ret = (unsigned)(map->host_id.value + (id->value - map->container_id.value));
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "%s: %llu is not mapped into the user namespace", field,
		       (unsigned long long)id->value);
}

static int open_node(const struct init *init, int nodes_fd, size_t index, struct err *err)
{
	const struct oci_linux *l = init->spec->linux_part;
	const struct oci_device *d = OCI_ITEM(l->devices, struct oci_device, index);
	unsigned uid = 0, gid = 0;
	char name[24];

	snprintf(name, sizeof(name), "%zu", index);
	if (host_id(&l->uid_mappings, &d->uid, &uid, "uid", err) < 0 ||
	    host_id(&l->gid_mappings, &d->gid, &gid, "gid", err) < 0)
		return -1;
	if (mknodat(nodes_fd, name, node_mode(d), node_number(d)) < 0 ||
	    fchownat(nodes_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(nodes_fd, name, node_mode(d) & 07777, 0) < 0) /* as written, whatever our umask is */
		return err_os(err, "make device %s", d->path);
	init->device_fds[index] = mount_clone(nodes_fd, name, false);
	return 0; /* < 0 before Linux 6.15: the host's node is bound, where there is one */
}

/* Nodes on a file system that a user namespace mounts cannot be opened: they come from one of ours, and from there into
 * the container as mounts. */
int device_open_all(struct init *init, struct err *err)
{
	const struct oci_list *devices = &init->spec->linux_part->devices;

	if (devices->count == 0)
		return 0;
	AUTO_FD nodes = mount_detached("tmpfs");
	if (nodes < 0)
		return err_neg(err, nodes, "linux.devices: a place to make them");
	init->device_fds = arena_array(init->arena, devices->count, sizeof(*init->device_fds));
	for (size_t i = 0; i < devices->count; i++)
		init->device_fds[i] = -1;
	for (size_t i = 0; i < devices->count; i++) {
		if (open_node(init, nodes, i, err) < 0)
			return err_wrap(err, "linux.devices[%zu]", i);
	}
	return 0;
}

static int attach_node(int root_fd, const char *path, int tree_fd, struct err *err)
{
	int failed;

	AUTO_FD target = rootpath_make_file(root_fd, path, 0666);
	if (target < 0)
		return err_neg(err, target, "make %s", path);
	failed = mount_attach(tree_fd, target);
	return failed < 0 ? err_neg(err, failed, "mount %s", path) : 0;
}

static int make_node(int root_fd, const struct oci_device *d, const char *path, struct err *err)
{
	mode_t type = node_type(d);
	dev_t dev = node_number(d);
	struct stat st;
	const char *name;

	AUTO_FD dir = rootpath_parent(root_fd, path, &name);
	if (dir < 0)
		return err_neg(err, dir, "make the folder of %s", path);
	if (mknodat(dir, name, node_mode(d), dev) < 0) {
		if (errno == EPERM)
			return bind_node(root_fd, path, path, err);
		if (errno != EEXIST)
			return err_os(err, "make device %s", path);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != type ||
		    (type != S_IFIFO && st.st_rdev != dev))
			return err_set(err, ERR_EXISTS, "%s exists and is something else", path);
	}
	if ((d->uid.value || d->gid.value) &&
	    fchownat(dir, name, (uid_t)d->uid.value, (gid_t)d->gid.value, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, "change the owner of %s", path);
	return 0;
}

static int make_one(struct init *init, int root_fd, size_t index, struct err *err)
{
	const struct oci_device *d = OCI_ITEM(init->spec->linux_part->devices, struct oci_device, index);
	size_t len = strlen(d->path);
	char path[PATH_MAX];

	while (len > 1 && d->path[len - 1] == '/')
		len--;
	if (len >= sizeof(path))
		return err_set(err, ERR_INVALID, "path: longer than %d bytes", PATH_MAX - 1);
	memcpy(path, d->path, len);
	path[len] = '\0';
	/* engines list the host's for --privileged; here it is the link to the container's own terminals */
	if (strcmp(path, "/dev/ptmx") == 0)
		return 0;
	if (init->device_fds && init->device_fds[index] >= 0)
		return attach_node(root_fd, path, init->device_fds[index], err);
	if (init->program.has_userns)
		return bind_node(root_fd, path, path, err);
	return make_node(root_fd, d, path, err);
}

/* The usual six; nodes that the root file system brings along stay, and concern its own programs alone. */
static int make_defaults(struct init *init, int root_fd, bool bind, struct err *err)
{
	AUTO_FD dev = rootpath_make_dir(root_fd, "/dev", 0755);
	mode_t old = umask(0);
	int failed = 0;
	char path[16] = "/dev/";

	if (dev < 0) {
		umask(old);
		return err_neg(err, dev, "make /dev");
	}
	for (size_t i = 0; i < ARRAY_COUNT(default_devices) && failed == 0; i++) {
		memcpy(path + 5, default_devices[i].name, sizeof(default_devices[i].name));
		if (!bind && mknodat(dev, path + 5, S_IFCHR | 0666,
				     makedev(default_devices[i].major, default_devices[i].minor)) == 0)
			continue;
		if (bind || errno == EPERM)
			failed = bind_node(root_fd, path, path, err);
		else if (errno != EEXIST)
			failed = err_os(err, "make device %s", path);
	}
	for (size_t i = 0; i < ARRAY_COUNT(links) && failed == 0; i++) {
		if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
			failed = err_os(err, "make /dev/%s", links[i].name);
	}
	umask(old);
	return failed;
}

int device_make_all(struct init *init, int root_fd, struct err *err)
{
	const struct oci_linux *l = init->spec->linux_part;
	bool bind = init->program.has_userns;
	mode_t old;
	int failed = 0;

	/* A /dev that was bound from the host has all it is to have. */
	for (size_t i = 0; i < init->spec->mounts.count; i++) {
		const struct oci_mount *m = OCI_ITEM(init->spec->mounts, struct oci_mount, i);

		if (strcmp(m->destination, "/dev") == 0 && m->type && strcmp(m->type, "tmpfs") != 0)
			return 0;
	}
	if (make_defaults(init, root_fd, bind, err) < 0)
		return -1;
	old = umask(0);
	for (size_t i = 0; i < l->devices.count && failed == 0; i++) {
		failed = make_one(init, root_fd, i, err);
		if (failed < 0)
			err_wrap(err, "linux.devices[%zu]", i);
	}
	umask(old);
	return failed;
}

int console_setup(struct init *init, int root_fd, struct err *err)
{
	const struct oci_process *p = init->spec->process;
	struct statfs fs;
	int failed;
	AUTO_FD master = -1;
	AUTO_FD slave = -1;

	if (init->is_sandbox || !p || !p->terminal)
		return 0;
	AUTO_FD pts = rootpath_open(root_fd, "/dev/pts", O_PATH | O_DIRECTORY, 0);
	if (pts < 0 || fstatfs(pts, &fs) < 0 || (fs.f_type != DEVPTS_SUPER_MAGIC && defence(DEFENCE_TERMINAL)))
		return err_set(err, ERR_INVALID, "process.terminal: needs a mount of type devpts on /dev/pts");
	failed = terminal_open(pts, "ptmx", &master, &slave);
	if (failed == 0 && init->relays_terminal)
		failed = terminal_keep_newlines(slave);
	if (failed < 0)
		return err_neg(err, failed, "process.terminal");
	if (p->console_size) {
		failed = terminal_resize(master, (uint16_t)p->console_size->height.value,
					 (uint16_t)p->console_size->width.value);
		if (failed < 0)
			return err_neg(err, failed, "process.consoleSize");
	}
	AUTO_FD target = rootpath_make_file(root_fd, "/dev/console", 0620);
	if (target < 0)
		return err_neg(err, target, "make /dev/console");
	AUTO_FD tree = mount_clone(slave, "", false);
	failed = tree < 0 ? tree : mount_attach(tree, target);
	if (failed < 0)
		return err_neg(err, failed, "bind /dev/console");
	if (p->user->uid.value && fchown(slave, (uid_t)p->user->uid.value, (gid_t)-1) < 0)
		return err_os(err, "process.terminal: change the owner");
	failed = terminal_control(slave);
	if (failed < 0)
		return err_neg(err, failed, "process.terminal: make it the controlling terminal");
	if (init_send(init->sock, INIT_CONSOLE, master, err) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		init->program.stdio[i] = -1;
		if (dup2(slave, i) < 0)
			return err_os(err, "process.terminal: stdio");
	}
	return 0;
}
