/* SPDX-License-Identifier: Apache-2.0 */
/* Compact JWTs: three parts in URL-safe base 64 with a dot between. */
#include "apiserver/jwt.h"

#include "apiserver/limits.h"
#include "codec/base64.h"

static const struct {
	enum x509_signature kind;
	const char *name;
} algorithms[] = {
	{ X509_RS256, "RS256" },
	{ X509_ES256, "ES256" }, { X509_RS384, "RS384" }, { X509_RS512, "RS512" },
	{ X509_ES384, "ES384" }, { X509_ES512, "ES512" }, { X509_PS256, "PS256" },
	{ X509_PS384, "PS384" }, { X509_PS512, "PS512" },
};

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_UNAUTHORIZED, "%s", why);
}

static int decode_part(struct str part, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, BEARER_BYTES_MAX);
	if (!part.len || base64_url_decode(part, &bytes, NULL) < 0 || buf_failed(&bytes))
		return refuse(err, "the token is not in URL-safe base 64");
	*ret = str_in(arena, buf_str(&bytes));
	return 0;
}

static int decode_header(struct str part, struct arena *arena, struct jwt *ret, struct err *err)
{
	AUTO_JSON header = NULL;
	struct str text, algorithm;

	if (decode_part(part, arena, &text, err) < 0)
		return -1;
	header = json_parse_unique(text, BEARER_BYTES_MAX, NULL);
	if (!header)
		return refuse(err, "the token's header is not JSON");
	/* RFC 7515, 4.1.11: what we do not understand and must, we refuse */
	if (json_get(yyjson_doc_get_root(header), "crit"))
		return refuse(err, "the token's header asks for extensions");
	algorithm = json_get_str(yyjson_doc_get_root(header), "alg");
	ret->key_id = str_in(arena, json_get_str(yyjson_doc_get_root(header), "kid"));
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++)
		if (str_eq_c(algorithm, algorithms[i].name)) {
			ret->signature.kind = algorithms[i].kind;
			return 0;
		}
	return refuse(err, "the token is signed in a way that is not supported");
}

int jwt_decode(struct str text, struct arena *arena, struct jwt *ret, struct err *err)
{
	struct str rest = text, header, claims, signature, json;
	struct jwt jwt = { 0 };

	if (text.len > BEARER_BYTES_MAX)
		return refuse(err, "the token is too long");
	if (!str_next_part(&rest, '.', &header) || !str_next_part(&rest, '.', &claims) ||
	    !str_next_part(&rest, '.', &signature) || rest.ptr)
		return refuse(err, "the token does not have three parts");
	if (decode_header(header, arena, &jwt, err) < 0 ||
	    decode_part(signature, arena, &jwt.signature.signature, err) < 0 ||
	    decode_part(claims, arena, &json, err) < 0)
		return -1;
	jwt.signed_part = str_slice(text, 0, header.len + 1 + claims.len);
	jwt.claims = json_parse_unique(json, BEARER_BYTES_MAX, NULL);
	if (!jwt.claims || !yyjson_is_obj(yyjson_doc_get_root(jwt.claims))) {
		json_free(jwt.claims);
		return refuse(err, "the token's claims are not a JSON object");
	}
	*ret = jwt;
	return 0;
}

struct str jwt_issuer(const struct jwt *jwt)
{
	return json_get_str(yyjson_doc_get_root(jwt->claims), "iss");
}

static void put_part(yyjson_mut_val *value, struct buf *to)
{
	AUTO_BUF json = { 0 };

	buf_init(&json, BEARER_BYTES_MAX);
	json_mut_write(value, &json);
	base64_url_encode(buf_str(&json), to);
}

int jwt_encode(yyjson_mut_val *claims, const struct x509_public *public, struct str private_pem,
	       struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_JSON_MUT header = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(header);
	struct x509_jws jws;
	AUTO_BUF text = { 0 };

	buf_init(&text, BEARER_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++)
		if (algorithms[i].kind == public->kind)
			json_set_str(header, root, "alg", str_from(algorithms[i].name));
	json_set_str(header, root, "kid", public->key_id);
	put_part(root, &text);
	buf_put_char(&text, '.');
	put_part(claims, &text);
	if (x509_sign(private_pem, buf_str(&text), arena, &jws, err) < 0)
		return -1;
	buf_put_char(&text, '.');
	base64_url_encode(jws.signature, &text);
	if (buf_check(&text, "token", err) < 0)
		return -1;
	*ret = str_in(arena, buf_str(&text));
	return 0;
}

const char *jwt_algorithm(enum x509_signature kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++)
		if (algorithms[i].kind == kind)
			return algorithms[i].name;
	return "";
}
