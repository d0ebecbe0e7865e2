/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The day on which the token of a Secret was used last, as a label of it, by which administrators
 * find tokens that nobody needs. It is written once a day, beside the request: nothing waits for
 * it.
 */
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"
#include "apiserver/tokens_internal.h"
#include "apiserver/user.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/env.h"

#define DAY_BYTES (sizeof("2006-01-02") - 1)

struct token_use {
	struct list link;
	struct tokens *tokens;
	struct operation op;
	struct arena arena;
};

static void use_free(struct token_use *use)
{
	list_remove(&use->link);
	use->tokens->use_count--;
	operation_deinit(&use->op);
	arena_deinit(&use->arena);
	mem_free(use);
}

/* A note that failed is made by the next use. */
static void use_done(struct operation *op)
{
	use_free(CONTAINER_OF(op, struct token_use, op));
}

static bool is_being_noted(const struct tokens *t, const struct obj *secret)
{
	LIST_FOR_EACH (at, &t->uses) {
		const struct token_use *use = LIST_ENTRY(at, struct token_use, link);

		if (str_eq(use->op.name, secret->name) &&
		    str_eq(use->op.namespace_, secret->namespace_))
			return true;
	}
	return false;
}

static yyjson_doc *patch_new(struct str day)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");

	json_put_str(doc, json_set_object(doc, metadata, "labels"), STR(TOKEN_LAST_USED_LABEL),
		     day);
	return json_freeze(yyjson_mut_doc_get_root(doc));
}

void token_use_note(struct tokens *t, struct registry *registry, const struct obj *secret)
{
	char text[TIME_TEXT_BYTES];
	struct str day = str_slice(str_from(time_format(env_wall_ns(t->env), text)), 0, DAY_BYTES);
	struct token_use *use;

	if (str_eq(obj_label(secret, TOKEN_LAST_USED_LABEL), day) ||
	    t->use_count >= TOKEN_USES_MAX || is_being_noted(t, secret))
		return;
	use = NEW(struct token_use);
	arena_init(&use->arena, ARENA_DEFAULT_MAX);
	use->tokens = t;
	list_push_back(&t->uses, &use->link);
	t->use_count++;
	use->op = (struct operation){
		.registry = registry,
		.arena = &use->arena,
		.verb = OPERATION_PATCH,
		.kind = &kind_secret,
		.namespace_ = str_in(&use->arena, secret->namespace_),
		.name = str_in(&use->arena, secret->name),
		.user = user_loopback.name,
		.field_manager = STR("kube-apiserver"),
		.patch = patch_new(day),
		.patch_type = API_PATCH_MERGE,
		.done = use_done,
	};
	operation_start(&use->op);
}

void token_uses_free(struct tokens *t)
{
	while (!list_is_empty(&t->uses))
		use_free(LIST_ENTRY(list_first(&t->uses), struct token_use, link));
}
