/* SPDX-License-Identifier: Apache-2.0 */
/* File names as text. What a name resolves to is fd_open_beneath's matter. */
#include "base/path.h"

#define NAME_MAX_BYTES 255

struct str path_join(struct arena *arena, struct str dir, struct str name)
{
	char *joined;
	size_t len;

	while (dir.len > 1 && dir.ptr[dir.len - 1] == '/')
		dir.len--;
	while (dir.len && name.len && name.ptr[0] == '/')
		name = str_slice(name, 1, name.len);
	if (!dir.len)
		return str_in(arena, name);
	len = dir.len + (dir.ptr[dir.len - 1] != '/') + name.len;
	joined = arena_alloc(arena, len + 1);
	memcpy(joined, dir.ptr, dir.len);
	joined[dir.len] = '/';
	if (name.len)
		memcpy(joined + len - name.len, name.ptr, name.len);
	joined[len] = '\0';
	return (struct str){ joined, len };
}

static struct str without_trailing_slashes(struct str path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

struct str path_base(struct str path)
{
	size_t slash;

	path = without_trailing_slashes(path);
	if (str_eq_c(path, "/"))
		return path;
	slash = str_rfind_char(path, '/');
	return slash == SIZE_MAX ? path : str_slice(path, slash + 1, path.len);
}

struct str path_dir(struct str path)
{
	size_t slash;

	path = without_trailing_slashes(path);
	slash = str_rfind_char(path, '/');
	if (slash == SIZE_MAX)
		return STR(".");
	return slash == 0 ? STR("/") : without_trailing_slashes(str_slice(path, 0, slash));
}

struct str path_clean(struct arena *arena, struct str path)
{
	bool absolute = path_is_absolute(path);
	char *out = arena_alloc(arena, path.len + 3);
	size_t len = 0, floor_len; /* ".." never removes what is before floor_len */
	struct str rest = path.ptr ? path : STR(""), part;

	if (absolute)
		out[len++] = '/';
	floor_len = len;
	while (str_next_part(&rest, '/', &part)) {
		if (!part.len || str_eq_c(part, "."))
			continue;
		if (str_eq_c(part, "..")) {
			if (len > floor_len) {
				while (len > floor_len && out[len - 1] != '/')
					len--;
				if (len > floor_len)
					len--;
				continue;
			}
			if (absolute)
				continue;
		}
		if (len && out[len - 1] != '/')
			out[len++] = '/';
		memcpy(out + len, part.ptr, part.len);
		len += part.len;
		if (str_eq_c(part, ".."))
			floor_len = len;
	}
	if (!len)
		out[len++] = '.';
	out[len] = '\0';
	return (struct str){ out, len };
}

bool path_is_absolute(struct str path)
{
	return path.len && path.ptr[0] == '/';
}

bool path_is_below(struct str path, struct str dir)
{
	if (!str_has_prefix(path, dir))
		return false;
	return path.len == dir.len || str_eq_c(dir, "/") || path.ptr[dir.len] == '/';
}

bool path_is_name(struct str name)
{
	return name.len && name.len <= NAME_MAX_BYTES && !str_eq_c(name, ".") && !str_eq_c(name, "..") &&
	       str_find_char(name, '/', 0) == SIZE_MAX && str_find_char(name, '\0', 0) == SIZE_MAX;
}
