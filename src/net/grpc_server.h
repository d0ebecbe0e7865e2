/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC on an http_server: methods are rows of a table, a call is a stream. Give
 * grpc_http_handlers() to the server with a struct grpc_service as arg.
 */
#ifndef CUBE_NET_GRPC_SERVER_H
#define CUBE_NET_GRPC_SERVER_H

#include "net/grpc.h"
#include "net/http_server.h"

struct grpc_stream;

struct grpc_method {
	const char *path; /* "/etcdserverpb.KV/Range" */
	bool is_unary;	  /* one message is asked for: with none or more the call is refused */
	/* A request message; borrowed. */
	void (*message)(struct grpc_stream *s, struct str message);
	/* The client will send no more. Streaming methods only. */
	void (*ended)(struct grpc_stream *s);
	/* What was queued has gone down. Optional. */
	void (*drained)(struct grpc_stream *s);
	/* The client is gone: last call; nothing may be sent any more. Optional. */
	void (*closed)(struct grpc_stream *s);
};

struct grpc_service {
	const struct grpc_method *methods; /* path NULL ends them */
	void *owner;
	size_t message_bytes_max; /* received */
};

struct grpc_stream {
	struct arena *arena; /* as long as the call */
	const struct grpc_service *service;
	const struct grpc_method *method;
	void *user; /* the method's own */
	/* own */
	struct http_exchange *x;
	struct grpc_reader reader;
	size_t message_count;
	bool is_finished;
};

const struct http_handlers *grpc_http_handlers(void);
/* Frames made by grpc_frame. */
void grpc_stream_send(struct grpc_stream *s, struct str frames);
size_t grpc_stream_queued_bytes(const struct grpc_stream *s) PURE;
/* Ends the call; the stream is gone after it. */
void grpc_stream_finish(struct grpc_stream *s, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
