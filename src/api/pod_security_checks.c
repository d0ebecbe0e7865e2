/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the Pod Security Standards, one function each, in the order they are told. */
#include "api/pod_security_internal.h"

#include <stdlib.h>
#include "api/schema.h"

#define NAMES_MAX 256 /* told of one finding */

/* --- names and values that are told --- */

struct names {
	struct str items[NAMES_MAX];
	size_t count;
};

static void add(struct names *names, struct str name)
{
	if (names->count < NAMES_MAX)
		names->items[names->count++] = name;
}

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void add_once(struct names *names, struct str name)
{
	for (size_t i = 0; i < names->count; i++)
		if (str_eq(names->items[i], name))
			return;
	add(names, name);
}

/* "a", "b" */
static struct str quoted(struct pod_security_review *r, const struct names *names)
{
	struct str text = STR_NONE;

	for (size_t i = 0; i < names->count; i++)
		text = str_printf_in(r->arena, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(text),
				     i ? ", " : "", STR_ARG(names->items[i]));
	return text;
}

static struct str quoted_sorted(struct pod_security_review *r, struct names *names)
{
	qsort(names->items, names->count, sizeof(names->items[0]), compare);
	return quoted(r, names);
}

static const char *plural(const struct names *names, const char *one, const char *many)
{
	return names->count == 1 ? one : many;
}

/* container "a" / containers "a", "b"; empty without any */
static struct str containers_text(struct pod_security_review *r, const struct names *names)
{
	if (!names->count)
		return STR_NONE;
	return str_printf_in(r->arena, "%s " STR_FMT, plural(names, "container", "containers"),
			     STR_ARG(quoted(r, names)));
}

/* pod and container "a" */
static struct str setters_text(struct pod_security_review *r, bool pod, const struct names *names)
{
	struct str containers = containers_text(r, names);

	if (!pod)
		return containers;
	return containers.len ? str_printf_in(r->arena, "pod and " STR_FMT, STR_ARG(containers))
			      : STR("pod");
}

/* Calls fn for each container of every kind. */
static void each_container(struct pod_security_review *r, void *arg,
			   void (*fn)(void *arg, yyjson_val *container, yyjson_val *security))
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		JSON_EACH (container, json_get(r->spec, lists[i]))
			fn(arg, container, json_get(container, "securityContext"));
}

static bool is_windows(const struct pod_security_review *r)
{
	return r->minor >= 25 && str_eq_c(json_get_str(r->spec, "os.name"), "windows");
}

/* Root in a user namespace of the pod's own is nobody outside. */
static bool has_own_users(const struct pod_security_review *r)
{
	return r->minor >= 35 && !json_get_bool(r->spec, "hostUsers", true);
}

/* What most checks gather. */
struct found {
	struct pod_security_review *r;
	struct names bad;     /* containers that set something wrong */
	struct names lacking; /* containers that do not set what they must */
	struct names values;  /* what was set */
	bool pod_is_fine, has_user, has_role;
};

/* --- baseline --- */

static bool is_bad_profile(struct str type)
{
	return type.len && !str_eq_c(type, "RuntimeDefault") && !str_eq_c(type, "Localhost");
}

static void find_armor(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	struct str type = json_get_str(security, "appArmorProfile.type");

	if (!is_bad_profile(type))
		return;
	add_once(&f->bad, json_get_str(container, "name"));
	add_once(&f->values, type);
}

/* "a=\"b\"", sorted: annotations whose values start with the key's prefix and are none of those
 * allowed. */
static void find_annotations(struct pod_security_review *r, const char *prefix, const char *allowed,
			     struct names *ret)
{
	JSON_MEMBERS (key, value, json_get(r->pod, "metadata.annotations")) {
		struct str profile = json_str(value);

		if (str_has_prefix(json_str(key), str_from(prefix)) &&
		    !schema_values_have(str_from(allowed), profile) &&
		    !str_has_prefix(profile, STR("localhost/")))
			add(ret, str_printf_in(r->arena, STR_FMT "=\"" STR_FMT "\"",
					       STR_ARG(json_str(key)), STR_ARG(profile)));
	}
	qsort(ret->items, ret->count, sizeof(ret->items[0]), compare);
}

static struct str check_armor(struct pod_security_review *r)
{
	struct found f = { .r = r };
	struct names annotations = { .count = 0 };
	struct str type = json_get_str(r->spec, "securityContext.appArmorProfile.type"), setters;
	bool pod = is_bad_profile(type);

	if (pod)
		add_once(&f.values, type);
	each_container(r, &f, find_armor);
	find_annotations(r, "container.apparmor.security.beta.kubernetes.io/", "|runtime/default",
			 &annotations);
	if (!pod && !f.bad.count && !annotations.count)
		return STR_NONE;
	setters = setters_text(r, pod, &f.bad);
	if (annotations.count)
		setters = str_printf_in(r->arena, STR_FMT "%s%s", STR_ARG(setters),
					setters.len ? " and " : "",
					plural(&annotations, "annotation", "annotations"));
	qsort(f.values.items, f.values.count, sizeof(f.values.items[0]), compare);
	for (size_t i = 0; i < annotations.count; i++)
		add(&f.values, annotations.items[i]);
	r->reason = f.values.count == 1 ? STR("forbidden AppArmor profile")
					: STR("forbidden AppArmor profiles");
	return str_printf_in(r->arena, STR_FMT " must not set AppArmor profile type to " STR_FMT,
			     STR_ARG(setters), STR_ARG(quoted(r, &f.values)));
}

static void find_added(struct found *f, yyjson_val *container, yyjson_val *security,
		       bool (*is_fine)(struct str capability))
{
	bool bad = false;

	JSON_EACH (capability, json_get(security, "capabilities.add")) {
		if (is_fine(json_str(capability)))
			continue;
		bad = true;
		add_once(&f->values, json_str(capability));
	}
	if (bad)
		add(&f->bad, json_get_str(container, "name"));
}

static bool is_default_capability(struct str name)
{
	return str_eq_c(name, "AUDIT_WRITE") || str_eq_c(name, "CHOWN") ||
	       str_eq_c(name, "DAC_OVERRIDE") || str_eq_c(name, "FOWNER") ||
	       str_eq_c(name, "FSETID") || str_eq_c(name, "KILL") || str_eq_c(name, "MKNOD") ||
	       str_eq_c(name, "NET_BIND_SERVICE") || str_eq_c(name, "SETFCAP") ||
	       str_eq_c(name, "SETGID") || str_eq_c(name, "SETPCAP") || str_eq_c(name, "SETUID") ||
	       str_eq_c(name, "SYS_CHROOT");
}

static void find_beyond_default(void *arg, yyjson_val *container, yyjson_val *security)
{
	find_added(arg, container, security, is_default_capability);
}

static struct str added_text(struct pod_security_review *r, struct found *f)
{
	if (!f->bad.count)
		return STR_NONE;
	return str_printf_in(
		r->arena,
		STR_FMT " must not include " STR_FMT " in securityContext.capabilities.add",
		STR_ARG(containers_text(r, &f->bad)), STR_ARG(quoted_sorted(r, &f->values)));
}

static struct str check_capabilities(struct pod_security_review *r)
{
	struct found f = { .r = r };

	each_container(r, &f, find_beyond_default);
	return added_text(r, &f);
}

static struct str check_host_namespaces(struct pod_security_review *r)
{
	static const char *const names[] = { "hostNetwork", "hostPID", "hostIPC" };
	struct str text = STR_NONE;

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (json_get_bool(r->spec, names[i], false))
			text = str_printf_in(r->arena, STR_FMT "%s%s=true", STR_ARG(text),
					     text.len ? ", " : "", names[i]);
	return text;
}

static struct str check_host_path(struct pod_security_review *r)
{
	struct names names = { .count = 0 };

	JSON_EACH (volume, json_get(r->spec, "volumes")) {
		if (json_get(volume, "hostPath"))
			add(&names, json_get_str(volume, "name"));
	}
	if (!names.count)
		return STR_NONE;
	return str_printf_in(r->arena, "%s " STR_FMT, plural(&names, "volume", "volumes"),
			     STR_ARG(quoted(r, &names)));
}

static void find_host_ports(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	bool bad = false;

	JSON_EACH (port, json_get(container, "ports")) {
		int64_t number = json_get_int(port, "hostPort", 0);

		if (!number)
			continue;
		bad = true;
		add_once(&f->values, str_printf_in(f->r->arena, "%lld", (long long)number));
	}
	if (bad)
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_host_ports(struct pod_security_review *r)
{
	struct found f = { .r = r };

	each_container(r, &f, find_host_ports);
	if (!f.bad.count)
		return STR_NONE;
	qsort(f.values.items, f.values.count, sizeof(f.values.items[0]), compare);
	return str_printf_in(
		r->arena, STR_FMT " %s %s " STR_FMT, STR_ARG(containers_text(r, &f.bad)),
		plural(&f.bad, "uses", "use"), plural(&f.values, "hostPort", "hostPorts"),
		STR_ARG(str_join_in(r->arena, f.values.items, f.values.count, STR(", "))));
}

static bool find_host(struct found *f, yyjson_val *handler)
{
	static const char *const paths[] = { "httpGet.host", "tcpSocket.host" };
	bool bad = false;

	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		struct str host = json_get_str(handler, paths[i]);

		if (host.len)
			add_once(&f->values, host);
		bad |= host.len > 0;
	}
	return bad;
}

static void find_hosts(void *arg, yyjson_val *container, yyjson_val *security)
{
	static const char *const handlers[] = { "livenessProbe", "readinessProbe", "startupProbe",
						"lifecycle.postStart", "lifecycle.preStop" };
	struct found *f = arg;
	bool bad = false;

	for (size_t i = 0; i < ARRAY_COUNT(handlers); i++)
		bad |= find_host(f, json_get(container, handlers[i]));
	if (bad)
		add_once(&f->bad, json_get_str(container, "name"));
}

static struct str check_hosts(struct pod_security_review *r)
{
	struct found f = { .r = r };

	each_container(r, &f, find_hosts);
	if (!f.bad.count)
		return STR_NONE;
	qsort(f.bad.items, f.bad.count, sizeof(f.bad.items[0]), compare);
	return str_printf_in(r->arena, STR_FMT " %s probe or lifecycle %s " STR_FMT,
			     STR_ARG(containers_text(r, &f.bad)), plural(&f.bad, "uses", "use"),
			     plural(&f.values, "host", "hosts"),
			     STR_ARG(quoted_sorted(r, &f.values)));
}

static void find_privileged(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;

	if (json_get_bool(security, "privileged", false))
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_privileged(struct pod_security_review *r)
{
	struct found f = { .r = r };

	each_container(r, &f, find_privileged);
	if (!f.bad.count)
		return STR_NONE;
	return str_printf_in(r->arena, STR_FMT " must not set securityContext.privileged=true",
			     STR_ARG(containers_text(r, &f.bad)));
}

static void find_proc_mounts(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	struct str type = json_get_str(security, "procMount");

	if (!type.len || str_eq_c(type, "Default"))
		return;
	add(&f->bad, json_get_str(container, "name"));
	add_once(&f->values, type);
}

static struct str check_any_proc_mount(struct pod_security_review *r)
{
	struct found f = { .r = r };

	each_container(r, &f, find_proc_mounts);
	if (!f.bad.count)
		return STR_NONE;
	return str_printf_in(
		r->arena, STR_FMT " must not set securityContext.procMount to " STR_FMT,
		STR_ARG(containers_text(r, &f.bad)), STR_ARG(quoted_sorted(r, &f.values)));
}

static struct str check_proc_mount(struct pod_security_review *r)
{
	return has_own_users(r) ? STR_NONE : check_any_proc_mount(r);
}

static bool is_bad_label(struct found *f, yyjson_val *options)
{
	struct str type = json_get_str(options, "type");
	bool has_user = json_get_str(options, "user").len > 0,
	     has_role = json_get_str(options, "role").len > 0;
	bool bad_type = type.len && !str_eq_c(type, "container_t") &&
			!str_eq_c(type, "container_init_t") && !str_eq_c(type, "container_kvm_t") &&
			!(f->r->minor >= 31 && str_eq_c(type, "container_engine_t"));

	if (bad_type)
		add_once(&f->values, type);
	f->has_user |= has_user;
	f->has_role |= has_role;
	return bad_type || has_user || has_role;
}

static void find_labels(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;

	if (is_bad_label(f, json_get(security, "seLinuxOptions")))
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_selinux(struct pod_security_review *r)
{
	struct found f = { .r = r };
	bool pod = is_bad_label(&f, json_get(r->spec, "securityContext.seLinuxOptions"));
	struct str what = STR_NONE;

	each_container(r, &f, find_labels);
	if (!pod && !f.bad.count)
		return STR_NONE;
	if (f.values.count)
		what = str_printf_in(r->arena, "%s " STR_FMT, plural(&f.values, "type", "types"),
				     STR_ARG(quoted_sorted(r, &f.values)));
	if (f.has_user)
		what = str_printf_in(r->arena, STR_FMT "%suser may not be set", STR_ARG(what),
				     what.len ? "; " : "");
	if (f.has_role)
		what = str_printf_in(r->arena, STR_FMT "%srole may not be set", STR_ARG(what),
				     what.len ? "; " : "");
	return str_printf_in(r->arena,
			     STR_FMT " set forbidden securityContext.seLinuxOptions: " STR_FMT,
			     STR_ARG(setters_text(r, pod, &f.bad)), STR_ARG(what));
}

static void find_seccomp(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	struct str type = json_get_str(security, "seccompProfile.type");

	if (is_bad_profile(type)) {
		add(&f->bad, json_get_str(container, "name"));
		add_once(&f->values, type);
	} else if (!type.len && !f->pod_is_fine) {
		add(&f->lacking, json_get_str(container, "name"));
	}
}

/* Profiles that are wrong; must: and those that are missing. */
static struct str seccomp_text(struct pod_security_review *r, bool must)
{
	struct found f = { .r = r };
	struct str type = json_get_str(r->spec, "securityContext.seccompProfile.type");
	bool pod = is_bad_profile(type);

	f.pod_is_fine = type.len && !pod;
	if (pod)
		add_once(&f.values, type);
	each_container(r, &f, find_seccomp);
	if (pod || f.bad.count)
		return str_printf_in(
			r->arena,
			STR_FMT " must not set securityContext.seccompProfile.type to " STR_FMT,
			STR_ARG(setters_text(r, pod, &f.bad)),
			STR_ARG(quoted_sorted(r, &f.values)));
	if (!must || !f.lacking.count)
		return STR_NONE;
	return str_printf_in(r->arena,
			     "pod or " STR_FMT " must set securityContext.seccompProfile.type to "
			     "\"RuntimeDefault\" or \"Localhost\"",
			     STR_ARG(containers_text(r, &f.lacking)));
}

/* Before there was a field. */
static struct str check_seccomp_annotations(struct pod_security_review *r)
{
	struct names names = { .count = 0 };

	find_annotations(r, "seccomp.security.alpha.kubernetes.io/pod",
			 "runtime/default|docker/default", &names);
	find_annotations(r, "container.seccomp.security.alpha.kubernetes.io/",
			 "runtime/default|docker/default", &names);
	if (!names.count)
		return STR_NONE;
	return str_printf_in(r->arena, "forbidden %s " STR_FMT,
			     plural(&names, "annotation", "annotations"),
			     STR_ARG(str_join_in(r->arena, names.items, names.count, STR(", "))));
}

static struct str check_seccomp(struct pod_security_review *r)
{
	return seccomp_text(r, false);
}

/* Names by the version that allowed them. */
static const struct {
	const char *name;
	int from_minor;
} safe_sysctls[] = {
	{ "kernel.shm_rmid_forced", 0 },
	{ "net.ipv4.ip_local_port_range", 0 },
	{ "net.ipv4.tcp_syncookies", 0 },
	{ "net.ipv4.ping_group_range", 0 },
	{ "net.ipv4.ip_unprivileged_port_start", 0 },
	{ "net.ipv4.ip_local_reserved_ports", 27 },
	{ "net.ipv4.tcp_keepalive_time", 29 },
	{ "net.ipv4.tcp_fin_timeout", 29 },
	{ "net.ipv4.tcp_keepalive_intvl", 29 },
	{ "net.ipv4.tcp_keepalive_probes", 29 },
	{ "net.ipv4.tcp_rmem", 32 },
	{ "net.ipv4.tcp_wmem", 32 },
};

static struct str check_sysctls(struct pod_security_review *r)
{
	struct names names = { .count = 0 };

	JSON_EACH (sysctl, json_get(r->spec, "securityContext.sysctls")) {
		struct str name = json_get_str(sysctl, "name");
		bool safe = false;

		for (size_t i = 0; i < ARRAY_COUNT(safe_sysctls); i++)
			safe |= r->minor >= safe_sysctls[i].from_minor &&
				str_eq_c(name, safe_sysctls[i].name);
		if (!safe)
			add(&names, name);
	}
	return str_join_in(r->arena, names.items, names.count, STR(", "));
}

static void find_host_processes(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;

	if (json_get_bool(security, "windowsOptions.hostProcess", false))
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_host_process(struct pod_security_review *r)
{
	struct found f = { .r = r };
	bool pod = json_get_bool(r->spec, "securityContext.windowsOptions.hostProcess", false);

	each_container(r, &f, find_host_processes);
	if (!pod && !f.bad.count)
		return STR_NONE;
	return str_printf_in(
		r->arena, STR_FMT " must not set securityContext.windowsOptions.hostProcess=true",
		STR_ARG(setters_text(r, pod, &f.bad)));
}

/* --- restricted --- */

static void find_escalations(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;

	if (json_get_bool(security, "allowPrivilegeEscalation", true))
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_escalation(struct pod_security_review *r)
{
	struct found f = { .r = r };

	if (is_windows(r))
		return STR_NONE;
	each_container(r, &f, find_escalations);
	if (!f.bad.count)
		return STR_NONE;
	return str_printf_in(r->arena,
			     STR_FMT " must set securityContext.allowPrivilegeEscalation=false",
			     STR_ARG(containers_text(r, &f.bad)));
}

static bool is_net_bind_service(struct str name)
{
	return str_eq_c(name, "NET_BIND_SERVICE");
}

static void find_capabilities(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	bool drops_all = false;

	JSON_EACH (capability, json_get(security, "capabilities.drop"))
		drops_all |= str_eq_c(json_str(capability), "ALL");
	if (!drops_all)
		add(&f->lacking, json_get_str(container, "name"));
	find_added(f, container, security, is_net_bind_service);
}

static struct str check_all_capabilities(struct pod_security_review *r)
{
	struct found f = { .r = r };
	struct str added, lacking = STR_NONE;

	if (is_windows(r))
		return STR_NONE;
	each_container(r, &f, find_capabilities);
	added = added_text(r, &f);
	if (f.lacking.count)
		lacking = str_printf_in(
			r->arena, STR_FMT " must set securityContext.capabilities.drop=[\"ALL\"]",
			STR_ARG(containers_text(r, &f.lacking)));
	if (!added.len || !lacking.len)
		return added.len ? added : lacking;
	return str_printf_in(r->arena, STR_FMT "; " STR_FMT, STR_ARG(lacking), STR_ARG(added));
}

static struct str check_volumes(struct pod_security_review *r)
{
	static const char *const allowed[] = { "configMap", "csi",	 "downwardAPI",
					       "emptyDir",  "ephemeral", "persistentVolumeClaim",
					       "projected", "secret",	 "image" };
	struct names names = { .count = 0 }, types = { .count = 0 };

	JSON_EACH (volume, json_get(r->spec, "volumes")) {
		struct str type = STR("unknown");
		bool fine = false;

		JSON_MEMBERS (key, value, volume) {
			if (yyjson_is_obj(value))
				type = json_str(key);
		}
		for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
			fine |= str_eq_c(type, allowed[i]);
		if (fine)
			continue;
		add(&names, json_get_str(volume, "name"));
		add_once(&types, type);
	}
	if (!names.count)
		return STR_NONE;
	return str_printf_in(r->arena, "%s " STR_FMT " %s restricted volume %s " STR_FMT,
			     plural(&names, "volume", "volumes"), STR_ARG(quoted(r, &names)),
			     plural(&names, "uses", "use"), plural(&types, "type", "types"),
			     STR_ARG(quoted_sorted(r, &types)));
}

static void find_root(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;
	yyjson_val *set = json_get(security, "runAsNonRoot");

	if (set && !json_bool(set, false))
		add(&f->bad, json_get_str(container, "name"));
	else if (!set && !f->pod_is_fine)
		add(&f->lacking, json_get_str(container, "name"));
}

static struct str check_non_root(struct pod_security_review *r)
{
	struct found f = { .r = r };
	yyjson_val *set = json_get(r->spec, "securityContext.runAsNonRoot");
	bool pod = set && !json_bool(set, false);

	if (has_own_users(r))
		return STR_NONE;
	f.pod_is_fine = set && !pod;
	each_container(r, &f, find_root);
	if (pod || f.bad.count)
		return str_printf_in(r->arena,
				     STR_FMT " must not set securityContext.runAsNonRoot=false",
				     STR_ARG(setters_text(r, pod, &f.bad)));
	if (!f.lacking.count)
		return STR_NONE;
	return str_printf_in(r->arena,
			     "pod or " STR_FMT " must set securityContext.runAsNonRoot=true",
			     STR_ARG(containers_text(r, &f.lacking)));
}

static void find_user_zero(void *arg, yyjson_val *container, yyjson_val *security)
{
	struct found *f = arg;

	if (json_get_int(security, "runAsUser", -1) == 0)
		add(&f->bad, json_get_str(container, "name"));
}

static struct str check_user(struct pod_security_review *r)
{
	struct found f = { .r = r };
	bool pod = json_get_int(r->spec, "securityContext.runAsUser", -1) == 0;

	if (has_own_users(r))
		return STR_NONE;
	each_container(r, &f, find_user_zero);
	if (!pod && !f.bad.count)
		return STR_NONE;
	return str_printf_in(r->arena, STR_FMT " must not set runAsUser=0",
			     STR_ARG(setters_text(r, pod, &f.bad)));
}

static struct str check_seccomp_set(struct pod_security_review *r)
{
	return is_windows(r) ? STR_NONE : seccomp_text(r, true);
}

#define NEVER POD_SECURITY_NEVER

/* clang-format off */
const struct pod_security_check pod_security_checks[] = {
	{ POD_SECURITY_RESTRICTED, NEVER, 8, 0, "allowPrivilegeEscalation != false", check_escalation },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "forbidden AppArmor profile", check_armor },
	{ POD_SECURITY_BASELINE, 22, 0, 0, "non-default capabilities", check_capabilities },
	{ POD_SECURITY_RESTRICTED, NEVER, 22, 0, "unrestricted capabilities", check_all_capabilities },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "host namespaces", check_host_namespaces },
	{ POD_SECURITY_BASELINE, 0, 0, 0, "hostPath volumes", check_host_path },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "hostPort", check_host_ports },
	{ POD_SECURITY_BASELINE, NEVER, 34, 0, "probe or lifecycle host", check_hosts },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "privileged", check_privileged },
	{ POD_SECURITY_BASELINE, 35, 0, 0, "procMount", check_proc_mount },
	{ POD_SECURITY_RESTRICTED, NEVER, 35, 0, "procMount", check_any_proc_mount },
	{ POD_SECURITY_RESTRICTED, NEVER, 0, 0, "restricted volume types", check_volumes },
	{ POD_SECURITY_RESTRICTED, NEVER, 0, 0, "runAsNonRoot != true", check_non_root },
	{ POD_SECURITY_RESTRICTED, NEVER, 23, 0, "runAsUser=0", check_user },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "seLinuxOptions", check_selinux },
	{ POD_SECURITY_BASELINE, NEVER, 0, 19, "seccompProfile", check_seccomp_annotations },
	{ POD_SECURITY_BASELINE, 19, 19, 0, "seccompProfile", check_seccomp },
	{ POD_SECURITY_RESTRICTED, NEVER, 19, 0, "seccompProfile", check_seccomp_set },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "forbidden sysctls", check_sysctls },
	{ POD_SECURITY_BASELINE, NEVER, 0, 0, "hostProcess", check_host_process },
	{ .run = NULL },
};
/* clang-format on */
