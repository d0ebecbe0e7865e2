/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pull. Stages run on worker threads and are strung together on the loop:
 *
 *   RESOLVE (manifest, config) -> FETCH (layers, a few at once; each is unpacked when those below
 * it are)
 *   -> BUILD (sync, entry) -> commit of images.json -> done
 *
 * Any failure or cancellation stops what runs and, once nothing runs any more, ends the pull. What
 * was stored by then is swept unless an image needs it.
 */
#include <stdatomic.h>
#include "base/assert.h"
#include "base/mem.h"
#include "image/limits.h"
#include "image/registry.h"
#include "image/store_internal.h"
#include "oci/image_manifest.h"

enum fetch_state { FETCH_WAITING, FETCH_RUNNING, FETCH_DONE };

struct fetch {
	struct work work;
	struct pull *pull;
	size_t index;
	enum fetch_state state;
	bool existed;
	struct registry *registry; /* while running */
	_Atomic int64_t done_bytes;
	int64_t reported_bytes;
	bool failed;
	struct err err;
};

struct pull {
	struct image_pull *request;
	struct image_store *store;
	struct arena arena;
	struct reference reference;
	struct image_auth auth;
	struct oci_platform platform;
	struct task start;
	struct timer progress;
	atomic_bool cancel;
	bool failed;
	struct err err;
	unsigned running; /* works */

	struct work resolve;
	bool resolve_failed;
	struct err resolve_err;	      /* of resolve and build */
	struct registry *registry;    /* while resolving */
	char top[IMAGE_DIGEST_BYTES]; /* what the name stands for: manifest or index */
	char manifest[IMAGE_DIGEST_BYTES];
	struct str token;
	bool plain;
	struct install install;

	struct fetch *fetches;
	size_t fetch_count, fetch_next, unpack_next;
	bool unpacking;
	struct work unpack, build;
	struct entry *entry;
	struct commit commit;
};

static void pull_advance(struct pull *p);

static void pull_fail(struct pull *p, const struct err *err)
{
	if (!p->failed) {
		p->failed = true;
		p->err = *err;
	}
	atomic_store(&p->cancel, true);
	if (p->registry)
		registry_cancel(p->registry);
	for (size_t i = 0; i < p->fetch_count; i++) {
		if (p->fetches[i].registry)
			registry_cancel(p->fetches[i].registry);
	}
}

static void pull_free(struct pull *p)
{
	timer_stop(&p->progress);
	mem_free(p->fetches);
	arena_deinit(&p->arena);
	mem_free(p);
}

static void pull_end(struct pull *p, struct image *image)
{
	struct image_pull *request = p->request;
	struct image_store *s = p->store;
	struct err err = p->err;
	bool failed = p->failed;

	if (failed && err.code != ERR_CANCELLED && p->reference.full.len)
		err_wrap(&err, "failed to pull and unpack image \"" STR_FMT "\"",
			 STR_ARG(p->reference.full));
	pull_free(p);
	request->impl = NULL;
	s->sweep_wanted |= failed;
	request->done(request, failed ? NULL : image, failed ? &err : NULL);
	store_leave(s);
}

static void pull_report(struct pull *p, struct fetch *f, enum image_progress_state state)
{
	struct image_progress progress = {
		.state = state,
		.digest = p->install.blobs.items[f->index],
		.done_bytes = atomic_load_explicit(&f->done_bytes, memory_order_relaxed),
		.total_bytes = p->install.sizes[f->index],
	};

	if (p->request->progress && !p->failed)
		p->request->progress(p->request, &progress);
}

static void pull_on_timer(struct timer *timer)
{
	struct pull *p = CONTAINER_OF(timer, struct pull, progress);

	for (size_t i = 0; i < p->fetch_count; i++) {
		struct fetch *f = &p->fetches[i];
		int64_t done = atomic_load_explicit(&f->done_bytes, memory_order_relaxed);

		if (f->state != FETCH_RUNNING || done == f->reported_bytes)
			continue;
		f->reported_bytes = done;
		pull_report(p, f, IMAGE_PROGRESS_DOWNLOADING);
	}
	timer_start(&p->progress, PULL_PROGRESS_MS);
}

/* --- resolve --- */

static struct registry *pull_registry(struct pull *p)
{
	struct registry_options options = {
		.reference = &p->reference,
		.auth = &p->auth,
		.tls = p->store->options.tls,
		.plain_http = p->plain,
		.token = p->token,
	};

	return registry_new(&options);
}

static int store_manifest(struct pull *p, struct str bytes, const char *digest, struct err *err)
{
	char stored[IMAGE_DIGEST_BYTES];

	if (content_put(&p->store->content, bytes, stored, err) < 0)
		return -1;
	ASSERT(strcmp(stored, digest) == 0);
	return 0;
}

/* From the name to a manifest for our platform, through an index where there is one. */
static int resolve_manifest(struct pull *p, struct arena *arena, struct oci_manifest *ret,
			    struct err *err)
{
	struct str want = p->reference.digest.len ? p->reference.digest : p->reference.tag, bytes;
	const struct oci_descriptor *chosen;

	for (int depth = 0; depth < PULL_INDEX_DEPTH_MAX; depth++) {
		if (registry_manifest(p->registry, want, arena, &bytes, p->manifest, err) < 0)
			return err_wrap(err, "failed to resolve reference \"" STR_FMT "\"",
					STR_ARG(p->reference.full));
		if (depth == 0)
			memcpy(p->top, p->manifest, sizeof(p->top));
		if (store_manifest(p, bytes, p->manifest, err) < 0 ||
		    oci_manifest_decode(bytes, arena, ret, err) < 0)
			return -1;
		if (!ret->is_index)
			return 0;
		chosen = oci_index_choose(ret, &p->platform);
		if (!chosen)
			return err_set(err, ERR_NOT_FOUND,
				       "no match for platform in manifest %s: not found",
				       p->manifest);
		want = chosen->digest;
	}
	return err_set(err, ERR_PARSE, "index %s is nested too deeply", p->top);
}

static int resolve_all(struct pull *p, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct oci_manifest manifest;
	_Atomic int64_t done = 0;

	arena_init(&arena, 128u << 20);
	if (resolve_manifest(p, &arena, &manifest, err) < 0)
		return -1;
	if (manifest.config.size_bytes > OCI_IMAGE_CONFIG_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "image config is larger than %u bytes",
			       OCI_IMAGE_CONFIG_BYTES_MAX);
	if (registry_blob(p->registry, &p->store->content, manifest.config.digest,
			  manifest.config.size_bytes, &done, err) < 0)
		return err_wrap(err, "failed to copy");
	p->install = (struct install){ .manifest = str_from(p->manifest), .arena = &p->arena };
	if (install_read(p->store, &p->install, err) < 0)
		return -1;
	p->token = str_in(&p->arena, registry_token(p->registry));
	p->plain = registry_is_plain(p->registry);
	return 0;
}

static void resolve_run(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, resolve);

	p->resolve_failed = resolve_all(p, &p->resolve_err) < 0;
}

/* --- layers --- */

static void fetch_run(struct work *work)
{
	struct fetch *f = CONTAINER_OF(work, struct fetch, work);
	struct pull *p = f->pull;

	f->failed = registry_blob(f->registry, &p->store->content, p->install.blobs.items[f->index],
				  p->install.sizes[f->index], &f->done_bytes, &f->err) < 0;
}

static void fetch_done(struct work *work)
{
	struct fetch *f = CONTAINER_OF(work, struct fetch, work);
	struct pull *p = f->pull;

	p->running--;
	registry_free(f->registry);
	f->registry = NULL;
	f->state = FETCH_DONE;
	if (f->failed) {
		err_wrap(&f->err, "failed to copy");
		pull_fail(p, &f->err);
	} else {
		pull_report(p, f, IMAGE_PROGRESS_DOWNLOADED);
	}
	pull_advance(p);
}

static void unpack_run(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, unpack);
	struct fetch *f = &p->fetches[p->unpack_next];

	f->failed = install_layer(p->store, &p->install, f->index, &p->cancel, &f->err) < 0;
}

static void unpack_done(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, unpack);
	struct fetch *f = &p->fetches[p->unpack_next++];

	p->running--;
	p->unpacking = false;
	if (f->failed)
		pull_fail(p, &f->err);
	else
		pull_report(p, f, f->existed ? IMAGE_PROGRESS_EXISTS : IMAGE_PROGRESS_DONE);
	pull_advance(p);
}

static void build_run(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, build);
	struct str index = strcmp(p->top, p->manifest) == 0 ? STR_NONE : str_from(p->top);

	if (store_sync(p->store, &p->resolve_err) < 0 ||
	    entry_build(p->store, str_from(p->manifest), index, &p->entry, &p->resolve_err) < 0)
		p->entry = NULL;
}

static void pull_committed(struct commit *commit, const struct err *err)
{
	struct pull *p = CONTAINER_OF(commit, struct pull, commit);

	if (err) {
		pull_fail(p, err);
		if (p->entry) /* new with this pull, and not on disk: it does not exist */
			entry_retire(p->store, p->entry);
		pull_end(p, NULL);
		return;
	}
	pull_end(p, image_find(p->store, p->reference.full, NULL));
}

static void build_done(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, build);
	struct entry *e = p->entry;
	struct str digest_name;
	bool is_new;

	p->running--;
	if (!e) {
		pull_fail(p, &p->resolve_err);
		pull_advance(p);
		return;
	}
	e = store_add(p->store, e, &is_new);
	p->entry = is_new ? e : NULL;
	digest_name = str_printf_in(&p->arena, STR_FMT "@%s", STR_ARG(p->reference.name), p->top);
	store_name(p->store, e, digest_name);
	if (p->reference.tag.len && !p->reference.digest.len)
		store_name(p->store, e, p->reference.full);
	p->commit.done = pull_committed;
	store_commit(p->store, &p->commit);
}

static void pull_start_work(struct pull *p, struct work *work, void (*run)(struct work *),
			    void (*done)(struct work *))
{
	p->running++;
	work->run = run;
	work->done = done;
	env_work(p->store->env, work);
}

static void start_fetches(struct pull *p)
{
	unsigned fetching = 0;

	for (size_t i = 0; i < p->fetch_next; i++)
		fetching += p->fetches[i].state == FETCH_RUNNING;
	while (p->fetch_next < p->fetch_count && fetching < PULL_LAYERS_AT_ONCE) {
		struct fetch *f = &p->fetches[p->fetch_next++];

		f->existed = content_has(&p->store->content, p->install.blobs.items[f->index]);
		if (f->existed) {
			f->state = FETCH_DONE;
			continue;
		}
		f->state = FETCH_RUNNING;
		f->registry = pull_registry(p);
		pull_start_work(p, &f->work, fetch_run, fetch_done);
		pull_report(p, f, IMAGE_PROGRESS_DOWNLOADING);
		fetching++;
	}
}

/* Starts whatever can run now; ends the pull when it failed and nothing runs. */
static void pull_advance(struct pull *p)
{
	struct fetch *f;

	if (p->failed) {
		if (p->running == 0)
			pull_end(p, NULL);
		return;
	}
	start_fetches(p);
	if (p->unpacking)
		return;
	if (p->unpack_next == p->fetch_count) {
		pull_start_work(p, &p->build, build_run, build_done);
		return;
	}
	f = &p->fetches[p->unpack_next];
	if (f->state == FETCH_DONE) {
		p->unpacking = true;
		pull_report(p, f, IMAGE_PROGRESS_UNPACKING);
		pull_start_work(p, &p->unpack, unpack_run, unpack_done);
	}
}

static void resolve_done(struct work *work)
{
	struct pull *p = CONTAINER_OF(work, struct pull, resolve);

	p->running--;
	registry_free(p->registry);
	p->registry = NULL;
	if (p->resolve_failed || p->failed) {
		pull_fail(p, &p->resolve_err);
		pull_advance(p);
		return;
	}
	p->fetch_count = p->install.blobs.count;
	p->fetches = mem_calloc(p->fetch_count + 1, sizeof(*p->fetches));
	for (size_t i = 0; i < p->fetch_count; i++) {
		p->fetches[i].pull = p;
		p->fetches[i].index = i;
		pull_report(p, &p->fetches[i], IMAGE_PROGRESS_WAITING);
	}
	if (p->request->progress)
		timer_start(&p->progress, PULL_PROGRESS_MS);
	pull_advance(p);
}

static bool is_plain_registry(struct image_store *s, struct str domain)
{
	for (size_t i = 0; i < s->options.insecure_registry_count; i++) {
		if (str_eq(s->insecure[i], domain))
			return true;
	}
	return registry_is_loopback(domain);
}

static void pull_start(struct task *task)
{
	struct pull *p = CONTAINER_OF(task, struct pull, start);
	struct err err = { 0 };

	if (p->failed || oci_platform_parse(p->request->platform, &p->platform, &err) < 0 ||
	    reference_parse(p->request->reference, &p->arena, &p->reference, &err) < 0) {
		pull_fail(p, &err);
		pull_end(p, NULL);
		return;
	}
	p->plain = is_plain_registry(p->store, p->reference.domain);
	p->registry = pull_registry(p);
	pull_start_work(p, &p->resolve, resolve_run, resolve_done);
}

void image_pull(struct image_store *store, struct image_pull *pull)
{
	struct pull *p = NEW(struct pull);

	p->request = pull;
	p->store = store;
	p->auth = pull->auth;
	arena_init(&p->arena, 128u << 20);
	task_init(&p->start, pull_start);
	timer_init(&p->progress, store->env, pull_on_timer);
	pull->impl = p;
	store_enter(store, &p->start);
}

void image_pull_cancel(struct image_pull *pull)
{
	struct pull *p = pull->impl;
	struct err err;

	if (!p)
		return;
	err_set(&err, ERR_CANCELLED, "context canceled");
	pull_fail(p, &err);
}
