/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream's keys and labels for what webhooks did. */
#include "apiserver/webhook_notes.h"

#include <stdio.h>

#include "apiserver/limits.h"

static struct str key_of(const char *prefix, const struct webhook_note *note,
			 char to[WEBHOOK_NOTE_KEY_BYTES_MAX])
{
	int len = snprintf(to, WEBHOOK_NOTE_KEY_BYTES_MAX,
			   "%s.webhook.admission.k8s.io/round_%d_index_%zu", prefix, note->round,
			   note->index);

	return str_sub(to, len > 0 ? (size_t)len : 0);
}

static yyjson_mut_doc *new_value(const struct webhook_note *note)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "configuration", note->hook->configuration);
	json_set_str(doc, root, "webhook", note->hook->name);
	return doc;
}

static void add_value(struct annotations *to, struct str key, yyjson_mut_doc *value)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, ANNOTATION_BYTES_MAX);
	json_mut_write(yyjson_mut_doc_get_root(value), &text);
	if (!buf_failed(&text))
		annotations_add(to, key, buf_str(&text));
}

static void add_patch(struct annotations *to, const struct webhook_note *note,
		      const struct review_answer *answer)
{
	AUTO_JSON_MUT doc = new_value(note);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	char key[WEBHOOK_NOTE_KEY_BYTES_MAX];

	json_set(doc, root, "patch", json_copy(doc, yyjson_doc_get_root(answer->patch)));
	json_set_str(doc, root, "patchType", STR("JSONPatch"));
	add_value(to, key_of("patch", note, key), doc);
}

void webhook_note_answer(struct annotations *to, const struct webhook_note *note,
			 const struct review_answer *answer)
{
	AUTO_ARENA arena = { 0 };

	if (!annotations_are_kept(to))
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	JSON_MEMBERS (key, value, answer->annotations)
		annotations_add(to,
				str_printf_in(&arena, STR_FMT "/" STR_FMT,
					      STR_ARG(note->hook->name), STR_ARG(json_str(key))),
				json_str(value));
	if (note->is_mutating && to->is_detailed && answer->is_allowed && answer->patch)
		add_patch(to, note, answer);
}

static void annotate(struct annotations *to, const struct webhook_note *note)
{
	AUTO_JSON_MUT doc = NULL;
	char key[WEBHOOK_NOTE_KEY_BYTES_MAX];

	if (!annotations_are_kept(to))
		return;
	if (note->has_failed && !note->refusal->code)
		annotations_add(to,
				key_of(note->is_mutating ? "failed-open.mutation"
							 : "failed-open.validating",
				       note, key),
				note->hook->name);
	if (!note->is_mutating)
		return;
	doc = new_value(note);
	json_set_bool(doc, yyjson_mut_doc_get_root(doc), "mutated", note->has_changed);
	add_value(to, key_of("mutation", note, key), doc);
}

static const char *error_type(const struct webhook_note *note)
{
	if (note->is_refusal)
		return "no_error";
	return note->has_failed ? "calling_webhook_error" : "apiserver_internal_error";
}

void webhook_note_over(struct annotations *to, struct metrics *metrics,
		       const struct webhook_note *note)
{
	bool is_rejected = note->refusal->code != 0;
	int code = note->is_refusal ? note->refusal->code : note->has_failed ? note->status : 0;
	struct metrics_webhook counted = {
		.name = note->hook->name,
		.type = note->is_mutating ? "admit" : "validating",
		.operation = admission_operation_name(note->operation),
		.duration_ns = note->duration_ns,
		.code = is_rejected || note->has_failed ? code : 200,
		.error_type = is_rejected ? error_type(note) : NULL,
		.has_failed_open = note->has_failed && !is_rejected,
	};

	annotate(to, note);
	metrics_count_webhook(metrics, &counted);
}
