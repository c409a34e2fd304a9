// The routines of BLAS and LAPACK that FAISS calls, from an OpenBLAS that is opened at the first
// call.
//
// FAISS's archive is linked to these instead of to OpenBLAS, for two reasons. OpenBLAS starts a
// thread for each processor as soon as it is loaded, and a search for one question calls none of
// them. And libtorch_cpu brings a BLAS of its own but calls it by the exported names: with OpenBLAS
// among the libraries of the program it would multiply by that one, whose threads and its own then
// stand in each other's way. Opened by RTLD_LOCAL it serves FAISS alone.
#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"

namespace {

using tandem::Error;
using tandem::ErrorCode;

// OpenBLAS, or the reference implementation: slow, but there where little else is. The latter is
// linked to its BLAS, which dlsym() searches with it.
constexpr const char* kLibraries[] = {"libopenblas.so.0", "liblapack.so.3"};
constexpr const char* kAdvice = "install OpenBLAS (Debian: libopenblas0)";

void* open_blas() {
  for (const char* const name : kLibraries) {
    void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    // A product takes the thread that asks for it: OpenBLAS has one team for the process, and a
    // request would wait for that of another.
    using SetThreads = void(int);
    auto* const set_threads =
        reinterpret_cast<SetThreads*>(::dlsym(library, "openblas_set_num_threads"));
    if (set_threads != nullptr) set_threads(1);
    return library;
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("neither {} nor {} can be loaded", kLibraries[0], kLibraries[1]),
              kAdvice);
}

template <typename Routine>
Routine* find_routine(const char* name) {
  static void* const library = open_blas();
  auto* const routine = reinterpret_cast<Routine*>(::dlsym(library, name));
  if (routine == nullptr)
    throw Error(ErrorCode::kUnsupported, fmt::format("the BLAS of this system has no {}", name),
                kAdvice);
  return routine;
}

}  // namespace

// So many arguments of one type, or without it their names. All of Fortran's are pointers.
#define TANDEM_6(type) type a, type b, type c, type d, type e, type f
#define TANDEM_7(type) TANDEM_6(type), type g
#define TANDEM_8(type) TANDEM_7(type), type h
#define TANDEM_9(type) TANDEM_8(type), type i
#define TANDEM_10(type) TANDEM_9(type), type j
#define TANDEM_13(type) TANDEM_10(type), type k, type l, type m
#define TANDEM_14(type) TANDEM_13(type), type n

#define TANDEM_ROUTINE(name, arguments)                                      \
  extern "C" int name(arguments(void*)) {                                    \
    static auto* const routine = find_routine<int(arguments(void*))>(#name); \
    return routine(arguments());                                             \
  }

TANDEM_ROUTINE(sgemm_, TANDEM_13)
TANDEM_ROUTINE(dgemm_, TANDEM_13)
TANDEM_ROUTINE(ssyrk_, TANDEM_10)
TANDEM_ROUTINE(sgeqrf_, TANDEM_8)
TANDEM_ROUTINE(sorgqr_, TANDEM_9)
TANDEM_ROUTINE(sgesvd_, TANDEM_14)
TANDEM_ROUTINE(dgesvd_, TANDEM_14)
TANDEM_ROUTINE(dsyev_, TANDEM_9)
TANDEM_ROUTINE(sgelsd_, TANDEM_14)
TANDEM_ROUTINE(sgetrf_, TANDEM_6)
TANDEM_ROUTINE(dgetrf_, TANDEM_6)
TANDEM_ROUTINE(sgetri_, TANDEM_7)
TANDEM_ROUTINE(dgetri_, TANDEM_7)
