/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an object from bytes to the store: what is refused, left out, filled in and checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/limits.h"
#include "api/object.h"

#define NOW_NS INT64_C(1700000000000000000)

static yyjson_mut_doc *decode(const struct kind *kind, const char *text, enum field_check check,
			      struct notices *notices, struct err *err)
{
	struct decode_options options = { .kind = kind, .check = check, .notices = notices };

	return object_decode(str_from(text), &options, err);
}

static void test_refused_bodies(void **state)
{
	/* Would break: kubectl shows something else than it does against other servers. */
	static const struct {
		const struct kind *kind;
		const char *text, *message;
	} cases[] = {
		{ &kind_deployment, "{\"spec\":{\"replicas\":\"3\"}}",
		  "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot "
		  "unmarshal "
		  "string into Go struct field DeploymentSpec.spec.replicas of type int32" },
		{ &kind_pod, "{\"spec\":{\"containers\":[{\"name\":\"a\",\"ports\":{}}]}}",
		  "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal object "
		  "into "
		  "Go struct field Container.spec.containers.ports of type []v1.ContainerPort" },
		{ &kind_pod, "{\"metadata\":{\"labels\":{\"a\":1}}}",
		  "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal number "
		  "into Go "
		  "struct field ObjectMeta.metadata.labels of type string" },
		{ &kind_pod,
		  "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"x\"}}}]}}",
		  "Pod in version \"v1\" cannot be handled as a Pod: quantities must match the "
		  "regular "
		  "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
		{ &kind_deployment, "{\"apiVersion\":\"v1\",\"kind\":\"Deployment\"}",
		  "the API version in the data (v1) does not match the expected API version "
		  "(apps/v1)" },
		{ &kind_pod, "{\"spec\":{\"priority\":4294967296}}",
		  "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal number "
		  "4294967296 into Go struct field PodSpec.spec.priority of type int32" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(decode(cases[i].kind, cases[i].text, FIELDS_STRICT, NULL, &err));
		assert_string_equal(err.msg, cases[i].message);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void test_unknown_fields(void **state)
{
	/* Would break: --validate=strict, warn and ignore. */
	static const char text[] =
		"{\"metadata\":{\"name\":\"x\",\"foo\":1},\"spec\":{\"replicas\":1,"
		"\"replicas\":2,\"template\":{\"spec\":{\"containers\":[{\"bar\":2}]}}}}";
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_MUT doc = NULL;
	struct notices notices;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	notices_init(&notices, &arena);
	assert_null(decode(&kind_deployment, text, FIELDS_STRICT, NULL, &err));
	assert_string_equal(
		err.msg,
		"Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding "
		"error: unknown field \"metadata.foo\", duplicate field \"spec.replicas\", "
		"unknown field \"spec.template.spec.containers[0].bar\"");
	doc = decode(&kind_deployment, text, FIELDS_WARN, &notices, &err);
	assert_non_null(doc);
	assert_int_equal(notices.count, 3);
	assert_true(str_eq_c(notices.items[0], "unknown field \"metadata.foo\""));
	assert_int_equal(json_mut_get_int(yyjson_mut_doc_get_root(doc), "spec.replicas", 0), 2);
	assert_null(json_mut_get(yyjson_mut_doc_get_root(doc), "metadata.foo"));
}

static void test_canonical(void **state)
{
	/* Would break: objects differ from what Go would write, so that every apply finds a change.
	 */
	static const struct {
		const struct kind *kind;
		const char *text, *want;
	} cases[] = {
		{ &kind_configmap,
		  "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":null},\"immutable\":false}",
		  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"c\"},"
		  "\"data\":{\"a\":\"\"},\"immutable\":false}" },
		{ &kind_secret, "{\"data\":{\"k\":\"aGk=\"},\"metadata\":{\"labels\":{}}}",
		  "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"data\":{\"k\":\"aGk=\"},"
		  "\"metadata\":{},"
		  "\"type\":\"Opaque\"}" },
		{ &kind_lease,
		  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"\",\"renewTime\":"
		  "\"2024-01-02T03:04:05+01:00\"}}",
		  "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/"
		  "v1\",\"metadata\":{\"name\":\"l\"},"
		  "\"spec\":{\"holderIdentity\":\"\",\"renewTime\":\"2024-01-02T02:04:05.000000Z\"}"
		  "}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = { 0 };
		AUTO_JSON_MUT doc = decode(cases[i].kind, cases[i].text, FIELDS_STRICT, NULL, &err);
		AUTO_BUF text = { 0 };

		if (!doc)
			fail_msg("%s", err.msg);
		buf_init(&text, 10000);
		json_mut_write(yyjson_mut_doc_get_root(doc), &text);
		assert_string_equal(text.ptr, cases[i].want);
	}
}

struct made {
	yyjson_mut_doc *doc;
	struct arena arena;
	struct edit edit;
	struct field_errors errors;
	struct buf text;
};

/* Decoded, defaulted, prepared and checked as a create does. */
static void make(struct made *m, const struct kind *kind, const char *text, const char *old)
{
	struct object_birth birth = { STR("default"), STR("uid-1"), STR("abcde") };
	struct err err = { 0 };
	yyjson_doc *old_doc = old ? json_parse(str_from(old), 100000, NULL) : NULL;
	int failed;

	arena_init(&m->arena, ARENA_DEFAULT_MAX);
	buf_init(&m->text, 100000);
	m->doc = decode(kind, text, FIELDS_STRICT, NULL, &err);
	if (!m->doc)
		fail_msg("%s", err.msg);
	m->edit = (struct edit){ .kind = kind,
				 .doc = m->doc,
				 .root = yyjson_mut_doc_get_root(m->doc),
				 .old = yyjson_doc_get_root(old_doc),
				 .arena = &m->arena,
				 .now_ns = NOW_NS };
	object_default(&m->edit);
	failed = old ? object_prepare_update(&m->edit, &err)
		     : object_prepare_create(&m->edit, &birth, &err);
	if (failed < 0)
		fail_msg("%s", err.msg);
	field_errors_init(&m->errors, &m->arena);
	if (old)
		object_validate_update(&m->edit, &m->errors);
	else
		object_validate_create(&m->edit, &m->errors);
	field_errors_write(&m->errors, &m->text);
	json_free(old_doc);
	m->edit.old = NULL;
}

static void unmake(struct made *m)
{
	buf_deinit(&m->text);
	json_mut_free(m->doc);
	arena_deinit(&m->arena);
}

static void test_birth(void **state)
{
	/* Would break: what the server owns comes from the client, or generated names differ. */
	struct made m;

	make(&m, &kind_pod,
	     "{\"metadata\":{\"generateName\":\"web-\",\"uid\":\"mine\",\"generation\":9,"
	     "\"selfLink\":\"/x\"},"
	     "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1.2\",\"resources\":{"
	     "\"limits\":"
	     "{\"cpu\":\"1\",\"memory\":\"1Gi\"}}}]},\"status\":{\"phase\":\"Running\"}}",
	     NULL);
	assert_string_equal(m.text.ptr, "");
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "metadata.name"), "web-abcde"));
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "metadata.uid"), "uid-1"));
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "metadata.namespace"), "default"));
	assert_int_equal(json_mut_get_int(m.edit.root, "metadata.generation", 0), 1);
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "status.phase"), "Pending"));
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "status.qosClass"), "Guaranteed"));
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "spec.containers.0.imagePullPolicy"),
			     "IfNotPresent"));
	assert_true(str_eq_c(
		json_mut_get_str(m.edit.root, "spec.containers.0.resources.requests.cpu"), "1"));
	unmake(&m);
}

static void test_checks(void **state)
{
	/* Would break: bad objects get in, or are refused in other words than clients know. */
	static const struct {
		const struct kind *kind;
		const char *text, *want; /* part of the list of errors; "" = accepted */
	} cases[] = {
		{ &kind_deployment, "{\"metadata\":{\"name\":\"d\"},\"spec\":{}}",
		  "spec.selector: Required value, spec.template.spec.containers: Required value" },
		{ &kind_deployment,
		  "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":"
		  "\"b\"}},"
		  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"c\"}},\"spec\":{\"containers\":"
		  "[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does "
		  "not match "
		  "template `labels`" },
		{ &kind_configmap, "{\"metadata\":{\"name\":\"A\"}}",
		  "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain" },
		{ &kind_configmap, "{\"metadata\":{}}",
		  "metadata.name: Required value: name or generateName is required" },
		{ &kind_configmap, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"a/b\":\"\"}}",
		  "data[a/b]: Invalid value: \"a/b\": a valid config key" },
		{ &kind_service,
		  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":0}]}}",
		  "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive" },
		{ &kind_service,
		  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"Odd\",\"ports\":[{\"port\":"
		  "1}]}}",
		  "spec.type: Unsupported value: \"Odd\": supported values: \"ClusterIP\"" },
		{ &kind_pod,
		  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\","
		  "\"image\":\"i\"},{\"name\":\"a\",\"image\":\"i\"}]}}",
		  "spec.containers[1].name: Duplicate value: \"a\"" },
		{ &kind_namespace, "{\"metadata\":{\"name\":\"a.b\"}}", "must not contain dots" },
		{ &kind_secret, "{\"metadata\":{\"name\":\"t\"},\"type\":\"kubernetes.io/tls\"}",
		  "[data[tls.crt]: Required value, data[tls.key]: Required value]" },
		{ &kind_lease,
		  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"leaseDurationSeconds\":0}}",
		  "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct made m;

		make(&m, cases[i].kind, cases[i].text, NULL);
		if (*cases[i].want ? !strstr(m.text.ptr, cases[i].want) : m.text.len > 0)
			fail_msg("%s: %s", cases[i].text, m.text.ptr);
		unmake(&m);
	}
}

static void test_updates(void **state)
{
	/* Would break: what must not change changes, or generation does not count what is wanted.
	 */
	static const char deployment[] = "{\"metadata\":{\"name\":\"d\",\"namespace\":\"default\","
					 "\"uid\":\"u\",\"generation\":3,"
					 "\"resourceVersion\":\"7\",\"creationTimestamp\":\"2024-"
					 "01-02T03:04:05Z\"},\"spec\":{"
					 "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
					 "\"replicas\":1,\"template\":{\"metadata\":"
					 "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[]}}}"
					 ",\"status\":{\"replicas\":5}}";
	struct made m;

	make(&m, &kind_deployment,
	     "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"x\"}}"
	     ","
	     "\"template\":{\"metadata\":{\"labels\":{\"a\":\"x\"}},\"spec\":{\"containers\":[{"
	     "\"name\":\"c\","
	     "\"image\":\"i\"}]}}},\"status\":{\"replicas\":99}}",
	     deployment);
	assert_string_equal(m.text.ptr,
			    "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"x\"}}: "
			    "field is immutable");
	assert_int_equal(json_mut_get_int(m.edit.root, "metadata.generation", 0), 4);
	assert_int_equal(json_mut_get_int(m.edit.root, "status.replicas", 0), 5);
	assert_true(str_eq_c(json_mut_get_str(m.edit.root, "metadata.uid"), "u"));
	unmake(&m);
	make(&m, &kind_configmap,
	     "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"2\"},\"immutable\":true}",
	     "{\"metadata\":{\"name\":\"c\",\"namespace\":\"default\",\"resourceVersion\":\"1\"},"
	     "\"data\":{\"a\":\"1\"},\"immutable\":true}");
	assert_string_equal(m.text.ptr,
			    "data: Forbidden: field is immutable when `immutable` is set");
	unmake(&m);
}

static void test_conflict(void **state)
{
	/* Would break: an update of an old version overwrites a newer one. */
	AUTO_JSON old = json_parse(STR("{\"metadata\":{\"name\":\"c\",\"namespace\":\"n\","
				       "\"resourceVersion\":\"5\"}}"),
				   1000, NULL);
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	AUTO_JSON_MUT doc = decode(&kind_configmap,
				   "{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"4\"}}",
				   FIELDS_STRICT, NULL, &err);
	struct edit edit = { .kind = &kind_configmap,
			     .doc = doc,
			     .root = yyjson_mut_doc_get_root(doc),
			     .old = yyjson_doc_get_root(old),
			     .arena = &arena };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(object_prepare_update(&edit, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(
		err.msg, "Operation cannot be fulfilled on configmaps \"c\": the object has been "
			 "modified; please apply your changes to the latest version and try again");
}

static void test_encode(void **state)
{
	/* Would break: stored bytes carry another revision than the store gave them. */
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BLOB first = NULL;
	AUTO_BLOB second = NULL;

	json_set_path_str(doc, root, "metadata.name", STR("x"));
	first = object_encode(root, 41);
	assert_string_equal(first->bytes,
			    "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"41\"}}");
	assert_null(json_mut_get(root, "metadata.resourceVersion"));
	second = object_with_revision(obj_get(first), 42);
	assert_string_equal(second->bytes,
			    "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"42\"}}");
	assert_int_equal(obj_get(second)->resource_version, 42);
}

static void test_every_kind(void **state)
{
	/* Would break: a kind whose empty object cannot be decoded, defaulted and checked without
	 * harm. */
	for (size_t i = 0; i < kind_count; i++) {
		struct made m;

		if (kind_table[i]->flags & KIND_UNSERVED)
			continue;
		assert_ptr_equal(kind_find(kind_table[i]->group, kind_table[i]->version,
					   kind_table[i]->name),
				 kind_table[i]);
		make(&m, kind_table[i], "{\"metadata\":{\"name\":\"x\"}}", NULL);
		unmake(&m);
	}
}

/* ---- fields of features that are switched off ---- */

#define POD_WITH(more)                                                             \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\"},\"spec\":{" more \
	"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define BUNDLE                                                                              \
	"\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"clusterTrustBundle\":" \
	"{\"name\":\"b\",\"path\":\"p\"}},{\"configMap\":{\"name\":\"m\"}}]}}],"
#define SOURCES "spec.volumes.0.projected.sources"
#define SLICE_WITH(device)                                                                    \
	"{\"metadata\":{\"name\":\"s\"},\"spec\":{\"driver\":\"d\",\"pool\":{\"name\":\"p\"," \
	"\"generation\":1,\"resourceSliceCount\":1},\"devices\":[{\"name\":\"g\"," device "}]}}"
#define LIST_ATTRIBUTES                                                                            \
	"\"attributes\":{\"a\":{\"bools\":[true]},\"b\":{\"ints\":[1]},\"c\":{\"strings\":[\"x\"]" \
	"},\"d\":"                                                                                 \
	"{\"versions\":[\"1.0.0\"]}}"
#define ATTRIBUTES "spec.devices.0.attributes"

static void test_switched_off(void **state)
{
	/* Would break: a field is kept that nothing here looks after, or is lost that an old object
	 * has. */
	static const struct {
		const struct kind *kind;
		const char *text, *old, *path;
		size_t want; /* members of what is at path */
	} cases[] = {
		{ &kind_pod, POD_WITH(BUNDLE), NULL, SOURCES ".0", 0 },
		{ &kind_pod, POD_WITH(BUNDLE), NULL, SOURCES ".1", 1 },
		{ &kind_pod, POD_WITH(BUNDLE), POD_WITH(BUNDLE), SOURCES ".0", 1 },
		{ &kind_pod, POD_WITH(BUNDLE), POD_WITH(""), SOURCES ".0", 0 },
		{ &kind_pod, POD_WITH("\"schedulingGroup\":{\"podGroupName\":\"g\"},"), NULL,
		  "spec.schedulingGroup", 0 },
		{ &kind_cronjob,
		  "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"jobTemplate\":{\"spec\":{"
		  "\"template\":{\"spec\":"
		  "{\"schedulingGroup\":{\"podGroupName\":\"g\"}}}}}}}",
		  NULL, "spec.jobTemplate.spec.template.spec.schedulingGroup", 0 },
		{ &kind_persistentvolumeclaim,
		  "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"dataSourceRef\":{\"kind\":"
		  "\"PersistentVolumeClaim\","
		  "\"name\":\"x\",\"namespace\":\"y\"}}}",
		  NULL, "spec.dataSourceRef.namespace", 0 },
		{ &kind_csidriver,
		  "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"preventPodSchedulingIfMissing\":true}"
		  "}",
		  NULL, "spec.preventPodSchedulingIfMissing", 0 },
		{ &kind_resourceslice,
		  SLICE_WITH("\"attributes\":{\"a\":{\"int\":1,\"ints\":[1]}}"), NULL,
		  ATTRIBUTES ".a", 1 },
		{ &kind_resourceslice, SLICE_WITH(LIST_ATTRIBUTES), NULL, ATTRIBUTES ".a", 0 },
		{ &kind_resourceslice, SLICE_WITH(LIST_ATTRIBUTES), NULL, ATTRIBUTES ".b", 0 },
		{ &kind_resourceslice, SLICE_WITH(LIST_ATTRIBUTES), NULL, ATTRIBUTES ".c", 0 },
		{ &kind_resourceslice, SLICE_WITH(LIST_ATTRIBUTES), NULL, ATTRIBUTES ".d", 0 },
		/* one list of the stored object keeps all of the feature */
		{ &kind_resourceslice, SLICE_WITH(LIST_ATTRIBUTES),
		  SLICE_WITH("\"attributes\":{\"a\":{\"ints\":[1]}}"), ATTRIBUTES ".d", 1 },
		{ &kind_resourceslice,
		  SLICE_WITH(
			  "\"nodeAllocatableResourceMappings\":{\"cpu\":{\"capacityKey\":\"k\"}}"),
		  NULL, "spec.devices.0.nodeAllocatableResourceMappings", 0 },
		{ &kind_lease,
		  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"strategy\":"
		  "\"OldestEmulationVersion\","
		  "\"preferredHolder\":\"h\"}}",
		  NULL, "spec", 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct made m;
		yyjson_mut_val *value;

		make(&m, cases[i].kind, cases[i].text, cases[i].old);
		value = json_mut_get(m.edit.root, cases[i].path);
		if (yyjson_mut_get_len(value) != cases[i].want || yyjson_mut_is_bool(value))
			fail_msg("case %zu: %s", i, cases[i].text);
		unmake(&m);
	}
}

/* A body with that many objects and lists. */
static int decode_parts(size_t count)
{
	static const char head[] = "{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{}";
	struct decode_options options = { .kind = &kind_configmap };
	struct err err = { 0 };
	AUTO_BUF text = { 0 };
	yyjson_mut_doc *doc;

	buf_init(&text, OBJECT_BYTES_MAX);
	buf_put_c(&text, head);
	for (size_t i = 4; i < count; i++) /* the object, its metadata, the list, the first */
		buf_put_c(&text, ",{}");
	buf_put_c(&text, "]}}");
	doc = object_decode(buf_str(&text), &options, &err);
	json_mut_free(doc);
	return doc ? 0 : err.code;
}

static void test_parts(void **state)
{
	/* Would break: a few bytes each become objects that take the memory of the server. */
	(void)state; /* none is needed */
	assert_int_equal(decode_parts(OBJECT_PARTS_MAX), 0);
	assert_int_equal(decode_parts(OBJECT_PARTS_MAX + 1), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_bodies), cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_canonical),      cmocka_unit_test(test_birth),
		cmocka_unit_test(test_checks),	       cmocka_unit_test(test_updates),
		cmocka_unit_test(test_switched_off),   cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_encode),	       cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
