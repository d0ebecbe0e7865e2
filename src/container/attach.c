/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching: one more connection to the monitor, which copies the container's streams to it. */
#include "base/log.h"
#include "base/mem.h"
#include "container/limits.h"
#include "container/service_internal.h"

struct attachment {
	struct monitor_link link;
	struct container_service *service;
	struct container_attach *request;
	struct task refuse;
	struct err err;
	bool attached;
};

_Static_assert(CONTAINER_ATTACH_QUEUE_MAX <= MONITOR_LINK_QUEUE_MAX, "the link holds what may be queued");

static void attachment_free(struct attachment *a)
{
	monitor_link_close(&a->link);
	buf_deinit(&a->link.in);
	buf_deinit(&a->link.out);
	a->service->busy--;
	mem_free(a);
}

static void refuse(struct attachment *a)
{
	struct container_attach *request = a->request;
	struct err err = a->err;

	request->impl = NULL;
	attachment_free(a);
	request->started(request, &err);
}

static void refuse_later(struct task *task)
{
	refuse(CONTAINER_OF(task, struct attachment, refuse));
}

static void attach_frame(struct monitor_link *link, const struct monitor_frame *frame, struct str payload)
{
	struct attachment *a = CONTAINER_OF(link, struct attachment, link);
	struct container_attach *request = a->request;

	switch (frame->type) {
	case MONITOR_REPLY:
		if (a->attached)
			return;
		a->attached = true;
		request->started(request, NULL);
		break;
	case MONITOR_ERROR:
		if (a->attached)
			return;
		err_set(&a->err, ERR_CONFLICT, STR_FMT, STR_ARG(payload));
		refuse(a);
		break;
	case MONITOR_OUTPUT:
		if (a->attached && request->output)
			request->output(request, frame->stream, payload);
		break;
	case MONITOR_EXITED:
		monitor_link_close(link);
		link->on_closed(link);
		break;
	default:
		break;
	}
}

static void attach_closed(struct monitor_link *link)
{
	struct attachment *a = CONTAINER_OF(link, struct attachment, link);
	struct container_attach *request = a->request;

	if (!a->attached) {
		err_set(&a->err, ERR_CONFLICT, "container is not running");
		refuse(a);
		return;
	}
	request->impl = NULL;
	attachment_free(a);
	request->closed(request);
}

static void attach_writable(struct monitor_link *link)
{
	struct attachment *a = CONTAINER_OF(link, struct attachment, link);

	if (a->attached && a->request->writable)
		a->request->writable(a->request);
}

static int attach_open(struct attachment *a, const struct unit *u, struct err *err)
{
	const struct container_attach *r = a->request;
	struct monitor_attach wanted = { .want_stdin = r->want_stdin, .want_stdout = r->want_stdout,
					 .want_stderr = r->want_stderr };
	struct monitor_frame frame = { .type = MONITOR_ATTACH, .tag = 1 };

	if (monitor_link_open(a->service->env, &a->link, u->state_path, err) < 0)
		return -1;
	return monitor_link_send(&a->link, &frame, str_sub((const char *)&wanted, sizeof(wanted)), err);
}

void container_attach_start(struct container_service *service, struct str id, struct container_attach *attach)
{
	struct container *container = container_get(service, id);
	struct attachment *a = NEW(struct attachment);

	monitor_link_init(&a->link);
	a->link.on_frame = attach_frame;
	a->link.on_closed = attach_closed;
	a->link.on_writable = attach_writable;
	a->service = service;
	a->request = attach;
	attach->impl = a;
	service->busy++;
	task_init(&a->refuse, refuse_later);
	if (!container)
		err_set(&a->err, ERR_NOT_FOUND, "No such container: " STR_FMT, STR_ARG(id));
	else if (container->status != CONTAINER_RUNNING)
		err_set(&a->err, ERR_CONFLICT, "container %s is not running", container->id);
	else if (attach_open(a, unit_of(container), &a->err) == 0)
		return;
	env_defer(service->env, &a->refuse);
}

int container_attach_write(struct container_attach *attach, struct str bytes, size_t *ret_queued_bytes,
			   struct err *err)
{
	struct attachment *a = attach->impl;
	struct monitor_frame frame = { .type = MONITOR_INPUT };

	if (!a)
		return err_set(err, ERR_CLOSED, "the container ended");
	while (bytes.len) {
		struct str piece = str_slice(bytes, 0, MONITOR_PAYLOAD_MAX);

		if (monitor_link_send(&a->link, &frame, piece, err) < 0)
			return -1;
		bytes = str_slice(bytes, piece.len, bytes.len);
	}
	*ret_queued_bytes = monitor_link_queued(&a->link);
	return 0;
}

void container_attach_end_input(struct container_attach *attach)
{
	struct attachment *a = attach->impl;
	struct monitor_frame frame = { .type = MONITOR_INPUT_END };
	struct err err;

	if (a && monitor_link_send(&a->link, &frame, STR_NONE, &err) < 0)
		log_debug("container", "attach: %s", err.msg); /* closed follows */
}

void container_attach_resize(struct container_attach *attach, uint16_t rows, uint16_t columns)
{
	struct attachment *a = attach->impl;
	struct monitor_frame frame = { .type = MONITOR_RESIZE, .tag = 2 };
	struct monitor_resize size = { rows, columns };
	struct err err;

	if (a && monitor_link_send(&a->link, &frame, str_sub((const char *)&size, sizeof(size)), &err) < 0)
		log_debug("container", "attach: %s", err.msg); /* likewise */
}

void container_attach_pause(struct container_attach *attach, bool paused)
{
	struct attachment *a = attach->impl;

	if (a)
		monitor_link_pause(&a->link, paused);
}

void container_attach_close(struct container_attach *attach)
{
	struct attachment *a = attach->impl;

	if (!a)
		return;
	attach->impl = NULL;
	env_cancel(a->service->env, &a->refuse);
	attachment_free(a);
}
