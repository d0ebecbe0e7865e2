/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of connections: webhooks are asked about the options of exec, attach, port-forward and
 * proxy, and may change them. */
#include "apiserver/exchange_admission.h"
#include "apiserver/registry.h"

struct connection {
	struct exchange_admission admission;
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

static int admitted(struct exchange_admission *a, yyjson_mut_doc *options)
{
	struct exchange *e = a->e;

	if (a->is_mutated)
		write_options(e, form_of(&e->target), yyjson_mut_doc_get_root(options));
	json_mut_free(options);
	return CONTAINER_OF(a, struct connection, admission)->next(e);
}

static void fill_request(struct exchange *e, const struct form *form, struct admission_request *ret)
{
	struct registry *registry = &e->server->registry;
	const struct target *t = &e->target;

	*ret = (struct admission_request){
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
		ret->namespace_object = registry_get(registry, &kind_namespace, STR_NONE,
						     t->namespace_);
}

int connect_admit(struct exchange *e, int (*next)(struct exchange *e))
{
	const struct form *form = form_of(&e->target);
	struct connection *c;

	if (!form || !exchange_admission_any(e))
		return next(e);
	c = ARENA_NEW(e->arena, struct connection);
	c->next = next;
	c->admission.e = e;
	c->admission.next = admitted;
	c->admission.doc = read_options(e, form);
	fill_request(e, form, &c->admission.request);
	return exchange_admit(&c->admission);
}
