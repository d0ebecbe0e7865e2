/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to webhooks over real TLS on one loop. Breaks when a call goes to the wrong place, trusts
 * whom it must not, does not end, takes more than its bound, or fails in other words than
 * upstream's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/apiserver_internal.h"
#include "apiserver/limits.h"
#include "apiserver/webhook_client.h"
#include "hook.h"

#define JSON "Content-Type: application/json\r\n"

struct setup {
	struct http_fixture f;
	struct hook hook;
	struct arena arena;
	bool done;
	int status;
	char body[64], error[512];
};

static void on_late_closed(void *arg, struct http_exchange *x)
{
	http_abort(x);
}

static void answer(struct hook *hook, struct http_exchange *x)
{
	static const struct http_exchange_events late = { .on_closed = on_late_closed };

	if (str_eq_c(x->path, "/echo"))
		http_respond_bytes(x, 200, STR("application/json"), x->body);
	else if (str_eq_c(x->path, "/query"))
		http_respond_bytes(x, 201, STR("text/plain"), x->query);
	else if (str_eq_c(x->path, "/late"))
		http_set_events(x, &late, NULL);
	else
		http_abort(x);
}

static void on_done(void *arg, const struct webhook_answer *a, const struct err *err)
{
	struct setup *s = arg;

	assert_true(!a != !err);
	s->done = true;
	s->status = a ? a->status : 0;
	snprintf(s->body, sizeof(s->body), STR_FMT, a ? (int)a->body.len : 0, a ? a->body.ptr : "");
	snprintf(s->error, sizeof(s->error), "%s", err ? err->msg : "");
}

static int open_setup(void **state)
{
	static struct setup s;

	memset(&s, 0, sizeof(s));
	http_fixture_open(&s.f);
	hook_open(&s.hook, &s.f, answer, NULL);
	arena_init(&s.arena, ARENA_DEFAULT_MAX);
	*state = &s;
	return 0;
}

static int close_setup(void **state)
{
	struct setup *s = *state;

	hook_close(&s->hook);
	arena_deinit(&s->arena);
	http_fixture_close(&s->f);
	return 0;
}

static struct webhook_client *client_of(struct setup *s)
{
	return s->f.apiserver->registry.webhooks;
}

static struct webhook_target at(struct setup *s, const char *path)
{
	return (struct webhook_target){
		.url = str_printf_in(&s->arena, "https://127.0.0.1:%u%s", s->hook.port, path),
		.ca_pem = s->hook.ca.certificate_pem,
	};
}

static void call(struct setup *s, const struct webhook_target *target,
		 struct webhook_request request)
{
	request.target = target;
	if (!request.body.len)
		request.body = STR("{\"a\":1}");
	s->done = false;
	(void)webhook_client_start(client_of(s), &request, on_done, s);
	assert_false(s->done); /* never from inside */
	hook_run_until(&s->hook, &s->done);
}

static void expect_error(struct setup *s, const char *what)
{
	if (!strstr(s->error, what))
		fail_msg("'%s' lacks '%s'", s->error, what);
}

static void test_answers(void **state)
{
	struct setup *s = *state;
	struct webhook_target echo = at(s, "/echo"), query = at(s, "/query");
	struct http_peer *first;

	call(s, &echo, (struct webhook_request){ 0 });
	assert_string_equal(s->error, "");
	assert_int_equal(s->status, 200);
	assert_string_equal(s->body, "{\"a\":1}");
	first = s->hook.peer;
	call(s, &query, (struct webhook_request){ .query = STR("timeout=10s") });
	assert_int_equal(s->status, 201);
	assert_string_equal(s->body, "timeout=10s");
	assert_ptr_equal(s->hook.peer, first); /* the connection was kept */
}

static void test_bound(void **state)
{
	struct setup *s = *state;
	struct webhook_target echo = at(s, "/echo");

	call(s, &echo, (struct webhook_request){ .answer_bytes_max = 7 });
	assert_int_equal(s->status, 200);
	call(s, &echo, (struct webhook_request){ .answer_bytes_max = 6 });
	expect_error(s, "response body too large");
}

static void test_failures(void **state)
{
	struct setup *s = *state;
	struct webhook_target echo = at(s, "/echo"), late = at(s, "/late"), cut = at(s, "/cut"),
			      none;
	char text[128];

	echo.ca_pem = s->hook.other_ca.certificate_pem;
	call(s, &echo, (struct webhook_request){ 0 });
	expect_error(
		s,
		"tls: failed to verify certificate: x509: certificate signed by unknown authority");
	snprintf(text, sizeof(text), "Post \"https://127.0.0.1:%u/echo\": ", s->hook.port);
	assert_ptr_equal(strstr(s->error, text), s->error);

	echo = at(s, "/echo");
	echo.server_name = STR("other.default.svc");
	call(s, &echo, (struct webhook_request){ 0 });
	expect_error(s, "x509: certificate is not valid for the requested name");

	call(s, &late, (struct webhook_request){ .timeout_ms = 50, .query = STR("timeout=1s") });
	expect_error(s, "/late?timeout=1s\": context deadline exceeded");
	call(s, &cut, (struct webhook_request){ 0 });
	expect_error(s, "/cut\": ");

	none = (struct webhook_target){ .url = STR("https://127.0.0.1:1/x") };
	call(s, &none, (struct webhook_request){ 0 });
	assert_string_equal(s->error, "Post \"https://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: "
				      "connect: connection refused");
	none.ca_pem = STR("no certificate");
	call(s, &none, (struct webhook_request){ 0 });
	expect_error(s, "CA bundle holds no certificate");
}

/* A later turn must not touch what a cancelled call's owner freed. */
static void test_cancel(void **state)
{
	struct setup *s = *state;
	struct webhook_target late = at(s, "/late"), echo = at(s, "/echo");
	struct webhook_request request = { .target = &late, .body = STR("{}") };

	webhook_call_cancel(webhook_client_start(client_of(s), &request, on_done, s));
	late.name = STR("missing");
	webhook_call_cancel(webhook_client_start(client_of(s), &request, on_done, s));
	webhook_call_cancel(NULL);
	call(s, &echo, (struct webhook_request){ 0 });
	assert_int_equal(s->status, 200);
	(void)webhook_client_start(client_of(s), &request, on_done,
				   s); /* the end of the server takes it */
}

static void post(struct setup *s, const char *path, const char *body)
{
	const char *answer_text;

	if (http_fixture_do(&s->f, "POST", path, JSON, body, &answer_text) != 201)
		fail_msg("%s", answer_text);
}

static void test_services(void **state)
{
	struct setup *s = *state;
	AUTO_JSON config = NULL;
	struct webhook_target t;
	struct err err = { 0 };

	config = json_parse(str_printf_in(&s->arena,
					  "{\"service\":{\"namespace\":\"default\",\"name\":"
					  "\"hook\",\"path\":\"/echo\"},"
					  "\"caBundle\":\"" STR_FMT "\"}",
					  STR_ARG(s->hook.ca_base64)),
			    1u << 20, &err);
	assert_non_null(config);
	assert_int_equal(webhook_target_read(yyjson_doc_get_root(config), &s->arena, &t, &err), 0);
	assert_true(str_eq_c(t.url, "https://hook.default.svc:443/echo"));
	call(s, &t, (struct webhook_request){ 0 });
	assert_string_equal(
		s->error, "Post \"https://hook.default.svc:443/echo\": service \"hook\" not found");

	post(s, "/api/v1/namespaces/default/services",
	     "{\"metadata\":{\"name\":\"hook\"},\"spec\":{\"clusterIP\":\"None\",\"ports\":[{"
	     "\"name\":\"https\",\"port\":443}]}}");
	call(s, &t, (struct webhook_request){ 0 });
	expect_error(s, "no endpoints available for service \"hook\"");
	t.port = 444;
	call(s, &t, (struct webhook_request){ 0 });
	expect_error(s, "no service port 444 found for service \"hook\"");
	t.port = 443;
	hook_put_slice(&s->hook);
	call(s, &t, (struct webhook_request){ 0 });
	assert_string_equal(s->error, "");
	assert_int_equal(s->status, 200);
}

static void test_targets(void **state)
{
	struct setup *s = *state;
	static const struct {
		const char *config, *failure;
	} bad[] = {
		{ "{}", "must have either service or URL" },
		{ "{\"url\":\"http://x/\"}", "must have either service or URL" },
		{ "{\"url\":\"https://x/\",\"caBundle\":\"?\"}", "caBundle: " },
		{ "[]", "must have either service or URL" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_JSON config = json_parse(str_from(bad[i].config), 1u << 20, NULL);
		struct webhook_target t;
		struct err err = { 0 };

		assert_true(webhook_target_read(yyjson_doc_get_root(config), &s->arena, &t, &err) <
			    0);
		if (!strstr(err.msg, bad[i].failure))
			fail_msg("'%s' lacks '%s'", err.msg, bad[i].failure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_bound, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_failures, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_cancel, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_services, open_setup, close_setup),
		cmocka_unit_test_setup_teardown(test_targets, open_setup, close_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
