/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KMS v2 plug-in for system tests: test-kms-plugin SOCKET FILE. The file's first word is the id
 * of its key and the second what Status says of its health; both are read again for each call.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "../unit/apiserver/kms_plugin.h"
#include "base/fd.h"
#include "loop/loop.h"

#define FILE_BYTES_MAX 4096

struct program {
	struct kms_plugin plugin;
	const char *path;
	char key_id[1024], healthz[64];
};

static void read_again(struct kms_plugin *p)
{
	struct program *program = CONTAINER_OF(p, struct program, plugin);
	AUTO_BUF text = { 0 };
	struct err err;

	buf_init(&text, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, program->path, FILE_BYTES_MAX, &text, &err) < 0 ||
	    sscanf(text.ptr, "%1023s %63s", program->key_id, program->healthz) != 2) {
		fprintf(stderr, "test-kms-plugin: %s cannot be used\n", program->path);
		exit(1);
	}
}

static void on_signal(void *arg, int signo)
{
	(void)signo; /* one like the other */
	loop_stop(arg);
}

int main(int argc, char **argv)
{
	struct program p = { 0 };
	struct loop *loop = loop_new();
	struct err err;

	if (argc != 3) {
		fprintf(stderr, "usage: test-kms-plugin SOCKET FILE\n");
		return 2;
	}
	p.path = argv[2];
	p.plugin = (struct kms_plugin){
		.key_id = p.key_id, .healthz = p.healthz, .version = "v2", .before = read_again
	};
	if (kms_plugin_start(&p.plugin, loop_env(loop), argv[1], &err) < 0 ||
	    loop_on_signal(loop, SIGTERM, on_signal, loop, &err) < 0) {
		fprintf(stderr, "test-kms-plugin: %s\n", err.msg);
		return 1;
	}
	puts("ready");
	(void)fflush(stdout); /* who waits for it would notice */
	loop_run(loop);
	kms_plugin_stop(&p.plugin);
	loop_free(loop);
	return 0;
}
