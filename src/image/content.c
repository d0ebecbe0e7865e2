/* SPDX-License-Identifier: Apache-2.0 */
/* The content store's files. A name is built only from checked hexadecimal digits, so no path can leave the folders. */
#include "image/content.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "oci/image_manifest.h"

void *digest_new(void)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	ASSERT(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1);
	return hash;
}

void digest_add(void *hash, struct str bytes)
{
	ASSERT(EVP_DigestUpdate(hash, bytes.ptr, bytes.len) == 1);
}

void digest_end(void *hash, char ret[IMAGE_DIGEST_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[32];

	ASSERT(EVP_DigestFinal_ex(hash, sum, NULL) == 1);
	EVP_MD_CTX_free(hash);
	memcpy(ret, "sha256:", 7);
	for (size_t i = 0; i < sizeof(sum); i++) {
		ret[7 + 2 * i] = digits[sum[i] >> 4];
		ret[8 + 2 * i] = digits[sum[i] & 15];
	}
	ret[IMAGE_DIGEST_BYTES - 1] = '\0';
}

void digest_free(void *hash)
{
	EVP_MD_CTX_free(hash);
}

void digest_of(struct str bytes, char ret[IMAGE_DIGEST_BYTES])
{
	void *hash = digest_new();

	digest_add(hash, bytes);
	digest_end(hash, ret);
}

int content_init(struct content *c, int dir_fd, const char *dir, struct err *err)
{
	AUTO_FD fd = -1;

	*c = (struct content){ .blobs_fd = -1, .ingest_fd = -1 };
	if (fd_make_dirs(dir_fd, dir, 0700, err) < 0)
		return -1;
	fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, "open %s", dir);
	if (fd_remove_tree(fd, "ingest", err) < 0 || fd_make_dirs(fd, "ingest", 0700, err) < 0 ||
	    fd_make_dirs(fd, "sha256", 0700, err) < 0)
		return err_wrap(err, "content store");
	c->blobs_fd = openat(fd, "sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->ingest_fd = openat(fd, "ingest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->blobs_fd < 0 || c->ingest_fd < 0)
		return err_os(err, "open %s", dir);
	return 0;
}

void content_deinit(struct content *c)
{
	fd_close(&c->blobs_fd);
	fd_close(&c->ingest_fd);
}

static int blob_name(struct str digest, char to[65], struct err *err)
{
	if (!oci_digest_is_valid(digest))
		return err_set(err, ERR_PARSE, "invalid digest \"" STR_FMT "\"", STR_ARG(str_slice(digest, 0, 100)));
	return str_copy_to(oci_digest_hex(digest), to, 65);
}

int64_t content_size(const struct content *c, struct str digest)
{
	char name[65];
	struct stat st;

	if (blob_name(digest, name, NULL) < 0 || fstatat(c->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return st.st_size;
}

bool content_has(const struct content *c, struct str digest)
{
	return content_size(c, digest) >= 0;
}

int content_open(const struct content *c, struct str digest, struct err *err)
{
	char name[65];
	int fd;

	if (blob_name(digest, name, err) < 0)
		return -1;
	fd = openat(c->blobs_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "content digest " STR_FMT ": not found", STR_ARG(digest));
	if (fd < 0)
		return err_os(err, "open content " STR_FMT, STR_ARG(digest));
	return fd;
}

int content_read(const struct content *c, struct str digest, size_t max_bytes, struct buf *ret, struct err *err)
{
	char name[65], have[IMAGE_DIGEST_BYTES];

	if (blob_name(digest, name, err) < 0)
		return -1;
	if (fd_read_file(c->blobs_fd, name, max_bytes, ret, err) < 0)
		return err_wrap(err, "content " STR_FMT, STR_ARG(digest));
	digest_of(buf_str(ret), have);
	if (!str_eq_c(digest, have))
		return err_set(err, ERR_INTERNAL, "content " STR_FMT " is damaged", STR_ARG(digest));
	return 0;
}

int content_remove(const struct content *c, struct str digest, struct err *err)
{
	char name[65];

	if (blob_name(digest, name, err) < 0)
		return -1;
	if (unlinkat(c->blobs_fd, name, 0) < 0 && errno != ENOENT)
		return err_os(err, "remove content " STR_FMT, STR_ARG(digest));
	return 0;
}

int content_begin(struct content *c, struct content_writer *w, struct err *err)
{
	*w = (struct content_writer){ .content = c, .fd = -1 };
	snprintf(w->name, sizeof(w->name), "%u", atomic_fetch_add(&c->next, 1));
	w->fd = openat(c->ingest_fd, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_os(err, "create content");
	w->hash = digest_new();
	return 0;
}

int content_write(struct content_writer *w, struct str bytes, struct err *err)
{
	if (fd_write_all(w->fd, bytes.ptr, bytes.len, err) < 0)
		return err_wrap(err, "write content");
	digest_add(w->hash, bytes);
	w->size_bytes += (int64_t)bytes.len;
	return 0;
}

int content_commit(struct content_writer *w, struct str want, int64_t size_bytes, char ret_digest[IMAGE_DIGEST_BYTES],
		   struct err *err)
{
	char digest[IMAGE_DIGEST_BYTES];

	if (size_bytes >= 0 && w->size_bytes != size_bytes)
		return err_set(err, ERR_PARSE, "unexpected commit size %lld, expected %lld", (long long)w->size_bytes,
			       (long long)size_bytes);
	digest_end(w->hash, digest);
	w->hash = NULL;
	if (want.len && !str_eq_c(want, digest))
		return err_set(err, ERR_PARSE, "unexpected commit digest %s, expected " STR_FMT, digest, STR_ARG(want));
	if (renameat(w->content->ingest_fd, w->name, w->content->blobs_fd, digest + 7) < 0)
		return err_os(err, "store content %s", digest);
	fd_close(&w->fd);
	if (ret_digest)
		memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

void content_abort(struct content_writer *w)
{
	if (w->hash)
		digest_free(w->hash);
	w->hash = NULL;
	if (w->fd < 0 || !w->content)
		return;
	fd_close(&w->fd);
	(void)unlinkat(w->content->ingest_fd, w->name, 0); /* what stays is removed at the next start */
}

int content_put(struct content *c, struct str bytes, char ret_digest[IMAGE_DIGEST_BYTES], struct err *err)
{
	AUTO_CONTENT w = { .fd = -1 };

	if (content_begin(c, &w, err) < 0 || content_write(&w, bytes, err) < 0)
		return -1;
	return content_commit(&w, STR_NONE, -1, ret_digest, err);
}
