/* SPDX-License-Identifier: Apache-2.0 */
/* See userns.h. */
#include "runtime/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"
#include "base/str.h"
#include "linux/process.h"

#define MAP_TEXT_MAX 4096
#define MAP_ROWS_MAX 340 /* the kernel's own bound */

bool userns_is_nested(void)
{
	char text[128];
	AUTO_FD fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct str size;

	if (got < 0)
		return false;
	size = str_trim(str_sub(text, (size_t)got));
	return !str_has_suffix(size, STR(" 4294967295"));
}

static bool is_mapped(const struct oci_list *maps, uint64_t id)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *map = OCI_ITEM(*maps, struct oci_id_map, i);

		if (id >= map->container_id.value && id - map->container_id.value < map->size.value)
			return true;
	}
	return false;
}

/* "uid=5" or "gid=5" for a file system that is mounted in the user namespace. */
static int check_owner(const struct oci_linux *l, const char *option, size_t index, struct err *err)
{
	struct str number = str_from(option);
	bool is_gid = str_strip_prefix(&number, STR("gid="));
	uint64_t id;

	if ((!is_gid && !str_strip_prefix(&number, STR("uid="))) ||
	    num_parse_u64(number, UINT32_MAX, "", &id, NULL) < 0 ||
	    is_mapped(is_gid ? &l->gid_mappings : &l->uid_mappings, id))
		return 0;
	return err_set(err, ERR_INVALID,
		       "mounts[%zu].options: cannot specify %.40s mount option for rootless container: it is not "
		       "mapped",
		       index, option);
}

int userns_check_rootless(const struct oci_spec *spec, struct err *err)
{
	const struct oci_linux *l = spec->linux_part;
	const struct oci_namespace *user = NULL;

	for (size_t i = 0; i < l->namespaces.count; i++) {
		const struct oci_namespace *one = OCI_ITEM(l->namespaces, struct oci_namespace, i);

		if (one->type == OCI_NS_USER)
			user = one;
	}
	if (!user)
		return err_set(err, ERR_INVALID, "linux.namespaces: rootless container requires user namespaces");
	if (user->path && user->path[0])
		return 0;
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const struct oci_strings *options = &OCI_ITEM(spec->mounts, struct oci_mount, i)->options;

		for (size_t k = 0; k < options->count; k++) {
			if (check_owner(l, options->items[k], i, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int map_text(const struct oci_list *maps, char *text, const char *field, struct err *err)
{
	size_t len = 0;

	if (maps->count > MAP_ROWS_MAX)
		return err_set(err, ERR_TOO_LARGE, "%s: more than %d rows", field, MAP_ROWS_MAX);
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *map = OCI_ITEM(*maps, struct oci_id_map, i);
		int n = snprintf(text + len, MAP_TEXT_MAX - len, "%u %u %u\n", (unsigned)map->container_id.value,
				 (unsigned)map->host_id.value, (unsigned)map->size.value);

		if (n < 0 || (len += (size_t)n) >= MAP_TEXT_MAX)
			return err_set(err, ERR_TOO_LARGE, "%s: longer than the kernel takes", field);
	}
	return 0;
}

static int run_map_tool(const char *tool, const struct oci_list *maps, pid_t pid, struct err *err)
{
	const char *args[3 * 32 + 3];
	char numbers[3 * 32 + 1][16];
	size_t n = 0;
	AUTO_FD pidfd = -1;
	int status;
	pid_t child;

	if (maps->count > 32)
		return err_set(err, ERR_TOO_LARGE, "%s: more than 32 rows", tool);
	args[n++] = tool;
	snprintf(numbers[0], sizeof(numbers[0]), "%d", (int)pid);
	args[n++] = numbers[0];
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *map = OCI_ITEM(*maps, struct oci_id_map, i);
		uint64_t values[3] = { map->container_id.value, map->host_id.value, map->size.value };

		for (int k = 0; k < 3; k++, n++) {
			snprintf(numbers[n - 1], sizeof(numbers[0]), "%u", (unsigned)values[k]);
			args[n] = numbers[n - 1];
		}
	}
	args[n] = NULL;
	child = process_clone(0, -1, &pidfd);
	if (child < 0)
		return err_neg(err, child, "run %s", tool);
	if (child == 0) {
		execvp(tool, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	if (process_wait(pidfd, &status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(
			err, ERR_FORBIDDEN,
			"%s cannot map these ids (is it installed, are they in /etc/subuid?)",
			tool);
	return 0;
}

static int write_map(pid_t pid, const char *file, const char *field, const struct oci_list *maps, struct err *err)
{
	char path[48], text[MAP_TEXT_MAX];
	struct err inner;

	if (maps->count == 0)
		return 0;
	if (map_text(maps, text, field, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (fd_write_file(AT_FDCWD, path, str_from(text), &inner) == 0)
		return 0;
	if (geteuid() == 0)
		return err_set(err, ERR_INVALID, "%s: %s", field, inner.msg);
	return run_map_tool(file[0] == 'u' ? "newuidmap" : "newgidmap", maps, pid, err);
}

int userns_map(const struct oci_spec *spec, pid_t pid, struct err *err)
{
	const struct oci_linux *l = spec->linux_part;
	char path[48];

	/* one's own group alone may be mapped without help, once setgroups is given up */
	if (geteuid() != 0 && l->gid_mappings.count == 1 &&
	    OCI_ITEM(l->gid_mappings, struct oci_id_map, 0)->size.value == 1) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
		if (fd_write_file(AT_FDCWD, path, STR("deny"), err) < 0)
			return err_wrap(err, "linux.gidMappings");
	}
	if (write_map(pid, "gid_map", "linux.gidMappings", &l->gid_mappings, err) < 0)
		return -1;
	return write_map(pid, "uid_map", "linux.uidMappings", &l->uid_mappings, err);
}

static int write_time_offsets(const struct oci_time_offsets *offsets, int proc_fd, struct err *err)
{
	const struct oci_time_offset *rows[2] = { offsets->monotonic, offsets->boottime };
	static const char names[2][10] = { "monotonic", "boottime" };
	char text[80];

	for (int i = 0; i < 2; i++) {
		if (!rows[i])
			continue;
		snprintf(text, sizeof(text), "%s %lld %llu\n", names[i], (long long)rows[i]->secs.value,
			 (unsigned long long)rows[i]->nanosecs.value);
		if (fd_write_file(proc_fd, "self/timens_offsets", str_from(text), err) < 0)
			return err_wrap(err, "linux.timeOffsets.%s", names[i]);
	}
	return 0;
}

int userns_time_offsets(const struct oci_spec *spec, uint64_t *namespaces, uint64_t *later, struct err *err)
{
	const struct oci_time_offsets *offsets = spec->linux_part->time_offsets;

	if (!offsets || !(*namespaces & CLONE_NEWTIME))
		return 0;
	*namespaces &= ~(uint64_t)CLONE_NEWTIME;
	if (geteuid() != 0) {
		*later |= CLONE_NEWTIME;
		return 0;
	}
	if (unshare(CLONE_NEWTIME) < 0)
		return err_os(err, "linux.namespaces: time");
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return err_os(err, "open /proc");
	return write_time_offsets(offsets, proc, err);
}

int userns_enter_time(const struct oci_spec *spec, int proc_fd, struct err *err)
{
	/* files of an undumpable process are the host's root's */
	if (unshare(CLONE_NEWTIME) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return err_os(err, "linux.namespaces: time");
	if (write_time_offsets(spec->linux_part->time_offsets, proc_fd, err) < 0)
		return -1;
	AUTO_FD made = openat(proc_fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (made < 0 || setns(made, CLONE_NEWTIME) < 0)
		return err_os(err, "linux.namespaces: time");
	return 0;
}
