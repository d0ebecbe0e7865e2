/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of D-Bus as it takes to call systemd: one connection over a unix socket, calls one after
 * another, signals in between. Little-endian messages without descriptors. Why not a library:
 * doc/decisions/0007-dbus-is-spoken-here.md.
 */
#ifndef CUBE_RUNTIME_DBUS_H
#define CUBE_RUNTIME_DBUS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

#define DBUS_MESSAGE_MAX (1u << 20)
#define DBUS_FIELDS_MAX (16u << 10)

/* ---- writing values; offsets count from the body's begin, which is aligned ---- */
void dbus_put_align(struct buf *b, size_t to);
void dbus_put_u16(struct buf *b, uint16_t value);
void dbus_put_u32(struct buf *b, uint32_t value);
void dbus_put_u64(struct buf *b, uint64_t value);
void dbus_put_string(struct buf *b, struct str value); /* also an object path */
void dbus_put_signature(struct buf *b, const char *value);
/* An array: what lies between belongs to it. Returns what the end wants. */
size_t dbus_begin_array(struct buf *b, size_t element_align);
void dbus_end_array(struct buf *b, size_t begin, size_t element_align);

/* ---- reading ---- */
enum dbus_type { DBUS_CALL = 1, DBUS_RETURN, DBUS_ERROR, DBUS_SIGNAL };
struct dbus_message { /* borrows the bytes it was decoded from */
	enum dbus_type type;
	uint32_t reply_to;
	struct str error, member, signature, body;
};
/* *ret_used: bytes of the message, 0 when there are not enough yet. */
int dbus_decode(struct str bytes, struct dbus_message *ret, size_t *ret_used,
		struct err *err) MUST_CHECK;

struct dbus_reader {
	struct str bytes;
	size_t at;
	bool failed; /* checked once, at the end; values are 0 or empty from then on */
};
uint32_t dbus_get_u32(struct dbus_reader *r);
struct str dbus_get_string(struct dbus_reader *r);
struct str dbus_get_signature(struct dbus_reader *r);

/* ---- a connection ---- */
struct dbus {
	int fd;
	bool is_bus; /* else systemd itself is at the other end */
	uint32_t serial;
	int64_t deadline_ns;
	size_t used; /* of in: the message that was handed out */
	struct buf in;
};
struct dbus_call {
	const char *path, *interface, *member, *signature;
	struct str body;
};
int dbus_open(const char *socket_path, bool is_bus, int timeout_ms, struct dbus *ret,
	      struct err *err) MUST_CHECK;
void dbus_close(struct dbus *d);
#define AUTO_DBUS CLEANUP(dbus_close) struct dbus
/* *ret_serial: what the answer will refer to. */
int dbus_send(struct dbus *d, const char *destination, const struct dbus_call *call,
	      uint32_t *ret_serial, struct err *err) MUST_CHECK;
/* The next message; it is valid until the next call. */
int dbus_next(struct dbus *d, struct dbus_message *ret, struct err *err) MUST_CHECK;

#endif
