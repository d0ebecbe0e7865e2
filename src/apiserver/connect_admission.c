/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of connections: webhooks are asked about the options of exec, attach, port-forward and
 * proxy, and may change them. */
#include "apiserver/admission_match.h"
#include "apiserver/admission_policy.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/webhook_run.h"
#include "loop/env.h"

struct connection {
	struct webhook_run run;
	struct exchange *e;
	struct notices notices;
	struct annotations annotations;
	yyjson_mut_doc *options; /* owned */
	bool is_mutated, is_validating;
	int (*next)(struct exchange *e);
};

/* Which parameters of the query are which fields, words separated by spaces. */
static const struct form {
	const char *resource, *subresource, *kind, *bools, *texts, *lists, *numbers;
} forms[] = {
	{ "pods", "exec", "PodExecOptions", "stdin stdout stderr tty", "container", "command", "" },
	{ "pods", "attach", "PodAttachOptions", "stdin stdout stderr tty", "container", "", "" },
	{ "pods", "portforward", "PodPortForwardOptions", "", "", "", "ports" },
	{ "nodes", "proxy", "NodeProxyOptions", "", "path", "", "" },
	{ "pods", "proxy", "PodProxyOptions", "", "path", "", "" },
	{ "services", "proxy", "ServiceProxyOptions", "", "path", "", "" },
};

static const struct form *form_of(const struct target *t)
{
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++)
		if (str_eq_c(t->resource, forms[i].resource) &&
		    str_eq_c(t->subresource, forms[i].subresource))
			return &forms[i];
	return NULL;
}

static bool has_word(const char *words, struct str word)
{
	struct str rest = str_from(words), part;

	while (str_next_part(&rest, ' ', &part))
		if (part.len && str_eq(part, word))
			return true;
	return false;
}

static void append(yyjson_mut_doc *doc, yyjson_mut_val *root, struct str key, yyjson_mut_val *value)
{
	yyjson_mut_val *list = json_mut_key(root, key);

	if (!list) {
		list = yyjson_mut_arr(doc);
		json_put(doc, root, key, list);
	}
	yyjson_mut_arr_append(list, value);
}

static yyjson_mut_doc *read_options(struct exchange *e, const struct form *form)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	const struct params *query = &e->target.query;

	json_set_str(doc, root, "kind", str_from(form->kind));
	json_set_str(doc, root, "apiVersion", STR("v1"));
	for (size_t i = 0; i < query->count; i++) {
		struct str key = query->params[i].key, value = query->params[i].value;

		if (has_word(form->bools, key))
			json_put(doc, root, key,
				 yyjson_mut_bool(doc, params_bool(query, str_c_in(e->arena, key))));
		else if (has_word(form->texts, key))
			json_put_str(doc, root, key, value);
		else if (has_word(form->lists, key))
			append(doc, root, key, json_new_str(doc, value));
		else if (has_word(form->numbers, key))
			append(doc, root, key,
			       yyjson_mut_sint(doc, strtol(str_c_in(e->arena, value), NULL, 10)));
	}
	if (has_word(form->texts, STR("path")) && e->target.rest.len)
		json_set_str(doc, root, "path", e->target.rest);
	return doc;
}

/* --- back to the query --- */

static struct str text_of(struct exchange *e, yyjson_mut_val *value)
{
	if (yyjson_mut_is_str(value))
		return str_in(e->arena, json_mut_str(value));
	if (yyjson_mut_is_bool(value))
		return json_mut_bool(value, false) ? STR("true") : STR("false");
	return str_printf_in(e->arena, "%lld", (long long)json_mut_int(value, 0));
}

static void write_options(struct exchange *e, const struct form *form, yyjson_mut_val *root)
{
	size_t room = 0;
	struct params *query = &e->target.query;

	JSON_MUT_MEMBERS (key, value, root) {
		(void)key; /* their number decides */
		room += 1 + yyjson_mut_arr_size(value);
	}
	query->params = arena_array(e->arena, room + 1, sizeof(query->params[0]));
	query->count = 0;
	JSON_MUT_MEMBERS (key, value, root) {
		struct str name = str_in(e->arena, json_mut_str(key));

		if (has_word(form->lists, name) || has_word(form->numbers, name)) {
			JSON_MUT_EACH (item, value)
				query->params[query->count++] = (struct param){ name,
										text_of(e, item) };
		} else if (has_word(form->bools, name) || has_word(form->texts, name)) {
			query->params[query->count++] = (struct param){ name, text_of(e, value) };
		}
	}
}

/* --- the run --- */

static int take_options(struct webhook_run *run, yyjson_mut_doc *object, bool *ret_changed)
{
	struct connection *c = run->owner;

	*ret_changed = !json_mut_equal(yyjson_mut_doc_get_root(object),
				       yyjson_mut_doc_get_root(c->options));
	json_mut_free(c->options);
	c->options = run->object = object;
	c->is_mutated |= *ret_changed;
	return 0;
}

static int nothing_again(struct webhook_run *run)
{
	(void)run; /* the server's own plug-ins change no options */
	return 0;
}

static void release(struct connection *c)
{
	json_mut_free(c->options);
	c->options = NULL;
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct connection *c = arg;

	webhook_run_cancel(&c->run);
	release(c);
	exchange_count(c->e, 499);
	http_abort(x);
}

static const struct http_exchange_events events = { .on_closed = on_closed };

static int ask_policies(struct connection *c)
{
	struct policies *policies = c->run.registry->policies;
	struct policy_answer answer = { .refusal = &c->e->refusal,
					.notices = &c->notices,
					.annotations = &c->annotations };

	if (!policies_validate_any(policies))
		return 0;
	c->run.request.object = cel_json_mut(yyjson_mut_doc_get_root(c->options), &cel_type_dyn);
	return policies_validate(policies, &c->run.request, &answer);
}

static int go_on(struct connection *c, int progress)
{
	struct exchange *e = c->e;

	if (progress == WEBHOOKS_AGREED && !c->is_validating) {
		c->is_validating = true;
		progress = ask_policies(c) < 0 ? -1 : webhook_run_validate(&c->run);
	}
	if (progress == WEBHOOKS_PENDING) {
		http_set_events(e->x, &events, c);
		return 0;
	}
	if (progress == WEBHOOKS_AGREED && c->is_mutated)
		write_options(e, form_of(&e->target), yyjson_mut_doc_get_root(c->options));
	release(c);
	audit_annotate(e, &c->annotations);
	return progress < 0 ? -1 : c->next(e);
}

static void on_done(struct webhook_run *run)
{
	struct connection *c = run->owner;
	struct exchange *e = c->e;

	http_set_events(e->x, NULL, NULL);
	if (go_on(c, run->refusal->code ? -1 : WEBHOOKS_AGREED) < 0)
		exchange_refuse(e);
}

static void fill_request(struct connection *c, const struct form *form)
{
	struct exchange *e = c->e;
	struct registry *registry = &e->server->registry;
	const struct target *t = &e->target;

	c->run.request = (struct admission_request){
		.operation = ADMISSION_CONNECT,
		.kind = e->kind,
		.subresource = t->subresource,
		.body_group = STR(""),
		.body_version = STR("v1"),
		.body_kind = str_from(form->kind),
		.namespace_ = t->namespace_,
		.name = t->name,
		.user = e->user,
		.kinds = &registry->kinds,
	};
	if (t->namespace_.len)
		c->run.request.namespace_object = registry_get(registry, &kind_namespace, STR_NONE,
							       t->namespace_);
}

int connect_admit(struct exchange *e, int (*next)(struct exchange *e))
{
	const struct form *form = form_of(&e->target);
	struct registry *registry = &e->server->registry;
	struct connection *c;

	if (!form || (!hooks_get(registry->hooks, HOOKS_MUTATING) &&
		      !hooks_get(registry->hooks, HOOKS_VALIDATING) &&
		      !policies_validate_any(registry->policies)))
		return next(e);
	c = ARENA_NEW(e->arena, struct connection);
	c->e = e;
	c->next = next;
	c->options = read_options(e, form);
	notices_init(&c->notices, e->arena);
	e->warnings = &c->notices;
	audit_want_annotations(e, &c->annotations, e->arena);
	c->run = (struct webhook_run){
		.registry = registry,
		.arena = e->arena,
		.object = c->options,
		.refusal = &e->refusal,
		.notices = &c->notices,
		.annotations = &c->annotations,
		.deadline_ns = e->deadline_ns,
		.take = take_options,
		.again = nothing_again,
		.done = on_done,
		.owner = c,
	};
	fill_request(c, form);
	return go_on(c, webhook_run_mutate(&c->run));
}
