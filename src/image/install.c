/* SPDX-License-Identifier: Apache-2.0 */
/* From a manifest in the content store to unpacked layers. Pull and import share it. On worker threads. */
#include "image/limits.h"
#include "image/store_internal.h"
#include "oci/image_manifest.h"

int install_read(struct image_store *s, struct install *in, struct err *err)
{
	AUTO_BUF text = { 0 };
	struct oci_manifest manifest;
	struct oci_image_config config;
	struct str *blobs, *chains, below = STR_NONE;

	buf_init(&text, OCI_IMAGE_CONFIG_BYTES_MAX);
	if (content_read(&s->content, in->manifest, OCI_MANIFEST_BYTES_MAX, &text, err) < 0 ||
	    oci_manifest_decode(buf_str(&text), in->arena, &manifest, err) < 0)
		return -1;
	if (manifest.is_index)
		return err_set(err, ERR_PARSE, "manifest expected, found an index");
	buf_reset(&text);
	if (content_read(&s->content, manifest.config.digest, OCI_IMAGE_CONFIG_BYTES_MAX, &text, err) < 0 ||
	    oci_image_config_decode(buf_str(&text), in->arena, &config, err) < 0)
		return -1;
	if (config.diff_ids.count != manifest.item_count)
		return err_set(err, ERR_PARSE, "mismatched image rootfs and manifest layers: %zu and %zu",
			       config.diff_ids.count, manifest.item_count);
	if (manifest.item_count > IMAGE_LAYERS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image has more than %u layers", IMAGE_LAYERS_MAX);
	blobs = arena_array(in->arena, manifest.item_count + 1, sizeof(*blobs));
	chains = arena_array(in->arena, manifest.item_count + 1, sizeof(*chains));
	in->sizes = arena_array(in->arena, manifest.item_count + 1, sizeof(*in->sizes));
	for (size_t i = 0; i < manifest.item_count; i++) {
		char chain[IMAGE_DIGEST_BYTES];

		layers_chain(below, config.diff_ids.items[i], chain);
		below = chains[i] = str_in(in->arena, str_from(chain));
		blobs[i] = manifest.items[i].digest;
		in->sizes[i] = manifest.items[i].size_bytes;
	}
	in->diff_ids = config.diff_ids;
	in->blobs = (struct str_list){ blobs, manifest.item_count };
	in->chains = chains;
	in->config = manifest.config.digest;
	return 0;
}

int install_layer(struct image_store *s, const struct install *in, size_t index, const atomic_bool *cancel,
		  struct err *err)
{
	struct layers_install install = {
		.content = &s->content,
		.blob = in->blobs.items[index],
		.diff_id = in->diff_ids.items[index],
		.chains = in->chains,
		.chain_count = index + 1,
		.cancel = cancel,
	};

	if (layers_install(&s->layers, &install, err) < 0)
		return err_wrap(err, "failed to extract layer " STR_FMT, STR_ARG(install.diff_id));
	return 0;
}
