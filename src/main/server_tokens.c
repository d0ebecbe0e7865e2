/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of service accounts' tokens, and the keys they name. */
#include "main/server.h"

#include <fcntl.h>

#include "apiserver/limits.h"
#include "apiserver/tokens.h"
#include "base/fd.h"
#include "base/time.h"

#define KEY_FILE_BYTES_MAX ((size_t)256 << 10)
#define TOKEN_LIFE_SECONDS_MIN 3600 /* as upstream: shorter ones would break pods' own */

static int read_key(struct server *s, struct str path, struct str *ret, struct err *err)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, KEY_FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), KEY_FILE_BYTES_MAX, &text, err) < 0)
		return -1;
	*ret = str_in(s->arena, buf_str(&text));
	return 0;
}

static int read_keys(struct server *s, struct token_options *ret, struct err *err)
{
	const struct flag_list *files = &s->opts->account_keys;
	struct str *pems = arena_array(s->arena, files->count + 1, sizeof(pems[0]));

	ret->signing_key_pem = s->pki.account_key_pem;
	if (s->opts->account_signing_key.len &&
	    read_key(s, s->opts->account_signing_key, &ret->signing_key_pem, err) < 0)
		return err_wrap(err, "--service-account-signing-key-file");
	for (size_t i = 0; i < files->count; i++)
		if (read_key(s, files->items[i], &pems[i], err) < 0)
			return err_wrap(err, "--service-account-key-file");
	ret->key_pems = (struct str_list){ pems, files->count };
	return 0;
}

int server_token_options(struct server *s, struct token_options *ret, struct err *err)
{
	const struct server_opts *o = s->opts;
	struct str *issuer = ARENA_NEW(s->arena, struct str);
	int64_t life_ns;

	*ret = (struct token_options){
		.issuers = { o->account_issuers.items, o->account_issuers.count },
		.audiences = { o->api_audiences.items, o->api_audiences.count },
		.jwks_uri = o->account_jwks_uri,
		.extends = !o->account_tokens_end,
	};
	if (!ret->issuers.count) {
		*issuer = str_printf_in(s->arena, "https://kubernetes.default.svc." STR_FMT,
					STR_ARG(o->cluster_domain));
		ret->issuers = (struct str_list){ issuer, 1 };
	}
	if (!ret->jwks_uri.len)
		ret->jwks_uri = str_printf_in(s->arena, "https://" STR_FMT ":%d/openid/v1/jwks",
					      STR_ARG(s->plan.advertise_address),
					      (int)o->secure_port);
	if (time_parse_duration(o->account_token_life, &life_ns, err) < 0)
		return err_wrap(err, "--service-account-max-token-expiration");
	ret->seconds_max = life_ns / TIME_NS_PER_SECOND;
	if (ret->seconds_max &&
	    (ret->seconds_max < TOKEN_LIFE_SECONDS_MIN || ret->seconds_max > TOKEN_SECONDS_MAX))
		return err_set(err, ERR_INVALID,
			       "--service-account-max-token-expiration must be between 1h and 2^32 "
			       "seconds");
	return read_keys(s, ret, err);
}
