/* SPDX-License-Identifier: Apache-2.0 */
/* Which store the cluster's state is in, and, when servers share one, who of them controls and
 * schedules. */
#include <fcntl.h>
#include <string.h>

#include "apiserver/stored_form.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/time.h"
#include "client/elector.h"
#include "loop/loop.h"
#include "main/server.h"
#include "net/tls.h"
#include "store/etcd_server.h"
#include "store/store.h"

#define ENDPOINTS_MAX 16
#define ETCD_PREFIX_BYTES_MAX 256
#define ETCD_PORT 2379
#define FILE_BYTES_MAX ((size_t)1 << 20)

/* server_store.c: --store and what goes with it. */
static bool server_has_etcd(const struct server_opts *opts)
{
	return !str_eq_c(opts->store, "lmdb");
}

/* "h1:2379", "[::1]:2379", "h1"; with or without http:// or https:// in front. */
static int parse_endpoint(struct str text, bool is_tls, struct store_etcd_endpoint *ret,
			  struct err *err)
{
	struct str host = text, port = STR_NONE;
	size_t colon;
	uint64_t number = ETCD_PORT;

	*ret = (struct store_etcd_endpoint){ .is_tls = is_tls };
	if (str_strip_prefix(&host, STR("https://")))
		ret->is_tls = true;
	else if (str_strip_prefix(&host, STR("http://")))
		ret->is_tls = false;
	(void)str_strip_suffix(&host, STR("/")); /* as URLs may end */
	colon = str_rfind_char(host, ':');
	if (colon != SIZE_MAX && (host.ptr[0] != '[' || host.ptr[colon - 1] == ']')) {
		port = str_slice(host, colon + 1, host.len);
		host = str_slice(host, 0, colon);
		if (num_parse_u64(port, 65535, "port", &number, err) < 0)
			return err_wrap(err, "--store: endpoint '" STR_FMT "'", STR_ARG(text));
	}
	if (host.len > 2 && host.ptr[0] == '[')
		host = str_slice(host, 1, host.len - 1);
	if (!host.len || str_find_char(host, '/', 0) != SIZE_MAX || !number)
		return err_set(err, ERR_INVALID,
			       "--store: '" STR_FMT "' is not an endpoint such as h1:2379",
			       STR_ARG(text));
	ret->host = host;
	ret->port = (uint16_t)number;
	return 0;
}

static int server_parse_endpoints(const struct server_opts *opts, struct store_etcd_endpoint *to,
			   size_t *ret_count, struct err *err)
{
	struct str rest = opts->store, part;
	bool has_files = opts->etcd_cafile.len || opts->etcd_certfile.len;
	size_t count = 0;

	if (!str_strip_prefix(&rest, STR("etcd://")) && !str_has_prefix(rest, STR("http")))
		return err_set(err, ERR_INVALID,
			       "--store: '" STR_FMT
			       "': must be lmdb, etcd://HOST:PORT[,...] or https://HOST:PORT[,...]",
			       STR_ARG(opts->store));
	while (str_next_part(&rest, ',', &part)) {
		if (count == ENDPOINTS_MAX)
			return err_set(err, ERR_TOO_LARGE, "--store: more than %d endpoints",
				       ENDPOINTS_MAX);
		if (parse_endpoint(part, has_files, &to[count++], err) < 0)
			return -1;
	}
	if (!count)
		return err_set(err, ERR_INVALID, "--store: no endpoint");
	if (opts->etcd_prefix.len > ETCD_PREFIX_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "--etcd-prefix: more than %d bytes",
			       ETCD_PREFIX_BYTES_MAX);
	if (!opts->etcd_certfile.len != !opts->etcd_keyfile.len)
		return err_set(err, ERR_INVALID, "--etcd-certfile and --etcd-keyfile go together");
	*ret_count = count;
	return 0;
}

int server_check_store(const struct server_opts *opts, struct err *err)
{
	struct store_etcd_endpoint endpoints[ENDPOINTS_MAX];
	size_t count;

	if (server_has_etcd(opts))
		return server_parse_endpoints(opts, endpoints, &count, err);
	if (opts->etcd_cafile.len || opts->etcd_certfile.len || opts->etcd_keyfile.len ||
	    opts->etcd_prefix.len)
		return err_set(err, ERR_INVALID,
			       "--etcd-cafile, --etcd-certfile, --etcd-keyfile and --etcd-prefix: "
			       "only with --store etcd://...");
	return 0;
}

static int read_file(struct server *s, struct str path, const char *flag, struct str *ret,
		     struct err *err)
{
	AUTO_BUF bytes = { 0 };

	*ret = STR_NONE;
	if (!path.len)
		return 0;
	buf_init(&bytes, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), FILE_BYTES_MAX, &bytes, err) < 0)
		return err_wrap(err, "--%s", flag);
	*ret = str_in(s->arena, buf_str(&bytes));
	mem_wipe(bytes.ptr, bytes.len); /* it may be a key */
	return 0;
}

static int open_tls(struct server *s, struct err *err)
{
	struct tls_client_options options = { .http2 = true };

	if (read_file(s, s->opts->etcd_cafile, "etcd-cafile", &options.ca_pem, err) < 0 ||
	    read_file(s, s->opts->etcd_certfile, "etcd-certfile", &options.certificate_pem, err) <
		    0 ||
	    read_file(s, s->opts->etcd_keyfile, "etcd-keyfile", &options.key_pem, err) < 0)
		return -1;
	return tls_client_new(&options, &s->etcd_tls, err);
}

static void on_opened(void *arg, struct err *err)
{
	struct server *s = arg;

	s->opened = true;
	if (err)
		s->open_err = *err;
	loop_stop(s->loop);
}

/* "/registry/", however it is written. */
static struct str etcd_prefix(struct server *s)
{
	struct str prefix = s->opts->etcd_prefix;

	while (str_strip_prefix(&prefix, STR("/")))
		;
	while (str_strip_suffix(&prefix, STR("/")))
		;
	if (!s->opts->etcd_prefix.len)
		return STR("/registry/");
	return prefix.len ? str_printf_in(s->arena, "/" STR_FMT "/", STR_ARG(prefix)) : STR("/");
}

/* Nothing else runs yet: the loop turns until the state has been read. */
static int open_etcd(struct server *s, const struct store_options *options, struct err *err)
{
	struct store_etcd_endpoint endpoints[ENDPOINTS_MAX];
	struct store_etcd_options etcd = { .endpoints = endpoints,
					   .prefix = etcd_prefix(s),
					   .local_prefix = STR("/registry/"),
					   .compact_interval_ms = s->opts->etcd_compaction_ns / TIME_NS_PER_MS,
					   .opened = on_opened,
					   .arg = s };

	if (server_parse_endpoints(s->opts, endpoints, &etcd.endpoint_count, err) < 0)
		return -1;
	for (size_t i = 0; i < etcd.endpoint_count; i++)
		if (endpoints[i].is_tls && !s->etcd_tls && open_tls(s, err) < 0)
			return -1;
	etcd.tls = s->etcd_tls;
	if (store_open_etcd(s->env, &etcd, options, &s->store, err) < 0)
		return -1;
	while (!s->opened)
		loop_run(s->loop);
	if (!s->open_err.code)
		return 0;
	*err = s->open_err;
	return err_wrap(err, "store in " STR_FMT, STR_ARG(s->opts->store));
}

int server_store_open(struct server *s, struct err *err)
{
	struct store_options options = { 0 };
	struct str dir = path_join(s->arena, s->plan.data_dir, STR("store"));
	int64_t begun_ns = env_mono_ns(s->env);

	s->form.is_shared = server_has_etcd(s->opts);
	if (fd_make_dirs(AT_FDCWD, s->plan.data_dir.ptr, 0755, err) < 0 ||
	    server_encryption_open(s, err) < 0)
		return -1;
	stored_form_options(&s->form, &options);
	if (s->form.is_shared)
		return open_etcd(s, &options, err);
	/* Data keys of what is stored may have to come first. */
	options.compact_interval_ms = s->opts->etcd_compaction_ns / TIME_NS_PER_MS;
	while (store_open_lmdb(s->env, dir.ptr, &options, &s->store, err) < 0)
		if (server_encryption_wait(s, begun_ns, err) < 0)
			return err_wrap(err, "store in %s", dir.ptr);
	return 0;
}

/* --- etcd's API --- */

#define ETCD_LISTEN_DEFAULT "127.0.0.1:2379"

/* A real etcd may have the usual port: then this one does without, unless it was asked for. */
static int listen_etcd(struct server *s, struct err *err)
{
	struct etcd_server_options options = { .env = s->env, .store = s->store, .tls = s->etcd_server_tls,
					       .scratch_dir = s->plan.data_dir.ptr, .name = s->plan.node_name,
					       .adopt = stored_form_adopt, .arg = &s->form };
	struct str where = s->opts->etcd_listen.len ? s->opts->etcd_listen : STR(ETCD_LISTEN_DEFAULT);
	struct address address;

	if (address_parse(where, &address, err) < 0)
		return err_wrap(err, "--etcd-listen");
	if (etcd_server_new(&options, &address, &s->etcd_server, err) == 0)
		return 0;
	if (s->opts->etcd_listen.len)
		return err_wrap(err, "--etcd-listen " STR_FMT, STR_ARG(where));
	log_warn("server", "etcd's API is not served: %s (--etcd-listen takes another address)", err->msg);
	*err = (struct err){ 0 };
	return 0;
}

int server_etcd_start(struct server *s, const struct pki_options *options, struct err *err)
{
	struct pki_etcd pki;
	struct tls_server_options tls = { .require_client = true };

	if (server_has_etcd(s->opts) || str_eq_c(s->opts->etcd_listen, "none"))
		return 0;
	if (pki_open_etcd(options, s->arena, &pki, err) < 0)
		return -1;
	tls.certificate_pem = pki.server.certificate_pem;
	tls.key_pem = pki.server.key_pem;
	tls.client_ca_pem = pki.ca.certificate_pem;
	if (tls_server_new(&tls, &s->etcd_server_tls, err) < 0)
		return -1;
	return listen_etcd(s, err);
}

void server_store_close(struct server *s)
{
	etcd_server_stop(s->etcd_server);
	if (s->store)
		store_close(s->store); /* completes what the API server has in flight */
	etcd_server_free(s->etcd_server);
	tls_server_free(s->etcd_server_tls);
	tls_client_free(s->etcd_tls);
	server_encryption_close(s);
}

/* --- who leads --- */

/* Controllers and scheduler begin by reading all objects. Clients and kubelets that waited for the API to be back are
 * answered first. */
#define LEAD_DELAY_MS 50

static void follow(struct server_leading *l)
{
	if (l->wanted == l->is_running)
		return;
	l->is_running = l->wanted;
	if (l->is_running)
		l->start(l->server);
	else
		l->stop(l->server);
}

static void on_turn(struct task *task)
{
	follow(CONTAINER_OF(task, struct server_leading, task));
}

static void on_alone(struct timer *timer)
{
	follow(CONTAINER_OF(timer, struct server_leading, alone));
}

/* The role must not be freed from inside its client's events. */
static void on_change(void *owner, bool leading)
{
	struct server_leading *l = owner;

	l->wanted = leading;
	env_defer(l->server->env, &l->task);
}

void server_lead(struct server *s, struct server_leading *l, struct client *client,
		 const char *name)
{
	char uuid[ENV_UUID_BYTES];
	struct elector_spec spec = { .namespace_ = STR("kube-system"),
				     .name = str_from(name),
				     .on_change = on_change,
				     .owner = l };

	l->server = s;
	task_init(&l->task, on_turn);
	timer_init(&l->alone, s->env, on_alone);
	if (store_is_alone(s->store)) {
		l->wanted = true;
		timer_start(&l->alone, LEAD_DELAY_MS);
		return;
	}
	env_uuid(s->env, uuid);
	spec.identity = str_printf_in(s->arena, STR_FMT "_%s", STR_ARG(s->plan.node_name), uuid);
	l->elector = elector_new(client, &spec);
}

void server_lead_stop(struct server *s, struct server_leading *l)
{
	if (l->elector)
		elector_free(l->elector);
	l->elector = NULL;
	if (l->server) {
		env_cancel(s->env, &l->task);
		timer_stop(&l->alone);
	}
	if (l->is_running)
		l->stop(s);
	l->is_running = false;
}

void server_lead_release(struct server_leading *l)
{
	if (l->elector)
		elector_release(l->elector);
}
