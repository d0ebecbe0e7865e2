/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server behind this one, and all that is handed on: over real TLS, on one loop. Breaks when
 * a request of an aggregated group does not arrive as it was sent and from whom, when a stream or
 * an upgraded connection loses a byte or outlives one of its ends, when a slow reader makes this
 * server grow, or when discovery says something else than what is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "apiserver/apiserver_internal.h"
#include "apiserver/limits.h"
#include "base/fd.h"
#include "base/mem.h"
#include "hook.h"

#define JSON "Content-Type: application/json\r\n"
#define ROOT "/apis/wardle.example.com/v1"
#define BIG_BYTES ((size_t)24 << 20)

static const char resources[] =
	"{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"wardle.example.com/"
	"v1\","
	"\"resources\":[{\"name\":\"flunders/"
	"status\",\"singularName\":\"\",\"namespaced\":true,\"kind\":"
	"\"Flunder\",\"verbs\":[\"get\"]},{\"name\":\"flunders\",\"singularName\":\"flunder\","
	"\"namespaced\":"
	"true,\"kind\":\"Flunder\",\"verbs\":[\"delete\",\"deletecollection\",\"get\",\"list\"],"
	"\"shortNames\":[\"fl\"]}]}";

struct setup {
	struct http_fixture f;
	struct hook hook;
	bool is_broken;	    /* the server answers 500 to all */
	bool stream_closed; /* the reader of /stream has gone */
	struct http_exchange *stream;
	size_t sent_bytes; /* of /big */
	size_t body_bytes, body_bad;
	size_t deletion_count;
	struct conn *upgraded;
	bool upgraded_closed;
};

/* --- the server behind --- */

static void on_stream_closed(void *arg, struct http_exchange *x)
{
	struct setup *s = arg;

	s->stream_closed = true;
	s->stream = NULL;
	http_abort(x);
}

static void send_more(void *arg, struct http_exchange *x)
{
	static char bytes[65536];
	struct setup *s = arg;

	memset(bytes, 'b', sizeof(bytes));
	while (s->sent_bytes < BIG_BYTES && http_queued_bytes(x) < 4 * sizeof(bytes)) {
		http_send(x, &HTTP_BYTES(str_sub(bytes, sizeof(bytes))), 1);
		s->sent_bytes += sizeof(bytes);
	}
	if (s->sent_bytes < BIG_BYTES)
		return;
	s->stream = NULL;
	http_end(x);
}

static const struct http_exchange_events stream_events = { .on_closed = on_stream_closed };
static const struct http_exchange_events big_events = { .on_closed = on_stream_closed,
							.on_drained = send_more };

static size_t on_echo(void *arg, struct conn *c, struct str bytes)
{
	conn_write_bytes(c, bytes);
	return bytes.len;
}

static void on_echo_end(void *arg, struct conn *c)
{
	struct setup *s = arg;

	s->upgraded_closed = true;
	s->upgraded = NULL;
	conn_close_after(c, 1000);
}

static void on_echo_closed(void *arg, struct conn *c, const struct err *err)
{
	struct setup *s = arg;

	s->upgraded_closed = true;
	s->upgraded = NULL;
	conn_close(c);
}

static const struct conn_events echo_events = { .on_read = on_echo,
						.on_eof = on_echo_end,
						.on_closed = on_echo_closed };

static void answer_upgrade(struct setup *s, struct http_exchange *x)
{
	struct http_header header = HTTP_HEADER(STR("Upgrade"), STR("echo"));
	struct err err;

	if (http_upgrade(x, &(struct http_headers){ &header, 1 }, &s->upgraded, &err) < 0)
		fail_msg("%s", err.msg);
	conn_set_events(s->upgraded, &echo_events, s);
}

/* All it was told, so that tests look at text. */
static void answer_seen(struct http_exchange *x)
{
	struct buf text;

	buf_init(&text, 1u << 20);
	buf_printf(&text, STR_FMT " " STR_FMT "?" STR_FMT "\n", STR_ARG(x->method_text),
		   STR_ARG(x->path), STR_ARG(x->query));
	for (size_t i = 0; i < x->headers.count; i++)
		buf_printf(&text, STR_FMT ": " STR_FMT "\n", STR_ARG(x->headers.list[i].name),
			   STR_ARG(x->headers.list[i].value));
	buf_printf(&text, "body: " STR_FMT "\n", STR_ARG(x->body));
	http_respond_bytes(x, 200, STR("text/plain"), str_in(&x->arena, buf_str(&text)));
	buf_deinit(&text);
}

static void answer_redirect(struct http_exchange *x)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Location"), STR("/elsewhere")),
		HTTP_HEADER(STR("Access-Control-Allow-Origin"), STR("*")),
		HTTP_HEADER(STR("X-Kept"), STR("yes")),
	};

	http_respond(x, 307, &(struct http_headers){ list, ARRAY_COUNT(list) }, NULL, 0);
}

static void answer(struct hook *hook, struct http_exchange *x)
{
	static const struct http_headers none = { 0 };
	struct setup *s = hook->arg;
	struct str path = x->path;

	if (s->is_broken) {
		http_respond_bytes(x, 500, STR("text/plain"), STR("broken"));
		return;
	}
	if (str_eq_c(path, "/openapi/v3")) {
		http_respond_bytes(
			x, 200, STR("application/json"),
			STR("{\"paths\":{\"apis/wardle.example.com/v1\":{\"serverRelativeURL\":\"/"
			    "openapi/v3/apis/wardle.example.com/v1?hash=1\"}}}"));
		return;
	}
	if (str_has_prefix(path, STR("/openapi/v3/"))) {
		answer_seen(x);
		return;
	}
	if (str_has_suffix(path, STR("/full/flunders")) ||
	    str_has_suffix(path, STR("/empty/flunders"))) {
		s->deletion_count += x->method == HTTP_DELETE;
		http_respond_bytes(x, 200, STR("application/json"),
				   str_contains(path, STR("/full/")) ? STR("{\"items\":[{},{}]}")
								     : STR("{\"items\":[]}"));
		return;
	}
	if (!str_strip_prefix(&path, STR(ROOT))) {
		http_respond_bytes(x, 404, STR("text/plain"), STR("nothing"));
	} else if (!path.len) {
		http_respond_bytes(x, 200, STR("application/json"), str_from(resources));
	} else if (str_eq_c(path, "/stream")) {
		s->stream = x;
		http_set_events(x, &stream_events, s);
		http_start(x, 200, &none);
		http_send(x, &HTTP_BYTES(STR("first\n")), 1);
	} else if (str_eq_c(path, "/big")) {
		s->stream = x;
		http_set_events(x, &big_events, s);
		http_start(x, 200, &none);
		send_more(s, x);
	} else if (str_eq_c(path, "/upgrade")) {
		answer_upgrade(s, x);
	} else if (str_eq_c(path, "/redirect")) {
		answer_redirect(x);
	} else {
		answer_seen(x);
	}
}

static void on_upload(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct setup *s = arg;

	s->body_bytes += bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		s->body_bad += bytes.ptr[i] != 'u';
	if (last)
		http_respond_bytes(x, 200, STR("text/plain"), STR("taken"));
}

static void on_behind_headers(void *arg, struct http_exchange *x)
{
	if (str_has_suffix(x->path, STR("/upload")))
		http_stream_body(x);
}

static void on_behind_request(void *arg, struct http_exchange *x)
{
	static const struct http_exchange_events events = { .on_body = on_upload,
							    .on_closed = on_stream_closed };
	struct hook *hook = arg;

	if (str_has_suffix(x->path, STR("/upload")))
		http_set_events(x, &events, hook->arg);
	else
		answer(hook, x);
}

/* --- this side --- */

static const char *must(struct setup *s, const char *method, const char *path, const char *body,
			int want)
{
	const char *text;
	int status = http_fixture_do(&s->f, method, path, body ? JSON : NULL, body, &text);

	if (status != want)
		fail_msg("%s %s: %d: %s", method, path, status, text);
	return text;
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' lacks '%s'", text, part);
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' has '%s'", text, part);
}

static void wait_condition(struct setup *s, const char *part)
{
	for (int i = 0; i < 100000; i++)
		if (strstr(must(s, "GET",
				"/apis/apiregistration.k8s.io/v1/apiservices/"
				"v1.wardle.example.com",
				NULL, 200),
			   part))
			return;
	fail_msg("no %s", part);
}

static void put_api_service(struct setup *s)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"v1.wardle.example.com\"},\"spec\":{\"group\":\"wardle."
		 "example."
		 "com\",\"version\":\"v1\",\"groupPriorityMinimum\":2000,\"versionPriority\":200,"
		 "\"service\":{\"namespace\":\"default\",\"name\":\"hook\"},\"caBundle\":\"" STR_FMT
		 "\"}}",
		 STR_ARG(s->hook.ca_base64));
	(void)must(s, "POST", "/apis/apiregistration.k8s.io/v1/apiservices", text, 201);
}

static void put_service(struct setup *s)
{
	(void)must(s, "POST", "/api/v1/namespaces/default/services",
		   "{\"metadata\":{\"name\":\"hook\"},\"spec\":{\"ports\":[{\"name\":\"https\","
		   "\"port\":443}]}}",
		   201);
}

static int open_bare(void **state)
{
	static struct setup s;

	memset(&s, 0, sizeof(s));
	http_fixture_open(&s.f);
	hook_open(&s.hook, &s.f, answer, &s);
	s.hook.handlers.on_headers = on_behind_headers;
	s.hook.handlers.on_request = on_behind_request;
	*state = &s;
	return 0;
}

static int open_setup(void **state)
{
	struct setup *s;

	(void)open_bare(state); /* always 0 */
	s = *state;
	put_service(s);
	hook_put_slice(&s->hook);
	put_api_service(s);
	wait_condition(s, "\"reason\":\"Passed\",\"message\":\"all checks passed\"");
	return 0;
}

static int close_setup(void **state)
{
	struct setup *s = *state;

	hook_close(&s->hook);
	http_fixture_close(&s->f);
	return 0;
}

/* Each thing that is missing is named, and gone as soon as it comes. */
static void test_conditions(void **state)
{
	struct setup *s = *state;

	put_api_service(s);
	wait_condition(
		s, "\"reason\":\"ServiceNotFound\",\"message\":\"service/hook in \\\"default\\\" "
		   "is not present\"");
	assert_string_equal(must(s, "GET", ROOT "/flunders", NULL, 503), "service unavailable\n");
	expect(http_fixture_head(&s->f), "Content-Type: text/plain; charset=utf-8\r\n");
	put_service(s);
	wait_condition(s, "\"reason\":\"EndpointsNotFound\"");
	s->is_broken = true;
	hook_put_slice(&s->hook);
	wait_condition(
		s, "\"reason\":\"FailedDiscoveryCheck\",\"message\":\"failing or missing response "
		   "from https://hook.default.svc:443/apis/wardle.example.com/v1: bad status from "
		   "https://hook.default.svc:443/apis/wardle.example.com/v1: 500\"");
	s->is_broken = false;
	wait_condition(s, "\"status\":\"True\"");
	expect(must(s, "GET", "/metrics", NULL, 200),
	       "\naggregator_unavailable_apiservice{name=\"v1.wardle.example.com\"} 0\n");
	(void)must(s, "DELETE", "/api/v1/namespaces/default/services/hook", NULL, 200);
	wait_condition(s, "\"reason\":\"ServiceNotFound\"");
	expect(must(s, "GET", "/metrics", NULL, 200),
	       "aggregator_unavailable_apiservice_total{name=\"v1.wardle.example.com\",reason=\""
	       "ServiceNotFound\"} 1\n");
	(void)must(s, "DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1.wardle.example.com",
		   NULL, 200);
	(void)must(s, "GET", ROOT "/flunders", NULL, 404);
}

static void test_requests(void **state)
{
	struct setup *s = *state;
	const char *text;

	assert_int_equal(
		http_fixture_do(
			&s->f, "POST", ROOT "/namespaces/a/flunders?dryRun=All",
			JSON
			"Authorization: Bearer secret\r\nX-Remote-User: eve\r\nX-Remote-Group: "
			"system:masters\r\nX-Remote-Extra-Scope: all\r\nImpersonate-Foo: eve\r\n"
			"X-Other: kept\r\n",
			"{\"a\":1}", &text),
		200);
	expect(text, "POST " ROOT "/namespaces/a/flunders?dryRun=All\n");
	expect(text, "X-Remote-User: admin\nX-Remote-Group: system:authenticated\nX-Remote-Group: "
		     "system:masters\nHost: x\nX-Forwarded-For: ");
	expect(text, "X-Other: kept\n");
	expect(text, "body: {\"a\":1}\n");
	lacks(text, "secret");
	lacks(text, "eve");
	lacks(text, "Scope");
	/* discovery of the group version is the other server's, too */
	expect(must(s, "GET", ROOT, NULL, 200), resources);
	(void)must(s, "GET", ROOT "/redirect", NULL, 307);
	expect(http_fixture_head(&s->f), "\r\nLocation: /elsewhere\r\n");
	expect(http_fixture_head(&s->f), "\r\nX-Kept: yes\r\n");
	lacks(http_fixture_head(&s->f), "Access-Control");
}

/* Who may not is refused here; the other server is not asked. */
static void test_authorization(void **state)
{
	struct setup *s = *state;
	size_t before = s->hook.count;

	http_fixture_disconnect(&s->f);
	s->f.user = "somebody";
	s->f.group = NULL;
	http_fixture_connect(&s->f, &s->f);
	expect(must(s, "GET", ROOT "/namespaces/a/flunders/f", NULL, 403),
	       "flunders.wardle.example.com \\\"f\\\" is forbidden: User \\\"somebody\\\" cannot "
	       "get "
	       "resource \\\"flunders\\\" in API group \\\"wardle.example.com\\\" in the namespace "
	       "\\\"a\\\"");
	assert_int_equal(s->hook.count, before);
}

static void test_discovery(void **state)
{
	static const char accept[] = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as="
				     "APIGroupDiscoveryList\r\n";
	static const char kind[] = "\"responseKind\":{\"group\":\"wardle.example.com\",\"version\":"
				   "\"v1\",\"kind\":\"Flunder\"}";
	struct setup *s = *state;
	const char *text = must(s, "GET", "/apis", NULL, 200);
	char want[1024];

	expect(text, "{\"name\":\"wardle.example.com\",\"versions\":[{\"groupVersion\":"
		     "\"wardle.example.com/v1\",\"version\":\"v1\"}],\"preferredVersion\":{"
		     "\"groupVersion\":\"wardle.example.com/v1\",\"version\":\"v1\"}}");
	assert_true(strstr(text, "\"node.k8s.io\"") < strstr(text, "\"wardle.example.com\""));
	expect(must(s, "GET", "/apis/wardle.example.com", NULL, 200), "\"kind\":\"APIGroup\"");
	assert_int_equal(http_fixture_do(&s->f, "GET", "/apis", accept, NULL, &text), 200);
	snprintf(want, sizeof(want),
		 "{\"metadata\":{\"name\":\"wardle.example.com\",\"creationTimestamp\":null},"
		 "\"versions\":[{\"version\":\"v1\",\"freshness\":\"Current\",\"resources\":[{"
		 "\"resource\":\"flunders\",\"scope\":\"Namespaced\",\"verbs\":[\"delete\","
		 "\"deletecollection\",\"get\",\"list\"],\"subresources\":[{\"subresource\":"
		 "\"status\","
		 "%s,\"verbs\":[\"get\"]}],\"singularResource\":\"flunder\",%s,\"shortNames\":["
		 "\"fl\"]}]}]}",
		 kind, kind);
	expect(text, want);
	(void)must(s, "DELETE", "/api/v1/namespaces/default/services/hook", NULL, 200);
	wait_condition(s, "\"reason\":\"ServiceNotFound\"");
	assert_int_equal(http_fixture_do(&s->f, "GET", "/apis", accept, NULL, &text), 200);
	expect(text, "{\"version\":\"v1\",\"freshness\":\"Stale\",\"resources\":[{\"resource\":"
		     "\"flunders\"");
}

static void test_openapi(void **state)
{
	struct setup *s = *state;
	const char *text = NULL;

	for (int i = 0; i < 100000 && (!text || !strstr(text, "apis/wardle.example.com/v1\"")); i++)
		text = must(s, "GET", "/openapi/v3", NULL, 200);
	expect(text, "\"apis/wardle.example.com/v1\":{\"serverRelativeURL\":"
		     "\"/openapi/v3/apis/wardle.example.com/v1?hash=1\"}");
	expect(text, "\"apis/apps/v1\":");
	text = must(s, "GET", "/openapi/v3/apis/wardle.example.com/v1?hash=1", NULL, 200);
	expect(text, "GET /openapi/v3/apis/wardle.example.com/v1?hash=1\n");
	expect(text, "X-Remote-User: admin\n");
}

struct emptied {
	struct api_remains remains;
	char said[256];
	bool done;
};

static void on_emptied(struct api_remains *remains)
{
	struct emptied *e = CONTAINER_OF(remains, struct emptied, remains);
	size_t len = 0;

	for (size_t i = 0; i < remains->left_count; i++)
		len += (size_t)snprintf(e->said + len, sizeof(e->said) - len,
					STR_FMT "." STR_FMT "=%zu ",
					STR_ARG(remains->left[i].resource),
					STR_ARG(remains->left[i].group), remains->left[i].count);
	snprintf(e->said + len, sizeof(e->said) - len, STR_FMT, STR_ARG(remains->failures));
	e->done = true;
}

/* What a namespace has over there is deleted, and what does not go is told. */
static void test_emptying(void **state)
{
	struct setup *s = *state;
	struct api_transport *transport = apiserver_transport(s->f.apiserver, STR("controller"));
	struct emptied e = { .remains = { .namespace_ = STR("full"), .done = on_emptied } };
	static const char *const want[] = { "flunders.wardle.example.com=2 ", "",
					    ("flunders.wardle.example.com: answered 500, "
					     "flunders.wardle.example.com: answered 500") };

	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		s->is_broken = i == 2;
		e.remains.namespace_ = i == 0 ? STR("full") : STR("empty");
		e.done = false;
		transport->ops->empty_others(transport, &e.remains);
		hook_run_until(&s->hook, &e.done);
		assert_string_equal(e.said, want[i]);
	}
	assert_int_equal(s->deletion_count, 2);
	s->is_broken = false;
	transport->ops->empty_others(transport, &e.remains);
	transport->ops->empty_others_cancel(transport, &e.remains);
	transport->ops->empty_others(transport, &e.remains); /* the end of the server takes it */
}

static void test_stream(void **state)
{
	struct setup *s = *state;

	http_fixture_stream(&s->f, ROOT "/stream", "first\n");
	http_send(s->stream, &HTTP_BYTES(STR("second\n")), 1);
	http_fixture_wait(&s->f, "second\n");
	/* the client goes: so does the call */
	http_fixture_disconnect(&s->f);
	hook_run_until(&s->hook, &s->stream_closed);
	http_fixture_connect(&s->f, &s->f);
	/* the server breaks off: the client must not take it for the end */
	http_fixture_stream(&s->f, ROOT "/stream", "first\n");
	http_abort(s->stream);
	http_fixture_wait(&s->f, "never"); /* the connection ends */
	lacks(s->f.received.ptr, "\r\n0\r\n");
	http_fixture_disconnect(&s->f);
	http_fixture_connect(&s->f, &s->f);
	expect(must(s, "GET", ROOT, NULL, 200), resources);
}

/* What a reader does not take stays with the server that sends it. */
static void test_slow_reader(void **state)
{
	struct setup *s = *state;
	struct http_fixture slow;
	struct str all;
	size_t stuck;

	http_fixture_connect(&slow, &s->f);
	http_fixture_send(&slow, "GET", ROOT "/big", NULL, NULL);
	for (size_t i = 0; i < 200; i++)
		(void)must(s, "GET", ROOT, NULL, 200);
	stuck = s->sent_bytes;
	assert_true(stuck > 0 && stuck < BIG_BYTES / 2);
	for (size_t i = 0; i < 50; i++)
		(void)must(s, "GET", ROOT, NULL, 200);
	assert_int_equal(s->sent_bytes, stuck);
	http_fixture_wait(&slow, "\r\n0\r\n\r\n");
	all = buf_str(&slow.received);
	assert_true(all.len > BIG_BYTES);
	assert_int_equal(s->sent_bytes, BIG_BYTES);
	http_fixture_disconnect(&slow);
}

static void write_raw(struct http_fixture *f, struct str bytes)
{
	struct err err = { 0 };

	assert_int_equal(fd_write_all(f->fd, bytes.ptr, bytes.len, &err), 0);
}

static void begin_upgrade(struct setup *s, struct http_fixture *client)
{
	s->upgraded_closed = false;
	http_fixture_connect(client, &s->f);
	http_fixture_send(client, "GET", ROOT "/upgrade",
			  "Connection: Upgrade\r\nUpgrade: echo\r\n", NULL);
	http_fixture_wait(client, "\r\n\r\n");
	expect(client->received.ptr, "HTTP/1.1 101 ");
	expect(client->received.ptr, "\r\nUpgrade: echo\r\n");
	write_raw(client, STR("hello"));
	http_fixture_wait(client, "hello");
}

static void test_upgrade(void **state)
{
	struct setup *s = *state;
	struct http_fixture client;

	begin_upgrade(s, &client);
	write_raw(&client, STR(" again"));
	http_fixture_wait(&client, "hello again");
	http_fixture_disconnect(&client); /* the client goes first */
	hook_run_until(&s->hook, &s->upgraded_closed);

	begin_upgrade(s, &client);
	conn_close(s->upgraded); /* the server does */
	s->upgraded = NULL;
	http_fixture_wait(&client, "hello"); /* it is there already */
	for (size_t i = 0; i < 50; i++)
		(void)must(s, "GET", ROOT, NULL, 200);
	{
		char byte;

		assert_int_equal(read(client.fd, &byte, 1), 0);
	}
	http_fixture_disconnect(&client);

	/* who did not ask gets no other protocol */
	expect(must(s, "GET", ROOT "/upgrade", NULL, 503),
	       "error trying to reach service: backend tried to switch protocol \"echo\" when "
	       "\"\" was requested");
	assert_int_equal(http_fixture_do(&s->f, "GET", ROOT "/upgrade",
					 "Connection: Upgrade\r\nUpgrade: other\r\n", NULL, NULL),
			 503);
	(void)must(s, "GET", ROOT, NULL, 200);

	begin_upgrade(s, &client); /* and neither, when this server ends */
	apiserver_drain(s->f.apiserver);
	hook_run_until(&s->hook, &s->upgraded_closed);
	http_fixture_disconnect(&client);
}

struct uploader {
	struct setup *s;
	bool chunked;
	struct work work;
	bool done;
};

static void run_upload(struct work *work)
{
	struct uploader *u = CONTAINER_OF(work, struct uploader, work);
	struct pollfd writable = { .fd = u->s->f.fd, .events = POLLOUT };
	size_t bytes = 8u << 20;
	static char part[65536];
	char head[64];

	memset(part, 'u', sizeof(part));
	for (size_t sent = 0; sent < bytes; sent += sizeof(part)) {
		struct str pieces[2] = { STR_NONE, str_sub(part, sizeof(part)) };

		if (u->chunked) {
			snprintf(head, sizeof(head), "%s%zx\r\n", sent ? "\r\n" : "", sizeof(part));
			pieces[0] = str_from(head);
		}
		for (size_t i = 0; i < 2; i++)
			for (size_t at = 0; at < pieces[i].len;) {
				ssize_t n = write(u->s->f.fd, pieces[i].ptr + at,
						  pieces[i].len - at);

				if (n < 0)
					(void)poll(&writable, 1, -1); /* tried again in any case */
				else
					at += (size_t)n;
			}
	}
	if (u->chunked)
		(void)!write(u->s->f.fd, "\r\n0\r\n\r\n", 7); /* the socket is empty by then */
}

static void upload_done(struct work *work)
{
	CONTAINER_OF(work, struct uploader, work)->done = true;
}

/* More than this server would take for itself, of known and of unknown length. */
static void test_big_bodies(void **state)
{
	struct setup *s = *state;
	static const struct {
		const char *headers;
		bool chunked;
	} cases[] = {
		{ "Content-Length: 8388608\r\n", false },
		{ "Transfer-Encoding: chunked\r\n", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct uploader u = { .s = s, .chunked = cases[i].chunked };

		s->body_bytes = s->body_bad = 0;
		http_fixture_send(&s->f, "POST", ROOT "/upload", cases[i].headers, NULL);
		u.work = (struct work){ .run = run_upload, .done = upload_done };
		env_work(s->f.env, &u.work);
		http_fixture_wait(&s->f, "taken");
		hook_run_until(&s->hook, &u.done);
		assert_int_equal(s->body_bytes, 8u << 20);
		assert_int_equal(s->body_bad, 0);
	}
	expect(must(s, "GET", ROOT, NULL, 200), resources);
}

static void test_errors(void **state)
{
	struct setup *s = *state;

	http_server_free(s->hook.server);
	s->hook.server = http_server_new(
		&(struct http_server_options){ .env = s->f.env,
					       .handlers = &s->hook.handlers,
					       .arg = &s->hook,
					       .tls = s->hook.tls });
	expect(must(s, "GET", ROOT "/flunders", NULL, 503),
	       "error trying to reach service: dial tcp 127.0.0.1:");
	expect(http_fixture_head(&s->f), "X-Content-Type-Options: nosniff\r\n");
}

/* A certificate of another authority is not believed, whatever the check of availability said. */
static void test_trust(void **state)
{
	struct setup *s = *state;

	(void)must(s, "DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1.wardle.example.com",
		   NULL, 200);
	s->hook.ca_base64 = STR("");
	put_api_service(s);
	wait_condition(s, "\"reason\":\"Passed\"");
	assert_string_equal(
		must(s, "GET", ROOT "/flunders", NULL, 503),
		"error trying to reach service: tls: failed to verify certificate: x509: "
		"certificate signed by unknown authority\n");
}

/* Groups that are answered here have their objects, and those of definitions go with them. */
static void test_registration(void **state)
{
	struct setup *s = *state;
	const char *text = must(s, "GET", "/apis/apiregistration.k8s.io/v1/apiservices", NULL, 200);

	expect(text, "\"name\":\"v1.\"");
	expect(text, "\"name\":\"v1.apps\"");
	lacks(text, "\"name\":\"v1.apiregistration.k8s.io\"");
	text = must(s, "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v2.autoscaling", NULL,
		    200);
	expect(text, "\"labels\":{\"kube-aggregator.kubernetes.io/automanaged\":\"onstart\"}");
	expect(text, "\"groupPriorityMinimum\":17500,\"versionPriority\":30");
	expect(text, "\"type\":\"Available\",\"status\":\"True\"");
	expect(text, "\"reason\":\"Local\",\"message\":\"Local APIServices are always available\"");
	(void)must(
		s, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
		"{\"metadata\":{\"name\":\"things.ex.io\"},\"spec\":{\"group\":\"ex.io\",\"scope\":"
		"\"Cluster\","
		"\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":[{\"name\":"
		"\"v1\",\"served\":"
		"true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
		201);
	text = must(s, "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.ex.io", NULL, 200);
	expect(text, "automanaged\":\"true\"");
	expect(text, "\"groupPriorityMinimum\":1000,\"versionPriority\":100");
	(void)must(s, "DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1.ex.io", NULL, 200);
	(void)must(s, "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.ex.io", NULL, 200);
	(void)must(s, "DELETE",
		   "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.ex.io", NULL,
		   200);
	for (int i = 0; i < 100000; i++)
		if (http_fixture_do(&s->f, "GET",
				    "/apis/apiregistration.k8s.io/v1/apiservices/v1.ex.io", NULL,
				    NULL, &text) == 404)
			return;
	fail_msg("%s", text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registration, open_bare, close_setup),
		cmocka_unit_test_setup_teardown(test_conditions, open_bare, close_setup),
		cmocka_unit_test_setup_teardown(test_requests, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_authorization, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_discovery, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_openapi, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_emptying, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_stream, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_slow_reader, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_upgrade, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_big_bodies, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_errors, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_trust, open_setup, close_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
