/* SPDX-License-Identifier: MIT */
/*
 * ACPI: finding the tables (ACPI 6.5, 5.2), and the few facts that are taken from the FADT and the DSDT. Clients: drivers/apic.c,
 * drivers/timer.c, the pmem set-up, kernel/power.c.
 *
 * Rule: a table is used only if it lies in physical memory as a whole, has a sane length, and adds up. It is mapped for
 * good, read-only to us, through the device window: firmware may keep tables in ranges that the direct map leaves out.
 *
 * Locks: none. Everything is written at boot by one CPU and only read afterwards.
 */
#include "drivers/acpi_table.h"

#include "kernel/cpu/cpu.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/kva.h"

#define MAX_TABLES 64
#define TABLE_MAX (4u << 20) /* longer than any table there is */
#define PHYS_LIMIT (1ull << 52)

#define EBDA_POINTER 0x40e
#define BIOS_START 0xe0000
#define BIOS_LENGTH 0x20000
#define EBDA_SEARCH 1024

/* ACPI 6.5, table 5.3 */
struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length; /* from here on revision 2 */
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} PACKED;
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5, table 5.3");
#define RSDP_V1_LENGTH 20

/* Offsets in the FADT (ACPI 6.5, table 5.9) and where it has to end for a field to be there. */
enum {
	FADT_DSDT = 40,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_MIN = 116,
	FADT_FLAGS = 112,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM1B_CNT = 184,
	FADT_X_PM_TMR = 208,
	GAS_LENGTH = 12,
};
#define FADT_TMR_VAL_EXT (1u << 8)
#define GAS_IO 1
#define PM1_SCI_EN 1u

static const struct acpi_header *tables[MAX_TABLES];
static unsigned nr_tables;
static const struct acpi_header *dsdt;

/* Maps [a, a + len) for reading; NULL: not physical memory, or no room. */
static const void *map(u64 a, u64 len)
{
	u64 start = ALIGN_DOWN(a, PAGE_SIZE);
	const u8 *p;

	if (!a || !len || a >= PHYS_LIMIT || len > PHYS_LIMIT - a)
		return NULL;
	p = kva_map_device(PADDR(start), ALIGN_UP(a + len, PAGE_SIZE) - start);
	return p ? p + (a - start) : NULL;
}

/* Reports what is wrong with a table, by its signature as far as that can be printed. */
static void bad_table(u64 a, const char signature[4], const char *why)
{
	char name[5] = {0};

	for (unsigned i = 0; i < 4; i++)
		name[i] = signature[i] >= ' ' && signature[i] <= '~' ? signature[i] : '?';
	pr_warn("acpi", "table %s at 0x%llx: %s, ignored", name, (unsigned long long)a, why);
}

static const struct acpi_header *map_table(u64 a)
{
	const struct acpi_header *h = map(a, sizeof(*h)), *t;
	u32 length;

	if (!h) {
		bad_table(a, "????", "not in physical memory");
		return NULL;
	}
	length = h->length;
	if (length < sizeof(*h) || length > TABLE_MAX) {
		bad_table(a, h->signature, "impossible length");
		return NULL;
	}
	t = map(a, length);
	if (!t || !acpi_checksum_ok(t, length)) {
		bad_table(a, h->signature, t ? "bad checksum" : "not in physical memory");
		return NULL;
	}
	return t;
}

static bool rsdp_good(const struct rsdp *r)
{
	return !memcmp(r->signature, "RSD PTR ", 8) && acpi_checksum_ok(r, RSDP_V1_LENGTH);
}

/* The RSDP stands at a multiple of 16. Copies it; false: not in this area. */
static bool scan(u64 start, u64 len, struct rsdp *out)
{
	const u8 *p = map(start, len);

	for (u64 off = 0; p && off + sizeof(*out) <= len; off += 16) {
		memcpy(out, p + off, sizeof(*out));
		if (rsdp_good(out))
			return true;
	}
	return false;
}

static bool scan_bios(struct rsdp *out)
{
	const u8 *pointer = map(EBDA_POINTER, 2);
	u64 ebda = pointer ? (u64)acpi_u16(pointer) << 4 : 0;

	if (ebda >= 0x80000 && ebda <= 0xa0000 - EBDA_SEARCH && scan(ebda, EBDA_SEARCH, out))
		return true;
	return scan(BIOS_START, BIOS_LENGTH, out);
}

/* Takes the tables that a root table (RSDT: 4-byte entries, XSDT: 8-byte) points to. False: there is no such root. */
static bool take_root(u64 a, const char signature[4], size_t entry)
{
	const struct acpi_header *root = a ? map_table(a) : NULL;
	const u8 *p = (const u8 *)root;

	if (!root)
		return false;
	if (memcmp(root->signature, signature, 4)) {
		bad_table(a, root->signature, "not the root table that it should be");
		return false;
	}
	for (size_t off = sizeof(*root); off + entry <= root->length; off += entry) {
		u64 at = entry == 8 ? acpi_u64(p + off) : acpi_u32(p + off);
		const struct acpi_header *t = at ? map_table(at) : NULL;

		if (t && nr_tables == MAX_TABLES)
			bad_table(at, t->signature, "more tables than supported");
		else if (t)
			tables[nr_tables++] = t;
	}
	return true;
}

/* The FADT if it is there and long enough for the fields of ACPI 1.0. */
static const u8 *fadt(size_t *len)
{
	const struct acpi_header *h = acpi_find("FACP", 0);

	if (!h || h->length < FADT_MIN)
		return NULL;
	*len = h->length;
	return (const u8 *)h;
}

static void find_dsdt(void)
{
	size_t len;
	const u8 *f = fadt(&len);
	u64 a;

	if (!f)
		return;
	a = len >= FADT_X_DSDT + 8 ? acpi_u64(f + FADT_X_DSDT) : 0;
	if (!a)
		a = acpi_u32(f + FADT_DSDT);
	dsdt = a ? map_table(a) : NULL;
	if (dsdt && memcmp(dsdt->signature, "DSDT", 4))
		dsdt = NULL;
}

int acpi_init(paddr_t from_loader)
{
	struct rsdp r;
	bool v2;

	if (from_loader.v != PADDR_NONE.v) {
		memcpy(&r, phys_to_virt(from_loader), sizeof(r));
		if (!rsdp_good(&r)) {
			pr_warn("acpi", "the boot loader's RSDP is damaged");
			from_loader = PADDR_NONE;
		}
	}
	if (from_loader.v == PADDR_NONE.v && !scan_bios(&r)) {
		pr_warn("acpi", "no RSDP");
		return -ENODEV;
	}
	v2 = r.revision >= 2 && r.length >= sizeof(r) && acpi_checksum_ok(&r, sizeof(r));
	if (!(v2 && take_root(r.xsdt, "XSDT", 8)) && !take_root(r.rsdt, "RSDT", 4)) {
		pr_warn("acpi", "no root table");
		return -ENODEV;
	}
	find_dsdt();
	return 0;
}

const struct acpi_header *acpi_find(const char signature[4], unsigned n)
{
	for (unsigned i = 0; i < nr_tables; i++) {
		if (!memcmp(tables[i]->signature, signature, 4) && n-- == 0)
			return tables[i];
	}
	return NULL;
}

/* An I/O port given twice: as a 32-bit field, or (later revisions) as a generic address structure. 0: none. */
static u16 fadt_port(const u8 *f, size_t len, size_t field, size_t gas)
{
	u64 port = acpi_u32(f + field);

	if (!port && len >= gas + GAS_LENGTH && f[gas] == GAS_IO)
		port = acpi_u64(f + gas + 4);
	return port <= 0xffff ? (u16)port : 0;
}

bool acpi_pm_timer(u16 *port, unsigned *bits)
{
	size_t len;
	const u8 *f = fadt(&len);

	if (!f)
		return false;
	*port = fadt_port(f, len, FADT_PM_TMR, FADT_X_PM_TMR);
	*bits = acpi_u32(f + FADT_FLAGS) & FADT_TMR_VAL_EXT ? 32 : 24;
	return *port != 0;
}

/* One integer of AML (ACPI 6.5, 20.2.3) at *off; false: something else. */
static bool aml_integer(const u8 *aml, size_t len, size_t *off, u16 *out)
{
	static const u8 operand[] = {[0x0a] = 1, [0x0b] = 2, [0x0c] = 4};
	size_t n;
	u8 op;

	if (*off >= len)
		return false;
	op = aml[(*off)++];
	if (op <= 1) {
		*out = op;
		return true;
	}
	n = op < sizeof(operand) ? operand[op] : 0;
	if (!n || len - *off < n)
		return false;
	*out = n == 1 ? aml[*off] : acpi_u16(aml + *off);
	*off += n;
	return true;
}

/* Name(_S5, Package { a, b, ... }) without an interpreter: NameOp, optional root, "_S5_", PackageOp, length, count, integers. */
static bool find_s5(const u8 *aml, size_t len, u16 *a, u16 *b)
{
	for (size_t i = 2; i + 8 < len; i++) {
		size_t off = i + 4;

		if (memcmp(aml + i, "_S5_", 4) || aml[off] != 0x12)
			continue;
		if (aml[i - 1] != 0x08 && !(aml[i - 1] == '\\' && aml[i - 2] == 0x08))
			continue;
		off++;
		off += (size_t)(aml[off] >> 6) + 1 + 1; /* package length, number of elements */
		if (aml_integer(aml, len, &off, a) && aml_integer(aml, len, &off, b))
			return true;
	}
	return false;
}

/* Legacy mode: ask the firmware for ACPI mode (ACPI 6.5, 4.8.2.5), and give it some time. */
static void enable_acpi_mode(const u8 *f, u16 pm1a)
{
	u32 smi = acpi_u32(f + FADT_SMI_CMD);

	if (!smi || smi > 0xffff || !f[FADT_ACPI_ENABLE] || (inw(pm1a) & PM1_SCI_EN))
		return;
	outb((u16)smi, f[FADT_ACPI_ENABLE]);
	for (unsigned i = 0; i < 1000000 && !(inw(pm1a) & PM1_SCI_EN); i++)
		cpu_relax();
}

bool acpi_s5(u16 *pm1a_port, u16 *pm1b_port, u16 *slp_typa, u16 *slp_typb)
{
	size_t len;
	const u8 *f = fadt(&len);

	if (!f || !dsdt)
		return false;
	*pm1a_port = fadt_port(f, len, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
	*pm1b_port = fadt_port(f, len, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
	if (!*pm1a_port)
		return false;
	if (!find_s5((const u8 *)dsdt + sizeof(*dsdt), dsdt->length - sizeof(*dsdt), slp_typa, slp_typb))
		return false;
	*slp_typa &= 7;
	*slp_typb &= 7;
	enable_acpi_mode(f, *pm1a_port);
	return true;
}
