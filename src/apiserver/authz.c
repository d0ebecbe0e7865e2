/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizers in their order, and what a refusal says. */
#include "apiserver/authz.h"

#include <stdarg.h>
#include <stdio.h>

#include "apiserver/authz_abac.h"
#include "apiserver/authz_node.h"
#include "apiserver/authz_webhook.h"
#include "apiserver/limits.h"
#include "apiserver/rbac.h"
#include "apiserver/registry.h"
#include "base/mem.h"

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

static enum authz_decision decide_paths(const struct path_rule *rules,
					const struct authz_attributes *a)
{
	if (a->target->is_resource)
		return AUTHZ_NO_OPINION;
	for (; rules->path; rules++)
		if (authz_word_matches(rules->verbs, a->target->verb) &&
		    target_path_matches(str_from(rules->path), a->target->path))
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

static enum authz_decision decide_always(struct registry *registry,
					 const struct authz_attributes *a)
{
	return AUTHZ_ALLOW;
}

static enum authz_decision decide_never(struct registry *registry, const struct authz_attributes *a)
{
	(void)authz_say(a, "Everything is forbidden.");
	return AUTHZ_NO_OPINION;
}

static enum authz_decision (*const always_first[])(struct registry *registry,
						   const struct authz_attributes *a) = {
	decide_masters, decide_health
};

static enum authz_decision (*const by_mode[])(struct registry *registry,
					      const struct authz_attributes *a) = {
	[AUTHZ_MODE_NODE] = node_decide,
	[AUTHZ_MODE_RBAC] = rbac_decide,
	[AUTHZ_MODE_ALWAYS_ALLOW] = decide_always,
	[AUTHZ_MODE_ALWAYS_DENY] = decide_never,
};

struct authorizers {
	struct {
		enum authz_mode mode;
		struct authz_webhook *webhook;
		struct authz_abac *abac;
	} items[AUTHORIZERS_MAX];
	size_t count;
};

int authorizers_new(struct registry *registry, const struct authz_part *parts, size_t count,
		    struct authorizers **ret, struct err *err)
{
	static const struct authz_part defaults[] = { { .mode = AUTHZ_MODE_NODE },
						      { .mode = AUTHZ_MODE_RBAC } };
	struct authorizers *all;

	if (count > AUTHORIZERS_MAX)
		return err_set(err, ERR_INVALID, "more than %d authorizers", AUTHORIZERS_MAX);
	all = NEW(struct authorizers);
	for (size_t i = 0; i < (count ? count : ARRAY_COUNT(defaults)); i++) {
		const struct authz_part *part = count ? &parts[i] : &defaults[i];

		if (part->mode == AUTHZ_MODE_WEBHOOK &&
		    authz_webhook_new(registry, part, &all->items[i].webhook, err) < 0) {
			authorizers_free(all);
			return -1;
		}
		if (part->mode == AUTHZ_MODE_ABAC &&
		    authz_abac_new(part->policies, &all->items[i].abac, err) < 0) {
			authorizers_free(all);
			return err_wrap(err, "error reading policy file");
		}
		all->items[i].mode = part->mode;
		all->count++;
	}
	*ret = all;
	return 0;
}

void authorizers_free(struct authorizers *all)
{
	for (size_t i = 0; all && i < all->count; i++) {
		authz_webhook_free(all->items[i].webhook);
		authz_abac_free(all->items[i].abac);
	}
	mem_free(all);
}

int authorizers_replace(struct registry *registry, const struct authz_part *parts, size_t count,
			struct err *err)
{
	struct authorizers *old = registry->authorizers, *new;
	struct list waits;

	if (authorizers_new(registry, parts, count, &new, err) < 0)
		return -1;
	registry->authorizers = new;
	list_init(&waits);
	for (size_t i = 0; i < old->count; i++)
		authz_webhook_take_waits(old->items[i].webhook, &waits);
	authorizers_free(old);
	review_waits_end(&waits);
	return 0;
}

static enum authz_decision decide_one(struct registry *registry, size_t i,
				      const struct authz_attributes *a)
{
	const struct authorizers *all = registry->authorizers;
	struct str before = a->reason ? a->reason->text : STR_NONE;
	enum authz_decision decision = all->items[i].webhook
					       ? authz_webhook_decide(all->items[i].webhook, a)
				       : all->items[i].abac
					       ? authz_abac_decide(all->items[i].abac, a)
					       : by_mode[all->items[i].mode](registry, a);

	/* who decides says why; what the others had to say is of no interest then */
	if (decision != AUTHZ_NO_OPINION && a->reason)
		a->reason->text = str_slice(a->reason->text, before.len ? before.len + 1 : 0,
					    a->reason->text.len);
	return decision;
}

enum authz_decision authz_decide(struct registry *registry, const struct authz_attributes *a)
{
	enum authz_decision decision = AUTHZ_NO_OPINION;

	for (size_t i = 0; i < ARRAY_COUNT(always_first) && decision == AUTHZ_NO_OPINION; i++)
		decision = always_first[i](registry, a);
	for (size_t i = 0; i < registry->authorizers->count && decision == AUTHZ_NO_OPINION; i++)
		decision = decide_one(registry, i, a);
	return decision;
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

int authz_refuse(const struct authz_attributes *a, struct refusal *refusal)
{
	const struct target *t = a->target;
	struct str where, resource, tail, reason = a->reason ? a->reason->text : STR_NONE;

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

enum outcome authz_check(struct registry *registry, const struct authz_attributes *a,
			 struct refusal *refusal)
{
	struct authz_reason reason = { .arena = refusal->arena };
	struct authz_attributes again = *a;
	enum authz_decision decision = authz_decide(registry, a);

	if (decision == AUTHZ_ALLOW || decision == AUTHZ_LATER)
		return decision == AUTHZ_LATER ? OUTCOME_WAITING : OUTCOME_DONE;
	/* only a refusal needs words */
	if (!a->reason) {
		again.reason = &reason;
		again.wait = NULL;		      /* nobody is asked twice */
		(void)authz_decide(registry, &again); /* it decides as before */
	}
	return outcome_of(authz_refuse(&again, refusal));
}
