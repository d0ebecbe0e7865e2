/* SPDX-License-Identifier: Apache-2.0 */
/* Store events to watch events. */
#include "apiserver/watch_filter.h"

#include "apiserver/conversion.h"
#include "apiserver/registry.h"

int watch_filter_init(struct watch_filter *filter, const struct kind *kind, struct str label_text,
		      struct str field_text, struct arena *arena, struct err *err)
{
	*filter = (struct watch_filter){ .kind = kind };
	if (label_text.len && selector_parse(label_text, arena, &filter->labels, err) < 0)
		return -1;
	if (field_text.len &&
	    field_selector_parse(kind, field_text, arena, &filter->fields, err) < 0)
		return -1;
	filter->has_selector = filter->labels.count || filter->labels.nothing ||
			       filter->fields.count;
	filter->fields_wait = filter->fields.count && conversion_has_webhook(kind);
	return 0;
}

bool watch_filter_matches(const struct watch_filter *filter, const struct obj *obj)
{
	if (!filter->has_selector)
		return true;
	if (!selector_matches(&filter->labels, obj->labels))
		return false;
	return !filter->fields.count || field_selector_matches(&filter->fields, filter->kind, obj);
}

bool watch_filter_may_match(const struct watch_filter *filter, const struct obj *obj)
{
	if (filter->fields_wait && conversion_is_needed(filter->kind, obj->blob))
		return selector_matches(&filter->labels, obj->labels);
	return watch_filter_matches(filter, obj);
}

static bool blob_matches(const struct watch_filter *filter, struct blob *blob)
{
	const struct obj *obj = blob ? obj_of(blob, NULL) : NULL;

	return obj && watch_filter_matches(filter, obj);
}

/* The state that stopped matching, stamped with the revision at which it did. */
static struct blob *last_match(struct blob *previous, int64_t revision)
{
	return registry_restamp(obj_get(previous), revision);
}

bool watch_filter_event(const struct watch_filter *filter, const struct store_event *event,
			enum api_event_type *ret_type, struct blob **ret_object)
{
	bool now, before;
	struct blob *value;

	if (!filter->has_selector) {
		*ret_type = event->type == STORE_CREATED   ? API_EVENT_ADDED
			    : event->type == STORE_UPDATED ? API_EVENT_MODIFIED
							   : API_EVENT_DELETED;
		*ret_object = registry_present(filter->kind, event->value, NULL);
		return *ret_object != NULL;
	}
	now = event->type != STORE_DELETED && blob_matches(filter, event->value);
	before = event->type != STORE_CREATED && blob_matches(filter, event->previous);
	if (!now && !before)
		return false;
	*ret_type = now && before ? API_EVENT_MODIFIED : now ? API_EVENT_ADDED : API_EVENT_DELETED;
	if (now || event->type == STORE_DELETED) {
		*ret_object = registry_present(filter->kind, event->value, NULL);
		return *ret_object != NULL;
	}
	value = last_match(event->previous, event->revision);
	*ret_object = registry_present(filter->kind, value, NULL);
	blob_unref(value);
	return *ret_object != NULL;
}
