/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in base 64 become keys in PEM, which is what signatures are verified with. */
#include "apiserver/jwks.h"

#include "apiserver/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "net/x509.h"

static int read_number(yyjson_val *key, const char *name, struct arena *arena, struct str *ret)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, OIDC_KEYS_BYTES_MAX);
	if (base64_url_decode(json_get_str(key, name), &bytes, NULL) < 0)
		return -1;
	*ret = str_in(arena, buf_str(&bytes));
	return 0;
}

/* Keys of other kinds and uses are passed over. */
static int read_key(yyjson_val *key, struct arena *arena, struct jwks_key *ret)
{
	struct str type = json_get_str(key, "kty"), use = json_get_str(key, "use"), a, b;

	*ret = (struct jwks_key){ .id = str_in(arena, json_get_str(key, "kid")),
				  .algorithm = str_in(arena, json_get_str(key, "alg")) };
	if (use.len && !str_eq_c(use, "sig"))
		return -1;
	if (str_eq_c(type, "RSA"))
		return read_number(key, "n", arena, &a) < 0 || read_number(key, "e", arena, &b) < 0
			       ? -1
			       : x509_rsa_pem(a, b, arena, &ret->pem, NULL);
	if (str_eq_c(type, "EC"))
		return read_number(key, "x", arena, &a) < 0 || read_number(key, "y", arena, &b) < 0
			       ? -1
			       : x509_ec_pem(json_get_str(key, "crv"), a, b, arena, &ret->pem,
					     NULL);
	return -1;
}

int jwks_read(struct str text, struct arena *arena, struct jwks *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(text, OIDC_KEYS_BYTES_MAX, err);
	yyjson_val *list = json_get(yyjson_doc_get_root(doc), "keys");
	size_t count = yyjson_arr_size(list);
	struct jwks keys = { 0 };

	if (!doc)
		return -1;
	if (!yyjson_is_arr(list) || count > OIDC_KEYS_MAX)
		return err_set(err, ERR_PARSE, "no list of at most %d keys", OIDC_KEYS_MAX);
	keys.items = arena_array(arena, count + 1, sizeof(keys.items[0]));
	JSON_EACH (key, list)
		if (read_key(key, arena, &keys.items[keys.count]) == 0)
			keys.count++;
	*ret = keys;
	return 0;
}
