/* SPDX-License-Identifier: Apache-2.0 */
/* One operation with its memory. Conflicts and objects that are gone are the next look's business.
 */
#include "apiserver/own_write.h"

#include "apiserver/user.h"
#include "base/log.h"
#include "base/mem.h"

struct own_write {
	struct operation op;
	struct arena arena;
	struct own_writes *owner;
	struct list link;
};

static void write_free(struct own_write *w)
{
	list_remove(&w->link);
	operation_deinit(&w->op);
	custom_kind_unref(w->op.kind);
	arena_deinit(&w->arena);
	mem_free(w);
}

static void write_done(struct operation *op)
{
	struct own_write *w = CONTAINER_OF(op, struct own_write, op);
	struct own_writes *writes = w->owner;

	if (op->refusal.code && op->refusal.code != 409 && op->refusal.code != 404) {
		log_warn("apiserver", STR_FMT " " STR_FMT ": refused with %d: " STR_FMT,
			 STR_ARG(op->kind->name), STR_ARG(op->name), op->refusal.code,
			 STR_ARG(op->refusal.message));
		if (writes->refused)
			writes->refused(writes->arg, op);
	}
	write_free(w);
	if (list_is_empty(&writes->list) && writes->idle)
		writes->idle(writes->arg);
}

void own_writes_submit(struct own_writes *writes, const struct operation *what)
{
	struct own_write *w = NEW(struct own_write);

	w->owner = writes;
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	list_push_back(&writes->list, &w->link);
	w->op = *what;
	w->op.registry = writes->registry;
	w->op.arena = &w->arena;
	w->op.name = str_in(&w->arena, what->name);
	w->op.namespace_ = str_in(&w->arena, what->namespace_);
	w->op.user = w->op.field_manager = user_loopback.name;
	w->op.done = write_done;
	custom_kind_ref(w->op.kind);
	operation_start(&w->op);
}

void own_writes_init(struct own_writes *writes, struct registry *registry)
{
	*writes = (struct own_writes){ .registry = registry };
	list_init(&writes->list);
}

void own_writes_deinit(struct own_writes *writes)
{
	while (!list_is_empty(&writes->list))
		write_free(LIST_ENTRY(list_first(&writes->list), struct own_write, link));
}
