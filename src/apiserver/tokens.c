/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the cluster, signing, verifying, and the memory of what was verified. */
#include "apiserver/tokens_internal.h"

#include "apiserver/limits.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "loop/env.h"

static struct str_list copy_list(struct arena *arena, struct str_list from)
{
	struct str *items = arena_array(arena, from.count + 1, sizeof(items[0]));

	for (size_t i = 0; i < from.count; i++)
		items[i] = str_in(arena, from.items[i]);
	return (struct str_list){ items, from.count };
}

static int add_key(struct tokens *t, struct str pem, struct err *err)
{
	struct token_key key = { .pem = str_in(&t->arena, pem) };

	if (x509_public_of(key.pem, &t->arena, &key.public, err) < 0)
		return -1;
	for (size_t i = 0; i < t->key_count; i++)
		if (str_eq(t->keys[i].public.key_id, key.public.key_id))
			return 0;
	t->keys[t->key_count++] = key;
	return 0;
}

int tokens_new(const struct token_options *options, struct env *env, struct tokens **ret,
	       struct err *err)
{
	struct tokens *t = NEW(struct tokens);

	arena_init(&t->arena, ARENA_DEFAULT_MAX);
	omap_init(&t->known);
	list_init(&t->recent);
	list_init(&t->uses);
	t->env = env;
	t->issuers = copy_list(&t->arena, options->issuers);
	t->audiences = options->audiences.count ? copy_list(&t->arena, options->audiences)
						: (struct str_list){ t->issuers.items, 1 };
	t->jwks_uri = str_in(&t->arena, options->jwks_uri);
	t->seconds_max = options->seconds_max;
	t->known_max = options->known_max ? options->known_max : TOKENS_KNOWN_MAX;
	t->extends = options->extends;
	t->keys = arena_array(&t->arena, options->key_pems.count + 1, sizeof(t->keys[0]));
	if (add_key(t, options->signing_key_pem, err) < 0)
		goto fail;
	for (size_t i = 0; i < options->key_pems.count; i++)
		if (add_key(t, options->key_pems.items[i], err) < 0)
			goto fail;
	*ret = t;
	return 0;
fail:
	tokens_free(t);
	return err_wrap(err, "key of service accounts");
}

static struct str sum_of(const struct known_token *known)
{
	return str_sub((const char *)known->sum, sizeof(known->sum));
}

static void forget(struct tokens *t, struct known_token *known)
{
	list_remove(&known->link);
	(void)omap_remove(&t->known, sum_of(known)); /* it is freed below, or was never there */
	arena_deinit(&known->arena);
	mem_free(known);
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	token_uses_free(t);
	while (!list_is_empty(&t->recent))
		forget(t, LIST_ENTRY(list_first(&t->recent), struct known_token, link));
	omap_deinit(&t->known);
	for (size_t i = 0; i < t->key_count; i++)
		mem_wipe((void *)t->keys[i].pem.ptr, t->keys[i].pem.len);
	arena_deinit(&t->arena);
	mem_free(t);
}

struct str_list tokens_audiences(const struct tokens *t)
{
	return t->audiences;
}

bool tokens_extends(const struct tokens *t)
{
	return t->extends;
}

int64_t tokens_seconds_max(const struct tokens *t)
{
	return t->seconds_max;
}

int tokens_issue(struct tokens *t, const struct token_claims *claims, struct arena *arena,
		 struct str *ret, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();

	token_claims_write(claims, t->issuers.items[0], doc);
	return jwt_encode(yyjson_mut_doc_get_root(doc), &t->keys[0].public, t->keys[0].pem, arena,
			  ret, err);
}

static bool is_issuer(const struct tokens *t, struct str issuer)
{
	if (str_eq(issuer, STR(TOKEN_LEGACY_ISSUER)))
		return true;
	for (size_t i = 0; i < t->issuers.count; i++)
		if (str_eq(issuer, t->issuers.items[i]))
			return true;
	return false;
}

static int check_signature(const struct tokens *t, const struct jwt *jwt, struct err *err)
{
	if (!is_issuer(t, jwt_issuer(jwt)))
		return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	for (size_t i = 0; i < t->key_count; i++) {
		const struct token_key *key = &t->keys[i];

		if (key->public.kind != jwt->signature.kind ||
		    (jwt->key_id.len && !str_eq(jwt->key_id, key->public.key_id)))
			continue;
		if (x509_verify(key->pem, &jwt->signature, jwt->signed_part, NULL) == 0)
			return 0;
	}
	return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
}

static int verify_new(struct tokens *t, struct str text, struct known_token *known, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_JSON claims = NULL;
	struct jwt jwt;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (jwt_decode(text, &arena, &jwt, NULL) < 0)
		return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	claims = jwt.claims;
	if (check_signature(t, &jwt, err) < 0)
		return -1;
	return token_claims_read(yyjson_doc_get_root(claims), known, err);
}

int tokens_verify(struct tokens *t, struct str text, const struct known_token **ret,
		  struct err *err)
{
	uint8_t sum[X509_SHA256_BYTES];
	struct known_token *known;

	if (text.len > BEARER_BYTES_MAX)
		return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	/* the hash is the key: finding it takes a time that says nothing of the token */
	x509_sha256(text, sum);
	known = omap_get(&t->known, str_sub((const char *)sum, sizeof(sum)));
	if (!known) {
		known = NEW(struct known_token);
		memcpy(known->sum, sum, sizeof(sum));
		arena_init(&known->arena, 1u << 20);
		list_init(&known->link);
		if (verify_new(t, text, known, err) < 0) {
			arena_deinit(&known->arena);
			mem_free(known);
			return -1;
		}
		if (t->known.count >= t->known_max)
			forget(t, LIST_ENTRY(list_first(&t->recent), struct known_token, link));
		(void)omap_put(&t->known, sum_of(known), known); /* it was not there */
	}
	list_remove(&known->link);
	list_push_back(&t->recent, &known->link);
	*ret = known;
	return 0;
}

/* --- issuer discovery --- */

static const char *const algorithm_names[] = { [X509_RS256] = "RS256", [X509_ES256] = "ES256" };

void tokens_write_configuration(const struct tokens *t, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list;
	bool named[ARRAY_COUNT(algorithm_names)] = { false };

	json_set_str(doc, root, "issuer", t->issuers.items[0]);
	json_set_str(doc, root, "jwks_uri", t->jwks_uri);
	json_append_str(doc, json_set_array(doc, root, "response_types_supported"),
			STR("id_token"));
	json_append_str(doc, json_set_array(doc, root, "subject_types_supported"), STR("public"));
	list = json_set_array(doc, root, "id_token_signing_alg_values_supported");
	for (size_t i = 0; i < t->key_count; i++) {
		enum x509_signature kind = t->keys[i].public.kind;

		if (!named[kind])
			json_append_str(doc, list, str_from(algorithm_names[kind]));
		named[kind] = true;
	}
	json_mut_write(root, to);
}

static void set_number(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		       struct str bytes)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, BEARER_BYTES_MAX);
	base64_url_encode(bytes, &text);
	json_set_str(doc, object, key, buf_str(&text));
}

void tokens_write_keys(const struct tokens *t, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *list = json_set_array(doc, yyjson_mut_doc_get_root(doc), "keys");

	for (size_t i = 0; i < t->key_count; i++) {
		const struct x509_public *public = &t->keys[i].public;
		bool is_rsa = public->kind == X509_RS256;
		yyjson_mut_val *key = json_append_object(doc, list);

		json_set_str(doc, key, "use", STR("sig"));
		json_set_str(doc, key, "kty", is_rsa ? STR("RSA") : STR("EC"));
		json_set_str(doc, key, "kid", public->key_id);
		if (!is_rsa)
			json_set_str(doc, key, "crv", STR("P-256"));
		json_set_str(doc, key, "alg", str_from(algorithm_names[public->kind]));
		set_number(doc, key, is_rsa ? "n" : "x", public->first);
		set_number(doc, key, is_rsa ? "e" : "y", public->second);
	}
	json_mut_write(yyjson_mut_doc_get_root(doc), to);
}
