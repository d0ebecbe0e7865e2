/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the API what became of a pod: the status at once when it changes, one write at a time so
 * that what changes meanwhile goes out together; in the end the final delete. Writes carry the
 * resourceVersion they were made from, because lists in a merge patch replace what others may have
 * added.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/time.h"
#include "kubelet/kubelet_internal.h"

static void report_failed(struct pod *pod, const struct err *err, const char *what)
{
	if (err->code == ERR_NOT_FOUND)
		return; /* the watch will say so */
	log_debug("kubelet", "%s of pod " STR_FMT "/" STR_FMT ": %s", what,
		  STR_ARG(pod->spec.namespace_), STR_ARG(pod->spec.name), err->msg);
	pod->report_not_before_ns = env_mono_ns(pod->kubelet->env) +
				    retry_next(&pod->report_retry_ms) * TIME_NS_PER_MS;
}

static void report_done(void *owner, const struct obj *result, const struct err *err)
{
	struct pod *pod = owner;

	pod->reporting = false;
	if (err) {
		buf_reset(&pod->reported);
		report_failed(pod, err, "status");
	} else {
		pod->report_retry_ms = 0;
		if (result && pod->static_pod)
			static_pod_reported(pod->static_pod, result);
		else if (result)
			pod_update(pod, result);
	}
	pod_poke(pod);
}

void pod_mirror_replaced(struct pod *pod)
{
	const struct obj *mirror = static_pod_mirror(pod->static_pod);

	if (mirror)
		condition_memory_load(&pod->conditions, mirror);
	buf_reset(&pod->reported);
	pod->report_not_before_ns = 0;
}

static void report_submit(struct pod *pod, const struct obj *to, yyjson_mut_doc *doc)
{
	struct request r = request_patch(pod->kubelet->kind_pod, to, API_PATCH_MERGE, doc);
	char revision[24];
	int len = snprintf(revision, sizeof(revision), "%" PRId64, to->resource_version);
	yyjson_mut_val *metadata = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata");

	pod_status_add_nulls(doc, to);
	json_set_str(doc, metadata, "uid", to->uid);
	json_set_str(doc, metadata, "resourceVersion", str_sub(revision, (size_t)len));
	r.subresource = STR("status");
	r.done = report_done;
	r.owner = pod;
	pod->reporting = true;
	client_submit(pod->kubelet->client, &r);
}

void pod_report(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;
	struct status_input in = {
		.spec = &pod->spec,
		.state = &pod->state,
		.host_addresses = k->options.addresses,
		.host_address_count = k->options.address_count,
		.now_ns = env_mono_ns(k->env),
		.wall_ns = env_wall_ns(k->env),
	};
	const struct obj *to = pod->static_pod ? static_pod_mirror(pod->static_pod) : pod->obj;
	yyjson_mut_doc *doc;
	AUTO_BUF text = { 0 };

	if (!to || pod->gone || pod->forgetting || pod->reporting || in.now_ns < pod->report_not_before_ns)
		return;
	buf_init(&text, KUBELET_OBJECT_BYTES_MAX);
	doc = pod_status_patch(&in, &pod->conditions);
	json_mut_write(json_mut_get(yyjson_mut_doc_get_root(doc), "status"), &text);
	if (str_eq(buf_str(&text), buf_str(&pod->reported))) {
		json_mut_free(doc);
		return;
	}
	buf_reset(&pod->reported);
	buf_put_str(&pod->reported, buf_str(&text));
	report_submit(pod, to, doc);
}

static void forget_done(void *owner, const struct obj *result, const struct err *err)
{
	struct pod *pod = owner;

	if (err && err->code != ERR_NOT_FOUND && err->code != ERR_CONFLICT) {
		pod->forgetting = false;
		report_failed(pod, err, "final delete");
	}
	pod_poke(pod);
}

void pod_forget_in_api(struct pod *pod)
{
	struct request r;

	if (pod->forgetting)
		return;
	if (pod->gone) {
		pod->forgetting = true;
		return;
	}
	pod_report(pod);
	if (pod->reporting || env_mono_ns(pod->kubelet->env) < pod->report_not_before_ns)
		return; /* the last state first; report_done pokes */
	pod->forgetting = true;
	r = request_delete(pod->kubelet->kind_pod, pod->obj, 0, NULL);
	r.missing_is_fine = true;
	r.done = forget_done;
	r.owner = pod;
	client_submit(pod->kubelet->client, &r);
}
