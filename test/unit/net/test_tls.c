/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made, read, verified; what the server learns of its clients; signatures. */
#include "net_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/time.h"
#include "net/limits.h"
#include "net/openssl.h"
#include "net/tls_policy.h"

struct seen {
	bool asked, has_identity, verified;
	char common_name[64], groups[128], message[128], text[ADDRESS_TEXT_BYTES];
	int attachments_freed, requests;
	uint64_t generation;
};

static void free_attachment(void *attachment)
{
	((struct seen *)attachment)->attachments_freed++;
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct seen *s = arg;
	const struct tls_identity *id = x->peer->identity;

	s->requests++;
	s->asked = true;
	s->generation = x->peer->tls_generation;
	s->has_identity = id != NULL;
	if (!x->peer->attachment) {
		x->peer->attachment = s;
		x->peer->attachment_free = free_attachment;
	}
	if (id) {
		s->verified = id->verified;
		snprintf(s->message, sizeof(s->message), "%s", id->verify_message);
		assert_int_equal(str_copy_to(id->common_name, s->common_name, sizeof(s->common_name)), 0);
		assert_int_equal(str_copy_to(str_join_in(&x->arena, id->organizations,
							 id->organization_count, STR(",")),
					     s->groups, sizeof(s->groups)),
				 0);
	}
	http_respond_bytes(x, 200, STR("text/plain"), STR("ok"));
}

static const struct http_handlers handlers = { .on_request = on_request };

static void on_end(void *arg, struct http_call *call, const struct err *err)
{
	*(bool *)arg = true;
	if (err)
		fail_msg("%s", err->msg);
}

static const struct http_call_events events = { .on_end = on_end };

static void ask_as(struct fixture *f, const struct x509_pair *pair)
{
	struct tls_client_options options = { .ca_pem = f->ca.certificate_pem };
	struct tls_client *tls;
	struct http_client *client;
	struct err err;
	bool ended = false;

	if (pair) {
		options.certificate_pem = pair->certificate_pem;
		options.key_pem = pair->key_pem;
	}
	if (tls_client_new(&options, &tls, &err) < 0)
		fail_msg("%s", err.msg);
	client = http_client_new(&(struct http_client_options){ .env = f->env, .tls = tls });
	for (int i = 0; i < 2; i++) { /* the second one on the kept connection */
		ended = false;
		(void)http_client_start(client, &(struct http_request){ .url = str_from(f->url) }, &events, &ended);
		fixture_run_until(f, &ended);
	}
	http_client_free(client);
	tls_client_free(tls);
	fixture_run_for(f, 5);
}

/* Breaks if a client's certificate is misread, or one that nobody signed is taken for good. */
static void test_clients(void **state)
{
	struct fixture f;
	struct seen s = { 0 };
	struct x509_pair old, server_kind;
	struct x509_spec spec = { .common_name = STR("late"), .usage = X509_USAGE_CLIENT };

	fixture_open(&f, &handlers, &s, true, NULL);
	ask_as(&f, NULL);
	assert_true(s.asked);
	assert_false(s.has_identity);
	ask_as(&f, &f.client_pair);
	assert_true(s.has_identity && s.verified);
	assert_string_equal(s.common_name, "alice");
	assert_string_equal(s.groups, "system:masters,devs");
	assert_int_equal(s.attachments_freed, 2); /* one for each connection */
	ask_as(&f, &f.stranger_pair);
	assert_true(s.has_identity);
	assert_false(s.verified);
	spec.not_before_ns = env_wall_ns(f.env) - 7200 * TIME_NS_PER_SECOND;
	spec.not_after_ns = env_wall_ns(f.env) - 3600 * TIME_NS_PER_SECOND;
	fixture_make_pair(&f, &spec, &f.ca, &old);
	ask_as(&f, &old);
	assert_false(s.verified);
	assert_string_equal(s.message, "certificate has expired");
	spec = (struct x509_spec){ .common_name = STR("server"), .usage = X509_USAGE_SERVER };
	fixture_make_pair(&f, &spec, &f.ca, &server_kind);
	ask_as(&f, &server_kind);
	assert_false(s.verified); /* not made for clients */
	fixture_close(&f);
}

/* Breaks if new certificates need a restart, or a bad reload loses the old ones. */
static void test_reload(void **state)
{
	struct fixture f;
	struct seen s = { 0 };
	struct tls_server_options options;
	struct err err;
	uint64_t before;

	fixture_open(&f, &handlers, &s, true, NULL);
	before = tls_server_generation(f.tls);
	options = (struct tls_server_options){ .certificate_pem = f.server_pair.certificate_pem,
					       .key_pem = f.client_pair.key_pem };
	assert_int_equal(tls_server_reload(f.tls, &options, &err), -1);
	assert_int_equal(tls_server_generation(f.tls), before);
	options.key_pem = f.server_pair.key_pem;
	options.client_ca_pem = f.other_ca.certificate_pem;
	assert_int_equal(tls_server_reload(f.tls, &options, &err), 0);
	ask_as(&f, &f.stranger_pair);
	assert_true(s.verified); /* its authority is trusted now */
	assert_int_equal(s.generation, before + 1);
	options.client_ca_pem = STR("not PEM");
	assert_int_equal(tls_server_reload(f.tls, &options, &err), -1);
	assert_non_null(strstr(err.msg, "CA bundle holds no certificate"));
	fixture_close(&f);
}

/* Breaks if a client that does not shake hands keeps its connection, or is served. */
static void test_handshakes(void **state)
{
	static const struct http_server_limits limits = { .header_timeout_ms = 40 };
	static const char *const texts[] = { "", "\x16\x03\x01\x02", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct fixture f;
		struct seen s = { 0 };
		struct raw raw;

		fixture_open(&f, &handlers, &s, true, &limits);
		raw_open(&raw, &f);
		raw_send(&raw, texts[i], strlen(texts[i]));
		raw_wait_eof(&raw);
		assert_int_equal(s.requests, 0);
		raw_close(&raw);
		fixture_close(&f);
	}
}

/* Breaks if halves of handshakes pile up beyond their limit, keep others out for long, are ended although nobody had to
 * wait for them long, or count once they are over. */
static void test_half_handshakes(void **state)
{
	static const struct http_server_limits limits = { .handshake_max = 2, .handshake_patience_ms = 100 };
	static const char half[] = "\x16\x03\x01\x02";
	struct fixture f;
	struct seen s = { 0 };
	struct raw halves[3], silent;

	fixture_open(&f, &handlers, &s, true, &limits);
	raw_open(&silent, &f);
	for (size_t i = 0; i < ARRAY_COUNT(halves); i++) {
		raw_open(&halves[i], &f);
		raw_send(&halves[i], half, sizeof(half) - 1);
		fixture_run_for(&f, 5);
		assert_false(halves[0].eof); /* the third waits */
	}
	raw_wait_eof(&halves[0]); /* the oldest */
	assert_false(halves[1].eof || halves[2].eof);
	assert_int_equal(http_server_connection_count(f.server), 3);
	ask_as(&f, NULL);
	assert_int_equal(s.requests, 2);
	assert_true(halves[1].eof);
	for (int i = 0; i < 3; i++)
		ask_as(&f, NULL); /* what was finished takes no place: the last half stays */
	assert_false(halves[2].eof || silent.eof);
	for (size_t i = 0; i < ARRAY_COUNT(halves); i++)
		raw_close(&halves[i]);
	raw_close(&silent);
	fixture_close(&f);
}

/* Breaks if a certificate does not say what was asked for. */
static void test_make(void **state)
{
	struct fixture f;
	struct seen s = { 0 };
	struct tls_identity *id;
	struct err err;
	struct str bad_ip = STR("300.1.1.1");
	struct x509_spec spec = { .common_name = STR("x"), .usage = X509_USAGE_SERVER, .ip_names = &bad_ip,
				  .ip_name_count = 1, .serial_bytes = STR("12345678"), .not_after_ns = 1000000000000 };
	struct x509_pair pair;

	fixture_open(&f, &handlers, &s, true, NULL);
	assert_int_equal(tls_identity_decode(f.server_pair.certificate_pem, &id, &err), 0);
	assert_true(str_eq_c(id->common_name, "server"));
	assert_int_equal(id->dns_name_count, 2);
	assert_true(str_eq_c(id->dns_names[1], "kubernetes.default"));
	assert_int_equal(id->ip_name_count, 2);
	assert_true(str_eq_c(id->ip_names[0], "127.0.0.1"));
	assert_true(str_eq_c(id->ip_names[1], "::1"));
	assert_true(id->not_after_ns > env_wall_ns(f.env));
	tls_identity_free(id);
	assert_int_equal(x509_check_pair(&f.server_pair, &err), 0);
	pair = (struct x509_pair){ f.server_pair.certificate_pem, f.client_pair.key_pem };
	assert_int_equal(x509_check_pair(&pair, &err), -1);
	assert_int_equal(x509_make(&spec, &f.ca, &f.arena, &pair, &err), -1);
	assert_string_equal(err.msg, "'300.1.1.1' is not an IP address");
	spec.ip_name_count = 0;
	spec.common_name = STR("12345678901234567890123456789012345678901234567890123456789012345");
	assert_int_equal(x509_make(&spec, &f.ca, &f.arena, &pair, &err), -1);
	spec.common_name = str_slice(spec.common_name, 0, 64);
	assert_int_equal(x509_make(&spec, &f.ca, &f.arena, &pair, &err), 0);
	spec.serial_bytes = STR("1234567");
	assert_int_equal(x509_make(&spec, &f.ca, &f.arena, &pair, &err), -1);
	assert_int_equal(tls_identity_decode(STR("-----BEGIN CERTIFICATE-----\nAAAA\n"), &id, &err), -1);
	assert_int_equal(tls_identity_decode(STR("\x30\x03garbage"), &id, &err), -1);
	fixture_close(&f);
}

/* As other programs write it: with what stands before a key of theirs, and for whom. */
static struct str as_text(struct arena *arena, EVP_PKEY *key, bool is_traditional, const char *before,
			  const char *passphrase)
{
	AUTO_BIO bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
	int len = passphrase ? (int)strlen(passphrase) : 0;
	const unsigned char *secret = (const unsigned char *)passphrase;
	char *bytes;
	long byte_count;

	BIO_puts(bio, before);
	if (is_traditional)
		assert_true(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, secret, len, NULL, NULL));
	else
		assert_true(PEM_write_bio_PrivateKey(bio, key, cipher, secret, len, NULL, NULL));
	byte_count = BIO_get_mem_data(bio, &bytes);
	return str_in(arena, str_sub(bytes, (size_t)byte_count));
}

/* Breaks if a key is not found in what other programs write, is taken for another one that was read before, or if an
 * encrypted one is asked about at the terminal instead of refused. */
static void test_read_keys(void **state)
{
	static const char parameters[] = "-----BEGIN EC PARAMETERS-----\n"
					 "BggqhkjOPQMBBw==\n"
					 "-----END EC PARAMETERS-----\n";
	static const struct {
		bool is_rsa, is_traditional;
		const char *before, *passphrase;
	} rows[] = {
		{ false, false, "" }, { true, false, "" }, { false, true, "" }, { true, true, "" },
		{ false, true, parameters }, { false, false, "a remark\n" }, { false, false, "", "secret" },
		{ false, true, "", "secret" }, { true, true, "", "secret" },
	};
	struct arena arena;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
		size_t row = i % ARRAY_COUNT(rows);
		AUTO_KEY key = rows[row].is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
		struct str text = as_text(&arena, key, rows[row].is_traditional, rows[row].before,
					  rows[row].passphrase);
		AUTO_KEY read = openssl_read_key(text);
		AUTO_KEY broken = openssl_read_key(str_slice(text, 0, text.len / 2));

		assert_null(broken);
		if (rows[row].passphrase)
			assert_null(read);
		else
			assert_int_equal(EVP_PKEY_eq(key, read), 1);
		ERR_clear_error();
	}
	assert_null(openssl_read_key(STR_NONE));
	ERR_clear_error();
	arena_deinit(&arena);
}

/* Breaks if a private key is readable by others. */
static void test_write(void **state)
{
	struct fixture f;
	struct seen s = { 0 };
	char folder[] = "/tmp/cube-test-tls-XXXXXX", certificate[64], key[64];
	struct stat st;
	struct err err;

	fixture_open(&f, &handlers, &s, true, NULL);
	assert_non_null(mkdtemp(folder));
	snprintf(certificate, sizeof(certificate), "%s/a.crt", folder);
	snprintf(key, sizeof(key), "%s/a.key", folder);
	assert_int_equal(x509_write_pair(&f.client_pair, certificate, key, &err), 0);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(certificate, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(fd_remove_tree(AT_FDCWD, folder, &err), 0);
	fixture_close(&f);
}

/* Breaks if a token's signature is accepted for other text, by another key, or as another kind. */
static void test_signatures(void **state)
{
	static const enum x509_key_type types[] = { X509_KEY_P256, X509_KEY_RSA2048 };
	AUTO_ARENA arena = { 0 };
	struct str private_pem, public_pem, other_private, other_public;
	struct x509_jws jws, broken;
	struct err err;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		assert_int_equal(x509_make_key(types[i], &arena, &private_pem, &public_pem, &err), 0);
		assert_int_equal(x509_make_key(types[i], &arena, &other_private, &other_public, &err), 0);
		assert_int_equal(x509_sign(private_pem, STR("head.payload"), &arena, &jws, &err), 0);
		assert_int_equal(jws.kind, types[i] == X509_KEY_P256 ? X509_ES256 : X509_RS256);
		assert_int_equal(jws.signature.len, types[i] == X509_KEY_P256 ? 64 : 256);
		assert_int_equal(x509_verify(public_pem, &jws, STR("head.payload"), &err), 0);
		assert_int_equal(x509_verify(private_pem, &jws, STR("head.payload"), &err), 0);
		assert_int_equal(x509_verify(public_pem, &jws, STR("head.payloae"), &err), -1);
		assert_int_equal(err.code, ERR_UNAUTHORIZED);
		assert_int_equal(x509_verify(other_public, &jws, STR("head.payload"), &err), -1);
		broken = jws;
		broken.kind = jws.kind == X509_ES256 ? X509_RS256 : X509_ES256;
		assert_int_equal(x509_verify(public_pem, &broken, STR("head.payload"), &err), -1);
		broken = jws;
		broken.signature.len--;
		assert_int_equal(x509_verify(public_pem, &broken, STR("head.payload"), &err), -1);
	}
}

/* --- which certificate --- */

/* The common name that the server shows to who asks for name (NULL: for nothing) on a connection
 * to the loopback address. */
static void expect_shown(struct fixture *f, const char *name, const char *want)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	BIO *client_side, *server_side;
	struct sockaddr_in loopback = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char shown[64] = "";
	SSL *client, *server;

	assert_int_equal(bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)), 0);
	server = tls_server_session(f->tls, fd);
	client = SSL_new(context);
	if (name)
		assert_int_equal(SSL_set_tlsext_host_name(client, name), 1);
	SSL_set_connect_state(client);
	assert_int_equal(BIO_new_bio_pair(&client_side, 0, &server_side, 0), 1);
	SSL_set_bio(client, client_side, client_side);
	SSL_set_bio(server, server_side, server_side);
	for (int i = 0; i < 10 && !SSL_is_init_finished(client); i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(client));
	(void)X509_NAME_get_text_by_NID(
		X509_get_subject_name(SSL_get0_peer_certificate(client)), NID_commonName, shown,
		sizeof(shown));
	if (strcmp(shown, want))
		fail_msg("%s: %s, not %s", name ? name : "no name", shown, want);
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(context);
	close(fd);
}

static void make_named(struct fixture *f, const char *common_name, const struct str *dns_names, size_t count,
		       struct tls_named_pair *ret)
{
	static const struct str loopback = STR_INIT("127.0.0.1");
	struct x509_spec spec = { .common_name = str_from(common_name), .usage = X509_USAGE_SERVER,
				  .dns_names = dns_names, .dns_name_count = count,
				  .ip_names = &loopback, .ip_name_count = 1 };
	struct x509_pair pair;

	fixture_make_pair(f, &spec, &f->ca, &pair);
	*ret = (struct tls_named_pair){ .certificate_pem = pair.certificate_pem, .key_pem = pair.key_pem };
}

/* Breaks if a client gets another certificate than the one for the name it asks for. */
static void test_named(void **state)
{
	static const struct str own[] = { STR_INIT("*.own.example"), STR_INIT("given.example") };
	static const struct str given[] = { STR_INIT("given.example"), STR_INIT("*.given.example"),
					    STR_INIT("whole.own.example") };
	static const struct str address[] = { STR_INIT("127.0.0.1") };
	static const struct { const char *name, *want; } cases[] = {
		{ "given.example", "first" }, { "GIVEN.example", "first" }, { "a.given.example", "first" },
		{ "a.b.given.example", "server" }, { "a.own.example", "own.cn" }, { "own.cn", "own.cn" },
		{ "whole.own.example", "first" }, { "other.example", "server" }, { NULL, "address" },
	};
	struct tls_named_pair named[4];
	struct tls_server_options options;
	struct seen seen = { 0 };
	struct fixture f;
	struct err err;

	fixture_open(&f, &handlers, &seen, true, NULL);
	expect_shown(&f, "given.example", "server");
	make_named(&f, "own.cn", own, 2, &named[0]);
	make_named(&f, "first", NULL, 0, &named[1]);
	named[1].names = (struct str_list){ given, 3 };
	make_named(&f, "second", NULL, 0, &named[2]);
	named[2].names = (struct str_list){ given, 3 };
	make_named(&f, "address", NULL, 0, &named[3]);
	named[3].names = (struct str_list){ address, 1 };
	options = (struct tls_server_options){ .certificate_pem = f.server_pair.certificate_pem,
					       .key_pem = f.server_pair.key_pem,
					       .client_ca_pem = f.ca.certificate_pem,
					       .named = named, .named_count = 4 };
	if (tls_server_reload(f.tls, &options, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		expect_shown(&f, cases[i].name, cases[i].want);
	ask_as(&f, &f.client_pair); /* who the client is does not depend on it */
	assert_true(seen.verified);
	named[2].key_pem = f.client_pair.key_pem;
	assert_int_equal(tls_server_reload(f.tls, &options, &err), -1);
	expect_shown(&f, "given.example", "first");
	options.named_count = 0;
	assert_int_equal(tls_server_reload(f.tls, &options, &err), 0);
	expect_shown(&f, "given.example", "server");
	fixture_close(&f);
}

static void test_names_max(void **state)
{
	static struct str names[TLS_SERVER_NAMES_MAX + 1];
	struct tls_named_pair named;
	struct tls_server_options options;
	struct seen seen = { 0 };
	struct fixture f;
	struct err err;

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		names[i] = STR("a.example");
	fixture_open(&f, &handlers, &seen, true, NULL);
	make_named(&f, "first", NULL, 0, &named);
	named.names = (struct str_list){ names, TLS_SERVER_NAMES_MAX };
	options = (struct tls_server_options){ .certificate_pem = f.server_pair.certificate_pem,
					       .key_pem = f.server_pair.key_pem,
					       .named = &named, .named_count = 1 };
	assert_int_equal(tls_server_reload(f.tls, &options, &err), 0);
	named.names.count++;
	assert_int_equal(tls_server_reload(f.tls, &options, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	fixture_close(&f);
}

/* --- versions and suites --- */

struct shake { /* in memory: who is asked, by whom */
	struct fixture *f;
	int client_version_max;
	const char *client_suites; /* NULL: OpenSSL's default */
};

/* The suite that both agree on, or "" */
static const char *shake_hands(const struct shake *s)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client, *server = tls_server_session(s->f->tls, -1);
	BIO *client_side, *server_side;
	const char *suite = "";

	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, s->client_version_max);
	if (s->client_suites)
		assert_int_equal(SSL_CTX_set_cipher_list(context, s->client_suites), 1);
	client = SSL_new(context);
	SSL_set_connect_state(client);
	assert_int_equal(BIO_new_bio_pair(&client_side, 0, &server_side, 0), 1);
	SSL_set_bio(client, client_side, client_side);
	SSL_set_bio(server, server_side, server_side);
	for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
		suite = SSL_get_cipher_name(client); /* constant text */
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(context);
	return suite;
}

static void take_policy(struct fixture *f, struct str_list names, const char *version, struct tls_policy *ret)
{
	struct tls_server_options options = { .certificate_pem = f->server_pair.certificate_pem,
					      .key_pem = f->server_pair.key_pem, .policy = ret };
	struct err err;

	if (tls_policy_decode(names, str_from(version), &f->arena, ret, &err) < 0 ||
	    tls_server_reload(f->tls, &options, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Breaks if a version or suite is taken that was not chosen, or one refused that was. */
static void test_policy(void **state)
{
	static struct str two[] = { STR_INIT("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
				    STR_INIT("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256") };
	static struct str weak[] = { STR_INIT("TLS_RSA_WITH_RC4_128_SHA"),
				     STR_INIT("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") };
	struct str_list none = { 0 };
	struct tls_policy policy;
	struct fixture f;
	struct seen seen = { 0 };
	struct shake any = { &f, 0, NULL }, old = { &f, TLS1_2_VERSION, NULL }, oldest = { &f, TLS1_VERSION, NULL };
	struct shake cbc = { &f, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA" };

	fixture_open(&f, &handlers, &seen, true, NULL);
	assert_string_equal(shake_hands(&any), "TLS_AES_128_GCM_SHA256");
	assert_string_equal(shake_hands(&cbc), ""); /* without a policy: what HTTP/2 may have */
	take_policy(&f, none, "", &policy);
	assert_string_equal(shake_hands(&any), "TLS_AES_128_GCM_SHA256");
	assert_string_equal(shake_hands(&old), "ECDHE-ECDSA-AES128-GCM-SHA256");
	assert_string_equal(shake_hands(&cbc), "ECDHE-ECDSA-AES128-SHA");
	assert_string_equal(shake_hands(&oldest), "");
	take_policy(&f, (struct str_list){ two, 2 }, "VersionTLS12", &policy);
	assert_string_equal(shake_hands(&any), "TLS_AES_128_GCM_SHA256"); /* of 1.3 all are taken, as in Go */
	assert_string_equal(shake_hands(&old), "ECDHE-ECDSA-AES128-GCM-SHA256"); /* the better one */
	assert_string_equal(shake_hands(&cbc), "ECDHE-ECDSA-AES256-SHA");
	assert_int_equal(policy.insecure.count + policy.absent.count, 0);
	take_policy(&f, none, "VersionTLS13", &policy);
	assert_string_equal(shake_hands(&any), "TLS_AES_128_GCM_SHA256");
	assert_string_equal(shake_hands(&old), "");
	take_policy(&f, none, "VersionTLS10", &policy);
	assert_string_equal(shake_hands(&oldest), "ECDHE-ECDSA-AES128-SHA");
	take_policy(&f, (struct str_list){ weak, 2 }, "", &policy);
	assert_int_equal(policy.insecure.count, 1);
	assert_true(str_eq(policy.insecure.items[0], weak[0]));
	fixture_close(&f);
}

/* Breaks if what cannot work is not refused in upstream's words. */
static void test_policy_refusals(void **state)
{
	static const struct {
		struct str suite;
		const char *version, *message; /* NULL: fine */
	} rows[] = {
		{ STR_INIT("TLS_NOTHING"), "", "Cipher suite TLS_NOTHING not supported or doesn't exist" },
		{ STR_INIT(""), "", "Cipher suite  not supported or doesn't exist" },
		{ STR_INIT("TLS_AES_128_GCM_SHA256"), "VersionTLS14", "unknown tls version \"VersionTLS14\"" },
		{ STR_INIT("TLS_AES_128_GCM_SHA256"), "",
		  "error configuring http2: http2: TLSConfig.CipherSuites is missing an HTTP/2-required "
		  "AES_128_GCM_SHA256 cipher (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
		  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)" },
		{ STR_INIT("TLS_AES_128_GCM_SHA256"), "VersionTLS13", NULL },
	};
	AUTO_ARENA arena = { 0 };
	struct tls_policy policy;
	struct err err;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str suite = rows[i].suite;
		int outcome = tls_policy_decode((struct str_list){ &suite, 1 }, str_from(rows[i].version), &arena,
						&policy, &err);

		assert_int_equal(outcome, rows[i].message ? -1 : 0);
		if (rows[i].message)
			assert_string_equal(err.msg, rows[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients), cmocka_unit_test(test_reload), cmocka_unit_test(test_named),
		cmocka_unit_test(test_names_max), cmocka_unit_test(test_make),
		cmocka_unit_test(test_handshakes), cmocka_unit_test(test_half_handshakes),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_refusals), cmocka_unit_test(test_read_keys),
		cmocka_unit_test(test_write), cmocka_unit_test(test_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
