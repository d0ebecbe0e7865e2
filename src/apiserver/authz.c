/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizers in their order, and what a refusal says. */
#include "apiserver/authz.h"

#include <stdarg.h>
#include <stdio.h>

#include "apiserver/authz_node.h"
#include "apiserver/limits.h"
#include "apiserver/rbac.h"

struct path_rule {
	const char *verbs, *path; /* a '*' at the end matches any rest */
};

bool authz_word_matches(const char *words, struct str word)
{
	struct str rest = str_from(words), part;

	if (str_eq_c(rest, "*"))
		return true;
	while (str_next_part(&rest, ' ', &part))
		if (str_eq(part, word))
			return true;
	return false;
}

static enum authz_decision decide_masters(struct registry *registry,
					  const struct authz_attributes *a)
{
	return user_in_group(a->user, "system:masters") ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

static bool path_matches(struct str pattern, struct str path)
{
	if (str_strip_suffix(&pattern, STR("*")))
		return str_has_prefix(path, pattern);
	return str_eq(pattern, path);
}

static enum authz_decision decide_paths(const struct path_rule *rules,
					const struct authz_attributes *a)
{
	if (a->target->is_resource)
		return AUTHZ_NO_OPINION;
	for (; rules->path; rules++)
		if (authz_word_matches(rules->verbs, a->target->verb) &&
		    path_matches(str_from(rules->path), a->target->path))
			return AUTHZ_ALLOW;
	return AUTHZ_NO_OPINION;
}

/* Open to everybody also while there are no roles yet: whoever probes a server may not be known to
 * it. */
static enum authz_decision decide_health(struct registry *registry,
					 const struct authz_attributes *a)
{
	static const struct path_rule rules[] = {
		{ "get head", "/healthz" },
		{ "get head", "/livez" },
		{ "get head", "/readyz" },
		{ 0 },
	};

	return decide_paths(rules, a);
}

static const struct {
	const char *name;
	enum authz_decision (*decide)(struct registry *registry, const struct authz_attributes *a);
} authorizers[] = {
	{ "masters", decide_masters },
	{ "health", decide_health },
	{ "node", node_decide },
	{ "rbac", rbac_decide },
};

enum authz_decision authz_decide(struct registry *registry, const struct authz_attributes *a)
{
	for (size_t i = 0; i < ARRAY_COUNT(authorizers); i++) {
		struct str before = a->reason ? a->reason->text : STR_NONE;
		enum authz_decision decision = authorizers[i].decide(registry, a);

		if (decision == AUTHZ_NO_OPINION)
			continue;
		/* who decides says why; what the others had to say is of no interest then */
		if (a->reason)
			a->reason->text = str_slice(a->reason->text,
						    before.len ? before.len + 1 : 0,
						    a->reason->text.len);
		return decision;
	}
	return AUTHZ_NO_OPINION;
}

enum authz_decision authz_say(const struct authz_attributes *a, const char *fmt, ...)
{
	struct authz_reason *reason = a->reason;
	char text[AUTHZ_REASON_BYTES_MAX];
	va_list args;

	if (!reason)
		return AUTHZ_NO_OPINION;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args); /* a longer one is cut */
	va_end(args);
	reason->text = reason->text.len ? str_printf_in(reason->arena, STR_FMT "\n%s",
							STR_ARG(reason->text), text)
					: str_in(reason->arena, str_from(text));
	return AUTHZ_NO_OPINION;
}

/* A term "field=value" or "field==value"; with a backslash in it, it is another value. */
static bool is_term(struct str term, const char *field, struct str value)
{
	return str_strip_prefix(&term, str_from(field)) && str_strip_prefix(&term, STR("=")) &&
	       (str_eq(term, value) || (str_strip_prefix(&term, STR("=")) && str_eq(term, value)));
}

bool authz_selects_field(const struct authz_attributes *a, const char *field, struct str value)
{
	struct str rest, term;

	if (a->selectors) {
		const struct field_selector *fields = &a->selectors->fields;

		for (size_t i = 0; i < fields->count; i++)
			if (str_eq_c(fields->requirements[i].field, field) &&
			    str_eq(fields->requirements[i].value, value) &&
			    !fields->requirements[i].negated)
				return true;
		return false;
	}
	rest = params_get(&a->target->query, "fieldSelector");
	while (rest.len && str_next_part(&rest, ',', &term))
		if (is_term(term, field, value))
			return true;
	return false;
}

int authz_refuse(const struct authz_attributes *a, struct str reason, struct refusal *refusal)
{
	const struct target *t = a->target;
	struct str where, resource, tail;

	tail = reason.len ? str_printf_in(refusal->arena, ": " STR_FMT, STR_ARG(reason)) : STR("");
	if (!t->is_resource)
		return refusal_forbidden(
			refusal, (struct subject){ 0 },
			"User \"" STR_FMT "\" cannot " STR_FMT " path \"" STR_FMT "\"" STR_FMT,
			STR_ARG(a->user->name), STR_ARG(t->verb), STR_ARG(t->path), STR_ARG(tail));
	where = t->namespace_.len
			? str_printf_in(refusal->arena, "in the namespace \"" STR_FMT "\"",
					STR_ARG(t->namespace_))
			: STR("at the cluster scope");
	resource = t->subresource.len ? str_printf_in(refusal->arena, STR_FMT "/" STR_FMT,
						      STR_ARG(t->resource), STR_ARG(t->subresource))
				      : t->resource;
	return refusal_forbidden(refusal, (struct subject){ t->group, t->resource, t->name },
				 "User \"" STR_FMT "\" cannot " STR_FMT " resource \"" STR_FMT
				 "\" in API group \"" STR_FMT "\" " STR_FMT STR_FMT,
				 STR_ARG(a->user->name), STR_ARG(t->verb), STR_ARG(resource),
				 STR_ARG(t->group), STR_ARG(where), STR_ARG(tail));
}

int authz_check(struct registry *registry, const struct authz_attributes *a,
		struct refusal *refusal)
{
	struct authz_reason reason = { .arena = refusal->arena };
	struct authz_attributes again = *a;

	if (authz_decide(registry, a) == AUTHZ_ALLOW)
		return 0;
	/* only a refusal needs words */
	if (!a->reason) {
		again.reason = &reason;
		(void)authz_decide(registry, &again); /* it decides as before */
	}
	return authz_refuse(a, again.reason->text, refusal);
}
