/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images.json: which manifests are images and what they are called. It is replaced as a whole, durably, one write at a
 * time; changes made while one runs go into the next. What it does not name is swept from disk: after it was written,
 * when no pull or import runs, and at start-up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "image/limits.h"
#include "image/reference.h"
#include "image/store_internal.h"
#include "oci/image_manifest.h"

#define METADATA_NAME "images.json"
#define METADATA_VERSION 1

static void load_names(struct image_store *s, struct entry *e, yyjson_val *list)
{
	JSON_EACH(item, list) {
		if (yyjson_is_str(item) && e->image.names.count < IMAGE_NAMES_MAX)
			store_name(s, e, json_str(item));
	}
}

static void load_image(struct image_store *s, yyjson_val *item)
{
	struct err err = { 0 };
	struct entry *e;
	bool is_new;

	if (entry_build(s, json_get_str(item, "manifest"), json_get_str(item, "index"), &e, &err) < 0) {
		log_warn("image", "forgetting image " STR_FMT ": %s", STR_ARG(json_get_str(item, "manifest")), err.msg);
		return;
	}
	e = store_add(s, e, &is_new);
	e->image.removed = json_get_bool(item, "removed", false);
	load_names(s, e, json_get(item, "names"));
	load_names(s, e, json_get(item, "digests"));
}

int metadata_load(struct image_store *s, struct err *err)
{
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;

	buf_init(&text, IMAGE_INDEX_BYTES_MAX);
	if (faccessat(s->dir_fd, METADATA_NAME, F_OK, 0) < 0)
		return errno == ENOENT ? 0 : err_os(err, METADATA_NAME);
	if (fd_read_file(s->dir_fd, METADATA_NAME, IMAGE_INDEX_BYTES_MAX, &text, err) < 0)
		return -1;
	doc = json_parse(buf_str(&text), IMAGE_INDEX_BYTES_MAX, err);
	if (!doc)
		return err_wrap(err, "%s/" METADATA_NAME, s->dir_path);
	if (json_get_int(yyjson_doc_get_root(doc), "version", 0) != METADATA_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "%s/" METADATA_NAME ": unknown version", s->dir_path);
	JSON_EACH(item, json_get(yyjson_doc_get_root(doc), "images"))
		load_image(s, item);
	return 0;
}

static void put_list(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, const struct str_list *list)
{
	yyjson_mut_val *array = json_set_array(doc, to, key);

	for (size_t i = 0; i < list->count; i++)
		json_append_str(doc, array, list->items[i]);
}

struct encode {
	yyjson_mut_doc *doc;
	yyjson_mut_val *list;
};

static bool encode_entry(void *arg, struct str key, void *value)
{
	struct encode *to = arg;
	struct entry *e = value;
	yyjson_mut_val *item = json_append_object(to->doc, to->list);

	(void)key;
	json_set_str(to->doc, item, "manifest", str_from(e->image.manifest));
	if (e->index.len)
		json_set_str(to->doc, item, "index", e->index);
	put_list(to->doc, item, "names", &e->image.names);
	put_list(to->doc, item, "digests", &e->image.digests);
	if (e->image.removed)
		json_set_bool(to->doc, item, "removed", true);
	return true;
}

static void metadata_encode(struct image_store *s, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct encode encode = { doc, NULL };

	json_set_int(doc, root, "version", METADATA_VERSION);
	encode.list = json_set_array(doc, root, "images");
	omap_walk_prefix(&s->by_id, STR(""), encode_entry, &encode);
	json_mut_write(root, to);
}

static void commit_run(struct work *work)
{
	struct image_store *s = CONTAINER_OF(work, struct image_store, commit_work);

	s->commit_failed = buf_check(&s->commit_text, METADATA_NAME, &s->commit_err) < 0 ||
			   fd_replace_file(s->dir_fd, METADATA_NAME, buf_str(&s->commit_text), 0600, true,
					   &s->commit_err) < 0;
}

static void commit_start(struct image_store *s);

static void commit_done(struct work *work)
{
	struct image_store *s = CONTAINER_OF(work, struct image_store, commit_work);
	struct err err = s->commit_err;
	bool failed = s->commit_failed;
	struct list ended, *node;

	list_init(&ended);
	while ((node = list_pop_front(&s->commit_running)))
		list_push_back(&ended, node);
	s->committing = false;
	if (failed)
		log_error("image", "%s", err.msg);
	if (!list_is_empty(&s->commit_waiting))
		commit_start(s);
	while ((node = list_pop_front(&ended))) {
		struct commit *commit = LIST_ENTRY(node, struct commit, link);

		commit->done(commit, failed ? &err : NULL);
	}
	store_try_sweep(s);
}

static void commit_start(struct image_store *s)
{
	struct list *node;

	while ((node = list_pop_front(&s->commit_waiting)))
		list_push_back(&s->commit_running, node);
	s->committing = true;
	buf_reset(&s->commit_text);
	metadata_encode(s, &s->commit_text);
	s->commit_work.run = commit_run;
	s->commit_work.done = commit_done;
	env_work(s->env, &s->commit_work);
}

static void nobody_waits(struct commit *commit, const struct err *err)
{
	(void)err; /* logged; the next write has it, too */
	mem_free(commit);
}

void store_commit(struct image_store *s, struct commit *commit)
{
	if (!commit) {
		commit = NEW(struct commit);
		commit->done = nobody_waits;
	}
	list_push_back(&s->commit_waiting, &commit->link);
	if (!s->committing)
		commit_start(s);
}

int store_sync(struct image_store *s, struct err *err)
{
	if (syncfs(s->dir_fd) < 0)
		return err_os(err, "sync image store");
	return 0;
}

/* --- the sweep --- */

static bool keep_entry(void *arg, struct str key, void *value)
{
	struct image_store *s = arg;
	struct entry *e = value;

	(void)key;
	for (size_t i = 0; i < e->blobs.count; i++)
		(void)map_put(&s->sweep_keep, e->blobs.items[i], s);
	for (size_t i = 0; i < e->chains.count; i++)
		(void)map_put(&s->sweep_keep, e->chains.items[i], s);
	if (e->index.len)
		(void)map_put(&s->sweep_keep, e->index, s);
	return true;
}

static bool is_kept(void *arg, struct str digest)
{
	struct image_store *s = arg;

	return map_get(&s->sweep_keep, digest) != NULL;
}

static void collect_kept(struct image_store *s)
{
	map_deinit(&s->sweep_keep);
	map_init(&s->sweep_keep);
	omap_walk_prefix(&s->by_id, STR(""), keep_entry, s);
}

static int sweep_content(struct image_store *s, struct err *err)
{
	AUTO_FD fd = openat(s->content.blobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int r = 0;

	if (!dir)
		return err_os(err, "list content");
	(void)fd_take(&fd); /* the DIR's now */
	while ((e = readdir(dir))) {
		char digest[IMAGE_DIGEST_BYTES + 256];

		if (e->d_name[0] == '.')
			continue;
		snprintf(digest, sizeof(digest), "sha256:%s", e->d_name);
		if (oci_digest_is_valid(str_from(digest)) && !is_kept(s, str_from(digest)) &&
		    content_remove(&s->content, str_from(digest), err) < 0)
			r = -1;
	}
	closedir(dir);
	return r;
}

int store_sweep_now(struct image_store *s, struct err *err)
{
	collect_kept(s);
	if (layers_sweep(&s->layers, is_kept, s, err) < 0)
		return -1;
	return sweep_content(s, err);
}

static void sweep_run(struct work *work)
{
	struct image_store *s = CONTAINER_OF(work, struct image_store, sweep_work);
	struct err err = { 0 };

	if (layers_sweep(&s->layers, is_kept, s, &err) < 0 || sweep_content(s, &err) < 0)
		log_warn("image", "removing unused content: %s", err.msg);
}

static void sweep_done(struct work *work)
{
	struct image_store *s = CONTAINER_OF(work, struct image_store, sweep_work);
	struct list *node;

	s->sweeping = false;
	while ((node = list_pop_front(&s->held)))
		env_defer(s->env, LIST_ENTRY(node, struct task, link));
	store_try_sweep(s);
}

/* Alone with the files: nobody is adding any, and images.json no longer names what goes. */
void store_try_sweep(struct image_store *s)
{
	if (!s->sweep_wanted || s->sweeping || s->active || s->committing)
		return;
	s->sweep_wanted = false;
	s->sweeping = true;
	collect_kept(s);
	s->sweep_work.run = sweep_run;
	s->sweep_work.done = sweep_done;
	env_work(s->env, &s->sweep_work);
}

/* --- names and removal --- */

struct change {
	struct commit commit;
	struct image_change *request;
	struct task fail;
	struct err err;
	struct image_store *store;
};

static void change_committed(struct commit *commit, const struct err *err)
{
	struct change *c = CONTAINER_OF(commit, struct change, commit);

	if (c->request->done)
		c->request->done(c->request, err);
	store_try_sweep(c->store);
	mem_free(c);
}

static void change_failed(struct task *task)
{
	struct change *c = CONTAINER_OF(task, struct change, fail);

	if (c->request->done)
		c->request->done(c->request, &c->err);
	mem_free(c);
}

static struct change *change_new(struct image_store *s, struct image_change *request)
{
	struct change *c = NEW(struct change);

	c->store = s;
	c->request = request;
	c->commit.done = change_committed;
	task_init(&c->fail, change_failed);
	request->impl = c;
	request->removed_image = false;
	return c;
}

void image_tag(struct image_store *store, struct image_change *change, struct image *image, struct str reference)
{
	struct change *c = change_new(store, change);
	AUTO_ARENA arena = { 0 };
	struct reference r;

	arena_init(&arena, 1u << 20);
	if (reference_parse(reference, &arena, &r, &c->err) < 0) {
		env_defer(store->env, &c->fail);
		return;
	}
	if (r.digest.len || image->names.count >= IMAGE_NAMES_MAX) {
		err_set(&c->err, ERR_BAD_REQUEST, r.digest.len ? "refusing to create a tag with a digest reference" :
			"image has too many names");
		env_defer(store->env, &c->fail);
		return;
	}
	store_name(store, CONTAINER_OF(image, struct entry, image), r.full);
	store_commit(store, &c->commit);
}

static void remove_name(struct image_store *s, struct entry *e, struct str reference)
{
	AUTO_ARENA arena = { 0 };
	struct reference r;

	arena_init(&arena, 1u << 20);
	if (reference_parse(reference, &arena, &r, NULL) < 0)
		return;
	if (r.digest.len)
		r.full = str_printf_in(&arena, STR_FMT "@" STR_FMT, STR_ARG(r.name), STR_ARG(r.digest));
	if (map_get(&s->by_name, r.full) == e)
		entry_forget_name(s, e, r.full);
}

void image_remove(struct image_store *store, struct image_change *change, struct str reference)
{
	struct change *c = change_new(store, change);
	struct image *image = image_find(store, reference, &c->err);
	struct entry *e;
	size_t names_before;

	if (!image) {
		env_defer(store->env, &c->fail);
		return;
	}
	e = CONTAINER_OF(image, struct entry, image);
	names_before = image->names.count + image->digests.count;
	remove_name(store, e, reference);
	/* The last tag gone: repository digests alone do not keep it. Nothing taken away: it was an ID. */
	if (image->names.count == 0 || image->names.count + image->digests.count == names_before) {
		change->removed_image = true;
		entry_retire(store, e);
	}
	store_commit(store, &c->commit);
}
