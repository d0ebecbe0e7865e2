/* SPDX-License-Identifier: Apache-2.0 */
/* See label.h. */
#include "runtime/label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "linux/rootpath.h"

static bool is_given(const char *label)
{
	return label && label[0];
}

/* Without a policy every label is taken, and none means anything. */
static bool is_enabled(void)
{
	static const char unloaded[] = "kernel";
	char current[sizeof(unloaded)];
	ssize_t got;

	if (access("/sys/fs/selinux/enforce", F_OK) < 0)
		return false;
	AUTO_FD fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, current, sizeof(current));
	return got >= (ssize_t)sizeof(unloaded) - 1 && memcmp(current, unloaded, (size_t)got) != 0;
}

int label_check(const char *field, const char *label, struct err *err)
{
	if (!is_given(label))
		return 0;
	if (!is_enabled())
		return err_set(err, ERR_UNSUPPORTED, "%s: SELinux is not enabled on this host", field);
	AUTO_FD fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0; /* not ours to ask */
	if (write(fd, label, strlen(label) + 1) < 0 && errno == EINVAL)
		return err_set(err, ERR_INVALID, "%s: \"%.200s\" is no context of the loaded policy", field, label);
	return 0;
}

int label_set_exec(const struct program *program, struct err *err)
{
	const struct oci_process *p = program->process;
	char text[300];
	int failed;

	if (is_given(p->apparmor_profile) && strcmp(p->apparmor_profile, "unconfined") != 0) {
		snprintf(text, sizeof(text), "exec %.256s", p->apparmor_profile);
		if (program_write_self(program, "attr/apparmor/exec", text) < 0)
			return err_set(err, ERR_UNSUPPORTED,
				       "process.apparmorProfile: \"%.100s\" cannot be applied on "
				       "this host",
				       p->apparmor_profile);
	}
	if (!is_given(p->selinux_label))
		return 0;
	failed = program_write_self(program, "attr/exec", p->selinux_label);
	return failed < 0 ? err_neg(err, failed, "process.selinuxLabel: \"%.200s\"", p->selinux_label) : 0;
}

int label_set_keys(const struct program *program, bool is_set, struct err *err)
{
	const char *label = program->process ? program->process->selinux_label : NULL;
	int failed;

	if (!is_given(label))
		return 0;
	/* a single newline takes it back: nothing at all cannot be written */
	failed = program_write_self(program, "attr/keycreate", is_set ? label : "\n");
	return failed < 0 ? err_neg(err, failed, "process.selinuxLabel: keys as \"%.200s\"", label) : 0;
}

/* The kernel's four ways of labelling a mount; crun's annotation picks one. */
static const char *option_name(const struct oci_spec *spec)
{
	static const char *const names[] = { "fscontext", "defcontext", "rootcontext" };

	for (size_t i = 0; i < spec->annotations.count; i++) {
		const struct oci_pair *pair = &spec->annotations.items[i];

		for (size_t k = 0; k < ARRAY_COUNT(names); k++) {
			if (strcmp(pair->key, "run.oci.mount_context_type") == 0 && strcmp(pair->value, names[k]) == 0)
				return names[k];
		}
	}
	return "context";
}

int label_add_option(const struct oci_spec *spec, char *text, size_t bytes, struct err *err)
{
	const char *label = spec->linux_part->mount_label, *name;
	size_t len = strlen(text);

	if (!is_given(label))
		return 0;
	name = option_name(spec);
	/* a quote would end it, and what follows be options of its own */
	if (strchr(label, '"') || len + strlen(name) + strlen(label) + sizeof(",=\"\"") > bytes)
		return err_set(err, ERR_INVALID, "linux.mountLabel: \"%.100s\" cannot be used", label);
	snprintf(text + len, bytes - len, "%s%s=\"%s\"", len ? "," : "", name, label);
	return 0;
}

int label_set_file(const struct oci_spec *spec, int fd, struct err *err)
{
	const char *label = spec->linux_part->mount_label;
	char path[ROOTPATH_PROC_BYTES];

	if (!is_given(label) ||
	    setxattr(rootpath_proc(fd, path), "security.selinux", label, strlen(label) + 1, 0) == 0)
		return 0;
	return err_os(err, "linux.mountLabel: \"%.200s\"", label);
}
