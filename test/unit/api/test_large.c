/* SPDX-License-Identifier: Apache-2.0 */
/* Maps and lists as large as a body may have them. What looks each member up by a walk over the
 * others holds up the loop, and every client with it: for these sizes from a minute to days, so
 * that such a test does not end within its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/limit_range.h"
#include "api/object.h"
#include "api/resource_list.h"
#include "api/selector.h"
#include "api/strategic.h"
#include "api/structural.h"

#define MEMBERS 100000
#define BYTES_MAX (8u << 20)

/* {"k00000":"v",...} or in reverse order; format writes one member from its number. */
static void put_members(struct buf *to, const char *format, size_t count, bool backwards)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_char(to, ',');
		buf_printf(to, format, backwards ? count - 1 - i : i);
	}
}

static yyjson_doc *read_all(struct buf *text)
{
	struct err err = { 0 };
	yyjson_doc *doc = json_parse(buf_str(text), BYTES_MAX, &err);

	if (!doc)
		fail_msg("%s", err.msg);
	return doc;
}

static yyjson_doc *make_labels(const char *format, bool backwards)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"metadata\":{\"labels\":{");
	put_members(&text, format, MEMBERS, backwards);
	buf_put_c(&text, "}}}");
	return read_all(&text);
}

static void test_strategic(void **state)
{
	/* Would break: one patch of a large map keeps all other clients waiting for minutes. */
	static const struct {
		const char *format;
		size_t left;
		const char *value; /* of k000007 */
	} cases[] = {
		{ "\"k%06zu\":\"w\"", MEMBERS, "w" },
		{ "\"k%06zu\":null", 0, NULL },
		{ "\"n%06zu\":\"w\"", 2 * MEMBERS, "v" },
		{ "\"k000007\":null,\"k000007\":\"%zu\"", MEMBERS, "0" },
	};
	AUTO_JSON target = make_labels("\"k%06zu\":\"v\"", false);

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_JSON patch = make_labels(cases[i].format, true);
		struct err err = { 0 };
		AUTO_JSON_MUT result = strategic_merge(kind_pod.schema, yyjson_doc_get_root(target),
						       yyjson_doc_get_root(patch), &err);
		yyjson_mut_val *labels;

		assert_non_null(result);
		labels = json_mut_get(yyjson_mut_doc_get_root(result), "metadata.labels");
		assert_int_equal(yyjson_mut_obj_size(labels), cases[i].left);
		assert_true(str_eq(json_mut_get_str(labels, "k000007"), str_from(cases[i].value)));
	}
}

static void test_selector(void **state)
{
	/* Would break: a Deployment that selects by many labels, or a pod that has them. */
	AUTO_JSON labels = make_labels("\"k%06zu\":\"v\"", false);
	AUTO_JSON_MUT copy = json_thaw(yyjson_doc_get_root(labels));
	AUTO_JSON wanted = make_labels("\"k%06zu\":\"v\"", true);
	AUTO_BUF text = { 0 };
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	struct selector s;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"matchLabels\":");
	json_write(json_get(yyjson_doc_get_root(wanted), "metadata.labels"), &text);
	buf_put_char(&text, '}');
	AUTO_JSON selector = read_all(&text);
	assert_int_equal(selector_from_object(yyjson_doc_get_root(selector), &arena, &s, &err), 0);
	assert_true(selector_matches(&s, json_get(yyjson_doc_get_root(labels), "metadata.labels")));
	assert_true(selector_matches_mut(
		&s, json_mut_get(yyjson_mut_doc_get_root(copy), "metadata.labels")));
	json_set_str(copy, json_mut_get(yyjson_mut_doc_get_root(copy), "metadata.labels"),
		     "k000000", STR("other"));
	assert_false(selector_matches_mut(
		&s, json_mut_get(yyjson_mut_doc_get_root(copy), "metadata.labels")));
}

static void test_resources(void **state)
{
	/* Would break: a quota or a pod that names many resources. */
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct resource_list list, sum;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, BYTES_MAX);
	buf_put_char(&text, '{');
	put_members(&text, "\"r%zu\":\"2\"", MEMBERS, false);
	buf_put_char(&text, '}');
	AUTO_JSON amounts = read_all(&text);
	resource_list_init(&list, &arena);
	resource_list_init(&sum, &arena);
	resource_list_read(&list, yyjson_doc_get_root(amounts));
	resource_list_sum(&sum, &list);
	resource_list_sum(&sum, &list);
	assert_int_equal(list.count, MEMBERS);
	assert_int_equal(sum.count, MEMBERS);
	assert_int_equal(quantity_value(resource_list_get(&sum, STR("r99999"))), 4);
	assert_null(resource_list_get(&sum, STR("r100000")));
}

/* A new object of this text: how many things are wrong with it. */
static size_t count_errors(const struct kind *kind, struct buf *text)
{
	struct decode_options options = { .kind = kind, .check = FIELDS_STRICT };
	struct object_birth birth = { .namespace_ = STR("default"),
				      .uid = STR("u-1"),
				      .suffix = STR("abcde") };
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	struct field_errors errors;
	yyjson_mut_doc *doc = object_decode(buf_str(text), &options, &err);
	struct edit edit = { .kind = kind, .doc = doc, .arena = &arena, .now_ns = 1 };

	if (!doc)
		fail_msg("%s", err.msg);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	edit.root = yyjson_mut_doc_get_root(doc);
	object_default(&edit);
	assert_int_equal(object_prepare_create(&edit, &birth, &err), 0);
	field_errors_init(&errors, &arena);
	object_validate_create(&edit, &errors);
	json_mut_free(doc);
	return errors.count;
}

static void test_objects(void **state)
{
	/* Would break: checking one object of many members takes minutes, or days. */
	AUTO_BUF text = { 0 };

	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"metadata\":{\"name\":\"a\"},\"data\":{");
	put_members(&text, "\"k%06zu\":\"\"", MEMBERS, false);
	buf_put_c(&text, "},\"binaryData\":{");
	put_members(&text, "\"b%06zu\":\"\"", MEMBERS, true);
	buf_put_c(&text, "}}");
	assert_int_equal(count_errors(&kind_configmap, &text), 0);

	buf_reset(&text);
	buf_put_c(&text, "{\"metadata\":{\"name\":\"a\"},\"data\":{");
	put_members(&text, "\"k%06zu\":\"\"", MEMBERS, false);
	buf_put_c(&text, "},\"stringData\":{");
	put_members(&text, "\"k%06zu\":\"x\"", MEMBERS, true);
	buf_put_c(&text, "}}");
	assert_int_equal(count_errors(&kind_secret, &text), 0);

	buf_reset(&text);
	buf_put_c(&text, "{\"metadata\":{\"name\":\"a\"},\"webhooks\":[");
	put_members(&text,
		    "{\"name\":\"h%zu.b.c\",\"admissionReviewVersions\":[\"v1\"],\"sideEffects\":"
		    "\"None\",\"clientConfig\":{\"url\":\"https://x/\"}}",
		    MEMBERS / 10, false);
	buf_put_c(&text, "]}");
	assert_int_equal(count_errors(&kind_validatingwebhookconfiguration, &text), 0);
}

static void test_repeated_keys(void **state)
{
	/* Would break: a body that has one key over and over, behind many others. */
	AUTO_BUF text = { 0 };
	struct err err = { 0 };
	struct decode_options options = { .kind = &kind_configmap, .bytes_max = BYTES_MAX };
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *labels;

	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"metadata\":{\"labels\":{");
	put_members(&text, "\"k%06zu\":\"v\"", MEMBERS, false);
	buf_put_char(&text, ',');
	put_members(&text, "\"k099999\":\"%zu\"", MEMBERS, true);
	buf_put_c(&text, "}}}");
	doc = object_decode(buf_str(&text), &options, &err);
	assert_non_null(doc);
	labels = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata.labels");
	assert_int_equal(yyjson_mut_obj_size(labels), MEMBERS);
	assert_true(str_eq_c(json_mut_get_str(labels, "k099999"), "0"));
}

/* All that is done for a new object and for an update of it, whatever is wrong with it. */
static void write_object(const struct kind *kind, const char *subresource, struct buf *text)
{
	struct decode_options options = { .kind = kind };
	struct object_birth birth = { .uid = STR("u-1"), .suffix = STR("abcde") };
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	struct field_errors errors;
	AUTO_JSON_MUT doc = object_decode(buf_str(text), &options, &err);
	AUTO_JSON old = NULL;
	AUTO_JSON_MUT next = NULL;
	struct edit edit = { .kind = kind, .doc = doc, .arena = &arena, .now_ns = 1 };

	if (!doc)
		fail_msg("%s", err.msg);
	arena_init(&arena, (size_t)1 << 30);
	edit.root = yyjson_mut_doc_get_root(doc);
	json_set_path_str(doc, edit.root, "metadata.name", STR("a"));
	json_set_path_str(doc, edit.root, "metadata.resourceVersion", STR("1"));
	old = json_freeze(edit.root);
	(void)json_remove_path(edit.root, "metadata.resourceVersion"); /* a new one has none */
	object_default(&edit);
	assert_int_equal(object_prepare_create(&edit, &birth, &err), 0);
	field_errors_init(&errors, &arena);
	object_validate_create(&edit, &errors);
	next = json_thaw(yyjson_doc_get_root(old));
	edit.doc = next;
	edit.root = yyjson_mut_doc_get_root(next);
	edit.old = yyjson_doc_get_root(old);
	edit.subresource = str_from(subresource);
	json_set_path_str(next, edit.root, "metadata.labels.x", STR("y"));
	object_default(&edit);
	if (object_prepare_update(&edit, &err) < 0)
		fail_msg("%s", err.msg);
	field_errors_init(&errors, &arena);
	object_validate_update(&edit, &errors);
}

static const struct {
	const struct kind *kind;
	const char *subresource, *before, *first, *between, *second, *after;
	size_t divided_by;
} lists[] = {
	{ &kind_pod, "",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\"}],"
	  "\"tolerations\":[",
	  "{\"key\":\"k%zu\",\"operator\":\"Exists\"}", "],\"schedulingGates\":[",
	  "{\"name\":\"g%zu\"}", "]}}", 4 },
	{ &kind_pod, "",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\"}],"
	  "\"schedulingGates\":[{\"name\":\"g\"}],\"nodeSelector\":{",
	  "\"k%zu\":\"v\"", "},\"volumes\":[",
	  "{\"name\":\"v%1$zu\",\"persistentVolumeClaim\":{\"claimName\":\"c%1$zu\"}}", "]}}", 8 },
	{ &kind_pod, "",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\","
	  "\"resources\":{\"limits\":{",
	  "\"a.b/%zu\":\"1\"", "}},\"resizePolicy\":[",
	  "{\"resourceName\":\"r%zu\",\"restartPolicy\":\"NotRequired\"}", "]}]}}", 8 },
	{ &kind_pod, "",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\","
	  "\"volumeMounts\":[",
	  "{\"name\":\"m%1$zu\",\"mountPath\":\"/m%1$zu\"}", "],\"volumeDevices\":[",
	  "{\"name\":\"d%1$zu\",\"devicePath\":\"/d%1$zu\"}", "]}]}}", 8 },
	{ &kind_pod, "ephemeralcontainers", "{\"spec\":{\"containers\":[",
	  "{\"name\":\"c%zu\",\"image\":\"a\"}", "],\"ephemeralContainers\":[",
	  "{\"name\":\"e%1$zu\",\"image\":\"a\",\"targetContainerName\":\"c%1$zu\"}", "]}}", 40 },
	{ &kind_pod, "status",
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"a\"}],"
	  "\"resourceClaims\":[",
	  "{\"name\":\"c%zu\",\"resourceClaimName\":\"x\"}",
	  "]},\"status\":{\"resourceClaimStatuses\":[", "{\"name\":\"c%zu\"}", "]}}", 8 },
	{ &kind_service, "", "{\"spec\":{\"type\":\"NodePort\",\"ports\":[",
	  "{\"name\":\"p%zu\",\"port\":80}", "],\"externalIPs\":[", "\"10.0.%zu.1\"", "]}}", 8 },
	{ &kind_runtimeclass, "", "{\"handler\":\"a\",\"scheduling\":{\"tolerations\":[",
	  "{\"key\":\"k%zu\",\"operator\":\"Exists\"}", "],\"nodeSelector\":{", "\"k%zu\":\"\"",
	  "}}}", 8 },
	{ &kind_resourcequota, "", "{\"spec\":{\"scopes\":[", "\"s%zu\"", "],\"hard\":{",
	  "\"a.b/%zu\":\"1\"", "}}}", 8 },
	{ &kind_limitrange, "", "{\"spec\":{\"limits\":[{\"type\":\"Container\",\"max\":{",
	  "\"a.b/%zu\":\"1\"", "},\"min\":{", "\"a.c/%zu\":\"1\"", "}}]}}", 8 },
	{ &kind_node, "status", "{\"status\":{\"capacity\":{", "\"a.b/%zu\":\"1\"",
	  "},\"addresses\":[", "{\"type\":\"Hostname\",\"address\":\"n%zu\"}", "]}}", 4 },
	{ &kind_certificatesigningrequest, "status",
	  "{\"spec\":{\"signerName\":\"a.b/c\","
	  "\"request\":\"YQ==\",\"usages\":[",
	  "\"u%zu\"", "]},\"status\":{\"conditions\":[", "{\"type\":\"c%zu\",\"status\":\"True\"}",
	  "]}}", 8 },
	{ &kind_customresourcedefinition, "",
	  "{\"spec\":{\"group\":\"b\",\"versions\":[{"
	  "\"name\":\"v1\",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
	  "\"properties\":{\"l\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\","
	  "\"x-kubernetes-list-map-keys\":[",
	  "\"k%zu\"",
	  "],\"items\":{\"type\":\"object\","
	  "\"properties\":{",
	  "\"p%zu\":{\"type\":\"string\"}", "}}}}}}}]}}", 20 },
};

/* Objects with two long lists each, created and then updated by a copy of another label. Would
 * break: who may write pods, limits or requests for certificates stops the server with one of them.
 */
static void test_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		AUTO_BUF text = { 0 };

		buf_init(&text, BYTES_MAX);
		buf_put_c(&text, lists[i].before);
		put_members(&text, lists[i].first, MEMBERS / lists[i].divided_by, false);
		buf_put_c(&text, lists[i].between);
		put_members(&text, lists[i].second, MEMBERS / lists[i].divided_by, true);
		buf_put_c(&text, lists[i].after);
		write_object(lists[i].kind, lists[i].subresource, &text);
	}
}

static void test_untold_errors(void **state)
{
	/* Would break: what stands behind more errors than are told is taken for right, and a Job
	 * without a selector ends the server. */
	AUTO_BUF text = { 0 };

	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"manualSelector\":true,"
			 "\"template\":{\"spec\":{\"volumes\":[");
	put_members(&text, "{\"name\":\"V_%zu\"}", FIELD_ERRORS_MAX + 1, false);
	buf_put_c(&text, "]}}}}");
	assert_int_equal(count_errors(&kind_job, &text), FIELD_ERRORS_MAX);
}

static void test_limits(void **state)
{
	/* Would break: each pod beside a LimitRange that names many resources. */
	AUTO_BUF text = { 0 };
	AUTO_ARENA arena = { 0 };
	yyjson_mut_val *limits;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"spec\":{\"limits\":[{\"type\":\"Container\",\"default\":{");
	put_members(&text, "\"e.io/r%zu\":\"2\"", MEMBERS, false);
	buf_put_c(&text, "}}]}}");
	AUTO_JSON range = read_all(&text);
	buf_reset(&text);
	buf_put_c(&text, "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\"}");
	for (size_t i = 0; i < 1000; i++) /* too large as a whole: it ends there */
		buf_printf(&text, ",{\"name\":\"b%zu\"}", i);
	buf_put_c(&text, "]}}");
	AUTO_JSON parsed = read_all(&text);
	AUTO_JSON_MUT pod = json_thaw(yyjson_doc_get_root(parsed));
	limit_range_default(yyjson_doc_get_root(range), pod, yyjson_mut_doc_get_root(pod), &arena);
	limits = json_mut_get(yyjson_mut_doc_get_root(pod), "spec.containers.0.resources.limits");
	assert_int_equal(yyjson_mut_obj_size(limits), MEMBERS);
	assert_null(json_mut_get(yyjson_mut_doc_get_root(pod), "spec.containers.1000.resources"));
}

/* One schema of many properties; of an object every other one is there, from the last to
 * the first. */
static void test_properties(void **state)
{
	/* Would break: one object of a definition with many properties holds up all
	 * clients. */
	AUTO_BUF text = { 0 };
	AUTO_BUF body = { 0 };
	AUTO_JSON schema = NULL;
	AUTO_JSON object = NULL;
	AUTO_JSON_MUT doc = json_new();
	AUTO_STRUCTURAL_NAMES names = { 0 };
	struct structural s = { .names = &names };
	struct field_errors errors;
	AUTO_ARENA arena = { 0 };
	yyjson_mut_val *copy;

	(void)state; /* no fixture */
	buf_init(&text, BYTES_MAX);
	buf_put_c(&text, "{\"required\":[");
	put_members(&text, "\"k%06zu\"", MEMBERS, true);
	buf_put_c(&text, "],\"properties\":{");
	put_members(&text, "\"k%06zu\":{\"default\":\"d\"}", MEMBERS, false);
	buf_put_c(&text, "}}");
	schema = read_all(&text);
	buf_init(&body, BYTES_MAX);
	buf_put_c(&body, "{");
	put_members(&body, "\"k%05zu0\":\"v\"", MEMBERS / 10, true);
	buf_put_c(&body, "}");
	object = read_all(&body);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	field_errors_init(&errors, &arena);
	structural_names_init(&names);
	s.schema = yyjson_doc_get_root(schema);
	assert_true(structural_is_pruned(yyjson_doc_get_root(object), s));
	copy = structural_copy(doc, yyjson_doc_get_root(object), s, NULL, NULL);
	structural_drop_nulls(copy, s);
	structural_default(doc, copy, s);
	assert_int_equal(yyjson_mut_obj_size(copy), MEMBERS);
	assert_string_equal(json_mut_get_str(copy, "k000020").ptr, "v");
	structural_validate(copy, yyjson_doc_get_root(object), s, &errors);
	structural_validate_lists(copy, NULL, s, &errors);
	assert_int_equal(errors.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strategic),     cmocka_unit_test(test_selector),
		cmocka_unit_test(test_resources),     cmocka_unit_test(test_objects),
		cmocka_unit_test(test_untold_errors), cmocka_unit_test(test_repeated_keys),
		cmocka_unit_test(test_lists),	      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
