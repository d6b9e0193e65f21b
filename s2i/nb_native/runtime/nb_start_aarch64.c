/* The program's entry point on aarch64: what libc would do before main. */

#ifdef __aarch64__

int main(int count, char **arguments, char **environment);

/* The stack, which is aligned, begins with the number of arguments, their addresses, NULL, and the
   environment. */
__asm__(".globl _start\n"
        "_start:\n"
        "    mov x29, #0\n"
        "    mov x30, #0\n"
        "    ldr x0, [sp]\n"
        "    add x1, sp, #8\n"
        "    add x2, x1, x0, lsl #3\n"
        "    add x2, x2, #8\n"
        "    bl main\n"
        "    mov x8, #94\n" /* exit_group */
        "    svc 0\n");

#endif
