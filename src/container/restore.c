/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up: records are read, monitors that are alive are asked how their containers are and
 * followed again, ends that nobody saw are read from exit.json. Blocks, but for at most
 * CONTAINER_RESTORE_TIMEOUT_MS a monitor that hangs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "container/limits.h"
#include "container/service_internal.h"

static int wait_readable(int fd, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, CONTAINER_RESTORE_TIMEOUT_MS) > 0)
		return 0;
	return err_set(err, ERR_TIMEOUT, "the container's monitor does not answer");
}

/* The answer to MONITOR_STATE; other frames are passed over. */
static int ask_state(int sock, struct buf *ret, struct err *err)
{
	struct monitor_frame frame = { .type = MONITOR_STATE, .tag = 1 };
	char payload[MONITOR_PAYLOAD_MAX];

	if (fd_write_all(sock, &frame, sizeof(frame), err) < 0)
		return -1;
	for (;;) {
		if (wait_readable(sock, err) < 0 ||
		    fd_read_exact(sock, &frame, sizeof(frame), err) < 0)
			return -1;
		if (frame.length_bytes > MONITOR_PAYLOAD_MAX)
			return err_set(err, ERR_PARSE, "the container's monitor sends nonsense");
		if (frame.length_bytes &&
		    (wait_readable(sock, err) < 0 ||
		     fd_read_exact(sock, payload, frame.length_bytes, err) < 0))
			return -1;
		if (frame.type == MONITOR_EXITED)
			return err_set(err, ERR_CLOSED, "the container ended");
		if (frame.type == MONITOR_REPLY && frame.tag == 1)
			break;
	}
	buf_put(ret, payload, frame.length_bytes);
	return buf_check(ret, "state", err);
}

/* Running, with pid and namespaces known; < 0 when it is not. */
static int restore_running(struct unit *u, struct err *err)
{
	AUTO_FD sock = monitor_connect(u->state_path, err);
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;
	struct str status;
	int64_t started_ns;

	buf_init(&text, MONITOR_PAYLOAD_MAX);
	if (sock < 0 || ask_state(sock, &text, err) < 0)
		return -1;
	doc = json_parse(buf_str(&text), MONITOR_PAYLOAD_MAX, err);
	if (!doc)
		return -1;
	status = json_get_str(yyjson_doc_get_root(doc), "status");
	if (str_eq_c(status, "created"))
		return err_set(err, ERR_CLOSED, "it was never started");
	if (!str_eq_c(status, "running") && !str_eq_c(status, "paused"))
		return err_set(err, ERR_CLOSED, "it is " STR_FMT, STR_ARG(status));
	u->c.pid = (pid_t)json_get_int(yyjson_doc_get_root(doc), "pid", 0);
	if (time_parse(json_get_str(yyjson_doc_get_root(doc), "startedAt"), &started_ns, NULL) == 0)
		u->c.started_ns = started_ns;
	if (u->spec.is_sandbox && unit_open_namespaces(u, err) < 0)
		return -1;
	buf_reset(&text);
	/* Asked again after the namespaces were opened: that pid was still its own then. */
	if (ask_state(sock, &text, err) < 0)
		return -1;
	return monitor_follow(u, err);
}

static bool has_state(const struct unit *u)
{
	return faccessat(u->service->states_fd, u->c.id, F_OK, 0) == 0;
}

static void restore_ended(struct unit *u, const struct container_end *end)
{
	u->c.status = CONTAINER_EXITED;
	u->c.exit_code = end->exit_code;
	u->c.exit_signal = end->exit_signal;
	u->c.oom_killed = end->oom_killed;
	u->c.finished_ns = end->finished_ns ? end->finished_ns : env_wall_ns(u->service->env);
	u->c.pid = 0;
	if (end->started_ns) /* the record may not have got as far */
		u->c.started_ns = end->started_ns;
	if (end->error)
		snprintf(u->c.error, sizeof(u->c.error), "%s", end->error);
	unit_close_namespaces(u);
	unit_save(u, true);
}

/* The present status, whatever the record last said. */
static void restore_status(struct unit *u, enum container_status recorded)
{
	struct container_end end = { .exit_code = 255 };
	struct err err = { 0 };
	bool waits = recorded == CONTAINER_CREATED || recorded == CONTAINER_EXITED;

	u->c.status = recorded;
	/* A start that was cut off has emptied the state folder, so exit.json tells a later end
	 * from the recorded one. */
	if (recorded == CONTAINER_EXITED && has_state(u) &&
	    exit_record_read(u->state_path, &end, NULL) == 0 && end.finished_ns <= u->c.finished_ns)
		return;
	end = (struct container_end){ .exit_code = 255 };
	if (!has_state(u)) {
		end.error = "the machine or its run folder was reset while it ran";
		if (!waits)
			restore_ended(u, &end);
		return;
	}
	if (restore_running(u, &err) == 0) {
		u->c.status = CONTAINER_RUNNING;
		if (u->c.started_ns == 0)
			u->c.started_ns = env_wall_ns(u->service->env);
		return;
	}
	if (exit_record_read(u->state_path, &end, NULL) == 0) {
		restore_ended(u, &end);
		return;
	}
	log_warn("container", "%s: %s; clearing up", u->c.id, err.msg);
	u->c.status = CONTAINER_RUNNING; /* until cube-oci delete has made sure that it is not */
	unit_clear_up(u);
}

static int load_unit(struct container_service *s, const char *id, struct err *err)
{
	AUTO_BUF text = { 0 };
	struct unit *u = unit_new(s, id);
	char path[CONTAINER_ID_BYTES + sizeof("/" RECORD_NAME)];
	struct record r;

	buf_init(&text, RECORD_BYTES_MAX);
	snprintf(path, sizeof(path), "%s/" RECORD_NAME, id);
	if (fd_read_file(s->containers_fd, path, RECORD_BYTES_MAX, &text, err) < 0 ||
	    record_decode(buf_str(&text), &u->arena, &r, err) < 0) {
		unit_forget(u);
		return -1;
	}
	u->spec = r.spec;
	u->user = r.user;
	u->c.exit_code = r.exit_code;
	u->c.exit_signal = r.exit_signal;
	u->c.oom_killed = r.oom_killed;
	u->c.restart_count = r.restart_count;
	u->c.created_ns = r.created_ns;
	u->c.started_ns = r.started_ns;
	u->c.finished_ns = r.finished_ns;
	snprintf(u->c.error, sizeof(u->c.error), STR_FMT, STR_ARG(r.error));
	if (r.image_id.len) {
		struct image *image = image_by_id(s->images, r.image_id);

		u->c.image = image ? image_ref(image) : NULL;
	}
	u->c.status = r.status == CONTAINER_REMOVING ? CONTAINER_EXITED : r.status;
	unit_insert(u);
	return 0;
}

static bool is_id(const char *name)
{
	return strlen(name) == CONTAINER_ID_BYTES - 1 &&
	       strspn(name, "0123456789abcdef") == CONTAINER_ID_BYTES - 1;
}

static void remove_leftover(struct container_service *s, const char *id)
{
	AUTO_FREE char *shm = mem_printf("%s/%s/shm", s->containers_path, id);
	struct err err = { 0 };

	(void)umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW); /* only sandboxes have it */
	if (fd_remove_tree(s->containers_fd, id, &err) < 0)
		log_warn("container", "removing %s: %s", id, err.msg);
}

static int load_all(struct container_service *s, struct err *err)
{
	AUTO_FD fd = openat(s->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!dir)
		return err_os(err, "list containers");
	(void)fd_take(&fd); /* the DIR's now */
	while ((e = readdir(dir))) {
		struct err why = { 0 };

		if (!is_id(e->d_name) || load_unit(s, e->d_name, &why) == 0)
			continue;
		/* Creation did not get as far as the record: nothing was started from it. A record
		 * that cannot be read is kept while a monitor may be using the folder. */
		if (faccessat(s->states_fd, e->d_name, F_OK, 0) == 0)
			log_error("container", "record of %s: %s", e->d_name, why.msg);
		else
			remove_leftover(s, e->d_name);
	}
	closedir(dir);
	return 0;
}

/* Creation order, which the folder's order is not. */
static void sort_units(struct container_service *s)
{
	struct list sorted, *node;

	list_init(&sorted);
	while ((node = list_pop_front(&s->units))) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);
		struct list *at = sorted.prev;

		while (at != &sorted &&
		       LIST_ENTRY(at, struct unit, link)->c.created_ns > u->c.created_ns)
			at = at->prev;
		list_insert_before(at->next, node);
	}
	while ((node = list_pop_front(&sorted)))
		list_push_back(&s->units, node);
}

static bool keeps_lease(void *arg, const char *id)
{
	struct container_service *s = arg;

	return map_get(&s->by_id, str_from(id)) != NULL;
}

int service_restore(struct container_service *s, struct err *err)
{
	if (load_all(s, err) < 0)
		return -1;
	sort_units(s);
	LIST_FOR_EACH (node, &s->units) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);
		struct unit *sandbox = map_get(&s->by_id, u->spec.sandbox_id);

		u->c.sandbox = sandbox ? &sandbox->c : NULL;
		if (u->spec.is_sandbox && s->network)
			(void)network_address(s->network, u->c.id,
					      &u->c.address); /* none when it uses the host's */
		restore_status(u, u->c.status);
	}
	if (s->network)
		network_forget_others(s->network, keeps_lease, s);
	image_store_settle(s->images);
	return 0;
}
