/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions that will go: who uses one is told in each answer, whoever watches the server finds it
 * in the metrics and in the audit log.
 */
#include "api/custom.h"
#include "apiserver/exchange.h"

/* Built-in ones, from upstream's table of their lives. */
static const struct {
	const struct kind *kind;
	const char *warning;
	const char *removed_release; /* empty: it was not decided */
} rows[] = {
	{ &kind_componentstatus, "v1 ComponentStatus is deprecated in v1.19+", "" },
	{ &kind_endpoints,
	  "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice", "" },
};

static void tell(struct exchange *e, struct str warning, const char *removed_release)
{
	http_add_header(e->x, STR("Warning"), exchange_quote_warning(e, warning));
	audit_note(e, STR("k8s.io/deprecated"), STR("true"));
	if (removed_release[0])
		audit_note(e, STR("k8s.io/removed-release"), str_from(removed_release));
	metrics_count_deprecated(&e->server->metrics, &e->target, removed_release);
}

void deprecation_tell(struct exchange *e)
{
	const struct custom_version *version = custom_version_of(e->kind);

	if (version && version->warning.len)
		tell(e, version->warning, "");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].kind == e->kind)
			tell(e, str_from(rows[i].warning), rows[i].removed_release);
}
