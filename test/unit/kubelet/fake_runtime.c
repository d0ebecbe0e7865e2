/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_runtime.h. */
#include "fake_runtime.h"

#include <signal.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

struct answer {
	struct task task;
	struct runtime_op *op;
	struct err err;
	bool failed;
};

static struct fake_runtime *fake_of(struct pod_runtime *rt)
{
	return CONTAINER_OF(rt, struct fake_runtime, base);
}

static void answer_run(struct task *task)
{
	struct answer *a = CONTAINER_OF(task, struct answer, task);
	struct runtime_op *op = a->op;
	struct err err = a->err;
	bool failed = a->failed;

	mem_free(a);
	op->done(op, failed ? &err : NULL);
}

static void answer(struct fake_runtime *rt, struct runtime_op *op, enum err_code code,
		   const char *text)
{
	struct answer *a = NEW(struct answer);

	a->op = op;
	a->failed = code != ERR_NONE;
	if (a->failed)
		(void)err_set(&a->err, code, "%s", text); /* -1 */
	task_init(&a->task, answer_run);
	env_defer(rt->env, &a->task);
}

static void copy(char *to, size_t to_bytes, struct str s)
{
	if (str_copy_to(s, to, to_bytes) < 0)
		to[0] = 0;
}

static struct fake_container *add(struct fake_runtime *rt, const struct runtime_owner *o)
{
	struct fake_container *c;

	ASSERT(rt->count < FAKE_CONTAINERS_MAX);
	c = &rt->containers[rt->count++];
	(void)snprintf(c->id, sizeof(c->id), "id%zu", rt->count); /* fits */
	copy(c->uid, sizeof(c->uid), o->pod_uid);
	copy(c->pod, sizeof(c->pod), o->pod_name);
	copy(c->ns, sizeof(c->ns), o->namespace_);
	copy(c->name, sizeof(c->name), o->container);
	c->attempt = o->attempt;
	return c;
}

static struct fake_container *by_id(struct fake_runtime *rt, struct str id)
{
	for (size_t i = 0; i < rt->count; i++)
		if (!rt->containers[i].removed && str_eq_c(id, rt->containers[i].id))
			return &rt->containers[i];
	return NULL;
}

struct fake_container *fake_find(struct fake_runtime *rt, const char *pod, const char *name)
{
	for (size_t i = rt->count; i-- > 0;)
		if (!rt->containers[i].removed && strcmp(rt->containers[i].pod, pod) == 0 &&
		    strcmp(rt->containers[i].name, name) == 0)
			return &rt->containers[i];
	return NULL;
}

static void record(const struct fake_container *c, struct runtime_record *r)
{
	*r = (struct runtime_record){
		.id = str_from(c->id),
		.owner = { str_from(c->uid), str_from(c->ns), str_from(c->pod), str_from(c->name),
			   c->attempt },
		.state = c->state,
		.exit = { .exit_code = c->exit_code,
			  .started_ns = c->started_ns,
			  .finished_ns = c->finished_ns },
		.image_id = STR("sha256:1"),
		.image_name = str_from(c->image),
		.hash = str_from(c->hash),
		.sandbox_id = str_from(c->sandbox_id),
	};
	if (!c->name[0])
		(void)snprintf(r->address, sizeof(r->address), "10.1.0.9"); /* fits */
}

void fake_exit(struct fake_runtime *rt, struct fake_container *c, int exit_code)
{
	struct runtime_record r;

	ASSERT(c && c->state == RUNTIME_RUNNING);
	c->state = RUNTIME_EXITED;
	c->exit_code = exit_code;
	c->finished_ns = env_wall_ns(rt->env);
	record(c, &r);
	if (rt->events.on_exit)
		rt->events.on_exit(rt->events.arg, &r);
}

static void do_listen(struct pod_runtime *p, const struct pod_runtime_events *events)
{
	fake_of(p)->events = *events;
}

static void do_list(struct pod_runtime *p, struct runtime_list *op)
{
	struct fake_runtime *rt = fake_of(p);

	op->ret_records = arena_array(op->arena, rt->count + 1, sizeof(*op->ret_records));
	for (size_t i = 0; i < rt->count; i++)
		if (!rt->containers[i].removed)
			record(&rt->containers[i], &op->ret_records[op->ret_count++]);
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_sandbox_create(struct pod_runtime *p, struct runtime_sandbox_create *op)
{
	struct fake_runtime *rt = fake_of(p);
	struct fake_container *c;

	if (rt->sandbox_fails) {
		answer(rt, &op->op, ERR_UNAVAILABLE, "no addresses");
		return;
	}
	rt->sandboxes++;
	c = add(rt, &op->owner);
	c->state = RUNTIME_RUNNING;
	c->started_ns = env_wall_ns(rt->env);
	copy(op->ret_id, sizeof(op->ret_id), str_from(c->id));
	copy(op->ret_address, sizeof(op->ret_address), STR("10.1.0.9"));
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_sandbox_remove(struct pod_runtime *p, struct runtime_container_op *op)
{
	struct fake_runtime *rt = fake_of(p);

	for (size_t i = 0; i < rt->count; i++)
		if (str_eq_c(op->id, rt->containers[i].id) ||
		    str_eq_c(op->id, rt->containers[i].sandbox_id))
			rt->containers[i].removed = true;
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_create(struct pod_runtime *p, struct runtime_container_create *op)
{
	struct fake_runtime *rt = fake_of(p);
	struct fake_container *c = add(rt, &op->owner);

	copy(c->sandbox_id, sizeof(c->sandbox_id), op->sandbox_id);
	copy(c->image, sizeof(c->image), op->image_name);
	copy(c->hash, sizeof(c->hash), op->hash);
	for (size_t i = 0; i < op->env_count; i++) {
		size_t at = strlen(c->env);

		(void)snprintf(c->env + at, sizeof(c->env) - at, STR_FMT ";",
			       STR_ARG(op->env[i])); /* cut is fine */
	}
	copy(op->ret_id, sizeof(op->ret_id), str_from(c->id));
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_start(struct pod_runtime *p, struct runtime_container_op *op)
{
	struct fake_runtime *rt = fake_of(p);
	struct fake_container *c = by_id(rt, op->id);

	rt->starts++;
	c->state = RUNTIME_RUNNING;
	c->started_ns = env_wall_ns(rt->env);
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_kill(struct pod_runtime *p, struct runtime_kill *op)
{
	struct fake_runtime *rt = fake_of(p);
	struct fake_container *c = by_id(rt, op->id);

	rt->kills++;
	rt->last_signal = op->signal;
	answer(rt, &op->op, c ? ERR_NONE : ERR_NOT_FOUND, "no such container");
	if (c && c->state == RUNTIME_RUNNING && (op->signal == SIGKILL || !rt->ignores_term))
		fake_exit(rt, c, op->signal == SIGKILL ? 137 : 143);
}

static void do_remove(struct pod_runtime *p, struct runtime_container_op *op)
{
	struct fake_runtime *rt = fake_of(p);
	struct fake_container *c = by_id(rt, op->id);

	if (c)
		c->removed = true;
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_image(struct pod_runtime *p, struct runtime_image *op)
{
	struct fake_runtime *rt = fake_of(p);

	if (op->pull)
		rt->pulls++;
	copy(op->ret_id, sizeof(op->ret_id), STR("sha256:1"));
	if (!op->pull && !rt->present)
		answer(rt, &op->op, ERR_NOT_FOUND, "no such image");
	else if (op->pull && rt->pull_fails)
		answer(rt, &op->op, ERR_UNAVAILABLE, "registry is down");
	else
		answer(rt, &op->op, ERR_NONE, "");
}

static void do_volumes_setup(struct pod_runtime *p, struct runtime_volumes *op)
{
	struct fake_runtime *rt = fake_of(p);

	rt->volume_setups++;
	if (op->set->count > 0 && op->set->volumes[0].file_count > 0)
		copy(rt->last_volume, sizeof(rt->last_volume), op->set->volumes[0].files[0].bytes);
	answer(rt, &op->op, ERR_NONE, "");
}

static void do_volumes_remove(struct pod_runtime *p, struct runtime_volumes *op)
{
	fake_of(p)->volume_removals++;
	answer(fake_of(p), &op->op, ERR_NONE, "");
}

static void do_probe(struct pod_runtime *p, struct runtime_probe *op)
{
	struct fake_runtime *rt = fake_of(p);

	rt->probes++;
	op->ret_result = rt->probe_result;
	op->ret_output = STR("because of the test");
	answer(rt, &op->op, ERR_NONE, "");
}

static bool do_stats(struct pod_runtime *p, struct str id, struct runtime_stats *ret)
{
	*ret = fake_of(p)->stats;
	return by_id(fake_of(p), id) != NULL;
}

static const struct pod_runtime_ops ops = {
	.listen = do_listen,
	.list = do_list,
	.sandbox_create = do_sandbox_create,
	.sandbox_remove = do_sandbox_remove,
	.container_create = do_create,
	.container_start = do_start,
	.container_kill = do_kill,
	.container_remove = do_remove,
	.image = do_image,
	.volumes_setup = do_volumes_setup,
	.volumes_remove = do_volumes_remove,
	.probe = do_probe,
	.stats = do_stats,
};

void fake_runtime_init(struct fake_runtime *rt, struct env *env)
{
	*rt = (struct fake_runtime){ .base = { &ops }, .env = env, .present = true };
}
