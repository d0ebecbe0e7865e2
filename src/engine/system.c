/* SPDX-License-Identifier: Apache-2.0 */
/* /_ping, /version and /info. */
#include <sys/utsname.h>

#include "codec/json.h"
#include "engine/engine_internal.h"
#include "image/image.h"

void system_ping(struct engine_request *request)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Api-Version"), STR(ENGINE_API_VERSION)),
		HTTP_HEADER(STR("Docker-Experimental"), STR("false")),
		HTTP_HEADER(STR("Ostype"), STR("linux")),
		HTTP_HEADER(STR("Cache-Control"), STR("no-cache, no-store, must-revalidate")),
		HTTP_HEADER(STR("Content-Type"), STR("text/plain; charset=utf-8")),
	};
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece = HTTP_BYTES(STR("OK"));

	http_respond(request->x, 200, &headers, &piece, 1);
}

static struct str architecture(const struct utsname *host)
{
	if (str_eq(str_from(host->machine), STR("x86_64")))
		return STR("amd64");
	if (str_eq(str_from(host->machine), STR("aarch64")))
		return STR("arm64");
	return str_from(host->machine);
}

void system_version(struct engine_request *request)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *component, *details;
	struct str version = str_from(request->engine->version);
	struct utsname host = { 0 };

	(void)uname(&host); /* cannot fail with a valid address */
	json_set_str(doc, json_set_object(doc, root, "Platform"), "Name", STR("cube"));
	component = json_append_object(doc, json_set_array(doc, root, "Components"));
	json_set_str(doc, component, "Name", STR("Engine"));
	json_set_str(doc, component, "Version", version);
	details = json_set_object(doc, component, "Details");
	json_set_str(doc, details, "ApiVersion", STR(ENGINE_API_VERSION));
	json_set_str(doc, details, "MinAPIVersion", STR(ENGINE_API_VERSION_MIN));
	json_set_str(doc, details, "Os", STR("linux"));
	json_set_str(doc, details, "Arch", architecture(&host));
	json_set_str(doc, details, "KernelVersion", str_from(host.release));
	json_set_str(doc, root, "Version", version);
	json_set_str(doc, root, "ApiVersion", STR(ENGINE_API_VERSION));
	json_set_str(doc, root, "MinAPIVersion", STR(ENGINE_API_VERSION_MIN));
	json_set_str(doc, root, "Os", STR("linux"));
	json_set_str(doc, root, "Arch", architecture(&host));
	json_set_str(doc, root, "KernelVersion", str_from(host.release));
	answer_json(request->x, 200, doc);
}

void system_information(struct engine_request *request)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct utsname host = { 0 };
	struct image_usage usage;

	(void)uname(&host); /* cannot fail with a valid address */
	image_store_usage(request->engine->images, &usage);
	json_set_int(doc, root, "Images", (int64_t)usage.image_count);
	json_set_str(doc, root, "Driver", STR("overlay2"));
	json_set_str(doc, root, "OSType", STR("linux"));
	json_set_str(doc, root, "Architecture", str_from(host.machine));
	json_set_str(doc, root, "KernelVersion", str_from(host.release));
	json_set_str(doc, root, "Name", str_from(host.nodename));
	json_set_str(doc, root, "ServerVersion", str_from(request->engine->version));
	answer_json(request->x, 200, doc);
}
