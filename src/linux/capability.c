/* SPDX-License-Identifier: Apache-2.0 */
/* See capability.h. Only what is missing from the wanted bounding set is dropped, one prctl each. */
#include "linux/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char names[CAPABILITY_COUNT][24] = {
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
};

int capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		if (strcasecmp(names[i] + 4, name) == 0)
			return i;
	}
	return -1;
}

const char *capability_name(int number)
{
	return number >= 0 && number < CAPABILITY_COUNT ? names[number] : NULL;
}

uint64_t capability_effective(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct both[2];

	if (syscall(SYS_capget, &header, both) < 0)
		return 0;
	return (uint64_t)both[1].effective << 32 | both[0].effective;
}

bool capability_is_effective(int number)
{
	return capability_effective() >> number & 1;
}

int capability_drop_bounding(const struct capability_sets *sets)
{
	for (unsigned long i = 0; i < 64; i++) {
		if (sets->bounding & (UINT64_C(1) << i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* beyond the kernel's last one */
				break;
			if (errno == EPERM && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0)
				continue;
			return -errno;
		}
	}
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int capability_apply(const struct capability_sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct both[2];

	for (int i = 0; i < 2; i++) {
		both[i].effective = (uint32_t)(sets->effective >> (32 * i));
		both[i].permitted = (uint32_t)(sets->permitted >> (32 * i));
		both[i].inheritable = (uint32_t)(sets->inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &header, both) < 0)
		return -errno;
	/* of our caller's, those that are permitted and inheritable here as well would still be there */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (unsigned long i = 0; sets->ambient >> i && i < 64; i++) {
		if ((sets->ambient >> i & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int capability_raise(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct both[2];

	if (syscall(SYS_capget, &header, both) < 0)
		return -errno;
	both[0].effective = both[0].permitted;
	both[1].effective = both[1].permitted;
	return syscall(SYS_capset, &header, both) < 0 ? -errno : 0;
}
