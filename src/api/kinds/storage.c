/* SPDX-License-Identifier: Apache-2.0 */
/* PersistentVolume, PersistentVolumeClaim and the kinds of storage.k8s.io. */
#include <stdlib.h>

#include "api/field_value.h"
#include "api/kinds/cells.h"
#include "api/kinds/frozen.h"
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/warnings.h"
#include "api/limits.h"
#include "api/meta.h"
#include "api/quantity.h"
#include "codec/json_index.h"

#define ACCESS_MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"
#define BETA_CLASS "volume.beta.kubernetes.io/storage-class"

/* ---- what volumes and claims share ---- */

static void check_access_modes(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	bool one_pod = false, others = false;

	JSON_MUT_EACH (item, v) {
		struct str mode = json_mut_str(item);

		if (!schema_values_have(STR(ACCESS_MODES), mode))
			field_unsupported(s->errors, path, mode, ACCESS_MODES);
		else if (str_eq_c(mode, "ReadWriteOncePod"))
			one_pod = true;
		else
			others = true;
	}
	if (one_pod && others)
		field_forbidden(s->errors, path,
				"may not use ReadWriteOncePod with other access modes");
}

static void check_positive(const struct scope *s, const struct field_path *path, struct str text)
{
	struct quantity q;

	if (quantity_parse(text, &q, NULL) == 0 && q.nano <= 0)
		field_invalid_str(s->errors, path, text, "must be greater than zero");
}

/* ---- PersistentVolume ---- */

static void check_capacity(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!yyjson_mut_obj_size(v))
		field_required(s->errors, path, "");
	if (!yyjson_mut_obj_get(v, "storage") || yyjson_mut_obj_size(v) > 1)
		field_unsupported_val(s->errors, path, v, "storage");
	JSON_MUT_MEMBERS (key, value, v)
		check_positive(s, FIELD_KEY(path, json_mut_str(key)), json_mut_str(value));
}

static void check_volume_source(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	volume_source_validate(s, VOLUME_PERSISTENT, path, v);
	if (yyjson_mut_obj_get(v, "local") && !yyjson_mut_obj_get(v, "nodeAffinity"))
		field_required(s->errors, FIELD_NAME(path, "nodeAffinity"),
			       "Local volume requires node affinity");
	if (str_eq_c(json_mut_get_str(v, "hostPath.path"), "/") &&
	    str_eq_c(json_mut_get_str(v, "persistentVolumeReclaimPolicy"), "Recycle"))
		field_forbidden(s->errors, FIELD_NAME(path, "persistentVolumeReclaimPolicy"),
				"may not be 'recycle' for a hostPath mount of '/'");
}

static void check_attributes_class(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	yyjson_mut_val *name = yyjson_mut_obj_get(v, "volumeAttributesClassName");
	const struct field_path *here = FIELD_NAME(path, "volumeAttributesClassName");

	if (!name)
		return;
	if (!json_mut_str(name).len)
		field_required(s->errors, here, "an empty string is disallowed");
	else if (name_subdomain_problem(json_mut_str(name)))
		field_invalid_str(s->errors, here, json_mut_str(name),
				  name_subdomain_problem(json_mut_str(name)));
	if (!yyjson_mut_obj_get(v, "csi"))
		field_required(s->errors, FIELD_NAME(path, "csi"),
			       "has to be specified when using volumeAttributesClassName");
}

static void check_required_nodes(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	yyjson_mut_val *required = yyjson_mut_obj_get(v, "required");

	if (!v)
		return;
	if (!required)
		field_required(s->errors, FIELD_NAME(path, "required"),
			       "must specify required node constraints");
	rule_node_selector(s, FIELD_NAME(path, "required"), required);
}

static const struct rule volume_spec_rules[] = {
	RULE_NEED("accessModes", ""),
	RULE_CALL("accessModes", check_access_modes),
	RULE_CALL("capacity", check_capacity),
	RULE_ONE_OF("persistentVolumeReclaimPolicy", "Delete|Recycle|Retain"),
	RULE_CALL("nodeAffinity", check_required_nodes),
	RULE_CALL(NULL, check_volume_source),
	RULE_NAME("storageClassName", name_subdomain_problem),
	RULE_ONE_OF("volumeMode", "Block|Filesystem"),
	RULE_CALL(NULL, check_attributes_class),
	{ 0 },
};

static const struct rule volume_rules[] = { RULE_INSIDE("spec", volume_spec_rules), { 0 } };

static void volume_prepare_create(struct edit *e)
{
	json_set_str(e->doc, json_set_object(e->doc, e->root, "status"), "phase", STR("Pending"));
}

static void volume_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, volume_rules, errors);
}

/* A secret for growing may come later. */
static bool is_same_source(yyjson_mut_val *now, yyjson_val *old)
{
	static const char *const late[] = { "controllerExpandSecretRef", NULL };
	static const char *const none[] = { NULL };

	JSON_MUT_MEMBERS (key, value, now) {
		struct str name = json_mut_str(key);
		yyjson_val *before = json_key(old, name);
		bool may_come = str_eq_c(name, "csi") && before &&
				!yyjson_obj_get(before, "controllerExpandSecretRef");

		if (volume_source_is(name) &&
		    !(before && yyjson_is_obj(before) &&
		      frozen_is_same_but(value, before, may_come ? late : none)))
			return false;
	}
	JSON_MEMBERS (name, before, old)
		if (before && volume_source_is(json_str(name)) &&
		    !json_mut_key(now, json_str(name)))
			return false;
	return true;
}

static void check_attributes_update(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.volumeAttributesClassName");

	if (json_get(e->old, "spec.volumeAttributesClassName") && !now)
		field_forbidden(errors,
				FIELD_NAME(FIELD_NAME(NULL, "spec"), "volumeAttributesClassName"),
				"update from non-nil value to nil is forbidden");
}

static void volume_validate_update(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *mode = yyjson_mut_obj_get(spec, "volumeMode"),
		       *affinity = yyjson_mut_obj_get(spec, "nodeAffinity");
	yyjson_val *old = yyjson_obj_get(e->old, "spec"),
		   *old_affinity = yyjson_obj_get(old, "nodeAffinity");

	if (!is_same_source(spec, old))
		field_forbidden(errors,
				FIELD_NAME(FIELD_NAME(NULL, "spec"), "persistentvolumesource"),
				"spec.persistentvolumesource is immutable after creation\n");
	if (!json_mixed_equal(mode, yyjson_obj_get(old, "volumeMode")))
		field_invalid_val(errors, FIELD_NAME(NULL, "volumeMode"), mode,
				  "field is immutable");
	if (old_affinity && !json_mixed_equal(affinity, old_affinity))
		field_invalid_val(errors, FIELD_NAME(NULL, "nodeAffinity"), affinity,
				  "field is immutable, except for updating from beta label to GA");
	check_attributes_update(e, errors);
}

static void volume_warn(struct edit *e, struct notices *notices)
{
	warn_node_terms(notices, "spec.nodeAffinity.required.nodeSelectorTerms",
			json_mut_get(e->root, "spec.nodeAffinity.required.nodeSelectorTerms"));
	if (str_eq_c(json_mut_get_str(e->root, "spec.persistentVolumeReclaimPolicy"), "Recycle"))
		notices_add(notices,
			    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is "
			    "deprecated. Instead, the recommended approach is to use dynamic "
			    "provisioning.");
	if (json_mut_key(json_mut_get(e->root, "metadata.annotations"), STR(BETA_CLASS)))
		notices_add(notices, "metadata.annotations[" BETA_CLASS "]: deprecated since v1.8; "
				     "use \"storageClassName\" attribute instead");
}

const struct strategy strategy_volume = {
	.prepare_create = volume_prepare_create,
	.validate = volume_validate,
	.validate_update = volume_validate_update,
	.warn = volume_warn,
	.cells = volume_cells,
};

/* ---- PersistentVolumeClaim ---- */

static void check_storage(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str storage = json_mut_get_str(v, "requests.storage");
	const struct field_path *here = FIELD_KEY(path, STR("storage"));

	if (!storage.len)
		field_required(s->errors, here, "");
	else
		check_positive(s, here, storage);
}

static void check_data_source(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NEED("name", ""),
		RULE_NEED("kind", ""),
		{ 0 },
	};
	static const struct rule rest[] = {
		RULE_NAME("apiGroup", name_subdomain_problem),
		RULE_NAME("namespace", name_label_problem),
		{ 0 },
	};
	struct str kind = json_mut_get_str(v, "kind");

	if (!v)
		return;
	rules_check(s, rules, path, v);
	if (!json_mut_get_str(v, "apiGroup").len && !str_eq_c(kind, "PersistentVolumeClaim"))
		field_invalid_str(s->errors, path, kind,
				  "must be 'PersistentVolumeClaim' when referencing the default "
				  "apiGroup");
	rules_check(s, rest, path, v);
}

static void check_same_sources(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	yyjson_mut_val *source = yyjson_mut_obj_get(v, "dataSource"),
		       *reference = yyjson_mut_obj_get(v, "dataSourceRef");

	if (!source || !reference)
		return;
	if (json_mut_get_str(reference, "namespace").len)
		field_invalid_val(s->errors, path, reference,
				  "may not be specified when dataSourceRef.namespace is specified");
	else if (!str_eq(json_mut_get_str(source, "name"), json_mut_get_str(reference, "name")) ||
		 !str_eq(json_mut_get_str(source, "kind"), json_mut_get_str(reference, "kind")))
		field_invalid_val(s->errors, path, source, "must match dataSourceRef");
}

static const struct rule claim_spec_rules[] = {
	RULE_NEED("accessModes", "at least 1 access mode is required"),
	RULE_CALL("selector", rule_selector),
	RULE_CALL("accessModes", check_access_modes),
	RULE_CALL("resources", check_storage),
	RULE_NAME("storageClassName", name_subdomain_problem),
	RULE_ONE_OF("volumeMode", "Block|Filesystem"),
	RULE_CALL("dataSource", check_data_source),
	RULE_CALL("dataSourceRef", check_data_source),
	RULE_CALL(NULL, check_same_sources),
	RULE_NAME("volumeAttributesClassName", name_subdomain_problem),
	{ 0 },
};

void rule_claim_spec(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	rules_check(s, claim_spec_rules, path, v);
}

static const struct rule claim_rules[] = { RULE_CALL("spec", rule_claim_spec), { 0 } };

/* Either name for the source of data fills in the other one. */
static void claim_copy_source(struct edit *e)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *source = yyjson_mut_obj_get(spec, "dataSource"),
		       *reference = yyjson_mut_obj_get(spec, "dataSourceRef");

	if (source && !reference)
		json_set(e->doc, spec, "dataSourceRef", json_mut_copy(e->doc, source));
	else if (reference && !source && !json_mut_get_str(reference, "namespace").len)
		json_set(e->doc, spec, "dataSource", json_mut_copy(e->doc, reference));
}

static void claim_prepare_create(struct edit *e)
{
	volume_prepare_create(e);
	claim_copy_source(e);
}

static void claim_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, claim_rules, errors);
}

/* Copies: what may change is levelled before they are compared. */
static void check_claim_frozen(struct edit *e, bool bound, struct field_errors *errors)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_val *old = yyjson_obj_get(e->old, "spec");
	yyjson_mut_val *now = json_mut_copy(doc, yyjson_mut_obj_get(e->root, "spec"));
	yyjson_val *had_class = json_key(json_get(e->old, "metadata.annotations"), STR(BETA_CLASS));

	if (!json_get_str(old, "volumeName").len)
		frozen_take_old(doc, now, old, "volumeName");
	if (!yyjson_obj_get(old, "storageClassName") &&
	    (!had_class ||
	     json_mixed_equal(yyjson_mut_obj_get(now, "storageClassName"), had_class)))
		frozen_take_old(doc, now, old, "storageClassName");
	if (bound) {
		frozen_take_old(doc, json_mut_get(now, "resources.requests"),
				json_get(old, "resources.requests"), "storage");
		if (yyjson_mut_obj_get(now, "volumeAttributesClassName"))
			frozen_take_old(doc, now, old, "volumeAttributesClassName");
	}
	if (!json_mixed_equal(now, old))
		field_forbidden(errors, FIELD_NAME(NULL, "spec"),
				"spec is immutable after creation except resources.requests and "
				"volumeAttributesClassName for bound claims\n");
}

static void check_claim_size(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(
		FIELD_NAME(FIELD_NAME(FIELD_NAME(NULL, "spec"), "resources"), "requests"),
		"storage");
	struct quantity now, before, is;

	if (quantity_parse(json_mut_get_str(e->root, "spec.resources.requests.storage"), &now,
			   NULL) < 0 ||
	    quantity_parse(json_get_str(e->old, "spec.resources.requests.storage"), &before, NULL) <
		    0 ||
	    quantity_cmp(&now, &before) >= 0)
		return;
	if (quantity_parse(json_get_str(e->old, "status.capacity.storage"), &is, NULL) < 0)
		is = quantity_of(0, QUANTITY_DECIMAL_SI);
	if (quantity_cmp(&now, &is) <= 0)
		field_forbidden(errors, path, "field can not be less than status.capacity");
}

static void check_old_class(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "annotations");
	yyjson_val *old = json_key(json_get(e->old, "metadata.annotations"), STR(BETA_CLASS));
	yyjson_mut_val *now = json_mut_key(json_mut_get(e->root, "metadata.annotations"),
					   STR(BETA_CLASS)),
		       *class_name = json_mut_get(e->root, "spec.storageClassName");
	bool moves = old && !json_get(e->old, "spec.storageClassName") &&
		     json_mixed_equal(class_name, old) && (!now || json_mixed_equal(now, old));

	if (!moves && !str_eq(json_str(old), json_mut_str(now)))
		field_invalid_str(errors, FIELD_NAME(path, BETA_CLASS), json_mut_str(now),
				  "field is immutable");
}

static void claim_validate_update(struct edit *e, struct field_errors *errors)
{
	bool bound = str_eq_c(json_get_str(e->old, "status.phase"), "Bound");
	yyjson_mut_val *mode = json_mut_get(e->root, "spec.volumeMode"),
		       *class_name = json_mut_get(e->root, "spec.volumeAttributesClassName");

	check_old_class(e, errors);
	check_claim_frozen(e, bound, errors);
	check_claim_size(e, errors);
	if (!json_mixed_equal(mode, json_get(e->old, "spec.volumeMode")))
		field_invalid_val(errors, FIELD_NAME(NULL, "volumeMode"), mode,
				  "field is immutable");
	if (class_name && !json_mut_str(class_name).len &&
	    json_get_str(e->old, "spec.volumeAttributesClassName").len)
		field_forbidden(errors,
				FIELD_NAME(FIELD_NAME(NULL, "spec"), "volumeAttributesClassName"),
				"update from non-nil value to an empty string is forbidden");
	check_attributes_update(e, errors);
}

#define RESIZE_STATES                                                                 \
	"ControllerResizeInProgress|ControllerResizeInfeasible|NodeResizeInProgress|" \
	"NodeResizeInfeasible|NodeResizePending"

static void check_reported(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct quantity q;

	JSON_MUT_MEMBERS (key, amount, v)
		if (quantity_parse(json_mut_str(amount), &q, NULL) == 0 && q.nano < 0)
			field_invalid_int(s->errors, FIELD_KEY(path, json_mut_str(key)),
					  quantity_value(&q), "must be a valid resource quantity");
}

static void check_resizing(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_MEMBERS (key, state, v) {
		if (name_qualified_problem(json_mut_str(key)))
			field_invalid_str(s->errors, path, json_mut_str(key),
					  name_qualified_problem(json_mut_str(key)));
		else if (!schema_values_have(STR(RESIZE_STATES), json_mut_str(state)))
			field_unsupported(s->errors, path, json_mut_str(key), RESIZE_STATES);
	}
}

static const struct rule claim_status_rules[] = {
	RULE_CALL("capacity", check_reported),
	RULE_CALL("allocatedResourceStatuses", check_resizing),
	RULE_CALL("allocatedResources", check_reported),
	{ 0 },
};

static void claim_validate_status(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	rules_check(&scope, claim_status_rules, FIELD_NAME(NULL, "status"),
		    yyjson_mut_obj_get(e->root, "status"));
}

const struct strategy strategy_claim = {
	.prepare_create = claim_prepare_create,
	.prepare_update = claim_copy_source,
	.validate = claim_validate,
	.validate_update = claim_validate_update,
	.validate_status_update = claim_validate_status,
	.cells = claim_cells,
};

/* ---- StorageClass ---- */

static const char *provisioner_problem(struct str name)
{
	char lower[DNS_SUBDOMAIN_BYTES_MAX + DNS_LABEL_BYTES_MAX + 2];

	if (name.len > sizeof(lower))
		return name_qualified_problem(name);
	for (size_t i = 0; i < name.len; i++)
		lower[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'
				   ? (char)(name.ptr[i] + 'a' - 'A')
				   : name.ptr[i];
	return name_qualified_problem(str_sub(lower, name.len));
}

static void check_parameters(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	size_t bytes = 0;

	if (yyjson_mut_obj_size(v) > CLASS_PARAMETERS_MAX) {
		field_too_long(s->errors, path, CLASS_PARAMETERS_MAX);
		return;
	}
	JSON_MUT_MEMBERS (key, value, v) {
		if (!json_mut_str(key).len)
			field_invalid_str(s->errors, path, json_mut_str(key),
					  "field can not be empty.");
		bytes += json_mut_str(key).len + json_mut_str(value).len;
	}
	if (bytes > CLASS_PARAMETERS_BYTES_MAX)
		field_too_long(s->errors, path, CLASS_PARAMETERS_BYTES_MAX);
}

static void check_topology_value(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NEED("values", ""),
		RULE_DISTINCT("values"),
		RULE_NEED_NAME("key", name_qualified_problem),
		{ 0 },
	};

	rules_check(s, rules, path, v);
}

static const struct rule expression_rules[] = { RULE_CALL(NULL, check_topology_value), { 0 } };

static const struct rule topology_rules[] = {
	RULE_EACH_BY("matchLabelExpressions", "key", expression_rules),
	{ 0 },
};

struct topology_key {
	struct str key, values; /* values: sorted, each quoted */
	size_t index;
};

static int compare_texts(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int compare_keys(const void *a, const void *b)
{
	const struct topology_key *x = a, *y = b;
	int order = str_cmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* As a set. */
static struct str values_text(struct arena *arena, yyjson_mut_val *list)
{
	size_t count = 0;
	struct str *values = arena_array(arena, yyjson_mut_arr_size(list) + 1, sizeof(values[0]));
	AUTO_BUF text = { 0 };

	JSON_MUT_EACH (value, list)
		values[count++] = json_mut_str(value);
	qsort(values, count, sizeof(values[0]), compare_texts);
	buf_init(&text, OBJECT_BYTES_MAX * 2);
	for (size_t i = 0; i < count; i++)
		if (!i || !str_eq(values[i], values[i - 1]))
			json_write_quoted(values[i], &text);
	return str_in(arena, buf_str(&text));
}

/* The same for terms that ask for the same, in whatever order they do; of a key that comes twice
 * the last counts, as upstream has it. */
static struct str term_text(struct arena *arena, yyjson_mut_val *term)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(term, "matchLabelExpressions");
	struct topology_key *keys = arena_array(arena, yyjson_mut_arr_size(list) + 1,
						sizeof(keys[0]));
	size_t count = 0;
	AUTO_BUF text = { 0 };

	JSON_MUT_EACH (one, list) {
		keys[count] = (struct topology_key){
			json_mut_get_str(one, "key"),
			values_text(arena, yyjson_mut_obj_get(one, "values")), count
		};
		count++;
	}
	qsort(keys, count, sizeof(keys[0]), compare_keys);
	buf_init(&text, OBJECT_BYTES_MAX * 2);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(keys[i].key, keys[i + 1].key))
			continue;
		json_write_quoted(keys[i].key, &text);
		buf_printf(&text, "[" STR_FMT "]", STR_ARG(keys[i].values));
	}
	return str_in(arena, buf_str(&text));
}

/* A term that asks for nothing counts as one that was there before, as upstream counts. */
static void check_distinct_terms(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t index = 0;

	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (term, v) {
		const struct field_path *at = FIELD_INDEX(path, index++);
		struct str text = term_text(s->errors->arena, term);

		if (!text.len || json_index_add(&seen, text, term))
			field_duplicate_str(s->errors, FIELD_NAME(at, "matchLabelExpressions"),
					    STR(""));
	}
}

static const struct rule storageclass_rules[] = {
	RULE_NEED_NAME("provisioner", provisioner_problem),
	RULE_CALL("parameters", check_parameters),
	RULE_ONE_OF("reclaimPolicy", "Delete|Retain"),
	RULE_NEED_ONE_OF("volumeBindingMode", "Immediate|WaitForFirstConsumer"),
	RULE_EACH("allowedTopologies", topology_rules),
	RULE_CALL("allowedTopologies", check_distinct_terms),
	{ 0 },
};

static void storageclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, storageclass_rules, errors);
}

/* Members of the object itself; the list ends in NULL. */
static void check_no_updates(struct edit *e, const char *const *names, struct field_errors *errors)
{
	for (; *names; names++)
		if (!json_mixed_equal(yyjson_mut_obj_get(e->root, *names),
				      yyjson_obj_get(e->old, *names)))
			field_error_add(errors, FIELD_FORBIDDEN, FIELD_NAME(NULL, *names),
					"updates to %s are forbidden.", *names);
}

static void storageclass_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const frozen[] = { "parameters", "provisioner", "reclaimPolicy", NULL };

	check_no_updates(e, frozen, errors);
}

static const char *const storageclass_immutable[] = { "volumeBindingMode", NULL };

const struct strategy strategy_storageclass = {
	.validate = storageclass_validate,
	.validate_update = storageclass_validate_update,
	.immutable = storageclass_immutable,
	.cells = storageclass_cells,
};

/* ---- VolumeAttributesClass ---- */

static const struct rule attributesclass_rules[] = {
	RULE_NEED_NAME("driverName", provisioner_problem),
	RULE_NEED("parameters", "must contain at least one key/value pair"),
	RULE_CALL("parameters", check_parameters),
	{ 0 },
};

static void attributesclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, attributesclass_rules, errors);
}

static void attributesclass_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const frozen[] = { "driverName", "parameters", NULL };

	check_no_updates(e, frozen, errors);
}

const struct strategy strategy_volumeattributesclass = {
	.validate = attributesclass_validate,
	.validate_update = attributesclass_validate_update,
};

/* ---- VolumeAttachment ---- */

#define NOT_INLINE "may not be specified in the context of inline volumes"

static void check_inline_kept(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (json_mut_str(v).len && !str_eq_c(json_mut_str(v), "Retain"))
		field_forbidden(s->errors, path,
				"may only be Retain in the context of inline volumes");
}

static void check_inline_mode(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (v && !str_eq_c(json_mut_str(v), "Filesystem"))
		field_forbidden(s->errors, path,
				"may not specify volumeMode other than Filesystem in the context "
				"of inline volumes");
}

static const struct rule inline_rules[] = {
	RULE_FORBID("claimRef", NOT_INLINE),
	RULE_FORBID("capacity", NOT_INLINE),
	RULE_NEED("csi", "has to be specified in the context of inline volumes"),
	RULE_NEED("accessModes", ""),
	RULE_CALL("accessModes", check_access_modes),
	RULE_CALL("persistentVolumeReclaimPolicy", check_inline_kept),
	RULE_FORBID("nodeAffinity", NOT_INLINE),
	RULE_CALL(NULL, check_volume_source),
	RULE_FORBID("storageClassName", NOT_INLINE),
	RULE_CALL("volumeMode", check_inline_mode),
	RULE_CALL(NULL, check_attributes_class),
	{ 0 },
};

static void check_attached(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *name = yyjson_mut_obj_get(v, "persistentVolumeName"),
		       *inline_spec = yyjson_mut_obj_get(v, "inlineVolumeSpec");
	const struct field_path *here = FIELD_NAME(path, "persistentVolumeName");

	if (!name && !inline_spec)
		field_required(s->errors, path,
			       "must specify exactly one of inlineVolumeSpec and "
			       "persistentVolumeName");
	else if (name && inline_spec)
		field_forbidden(s->errors, path,
				"must specify exactly one of inlineVolumeSpec and "
				"persistentVolumeName");
	else if (name && !json_mut_str(name).len)
		field_required(s->errors, here, "must specify non empty persistentVolumeName");
	else if (name && name_subdomain_problem(json_mut_str(name)))
		field_invalid_str(s->errors, here, json_mut_str(name),
				  name_subdomain_problem(json_mut_str(name)));
	else if (inline_spec)
		rules_check(s, inline_rules, FIELD_NAME(path, "inlineVolumeSpec"), inline_spec);
}

static const struct rule attachment_spec_rules[] = {
	RULE_NEED_CSI_DRIVER("attacher"),
	RULE_CALL("source", check_attached),
	RULE_NEED_NAME("nodeName", name_subdomain_problem),
	{ 0 },
};
static void check_metadata(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t bytes = 0;

	JSON_MUT_MEMBERS (key, value, v)
		bytes += json_mut_str(key).len + json_mut_str(value).len;
	if (bytes > ATTACHMENT_BYTES_MAX)
		field_too_long(s->errors, path, ATTACHMENT_BYTES_MAX);
}

/* Upstream tells the other limit. */
static void check_message(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (json_mut_str(v).len > ATTACHMENT_ERROR_BYTES_MAX)
		field_too_long(s->errors, path, ATTACHMENT_BYTES_MAX);
}

static const struct rule attach_error_rules[] = {
	RULE_CALL("message", check_message),
	RULE_BETWEEN("errorCode", 0, INT32_MAX),
	{ 0 },
};
static const struct rule attachment_status_rules[] = {
	RULE_CALL("attachmentMetadata", check_metadata),
	RULE_INSIDE("attachError", attach_error_rules),
	RULE_INSIDE("detachError", attach_error_rules),
	{ 0 },
};
static const struct rule attachment_rules[] = {
	RULE_INSIDE("spec", attachment_spec_rules),
	RULE_INSIDE("status", attachment_status_rules),
	{ 0 },
};

static void attachment_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, attachment_rules, errors);
}

static const char *const spec_immutable[] = { "spec", NULL };

const struct strategy strategy_volumeattachment = {
	.prepare_status_update = meta_keep_for_status,
	.validate = attachment_validate,
	.validate_status_update = attachment_validate,
	.immutable = spec_immutable,
};

/* ---- CSIDriver, CSINode, CSIStorageCapacity ---- */

static const struct rule token_rules[] = {
	RULE_RANGE("expirationSeconds", 600, INT64_MAX,
		   "may not specify a duration less than 10 minutes"),
	RULE_RANGE("expirationSeconds", INT64_MIN, INT64_C(1) << 32,
		   "may not specify a duration larger than 2^32 seconds"),
	{ 0 },
};

static void check_modes(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_EACH (mode, v)
		if (!schema_values_have(STR("Persistent|Ephemeral"), json_mut_str(mode)))
			field_unsupported(s->errors, path, json_mut_str(mode),
					  "Persistent|Ephemeral");
}

static const struct rule driver_spec_rules[] = {
	RULE_ONE_OF("fsGroupPolicy", "File|None|ReadWriteOnceWithFSType"),
	RULE_EACH_BY("tokenRequests", "audience", token_rules),
	RULE_CALL("volumeLifecycleModes", check_modes),
	RULE_RANGE("nodeAllocatableUpdatePeriodSeconds", 10, INT64_MAX,
		   "must be greater than or equal to 10 seconds"),
	{ 0 },
};
static const struct rule driver_rules[] = { RULE_INSIDE("spec", driver_spec_rules), { 0 } };

static void driver_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, driver_rules, errors);
}

static void driver_validate_update(struct edit *e, struct field_errors *errors)
{
	/* As upstream spells the first one. */
	static const struct {
		const char *key, *name;
	} frozen[] = { { "attachRequired", "attachedRequired" },
		       { "volumeLifecycleModes", "volumeLifecycleModes" } };
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");

	for (size_t i = 0; i < ARRAY_COUNT(frozen); i++) {
		yyjson_mut_val *now = yyjson_mut_obj_get(spec, frozen[i].key);

		if (!json_mixed_equal(
			    now, yyjson_obj_get(yyjson_obj_get(e->old, "spec"), frozen[i].key)))
			field_invalid_val(errors,
					  FIELD_NAME(FIELD_NAME(NULL, "spec"), frozen[i].name), now,
					  "field is immutable");
	}
}

const struct strategy strategy_csidriver = {
	.validate = driver_validate,
	.validate_update = driver_validate_update,
};

static void check_topology_keys(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	yyjson_mut_val *keys = yyjson_mut_obj_get(v, "topologyKeys");
	AUTO_JSON_INDEX seen = { .slots = NULL };

	json_index_init(&seen, yyjson_mut_arr_size(keys));
	JSON_MUT_EACH (key, keys) {
		struct str name = json_mut_str(key);

		if (!name.len)
			field_required(s->errors, path, "");
		if (json_index_add(&seen, name, key))
			field_duplicate_str(s->errors, path, name);
		if (name_qualified_problem(name))
			field_invalid_val(s->errors, path, keys, name_qualified_problem(name));
	}
}

static const char *node_id_problem(struct str id)
{
	return id.len > CSI_NODE_ID_BYTES_MAX ? "must be 256 characters or less" : NULL;
}

static const struct rule allocatable_rules[] = { RULE_NONNEGATIVE("count"), { 0 } };

static const struct rule node_driver_rules[] = {
	RULE_NEED_CSI_DRIVER("name"),
	RULE_NEED_NAME("nodeID", node_id_problem),
	RULE_INSIDE("allocatable", allocatable_rules),
	RULE_CALL(NULL, check_topology_keys),
	{ 0 },
};
static const struct rule node_spec_rules[] = {
	RULE_EACH_BY("drivers", "name", node_driver_rules),
	{ 0 },
};
static const struct rule csinode_rules[] = { RULE_INSIDE("spec", node_spec_rules), { 0 } };

static void csinode_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, csinode_rules, errors);
}

/* Upstream tells of the list and shows the item, without what may change. */
static void report_driver(struct edit *e, yyjson_mut_val *driver, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "drivers");
	yyjson_mut_val *shown = json_mut_copy(e->doc, driver);
	AUTO_BUF text = { 0 };

	if (errors->count >= FIELD_ERRORS_MAX)
		return;
	(void)json_remove(shown, STR("allocatable"));
	buf_init(&text, OBJECT_BYTES_MAX);
	field_value_write(e->kind, FIELD_INDEX(path, 0), shown, &text);
	field_error_add(errors, FIELD_INVALID, path, STR_FMT ": field is immutable",
			STR_ARG(buf_str(&text)));
}

static void csinode_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const free_members[] = { "allocatable", NULL };
	AUTO_JSON_INDEX before = { .slots = NULL };

	json_index_init_of(&before, json_get(e->old, "spec.drivers"), "name");
	JSON_MUT_EACH (now, json_mut_get(e->root, "spec.drivers")) {
		yyjson_val *old = json_index_get(&before, json_mut_get_str(now, "name"));

		if (old && !frozen_is_same_but(now, old, free_members))
			report_driver(e, now, errors);
	}
}

const struct strategy strategy_csinode = {
	.validate = csinode_validate,
	.validate_update = csinode_validate_update,
};

static const struct rule capacity_rules[] = {
	RULE_CALL("nodeTopology", rule_selector),
	RULE_ANY_NAME("storageClassName", name_subdomain_problem),
	RULE_CALL("capacity", rule_quantity_nonnegative),
	{ 0 },
};

static void capacity_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, capacity_rules, errors);
}

static const char *const capacity_immutable[] = { "nodeTopology", "storageClassName", NULL };

const struct strategy strategy_csistoragecapacity = {
	.validate = capacity_validate,
	.immutable = capacity_immutable,
};
