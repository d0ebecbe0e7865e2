/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files around containers: log folders, termination messages, hosts files. Everything blocks and
 * runs on workers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "container/log_read.h"
#include "kubelet/limits.h"
#include "kubelet/runtime_internal.h"

#define LOG_TAIL_BYTES 32768

struct pod_paths pod_paths_of(const struct runtime *r, const struct runtime_owner *owner,
			      struct arena *arena)
{
	return (struct pod_paths){
		.pod_dir = str_printf_in(arena, "%s/pods/" STR_FMT, r->root_dir,
					 STR_ARG(owner->pod_uid)),
		.log_dir = str_printf_in(arena, "%s/" STR_FMT "_" STR_FMT "_" STR_FMT, r->log_dir,
					 STR_ARG(owner->namespace_), STR_ARG(owner->pod_name),
					 STR_ARG(owner->pod_uid)),
	};
}

struct str container_log_file(const struct pod_paths *paths, const struct runtime_owner *owner,
			      struct arena *arena)
{
	return str_printf_in(arena, STR_FMT "/" STR_FMT "/%u.log", STR_ARG(paths->log_dir),
			     STR_ARG(owner->container), owner->attempt);
}

struct str container_message_file(const struct pod_paths *paths, const struct runtime_owner *owner,
				  struct arena *arena)
{
	return str_printf_in(arena, STR_FMT "/containers/" STR_FMT "/%u", STR_ARG(paths->pod_dir),
			     STR_ARG(owner->container), owner->attempt);
}

/* Logs and messages of runs before the one before this. */
static void remove_older(struct str dir, uint32_t attempt)
{
	AUTO_FREE char *path = str_dup_c(dir);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(d))) {
		struct str number, rest;
		uint64_t value;

		(void)str_cut(str_from(e->d_name), '.', &number,
			      &rest); /* "3" and "3.log" and "3.log.1" */
		if (num_parse_u64(number, UINT32_MAX, "attempt", &value, NULL) == 0 &&
		    value + 1 < attempt)
			(void)unlinkat(dirfd(d), e->d_name, 0); /* a log too many does no harm */
	}
	closedir(d);
}

/* Restarted containers see what their pod's hosts file is now, so it is written each time. */
static int write_hosts(const struct pod_paths *paths, struct str hosts, struct err *err)
{
	AUTO_FREE char *path = mem_printf(STR_FMT "/etc-hosts", STR_ARG(paths->pod_dir));
	AUTO_BUF present = { 0 };
	AUTO_FD fd = -1;

	if (str_is_empty(hosts))
		return 0;
	buf_init(&present, 1 << 20);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, &present, NULL) == 0 &&
	    str_eq(buf_str(&present), hosts))
		return 0;
	/* In place: running containers have this very file mounted. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_os(err, "write %s", path);
	return fd_write_all(fd, hosts.ptr, hosts.len, err);
}

int prepare_container(const struct pod_paths *paths, const struct runtime_owner *owner,
		      struct str hosts, struct err *err)
{
	AUTO_FREE char *log_dir = mem_printf(STR_FMT "/" STR_FMT, STR_ARG(paths->log_dir),
					     STR_ARG(owner->container));
	AUTO_FREE char *dir = mem_printf(STR_FMT "/containers/" STR_FMT, STR_ARG(paths->pod_dir),
					 STR_ARG(owner->container));
	AUTO_FREE char *message = mem_printf("%s/%u", dir, owner->attempt);
	AUTO_FD fd = -1;

	if (!path_is_name(owner->container) || !path_is_name(path_base(paths->pod_dir)))
		return err_set(err, ERR_INVALID, "container name \"" STR_FMT "\" is no file name",
			       STR_ARG(owner->container));
	if (fd_make_dirs(AT_FDCWD, log_dir, 0755, err) < 0 ||
	    fd_make_dirs(AT_FDCWD, dir, 0750, err) < 0)
		return -1;
	if (owner->attempt > 1) {
		remove_older(str_from(log_dir), owner->attempt);
		remove_older(str_from(dir), owner->attempt);
	}
	fd = open(message, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0) /* whoever the container runs as may write it */
		return err_os(err, "make %s", message);
	return write_hosts(paths, hosts, err);
}

int pod_logs_remove(const char *log_dir, struct str uid, struct err *err)
{
	int fd = open(log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		fd_close(&fd);
		return 0;
	}
	while (rc == 0 && (e = readdir(d))) {
		struct str name = str_from(e->d_name);

		if (str_strip_suffix(&name, uid) && str_has_suffix(name, STR("_")))
			rc = fd_remove_tree(dirfd(d), e->d_name, err);
	}
	closedir(d);
	return rc;
}

/* --- termination messages --- */

/* The last lines of the log, without the stamps. */
static void message_from_log(struct str log_file, struct buf *ret)
{
	AUTO_FREE char *path = str_dup_c(log_file);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *bytes = NULL;
	struct stat st;
	struct str rest, line;
	ssize_t len;
	AUTO_BUF text = { 0 }, scratch = { 0 };

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	bytes = mem_alloc(LOG_TAIL_BYTES);
	len = pread(fd, bytes, LOG_TAIL_BYTES, NUM_MAX(st.st_size - LOG_TAIL_BYTES, (off_t)0));
	if (len <= 0)
		return;
	buf_init(&text, LOG_TAIL_BYTES);
	buf_init(&scratch, LOG_TAIL_BYTES);
	rest = str_sub(bytes, (size_t)len);
	while (str_next_part(&rest, '\n', &line)) {
		struct log_line decoded;

		/* The first may be cut in the middle. */
		if (line.len > 0 &&
		    log_line_parse(CONTAINER_LOG_CRI, line, &scratch, &decoded, NULL) == 0)
			buf_put_str(&text, decoded.text);
	}
	rest = buf_str(&text);
	if (rest.len > KUBELET_LOG_MESSAGE_BYTES_MAX)
		rest = str_slice(rest, rest.len - KUBELET_LOG_MESSAGE_BYTES_MAX, rest.len);
	for (size_t i = rest.len, lines = 0; i-- > 0;) {
		if (rest.ptr[i] == '\n' && ++lines > KUBELET_LOG_MESSAGE_LINES_MAX) {
			rest = str_slice(rest, i + 1, rest.len);
			break;
		}
	}
	buf_put_str(ret, rest);
}

void read_message(struct str message_file, struct str log_file, bool from_log, struct buf *ret)
{
	AUTO_FREE char *path = str_dup_c(message_file);
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char bytes[KUBELET_MESSAGE_BYTES_MAX];
	ssize_t len = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));

	if (len > 0)
		buf_put(ret, bytes, (size_t)len);
	else if (from_log)
		message_from_log(log_file, ret);
	if (!str_is_utf8(buf_str(ret)))
		for (size_t i = 0; i < ret->len; i++)
			if ((unsigned char)ret->ptr[i] >= 0x80)
				ret->ptr[i] = '?';
}
