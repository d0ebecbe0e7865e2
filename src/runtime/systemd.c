/* SPDX-License-Identifier: Apache-2.0 */
/* See systemd.h. systemd's own socket comes first: it needs no bus daemon, and is open to who may
 * manage units. */
#include "runtime/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "runtime/dbus.h"

#define TIMEOUT_MS 30000
#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER DESTINATION ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define UNIT_TEXT_MAX 320
#define JOBS_MAX 4

struct job {
	char path[128], result[32];
};
struct session {
	struct dbus bus;
	const char *unit;
	struct job
		removed[JOBS_MAX]; /* of our unit; a job may be over before its call is answered */
	size_t removed_count;
	char error[128]; /* name of the last call's error */
};

static void session_close(struct session *s)
{
	dbus_close(&s->bus);
}
#define AUTO_SESSION CLEANUP(session_close) struct session

static int open_user(struct dbus *ret, struct err *err)
{
	const char *dir = getenv("XDG_RUNTIME_DIR"), *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	struct str path = str_from(address), rest;
	char text[128];

	if (dir && snprintf(text, sizeof(text), "%s/systemd/private", dir) < (int)sizeof(text) &&
	    dbus_open(text, false, TIMEOUT_MS, ret, NULL) == 0)
		return 0;
	if (str_strip_prefix(&path, STR("unix:path="))) {
		str_cut(path, ',', &path, &rest);
		if (str_copy_to(path, text, sizeof(text)) == 0 &&
		    dbus_open(text, true, TIMEOUT_MS, ret, NULL) == 0)
			return 0;
	}
	if (dir && snprintf(text, sizeof(text), "%s/bus", dir) < (int)sizeof(text) &&
	    dbus_open(text, true, TIMEOUT_MS, ret, NULL) == 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "--systemd-cgroup: no systemd user instance answers (XDG_RUNTIME_DIR, "
		       "DBUS_SESSION_BUS_ADDRESS)");
}

static int open_system(struct dbus *ret, struct err *err)
{
	struct err inner = { 0 };

	if (access("/run/systemd/system", F_OK) < 0)
		return err_set(
			err, ERR_UNSUPPORTED,
			"systemd not running on this host, cannot use systemd cgroups manager");
	if (dbus_open("/run/systemd/private", false, TIMEOUT_MS, ret, &inner) == 0 ||
	    dbus_open("/run/dbus/system_bus_socket", true, TIMEOUT_MS, ret, &inner) == 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "--systemd-cgroup: systemd does not answer: %.300s",
		       inner.msg);
}

static void note_signal(struct session *s, const struct dbus_message *message)
{
	struct dbus_reader r = { .bytes = message->body };
	struct str job, unit, result;
	struct job *to;

	if (!str_eq_c(message->member, "JobRemoved") || !s->unit || s->removed_count == JOBS_MAX)
		return;
	(void)dbus_get_u32(&r); /* the job's number: its path tells the same */
	job = dbus_get_string(&r);
	unit = dbus_get_string(&r);
	result = dbus_get_string(&r);
	if (r.failed || !str_eq_c(unit, s->unit))
		return;
	to = &s->removed[s->removed_count];
	if (str_copy_to(job, to->path, sizeof(to->path)) == 0 &&
	    str_copy_to(result, to->result, sizeof(to->result)) == 0)
		s->removed_count++;
}

/* The answer is valid until the next call. */
static int call(struct session *s, const char *destination, const struct dbus_call *what,
		struct dbus_message *ret, struct err *err)
{
	struct dbus_reader r;
	struct str text;
	uint32_t serial;

	s->error[0] = '\0';
	if (dbus_send(&s->bus, destination, what, &serial, err) < 0)
		return -1;
	for (;;) {
		if (dbus_next(&s->bus, ret, err) < 0)
			return err_wrap(err, "systemd: %s", what->member);
		if (ret->type == DBUS_SIGNAL)
			note_signal(s, ret);
		else if (ret->reply_to == serial)
			break;
	}
	if (ret->type == DBUS_RETURN)
		return 0;
	r = (struct dbus_reader){ .bytes = ret->body };
	text = str_has_prefix(ret->signature, STR("s")) ? dbus_get_string(&r) : ret->error;
	if (str_copy_to(ret->error, s->error, sizeof(s->error)) < 0)
		s->error[0] = '\0';
	return err_set(err, ERR_INTERNAL, "systemd: %s: " STR_FMT, what->member,
		       STR_ARG(str_slice(text, 0, 300)));
}

static int manager_call(struct session *s, const char *member, const char *signature,
			const struct buf *body, struct dbus_message *ret, struct err *err)
{
	struct dbus_call what = { MANAGER_PATH, MANAGER, member, signature,
				  body ? buf_str(body) : STR_NONE };

	if (body && buf_check(body, member, err) < 0)
		return -1;
	return call(s, DESTINATION, &what, ret, err);
}

static int session_open(bool is_user, const char *unit, struct session *ret, struct err *err)
{
	struct dbus_message message;
	AUTO_BUF body = { 0 };

	*ret = (struct session){ .bus = { .fd = -1 }, .unit = unit };
	if ((is_user ? open_user(&ret->bus, err) : open_system(&ret->bus, err)) < 0)
		return -1;
	if (!ret->bus.is_bus)
		return 0;
	buf_init(&body, 1024);
	dbus_put_string(&body, STR("type='signal',interface='" MANAGER "',member='JobRemoved'"));
	if (call(ret, "org.freedesktop.DBus",
		 &(struct dbus_call){ "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch",
				      "s", buf_str(&body) },
		 &message, err) < 0)
		return -1;
	return manager_call(ret, "Subscribe", "", NULL, &message, err);
}

static int get_property(struct session *s, const char *path, const char *interface,
			const char *name, struct str *ret, struct err *err)
{
	struct dbus_message message;
	struct dbus_reader r;
	AUTO_BUF body = { 0 };

	buf_init(&body, 1024);
	dbus_put_string(&body, str_from(interface));
	dbus_put_string(&body, str_from(name));
	if (call(s, DESTINATION,
		 &(struct dbus_call){ path, PROPERTIES, "Get", "ss", buf_str(&body) }, &message,
		 err) < 0)
		return -1;
	r = (struct dbus_reader){ .bytes = message.body };
	if (!str_eq_c(dbus_get_signature(&r), "s"))
		r.failed = true;
	*ret = dbus_get_string(&r);
	return r.failed ? err_set(err, ERR_INTERNAL, "systemd: %s is not a string", name) : 0;
}

/* "252.39-1~deb12u1", "v255"; 0 when it cannot be told: nothing but old properties then. */
static int get_version(struct session *s, unsigned *ret, struct err *err)
{
	struct str text;

	if (get_property(s, MANAGER_PATH, MANAGER, "Version", &text, err) < 0)
		return -1;
	str_strip_prefix(&text, STR("v"));
	*ret = 0;
	for (size_t i = 0; i < text.len && i < 6 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		*ret = *ret * 10 + (unsigned)(text.ptr[i] - '0');
	return 0;
}

/* The object's path: what is not a letter or a digit becomes _xx. */
static void unit_path(const char *unit, struct buf *to)
{
	buf_put_c(to, MANAGER_PATH "/unit/");
	for (const char *c = unit; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9' && c > unit);

		if (plain)
			buf_put_char(to, *c);
		else
			buf_printf(to, "_%02x", (unsigned char)*c);
	}
}

static int wait_job(struct session *s, struct str job, struct err *err)
{
	struct dbus_message message;
	char path[sizeof(s->removed[0].path)];

	if (str_copy_to(job, path, sizeof(path)) < 0)
		return err_set(err, ERR_INTERNAL, "systemd: a job without a path");
	for (;;) {
		for (size_t i = 0; i < s->removed_count; i++) {
			if (strcmp(s->removed[i].path, path) != 0)
				continue;
			if (strcmp(s->removed[i].result, "done") == 0)
				return 0;
			return err_set(err, ERR_INTERNAL, "systemd: unit %s: job ended with \"%s\"",
				       s->unit, s->removed[i].result);
		}
		if (dbus_next(&s->bus, &message, err) < 0)
			return err_wrap(err, "wait for unit %s", s->unit);
		if (message.type == DBUS_SIGNAL)
			note_signal(s, &message);
	}
}

static int reset_failed(struct session *s, struct err *err)
{
	struct dbus_message message;
	AUTO_BUF body = { 0 };

	buf_init(&body, 1024);
	dbus_put_string(&body, str_from(s->unit));
	return manager_call(s, "ResetFailedUnit", "s", &body, &message, err);
}

static int start_unit(struct session *s, const struct systemd_plan *plan, struct err *err)
{
	struct dbus_message message;
	struct dbus_reader r;
	AUTO_BUF body = { 0 };
	int failed;

	buf_init(&body, DBUS_MESSAGE_MAX / 2);
	dbus_put_string(&body, str_from(s->unit));
	dbus_put_string(&body, STR("replace"));
	systemd_plan_write(plan, &body);
	dbus_put_u32(&body, 0);	  /* no auxiliary units … */
	dbus_put_align(&body, 8); /* … but their alignment */
	failed = manager_call(s, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, &message, err);
	/* one that failed earlier is in the way; one that runs is somebody else's */
	if (failed < 0 && strcmp(s->error, DESTINATION ".UnitExists") == 0 &&
	    reset_failed(s, NULL) == 0)
		failed = manager_call(s, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, &message,
				      err);
	if (failed < 0)
		return -1;
	r = (struct dbus_reader){ .bytes = message.body };
	return wait_job(s, dbus_get_string(&r), err);
}

int systemd_check(bool is_user, struct err *err)
{
	AUTO_DBUS bus = { .fd = -1 };

	return is_user ? open_user(&bus, err) : open_system(&bus, err);
}

static int plan_unit(const struct systemd_start *start, const struct systemd_scope *scope,
		     const struct container *c, struct arena *arena, struct systemd_plan *to,
		     struct err *err)
{
	static const char *const switches[] = { "Delegate", "MemoryAccounting", "CPUAccounting",
						"TasksAccounting" };

	if (systemd_plan_text(to, arena, "Description",
			      str_printf_in(arena, "cube container %s", c->id).ptr, err) < 0 ||
	    systemd_plan_text(to, arena, "Slice", scope->slice, err) < 0 ||
	    systemd_plan_text(to, arena, "CollectMode", "inactive-or-failed", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(switches); i++) {
		if (systemd_plan_number(to, arena, switches[i], "b", 1) < 0)
			return -1;
	}
	if (systemd_plan_number(to, arena, c->cgroup.is_v2 ? "IOAccounting" : "BlockIOAccounting",
				"b", 1) < 0 ||
	    systemd_plan_number(to, arena, "DefaultDependencies", "b", 0) < 0 ||
	    systemd_plan_number(to, arena, "PIDs", "au", (uint64_t)start->pid) < 0)
		return -1;
	return 0;
}

int systemd_start(const struct systemd_start *start, struct container *c, struct arena *arena,
		  const char **ret_path, struct err *err)
{
	struct systemd_plan plan = { .count = 0 };
	struct systemd_scope scope;
	struct str path;
	unsigned version;
	AUTO_BUF object = { 0 };
	AUTO_SESSION s = { .bus = { .fd = -1 } };

	buf_init(&object, 4096);
	if (systemd_plan_scope(start->cgroups_path, c->id, start->is_user, arena, &scope, err) <
		    0 ||
	    plan_unit(start, &scope, c, arena, &plan, err) < 0 ||
	    session_open(start->is_user, scope.unit, &s, err) < 0 ||
	    get_version(&s, &version, err) < 0)
		return -1;
	if (systemd_plan_resources(start->plan, version, arena, &plan, err) < 0 ||
	    systemd_plan_devices(start->plan->devices, start->plan->device_count, arena, &plan,
				 err) < 0 ||
	    systemd_plan_annotations(&c->annotations, arena, &plan, err) < 0)
		return -1;
	if (symlinkat(str_printf_in(arena, "%s:%s", start->is_user ? "user" : "system", scope.unit)
			      .ptr,
		      c->dir_fd, SYSTEMD_LINK) < 0)
		return err_os(err, "note the unit's name");
	if (start_unit(&s, &plan, err) < 0) {
		/* it is not ours: destroying the container must leave it alone */
		if (strcmp(s.error, DESTINATION ".UnitExists") == 0 &&
		    unlinkat(c->dir_fd, SYSTEMD_LINK, 0) < 0)
			log_warn("runtime", "remove the note of unit %s: %m", scope.unit);
		return -1;
	}
	unit_path(scope.unit, &object);
	if (get_property(&s, object.ptr, DESTINATION ".Scope", "ControlGroup", &path, err) < 0)
		return -1;
	if (path.len < 2 || path.len >= CGROUP_PATH_MAX)
		return err_set(err, ERR_INTERNAL, "systemd: unit %s has no cgroup", scope.unit);
	*ret_path = str_c_in(arena, path);
	return 0;
}

/* False when the container has none. */
static bool read_unit(const struct container *c, char text[UNIT_TEXT_MAX], bool *ret_is_user,
		      const char **ret_unit)
{
	ssize_t len = readlinkat(c->dir_fd, SYSTEMD_LINK, text, UNIT_TEXT_MAX - 1);
	char *colon;

	if (len <= 0)
		return false;
	text[len] = '\0';
	colon = strchr(text, ':');
	if (!colon)
		return false;
	*ret_is_user = strncmp(text, "user:", 5) == 0;
	*ret_unit = colon + 1;
	return true;
}

int systemd_update(const struct container *c, const struct cgroup_plan *cgroup_plan,
		   struct arena *arena, struct err *err)
{
	struct systemd_plan plan = { .count = 0 };
	struct dbus_message message;
	char text[UNIT_TEXT_MAX];
	const char *unit;
	unsigned version;
	bool is_user;
	AUTO_BUF body = { 0 };
	AUTO_SESSION s = { .bus = { .fd = -1 } };

	buf_init(&body, DBUS_MESSAGE_MAX / 2);
	if (!read_unit(c, text, &is_user, &unit))
		return 0;
	if (session_open(is_user, unit, &s, err) < 0 || get_version(&s, &version, err) < 0 ||
	    systemd_plan_resources(cgroup_plan, version, arena, &plan, err) < 0)
		return -1;
	if (plan.count == 0)
		return 0;
	dbus_put_string(&body, str_from(unit));
	dbus_put_u32(&body, 1); /* until it ends */
	systemd_plan_write(&plan, &body);
	return manager_call(&s, "SetUnitProperties", "sba(sv)", &body, &message, err);
}

int systemd_stop(const struct container *c, struct err *err)
{
	struct dbus_message message;
	struct dbus_reader r;
	char text[UNIT_TEXT_MAX];
	struct err inner = { 0 };
	const char *unit;
	bool is_user;
	AUTO_BUF body = { 0 };
	AUTO_SESSION s = { .bus = { .fd = -1 } };

	buf_init(&body, 1024);
	if (!read_unit(c, text, &is_user, &unit))
		return 0;
	if (session_open(is_user, unit, &s, err) < 0)
		return -1;
	dbus_put_string(&body, str_from(unit));
	dbus_put_string(&body, STR("replace"));
	if (manager_call(&s, "StopUnit", "ss", &body, &message, &inner) == 0) {
		r = (struct dbus_reader){ .bytes = message.body };
		if (wait_job(&s, dbus_get_string(&r), err) < 0)
			return -1;
	} else if (strcmp(s.error, DESTINATION ".NoSuchUnit") != 0) {
		return err_set(err, inner.code, "%.470s", inner.msg);
	}
	if (reset_failed(&s, &inner) < 0)
		log_debug("runtime", "%s", inner.msg); /* it was collected, as it should be */
	return 0;
}
