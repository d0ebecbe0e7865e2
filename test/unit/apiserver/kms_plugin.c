/* SPDX-License-Identifier: Apache-2.0 */
/* What is encrypted is "<key id>:" and the bytes, each turned over. */
#include "kms_plugin.h"

#include "apiserver/kms_proto.h"
#include "base/buf.h"
#include "base/mem.h"

#define TURN 0x5a

static struct kms_plugin *plugin_of(struct grpc_stream *s)
{
	return s->service->owner;
}

static void reply(struct grpc_stream *s, const struct proto_message *type, const void *answer)
{
	AUTO_BUF frame = { 0 };
	size_t begin;

	buf_init(&frame, 1u << 20);
	begin = grpc_frame_begin(&frame);
	proto_encode(type, answer, &frame);
	grpc_frame_end(&frame, begin);
	for (int i = 0; i <= plugin_of(s)->repeats; i++)
		grpc_stream_send(s, buf_str(&frame));
	grpc_stream_finish(s, GRPC_OK, "%s", "");
}

static bool is_refused(struct grpc_stream *s, int *count)
{
	struct kms_plugin *p = plugin_of(s);

	if (p->before)
		p->before(p);
	(*count)++;
	if (p->refuses)
		grpc_stream_finish(s, GRPC_FAILED_PRECONDITION, "the plug-in refuses");
	return p->refuses;
}

static struct str turned(struct arena *arena, struct str from)
{
	char *to = arena_alloc(arena, from.len + 1);

	for (size_t i = 0; i < from.len; i++)
		to[i] = (char)(from.ptr[i] ^ TURN);
	return str_sub(to, from.len);
}

static void serve_status(struct grpc_stream *s, struct str message)
{
	struct kms_plugin *p = plugin_of(s);
	struct kms_status answer = { .version = str_from(p->version),
				     .healthz = str_from(p->healthz),
				     .key_id = str_from(p->key_id) };

	(void)message; /* nothing is in it */
	if (is_refused(s, &p->status_count))
		return;
	answer.key_id = str_from(p->key_id);
	answer.healthz = str_from(p->healthz);
	reply(s, &kms_status_message, &answer);
}

static void serve_encrypt(struct grpc_stream *s, struct str message)
{
	struct kms_plugin *p = plugin_of(s);
	struct kms_encrypt request;
	struct kms_annotation note = { STR("version.encryption.example.com"), STR("1") };
	struct kms_encrypted answer = { .annotations = &note, .annotations_count = 1 };
	struct str parts[2];

	if (is_refused(s, &p->encrypt_count))
		return;
	if (proto_decode(&kms_encrypt_message, message, s->arena, &request, NULL) < 0 ||
	    !request.uid.len) {
		grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "a bad request");
		return;
	}
	answer.key_id = str_from(p->encrypt_key_id ? p->encrypt_key_id : p->key_id);
	parts[0] = answer.key_id;
	parts[1] = turned(s->arena, request.plaintext);
	answer.ciphertext = str_join_in(s->arena, parts, 2, STR(":"));
	if (p->empty_annotations > 0) {
		answer.annotations = mem_calloc(p->empty_annotations, sizeof(*answer.annotations));
		answer.annotations_count = p->empty_annotations;
	}
	reply(s, &kms_encrypted_message, &answer);
	if (p->empty_annotations > 0)
		mem_free(answer.annotations);
}

static void serve_decrypt(struct grpc_stream *s, struct str message)
{
	struct kms_plugin *p = plugin_of(s);
	struct kms_decrypt request;
	struct kms_decrypted answer;
	struct str rest, id;

	if (is_refused(s, &p->decrypt_count))
		return;
	if (proto_decode(&kms_decrypt_message, message, s->arena, &request, NULL) < 0 ||
	    !request.uid.len || request.annotations_count != 1 ||
	    !str_eq_c(request.annotations[0].key, "version.encryption.example.com")) {
		grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "a bad request");
		return;
	}
	rest = request.ciphertext;
	if (!str_next_part(&rest, ':', &id) || !str_eq(id, request.key_id)) {
		grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "another key");
		return;
	}
	answer.plaintext = turned(s->arena, rest);
	reply(s, &kms_decrypted_message, &answer);
}

static const struct grpc_method methods[] = {
	{ .path = "/v2.KeyManagementService/Status", .is_unary = true, .message = serve_status },
	{ .path = "/v2.KeyManagementService/Encrypt", .is_unary = true, .message = serve_encrypt },
	{ .path = "/v2.KeyManagementService/Decrypt", .is_unary = true, .message = serve_decrypt },
	{ 0 },
};

int kms_plugin_start(struct kms_plugin *p, struct env *env, const char *socket, struct err *err)
{
	struct http_server_options options = { .env = env,
					       .handlers = grpc_http_handlers(),
					       .plain_http2 = true };
	struct address address;

	p->service = (struct grpc_service){ .methods = methods,
					    .owner = p,
					    .message_bytes_max = 1u << 20 };
	options.arg = &p->service;
	if (address_from_unix(str_from(socket), &address, err) < 0)
		return -1;
	p->http = http_server_new(&options);
	return http_server_listen(p->http, &address, 0600, NULL, err);
}

void kms_plugin_stop(struct kms_plugin *p)
{
	if (p->http)
		http_server_free(p->http);
	p->http = NULL;
}
