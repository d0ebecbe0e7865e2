/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: from a target to an address (a Service's ready endpoint, else its cluster address),
 * then one call of net's HTTP client. Connections are pooled by whom the call trusts, so that one
 * that was verified for one webhook never serves another with other authorities.
 */
#include "apiserver/webhook_client.h"

#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "apiserver/registry.h"
#include "apiserver/service_endpoint.h"
#include "base/mem.h"
#include "loop/env.h"
#include "net/http_client.h"
#include "net/url.h"

#define USER_AGENT STR("kube-apiserver-admission")

/* One set of authorities and credentials, with its connections. */
struct trust {
	struct list link; /* longest unused first */
	struct str key;
	struct tls_client *tls;
	struct http_client *http;
	size_t call_count;
};

struct webhook_client {
	struct registry *registry;
	struct list trusts;
	size_t trust_count;
	uint64_t turn; /* whose endpoint is next */
	struct list calls;
	struct list failed; /* calls that could not be made: told in a later turn */
	struct task task;
};

struct webhook_call {
	struct webhook_client *client;
	struct list link;
	struct trust *trust;
	struct http_call *http;
	const char *verb; /* "Get": how an error begins */
	struct str url;
	struct str method; /* a constant */
	struct str content_type;
	struct http_piece piece;
	struct buf body;
	struct err err; /* of a call that could not be made, or took too much */
	int status;
	bool is_too_large;
	webhook_done_fn *done;
	void *arg;
};

/* --- whom to trust --- */

static void free_trust(struct webhook_client *c, struct trust *trust)
{
	list_remove(&trust->link);
	c->trust_count--;
	http_client_free(trust->http);
	tls_client_free(trust->tls);
	mem_wipe((void *)trust->key.ptr, trust->key.len); /* it holds a private key */
	mem_free((void *)trust->key.ptr);
	mem_free(trust);
}

static void put_part(struct buf *key, struct str part)
{
	buf_printf(key, "%zu:", part.len);
	buf_put_str(key, part);
}

static struct str trust_key(const struct webhook_target *t)
{
	struct buf key;

	buf_init(&key, SIZE_MAX);
	put_part(&key, t->ca_pem);
	put_part(&key, t->certificate_pem);
	put_part(&key, t->key_pem);
	put_part(&key, t->server_name);
	buf_put_char(&key, t->insecure ? 'i' : '-');
	return buf_take(&key);
}

static struct trust *new_trust(struct webhook_client *c, const struct webhook_target *t,
			       struct err *err)
{
	struct tls_client_options options = {
		.ca_pem = t->ca_pem,
		.certificate_pem = t->certificate_pem,
		.key_pem = t->key_pem,
		.insecure = t->insecure,
		.server_name = t->server_name,
	};
	struct tls_client *tls;
	struct trust *trust;

	if (tls_client_new(&options, &tls, err) < 0)
		return NULL;
	trust = NEW(struct trust);
	trust->tls = tls;
	trust->http = http_client_new(&(struct http_client_options){
		.env = registry_env(c->registry), .tls = tls, .user_agent = USER_AGENT });
	list_push_back(&c->trusts, &trust->link);
	c->trust_count++;
	return trust;
}

static struct trust *find_trust(struct webhook_client *c, const struct webhook_target *t,
				struct err *err)
{
	struct str key = trust_key(t);
	struct trust *trust;

	LIST_FOR_EACH (node, &c->trusts) {
		trust = LIST_ENTRY(node, struct trust, link);
		if (!str_eq(trust->key, key))
			continue;
		list_remove(&trust->link);
		list_push_back(&c->trusts, &trust->link);
		mem_wipe((void *)key.ptr, key.len);
		mem_free((void *)key.ptr);
		return trust;
	}
	trust = new_trust(c, t, err);
	if (trust)
		trust->key = key;
	else
		mem_free((void *)key.ptr);
	return trust;
}

/* --- where --- */

/* Endpoints come first: they are reached also where no rules for service addresses are in place. */
static int resolve(struct webhook_client *c, const struct webhook_target *t, struct arena *arena,
		   struct http_request *to, struct err *err)
{
	const struct obj *service = registry_get(c->registry, &kind_service, t->namespace_,
						 t->name);
	struct str address;
	yyjson_val *port;

	if (!service)
		return err_set(err, ERR_NOT_FOUND, "service \"" STR_FMT "\" not found",
			       STR_ARG(t->name));
	to->connect_port = (uint16_t)t->port;
	if (str_eq_c(json_get_str(service->root, "spec.type"), "ExternalName")) {
		to->connect_host = str_in(arena, json_get_str(service->root, "spec.externalName"));
		return 0;
	}
	port = service_endpoint_port(service, t->port);
	if (!port)
		return err_set(err, ERR_UNAVAILABLE,
			       "no service port %lld found for service \"" STR_FMT "\"",
			       (long long)t->port, STR_ARG(t->name));
	if (service_endpoint_find(c->registry, service, json_get_str(port, "name"),
				  &(struct service_endpoint_choice){
					  c->turn++, arena, &to->connect_host, &to->connect_port }))
		return 0;
	address = json_get_str(service->root, "spec.clusterIP");
	if (!address.len || str_eq_c(address, "None"))
		return err_set(err, ERR_UNAVAILABLE,
			       "no endpoints available for service \"" STR_FMT "\"",
			       STR_ARG(t->name));
	to->connect_host = str_in(arena, address);
	return 0;
}

/* --- the call --- */

static void free_call(struct webhook_call *call)
{
	list_remove(&call->link);
	if (call->trust)
		call->trust->call_count--;
	mem_free((void *)call->url.ptr);
	mem_free((void *)call->content_type.ptr);
	buf_deinit(&call->body);
	mem_free(call);
}

static struct str host_of(struct str url)
{
	size_t start = str_find(url, STR("//"), 0), end;

	if (start == SIZE_MAX)
		return url;
	url = str_slice(url, start + 2, url.len);
	end = str_find_char(url, '/', 0);
	return str_slice(url, 0, end == SIZE_MAX ? url.len : end);
}

static void tell(struct webhook_call *call, const struct err *failure)
{
	struct webhook_answer answer = { call->status, call->content_type, buf_str(&call->body) };
	struct err err;

	metrics_count_call(
		call->client->registry->metrics,
		&(struct metrics_call){ host_of(call->url), call->method, call->status });
	if (failure) {
		webhook_word_error(failure, &err);
		(void)err_wrap(&err, "%s \"" STR_FMT "\"", call->verb,
			       STR_ARG(str_slice(call->url, 0, WEBHOOK_URL_SHOWN_MAX)));
	}
	call->done(call->arg, failure ? NULL : &answer, failure ? &err : NULL);
	free_call(call);
}

/* Never from inside an event of the client that is freed. */
static void trim(struct webhook_client *c)
{
	LIST_FOR_EACH (node, &c->trusts) {
		struct trust *trust = LIST_ENTRY(node, struct trust, link);

		if (c->trust_count <= WEBHOOK_TRUSTS_MAX)
			return;
		if (!trust->call_count)
			free_trust(c, trust);
	}
}

static void run_task(struct task *task)
{
	struct webhook_client *c = CONTAINER_OF(task, struct webhook_client, task);
	struct list *node;

	while ((node = list_first(&c->failed))) {
		struct webhook_call *call = LIST_ENTRY(node, struct webhook_call, link);

		tell(call, &call->err);
	}
	trim(c);
}

static void on_headers(void *arg, struct http_call *http, const struct http_reply *reply)
{
	struct webhook_call *call = arg;

	call->status = reply->status;
	call->content_type = str_dup(http_header_get(&reply->headers, STR("Content-Type")));
}

static void on_body(void *arg, struct http_call *http, struct str bytes)
{
	struct webhook_call *call = arg;

	if (call->is_too_large)
		return;
	buf_put_str(&call->body, bytes);
	if (!buf_failed(&call->body))
		return;
	call->is_too_large = true;
	(void)err_set(&call->err, ERR_TOO_LARGE,
		      "http: response body too large: more than %zu bytes", call->body.max_bytes);
	http_call_cancel(http);
	call->http = NULL;
	list_remove(&call->link);
	list_push_back(&call->client->failed, &call->link);
	env_defer(registry_env(call->client->registry), &call->client->task);
}

static void on_end(void *arg, struct http_call *http, const struct err *err)
{
	struct webhook_call *call = arg;

	call->http = NULL;
	tell(call, err);
}

static const struct http_call_events events = {
	.on_headers = on_headers,
	.on_body = on_body,
	.on_end = on_end,
};

static struct http_headers add_headers(const struct http_headers *given, struct arena *arena)
{
	struct http_headers all = { arena_array(arena, given->count + 2, sizeof(all.list[0])), 0 };

	all.list[all.count++] = HTTP_HEADER(STR("Content-Type"), STR("application/json"));
	all.list[all.count++] = HTTP_HEADER(STR("Accept"), STR("application/json, */*"));
	for (size_t i = 0; i < given->count; i++)
		all.list[all.count++] = given->list[i];
	return all;
}

static struct trust *take_trust(struct webhook_client *c, const struct webhook_target *t,
				struct err *err)
{
	struct trust *trust;

	if (c->trust_count >= 2 * WEBHOOK_TRUSTS_MAX) {
		(void)err_set(err, ERR_TOO_MANY, "too many webhooks are being called");
		return NULL;
	}
	trust = find_trust(c, t, err);
	if (!trust)
		return NULL;
	trust->call_count++;
	if (c->trust_count > WEBHOOK_TRUSTS_MAX)
		env_defer(registry_env(c->registry), &c->task);
	return trust;
}

int webhook_client_lease(struct webhook_client *c, const struct webhook_target *target,
			 struct arena *arena, struct webhook_lease *ret, struct err *err)
{
	struct http_request to = { 0 };
	struct trust *trust;

	if (resolve(c, target, arena, &to, err) < 0)
		return -1;
	trust = take_trust(c, target, err);
	if (!trust)
		return -1;
	*ret = (struct webhook_lease){ trust, trust->http, to.connect_host, to.connect_port };
	return 0;
}

void webhook_client_release(struct webhook_client *c, struct webhook_lease *lease)
{
	if (!lease->trust)
		return;
	lease->trust->call_count--;
	lease->trust = NULL;
	if (c->trust_count > WEBHOOK_TRUSTS_MAX)
		env_defer(registry_env(c->registry), &c->task);
}

static int start(struct webhook_call *call, const struct webhook_request *request)
{
	struct webhook_client *c = call->client;
	const struct webhook_target *t = request->target;
	AUTO_ARENA arena = { 0 };
	struct http_request http = {
		.method = call->method,
		.url = call->url,
		.bearer_token = request->bearer_token,
		.pieces = &call->piece,
		.piece_count = request->body.len ? 1 : 0,
		.deadline_ms = request->timeout_ms ? request->timeout_ms : WEBHOOK_TIMEOUT_MS,
		.repeatable = true,
		.bare_errors = true,
	};

	arena_init(&arena, WEBHOOK_ARENA_BYTES_MAX);
	http.headers = add_headers(&request->headers, &arena);
	if (t->name.len && resolve(c, t, &arena, &http, &call->err) < 0)
		return -1;
	call->trust = take_trust(c, t, &call->err);
	if (!call->trust)
		return -1;
	call->http = http_client_start(call->trust->http, &http, &events, call);
	return 0;
}

struct webhook_call *webhook_client_start(struct webhook_client *client,
					  const struct webhook_request *request,
					  webhook_done_fn *done, void *arg)
{
	struct webhook_call *call = NEW(struct webhook_call);
	struct buf url;

	buf_init(&url, URL_BYTES_MAX);
	buf_put_str(&url, request->target->url);
	if (request->query.len) {
		buf_put_char(&url, '?');
		buf_put_str(&url, request->query);
	}
	*call = (struct webhook_call){
		.client = client,
		.verb = str_eq_c(request->method, "GET") ? "Get" : "Post",
		.method = request->method.len ? request->method : STR("POST"),
		.url = buf_take(&url),
		.piece = HTTP_BYTES(request->body),
		.done = done,
		.arg = arg,
	};
	buf_init(&call->body,
		 request->answer_bytes_max ? request->answer_bytes_max : WEBHOOK_ANSWER_BYTES_MAX);
	if (start(call, request) == 0) {
		list_push_back(&client->calls, &call->link);
		return call;
	}
	list_push_back(&client->failed, &call->link);
	env_defer(registry_env(client->registry), &client->task);
	return call;
}

void webhook_call_cancel(struct webhook_call *call)
{
	if (!call)
		return;
	if (call->http)
		http_call_cancel(call->http);
	free_call(call);
}

struct webhook_client *webhook_client_new(struct registry *registry)
{
	struct webhook_client *c = NEW(struct webhook_client);

	c->registry = registry;
	list_init(&c->trusts);
	list_init(&c->calls);
	list_init(&c->failed);
	task_init(&c->task, run_task);
	return c;
}

void webhook_client_free(struct webhook_client *c)
{
	struct list *node;

	if (!c)
		return;
	while ((node = list_first(&c->calls)))
		webhook_call_cancel(LIST_ENTRY(node, struct webhook_call, link));
	while ((node = list_first(&c->failed)))
		webhook_call_cancel(LIST_ENTRY(node, struct webhook_call, link));
	while ((node = list_first(&c->trusts)))
		free_trust(c, LIST_ENTRY(node, struct trust, link));
	env_cancel(registry_env(c->registry), &c->task);
	mem_free(c);
}
