/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that outlive a request: pages of one list, watches, readers that are slow or gone. Breaks
 * when a client could miss a change, see two revisions in one list, or make the server hold more
 * than it may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "base/mem.h"
#include "fixture.h"

#define CM "/api/v1/namespaces/default/configmaps"

static void make(struct http_fixture *f, const char *name)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", name);
	assert_int_equal(
		http_fixture_do(f, "POST", CM, "Content-Type: application/json\r\n", body, NULL),
		201);
}

static void copy_token(const char *body, char *to, size_t size)
{
	const char *start = strstr(body, "\"continue\":\"");
	size_t len;

	assert_non_null(start);
	start += sizeof("\"continue\":\"") - 1;
	len = strcspn(start, "\"");
	assert_true(len < size);
	memcpy(to, start, len);
	to[len] = 0;
}

/* Pages must be of one revision: what was made meanwhile does not appear in a later one. */
static void test_pages(void **state)
{
	struct http_fixture f;
	const char *body;
	char token[1024], path[2048];

	http_fixture_open(&f);
	make(&f, "a");
	make(&f, "b");
	make(&f, "d");
	assert_int_equal(http_fixture_do(&f, "GET", CM "?limit=1", NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"remainingItemCount\":2"));
	assert_non_null(strstr(body, "\"name\":\"a\""));
	assert_null(strstr(body, "\"name\":\"b\""));
	copy_token(body, token, sizeof(token));
	make(&f, "c");
	snprintf(path, sizeof(path), CM "?limit=5&continue=%s", token);
	assert_int_equal(http_fixture_do(&f, "GET", path, NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"name\":\"b\""));
	assert_non_null(strstr(body, "\"name\":\"d\""));
	assert_null(strstr(body, "\"name\":\"c\""));
	assert_null(strstr(body, "continue"));
	store_compact(f.store, store_revision(f.store));
	assert_int_equal(http_fixture_do(&f, "GET", path, NULL, NULL, &body), 410);
	assert_non_null(strstr(body, "\"reason\":\"Expired\""));
	copy_token(body, token, sizeof(token));
	snprintf(path, sizeof(path), CM "?limit=5&continue=%s", token);
	assert_int_equal(http_fixture_do(&f, "GET", path, NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"name\":\"c\""));
	assert_null(strstr(body, "\"name\":\"a\""));
	http_fixture_close(&f);
}

static void test_watch(void **state)
{
	struct http_fixture f, writer;
	char path[256];
	int64_t start;

	http_fixture_open(&f);
	http_fixture_connect(&writer, &f);
	make(&writer, "a");
	start = store_revision(f.store);
	http_fixture_stream(&f, CM "?watch=1",
			    "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\"");
	make(&writer, "b");
	http_fixture_wait(&f, "\"name\":\"b\"");
	assert_int_equal(http_fixture_do(&writer, "DELETE", CM "/b", NULL, NULL, NULL), 200);
	http_fixture_wait(&f, "{\"type\":\"DELETED\",\"object\":");
	http_fixture_disconnect(&f);

	/* from a revision: only what came after it, of what the selector names */
	http_fixture_connect(&f, &f);
	snprintf(path, sizeof(path),
		 CM "?watch=1&resourceVersion=%lld&fieldSelector=metadata.name%%3Db",
		 (long long)start);
	http_fixture_stream(&f, path, "\"type\":\"DELETED\"");
	assert_null(strstr(f.received.ptr, "\"name\":\"a\""));
	http_fixture_disconnect(&f);

	http_fixture_connect(&f, &f);
	http_fixture_stream(
		&f,
		CM "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
		   "allowWatchBookmarks=true&timeoutSeconds=1",
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":"
		"\"v1\",\"metadata\":{\"resourceVersion\":\"");
	http_fixture_wait(&f, "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n");
	http_fixture_wait(&f, "0\r\n\r\n"); /* it ends by itself */

	store_compact(f.store, store_revision(f.store));
	http_fixture_stream(&f, CM "?watch=1&resourceVersion=1", "\"type\":\"ERROR\"");
	http_fixture_wait(&f, "too old resource version: 1 (");
	http_fixture_disconnect(&writer);
	http_fixture_close(&f);
}

/* A watcher that does not read holds a bounded queue, and misses nothing once it reads again. */
static void test_slow_watcher(void **state)
{
	enum { COUNT = 190, VALUE_BYTES = 90000 };
	struct http_fixture f, writer;
	char *body = mem_alloc(VALUE_BYTES + 200), *value = mem_zalloc(VALUE_BYTES + 1);
	char last[32];

	http_fixture_open(&f);
	http_fixture_connect(&writer, &f);
	memset(value, 'x', VALUE_BYTES);
	make(&writer, "first");
	http_fixture_stream(&f, CM "?watch=1", "\"name\":\"first\"");
	for (int i = 0; i < COUNT; i++) {
		snprintf(body, VALUE_BYTES + 200,
			 "{\"metadata\":{\"name\":\"c%d\"},\"data\":{\"k\":\"%s\"}}", i, value);
		assert_int_equal(http_fixture_do(&writer, "POST", CM,
						 "Content-Type: application/json\r\n", body, NULL),
				 201);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(last, sizeof(last), "\"name\":\"c%d\"", i);
		http_fixture_wait(&f, last);
	}
	http_fixture_disconnect(&writer);
	http_fixture_close(&f);
	mem_free(body);
	mem_free(value);
}

/* A client that goes away does not take back what it sent, and does no harm. */
static void test_gone_client(void **state)
{
	struct http_fixture f, gone;

	http_fixture_open(&f);
	http_fixture_connect(&gone, &f);
	http_fixture_send(&gone, "POST", CM, "Content-Type: application/json\r\n",
			  "{\"metadata\":{\"name\":\"sent\"}}");
	http_fixture_disconnect(&gone);
	http_fixture_connect(&gone, &f);
	http_fixture_send(&gone, "DELETE", CM, NULL, NULL);
	http_fixture_disconnect(&gone);
	http_fixture_connect(&gone, &f);
	http_fixture_send(&gone, "GET", CM "?watch=1", NULL, NULL);
	http_fixture_disconnect(&gone);
	for (int i = 0; i < 5; i++)
		assert_int_equal(http_fixture_do(&f, "GET", "/readyz", NULL, NULL, NULL), 200);
	http_fixture_close(&f);
}

/* Others are asked instead before anything ends: a load balancer has to see it first. */
static void test_shutdown_is_announced(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	apiserver_announce_shutdown(f.apiserver);
	assert_int_equal(http_fixture_do(&f, "GET", "/readyz", NULL, NULL, &body), 500);
	assert_non_null(strstr(body, "[-]shutdown failed"));
	assert_int_equal(http_fixture_do(&f, "GET", "/livez", NULL, NULL, NULL), 200);
	assert_int_equal(http_fixture_do(&f, "GET", CM, NULL, NULL, NULL), 200);
	http_fixture_stream(&f, CM "?watch=1&timeoutSeconds=1&resourceVersion=0", "\r\n\r\n");
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),	    cmocka_unit_test(test_shutdown_is_announced),
		cmocka_unit_test(test_watch),	    cmocka_unit_test(test_slow_watcher),
		cmocka_unit_test(test_gone_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
