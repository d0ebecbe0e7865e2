/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For whoever looks into a running server: /debug/pprof, /debug/flags, /statusz and /flagz. What
 * upstream's runtime profiles does not exist here; /debug/pprof/ says what does.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/documents_internal.h"
#include "base/log.h"
#include "base/num.h"
#include "base/time.h"
#include "loop/env.h"

#define TEXT_BYTES_MAX ((size_t)1 << 20)

static const struct str plain_type = STR_INIT("text/plain; charset=utf-8");

static int answer_text(struct exchange *e, int status, struct buf *text)
{
	exchange_answer_bytes(e, status, plain_type, str_in(e->arena, buf_str(text)));
	return 0;
}

/* --- /debug/pprof --- */

static int serve_command_line(struct exchange *e)
{
	AUTO_BUF text = { 0 };
	struct err err = { 0 };

	buf_init(&text, TEXT_BYTES_MAX);
	if (env_read_file(e->server->env, "/proc/self/cmdline", TEXT_BYTES_MAX, &text, &err) < 0)
		return refusal_from_err(&e->refusal, &err);
	return answer_text(e, 200, &text);
}

/* What the allocator holds, for people: there are no samples of who allocated it. */
static int serve_heap(struct exchange *e)
{
	struct mallinfo2 heap = mallinfo2();
	AUTO_BUF text = { 0 };

	buf_init(&text, TEXT_BYTES_MAX);
	buf_printf(&text,
		   "arena=%zu mmap=%zu (%zu blocks)\nin use=%zu free=%zu (%zu chunks) top=%zu\n",
		   heap.arena, heap.hblkhd, heap.hblks, heap.uordblks, heap.fordblks, heap.ordblks,
		   heap.keepcost);
	return answer_text(e, 200, &text);
}

static const struct profile {
	const char *name, *about;
	int (*serve)(struct exchange *e);
} profiles[] = {
	{ "cmdline", "The command line of this process, its words ended by zeros.",
	  serve_command_line },
	{ "heap", "Memory of the allocator, as text.", serve_heap },
};

int debug_serve_profiles(struct exchange *e, struct str rest)
{
	AUTO_BUF text = { 0 };

	if (e->server->no_profiling)
		return refusal_no_route(&e->refusal);
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		if (str_eq_c(rest, profiles[i].name))
			return profiles[i].serve(e);
	if (rest.len)
		return refusal_no_route(&e->refusal);
	buf_init(&text, TEXT_BYTES_MAX);
	buf_put_c(&text, "<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n"
			 "/debug/pprof/<br>\n<p>Types of profiles available:</p>\n<ul>\n");
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		buf_printf(&text, "<li><a href='%s'>%s</a>: %s</li>\n", profiles[i].name,
			   profiles[i].name, profiles[i].about);
	buf_put_c(&text, "</ul>\n<p>Times of functions: perf record --pid; this process is no Go "
			 "program.</p>\n</body>\n</html>\n");
	exchange_answer_bytes(e, 200, STR("text/html; charset=utf-8"),
			      str_in(e->arena, buf_str(&text)));
	return 0;
}

/* --- /debug/flags --- */

#define VERBOSITY_OF_DEBUG 4 /* as upstream's levels: from here on for developers */

static int set_verbosity(struct exchange *e)
{
	struct str value = e->x->body;
	AUTO_BUF text = { 0 };
	struct err err = { 0 };
	int64_t verbosity;

	buf_init(&text, TEXT_BYTES_MAX);
	if (num_parse_i64(value, INT32_MIN, INT32_MAX, "verbosity", &verbosity, &err) < 0) {
		buf_printf(&text,
			   "failed set klog.logging.verbosity " STR_FMT
			   ": strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax",
			   STR_ARG(value), STR_ARG(value));
		return answer_text(e, 400, &text);
	}
	log_set_level(verbosity >= VERBOSITY_OF_DEBUG ? LOG_DEBUG : LOG_INFO);
	buf_printf(&text, "successfully set klog.logging.verbosity to " STR_FMT, STR_ARG(value));
	return answer_text(e, 200, &text);
}

int debug_serve_flags(struct exchange *e, struct str rest)
{
	static const char page[] = "<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n"
				   "/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n"
				   "<tr><td><a href='/debug/flags/v'>v</a></td></tr>\n</table>\n"
				   "</body>\n</html>\n";
	AUTO_BUF text = { 0 };

	if (e->server->no_profiling || (rest.len && !str_eq_c(rest, "v")))
		return refusal_no_route(&e->refusal);
	if (!rest.len) {
		exchange_answer_bytes(e, 200, STR("text/html; charset=utf-8"),
				      str_sub(page, sizeof(page) - 1));
		return 0;
	}
	if (str_eq_c(e->target.method, "PUT"))
		return set_verbosity(e);
	buf_init(&text, TEXT_BYTES_MAX);
	buf_put_c(&text, "unsupported http method");
	return answer_text(e, 406, &text);
}

/* --- /statusz, /flagz --- */

/* Text for people, or an object of config.k8s.io for who names all of its type. */
struct page_form {
	bool is_object;
	enum answer_format format;
	struct str version;
};

static bool read_page_form(const struct accept_type *t, const char *kind, struct page_form *ret)
{
	bool is_yaml = str_eq_c(t->type, "application/yaml");

	*ret = (struct page_form){ .version = t->version };
	if (str_eq_c(t->type, "text/plain") || str_eq_c(t->type, "text/*") ||
	    str_eq_c(t->type, "*/*"))
		return !t->as.len && !t->group.len && !t->version.len;
	ret->is_object = true;
	ret->format = is_yaml ? ANSWER_YAML : ANSWER_JSON;
	return (is_yaml || str_eq_c(t->type, "application/json")) && str_eq_c(t->as, kind) &&
	       str_eq_c(t->group, "config.k8s.io") &&
	       (str_eq_c(t->version, "v1beta1") || str_eq_c(t->version, "v1alpha1"));
}

static int choose_page_form(struct exchange *e, const char *kind, struct page_form *ret)
{
	struct str header = http_header_get(&e->x->headers, STR("Accept"));
	struct accept_type t;
	struct page_form form;
	unsigned best = 0;

	*ret = (struct page_form){ .is_object = false };
	if (!header.len)
		return 0;
	while (accept_next(&header, &t))
		if (t.quality > best && read_page_form(&t, kind, &form)) {
			best = t.quality;
			*ret = form;
		}
	if (best)
		return 0;
	return refusal_set(&e->refusal, 406, "NotAcceptable",
			   "only the following media types are accepted: text/plain");
}

/* {"kind":"Statusz","apiVersion":"config.k8s.io/v1beta1","metadata":{"name":"kube-apiserver"}} */
static yyjson_mut_doc *new_page(struct exchange *e, const char *kind, const struct page_form *form)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "kind", str_from(kind));
	json_set_str(doc, root, "apiVersion",
		     str_printf_in(e->arena, "config.k8s.io/" STR_FMT, STR_ARG(form->version)));
	json_set_str(doc, json_set_object(doc, root, "metadata"), "name", STR("kube-apiserver"));
	return doc;
}

static int answer_page(struct exchange *e, yyjson_mut_doc *doc, const struct page_form *form)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, TEXT_BYTES_MAX);
	json_mut_write(yyjson_mut_doc_get_root(doc), &text);
	e->format = form->format;
	exchange_answer_json(e, 200, str_in(e->arena, buf_str(&text)));
	return 0;
}

static void begin_page(struct buf *text, const char *name)
{
	buf_printf(
		text,
		"\nkube-apiserver %s\nWarning: This endpoint is not meant to be machine parseable, "
		"has no formatting compatibility guarantees and is for debugging purposes "
		"only.\n\n",
		name);
}

static struct str binary_version(const struct apiserver *s)
{
	struct str version = s->version;

	(void)str_strip_prefix(&version, STR("v"));
	return version;
}

#define EMULATED_VERSION "1.36"

static int answer_status_object(struct exchange *e, int64_t up_s, const struct page_form *form)
{
	struct apiserver *s = e->server;
	AUTO_JSON_MUT doc = new_page(e, "Statusz", form);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list;
	char text[TIME_TEXT_BYTES];
	size_t cursor = 0;
	const char *path;

	json_set_str(doc, root, "startTime", str_from(time_format(s->started_wall_ns, text)));
	json_set_int(doc, root, "uptimeSeconds", up_s);
	json_set_str(doc, root, "goVersion", STR("none"));
	json_set_str(doc, root, "binaryVersion", binary_version(s));
	json_set_str(doc, root, "emulationVersion", STR(EMULATED_VERSION));
	list = json_set_array(doc, root, "paths");
	while ((path = document_next_path(&cursor)))
		json_append_str(doc, list, str_from(path));
	return answer_page(e, doc, form);
}

int debug_serve_status(struct exchange *e, struct str rest)
{
	struct apiserver *s = e->server;
	int64_t up_s = (env_mono_ns(s->env) - s->started_mono_ns) / TIME_NS_PER_SECOND;
	char text[TIME_TEXT_BYTES];
	struct page_form form;
	AUTO_BUF page = { 0 };
	size_t cursor = 0;
	const char *path;

	(void)rest; /* the path is whole */
	if (choose_page_form(e, "Statusz", &form) < 0)
		return -1;
	if (form.is_object)
		return answer_status_object(e, up_s, &form);
	buf_init(&page, TEXT_BYTES_MAX);
	begin_page(&page, "statusz");
	buf_printf(&page,
		   "Started: %s\nUp: %lld hr %02lld min %02lld sec\nGo version: none\n"
		   "Binary version: " STR_FMT "\nEmulation version: " EMULATED_VERSION "\n\nPaths:",
		   time_format(s->started_wall_ns, text), (long long)(up_s / 3600),
		   (long long)(up_s / 60 % 60), (long long)(up_s % 60), STR_ARG(binary_version(s)));
	while ((path = document_next_path(&cursor)))
		buf_printf(&page, " %s", path);
	buf_put_char(&page, '\n');
	return answer_text(e, 200, &page);
}

/* From lines "name=value". */
static int answer_flags_object(struct exchange *e, struct str lines, const struct page_form *form)
{
	AUTO_JSON_MUT doc = new_page(e, "Flagz", form);
	yyjson_mut_val *flags = json_set_object(doc, yyjson_mut_doc_get_root(doc), "flags");
	struct str line, name, value;

	while (str_next_part(&lines, '\n', &line))
		if (str_cut(line, '=', &name, &value))
			json_put_str(doc, flags, name, value);
	return answer_page(e, doc, form);
}

int debug_serve_started(struct exchange *e, struct str rest)
{
	struct apiserver *s = e->server;
	struct page_form form;
	AUTO_BUF page = { 0 }, flags = { 0 };

	(void)rest; /* the path is whole */
	if (!s->write_flags)
		return refusal_no_route(&e->refusal);
	if (choose_page_form(e, "Flagz", &form) < 0)
		return -1;
	buf_init(&flags, TEXT_BYTES_MAX);
	s->write_flags(s->write_flags_arg, &flags);
	if (form.is_object)
		return answer_flags_object(e, buf_str(&flags), &form);
	buf_init(&page, TEXT_BYTES_MAX);
	begin_page(&page, "flagz");
	buf_put_str(&page, buf_str(&flags));
	return answer_text(e, 200, &page);
}
