/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This server as the proxy in front of other API servers: its own authority and certificate, or
 * what the flags name. What they are told to believe is what this server believes of a proxy in
 * front of itself, as upstream has one setting for both.
 */
#include <fcntl.h>

#include "apiserver/front_proxy.h"
#include "apiserver/limits.h"
#include "base/fd.h"
#include "main/server.h"
#include "net/x509.h"

static int read_file(struct server *s, struct str path, const char *flag, struct str *ret,
		     struct err *err)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, WEBHOOK_CA_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), WEBHOOK_CA_BYTES_MAX, &text, err) < 0)
		return err_wrap(err, "--%s", flag);
	*ret = str_in(s->arena, buf_str(&text));
	return 0;
}

int server_proxy_authority(struct server *s, struct str *ret, struct err *err)
{
	struct str file = s->opts->auth.proxy_ca_file;

	*ret = STR_NONE;
	return file.len ? read_file(s, file, "requestheader-client-ca-file", ret, err) : 0;
}

static int read_certificate(struct server *s, struct front_proxy *to, struct err *err)
{
	const struct server_auth_opts *o = &s->opts->auth;
	struct x509_pair pair;

	if (!o->proxy_client_cert_file.len && !o->proxy_client_key_file.len)
		return 0;
	if (!o->proxy_client_cert_file.len || !o->proxy_client_key_file.len)
		return err_set(err, ERR_INVALID,
			       "--proxy-client-cert-file and --proxy-client-key-file go together");
	if (read_file(s, o->proxy_client_cert_file, "proxy-client-cert-file", &pair.certificate_pem,
		      err) < 0 ||
	    read_file(s, o->proxy_client_key_file, "proxy-client-key-file", &pair.key_pem, err) < 0)
		return -1;
	if (x509_check_pair(&pair, err) < 0)
		return err_wrap(err, "--proxy-client-cert-file");
	to->certificate_pem = pair.certificate_pem;
	to->key_pem = pair.key_pem;
	return 0;
}

static struct str_list list_of(const struct flag_list *list)
{
	return (struct str_list){ list->items, list->count };
}

int server_front_proxy(struct server *s, struct front_proxy *ret, struct err *err)
{
	static const struct str names[] = { STR_INIT("front-proxy-client") },
				users[] = { STR_INIT("X-Remote-User") },
				uids[] = { STR_INIT("X-Remote-Uid") },
				groups[] = { STR_INIT("X-Remote-Group") },
				extras[] = { STR_INIT("X-Remote-Extra-") };
	const struct server_auth_opts *o = &s->opts->auth;

	*ret = (struct front_proxy){ .client_ca_pem = server_client_authorities(s) };
	if (o->proxy_ca_file.len) {
		ret->names = list_of(&o->proxy_names);
		ret->user_headers = list_of(&o->proxy_user_headers);
		ret->uid_headers = list_of(&o->proxy_uid_headers);
		ret->group_headers = list_of(&o->proxy_group_headers);
		ret->extra_prefixes = list_of(&o->proxy_extra_prefixes);
		if (server_proxy_authority(s, &ret->ca_pem, err) < 0)
			return -1;
	} else {
		ret->certificate_pem = s->pki.front_client.certificate_pem;
		ret->key_pem = s->pki.front_client.key_pem;
		ret->ca_pem = s->pki.front_ca.certificate_pem;
		ret->names = (struct str_list){ names, 1 };
		ret->user_headers = (struct str_list){ users, 1 };
		ret->uid_headers = (struct str_list){ uids, 1 };
		ret->group_headers = (struct str_list){ groups, 1 };
		ret->extra_prefixes = (struct str_list){ extras, 1 };
	}
	return read_certificate(s, ret, err);
}
