/* SPDX-License-Identifier: Apache-2.0 */
/* The server's life: parts made, first objects written, parts taken down. */
#include "apiserver/admission_state.h"
#include "api/version.h"
#include "apiserver/apiserver_internal.h"

#include "apiserver/admission.h"
#include "apiserver/audit.h"
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/documents.h"
#include "apiserver/fairness.h"
#include "apiserver/admission_policy.h"
#include "apiserver/hook_set.h"
#include "apiserver/http_watch.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/node_pods.h"
#include "apiserver/rbac.h"
#include "apiserver/tokens.h"
#include "apiserver/webhook_client.h"
#include "base/log.h"
#include "base/time.h"
#include "base/mem.h"
#include "loop/env.h"

#define DEFAULT_SERVICE_CIDR STR("10.96.0.0/12")

static void groups_registered(void *arg)
{
	struct apiserver *s = arg;

	s->is_bootstrapped = true;
	identity_lease_start(&s->lease);
	if (s->registry.tokens)
		token_tracking_start(&s->tracking);
	if (s->on_ready)
		s->on_ready(s->on_ready_arg, NULL);
}

static void roles_done(struct rbac_bootstrap *bootstrap, const struct err *err)
{
	struct apiserver *s = CONTAINER_OF(bootstrap, struct apiserver, rbac_bootstrap);

	if (!err)
		aggregation_register(s->aggregation, groups_registered, s);
	else if (s->on_ready)
		s->on_ready(s->on_ready_arg, err);
}

static void flows_done(struct flow_keeper *keeper, const struct err *err)
{
	struct apiserver *s = CONTAINER_OF(keeper, struct apiserver, flow_keeper);

	if (err) {
		if (s->on_ready)
			s->on_ready(s->on_ready_arg, err);
		return;
	}
	rbac_bootstrap_start(&s->rbac_bootstrap);
}

static void on_written(void *arg, int64_t duration_ns, bool failed)
{
	struct apiserver *s = arg;

	metrics_count_write(&s->metrics, duration_ns, failed);
}

static void parts_free(struct apiserver *s)
{
	audit_free(s->audit);
	authn_free(s->authn);
	authorizers_free(s->registry.authorizers);
	tokens_free(s->registry.tokens);
	admission_state_free(s->registry.admission);
	webhook_client_free(s->registry.webhooks);
	registry_deinit(&s->registry);
}

static void kinds_withdrawn(struct custom_resources *c, const struct custom_resource *resource)
{
	http_watch_end_custom(CONTAINER_OF(c, struct apiserver, custom), resource);
}

/* What the options say of who is who and may what. */
static int open_authorities(struct apiserver *s, const struct apiserver_options *options,
			    struct err *err)
{
	static const struct authn_options defaults = { 0 };

	if (options->tokens &&
	    tokens_new(options->tokens, options->env, &s->registry.tokens, err) < 0)
		return -1;
	s->registry.webhooks = webhook_client_new(&s->registry);
	if (admission_state_new(&s->registry, options->admission, &options->plugins_on,
				&options->plugins_off, &s->registry.admission, err) < 0)
		return -1;
	if (options->audit && audit_new(&s->registry, options->audit, &s->audit, err) < 0)
		return -1;
	if (authn_new(&s->registry, options->authn ? options->authn : &defaults, &s->authn, err) <
	    0)
		return -1;
	return authorizers_new(&s->registry, options->authorizers, options->authorizer_count,
			       &s->registry.authorizers, err);
}

int apiserver_new(const struct apiserver_options *options, struct apiserver **ret, struct err *err)
{
	struct apiserver *s = NEW(struct apiserver);
	char *version;

	if (registry_init(&s->registry, options->env, options->store,
			  options->service_cidr.len ? options->service_cidr : DEFAULT_SERVICE_CIDR,
			  err) < 0) {
		mem_free(s);
		return -1;
	}
	if (open_authorities(s, options, err) < 0) {
		parts_free(s);
		mem_free(s);
		return -1;
	}
	s->watch_seconds_min = options->watch_seconds_min ? options->watch_seconds_min
							  : WATCH_TIMEOUT_SECONDS_MIN;
	s->registry.event_ttl_seconds = options->event_ttl_ns
						? options->event_ttl_ns / TIME_NS_PER_SECOND
						: EVENT_TTL_SECONDS;
	s->registry.rbac = rbac_new(&s->registry);
	s->registry.policies = policies_new(&s->registry);
	s->proxy = reverse_proxy_new(options->env);
	s->registry.hooks = hooks_new(&s->registry);
	s->registry.node_pods = node_pods_new(&s->registry);
	s->env = options->env;
	s->store = options->store;
	s->gzip.env = options->env;
	s->started_wall_ns = env_wall_ns(s->env);
	s->started_mono_ns = env_mono_ns(s->env);
	version = mem_printf(KUBERNETES_VERSION "+%s", options->build ? options->build : "cube");
	s->version = str_from(version);
	local_hub_init(&s->hub, &s->registry);
	s->leaves_scheduling = options->leaves_scheduling;
	s->no_profiling = options->no_profiling;
	metrics_init(&s->metrics);
	s->registry.metrics = &s->metrics;
	store_set_observer(options->store, on_written, s);
	list_init(&s->watches);
	custom_resources_start(&s->custom, &s->registry, kinds_withdrawn);
	s->form = options->form;
	s->aggregation = aggregation_new(&s->registry, options->front);
	s->registry.aggregation = s->aggregation;
	list_init(&s->documents);
	timer_init(&s->bookmarks, s->env, http_watch_bookmarks);
	s->service_repair.registry = &s->registry;
	form_sweep_start(&s->forms, s->env, s->store);
	long_works_init(&s->works, s->env);
	s->bootstrap = (struct bootstrap){
		.registry = &s->registry,
		.advertise_address = str_dup(options->advertise_address),
		.secure_port = options->secure_port,
		.front = options->front,
	};
	s->tracking.registry = &s->registry;
	s->lease = (struct identity_lease){ .registry = &s->registry,
					    .hostname = str_dup(options->hostname) };
	list_init(&s->rbac_bootstrap.writes);
	s->rbac_bootstrap.registry = &s->registry;
	flow_keeper_init(&s->flow_keeper, &s->registry);
	s->flow_keeper.done = flows_done;
	s->fairness = fairness_new(&s->registry);
	s->rbac_bootstrap.done = roles_done;
	*ret = s;
	return 0;
}

int apiserver_replace_authn(struct apiserver *s, const struct authn_options *options,
			    struct err *err)
{
	return authn_replace(&s->registry, s->authn, options, err);
}

int apiserver_replace_authorizers(struct apiserver *s, const struct authz_part *parts, size_t count,
				  struct err *err)
{
	return authorizers_replace(&s->registry, parts, count, err);
}

void apiserver_free(struct apiserver *s)
{
	if (!s)
		return;
	timer_stop(&s->bookmarks);
	form_sweep_stop(&s->forms);
	operation_cancel_all(&s->registry);
	http_watch_end_all(s, false);
	long_works_deinit(&s->works);
	custom_resources_stop(&s->custom);
	local_hub_deinit(&s->hub);
	aggregation_free(s->aggregation);
	service_repair_stop(&s->service_repair);
	bootstrap_deinit(&s->bootstrap);
	mem_free((void *)s->bootstrap.advertise_address.ptr);
	documents_free(s);
	metrics_deinit(&s->metrics);
	rbac_bootstrap_deinit(&s->rbac_bootstrap);
	identity_lease_deinit(&s->lease);
	token_tracking_deinit(&s->tracking);
	mem_free((void *)s->lease.hostname.ptr);
	flow_keeper_deinit(&s->flow_keeper);
	fairness_free(s->fairness);
	rbac_free(s->registry.rbac);
	policies_free(s->registry.policies);
	node_pods_free(s->registry.node_pods);
	hooks_free(s->registry.hooks);
	reverse_proxy_free(s->proxy);
	parts_free(s);
	mem_free((void *)s->version.ptr);
	mem_free(s);
}

static void bootstrap_done(struct bootstrap *bootstrap, const struct err *err)
{
	struct apiserver *s = CONTAINER_OF(bootstrap, struct apiserver, bootstrap);

	if (err) {
		if (s->on_ready)
			s->on_ready(s->on_ready_arg, err);
		return;
	}
	flow_keeper_start(&s->flow_keeper);
}

static void repair_done(struct service_repair *repair, const struct err *err)
{
	struct apiserver *s = CONTAINER_OF(repair, struct apiserver, service_repair);

	if (err) {
		if (s->on_ready)
			s->on_ready(s->on_ready_arg, err);
		return;
	}
	bootstrap_start(&s->bootstrap);
}

void apiserver_start(struct apiserver *s, void (*on_ready)(void *arg, const struct err *err),
		     void *arg)
{
	s->on_ready = on_ready;
	s->on_ready_arg = arg;
	s->bootstrap.done = bootstrap_done;
	s->service_repair.done = repair_done;
	service_repair_start(&s->service_repair);
}

void apiserver_set_flags(struct apiserver *s, void (*write)(void *arg, struct buf *to), void *arg)
{
	s->write_flags = write;
	s->write_flags_arg = arg;
}

void apiserver_set_metrics(struct apiserver *s, void (*write)(void *arg, struct buf *to), void *arg)
{
	s->more_metrics = write;
	s->more_metrics_arg = arg;
}

bool apiserver_is_ready(const struct apiserver *s)
{
	return s->is_bootstrapped && !s->is_draining;
}

void apiserver_announce_shutdown(struct apiserver *s)
{
	s->is_draining = true;
}

void apiserver_drain(struct apiserver *s)
{
	apiserver_announce_shutdown(s);
	http_watch_end_all(s, true);
	reverse_proxy_stop(s->proxy);
}

struct api_transport *apiserver_transport(struct apiserver *s, struct str user)
{
	return local_transport_new(&s->hub, user);
}

void apiserver_transport_free(struct api_transport *transport)
{
	local_transport_free(transport);
}

bool apiserver_allows(struct apiserver *s, const struct user *user, const struct target *target)
{
	struct authz_attributes attributes = { .user = user, .target = target };

	return authz_decide(&s->registry, &attributes) == AUTHZ_ALLOW;
}

int apiserver_make_secret_token(struct apiserver *s, const struct apiserver_secret_token *token,
				struct arena *arena, struct str *ret, struct err *err)
{
	struct token_claims claims = { .namespace_ = token->namespace_,
				       .account = { token->account, token->account_uid },
				       .secret = { .name = token->secret },
				       .is_legacy = true };

	if (!s->registry.tokens)
		return err_set(err, ERR_UNSUPPORTED, "no tokens are issued");
	return tokens_issue(s->registry.tokens, &claims, arena, ret, err);
}

void apiserver_set_node_handler(struct apiserver *s, const struct apiserver_node_handler *handler)
{
	s->node_handler = handler ? *handler : (struct apiserver_node_handler){ 0 };
}
