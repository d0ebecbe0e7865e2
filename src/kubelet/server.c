/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kubelet API: a table of routes. The caller has authenticated and authorised; what comes in
 * here is still checked.
 */
#include "kubelet/server.h"

#include <stdarg.h>

#include "codec/json.h"
#include "net/url.h"

struct route {
	enum http_method method; /* HTTP_OTHER = GET and POST */
	const char *path;	 /* {} is one part, decoded */
	void (*serve)(struct server_request *r);
	bool needs_containers; /* the real container service */
};

static void serve_healthz(struct server_request *r)
{
	http_respond_bytes(r->x, 200, STR("text/plain; charset=utf-8"), STR("ok"));
}

static void serve_pods(struct server_request *r);

static const struct route routes[] = {
	{ HTTP_GET, "/healthz", serve_healthz, false },
	{ HTTP_GET, "/healthz/log", serve_healthz, false },
	{ HTTP_GET, "/healthz/ping", serve_healthz, false },
	{ HTTP_GET, "/healthz/syncloop", serve_healthz, false }, /* the loop that answers is it */
	{ HTTP_GET, "/configz", serve_configuration, false },
	{ HTTP_GET, "/metrics", serve_metrics, false },
	{ HTTP_GET, "/metrics/cadvisor", serve_metrics_containers, false },
	{ HTTP_GET, "/metrics/resource", serve_metrics_resource, false },
	{ HTTP_GET, "/containerLogs/{}/{}/{}", serve_logs, true },
	{ HTTP_OTHER, "/exec/{}/{}/{}", serve_exec, true },
	{ HTTP_OTHER, "/exec/{}/{}/{}/{}", serve_exec,
	  true }, /* with the pod's uid before the container */
	{ HTTP_OTHER, "/attach/{}/{}/{}", serve_attach, true },
	{ HTTP_OTHER, "/attach/{}/{}/{}/{}", serve_attach, true },
	{ HTTP_OTHER, "/portForward/{}/{}", serve_port_forward, true },
	{ HTTP_OTHER, "/portForward/{}/{}/{}", serve_port_forward, true },
	{ HTTP_GET, "/pods", serve_pods, false },
	{ HTTP_GET, "/stats/summary", serve_stats_summary, false },
};

void server_refuse(struct http_exchange *x, int code, const char *reason, const char *fmt, ...)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF message = { 0 }, body = { 0 };
	va_list ap;

	buf_init(&message, 1 << 16);
	buf_init(&body, 1 << 18);
	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);
	json_set_str(doc, root, "kind", STR("Status"));
	json_set_str(doc, root, "apiVersion", STR("v1"));
	(void)json_set_object(doc, root, "metadata"); /* empty, but there */
	json_set_str(doc, root, "status", STR("Failure"));
	json_set_str(doc, root, "message", buf_str(&message));
	json_set_str(doc, root, "reason", str_from(reason));
	json_set_int(doc, root, "code", code);
	json_mut_write(root, &body);
	http_respond_bytes(x, code, STR("application/json"), str_in(&x->arena, buf_str(&body)));
}

struct pod *server_find(struct server_request *r, int *ret_index)
{
	struct pod *pod = kubelet_find_pod(r->kubelet, r->parts[0], r->parts[1]);
	struct str container = str_is_empty(r->parts[3]) ? r->parts[2] : r->parts[3];

	*ret_index = -1;
	if (!pod) {
		server_refuse(r->x, 404, "NotFound", "pods \"" STR_FMT "\" not found",
			      STR_ARG(r->parts[1]));
		return NULL;
	}
	if (str_is_empty(container))
		return pod;
	*ret_index = pod_spec_find(&pod->spec, container);
	if (*ret_index >= 0)
		return pod;
	server_refuse(r->x, 400, "BadRequest",
		      "container " STR_FMT " is not valid for pod " STR_FMT, STR_ARG(container),
		      STR_ARG(r->parts[1]));
	return NULL;
}

static bool route_matches(const struct route *route, struct server_request *r, struct str path)
{
	struct str pattern = str_from(route->path), want, got;
	size_t count = 0;

	for (size_t i = 0; i < SERVER_PATH_PARTS_MAX; i++)
		r->parts[i] = STR_NONE;
	while (str_next_part(&pattern, '/', &want)) {
		if (!str_next_part(&path, '/', &got))
			return false;
		if (!str_eq(want, STR("{}"))) {
			if (!str_eq(want, got))
				return false;
			continue;
		}
		if (str_is_empty(got) ||
		    url_decode(got, &r->x->arena, &r->parts[count++], NULL) < 0)
			return false;
	}
	return path.ptr == NULL || path.len == 0;
}

void kubelet_handle(struct kubelet *k, struct http_exchange *x, struct str path, struct str query)
{
	struct server_request r = { .kubelet = k, .x = x, .query = query };

	for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
		const struct route *route = &routes[i];

		if (!route_matches(route, &r, path))
			continue;
		if (route->method != HTTP_OTHER ? x->method != route->method
						: x->method != HTTP_GET && x->method != HTTP_POST)
			server_refuse(
				x, 405, "MethodNotAllowed",
				"the server does not allow this method on the requested resource");
		else if (route->needs_containers && !k->options.containers)
			server_refuse(x, 501, "NotImplemented", "this node has no real containers");
		else if (k->stopping)
			server_refuse(x, 503, "ServiceUnavailable", "the kubelet is stopping");
		else
			route->serve(&r);
		return;
	}
	server_refuse(x, 404, "NotFound", "the server could not find the requested resource");
}

static void serve_pods(struct server_request *r)
{
	AUTO_BUF body = { 0 };
	size_t cursor = 0;
	struct str uid;
	void *value;
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *items;

	json_set_str(doc, root, "kind", STR("PodList"));
	json_set_str(doc, root, "apiVersion", STR("v1"));
	(void)json_set_object(doc, root, "metadata"); /* empty, but there */
	items = json_set_array(doc, root, "items");
	while (map_next(&r->kubelet->pods, &cursor, &uid, &value))
		yyjson_mut_arr_append(items, json_copy(doc, ((struct pod *)value)->obj->root));
	buf_init(&body, (size_t)256 << 20);
	json_mut_write(root, &body);
	http_respond_bytes(r->x, 200, STR("application/json"),
			   str_in(&r->x->arena, buf_str(&body)));
}
