/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a container's process: mounts, namespaces, resources, devices, hidden paths. */
#include "container/config_internal.h"

static const char *const masked_paths[] = {
	"/proc/asound",	    "/proc/acpi",	 "/proc/interrupts",
	"/proc/kcore",	    "/proc/keys",	 "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",	    "/sys/firmware",	 "/sys/devices/virtual/powercap",
};
static const char *const read_only_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* What every container has mounted. Options are separated by commas; "ro" is left out for
 * privileged ones. */
static const struct default_mount {
	const char *target, *type, *source, *options;
} default_mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
	  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
};

static bool is_mounted_by_request(const struct config_input *in, struct str target)
{
	for (size_t i = 0; i < in->mount_count; i++) {
		if (str_eq(in->mounts[i].target, target))
			return true;
	}
	return false;
}

static yyjson_mut_val *put_mount(yyjson_mut_doc *doc, yyjson_mut_val *list, struct str target,
				 struct str type, struct str source)
{
	yyjson_mut_val *item = json_append_object(doc, list);

	json_set_str(doc, item, "destination", target);
	json_set_str(doc, item, "type", type);
	json_set_str(doc, item, "source", source);
	return json_set_array(doc, item, "options");
}

static void put_default(const struct config_input *in, const struct default_mount *m,
			yyjson_mut_doc *doc, yyjson_mut_val *list)
{
	struct str options = str_from(m->options), option, target = str_from(m->target);
	yyjson_mut_val *to;

	if (is_mounted_by_request(in, target))
		return;
	if (in->shm_path.len && str_eq_c(target, "/dev/shm")) {
		to = put_mount(doc, list, target, STR("bind"), in->shm_path);
		json_append_str(doc, to, STR("rbind"));
		json_append_str(doc, to, STR("rprivate"));
		return;
	}
	to = put_mount(doc, list, target, str_from(m->type), str_from(m->source));
	while (str_next_part(&options, ',', &option)) {
		if (!in->spec->privileged || !str_eq_c(option, "ro"))
			json_append_str(doc, to, option);
	}
}

static void put_file(const struct config_input *in, struct str target, struct str source,
		     yyjson_mut_doc *doc, yyjson_mut_val *list)
{
	yyjson_mut_val *options;

	if (source.len == 0 || is_mounted_by_request(in, target))
		return;
	options = put_mount(doc, list, target, STR("bind"), source);
	json_append_str(doc, options, STR("rbind"));
	json_append_str(doc, options, STR("rprivate"));
	if (in->spec->read_only_root)
		json_append_str(doc, options, STR("ro"));
}

static size_t path_depth(struct str path)
{
	size_t depth = 0;

	for (size_t i = 0; i < path.len; i++)
		depth += path.ptr[i] == '/';
	return depth;
}

/* What lies deeper comes later, so that no mount hides another. Order is kept else. */
static void put_requested(const struct config_input *in, yyjson_mut_doc *doc, yyjson_mut_val *list)
{
	size_t deepest = 0;

	for (size_t i = 0; i < in->mount_count; i++) {
		size_t depth = path_depth(in->mounts[i].target);

		deepest = depth > deepest ? depth : deepest;
	}
	for (size_t depth = 0; depth <= deepest; depth++) {
		for (size_t i = 0; i < in->mount_count; i++) {
			const struct config_mount *m = &in->mounts[i];
			yyjson_mut_val *options;

			if (path_depth(m->target) != depth)
				continue;
			options = put_mount(doc, list, m->target, m->type, m->source);
			for (size_t k = 0; k < m->options.count; k++)
				json_append_str(doc, options, m->options.items[k]);
		}
	}
}

static void put_mounts(const struct config_input *in, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *list = json_set_array(doc, root, "mounts");

	for (size_t i = 0; i < ARRAY_COUNT(default_mounts); i++)
		put_default(in, &default_mounts[i], doc, list);
	put_file(in, STR("/etc/resolv.conf"), in->resolv_path, doc, list);
	put_file(in, STR("/etc/hostname"), in->hostname_path, doc, list);
	put_file(in, STR("/etc/hosts"), in->hosts_path, doc, list);
	put_requested(in, doc, list);
}

static void put_namespace(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *type,
			  const struct config_namespace *ns)
{
	yyjson_mut_val *item;

	if (ns->mode == CONFIG_NS_HOST)
		return;
	item = json_append_object(doc, list);
	json_set_str(doc, item, "type", str_from(type));
	if (ns->mode == CONFIG_NS_JOIN)
		json_set_str(doc, item, "path", ns->path);
}

static void put_namespaces(const struct config_input *in, yyjson_mut_doc *doc,
			   yyjson_mut_val *section)
{
	static const struct config_namespace own = { CONFIG_NS_OWN, STR_INIT("") };
	yyjson_mut_val *list = json_set_array(doc, section, "namespaces");

	put_namespace(doc, list, "mount", &own);
	put_namespace(doc, list, "pid", &in->pid);
	put_namespace(doc, list, "network", &in->network);
	put_namespace(doc, list, "ipc", &in->ipc);
	put_namespace(doc, list, "uts", &in->uts);
	if (!in->spec->privileged)
		put_namespace(doc, list, "cgroup", &own);
}

void config_resources(const struct container_resources *r, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *o;

	if (r->memory_bytes || r->memory_reservation_bytes || r->memory_swap_bytes) {
		o = json_set_object(doc, to, "memory");
		if (r->memory_bytes)
			json_set_int(doc, o, "limit", r->memory_bytes);
		if (r->memory_reservation_bytes)
			json_set_int(doc, o, "reservation", r->memory_reservation_bytes);
		if (r->memory_swap_bytes)
			json_set_int(doc, o, "swap", r->memory_swap_bytes);
	}
	if (r->cpu_shares || r->cpu_quota_us || r->cpu_period_us || r->cpuset_cpus.len ||
	    r->cpuset_mems.len) {
		o = json_set_object(doc, to, "cpu");
		if (r->cpu_shares)
			json_set(doc, o, "shares", yyjson_mut_uint(doc, r->cpu_shares));
		if (r->cpu_quota_us)
			json_set_int(doc, o, "quota", r->cpu_quota_us);
		if (r->cpu_period_us)
			json_set(doc, o, "period", yyjson_mut_uint(doc, r->cpu_period_us));
		if (r->cpuset_cpus.len)
			json_set_str(doc, o, "cpus", r->cpuset_cpus);
		if (r->cpuset_mems.len)
			json_set_str(doc, o, "mems", r->cpuset_mems);
	}
	if (r->pids_max)
		json_set_int(doc, json_set_object(doc, to, "pids"), "limit", r->pids_max);
	if (r->unified_count) {
		o = json_set_object(doc, to, "unified");
		for (size_t i = 0; i < r->unified_count; i++)
			json_put_str(doc, o, r->unified[i].key, r->unified[i].value);
	}
}

/* What is not limited is counted all the same: a runtime joins only the controllers that have
 * something to do. */
static void put_resources(const struct config_input *in, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	struct container_resources r = in->spec->resources;

	if (r.memory_bytes == 0 && r.memory_swap_bytes == 0)
		r.memory_bytes = -1;
	if (r.cpu_shares == 0 && in->has_cgroup_v1)
		r.cpu_shares = 1024;
	config_resources(&r, doc, to);
}

static void put_device_rules(const struct config_input *in, yyjson_mut_doc *doc,
			     yyjson_mut_val *resources)
{
	yyjson_mut_val *list = json_set_array(doc, resources, "devices"), *rule;

	rule = json_append_object(doc, list);
	json_set_bool(doc, rule, "allow", in->spec->privileged);
	json_set_str(doc, rule, "access", STR("rwm"));
	for (size_t i = 0; i < in->device_count && !in->spec->privileged; i++) {
		const struct config_device *d = &in->devices[i];

		rule = json_append_object(doc, list);
		json_set_bool(doc, rule, "allow", true);
		json_set_str(doc, rule, "type", d->type == 'b' ? STR("b") : STR("c"));
		json_set_int(doc, rule, "major", d->major);
		json_set_int(doc, rule, "minor", d->minor);
		json_set_str(doc, rule, "access", d->permissions.len ? d->permissions : STR("rwm"));
	}
}

static void put_devices(const struct config_input *in, yyjson_mut_doc *doc, yyjson_mut_val *section)
{
	yyjson_mut_val *list, *item;

	if (in->device_count == 0)
		return;
	list = json_set_array(doc, section, "devices");
	for (size_t i = 0; i < in->device_count; i++) {
		const struct config_device *d = &in->devices[i];

		item = json_append_object(doc, list);
		json_set_str(doc, item, "path", d->path);
		json_set_str(doc, item, "type",
			     d->type == 'b'   ? STR("b")
			     : d->type == 'p' ? STR("p")
					      : STR("c"));
		json_set_int(doc, item, "major", d->major);
		json_set_int(doc, item, "minor", d->minor);
		json_set_int(doc, item, "fileMode", d->mode);
		json_set_int(doc, item, "uid", d->uid);
		json_set_int(doc, item, "gid", d->gid);
	}
}

static void put_paths(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key,
		      const char *const *paths, size_t count)
{
	yyjson_mut_val *list = json_set_array(doc, to, key);

	for (size_t i = 0; i < count; i++)
		json_append_str(doc, list, str_from(paths[i]));
}

static int put_linux(const struct config_input *in, yyjson_mut_doc *doc, yyjson_mut_val *root,
		     struct err *err)
{
	const struct container_spec *spec = in->spec;
	yyjson_mut_val *section = json_set_object(doc, root, "linux"), *resources, *sysctls;

	json_set_str(doc, section, "cgroupsPath", in->cgroup_path);
	put_namespaces(in, doc, section);
	resources = json_set_object(doc, section, "resources");
	if (!spec->is_sandbox) /* a sandbox's are its pod's */
		put_resources(in, doc, resources);
	put_device_rules(in, doc, resources);
	put_devices(in, doc, section);
	if (!spec->privileged && !spec->unmask_proc) {
		put_paths(doc, section, "maskedPaths", masked_paths, ARRAY_COUNT(masked_paths));
		put_paths(doc, section, "readonlyPaths", read_only_paths,
			  ARRAY_COUNT(read_only_paths));
	}
	if (spec->sysctl_count) {
		sysctls = json_set_object(doc, section, "sysctl");
		for (size_t i = 0; i < spec->sysctl_count; i++)
			json_put_str(doc, sysctls, spec->sysctls[i].key, spec->sysctls[i].value);
	}
	if (spec->seccomp_profile.len && !spec->privileged && !spec->seccomp_unconfined) {
		AUTO_JSON profile = json_parse(spec->seccomp_profile, 1u << 20, err);

		if (!profile)
			return err_wrap(err, "seccomp profile");
		json_set(doc, section, "seccomp", json_copy(doc, yyjson_doc_get_root(profile)));
	}
	return 0;
}

static int put_process(const struct config_input *in, struct arena *arena, yyjson_mut_doc *doc,
		       yyjson_mut_val *root, struct err *err)
{
	const struct container_spec *spec = in->spec;
	struct config_exec process = {
		.env = config_env(in, arena),
		.user = in->user,
		.terminal = spec->terminal,
		.rows = spec->rows,
		.columns = spec->columns,
		.no_new_privileges = spec->no_new_privileges,
		.working_dir = spec->working_dir.len ? spec->working_dir
			       : in->image	     ? in->image->working_dir
						     : STR("/"),
		.spec = spec,
	};

	if (config_args(spec, in->image, arena, &process.argv, err) < 0 ||
	    config_capabilities(spec, &process.capabilities, err) < 0)
		return -1;
	if (process.working_dir.len && process.working_dir.ptr[0] != '/')
		process.working_dir = str_printf_in(arena, "/" STR_FMT,
						    STR_ARG(process.working_dir));
	config_process(&process, doc, json_set_object(doc, root, "process"));
	return 0;
}

int config_build(const struct config_input *in, struct arena *arena, yyjson_mut_doc *doc,
		 yyjson_mut_val *to, struct err *err)
{
	const struct container_spec *spec = in->spec;

	json_set_str(doc, to, "ociVersion", STR("1.2.0"));
	if (in->uts.mode == CONFIG_NS_OWN) {
		json_set_str(doc, to, "hostname", in->hostname);
		if (spec->domainname.len)
			json_set_str(doc, to, "domainname", spec->domainname);
	}
	if (spec->annotation_count) {
		yyjson_mut_val *annotations = json_set_object(doc, to, "annotations");

		for (size_t i = 0; i < spec->annotation_count; i++)
			json_put_str(doc, annotations, spec->annotations[i].key,
				     spec->annotations[i].value);
	}
	if (!spec->is_sandbox) {
		yyjson_mut_val *root = json_set_object(doc, to, "root");

		json_set_str(doc, root, "path", STR("/")); /* the job's overlay takes its place */
		json_set_bool(doc, root, "readonly", spec->read_only_root);
		if (put_process(in, arena, doc, to, err) < 0)
			return -1;
		put_mounts(in, doc, to);
	}
	return put_linux(in, doc, to, err);
}
