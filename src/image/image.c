/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in the store: entries by ID, name and digest, and references to them. All on the loop, except entry_build.
 */
#include "image/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/limits.h"
#include "image/reference.h"
#include "image/store_internal.h"
#include "oci/image_manifest.h"

static struct entry *entry_of(const struct image *image)
{
	return CONTAINER_OF(image, struct entry, image);
}

static void sum_content(struct image_store *s, struct entry *e)
{
	for (size_t i = 0; i < e->blobs.count; i++) {
		int64_t size = content_size(&s->content, e->blobs.items[i]);

		e->image.size_bytes += size > 0 ? size : 0;
	}
}

static int entry_fill(struct image_store *s, struct entry *e, struct str manifest, struct err *err)
{
	struct install in = { .manifest = manifest, .arena = &e->arena };
	AUTO_BUF text = { 0 };
	struct str *blobs, *layers;
	size_t count;

	if (install_read(s, &in, err) < 0)
		return -1;
	count = in.blobs.count;
	buf_init(&text, OCI_IMAGE_CONFIG_BYTES_MAX);
	if (content_read(&s->content, in.config, OCI_IMAGE_CONFIG_BYTES_MAX, &text, err) < 0 ||
	    oci_image_config_decode(buf_str(&text), &e->arena, &e->image.config, err) < 0)
		return -1;
	blobs = arena_array(&e->arena, count + 2, sizeof(*blobs));
	layers = arena_array(&e->arena, count + 1, sizeof(*layers));
	blobs[0] = in.config;
	blobs[1] = str_in(&e->arena, manifest);
	for (size_t i = 0; i < count; i++) {
		int64_t bytes;

		blobs[2 + i] = in.blobs.items[i];
		if (layers_path(&s->layers, in.chains[i], &e->arena, &layers[count - 1 - i], &bytes, err) < 0)
			return -1;
		e->image.unpacked_bytes += bytes;
	}
	e->blobs = (struct str_list){ blobs, count + 2 };
	e->chains = (struct str_list){ in.chains, count };
	e->image.layers = (struct str_list){ layers, count };
	sum_content(s, e);
	if (str_copy_to(in.config, e->image.id, sizeof(e->image.id)) < 0 ||
	    str_copy_to(manifest, e->image.manifest, sizeof(e->image.manifest)) < 0)
		return err_set(err, ERR_INTERNAL, "digest too long");
	return 0;
}

int entry_build(struct image_store *s, struct str manifest, struct str index, struct entry **ret, struct err *err)
{
	struct entry *e = NEW(struct entry);

	arena_init(&e->arena, 64u << 20);
	e->store = s;
	if (entry_fill(s, e, manifest, err) < 0) {
		entry_free(e);
		return -1;
	}
	e->index = str_in(&e->arena, index);
	*ret = e;
	return 0;
}

static void free_strings(struct str *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free((void *)list[i].ptr);
	mem_free(list);
}

void entry_free(struct entry *e)
{
	if (!e)
		return;
	free_strings(e->names, e->image.names.count);
	free_strings(e->digests, e->image.digests.count);
	arena_deinit(&e->arena);
	mem_free(e);
}

static void list_add(struct str **list, struct str_list *view, struct str text)
{
	*list = mem_realloc_array(*list, view->count + 1, sizeof(**list));
	(*list)[view->count] = str_dup(text);
	*view = (struct str_list){ *list, view->count + 1 };
}

static bool list_remove_str(struct str *list, struct str_list *view, struct str text)
{
	for (size_t i = 0; i < view->count; i++) {
		if (!str_eq(list[i], text))
			continue;
		mem_free((void *)list[i].ptr);
		list[i] = list[view->count - 1];
		view->count--;
		return true;
	}
	return false;
}

void entry_forget_name(struct image_store *s, struct entry *e, struct str name)
{
	(void)map_remove(&s->by_name, name); /* e itself */
	if (!list_remove_str(e->names, &e->image.names, name))
		(void)list_remove_str(e->digests, &e->image.digests, name); /* one of the two has it */
}

void store_name(struct image_store *s, struct entry *e, struct str full_name)
{
	struct entry *before = map_get(&s->by_name, full_name);
	AUTO_FREE char *copy = str_dup_c(full_name);
	struct str name = str_from(copy);

	if (before == e)
		return;
	if (before)
		entry_forget_name(s, before, name);
	if (str_find_char(name, '@', 0) == SIZE_MAX)
		list_add(&e->names, &e->image.names, name);
	else
		list_add(&e->digests, &e->image.digests, name);
	(void)map_put(&s->by_name, name, e); /* nothing was there any more */
}

struct entry *store_add(struct image_store *s, struct entry *e, bool *ret_is_new)
{
	struct entry *there = omap_get(&s->by_id, str_from(e->image.id));

	*ret_is_new = !there;
	if (there) {
		there->image.removed = false;
		entry_free(e);
		return there;
	}
	(void)omap_put(&s->by_id, str_from(e->image.id), e);
	return e;
}

static void entry_unname_all(struct image_store *s, struct entry *e)
{
	while (e->image.names.count)
		entry_forget_name(s, e, e->image.names.items[0]);
	while (e->image.digests.count)
		entry_forget_name(s, e, e->image.digests.items[0]);
}

/* What is removed and not in use goes; its files follow with the next sweep. */
static void store_drop_unused(struct image_store *s, struct entry *e)
{
	if (!e->image.removed || e->refs)
		return;
	entry_unname_all(s, e);
	(void)omap_remove(&s->by_id, str_from(e->image.id));
	entry_free(e);
	s->sweep_wanted = true;
}

void entry_retire(struct image_store *s, struct entry *e)
{
	entry_unname_all(s, e);
	e->image.removed = true;
	store_drop_unused(s, e);
}

struct image *image_ref(struct image *image)
{
	entry_of(image)->refs++;
	return image;
}

void image_unref(struct image *image)
{
	struct entry *e;

	if (!image)
		return;
	e = entry_of(image);
	ASSERT(e->refs > 0);
	if (--e->refs == 0 && e->image.removed) {
		struct image_store *s = e->store;

		store_drop_unused(s, e);
		store_commit(s, NULL); /* the sweep follows it */
	}
}

struct image *image_by_id(struct image_store *store, struct str id)
{
	struct entry *e = omap_get(&store->by_id, id);

	return e ? &e->image : NULL;
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	}
	return s.len > 0;
}

struct prefix_search {
	struct entry *found;
	size_t count;
};

static bool prefix_found(void *arg, struct str key, void *value)
{
	struct prefix_search *p = arg;
	struct entry *e = value;

	(void)key;
	if (!e->image.removed) {
		p->found = e;
		p->count++;
	}
	return p->count < 2;
}

/* An ID or the beginning of one, with or without "sha256:". */
static struct entry *find_by_id(struct image_store *s, struct str text, struct err *err)
{
	struct prefix_search search = { 0 };
	char id[IMAGE_DIGEST_BYTES];
	struct str hex = text;

	str_strip_prefix(&hex, STR("sha256:"));
	if (hex.len < 4 || hex.len > 64 || !is_hex(hex))
		return NULL;
	snprintf(id, sizeof(id), "sha256:" STR_FMT, STR_ARG(hex));
	omap_walk_prefix(&s->by_id, str_from(id), prefix_found, &search);
	if (search.count > 1) {
		err_set(err, ERR_BAD_REQUEST, "image ID prefix \"" STR_FMT "\" is ambiguous", STR_ARG(text));
		return NULL;
	}
	return search.found;
}

static struct entry *find_by_name(struct image_store *s, struct str text, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct reference r;
	struct str name;

	arena_init(&arena, 1u << 20);
	if (reference_parse(text, &arena, &r, err) < 0)
		return NULL;
	name = r.full;
	if (r.digest.len) /* a tag beside a digest says nothing */
		name = str_printf_in(&arena, STR_FMT "@" STR_FMT, STR_ARG(r.name), STR_ARG(r.digest));
	return map_get(&s->by_name, name);
}

struct image *image_find(struct image_store *store, struct str reference, struct err *err)
{
	struct err why = { 0 };
	struct entry *e = NULL;
	bool is_id = oci_digest_is_valid(reference) || (reference.len == 64 && is_hex(reference));

	if (!is_id)
		e = find_by_name(store, reference, &why);
	if (!e && why.code != ERR_NONE && !is_hex(reference)) {
		if (err)
			*err = why;
		return NULL;
	}
	why.code = ERR_NONE;
	if (!e)
		e = find_by_id(store, reference, &why);
	if (e)
		return &e->image;
	if (why.code != ERR_NONE) {
		if (err)
			*err = why;
		return NULL;
	}
	err_set(err, ERR_NOT_FOUND, "No such image: " STR_FMT, STR_ARG(str_slice(reference, 0, 300)));
	return NULL;
}

struct walk {
	bool (*fn)(void *arg, struct image *image);
	void *arg;
};

static bool walk_entry(void *arg, struct str key, void *value)
{
	struct walk *w = arg;
	struct entry *e = value;

	(void)key;
	return e->image.removed || w->fn(w->arg, &e->image);
}

void image_walk(struct image_store *store, bool (*fn)(void *arg, struct image *image), void *arg)
{
	struct walk w = { fn, arg };

	omap_walk_prefix(&store->by_id, STR(""), walk_entry, &w);
}

static bool add_usage(void *arg, struct image *image)
{
	struct image_usage *u = arg;

	u->content_bytes += image->size_bytes;
	u->layer_bytes += image->unpacked_bytes;
	u->image_count++;
	return true;
}

void image_store_usage(const struct image_store *store, struct image_usage *ret)
{
	*ret = (struct image_usage){ 0 };
	image_walk((struct image_store *)store, add_usage, ret);
}

static int store_init(struct image_store *s, struct err *err)
{
	s->dir_path = mem_printf("%s/image", s->options.data_dir);
	if (fd_make_dirs(AT_FDCWD, s->dir_path, 0700, err) < 0)
		return -1;
	s->dir_fd = open(s->dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_os(err, "open %s", s->dir_path);
	if (content_init(&s->content, s->dir_fd, "content", err) < 0 ||
	    layers_init(&s->layers, s->dir_fd, s->dir_path, err) < 0 || metadata_load(s, err) < 0)
		return -1;
	return store_sweep_now(s, err);
}

int image_store_open(const struct image_store_options *options, struct image_store **ret, struct err *err)
{
	struct image_store *s = NEW(struct image_store);

	s->options = *options;
	s->env = options->env;
	s->dir_fd = s->content.blobs_fd = s->content.ingest_fd = s->layers.layers_fd = s->layers.links_fd = -1;
	s->insecure = mem_calloc(options->insecure_registry_count + 1, sizeof(*s->insecure));
	for (size_t i = 0; i < options->insecure_registry_count; i++)
		s->insecure[i] = str_dup(options->insecure_registries[i]);
	omap_init(&s->by_id);
	map_init(&s->by_name);
	map_init(&s->sweep_keep);
	list_init(&s->commit_waiting);
	list_init(&s->commit_running);
	list_init(&s->held);
	buf_init(&s->commit_text, IMAGE_INDEX_BYTES_MAX);
	if (store_init(s, err) < 0) {
		err_wrap(err, "image store");
		image_store_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

bool image_store_is_idle(const struct image_store *store)
{
	return store->active == 0 && !store->committing && !store->sweeping;
}

static bool free_entry(void *arg, struct str key, void *value)
{
	(void)arg;
	(void)key;
	entry_free(value);
	return true;
}

void image_store_close(struct image_store *store)
{
	if (!store)
		return;
	ASSERT(image_store_is_idle(store));
	omap_walk_prefix(&store->by_id, STR(""), free_entry, NULL);
	omap_deinit(&store->by_id);
	map_deinit(&store->by_name);
	map_deinit(&store->sweep_keep);
	buf_deinit(&store->commit_text);
	free_strings(store->insecure, store->options.insecure_registry_count);
	content_deinit(&store->content);
	layers_deinit(&store->layers);
	fd_close(&store->dir_fd);
	mem_free(store->dir_path);
	mem_free(store);
}

void image_store_settle(struct image_store *store)
{
	struct str key = STR(""), next;
	void *value;

	store->settled = true;
	while (omap_after(&store->by_id, key, &next, &value)) {
		struct entry *e = value;
		bool gone = e->image.removed && e->refs == 0;

		if (gone) {
			store_drop_unused(store, e);
			key = STR("");
		} else {
			key = next;
		}
	}
	if (store->sweep_wanted)
		store_commit(store, NULL);
}

void store_enter(struct image_store *s, struct task *start)
{
	s->active++;
	if (s->sweeping)
		list_push_back(&s->held, &start->link);
	else
		env_defer(s->env, start);
}

void store_leave(struct image_store *s)
{
	ASSERT(s->active > 0);
	s->active--;
	store_try_sweep(s);
}
