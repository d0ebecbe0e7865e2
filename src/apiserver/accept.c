/* SPDX-License-Identifier: Apache-2.0 */
/* Which form of an answer the client prefers. */
#include "apiserver/exchange.h"

static struct str unquote(struct str s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		return str_slice(s, 1, s.len - 1);
	return s;
}

bool accept_next(struct str *header, struct accept_type *ret)
{
	struct str item, part;

	if (!str_next_part(header, ',', &item))
		return false;
	*ret = (struct accept_type){ 0 };
	if (str_next_part(&item, ';', &part))
		ret->type = str_trim(part);
	while (str_next_part(&item, ';', &part)) {
		struct str key, value;

		(void)str_cut(str_trim(part), '=', &key,
			      &value); /* without '=' the value is empty */
		value = unquote(str_trim(value));
		if (str_eq_c(key, "as"))
			ret->as = value;
		else if (str_eq_c(key, "g"))
			ret->group = value;
		else if (str_eq_c(key, "v"))
			ret->version = value;
	}
	return true;
}

static bool take_type(struct exchange *e, const struct accept_type *t, bool with_form)
{
	bool is_yaml = str_eq_c(t->type, "application/yaml");

	if (!is_yaml && !str_eq_c(t->type, "application/json") && !str_eq_c(t->type, "*/*") &&
	    !str_eq_c(t->type, "application/*"))
		return false;
	e->format = is_yaml ? ANSWER_YAML : ANSWER_JSON;
	e->form = ANSWER_OBJECT;
	if (!t->as.len)
		return true;
	if (!with_form || !str_eq_c(t->group, "meta.k8s.io") ||
	    !(str_eq_c(t->version, "v1") || str_eq_c(t->version, "v1beta1")))
		return false;
	if (str_eq_c(t->as, "Table"))
		e->form = ANSWER_TABLE;
	else if (str_eq_c(t->as, "PartialObjectMetadata") ||
		 str_eq_c(t->as, "PartialObjectMetadataList"))
		e->form = ANSWER_PARTIAL_METADATA;
	else
		return false;
	return true;
}

int accept_read(struct exchange *e, bool with_form)
{
	struct str header = http_header_get(&e->x->headers, STR("Accept"));
	struct accept_type type;

	if (!header.len)
		return 0;
	while (accept_next(&header, &type))
		if (take_type(e, &type, with_form))
			return 0;
	e->format = ANSWER_JSON;
	e->form = ANSWER_OBJECT;
	return refusal_set(
		&e->refusal, 406, "NotAcceptable",
		"only the following media types are accepted: application/json, application/yaml");
}
