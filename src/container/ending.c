/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping, killing, removing. A removal goes: (force: KILL and wait) -> no record is being written
 * -> network detached -> worker (state folder, overlay, shm, cgroup, record) -> REMOVED -> freed. A
 * sandbox takes its containers along.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/config.h"
#include "container/pod_cgroup.h"
#include "container/service_internal.h"

static struct unit *find_unit(struct container_service *s, struct container_op *op, struct str id)
{
	struct container *container = container_get(s, id);
	struct err err = { 0 };

	if (container)
		return unit_of(container);
	err_set(&err, ERR_NOT_FOUND, "No such container: " STR_FMT, STR_ARG(id));
	op_finish(s, op, NULL, &err);
	return NULL;
}

/* --- kill --- */

struct killing {
	struct reply reply;
	struct unit *unit;
	struct container_op *op; /* or NULL */
};

static void kill_answered(struct reply *reply, struct str payload, const struct err *err)
{
	struct killing *k = CONTAINER_OF(reply, struct killing, reply);

	(void)payload;
	op_finish(k->unit->service, k->op, k->unit, err);
	mem_free(k);
}

static void send_kill(struct unit *u, struct container_op *op, int signo, bool all)
{
	struct killing *k = NEW(struct killing);
	struct monitor_kill kill = { .signal = (uint32_t)signo, .all = all };

	k->unit = u;
	k->op = op;
	k->reply.fn = kill_answered;
	monitor_ask(u, MONITOR_KILL, str_sub((const char *)&kill, sizeof(kill)), &k->reply);
}

void container_kill(struct container_service *service, struct container_op *op, struct str id,
		    int signo)
{
	struct unit *u = find_unit(service, op, id);
	struct err err = { 0 };

	if (!u)
		return;
	if (u->c.status != CONTAINER_RUNNING) {
		err_set(&err, ERR_CONFLICT, "container %s is not running", u->c.id);
		op_finish(service, op, u, &err);
		return;
	}
	send_kill(u, op, signo, false);
}

/* --- stop --- */

struct stopping {
	struct waiter waiter;
	struct timer timer;
	struct unit *unit;
	struct container_op *op; /* or NULL: then… */
	void (*then)(struct stopping *stopping, const struct err *err);
	void *owner;
};

static void stop_free(struct stopping *st)
{
	timer_stop(&st->timer);
	mem_free(st);
}

static void stop_ended(struct waiter *waiter)
{
	struct stopping *st = CONTAINER_OF(waiter, struct stopping, waiter);

	op_finish(st->unit->service, st->op, st->unit, NULL);
	if (st->then)
		st->then(st, NULL);
	stop_free(st);
}

static void stop_timed_out(struct timer *timer)
{
	struct stopping *st = CONTAINER_OF(timer, struct stopping, timer);

	send_kill(st->unit, NULL, SIGKILL, true);
}

static struct stopping *stop_begin(struct unit *u, struct container_op *op, int signo,
				   int64_t timeout_ms)
{
	struct stopping *st = NEW(struct stopping);

	st->unit = u;
	st->op = op;
	st->waiter.fn = stop_ended;
	timer_init(&st->timer, u->service->env, stop_timed_out);
	unit_wait(u, &st->waiter);
	if (timeout_ms == 0) {
		signo = SIGKILL;
	} else if (timeout_ms > 0 && signo != SIGKILL) {
		timer_start(&st->timer, timeout_ms);
	}
	send_kill(u, NULL, signo, signo == SIGKILL);
	return st;
}

static int stop_signal(const struct unit *u)
{
	struct str name = u->spec.stop_signal;
	int signo;

	if (name.len == 0 && u->c.image)
		name = u->c.image->config.stop_signal;
	/* An image may say nonsense; Docker falls back to TERM, too. */
	return name.len && config_signal(name, &signo, NULL) == 0 ? signo : SIGTERM;
}

void container_stop(struct container_service *service, struct container_op *op, struct str id,
		    int signo, int64_t timeout_ms)
{
	struct unit *u = find_unit(service, op, id);

	if (!u)
		return;
	if (u->c.status != CONTAINER_RUNNING && u->c.status != CONTAINER_STARTING) {
		op_finish(service, op, u, NULL);
		return;
	}
	(void)stop_begin(u, op, signo ? signo : stop_signal(u), timeout_ms); /* frees itself */
}

void container_op_cancel(struct container_service *service, struct container_op *op)
{
	struct err err = { 0 };

	/* Only waiting can be given up; what else runs ends by itself soon. */
	LIST_FOR_EACH (node, &service->units) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);

		LIST_FOR_EACH (waiting, &u->waiters) {
			struct waiter *waiter = LIST_ENTRY(waiting, struct waiter, link);
			struct stopping *st = CONTAINER_OF(waiter, struct stopping, waiter);

			if (waiter->fn != stop_ended || st->op != op)
				continue;
			st->op = NULL;
			err_set(&err, ERR_CANCELLED, "context canceled");
			op_finish(service, op, u, &err);
			return;
		}
	}
}

/* --- remove --- */

struct removing {
	struct container_service *service;
	struct unit *unit;
	struct container_op *op; /* NULL for the containers of a sandbox */
	struct removing *parent; /* the sandbox's */
	unsigned children;
	struct network_detach detach;
	struct work work;
	struct str cgroup_parent; /* of a pod; in the unit */
	struct err err;
	bool failed;
};

static void remove_go(struct removing *r);

static void remove_end(struct removing *r)
{
	struct unit *u = r->unit;
	struct removing *parent = r->parent;

	r->service->busy--;
	if (r->failed) {
		(void)container_advance(u, CAUSE_REMOVE_FAILED, NULL); /* may not have begun */
		op_finish(r->service, r->op, u, &r->err);
		if (parent && !parent->failed) {
			parent->failed = true;
			parent->err = r->err;
		}
	} else {
		service_emit(u, CONTAINER_EVENT_REMOVED);
		unit_forget(u);
		op_finish(r->service, r->op, NULL, NULL);
	}
	mem_free(r);
	if (parent && --parent->children == 0)
		remove_go(parent);
}

static int remove_all_files(struct removing *r, struct err *err)
{
	struct unit *u = r->unit;
	AUTO_FREE char *shm = mem_printf("%s/shm", u->dir_path);

	if (u->spec.is_sandbox)
		(void)umount2(shm,
			      MNT_DETACH | UMOUNT_NOFOLLOW); /* not mounted when it never started */
	if (fd_remove_tree(r->service->states_fd, u->c.id, err) < 0 ||
	    fd_remove_tree(r->service->containers_fd, u->c.id, err) < 0)
		return -1;
	return u->spec.is_sandbox && u->spec.cgroup_parent.len
		       ? pod_cgroup_remove(u->spec.cgroup_parent, err)
		       : 0;
}

static void remove_run(struct work *work)
{
	struct removing *r = CONTAINER_OF(work, struct removing, work);

	r->failed = remove_all_files(r, &r->err) < 0;
}

static void remove_done(struct work *work)
{
	remove_end(CONTAINER_OF(work, struct removing, work));
}

static void remove_detached(struct network_detach *detach, const struct err *err)
{
	struct removing *r = CONTAINER_OF(detach, struct removing, detach);

	if (err) {
		r->failed = true;
		r->err = *err;
		remove_end(r);
		return;
	}
	r->work.run = remove_run;
	r->work.done = remove_done;
	env_work(r->service->env, &r->work);
}

static void remove_files_begin(struct removing *r)
{
	struct unit *u = r->unit;

	if (u->spec.is_sandbox && r->service->network &&
	    u->spec.network != CONTAINER_NAMESPACE_HOST) {
		r->detach = (struct network_detach){ .id = u->c.id, .done = remove_detached };
		network_detach(r->service->network, &r->detach);
		return;
	}
	r->work.run = remove_run;
	r->work.done = remove_done;
	env_work(r->service->env, &r->work);
}

/* Nothing writes the record any more. */
static void remove_saved(struct unit *u)
{
	remove_files_begin(u->removing);
}

static void remove_stopped(struct stopping *stopping, const struct err *err)
{
	(void)err;
	remove_go(stopping->owner);
}

/* What is in the way: it runs, it is being started, its containers are there. */
static void remove_go(struct removing *r)
{
	struct unit *u = r->unit;
	enum container_status next;

	if (r->failed) {
		remove_end(r);
		return;
	}
	if (u->c.status == CONTAINER_RUNNING || u->c.status == CONTAINER_STARTING) {
		struct stopping *st = stop_begin(u, NULL, SIGKILL, 0);

		st->owner = r;
		st->then = remove_stopped;
		return;
	}
	if (!container_may(u->c.status, CAUSE_REMOVE, &next)) {
		err_set(&r->err, ERR_CONFLICT, "removal of container %s is already in progress",
			u->c.id);
		r->failed = true;
		remove_end(r);
		return;
	}
	(void)container_advance(u, CAUSE_REMOVE, NULL); /* checked above */
	monitor_link_close(&u->monitor);
	u->save_again = false;
	if (u->saving) {
		u->removing = r;
		u->after_save = remove_saved;
		return;
	}
	remove_files_begin(r);
}

static struct removing *remove_new(struct unit *u, struct container_op *op, struct removing *parent)
{
	struct removing *r = NEW(struct removing);

	r->service = u->service;
	r->unit = u;
	r->op = op;
	r->parent = parent;
	u->service->busy++;
	return r;
}

/* The containers of a sandbox; each later tells r. */
static void remove_members(struct removing *r)
{
	struct container_service *s = r->service;
	struct list *node = s->units.next;

	r->children = 1; /* ours, so that nothing ends before all have begun */
	while (node != &s->units) {
		struct unit *u = LIST_ENTRY(node, struct unit, link);

		node = node->next;
		if (u->c.sandbox != &r->unit->c || u->is_preparing)
			continue;
		r->children++;
		remove_go(remove_new(u, NULL, r));
	}
	if (--r->children == 0)
		remove_go(r);
}

static bool has_members(const struct unit *sandbox)
{
	LIST_FOR_EACH (node, &sandbox->service->units) {
		if (LIST_ENTRY(node, struct unit, link)->c.sandbox == &sandbox->c)
			return true;
	}
	return false;
}

void container_remove(struct container_service *service, struct container_op *op, struct str id,
		      bool force)
{
	struct unit *u = find_unit(service, op, id);
	struct err err = { 0 };

	if (!u)
		return;
	if (!force && (u->c.status == CONTAINER_RUNNING || u->c.status == CONTAINER_STARTING)) {
		err_set(&err, ERR_CONFLICT,
			"cannot remove container \"" STR_FMT
			"\": container is running: stop the container "
			"before removing or force remove",
			STR_ARG(u->spec.name.len ? u->spec.name : str_from(u->c.id)));
		op_finish(service, op, u, &err);
		return;
	}
	if (!force && u->spec.is_sandbox && has_members(u)) {
		err_set(&err, ERR_CONFLICT, "sandbox %s has containers", u->c.id);
		op_finish(service, op, u, &err);
		return;
	}
	if (u->spec.is_sandbox)
		remove_members(remove_new(u, op, NULL));
	else
		remove_go(remove_new(u, op, NULL));
}

/* --- log, limits --- */

void container_reopen_log(struct container_service *service, struct container_op *op, struct str id)
{
	struct unit *u = find_unit(service, op, id);
	struct err err = { 0 };
	struct killing *k;

	if (!u)
		return;
	if (u->c.status != CONTAINER_RUNNING) {
		err_set(&err, ERR_CONFLICT, "container %s is not running", u->c.id);
		op_finish(service, op, u, &err);
		return;
	}
	k = NEW(struct killing);
	k->unit = u;
	k->op = op;
	k->reply.fn = kill_answered;
	monitor_ask(u, MONITOR_REOPEN_LOG, STR_NONE, &k->reply);
}

struct updating {
	struct child child;
	struct unit *unit;
	struct container_op *op;
};

static void update_done(struct child *child, int wait_status)
{
	struct updating *up = CONTAINER_OF(child, struct updating, child);
	struct err err = { 0 };

	if (wait_status)
		err_set(&err, ERR_INTERNAL, "the new limits of container %s were refused",
			up->unit->c.id);
	else
		unit_save(up->unit, true);
	up->unit->service->busy--;
	op_finish(up->unit->service, up->op, up->unit, wait_status ? &err : NULL);
	mem_free(up);
}

static int spawn_update(struct updating *up, const struct container_resources *resources,
			struct err *err)
{
	struct container_service *s = up->unit->service;
	const char *argv[] = { "cube-oci", "--root", s->states_path, "update",
			       "-r",	   "-",	     up->unit->c.id, NULL };
	AUTO_JSON_MUT doc = json_new_object();
	AUTO_BUF text = { 0 };
	AUTO_FD input = -1;

	config_resources(resources, doc, yyjson_mut_doc_get_root(doc));
	buf_init(&text, 1u << 20);
	json_mut_write(yyjson_mut_doc_get_root(doc), &text);
	if (buf_check(&text, "resources", err) < 0)
		return -1;
	input = fd_sealed("cube-update", buf_str(&text), err);
	if (input < 0)
		return -1;
	struct child_fd fds[] = { { input, 0 } };
	struct child_spec spec = { .path = s->oci_path, .argv = argv, .fds = fds, .fd_count = 1 };

	up->child.on_exit = update_done;
	return env_spawn(s->env, &spec, &up->child, err);
}

void container_update(struct container_service *service, struct container_op *op, struct str id,
		      const struct container_resources *resources)
{
	struct unit *u = find_unit(service, op, id);
	struct err err = { 0 };
	struct updating *up;

	if (!u)
		return;
	resources_copy(resources, &u->arena, &u->spec.resources);
	if (u->c.status != CONTAINER_RUNNING) {
		unit_save(u, true);
		op_finish(service, op, u, NULL);
		return;
	}
	up = NEW(struct updating);
	up->unit = u;
	up->op = op;
	service->busy++;
	if (spawn_update(up, resources, &err) < 0) {
		service->busy--;
		mem_free(up);
		op_finish(service, op, u, &err);
	}
}
