/* SPDX-License-Identifier: Apache-2.0 */
/* Types: the fixed ones, making lists, maps and objects, and their names in messages. */
#include "cel/cel_internal.h"

#define SCALAR(type_kind, size)                         \
	{                                               \
		.kind = (type_kind), .size_max = (size) \
	}
#define OPAQUE(type_name)                                                                     \
	{                                                                                     \
		.kind = CEL_OPAQUE, .name = STR_INIT(type_name), .size_max = CEL_SIZE_UNKNOWN \
	}

const struct cel_type cel_type_dyn = SCALAR(CEL_DYN, CEL_SIZE_UNKNOWN);
const struct cel_type cel_type_null = SCALAR(CEL_NULL, 1);
const struct cel_type cel_type_bool = SCALAR(CEL_BOOL, 1);
const struct cel_type cel_type_int = SCALAR(CEL_INT, 1);
const struct cel_type cel_type_uint = SCALAR(CEL_UINT, 1);
const struct cel_type cel_type_double = SCALAR(CEL_DOUBLE, 1);
const struct cel_type cel_type_string = SCALAR(CEL_STRING, CEL_SIZE_UNKNOWN);
const struct cel_type cel_type_bytes = SCALAR(CEL_BYTES, CEL_SIZE_UNKNOWN);
const struct cel_type cel_type_timestamp = SCALAR(CEL_TIMESTAMP, 1);
const struct cel_type cel_type_duration = SCALAR(CEL_DURATION, 1);
const struct cel_type cel_type_list_dyn = {
	.kind = CEL_LIST,
	.element = &cel_type_dyn,
	.size_max = CEL_SIZE_UNKNOWN,
};
const struct cel_type cel_type_map_dyn = {
	.kind = CEL_MAP,
	.key = &cel_type_dyn,
	.element = &cel_type_dyn,
	.size_max = CEL_SIZE_UNKNOWN,
};
/* What is inside of cel_type_map_escaped. */
static const struct cel_type escaped_dyn = { .kind = CEL_DYN,
					     .unescapes = true,
					     .size_max = CEL_SIZE_UNKNOWN };
const struct cel_type cel_type_map_escaped = {
	.kind = CEL_MAP,
	.key = &cel_type_string,
	.element = &escaped_dyn,
	.unescapes = true,
	.size_max = CEL_SIZE_UNKNOWN,
};
const struct cel_type cel_type_list_escaped = {
	.kind = CEL_LIST,
	.element = &escaped_dyn,
	.size_max = CEL_SIZE_UNKNOWN,
};
const struct cel_type cel_type_type = SCALAR(CEL_TYPE, CEL_SIZE_UNKNOWN);
const struct cel_type cel_type_quantity = OPAQUE("kubernetes.Quantity");
const struct cel_type cel_type_url = OPAQUE("kubernetes.URL");
const struct cel_type cel_type_ip = OPAQUE("net.IP");
const struct cel_type cel_type_cidr = OPAQUE("net.CIDR");
const struct cel_type cel_type_semver = OPAQUE("kubernetes.Semver");
const struct cel_type cel_type_format = OPAQUE("kubernetes.NamedFormat");
const struct cel_type cel_type_authorizer = OPAQUE("kubernetes.authorization.Authorizer");
const struct cel_type cel_type_path_check = OPAQUE("kubernetes.authorization.PathCheck");
const struct cel_type cel_type_group_check = OPAQUE("kubernetes.authorization.GroupCheck");
const struct cel_type cel_type_resource_check = OPAQUE("kubernetes.authorization.ResourceCheck");
const struct cel_type cel_type_decision = OPAQUE("kubernetes.authorization.Decision");

const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *element,
				     uint64_t size_max)
{
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	*type = (struct cel_type){ .kind = CEL_LIST, .element = element, .size_max = size_max };
	return type;
}

const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
				    const struct cel_type *element, uint64_t size_max)
{
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	*type = (struct cel_type){
		.kind = CEL_MAP, .key = key, .element = element, .size_max = size_max
	};
	return type;
}

static const char *const kind_names[CEL_KIND_COUNT] = {
	[CEL_DYN] = "dyn",
	[CEL_NULL] = "null",
	[CEL_BOOL] = "bool",
	[CEL_INT] = "int",
	[CEL_UINT] = "uint",
	[CEL_DOUBLE] = "double",
	[CEL_STRING] = "string",
	[CEL_BYTES] = "bytes",
	[CEL_TIMESTAMP] = "timestamp",
	[CEL_DURATION] = "duration",
	[CEL_LIST] = "list",
	[CEL_MAP] = "map",
	[CEL_OPTIONAL] = "optional_type",
	[CEL_TYPE] = "type",
	[CEL_ERROR] = "!error!",
};

static void write_type(const struct cel_type *type, unsigned depth, struct buf *to)
{
	const char *name = kind_names[type->kind];

	if (name)
		buf_put_c(to, name);
	else
		buf_put_str(to, type->name);
	if (!type->element || !name || depth == CEL_TYPE_DEPTH_MAX)
		return;
	buf_put_char(to, '(');
	if (type->kind == CEL_MAP) {
		write_type(type->key, depth + 1, to);
		buf_put_c(to, ", ");
	}
	write_type(type->element, depth + 1, to);
	buf_put_char(to, ')');
}

void cel_type_write(const struct cel_type *type, struct buf *to)
{
	write_type(type, 0, to);
}
