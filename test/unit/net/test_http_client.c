/* SPDX-License-Identifier: Apache-2.0 */
/* The client against our own server: bodies both ways, keep-alive, redirects, limits, refusals, TLS
 * verification. */
#include "net_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "net/limits.h"

struct service {
	int requests;
	char big[300000];
};

static void redirect_to(struct http_exchange *x, int status, struct str to)
{
	struct http_header location = HTTP_HEADER(STR("Location"), to);
	struct http_headers headers = { &location, 1 };

	http_respond(x, status, &headers, NULL, 0);
}

static void stream_three(struct http_exchange *x)
{
	http_start(x, 200, NULL);
	for (int i = 0; i < 3; i++)
		http_send(x, &HTTP_BYTES(STR("part,")), 1);
	http_end(x);
}

static void on_late_closed(void *arg, struct http_exchange *x)
{
	http_abort(x);
}

static const struct http_exchange_events late_events = { .on_closed = on_late_closed };

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->requests++;
	if (str_eq(x->path, STR("/echo")))
		http_respond_bytes(x, 200, STR("text/plain"), x->body);
	else if (str_eq(x->path, STR("/big")))
		http_respond_bytes(x, 200, STR("text/plain"), str_sub(s->big, sizeof(s->big)));
	else if (str_eq(x->path, STR("/chunks")))
		stream_three(x);
	else if (str_eq(x->path, STR("/moved")))
		redirect_to(x, 302, STR("/echo2"));
	else if (str_eq(x->path, STR("/again")))
		redirect_to(x, 307, STR("echo"));
	else if (str_eq(x->path, STR("/loop")))
		redirect_to(x, 302, STR("/loop"));
	else if (str_eq(x->path, STR("/method")))
		http_respond_bytes(x, 200, STR("text/plain"), x->method_text);
	else if (str_eq(x->path, STR("/echo2")))
		http_respond_bytes(x, 200, STR("text/plain"), x->method_text);
	else if (str_eq(x->path, STR("/auth")))
		http_respond_bytes(x, 200, STR("text/plain"), http_header_get(&x->headers, STR("authorization")));
	else if (str_eq(x->path, STR("/abort")))
		http_abort(x);
	else if (str_eq(x->path, STR("/late")))
		http_set_events(x, &late_events, NULL); /* never answers */
	else
		http_respond_bytes(x, 404, STR("text/plain"), STR("no such page"));
}

static const struct http_handlers handlers = { .on_request = on_request };

struct outcome {
	bool ended, failed;
	struct err err;
	int status;
	struct buf body;
};

static void on_headers(void *arg, struct http_call *call, const struct http_reply *reply)
{
	((struct outcome *)arg)->status = reply->status;
}

static void on_body(void *arg, struct http_call *call, struct str bytes)
{
	buf_put_str(&((struct outcome *)arg)->body, bytes);
}

static void on_end(void *arg, struct http_call *call, const struct err *err)
{
	struct outcome *o = arg;

	o->ended = true;
	o->failed = err != NULL;
	if (err)
		o->err = *err;
}

static const struct http_call_events events = { .on_headers = on_headers, .on_body = on_body, .on_end = on_end };

static void call(struct fixture *f, struct http_client *client, struct http_request *request, const char *path,
		 struct outcome *ret)
{
	char url[256];

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->body, FIXTURE_BYTES_MAX);
	snprintf(url, sizeof(url), "%s%s", f->url, path);
	request->url = str_from(url);
	(void)http_client_start(client, request, &events, ret);
	fixture_run_until(f, &ret->ended);
}

static void expect(struct outcome *o, int status, const char *body)
{
	if (o->failed)
		fail_msg("%s", o->err.msg);
	assert_int_equal(o->status, status);
	if (body)
		assert_string_equal(o->body.ptr, body);
	buf_deinit(&o->body);
}

static void expect_failure(struct outcome *o, enum err_code code, const char *part)
{
	assert_true(o->failed);
	assert_int_equal(o->err.code, code);
	if (!strstr(o->err.msg, part))
		fail_msg("'%s' lacks '%s'", o->err.msg, part);
	buf_deinit(&o->body);
}

/* Breaks if bodies, methods or connection reuse go wrong in either direction. */
static void test_requests(void **state)
{
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct outcome o;
	struct http_request get = { 0 };
	struct http_request post = { .method = STR("POST"), .pieces = (struct http_piece[]){ HTTP_BYTES(STR("he")),
		HTTP_BYTES(STR("llo")) }, .piece_count = 2 };
	struct http_request head = { .method = STR("HEAD") };

	memset(s.big, 'b', sizeof(s.big));
	fixture_open(&f, &handlers, &s, false, NULL);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	call(&f, client, &post, "/echo", &o);
	expect(&o, 200, "hello");
	call(&f, client, &get, "/chunks", &o);
	expect(&o, 200, "part,part,part,");
	call(&f, client, &head, "/big", &o);
	assert_int_equal(o.body.len, 0);
	expect(&o, 200, "");
	call(&f, client, &get, "/big", &o);
	assert_int_equal(o.body.len, sizeof(s.big));
	expect(&o, 200, NULL);
	call(&f, client, &get, "/nothing", &o);
	expect(&o, 404, "no such page");
	assert_int_equal(s.requests, 5);
	assert_int_equal(http_server_connection_count(f.server), 1); /* all on one */
	call(&f, client, &get, "/abort", &o);
	expect_failure(&o, ERR_CLOSED, "/abort");
	http_client_free(client);
	fixture_close(&f);
}

/* Breaks if redirects lose or keep what they must not: method, body, credentials. */
static void test_redirects(void **state)
{
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct outcome o;
	struct http_request post = { .method = STR("POST"), .redirect_max = 3,
				     .pieces = &HTTP_BYTES(STR("body")), .piece_count = 1 };
	struct http_request as_is = { 0 };

	fixture_open(&f, &handlers, &s, false, NULL);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	call(&f, client, &post, "/moved", &o);
	expect(&o, 200, "GET");
	call(&f, client, &post, "/again", &o);
	expect(&o, 200, "body");
	call(&f, client, &post, "/loop", &o);
	expect_failure(&o, ERR_INTERNAL, "stopped after 3 redirects");
	call(&f, client, &as_is, "/moved", &o);
	expect(&o, 302, "");
	http_client_free(client);
	fixture_close(&f);
}

/* Breaks if credentials are sent wrongly, or text of the caller can split a request. */
static void test_headers(void **state)
{
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct outcome o;
	struct http_header evil = HTTP_HEADER(STR("X-A"), STR("b\r\nX-Evil: c"));
	struct http_request bearer = { .bearer_token = STR("abc") };
	struct http_request basic = { .basic_user = STR("Aladdin"), .basic_password = STR("open sesame") };
	struct http_request split = { .headers = { &evil, 1 } };

	fixture_open(&f, &handlers, &s, false, NULL);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	call(&f, client, &bearer, "/auth", &o);
	expect(&o, 200, "Bearer abc");
	call(&f, client, &basic, "/auth", &o);
	expect(&o, 200, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	call(&f, client, &split, "/auth", &o);
	expect_failure(&o, ERR_BAD_REQUEST, "invalid header");
	http_client_free(client);
	fixture_close(&f);
}

/* Breaks if a call can hang: no answer, no listener, bad URL. */
static void test_failures(void **state)
{
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct outcome o;
	struct http_request slow = { .deadline_ms = 30 };
	struct http_request bad = { .url = STR("ftp://x/") };
	struct http_request nobody = { .unix_path = STR("/nonexistent/socket") };

	fixture_open(&f, &handlers, &s, false, NULL);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	call(&f, client, &slow, "/late", &o);
	expect_failure(&o, ERR_TIMEOUT, "not answered within 30 ms");
	call(&f, client, &nobody, "/x", &o);
	expect_failure(&o, ERR_OS, "/nonexistent/socket");
	f.url[0] = 0;
	call(&f, client, &bad, "ftp://x/", &o);
	expect_failure(&o, ERR_PARSE, "must start with http://");
	http_client_free(client);
	fixture_close(&f);
}

/* A server that says the same to whoever connects, whatever it is asked, and hangs up. */
struct parrot {
	struct env *env;
	struct io_watch watch, asked;
	int fd, asker_fd;
	struct buf says;
};

static void on_asked(struct io_watch *watch, int what)
{
	struct parrot *p = CONTAINER_OF(watch, struct parrot, asked);
	char asked[1024];

	assert_true(recv(p->asker_fd, asked, sizeof(asked), MSG_DONTWAIT) > 0);
	assert_int_equal(send(p->asker_fd, p->says.ptr, p->says.len, MSG_NOSIGNAL | MSG_DONTWAIT), p->says.len);
	io_stop(watch);
	close(p->asker_fd);
}

static void on_parrot(struct io_watch *watch, int what)
{
	struct parrot *p = CONTAINER_OF(watch, struct parrot, watch);
	struct err err;

	p->asker_fd = accept(p->fd, NULL, NULL);
	assert_true(p->asker_fd >= 0);
	assert_int_equal(io_start(p->env, &p->asked, p->asker_fd, IO_READ, &err), 0);
}

/* Breaks if a server that answers without end, or half, or nonsense, is believed, waited for or kept in memory. */
static void test_faulty_servers(void **state)
{
	static const struct {
		const char *begin, *again;
		int times;
		const char *end, *error; /* NULL: it is 200 */
	} rows[] = {
		{ "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", HTTP_INFORMATIONAL_MAX,
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL },
		{ "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", HTTP_INFORMATIONAL_MAX + 1,
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "too many 1xx informational responses" },
		{ "HTTP/1.1 200 OK\r\n", "A: b\r\n", HTTP_REPLY_HEADER_COUNT_MAX + 1, "\r\n", "malformed answer" },
		{ "HTTP/1.1 200 OK\r\nA: ", "aaaaaaaaaaaaaaaa", HTTP_REPLY_HEAD_BYTES_MAX / 16, "",
		  "net/http: server response headers exceeded 131072 bytes; aborted" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 0, "half", "the answer was cut off" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 3, "",
		  "the answer was cut off" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", 0, "zz\r\n", "malformed answer" },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "", 0, "",
		  "unexpected answer 101" },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", "", 0, "", "malformed answer" },
		{ "HTTP/1.1 200 OK\r\n", "", 0, "Content-", "closed without an answer" },
	};
	struct fixture f;
	struct service s = { 0 };
	struct parrot p = { .watch.fn = on_parrot, .asked.fn = on_asked };
	char folder[] = "/tmp/cube-test-parrot-XXXXXX", path[64];
	struct http_request get = { .unix_path = STR("") };
	struct http_client *client;
	struct address a;
	struct err err;

	fixture_open(&f, &handlers, &s, false, NULL);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.sock", folder);
	get.unix_path = str_from(path);
	assert_int_equal(address_from_unix(str_from(path), &a, &err), 0);
	p.env = f.env;
	p.fd = address_listen(&a, 0600, &err);
	assert_int_equal(io_start(f.env, &p.watch, p.fd, IO_READ, &err), 0);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct outcome o;

		buf_init(&p.says, FIXTURE_BYTES_MAX);
		buf_put_c(&p.says, rows[i].begin);
		for (int n = 0; n < rows[i].times; n++)
			buf_put_c(&p.says, rows[i].again);
		buf_put_c(&p.says, rows[i].end);
		call(&f, client, &get, "/x", &o);
		if (rows[i].error)
			expect_failure(&o, o.err.code, rows[i].error);
		else
			expect(&o, 200, "ok");
		buf_deinit(&p.says);
	}
	http_client_free(client);
	io_stop(&p.watch);
	close(p.fd);
	fixture_close(&f);
	assert_int_equal(fd_remove_tree(AT_FDCWD, folder, &err), 0);
}

/* Breaks if the client accepts a server that it must not trust. */
static void test_tls(void **state)
{
	static const struct {
		const char *name;
		bool wrong_ca, insecure;
		struct str server_name;
		const char *failure;
	} cases[] = {
		{ "own authority", .failure = NULL },
		{ "stranger's authority", .wrong_ca = true, .failure = "certificate verify failed" },
		{ "stranger's authority, insecure", .wrong_ca = true, .insecure = true },
		{ "another name in the certificate", .server_name = STR_INIT("kubernetes.default") },
		{ "a name that is not in it", .server_name = STR_INIT("evil.example"),
		  .failure = "certificate verify failed" },
	};
	struct fixture f;
	struct service s = { 0 };

	fixture_open(&f, &handlers, &s, true, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct tls_client_options options = { .insecure = cases[i].insecure,
			.server_name = cases[i].server_name,
			.ca_pem = cases[i].wrong_ca ? f.other_ca.certificate_pem : f.ca.certificate_pem };
		struct http_request get = { 0 };
		struct tls_client *tls;
		struct http_client *client;
		struct outcome o;
		struct err err;

		assert_int_equal(tls_client_new(&options, &tls, &err), 0);
		client = http_client_new(&(struct http_client_options){ .env = f.env, .tls = tls });
		call(&f, client, &get, "/method", &o);
		if (cases[i].failure)
			expect_failure(&o, ERR_CLOSED, cases[i].failure);
		else
			expect(&o, 200, "GET");
		http_client_free(client);
		tls_client_free(tls);
	}
	fixture_close(&f);
}

struct paused {
	struct http_call *call;
	size_t bytes;
	bool ended, was_called_while_paused, is_paused, first_done;
};

static void on_paused_body(void *arg, struct http_call *c, struct str bytes)
{
	struct paused *p = arg;

	p->was_called_while_paused |= p->is_paused;
	p->bytes += bytes.len;
	if (!p->first_done) {
		p->first_done = p->is_paused = true;
		http_call_pause(c);
	}
}

static void on_paused_end(void *arg, struct http_call *c, const struct err *err)
{
	((struct paused *)arg)->ended = err == NULL;
}

/* Breaks if a paused reader still gets bytes, or loses some. */
static void test_pause(void **state)
{
	static const struct http_call_events paused_events = { .on_body = on_paused_body, .on_end = on_paused_end };
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct paused p = { 0 };
	char url[256];

	fixture_open(&f, &handlers, &s, false, NULL);
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	snprintf(url, sizeof(url), "%s/big", f.url);
	p.call = http_client_start(client, &(struct http_request){ .url = str_from(url) }, &paused_events, &p);
	fixture_run_until(&f, &p.first_done);
	fixture_run_for(&f, 20);
	assert_false(p.was_called_while_paused);
	assert_true(p.bytes < sizeof(s.big));
	p.is_paused = false;
	http_call_resume(p.call);
	fixture_run_until(&f, &p.ended);
	assert_int_equal(p.bytes, sizeof(s.big));
	http_client_free(client);
	fixture_close(&f);
}

/* Breaks if a socket file of a dead server blocks the next one, a live one is taken over, or others may connect. */
static void test_unix(void **state)
{
	struct fixture f;
	struct service s = { 0 };
	struct http_client *client;
	struct outcome o;
	char folder[] = "/tmp/cube-test-unix-XXXXXX", path[64];
	struct http_request get = { 0 };
	struct address a;
	struct stat st;
	struct err err;
	int dead;

	fixture_open(&f, &handlers, &s, false, NULL);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.sock", folder);
	assert_int_equal(address_from_unix(str_from(path), &a, &err), 0);
	dead = address_listen(&a, 0600, &err);
	assert_true(dead >= 0);
	close(dead); /* leaves its file behind */
	assert_int_equal(http_server_listen(f.server, &a, 0660, NULL, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(http_server_listen(f.server, &a, 0660, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "another process is listening"));
	client = http_client_new(&(struct http_client_options){ .env = f.env });
	snprintf(f.url, sizeof(f.url), "unix://%s:", path);
	call(&f, client, &get, "/method", &o);
	expect(&o, 200, "GET");
	get.unix_path = str_from(path);
	snprintf(f.url, sizeof(f.url), "http://docker");
	call(&f, client, &get, "/method", &o);
	expect(&o, 200, "GET");
	http_client_free(client);
	fixture_close(&f);
	assert_int_equal(fd_remove_tree(AT_FDCWD, folder, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_redirects), cmocka_unit_test(test_headers),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_faulty_servers),
		cmocka_unit_test(test_tls), cmocka_unit_test(test_pause),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
