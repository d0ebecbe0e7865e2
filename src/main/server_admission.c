/* SPDX-License-Identifier: Apache-2.0 */
/* What flags and --admission-control-config-file say to admission's plug-ins, read at the start. */
#include <fcntl.h>

#include "apiserver/admission_settings.h"
#include "apiserver/limits.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "codec/yaml.h"
#include "main/server.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

static struct str beside(struct server *s, struct str file, struct str path)
{
	size_t slash = str_rfind_char(file, '/');

	if (!path.len || str_has_prefix(path, STR("/")) || slash == SIZE_MAX)
		return path;
	return path_join(s->arena, str_slice(file, 0, slash), path);
}

static int read_tree(struct server *s, struct str path, yyjson_val **ret, struct err *err)
{
	AUTO_BUF text = { 0 };
	AUTO_JSON_MUT doc = NULL;

	buf_init(&text, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), FILE_BYTES_MAX, &text, err) < 0)
		return -1;
	doc = yaml_parse(buf_str(&text), FILE_BYTES_MAX, err);
	if (!doc)
		return err_wrap(err, STR_FMT, STR_ARG(path));
	server_keep(s, json_freeze(yyjson_mut_doc_get_root(doc)), ret);
	return 0;
}

static int read_plugin(struct server *s, struct str file, yyjson_val *from,
		       struct admission_settings *to, struct err *err)
{
	struct str name = json_get_str(from, "name"),
		   path = beside(s, file, json_get_str(from, "path"));
	yyjson_val *root = json_get(from, "configuration");

	if (yyjson_is_null(root))
		root = NULL;
	if (!root && path.len && read_tree(s, path, &root, err) < 0)
		return -1;
	return root ? admission_settings_read(name, root, s->arena, to, err) : 0;
}

static int read_credentials(struct server *s, struct str path,
			    const struct webhook_credentials **ret, struct err *err)
{
	struct webhook_credentials *c;

	if (!path.len)
		return 0;
	c = ARENA_NEW(s->arena, struct webhook_credentials);
	*ret = c;
	return webhook_credentials_read(path, s->arena, c, err) < 0
		       ? err_wrap(err, "kubeConfigFile")
		       : 0;
}

/* The files that the configurations name. */
static int read_named(struct server *s, struct str file, struct admission_settings *to,
		      struct err *err)
{
	struct review_hook_options *images;

	if (read_credentials(s, beside(s, file, to->mutating_webhooks_file), &to->mutating_webhooks,
			     err) < 0 ||
	    read_credentials(s, beside(s, file, to->validating_webhooks_file),
			     &to->validating_webhooks, err) < 0)
		return -1;
	if (!to->image_policy)
		return 0;
	images = ARENA_NEW(s->arena, struct review_hook_options);
	*images = *to->image_policy;
	to->image_policy = images;
	return kubeconfig_target_read(beside(s, file, to->image_policy_file), s->arena, images,
				      err) < 0
		       ? err_wrap(err, "imagePolicy.kubeConfigFile")
		       : 0;
}

int server_admission_settings(struct server *s, struct admission_settings *to, struct err *err)
{
	struct str file = s->opts->admission_config;
	yyjson_val *root, *plugins;
	size_t index = 0;

	*to = (struct admission_settings){ .not_ready_seconds = s->opts->not_ready_seconds,
					   .unreachable_seconds = s->opts->unreachable_seconds };
	if (!file.len)
		return 0;
	if (read_tree(s, file, &root, err) < 0 || admission_configuration_check(root, err) < 0)
		return err_wrap(err, "--admission-control-config-file");
	plugins = json_get(root, "plugins");
	JSON_EACH (item, plugins) {
		if (read_plugin(s, file, item, to, err) < 0)
			return err_wrap(err,
					"--admission-control-config-file: plugins[%zu] "
					"(" STR_FMT ")",
					index, STR_ARG(json_get_str(item, "name")));
		index++;
	}
	return read_named(s, file, to, err) < 0 ? err_wrap(err, "--admission-control-config-file")
						: 0;
}
