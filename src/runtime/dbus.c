/* SPDX-License-Identifier: Apache-2.0 */
/* See dbus.h. The names of sections are those of the D-Bus specification. */
#include "runtime/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/time.h"

#define GREETING_MAX 512
#define FIXED_HEADER_BYTES 16

enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR,
	FIELD_REPLY,
	FIELD_DESTINATION,
	FIELD_SIGNATURE = 8
};

void dbus_put_align(struct buf *b, size_t to)
{
	while (b->len % to && !buf_failed(b))
		buf_put_char(b, '\0');
}

static void put_number(struct buf *b, uint64_t value, size_t bytes)
{
	dbus_put_align(b, bytes);
	for (size_t i = 0; i < bytes; i++)
		buf_put_char(b, (char)(value >> (8 * i)));
}

void dbus_put_u16(struct buf *b, uint16_t value)
{
	put_number(b, value, 2);
}

void dbus_put_u32(struct buf *b, uint32_t value)
{
	put_number(b, value, 4);
}

void dbus_put_u64(struct buf *b, uint64_t value)
{
	put_number(b, value, 8);
}

void dbus_put_string(struct buf *b, struct str value)
{
	dbus_put_u32(b, (uint32_t)value.len);
	buf_put_str(b, value);
	buf_put_char(b, '\0');
}

void dbus_put_signature(struct buf *b, const char *value)
{
	buf_put_char(b, (char)strlen(value));
	buf_put(b, value, strlen(value) + 1);
}

size_t dbus_begin_array(struct buf *b, size_t element_align)
{
	size_t begin;

	dbus_put_u32(b, 0);
	begin = b->len;
	dbus_put_align(b, element_align);
	return begin;
}

void dbus_end_array(struct buf *b, size_t begin, size_t element_align)
{
	size_t first = (begin + element_align - 1) / element_align * element_align;

	for (size_t i = 0; i < 4 && !buf_failed(b); i++)
		b->ptr[begin - 4 + i] = (char)((b->len - first) >> (8 * i));
}

static uint64_t get_number(struct dbus_reader *r, size_t bytes)
{
	size_t at = (r->at + bytes - 1) / bytes * bytes;
	uint64_t value = 0;

	if (r->failed || at > r->bytes.len || r->bytes.len - at < bytes) {
		r->failed = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)(unsigned char)r->bytes.ptr[at + i] << (8 * i);
	r->at = at + bytes;
	return value;
}

uint32_t dbus_get_u32(struct dbus_reader *r)
{
	return (uint32_t)get_number(r, 4);
}

static struct str get_text(struct dbus_reader *r, size_t len)
{
	struct str text;

	if (r->failed || r->bytes.len - r->at <= len || r->bytes.ptr[r->at + len] != '\0') {
		r->failed = true;
		return STR_NONE;
	}
	text = str_sub(r->bytes.ptr + r->at, len);
	r->at += len + 1;
	return text;
}

struct str dbus_get_string(struct dbus_reader *r)
{
	size_t len = dbus_get_u32(r);

	return get_text(r, len);
}

struct str dbus_get_signature(struct dbus_reader *r)
{
	size_t len = get_number(r, 1);

	return get_text(r, len);
}

/* One header field: its code and a variant, which is a string, a signature or a number. */
static void get_field(struct dbus_reader *r, struct dbus_message *ret)
{
	unsigned code = (unsigned)get_number(r, 1);
	struct str type = dbus_get_signature(r), text = STR_NONE;
	uint32_t number = 0;

	if (str_eq_c(type, "s") || str_eq_c(type, "o"))
		text = dbus_get_string(r);
	else if (str_eq_c(type, "g"))
		text = dbus_get_signature(r);
	else if (str_eq_c(type, "u"))
		number = dbus_get_u32(r);
	else
		r->failed = true;
	if (code == FIELD_MEMBER)
		ret->member = text;
	else if (code == FIELD_ERROR)
		ret->error = text;
	else if (code == FIELD_REPLY)
		ret->reply_to = number;
	else if (code == FIELD_SIGNATURE)
		ret->signature = text;
}

int dbus_decode(struct str bytes, struct dbus_message *ret, size_t *ret_used, struct err *err)
{
	struct dbus_reader r = { .bytes = bytes };
	struct dbus_message message = { 0 };
	size_t body_bytes, fields_bytes, begin;

	*ret_used = 0;
	if (bytes.len < FIXED_HEADER_BYTES)
		return 0;
	if (bytes.ptr[0] != 'l' || bytes.ptr[1] < DBUS_CALL || bytes.ptr[1] > DBUS_SIGNAL ||
	    bytes.ptr[3] != 1)
		return err_set(err, ERR_PARSE, "D-Bus: a message that is not of version 1");
	message.type = (enum dbus_type)bytes.ptr[1];
	r.at = 4;
	body_bytes = dbus_get_u32(&r);
	r.at = 12;
	fields_bytes = dbus_get_u32(&r);
	if (fields_bytes > DBUS_FIELDS_MAX ||
	    body_bytes > DBUS_MESSAGE_MAX - DBUS_FIELDS_MAX - FIXED_HEADER_BYTES - 8)
		return err_set(err, ERR_TOO_LARGE, "D-Bus: a message of more than %u bytes",
			       DBUS_MESSAGE_MAX);
	begin = (FIXED_HEADER_BYTES + fields_bytes + 7) / 8 * 8;
	if (bytes.len < begin + body_bytes)
		return 0;
	r.bytes.len = FIXED_HEADER_BYTES + fields_bytes;
	while (!r.failed && r.at < r.bytes.len) {
		r.at = (r.at + 7) / 8 * 8; /* fields are structures */
		get_field(&r, &message);
	}
	if (r.failed)
		return err_set(err, ERR_PARSE, "D-Bus: a header that cannot be read");
	message.body = str_sub(bytes.ptr + begin, body_bytes);
	*ret = message;
	*ret_used = begin + body_bytes;
	return 0;
}

static int64_t now_ns(void)
{
	struct timespec now;

	ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec;
}

/* More bytes, until the deadline. */
static int receive(struct dbus *d, struct err *err)
{
	void *room = buf_room(&d->in, 4096);
	struct pollfd waiting = { .fd = d->fd, .events = POLLIN };
	int64_t left_ms;
	ssize_t got;

	if (!room)
		return buf_check(&d->in, "D-Bus: message", err);
	left_ms = (d->deadline_ns - now_ns()) / 1000000;
	if (left_ms <= 0 || poll(&waiting, 1, (int)left_ms) == 0)
		return err_set(err, ERR_TIMEOUT, "systemd does not answer");
	got = recv(d->fd, room, 4096, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got < 0)
		return err_os(err, "D-Bus: receive");
	if (got == 0)
		return err_set(err, ERR_CLOSED, "systemd closed the connection");
	buf_added(&d->in, (size_t)got);
	return 0;
}

static int send_all(struct dbus *d, struct str bytes, struct err *err)
{
	while (bytes.len > 0) {
		ssize_t sent = send(d->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return err_os(err, "D-Bus: send");
		bytes = str_slice(bytes, sent < 0 ? 0 : (size_t)sent, bytes.len);
	}
	return 0;
}

/* "Authentication Protocol": EXTERNAL with an empty identity makes the other end take the socket's
 * own credentials, which is right in a user namespace as well. BEGIN goes along: systemd overlooks
 * a call that it reads together with BEGIN. */
static int authenticate(struct dbus *d, struct err *err)
{
	size_t end;

	if (send_all(d, STR("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"), err) < 0)
		return -1;
	for (;;) {
		end = str_find(buf_str(&d->in), STR("\r\n"), 0);
		if (end == SIZE_MAX && d->in.len > GREETING_MAX)
			return err_set(err, ERR_PARSE, "D-Bus: what answers does not speak D-Bus");
		if (end == SIZE_MAX) {
			if (receive(d, err) < 0)
				return -1;
			continue;
		}
		bool is_ok = str_has_prefix(buf_str(&d->in), STR("OK "));
		bool is_more = str_has_prefix(buf_str(&d->in), STR("DATA"));

		buf_consume(&d->in, end + 2);
		if (is_ok)
			return 0;
		if (!is_more)
			return err_set(err, ERR_FORBIDDEN, "D-Bus: systemd refuses this user");
	}
}

static int say_hello(struct dbus *d, struct err *err)
{
	static const struct dbus_call hello = {
		"/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", { 0 }
	};
	struct dbus_message message;
	uint32_t serial;

	if (dbus_send(d, "org.freedesktop.DBus", &hello, &serial, err) < 0)
		return -1;
	do {
		if (dbus_next(d, &message, err) < 0)
			return -1;
	} while (message.reply_to != serial);
	return message.type == DBUS_RETURN
		       ? 0
		       : err_set(err, ERR_FORBIDDEN, "D-Bus: the bus refuses this user");
}

int dbus_open(const char *socket_path, bool is_bus, int timeout_ms, struct dbus *ret,
	      struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_DBUS d = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .is_bus = is_bus };

	buf_init(&d.in, DBUS_MESSAGE_MAX + 4096);
	d.deadline_ns = now_ns() + (int64_t)timeout_ms * 1000000;
	if (d.fd < 0)
		return err_os(err, "socket");
	if (str_copy_to(str_from(socket_path), address.sun_path, sizeof(address.sun_path)) < 0)
		return err_set(err, ERR_INVALID, "path of the bus is too long: %.120s",
			       socket_path);
	if (connect(d.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_os(err, "connect to %s", socket_path);
	if (authenticate(&d, err) < 0 || (is_bus && say_hello(&d, err) < 0))
		return -1;
	*ret = d;
	d = (struct dbus){ .fd = -1 };
	return 0;
}

void dbus_close(struct dbus *d)
{
	fd_close(&d->fd);
	buf_deinit(&d->in);
}

static void put_field(struct buf *b, unsigned char code, const char *type, const char *value)
{
	if (!value || !value[0])
		return;
	dbus_put_align(b, 8);
	buf_put_char(b, (char)code);
	dbus_put_signature(b, type);
	if (type[0] == 'g')
		dbus_put_signature(b, value);
	else
		dbus_put_string(b, str_from(value));
}

int dbus_send(struct dbus *d, const char *destination, const struct dbus_call *call,
	      uint32_t *ret_serial, struct err *err)
{
	AUTO_BUF b = { 0 };
	size_t fields;

	buf_init(&b, DBUS_MESSAGE_MAX);
	buf_put(&b, "l\1\0\1", 4);
	dbus_put_u32(&b, (uint32_t)call->body.len);
	dbus_put_u32(&b, ++d->serial);
	fields = dbus_begin_array(&b, 8);
	put_field(&b, FIELD_PATH, "o", call->path);
	put_field(&b, FIELD_INTERFACE, "s", call->interface);
	put_field(&b, FIELD_MEMBER, "s", call->member);
	if (d->is_bus)
		put_field(&b, FIELD_DESTINATION, "s", destination);
	put_field(&b, FIELD_SIGNATURE, "g", call->signature);
	dbus_end_array(&b, fields, 8);
	dbus_put_align(&b, 8);
	buf_put_str(&b, call->body);
	if (buf_check(&b, "D-Bus: call", err) < 0)
		return -1;
	*ret_serial = d->serial;
	return send_all(d, buf_str(&b), err);
}

int dbus_next(struct dbus *d, struct dbus_message *ret, struct err *err)
{
	buf_consume(&d->in, d->used);
	d->used = 0;
	for (;;) {
		if (dbus_decode(buf_str(&d->in), ret, &d->used, err) < 0)
			return -1;
		if (d->used > 0)
			return 0;
		if (receive(d, err) < 0)
			return -1;
	}
}
