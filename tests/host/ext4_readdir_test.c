/* SPDX-License-Identifier: MIT */
/*
 * Listing a directory of ext4 while it changes: a name that stays is seen once, whatever else comes and goes; a position, once given, leads to
 * the same name again; names of one hash; positions out of nowhere.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

enum { STAY = 500, COME = 2500, MAX_NAMES = 4000 };

/* What a reader has seen: how often each number of a name, by the letter before it. */
struct seen {
	u8 stay[MAX_NAMES], come[MAX_NAMES], dot, dotdot;
	unsigned batch, left; /* so many names a call; so many still to come in this one */
	unsigned total;
	bool ascending, other;
	u64 last;
	char newest[NAME_MAX_LEN + 1];
};

static int see(void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next)
{
	struct seen *s = arg;
	char *text = s->newest;
	unsigned k;

	if (!s->left)
		return 1;
	s->left--;
	s->total++;
	memcpy(text, name, len);
	text[len] = '\0';
	s->ascending &= next >= s->last;
	s->last = next;
	if (!strcmp(text, "."))
		s->dot++;
	else if (!strcmp(text, ".."))
		s->dotdot++;
	else if (sscanf(text, "stay-%u", &k) == 1)
		s->stay[k]++;
	else if (sscanf(text, "come-%u", &k) == 1)
		s->come[k]++;
	else
		s->other = true;
	return 0;
}

/* Reads the next names; false: there are none. */
static bool see_more(struct file *f, struct seen *s)
{
	s->left = s->batch;
	return !vfs_readdir(f, see, s) && s->left < s->batch;
}

static bool all_are(const u8 *count, unsigned n, unsigned from, unsigned to)
{
	for (unsigned k = 0; k < n; k++)
		if (count[k] < from || count[k] > to) {
			diag("name %u was seen %u times", k, count[k]);
			return false;
		}
	return true;
}

static void name_of(char *path, const char *what, unsigned k)
{
	sprintf(path, "/d/%s-%u-%.*s", what, k, (int)(k % 23), "a rather long name here");
}

/* Names come and go, at random: leaves fill, are tidied and split. */
static void disturb(u64 *seed, bool there[COME])
{
	char path[100];

	for (unsigned n = 0; n < 60; n++) {
		unsigned k = test_random(seed, COME);

		name_of(path, "come", k);
		if ((there[k] ? vfs_unlink(NULL, path) : fs_create(path)) == 0)
			there[k] = !there[k];
	}
}

static void test_changes(const char *options, unsigned stay, unsigned batch)
{
	struct seen *s = calloc(1, sizeof(*s));
	static bool there[COME];
	u64 seed = stay + batch;
	struct file *f;
	char path[100], label[100];
	unsigned come_max = 0;

	memset(there, 0, sizeof(there));
	snprintf(label, sizeof(label), "%u names, %u a call, %s", stay, batch, options);
	image_make(16384, options);
	image_start(label);
	vfs_mkdir(NULL, "/d", 0755);
	for (unsigned k = 0; k < stay; k++) {
		name_of(path, "stay", k);
		fs_create(path);
	}
	f = fs_open("/d", O_RDONLY_);
	*s = (struct seen){.batch = batch, .ascending = true};
	while (s->total < 20000 && see_more(f, s))
		disturb(&seed, there);
	ok(all_are(s->stay, stay, 1, 1), "%s: each name that stays is seen once", label);
	for (unsigned k = 0; k < COME; k++)
		come_max = MAX(come_max, s->come[k]);
	if (strstr(options, "^dir_index")) /* one that goes and comes back may get a later place */
		ok(s->total < 20000, "%s: the listing ends", label);
	else
		ok(come_max == 1, "%s: no other one more than once", label);
	ok(s->dot == 1 && s->dotdot == 1 && !s->other, "%s: the dots once", label);
	ok(s->ascending, "%s: positions ascend", label);
	file_seek(f, 0);
	*s = (struct seen){.batch = 7, .ascending = true};
	while (see_more(f, s))
		;
	ok(s->total == (u64)fs_entries("/d") + 2 && all_are(s->stay, stay, 1, 1) &&
			all_are(s->come, COME, 0, 1),
		"%s: rewound, all that is there is seen once", label);
	file_put(f);
	free(s);
	image_stop();
}

/* Of "some-name-that-is-longer", as debugfs says: with this seed, in the order of the versions. */
static void test_hashes(void)
{
	static const u32 want[][2] = {{0xd5201878, 0}, {0xa392221a, 0x5d3162b9}, {0x06ea0ba8, 0x09a1384a}};
	const char *name = "some-name-that-is-longer";
	u32 hash, minor;

	image_make(2048, "-E hash_seed=12345678-1234-1234-1234-123456789abc");
	image_start("hashes");
	for (unsigned k = 0; k < ARRAY_SIZE(want); k++)
		ok(ext4_hash(ext4_fs(image.super), k, name, strlen(name), &hash, &minor) &&
				hash == want[k][0] && minor == want[k][1],
			"version %u: the hash and the minor hash", k);
	image_stop();
}

struct place {
	u64 next;
	char name[NAME_MAX_LEN + 1];
};
struct places {
	unsigned n;
	struct place p[MAX_NAMES];
};

static int note_place(void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next)
{
	struct places *l = arg;
	struct place *p = &l->p[l->n++];

	memcpy(p->name, name, len);
	p->name[len] = '\0';
	p->next = next;
	return l->n == MAX_NAMES;
}

/* Each position leads to the name that followed it, also when half of the others have gone and new ones have come. */
static void test_positions(const char *options)
{
	struct places *l = calloc(1, sizeof(*l));
	struct seen *s = calloc(1, sizeof(*s));
	struct file *f;
	char path[300];
	bool good = true;
	u64 seed = 3;

	image_make(16384, options);
	image_start(options);
	vfs_mkdir(NULL, "/d", 0755);
	for (unsigned k = 0; k < 100; k++) {
		name_of(path, "stay", k);
		fs_create(path);
	}
	f = fs_open("/d", O_RDONLY_);
	vfs_readdir(f, note_place, l);
	for (unsigned k = 0; k < COME; k++) {
		name_of(path, "come", k);
		fs_create(path);
	}
	for (unsigned k = 1; k < l->n; k += 2) {
		sprintf(path, "/d/%s", l->p[k].name);
		if (l->p[k].name[0] != '.')
			vfs_unlink(NULL, path);
	}
	for (unsigned k = 0; k + 2 < l->n; k++) {
		const char *want = k % 2 ? l->p[k + 1].name : l->p[k + 2].name;

		file_seek(f, l->p[k].next);
		*s = (struct seen){.batch = 1};
		while (want[0] != '.' && see_more(f, s) && s->newest[0] != 's')
			;
		good &= want[0] == '.' || !strcmp(s->newest, want);
	}
	ok(l->n == 102 && good, "%s: positions lead to the same names after a change", options);
	*s = (struct seen){.batch = 5};
	for (unsigned k = 0; k < 20000; k++) {
		u64 pos = (u64)test_random(&seed, 1u << 31) << 32 | test_random(&seed, 1u << 31) << 1;

		file_seek(f,
			k % 4           ? pos >> 1
				: k % 3 ? pos >> test_random(&seed, 60)
					: INT64_MAX - (k & 0xff));
		see_more(f, s);
	}
	ok(!s->other && s->total, "%s: positions out of nowhere lead to names or the end", options);
	file_seek(f, INT64_MAX);
	ok(!see_more(f, s), "%s: the last one to the end", options);
	file_put(f);
	free(l);
	free(s);
	image_stop();
}

/* Three hundred names of 255 bytes with one value of the legacy hash, which takes no seed: 247 times 'x' and each eight of these. */
static const char collisions[] =
	/* clang-format off */
	"000frym8001bpEqq003z5FPR004QuXeH006S8z1q006pA4Iu00BA7Lel00FoWV9D00GgpaUU00GpRkqx00MRObtC00aHnaB600fwyVTy00gy0MQJ00iWfN0R00jsJXlO00miEF4f00nDBirq"
	"00qnunDm00spjBRT00toSYmZ00toyiRO00u1Slfm00vbyJMP00zD0UsF011ButZO0136cgmb013HRetp01A8Zsuw01CXW4Yn01EA0Kke01FSIOMS01G49WEn01NM8vkY01QgtLNN01RHCVCc"
	"01TDXCvj01TZYFsC01ZM7dXy01cGDcxJ01fjUiMS01hKGUYY01jWaByH01jo8Qhx01kEe1nJ01m55MUU01qru0Sa01tA7kHy01v0RAtx01vDf9uy01wMV4Mw01yjU78I01zUFW3v020HoUR6"
	"0215PJwR027JMzPH02CDk4xO02DmsDvw02DpE5jS02GUKOHU02HuFBXh02Ic3cFe02JQOmlG02KghclV02MU3RGW02MfWbaX02SerWpd02WSDiu702Z0zmx202a77XJj02aPakgZ02agWZW1"
	"02k28Uwx02n0n9NI02nM1ICe02p9LQUD02rJrRnK02u6wKLa02vJc3L402zVydW3030w5ef8037G7b48039twJqK03CYk80503DBEEpj03MEm0HG03NoGn8Q03R3GBla03RsmAKL03XhaSeG"
	"03Zbc2yy03ayshVn03c0AHpL03dUyMZG03ks1mne03phFdpm03phX0hD03t4DEKs03vzd7pm03xFPbP0040TZt5J044h4bfy047q3ATc04CnjgNO04FMhhBr04FUk3N904Lghmzg04N6kNrQ"
	"04OFKYny04P8vgJJ04Q8bSSA04Seaexh04TX0fXh04XlPFqK04ZpFJBH04aX9car04bLvGvN04hPwmpB04pNEX4j04uuEhlM04v9Q8TK04wX4GJo04wXPTx804xV0X3h050zHlq9053on7Gc"
	"055cLofm056IOn1y05AZsohd05AibQOR05Baub8205H9fpun05KmmOmu05Lo0qSB05MtOY2305Qkr6rp05SHPBSA05WZRAqR05YdFgC105av1HlI05igwvHI05j8I7DJ05ma81Kq05mlBKfS"
	"05nZkcfx05rDdWpJ05tnz5yh05w87QTY061KBuhU0649ELaG067EOf8u068d1HEL069qHYQq06A9ySCt06CyysVx06EtIEOv06Ex9iHl06FU50uq06GAKG7Y06HQpanP06Hv6foF06JwVctu"
	"06MeAYfA06NKJC0i06QQDWNs06RzV4DD06SHDbTv06U0XTqU06UOZdi006WSiIw906YNXvr206egNDU306fKBG7u06gAgzxj06gf7FJS06jsxxxe06ozWnGq06qdn59e06rODzLs06tu9SIp"
	"06yobGmh071HXQSE071W6rGT074BFxaN075Bh6L307618UR6076tBV3J079m8PQr07DWnfil07EBZea707JcMhhV07Lrn3IT07NPFzwz07Rcd2vf07SNYtfD07SmJpGh07Sv73n707TqEqCs"
	"07UtJ7tR07Xki2gX07YZS3xY07aMQnQn07azIaL807bqD4Hu07c3nvhx07doNwpP07imWwDI07iycAhw07jTp5g807k82qiI07kLkIgJ07nNdhih07plpMx607srTOdZ07tfKqQj07wE64oJ"
	"07yJ9szq08127PPO084403ZA084GDoM8085CFvRe086f7iiw087xLZjz08DzTI0L08EUQoQj08KsaLZv08LTSqRK08NikJqc08UWO9mg08WAPJNJ08X7l8d408YMID1m08bMfMt908cUDOCP"
	"08e00o1J08eq6tOY08glHVx008iMnixE08if8VH608j9Ltyb08tohcE408vsaw7d091CGBB0095ecJOx095vSMSU099T7I3a09D92sfV09DxeMks09EOKOJP09Ku8mcJ09OpfsB709V9dpp4"
	"09WLkh0409XlFmIZ09Yfzvyn09buAJnH09dBYHLA09fCoQv109gtKYIp09pNgnaO09x9sgQd09yDTvug0A2NFqYw0A2T8C4Q0A3VtARG0A4OTJFt0A9Gqtx00AAWP0ke0ACk6gil0AGTTCSH"
	"0AGvrNVN0AIF0eVh0ALJ97yx0AP2qUAD0APAOUsm0APnr35e0AQNtiqW0AScsw460AV5mXdH0AVdEEXz0AXmQyaU0AYUaFG20AYincVm0AbUlWTr0Ae4l6kT0Agm0mdl0Ah3X6ro0Akx3AfD"
	"0Al0xjon0Ap6G8zy0AtmPtq70AubOY260AyPmiMg0AzEUKj60B0Fsdgj0B4xIGPn0B7VRZ4Z0B8ztUZq0B9CthfB0BBITTLD";
/* clang-format on */
#define COLLISIONS ((sizeof(collisions) - 1) / 8)

static void collision_path(char *path, unsigned k)
{
	memcpy(path, "/d/", 3);
	memset(path + 3, 'x', NAME_MAX_LEN);
	memcpy(path + 3 + NAME_MAX_LEN - 8, collisions + (size_t)k * 8, 8);
	path[3 + NAME_MAX_LEN] = '\0';
}

struct tail_count {
	u8 seen[COLLISIONS];
	unsigned left, calls, other;
};

static int count_tail(
	void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	struct tail_count *c = arg;

	if (!c->left)
		return 1;
	c->left--;
	if (len < NAME_MAX_LEN) {
		c->other++;
		return 0;
	}
	for (unsigned k = 0; k < COLLISIONS; k++)
		c->seen[k] += !memcmp(name + len - 8, collisions + (size_t)k * 8, 8);
	return 0;
}

/* Their leaves run on and on, and more names share a position than are gathered at once. */
static void test_collisions(unsigned batch)
{
	struct tail_count *c = calloc(1, sizeof(*c));
	struct file *f;
	char path[300];
	bool made = true, once = true;
	u32 hash, minor, first = 0;

	image_make(16384, "-O dir_index");
	run("tune2fs -E hash_alg=legacy %s", image.path);
	image_start("names of one hash");
	vfs_mkdir(NULL, "/d", 0755);
	for (unsigned k = 0; k < COLLISIONS; k++) {
		collision_path(path, k);
		ext4_hash(ext4_fs(image.super), ext4_fs(image.super)->sb.s_def_hash_version, path + 3,
			NAME_MAX_LEN, &hash, &minor);
		first = k ? first : hash;
		made &= hash == first && !minor && !fs_create(path);
	}
	ok(made, "%u names of one hash", (unsigned)COLLISIONS);
	for (unsigned k = 0; k < 100; k++) {
		name_of(path, "come", k);
		fs_create(path);
	}
	f = fs_open("/d", O_RDONLY_);
	do {
		c->left = batch;
		if (vfs_readdir(f, count_tail, c))
			break;
		/* Those with odd numbers go one by one: before or after the reader comes along. */
		if (2 * c->calls + 1 < COLLISIONS) {
			collision_path(path, 2 * c->calls + 1);
			vfs_unlink(NULL, path);
		}
	} while (c->left < batch && ++c->calls < 1000);
	for (unsigned k = 0; k < COLLISIONS; k++)
		once &= k % 2 ? c->seen[k] <= 1 : c->seen[k] == 1;
	ok(once && c->other == 102, "%u a call: each is seen once", batch);
	file_seek(f, 0);
	memset(c, 0, sizeof(*c));
	c->left = 100000;
	vfs_readdir(f, count_tail, c);
	for (unsigned k = 0; k < COLLISIONS; k += 2)
		once &= c->seen[k] == 1;
	ok(once, "and all at once");
	file_put(f);
	free(c);
	image_stop();
}

int main(void)
{
	static const char *const kind[] = {"-N 8192", "-N 8192 -O ^dir_index", "-N 8192 -O ^metadata_csum"};

	image_begin();
	test_hashes();
	for (unsigned k = 0; k < ARRAY_SIZE(kind); k++) {
		test_changes(kind[k], 0, 1);
		test_changes(kind[k], 30, 1);
		test_changes(kind[k], STAY, 11);
		test_changes(kind[k], STAY, 200);
		test_positions(kind[k]);
	}
	test_collisions(1);
	test_collisions(20);
	test_collisions(400);
	image_end();
	return done_testing();
}
