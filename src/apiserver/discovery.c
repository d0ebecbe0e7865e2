/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery: legacy lists and the aggregated form. */
#include "apiserver/discovery.h"

#include "codec/json.h"

static bool is_served(const struct kind *kind)
{
	return !(kind->flags & (KIND_UNSERVED | KIND_OFF_BY_DEFAULT)) && kind->plural.len;
}

static bool has_kinds(const struct kind_set *set, struct str group, struct str version)
{
	for (size_t i = 0; i < set->kind_count; i++)
		if (is_served(set->kinds[i]) && str_eq(set->kinds[i]->group, group) &&
		    str_eq(set->kinds[i]->version, version))
			return true;
	return false;
}

static bool is_listed(const struct kind_set *set, const struct kind_group *g)
{
	return g->enabled && g->group.len && has_kinds(set, g->group, g->version);
}

/* A group's first row: versions of one group need not be neighbours. */
static bool is_first(const struct kind_set *set, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_listed(set, &set->groups[i]) &&
		    str_eq(set->groups[i].group, set->groups[index].group))
			return false;
	return true;
}

static yyjson_mut_doc *new_document(const char *kind, const char *api_version,
				    yyjson_mut_val **ret_root)
{
	yyjson_mut_doc *doc = json_new_object();

	*ret_root = yyjson_mut_doc_get_root(doc);
	json_set_str(doc, *ret_root, "kind", str_from(kind));
	json_set_str(doc, *ret_root, "apiVersion", str_from(api_version));
	return doc;
}

void discovery_core_versions(struct buf *to)
{
	yyjson_mut_val *root, *address;
	AUTO_JSON_MUT doc = new_document("APIVersions", "v1", &root);

	json_append_str(doc, json_set_array(doc, root, "versions"), STR("v1"));
	address = json_append_object(doc, json_set_array(doc, root, "serverAddressByClientCIDRs"));
	json_set_str(doc, address, "clientCIDR", STR("0.0.0.0/0"));
	json_set_str(doc, address, "serverAddress", STR(""));
	json_mut_write(root, to);
}

static void add_version(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct kind_group *g)
{
	char group_version[KIND_TEXT_BYTES];

	snprintf(group_version, sizeof(group_version), STR_FMT "/" STR_FMT, STR_ARG(g->group),
		 STR_ARG(g->version));
	json_set_str(doc, object, "groupVersion", str_from(group_version));
	json_set_str(doc, object, "version", g->version);
}

static void fill_group(const struct kind_set *set, yyjson_mut_doc *doc, yyjson_mut_val *root,
		       struct str group)
{
	yyjson_mut_val *versions;

	json_set_str(doc, root, "name", group);
	versions = json_set_array(doc, root, "versions");
	for (size_t i = 0; i < set->group_count; i++)
		if (is_listed(set, &set->groups[i]) && str_eq(set->groups[i].group, group)) {
			add_version(doc, json_append_object(doc, versions), &set->groups[i]);
			if (set->groups[i].preferred || !json_mut_get(root, "preferredVersion"))
				add_version(doc, json_set_object(doc, root, "preferredVersion"),
					    &set->groups[i]);
		}
}

void discovery_groups(const struct kind_set *set, struct buf *to)
{
	yyjson_mut_val *root, *groups;
	AUTO_JSON_MUT doc = new_document("APIGroupList", "v1", &root);

	groups = json_set_array(doc, root, "groups");
	for (size_t i = 0; i < set->group_count; i++)
		if (is_listed(set, &set->groups[i]) && is_first(set, i))
			fill_group(set, doc, json_append_object(doc, groups), set->groups[i].group);
	json_mut_write(root, to);
}

bool discovery_group(const struct kind_set *set, struct str group, struct buf *to)
{
	yyjson_mut_val *root;
	AUTO_JSON_MUT doc = new_document("APIGroup", "v1", &root);

	fill_group(set, doc, root, group);
	if (!group.len || !json_mut_get_count(root, "versions"))
		return false;
	json_mut_write(root, to);
	return true;
}

static void add_verbs(yyjson_mut_doc *doc, yyjson_mut_val *object, uint16_t verbs)
{
	yyjson_mut_val *list = json_set_array(doc, object, "verbs");

	for (size_t i = 0; i < KIND_VERB_COUNT; i++)
		if (verbs & 1u << i)
			json_append_str(doc, list, str_from(kind_verb_names[i]));
}

static void add_words(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		      const char *const *words)
{
	yyjson_mut_val *list;

	if (!words || !words[0])
		return;
	list = json_set_array(doc, object, key);
	for (; *words; words++)
		json_append_str(doc, list, str_from(*words));
}

static void add_resource(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct kind *kind)
{
	yyjson_mut_val *r = json_append_object(doc, list);

	json_set_str(doc, r, "name", kind->plural);
	json_set_str(doc, r, "singularName", kind->singular);
	json_set_bool(doc, r, "namespaced", kind_is_namespaced(kind));
	json_set_str(doc, r, "kind", kind->name);
	add_verbs(doc, r, kind->verbs);
	add_words(doc, r, "shortNames", kind->short_names);
	add_words(doc, r, "categories", kind->categories);
	if (kind->storage_hash.len)
		json_set_str(doc, r, "storageVersionHash", kind->storage_hash);
	for (const struct kind_subresource *s = kind->subresources; s && s->name; s++) {
		char name[KIND_TEXT_BYTES];

		snprintf(name, sizeof(name), STR_FMT "/%s", STR_ARG(kind->plural), s->name);
		r = json_append_object(doc, list);
		json_set_str(doc, r, "name", str_from(name));
		json_set_str(doc, r, "singularName", STR(""));
		json_set_bool(doc, r, "namespaced", kind_is_namespaced(kind));
		if (!str_eq_c(kind->group, s->group) || !str_eq_c(kind->version, s->version)) {
			json_set_str(doc, r, "group", str_from(s->group));
			json_set_str(doc, r, "version", str_from(s->version));
		}
		json_set_str(doc, r, "kind", str_from(s->kind));
		add_verbs(doc, r, s->verbs);
	}
}

bool discovery_resources(const struct kind_set *set, struct str group, struct str version,
			 struct buf *to)
{
	yyjson_mut_val *root, *list;
	AUTO_JSON_MUT doc = new_document("APIResourceList", "v1", &root);
	char text[KIND_TEXT_BYTES];

	if (!has_kinds(set, group, version))
		return false;
	snprintf(text, sizeof(text), STR_FMT "%s" STR_FMT, STR_ARG(group), group.len ? "/" : "",
		 STR_ARG(version));
	json_set_str(doc, root, "groupVersion", str_from(text));
	list = json_set_array(doc, root, "resources");
	for (size_t i = 0; i < set->kind_count; i++)
		if (is_served(set->kinds[i]) && str_eq(set->kinds[i]->group, group) &&
		    str_eq(set->kinds[i]->version, version))
			add_resource(doc, list, set->kinds[i]);
	json_mut_write(root, to);
	return true;
}

/* --- aggregated --- */

static void add_response_kind(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str group,
			      struct str version, struct str kind)
{
	yyjson_mut_val *r = json_set_object(doc, object, "responseKind");

	json_set_str(doc, r, "group", group);
	json_set_str(doc, r, "version", version);
	json_set_str(doc, r, "kind", kind);
}

static void add_aggregated_resource(yyjson_mut_doc *doc, yyjson_mut_val *list,
				    const struct kind *kind)
{
	yyjson_mut_val *r = json_append_object(doc, list), *subresources;

	json_set_str(doc, r, "resource", kind->plural);
	add_response_kind(doc, r, kind->group, kind->version, kind->name);
	json_set_str(doc, r, "scope",
		     kind_is_namespaced(kind) ? STR("Namespaced") : STR("Cluster"));
	json_set_str(doc, r, "singularResource", kind->singular);
	add_verbs(doc, r, kind->verbs);
	add_words(doc, r, "shortNames", kind->short_names);
	add_words(doc, r, "categories", kind->categories);
	if (!kind->subresources || !kind->subresources->name)
		return;
	subresources = json_set_array(doc, r, "subresources");
	for (const struct kind_subresource *s = kind->subresources; s->name; s++) {
		yyjson_mut_val *sub = json_append_object(doc, subresources);

		json_set_str(doc, sub, "subresource", str_from(s->name));
		add_response_kind(doc, sub, str_from(s->group), str_from(s->version),
				  str_from(s->kind));
		add_verbs(doc, sub, s->verbs);
	}
}

static void add_aggregated_version(const struct kind_set *set, yyjson_mut_doc *doc,
				   yyjson_mut_val *list, struct str group, struct str version)
{
	yyjson_mut_val *v = json_append_object(doc, list), *resources;

	json_set_str(doc, v, "version", version);
	json_set_str(doc, v, "freshness", STR("Current"));
	resources = json_set_array(doc, v, "resources");
	for (size_t i = 0; i < set->kind_count; i++)
		if (is_served(set->kinds[i]) && str_eq(set->kinds[i]->group, group) &&
		    str_eq(set->kinds[i]->version, version))
			add_aggregated_resource(doc, resources, set->kinds[i]);
}

static yyjson_mut_val *add_aggregated_group(yyjson_mut_doc *doc, yyjson_mut_val *items,
					    struct str group)
{
	yyjson_mut_val *item = json_append_object(doc, items),
		       *metadata = json_set_object(doc, item, "metadata");

	if (group.len)
		json_set_str(doc, metadata, "name", group);
	json_set(doc, metadata, "creationTimestamp", yyjson_mut_null(doc));
	return json_set_array(doc, item, "versions");
}

void discovery_aggregated(const struct kind_set *set, bool core, const char *version,
			  struct buf *to)
{
	yyjson_mut_val *root, *items, *versions;
	char api_version[40];
	AUTO_JSON_MUT doc = NULL;

	snprintf(api_version, sizeof(api_version), "apidiscovery.k8s.io/%s", version);
	doc = new_document("APIGroupDiscoveryList", api_version, &root);
	(void)json_set_object(doc, root, "metadata"); /* always there, and empty */
	items = json_set_array(doc, root, "items");
	if (core)
		add_aggregated_version(set, doc, add_aggregated_group(doc, items, STR("")), STR(""),
				       STR("v1"));
	for (size_t i = 0; !core && i < set->group_count; i++) {
		if (!is_listed(set, &set->groups[i]) || !is_first(set, i))
			continue;
		versions = add_aggregated_group(doc, items, set->groups[i].group);
		for (size_t j = i; j < set->group_count; j++)
			if (is_listed(set, &set->groups[j]) &&
			    str_eq(set->groups[j].group, set->groups[i].group))
				add_aggregated_version(set, doc, versions, set->groups[j].group,
						       set->groups[j].version);
	}
	json_mut_write(root, to);
}
