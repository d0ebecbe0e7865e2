/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plug-ins of admission are told by configuration, and what they make of it. Breaks when a
 * wrong configuration is taken, or a right one does not do what upstream's does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/admission_state.h"
#include "apiserver/apiserver_internal.h"
#include "base/time.h"
#include "hook.h"

static yyjson_doc *parse(const char *text)
{
	char json[4096], *to = json;

	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
	return json_parse(str_from(json), SIZE_MAX, NULL);
}

/* --- reading --- */

#define SECURITY(more)                                                             \
	"{'kind':'PodSecurityConfiguration','apiVersion':'pod-security.admission." \
	"config.k8s.io/v1'" more "}"
#define LIMITS(more)                                                                       \
	"{'kind':'Configuration','apiVersion':'eventratelimit.admission.k8s.io/v1alpha1'," \
	"'limits':[" more "]}"
#define TOLERATIONS(more)                                                                  \
	"{'kind':'Configuration','apiVersion':'podtolerationrestriction.admission.k8s.io/" \
	"v1alpha1'" more "}"

#define QUOTA(more)                                                                       \
	"{'kind':'ResourceQuotaConfiguration','apiVersion':'apiserver.config.k8s.io/v1'," \
	"'limitedResources':[" more "]}"

static const struct {
	const char *plugin, *text, *want; /* NULL: it is taken */
} rows[] = {
	{ "PodSecurity",
	  SECURITY(",'defaults':{'enforce':'baseline','enforce-version':'v1.30'},'exemptions':{"
		   "'usernames':['a'],'namespaces':['n'],'runtimeClasses':['r']}"),
	  NULL },
	{ "PodSecurity", SECURITY(",'defaults':{'enforce':'strict','warn-version':'1'}"),
	  "[defaults.enforce: Invalid value: \"strict\": must be one of privileged, baseline, "
	  "restricted, defaults.warn-version: Invalid value: \"1\": must be \"latest\" or "
	  "\"v1.x\"]" },
	{ "PodSecurity", SECURITY(",'exemptions':{'namespaces':['a','a'],'usernames':['']}"),
	  "[exemptions.namespaces[1]: Duplicate value: \"a\", exemptions.usernames[0]: Required "
	  "value]" },
	{ "PodSecurity", SECURITY(",'exemptions':{'runtimeClasses':['A']}"),
	  "exemptions.runtimeClasses[0]: Invalid value: \"A\": a lowercase RFC 1123 subdomain" },
	{ "PodSecurity", SECURITY(",'default':{}"),
	  "strict decoding error: unknown field \"default\"" },
	{ "PodSecurity", "{'kind':'PodSecurityConfiguration','apiVersion':'v1'}",
	  "no kind \"PodSecurityConfiguration\" is registered for version \"v1\"" },
	{ "EventRateLimit", LIMITS("{'type':'Server','qps':1,'burst':2}"), NULL },
	{ "EventRateLimit", LIMITS(""), "limits: Invalid value: null: must not be empty" },
	{ "EventRateLimit", LIMITS("{'type':'All','qps':0,'burst':-1}"),
	  "[limits[0].type: Unsupported value: \"All\": supported values: \"Namespace\", "
	  "\"Server\", \"SourceAndObject\", \"User\", limits[0].burst: Invalid value: -1: must be "
	  "positive, limits[0].qps: Invalid value: 0: must be positive]" },
	{ "EventRateLimit", LIMITS("{'type':'User','qps':1,'burst':2,'cacheSize':-3}"),
	  "limits[0].cacheSize: Invalid value: -3: must not be negative" },
	{ "EventRateLimit", LIMITS("{'type':'User','qps':1,'burst':2,'cacheSize':1000001}"),
	  "limits[0].cacheSize: Invalid value: 1000001: is too large" },
	{ "PodTolerationRestriction", TOLERATIONS(",'default':[{'key':'a','operator':'Exists'}]"),
	  NULL },
	{ "PodTolerationRestriction", TOLERATIONS(",'whitelist':[{'operator':'Equal'}]"),
	  "podtolerationrestriction.whitelist[0].operator: Invalid value: \"Equal\": operator must "
	  "be Exists when `key` is empty" },
	{ "PodNodeSelector", "{'podNodeSelectorPluginConfig':{'a':'b=c'}}", NULL },
	{ "PodNodeSelector", "{'podNodeSelectorPluginConfig':{'a':1}}",
	  "json: cannot unmarshal number into field \"podNodeSelectorPluginConfig[a]\" of type "
	  "string" },
	{ "ImagePolicyWebhook", "{'imagePolicy':{'kubeConfigFile':'x','allowTTL':-1}}", NULL },
	{ "ImagePolicyWebhook", "{'imagePolicy':{'allowTTL':5}}",
	  "imagePolicy.kubeConfigFile: Required value" },
	{ "ImagePolicyWebhook", "{'imagePolicy':{'kubeConfigFile':'x','denyTTL':1801}}",
	  "imagePolicy.denyTTL: Invalid value: 1801: valid value is between 1 and 1800" },
	{ "ValidatingAdmissionWebhook",
	  "{'kind':'WebhookAdmissionConfiguration','apiVersion':'apiserver.config.k8s.io/v1',"
	  "'kubeConfigFile':'x'}",
	  NULL },
	{ "MutatingAdmissionWebhook",
	  "{'kind':'WebhookAdmission','apiVersion':'apiserver.config.k8s.io/v1'}",
	  "no kind \"WebhookAdmission\" is registered for version" },
	{ "ResourceQuota", QUOTA("{'resource':'pods','matchContains':['cpu']}"), NULL },
	{ "ResourceQuota", QUOTA("{'resources':'pods'}"),
	  "strict decoding error: unknown field \"limitedResources[0].resources\"" },
	{ "ResourceQuota", QUOTA("{}"), "limitedResources[0].resource: Required value" },
	{ "LimitRanger", "{}", "this plug-in has no configuration" },
};

static void test_reading(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct admission_settings settings = admission_settings_none;
		struct err err = { 0 };
		AUTO_JSON doc = parse(rows[i].text);
		AUTO_ARENA arena = { 0 };
		int got;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_non_null(doc);
		got = admission_settings_read(str_from(rows[i].plugin), yyjson_doc_get_root(doc),
					      &arena, &settings, &err);
		if (!rows[i].want && got == 0)
			continue;
		if (!rows[i].want || got == 0 || !strstr(err.msg, rows[i].want))
			fail_msg("row %zu: got %s", i, got ? err.msg : "no complaint");
	}
}

static void test_configuration(void **state)
{
	static const struct {
		const char *text, *want;
	} files[] = {
		{ "{'kind':'AdmissionConfiguration','apiVersion':'apiserver.config.k8s.io/v1',"
		  "'plugins':[{'name':'a','configuration':{'x':1}},{'name':'b','path':'p'}]}",
		  NULL },
		{ "{'kind':'AdmissionConfiguration','apiVersion':'apiserver.config.k8s.io/v1',"
		  "'plugins':[{'nam':'a'}]}",
		  "strict decoding error: unknown field \"plugins[0].nam\"" },
		{ "{'kind':'AdmissionConfiguration','apiVersion':'apiserver.k8s.io/v1alpha1',"
		  "'plugins':[{'name':'a','path':'p'}]}",
		  NULL },
		{ "{'kind':'AdmissionConfiguration','apiVersion':'apiserver.k8s.io/v1'}",
		  "no kind \"AdmissionConfiguration\" is registered for version" },
		{ "{'kind':'AdmissionConfiguration',"
		  "'apiVersion':'apiserver.config.k8s.io/v1alpha1'}",
		  "no kind \"AdmissionConfiguration\" is registered for version" },
		{ "{'kind':'Admission','apiVersion':'apiserver.config.k8s.io/v1'}",
		  "no kind \"Admission\" is registered for version" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		AUTO_JSON doc = parse(files[i].text);
		struct err err = { 0 };
		int got = admission_configuration_check(yyjson_doc_get_root(doc), &err);

		assert_int_equal(got, files[i].want ? -1 : 0);
		if (files[i].want && !strstr(err.msg, files[i].want))
			fail_msg("%s", err.msg);
	}
}

/* Breaks if a webhook is shown another server's token. */
static void test_credentials(void **state)
{
	static const char config[] = "users: [{name: hook.example.com, user: {token: exact}},"
				     "{name: '*.ns.svc', user: {token: suffix}},"
				     "{name: 'hook.example.com:8443', user: {token: port}},"
				     "{name: '*', user: {token: any}}]";
	static const struct {
		const char *url, *want;
	} urls[] = {
		{ "https://hook.example.com/x", "exact" },
		{ "https://hook.example.com:443/x", "exact" },
		{ "https://hook.example.com:8443", "port" },
		{ "https://hook.example.com:8444/x", "any" },
		{ "https://a.ns.svc:443/x", "suffix" },
		{ "https://ns.svc/", "any" },
	};
	struct webhook_credentials c;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(webhook_credentials_parse(str_from(config), STR("/"), &arena, &c, &err),
			 0);
	for (size_t i = 0; i < ARRAY_COUNT(urls); i++)
		assert_true(
			str_eq_c(webhook_credentials_find(&c, str_from(urls[i].url))->bearer_token,
				 urls[i].want));
	assert_null(webhook_credentials_find(NULL, STR("https://x/")));
	c.count = 1;
	assert_null(webhook_credentials_find(&c, STR("https://x/")));
	c.otherwise = STR("hook.example.com");
	assert_non_null(webhook_credentials_find(&c, STR("https://x/")));
}

/* --- at work --- */

struct setup {
	struct http_fixture f;
	struct arena arena;
	struct admission_settings settings;
	yyjson_doc *doc;
};

static void open_setup(struct setup *s, const char *plugin, const char *config)
{
	struct str on[] = { str_from(plugin) };
	struct err err = { 0 };

	memset(s, 0, sizeof(*s));
	arena_init(&s->arena, ARENA_DEFAULT_MAX);
	s->settings = admission_settings_none;
	s->doc = parse(config);
	if (admission_settings_read(on[0], yyjson_doc_get_root(s->doc), &s->arena, &s->settings,
				    &err) < 0)
		fail_msg("%s", err.msg);
	http_fixture_open_with(&s->f, (struct apiserver_options){ .plugins_on = { on, 1 },
								  .admission = &s->settings });
}

static void close_setup(struct setup *s)
{
	http_fixture_close(&s->f);
	json_free(s->doc);
	arena_deinit(&s->arena);
}

/* ' stands for " */
static void ask(struct setup *s, const char *method, const char *path, const char *body, int status,
		const char *want)
{
	const char *answer, *headers = "Content-Type: application/json\r\n";
	char text[4096];
	int got;

	if (!strcmp(method, "PATCH"))
		headers = "Content-Type: application/merge-patch+json\r\n";
	snprintf(text, sizeof(text), "%s", body ? body : "");
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	got = http_fixture_do(&s->f, method, path, body ? headers : NULL, body ? text : NULL,
			      &answer);
	if (got != status || (want && !strstr(answer, want)))
		fail_msg("%s %s %s\nwant %d %s\n got %d %s", method, path, text, status,
			 want ? want : "", got, answer);
}

#define PODS "/api/v1/namespaces/default/pods"
#define EVENTS(ns) "/api/v1/namespaces/" ns "/events"
#define EVENT(ns, name)                                                                        \
	"{'metadata':{'name':'" name "','namespace':'" ns "'},'involvedObject':{'kind':'Pod'," \
	"'namespace':'" ns "','name':'p'},'reason':'r','message':'m','type':'Normal'}"

static void test_events(void **state)
{
	struct setup s;

	open_setup(&s, "EventRateLimit",
		   LIMITS("{'type':'Namespace','qps':1,'burst':2,'cacheSize':1}"));
	ask(&s, "POST", EVENTS("default"), EVENT("default", "a"), 201, NULL);
	ask(&s, "POST", EVENTS("default"), EVENT("default", "b"), 201, NULL);
	ask(&s, "POST", EVENTS("default"), EVENT("default", "c"), 429,
	    "\"message\":\"Too many requests: limit reached on type Namespace for key default\",");
	ask(&s, "POST", EVENTS("default") "?dryRun=All", EVENT("default", "c"), 201, NULL);
	/* one namespace is remembered at a time: the other is forgotten */
	ask(&s, "POST", EVENTS("kube-system"), EVENT("kube-system", "a"), 201, NULL);
	ask(&s, "POST", EVENTS("default"), EVENT("default", "c"), 201, NULL);
	close_setup(&s);
	open_setup(&s, "EventRateLimit",
		   LIMITS("{'type':'Server','qps':1,'burst':1},"
			  "{'type':'SourceAndObject','qps':1,'burst':1}"));
	ask(&s, "POST", EVENTS("default"), EVENT("default", "a"), 201, NULL);
	ask(&s, "POST", EVENTS("default"), EVENT("default", "b"), 429,
	    "Too many requests: [limit reached on type Server for key , limit reached on type "
	    "SourceAndObject for key Poddefaultp]");
	close_setup(&s);
}

#define POD(name, spec)                                                                            \
	"{'metadata':{'name':'" name "'},'spec':{'containers':[{'name':'c','image':'i'}]" spec "}" \
	"}"

static void test_tolerations(void **state)
{
	struct setup s;

	open_setup(&s, "PodTolerationRestriction",
		   TOLERATIONS(",'default':[{'key':'d','operator':'Exists'}],'whitelist':[{'key':"
			       "'node.kubernetes.io/not-ready','operator':'Exists'},{'key':"
			       "'node.kubernetes.io/unreachable','operator':'Exists'},{'key':'d',"
			       "'operator':'Exists'},{'key':'w','operator':'Equal','value':'1'}]"));
	ask(&s, "POST", PODS, POD("a", ""), 201, "{\"key\":\"d\",\"operator\":\"Exists\"}");
	/* what the default covers goes */
	ask(&s, "POST", PODS,
	    POD("b", ",'tolerations':[{'key':'d','operator':'Equal','value':'x'}]"), 201,
	    "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\"");
	ask(&s, "POST", PODS,
	    POD("c", ",'tolerations':[{'key':'w','operator':'Equal','value':'1'}]"), 201, NULL);
	ask(&s, "POST", PODS, POD("x", ",'tolerations':[{'key':'w','operator':'Exists'}]"), 500,
	    "\"message\":\"pod tolerations (possibly merged with namespace default tolerations) "
	    "conflict with its cluster whitelist\"");
	ask(&s, "PATCH", "/api/v1/namespaces/default",
	    "{'metadata':{'annotations':{'scheduler.alpha.kubernetes.io/tolerationsWhitelist':"
	    "'[{\\'key\\':\\'w\\'}]','scheduler.alpha.kubernetes.io/defaultTolerations':''}}}",
	    200, NULL);
	ask(&s, "POST", PODS, POD("x", ""), 500, "conflict with its namespace whitelist");
	ask(&s, "PATCH", "/api/v1/namespaces/default",
	    "{'metadata':{'annotations':{'scheduler.alpha.kubernetes.io/"
	    "tolerationsWhitelist':''}}}",
	    200, NULL);
	ask(&s, "POST", PODS, POD("x", ",'tolerations':[{'operator':'Exists'}]"), 201,
	    "\"tolerations\":[{\"operator\":\"Exists\"}]");
	close_setup(&s);
}

static void test_node_selectors(void **state)
{
	struct setup s;

	open_setup(&s, "PodNodeSelector",
		   "{'podNodeSelectorPluginConfig':{'clusterDefaultNodeSelector':'env=prod',"
		   "'default':'env=prod,disk=fast'}}");
	ask(&s, "POST", PODS, POD("a", ",'nodeSelector':{'disk':'fast'}"), 201, "\"env\":\"prod\"");
	ask(&s, "POST", PODS, POD("b", ",'nodeSelector':{'disk':'slow'}"), 403,
	    "pod node label selector labels conflict with its namespace whitelist");
	ask(&s, "POST", PODS, POD("c", ",'nodeSelector':{'env':'test'}"), 403,
	    "pod node label selector conflicts with its namespace node label selector");
	close_setup(&s);
}

#define HOST_POD(name, more) POD(name, ",'hostNetwork':true" more)

static void test_security(void **state)
{
	struct setup s;

	open_setup(
		&s, "PodSecurity",
		SECURITY(",'defaults':{'enforce':'baseline'},'exemptions':{'namespaces':["
			 "'kube-system'],'usernames':['system:admin'],'runtimeClasses':['vm']}"));
	s.f.user = "jane";
	s.f.group = "system:masters";
	ask(&s, "POST", PODS, HOST_POD("a", ""), 403,
	    "violates PodSecurity \\\"baseline:latest\\\": host namespaces (hostNetwork=true)");
	ask(&s, "PATCH", "/api/v1/namespaces/default",
	    "{'metadata':{'labels':{'pod-security.kubernetes.io/enforce':'privileged'}}}", 200,
	    NULL);
	ask(&s, "POST", PODS, HOST_POD("a", ""), 201, NULL);
	ask(&s, "POST", "/api/v1/namespaces", "{'metadata':{'name':'n'}}", 201, NULL);
	ask(&s, "POST", "/api/v1/namespaces/n/serviceaccounts", "{'metadata':{'name':'default'}}",
	    201, NULL);
	ask(&s, "POST", "/api/v1/namespaces/n/pods", HOST_POD("a", ""), 403, NULL);
	ask(&s, "POST", "/apis/node.k8s.io/v1/runtimeclasses",
	    "{'metadata':{'name':'vm'},'handler':'vm'}", 201, NULL);
	ask(&s, "POST", "/api/v1/namespaces/n/pods", HOST_POD("a", ",'runtimeClassName':'vm'"), 201,
	    NULL);
	ask(&s, "POST", "/api/v1/namespaces/kube-system/pods", HOST_POD("a", ""), 201, NULL);
	ask(&s, "PATCH", "/api/v1/namespaces/kube-system",
	    "{'metadata':{'labels':{'pod-security.kubernetes.io/enforce':'restricted'}}}", 200,
	    NULL);
	assert_non_null(strstr(http_fixture_head(&s.f),
			       "namespace \\\"kube-system\\\" is exempt from Pod Security, and the "
			       "policy (enforce=restricted:latest, warn=restricted:latest) will be "
			       "ignored"));
	close_setup(&s);
}

#define NODE_TOLERATION(key, seconds)                          \
	"{\"key\":\"node.kubernetes.io/" key                   \
	"\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"," \
	"\"tolerationSeconds\":" seconds "}"

/* What --default-not-ready-toleration-seconds and its fellow say; a pod's own stays. */
static void test_default_tolerations(void **state)
{
	static const struct {
		int64_t not_ready, unreachable;
		const char *tolerations, *want;
	} cases[] = {
		{ 7, 8, "",
		  NODE_TOLERATION("not-ready", "7") "," NODE_TOLERATION("unreachable", "8") },
		{ 0, 300, "",
		  NODE_TOLERATION("not-ready", "0") "," NODE_TOLERATION("unreachable", "300") },
		{ 2147483647, 1, "",
		  NODE_TOLERATION("not-ready", "2147483647") "," NODE_TOLERATION("unreachable",
										 "1") },
		{ 7, 8,
		  ",'tolerations':[{'key':'node.kubernetes.io/not-ready','operator':'Exists',"
		  "'effect':'NoExecute','tolerationSeconds':5}]",
		  "{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":"
		  "\"NoExecute\",\"tolerationSeconds\":5}," NODE_TOLERATION("unreachable", "8") },
		{ 7, 8, ",'tolerations':[{'operator':'Exists'}]",
		  "\"tolerations\":[{\"operator\":\"Exists\"}]" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct setup s = { .settings = admission_settings_none };
		char body[512];

		s.settings.not_ready_seconds = cases[i].not_ready;
		s.settings.unreachable_seconds = cases[i].unreachable;
		http_fixture_open_with(&s.f,
				       (struct apiserver_options){ .admission = &s.settings });
		snprintf(body, sizeof(body),
			 "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i'}]%"
			 "s}}",
			 cases[i].tolerations);
		ask(&s, "POST", "/api/v1/namespaces/default/pods", body, 201, cases[i].want);
		http_fixture_close(&s.f);
	}
}

static void test_provision(void **state)
{
	struct str on = STR("NamespaceAutoProvision");
	struct setup s = { .settings = admission_settings_none };

	http_fixture_open_with(&s.f, (struct apiserver_options){ .plugins_on = { &on, 1 } });
	ask(&s, "POST", "/api/v1/namespaces/new/configmaps?dryRun=All", "{'metadata':{'name':'c'}}",
	    404, "namespaces \\\"new\\\" not found");
	ask(&s, "POST", "/api/v1/namespaces/new/configmaps", "{'metadata':{'name':'c'}}", 201,
	    NULL);
	ask(&s, "GET", "/api/v1/namespaces/new", NULL, 200, "\"phase\":\"Active\"");
	ask(&s, "POST", "/api/v1/namespaces/new/configmaps", "{'metadata':{'name':'d'}}", 201,
	    NULL);
	http_fixture_close(&s.f);
}

#define NODE(os)                                                                     \
	"{'metadata':{'name':'n','labels':{'kubernetes.io/os':'" os "'}},'status':{" \
	"'allocatable':{'cpu':'1','memory':'1Gi','pods':'9'}}}"
#define RESIZE(cpu, memory)                                                       \
	"{'spec':{'containers':[{'name':'c','resources':{'requests':{'cpu':'" cpu \
	"','memory':'" memory "'}}}]}}"

static void ask_resize(struct setup *s, const char *body, int status, const char *want)
{
	const char *answer;
	char text[1024];
	int got;

	snprintf(text, sizeof(text), "%s", body);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	got = http_fixture_do(&s->f, "PATCH", PODS "/p/resize",
			      "Content-Type: application/strategic-merge-patch+json\r\n", text,
			      &answer);
	if (got != status || (want && !strstr(answer, want)))
		fail_msg("%s: %d %s", text, got, answer);
}

static void test_resize(void **state)
{
	struct setup s = { .settings = admission_settings_none };

	http_fixture_open(&s.f);
	ask(&s, "POST", "/api/v1/nodes", NODE("linux"), 201, NULL);
	ask(&s, "POST", PODS,
	    "{'metadata':{'name':'p'},'spec':{'nodeName':'n','containers':[{'name':'c','image':'i',"
	    "'resources':{'requests':{'cpu':'100m','memory':'1Mi'}}}]}}",
	    201, NULL);
	ask_resize(&s, RESIZE("500m", "1Mi"), 200, NULL);
	ask_resize(&s, RESIZE("2", "2Gi"), 403,
		   "Node didn't have enough allocatable resources: cpu, requested: 2000, "
		   "allocatable: 1000; memory, requested: 2147483648, allocatable: 1073741824");
	ask(&s, "PATCH", "/api/v1/nodes/n", "{'metadata':{'labels':{'kubernetes.io/os':'plan9'}}}",
	    200, NULL);
	ask_resize(&s, RESIZE("600m", "1Mi"), 403,
		   "pod resize is only supported on linux nodes, node \\\"n\\\" is \\\"plan9\\\"");
	http_fixture_close(&s.f);
}

#define CRITICAL                                                                          \
	"{'resource':'pods','matchScopes':[{'scopeName':'PriorityClass','operator':'In'," \
	"'values':['top']}]}"
#define CPU_POD(name)                                                                    \
	"{'metadata':{'name':'" name "'},'spec':{'containers':[{'name':'c','image':'i'," \
	"'resources':{'requests':{'cpu':'1'}}}]}}"
#define QUOTAS "/api/v1/namespaces/default/resourcequotas"

/* Breaks if a namespace without a quota may use what nobody may use without one. */
static void test_limited(void **state)
{
	struct setup s;

	open_setup(&s, "ResourceQuota",
		   QUOTA("{'resource':'pods','matchContains':['requests.cpu']}," CRITICAL));
	ask(&s, "POST", PODS, POD("free", ""), 201, NULL);
	ask(&s, "POST", PODS, CPU_POD("a"), 403,
	    "pods \\\"a\\\" is forbidden: insufficient quota to consume: requests.cpu");
	ask(&s, "POST", "/apis/scheduling.k8s.io/v1/priorityclasses",
	    "{'metadata':{'name':'top'},'value':7}", 201, NULL);
	ask(&s, "POST", PODS, POD("b", ",'priorityClassName':'top'"), 403,
	    "insufficient quota to match these scopes: [{PriorityClass In [top]}]");
	ask(&s, "POST", QUOTAS, "{'metadata':{'name':'q'},'spec':{'hard':{'requests.cpu':'3'}}}",
	    201, NULL);
	ask(&s, "PATCH", QUOTAS "/q/status",
	    "{'status':{'hard':{'requests.cpu':'3'},'used':{'requests.cpu':'0'}}}", 200, NULL);
	ask(&s, "POST", PODS, CPU_POD("a"), 201, NULL);
	ask(&s, "POST", QUOTAS,
	    "{'metadata':{'name':'p'},'spec':{'hard':{'pods':'3'},'scopeSelector':{"
	    "'matchExpressions':[{'scopeName':'PriorityClass','operator':'In','values':['top']}]}}"
	    "}",
	    201, NULL);
	ask(&s, "PATCH", QUOTAS "/p/status", "{'status':{'hard':{'pods':'3'},'used':{'pods':'0'}}}",
	    200, NULL);
	ask(&s, "DELETE", QUOTAS "/q", NULL, 200, NULL);
	ask(&s, "POST", PODS, POD("b", ",'priorityClassName':'top'"), 201, NULL);
	close_setup(&s);
}

/* Breaks if events do not go when the server was told they shall. */
static void test_event_ttl(void **state)
{
	struct setup s = { .settings = admission_settings_none };
	const struct store_entry *entry;
	int64_t now_s;

	http_fixture_open_with(
		&s.f, (struct apiserver_options){ .event_ttl_ns = 120 * TIME_NS_PER_SECOND });
	ask(&s, "POST", EVENTS("default"), EVENT("default", "a"), 201, NULL);
	entry = store_get(s.f.store, STR("/registry/events/default/a"));
	now_s = env_wall_ns(s.f.env) / TIME_NS_PER_SECOND;
	assert_in_range(entry->expires_wall_s, now_s + 60, now_s + 121);
	http_fixture_close(&s.f);
}

/* --- images --- */

static void judge(struct hook *hook, struct http_exchange *x)
{
	AUTO_JSON doc = json_parse(x->body, SIZE_MAX, NULL);
	yyjson_val *spec = json_get(yyjson_doc_get_root(doc), "spec");
	struct str image = json_get_str(yyjson_arr_get_first(json_get(spec, "containers")),
					"image");

	assert_true(str_eq_c(json_get_str(yyjson_doc_get_root(doc), "kind"), "ImageReview"));
	assert_true(str_eq_c(json_get_str(spec, "namespace"), "default"));
	http_respond_bytes(
		x, 200, STR("application/json"),
		str_eq_c(image, "bad")
			? STR("{\"status\":{\"allowed\":false,\"reason\":\"it is bad\"}}")
			: STR("{\"status\":{\"allowed\":true,\"auditAnnotations\":{\"k\":\"v\"}}"
			      "}"));
}

static void test_images(void **state)
{
	struct setup s = { .settings = admission_settings_none };
	struct review_hook_options options = { .yes = "allowed", .ttl_yes_ms = 60000 };
	struct registry *registry;
	struct hook hook;

	arena_init(&s.arena, ARENA_DEFAULT_MAX);
	http_fixture_open_with(&s.f, (struct apiserver_options){ .admission = &s.settings });
	hook_open(&hook, &s.f, judge, NULL);
	registry = &s.f.apiserver->registry;
	options.target.url = str_printf_in(&s.arena, "https://127.0.0.1:%u/images",
					   (unsigned)hook.port);
	options.target.ca_pem = hook.ca.certificate_pem;
	options.retry_ms = 1;
	registry->admission->image_policy = review_hook_new(registry, &options);
	ask(&s, "POST", PODS, POD("a", ""), 201, NULL);
	ask(&s, "POST", PODS, POD("b", ""), 201, NULL);
	assert_int_equal(hook.count, 1); /* the answer was remembered */
	ask(&s, "POST", PODS,
	    "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c','image':'bad'}]}}", 403,
	    "image policy webhook backend denied one or more images: it is bad");
	review_hook_free(registry->admission->image_policy);
	options.target.url = STR("https://127.0.0.1:1/images");
	registry->admission->image_policy = review_hook_new(registry, &options);
	ask(&s, "POST", PODS, POD("c", ""), 403, "connection refused");
	s.settings.allows_images_unasked = true;
	ask(&s, "POST", PODS, POD("c", ""), 201,
	    "\"alpha.image-policy.k8s.io/failed-open\":\"true\"");
	hook_close(&hook);
	http_fixture_close(&s.f);
	arena_deinit(&s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),	    cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_credentials), cmocka_unit_test(test_events),
		cmocka_unit_test(test_tolerations), cmocka_unit_test(test_node_selectors),
		cmocka_unit_test(test_security),    cmocka_unit_test(test_default_tolerations),
		cmocka_unit_test(test_provision),   cmocka_unit_test(test_resize),
		cmocka_unit_test(test_images),	    cmocka_unit_test(test_event_ttl),
		cmocka_unit_test(test_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
