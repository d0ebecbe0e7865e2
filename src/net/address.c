/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of socket addresses, and the sockets themselves. Every socket made here is
 * non-blocking and close-on-exec.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"

#define LISTEN_BACKLOG 4096

int address_from_ip(struct str ip, uint16_t port, struct address *ret, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (str_copy_to(ip, text, sizeof(text)) < 0)
		return err_set(err, ERR_PARSE, "'" STR_FMT "' is not an IP address", STR_ARG(ip));
	memset(ret, 0, sizeof(*ret));
	if (ip.len == 0 || inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(&ret->socket, &v4, sizeof(v4));
		ret->socket_bytes = sizeof(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		memcpy(&ret->socket, &v6, sizeof(v6));
		ret->socket_bytes = sizeof(v6);
		return 0;
	}
	return err_set(err, ERR_PARSE, "'" STR_FMT "' is not an IP address", STR_ARG(ip));
}

int address_from_unix(struct str path, struct address *ret, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (path.len == 0 || str_copy_to(path, un.sun_path, sizeof(un.sun_path)) < 0)
		return err_set(err, ERR_PARSE, "'" STR_FMT "' cannot be the path of a unix socket (1 to %zu bytes)",
			       STR_ARG(path), sizeof(un.sun_path) - 1);
	memset(ret, 0, sizeof(*ret));
	memcpy(&ret->socket, &un, sizeof(un));
	ret->socket_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	if (path.ptr[0] == '@') { /* an abstract name, as Go and systemd write it: it has no NUL at its end */
		((struct sockaddr_un *)(void *)&ret->socket)->sun_path[0] = '\0';
		ret->socket_bytes--;
	}
	return 0;
}

int address_parse(struct str text, struct address *ret, struct err *err)
{
	struct str host, rest = text;
	uint64_t port;
	size_t colon;

	if (str_strip_prefix(&rest, STR("unix:"))) {
		(void)str_strip_prefix(&rest, STR("//")); /* both spellings mean the same */
		return address_from_unix(rest, ret, err);
	}
	colon = str_rfind_char(text, ':');
	if (colon == SIZE_MAX)
		return err_set(err, ERR_PARSE, "address '" STR_FMT "' has no port", STR_ARG(text));
	host = str_slice(text, 0, colon);
	if (num_parse_u64(str_slice(text, colon + 1, text.len), UINT16_MAX, "port", &port, err) < 0)
		return err_wrap(err, "address '" STR_FMT "'", STR_ARG(text));
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = str_slice(host, 1, host.len - 1);
	else if (str_find_char(host, ':', 0) != SIZE_MAX)
		return err_set(err, ERR_PARSE, "address '" STR_FMT "': IPv6 addresses need brackets", STR_ARG(text));
	if (address_from_ip(host, (uint16_t)port, ret, err) < 0)
		return err_wrap(err, "address '" STR_FMT "'", STR_ARG(text));
	return 0;
}

static const struct sockaddr_in6 *as_v6(const struct address *a) { return (const void *)&a->socket; }
static const struct sockaddr_in *as_v4(const struct address *a) { return (const void *)&a->socket; }
static const struct sockaddr_un *as_unix(const struct address *a) { return (const void *)&a->socket; }

/* Only the IP, or "" for unix. */
static const char *address_format_ip(const struct address *a, char to[ADDRESS_TEXT_BYTES])
{
	to[0] = 0;
	if (a->socket.ss_family == AF_INET) {
		inet_ntop(AF_INET, &as_v4(a)->sin_addr, to, ADDRESS_TEXT_BYTES);
	} else if (a->socket.ss_family == AF_INET6) {
		const struct in6_addr *ip = &as_v6(a)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(ip))
			inet_ntop(AF_INET, &ip->s6_addr[12], to, ADDRESS_TEXT_BYTES);
		else
			inet_ntop(AF_INET6, ip, to, ADDRESS_TEXT_BYTES);
	}
	return to;
}

const char *address_format(const struct address *a, char to[ADDRESS_TEXT_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES];

	if (address_is_unix(a)) {
		size_t head = offsetof(struct sockaddr_un, sun_path);

		if (a->socket_bytes <= head || !as_unix(a)->sun_path[0])
			snprintf(to, ADDRESS_TEXT_BYTES, "@");
		else
			snprintf(to, ADDRESS_TEXT_BYTES, "unix:%.*s", (int)(a->socket_bytes - head),
				 as_unix(a)->sun_path);
		return to;
	}
	address_format_ip(a, ip);
	snprintf(to, ADDRESS_TEXT_BYTES, strchr(ip, ':') ? "[%.100s]:%u" : "%.100s:%u", ip, address_port(a));
	return to;
}

uint16_t address_port(const struct address *a)
{
	if (a->socket.ss_family == AF_INET)
		return ntohs(as_v4(a)->sin_port);
	return a->socket.ss_family == AF_INET6 ? ntohs(as_v6(a)->sin6_port) : 0;
}

bool address_is_unix(const struct address *a)
{
	return a->socket.ss_family == AF_UNIX;
}

bool address_is_loopback(const struct address *a)
{
	const struct in6_addr *ip = &as_v6(a)->sin6_addr;

	if (a->socket.ss_family == AF_INET)
		return (ntohl(as_v4(a)->sin_addr.s_addr) >> 24) == 127;
	if (a->socket.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
	return address_is_unix(a);
}

/* A socket file whose server is dead refuses connections; only such a one may be replaced. */
static int remove_dead_socket(const struct address *a, struct err *err)
{
	const char *path = as_unix(a)->sun_path;
	AUTO_FD probe = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_os(err, "look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s exists and is not a socket", path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return err_os(err, "make a socket");
	if (connect(probe, (const struct sockaddr *)&a->socket, a->socket_bytes) == 0 || errno != ECONNREFUSED)
		return err_set(err, ERR_EXISTS, "another process is listening on %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_os(err, "remove the dead socket %s", path);
	return 0;
}

int address_listen(const struct address *a, mode_t mode, struct err *err)
{
	AUTO_FD fd = -1;
	char text[ADDRESS_TEXT_BYTES];
	int on = 1;

	if (address_is_unix(a) && remove_dead_socket(a, err) < 0)
		return -1;
	fd = socket(a->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_os(err, "make a socket for %s", address_format(a, text));
	if (!address_is_unix(a) && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return err_os(err, "reuse %s", address_format(a, text));
	if (bind(fd, (const struct sockaddr *)&a->socket, a->socket_bytes) < 0)
		return err_os(err, "bind to %s", address_format(a, text));
	/* Nobody can connect before listen: there is no moment with a wider mode. */
	if (address_is_unix(a) && chmod(as_unix(a)->sun_path, mode) < 0)
		return err_os(err, "set the mode of %s", as_unix(a)->sun_path);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return err_os(err, "listen on %s", address_format(a, text));
	return fd_take(&fd);
}

int address_connect(const struct address *a, bool *ret_done, struct err *err)
{
	AUTO_FD fd = socket(a->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[ADDRESS_TEXT_BYTES];
	int on = 1;

	if (fd < 0)
		return err_os(err, "make a socket for %s", address_format(a, text));
	if (!address_is_unix(a))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
	if (connect(fd, (const struct sockaddr *)&a->socket, a->socket_bytes) == 0) {
		*ret_done = true;
		return fd_take(&fd);
	}
	if (errno != EINPROGRESS)
		return err_os(err, "connect to %s", address_format(a, text));
	*ret_done = false;
	return fd_take(&fd);
}
