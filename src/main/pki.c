/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk is trusted only as far as it fits together; anything else is an error that names
 * the file, never a silent replacement of an authority. */
#include "main/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "net/tls.h"

#define FILE_BYTES_MAX ((size_t)256 << 10)
#define DAY_NS (24 * 3600 * TIME_NS_PER_SECOND)
#define CA_DAYS 3650
#define LEAF_DAYS 365
#define RENEW_DAYS 30
#define NAMES_MAX 64

/* 1 = read, 0 = there is none. */
static int read_optional(struct str path, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BUF text = { 0 };
	struct err own = { 0 };

	buf_init(&text, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path.ptr, FILE_BYTES_MAX, &text, &own) < 0) {
		if (own.os_errno == ENOENT)
			return 0;
		if (err)
			*err = own;
		return -1;
	}
	*ret = str_in(arena, buf_str(&text));
	return 1;
}

const char *const pki_file_names[] = {
	"ca.crt",
	"ca.key",
	"apiserver.crt",
	"apiserver.key",
	"sa.key",
	"sa.pub",
	"front-proxy-ca.crt",
	"front-proxy-ca.key",
	"front-proxy-client.crt",
	"front-proxy-client.key",
	"etcd",
	"apiserver-etcd-client.crt",
	"apiserver-etcd-client.key",
	NULL,
};

static struct str file_of(const struct pki_options *o, struct arena *arena, const char *name)
{
	return path_join(arena, o->dir, str_from(name));
}

/* 1 = a pair that belongs together, 0 = neither file is there. */
static int read_pair(const struct pki_options *o, const char *certificate, const char *key,
		     struct arena *arena, struct x509_pair *ret, struct err *err)
{
	struct str certificate_path = file_of(o, arena, certificate),
		   key_path = file_of(o, arena, key);
	struct x509_pair pair;
	int has_certificate = read_optional(certificate_path, arena, &pair.certificate_pem, err);
	int has_key = has_certificate < 0 ? -1 : read_optional(key_path, arena, &pair.key_pem, err);

	if (has_certificate < 0 || has_key < 0)
		return -1;
	if (!has_certificate && !has_key)
		return 0;
	if (!has_certificate || !has_key)
		return err_set(err, ERR_INVALID,
			       "%s is there but %s is not: put it back, or remove both to have new "
			       "ones made",
			       has_key ? key_path.ptr : certificate_path.ptr,
			       has_key ? certificate_path.ptr : key_path.ptr);
	if (x509_check_pair(&pair, err) < 0)
		return err_wrap(err, "%s and %s", certificate_path.ptr, key_path.ptr);
	*ret = pair;
	return 1;
}

static int make(const struct pki_options *o, struct x509_spec *spec, const struct x509_pair *issuer,
		int days, struct arena *arena, struct x509_pair *ret, struct err *err)
{
	uint8_t *serial = arena_alloc(arena, 16);
	int64_t now = env_wall_ns(o->env);

	env_random(o->env, serial, 16);
	spec->serial_bytes = str_sub((const char *)serial, 16);
	spec->not_before_ns = now - 5 * 60 * TIME_NS_PER_SECOND; /* clocks differ a little */
	spec->not_after_ns = now + days * DAY_NS;
	return x509_make(spec, issuer, arena, ret, err);
}

/* where: "ca" or "etcd/ca". */
static int open_ca(const struct pki_options *o, const char *where, const char *common_name,
		   struct arena *arena, struct x509_pair *ret, struct err *err)
{
	struct x509_spec spec = { .common_name = str_from(common_name), .usage = X509_USAGE_CA };
	const char *certificate = str_printf_in(arena, "%s.crt", where).ptr;
	const char *key = str_printf_in(arena, "%s.key", where).ptr;
	int r = read_pair(o, certificate, key, arena, ret, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	log_info("server", "making a certificate authority in " STR_FMT "/%s", STR_ARG(o->dir),
		 certificate);
	if (make(o, &spec, NULL, CA_DAYS, arena, ret, err) < 0)
		return -1;
	return x509_write_pair(ret, file_of(o, arena, certificate).ptr, file_of(o, arena, key).ptr,
			       err);
}

static bool has_name(const struct str *list, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(list[i], name))
			return true;
	return false;
}

static bool is_address(struct str name)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	return str_copy_to(name, text, sizeof(text)) == 0 &&
	       (inet_pton(AF_INET, text, &binary) == 1 || inet_pton(AF_INET6, text, &binary) == 1);
}

struct names {
	struct str dns[NAMES_MAX], ip[NAMES_MAX];
	size_t dns_count, ip_count;
};

static void collect_names(const struct pki_options *o, struct names *names)
{
	static const char *const fixed[] = { "kubernetes",
					     "kubernetes.default",
					     "kubernetes.default.svc",
					     "kubernetes.default.svc.cluster.local",
					     "localhost",
					     "127.0.0.1" };

	*names = (struct names){ .dns_count = 0 };
	for (size_t i = 0; i < ARRAY_COUNT(fixed) + o->name_count; i++) {
		struct str name = i < ARRAY_COUNT(fixed) ? str_from(fixed[i])
							 : o->names[i - ARRAY_COUNT(fixed)];
		bool ip = is_address(name);
		struct str *list = ip ? names->ip : names->dns;
		size_t *count = ip ? &names->ip_count : &names->dns_count;

		if (*count < NAMES_MAX && !has_name(list, *count, name))
			list[(*count)++] = name;
	}
}

/* True when the certificate names all that is wanted, was signed under this authority's name and
 * lasts. */
static bool still_fits(const struct pki_options *o, struct str certificate_pem,
		       const struct names *names)
{
	struct tls_identity *identity;
	bool fits;

	if (tls_identity_decode(certificate_pem, &identity, NULL) < 0)
		return false;
	fits = identity->not_after_ns > env_wall_ns(o->env) + RENEW_DAYS * DAY_NS;
	for (size_t i = 0; fits && names && i < names->dns_count; i++)
		fits = has_name(identity->dns_names, identity->dns_name_count, names->dns[i]);
	for (size_t i = 0; fits && names && i < names->ip_count; i++)
		fits = has_name(identity->ip_names, identity->ip_name_count, names->ip[i]);
	tls_identity_free(identity);
	return fits;
}

static int open_serving(const struct pki_options *o, struct arena *arena, struct pki *pki,
			struct err *err)
{
	struct x509_spec spec = { .common_name = STR("kube-apiserver"),
				  .usage = X509_USAGE_SERVER };
	struct names names;
	int r = read_pair(o, "apiserver.crt", "apiserver.key", arena, &pki->serving, err);

	if (r < 0)
		return -1;
	collect_names(o, &names);
	if (r == 1 && still_fits(o, pki->serving.certificate_pem, &names))
		return 0;
	spec.dns_names = names.dns;
	spec.dns_name_count = names.dns_count;
	spec.ip_names = names.ip;
	spec.ip_name_count = names.ip_count;
	if (make(o, &spec, &pki->ca, LEAF_DAYS, arena, &pki->serving, err) < 0)
		return -1;
	return x509_write_pair(&pki->serving, file_of(o, arena, "apiserver.crt").ptr,
			       file_of(o, arena, "apiserver.key").ptr, err);
}

/* sa.key and sa.pub. The public half is for other servers of the cluster: ours is in the private
 * one. */
static int open_account_key(const struct pki_options *o, struct arena *arena, struct pki *pki,
			    struct err *err)
{
	struct str key_path = file_of(o, arena, "sa.key"),
		   public_path = file_of(o, arena, "sa.pub"), public_pem;
	int r = read_optional(key_path, arena, &pki->account_key_pem, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (x509_make_key(X509_KEY_P256, arena, &pki->account_key_pem, &public_pem, err) < 0 ||
	    fd_replace_file(AT_FDCWD, public_path.ptr, public_pem, 0644, true, err) < 0)
		return -1;
	return fd_replace_file(AT_FDCWD, key_path.ptr, pki->account_key_pem, 0600, true, err);
}

/* Made anew when it is about to expire. */
static int open_leaf(const struct pki_options *o, const char *where, struct x509_spec *spec,
		     const struct x509_pair *ca, struct arena *arena, struct x509_pair *ret,
		     struct err *err)
{
	const char *certificate = str_printf_in(arena, "%s.crt", where).ptr;
	const char *key = str_printf_in(arena, "%s.key", where).ptr;
	int r = read_pair(o, certificate, key, arena, ret, err);

	if (r < 0)
		return -1;
	if (r == 1 && still_fits(o, ret->certificate_pem, NULL))
		return 0;
	if (make(o, spec, ca, LEAF_DAYS, arena, ret, err) < 0)
		return -1;
	return x509_write_pair(ret, file_of(o, arena, certificate).ptr, file_of(o, arena, key).ptr,
			       err);
}

/* What this server is believed by, when it asks others for its own clients: an authority that
 * signs nothing else. */
static int open_front_proxy(const struct pki_options *o, struct arena *arena, struct pki *pki,
			    struct err *err)
{
	struct x509_spec client = { .common_name = STR("front-proxy-client"),
				    .usage = X509_USAGE_CLIENT };

	return open_ca(o, "front-proxy-ca", "front-proxy-ca", arena, &pki->front_ca, err) < 0
		       ? -1
		       : open_leaf(o, "front-proxy-client", &client, &pki->front_ca, arena,
				   &pki->front_client, err);
}

int pki_open(const struct pki_options *o, struct arena *arena, struct pki *ret, struct err *err)
{
	struct str dir = str_in(arena, o->dir);

	if (fd_make_dirs(AT_FDCWD, dir.ptr, 0755, err) < 0)
		return -1;
	ret->ca_path = file_of(o, arena, "ca.crt");
	if (open_ca(o, "ca", "kubernetes", arena, &ret->ca, err) < 0 ||
	    open_serving(o, arena, ret, err) < 0 || open_account_key(o, arena, ret, err) < 0 ||
	    open_front_proxy(o, arena, ret, err) < 0)
		return err_wrap(err, "certificates in " STR_FMT, STR_ARG(o->dir));
	return 0;
}

/* A client certificate signed by the cluster's authority. */
static int pki_client(const struct pki_options *o, const struct pki *pki, struct str user,
		      struct str group, struct arena *arena, struct x509_pair *ret, struct err *err)
{
	struct x509_spec spec = { .common_name = user,
				  .organizations = &group,
				  .organization_count = 1,
				  .usage = X509_USAGE_CLIENT };

	return make(o, &spec, &pki->ca, LEAF_DAYS, arena, ret, err);
}

/* --- kubeconfig (v1 Config) --- */

static void set_base64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		       struct str bytes)
{
	struct buf text;

	buf_init(&text, FILE_BYTES_MAX * 2);
	base64_encode(bytes, &text);
	json_set_str(doc, object, key, buf_str(&text));
	buf_deinit(&text);
}

static yyjson_mut_val *named(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *list,
			     const char *what, struct str name)
{
	yyjson_mut_val *item = json_append_object(doc, json_set_array(doc, root, list));

	json_set_str(doc, item, "name", name);
	return json_set_object(doc, item, what);
}

static void write_config(const struct pki *pki, const struct kubeconfig_options *config,
			 const struct x509_pair *client, struct arena *arena, struct buf *out)
{
	struct str context = str_printf_in(arena, STR_FMT "@kubernetes", STR_ARG(config->user));
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *part;

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Config"));
	part = named(doc, root, "clusters", "cluster", STR("kubernetes"));
	set_base64(doc, part, "certificate-authority-data", pki->ca.certificate_pem);
	json_set_str(doc, part, "server", config->server);
	part = named(doc, root, "contexts", "context", context);
	json_set_str(doc, part, "cluster", STR("kubernetes"));
	json_set_str(doc, part, "user", config->user);
	json_set_str(doc, root, "current-context", context);
	json_set_object(doc, root, "preferences");
	part = named(doc, root, "users", "user", config->user);
	set_base64(doc, part, "client-certificate-data", client->certificate_pem);
	set_base64(doc, part, "client-key-data", client->key_pem);
	yaml_mut_write(root, out);
}

/* The certificate that the file has for its user is the proof that it is ours and current. */
static bool config_works(const struct pki_options *o, const struct pki *pki,
			 const struct kubeconfig_options *config, struct str text)
{
	AUTO_JSON_MUT doc = yaml_parse(text, FILE_BYTES_MAX, NULL);
	yyjson_mut_val *root = doc ? yyjson_mut_doc_get_root(doc) : NULL;
	AUTO_BUF ca = { 0 };
	AUTO_BUF certificate = { 0 };

	buf_init(&ca, FILE_BYTES_MAX);
	buf_init(&certificate, FILE_BYTES_MAX);
	return root &&
	       str_eq(json_mut_get_str(root, "clusters.0.cluster.server"), config->server) &&
	       base64_decode(
		       json_mut_get_str(root, "clusters.0.cluster.certificate-authority-data"), &ca,
		       NULL) == 0 &&
	       str_eq(buf_str(&ca), pki->ca.certificate_pem) &&
	       base64_decode(json_mut_get_str(root, "users.0.user.client-certificate-data"),
			     &certificate, NULL) == 0 &&
	       still_fits(o, buf_str(&certificate), NULL);
}

int pki_kubeconfig(const struct pki_options *o, const struct pki *pki,
		   const struct kubeconfig_options *config, struct arena *arena, struct err *err)
{
	struct str path = str_in(arena, config->path), old;
	struct x509_pair client;
	AUTO_BUF text = { 0 };
	int r = read_optional(path, arena, &old, err);

	if (r < 0)
		return err_wrap(err, "kubeconfig %s", path.ptr);
	if (r == 1 && config_works(o, pki, config, old))
		return 0;
	if (pki_client(o, pki, config->user, config->group, arena, &client, err) < 0)
		return -1;
	buf_init(&text, FILE_BYTES_MAX * 2);
	write_config(pki, config, &client, arena, &text);
	if (fd_make_dirs(AT_FDCWD, str_in(arena, path_dir(path)).ptr, 0755, err) < 0 ||
	    fd_replace_file(AT_FDCWD, path.ptr, buf_str(&text), 0600, true, err) < 0)
		return err_wrap(err, "kubeconfig %s", path.ptr);
	return 0;
}

/* --- etcd's own authority, as kubeadm lays it out --- */

int pki_open_etcd(const struct pki_options *o, struct arena *arena, struct pki_etcd *ret,
		  struct err *err)
{
	static const struct str names[] = { STR_INIT("localhost") };
	static const struct str addresses[] = { STR_INIT("127.0.0.1"), STR_INIT("::1") };
	static const struct str masters[] = { STR_INIT("system:masters") };
	struct x509_spec server = { .common_name = STR("etcd"),
				    .usage = X509_USAGE_SERVER,
				    .dns_names = names,
				    .dns_name_count = 1,
				    .ip_names = addresses,
				    .ip_name_count = 2 };
	struct x509_spec clients[] = {
		{ .common_name = STR("kube-etcd-healthcheck-client"), .usage = X509_USAGE_CLIENT },
		{ .common_name = STR("kube-apiserver-etcd-client"),
		  .usage = X509_USAGE_CLIENT,
		  .organizations = masters,
		  .organization_count = 1 },
	};
	static const char *const client_files[] = { "etcd/healthcheck-client",
						    "apiserver-etcd-client" };
	struct str dir = file_of(o, arena, "etcd");
	struct x509_pair client;

	if (fd_make_dirs(AT_FDCWD, dir.ptr, 0755, err) < 0 ||
	    open_ca(o, "etcd/ca", "etcd-ca", arena, &ret->ca, err) < 0 ||
	    open_leaf(o, "etcd/server", &server, &ret->ca, arena, &ret->server, err) < 0)
		return err_wrap(err, "certificates in %s", dir.ptr);
	for (size_t i = 0; i < ARRAY_COUNT(clients); i++)
		if (open_leaf(o, client_files[i], &clients[i], &ret->ca, arena, &client, err) < 0)
			return err_wrap(err, "certificates in %s", dir.ptr);
	return 0;
}
