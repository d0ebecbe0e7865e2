/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as kube-apiserver stores them: "k8s:enc:<provider>:v1:<key>:", "k8s:enc:kms:v2:<name>:",
 * and what the cipher made. */
#include "apiserver/encryption.h"

#include <stdio.h>
#include "apiserver/encryption_config.h"
#include "apiserver/kms.h"
#include "apiserver/kms_metrics.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/x509.h"

#define PREFIX STR("k8s:enc:")

struct encryption {
	struct env *env;
	struct arena arena;
	struct encryption_config config;
	struct kms_metrics *metrics;
	void (*on_change)(void *arg);
	void *arg;
};

static void on_plugin_change(void *arg)
{
	struct encryption *e = arg;

	if (e->on_change)
		e->on_change(e->arg);
}

int encryption_parse(const struct encryption_options *options, struct str text,
		     struct encryption **ret, struct err *err)
{
	struct encryption *e = NEW(struct encryption);

	e->env = options->env;
	e->metrics = options->metrics;
	e->on_change = options->on_change;
	e->arg = options->arg;
	arena_init(&e->arena, ENCRYPTION_CONFIG_BYTES_MAX * 64);
	if (encryption_config_read(text, &e->arena, &e->config, err) < 0) {
		encryption_free(e);
		return -1;
	}
	for (size_t i = 0; i < e->config.provider_count; i++) {
		struct encryption_provider *p = &e->config.providers[i];
		struct kms_options kms = { .env = e->env,
					   .name = p->kms_name,
					   .path = p->kms_path,
					   .timeout_ms = p->kms_timeout_ms,
					   .metrics = options->metrics,
					   .on_change = on_plugin_change,
					   .arg = e };

		if (p->kind == PROVIDER_KMS)
			p->kms = kms_new(&kms);
	}
	*ret = e;
	return 0;
}

void encryption_free(struct encryption *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->config.provider_count; i++)
		kms_free(e->config.providers[i].kms);
	encryption_config_wipe(&e->config);
	arena_deinit(&e->arena);
	mem_free(e);
}

/* --- which rule --- */

static const struct encryption_rule *rule_of(const struct encryption *e, struct str resource,
					     struct str group)
{
	for (size_t i = 0; i < e->config.rule_count; i++)
		if (str_eq(e->config.rules[i].resource, resource) &&
		    str_eq(e->config.rules[i].group, group))
			return &e->config.rules[i];
	return NULL;
}

/* By name, else of all in the group, else of all, wherever they stand: as upstream. */
static const struct encryption_rule *find_rule(const struct encryption *e, struct str key)
{
	struct str resource, group;
	const struct encryption_rule *rule;

	if (!registry_resource_of(key, &resource, &group))
		return NULL;
	rule = rule_of(e, resource, group);
	if (!rule)
		rule = rule_of(e, STR("*"), group);
	return rule ? rule : rule_of(e, STR("*"), STR("*"));
}

/* --- counting --- */

/* What a provider's bytes begin with, and within them those of its key: upstream counts both. */
struct prefixes {
	char text[128];
	struct str outer, inner;
};

static void prefixes_of(const struct encryption_provider *p, const struct encryption_key *with,
			struct prefixes *ret)
{
	int len = 0, more = 0;

	*ret = (struct prefixes){ 0 };
	if (p->kind == PROVIDER_KMS)
		len = snprintf(ret->text, sizeof(ret->text), "k8s:enc:kms:v2:" STR_FMT ":",
			       STR_ARG(p->kms_name));
	else if (p->kind == PROVIDER_KEYS)
		len = snprintf(ret->text, sizeof(ret->text), "k8s:enc:%s:v1:", p->name);
	len = NUM_MIN(len, (int)sizeof(ret->text) - 1);
	ret->outer = str_sub(ret->text, (size_t)len);
	if (!with)
		return;
	more = snprintf(ret->text + len, sizeof(ret->text) - (size_t)len, STR_FMT ":",
			STR_ARG(with->name));
	more = NUM_MIN(more, (int)sizeof(ret->text) - 1 - len);
	ret->inner = str_sub(ret->text + len, (size_t)more);
}

/* begun_ns: monotonic. t has the rest. */
static void count(const struct encryption *e, struct str key, int64_t begun_ns,
		  struct kms_transformation t)
{
	if (!e->metrics || !registry_resource_of(key, &t.resource, &t.group))
		return;
	t.duration_ns = env_mono_ns(e->env) - begun_ns;
	kms_metrics_transformation(e->metrics, &t);
}

/* What a value was sealed with or opened by, or should have been. */
struct used {
	bool is_clear;
	const struct encryption_provider *provider; /* NULL: none of the rule's is it */
	const struct encryption_key *key;
};

static void count_use(const struct encryption *e, struct str key, int64_t begun_ns,
		      const struct used *used, struct kms_transformation t)
{
	struct prefixes prefixes = { 0 };

	if (used->is_clear)
		t.identity = t.is_write ? "" : "identity";
	else if (!used->provider)
		t.identity = "unknown";
	else
		prefixes_of(used->provider, used->key, &prefixes);
	t.prefix = prefixes.outer;
	count(e, key, begun_ns, t);
	t.prefix = prefixes.inner;
	if (t.prefix.len)
		count(e, key, begun_ns, t);
}

/* --- bytes --- */

static int seal_with(struct encryption *e, const struct encryption_provider *p, struct str key,
		     struct str clear, struct buf *to, struct err *err)
{
	char nonce[CIPHER_NONCE_BYTES];

	if (p->kind == PROVIDER_KMS) {
		buf_printf(to, "k8s:enc:kms:v2:" STR_FMT ":", STR_ARG(p->kms_name));
		return kms_seal(p->kms, key, clear, to, err);
	}
	env_random(e->env, nonce, sizeof(nonce));
	buf_printf(to, "k8s:enc:%s:v1:" STR_FMT ":", p->name, STR_ARG(p->keys[0].name));
	return cipher_seal(p->cipher, p->keys[0].secret, key, nonce, clear, to, err);
}

static struct blob *seal_by(struct encryption *e, const struct used *by, struct str key,
			    struct blob *value, struct err *err)
{
	AUTO_BUF out = { 0 };

	if (by->is_clear)
		return blob_ref(value);
	/* What a plug-in tells with its key is stored with each value. */
	buf_init(&out, (size_t)value->len + 1024 + (by->key ? 0 : 2 * KMS_ANNOTATION_BYTES_MAX));
	if (seal_with(e, by->provider, key, blob_str(value), &out, err) < 0)
		return NULL;
	return blob_new(buf_str(&out));
}

struct blob *encryption_seal(struct encryption *e, struct str key, struct blob *value,
			     struct err *err)
{
	const struct encryption_rule *rule = find_rule(e, key);
	struct used by = { .provider = rule ? rule->providers[0] : NULL };
	int64_t begun_ns;
	struct blob *sealed;

	if (!rule)
		return blob_ref(value);
	begun_ns = env_mono_ns(e->env);
	by.is_clear = by.provider->kind == PROVIDER_IDENTITY;
	by.key = by.provider->kind == PROVIDER_KEYS ? &by.provider->keys[0] : NULL;
	sealed = seal_by(e, &by, key, value, err);
	count_use(e, key, begun_ns, &by,
		  (struct kms_transformation){ .is_write = true, .has_failed = !sealed });
	return sealed;
}

/* What stored bytes say of themselves. */
struct sealed {
	struct str type, version, name, bytes;
};

static bool split_sealed(struct str text, struct sealed *ret)
{
	ret->bytes = text;
	return str_strip_prefix(&ret->bytes, PREFIX) &&
	       str_next_part(&ret->bytes, ':', &ret->type) &&
	       str_next_part(&ret->bytes, ':', &ret->version) &&
	       str_next_part(&ret->bytes, ':', &ret->name);
}

static bool is_kms(const struct sealed *s)
{
	return str_eq_c(s->type, "kms") && str_eq_c(s->version, "v2");
}

/* *ret_key: NULL for a plug-in. */
static const struct encryption_provider *find_provider(const struct encryption_rule *rule,
						       const struct sealed *s,
						       const struct encryption_key **ret_key)
{
	*ret_key = NULL;
	for (size_t i = 0; rule && i < rule->provider_count; i++) {
		const struct encryption_provider *p = rule->providers[i];

		if (p->kind == PROVIDER_KMS && is_kms(s) && str_eq(p->kms_name, s->name))
			return p;
		for (size_t j = 0; j < p->key_count; j++) {
			if (!str_eq_c(s->type, p->name) || !str_eq_c(s->version, "v1") ||
			    !str_eq(s->name, p->keys[j].name))
				continue;
			*ret_key = &p->keys[j];
			return p;
		}
	}
	return NULL;
}

static int open_with(const struct encryption_provider *p, const struct encryption_key *with,
		     struct str key, struct str sealed, struct buf *to, struct err *err)
{
	if (p->kind == PROVIDER_KMS)
		return kms_open(p->kms, key, sealed, to, err) < 0
			       ? err_wrap(err, "'" STR_FMT "': KMS provider " STR_FMT, STR_ARG(key),
					  STR_ARG(p->kms_name))
			       : 0;
	if (cipher_open(p->cipher, with->secret, key, sealed, to, err) < 0)
		return err_wrap(err, "'" STR_FMT "': decrypt with %s key '" STR_FMT "'",
				STR_ARG(key), p->name, STR_ARG(with->name));
	return 0;
}

static struct blob *open_by_rule(const struct encryption_rule *rule, struct str key,
				 struct blob *sealed, struct used *ret_by, struct err *err)
{
	struct sealed s;
	AUTO_BUF clear = { 0 };
	struct blob *value = NULL;

	*ret_by = (struct used){ .is_clear = !str_has_prefix(blob_str(sealed), PREFIX) };
	if (ret_by->is_clear)
		return blob_ref(sealed);
	if (!split_sealed(blob_str(sealed), &s)) {
		err_set(err, ERR_INVALID, "'" STR_FMT "': encrypted in an unknown form",
			STR_ARG(key));
		return NULL;
	}
	ret_by->provider = find_provider(rule, &s, &ret_by->key);
	if (!ret_by->provider) {
		err_set(err, ERR_INVALID,
			"'" STR_FMT "' is encrypted with " STR_FMT " key '" STR_FMT
			"', which --encryption-provider-config does not have for it",
			STR_ARG(key), STR_ARG(s.type), STR_ARG(s.name));
		return NULL;
	}
	buf_init(&clear, s.bytes.len + 64);
	if (open_with(ret_by->provider, ret_by->key, key, s.bytes, &clear, err) == 0)
		value = blob_new(buf_str(&clear));
	mem_wipe(clear.ptr, clear.len);
	return value;
}

struct blob *encryption_open(const struct encryption *e, struct str key, struct blob *sealed,
			     struct err *err)
{
	const struct encryption_rule *rule = e ? find_rule(e, key) : NULL;
	int64_t begun_ns = rule ? env_mono_ns(e->env) : 0;
	struct err failure = { 0 };
	struct used by;
	struct blob *value = open_by_rule(rule, key, sealed, &by, &failure);

	/* What waits for a plug-in's data key is opened again: that is when it counts. */
	if (rule && failure.code != ERR_UNAVAILABLE)
		count_use(e, key, begun_ns, &by,
			  (struct kms_transformation){ .has_failed = !value });
	if (!value && err)
		*err = failure;
	return value;
}

bool encryption_is_clear(const struct encryption *e, struct str key, struct str sealed)
{
	return !str_has_prefix(sealed, PREFIX) && !(e && find_rule(e, key));
}

bool encryption_can_open(const struct encryption *e, struct str key, struct str sealed)
{
	const struct encryption_provider *p;
	const struct encryption_key *with;
	struct sealed s;

	if (!e || !split_sealed(sealed, &s))
		return true;
	p = find_provider(find_rule(e, key), &s, &with);
	return !p || p->kind != PROVIDER_KMS || kms_can_open(p->kms, s.bytes);
}

/* --- marks --- */

static uint64_t mark_of(struct str type, struct str name, struct str id)
{
	uint8_t hash[X509_SHA256_BYTES];
	uint64_t mark;
	AUTO_BUF text = { 0 };

	buf_init(&text, type.len + name.len + id.len + 8);
	buf_printf(&text, STR_FMT ":" STR_FMT ":", STR_ARG(type), STR_ARG(name));
	buf_put_str(&text, id);
	x509_sha256(buf_str(&text), hash);
	memcpy(&mark, hash, sizeof(mark));
	return mark ? mark : 1;
}

uint64_t encryption_mark(struct str text)
{
	AUTO_ARENA arena = { 0 };
	struct sealed s;
	struct kms_object object = { 0 };

	if (!split_sealed(text, &s))
		return 0;
	if (!is_kms(&s))
		return mark_of(s.type, s.name, STR_NONE);
	arena_init(&arena, (size_t)32 << 20);
	/* Damaged bytes are refused elsewhere. The seed's kind is the one that is written. */
	if (kms_object_decode(s.bytes, &arena, &object, NULL) < 0 ||
	    object.source_type != KMS_SOURCE_SEED)
		return 1;
	return mark_of(s.type, s.name, object.key_id);
}

bool encryption_next_mark(const struct encryption *e, struct str key, uint64_t *ret)
{
	const struct encryption_rule *rule = e ? find_rule(e, key) : NULL;
	const struct encryption_provider *p = rule ? rule->providers[0] : NULL;
	struct str id;

	*ret = 0;
	if (!p || p->kind == PROVIDER_IDENTITY)
		return true;
	if (p->kind == PROVIDER_KEYS)
		*ret = mark_of(str_from(p->name), p->keys[0].name, STR_NONE);
	else if (kms_key_id(p->kms, &id))
		*ret = mark_of(STR("kms"), p->kms_name, id);
	else
		return false;
	return true;
}

/* --- plug-ins --- */

size_t encryption_plugin_count(const struct encryption *e)
{
	size_t count = 0;

	for (size_t i = 0; e && i < e->config.provider_count; i++)
		count += e->config.providers[i].kms != NULL;
	return count;
}

bool encryption_is_settled(const struct encryption *e)
{
	for (size_t i = 0; e && i < e->config.provider_count; i++)
		if (e->config.providers[i].kms && !kms_is_settled(e->config.providers[i].kms))
			return false;
	return true;
}

bool encryption_is_asking(const struct encryption *e)
{
	for (size_t i = 0; e && i < e->config.provider_count; i++)
		if (e->config.providers[i].kms && kms_is_asking(e->config.providers[i].kms))
			return true;
	return false;
}

int encryption_health(const struct encryption *e, struct err *err)
{
	size_t number = 0, bad = 0;
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 16);
	for (size_t i = 0; e && i < e->config.provider_count; i++) {
		struct err one = { 0 };

		if (!e->config.providers[i].kms)
			continue;
		if (kms_health(e->config.providers[i].kms, &one) < 0)
			buf_printf(&text, "%skms-provider-%zu: %s", bad++ ? ", " : "", number,
				   one.msg);
		number++;
	}
	return bad ? err_set(err, ERR_UNAVAILABLE, bad > 1 ? "[%s]" : "%s", text.ptr) : 0;
}
