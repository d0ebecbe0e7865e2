/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration that may change while the server runs: a file is read again when something happened
 * in its folder (where mounts of ConfigMaps change a link), and what it says is taken if it can be
 * used. A file that cannot changes nothing, but is told of.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "main/server.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define EVENTS_BYTES 4096
#define SETTLE_MS 100 /* writers write in pieces */

struct server_reload {
	struct server_reload *next;
	struct server *server;
	const char *flag, *path; /* in the server's arena */
	server_reload_fn *take;
	void *arg;
	int fd;
	struct io_watch watch;
	struct timer timer;
	struct work work;
	struct buf text, known; /* as read now, and as it was taken or refused last */
	struct err err;
	bool has_failed, is_reading, is_stale, is_doomed;
};

static void reload_free(struct server_reload *r)
{
	fd_close(&r->fd);
	buf_deinit(&r->text);
	buf_deinit(&r->known);
	mem_free(r);
}

/* --- on a pool thread --- */

static void read_file(struct work *work)
{
	struct server_reload *r = CONTAINER_OF(work, struct server_reload, work);

	buf_reset(&r->text);
	r->has_failed = fd_read_file(AT_FDCWD, r->path, FILE_BYTES_MAX, &r->text, &r->err) < 0;
}

/* --- on the loop --- */

static void start_reading(struct server_reload *r);

static void take(struct server_reload *r)
{
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	int taken;

	if (r->has_failed) { /* perhaps it is just being replaced */
		log_error("server", "--%s: %s", r->flag, r->err.msg);
		return;
	}
	if (str_eq(buf_str(&r->text), buf_str(&r->known)))
		return;
	buf_reset(&r->known);
	buf_put_str(&r->known, buf_str(&r->text));
	arena_init(&arena, ARENA_DEFAULT_MAX);
	taken = r->take(r->server, r->arg, buf_str(&r->text), &arena, &err);
	if (taken < 0)
		log_error("server", "--%s: the file changed and cannot be used: %s", r->flag,
			  err.msg);
	else if (taken == 0)
		log_info("server", "--%s: the file changed and is in use", r->flag);
}

static void was_read(struct work *work)
{
	struct server_reload *r = CONTAINER_OF(work, struct server_reload, work);

	r->is_reading = false;
	if (r->is_doomed) {
		reload_free(r);
		return;
	}
	take(r);
	if (r->is_stale)
		start_reading(r);
}

static void start_reading(struct server_reload *r)
{
	r->is_stale = r->is_reading;
	if (r->is_reading)
		return;
	r->is_reading = true;
	r->work = (struct work){ .run = read_file, .done = was_read };
	env_work(r->server->env, &r->work);
}

static void on_timer(struct timer *timer)
{
	start_reading(CONTAINER_OF(timer, struct server_reload, timer));
}

/* What happened does not matter: the file says. */
static void on_events(struct io_watch *watch, int events)
{
	struct server_reload *r = CONTAINER_OF(watch, struct server_reload, watch);
	char skipped[EVENTS_BYTES];

	(void)events;
	while (read(r->fd, skipped, sizeof(skipped)) > 0)
		continue;
	if (!timer_is_running(&r->timer))
		timer_start(&r->timer, SETTLE_MS);
}

int server_reload_watch(struct server *s, const struct server_reload_file *file, struct err *err)
{
	struct server_reload *r = NEW(struct server_reload);
	size_t slash = str_rfind_char(file->path, '/');
	struct str dir = slash == SIZE_MAX ? STR(".") : str_slice(file->path, 0, slash + 1);

	r->server = s;
	r->flag = file->flag;
	r->path = str_c_in(s->arena, file->path);
	r->take = file->take;
	r->arg = file->arg;
	buf_init(&r->text, FILE_BYTES_MAX);
	buf_init(&r->known, FILE_BYTES_MAX);
	r->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	r->watch.fn = on_events;
	timer_init(&r->timer, s->env, on_timer);
	if (r->fd < 0 ||
	    inotify_add_watch(r->fd, str_c_in(s->arena, dir),
			      IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE) < 0) {
		(void)err_os(err, "--%s: watch " STR_FMT, file->flag, STR_ARG(dir));
		reload_free(r);
		return -1;
	}
	if (io_start(s->env, &r->watch, r->fd, IO_READ, err) < 0) {
		reload_free(r);
		return err_wrap(err, "--%s", file->flag);
	}
	read_file(&r->work); /* what is in use now: the start waits for it anyway */
	buf_put_str(&r->known, buf_str(&r->text));
	r->next = s->reloads;
	s->reloads = r;
	return 0;
}

void server_reload_stop(struct server *s)
{
	struct server_reload *r;

	while ((r = s->reloads) != NULL) {
		s->reloads = r->next;
		io_stop(&r->watch);
		timer_stop(&r->timer);
		r->is_doomed = true;
		if (!r->is_reading)
			reload_free(r);
	}
}
