/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custom objects in several versions, converted by a webhook over real HTTPS. Breaks when somebody
 * sees an object in a version he did not ask for, when the webhook is asked about what is stored as
 * it is wanted, when it changes what it must not, or when events overtake each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/apiserver_internal.h"
#include "apiserver/conversion_review.h"
#include "hook.h"

#define JSON "Content-Type: application/json\r\n"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define APPLY "Content-Type: application/apply-patch+yaml\r\n"
#define V1 "/apis/example.com/v1/namespaces/default/things"
#define V2 "/apis/example.com/v2/namespaces/default/things"
#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

enum mischief {
	HONEST,
	RENAMES,
	REFUSES,
	LOSES,
	BREAKS,
	WRONG_VERSION,
	STRIPS,
	CHANGES_OWNERS,
	LABELS_WITH_NUMBERS,
	LABELS_BADLY,
	SAYS_NOTHING,
};

struct setup {
	struct http_fixture f, second;
	struct hook hook;
	struct arena arena;
	enum mischief mischief;
	size_t calls, objects;
	struct http_exchange *held; /* the answer waits for the test */
	bool hold, is_held;
};

/* "host:port" in v1 is host and port in v2. */
static void convert(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str wanted)
{
	yyjson_mut_val *spec = json_mut_get(object, "spec");
	struct str host, port;

	if (str_eq(json_mut_get_str(object, "apiVersion"), wanted))
		return;
	json_set_str(doc, object, "apiVersion", wanted);
	if (!json_mut_get(spec, "hostPort") && !json_mut_get(spec, "host") &&
	    !json_mut_get(spec, "port"))
		return;
	if (str_eq_c(wanted, "example.com/v2")) {
		(void)str_cut(json_mut_get_str(spec, "hostPort"), ':', &host, &port);
		json_set_str(doc, spec, "host", host);
		json_set_str(doc, spec, "port", port);
		(void)json_remove(spec, STR("hostPort"));
	} else {
		char text[128];

		snprintf(text, sizeof(text), STR_FMT ":" STR_FMT,
			 STR_ARG(json_mut_get_str(spec, "host")),
			 STR_ARG(json_mut_get_str(spec, "port")));
		json_set_str(doc, spec, "hostPort", str_from(text));
		(void)json_remove(spec, STR("host"));
		(void)json_remove(spec, STR("port"));
	}
}

static void misbehave(struct setup *s, yyjson_mut_doc *doc, yyjson_mut_val *response)
{
	yyjson_mut_val *list = json_mut_get(response, "convertedObjects"),
		       *first = yyjson_mut_arr_get_first(list);

	switch (s->mischief) {
	case RENAMES:
		json_set_str(doc, json_mut_get(first, "metadata"), "name", STR("other"));
		break;
	case REFUSES:
		json_set_path_str(doc, response, "result.status", STR("Failure"));
		json_set_path_str(doc, response, "result.message", STR("cannot do that"));
		break;
	case LOSES:
		(void)yyjson_mut_arr_remove_first(list);
		break;
	case WRONG_VERSION:
		json_set_str(doc, first, "apiVersion", STR("example.com/v7"));
		break;
	case STRIPS:
		(void)json_remove(first, STR("metadata"));
		break;
	case CHANGES_OWNERS:
		json_set_path_str(doc, first, "metadata.labels.new", STR("yes"));
		json_set_path_str(doc, first, "metadata.resourceVersion", STR("1"));
		json_append_str(doc,
				json_set_array(doc, json_mut_get(first, "metadata"), "finalizers"),
				STR("a.b/c"));
		break;
	case LABELS_WITH_NUMBERS:
		json_set_int(doc, json_set_object(doc, json_mut_get(first, "metadata"), "labels"),
			     "l", 1);
		break;
	case LABELS_BADLY:
		json_set_path_str(doc, first, "metadata.labels.l", STR("c d"));
		break;
	case BREAKS:
	case SAYS_NOTHING:
	case HONEST:
		break;
	}
}

static void respond(struct setup *s, struct http_exchange *x)
{
	AUTO_JSON review = json_parse(x->body, 1u << 20, NULL);
	yyjson_val *request = json_get(yyjson_doc_get_root(review), "request");
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *response, *list;
	AUTO_BUF text = { 0 };

	json_set_str(doc, root, "kind", STR("ConversionReview"));
	json_set_str(doc, root, "apiVersion", STR("apiextensions.k8s.io/v1"));
	response = json_set_object(doc, root, "response");
	json_set_str(doc, response, "uid", json_get_str(request, "uid"));
	json_set_path_str(doc, response, "result.status", STR("Success"));
	list = json_set_array(doc, response, "convertedObjects");
	JSON_EACH (object, json_get(request, "objects")) {
		yyjson_mut_val *converted = json_copy(doc, object);

		convert(doc, converted, json_get_str(request, "desiredAPIVersion"));
		yyjson_mut_arr_append(list, converted);
		s->objects++;
	}
	misbehave(s, doc, response);
	buf_init(&text, 1u << 20);
	json_mut_write(root, &text);
	http_respond_bytes(x, s->mischief == BREAKS ? 500 : 200, STR("application/json"),
			   s->mischief == SAYS_NOTHING ? STR("")
						       : str_in(&x->arena, buf_str(&text)));
}

static void on_held_closed(void *arg, struct http_exchange *x)
{
	http_abort(x);
}

static const struct http_exchange_events held_events = { .on_closed = on_held_closed };

static void answer(struct hook *hook, struct http_exchange *x)
{
	struct setup *s = hook->arg;

	if (str_eq_c(x->path, "/admit")) {
		AUTO_JSON review = json_parse(x->body, 1u << 20, NULL);
		yyjson_val *request = json_get(yyjson_doc_get_root(review), "request");

		assert_true(str_eq_c(json_get_str(request, "kind.version"), "v2"));
		assert_true(str_eq_c(json_get_str(request, "requestKind.version"), "v1"));
		assert_true(str_eq_c(json_get_str(request, "object.spec.host"), "h"));
		http_respond_bytes(
			x, 200, STR("application/json"),
			str_printf_in(&x->arena,
				      "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission."
				      "k8s.io/v1\","
				      "\"response\":{\"uid\":\"" STR_FMT "\",\"allowed\":true,"
				      "\"patchType\":\"JSONPatch\",\"patch\":"
				      /* [{"op":"replace","path":"/spec/port","value":"99"}] */
				      "\"W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9zcGVjL3BvcnQiLCJ2YWx1ZS"
				      "I6Ijk5In1d\"}}",
				      STR_ARG(json_get_str(request, "uid"))));
		return;
	}
	s->calls++;
	if (!s->hold) {
		respond(s, x);
		return;
	}
	s->held = x;
	s->is_held = true;
	http_set_events(x, &held_events, s);
}

static int do_it(struct setup *s, const char *method, const char *path, const char *type,
		 const char *body, const char **ret)
{
	s->calls = s->objects = 0;
	return http_fixture_do(&s->f, method, path, type, body, ret);
}

static void expect(struct setup *s, int status, const char *method, const char *path,
		   const char *body, const char *part)
{
	const char *got;
	const char *type = strcmp(method, "PATCH") ? JSON : strchr(path, '?') ? APPLY : MERGE;
	int got_status = do_it(s, method, path, type, body, &got);

	if (got_status != status || (part && !strstr(got, part)))
		fail_msg("%s %s: %d instead of %d, or '%s' lacks '%s'", method, path, got_status,
			 status, got, part ? part : "");
}

static void expect_calls(struct setup *s, size_t calls, size_t objects)
{
	assert_int_equal(s->calls, calls);
	assert_int_equal(s->objects, objects);
}

#define THING_OF_V1 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\","
#define THING_OF_V2 "{\"apiVersion\":\"example.com/v2\",\"kind\":\"Thing\","

static const char *definition(struct setup *s, bool stores_v2)
{
	return str_printf_in(&s->arena,
			     "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"
			     "\"example.com\","
			     "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":"
			     "\"Thing\"},"
			     "\"conversion\":{\"strategy\":\"Webhook\",\"webhook\":{"
			     "\"conversionReviewVersions\":[\"v1\"],"
			     "\"clientConfig\":{\"url\":\"https://127.0.0.1:%u/"
			     "convert\",\"caBundle\":\"" STR_FMT "\"}}},\"versions\":["
			     "{\"name\":\"v1\",\"served\":true,\"storage\":%s,\"schema\":{"
			     "\"openAPIV3Schema\":{"
			     "\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
			     "\"properties\":{"
			     "\"hostPort\":{\"type\":\"string\"}}}}}}},"
			     "{\"name\":\"v2\",\"served\":true,\"storage\":%s,\"schema\":{"
			     "\"openAPIV3Schema\":{"
			     "\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
			     "\"properties\":{"
			     "\"host\":{\"type\":\"string\"},\"port\":{\"type\":\"string\"},"
			     "\"extra\":{\"type\":\"string\",\"default\":\"d\"}}}}}}}]}}",
			     s->hook.port, STR_ARG(s->hook.ca_base64), stores_v2 ? "false" : "true",
			     stores_v2 ? "true" : "false")
		.ptr;
}

static int open_setup(void **state)
{
	static struct setup s;

	memset(&s, 0, sizeof(s));
	http_fixture_open(&s.f);
	http_fixture_connect(&s.second, &s.f);
	hook_open(&s.hook, &s.f, answer, &s);
	arena_init(&s.arena, ARENA_DEFAULT_MAX);
	expect(&s, 201, "POST", CRDS, definition(&s, false), NULL);
	while (http_fixture_do(&s.f, "GET", V2, NULL, NULL, NULL) != 200)
		continue;
	*state = &s;
	return 0;
}

static int close_setup(void **state)
{
	struct setup *s = *state;

	http_fixture_disconnect(&s->second);
	hook_close(&s->hook);
	arena_deinit(&s->arena);
	http_fixture_close(&s->f);
	return 0;
}

static void create(struct setup *s, const char *name)
{
	expect(s, 201, "POST", V1,
	       str_printf_in(&s->arena,
			     "{\"apiVersion\":\"example.com/"
			     "v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"%s\","
			     "\"labels\":{\"n\":\"%s\"}},\"spec\":{\"hostPort\":\"h:1\"}}",
			     name, name)
		       .ptr,
	       "\"hostPort\":\"h:1\"");
}

static void test_reading(void **state)
{
	struct setup *s = *state;

	create(s, "a");
	expect_calls(s, 0, 0);
	create(s, "b");
	expect(s, 200, "GET", V1 "/a", NULL, "\"hostPort\":\"h:1\"");
	expect(s, 200, "GET", V1, NULL, "\"hostPort\":\"h:1\"");
	expect_calls(s, 0, 0);
	expect(s, 200, "GET", V2 "/a", NULL,
	       "\"spec\":{\"host\":\"h\",\"port\":\"1\"}"); /* defaults on reading are the stored
							      version's */
	expect_calls(s, 1, 1);
	expect(s, 200, "GET", V2, NULL, "\"host\":\"h\",\"port\":\"1\"");
	expect_calls(s, 1, 2);
	expect(s, 200, "GET", V2 "?limit=1", NULL, "\"remainingItemCount\":1");
	expect_calls(s, 1, 1);
	expect(s, 200, "GET", V2 "?labelSelector=n%3Db", NULL, "\"name\":\"b\"");
	expect_calls(s, 1, 1);
	expect(s, 404, "GET", V2 "/c", NULL, NULL);
	expect_calls(s, 0, 0);
}

static void test_writing(void **state)
{
	struct setup *s = *state;

	expect(s, 201, "POST", V2,
	       THING_OF_V2
	       "\"metadata\":{\"name\":\"a\"},\"spec\":{\"host\":\"x\",\"port\":\"2\"}}",
	       "\"spec\":{\"host\":\"x\",\"port\":\"2\"}");
	expect(s, 200, "GET", V1 "/a", NULL, "\"spec\":{\"hostPort\":\"x:2\"}");
	expect_calls(s, 0, 0);
	expect(s, 200, "PATCH", V2 "/a", "{\"spec\":{\"port\":\"3\"}}",
	       "\"host\":\"x\",\"port\":\"3\"");
	expect(s, 200, "GET", V1 "/a", NULL, "\"spec\":{\"hostPort\":\"x:3\"}");
	expect(s, 200, "PATCH", V2 "/a?fieldManager=m&force=true",
	       "{\"apiVersion\":\"example.com/"
	       "v2\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"port\":\"4\"}}",
	       "\"port\":\"4\"");
	expect(s, 200, "GET", V1 "/a", NULL, "\"spec\":{\"hostPort\":\"x:4\"}");
	expect(s, 200, "PATCH", V1 "/a", "{\"spec\":{\"hostPort\":\"y:5\"}}",
	       "\"hostPort\":\"y:5\"");
	expect_calls(s, 2, 2); /* before and after, for those who own fields in v2 */
	expect(s, 200, "PATCH", V2 "/a", "{\"metadata\":{\"finalizers\":[\"a.b/c\"]}}", NULL);
	expect(s, 200, "DELETE", V2 "/a", NULL, "\"host\":\"y\"");
	expect(s, 200, "PATCH", V2 "/a", "{\"metadata\":{\"finalizers\":null}}", NULL);
	expect(s, 404, "GET", V1 "/a", NULL, NULL);
}

#define APPLIED(version, spec)                   \
	"{\"apiVersion\":\"example.com/" version \
	"\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"spec\":{" spec "}}"

/* Fields have other names in the other version: who owns one there owns it here. */
static void test_owners(void **state)
{
	struct setup *s = *state;

	expect(s, 201, "PATCH", V1 "/a?fieldManager=one", APPLIED("v1", "\"hostPort\":\"x:1\""),
	       "\"f:spec\":{\"f:hostPort\":{}}");
	expect(s, 409, "PATCH", V2 "/a?fieldManager=two", APPLIED("v2", "\"port\":\"2\""),
	       "Apply failed with 1 conflict: conflict with \\\"one\\\": .spec.hostPort");
	expect(s, 200, "PATCH", V2 "/a?fieldManager=two", APPLIED("v2", "\"port\":\"1\""),
	       "{\"manager\":\"one\",\"operation\":\"Apply\",\"apiVersion\":\"example.com/v1\"");
	/* what one applied as v1 he may give up in v2: nobody owns the host then */
	expect(s, 200, "PATCH", V2 "/a?fieldManager=one", APPLIED("v2", "\"port\":\"1\""),
	       "\"manager\":\"one\",\"operation\":\"Apply\",\"apiVersion\":\"example.com/v2\"");
	expect(s, 200, "PATCH", V2 "/a?fieldManager=two&force=true",
	       APPLIED("v2", "\"host\":\"y\",\"port\":\"3\""), "\"host\":\"y\",\"port\":\"3\"");
	expect(s, 409, "PATCH", V1 "/a?fieldManager=one", APPLIED("v1", "\"hostPort\":\"z:9\""),
	       ".spec.host\\n- .spec.port");
	/* an update takes the fields from those who named them otherwise, too */
	expect(s, 200, "PATCH", V1 "/a", "{\"spec\":{\"hostPort\":\"u:7\"}}",
	       "\"managedFields\":[{\"manager\":\"unknown\"");
}

/* A webhook that fails meanwhile ends an apply, and an update forgets who owns what. */
static void test_owners_unknown(void **state)
{
	struct setup *s = *state;
	const char *got;

	expect(s, 201, "PATCH", V1 "/a?fieldManager=one", APPLIED("v1", "\"hostPort\":\"x:1\""),
	       NULL);
	expect(s, 201, "PATCH", V1 "/b?fieldManager=one",
	       "{\"apiVersion\":\"example.com/"
	       "v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"b\"},"
	       "\"spec\":{\"hostPort\":\"x:1\"}}",
	       NULL);
	expect(s, 200, "PATCH", V2 "/a?fieldManager=two", APPLIED("v2", "\"port\":\"1\""), NULL);
	s->mischief = REFUSES;
	expect(s, 500, "PATCH", V1 "/a?fieldManager=one", APPLIED("v1", "\"hostPort\":\"x:2\""),
	       "\"message\":\"conversion webhook for example.com/v1, Kind=Thing failed: cannot do "
	       "that\"");
	assert_int_equal(
		do_it(s, "PATCH", V1 "/a", MERGE, "{\"spec\":{\"hostPort\":\"u:7\"}}", &got), 200);
	assert_null(strstr(got, "managedFields"));
}

/* The version that is stored moved on; what was written before did not. */
static void test_mixed(void **state)
{
	struct setup *s = *state;
	const char *body;

	create(s, "a");
	assert_int_equal(do_it(s, "GET", CRDS "/things.example.com", NULL, NULL, &body), 200);
	expect(s, 200, "PATCH", CRDS "/things.example.com", definition(s, true), NULL);
	expect(s, 201, "POST", V2,
	       THING_OF_V2
	       "\"metadata\":{\"name\":\"b\"},\"spec\":{\"host\":\"x\",\"port\":\"2\"}}",
	       NULL);
	expect_calls(s, 0, 0);
	expect(s, 200, "GET", V2, NULL, "\"host\":\"h\",\"port\":\"1\"");
	expect_calls(s, 1, 1);
	expect(s, 200, "GET", V1, NULL, "\"hostPort\":\"x:2\"");
	expect_calls(s, 1, 1);
}

static void test_watch(void **state)
{
	struct setup *s = *state;
	const char *text;

	create(s, "a");
	create(s, "b");
	s->calls = 0;
	http_fixture_stream(&s->second,
			    V2 "?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&"
			       "resourceVersionMatch=NotOlderThan",
			    "initial-events-end");
	assert_int_equal(s->calls, 1);
	assert_null(strstr(s->second.received.ptr, "hostPort\":\"h"));
	s->hold = true;
	expect(s, 200, "PATCH", V1 "/a", "{\"spec\":{\"hostPort\":\"first:1\"}}", NULL);
	expect(s, 200, "PATCH", V1 "/a", "{\"spec\":{\"hostPort\":\"second:2\"}}", NULL);
	expect(s, 200, "DELETE", V1 "/b", NULL, NULL);
	if (!s->is_held)
		hook_run_until(&s->hook, &s->is_held);
	s->hold = false;
	respond(s, s->held);
	http_fixture_wait(&s->second, "\"type\":\"DELETED\"");
	text = s->second.received.ptr;
	assert_non_null(strstr(text, "\"host\":\"first\""));
	assert_true(strstr(text, "\"host\":\"first\"") < strstr(text, "\"host\":\"second\""));
	assert_true(strstr(text, "\"host\":\"second\"") < strstr(text, "\"type\":\"DELETED\""));
}

static void test_failures(void **state)
{
	struct setup *s = *state;
	static const struct {
		enum mischief mischief;
		const char *message;
	} cases[] = {
		{ RENAMES, "conversion webhook for example.com/v1, Kind=Thing returned invalid "
			   "object: must have the same name: a != other" },
		{ REFUSES,
		  "conversion webhook for example.com/v1, Kind=Thing failed: cannot do that" },
		{ LOSES, "conversion webhook for example.com/v1, Kind=Thing returned 0 objects, "
			 "expected 1" },
		{ BREAKS,
		  "conversion webhook for example.com/v1, Kind=Thing failed: an error on "
		  "the server (\\\"unknown\\\") has prevented the request from succeeding" },
		{ LABELS_WITH_NUMBERS, "returned invalid metadata: metadata.labels[l] must be a "
				       "string, but is int64 in converted object" },
		{ LABELS_BADLY, "returned invalid metadata: metadata.labels: Invalid value: "
				"\\\"c d\\\": a valid label must be" },
		{ SAYS_NOTHING, "failed: 0-length response with status code: 200 and content "
				"type: application/json" },
		{ WRONG_VERSION,
		  "invalid groupVersion (expected example.com/v2, received example.com/v7)" },
		{ STRIPS, "returned invalid object" },
	};
	const char *body;

	create(s, "a");
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		s->mischief = cases[i].mischief;
		expect(s, 500, "GET", V2 "/a", NULL, cases[i].message);
		expect(s, 500, "GET", V2, NULL,
		       "conversion webhook for example.com/v1, Kind=Thing");
		expect(s, 500, "PATCH", V2 "/a", "{\"spec\":{\"port\":\"3\"}}",
		       "conversion webhook for");
		http_fixture_stream(&s->second, V2 "?watch=true", "\"type\":\"ERROR\"");
		http_fixture_wait(&s->second, "0\r\n\r\n");
	}
	s->mischief = REFUSES;
	expect(s, 500, "POST", V2,
	       THING_OF_V2 "\"metadata\":{\"name\":\"z\"},\"spec\":{\"host\":\"x\"}}",
	       "conversion webhook for example.com/v2, Kind=Thing failed: cannot do that");
	expect(s, 500, "POST", V2 "?dryRun=All",
	       THING_OF_V2 "\"metadata\":{\"name\":\"z\"},\"spec\":{\"host\":\"x\"}}",
	       "conversion webhook for example.com/v2, Kind=Thing failed: cannot do that");
	s->mischief = CHANGES_OWNERS;
	expect(s, 200, "GET", V2 "/a", NULL, "\"new\":\"yes\"");
	assert_int_equal(do_it(s, "GET", V2 "/a", NULL, NULL, &body), 200);
	assert_null(strstr(body, "finalizers"));
	assert_null(strstr(body, "\"resourceVersion\":\"1\""));
	s->mischief = HONEST;
	expect(s, 404, "GET", V2 "/z", NULL, NULL);
	expect(s, 200, "GET", V2 "/a", NULL, NULL);
}

/* Who goes away while a webhook thinks leaves nothing behind. */
static void test_gone(void **state)
{
	struct setup *s = *state;

	create(s, "a");
	s->hold = true;
	http_fixture_send(&s->second, "GET", V2, NULL, NULL);
	hook_run_until(&s->hook, &s->is_held);
	http_fixture_disconnect(&s->second);
	expect(s, 200, "GET", V1 "/a", NULL, NULL);
	http_fixture_connect(&s->second, &s->f);
	s->is_held = false;
	http_fixture_send(&s->second, "PATCH", V2 "/a", MERGE, "{\"spec\":{\"port\":\"3\"}}");
	hook_run_until(&s->hook, &s->is_held);
	http_fixture_disconnect(&s->second);
	expect(s, 200, "GET", V1 "/a", NULL, "\"hostPort\":\"h:1\"");
	http_fixture_connect(&s->second, &s->f);
	s->is_held = false;
	http_fixture_send(&s->second, "GET", V2 "?watch=true", NULL, NULL);
	hook_run_until(&s->hook, &s->is_held); /* the end of the server finds it waiting */
}

/* A rule about v2 is asked about what comes as v1, in v2, and its patch comes back as v1. */
static void test_admission(void **state)
{
	struct setup *s = *state;

	expect(s, 201, "POST",
	       "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
	       str_printf_in(&s->arena,
			     "{\"metadata\":{\"name\":\"m\"},\"webhooks\":[{\"name\":\"a.example."
			     "com\",\"clientConfig\":{"
			     "\"url\":\"https://127.0.0.1:%u/admit\",\"caBundle\":\"" STR_FMT
			     "\"},\"sideEffects\":\"None\","
			     "\"admissionReviewVersions\":[\"v1\"],\"rules\":[{\"apiGroups\":["
			     "\"example.com\"],"
			     "\"apiVersions\":[\"v2\"],\"operations\":[\"CREATE\"],\"resources\":["
			     "\"things\"]}]}]}",
			     s->hook.port, STR_ARG(s->hook.ca_base64))
		       .ptr,
	       NULL);
	expect(s, 201, "POST", V1,
	       THING_OF_V1 "\"metadata\":{\"name\":\"a\"},\"spec\":{\"hostPort\":\"h:1\"}}",
	       "\"hostPort\":\"h:99\"");
	expect_calls(s, 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setup, close_setup)
		TEST(test_reading),   TEST(test_writing),  TEST(test_mixed),
		TEST(test_watch),     TEST(test_failures), TEST(test_gone),
		TEST(test_admission), TEST(test_owners),   TEST(test_owners_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
