; SPDX-License-Identifier: MIT
;
; The only code that touches user memory from the kernel (kernel/cpu/cpu.h says what each function returns).
;
; Rules: user pages are open (stac) only between usercopy_start and usercopy_end, and every instruction there that touches
; them has an exception-table entry. A fault there is first offered to mm_fault(); what that does not repair goes on at the
; fix-up, with the registers as the instruction left them. The "rep" instructions leave in rcx what is still to do, so
; the count of bytes not copied is exact: after a fault inside an 8-byte step the rest is tried byte by byte.

%include "kernel/cpu/smap.inc"

EFAULT equ 14

extern cpu_has_erms

section .text
align 16
global usercopy_start
usercopy_start:

; size_t cpu_copy_from_user(void *dst, uaddr_t src, size_t n)
; size_t cpu_copy_to_user(uaddr_t dst, const void *src, size_t n)
; One of the two is a user address; which one does not matter here.
global cpu_copy_from_user, cpu_copy_to_user
cpu_copy_from_user:
cpu_copy_to_user:
	mov rcx, rdx
	cmp byte [cpu_has_erms], 0
	jne copy_bytes
	shr rcx, 3
	and edx, 7
	STAC
	MAY_FAULT copy_words_fault
	rep movsq
	mov ecx, edx
	jmp copy_tail
copy_words_fault:
	lea rcx, [rcx * 8 + rdx]
copy_bytes:
	STAC
copy_tail:
	MAY_FAULT copy_end
	rep movsb
copy_end:
	CLAC
	mov rax, rcx
	ret

; size_t cpu_zero_user(uaddr_t dst, size_t n)
global cpu_zero_user
cpu_zero_user:
	xor eax, eax
	mov rcx, rsi
	cmp byte [cpu_has_erms], 0
	jne zero_bytes
	shr rcx, 3
	and esi, 7
	STAC
	MAY_FAULT zero_words_fault
	rep stosq
	mov ecx, esi
	jmp zero_tail
zero_words_fault:
	lea rcx, [rcx * 8 + rsi]
zero_bytes:
	STAC
zero_tail:
	MAY_FAULT zero_end
	rep stosb
zero_end:
	CLAC
	mov rax, rcx
	ret

; int cpu_load_user64(uaddr_t a, u64 *out)
global cpu_load_user64
cpu_load_user64:
	STAC
	MAY_FAULT access_fault
	mov rax, [rdi]
	CLAC
	mov [rsi], rax
	xor eax, eax
	ret

; int cpu_store_user64(uaddr_t a, u64 v)
global cpu_store_user64
cpu_store_user64:
	STAC
	MAY_FAULT access_fault
	mov [rdi], rsi
	CLAC
	xor eax, eax
	ret

; int cpu_persist_user64(uaddr_t a): by the instruction that every CPU has
global cpu_persist_user64
cpu_persist_user64:
	STAC
	MAY_FAULT access_fault
	clflush [rdi]
	CLAC
	sfence
	xor eax, eax
	ret

; int cpu_cmpxchg_user32(uaddr_t a, u32 *old, u32 new_value)
global cpu_cmpxchg_user32
cpu_cmpxchg_user32:
	mov eax, [rsi]
	STAC
	MAY_FAULT access_fault
	lock cmpxchg [rdi], edx
	CLAC
	mov [rsi], eax
	xor eax, eax
	ret

access_fault:
	CLAC
	mov eax, -EFAULT
	ret

global usercopy_end
usercopy_end:

; size_t cpu_copy_from_pmem(void *dst, const void *src, size_t n): kernel addresses; only a machine check ends it early.
global cpu_copy_from_pmem
cpu_copy_from_pmem:
	mov rcx, rdx
	shr rcx, 3
	and edx, 7
	MAY_FAULT .words_fault
	rep movsq
	mov ecx, edx
	MAY_FAULT .end
	rep movsb
.end:
	mov rax, rcx
	ret
.words_fault:
	lea rax, [rcx * 8 + rdx]
	ret

; bool kernel_peek64(const void *p, u64 *out): reads kernel memory that may not be mapped (backtraces). False: it is not.
; Outside the range above: user pages stay closed.
global kernel_peek64
kernel_peek64:
	MAY_FAULT .fault
	mov rax, [rdi]
	mov [rsi], rax
	mov eax, 1
	ret
.fault:
	xor eax, eax
	ret
