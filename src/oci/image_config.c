/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding and encoding of image configs, by one table of fields. */
#include "oci/image_config.h"

#include <stddef.h>
#include "codec/json.h"
#include "oci/image_manifest.h"

enum field_type { FIELD_STR, FIELD_LIST, FIELD_KEYS };

/* One row a field: where it stands ("config." members are in the inner object) and what it fills in. */
static const struct field {
	const char *key;
	bool inner;
	enum field_type type;
	size_t offset;
} fields[] = {
	{ "architecture", false, FIELD_STR, offsetof(struct oci_image_config, architecture) },
	{ "os", false, FIELD_STR, offsetof(struct oci_image_config, os) },
	{ "variant", false, FIELD_STR, offsetof(struct oci_image_config, variant) },
	{ "os.version", false, FIELD_STR, offsetof(struct oci_image_config, os_version) },
	{ "created", false, FIELD_STR, offsetof(struct oci_image_config, created) },
	{ "author", false, FIELD_STR, offsetof(struct oci_image_config, author) },
	{ "User", true, FIELD_STR, offsetof(struct oci_image_config, user) },
	{ "WorkingDir", true, FIELD_STR, offsetof(struct oci_image_config, working_dir) },
	{ "StopSignal", true, FIELD_STR, offsetof(struct oci_image_config, stop_signal) },
	{ "Entrypoint", true, FIELD_LIST, offsetof(struct oci_image_config, entrypoint) },
	{ "Cmd", true, FIELD_LIST, offsetof(struct oci_image_config, cmd) },
	{ "Env", true, FIELD_LIST, offsetof(struct oci_image_config, env) },
	{ "Volumes", true, FIELD_KEYS, offsetof(struct oci_image_config, volumes) },
	{ "ExposedPorts", true, FIELD_KEYS, offsetof(struct oci_image_config, exposed_ports) },
};

static int decode_str(yyjson_val *v, const char *key, struct arena *arena, struct str *ret, struct err *err)
{
	if (!yyjson_is_str(v))
		return err_set(err, ERR_PARSE, "image config: field \"%s\" must be a string", key);
	if (memchr(yyjson_get_str(v), 0, yyjson_get_len(v)))
		return err_set(err, ERR_PARSE, "image config: field \"%s\" must not hold a NUL", key);
	*ret = str_in(arena, json_str(v));
	return 0;
}

static int decode_list(yyjson_val *v, const char *key, struct arena *arena, struct str_list *ret, struct err *err)
{
	struct str *items;
	size_t count = 0;

	if (!yyjson_is_arr(v))
		return err_set(err, ERR_PARSE, "image config: field \"%s\" must be a list of strings", key);
	if (yyjson_arr_size(v) > OCI_IMAGE_STRINGS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image config: field \"%s\" has more than %d entries", key,
			       OCI_IMAGE_STRINGS_MAX);
	items = arena_array(arena, yyjson_arr_size(v) + 1, sizeof(*items));
	JSON_EACH(item, v) {
		if (decode_str(item, key, arena, &items[count++], err) < 0)
			return -1;
	}
	*ret = (struct str_list){ items, count };
	return 0;
}

static int decode_keys(yyjson_val *v, const char *key, struct arena *arena, struct str_list *ret, struct err *err)
{
	struct str *items;
	size_t count = 0;

	if (!yyjson_is_obj(v))
		return err_set(err, ERR_PARSE, "image config: field \"%s\" must be an object", key);
	if (yyjson_obj_size(v) > OCI_IMAGE_STRINGS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image config: field \"%s\" has more than %d entries", key,
			       OCI_IMAGE_STRINGS_MAX);
	items = arena_array(arena, yyjson_obj_size(v) + 1, sizeof(*items));
	JSON_MEMBERS(name, value, v) {
		(void)value; /* always {} */
		if (decode_str(name, key, arena, &items[count++], err) < 0)
			return -1;
	}
	*ret = (struct str_list){ items, count };
	return 0;
}

static int decode_labels(yyjson_val *v, struct arena *arena, struct oci_image_config *c, struct err *err)
{
	struct oci_pair *labels;
	size_t count = 0;

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v) || yyjson_obj_size(v) > OCI_IMAGE_STRINGS_MAX)
		return err_set(err, ERR_PARSE, "image config: field \"Labels\" must be an object of at most %d strings",
			       OCI_IMAGE_STRINGS_MAX);
	labels = arena_array(arena, yyjson_obj_size(v) + 1, sizeof(*labels));
	JSON_MEMBERS(name, value, v) {
		if (decode_str(name, "Labels", arena, &labels[count].key, err) < 0 ||
		    decode_str(value, "Labels", arena, &labels[count].value, err) < 0)
			return -1;
		count++;
	}
	c->labels = labels;
	c->label_count = count;
	return 0;
}

static int decode_diff_ids(yyjson_val *root, struct arena *arena, struct oci_image_config *c, struct err *err)
{
	yyjson_val *list = json_get(root, "rootfs.diff_ids");

	if (!list || yyjson_is_null(list))
		return 0;
	if (decode_list(list, "rootfs.diff_ids", arena, &c->diff_ids, err) < 0)
		return -1;
	if (c->diff_ids.count > OCI_IMAGE_LAYERS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image config: more than %d layers", OCI_IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < c->diff_ids.count; i++) {
		if (!oci_digest_is_valid(c->diff_ids.items[i]))
			return err_set(err, ERR_PARSE, "image config: invalid digest in rootfs.diff_ids");
	}
	return 0;
}

static int decode_field(yyjson_val *root, yyjson_val *inner, const struct field *f, struct arena *arena,
			struct oci_image_config *c, struct err *err)
{
	yyjson_val *v = json_key(f->inner ? inner : root, str_from(f->key));
	void *to = (char *)c + f->offset;

	if (!v || yyjson_is_null(v))
		return 0;
	switch (f->type) {
	case FIELD_STR:
		return decode_str(v, f->key, arena, to, err);
	case FIELD_LIST:
		return decode_list(v, f->key, arena, to, err);
	case FIELD_KEYS:
		return decode_keys(v, f->key, arena, to, err);
	}
	return 0;
}

int oci_image_config_decode(struct str bytes, struct arena *arena, struct oci_image_config *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(bytes, OCI_IMAGE_CONFIG_BYTES_MAX, err);
	struct oci_image_config c = { 0 };
	yyjson_val *root, *inner;

	if (!doc)
		return err_wrap(err, "image config");
	root = yyjson_doc_get_root(doc);
	inner = json_key(root, STR("config"));
	if (!yyjson_is_obj(root) || (inner && !yyjson_is_obj(inner) && !yyjson_is_null(inner)))
		return err_set(err, ERR_PARSE, "image config: must be an object");
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		if (decode_field(root, inner, &fields[i], arena, &c, err) < 0)
			return -1;
	}
	if (decode_labels(json_key(inner, STR("Labels")), arena, &c, err) < 0 ||
	    decode_diff_ids(root, arena, &c, err) < 0)
		return -1;
	*ret = c;
	return 0;
}

static void encode_field(yyjson_mut_doc *doc, yyjson_mut_val *to, const struct field *f,
			 const struct oci_image_config *c)
{
	const void *from = (const char *)c + f->offset;
	const struct str_list *list = from;
	const struct str *text = from;
	yyjson_mut_val *v;

	if (f->type == FIELD_STR) {
		if (text->len)
			json_set_str(doc, to, f->key, *text);
		return;
	}
	if (list->count == 0)
		return;
	if (f->type == FIELD_LIST) {
		v = json_set_array(doc, to, f->key);
		for (size_t i = 0; i < list->count; i++)
			json_append_str(doc, v, list->items[i]);
		return;
	}
	v = json_set_object(doc, to, f->key);
	for (size_t i = 0; i < list->count; i++)
		json_put(doc, v, list->items[i], yyjson_mut_obj(doc));
}

int oci_image_config_encode(const struct oci_image_config *config, struct buf *to, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *inner, *rootfs, *list;

	inner = json_set_object(doc, root, "config");
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		encode_field(doc, fields[i].inner ? inner : root, &fields[i], config);
	if (config->label_count) {
		yyjson_mut_val *labels = json_set_object(doc, inner, "Labels");

		for (size_t i = 0; i < config->label_count; i++)
			json_put_str(doc, labels, config->labels[i].key, config->labels[i].value);
	}
	rootfs = json_set_object(doc, root, "rootfs");
	json_set_str(doc, rootfs, "type", STR("layers"));
	list = json_set_array(doc, rootfs, "diff_ids");
	for (size_t i = 0; i < config->diff_ids.count; i++)
		json_append_str(doc, list, config->diff_ids.items[i]);
	json_mut_write(root, to);
	return buf_check(to, "image config", err);
}
