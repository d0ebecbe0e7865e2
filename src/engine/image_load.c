/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /images/load: the archive goes into an unnamed file on the images' disk, written by workers
 * while the connection is held back, and is then imported.
 *
 *   RECEIVING --last byte--> WRITING --file complete--> IMPORTING --done--> answered
 *        \--peer gone, disk full--> FAILED --writer back--> answered
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "codec/json.h"
#include "engine/engine_internal.h"
#include "image/image.h"
#include "image/reference.h"

struct load_job {
	struct engine_job job;
	struct http_exchange *x;
	struct work work;
	struct image_import import;
	struct buf incoming, writing;
	int64_t received_bytes;
	int fd;
	bool writer_runs, last_seen, importing;
	struct err err;
};

static void load_end(struct load_job *job)
{
	engine_job_end(&job->job);
	fd_close(&job->fd);
	buf_deinit(&job->incoming);
	buf_deinit(&job->writing);
	mem_free(job);
}

static void tell_loaded(struct load_job *job, const struct image *image)
{
	for (size_t i = 0; i < (image->names.count ? image->names.count : 1); i++) {
		yyjson_mut_doc *doc = json_new_object();
		struct reference reference;
		struct str text;

		if (!image->names.count)
			text = str_printf_in(&job->x->arena, "Loaded image ID: %s\n", image->id);
		else if (reference_parse(image->names.items[i], &job->x->arena, &reference, NULL) ==
			 0)
			text = str_printf_in(&job->x->arena, "Loaded image: " STR_FMT "\n",
					     STR_ARG(reference.familiar));
		else
			text = str_printf_in(&job->x->arena, "Loaded image: " STR_FMT "\n",
					     STR_ARG(image->names.items[i]));
		json_set_str(doc, yyjson_mut_doc_get_root(doc), "stream", text);
		stream_line(job->x, doc);
	}
}

static void on_imported(struct image_import *import, struct image *const *images,
			size_t image_count, const struct err *err)
{
	struct load_job *job = import->owner;

	if (err) {
		answer_error(job->x, err);
	} else {
		for (size_t i = 0; i < image_count; i++)
			tell_loaded(job, images[i]);
		http_end(job->x);
	}
	load_end(job);
}

static void write_run(struct work *work)
{
	struct load_job *job = CONTAINER_OF(work, struct load_job, work);

	if (fd_write_all(job->fd, job->writing.ptr, job->writing.len, &job->err) < 0)
		(void)err_wrap(&job->err, "store the uploaded archive");
}

static void go_on(struct load_job *job);

static void write_done(struct work *work)
{
	struct load_job *job = CONTAINER_OF(work, struct load_job, work);

	job->writer_runs = false;
	buf_reset(&job->writing);
	go_on(job);
}

/* Decides what comes next; called whenever something has changed. */
static void go_on(struct load_job *job)
{
	struct buf swap;

	if (job->writer_runs || job->importing)
		return;
	if (job->err.code != ERR_NONE) {
		answer_error(job->x, &job->err);
		load_end(job);
		return;
	}
	if (job->incoming.len) {
		swap = job->incoming;
		job->incoming = job->writing;
		job->writing = swap;
		job->writer_runs = true;
		job->work = (struct work){ .run = write_run, .done = write_done };
		env_work(job->job.engine->env, &job->work);
		http_body_resume(job->x);
	} else if (job->last_seen) {
		job->importing = true;
		job->import = (struct image_import){ .fd = job->fd,
						     .done = on_imported,
						     .owner = job };
		image_import(job->job.engine->images, &job->import);
	}
}

static void on_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct load_job *job = arg;

	job->received_bytes += (int64_t)bytes.len;
	if (job->received_bytes > ENGINE_UPLOAD_BYTES_MAX && job->err.code == ERR_NONE)
		(void)err_set(&job->err, ERR_TOO_LARGE, "image archive is larger than %lld bytes",
			      (long long)ENGINE_UPLOAD_BYTES_MAX); /* answered by go_on */
	buf_put_str(&job->incoming, bytes);
	if (job->err.code == ERR_NONE && buf_failed(&job->incoming))
		(void)err_set(&job->err, ERR_TOO_LARGE, "upload comes faster than it can be stored");
	job->last_seen |= last;
	if (job->incoming.len > ENGINE_UPLOAD_BUFFER_MAX / 2)
		http_body_pause(x);
	go_on(job);
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct load_job *job = arg;

	if (job->importing) {
		image_import_cancel(&job->import);
		return;
	}
	if (job->err.code == ERR_NONE)
		(void)err_set(&job->err, ERR_CLOSED, "the client went away");
	go_on(job);
}

static void load_cancel(struct engine_job *engine_job)
{
	struct load_job *job = CONTAINER_OF(engine_job, struct load_job, job);

	on_closed(job, job->x);
}

void images_load(struct engine_request *request)
{
	static const struct http_exchange_events events = { .on_body = on_body,
							    .on_closed = on_closed };
	struct load_job *job = NEW(struct load_job);
	struct err err = { 0 };

	job->fd = open(request->engine->temporary_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (job->fd < 0) {
		(void)err_os(&err, "make a file in %s",
			     request->engine->temporary_dir); /* answered */
		answer_error(request->x, &err);
		mem_free(job);
		return;
	}
	job->x = request->x;
	buf_init(&job->incoming, ENGINE_UPLOAD_BUFFER_MAX * 4);
	buf_init(&job->writing, ENGINE_UPLOAD_BUFFER_MAX * 4);
	engine_job_begin(request->engine, &job->job, load_cancel);
	http_set_events(request->x, &events, job);
}
