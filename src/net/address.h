/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses: numeric TCP and unix-domain ones, as text and as the kernel has them. No name
 * is ever looked up here.
 */
#ifndef CUBE_NET_ADDRESS_H
#define CUBE_NET_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/err.h"
#include "base/str.h"

struct address {
	struct sockaddr_storage socket;
	socklen_t socket_bytes;
};

#define ADDRESS_TEXT_BYTES 128

/* "1.2.3.4:80", "[::1]:80", ":80" (every IPv4 address),
 * "unix:/path", "unix:@abstract". */
int address_parse(struct str text, struct address *ret, struct err *err) MUST_CHECK;
/* ip is "1.2.3.4", "::1" or "" for any. */
int address_from_ip(struct str ip, uint16_t port, struct address *ret, struct err *err) MUST_CHECK;
int address_from_unix(struct str path, struct address *ret, struct err *err) MUST_CHECK;
/* The form address_parse reads; v4-mapped addresses as v4; "@" for an unnamed unix peer. Returns
 * to. */
const char *address_format(const struct address *a, char to[ADDRESS_TEXT_BYTES]);
uint16_t address_port(const struct address *a) PURE;
bool address_is_unix(const struct address *a) PURE;
bool address_is_loopback(const struct address *a) PURE;

/* A listening, non-blocking, close-on-exec socket; a dead unix socket of that path is replaced, a
 * live one is refused. Returns the fd or -1. unix sockets get mode. */
int address_listen(const struct address *a, mode_t mode, struct err *err) MUST_CHECK;
/* Starts a non-blocking connect; *ret_done says whether it is finished already. Returns the fd or
 * -1. */
int address_connect(const struct address *a, bool *ret_done, struct err *err) MUST_CHECK;

#endif
