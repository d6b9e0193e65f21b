/* The program's entry point on x86-64: what libc would do before main. */

#ifdef __x86_64__

int main(int count, char **arguments, char **environment);

/* The stack begins with the number of arguments, their addresses, NULL, and the environment. main
   wants it aligned. */
__asm__(".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov (%rsp), %edi\n"
        "    lea 8(%rsp), %rsi\n"
        "    lea 8(%rsi,%rdi,8), %rdx\n"
        "    and $-16, %rsp\n"
        "    call main\n"
        "    mov %eax, %edi\n"
        "    mov $231, %eax\n" /* exit_group */
        "    syscall\n");

#endif
