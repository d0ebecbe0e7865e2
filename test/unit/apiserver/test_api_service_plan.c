/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about APIServices and what is said of a user to those behind. Breaks when a server is
 * believed to be there that is not (or the other way round), when an administrator's object is
 * changed or one of this server's own is not, when groups come in another order than upstream's, or
 * when a header says something else than the user is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/api_service_plan.h"
#include "apiserver/front_proxy.h"
#include "codec/yaml.h"

static struct blob *blob_of(const char *yaml)
{
	AUTO_JSON_MUT doc = yaml_parse(str_from(yaml), 1u << 16, NULL);

	assert_non_null(doc);
	return json_mut_to_blob(yyjson_mut_doc_get_root(doc));
}

#define SERVICE(type, port)                                      \
	"{metadata: {name: s, namespace: n}, spec: {type: " type \
	", ports: [{name: https, port: " port "}]}}"
#define SLICE(name, ready)                                                                     \
	"{metadata: {name: x, namespace: n}, endpoints: [{addresses: [10.0.0.1], conditions: " \
	"{" ready "}}], ports: [{name: " name ", port: 8443}]}"

static void test_judge(void **state)
{
	static const struct {
		const char *service, *slices[2], *reason, *message;
	} cases[] = {
		{ NULL, { NULL }, "ServiceNotFound", "service/s in \"n\" is not present" },
		{ SERVICE("ClusterIP", "444"),
		  { NULL },
		  "ServicePortError",
		  "service/s in \"n\" is not listening on port 443" },
		{ SERVICE("ClusterIP", "443"),
		  { NULL },
		  "EndpointsNotFound",
		  "cannot find endpointslices for service/s in \"n\"" },
		{ SERVICE("ClusterIP", "443"),
		  { SLICE("https", "ready: false") },
		  "MissingEndpoints",
		  "endpointslices for service/s in \"n\" have no addresses with port name "
		  "\"https\"" },
		{ SERVICE("ClusterIP", "443"),
		  { SLICE("other", "ready: true") },
		  "MissingEndpoints",
		  "endpointslices for service/s in \"n\" have no addresses with port name "
		  "\"https\"" },
		{ SERVICE("ClusterIP", "443"),
		  { SLICE("other", "ready: true"), SLICE("https", "serving: true") } },
		{ SERVICE("ExternalName", "444"), { NULL } },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct api_service_view view = { .namespace_ = STR("n"),
						 .name = STR("s"),
						 .port = 443 };
		const struct obj *slices[2];
		struct blob *blobs[3] = { NULL };
		struct api_service_verdict verdict;
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		view.slices = slices;
		if (cases[i].service) {
			blobs[2] = blob_of(cases[i].service);
			view.service = obj_get(blobs[2]);
		}
		for (size_t j = 0; j < 2 && cases[i].slices[j]; j++) {
			blobs[j] = blob_of(cases[i].slices[j]);
			slices[view.slice_count++] = obj_get(blobs[j]);
		}
		api_service_judge(&view, &arena, &verdict);
		assert_int_equal(verdict.needs_discovery, !cases[i].reason);
		if (cases[i].reason) {
			assert_string_equal(verdict.status, "False");
			assert_string_equal(verdict.reason, cases[i].reason);
			assert_true(str_eq_c(verdict.message, cases[i].message));
		}
		for (size_t j = 0; j < 3; j++)
			blob_unref(blobs[j]);
	}
}

#define MANAGED(how, priority)                                                               \
	"{metadata: {name: v1.g, labels: {kube-aggregator.kubernetes.io/automanaged: \"" how \
	"\"}}, spec: {group: g, version: v1, groupPriorityMinimum: " priority                \
	", versionPriority: 100}}"

static void test_registration(void **state)
{
	static const struct {
		enum api_service_care care;
		const char *object;
		bool was_there, was_synced;
		enum api_service_action want;
	} cases[] = {
		{ API_SERVICE_UNWANTED, NULL, false, false, API_SERVICE_LEAVE },
		{ API_SERVICE_ALWAYS, NULL, false, true, API_SERVICE_CREATE },
		{ API_SERVICE_ON_START, NULL, false, false, API_SERVICE_CREATE },
		/* an administrator took it away, or changed it, since the start */
		{ API_SERVICE_ON_START, NULL, true, true, API_SERVICE_LEAVE },
		{ API_SERVICE_ON_START, MANAGED("onstart", "7"), true, true, API_SERVICE_LEAVE },
		{ API_SERVICE_ON_START, MANAGED("onstart", "7"), true, false, API_SERVICE_UPDATE },
		{ API_SERVICE_ON_START, MANAGED("onstart", "1000"), true, false,
		  API_SERVICE_LEAVE },
		{ API_SERVICE_ALWAYS, MANAGED("true", "7"), false, true, API_SERVICE_UPDATE },
		{ API_SERVICE_ALWAYS, MANAGED("true", "1000"), false, true, API_SERVICE_LEAVE },
		{ API_SERVICE_UNWANTED, MANAGED("true", "1000"), false, true, API_SERVICE_DELETE },
		{ API_SERVICE_UNWANTED, MANAGED("onstart", "1000"), true, false,
		  API_SERVICE_DELETE },
		{ API_SERVICE_UNWANTED, MANAGED("onstart", "1000"), false, false,
		  API_SERVICE_LEAVE },
		/* somebody else's */
		{ API_SERVICE_UNWANTED, MANAGED("", "1000"), true, false, API_SERVICE_LEAVE },
		{ API_SERVICE_ALWAYS, MANAGED("no", "7"), true, false, API_SERVICE_LEAVE },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct api_service_wish wish = { cases[i].care, 1000, 100 };
		struct blob *blob = cases[i].object ? blob_of(cases[i].object) : NULL;
		struct api_service_state was = { blob ? obj_get(blob) : NULL, cases[i].was_there,
						 cases[i].was_synced };

		if (api_service_plan(&wish, &was) != cases[i].want)
			fail_msg("case %zu", i);
		blob_unref(blob);
	}
}

/* The best version's priority counts for its group, whose versions stay together. */
static void test_order(void **state)
{
	struct api_group_version list[] = {
		{ STR("b"), STR("v1"), 1000, 100, NULL },
		{ STR("a"), STR("v1alpha1"), 1000, 100, NULL },
		{ STR("a"), STR("v2"), 1000, 100, NULL },
		{ STR("z"), STR("v1beta1"), 2000, 10, NULL },
		{ STR("z"), STR("v1"), 10, 20, NULL },
		{ STR("a"), STR("v1beta1"), 1000, 100, NULL },
		{ STR("m"), STR("v1"), 1500, 15, NULL },
	};
	static const char *const want[] = { "z/v1",	 "z/v1beta1",  "m/v1", "a/v2",
					    "a/v1beta1", "a/v1alpha1", "b/v1" };

	api_group_versions_sort(list, ARRAY_COUNT(list));
	for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
		char text[64];

		snprintf(text, sizeof(text), STR_FMT "/" STR_FMT, STR_ARG(list[i].group),
			 STR_ARG(list[i].version));
		assert_string_equal(text, want[i]);
	}
}

static void test_headers(void **state)
{
	static const struct str groups[] = { STR_INIT("g1"), STR_INIT("g2") },
				values[] = { STR_INIT("x"), STR_INIT("y z") };
	struct user_extra extra = { STR("a.b/c%d"), { values, 2 } };
	struct user user = { STR("u"), STR("id"), groups, 2, &extra, 1 };
	static const char *const want[][2] = {
		{ "X-Remote-User", "u" },
		{ "X-Remote-Uid", "id" },
		{ "X-Remote-Group", "g1" },
		{ "X-Remote-Group", "g2" },
		{ "X-Remote-Extra-a.b%2Fc%25d", "x" },
		{ "X-Remote-Extra-a.b%2Fc%25d", "y z" },
	};
	struct http_headers headers;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(front_proxy_headers(&user, &arena, &headers, &err), 0);
	assert_int_equal(headers.count, ARRAY_COUNT(want));
	for (size_t i = 0; i < headers.count; i++) {
		assert_true(str_eq_c(headers.list[i].name, want[i][0]));
		assert_true(str_eq_c(headers.list[i].value, want[i][1]));
		assert_true(front_proxy_is_own(headers.list[i].name));
	}
	assert_true(front_proxy_is_own(STR("x-remote-EXTRA-any")));
	assert_false(front_proxy_is_own(STR("X-Remote-Users")));
	user.name = STR("u\r\nX-Remote-Group: system:masters");
	assert_true(front_proxy_headers(&user, &arena, &headers, &err) < 0);
	assert_string_equal(err.msg, "net/http: invalid header field value for \"X-Remote-User\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_registration),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
