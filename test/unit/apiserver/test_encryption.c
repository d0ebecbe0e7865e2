/* SPDX-License-Identifier: Apache-2.0 */
/* EncryptionConfiguration: which resources, which keys, rotation, and what is said when a key is
 * missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/encryption.h"
#include "sim/env_sim.h"

#define HEAD "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n"
#define KEY_1 "{name: key1, secret: MDEyMzQ1Njc4OWFiY2RlZg==}"
#define KEY_2 "{name: key2, secret: ZmVkY2JhOTg3NjU0MzIxMA==}"
#define SECRETS(keys)                                                                           \
	HEAD "- resources: [secrets, things.example.com]\n  providers: [{aesgcm: {keys: [" keys \
	     "]}}, {identity: {}}]\n"

static struct sim *sim;

static struct encryption *parse(const char *text)
{
	struct encryption *e;
	struct err err;

	if (encryption_parse(sim_env(sim, "a"), str_from(text), &e, &err) < 0)
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
	bool stale = false;

	assert_true(str_has_prefix(blob_str(old), STR("k8s:enc:aesgcm:v1:key1:")));
	assert_true(str_has_prefix(blob_str(new), STR("k8s:enc:aesgcm:v1:key2:")));
	assert_false(str_contains(blob_str(old), STR("clear")));
	a = encryption_open(both, key, old, &stale, &err);
	assert_true(a && str_eq(blob_str(a), blob_str(value)) && stale);
	stale = false;
	b = encryption_open(both, key, new, &stale, &err);
	assert_true(b && str_eq(blob_str(b), blob_str(value)) && !stale);
	assert_null(encryption_open(two, key, old, &stale, &err));
	assert_string_equal(
		err.msg, "'/registry/secrets/default/a' is encrypted with aesgcm key 'key1', which "
			 "--encryption-provider-config does not have for it");
	assert_null(encryption_open(NULL, key, old, &stale, &err));
	assert_null(encryption_open(both, STR("/registry/secrets/default/b"), old, &stale,
				    &err)); /* moved */
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
	bool stale = false;

	assert_true(str_has_prefix(blob_str(new), STR("k8s:enc:secretbox:v1:s:")));
	assert_false(str_contains(blob_str(new), STR("clear")));
	a = encryption_open(box, key, old, &stale, &err);
	assert_true(a && str_eq(blob_str(a), blob_str(value)) && stale);
	b = encryption_open(box, key, new, &stale, &err);
	assert_true(b && str_eq(blob_str(b), blob_str(value)) && !stale);
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
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_BUF text = { 0 };
		struct encryption *e;
		AUTO_BLOB value = blob_new(STR("x")), *sealed = NULL, *back = NULL;
		bool stale = false;

		buf_init(&text, 4096);
		buf_printf(&text,
			   HEAD "- resources: [%s]\n  providers: [{aescbc: {keys: [" KEY_1 "]}}]\n",
			   cases[i].resources);
		e = parse(text.ptr);
		sealed = encryption_seal(e, str_from(cases[i].key), value, NULL);
		assert_int_equal(sealed != value, cases[i].sealed);
		back = encryption_open(e, str_from(cases[i].key), value, &stale, NULL);
		assert_ptr_equal(back, value);
		assert_int_equal(stale, cases[i].sealed);
		encryption_free(e);
	}
}

static void test_wrong_files(void **state)
{
	/* A wrong file must be refused with the field, and never with the secret. */
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "kind: Pod\n",
		  "kind: must be EncryptionConfiguration of apiserver.config.k8s.io/v1" },
		{ "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n",
		  "resources: Required value" },
		{ HEAD "- resources: [secrets]\n", "resources[0].providers: Required value" },
		{ HEAD "- resources: [secrets]\n  providers: [{aesgcm: {key: []}}]\n",
		  "strict decoding error: unknown field \"resources[0].providers[0].aesgcm.key\"" },
		{ HEAD "- resources: [secrets, {a: b}]\n  providers: [{identity: {}}]\n",
		  "resources[0].resources[1]: Invalid value: must be a string" },
		{ HEAD "- resources: [secrets]\n  providers: [{aesgcm: {}}]\n",
		  "resources[0].providers[0].aesgcm.keys: Required value: at least one key" },
		{ SECRETS("{name: a, secret: c2hvcnQ=}"),
		  "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: must be 16, 24 "
		  "or 32 bytes in base 64" },
		{ SECRETS(KEY_1 ", " KEY_1),
		  "resources[0].providers[0].aesgcm.keys[1].name: Duplicate value: \"key1\"" },
		{ HEAD "- resources: [secrets]\n  providers: [{secretbox: {keys: [" KEY_1 "]}}]\n",
		  "resources[0].providers[0].secretbox.keys[0].secret: Invalid value: must be 32 "
		  "bytes in base 64" },
		{ HEAD "- resources: [secrets]\n  providers: [{kms: {}}]\n",
		  "resources[0].providers[0]: Unsupported value: \"kms\": supported values: "
		  "\"aesgcm\", \"aescbc\", \"secretbox\", \"identity\"" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct encryption *e;
		struct err err;

		assert_true(encryption_parse(sim_env(sim, "a"), str_from(cases[i].text), &e, &err) <
			    0);
		assert_string_equal(err.msg, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_secretbox),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_wrong_files),
	};
	int failed;

	sim = sim_new(1);
	failed = cmocka_run_group_tests_name("apiserver_encryption", tests, NULL, NULL);
	sim_free(sim);
	return failed;
}
