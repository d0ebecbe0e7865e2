/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own port of the kubelet that is a part of this process. A kubelet elsewhere would send the
 * API server a TokenReview and SubjectAccessReviews; here the same parts are asked at once, and
 * answers, wording and what each path needs are as upstream's kubelet has them.
 */
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/exchange.h"

#define SUBRESOURCES_MAX 2

/* Any of the subresources of the node will do. */
static const struct access {
	const char *path; /* it and what is below */
	const char *subresources[SUBRESOURCES_MAX];
} table[] = {
	{ "/stats", { "stats" } },
	{ "/metrics", { "metrics" } },
	{ "/logs", { "log" } },
	{ "/checkpoint", { "checkpoint" } },
	{ "/pods", { "pods", "proxy" } },
	{ "/runningpods", { "pods", "proxy" } },
	{ "/healthz", { "healthz", "proxy" } },
	{ "/configz", { "configz", "proxy" } },
	{ "/statusz", { "statusz", "proxy" } },
};
static const struct access other_access = { "", { "proxy" } };

/* The path as it was sent: the kubelet compares it so, too. */
static const struct access *access_of(struct str path)
{
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct str rest = path;

		if (str_strip_prefix(&rest, str_from(table[i].path)) &&
		    (!rest.len || rest.ptr[0] == '/'))
			return &table[i];
	}
	return &other_access;
}

static struct str verb_of(enum http_method method)
{
	switch (method) {
	case HTTP_GET:
		return STR("get");
	case HTTP_POST:
		return STR("create");
	case HTTP_PUT:
		return STR("update");
	case HTTP_PATCH:
		return STR("patch");
	case HTTP_DELETE:
		return STR("delete");
	case HTTP_OTHER:
	case HTTP_HEAD:
	case HTTP_OPTIONS:
	case HTTP_CONNECT:
	case HTTP_TRACE:
		break;
	}
	return STR(""); /* of which only those may do it who may do anything */
}

static int authenticate(struct exchange *e)
{
	struct token_answer account = { 0 };
	int found = authn_find(e, &account);

	if (found > 0)
		return exchange_wait(e);
	if (found < 0 || e->user == &user_anonymous)
		return refusal_set(&e->refusal, 401, "Unauthorized", "Unauthorized");
	return 0;
}

static int refuse_access(struct exchange *e, const struct access *access)
{
	AUTO_BUF names = { 0 };

	buf_init(&names, 1u << 10);
	for (size_t i = 0; i < SUBRESOURCES_MAX && access->subresources[i]; i++)
		buf_printf(&names, "%s%s", i ? " " : "", access->subresources[i]);
	return refusal_set(&e->refusal, 403, "Forbidden",
			   "Forbidden (user=" STR_FMT ", verb=" STR_FMT
			   ", resource=nodes, subresource(s)=[" STR_FMT "])",
			   STR_ARG(e->user->name), STR_ARG(e->target.verb),
			   STR_ARG(buf_str(&names)));
}

static int authorize(struct exchange *e)
{
	const struct access *access = access_of(e->x->path);
	struct authz_attributes attributes = { .user = e->user,
					       .target = &e->target,
					       .wait = &e->wait };

	e->target = (struct target){ .method = e->x->method_text,
				     .path = e->x->path,
				     .verb = verb_of(e->x->method),
				     .is_resource = true,
				     .version = STR("v1"),
				     .resource = STR("nodes"),
				     .name = e->server->kubelet_name };
	for (size_t i = 0; i < SUBRESOURCES_MAX && access->subresources[i]; i++) {
		e->target.subresource = str_from(access->subresources[i]);
		switch (authz_decide(&e->server->registry, &attributes)) {
		case AUTHZ_ALLOW:
			return 0;
		case AUTHZ_LATER:
			return exchange_wait(e);
		case AUTHZ_NO_OPINION:
		case AUTHZ_DENY:
			break;
		}
	}
	return refuse_access(e, access);
}

static int serve(struct exchange *e)
{
	struct apiserver *s = e->server;

	if (!s->node_handler.serve)
		return refusal_set(&e->refusal, 503, "ServiceUnavailable",
				   "the kubelet is stopping");
	s->node_handler.serve(s->node_handler.arg, e->x, NULL, e->x->path, e->x->query);
	return 0;
}

static void refuse(struct exchange *e)
{
	http_respond_bytes(e->x, e->refusal.code, STR("text/plain; charset=utf-8"),
			   e->refusal.message);
}

static int (*const steps[])(struct exchange *e) = { authenticate, authorize, serve };

static const struct pipeline pipeline = { steps, ARRAY_COUNT(steps), refuse };

static void on_request(void *arg, struct http_exchange *x)
{
	pipeline_run(&pipeline, arg, x);
}

const struct http_handlers *apiserver_kubelet_handlers(void)
{
	static const struct http_handlers handlers = { .on_request = on_request };

	return &handlers;
}

void apiserver_set_kubelet_name(struct apiserver *s, struct str node_name)
{
	s->kubelet_name = node_name;
}
