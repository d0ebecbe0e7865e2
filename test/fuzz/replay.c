/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one fuzz target over every file of the folders and files named on the command line, as a unit test: what fuzzing
 * found once must stay mended. Reports one TAP line.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

/* An exact copy on the heap, so that the sanitizer sees a read past the end. */
static void run_bytes(const void *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (!exact)
		abort();
	memcpy(exact, bytes, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static int run_file(const char *path)
{
	struct stat st;
	FILE *file = fopen(path, "rb");
	char *bytes;
	size_t len;

	if (!file)
		return -1;
	if (fstat(fileno(file), &st) < 0) {
		(void)fclose(file);
		return -1;
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		abort();
	len = fread(bytes, 1, (size_t)st.st_size, file);
	(void)fclose(file);
	run_bytes(bytes, len);
	free(bytes);
	return 0;
}

static void run_folder(const char *folder, int *run, int *unreadable)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	struct stat st;

	if (!dir) {
		++*unreadable;
		return;
	}
	while ((entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (run_file(path) == 0)
			++*run;
		else
			++*unreadable;
	}
	(void)closedir(dir);
}

int main(int argc, char **argv)
{
	int run = 0, unreadable = 0;

	for (int i = 1; i < argc; i++)
		run_folder(argv[i], &run, &unreadable);
	run_bytes("", 0);
	run_bytes("", 1);
	printf("1..1\n%sok 1 - %d inputs replayed, %d unreadable\n", run && !unreadable ? "" : "not ", run, unreadable);
	return run && !unreadable ? 0 : 1;
}
