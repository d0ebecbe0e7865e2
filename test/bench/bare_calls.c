/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that a container as in runtime_bench.py is made of, one after the other, with
 * nothing decoded, checked, resolved or kept: what no runtime can go below on the machine that it
 * runs on. Not a runtime: no errors are told apart, no link is looked out for. usage: bare_calls
 * ROOTFS CGROUP PATHS...    "-PATH" is masked, "+PATH" made read-only
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const hierarchies[] = { "memory", "pids", "devices" };
static const struct {
	const char *file, *value;
} limits[] = {
	{ "memory.limit_in_bytes", "67108864" },
	{ "pids.max", "64" },
	{ "devices.deny", "a" },
};
static const char *const allowed[] = {
	"c *:* m",   "b *:* m",	  "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
	"c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm",
};
static const struct {
	const char *type, *target, *options;
	unsigned long flags;
} mounts[] = {
	{ "proc", "proc", NULL, 0 },
	{ "tmpfs", "dev", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
	{ "devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "dev/shm", "mode=1777,size=65536k", MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "mqueue", "dev/mqueue", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "sysfs", "sys", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
};
static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "dev/null", 1, 3 },	{ "dev/zero", 1, 5 },	 { "dev/full", 1, 7 },
	{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
};
static const char *const links[][2] = {
	{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
	{ "pts/ptmx", "dev/ptmx" },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void must(int is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "bare_calls: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void put(int dir_fd, const char *file, const char *value)
{
	int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	must(fd >= 0 && write(fd, value, strlen(value)) > 0, file);
	close(fd);
}

static void make_cgroups(const char *cgroup, int *dir_fds)
{
	char path[4096];

	for (size_t i = 0; i < COUNT(hierarchies); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[i], cgroup);
		must(mkdir(path, 0755) == 0, path);
		dir_fds[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		put(dir_fds[i], limits[i].file, limits[i].value);
	}
	for (size_t i = 0; i < COUNT(allowed); i++)
		put(dir_fds[2], "devices.allow", allowed[i]);
}

static void hide(char *const *paths)
{
	char empty[64] = "";

	for (; *paths; paths++) {
		const char *path = *paths + 2; /* relative to the root */
		struct stat st;
		int fd;

		if (stat(path, &st) < 0)
			continue;
		if ((*paths)[0] == '+') {
			struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

			fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
					  OPEN_TREE_CLONE | AT_RECURSIVE | O_CLOEXEC);
			must(fd >= 0 && syscall(SYS_mount_setattr, fd, "",
						AT_EMPTY_PATH | AT_RECURSIVE, &attr,
						sizeof(attr)) == 0,
			     path);
			must(syscall(SYS_move_mount, fd, "", AT_FDCWD, path,
				     MOVE_MOUNT_F_EMPTY_PATH) == 0,
			     path);
			close(fd);
		} else if (!S_ISDIR(st.st_mode)) {
			must(mount("/dev/null", path, NULL, MS_BIND, NULL) == 0, path);
		} else if (!empty[0]) {
			must(mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k,nr_inodes=1") == 0,
			     path);
			snprintf(empty, sizeof(empty), "%s", path);
		} else {
			must(mount(empty, path, NULL, MS_BIND, NULL) == 0, path);
		}
	}
}

static void make_root(const char *rootfs, char *const *paths)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
		     mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) == 0 && chdir(rootfs) == 0,
	     rootfs);
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (strchr(mounts[i].target, '/'))
			must(mkdir(mounts[i].target, 0755) == 0, mounts[i].target);
		must(mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
			   mounts[i].options) == 0,
		     mounts[i].target);
	}
	for (size_t i = 0; i < COUNT(nodes); i++)
		must(mknod(nodes[i].name, S_IFCHR | 0666,
			   makedev(nodes[i].major, nodes[i].minor)) == 0,
		     nodes[i].name);
	for (size_t i = 0; i < COUNT(links); i++)
		must(symlink(links[i][0], links[i][1]) == 0, links[i][1]);
	hide(paths);
	must(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
		     chdir("/") == 0,
	     "pivot_root");
	must(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof(attr)) == 0,
	     "read-only root");
}

static void child(const char *rootfs, const int *dir_fds, char *const *paths)
{
	static const char *const args[] = { "/bin/true", NULL }, *const env[] = { "PATH=/bin",
										  "HOME=/", NULL };
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int sock;

	setsid();
	for (size_t i = 0; i < COUNT(hierarchies); i++)
		put(dir_fds[i], "tasks", "0");
	must(sethostname("bench", 5) == 0, "sethostname");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(ioctl(sock, SIOCSIFFLAGS, &up) == 0, "lo");
	close(sock);
	make_root(rootfs, paths);
	for (int i = 0; prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++)
		;
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	execve(args[0], (char *const *)(uintptr_t)args, (char *const *)(uintptr_t)env);
	must(0, args[0]);
}

int main(int argc, char **argv)
{
	struct clone_args args = { .flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
					    CLONE_NEWPID | CLONE_NEWNET,
				   .exit_signal = SIGCHLD };
	int dir_fds[COUNT(hierarchies)], status;
	char path[4096];
	long pid;

	must(argc >= 3, "usage: bare_calls ROOTFS CGROUP PATHS...");
	make_cgroups(argv[2], dir_fds);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid >= 0, "clone3");
	if (pid == 0)
		child(argv[1], dir_fds, argv + 3);
	must(waitpid((pid_t)pid, &status, 0) == pid, "waitpid");
	for (size_t i = 0; i < COUNT(hierarchies); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[i], argv[2]);
		must(rmdir(path) == 0, path);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
