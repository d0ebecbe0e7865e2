/* SPDX-License-Identifier: Apache-2.0 */
/* See default_spec.h. The document is kept as text with ' for ", parsed and printed by the JSON library. */
#include "oci/default_spec.h"

#include <string.h>
#include <yyjson.h>
#include "base/mem.h"
#include "oci/spec.h"

static const char document[] =
	"{'ociVersion':'" OCI_SPEC_VERSION "',"
	"'process':{'terminal':true,'user':{'uid':0,'gid':0},'args':['sh'],"
	"'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
	"bin','TERM=xterm'],'cwd':'/',"
	"'capabilities':{'bounding':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
	"'effective':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
	"'permitted':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']},"
	"'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],'noNewPrivileges':true},"
	"'root':{'path':'rootfs','readonly':true},'hostname':'cube',"
	"'mounts':[{'destination':'/proc','type':'proc','source':'proc'},"
	"{'destination':'/"
	"dev','type':'tmpfs','source':'tmpfs','options':['nosuid','strictatime','mode=755','size="
	"65536k']},"
	"{'destination':'/dev/pts','type':'devpts','source':'devpts',"
	"'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
	"{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
	"'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
	"{'destination':'/dev/"
	"mqueue','type':'mqueue','source':'mqueue','options':['nosuid','noexec','nodev']},"
	"{'destination':'/"
	"sys','type':'sysfs','source':'sysfs','options':['nosuid','noexec','nodev','ro']},"
	"{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
	"'options':['nosuid','noexec','nodev','relatime','ro']}],"
	"'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},"
	"'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'"
	"mount'},{'type':'cgroup'}],"
	"'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys','/proc/"
	"latency_stats','/proc/timer_list',"
	"'/proc/timer_stats','/proc/sched_debug','/sys/firmware','/proc/scsi'],"
	"'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']}}";

static void add_map(yyjson_mut_doc *doc, yyjson_mut_val *linux_part, const char *name, unsigned id)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, linux_part, name);
	yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);

	yyjson_mut_obj_add_int(doc, row, "containerID", 0);
	yyjson_mut_obj_add_uint(doc, row, "hostID", id);
	yyjson_mut_obj_add_int(doc, row, "size", 1);
}

static void remove_namespace(yyjson_mut_doc *doc, const char *type)
{
	yyjson_mut_val *linux_part = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "linux"), *namespace;
	yyjson_mut_arr_iter iter;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(linux_part, "namespaces"), &iter);
	while ((namespace = yyjson_mut_arr_iter_next(&iter)) != NULL) {
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(namespace, "type"), type))
			yyjson_mut_arr_iter_remove(&iter);
	}
}

/* A sysfs of one's own needs a network namespace of one's own: the host's instead, which what comes after lies on. */
static void bind_host_sys(yyjson_mut_doc *doc, yyjson_mut_val *sys)
{
	yyjson_mut_val *options;

	yyjson_mut_obj_remove_key(sys, "type");
	yyjson_mut_obj_remove_key(sys, "source");
	yyjson_mut_obj_remove_key(sys, "options");
	yyjson_mut_obj_add_str(doc, sys, "type", "none");
	yyjson_mut_obj_add_str(doc, sys, "source", "/sys");
	options = yyjson_mut_obj_add_arr(doc, sys, "options");
	yyjson_mut_arr_add_str(doc, options, "rbind");
	yyjson_mut_arr_add_str(doc, options, "nosuid");
	yyjson_mut_arr_add_str(doc, options, "noexec");
	yyjson_mut_arr_add_str(doc, options, "nodev");
	yyjson_mut_arr_add_str(doc, options, "ro");
}

static void make_rootless(yyjson_mut_doc *doc, uid_t uid, gid_t gid)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *mount;
	yyjson_mut_val *linux_part = yyjson_mut_obj_get(root, "linux");
	yyjson_mut_arr_iter iter;

	yyjson_mut_obj_remove_key(linux_part, "resources");
	/* a network of one's own would have nothing to be connected to */
	remove_namespace(doc, "network");
	yyjson_mut_obj_add_str(
		doc, yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_get(linux_part, "namespaces")),
		"type", "user");
	add_map(doc, linux_part, "uidMappings", uid);
	add_map(doc, linux_part, "gidMappings", gid);
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(root, "mounts"), &iter);
	while ((mount = yyjson_mut_arr_iter_next(&iter)) != NULL) {
		yyjson_mut_val *where = yyjson_mut_obj_get(mount, "destination");

		if (yyjson_mut_equals_str(where, "/dev/pts")) /* group 5 is not mapped */
			yyjson_mut_arr_remove_last(yyjson_mut_obj_get(mount, "options"));
		else if (yyjson_mut_equals_str(where, "/sys"))
			bind_host_sys(doc, mount);
	}
}

char *oci_default_spec(bool rootless, bool cgroup_v2, uid_t uid, gid_t gid)
{
	char *text = mem_strdup(document), *out;
	yyjson_doc *parsed;
	yyjson_mut_doc *doc;

	for (char *c = text; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	parsed = yyjson_read(text, strlen(text), 0);
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, yyjson_val_mut_copy(doc, yyjson_doc_get_root(parsed)));
	yyjson_doc_free(parsed);
	mem_free(text);
	if (!cgroup_v2)
		remove_namespace(doc, "cgroup");
	if (rootless)
		make_rootless(doc, uid, gid);
	out = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END, NULL);
	yyjson_mut_doc_free(doc);
	return out;
}
