/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects: one-page slabs per size class, a short per-CPU list of free objects in front of each.
 * Clients: everyone.
 *
 * Rules
 * - A slab is one page; its struct page (PAGE_SLAB) holds the class, the number of objects that left
 *   the slab and the head of its free objects, which are linked by their numbers. So objects need no
 *   header, and kfree finds everything from the address.
 * - A slab is on its class's `partial` list exactly while it has a free object. One empty slab a class
 *   is kept.
 * - Objects on a CPU's list count as in use by their slab; the list is touched by its CPU with
 *   interrupts off only and is bounded to about a page.
 * - Larger objects are blocks of pages (PAGE_LARGE, order in the struct page).
 *
 * Debug builds: each object is preceded by its size and state and framed by red zones; freed ones are
 * filled with a pattern that is checked when they are handed out again.
 *
 * Locks: interrupts off, then the class's lock (RANK_KMEM), then the page allocator's.
 */
#include "mm/kmem.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/state.h"

#define NO_OBJECT 0xffff
#define LARGEST PAGE_SIZE /* paths and shadows of blocks, in release builds, whose objects have no frame */

static const u16 class_size[KMEM_CLASSES] = {16, 32, 64, 96, 128, 192, 256, 512, 1024, 1344, 2048, LARGEST};
/* Class of a size, by 32-byte steps up to 256 and by 128-byte steps above. */
static const u8 small_class[9] = {0, 1, 2, 3, 4, 5, 5, 6, 6};

static const struct lock_class kmem_class = {"kmem", RANK_KMEM, false};

static struct kmem *kmem(void)
{
	return &mm_state()->kmem;
}

void kmem_state_init(struct kmem *k)
{
	for (unsigned c = 0; c < KMEM_CLASSES; c++) {
		spin_init(&k->class[c].lock, &kmem_class);
		list_init(&k->class[c].partial);
	}
}

int kmem_init(void)
{
	_Static_assert(PAGE_SIZE / 16 < NO_OBJECT, "objects are numbered in 16 bits");
	return 0;
}

static inline unsigned class_of(size_t n)
{
	if (n <= 16)
		return 0;
	if (n <= 256)
		return small_class[(n + 31) / 32];
	return n <= 512 ? 7 : n <= 1024 ? 8 : n <= 1344 ? 9 : n <= 2048 ? 10 : 11;
}

/* Objects that a CPU keeps: as many as fill a page, 16 at most. */
static const u8 cache_limit[KMEM_CLASSES] = {16, 16, 16, 16, 16, 16, 16, 8, 4, 3, 2, 1};

/* --- debug frame round an object --- */

#ifdef FAULTLINE_DEBUG
#define FRAME_FRONT 16
#define FRAME_BACK 8
#define RED_ZONE 0xbadc0ffee0ddf00dull
#define STATE_LIVE 0x6c697665u
#define STATE_FREE 0x66726565u
#define OBJECT_POISON 0x6b

/* The first word links free objects while one is in no use. */
struct frame {
	u64 red_zone;
	u32 size, state;
};
_Static_assert(sizeof(struct frame) == FRAME_FRONT, "objects stay aligned to 16 bytes");

static void *frame_open(void *raw, size_t n, size_t room, bool fresh)
{
	struct frame *f = raw;
	u8 *p = (u8 *)raw + FRAME_FRONT;
	u64 red_zone = RED_ZONE;

	if (!fresh) {
		if (f->state != STATE_FREE)
			panic("kmem: free object %p has state %#x: written after it was freed", (void *)p,
				f->state);
		for (size_t i = 0; i < room - FRAME_FRONT; i++)
			if (p[i] != OBJECT_POISON)
				panic("kmem: object %p was written at offset %zu after it was freed",
					(void *)p, i);
	}
	f->red_zone = RED_ZONE;
	f->size = (u32)n;
	f->state = STATE_LIVE;
	memcpy(p + n, &red_zone, sizeof(red_zone));
	return p;
}

/* Start of the object's memory; *n: its size. */
static void *frame_close(void *p, size_t *n)
{
	struct frame *f = (void *)((u8 *)p - FRAME_FRONT);
	u64 red_zone;

	if (f->state == STATE_FREE)
		panic("kmem: object %p freed twice", p);
	if (f->state != STATE_LIVE || f->red_zone != RED_ZONE)
		panic("kmem: object %p: the red zone below it is damaged, or it is no object", p);
	memcpy(&red_zone, (u8 *)p + f->size, sizeof(red_zone));
	if (red_zone != RED_ZONE)
		panic("kmem: object %p: written past its %u bytes", p, f->size);
	*n = f->size;
	f->state = STATE_FREE;
	return f;
}

static void poison_object(void *raw, size_t room)
{
	((struct frame *)raw)->state = STATE_FREE;
	memset((u8 *)raw + FRAME_FRONT, OBJECT_POISON, room - FRAME_FRONT);
}
#else
#define FRAME_FRONT 0
#define FRAME_BACK 0

static inline void *frame_open(void *raw, size_t n UNUSED, size_t room UNUSED, bool fresh UNUSED)
{
	return raw;
}
static inline void *frame_close(void *p, size_t *n UNUSED)
{
	return p;
}
static inline void poison_object(void *raw UNUSED, size_t room UNUSED) {}
#endif

static inline void account(struct kmem *k, i64 bytes)
{
	_Atomic(i64) *sum = &k->cpu[cpu_id()].bytes_in_use; /* written by its own CPU only, interrupts off */

	atomic_store_explicit(
		sum, atomic_load_explicit(sum, memory_order_relaxed) + bytes, memory_order_relaxed);
}

/* --- slabs; the class's lock held --- */

static inline void *object_at(struct page *p, unsigned class, unsigned i)
{
	return (u8 *)page_to_virt(p) + (size_t)i * class_size[class];
}

static struct page *new_slab_locked(struct kmem_class *c, unsigned class)
{
	struct page *p = pmm_alloc(0);

	if (!p)
		return NULL;
	unsigned n = PAGE_SIZE / class_size[class];
	for (unsigned i = 0; i < n; i++) {
		void *o = object_at(p, class, i);
		poison_object(o, class_size[class]);
		*(u16 *)o = i + 1 < n ? (u16)(i + 1) : NO_OBJECT;
	}
	p->flags |= PAGE_SLAB;
	p->order = (u8) class;
	p->inuse = 0;
	p->free_head = 0;
	list_push_front(&c->partial, &p->node);
	c->nr_empty++;
	return p;
}

static void *take_object_locked(struct kmem_class *c, unsigned class)
{
	struct list_node *n = list_first(&c->partial);
	struct page *p = n ? LIST_ENTRY(n, struct page, node) : new_slab_locked(c, class);

	if (!p)
		return NULL;
	void *o = object_at(p, class, p->free_head);
	p->free_head = *(u16 *)o;
	if (p->inuse++ == 0)
		c->nr_empty--;
	if (p->free_head == NO_OBJECT)
		list_remove(&p->node);
	return o;
}

static void free_slab_locked(struct kmem_class *c, struct page *p)
{
	list_remove(&p->node);
	c->nr_empty--;
	p->flags &= (u8)~PAGE_SLAB;
	pmm_free(p, 0);
}

static void give_object_locked(struct kmem_class *c, unsigned class, void *o, unsigned keep_empty)
{
	struct page *p = paddr_to_page(virt_to_phys(o));
	u16 number = (u16)(((uintptr_t)o & PAGE_MASK) / class_size[class]);

	if (p->free_head == NO_OBJECT)
		list_push_front(&c->partial, &p->node);
	*(u16 *)o = p->free_head;
	p->free_head = number;
	if (--p->inuse)
		return;
	c->nr_empty++;
	if (c->nr_empty > keep_empty) {
		free_slab_locked(c, p);
	} else { /* used last, so that it stays empty and can go */
		list_remove(&p->node);
		list_push_back(&c->partial, &p->node);
	}
}

/* --- per-CPU lists; interrupts off --- */

static void *refill(struct kmem *k, unsigned class)
{
	struct kmem_class *c = &k->class[class];
	struct kmem_cpu *cpu = &k->cpu[cpu_id()];
	u32 n = (cache_limit[class] + 1u) / 2;

	spin_lock(&c->lock);
	void *first = take_object_locked(c, class);
	/* No new page for what nobody asked for. */
	while (first && --n && !list_empty(&c->partial)) {
		void *o = take_object_locked(c, class);
		*(void **)o = cpu->cache[class].head;
		cpu->cache[class].head = o;
		cpu->cache[class].count++;
	}
	spin_unlock(&c->lock);
	return first;
}

static void shrink(struct kmem *k, unsigned class, u32 keep, unsigned keep_empty)
{
	struct kmem_class *c = &k->class[class];
	struct kmem_cpu *cpu = &k->cpu[cpu_id()];

	spin_lock(&c->lock);
	while (cpu->cache[class].count > keep) {
		void *o = cpu->cache[class].head;
		cpu->cache[class].head = *(void **)o;
		cpu->cache[class].count--;
		give_object_locked(c, class, o, keep_empty);
	}
	spin_unlock(&c->lock);
}

static void *alloc_large(size_t n, size_t room)
{
	unsigned order = 0;

	if (room > PAGE_SIZE << PMM_MAX_ORDER || room < n)
		return NULL;
	while (PAGE_SIZE << order < room)
		order++;
	struct page *p = pmm_alloc(order);
	if (!p)
		return NULL;
	p->flags |= PAGE_LARGE;
	p->order = (u8)order;
	irq_state_t s = irq_save();
	account(kmem(), (i64)PAGE_SIZE << order);
	irq_restore(s);
	return frame_open(page_to_virt(p), n, PAGE_SIZE << order, true);
}

/* Shall this allocation fail, for a test? */
static inline bool fails_for_test(void)
{
#ifdef FAULTLINE_HOSTED
	struct kmem *k = kmem();

	return unlikely(k->fail_every) && ++k->allocations % k->fail_every == 0;
#else
	return false;
#endif
}

void *kmalloc(size_t n)
{
	size_t room = n + FRAME_FRONT + FRAME_BACK;

	if (fails_for_test())
		return NULL;
	if (unlikely(room > LARGEST || room < n))
		return alloc_large(n, room);

	struct kmem *k = kmem();
	unsigned class = class_of(room);
	irq_state_t s = irq_save();
	struct kmem_cpu *c = &k->cpu[cpu_id()];
	void *o = c->cache[class].head;

	if (likely(o)) {
		c->cache[class].head = *(void **)o;
		c->cache[class].count--;
	} else {
		o = refill(k, class);
	}
	if (likely(o))
		account(k, class_size[class]);
	irq_restore(s);
	return o ? frame_open(o, n, class_size[class], false) : NULL;
}

static void free_large(struct page *p, void *raw)
{
	unsigned order = p->order;

	if (raw != page_to_virt(p))
		panic("kmem: %p is not the start of an object", raw);
	p->flags &= (u8)~PAGE_LARGE;
	pmm_free(p, order);
	irq_state_t s = irq_save();
	account(kmem(), -((i64)PAGE_SIZE << order));
	irq_restore(s);
}

void kfree(void *obj)
{
	size_t n;

	if (!obj)
		return;
	struct page *p = paddr_to_page(virt_to_phys(obj));
	if (unlikely(!p || !(p->flags & (PAGE_SLAB | PAGE_LARGE))))
		panic("kmem: %p was freed but is no object", obj);
	void *o = frame_close(obj, &n);
	if (p->flags & PAGE_LARGE) {
		free_large(p, o);
		return;
	}

	unsigned class = p->order;
	struct kmem *k = kmem();
	DEBUG_ASSERT(((uintptr_t)o & PAGE_MASK) % class_size[class] == 0);
	poison_object(o, class_size[class]);
	irq_state_t s = irq_save();
	struct kmem_cpu *c = &k->cpu[cpu_id()];
	*(void **)o = c->cache[class].head;
	c->cache[class].head = o;
	account(k, -(i64)class_size[class]);
	if (unlikely(++c->cache[class].count > cache_limit[class]))
		shrink(k, class, cache_limit[class] / 2, 1);
	irq_restore(s);
}

void *kzalloc(size_t n)
{
	void *p = kmalloc(n);

	if (p)
		memset(p, 0, n);
	return p;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kzalloc(bytes);
}

u64 kmem_bytes_in_use(void)
{
	struct kmem *k = kmem();
	i64 sum = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		sum += atomic_load_explicit(&k->cpu[i].bytes_in_use, memory_order_relaxed);
	return (u64)sum;
}

void kmem_trim(void)
{
	struct kmem *k = kmem();

	for (unsigned class = 0; class < KMEM_CLASSES; class ++) {
		struct kmem_class *c = &k->class[class];
		struct page *p, *tmp;
		irq_state_t s = irq_save();

		shrink(k, class, 0, 0);
		spin_lock(&c->lock);
		LIST_FOR_EACH_SAFE (p, tmp, &c->partial, node)
			if (p->inuse == 0)
				free_slab_locked(c, p);
		spin_unlock(&c->lock);
		irq_restore(s);
	}
}
