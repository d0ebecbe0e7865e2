/* SPDX-License-Identifier: Apache-2.0 */
/* See notify.h. Where the container finds the socket is as crun has it, what is sent on as runc has it. */
#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"

#define VARIABLE "NOTIFY_SOCKET"
#define SOCKET_NAME "notify"
#define DESTINATION "notify-at" /* in the state folder, a link that leads nowhere on the host */
#define MESSAGE_MAX 4096
#define ABSTRACT_AT "/run/notify" /* in the container, for a socket of the host that is in no folder */

/* NULL when nobody waits. */
static const char *host_socket(void)
{
	const char *path = getenv(VARIABLE);

	return path && (path[0] == '/' || path[0] == '@') && path[1] ? path : NULL;
}

static void set_variable(struct oci_strings *env, const char *value, struct arena *arena)
{
	const char **items = arena_array(arena, env->count + 2, sizeof(*items));
	size_t count = 0;

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->items[i], VARIABLE "=", sizeof(VARIABLE)) != 0)
			items[count++] = env->items[i];
	}
	items[count++] = value;
	env->items = items;
	env->count = count;
}

void notify_mount(const char *root, const char *id, const char *at, struct oci_spec *spec, struct arena *arena)
{
	static const char *const flags[] = { "bind", "nosuid", "noexec", "nodev", "ro", NULL };
	const char **options;
	struct oci_mount *mounts;

	options = arena_array(arena, ARRAY_COUNT(flags), sizeof(*options));
	memcpy(options, flags, sizeof(flags));
	mounts = arena_array(arena, spec->mounts.count + 1, sizeof(*mounts));
	if (spec->mounts.count)
		memcpy(mounts, spec->mounts.items, spec->mounts.count * sizeof(*mounts));
	mounts[spec->mounts.count++] = (struct oci_mount){
		.destination = at,
		.type = "bind",
		.source = str_printf_in(arena, "%s/%s/" NOTIFY_DIR, root, id).ptr,
		.options = { options, ARRAY_COUNT(flags) - 1 },
	};
	spec->mounts.items = mounts;
}

const char *notify_prepare(const char *root, const char *id, struct oci_spec *spec, struct arena *arena)
{
	const char *host = host_socket(), *at = host && host[0] == '/' ? host : ABSTRACT_AT;

	if (!host || !spec->process)
		return NULL;
	notify_mount(root, id, at, spec, arena);
	set_variable(&spec->process->env, str_printf_in(arena, VARIABLE "=%s/" SOCKET_NAME, at).ptr, arena);
	return at;
}

int notify_make_dir(const struct container *c, const char *at, struct err *err)
{
	/* whoever the program runs as must get to the socket */
	if (mkdirat(c->dir_fd, NOTIFY_DIR, 0755) < 0 || fchmodat(c->dir_fd, NOTIFY_DIR, 0755, 0) < 0 ||
	    symlinkat(at, c->dir_fd, DESTINATION) < 0)
		return err_os(err, "make the folder of the notify socket");
	return 0;
}

const char *notify_destination(const struct container *c, struct arena *arena)
{
	char at[PATH_MAX];
	ssize_t len = readlinkat(c->dir_fd, DESTINATION, at, sizeof(at));

	return len > 0 && len < (ssize_t)sizeof(at) ? str_c_in(arena, str_sub(at, (size_t)len)) : NULL;
}

int notify_open(const struct container *c, struct notify *ret, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD sock = -1;

	*ret = (struct notify){ .sock = -1 };
	if (!host_socket() || faccessat(c->dir_fd, NOTIFY_DIR, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" NOTIFY_DIR "/" SOCKET_NAME,
		 c->dir_fd);
	if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(c->dir_fd, NOTIFY_DIR "/" SOCKET_NAME, 0777, 0) < 0)
		return err_os(err, "make the notify socket");
	ret->sock = fd_take(&sock);
	return 0;
}

static int send_on(struct str text, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = host_socket();
	size_t len = path ? strlen(path) : 0;
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return err_os(err, "socket");
	if (len == 0 || len >= sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, VARIABLE ": the path is longer than %zu bytes",
			       sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (sendto(sock, text.ptr, text.len, MSG_NOSIGNAL, (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return err_os(err, VARIABLE ": send to %s", path);
	return 0;
}

int notify_ready(pid_t pid, struct err *err)
{
	char main_pid[32];

	if (!host_socket())
		return 0;
	snprintf(main_pid, sizeof(main_pid), "MAINPID=%d", (int)pid);
	return send_on(STR("READY=1"), err) < 0 || send_on(str_from(main_pid), err) < 0 ? -1 : 0;
}

void notify_discard(const struct notify *notify)
{
	char byte;

	if (recv(notify->sock, &byte, sizeof(byte), 0) < 0)
		return; /* nothing there */
}

int notify_pass(const struct notify *notify, bool *ret_ready, struct err *err)
{
	char text[MESSAGE_MAX];
	ssize_t got = recv(notify->sock, text, sizeof(text), 0);
	struct str rest, line;
	bool is_ready = false;

	*ret_ready = false;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : err_os(err, "receive from the notify socket");
	rest = str_sub(text, (size_t)got);
	while (str_next_part(&rest, '\n', &line))
		is_ready |= str_eq_c(line, "READY=1");
	if (!is_ready)
		return 0;
	if (notify_ready(notify->main_pid, err) < 0)
		return -1;
	*ret_ready = true;
	return 0;
}

int notify_wait(const struct notify *notify, int pidfd, struct err *err)
{
	struct pollfd fds[2] = { { .fd = notify->sock, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	bool is_ready = false;

	while (notify->sock >= 0 && !is_ready) {
		if (poll(fds, ARRAY_COUNT(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_os(err, "poll");
		}
		/* what it said last counts, even if it has ended since */
		if (fds[0].revents && notify_pass(notify, &is_ready, err) < 0)
			return -1;
		if (fds[1].revents && !fds[0].revents)
			break;
	}
	return 0;
}
