/* SPDX-License-Identifier: Apache-2.0 */
/* Types of expressions from schemas, field by field. */
#include "api/schema_type.h"

#include "cel/schema.h"

struct known_field {
	struct cel_field field;
	struct known_field *next;
};

/* An object type's source. */
struct object_source {
	struct arena *arena;
	struct schema_at at;
	const struct cel_type *custom; /* fields that are not in the tables; NULL: none */
	struct known_field *known;     /* found before: each has one type */
};

static const struct cel_type timestamp_text = { .kind = CEL_TIMESTAMP, .from_string = true };
static const struct cel_type bytes_text = { .kind = CEL_BYTES,
					    .from_string = true,
					    .size_max = CEL_SIZE_UNKNOWN };

static const struct cel_field *find(const struct cel_type *object, struct str name);
static const struct cel_fields field_table = { .find = find };

static const struct cel_type *object_type(struct arena *arena, struct schema_at at,
					  const struct cel_type *custom)
{
	struct object_source *source = ARENA_NEW(arena, struct object_source);
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	*source = (struct object_source){ .arena = arena, .at = at, .custom = custom };
	*type = (struct cel_type){
		.kind = CEL_OBJECT,
		.name = schema_str(at.set, at.type->go_name),
		.fields = &field_table,
		.source = source,
		.size_max = CEL_SIZE_UNKNOWN,
	};
	return type;
}

static const struct cel_type *value_type(struct arena *arena, struct schema_at at,
					 const struct schema_field *field)
{
	switch ((enum schema_value)field->value) {
	case SCHEMA_STRING:
	case SCHEMA_DURATION:
		return &cel_type_string;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return &cel_type_int;
	case SCHEMA_BOOL:
		return &cel_type_bool;
	case SCHEMA_DOUBLE:
		return &cel_type_double;
	case SCHEMA_BYTES:
		return &bytes_text;
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		return &timestamp_text;
	case SCHEMA_OBJECT:
		return object_type(arena, schema_ref(at, field), NULL);
	default:
		return &cel_type_dyn;
	}
}

static const struct cel_type *field_type(struct arena *arena, struct schema_at at,
					 const struct schema_field *field)
{
	const struct cel_type *value = value_type(arena, at, field);

	switch ((enum schema_shape)field->shape) {
	case SCHEMA_ONE:
		return value;
	case SCHEMA_LIST:
		return cel_type_list(arena, value, CEL_SIZE_UNKNOWN);
	case SCHEMA_MAP:
		return cel_type_map(arena, &cel_type_string, value, CEL_SIZE_UNKNOWN);
	case SCHEMA_MAP_OF_LISTS:
		return cel_type_map(arena, &cel_type_string,
				    cel_type_list(arena, value, CEL_SIZE_UNKNOWN),
				    CEL_SIZE_UNKNOWN);
	case SCHEMA_LIST_OF_LISTS:
		break;
	}
	return &cel_type_dyn;
}

static const struct cel_field *find(const struct cel_type *object, struct str name)
{
	struct object_source *source = (struct object_source *)(uintptr_t)object->source;
	const struct schema_field *field;
	struct known_field *known = source->known;
	struct str property;

	while (known && !str_eq(known->field.name, name))
		known = known->next;
	if (known)
		return &known->field;
	field = cel_unescape(source->arena, name, &property) ? schema_field(source->at, property)
							     : NULL;
	if (!field)
		return source->custom ? source->custom->fields->find(source->custom, name) : NULL;
	known = ARENA_NEW(source->arena, struct known_field);
	*known = (struct known_field){ { str_in(source->arena, name), property,
					 field_type(source->arena, source->at, field) },
				       source->known };
	source->known = known;
	return &known->field;
}

const struct cel_type *schema_type_new(struct arena *arena, struct schema_at at)
{
	return object_type(arena, at, NULL);
}

const struct cel_type *schema_type_custom(struct arena *arena, yyjson_val *schema)
{
	const struct cel_type *custom = schema ? cel_schema_type(arena, schema, true) : NULL;
	struct schema_at partial = schema_find(STR("meta/v1.PartialObjectMetadata"));

	if (!custom || custom->kind != CEL_OBJECT)
		return NULL;
	return object_type(arena, partial, custom);
}
