/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sub-resources that lead to a node: logs, exec, attach, port-forward, nodes/proxy. Everything that
 * the API alone can refuse is refused here, in upstream's words; then the exchange goes to the
 * node's kubelet with the target a kubelet would be asked for, or (connect_proxy.c) to a pod.
 */
#include "apiserver/authz.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "net/http_messages.h"
#include "net/url.h"
#include "net/websocket.h"

struct kubelet_target {
	struct str node_name;
	struct str path;
	struct buf query;
};

static void put_param(struct buf *to, const char *key, struct str value)
{
	if (to->len)
		buf_put_char(to, '&');
	buf_put_c(to, key);
	buf_put_char(to, '=');
	url_encode(to, value);
}

/* --- which container --- */

static bool has_container(yyjson_val *list, struct str name)
{
	JSON_EACH (c, list)
		if (str_eq(json_get_str(c, "name"), name))
			return true;
	return false;
}

static void put_names(struct buf *to, yyjson_val *list)
{
	JSON_EACH (c, list) {
		if (to->len)
			buf_put_char(to, ' ');
		buf_put_str(to, json_get_str(c, "name"));
	}
}

static int refuse_unnamed(struct exchange *e, yyjson_val *spec)
{
	AUTO_BUF names = { 0 };

	buf_init(&names, 1u << 16);
	put_names(&names, json_get(spec, "initContainers"));
	put_names(&names, json_get(spec, "containers"));
	put_names(&names, json_get(spec, "ephemeralContainers"));
	return refusal_bad_request(&e->refusal,
				   "a container name must be specified for pod " STR_FMT
				   ", choose one of: [" STR_FMT "]",
				   STR_ARG(e->target.name), STR_ARG(buf_str(&names)));
}

static int choose_container(struct exchange *e, const struct obj *pod, struct str *ret)
{
	yyjson_val *spec = json_get(pod->root, "spec");
	struct str name = params_get(&e->target.query, "container");

	if (name.len) {
		if (!has_container(json_get(spec, "containers"), name) &&
		    !has_container(json_get(spec, "initContainers"), name) &&
		    !has_container(json_get(spec, "ephemeralContainers"), name))
			return refusal_bad_request(
				&e->refusal, "container " STR_FMT " is not valid for pod " STR_FMT,
				STR_ARG(name), STR_ARG(e->target.name));
		*ret = name;
		return 0;
	}
	if (json_get_count(spec, "containers") != 1)
		return refuse_unnamed(e, spec);
	*ret = json_get_str(spec, "containers.0.name");
	return 0;
}

/* --- the targets --- */

static int check_host(struct exchange *e, const struct obj *pod, struct kubelet_target *to)
{
	to->node_name = json_get_str(pod->root, "spec.nodeName");
	if (!to->node_name.len)
		return refusal_bad_request(&e->refusal,
					   "pod " STR_FMT " does not have a host assigned",
					   STR_ARG(e->target.name));
	return 0;
}

static int set_path(struct exchange *e, struct kubelet_target *to, const char *what,
		    struct str container)
{
	to->path = str_printf_in(e->arena, "/%s/" STR_FMT "/" STR_FMT "%s" STR_FMT, what,
				 STR_ARG(e->target.namespace_), STR_ARG(e->target.name),
				 container.len ? "/" : "", STR_ARG(container));
	return 0;
}

static int log_target(struct exchange *e, const struct obj *pod, struct kubelet_target *to)
{
	static const char *const passed[] = {
		"follow",    "previous",  "timestamps", "sinceSeconds",
		"sinceTime", "tailLines", "limitBytes", "stream",
	};
	struct str container;

	if (choose_container(e, pod, &container) < 0)
		return -1;
	to->node_name = json_get_str(pod->root, "spec.nodeName");
	for (size_t i = 0; i < ARRAY_COUNT(passed); i++)
		if (params_has(&e->target.query, passed[i]))
			put_param(&to->query, passed[i], params_get(&e->target.query, passed[i]));
	return set_path(e, to, "containerLogs", container);
}

static void put_streams(struct exchange *e, struct kubelet_target *to, bool outputs_by_default)
{
	static const struct {
		const char *from, *to;
		bool is_output;
	} streams[] = { { "stdin", "input" },
			{ "stdout", "output", true },
			{ "stderr", "error", true },
			{ "tty", "tty" } };

	for (size_t i = 0; i < ARRAY_COUNT(streams); i++)
		if (params_has(&e->target.query, streams[i].from)
			    ? params_bool(&e->target.query, streams[i].from)
			    : outputs_by_default && streams[i].is_output)
			put_param(&to->query, streams[i].to, STR("1"));
}

static int check_phase(struct exchange *e, const struct obj *pod)
{
	struct str phase = json_get_str(pod->root, "status.phase");

	if (str_eq_c(phase, "Succeeded") || str_eq_c(phase, "Failed"))
		return refusal_bad_request(&e->refusal,
					   "cannot exec into a container in a completed pod; "
					   "current phase is " STR_FMT,
					   STR_ARG(phase));
	return 0;
}

static int exec_target(struct exchange *e, const struct obj *pod, struct kubelet_target *to)
{
	struct str container;
	bool any = false;

	for (size_t i = 0; i < e->target.query.count; i++)
		if (str_eq_c(e->target.query.params[i].key, "command")) {
			put_param(&to->query, "command", e->target.query.params[i].value);
			any = true;
		}
	if (!any)
		return refusal_bad_request(&e->refusal,
					   "you must specify at least 1 command for the container");
	if (choose_container(e, pod, &container) < 0 || check_host(e, pod, to) < 0 ||
	    check_phase(e, pod) < 0)
		return -1;
	put_streams(e, to, false);
	return set_path(e, to, "exec", container);
}

static int attach_target(struct exchange *e, const struct obj *pod, struct kubelet_target *to)
{
	struct str container;

	if (choose_container(e, pod, &container) < 0 || check_host(e, pod, to) < 0)
		return -1;
	put_streams(e, to, true);
	return set_path(e, to, "attach", container);
}

static int forward_target(struct exchange *e, const struct obj *pod, struct kubelet_target *to)
{
	if (check_host(e, pod, to) < 0)
		return -1;
	for (size_t i = 0; i < e->target.query.count; i++)
		if (str_eq_c(e->target.query.params[i].key, "ports"))
			put_param(&to->query, "port", e->target.query.params[i].value);
	return set_path(e, to, "portForward", STR_NONE);
}

#define PROXY_METHODS "GET HEAD POST PUT PATCH DELETE OPTIONS"

static const struct connect_row {
	const char *resource, *subresource, *methods;
	int (*read)(struct exchange *e, const struct obj *obj, struct kubelet_target *to);
	int (*serve)(struct exchange *e); /* instead: no kubelet is asked */
	bool is_output; /* what the kubelet answers may go as messages of a WebSocket; it knows of
			   none */
} targets[] = {
	{ "pods", "log", "GET", log_target, .is_output = true },
	{ "pods", "exec", "GET POST", exec_target },
	{ "pods", "attach", "GET POST", attach_target },
	{ "pods", "portforward", "GET POST", forward_target },
	{ "nodes", "proxy", PROXY_METHODS, .serve = connect_proxy },
	{ "pods", "proxy", PROXY_METHODS, .serve = connect_proxy },
	{ "services", "proxy", PROXY_METHODS, .serve = connect_proxy },
};

static const struct http_messages_protocol output_protocols[] = {
	{ STR_INIT(""), HTTP_MESSAGE_BINARY },
	{ STR_INIT("binary.k8s.io"), HTTP_MESSAGE_BINARY },
	{ STR_INIT("base64.binary.k8s.io"), HTTP_MESSAGE_BASE64 },
};

/* False: it was answered. */
static bool accept_output(struct exchange *e, const struct connect_row *row)
{
	struct http_messages_options options = { .protocols = output_protocols,
						 .protocol_count = ARRAY_COUNT(output_protocols),
						 .has_greeting = true };
	struct err err;

	if (!row->is_output || !websocket_is_request(&e->x->headers) ||
	    http_messages_accept(e->x, &options, &err) == 0)
		return true;
	exchange_count(e, err.code == ERR_FORBIDDEN ? 403 : 400);
	return false;
}

static int hand_over(struct exchange *e, struct kubelet_target *to)
{
	struct apiserver *s = e->server;
	const struct obj *node = registry_get(&s->registry, &kind_node, STR_NONE, to->node_name);
	struct str query = str_in(e->arena, buf_str(&to->query));

	if (!node)
		return refusal_not_found(&e->refusal,
					 (struct subject){ STR(""), STR("nodes"), to->node_name });
	if (!s->node_handler.serve)
		return refusal_set(&e->refusal, 503, "ServiceUnavailable",
				   "node \"" STR_FMT "\" cannot be reached",
				   STR_ARG(to->node_name));
	exchange_count(e, 200);
	s->node_handler.serve(s->node_handler.arg, e->x, node, to->path, query);
	return 0;
}

int connect_kubelet(struct exchange *e, const struct obj *node)
{
	struct kubelet_target to = { .node_name = node->name,
				     .path = e->target.rest.len ? e->target.rest : STR("/") };
	int result;

	buf_init(&to.query, REQUEST_URI_BYTES_MAX);
	buf_put_str(&to.query, e->x->query);
	result = hand_over(e, &to);
	buf_deinit(&to.query);
	return result;
}

static int answer_empty(struct exchange *e)
{
	exchange_answer_bytes(e, 200, STR("text/plain"), STR(""));
	return 0;
}

/* The row of what is asked for; NULL: there is none. */
static const struct connect_row *row_of(const struct target *t)
{
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++)
		if (str_eq_c(t->resource, targets[i].resource) &&
		    str_eq_c(t->subresource, targets[i].subresource))
			return &targets[i];
	return NULL;
}

static int connect_admitted(struct exchange *e)
{
	const struct target *t = &e->target;
	const struct connect_row *row = row_of(t);
	struct kubelet_target to = { 0 };
	const struct obj *obj = registry_get(&e->server->registry, e->kind, t->namespace_, t->name);
	int result;

	if (!obj)
		return refusal_not_found(&e->refusal,
					 (struct subject){ t->group, t->resource, t->name });
	buf_init(&to.query, 1u << 17);
	if (row->read(e, obj, &to) < 0)
		result = -1;
	else if (!accept_output(e, row))
		result = 0;
	else /* a pod that runs nowhere has said nothing yet */
		result = to.node_name.len ? hand_over(e, &to) : answer_empty(e);
	buf_deinit(&to.query);
	return result;
}

int connect_serve(struct exchange *e)
{
	const struct target *t = &e->target;
	const struct connect_row *row = row_of(t);

	if (!row)
		return refusal_set(&e->refusal, 501, "NotImplemented",
				   "proxying to " STR_FMT " is not available on this server",
				   STR_ARG(t->resource));
	if (!authz_word_matches(row->methods, t->method))
		return refusal_method_not_allowed(&e->refusal);
	return connect_admit(e, row->serve ? row->serve : connect_admitted);
}
