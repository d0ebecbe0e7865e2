/* SPDX-License-Identifier: Apache-2.0 */
/* The file's checks, in upstream's order and words. A secret is in no message. */
#include "apiserver/encryption_config.h"

#include <string.h>
#include "api/field.h"
#include "apiserver/kms.h"
#include "apiserver/limits.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/shape.h"
#include "codec/yaml.h"
#include "net/url.h"

#define KEYS "{keys[name:s secret:s]}"
#define SHAPE                                                                            \
	"kind:s apiVersion:s resources[resources:* providers[aesgcm" KEYS " aescbc" KEYS \
	" secretbox" KEYS                                                                \
	" identity{} kms{apiVersion:s name:s cachesize:i endpoint:s timeout:s}]]"

/* Which of them an element of providers has is asked in this order. */
static const struct provider_type {
	const char *name, *upstream_name;
	enum provider_kind kind;
	enum cipher cipher;
} types[] = {
	{ "aesgcm", "AESGCM", PROVIDER_KEYS, CIPHER_AES_GCM },
	{ "aescbc", "AESCBC", PROVIDER_KEYS, CIPHER_AES_CBC },
	{ "secretbox", "Secretbox", PROVIDER_KEYS, CIPHER_SECRETBOX },
	{ "identity", "Identity", PROVIDER_IDENTITY, CIPHER_AES_GCM },
	{ "kms", "KMS", PROVIDER_KMS, CIPHER_AES_GCM },
};

struct reading {
	struct arena *arena;
	struct field_errors errors;
	struct encryption_config *config;
	struct str *kms_names;
	size_t kms_name_count;
	bool has_kms_v1;
};

/* --- resources --- */

static void split(struct str text, struct str *ret_resource, struct str *ret_group)
{
	if (str_cut(text, '.', ret_resource, ret_group))
		return;
	*ret_resource = text;
	*ret_group = STR_NONE;
}

static bool is_any(struct str text)
{
	return str_eq_c(text, "*");
}

static bool has_capital(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
			return true;
	return false;
}

/* What is wrong with one name, or NULL. */
static const char *name_problem(struct str name)
{
	static const char *const hidden[] = { "apiserveripinfo", "serviceipallocations",
					      "servicenodeportallocations" };
	struct str resource, group;

	split(name, &resource, &group);
	if (has_capital(name))
		return "resource name should not contain capital letters";
	if (is_any(name))
		return "use '*.' to encrypt all the resources from core API group or *.* to "
		       "encrypt "
		       "all resources";
	for (size_t i = 0; i < ARRAY_COUNT(hidden); i++)
		if (str_eq_c(name, hidden[i]))
			return "resources which do not have REST API/s cannot be encrypted";
	if (str_eq_c(group, "events.k8s.io"))
		return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. "
		       "Use 'events' instead in the config file";
	if (str_eq_c(group, "extensions"))
		return "'extensions' group has been removed and cannot be used for encryption";
	if (is_any(group) && !is_any(resource))
		return "encrypting the same resource across groups is not supported";
	return NULL;
}

static bool overlaps(struct str a, struct str b)
{
	struct str resource_a, group_a, resource_b, group_b;

	split(a, &resource_a, &group_a);
	split(b, &resource_b, &group_b);
	if (is_any(resource_a) && is_any(group_a))
		return true;
	return str_eq(group_a, group_b) && (is_any(resource_a) || is_any(resource_b));
}

static bool is_same(struct str a, struct str b)
{
	struct str resource_a, group_a, resource_b, group_b;

	split(a, &resource_a, &group_a);
	split(b, &resource_b, &group_b);
	return str_eq(group_a, group_b) && str_eq(resource_a, resource_b);
}

static void check_overlap(struct reading *r, const struct field_path *path, yyjson_mut_val *list)
{
	bool is_twice = false, has_overlap = false;
	size_t i, j, max_i, max_j;
	yyjson_mut_val *a, *b;

	yyjson_mut_arr_foreach(list, i, max_i, a)
	{
		yyjson_mut_arr_foreach(list, j, max_j, b)
		{
			if (i == j)
				continue;
			/* The first that are there twice are not taken for overlapping as well. */
			if (!is_twice && is_same(json_mut_str(a), json_mut_str(b)))
				is_twice = true;
			else
				has_overlap |= overlaps(json_mut_str(a), json_mut_str(b));
		}
	}
	if (is_twice)
		field_invalid_val(&r->errors, path, list,
				  "the same resource cannot be specified multiple times");
	if (has_overlap)
		field_invalid_val(
			&r->errors, path, list,
			"using overlapping resources such as 'secrets' and '*.' in the same "
			"resource list is not allowed as they will be masked");
}

static void check_resources(struct reading *r, const struct field_path *path, yyjson_mut_val *list)
{
	size_t index, max;
	yyjson_mut_val *item;

	if (!yyjson_mut_arr_size(list)) {
		field_error_add(&r->errors, FIELD_REQUIRED, path,
				"at least one " STR_FMT " is required",
				STR_ARG(field_path_in(r->arena, path)));
		return;
	}
	yyjson_mut_arr_foreach(list, index, max, item)
	{
		if (!yyjson_mut_is_str(item)) {
			field_invalid_val(&r->errors, FIELD_INDEX(path, index), item,
					  "must be a string");
			return;
		}
	}
	check_overlap(r, path, list);
	yyjson_mut_arr_foreach(list, index, max, item)
	{
		const char *problem = name_problem(json_mut_str(item));

		if (problem)
			field_invalid_str(&r->errors, FIELD_INDEX(path, index), json_mut_str(item),
					  problem);
	}
}

/* --- keys --- */

static void read_key(struct reading *r, const struct field_path *path, yyjson_mut_val *from,
		     struct encryption_provider *p)
{
	struct encryption_key *to = &p->keys[p->key_count];
	struct str secret = json_mut_get_str(from, "secret");
	const struct field_path *at = FIELD_NAME(path, "secret"), *named = FIELD_NAME(path, "name");
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, secret.len + 16);
	to->name = str_in(r->arena, json_mut_get_str(from, "name"));
	if (!to->name.len)
		field_required(&r->errors, named, "name is a mandatory field for a key");
	else if (str_find_char(to->name, ':', 0) != SIZE_MAX)
		field_invalid_str(&r->errors, named, to->name, "must not contain ':'");
	for (size_t i = 0; to->name.len && i < p->key_count; i++)
		if (str_eq(p->keys[i].name, to->name))
			field_duplicate_str(&r->errors, named, to->name);
	if (!secret.len)
		field_required(&r->errors, at, "secret is a mandatory field for a key");
	else if (base64_decode(secret, &bytes, NULL) < 0)
		field_invalid_str(&r->errors, at, STR("REDACTED"),
				  "secrets must be base64 encoded");
	else if (!cipher_is_key(p->cipher, buf_str(&bytes)))
		field_error_add(&r->errors, FIELD_INVALID, at,
				"\"REDACTED\": secret is not of the expected length, got %zu, "
				"expected one of %s",
				bytes.len, p->cipher == CIPHER_SECRETBOX ? "[32]" : "[16 24 32]");
	to->secret = str_in(r->arena, buf_str(&bytes));
	mem_wipe(bytes.ptr, bytes.len);
	p->key_count++;
}

static void read_keys(struct reading *r, const struct field_path *path, yyjson_mut_val *keys,
		      struct encryption_provider *p)
{
	size_t index, max;
	yyjson_mut_val *key;

	if (!yyjson_mut_arr_size(keys)) {
		field_required(&r->errors, path, "at least one keys is required");
		return;
	}
	p->keys = arena_array(r->arena, yyjson_mut_arr_size(keys), sizeof(*p->keys));
	yyjson_mut_arr_foreach(keys, index, max, key) read_key(r, FIELD_INDEX(path, index), key, p);
}

/* --- KMS --- */

static void check_kms_name(struct reading *r, const struct field_path *path, struct str name,
			   bool is_v1)
{
	if (!name.len)
		field_required(&r->errors, path, "name is a mandatory field for a provider");
	if (!is_v1 && str_find_char(name, ':', 0) != SIZE_MAX)
		field_error_add(&r->errors, FIELD_INVALID, path,
				"\"" STR_FMT "\": invalid KMS provider name " STR_FMT
				", must not contain ':'",
				STR_ARG(name), STR_ARG(name));
	for (size_t i = 0; !is_v1 && i < r->kms_name_count; i++) {
		if (!str_eq(r->kms_names[i], name))
			continue;
		field_error_add(&r->errors, FIELD_INVALID, path,
				"\"" STR_FMT "\": duplicate KMS provider name " STR_FMT
				", names must be unique",
				STR_ARG(name), STR_ARG(name));
		break;
	}
	r->kms_names[r->kms_name_count++] = name;
}

static int64_t read_timeout(struct reading *r, const struct field_path *path, struct str text)
{
	int64_t ns = 0;
	struct err err;

	if (!text.len)
		return KMS_TIMEOUT_DEFAULT_MS;
	if (time_parse_duration(text, &ns, &err) < 0)
		field_error_add(&r->errors, FIELD_INVALID, path, "\"" STR_FMT "\": %s",
				STR_ARG(text), err.msg);
	else if (ns <= 0)
		field_invalid_str(&r->errors, path, text, "timeout should be a positive value");
	return ns <= TIME_NS_PER_MS ? 1 : ns / TIME_NS_PER_MS;
}

/* "unix:///run/x.sock", "unix:///@abstract"; what net/url.c takes is another form. */
static struct str read_endpoint(struct reading *r, const struct field_path *path, struct str text)
{
	struct str scheme, rest = text, path_text = STR_NONE;
	size_t slash;

	if (!text.len) {
		field_invalid_str(&r->errors, path, text,
				  "endpoint is a mandatory field for a kms");
		return STR_NONE;
	}
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '\x7f') {
			field_invalid_str(&r->errors, path, text,
					  "invalid endpoint for kms provider, error: net/url: "
					  "invalid control character in URL");
			return STR_NONE;
		}
	if (!str_cut(text, ':', &scheme, &rest))
		scheme = STR_NONE;
	if (!str_eq_c(scheme, "unix")) {
		field_error_add(&r->errors, FIELD_INVALID, path,
				"\"" STR_FMT "\": unsupported scheme \"" STR_FMT
				"\" for KMS provider, only unix is supported",
				STR_ARG(text), STR_ARG(scheme));
		return STR_NONE;
	}
	if (str_strip_prefix(&rest, STR("//"))) {
		slash = str_find_char(rest, '/', 0);
		rest = slash == SIZE_MAX ? STR_NONE : str_slice(rest, slash, rest.len);
	}
	if (url_decode(rest, r->arena, &path_text, NULL) < 0 || !path_text.len)
		field_invalid_str(&r->errors, path, text,
				  "invalid endpoint for kms provider, error: it has no path");
	if (str_has_prefix(path_text, STR("/@")))
		path_text = str_slice(path_text, 1, path_text.len);
	return str_in(r->arena, path_text);
}

static void read_kms(struct reading *r, const struct field_path *path, yyjson_mut_val *from,
		     struct encryption_provider *p)
{
	struct str version = json_mut_get_str(from, "apiVersion");
	yyjson_mut_val *size = yyjson_mut_obj_get(from, "cachesize");
	bool is_v1 = !version.len || str_eq_c(version, "v1");

	p->kms_name = str_in(r->arena, json_mut_get_str(from, "name"));
	check_kms_name(r, FIELD_NAME(path, "name"), p->kms_name, is_v1);
	p->kms_timeout_ms = read_timeout(r, FIELD_NAME(path, "timeout"),
					 json_mut_get_str(from, "timeout"));
	p->kms_path = read_endpoint(r, FIELD_NAME(path, "endpoint"),
				    json_mut_get_str(from, "endpoint"));
	if (!is_v1 && size)
		field_invalid_val(&r->errors, FIELD_NAME(path, "cachesize"), size,
				  "cachesize is not supported in v2");
	else if (size && yyjson_mut_get_sint(size) == 0)
		field_invalid_val(&r->errors, FIELD_NAME(path, "cachesize"), size,
				  "cachesize should be a positive value, or negative to disable");
	if (!is_v1 && !str_eq_c(version, "v2"))
		field_invalid_str(
			&r->errors, FIELD_NAME(path, "apiVersion"), version,
			"unsupported apiVersion apiVersion for KMS provider, only v1 and v2 "
			"are supported");
	r->has_kms_v1 |= is_v1;
}

/* --- providers --- */

static void read_provider(struct reading *r, const struct field_path *path, yyjson_mut_val *from,
			  struct encryption_provider *to)
{
	const struct provider_type *type = NULL;
	yyjson_mut_val *value = NULL;
	AUTO_BUF shown = { 0 };
	size_t found = 0;

	buf_init(&shown, 4096);
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		yyjson_mut_val *given = yyjson_mut_obj_get(from, types[i].name);

		/* Not what is in them: secrets. */
		buf_printf(&shown, "%s\"%s\":%s", i ? "," : "{", types[i].upstream_name,
			   given ? "{}" : "null");
		if (!given)
			continue;
		found++;
		type = &types[i];
		value = given;
	}
	if (found != 1) {
		field_error_add(
			&r->errors, FIELD_INVALID, path, "%s}: %s", shown.ptr,
			found ? "more than one provider specified in a single element, should "
				"split into different list elements"
			      : "provider does not contain any of the expected providers: KMS, "
				"AESGCM, AESCBC, Secretbox, Identity");
		return;
	}
	to->name = type->name;
	to->kind = type->kind;
	to->cipher = type->cipher;
	if (type->kind == PROVIDER_KMS)
		read_kms(r, FIELD_NAME(path, type->name), value, to);
	else if (type->kind == PROVIDER_KEYS)
		read_keys(r, FIELD_NAME(FIELD_NAME(path, type->name), "keys"),
			  yyjson_mut_obj_get(value, "keys"), to);
}

static void read_providers(struct reading *r, const struct field_path *path, yyjson_mut_val *list)
{
	size_t index, max;
	yyjson_mut_val *item;

	if (!yyjson_mut_arr_size(list))
		field_error_add(&r->errors, FIELD_REQUIRED, path,
				"at least one " STR_FMT " is required",
				STR_ARG(field_path_in(r->arena, path)));
	yyjson_mut_arr_foreach(list, index, max, item)
		read_provider(r, FIELD_INDEX(path, index), item,
			      &r->config->providers[r->config->provider_count++]);
}

/* --- what they say together --- */

static struct encryption_rule *find_rule(const struct encryption_config *c, struct str resource,
					 struct str group)
{
	for (size_t i = 0; i < c->rule_count; i++)
		if (str_eq(c->rules[i].resource, resource) && str_eq(c->rules[i].group, group))
			return &c->rules[i];
	return NULL;
}

static int masked(struct str by, struct str resource, struct str group, struct err *err)
{
	return err_set(err, ERR_INVALID,
		       "resource \"" STR_FMT "%s" STR_FMT "\" is masked by earlier rule \"" STR_FMT
		       "\"",
		       STR_ARG(resource), group.len || is_any(resource) ? "." : "", STR_ARG(group),
		       STR_ARG(by));
}

static int add_resource(struct reading *r, struct str text, size_t first, size_t count,
			struct err *err)
{
	struct encryption_config *c = r->config;
	struct encryption_rule *rule;
	struct encryption_provider **all;
	struct str resource, group;

	split(str_in(r->arena, text), &resource, &group);
	if (find_rule(c, STR("*"), group))
		return masked(str_printf_in(r->arena, "*." STR_FMT, STR_ARG(group)), resource,
			      group, err);
	if (find_rule(c, STR("*"), STR("*")))
		return masked(STR("*.*"), resource, group, err);
	rule = find_rule(c, resource, group);
	if (!rule) {
		rule = &c->rules[c->rule_count++];
		*rule = (struct encryption_rule){ .resource = resource, .group = group };
	}
	/* A resource of several rules is read by the providers of all, and written by the first. */
	all = arena_array(r->arena, rule->provider_count + count,
			  sizeof(struct encryption_provider *));
	for (size_t i = 0; i < rule->provider_count; i++)
		all[i] = rule->providers[i];
	for (size_t i = 0; i < count; i++)
		all[rule->provider_count + i] = &c->providers[first + i];
	rule->providers = all;
	rule->provider_count += count;
	return 0;
}

static int read_rules(struct reading *r, yyjson_mut_val *rules, struct err *err)
{
	size_t index, max, i, max_i, first = 0;
	yyjson_mut_val *rule, *item;

	yyjson_mut_arr_foreach(rules, index, max, rule)
	{
		size_t count = yyjson_mut_arr_size(yyjson_mut_obj_get(rule, "providers"));

		yyjson_mut_arr_foreach(yyjson_mut_obj_get(rule, "resources"), i, max_i,
				       item) if (add_resource(r, json_mut_str(item), first, count,
							      err) < 0) return -1;
		first += count;
	}
	return 0;
}

static void check_rules(struct reading *r, yyjson_mut_val *rules)
{
	const struct field_path *root = FIELD_NAME(NULL, "resources");
	size_t index, max;
	yyjson_mut_val *rule;

	if (!yyjson_mut_arr_size(rules))
		field_required(&r->errors, root, "at least one resources is required");
	yyjson_mut_arr_foreach(rules, index, max, rule)
	{
		const struct field_path *path = FIELD_INDEX(root, index);

		check_resources(r, FIELD_NAME(path, "resources"),
				yyjson_mut_obj_get(rule, "resources"));
		read_providers(r, FIELD_NAME(path, "providers"),
			       yyjson_mut_obj_get(rule, "providers"));
	}
}

static void make_room(struct reading *r, yyjson_mut_val *rules)
{
	size_t index, max, resource_count = 0, provider_count = 0;
	yyjson_mut_val *rule;

	yyjson_mut_arr_foreach(rules, index, max, rule)
	{
		resource_count += yyjson_mut_arr_size(yyjson_mut_obj_get(rule, "resources"));
		provider_count += yyjson_mut_arr_size(yyjson_mut_obj_get(rule, "providers"));
	}
	r->config->rules = arena_array(r->arena, resource_count + 1, sizeof(*r->config->rules));
	r->config->providers = arena_array(r->arena, provider_count + 1,
					   sizeof(*r->config->providers));
	r->kms_names = arena_array(r->arena, provider_count + 1, sizeof(*r->kms_names));
}

/* Upstream takes EncryptionConfig of v1, too: its documentation long showed that. */
static bool is_of_kind(yyjson_mut_val *root)
{
	struct str kind = json_mut_get_str(root, "kind");
	struct str version = json_mut_get_str(root, "apiVersion");

	return (str_eq_c(kind, "EncryptionConfiguration") &&
		str_eq_c(version, "apiserver.config.k8s.io/v1")) ||
	       (str_eq_c(kind, "EncryptionConfig") && str_eq_c(version, "v1"));
}

static int read_root(struct reading *r, yyjson_mut_val *root, struct err *err)
{
	yyjson_mut_val *rules = yyjson_mut_obj_get(root, "resources");
	AUTO_JSON frozen = json_freeze(root);
	AUTO_BUF text = { 0 };

	if (shape_check(yyjson_doc_get_root(frozen), SHAPE, err) < 0)
		return -1;
	if (!is_of_kind(root))
		return err_set(
			err, ERR_INVALID,
			"kind: must be EncryptionConfiguration of apiserver.config.k8s.io/v1");
	make_room(r, rules);
	check_rules(r, rules);
	if (r->errors.count) {
		buf_init(&text, 1u << 20);
		field_errors_write(&r->errors, &text);
		return err_set(err, ERR_INVALID, "%s", text.ptr);
	}
	if (r->has_kms_v1)
		return err_set(
			err, ERR_INVALID,
			"KMSv1 is deprecated and will only receive security updates going "
			"forward. Use KMSv2 instead.  Set --feature-gates=KMSv1=true to use the "
			"deprecated KMSv1 feature.");
	return read_rules(r, rules, err);
}

int encryption_config_read(struct str text, struct arena *arena, struct encryption_config *ret,
			   struct err *err)
{
	AUTO_JSON_MUT doc = NULL;
	struct reading r = { .arena = arena, .config = ret };

	*ret = (struct encryption_config){ 0 };
	if (!text.len)
		return err_set(err, ERR_INVALID, "the file is empty");
	doc = yaml_parse(text, ENCRYPTION_CONFIG_BYTES_MAX, err);
	if (!doc)
		return -1;
	field_errors_init(&r.errors, arena);
	return read_root(&r, yyjson_mut_doc_get_root(doc), err);
}

void encryption_config_wipe(struct encryption_config *c)
{
	for (size_t i = 0; i < c->provider_count; i++)
		for (size_t j = 0; j < c->providers[i].key_count; j++)
			mem_wipe((void *)c->providers[i].keys[j].secret.ptr,
				 c->providers[i].keys[j].secret.len);
}
