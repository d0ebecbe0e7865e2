/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups on v1, v2 and hybrid hosts by plain files. One container has one path, the same in
 * each hierarchy it takes part in; struct cgroup holds the folders' descriptors. Functions return
 * -errno. No policy: which controllers and which values is decided by runtime/cgroup_plan.
 */
#ifndef CUBE_LINUX_CGROUP_H
#define CUBE_LINUX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/attr.h"

enum cgroup_controller {
	CGROUP_CPU, CGROUP_CPUACCT, CGROUP_CPUSET, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_DEVICES, CGROUP_FREEZER,
	CGROUP_BLKIO, CGROUP_HUGETLB, CGROUP_NET_CLS, CGROUP_NET_PRIO, CGROUP_RDMA, CGROUP_PERF, CGROUP_MISC,
	CGROUP_SYSTEMD,
	CGROUP_UNIFIED, /* the v2 tree: everything on a v2 host, freezing and killing on a hybrid one */
	CGROUP_CONTROLLER_COUNT,
};
#define CGROUP_BIT(controller) (1u << (controller))
#define CGROUP_PATH_MAX 1024

struct cgroup {
	bool is_v2;           /* /sys/fs/cgroup is the v2 tree */
	bool has_unified;     /* is_v2, or a v2 tree at /sys/fs/cgroup/unified */
	uint32_t joined;      /* CGROUP_BIT of each controller with a folder */
	int dir_fds[CGROUP_CONTROLLER_COUNT];
	char path[CGROUP_PATH_MAX]; /* "/a/b", beneath every mount point */
};

const char *cgroup_name(enum cgroup_controller controller) PURE; /* "memory", …; v2's names where they differ: io */
/* Looks at the host; joins nothing. -ENOENT when no cgroup file system is mounted at /sys/fs/cgroup. */
int cgroup_init(struct cgroup *c, const char *path) MUST_CHECK;
bool cgroup_host_is_v2(void);
void cgroup_deinit(struct cgroup *c); /* closes; the folders stay */
/* Makes the folder (and what is above it, in v2 with the controllers enabled there). -ENOENT: no such hierarchy.
 * v1's cpuset gets its parent's cpus and mems, else nothing could run in it. */
int cgroup_make(struct cgroup *c, enum cgroup_controller controller) MUST_CHECK;
/* Removes the folder again, in which nobody is. */
int cgroup_unmake(struct cgroup *c, enum cgroup_controller controller) MUST_CHECK;
/* v2: lets these controllers work in the container's folder. */
int cgroup_enable(struct cgroup *c, uint32_t controllers) MUST_CHECK;
/* Opens the folder when it exists. */
int cgroup_attach(struct cgroup *c, enum cgroup_controller controller) MUST_CHECK;
/* v2: below a threaded cgroup a new one is of no use until it is made threaded too, and then only some controllers work
 * in it (cgroups(7)). -EOPNOTSUPP when these are not among them. */
int cgroup_accept_type(const struct cgroup *c, uint32_t controllers) MUST_CHECK;
/* v2: hands the folder, and what in it a delegate may write (cgroups(7)), to a user. */
int cgroup_delegate(const struct cgroup *c, uint32_t uid) MUST_CHECK;
/* The folder once more, as seen in the mount namespace of now. Returns the descriptor. */
int cgroup_reopen(const struct cgroup *c, enum cgroup_controller controller) MUST_CHECK;
/* The folder that the calling process is in already, as seen in the mount namespace of now. Returns the descriptor;
 * -ENOENT: no such hierarchy, or it does not reach that far down. */
int cgroup_open_own(enum cgroup_controller controller) MUST_CHECK;
/* Moves the calling process, which must have one thread only, into the folder. */
int cgroup_join(const struct cgroup *c, enum cgroup_controller controller) MUST_CHECK;
int cgroup_write(int dir_fd, const char *file, const char *text) MUST_CHECK;
int cgroup_read_u64(int dir_fd, const char *file, uint64_t *ret) MUST_CHECK;
/* Value of "key 123" in a flat keyed file; -ENOENT when the key is missing. */
int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret) MUST_CHECK;
/* Calls fn for each process of the container including those in cgroups beneath. */
int cgroup_each_pid(const struct cgroup *c, int (*fn)(void *arg, pid_t pid), void *arg) MUST_CHECK;
bool cgroup_has_processes(const struct cgroup *c);      /* or one beneath has */
bool cgroup_has_own_processes(const struct cgroup *c);
int cgroup_freeze(struct cgroup *c, bool freeze) MUST_CHECK;
bool cgroup_is_frozen(const struct cgroup *c);
/* SIGKILL to all of it, also to what is being forked meanwhile. */
int cgroup_kill(struct cgroup *c) MUST_CHECK;
/* Removes the folders with all beneath them; waits for the last process to be gone, at most wait_ms. */
int cgroup_remove(struct cgroup *c, int wait_ms) MUST_CHECK;
/* A descriptor that becomes ready (*ret_events) when memory ran out; -ENOENT without a memory controller. */
int cgroup_oom_fd(const struct cgroup *c, short *ret_events) MUST_CHECK;
/* Number of processes killed for lack of memory so far. */
uint64_t cgroup_oom_kills(const struct cgroup *c);

#endif
