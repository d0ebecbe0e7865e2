/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and writing share: the wire, and where Go structs are embedded in each other. */
#ifndef CUBE_API_PROTOBUF_INTERNAL_H
#define CUBE_API_PROTOBUF_INTERNAL_H

#include "api/kind.h"

#include "base/buf.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* --- writing (protobuf_wire.c) --- */

size_t wire_varint_bytes(uint64_t value) PURE;
void wire_varint(struct buf *to, uint64_t value);
void wire_tag(struct buf *to, uint32_t number, enum wire wire);
void wire_number(struct buf *to, uint32_t number, int64_t value);
void wire_double(struct buf *to, uint32_t number, double value);
void wire_text(struct buf *to, uint32_t number, struct str text);
/* A message from here to wire_close, which gets what this returns. */
size_t wire_open(struct buf *to, uint32_t number);
void wire_close(struct buf *to, size_t start);

/* --- where fields stand --- */

#define EMBEDDED_MAX 3

/* Where in a type of JSON a message stands: the numbers of the embedded structs above it. */
struct place {
	struct schema_at at;
	uint32_t outer[EMBEDDED_MAX];
	unsigned outer_count;
};

/* The last of a field's numbers when it stands right here; 0 when it does not; with *ret_embedded
 * (0: none) the number of the embedded struct that leads to it. */
uint32_t protobuf_number_at(const struct place *place, uint16_t proto, uint32_t *ret_embedded);

/* As an envelope names it; DeleteOptions come under the version of what is deleted. */
const struct kind *protobuf_kind(struct str api_version, struct str name);

#define PROTOBUF_MAGIC str_sub("k8s\0", 4)

#endif
