/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a container: argv, environment, capabilities, limits. What surrounds it is config_linux.c. */
#include "container/config.h"

#include <signal.h>
#include "base/num.h"
#include "container/config_internal.h"
#include "linux/capability.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct str_list join_lists(struct str_list a, struct str_list b, struct arena *arena)
{
	struct str *items = arena_array(arena, a.count + b.count + 1, sizeof(*items));

	for (size_t i = 0; i < a.count; i++)
		items[i] = a.items[i];
	for (size_t i = 0; i < b.count; i++)
		items[a.count + i] = b.items[i];
	return (struct str_list){ items, a.count + b.count };
}

int config_args(const struct container_spec *spec, const struct oci_image_config *image, struct arena *arena,
		struct str_list *ret, struct err *err)
{
	static const struct str_list none = { 0 };
	bool replaced = spec->entrypoint.count || spec->clear_entrypoint;
	struct str_list entrypoint = replaced ? spec->entrypoint : image ? image->entrypoint : none;
	struct str_list cmd = spec->args.count ? spec->args : replaced || !image ? none : image->cmd;
	struct str_list all = join_lists(entrypoint, cmd, arena);

	if (all.count == 0 || all.items[0].len == 0)
		return err_set(err, ERR_BAD_REQUEST, "no command specified");
	for (size_t i = 0; i < all.count; i++) {
		if (all.items[i].len && memchr(all.items[i].ptr, 0, all.items[i].len))
			return err_set(err, ERR_BAD_REQUEST, "argument %zu holds a NUL", i);
	}
	*ret = all;
	return 0;
}

static struct str env_name(struct str entry)
{
	struct str name, value;

	str_cut(entry, '=', &name, &value);
	return name;
}

struct env_list {
	struct str *items;
	size_t count;
};

static void env_set(struct env_list *env, struct str entry)
{
	struct str name = env_name(entry);

	if (name.len == 0 || str_find_char(entry, '=', 0) == SIZE_MAX || memchr(entry.ptr, 0, entry.len))
		return;
	for (size_t i = 0; i < env->count; i++) {
		if (str_eq(env_name(env->items[i]), name)) {
			env->items[i] = entry;
			return;
		}
	}
	env->items[env->count++] = entry;
}

static void env_set_default(struct env_list *env, struct str entry)
{
	for (size_t i = 0; i < env->count; i++) {
		if (str_eq(env_name(env->items[i]), env_name(entry)))
			return;
	}
	env_set(env, entry);
}

struct str_list config_env(const struct config_input *in, struct arena *arena)
{
	struct str_list image = in->image ? in->image->env : (struct str_list){ 0 };
	struct env_list env = { arena_array(arena, image.count + in->spec->env.count + 4, sizeof(struct str)), 0 };

	env_set(&env, STR(PATH_DEFAULT));
	env_set(&env, str_printf_in(arena, "HOSTNAME=" STR_FMT, STR_ARG(in->hostname)));
	if (in->spec->terminal)
		env_set(&env, STR("TERM=xterm"));
	for (size_t i = 0; i < image.count; i++)
		env_set(&env, image.items[i]);
	for (size_t i = 0; i < in->spec->env.count; i++)
		env_set(&env, in->spec->env.items[i]);
	env_set_default(&env, str_printf_in(arena, "HOME=" STR_FMT, STR_ARG(in->user->home)));
	return (struct str_list){ env.items, env.count };
}

/* Docker's fourteen. */
static const char *const default_capabilities[] = {
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
	"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
};
/* All that can be given: the rest would be refused, on machines that keep some from their root. */
static uint64_t all_capabilities(void)
{
	return capability_effective() & ((UINT64_C(1) << CAPABILITY_COUNT) - 1);
}

static int change_capabilities(struct str_list names, bool add, uint64_t *set, struct err *err)
{
	for (size_t i = 0; i < names.count; i++) {
		char name[64];
		int number;

		if (str_eq_nocase(names.items[i], STR("ALL"))) {
			*set = add ? all_capabilities() : 0;
			continue;
		}
		number = str_copy_to(names.items[i], name, sizeof(name)) == 0 ? capability_number(name) : -1;
		if (number < 0)
			return err_set(err, ERR_BAD_REQUEST, "invalid capability: unknown capability: \"" STR_FMT "\"",
				       STR_ARG(str_slice(names.items[i], 0, 100)));
		if (add)
			*set |= UINT64_C(1) << number;
		else
			*set &= ~(UINT64_C(1) << number);
	}
	return 0;
}

static bool names_all(struct str_list names)
{
	for (size_t i = 0; i < names.count; i++) {
		if (str_eq_nocase(names.items[i], STR("ALL")))
			return true;
	}
	return false;
}

int config_capabilities(const struct container_spec *spec, uint64_t *ret, struct err *err)
{
	uint64_t set = 0;

	if (spec->privileged) {
		*ret = all_capabilities();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(default_capabilities); i++)
		set |= UINT64_C(1) << capability_number(default_capabilities[i]);
	/* "drop ALL, add X" is X alone; "add ALL, drop X" is all but X. */
	if (names_all(spec->cap_drop)) {
		set = 0;
		if (change_capabilities(spec->cap_add, true, &set, err) < 0)
			return -1;
	} else if (change_capabilities(spec->cap_add, true, &set, err) < 0 ||
		   change_capabilities(spec->cap_drop, false, &set, err) < 0) {
		return -1;
	}
	*ret = set;
	return 0;
}

int config_signal(struct str name, int *ret, struct err *err)
{
	static const struct { const char *name; int number; } signals[] = {
		{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL }, { "TRAP", SIGTRAP },
		{ "ABRT", SIGABRT }, { "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL }, { "USR1", SIGUSR1 },
		{ "SEGV", SIGSEGV }, { "USR2", SIGUSR2 }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
		{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
		{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG }, { "XCPU", SIGXCPU },
		{ "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
		{ "IO", SIGIO }, { "PWR", SIGPWR }, { "SYS", SIGSYS },
	};
	struct str rest = name;
	uint64_t number;

	if (num_parse_u64(name, 64, "signal", &number, NULL) == 0 && number > 0) {
		*ret = (int)number;
		return 0;
	}
	if (rest.len > 3 && str_eq_nocase(str_slice(rest, 0, 3), STR("SIG")))
		rest = str_slice(rest, 3, rest.len);
	for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
		if (str_eq_nocase(rest, str_from(signals[i].name))) {
			*ret = signals[i].number;
			return 0;
		}
	}
	if (rest.len > 6 && str_eq_nocase(str_slice(rest, 0, 6), STR("RTMIN+")) &&
	    num_parse_u64(str_slice(rest, 6, rest.len), 30, "signal", &number, NULL) == 0) {
		*ret = 34 + (int)number;
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, "invalid signal: " STR_FMT, STR_ARG(str_slice(name, 0, 100)));
}

static void put_capabilities(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, uint64_t set)
{
	yyjson_mut_val *list = json_set_array(doc, to, key);

	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		if (set & UINT64_C(1) << i)
			json_append_str(doc, list, str_from(capability_name(i)));
	}
}

static void config_put_list(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key,
			    struct str_list list)
{
	yyjson_mut_val *array = json_set_array(doc, to, key);

	for (size_t i = 0; i < list.count; i++)
		json_append_str(doc, array, list.items[i]);
}

static void put_user(const struct container_user *user, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *groups;

	json_set_int(doc, to, "uid", user->uid);
	json_set_int(doc, to, "gid", user->gid);
	groups = json_set_array(doc, to, "additionalGids");
	for (size_t i = 0; i < user->group_count; i++)
		yyjson_mut_arr_add_uint(doc, groups, user->groups[i]);
}

static void put_rlimits(const struct container_spec *spec, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *list;

	if (spec->rlimit_count == 0)
		return;
	list = json_set_array(doc, to, "rlimits");
	for (size_t i = 0; i < spec->rlimit_count; i++) {
		yyjson_mut_val *item = json_append_object(doc, list);

		json_set_str(doc, item, "type", spec->rlimits[i].name);
		json_set(doc, item, "soft", yyjson_mut_uint(doc, spec->rlimits[i].soft));
		json_set(doc, item, "hard", yyjson_mut_uint(doc, spec->rlimits[i].hard));
	}
}

void config_process(const struct config_exec *exec, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *caps, *size;

	json_set_bool(doc, to, "terminal", exec->terminal);
	if (exec->terminal && exec->rows && exec->columns) {
		size = json_set_object(doc, to, "consoleSize");
		json_set_int(doc, size, "height", exec->rows);
		json_set_int(doc, size, "width", exec->columns);
	}
	put_user(exec->user, doc, json_set_object(doc, to, "user"));
	config_put_list(doc, to, "args", exec->argv);
	config_put_list(doc, to, "env", exec->env);
	json_set_str(doc, to, "cwd", exec->working_dir.len ? exec->working_dir : STR("/"));
	caps = json_set_object(doc, to, "capabilities");
	put_capabilities(doc, caps, "bounding", exec->capabilities);
	put_capabilities(doc, caps, "effective", exec->capabilities);
	put_capabilities(doc, caps, "permitted", exec->capabilities);
	put_rlimits(exec->spec, doc, to);
	json_set_bool(doc, to, "noNewPrivileges", exec->no_new_privileges);
	if (exec->spec->has_oom_score_adj)
		json_set_int(doc, to, "oomScoreAdj", exec->spec->oom_score_adj);
}
