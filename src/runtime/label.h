/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of Linux Security Modules: of the program (process.selinuxLabel, process.apparmorProfile), of the keys made
 * for it, and of what is mounted for the container alone (linux.mountLabel).
 */
#ifndef CUBE_RUNTIME_LABEL_H
#define CUBE_RUNTIME_LABEL_H

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/program.h"

/* Before anything is made: whether SELinux is there and its policy knows the label. field: in config.json. */
int label_check(const char *field, const char *label, struct err *err) MUST_CHECK;
/* What execve is to give the program. */
int label_set_exec(const struct program *program, struct err *err) MUST_CHECK;
/* Keyrings made from now on get the process's label; later label_set_keys(program, false): what the policy says. */
int label_set_keys(const struct program *program, bool is_set, struct err *err) MUST_CHECK;
/* Adds the mount option with spec's mountLabel to text, which has room for bytes. */
int label_add_option(const struct oci_spec *spec, char *text, size_t bytes, struct err *err) MUST_CHECK;
/* For what knows no such option: the root of the file system at fd (O_PATH). */
int label_set_file(const struct oci_spec *spec, int fd, struct err *err) MUST_CHECK;

#endif
