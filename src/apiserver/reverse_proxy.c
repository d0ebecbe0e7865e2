/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange and one call of the HTTP client joined; after an upgrade two connections. */
#include "apiserver/reverse_proxy.h"

#include "apiserver/exchange.h"
#include "apiserver/front_proxy.h"
#include "apiserver/limits.h"
#include "apiserver/proxy_body.h"
#include "apiserver/webhook_client.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/html.h"
#include "net/http_client.h"
#include "net/url.h"

struct reverse_proxy {
	struct env *env;
	struct tls_client *tls; /* made at first use, as is the client */
	struct http_client *client;
	struct list handed_on;
	bool is_stopped;
};

enum side { SIDE_CLIENT, SIDE_BACKEND, SIDE_COUNT };

struct handed_on {
	struct list link;
	struct reverse_proxy *proxy;
	struct exchange *e;
	struct http_exchange *x;
	struct http_call *call;
	const struct http_reply *reply;
	struct str prefix,
		origin; /* origin: "http://10.1.2.3:80", what a redirect may begin with */
	struct proxy_aggregated aggregated; /* connections NULL: it is not */
	struct html_links *links; /* of a page that passes; NULL: what passes is none */
	struct proxy_body *body; /* the exchange's, as long as that lives; NULL: it is all there */
	bool is_paused;
	bool is_over; /* only the call's end, which comes in a later turn, is waited for */
	struct conn *ends[SIDE_COUNT]; /* once upgraded; the exchange is gone then */
	bool has_ended[SIDE_COUNT];
};

/* Headers that concern one connection only (RFC 9110, section 7.6.1), or that each side writes
 * itself. The client's credentials were for this server. */
static const char *const kept_here[] = {
	"Connection",
	"Keep-Alive",
	"Proxy-Authenticate",
	"Proxy-Authorization",
	"Proxy-Connection",
	"TE",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
	"Content-Length",
	"Host",
	"Authorization",
	"Date",
};

/* Of answers: which origins a page may be read by is this server's to say. */
static const char *const cors[] = {
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
	"Access-Control-Allow-Methods",	    "Access-Control-Allow-Origin",
	"Access-Control-Expose-Headers",    "Access-Control-Max-Age",
};

static bool is_kept_here(const struct http_headers *headers, struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(kept_here); i++)
		if (str_eq_nocase(name, str_from(kept_here[i])))
			return true;
	return http_header_has_token(headers, STR("Connection"), name);
}

static bool is_upgrade(const struct http_headers *headers)
{
	return http_header_has_token(headers, STR("Connection"), STR("upgrade")) &&
	       http_header_get(headers, STR("Upgrade")).len;
}

static void put_header(struct http_headers *to, const char *name, struct str value)
{
	to->list[to->count++] = HTTP_HEADER(str_from(name), value);
}

/* Those that travel on, with room for more. */
static struct http_headers copy_headers(struct arena *arena, const struct http_headers *from,
					size_t more)
{
	struct http_headers to = {
		arena_alloc(arena, (from->count + more) * sizeof(struct http_header)), 0
	};

	for (size_t i = 0; i < from->count; i++)
		if (!is_kept_here(from, from->list[i].name))
			to.list[to.count++] = from->list[i];
	return to;
}

static bool is_cors(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(cors); i++)
		if (str_eq_nocase(name, str_from(cors[i])))
			return true;
	return false;
}

/* Whom the request is for was settled here: those behind must not be told anything else. */
static void drop_identity(struct http_headers *headers)
{
	size_t kept = 0;

	for (size_t i = 0; i < headers->count; i++) {
		struct str name = headers->list[i].name;

		if (!front_proxy_is_own(name) &&
		    !str_eq_nocase(str_slice(name, 0, sizeof("Impersonate-") - 1),
				   STR("Impersonate-")))
			headers->list[kept++] = headers->list[i];
	}
	headers->count = kept;
}

/* As browsers ask for what they show; its parts they ask for otherwise. */
static bool asks_for_page(const struct http_headers *headers)
{
	return str_contains(http_header_get(headers, STR("Accept")), STR("text/html"));
}

static void drop_header(struct http_headers *headers, struct str name)
{
	size_t kept = 0;

	for (size_t i = 0; i < headers->count; i++)
		if (!str_eq_nocase(headers->list[i].name, name))
			headers->list[kept++] = headers->list[i];
	headers->count = kept;
}

static struct http_headers request_headers(struct handed_on *h)
{
	struct http_exchange *x = h->x;
	const struct http_headers *more = &h->aggregated.headers;
	struct http_headers to = copy_headers(&x->arena, &x->headers, 7 + more->count);
	struct str peer = str_from(x->peer->text);
	const char *colon = memrchr(peer.ptr, ':', peer.len);

	drop_identity(&to);
	if (!h->aggregated.connections && asks_for_page(&x->headers))
		drop_header(&to, STR("Accept-Encoding"));
	for (size_t i = 0; i < more->count; i++)
		to.list[to.count++] = more->list[i];
	if (h->aggregated.connections)
		put_header(&to, "Host", x->host);

	if (is_upgrade(&x->headers)) {
		put_header(&to, "Connection", STR("Upgrade"));
		put_header(&to, "Upgrade", http_header_get(&x->headers, STR("Upgrade")));
	}
	put_header(&to, "X-Forwarded-For",
		   colon ? str_sub(peer.ptr, (size_t)(colon - peer.ptr)) : peer);
	put_header(&to, "X-Forwarded-Host", x->host);
	put_header(&to, "X-Forwarded-Proto", x->peer->is_tls ? STR("https") : STR("http"));
	put_header(&to, "X-Forwarded-Uri", x->path);
	return to;
}

static void forget_call(struct handed_on *h)
{
	h->call = NULL;
	if (h->body && !h->is_over)
		h->body->call = NULL;
}

static void destroy(struct handed_on *h)
{
	if (h->links)
		html_links_deinit(h->links);
	mem_free(h->links);
	if (h->aggregated.connections)
		webhook_client_release(h->aggregated.connections, &h->aggregated.lease);
	mem_free(h);
}

/* The exchange was let go of. */
static void let_go(struct handed_on *h)
{
	list_remove(&h->link);
	h->is_over = true;
	if (!h->call)
		destroy(h);
}

/* --- an answer --- */

/* The host and port of a URL; what is behind them, and how much is before, without a scheme too. */
static struct str authority_of(struct str url, struct str *ret_path)
{
	size_t end = 0;

	*ret_path = url;
	if (!str_strip_prefix(&url, STR("http:")))
		(void)str_strip_prefix(&url, STR("https:"));
	if (!str_strip_prefix(&url, STR("//")))
		return STR_NONE;
	while (end < url.len && !strchr("/?#", url.ptr[end]))
		end++;
	*ret_path = str_slice(url, end, url.len);
	return str_slice(url, 0, end);
}

/* The backend's own, also without a port that goes without saying. */
static bool is_backend(const struct handed_on *h, struct str authority)
{
	struct str unused, own = authority_of(h->origin, &unused);

	if (str_eq(authority, own))
		return true;
	return (str_strip_suffix(&own, STR(":80")) && str_has_prefix(h->origin, STR("http:")) &&
		str_eq(authority, own)) ||
	       (str_strip_suffix(&own, STR(":443")) && str_has_prefix(h->origin, STR("https:")) &&
		str_eq(authority, own));
}

/* What leads to the backend's root leads to where this server shows it: redirects, and links. */
static void put_shown(void *arg, struct str url, struct buf *to)
{
	const struct handed_on *h = arg;
	struct str path, authority = authority_of(url, &path);
	bool is_here = authority.len && str_eq(authority, h->x->host);

	if (!str_has_prefix(path, STR("/")) ||
	    (authority.len && !is_here && !is_backend(h, authority))) {
		buf_put_str(to, url);
		return;
	}
	if (is_here)
		buf_put_str(to, str_slice(url, 0, url.len - path.len));
	if (!str_has_prefix(path, h->prefix))
		buf_put_str(to, h->prefix);
	buf_put_str(to, path);
}

static struct str shown_location(struct handed_on *h, struct str location)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, location.len + h->prefix.len + 1);
	put_shown(h, location, &text);
	return str_in(&h->x->arena, buf_str(&text));
}

/* A page in a form that is read here; it was asked for in no other. */
static bool is_page(const struct handed_on *h, const struct http_headers *headers)
{
	return !h->aggregated.connections &&
	       str_has_prefix(http_header_get(headers, STR("Content-Type")), STR("text/html")) &&
	       !http_header_get(headers, STR("Content-Encoding")).len;
}

static void on_headers(void *arg, struct http_call *call, const struct http_reply *reply)
{
	struct handed_on *h = arg;
	struct http_headers headers;
	size_t kept = 0;

	h->reply = reply;
	if (reply->status == 101)
		return;
	headers = copy_headers(&h->x->arena, &reply->headers, 0);
	for (size_t i = 0; i < headers.count; i++)
		if (!is_cors(headers.list[i].name))
			headers.list[kept++] = headers.list[i];
	headers.count = kept;
	for (size_t i = 0; i < headers.count; i++)
		if (str_eq_nocase(headers.list[i].name, STR("Location")))
			headers.list[i].value = shown_location(h, headers.list[i].value);
	if (is_page(h, &headers)) {
		h->links = NEW(struct html_links);
		html_links_init(h->links, put_shown, h);
	}
	exchange_count(h->e, reply->status);
	http_start(h->x, reply->status, &headers);
}

static void send_body(struct handed_on *h, struct str bytes)
{
	AUTO_BUF text = { 0 };

	if (!h->links) {
		http_send(h->x, &HTTP_BYTES(bytes), 1);
		return;
	}
	buf_init(&text, SIZE_MAX / 2); /* of one piece, and a link is not much longer for it */
	if (bytes.len)
		html_links_put(h->links, bytes, &text);
	else
		html_links_end(h->links, &text);
	if (text.len)
		http_send(h->x, &HTTP_BYTES(buf_str(&text)), 1);
}

static void on_body(void *arg, struct http_call *call, struct str bytes)
{
	struct handed_on *h = arg;

	send_body(h, bytes);
	if (http_queued_bytes(h->x) <= PROXY_QUEUE_BYTES_MAX)
		return;
	h->is_paused = true;
	http_call_pause(call);
}

/* Of a server that did not answer: the aggregator says so in a line of text, connections to pods
 * and Services in a Status. */
static void refuse(struct handed_on *h, const struct err *err)
{
	struct err said;

	webhook_word_error(err, &said);
	if (h->aggregated.connections) {
		exchange_answer_text(
			h->e, 503,
			str_printf_in(&h->x->arena, "error trying to reach service: %s", said.msg));
		return;
	}
	(void)refusal_set(&h->e->refusal, 503, "ServiceUnavailable",
			  "error trying to reach service: %s", said.msg);
	exchange_refuse(h->e);
}

static void on_end(void *arg, struct http_call *call, const struct err *err)
{
	struct handed_on *h = arg;

	forget_call(h);
	if (h->is_over) {
		destroy(h);
		return;
	}
	if (h->ends[SIDE_CLIENT])
		return; /* upgraded: the connections go on */
	if (err && !http_is_started(h->x)) {
		refuse(h, err);
	} else if (err) {
		http_abort(h->x);
	} else {
		send_body(h, STR_NONE);
		http_end(h->x);
	}
	let_go(h);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct handed_on *h = arg;

	if (!h->is_paused || !h->call)
		return;
	h->is_paused = false;
	http_call_resume(h->call);
}

static void on_client_gone(void *arg, struct http_exchange *x)
{
	struct handed_on *h = arg;

	http_call_cancel(h->call);
	forget_call(h);
	if (!http_is_started(x))
		exchange_count(h->e, 499);
	http_abort(x);
	let_go(h);
}

static void on_request_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct handed_on *h = arg;

	if (h->body && h->call)
		proxy_body_take(h->body, bytes, last);
}

static const struct http_exchange_events exchange_events = { .on_body = on_request_body,
							     .on_drained = on_drained,
							     .on_closed = on_client_gone };

/* --- two connections joined --- */

static enum side side_of(const struct handed_on *h, const struct conn *c)
{
	return c == h->ends[SIDE_CLIENT] ? SIDE_CLIENT : SIDE_BACKEND;
}

static struct conn *other_of(const struct handed_on *h, const struct conn *c)
{
	return h->ends[side_of(h, c) == SIDE_CLIENT ? SIDE_BACKEND : SIDE_CLIENT];
}

static size_t on_read(void *arg, struct conn *c, struct str bytes)
{
	struct handed_on *h = arg;
	struct conn *other = other_of(h, c);

	conn_write_bytes(other, bytes);
	if (conn_queued_bytes(other) > PROXY_QUEUE_BYTES_MAX)
		conn_pause(c);
	return bytes.len;
}

static void on_room(void *arg, struct conn *c)
{
	conn_resume(other_of(arg, c));
}

static void on_eof(void *arg, struct conn *c)
{
	struct handed_on *h = arg;

	h->has_ended[side_of(h, c)] = true;
	if (!h->has_ended[SIDE_CLIENT] || !h->has_ended[SIDE_BACKEND]) {
		conn_shutdown(other_of(h, c));
		return;
	}
	for (size_t i = 0; i < SIDE_COUNT; i++)
		conn_close_after(h->ends[i], PROXY_LINGER_MS);
	let_go(h);
}

static void on_broken(void *arg, struct conn *c, const struct err *err)
{
	struct handed_on *h = arg;

	conn_close_after(other_of(h, c), PROXY_LINGER_MS);
	conn_close(c);
	let_go(h);
}

static const struct conn_events joined_events = {
	.on_read = on_read,
	.on_eof = on_eof,
	.on_drained = on_room,
	.on_closed = on_broken,
};

/* A connection is given away to the protocol that its client asked for, or not at all. */
static bool is_as_asked(const struct handed_on *h, struct str given, struct err *err)
{
	struct str asked = is_upgrade(&h->x->headers)
				   ? http_header_get(&h->x->headers, STR("Upgrade"))
				   : STR("");

	if (asked.len && str_eq_nocase(asked, given))
		return true;
	(void)err_set(err, ERR_PARSE,
		      "backend tried to switch protocol \"" STR_FMT "\" when \"" STR_FMT
		      "\" was requested",
		      STR_ARG(given), STR_ARG(asked));
	return false;
}

static void on_upgraded(void *arg, struct http_call *call, struct conn *backend)
{
	struct handed_on *h = arg;
	struct str protocol = http_header_get(&h->reply->headers, STR("Upgrade"));
	struct http_headers headers = copy_headers(&h->x->arena, &h->reply->headers, 1);
	struct err err;

	put_header(&headers, "Upgrade", protocol);
	if (!is_as_asked(h, protocol, &err)) {
		conn_close(backend);
		http_set_events(h->x, NULL, NULL);
		if (h->body)
			h->body->call = NULL;
		h->body = NULL;
		refuse(h, &err);
		let_go(h);
		return;
	}
	exchange_count(h->e, 101);
	http_set_events(h->x, NULL, NULL);
	h->body = NULL; /* goes with the exchange */
	if (h->proxy->is_stopped || http_upgrade(h->x, &headers, &h->ends[SIDE_CLIENT], &err) < 0) {
		http_abort(h->x);
		conn_close(backend);
		let_go(h);
		return;
	}
	h->ends[SIDE_BACKEND] = backend;
	for (size_t i = 0; i < SIDE_COUNT; i++)
		conn_set_events(h->ends[i], &joined_events, h);
}

static const struct http_call_events call_events = {
	.on_headers = on_headers,
	.on_body = on_body,
	.on_end = on_end,
	.on_upgraded = on_upgraded,
};

/* --- a request --- */

static int need_client(struct reverse_proxy *proxy, struct err *err)
{
	struct tls_client_options options = { .insecure = true };

	if (proxy->client)
		return 0;
	if (tls_client_new(&options, &proxy->tls, err) < 0)
		return -1;
	proxy->client = http_client_new(
		&(struct http_client_options){ .env = proxy->env, .tls = proxy->tls });
	return 0;
}

/* A body that is still to come goes on as it comes. */
static void take_body(struct handed_on *h, struct http_request *request)
{
	struct http_exchange *x = h->x;
	struct str length = http_header_get(&x->headers, STR("Content-Length"));
	struct http_piece *whole;
	uint64_t bytes;

	if (h->body) {
		if (length.len &&
		    num_parse_u64(length, INT64_MAX, "Content-Length", &bytes, NULL) == 0)
			h->body->source.length_bytes = (int64_t)bytes;
		request->source = &h->body->source;
	} else if (x->body.len) {
		whole = ARENA_NEW(&x->arena, struct http_piece);
		*whole = HTTP_BYTES(x->body);
		request->pieces = whole;
		request->piece_count = 1;
	}
}

static struct handed_on *hand_on(struct reverse_proxy *proxy, struct exchange *e,
				 const struct proxy_target *target)
{
	bool is_ip6 = str_find_char(target->host, ':', 0) != SIZE_MAX;
	struct handed_on *h = NEW(struct handed_on);

	h->proxy = proxy;
	h->e = e;
	h->x = e->x;
	h->body = e->body;
	if (target->aggregated)
		h->aggregated = *target->aggregated;
	h->prefix = str_in(e->arena, target->prefix);
	h->origin = str_printf_in(e->arena, STR_FMT "://%s" STR_FMT "%s:%u",
				  STR_ARG(target->scheme), is_ip6 ? "[" : "", STR_ARG(target->host),
				  is_ip6 ? "]" : "", target->port);
	list_push_back(&proxy->handed_on, &h->link);
	http_set_events(e->x, &exchange_events, h);
	return h;
}

void reverse_proxy_serve(struct reverse_proxy *proxy, struct exchange *e,
			 const struct proxy_target *target)
{
	struct http_client *client;
	struct http_request request;
	struct handed_on *h;
	struct err err;

	if (!target->aggregated && need_client(proxy, &err) < 0) {
		(void)refusal_set(&e->refusal, 500, "InternalError", "%s", err.msg);
		exchange_refuse(e);
		return;
	}
	h = hand_on(proxy, e, target);
	client = target->aggregated ? h->aggregated.lease.http : proxy->client;
	request = (struct http_request){
		.method = e->x->method_text,
		.url = str_printf_in(e->arena, STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(h->origin),
				     STR_ARG(target->path), target->query.len ? "?" : "",
				     STR_ARG(target->query)),
		.headers = request_headers(h),
		.connect_host = h->aggregated.lease.connect_host,
		.connect_port = h->aggregated.lease.connect_port,
		.bare_errors = true,
	};
	take_body(h, &request);
	h->call = http_client_start(client, &request, &call_events, h);
	if (h->body)
		proxy_body_start(h->body, h->call);
}

struct reverse_proxy *reverse_proxy_new(struct env *env)
{
	struct reverse_proxy *proxy = NEW(struct reverse_proxy);

	proxy->env = env;
	list_init(&proxy->handed_on);
	return proxy;
}

void reverse_proxy_stop(struct reverse_proxy *proxy)
{
	proxy->is_stopped = true;
	LIST_FOR_EACH (node, &proxy->handed_on) {
		struct handed_on *h = LIST_ENTRY(node, struct handed_on, link);

		if (!h->ends[SIDE_CLIENT])
			continue;
		for (size_t i = 0; i < SIDE_COUNT; i++)
			conn_close(h->ends[i]);
		let_go(h);
	}
}

void reverse_proxy_free(struct reverse_proxy *proxy)
{
	ASSERT(list_is_empty(&proxy->handed_on)); /* the HTTP server has closed them */
	if (proxy->client)
		http_client_free(proxy->client);
	tls_client_free(proxy->tls);
	mem_free(proxy);
}
