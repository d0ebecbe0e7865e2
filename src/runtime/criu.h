/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaking with criu, which saves and brings back processes: its messages (rpc.proto of criu) as
 * structs, and one call of `criu swrk`, which takes one request over a SOCK_SEQPACKET pair, asks
 * back by notifications and answers.
 */
#ifndef CUBE_RUNTIME_CRIU_H
#define CUBE_RUNTIME_CRIU_H

#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CRIU_MESSAGE_MAX (128u << 10) /* what a socket pair takes at once */

enum criu_type { CRIU_DUMP = 1, CRIU_RESTORE = 2, CRIU_PRE_DUMP = 4, CRIU_NOTIFY = 6 };
enum criu_network_lock { CRIU_LOCK_IPTABLES = 1, CRIU_LOCK_NFTABLES = 2 };
enum criu_cgroup_mode {
	CRIU_CGROUP_IGNORE = 0,
	CRIU_CGROUP_SOFT = 3,
	CRIU_CGROUP_FULL = 4,
	CRIU_CGROUP_STRICT = 5,
	CRIU_CGROUP_DEFAULT = 6,
};

struct criu_page_server {
	struct str address;
	int32_t port;
};
/* A mount whose source is outside: at the dump key is where it is mounted, value what it is called
 * in the images; at the restore key is what it was called, value the source. */
struct criu_mount {
	struct str key, value;
};
struct criu_join {
	struct str type, path;
};
struct criu_inherit {
	struct str key;
	int32_t fd; /* of criu itself; never 0, which would not be encoded */
};
struct criu_cgroup_root {
	struct str controller, path;
};
struct criu_options {
	int32_t images_dir_fd, work_dir_fd, status_fd; /* ours */
	int32_t pid, log_level;
	bool leave_running, ext_unix_sk, tcp_established, evasive_devices, shell_job, file_locks;
	bool notify_scripts, track_mem, auto_dedup, manage_cgroups, rst_sibling, lazy_pages,
		orphan_pts_master;
	int32_t manage_cgroups_mode, network_lock;
	uint64_t empty_ns;
	struct str log_file, root, parent_img, freeze_cgroup, config_file, lsm_profile,
		lsm_mount_context;
	struct criu_page_server *page_server;
	struct criu_mount *mounts;
	size_t mounts_count;
	struct str *externals;
	size_t externals_count;
	struct criu_join *joins;
	size_t joins_count;
	struct criu_inherit *inherits;
	size_t inherits_count;
	struct criu_cgroup_root *cgroup_roots;
	size_t cgroup_roots_count;
};
struct criu_notification {
	struct str script;
	int32_t pid;
};

struct criu_call {
	const char *program; /* path or name; NULL: "criu" */
	enum criu_type type;
	const struct criu_options *options;
	const char *log_path; /* where its log will be, for errors */
	/* In the process that becomes criu, before it does. */
	int (*prepare)(void *arg, struct err *err);
	/* fd: the descriptor that came with it, -1 for none; the callee may take it. */
	int (*notified)(void *arg, const struct criu_notification *notification, int *fd,
			struct err *err);
	void *arg;
};

/* A program in $PATH or where system programs are; NULL when it is not there. */
const char *criu_find_program(const char *name, struct arena *arena);
/* Fails with how to get it when criu is not there. */
int criu_find(const char *program, struct arena *arena, const char **ret_path,
	      struct err *err) MUST_CHECK;
int criu_run(const struct criu_call *call, struct arena *arena, struct err *err) MUST_CHECK;
/* The bytes of a request, and what an answer says: *ret_type, and for CRIU_NOTIFY the notification.
 * A failure that it reports is an error. */

int criu_encode(enum criu_type type, const struct criu_options *options, struct buf *to,
		struct err *err) MUST_CHECK;
int criu_decode(struct str bytes, struct arena *arena, enum criu_type *ret_type,
		struct criu_notification *ret, struct err *err) MUST_CHECK;

#endif
