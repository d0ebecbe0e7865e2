/* SPDX-License-Identifier: Apache-2.0 */
/* A rule against a request, and the permissions of some rules against those of others. */
#include "apiserver/rbac_rule.h"

#include <stdlib.h>
#include "api/limits.h"
#include "apiserver/limits.h"
#include "apiserver/rbac_defaults.h"

/* One permission: what a rule comes apart into. */
struct part {
	struct str verb, group, resource, name, path;
	bool has_name;
};

/* A line of what is missing: one resource with its verbs. */
struct line {
	struct part part; /* without the verb */
	struct str verbs[RBAC_VERBS_MAX];
	size_t verb_count;
};

struct comparison {
	struct rbac_rules owned;
	struct arena *arena;
	struct line *lines;
	size_t line_count;
	size_t part_count;
};

static bool has_item(yyjson_val *list, struct str wanted)
{
	JSON_EACH (item, list)
		if (str_eq_c(json_str(item), "*") || str_eq(json_str(item), wanted))
			return true;
	return false;
}

/* Whoever asks in a review may name a subresource behind the resource, too: "pods/log" is one name. */
static bool is_resource(struct str rule, struct str wanted, struct str subresource)
{
	if (!subresource.len)
		return str_eq(rule, wanted);
	return str_strip_prefix(&rule, wanted) && str_strip_prefix(&rule, STR("/")) &&
	       str_eq(rule, subresource);
}

/* "pods", "pods/log", "*" for all; "*" with "/log" behind it: the logs of whatever has some. */
static bool has_resource(yyjson_val *list, struct str wanted, struct str subresource)
{
	JSON_EACH (item, list) {
		struct str rule = json_str(item);

		if (str_eq_c(rule, "*") || is_resource(rule, wanted, subresource) ||
		    (subresource.len && is_resource(rule, STR("*"), subresource)))
			return true;
	}
	return false;
}

static bool has_name(yyjson_val *names, struct str name)
{
	if (!yyjson_arr_size(names))
		return true;
	JSON_EACH (item, names)
		if (str_eq(json_str(item), name))
			return true;
	return false;
}

bool rbac_rule_allows(yyjson_val *rule, const struct target *t)
{
	if (!has_item(json_get(rule, "verbs"), t->verb))
		return false;
	if (!t->is_resource)
		return target_path_listed(json_get(rule, "nonResourceURLs"), t->path);
	return has_item(json_get(rule, "apiGroups"), t->group) &&
	       has_resource(json_get(rule, "resources"), t->resource, t->subresource) &&
	       has_name(json_get(rule, "resourceNames"), t->name);
}

static bool has_word(const char *words, struct str wanted)
{
	struct str rest = str_from(words), word;

	if (!words)
		return false;
	while (str_next_part(&rest, ' ', &word))
		if (str_eq_c(word, "*") || str_eq(word, wanted))
			return true;
	return false;
}

static bool names_resource(const char *words, const struct target *t)
{
	struct str rest = str_from(words), word;

	while (words && str_next_part(&rest, ' ', &word))
		if (str_eq_c(word, "*") || is_resource(word, t->resource, t->subresource))
			return true;
	return false;
}

bool default_rules_allow(const struct default_rule *rules, const struct target *t)
{
	struct str group = t->group.len ? t->group : STR("core");

	if (!t->is_resource)
		return false; /* none of them is about paths */
	for (; rules->verbs; rules++)
		if (has_word(rules->verbs, t->verb) && has_word(rules->groups, group) &&
		    names_resource(rules->resources, t) &&
		    (!rules->names || has_word(rules->names, t->name)))
			return true;
	return false;
}

/* --- comparing --- */

static bool holds_part(yyjson_val *rule, const struct part *part)
{
	struct str resource, subresource;

	if (!has_item(json_get(rule, "verbs"), part->verb))
		return false;
	if (part->path.len)
		return target_path_listed(json_get(rule, "nonResourceURLs"), part->path);
	(void)str_cut(part->resource, '/', &resource, &subresource); /* without '/' the second is empty */
	return has_item(json_get(rule, "apiGroups"), part->group) &&
	       has_resource(json_get(rule, "resources"), resource, subresource) &&
	       (part->has_name ? has_name(json_get(rule, "resourceNames"), part->name)
			       : !json_get_count(rule, "resourceNames"));
}

static bool is_same_line(const struct part *a, const struct part *b)
{
	/* as upstream, paths are not drawn together */
	return !a->path.len && !b->path.len && str_eq(a->group, b->group) &&
	       str_eq(a->resource, b->resource) && a->has_name == b->has_name &&
	       str_eq(a->name, b->name);
}

static void note_missing(struct comparison *c, const struct part *part)
{
	struct line *line = NULL;

	for (size_t i = 0; i < c->line_count && !line; i++)
		if (is_same_line(&c->lines[i].part, part))
			line = &c->lines[i];
	if (!line) {
		if (c->line_count == RBAC_MISSING_MAX)
			return; /* enough to say no */
		line = &c->lines[c->line_count++];
		line->part = *part;
	}
	for (size_t i = 0; i < line->verb_count; i++)
		if (str_eq(line->verbs[i], part->verb))
			return;
	if (line->verb_count < RBAC_VERBS_MAX)
		line->verbs[line->verb_count++] = part->verb;
}

static int check_part(struct comparison *c, const struct part *part, struct err *err)
{
	if (++c->part_count > RBAC_PARTS_MAX)
		return err_set(
			err, ERR_TOO_LARGE,
			"the rules stand for more than %d permissions: write fewer, or with \"*\"",
			RBAC_PARTS_MAX);
	for (size_t i = 0; i < c->owned.count; i++)
		if (holds_part(c->owned.items[i], part))
			return 0;
	note_missing(c, part);
	return 0;
}

static int check_resources(struct comparison *c, yyjson_val *rule, struct part part,
			   struct err *err)
{
	JSON_EACH (resource, json_get(rule, "resources")) {
		part.resource = json_str(resource);
		part.has_name = false;
		part.name = STR_NONE;
		if (!json_get_count(rule, "resourceNames") && check_part(c, &part, err) < 0)
			return -1;
		JSON_EACH (name, json_get(rule, "resourceNames")) {
			part.has_name = true;
			part.name = json_str(name);
			if (check_part(c, &part, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int check_rule(struct comparison *c, yyjson_val *rule, struct err *err)
{
	JSON_EACH (verb, json_get(rule, "verbs")) {
		struct part part = { .verb = json_str(verb) };

		JSON_EACH (group, json_get(rule, "apiGroups")) {
			part.group = json_str(group);
			if (check_resources(c, rule, part, err) < 0)
				return -1;
		}
		part.group = STR_NONE;
		JSON_EACH (path, json_get(rule, "nonResourceURLs")) {
			part.path = json_str(path);
			if (check_part(c, &part, err) < 0)
				return -1;
		}
	}
	return 0;
}

static void write_list(struct buf *to, const char *name, const struct str *items, size_t count)
{
	buf_printf(to, "%s%s:[", to->len > 1 ? ", " : "", name);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_char(to, ' ');
		json_write_quoted(items[i], to);
	}
	buf_put_char(to, ']');
}

static struct str line_text(const struct line *line, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	buf_put_char(&text, '{');
	if (line->part.path.len) {
		write_list(&text, "NonResourceURLs", &line->part.path, 1);
	} else {
		write_list(&text, "APIGroups", &line->part.group, 1);
		write_list(&text, "Resources", &line->part.resource, 1);
		if (line->part.has_name)
			write_list(&text, "ResourceNames", &line->part.name, 1);
	}
	write_list(&text, "Verbs", line->verbs, line->verb_count);
	buf_put_char(&text, '}');
	return str_in(arena, buf_str(&text));
}

static int compare_texts(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int rbac_rules_missing(struct rbac_rules owned, yyjson_val *wanted, struct arena *arena,
		       struct buf *to, struct err *err)
{
	struct comparison c = { .owned = owned, .arena = arena };
	struct str *texts;

	c.lines = arena_array(arena, RBAC_MISSING_MAX, sizeof(c.lines[0]));
	JSON_EACH (rule, wanted)
		if (check_rule(&c, rule, err) < 0)
			return -1;
	texts = arena_array(arena, c.line_count + 1, sizeof(texts[0]));
	for (size_t i = 0; i < c.line_count; i++)
		texts[i] = line_text(&c.lines[i], arena);
	qsort(texts, c.line_count, sizeof(texts[0]), compare_texts);
	for (size_t i = 0; i < c.line_count; i++) {
		if (i)
			buf_put_char(to, '\n');
		buf_put_str(to, texts[i]);
	}
	return 0;
}
