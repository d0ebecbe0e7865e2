/* SPDX-License-Identifier: Apache-2.0 */
/* See container.h. */
#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "linux/keyring.h"
#include "linux/process.h"
#include "runtime/host_root.h"
#include "runtime/label.h"
#include "runtime/systemd.h"

#define KILL_WAIT_MS 10000

int container_id_check(const char *id, struct err *err)
{
	size_t len = strlen(id);

	if (len == 0 || len > CONTAINER_ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return err_set(err, ERR_INVALID, "invalid container id: \"%.100s\"", id);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			    c == '+' || c == '-' || c == '.';

		if (!fine)
			return err_set(err, ERR_INVALID,
				       "invalid container id: \"%.100s\": invalid character `%c` in the ID", id, id[i]);
	}
	return 0;
}

void container_blank(struct container *c)
{
	memset(c, 0, sizeof(*c));
	c->dir_fd = c->pidfd = -1;
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		c->cgroup.dir_fds[i] = -1;
}

void container_close(struct container *c)
{
	fd_close(&c->dir_fd);
	fd_close(&c->pidfd);
	cgroup_deinit(&c->cgroup);
}

int container_make_dir(struct container *c, bool may_exist, struct err *err)
{
	AUTO_FD root = open(c->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 && errno == ENOENT) {
		if (fd_make_dirs(AT_FDCWD, c->root, 0700, err) < 0)
			return -1;
		root = open(c->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (root < 0)
		return err_os(err, "open state folder %s", c->root);
	if (mkdirat(root, c->id, 0700) < 0) {
		if (errno != EEXIST)
			return err_os(err, "make state folder %s/%s", c->root, c->id);
		if (!may_exist)
			return err_set(err, ERR_EXISTS, "container with id \"%s\" already exists", c->id);
	}
	c->dir_fd = openat(root, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir_fd < 0)
		return err_os(err, "open state folder %s/%s", c->root, c->id);
	if (may_exist && faccessat(c->dir_fd, CONTAINER_STATE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_EXISTS, "container with id \"%s\" already exists", c->id);
	return 0;
}

int container_lock(const struct container *c, struct err *err)
{
	int failed;

	do {
		failed = flock(c->dir_fd, LOCK_EX);
	} while (failed < 0 && errno == EINTR);
	return failed < 0 ? err_os(err, "lock the state folder of container \"%s\"", c->id) : 0;
}

void container_unlock(const struct container *c)
{
	/* not by closing: the first process has the same open file */
	if (flock(c->dir_fd, LOCK_UN) < 0)
		log_debug("runtime", "unlock the state folder: %m");
}

static void woken(int signal)
{
	(void)signal; /* it is enough that the wait ends */
}

int container_lock_within(const struct container *c, int wait_ms, struct err *err)
{
	/* again and again, for a signal may come before there is a call that it could end */
	const struct itimerval never = { 0 },
			       limit = { { 0, 10000 }, { wait_ms / 1000, wait_ms % 1000 * 1000 } };
	struct sigaction wake = { .sa_handler = woken }, before;
	sigset_t alarm_only, mask;
	bool is_locked;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	if (sigaction(SIGALRM, &wake, &before) < 0 || sigprocmask(SIG_UNBLOCK, &alarm_only, &mask) < 0 ||
	    setitimer(ITIMER_REAL, &limit, NULL) < 0)
		return err_os(err, "limit the wait for container \"%s\"", c->id);
	is_locked = flock(c->dir_fd, LOCK_EX) == 0;
	if (setitimer(ITIMER_REAL, &never, NULL) < 0 || sigprocmask(SIG_SETMASK, &mask, NULL) < 0 ||
	    sigaction(SIGALRM, &before, NULL) < 0)
		log_debug("runtime", "restore the signal mask: %m");
	return is_locked ? 0 : err_set(err, ERR_TIMEOUT, "container \"%s\" is still being created", c->id);
}

/* A maker that was killed is still there for a moment: a folder that it was just making appears after its death was
 * asked for. Its lock goes when it is gone, and with the first process, which has the same open file. */
int container_settle(struct container *c, struct arena *arena, struct err *err)
{
	struct container again;
	struct err inner;

	if (flock(c->dir_fd, LOCK_EX | LOCK_NB) == 0) {
		if (c->status != CONTAINER_CREATING)
			return 0;
	} else {
		if (c->pidfd >= 0 && process_signal(c->pidfd, SIGKILL) < 0)
			fd_close(&c->pidfd); /* gone already */
		if (c->has_cgroup && cgroup_kill(&c->cgroup) < 0)
			log_debug("runtime", "cannot kill what is in cgroup %s", c->cgroup.path);
		if (container_lock_within(c, KILL_WAIT_MS, &inner) < 0)
			log_warn("runtime", "%s", inner.msg);
	}
	if (container_open(c->root, c->id, arena, &again, err) < 0)
		return -1;
	container_close(c);
	*c = again;
	return 0;
}

static yyjson_mut_val *state_object(yyjson_mut_doc *doc, const struct container *c, enum container_status status)
{
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_val *map;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "ociVersion", OCI_SPEC_VERSION);
	yyjson_mut_obj_add_str(doc, root, "id", c->id);
	yyjson_mut_obj_add_int(doc, root, "pid", status == CONTAINER_STOPPED ? 0 : c->pid);
	yyjson_mut_obj_add_str(doc, root, "status", container_status_name(status));
	yyjson_mut_obj_add_str(doc, root, "bundle", c->bundle ? c->bundle : "");
	yyjson_mut_obj_add_str(doc, root, "rootfs", c->rootfs ? c->rootfs : "");
	if (c->annotations.count > 0) {
		map = yyjson_mut_obj_add_obj(doc, root, "annotations");
		for (size_t i = 0; i < c->annotations.count; i++)
			yyjson_mut_obj_add_str(doc, map, c->annotations.items[i].key, c->annotations.items[i].value);
	}
	return root;
}

char *container_state_json(const struct container *c, enum container_status status, bool pretty)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = state_object(doc, c, status);
	char created[TIME_TEXT_BYTES];
	char *text;

	yyjson_mut_obj_add_strcpy(doc, root, "created", time_format_nano(c->created_ns, created));
	yyjson_mut_obj_add_str(doc, root, "owner", c->owner ? c->owner : "");
	text = yyjson_mut_write(doc, pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : 0, NULL);
	yyjson_mut_doc_free(doc);
	return text;
}

int container_save(const struct container *c, struct err *err)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = state_object(doc, c, CONTAINER_CREATED);
	AUTO_FD fd = openat(c->dir_fd, ".state", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t len = 0;
	char *text;
	int failed;

	yyjson_mut_obj_add_int(doc, root, "createdNs", c->created_ns);
	yyjson_mut_obj_add_uint(doc, root, "startTicks", c->start_ticks);
	yyjson_mut_obj_add_uint(doc, root, "namespaces", c->namespaces);
	yyjson_mut_obj_add_uint(doc, root, "joinedNamespaces", c->joined_namespaces);
	yyjson_mut_obj_add_bool(doc, root, "hasPoststop", c->has_poststop);
	if (c->owner)
		yyjson_mut_obj_add_str(doc, root, "owner", c->owner);
	if (c->has_cgroup) {
		yyjson_mut_obj_add_str(doc, root, "cgroupPath", c->cgroup.path);
		yyjson_mut_obj_add_uint(doc, root, "cgroupJoined", c->cgroup.joined);
	}
	text = yyjson_mut_write(doc, 0, &len);
	yyjson_mut_doc_free(doc);
	if (fd < 0) {
		free(text);
		return err_os(err, "write state of container '%s'", c->id);
	}
	failed = fd_write_all(fd, text, len, err);
	free(text);
	if (failed < 0)
		return err_wrap(err, "write state of container '%s'", c->id);
	/* Under its name it is always whole: a reader sees all of it or none. */
	if (renameat(c->dir_fd, ".state", c->dir_fd, CONTAINER_STATE) < 0)
		return err_os(err, "write state of container '%s'", c->id);
	return 0;
}

struct saved {
	const char *id, *bundle, *rootfs, *owner, *cgroup_path;
	struct oci_i64 pid, created_ns;
	struct oci_u64 start_ticks, namespaces, joined_namespaces, cgroup_joined;
	struct oci_map annotations;
	bool has_poststop;
};
static const struct field saved_fields[] = {
	{ .name = "id", .type = FIELD_STRING, .offset = offsetof(struct saved, id), .is_required = true },
	{ .name = "pid", .type = FIELD_I64, .offset = offsetof(struct saved, pid), .is_required = true },
	{ .name = "bundle", .type = FIELD_STRING, .offset = offsetof(struct saved, bundle) },
	{ .name = "rootfs", .type = FIELD_STRING, .offset = offsetof(struct saved, rootfs) },
	{ .name = "annotations", .type = FIELD_MAP, .offset = offsetof(struct saved, annotations) },
	{ .name = "createdNs", .type = FIELD_I64, .offset = offsetof(struct saved, created_ns) },
	{ .name = "startTicks", .type = FIELD_U64, .offset = offsetof(struct saved, start_ticks) },
	{ .name = "namespaces", .type = FIELD_U64, .offset = offsetof(struct saved, namespaces) },
	{ .name = "joinedNamespaces",
	  .type = FIELD_U64,
	  .offset = offsetof(struct saved, joined_namespaces) },
	{ .name = "hasPoststop",
	  .type = FIELD_BOOL,
	  .offset = offsetof(struct saved, has_poststop) },
	{ .name = "owner", .type = FIELD_STRING, .offset = offsetof(struct saved, owner) },
	{ .name = "cgroupPath", .type = FIELD_STRING, .offset = offsetof(struct saved, cgroup_path) },
	{ .name = "cgroupJoined", .type = FIELD_U64, .offset = offsetof(struct saved, cgroup_joined) },
	{ 0 },
};
static const struct field_table saved_table = { sizeof(struct saved), saved_fields };

/* Opens every folder that exists under the container's cgroup path. */
static void attach_cgroup(struct container *c, const char *path)
{
	if (path[0] == '\0' || cgroup_init(&c->cgroup, path) < 0)
		return;
	c->has_cgroup = true;
	if (c->cgroup.is_v2) {
		c->has_cgroup = cgroup_attach(&c->cgroup, CGROUP_UNIFIED) == 0;
		return;
	}
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		/* most are not there: only what was joined has a folder */
		if (cgroup_attach(&c->cgroup, (enum cgroup_controller)i) < 0)
			continue;
	}
}

static void read_status(struct container *c)
{
	uint64_t ticks;
	char state;

	c->status = CONTAINER_STOPPED;
	if (c->pid <= 0)
		return;
	c->pidfd = process_pidfd(c->pid);
	if (c->pidfd < 0)
		return;
	/* the pid may be somebody else's by now */
	if (process_start_ticks(c->pid, &ticks, &state) < 0 || ticks != c->start_ticks ||
	    state == 'Z' || state == 'X') {
		fd_close(&c->pidfd);
		return;
	}
	if (faccessat(c->dir_fd, CONTAINER_START, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		c->status = CONTAINER_CREATED;
	else if (c->has_cgroup && cgroup_is_frozen(&c->cgroup))
		c->status = CONTAINER_PAUSED;
	else
		c->status = CONTAINER_RUNNING;
}

static const char *keep(struct arena *arena, const char *text)
{
	return text ? str_c_in(arena, str_from(text)) : NULL;
}

static int parse_state(struct container *c, struct str text, struct arena *arena, struct err *err)
{
	struct saved saved;
	yyjson_doc *doc;
	int failed;

	if (oci_json_parse(text, CONTAINER_STATE, &doc, err) < 0)
		return -1;
	failed = field_decode(&saved_table, yyjson_doc_get_root(doc), arena, &saved, err);
	if (failed == 0) {
		c->bundle = keep(arena, saved.bundle);
		c->rootfs = keep(arena, saved.rootfs);
		c->owner = keep(arena, saved.owner);
		c->pid = (pid_t)saved.pid.value;
		c->created_ns = saved.created_ns.value;
		c->start_ticks = saved.start_ticks.value;
		c->namespaces = saved.namespaces.value;
		c->joined_namespaces = saved.joined_namespaces.value;
		c->has_poststop = saved.has_poststop;
		c->annotations = saved.annotations;
		for (size_t i = 0; i < c->annotations.count; i++) {
			c->annotations.items[i].key = keep(arena, c->annotations.items[i].key);
			c->annotations.items[i].value = keep(arena, c->annotations.items[i].value);
		}
		if (saved.cgroup_path)
			attach_cgroup(c, saved.cgroup_path);
	}
	yyjson_doc_free(doc);
	return failed;
}

int container_open(const char *root, const char *id, struct arena *arena, struct container *ret, struct err *err)
{
	char link[CGROUP_PATH_MAX];
	struct err inner;
	ssize_t len;
	AUTO_BUF text = { 0 };
	AUTO_CONTAINER c = { 0 };

	container_blank(&c);
	buf_init(&text, CONTAINER_STATE_MAX);
	if (container_id_check(id, err) < 0)
		return -1;
	AUTO_FD root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd >= 0)
		c.dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c.dir_fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "container \"%s\" does not exist", id);
	if (c.dir_fd < 0)
		return err_os(err, "open state folder %s/%s", root, id);
	c.id = str_c_in(arena, str_from(id));
	c.root = str_c_in(arena, str_from(root));
	if (fd_read_file(c.dir_fd, CONTAINER_STATE, CONTAINER_STATE_MAX, &text, &inner) < 0) {
		if (inner.os_errno != ENOENT)
			return err_set(err, ERR_INTERNAL, "container \"%s\": %s", id, inner.msg);
		len = readlinkat(c.dir_fd, CONTAINER_CGROUP, link, sizeof(link) - 1);
		if (len > 0) {
			link[len] = '\0';
			attach_cgroup(&c, link);
		}
		c.status = CONTAINER_CREATING;
	} else {
		if (parse_state(&c, buf_str(&text), arena, err) < 0)
			return err_wrap(err, "container \"%s\"", id);
		read_status(&c);
	}
	*ret = c;
	container_blank(&c);
	return 0;
}

int container_spec(const struct container *c, struct arena *arena, struct oci_spec *ret, yyjson_doc **ret_doc,
		   struct err *err)
{
	bool is_job = false;
	yyjson_val *root;
	yyjson_doc *doc;
	AUTO_BUF text = { 0 };

	buf_init(&text, OCI_SPEC_BYTES_MAX);
	if (fd_read_file(c->dir_fd, CONTAINER_CONFIG, OCI_SPEC_BYTES_MAX, &text, NULL) < 0) {
		is_job = true;
		buf_reset(&text);
		if (fd_read_file(c->dir_fd, CONTAINER_JOB, OCI_SPEC_BYTES_MAX, &text, err) < 0)
			return err_wrap(err, "configuration of container \"%s\"", c->id);
	}
	if (oci_json_parse(buf_str(&text), "configuration", &doc, err) < 0)
		return -1;
	root = yyjson_doc_get_root(doc);
	if (oci_spec_decode(is_job ? yyjson_obj_get(root, "config") : root, arena, ret, err) < 0) {
		yyjson_doc_free(doc);
		return -1;
	}
	*ret_doc = doc;
	return 0;
}

const char *container_status_name(enum container_status status)
{
	static const char names[][12] = { "creating", "created", "running", "paused", "stopped" };

	return names[status];
}

int container_destroy(struct container *c, struct err *err)
{
	int failed;

	if (c->pidfd >= 0 && process_signal(c->pidfd, SIGKILL) < 0)
		fd_close(&c->pidfd); /* gone already */
	failed = c->has_cgroup ? cgroup_kill(&c->cgroup) : 0;
	if (failed == 0 && systemd_stop(c, err) < 0)
		return -1;
	if (c->has_cgroup) {
		if (failed == 0)
			failed = cgroup_remove(&c->cgroup, KILL_WAIT_MS);
		if (failed < 0)
			return err_neg(err, failed, "remove cgroup %s", c->cgroup.path);
	}
	if (host_root_unmount(c, err) < 0)
		return -1;
	AUTO_FD root = open(c->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open state folder %s", c->root);
	if (fd_remove_tree(root, c->id, err) < 0)
		return err_wrap(err, "remove state folder");
	return 0;
}

bool container_outlives_init(const struct container *c)
{
	return !(c->namespaces & ~c->joined_namespaces & CLONE_NEWPID);
}

int container_join_keyring(const struct container *c, const struct program *program, struct err *err)
{
	char name[CONTAINER_ID_MAX + 8];
	int failed;

	snprintf(name, sizeof(name), "_ses.%s", c->id);
	if (label_set_keys(program, true, err) < 0)
		return -1;
	failed = keyring_join_session(name);
	if (label_set_keys(program, false, err) < 0)
		return -1;
	/* no keys in this kernel, or none for us */
	if (failed == -ENOSYS || failed == -EPERM)
		return 0;
	return failed < 0 ? err_neg(err, failed, "join the session keyring %s (see --no-new-keyring)", name) : 0;
}

static int signal_one(void *arg, pid_t pid)
{
	return kill(pid, *(int *)arg) < 0 && errno != ESRCH ? -errno : 0;
}

int container_signal_all(struct container *c, int signal)
{
	if (signal == SIGKILL)
		return cgroup_kill(&c->cgroup);
	return cgroup_each_pid(&c->cgroup, signal_one, &signal);
}
