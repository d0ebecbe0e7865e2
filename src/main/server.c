/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting: check everything, take the port, then open files, store, API server and roles, lowest
 * first. The API answers before the node's part is opened. Stopping goes the other way: drain
 * requests, let what is under way in the node finish, close the store. Containers and packet-filter
 * rules stay, so that applications do not notice.
 */
#include "main/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/admission_settings.h"
#include "apiserver/apiserver.h"
#include "apiserver/audit.h"
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/front_proxy.h"
#include "apiserver/registry.h"
#include "apiserver/tokens.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "client/client.h"
#include "controllers/controllers.h"
#include "loop/loop.h"
#include "net/address.h"
#include "net/http_server.h"
#include "net/tls.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

#define DRAIN_MS 3000

int server_role_start(struct server *s, struct server_role *role, const char *user, struct err *err)
{
	role->transport = apiserver_transport(s->apiserver, str_from(user));
	role->client = client_new(s->env, role->transport, str_from(user));
	return 0;
}

void server_role_stop(struct server_role *role)
{
	if (role->client)
		client_free(role->client);
	if (role->transport)
		apiserver_transport_free(role->transport);
	*role = (struct server_role){ 0 };
}

static int open_port(struct server *s, struct err *err)
{
	struct address address;

	if (address_from_ip(s->opts->bind_address, (uint16_t)s->opts->secure_port, &address, err) <
	    0)
		return err_wrap(err, "--bind-address");
	s->listen_fd = address_listen(&address, 0, err);
	if (s->listen_fd < 0 && err->os_errno == EADDRINUSE)
		return err_set(
			err, ERR_CONFLICT,
			"port %d is in use: another API server? (--secure-port takes another one)",
			(int)s->opts->secure_port);
	return s->listen_fd < 0 ? err_wrap(err, "port %d", (int)s->opts->secure_port) : 0;
}

/* What a certificate for the API server must name besides the fixed names. */
static struct pki_options pki_options(struct server *s)
{
	size_t count = s->opts->tls_sans.count;
	struct str *names = arena_array(s->arena, count + 4, sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = s->opts->tls_sans.items[i];
	names[count++] = s->plan.node_name;
	names[count++] = s->plan.node_ip;
	names[count++] = s->plan.advertise_address;
	names[count++] = s->plan.service_ip;
	return (struct pki_options){
		.env = s->env, .dir = s->plan.pki_dir, .names = names, .name_count = count
	};
}

static int open_files(struct server *s, struct err *err)
{
	struct pki_options options = pki_options(s);
	struct kubeconfig_options admin = { .path = s->plan.kubeconfig,
					    .server = s->plan.endpoint,
					    .user = STR("kubernetes-admin"),
					    .group = STR("system:masters") };

	if (pki_open(&options, s->arena, &s->pki, err) < 0 ||
	    pki_kubeconfig(&options, &s->pki, &admin, s->arena, err) < 0 ||
	    server_tls_open(s, err) < 0)
		return -1;
	return server_etcd_start(s, &options, err);
}

static void on_ready(void *arg, const struct err *err)
{
	struct server *s = arg;

	if (err) {
		log_error("server", "cannot make the cluster's own objects: %s", err->msg);
		s->exit_status = 1;
		loop_stop(s->loop);
		return;
	}
	log_info("server", "API server ready on %s after %lld ms; kubeconfig: %s",
		 s->plan.endpoint.ptr, (long long)((env_mono_ns(s->env) - s->started_ns) / 1000000),
		 s->plan.kubeconfig.ptr);
}

static void write_metrics(void *arg, struct buf *to)
{
	struct server *s = arg;

	if (s->controllers) /* of the one server among several that has the lead */
		controllers_write_metrics(s->controllers, to);
}

static void write_flags(void *arg, struct buf *to)
{
	cmd_write_flags(&cmd_server, ((struct server *)arg)->opts, to);
}

static int start_api(struct server *s, struct err *err)
{
	struct token_options tokens;
	struct authn_options authn;
	struct audit_options audit;
	struct front_proxy *front = ARENA_NEW(s->arena, struct front_proxy);
	struct admission_settings *admission = ARENA_NEW(s->arena, struct admission_settings);
	struct authz_part *authorizers;
	struct apiserver_options options = { .env = s->env,
					     .store = s->store,
					     .service_cidr = s->plan.service_cidr,
					     .advertise_address = s->plan.advertise_address,
					     .secure_port = (uint16_t)s->opts->secure_port,
					     .event_ttl_ns = s->opts->event_ttl_ns,
					     .watch_seconds_min = s->opts->watch_seconds_min,
					     .leaves_scheduling = s->opts->no_scheduler,
					     .no_profiling = !s->opts->profiling,
					     .tokens = &tokens };
	struct http_server_options http = { .env = s->env,
					    .handlers = apiserver_http_handlers(),
					    .tls = s->tls };

	if (server_token_options(s, &tokens, err) < 0 || server_authn_options(s, &authn, err) < 0 ||
	    server_authorizers(s, &authorizers, &options.authorizer_count, err) < 0 ||
	    server_front_proxy(s, front, err) < 0 ||
	    server_admission_settings(s, admission, err) < 0 ||
	    server_audit_options(s, &audit, &options.audit, err) < 0)
		return -1;
	options.plugins_on = (struct str_list){ s->opts->auth.plugins_on.items,
						s->opts->auth.plugins_on.count };
	options.plugins_off = (struct str_list){ s->opts->auth.plugins_off.items,
						 s->opts->auth.plugins_off.count };
	options.admission = admission;
	options.authn = &authn;
	options.authorizers = authorizers;
	options.front = front;
	options.form = &s->form;
	options.hostname = s->plan.node_name;
	if (apiserver_new(&options, &s->apiserver, err) < 0)
		return -1;
	apiserver_set_metrics(s->apiserver, write_metrics, s);
	apiserver_set_flags(s->apiserver, write_flags, s);
	http.arg = s->apiserver;
	s->http = http_server_new(&http);
	if (http_server_listen_fd(s->http, fd_take(&s->listen_fd), err) < 0)
		return -1;
	apiserver_start(s->apiserver, on_ready, s);
	if (server_encryption_watch(s, err) < 0 || server_tls_watch(s, err) < 0)
		return -1;
	return server_auth_watch(s, err);
}

static void start_controllers(struct server *s)
{
	struct controllers_options options = { .env = s->env,
					       .root_ca = s->root_ca_pem,
					       .authority = server_authority(s),
					       .chosen = { s->opts->controllers.items,
							   s->opts->controllers.count },
					       .client = s->controlling.client };

	s->controllers = controllers_new(&options);
	controllers_start(s->controllers);
}

static void stop_controllers(struct server *s)
{
	controllers_free(s->controllers);
	s->controllers = NULL;
}

static void start_scheduler(struct server *s)
{
	struct scheduler_options options = { .env = s->env, .client = s->scheduling.client };

	s->scheduler = scheduler_new(&options);
	scheduler_start(s->scheduler);
}

static void stop_scheduler(struct server *s)
{
	scheduler_free(s->scheduler);
	s->scheduler = NULL;
}

static int start_roles(struct server *s, struct err *err)
{
	if (server_role_start(s, &s->controlling, "system:kube-controller-manager", err) < 0 ||
	    server_role_start(s, &s->scheduling, "system:kube-scheduler", err) < 0)
		return -1;
	s->leads_controlling.start = start_controllers;
	s->leads_controlling.stop = stop_controllers;
	server_lead(s, &s->leads_controlling, s->controlling.client, "kube-controller-manager");
	s->leads_scheduling.start = start_scheduler;
	s->leads_scheduling.stop = stop_scheduler;
	if (!s->opts->no_scheduler)
		server_lead(s, &s->leads_scheduling, s->scheduling.client, "kube-scheduler");
	return s->opts->no_node ? 0 : server_node_start(s, err);
}

static int start(struct server *s, struct err *err)
{
	/* The store first: it refuses a folder that is in use before keys are made. */
	static int (*const steps[])(struct server *, struct err *) = { server_store_open,
								       open_files, start_api,
								       start_roles };

	for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
		if (steps[i](s, err) < 0)
			return -1;
	return 0;
}

/* --- stopping --- */

static void on_node_stopped(void *arg)
{
	struct server *s = arg;

	loop_stop(s->loop);
}

static void on_drained(void *arg)
{
	struct server *s = arg;

	server_node_stop(s, on_node_stopped, s);
}

static void drain(struct timer *timer)
{
	struct server *s = CONTAINER_OF(timer, struct server, shutdown);

	server_lead_release(&s->leads_scheduling);
	server_lead_release(&s->leads_controlling);
	apiserver_drain(s->apiserver);
	http_server_drain(s->http, DRAIN_MS, on_drained, s);
}

static void on_signal(void *arg, int signo)
{
	struct server *s = arg;

	if (s->stopping) {
		log_warn("server", "second signal: stopping at once");
		loop_stop(s->loop);
		return;
	}
	s->stopping = true;
	log_info("server", "stopping; containers go on");
	apiserver_announce_shutdown(s->apiserver);
	if (!s->opts->shutdown_delay_ns) {
		drain(&s->shutdown);
		return;
	}
	timer_init(&s->shutdown, s->env, drain);
	timer_start(&s->shutdown, s->opts->shutdown_delay_ns / TIME_NS_PER_MS);
}

static void close_all(struct server *s)
{
	if (s->stopping && s->opts->shutdown_delay_ns)
		timer_stop(&s->shutdown);
	server_reload_stop(s);
	server_lead_stop(s, &s->leads_scheduling);
	server_lead_stop(s, &s->leads_controlling);
	server_node_free(s);
	server_role_stop(&s->scheduling);
	server_role_stop(&s->controlling);
	if (s->http)
		http_server_free(s->http);
	server_store_close(s);
	if (s->apiserver)
		apiserver_free(s->apiserver);
	server_forget(s);
	server_tls_close(s);
	fd_close(&s->listen_fd);
	if (s->loop)
		loop_free(s->loop);
}

static int server_run(struct cmd_run *run, struct err *err)
{
	struct server s = { .opts = run->opts, .arena = run->arena, .listen_fd = -1 };
	static const int signals[] = { SIGTERM, SIGINT };
	enum log_level level;
	int lock_fds[2] = { -1, -1 }; /* held until the process ends */

	if (log_level_parse(s.opts->log_level, &level, err) < 0) {
		(void)err_wrap(err, "--log-level"); /* the status of a wrong start is 1, as below */
		return 1;
	}
	log_set(level, str_eq(s.opts->log_format, STR("json")) ? LOG_JSON : LOG_TEXT,
		STDERR_FILENO);
	if (server_plan(s.opts, s.arena, &s.plan, err) < 0 ||
	    server_check_machine(s.opts, &s.plan, err) < 0)
		return 1;
	/* The port before any folder: a second server by mistake changes nothing. */
	if (open_port(&s, err) < 0 || server_lock(&s.plan, s.arena, lock_fds, err) < 0) {
		fd_close(&s.listen_fd);
		return 1;
	}
	s.loop = loop_new();
	s.env = loop_env(s.loop);
	s.started_ns = env_mono_ns(s.env);
	if (start(&s, err) < 0)
		s.exit_status = 1;
	for (size_t i = 0; s.exit_status == 0 && i < ARRAY_COUNT(signals); i++)
		if (loop_on_signal(s.loop, signals[i], on_signal, &s, err) < 0)
			s.exit_status = 1;
	if (s.exit_status == 0)
		loop_run(s.loop);
	close_all(&s);
	return s.exit_status;
}

static const struct flag server_flags[] = {
	FLAG_STRING(0, "data-dir", struct server_opts, data_dir, "/var/lib/cube",
		    "state that must survive a reboot"),
	FLAG_STRING(0, "run-dir", struct server_opts, run_dir, "/run/cube",
		    "sockets and state of what runs now"),
	FLAG_STRING(0, "kubeconfig", struct server_opts, kubeconfig, "/etc/kubernetes/admin.conf",
		    "administrator's kubeconfig, written when missing or outdated"),
	FLAG_STRING(0, "cert-dir", struct server_opts, pki_dir, "",
		    "keys and certificates (default: pki beside the kubeconfig)"),
	FLAG_STRING(0, "manifest-dir", struct server_opts, manifest_dir, "",
		    "static pods (default: manifests beside the kubeconfig)"),
	FLAG_STRING(0, "pod-log-dir", struct server_opts, pod_log_dir, "/var/log/pods",
		    "logs of pods' containers"),
	FLAG_STRING(0, "bind-address", struct server_opts, bind_address, "0.0.0.0",
		    "address the API server listens on"),
	FLAG_INT(0, "secure-port", struct server_opts, secure_port, "6443", 1, 65535,
		 "port of the API server"),
	FLAG_INT(0, "kubelet-port", struct server_opts, kubelet_port, "10250", 0, 65535,
		 "port of the kubelet's own API (0: none; 10250: only if it is free)"),
	FLAG_STRING(0, "advertise-address", struct server_opts, advertise_address, "",
		    "address by which pods reach the API server (default: the node's)"),
	FLAG_STRING(0, "tls-cert-file", struct server_opts, tls.cert_file, "",
		    "certificate that clients are shown, those of its authorities behind it (default: "
		    "apiserver.crt in --cert-dir, made when missing)"),
	FLAG_STRING(0, "tls-private-key-file", struct server_opts, tls.key_file, "",
		    "key of that certificate"),
	FLAG_EACH(0, "tls-sni-cert-key", struct server_opts, tls.named,
		  "certificate and key for some names only, those of the certificate or others: "
		  "FILE,FILE[:NAME,...], where *. stands for one label; may be repeated"),
	FLAG_STRING(0, "client-ca-file", struct server_opts, tls.client_ca_file, "",
		    "authorities of clients' certificates besides the cluster's own"),
	FLAG_STRING(0, "root-ca-file", struct server_opts, tls.root_ca_file, "",
		    "authorities that pods know the API server by, besides the cluster's own"),
	FLAG_LIST(0, "tls-san", struct server_opts, tls_sans,
		  "further names and addresses in the API server's certificate"),
	FLAG_LIST(0, "tls-cipher-suites", struct server_opts, tls_suites,
		  "cipher suites of TLS 1.2 and older that the API server takes (default: those "
		  "not known to be weak)"),
	FLAG_STRING(0, "tls-min-version", struct server_opts, tls_version_min, "",
		    "oldest version of TLS that the API server takes: VersionTLS10, VersionTLS11, "
		    "VersionTLS12 or VersionTLS13 (default: VersionTLS12)"),
	FLAG_STRING(0, "node-name", struct server_opts, node_name, "",
		    "name of this node (default: the host name)"),
	FLAG_STRING(0, "node-ip", struct server_opts, node_ip, "",
		    "address of this node (default: that of the default route)"),
	FLAG_STRING(0, "pod-cidr", struct server_opts, pod_cidr, "10.244.0.0/24",
		    "addresses of this node's pods"),
	FLAG_STRING(0, "service-cidr", struct server_opts, service_cidr, "10.96.0.0/12",
		    "addresses of services: a network, or one of IPv4 and one of IPv6 with a comma "
		    "between; the first one's family is the default"),
	FLAG_STRING(0, "service-cluster-ip-range", struct server_opts, service_cidr, "10.96.0.0/12",
		    "upstream's name of --service-cidr"),
	FLAG_STRING(0, "cluster-dns", struct server_opts, cluster_dns, "",
		    "DNS server that pods use (default: the node's)"),
	FLAG_STRING(0, "cluster-domain", struct server_opts, cluster_domain, "cluster.local",
		    "DNS domain of the cluster"),
	FLAG_STRING(0, "bridge", struct server_opts, bridge, "cube0", "bridge of this node's pods"),
	FLAG_STRING(0, "nft-table", struct server_opts, table, "cube",
		    "packet-filter table of the service rules"),
	FLAG_STRING(0, "cgroup-root", struct server_opts, cgroup_root, "/",
		    "parent of all cgroups made"),
	FLAG_STRING(0, "store", struct server_opts, store, "lmdb",
		    "where the cluster's state is kept: lmdb (here), etcd://HOST:PORT[,...] or "
		    "https://HOST:PORT[,...]"),
	FLAG_STRING(0, "etcd-cafile", struct server_opts, etcd_cafile, "",
		    "authority of etcd's certificates (default: the system's)"),
	FLAG_STRING(0, "etcd-certfile", struct server_opts, etcd_certfile, "",
		    "client certificate for etcd"),
	FLAG_STRING(0, "etcd-keyfile", struct server_opts, etcd_keyfile, "",
		    "key of the client certificate for etcd"),
	FLAG_STRING(0, "etcd-prefix", struct server_opts, etcd_prefix, "",
		    "beginning of all keys in etcd (default: /registry)"),
	FLAG_DURATION(0, "etcd-compaction-interval", struct server_opts, etcd_compaction_ns, "5m",
		      "how old history gets in the store; etcd's is dropped by one of the servers (0: never)"),
	FLAG_STRING(0, "etcd-listen", struct server_opts, etcd_listen, "",
		    "address of etcd's API, mutual TLS, on the embedded store, or none (default: "
		    "127.0.0.1:2379 if it is free)"),
	FLAG_STRING(0, "encryption-provider-config", struct server_opts, encryption_config, "",
		    "file that says which resources are stored encrypted, and by which keys"),
	FLAG_BOOL(0, "encryption-provider-config-automatic-reload", struct server_opts,
		  encryption_reloads, "that file is read again when it changes"),
	FLAG_LIST(0, "service-account-issuer", struct server_opts, account_issuers,
		  "issuer of service accounts' tokens; further ones are taken too (default: "
		  "https://kubernetes.default.svc.<cluster-domain>)"),
	FLAG_STRING(0, "service-account-jwks-uri", struct server_opts, account_jwks_uri, "",
		    "where issuer discovery says the keys are (default: at this server)"),
	FLAG_STRING(
		0, "service-account-signing-key-file", struct server_opts, account_signing_key, "",
		"private key that signs tokens (default: sa.key in --cert-dir, made when missing)"),
	FLAG_LIST(0, "service-account-key-file", struct server_opts, account_keys,
		  "further keys that tokens may be signed with"),
	FLAG_STRING(0, "service-account-max-token-expiration", struct server_opts,
		    account_token_life, "0s",
		    "longest life of a token that may be asked for (1h to 2^32 s; 0: no bound)"),
	FLAG_BOOL(0, "no-service-account-extend-token-expiration", struct server_opts,
		  account_tokens_end, "let pods' tokens end after an hour instead of a year"),
	FLAG_LIST(0, "api-audiences", struct server_opts, api_audiences,
		  "names of this API server in tokens (default: the issuer)"),
	FLAG_STRING(0, "token-auth-file", struct server_opts, auth.token_file, "",
		    "file of static tokens: token,user,uid[,\"group,...\"]"),
	{ .type = FLAG_TYPE_BOOL,
	  .name = "anonymous-auth",
	  .offset = offsetof(struct server_opts, auth.anonymous),
	  .fallback = "true",
	  .help = "take who says nothing of himself for system:anonymous" },
	FLAG_STRING(0, "authentication-config", struct server_opts, auth.authentication_config, "",
		    "AuthenticationConfiguration: issuers of tokens, and who may be anonymous"),
	FLAG_STRING(0, "oidc-issuer-url", struct server_opts, auth.oidc_issuer, "",
		    "OpenID Connect issuer whose tokens are taken (https)"),
	FLAG_STRING(0, "oidc-client-id", struct server_opts, auth.oidc_client_id, "",
		    "audience that its tokens must have"),
	FLAG_STRING(0, "oidc-ca-file", struct server_opts, auth.oidc_ca_file, "",
		    "authority of the issuer's certificate (default: the system's)"),
	FLAG_STRING(0, "oidc-username-claim", struct server_opts, auth.oidc_username_claim, "sub",
		    "claim that is the user's name"),
	FLAG_STRING(0, "oidc-username-prefix", struct server_opts, auth.oidc_username_prefix, "",
		    "put before it (default: the issuer and #, but for email; -: nothing)"),
	FLAG_STRING(0, "oidc-groups-claim", struct server_opts, auth.oidc_groups_claim, "",
		    "claim that lists the user's groups"),
	FLAG_STRING(0, "oidc-groups-prefix", struct server_opts, auth.oidc_groups_prefix, "",
		    "put before each of them"),
	FLAG_LIST(0, "oidc-required-claim", struct server_opts, auth.oidc_required_claims,
		  "claim=value that tokens must have"),
	FLAG_LIST(0, "oidc-signing-algs", struct server_opts, auth.oidc_signing_algs,
		  "how its tokens may be signed (default: RS256)"),
	FLAG_STRING(0, "authentication-token-webhook-config-file", struct server_opts,
		    auth.token_webhook_file, "",
		    "kubeconfig of a server that is asked whose tokens are"),
	FLAG_STRING(0, "authentication-token-webhook-version", struct server_opts,
		    auth.token_webhook_version, "v1beta1", "version of its TokenReviews"),
	FLAG_DURATION(0, "authentication-token-webhook-cache-ttl", struct server_opts,
		      auth.token_webhook_ttl_ns, "2m", "how long its answers are good"),
	FLAG_STRING(0, "requestheader-client-ca-file", struct server_opts, auth.proxy_ca_file, "",
		    "authority of proxies that say in headers who asks"),
	FLAG_LIST(0, "requestheader-allowed-names", struct server_opts, auth.proxy_names,
		  "names of such proxies (default: any of that authority)"),
	FLAG_LIST(0, "requestheader-username-headers", struct server_opts, auth.proxy_user_headers,
		  "headers with the user's name: X-Remote-User"),
	FLAG_LIST(0, "requestheader-uid-headers", struct server_opts, auth.proxy_uid_headers,
		  "headers with the user's uid"),
	FLAG_LIST(0, "requestheader-group-headers", struct server_opts, auth.proxy_group_headers,
		  "headers with the user's groups: X-Remote-Group"),
	FLAG_LIST(0, "requestheader-extra-headers-prefix", struct server_opts,
		  auth.proxy_extra_prefixes, "begin of headers with more: X-Remote-Extra-"),
	FLAG_STRING(0, "proxy-client-cert-file", struct server_opts, auth.proxy_client_cert_file, "",
		    "certificate shown to API servers behind this one (default: front-proxy-client.crt "
		    "in --cert-dir, made when missing)"),
	FLAG_STRING(0, "proxy-client-key-file", struct server_opts, auth.proxy_client_key_file, "",
		    "its key"),
	FLAG_LIST(0, "authorization-mode", struct server_opts, auth.modes,
		  "who is asked in turn: Node, RBAC, Webhook, ABAC, AlwaysAllow, AlwaysDeny (default: "
		  "Node,RBAC)"),
	FLAG_STRING(0, "authorization-config", struct server_opts, auth.authorization_config, "",
		    "AuthorizationConfiguration, instead of --authorization-mode"),
	FLAG_STRING(0, "authorization-policy-file", struct server_opts, auth.abac_file, "",
		    "policies of mode ABAC, a line of JSON each"),
	FLAG_STRING(0, "authorization-webhook-config-file", struct server_opts, auth.webhook_file,
		    "", "kubeconfig of the server that mode Webhook asks"),
	FLAG_STRING(0, "authorization-webhook-version", struct server_opts, auth.webhook_version,
		    "v1beta1", "version of its SubjectAccessReviews"),
	FLAG_DURATION(0, "authorization-webhook-cache-authorized-ttl", struct server_opts,
		      auth.webhook_yes_ttl_ns, "5m", "how long its consents are good"),
	FLAG_DURATION(0, "authorization-webhook-cache-unauthorized-ttl", struct server_opts,
		      auth.webhook_no_ttl_ns, "30s", "how long its refusals are good"),
	FLAG_LIST(0, "enable-admission-plugins", struct server_opts, auth.plugins_on,
		  "plug-ins of admission beside those that are on anyway"),
	FLAG_LIST(0, "disable-admission-plugins", struct server_opts, auth.plugins_off,
		  "plug-ins of admission that are not asked"),
	FLAG_INT(0, "min-request-timeout", struct server_opts, watch_seconds_min, "1800", 1, INT32_MAX,
		 "seconds that a watch without a time of its own lasts, at random up to twice as long"),
	FLAG_DURATION(0, "event-ttl", struct server_opts, event_ttl_ns, "1h",
		      "how long events are kept"),
	FLAG_STRING(0, "admission-control-config-file", struct server_opts, admission_config, "",
		    "AdmissionConfiguration: what plug-ins of admission are told"),
	FLAG_INT(0, "default-not-ready-toleration-seconds", struct server_opts, not_ready_seconds,
		 "300", 0, INT32_MAX, "how long pods stay on a node that is not ready"),
	FLAG_INT(0, "default-unreachable-toleration-seconds", struct server_opts,
		 unreachable_seconds, "300", 0, INT32_MAX,
		 "how long pods stay on a node that is out of reach"),
	FLAG_STRING(0, "audit-policy-file", struct server_opts, audit.policy_file, "",
		    "Policy that says what of which requests is audited"),
	FLAG_STRING(0, "audit-log-path", struct server_opts, audit.log_path, "",
		    "file that gets the events as lines of JSON (-: standard output)"),
	FLAG_INT(0, "audit-log-maxage", struct server_opts, audit.log_days_max, "0", 0, 36500,
		 "days that rotated files are kept (0: for ever)"),
	FLAG_INT(0, "audit-log-maxbackup", struct server_opts, audit.log_backups_max, "0", 0,
		 1000000, "rotated files that are kept (0: all)"),
	FLAG_INT(0, "audit-log-maxsize", struct server_opts, audit.log_megabytes_max, "100", 0,
		 1000000, "megabytes at which a file is rotated (0: never)"),
	FLAG_BOOL(0, "audit-log-compress", struct server_opts, audit.log_compresses,
		  "compress rotated files by gzip"),
	FLAG_STRING(0, "audit-log-mode", struct server_opts, audit.log_mode, "blocking",
		    "batch: no answer waits for its events; blocking: each does; blocking-strict: "
		    "and a request is refused whose event cannot be written"),
	FLAG_INT(0, "audit-log-batch-buffer-size", struct server_opts, audit.log_queue_max, "10000",
		 INT32_MIN, INT32_MAX, "events that wait to be written in mode batch; more are lost"),
	FLAG_INT(0, "audit-log-batch-max-size", struct server_opts, audit.log_batch_max, "1",
		 INT32_MIN, INT32_MAX, "events in one write of mode batch"),
	FLAG_DURATION(0, "audit-log-batch-max-wait", struct server_opts, audit.log_wait_ns, "0s",
		      "how long an event waits for others in mode batch"),
	FLAG_BOOL(0, "audit-log-batch-throttle-enable", struct server_opts, audit.log_throttles,
		  "bound the writes of mode batch in a second"),
	FLAG_INT(0, "audit-log-batch-throttle-qps", struct server_opts, audit.log_batches_per_second,
		 "0", INT32_MIN, INT32_MAX, "to so many on average"),
	FLAG_INT(0, "audit-log-batch-throttle-burst", struct server_opts, audit.log_burst, "0",
		 INT32_MIN, INT32_MAX, "or to so many after a pause"),
	FLAG_STRING(0, "audit-log-format", struct server_opts, audit.log_format, "json",
		    "form of the lines: json or legacy"),
	FLAG_STRING(0, "audit-log-version", struct server_opts, audit.log_version,
		    "audit.k8s.io/v1", "version of the events: audit.k8s.io/v1"),
	FLAG_BOOL(0, "audit-log-truncate-enabled", struct server_opts, audit.log_truncates,
		  "leave bodies out of events that are too long"),
	FLAG_INT(0, "audit-log-truncate-max-event-size", struct server_opts,
		 audit.log_event_bytes_max, "102400", 1, INT32_MAX, "bytes that are too long then"),
	FLAG_INT(0, "audit-log-truncate-max-batch-size", struct server_opts,
		 audit.log_batch_bytes_max, "10485760", 1, INT32_MAX,
		 "bytes of one write; no less than of an event"),
	FLAG_STRING(0, "audit-webhook-mode", struct server_opts, audit.webhook_mode, "batch",
		    "as --audit-log-mode"),
	FLAG_STRING(0, "audit-webhook-version", struct server_opts, audit.webhook_version,
		    "audit.k8s.io/v1", "version of the events: audit.k8s.io/v1"),
	{ .type = FLAG_TYPE_BOOL,
	  .name = "audit-webhook-batch-throttle-enable",
	  .offset = offsetof(struct server_opts, audit.webhook_throttles),
	  .fallback = "true",
	  .help = "bound the batches sent in a second" },
	FLAG_INT(0, "audit-webhook-batch-throttle-qps", struct server_opts,
		 audit.webhook_batches_per_second, "10", INT32_MIN,
		 INT32_MAX, "to so many on average"),
	FLAG_INT(0, "audit-webhook-batch-throttle-burst", struct server_opts, audit.webhook_burst,
		 "15", INT32_MIN, INT32_MAX, "or to so many after a pause"),
	FLAG_INT(0, "audit-webhook-batch-buffer-size", struct server_opts, audit.webhook_queue_max,
		 "10000", INT32_MIN, INT32_MAX, "events that wait for it; more are lost"),
	FLAG_DURATION(0, "audit-webhook-initial-backoff", struct server_opts,
		      audit.webhook_backoff_ns, "10s", "how long before a batch is sent again"),
	FLAG_BOOL(0, "audit-webhook-truncate-enabled", struct server_opts, audit.webhook_truncates,
		  "leave bodies out of events that are too long"),
	FLAG_INT(0, "audit-webhook-truncate-max-event-size", struct server_opts,
		 audit.webhook_event_bytes_max, "102400", 1, INT32_MAX,
		 "bytes that are too long then"),
	FLAG_INT(0, "audit-webhook-truncate-max-batch-size", struct server_opts,
		 audit.webhook_batch_bytes_max, "10485760", 1, INT32_MAX,
		 "bytes of one request then"),
	FLAG_STRING(0, "audit-webhook-config-file", struct server_opts, audit.webhook_file, "",
		    "kubeconfig of a server that gets the events"),
	FLAG_INT(0, "audit-webhook-batch-max-size", struct server_opts, audit.webhook_batch_max,
		 "400", INT32_MIN, INT32_MAX, "events in one request to it"),
	FLAG_DURATION(0, "audit-webhook-batch-max-wait", struct server_opts, audit.webhook_wait_ns,
		      "30s", "how long an event waits for others"),
	FLAG_DURATION(0, "shutdown-delay-duration", struct server_opts, shutdown_delay_ns, "0s",
		      "how long requests are served as before once the server was told to stop, while "
		      "/readyz says so"),
	FLAG_BOOL_ON(0, "profiling", struct server_opts, profiling,
		     "serve /debug/pprof and /debug/flags"),
	FLAG_STRING(0, "oci-path", struct server_opts, oci_path, "",
		    "container runtime (default: cube-oci beside this program)"),
	FLAG_LIST(0, "insecure-registry", struct server_opts, insecure_registries,
		  "registry (host:port) to speak plain HTTP to; loopback ones always may be"),
	FLAG_INT(0, "max-pods", struct server_opts, max_pods, "110", 1, 10000,
		 "pods this node takes"),
	FLAG_BOOL(0, "no-node", struct server_opts, no_node,
		  "run the control plane alone, no pods here"),
	FLAG_BOOL(0, "no-scheduler", struct server_opts, no_scheduler,
		  "leave placing pods to another scheduler of the cluster"),
	FLAG_LIST(
		0, "controllers", struct server_opts, controllers,
		"controllers to run: '*' all, 'NAME' this one, '-NAME' not this one (default: *)"),
	FLAG_STRING(0, "log-level", struct server_opts, log_level, "info",
		    "error, warn, info or debug"),
	FLAG_STRING(0, "log-format", struct server_opts, log_format, "text", "text or json"),
	{ 0 },
};

const struct cmd cmd_server = {
	.path = "server",
	.args = "",
	.summary = "Run a cluster on this machine: API server, store, scheduler, controllers, node",
	.description =
		"Runs in the foreground until SIGTERM or SIGINT. Containers outlive it: started "
		"again, it finds them as "
		"they are\nnow. The administrator's kubeconfig is written at the first start.",
	.example = "  cube server\n  cube server --data-dir /srv/a --run-dir /run/a --kubeconfig "
		   "/srv/a/admin.conf --secure-port 7443",
	.run = server_run,
	.opts_size = sizeof(struct server_opts),
	.flags = server_flags,
};
