/* SPDX-License-Identifier: Apache-2.0 */
/* EncryptionConfiguration: which resources, which keys, rotation, and what is said when a key is
 * missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/encryption.h"
#include "apiserver/kms_metrics.h"
#include "sim/env_sim.h"

#define HEAD "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n"
#define KEY_1 "{name: key1, secret: MDEyMzQ1Njc4OWFiY2RlZg==}"
#define KEY_2 "{name: key2, secret: ZmVkY2JhOTg3NjU0MzIxMA==}"
#define SECRETS(keys)                                                                           \
	HEAD "- resources: [secrets, things.example.com]\n  providers: [{aesgcm: {keys: [" keys \
	     "]}}, {identity: {}}]\n"

#define LIST(names) HEAD "- resources: [" names "]\n  providers: [{identity: {}}]\n"
#define RULE(providers) HEAD "- resources: [secrets]\n  providers: " providers "\n"
#define KMS(fields) RULE("[{kms: {apiVersion: v2, " fields "}}]")

static struct sim *sim;
static struct kms_metrics metrics;

static bool is_stale(struct encryption *e, struct str key, struct blob *sealed)
{
	uint64_t next;

	assert_true(encryption_next_mark(e, key, &next));
	return next != encryption_mark(blob_str(sealed));
}

static struct encryption *parse(const char *text)
{
	struct encryption_options options = { .env = sim_env(sim, "a"), .metrics = &metrics };
	struct encryption *e;
	struct err err;

	if (encryption_parse(&options, str_from(text), &e, &err) < 0)
		fail_msg("%s", err.msg);
	return e;
}

static void test_rotation(void **state)
{
	/* The first key writes, all read, and what an older one wrote counts as stale. */
	struct encryption *one = parse(SECRETS(KEY_1)), *both = parse(SECRETS(KEY_2 ", " KEY_1));
	struct encryption *two = parse(SECRETS(KEY_2));
	struct str key = STR("/registry/secrets/default/a");
	AUTO_BLOB value = blob_new(STR("{\"clear\":1}"));
	struct err err;
	AUTO_BLOB old = encryption_seal(one, key, value, &err),
		  *new = encryption_seal(both, key, value, &err);
	AUTO_BLOB a = NULL, *b = NULL;

	assert_true(str_has_prefix(blob_str(old), STR("k8s:enc:aesgcm:v1:key1:")));
	assert_true(str_has_prefix(blob_str(new), STR("k8s:enc:aesgcm:v1:key2:")));
	assert_false(str_contains(blob_str(old), STR("clear")));
	a = encryption_open(both, key, old, &err);
	assert_true(a && str_eq(blob_str(a), blob_str(value)) && is_stale(both, key, old));
	b = encryption_open(both, key, new, &err);
	assert_true(b && str_eq(blob_str(b), blob_str(value)) && !is_stale(both, key, new));
	assert_null(encryption_open(two, key, old, &err));
	assert_string_equal(
		err.msg, "'/registry/secrets/default/a' is encrypted with aesgcm key 'key1', which "
			 "--encryption-provider-config does not have for it");
	assert_null(encryption_open(NULL, key, old, &err));
	assert_null(
		encryption_open(both, STR("/registry/secrets/default/b"), old, &err)); /* moved */
	encryption_free(one);
	encryption_free(both);
	encryption_free(two);
}

/* What the new first provider would not have written counts as stale, and is still read. */
static void test_secretbox(void **state)
{
	static const char both[] = HEAD
		"- resources: [secrets]\n  providers: [{secretbox: {keys: [{name: s, secret: "
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}}, {aesgcm: {keys: [" KEY_1
		"]}}]\n";
	struct encryption *one = parse(SECRETS(KEY_1)), *box = parse(both);
	struct str key = STR("/registry/secrets/default/a");
	AUTO_BLOB value = blob_new(STR("{\"clear\":1}"));
	struct err err;
	AUTO_BLOB old = encryption_seal(one, key, value, &err),
		  *new = encryption_seal(box, key, value, &err);
	AUTO_BLOB a = NULL, *b = NULL;

	assert_true(str_has_prefix(blob_str(new), STR("k8s:enc:secretbox:v1:s:")));
	assert_false(str_contains(blob_str(new), STR("clear")));
	a = encryption_open(box, key, old, &err);
	assert_true(a && str_eq(blob_str(a), blob_str(value)) && is_stale(box, key, old));
	b = encryption_open(box, key, new, &err);
	assert_true(b && str_eq(blob_str(b), blob_str(value)) && !is_stale(box, key, new));
	encryption_free(one);
	encryption_free(box);
}

static void test_resources(void **state)
{
	/* Only what a rule names must be encrypted; clear bytes from before must be read, and be
	 * stale. */
	static const struct {
		const char *resources, *key;
		bool sealed;
	} cases[] = {
		{ "secrets", "/registry/secrets/default/a", true },
		{ "secrets", "/registry/configmaps/default/a", false },
		{ "things.example.com", "/registry/example.com/things/default/a", true },
		{ "things.example.com", "/registry/example.com/others/default/a", false },
		{ "'*.example.com'", "/registry/example.com/others/default/a", true },
		{ "'*.'", "/registry/configmaps/default/a", true },
		{ "'*.*'", "/registry/example.com/others/default/a", true },
		/* Keys of built-in kinds do not tell their group. */
		{ "'*.apps'", "/registry/deployments/default/a", true },
		{ "deployments.apps", "/registry/deployments/default/a", true },
		{ "deployments", "/registry/deployments/default/a", false },
		{ "'*.'", "/registry/deployments/default/a", false },
		{ "'*.apps'", "/registry/configmaps/default/a", false },
		{ "services", "/registry/services/specs/default/a", true },
		{ "services", "/registry/services/endpoints/default/a", false },
		{ "nodes", "/registry/minions/a", true },
		{ "events", "/registry/events/default/a", true },
		{ "'*.apiregistration.k8s.io'", "/registry/apiregistration.k8s.io/apiservices/v1.",
		  true },
		{ "'*.*'", "/registry/ranges/serviceips", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_BUF text = { 0 };
		struct encryption *e;
		AUTO_BLOB value = blob_new(STR("x")), *sealed = NULL, *back = NULL;

		buf_init(&text, 4096);
		buf_printf(&text,
			   HEAD "- resources: [%s]\n  providers: [{aescbc: {keys: [" KEY_1 "]}}]\n",
			   cases[i].resources);
		e = parse(text.ptr);
		sealed = encryption_seal(e, str_from(cases[i].key), value, NULL);
		assert_int_equal(sealed != value, cases[i].sealed);
		back = encryption_open(e, str_from(cases[i].key), value, NULL);
		assert_ptr_equal(back, value);
		assert_int_equal(is_stale(e, str_from(cases[i].key), value), cases[i].sealed);
		encryption_free(e);
	}
}

/* A name goes before all of a group, and that before everything, wherever they stand; and what
 * several rules say of one resource counts together: the first writes, all are read. */
static void test_precedence(void **state)
{
	static const char several[] = HEAD
		"- resources: [events]\n  providers: [{identity: {}}]\n"
		"- resources: [secrets]\n  providers: [{aesgcm: {keys: [" KEY_1 "]}}]\n"
		"- resources: [secrets]\n  providers: [{aesgcm: {keys: [" KEY_2 "]}}]\n"
		"- resources: ['*.*']\n  providers: [{aescbc: {keys: [" KEY_1 "]}}]\n";
	struct encryption *e = parse(several), *two = parse(SECRETS(KEY_2));
	struct str secret = STR("/registry/secrets/default/a");
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err;
	AUTO_BLOB event = encryption_seal(e, STR("/registry/events/default/a"), value, &err);
	AUTO_BLOB sealed = encryption_seal(e, secret, value, &err);
	AUTO_BLOB other = encryption_seal(e, STR("/registry/pods/default/a"), value, &err);
	AUTO_BLOB second = encryption_seal(two, secret, value, &err), *back = NULL;

	assert_ptr_equal(event, value);
	assert_true(str_has_prefix(blob_str(sealed), STR("k8s:enc:aesgcm:v1:key1:")));
	assert_true(str_has_prefix(blob_str(other), STR("k8s:enc:aescbc:v1:key1:")));
	back = encryption_open(e, secret, second, &err);
	assert_true(back && str_eq(blob_str(back), blob_str(value)));
	assert_true(is_stale(e, secret, second));
	encryption_free(e);
	encryption_free(two);
}

/* clang-format off */
static const struct {
	const char *text, *message;
} wrong_files[] = {
	{ "", "the file is empty" },
	{ "kind: Pod\n",
	  "kind: must be EncryptionConfiguration of apiserver.config.k8s.io/v1" },
	{ "kind: EncryptionConfig\napiVersion: apiserver.config.k8s.io/v1\n",
	  "kind: must be EncryptionConfiguration of apiserver.config.k8s.io/v1" },
	{ "kind: EncryptionConfig\napiVersion: v1\n",
	  "resources: Required value: at least one resources is required" },
	{ "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n",
	  "resources: Required value: at least one resources is required" },
	{ HEAD "- resources: [secrets]\n",
	  "resources[0].providers: Required value: at least one resources[0].providers is "
	  "required" },
	{ HEAD "- providers: [{identity: {}}]\n",
	  "resources[0].resources: Required value: at least one resources[0].resources is "
	  "required" },
	{ HEAD "- resources: [secrets]\n  providers: [{aesgcm: {key: []}}]\n",
	  "strict decoding error: unknown field \"resources[0].providers[0].aesgcm.key\"" },
	{ HEAD "- resources: [secrets, {a: b}]\n  providers: [{identity: {}}]\n",
	  "resources[0].resources[1]: Invalid value: {\"a\":\"b\"}: must be a string" },
	{ RULE("[{aesgcm: {}}]"),
	  "resources[0].providers[0].aesgcm.keys: Required value: at least one keys is "
	  "required" },
	{ SECRETS("{name: a, secret: c2hvcnQ=}"),
	  "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": "
	  "secret is not of the expected length, got 5, expected one of [16 24 32]" },
	{ SECRETS("{name: a, secret: '%'}"),
	  "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": "
	  "secrets must be base64 encoded" },
	{ SECRETS("{name: '', secret: ''}"),
	  "[resources[0].providers[0].aesgcm.keys[0].name: Required value: name is a "
	  "mandatory "
	  "field for a key, resources[0].providers[0].aesgcm.keys[0].secret: Required "
	  "value: "
	  "secret is a mandatory field for a key]" },
	{ SECRETS(KEY_1 ", " KEY_1),
	  "resources[0].providers[0].aesgcm.keys[1].name: Duplicate value: \"key1\"" },
	{ RULE("[{secretbox: {keys: [" KEY_1 "]}}]"),
	  "resources[0].providers[0].secretbox.keys[0].secret: Invalid value: "
	  "\"REDACTED\": "
	  "secret is not of the expected length, got 16, expected one of [32]" },
	{ RULE("[{}]"),
	  "resources[0].providers[0]: Invalid value: "
	  "{\"AESGCM\":null,\"AESCBC\":null,\"Secretbox\":null,\"Identity\":null,\"KMS\":"
	  "null}"
	  ": provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, "
	  "Secretbox, Identity" },
	{ RULE("[{identity: {}, aesgcm: {keys: [" KEY_1 "]}}]"),
	  "resources[0].providers[0]: Invalid value: "
	  "{\"AESGCM\":{},\"AESCBC\":null,\"Secretbox\":null,\"Identity\":{},\"KMS\":null}:"
	  " "
	  "more than one provider specified in a single element, should split into "
	  "different "
	  "list elements" },
	{ RULE("[{kms: {}}]"), "[resources[0].providers[0].kms.name: Required value: name "
			       "is a mandatory field for "
			       "a provider, resources[0].providers[0].kms.endpoint: "
			       "Invalid value: \"\": endpoint is "
			       "a mandatory field for a kms]" },
	{ RULE("[{kms: {name: a, endpoint: 'unix:///x'}}]"),
	  "KMSv1 is deprecated and will only receive security updates going forward. Use "
	  "KMSv2 "
	  "instead.  Set --feature-gates=KMSv1=true to use the deprecated KMSv1 feature." },
	{ KMS("name: a, endpoint: 'unix:///x', cachesize: 10"),
	  "resources[0].providers[0].kms.cachesize: Invalid value: 10: cachesize is not "
	  "supported in v2" },
	{ KMS("name: a, endpoint: 'unix:///x', timeout: 0s"),
	  "resources[0].providers[0].kms.timeout: Invalid value: \"0s\": timeout should be "
	  "a "
	  "positive value" },
	{ KMS("name: 'a:b', endpoint: 'unix:///x'"),
	  "resources[0].providers[0].kms.name: Invalid value: \"a:b\": invalid KMS "
	  "provider name "
	  "a:b, must not contain ':'" },
	{ KMS("name: a, endpoint: 'tcp:///x'"),
	  "resources[0].providers[0].kms.endpoint: Invalid value: \"tcp:///x\": "
	  "unsupported "
	  "scheme \"tcp\" for KMS provider, only unix is supported" },
	{ RULE("[{kms: {apiVersion: v3, name: a, endpoint: 'unix:///x'}}]"),
	  "resources[0].providers[0].kms.apiVersion: Invalid value: \"v3\": unsupported "
	  "apiVersion apiVersion for KMS provider, only v1 and v2 are supported" },
	{ RULE("[{kms: {apiVersion: v2, name: a, endpoint: 'unix:///x'}}, "
	       "{kms: {apiVersion: v2, name: a, endpoint: 'unix:///y'}}]"),
	  "resources[0].providers[1].kms.name: Invalid value: \"a\": duplicate KMS "
	  "provider name "
	  "a, names must be unique" },
	{ LIST("secrets, secrets"), "resources[0].resources: Invalid value: "
				    "[\"secrets\",\"secrets\"]: the same resource "
				    "cannot be specified multiple times" },
	{ LIST("secrets, '*.'"),
	  "resources[0].resources: Invalid value: [\"secrets\",\"*.\"]: using overlapping "
	  "resources such as 'secrets' and '*.' in the same resource list is not allowed "
	  "as they "
	  "will be masked" },
	{ LIST("'*'"),
	  "resources[0].resources[0]: Invalid value: \"*\": use '*.' to encrypt all the "
	  "resources from core API group or *.* to encrypt all resources" },
	{ LIST("Secrets"),
	  "resources[0].resources[0]: Invalid value: \"Secrets\": resource name should not "
	  "contain capital letters" },
	{ LIST("serviceipallocations"), "resources[0].resources[0]: Invalid value: "
					"\"serviceipallocations\": resources which "
					"do not have REST API/s cannot be encrypted" },
	{ LIST("events.events.k8s.io"),
	  "resources[0].resources[0]: Invalid value: \"events.events.k8s.io\": "
	  "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use "
	  "'events' instead in the config file" },
	{ LIST("'*.extensions'"), "resources[0].resources[0]: Invalid value: "
				  "\"*.extensions\": 'extensions' group has "
				  "been removed and cannot be used for encryption" },
	{ LIST("'secrets.*'"),
	  "resources[0].resources[0]: Invalid value: \"secrets.*\": encrypting the same "
	  "resource across groups is not supported" },
	{ LIST("'*.*'") "- resources: [secrets]\n  providers: [{identity: {}}]\n",
	  "resource \"secrets\" is masked by earlier rule \"*.*\"" },
	{ LIST("'*.'") "- resources: [secrets]\n  providers: [{identity: {}}]\n",
	  "resource \"secrets\" is masked by earlier rule \"*.\"" },
	{ LIST("'*.*'") "- resources: ['*.']\n  providers: [{identity: {}}]\n",
	  "resource \"*.\" is masked by earlier rule \"*.*\"" },
	{ LIST("'*.apps'") "- resources: [deployments.apps]\n  providers: [{identity: "
			   "{}}]\n",
	  "resource \"deployments.apps\" is masked by earlier rule \"*.apps\"" },
};
/* clang-format on */

static void test_wrong_files(void **state)
{
	/* A wrong file must be refused with the field, and never with the secret. */

	for (size_t i = 0; i < ARRAY_COUNT(wrong_files); i++) {
		struct encryption *e;
		struct err err;

		struct encryption_options options = { .env = sim_env(sim, "a") };

		assert_true(encryption_parse(&options, str_from(wrong_files[i].text), &e, &err) <
			    0);
		assert_string_equal(err.msg, wrong_files[i].message);
	}
}

static void expect_line(const struct buf *text, const char *line)
{
	if (!strstr(text->ptr, line))
		fail_msg("no '%s' in:\n%s", line, text->ptr);
}

/* Breaks if /metrics does not tell how often each provider and key was used, for what, and how it went. */
static void test_metrics(void **state)
{
	static const char *const lines[] = {
		"\napiserver_storage_transformation_operations_total{resource=\"secrets\",status=\"OK\","
		"transformation_type=\"to_storage\",transformer_prefix=\"k8s:enc:aesgcm:v1:\"} 2\n",
		"{resource=\"secrets\",status=\"OK\",transformation_type=\"to_storage\","
		"transformer_prefix=\"key2:\"} 1\n",
		"{resource=\"secrets\",status=\"OK\",transformation_type=\"from_storage\","
		"transformer_prefix=\"k8s:enc:aesgcm:v1:\"} 1\n",
		"{resource=\"secrets\",status=\"OK\",transformation_type=\"from_storage\","
		"transformer_prefix=\"key1:\"} 1\n",
		"{resource=\"secrets\",status=\"unknown-non-grpc\",transformation_type=\"from_storage\","
		"transformer_prefix=\"unknown\"} 1\n",
		"{resource=\"things.example.com\",status=\"OK\",transformation_type=\"from_storage\","
		"transformer_prefix=\"identity\"} 1\n",
		"\napiserver_storage_transformation_duration_seconds_count{transformation_type=\"to_storage\","
		"transformer_prefix=\"k8s:enc:aesgcm:v1:\"} 2\n",
		"\napiserver_storage_transformation_duration_seconds_bucket{transformation_type=\"to_storage\","
		"transformer_prefix=\"key1:\",le=\"83.88608\"} 1\n",
	};
	struct str secret = STR("/registry/secrets/default/a");
	struct str thing = STR("/registry/example.com/things/default/a");
	AUTO_BLOB value = blob_new(STR("{\"clear\":1}"));
	struct encryption *one, *both, *two;
	AUTO_BUF text = { 0 };
	struct err err;

	kms_metrics_deinit(&metrics);
	kms_metrics_init(&metrics);
	one = parse(SECRETS(KEY_1));
	both = parse(SECRETS(KEY_2 ", " KEY_1));
	two = parse(SECRETS(KEY_2));
	AUTO_BLOB old = encryption_seal(one, secret, value, &err);
	AUTO_BLOB new = encryption_seal(both, secret, value, &err);
	AUTO_BLOB opened = encryption_open(both, secret, old, &err);
	AUTO_BLOB plain = encryption_open(both, thing, value, &err);

	assert_true(new && opened && plain);
	assert_null(encryption_open(two, secret, old, &err));
	/* What no rule names is not transformed. */
	AUTO_BLOB other = encryption_seal(one, STR("/registry/pods/default/a"), value, &err);
	assert_ptr_equal(other, value);
	buf_init(&text, 1u << 20);
	kms_metrics_write(&metrics, &text);
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
		expect_line(&text, lines[i]);
	assert_null(strstr(text.ptr, "pods"));
	encryption_free(one);
	encryption_free(both);
	encryption_free(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation),    cmocka_unit_test(test_secretbox),
		cmocka_unit_test(test_resources),   cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_wrong_files), cmocka_unit_test(test_metrics),
	};
	int failed;

	sim = sim_new(1);
	kms_metrics_init(&metrics);
	failed = cmocka_run_group_tests_name("apiserver_encryption", tests, NULL, NULL);
	sim_free(sim);
	kms_metrics_deinit(&metrics);
	return failed;
}
