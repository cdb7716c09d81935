; SPDX-License-Identifier: MIT
;
; Where a started CPU begins: a copy of this at a page below 1 MiB, in real mode with CS = page >> 4. It goes straight to long mode
; and calls args.entry(args.cpu) on args.stack.
;
; Rules
; - Only the copy runs. Before each start kernel/cpu/smp.c fills `args`; the linear addresses in the GDT pointer and the far
;   pointer are made here from CS.
; - A CPU goes on only if it finds its own APIC id in args.claim and can exchange it for CLAIMED. One that answers after
;   it was given up finds something else there and halts, so it never runs on a stack that is another's.

CLAIMED equ 0xfffffffe		; smp.c
CR4_PAE equ 1 << 5
CR0_LONG_MODE equ 0x80010033	; PG WP NE ET MP PE
MSR_EFER equ 0xc0000080
%define REL(x) ((x) - trampoline_start)

section .rodata

bits 16
global trampoline_start, trampoline_args, trampoline_end
align 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4
	lea eax, [ebx + REL(gdt)]
	mov [REL(gdt_pointer) + 2], eax
	lea eax, [ebx + REL(in_long_mode)]
	mov [REL(far_pointer)], eax
	o32 lgdt [REL(gdt_pointer)]
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [REL(args.root)]
	mov cr3, eax
	mov ecx, MSR_EFER
	mov eax, [REL(args.efer)]
	mov edx, [REL(args.efer) + 4]
	wrmsr
	mov eax, CR0_LONG_MODE
	mov cr0, eax
	jmp far dword [REL(far_pointer)]

bits 64
in_long_mode:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	; APIC id: leaf 0bh where it is there, else the eight bits of leaf 1
	xor eax, eax
	cpuid
	cmp eax, 0xb
	jb .short_id
	mov eax, 0xb
	xor ecx, ecx
	cpuid
	test ebx, ebx
	jz .short_id
	mov eax, edx
	jmp .claim
.short_id:
	mov eax, 1
	cpuid
	shr ebx, 24
	mov eax, ebx
.claim:
	mov edx, CLAIMED
	mov rsi, [rel args.writable]
	lock cmpxchg [rsi + args.claim - args], edx
	jne .not_expected
	mov rsp, [rel args.stack]
	mov rdi, [rel args.cpu]
	xor ebp, ebp
	call [rel args.entry]
.not_expected:
	cli
	hlt
	jmp .not_expected

align 8
gdt:
	dq 0
	dq 0x00af9b000000ffff	; 64-bit code
	dq 0x00cf93000000ffff	; data
gdt_pointer:
	dw $ - gdt - 1
	dd 0
align 4
far_pointer:
	dd 0
	dw 0x08

align 8
trampoline_args:		; struct trampoline_args
args:
.root:	dq 0
.efer:	dq 0
.entry:	dq 0
.stack:	dq 0
.cpu:	dq 0
.writable: dq 0			; args through the direct map: this page is mapped read-only at its own address
.claim:	dd 0
	dd 0
trampoline_end:
