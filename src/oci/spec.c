/* SPDX-License-Identifier: Apache-2.0 */
/* See spec.h. Only tables; what no single row can state is in spec_check.c. */
#include "oci/spec.h"

#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include "base/str.h"
#include "oci/spec_check.h"

/* clang-format off */
#define ROW(s, member, json, kind, ...) \
	{ .name = json, .type = kind, .offset = offsetof(struct s, member), __VA_ARGS__ }
#define TABLE(id, s, ...) \
	static const struct field id##_fields[] = { __VA_ARGS__, { 0 } }; \
	static const struct field_table id##_table = { sizeof(struct s), id##_fields }
#define PUBLIC_TABLE(id, s, ...) \
	static const struct field id##_fields[] = { __VA_ARGS__, { 0 } }; \
	const struct field_table id##_table = { sizeof(struct s), id##_fields }
#define REQUIRED .is_required = true
#define SUB(id) .with.sub = &id##_table
#define NAMES(list) .with.names = (list)
#define MAX(bound) .max = (bound)
#define UID_MAX (UINT32_MAX - 1)

static const struct field_name rlimit_names[] = {
	{ "RLIMIT_CPU", RLIMIT_CPU }, { "RLIMIT_FSIZE", RLIMIT_FSIZE }, { "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_STACK", RLIMIT_STACK }, { "RLIMIT_CORE", RLIMIT_CORE }, { "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_NPROC", RLIMIT_NPROC }, { "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_AS", RLIMIT_AS }, { "RLIMIT_LOCKS", RLIMIT_LOCKS }, { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE }, { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME }, { 0 },
};
static const struct field_name scheduler_names[] = {
	{ "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH }, { "SCHED_ISO", 4 }, { "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", 6 }, { 0 },
};
static const struct field_name io_class_names[] = {
	{ "IOPRIO_CLASS_RT", 1 }, { "IOPRIO_CLASS_BE", 2 }, { "IOPRIO_CLASS_IDLE", 3 }, { 0 },
};
const struct field_name oci_namespace_names[] = {
	{ "user", OCI_NS_USER }, { "pid", OCI_NS_PID }, { "mount", OCI_NS_MOUNT }, { "network", OCI_NS_NETWORK },
	{ "ipc", OCI_NS_IPC }, { "uts", OCI_NS_UTS }, { "cgroup", OCI_NS_CGROUP }, { "time", OCI_NS_TIME }, { 0 },
};
/* in the order of libseccomp's enum scmp_compare */
static const struct field_name compare_names[] = {
	{ "SCMP_CMP_NE", 1 }, { "SCMP_CMP_LT", 2 }, { "SCMP_CMP_LE", 3 }, { "SCMP_CMP_EQ", 4 }, { "SCMP_CMP_GE", 5 },
	{ "SCMP_CMP_GT", 6 }, { "SCMP_CMP_MASKED_EQ", 7 }, { 0 },
};

TABLE(console_size, oci_console_size,
	ROW(oci_console_size, height, "height", FIELD_U64, REQUIRED, MAX(UINT16_MAX)),
	ROW(oci_console_size, width, "width", FIELD_U64, REQUIRED, MAX(UINT16_MAX)));
TABLE(user, oci_user,
	ROW(oci_user, uid, "uid", FIELD_U64, MAX(UID_MAX)),
	ROW(oci_user, gid, "gid", FIELD_U64, MAX(UID_MAX)),
	ROW(oci_user, umask, "umask", FIELD_U64, MAX(0777)),
	ROW(oci_user, additional_gids, "additionalGids", FIELD_U32S));
TABLE(rlimit, oci_rlimit,
	ROW(oci_rlimit, type, "type", FIELD_ENUM, REQUIRED, NAMES(rlimit_names)),
	ROW(oci_rlimit, hard, "hard", FIELD_U64, REQUIRED),
	ROW(oci_rlimit, soft, "soft", FIELD_U64, REQUIRED));
TABLE(capabilities, oci_capabilities,
	ROW(oci_capabilities, bounding, "bounding", FIELD_STRINGS),
	ROW(oci_capabilities, effective, "effective", FIELD_STRINGS),
	ROW(oci_capabilities, inheritable, "inheritable", FIELD_STRINGS),
	ROW(oci_capabilities, permitted, "permitted", FIELD_STRINGS),
	ROW(oci_capabilities, ambient, "ambient", FIELD_STRINGS));
TABLE(scheduler, oci_scheduler,
	ROW(oci_scheduler, policy, "policy", FIELD_ENUM, REQUIRED, NAMES(scheduler_names)),
	ROW(oci_scheduler, nice, "nice", FIELD_I64, MAX(20)),
	ROW(oci_scheduler, priority, "priority", FIELD_I64, MAX(99)),
	ROW(oci_scheduler, flags, "flags", FIELD_STRINGS),
	ROW(oci_scheduler, runtime, "runtime", FIELD_U64),
	ROW(oci_scheduler, deadline, "deadline", FIELD_U64),
	ROW(oci_scheduler, period, "period", FIELD_U64));
TABLE(io_priority, oci_io_priority,
	ROW(oci_io_priority, class, "class", FIELD_ENUM, REQUIRED, NAMES(io_class_names)),
	ROW(oci_io_priority, priority, "priority", FIELD_I64, MAX(7)));
TABLE(cpu_affinity, oci_cpu_affinity,
	ROW(oci_cpu_affinity, initial, "initial", FIELD_STRING),
	ROW(oci_cpu_affinity, final, "final", FIELD_STRING));

PUBLIC_TABLE(oci_process, oci_process,
	ROW(oci_process, terminal, "terminal", FIELD_BOOL),
	ROW(oci_process, console_size, "consoleSize", FIELD_OBJECT, SUB(console_size)),
	ROW(oci_process, user, "user", FIELD_OBJECT, SUB(user)),
	ROW(oci_process, args, "args", FIELD_STRINGS),
	ROW(oci_process, env, "env", FIELD_STRINGS),
	ROW(oci_process, cwd, "cwd", FIELD_STRING, REQUIRED),
	ROW(oci_process, capabilities, "capabilities", FIELD_OBJECT, SUB(capabilities)),
	ROW(oci_process, rlimits, "rlimits", FIELD_LIST, SUB(rlimit)),
	ROW(oci_process, no_new_privileges, "noNewPrivileges", FIELD_BOOL),
	ROW(oci_process, apparmor_profile, "apparmorProfile", FIELD_STRING),
	ROW(oci_process, oom_score_adj, "oomScoreAdj", FIELD_I64, MAX(1000)),
	ROW(oci_process, scheduler, "scheduler", FIELD_OBJECT, SUB(scheduler)),
	ROW(oci_process, selinux_label, "selinuxLabel", FIELD_STRING),
	ROW(oci_process, io_priority, "ioPriority", FIELD_OBJECT, SUB(io_priority)),
	ROW(oci_process, exec_cpu_affinity, "execCPUAffinity", FIELD_OBJECT, SUB(cpu_affinity)));

TABLE(root, oci_root,
	ROW(oci_root, path, "path", FIELD_STRING), /* a job with an overlay has none */
	ROW(oci_root, readonly, "readonly", FIELD_BOOL));
TABLE(id_map, oci_id_map,
	ROW(oci_id_map, container_id, "containerID", FIELD_U64, REQUIRED, MAX(UINT32_MAX)),
	ROW(oci_id_map, host_id, "hostID", FIELD_U64, REQUIRED, MAX(UINT32_MAX)),
	ROW(oci_id_map, size, "size", FIELD_U64, REQUIRED, MAX(UINT32_MAX)));
TABLE(mounts, oci_mount,
	ROW(oci_mount, destination, "destination", FIELD_STRING, REQUIRED),
	ROW(oci_mount, type, "type", FIELD_STRING),
	ROW(oci_mount, source, "source", FIELD_STRING),
	ROW(oci_mount, options, "options", FIELD_STRINGS),
	ROW(oci_mount, uid_mappings, "uidMappings", FIELD_LIST, SUB(id_map)),
	ROW(oci_mount, gid_mappings, "gidMappings", FIELD_LIST, SUB(id_map)));
TABLE(hook, oci_hook,
	ROW(oci_hook, path, "path", FIELD_STRING, REQUIRED),
	ROW(oci_hook, args, "args", FIELD_STRINGS),
	ROW(oci_hook, env, "env", FIELD_STRINGS),
	ROW(oci_hook, timeout, "timeout", FIELD_I64, MAX(INT32_MAX)));
TABLE(hooks, oci_hooks,
	ROW(oci_hooks, prestart, "prestart", FIELD_LIST, SUB(hook)),
	ROW(oci_hooks, create_runtime, "createRuntime", FIELD_LIST, SUB(hook)),
	ROW(oci_hooks, create_container, "createContainer", FIELD_LIST, SUB(hook)),
	ROW(oci_hooks, start_container, "startContainer", FIELD_LIST, SUB(hook)),
	ROW(oci_hooks, poststart, "poststart", FIELD_LIST, SUB(hook)),
	ROW(oci_hooks, poststop, "poststop", FIELD_LIST, SUB(hook)));
TABLE(namespaces, oci_namespace,
	ROW(oci_namespace, type, "type", FIELD_ENUM, REQUIRED, NAMES(oci_namespace_names)),
	ROW(oci_namespace, path, "path", FIELD_STRING));
TABLE(device, oci_device,
	ROW(oci_device, path, "path", FIELD_STRING, REQUIRED),
	ROW(oci_device, type, "type", FIELD_STRING, REQUIRED),
	ROW(oci_device, major, "major", FIELD_I64, MAX(INT32_MAX)),
	ROW(oci_device, minor, "minor", FIELD_I64, MAX(INT32_MAX)),
	ROW(oci_device, file_mode, "fileMode", FIELD_U64, MAX(UINT32_MAX)),
	ROW(oci_device, uid, "uid", FIELD_U64, MAX(UID_MAX)),
	ROW(oci_device, gid, "gid", FIELD_U64, MAX(UID_MAX)));
TABLE(device_rule, oci_device_rule,
	ROW(oci_device_rule, allow, "allow", FIELD_BOOL, REQUIRED),
	ROW(oci_device_rule, type, "type", FIELD_STRING),
	ROW(oci_device_rule, major, "major", FIELD_I64, MAX(INT32_MAX)),
	ROW(oci_device_rule, minor, "minor", FIELD_I64, MAX(INT32_MAX)),
	ROW(oci_device_rule, access, "access", FIELD_STRING));
TABLE(memory, oci_memory,
	ROW(oci_memory, limit, "limit", FIELD_I64),
	ROW(oci_memory, reservation, "reservation", FIELD_I64),
	ROW(oci_memory, swap, "swap", FIELD_I64),
	ROW(oci_memory, kernel, "kernel", FIELD_I64),
	ROW(oci_memory, kernel_tcp, "kernelTCP", FIELD_I64),
	ROW(oci_memory, swappiness, "swappiness", FIELD_U64, MAX(200)),
	ROW(oci_memory, disable_oom_killer, "disableOOMKiller", FIELD_BOOL),
	ROW(oci_memory, use_hierarchy, "useHierarchy", FIELD_BOOL),
	ROW(oci_memory, check_before_update, "checkBeforeUpdate", FIELD_BOOL));
TABLE(cpu, oci_cpu,
	ROW(oci_cpu, shares, "shares", FIELD_U64),
	ROW(oci_cpu, quota, "quota", FIELD_I64),
	ROW(oci_cpu, burst, "burst", FIELD_U64),
	ROW(oci_cpu, period, "period", FIELD_U64),
	ROW(oci_cpu, realtime_runtime, "realtimeRuntime", FIELD_I64),
	ROW(oci_cpu, realtime_period, "realtimePeriod", FIELD_U64),
	ROW(oci_cpu, cpus, "cpus", FIELD_STRING),
	ROW(oci_cpu, mems, "mems", FIELD_STRING),
	ROW(oci_cpu, idle, "idle", FIELD_I64, MAX(1)));
TABLE(pids, oci_pids,
	ROW(oci_pids, limit, "limit", FIELD_I64));
TABLE(weight_device, oci_weight_device,
	ROW(oci_weight_device, major, "major", FIELD_I64, REQUIRED, MAX(INT32_MAX)),
	ROW(oci_weight_device, minor, "minor", FIELD_I64, REQUIRED, MAX(INT32_MAX)),
	ROW(oci_weight_device, weight, "weight", FIELD_U64, MAX(10000)),
	ROW(oci_weight_device, leaf_weight, "leafWeight", FIELD_U64, MAX(10000)));
TABLE(throttle_device, oci_throttle_device,
	ROW(oci_throttle_device, major, "major", FIELD_I64, REQUIRED, MAX(INT32_MAX)),
	ROW(oci_throttle_device, minor, "minor", FIELD_I64, REQUIRED, MAX(INT32_MAX)),
	ROW(oci_throttle_device, rate, "rate", FIELD_U64, REQUIRED));
TABLE(block_io, oci_block_io,
	ROW(oci_block_io, weight, "weight", FIELD_U64, MAX(10000)),
	ROW(oci_block_io, leaf_weight, "leafWeight", FIELD_U64, MAX(10000)),
	ROW(oci_block_io, weight_device, "weightDevice", FIELD_LIST, SUB(weight_device)),
	ROW(oci_block_io, throttle_read_bps, "throttleReadBpsDevice", FIELD_LIST, SUB(throttle_device)),
	ROW(oci_block_io, throttle_write_bps, "throttleWriteBpsDevice", FIELD_LIST, SUB(throttle_device)),
	ROW(oci_block_io, throttle_read_iops, "throttleReadIOPSDevice", FIELD_LIST, SUB(throttle_device)),
	ROW(oci_block_io, throttle_write_iops, "throttleWriteIOPSDevice", FIELD_LIST, SUB(throttle_device)));
TABLE(hugepage_limit, oci_hugepage_limit,
	ROW(oci_hugepage_limit, page_size, "pageSize", FIELD_STRING, REQUIRED),
	ROW(oci_hugepage_limit, limit, "limit", FIELD_U64, REQUIRED));
TABLE(interface_priority, oci_interface_priority,
	ROW(oci_interface_priority, name, "name", FIELD_STRING, REQUIRED),
	ROW(oci_interface_priority, priority, "priority", FIELD_U64, REQUIRED, MAX(UINT32_MAX)));
TABLE(network, oci_network,
	ROW(oci_network, class_id, "classID", FIELD_U64, MAX(UINT32_MAX)),
	ROW(oci_network, priorities, "priorities", FIELD_LIST, SUB(interface_priority)));
PUBLIC_TABLE(oci_resources, oci_resources,
	ROW(oci_resources, devices, "devices", FIELD_LIST, SUB(device_rule)),
	ROW(oci_resources, memory, "memory", FIELD_OBJECT, SUB(memory)),
	ROW(oci_resources, cpu, "cpu", FIELD_OBJECT, SUB(cpu)),
	ROW(oci_resources, pids, "pids", FIELD_OBJECT, SUB(pids)),
	ROW(oci_resources, block_io, "blockIO", FIELD_OBJECT, SUB(block_io)),
	ROW(oci_resources, hugepage_limits, "hugepageLimits", FIELD_LIST, SUB(hugepage_limit)),
	ROW(oci_resources, network, "network", FIELD_OBJECT, SUB(network)),
	ROW(oci_resources, rdma, "rdma", FIELD_RAW),
	ROW(oci_resources, unified, "unified", FIELD_MAP));
TABLE(seccomp_arg, oci_seccomp_arg,
	ROW(oci_seccomp_arg, index, "index", FIELD_U64, REQUIRED, MAX(5)),
	ROW(oci_seccomp_arg, value, "value", FIELD_U64, REQUIRED),
	ROW(oci_seccomp_arg, value_two, "valueTwo", FIELD_U64),
	ROW(oci_seccomp_arg, op, "op", FIELD_ENUM, REQUIRED, NAMES(compare_names)));
TABLE(syscalls, oci_syscall,
	ROW(oci_syscall, names, "names", FIELD_STRINGS, REQUIRED),
	ROW(oci_syscall, action, "action", FIELD_STRING, REQUIRED),
	ROW(oci_syscall, errno_ret, "errnoRet", FIELD_U64, MAX(4095)),
	ROW(oci_syscall, args, "args", FIELD_LIST, SUB(seccomp_arg)));
TABLE(oci_seccomp, oci_seccomp,
	ROW(oci_seccomp, default_action, "defaultAction", FIELD_STRING, REQUIRED),
	ROW(oci_seccomp, default_errno_ret, "defaultErrnoRet", FIELD_U64, MAX(4095)),
	ROW(oci_seccomp, architectures, "architectures", FIELD_STRINGS),
	ROW(oci_seccomp, flags, "flags", FIELD_STRINGS),
	ROW(oci_seccomp, listener_path, "listenerPath", FIELD_STRING),
	ROW(oci_seccomp, listener_metadata, "listenerMetadata", FIELD_STRING),
	ROW(oci_seccomp, syscalls, "syscalls", FIELD_LIST, SUB(syscalls)));
TABLE(personality, oci_personality,
	ROW(oci_personality, domain, "domain", FIELD_STRING, REQUIRED),
	ROW(oci_personality, flags, "flags", FIELD_STRINGS));
TABLE(time_offset, oci_time_offset,
	ROW(oci_time_offset, secs, "secs", FIELD_I64),
	ROW(oci_time_offset, nanosecs, "nanosecs", FIELD_U64, MAX(999999999)));
TABLE(time_offsets, oci_time_offsets,
	ROW(oci_time_offsets, monotonic, "monotonic", FIELD_OBJECT, SUB(time_offset)),
	ROW(oci_time_offsets, boottime, "boottime", FIELD_OBJECT, SUB(time_offset)),
	{ .name = "realtime", .type = FIELD_REFUSED, .with.text = "this clock is the same in all time namespaces" });
TABLE(memory_policy, oci_memory_policy,
	ROW(oci_memory_policy, mode, "mode", FIELD_STRING),
	ROW(oci_memory_policy, nodes, "nodes", FIELD_STRING),
	ROW(oci_memory_policy, flags, "flags", FIELD_STRINGS));
TABLE(linux_part, oci_linux,
	ROW(oci_linux, uid_mappings, "uidMappings", FIELD_LIST, SUB(id_map)),
	ROW(oci_linux, gid_mappings, "gidMappings", FIELD_LIST, SUB(id_map)),
	ROW(oci_linux, sysctl, "sysctl", FIELD_MAP),
	ROW(oci_linux, resources, "resources", FIELD_OBJECT, SUB(oci_resources)),
	ROW(oci_linux, cgroups_path, "cgroupsPath", FIELD_STRING),
	ROW(oci_linux, namespaces, "namespaces", FIELD_LIST, SUB(namespaces)),
	ROW(oci_linux, devices, "devices", FIELD_LIST, SUB(device)),
	ROW(oci_linux, seccomp, "seccomp", FIELD_OBJECT, SUB(oci_seccomp)),
	ROW(oci_linux, rootfs_propagation, "rootfsPropagation", FIELD_STRING),
	ROW(oci_linux, masked_paths, "maskedPaths", FIELD_STRINGS),
	ROW(oci_linux, readonly_paths, "readonlyPaths", FIELD_STRINGS),
	ROW(oci_linux, mount_label, "mountLabel", FIELD_STRING),
	ROW(oci_linux, personality, "personality", FIELD_OBJECT, SUB(personality)),
	ROW(oci_linux, time_offsets, "timeOffsets", FIELD_OBJECT, SUB(time_offsets)),
	ROW(oci_linux, memory_policy, "memoryPolicy", FIELD_OBJECT, SUB(memory_policy)),
	ROW(oci_linux, net_devices_json, "netDevices", FIELD_RAW),
	{ .name = "intelRdt", .type = FIELD_REFUSED, .with.text = "Intel RDT is not supported" });
TABLE(oci_spec, oci_spec,
	ROW(oci_spec, version, "ociVersion", FIELD_STRING, REQUIRED),
	ROW(oci_spec, process, "process", FIELD_OBJECT, SUB(oci_process)),
	ROW(oci_spec, root, "root", FIELD_OBJECT, SUB(root)),
	ROW(oci_spec, hostname, "hostname", FIELD_STRING),
	ROW(oci_spec, domainname, "domainname", FIELD_STRING),
	ROW(oci_spec, mounts, "mounts", FIELD_LIST, SUB(mounts)),
	ROW(oci_spec, hooks, "hooks", FIELD_OBJECT, SUB(hooks)),
	ROW(oci_spec, annotations, "annotations", FIELD_MAP),
	ROW(oci_spec, linux_part, "linux", FIELD_OBJECT, SUB(linux_part)));
/* clang-format on */

/* As the kernel takes them: 1 to 15 bytes that mean nothing in a path, an address or a pattern. */
static bool is_device_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 15 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *c = name; *c; c++) {
		if (*c == '/' || *c == ':' || *c == '%' || *c == ' ' || (*c >= '\t' && *c <= '\r'))
			return false;
	}
	return true;
}

static int decode_net_device(yyjson_val *key, yyjson_val *value, struct oci_net_device *ret, struct err *err)
{
	yyjson_val *name = field_get(value, "name");

	ret->name = ret->new_name = yyjson_get_str(key);
	if (!is_device_name(ret->name) || strlen(ret->name) != yyjson_get_len(key))
		return err_set(err, ERR_INVALID, "linux.netDevices: invalid device name \"%.40s\"", ret->name);
	if (!yyjson_is_obj(value))
		return err_set(err, ERR_INVALID, "linux.netDevices.%s: expected an object", ret->name);
	if (name && !yyjson_is_str(name))
		return err_set(err, ERR_INVALID, "linux.netDevices.%s.name: expected a string", ret->name);
	if (!name || yyjson_get_len(name) == 0)
		return 0;
	ret->new_name = yyjson_get_str(name);
	if (!is_device_name(ret->new_name) || strlen(ret->new_name) != yyjson_get_len(name))
		return err_set(err, ERR_INVALID, "linux.netDevices.%s.name: invalid device name \"%.40s\"", ret->name,
			       ret->new_name);
	return 0;
}

/* A map by the name that the device has on the host. */
static int decode_net_devices(struct oci_linux *l, struct arena *arena, struct err *err)
{
	struct oci_net_device *items;
	yyjson_val *key, *value;
	size_t index, count;
	bool has_network = false;

	if (!l->net_devices_json || yyjson_is_null(l->net_devices_json))
		return 0;
	if (!yyjson_is_obj(l->net_devices_json))
		return err_set(err, ERR_INVALID, "linux.netDevices: expected an object");
	count = yyjson_obj_size(l->net_devices_json);
	if (count > OCI_NET_DEVICES_MAX)
		return err_set(err, ERR_TOO_LARGE, "linux.netDevices: more than %d", OCI_NET_DEVICES_MAX);
	for (size_t i = 0; i < l->namespaces.count; i++)
		has_network |= OCI_ITEM(l->namespaces, struct oci_namespace, i)->type == OCI_NS_NETWORK;
	if (count > 0 && !has_network)
		return err_set(err, ERR_INVALID, "linux.netDevices: needs a namespace of type \"network\"");
	items = arena_array(arena, count + 1, sizeof(*items));
	yyjson_obj_foreach(l->net_devices_json, index, count, key, value)
	{
		if (decode_net_device(key, value, &items[index], err) < 0)
			return -1;
		for (size_t i = 0; i < index; i++) {
			if (strcmp(items[i].new_name, items[index].new_name) == 0)
				return err_set(err, ERR_INVALID, "linux.netDevices.%s.name: \"%s\" is given twice",
					       items[index].name, items[index].new_name);
		}
	}
	l->net_devices = (struct oci_list){ items, yyjson_obj_size(l->net_devices_json) };
	return 0;
}

int oci_spec_decode(yyjson_val *root, struct arena *arena, struct oci_spec *ret, struct err *err)
{
	if (field_decode(&oci_spec_table, root, arena, ret, err) < 0)
		return -1;
	if (!ret->linux_part)
		ret->linux_part = ARENA_NEW(arena, struct oci_linux);
	if (ret->process && oci_process_check(arena, ret->process, "process", err) < 0)
		return -1;
	if (decode_net_devices(ret->linux_part, arena, err) < 0)
		return -1;
	return oci_spec_check(ret, err);
}

int oci_json_parse(struct str bytes, const char *what, yyjson_doc **ret, struct err *err)
{
	yyjson_read_err read_err;
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)bytes.ptr, bytes.len, 0, NULL, &read_err);

	if (!doc)
		return err_set(err, ERR_PARSE, "%s: %s at byte %zu", what, read_err.msg, read_err.pos);
	*ret = doc;
	return 0;
}
