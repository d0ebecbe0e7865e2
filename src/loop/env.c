/* SPDX-License-Identifier: Apache-2.0 */
/* The functions every role calls: each forwards to its env's table, or builds on it. Holds no state of its own. */
#include "loop/env.h"

#include <string.h>
#include "base/assert.h"

int64_t env_wall_ns(struct env *env)
{
	return env->ops->wall_ns(env);
}

int64_t env_mono_ns(struct env *env)
{
	return env->ops->mono_ns(env);
}

void env_random(struct env *env, void *to, size_t size_bytes)
{
	env->ops->random(env, to, size_bytes);
}

/* For what is no secret: a create takes seven such, and a system call for each was 3 % of its cost. */
static void random_from_stock(struct env *env, void *to, size_t size_bytes)
{
	if (!env->has_stock) {
		env_random(env, to, size_bytes);
		return;
	}
	if (env->stock_left < size_bytes) {
		env_random(env, env->stock, sizeof(env->stock));
		env->stock_left = sizeof(env->stock);
	}
	env->stock_left -= size_bytes;
	memcpy(to, env->stock + env->stock_left, size_bytes);
}

uint64_t env_random_below(struct env *env, uint64_t bound)
{
	uint64_t value, unfair;

	ASSERT(bound > 0);
	/* The first (2^64 mod bound) values would make the low results likelier: draw again. */
	unfair = (0 - bound) % bound;
	do {
		random_from_stock(env, &value, sizeof(value));
	} while (value < unfair);
	return value % bound;
}

void env_uuid(struct env *env, char to[ENV_UUID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char r[16];

	random_from_stock(env, r, sizeof(r));
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(r); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[r[i] >> 4];
		*to++ = digits[r[i] & 15];
	}
	*to = '\0';
}

void env_name_suffix(struct env *env, char *to, size_t count)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";

	for (size_t i = 0; i < count; i++)
		to[i] = alphabet[env_random_below(env, sizeof(alphabet) - 1)];
	to[count] = '\0';
}

void env_defer(struct env *env, struct task *task)
{
	if (!list_is_linked(&task->link))
		env->ops->defer(env, task);
}

void env_cancel(struct env *env, struct task *task)
{
	(void)env; /* a deferred task is on its env's list only */
	list_remove(&task->link);
}

void env_post(struct env *env, struct task *task)
{
	env->ops->post(env, task);
}

void env_work(struct env *env, struct work *work)
{
	ASSERT(work->run && work->done);
	work->env = env;
	env->ops->work(env, work);
}

int env_spawn(struct env *env, const struct child_spec *spec, struct child *child, struct err *err)
{
	ASSERT(child->on_exit && spec->path && spec->path[0] == '/' && spec->argv && spec->argv[0]);
	child->env = env;
	return env->ops->spawn(env, spec, child, err);
}

void env_child_forget(struct child *child)
{
	child->env->ops->child_forget(child->env, child);
}

int env_read_file(struct env *env, const char *path, size_t max_bytes, struct buf *ret, struct err *err)
{
	return env->ops->read_file(env, path, max_bytes, ret, err);
}

int env_replace_file(struct env *env, const char *path, struct str bytes, mode_t mode, struct err *err)
{
	return env->ops->replace_file(env, path, bytes, mode, err);
}

int env_remove_file(struct env *env, const char *path, struct err *err)
{
	return env->ops->remove_file(env, path, err);
}

int io_start(struct env *env, struct io_watch *watch, int fd, int events, struct err *err)
{
	ASSERT(watch->fn && !watch->impl && fd >= 0);
	if (env->ops->io_start(env, watch, fd, events, err) < 0)
		return -1;
	watch->env = env;
	watch->fd = fd;
	watch->events = events;
	return 0;
}

void io_update(struct io_watch *watch, int events)
{
	ASSERT(watch->impl);
	if (watch->events == events)
		return;
	watch->events = events;
	watch->env->ops->io_update(watch->env, watch, events);
}

void io_stop(struct io_watch *watch)
{
	if (!watch->impl)
		return;
	watch->env->ops->io_stop(watch->env, watch);
	watch->impl = NULL;
	watch->events = 0;
}

bool io_is_started(const struct io_watch *watch)
{
	return watch->impl != NULL;
}
