/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registries, archives and users say about images: the first byte picks the decoder. What is taken must be taken
 * again when written out.
 */
#include <stdint.h>
#include "base/assert.h"
#include "image/auth.h"
#include "image/image.h"
#include "image/reference.h"
#include "oci/image_config.h"
#include "oci/image_manifest.h"

static void fuzz_reference(struct str text, struct arena *arena)
{
	struct reference r, again;

	if (reference_parse(text, arena, &r, NULL) < 0)
		return;
	ASSERT(reference_parse(r.full, arena, &again, NULL) == 0);
	ASSERT(str_eq(again.full, r.full) && str_eq(again.familiar, r.familiar));
	ASSERT(reference_parse(r.familiar, arena, &again, NULL) == 0 && str_eq(again.full, r.full));
}

static void fuzz_manifest(struct str text, struct arena *arena)
{
	struct oci_manifest m, again;
	struct oci_platform platform;
	AUTO_BUF out = { 0 };

	if (oci_manifest_decode(text, arena, &m, NULL) < 0)
		return;
	if (m.is_index) {
		ASSERT(oci_platform_parse(STR("linux/amd64"), &platform, NULL) == 0);
		const struct oci_descriptor *d = oci_index_choose(&m, &platform);

		ASSERT(!d || oci_digest_is_valid(d->digest));
		return;
	}
	buf_init(&out, 64u << 20);
	ASSERT(oci_manifest_encode(&m, &out, NULL) == 0);
	ASSERT(oci_manifest_decode(buf_str(&out), arena, &again, NULL) == 0 && again.item_count == m.item_count);
}

static void fuzz_config(struct str text, struct arena *arena)
{
	struct oci_image_config c, again;
	AUTO_BUF out = { 0 };

	if (oci_image_config_decode(text, arena, &c, NULL) < 0)
		return;
	buf_init(&out, 64u << 20);
	ASSERT(oci_image_config_encode(&c, &out, NULL) == 0);
	ASSERT(oci_image_config_decode(buf_str(&out), arena, &again, NULL) == 0);
	ASSERT(again.env.count == c.env.count && str_eq(again.user, c.user));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_ARENA arena = { 0 };
	struct auth_challenge challenge;
	struct oci_archive archive;
	struct oci_platform platform;
	struct image_auth auth;
	struct str text;

	if (size == 0)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	text = str_sub((const char *)bytes + 1, size - 1);
	switch (bytes[0]) {
	case 'r':
		fuzz_reference(text, &arena);
		break;
	case 'm':
		fuzz_manifest(text, &arena);
		break;
	case 'c':
		fuzz_config(text, &arena);
		break;
	case 'a':
		if (auth_challenge_parse(text, &arena, &challenge, NULL) == 0)
			ASSERT(challenge.realm.len <= text.len);
		break;
	case 'd':
		if (image_auth_find(text, STR("reg.example/x"), &arena, &auth))
			ASSERT(auth.username.len <= text.len);
		break;
	case 'l':
		if (oci_archive_decode(text, &arena, &archive, NULL) == 0 && archive.image_count)
			ASSERT(archive.images[0].config.len);
		break;
	case 'p':
		if (text.len && oci_platform_parse(text, &platform, NULL) == 0)
			ASSERT(platform.os.len && platform.architecture.len);
		break;
	}
	return 0;
}
