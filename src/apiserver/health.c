/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /healthz, /livez and /readyz: a table of checks, each with a path of its own. Upstream starts in
 * many steps and has a check for each; here they are few, and its names stand for the one that does
 * their work.
 */
#include <stdio.h>
#include "apiserver/documents_internal.h"
#include "apiserver/metrics.h"
#include "apiserver/stored_form.h"
#include "base/log.h"

static bool check_ping(const struct apiserver *s)
{
	return true; /* it answers */
}

static bool check_store(const struct apiserver *s)
{
	return store_health(s->store, NULL) == 0;
}

static bool check_started(const struct apiserver *s)
{
	return s->is_bootstrapped;
}

static bool check_shutdown(const struct apiserver *s)
{
	return !s->is_draining;
}

static bool has_kms(const struct apiserver *s)
{
	return s->form && (s->form->is_reloading || encryption_plugin_count(s->form->encryption));
}

static bool has_reloading(const struct apiserver *s)
{
	return s->form && s->form->is_reloading;
}

static bool check_kms(const struct apiserver *s)
{
	struct err err;

	if (encryption_health(s->form->encryption, &err) == 0)
		return true;
	log_debug("health", "kms-providers: %s", err.msg);
	return false;
}

enum endpoint { HEALTHZ = 1 << 0, LIVEZ = 1 << 1, READYZ = 1 << 2, ALL = HEALTHZ | LIVEZ | READYZ };

static const struct check {
	const char *name;
	bool (*ok)(const struct apiserver *s);
	enum endpoint at;
	bool (*is_there)(const struct apiserver *s); /* NULL: always */
} checks[] = {
	{ "ping", check_ping, ALL },
	{ "log", check_ping, ALL },
	{ "etcd", check_store, ALL },
	{ "etcd-readiness", check_store, READYZ },
	{ "kms-providers", check_kms, HEALTHZ | READYZ, has_kms },
	{ "informer-sync", check_started, READYZ },
	{ "poststarthook/start-apiserver-admission-initializer", check_started, ALL },
	{ "poststarthook/start-kube-apiserver-admission-initializer", check_started, ALL },
	{ "poststarthook/generic-apiserver-start-informers", check_started, ALL },
	{ "poststarthook/priority-and-fairness-config-consumer", check_started, ALL },
	{ "poststarthook/priority-and-fairness-filter", check_started, ALL },
	{ "poststarthook/storage-object-count-tracker-hook", check_started, ALL },
	{ "poststarthook/start-encryption-provider-config-automatic-reload", check_started, ALL,
	  has_reloading },
	{ "poststarthook/start-apiextensions-informers", check_started, ALL },
	{ "poststarthook/start-apiextensions-controllers", check_started, ALL },
	{ "poststarthook/crd-informer-synced", check_started, ALL },
	{ "poststarthook/start-system-namespaces-controller", check_started, ALL },
	{ "poststarthook/bootstrap-controller", check_started, ALL },
	{ "poststarthook/rbac/bootstrap-roles", check_started, ALL },
	{ "poststarthook/scheduling/bootstrap-system-priority-classes", check_started, ALL },
	{ "poststarthook/priority-and-fairness-config-producer", check_started, ALL },
	{ "poststarthook/start-cluster-authentication-info-controller", check_started, ALL },
	{ "poststarthook/start-kube-apiserver-identity-lease-controller", check_started, ALL },
	{ "poststarthook/start-kube-apiserver-identity-lease-garbage-collector", check_started,
	  ALL },
	{ "poststarthook/start-legacy-token-tracking-controller", check_started, ALL },
	{ "poststarthook/start-kube-aggregator-informers", check_started, ALL },
	{ "poststarthook/apiservice-status-available-controller", check_started, ALL },
	{ "poststarthook/apiservice-status-local-available-controller", check_started, ALL },
	{ "poststarthook/apiservice-registration-controller", check_started, ALL },
	{ "poststarthook/apiservice-discovery-controller", check_started, ALL },
	{ "poststarthook/kube-apiserver-autoregistration", check_started, ALL },
	{ "autoregister-completion", check_started, ALL },
	{ "poststarthook/apiservice-openapi-controller", check_started, ALL },
	{ "poststarthook/apiservice-openapiv3-controller", check_started, ALL },
	{ "shutdown", check_shutdown, READYZ },
};

static const struct {
	const char *name;
	enum endpoint bit;
} endpoints[] = { { "healthz", HEALTHZ }, { "livez", LIVEZ }, { "readyz", READYZ } };

static bool is_at(const struct apiserver *s, const struct check *check, enum endpoint at)
{
	return check->at & at && (!check->is_there || check->is_there(s));
}

static void answer(struct exchange *e, int status, const struct buf *text)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Content-Type"), STR("text/plain; charset=utf-8")),
		HTTP_HEADER(STR("X-Content-Type-Options"), STR("nosniff")),
	};
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece = HTTP_BYTES(str_in(e->arena, buf_str(text)));

	exchange_respond(e, status, &headers, &piece, 1);
}

static int serve_one(struct exchange *e, enum endpoint at, struct str name)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 1024);
	for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
		bool ok;

		if (!is_at(e->server, &checks[i], at) || !str_eq_c(name, checks[i].name))
			continue;
		ok = checks[i].ok(e->server);
		if (ok)
			buf_put_c(&text, "ok");
		else
			buf_printf(&text, "internal server error: %s is not healthy\n",
				   checks[i].name);
		answer(e, ok ? 200 : 500, &text);
		return 0;
	}
	return refusal_no_route(&e->refusal);
}

static bool is_excluded(const struct exchange *e, const char *name)
{
	for (size_t i = 0; i < e->target.query.count; i++)
		if (str_eq_c(e->target.query.params[i].key, "exclude") &&
		    str_eq_c(e->target.query.params[i].value, name))
			return true;
	return false;
}

static bool is_known(const struct apiserver *s, struct str name, enum endpoint at)
{
	for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
		if (is_at(s, &checks[i], at) && str_eq_c(name, checks[i].name))
			return true;
	return false;
}

/* Exclusions that exclude nothing are told of: whoever wrote them meant something. */
static void warn_of_unknown(const struct exchange *e, enum endpoint at, struct buf *to)
{
	bool any = false;

	for (size_t i = 0; i < e->target.query.count; i++) {
		const struct param *p = &e->target.query.params[i];

		if (!str_eq_c(p->key, "exclude") || is_known(e->server, p->value, at))
			continue;
		buf_printf(to,
			   any ? ", \"" STR_FMT "\""
			       : "warn: some health checks cannot be excluded: no matches for "
				 "\"" STR_FMT "\"",
			   STR_ARG(p->value));
		any = true;
	}
	if (any)
		buf_put_char(to, '\n');
}

/* Which endpoint the path begins with. */
static size_t endpoint_of(const struct exchange *e)
{
	for (size_t i = 0; i < ARRAY_COUNT(endpoints); i++)
		if (str_has_prefix(str_slice(e->target.path, 1, e->target.path.len),
				   str_from(endpoints[i].name)))
			return i;
	return 0;
}

int health_serve(struct exchange *e, struct str rest)
{
	size_t which = endpoint_of(e);
	enum endpoint at = endpoints[which].bit;
	bool failed = false;
	AUTO_BUF text = { 0 };

	if (rest.len)
		return serve_one(e, at, rest);
	buf_init(&text, 1u << 16);
	for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
		bool ok;

		if (!is_at(e->server, &checks[i], at))
			continue;
		if (is_excluded(e, checks[i].name)) {
			buf_printf(&text, "[+]%s excluded: ok\n", checks[i].name);
			continue;
		}
		ok = checks[i].ok(e->server);
		failed |= !ok;
		buf_printf(&text, ok ? "[+]%s ok\n" : "[-]%s failed: reason withheld\n",
			   checks[i].name);
	}
	warn_of_unknown(e, at, &text);
	if (failed) {
		buf_printf(&text, "%s check failed\n", endpoints[which].name);
	} else if (params_has(&e->target.query, "verbose")) {
		buf_printf(&text, "%s check passed\n", endpoints[which].name);
	} else {
		buf_reset(&text);
		buf_put_c(&text, "ok");
	}
	answer(e, failed ? 500 : 200, &text);
	return 0;
}

bool health_next_path(const struct apiserver *s, size_t *cursor, char *to, size_t size)
{
	size_t check = *cursor % ARRAY_COUNT(checks), endpoint = *cursor / ARRAY_COUNT(checks);

	for (; endpoint < ARRAY_COUNT(endpoints); check = 0, endpoint++)
		for (; check < ARRAY_COUNT(checks); check++) {
			if (!is_at(s, &checks[check], endpoints[endpoint].bit))
				continue;
			snprintf(to, size, "/%s/%s", endpoints[endpoint].name, checks[check].name);
			*cursor = endpoint * ARRAY_COUNT(checks) + check + 1;
			return true;
		}
	return false;
}

void health_write_levels(struct apiserver *server, struct buf *to)
{
	metrics_head(to, "kubernetes_healthcheck", "gauge",
		     "This metric records the result of a single healthcheck.");
	for (size_t i = 0; i < ARRAY_COUNT(endpoints); i++)
		for (size_t j = 0; j < ARRAY_COUNT(checks); j++)
			if (is_at(server, &checks[j], endpoints[i].bit))
				buf_printf(to,
					   "kubernetes_healthcheck{name=\"%s\",type=\"%s\"} %d\n",
					   checks[j].name, endpoints[i].name, checks[j].ok(server));
}

int health_serve_levels(struct exchange *e, struct str rest)
{
	AUTO_BUF text = { 0 };

	(void)rest; /* the path is whole */
	buf_init(&text, DOCUMENT_BYTES_MAX);
	health_write_levels(e->server, &text);
	exchange_answer_bytes(e, 200, STR("text/plain; version=0.0.4; charset=utf-8"),
			      str_in(e->arena, buf_str(&text)));
	return 0;
}
