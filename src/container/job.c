/* SPDX-License-Identifier: Apache-2.0 */
/* Building a monitor's job (src/shim/README.md). */
#include "container/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "linux/rootpath.h"
#include "oci/monitor.h"

#define DEVICES_MAX 1024
#define RESOLV_BYTES_MAX (64u << 10)

struct building {
	const struct job_input *in;
	struct arena arena;
	struct config_mount *mounts;
	size_t mount_count;
	struct config_device *devices;
	size_t device_count;
	bool two_phase;
};

/* --- files --- */

static void put_hosts(const struct job_files *f, struct buf *to)
{
	buf_put_c(to, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost "
		      "ip6-loopback\nfe00::\tip6-localnet\n"
		      "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < f->spec->host_count; i++)
		buf_printf(to, STR_FMT "\t" STR_FMT "\n", STR_ARG(f->spec->hosts[i].key),
			   STR_ARG(f->spec->hosts[i].value));
	if (f->address.len)
		buf_printf(to, STR_FMT "\t" STR_FMT "\n", STR_ARG(f->address),
			   STR_ARG(f->hostname));
}

int job_write_files(const char *dir_path, const struct job_files *files, struct err *err)
{
	AUTO_FD dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF text = { 0 };
	struct stat st;

	if (dir < 0)
		return err_os(err, "open %s", dir_path);
	buf_init(&text, 1u << 20);
	put_hosts(files, &text);
	if (buf_check(&text, "hosts", err) < 0 ||
	    fd_replace_file(dir, "hosts", buf_str(&text), 0644, false, err) < 0)
		return -1;
	buf_reset(&text);
	buf_put_str(&text, files->hostname);
	buf_put_char(&text, '\n');
	if (fd_replace_file(dir, "hostname", buf_str(&text), 0644, false, err) < 0)
		return -1;
	buf_reset(&text);
	if (files->spec->resolv_conf.len)
		buf_put_str(&text, files->spec->resolv_conf);
	else if (stat("/etc/resolv.conf", &st) == 0 &&
		 fd_read_file(AT_FDCWD, "/etc/resolv.conf", RESOLV_BYTES_MAX, &text, err) < 0)
		return -1;
	return fd_replace_file(dir, "resolv.conf", buf_str(&text), 0644, false, err);
}

/* --- mounts --- */

/* source/sub_path without leaving source: the result's real path, which holds no link. */
static int resolve_sub_path(const struct container_mount *m, char *to, size_t to_bytes, int *ret_fd,
			    struct err *err)
{
	AUTO_FREE char *source = str_dup_c(m->source);
	AUTO_FREE char *sub = str_dup_c(m->sub_path);
	AUTO_FD root = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = -1;
	char link[64];
	ssize_t n;

	if (root < 0)
		return err_os(err, "open %s", source);
	if (strstr(sub, "..") && (strcmp(sub, "..") == 0 || strncmp(sub, "../", 3) == 0 ||
				  strstr(sub, "/../") || str_has_suffix(m->sub_path, STR("/.."))))
		return err_set(err, ERR_BAD_REQUEST, "subPath \"%s\" must not contain '..'", sub);
	fd = rootpath_open(root, sub, O_PATH, 0);
	if (fd == -ENOENT)
		fd = rootpath_make_dir(root, sub, 0750);
	if (fd < 0)
		return err_neg(err, fd, "subPath \"%s\"", sub);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, to, to_bytes - 1);
	if (n <= 0 || (size_t)n >= to_bytes - 1)
		return err_os(err, "subPath \"%s\"", sub);
	to[n] = '\0';
	*ret_fd = fd_take(&fd);
	return 0;
}

static int bind_source(struct building *b, const struct container_mount *m, struct str *ret,
		       struct err *err)
{
	char real[4096];
	AUTO_FD fd = -1;
	const char *source;
	struct stat st;

	if (!path_is_absolute(m->source))
		return err_set(
			err, ERR_BAD_REQUEST,
			"invalid mount config for type \"bind\": invalid mount path: '" STR_FMT
			"' mount path must be absolute",
			STR_ARG(str_slice(m->source, 0, 200)));
	source = str_c_in(&b->arena, m->source);
	if (m->make_source && stat(source, &st) < 0 && errno == ENOENT &&
	    fd_make_dirs(AT_FDCWD, source, 0755, err) < 0)
		return -1;
	if (m->sub_path.len) {
		if (resolve_sub_path(m, real, sizeof(real), &fd, err) < 0)
			return -1;
		b->two_phase = true;
		*ret = str_in(&b->arena, str_from(real));
		return 0;
	}
	if (stat(source, &st) < 0 && errno == ENOENT)
		return err_set(
			err, ERR_BAD_REQUEST,
			"invalid mount config for type \"bind\": bind source path does not exist: "
			"%s",
			source);
	*ret = str_from(source);
	return 0;
}

static int add_mount(struct building *b, const struct container_mount *m, struct err *err)
{
	struct config_mount *to = &b->mounts[b->mount_count++];
	struct str *options = arena_array(&b->arena, m->options.count + 8, sizeof(*options));
	size_t n = 0;

	if (!path_is_absolute(m->target))
		return err_set(
			err, ERR_BAD_REQUEST,
			"invalid mount target, must be an absolute path in the container: " STR_FMT,
			STR_ARG(str_slice(m->target, 0, 200)));
	to->target = path_clean(&b->arena, m->target);
	if (m->type == CONTAINER_MOUNT_TMPFS) {
		to->type = to->source = STR("tmpfs");
		options[n++] = STR("nosuid");
		options[n++] = STR("nodev");
		options[n++] = str_printf_in(&b->arena, "mode=%o",
					     m->tmpfs_mode ? m->tmpfs_mode : 01777);
		if (m->tmpfs_bytes)
			options[n++] = str_printf_in(&b->arena, "size=%lld",
						     (long long)m->tmpfs_bytes);
	} else {
		to->type = STR("bind");
		if (bind_source(b, m, &to->source, err) < 0)
			return -1;
		options[n++] = STR("rbind");
		options[n++] = m->propagation == CONTAINER_BIDIRECTIONAL       ? STR("rshared")
			       : m->propagation == CONTAINER_HOST_TO_CONTAINER ? STR("rslave")
									       : STR("rprivate");
	}
	if (m->read_only)
		options[n++] = m->recursive_read_only ? STR("rro") : STR("ro");
	for (size_t i = 0; i < m->options.count; i++)
		options[n++] = m->options.items[i];
	to->options = (struct str_list){ options, n };
	return 0;
}

static int add_mounts(struct building *b, struct err *err)
{
	const struct container_spec *spec = b->in->spec;

	b->mounts = arena_array(&b->arena, spec->mount_count + 1, sizeof(*b->mounts));
	for (size_t i = 0; i < spec->mount_count; i++) {
		if (add_mount(b, &spec->mounts[i], err) < 0)
			return -1;
	}
	return 0;
}

/* The last mount on a target is the one that is seen. */
static bool is_hidden(const struct container_spec *spec, size_t index)
{
	for (size_t i = index + 1; i < spec->mount_count; i++) {
		if (str_eq(spec->mounts[i].target, spec->mounts[index].target))
			return true;
	}
	return false;
}

int job_check_sub_paths(const struct container_spec *spec, pid_t pid, struct err *err)
{
	char root_path[64], real[4096];
	AUTO_FD root = -1;

	snprintf(root_path, sizeof(root_path), "/proc/%d/root", (int)pid);
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open %s", root_path);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct container_mount *m = &spec->mounts[i];
		AUTO_FREE char *target = str_dup_c(m->target);
		AUTO_FD want = -1;
		AUTO_FD have = -1;
		struct stat a, b;

		if (m->sub_path.len == 0 || is_hidden(spec, i))
			continue;
		if (resolve_sub_path(m, real, sizeof(real), &want, err) < 0)
			return -1;
		have = fd_open_beneath(root, target, O_PATH, 0, err);
		if (have < 0)
			return -1;
		if (fstat(want, &a) < 0 || fstat(have, &b) < 0)
			return err_os(err, "subPath");
		if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
			return err_set(err, ERR_FORBIDDEN,
				       "subPath \"" STR_FMT "\" changed while it was mounted",
				       STR_ARG(m->sub_path));
	}
	return 0;
}

/* --- devices --- */

static int add_device(struct building *b, const char *host, struct str path, struct str permissions,
		      struct err *err)
{
	struct config_device *d;
	struct stat st;

	if (stat(host, &st) < 0)
		return err_os(
			err, "error gathering device information while adding custom device \"%s\"",
			host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST,
			       "error gathering device information while adding custom device "
			       "\"%s\": not a "
			       "device node",
			       host);
	if (b->device_count >= DEVICES_MAX)
		return err_set(err, ERR_TOO_LARGE, "more than %d devices", DEVICES_MAX);
	d = &b->devices[b->device_count++];
	*d = (struct config_device){ .path = path,
				     .type = S_ISBLK(st.st_mode) ? 'b' : 'c',
				     .major = major(st.st_rdev),
				     .minor = minor(st.st_rdev),
				     .mode = st.st_mode & 07777,
				     .uid = st.st_uid,
				     .gid = st.st_gid,
				     .permissions = permissions };
	return 0;
}

/* A privileged container has all of the host's devices. Terminals and what it has of its own are
 * left out. */
static int add_host_devices(struct building *b, struct err *err)
{
	DIR *dir = opendir("/dev");
	struct dirent *e;
	int r = 0;

	if (!dir)
		return err_os(err, "list /dev");
	while (r == 0 && (e = readdir(dir)) && b->device_count < DEVICES_MAX) {
		struct str path;
		struct stat st;

		if (e->d_name[0] == '.' || strcmp(e->d_name, "console") == 0 ||
		    strcmp(e->d_name, "ptmx") == 0)
			continue;
		path = str_printf_in(&b->arena, "/dev/%s", e->d_name);
		if (lstat(path.ptr, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			r = add_device(b, path.ptr, path, STR("rwm"), err);
	}
	closedir(dir);
	return r;
}

static int add_devices(struct building *b, struct err *err)
{
	const struct container_spec *spec = b->in->spec;

	b->devices = arena_array(&b->arena, DEVICES_MAX, sizeof(*b->devices));
	for (size_t i = 0; i < spec->device_count; i++) {
		const struct container_device *d = &spec->devices[i];
		struct str path = d->container_path.len ? d->container_path : d->host_path;

		if (add_device(b, str_c_in(&b->arena, d->host_path), str_in(&b->arena, path),
			       d->permissions, err) < 0)
			return -1;
	}
	return spec->privileged && !spec->is_sandbox ? add_host_devices(b, err) : 0;
}

/* --- the job --- */

static void put_overlay(const struct job_input *in, struct building *b, yyjson_mut_doc *doc,
			yyjson_mut_val *root)
{
	yyjson_mut_val *overlay = json_set_object(doc, root, "overlay"),
		       *lower = json_set_array(doc, overlay, "lower");

	for (size_t i = 0; i < in->layers->count; i++)
		json_append_str(doc, lower, in->layers->items[i]);
	if (in->layers->count == 0)
		json_append_str(doc, lower, str_from(in->empty_path));
	json_set_str(doc, overlay, "upper", str_printf_in(&b->arena, "%s/upper", in->dir_path));
	json_set_str(doc, overlay, "work", str_printf_in(&b->arena, "%s/work", in->dir_path));
}

static void put_log(const struct job_input *in, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	static const char *const formats[] = {
		[CONTAINER_LOG_CRI] = "cri",
		[CONTAINER_LOG_JSON_FILE] = "json-file",
		[CONTAINER_LOG_NONE] = "none",
	};
	yyjson_mut_val *log;

	if (in->log_path[0] == '\0')
		return;
	log = json_set_object(doc, root, "log");
	json_set_str(doc, log, "path", str_from(in->log_path));
	json_set_str(doc, log, "format", str_from(formats[in->spec->log_format]));
	if (in->spec->log_bytes_max) {
		json_set_int(doc, log, "maxSizeBytes", in->spec->log_bytes_max);
		json_set_int(doc, log, "maxFiles",
			     in->spec->log_files_max ? in->spec->log_files_max : 1);
	}
}

static struct str file_in(struct building *b, const char *name)
{
	return str_printf_in(&b->arena, STR_FMT "/%s", STR_ARG(b->in->files_path), name);
}

static int put_config(struct building *b, yyjson_mut_doc *doc, yyjson_mut_val *root,
		      struct err *err)
{
	const struct job_input *in = b->in;
	struct config_input config = {
		.id = in->id,
		.spec = in->spec,
		.image = in->image,
		.user = in->user,
		.network = in->network,
		.ipc = in->ipc,
		.uts = in->uts,
		.pid = in->pid,
		.hostname = in->hostname,
		.cgroup_path = in->cgroup_path,
		.shm_path = in->shm_path,
		.mounts = b->mounts,
		.mount_count = b->mount_count,
		.devices = b->devices,
		.device_count = b->device_count,
		.has_cgroup_v1 = in->has_cgroup_v1,
	};

	if (!in->spec->is_sandbox) {
		config.resolv_path = file_in(b, "resolv.conf");
		config.hostname_path = file_in(b, "hostname");
		if (!in->spec->keep_hosts_file)
			config.hosts_path = file_in(b, "hosts");
	}
	return config_build(&config, &b->arena, doc, json_set_object(doc, root, "config"), err);
}

static int make_log_dir(const char *log_path, struct err *err)
{
	struct str dir = path_dir(str_from(log_path));
	AUTO_FREE char *path = str_dup_c(dir);

	return log_path[0] ? fd_make_dirs(AT_FDCWD, path, 0755, err) : 0;
}

static int build(struct building *b, struct err *err)
{
	const struct job_input *in = b->in;
	const struct container_spec *spec = in->spec;
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 };

	if (add_mounts(b, err) < 0 || add_devices(b, err) < 0 ||
	    make_log_dir(in->log_path, err) < 0)
		return -1;
	json_set_int(doc, root, "version", MONITOR_JOB_VERSION);
	json_set_str(doc, root, "id", str_from(in->id));
	json_set_str(doc, root, "stateDir", str_from(in->state_path));
	if (put_config(b, doc, root, err) < 0)
		return -1;
	if (spec->is_sandbox)
		json_set_bool(doc, root, "sandbox", true);
	else
		put_overlay(in, b, doc, root);
	if (!spec->privileged && !spec->seccomp_unconfined && spec->seccomp_profile.len == 0)
		json_set_str(doc, root, "seccomp", STR("default"));
	json_set_bool(doc, root, "start", !b->two_phase);
	if (spec->want_stdin) {
		json_set_bool(doc, root, "stdin", true);
		json_set_bool(doc, root, "stdinOnce", spec->stdin_once);
	}
	put_log(in, doc, root);
	buf_init(&text, MONITOR_JOB_BYTES_MAX);
	json_mut_write(root, &text);
	if (buf_check(&text, "container job", err) < 0)
		return -1;
	return fd_sealed("cube-job", buf_str(&text), err);
}

int job_build(const struct job_input *in, bool *ret_two_phase, struct err *err)
{
	struct building b = { .in = in };
	int fd;

	arena_init(&b.arena, 64u << 20);
	fd = build(&b, err);
	arena_deinit(&b.arena);
	*ret_two_phase = b.two_phase;
	return fd;
}
