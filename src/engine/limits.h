/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the engine API. */
#ifndef CUBE_ENGINE_LIMITS_H
#define CUBE_ENGINE_LIMITS_H

#define ENGINE_NAME_BYTES_MAX 4096
#define ENGINE_UPLOAD_BUFFER_MAX \
	((size_t)1 << 20) /* of an upload, between the connection and the disk */
#define ENGINE_UPLOAD_BYTES_MAX ((int64_t)64 << 30) /* of one image archive */
#define ENGINE_JOBS_MAX 32 /* pulls and imports at once; one more is refused with 429 */

#endif
