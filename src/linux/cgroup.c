/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cgroup.h. Hierarchies are found where distributions mount them, /sys/fs/cgroup/<controller> with the co-mounted
 * names as links: reading mountinfo instead would cost more than everything else on a host with hundreds of containers.
 */
#include "linux/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"

#define ROOT "/sys/fs/cgroup"
#define FREEZE_WAIT_MS 2000
#define DEPTH_MAX 32
#define OWN_BYTES_MAX 65536 /* of /proc/self/cgroup, with a path per hierarchy */

static const char names[CGROUP_CONTROLLER_COUNT][12] = {
	"cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio", "hugetlb", "net_cls", "net_prio",
	"rdma", "perf_event", "misc", "systemd", "unified",
};

const char *cgroup_name(enum cgroup_controller controller)
{
	return names[controller];
}

static bool is_v2_tree(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

bool cgroup_host_is_v2(void)
{
	return is_v2_tree(ROOT);
}

int cgroup_init(struct cgroup *c, const char *path)
{
	if (strlen(path) >= sizeof(c->path))
		return -ENAMETOOLONG;
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		c->dir_fds[i] = -1;
	memcpy(c->path, path, strlen(path) + 1);
	c->is_v2 = cgroup_host_is_v2();
	c->has_unified = c->is_v2 || is_v2_tree(ROOT "/unified");
	if (!c->has_unified && access(ROOT, F_OK) < 0)
		return -ENOENT;
	return 0;
}

void cgroup_deinit(struct cgroup *c)
{
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		fd_close(&c->dir_fds[i]);
}

static int folder(const struct cgroup *c, enum cgroup_controller controller, const char *path,
		  char *to, size_t to_bytes)
{
	int n = snprintf(to, to_bytes, ROOT "%s%s%s", c->is_v2 ? "" : "/", c->is_v2 ? "" : names[controller], path);

	return n < 0 || (size_t)n >= to_bytes ? -ENAMETOOLONG : 0;
}

int cgroup_attach(struct cgroup *c, enum cgroup_controller controller)
{
	char path[CGROUP_PATH_MAX + 64];
	int err = folder(c, controller, c->path, path, sizeof(path));

	if (err < 0)
		return err;
	if (c->dir_fds[controller] >= 0)
		return 0;
	c->dir_fds[controller] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fds[controller] < 0)
		return -errno;
	c->joined |= CGROUP_BIT(controller);
	return 0;
}

int cgroup_reopen(const struct cgroup *c, enum cgroup_controller controller)
{
	char path[CGROUP_PATH_MAX + 64];
	int err = folder(c, controller, c->path, path, sizeof(path));
	int fd;

	if (err < 0)
		return err;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* "4:cpu,cpuacct:/a/b", "1:name=systemd:/", "0::/c" (cgroups(7)). */
static bool is_line_of(struct str line, enum cgroup_controller controller, struct str *ret_path)
{
	struct str number, list, name;

	if (!str_cut(line, ':', &number, &line) || !str_cut(line, ':', &list, ret_path))
		return false;
	if (controller == CGROUP_UNIFIED)
		return list.len == 0;
	while (str_next_part(&list, ',', &name)) {
		if (str_eq_c(name, names[controller]) ||
		    (controller == CGROUP_SYSTEMD && str_eq_c(name, "name=systemd")))
			return true;
	}
	return false;
}

int cgroup_open_own(enum cgroup_controller controller)
{
	char path[CGROUP_PATH_MAX], folder_path[CGROUP_PATH_MAX + 64];
	struct cgroup host;
	struct str rest, line, own;
	int err = cgroup_init(&host, "/"), fd;
	AUTO_BUF text = { 0 };

	buf_init(&text, OWN_BYTES_MAX);
	if (err < 0)
		return err;
	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", OWN_BYTES_MAX, &text, NULL) < 0)
		return -EIO;
	rest = buf_str(&text);
	while (str_next_part(&rest, '\n', &line)) {
		if (!is_line_of(line, controller, &own))
			continue;
		if (str_copy_to(own, path, sizeof(path)) < 0)
			return -ENAMETOOLONG;
		err = folder(&host, controller, path, folder_path, sizeof(folder_path));
		fd = err < 0 ? -1 : open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return err < 0 ? err : fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

int cgroup_write(int dir_fd, const char *file, const char *text)
{
	AUTO_FD fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* NUL-terminated; returns the length. */
static ssize_t cgroup_read(int dir_fd, const char *file, char *to, size_t to_bytes)
{
	AUTO_FD fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, to, to_bytes - 1);
	if (got < 0)
		return -errno;
	to[got] = '\0';
	return got;
}

int cgroup_join(const struct cgroup *c, enum cgroup_controller controller)
{
	/* v1: a thread that moves itself needs no lock over all forks and exits, whose taking waits for an RCU
	 * grace period of some milliseconds; "cgroup.procs" does. v2 has no such way. */
	bool is_v2 = controller == CGROUP_UNIFIED;

	return cgroup_write(c->dir_fds[controller], is_v2 ? "cgroup.procs" : "tasks", "0");
}

int cgroup_read_u64(int dir_fd, const char *file, uint64_t *ret)
{
	char text[64];
	ssize_t got = cgroup_read(dir_fd, file, text, sizeof(text));

	if (got < 0)
		return (int)got;
	if (strncmp(text, "max", 3) == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_parse_u64(str_trim(str_from(text)), UINT64_MAX, file, ret, NULL) < 0 ? -EINVAL : 0;
}

int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret)
{
	char text[4096];
	struct str rest, line, name, value;
	ssize_t got = cgroup_read(dir_fd, file, text, sizeof(text));

	if (got < 0)
		return (int)got;
	rest = str_from(text);
	while (str_next_part(&rest, '\n', &line)) {
		if (str_cut(line, ' ', &name, &value) && str_eq_c(name, key))
			return num_parse_u64(value, UINT64_MAX, key, ret, NULL) < 0 ? -EINVAL : 0;
	}
	return -ENOENT;
}

static int copy_parent_value(int parent_fd, int dir_fd, const char *file)
{
	char text[512];
	ssize_t got = cgroup_read(dir_fd, file, text, sizeof(text));

	if (got > 1)
		return 0;
	got = cgroup_read(parent_fd, file, text, sizeof(text));
	if (got < 0)
		return (int)got;
	return cgroup_write(dir_fd, file, text);
}

/* Makes path level by level below the hierarchy's root. */
static int make_levels(enum cgroup_controller controller, char *path)
{
	char *at = path + sizeof(ROOT) - 1;
	int err;

	for (;;) {
		char *slash = strchr(at + 1, '/');

		if (slash)
			*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (controller == CGROUP_CPUSET) {
			AUTO_FD dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
			AUTO_FD parent = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

			err = copy_parent_value(parent, dir, "cpuset.cpus");
			if (err == 0)
				err = copy_parent_value(parent, dir, "cpuset.mems");
			/* the hierarchy's mount point has no cpuset above it */
			if (err < 0 && err != -ENOENT)
				return err;
		}
		if (!slash)
			return 0;
		*slash = '/';
		at = slash;
	}
}

/* Where nothing is mounted on a hierarchy's folder, others may have left it there all the same. */
static int refuse_plain_folder(struct cgroup *c, enum cgroup_controller controller, const char *path)
{
	struct statfs fs;

	if (fstatfs(c->dir_fds[controller], &fs) == 0 &&
	    (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC))
		return 0;
	fd_close(&c->dir_fds[controller]);
	c->joined &= ~CGROUP_BIT(controller);
	return rmdir(path) < 0 && errno != ENOTEMPTY ? -errno : -ENOENT;
}

int cgroup_make(struct cgroup *c, enum cgroup_controller controller)
{
	char path[CGROUP_PATH_MAX + 64];
	int err = folder(c, controller, c->path, path, sizeof(path));

	if (err < 0)
		return err;
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		if (errno != ENOENT)
			return -errno;
		if (!c->is_v2 && folder(c, controller, "/cgroup.procs", path, sizeof(path)) == 0 &&
		    access(path, F_OK) < 0)
			return -ENOENT;
		err = folder(c, controller, c->path, path, sizeof(path));
		if (err == 0)
			err = make_levels(controller, path);
	} else if (controller == CGROUP_CPUSET) {
		err = make_levels(controller, path);
	}
	if (err == 0)
		err = cgroup_attach(c, controller);
	return err < 0 ? err : refuse_plain_folder(c, controller, path);
}

int cgroup_unmake(struct cgroup *c, enum cgroup_controller controller)
{
	char path[CGROUP_PATH_MAX + 64];
	int err = folder(c, controller, c->path, path, sizeof(path));

	if (err < 0)
		return err;
	fd_close(&c->dir_fds[controller]);
	c->joined &= ~CGROUP_BIT(controller);
	return rmdir(path) < 0 ? -errno : 0;
}

int cgroup_enable(struct cgroup *c, uint32_t controllers)
{
	static const struct {
		enum cgroup_controller controller;
		char name[8];
	} v2_names[] = {
		{ CGROUP_CPU, "cpu" },	 { CGROUP_CPUSET, "cpuset" }, { CGROUP_MEMORY, "memory" },
		{ CGROUP_PIDS, "pids" }, { CGROUP_BLKIO, "io" },      { CGROUP_HUGETLB, "hugetlb" },
		{ CGROUP_RDMA, "rdma" }, { CGROUP_MISC, "misc" },
	};
	char path[CGROUP_PATH_MAX + 64], want[16];
	char *at = path + sizeof(ROOT) - 1;
	int err = folder(c, CGROUP_UNIFIED, c->path, path, sizeof(path));

	if (err < 0)
		return err;
	while (at) {
		char *slash = strchr(at, '/');

		if (!slash)
			break;
		*slash = '\0';
		AUTO_FD dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		for (size_t i = 0; i < ARRAY_COUNT(v2_names); i++) {
			if (!(controllers & CGROUP_BIT(v2_names[i].controller)))
				continue;
			snprintf(want, sizeof(want), "+%s", v2_names[i].name);
			err = cgroup_write(dir, "cgroup.subtree_control", want);
			/* ENOTSUP: a threaded cgroup above; EACCES: above what was handed to a user, who may still
			 * have the controller. The write of the limit itself will tell */
			if (err < 0 && err != -ENOENT && err != -ENOTSUP && err != -EINVAL && err != -EACCES)
				return err;
		}
		*slash = '/';
		at = slash + 1;
	}
	return 0;
}

int cgroup_accept_type(const struct cgroup *c, uint32_t controllers)
{
	const uint32_t domain = CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_BLKIO) | CGROUP_BIT(CGROUP_HUGETLB) |
				CGROUP_BIT(CGROUP_RDMA) | CGROUP_BIT(CGROUP_MISC);
	char type[32];
	ssize_t got = cgroup_read(c->dir_fds[CGROUP_UNIFIED], "cgroup.type", type, sizeof(type));

	if (got < 0)
		return got == -ENOENT ? 0 : (int)got;
	if (strcmp(type, "domain\n") == 0)
		return 0;
	if (controllers & domain)
		return -EOPNOTSUPP;
	return strcmp(type, "domain invalid\n") == 0
		       ? cgroup_write(c->dir_fds[CGROUP_UNIFIED], "cgroup.type", "threaded")
		       : 0;
}

int cgroup_delegate(const struct cgroup *c, uint32_t uid)
{
	/* cgroups(7): what there was before the kernel told */
	char text[1024] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n", file[64];
	int dir_fd = c->dir_fds[CGROUP_UNIFIED];
	struct str rest, name;
	ssize_t got;

	if (!c->is_v2 || dir_fd < 0)
		return 0;
	got = cgroup_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", text, sizeof(text));
	if (got < 0 && got != -ENOENT)
		return (int)got;
	if (fchownat(dir_fd, "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0)
		return -errno;
	rest = str_from(text);
	while (str_next_part(&rest, '\n', &name)) {
		if (name.len == 0 || str_copy_to(name, file, sizeof(file)) < 0)
			continue;
		/* not every file is in every cgroup */
		if (fchownat(dir_fd, file, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* The folder whose cgroup.procs lists all of the container's processes; -1 when none is joined. */
static int cgroup_tracking_fd(const struct cgroup *c)
{
	static const uint8_t order[] = {
		CGROUP_UNIFIED, CGROUP_FREEZER, CGROUP_PIDS, CGROUP_DEVICES, CGROUP_MEMORY, CGROUP_SYSTEMD, CGROUP_CPU,
	};

	for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
		if (c->dir_fds[order[i]] >= 0)
			return c->dir_fds[order[i]];
	}
	return -1;
}

/* fn for each line of cgroup.procs here and below. */
static int each_pid_in(int dir_fd, int depth, int (*fn)(void *arg, pid_t pid), void *arg)
{
	char line[32];
	AUTO_FD procs = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	AUTO_FD list = -1;
	struct dirent *entry;
	size_t len = 0;
	char c[512];
	ssize_t got;
	DIR *dir;
	int err = 0;

	if (procs < 0)
		return -errno;
	got = read(procs, c, sizeof(c));
	if (got < 0 && errno == EOPNOTSUPP) { /* threaded: its processes are known by their threads alone */
		fd_close(&procs);
		procs = openat(dir_fd, "cgroup.threads", O_RDONLY | O_CLOEXEC);
		got = read(procs, c, sizeof(c));
	}
	for (; got > 0; got = read(procs, c, sizeof(c))) {
		for (ssize_t i = 0; i < got && err == 0; i++) {
			uint64_t pid;

			if (c[i] != '\n') {
				if (len < sizeof(line))
					line[len++] = c[i];
				continue;
			}
			if (num_parse_u64(str_sub(line, len), INT32_MAX, "pid", &pid, NULL) == 0 && pid > 0)
				err = fn(arg, (pid_t)pid);
			len = 0;
		}
		if (err < 0)
			return err;
	}
	if (got < 0 && errno != ENODEV && errno != ENOTSUP)
		return -errno;
	if (depth >= DEPTH_MAX)
		return -ELOOP;
	list = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list < 0)
		return -errno;
	dir = fdopendir(list);
	if (!dir)
		return -errno;
	(void)fd_take(&list); /* closedir closes it */
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		AUTO_FD sub = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0)
			err = each_pid_in(sub, depth + 1, fn, arg);
	}
	closedir(dir);
	return err;
}

int cgroup_each_pid(const struct cgroup *c, int (*fn)(void *arg, pid_t pid), void *arg)
{
	int fd = cgroup_tracking_fd(c);

	return fd < 0 ? -ENOENT : each_pid_in(fd, 0, fn, arg);
}

static int found_one(void *arg, pid_t pid)
{
	return -EEXIST;
}

bool cgroup_has_processes(const struct cgroup *c)
{
	return cgroup_each_pid(c, found_one, NULL) == -EEXIST;
}

bool cgroup_has_own_processes(const struct cgroup *c)
{
	int fd = cgroup_tracking_fd(c);
	char text[16];

	return fd >= 0 && cgroup_read(fd, "cgroup.procs", text, sizeof(text)) > 0;
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

static int move_to_freezer(void *arg, pid_t pid)
{
	char text[16];
	int err;

	snprintf(text, sizeof(text), "%d", (int)pid);
	err = cgroup_write(*(int *)arg, "cgroup.procs", text);
	return err == -ESRCH ? 0 : err;
}

static int freeze_v1(struct cgroup *c, bool freeze)
{
	char state[32];
	int err;

	if (c->dir_fds[CGROUP_FREEZER] < 0) {
		int tracking = cgroup_tracking_fd(c);

		err = cgroup_make(c, CGROUP_FREEZER);
		if (err < 0)
			return err;
		/* twice, so that what was forked during the first pass comes along as well */
		for (int pass = 0; pass < 2 && tracking >= 0; pass++) {
			err = each_pid_in(tracking, 0, move_to_freezer, &c->dir_fds[CGROUP_FREEZER]);
			if (err < 0)
				return err;
		}
	}
	for (int waited = 0; waited < FREEZE_WAIT_MS; waited += 2) {
		err = cgroup_write(c->dir_fds[CGROUP_FREEZER], "freezer.state", freeze ? "FROZEN" : "THAWED");
		if (err < 0)
			return err;
		if (cgroup_read(c->dir_fds[CGROUP_FREEZER], "freezer.state", state, sizeof(state)) < 0)
			return -EIO;
		if (strncmp(state, freeze ? "FROZEN" : "THAWED", 6) == 0)
			return 0;
		sleep_ms(2); /* v1 has no event for it */
	}
	return -ETIMEDOUT;
}

/* Waits until key of cgroup.events has this value; the kernel wakes pollers at each change. */
static int wait_event(int dir_fd, const char *key, uint64_t want, int wait_ms)
{
	AUTO_FD events = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	uint64_t value;
	int err;

	if (events < 0)
		return -errno;
	for (;;) {
		char text[256];

		/* reading through the polled descriptor arms its next event */
		if (pread(events, text, sizeof(text), 0) < 0)
			return -errno;
		err = cgroup_read_key(dir_fd, "cgroup.events", key, &value);
		if (err < 0 || value == want)
			return err;
		err = poll(&(struct pollfd){ .fd = events, .events = POLLPRI }, 1, wait_ms);
		if (err <= 0)
			return err < 0 ? -errno : -ETIMEDOUT;
	}
}

int cgroup_freeze(struct cgroup *c, bool freeze)
{
	int fd = c->dir_fds[CGROUP_UNIFIED];
	int err;

	if (fd < 0)
		return freeze_v1(c, freeze);
	err = cgroup_write(fd, "cgroup.freeze", freeze ? "1" : "0");
	if (err < 0)
		return err;
	return freeze ? wait_event(fd, "frozen", 1, FREEZE_WAIT_MS) : 0;
}

bool cgroup_is_frozen(const struct cgroup *c)
{
	char text[32];
	uint64_t value;

	if (c->dir_fds[CGROUP_UNIFIED] >= 0 &&
	    cgroup_read_u64(c->dir_fds[CGROUP_UNIFIED], "cgroup.freeze", &value) == 0 && value == 1)
		return true;
	return c->dir_fds[CGROUP_FREEZER] >= 0 &&
	       cgroup_read(c->dir_fds[CGROUP_FREEZER], "freezer.state", text, sizeof(text)) > 0 &&
	       strncmp(text, "THAWED", 6) != 0;
}

static int kill_one(void *arg, pid_t pid)
{
	int *count = arg;

	(*count)++;
	return kill(pid, SIGKILL) < 0 && errno != ESRCH ? -errno : 0;
}

int cgroup_kill(struct cgroup *c)
{
	int err, killed;

	if (c->dir_fds[CGROUP_UNIFIED] >= 0 && cgroup_write(c->dir_fds[CGROUP_UNIFIED], "cgroup.kill", "1") == 0) {
		/* A v1 freezer would keep the signal from being delivered. */
		if (c->dir_fds[CGROUP_FREEZER] < 0)
			return 0;
		err = cgroup_write(c->dir_fds[CGROUP_FREEZER], "freezer.state", "THAWED");
		return err == -ENOENT || err == -ENODEV ? 0 : err; /* its monitor was faster to remove it */
	}
	/* Without cgroup.kill a fork bomb can outrun one pass; the pids that are dying already are
	 * counted again, so the number of passes is bounded. */
	for (int pass = 0; pass < 64; pass++) {
		killed = 0;
		err = cgroup_each_pid(c, kill_one, &killed);
		if (err < 0)
			return err == -ENOENT ? 0 : err;
		if (c->dir_fds[CGROUP_FREEZER] >= 0 &&
		    cgroup_write(c->dir_fds[CGROUP_FREEZER], "freezer.state", "THAWED") < 0)
			return -EIO;
		if (killed == 0)
			return 0;
		sleep_ms(1);
	}
	return 0;
}

/* Removes path with the folders in it. */
static int remove_tree(int parent_fd, const char *name, int depth)
{
	struct dirent *entry;
	DIR *dir;
	int err = 0;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	if (depth >= DEPTH_MAX)
		return -ELOOP;
	AUTO_FD fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* its monitor was faster */
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)fd_take(&fd); /* closedir closes it */
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			err = remove_tree(dirfd(dir), entry->d_name, depth + 1);
	}
	closedir(dir);
	if (err < 0)
		return err;
	return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

/* A v1 freezer holds back even SIGKILL, and the process need not be in the container's own: somebody may have moved it,
 * or it moved itself into a folder it made below. */
static int end_one(void *arg, pid_t pid)
{
	char path[CGROUP_PATH_MAX + 64], text[4096];
	struct str rest, line, number, controllers, where;
	ssize_t got;

	(void)arg;
	if (kill(pid, SIGKILL) < 0) /* where processes are told from the freezer's, this one was not among them */
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	got = cgroup_read(AT_FDCWD, path, text, sizeof(text));
	rest = str_sub(text, got > 0 ? (size_t)got : 0);
	while (str_next_part(&rest, '\n', &line)) {
		if (!str_cut(line, ':', &number, &controllers) ||
		    !str_cut(controllers, ':', &controllers, &where) ||
		    !str_eq_c(controllers, "freezer"))
			continue;
		snprintf(path, sizeof(path), ROOT "/freezer" STR_FMT "/freezer.state", STR_ARG(where));
		if (cgroup_write(AT_FDCWD, path, "THAWED") < 0)
			return 0; /* of another's namespace: its end is then awaited as long as anybody's */
	}
	return 0;
}

#define PATIENCE_MS 15 /* after which it is looked for what keeps a killed process from dying */

int cgroup_remove(struct cgroup *c, int wait_ms)
{
	char path[CGROUP_PATH_MAX + 64];
	int first = 0, err;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		if (c->dir_fds[i] < 0)
			continue;
		err = folder(c, (enum cgroup_controller)i, c->path, path, sizeof(path));
		if (err < 0)
			return err;
		err = remove_tree(AT_FDCWD, path, 0);
		/* The last processes may still be on their way out. v2 tells when, v1 has to be asked. */
		for (int waited = 0, step = 1; err == -EBUSY && waited < wait_ms; waited += step, step *= 2) {
			if (waited >= PATIENCE_MS && !c->is_v2) {
				err = each_pid_in(c->dir_fds[i], 0, end_one, NULL);
				if (err < 0 && err != -ENOENT && err != -ENODEV)
					return -EBUSY;
			}
			if (i != CGROUP_UNIFIED ||
			    wait_event(c->dir_fds[i], "populated", 0, waited < PATIENCE_MS ? step : wait_ms) < 0)
				sleep_ms(step);
			err = remove_tree(AT_FDCWD, path, 0);
		}
		if (err < 0 && first == 0)
			first = err;
		if (err == 0) {
			fd_close(&c->dir_fds[i]);
			c->joined &= ~CGROUP_BIT(i);
		}
	}
	return first;
}

uint64_t cgroup_oom_kills(const struct cgroup *c)
{
	uint64_t count = 0;
	bool v2 = c->is_v2;
	int fd = c->dir_fds[v2 ? CGROUP_UNIFIED : CGROUP_MEMORY];

	if (fd < 0 || cgroup_read_key(fd, v2 ? "memory.events" : "memory.oom_control", "oom_kill", &count) < 0)
		return 0;
	return count;
}

int cgroup_oom_fd(const struct cgroup *c, short *ret_events)
{
	int dir_fd = c->dir_fds[c->is_v2 ? CGROUP_UNIFIED : CGROUP_MEMORY];
	AUTO_FD fd = -1;
	char text[32];
	int err;

	if (dir_fd < 0)
		return -ENOENT;
	if (c->is_v2) {
		*ret_events = POLLPRI;
		fd = openat(dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd_take(&fd);
	}
	*ret_events = POLLIN;
	AUTO_FD control = openat(dir_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d %d", fd, control);
	err = cgroup_write(dir_fd, "cgroup.event_control", text);
	return err < 0 ? err : fd_take(&fd);
}
