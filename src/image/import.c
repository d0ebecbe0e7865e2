/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from a file. One worker does all of it: finds out which kind of archive it is by the names
 * in it, stores what it needs, unpacks the layers and builds the entries; the loop then adds and
 * commits them. archive.c reads the formats.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "image/archive_internal.h"
#include "image/limits.h"
#include "image/reference.h"
#include "image/store_internal.h"
#include "oci/image_manifest.h"

struct import {
	struct image_import *request;
	struct image_store *store;
	struct task start;
	struct work work;
	struct arena arena;
	atomic_bool cancel;
	bool failed;
	struct err err;
	struct archive_image *found; /* what is in the archive */
	size_t found_count;
	struct entry **entries; /* one for each; the store's after they were added */
	bool *are_new;
	struct commit commit;
};

/* A file that can be read twice: a pipe is copied first. */
static int open_source(struct import *m, int *ret_fd, struct err *err)
{
	AUTO_FD fd = -1;
	AUTO_FD copy = -1;
	char buffer[65536];
	ssize_t n;

	if (m->request->path.len) {
		const char *path = str_c_in(&m->arena, m->request->path);

		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_os(err, "open %s", path);
		*ret_fd = fd_take(&fd);
		return 0;
	}
	fd = fcntl(m->request->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_os(err, "import");
	if (lseek(fd, 0, SEEK_SET) == 0) {
		*ret_fd = fd_take(&fd);
		return 0;
	}
	copy = openat(m->store->content.ingest_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (copy < 0)
		return err_os(err, "import: temporary file");
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		if (fd_write_all(copy, buffer, (size_t)n, err) < 0)
			return -1;
		if (atomic_load(&m->cancel))
			return err_set(err, ERR_CANCELLED, "context canceled");
	}
	if (n < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return err_os(err, "import: read");
	*ret_fd = fd_take(&copy);
	return 0;
}

static int build_one(struct import *m, struct archive_image *found, struct entry **ret,
		     struct err *err)
{
	struct install install = { .manifest = found->manifest, .arena = &m->arena };

	if (install_read(m->store, &install, err) < 0)
		return -1;
	for (size_t i = 0; i < install.blobs.count; i++) {
		if (install_layer(m->store, &install, i, &m->cancel, err) < 0)
			return -1;
	}
	return entry_build(m->store, found->manifest, STR_NONE, ret, err);
}

static int check_names(struct import *m, struct err *err)
{
	for (size_t i = 0; i < m->found_count; i++) {
		struct archive_image *found = &m->found[i];
		struct reference r;

		for (size_t k = 0; k < found->names.count; k++) {
			struct str *names = (struct str *)found->names.items; /* our own array */

			if (reference_parse(names[k], &m->arena, &r, err) < 0)
				return err_wrap(err, "name \"" STR_FMT "\" in archive",
						STR_ARG(str_slice(names[k], 0, 200)));
			names[k] = r.full;
		}
	}
	return 0;
}

static int import_all(struct import *m, struct err *err)
{
	AUTO_FD fd = -1;
	struct archive_source source = {
		.content = &m->store->content,
		.arena = &m->arena,
		.cancel = &m->cancel,
		.reference = m->request->reference,
		.config = m->request->config,
	};

	if (open_source(m, &fd, err) < 0)
		return -1;
	source.fd = fd;
	if (archive_read_images(&source, &m->found, &m->found_count, err) < 0 ||
	    check_names(m, err) < 0)
		return -1;
	m->entries = arena_array(&m->arena, m->found_count + 1, sizeof(*m->entries));
	m->are_new = arena_array(&m->arena, m->found_count + 1, sizeof(*m->are_new));
	for (size_t i = 0; i < m->found_count; i++) {
		if (build_one(m, &m->found[i], &m->entries[i], err) < 0)
			return -1;
	}
	return store_sync(m->store, err);
}

static void import_run(struct work *work)
{
	struct import *m = CONTAINER_OF(work, struct import, work);

	m->failed = import_all(m, &m->err) < 0;
}

static void import_end(struct import *m)
{
	struct image_import *request = m->request;
	struct image_store *s = m->store;
	struct image **images = mem_calloc(m->found_count + 1, sizeof(struct image *));
	size_t count = m->failed ? 0 : m->found_count;
	struct err err = m->err;
	bool failed = m->failed;

	for (size_t i = 0; i < count; i++)
		images[i] = &m->entries[i]->image;
	arena_deinit(&m->arena);
	mem_free(m);
	request->impl = NULL;
	s->sweep_wanted = true; /* the archive may hold more than the images need */
	request->done(request, images, count, failed ? &err : NULL);
	mem_free(images);
	store_leave(s);
}

static void import_committed(struct commit *commit, const struct err *err)
{
	struct import *m = CONTAINER_OF(commit, struct import, commit);

	if (err) {
		m->failed = true;
		m->err = *err;
		for (size_t i = 0; i < m->found_count; i++) {
			if (m->are_new[i])
				entry_retire(m->store, m->entries[i]);
		}
	}
	import_end(m);
}

static void import_done(struct work *work)
{
	struct import *m = CONTAINER_OF(work, struct import, work);
	struct image_store *s = m->store;

	if (m->failed) {
		for (size_t i = 0; m->entries && i < m->found_count; i++)
			entry_free(m->entries[i]);
		import_end(m);
		return;
	}
	for (size_t i = 0; i < m->found_count; i++) {
		m->entries[i] = store_add(s, m->entries[i], &m->are_new[i]);
		for (size_t k = 0; k < m->found[i].names.count; k++)
			store_name(s, m->entries[i], m->found[i].names.items[k]);
	}
	m->commit.done = import_committed;
	store_commit(s, &m->commit);
}

static void import_start(struct task *task)
{
	struct import *m = CONTAINER_OF(task, struct import, start);

	m->work.run = import_run;
	m->work.done = import_done;
	env_work(m->store->env, &m->work);
}

void image_import(struct image_store *store, struct image_import *import)
{
	struct import *m = NEW(struct import);

	m->request = import;
	m->store = store;
	arena_init(&m->arena, 256u << 20);
	task_init(&m->start, import_start);
	import->impl = m;
	store_enter(store, &m->start);
}

void image_import_cancel(struct image_import *import)
{
	struct import *m = import->impl;

	if (m)
		atomic_store(&m->cancel, true);
}
