/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor of a running container tells: answers, lack of memory, and the end. When the
 * connection breaks without word of the end, exit.json tells; when that is missing too, the monitor
 * was killed and `cube-oci delete --force` clears up what is left of the container.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "container/service_internal.h"

#define EXIT_RECORD_BYTES_MAX (64u << 10)

/* error points into scratch, which is the caller's. */
static int exit_record_decode(struct str bytes, struct container_end *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(bytes, EXIT_RECORD_BYTES_MAX, err);
	yyjson_val *root;
	struct str finished;

	if (!doc)
		return err_wrap(err, MONITOR_EXIT_NAME);
	root = yyjson_doc_get_root(doc);
	*ret = (struct container_end){
		.exit_code = (int)json_get_int(root, "exitCode", 255),
		.exit_signal = (int)json_get_int(root, "signal", 0),
		.oom_killed = json_get_bool(root, "oomKilled", false),
	};
	finished = json_get_str(root, "finishedAt");
	if (time_parse(finished, &ret->finished_ns, NULL) < 0)
		ret->finished_ns = 0; /* now */
	if (time_parse(json_get_str(root, "startedAt"), &ret->started_ns, NULL) < 0)
		ret->started_ns = 0; /* never */
	return 0;
}

int exit_record_read(const char *state_path, struct container_end *ret, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/" MONITOR_EXIT_NAME, state_path);
	AUTO_BUF text = { 0 };

	buf_init(&text, EXIT_RECORD_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path, EXIT_RECORD_BYTES_MAX, &text, err) < 0)
		return -1;
	return exit_record_decode(buf_str(&text), ret, err);
}

void unit_close_namespaces(struct unit *u)
{
	for (int i = 0; i < NAMESPACE_FD_COUNT; i++)
		fd_close(&u->ns_fds[i]);
}

int unit_open_namespaces(struct unit *u, struct err *err)
{
	static const char *const names[NAMESPACE_FD_COUNT] = {
		[NS_NETWORK] = "net",
		[NS_IPC] = "ipc",
		[NS_UTS] = "uts",
		[NS_PID] = "pid",
	};
	char path[64];

	for (int i = 0; i < NAMESPACE_FD_COUNT; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)u->c.pid, names[i]);
		fd_close(&u->ns_fds[i]);
		u->ns_fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (u->ns_fds[i] < 0)
			return err_os(err, "open %s", path);
	}
	return 0;
}

/* --- clearing up after a monitor that was killed --- */

struct clear_up {
	struct child child;
	struct unit *unit;
};

static void unit_lost(struct unit *u)
{
	struct container_end end = { .exit_code = 255,
				     .error = "the container's monitor was killed" };

	(void)container_advance(u, CAUSE_ENDED,
				&end); /* a start that is under way ends by itself */
}

static void clear_up_done(struct child *child, int wait_status)
{
	struct clear_up *c = CONTAINER_OF(child, struct clear_up, child);

	if (wait_status != 0)
		log_warn("container", "cube-oci delete --force %s failed", c->unit->c.id);
	c->unit->service->busy--;
	unit_lost(c->unit);
	mem_free(c);
}

void unit_clear_up(struct unit *u)
{
	struct container_service *s = u->service;
	struct clear_up *c = NEW(struct clear_up);
	const char *argv[] = { "cube-oci", "--root", s->states_path, "delete", "--force",
			       u->c.id,	   NULL };
	struct child_spec spec = { .path = s->oci_path, .argv = argv };
	struct err err = { 0 };

	c->unit = u;
	c->child.on_exit = clear_up_done;
	if (env_spawn(s->env, &spec, &c->child, &err) < 0) {
		log_warn("container", "delete %s: %s", u->c.id, err.msg);
		mem_free(c);
		unit_lost(u);
		return;
	}
	s->busy++;
}

/* --- frames --- */

static void replies_fail(struct unit *u)
{
	struct err err = { 0 };
	struct list *node;

	err_set(&err, ERR_CONFLICT, "container %s is not running", u->c.id);
	while ((node = list_pop_front(&u->replies))) {
		struct reply *r = LIST_ENTRY(node, struct reply, link);

		r->fn(r, STR_NONE, &err);
	}
}

static void unit_ended(struct unit *u, const struct container_end *end)
{
	monitor_link_close(&u->monitor);
	(void)container_advance(u, CAUSE_ENDED, end); /* already ended: the first word counts */
	replies_fail(u);
}

static void answer(struct unit *u, const struct monitor_frame *frame, struct str payload)
{
	struct err err = { 0 };

	LIST_FOR_EACH (node, &u->replies) {
		struct reply *r = LIST_ENTRY(node, struct reply, link);

		if (r->tag != frame->tag)
			continue;
		list_remove(node);
		if (frame->type == MONITOR_ERROR)
			err_set(&err, ERR_CONFLICT, STR_FMT, STR_ARG(payload));
		r->fn(r, payload, frame->type == MONITOR_ERROR ? &err : NULL);
		return;
	}
}

static void on_frame(struct monitor_link *link, const struct monitor_frame *frame,
		     struct str payload)
{
	struct unit *u = CONTAINER_OF(link, struct unit, monitor);
	struct container_end end;

	switch (frame->type) {
	case MONITOR_REPLY:
	case MONITOR_ERROR:
		answer(u, frame, payload);
		break;
	case MONITOR_OOM:
		service_emit(u, CONTAINER_EVENT_OOM);
		break;
	case MONITOR_EXITED:
		if (exit_record_decode(payload, &end, NULL) == 0)
			unit_ended(u, &end);
		break;
	default:
		break;
	}
}

static void on_closed(struct monitor_link *link)
{
	struct unit *u = CONTAINER_OF(link, struct unit, monitor);
	struct container_end end;

	if (exit_record_read(u->state_path, &end, NULL) == 0) {
		unit_ended(u, &end);
		return;
	}
	replies_fail(u);
	unit_clear_up(u);
}

int monitor_follow(struct unit *u, struct err *err)
{
	u->monitor.on_frame = on_frame;
	u->monitor.on_closed = on_closed;
	return monitor_link_open(u->service->env, &u->monitor, u->state_path, err);
}

void monitor_ask(struct unit *u, uint8_t type, struct str payload, struct reply *reply)
{
	struct monitor_frame frame = { .type = type, .tag = ++u->next_tag };
	struct err err = { 0 };

	reply->tag = frame.tag;
	if (monitor_link_send(&u->monitor, &frame, payload, &err) < 0) {
		err_set(&err, ERR_CONFLICT, "container %s is not running", u->c.id);
		reply->fn(reply, STR_NONE, &err);
		return;
	}
	list_push_back(&u->replies, &reply->link);
}

void unit_wait(struct unit *u, struct waiter *waiter)
{
	list_push_back(&u->waiters, &waiter->link);
}
