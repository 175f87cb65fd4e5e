/* What the engine asks of the processor and of the operating system. */
#ifndef FASTLR_MACHINE_H
#define FASTLR_MACHINE_H

#include <string.h>

#if defined(_OPENMP)
#define FASTLR_OPENMP 1
#else
#define FASTLR_OPENMP 0
#endif

/* A sleeping thread is often woken on the processor of the thread that wakes it, and then waits until that one has done
   its own part.  So the threads of a step keep off the caller's processor, within what the caller may use; each sees to
   it once, and again when the caller has moved.  They stay so: other code that shares GNU's OpenMP threads meets them
   there.  Where the user binds threads (OMP_PROC_BIND and the like), that is left alone. */
#if defined(_OPENMP) && defined(__linux__)

#include <omp.h>
#include <sched.h> /* Python.h, which comes first, asks for GNU's extensions */

typedef struct {
    int processor; /* -1: do nothing */
    cpu_set_t others;
} fastlr_caller;

static void fastlr_note_caller(fastlr_caller *caller) {
    caller->processor = -1;
    if (omp_get_proc_bind() != omp_proc_bind_false) return;
    if (sched_getaffinity(0, sizeof caller->others, &caller->others)) return;
    int processor = sched_getcpu();
    if (processor < 0 || processor >= CPU_SETSIZE) return;
    CPU_CLR(processor, &caller->others);
    if (CPU_COUNT(&caller->others)) caller->processor = processor;
}

static void fastlr_keep_off(const fastlr_caller *caller) {
    static __thread cpu_set_t kept;
    if (caller->processor < 0 || omp_get_thread_num() == 0 || CPU_EQUAL(&kept, &caller->others)) return;
    if (!sched_setaffinity(0, sizeof kept, &caller->others)) kept = caller->others;
}

#else

typedef struct {
    int unused;
} fastlr_caller;

static void fastlr_note_caller(fastlr_caller *caller) { (void)caller; }
static void fastlr_keep_off(const fastlr_caller *caller) { (void)caller; }

#endif

/* Whether kernels compiled for this level of x86-64 run here.  The builtin also asks whether the operating system saves
   the wide registers. */
static int fastlr_cpu_supports(const char *level) {
    if (!strcmp(level, "v1")) return 1;
#if defined(__x86_64__) && defined(__GNUC__)
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (!strcmp(level, "v3")) return v3;
    if (!strcmp(level, "v4"))
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return 0;
}

#endif
