/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine is: capacity and nodeInfo, read once at start-up.
 */
#include <sched.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/num.h"
#include "kubelet/kubelet.h"

static struct str read_line(const char *path, struct arena *arena)
{
	AUTO_BUF text = { 0 };
	struct str line, rest;

	buf_init(&text, 1 << 16);
	if (fd_read_file(AT_FDCWD, path, 1 << 16, &text, NULL) < 0)
		return STR_NONE; /* a container may hide it */
	rest = buf_str(&text);
	(void)str_next_part(&rest, '\n', &line); /* always at least one */
	return str_in(arena, str_trim(line));
}

/* PRETTY_NAME="..." of os-release */
static struct str os_name(struct arena *arena)
{
	AUTO_BUF text = { 0 };
	struct str rest, line;

	buf_init(&text, 1 << 16);
	if (fd_read_file(AT_FDCWD, "/etc/os-release", 1 << 16, &text, NULL) < 0)
		return STR("Linux");
	rest = buf_str(&text);
	while (str_next_part(&rest, '\n', &line)) {
		if (!str_strip_prefix(&line, STR("PRETTY_NAME=")))
			continue;
		(void)str_strip_prefix(&line, STR("\"")); /* quotes are optional */
		(void)str_strip_suffix(&line, STR("\""));
		return str_in(arena, line);
	}
	return STR("Linux");
}

static int64_t memory_bytes(void)
{
	AUTO_BUF text = { 0 };
	struct str rest, line;
	struct sysinfo info;
	uint64_t kib;

	buf_init(&text, 1 << 16);
	if (fd_read_file(AT_FDCWD, "/proc/meminfo", 1 << 16, &text, NULL) == 0) {
		rest = buf_str(&text);
		while (str_next_part(&rest, '\n', &line))
			if (str_strip_prefix(&line, STR("MemTotal:")) &&
			    str_strip_suffix(&line, STR(" kB")) &&
			    num_parse_u64(str_trim(line), INT64_MAX / 1024, "MemTotal", &kib,
					  NULL) == 0)
				return (int64_t)kib * 1024;
	}
	return sysinfo(&info) == 0 ? (int64_t)info.totalram * info.mem_unit : 0;
}

static int64_t cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
							    : sysconf(_SC_NPROCESSORS_ONLN);
}

static int64_t disk_bytes(struct str dir, struct arena *arena)
{
	struct statvfs fs;

	if (statvfs(str_c_in(arena, dir), &fs) < 0 && statvfs("/", &fs) < 0)
		return 0;
	return (int64_t)(fs.f_blocks * fs.f_frsize);
}

void kubelet_probe_host(struct kubelet_options *o, struct arena *arena)
{
	struct utsname name;

	if (str_is_empty(o->os_image))
		o->os_image = os_name(arena);
	if (str_is_empty(o->kernel_version) && uname(&name) == 0)
		o->kernel_version = str_in(arena, str_from(name.release));
	if (str_is_empty(o->machine_id))
		o->machine_id = read_line("/etc/machine-id", arena);
	if (str_is_empty(o->boot_id))
		o->boot_id = read_line("/proc/sys/kernel/random/boot_id", arena);
	if (str_is_empty(o->system_uuid))
		o->system_uuid = read_line("/sys/class/dmi/id/product_uuid", arena);
	if (str_is_empty(o->system_uuid))
		o->system_uuid = o->machine_id;
	if (o->cpu_milli <= 0)
		o->cpu_milli = cpu_count() * 1000;
	if (o->memory_bytes <= 0)
		o->memory_bytes = memory_bytes();
	if (o->storage_bytes <= 0)
		o->storage_bytes = disk_bytes(o->root_dir, arena);
}
