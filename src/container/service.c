/* SPDX-License-Identifier: Apache-2.0 */
/* The service: who is there, by ID and name; listeners; records. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/service_internal.h"
#include "linux/cgroup.h"

struct unit *unit_new(struct container_service *s, const char *id)
{
	struct unit *u = NEW(struct unit);

	u->service = s;
	u->c.impl = u;
	snprintf(u->c.id, sizeof(u->c.id), "%s", id);
	u->c.spec = &u->spec;
	arena_init(&u->arena, 64u << 20);
	u->dir_path = mem_printf("%s/%s", s->containers_path, id);
	u->state_path = mem_printf("%s/%s", s->states_path, id);
	list_init(&u->waiters);
	list_init(&u->replies);
	list_init(&u->link);
	monitor_link_init(&u->monitor);
	buf_init(&u->save_text, RECORD_BYTES_MAX);
	for (int i = 0; i < NAMESPACE_FD_COUNT; i++)
		u->ns_fds[i] = -1;
	return u;
}

static char *log_path_of(const struct unit *u)
{
	if (u->spec.log_path.len)
		return str_dup_c(u->spec.log_path);
	if (u->spec.is_sandbox || u->spec.log_format == CONTAINER_LOG_NONE)
		return mem_strdup("");
	if (u->spec.log_format == CONTAINER_LOG_JSON_FILE)
		return mem_printf("%s/%s-json.log", u->dir_path, u->c.id);
	return mem_printf("%s/0.log", u->dir_path);
}

void unit_insert(struct unit *u)
{
	struct container_service *s = u->service;

	u->c.uid = u->user.uid;
	u->c.gid = u->user.gid;
	mem_free(u->log_path);
	u->log_path = log_path_of(u);
	(void)map_put(&s->by_id, str_from(u->c.id), u); /* IDs are random: nothing was there */
	if (u->spec.name.len)
		(void)map_put(&s->by_name, u->spec.name, u); /* checked to be free */
	list_push_back(&s->units, &u->link);
}

static void unit_free(struct unit *u)
{
	monitor_link_close(&u->monitor);
	buf_deinit(&u->monitor.in);
	buf_deinit(&u->monitor.out);
	unit_close_namespaces(u);
	image_unref(u->c.image);
	buf_deinit(&u->save_text);
	arena_deinit(&u->arena);
	mem_free(u->dir_path);
	mem_free(u->state_path);
	mem_free(u->log_path);
	mem_free(u);
}

void unit_forget(struct unit *u)
{
	struct container_service *s = u->service;

	ASSERT(!u->saving);
	if (list_is_linked(&u->link)) {
		list_remove(&u->link);
		(void)map_remove(&s->by_id, str_from(u->c.id)); /* u itself, likewise */
		if (u->spec.name.len && map_get(&s->by_name, u->spec.name) == u)
			(void)map_remove(&s->by_name, u->spec.name);
	}
	unit_free(u);
}

struct container *container_get(struct container_service *service, struct str id)
{
	struct unit *u = map_get(&service->by_id, id);

	return u && !u->is_preparing ? &u->c : NULL;
}

struct container *container_find(struct container_service *service, struct str id_or_name)
{
	struct unit *found = map_get(&service->by_id, id_or_name);
	struct str name = id_or_name;

	if (!found)
		found = map_get(&service->by_name, name);
	if (!found && str_strip_prefix(&name, STR("/")))
		found = map_get(&service->by_name, name);
	if (found)
		return found->is_preparing ? NULL : &found->c;
	if (id_or_name.len == 0)
		return NULL;
	LIST_FOR_EACH (node, &service->units) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);

		if (u->is_preparing || !str_has_prefix(str_from(u->c.id), id_or_name))
			continue;
		if (found)
			return NULL; /* not unique */
		found = u;
	}
	return found ? &found->c : NULL;
}

void container_walk(struct container_service *service,
		    bool (*fn)(void *arg, struct container *container), void *arg)
{
	LIST_FOR_EACH (node, &service->units) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);

		if (!u->is_preparing && !fn(arg, &u->c))
			return;
	}
}

void container_listen(struct container_service *service, struct container_listener *listener)
{
	list_push_back(&service->listeners, &listener->link);
}

void container_unlisten(struct container_listener *listener)
{
	list_remove(&listener->link);
}

void service_emit(struct unit *u, enum container_event_type type)
{
	LIST_FOR_EACH (node, &u->service->listeners) {
		struct container_listener *l = LIST_ENTRY(node, struct container_listener, link);

		l->fn(l, type, &u->c);
	}
}

struct str container_log_path(const struct container *container)
{
	const struct unit *u = container->impl;

	return str_from(u->log_path);
}

static struct str unit_cgroup_parent(const struct unit *u)
{
	if (u->spec.cgroup_parent.len)
		return u->spec.cgroup_parent;
	if (u->c.sandbox)
		return unit_cgroup_parent(unit_of(u->c.sandbox));
	return str_from(u->service->cgroup_default);
}

struct str unit_cgroup_path(const struct unit *u, struct arena *arena)
{
	struct str parent = unit_cgroup_parent(u);

	return str_printf_in(arena, "%s" STR_FMT "/%s",
			     parent.len && parent.ptr[0] == '/' ? "" : "/", STR_ARG(parent),
			     u->c.id);
}

/* --- records --- */

int unit_encode_record(const struct unit *u, struct buf *to, struct err *err)
{
	struct record r = {
		.id = u->c.id,
		.status = u->c.status,
		.spec = u->spec,
		.user = u->user,
		.image_id = u->c.image ? str_from(u->c.image->id) : STR(""),
		.exit_code = u->c.exit_code,
		.exit_signal = u->c.exit_signal,
		.oom_killed = u->c.oom_killed,
		.restart_count = u->c.restart_count,
		.created_ns = u->c.created_ns,
		.started_ns = u->c.started_ns,
		.finished_ns = u->c.finished_ns,
		.error = str_from(u->c.error),
	};

	return record_encode(&r, to, err);
}

static void save_run(struct work *work)
{
	struct unit *u = CONTAINER_OF(work, struct unit, save);
	char path[CONTAINER_ID_BYTES + sizeof("/" RECORD_NAME)];
	struct err err = { 0 };

	snprintf(path, sizeof(path), "%s/" RECORD_NAME, u->c.id);
	if (fd_replace_file(u->service->containers_fd, path, buf_str(&u->save_text), 0600,
			    u->save_durable, &err) < 0)
		log_warn("container", "record of %s: %s", u->c.id,
			 err.msg); /* its monitor still knows */
}

static void save_done(struct work *work)
{
	struct unit *u = CONTAINER_OF(work, struct unit, save);
	void (*then)(struct unit *) = u->after_save;

	u->saving = false;
	u->service->busy--;
	if (then) {
		u->after_save = NULL;
		then(u);
		return;
	}
	if (u->save_again) {
		u->save_again = false;
		unit_save(u, u->save_durable);
	}
}

void unit_save(struct unit *u, bool durable)
{
	struct err err = { 0 };

	if (u->saving) {
		u->save_again = true;
		return;
	}
	buf_reset(&u->save_text);
	if (unit_encode_record(u, &u->save_text, &err) < 0) {
		log_warn("container", "record of %s: %s", u->c.id, err.msg);
		return;
	}
	u->saving = true;
	u->save_durable = durable;
	u->service->busy++;
	u->save.run = save_run;
	u->save.done = save_done;
	env_work(u->service->env, &u->save);
}

/* --- ops --- */

struct finish {
	struct task task;
	struct container_service *service;
	struct container_op *request;
	struct unit *unit;
	struct err err;
	bool failed;
};

static void finish_run(struct task *task)
{
	struct finish *f = CONTAINER_OF(task, struct finish, task);
	struct container_op *request = f->request;

	f->service->busy--;
	request->impl = NULL;
	request->done(request, f->unit ? &f->unit->c : NULL, f->failed ? &f->err : NULL);
	mem_free(f);
}

void op_finish(struct container_service *s, struct container_op *request, struct unit *u,
	       const struct err *err)
{
	struct finish *f;

	if (!request)
		return;
	f = NEW(struct finish);
	f->service = s;
	f->request = request;
	f->unit = u;
	f->failed = err != NULL;
	if (err)
		f->err = *err;
	task_init(&f->task, finish_run);
	s->busy++;
	env_defer(s->env, &f->task);
}

/* --- open and close --- */

static int make_dir(const char *path, int *ret_fd, struct err *err)
{
	if (fd_make_dirs(AT_FDCWD, path, 0700, err) < 0)
		return -1;
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_os(err, "open %s", path) : 0;
}

static int service_init(struct container_service *s, const struct container_service_options *o,
			struct err *err)
{
	struct cgroup cgroup;

	s->containers_path = mem_printf("%s/containers", o->data_dir);
	s->states_path = mem_printf("%s/containers", o->run_dir);
	s->empty_path = mem_printf("%s/containers/empty", o->data_dir);
	s->oci_path = mem_strdup(o->oci_path);
	s->cgroup_root = mem_strdup(
		o->cgroup_root && strcmp(o->cgroup_root, "/") != 0 ? o->cgroup_root : "");
	s->cgroup_default = mem_printf("%s/cube", s->cgroup_root);
	if (access(o->oci_path, X_OK) < 0)
		return err_os(err, "%s", o->oci_path);
	if (make_dir(s->containers_path, &s->containers_fd, err) < 0 ||
	    make_dir(s->states_path, &s->states_fd, err) < 0 ||
	    fd_make_dirs(AT_FDCWD, s->empty_path, 0755, err) < 0)
		return -1;
	if (cgroup_init(&cgroup, "/") == 0) {
		s->has_cgroup_v1 = !cgroup.is_v2;
		cgroup_deinit(&cgroup);
	}
	return service_restore(s, err);
}

int container_service_open(const struct container_service_options *options,
			   struct container_service **ret, struct err *err)
{
	struct container_service *s = NEW(struct container_service);

	s->env = options->env;
	s->images = options->images;
	s->network = options->network;
	s->containers_fd = s->states_fd = -1;
	map_init(&s->by_id);
	map_init(&s->by_name);
	list_init(&s->units);
	list_init(&s->listeners);
	if (service_init(s, options, err) < 0) {
		err_wrap(err, "container service");
		container_service_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void container_service_close(struct container_service *s)
{
	if (!s)
		return;
	while (!list_is_empty(&s->units))
		unit_forget(LIST_ENTRY(list_first(&s->units), struct unit, link));
	map_deinit(&s->by_id);
	map_deinit(&s->by_name);
	fd_close(&s->containers_fd);
	fd_close(&s->states_fd);
	mem_free(s->containers_path);
	mem_free(s->states_path);
	mem_free(s->empty_path);
	mem_free(s->oci_path);
	mem_free(s->cgroup_root);
	mem_free(s->cgroup_default);
	mem_free(s);
}
