/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static pods: the files of a folder are pods of this node, with or without an API server; each is
 * shown there by a mirror, which reports its status and cannot end it. Per name one entry: what the
 * folder wants, the pod that runs, the mirror that the API has. Whatever changes ends in entry_turn,
 * which compares the three.
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "kubelet/kubelet_internal.h"
#include "kubelet/manifest.h"

#define FOLDER_EVENTS                                                                       \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | \
	 IN_ONLYDIR)

struct static_pods {
	struct kubelet *kubelet;
	struct map entries; /* "namespace/name" → struct static_pod */
	char *dir;
	struct work scan;
	bool scanning, scan_again, dir_made, watch_lost;
	int inotify_fd, watch_fd; /* watch_fd < 0: the folder is not watched */
	struct io_watch events;
	struct timer retry; /* when it cannot be watched or read */
	struct manifest_folder folder; /* of the scan that is going on, likewise: */
	struct err scan_err;
	int scan_result;
};

struct static_pod {
	struct static_pods *owner;
	char *key, *file;
	const struct obj *wanted; /* counted; NULL: its file is gone */
	struct pod *pod;
	const struct obj *mirror; /* counted; NULL: the API has none */
	bool asking, seen;
	struct task turn;
	struct timer retry;
	int64_t retry_ms;
};

static void entry_poke(struct static_pod *entry)
{
	if (!entry->owner->kubelet->stopping)
		env_defer(entry->owner->kubelet->env, &entry->turn);
}

/* --- mirrors --- */

static void mirror_set(struct static_pod *entry, const struct obj *mirror)
{
	const struct obj *old = entry->mirror;
	bool other = !old || !mirror || !str_eq(old->uid, mirror->uid);

	if (old && mirror && !other && mirror->resource_version <= old->resource_version)
		return;
	entry->mirror = obj_ref(mirror);
	if (entry->pod && other) {
		pod_mirror_replaced(entry->pod);
		pod_poke(entry->pod);
	}
	obj_unref(old);
}

static void mirror_answered(struct static_pod *entry, const struct err *err)
{
	entry->asking = false;
	if (err) {
		log_debug("kubelet", "mirror of static pod %s: %s", entry->key, err->msg);
		timer_start(&entry->retry, retry_next(&entry->retry_ms));
	} else {
		entry->retry_ms = 0;
	}
	entry_poke(entry);
}

static void mirror_created(void *owner, const struct obj *result, const struct err *err)
{
	struct static_pod *entry = owner;

	if (!err && result && !entry->mirror)
		mirror_set(entry, result);
	mirror_answered(entry, err);
}

static void mirror_deleted(void *owner, const struct obj *result, const struct err *err)
{
	struct static_pod *entry = owner;

	if (!err)
		mirror_set(entry, NULL);
	mirror_answered(entry, err);
}

static bool mirror_is_right(const struct static_pod *entry)
{
	return entry->wanted && !obj_is_deleting(entry->mirror) &&
	       str_eq(obj_annotation(entry->mirror, ANNOTATION_CONFIG_MIRROR), entry->wanted->uid);
}

static void mirror_turn(struct static_pod *entry)
{
	struct kubelet *k = entry->owner->kubelet;
	bool ending = entry->pod && entry->pod->gone;
	struct request r;

	if (!k->pods_known || entry->asking || ending || timer_is_running(&entry->retry))
		return;
	if (entry->mirror && !mirror_is_right(entry)) {
		r = request_delete(k->kind_pod, entry->mirror, 0, NULL);
		r.missing_is_fine = true;
		r.done = mirror_deleted;
	} else if (!entry->mirror && entry->wanted) {
		r = request_create(k->kind_pod, entry->wanted->namespace_,
				   manifest_mirror(entry->wanted));
		r.done = mirror_created;
	} else {
		return;
	}
	r.owner = entry;
	entry->asking = true;
	client_submit(k->client, &r);
}

/* --- entries --- */

static void entry_free(struct static_pod *entry)
{
	struct kubelet *k = entry->owner->kubelet;

	(void)map_remove(&entry->owner->entries, str_from(entry->key)); /* or the map is going */
	client_forget_owner(k->client, entry);
	env_cancel(k->env, &entry->turn);
	timer_stop(&entry->retry);
	obj_unref(entry->wanted);
	obj_unref(entry->mirror);
	mem_free(entry->key);
	mem_free(entry->file);
	mem_free(entry);
}

static void entry_turn(struct task *task)
{
	struct static_pod *entry = CONTAINER_OF(task, struct static_pod, turn);
	struct kubelet *k = entry->owner->kubelet;

	if (k->stopping)
		return;
	if (entry->pod && (!entry->wanted || !str_eq(entry->pod->spec.uid, entry->wanted->uid)))
		pod_remove(entry->pod);
	if (!entry->pod && entry->wanted) {
		entry->pod = pod_new(k, entry->wanted);
		entry->pod->static_pod = entry;
	}
	mirror_turn(entry);
	if (!entry->wanted && !entry->pod && !entry->mirror && !entry->asking)
		entry_free(entry);
}

static void entry_retry(struct timer *timer)
{
	entry_poke(CONTAINER_OF(timer, struct static_pod, retry));
}

static struct static_pod *entry_of(struct static_pods *s, struct str namespace_, struct str name)
{
	AUTO_FREE char *key = mem_printf(STR_FMT "/" STR_FMT, STR_ARG(namespace_), STR_ARG(name));
	struct static_pod *entry = map_get(&s->entries, str_from(key));

	if (entry)
		return entry;
	entry = NEW(struct static_pod);
	entry->owner = s;
	entry->key = mem_strdup(key);
	task_init(&entry->turn, entry_turn);
	timer_init(&entry->retry, s->kubelet->env, entry_retry);
	(void)map_put(&s->entries, str_from(entry->key), entry); /* was not there */
	return entry;
}

const struct obj *static_pod_mirror(const struct static_pod *entry)
{
	return entry->mirror && mirror_is_right(entry) ? entry->mirror : NULL;
}

void static_pod_reported(struct static_pod *entry, const struct obj *mirror)
{
	if (entry->mirror && str_eq(entry->mirror->uid, mirror->uid))
		mirror_set(entry, mirror);
}

void static_pod_ended(struct static_pod *entry)
{
	entry->pod = NULL;
	entry_poke(entry);
}

bool static_pods_saw(struct kubelet *k, const struct obj *old, const struct obj *new_)
{
	const struct obj *any = new_ ? new_ : old;
	struct static_pod *entry;

	if (str_is_empty(obj_annotation(any, ANNOTATION_CONFIG_MIRROR)))
		return false;
	entry = entry_of(k->static_pods, any->namespace_, any->name);
	if (new_)
		mirror_set(entry, new_);
	else if (entry->mirror && str_eq(entry->mirror->uid, old->uid))
		mirror_set(entry, NULL);
	entry_poke(entry);
	return true;
}

void static_pods_poke(struct kubelet *k)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&k->static_pods->entries, &cursor, &key, &value))
		entry_poke(value);
}

/* --- the folder --- */

/* A file that says nothing understandable leaves its pod as it was. */
static void keep_file(struct static_pods *s, const char *file, const char *why)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	log_error("kubelet", "static pod file %s: %s", file, why);
	while (map_next(&s->entries, &cursor, &key, &value)) {
		struct static_pod *entry = value;

		if (entry->file && strcmp(entry->file, file) == 0)
			entry->seen = true;
	}
}

static void take_file(struct static_pods *s, const struct manifest_file *file)
{
	struct kubelet *k = s->kubelet;
	struct manifest_place place = { .file = str_from(file->name),
					.node_name = k->options.node_name,
					.now_ns = env_wall_ns(k->env) };
	struct static_pod *entry;
	const struct obj *pod;
	struct err err = { 0 };

	if (file->problem) {
		keep_file(s, file->name, file->problem);
		return;
	}
	if (manifest_decode(buf_str(&file->text), &place, &pod, &err) < 0) {
		keep_file(s, file->name, err.msg);
		return;
	}
	entry = entry_of(s, pod->namespace_, pod->name);
	if (entry->seen) {
		log_error("kubelet", "static pod file %s: %s is in another file already",
			  file->name, entry->key);
		obj_unref(pod);
		return;
	}
	entry->seen = true;
	if (entry->wanted && str_eq(entry->wanted->uid, pod->uid)) {
		obj_unref(pod);
		return;
	}
	obj_unref(entry->wanted);
	entry->wanted = pod;
	mem_free(entry->file);
	entry->file = mem_strdup(file->name);
	entry_turn(&entry->turn); /* now: it takes what was restored before orphans are cleared */
}

static void take_folder(struct static_pods *s)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&s->entries, &cursor, &key, &value))
		((struct static_pod *)value)->seen = false;
	for (size_t i = 0; i < s->folder.count; i++)
		take_file(s, &s->folder.files[i]);
	cursor = 0;
	while (map_next(&s->entries, &cursor, &key, &value)) {
		struct static_pod *entry = value;

		if (entry->seen || !entry->wanted)
			continue;
		obj_unref(entry->wanted);
		entry->wanted = NULL;
		entry_poke(entry);
	}
}

/* On a worker. The watch comes before the look, so that no change is between them. */
static void scan_run(struct work *work)
{
	struct static_pods *s = CONTAINER_OF(work, struct static_pods, scan);

	if (!s->dir_made && fd_make_dirs(AT_FDCWD, s->dir, 0755, &s->scan_err) < 0) {
		s->scan_result = -1;
		return;
	}
	s->dir_made = true;
	if (s->inotify_fd < 0)
		s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify_fd >= 0 && s->watch_fd < 0)
		s->watch_fd = inotify_add_watch(s->inotify_fd, s->dir, FOLDER_EVENTS);
	s->scan_result = manifest_folder_read(s->dir, &s->folder, &s->scan_err);
}

static void scan_begin(struct static_pods *s)
{
	struct kubelet *k = s->kubelet;

	if (k->stopping)
		return;
	s->scan_again = s->scanning;
	if (s->scanning)
		return;
	s->scanning = true;
	if (s->watch_lost)
		s->watch_fd = -1;
	s->watch_lost = false;
	kubelet_operation_begin(k);
	env_work(k->env, &s->scan);
}

static void scan_done(struct work *work)
{
	struct static_pods *s = CONTAINER_OF(work, struct static_pods, scan);
	struct kubelet *k = s->kubelet;
	struct err err = { 0 };

	s->scanning = false;
	if (s->scan_result < 0)
		log_error("kubelet", "%s", s->scan_err.msg);
	else if (!k->stopping)
		take_folder(s);
	manifest_folder_deinit(&s->folder);
	if (!k->stopping) {
		if (s->watch_fd >= 0 && !io_is_started(&s->events) &&
		    io_start(k->env, &s->events, s->inotify_fd, IO_READ, &err) < 0)
			log_warn("kubelet", "watching the static pods: %s", err.msg);
		if (s->scan_result < 0 || !io_is_started(&s->events) || s->watch_fd < 0)
			timer_start(&s->retry, KUBELET_MANIFEST_CHECK_MS);
		if (!k->static_known)
			kubelet_static_known(k);
		if (s->scan_again)
			scan_begin(s);
	}
	kubelet_operation_end(k);
}

static void scan_retry(struct timer *timer)
{
	scan_begin(CONTAINER_OF(timer, struct static_pods, retry));
}

static void folder_changed(struct io_watch *watch, int events)
{
	struct static_pods *s = CONTAINER_OF(watch, struct static_pods, events);
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t count;

	while ((count = read(s->inotify_fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0; at < count;) {
			const struct inotify_event *event = (const void *)(bytes + at);

			if (event->mask & (IN_IGNORED | IN_MOVE_SELF))
				s->watch_lost = true; /* the folder is gone: another may come */
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	scan_begin(s);
}

/* --- life --- */

void static_pods_new(struct kubelet *k)
{
	struct static_pods *s = NEW(struct static_pods);

	s->kubelet = k;
	s->inotify_fd = s->watch_fd = -1;
	s->scan.run = scan_run;
	s->scan.done = scan_done;
	s->events.fn = folder_changed;
	timer_init(&s->retry, k->env, scan_retry);
	map_init(&s->entries);
	k->static_pods = s;
}

void static_pods_start(struct kubelet *k)
{
	struct static_pods *s = k->static_pods;

	if (str_is_empty(k->options.manifest_dir)) {
		kubelet_static_known(k);
		return;
	}
	s->dir = str_dup_c(k->options.manifest_dir);
	scan_begin(s);
}

void static_pods_stop(struct kubelet *k)
{
	struct static_pods *s = k->static_pods;
	size_t cursor = 0;
	struct str key;
	void *value;

	timer_stop(&s->retry);
	if (io_is_started(&s->events))
		io_stop(&s->events);
	while (map_next(&s->entries, &cursor, &key, &value))
		timer_stop(&((struct static_pod *)value)->retry);
}

/* The pods are freed already. */
void static_pods_free(struct kubelet *k)
{
	struct static_pods *s = k->static_pods;
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&s->entries, &cursor, &key, &value))
		entry_free(value);
	map_deinit(&s->entries);
	fd_close(&s->inotify_fd);
	mem_free(s->dir);
	mem_free(s);
	k->static_pods = NULL;
}
