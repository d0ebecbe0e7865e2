/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server without a node: TLS on a loopback port, store in memory, in a folder or in an etcd,
 * certificates and a kubeconfig made at every start. For test/system/apiserver.bash and benchmarks:
 *   test-apiserver DIR [--lmdb | --etcd PORT] [--port N]
 * Prints "ready https://127.0.0.1:PORT" once requests are served; DIR/admin.conf is the kubeconfig.
 * SIGTERM ends it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "apiserver/apiserver.h"
#include "apiserver/stored_form.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/yaml.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "net/x509.h"
#include "store/store.h"

#define DRAIN_MS 2000
#define VALID_NS (30 * 24 * 3600 * TIME_NS_PER_SECOND)

struct program {
	struct loop *loop;
	struct env *env;
	struct arena arena;
	struct str dir;
	bool lmdb;
	uint16_t port, etcd_port;
	struct stored_form form;
	bool opened;
	struct err open_err;
	struct store_disk *disk;
	struct store *store;
	struct tls_server *tls;
	struct apiserver *apiserver;
	struct http_server *http;
	struct x509_pair ca, serving, admin;
	char address[ADDRESS_TEXT_BYTES];
	int status;
};

static int make_pair(struct program *p, struct x509_spec *spec, const struct x509_pair *issuer,
		     struct x509_pair *ret, struct err *err)
{
	char *serial = arena_alloc(&p->arena, 16);

	env_random(p->env, serial, 16);
	spec->serial_bytes = str_sub(serial, 16);
	spec->not_before_ns = env_wall_ns(p->env) - 3600 * TIME_NS_PER_SECOND;
	spec->not_after_ns = spec->not_before_ns + VALID_NS;
	return x509_make(spec, issuer, &p->arena, ret, err);
}

static int make_pairs(struct program *p, struct err *err)
{
	static const struct str masters[] = { STR_INIT("system:masters") };
	static const struct str names[] = { STR_INIT("localhost"), STR_INIT("kubernetes") };
	static const struct str ips[] = { STR_INIT("127.0.0.1") };
	struct x509_spec ca = { .common_name = STR("test-ca"), .usage = X509_USAGE_CA };
	struct x509_spec serving = { .common_name = STR("kube-apiserver"),
				     .usage = X509_USAGE_SERVER,
				     .dns_names = names,
				     .dns_name_count = 2,
				     .ip_names = ips,
				     .ip_name_count = 1 };
	struct x509_spec admin = { .common_name = STR("kubernetes-admin"),
				   .organizations = masters,
				   .organization_count = 1,
				   .usage = X509_USAGE_CLIENT };

	if (make_pair(p, &ca, NULL, &p->ca, err) < 0 ||
	    make_pair(p, &serving, &p->ca, &p->serving, err) < 0 ||
	    make_pair(p, &admin, &p->ca, &p->admin, err) < 0)
		return err_wrap(err, "certificates");
	return 0;
}

static void put_base64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		       struct str bytes)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 20);
	base64_encode(bytes, &text);
	json_set_str(doc, object, key, buf_str(&text));
}

static yyjson_mut_val *add_named(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *list,
				 const char *key)
{
	yyjson_mut_val *item = json_append_object(doc, json_set_array(doc, root, list));

	json_set_str(doc, item, "name", STR("test"));
	return json_set_object(doc, item, key);
}

static int write_kubeconfig(struct program *p, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *part;
	AUTO_BUF text = { 0 };

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Config"));
	json_set_str(doc, root, "current-context", STR("test"));
	part = add_named(doc, root, "clusters", "cluster");
	json_set_str(doc, part, "server", str_printf_in(&p->arena, "https://%s", p->address));
	put_base64(doc, part, "certificate-authority-data", p->ca.certificate_pem);
	part = add_named(doc, root, "users", "user");
	put_base64(doc, part, "client-certificate-data", p->admin.certificate_pem);
	put_base64(doc, part, "client-key-data", p->admin.key_pem);
	part = add_named(doc, root, "contexts", "context");
	json_set_str(doc, part, "cluster", STR("test"));
	json_set_str(doc, part, "user", STR("test"));
	buf_init(&text, 1u << 20);
	yaml_mut_write(root, &text);
	return fd_replace_file(AT_FDCWD, path_join(&p->arena, p->dir, STR("admin.conf")).ptr,
			       buf_str(&text), 0600, false, err);
}

static void on_ready(void *arg, const struct err *err)
{
	struct program *p = arg;
	struct err other = { 0 };

	if (err || write_kubeconfig(p, &other) < 0) {
		log_error("test", "%s", err ? err->msg : other.msg);
		p->status = 1;
		loop_stop(p->loop);
		return;
	}
	printf("ready https://%s\n", p->address);
	fflush(stdout);
}

static void on_opened(void *arg, struct err *err)
{
	struct program *p = arg;

	p->opened = true;
	if (err)
		p->open_err = *err;
	loop_stop(p->loop);
}

static int open_etcd(struct program *p, struct err *err)
{
	struct store_etcd_endpoint endpoint = { .host = STR("127.0.0.1"), .port = p->etcd_port };
	struct store_etcd_options etcd = { .endpoints = &endpoint,
					   .endpoint_count = 1,
					   .prefix = STR("/registry/"),
					   .opened = on_opened,
					   .arg = p };
	struct store_options options = { 0 };

	stored_form_init(&p->form, STR("test"));
	p->form.is_shared = true;
	stored_form_options(&p->form, &options);
	if (store_open_etcd(p->env, &etcd, &options, &p->store, err) < 0)
		return -1;
	while (!p->opened)
		loop_run(p->loop);
	if (!p->open_err.code)
		return 0;
	*err = p->open_err;
	return -1;
}

static int open_store(struct program *p, struct err *err)
{
	if (p->etcd_port)
		return open_etcd(p, err);
	if (p->lmdb)
		return store_open_lmdb(p->env, path_join(&p->arena, p->dir, STR("store")).ptr, NULL,
				       &p->store, err);
	p->disk = store_disk_new();
	return store_open_memory(p->env, p->disk, NULL, &p->store, err);
}

static int start(struct program *p, struct err *err)
{
	struct tls_server_options tls = { 0 };
	struct apiserver_options api = { .env = p->env };
	struct http_server_options http = { .env = p->env, .handlers = apiserver_http_handlers() };
	struct address address, bound;

	if (make_pairs(p, err) < 0 || open_store(p, err) < 0)
		return -1;
	tls.certificate_pem = p->serving.certificate_pem;
	tls.key_pem = p->serving.key_pem;
	tls.client_ca_pem = p->ca.certificate_pem;
	if (tls_server_new(&tls, &p->tls, err) < 0)
		return -1;
	api.store = p->store;
	api.advertise_address = STR("127.0.0.1");
	api.secure_port = p->port ? p->port : 6443;
	if (apiserver_new(&api, &p->apiserver, err) < 0)
		return -1;
	http.arg = p->apiserver;
	http.tls = p->tls;
	p->http = http_server_new(&http);
	if (address_from_ip(STR("127.0.0.1"), p->port, &address, err) < 0 ||
	    http_server_listen(p->http, &address, 0, &bound, err) < 0)
		return -1;
	address_format(&bound, p->address);
	apiserver_start(p->apiserver, on_ready, p);
	return 0;
}

static void on_drained(void *arg)
{
	loop_stop(((struct program *)arg)->loop);
}

static void on_signal(void *arg, int signo)
{
	struct program *p = arg;

	apiserver_drain(p->apiserver);
	http_server_drain(p->http, DRAIN_MS, on_drained, p);
}

static void close_all(struct program *p)
{
	if (p->http)
		http_server_free(p->http);
	if (p->store)
		store_close(p->store);
	if (p->apiserver)
		apiserver_free(p->apiserver);
	if (p->disk)
		store_disk_free(p->disk);
	tls_server_free(p->tls);
	stored_form_deinit(&p->form);
	loop_free(p->loop);
	arena_deinit(&p->arena);
}

int main(int argc, char **argv)
{
	struct program p = { 0 };
	struct err err = { 0 };

	if (argc < 2) {
		fprintf(stderr, "usage: test-apiserver DIR [--lmdb | --etcd PORT] [--port N]\n");
		return 2;
	}
	log_set(LOG_INFO, LOG_TEXT, 2);
	p.dir = str_from(argv[1]);
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--lmdb"))
			p.lmdb = true;
		else if (!strcmp(argv[i], "--port") && i + 1 < argc)
			p.port = (uint16_t)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--etcd") && i + 1 < argc)
			p.etcd_port = (uint16_t)strtoul(argv[++i], NULL, 10);
	}
	arena_init(&p.arena, ARENA_DEFAULT_MAX);
	p.loop = loop_new();
	p.env = loop_env(p.loop);
	if (start(&p, &err) < 0 || loop_on_signal(p.loop, SIGTERM, on_signal, &p, &err) < 0) {
		log_error("test", "%s", err.msg);
		p.status = 1;
	} else {
		loop_run(p.loop);
	}
	close_all(&p);
	return p.status;
}
