/* The system calls of x86-64: a number in rax, up to six arguments, the result or a negative error
   in rax. */
#ifndef NB_SYSTEM_X86_64_H
#define NB_SYSTEM_X86_64_H

/* Size of a memory page in bytes. */
enum { NB_LARGEST_PAGE = 1 << 12 };

/* The kernel overwrites rcx and r11 (they carry the return address and the flags), and any
   memory. */
#define NB_CLOBBERED "rcx", "r11", "memory"

/* Return the kernel's result. There is one function for each number of arguments, because each
   argument costs code. */
static inline long nb_call3(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : NB_CLOBBERED);
    return result;
}

static inline long nb_call4(long number, long a, long b, long c, long d)
{
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : NB_CLOBBERED);
    return result;
}

static inline long nb_call6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : NB_CLOBBERED);
    return result;
}

#endif
