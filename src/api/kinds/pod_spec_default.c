/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of pod specs that follow from other fields: pull policies, requests from limits, volumes
 * without a source. */
#include "api/kinds/pod_spec.h"

#include "api/quantity.h"

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

/* No tag or "latest" and no digest. */
static bool is_latest(struct str image)
{
	size_t slash = str_rfind_char(image, '/'), colon;
	struct str name = slash == SIZE_MAX ? image : str_slice(image, slash + 1, image.len);

	if (str_find_char(name, '@', 0) != SIZE_MAX)
		return false;
	colon = str_rfind_char(name, ':');
	return colon == SIZE_MAX || str_eq_c(str_slice(name, colon + 1, name.len), "latest");
}

static void default_pull_policy(yyjson_mut_doc *doc, yyjson_mut_val *holder, const char *key,
				struct str image)
{
	if (!json_mut_get_str(holder, key).len)
		json_set_str(doc, holder, key,
			     is_latest(image) ? STR("Always") : STR("IfNotPresent"));
}

static void default_requests(yyjson_mut_doc *doc, yyjson_mut_val *container)
{
	yyjson_mut_val *resources = yyjson_mut_obj_get(container, "resources");
	yyjson_mut_val *limits = yyjson_mut_obj_get(resources, "limits"), *requests;

	if (!yyjson_mut_obj_size(limits))
		return;
	requests = json_ensure_object(doc, resources, "requests");
	json_fill(doc, requests, limits);
}

/* ---- of the pod as a whole ---- */

static bool is_of_pods(struct str name)
{
	return str_eq_c(name, "cpu") || str_eq_c(name, "memory") ||
	       str_has_prefix(name, STR("hugepages-"));
}

void pod_spec_add_up(yyjson_mut_val *spec, const char *path, struct arena *arena,
		     struct json_index *ret_sums)
{
	json_index_init(ret_sums, 0);
	JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, "containers")) {
		JSON_MUT_MEMBERS (key, value, json_mut_get(container, path)) {
			struct quantity *sum = json_index_get(ret_sums, json_mut_str(key)), one;

			if (!sum) {
				sum = ARENA_NEW(arena, struct quantity);
				*sum = quantity_of(0, QUANTITY_DECIMAL_SI);
				(void)json_index_add(ret_sums, json_mut_str(key), sum);
			}
			if (quantity_parse(json_mut_str(value), &one, NULL) == 0)
				quantity_add(sum, &one);
		}
	}
}

/* Puts what containers have in all of what the list does not name. */
static void fill_sums(yyjson_mut_doc *doc, yyjson_mut_val *spec, yyjson_mut_val *list,
		      const char *path, bool pages_only)
{
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_INDEX sums = { .slots = NULL };
	AUTO_JSON_INDEX there = { .slots = NULL };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	pod_spec_add_up(spec, path, &arena, &sums);
	json_index_init_members_mut(&there, list);
	JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, "containers")) {
		JSON_MUT_MEMBERS (key, value, json_mut_get(container, path)) {
			struct str name = json_mut_str(key);
			char text[QUANTITY_TEXT_BYTES];

			if (!is_of_pods(name) ||
			    (pages_only && !str_has_prefix(name, STR("hugepages-"))) ||
			    json_index_add(&there, name, value))
				continue;
			(void)quantity_format(json_index_get(&sums, name), text);
			yyjson_mut_obj_add(list, json_mut_copy(doc, key),
					   json_new_str(doc, str_from(text)));
		}
	}
}

/* Requests that are not given are what is limited. */
static void fill_requests(yyjson_mut_doc *doc, yyjson_mut_val *requests, yyjson_mut_val *limits)
{
	AUTO_JSON_INDEX there = { .slots = NULL };

	json_index_init_members_mut(&there, requests);
	JSON_MUT_MEMBERS (key, value, limits)
		if (is_of_pods(json_mut_str(key)) && !json_index_get(&there, json_mut_str(key)))
			yyjson_mut_obj_add(requests, json_mut_copy(doc, key),
					   json_mut_copy(doc, value));
}

static void default_pod_amounts(yyjson_mut_doc *doc, yyjson_mut_val *spec)
{
	yyjson_mut_val *resources = yyjson_mut_obj_get(spec, "resources"), *limits, *requests;

	if (!yyjson_mut_is_obj(resources))
		return;
	limits = yyjson_mut_obj_get(resources, "limits");
	if (yyjson_mut_obj_size(limits)) {
		requests = json_ensure_object(doc, resources, "requests");
		fill_sums(doc, spec, requests, "resources.requests", false);
		fill_requests(doc, requests, limits);
	}
	limits = json_ensure_object(doc, resources, "limits");
	fill_sums(doc, spec, limits, "resources.limits", true);
	if (!yyjson_mut_obj_size(limits))
		(void)json_remove(resources, STR("limits")); /* the doc owns it */
}

/* ---- parts ---- */

static void default_host_ports(yyjson_mut_doc *doc, yyjson_mut_val *container)
{
	JSON_MUT_EACH (port, yyjson_mut_obj_get(container, "ports")) {
		if (!json_mut_get_int(port, "hostPort", 0))
			json_set_int(doc, port, "hostPort",
				     json_mut_get_int(port, "containerPort", 0));
	}
}

static void default_volume(yyjson_mut_doc *doc, yyjson_mut_val *volume)
{
	yyjson_mut_val *image = yyjson_mut_obj_get(volume, "image");
	size_t sources = yyjson_mut_obj_size(volume) - (yyjson_mut_obj_get(volume, "name") != NULL);

	if (!sources)
		(void)json_set_object(doc, volume, "emptyDir");
	if (yyjson_mut_is_obj(image))
		default_pull_policy(doc, image, "pullPolicy", json_mut_get_str(image, "reference"));
}

static void mirror(yyjson_mut_doc *doc, yyjson_mut_val *spec, const char *a, const char *b)
{
	struct str x = json_mut_get_str(spec, a), y = json_mut_get_str(spec, b);

	if (x.len)
		json_set_str(doc, spec, b, x);
	else if (y.len)
		json_set_str(doc, spec, a, y);
}

void pod_spec_default(yyjson_mut_doc *doc, yyjson_mut_val *spec, bool is_pod)
{
	bool host_network = json_mut_get_bool(spec, "hostNetwork", false);

	if (!yyjson_mut_is_obj(spec))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i])) {
			default_pull_policy(doc, container, "imagePullPolicy",
					    json_mut_get_str(container, "image"));
			if (is_pod)
				default_requests(doc, container);
			if (is_pod && host_network)
				default_host_ports(doc, container);
		}
	}
	JSON_MUT_EACH (volume, yyjson_mut_obj_get(spec, "volumes"))
		default_volume(doc, volume);
	mirror(doc, spec, "serviceAccountName", "serviceAccount");
	if (is_pod)
		default_pod_amounts(doc, spec);
	if (is_pod && !yyjson_mut_obj_get(spec, "enableServiceLinks"))
		json_set_bool(doc, spec, "enableServiceLinks", true);
}

void pod_template_default(struct edit *e, const char *path)
{
	yyjson_mut_val *template = json_mut_get(e->root, path);

	pod_spec_default(e->doc, yyjson_mut_obj_get(template, "spec"), false);
}

/* ---- quality of service ---- */

struct sums {
	struct quantity cpu, memory;
	bool has_cpu, has_memory;
};

static bool add_positive(struct quantity *sum, bool *has, yyjson_mut_val *list, const char *key)
{
	struct quantity q;

	if (quantity_parse(json_mut_get_str(list, key), &q, NULL) < 0 || q.nano <= 0)
		return false;
	quantity_add(sum, &q);
	*has = true;
	return true;
}

const char *pod_spec_qos(yyjson_mut_val *spec)
{
	struct sums requests = { .has_cpu = false }, limits = { .has_cpu = false };
	bool guaranteed = true;

	for (size_t i = 0; i < 2; i++) {
		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, container_lists[i])) {
			yyjson_mut_val *asked = json_mut_get(container, "resources.requests");
			yyjson_mut_val *allowed = json_mut_get(container, "resources.limits");
			bool cpu, memory;

			(void)add_positive(&requests.cpu, &requests.has_cpu, asked, "cpu");
			(void)add_positive(&requests.memory, &requests.has_memory, asked, "memory");
			cpu = add_positive(&limits.cpu, &limits.has_cpu, allowed, "cpu");
			memory = add_positive(&limits.memory, &limits.has_memory, allowed,
					      "memory");
			guaranteed &= cpu && memory;
		}
	}
	if (!requests.has_cpu && !requests.has_memory && !limits.has_cpu && !limits.has_memory)
		return "BestEffort";
	if (guaranteed && requests.has_cpu && requests.has_memory &&
	    !quantity_cmp(&requests.cpu, &limits.cpu) &&
	    !quantity_cmp(&requests.memory, &limits.memory))
		return "Guaranteed";
	return "Burstable";
}
