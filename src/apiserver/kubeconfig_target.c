/* SPDX-License-Identifier: Apache-2.0 */
/* The server and the credentials that a kubeconfig's current context names. */
#include <fcntl.h>

#include "apiserver/admission_settings.h"
#include "apiserver/limits.h"
#include "apiserver/review_hook.h"
#include "base/fd.h"
#include "base/path.h"
#include "codec/base64.h"
#include "codec/yaml.h"
#include "net/url.h"

static int read_file(struct str path, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, KUBECONFIG_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(arena, path), KUBECONFIG_BYTES_MAX, &text, err) < 0)
		return -1;
	*ret = str_in(arena, buf_str(&text));
	return 0;
}

/* The item with that name of a list [{name, <what>: {...}}]. */
static yyjson_val *named(yyjson_val *root, const char *list, struct str name, const char *what)
{
	JSON_EACH (item, json_get(root, list))
		if (str_eq(json_get_str(item, "name"), name))
			return json_get(item, what);
	return NULL;
}

/* "<key>-data" in base 64, or the file that "<key>" names, beside the kubeconfig. */
static int read_material(yyjson_val *from, const char *key, struct str dir, struct arena *arena,
			 struct str *ret, struct err *err)
{
	struct str path = json_str(json_key(from, str_from(key))),
		   encoded = json_str(json_key(from, str_printf_in(arena, "%s-data", key)));
	AUTO_BUF bytes = { 0 };

	if (encoded.len) {
		buf_init(&bytes, KUBECONFIG_BYTES_MAX);
		if (base64_decode(encoded, &bytes, err) < 0)
			return err_wrap(err, "%s-data", key);
		*ret = str_in(arena, buf_str(&bytes));
		return 0;
	}
	if (!path.len)
		return 0;
	if (!str_has_prefix(path, STR("/")))
		path = path_join(arena, dir, path);
	return read_file(path, arena, ret, err) < 0 ? err_wrap(err, "%s", key) : 0;
}

static int read_user(yyjson_val *user, struct str dir, struct arena *arena,
		     struct review_hook_options *to, struct err *err)
{
	static const char *const unusable[] = { "username", "password", "exec", "auth-provider" };
	struct str token_file = json_get_str(user, "tokenFile"), token;

	for (size_t i = 0; i < ARRAY_COUNT(unusable); i++)
		if (json_key(user, str_from(unusable[i])))
			return err_set(err, ERR_UNSUPPORTED,
				       "user: %s is not supported: use client-certificate and "
				       "client-key, token or tokenFile",
				       unusable[i]);
	to->bearer_token = str_in(arena, json_get_str(user, "token"));
	if (token_file.len) {
		if (read_file(token_file, arena, &token, err) < 0)
			return err_wrap(err, "tokenFile");
		to->bearer_token = str_trim(token);
	}
	if (read_material(user, "client-certificate", dir, arena, &to->target.certificate_pem,
			  err) < 0 ||
	    read_material(user, "client-key", dir, arena, &to->target.key_pem, err) < 0)
		return -1;
	return 0;
}

/* A host alone is asked by TLS where anything is said of TLS, as upstream's clients have it. */
static int complete_url(struct webhook_target *target, struct arena *arena, struct err *err)
{
	bool by_tls = target->ca_pem.len || target->certificate_pem.len || target->insecure;
	bool is_host = target->url.len && str_find(target->url, STR("://"), 0) == SIZE_MAX;
	struct url url;

	if (is_host)
		target->url = str_printf_in(arena, "%s://" STR_FMT, by_tls ? "https" : "http",
					    STR_ARG(target->url));
	if (url_parse(target->url, &url, err) < 0)
		return err_wrap(err, "server '" STR_FMT "'", STR_ARG(target->url));
	if (is_host && url.path.len > 1)
		return err_set(err, ERR_INVALID,
			       "server '" STR_FMT "': must be a URL or a host:port pair",
			       STR_ARG(target->url));
	return url.scheme == URL_HTTPS || url.scheme == URL_HTTP
		       ? 0
		       : err_set(err, ERR_INVALID,
				 "server '" STR_FMT "' is neither an http nor an https URL",
				 STR_ARG(target->url));
}

static int read_root(yyjson_val *root, struct str dir, struct arena *arena,
		     struct review_hook_options *to, struct err *err)
{
	yyjson_val *context = named(root, "contexts", json_get_str(root, "current-context"),
				    "context");
	yyjson_val *cluster = named(root, "clusters", json_get_str(context, "cluster"), "cluster");
	yyjson_val *user = named(root, "users", json_get_str(context, "user"), "user");

	if (!context || !cluster)
		return err_set(err, ERR_INVALID,
			       "current-context does not lead to a context with a cluster");
	to->target.url = str_in(arena, json_get_str(cluster, "server"));
	to->target.insecure = json_bool(json_key(cluster, STR("insecure-skip-tls-verify")), false);
	to->target.server_name = str_in(arena, json_str(json_key(cluster, STR("tls-server-name"))));
	if (read_material(cluster, "certificate-authority", dir, arena, &to->target.ca_pem, err) <
		    0 ||
	    read_user(user, dir, arena, to, err) < 0)
		return -1;
	return complete_url(&to->target, arena, err);
}

static yyjson_doc *parse(struct str text, struct err *err)
{
	AUTO_JSON_MUT doc = yaml_parse(text, KUBECONFIG_BYTES_MAX, err);

	return doc ? json_freeze(yyjson_mut_doc_get_root(doc)) : NULL;
}

/* Relative names of files in it are those of its folder. */
static struct str folder_of(struct str path)
{
	size_t slash = str_rfind_char(path, '/');

	return slash == SIZE_MAX ? STR(".") : str_slice(path, 0, slash + 1);
}

int kubeconfig_target_parse(struct str text, struct str dir, struct arena *arena,
			    struct review_hook_options *ret, struct err *err)
{
	AUTO_JSON doc = parse(text, err);

	return doc ? read_root(yyjson_doc_get_root(doc), dir, arena, ret, err) : -1;
}

int kubeconfig_target_read(struct str path, struct arena *arena, struct review_hook_options *ret,
			   struct err *err)
{
	struct str text;

	if (read_file(path, arena, &text, err) < 0)
		return -1;
	if (kubeconfig_target_parse(text, folder_of(path), arena, ret, err) < 0)
		return err_wrap(err, STR_FMT, STR_ARG(path));
	return 0;
}

/* --- users by the servers they are for --- */

static int read_users(yyjson_val *root, struct str dir, struct arena *arena,
		      struct webhook_credentials *to, struct err *err)
{
	yyjson_val *list = json_get(root, "users");

	to->items = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(to->items[0]));
	to->count = 0;
	JSON_EACH (item, list) {
		struct webhook_credential *c = &to->items[to->count++];
		struct review_hook_options one = { 0 };

		if (read_user(json_get(item, "user"), dir, arena, &one, err) < 0)
			return err_wrap(err, "users[%zu]", to->count - 1);
		*c = (struct webhook_credential){ .server = str_in(arena,
								   json_get_str(item, "name")),
						  .bearer_token = one.bearer_token,
						  .certificate_pem = one.target.certificate_pem,
						  .key_pem = one.target.key_pem };
	}
	to->otherwise = str_in(arena,
			       json_get_str(named(root, "contexts",
						  json_get_str(root, "current-context"), "context"),
					    "user"));
	return 0;
}

int webhook_credentials_parse(struct str text, struct str dir, struct arena *arena,
			      struct webhook_credentials *ret, struct err *err)
{
	AUTO_JSON doc = parse(text, err);

	return doc ? read_users(yyjson_doc_get_root(doc), dir, arena, ret, err) : -1;
}

int webhook_credentials_read(struct str path, struct arena *arena, struct webhook_credentials *ret,
			     struct err *err)
{
	struct str text;

	if (read_file(path, arena, &text, err) < 0)
		return -1;
	if (webhook_credentials_parse(text, folder_of(path), arena, ret, err) < 0)
		return err_wrap(err, STR_FMT, STR_ARG(path));
	return 0;
}

static const struct webhook_credential *of_server(const struct webhook_credentials *c,
						  struct str server)
{
	for (size_t i = 0; i < c->count; i++)
		if (str_eq(c->items[i].server, server))
			return &c->items[i];
	return NULL;
}

/* By its whole name, or by "*." and what is behind one of its dots. */
static const struct webhook_credential *match(const struct webhook_credentials *c,
					      struct str server)
{
	const struct webhook_credential *found = of_server(c, server);
	size_t dot = 0;

	while (!found && (dot = str_find_char(server, '.', dot)) != SIZE_MAX) {
		struct str rest = str_slice(server, dot, server.len);

		for (size_t i = 0; i < c->count && !found; i++) {
			struct str name = c->items[i].server;

			if (str_strip_prefix(&name, STR("*")) && str_eq(name, rest))
				found = &c->items[i];
		}
		dot++;
	}
	return found;
}

const struct webhook_credential *webhook_credentials_find(const struct webhook_credentials *c,
							  struct str url)
{
	const struct webhook_credential *found = NULL;
	struct str host = url, path;

	if (!c || !str_strip_prefix(&host, STR("https://")))
		return NULL;
	if (str_cut(host, '/', &url, &path))
		host = url;
	found = match(c, host);
	if (!found && str_strip_suffix(&host, STR(":443")))
		found = match(c, host);
	if (!found)
		found = of_server(c, STR("*"));
	return found || !c->otherwise.len ? found : of_server(c, c->otherwise);
}
