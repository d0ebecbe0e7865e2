/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery: legacy lists and the aggregated form. */
#include "apiserver/discovery.h"

#include "api/custom.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "net/x509.h"

#define STORAGE_HASH_BYTES 8 /* of the digest */

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

static bool is_shown(const struct discovery_view *view, size_t index)
{
	const struct api_group_version *v = &view->list[index];

	return v->remote || has_kinds(view->set, v->group, v->version);
}

/* The end of the group whose first version is at index. */
static size_t group_end(const struct discovery_view *view, size_t index)
{
	size_t end = index;

	while (end < view->count && str_eq(view->list[end].group, view->list[index].group))
		end++;
	return end;
}

/* api_version is empty for what clients of the first release ask for. */
static yyjson_mut_doc *new_document(const char *kind, const char *api_version,
				    yyjson_mut_val **ret_root)
{
	yyjson_mut_doc *doc = json_new_object();

	*ret_root = yyjson_mut_doc_get_root(doc);
	json_set_str(doc, *ret_root, "kind", str_from(kind));
	if (api_version[0])
		json_set_str(doc, *ret_root, "apiVersion", str_from(api_version));
	return doc;
}

void discovery_core_versions(struct str server_address, struct buf *to)
{
	yyjson_mut_val *root, *address;
	AUTO_JSON_MUT doc = new_document("APIVersions", "", &root);

	json_append_str(doc, json_set_array(doc, root, "versions"), STR("v1"));
	address = json_append_object(doc, json_set_array(doc, root, "serverAddressByClientCIDRs"));
	json_set_str(doc, address, "clientCIDR", STR("0.0.0.0/0"));
	json_set_str(doc, address, "serverAddress", server_address);
	json_mut_write(root, to);
}

static void add_version(yyjson_mut_doc *doc, yyjson_mut_val *object,
			const struct api_group_version *v)
{
	char group_version[KIND_TEXT_BYTES];

	snprintf(group_version, sizeof(group_version), STR_FMT "/" STR_FMT, STR_ARG(v->group),
		 STR_ARG(v->version));
	json_set_str(doc, object, "groupVersion", str_from(group_version));
	json_set_str(doc, object, "version", v->version);
}

/* False: it has no version that is there. */
static bool fill_group(const struct discovery_view *view, size_t index, yyjson_mut_doc *doc,
		       yyjson_mut_val *root)
{
	yyjson_mut_val *versions;

	json_set_str(doc, root, "name", view->list[index].group);
	versions = json_set_array(doc, root, "versions");
	for (size_t i = index; i < group_end(view, index); i++)
		if (is_shown(view, i)) {
			add_version(doc, json_append_object(doc, versions), &view->list[i]);
			if (!json_mut_get(root, "preferredVersion"))
				add_version(doc, json_set_object(doc, root, "preferredVersion"),
					    &view->list[i]);
		}
	return yyjson_mut_arr_size(versions) > 0;
}

void discovery_groups(const struct discovery_view *view, struct buf *to)
{
	yyjson_mut_val *root, *groups, *group;
	AUTO_JSON_MUT doc = new_document("APIGroupList", "v1", &root);

	groups = json_set_array(doc, root, "groups");
	for (size_t i = 0; i < view->count; i = group_end(view, i)) {
		group = yyjson_mut_obj(doc);
		if (fill_group(view, i, doc, group))
			yyjson_mut_arr_append(groups, group);
	}
	json_mut_write(root, to);
}

bool discovery_group(const struct discovery_view *view, struct str group, struct buf *to)
{
	yyjson_mut_val *root;
	AUTO_JSON_MUT doc = new_document("APIGroup", "v1", &root);

	for (size_t i = 0; group.len && i < view->count; i = group_end(view, i)) {
		if (!str_eq(view->list[i].group, group))
			continue;
		if (!fill_group(view, i, doc, root))
			return false;
		json_mut_write(root, to);
		return true;
	}
	return false;
}

/* Upstream says those of custom kinds in this order. */
static void add_custom_verbs(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct kind *kind)
{
	static const char *const verbs[] = { "delete", "deletecollection", "get",    "list",
					     "patch",  "create",	   "update", "watch" };
	bool is_going = obj_is_deleting(custom_version_of(kind)->resource->definition);
	yyjson_mut_val *list = json_set_array(doc, object, "verbs");

	for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
		if (!is_going || i < 4 || i == 7)
			json_append_str(doc, list, str_from(verbs[i]));
}

/* By which clients see that what is stored changes its form. Empty: it is not served in it. */
static struct str storage_hash_of(const struct kind *kind, struct buf *to)
{
	const struct kind *stored = kind_stored(kind);
	uint8_t digest[X509_SHA256_BYTES];
	char text[KIND_TEXT_BYTES];

	if (!(kind->flags & KIND_CUSTOM))
		return kind->storage_hash;
	if (!custom_version_of(stored)->is_served)
		return STR_NONE;
	snprintf(text, sizeof(text), STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(stored->group),
		 STR_ARG(stored->version), STR_ARG(stored->name));
	x509_sha256(str_from(text), digest);
	base64_encode(str_sub((const char *)digest, STORAGE_HASH_BYTES), to);
	return buf_str(to);
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
	AUTO_BUF text = { 0 };
	struct str hash;

	buf_init(&text, 64);
	json_set_str(doc, r, "name", kind->plural);
	json_set_str(doc, r, "singularName", kind->singular);
	json_set_bool(doc, r, "namespaced", kind_is_namespaced(kind));
	json_set_str(doc, r, "kind", kind->name);
	if (kind->flags & KIND_CUSTOM)
		add_custom_verbs(doc, r, kind);
	else
		add_verbs(doc, r, kind->verbs);
	add_words(doc, r, "shortNames", kind->short_names);
	add_words(doc, r, "categories", kind->categories);
	hash = storage_hash_of(kind, &text);
	if (hash.len)
		json_set_str(doc, r, "storageVersionHash", hash);
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
	AUTO_JSON_MUT doc = new_document("APIResourceList", group.len ? "v1" : "", &root);
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
	if (kind->flags & KIND_CUSTOM)
		add_custom_verbs(doc, r, kind);
	else
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

static void add_own_resources(const struct kind_set *set, yyjson_mut_doc *doc, yyjson_mut_val *list,
			      const struct api_group_version *v)
{
	for (size_t i = 0; i < set->kind_count; i++)
		if (is_served(set->kinds[i]) && str_eq(set->kinds[i]->group, v->group) &&
		    str_eq(set->kinds[i]->version, v->version))
			add_aggregated_resource(doc, list, set->kinds[i]);
}

/* --- of other servers: their lists in the other form --- */

static void copy_kind(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_val *from,
		      const struct api_group_version *v)
{
	struct str group = json_get_str(from, "group"), version = json_get_str(from, "version");

	add_response_kind(doc, to, version.len ? group : v->group,
			  version.len ? version : v->version, json_get_str(from, "kind"));
	json_set(doc, to, "verbs", json_copy(doc, json_get(from, "verbs")));
}

static void copy_list(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_val *from, const char *key)
{
	if (json_get_count(from, key))
		json_set(doc, to, key, json_copy(doc, json_get(from, key)));
}

static yyjson_mut_val *find_resource(yyjson_mut_val *list, struct str name)
{
	JSON_MUT_EACH (r, list)
		if (str_eq(json_mut_get_str(r, "resource"), name))
			return r;
	return NULL;
}

/* A subresource may be listed where its resource is not. */
static yyjson_mut_val *need_resource(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_val *from,
				     struct str name)
{
	yyjson_mut_val *r = find_resource(list, name);

	if (r)
		return r;
	r = json_append_object(doc, list);
	json_set_str(doc, r, "resource", name);
	json_set_str(doc, r, "scope",
		     json_get_bool(from, "namespaced", false) ? STR("Namespaced") : STR("Cluster"));
	json_set_array(doc, r, "verbs");
	return r;
}

static void add_remote_resources(yyjson_mut_doc *doc, yyjson_mut_val *list,
				 const struct api_group_version *v)
{
	yyjson_val *resources = json_get(aggregation_resources(v->remote), "resources");

	JSON_EACH (from, resources) {
		struct str name = json_get_str(from, "name"), head, tail;
		yyjson_mut_val *r, *sub;

		if (str_cut(name, '/', &head, &tail)) {
			r = need_resource(doc, list, from, head);
			sub = json_append_object(doc, json_ensure_array(doc, r, "subresources"));
			json_set_str(doc, sub, "subresource", tail);
			copy_kind(doc, sub, from, v);
			continue;
		}
		r = need_resource(doc, list, from, name);
		json_set_str(doc, r, "singularResource", json_get_str(from, "singularName"));
		copy_kind(doc, r, from, v);
		copy_list(doc, r, from, "shortNames");
		copy_list(doc, r, from, "categories");
	}
}

static void add_aggregated_version(const struct kind_set *set, yyjson_mut_doc *doc,
				   yyjson_mut_val *list, const struct api_group_version *v)
{
	yyjson_mut_val *to = json_append_object(doc, list), *resources;
	bool is_fresh = !v->remote || aggregation_is_fresh(v->remote);

	json_set_str(doc, to, "version", v->version);
	json_set_str(doc, to, "freshness", is_fresh ? STR("Current") : STR("Stale"));
	resources = json_set_array(doc, to, "resources");
	if (v->remote)
		add_remote_resources(doc, resources, v);
	else
		add_own_resources(set, doc, resources, v);
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

void discovery_aggregated(const struct discovery_view *view, bool core, struct buf *to)
{
	static const struct api_group_version core_v1 = { .group = STR_INIT(""),
							  .version = STR_INIT("v1") };
	yyjson_mut_val *root, *items, *versions = NULL;
	struct str group = STR_NONE;
	AUTO_JSON_MUT doc = new_document("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2", &root);

	(void)json_set_object(doc, root, "metadata"); /* always there, and empty */
	items = json_set_array(doc, root, "items");
	if (core)
		add_aggregated_version(view->set, doc, add_aggregated_group(doc, items, STR("")),
				       &core_v1);
	for (size_t i = 0; !core && i < view->count; i++) {
		if (!is_shown(view, i))
			continue;
		if (!versions || !str_eq(view->list[i].group, group))
			versions = add_aggregated_group(doc, items, view->list[i].group);
		group = view->list[i].group;
		add_aggregated_version(view->set, doc, versions, &view->list[i]);
	}
	json_mut_write(root, to);
}
