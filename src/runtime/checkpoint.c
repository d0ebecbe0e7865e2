/* SPDX-License-Identifier: Apache-2.0 */
/* See checkpoint.h. */
#include "runtime/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "linux/mounts.h"
#include "linux/process.h"
#include "linux/rootpath.h"
#include "runtime/console.h"
#include "runtime/hooks.h"

#define DESCRIPTORS "descriptors.json"
#define DESCRIPTORS_MAX 65536
#define END_WAIT_MS 10000

/* The folder's descriptor; it is made when it is missing. */
static int open_folder(const char *path, struct err *err)
{
	int fd;

	if (fd_make_dirs(AT_FDCWD, path, 0700, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_os(err, "open %s", path) : fd;
}

static const char *log_path(const struct checkpoint_options *o, const struct criu_options *criu,
			    struct arena *arena)
{
	return str_printf_in(arena, "%s/" STR_FMT, o->work_path ? o->work_path : o->image_path,
			     STR_ARG(criu->log_file))
		.ptr;
}

/* While processes are saved their connections must not move; criu's own choice needs a program that
 * may be missing. */
static int32_t choose_lock(struct arena *arena)
{
	return criu_find_program("iptables-restore", arena) ? 0 : CRIU_LOCK_NFTABLES;
}

/* Where a destination of config.json really is in the container. */
static struct str resolve(int root_fd, struct str path, struct stat *ret, struct arena *arena)
{
	char link[ROOTPATH_PROC_BYTES], real[4096];
	ssize_t len;

	AUTO_FD fd = rootpath_open(root_fd, str_c_in(arena, path), O_PATH, 0);
	len = fd < 0 || fstat(fd, ret) < 0 ? -1
					   : readlink(rootpath_proc(fd, link), real, sizeof(real));
	return len <= 0 || len == sizeof(real) ? STR_NONE
					       : str_in(arena, str_sub(real, (size_t)len));
}

/* Keeps the mounts that are there, under the path they are at. */
static int find_mounts(const struct container *c, struct arena *arena, struct criu_options *criu,
		       struct err *err)
{
	char path[64];
	size_t kept = 0;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)c->pid);
	AUTO_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open the container's root");
	for (size_t i = 0; i < criu->mounts_count; i++) {
		struct criu_mount *mount = &criu->mounts[i];
		struct stat st = { 0 };

		mount->key = resolve(root, mount->key, &st, arena);
		/* a folder is masked by a file system of its own */
		if (mount->key.len > 0 &&
		    !(str_eq_c(mount->value, "/dev/null") && S_ISDIR(st.st_mode)))
			criu->mounts[kept++] = *mount;
	}
	criu->mounts_count = kept;
	return 0;
}

static int find_external_namespaces(const struct oci_spec *spec, struct arena *arena,
				    struct criu_options *criu, struct err *err)
{
	const struct oci_list *list = &spec->linux_part->namespaces;
	struct stat st;

	criu->externals = arena_array(arena, list->count + 1, sizeof(*criu->externals));
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(*list, struct oci_namespace, i);
		const char *key = checkpoint_external_namespace(ns);

		if (!key)
			continue;
		if (stat(ns->path, &st) < 0)
			return err_os(err, "linux.namespaces[%zu].path: %s", i, ns->path);
		criu->externals[criu->externals_count++] = str_printf_in(
			arena, "%s[%llu]:%s", ns->type == OCI_NS_PID ? "pid" : "net",
			(unsigned long long)st.st_ino, key);
	}
	return 0;
}

/* What its stdio is connected to, for the restorer to put its own in the same places. */
static int write_descriptors(const struct container *c, int image_fd, struct err *err)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	char path[64], name[4096];
	size_t len = 0;
	char *text;
	int failed;

	yyjson_mut_doc_set_root(doc, list);
	for (int i = 0; i < 3; i++) {
		ssize_t got;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)c->pid, i);
		got = readlink(path, name, sizeof(name));
		yyjson_mut_arr_add_strncpy(doc, list, name, got > 0 ? (size_t)got : 0);
	}
	text = yyjson_mut_write(doc, 0, &len);
	yyjson_mut_doc_free(doc);
	failed = fd_replace_file(image_fd, DESCRIPTORS, str_sub(text, len), 0600, false, err);
	free(text);
	return failed;
}

/* The images hold a mount of a folder of ours, which the restorer makes anew. */
static int write_notify(const struct container *c, int image_fd, struct arena *arena, struct err *err)
{
	const char *at = notify_destination(c, arena);

	if (!at)
		return 0;
	return fd_replace_file(image_fd, CHECKPOINT_NOTIFY, str_from(at), 0600, false, err);
}

int checkpoint_read_notify(const struct checkpoint_options *options, struct arena *arena, const char **ret,
			   struct err *err)
{
	AUTO_BUF text = { 0 };
	AUTO_FD dir = open(options->image_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	*ret = NULL;
	buf_init(&text, PATH_MAX);
	/* a folder that is not there is told of later, as what it is for */
	if (dir < 0 || faccessat(dir, CHECKPOINT_NOTIFY, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (fd_read_file(dir, CHECKPOINT_NOTIFY, PATH_MAX, &text, err) < 0)
		return err_wrap(err, "--image-path %s", options->image_path);
	if (text.len == 0 || text.ptr[0] != '/' || memchr(text.ptr, '\0', text.len))
		return err_set(err, ERR_INVALID, "--image-path %s: " CHECKPOINT_NOTIFY ": expected an absolute path",
			       options->image_path);
	*ret = str_c_in(arena, buf_str(&text));
	return 0;
}

/* Its parent reaps it, so its end is waited for by its descriptor. */
static int wait_for_end(const struct container *c, struct err *err)
{
	struct pollfd end = { .fd = c->pidfd, .events = POLLIN };
	int got;

	do {
		got = poll(&end, 1, END_WAIT_MS);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? 0
		       : err_set(err, ERR_TIMEOUT,
				 "container \"%s\" did not end after its checkpoint", c->id);
}

int container_checkpoint(struct container *c, const struct oci_spec *spec,
			 const struct checkpoint_options *options, struct arena *arena,
			 struct err *err)
{
	struct checkpoint_subject subject = { options, spec, &c->cgroup, c->bundle };
	struct criu_options criu;
	struct criu_call call = { .program = options->program,
				  .type = options->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP,
				  .options = &criu };
	AUTO_FD images = -1;
	AUTO_FD work = -1;

	if (criu_find(options->program, arena, &call.program, err) < 0)
		return -1;
	images = open_folder(options->image_path, err);
	if (images < 0)
		return -1;
	checkpoint_plan_dump(&subject, &criu);
	criu.images_dir_fd = images;
	criu.pid = (int32_t)c->pid;
	criu.network_lock = choose_lock(arena);
	criu.root = str_from(c->rootfs);
	if (options->work_path) {
		work = open_folder(options->work_path, err);
		if (work < 0)
			return -1;
		criu.work_dir_fd = work;
	}
	if (c->has_cgroup && c->cgroup.is_v2)
		criu.freeze_cgroup = str_printf_in(arena, "/sys/fs/cgroup%s", c->cgroup.path);
	else if (c->has_cgroup && c->cgroup.dir_fds[CGROUP_FREEZER] >= 0)
		criu.freeze_cgroup = str_printf_in(arena, "/sys/fs/cgroup/freezer%s",
						   c->cgroup.path);
	if (find_external_namespaces(spec, arena, &criu, err) < 0)
		return -1;
	if (!options->pre_dump) {
		checkpoint_plan_mounts(&subject, false, arena, &criu);
		if (find_mounts(c, arena, &criu, err) < 0 || write_descriptors(c, images, err) < 0 ||
		    write_notify(c, images, arena, err) < 0)
			return -1;
	}
	call.log_path = log_path(options, &criu, arena);
	if (criu_run(&call, arena, err) < 0)
		return -1;
	return options->pre_dump || options->leave_running ? 0 : wait_for_end(c, err);
}

struct restoring {
	const struct create *create;
	struct container *c;
	struct arena *arena;
	struct created *out;
	const char *root_path;
	int mounts_fd;		/* the mount namespace in which criu runs */
	int images_fd, work_fd; /* opened there: criu mounts below them */
};

static bool lies_on_tmpfs(const struct oci_spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const struct oci_mount *m = OCI_ITEM(spec->mounts, struct oci_mount, i);
		size_t len = strlen(m->destination);

		if (m->type && strcmp(m->type, "tmpfs") == 0 &&
		    strncmp(destination, m->destination, len) == 0 && destination[len] == '/')
			return true;
	}
	return false;
}

/* Binds are there for as long as places within them are made. */
static int try_bind(int root_fd, const char *destination, const char *source, struct err *err)
{
	struct stat st;
	int failed;

	if (stat(source, &st) < 0)
		return 0; /* criu says that it is missing */
	AUTO_FD target = S_ISDIR(st.st_mode) ? rootpath_make_dir(root_fd, destination, 0755)
					     : rootpath_make_file(root_fd, destination, 0755);
	if (target < 0)
		return err_neg(err, target, "make %s in the root", destination);
	AUTO_FD tree = mount_clone(AT_FDCWD, source, true);
	failed = tree < 0 ? tree : mount_attach(tree, target);
	return failed < 0 ? err_neg(err, failed, "bind %s", source) : 1;
}

static void end_bind(int root_fd, const char *destination)
{
	char path[ROOTPATH_PROC_BYTES];

	AUTO_FD fd = rootpath_open(root_fd, destination, O_PATH, 0);
	if (fd < 0 || umount2(rootpath_proc(fd, path), MNT_DETACH) < 0)
		log_debug("runtime", "unmount %s: %m", destination);
}

/* criu mounts where there is a place to mount: folders and files that the first start made are made
 * again. What lies on a tmpfs comes with its contents. */
static int make_mount_points(struct restoring *r, int root_fd, struct err *err)
{
	const struct oci_spec *spec = r->create->spec;
	bool *bound = arena_array(r->arena, spec->mounts.count + 1, sizeof(*bound));
	int failed = 0;

	memset(bound, 0, (spec->mounts.count + 1) * sizeof(*bound));
	for (size_t i = 0; i < spec->mounts.count && failed >= 0; i++) {
		const struct oci_mount *m = OCI_ITEM(spec->mounts, struct oci_mount, i);

		if (lies_on_tmpfs(spec, m->destination))
			continue;
		if (checkpoint_is_bind(m)) {
			failed = try_bind(root_fd, m->destination,
					  checkpoint_source(m, r->create->bundle, r->arena), err);
			bound[i] = failed > 0;
		} else {
			AUTO_FD made = rootpath_make_dir(root_fd, m->destination, 0755);

			failed = made < 0
					 ? err_neg(err, made, "make %s in the root", m->destination)
					 : 0;
		}
		if (failed < 0)
			err_wrap(err, "mounts[%zu]", i);
	}
	for (size_t i = spec->mounts.count; i-- > 0;) {
		if (bound[i])
			end_bind(root_fd, OCI_ITEM(spec->mounts, struct oci_mount, i)->destination);
	}
	return failed < 0 ? -1 : 0;
}

/* Part of a restore is done by the root of the container's user namespace, who opens images beneath this folder: as its
 * group, so that they do not become everybody's to read. */
static int admit_root(int images_fd, const struct oci_linux *l, struct err *err)
{
	const struct oci_id_map *root = NULL;
	struct stat st;

	for (size_t i = 0; i < l->gid_mappings.count; i++) {
		const struct oci_id_map *map = OCI_ITEM(l->gid_mappings, struct oci_id_map, i);

		if (map->container_id.value == 0)
			root = map;
	}
	if (!root)
		return 0;
	if (fstat(images_fd, &st) < 0)
		return err_os(err, "--image-path");
	if (st.st_mode & S_IXOTH)
		return 0;
	if (fchown(images_fd, (uid_t)-1, (gid_t)root->host_id.value) < 0 ||
	    fchmod(images_fd, (st.st_mode & 07777) | S_IXGRP) < 0)
		return err_os(err, "--image-path: give it to the group of the container's root");
	return 0;
}

/* criu wants a root that is a mount point. */
static int prepare_root(struct restoring *r, const struct checkpoint_options *options,
			struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_os(err, "make a mount namespace for criu");
	if (mount(r->c->rootfs, r->root_path, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount(NULL, r->root_path, NULL, MS_PRIVATE, NULL) < 0)
		return err_os(err, "root.path: %s", r->c->rootfs);
	AUTO_FD root = open(r->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open %s", r->root_path);
	if (make_mount_points(r, root, err) < 0)
		return -1;
	r->images_fd = open(options->image_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->images_fd < 0)
		return err_os(err, "--image-path %s", options->image_path);
	if (admit_root(r->images_fd, r->create->spec->linux_part, err) < 0)
		return -1;
	if (options->work_path && (r->work_fd = open_folder(options->work_path, err)) < 0)
		return -1;
	r->mounts_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return r->mounts_fd < 0 ? err_os(err, "open the mount namespace of criu") : 0;
}

/* Nobody else is to see that mount, and it goes with the last process that does, however we end.
 * Hooks run where we were called. */
static int prepare_mounts(struct restoring *r, const struct checkpoint_options *options,
			  struct err *err)
{
	int failed;

	AUTO_FD here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (here < 0 || own < 0)
		return err_os(err, "open our mount namespace");
	r->root_path =
		str_printf_in(r->arena, "%s/%s/criu-root", r->create->root, r->create->id).ptr;
	if (mkdirat(r->c->dir_fd, "criu-root", 0700) < 0)
		return err_os(err, "make %s", r->root_path);
	failed = prepare_root(r, options, err);
	if (setns(own, CLONE_NEWNS) < 0 || fchdir(here) < 0)
		return err_os(err, "back to our mount namespace");
	return failed;
}

static int pass_descriptors(const struct restoring *r, struct err *err)
{
	const struct oci_list *list = &r->create->spec->linux_part->namespaces;
	int to = CHECKPOINT_NAMESPACE_FD;

	for (int i = 0; i < 3; i++) {
		if (dup2(i, CHECKPOINT_STDIO_FD + i) < 0)
			return err_os(err, "pass stdio %d", i);
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(*list, struct oci_namespace, i);

		if (!checkpoint_external_namespace(ns))
			continue;
		AUTO_FD fd = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_os(err, "linux.namespaces[%zu].path: %s", i, ns->path);
		if (fd == to) {
			if (fcntl(fd, F_SETFD, 0) < 0)
				return err_os(err, "pass a namespace");
			fd_take(&fd);
		} else if (dup2(fd, to) < 0) {
			return err_os(err, "pass a namespace");
		}
		to++;
	}
	return 0;
}

static int prepare_criu(void *arg, struct err *err)
{
	struct restoring *r = arg;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && r->c->has_cgroup; i++) {
		int failed;

		if (r->c->cgroup.dir_fds[i] < 0)
			continue;
		failed = cgroup_join(&r->c->cgroup, (enum cgroup_controller)i);
		if (failed < 0)
			return err_neg(err, failed, "join cgroup %s", r->c->cgroup.path);
	}
	if (pass_descriptors(r, err) < 0)
		return -1;
	return setns(r->mounts_fd, CLONE_NEWNS) < 0
		       ? err_os(err, "join the mount namespace of criu")
		       : 0;
}

/* An empty network namespace has its loopback interface down. */
static int raise_loopback(const struct restoring *r, pid_t pid, struct err *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	char path[64];

	if (!(r->c->namespaces & ~r->c->joined_namespaces & CLONE_NEWNET))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	AUTO_FD own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_FD theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
		return err_os(err, "join the network namespace");
	AUTO_FD sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_os(err, "leave the network namespace");
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return err_os(err, "raise the loopback interface");
	return 0;
}

/* The states as they are when a container is made. */
static int run_hooks(struct restoring *r, struct err *err)
{
	const struct oci_hooks *hooks = r->create->spec->hooks;
	const char *cwd = r->create->bundle;
	char *created, *creating;
	int failed;

	if (!hooks)
		return 0;
	created = container_state_json(r->c, CONTAINER_CREATED, false);
	creating = container_state_json(r->c, CONTAINER_CREATING, false);
	failed = hooks_run(&hooks->prestart,
			   &(struct hooks_occasion){ .name = "prestart", .cwd = cwd, .state = str_from(created) }, err);
	if (failed == 0)
		failed = hooks_run(&hooks->create_runtime,
				   &(struct hooks_occasion){
					   .name = "createRuntime", .cwd = cwd, .state = str_from(creating) },
				   err);
	free(created);
	free(creating);
	return failed;
}

static int save_restored(struct restoring *r, pid_t pid, struct err *err)
{
	struct container *c = r->c;
	char state;

	c->pid = pid;
	c->pidfd = process_pidfd(pid);
	if (c->pidfd < 0 || process_start_ticks(pid, &c->start_ticks, &state) < 0)
		return err_set(err, ERR_INTERNAL, "the restored process is gone");
	/* criu gives it a time namespace, for its clocks to go on; who enters later must be of the same ones */
	c->namespaces |= process_foreign_namespaces(pid);
	c->created_ns = r->out->started_ns = process_wall_ns();
	return container_save(c, err);
}

static int notified(void *arg, const struct criu_notification *notification, int *fd,
		    struct err *err)
{
	struct restoring *r = arg;

	if (str_eq_c(notification->script, "setup-namespaces")) {
		r->c->pid = notification->pid;
		return raise_loopback(r, notification->pid, err) < 0 ? -1 : run_hooks(r, err);
	}
	if (str_eq_c(notification->script, "post-restore"))
		return save_restored(r, notification->pid, err);
	if (str_eq_c(notification->script, "orphan-pts-master") && *fd >= 0) {
		if (r->create->console_socket >= 0)
			return console_send(r->create->console_socket, *fd, err);
		fd_close(&r->out->master);
		r->out->master = fd_take(fd);
	}
	return 0;
}

static int restore(struct restoring *r, const struct checkpoint_options *options, struct err *err)
{
	struct checkpoint_subject subject = { options, r->create->spec, &r->c->cgroup,
					      r->create->bundle };
	struct criu_options criu;
	struct criu_call call = { .program = options->program,
				  .type = CRIU_RESTORE,
				  .options = &criu,
				  .prepare = prepare_criu,
				  .notified = notified,
				  .arg = r };
	AUTO_BUF json = { 0 };

	buf_init(&json, DESCRIPTORS_MAX);
	if (fd_read_file(AT_FDCWD,
			 str_printf_in(r->arena, "%s/" DESCRIPTORS, options->image_path).ptr,
			 DESCRIPTORS_MAX, &json, err) < 0)
		return err_wrap(err, "--image-path %s", options->image_path);
	if (checkpoint_plan_restore(&subject, r->arena, &criu, err) < 0 ||
	    checkpoint_plan_descriptors(buf_str(&json), r->arena, &criu, err) < 0 ||
	    prepare_mounts(r, options, err) < 0)
		return -1;
	checkpoint_plan_mounts(&subject, true, r->arena, &criu);
	criu.images_dir_fd = r->images_fd;
	criu.work_dir_fd = r->work_fd > 0 ? r->work_fd : 0;
	criu.network_lock = choose_lock(r->arena);
	criu.root = str_from(r->root_path);
	call.log_path = log_path(options, &criu, r->arena);
	if (r->create->notify_at && notify_make_dir(r->c, r->create->notify_at, err) < 0)
		return -1;
	if (fd_replace_file(r->c->dir_fd, r->create->config_name, r->create->config, 0600, false,
			    err) < 0 ||
	    criu_run(&call, r->arena, err) < 0)
		return -1;
	if (unlinkat(r->c->dir_fd, "criu-root", AT_REMOVEDIR) < 0)
		log_debug("runtime", "remove %s: %m", r->root_path);
	return r->c->pidfd >= 0
		       ? 0
		       : err_set(err, ERR_INTERNAL, "criu did not say which process it restored");
}

int container_restore(const struct create *create, const struct checkpoint_options *options,
		      struct arena *arena, struct container *ret, struct created *ret_more,
		      struct err *err)
{
	struct restoring r = { .create = create,
			       .c = ret,
			       .arena = arena,
			       .out = ret_more,
			       .mounts_fd = -1,
			       .images_fd = -1,
			       .work_fd = -1 };
	const char *program;
	int keeper = -1, failed;

	*ret_more = (struct created){ .master = -1, .notify = { .sock = -1 } };
	container_blank(ret);
	if (criu_find(options->program, arena, &program, err) < 0 ||
	    container_prepare(create, arena, ret, &keeper, err) < 0)
		return -1;
	failed = restore(&r, options, err);
	container_unlock(ret);
	container_end_keeper(&keeper);
	fd_close(&r.mounts_fd);
	fd_close(&r.images_fd);
	fd_close(&r.work_fd);
	if (failed < 0) {
		fd_close(&ret_more->master);
		container_undo(ret);
	}
	return failed;
}
