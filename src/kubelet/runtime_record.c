/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the container service's records to the kubelet's: the list at start, and what ends later.
 * Termination messages are read on a worker before anybody is told.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "image/image.h"
#include "kubelet/limits.h"
#include "kubelet/runtime_internal.h"

static struct str annotation(const struct container *c, struct str key)
{
	for (size_t i = 0; i < c->spec->annotation_count; i++)
		if (str_eq(c->spec->annotations[i].key, key))
			return c->spec->annotations[i].value;
	return STR_NONE;
}

/* Owner as the labels say; false when it is none of ours. Borrowed from the container. */
static bool owner_of(const struct container *c, struct runtime_owner *ret)
{
	uint64_t attempt;

	*ret = (struct runtime_owner){
		.pod_uid = spec_label(c->spec, STR(LABEL_POD_UID)),
		.namespace_ = spec_label(c->spec, STR(LABEL_POD_NAMESPACE)),
		.pod_name = spec_label(c->spec, STR(LABEL_POD_NAME)),
		.container = spec_label(c->spec, STR(LABEL_CONTAINER)),
	};
	if (str_is_empty(ret->pod_uid) || num_parse_u64(spec_label(c->spec, STR(LABEL_ATTEMPT)),
							UINT32_MAX, "attempt", &attempt, NULL) < 0)
		return false;
	ret->attempt = (uint32_t)attempt;
	return true;
}

static struct runtime_owner owner_copy(const struct runtime_owner *o, struct arena *arena)
{
	return (struct runtime_owner){
		.pod_uid = str_in(arena, o->pod_uid),
		.namespace_ = str_in(arena, o->namespace_),
		.pod_name = str_in(arena, o->pod_name),
		.container = str_in(arena, o->container),
		.attempt = o->attempt,
	};
}

/* All but the message. */
static void record_fill(const struct container *c, const struct runtime_owner *owner,
			struct arena *arena, struct runtime_record *ret)
{
	*ret = (struct runtime_record){
		.id = str_in(arena, str_from(c->id)),
		.owner = owner_copy(owner, arena),
		.state = c->status == CONTAINER_RUNNING ? RUNTIME_RUNNING :
			 c->status == CONTAINER_EXITED ? RUNTIME_EXITED : RUNTIME_CREATED,
		.exit = {
			.exit_code = c->exit_code, .signal = c->exit_signal, .oom_killed = c->oom_killed,
			.started_ns = c->started_ns, .finished_ns = c->finished_ns,
			.error = str_in(arena, str_from(c->error)),
		},
		.image_name = str_in(arena, annotation(c, STR(LABEL_IMAGE_NAME))),
		.hash = str_in(arena, annotation(c, STR(LABEL_HASH))),
		.sandbox_id = c->sandbox ? str_in(arena, str_from(c->sandbox->id)) : STR_NONE,
	};
	if (c->image) {
		ret->image_id = str_in(arena, str_from(c->image->id));
		if (c->image->digests.count > 0)
			ret->image_digest_name = str_in(arena, c->image->digests.items[0]);
	}
	if (c->address.s_addr)
		(void)inet_ntop(AF_INET, &c->address, ret->address,
				sizeof(ret->address)); /* fits */
}

/* --- the list --- */

struct list_call {
	struct work work;
	struct runtime *runtime;
	struct runtime_list *op;
	bool *from_log; /* for each record: FallbackToLogsOnError */
	size_t cap;
};

static bool list_one(void *arg, struct container *c)
{
	struct list_call *call = arg;
	struct runtime_list *op = call->op;
	struct runtime_owner owner;

	if (!owner_of(c, &owner))
		return true;
	if (op->ret_count == call->cap) {
		size_t cap = call->cap ? call->cap * 2 : 64;
		struct runtime_record *records = arena_array(op->arena, cap, sizeof(*records));
		bool *from_log = arena_array(op->arena, cap, sizeof(*from_log));

		if (call->cap) {
			memcpy(records, op->ret_records, call->cap * sizeof(*records));
			memcpy(from_log, call->from_log, call->cap * sizeof(*from_log));
		}
		op->ret_records = records;
		call->from_log = from_log;
		call->cap = cap;
	}
	call->from_log[op->ret_count] = str_eq(annotation(c, STR(LABEL_MESSAGE_POLICY)),
					       STR("FallbackToLogsOnError"));
	record_fill(c, &owner, op->arena, &op->ret_records[op->ret_count++]);
	return true;
}

static void list_folders(struct list_call *call)
{
	AUTO_FREE char *path = mem_printf("%s/pods", call->runtime->root_dir);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct runtime_list *op = call->op;
	struct dirent *e;
	size_t cap = 0;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (op->ret_pod_uid_count == cap) {
			struct str *uids = arena_array(op->arena, cap = cap ? cap * 2 : 64,
						       sizeof(*uids));

			if (op->ret_pod_uid_count)
				memcpy(uids, op->ret_pod_uids,
				       op->ret_pod_uid_count * sizeof(*uids));
			op->ret_pod_uids = uids;
		}
		op->ret_pod_uids[op->ret_pod_uid_count++] = str_in(op->arena, str_from(e->d_name));
	}
	closedir(dir);
}

static void message_of(struct runtime *r, const struct runtime_owner *owner, bool from_log,
		       struct arena *arena, struct str *ret)
{
	struct pod_paths paths = pod_paths_of(r, owner, arena);
	AUTO_BUF message = { 0 };

	buf_init(&message, KUBELET_MESSAGE_BYTES_MAX);
	read_message(container_message_file(&paths, owner, arena),
		     container_log_file(&paths, owner, arena), from_log, &message);
	*ret = str_in(arena, buf_str(&message));
}

static void list_run(struct work *work)
{
	struct list_call *call = CONTAINER_OF(work, struct list_call, work);
	struct runtime_list *op = call->op;

	list_folders(call);
	for (size_t i = 0; i < op->ret_count; i++) {
		struct runtime_record *record = &op->ret_records[i];

		if (record->state == RUNTIME_EXITED && !str_is_empty(record->owner.container))
			message_of(call->runtime, &record->owner,
				   call->from_log[i] && record->exit.exit_code != 0, op->arena,
				   &record->exit.message);
	}
}

static void list_done(struct work *work)
{
	struct list_call *call = CONTAINER_OF(work, struct list_call, work);
	struct runtime_list *op = call->op;

	mem_free(call);
	op->op.done(&op->op, NULL);
}

void runtime_list(struct pod_runtime *rt, struct runtime_list *op)
{
	struct list_call *call = NEW(struct list_call);

	call->runtime = runtime_of(rt);
	call->op = op;
	call->work.run = list_run;
	call->work.done = list_done;
	container_walk(call->runtime->containers, list_one, call);
	env_work(call->runtime->env, &call->work);
}

/* --- events --- */

struct exit_call {
	struct work work;
	struct runtime *runtime;
	struct arena arena;
	struct runtime_record record;
	bool from_log;
};

static void exit_run(struct work *work)
{
	struct exit_call *call = CONTAINER_OF(work, struct exit_call, work);

	message_of(call->runtime, &call->record.owner, call->from_log, &call->arena,
		   &call->record.exit.message);
}

static void exit_done(struct work *work)
{
	struct exit_call *call = CONTAINER_OF(work, struct exit_call, work);
	const struct pod_runtime_events *events = call->runtime->events;

	events->on_exit(events->arg, &call->record);
	arena_deinit(&call->arena);
	mem_free(call);
}

static void on_container(struct container_listener *listener, enum container_event_type type,
			 struct container *c)
{
	struct runtime *r = CONTAINER_OF(listener, struct runtime, listener);
	struct runtime_owner owner;
	struct exit_call *call;

	if (type != CONTAINER_EVENT_DIED || !owner_of(c, &owner))
		return;
	call = NEW(struct exit_call);
	call->runtime = r;
	arena_init(&call->arena, (size_t)1 << 20);
	record_fill(c, &owner, &call->arena, &call->record);
	call->record.state = RUNTIME_EXITED;
	call->from_log = c->exit_code != 0 && str_eq(annotation(c, STR(LABEL_MESSAGE_POLICY)),
						     STR("FallbackToLogsOnError"));
	if (str_is_empty(owner.container)) {
		exit_done(&call->work);
		return;
	}
	call->work.run = exit_run;
	call->work.done = exit_done;
	env_work(r->env, &call->work);
}

void runtime_listen(struct pod_runtime *rt, const struct pod_runtime_events *events)
{
	struct runtime *r = runtime_of(rt);

	r->events = events;
	r->listener = (struct container_listener){ .fn = on_container, .owner = r };
	container_listen(r->containers, &r->listener);
}

/* --- numbers --- */

struct stats_entry {
	struct container_stats stats;
	struct runtime *runtime;
	char id[CONTAINER_ID_BYTES];
	struct runtime_stats last;
	bool reading, has_last;
};

static void stats_read(struct container_stats *stats, const struct err *err)
{
	struct stats_entry *e = CONTAINER_OF(stats, struct stats_entry, stats);

	e->reading = false;
	if (err) {
		(void)map_remove(&e->runtime->stats, str_from(e->id)); /* it is there */
		mem_free(e);
		return;
	}
	e->has_last = true;
	e->last = (struct runtime_stats){
		.wall_ns = stats->at_ns,
		.cpu_ns = stats->cpu_ns,
		.memory_bytes = stats->memory_bytes,
		.memory_working_set_bytes = stats->working_set_bytes,
		.memory_rss_bytes = stats->rss_bytes,
		.page_faults = stats->page_faults,
		.major_page_faults = stats->major_page_faults,
	};
}

/* What was read last; asking starts the next reading, so that a caller that comes regularly sees
 * values one period old. */
bool runtime_stats(struct pod_runtime *rt, struct str id, struct runtime_stats *ret)
{
	struct runtime *r = runtime_of(rt);
	struct stats_entry *e = map_get(&r->stats, id);

	if (!e) {
		e = NEW(struct stats_entry);
		e->runtime = r;
		if (str_copy_to(id, e->id, sizeof(e->id)) < 0) {
			mem_free(e);
			return false;
		}
		(void)map_put(&r->stats, id, e); /* was not there */
	}
	if (e->has_last)
		*ret = e->last;
	if (!e->reading) {
		bool had_last = e->has_last;

		e->reading = true;
		e->stats = (struct container_stats){ .done = stats_read, .owner = e };
		container_stats_read(r->containers, id, &e->stats);
		return had_last;
	}
	return e->has_last;
}

void runtime_stats_close(struct runtime *r)
{
	map_deinit_values(&r->stats);
}
