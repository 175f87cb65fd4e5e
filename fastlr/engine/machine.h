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
   its own part.  So the threads of a step keep off the caller's processor; each sees to it once, and again when the
   caller has moved. */
#if defined(_OPENMP) && defined(__linux__)

#include <omp.h>
#include <sched.h> /* Python.h, which comes first, asks for GNU's extensions */
#include <unistd.h>

static int fastlr_processor(void) { return sched_getcpu(); }

static void fastlr_keep_off(int processor) {
    static __thread int avoided = -1;
    cpu_set_t mask;
    if (omp_get_thread_num() == 0 || avoided == processor) return;
    avoided = processor;
    if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(getpid(), sizeof mask, &mask)) return;
    CPU_CLR(processor, &mask);
    if (CPU_COUNT(&mask)) sched_setaffinity(0, sizeof mask, &mask);
}

#else

static int fastlr_processor(void) { return -1; }
static void fastlr_keep_off(int processor) { (void)processor; }

#endif

/* Whether kernels compiled for this level of x86-64 run here.  The builtin also asks whether the operating system saves
   the wide registers. */
static int fastlr_cpu_supports(const char *level) {
    if (!strcmp(level, "v1")) return 1;
#if defined(__x86_64__) && defined(__GNUC__)
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2");
    if (!strcmp(level, "v3")) return v3;
    if (!strcmp(level, "v4"))
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return 0;
}

#endif
