/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container shall be: the request that the kubelet, the engine and the CRI fill in. A zeroed
 * spec with an image is valid and means Docker's defaults. Specs are plain values that borrow
 * everything; spec_copy() makes one that owns it.
 */
#ifndef CUBE_CONTAINER_SPEC_H
#define CUBE_CONTAINER_SPEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "oci/image_config.h"

enum container_mount_type { CONTAINER_MOUNT_BIND, CONTAINER_MOUNT_TMPFS };
enum container_propagation {
	CONTAINER_PRIVATE,
	CONTAINER_HOST_TO_CONTAINER,
	CONTAINER_BIDIRECTIONAL
};

struct container_mount {
	enum container_mount_type type;
	struct str source;   /* bind: absolute path on the host; must exist */
	struct str sub_path; /* bind: below source and resolved beneath it; made as a folder when
				missing */
	struct str target;   /* absolute path in the container; made when missing */
	bool read_only;
	bool recursive_read_only; /* read_only for mounts below source, too */
	bool make_source;	  /* bind: make source as a folder when missing */
	enum container_propagation propagation;
	int64_t tmpfs_bytes;	 /* 0 = kernel's default */
	uint32_t tmpfs_mode;	 /* 0 = 01777 */
	struct str_list options; /* further mount options: "noexec", ... */
};

struct container_device {
	struct str host_path, container_path;
	struct str permissions; /* "rwm" when empty */
};

struct container_resources { /* 0 and empty = not limited */
	int64_t memory_bytes;
	int64_t memory_reservation_bytes;
	int64_t memory_swap_bytes; /* memory and swap; -1 = unlimited */
	uint64_t cpu_shares;
	int64_t cpu_quota_us;
	uint64_t cpu_period_us;
	struct str cpuset_cpus, cpuset_mems;
	int64_t pids_max;
	const struct oci_pair *unified; /* cgroup v2 files, as they are */
	size_t unified_count;
};

struct container_rlimit {
	struct str name; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

enum container_log_format { CONTAINER_LOG_CRI, CONTAINER_LOG_JSON_FILE, CONTAINER_LOG_NONE };
enum container_namespace {
	CONTAINER_NAMESPACE_DEFAULT, /* sandbox: own; in a sandbox: the sandbox's (pid: own); else
					own */
	CONTAINER_NAMESPACE_OWN,
	CONTAINER_NAMESPACE_SANDBOX, /* pid: that of the sandbox (shareProcessNamespace) */
	CONTAINER_NAMESPACE_HOST,
	CONTAINER_NAMESPACE_CONTAINER, /* pid only: that of target_id */
};

struct container_spec {
	struct str name;       /* unique among all containers; empty = none */
	bool is_sandbox;       /* pause process; image, command and mounts are not used */
	struct str sandbox_id; /* the sandbox it belongs to; empty = none */
	struct str image;      /* reference or ID */
	const struct oci_pair *labels;
	size_t label_count;
	const struct oci_pair *annotations;
	size_t annotation_count;

	/* entrypoint replaces the image's and then the image's cmd is not used; args replaces cmd.
	 */
	struct str_list entrypoint, args;
	bool clear_entrypoint; /* docker run --entrypoint "" */
	struct str_list env;   /* "NAME=value", after the image's; later ones win */
	struct str working_dir;
	/* "user", "uid", "user:group", ...: looked up in the image's /etc/passwd and /etc/group.
	 * Empty = the image's. */
	struct str user;
	bool has_uid, has_gid; /* as numbers: they win over user */
	uint32_t uid, gid;
	const uint32_t *supplemental_groups;
	size_t supplemental_group_count;
	bool only_listed_groups; /* do not add those of the image's /etc/group */
	bool refuse_root;	 /* runAsNonRoot */
	struct str stop_signal;	 /* "SIGTERM", "15"; empty = the image's or SIGTERM */
	bool terminal, want_stdin, stdin_once;
	uint16_t rows, columns;

	const struct container_mount *mounts;
	size_t mount_count;
	const struct container_device *devices;
	size_t device_count;
	struct container_resources resources;
	const struct container_rlimit *rlimits;
	size_t rlimit_count;
	const struct oci_pair *sysctls;
	size_t sysctl_count;

	bool privileged;
	struct str_list cap_add, cap_drop; /* "NET_ADMIN", "CAP_NET_ADMIN", "ALL" */
	bool no_new_privileges;
	bool read_only_root;
	bool unmask_proc; /* no masked and read-only paths */
	bool seccomp_unconfined;
	struct str seccomp_profile; /* JSON in OCI form; empty = the built-in profile */
	bool has_oom_score_adj;
	int oom_score_adj;

	enum container_namespace network, pid, ipc,
		uts; /* in a sandbox, all but pid follow the sandbox */
	struct str pid_target_id;
	struct str hostname, domainname; /* own uts only; hostname empty = first 12 of the id */
	struct str resolv_conf;		 /* content; empty = a copy of the host's */
	const struct oci_pair *hosts;	 /* further lines of /etc/hosts: address, names */
	size_t host_count;
	bool keep_hosts_file;	  /* do not mount an /etc/hosts: the caller brings one */
	struct str cgroup_parent; /* "/kubepods/burstable/pod…"; empty = the sandbox's or the
				     service's */

	enum container_log_format log_format;
	struct str log_path; /* absolute; empty = in the container's folder (none for a sandbox) */
	int64_t log_bytes_max; /* 0 = no rotation by the monitor */
	uint32_t log_files_max;
};

/* A copy whose memory is all in the arena. */
void spec_copy(const struct container_spec *spec, struct arena *arena, struct container_spec *ret);
struct str spec_label(const struct container_spec *spec,
		      struct str key); /* ptr NULL when there is none */

#endif
