/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /configz: the configuration that is in force, as upstream's KubeletConfiguration of v1beta1
 * has it. Fields of what this kubelet does not have are not there.
 */
#include "base/num.h"
#include "kubelet/server.h"

static void set_duration(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *field,
			 int64_t milliseconds)
{
	long long seconds = (long long)milliseconds / 1000;
	AUTO_BUF text = { 0 };

	buf_init(&text, 64);
	if (seconds >= 60)
		buf_printf(&text, "%lldm", seconds / 60);
	buf_printf(&text, "%llds", seconds % 60);
	json_set_str(doc, to, field, buf_str(&text));
}

static void add_access(yyjson_mut_doc *doc, yyjson_mut_val *to, const struct kubelet_options *o)
{
	yyjson_mut_val *authentication = json_set_object(doc, to, "authentication");

	json_set_str(doc, json_set_object(doc, authentication, "x509"), "clientCAFile",
		     o->client_ca_file);
	json_set_bool(doc, json_set_object(doc, authentication, "webhook"), "enabled", true);
	json_set_bool(doc, json_set_object(doc, authentication, "anonymous"), "enabled", false);
	json_set_str(doc, json_set_object(doc, to, "authorization"), "mode", STR("Webhook"));
}

static void add_network(yyjson_mut_doc *doc, yyjson_mut_val *to, const struct kubelet_options *o)
{
	json_set_bool(doc, to, "enableServer", o->port != 0);
	json_set_str(doc, to, "address", o->bind_address);
	json_set_int(doc, to, "port", o->port);
	add_access(doc, to, o);
	json_set_str(doc, to, "clusterDomain", o->cluster_domain);
	if (!str_is_empty(o->cluster_dns))
		json_append_str(doc, json_set_array(doc, to, "clusterDNS"), o->cluster_dns);
	json_set_str(doc, to, "podCIDR", o->pod_cidr);
	json_set_str(doc, to, "resolvConf", o->resolv_conf);
}

static void add_times(yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	set_duration(doc, to, "fileCheckFrequency", KUBELET_MANIFEST_CHECK_MS);
	set_duration(doc, to, "nodeStatusUpdateFrequency", KUBELET_NODE_CHECK_MS);
	set_duration(doc, to, "nodeStatusReportFrequency", KUBELET_NODE_REPORT_MS);
	json_set_int(doc, to, "nodeLeaseDurationSeconds", KUBELET_LEASE_SECONDS);
}

yyjson_mut_doc *configuration_object(const struct kubelet *k)
{
	const struct kubelet_options *o = &k->options;
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *to = json_set_object(doc, yyjson_mut_doc_get_root(doc), "kubeletconfig");

	if (!str_is_empty(o->manifest_dir))
		json_set_str(doc, to, "staticPodPath", o->manifest_dir);
	add_network(doc, to, o);
	add_times(doc, to);
	json_set_str(doc, to, "cgroupRoot", o->cgroup_root);
	json_set_bool(doc, to, "cgroupsPerQOS", true);
	json_set_str(doc, to, "cgroupDriver", STR("cgroupfs"));
	json_set_str(doc, to, "cpuManagerPolicy", STR("none"));
	json_set_str(doc, to, "memoryManagerPolicy", STR("None"));
	json_set_str(doc, to, "topologyManagerPolicy", STR("none"));
	json_set_int(doc, to, "maxPods", o->pods_max);
	json_set_bool(doc, to, "failSwapOn", false);
	json_set_str(doc, to, "containerLogMaxSize", STR("10Mi"));
	json_set_int(doc, to, "containerLogMaxFiles", KUBELET_LOG_FILES_MAX);
	json_set_bool(doc, to, "enableDebuggingHandlers", o->containers != NULL);
	json_set_bool(doc, to, "enableSystemLogHandler", false);
	json_set_bool(doc, to, "registerNode", o->register_node);
	return doc;
}

_Static_assert(KUBELET_LOG_BYTES_MAX == 10 << 20, "containerLogMaxSize says so");

void serve_configuration(struct server_request *r)
{
	AUTO_JSON_MUT doc = configuration_object(r->kubelet);
	AUTO_BUF body = { 0 };

	buf_init(&body, (size_t)1 << 20);
	json_mut_write(yyjson_mut_doc_get_root(doc), &body);
	http_respond_bytes(r->x, 200, STR("application/json"),
			   str_in(&r->x->arena, buf_str(&body)));
}
