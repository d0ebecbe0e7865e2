/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See selfexe.h. A container whose program is "/proc/self/exe" (or a script with that interpreter)
 * would otherwise have the kernel open the runtime's file on the host for it, and could later write
 * to it. Copying the file and executing the copy, the usual cure, costs another exec (0.5 ms); this
 * costs a dozen calls. The kernel itself checks that nothing of the file is mapped any more, under
 * the mount it was executed from, before it lets go of it (EBUSY otherwise).
 */
#include "runtime/selfexe.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"

#define PAGE_BYTES 4096u

/* The linker's: where address 0 of the program is. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct image {
	uintptr_t start, end;
	const ElfW(Phdr) *headers;
	size_t header_count;
	uintptr_t base;
};

static bool find_image(struct image *image)
{
	image->headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	image->header_count = getauxval(AT_PHNUM);
	image->start = UINTPTR_MAX;
	image->end = 0;
	if (!image->headers || image->header_count > 64)
		return false;
	image->base = (uintptr_t)&__ehdr_start; /* a static program has no PT_PHDR that says it */
	for (size_t i = 0; i < image->header_count; i++) {
		const ElfW(Phdr) *h = &image->headers[i];
		uintptr_t start = image->base + h->p_vaddr;

		if (h->p_type != PT_LOAD)
			continue;
		if (start < image->start)
			image->start = start & ~(uintptr_t)(PAGE_BYTES - 1);
		if (start + h->p_memsz > image->end)
			image->end = (start + h->p_memsz + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
	}
	return image->start < image->end;
}

/* Not memcpy: under a sanitizer that would object to the red zones between globals. */
__attribute__((no_sanitize("address", "undefined"))) static void copy_segment(uintptr_t to, uintptr_t from,
									       uintptr_t end)
{
	for (; from < end; from += sizeof(uint64_t), to += sizeof(uint64_t))
		*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
}

/* Without CAP_SYS_RESOURCE, CAP_CHECKPOINT_RESTORE of the user namespace does, if the whole map is stated. The numbers
 * only have to be plausible: execve makes new ones; but the heap must stay where it is. */
static int exchange(const struct image *image, int fd)
{
	uintptr_t brk = (uintptr_t)sbrk(0), page = image->start;
	struct prctl_mm_map map = {
		.start_code = page, .end_code = page + PAGE_BYTES, .start_data = page, .end_data = page + PAGE_BYTES,
		.start_brk = brk, .brk = brk, .start_stack = (uintptr_t)&map, .arg_start = page, .arg_end = page,
		.env_start = page, .env_end = page, .exe_fd = (uint32_t)fd,
	};

	return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

int selfexe_prepare(void)
{
	char path[40];
	AUTO_FD tree = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int selfexe_find(void)
{
	const unsigned want = STATX_INO | STATX_MNT_ID;
	const char *path = (const char *)getauxval(AT_EXECFN);
	AUTO_FD fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	struct statx ours, found;

	if (fd < 0 || statx(AT_FDCWD, "/proc/self/exe", 0, want, &ours) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, want, &found) < 0)
		return -1;
	if (ours.stx_ino != found.stx_ino || ours.stx_dev_major != found.stx_dev_major ||
	    ours.stx_dev_minor != found.stx_dev_minor)
		return -1; /* another folder or another file by now */
	if (!(ours.stx_mask & found.stx_mask & STATX_MNT_ID) || ours.stx_mnt_id == found.stx_mnt_id)
		return -1;
	return fd_take(&fd);
}

/* The same bytes at the same addresses, from the other mount: the file is no longer mapped as what was executed. */
static int map_again(const struct image *image, const ElfW(Phdr) *h, int fd)
{
	uintptr_t from = (image->base + h->p_vaddr) & ~(uintptr_t)(PAGE_BYTES - 1);
	uintptr_t end = (image->base + h->p_vaddr + h->p_memsz + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
	int prot = PROT_READ | (h->p_flags & PF_X ? PROT_EXEC : 0);

	return mmap((void *)from, end - from, prot, MAP_PRIVATE | MAP_FIXED, fd,
		    (off_t)(h->p_offset & ~(uintptr_t)(PAGE_BYTES - 1))) == MAP_FAILED ? -1 : 0;
}

/* What of the segment is the file's; the kernel has the rest of .bss in anonymous memory already. All pages are made at
 * once: a fault each would take longer than the copying. */
static int copy_to_memory(const struct image *image, const ElfW(Phdr) *h)
{
	uintptr_t from = (image->base + h->p_vaddr) & ~(uintptr_t)(PAGE_BYTES - 1);
	uintptr_t end = (image->base + h->p_vaddr + h->p_filesz + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
	void *copy = mmap(NULL, end - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (copy == MAP_FAILED)
		return -1;
	copy_segment((uintptr_t)copy, from, end);
	if ((h->p_flags & PF_W) == 0 && mprotect(copy, end - from, PROT_READ | (h->p_flags & PF_X ? PROT_EXEC : 0)) < 0)
		return -1;
	/* From the return of this call we run in the copy. */
	return mremap(copy, end - from, end - from, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)from) == MAP_FAILED ? -1 : 0;
}

int selfexe_detach(int again_fd, struct err *err)
{
	struct image image = { 0 };
	AUTO_FD empty = memfd_create("cube-oci", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (empty < 0 || fcntl(empty, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_os(err, "make an empty sealed file");
	if (!find_image(&image))
		return err_set(err, ERR_UNSUPPORTED, "program headers not found");
	for (size_t i = 0; i < image.header_count; i++) {
		const ElfW(Phdr) *h = &image.headers[i];

		if (h->p_type != PT_LOAD)
			continue;
		if ((again_fd >= 0 && !(h->p_flags & PF_W) ? map_again(&image, h, again_fd)
							   : copy_to_memory(&image, h)) < 0)
			return err_os(err, "replace the program image");
	}
	if (prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, empty, 0, 0) < 0 && exchange(&image, empty) < 0)
		return err_set(err, errno == EPERM || errno == EINVAL ? ERR_UNSUPPORTED : ERR_INTERNAL,
			       "let go of the program file: error %d", errno);
	log_debug("runtime", "runc exeseal: using /proc/self/exe clone"); /* runc's words, looked for */
	return 0;
}
