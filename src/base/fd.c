/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: whole reads and writes, atomic replacement, resolution beneath a root, passing over sockets. Every
 * descriptor made here is close-on-exec. Removing trees is in fd_tree.c.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/path.h"

#define READ_STEP_BYTES ((size_t)64 << 10)
#define PASSED_FDS_MAX 64
#define OPEN_TRIES_MAX 32

void fd_close(int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved_errno;
}

int fd_read_exact(int fd, void *to, size_t size_bytes, struct err *err)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t got = read(fd, (char *)to + done, size_bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, "read");
		if (got == 0)
			return err_set(err, ERR_CLOSED, "read: ended after %zu of %zu bytes", done, size_bytes);
		done += (size_t)got;
	}
	return 0;
}

int fd_write_all(int fd, const void *from, size_t size_bytes, struct err *err)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t put = write(fd, (const char *)from + done, size_bytes - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_os(err, "write");
		done += (size_t)put;
	}
	return 0;
}

static int change_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return -1;
	return fcntl(fd, set, on ? flags | flag : flags & ~flag);
}

int fd_set_nonblock(int fd, bool nonblock, struct err *err)
{
	return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock) < 0 ? err_os(err, "set O_NONBLOCK") : 0;
}

int fd_set_cloexec(int fd, bool cloexec, struct err *err)
{
	return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec) < 0 ? err_os(err, "set FD_CLOEXEC") : 0;
}

int fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *ret, struct err *err)
{
	AUTO_FD fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct buf whole;

	if (fd < 0)
		return err_os(err, "open '%s'", path);
	buf_init(&whole, max_bytes + 1);
	for (;;) {
		/* One byte more than allowed is asked for, so that too large is told from just fitting. */
		size_t left = max_bytes + 1 - whole.len, want = left < READ_STEP_BYTES ? left : READ_STEP_BYTES;
		ssize_t got = want ? read(fd, buf_room(&whole, want), want) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_os(err, "read '%s'", path);
			buf_deinit(&whole);
			return -1;
		}
		if (got == 0)
			break;
		buf_added(&whole, (size_t)got);
	}
	if (whole.len > max_bytes) {
		buf_deinit(&whole);
		return err_set(err, ERR_TOO_LARGE, "'%s' is larger than %zu bytes", path, max_bytes);
	}
	buf_deinit(ret);
	*ret = whole;
	return 0;
}

/* The directory a path is in, and the path's last component in *ret_name. */
static int open_parent(int dir_fd, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!path_is_name(str_from(*ret_name)))
		return err_set(err, ERR_INVALID, "'%s' does not end in a file name", path);
	if (!slash)
		memcpy(parent, ".", 2);
	else if (str_copy_to(str_sub(path, slash == path ? 1 : (size_t)(slash - path)), parent, sizeof(parent)) < 0)
		return err_set(err, ERR_INVALID, "path of %zu bytes is too long", strlen(path));
	fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, "open directory '%s'", parent);
	return fd;
}

static int create_beside(int dir_fd, const char *name, char *to, size_t to_bytes)
{
	uint64_t random;
	int fd = -1;

	for (int i = 0; i < OPEN_TRIES_MAX && fd < 0; i++) {
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -1;
		snprintf(to, to_bytes, ".%.200s.%016llx", name, (unsigned long long)random);
		fd = openat(dir_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

static int fill_file(int fd, struct str bytes, mode_t mode, bool durable, struct err *err)
{
	if (fd_write_all(fd, bytes.ptr, bytes.len, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return err_os(err, "chmod");
	if (durable && fdatasync(fd) < 0)
		return err_os(err, "fdatasync");
	return 0;
}

int fd_replace_file(int dir_fd, const char *path, struct str bytes, mode_t mode, bool durable, struct err *err)
{
	const char *name;
	AUTO_FD parent = open_parent(dir_fd, path, &name, err);
	char beside[256];
	AUTO_FD fd = -1;

	if (parent < 0)
		return err_wrap(err, "replace '%s'", path);
	fd = create_beside(parent, name, beside, sizeof(beside));
	if (fd < 0)
		return err_os(err, "replace '%s'", path);
	if (fill_file(fd, bytes, mode, durable, err) < 0) {
		unlinkat(parent, beside, 0);
		return err_wrap(err, "replace '%s'", path);
	}
	if (renameat(parent, beside, parent, name) < 0) {
		err_os(err, "replace '%s'", path);
		unlinkat(parent, beside, 0);
		return -1;
	}
	if (durable && fsync(parent) < 0)
		return err_os(err, "replace '%s': fsync of its directory", path);
	return 0;
}

/* Asks for nothing else: whoever asks for a file's times makes the next write to it get a new one, and
 * the file system write the inode with it. */
bool fd_is_at(int fd, int dir_fd, const char *path)
{
	struct statx is, there;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &is) < 0)
		return false;
	if (statx(dir_fd, path, 0, STATX_INO, &there) < 0)
		return errno != ENOENT && errno != ENOTDIR; /* what cannot be looked at is not moved for that */
	return is.stx_ino == there.stx_ino && is.stx_dev_major == there.stx_dev_major &&
	       is.stx_dev_minor == there.stx_dev_minor;
}

int fd_write_file(int dir_fd, const char *path, struct str bytes, struct err *err)
{
	AUTO_FD fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t put;

	if (fd < 0)
		return err_os(err, "open '%s'", path);
	do {
		put = write(fd, bytes.ptr, bytes.len);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return err_os(err, "write '%s'", path);
	if ((size_t)put != bytes.len)
		return err_set(err, ERR_INTERNAL, "write '%s': only %zd of %zu bytes taken", path, put, bytes.len);
	return 0;
}

int fd_open_beneath(int root_fd, const char *path, int flags, mode_t mode, struct err *err)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* EAGAIN: a rename raced with the walk over "..". */
	for (int i = 0; i < OPEN_TRIES_MAX; i++) {
		int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return err_os(err, "open '%s'", path);
}

int fd_make_dirs(int dir_fd, const char *path, mode_t mode, struct err *err)
{
	char partial[PATH_MAX];
	struct stat st;

	if (str_copy_to(str_from(path), partial, sizeof(partial)) < 0)
		return err_set(err, ERR_INVALID, "path of %zu bytes is too long", strlen(path));
	for (char *at = partial; *at; at++) {
		if (*at != '/' || at == partial)
			continue;
		*at = '\0';
		if (mkdirat(dir_fd, partial, mode) < 0 && errno != EEXIST)
			return err_os(err, "make directory '%s'", partial);
		*at = '/';
	}
	if (mkdirat(dir_fd, partial, mode) < 0 && errno != EEXIST)
		return err_os(err, "make directory '%s'", path);
	if (fstatat(dir_fd, partial, &st, 0) < 0)
		return err_os(err, "make directory '%s'", path);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return err_os(err, "make directory '%s'", path);
	}
	return 0;
}

int fd_sealed(const char *name, struct str bytes, struct err *err)
{
	AUTO_FD fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_os(err, "memfd '%s'", name);
	if (fd_write_all(fd, bytes.ptr, bytes.len, err) < 0)
		return err_wrap(err, "memfd '%s'", name);
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_os(err, "seal memfd '%s'", name);
	return fd_take(&fd);
}

int fd_send_fds(int sock, struct str bytes, const int *fds, size_t fd_count, struct err *err)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * PASSED_FDS_MAX)];
	struct iovec iov = { .iov_base = (void *)bytes.ptr, .iov_len = bytes.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT(bytes.len > 0 && fd_count <= PASSED_FDS_MAX);
	if (fd_count) {
		struct cmsghdr *head;

		memset(control, 0, sizeof(control));
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
	}
	while (iov.iov_len) {
		ssize_t put = sendmsg(sock, &msg, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_os(err, "send file descriptors");
		/* The descriptors went with the first byte. */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		iov.iov_base = (char *)iov.iov_base + put;
		iov.iov_len -= (size_t)put;
	}
	return 0;
}

/* Moves the descriptors of one message to ret_fds; closes all of them when they are more than fd_max. */
static size_t collect_fds(struct msghdr *msg, int *ret_fds, size_t fd_max, bool *ret_too_many)
{
	size_t kept = 0;

	*ret_too_many = msg->msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t count = head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS
				       ? (head->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
			if (kept < fd_max) {
				ret_fds[kept++] = fd;
			} else {
				close(fd);
				*ret_too_many = true;
			}
		}
	}
	if (*ret_too_many) {
		while (kept)
			close(ret_fds[--kept]);
	}
	return kept;
}

ssize_t fd_recv_fds(int sock, void *to, size_t to_bytes, int *ret_fds, size_t fd_max, size_t *ret_fd_count,
		    struct err *err)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * PASSED_FDS_MAX)];
	struct iovec iov = { .iov_base = to, .iov_len = to_bytes };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	bool too_many;
	ssize_t got;

	do {
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_os(err, "receive file descriptors");
	*ret_fd_count = collect_fds(&msg, ret_fds, fd_max, &too_many);
	if (too_many)
		return err_set(err, ERR_TOO_LARGE, "more than %zu file descriptors in one message", fd_max);
	return got;
}
