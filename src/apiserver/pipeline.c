/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of an HTTP request: a table of steps, each of which may refuse. What a request is about
 * is decided from the target alone, before anybody is asked whether it is allowed; bodies are
 * looked at by the handlers only.
 */
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/proxy_body.h"
#include "base/num.h"
#include "base/time.h"
#include "loop/env.h"
#include "net/url.h"

/* People get line breaks without asking: upstream tells them by their programs. */
static bool wants_pretty(const struct exchange *e)
{
	static const char *const programs[] = { "curl", "Wget", "Mozilla/5.0" };
	struct str agent = http_header_get(&e->x->headers, STR("User-Agent"));

	if (params_get(&e->target.query, "pretty").len)
		return params_bool(&e->target.query, "pretty");
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++)
		if (str_has_prefix(agent, str_from(programs[i])))
			return true;
	return false;
}

/* How long the client wants to wait: no more than what a request may take anyway. */
static int read_timeout(struct exchange *e)
{
	struct str text = params_get(&e->target.query, "timeout");
	int64_t limit_ns = REQUEST_WRITE_MS * TIME_NS_PER_MS, ns = 0;
	struct err err;

	if (text.len && !target_is_stream(&e->target) && !target_is_watch(&e->target) &&
	    time_parse_duration(text, &ns, &err) < 0)
		return refusal_bad_request(
			&e->refusal, "invalid timeout specified in the request URL - %s", err.msg);
	e->deadline_ns = e->started_ns + (ns > 0 ? NUM_MIN(ns, limit_ns) : limit_ns);
	return 0;
}

static int read_target(struct exchange *e)
{
	struct err err = { 0 };

	if (target_parse(e->arena, e->x->method_text, e->x->path, e->x->query, &e->target, &err) <
	    0)
		return refusal_from_err(&e->refusal, &err);
	e->is_pretty = wants_pretty(e);
	return read_timeout(e);
}

static void count_user(struct exchange *e, bool is_known)
{
	const struct tls_identity *identity = e->x->peer->identity;

	metrics_count_user(&e->server->metrics, is_known ? e->user->name : STR_NONE);
	if (is_known && identity && identity->verified)
		metrics_count_certificate(
			&e->server->metrics,
			(double)(identity->not_after_ns - env_wall_ns(e->server->env)) / 1e9);
}

static int authenticate(struct exchange *e)
{
	struct token_answer account = { 0 };
	int found = authn_find(e, &account);

	if (found <= 0) {
		count_user(e, found == 0);
		audit_begin(e);
		token_secret_tell(e, &account);
	}
	return found > 0 ? exchange_wait(e) : found;
}

/* As a step of the pipeline tells what it came to. */
static int step_outcome(struct exchange *e, enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_DONE:
		return 0;
	case OUTCOME_REFUSED:
		break;
	case OUTCOME_WAITING:
		return exchange_wait(e);
	}
	return -1;
}

/* Nothing is done for a request before it is known of, where that is wanted. */
static int record(struct exchange *e)
{
	int kept = audit_received(e);

	if (kept >= 0)
		return kept ? exchange_wait(e) : 0;
	exchange_answer_text(e, 500,
			     str_printf_in(e->arena,
					   "Internal Server Error: \"" STR_FMT
					   "\": failed to store audit event",
					   STR_ARG(e->x->path)));
	return 1;
}

/* May the user act as this: a user, a group, a uid, a value of an extra. Not 0 ends the step. */
static int check_impersonation(struct exchange *e, struct target target)
{
	struct authz_attributes attributes = { .user = e->user,
					       .target = &target,
					       .wait = &e->wait };

	target.verb = STR("impersonate");
	target.is_resource = true;
	if (!target.version.len)
		target.version = STR("v1");
	return step_outcome(e, authz_check(&e->server->registry, &attributes, &e->refusal));
}

static int impersonate_name(struct exchange *e, struct user *user)
{
	struct str namespace_, name;

	if (user_is_account(user->name, &namespace_, &name))
		return check_impersonation(e, (struct target){ .resource = STR("serviceaccounts"),
							       .namespace_ = namespace_,
							       .name = name });
	return check_impersonation(e,
				   (struct target){ .resource = STR("users"), .name = user->name });
}

/* Groups that were asked for, or those a service account has; and what everybody has. */
static int impersonate_groups(struct exchange *e, struct user *user)
{
	struct str *groups = arena_array(e->arena, USER_GROUPS_MAX + 3, sizeof(groups[0])), group,
		   namespace_, name, everybody;
	size_t count = 0, cursor = 0;
	bool is_named = false;

	while (http_header_next(&e->x->headers, STR("Impersonate-Group"), &cursor, &group)) {
		int checked = check_impersonation(
			e, (struct target){ .resource = STR("groups"), .name = group });

		if (checked)
			return checked;
		if (count == USER_GROUPS_MAX)
			return refusal_bad_request(&e->refusal,
						   "too many Impersonate-Group headers");
		groups[count++] = group;
	}
	if (!count && user_is_account(user->name, &namespace_, &name)) {
		groups[count++] = STR("system:serviceaccounts");
		groups[count++] = str_printf_in(e->arena, "system:serviceaccounts:" STR_FMT,
						STR_ARG(namespace_));
	}
	everybody = str_eq(user->name, user_anonymous.name) ? STR("system:unauthenticated")
							    : STR("system:authenticated");
	for (size_t i = 0; i < count && !is_named; i++)
		is_named = str_eq(groups[i], everybody);
	if (!is_named)
		groups[count++] = everybody;
	user->groups = groups;
	user->group_count = count;
	return 0;
}

static int impersonate_uid(struct exchange *e, struct user *user)
{
	user->uid = http_header_get(&e->x->headers, STR("Impersonate-Uid"));
	if (!user->uid.len)
		return 0;
	return check_impersonation(e, (struct target){ .group = STR("authentication.k8s.io"),
						       .resource = STR("uids"),
						       .name = user->uid });
}

#define EXTRA_PREFIX "Impersonate-Extra-"

static struct user_extra *extra_of(struct user_extra *extras, size_t *count, struct str key)
{
	for (size_t i = 0; i < *count; i++)
		if (str_eq(extras[i].key, key))
			return &extras[i];
	if (*count == USER_EXTRAS_MAX)
		return NULL;
	extras[*count] = (struct user_extra){ .key = key };
	return &extras[(*count)++];
}

/* The key of a header Impersonate-Extra-<key, percent-encoded>; header names have no case. */
static int extra_key(struct exchange *e, struct str name, struct str *ret)
{
	size_t prefix = sizeof(EXTRA_PREFIX) - 1;
	char *lower = arena_alloc(e->arena, name.len);

	for (size_t i = prefix; i < name.len; i++)
		lower[i - prefix] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'
						   ? name.ptr[i] - 'A' + 'a'
						   : name.ptr[i]);
	if (url_decode(str_sub(lower, name.len - prefix), e->arena, ret, NULL) == 0)
		return 0;
	return refusal_bad_request(
		&e->refusal, "header " STR_FMT ": its key is not percent-encoded", STR_ARG(name));
}

static void add_value(struct exchange *e, struct user_extra *extra, struct str value)
{
	size_t count = extra->values.count;
	struct str *values = arena_array(e->arena, count + 1, sizeof(values[0]));

	if (count)
		memcpy(values, extra->values.items, count * sizeof(values[0]));
	values[count] = value;
	extra->values = (struct str_list){ values, count + 1 };
}

static bool is_extra(const struct http_header *header)
{
	return header->name.len > sizeof(EXTRA_PREFIX) - 1 &&
	       str_eq_nocase(str_slice(header->name, 0, sizeof(EXTRA_PREFIX) - 1),
			     STR(EXTRA_PREFIX));
}

static bool has_extra(const struct http_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++)
		if (is_extra(&headers->list[i]))
			return true;
	return false;
}

/* A key may come more than once. */
static int impersonate_extras(struct exchange *e, struct user *user)
{
	struct user_extra *extras = NULL;
	size_t count = 0;
	int checked;

	for (size_t i = 0; i < e->x->headers.count; i++) {
		const struct http_header *header = &e->x->headers.list[i];
		struct user_extra *extra;
		struct str key;

		if (!is_extra(header))
			continue;
		if (extra_key(e, header->name, &key) < 0)
			return -1;
		checked = check_impersonation(
			e, (struct target){ .group = STR("authentication.k8s.io"),
					    .resource = STR("userextras"),
					    .subresource = key,
					    .name = header->value });
		if (checked)
			return checked;
		if (!extras)
			extras = arena_array(e->arena, USER_EXTRAS_MAX, sizeof(extras[0]));
		extra = extra_of(extras, &count, key);
		if (!extra)
			return refusal_bad_request(&e->refusal,
						   "too many Impersonate-Extra headers");
		add_value(e, extra, header->value);
	}
	user->extras = extras;
	user->extra_count = count;
	return 0;
}

/* From here on the request is that of the user it names, if the one who sent it may do that. */
static int impersonate(struct exchange *e)
{
	static int (*const parts[])(struct exchange *,
				    struct user *) = { impersonate_name, impersonate_groups,
						       impersonate_uid, impersonate_extras };
	struct user *user = ARENA_NEW(e->arena, struct user);

	user->name = http_header_get(&e->x->headers, STR("Impersonate-User"));
	if (!user->name.len) {
		if (http_header_get(&e->x->headers, STR("Impersonate-Group")).len ||
		    http_header_get(&e->x->headers, STR("Impersonate-Uid")).len ||
		    has_extra(&e->x->headers))
			return refusal_bad_request(
				&e->refusal, "requested [{Group}] without impersonating a user");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		int progress = parts[i](e, user);

		if (progress)
			return progress;
	}
	e->user = user;
	return 0;
}

/* Watches and streams are long and cost nothing while idle: they are bounded by connections, not
 * here. */
static int count_in_flight(struct exchange *e)
{
	struct apiserver *s = e->server;
	bool reads = str_eq_c(e->target.verb, "get") || str_eq_c(e->target.verb, "list");
	size_t *count = reads ? &s->reading_count : &s->writing_count;

	if (target_is_watch(&e->target) || !e->target.is_resource)
		return 0;
	if (*count >= (reads ? REQUESTS_READING_MAX : REQUESTS_WRITING_MAX))
		return refusal_too_many(&e->refusal);
	(*count)++;
	e->in_flight = count;
	return 0;
}

static int authorize(struct exchange *e)
{
	struct authz_attributes attributes = { .user = e->user,
					       .target = &e->target,
					       .wait = &e->wait };
	struct authz_reason reason = { .arena = e->arena };
	enum outcome outcome;

	if (e->audit)
		attributes.reason = &reason;
	outcome = authz_check(&e->server->registry, &attributes, &e->refusal);
	if (outcome != OUTCOME_WAITING)
		audit_decided(e, outcome == OUTCOME_DONE, reason.text);
	return step_outcome(e, outcome);
}

static void let_go(struct http_exchange *x)
{
	struct exchange *e = x->user;

	fair_turn_end(&e->turn);
	audit_end(e);
	if (e->body)
		proxy_body_deinit(e->body);
	if (e->holds_kind)
		custom_kind_unref(e->kind);
}

/* --- steps that wait --- */

static void run_steps(struct exchange *e);

static void go_on(struct exchange *e)
{
	e->is_waiting = false;
	http_set_events(e->x, NULL, NULL);
	run_steps(e);
}

static void on_caught_up(struct store_sync *sync, struct err *err)
{
	struct exchange *e = CONTAINER_OF(sync, struct exchange, sync);

	http_set_events(e->x, NULL, NULL);
	if (err && refusal_from_err(&e->refusal, err) < 0) {
		exchange_refuse(e);
		return;
	}
	e->step++;
	go_on(e);
}

static void on_told(struct review_wait *wait)
{
	go_on(CONTAINER_OF(wait, struct exchange, wait));
}

static void on_closed_meanwhile(void *arg, struct http_exchange *x)
{
	struct exchange *e = arg;

	if (e->sync.done)
		store_catch_up_cancel(&e->sync);
	review_wait_cancel(&e->wait);
	fair_turn_end(&e->turn);
	exchange_count(e, 499);
	http_abort(x);
}

/* A pause does not take back what is on its way. */
static void on_body_meanwhile(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct exchange *e = arg;

	if (e->body)
		proxy_body_take(e->body, bytes, last);
}

static const struct http_exchange_events waiting_events = { .on_body = on_body_meanwhile,
							    .on_closed = on_closed_meanwhile };

int exchange_wait(struct exchange *e)
{
	e->is_waiting = true;
	http_set_events(e->x, &waiting_events, e);
	return 1;
}

/* Where others write to the same store, a request must not be decided on a state older than what
 * they had answered when it came. Who asks for any state, or for what follows a given one, need not
 * wait. */
static int catch_up(struct exchange *e)
{
	struct str version = params_get(&e->target.query, "resourceVersion");
	bool watches = target_is_watch(&e->target);

	if (store_is_alone(e->server->store) || !e->target.is_resource)
		return 0;
	if (str_eq_c(version, "0") || (watches && version.len))
		return 0;
	e->sync.done = on_caught_up;
	store_catch_up(e->server->store, &e->sync);
	return exchange_wait(e);
}

static void on_turn(struct fair_turn *turn, bool may_go)
{
	struct exchange *e = CONTAINER_OF(turn, struct exchange, turn);

	if (!may_go) {
		http_set_events(e->x, NULL, NULL);
		(void)refusal_too_many(&e->refusal); /* which is then answered */
		exchange_refuse(e);
		return;
	}
	e->step++;
	go_on(e);
}

static int take_turn(struct exchange *e)
{
	struct fair_request request = { e->user, &e->target };
	enum fair_answer answer;

	/* what goes on for long costs nothing while idle; but a watch does at its start */
	if (target_is_stream(&e->target) && !target_is_watch(&e->target))
		return 0;
	e->turn.run = on_turn;
	answer = fairness_ask(e->server->fairness, &request, &e->turn, &e->place);
	e->place.schema_uid = str_in(e->arena, e->place.schema_uid);
	e->place.level_uid = str_in(e->arena, e->place.level_uid);
	if (e->place.schema_uid.len) {
		http_add_header(e->x, STR("X-Kubernetes-PF-FlowSchema-UID"), e->place.schema_uid);
		http_add_header(e->x, STR("X-Kubernetes-PF-PriorityLevel-UID"), e->place.level_uid);
	}
	if (answer == FAIR_REFUSED)
		return refusal_too_many(&e->refusal);
	return answer == FAIR_QUEUED ? exchange_wait(e) : 0;
}

static int (*const steps[])(struct exchange *e) = {
	read_target,	 authenticate, record,		impersonate, take_turn,
	count_in_flight, authorize,    route_find_kind, catch_up,    route_serve,
};

static const struct pipeline api_pipeline = { steps, ARRAY_COUNT(steps), exchange_refuse };

/* From e->step on. An exchange that is answered, or is a handler's, must not be looked at any more:
 * so the last step is. */
static void run_steps(struct exchange *e)
{
	const struct pipeline *pipeline = e->pipeline;

	for (; e->step < pipeline->count - 1; e->step++) {
		int progress = pipeline->steps[e->step](e);

		if (progress < 0)
			pipeline->refuse(e);
		if (progress)
			return;
	}
	if (pipeline->steps[e->step](e) < 0)
		pipeline->refuse(e);
}

/* By which the client finds its request in logs, in each answer. */
static void name_request(struct exchange *e)
{
	struct str given = http_header_get(&e->x->headers, STR("Audit-ID"));
	char *own;

	if (given.len && given.len <= AUDIT_ID_BYTES_MAX) {
		e->audit_id = given;
	} else {
		own = arena_alloc(e->arena, ENV_UUID_BYTES);
		env_uuid(e->server->env, own);
		e->audit_id = str_from(own);
	}
	http_add_header(e->x, STR("Audit-Id"), e->audit_id);
}

static struct exchange *exchange_on(const struct pipeline *pipeline, struct apiserver *server,
				    struct http_exchange *x)
{
	struct exchange *e = ARENA_NEW(&x->arena, struct exchange);

	e->pipeline = pipeline;
	e->server = server;
	e->x = x;
	e->arena = &x->arena;
	e->started_ns = env_mono_ns(server->env);
	e->user = &user_anonymous;
	refusal_init(&e->refusal, &x->arena);
	review_wait_init(&e->wait, on_told);
	x->user = e;
	x->let_go = let_go;
	return e;
}

static struct exchange *exchange_new(struct apiserver *server, struct http_exchange *x)
{
	struct exchange *e = exchange_on(&api_pipeline, server, x);

	name_request(e);
	return e;
}

void pipeline_run(const struct pipeline *pipeline, struct apiserver *server,
		  struct http_exchange *x)
{
	run_steps(exchange_on(pipeline, server, x));
}

static void on_request(void *arg, struct http_exchange *x)
{
	run_steps(x->user ? x->user : exchange_new(arg, x));
}

static int refuse_large(struct exchange *e)
{
	return refusal_set(&e->refusal, 413, "RequestEntityTooLarge",
			   "Request entity too large: limit is %u", REQUEST_BODY_BYTES_MAX);
}

/* What another server is sent is bounded there: it does not wait here for its end. */
static bool goes_on_as_it_comes(const struct apiserver *s, const struct http_exchange *x)
{
	struct str length = http_header_get(&x->headers, STR("Content-Length"));
	uint64_t bytes;

	if (!aggregation_has_path(s->aggregation, x->path))
		return false;
	if (!length.len)
		return http_header_get(&x->headers, STR("Transfer-Encoding")).len > 0;
	return num_parse_u64(length, UINT64_MAX, "Content-Length", &bytes, NULL) == 0 &&
	       bytes > REQUEST_BODY_BYTES_MAX;
}

/* Answered before the body comes, when its length says enough. */
static void on_headers(void *arg, struct http_exchange *x)
{
	struct str length = http_header_get(&x->headers, STR("Content-Length"));
	uint64_t bytes;

	if (goes_on_as_it_comes(arg, x)) {
		struct exchange *e = exchange_new(arg, x);

		e->body = ARENA_NEW(&x->arena, struct proxy_body);
		http_stream_body(x);
		proxy_body_init(e->body, e->server->env, x);
		return;
	}
	if (length.len && num_parse_u64(length, UINT64_MAX, "Content-Length", &bytes, NULL) == 0 &&
	    bytes > REQUEST_BODY_BYTES_MAX) {
		struct exchange *e = exchange_new(arg, x);

		if (refuse_large(e) < 0)
			exchange_refuse(e);
	}
}

/* A body of unknown length that went on for too long. */
static void on_body_too_large(void *arg, struct http_exchange *x)
{
	struct exchange *e = exchange_new(arg, x);

	if (refuse_large(e) < 0)
		exchange_refuse(e);
}

const struct http_handlers *apiserver_http_handlers(void)
{
	static const struct http_handlers handlers = { .on_headers = on_headers,
						       .on_request = on_request,
						       .on_body_too_large = on_body_too_large };

	return &handlers;
}
