/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption at rest with a KMS v2 plug-in: whose keys, when they change, and what waits for whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "apiserver/encryption.h"
#include "apiserver/kms_metrics.h"
#include "codec/limits.h"
#include "base/time.h"
#include "kms_plugin.h"
#include "loop/loop.h"

#define LIMIT_MS 10000
#define KEY STR("/registry/secrets/default/a")
#define SECOND_NS TIME_NS_PER_SECOND

/* The loop's own env, but for a clock that a test may set ahead. */
static struct fixture {
	struct loop *loop;
	struct env *env;
	const struct env_ops *real;
	struct env_ops ops;
	int64_t ahead_ns;
	struct kms_plugin plugin;
	struct kms_metrics metrics;
	char folder[64], socket[96], config[512];
	int change_count;
} f;

static int64_t mono_ns(struct env *env)
{
	return f.real->mono_ns(env) + f.ahead_ns;
}

static void arm(struct env *env, int64_t deadline_ns)
{
	f.real->arm(env, deadline_ns == INT64_MAX ? deadline_ns : deadline_ns - f.ahead_ns);
}

static void on_change(void *arg)
{
	(void)arg;
	f.change_count++;
	loop_stop(f.loop);
}

static void on_limit(struct timer *timer)
{
	(void)timer;
	fail_msg("nothing happened for %d ms", LIMIT_MS);
}

/* Until the encryption has something to tell. */
static void turn(void)
{
	struct timer limit;

	timer_init(&limit, f.env, on_limit);
	timer_start(&limit, LIMIT_MS);
	loop_run(f.loop);
	timer_stop(&limit);
}

static struct encryption *open_encryption(void)
{
	struct encryption_options options = { .env = f.env,
					      .metrics = &f.metrics,
					      .on_change = on_change };
	struct encryption *e;
	struct err err;

	if (encryption_parse(&options, str_from(f.config), &e, &err) < 0)
		fail_msg("%s", err.msg);
	return e;
}

static struct encryption *open_settled(void)
{
	struct encryption *e = open_encryption();

	while (!encryption_is_settled(e))
		turn();
	return e;
}

static void ahead(int64_t seconds)
{
	f.ahead_ns += seconds * SECOND_NS;
	env_run_timers(f.env);
}

static void assert_opens(struct encryption *e, struct blob *sealed, const char *text)
{
	struct err err = { 0 };
	AUTO_BLOB back = encryption_open(e, KEY, sealed, &err);

	if (!back)
		fail_msg("%s", err.msg);
	assert_true(str_eq_c(blob_str(back), text));
}

static bool is_stale(struct encryption *e, struct blob *sealed)
{
	uint64_t next;

	return encryption_next_mark(e, KEY, &next) && next != encryption_mark(blob_str(sealed));
}

static int start_plugin(void)
{
	struct err err;

	return kms_plugin_start(&f.plugin, f.env, f.socket, &err);
}

static int setup(void **state)
{
	f.loop = loop_new();
	f.env = loop_env(f.loop);
	f.real = f.env->ops;
	f.ops = *f.real;
	f.ops.mono_ns = mono_ns;
	f.ops.arm = arm;
	f.env->ops = &f.ops;
	kms_metrics_init(&f.metrics);
	snprintf(f.folder, sizeof(f.folder), "/tmp/cube-kms-XXXXXX");
	assert_non_null(mkdtemp(f.folder));
	snprintf(f.socket, sizeof(f.socket), "%s/s", f.folder);
	snprintf(f.config, sizeof(f.config),
		 "kind: EncryptionConfiguration\napiVersion: "
		 "apiserver.config.k8s.io/v1\nresources:\n"
		 "- resources: [secrets]\n  providers: [{kms: {apiVersion: v2, name: kms, timeout: "
		 "300ms, endpoint: 'unix://%s'}}, {identity: {}}]\n",
		 f.socket);
	f.plugin = (struct kms_plugin){ .key_id = "1", .healthz = "ok", .version = "v2" };
	return start_plugin();
}

static int teardown(void **state)
{
	kms_plugin_stop(&f.plugin);
	f.env->ops = f.real;
	loop_free(f.loop);
	unlink(f.socket);
	rmdir(f.folder);
	kms_metrics_deinit(&f.metrics);
	f = (struct fixture){ 0 };
	return 0;
}

/* What it wrote it reads without asking; another process, that must ask, is told to wait, and can
 * once the plug-in has answered. */
static void test_data_keys(void **state)
{
	struct encryption *e = open_settled(), *other;
	AUTO_BLOB value = blob_new(STR("clear words"));
	struct err err = { 0 };
	AUTO_BLOB sealed = encryption_seal(e, KEY, value, &err);

	assert_non_null(sealed);
	assert_true(str_has_prefix(blob_str(sealed), STR("k8s:enc:kms:v2:kms:")));
	assert_false(str_contains(blob_str(sealed), STR("clear words")));
	assert_opens(e, sealed, "clear words");
	assert_false(is_stale(e, sealed));
	assert_int_equal(f.plugin.decrypt_count, 0);
	assert_null(
		encryption_open(e, STR("/registry/secrets/default/b"), sealed, &err)); /* moved */
	encryption_free(e);

	other = open_settled();
	assert_false(encryption_can_open(other, KEY, blob_str(sealed)));
	assert_null(encryption_open(other, KEY, sealed, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_true(encryption_is_asking(other));
	while (encryption_is_asking(other))
		turn();
	assert_true(encryption_can_open(other, KEY, blob_str(sealed)));
	assert_opens(other, sealed, "clear words");
	assert_int_equal(f.plugin.decrypt_count, 1); /* not once for each who asked */
	assert_false(is_stale(other, sealed));	     /* the same key of the plug-in's */
	encryption_free(other);
}

/* Another key id makes what was written stale, and another data key; nothing becomes unreadable. */
static void test_rotation(void **state)
{
	struct encryption *e = open_settled();
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err;
	AUTO_BLOB old = encryption_seal(e, KEY, value, &err), *new = NULL;

	f.plugin.key_id = "2";
	assert_int_equal(f.plugin.encrypt_count, 1);
	ahead(61);
	turn();
	assert_int_equal(f.plugin.encrypt_count, 2);
	assert_true(is_stale(e, old));
	new = encryption_seal(e, KEY, value, &err);
	assert_false(is_stale(e, new));
	assert_opens(e, old, "x");
	assert_opens(e, new, "x");
	/* The same id: nothing new is asked for. */
	ahead(61);
	turn();
	assert_int_equal(f.plugin.encrypt_count, 2);
	encryption_free(e);
}

/* Without the plug-in what it wrote with last goes on for three minutes, reading for good. */
static void test_expiry(void **state)
{
	struct encryption *e = open_settled();
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err = { 0 };
	AUTO_BLOB old = encryption_seal(e, KEY, value, &err), *other = NULL;

	assert_int_equal(encryption_health(e, NULL), 0);
	kms_plugin_stop(&f.plugin);
	ahead(61);
	turn();
	assert_int_equal(encryption_health(e, &err), -1);
	assert_true(str_has_prefix(
		str_from(err.msg),
		STR("kms-provider-0: failed to perform status section of the healthz check for KMS "
		    "Provider kms, error: rpc error: code = Unavailable desc = ")));
	other = encryption_seal(e, KEY, value, &err);
	assert_non_null(other);
	f.ahead_ns += 120 * SECOND_NS;
	assert_null(encryption_seal(e, KEY, value, &err));
	assert_true(str_has_prefix(str_from(err.msg),
				   STR("encryptedDEKSource with keyID hash \"sha256:")));
	assert_true(str_contains(str_from(err.msg), STR("expired at ")));
	assert_opens(e, old, "x");
	/* It comes back: its key is good again. */
	assert_int_equal(start_plugin(), 0);
	env_run_timers(f.env);
	turn();
	blob_unref(other);
	other = encryption_seal(e, KEY, value, &err);
	assert_non_null(other);
	assert_int_equal(f.plugin.encrypt_count, 1);
	encryption_free(e);
}

/* A plug-in that starts after the server is waited for as long as a call may take. */
static void test_late_plugin(void **state)
{
	struct encryption *e;
	AUTO_BLOB value = blob_new(STR("x")), *sealed = NULL;
	struct err err;

	kms_plugin_stop(&f.plugin);
	e = open_encryption();
	assert_null(encryption_seal(e, KEY, value, &err));
	assert_string_equal(err.msg, "got unexpected nil transformer");
	assert_int_equal(start_plugin(), 0);
	while (!encryption_is_settled(e))
		turn();
	sealed = encryption_seal(e, KEY, value, &err);
	assert_non_null(sealed);
	encryption_free(e);
}

/* What a plug-in may say that is wrong, and how that is told. */
static void test_bad_plugins(void **state)
{
	static const struct {
		struct kms_plugin plugin;
		const char *message;
	} cases[] = {
		{ { .key_id = "1", .healthz = "bad", .version = "v2" },
		  "kms-provider-0: kmsv2 Provider kms is not healthy, error: got unexpected "
		  "healthz "
		  "status: bad" },
		{ { .key_id = "1", .healthz = "ok", .version = "v1" },
		  "kms-provider-0: kmsv2 Provider kms is not healthy, error: expected KMSv2 API "
		  "version v2, got v1" },
		{ { .key_id = "", .healthz = "no", .version = "v2" },
		  "kms-provider-0: kmsv2 Provider kms is not healthy, error: [got unexpected "
		  "healthz "
		  "status: no, got invalid KMSv2 KeyID hash \"\": keyID is empty]" },
		{ { .key_id = "1", .healthz = "ok", .version = "v2", .refuses = true },
		  "kms-provider-0: failed to perform status section of the healthz check for KMS "
		  "Provider kms, error: rpc error: code = FailedPrecondition desc = the plug-in "
		  "refuses" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct http_server *http = f.plugin.http;
		struct grpc_service service = f.plugin.service;
		struct encryption *e;
		struct err err = { 0 };

		f.plugin = cases[i].plugin;
		f.plugin.http = http;
		f.plugin.service = service;
		e = open_settled();
		assert_int_equal(encryption_health(e, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
		encryption_free(e);
	}
}

/* Breaks if a plug-in that answers again and again, or with as many parts as fit, ends the server. */
static void test_bombs(void **state)
{
	static char long_text[900 << 10];
	struct err err = { 0 };
	struct encryption *e;

	memset(long_text, 'a', sizeof(long_text) - 1);
	f.plugin.healthz = long_text;
	f.plugin.repeats = 20;
	e = open_settled();
	assert_int_equal(encryption_health(e, &err), -1);
	assert_string_equal(err.msg,
			    "kms-provider-0: failed to perform status section of the healthz check "
			    "for KMS Provider kms, error: rpc error: code = Internal desc = "
			    "cardinality violation: expected <EOF> for non server-streaming RPCs, "
			    "but received another message");
	encryption_free(e);
	f.plugin.healthz = "ok";
	f.plugin.repeats = 0;
	f.plugin.empty_annotations = PROTO_ITEMS_MAX;
	e = open_settled();
	assert_int_equal(encryption_health(e, &err), -1);
	encryption_free(e);
	f.plugin.empty_annotations = 0;
}

/* Another key than Status told of is not written with. */
static void test_other_key(void **state)
{
	struct encryption *e;
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err = { 0 };

	f.plugin.encrypt_key_id = "2";
	e = open_settled();
	assert_int_equal(encryption_health(e, &err), -1);
	assert_true(
		str_contains(str_from(err.msg),
			     STR("failed to rotate DEK useSeed=true, errState=got unexpected nil "
				 "transformer, errGen=<nil>, statusKeyIDHash=\"sha256:")));
	assert_null(encryption_seal(e, KEY, value, &err));
	encryption_free(e);
}

/* A data key that cannot be had is asked for again, not at each look. */
static void test_refused_data_key(void **state)
{
	struct encryption *e = open_settled(), *other;
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err = { 0 };
	AUTO_BLOB sealed = encryption_seal(e, KEY, value, &err);

	encryption_free(e);
	other = open_settled();
	f.plugin.refuses = true;
	assert_false(encryption_can_open(other, KEY, blob_str(sealed)));
	while (encryption_is_asking(other))
		turn();
	assert_null(encryption_open(other, KEY, sealed, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.msg,
			    "'/registry/secrets/default/a': KMS provider kms: failed to "
			    "decrypt DEK, error: rpc error: code = FailedPrecondition desc = "
			    "the plug-in refuses");
	assert_int_equal(f.plugin.decrypt_count, 1);
	f.plugin.refuses = false;
	ahead(2);
	assert_false(encryption_can_open(other, KEY, blob_str(sealed)));
	while (encryption_is_asking(other))
		turn();
	assert_opens(other, sealed, "x");
	encryption_free(other);
}

static size_t from_hex(const char *text, char *to)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
		to[i] = (char)byte;
	}
	return len;
}

/* An object as Go's libraries make it, with a seed of 0 to 31: either must read the other's. */
static void test_form(void **state)
{
	static const char hex[] = "0a47404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d"
				  "5e5f8081828384858687"
				  "88898a8bb6e0dede258afe5d62f465e327674c94592a334f7c03028e78e9dd12"
				  "056b65792d311a0b7365"
				  "616c65642d7365656422120a0d612e6578616d706c652e636f6d1201782801";
	char bytes[256], seed[32], nonce[KMS_NONCE_BYTES];
	size_t len = from_hex(hex, bytes);
	AUTO_ARENA arena = { 0 };
	AUTO_BUF clear = { 0 }, data = { 0 }, again = { 0 };
	struct kms_object object;
	struct kms_data_key key;
	struct err err;

	arena_init(&arena, 1u << 20);
	buf_init(&clear, 1024);
	buf_init(&data, 1024);
	buf_init(&again, 1024);
	for (int i = 0; i < 32; i++) {
		seed[i] = (char)i;
		nonce[i] = (char)(0x40 + i);
		nonce[32 + i] = (char)(0x80 + i);
	}
	assert_int_equal(kms_object_decode(str_sub(bytes, len), &arena, &object, &err), 0);
	assert_true(str_eq_c(object.key_id, "key-1") && str_eq_c(object.source, "sealed-seed"));
	assert_int_equal(object.source_type, KMS_SOURCE_SEED);
	assert_int_equal(kms_data_key_set(&key, str_sub(seed, 32), KMS_SOURCE_SEED, &err), 0);
	assert_int_equal(kms_data_open(&key, KEY, object.data, &clear, &err), 0);
	assert_string_equal(clear.ptr, "{\"clear\":1}");
	assert_int_equal(kms_data_seal(&key, KEY, nonce, buf_str(&clear), &data, &err), 0);
	object.data = buf_str(&data);
	proto_encode(&kms_object_message, &object, &again);
	assert_true(str_eq(buf_str(&again), str_sub(bytes, len)));
}

/* Objects that nobody may store, in upstream's words. */
static void test_bad_objects(void **state)
{
	static char long_text[1025];
	static const struct kms_annotation bad_key = { STR_INIT("not-qualified"), STR_INIT("") };
	const struct {
		struct kms_object object;
		const char *message;
	} cases[] = {
		{ { .source_type = 7 }, "unknown encryptedDEKSourceType: 7" },
		{ { .key_id = STR("a") }, "encrypted data is empty" },
		{ { .data = STR("a"), .key_id = STR("a") },
		  "failed to validate encrypted DEK source: encrypted DEK source is empty" },
		{ { .data = STR("a"), .source = str_sub(long_text, sizeof(long_text)) },
		  "failed to validate encrypted DEK source: encrypted DEK source is 1025 bytes, "
		  "which "
		  "exceeds the max size of 1024" },
		{ { .data = STR("a"), .source = STR("a") },
		  "failed to validate key id: keyID is empty" },
		{ { .data = STR("a"),
		    .source = STR("a"),
		    .key_id = str_sub(long_text, sizeof(long_text)) },
		  "failed to validate key id: keyID is 1025 bytes, which exceeds the max size of "
		  "1024" },
		{ { .data = STR("a"),
		    .source = STR("a"),
		    .key_id = STR("a"),
		    .annotations = (struct kms_annotation *)&bad_key,
		    .annotations_count = 1 },
		  "failed to validate annotations: annotations: Invalid value: \"not-qualified\": "
		  "should be a domain with at least two segments separated by dots" },
	};

	memset(long_text, 'a', sizeof(long_text));
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err;

		assert_int_equal(kms_object_check(&cases[i].object, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* Upstream's names, with what dashboards tell servers and keys apart by. */
static void test_metrics(void **state)
{
	static const char *const lines[] = {
		"apiserver_envelope_encryption_kms_operations_latency_seconds_count{"
		"grpc_status_code=\"OK\",method_name=\"/v2.KeyManagementService/Status\","
		"provider_name=\"kms\"} 1\n",
		"apiserver_envelope_encryption_kms_operations_latency_seconds_bucket{"
		"grpc_status_code=\"OK\",method_name=\"/v2.KeyManagementService/Encrypt\","
		"provider_name=\"kms\",le=\"52.4288\"} 1\n",
		"apiserver_envelope_encryption_key_id_hash_total{apiserver_id_hash=\"\",key_id_"
		"hash="
		"\"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\","
		"provider_name=\"kms\",transformation_type=\"to_storage\"} 1\n",
		"apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds{",
		"apiserver_envelope_encryption_dek_source_cache_size{provider_name=\"kms\"} 1\n",
		"apiserver_storage_envelope_transformation_cache_misses_total 0\n",
		"apiserver_storage_data_key_generation_duration_seconds_count 1\n",
	};
	struct encryption *e = open_settled();
	AUTO_BLOB value = blob_new(STR("x"));
	struct err err;
	AUTO_BLOB sealed = encryption_seal(e, KEY, value, &err);
	AUTO_BUF text = { 0 };

	assert_non_null(sealed);
	buf_init(&text, 1u << 20);
	kms_metrics_write(&f.metrics, &text);
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
		if (!str_contains(buf_str(&text), str_from(lines[i])))
			fail_msg("%s is not in\n%s", lines[i], text.ptr);
	encryption_free(e);
	/* Of ids there are a hundred at most, the newest. */
	for (int i = 0; i < KMS_NAMES_MAX + 1; i++) {
		char id[16];

		snprintf(id, sizeof(id), "id%d", i);
		kms_metrics_use(&f.metrics, STR("p"), str_from(id), true, i);
	}
	assert_int_equal(f.metrics.uses.count, KMS_NAMES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_data_keys),	     TEST(test_rotation),    TEST(test_expiry),
		TEST(test_late_plugin),	     TEST(test_bad_plugins), TEST(test_other_key),
		TEST(test_bombs),
		TEST(test_refused_data_key), TEST(test_form),	     TEST(test_bad_objects),
		TEST(test_metrics),
	};

	return cmocka_run_group_tests_name("apiserver_kms", tests, NULL, NULL);
}
