/* SPDX-License-Identifier: Apache-2.0 */
/* passwd(5) and group(5) of an image, over its layers' folders. Lines that make no sense are passed
 * over, as getpwent does. */
#include "container/user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"

#define FIELDS_MAX 7

/* The topmost layer that has the file decides; a whiteout or an opaque /etc ends the search. */
static void read_layered(const struct user_lookup *lookup, const char *path, struct buf *ret)
{
	buf_init(ret, USER_FILE_BYTES_MAX);
	for (size_t i = 0; i < lookup->root_count; i++) {
		AUTO_FD fd = fd_open_beneath(lookup->root_fds[i], path, O_PATH, 0, NULL);
		AUTO_FD etc = -1;
		struct stat st;
		char opaque;

		if (fd >= 0 && fstat(fd, &st) == 0) {
			/* a damaged or oversized file counts as empty: lookups then fail with their
			 * own message */
			if (!S_ISREG(st.st_mode) ||
			    fd_read_file(lookup->root_fds[i], path, USER_FILE_BYTES_MAX, ret,
					 NULL) < 0)
				buf_reset(ret);
			return;
		}
		etc = fd_open_beneath(lookup->root_fds[i], "etc", O_RDONLY | O_DIRECTORY, 0, NULL);
		if (etc >= 0 && fgetxattr(etc, "trusted.overlay.opaque", &opaque, 1) == 1 &&
		    opaque == 'y')
			return;
	}
}

static size_t split(struct str line, struct str *fields)
{
	size_t count = 0;

	while (count < FIELDS_MAX && str_next_part(&line, ':', &fields[count]))
		count++;
	return count;
}

static bool parse_id(struct str text, uint32_t *ret)
{
	uint64_t id;

	if (num_parse_u64(text, UINT32_MAX - 1, "id", &id, NULL) < 0)
		return false;
	*ret = (uint32_t)id;
	return true;
}

struct passwd_line {
	struct str name, home;
	uint32_t uid, gid;
};

/* By name or by number. */
static bool find_passwd(struct str file, struct str name, bool by_id, uint32_t id,
			struct passwd_line *ret)
{
	struct str line, f[FIELDS_MAX];

	while (str_next_part(&file, '\n', &line)) {
		struct passwd_line p = { 0 };

		if (split(line, f) < 6 || !parse_id(f[2], &p.uid) || !parse_id(f[3], &p.gid))
			continue;
		if (by_id ? p.uid != id : !str_eq(f[0], name))
			continue;
		p.name = f[0];
		p.home = f[5];
		*ret = p;
		return true;
	}
	return false;
}

static bool find_group(struct str file, struct str name, uint32_t *ret)
{
	struct str line, f[FIELDS_MAX];

	while (str_next_part(&file, '\n', &line)) {
		if (split(line, f) >= 3 && str_eq(f[0], name) && parse_id(f[2], ret))
			return true;
	}
	return false;
}

struct groups {
	struct arena *arena;
	uint32_t *list;
	size_t count, cap;
};

static void add_group(struct groups *g, uint32_t gid)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->list[i] == gid)
			return;
	}
	if (g->count == g->cap) {
		uint32_t *list = arena_array(g->arena, g->cap * 2 + 16, sizeof(*list));

		if (g->count)
			memcpy(list, g->list, g->count * sizeof(*list));
		g->list = list;
		g->cap = g->cap * 2 + 16;
	}
	if (g->count < USER_GROUPS_MAX)
		g->list[g->count++] = gid;
}

static void add_member_groups(struct groups *g, struct str file, struct str name)
{
	struct str line, f[FIELDS_MAX], member;

	while (name.len && str_next_part(&file, '\n', &line)) {
		uint32_t gid;

		if (split(line, f) < 4 || !parse_id(f[2], &gid))
			continue;
		while (str_next_part(&f[3], ',', &member)) {
			if (str_eq(member, name))
				add_group(g, gid);
		}
	}
}

static int find_ids(const struct user_lookup *lookup, struct str passwd, struct str group,
		    struct container_user *u, struct str *ret_name, struct err *err)
{
	const struct container_spec *spec = lookup->spec;
	struct passwd_line line = { 0 };
	struct str user, group_name;
	bool with_group = str_cut(lookup->user, ':', &user, &group_name);
	bool found, numeric;

	if (spec && spec->has_uid) {
		u->uid = spec->uid;
		numeric = true;
		with_group = false;
	} else {
		numeric = user.len == 0 || parse_id(user, &u->uid);
	}
	/* A number may be a name, too: names win, as in runc. */
	found = user.len && !(spec && spec->has_uid) && find_passwd(passwd, user, false, 0, &line);
	if (!found && numeric)
		found = find_passwd(passwd, STR_NONE, true, u->uid, &line);
	if (!found && !numeric)
		return err_set(err, ERR_BAD_REQUEST,
			       "unable to find user " STR_FMT
			       ": no matching entries in passwd file",
			       STR_ARG(str_slice(user, 0, 100)));
	if (found) {
		u->uid = line.uid;
		u->gid = line.gid;
		u->home = line.home;
		*ret_name = line.name;
	}
	if (with_group && group_name.len && !find_group(group, group_name, &u->gid) &&
	    !parse_id(group_name, &u->gid))
		return err_set(err, ERR_BAD_REQUEST,
			       "unable to find group " STR_FMT
			       ": no matching entries in group file",
			       STR_ARG(str_slice(group_name, 0, 100)));
	if (spec && spec->has_gid)
		u->gid = spec->gid;
	return 0;
}

int user_find(const struct user_lookup *lookup, struct arena *arena, struct container_user *ret,
	      struct err *err)
{
	AUTO_BUF passwd = { 0 };
	AUTO_BUF group = { 0 };
	const struct container_spec *spec = lookup->spec;
	struct container_user u = { 0 };
	struct groups groups = { .arena = arena };
	struct str name = STR_NONE;
	bool explicit_group = str_find_char(lookup->user, ':', 0) != SIZE_MAX &&
			      !(spec && spec->has_uid);

	read_layered(lookup, "etc/passwd", &passwd);
	read_layered(lookup, "etc/group", &group);
	if (find_ids(lookup, buf_str(&passwd), buf_str(&group), &u, &name, err) < 0)
		return -1;
	if (!explicit_group && !(spec && spec->only_listed_groups))
		add_member_groups(&groups, buf_str(&group), name);
	for (size_t i = 0; spec && i < spec->supplemental_group_count; i++)
		add_group(&groups, spec->supplemental_groups[i]);
	u.groups = groups.list;
	u.group_count = groups.count;
	u.home = u.home.len ? str_in(arena, u.home) : STR("/");
	*ret = u;
	return 0;
}
