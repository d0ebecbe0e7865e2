/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the kinds of the named groups (apps, batch, networking, ...), worded as upstream's
 * printers. */
#include "api/kinds/cells.h"

#include "api/condition.h"
#include "base/time.h"

static int64_t number(struct cells *c, const char *path)
{
	return json_get_int(c->obj->root, path, 0);
}

static void template_cells(struct cells *c, yyjson_val *pod_spec)
{
	cell_container_names(c, pod_spec);
	cell_container_images(c, pod_spec);
}

void deployment_cells(struct cells *c)
{
	cell_name(c);
	cell_printf(c, "%lld/%lld", (long long)number(c, "status.readyReplicas"),
		    (long long)number(c, "spec.replicas"));
	cell_int(c, number(c, "status.updatedReplicas"));
	cell_int(c, number(c, "status.availableReplicas"));
	cell_created_age(c);
	template_cells(c, json_get(c->obj->root, "spec.template.spec"));
	cell_selector(c, json_get(c->obj->root, "spec.selector"));
}

static void replica_counts(struct cells *c)
{
	cell_name(c);
	cell_int(c, number(c, "spec.replicas"));
	cell_int(c, number(c, "status.replicas"));
	cell_int(c, number(c, "status.readyReplicas"));
	cell_created_age(c);
	template_cells(c, json_get(c->obj->root, "spec.template.spec"));
}

void replicaset_cells(struct cells *c)
{
	replica_counts(c);
	cell_selector(c, json_get(c->obj->root, "spec.selector"));
}

void replicationcontroller_cells(struct cells *c)
{
	replica_counts(c);
	cell_labels(c, json_get(c->obj->root, "spec.selector"));
}

void daemonset_cells(struct cells *c)
{
	yyjson_val *pod_spec = json_get(c->obj->root, "spec.template.spec");

	cell_name(c);
	cell_int(c, number(c, "status.desiredNumberScheduled"));
	cell_int(c, number(c, "status.currentNumberScheduled"));
	cell_int(c, number(c, "status.numberReady"));
	cell_int(c, number(c, "status.updatedNumberScheduled"));
	cell_int(c, number(c, "status.numberAvailable"));
	cell_labels(c, yyjson_obj_get(pod_spec, "nodeSelector"));
	cell_created_age(c);
	template_cells(c, pod_spec);
	cell_selector(c, json_get(c->obj->root, "spec.selector"));
}

void statefulset_cells(struct cells *c)
{
	cell_name(c);
	cell_printf(c, "%lld/%lld", (long long)number(c, "status.readyReplicas"),
		    (long long)number(c, "spec.replicas"));
	cell_created_age(c);
	template_cells(c, json_get(c->obj->root, "spec.template.spec"));
}

static const char *job_status(const struct obj *obj)
{
	static const struct {
		const char *condition, *status;
	} rows[] = {
		{ "Complete", "Complete" },
		{ "Failed", "Failed" },
		{ NULL, "Terminating" },
		{ "Suspended", "Suspended" },
		{ "FailureTarget", "FailureTarget" },
		{ "SuccessCriteriaMet", "SuccessCriteriaMet" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].condition ? condition_is(obj->root, rows[i].condition, "True")
				      : obj_is_deleting(obj))
			return rows[i].status;
	}
	return "Running";
}

static void job_duration(struct cells *c)
{
	struct str start = json_get_str(c->obj->root, "status.startTime");
	struct str end = json_get_str(c->obj->root, "status.completionTime");
	int64_t start_ns, end_ns = c->now_ns;
	char text[TIME_TEXT_BYTES];

	if (time_parse(start, &start_ns, NULL) < 0) {
		cell_c(c, "");
		return;
	}
	if (end.len)
		(void)!time_parse(end, &end_ns, NULL); /* a bad one shows the time until now */
	cell_c(c, time_format_age(end_ns - start_ns, text));
}

void job_cells(struct cells *c)
{
	yyjson_val *completions = json_get(c->obj->root, "spec.completions");
	int64_t parallelism = number(c, "spec.parallelism");
	long long done = number(c, "status.succeeded");

	cell_name(c);
	cell_c(c, job_status(c->obj));
	if (yyjson_is_num(completions))
		cell_printf(c, "%lld/%lld", done, (long long)json_int(completions, 0));
	else if (parallelism > 1)
		cell_printf(c, "%lld/1 of %lld", done, (long long)parallelism);
	else
		cell_printf(c, "%lld/1", done);
	job_duration(c);
	cell_created_age(c);
	template_cells(c, json_get(c->obj->root, "spec.template.spec"));
	cell_selector(c, json_get(c->obj->root, "spec.selector"));
}

void cronjob_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *suspend = yyjson_obj_get(spec, "suspend");
	struct str last = json_get_str(c->obj->root, "status.lastScheduleTime");

	cell_name(c);
	cell_str(c, json_get_str(spec, "schedule"));
	cell_or(c, json_get_str(spec, "timeZone"), "<none>");
	cell_c(c, !yyjson_is_bool(suspend)    ? "<unset>"
		  : json_bool(suspend, false) ? "True"
					      : "False");
	cell_int(c, (int64_t)json_get_count(c->obj->root, "status.active"));
	if (last.len)
		cell_age(c, last);
	else
		cell_c(c, "<none>");
	cell_created_age(c);
	template_cells(c, json_get(spec, "jobTemplate.spec.template.spec"));
	cell_selector(c, json_get(spec, "jobTemplate.spec.selector"));
}

/* "cpu: 12%/80%" for one metric of autoscaling/v2. */
static void put_target(struct buf *to, yyjson_val *metric, yyjson_val *current)
{
	struct str name = json_get_str(metric, "resource.name"), value;
	yyjson_val *percent = json_get(metric, "resource.target.averageUtilization");

	if (to->len)
		buf_put_c(to, ", ");
	if (percent) {
		yyjson_val *now = json_get(current, "resource.current.averageUtilization");

		if (yyjson_is_num(now))
			buf_printf(to, STR_FMT ": %lld%%/%lld%%", STR_ARG(name),
				   (long long)json_int(now, 0), (long long)json_int(percent, 0));
		else
			buf_printf(to, STR_FMT ": <unknown>/%lld%%", STR_ARG(name),
				   (long long)json_int(percent, 0));
		return;
	}
	value = json_get_str(current, "resource.current.averageValue");
	if (name.len) {
		buf_printf(to, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(name),
			   STR_ARG(value.len ? value : STR("<unknown>")),
			   STR_ARG(json_get_str(metric, "resource.target.averageValue")));
		return;
	}
	buf_put_c(to, "<unknown>/<unknown>");
}

static void autoscaler_targets(struct cells *c)
{
	yyjson_val *current = json_get(c->obj->root, "status.currentMetrics");
	yyjson_val *percent = json_get(c->obj->root, "spec.targetCPUUtilizationPercentage");
	size_t i = 0;
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	if (percent)
		buf_printf(&text, "cpu: <unknown>/%lld%%", (long long)json_int(percent, 0));
	JSON_EACH (metric, json_get(c->obj->root, "spec.metrics"))
		put_target(&text, metric, yyjson_arr_get(current, i++));
	cell_or(c, buf_str(&text), "<none>");
}

void autoscaler_cells(struct cells *c)
{
	yyjson_val *target = json_get(c->obj->root, "spec.scaleTargetRef");

	cell_name(c);
	cell_printf(c, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(target, "kind")),
		    STR_ARG(json_get_str(target, "name")));
	autoscaler_targets(c);
	cell_int_or_string(c, json_get(c->obj->root, "spec.minReplicas"), "<unset>");
	cell_int(c, number(c, "spec.maxReplicas"));
	cell_int(c, number(c, "status.currentReplicas"));
	cell_created_age(c);
}

void disruption_budget_cells(struct cells *c)
{
	cell_name(c);
	cell_int_or_string(c, json_get(c->obj->root, "spec.minAvailable"), "N/A");
	cell_int_or_string(c, json_get(c->obj->root, "spec.maxUnavailable"), "N/A");
	cell_int(c, number(c, "status.disruptionsAllowed"));
	cell_created_age(c);
}

static void ingress_hosts(struct cells *c)
{
	size_t count = 0;
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	JSON_EACH (rule, json_get(c->obj->root, "spec.rules")) {
		struct str host = json_get_str(rule, "host");

		if (host.len && count++ < 3)
			buf_printf(&text, "%s" STR_FMT, text.len ? "," : "", STR_ARG(host));
	}
	if (count > 3)
		buf_printf(&text, " + %zu more...", count - 3);
	cell_or(c, buf_str(&text), "*");
}

void ingress_cells(struct cells *c)
{
	struct str class = json_get_str(c->obj->root, "spec.ingressClassName");
	AUTO_BUF address = { 0 };

	buf_init(&address, CELL_TEXT_MAX);
	if (!class.len)
		class = obj_annotation(c->obj, "kubernetes.io/ingress.class");
	JSON_EACH (ingress, json_get(c->obj->root, "status.loadBalancer.ingress")) {
		struct str ip = json_get_str(ingress, "ip");

		buf_printf(&address, "%s" STR_FMT, address.len ? "," : "",
			   STR_ARG(ip.len ? ip : json_get_str(ingress, "hostname")));
	}
	cell_name(c);
	cell_or(c, class, "<none>");
	ingress_hosts(c);
	cell_str(c, buf_str(&address));
	cell_c(c, json_get_count(c->obj->root, "spec.tls") ? "80, 443" : "80");
	cell_created_age(c);
}

void ingressclass_cells(struct cells *c)
{
	yyjson_val *parameters = json_get(c->obj->root, "spec.parameters");
	struct str group = json_get_str(parameters, "apiGroup");

	cell_name(c);
	cell_str(c, json_get_str(c->obj->root, "spec.controller"));
	if (yyjson_is_obj(parameters))
		cell_printf(c, STR_FMT "%s" STR_FMT "/" STR_FMT,
			    STR_ARG(json_get_str(parameters, "kind")), group.len ? "." : "",
			    STR_ARG(group), STR_ARG(json_get_str(parameters, "name")));
	else
		cell_c(c, "<none>");
	cell_created_age(c);
}

void ipaddress_cells(struct cells *c)
{
	yyjson_val *parent = json_get(c->obj->root, "spec.parentRef");
	struct str group = json_get_str(parent, "group"), space = json_get_str(parent, "namespace");

	cell_name(c);
	if (parent)
		cell_printf(c, STR_FMT "%s" STR_FMT "/" STR_FMT "%s" STR_FMT,
			    STR_ARG(json_get_str(parent, "resource")), group.len ? "." : "",
			    STR_ARG(group), STR_ARG(space), space.len ? "/" : "",
			    STR_ARG(json_get_str(parent, "name")));
	else
		cell_c(c, "<none>");
}

void networkpolicy_cells(struct cells *c)
{
	cell_name(c);
	cell_selector(c, json_get(c->obj->root, "spec.podSelector"));
	cell_created_age(c);
}

void storageclass_cells(struct cells *c)
{
	bool is_default = str_eq_c(
		obj_annotation(c->obj, "storageclass.kubernetes.io/is-default-class"), "true");

	cell_printf(c, STR_FMT "%s", STR_ARG(c->obj->name), is_default ? " (default)" : "");
	cell_str(c, json_get_str(c->obj->root, "provisioner"));
	cell_or(c, json_get_str(c->obj->root, "reclaimPolicy"), "Delete");
	cell_or(c, json_get_str(c->obj->root, "volumeBindingMode"), "<unset>");
	cell_c(c, json_get_bool(c->obj->root, "allowVolumeExpansion", false) ? "true" : "false");
	cell_created_age(c);
}

static void subjects_cell(struct cells *c, const char *kind)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	JSON_EACH (subject, yyjson_obj_get(c->obj->root, "subjects")) {
		struct str space = json_get_str(subject, "namespace");

		if (!str_eq_c(json_get_str(subject, "kind"), kind))
			continue;
		if (text.len)
			buf_put_c(&text, ", ");
		if (str_eq_c(str_from(kind), "ServiceAccount"))
			buf_printf(&text, STR_FMT "/", STR_ARG(space));
		buf_put_str(&text, json_get_str(subject, "name"));
	}
	cell_str(c, buf_str(&text));
}

void binding_cells(struct cells *c)
{
	yyjson_val *role = yyjson_obj_get(c->obj->root, "roleRef");

	cell_name(c);
	cell_printf(c, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(role, "kind")),
		    STR_ARG(json_get_str(role, "name")));
	cell_created_age(c);
	subjects_cell(c, "User");
	subjects_cell(c, "Group");
	subjects_cell(c, "ServiceAccount");
}

void signing_request_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *seconds = yyjson_obj_get(spec, "expirationSeconds");
	bool denied = condition_is(c->obj->root, "Denied", "True"),
	     failed = condition_is(c->obj->root, "Failed", "True");
	char text[TIME_TEXT_BYTES];

	cell_name(c);
	cell_created_age(c);
	cell_or(c, json_get_str(spec, "signerName"), "<none>");
	cell_str(c, json_get_str(spec, "username"));
	cell_c(c, yyjson_is_num(seconds)
			  ? time_format_age(json_int(seconds, 0) * TIME_NS_PER_SECOND, text)
			  : "<none>");
	cell_printf(c, "%s%s%s",
		    denied					     ? "Denied"
		    : condition_is(c->obj->root, "Approved", "True") ? "Approved"
								     : "Pending",
		    failed ? ",Failed" : "",
		    json_get_str(c->obj->root, "status.certificate").len ? ",Issued" : "");
}

void apiservice_cells(struct cells *c)
{
	yyjson_val *service = json_get(c->obj->root, "spec.service"), *available;

	cell_name(c);
	if (yyjson_is_obj(service))
		cell_printf(c, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(service, "namespace")),
			    STR_ARG(json_get_str(service, "name")));
	else
		cell_c(c, "Local");
	available = condition_find(json_get(c->obj->root, "status.conditions"), STR("Available"));
	if (str_eq_c(json_get_str(available, "status"), "True"))
		cell_c(c, "True");
	else if (available)
		cell_printf(c, STR_FMT " (" STR_FMT ")", STR_ARG(json_get_str(available, "status")),
			    STR_ARG(json_get_str(available, "reason")));

	if (c->count < 3)
		cell_c(c, "Unknown");
	cell_created_age(c);
}

void revision_cells(struct cells *c)
{
	yyjson_val *owner = obj_controller_ref(c->obj);
	struct str group, version, kind = json_get_str(owner, "kind");
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	if (owner) {
		for (size_t i = 0; i < kind.len; i++)
			buf_put_char(&text, kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z'
						    ? (char)(kind.ptr[i] + 'a' - 'A')
						    : kind.ptr[i]);
		if (str_cut(json_get_str(owner, "apiVersion"), '/', &group, &version))
			buf_printf(&text, "." STR_FMT, STR_ARG(group));
		buf_printf(&text, "/" STR_FMT, STR_ARG(json_get_str(owner, "name")));
	}
	cell_name(c);
	cell_or(c, buf_str(&text), "<none>");
	cell_int(c, number(c, "revision"));
	cell_created_age(c);
}

/* ---- admission policies ---- */

static void policy_cells(struct cells *c, const char *expressions)
{
	yyjson_val *kind = json_get(c->obj->root, "spec.paramKind");

	cell_name(c);
	cell_int(c, (int64_t)json_get_count(json_get(c->obj->root, "spec"), expressions));
	if (kind)
		cell_printf(c, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(kind, "apiVersion")),
			    STR_ARG(json_get_str(kind, "kind")));
	else
		cell_or(c, STR_NONE, "<unset>");
	cell_created_age(c);
}

void validating_policy_cells(struct cells *c)
{
	policy_cells(c, "validations");
}

void mutating_policy_cells(struct cells *c)
{
	policy_cells(c, "mutations");
}

/* A label selector as Go prints its message: it is what upstream shows. */
static void put_selector_message(struct buf *to, yyjson_val *selector)
{
	buf_put_str(to, STR("&LabelSelector{MatchLabels:map[string]string{"));
	JSON_MEMBERS (key, value, json_get(selector, "matchLabels"))
		buf_printf(to, STR_FMT ": " STR_FMT ",", STR_ARG(json_str(key)),
			   STR_ARG(json_str(value)));
	buf_put_str(to, STR("},MatchExpressions:[]LabelSelectorRequirement{"));
	JSON_EACH (requirement, json_get(selector, "matchExpressions")) {
		bool is_first = true;

		buf_printf(to,
			   "LabelSelectorRequirement{Key:" STR_FMT ",Operator:" STR_FMT ",Values:[",
			   STR_ARG(json_get_str(requirement, "key")),
			   STR_ARG(json_get_str(requirement, "operator")));
		JSON_EACH (value, json_get(requirement, "values")) {
			buf_printf(to, "%s" STR_FMT, is_first ? "" : " ", STR_ARG(json_str(value)));
			is_first = false;
		}
		buf_put_str(to, STR("],},"));
	}
	buf_put_str(to, STR("},}"));
}

void policy_binding_cells(struct cells *c)
{
	yyjson_val *ref = json_get(c->obj->root, "spec.paramRef"),
		   *selector = json_get(ref, "selector");
	struct str name = json_get_str(ref, "name"), in = json_get_str(ref, "namespace");
	AUTO_BUF text = { 0 };

	buf_init(&text, CELL_TEXT_MAX);
	if (name.len) /* which scope its kind has cannot be told from here */
		buf_printf(&text, STR_FMT "/" STR_FMT, STR_ARG(in.len ? in : STR("*")),
			   STR_ARG(name));
	else if (selector)
		put_selector_message(&text, selector);
	cell_name(c);
	cell_str(c, json_get_str(c->obj->root, "spec.policyName"));
	cell_or(c, buf_str(&text), "<unset>");
	cell_created_age(c);
}

/* ---- priority and fairness ---- */

void flowschema_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *dangling = condition_find(json_get(c->obj->root, "status.conditions"),
					      STR("Dangling"));

	cell_name(c);
	cell_or(c, json_get_str(spec, "priorityLevelConfiguration.name"), "");
	cell_int(c, json_get_int(spec, "matchingPrecedence", 0));
	cell_or(c, json_get_str(spec, "distinguisherMethod.type"), "<none>");
	cell_created_age(c);
	cell_or(c, dangling ? json_get_str(dangling, "status") : STR("?"), "");
}

static void cell_int_or_none(struct cells *c, yyjson_val *v)
{
	if (v)
		cell_int(c, json_int(v, 0));
	else
		cell_c(c, "<none>");
}

void prioritylevel_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *queuing = json_get(spec, "limited.limitResponse.queuing"),
		   *shares = json_get(spec, "limited.nominalConcurrencyShares");

	cell_name(c);
	cell_or(c, json_get_str(spec, "type"), "");
	cell_int_or_none(c, shares ? shares : json_get(spec, "exempt.nominalConcurrencyShares"));
	cell_int_or_none(c, yyjson_obj_get(queuing, "queues"));
	cell_int_or_none(c, yyjson_obj_get(queuing, "handSize"));
	cell_int_or_none(c, yyjson_obj_get(queuing, "queueLengthLimit"));
	cell_created_age(c);
}
