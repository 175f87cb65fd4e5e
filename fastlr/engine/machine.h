/* What the engine asks of the processor and of the operating system. */
#ifndef FASTLR_MACHINE_H
#define FASTLR_MACHINE_H

#include <string.h>

#if defined(_OPENMP)
#include <omp.h>
#define FASTLR_OPENMP 1
#else
#define FASTLR_OPENMP 0
#endif

/* A sleeping thread is often woken on the processor of the thread that wakes it, and then waits until that one has done
   its own part.  So the threads of a step keep off the caller's processor, within what the caller may use; each sees to
   it once, and again when the caller has moved.  They stay so: other code that shares GNU's OpenMP threads meets them
   there.  Where the user binds threads (OMP_PROC_BIND and the like), that is left alone. */
#if defined(_OPENMP) && defined(__linux__)

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

/* Whether this thread made a step so lately that the threads which help it still spin: they do so for 15 to 25 us (see
   engine/__init__.py).  If that step was made alone they sleep, and this one wakes them for those that follow. */
#if defined(_OPENMP)

#if defined(_MSC_VER)
static __declspec(thread) double fastlr_last_step;
#else
static __thread double fastlr_last_step;
#endif

static int fastlr_threads_awake(void) { return omp_get_wtime() - fastlr_last_step < 15e-6; }
static void fastlr_note_step(void) { fastlr_last_step = omp_get_wtime(); }

#else

static int fastlr_threads_awake(void) { return 0; }
static void fastlr_note_step(void) {}

#endif

/* Take the next few of what several threads work through. */
#if defined(_MSC_VER)
#include <intrin.h>
static long long fastlr_take(long long *next, long long count) { return _InterlockedExchangeAdd64(next, count); }
#else
static long long fastlr_take(long long *next, long long count) {
    return __atomic_fetch_add(next, count, __ATOMIC_RELAXED);
}
#endif

/* How this thread computes: rounding, and whether subnormal numbers are read and written as zero.  Other libraries
   change that for the process or for a thread; a step sets what its bits were promised for, and puts it back. */
#if defined(__x86_64__) || defined(_M_X64)

#include <xmmintrin.h>
#define FASTLR_FLUSH 1
#define FASTLR_MODE 0xE040u /* flush results (0x8000), rounding (0x6000), read as zero (0x0040) */

static void fastlr_leave_mode(unsigned long long before) {
    unsigned now = _mm_getcsr(), wanted = (now & ~FASTLR_MODE) | ((unsigned)before & FASTLR_MODE);
    if (wanted != now) _mm_setcsr(wanted);
}

static unsigned long long fastlr_enter_mode(int flush) {
    unsigned before = _mm_getcsr();
    fastlr_leave_mode(flush ? 0x8040u : 0);
    return before;
}

#elif defined(__aarch64__) && defined(__GNUC__)

#define FASTLR_FLUSH 1
#define FASTLR_MODE 0x1C00000ull /* flush (bit 24), rounding (bits 23 and 22) */

static void fastlr_leave_mode(unsigned long long before) {
    unsigned long long now, wanted;
    __asm__ volatile("mrs %0, fpcr" : "=r"(now));
    wanted = (now & ~FASTLR_MODE) | (before & FASTLR_MODE);
    if (wanted != now) __asm__ volatile("msr fpcr, %0" : : "r"(wanted));
}

static unsigned long long fastlr_enter_mode(int flush) {
    unsigned long long before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    fastlr_leave_mode(flush ? 0x1000000ull : 0);
    return before;
}

#else

#define FASTLR_FLUSH 0

static unsigned long long fastlr_enter_mode(int flush) {
    (void)flush;
    return 0;
}
static void fastlr_leave_mode(unsigned long long before) { (void)before; }

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
