/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cube image …`: images of this machine, by way of the engine API on the server's socket. The same
 * things can be done with the docker client.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "cli/cmds.h"
#include "codec/json.h"
#include "net/http_client.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define READ_BYTES 262144

struct image_opts {
	struct str run_dir;
};

struct call {
	struct http_fetcher *fetcher;
	struct str socket;
	struct cmd_run *run;
};

static void call_open(struct call *call, struct cmd_run *run)
{
	struct image_opts *opts = run->opts;
	struct http_client_options options = { .user_agent = STR("cube") };

	call->run = run;
	call->socket = path_join(run->arena, opts->run_dir, STR("docker.sock"));
	call->fetcher = http_fetcher_new(&options);
}

static void call_close(struct call *call)
{
	if (call->fetcher)
		http_fetcher_free(call->fetcher);
	call->fetcher = NULL;
}
#define AUTO_CALL CLEANUP(call_close) struct call

static int print(struct str text, struct err *err)
{
	return fd_write_all(STDOUT_FILENO, text.ptr, text.len, err);
}

/* Prints what a progress stream says; remembers an error in it. */
static int print_stream(struct str body, struct err *err)
{
	struct str line;

	while (str_next_part(&body, '\n', &line)) {
		AUTO_JSON doc = json_parse(str_trim(line), ANSWER_BYTES_MAX, NULL);
		yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;

		if (json_get(root, "error"))
			return err_set(err, ERR_INTERNAL, STR_FMT,
				       STR_ARG(json_get_str(root, "error")));
		if (json_get(root, "stream") && print(json_get_str(root, "stream"), err) < 0)
			return -1;
	}
	return 0;
}

static int refused(const struct http_fetch_result *result, struct err *err)
{
	AUTO_JSON doc = json_parse(result->body, ANSWER_BYTES_MAX, NULL);
	struct str message = doc ? json_get_str(yyjson_doc_get_root(doc), "message") : STR_NONE;

	if (result->status < 400)
		return 0;
	if (message.len)
		return err_set(err, ERR_INTERNAL, STR_FMT, STR_ARG(message));
	return err_set(err, ERR_INTERNAL, "the server answered %d %s", result->status,
		       http_status_text(result->status));
}

static int ask(struct call *call, struct http_request *request, struct http_fetch_result *ret,
	       struct err *err)
{
	struct http_fetch_options options = { .arena = call->run->arena,
					      .body_bytes_max = ANSWER_BYTES_MAX };

	request->unix_path = call->socket;
	if (http_fetch(call->fetcher, request, &options, ret, err) < 0)
		return err_wrap(err, "is cube server running? " STR_FMT, STR_ARG(call->socket));
	return refused(ret, err);
}

/* --- load --- */

struct archive {
	int fd;
	int64_t left_bytes;
	struct blob *block; /* the last one handed out */
};

static int archive_fill(void *arg, struct http_piece *to, size_t max)
{
	struct archive *archive = arg;
	size_t want = (size_t)NUM_MIN(archive->left_bytes, (int64_t)READ_BYTES);

	blob_unref(archive->block); /* what is still being sent has a reference of its own */
	archive->block = NULL;
	if (want == 0 || max == 0)
		return 0;
	archive->block = blob_alloc(want);
	if (fd_read_exact(archive->fd, archive->block->bytes, want, NULL) < 0)
		return -1; /* it got shorter meanwhile */
	archive->left_bytes -= (int64_t)want;
	to[0] = HTTP_BLOB(archive->block);
	return 1;
}

static int load_one(struct call *call, struct str path, struct err *err)
{
	AUTO_FD fd = open(str_c_in(call->run->arena, path), O_RDONLY | O_CLOEXEC);
	struct archive archive = { 0 };
	struct http_source source = { .fill = archive_fill, .arg = &archive };
	struct http_request request = { .method = STR("POST"),
					.url = STR("http://cube/v1.47/images/load"),
					.source = &source };
	struct http_fetch_result result;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, "open " STR_FMT, STR_ARG(path));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, STR_FMT " is not a regular file", STR_ARG(path));
	archive.fd = fd;
	archive.left_bytes = source.length_bytes = st.st_size;
	r = ask(call, &request, &result, err);
	blob_unref(archive.block);
	if (r < 0)
		return err_wrap(err, "load " STR_FMT, STR_ARG(path));
	return print_stream(result.body, err);
}

static int load_run(struct cmd_run *run, struct err *err)
{
	AUTO_CALL call = { 0 };

	call_open(&call, run);
	for (size_t i = 0; i < run->arg_count; i++)
		if (load_one(&call, run->args[i], err) < 0)
			return 1;
	return 0;
}

/* --- ls --- */

static void put_size(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1000 && unit + 1 < ARRAY_COUNT(units); unit++)
		value /= 1000;
	buf_printf(out, "%.3g%s", value, units[unit]);
}

static void put_row(struct buf *out, yyjson_val *image, struct str name)
{
	struct str id = json_get_str(image, "Id"), repository = STR("<none>"), tag = STR("<none>");
	size_t colon = str_rfind_char(name, ':');

	if (name.len && colon != SIZE_MAX) {
		repository = str_slice(name, 0, colon);
		tag = str_slice(name, colon + 1, name.len);
	}
	(void)str_strip_prefix(&id, STR("sha256:")); /* shown without */
	buf_printf(out, "%-40.*s %-16.*s %-12.*s   ", STR_ARG(repository), STR_ARG(tag),
		   (int)NUM_MIN(id.len, (size_t)12), id.ptr);
	put_size(out, json_get_int(image, "Size", 0));
	buf_put_char(out, '\n');
}

static int ls_run(struct cmd_run *run, struct err *err)
{
	AUTO_CALL call = { 0 };
	struct http_request request = { .method = STR("GET"),
					.url = STR("http://cube/v1.47/images/json") };
	struct http_fetch_result result;
	AUTO_BUF out = { 0 };
	AUTO_JSON doc = NULL;

	call_open(&call, run);
	if (ask(&call, &request, &result, err) < 0)
		return 1;
	doc = json_parse(result.body, ANSWER_BYTES_MAX, err);
	if (!doc)
		return 1;
	buf_init(&out, ANSWER_BYTES_MAX);
	buf_printf(&out, "%-40s %-16s %-12s   %s\n", "REPOSITORY", "TAG", "IMAGE ID", "SIZE");
	JSON_EACH (image, yyjson_doc_get_root(doc)) {
		yyjson_val *names = json_get(image, "RepoTags");

		JSON_EACH (name, names)
			put_row(&out, image, json_str(name));
		if (yyjson_arr_size(names) == 0)
			put_row(&out, image, STR_NONE);
	}
	return print(buf_str(&out), err) < 0 ? 1 : 0;
}

/* --- rm and pull --- */

static struct str url_of(struct cmd_run *run, const char *before, struct str name)
{
	struct str url;
	AUTO_BUF text = { 0 };

	buf_init(&text, 65536);
	buf_put_c(&text, before);
	url_encode(&text, name);
	url = str_in(run->arena, buf_str(&text));
	return url;
}

static int rm_run(struct cmd_run *run, struct err *err)
{
	AUTO_CALL call = { 0 };

	call_open(&call, run);
	for (size_t i = 0; i < run->arg_count; i++) {
		struct http_request request = { .method = STR("DELETE"),
						.url = url_of(run, "http://cube/v1.47/images/",
							      run->args[i]) };
		struct http_fetch_result result;
		struct str line = str_printf_in(run->arena, "removed " STR_FMT "\n",
						STR_ARG(run->args[i]));

		if (ask(&call, &request, &result, err) < 0 || print(line, err) < 0)
			return 1;
	}
	return 0;
}

static int pull_run(struct cmd_run *run, struct err *err)
{
	AUTO_CALL call = { 0 };
	struct http_request request = {
		.method = STR("POST"),
		.url = url_of(run, "http://cube/v1.47/images/create?fromImage=", run->args[0])
	};
	struct http_fetch_result result;

	call_open(&call, run);
	if (ask(&call, &request, &result, err) < 0 || print_stream(result.body, err) < 0)
		return 1;
	return print(str_printf_in(run->arena, "pulled " STR_FMT "\n", STR_ARG(run->args[0])),
		     err) < 0
		       ? 1
		       : 0;
}

static const struct flag image_flags[] = {
	FLAG_STRING(0, "run-dir", struct image_opts, run_dir, "/run/cube",
		    "as given to cube server"),
	{ 0 },
};

#define IMAGE_CMD(path_, args_, min_, max_, summary_, run_)                               \
	{                                                                                 \
		.path = path_, .args = args_, .args_min = min_, .args_max = max_,         \
		.summary = summary_, .run = run_, .opts_size = sizeof(struct image_opts), \
		.flags = image_flags                                                      \
	}

const struct cmd cmd_image_load = IMAGE_CMD(
	"image load", "FILE...", 1, CMD_ARGS_MAX,
	"Load images from OCI, docker or root-file-system archives", load_run);
const struct cmd cmd_image_ls = IMAGE_CMD("image ls", "", 0, 0, "List images", ls_run);
const struct cmd cmd_image_rm = IMAGE_CMD("image rm", "IMAGE...", 1, CMD_ARGS_MAX, "Remove images",
					  rm_run);
const struct cmd cmd_image_pull = IMAGE_CMD("image pull", "IMAGE", 1, 1,
					    "Pull an image from its registry", pull_run);
