/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Specs by one table of fields: copying, encoding into and decoding from records all walk it, so
 * that a new field is one row.
 */
#include "container/spec.h"

#include <stddef.h>
#include "codec/json.h"
#include "container/record.h"

enum field_type {
	FIELD_STR,
	FIELD_BOOL,
	FIELD_ENUM,
	FIELD_U16,
	FIELD_U32,
	FIELD_I64,
	FIELD_U64, /* FIELD_ENUM also for int */
	FIELD_LIST,
	FIELD_PAIRS,
	FIELD_U32S,
	FIELD_STRUCT,
	FIELD_STRUCTS,
};

struct table;
struct field {
	const char *key;
	enum field_type type;
	size_t offset, count_offset;
	const struct table *sub;
};
struct table {
	const struct field *fields;
	size_t count, struct_bytes;
};

#define ROW(s, type_, member)                                      \
	{                                                          \
#member, FIELD_##type_, offsetof(struct s, member) \
	}
#define ROW_COUNTED(s, type_, member, count_)                                                  \
	{                                                                                      \
#member, FIELD_##type_, offsetof(struct s, member), offsetof(struct s, count_) \
	}
#define TABLE(s)                                                      \
	{                                                             \
		s##_fields, ARRAY_COUNT(s##_fields), sizeof(struct s) \
	}

static const struct field container_mount_fields[] = {
	ROW(container_mount, ENUM, type),	 ROW(container_mount, STR, source),
	ROW(container_mount, STR, sub_path),	 ROW(container_mount, STR, target),
	ROW(container_mount, BOOL, read_only),	 ROW(container_mount, BOOL, recursive_read_only),
	ROW(container_mount, BOOL, make_source), ROW(container_mount, ENUM, propagation),
	ROW(container_mount, I64, tmpfs_bytes),	 ROW(container_mount, U32, tmpfs_mode),
	ROW(container_mount, LIST, options),
};
static const struct field container_device_fields[] = {
	ROW(container_device, STR, host_path),
	ROW(container_device, STR, container_path),
	ROW(container_device, STR, permissions),
};
static const struct field container_rlimit_fields[] = {
	ROW(container_rlimit, STR, name),
	ROW(container_rlimit, U64, soft),
	ROW(container_rlimit, U64, hard),
};
static const struct field container_resources_fields[] = {
	ROW(container_resources, I64, memory_bytes),
	ROW(container_resources, I64, memory_reservation_bytes),
	ROW(container_resources, I64, memory_swap_bytes),
	ROW(container_resources, U64, cpu_shares),
	ROW(container_resources, I64, cpu_quota_us),
	ROW(container_resources, U64, cpu_period_us),
	ROW(container_resources, STR, cpuset_cpus),
	ROW(container_resources, STR, cpuset_mems),
	ROW(container_resources, I64, pids_max),
	ROW_COUNTED(container_resources, PAIRS, unified, unified_count),
};
static const struct table mount_table = TABLE(container_mount);
static const struct table device_table = TABLE(container_device);
static const struct table rlimit_table = TABLE(container_rlimit);
static const struct table resources_table = TABLE(container_resources);

#define SPEC(type, member) ROW(container_spec, type, member)
#define SPEC_COUNTED(type, member, count) ROW_COUNTED(container_spec, type, member, count)
#define SPEC_STRUCTS(member, count, table)                                       \
	{                                                                        \
#member, FIELD_STRUCTS, offsetof(struct container_spec, member), \
			offsetof(struct container_spec, count), table            \
	}

static const struct field container_spec_fields[] = {
	SPEC(STR, name),
	SPEC(BOOL, is_sandbox),
	SPEC(STR, sandbox_id),
	SPEC(STR, image),
	SPEC_COUNTED(PAIRS, labels, label_count),
	SPEC_COUNTED(PAIRS, annotations, annotation_count),
	SPEC(LIST, entrypoint),
	SPEC(LIST, args),
	SPEC(BOOL, clear_entrypoint),
	SPEC(LIST, env),
	SPEC(STR, working_dir),
	SPEC(STR, user),
	SPEC(BOOL, has_uid),
	SPEC(BOOL, has_gid),
	SPEC(U32, uid),
	SPEC(U32, gid),
	SPEC_COUNTED(U32S, supplemental_groups, supplemental_group_count),
	SPEC(BOOL, only_listed_groups),
	SPEC(BOOL, refuse_root),
	SPEC(STR, stop_signal),
	SPEC(BOOL, terminal),
	SPEC(BOOL, want_stdin),
	SPEC(BOOL, stdin_once),
	SPEC(U16, rows),
	SPEC(U16, columns),
	SPEC_STRUCTS(mounts, mount_count, &mount_table),
	SPEC_STRUCTS(devices, device_count, &device_table),
	{ "resources", FIELD_STRUCT, offsetof(struct container_spec, resources), 0,
	  &resources_table },
	SPEC_STRUCTS(rlimits, rlimit_count, &rlimit_table),
	SPEC_COUNTED(PAIRS, sysctls, sysctl_count),
	SPEC(BOOL, privileged),
	SPEC(LIST, cap_add),
	SPEC(LIST, cap_drop),
	SPEC(BOOL, no_new_privileges),
	SPEC(BOOL, read_only_root),
	SPEC(BOOL, unmask_proc),
	SPEC(BOOL, seccomp_unconfined),
	SPEC(STR, seccomp_profile),
	SPEC(BOOL, has_oom_score_adj),
	SPEC(ENUM, oom_score_adj),
	SPEC(ENUM, network),
	SPEC(ENUM, pid),
	SPEC(ENUM, ipc),
	SPEC(ENUM, uts),
	SPEC(STR, pid_target_id),
	SPEC(STR, hostname),
	SPEC(STR, domainname),
	SPEC(STR, resolv_conf),
	SPEC_COUNTED(PAIRS, hosts, host_count),
	SPEC(BOOL, keep_hosts_file),
	SPEC(STR, cgroup_parent),
	SPEC(ENUM, log_format),
	SPEC(STR, log_path),
	SPEC(I64, log_bytes_max),
	SPEC(U32, log_files_max),
};
static const struct table spec_table = TABLE(container_spec);

_Static_assert(sizeof(enum container_mount_type) == sizeof(int), "FIELD_ENUM reads an int");

#define AT(base, type, off) ((type *)((char *)(base) + (off)))

/* --- copying --- */

static struct str_list copy_list(struct str_list from, struct arena *arena)
{
	struct str *items = arena_array(arena, from.count + 1, sizeof(*items));

	for (size_t i = 0; i < from.count; i++)
		items[i] = str_in(arena, from.items[i]);
	return (struct str_list){ items, from.count };
}

static const struct oci_pair *copy_pairs(const struct oci_pair *from, size_t count,
					 struct arena *arena)
{
	struct oci_pair *pairs = arena_array(arena, count + 1, sizeof(*pairs));

	for (size_t i = 0; i < count; i++)
		pairs[i] = (struct oci_pair){ str_in(arena, from[i].key),
					      str_in(arena, from[i].value) };
	return pairs;
}

/* what: bitwise copy of another struct; every pointer in it is replaced by a copy of its own. */
static void own_pointers(const struct table *table, void *what, struct arena *arena)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];
		size_t count = f->count_offset ? *AT(what, size_t, f->count_offset) : 0;
		const void **ptr = AT(what, const void *, f->offset);

		switch (f->type) {
		case FIELD_STR:
			*AT(what, struct str, f->offset) = str_in(arena,
								  *AT(what, struct str, f->offset));
			break;
		case FIELD_LIST:
			*AT(what, struct str_list,
			    f->offset) = copy_list(*AT(what, struct str_list, f->offset), arena);
			break;
		case FIELD_PAIRS:
			*ptr = copy_pairs(*ptr, count, arena);
			break;
		case FIELD_U32S: {
			uint32_t *numbers = arena_array(arena, count + 1, sizeof(*numbers));

			if (count)
				memcpy(numbers, *ptr, count * sizeof(*numbers));
			*ptr = numbers;
			break;
		}
		case FIELD_STRUCT:
			own_pointers(f->sub, AT(what, void, f->offset), arena);
			break;
		case FIELD_STRUCTS: {
			char *structs = arena_array(arena, count + 1, f->sub->struct_bytes);

			for (size_t k = 0; k < count; k++) {
				memcpy(structs + k * f->sub->struct_bytes,
				       (const char *)*ptr + k * f->sub->struct_bytes,
				       f->sub->struct_bytes);
				own_pointers(f->sub, structs + k * f->sub->struct_bytes, arena);
			}
			*ptr = structs;
			break;
		}
		case FIELD_BOOL:
		case FIELD_ENUM:
		case FIELD_U16:
		case FIELD_U32:
		case FIELD_I64:
		case FIELD_U64:
			break;
		}
	}
}

void spec_copy(const struct container_spec *spec, struct arena *arena, struct container_spec *ret)
{
	*ret = *spec;
	own_pointers(&spec_table, ret, arena);
}

void resources_copy(const struct container_resources *from, struct arena *arena,
		    struct container_resources *ret)
{
	*ret = *from;
	own_pointers(&resources_table, ret, arena);
}

struct str spec_label(const struct container_spec *spec, struct str key)
{
	for (size_t i = 0; i < spec->label_count; i++) {
		if (str_eq(spec->labels[i].key, key))
			return spec->labels[i].value.ptr ? spec->labels[i].value : STR("");
	}
	return STR_NONE;
}

/* --- encoding: what is zero or empty is left out --- */

static void encode_struct(const struct table *table, const void *what, yyjson_mut_doc *doc,
			  yyjson_mut_val *to);

static void encode_many(const struct field *f, const void *what, yyjson_mut_doc *doc,
			yyjson_mut_val *to)
{
	size_t count = *AT(what, const size_t, f->count_offset);
	const char *ptr = *AT(what, const char *const, f->offset);
	yyjson_mut_val *v;

	if (count == 0)
		return;
	v = f->type == FIELD_PAIRS ? json_set_object(doc, to, f->key)
				   : json_set_array(doc, to, f->key);
	for (size_t i = 0; i < count; i++) {
		if (f->type == FIELD_PAIRS) {
			const struct oci_pair *pair = (const struct oci_pair *)ptr + i;

			json_put_str(doc, v, pair->key, pair->value);
		} else if (f->type == FIELD_U32S) {
			yyjson_mut_arr_add_uint(doc, v, ((const uint32_t *)ptr)[i]);
		} else {
			encode_struct(f->sub, ptr + i * f->sub->struct_bytes, doc,
				      json_append_object(doc, v));
		}
	}
}

static int64_t scalar_get(const struct field *f, const void *what)
{
	switch (f->type) {
	case FIELD_BOOL:
		return *AT(what, const bool, f->offset);
	case FIELD_ENUM:
		return *AT(what, const int, f->offset);
	case FIELD_U16:
		return *AT(what, const uint16_t, f->offset);
	case FIELD_U32:
		return *AT(what, const uint32_t, f->offset);
	default:
		return *AT(what, const int64_t, f->offset);
	}
}

static void encode_struct(const struct table *table, const void *what, yyjson_mut_doc *doc,
			  yyjson_mut_val *to)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];
		const struct str *text = AT(what, const struct str, f->offset);
		const struct str_list *list = AT(what, const struct str_list, f->offset);

		switch (f->type) {
		case FIELD_STR:
			if (text->len)
				json_set_str(doc, to, f->key, *text);
			break;
		case FIELD_LIST:
			if (list->count) {
				yyjson_mut_val *array = json_set_array(doc, to, f->key);

				for (size_t k = 0; k < list->count; k++)
					json_append_str(doc, array, list->items[k]);
			}
			break;
		case FIELD_PAIRS:
		case FIELD_U32S:
		case FIELD_STRUCTS:
			encode_many(f, what, doc, to);
			break;
		case FIELD_STRUCT:
			encode_struct(f->sub, AT(what, const void, f->offset), doc,
				      json_set_object(doc, to, f->key));
			break;
		default: /* u64 as the i64 of the same bits */
			if (scalar_get(f, what))
				json_set_int(doc, to, f->key, scalar_get(f, what));
		}
	}
}

void spec_encode(const struct container_spec *spec, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	encode_struct(&spec_table, spec, doc, to);
}

/* --- decoding: only our own records --- */

static void decode_struct(const struct table *table, yyjson_val *from, struct arena *arena,
			  void *what);

static void decode_list(yyjson_val *v, struct arena *arena, struct str_list *ret)
{
	struct str *items = arena_array(arena, yyjson_arr_size(v) + 1, sizeof(*items));
	size_t count = 0;

	JSON_EACH (item, v)
		items[count++] = str_in(arena, json_str(item));
	*ret = (struct str_list){ items, count };
}

static void decode_many(const struct field *f, yyjson_val *v, struct arena *arena, void *what)
{
	size_t count = 0;

	if (f->type == FIELD_PAIRS) {
		struct oci_pair *pairs = arena_array(arena, yyjson_obj_size(v) + 1, sizeof(*pairs));

		JSON_MEMBERS (key, value, v)
			pairs[count++] = (struct oci_pair){ str_in(arena, json_str(key)),
							    str_in(arena, json_str(value)) };
		*AT(what, const void *, f->offset) = pairs;
	} else if (f->type == FIELD_U32S) {
		uint32_t *numbers = arena_array(arena, yyjson_arr_size(v) + 1, sizeof(*numbers));

		JSON_EACH (item, v)
			numbers[count++] = (uint32_t)json_int(item, 0);
		*AT(what, const void *, f->offset) = numbers;
	} else {
		char *structs = arena_array(arena, yyjson_arr_size(v) + 1, f->sub->struct_bytes);

		JSON_EACH (item, v)
			decode_struct(f->sub, item, arena,
				      structs + count++ * f->sub->struct_bytes);
		*AT(what, const void *, f->offset) = structs;
	}
	*AT(what, size_t, f->count_offset) = count;
}

static void decode_struct(const struct table *table, yyjson_val *from, struct arena *arena,
			  void *what)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];
		yyjson_val *v = json_key(from, str_from(f->key));

		if (!v)
			continue;
		switch (f->type) {
		case FIELD_STR:
			*AT(what, struct str, f->offset) = str_in(arena, json_str(v));
			break;
		case FIELD_LIST:
			decode_list(v, arena, AT(what, struct str_list, f->offset));
			break;
		case FIELD_PAIRS:
		case FIELD_U32S:
		case FIELD_STRUCTS:
			decode_many(f, v, arena, what);
			break;
		case FIELD_STRUCT:
			decode_struct(f->sub, v, arena, AT(what, void, f->offset));
			break;
		case FIELD_BOOL:
			*AT(what, bool, f->offset) = json_int(v, 0) != 0;
			break;
		case FIELD_ENUM:
			*AT(what, int, f->offset) = (int)json_int(v, 0);
			break;
		case FIELD_U16:
			*AT(what, uint16_t, f->offset) = (uint16_t)json_int(v, 0);
			break;
		case FIELD_U32:
			*AT(what, uint32_t, f->offset) = (uint32_t)json_int(v, 0);
			break;
		case FIELD_I64:
		case FIELD_U64:
			*AT(what, int64_t, f->offset) = json_int(v, 0);
			break;
		}
	}
}

void spec_decode(yyjson_val *from, struct arena *arena, struct container_spec *ret)
{
	*ret = (struct container_spec){ 0 };
	decode_struct(&spec_table, from, arena, ret);
}
