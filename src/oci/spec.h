/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the OCI runtime specification 1.2 (Linux) as C structs, filled by the tables in spec.c. Everything
 * points into the document or the arena; a pointer that is NULL, a count of 0 or is_set == false mean "not given".
 */
#ifndef CUBE_OCI_SPEC_H
#define CUBE_OCI_SPEC_H

#include "base/str.h"
#include "oci/field.h"

#define OCI_SPEC_BYTES_MAX (4u << 20)
#define OCI_SPEC_VERSION "1.2.0"

struct oci_user {
	struct oci_u64 uid, gid, umask;
	struct oci_u32s additional_gids;
};
struct oci_rlimit {
	int type; /* RLIMIT_… */
	struct oci_u64 hard, soft;
};
struct oci_capabilities {
	struct oci_strings bounding, effective, inheritable, permitted, ambient;
};
struct oci_console_size {
	struct oci_u64 height, width;
};
struct oci_scheduler {
	int policy; /* SCHED_… */
	struct oci_i64 nice, priority;
	struct oci_strings flags;
	struct oci_u64 runtime, deadline, period;
};
struct oci_io_priority {
	int class;
	struct oci_i64 priority;
};
struct oci_cpu_affinity {
	const char *initial, *final;
};
struct oci_process {
	bool terminal, no_new_privileges;
	struct oci_console_size *console_size;
	struct oci_user *user; /* never NULL after oci_process_check */
	struct oci_strings args, env;
	const char *cwd, *apparmor_profile, *selinux_label;
	struct oci_capabilities *capabilities;
	struct oci_list rlimits; /* struct oci_rlimit */
	struct oci_i64 oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_cpu_affinity;
};
struct oci_root {
	const char *path;
	bool readonly;
};
struct oci_id_map {
	struct oci_u64 container_id, host_id, size;
};
struct oci_mount {
	const char *destination, *type, *source;
	struct oci_strings options;
	struct oci_list uid_mappings, gid_mappings; /* struct oci_id_map */
};
struct oci_hook {
	const char *path;
	struct oci_strings args, env;
	struct oci_i64 timeout;
};
struct oci_hooks { /* lists of struct oci_hook */
	struct oci_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};
struct oci_namespace {
	int type; /* index into the table of names; see oci_namespace_names */
	const char *path;
};
struct oci_device {
	const char *path, *type;
	struct oci_i64 major, minor;
	struct oci_u64 file_mode, uid, gid;
};
struct oci_device_rule {
	bool allow;
	const char *type, *access;
	struct oci_i64 major, minor;
};
struct oci_memory {
	struct oci_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct oci_u64 swappiness;
	bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct oci_cpu {
	struct oci_u64 shares, period, realtime_period, burst;
	struct oci_i64 quota, realtime_runtime, idle;
	const char *cpus, *mems;
};
struct oci_pids {
	struct oci_i64 limit;
};
struct oci_weight_device {
	struct oci_i64 major, minor;
	struct oci_u64 weight, leaf_weight;
};
struct oci_throttle_device {
	struct oci_i64 major, minor;
	struct oci_u64 rate;
};
struct oci_block_io {
	struct oci_u64 weight, leaf_weight;
	struct oci_list weight_device; /* struct oci_weight_device */
	struct oci_list throttle_read_bps, throttle_write_bps, throttle_read_iops, throttle_write_iops;
};
struct oci_hugepage_limit {
	const char *page_size;
	struct oci_u64 limit;
};
struct oci_interface_priority {
	const char *name;
	struct oci_u64 priority;
};
struct oci_network {
	struct oci_u64 class_id;
	struct oci_list priorities; /* struct oci_interface_priority */
};
struct oci_resources {
	struct oci_list devices; /* struct oci_device_rule */
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	struct oci_pids *pids;
	struct oci_block_io *block_io;
	struct oci_list hugepage_limits; /* struct oci_hugepage_limit */
	struct oci_network *network;
	yyjson_val *rdma;
	struct oci_map unified;
};
struct oci_seccomp_arg {
	struct oci_u64 index, value, value_two;
	int op; /* SCMP_CMP_… */
};
struct oci_syscall {
	struct oci_strings names;
	const char *action;
	struct oci_u64 errno_ret;
	struct oci_list args; /* struct oci_seccomp_arg */
};
struct oci_seccomp {
	const char *default_action;
	struct oci_u64 default_errno_ret;
	struct oci_strings architectures, flags;
	const char *listener_path, *listener_metadata;
	struct oci_list syscalls; /* struct oci_syscall */
};
struct oci_personality {
	const char *domain;
	struct oci_strings flags;
};
struct oci_time_offset {
	struct oci_i64 secs;
	struct oci_u64 nanosecs;
};
struct oci_time_offsets {
	struct oci_time_offset *monotonic, *boottime;
};
struct oci_memory_policy {
	const char *mode, *nodes;
	struct oci_strings flags;
};
#define OCI_NET_DEVICES_MAX 64
struct oci_net_device {
	const char *name, *new_name; /* the same when it keeps its name */
};
struct oci_linux {
	struct oci_list uid_mappings, gid_mappings; /* struct oci_id_map */
	struct oci_map sysctl;
	struct oci_resources *resources;
	const char *cgroups_path, *rootfs_propagation, *mount_label;
	struct oci_list namespaces; /* struct oci_namespace */
	struct oci_list devices;    /* struct oci_device */
	struct oci_seccomp *seccomp;
	struct oci_strings masked_paths, readonly_paths;
	struct oci_personality *personality;
	struct oci_time_offsets *time_offsets;
	struct oci_memory_policy *memory_policy;
	yyjson_val *net_devices_json;
	struct oci_list net_devices; /* struct oci_net_device */
};
struct oci_spec {
	const char *version, *hostname, *domainname;
	struct oci_process *process;
	struct oci_root *root;
	struct oci_list mounts; /* struct oci_mount */
	struct oci_hooks *hooks;
	struct oci_map annotations;
	struct oci_linux *linux_part; /* never NULL after oci_spec_decode */
};

enum oci_namespace_type {
	OCI_NS_USER, OCI_NS_PID, OCI_NS_MOUNT, OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_CGROUP, OCI_NS_TIME,
};

extern const struct field_table oci_process_table, oci_resources_table;
extern const struct field_name oci_namespace_names[];

/* Decodes and checks what holds for every container: version, absolute paths, namespaces named once, ranges. */
int oci_spec_decode(yyjson_val *root, struct arena *arena, struct oci_spec *ret, struct err *err) MUST_CHECK;
int oci_process_check(struct arena *arena, struct oci_process *process, const char *path,
		      struct err *err) MUST_CHECK;
/* Parses a whole file's bytes; they must stay. The document is freed by the caller. */
int oci_json_parse(struct str bytes, const char *what, yyjson_doc **ret, struct err *err) MUST_CHECK;

#define OCI_ITEM(list, type, index) (&((type *)(list).items)[index])

#endif
