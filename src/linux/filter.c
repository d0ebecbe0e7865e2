/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See filter.h. Device rules become one eBPF program that tests the rules from the last to the first: five to eight
 * instructions a rule, so that the bound on rules also bounds the program.
 */
#include "linux/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fd.h"

int filter_seccomp(const struct sock_filter *program, size_t count, unsigned flags, int *ret_listener)
{
	struct sock_fprog prog = { .len = (unsigned short)count, .filter = (struct sock_filter *)program };
	long got;

	if (count > UINT16_MAX)
		return -E2BIG;
	got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (got < 0)
		return -errno;
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		*ret_listener = (int)got;
	return 0;
}

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (short)(o), .imm = (int)(i) })

/* r2 = type, r3 = access, r4 = major, r5 = minor; context: { u32 access << 16 | type; u32 major; u32 minor; } */
static size_t prologue(struct bpf_insn *p)
{
	size_t n = 0;

	p[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	p[n++] = INSN(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	p[n++] = INSN(BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	p[n++] = INSN(BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	p[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	p[n++] = INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
	return n;
}

static size_t one_rule(struct bpf_insn *p, const struct filter_device *rule)
{
	int access = (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) |
		     (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
	size_t n = 0, jumps[5], jump_count = 0;

	if (rule->type != 'a') {
		jumps[jump_count++] = n;
		p[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0,
			      rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (access != (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)) {
		/* Allowing needs every kind of access asked for to be in the rule; denying needs just one of them. */
		p[n++] = INSN(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		p[n++] = INSN(BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
		jumps[jump_count++] = n;
		p[n++] = rule->allow ? INSN(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0) :
				       INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
	}
	if (rule->type != 'a' && rule->major >= 0) {
		jumps[jump_count++] = n;
		p[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, rule->major);
	}
	if (rule->type != 'a' && rule->minor >= 0) {
		jumps[jump_count++] = n;
		p[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, rule->minor);
	}
	p[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, rule->allow);
	p[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < jump_count; i++)
		p[jumps[i]].off = (short)(n - jumps[i] - 1);
	return n;
}

static int bpf(int command, union bpf_attr *attr)
{
	long got = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return got < 0 ? -errno : (int)got;
}

/* The program attached so far, so that it can be replaced; -ENOENT when there is none. */
static int attached_program(int cgroup_fd)
{
	uint32_t ids[8] = { 0 };
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_cnt = 8;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	err = bpf(BPF_PROG_QUERY, &attr);
	if (err < 0)
		return err;
	if (attr.query.prog_cnt == 0)
		return -ENOENT;
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = ids[0];
	return bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

int filter_devices(int cgroup_fd, const struct filter_device *rules, size_t count)
{
	static const char license[] = "Apache-2.0";
	struct bpf_insn program[FILTER_DEVICE_MAX * 9 + 8];
	union bpf_attr attr;
	size_t n;
	AUTO_FD program_fd = -1;
	AUTO_FD old_fd = -1;

	if (count > FILTER_DEVICE_MAX)
		return -E2BIG;
	n = prologue(program);
	for (size_t i = count; i-- > 0;) {
		n += one_rule(program + n, &rules[i]);
		/* Nothing before a rule for everything can be reached, and the verifier refuses unreachable code. */
		if (rules[i].type == 'a' && rules[i].read && rules[i].write && rules[i].mknod)
			break;
		if (i == 0)
			n += one_rule(program + n, &(struct filter_device){ false, 'a', -1, -1, true, true, true });
	}
	if (count == 0)
		n += one_rule(program + n, &(struct filter_device){ false, 'a', -1, -1, true, true, true });
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t)license;
	program_fd = bpf(BPF_PROG_LOAD, &attr);
	if (program_fd < 0)
		return program_fd;
	old_fd = attached_program(cgroup_fd);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old_fd;
	}
	return bpf(BPF_PROG_ATTACH, &attr);
}
