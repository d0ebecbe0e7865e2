/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cube server`: API server, store, controllers, scheduler, kubelet and service proxy in one
 * process on one loop. server.c holds the options and the order of starting and stopping;
 * server_node.c the parts that touch this machine.
 */
#ifndef CUBE_MAIN_SERVER_H
#define CUBE_MAIN_SERVER_H

#include <netinet/in.h>
#include "apiserver/stored_form.h"
#include "cli/cmd.h"
#include "controllers/controllers.h"
#include "loop/env.h"
#include "main/pki.h"
#include "net/tls_policy.h"

struct server;
struct client;

/* Who is believed to be whom, and who is asked what he may do; server_auth.c. */
struct server_auth_opts {
	struct str token_file;
	bool anonymous;
	struct str authentication_config, authorization_config;
	struct str oidc_issuer, oidc_client_id, oidc_ca_file, oidc_username_claim,
		oidc_username_prefix, oidc_groups_claim, oidc_groups_prefix;
	struct flag_list oidc_required_claims, oidc_signing_algs;
	struct str token_webhook_file, token_webhook_version;
	int64_t token_webhook_ttl_ns;
	struct str proxy_ca_file, proxy_client_cert_file, proxy_client_key_file;
	struct flag_list proxy_names, proxy_user_headers, proxy_uid_headers, proxy_group_headers,
		proxy_extra_prefixes;
	struct flag_list modes;
	struct str abac_file;
	struct flag_list plugins_on, plugins_off;
	struct str webhook_file, webhook_version;
	int64_t webhook_yes_ttl_ns, webhook_no_ttl_ns;
};

/* server_audit.c */
struct server_audit_opts {
	struct str policy_file, log_path, log_mode, log_format, webhook_file, webhook_mode;
	struct str log_version, webhook_version;
	int64_t log_days_max, log_backups_max, log_megabytes_max, log_event_bytes_max,
		log_batch_bytes_max;
	int64_t log_batch_max, log_queue_max, log_wait_ns, log_batches_per_second, log_burst;
	bool log_throttles;
	int64_t webhook_batch_max, webhook_queue_max, webhook_wait_ns, webhook_backoff_ns;
	int64_t webhook_batches_per_second, webhook_burst;
	int64_t webhook_event_bytes_max, webhook_batch_bytes_max;
	bool log_truncates, log_compresses, webhook_truncates, webhook_throttles;
};

/* server_tls.c */
struct server_tls_opts {
	struct str cert_file, key_file, client_ca_file, root_ca_file;
	struct flag_list named;
};

struct server_opts {
	struct server_tls_opts tls;
	struct server_audit_opts audit;
	struct server_auth_opts auth;
	struct str data_dir, run_dir, kubeconfig, pki_dir, manifest_dir, pod_log_dir;
	struct str bind_address, advertise_address;
	int64_t secure_port, kubelet_port;
	struct str node_name, node_ip, pod_cidr, service_cidr, bridge, table, cgroup_root;
	struct str cluster_dns, cluster_domain;
	struct str admission_config;
	int64_t event_ttl_ns, shutdown_delay_ns;
	int64_t watch_seconds_min;
	int64_t not_ready_seconds, unreachable_seconds;
	int64_t etcd_compaction_ns;
	struct str etcd_prefix, store, etcd_cafile, etcd_certfile, etcd_keyfile, encryption_config, etcd_listen;
	bool encryption_reloads;
	struct flag_list account_issuers, account_keys, api_audiences;
	struct str account_jwks_uri, account_signing_key, account_token_life;
	bool account_tokens_end;
	struct str oci_path;
	struct flag_list tls_sans, tls_suites, insecure_registries;
	struct str tls_version_min;
	struct str log_level, log_format;
	int64_t max_pods;
	bool no_node, no_scheduler, profiling;
	struct flag_list controllers;
};

/* What the options mean once the machine was asked; strings in the arena, NUL-terminated. */
struct server_plan {
	struct str data_dir, run_dir, kubeconfig, pki_dir, manifest_dir, pod_log_dir, oci_path;
	struct str node_name, node_ip, advertise_address;
	struct in_addr pods, services;
	uint8_t pods_prefix_len, services_prefix_len; /* of services 0: none of IPv4 */
	struct str service_ip;			      /* of the kubernetes service */
	struct str pod_cidr, service_cidr, bridge, table, cgroup_root;
	struct str endpoint; /* "https://127.0.0.1:6443" */
	struct tls_policy tls;
};

struct server_node;
struct elector;
struct store_etcd_endpoint;

/* A role that one of the servers on a shared store has at a time; of a server alone it just runs.
 */
struct server_leading {
	void (*start)(struct server *s);
	void (*stop)(struct server *s);
	struct server *server;
	struct elector *elector;
	struct task task;
	struct timer alone; /* its only server leads when this is over */
	bool wanted, is_running;
};

struct server {
	const struct server_opts *opts;
	struct server_plan plan;
	struct arena *arena;
	struct loop *loop;
	struct env *env;
	struct pki pki;
	struct str root_ca_pem; /* by which pods know the API server */
	struct store *store;
	struct stored_form form;
	struct timer encryption_timer;
	bool encryption_waits;
	struct server_encryption *encryption_change;
	struct tls_client *etcd_tls;
	struct tls_server *etcd_server_tls;
	struct etcd_server *etcd_server;
	bool opened;
	struct err open_err;
	struct apiserver *apiserver;
	struct server_serving *serving;
	struct tls_server *tls, *kubelet_tls; /* the latter NULL: the same */
	struct http_server *http;
	struct timer shutdown;
	int listen_fd;
	struct server_role {
		struct api_transport *transport;
		struct client *client;
	} scheduling, controlling, node_role, proxying;
	struct server_leading leads_scheduling, leads_controlling;
	struct scheduler *scheduler;
	struct controllers *controllers;
	struct server_node *node;
	int64_t started_ns;
	bool stopping;
	int exit_status;
	struct server_kept *kept; /* configuration */
	struct server_reload *reloads;
};

/* Fills in the plan, or names the flag that does not make sense. Changes nothing. */
int server_plan(const struct server_opts *opts, struct arena *arena, struct server_plan *ret,
		struct err *err) MUST_CHECK;
int server_check_store(const struct server_opts *opts, struct err *err) MUST_CHECK;
int server_store_open(struct server *s, struct err *err) MUST_CHECK;
void server_store_close(struct server *s);
/* server_encryption.c. wait: what failed with err because of a data key is worth another try now. */
int server_encryption_open(struct server *s, struct err *err) MUST_CHECK;
int server_encryption_wait(struct server *s, int64_t begun_ns, struct err *err) MUST_CHECK;
int server_encryption_watch(struct server *s, struct err *err) MUST_CHECK;
void server_encryption_close(struct server *s);
/* etcd's API on the embedded store. */
int server_etcd_start(struct server *s, const struct pki_options *options,
		      struct err *err) MUST_CHECK;
/* start and stop are set. name: of the Lease. */
void server_lead(struct server *s, struct server_leading *l, struct client *client,
		 const char *name);
void server_lead_stop(struct server *s, struct server_leading *l);
void server_lead_release(struct server_leading *l); /* another server takes over at once */

/* Refuses a machine that cannot run containers, in one line. Changes nothing. */
int server_check_machine(const struct server_opts *opts, const struct server_plan *plan,
			 struct err *err) MUST_CHECK;

/* At most one server on a data folder and on a run folder: each has a lock file with the server's
 * pid in it. The lock goes with the process, however it ends. */
int server_lock(const struct server_plan *plan, struct arena *arena, int ret_fds[2],
		struct err *err) MUST_CHECK;
/* Makes and keeps nothing. */
int server_refuse_running(const struct server_plan *plan, struct arena *arena,
			  struct err *err) MUST_CHECK;
/* Where the machine's setting from before the first start is kept; goes with a reboot, as the
 * setting. */
const char *server_forwarding_record(struct arena *arena, const struct server_plan *plan);

int server_role_start(struct server *server, struct server_role *role, const char *user,
		      struct err *err) MUST_CHECK;
void server_role_stop(struct server_role *role);

/* What the flags say about service accounts' tokens; strings in the server's arena. */
struct token_options;
int server_token_options(struct server *server, struct token_options *ret,
			 struct err *err) MUST_CHECK;

/* The same of who is believed and who is asked. Trees of configuration live until server_forget. */
struct authn_options;
struct authz_part;
int server_authn_options(struct server *server, struct authn_options *ret,
			 struct err *err) MUST_CHECK;
int server_authorizers(struct server *server, struct authz_part **ret, size_t *ret_count,
		       struct err *err) MUST_CHECK;
/* Their files are read again when they change. */
int server_auth_watch(struct server *server, struct err *err) MUST_CHECK;

/* The text of a file that changed; arena: for as long as the call. < 0: it cannot be used; > 0:
 * later, which it tells of itself. */
struct server_reload;
typedef int server_reload_fn(struct server *server, void *arg, struct str text, struct arena *arena,
			     struct err *err);
struct server_reload_file {
	const char *flag;
	struct str path;
	server_reload_fn *take;
	void *arg;
};
int server_reload_watch(struct server *server, const struct server_reload_file *file,
			struct err *err) MUST_CHECK;
void server_reload_stop(struct server *server);

/* Certificates and authorities of the flags, or the cluster's own: s->tls. */
int server_tls_open(struct server *server, struct err *err) MUST_CHECK;
int server_tls_watch(struct server *server, struct err *err) MUST_CHECK;
void server_tls_close(struct server *server);
struct str server_client_authorities(struct server *server);

/* How API servers behind this one know it; server_front.c. */
struct front_proxy;
int server_front_proxy(struct server *server, struct front_proxy *ret, struct err *err) MUST_CHECK;
/* Who signs for proxies that say who asks; empty: nobody does. */
int server_proxy_authority(struct server *s, struct str *ret, struct err *err) MUST_CHECK;
struct admission_settings;
int server_admission_settings(struct server *server, struct admission_settings *to,
			      struct err *err) MUST_CHECK;
/* *ret is to or, when nothing is audited, NULL. */
struct audit_options;
int server_audit_options(struct server *server, struct audit_options *to,
			 const struct audit_options **ret, struct err *err) MUST_CHECK;
struct server_kept {
	yyjson_doc *doc;
	struct server_kept *next;
};
void server_keep(struct server *server, yyjson_doc *doc, yyjson_val **ret);
void server_forget(struct server *server);

/* For struct controllers_options: what the cluster's keys are used for. */
struct controllers_authority server_authority(struct server *server);

/* Network, images, containers, kubelet, proxy. */
int server_node_start(struct server *server, struct err *err) MUST_CHECK;
/* Containers and rules stay. stopped is called on the loop when nothing is under way any more. */
void server_node_stop(struct server *server, void (*stopped)(void *arg), void *arg);
void server_node_free(struct server *server);

extern const struct cmd cmd_server;

#endif
