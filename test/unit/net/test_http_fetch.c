/* SPDX-License-Identifier: Apache-2.0 */
/* The client for threads that wait, against a server on a thread of its own. */
#include "net_fixture.h"

#include <pthread.h>
#include <stdio.h>

struct service {
	struct fixture f;
	pthread_t thread;
	struct http_fetcher *to_cancel;
};

static void on_held_closed(void *arg, struct http_exchange *x)
{
	http_abort(x);
}

static const struct http_exchange_events held_events = { .on_closed = on_held_closed };

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	if (str_eq(x->path, STR("/cancel"))) {
		http_set_events(x, &held_events, NULL);
		http_fetcher_cancel(s->to_cancel); /* from this thread, while the other waits */
		return;
	}
	http_respond_bytes(x, 200, STR("text/plain"), STR("0123456789"));
}

static const struct http_handlers handlers = { .on_request = on_request };

static void *serve(void *arg)
{
	loop_run(((struct service *)arg)->f.loop);
	return NULL;
}

static void open_service(struct service *s)
{
	memset(s, 0, sizeof(*s));
	fixture_open(&s->f, &handlers, s, false, NULL);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void close_service(struct service *s)
{
	loop_stop(s->f.loop);
	pthread_join(s->thread, NULL);
	fixture_close(&s->f);
}

static int fetch(struct http_fetcher *f, const struct service *s, const char *path, struct http_fetch_options *options,
		 struct http_fetch_result *ret, struct err *err)
{
	char url[256];

	snprintf(url, sizeof(url), "%s%s", s->f.url, path);
	return http_fetch(f, &(struct http_request){ .url = str_from(url) }, options, ret, err);
}

static int refuse_body(void *arg, struct str bytes, struct err *err)
{
	return err_set(err, ERR_NO_SPACE, "cannot take it");
}

/* Breaks if a waiting caller gets the wrong body, ignores limits, or its own errors are lost. */
static void test_fetch(void **state)
{
	AUTO_ARENA arena = { 0 };
	struct service s;
	struct http_fetcher *f;
	struct http_fetch_options options;
	struct http_fetch_result result;
	struct err err;

	open_service(&s);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	f = http_fetcher_new(&(struct http_client_options){ 0 });
	options = (struct http_fetch_options){ .arena = &arena, .body_bytes_max = 10 };
	for (int i = 0; i < 3; i++) {
		if (fetch(f, &s, "/", &options, &result, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(result.status, 200);
		assert_true(str_eq_c(result.body, "0123456789"));
		assert_true(str_eq_c(http_header_get(&result.headers, STR("content-type")), "text/plain"));
	}
	options.body_bytes_max = 9;
	assert_int_equal(fetch(f, &s, "/", &options, &result, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	options.on_body = refuse_body;
	assert_int_equal(fetch(f, &s, "/", &options, &result, &err), -1);
	assert_int_equal(err.code, ERR_NO_SPACE);
	assert_string_equal(err.msg, "cannot take it");
	options.on_body = NULL;
	options.body_bytes_max = 100;
	struct http_request nobody = { .url = STR("http://127.0.0.1:1/") };
	assert_int_equal(http_fetch(f, &nobody, &options, &result, &err), -1);
	http_fetcher_free(f);
	close_service(&s);
}

/* Breaks if names are not looked up, or a thread that waits cannot be woken. */
static void test_names_and_cancel(void **state)
{
	AUTO_ARENA arena = { 0 };
	struct service s;
	struct http_fetcher *f;
	struct http_fetch_options options;
	struct http_fetch_result result;
	struct err err;
	char url[64];

	open_service(&s);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	f = http_fetcher_new(&(struct http_client_options){ 0 });
	options = (struct http_fetch_options){ .arena = &arena, .body_bytes_max = 100 };
	snprintf(url, sizeof(url), "http://localhost:%u/", address_port(&s.f.address));
	if (http_fetch(f, &(struct http_request){ .url = str_from(url) }, &options, &result, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(str_eq_c(result.body, "0123456789"));
	s.to_cancel = f;
	assert_int_equal(fetch(f, &s, "/cancel", &options, &result, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_int_equal(fetch(f, &s, "/", &options, &result, &err), -1); /* and stays so */
	http_fetcher_free(f);
	close_service(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fetch), cmocka_unit_test(test_names_and_cancel) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
