/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, PEM or DER, keys and signatures as a stranger may send them. */
#include <stdint.h>
#include <stdlib.h>
#include "net/tls.h"
#include "net/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes);
	struct x509_jws jws = { X509_ES256, text };
	struct tls_identity *identity;
	struct x509_request request;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (x509_read_request(text, &arena, &request, NULL) == 0 && !request.organizations.items)
		abort();
	if (tls_identity_decode(text, &identity, NULL) == 0)
		tls_identity_free(identity);
	if (x509_verify(text, &jws, text, NULL) == 0)
		abort(); /* a text that signs itself with itself as the key */
	return 0;
}
