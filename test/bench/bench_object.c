/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one write costs in the object model: decode, default, prepare, check and encode a Pod of 2
 * KB and a ConfigMap of 1 KB. Prints the fastest of many rounds, in microseconds an object.
 */
#include <stdio.h>
#include <time.h>
#include "api/field_owners.h"
#include "api/object.h"
#include "base/assert.h"
#include "base/time.h"

#define ROUNDS 40
#define OBJECTS 1000

#define CONTAINER(name_)                                                                           \
	"{\"name\":\"" name_                                                                       \
	"\",\"image\":\"registry.example.com/web:1.2.3\",\"ports\":[{\"name\":\"http\","           \
	"\"containerPort\":8080},{\"name\":\"metrics\",\"containerPort\":9090}],\"env\":[{"        \
	"\"name\":\"A\",\"value\":"                                                                \
	"\"1\"},{\"name\":\"POD_IP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}" \
	"}}],\"resources\":"                                                                       \
	"{\"requests\":{\"cpu\":\"100m\",\"memory\":\"128Mi\"},\"limits\":{\"cpu\":\"500m\","      \
	"\"memory\":\"256Mi\"}},"                                                                  \
	"\"volumeMounts\":[{\"name\":\"config\",\"mountPath\":\"/etc/"                             \
	"config\"}],\"livenessProbe\":{\"httpGet\":"                                               \
	"{\"path\":\"/healthz\",\"port\":8080}},\"readinessProbe\":{\"httpGet\":{\"path\":\"/"     \
	"ready\",\"port\":8080}}}"

static const char pod[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-"
			  "5d4f8c7b9-abcde\",\"labels\":{\"app\":"
			  "\"web\",\"pod-template-hash\":\"5d4f8c7b9\"},\"ownerReferences\":[{"
			  "\"apiVersion\":\"apps/v1\",\"kind\":"
			  "\"ReplicaSet\",\"name\":\"web-5d4f8c7b9\",\"uid\":\"11111111-2222-3333-"
			  "4444-555555555555\",\"controller\":"
			  "true}]},\"spec\":{\"containers\":[" CONTAINER("a") "," CONTAINER(
				  "b") "],\"volumes\":[{\"name\":\"config\","
				       "\"configMap\":{\"name\":\"web\"}}],\"serviceAccountName\":"
				       "\"web\",\"tolerations\":[{\"key\":"
				       "\"node.kubernetes.io/"
				       "not-ready\",\"operator\":\"Exists\",\"effect\":"
				       "\"NoExecute\",\"tolerationSeconds\":300}]}}";

static int64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec;
}

/* managedFields of an object just decoded, as a create writes them. */
static void write_owners(struct edit *edit)
{
	struct field_writer writer = { .name = STR("bench"),
				       .api_version = edit->kind->api_version,
				       .time = STR("2026-01-01T00:00:00Z") };
	AUTO_JSON now = json_freeze(edit->root);
	AUTO_BUF text = { 0 };

	buf_init(&text, FIELD_OWNERS_BYTES_MAX);
	ASSERT(field_owners_write_created(edit->arena, edit->kind->schema, yyjson_doc_get_root(now),
					  &writer, &text));
	json_set(edit->doc, json_mut_get(edit->root, "metadata"), "managedFields",
		 yyjson_mut_rawncpy(edit->doc, text.ptr, text.len));
}

static void write_one(const struct kind *kind, struct str body, struct arena *arena,
		      bool with_owners)
{
	struct object_birth birth = { STR("default"), STR("00000000-0000-0000-0000-000000000000"),
				      STR("abcde") };
	struct decode_options options = { .kind = kind, .check = FIELDS_STRICT };
	struct err err = { 0 };
	AUTO_JSON_MUT doc = object_decode(body, &options, &err);
	struct edit edit = { .kind = kind,
			     .doc = doc,
			     .root = yyjson_mut_doc_get_root(doc),
			     .arena = arena,
			     .now_ns = 1 };
	struct field_errors errors;
	AUTO_BLOB blob = NULL;
	int prepared;

	ASSERT(doc);
	object_default(&edit);
	prepared = object_prepare_create(&edit, &birth, &err);
	ASSERT(prepared == 0);
	if (with_owners)
		write_owners(&edit);
	field_errors_init(&errors, arena);
	object_validate_create(&edit, &errors);
	ASSERT(errors.count == 0);
	blob = object_encode(edit.root, 1);
	arena_reset(arena);
}

static void measure(const struct kind *kind, struct str body, bool with_owners)
{
	int64_t best_ns = INT64_MAX;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_ns = clock_ns(), took_ns;

		for (int i = 0; i < OBJECTS; i++)
			write_one(kind, body, &arena, with_owners);
		took_ns = clock_ns() - start_ns;
		best_ns = took_ns < best_ns ? took_ns : best_ns;
	}
	printf(STR_FMT " of %zu bytes%s: %.2f us\n", STR_ARG(kind->name), body.len,
	       with_owners ? " with managedFields" : "", (double)best_ns / OBJECTS / 1000);
}

int main(void)
{
	AUTO_BUF configmap = { 0 };

	buf_init(&configmap, 4096);
	buf_put_c(&configmap,
		  "{\"metadata\":{\"name\":\"c\",\"labels\":{\"a\":\"b\"}},\"data\":{\"key\":\"");
	for (int i = 0; i < 950; i++)
		buf_put_char(&configmap, 'x');
	buf_put_c(&configmap, "\"}}");
	for (int i = 0; i < 2; i++) {
		measure(&kind_pod, str_from(pod), i == 1);
		measure(&kind_configmap, buf_str(&configmap), i == 1);
	}
	return 0;
}
