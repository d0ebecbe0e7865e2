/* SPDX-License-Identifier: Apache-2.0 */
/* managedFields: reading, writing, and what an update does to them. */
#include "api/field_owners.h"

#include "api/limits.h"
#include "base/mem.h"

void field_owners_init(struct field_owners *owners, struct arena *arena)
{
	*owners = (struct field_owners){ .arena = arena };
}

static struct field_owner *add_empty(struct field_owners *owners)
{
	struct field_owner *items;

	if (owners->count == owners->room) {
		owners->room = owners->room ? owners->room * 2 : 8;
		items = arena_array(owners->arena, owners->room, sizeof(items[0]));
		if (owners->count)
			memcpy(items, owners->items, owners->count * sizeof(items[0]));
		owners->items = items;
	}
	return &owners->items[owners->count++];
}

static bool is_same(const struct field_owner *a, const struct field_owner *b)
{
	return a->is_applied == b->is_applied && str_eq(a->name, b->name) &&
	       str_eq(a->subresource, b->subresource) &&
	       (a->is_applied || str_eq(a->api_version, b->api_version));
}

static struct field_owner *find(struct field_owners *owners, const struct field_owner *like)
{
	for (size_t i = 0; i < owners->count; i++)
		if (is_same(&owners->items[i], like))
			return &owners->items[i];
	return NULL;
}

static struct field_owner owner_of(const struct field_writer *writer, bool is_applied)
{
	return (struct field_owner){ .name = writer->name.len ? writer->name : STR("unknown"),
				     .api_version = writer->api_version,
				     .subresource = writer->subresource,
				     .time = writer->time,
				     .is_applied = is_applied };
}

struct field_owner *field_owners_find(struct field_owners *owners,
				      const struct field_writer *writer, bool is_applied)
{
	struct field_owner like = owner_of(writer, is_applied);

	return find(owners, &like);
}

struct field_owner *field_owners_add(struct field_owners *owners, const struct field_writer *writer,
				     bool is_applied)
{
	struct field_owner *owner = add_empty(owners);

	*owner = owner_of(writer, is_applied);
	return owner;
}

void field_owners_prune(struct field_owners *owners)
{
	size_t kept = 0;

	for (size_t i = 0; i < owners->count; i++)
		if (owners->items[i].set)
			owners->items[kept++] = owners->items[i];
	owners->count = kept;
}

/* ---- reading ---- */

static int read_entry(struct field_owners *owners, yyjson_val *entry, size_t index, struct err *err)
{
	struct str operation = json_get_str(entry, "operation"),
		   type = json_get_str(entry, "fieldsType");
	struct field_owner owner = { .name = json_get_str(entry, "manager"),
				     .api_version = json_get_str(entry, "apiVersion"),
				     .subresource = json_get_str(entry, "subresource"),
				     .time = json_get_str(entry, "time"),
				     .is_applied = str_eq_c(operation, "Apply") };
	yyjson_val *fields = yyjson_obj_get(entry, "fieldsV1");
	struct field_owner *there;

	if (!owner.is_applied && !str_eq_c(operation, "Update"))
		return err_set(err, ERR_INVALID,
			       "invalid operation in managed fields entry %zu: \"" STR_FMT "\"",
			       index, STR_ARG(operation));
	if (!owner.api_version.len)
		return err_set(err, ERR_INVALID, "apiVersion must not be empty");
	if (!type.len)
		return err_set(err, ERR_INVALID, "missing fieldsType in managed fields entry %zu",
			       index);
	if (!str_eq_c(type, "FieldsV1"))
		return err_set(err, ERR_INVALID,
			       "invalid fieldsType \"" STR_FMT "\" in managed fields entry %zu",
			       STR_ARG(type), index);
	if (!owner.name.len)
		owner.name = STR("unknown");
	if (fields && field_set_read(owners->arena, fields, &owner.set, err) < 0)
		return err_wrap(err, "error decoding manager from managed fields entry %zu", index);
	there = find(owners, &owner);
	if (there)
		*there = owner; /* the last one counts */
	else
		*add_empty(owners) = owner;
	return 0;
}

int field_owners_read(struct field_owners *owners, yyjson_val *list, struct err *err)
{
	size_t index = 0;

	JSON_EACH (entry, list)
		if (read_entry(owners, entry, index++, err) < 0)
			return -1;
	field_owners_prune(owners);
	return 0;
}

void field_owners_keep(struct field_owners *owners)
{
	for (size_t i = 0; i < owners->count; i++) {
		struct field_owner *o = &owners->items[i];

		o->name = str_in(owners->arena, o->name);
		o->api_version = str_in(owners->arena, o->api_version);
		o->subresource = str_in(owners->arena, o->subresource);
		o->time = str_in(owners->arena, o->time);
		field_set_keep(owners->arena, o->set);
	}
}

bool field_owners_is_reset(yyjson_val *list)
{
	yyjson_val *first = yyjson_is_arr(list) ? yyjson_arr_get_first(list) : NULL;

	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > 1)
		return false;
	return !first || (yyjson_is_obj(first) && !yyjson_obj_size(first));
}

/* ---- changing ---- */

/* Constant, since each write needs it; nodes of sets are never changed. */
static const struct field_set nobodys_metadata[] = {
	{ .name = STR_INIT("f:clusterName"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[1] },
	{ .name = STR_INIT("f:creationTimestamp"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[2] },
	{ .name = STR_INIT("f:generation"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[3] },
	{ .name = STR_INIT("f:managedFields"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[4] },
	{ .name = STR_INIT("f:name"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[5] },
	{ .name = STR_INIT("f:namespace"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[6] },
	{ .name = STR_INIT("f:resourceVersion"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[7] },
	{ .name = STR_INIT("f:selfLink"),
	  .is_member = true,
	  .next = (struct field_set *)&nobodys_metadata[8] },
	{ .name = STR_INIT("f:uid"), .is_member = true, .next = NULL },
};

/* apiVersion, kind and metadata; the last one is a member of no set either, but what is in it may
 * be. */
#define NOBODYS(array, metadata_too)                                  \
	static const struct field_set array[] = {                     \
		{ .name = STR_INIT("f:apiVersion"),                   \
		  .is_member = true,                                  \
		  .next = (struct field_set *)&array[1] },            \
		{ .name = STR_INIT("f:kind"),                         \
		  .is_member = true,                                  \
		  .next = (struct field_set *)&array[2] },            \
		{ .name = STR_INIT("f:metadata"),                     \
		  .is_member = metadata_too,                          \
		  .children = (struct field_set *)nobodys_metadata }, \
	}

NOBODYS(nobodys_fields, true);
NOBODYS(skipped_fields, false);
static const struct field_set nobodys = { .children = (struct field_set *)nobodys_fields };
static const struct field_set skipped = { .children = (struct field_set *)skipped_fields };

const struct field_set *field_owners_nobodys(void)
{
	return &nobodys;
}

static const struct field_set *skipped_of(struct arena *arena, const struct field_writer *writer)
{
	return writer->reset ? field_set_union(arena, &skipped, writer->reset) : &skipped;
}

bool field_owners_create(struct field_owners *owners, struct schema_at at, yyjson_val *object,
			 const struct field_writer *writer)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };
	AUTO_BUF text = { 0 };
	AUTO_JSON fields = NULL;
	struct field_set *set = NULL;

	typed_walk_init(&walk, owners->arena, NULL);
	buf_init(&text, FIELD_OWNERS_BYTES_MAX);
	if (!typed_write_created(&walk, at, object, skipped_of(owners->arena, writer), &text))
		return false;
	fields = json_parse(buf_str(&text), text.len, NULL);
	if (!fields || field_set_read(owners->arena, yyjson_doc_get_root(fields), &set, NULL) < 0)
		return false;
	field_set_keep(owners->arena, set);
	field_owners_add(owners, writer, false)->set = set;
	return true;
}

static int older(const void *a, const void *b)
{
	const struct field_owner *x = *(struct field_owner *const *)a,
				 *y = *(struct field_owner *const *)b;
	int order = str_cmp(x->time, y->time);

	if (!order)
		order = str_cmp(x->name, y->name);
	if (!order)
		order = str_cmp(x->api_version, y->api_version);
	return order ? order : str_cmp(x->subresource, y->subresource);
}

/* The first updater of this version, up to but not including i. */
static struct field_owner *first_of_version(struct field_owner **updaters, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(updaters[k]->api_version, updaters[i]->api_version))
			return updaters[k];
	return NULL;
}

/* The oldest updaters become one entry for each version. */
static void cap_updaters(struct field_owners *owners)
{
	struct field_owner **updaters = arena_array(owners->arena, owners->count + 1,
						    sizeof(updaters[0]));
	size_t count = 0, left;

	for (size_t i = 0; i < owners->count; i++)
		if (!owners->items[i].is_applied)
			updaters[count++] = &owners->items[i];
	left = count;
	if (count <= FIELD_OWNERS_UPDATING_MAX)
		return;
	qsort(updaters, count, sizeof(updaters[0]), older);
	for (size_t i = 0; i < count && left > FIELD_OWNERS_UPDATING_MAX; i++) {
		struct field_owner *bucket = first_of_version(updaters, i);

		if (!bucket)
			continue;
		bucket->name = STR("ancient-changes");
		bucket->subresource = STR_NONE;
		bucket->time = updaters[i]->time;
		bucket->set = field_set_union(owners->arena, bucket->set, updaters[i]->set);
		updaters[i]->set = NULL;
		left--;
	}
	field_owners_prune(owners);
}

int field_owners_reconcile(struct field_owners *owners, struct typed_walk *walk,
			   struct versioned live, const struct field_writer *writer,
			   struct err *err)
{
	for (size_t i = 0; writer->versions && live.object && i < owners->count; i++) {
		struct field_owner *owner = &owners->items[i];
		struct versioned view;

		if (versioned_as(walk, writer->versions, live, owner->api_version, &view, err) < 0)
			return -1;
		if (!view.object)
			owner->set = NULL;
		else if (schema_tree(view.at)) /* tables stay what they are */
			owner->set = typed_reconcile(walk, typed_root(view.at), owner->set);
	}
	field_owners_prune(owners);
	return 0;
}

static struct typed_diff compare_in(struct typed_walk *walk, const struct field_writer *writer,
				    struct versioned old, struct versioned now)
{
	struct typed_diff diff = typed_compare(walk, typed_root(now.at), old.object, now.object);

	diff.changed = field_set_difference(walk->arena, diff.changed, writer->reset, true);
	diff.removed = field_set_difference(walk->arena, diff.removed, writer->reset, true);
	return diff;
}

/* An owner before items[i] that wrote in the same version; SIZE_MAX: none. */
static size_t same_version(const struct field_owners *owners, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(owners->items[k].api_version, owners->items[i].api_version))
			return k;
	return SIZE_MAX;
}

int field_owners_compare(struct field_owners *owners, struct typed_walk *walk, struct versioned old,
			 struct versioned now, const struct field_writer *writer,
			 struct typed_diff **ret_diffs, struct err *err)
{
	struct typed_diff *diffs = arena_array(walk->arena, owners->count + 1, sizeof(diffs[0]));
	bool *is_unknown = arena_array(walk->arena, owners->count + 1, sizeof(is_unknown[0]));

	diffs[owners->count] = compare_in(walk, writer, old, now);
	for (size_t i = 0; i < owners->count; i++) {
		struct field_owner *owner = &owners->items[i];
		size_t before = same_version(owners, i);
		struct versioned was, is;

		diffs[i] = diffs[before == SIZE_MAX ? owners->count : before];
		is_unknown[i] = before != SIZE_MAX && is_unknown[before];
		if (is_unknown[i])
			owner->set = NULL;
		if (before != SIZE_MAX || !writer->versions ||
		    str_eq(owner->api_version, now.api_version))
			continue;
		if (versioned_as(walk, writer->versions, old, owner->api_version, &was, err) < 0)
			return err_wrap(err, "failed to convert old object");
		if (versioned_as(walk, writer->versions, now, owner->api_version, &is, err) < 0)
			return err_wrap(err, "failed to convert new object");
		is_unknown[i] = !is.object;
		if (is_unknown[i])
			owner->set = NULL;
		else
			diffs[i] = compare_in(walk, writer, was, is);
	}
	*ret_diffs = diffs;
	return 0;
}

int field_owners_update(struct field_owners *owners, struct schema_at at, yyjson_val *old,
			yyjson_val *now, const struct field_writer *writer, struct err *err)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };
	struct arena *arena = owners->arena;
	struct versioned before = { writer->api_version, at, old };
	struct versioned after = { writer->api_version, at, now };
	struct typed_diff *diffs;
	struct field_set *own;
	struct field_owner *owner;

	typed_walk_init(&walk, arena, err);
	if (field_owners_reconcile(owners, &walk, before, writer, err) < 0 ||
	    field_owners_compare(owners, &walk, before, after, writer, &diffs, err) < 0)
		return -1;
	own = field_set_difference(arena, diffs[owners->count].changed, field_owners_nobodys(),
				   false);
	for (size_t i = 0; i < owners->count; i++) {
		owner = &owners->items[i];
		owner->set = field_set_difference(arena, owner->set, diffs[i].changed, false);
		owner->set = field_set_difference(arena, owner->set, diffs[i].removed, false);
	}
	if (own) {
		owner = field_owners_find(owners, writer, false);
		if (!owner)
			owner = field_owners_add(owners, writer, false);
		owner->set = field_set_union(arena, owner->set, own);
		owner->time = writer->time;
	}
	field_owners_prune(owners);
	cap_updaters(owners);
	return 0;
}

/* ---- writing ---- */

static int entry_cmp(const void *a, const void *b)
{
	const struct field_owner *x = a, *y = b;
	int order = (int)y->is_applied - (int)x->is_applied; /* "Apply" before "Update" */

	if (!order)
		order = str_cmp(x->time, y->time);
	if (!order)
		order = str_cmp(x->name, y->name);
	if (!order)
		order = str_cmp(x->api_version, y->api_version);
	return order ? order : str_cmp(x->subresource, y->subresource);
}

static void write_head(const struct field_owner *owner, struct buf *to)
{
	buf_put_c(to, "{\"manager\":");
	json_write_quoted(owner->name, to);
	buf_put_c(to, owner->is_applied ? ",\"operation\":\"Apply\",\"apiVersion\":"
					: ",\"operation\":\"Update\",\"apiVersion\":");
	json_write_quoted(owner->api_version, to);
	if (owner->time.len) {
		buf_put_c(to, ",\"time\":");
		json_write_quoted(owner->time, to);
	}
	buf_put_c(to, ",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
}

static void write_tail(const struct field_owner *owner, struct buf *to)
{
	if (owner->subresource.len) {
		buf_put_c(to, ",\"subresource\":");
		json_write_quoted(owner->subresource, to);
	}
	buf_put_char(to, '}');
}

void field_owners_write(struct field_owners *owners, struct buf *to)
{
	if (owners->count > 1)
		qsort(owners->items, owners->count, sizeof(owners->items[0]), entry_cmp);
	buf_put_char(to, '[');
	for (size_t i = 0; i < owners->count; i++) {
		if (i)
			buf_put_char(to, ',');
		write_head(&owners->items[i], to);
		field_set_write(owners->items[i].set, to);
		write_tail(&owners->items[i], to);
	}
	buf_put_char(to, ']');
}

bool field_owners_write_created(struct arena *arena, struct schema_at at, yyjson_val *object,
				const struct field_writer *writer, struct buf *to)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };
	struct field_owner owner = owner_of(writer, false);
	bool found;

	typed_walk_init(&walk, arena, NULL);
	buf_put_char(to, '[');
	write_head(&owner, to);
	found = typed_write_created(&walk, at, object, skipped_of(arena, writer), to);
	write_tail(&owner, to);
	buf_put_char(to, ']');
	return found;
}

/* ---- comparing ---- */

static bool same_entry(yyjson_val *a, yyjson_val *b)
{
	static const char *const keys[] = { "manager",	  "operation", "apiVersion",
					    "fieldsType", "fieldsV1",  "subresource" };

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
		if (!json_equal(yyjson_obj_get(a, keys[i]), yyjson_obj_get(b, keys[i])))
			return false;
	return true;
}

bool field_owners_same(yyjson_val *a, yyjson_val *b)
{
	size_t count = yyjson_is_arr(a) ? yyjson_arr_size(a) : 0, found = 0;
	yyjson_arr_iter mine;

	if (count != (yyjson_is_arr(b) ? yyjson_arr_size(b) : 0))
		return false;
	mine = json_arr_iter(b);
	JSON_EACH (x, a) {
		/* written in one order, as a rule they stand in the same places */
		if (same_entry(x, yyjson_arr_iter_next(&mine))) {
			found++;
			continue;
		}
		JSON_EACH (y, b)
			if (same_entry(x, y)) {
				found++;
				break;
			}
	}
	return found == count;
}
