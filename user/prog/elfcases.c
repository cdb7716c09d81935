/* SPDX-License-Identifier: MIT */
/*
 * elfcases [PROGRAM [DIRECTORY]]: execve of damaged ELF files, made out of a good program. A
 * damaged file must give an error or a child that dies by a signal; a damage that leaves what is
 * loaded whole may also run. Never may the kernel stumble. KTAP.
 */
#include "ktap.h"
#include "util.h"

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_FAILED 100 /* a child's exit status for "execve failed with errno E" is this + E */

static char *image; /* the good program; each case damages a copy */
static size_t image_size;
static const char *path; /* where the copy goes */

enum verdict {
	MUST_FAIL,   /* an error of execve or a death by signal */
	MUST_REFUSE, /* an error of execve */
	MAY_RUN,     /* either, or a clean run */
};

static int exec_copy(void *arg)
{
	char *argv[] = {"elfcase", NULL};

	(void)arg;
	execve(path, argv, environ);
	return EXEC_FAILED + errno;
}

static void write_copy(const char *data, size_t len)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0777);
	if (fd < 0)
		err(1, "%s", path);
	write_all(fd, data, len);
	close(fd);
}

static void judge(const char *name, enum verdict verdict)
{
	int status = run_child(exec_copy, NULL);
	int code = WEXITSTATUS(status);
	int refused = WIFEXITED(status) && code > EXEC_FAILED;
	int died = WIFSIGNALED(status);
	int ran = WIFEXITED(status) && code == 0;
	int ok = refused || (died && verdict != MUST_REFUSE) || (ran && verdict == MAY_RUN);

	ktap_result(ok, "%s", name);
	if (refused)
		ktap_note("refused: %s", strerror(code - EXEC_FAILED));
	else
		ktap_note("%s", status_text(status));
}

static void run_data(const char *name, enum verdict verdict, const char *data, size_t len)
{
	write_copy(data, len);
	judge(name, verdict);
}

/* The end of what the program's segments take from the file. */
static size_t loaded_end(void)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff);
	size_t end = 0;

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset + ph[i].p_filesz > end)
			end = ph[i].p_offset + ph[i].p_filesz;
	return end;
}

static void test_cut_short(void)
{
	static const size_t header_cuts[] = {0, 1, 3, 4, 15, 16, 63, 64, 65, 119, 120};
	size_t end = loaded_end();
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(header_cuts); i++) {
		snprintf(name, sizeof(name), "cut to %zu bytes", header_cuts[i]);
		run_data(name, header_cuts[i] < 120 ? MUST_REFUSE : MUST_FAIL, image, header_cuts[i]);
	}
	for (size_t len = PAGE - 1; len < end; len += PAGE - 7) {
		snprintf(name, sizeof(name), "cut to %zu of %zu loaded bytes", len, end);
		run_data(name, MAY_RUN, image, len);
	}
	run_data("cut behind what is loaded", MAY_RUN, image, end);
}

static void test_other_files(void)
{
	static const char text[] = "this is a text\n";
	static const char script[] = "#!/nonexistent\n";
	static char zeros[PAGE];

	run_data("a text file", MUST_REFUSE, text, sizeof(text) - 1);
	run_data("a script of a missing interpreter", MUST_REFUSE, script, sizeof(script) - 1);
	run_data("a page of zeros", MUST_REFUSE, zeros, sizeof(zeros));
}

/* One field of the ELF header changed. */
struct header_case {
	const char *name;
	enum verdict verdict;
	size_t offset, size;
	uint64_t value;
};

#define EH(field) offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define PH(field) offsetof(Elf64_Phdr, field), sizeof(((Elf64_Phdr *)0)->field)

static void run_changed(const char *name, enum verdict verdict, size_t offset, size_t size, uint64_t value)
{
	char *copy = malloc(image_size);

	if (!copy)
		err(1, "malloc");
	memcpy(copy, image, image_size);
	memcpy(copy + offset, &value, size);
	run_data(name, verdict, copy, image_size);
	free(copy);
}

static void test_header(void)
{
	static const struct header_case cases[] = {
		{"bad magic", MUST_REFUSE, 0, 1, 0x7e},
		{"32-bit class", MAY_RUN, EI_CLASS, 1, ELFCLASS32},
		{"class 0", MAY_RUN, EI_CLASS, 1, 0},
		{"big-endian", MAY_RUN, EI_DATA, 1, ELFDATA2MSB},
		{"type 0", MUST_REFUSE, EH(e_type), ET_NONE},
		{"a relocatable file", MUST_REFUSE, EH(e_type), ET_REL},
		{"a core file", MUST_REFUSE, EH(e_type), ET_CORE},
		{"another machine", MUST_REFUSE, EH(e_machine), EM_AARCH64},
		{"machine 0", MUST_REFUSE, EH(e_machine), 0},
		{"entry 0", MUST_FAIL, EH(e_entry), 0},
		{"entry outside", MUST_FAIL, EH(e_entry), 0x10000000},
		{"entry in the kernel's half", MUST_FAIL, EH(e_entry), 0xffffffff80000000},
		{"entry not canonical", MUST_FAIL, EH(e_entry), 0x0000800000000000},
		{"no program headers", MUST_REFUSE, EH(e_phnum), 0},
		{"65535 program headers", MUST_REFUSE, EH(e_phnum), 0xffff},
		{"program headers behind the end", MUST_REFUSE, EH(e_phoff), 0x7fffffff},
		{"program headers at 2^63", MUST_REFUSE, EH(e_phoff), 1ULL << 63},
		{"program headers at -1", MUST_REFUSE, EH(e_phoff), ~0ULL},
		{"program headers at -56", MUST_REFUSE, EH(e_phoff), -56ULL},
		{"program headers at an odd offset", MUST_FAIL, EH(e_phoff), 61},
		{"program header size 0", MUST_REFUSE, EH(e_phentsize), 0},
		{"program header size 55", MUST_REFUSE, EH(e_phentsize), 55},
		{"program header size 65535", MUST_REFUSE, EH(e_phentsize), 0xffff},
		{"section headers behind the end", MAY_RUN, EH(e_shoff), ~0ULL},
		{"65535 section headers", MAY_RUN, EH(e_shnum), 0xffff},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run_changed(cases[i].name, cases[i].verdict, cases[i].offset, cases[i].size, cases[i].value);
}

/* The file offset of the PT_LOAD header with these flags. */
static size_t load_header(uint32_t flags)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_flags == flags)
			return (size_t)((const char *)&ph[i] - image);
	errx(1, "the program has no segment with flags %u", flags);
}

static void test_segments(void)
{
	static const struct header_case cases[] = {
		{"offset behind the end", MUST_FAIL, PH(p_offset), 0x10000000},
		{"offset at 2^63", MUST_FAIL, PH(p_offset), 1ULL << 63},
		{"offset at -4096", MUST_FAIL, PH(p_offset), -4096ULL},
		{"offset not congruent", MAY_RUN, PH(p_offset), 0x1234},
		{"address 0", MAY_RUN, PH(p_vaddr), 0},
		{"address in the kernel's half", MUST_FAIL, PH(p_vaddr), 0xffffffff80000000},
		{"address at the start of the kernel's half", MUST_FAIL, PH(p_vaddr), 0xffff800000000000},
		{"address not canonical", MUST_FAIL, PH(p_vaddr), 0x0000800000000000},
		{"address at the last page", MUST_FAIL, PH(p_vaddr), -4096ULL},
		{"address just below the end of user space", MAY_RUN, PH(p_vaddr), 0x7ffffffff000},
		{"address over the other segments", MAY_RUN, PH(p_vaddr), 0x400000},
		{"file size larger than memory size", MAY_RUN, PH(p_filesz), 0x100000},
		{"file size 2^63", MUST_FAIL, PH(p_filesz), 1ULL << 63},
		{"file size -1", MUST_FAIL, PH(p_filesz), ~0ULL},
		{"file size 0", MAY_RUN, PH(p_filesz), 0},
		{"memory size 0", MAY_RUN, PH(p_memsz), 0},
		{"memory size 2^46", MAY_RUN, PH(p_memsz), 1ULL << 46},
		{"memory size 2^47", MUST_FAIL, PH(p_memsz), 1ULL << 47},
		{"memory size 2^63", MUST_FAIL, PH(p_memsz), 1ULL << 63},
		{"memory size -1", MUST_FAIL, PH(p_memsz), ~0ULL},
		{"alignment 3", MAY_RUN, PH(p_align), 3},
		{"alignment 2^63", MAY_RUN, PH(p_align), 1ULL << 63},
		{"no flags", MUST_FAIL, PH(p_flags), 0},
		{"type 0", MAY_RUN, PH(p_type), PT_NULL},
		{"an interpreter with a name of rubbish", MUST_FAIL, PH(p_type), PT_INTERP},
		{"type of thread-local storage", MAY_RUN, PH(p_type), PT_TLS},
	};
	static const struct {
		const char *name;
		uint32_t flags;
	} segments[] = {{"text", PF_R | PF_X}, {"data", PF_R | PF_W}};
	char name[96];

	for (size_t s = 0; s < ARRAY_SIZE(segments); s++) {
		size_t header = load_header(segments[s].flags);

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			const struct header_case *c = &cases[i];

			snprintf(name, sizeof(name), "%s segment: %s", segments[s].name, c->name);
			run_changed(name, c->verdict, header + c->offset, c->size, c->value);
		}
	}
}

/* Bytes of the headers overwritten at random, the same way in every run. */
static void test_random_damage(void)
{
	uint64_t rng = 0x5eed;
	char *copy = malloc(image_size);
	char name[64];

	if (!copy)
		err(1, "malloc");
	for (int round = 0; round < 64; round++) {
		unsigned bytes = 1 + (unsigned)(rng_next(&rng) % 6);

		memcpy(copy, image, image_size);
		for (unsigned i = 0; i < bytes; i++)
			copy[rng_next(&rng) % 400] = (char)rng_next(&rng);
		snprintf(name, sizeof(name), "random damage %d", round);
		run_data(name, MAY_RUN, copy, image_size);
	}
	free(copy);
}

static void test_modes(void)
{
	write_copy(image, image_size);
	judge("the good program", MAY_RUN);
	CHECK("the good program exits with 0", run_child(exec_copy, NULL) == 0);
}

static void read_image(const char *program)
{
	struct stat st;
	int fd = open(program, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", program);
	image_size = (size_t)st.st_size;
	image = malloc(image_size);
	if (!image)
		err(1, "malloc");
	for (size_t done = 0; done < image_size;) {
		ssize_t n = read(fd, image + done, image_size - done);

		if (n <= 0)
			err(1, "%s", program);
		done += (size_t)n;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 2 ? argv[2] : "/tmp";

	read_image(argc > 1 ? argv[1] : "/bin/true");
	path = strdup(join_path(dir, "elfcase"));
	if (!path)
		err(1, "strdup");
	ktap_start();
	test_modes();
	test_cut_short();
	test_other_files();
	test_header();
	test_segments();
	test_random_damage();
	unlink(path);
	return ktap_finish();
}
