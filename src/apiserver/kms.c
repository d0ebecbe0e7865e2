/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls wait for the plug-in to be there, as long as their timeout is: it may start after this
 * server. Waits and wording are upstream's (k8s.io/apiserver, encryptionconfig and kmsv2).
 */
#include "apiserver/kms.h"

#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "net/grpc_client.h"

#define STATUS_GOOD_MS 60000 /* between two that are good */
#define STATUS_BAD_MS 10000  /* behind one that is not */
#define HEALTH_GOOD_MS 20000 /* how long one answers for the plug-in's health */
#define HEALTH_BAD_MS 3000
#define WRITE_MS (3 * 60 * 1000) /* a data key is written with, after the last good status */
#define KEY_KEPT_NS (24 * 3600 * TIME_NS_PER_SECOND)
#define ASK_AGAIN_MS 1000 /* for a data key that could not be had */
#define CONNECT_AGAIN_MS 100

enum method { METHOD_STATUS, METHOD_ENCRYPT, METHOD_DECRYPT };

static const struct {
	const char *path;
	const struct proto_message *request, *answer;
} methods[] = {
	[METHOD_STATUS] = { "/v2.KeyManagementService/Status", &kms_nothing_message,
			    &kms_status_message },
	[METHOD_ENCRYPT] = { "/v2.KeyManagementService/Encrypt", &kms_encrypt_message,
			     &kms_encrypted_message },
	[METHOD_DECRYPT] = { "/v2.KeyManagementService/Decrypt", &kms_decrypt_message,
			     &kms_decrypted_message },
};

struct ask {
	struct kms *kms;
	enum method method;
	void (*done)(struct ask *a, const void *answer, const struct grpc_status *status);
	struct arena arena; /* of the answer */
	struct buf frame;
	struct grpc_call *grpc;
	struct timer again;
	const void *answer;
	int64_t begun_ns;
	bool is_damaged, is_repeated;
};

enum key_state { KEY_ASKED, KEY_KNOWN, KEY_FAILED };

/* A data key that something stored was written with. */
struct key {
	struct list link; /* the one used last is last */
	struct kms *kms;
	char hash[KMS_HASH_BYTES];
	enum key_state state;
	struct kms_data_key data;
	struct ask ask;
	struct str id; /* for metrics; owned */
	int64_t used_ns;
	char why[256]; /* FAILED */
};

/* What this server writes with. */
struct writing {
	struct arena arena;
	struct kms_data_key data;
	struct kms_object object; /* without its data */
	int64_t until_ns, until_wall_ns;
};

struct kms {
	struct kms_options options;
	struct env *env;
	struct str name, path; /* owned */
	struct grpc_channel *channel;
	struct map keys; /* hash → struct key */
	struct list used;
	size_t asked_count;
	struct writing *writing; /* NULL: not yet */
	struct ask status_ask;
	struct timer next;
	struct writing *made; /* its source is being encrypted */
	char version[16];
	struct buf problems; /* of the status that is being looked at */
	size_t problem_count;
	struct err health;
	int64_t status_ns;
	bool is_settled, is_asking_status;
};

/* --- calls --- */

static void on_closed(void *arg, const struct err *err)
{
	struct kms *k = arg;

	(void)err; /* calls were told */
	grpc_channel_free(k->channel);
	k->channel = NULL;
}

static void on_ready(void *arg)
{
	(void)arg; /* calls are on their way already */
}

static const struct grpc_channel_events channel_events = { .on_ready = on_ready,
							   .on_closed = on_closed };

static int64_t left_ms(const struct ask *a)
{
	return a->kms->options.timeout_ms -
	       (env_mono_ns(a->kms->env) - a->begun_ns) / TIME_NS_PER_MS;
}

static void finish(struct ask *a, const void *answer, const struct grpc_status *status)
{
	struct arena arena = a->arena;

	kms_metrics_call(a->kms->options.metrics, a->kms->name, methods[a->method].path,
			 status->code, env_mono_ns(a->kms->env) - a->begun_ns);
	mem_wipe(a->frame.ptr, a->frame.len); /* it may be a data key */
	buf_deinit(&a->frame);
	a->arena = (struct arena){ 0 };
	a->done(a, answer, status); /* may begin the next one */
	arena_deinit(&arena);
}

static void on_message(void *arg, struct grpc_call *grpc, struct str message)
{
	struct ask *a = arg;
	const struct proto_message *type = methods[a->method].answer;
	struct str kept;
	void *answer;

	(void)grpc;
	a->is_repeated = a->answer != NULL;
	if (a->is_repeated)
		return; /* not even kept: there may be any number of them */
	kept = str_in(&a->arena, message);
	answer = arena_alloc(&a->arena, type->size_bytes);
	a->is_damaged = proto_decode(type, kept, &a->arena, answer, NULL) < 0;
	a->answer = answer;
}

static void on_end(void *arg, struct grpc_call *grpc, const struct grpc_status *status)
{
	struct ask *a = arg;
	struct grpc_status other;

	(void)grpc;
	a->grpc = NULL;
	if (status->code == GRPC_UNAVAILABLE && left_ms(a) > CONNECT_AGAIN_MS) {
		timer_start(&a->again, CONNECT_AGAIN_MS);
		return;
	}
	if (status->code == GRPC_OK && a->is_repeated) {
		grpc_status_set(&other, GRPC_INTERNAL,
				"cardinality violation: expected <EOF> for non server-streaming "
				"RPCs, but received another message");
		status = &other;
	} else if (status->code == GRPC_OK && (!a->answer || a->is_damaged)) {
		grpc_status_set(&other, GRPC_INTERNAL, "the answer is damaged");
		status = &other;
	}
	finish(a, status->code == GRPC_OK ? a->answer : NULL, status);
}

static const struct grpc_call_events call_events = { .on_message = on_message, .on_end = on_end };

static void send_now(struct ask *a)
{
	struct kms *k = a->kms;
	struct grpc_channel_options options = { .env = k->env,
						.host = STR("localhost"),
						.unix_path = k->path,
						.connect_timeout_ms = k->options.timeout_ms,
						.message_bytes_max = KMS_ANSWER_BYTES_MAX };

	if (!k->channel)
		k->channel = grpc_channel_new(&options, &channel_events, k);
	a->grpc = grpc_call_new(k->channel, methods[a->method].path,
				NUM_MAX(left_ms(a), (int64_t)1), &call_events, a);
	grpc_call_send(a->grpc, buf_str(&a->frame), true);
}

static void on_again(struct timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, again);
	struct grpc_status late;

	if (left_ms(a) > 0) {
		send_now(a);
		return;
	}
	grpc_status_set(&late, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
	finish(a, NULL, &late);
}

static void ask_init(struct ask *a, struct kms *k)
{
	*a = (struct ask){ .kms = k };
	timer_init(&a->again, k->env, on_again);
}

static void ask(struct ask *a, enum method method, const void *request)
{
	size_t begin;

	a->method = method;
	a->answer = NULL;
	a->is_damaged = a->is_repeated = false;
	a->begun_ns = env_mono_ns(a->kms->env);
	/* Of a message of two-byte elements a hundred times its size may become. */
	arena_init(&a->arena, ARENA_DEFAULT_MAX);
	buf_init(&a->frame, KMS_ANSWER_BYTES_MAX);
	begin = grpc_frame_begin(&a->frame);
	proto_encode(methods[method].request, request, &a->frame);
	grpc_frame_end(&a->frame, begin);
	send_now(a);
}

static void ask_stop(struct ask *a)
{
	timer_stop(&a->again);
	if (a->grpc)
		grpc_call_cancel(a->grpc);
	a->grpc = NULL;
	mem_wipe(a->frame.ptr, a->frame.len);
	buf_deinit(&a->frame);
	arena_deinit(&a->arena);
}

/* As Go's library prints it. */
static void put_status(const struct grpc_status *status, char *to, size_t to_bytes)
{
	snprintf(to, to_bytes, "rpc error: code = %s desc = %s", kms_code_name(status->code),
		 status->message);
}

/* --- data keys --- */

static void key_free(struct key *key)
{
	struct kms *k = key->kms;

	map_remove(&k->keys, str_sub(key->hash, sizeof(key->hash)));
	list_remove(&key->link);
	if (key->state == KEY_ASKED)
		k->asked_count--;
	ask_stop(&key->ask);
	mem_wipe(&key->data, sizeof(key->data));
	mem_free((void *)key->id.ptr);
	mem_free(key);
}

static void make_room(struct kms *k)
{
	int64_t now = env_mono_ns(k->env);
	struct list *link;

	while ((link = list_first(&k->used))) {
		struct key *key = LIST_ENTRY(link, struct key, link);

		if (k->keys.count < KMS_KEYS_MAX && now - key->used_ns < KEY_KEPT_NS)
			break;
		key_free(key);
	}
}

static struct key *key_add(struct kms *k, const char hash[KMS_HASH_BYTES], struct str id)
{
	struct key *key = NEW(struct key);

	make_room(k);
	key->kms = k;
	key->id = str_dup(id);
	memcpy(key->hash, hash, sizeof(key->hash));
	key->used_ns = env_mono_ns(k->env);
	ask_init(&key->ask, k);
	map_put(&k->keys, str_sub(key->hash, sizeof(key->hash)), key);
	list_push_back(&k->used, &key->link);
	kms_metrics_cache(k->options.metrics, k->name, k->keys.count);
	return key;
}

static void on_decrypted(struct ask *a, const void *answer, const struct grpc_status *status)
{
	struct key *key = CONTAINER_OF(a, struct key, ask);
	struct kms *k = key->kms;
	const struct kms_decrypted *decrypted = answer;
	enum kms_source_type type = key->data.type;
	struct err err;

	k->asked_count--;
	key->used_ns = env_mono_ns(k->env);
	if (decrypted && kms_data_key_set(&key->data, decrypted->plaintext, type, &err) == 0) {
		key->state = KEY_KNOWN;
		mem_wipe((char *)decrypted->plaintext.ptr, decrypted->plaintext.len);
	} else {
		key->state = KEY_FAILED;
		if (decrypted)
			snprintf(key->why, sizeof(key->why), "%s", err.msg);
		else
			put_status(status, key->why, sizeof(key->why));
		log_warn("kms", "%s: failed to decrypt DEK, error: %s", k->name.ptr, key->why);
	}
	k->options.on_change(k->options.arg);
}

static void key_ask(struct key *key, const struct kms_object *object)
{
	struct kms *k = key->kms;
	char uid[ENV_UUID_BYTES];
	struct kms_decrypt request = { .ciphertext = object->source,
				       .key_id = object->key_id,
				       .annotations = object->annotations,
				       .annotations_count = object->annotations_count };

	env_uuid(k->env, uid);
	request.uid = str_from(uid);
	key->state = KEY_ASKED;
	key->data = (struct kms_data_key){ .type = (enum kms_source_type)object->source_type };
	key->ask.done = on_decrypted;
	k->asked_count++;
	k->options.metrics->cache_misses++;
	ask(&key->ask, METHOD_DECRYPT, &request);
}

static int not_yet(const struct kms *k, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "KMS provider %s is being asked for the data key",
		       k->name.ptr);
}

/* What the object's data was sealed with, or ERR_UNAVAILABLE. */
static int key_get(struct kms *k, const struct kms_object *object, struct arena *arena,
		   struct key **ret, struct err *err)
{
	char hash[KMS_HASH_BYTES];
	struct key *key;
	int64_t now = env_mono_ns(k->env);

	kms_object_hash(object, arena, (uint8_t *)hash);
	key = map_get(&k->keys, str_sub(hash, sizeof(hash)));
	if (key && key->state == KEY_KNOWN) {
		key->used_ns = now;
		list_remove(&key->link);
		list_push_back(&k->used, &key->link);
		*ret = key;
		return 0;
	}
	if (key && key->state == KEY_FAILED && now - key->used_ns < ASK_AGAIN_MS * TIME_NS_PER_MS)
		return err_set(err, ERR_UNAVAILABLE, "failed to decrypt DEK, error: %s", key->why);
	if ((key && key->state == KEY_ASKED) || k->asked_count >= KMS_ASKED_MAX)
		return not_yet(k, err);
	if (!key)
		key = key_add(k, hash, object->key_id);
	key_ask(key, object);
	return not_yet(k, err);
}

/* --- the key to write with --- */

static void writing_free(struct writing *w)
{
	if (!w)
		return;
	mem_wipe(&w->data, sizeof(w->data));
	arena_deinit(&w->arena);
	mem_free(w);
}

static void problem(struct kms *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void problem(struct kms *k, const char *fmt, ...)
{
	char text[ERR_MSG_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args); /* may be cut */
	va_end(args);
	buf_printf(&k->problems, "%s%s", k->problem_count++ ? ", " : "", text);
}

static void settle(struct kms *k, const struct err *err)
{
	bool was_good = k->is_settled && !k->health.code;

	if (err && (was_good || strcmp(err->msg, k->health.msg) != 0))
		log_warn("kms", "%s", err->msg);
	else if (!err && !was_good)
		log_info("kms", "KMS provider %s is healthy", k->name.ptr);
	k->health = err ? *err : (struct err){ 0 };
	k->status_ns = env_mono_ns(k->env);
	k->is_settled = true;
	k->is_asking_status = false;
	timer_start(&k->next, err ? STATUS_BAD_MS : STATUS_GOOD_MS);
	k->options.on_change(k->options.arg);
}

static void settle_status(struct kms *k)
{
	struct err err;

	if (!k->problem_count) {
		settle(k, NULL);
		return;
	}
	err_set(&err, ERR_UNAVAILABLE, "kmsv2 Provider %s is not healthy, error: %s%s%s",
		k->name.ptr, k->problem_count > 1 ? "[" : "", k->problems.ptr,
		k->problem_count > 1 ? "]" : "");
	settle(k, &err);
}

static void not_rotated(struct kms *k, const char *why, struct str encrypted_id)
{
	char texts[3][KMS_ID_TEXT_BYTES], until[TIME_TEXT_BYTES] = "0001-01-01T00:00:00Z";
	const struct writing *w = k->writing;

	if (w)
		time_format(w->until_wall_ns, until);
	problem(k,
		"failed to rotate DEK useSeed=true, errState=%s, errGen=%s, "
		"statusKeyIDHash=\"%s\", "
		"encryptKeyIDHash=\"%s\", stateKeyIDHash=\"%s\", expirationTimestamp=%s",
		w ? "<nil>" : "got unexpected nil transformer", why ? why : "<nil>",
		kms_id_text(k->made->object.key_id, texts[0]), kms_id_text(encrypted_id, texts[1]),
		kms_id_text(w ? w->object.key_id : STR_NONE, texts[2]), until);
}

/* Kept beyond the answer. */
static void keep_object(struct writing *w, const struct kms_encrypted *from)
{
	struct kms_object *o = &w->object;

	*o = (struct kms_object){ .key_id = str_in(&w->arena, from->key_id),
				  .source = str_in(&w->arena, from->ciphertext),
				  .annotations_count = from->annotations_count,
				  .source_type = KMS_SOURCE_SEED };
	o->annotations = arena_array(&w->arena, from->annotations_count + 1,
				     sizeof(*o->annotations));
	for (size_t i = 0; i < from->annotations_count; i++)
		o->annotations[i] = (struct kms_annotation){
			.key = str_in(&w->arena, from->annotations[i].key),
			.value = str_in(&w->arena, from->annotations[i].value),
		};
}

/* It is in the cache too: what this server wrote it reads without asking. */
static void remember(struct kms *k, struct writing *w)
{
	char hash[KMS_HASH_BYTES];
	struct key *key;

	kms_object_hash(&w->object, &w->arena, (uint8_t *)hash);
	key = map_get(&k->keys, str_sub(hash, sizeof(hash)));
	if (key && key->state == KEY_ASKED)
		return; /* the plug-in gave one thing twice; its answer will be the same */
	if (!key)
		key = key_add(k, hash, w->object.key_id);
	key->state = KEY_KNOWN;
	key->data = w->data;
}

/* Whether it is what this server may write with. */
static bool is_rotated(struct kms *k, const struct kms_encrypted *encrypted)
{
	struct kms_object check = { .key_id = encrypted->key_id,
				    .source = encrypted->ciphertext,
				    .data = STR("any"),
				    .annotations = encrypted->annotations,
				    .annotations_count = encrypted->annotations_count };
	struct err err;

	if (kms_object_check(&check, &err) < 0)
		not_rotated(k, err.msg, encrypted->key_id);
	else if (!str_eq(encrypted->key_id, k->made->object.key_id))
		not_rotated(k, NULL, encrypted->key_id);
	else
		return true;
	return false;
}

static void on_encrypted(struct ask *a, const void *answer, const struct grpc_status *status)
{
	struct kms *k = a->kms;
	char text[ERR_MSG_BYTES], why[ERR_MSG_BYTES + 64];

	if (!answer) {
		put_status(status, text, sizeof(text));
		snprintf(why, sizeof(why), "failed to encrypt DEK, error: %s", text);
		not_rotated(k, why, STR_NONE);
	} else if (is_rotated(k, answer)) {
		keep_object(k->made, answer);
		remember(k, k->made);
		writing_free(k->writing);
		k->writing = k->made;
		k->made = NULL;
	}
	writing_free(k->made);
	k->made = NULL;
	settle_status(k);
}

static void rotate(struct kms *k, struct str id)
{
	struct writing *w = NEW(struct writing);
	struct kms_encrypt request = { 0 };
	char seed[KMS_SEED_BYTES], uid[ENV_UUID_BYTES];
	int64_t begun_ns = env_mono_ns(k->env);
	int made;

	arena_init(&w->arena, (size_t)1 << 20);
	w->until_ns = begun_ns + WRITE_MS * TIME_NS_PER_MS;
	w->until_wall_ns = env_wall_ns(k->env) + WRITE_MS * TIME_NS_PER_MS;
	w->object.key_id = str_in(&w->arena, id);
	env_random(k->env, seed, sizeof(seed));
	made = kms_data_key_set(&w->data, str_sub(seed, sizeof(seed)), KMS_SOURCE_SEED, NULL);
	ASSERT(made == 0); /* it is as long as one must be */
	mem_wipe(seed, sizeof(seed));
	kms_metrics_made(k->options.metrics, env_mono_ns(k->env) - begun_ns);
	env_uuid(k->env, uid);
	request.plaintext = str_sub(w->data.bytes, w->data.len);
	request.uid = str_from(uid);
	k->made = w;
	k->status_ask.done = on_encrypted;
	ask(&k->status_ask, METHOD_ENCRYPT, &request);
}

static void check_version(struct kms *k, struct str version)
{
	if (!str_eq_c(version, "v2") && !str_eq_c(version, "v2beta1")) {
		problem(k, "expected KMSv2 API version v2, got " STR_FMT, STR_ARG(version));
		return;
	}
	if (!k->version[0])
		snprintf(k->version, sizeof(k->version), STR_FMT, STR_ARG(version));
	if (!str_eq_c(version, k->version))
		problem(k,
			"KMSv2 API version should not change after the initial status response "
			"version %s, got " STR_FMT,
			k->version, STR_ARG(version));
}

static void on_status(struct ask *a, const void *answer, const struct grpc_status *status)
{
	struct kms *k = a->kms;
	const struct kms_status *s = answer;
	char text[KMS_ID_TEXT_BYTES];
	struct err err;

	buf_reset(&k->problems);
	k->problem_count = 0;
	if (!s) {
		char why[ERR_MSG_BYTES];

		put_status(status, why, sizeof(why));
		err_set(&err, ERR_UNAVAILABLE,
			"failed to perform status section of the healthz check for KMS Provider "
			"%s, error: %s",
			k->name.ptr, why);
		settle(k, &err);
		return;
	}
	if (!str_eq_c(s->healthz, "ok"))
		problem(k, "got unexpected healthz status: " STR_FMT, STR_ARG(s->healthz));
	check_version(k, s->version);
	if (kms_check_id(s->key_id, &err) < 0) {
		kms_metrics_bad_id(k->options.metrics, k->name,
				   s->key_id.len ? "too_long" : "empty");
		problem(k, "got invalid KMSv2 KeyID hash \"%s\": %s", kms_id_text(s->key_id, text),
			err.msg);
		settle_status(k);
		return;
	}
	kms_metrics_status(k->options.metrics, k->name, s->key_id, env_wall_ns(k->env));
	if (!k->writing || !str_eq(k->writing->object.key_id, s->key_id)) {
		rotate(k, s->key_id);
		return;
	}
	k->writing->until_ns = a->begun_ns + WRITE_MS * TIME_NS_PER_MS;
	k->writing->until_wall_ns = env_wall_ns(k->env) + WRITE_MS * TIME_NS_PER_MS;
	settle_status(k);
}

static void ask_status(struct kms *k)
{
	const char nothing = 0;

	if (k->is_asking_status)
		return;
	k->is_asking_status = true;
	timer_stop(&k->next);
	k->status_ask.done = on_status;
	ask(&k->status_ask, METHOD_STATUS, &nothing);
}

static void on_next(struct timer *timer)
{
	ask_status(CONTAINER_OF(timer, struct kms, next));
}

/* --- interface --- */

struct kms *kms_new(const struct kms_options *options)
{
	struct kms *k = NEW(struct kms);

	k->options = *options;
	k->env = options->env;
	k->name = str_dup(options->name);
	k->path = str_dup(options->path);
	map_init(&k->keys);
	list_init(&k->used);
	buf_init(&k->problems, 1u << 16);
	timer_init(&k->next, k->env, on_next);
	ask_init(&k->status_ask, k);
	ask_status(k);
	return k;
}

void kms_free(struct kms *k)
{
	struct list *link;

	if (!k)
		return;
	timer_stop(&k->next);
	ask_stop(&k->status_ask);
	while ((link = list_first(&k->used)))
		key_free(LIST_ENTRY(link, struct key, link));
	map_deinit(&k->keys);
	grpc_channel_free(k->channel);
	writing_free(k->writing);
	writing_free(k->made);
	buf_deinit(&k->problems);
	mem_free((void *)k->name.ptr);
	mem_free((void *)k->path.ptr);
	mem_free(k);
}

static int check_writing(const struct kms *k, struct err *err)
{
	const struct writing *w = k->writing;
	char id[KMS_ID_TEXT_BYTES], until[TIME_TEXT_BYTES], now[TIME_TEXT_BYTES];

	if (!w)
		return err_set(err, ERR_INTERNAL, "got unexpected nil transformer");
	if (env_mono_ns(k->env) <= w->until_ns)
		return 0;
	return err_set(
		err, ERR_INTERNAL,
		"encryptedDEKSource with keyID hash \"%s\" expired at %s (current time is %s)",
		kms_id_text(w->object.key_id, id), time_format(w->until_wall_ns, until),
		time_format(env_wall_ns(k->env), now));
}

int kms_seal(struct kms *k, struct str context, struct str clear, struct buf *to, struct err *err)
{
	char nonce[KMS_NONCE_BYTES];
	struct kms_object object;
	AUTO_BUF data = { 0 };

	if (check_writing(k, err) < 0)
		return -1;
	env_random(k->env, nonce, sizeof(nonce));
	buf_init(&data, clear.len + 256);
	if (kms_data_seal(&k->writing->data, context, nonce, clear, &data, err) < 0)
		return -1;
	object = k->writing->object;
	object.data = buf_str(&data);
	proto_encode(&kms_object_message, &object, to);
	kms_metrics_use(k->options.metrics, k->name, object.key_id, true, env_wall_ns(k->env));
	return buf_check(to, "encrypted value", err);
}

int kms_open(struct kms *k, struct str context, struct str sealed, struct buf *to, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct kms_object object;
	struct key *key;

	arena_init(&arena, (size_t)32 << 20);
	if (kms_object_decode(sealed, &arena, &object, err) < 0 ||
	    key_get(k, &object, &arena, &key, err) < 0)
		return -1;
	kms_metrics_use(k->options.metrics, k->name, object.key_id, false, env_wall_ns(k->env));
	return kms_data_open(&key->data, context, object.data, to, err);
}

bool kms_can_open(struct kms *k, struct str sealed)
{
	AUTO_ARENA arena = { 0 };
	struct kms_object object;
	struct key *key;
	struct err err = { 0 };

	arena_init(&arena, (size_t)32 << 20);
	if (kms_object_decode(sealed, &arena, &object, NULL) < 0)
		return true; /* what is wrong with it kms_open says */
	return key_get(k, &object, &arena, &key, &err) == 0;
}

bool kms_key_id(const struct kms *k, struct str *ret)
{
	if (k->writing)
		*ret = k->writing->object.key_id;
	return k->writing != NULL;
}

bool kms_is_settled(const struct kms *k)
{
	return k->is_settled;
}

bool kms_is_asking(const struct kms *k)
{
	return k->asked_count > 0;
}

int kms_health(struct kms *k, struct err *err)
{
	int64_t good_for_ms = k->health.code ? HEALTH_BAD_MS : HEALTH_GOOD_MS;

	if (!k->is_settled)
		return err_set(err, ERR_UNAVAILABLE, "KMS provider %s has not answered yet",
			       k->name.ptr);
	if (env_mono_ns(k->env) - k->status_ns >= good_for_ms * TIME_NS_PER_MS)
		ask_status(k);
	if (!k->health.code)
		return 0;
	if (err)
		*err = k->health;
	return -1;
}
