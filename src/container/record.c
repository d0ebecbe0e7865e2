/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON. They are our own files, but a disk can be wrong: ids and status are checked, the
 * rest falls back to 0. */
#include "container/record.h"

#include "base/path.h"

#define RECORD_VERSION 1

static const char *const status_names[] = {
	[CONTAINER_CREATED] = "created",   [CONTAINER_STARTING] = "starting",
	[CONTAINER_RUNNING] = "running",   [CONTAINER_EXITED] = "exited",
	[CONTAINER_REMOVING] = "removing",
};

const char *container_status_name(enum container_status status)
{
	return status_names[status];
}

int record_encode(const struct record *r, struct buf *to, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *groups;

	json_set_int(doc, root, "version", RECORD_VERSION);
	json_set_str(doc, root, "id", str_from(r->id));
	json_set_str(doc, root, "status", str_from(status_names[r->status]));
	json_set_str(doc, root, "imageId", r->image_id);
	json_set_int(doc, root, "exitCode", r->exit_code);
	json_set_int(doc, root, "exitSignal", r->exit_signal);
	json_set_bool(doc, root, "oomKilled", r->oom_killed);
	json_set_int(doc, root, "restartCount", r->restart_count);
	json_set_int(doc, root, "createdNs", r->created_ns);
	json_set_int(doc, root, "startedNs", r->started_ns);
	json_set_int(doc, root, "finishedNs", r->finished_ns);
	json_set_str(doc, root, "error", r->error);
	json_set_int(doc, root, "uid", r->user.uid);
	json_set_int(doc, root, "gid", r->user.gid);
	json_set_str(doc, root, "home", r->user.home);
	groups = json_set_array(doc, root, "groups");
	for (size_t i = 0; i < r->user.group_count; i++)
		yyjson_mut_arr_add_uint(doc, groups, r->user.groups[i]);
	spec_encode(&r->spec, doc, json_set_object(doc, root, "spec"));
	json_mut_write(root, to);
	return buf_check(to, "container record", err);
}

static void decode_user(yyjson_val *root, struct arena *arena, struct container_user *ret)
{
	yyjson_val *list = json_get(root, "groups");
	uint32_t *groups = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*groups));

	ret->uid = (uint32_t)json_get_int(root, "uid", 0);
	ret->gid = (uint32_t)json_get_int(root, "gid", 0);
	ret->home = str_in(arena, json_get_str(root, "home"));
	JSON_EACH (item, list)
		groups[ret->group_count++] = (uint32_t)json_int(item, 0);
	ret->groups = groups;
}

int record_decode(struct str bytes, struct arena *arena, struct record *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(bytes, RECORD_BYTES_MAX, err);
	struct record r = { 0 };
	yyjson_val *root;
	struct str status;
	size_t i = 0;

	if (!doc)
		return -1;
	root = yyjson_doc_get_root(doc);
	if (json_get_int(root, "version", 0) != RECORD_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "unknown version");
	r.id = str_c_in(arena, json_get_str(root, "id"));
	if (strlen(r.id) != CONTAINER_ID_BYTES - 1 || !path_is_name(str_from(r.id)))
		return err_set(err, ERR_PARSE, "invalid id");
	status = json_get_str(root, "status");
	while (i < ARRAY_COUNT(status_names) && !str_eq_c(status, status_names[i]))
		i++;
	if (i == ARRAY_COUNT(status_names))
		return err_set(err, ERR_PARSE, "unknown status");
	r.status = (enum container_status)i;
	r.image_id = str_in(arena, json_get_str(root, "imageId"));
	r.exit_code = (int)json_get_int(root, "exitCode", 0);
	r.exit_signal = (int)json_get_int(root, "exitSignal", 0);
	r.oom_killed = json_get_bool(root, "oomKilled", false);
	r.restart_count = (uint32_t)json_get_int(root, "restartCount", 0);
	r.created_ns = json_get_int(root, "createdNs", 0);
	r.started_ns = json_get_int(root, "startedNs", 0);
	r.finished_ns = json_get_int(root, "finishedNs", 0);
	r.error = str_in(arena, json_get_str(root, "error"));
	decode_user(root, arena, &r.user);
	spec_decode(json_get(root, "spec"), arena, &r.spec);
	*ret = r;
	return 0;
}
