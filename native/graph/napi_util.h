// Small helpers over N-API: arguments in, values out, exceptions as JavaScript errors.
#ifndef VISUALBERT_NAPI_UTIL_H_
#define VISUALBERT_NAPI_UTIL_H_

#include <node_api.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace visualbert {

inline void require(napi_status status, const char* what) {
  if (status != napi_ok) throw std::runtime_error(std::string("graph addon: ") + what);
}

inline std::string to_string(napi_env env, napi_value value) {
  size_t length = 0;
  require(napi_get_value_string_utf8(env, value, nullptr, 0, &length), "expected a string");
  std::string text(length, '\0');
  require(napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), "expected a string");
  return text;
}

inline int64_t to_int(napi_env env, napi_value value) {
  int64_t number = 0;
  require(napi_get_value_int64(env, value, &number), "expected a number");
  return number;
}

inline double to_double(napi_env env, napi_value value) {
  double number = 0;
  require(napi_get_value_double(env, value, &number), "expected a number");
  return number;
}

inline bool to_bool(napi_env env, napi_value value) {
  bool flag = false;
  require(napi_get_value_bool(env, value, &flag), "expected a boolean");
  return flag;
}

inline bool is_array(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

inline bool is_null(napi_env env, napi_value value) {
  napi_valuetype type;
  require(napi_typeof(env, value, &type), "type");
  return type == napi_null;
}

inline napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  require(napi_get_named_property(env, object, name, &value), name);
  return value;
}

// Calls `visit` with each element of a JavaScript array.
template <typename Visit>
void for_each(napi_env env, napi_value array, Visit visit) {
  uint32_t length = 0;
  require(napi_get_array_length(env, array, &length), "expected an array");
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    require(napi_get_element(env, array, i, &element), "array element");
    visit(element);
  }
}

inline std::vector<int64_t> to_ints(napi_env env, napi_value array) {
  std::vector<int64_t> numbers;
  for_each(env, array, [&](napi_value element) { numbers.push_back(to_int(env, element)); });
  return numbers;
}

// Memory of a typed array; valid while the JavaScript value is.
struct Bytes {
  void* data = nullptr;
  size_t size = 0;
};

inline Bytes to_bytes(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  Bytes bytes;
  require(napi_get_typedarray_info(env, value, &type, &length, &bytes.data, nullptr, nullptr), "expected a typed array");
  static const size_t kWidth[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};  // by napi_typedarray_type
  bytes.size = length * kWidth[type];
  return bytes;
}

inline napi_value make_number(napi_env env, double number) {
  napi_value value;
  require(napi_create_double(env, number, &value), "number");
  return value;
}

inline napi_value make_string(napi_env env, const std::string& text) {
  napi_value value;
  require(napi_create_string_utf8(env, text.data(), text.size(), &value), "string");
  return value;
}

inline napi_value make_array(napi_env env, size_t length) {
  napi_value value;
  require(napi_create_array_with_length(env, length, &value), "array");
  return value;
}

inline napi_value make_null(napi_env env) {
  napi_value value;
  require(napi_get_null(env, &value), "null");
  return value;
}

// A JavaScript ArrayBuffer with a copy of `size` bytes.
inline napi_value make_buffer(napi_env env, const void* data, size_t size) {
  void* target = nullptr;
  napi_value buffer;
  require(napi_create_arraybuffer(env, size, &target, &buffer), "out of memory for an array");
  if (size > 0) std::copy_n(static_cast<const char*>(data), size, static_cast<char*>(target));
  return buffer;
}

inline void set(napi_env env, napi_value object, const char* name, napi_value value) {
  require(napi_set_named_property(env, object, name, value), name);
}

// A native function of up to eight arguments whose C++ exceptions become JavaScript errors.
using Function = napi_value (*)(napi_env env, napi_value* args, size_t count);

template <Function function>
napi_value wrap(napi_env env, napi_callback_info info) {
  size_t count = 8;
  napi_value args[8];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  try {
    return function(env, args, count);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

template <Function function>
void export_function(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  require(napi_create_function(env, name, NAPI_AUTO_LENGTH, wrap<function>, nullptr, &value), name);
  set(env, exports, name, value);
}

}  // namespace visualbert

#endif  // VISUALBERT_NAPI_UTIL_H_
