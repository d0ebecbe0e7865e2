/* SPDX-License-Identifier: Apache-2.0 */
/* /images: list, inspect, tag, remove. */
#include "base/mem.h"
#include "base/time.h"
#include "codec/json.h"
#include "engine/engine_internal.h"
#include "image/image.h"
#include "image/reference.h"

/* Docker shows "nginx:1", not "docker.io/library/nginx:1". */
static struct str familiar(struct arena *arena, struct str name)
{
	struct reference reference;

	return reference_parse(name, arena, &reference, NULL) < 0 ? name : reference.familiar;
}

static void put_names(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		      const struct str_list *names, struct arena *arena)
{
	yyjson_mut_val *list = json_set_array(doc, object, key);

	for (size_t i = 0; i < names->count; i++)
		json_append_str(doc, list, familiar(arena, names->items[i]));
}

static void put_pairs(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
		      const struct oci_pair *pairs, size_t count)
{
	yyjson_mut_val *map = json_set_object(doc, object, key);

	for (size_t i = 0; i < count; i++)
		json_put_str(doc, map, pairs[i].key, pairs[i].value);
}

static void put_strings(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
			const struct str_list *strings)
{
	yyjson_mut_val *list = json_set_array(doc, object, key);

	for (size_t i = 0; i < strings->count; i++)
		json_append_str(doc, list, strings->items[i]);
}

struct listing {
	yyjson_mut_doc *doc;
	yyjson_mut_val *list;
	struct arena *arena;
};

static bool list_one(void *arg, struct image *image)
{
	struct listing *listing = arg;
	yyjson_mut_doc *doc = listing->doc;
	yyjson_mut_val *item = json_append_object(doc, listing->list);
	int64_t created_ns = 0;

	if (time_parse(image->config.created, &created_ns, NULL) < 0)
		created_ns = 0; /* an image need not say */
	json_set_str(doc, item, "Id", str_from(image->id));
	json_set_str(doc, item, "ParentId", STR(""));
	put_names(doc, item, "RepoTags", &image->names, listing->arena);
	put_names(doc, item, "RepoDigests", &image->digests, listing->arena);
	json_set_int(doc, item, "Created", created_ns / TIME_NS_PER_SECOND);
	json_set_int(doc, item, "Size", image->unpacked_bytes);
	json_set_int(doc, item, "SharedSize", -1);
	put_pairs(doc, item, "Labels", image->config.labels, image->config.label_count);
	json_set_int(doc, item, "Containers", -1);
	return true;
}

void images_list(struct engine_request *request)
{
	struct listing listing = { .doc = json_new(), .arena = &request->x->arena };

	listing.list = yyjson_mut_arr(listing.doc);
	yyjson_mut_doc_set_root(listing.doc, listing.list);
	image_walk(request->engine->images, list_one, &listing);
	answer_json(request->x, 200, listing.doc);
}

static void put_config(yyjson_mut_doc *doc, yyjson_mut_val *root,
		       const struct oci_image_config *config)
{
	yyjson_mut_val *object = json_set_object(doc, root, "Config"), *map;

	json_set_str(doc, object, "User", config->user);
	json_set_str(doc, object, "WorkingDir", config->working_dir);
	put_strings(doc, object, "Env", &config->env);
	put_strings(doc, object, "Cmd", &config->cmd);
	put_strings(doc, object, "Entrypoint", &config->entrypoint);
	put_pairs(doc, object, "Labels", config->labels, config->label_count);
	if (config->stop_signal.len)
		json_set_str(doc, object, "StopSignal", config->stop_signal);
	map = json_set_object(doc, object, "ExposedPorts");
	for (size_t i = 0; i < config->exposed_ports.count; i++)
		json_put(doc, map, config->exposed_ports.items[i], yyjson_mut_obj(doc));
	map = json_set_object(doc, object, "Volumes");
	for (size_t i = 0; i < config->volumes.count; i++)
		json_put(doc, map, config->volumes.items[i], yyjson_mut_obj(doc));
}

void images_inspect(struct engine_request *request)
{
	struct err err = { 0 };
	struct image *image = image_find(request->engine->images, request->name, &err);
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *layers;

	if (!image) {
		answer_error(request->x, &err);
		return;
	}
	doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	json_set_str(doc, root, "Id", str_from(image->id));
	put_names(doc, root, "RepoTags", &image->names, &request->x->arena);
	put_names(doc, root, "RepoDigests", &image->digests, &request->x->arena);
	json_set_str(doc, root, "Created", image->config.created);
	json_set_str(doc, root, "Author", image->config.author);
	put_config(doc, root, &image->config);
	json_set_str(doc, root, "Architecture", image->config.architecture);
	json_set_str(doc, root, "Os", image->config.os);
	json_set_int(doc, root, "Size", image->unpacked_bytes);
	layers = json_set_object(doc, root, "RootFS");
	json_set_str(doc, layers, "Type", STR("layers"));
	put_strings(doc, layers, "Layers", &image->config.diff_ids);
	answer_json(request->x, 200, doc);
}

/* --- changes: answered when durable --- */

struct change_job {
	struct engine_job job;
	struct image_change change;
	struct http_exchange *x;
	struct str reference;
	char id[IMAGE_DIGEST_BYTES];
	bool removes;
};

static void change_cancel(struct engine_job *job)
{
	/* It is short and cannot be broken off: engine_stop waits for it. */
}

static void answer_removed(struct change_job *job)
{
	yyjson_mut_doc *doc = json_new();
	yyjson_mut_val *list = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, list);
	json_set_str(doc, json_append_object(doc, list), "Untagged", job->reference);
	if (job->change.removed_image)
		json_set_str(doc, json_append_object(doc, list), "Deleted", str_from(job->id));
	answer_json(job->x, 200, doc);
}

static void on_changed(struct image_change *change, const struct err *err)
{
	struct change_job *job = change->owner;

	if (err)
		answer_error(job->x, err);
	else if (job->removes)
		answer_removed(job);
	else
		answer_empty(job->x, 201);
	engine_job_end(&job->job);
	mem_free(job);
}

static struct change_job *change_new(struct engine_request *request, struct str reference)
{
	struct change_job *job = NEW(struct change_job);

	job->x = request->x;
	job->reference = familiar(&request->x->arena, reference);
	job->change = (struct image_change){ .done = on_changed, .owner = job };
	engine_job_begin(request->engine, &job->job, change_cancel);
	return job;
}

void images_remove(struct engine_request *request)
{
	struct err err = { 0 };
	struct image *image = image_find(request->engine->images, request->name, &err);
	struct change_job *job;

	if (!image) {
		answer_error(request->x, &err);
		return;
	}
	job = change_new(request, request->name);
	job->removes = true;
	memcpy(job->id, image->id, sizeof(job->id));
	image_remove(request->engine->images, &job->change, request->name);
}

void images_tag(struct engine_request *request)
{
	struct err err = { 0 };
	struct image *image = image_find(request->engine->images, request->name, &err);
	struct str repo, tag;

	if (!image) {
		answer_error(request->x, &err);
		return;
	}
	if (!query_text(request, "repo", &repo) || !query_text(request, "tag", &tag))
		return;
	if (tag.len)
		repo = str_printf_in(&request->x->arena, STR_FMT ":" STR_FMT, STR_ARG(repo),
				     STR_ARG(tag));
	image_tag(request->engine->images, &change_new(request, repo)->change, image, repo);
}
