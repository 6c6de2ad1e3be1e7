// One TF_Graph with one TF_Session, and its tensors in JavaScript: what the functions of the addon share.
#ifndef VISUALBERT_GRAPH_H_
#define VISUALBERT_GRAPH_H_

#include <tensorflow/c/c_api.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/napi_util.h"
#include "kernels/variable_handle.h"
#include "status.h"

namespace visualbert {

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using TensorPointer = std::unique_ptr<TF_Tensor, TensorDeleter>;

// Operations, and apart from them the outputs of all, are numbered in the order in which they are added.
struct Graph {
  TF_Graph* graph = nullptr;
  TF_Session* session = nullptr;
  std::vector<TF_Operation*> operations;
  std::vector<TF_Output> outputs;
  std::vector<int32_t> handles;

  ~Graph() { close(); }

  void close() {
    Status status;
    if (session != nullptr) TF_DeleteSession(session, status);
    session = nullptr;
    if (graph != nullptr) TF_DeleteGraph(graph);
    graph = nullptr;
    operations.clear();
    outputs.clear();
    for (int32_t number : handles) forget_handle(number);
    handles.clear();
  }

  TF_Operation* operation(int64_t number) const { return numbered(operations, number, "operation"); }
  TF_Output output(int64_t number) const { return numbered(outputs, number, "output"); }

 private:
  template <typename Element>
  static Element numbered(const std::vector<Element>& elements, int64_t number, const char* what) {
    if (number >= 0 && static_cast<size_t>(number) < elements.size()) return elements[static_cast<size_t>(number)];
    throw std::runtime_error("expected the number of an " + std::string(what) + " below " + std::to_string(elements.size()) + ", received " +
                             std::to_string(number));
  }
};

template <typename T>
napi_value make_external(napi_env env, T* object) {
  napi_value value;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  require(napi_create_external(env, object, finalize, nullptr, &value), "external");
  return value;
}

template <typename T>
T* external(napi_env env, napi_value value) {
  void* data = nullptr;
  require(napi_get_value_external(env, value, &data), "expected a native handle");
  return static_cast<T*>(data);
}

inline Graph* open_graph(napi_env env, napi_value value) {
  Graph* graph = external<Graph>(env, value);
  if (graph->session == nullptr) throw std::runtime_error("the session is closed");
  return graph;
}

// A tensor that stays on the native side.
struct HeldTensor {
  TensorPointer tensor;
};

inline TensorPointer make_tensor(TF_DataType dtype, const std::vector<int64_t>& shape, Bytes bytes) {
  size_t count = 1;
  for (int64_t size : shape) count *= static_cast<size_t>(size);
  const size_t expected = count * TF_DataTypeSize(dtype);
  if (expected != bytes.size) {
    throw std::runtime_error("expected " + std::to_string(expected) + " bytes for the shape, received " + std::to_string(bytes.size));
  }
  TensorPointer tensor(TF_AllocateTensor(dtype, shape.data(), static_cast<int>(shape.size()), expected));
  if (tensor == nullptr) throw std::runtime_error("out of memory for a tensor of " + std::to_string(expected) + " bytes");
  if (expected > 0) std::memcpy(TF_TensorData(tensor.get()), bytes.data, expected);
  return tensor;
}

// { dtype, shape, data }
inline TensorPointer to_tensor(napi_env env, napi_value value) {
  return make_tensor(static_cast<TF_DataType>(to_int(env, property(env, value, "dtype"))),
                     to_ints(env, property(env, value, "shape")), to_bytes(env, property(env, value, "data")));
}

// The functions of the addon that have a file of their own.
napi_value AddOperation(napi_env env, napi_value* args, size_t count);
napi_value OperationDefinition(napi_env env, napi_value* args, size_t count);
napi_value GraphDefinition(napi_env env, napi_value* args, size_t count);
napi_value RegisteredKernels(napi_env env, napi_value* args, size_t count);
napi_value RunGraph(napi_env env, napi_value* args, size_t count);

}  // namespace visualbert

#endif  // VISUALBERT_GRAPH_H_
