/* SPDX-License-Identifier: Apache-2.0 */
/* Which form of an answer the client prefers. */
#include "apiserver/exchange.h"

#define QUALITY_MAX 1000

static struct str unquote(struct str s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		return str_slice(s, 1, s.len - 1);
	return s;
}

/* "0.85" in thousandths; what is no number counts as 1, as upstream has it. */
static unsigned read_quality(struct str text)
{
	unsigned value = 0, unit = QUALITY_MAX;
	bool has_point = false;

	if (!text.len)
		return QUALITY_MAX;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return QUALITY_MAX;
		if (!has_point && c != '0')
			return QUALITY_MAX;
		if (has_point) {
			unit /= 10;
			value += unit * (unsigned)(c - '0');
		}
	}
	return value;
}

static void read_parameter(struct str part, struct accept_type *ret)
{
	struct str key, value;

	(void)str_cut(str_trim(part), '=', &key, &value); /* without '=' the value is empty */
	value = unquote(str_trim(value));
	if (str_eq_c(key, "as"))
		ret->as = value;
	else if (str_eq_c(key, "g"))
		ret->group = value;
	else if (str_eq_c(key, "v"))
		ret->version = value;
	else if (str_eq_c(key, "stream"))
		ret->stream = value;
	else if (str_eq_c(key, "pretty"))
		ret->is_pretty = str_eq_c(value, "1");
	else if (str_eq_c(key, "q"))
		ret->quality = read_quality(value);
}

bool accept_next(struct str *header, struct accept_type *ret)
{
	struct str item, part;

	if (!str_next_part(header, ',', &item))
		return false;
	*ret = (struct accept_type){ .quality = QUALITY_MAX };
	if (str_next_part(&item, ';', &part))
		ret->type = str_trim(part);
	while (str_next_part(&item, ';', &part))
		read_parameter(part, ret);
	return true;
}

/* In the order in which they stand for "*". */
static const struct {
	const char *type;
	enum answer_format format;
	bool has_tables, has_streams;
} formats[] = {
	{ "application/json", ANSWER_JSON, true, true },
	{ "application/yaml", ANSWER_YAML, true, false },
	{ "application/vnd.kubernetes.protobuf", ANSWER_PROTOBUF, false, true },
};

/* Objects of custom kinds have no protobuf form; their metadata and their scale have. */
static bool has_format(const struct exchange *e, enum answer_format format, enum answer_form form)
{
	return format != ANSWER_PROTOBUF || !e->kind || !(e->kind->flags & KIND_CUSTOM) ||
	       form == ANSWER_PARTIAL_METADATA || str_eq_c(e->target.subresource, "scale");
}

static bool read_form(const struct accept_type *t, enum accept_want want, enum answer_form *ret)
{
	*ret = ANSWER_OBJECT;
	if (want == ACCEPT_DISCOVERY)
		return str_eq_c(t->group, "apidiscovery.k8s.io") && str_eq_c(t->version, "v2") &&
		       str_eq_c(t->as, "APIGroupDiscoveryList");
	if (!t->as.len && !t->group.len && !t->version.len)
		return true;
	if (want == ACCEPT_PLAIN || !str_eq_c(t->group, "meta.k8s.io") ||
	    !(str_eq_c(t->version, "v1") || str_eq_c(t->version, "v1beta1")))
		return false;
	if (str_eq_c(t->as, "Table"))
		*ret = ANSWER_TABLE;
	else if (str_eq_c(t->as, "PartialObjectMetadata") ||
		 str_eq_c(t->as, "PartialObjectMetadataList"))
		*ret = ANSWER_PARTIAL_METADATA;
	else
		return false;
	return true;
}

struct choice {
	enum answer_format format;
	enum answer_form form;
	bool is_beta, wants_list, is_pretty;
	unsigned score; /* quality first, then how precise the type is; 0: cannot be had */
};

static struct choice take_type(const struct exchange *e, const struct accept_type *t,
			       enum accept_want want)
{
	bool any = str_eq_c(t->type, "*/*"), any_sub = str_eq_c(t->type, "application/*");
	struct choice none = { 0 };
	enum answer_form form;

	if (!t->quality || !read_form(t, want, &form))
		return none;
	if (t->stream.len && !str_eq_c(t->stream, "watch"))
		return none;
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
		if (!any && !any_sub && !str_eq_nocase(t->type, str_from(formats[i].type)))
			continue;
		if (form == ANSWER_TABLE && !formats[i].has_tables)
			continue;
		if ((want == ACCEPT_STREAMS || t->stream.len) && !formats[i].has_streams)
			continue;
		if (want != ACCEPT_PLAIN && !has_format(e, formats[i].format, form))
			continue;
		return (struct choice){ .format = formats[i].format,
					.form = form,
					.is_beta = str_eq_c(t->version, "v1beta1"),
					.wants_list = str_eq_c(t->as, "PartialObjectMetadataList"),
					.is_pretty = t->is_pretty,
					.score = t->quality * 4 + (any	     ? 1
								   : any_sub ? 2
									     : 3) };
	}
	return none;
}

static bool negotiate(struct exchange *e, enum accept_want want)
{
	struct str header = http_header_get(&e->x->headers, STR("Accept"));
	struct choice best = { 0 };
	struct accept_type type;

	if (!header.len)
		return true;
	while (accept_next(&header, &type)) {
		struct choice choice = take_type(e, &type, want);

		if (choice.score > best.score)
			best = choice;
	}
	e->format = best.format;
	e->form = best.form;
	e->is_beta = best.is_beta;
	e->wants_list = best.wants_list;
	e->is_pretty = e->is_pretty || best.is_pretty;
	return best.score;
}

int accept_read(struct exchange *e, enum accept_want want)
{
	e->is_negotiated = true;
	if (negotiate(e, want))
		return 0;
	e->is_negotiated = false; /* a refusal may have what the answer has not */
	return refusal_set(
		&e->refusal, 406, "NotAcceptable", "%s",
		want == ACCEPT_STREAMS
			? "only the following media types are accepted: "
			  "application/json;stream=watch, "
			  "application/vnd.kubernetes.protobuf;stream=watch"
			: "only the following media types are accepted: application/json, "
			  "application/yaml, application/vnd.kubernetes.protobuf");
}

bool accept_has_discovery(struct exchange *e)
{
	return http_header_get(&e->x->headers, STR("Accept")).len && negotiate(e, ACCEPT_DISCOVERY);
}

void accept_for_refusal(struct exchange *e)
{
	if (e->is_negotiated)
		return;
	e->is_negotiated = true;
	(void)negotiate(e, ACCEPT_PLAIN); /* JSON when it has nothing to offer */
}
