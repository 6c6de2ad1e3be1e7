// Linked into the prebuilt addons (tools/build-platform.mjs), so that they run where TensorFlow's libraries do. glibc 2.34 moved the functions
// of libpthread and gave them new versions, which a linker on a newer system would ask for; they are the same functions under the first version.
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST_VERSION "GLIBC_2.17"
#endif

#define HIDDEN __attribute__((visibility("hidden")))

// Every use of `name` inside the addon, libstdc++'s included, goes to the function's first version.
#define USE_FIRST_VERSION(type, name, parameters, arguments)       \
  extern "C" type first_##name parameters;                         \
  __asm__(".symver first_" #name ", " #name "@" FIRST_VERSION);    \
  extern "C" HIDDEN type name parameters { return first_##name arguments; }

USE_FIRST_VERSION(int, pthread_once, (pthread_once_t * once, void (*call)()), (once, call))
USE_FIRST_VERSION(int, pthread_create, (pthread_t * thread, const pthread_attr_t* how, void* (*run)(void*), void* argument),
                  (thread, how, run, argument))
USE_FIRST_VERSION(int, pthread_join, (pthread_t thread, void** result), (thread, result))
USE_FIRST_VERSION(int, pthread_detach, (pthread_t thread), (thread))
USE_FIRST_VERSION(int, pthread_key_create, (pthread_key_t * key, void (*end)(void*)), (key, end))
USE_FIRST_VERSION(int, __pthread_key_create, (pthread_key_t * key, void (*end)(void*)), (key, end))
USE_FIRST_VERSION(int, pthread_key_delete, (pthread_key_t key), (key))
USE_FIRST_VERSION(void*, pthread_getspecific, (pthread_key_t key), (key))
USE_FIRST_VERSION(int, pthread_setspecific, (pthread_key_t key, const void* value), (key, value))

// Before glibc 2.33 a function of headers. Where pointers have 64 bits, the kernel and glibc have one form of `stat`.
extern "C" HIDDEN int fstat(int descriptor, struct stat* file) { return static_cast<int>(syscall(SYS_fstat, descriptor, file)); }

// glibc 2.32 says here that a process has one thread, which spares libstdc++ atomic counters. Node never has one.
extern "C" {
HIDDEN char __libc_single_threaded = 0;
}

// Since GCC 4.2, for exceptions thrown by signal handlers; there are none here. libstdc++ itself uses this fallback on older systems.
extern "C" HIDDEN _Unwind_Ptr _Unwind_GetIPInfo(_Unwind_Context* context, int* is_before_instruction) {
  *is_before_instruction = 0;
  return _Unwind_GetIP(context);
}
