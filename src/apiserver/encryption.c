/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as kube-apiserver stores them: "k8s:enc:<provider>:v1:<key>:" and what the cipher made. */
#include "apiserver/encryption.h"

#include "apiserver/limits.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/shape.h"
#include "codec/yaml.h"
#include "net/cipher.h"

#define PREFIX STR("k8s:enc:")
#define REGISTRY STR("/registry/")
#define KEYS "{keys[name:s secret:s]}"
#define SHAPE                                                                            \
	"kind:s apiVersion:s resources[resources:* providers[aesgcm" KEYS " aescbc" KEYS \
	" secretbox" KEYS " identity{} kms:*]]"

static const struct provider_type {
	const char *name;
	enum cipher cipher;
} provider_types[] = {
	{ "aesgcm", CIPHER_AES_GCM },
	{ "aescbc", CIPHER_AES_CBC },
	{ "secretbox", CIPHER_SECRETBOX },
};

struct encryption_key {
	struct str name, secret;
};
struct provider {
	const struct provider_type *type; /* NULL: identity */
	struct encryption_key *keys;
	size_t key_count;
};
struct rule {
	struct str *resources; /* "secrets", "deployments.apps", "*.apps", "*." and "*.*" */
	size_t resource_count;
	struct provider *providers;
	size_t provider_count;
};
struct encryption {
	struct env *env;
	struct arena arena;
	struct rule *rules;
	size_t rule_count;
};

/* --- reading the file --- */

static int read_keys(struct encryption *e, yyjson_mut_val *config, struct str where,
		     struct provider *p, struct err *err)
{
	yyjson_mut_val *keys = yyjson_mut_obj_get(config, "keys"), *key;
	size_t index, max;

	if (!yyjson_mut_arr_size(keys))
		return err_set(err, ERR_INVALID, STR_FMT ".keys: Required value: at least one key",
			       STR_ARG(where));
	p->keys = arena_array(&e->arena, yyjson_mut_arr_size(keys), sizeof(*p->keys));
	yyjson_mut_arr_foreach(keys, index, max, key)
	{
		struct encryption_key *to = &p->keys[p->key_count];
		AUTO_BUF secret = { 0 };

		buf_init(&secret, 256);
		to->name = str_in(&e->arena, json_mut_get_str(key, "name"));
		if (!to->name.len || str_find_char(to->name, ':', 0) != SIZE_MAX)
			return err_set(err, ERR_INVALID,
				       STR_FMT ".keys[%zu].name: Invalid value: must be set and "
					       "have no ':'",
				       STR_ARG(where), index);
		for (size_t i = 0; i < p->key_count; i++)
			if (str_eq(p->keys[i].name, to->name))
				return err_set(err, ERR_INVALID,
					       STR_FMT
					       ".keys[%zu].name: Duplicate value: \"" STR_FMT "\"",
					       STR_ARG(where), index, STR_ARG(to->name));
		/* The secret itself is in no message. */
		if (base64_decode(json_mut_get_str(key, "secret"), &secret, NULL) < 0 ||
		    !cipher_is_key(p->type->cipher, buf_str(&secret)))
			return err_set(err, ERR_INVALID,
				       STR_FMT
				       ".keys[%zu].secret: Invalid value: must be %s32 bytes in "
				       "base 64",
				       STR_ARG(where), index,
				       p->type->cipher == CIPHER_SECRETBOX ? "" : "16, 24 or ");
		to->secret = str_in(&e->arena, buf_str(&secret));
		mem_wipe(secret.ptr, secret.len);
		p->key_count++;
	}
	return 0;
}

static int read_provider(struct encryption *e, yyjson_mut_val *from, struct str where,
			 struct provider *to, struct err *err)
{
	yyjson_mut_obj_iter at = yyjson_mut_obj_iter_with(from);
	yyjson_mut_val *key = yyjson_mut_obj_iter_next(&at);
	struct str name = key ? str_from(yyjson_mut_get_str(key)) : STR_NONE;

	if (yyjson_mut_obj_size(from) != 1)
		return err_set(err, ERR_INVALID,
			       STR_FMT ": Invalid value: must name exactly one provider",
			       STR_ARG(where));
	if (str_eq_c(name, "identity"))
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(provider_types); i++) {
		if (!str_eq_c(name, provider_types[i].name))
			continue;
		to->type = &provider_types[i];
		return read_keys(e, yyjson_mut_obj_iter_get_val(key),
				 str_printf_in(&e->arena, STR_FMT "." STR_FMT, STR_ARG(where),
					       STR_ARG(name)),
				 to, err);
	}
	return err_set(err, ERR_UNSUPPORTED,
		       STR_FMT ": Unsupported value: \"" STR_FMT
			       "\": supported values: \"aesgcm\", \"aescbc\", \"secretbox\", "
			       "\"identity\"",
		       STR_ARG(where), STR_ARG(name));
}

static int read_rule(struct encryption *e, yyjson_mut_val *from, struct str where,
		     struct rule *rule, struct err *err)
{
	yyjson_mut_val *resources = yyjson_mut_obj_get(from, "resources");
	yyjson_mut_val *providers = yyjson_mut_obj_get(from, "providers"), *item;
	size_t index, max;

	if (!yyjson_mut_arr_size(resources))
		return err_set(err, ERR_INVALID, STR_FMT ".resources: Required value",
			       STR_ARG(where));
	if (!yyjson_mut_arr_size(providers))
		return err_set(err, ERR_INVALID, STR_FMT ".providers: Required value",
			       STR_ARG(where));
	rule->resources = arena_array(&e->arena, yyjson_mut_arr_size(resources),
				      sizeof(*rule->resources));
	yyjson_mut_arr_foreach(resources, index, max, item)
	{
		if (!yyjson_mut_is_str(item))
			return err_set(err, ERR_INVALID,
				       STR_FMT ".resources[%zu]: Invalid value: must be a string",
				       STR_ARG(where), index);
		rule->resources[rule->resource_count++] = str_in(&e->arena, json_mut_str(item));
	}
	rule->providers = arena_array(&e->arena, yyjson_mut_arr_size(providers),
				      sizeof(*rule->providers));
	yyjson_mut_arr_foreach(providers, index, max, item)
	{
		struct str at = str_printf_in(&e->arena, STR_FMT ".providers[%zu]", STR_ARG(where),
					      index);

		if (read_provider(e, item, at, &rule->providers[rule->provider_count++], err) < 0)
			return -1;
	}
	return 0;
}

static int read_rules(struct encryption *e, yyjson_mut_val *root, struct err *err)
{
	yyjson_mut_val *rules = yyjson_mut_obj_get(root, "resources"), *rule;
	AUTO_JSON frozen = json_freeze(root);
	size_t index, max;

	if (shape_check(yyjson_doc_get_root(frozen), SHAPE, err) < 0)
		return -1;

	if (!str_eq_c(json_mut_get_str(root, "kind"), "EncryptionConfiguration") ||
	    !str_eq_c(json_mut_get_str(root, "apiVersion"), "apiserver.config.k8s.io/v1"))
		return err_set(
			err, ERR_INVALID,
			"kind: must be EncryptionConfiguration of apiserver.config.k8s.io/v1");
	if (!yyjson_mut_arr_size(rules))
		return err_set(err, ERR_INVALID, "resources: Required value");
	e->rules = arena_array(&e->arena, yyjson_mut_arr_size(rules), sizeof(*e->rules));
	yyjson_mut_arr_foreach(rules, index, max, rule)
	{
		struct str where = str_printf_in(&e->arena, "resources[%zu]", index);

		if (read_rule(e, rule, where, &e->rules[e->rule_count++], err) < 0)
			return -1;
	}
	return 0;
}

int encryption_parse(struct env *env, struct str text, struct encryption **ret, struct err *err)
{
	AUTO_JSON_MUT doc = yaml_parse(text, ENCRYPTION_CONFIG_BYTES_MAX, err);
	struct encryption *e;

	if (!doc)
		return -1;
	e = NEW(struct encryption);
	e->env = env;
	arena_init(&e->arena, ENCRYPTION_CONFIG_BYTES_MAX * 16);
	if (read_rules(e, yyjson_mut_doc_get_root(doc), err) < 0) {
		encryption_free(e);
		return -1;
	}
	*ret = e;
	return 0;
}

void encryption_free(struct encryption *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->rule_count; i++)
		for (size_t j = 0; j < e->rules[i].provider_count; j++)
			for (size_t k = 0; k < e->rules[i].providers[j].key_count; k++)
				mem_wipe((void *)e->rules[i].providers[j].keys[k].secret.ptr,
					 e->rules[i].providers[j].keys[k].secret.len);
	arena_deinit(&e->arena);
	mem_free(e);
}

/* --- which rule --- */

/* The resource of a key: "secrets", "certificatesigningrequests", and its group where the layout
 * has it. */
static void resource_of(struct str key, struct str *ret_resource, struct str *ret_group)
{
	struct str rest = key, first, second;

	*ret_resource = *ret_group = STR_NONE;
	if (!str_strip_prefix(&rest, REGISTRY) || !str_next_part(&rest, '/', &first))
		return;
	*ret_resource = first;
	/* Custom kinds, and the groups that upstream keeps apart. */
	if (str_find_char(first, '.', 0) != SIZE_MAX && str_next_part(&rest, '/', &second)) {
		*ret_group = first;
		*ret_resource = second;
	}
}

static bool matches(struct str pattern, struct str resource, struct str group)
{
	struct str name, of;

	if (str_eq_c(pattern, "*.*"))
		return true;
	if (!str_cut(pattern, '.', &name, &of))
		return str_eq(pattern, resource) && !group.len;
	/* Keys of built-in kinds do not tell their group: their plurals are unique. */
	if (str_eq_c(name, "*"))
		return str_eq(of, group);
	return str_eq(name, resource) && (!group.len || str_eq(of, group));
}

/* The first that matches, as upstream. */
static const struct rule *find_rule(const struct encryption *e, struct str key)
{
	struct str resource, group;

	resource_of(key, &resource, &group);
	for (size_t i = 0; i < e->rule_count; i++)
		for (size_t j = 0; j < e->rules[i].resource_count; j++)
			if (matches(e->rules[i].resources[j], resource, group))
				return &e->rules[i];
	return NULL;
}

/* --- bytes --- */

struct blob *encryption_seal(struct encryption *e, struct str key, struct blob *value,
			     struct err *err)
{
	const struct rule *rule = find_rule(e, key);
	const struct provider *p = rule ? &rule->providers[0] : NULL;
	char nonce[CIPHER_NONCE_BYTES];
	AUTO_BUF out = { 0 };

	if (!p || !p->type)
		return blob_ref(value);
	env_random(e->env, nonce, sizeof(nonce));
	buf_init(&out, (size_t)value->len + 1024);
	buf_printf(&out, "k8s:enc:%s:v1:" STR_FMT ":", p->type->name, STR_ARG(p->keys[0].name));
	if (cipher_seal(p->type->cipher, p->keys[0].secret, key, nonce, blob_str(value), &out,
			err) < 0)
		return NULL;
	return blob_new(buf_str(&out));
}

static struct blob *open_with(const struct provider *p, const struct encryption_key *with,
			      struct str key, struct str sealed, struct err *err)
{
	AUTO_BUF clear = { 0 };
	struct blob *value;

	buf_init(&clear, sealed.len + 64);
	if (cipher_open(p->type->cipher, with->secret, key, sealed, &clear, err) < 0) {
		(void)err_wrap(err, "'" STR_FMT "': decrypt with %s key '" STR_FMT "'",
			       STR_ARG(key), p->type->name, STR_ARG(with->name));
		return NULL;
	}
	value = blob_new(buf_str(&clear));
	mem_wipe(clear.ptr, clear.len);
	return value;
}

struct blob *encryption_open(const struct encryption *e, struct str key, struct blob *sealed,
			     bool *ret_stale, struct err *err)
{
	const struct rule *rule = e ? find_rule(e, key) : NULL;
	struct str rest = blob_str(sealed), type, version, name;

	if (!str_strip_prefix(&rest, PREFIX)) {
		*ret_stale = rule && rule->providers[0].type;
		return blob_ref(sealed);
	}
	if (!str_next_part(&rest, ':', &type) || !str_next_part(&rest, ':', &version) ||
	    !str_next_part(&rest, ':', &name) || !str_eq_c(version, "v1")) {
		err_set(err, ERR_INVALID, "'" STR_FMT "': encrypted in an unknown form",
			STR_ARG(key));
		return NULL;
	}
	for (size_t i = 0; rule && i < rule->provider_count; i++) {
		const struct provider *p = &rule->providers[i];

		for (size_t j = 0; j < p->key_count; j++) {
			if (!str_eq_c(type, p->type->name) || !str_eq(name, p->keys[j].name))
				continue;
			*ret_stale = i || j;
			return open_with(p, &p->keys[j], key, rest, err);
		}
	}
	err_set(err, ERR_INVALID,
		"'" STR_FMT "' is encrypted with " STR_FMT " key '" STR_FMT
		"', which --encryption-provider-config does not have for it",
		STR_ARG(key), STR_ARG(type), STR_ARG(name));
	return NULL;
}
