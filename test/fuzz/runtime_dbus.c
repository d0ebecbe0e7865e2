/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from systemd's socket: messages, and the strings in their bodies. */
#include <stdint.h>
#include "base/assert.h"
#include "runtime/dbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str rest = str_sub((const char *)bytes, len);
	struct dbus_message message;
	struct dbus_reader r;
	struct err err = { 0 };
	size_t used = 1;

	while (used > 0 && dbus_decode(rest, &message, &used, &err) == 0) {
		ASSERT(used <= rest.len);
		if (used == 0)
			break;
		r = (struct dbus_reader){ .bytes = message.body };
		while (!r.failed) {
			struct str text = dbus_get_u32(&r) & 1 ? dbus_get_signature(&r) : dbus_get_string(&r);

			ASSERT(text.len <= message.body.len && r.at <= message.body.len);
		}
		rest = str_slice(rest, used, rest.len);
	}
	return 0;
}
