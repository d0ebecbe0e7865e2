/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of `cube server` that touches this machine. Opened in the order in which later parts
 * need earlier ones; closed the other way round once nothing is under way.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/apiserver.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "container/container.h"
#include "container/network.h"
#include "engine/engine.h"
#include "image/image.h"
#include "kubelet/kubelet.h"
#include "net/address.h"
#include "net/http_server.h"
#include "main/server.h"
#include "proxy/proxy.h"

struct server_node {
	struct network *network;
	struct image_store *images;
	struct container_service *containers;
	struct pod_runtime *runtime;
	struct kubelet *kubelet;
	struct http_server *kubelet_http; /* its own port; NULL: none */
	struct proxy *proxy;
	struct engine *engine;
	struct http_server *engine_http;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static int open_network(struct server *s, struct server_node *node, struct err *err)
{
	struct str leases = path_join(s->arena, s->plan.run_dir, STR("leases"));
	struct network_options options = { .env = s->env,
					   .bridge = s->plan.bridge.ptr,
					   .subnet = s->plan.pods,
					   .prefix_len = s->plan.pods_prefix_len,
					   .routed = s->plan.services,
					   .routed_prefix_len = s->plan.services_prefix_len,
					   .lease_dir = leases.ptr,
					   .forwarding_record = server_forwarding_record(
						   s->arena, &s->plan) };

	return network_open(&options, &node->network, err);
}

static int open_containers(struct server *s, struct server_node *node, struct err *err)
{
	struct image_store_options images = {
		.env = s->env,
		.data_dir = s->plan.data_dir.ptr,
		.insecure_registries = s->opts->insecure_registries.items,
		.insecure_registry_count = s->opts->insecure_registries.count
	};
	struct container_service_options containers = { .env = s->env,
							.network = node->network,
							.data_dir = s->plan.data_dir.ptr,
							.run_dir = s->plan.run_dir.ptr,
							.oci_path = s->plan.oci_path.ptr,
							.cgroup_root = s->plan.cgroup_root.ptr };

	if (image_store_open(&images, &node->images, err) < 0)
		return err_wrap(err, "image store");
	containers.images = node->images;
	if (container_service_open(&containers, &node->containers, err) < 0)
		return err_wrap(err, "containers");
	image_store_settle(node->images);
	return 0;
}

static bool sandbox_is_known(void *arg, const char *id)
{
	return container_get(arg, str_from(id)) != NULL;
}

static void serve_node(void *arg, struct http_exchange *x, const struct obj *node, struct str path,
		       struct str query)
{
	kubelet_handle(arg, x, path, query);
}

#define KUBELET_PORT 10250

/* *ret_port 0: there is none. A machine may have another kubelet, which nobody asked about. */
static int open_kubelet_port(struct server *s, struct server_node *node, uint16_t *ret_port,
			     struct err *err)
{
	struct http_server_options http = { .env = s->env,
					    .handlers = apiserver_kubelet_handlers(),
					    .arg = s->apiserver,
					    .tls = s->kubelet_tls ? s->kubelet_tls : s->tls };
	uint16_t port = (uint16_t)s->opts->kubelet_port;
	struct address address;
	int fd;

	*ret_port = 0;
	if (!port)
		return 0;
	if (address_from_ip(s->opts->bind_address, port, &address, err) < 0)
		return err_wrap(err, "--bind-address");
	fd = address_listen(&address, 0, err);
	if (fd < 0 && err->os_errno == EADDRINUSE && port == KUBELET_PORT) {
		log_warn("server",
			 "port %d is in use: the kubelet's own API is not served "
			 "(--kubelet-port takes another one)",
			 KUBELET_PORT);
		*err = (struct err){ 0 };
		return 0;
	}
	if (fd < 0)
		return err_wrap(err, "--kubelet-port %d", (int)port);
	apiserver_set_kubelet_name(s->apiserver, s->plan.node_name);
	node->kubelet_http = http_server_new(&http);
	*ret_port = port;
	return http_server_listen_fd(node->kubelet_http, fd, err);
}

static int start_kubelet(struct server *s, struct server_node *node, struct err *err)
{
	struct str root_dir = path_join(s->arena, s->plan.data_dir, STR("kubelet"));
	struct str user = str_printf_in(s->arena, "system:node:" STR_FMT,
					STR_ARG(s->plan.node_name));
	struct runtime_container_options runtime = { .env = s->env,
						     .containers = node->containers,
						     .images = node->images,
						     .root_dir = root_dir,
						     .log_dir = s->plan.pod_log_dir };
	struct kubelet_options options = { .env = s->env,
					   .containers = node->containers,
					   .node_name = s->plan.node_name,
					   .pod_cidr = s->plan.pod_cidr,
					   .addresses = &s->plan.node_ip,
					   .address_count = 1,
					   .cluster_dns = s->opts->cluster_dns,
					   .cluster_domain = s->opts->cluster_domain,
					   .root_dir = root_dir,
					   .log_dir = s->plan.pod_log_dir,
					   .manifest_dir = s->plan.manifest_dir,
					   .bind_address = s->opts->bind_address,
					   .client_ca_file = s->opts->tls.client_ca_file.len
								     ? s->opts->tls.client_ca_file
								     : s->pki.ca_path,
					   .cgroup_root = s->plan.cgroup_root,
					   .pods_max = s->opts->max_pods,
					   .register_node = true };
	struct apiserver_node_handler handler = { .serve = serve_node };

	if (open_kubelet_port(s, node, &options.port, err) < 0 ||
	    server_role_start(s, &s->node_role, user.ptr, err) < 0)
		return -1;
	kubelet_probe_host(&options, s->arena);
	node->runtime = runtime_container_new(&runtime);
	options.client = s->node_role.client;
	options.runtime = node->runtime;
	node->kubelet = kubelet_new(&options);
	if (kubelet_start(node->kubelet, err) < 0)
		return err_wrap(err, "kubelet");
	handler.arg = node->kubelet;
	apiserver_set_node_handler(s->apiserver, &handler);
	return 0;
}

static int start_proxy(struct server *s, struct server_node *node, struct err *err)
{
	struct proxy_options options = { .env = s->env,
					 .node_name = s->plan.node_name,
					 .pods = s->plan.pods,
					 .pods_prefix_len = s->plan.pods_prefix_len,
					 .bridge = s->plan.bridge.ptr,
					 .table = s->plan.table.ptr };

	if (server_role_start(s, &s->proxying, "system:kube-proxy", err) < 0)
		return -1;
	options.client = s->proxying.client;
	node->proxy = proxy_new(&options);
	return 0;
}

/* The engine API on a socket of the run folder, and nowhere else: the machine's own docker keeps
 * its place. */
static int start_engine(struct server *s, struct server_node *node, struct err *err)
{
	struct str temporary = path_join(s->arena, s->plan.data_dir, STR("image"));
	struct engine_options options = { .env = s->env,
					  .images = node->images,
					  .version = CUBE_VERSION,
					  .temporary_dir = temporary.ptr };
	struct http_server_options http = { .env = s->env, .handlers = engine_http_handlers() };
	struct address address;

	node->engine = engine_new(&options);
	http.arg = node->engine;
	node->engine_http = http_server_new(&http);
	if (address_from_unix(path_join(s->arena, s->plan.run_dir, STR("docker.sock")), &address,
			      err) < 0 ||
	    http_server_listen(node->engine_http, &address, 0600, NULL, err) < 0)
		return err_wrap(err, "engine socket");
	return 0;
}

int server_node_start(struct server *s, struct err *err)
{
	struct server_node *node = s->node = NEW(struct server_node);

	if (open_network(s, node, err) < 0 || open_containers(s, node, err) < 0)
		return -1;
	network_forget_others(node->network, sandbox_is_known, node->containers);
	if (start_kubelet(s, node, err) < 0 || start_proxy(s, node, err) < 0 ||
	    start_engine(s, node, err) < 0)
		return -1;
	return 0;
}

static void on_engine_idle(void *arg)
{
	struct server_node *node = arg;

	node->stopped(node->stopped_arg);
}

static void on_kubelet_stopped(void *arg)
{
	struct server_node *node = arg;

	engine_stop(node->engine, on_engine_idle, node);
}

static void close_kubelet_port(struct server_node *node)
{
	if (node->kubelet_http)
		http_server_free(node->kubelet_http);
	node->kubelet_http = NULL;
}

void server_node_stop(struct server *s, void (*stopped)(void *arg), void *arg)
{
	if (!s->node || !s->node->kubelet) {
		stopped(arg);
		return;
	}
	s->node->stopped = stopped;
	s->node->stopped_arg = arg;
	apiserver_set_node_handler(s->apiserver, NULL);
	close_kubelet_port(s->node);
	kubelet_stop(s->node->kubelet, on_kubelet_stopped, s->node);
}

void server_node_free(struct server *s)
{
	struct server_node *node = s->node;

	if (!node)
		return;
	if (node->engine_http)
		http_server_free(node->engine_http);
	if (node->engine)
		engine_free(node->engine);
	close_kubelet_port(node);
	proxy_free(node->proxy);
	if (node->kubelet)
		kubelet_free(node->kubelet);
	if (node->runtime)
		runtime_container_free(node->runtime);
	if (node->containers)
		container_service_close(node->containers);
	if (node->images)
		image_store_close(node->images);
	network_close(node->network);
	server_role_stop(&s->node_role);
	server_role_stop(&s->proxying);
	mem_free(node);
	s->node = NULL;
}
