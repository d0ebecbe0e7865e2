/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients are shown, and by whose authority they are known: the cluster's own keys, or what
 * flags name. Those files are read again when they change. The two files of a pair change one after
 * the other, so that a pair in between is told of and not used; what is in use is kept until then.
 */
#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/server.h"
#include "net/limits.h"
#include "net/tls.h"
#include "net/x509.h"

enum serving_part { PART_CERTIFICATE, PART_KEY };

/* A file: its text as it was read last, and as it is in use. */
struct serving_file {
	struct server *server;
	struct serving_group *group;
	const char *flag;
	struct str path;
	struct buf text, used;
};

/* Files that are good or not together: a pair, or the authorities of clients. */
struct serving_group {
	struct serving_file files[2];
	size_t file_count;
	struct str_list names; /* of a pair for some names only */
};

struct server_serving {
	struct serving_group own, authorities; /* file_count 0: not given */
	struct serving_group *named;
	size_t named_count;
	struct str proxies; /* whose certificates are asked for, too */
};

/* --- flags --- */

static void add_file(struct server *s, struct serving_group *g, const char *flag, struct str path)
{
	struct serving_file *f = &g->files[g->file_count++];

	*f = (struct serving_file){ .server = s, .group = g, .flag = flag, .path = path };
	buf_init(&f->text, TLS_PEM_BYTES_MAX);
	buf_init(&f->used, TLS_PEM_BYTES_MAX);
}

/* "foo.crt,foo.key" or "foo.crt,foo.key:*.foo.com,foo.com" */
static int read_named(struct server *s, struct str value, struct serving_group *g, struct err *err)
{
	static const char flag[] = "tls-sni-cert-key";
	struct str files = value, list = STR_NONE, certificate, key, part, *names;
	size_t count = 0;

	if (str_cut(value, ':', &files, &list) && !str_trim(list).len)
		return err_set(err, ERR_INVALID, "--%s: empty names list is not allowed", flag);
	if (!str_cut(files, ',', &certificate, &key) || str_find_char(key, ',', 0) != SIZE_MAX)
		return err_set(err, ERR_INVALID,
			       "--%s: expected comma separated certificate and key file paths",
			       flag);
	add_file(s, g, flag, str_trim(certificate));
	add_file(s, g, flag, str_trim(key));
	names = arena_array(s->arena, TLS_SERVER_NAMES_MAX, sizeof(names[0]));
	while (list.len && str_next_part(&list, ',', &part)) {
		if (count == TLS_SERVER_NAMES_MAX)
			return err_set(err, ERR_TOO_LARGE, "--%s: more than %d names", flag,
				       TLS_SERVER_NAMES_MAX);
		names[count++] = str_trim(part);
	}
	g->names = (struct str_list){ names, count };
	return 0;
}

static int read_flags(struct server *s, struct server_serving *serving, struct err *err)
{
	const struct server_tls_opts *o = &s->opts->tls;

	if (o->cert_file.len || o->key_file.len) {
		if (!o->cert_file.len || !o->key_file.len)
			return err_set(err, ERR_INVALID,
				       "--tls-cert-file and --tls-private-key-file go together");
		add_file(s, &serving->own, "tls-cert-file", o->cert_file);
		add_file(s, &serving->own, "tls-private-key-file", o->key_file);
	}
	if (o->client_ca_file.len)
		add_file(s, &serving->authorities, "client-ca-file", o->client_ca_file);
	serving->named = arena_array(s->arena, o->named.count + 1, sizeof(serving->named[0]));
	for (; serving->named_count < o->named.count; serving->named_count++)
		if (read_named(s, o->named.items[serving->named_count],
			       &serving->named[serving->named_count], err) < 0)
			return -1;
	return 0;
}

/* --- what is made of them --- */

static struct str text_of(struct serving_group *g, size_t index,
			  const struct serving_group *changed)
{
	struct serving_file *f = &g->files[index];

	return buf_str(g == changed ? &f->text : &f->used);
}

/* The cluster's own authority is among them: it signed the administrator's certificate. */
static struct str authorities_of(struct server *s, const struct serving_group *changed,
				 struct arena *arena)
{
	struct serving_group *g = &s->serving->authorities;
	struct str own = s->pki.ca.certificate_pem, given;

	if (!g->file_count)
		return own;
	given = text_of(g, PART_CERTIFICATE, changed);
	return str_printf_in(arena, STR_FMT "\n" STR_FMT, STR_ARG(own), STR_ARG(given));
}

struct str server_client_authorities(struct server *s)
{
	return authorities_of(s, NULL, s->arena);
}

/* By these the cluster's own know it, who know the cluster's authority alone: the administrator's
 * kubeconfig, and what runs in pods. */
static struct tls_named_pair inner_pair(struct server *s)
{
	static const struct str names[] = {
		STR_INIT("127.0.0.1"),		STR_INIT("::1"),
		STR_INIT("localhost"),		STR_INIT("kubernetes"),
		STR_INIT("kubernetes.default"), STR_INIT("kubernetes.default.svc")
	};

	return (struct tls_named_pair){ s->pki.serving.certificate_pem,
					s->pki.serving.key_pem,
					{ names, ARRAY_COUNT(names) } };
}

static int root_authorities(struct server *s, struct str *ret, struct err *err)
{
	struct str file = s->opts->tls.root_ca_file;
	AUTO_BUF text = { 0 };

	*ret = s->pki.ca.certificate_pem;
	if (!file.len)
		return 0;
	buf_init(&text, TLS_PEM_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, file), TLS_PEM_BYTES_MAX, &text, err) < 0 ||
	    x509_check_chain(buf_str(&text), err) < 0)
		return err_wrap(err, "--root-ca-file");
	*ret = str_printf_in(s->arena, STR_FMT STR_FMT, STR_ARG(*ret), STR_ARG(buf_str(&text)));
	return 0;
}

static struct tls_server_options options_of(struct server *s, const struct serving_group *changed,
					    struct arena *arena)
{
	struct server_serving *serving = s->serving;
	struct tls_named_pair *named = arena_array(arena, serving->named_count + 1,
						   sizeof(named[0]));
	size_t count = 0;
	struct tls_server_options options = { .certificate_pem = s->pki.serving.certificate_pem,
					      .key_pem = s->pki.serving.key_pem,
					      .client_ca_pem = authorities_of(s, changed, arena),
					      .other_ca_pem = serving->proxies,
					      .named = named,
					      .policy = &s->plan.tls };

	for (size_t i = 0; i < serving->named_count; i++) {
		struct serving_group *g = &serving->named[i];

		named[count++] = (struct tls_named_pair){ text_of(g, PART_CERTIFICATE, changed),
							  text_of(g, PART_KEY, changed), g->names };
	}
	if (serving->own.file_count) {
		named[count++] = inner_pair(s);
		options.certificate_pem = text_of(&serving->own, PART_CERTIFICATE, changed);
		options.key_pem = text_of(&serving->own, PART_KEY, changed);
	}
	options.named_count = count;
	return options;
}

/* The kubelet's port has certificates of its own where the API server was given others: by its node
 * nobody would know it. */
static int apply_to_kubelet(struct server *s, struct tls_server_options options, struct err *err)
{
	if (!s->serving->own.file_count)
		return 0;
	options.certificate_pem = s->pki.serving.certificate_pem;
	options.key_pem = s->pki.serving.key_pem;
	options.named_count = 0;
	return s->kubelet_tls ? tls_server_reload(s->kubelet_tls, &options, err)
			      : tls_server_new(&options, &s->kubelet_tls, err);
}

static int apply(struct server *s, const struct serving_group *changed, struct arena *arena,
		 struct err *err)
{
	struct tls_server_options options = options_of(s, changed, arena);

	if ((s->tls ? tls_server_reload(s->tls, &options, err)
		    : tls_server_new(&options, &s->tls, err)) < 0)
		return -1;
	return apply_to_kubelet(s, options, err);
}

static void use(struct serving_group *g)
{
	for (size_t i = 0; i < g->file_count; i++) {
		buf_reset(&g->files[i].used);
		buf_put_str(&g->files[i].used, buf_str(&g->files[i].text));
	}
}

/* --- files --- */

/* What was read. */
static int check(const struct serving_group *g, struct err *err)
{
	struct x509_pair pair = { buf_str(&g->files[PART_CERTIFICATE].text),
				  buf_str(&g->files[PART_KEY].text) };

	return g->file_count == 2 ? x509_check_pair(&pair, err)
				  : x509_check_chain(pair.certificate_pem, err);
}

static int open_group(struct server *s, struct serving_group *g, struct err *err)
{
	for (size_t i = 0; i < g->file_count; i++) {
		struct serving_file *f = &g->files[i];

		if (fd_read_file(AT_FDCWD, str_c_in(s->arena, f->path), TLS_PEM_BYTES_MAX, &f->text,
				 err) < 0)
			return err_wrap(err, "--%s", f->flag);
	}
	if (g->file_count && check(g, err) < 0)
		return err_wrap(err, "--%s " STR_FMT, g->files[0].flag, STR_ARG(g->files[0].path));
	use(g);
	return 0;
}

/* The pair, or the bundle, that a file is part of. */
static struct serving_group *group_at(struct server_serving *serving, size_t index)
{
	return index == 0   ? &serving->own
	       : index == 1 ? &serving->authorities
			    : &serving->named[index - 2];
}

int server_tls_open(struct server *s, struct err *err)
{
	struct server_serving *serving = s->serving = ARENA_NEW(s->arena, struct server_serving);

	if (server_proxy_authority(s, &serving->proxies, err) < 0 ||
	    read_flags(s, serving, err) < 0)
		return -1;
	if (root_authorities(s, &s->root_ca_pem, err) < 0)
		return -1;
	for (size_t i = 0; i < serving->named_count + 2; i++)
		if (open_group(s, group_at(serving, i), err) < 0)
			return -1;
	for (size_t i = 0; i < s->plan.tls.insecure.count; i++)
		log_warn("server", "Use of insecure cipher '" STR_FMT "' detected.",
			 STR_ARG(s->plan.tls.insecure.items[i]));
	for (size_t i = 0; i < s->plan.tls.absent.count; i++)
		log_warn("server",
			 "cipher suite " STR_FMT " is chosen, but OpenSSL here is without it",
			 STR_ARG(s->plan.tls.absent.items[i]));
	return apply(s, NULL, s->arena, err);
}

static int changed(struct server *s, void *arg, struct str text, struct arena *arena,
		   struct err *err)
{
	struct serving_file *f = arg;

	buf_reset(&f->text);
	buf_put_str(&f->text, text);
	if (check(f->group, err) < 0 || apply(s, f->group, arena, err) < 0)
		return -1;
	use(f->group);
	return 0;
}

int server_tls_watch(struct server *s, struct err *err)
{
	struct server_serving *serving = s->serving;

	for (size_t i = 0; i < serving->named_count + 2; i++) {
		struct serving_group *g = group_at(serving, i);

		for (size_t j = 0; j < g->file_count; j++)
			if (server_reload_watch(s,
						&(struct server_reload_file){
							g->files[j].flag, g->files[j].path, changed,
							&g->files[j] },
						err) < 0)
				return -1;
	}
	return 0;
}

void server_tls_close(struct server *s)
{
	struct server_serving *serving = s->serving;

	for (size_t i = 0; serving && i < serving->named_count + 2; i++) {
		struct serving_group *g = group_at(serving, i);

		for (size_t j = 0; j < g->file_count; j++) {
			buf_deinit(&g->files[j].text);
			buf_deinit(&g->files[j].used);
		}
	}
	tls_server_free(s->tls);
	tls_server_free(s->kubelet_tls);
}
