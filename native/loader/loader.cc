// What has to happen before TensorFlow's libraries are loaded: variables are set in the process's own environment (a module
// loader with sandboxes, such as jest's, only has a copy), and standard error is redirected, because the libraries print
// a line while they are loaded, before any setting can silence it.
#if defined(__linux__)
#include <link.h>
#include <sys/mman.h>
#endif
#include <node_api.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

FILE* aside = nullptr;
int real_stderr = -1;

std::string StringArgument(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return "";
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

napi_value SetVariable(napi_env env, napi_callback_info info, int overwrite) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (count == 2) setenv(StringArgument(env, arguments[0]).c_str(), StringArgument(env, arguments[1]).c_str(), overwrite);
  return nullptr;
}

// set(name, value): sets a variable of the environment.
napi_value Set(napi_env env, napi_callback_info info) { return SetVariable(env, info, 1); }

// setDefault(name, value): sets a variable that the user has not set.
napi_value SetDefault(napi_env env, napi_callback_info info) { return SetVariable(env, info, 0); }

// holdStderr(): redirects standard error to a temporary file. Does nothing when none can be made.
napi_value HoldStderr(napi_env, napi_callback_info) {
  if (aside != nullptr) return nullptr;
  aside = tmpfile();
  if (aside == nullptr) return nullptr;
  fflush(stderr);
  real_stderr = dup(STDERR_FILENO);
  if (real_stderr < 0 || dup2(fileno(aside), STDERR_FILENO) < 0) {
    if (real_stderr >= 0) close(real_stderr);
    fclose(aside);
    aside = nullptr;
  }
  return nullptr;
}

// releaseStderr(): restores standard error; returns what was written meanwhile.
napi_value ReleaseStderr(napi_env env, napi_callback_info) {
  std::string text;
  if (aside != nullptr) {
    fflush(stderr);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(aside);
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, aside)) > 0;) text.append(buffer, n);
    fclose(aside);
    aside = nullptr;
  }
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

#if defined(__linux__)
// Drops the resident pages of a library that nobody can have written: its code and constants.
int DropPages(dl_phdr_info* library, size_t, void*) {
  if (std::strstr(library->dlpi_name, "libtensorflow") == nullptr) return 0;
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (library->dlpi_addr + segment.p_vaddr) / page * page;
    const uintptr_t end = library->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}
#endif

// dropLibraryPages(): gives back the memory of TensorFlow's libraries that only loading them needed, some 300 MB. What is used again is
// mapped anew from the system's file cache.
napi_value DropLibraryPages(napi_env, napi_callback_info) {
#if defined(__linux__)
  dl_iterate_phdr(DropPages, nullptr);
#endif
  return nullptr;
}

napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      {"set", nullptr, Set, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setDefault", nullptr, SetDefault, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"holdStderr", nullptr, HoldStderr, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"dropLibraryPages", nullptr, DropLibraryPages, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"releaseStderr", nullptr, ReleaseStderr, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties);
  return exports;
}

}  // namespace

NAPI_MODULE(visualbert_loader, Init)
