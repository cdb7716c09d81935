; SPDX-License-Identifier: MIT
;
; From the boot loader to kernel_main(): the multiboot 1 and 2 headers, 32-bit entry, long mode.
;
; Rule: this code runs wherever the loader put the image (multiboot 2's relocatable tag), so up to the jump into the high half every
; address is formed as ebp + (symbol - KERNEL_BASE), ebp being load address minus link address.
;
; The tables made here map the first 4 GiB at 0 and at the direct map's address, and the image at -2 GiB, all of it writable and
; executable. They live until kernel/cpu/paging.c loads the final ones.

KERNEL_BASE equ 0xffffffff80000000
LINK_ADDRESS equ 0x100000
STACK_UNIT equ (1 + 4) * 4096	; STACK_UNIT and NR_IST of kernel/cpu/desc.h
NR_IST equ 4
NR_IMAGE_TABLES equ 8		; 16 MiB of image, asserted in link.ld

PHYS_IDENTITY_SLOT equ 0
PHYS_DIRECT_SLOT equ 256	; DIRECT_MAP_BASE
IMAGE_SLOT equ 511
IMAGE_PDPT_SLOT equ 510		; -2 GiB

PTE_PRESENT_WRITE equ 3
PTE_HUGE equ 1 << 7

extern kernel_main
extern image_start, data_end, image_end

; ---------------------------------------------------------------- headers

section .multiboot progbits alloc noexec nowrite align=8

MB1_MAGIC equ 0x1badb002
MB1_FLAGS equ 0x10003		; page-aligned modules, memory map, address fields valid
align 4
mb1_header:
	dd MB1_MAGIC
	dd MB1_FLAGS
	dd -(MB1_MAGIC + MB1_FLAGS)
	dd mb1_header - KERNEL_BASE
	dd image_start - KERNEL_BASE
	dd data_end - KERNEL_BASE
	dd image_end - KERNEL_BASE
	dd boot_entry - KERNEL_BASE

MB2_MAGIC equ 0xe85250d6
align 8
mb2_header:
	dd MB2_MAGIC
	dd 0			; i386, protected mode
	dd mb2_header_end - mb2_header
	dd -(MB2_MAGIC + (mb2_header_end - mb2_header))
	; information request: command line, loader name, memory map
	align 8
	dw 1, 0
	dd 8 + 3 * 4
	dd 1, 2, 6
	; ACPI RSDP, optional
	align 8
	dw 1, 1
	dd 8 + 2 * 4
	dd 14, 15
	; entry address
	align 8
	dw 3, 0
	dd 12
	dd boot_entry - KERNEL_BASE
	; relocatable: anywhere below 4 GiB, at a multiple of 2 MiB, as low as possible
	align 8
	dw 10, 0
	dd 24
	dd LINK_ADDRESS, 0xffffffff, 0x200000, 1
	align 8
	dw 0, 0
	dd 8
mb2_header_end:

; ---------------------------------------------------------------- 32-bit entry

section .text
bits 32

%define AT(symbol) ebp + symbol - KERNEL_BASE

; eax: loader's magic, ebx: its information. The boot information's second word is free in both protocols (a reserved word, a field
; that we do not read): it is the stack of the one call that tells where we are.
global boot_entry
boot_entry:
	cli
	cld
	lea esp, [ebx + 8]
	call .here
.here:
	pop ebp
	sub ebp, .here - KERNEL_BASE
	lea esp, [AT(boot_stack_top)]
	mov [AT(boot_magic)], eax
	mov [AT(boot_info_address)], ebx
	mov [AT(boot_delta)], ebp

	; CPUID there? Long mode there?
	pushfd
	pop eax
	mov ecx, eax
	xor eax, 1 << 21
	push eax
	popfd
	pushfd
	pop eax
	cmp eax, ecx
	je no_long_mode
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	test edx, 1 << 29
	jz no_long_mode

	; top level: identity and direct map share everything below
	lea eax, [AT(boot_pdpt_low) + PTE_PRESENT_WRITE]
	mov [AT(boot_pml4) + PHYS_IDENTITY_SLOT * 8], eax
	mov [AT(boot_pml4) + PHYS_DIRECT_SLOT * 8], eax
	lea eax, [AT(boot_pdpt_image) + PTE_PRESENT_WRITE]
	mov [AT(boot_pml4) + IMAGE_SLOT * 8], eax

	; 4 GiB in pages of 2 MiB
	lea edi, [AT(boot_pdpt_low)]
	lea eax, [AT(boot_pd_low) + PTE_PRESENT_WRITE]
	mov ecx, 4
.pdpt:
	mov [edi], eax
	add edi, 8
	add eax, 4096
	loop .pdpt
	lea edi, [AT(boot_pd_low)]
	mov eax, PTE_PRESENT_WRITE | PTE_HUGE
	mov ecx, 4 * 512
.pd:
	mov [edi], eax
	add edi, 8
	add eax, 0x200000
	loop .pd

	; the image in pages of 4 KiB: the load address may be any page
	lea eax, [AT(boot_pd_image) + PTE_PRESENT_WRITE]
	mov [AT(boot_pdpt_image) + IMAGE_PDPT_SLOT * 8], eax
	lea edi, [AT(boot_pd_image)]
	lea eax, [AT(boot_pt_image) + PTE_PRESENT_WRITE]
	mov ecx, NR_IMAGE_TABLES
.image_pd:
	mov [edi], eax
	add edi, 8
	add eax, 4096
	loop .image_pd
	lea edi, [AT(boot_pt_image) + LINK_ADDRESS / 4096 * 8]
	lea eax, [AT(image_start) + PTE_PRESENT_WRITE]
	lea ecx, [AT(image_end)]
	lea edx, [AT(image_start)]
	sub ecx, edx
	shr ecx, 12
.image_pt:
	mov [edi], eax
	add edi, 8
	add eax, 4096
	loop .image_pt

	; long mode
	mov eax, 1 << 5			; CR4.PAE, and nothing the firmware may have left
	mov cr4, eax
	lea eax, [AT(boot_pml4)]
	mov cr3, eax
	mov ecx, 0xc0000080		; EFER.LME
	rdmsr
	or eax, 1 << 8
	wrmsr
	mov eax, 0x80010033		; PG WP NE ET MP PE
	mov cr0, eax
	lea eax, [AT(boot_gdt)]
	mov [AT(boot_gdtr) + 2], eax
	lgdt [AT(boot_gdtr)]
	push 0x08
	lea eax, [AT(long_mode)]
	push eax
	retf

; Says why on the serial line and, under QEMU, ends the machine with status 1.
no_long_mode:
	lea esi, [AT(no_long_mode_text)]
	mov edx, 0x3fd
.wait:
	in al, dx
	test al, 0x20
	jz .wait
	lodsb
	test al, al
	jz .end
	mov edx, 0x3f8
	out dx, al
	mov edx, 0x3fd
	jmp .wait
.end:
	mov al, 0x11
	out 0xf4, al
.halt:
	hlt
	jmp .halt

; ---------------------------------------------------------------- 64 bits

bits 64
long_mode:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rax, .high
	jmp rax
.high:
	mov rsp, boot_stack_top
	xor ebp, ebp			; ends backtraces
	mov edi, [rel boot_magic]
	mov esi, [rel boot_info_address]
	mov edx, [rel boot_delta]
	call kernel_main
	ud2

section .rodata
no_long_mode_text:
	db "faultline: this CPU has no 64-bit mode", 10, 0

section .data
align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff		; 64-bit code
	dq 0x00cf93000000ffff		; data
boot_gdtr:
	dw $ - boot_gdt - 1
	dd 0
boot_magic:
	dd 0
boot_info_address:
	dd 0
boot_delta:
	dd 0

section .bss align=4096
boot_pml4:
	resb 4096
boot_pdpt_low:
	resb 4096
boot_pd_low:
	resb 4 * 4096
boot_pdpt_image:
	resb 4096
boot_pd_image:
	resb 4096
boot_pt_image:
	resb NR_IMAGE_TABLES * 4096

; The boot thread's stack and the boot CPU's IST stacks. A unit is a page that stays unmapped, then the stack.
section .stacks nobits alloc noexec write align=4096
	resb STACK_UNIT
boot_stack_top:
global boot_ist_stacks
boot_ist_stacks:
	resb NR_IST * STACK_UNIT
