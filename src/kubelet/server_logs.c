/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /containerLogs/{namespace}/{pod}/{container}: the log of the present run, or with
 * previous=true of the one before. Wording of refusals is what kubectl prints.
 */
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "container/log_read.h"
#include "kubelet/server.h"
#include "net/url.h"

struct log_reader {
	struct log_read read;
	struct http_exchange *x;
	struct log_follower follower;
	struct arena arena;
	bool started, paused;
};

struct log_options {
	bool follow, previous, timestamps;
	int64_t tail_lines, limit_bytes, since_ns;
};

static int number_option(struct server_request *r, struct str key, int64_t *ret, struct err *err)
{
	struct str value;
	int rc = query_get(r->query, key, &r->x->arena, &value, err);

	if (rc <= 0)
		return rc;
	return num_parse_i64(value, 0, INT64_MAX / TIME_NS_PER_SECOND, str_c_in(&r->x->arena, key),
			     ret, err) < 0
		       ? -1
		       : 1;
}

static int options_decode(struct server_request *r, struct log_options *o, struct err *err)
{
	struct str value;
	int64_t seconds = 0;
	int has_since, has_time;

	*o = (struct log_options){ .tail_lines = -1 };
	if (query_get_bool(r->query, STR("follow"), &r->x->arena, &o->follow, err) < 0 ||
	    query_get_bool(r->query, STR("previous"), &r->x->arena, &o->previous, err) < 0 ||
	    query_get_bool(r->query, STR("timestamps"), &r->x->arena, &o->timestamps, err) < 0 ||
	    number_option(r, STR("tailLines"), &o->tail_lines, err) < 0 ||
	    number_option(r, STR("limitBytes"), &o->limit_bytes, err) < 0)
		return -1;
	has_since = number_option(r, STR("sinceSeconds"), &seconds, err);
	has_time = query_get(r->query, STR("sinceTime"), &r->x->arena, &value, err);
	if (has_since < 0 || has_time < 0)
		return -1;
	if (has_since > 0 && has_time > 0)
		return err_set(err, ERR_BAD_REQUEST,
			       "at most one of `sinceTime` or `sinceSeconds` may be specified");
	if (has_since > 0)
		o->since_ns = env_wall_ns(r->kubelet->env) - seconds * TIME_NS_PER_SECOND;
	return has_time > 0 ? time_parse(value, &o->since_ns, err) : 0;
}

/* --- streaming --- */

static void reader_free(struct log_reader *l)
{
	list_remove(&l->follower.link);
	arena_deinit(&l->arena);
	mem_free(l);
}

static void reader_start(struct log_reader *l)
{
	struct http_header header = HTTP_HEADER(STR("Content-Type"), STR("text/plain"));
	struct http_headers headers = { &header, 1 };

	if (!l->started)
		http_start(l->x, 200, &headers);
	l->started = true;
}

static bool on_lines(struct log_read *read, int stream, struct str bytes)
{
	struct log_reader *l = CONTAINER_OF(read, struct log_reader, read);

	(void)stream;
	reader_start(l);
	http_send(l->x, &HTTP_BYTES(bytes), 1);
	l->paused = http_queued_bytes(l->x) > SERVER_QUEUE_HIGH_BYTES;
	return !l->paused;
}

static void on_done(struct log_read *read, const struct err *err)
{
	struct log_reader *l = CONTAINER_OF(read, struct log_reader, read);

	/* A container that wrote nothing may have no file yet. */
	if (err && !l->started && err->code != ERR_NOT_FOUND) {
		server_refuse(l->x, 500, "InternalError", "%s", err->msg);
	} else {
		reader_start(l);
		http_end(l->x);
	}
	reader_free(l);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct log_reader *l = arg;

	(void)x;
	if (l->paused) {
		l->paused = false;
		log_read_resume(&l->read);
	}
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct log_reader *l = arg;

	log_read_stop(&l->read);
	http_abort(x);
	reader_free(l);
}

static const struct http_exchange_events reader_events = { .on_drained = on_drained,
							   .on_closed = on_closed };

static void on_ended(struct log_follower *follower)
{
	log_read_finish(&CONTAINER_OF(follower, struct log_reader, follower)->read);
}

/* --- which log --- */

/* The attempt to read, or -1 and the exchange was refused. */
static int64_t attempt_of(struct server_request *r, const struct pod *pod, size_t index,
			  bool previous)
{
	const struct run_state *s = &pod->state.containers[index];
	struct str name = pod->spec.containers[index].name;

	if (previous && (!s->last.present || s->restart_count == 0)) {
		/* Between two runs the one that just ended is also the previous one. */
		if (s->end.present && s->phase == RUN_EXITED)
			return s->restart_count;
		server_refuse(r->x, 400, "BadRequest",
			      "previous terminated container \"" STR_FMT "\" in pod \"" STR_FMT
			      "\" not found",
			      STR_ARG(name), STR_ARG(pod->spec.name));
		return -1;
	}
	if (previous)
		return (int64_t)s->restart_count - 1;
	if (s->id[0])
		return s->restart_count;
	if (s->waiting_reason && (str_eq_c(STR("ErrImagePull"), s->waiting_reason) ||
				  str_eq_c(STR("ImagePullBackOff"), s->waiting_reason)))
		server_refuse(r->x, 400, "BadRequest",
			      "container \"" STR_FMT "\" in pod \"" STR_FMT
			      "\" is waiting to start: %s",
			      STR_ARG(name), STR_ARG(pod->spec.name),
			      s->waiting_reason[0] == 'E' ? "image can't be pulled"
							  : "trying and failing to pull image");
	else
		server_refuse(r->x, 400, "BadRequest",
			      "container \"" STR_FMT "\" in pod \"" STR_FMT
			      "\" is waiting to start: %s",
			      STR_ARG(name), STR_ARG(pod->spec.name),
			      s->waiting_reason		 ? s->waiting_reason
			      : pod->spec.init_count > 0 ? "PodInitializing"
							 : "ContainerCreating");
	return -1;
}

void serve_logs(struct server_request *r)
{
	struct kubelet *k = r->kubelet;
	struct log_options o;
	struct log_reader *l;
	struct pod *pod;
	struct err err;
	int64_t attempt;
	int index;

	if (options_decode(r, &o, &err) < 0) {
		server_refuse(r->x, 400, "BadRequest", "%s", err.msg);
		return;
	}
	pod = server_find(r, &index);
	if (!pod)
		return;
	attempt = attempt_of(r, pod, (size_t)index, o.previous);
	if (attempt < 0)
		return;
	l = NEW(struct log_reader);
	arena_init(&l->arena, 1 << 20);
	l->x = r->x;
	l->follower.ended = on_ended;
	memcpy(l->follower.id, pod->state.containers[index].id, sizeof(l->follower.id));
	l->read = (struct log_read){
		.path = str_printf_in(
			&l->arena,
			STR_FMT "/" STR_FMT "_" STR_FMT "_" STR_FMT "/" STR_FMT "/%lld.log",
			STR_ARG(k->options.log_dir), STR_ARG(pod->spec.namespace_),
			STR_ARG(pod->spec.name), STR_ARG(pod->spec.uid),
			STR_ARG(pod->spec.containers[index].name), (long long)attempt),
		.format = CONTAINER_LOG_CRI,
		.tail_lines = o.tail_lines,
		.since_ns = o.since_ns,
		.timestamps = o.timestamps,
		.want_stdout = true,
		.want_stderr = true,
		.follow = o.follow && !o.previous &&
			  pod->state.containers[index].phase == RUN_RUNNING,
		.limit_bytes = o.limit_bytes,
		.lines = on_lines,
		.done = on_done,
		.owner = l,
	};
	list_push_back(&k->log_followers, &l->follower.link);
	http_set_events(r->x, &reader_events, l);
	if (o.follow)
		reader_start(
			l); /* the client sees its headers though nothing is written for long */
	log_read_start(k->env, &l->read);
}
